/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-server: sftp-server's requests and answers in batches.
 *
 * OpenSSH's loop polls, reads 16 KiB, handles one request and writes one
 * answer.  This one handles everything that has arrived until there is a batch
 * of answers.  It stops earlier if the oldest answer has waited for a
 * millisecond: a slow disk must not delay answers that are ready.  It reads
 * files' data directly into the buffer from which they are sent.  Data of a large
 * WRITE go from the pipe into the file within the kernel where it can do that: they
 * are copied once and not twice.  If the pipe ends before a WRITE does, what came of
 * its data may be in the file.  Data of a large READ go from the file into a pipe of
 * its own and from there to stdout.  There are as many as its answer says.  What they
 * are is what the file has when stdout is read; so that ends when the same client may
 * write files.  Where another process cuts the file meanwhile, zeros may follow the
 * cut to the end of its page.
 *
 *	stdin -> iqueue -> request -> oqueue -> stdout
 *	   `-- data of large WRITEs -> file
 *	file -- data of large READs -> pipe --^
 *
 * Memory: iqueue holds at most HPN_SFTP_SERVER_IN bytes.  oqueue holds at most
 * HPN_SFTP_SERVER_OUT and one answer more.  All functions are for a single
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

/* PROTOCOL.hpn, section 6.2, */
#define HPN_SFTP_SERVER_OPEN		"open-regular@openssh-hpn"
#define HPN_SFTP_SERVER_OPEN_VERSION	"1"
/* ... and what sshd says in EXT_INFO where its "sftp" is that server. */
#define HPN_SFTP_SERVER_EARLY		"sftp-open-regular@openssh-hpn"
#define HPN_SFTP_SERVER_EARLY_VERSION	"1"
/* Of kex->flags, in ssh: the server has said it; see HPN_WHY_WIRE_ANSWERS */
#define HPN_SFTP_SERVER_EARLY_SAID	0x20000000

struct pollfd;
struct sshbuf;

/*
 * Whether the subsystem "sftp", of n subsystems with these names and commands
 * (sshd_config's Subsystem), is the server that was built with us.
 */
int hpn_sftp_server_is_sftp(u_int n, char *const *names,
    char *const *commands);

/*
 * Open a file for reading, as open(2), if it is a regular file that is not empty.
 * Returns -1 with errno for anything else; ENXIO: it is something else.  Never waits
 * for another process, and asks no device for anything.
 */
int hpn_sftp_server_open_regular(const char *path);

/* Bytes of requests read ahead; at least the largest message, 256 KiB. */
#define HPN_SFTP_SERVER_IN		(1024 * 1024)
/* Bytes of answers after which they are sent before more are made. */
#define HPN_SFTP_SERVER_OUT		(512 * 1024)
/* The longest that an answer waits for another, nanoseconds. */
#define HPN_SFTP_SERVER_WAIT_NS	1000000ULL

/*
 * Whether to handle another request before answers are sent.
 *   whole      a whole request has arrived
 *   answers    bytes to be sent
 *   waited_ns  how long the oldest of them has waited
 */
int hpn_sftp_server_more(int whole, size_t answers, uint64_t waited_ns);

/* Whether the queue begins with a whole message, or one of a bad length. */
int hpn_sftp_server_whole(const struct sshbuf *iqueue, size_t longest);

/*
 * Handle messages in iqueue until there is a batch of answers.  one() takes one
 * message of at most `longest` bytes from it, if there is a whole one.  While large
 * WRITEs come, it also takes what the pipe has, one message at a time.
 */
void hpn_sftp_server_answer(void (*one)(void), struct sshbuf *iqueue,
    const struct sshbuf *oqueue, size_t longest);

/* Whether to read more requests. */
int hpn_sftp_server_reads(const struct sshbuf *iqueue,
    const struct sshbuf *oqueue);

/*
 * poll(2) for reading at p[0] and writing at p[1] (fd -1: not).  If only
 * reading is wanted and read(2) blocks by itself, there is no system call.
 */
int hpn_sftp_server_poll(struct pollfd p[2]);

/*
 * Append to iqueue what can be read at once, or room for data of a large WRITE that
 * only hpn_sftp_server_store() can look at.  Returns as read(2) does, with errno;
 * ENOMEM if there is no memory.  iqueue must have room (see
 * hpn_sftp_server_reads).
 */
ssize_t hpn_sftp_server_read(int fd, struct sshbuf *iqueue);

/*
 * write(2) as much of oqueue as possible, and remove what was written.  Of the data of
 * a large READ oqueue has only the room.
 */
ssize_t hpn_sftp_server_write(int fd, struct sshbuf *oqueue);

/*
 * A file was opened with these flags of open(2): let the system read further
 * ahead for sequential reads.  From the first one on that is open for writing, data are
 * copied when they are read.  Never fails.
 */
void hpn_sftp_server_opened(int fd, int flags);

/*
 * Whether a file can have this offset: 0, or -1 and EINVAL, as lseek(2).  This
 * makes no system call: the functions below pass the offset themselves.
 */
int hpn_sftp_server_seek(uint64_t offset);

/*
 * Write to a file that was opened with these flags of open(2).  Returns as
 * pwrite(2) does, with errno; with O_APPEND, as write(2).  data as they lie in
 * iqueue; it waits for those of a large WRITE.
 */
ssize_t hpn_sftp_server_store(int fd, int flags, const void *data, size_t len,
    uint64_t offset);

/*
 * Read up to len bytes of the file at this offset and append them to oqueue as
 * the SSH2_FXP_DATA answer to request id.  Returns as pread(2) does, with
 * errno (ENOMEM: no memory).  At the end of the file and after an error there
 * are no data.  Then nothing is appended, unless len was 0.
 */
ssize_t hpn_sftp_server_data(struct sshbuf *oqueue, u_int32_t id, int fd,
    uint64_t offset, size_t len);

#endif /* HPN_SFTP_SERVER_H */
