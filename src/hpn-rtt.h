/* SPDX-License-Identifier: ISC */
/*
 * hpn-rtt: the round-trip time between the two SSH programs.
 *
 * Through a jump host, a tunnel or a pipe, the SSH round trip is not TCP's.
 * So it is measured with a probe: a request that must be answered (RFC 4254
 * sections 4 and 5.4).  An answer waits behind whatever the peer has queued.
 * So every sample is an upper bound, and the smallest one is closest to the
 * truth.
 *
 * Why not from the window itself?  The time from an adjust to the first byte
 * beyond the old edge is window/rate whenever the sender has more to send
 * (Little's law).  This holds whether or not the window is the limit.  A window
 * sized by that time would grow for ever.
 *
 * Policy only, as hpn-window.  Units: nanoseconds of a monotonic clock.
 */
#ifndef HPN_RTT_H
#define HPN_RTT_H

#include <stdint.h>

/* Probe again this long after the last answer ... */
#define HPN_RTT_EVERY_NS	(2ULL * 1000000000)
/* ... but the first times sooner: while TCP is slow to start, so are answers. */
#define HPN_RTT_FIRST_NS	(100ULL * 1000000)
#define HPN_RTT_FIRST		16
/* A peer that has not answered for this long is not asked again. */
#define HPN_RTT_GIVE_UP_NS	(120ULL * 1000000000)
/*
 * The smallest sample is believed for once to twice this time.  Otherwise a
 * path that becomes longer would shrink the window for ever.  The queues of
 * the peer's kernel and of the network are bounded, and so is what they add to
 * a sample.  An answer does not wait for what the peer itself stores beyond
 * these queues.
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
 * hpn_rtt_first(): whether no probe was ever answered.  Send the first probe
 * whatever the channel carries, since later ones may wait in the peer's queues.
 * For later probes ask hpn_window_is_bulk().  hpn_rtt_known() tells it whether
 * there is a sample that is still believed.
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
 * The part of hpn_rtt_get() that the path takes when nothing queues.
 * tcp_min_ns is the shortest round trip that TCP saw lately, 0: not known.
 * This returns TCP's, because our answers also wait in the peer's socket.  If
 * they take HPN_RTT_ELSEWHERE times as long, the TCP connection must end
 * somewhere else.  Then it returns our own.
 */
#define HPN_RTT_ELSEWHERE	4
uint64_t hpn_rtt_path(const struct hpn_rtt *, uint64_t tcp_min_ns);

#endif /* HPN_RTT_H */
