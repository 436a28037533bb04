/* SPDX-License-Identifier: ISC */
/* See hpn-connections.h for what this does and in which units. */

#include <string.h>

#include "hpn-connections.h"
#include "hpn-resume.h"

/* A rate is looked at for so long, and for so many round trips. */
#define LOOK_NS		1500000000ULL
#define LOOK_TRIPS	12
/* A new one gets going for so long before. */
#define SETTLE_NS	1000000000ULL
#define SETTLE_TRIPS	10
/* What takes less than this is not worth another one. */
#define LEFT_NS		4000000000.0
/* A round shorter than this tells about scheduling, not about the path. */
#define ROUND_LEAST_NS	5000000ULL
#define DECAY_SHIFT	4
/* It grows until so many rounds have brought no eighth more than all before. */
#define STILL_ROUNDS	4
#define GAIN_GROWING	4
#define GAIN		2
/* The same where what waits to be sent is counted. */
#define FEED_GROWING	16
#define FEED		4
/* The same where files are opened first, which takes them a round trip. */
#define OPEN_GROWING	6
#define OPEN		3
/*
 * What is usual changes by so much with each round, unless that brought less than
 * this: what proves a file is a few bytes, and says nothing of the path.
 */
#define USUAL_SHIFT	2
#define USUAL_LEAST	8192
/* The requests for a file, and what goes with them. */
#define FILE_LEN	4096
/* The last piece waits for the answers of all others, so it is short. */
#define LAST_LEN	4096
/* In the last so many round trips, so many round trips' worth are under way. */
#define LAST_TRIPS	24
#define LAST_GAIN	3.0
/* So many files may fail to prove one. */
#define FAILURES	2
/* So much may precede what proves one. */
#define LEAD_LEAST	(64 * 1024)
/* A portion at least, how many a round trip has, and how many are left at least. */
#define PORTION_LEAST	HPN_RESUME_PIECE
#define PORTIONS_TRIP	4
#define PORTIONS_LEFT	256

void
hpn_connections_init(struct hpn_connections *c, unsigned int most, int adapt)
{
	memset(c, 0, sizeof(*c));
	c->most = most < HPN_CONNECTIONS_MAX ? most : HPN_CONNECTIONS_MAX;
	if (c->most == 0)
		c->most = 1;
	c->adapt = adapt;
	c->use = adapt ? 1 : c->most;
	c->stopped = c->most == 1;
}

unsigned int
hpn_connections_begin(const struct hpn_connections *c, unsigned int ready,
    unsigned int coming)
{
	unsigned int n;

	if (c->stopped || coming >= HPN_CONNECTIONS_COMING ||
	    ready + coming >= c->use)
		return 0;
	if (ready < 2)
		return coming == 0;
	n = c->use - ready - coming;
	return n < HPN_CONNECTIONS_COMING - coming ? n :
	    HPN_CONNECTIONS_COMING - coming;
}

void
hpn_connections_stop(struct hpn_connections *c, unsigned int ready)
{
	c->stopped = 1;
	if (c->use > ready)
		c->use = ready;
}

static void
look_again(struct hpn_connections *c, uint64_t settle)
{
	c->bytes = c->ns = 0;
	c->settle = settle;
}

static uint64_t
at_least(uint64_t ns, uint64_t rtt_ns, unsigned int trips)
{
	return rtt_ns > ns / trips ? rtt_ns * trips : ns;
}

void
hpn_connections_moved(struct hpn_connections *c, unsigned int ready,
    uint64_t bytes, uint64_t ns, uint64_t rtt_ns, uint64_t left)
{
	uint64_t look, settle, now;

	if (!c->adapt || c->stopped || ns == 0 || rtt_ns > UINT64_MAX / 64)
		return;
	look = at_least(LOOK_NS, rtt_ns, LOOK_TRIPS);
	settle = at_least(SETTLE_NS, rtt_ns, SETTLE_TRIPS);
	/* The newest one is on its way. */
	if (ready < c->use) {
		look_again(c, settle);
		return;
	}
	if (c->settle != 0) {
		c->settle -= ns < c->settle ? ns : c->settle;
		return;
	}
	c->bytes += bytes;
	c->ns += ns;
	if (c->ns < look)
		return;
	now = (uint64_t)((double)c->bytes * 1e9 / (double)c->ns);
	if (c->use > 1 && (double)now < (double)c->best * 1.1) {
		/* A moment may have been a bad one. */
		if (c->ns < 2 * look)
			return;
		c->use--;
		c->adapt = 0;
		return;
	}
	if (now == 0)
		return;
	c->best = now;
	if (c->use == c->most)
		c->adapt = 0;
	else if ((double)left / (double)now * 1e9 >= LEFT_NS)
		c->use++;
	look_again(c, settle);
}

uint64_t
hpn_connections_left(uint64_t files, uint64_t bytes)
{
	if (files > (UINT64_MAX - bytes) / HPN_CONNECTIONS_FILE)
		return UINT64_MAX;
	return files * HPN_CONNECTIONS_FILE + bytes;
}

void
hpn_connections_window_init(struct hpn_connections_window *w)
{
	memset(w, 0, sizeof(*w));
	w->window = HPN_CONNECTIONS_LEAST;
}

static uint64_t
within(uint64_t window, uint64_t least)
{
	if (window < least)
		return least;
	return window < HPN_CONNECTIONS_MOST ? window : HPN_CONNECTIONS_MOST;
}

void
hpn_connections_window_moved(struct hpn_connections_window *w, uint64_t bytes,
    uint64_t now_ns, uint64_t rtt_ns)
{
	uint64_t trip = rtt_ns < ROUND_LEAST_NS ? ROUND_LEAST_NS : rtt_ns;
	uint64_t took;
	double brought;

	w->bytes += bytes;
	if (w->begun_ns == 0 || now_ns < w->begun_ns) {
		w->begun_ns = now_ns;
		w->bytes = 0;
		return;
	}
	if ((took = now_ns - w->begun_ns) < trip)
		return;
	brought = (double)w->bytes * (double)trip / (double)took;
	if (brought > (double)HPN_CONNECTIONS_MOST)
		brought = (double)HPN_CONNECTIONS_MOST;
	/* What keeps back answers gives them all at once: later that is no growth. */
	if (w->bytes < USUAL_LEAST || w->still == STILL_ROUNDS)
		;
	else if (brought > (double)w->most + (double)w->most / 8)
		w->still = 0;
	else
		w->still++;
	if (brought > (double)w->most)
		w->most = (uint64_t)brought;
	else
		w->most -= (w->most - (uint64_t)brought) >> DECAY_SHIFT;
	if (w->bytes < USUAL_LEAST)
		;
	else if (w->usual == 0)
		w->usual = (uint64_t)brought;
	else if (brought > (double)w->usual)
		w->usual += ((uint64_t)brought - w->usual) >> USUAL_SHIFT;
	else
		w->usual -= (w->usual - (uint64_t)brought) >> USUAL_SHIFT;
	w->window = within(w->most *
	    (w->still < STILL_ROUNDS ? GAIN_GROWING : GAIN),
	    HPN_CONNECTIONS_LEAST);
	w->begun_ns = now_ns;
	w->bytes = 0;
}

int
hpn_connections_window_may(const struct hpn_connections_window *w,
    uint64_t under_way, size_t len)
{
	return under_way == 0 || (under_way < w->window &&
	    len <= w->window - under_way);
}

int
hpn_connections_window_feed(const struct hpn_connections_window *w,
    uint64_t under_way, size_t queued, size_t len)
{
	uint64_t most = within(w->most *
	    (w->still < STILL_ROUNDS ? FEED_GROWING : FEED),
	    HPN_CONNECTIONS_FEED_LEAST);
	uint64_t queue = w->most / 2;

	if (queue < HPN_CONNECTIONS_QUEUE)
		queue = HPN_CONNECTIONS_QUEUE;
	return under_way == 0 || (queued < queue && under_way < most &&
	    len <= most - under_way);
}

int
hpn_connections_window_brief(const struct hpn_connections_window *w,
    uint64_t under_way, size_t len)
{
	return under_way == 0 || (under_way < 2 * w->most &&
	    len <= 2 * w->most - under_way);
}

int
hpn_connections_window_open(const struct hpn_connections_window *w,
    uint64_t bytes)
{
	return bytes < within(w->most *
	    (w->still < STILL_ROUNDS ? OPEN_GROWING : OPEN),
	    HPN_CONNECTIONS_LEAST);
}

uint64_t
hpn_connections_window_files(unsigned int files, uint64_t bytes)
{
	return bytes + (uint64_t)files * FILE_LEN;
}

int
hpn_connections_window_compare(const struct hpn_connections_window *a,
    uint64_t under_way, const struct hpn_connections_window *b,
    uint64_t under_way2)
{
	double first = (double)under_way * (double)b->window;
	double second = (double)under_way2 * (double)a->window;

	return first < second ? -1 : first > second;
}

int
hpn_connections_window_late(const struct hpn_connections_window *w,
    uint64_t under_way, size_t len, uint64_t left, uint64_t usual)
{
	/* In round trips, one of which passes before the last answer. */
	double all = 1.0 + (double)left / (double)(usual == 0 ? 1 : usual);
	double this = ((double)under_way + (double)len) /
	    (double)(w->usual == 0 ? 1 : w->usual);

	return w->usual != 0 && usual > w->usual && this > all;
}

int
hpn_connections_window_last(const struct hpn_connections_window *w,
    uint64_t under_way, size_t len, uint64_t left, uint64_t usual)
{
	return under_way != 0 && w->usual != 0 && usual > w->usual &&
	    left / usual < LAST_TRIPS &&
	    (double)under_way + (double)len > LAST_GAIN * (double)w->usual;
}

size_t
hpn_connections_portion(uint64_t usual, uint64_t left, size_t most)
{
	uint64_t end = left / PORTIONS_LEFT;

	usual /= PORTIONS_TRIP;
	if (usual > end)
		usual = end;
	if (usual < PORTION_LEAST)
		usual = PORTION_LEAST;
	return usual < most ? (size_t)usual : most;
}

size_t
hpn_connections_piece(uint64_t left, size_t most)
{
	if (left > most || left <= LAST_LEN)
		return most;
	return (size_t)left - LAST_LEN;
}

int
hpn_connections_proved(const struct hpn_connections_proofs *p,
    unsigned int lane)
{
	return (p->proved & (1U << lane)) != 0;
}

int
hpn_connections_provable(const struct hpn_connections_proofs *p,
    unsigned int lane)
{
	return !hpn_connections_proved(p, lane) && p->failed[lane] < FAILURES;
}

int
hpn_connections_wants_proof(const struct hpn_connections_proofs *p,
    unsigned int lane, unsigned int most)
{
	return hpn_connections_provable(p, lane) &&
	    (unsigned int)p->trying[lane] + p->succeeded[lane] < most;
}

void
hpn_connections_proof_begun(struct hpn_connections_proofs *p,
    unsigned int lane)
{
	p->trying[lane]++;
}

void
hpn_connections_proof_dropped(struct hpn_connections_proofs *p,
    unsigned int lane)
{
	p->trying[lane]--;
}

int
hpn_connections_proof_ended(struct hpn_connections_proofs *p,
    unsigned int lane, int succeeded, unsigned int most)
{
	hpn_connections_proof_dropped(p, lane);
	if (!succeeded)
		p->failed[lane]++;
	else if (++p->succeeded[lane] == most) {
		p->proved |= 1U << lane;
		return 1;
	}
	return 0;
}

int
hpn_connections_leads(const struct hpn_connections_window *w,
    uint64_t under_way)
{
	return under_way < LEAD_LEAST ||
	    hpn_connections_window_brief(w, under_way, 0);
}

int
hpn_connections_option(const char *arg, unsigned int *most, int *adapt)
{
	unsigned int n = 0;
	const char *p;

	if (strncmp(arg, "connections=", 12) != 0)
		return 0;
	p = arg + 12;
	if (strcmp(p, "auto") == 0) {
		*most = HPN_CONNECTIONS_MAX;
		*adapt = 1;
		return 1;
	}
	if (*p < '1' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9' && n <= HPN_CONNECTIONS_MAX; p++)
		n = n * 10 + (unsigned int)(*p - '0');
	if (*p != '\0' || n > HPN_CONNECTIONS_MAX)
		return -1;
	*most = n;
	*adapt = 0;
	return 1;
}
