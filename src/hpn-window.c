/* SPDX-License-Identifier: ISC */
/* See hpn-window.h for what this does and in which units. */

#include <string.h>

#include "hpn-window.h"

/* While TCP doubles its window each round trip, be this many BDP ahead. */
#define RAMP_FACTOR	4
/* How long a rise of the BDP makes us expect another, in intervals. */
#define RAMP_INTERVALS	3
/* The BDP decays by 1/64 each interval: half in 44 round trips. */
#define DECAY_SHIFT	6
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
	w->used = 0;
	w->bdp = 0;
	w->ramp = 0;
}

static void
decay(struct hpn_window *w, uint64_t intervals)
{
	if (intervals > DECAY_MAX) {
		w->bdp = 0;
		w->ramp = 0;
		return;
	}
	for (; intervals > 0 && w->bdp > 0; intervals--)
		w->bdp -= (w->bdp >> DECAY_SHIFT) + 1;
}

/* Take a measured BDP into account. */
static void
observe(struct hpn_window *w, uint64_t bdp)
{
	if (bdp > w->bdp + w->bdp / 8)
		w->ramp = RAMP_INTERVALS;
	w->bdp = maximum(w->bdp, bdp);
}

static void
measure(struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint64_t elapsed, interval, n;

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
	w->used = sat_add(w->used, f->consumed);
	if (f->rtt_ns == 0)
		return;
	interval = maximum(f->rtt_ns, HPN_WINDOW_INTERVAL_NS);
	if (elapsed < interval) {
		/*
		 * Less than one round trip: what was consumed so far is a
		 * lower bound already, and when TCP doubles its window every
		 * round trip there is no time to lose.
		 */
		observe(w, per_round_trip(w->used, f->rtt_ns, interval));
		return;
	}
	n = elapsed / interval;
	decay(w, n);
	w->ramp -= (unsigned int)minimum(w->ramp, n);
	observe(w, per_round_trip(w->used, f->rtt_ns, elapsed));
	w->start_ns = f->now_ns;
	w->used = 0;
}

/* The window that this BDP asks for, regardless of ceilings. */
static uint64_t
wanted(const struct hpn_window *w, uint64_t rcvbuf)
{
	uint64_t want, ahead;

	want = w->bdp + minimum(w->bdp,
	    maximum(HPN_WINDOW_SLACK, w->bdp / 4));
	if (w->ramp > 0) {
		ahead = w->bdp * RAMP_FACTOR;
		/* TCP itself will not carry more than it has room for */
		if (rcvbuf != 0)
			ahead = minimum(ahead, rcvbuf);
		want = maximum(want, ahead);
	}
	return maximum(want, w->floor);
}

uint32_t
hpn_window_update(struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint64_t want, ceiling, least;

	measure(w, f);
	ceiling = minimum(f->window_max, HPN_WINDOW_CEILING);
	want = minimum(wanted(w, f->rcvbuf), ceiling);
	if (want > f->window)
		return f->window +
		    (uint32_t)minimum(want - f->window, f->headroom);
	least = f->window - minimum(f->window, f->consumed / 2);
	return (uint32_t)maximum(want, least);
}

int
hpn_window_adjust_due(uint32_t window, uint32_t credit, uint32_t consumed)
{
	return consumed > 0 && (consumed >= window / 32 || credit < window / 2);
}

uint32_t
hpn_window_initial(uint32_t want, uint32_t maxpacket, uint32_t window_max,
    uint64_t headroom)
{
	uint64_t window;

	window = minimum(want, minimum(window_max, HPN_WINDOW_CEILING));
	window = minimum(window, headroom);
	return (uint32_t)maximum(window, minimum(want, maxpacket));
}
