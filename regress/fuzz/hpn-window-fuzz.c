/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: hpn-window.  The input is a sequence of what happens to one
 * channel: the peer sends, the application takes, the clock moves either way,
 * facts change to anything.  The receiver does as channels.c does.  Checks
 * what hpn-window.h promises, and that the accounts of the window add up.
 */

#include <string.h>

#include "fuzz.h"
#include "hpn-window.h"

#define PACKET	32768
#define LEAST	(HPN_WINDOW_PACKETS * PACKET)

struct receiver {
	struct hpn_window policy;
	struct hpn_window_facts facts;
	uint32_t local_window_max;
	uint32_t local_window;
	uint32_t local_consumed;
	uint64_t buffered;
};

/* Ask the policy; what comes back must be within its bounds. */
static uint32_t
update(struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint32_t window = hpn_window_update(w, f), needed = w->floor;

	/* What was measured is never beyond what may be; a start ends. */
	HOLDS(w->bdp <= HPN_WINDOW_CEILING && w->peak <= HPN_WINDOW_CEILING);
	HOLDS(w->start <= 16);
	if (needed > f->window_max)
		needed = f->window_max;
	if (needed > HPN_WINDOW_CEILING)
		needed = HPN_WINDOW_CEILING;
	if (window > f->window) {
		HOLDS(window - f->window <= f->headroom);
		HOLDS(window <= f->window_max);
		HOLDS(window <= HPN_WINDOW_CEILING);
		/* Without a round trip, only back to what was measured once */
		HOLDS(f->rtt_ns != 0 || window <= w->floor || w->bdp != 0);
	} else {
		HOLDS(f->window - window <= f->consumed);
		HOLDS(f->credit >= needed ||
		    f->window - window <= f->consumed / 2);
	}
	return window;
}

/* channel_check_window() and hpn_channels_resize() */
static void
check_window(struct receiver *r)
{
	uint32_t window;

	if (!((r->local_window_max - r->local_window > PACKET * 3 ||
	    r->local_window < r->local_window_max / 2) &&
	    r->local_consumed > 0))
		return;
	if (!hpn_window_adjust_due(r->local_window_max, r->local_window,
	    r->local_consumed)) {
		HOLDS(r->local_window > 0);
		return;
	}
	r->facts.consumed = r->local_consumed;
	r->facts.window = r->local_window_max;
	r->facts.credit = r->local_window;
	window = update(&r->policy, &r->facts);
	r->local_consumed += window - r->local_window_max;
	r->local_window_max = window;
	if (r->local_consumed == 0) {
		HOLDS(r->local_window > 0);
		return;
	}
	/* The peer would disconnect: "adjust overflow" */
	HOLDS(r->local_consumed <= UINT32_MAX - r->local_window);
	r->local_window += r->local_consumed;
	r->local_consumed = 0;
}

/* A ceiling that HPNWindowMax may set, or one beyond. */
static uint32_t
window_max(struct input *in)
{
	uint32_t n = (uint32_t)input_number(in);

	return n < 65536 ? 65536 : n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct receiver r;
	struct hpn_window raw;
	struct hpn_window_facts any;
	uint32_t want, n;
	uint64_t headroom;

	memset(&r, 0, sizeof(r));
	want = (uint32_t)input_number(&in);
	if (want > HPN_WINDOW_CEILING)
		want %= 4 << 20;
	r.facts.window_max = window_max(&in);
	headroom = input_number(&in);
	r.facts.headroom = headroom;
	r.facts.rtt_ns = input_number(&in);
	r.facts.rtt_min_ns = input_number(&in);
	r.facts.now_ns = input_number(&in);
	r.local_window_max = hpn_window_initial(want, PACKET,
	    r.facts.window_max, headroom);
	HOLDS(r.local_window_max <= want);
	HOLDS(r.local_window_max >= (want < LEAST ? want : LEAST));
	if (r.local_window_max > LEAST) {
		HOLDS(r.local_window_max <= r.facts.window_max);
		HOLDS(r.local_window_max <= headroom);
	}
	r.local_window = r.local_window_max;
	hpn_window_init(&r.policy, r.local_window_max);
	/* Another channel, of which nothing is kept in order. */
	hpn_window_init(&raw, want);

	while (in.left > 0) {
		switch (input_bytes(&in, 1) % 11) {
		case 0:			/* the peer sends */
			n = (uint32_t)input_bytes(&in, 4);
			if (n > r.local_window)
				n = r.local_window;
			r.local_window -= n;
			r.buffered += n;
			break;
		case 1:			/* the application takes some */
			n = (uint32_t)input_bytes(&in, 3);
			if (n > r.buffered)
				n = (uint32_t)r.buffered;
			r.buffered -= n;
			r.local_consumed += n;
			break;
		case 2:			/* all that can be, at once */
			n = r.local_window;
			r.local_window = 0;
			r.local_consumed += n + (uint32_t)r.buffered;
			r.buffered = 0;
			break;
		case 3:			/* the clock goes on */
			r.facts.now_ns += input_bytes(&in, 4);
			break;
		case 4:			/* the clock jumps */
			r.facts.now_ns = input_number(&in);
			break;
		case 5:
			r.facts.rtt_ns = input_number(&in);
			break;
		case 6:
			r.facts.ahead_max = input_number(&in);
			break;
		case 7:
			r.facts.headroom = input_number(&in);
			break;
		case 8:
			r.facts.window_max = window_max(&in);
			break;
		case 9:			/* anything at all */
			any.now_ns = input_number(&in);
			any.rtt_ns = input_number(&in);
			any.rtt_min_ns = input_number(&in);
			any.consumed = input_number(&in);
			any.ahead_max = input_number(&in);
			any.window = (uint32_t)input_number(&in);
			any.credit = (uint32_t)input_number(&in);
			any.window_max = (uint32_t)input_number(&in);
			any.headroom = input_number(&in);
			(void)update(&raw, &any);
			if (any.consumed != 0)
				HOLDS(hpn_window_adjust_due(any.window, 0,
				    (uint32_t)any.consumed | 1));
			break;
		case 10:
			r.facts.rtt_min_ns = input_number(&in);
			break;
		}
		check_window(&r);
		HOLDS(r.local_window_max ==
		    r.local_window + r.buffered + r.local_consumed);
	}
	return 0;
}
