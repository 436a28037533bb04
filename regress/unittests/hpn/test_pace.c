/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-pace. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-pace.h"
#include "tests.h"

/*
 * Pass as much as is allowed, in pieces of `most` at most and `least` at least,
 * for so long, on a loop that comes `late` ns after it should.  Returns bytes.
 */
static int64_t
run(int64_t rate, int64_t least, int64_t most, uint64_t time, uint64_t late)
{
	struct hpn_pace p;
	uint64_t begin = 7 * SEC, now = begin, wait;
	int64_t n, sum = 0;

	hpn_pace_init(&p, rate);
	while (now < begin + time) {
		if ((n = hpn_pace_allowed(&p, now, &wait)) == 0) {
			ASSERT_INT_EQ(wait != 0, 1);
			now += wait + late;
			continue;
		}
		if (n > most)
			n = most;
		if (n < least)
			n = least;	/* a program that took more */
		hpn_pace_passed(&p, (uint64_t)n);
		sum += n;
		now += 1000;
	}
	return sum;
}

/* Within 3 % of rate x 20 s */
static void
kept(int64_t rate, int64_t least, int64_t most, uint64_t late)
{
	int64_t want = rate * 20, got = run(rate, least, most, 20 * SEC, late);

	test_subtest_info("rate %lld, pieces %lld to %lld, %llu ns late: %lld",
	    (long long)rate, (long long)least, (long long)most,
	    (unsigned long long)late, (long long)got);
	ASSERT_INT_EQ(got >= want - want * 3 / 100, 1);
	ASSERT_INT_EQ(got <= want + want * 3 / 100, 1);
}

void
test_pace(void)
{
	struct hpn_pace p;
	uint64_t wait;

	TEST_START("pace: no limit");
	hpn_pace_init(&p, 0);
	ASSERT_INT_EQ(hpn_pace_allowed(&p, 1, &wait) == INT64_MAX, 1);
	hpn_pace_passed(&p, UINT64_MAX);
	ASSERT_INT_EQ(hpn_pace_allowed(&p, 2, &wait) == INT64_MAX, 1);
	TEST_DONE();

	TEST_START("pace: the rate is kept within 3 %");
	kept(1024, 1, 1024, 0);
	kept(100000, 1, 32768, 1 * MS);
	kept(1000000, 1, 32768, 1 * MS);
	kept(12500000, 1, 131072, 1 * MS);
	kept(12500000, 1, 131072, 50 * MS);
	kept(12500000, 262144, 262144, 1 * MS);
	kept(125000000, 1, 524288, 1 * MS);
	kept(1250000000, 1, 524288, 100000);
	kept(1000000, 1, 1, 0);
	TEST_DONE();

	TEST_START("pace: nothing at first, little after a pause");
	hpn_pace_init(&p, 1000000);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 5 * SEC, &wait), 0);
	ASSERT_INT_EQ(wait >= 10 * MS && wait <= 11 * MS, 1);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 3600 * SEC, &wait), 100000);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, UINT64_MAX, &wait), 100000);
	TEST_DONE();

	TEST_START("pace: a debt is paid, and has an end");
	hpn_pace_init(&p, 1000000);
	(void)hpn_pace_allowed(&p, 1 * SEC, &wait);
	hpn_pace_passed(&p, 500000);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 1 * SEC, &wait), 0);
	ASSERT_INT_EQ(wait >= 510 * MS && wait <= 511 * MS, 1);
	hpn_pace_passed(&p, UINT64_MAX);
	hpn_pace_passed(&p, UINT64_MAX);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 1 * SEC, &wait), 0);
	ASSERT_INT_EQ(wait <= 11 * SEC, 1);
	TEST_DONE();

	TEST_START("pace: a clock that stands, or goes back, gives nothing");
	hpn_pace_init(&p, 1000000);
	(void)hpn_pace_allowed(&p, 9 * SEC, &wait);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 9 * SEC, &wait), 0);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 1 * SEC, &wait), 0);
	TEST_DONE();

	TEST_START("pace: rates beyond all sense");
	hpn_pace_init(&p, 1);
	ASSERT_LONG_LONG_EQ(p.rate, HPN_PACE_LEAST);
	hpn_pace_init(&p, -5);
	ASSERT_LONG_LONG_EQ(p.rate, 0);
	hpn_pace_init(&p, 1LL << 40);
	(void)hpn_pace_allowed(&p, 1 * SEC, &wait);
	ASSERT_LONG_LONG_EQ(hpn_pace_allowed(&p, 100 * SEC, &wait),
	    (1LL << 40) / 10);
	TEST_DONE();
}
