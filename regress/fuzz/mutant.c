/* SPDX-License-Identifier: ISC */
/*
 * hpn-window with a fault, to see that the unit tests notice: compiled in
 * place of hpn-window.c with -DMUTANT=NAME (check/policy.sh has the names).
 */

#define hpn_window_update	sound_update
#define hpn_window_adjust_due	sound_adjust_due
#define hpn_window_initial	sound_initial
#include "hpn-window.c"
#undef hpn_window_update
#undef hpn_window_adjust_due
#undef hpn_window_initial

enum mutant {
	none,			/* no fault: the control */
	stays,			/* the policy taken out */
	all_there_is,		/* as large as allowed, whoever reads */
	half,			/* too small for the path */
	never_shrinks,
	shrinks_at_once,
	no_budget,
	no_ceiling,
	no_round_trip,		/* grows without knowing one */
	grows_when_idle,
	late_adjusts,
	lazy_adjusts,		/* a sender without credit waits for ever */
	no_first_packet,	/* a channel that can never move */
	never_starts,		/* no larger while TCP starts */
	always_starts,		/* as large for ever */
	queue_counts,		/* what waits in the network is path, too */
	no_peak			/* every rise is a start */
};

uint32_t
hpn_window_update(struct hpn_window *w, const struct hpn_window_facts *f)
{
	struct hpn_window_facts g = *f;
	uint32_t window;

	switch (MUTANT) {
	case no_budget:
		g.headroom = UINT64_MAX;
		break;
	case no_ceiling:
		g.window_max = UINT32_MAX;
		break;
	case no_round_trip:
		if (g.rtt_ns == 0)
			g.rtt_ns = 100000000;
		break;
	case half:
		g.consumed /= 4;
		break;
	case queue_counts:
		g.rtt_min_ns = g.rtt_ns;
		break;
	case always_starts:
		w->start = START_INTERVALS + 1;
		break;
	case no_peak:
		w->peak = 0;
		break;
	default:
		break;
	}
	window = sound_update(w, &g);
	switch (MUTANT) {
	case never_starts:
		w->start = 0;
		return window <= f->window ? window : (uint32_t)maximum(
		    f->window, minimum(window, wanted(w, f)));
	case stays:
		return f->window;
	case all_there_is:
		return f->window_max <= f->window ? f->window : f->window +
		    (uint32_t)minimum(f->headroom, f->window_max - f->window);
	case never_shrinks:
		return window < f->window ? f->window : window;
	case shrinks_at_once:
		return window < f->window ? w->floor : window;
	case grows_when_idle:
		return window == f->window && f->headroom > 0 &&
		    window < f->window_max ? window + 1 : window;
	default:
		return window;
	}
}

int
hpn_window_adjust_due(uint32_t window, uint32_t credit, uint32_t consumed)
{
	switch (MUTANT) {
	case late_adjusts:
		return consumed > 0 && credit < window / 16;
	case lazy_adjusts:
		return consumed > 0 && consumed >= window / 32;
	default:
		return sound_adjust_due(window, credit, consumed);
	}
}

uint32_t
hpn_window_initial(uint32_t want, uint32_t maxpacket, uint32_t window_max,
    uint64_t headroom)
{
	uint32_t window = sound_initial(want, maxpacket, window_max, headroom);

	return MUTANT == no_first_packet ?
	    (uint32_t)minimum(window, headroom) : window;
}
