/* SPDX-License-Identifier: ISC */
/*
 * hpn-pace: how much may pass now, so that a rate is kept (HPNRateLimit).
 *
 * Bytes are counted after they passed.  So one piece may be larger than what
 * was left.  The next piece then waits longer.  Over any time, no more passes
 * than the rate allows, plus at most a tenth of a second's worth after a
 * pause.
 *
 * Numbers in, decisions out.  Times are nanoseconds of a clock that does not go
 * back; a rate is bytes in a second.
 */
#ifndef HPN_PACE_H
#define HPN_PACE_H

#include <sys/types.h>
#include <stdint.h>

#define HPN_PACE_LEAST	1024	/* a lower rate is this one */

struct hpn_pace {
	int64_t rate;		/* 0: no limit */
	int64_t left;		/* bytes that may pass; below 0: a debt */
	uint64_t part;		/* of a byte, in billionths */
	uint64_t since;		/* `left` is of this moment; 0: not begun */
};

void hpn_pace_init(struct hpn_pace *, int64_t rate);

/*
 * How many bytes may pass now; 0: none, and *wait_ns says for how long.
 * INT64_MAX without a limit.  It also returns 0 while so few bytes may pass
 * that a trip round the loop is not worth it.
 */
int64_t hpn_pace_allowed(struct hpn_pace *, uint64_t now, uint64_t *wait_ns);

/* So many have passed. */
void hpn_pace_passed(struct hpn_pace *, uint64_t bytes);

#endif /* HPN_PACE_H */
