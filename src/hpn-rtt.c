/* SPDX-License-Identifier: ISC */
/* See hpn-rtt.h for what this does and in which units. */

#include <string.h>

#include "hpn-rtt.h"

void
hpn_rtt_init(struct hpn_rtt *r)
{
	memset(r, 0, sizeof(*r));
}

int
hpn_rtt_ask(struct hpn_rtt *r, uint64_t now_ns)
{
	if (r->silent)
		return 0;
	if (r->asked) {
		if (now_ns >= r->asked_ns &&
		    now_ns - r->asked_ns >= HPN_RTT_GIVE_UP_NS)
			r->silent = 1;
		return 0;
	}
	/* Also when the clock went back: better once too often */
	return r->answered_ns == 0 || now_ns < r->answered_ns ||
	    now_ns - r->answered_ns >= (r->answers < HPN_RTT_FIRST ?
	    HPN_RTT_FIRST_NS : HPN_RTT_EVERY_NS);
}

int
hpn_rtt_first(const struct hpn_rtt *r)
{
	return r->answered_ns == 0;
}

int
hpn_rtt_known(const struct hpn_rtt *r, uint64_t now_ns)
{
	return r->min_ns != 0 && now_ns >= r->answered_ns &&
	    now_ns - r->answered_ns < HPN_RTT_WINDOW_NS;
}

void
hpn_rtt_asked(struct hpn_rtt *r, uint64_t now_ns)
{
	r->asked = 1;
	r->asked_ns = now_ns;
}

void
hpn_rtt_answered(struct hpn_rtt *r, uint64_t now_ns)
{
	uint64_t sample;

	if (!r->asked)
		return;
	r->asked = 0;
	r->silent = 0;
	r->answered_ns = now_ns;
	if (r->answers < HPN_RTT_FIRST)
		r->answers++;
	if (now_ns <= r->asked_ns)
		return;		/* the clock went back */
	sample = now_ns - r->asked_ns;
	if (sample >= HPN_RTT_WINDOW_NS)
		return;		/* an outage, not a path */
	if (r->recent_ns == 0) {
		r->recent_ns = sample;
		r->recent_start_ns = r->asked_ns;
	} else if (sample < r->recent_ns)
		r->recent_ns = sample;
	if (r->min_ns == 0 || sample < r->min_ns)
		r->min_ns = sample;
	if (now_ns - r->recent_start_ns < HPN_RTT_WINDOW_NS)
		return;
	r->min_ns = r->recent_ns;
	r->recent_ns = 0;
}

void
hpn_rtt_abandoned(struct hpn_rtt *r)
{
	r->asked = 0;
}

uint64_t
hpn_rtt_get(const struct hpn_rtt *r, uint64_t tcp_ns)
{
	return r->min_ns > tcp_ns ? r->min_ns : tcp_ns;
}

uint64_t
hpn_rtt_path(const struct hpn_rtt *r, uint64_t tcp_min_ns)
{
	if (tcp_min_ns == 0 || r->min_ns / HPN_RTT_ELSEWHERE > tcp_min_ns)
		return r->min_ns;
	return tcp_min_ns;
}
