/* SPDX-License-Identifier: ISC */
/* See hpn-lanes.h for what this does and in which units. */

#include <string.h>

#include "hpn-lanes.h"
#include "hpn-resume.h"

/* Below this the round trip is the machines', not the path's. */
#define RTT_LEAST_NS	2000000ULL
/* After one lane there are so many, and then as many as there may be. */
#define SECOND_STEP	5
/* Rounds that tell a rate, at least, and that are enough to judge it, ... */
#define ROUNDS_LEAST	2
#define ROUNDS_ENOUGH	12
/* ... after so many in which those that are new get going. */
#define SETTLE		2
/* Rounds after which it is asked again whether one would be as quick. */
#define ROUNDS_AGAIN	48
/* Others are made before they are needed where the rest takes this long. */
#define PREPARE_NS	2000000000.0

void
hpn_lanes_init(struct hpn_lanes *l, unsigned int most)
{
	memset(l, 0, sizeof(*l));
	l->most = most != 0 && most < HPN_LANES_MAX ? most : HPN_LANES_MAX;
	l->use = l->want = l->kept = 1;
	l->given_up = l->most == 1;
}

static uint64_t
rate(const struct hpn_lanes *l)
{
	return l->ns == 0 ? 0 :
	    (uint64_t)((double)l->bytes * 1e9 / (double)l->ns);
}

static void
begin_rounds(struct hpn_lanes *l)
{
	l->bytes = l->ns = 0;
	l->rounds = 0;
}

void
hpn_lanes_no_more(struct hpn_lanes *l)
{
	l->want = l->use;
	l->given_up = 1;
}

/* From now on so many, which have been seen to be as quick. */
static void
fall_back(struct hpn_lanes *l, unsigned int lanes)
{
	l->use = l->kept = lanes;
	l->trial = 0;
	begin_rounds(l);
	hpn_lanes_no_more(l);
}

/* Remember the best rate of so many lanes. */
static void
learn(struct hpn_lanes *l)
{
	uint64_t now = rate(l);

	if (now > l->best)
		l->best = now;
	if (l->kept == 1 && now > l->alone)
		l->alone = now;
}

/* How many there would be after those in use; not more: none. */
static unsigned int
next_step(const struct hpn_lanes *l, uint64_t left)
{
	uint64_t more = l->use < SECOND_STEP ? SECOND_STEP : HPN_LANES_MAX;

	if (more > left / HPN_LANES_SHARE)
		more = left / HPN_LANES_SHARE;
	if (more > l->most)
		more = l->most;
	return (unsigned int)more;
}

void
hpn_lanes_prepare(struct hpn_lanes *l, uint64_t rtt_ns, uint64_t left)
{
	unsigned int more = next_step(l, left);

	if (l->given_up || rtt_ns < RTT_LEAST_NS || more <= l->want)
		return;
	if ((double)left / ((double)l->use * HPN_LANES_WINDOW) *
	    (double)rtt_ns >= PREPARE_NS)
		l->want = more;
}

/* More of them if those there are may be what limits. */
static void
grow(struct hpn_lanes *l, uint64_t bytes, uint64_t ns, uint64_t rtt_ns,
    uint64_t left)
{
	unsigned int more = next_step(l, left);
	double a_trip;

	if (l->given_up || l->use > l->kept || rtt_ns < RTT_LEAST_NS)
		return;
	a_trip = (double)bytes / (double)ns * (double)rtt_ns;
	if (a_trip < (double)l->kept * HPN_LANES_WINDOW / 2)
		return;
	if (more > l->use)
		l->use = more;
	if (l->want < l->use)
		l->want = l->use;
}

static void
try(struct hpn_lanes *l)
{
	uint64_t now = rate(l);

	if (l->rounds >= ROUNDS_LEAST && now / 3 >= l->best / 2)
		;	/* half as much again: no doubt */
	else if (l->trial == SETTLE) {
		l->trial++;
		begin_rounds(l);
		return;
	} else if (l->rounds < ROUNDS_ENOUGH) {
		l->trial++;
		return;
	} else if (now < l->best + l->best / 8) {
		fall_back(l, l->kept);
		return;
	}
	l->kept = l->use;
	l->best = now;
	l->trial = 0;
	begin_rounds(l);
}

void
hpn_lanes_round(struct hpn_lanes *l, unsigned int lanes, uint64_t bytes,
    uint64_t ns, uint64_t rtt_ns, uint64_t left)
{
	if (ns == 0)
		return;
	if (l->trial == 0 && lanes > l->kept && l->use > l->kept) {
		if (l->rounds >= ROUNDS_LEAST)
			learn(l);
		begin_rounds(l);
		l->trial = 1;
	}
	if (l->trial != 0) {
		/* A file has ended, and the next one has not begun. */
		if (lanes <= l->kept)
			return;
		l->bytes += bytes;
		l->ns += ns;
		l->rounds++;
		try(l);
	} else if (lanes == l->kept || l->kept == 1) {
		l->bytes += bytes;
		l->ns += ns;
		l->rounds++;
		if (l->kept > 1 && l->rounds >= ROUNDS_AGAIN) {
			/* The machine may have got other work meanwhile. */
			if (rate(l) < l->alone)
				fall_back(l, 1);
			begin_rounds(l);
		} else if (l->kept == 1 && l->rounds >= ROUNDS_ENOUGH) {
			learn(l);
			begin_rounds(l);
		}
	}
	if (l->trial == 0)
		grow(l, bytes, ns, rtt_ns, left);
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
hpn_lanes_hide(struct hpn_lanes_proof *p, const unsigned char *piece,
    uint64_t chance, unsigned char *shown)
{
	const unsigned char *page;
	unsigned int i;
	int told = 0;
	size_t at;

	memset(p, 0, sizeof(*p));
	memcpy(shown, piece, HPN_LANES_PIECE);
	for (i = 0; i < HPN_LANES_PAGES; i++) {
		page = piece + (size_t)i * HPN_LANES_PAGE;
		for (at = 0; at < HPN_LANES_PAGE && page[at] == 0; at++)
			;
		if (at < HPN_LANES_PAGE) {
			if (at > HPN_LANES_PAGE - HPN_LANES_LOOK)
				at = HPN_LANES_PAGE - HPN_LANES_LOOK;
			p->at[i] = (uint16_t)at;
			p->told |= 1ULL << i;
			told++;
		}
		if (chance & (1ULL << i)) {
			p->hidden |= 1ULL << i;
			memset(shown + (size_t)i * HPN_LANES_PAGE, 0,
			    HPN_LANES_PAGE);
		}
	}
	return told < HPN_LANES_PAGES_LEAST ? -1 : 0;
}

int
hpn_lanes_shown(const unsigned char *shown, uint64_t offset,
    const unsigned char *bytes, size_t len)
{
	return offset <= HPN_LANES_PIECE && len <= HPN_LANES_PIECE - offset &&
	    memcmp(shown + offset, bytes, len) == 0;
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
