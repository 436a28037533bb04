/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-window: single calls and their bounds. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-window.h"
#include "tests.h"

#define START	(1000 * SEC)	/* what the clock shows in the beginning */

static struct hpn_window_facts
facts(uint64_t now_ns, uint64_t rtt_ns, uint64_t consumed, uint32_t window)
{
	struct hpn_window_facts f;

	memset(&f, 0, sizeof(f));
	f.now_ns = now_ns;
	f.rtt_ns = f.rtt_min_ns = rtt_ns;
	f.consumed = consumed;
	f.window = window;
	/* Nothing waits for the application. */
	f.credit = consumed < window ? window - (uint32_t)consumed : 0;
	f.window_max = HPN_WINDOW_CEILING;
	f.headroom = UINT64_MAX;
	f.ahead_max = UINT64_MAX;
	return f;
}

/* Update and check what hpn-window.h promises of every update. */
static uint32_t
update(struct hpn_window *w, const struct hpn_window_facts *f)
{
	uint32_t window = hpn_window_update(w, f), needed = w->floor;

	if (needed > f->window_max)
		needed = f->window_max;
	if (needed > HPN_WINDOW_CEILING)
		needed = HPN_WINDOW_CEILING;
	if (window > f->window) {
		ASSERT_U64_LE((uint64_t)window - f->window, f->headroom);
		ASSERT_U32_LE(window, f->window_max);
		ASSERT_U32_LE(window, HPN_WINDOW_CEILING);
		if (window > w->floor)
			ASSERT_U64_NE(f->rtt_ns, 0);
	} else {
		ASSERT_U64_LE((uint64_t)f->window - window, f->consumed);
		if (f->credit < needed)
			ASSERT_U64_LE((uint64_t)f->window - window,
			    f->consumed / 2);
	}
	return window;
}

/*
 * `n` round trips in each of which the application takes `bytes`, or what the
 * window lets come, in eight parts of an equal length.  Where it says so the
 * window may not run ahead, or part of the round trip is queueing.  Returns
 * the window after.
 */
static uint32_t
consume_as(struct hpn_window *w, uint64_t *now_ns, uint64_t rtt_ns,
    uint64_t bytes, int n, uint32_t window, uint64_t rtt_min_ns,
    uint64_t ahead_max)
{
	struct hpn_window_facts f;
	int i;

	for (i = 0; i < 8 * n; i++) {
		*now_ns += rtt_ns / 8;
		f = facts(*now_ns, rtt_ns, bytes / 8 < window ? bytes / 8 :
		    window, window);
		f.rtt_min_ns = rtt_min_ns;
		f.ahead_max = ahead_max;
		window = update(w, &f);
	}
	return window;
}

static uint32_t
consume(struct hpn_window *w, uint64_t *now_ns, uint64_t rtt_ns,
    uint64_t bytes, int n, uint32_t window)
{
	return consume_as(w, now_ns, rtt_ns, bytes, n, window, rtt_ns,
	    UINT64_MAX);
}

/* The window that hpn-window.h names for a BDP: where TCP has no room ... */
static uint64_t
base_rule(uint64_t bdp)
{
	uint64_t slack = bdp / 4;

	if (slack < HPN_WINDOW_SLACK)
		slack = HPN_WINDOW_SLACK;
	return bdp + (slack < bdp ? slack : bdp);
}

/* ... and where it has. */
static uint64_t
rule(uint64_t bdp)
{
	return bdp / 4 * 13;
}

/* Within a fiftieth */
static void
check_near(uint64_t window, uint64_t expected)
{
	if (expected > HPN_WINDOW_CEILING)
		expected = HPN_WINDOW_CEILING;
	ASSERT_U64_GE(window, expected - expected / 50);
	ASSERT_U64_LE(window, expected + expected / 50);
}

static void
test_growth(void)
{
	static const uint64_t bdps[] = {
		2 * MB, 5 * MB, 12 * MB, 40 * MB, 64 * MB, 200 * MB
	};
	struct hpn_window w;
	struct hpn_window_facts f;
	uint64_t now;
	uint32_t window;
	size_t i;

	TEST_START("window: init");
	memset(&w, 0xff, sizeof(w));
	hpn_window_init(&w, 2 * MB);
	ASSERT_U32_EQ(w.floor, 2 * MB);
	ASSERT_U64_EQ(w.start_ns, 0);
	ASSERT_U64_EQ(w.used, 0);
	ASSERT_U64_EQ(w.bdp, 0);
	ASSERT_U64_EQ(w.peak, 0);
	ASSERT_U32_EQ(w.start, 0);
	TEST_DONE();

	TEST_START("window: the first update only starts the clock");
	hpn_window_init(&w, 2 * MB);
	f = facts(START, 100 * MS, 2 * MB, 2 * MB);
	ASSERT_U32_EQ(update(&w, &f), 2 * MB);
	TEST_DONE();

	TEST_START("window: ahead of what was consumed in one round trip");
	f = facts(START + 50 * MS, 100 * MS, 2 * MB, 2 * MB);
	window = update(&w, &f);
	ASSERT_U32_GE(window, 2 * 2 * MB);
	ASSERT_U32_LE(window, 5 * 2 * MB);
	TEST_DONE();

	TEST_START("window: stays while the application takes little");
	hpn_window_init(&w, 2 * MB);
	now = START;
	ASSERT_U32_EQ(consume(&w, &now, 100 * MS, 256 * KB, 1000, 2 * MB),
	    2 * MB);
	TEST_DONE();

	TEST_START("window: settles at the rule's");
	for (i = 0; i < sizeof(bdps) / sizeof(bdps[0]); i++) {
		test_subtest_info("BDP %llu", (unsigned long long)bdps[i]);
		hpn_window_init(&w, 2 * MB);
		now = START;
		window = consume(&w, &now, 80 * MS, bdps[i], 60, 2 * MB);
		check_near(window, rule(bdps[i]));
	}
	TEST_DONE();

	TEST_START("window: the same at a round trip shorter than the interval");
	/* 1 ms and 1 GB/s: 1 MB; measured over 10 ms */
	hpn_window_init(&w, 64 * KB);
	now = START;
	window = consume(&w, &now, 1 * MS, 1000000, 200, 64 * KB);
	check_near(window, 3250000);
	TEST_DONE();

	TEST_START("window: round trip unknown, no growth");
	hpn_window_init(&w, 2 * MB);
	window = 2 * MB;
	for (i = 0; i < 1000; i++) {
		f = facts(START + i * 10 * MS, 0, 100 * MB, window);
		window = update(&w, &f);
		ASSERT_U32_EQ(window, 2 * MB);
	}
	TEST_DONE();

	TEST_START("window: growth starts when the round trip gets known");
	f = facts(START + 11 * SEC, 100 * MS, 10 * MB, window);
	(void)update(&w, &f);
	f = facts(START + 11 * SEC + 50 * MS, 100 * MS, 10 * MB, window);
	window = update(&w, &f);
	ASSERT_U32_GT(window, 2 * MB);
	TEST_DONE();

	TEST_START("window: shrinks after consumption fell");
	hpn_window_init(&w, 2 * MB);
	now = START;
	window = consume(&w, &now, 100 * MS, 40 * MB, 40, 2 * MB);
	ASSERT_U32_GT(window, 40 * MB);
	window = consume(&w, &now, 100 * MS, 4 * MB, 1, window);
	ASSERT_U32_GT(window, 40 * MB);		/* not at once */
	window = consume(&w, &now, 100 * MS, 4 * MB, 400, window);
	check_near(window, rule(4 * MB));
	TEST_DONE();
}

static void
test_ahead(void)
{
	static const uint64_t bdps[] = { 2 * MB, 5 * MB, 12 * MB, 40 * MB };
	struct hpn_window w;
	struct hpn_window_facts f;
	uint64_t now;
	uint32_t window;
	size_t i;
	int n;

	TEST_START("ahead: what BBR needs, and a tenth, in the steady state");
	for (i = 0; i < sizeof(bdps) / sizeof(bdps[0]); i++) {
		test_subtest_info("BDP %llu", (unsigned long long)bdps[i]);
		hpn_window_init(&w, 2 * MB);
		now = START;
		window = consume(&w, &now, 80 * MS, bdps[i], 60, 2 * MB);
		for (n = 0; n < 200; n++) {
			window = consume(&w, &now, 80 * MS, bdps[i], 1,
			    window);
			ASSERT_U64_GE(window, bdps[i] / 100 * 289 / 10 * 11);
			ASSERT_U64_LE(window, rule(bdps[i]) + bdps[i] / 50);
		}
	}
	TEST_DONE();

	TEST_START("ahead: more while TCP starts, and for no longer");
	for (i = 0; i < sizeof(bdps) / sizeof(bdps[0]); i++) {
		test_subtest_info("BDP %llu", (unsigned long long)bdps[i]);
		hpn_window_init(&w, 2 * MB);
		now = START;
		/* The first grow it: as much as there is in each */
		window = consume(&w, &now, 80 * MS, bdps[i], 8, 2 * MB);
		ASSERT_U32_GT(w.start, 0);
		check_near(window, bdps[i] * 5);
		for (n = 0; n < 7; n++) {
			window = consume(&w, &now, 80 * MS, bdps[i], 1,
			    window);
			ASSERT_U64_GE(window, bdps[i] / 2 * 9);
		}
		window = consume(&w, &now, 80 * MS, bdps[i], 20, window);
		ASSERT_U32_EQ(w.start, 0);
		check_near(window, rule(bdps[i]));
	}
	TEST_DONE();

	TEST_START("ahead: the first bytes of all are a start");
	hpn_window_init(&w, 2 * MB);
	now = START;
	f = facts(now, 80 * MS, 64 * KB, 2 * MB);
	(void)update(&w, &f);
	ASSERT_U64_EQ(w.peak, 0);
	ASSERT_U32_EQ(w.start, 0);
	/* nothing arrives: nothing rises from nothing */
	f = facts(now + 40 * MS, 80 * MS, 0, 2 * MB);
	f.credit = w.credit;
	(void)update(&w, &f);
	ASSERT_U64_EQ(w.peak, 0);
	ASSERT_U32_EQ(w.start, 0);
	f = facts(now + 50 * MS, 80 * MS, MB, 2 * MB);
	window = update(&w, &f);
	ASSERT_U32_GT(w.start, 0);
	check_near(window, 5 * MB);
	/* as little for long is no start any more, and needs no window */
	hpn_window_init(&w, 2 * MB);
	window = consume(&w, &now, 80 * MS, 800, 500, 2 * MB);
	ASSERT_U32_EQ(w.start, 0);
	ASSERT_U32_EQ(window, 2 * MB);
	TEST_DONE();

	TEST_START("ahead: a start is remembered by its peak");
	hpn_window_init(&w, 2 * MB);
	now = START;
	window = consume(&w, &now, 80 * MS, 12 * MB, 60, 2 * MB);
	/* half for some round trips, as a loss makes it, and back */
	window = consume(&w, &now, 80 * MS, 6 * MB, 10, window);
	for (n = 0; n < 20; n++) {
		window = consume(&w, &now, 80 * MS, 12 * MB, 1, window);
		ASSERT_U32_EQ(w.start, 0);
	}
	check_near(window, rule(12 * MB));
	/* a quarter more is within what varies */
	window = consume(&w, &now, 80 * MS, 14 * MB, 20, window);
	ASSERT_U32_EQ(w.start, 0);
	/* half for long: then it is another path, and TCP starts on it */
	window = consume(&w, &now, 80 * MS, 6 * MB, 100, window);
	check_near(window, rule(6 * MB));
	window = consume(&w, &now, 80 * MS, 24 * MB, 4, window);
	ASSERT_U32_GT(w.start, 0);
	check_near(window, 24 * MB * 5);
	TEST_DONE();

	TEST_START("ahead: not without TcpRcvBufPoll, start or no start");
	for (i = 0; i < sizeof(bdps) / sizeof(bdps[0]); i++) {
		test_subtest_info("BDP %llu", (unsigned long long)bdps[i]);
		hpn_window_init(&w, 2 * MB);
		now = START;
		window = 2 * MB;
		for (n = 0; n < 60; n++) {
			window = consume_as(&w, &now, 80 * MS, bdps[i], 1,
			    window, 80 * MS, 0);
			ASSERT_U64_LE(window, base_rule(bdps[i]));
		}
		check_near(window, base_rule(bdps[i]));
	}
	TEST_DONE();

	TEST_START("ahead: as much as TCP has room for");
	hpn_window_init(&w, 2 * MB);
	now = START;
	window = consume_as(&w, &now, 80 * MS, 12 * MB, 60, 2 * MB, 80 * MS,
	    30 * MB);
	ASSERT_U32_EQ(window, 30 * MB);
	TEST_DONE();

	TEST_START("ahead: a sender that will stop is left what it can store");
	for (i = 1; i <= 3; i += 2) {
		/* A third of the round trip is queueing, or none of it. */
		test_subtest_info("round trip of %zu paths", i);
		hpn_window_init(&w, 2 * MB);
		now = START;
		window = consume_as(&w, &now, i * 100 * MS, i * 12 * MB, 60, 2 * MB,
		    100 * MS, UINT64_MAX);
		ASSERT_U32_GE(window, 36 * MB);
		for (n = 0; n < 8 * 8; n++) {
			now += i * 100 * MS / 8;
			f = facts(now, i * 100 * MS, i * 12 * MB / 8, window);
			f.rtt_min_ns = 100 * MS;
			f.stops = 1;
			window = update(&w, &f);
		}
		/* All that is not on its way is stored. */
		ASSERT_U32_LE(window, 12 * MB + HPN_WINDOW_SLACK + 2 * MB);
		ASSERT_U32_GE(window, 12 * MB + HPN_WINDOW_SLACK / 2);
	}
	TEST_DONE();

	TEST_START("ahead: of the path, not of its queue");
	hpn_window_init(&w, 2 * MB);
	now = START;
	window = consume_as(&w, &now, 80 * MS, 12 * MB, 60, 2 * MB, 60 * MS,
	    UINT64_MAX);
	check_near(window, rule(9 * MB));
	/* all but a tenth is queue: the base rule gives more */
	window = consume_as(&w, &now, 80 * MS, 12 * MB, 60, window, 8 * MS,
	    UINT64_MAX);
	check_near(window, base_rule(12 * MB));
	window = consume_as(&w, &now, 80 * MS, 12 * MB, 60, window, 0,
	    UINT64_MAX);
	check_near(window, base_rule(12 * MB));
	/* a shortest round trip longer than the present one is none */
	window = consume_as(&w, &now, 80 * MS, 12 * MB, 60, window, SEC,
	    UINT64_MAX);
	check_near(window, rule(12 * MB));
	TEST_DONE();
}

static void
test_limits(void)
{
	struct hpn_window w;
	struct hpn_window_facts f;
	uint64_t now;
	uint32_t window, before;
	int i;

	TEST_START("window: no headroom, no growth");
	hpn_window_init(&w, 2 * MB);
	f = facts(START, 100 * MS, 1 * MB, 2 * MB);
	(void)update(&w, &f);
	f = facts(START + 50 * MS, 100 * MS, 2 * MB, 2 * MB);
	f.headroom = 0;
	ASSERT_U32_EQ(update(&w, &f), 2 * MB);
	TEST_DONE();

	TEST_START("window: grows by all of a small headroom");
	f.now_ns += MS;
	f.headroom = 1;
	ASSERT_U32_EQ(update(&w, &f), 2 * MB + 1);
	f.headroom = 12345;
	ASSERT_U32_EQ(update(&w, &f), 2 * MB + 12345);
	TEST_DONE();

	TEST_START("window: headroom comes back");
	f.headroom = UINT64_MAX;
	ASSERT_U32_GE(update(&w, &f), 4 * MB);
	TEST_DONE();

	TEST_START("window: ceiling of the channel");
	hpn_window_init(&w, 2 * MB);
	window = 2 * MB;
	for (now = START, i = 0; i < 100; i++, now += 25 * MS) {
		f = facts(now, 100 * MS, window, window);
		f.window_max = 16 * MB + 1;
		window = update(&w, &f);
	}
	ASSERT_U32_EQ(window, 16 * MB + 1);
	TEST_DONE();

	TEST_START("window: ceiling of all channels");
	for (i = 0; i < 100; i++, now += 25 * MS) {
		f = facts(now, 100 * MS, window, window);
		f.window_max = UINT32_MAX;
		window = update(&w, &f);
	}
	ASSERT_U32_EQ(window, HPN_WINDOW_CEILING);
	TEST_DONE();

	TEST_START("window: ceiling below the initial window");
	hpn_window_init(&w, 2 * MB);
	window = 2 * MB;
	for (now = START, i = 0; i < 100; i++, now += 25 * MS) {
		f = facts(now, 100 * MS, 64 * KB, window);
		f.window_max = 64 * KB;
		window = update(&w, &f);
		ASSERT_U32_GE(window, 64 * KB);
	}
	ASSERT_U32_EQ(window, 64 * KB);
	TEST_DONE();

	TEST_START("window: a lower ceiling stops no sender at once");
	hpn_window_init(&w, 2 * MB);
	f = facts(START, 100 * MS, 1 * MB, 2 * MB);
	f.window_max = 64 * KB;
	f.credit = 0;
	ASSERT_U32_EQ(update(&w, &f), 2 * MB - 512 * KB);
	f.credit = 64 * KB - 1;
	ASSERT_U32_EQ(update(&w, &f), 2 * MB - 512 * KB);
	f.credit = 1 * MB;		/* enough to go on with */
	ASSERT_U32_EQ(update(&w, &f), 1 * MB);
	TEST_DONE();

	TEST_START("window: more consumed than the window was");
	hpn_window_init(&w, 0);
	f = facts(START, 100 * MS, 10 * MB, 1 * MB);
	f.window_max = 0;
	ASSERT_U32_EQ(update(&w, &f), 0);
	TEST_DONE();

	TEST_START("window: 0, and nothing consumed");
	hpn_window_init(&w, 0);
	for (i = 0; i < 10; i++) {
		f = facts(START + (unsigned int)i * SEC, 100 * MS, 0, 0);
		ASSERT_U32_EQ(update(&w, &f), 0);
	}
	TEST_DONE();

	TEST_START("window: of one packet, grows to what is needed");
	hpn_window_init(&w, 32 * KB);
	now = START;
	ASSERT_U32_GE(consume(&w, &now, 100 * MS, 10 * MB, 30, 32 * KB),
	    20 * MB);
	TEST_DONE();

	TEST_START("window: TCP's buffer bounds how far ahead, not the rule");
	hpn_window_init(&w, 8 * MB);
	f = facts(START, 100 * MS, 0, 8 * MB);
	(void)update(&w, &f);
	f = facts(START + 50 * MS, 100 * MS, 8 * MB, 8 * MB);
	f.ahead_max = 17 * MB;
	ASSERT_U32_LE(update(&w, &f), 17 * MB);
	f.now_ns += MS;
	f.consumed = 0;
	f.ahead_max = 0;
	ASSERT_U32_GE(update(&w, &f), 16 * MB);
	f.ahead_max = UINT64_MAX;
	ASSERT_U32_GT(update(&w, &f), 17 * MB);
	TEST_DONE();

	TEST_START("window: shrinks by what is consumed at most");
	hpn_window_init(&w, 2 * MB);
	window = 100 * MB;
	for (now = START, i = 0; window > 2 * MB; i++) {
		now += 100 * MS;
		f = facts(now, 100 * MS, 512 * KB, window);
		before = window;
		window = update(&w, &f);
		ASSERT_U32_LE(before - window, 512 * KB);
		ASSERT_INT_LT(i, 1000);
	}
	ASSERT_U32_EQ(window, 2 * MB);
	f = facts(now + SEC, 100 * MS, 0, 100 * MB);
	ASSERT_U32_EQ(update(&w, &f), 100 * MB);
	TEST_DONE();
}

static void
test_clock(void)
{
	struct hpn_window w;
	struct hpn_window_facts f;
	uint64_t now;
	uint32_t window, grown;

	TEST_START("window: an idle channel gives back");
	hpn_window_init(&w, 2 * MB);
	now = START;
	grown = consume(&w, &now, 100 * MS, 20 * MB, 30, 2 * MB);
	ASSERT_U32_GT(grown, 20 * MB);
	now += HPN_WINDOW_IDLE_NS;
	f = facts(now, 100 * MS, 64 * KB, grown);
	window = update(&w, &f);
	ASSERT_U32_EQ(window, grown - 64 * KB);
	window = consume(&w, &now, 100 * MS, 512 * KB, 200, window);
	ASSERT_U32_EQ(window, 2 * MB);
	TEST_DONE();

	TEST_START("window: a pause is not idleness");
	hpn_window_init(&w, 2 * MB);
	now = START;
	grown = consume(&w, &now, 100 * MS, 20 * MB, 30, 2 * MB);
	now += 500 * MS;
	grown = consume(&w, &now, 100 * MS, 20 * MB, 1, grown);
	ASSERT_U32_GT(grown, 20 * MB);
	TEST_DONE();

	TEST_START("window: idleness is long against the round trip");
	hpn_window_init(&w, 2 * MB);
	now = START;
	grown = consume(&w, &now, 4 * SEC, 20 * MB, 30, 2 * MB);
	now += HPN_WINDOW_IDLE_NS;
	f = facts(now, 4 * SEC, 1 * MB, grown);
	(void)update(&w, &f);
	ASSERT_U64_GE(w.bdp, 8 * MB);
	TEST_DONE();

	TEST_START("window: the clock goes back");
	hpn_window_init(&w, 2 * MB);
	now = START;
	grown = consume(&w, &now, 100 * MS, 20 * MB, 30, 2 * MB);
	now = START / 2;
	f = facts(now, 100 * MS, 1 * MB, grown);
	window = update(&w, &f);
	ASSERT_U32_LE(window, grown);
	ASSERT_U32_GE(consume(&w, &now, 100 * MS, 20 * MB, 30, window),
	    20 * MB);
	TEST_DONE();

	TEST_START("window: the clock jumps far ahead");
	hpn_window_init(&w, 2 * MB);
	now = START;
	grown = consume(&w, &now, 100 * MS, 20 * MB, 30, 2 * MB);
	now = UINT64_MAX - 10 * SEC;
	f = facts(now, 100 * MS, 1 * MB, grown);
	window = update(&w, &f);
	ASSERT_U32_LE(window, grown);
	window = consume(&w, &now, 100 * MS, 20 * MB, 30, window);
	ASSERT_U32_GE(window, 20 * MB);
	f = facts(UINT64_MAX, 100 * MS, 20 * MB, window);
	(void)update(&w, &f);
	f = facts(0, 100 * MS, 20 * MB, window);
	(void)update(&w, &f);
	TEST_DONE();

	TEST_START("window: the clock stands still");
	hpn_window_init(&w, 2 * MB);
	window = 2 * MB;
	for (now = 0; now < 1000; now++) {
		f = facts(START, 100 * MS, 1 * MB, window);
		f.window_max = 64 * MB;
		window = update(&w, &f);
	}
	ASSERT_U32_LE(window, 64 * MB);
	TEST_DONE();

	TEST_START("window: the clock is always 0");
	hpn_window_init(&w, 2 * MB);
	for (now = 0; now < 1000; now++) {
		f = facts(0, 100 * MS, 10 * MB, 2 * MB);
		ASSERT_U32_EQ(update(&w, &f), 2 * MB);
	}
	TEST_DONE();
}

static void
test_extremes(void)
{
	static const uint64_t u64[] = {
		0, 1, 100 * MS, UINT32_MAX, UINT32_MAX + 1ULL, 1ULL << 63,
		UINT64_MAX
	};
	static const uint32_t u32[] = {
		0, 1, 2 * MB, HPN_WINDOW_CEILING, 1U << 31, UINT32_MAX
	};
	const size_t n64 = sizeof(u64) / sizeof(u64[0]);
	const size_t n32 = sizeof(u32) / sizeof(u32[0]);
	struct hpn_window fresh, used, w;
	struct hpn_window_facts f;
	size_t i, j, k, l, m, n;
	uint64_t now = START;

	TEST_START("window: every combination of extremes");
	hpn_window_init(&used, 2 * MB);
	(void)consume(&used, &now, 100 * MS, 20 * MB, 10, 2 * MB);
	for (i = 0; i < n64; i++)
	for (j = 0; j < n64; j++)
	for (k = 0; k < n64; k++)
	for (l = 0; l < n32; l++)
	for (m = 0; m < n32; m++)
	for (n = 0; n < n64; n++) {
		test_subtest_info("%zu %zu %zu %zu %zu %zu", i, j, k, l, m, n);
		f = facts(u64[i], u64[j], u64[k], u32[l]);
		f.window_max = u32[m];
		f.headroom = u64[n];
		f.ahead_max = u64[(i + k + n) % n64];
		f.rtt_min_ns = u64[(i + j + l) % n64];
		f.credit = u32[(i + j + m) % n32];
		hpn_window_init(&fresh, u32[(l + m) % n32]);
		(void)update(&fresh, &f);
		(void)update(&fresh, &f);
		w = used;
		(void)update(&w, &f);
		f.now_ns += 100 * MS;		/* may wrap */
		(void)update(&w, &f);
	}
	TEST_DONE();

	TEST_START("window: counters saturate");
	hpn_window_init(&w, 2 * MB);
	f = facts(START, SEC, UINT64_MAX, 2 * MB);
	(void)update(&w, &f);
	for (i = 0; i < 10; i++) {
		f.now_ns += MS;
		(void)update(&w, &f);
	}
	ASSERT_U64_EQ(w.used, UINT64_MAX);
	f.now_ns += SEC;
	ASSERT_U32_LE(update(&w, &f), HPN_WINDOW_CEILING);
	TEST_DONE();
}

static void
test_adjust_due(void)
{
	static const uint32_t u32[] = {
		0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 32 * KB, 64 * KB,
		2 * MB, 128 * MB, HPN_WINDOW_CEILING, UINT32_MAX - 1,
		UINT32_MAX
	};
	const size_t n = sizeof(u32) / sizeof(u32[0]);
	struct hpn_window w;
	size_t i, j, k;

	TEST_START("adjust: nothing consumed, nothing to give back");
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			ASSERT_INT_EQ(hpn_window_adjust_due(u32[i], u32[j], 0),
			    0);
	TEST_DONE();

	TEST_START("adjust: at a 32nd of the window");
	ASSERT_INT_EQ(hpn_window_adjust_due(2 * MB, 2 * MB, 64 * KB - 1), 0);
	ASSERT_INT_NE(hpn_window_adjust_due(2 * MB, 2 * MB, 64 * KB), 0);
	ASSERT_INT_EQ(hpn_window_adjust_due(64 * MB, 40 * MB, 2 * MB - 1), 0);
	ASSERT_INT_NE(hpn_window_adjust_due(64 * MB, 40 * MB, 2 * MB), 0);
	TEST_DONE();

	TEST_START("adjust: when half of the window is used");
	ASSERT_INT_EQ(hpn_window_adjust_due(64 * MB, 32 * MB, 1), 0);
	ASSERT_INT_NE(hpn_window_adjust_due(64 * MB, 32 * MB - 1, 1), 0);
	TEST_DONE();

	TEST_START("adjust: not many in a moment");
	hpn_window_init(&w, 2 * MB);
	w.updated_ns = SEC;
	ASSERT_INT_EQ(hpn_window_adjust_early(&w, SEC, 2 * MB, MB), 1);
	ASSERT_INT_EQ(hpn_window_adjust_early(&w,
	    SEC + HPN_WINDOW_ADJUST_NS - 1, 2 * MB, MB), 1);
	ASSERT_INT_EQ(hpn_window_adjust_early(&w, SEC + HPN_WINDOW_ADJUST_NS,
	    2 * MB, MB), 0);
	ASSERT_INT_EQ(hpn_window_adjust_early(&w, SEC, 2 * MB, MB - 1), 0);
	ASSERT_INT_EQ(hpn_window_adjust_early(&w, SEC - 1, 2 * MB, MB), 0);
	TEST_DONE();

	TEST_START("adjust: a sender without credit never waits for ever");
	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++)
			if (u32[k] > 0)
				ASSERT_INT_NE(hpn_window_adjust_due(u32[i], 0,
				    u32[k]), 0);
	TEST_DONE();
}

/* Whether it was ever taken for bulk while `n` times so much was consumed. */
static int
bulk(struct hpn_window *w, uint64_t *now_ns, uint64_t every_ns, uint64_t bytes,
    int n, uint64_t rtt_ns, int rtt_known)
{
	struct hpn_window_facts f;
	int was = 0;

	for (; n > 0; n--) {
		*now_ns += every_ns;
		f = facts(*now_ns, rtt_ns, bytes, 2 * MB);
		was |= hpn_window_is_bulk(w, *now_ns, bytes, rtt_known);
		(void)update(w, &f);
	}
	return was;
}

static void
test_bulk(void)
{
	struct hpn_window w;
	uint64_t now = START;

	TEST_START("bulk: not requests of 32 KiB, one at a time over 100 ms");
	hpn_window_init(&w, 2 * MB);
	/* An adjust for every other one */
	ASSERT_INT_EQ(bulk(&w, &now, 200 * MS, 64 * KB, 1000, 0, 0), 0);
	ASSERT_INT_EQ(bulk(&w, &now, 200 * MS, 64 * KB, 1000, 100 * MS, 0), 0);
	ASSERT_INT_EQ(bulk(&w, &now, 200 * MS, 64 * KB, 1000, 100 * MS, 1), 0);
	TEST_DONE();

	TEST_START("bulk: they may be over 20 ms, until that is known");
	hpn_window_init(&w, 2 * MB);
	ASSERT_INT_EQ(bulk(&w, &now, 40 * MS, 64 * KB, 10, 0, 0), 1);
	ASSERT_INT_EQ(bulk(&w, &now, 40 * MS, 64 * KB, 1000, 20 * MS, 1), 0);
	TEST_DONE();

	TEST_START("bulk: not three requests in a round trip that is known");
	hpn_window_init(&w, 2 * MB);
	ASSERT_INT_EQ(bulk(&w, &now, 200 * MS / 3, 64 * KB, 1000, 100 * MS, 1),
	    0);
	TEST_DONE();

	TEST_START("bulk: what a window of stock's limits, over any path");
	hpn_window_init(&w, 2 * MB);
	ASSERT_INT_EQ(bulk(&w, &now, 3125000, 64 * KB, 2, 0, 0), 1);
	hpn_window_init(&w, 2 * MB);
	(void)bulk(&w, &now, 3125000, 64 * KB, 64, 100 * MS, 1);
	ASSERT_INT_EQ(bulk(&w, &now, 3125000, 64 * KB, 1, 100 * MS, 1), 1);
	/* 2 MiB in two seconds */
	hpn_window_init(&w, 2 * MB);
	ASSERT_INT_EQ(bulk(&w, &now, 62500000, 64 * KB, 32, 0, 0), 1);
	TEST_DONE();

	TEST_START("bulk: the past does not count");
	hpn_window_init(&w, 2 * MB);
	ASSERT_INT_EQ(bulk(&w, &now, 5 * SEC, 64 * KB, 100, 0, 0), 0);
	ASSERT_INT_EQ(bulk(&w, &now, 10 * MS, 64 * KB, 2, 0, 0), 1);
	TEST_DONE();

	TEST_START("bulk: a clock that went back");
	ASSERT_INT_EQ(hpn_window_is_bulk(&w, 1, 64 * KB, 0), 0);
	ASSERT_INT_EQ(hpn_window_is_bulk(&w, UINT64_MAX, UINT64_MAX, 0), 1);
	TEST_DONE();
}

static void
test_initial(void)
{
	static const uint32_t u32[] = {
		0, 1, 32 * KB, 64 * KB, 2 * MB, HPN_WINDOW_CEILING,
		HPN_WINDOW_CEILING + 1, UINT32_MAX
	};
	static const uint64_t u64[] = {
		0, 1, 32 * KB, 2 * MB, UINT32_MAX, UINT32_MAX + 1ULL, UINT64_MAX
	};
	const size_t n32 = sizeof(u32) / sizeof(u32[0]);
	const size_t n64 = sizeof(u64) / sizeof(u64[0]);
	size_t i, j, k, l;
	uint64_t packets;
	uint32_t window;

	TEST_START("initial: as wanted");
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 128 * MB,
	    256 * MB), 2 * MB);
	TEST_DONE();

	TEST_START("initial: the ceiling");
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 256 * KB,
	    256 * MB), 256 * KB);
	TEST_DONE();

	TEST_START("initial: the budget");
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 128 * MB,
	    32 * MB), 2 * MB);
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 128 * MB,
	    16 * MB), 1 * MB);
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 128 * MB,
	    2 * MB), 128 * KB);
	TEST_DONE();

	TEST_START("initial: some packets at least");
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 128 * MB, 0),
	    HPN_WINDOW_PACKETS * 32 * KB);
	ASSERT_U32_EQ(hpn_window_initial(2 * MB, 32 * KB, 1, 1),
	    HPN_WINDOW_PACKETS * 32 * KB);
	TEST_DONE();

	TEST_START("initial: never more than wanted");
	ASSERT_U32_EQ(hpn_window_initial(1000, 32 * KB, 128 * MB, 0), 1000);
	ASSERT_U32_EQ(hpn_window_initial(0, 32 * KB, 128 * MB,
	    UINT64_MAX), 0);
	TEST_DONE();

	TEST_START("initial: every combination of extremes");
	for (i = 0; i < n32; i++)
	for (j = 0; j < n32; j++)
	for (k = 0; k < n32; k++)
	for (l = 0; l < n64; l++) {
		test_subtest_info("%zu %zu %zu %zu", i, j, k, l);
		window = hpn_window_initial(u32[i], u32[j], u32[k], u64[l]);
		packets = (uint64_t)HPN_WINDOW_PACKETS * u32[j];
		if (packets > u32[i])
			packets = u32[i];
		ASSERT_U32_LE(window, u32[i]);
		ASSERT_U64_GE(window, packets);
		if (window > packets) {
			ASSERT_U32_LE(window, u32[k]);
			ASSERT_U32_LE(window, HPN_WINDOW_CEILING);
			ASSERT_U64_LE(window, u64[l]);
		}
	}
	TEST_DONE();
}

void
test_window(void)
{
	test_growth();
	test_ahead();
	test_limits();
	test_clock();
	test_extremes();
	test_adjust_due();
	test_bulk();
	test_initial();
}
