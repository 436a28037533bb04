/* SPDX-License-Identifier: ISC */
/*
 * hpn-loop: how much is done in one trip round the loop of ssh or sshd.
 *
 * Bounds are bytes.  On a connection without hpn_channels_configure()
 * everything here does what OpenSSH does.
 */
#ifndef HPN_LOOP_H
#define HPN_LOOP_H

#include <sys/types.h>

struct ssh;
struct sshbuf;
struct Channel;
struct timespec;

/*
 * How much to read at once from the application.  It begins with OpenSSH's one
 * packet.  It doubles with each read that returns as much as was asked for.  So
 * a channel with a person at its end stays at one packet.
 */
size_t hpn_loop_read_max(struct ssh *, const struct Channel *);

/* How much of len bytes to write to the application at once (HPNRateLimit). */
size_t hpn_loop_write_max(struct ssh *, const struct Channel *, size_t len);

/*
 * HPNRateLimit: take channels for which nothing may pass now out of the next
 * poll (c->io_want), and shorten timeout to when something may pass.
 */
void hpn_loop_hold(struct ssh *, struct Channel **, u_int nchannels,
    struct timespec *timeout);

/*
 * How much to read from the connection at once: as much as our sender writes at
 * once.
 */
size_t hpn_loop_connection_read_max(const struct ssh *, size_t usual);

/* len bytes were read where max were asked for. */
void hpn_loop_read(struct ssh *, struct Channel *, size_t len, size_t max);

/* len bytes were written to the application where max were waiting. */
void hpn_loop_written(struct ssh *, struct Channel *, size_t len,
    size_t max);

/*
 * The peer has enlarged the window of a channel that has nothing to send.  So
 * no data go back that would carry TCP's acknowledgement: acknowledge at once.
 * A peer that leaves Nagle's algorithm on waits for this before its next
 * request.  Takes from the window what was sent before there was one.
 */
void hpn_loop_adjusted(struct ssh *, struct Channel *);

/*
 * Make packets of what the channels hold, each in turn, until that is enough
 * for one trip.  Returns non-zero if there was any.
 */
int hpn_loop_output(struct ssh *);

/*
 * Whether to read from other ssh processes that use this connection and make
 * packets themselves (ssh -O proxy).  Not while two trips' worth or more waits
 * to be sent.
 */
int hpn_loop_may_forward(struct ssh *);

/*
 * Whether to read more from the application into a channel's buffer.  This
 * depends on what is queued there: c->input, or c->extended for standard error.
 */
int hpn_loop_may_read(struct ssh *, const struct sshbuf *queued);

/*
 * Bytes to make and send in one trip round the loop: OpenSSH's 128 KiB, or four
 * milliseconds' worth where that is more, at most HPN_LOOP_TRIP_MAX.
 */
#define HPN_LOOP_TRIP_LEAST	(128 * 1024)
#define HPN_LOOP_TRIP_MAX	(512 * 1024)
size_t hpn_loop_trip(const struct ssh *);

/* `len` bytes of channel data were handed to the packet layer. */
void hpn_loop_sent(struct ssh *, size_t len);

#endif /* HPN_LOOP_H */
