/* SPDX-License-Identifier: ISC */
/*
 * hpn-trip: how much is done in one trip round the loop of ssh or sshd.
 *
 * Bounds are bytes.  On a connection without hpn_channels_configure()
 * everything here does what OpenSSH does.
 */
#ifndef HPN_TRIP_H
#define HPN_TRIP_H

#include <sys/types.h>

struct ssh;
struct Channel;

/*
 * How much to read at once from the application.  Begins with OpenSSH's one
 * packet and doubles with each read that finds as much, so that a channel
 * with a person at its end stays as it was.
 */
size_t hpn_channel_read_max(struct ssh *, const struct Channel *);

/*
 * How much to read from the connection at once: as much as a sender of ours
 * writes.
 */
size_t hpn_connection_read_max(const struct ssh *, size_t usual);

/* len bytes were read where max were asked for. */
void hpn_channel_read(struct ssh *, struct Channel *, size_t len, size_t max);

/* len bytes were written to the application where max were waiting. */
void hpn_channel_written(struct ssh *, struct Channel *, size_t len,
    size_t max);

/*
 * The peer has enlarged the window of a channel with nothing to send, so that
 * nothing goes back with which TCP would acknowledge it.  A peer that leaves
 * Nagle's algorithm on sends its next request only then.
 */
void hpn_channel_adjusted(struct ssh *, const struct Channel *);

/*
 * Make packets of what the channels hold, each in turn, until that is enough
 * for one trip.  Returns non-zero if there was any.
 */
int hpn_channels_output(struct ssh *);

#endif /* HPN_TRIP_H */
