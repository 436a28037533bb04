/* SPDX-License-Identifier: ISC */
/* See hpn-workers-auto.h for what this does. */

#include <string.h>

#include "hpn-engine.h"
#include "hpn-workers-auto.h"

/* The main thread limits a transfer if it has less than this time to itself. */
#define BUSY(cpu, wall)		((cpu) >= (wall) / 4 * 3)

/* The machine has a CPU to spare if half of one was idle. */
#define SPARE(idle, wall)	((idle) >= (wall) / 2)

/* A ring of keystream is full with this many threads. */
#define RING_MOST		4

/* What a trial must gain. */
#define BETTER(rate, before)	((rate) >= (before) + (before) / 10)

void
hpn_workers_auto_init(struct hpn_workers_auto *t, int wanted)
{
	memset(t, 0, sizeof(*t));
	t->wanted = wanted > HPN_WORKERS_MOST ? HPN_WORKERS_MOST : wanted;
	t->due = HPN_WORKERS_EVERY;
}

int
hpn_workers_auto_due(struct hpn_workers_auto *t, size_t len)
{
	if (t->wanted >= 0)
		return t->now != (unsigned int)t->wanted;
	t->bytes += len;
	return t->bytes >= t->due;
}

static unsigned int
automatic(const struct hpn_workers_auto *t, const struct hpn_workers_facts *f,
    uint64_t rate)
{
	struct hpn_engine_facts e;

	memset(&e, 0, sizeof(e));
	e.cpus = f->cpus;
	e.rate = rate;
	e.cost = f->cost;
	e.now = t->now;
	return hpn_engine_auto(&e);
}

unsigned int
hpn_workers_auto_decide(struct hpn_workers_auto *t, const struct
    hpn_workers_facts *f)
{
	uint64_t elapsed = 0, rate = 0;
	unsigned int n;

	if (t->wanted >= 0) {
		t->now = (unsigned int)t->wanted;
		return t->now;
	}
	if (t->start_ns != 0 && f->now_ns > t->start_ns) {
		elapsed = f->now_ns - t->start_ns;
		rate = (uint64_t)((double)t->bytes * 1e9 / (double)elapsed);
	}
	t->due = HPN_WORKERS_EVERY;
	switch (t->state) {
	case HPN_WORKERS_WATCH:
		if (elapsed == 0 ||
		    !BUSY(f->cpu_ns - t->start_cpu_ns, elapsed) ||
		    (f->idle_ns != 0 &&
		    !SPARE(f->idle_ns - t->start_idle_ns, elapsed)))
			break;
		if ((n = automatic(t, f, rate)) != 0) {
			t->now = n;
			t->before = rate;
			t->state = HPN_WORKERS_START;
		}
		break;
	case HPN_WORKERS_START:
		t->state = HPN_WORKERS_TRY;
		break;
	case HPN_WORKERS_TRY:
		if (BETTER(rate, t->before)) {
			t->state = HPN_WORKERS_KEEP;
			break;
		}
		t->state = HPN_WORKERS_WATCH;
		t->now = 0;
		t->due = HPN_WORKERS_PAUSE;
		break;
	case HPN_WORKERS_KEEP:
		if ((n = automatic(t, f, rate)) > t->now)
			t->now = n;
		break;
	}
	t->start_ns = f->now_ns;
	t->start_cpu_ns = f->cpu_ns;
	t->start_idle_ns = f->idle_ns;
	t->bytes = 0;
	return t->now;
}

unsigned int
hpn_workers_auto_idle(struct hpn_workers_auto *t)
{
	uint64_t due = t->due;

	if (t->wanted >= 0)
		return t->now;
	hpn_workers_auto_init(t, t->wanted);
	/* A trial that failed is not forgotten */
	t->due = due;
	return 0;
}

unsigned int
hpn_workers_auto_ring(unsigned int cpus)
{
	/* The main thread needs a CPU of its own */
	if (cpus <= 1)
		return 0;
	return cpus - 1 < RING_MOST ? cpus - 1 : RING_MOST;
}
