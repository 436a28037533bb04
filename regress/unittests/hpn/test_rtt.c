/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-rtt. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-rtt.h"
#include "tests.h"

#define START	(1000 * SEC)

/* Ask at *now if it is time to; have the answer after `took`. */
static int
sample(struct hpn_rtt *r, uint64_t *now_ns, uint64_t took_ns)
{
	if (!hpn_rtt_ask(r, *now_ns))
		return 0;
	hpn_rtt_asked(r, *now_ns);
	*now_ns += took_ns;
	hpn_rtt_answered(r, *now_ns);
	return 1;
}

/* Samples for `seconds`, all of the same length. */
static void
samples(struct hpn_rtt *r, uint64_t *now_ns, uint64_t took_ns, int seconds)
{
	uint64_t end = *now_ns + (unsigned int)seconds * SEC;

	while (*now_ns < end) {
		(void)sample(r, now_ns, took_ns);
		*now_ns += 100 * MS;
	}
}

void
test_rtt(void)
{
	struct hpn_rtt r, before, other;
	uint64_t now;
	int n;

	TEST_START("rtt: nothing known in the beginning");
	memset(&r, 0xff, sizeof(r));
	hpn_rtt_init(&r);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 0);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 5 * MS), 5 * MS);
	TEST_DONE();

	TEST_START("rtt: asks at once, one request at a time");
	hpn_rtt_init(&r);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START), 1);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START), 1);	/* not asked yet */
	hpn_rtt_asked(&r, START);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START), 0);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START + 10 * SEC), 0);
	TEST_DONE();

	TEST_START("rtt: the answer's time");
	hpn_rtt_answered(&r, START + 30 * MS);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 30 * MS);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 29 * MS), 30 * MS);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 31 * MS), 31 * MS);
	ASSERT_U64_EQ(hpn_rtt_get(&r, UINT64_MAX), UINT64_MAX);
	TEST_DONE();

	TEST_START("rtt: known for as long as it is believed");
	hpn_rtt_init(&other);
	ASSERT_INT_EQ(hpn_rtt_known(&other, START), 0);
	ASSERT_INT_EQ(hpn_rtt_first(&other), 1);
	ASSERT_INT_EQ(hpn_rtt_first(&r), 0);
	now = START + 30 * MS;
	ASSERT_INT_EQ(hpn_rtt_known(&r, now), 1);
	ASSERT_INT_EQ(hpn_rtt_known(&r, now + HPN_RTT_WINDOW_NS - 1), 1);
	ASSERT_INT_EQ(hpn_rtt_known(&r, now + HPN_RTT_WINDOW_NS), 0);
	ASSERT_INT_EQ(hpn_rtt_known(&r, now - 1), 0);
	TEST_DONE();

	TEST_START("rtt: asks again soon in the beginning, then seldom");
	now = START + 30 * MS;
	for (n = 1; n < HPN_RTT_FIRST; n++) {
		ASSERT_INT_EQ(hpn_rtt_ask(&r, now), 0);
		ASSERT_INT_EQ(hpn_rtt_ask(&r, now + HPN_RTT_FIRST_NS - 1), 0);
		now += HPN_RTT_FIRST_NS;
		ASSERT_INT_EQ(sample(&r, &now, 30 * MS), 1);
	}
	for (n = 0; n < 3; n++) {
		ASSERT_INT_EQ(hpn_rtt_ask(&r, now), 0);
		ASSERT_INT_EQ(hpn_rtt_ask(&r, now + HPN_RTT_EVERY_NS - 1), 0);
		now += HPN_RTT_EVERY_NS;
		ASSERT_INT_EQ(sample(&r, &now, 30 * MS), 1);
	}
	TEST_DONE();

	TEST_START("rtt: the smallest sample counts");
	hpn_rtt_init(&r);
	now = START;
	ASSERT_INT_EQ(sample(&r, &now, 50 * MS), 1);
	now += HPN_RTT_EVERY_NS;
	ASSERT_INT_EQ(sample(&r, &now, 900 * MS), 1);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 50 * MS);
	now += HPN_RTT_EVERY_NS;
	ASSERT_INT_EQ(sample(&r, &now, 40 * MS), 1);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 40 * MS);
	TEST_DONE();

	TEST_START("rtt: an answer that nobody waits for");
	before = r;
	hpn_rtt_answered(&r, now + SEC);
	hpn_rtt_answered(&r, 0);
	ASSERT_MEM_EQ(&r, &before, sizeof(r));
	TEST_DONE();

	TEST_START("rtt: an abandoned request is no sample");
	hpn_rtt_init(&r);
	hpn_rtt_asked(&r, START);
	hpn_rtt_abandoned(&r);
	hpn_rtt_answered(&r, START + 1);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 0);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START + 1), 1);
	TEST_DONE();

	TEST_START("rtt: gives up on a silent peer");
	hpn_rtt_init(&r);
	hpn_rtt_asked(&r, START);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START + HPN_RTT_GIVE_UP_NS - 1), 0);
	ASSERT_INT_EQ(r.silent, 0);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START + HPN_RTT_GIVE_UP_NS), 0);
	ASSERT_INT_NE(r.silent, 0);
	hpn_rtt_abandoned(&r);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START + 100 * HPN_RTT_GIVE_UP_NS), 0);
	TEST_DONE();

	TEST_START("rtt: a late answer ends the silence");
	hpn_rtt_init(&r);
	hpn_rtt_asked(&r, START);
	(void)hpn_rtt_ask(&r, START + HPN_RTT_GIVE_UP_NS);
	now = START + 2 * HPN_RTT_GIVE_UP_NS;
	hpn_rtt_answered(&r, now);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 0);	/* that was an outage */
	ASSERT_INT_EQ(hpn_rtt_ask(&r, now + HPN_RTT_EVERY_NS), 1);
	TEST_DONE();

	TEST_START("rtt: the path gets much longer");
	hpn_rtt_init(&r);
	now = START;
	samples(&r, &now, 20 * MS, 30);
	samples(&r, &now, 200 * MS, 200);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 200 * MS);
	TEST_DONE();

	TEST_START("rtt: the path gets shorter");
	samples(&r, &now, 5 * MS, 5);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 5 * MS);
	TEST_DONE();

	TEST_START("rtt: a queue for some seconds is not a longer path");
	hpn_rtt_init(&r);
	now = START;
	samples(&r, &now, 100 * MS, 10);
	samples(&r, &now, 220 * MS, 40);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 100 * MS);
	TEST_DONE();

	TEST_START("rtt: what lasts is");
	samples(&r, &now, 220 * MS, 130);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 220 * MS);
	TEST_DONE();

	TEST_START("rtt: one short sample in a window keeps the path");
	hpn_rtt_init(&r);
	now = START;
	for (n = 0; n < 20; n++) {
		samples(&r, &now, 10 * MS, 3);
		samples(&r, &now, 500 * MS, 40);
	}
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 10 * MS);
	TEST_DONE();

	TEST_START("rtt: an answer in no time is no sample");
	hpn_rtt_init(&r);
	hpn_rtt_asked(&r, START);
	hpn_rtt_answered(&r, START);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 0);
	TEST_DONE();

	TEST_START("rtt: the clock goes back under way");
	hpn_rtt_init(&r);
	hpn_rtt_asked(&r, START);
	hpn_rtt_answered(&r, START - SEC);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 0);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, START - SEC + HPN_RTT_EVERY_NS), 1);
	TEST_DONE();

	TEST_START("rtt: the clock goes back between samples");
	hpn_rtt_init(&r);
	now = START;
	samples(&r, &now, 50 * MS, 10);
	now = 5 * SEC;
	ASSERT_INT_EQ(sample(&r, &now, 60 * MS), 1);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 50 * MS);
	samples(&r, &now, 60 * MS, 10);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 50 * MS);
	TEST_DONE();

	TEST_START("rtt: the clock goes back while a request is under way");
	hpn_rtt_init(&r);
	hpn_rtt_asked(&r, START);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, 0), 0);
	ASSERT_INT_EQ(r.silent, 0);
	TEST_DONE();

	TEST_START("rtt: the clock near its end");
	hpn_rtt_init(&r);
	now = UINT64_MAX - SEC;
	ASSERT_INT_EQ(sample(&r, &now, 10 * MS), 1);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 10 * MS);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, now + 1), 0);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, UINT64_MAX), 1);
	ASSERT_INT_EQ(hpn_rtt_ask(&r, 0), 1);
	hpn_rtt_asked(&r, 0);
	hpn_rtt_answered(&r, UINT64_MAX);
	ASSERT_U64_EQ(hpn_rtt_get(&r, 0), 10 * MS);
	TEST_DONE();

	TEST_START("rtt: the path without queueing");
	hpn_rtt_init(&r);
	ASSERT_U64_EQ(hpn_rtt_path(&r, 0), 0);
	ASSERT_U64_EQ(hpn_rtt_path(&r, 20 * MS), 20 * MS);
	now = START;
	samples(&r, &now, 50 * MS, 1);
	/* no TCP; TCP all the way; TCP to something next door */
	ASSERT_U64_EQ(hpn_rtt_path(&r, 0), 50 * MS);
	ASSERT_U64_EQ(hpn_rtt_path(&r, 20 * MS), 20 * MS);
	ASSERT_U64_EQ(hpn_rtt_path(&r, 1 * MS), 50 * MS);
	ASSERT_U64_EQ(hpn_rtt_path(&r, 60 * MS), 60 * MS);
	TEST_DONE();
}
