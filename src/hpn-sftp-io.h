/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-io: SFTP packets over the pipes to ssh, many with each system call.
 *
 * OpenSSH's client writes one packet at a time and reads each in two pieces.
 * Here packets to send are queued and those that came are taken from a buffer,
 * by the functions of sftp-client.c (one request, one answer) and by
 * hpn-sftp-job (many) alike.  An answer that nobody waits for yet can be given
 * to a function when it comes ("later"), so that a request can be sent ahead
 * of its use.
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

/* More than this is not queued by one who can wait (hpn_sftp_io_queued()). */
#ifndef HPN_SFTP_IO_QUEUE
# define HPN_SFTP_IO_QUEUE	(1024 * 1024)
#endif

/* Descriptors become non-blocking and stay the caller's. */
struct hpn_sftp_io *hpn_sftp_io_new(int in, int out);
void hpn_sftp_io_free(struct hpn_sftp_io *);

/* Where it reads from. */
int hpn_sftp_io_fd(const struct hpn_sftp_io *);

/* Keep to these rates from now on. */
void hpn_sftp_io_limit(struct hpn_sftp_io *, struct bwlimit *in,
    struct bwlimit *out);
int hpn_sftp_io_limited(const struct hpn_sftp_io *);

/* Queue the packet m, followed by len bytes of data that belong to it. */
void hpn_sftp_io_put(struct hpn_sftp_io *, const struct sshbuf *m,
    const void *data, size_t len);
size_t hpn_sftp_io_queued(const struct hpn_sftp_io *);

/* Wait until everything is written.  0, or -1. */
int hpn_sftp_io_flush(struct hpn_sftp_io *);

/*
 * Read and write what is possible now; if that is nothing, wait until
 * something is, or for timeout_ms (-1: for ever), or until a signal comes.
 * 0, or -1.
 */
int hpn_sftp_io_trip(struct hpn_sftp_io *, int timeout_ms);

/* The same for n of them, at most HPN_SFTP_IO_MOST; -1: *endedp has failed. */
#define HPN_SFTP_IO_MOST	16
int hpn_sftp_io_trips(struct hpn_sftp_io **, u_int n, int timeout_ms,
    u_int *endedp);

/*
 * The next packet that came, valid until the next call with this io: 1; none
 * is complete: 0; one is too long: -1, and its length is in *lenp.
 */
int hpn_sftp_io_get(struct hpn_sftp_io *, const u_char **packetp,
    size_t *lenp);

/*
 * The answer to the request id is for fn, which gets it without id and may
 * not keep it; NULL: nobody wants it.
 */
typedef void hpn_sftp_later(void *context, u_char type, struct sshbuf *);
void hpn_sftp_io_later(struct hpn_sftp_io *, u_int id, hpn_sftp_later *fn,
    void *context);

/*
 * What hpn_sftp_io_lost() says beside "Connection closed" from now on, with its
 * newline, about a connection on which the server had answered. Stock's scp has
 * such a line for a broken pipe, and scripts look for it. Not copied.
 */
void hpn_sftp_io_lost_says(const char *line);

/*
 * What was done ("read" or "send" a packet) failed with errno: say so, and end
 * the program.
 */
void hpn_sftp_io_lost(const char *doing) __attribute__((noreturn));

/*
 * No more will be sent: say so, take what still comes until the other side
 * closes, so that it can end in order, and close both.  Of one that goes on for
 * 1 MiB, or says nothing for two seconds, the rest is not waited for.
 */
void hpn_sftp_io_end(int in, int out);

#endif /* HPN_SFTP_IO_H */
