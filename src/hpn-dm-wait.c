/* SPDX-License-Identifier: ISC */
/* See hpn-dm-wait.h for what this does. */

#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "hpn-dm-wait.h"

#define SECOND		1000000000ULL
#define MOST_SPACE	(5 * SECOND)
#define MOST_LINE	(30 * SECOND)
/* A connection that is being made: the first at least, and later ones at most. */
#define SILENCE_FIRST	(30 * SECOND)
#define SILENCE_AGAIN	(60 * SECOND)

void
hpn_dm_wait_begin(struct hpn_dm_wait *w, uint64_t limit_s)
{
	memset(w, 0, sizeof(*w));
	w->limit_ns = limit_s > UINT64_MAX / SECOND / 2 ?
	    UINT64_MAX / 2 : limit_s * SECOND;
}

uint64_t
hpn_dm_wait_silence(const struct hpn_dm_wait *w, int again)
{
	if (again)
		return w->limit_ns != 0 && w->limit_ns < SILENCE_AGAIN ?
		    w->limit_ns : SILENCE_AGAIN;
	return w->limit_ns < SILENCE_FIRST ? SILENCE_FIRST : w->limit_ns;
}

int
hpn_dm_wait_failed(struct hpn_dm_wait *w, enum hpn_dm_wait_cause cause,
    uint64_t now_ns, uint64_t *delay_ns)
{
	uint64_t most = cause == HPN_DM_WAIT_LINE ? MOST_LINE : MOST_SPACE;
	uint64_t waited;

	*delay_ns = 0;
	if (!w->waiting) {
		w->waiting = 1;
		w->since_ns = now_ns;
		w->delay_ns = 0;
		w->tries = 0;
	} else if (cause != w->cause)
		w->delay_ns = 0;
	w->cause = cause;
	waited = now_ns > w->since_ns ? now_ns - w->since_ns : 0;
	if (waited >= w->limit_ns)
		return 0;
	if (cause == HPN_DM_WAIT_UNTOLD && ++w->tries >= HPN_DM_WAIT_TRIES)
		return 0;
	w->delay_ns = w->delay_ns == 0 ? SECOND : 2 * w->delay_ns;
	if (w->delay_ns > most)
		w->delay_ns = most;
	/* One more look when the limit is reached, none after it */
	*delay_ns = w->delay_ns < w->limit_ns - waited ?
	    w->delay_ns : w->limit_ns - waited;
	return 1;
}

uint64_t
hpn_dm_wait_worked(struct hpn_dm_wait *w, uint64_t now_ns)
{
	if (!w->waiting)
		return 0;
	w->waiting = 0;
	w->tries = 0;
	return now_ns > w->since_ns ? now_ns - w->since_ns : 1;
}
