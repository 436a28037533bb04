/* SPDX-License-Identifier: ISC */
/*
 * hpn-window: how large a channel's receive window should be.
 *
 * Policy only: numbers in, a window out.  No socket, no struct ssh, no clock
 * of its own, no allocation, no globals.  There is no input for which a
 * function fails.  Compiles without the OpenSSH tree.
 *
 * The rule is dynamic right-sizing as TCP receivers do it (Fisk and Feng,
 * "Dynamic Right-Sizing in TCP", 2001), one layer up.  The delivered
 * bandwidth-delay product (BDP) is what arrives and is consumed by the
 * application in one round trip.  A sender needs that much and some slack.
 * With less, the window limits the rate.  The slack is another BDP, but at
 * most the larger of HPN_WINDOW_SLACK bytes and a quarter of the BDP.
 *
 * Where TCP has room for more, the window is 13/4 BDP, and 20/4 BDP after the
 * rate has risen.  A congestion control needs this to find out what the path
 * can do.  This BDP is without queueing.
 *
 * Shortly before new keys the window is that BDP and HPN_WINDOW_SLACK at most.  A
 * sender that waits for new keys goes on reading from its program.  So it stores
 * all that is left of its window.  OpenSSH's becomes slow when that is 16 MiB, and
 * stays so for seconds.
 *
 * Units: bytes, nanoseconds of a monotonic clock.
 */
#ifndef HPN_WINDOW_H
#define HPN_WINDOW_H

#include <stdint.h>

/* Largest window ever offered: 2^29-1, see RFC 4254 section 5.2 for 2^32-1. */
#define HPN_WINDOW_CEILING	0x1fffffffU
/*
 * Slack beyond the BDP that any sender can store without harm.  Some senders,
 * OpenSSH's own among them, become slow when they store about 16 MiB.  A window
 * with more slack is stored by the sender's TCP.  TCP's buffer grows as the
 * sender gets faster, unless its administrator limited it (docs/windows.md).
 */
#define HPN_WINDOW_SLACK	(10U * 1024 * 1024)
/* The least window, in packets of the largest size. */
#define HPN_WINDOW_PACKETS	4
/* Without consumption for this long, a channel gives its window back. */
#define HPN_WINDOW_IDLE_NS	(30ULL * 1000000000)
/* Shorter round trips are measured over this long. */
#define HPN_WINDOW_INTERVAL_NS	(10ULL * 1000000)

/*
 * On short paths an adjust for every few packets costs as much as the packets.
 * So there is at most one in this time, unless half of the window is used up.
 */
#define HPN_WINDOW_ADJUST_NS	(500ULL * 1000)

/* hpn_window_is_bulk() takes no round trip to be longer (ns). */
#define HPN_WINDOW_BULK_NS	(1000ULL * 1000000)

/* State of one channel.  Owned by the channel; hpn_window_init() first. */
struct hpn_window {
	uint64_t start_ns;	/* when the running interval began; 0: never */
	uint64_t used;		/* bytes consumed in the running interval */
	uint64_t arrived;	/* bytes received in the running interval */
	uint64_t last;		/* BDP measured over the interval before */
	uint64_t bdp;		/* delivered BDP: decaying maximum, bytes */
	uint64_t peak;		/* the same, decaying slowly */
	uint32_t credit;	/* what the sender could send after the last
				 * adjust, bytes */
	unsigned int start;	/* intervals for which TCP is taken to start */
	uint32_t floor;		/* the window never shrinks below this */
	uint64_t updated_ns;	/* hpn_window_update() was called last */
};

/* What is known at one moment. */
struct hpn_window_facts {
	uint64_t now_ns;
	uint64_t rtt_ns;	/* round trip; 0: not known, do not grow */
	uint64_t rtt_min_ns;	/* of it, what is not queueing; see
				 * hpn_rtt_path() */
	uint64_t consumed;	/* bytes that the application took since the
				 * last call */
	uint32_t credit;	/* what the sender may still send of window */
	uint64_t ahead_max;	/* the window may run ahead of what is delivered
				 * up to this, bytes: what TCP has room for;
				 * UINT64_MAX: not known, 0: may not */
	uint32_t window;	/* window now: credit given and not given back */
	uint32_t window_max;	/* ceiling for this channel */
	uint64_t headroom;	/* what the connection's budget has left */
	int stops;		/* the sender will stop for new keys soon, and
				 * then store what is left of its window */
};

/* initial: the window at which the channel was opened. */
void hpn_window_init(struct hpn_window *, uint32_t initial);

/*
 * Account for f->consumed and return the window to have from now on.
 * It is larger than f->window by at most f->headroom, and smaller by at most
 * f->consumed: the receiver cannot revoke credit, it can only not renew it.  If
 * the sender needs the credit, at least half of it is renewed.  So a sender may
 * be slowed, but is never stopped.
 */
uint32_t hpn_window_update(struct hpn_window *,
    const struct hpn_window_facts *f);

/*
 * Whether enough was consumed to be worth a WINDOW_ADJUST: few messages for
 * a large window, stock's three packets for a small one.
 *   window     the window now
 *   credit     what the sender may still send of it
 *   consumed   what the application took since the last adjust
 */
int hpn_window_adjust_due(uint32_t window, uint32_t credit, uint32_t consumed);

/* Whether an adjust that is due can wait, because there was one just before. */
int hpn_window_adjust_early(const struct hpn_window *, uint64_t now_ns,
    uint32_t window, uint32_t credit);

/*
 * Whether the channel carries bulk data: so much that its window may become the
 * limit.  Only then the round trip matters.  Do not probe other channels.  Take
 * a sender with one request at a time.  It has to answer our probe before it
 * sends its next request.  Where its TCP holds small segments back (Nagle's
 * algorithm), the end of that request then waits a round trip.
 *   consumed   what the application took since the last update
 *   rtt_known  whether a round trip was measured.  If so, bulk is a sixteenth
 *              of the first window in one round trip.  If not, it is a quarter
 *              of that window in HPN_WINDOW_BULK_NS
 */
int hpn_window_is_bulk(const struct hpn_window *, uint64_t now_ns,
    uint64_t consumed, int rtt_known);

/*
 * The window for a channel about to be opened that wants `want` bytes, when
 * the connection's budget has `headroom` left.  It is the least of want,
 * window_max and a sixteenth of headroom, so that the last channels get a
 * little and not nothing.  But it is at least the lesser of want and
 * HPN_WINDOW_PACKETS packets of `maxpacket` bytes, because a channel must be
 * able to move.
 */
uint32_t hpn_window_initial(uint32_t want, uint32_t maxpacket,
    uint32_t window_max, uint64_t headroom);

#endif /* HPN_WINDOW_H */
