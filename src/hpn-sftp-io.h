/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-io: SFTP packets over the pipes to ssh, many with each system call.
 *
 * OpenSSH's client writes one packet at a time and reads each in two pieces.
 * Here a queue holds packets to send, and a buffer holds packets that came.
 * The functions of sftp-client.c (one request, one answer) and hpn-sftp-job
 * (many) use both.  A request can be sent before its answer is needed.  A
 * function ("later") then gets the answer when it comes.
 *
 * Packet: an SFTP packet without its length, from the type byte on
 * (draft-ietf-secsh-filexfer-02, section 3).  Functions that fail set errno;
 * EPIPE: the other side has closed.
 */
#ifndef HPN_SFTP_IO_H
#define HPN_SFTP_IO_H

#include <sys/types.h>

struct sshbuf;
struct bwlimit;
struct hpn_sftp_io;

/* A caller that can wait queues no more than this (hpn_sftp_io_queued()). */
#ifndef HPN_SFTP_IO_QUEUE
# define HPN_SFTP_IO_QUEUE	(1024 * 1024)
#endif

/* Descriptors become non-blocking and stay the caller's. */
struct hpn_sftp_io *hpn_sftp_io_new(int in, int out);
void hpn_sftp_io_free(struct hpn_sftp_io *);

/* The descriptor that it reads from. */
int hpn_sftp_io_fd(const struct hpn_sftp_io *);

/* Keep to these rates from now on. */
void hpn_sftp_io_limit(struct hpn_sftp_io *, struct bwlimit *in,
    struct bwlimit *out);
int hpn_sftp_io_limited(const struct hpn_sftp_io *);

/* Queue the packet m, followed by len bytes of data that belong to it. */
void hpn_sftp_io_put(struct hpn_sftp_io *, const struct sshbuf *m,
    const void *data, size_t len);
/*
 * The same, but data may be sent from where they are.  They stay there until
 * hpn_sftp_io_free().  Until the answer to this packet they stay as they are: with
 * it the other side has got them.
 */
void hpn_sftp_io_lend(struct hpn_sftp_io *, const struct sshbuf *m,
    const void *data, size_t len);
size_t hpn_sftp_io_queued(const struct hpn_sftp_io *);
/* How many bytes were queued in all, heads and data. */
uint64_t hpn_sftp_io_total(const struct hpn_sftp_io *);
/*
 * Whether the other end of the pipe has read so many of them.  Until then it cannot
 * know what they are.  Without a pipe: whether they were written.
 */
int hpn_sftp_io_has_read(struct hpn_sftp_io *, uint64_t bytes);

/* Wait until everything is written.  0, or -1. */
int hpn_sftp_io_flush(struct hpn_sftp_io *);

/*
 * Read and write what is possible now.  If nothing is possible, wait until
 * something is, or for timeout_ms (-1: for ever), or until a signal comes.
 * Returns 0 or -1.
 */
int hpn_sftp_io_trip(struct hpn_sftp_io *, int timeout_ms);

/* The same for n of them, at most HPN_SFTP_IO_MOST; -1: *endedp has failed. */
#define HPN_SFTP_IO_MOST	16
int hpn_sftp_io_trips(struct hpn_sftp_io **, u_int n, int timeout_ms,
    u_int *endedp);

/*
 * Get the next packet that came.  It is valid until the next call with this io.
 * Returns
 *	1	here it is
 *	0	none is complete
 *	-1	it is too long; its length is in *lenp
 */
int hpn_sftp_io_get(struct hpn_sftp_io *, const u_char **packetp,
    size_t *lenp);

/*
 * Give the answer to the request id to fn.  fn gets it without the id, and
 * must not keep it.  fn NULL: nobody wants the answer.
 */
typedef void hpn_sftp_later(void *context, u_char type, struct sshbuf *);
void hpn_sftp_io_later(struct hpn_sftp_io *, u_int id, hpn_sftp_later *fn,
    void *context);

/*
 * A packet that such a function has kept is got once more, before any that came
 * after it.  Not for use while a packet is in hand that was got again.
 */
void hpn_sftp_io_again(struct hpn_sftp_io *, const struct sshbuf *packet);

/*
 * Nothing else is under way: wait for such answers, two seconds at most.  A server
 * that cannot get rid of one may end with an error.
 */
void hpn_sftp_io_settle(struct hpn_sftp_io *);

/*
 * A line, with its newline, that hpn_sftp_io_lost() prints beside "Connection
 * closed" if the server had answered on the connection.  Stock's scp prints
 * such a line for a broken pipe, and scripts look for it.  The line is not
 * copied.
 */
void hpn_sftp_io_lost_says(const char *line);

/*
 * doing ("read" or "send" a packet) failed with errno: say so, and end the
 * program.
 */
void hpn_sftp_io_lost(const char *doing) __attribute__((noreturn));

/*
 * No more will be sent.  Tell the other side, read until it closes, so that it
 * can end in order, and close both descriptors.  Stop reading after 1 MiB, or
 * after two seconds without data.
 */
void hpn_sftp_io_end(int in, int out);

#endif /* HPN_SFTP_IO_H */
