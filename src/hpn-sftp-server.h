/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-server: sftp-server's requests and answers in batches.
 *
 * OpenSSH's loop polls, reads 16 KiB, deals with one request and writes one
 * answer.  Here everything that has arrived is dealt with until there is a
 * batch of answers, or until the oldest of them has waited for a millisecond
 * (a slow disk must not keep from the client what is ready), and data of files
 * are read to where they are sent from.
 *
 *	stdin -> iqueue -> request -> oqueue -> stdout
 *
 * Memory: iqueue holds at most HPN_SFTP_SERVER_IN bytes, oqueue
 * HPN_SFTP_SERVER_OUT and one answer more. All functions are for a single
 * thread.
 */
#ifndef HPN_SFTP_SERVER_H
#define HPN_SFTP_SERVER_H

#include <sys/types.h>
#include <stdint.h>

/*
 * sshd sets this for its subsystems with HPNDisabled: the server then announces
 * no extension of ours.
 */
#define HPN_SFTP_SERVER_DISABLED	"HPN_DISABLED"

struct pollfd;
struct sshbuf;

/* Bytes of requests read ahead; at least the largest message, 256 KiB. */
#define HPN_SFTP_SERVER_IN		(1024 * 1024)
/* Bytes of answers after which they are sent before more are made. */
#define HPN_SFTP_SERVER_OUT		(512 * 1024)
/* The longest that an answer waits for another, nanoseconds. */
#define HPN_SFTP_SERVER_WAIT_NS	1000000ULL

/*
 * Whether another request is to be dealt with before answers are sent.
 * whole: there is one; answers: bytes to be sent; waited_ns: since there are.
 */
int hpn_sftp_server_more(int whole, size_t answers, uint64_t waited_ns);

/* Whether the queue begins with a whole message, or one of a bad length. */
int hpn_sftp_server_whole(const struct sshbuf *iqueue, size_t longest);

/*
 * Deal with what is in iqueue, as much as makes a batch.  one() takes one
 * message of at most `longest` bytes from it, if there is a whole one.
 */
void hpn_sftp_server_answer(void (*one)(void), const struct sshbuf *iqueue,
    const struct sshbuf *oqueue, size_t longest);

/* Whether to read more requests. */
int hpn_sftp_server_reads(const struct sshbuf *iqueue,
    const struct sshbuf *oqueue);

/*
 * poll(2) for reading at p[0] and writing at p[1] (fd -1: not), without a call
 * to the system when reading is all that is waited for and blocks by itself.
 */
int hpn_sftp_server_poll(struct pollfd p[2]);

/*
 * Append to iqueue what can be read at once.  Returns as read(2) does, with
 * errno; ENOMEM if there is no memory.  iqueue must have room (see
 * hpn_sftp_server_reads).
 */
ssize_t hpn_sftp_server_read(int fd, struct sshbuf *iqueue);

/* write(2) of all of oqueue, as far as it goes; what is written is removed. */
ssize_t hpn_sftp_server_write(int fd, struct sshbuf *oqueue);

/*
 * A file was opened with these flags, as open(2) has them: let the system read
 * ahead further where somebody reads one part after the other.  Never fails.
 */
void hpn_sftp_server_opened(int fd, int flags);

/*
 * Whether a file can have this offset: 0, or -1 and EINVAL, as lseek(2).  There
 * is no call to the system: those below say the offset themselves.
 */
int hpn_sftp_server_seek(uint64_t offset);

/*
 * Write to a file that was opened with these flags, as open(2) has them.  Returns
 * as pwrite(2) does, with errno; O_APPEND: write(2).
 */
ssize_t hpn_sftp_server_store(int fd, int flags, const void *data, size_t len,
    uint64_t offset);

/*
 * Read up to len bytes of the file at this offset and append them to oqueue as
 * the SSH2_FXP_DATA answer to request id.  Returns as pread(2) does, with errno
 * (ENOMEM: no memory).  Without data, that is at the end of the file or upon
 * an error, there is no answer, unless len was 0.
 */
ssize_t hpn_sftp_server_data(struct sshbuf *oqueue, u_int32_t id, int fd,
    uint64_t offset, size_t len);

#endif /* HPN_SFTP_SERVER_H */
