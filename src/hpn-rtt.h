/* SPDX-License-Identifier: ISC */
/*
 * hpn-rtt: the round-trip time between the two SSH programs.
 *
 * The SSH round trip is not TCP's when the connection runs through a jump
 * host, a tunnel or a pipe, so it is measured with a request that must be
 * answered (RFC 4254 sections 4 and 5.4).  An answer waits behind whatever
 * the peer has queued, hence every sample is an upper bound and the smallest
 * is the truth.
 *
 * Why not from the window itself: the time from an adjust to the first byte
 * beyond the old edge is window/rate whenever the sender has more to send
 * (Little's law), whether or not the window is what limits it.  A window
 * sized by that would grow for ever.
 *
 * Policy only, as hpn-window.  Units: nanoseconds of a monotonic clock.
 */
#ifndef HPN_RTT_H
#define HPN_RTT_H

#include <stdint.h>

/* Measure again this long after the last answer ... */
#define HPN_RTT_EVERY_NS	(2ULL * 1000000000)
/* ... but the first times sooner: while TCP is slow to start, so are answers. */
#define HPN_RTT_FIRST_NS	(100ULL * 1000000)
#define HPN_RTT_FIRST		16
/* A peer that has not answered for this long is not asked again. */
#define HPN_RTT_GIVE_UP_NS	(120ULL * 1000000000)
/*
 * A smallest sample is believed for so long to twice as long: a path that has
 * got longer would else shrink the window for ever.  What the peer's kernel
 * and the network queue is bounded, so is what it adds to every sample; what
 * the peer itself stores beyond is not in the way of an answer.
 */
#define HPN_RTT_WINDOW_NS	(60ULL * 1000000000)

struct hpn_rtt {
	uint64_t min_ns;	/* smallest believed sample; 0: none */
	uint64_t recent_ns;	/* smallest since recent_start_ns; 0: none */
	uint64_t recent_start_ns;
	uint64_t asked_ns;	/* when the open request was sent */
	uint64_t answered_ns;	/* when the last answer came; 0: never */
	unsigned int answers;	/* how many came, up to HPN_RTT_FIRST */
	int asked;		/* a request is under way */
	int silent;		/* the peer does not answer */
};

void hpn_rtt_init(struct hpn_rtt *);

/* Whether to send a request now; if so, call hpn_rtt_asked(). */
int hpn_rtt_ask(struct hpn_rtt *, uint64_t now_ns);
void hpn_rtt_asked(struct hpn_rtt *, uint64_t now_ns);

/*
 * Whether none was ever answered: the first is worth sending whatever the
 * channel carries, since later ones may wait in the peer's queues.  For further
 * ones ask hpn_window_is_bulk(), and tell it whether a round trip was measured
 * that is still to be believed.
 */
int hpn_rtt_first(const struct hpn_rtt *);
int hpn_rtt_known(const struct hpn_rtt *, uint64_t now_ns);

/* The answer to the request under way has come. */
void hpn_rtt_answered(struct hpn_rtt *, uint64_t now_ns);

/* The request under way can no longer be answered (its channel is gone). */
void hpn_rtt_abandoned(struct hpn_rtt *);

/*
 * The round trip to size windows by: the measured one or, where TCP knows a
 * longer one (a queue in the network), TCP's.  tcp_ns 0: no TCP connection.
 * Returns 0 if nothing is known yet.
 */
uint64_t hpn_rtt_get(const struct hpn_rtt *, uint64_t tcp_ns);

/*
 * Of hpn_rtt_get(), what the path takes when nothing queues.  tcp_min_ns is
 * the shortest round trip that TCP saw lately, 0: not known.  TCP's is taken,
 * for answers also wait in the peer's socket, unless they take so much longer
 * (HPN_RTT_ELSEWHERE times) that the TCP connection must end somewhere else.
 */
#define HPN_RTT_ELSEWHERE	4
uint64_t hpn_rtt_path(const struct hpn_rtt *, uint64_t tcp_min_ns);

#endif /* HPN_RTT_H */
