/* SPDX-License-Identifier: ISC */
/* See hpn-happy.h for what this does. */

#include <stdint.h>
#include <string.h>

#include "hpn-happy.h"

void
hpn_happy_order(const int *families, int n, int *order)
{
	int taken[HPN_HAPPY_MOST] = { 0 };
	int i, k, before;

	for (k = 0; k < n; k++) {
		before = k == 0 ? families[0] : families[order[k - 1]];
		order[k] = -1;
		for (i = 0; i < n; i++) {
			if (taken[i])
				continue;
			/* the first that is left, if there is no other family */
			if (order[k] == -1)
				order[k] = i;
			if (k == 0 || families[i] != before) {
				order[k] = i;
				break;
			}
		}
		taken[order[k]] = 1;
	}
}

void
hpn_happy_init(struct hpn_happy *h, int n, int64_t delay, int64_t patience)
{
	memset(h, 0, sizeof(*h));
	h->n = n < 0 ? 0 : n > HPN_HAPPY_MOST ? HPN_HAPPY_MOST : n;
	h->delay = delay;
	h->patience = patience < 0 ? 0 : patience;
}

/* Whether the next one may begin, which exists. */
static int
due(const struct hpn_happy *h, int64_t now)
{
	return h->begun == 0 ||
	    h->one[h->begun - 1].state == HPN_HAPPY_FAILED ||
	    now - h->last >= h->delay;
}

int
hpn_happy_begin(struct hpn_happy *h, int64_t now)
{
	int i = h->begun;

	if (i >= h->n || !due(h, now))
		return -1;
	h->one[i].state = HPN_HAPPY_TRYING;
	h->one[i].since = h->last = now;
	h->begun++;
	return i;
}

void
hpn_happy_failed(struct hpn_happy *h, int i)
{
	if (i >= 0 && i < h->begun)
		h->one[i].state = HPN_HAPPY_FAILED;
}

int
hpn_happy_late(struct hpn_happy *h, int64_t now)
{
	int i;

	for (i = 0; h->patience != 0 && i < h->begun; i++) {
		if (h->one[i].state == HPN_HAPPY_TRYING &&
		    now - h->one[i].since >= h->patience) {
			h->one[i].state = HPN_HAPPY_FAILED;
			return i;
		}
	}
	return -1;
}

int64_t
hpn_happy_wait(const struct hpn_happy *h, int64_t now)
{
	int64_t wait = -1, left;
	int i;

	if (h->begun < h->n) {
		if (due(h, now))
			return 0;
		wait = h->delay - (now - h->last);
	}
	for (i = 0; h->patience != 0 && i < h->begun; i++) {
		if (h->one[i].state != HPN_HAPPY_TRYING)
			continue;
		left = h->patience - (now - h->one[i].since);
		if (left < 0)
			left = 0;
		if (wait == -1 || left < wait)
			wait = left;
	}
	return wait;
}

int
hpn_happy_lost(const struct hpn_happy *h)
{
	int i;

	if (h->begun < h->n)
		return 0;
	for (i = 0; i < h->n; i++) {
		if (h->one[i].state != HPN_HAPPY_FAILED)
			return 0;
	}
	return 1;
}
