/* SPDX-License-Identifier: ISC */
/*
 * hpn-lanes: how many channels of one connection a job that sends files uses.
 *
 * An sshd whose channel windows do not grow takes 2 MiB in each round trip, from
 * each channel.  A lane is one channel: a session that runs an SFTP server of
 * its own.  Where one lane would limit the rate, further ones share the work:
 * whole files, or parts of a large one.
 *
 * Policy only: no descriptor, no clock, no memory of its own.  Bytes, and
 * nanoseconds.
 */
#ifndef HPN_LANES_H
#define HPN_LANES_H

#include <stddef.h>
#include <stdint.h>

/* As many sessions as OpenSSH's sshd allows in a connection (MaxSessions). */
#define HPN_LANES_MAX		10
/* What such a channel takes in a round trip. */
#define HPN_LANES_WINDOW	(2U * 1024 * 1024)
/*
 * What may be under way in each of several: a window, and what keeps it full
 * while answers and grants travel.
 */
#define HPN_LANES_UNDER_WAY	(3U * 1024 * 1024)
/* What is smaller than this is not worth dividing. */
#ifndef HPN_LANES_SHARE
# define HPN_LANES_SHARE	(2 * HPN_LANES_WINDOW)
#endif

struct hpn_lanes_facts {
	unsigned int lanes;	/* that there are, at least one */
	unsigned int most;	/* that the user wants; 0: no wish */
	uint64_t left;		/* bytes still to be sent */
	uint64_t rtt_ns;	/* 0: unknown */
	uint64_t delivered;	/* bytes in a round trip, of late */
};

/* How many lanes there should be: at least as many as there are. */
unsigned int hpn_lanes_wanted(const struct hpn_lanes_facts *);

/*
 * Whether len bytes more may be sent in a lane in which so many are under way;
 * alone: there is no other that could take them.
 */
int hpn_lanes_may_send(uint64_t under_way, size_t len, int alone);

/*
 * A file whose parts are on their way in several lanes, that is whole up to an
 * offset: whether the part from next on, of len bytes, may be sent now.
 *
 * Parts arrive in any order, and an interruption leaves holes where they have
 * not: never further from the end than resuming looks (HPN_RESUME_SPAN), and
 * never in a file that has its full size, because its last byte, and what a
 * source that has grown has beyond it, is sent when all before it has arrived.
 */
int hpn_lanes_may_lead(uint64_t whole, uint64_t next, size_t len,
    uint64_t size);

/*
 * One argument of -X.  1: it was ours, and *most follows it; 0: it is not
 * ours; -1: it is, but not one of its values.
 */
int hpn_lanes_option(const char *arg, unsigned int *most);

#endif /* HPN_LANES_H */
