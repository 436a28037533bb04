/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-lanes. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "tests.h"

static unsigned int
wanted(unsigned int lanes, unsigned int most, uint64_t left, uint64_t rtt_ns,
    uint64_t delivered)
{
	struct hpn_lanes_facts f;

	f.lanes = lanes;
	f.most = most;
	f.left = left;
	f.rtt_ns = rtt_ns;
	f.delivered = delivered;
	return hpn_lanes_wanted(&f);
}

static void
how_many(void)
{
	uint64_t rtt;
	unsigned int n, last;

	TEST_START("lanes: one where a window in a round trip is enough");
	ASSERT_INT_EQ(wanted(1, 0, UINT64_MAX, 0, 0), 1);
	ASSERT_INT_EQ(wanted(1, 0, UINT64_MAX, MS, UINT64_MAX), 1);
	ASSERT_INT_EQ(wanted(1, 0, UINT64_MAX, 5 * MS, 0), 1);
	TEST_DONE();

	TEST_START("lanes: more the longer the round trip, never fewer");
	for (rtt = last = 1; rtt < 1000 * SEC; rtt += rtt / 7 + 1) {
		n = wanted(1, 0, UINT64_MAX, rtt, 0);
		ASSERT_INT_GE(n, last);
		last = n;
	}
	ASSERT_INT_EQ(last, HPN_LANES_MAX);
	ASSERT_INT_EQ(wanted(1, 0, UINT64_MAX, 100 * MS, 0), HPN_LANES_MAX);
	ASSERT_INT_EQ(wanted(HPN_LANES_MAX, 0, 0, 0, 0), HPN_LANES_MAX);
	TEST_DONE();

	TEST_START("lanes: more where those there are may be what limits");
	ASSERT_INT_EQ(wanted(1, 0, UINT64_MAX, 3 * MS, HPN_LANES_WINDOW / 2), 1);
	ASSERT_INT_EQ(wanted(1, 0, UINT64_MAX, 3 * MS, HPN_LANES_WINDOW), 2);
	ASSERT_INT_EQ(wanted(2, 0, UINT64_MAX, 3 * MS, HPN_LANES_WINDOW), 2);
	ASSERT_INT_EQ(wanted(2, 0, UINT64_MAX, 3 * MS, 2 * HPN_LANES_WINDOW), 4);
	ASSERT_INT_EQ(wanted(8, 0, UINT64_MAX, 3 * MS, UINT64_MAX),
	    HPN_LANES_MAX);
	TEST_DONE();

	TEST_START("lanes: no more than there is work for, or than is wished");
	ASSERT_INT_EQ(wanted(1, 0, 0, 100 * MS, 0), 1);
	ASSERT_INT_EQ(wanted(1, 0, 2 * HPN_LANES_SHARE - 1, 100 * MS, 0), 1);
	ASSERT_INT_EQ(wanted(1, 0, 2 * HPN_LANES_SHARE, 100 * MS, 0), 2);
	ASSERT_INT_EQ(wanted(1, 3, UINT64_MAX, 100 * MS, UINT64_MAX), 3);
	ASSERT_INT_EQ(wanted(1, 1, UINT64_MAX, SEC, UINT64_MAX), 1);
	TEST_DONE();
}

static void
how_much(void)
{
	uint64_t under_way;
	unsigned int n;

	TEST_START("lanes: a window and half another one in each of several");
	for (under_way = n = 0; hpn_lanes_may_send(under_way, 256 * KB, 0); n++)
		under_way += 256 * KB;
	ASSERT_U64_EQ(under_way, HPN_LANES_UNDER_WAY);
	ASSERT_U64_GT(under_way, HPN_LANES_WINDOW);
	ASSERT_INT_EQ(hpn_lanes_may_send(under_way, 1, 1), 1);
	ASSERT_INT_EQ(hpn_lanes_may_send(0, 64 * MB, 0), 1);
	ASSERT_INT_EQ(hpn_lanes_may_send(1, 64 * MB, 0), 0);
	ASSERT_INT_EQ(hpn_lanes_may_send(UINT64_MAX, 1, 0), 0);
	TEST_DONE();

	TEST_START("lanes: what is resumed looks as far back as they lead");
	/* All lanes' windows fit into it. */
	ASSERT_U64_LE((uint64_t)HPN_LANES_MAX * HPN_LANES_UNDER_WAY,
	    HPN_RESUME_SPAN);
	ASSERT_U64_LE(HPN_RESUME_SPAN, HPN_RESUME_TAIL);
	ASSERT_INT_EQ(hpn_lanes_may_lead(7, HPN_RESUME_SPAN - 93, 100,
	    UINT64_MAX), 1);
	ASSERT_INT_EQ(hpn_lanes_may_lead(7, HPN_RESUME_SPAN - 92, 100,
	    UINT64_MAX), 0);
	ASSERT_INT_EQ(hpn_lanes_may_lead(0, UINT64_MAX, 100, UINT64_MAX), 0);
	ASSERT_INT_EQ(hpn_lanes_may_lead(5 * SEC, 5 * SEC, 100, UINT64_MAX), 1);
	TEST_DONE();

	TEST_START("lanes: the last byte follows when the others are there");
	ASSERT_INT_EQ(hpn_lanes_may_lead(900, 1000, 100, 1200), 1);
	ASSERT_INT_EQ(hpn_lanes_may_lead(900, 1000, 199, 1200), 1);
	ASSERT_INT_EQ(hpn_lanes_may_lead(900, 1000, 200, 1200), 0);
	ASSERT_INT_EQ(hpn_lanes_may_lead(999, 1000, 256 * KB, 1200), 0);
	ASSERT_INT_EQ(hpn_lanes_may_lead(1000, 1000, 256 * KB, 1200), 1);
	/* Of a source that has grown nobody knows which is the last. */
	ASSERT_INT_EQ(hpn_lanes_may_lead(1100, 1200, 100, 1200), 0);
	ASSERT_INT_EQ(hpn_lanes_may_lead(1200, 1200, 100, 1200), 1);
	TEST_DONE();
}

static void
option(void)
{
	static const char *const wrong[] = { "channels=", "channels=0",
	    "channels=11", "channels=-1", "channels=1x", "channels= 1",
	    "channels=01", "channels=99999999999999999999", "channels=Auto" };
	unsigned int most = 77;
	size_t i;

	TEST_START("lanes: -X channels=");
	ASSERT_INT_EQ(hpn_lanes_option("nrequests=3", &most), 0);
	ASSERT_INT_EQ(hpn_lanes_option("channels", &most), 0);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ASSERT_INT_EQ(hpn_lanes_option(wrong[i], &most), -1);
		ASSERT_INT_EQ(most, 77);
	}
	ASSERT_INT_EQ(hpn_lanes_option("channels=1", &most), 1);
	ASSERT_INT_EQ(most, 1);
	ASSERT_INT_EQ(hpn_lanes_option("channels=10", &most), 1);
	ASSERT_INT_EQ(most, 10);
	ASSERT_INT_EQ(hpn_lanes_option("channels=auto", &most), 1);
	ASSERT_INT_EQ(most, 0);
	TEST_DONE();
}

void
test_lanes(void)
{
	how_many();
	how_much();
	option();
}
