/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-connections. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-connections.h"
#include "tests.h"

/*
 * For so many seconds of tenths, n connections are ready and bring rate bytes in
 * each second.
 */
static unsigned int
moved(struct hpn_connections *c, unsigned int seconds, unsigned int n,
    uint64_t rate)
{
	unsigned int i;

	for (i = 0; i < 10 * seconds; i++)
		hpn_connections_moved(c, n, rate / 10, 100 * MS, 50 * MS,
		    UINT64_MAX);
	return c->use;
}

static void
how_many(void)
{
	struct hpn_connections c;
	unsigned int ready, coming, n, most, i;

	TEST_START("connections: one at first, then the others");
	hpn_connections_init(&c, 8, 0);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 1, 0), 1);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 1, 1), 0);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 2, 0), 6);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 2, 4), 2);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 2, 6), 0);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 3, 3), 2);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 6, 1), 1);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 8, 0), 0);
	/* One has ended. */
	ASSERT_INT_EQ(hpn_connections_begin(&c, 7, 0), 1);
	TEST_DONE();

	TEST_START("connections: never many on their way");
	for (most = 0; most < 30; most++) {
		hpn_connections_init(&c, most, 0);
		ASSERT_INT_LE(c.use, HPN_CONNECTIONS_MAX);
		for (ready = 1; ready < 20; ready++) {
			for (coming = 0; coming < 5; coming++) {
				n = hpn_connections_begin(&c, ready, coming);
				if (n == 0)
					continue;
				ASSERT_INT_LE(n + coming,
				    HPN_CONNECTIONS_COMING);
				if (ready == 1)
					ASSERT_INT_EQ(n + coming, 1);
				else
					ASSERT_INT_LE(ready + coming + n,
					    c.use);
			}
		}
	}
	TEST_DONE();

	TEST_START("connections: none after a failure");
	hpn_connections_init(&c, 8, 0);
	hpn_connections_stop(&c, 3);
	ASSERT_INT_EQ(c.use, 3);
	for (ready = 1; ready < 10; ready++)
		ASSERT_INT_EQ(hpn_connections_begin(&c, ready, 0), 0);
	hpn_connections_init(&c, 1, 0);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 1, 0), 0);
	hpn_connections_init(&c, 0, 1);
	ASSERT_INT_EQ(hpn_connections_begin(&c, 1, 0), 0);
	TEST_DONE();

	TEST_START("connections: one more while it helps by a tenth");
	hpn_connections_init(&c, HPN_CONNECTIONS_MAX, 1);
	ASSERT_INT_EQ(c.use, 1);
	for (n = 1; n < 5; n++) {
		ASSERT_INT_EQ(moved(&c, 8, n, n * 10 * MB), n + 1);
		/* It takes long to come. */
		ASSERT_INT_EQ(moved(&c, 60, n, MB), n + 1);
	}
	ASSERT_INT_EQ(moved(&c, 20, 5, 43 * MB), 4);
	ASSERT_INT_EQ(moved(&c, 100, 4, 99 * MB), 4);
	/* One that ends is replaced. */
	ASSERT_INT_EQ(hpn_connections_begin(&c, 3, 0), 1);
	hpn_connections_init(&c, 3, 1);
	for (n = 1; n <= 3; n++)
		(void)moved(&c, 20, n, n * 10 * MB);
	ASSERT_INT_EQ(c.use, 3);
	TEST_DONE();

	TEST_START("connections: none for the little that is left");
	hpn_connections_init(&c, HPN_CONNECTIONS_MAX, 1);
	for (i = 0; i < 1000; i++)
		hpn_connections_moved(&c, 1, MB, 100 * MS, 50 * MS, 30 * MB);
	ASSERT_INT_EQ(c.use, 1);
	TEST_DONE();

	TEST_START("connections: whatever is said");
	hpn_connections_init(&c, HPN_CONNECTIONS_MAX, 1);
	for (i = 0; i < 10000; i++) {
		hpn_connections_moved(&c, i % 13, (uint64_t)i * i * i * i,
		    i % 7 == 0 ? 0 : (uint64_t)i * i * MS, i % 5 == 0 ?
		    UINT64_MAX : i * MS, i % 3 == 0 ? UINT64_MAX : i);
		ASSERT_INT_GE(c.use, 1);
		ASSERT_INT_LE(c.use, HPN_CONNECTIONS_MAX);
	}
	TEST_DONE();
}

/* Steps of 100 ms in which n bring rate bytes a second, until use is not that. */
static unsigned int
steps(struct hpn_connections *c, unsigned int n, uint64_t rate, uint64_t rtt_ns,
    unsigned int use, unsigned int most)
{
	unsigned int i;

	for (i = 0; i < most && c->use == use; i++)
		hpn_connections_moved(c, n, rate / 10, 100 * MS, rtt_ns,
		    UINT64_MAX);
	return i;
}

static void
settling(void)
{
	struct hpn_connections c;

	TEST_START("connections: a new one gets going before it is looked at");
	hpn_connections_init(&c, HPN_CONNECTIONS_MAX, 1);
	ASSERT_INT_EQ(steps(&c, 1, 10 * MB, 50 * MS, 1, 100), 15);
	ASSERT_INT_EQ(c.use, 2);
	/* It is on its way, for as long as it likes. */
	ASSERT_INT_EQ(steps(&c, 1, 10 * MB, 50 * MS, 2, 100), 100);
	/* It is there, and for a second all are slow. */
	ASSERT_INT_EQ(steps(&c, 2, 0, 50 * MS, 2, 10), 10);
	ASSERT_INT_EQ(steps(&c, 2, 20 * MB, 50 * MS, 2, 100), 15);
	ASSERT_INT_EQ(c.use, 3);
	/* The next one brings much at first, and nothing later. */
	ASSERT_INT_EQ(steps(&c, 2, 20 * MB, 50 * MS, 3, 1), 1);
	ASSERT_INT_EQ(steps(&c, 3, 200 * MB, 50 * MS, 3, 10), 10);
	ASSERT_INT_EQ(steps(&c, 3, 21 * MB, 50 * MS, 3, 100), 30);
	ASSERT_INT_EQ(c.use, 2);
	TEST_DONE();

	TEST_START("connections: it takes ten long round trips");
	hpn_connections_init(&c, HPN_CONNECTIONS_MAX, 1);
	ASSERT_INT_EQ(steps(&c, 1, 10 * MB, 500 * MS, 1, 100), 60);
	ASSERT_INT_EQ(steps(&c, 1, 10 * MB, 500 * MS, 2, 1), 1);
	ASSERT_INT_EQ(steps(&c, 2, 0, 500 * MS, 2, 50), 50);
	ASSERT_INT_EQ(steps(&c, 2, 20 * MB, 500 * MS, 2, 100), 60);
	ASSERT_INT_EQ(c.use, 3);
	TEST_DONE();
}

static void
proofs(void)
{
	struct hpn_connections_proofs p;
	unsigned int i;

	TEST_START("connections: so many files prove one, and no others");
	memset(&p, 0, sizeof(p));
	for (i = 0; i < 4; i++) {
		ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 3, 4), 1);
		hpn_connections_proof_begun(&p, 3);
	}
	ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 3, 4), 0);
	ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 2, 4), 1);
	/* One was not copied after all: another takes its place. */
	hpn_connections_proof_dropped(&p, 3);
	ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 3, 4), 1);
	hpn_connections_proof_begun(&p, 3);
	for (i = 0; i < 3; i++) {
		ASSERT_INT_EQ(hpn_connections_proof_ended(&p, 3, 1, 4), 0);
		ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 3, 4), 0);
		ASSERT_INT_EQ(hpn_connections_proved(&p, 3), 0);
		ASSERT_INT_EQ(hpn_connections_provable(&p, 3), 1);
	}
	ASSERT_INT_EQ(hpn_connections_proof_ended(&p, 3, 1, 4), 1);
	ASSERT_INT_EQ(hpn_connections_proved(&p, 3), 1);
	ASSERT_INT_EQ(hpn_connections_provable(&p, 3), 0);
	ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 3, 4), 0);
	for (i = 0; i < HPN_LANES_SLOTS; i++)
		ASSERT_INT_EQ(hpn_connections_proved(&p, i), i == 3);
	TEST_DONE();

	TEST_START("connections: one that fails twice is not proved");
	memset(&p, 0, sizeof(p));
	for (i = 0; i < 2; i++) {
		ASSERT_INT_EQ(hpn_connections_provable(&p, 1), 1);
		ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 1, 1), 1);
		hpn_connections_proof_begun(&p, 1);
		ASSERT_INT_EQ(hpn_connections_proof_ended(&p, 1, 0, 1), 0);
	}
	ASSERT_INT_EQ(hpn_connections_provable(&p, 1), 0);
	ASSERT_INT_EQ(hpn_connections_wants_proof(&p, 1, 1), 0);
	ASSERT_INT_EQ(hpn_connections_proved(&p, 1), 0);
	/* Others may, all of them. */
	for (i = 2; i < HPN_LANES_SLOTS; i++) {
		hpn_connections_proof_begun(&p, i);
		ASSERT_INT_EQ(hpn_connections_proof_ended(&p, i, 1, 1), 1);
		ASSERT_INT_EQ(hpn_connections_proved(&p, i), 1);
	}
	ASSERT_INT_EQ(hpn_connections_provable(&p, 1), 0);
	TEST_DONE();
}

static void
leads(void)
{
	struct hpn_connections_window w;

	TEST_START("connections: what proofs wait behind is short");
	hpn_connections_window_init(&w);
	ASSERT_INT_EQ(hpn_connections_leads(&w, 65535), 1);
	ASSERT_INT_EQ(hpn_connections_leads(&w, 65536), 0);
	ASSERT_INT_EQ(hpn_connections_leads(&w, UINT64_MAX), 0);
	/* It grows with what a round trip brings. */
	w.most = MB;
	ASSERT_INT_EQ(hpn_connections_leads(&w, 2 * MB - 1), 1);
	ASSERT_INT_EQ(hpn_connections_leads(&w, 2 * MB), 0);
	w.most = 100;
	ASSERT_INT_EQ(hpn_connections_leads(&w, 65535), 1);
	ASSERT_INT_EQ(hpn_connections_leads(&w, 65536), 0);
	TEST_DONE();
}

static void
windows(void)
{
	struct hpn_connections_window w, x;
	uint64_t now = SEC, rate;
	unsigned int i;

	TEST_START("connections: twice what each brings in a round trip");
	hpn_connections_window_init(&w);
	ASSERT_U64_EQ(w.window, HPN_CONNECTIONS_LEAST);
	for (i = 0; i < 1000; i++)
		hpn_connections_window_moved(&w, MB / 4, now += 10 * MS,
		    100 * MS);
	/* 25 MB a second, and a tenth of that on its way */
	ASSERT_U64_GE(w.window, 4 * MB);
	ASSERT_U64_LE(w.window, 6 * MB);
	for (i = 0; i < 3000; i++)
		hpn_connections_window_moved(&w, 10, now += 10 * MS, 100 * MS);
	ASSERT_U64_EQ(w.window, HPN_CONNECTIONS_LEAST);
	TEST_DONE();

	TEST_START("connections: it opens as fast as TCP does");
	hpn_connections_window_init(&w);
	for (i = 0; i < 12; i++) {
		rate = w.window;
		hpn_connections_window_moved(&w, rate, now += 101 * MS,
		    100 * MS);
	}
	ASSERT_U64_EQ(w.window, HPN_CONNECTIONS_MOST);
	hpn_connections_window_moved(&w, UINT64_MAX / 4, now += SEC, 0);
	hpn_connections_window_moved(&w, 1, 5, UINT64_MAX);
	ASSERT_U64_LE(w.window, HPN_CONNECTIONS_MOST);
	TEST_DONE();

	TEST_START("connections: a short queue where an answer is waited for");
	hpn_connections_window_init(&w);
	ASSERT_INT_EQ(hpn_connections_window_brief(&w, 0, 64 * MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_brief(&w, 1, 1), 0);
	w.most = 100;
	ASSERT_INT_EQ(hpn_connections_window_brief(&w, 150, 50), 1);
	ASSERT_INT_EQ(hpn_connections_window_brief(&w, 150, 51), 0);
	ASSERT_INT_EQ(hpn_connections_window_brief(&w, 200, 1), 0);
	ASSERT_INT_EQ(hpn_connections_window_brief(&w, UINT64_MAX, 1), 0);
	TEST_DONE();

	TEST_START("connections: what may be under way, and where first");
	hpn_connections_window_init(&w);
	hpn_connections_window_init(&x);
	ASSERT_INT_EQ(hpn_connections_window_may(&w, 0, 64 * MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_may(&w, 1, 64 * MB), 0);
	ASSERT_INT_EQ(hpn_connections_window_may(&w, UINT64_MAX, 1), 0);
	ASSERT_INT_EQ(hpn_connections_window_may(&w,
	    HPN_CONNECTIONS_LEAST - 10, 10), 1);
	ASSERT_INT_EQ(hpn_connections_window_may(&w,
	    HPN_CONNECTIONS_LEAST - 10, 11), 0);
	ASSERT_INT_EQ(hpn_connections_window_compare(&w, 5, &x, 5), 0);
	ASSERT_INT_LT(hpn_connections_window_compare(&w, 4, &x, 5), 0);
	x.window *= 2;
	ASSERT_INT_GT(hpn_connections_window_compare(&w, 4, &x, 5), 0);
	TEST_DONE();
}

static void
small_files(void)
{
	struct hpn_connections_window w, x;

	TEST_START("connections: what small files are worth");
	ASSERT_U64_EQ(hpn_connections_left(0, 77), 77);
	ASSERT_U64_EQ(hpn_connections_left(3, 77),
	    3 * HPN_CONNECTIONS_FILE + 77);
	ASSERT_U64_EQ(hpn_connections_left(UINT64_MAX, 77), UINT64_MAX);
	ASSERT_U64_EQ(hpn_connections_left(1, UINT64_MAX), UINT64_MAX);
	ASSERT_U64_EQ(hpn_connections_left(0, UINT64_MAX), UINT64_MAX);
	TEST_DONE();

	TEST_START("connections: where a small file begins");
	hpn_connections_window_init(&w);
	hpn_connections_window_init(&x);
	ASSERT_INT_EQ(hpn_connections_window_open(&w, 0), 1);
	ASSERT_INT_EQ(hpn_connections_window_open(&w,
	    HPN_CONNECTIONS_LEAST - 1), 1);
	ASSERT_INT_EQ(hpn_connections_window_open(&w, HPN_CONNECTIONS_LEAST),
	    0);
	/* Six times what a round trip brings, and three times if that grows no more. */
	w.most = MB;
	ASSERT_INT_EQ(hpn_connections_window_open(&w, 6 * MB - 1), 1);
	ASSERT_INT_EQ(hpn_connections_window_open(&w, 6 * MB), 0);
	w.still = 4;
	ASSERT_INT_EQ(hpn_connections_window_open(&w, 3 * MB - 1), 1);
	ASSERT_INT_EQ(hpn_connections_window_open(&w, 3 * MB), 0);
	/* Even one that is larger than the window, where nothing else is. */
	w.window = 0;
	ASSERT_INT_EQ(hpn_connections_window_open(&w, 0), 1);
	hpn_connections_window_init(&w);
	/* Empty ones count, too; a large one counts more. */
	ASSERT_INT_LT(hpn_connections_window_compare(&w,
	    hpn_connections_window_files(1, 0), &x,
	    hpn_connections_window_files(2, 0)), 0);
	ASSERT_INT_GT(hpn_connections_window_compare(&w,
	    hpn_connections_window_files(1, 100000), &x,
	    hpn_connections_window_files(2, 0)), 0);
	TEST_DONE();
}

static void
feed(void)
{
	struct hpn_connections_window w;
	uint64_t now = SEC;
	unsigned int i;

	TEST_START("connections: what waits to be sent");
	hpn_connections_window_init(&w);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 0, 9 * MB, 64 * MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 1, 0,
	    HPN_CONNECTIONS_FEED_LEAST - 1), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 1, 0,
	    HPN_CONNECTIONS_FEED_LEAST), 0);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, UINT64_MAX, 0, 1), 0);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 1,
	    HPN_CONNECTIONS_QUEUE - 1, 1), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 1,
	    HPN_CONNECTIONS_QUEUE, 1), 0);
	w.most = 2 * MB;
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 2 * MB, MB - 1, 1), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 2 * MB, MB, 1), 0);
	TEST_DONE();

	TEST_START("connections: TCP doubles it in the beginning, and not later");
	hpn_connections_window_init(&w);
	hpn_connections_window_moved(&w, 0, now, 100 * MS);
	for (i = 0; i < 5; i++) {
		now += 100 * MS;
		hpn_connections_window_moved(&w, (MB / 16) << i, now, 100 * MS);
	}
	/* A megabyte in the last round: eight times that may be needed. */
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 14 * MB, 0, MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 16 * MB, 0, MB), 0);
	ASSERT_U64_EQ(w.window, 4 * MB);
	/* What proves a file is no round without growth. */
	for (i = 0; i < 20; i++)
		hpn_connections_window_moved(&w, 4096, now += 100 * MS,
		    100 * MS);
	w.most = MB;
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 14 * MB, 0, MB), 1);
	for (i = 0; i < 3; i++)
		hpn_connections_window_moved(&w, MB, now += 100 * MS,
		    100 * MS);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 14 * MB, 0, MB), 1);
	hpn_connections_window_moved(&w, MB, now += 100 * MS, 100 * MS);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 3 * MB, 0, MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 4 * MB, 0, MB), 0);
	ASSERT_U64_EQ(w.window, 2 * MB);
	/* Answers that a loss had kept back. */
	hpn_connections_window_moved(&w, 2 * MB, now += 100 * MS, 100 * MS);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 7 * MB, 0, MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, 8 * MB, 0, MB), 0);
	hpn_connections_window_moved(&w, UINT64_MAX / 4, now += SEC, 0);
	ASSERT_INT_EQ(hpn_connections_window_feed(&w, HPN_CONNECTIONS_MOST, 0,
	    1), 0);
	TEST_DONE();

	TEST_START("connections: a piece is a part of what a round trip brings");
	ASSERT_SIZE_T_EQ(hpn_connections_portion(0, UINT64_MAX, 262144), 32768);
	ASSERT_SIZE_T_EQ(hpn_connections_portion(200000, UINT64_MAX, 262144),
	    50000);
	ASSERT_SIZE_T_EQ(hpn_connections_portion(UINT64_MAX, UINT64_MAX,
	    262144), 262144);
	ASSERT_SIZE_T_EQ(hpn_connections_portion(UINT64_MAX, 256 * 40000,
	    262144), 40000);
	ASSERT_SIZE_T_EQ(hpn_connections_portion(UINT64_MAX, 0, 262144), 32768);
	ASSERT_SIZE_T_EQ(hpn_connections_portion(UINT64_MAX, 0, 1000), 1000);
	TEST_DONE();

	TEST_START("connections: little is under way at the end");
	hpn_connections_window_init(&w);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, MB, MB, 0, MB), 0);
	w.usual = MB;
	/* One alone has nobody to wait for. */
	ASSERT_INT_EQ(hpn_connections_window_last(&w, 9 * MB, MB, 0, MB), 0);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, 0, 9 * MB, 0, 8 * MB), 0);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, 2 * MB, MB, 0, 8 * MB),
	    0);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, 2 * MB, MB + 1, 0,
	    8 * MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, 9 * MB, MB,
	    24 * 8 * MB - 1, 8 * MB), 1);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, 9 * MB, MB,
	    24 * 8 * MB, 8 * MB), 0);
	ASSERT_INT_EQ(hpn_connections_window_last(&w, UINT64_MAX, SIZE_MAX,
	    UINT64_MAX, UINT64_MAX), 1);
	TEST_DONE();
}

static void
late(void)
{
	struct hpn_connections_window slow, fast;
	uint64_t now = SEC, usual;
	unsigned int i, n;

	TEST_START("connections: the last bytes do not go through a slow one");
	hpn_connections_window_init(&slow);
	hpn_connections_window_init(&fast);
	for (i = 0; i < 100; i++) {
		now += 100 * MS;
		hpn_connections_window_moved(&slow, MB / 20, now, 100 * MS);
		hpn_connections_window_moved(&fast, MB, now, 100 * MS);
	}
	usual = slow.usual + fast.usual;
	ASSERT_U64_GE(slow.usual, MB / 25);
	ASSERT_U64_LE(fast.usual, MB);
	/* A quarter of a megabyte takes it five round trips. */
	ASSERT_INT_EQ(hpn_connections_window_late(&slow, 0, MB / 4, 40 * MB,
	    usual), 0);
	ASSERT_INT_EQ(hpn_connections_window_late(&slow, 0, MB / 4, 3 * MB,
	    usual), 1);
	ASSERT_INT_EQ(hpn_connections_window_late(&slow, MB / 4, MB / 4, 8 * MB,
	    usual), 1);
	for (i = 0; i < 100; i++)
		ASSERT_INT_EQ(hpn_connections_window_late(&fast, MB / 2, MB / 4,
		    i * MB, usual), 0);
	TEST_DONE();

	TEST_START("connections: one alone is never late, nor is an unknown one");
	for (i = 0; i < 100; i++)
		for (n = 0; n < 10; n++)
			ASSERT_INT_EQ(hpn_connections_window_late(&slow, i * MB,
			    MB, n, slow.usual), 0);
	hpn_connections_window_init(&slow);
	/* A proof, and a page that is shown. */
	for (i = 0; i < 100; i++)
		hpn_connections_window_moved(&slow, i == 50 ? 4096 : 16,
		    now += 10 * MS, 100 * MS);
	ASSERT_INT_EQ(hpn_connections_window_late(&slow, 9 * MB, MB, 0,
	    fast.usual), 0);
	ASSERT_INT_EQ(hpn_connections_window_late(&slow, UINT64_MAX, SIZE_MAX,
	    UINT64_MAX, UINT64_MAX), 0);
	TEST_DONE();
}

static void
pieces(void)
{
	uint64_t left;
	size_t len;
	unsigned int n;

	TEST_START("connections: the last piece of a file is short");
	ASSERT_SIZE_T_EQ(hpn_connections_piece(10 * MB, 262144), 262144);
	ASSERT_SIZE_T_EQ(hpn_connections_piece(262145, 262144), 262144);
	ASSERT_SIZE_T_EQ(hpn_connections_piece(262144, 262144), 258048);
	ASSERT_SIZE_T_EQ(hpn_connections_piece(4097, 262144), 1);
	ASSERT_SIZE_T_EQ(hpn_connections_piece(UINT64_MAX, 262144), 262144);
	for (left = 1; left < 3 * 262144; left += 4093) {
		uint64_t rest = left;

		for (n = 0; rest > 0; n++) {
			ASSERT_INT_LT((int)n, 6);
			len = hpn_connections_piece(rest, 262144);
			ASSERT_U64_GT(len, 0);
			if (len >= rest)
				ASSERT_U64_LE(rest, 4096);
			rest -= len < rest ? len : rest;
		}
	}
	TEST_DONE();
}

static void
options(void)
{
	static const char *const wrong[] = { "connections=", "connections=0",
	    "connections=11", "connections=1x", "connections= 1",
	    "connections=-1", "connections=01", "connections=AUTO",
	    "connections=99999999999999999999" };
	unsigned int most = 77, i;
	int adapt = 77;

	TEST_START("connections: -X connections=");
	ASSERT_INT_EQ(hpn_connections_option("channels=3", &most, &adapt), 0);
	ASSERT_INT_EQ(hpn_connections_option("connections", &most, &adapt), 0);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ASSERT_INT_EQ(hpn_connections_option(wrong[i], &most, &adapt),
		    -1);
	ASSERT_INT_EQ(most, 77);
	ASSERT_INT_EQ(hpn_connections_option("connections=1", &most, &adapt), 1);
	ASSERT_INT_EQ(most, 1);
	ASSERT_INT_EQ(adapt, 0);
	ASSERT_INT_EQ(hpn_connections_option("connections=10", &most, &adapt),
	    1);
	ASSERT_INT_EQ(most, 10);
	ASSERT_INT_EQ(hpn_connections_option("connections=auto", &most, &adapt),
	    1);
	ASSERT_INT_EQ(most, HPN_CONNECTIONS_MAX);
	ASSERT_INT_EQ(adapt, 1);
	TEST_DONE();
}

void
test_connections(void)
{
	how_many();
	settling();
	windows();
	proofs();
	leads();
	small_files();
	feed();
	late();
	pieces();
	options();
}
