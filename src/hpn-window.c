/* SPDX-License-Identifier: ISC */
/* See hpn-window.h for what this does and in which units. */

#include <string.h>

#include "hpn-window.h"

/*
 * The window that TCP wants, in quarters of the BDP without queueing.  BBR
 * starts with a congestion window of 2.89 BDP, and its queue overflows.  It
 * stays with that until three round trips brought no more although it never
 * lacked data.  It lacks data with a smaller window than 2.89 BDP plus what
 * waits to be sent.  While it starts, much is lost and the BDP appears smaller
 * than it is.
 */
#define AHEAD_QUARTERS	13
#define START_QUARTERS	20
/* A BDP so much larger than the largest so far says that TCP starts ... */
#define START_RISE(bdp)	((bdp) + (bdp) / 4)
/* ... and will have started after so many intervals. */
#define START_INTERVALS	16
/* The largest so far decays by 1/64 each interval. */
#define PEAK_SHIFT	6
/* The BDP decays by 1/16 each interval: half in eleven round trips. */
#define DECAY_SHIFT	4
/* More intervals than this at once and the old BDP says nothing any more. */
#define DECAY_MAX	(8U << DECAY_SHIFT)
/* No path is faster than this, and no product of it overflows 64 bits. */
#define BDP_MAX		(1ULL << 40)

static uint64_t
minimum(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
maximum(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
sat_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* bytes * rtt / elapsed without overflow; elapsed > 0 */
static uint64_t
per_round_trip(uint64_t bytes, uint64_t rtt_ns, uint64_t elapsed_ns)
{
	double bdp = (double)bytes * ((double)rtt_ns / (double)elapsed_ns);

	return bdp >= (double)BDP_MAX ? BDP_MAX : (uint64_t)bdp;
}

void
hpn_window_init(struct hpn_window *w, uint32_t initial)
{
	memset(w, 0, sizeof(*w));
	w->floor = initial;
}

static void
forget(struct hpn_window *w, uint64_t now_ns)
{
	w->start_ns = now_ns;
	w->used = w->arrived = w->last = w->bdp = w->peak = 0;
	w->start = 0;
}

static void
decay(struct hpn_window *w, uint64_t intervals)
{
	if (intervals > DECAY_MAX) {
		w->bdp = w->peak = 0;
		w->start = 0;
		return;
	}
	w->start -= (unsigned int)minimum(w->start, intervals);
	for (; intervals > 0; intervals--) {
		w->bdp -= minimum(w->bdp, (w->bdp >> DECAY_SHIFT) + 1);
		w->peak -= minimum(w->peak, (w->peak >> PEAK_SHIFT) + 1);
	}
}

/*
 * Take a BDP into account that was measured over at most one interval.  TCP at
 * most doubles its rate in a round trip.  Data that seem faster were stored
 * somewhere, for example in a process that had to wait for the processor.
 */
static void
observe(struct hpn_window *w, uint64_t bdp)
{
	uint64_t last = maximum(w->last, w->floor);

	bdp = minimum(minimum(bdp, 2 * last + last / 4), HPN_WINDOW_CEILING);
	if (bdp > START_RISE(w->peak))
		w->start = START_INTERVALS;
	w->bdp = maximum(w->bdp, bdp);
}

static void
measure(struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint64_t elapsed, interval, delivered, n;

	/* The first bytes only start the clock: how long they took is unknown */
	if (w->start_ns == 0 || f->now_ns < w->start_ns) {
		forget(w, f->now_ns);
		return;
	}
	elapsed = f->now_ns - w->start_ns;
	if (elapsed >= HPN_WINDOW_IDLE_NS && elapsed / 16 >= f->rtt_ns) {
		forget(w, f->now_ns);
		return;
	}
	/*
	 * A reader that paused takes what waited for it at once, so what it
	 * consumes says nothing of the path; what arrives meanwhile does.
	 */
	w->used = sat_add(w->used, f->consumed);
	w->arrived = sat_add(w->arrived, w->credit >= f->credit ?
	    w->credit - f->credit : f->consumed);
	delivered = minimum(w->used, w->arrived);
	if (f->rtt_ns == 0) {
		/* hpn_window_is_bulk() wants to know what is, not what was */
		if (elapsed >= HPN_WINDOW_BULK_NS) {
			w->start_ns = f->now_ns;
			w->used = w->arrived = 0;
		}
		return;
	}
	interval = maximum(f->rtt_ns, HPN_WINDOW_INTERVAL_NS);
	if (elapsed < interval) {
		/*
		 * Less than one round trip: what was delivered so far is a
		 * lower bound already.  When TCP doubles its rate every round
		 * trip, there is no time to lose.
		 */
		observe(w, per_round_trip(delivered, f->rtt_ns, interval));
		return;
	}
	n = elapsed / interval;
	decay(w, n);
	delivered = per_round_trip(delivered, f->rtt_ns, elapsed);
	observe(w, delivered);
	w->peak = maximum(w->peak, w->bdp);
	w->last = delivered;
	w->start_ns = f->now_ns;
	w->used = w->arrived = 0;
}

/* The window that this BDP asks for, regardless of ceilings. */
static uint64_t
wanted(const struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint64_t bdp = w->bdp, want, ahead;

	want = bdp + minimum(bdp, maximum(HPN_WINDOW_SLACK, bdp / 4));
	ahead = bdp;
	if (f->rtt_min_ns < f->rtt_ns)
		ahead = per_round_trip(bdp, f->rtt_min_ns, f->rtt_ns);
	ahead *= w->start > 0 ? START_QUARTERS : AHEAD_QUARTERS;
	ahead = minimum(ahead / 4, f->ahead_max);
	if (f->stops) {
		ahead = f->rtt_min_ns != 0 && f->rtt_min_ns < f->rtt_ns ?
		    per_round_trip(bdp, f->rtt_min_ns, f->rtt_ns) : bdp;
		want = minimum(want, ahead + minimum(bdp, HPN_WINDOW_SLACK));
		ahead = 0;
	}
	return maximum(maximum(want, ahead), w->floor);
}

uint32_t
hpn_window_update(struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint64_t want, ceiling, withheld, window;

	measure(w, f);
	w->updated_ns = f->now_ns;
	ceiling = minimum(f->window_max, HPN_WINDOW_CEILING);
	want = minimum(wanted(w, f), ceiling);
	if (want > f->window)
		window = f->window + minimum(want - f->window, f->headroom);
	else {
		withheld = minimum(f->consumed, f->window - want);
		if (f->credit < want)
			withheld = minimum(withheld, f->consumed / 2);
		window = f->window - withheld;
	}
	/* The sender is given back what was consumed, and the difference */
	w->credit = (uint32_t)minimum(window, f->credit +
	    minimum(f->consumed, UINT32_MAX) + window - f->window);
	return (uint32_t)window;
}

int
hpn_window_adjust_due(uint32_t window, uint32_t credit, uint32_t consumed)
{
	return consumed > 0 && (consumed >= window / 32 || credit < window / 2);
}

int
hpn_window_adjust_early(const struct hpn_window *w, uint64_t now_ns,
    uint32_t window, uint32_t credit)
{
	return credit >= window / 2 && now_ns >= w->updated_ns &&
	    now_ns - w->updated_ns < HPN_WINDOW_ADJUST_NS;
}

int
hpn_window_is_bulk(const struct hpn_window *w, uint64_t now_ns,
    uint64_t consumed, int rtt_known)
{
	uint64_t elapsed;

	if (rtt_known)
		return w->bdp >= w->floor / 16;
	/* The first bytes only start the clock */
	if (w->start_ns == 0 || now_ns < w->start_ns)
		return 0;
	elapsed = maximum(now_ns - w->start_ns, 1);
	return per_round_trip(sat_add(w->used, consumed), HPN_WINDOW_BULK_NS,
	    elapsed) >= w->floor / 4;
}

uint32_t
hpn_window_initial(uint32_t want, uint32_t maxpacket, uint32_t window_max,
    uint64_t headroom)
{
	uint64_t window;

	window = minimum(want, minimum(window_max, HPN_WINDOW_CEILING));
	window = minimum(window, headroom / 16);
	return (uint32_t)maximum(window,
	    minimum(want, (uint64_t)HPN_WINDOW_PACKETS * maxpacket));
}
