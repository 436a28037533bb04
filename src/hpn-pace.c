/* SPDX-License-Identifier: ISC */
/* See hpn-pace.h for what this does. */

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "hpn-pace.h"

#define SECOND	1000000000ULL

/* What may have been saved up: the loop is not always there in time. */
#define SAVED(rate)	((rate) / 10)
/* The least to pass at once: ten milliseconds' worth. */
#define PIECE(rate)	((rate) / 100)
/* Up to this rate, what is less than a byte is kept: 2^64 / SECOND. */
#define EXACT		18000000000ULL
/* A debt is not carried further than this: ten seconds' worth. */
#define DEBT(rate)	((rate) * 10)

void
hpn_pace_init(struct hpn_pace *p, int64_t rate)
{
	memset(p, 0, sizeof(*p));
	if (rate > 0)
		p->rate = rate < HPN_PACE_LEAST ? HPN_PACE_LEAST : rate;
}

int64_t
hpn_pace_allowed(struct hpn_pace *p, uint64_t now, uint64_t *wait_ns)
{
	uint64_t passed, rate = (uint64_t)p->rate;
	int64_t missing;

	*wait_ns = 0;
	if (p->rate == 0)
		return INT64_MAX;
	if (p->since == 0)
		p->since = now;
	passed = now > p->since ? now - p->since : 0;
	/* All that a debt can need */
	if (passed > 20 * SECOND)
		passed = 20 * SECOND;
	if (passed != 0) {
		p->left += (int64_t)(passed / SECOND * rate);
		passed %= SECOND;
		if (rate <= EXACT) {
			p->part += passed * rate;
			p->left += (int64_t)(p->part / SECOND);
			p->part %= SECOND;
		} else
			p->left += (int64_t)(passed / 1000 * (rate / 1000000));
		p->since = now;
	}
	if (p->left > SAVED(p->rate))
		p->left = SAVED(p->rate);
	if (p->left >= PIECE(p->rate) && p->left > 0)
		return p->left;
	missing = PIECE(p->rate) - p->left;
	*wait_ns = (uint64_t)missing / rate * SECOND +
	    (uint64_t)missing % rate * SECOND / rate + 1;
	return 0;
}

void
hpn_pace_passed(struct hpn_pace *p, uint64_t bytes)
{
	if (p->rate == 0)
		return;
	if (bytes > (uint64_t)DEBT(p->rate))
		bytes = (uint64_t)DEBT(p->rate);
	p->left -= (int64_t)bytes;
	if (p->left < -DEBT(p->rate))
		p->left = -DEBT(p->rate);
}
