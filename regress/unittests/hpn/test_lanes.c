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

/*
 * So many rounds with lanes at work, each of a round trip and so many bytes; how
 * many may be used then.
 */
static unsigned int
rounds(struct hpn_lanes *l, unsigned int n, unsigned int lanes, uint64_t bytes,
    uint64_t rtt_ns)
{
	while (n-- > 0)
		hpn_lanes_round(l, lanes, bytes, rtt_ns, rtt_ns, UINT64_MAX);
	return l->use;
}

static void
how_many(void)
{
	struct hpn_lanes l;
	unsigned int i, n;

	TEST_START("lanes: one, where that is not what limits");
	hpn_lanes_init(&l, 0);
	ASSERT_INT_EQ(l.use, 1);
	ASSERT_INT_EQ(rounds(&l, 1000, 1, HPN_LANES_WINDOW / 2 - 1, 60 * MS), 1);
	ASSERT_INT_EQ(l.want, 1);
	/* A line without a path: what comes is the machines' business. */
	ASSERT_INT_EQ(rounds(&l, 1000, 1, 64 * MB, MS), 1);
	/* A busy machine: a window takes seven round trips. */
	for (i = 0; i < 1000; i++)
		hpn_lanes_round(&l, 1, HPN_LANES_WINDOW, 420 * MS, 60 * MS,
		    UINT64_MAX);
	ASSERT_INT_EQ(l.want, 1);
	hpn_lanes_round(&l, 1, UINT64_MAX, 0, 60 * MS, UINT64_MAX);
	hpn_lanes_round(&l, 1, UINT64_MAX, 60 * MS, 0, UINT64_MAX);
	ASSERT_INT_EQ(l.want, 1);
	TEST_DONE();

	TEST_START("lanes: five and then ten where each raises the rate");
	hpn_lanes_init(&l, 0);
	n = rounds(&l, 8, 1, HPN_LANES_WINDOW, 100 * MS);
	ASSERT_INT_EQ(n, 5);
	/* They take long to come. */
	ASSERT_INT_EQ(rounds(&l, 100, 1, HPN_LANES_WINDOW, 100 * MS), 5);
	for (i = 0; i < 8 && l.want == 5; i++)
		(void)rounds(&l, 1, 5, 5 * HPN_LANES_WINDOW, 100 * MS);
	ASSERT_INT_EQ(l.want, HPN_LANES_MAX);
	ASSERT_INT_EQ(rounds(&l, 100, 10, 8 * HPN_LANES_WINDOW, 100 * MS),
	    HPN_LANES_MAX);
	ASSERT_INT_EQ(l.given_up, 0);
	TEST_DONE();

	TEST_START("lanes: those that do not raise it are given up for good");
	hpn_lanes_init(&l, 0);
	ASSERT_INT_EQ(rounds(&l, 20, 1, HPN_LANES_WINDOW / 2, 100 * MS), 5);
	ASSERT_INT_EQ(rounds(&l, 20, 5, HPN_LANES_WINDOW / 2 + 100, 100 * MS), 1);
	ASSERT_INT_EQ(l.given_up, 1);
	ASSERT_INT_EQ(rounds(&l, 1000, 1, HPN_LANES_WINDOW, 100 * MS), 1);
	ASSERT_INT_EQ(l.want, 1);
	TEST_DONE();

	TEST_START("lanes: ten that are no quicker than five were: five");
	hpn_lanes_init(&l, 0);
	(void)rounds(&l, 8, 1, HPN_LANES_WINDOW, 100 * MS);
	(void)rounds(&l, 8, 5, 5 * HPN_LANES_WINDOW, 100 * MS);
	ASSERT_INT_EQ(l.use, HPN_LANES_MAX);
	ASSERT_INT_EQ(rounds(&l, 20, 10, 5 * HPN_LANES_WINDOW, 100 * MS), 5);
	ASSERT_INT_EQ(l.given_up, 1);
	TEST_DONE();

	TEST_START("lanes: back to one where that was quicker");
	hpn_lanes_init(&l, 0);
	(void)rounds(&l, 40, 1, HPN_LANES_WINDOW, 100 * MS);
	(void)rounds(&l, 8, 5, 5 * HPN_LANES_WINDOW, 100 * MS);
	(void)rounds(&l, 40, 10, 8 * HPN_LANES_WINDOW, 100 * MS);
	ASSERT_INT_EQ(l.use, HPN_LANES_MAX);
	/* A slower moment is not enough. */
	ASSERT_INT_EQ(rounds(&l, 5, 10, MB, 100 * MS), HPN_LANES_MAX);
	ASSERT_INT_EQ(rounds(&l, 100, 10, MB, 100 * MS), 1);
	ASSERT_INT_EQ(l.given_up, 1);
	TEST_DONE();

	TEST_START("lanes: no more than there is work for, or than is wished");
	hpn_lanes_init(&l, 3);
	ASSERT_INT_EQ(rounds(&l, 8, 1, HPN_LANES_WINDOW, 100 * MS), 3);
	ASSERT_INT_EQ(rounds(&l, 100, 3, 3 * HPN_LANES_WINDOW, 100 * MS), 3);
	hpn_lanes_init(&l, 1);
	ASSERT_INT_EQ(rounds(&l, 100, 1, 64 * MB, SEC), 1);
	hpn_lanes_init(&l, 99);
	ASSERT_INT_EQ(l.most, HPN_LANES_MAX);
	hpn_lanes_init(&l, 0);
	hpn_lanes_round(&l, 1, HPN_LANES_WINDOW, 100 * MS, 100 * MS,
	    2 * HPN_LANES_SHARE - 1);
	ASSERT_INT_EQ(l.want, 1);
	hpn_lanes_round(&l, 1, HPN_LANES_WINDOW, 100 * MS, 100 * MS,
	    2 * HPN_LANES_SHARE);
	ASSERT_INT_EQ(l.want, 2);
	TEST_DONE();

	TEST_START("lanes: made before they are needed where it takes long");
	hpn_lanes_init(&l, 0);
	hpn_lanes_prepare(&l, 100 * MS, 40 * MB);
	ASSERT_INT_EQ(l.want, 5);
	ASSERT_INT_EQ(l.use, 1);
	ASSERT_INT_EQ(rounds(&l, 100, 1, HPN_LANES_WINDOW / 2 - 1, 100 * MS),
	    1);
	ASSERT_INT_EQ(l.want, 5);
	ASSERT_INT_EQ(rounds(&l, 1, 1, HPN_LANES_WINDOW / 2, 100 * MS), 5);
	hpn_lanes_prepare(&l, 100 * MS, 200 * MB - 1);
	ASSERT_INT_EQ(l.want, 5);
	hpn_lanes_prepare(&l, 100 * MS, 200 * MB);
	ASSERT_INT_EQ(l.want, HPN_LANES_MAX);
	ASSERT_INT_EQ(l.use, 5);
	/* They are no quicker: neither those nor the next ones are used. */
	ASSERT_INT_EQ(rounds(&l, 20, 5, HPN_LANES_WINDOW / 2, 100 * MS), 1);
	hpn_lanes_prepare(&l, 100 * MS, UINT64_MAX);
	ASSERT_INT_EQ(l.want, 1);
	hpn_lanes_init(&l, 0);
	hpn_lanes_prepare(&l, 100 * MS, 40 * MB - 1);
	hpn_lanes_prepare(&l, MS, UINT64_MAX);
	hpn_lanes_prepare(&l, 0, UINT64_MAX);
	ASSERT_INT_EQ(l.want, 1);
	hpn_lanes_init(&l, 1);
	hpn_lanes_prepare(&l, SEC, UINT64_MAX);
	ASSERT_INT_EQ(l.want, 1);
	TEST_DONE();

	TEST_START("lanes: none come, and none is asked for again");
	hpn_lanes_init(&l, 0);
	ASSERT_INT_EQ(rounds(&l, 8, 1, HPN_LANES_WINDOW, 100 * MS), 5);
	ASSERT_INT_EQ(rounds(&l, 1000, 1, HPN_LANES_WINDOW, 100 * MS), 5);
	hpn_lanes_no_more(&l);
	ASSERT_INT_EQ(rounds(&l, 1000, 1, 64 * MB, 100 * MS), 5);
	ASSERT_INT_EQ(l.want, 5);
	TEST_DONE();

	TEST_START("lanes: whatever is said, from one to as many as there may be");
	hpn_lanes_init(&l, 0);
	for (i = 0; i < 20000; i++) {
		hpn_lanes_round(&l, 1 + i % 13, (uint64_t)i * i * i * i,
		    i % 7 * 50 * MS, i % 11 * 20 * MS, i % 5 == 0 ? i :
		    UINT64_MAX);
		ASSERT_INT_GE(l.use, 1);
		ASSERT_INT_LE(l.use, l.want);
		ASSERT_INT_LE(l.want, HPN_LANES_MAX);
	}
	TEST_DONE();
}

static void
which_file(void)
{
	static unsigned char piece[HPN_LANES_PIECE], shown[HPN_LANES_PIECE];
	struct hpn_lanes_proof p, q;
	unsigned int i, hidden;
	size_t at;

	TEST_START("lanes: what is hidden is pages of zeros, as chance wants");
	for (at = 0; at < sizeof(piece); at++)
		piece[at] = (unsigned char)(1 + at % 251);
	for (i = 0; i < 64; i++) {
		ASSERT_INT_EQ(hpn_lanes_hide(&p, piece, 1ULL << i, shown), 0);
		for (at = 0; at < sizeof(piece); at++)
			ASSERT_INT_EQ(shown[at],
			    at / HPN_LANES_PAGE == i ? 0 : piece[at]);
	}
	ASSERT_INT_EQ(hpn_lanes_hide(&p, piece, UINT64_MAX, shown), 0);
	for (at = 0; at < sizeof(piece); at++)
		ASSERT_INT_EQ(shown[at], 0);
	TEST_DONE();

	TEST_START("lanes: each bit of chance shows where it is looked at");
	memset(piece, 0, sizeof(piece));
	for (i = 0; i < HPN_LANES_PAGES; i++)
		piece[i * HPN_LANES_PAGE + i * 67 % HPN_LANES_PAGE] = 1;
	piece[HPN_LANES_PIECE - 1] = 1;
	for (i = 0; i < HPN_LANES_PAGES; i++) {
		ASSERT_INT_EQ(hpn_lanes_hide(&p, piece, 1ULL << i, shown), 0);
		ASSERT_U64_EQ(p.told, (1ULL << HPN_LANES_PAGES) - 1);
		at = i * HPN_LANES_PAGE + p.at[i];
		ASSERT_INT_LE(p.at[i], HPN_LANES_PAGE - HPN_LANES_LOOK);
		ASSERT_INT_EQ(hpn_lanes_shown(shown, at, shown + at,
		    HPN_LANES_LOOK), 1);
		/* The source itself is not it */
		ASSERT_INT_EQ(hpn_lanes_shown(shown, at, piece + at,
		    HPN_LANES_LOOK), 0);
		/* ... nor is it what another chance has made */
		ASSERT_INT_EQ(hpn_lanes_hide(&q, piece, 0, shown), 0);
		ASSERT_U64_EQ(q.hidden, 0);
	}
	TEST_DONE();

	TEST_START("lanes: too many zeros tell nothing");
	memset(piece, 0, sizeof(piece));
	ASSERT_INT_EQ(hpn_lanes_hide(&p, piece, 0, shown), -1);
	for (i = 0; i < HPN_LANES_PAGES_LEAST - 1; i++)
		piece[i * HPN_LANES_PAGE] = 1;
	ASSERT_INT_EQ(hpn_lanes_hide(&p, piece, 0, shown), -1);
	piece[i * HPN_LANES_PAGE + HPN_LANES_PAGE - 1] = 1;
	ASSERT_INT_EQ(hpn_lanes_hide(&p, piece, 0, shown), 0);
	ASSERT_INT_EQ(p.at[i], HPN_LANES_PAGE - HPN_LANES_LOOK);
	TEST_DONE();

	TEST_START("lanes: nothing is looked at that was not sent");
	ASSERT_INT_EQ(hpn_lanes_shown(shown, HPN_LANES_PIECE, shown, 1), 0);
	ASSERT_INT_EQ(hpn_lanes_shown(shown, UINT64_MAX, shown, 1), 0);
	ASSERT_INT_EQ(hpn_lanes_shown(shown, HPN_LANES_PIECE - 1, shown, 2), 0);
	ASSERT_INT_EQ(hpn_lanes_shown(shown, 0, shown, HPN_LANES_PIECE + 1ULL),
	    0);
	TEST_DONE();

	TEST_START("lanes: an interruption leaves pages that resuming finds");
	hidden = HPN_RESUME_STRIDE;
	ASSERT_INT_GE(HPN_LANES_PAGE, 2 * hidden);
	ASSERT_U64_LE(HPN_LANES_PIECE, HPN_RESUME_SPAN);
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
	which_file();
	how_much();
	option();
}
