/* SPDX-License-Identifier: ISC */
/* See hpn-lanes.h for what this does and in which units. */

#include <string.h>

#include "hpn-lanes.h"
#include "hpn-resume.h"

/*
 * Before anything is known of the line it is taken for one of this rate, bits
 * per second: sessions that turn out not to be needed cost the server little.
 */
#define RATE_AT_FIRST	2500000000ULL
/* Below this the round trip is the machines', not the path's. */
#define RTT_LEAST_NS	2000000ULL

unsigned int
hpn_lanes_wanted(const struct hpn_lanes_facts *f)
{
	uint64_t most = f->most != 0 ? f->most : HPN_LANES_MAX, lanes;

	if (f->rtt_ns < RTT_LEAST_NS)
		return f->lanes;
	/* A round trip of seconds changes nothing more. */
	lanes = f->rtt_ns > 1000000000ULL ? HPN_LANES_MAX :
	    (RATE_AT_FIRST / 8 * f->rtt_ns / 1000000000 + HPN_LANES_WINDOW - 1) /
	    HPN_LANES_WINDOW;
	/* What there are may be what limits. */
	if (f->delivered >= (uint64_t)f->lanes * HPN_LANES_WINDOW / 4 * 3 &&
	    lanes < f->lanes * 2)
		lanes = f->lanes * 2;
	if (lanes > f->left / HPN_LANES_SHARE)
		lanes = f->left / HPN_LANES_SHARE;
	if (lanes > most)
		lanes = most;
	return lanes > f->lanes ? (unsigned int)lanes : f->lanes;
}

int
hpn_lanes_may_send(uint64_t under_way, size_t len, int alone)
{
	return alone || under_way == 0 || (under_way < HPN_LANES_UNDER_WAY &&
	    len <= HPN_LANES_UNDER_WAY - under_way);
}

int
hpn_lanes_may_lead(uint64_t whole, uint64_t next, size_t len, uint64_t size)
{
	if (whole >= next)
		return 1;
	/* next is what was sent, whole a part of it */
	if (next - whole > HPN_RESUME_SPAN ||
	    len > HPN_RESUME_SPAN - (next - whole))
		return 0;
	return next < size && len < size - next;
}

int
hpn_lanes_option(const char *arg, unsigned int *most)
{
	unsigned int n = 0;
	const char *p;

	if (strncmp(arg, "channels=", 9) != 0)
		return 0;
	p = arg + 9;
	if (strcmp(p, "auto") == 0) {
		*most = 0;
		return 1;
	}
	if (*p < '1' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9' && n <= HPN_LANES_MAX; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	if (*p != '\0' || n > HPN_LANES_MAX)
		return -1;
	*most = n;
	return 1;
}
