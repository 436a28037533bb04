/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-workers-auto: a transfer simulated in steps of one
 * decision.
 */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-workers-auto.h"
#include "tests.h"

#define COST	(2 * MS)	/* for 1 MiB: 500 MiB/s with one thread */

struct transfer {
	struct hpn_workers_auto t;
	struct hpn_workers_facts f;
};

static void
begin(struct transfer *x, int wanted, unsigned int cpus)
{
	hpn_workers_auto_init(&x->t, wanted);
	memset(&x->f, 0, sizeof(x->f));
	x->f.now_ns = 1000 * SEC;
	x->f.cpus = cpus;
	x->f.cost = COST;
}

/* Move what is due at mbps MiB/s, the main thread busy for so many percent. */
static unsigned int
go(struct transfer *x, unsigned int mbps, unsigned int busy)
{
	uint64_t bytes = 0, took;

	while (!hpn_workers_auto_due(&x->t, 32 * KB)) {
		bytes += 32 * KB;
		ASSERT_U64_LT(bytes, 2 * HPN_WORKERS_PAUSE);
	}
	took = (bytes + 32 * KB) / MB * SEC / mbps;
	x->f.now_ns += took;
	x->f.cpu_ns += took / 100 * busy;
	return hpn_workers_auto_decide(&x->t, &x->f);
}

void
test_workers_auto(void)
{
	struct transfer x;
	unsigned int n, i;

	TEST_START("threads: the user's number, from the first packet on");
	begin(&x, 3, 1);
	ASSERT_INT_EQ(hpn_workers_auto_due(&x.t, 1), 1);
	ASSERT_INT_EQ(hpn_workers_auto_decide(&x.t, &x.f), 3);
	ASSERT_INT_EQ(hpn_workers_auto_due(&x.t, 1000 * MB), 0);
	begin(&x, 1000, 1);
	ASSERT_INT_EQ(hpn_workers_auto_decide(&x.t, &x.f), HPN_WORKERS_MOST);
	begin(&x, 0, 16);
	ASSERT_INT_EQ(hpn_workers_auto_due(&x.t, 1000 * MB), 0);
	TEST_DONE();

	TEST_START("threads: nothing is asked of a connection without bulk");
	begin(&x, HPN_WORKERS_AUTO, 16);
	for (i = 0; i < 1000; i++)
		ASSERT_INT_EQ(hpn_workers_auto_due(&x.t, 100), 0);
	TEST_DONE();

	TEST_START("threads: kept where they help");
	begin(&x, HPN_WORKERS_AUTO, 16);
	ASSERT_INT_EQ(go(&x, 400, 99), 0);	/* it begins to count */
	n = go(&x, 400, 99);
	ASSERT_INT_GT(n, 0);
	ASSERT_INT_EQ(go(&x, 500, 99), n);	/* its start does not count */
	ASSERT_INT_EQ(go(&x, 900, 99), n);
	for (i = 0; i < 100; i++)
		ASSERT_INT_GE(go(&x, 900 + i, 99), n);
	TEST_DONE();

	TEST_START("threads: gone where they do not, and tried again much later");
	begin(&x, HPN_WORKERS_AUTO, 16);
	(void)go(&x, 400, 99);
	n = go(&x, 400, 99);
	ASSERT_INT_GT(n, 0);
	ASSERT_INT_EQ(go(&x, 900, 99), n);
	ASSERT_INT_EQ(go(&x, 430, 99), 0);
	ASSERT_INT_EQ(hpn_workers_auto_due(&x.t, HPN_WORKERS_PAUSE - 1), 0);
	ASSERT_INT_EQ(hpn_workers_auto_due(&x.t, 1), 1);
	TEST_DONE();

	TEST_START("threads: none where the network or a disk is the limit");
	begin(&x, HPN_WORKERS_AUTO, 16);
	for (i = 0; i < 100; i++)
		ASSERT_INT_EQ(go(&x, 400, 60), 0);
	TEST_DONE();

	TEST_START("threads: none where no CPU is idle");
	begin(&x, HPN_WORKERS_AUTO, 16);
	x.f.idle_ns = SEC;
	for (i = 0; i < 100; i++) {
		x.f.idle_ns += 10 * MS;
		ASSERT_INT_EQ(go(&x, 400, 99), 0);
	}
	x.f.idle_ns += SEC;
	ASSERT_INT_GT(go(&x, 400, 99), 0);
	TEST_DONE();

	TEST_START("threads: none on one CPU");
	begin(&x, HPN_WORKERS_AUTO, 1);
	for (i = 0; i < 100; i++)
		ASSERT_INT_EQ(go(&x, 400, 99), 0);
	TEST_DONE();

	TEST_START("threads: gone after a rest, with what failed not forgotten");
	begin(&x, HPN_WORKERS_AUTO, 16);
	for (i = 0; i < 3; i++)
		(void)go(&x, 400, 99);
	ASSERT_INT_GT(go(&x, 900, 99), 0);
	ASSERT_INT_EQ(hpn_workers_auto_idle(&x.t), 0);
	ASSERT_INT_EQ(go(&x, 400, 99), 0);
	ASSERT_INT_GT(go(&x, 400, 99), 0);
	(void)go(&x, 400, 99);
	ASSERT_INT_EQ(go(&x, 400, 99), 0);
	ASSERT_U64_EQ(x.t.due, HPN_WORKERS_PAUSE);
	ASSERT_INT_EQ(hpn_workers_auto_idle(&x.t), 0);
	ASSERT_U64_EQ(x.t.due, HPN_WORKERS_PAUSE);
	begin(&x, 3, 16);
	ASSERT_INT_EQ(hpn_workers_auto_decide(&x.t, &x.f), 3);
	ASSERT_INT_EQ(hpn_workers_auto_idle(&x.t), 3);
	TEST_DONE();

	TEST_START("threads: a clock that stands still or goes back");
	begin(&x, HPN_WORKERS_AUTO, 16);
	for (i = 0; i < 100; i++) {
		x.f.now_ns -= i % 3 * SEC;
		(void)hpn_workers_auto_decide(&x.t, &x.f);
	}
	ASSERT_INT_EQ(x.t.now, 0);
	TEST_DONE();

	TEST_START("threads: those of the keystream ring, by the number of CPUs");
	ASSERT_INT_EQ(hpn_workers_auto_ring(0), 0);
	ASSERT_INT_EQ(hpn_workers_auto_ring(1), 0);
	ASSERT_INT_EQ(hpn_workers_auto_ring(2), 1);
	ASSERT_INT_EQ(hpn_workers_auto_ring(5), 4);
	ASSERT_INT_EQ(hpn_workers_auto_ring(1000), 4);
	TEST_DONE();
}
