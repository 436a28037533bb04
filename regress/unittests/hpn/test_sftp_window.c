/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-sftp-window. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-sftp-window.h"
#include "tests.h"

#define START	(1000 * SEC)

/*
 * A path of rate bytes per second and a round trip of rtt, on which as much as
 * may be is always under way, for so many round trips.  What is under way
 * beyond rate * rtt waits somewhere.  Returns bytes delivered in the last one.
 */
static uint64_t
transfer(struct hpn_sftp_window *x, uint64_t *now_ns, uint64_t rate,
    uint64_t rtt, int rounds, uint64_t len)
{
	uint64_t bdp = rate * (rtt / MS) / 1000, asked, left, chunk;

	for (asked = 0; rounds > 0; rounds--) {
		for (asked = 0; hpn_sftp_window_may_ask(x, asked, 1, len);)
			asked += len;
		if (asked > bdp)
			asked = bdp;
		/* Answers are spread over the round trip */
		for (left = asked; left > 0; left -= chunk) {
			chunk = asked / 16 + 1;
			if (chunk > left)
				chunk = left;
			*now_ns += rtt / 16;
			hpn_sftp_window_delivered(x, chunk, *now_ns);
		}
	}
	return asked;
}

void
test_sftp_window(void)
{
	struct hpn_sftp_window x;
	uint64_t now = START, bdp, window;
	unsigned int n;

	TEST_START("xfer: one request may always be sent");
	memset(&x, 0xff, sizeof(x));
	hpn_sftp_window_init(&x, 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 0, 0, UINT64_MAX), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 0, 0, 0), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, HPN_SFTP_WINDOW_MIN, 1, 1),
	    0);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, HPN_SFTP_WINDOW_MIN - 1, 1,
	    1), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, UINT64_MAX, 1, 1), 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 1, 1, UINT64_MAX), 0);
	/* ... and one that moves no data while there is room for requests */
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, HPN_SFTP_WINDOW_MIN, 1, 0),
	    1);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 0, HPN_SFTP_WINDOW_REQUESTS,
	    0), 0);
	TEST_DONE();

	TEST_START("xfer: grows until it is not what limits");
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_answered(&x, 100 * MS);
	/* 1 Gbit/s: in flight are 12.5 MB, three times what it begins with */
	bdp = 12500000;
	ASSERT_U64_LT(x.window, bdp);
	ASSERT_U64_EQ(transfer(&x, &now, 125000000, 100 * MS, 8, 255 * KB),
	    bdp);
	ASSERT_U64_GE(x.window, 2 * bdp);
	/* ... and no further */
	(void)transfer(&x, &now, 125000000, 100 * MS, 200, 255 * KB);
	ASSERT_U64_GE(x.window, 2 * bdp);
	ASSERT_U64_LE(x.window, 2 * bdp + bdp / 4 + HPN_SFTP_WINDOW_MIN);
	TEST_DONE();

	TEST_START("xfer: follows a path that becomes faster, and slower");
	(void)transfer(&x, &now, 500000000, 100 * MS, 12, 255 * KB);
	ASSERT_U64_GE(x.window, 2 * 4 * bdp);
	(void)transfer(&x, &now, 12500000, 100 * MS, 200, 255 * KB);
	ASSERT_U64_LE(x.window, 2 * bdp / 10 + bdp / 40 + HPN_SFTP_WINDOW_MIN);
	TEST_DONE();

	TEST_START("xfer: never more than the most, never less than the least");
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_answered(&x, 1000 * MS);
	(void)transfer(&x, &now, 10000000000ULL, 1000 * MS, 40, 255 * KB);
	ASSERT_U64_EQ(x.window, HPN_SFTP_WINDOW_MAX);
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_answered(&x, 1);
	for (n = 0; n < 1000; n++)
		hpn_sftp_window_delivered(&x, 1, now += SEC);
	ASSERT_U64_GE(x.window, HPN_SFTP_WINDOW_MIN);
	ASSERT_U64_LE(x.window, HPN_SFTP_WINDOW_MIN + KB);
	/* Absurd figures: no overflow */
	hpn_sftp_window_delivered(&x, UINT64_MAX, now += SEC);
	hpn_sftp_window_delivered(&x, UINT64_MAX, now += SEC);
	hpn_sftp_window_answered(&x, UINT64_MAX);
	ASSERT_U64_LE(x.window, HPN_SFTP_WINDOW_MAX);
	TEST_DONE();

	TEST_START("xfer: a slow disk at either end does not make it grow");
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_answered(&x, 50 * MS);
	window = x.window;
	(void)transfer(&x, &now, 2000000, 50 * MS, 400, 32 * KB);
	ASSERT_U64_LE(x.window, window + MB);
	TEST_DONE();

	TEST_START("xfer: the shortest answer tells the round trip");
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_answered(&x, 0);
	ASSERT_U64_EQ(x.rtt_ns, 0);
	hpn_sftp_window_answered(&x, 300 * MS);
	hpn_sftp_window_answered(&x, 100 * MS);
	hpn_sftp_window_answered(&x, 200 * MS);
	ASSERT_U64_EQ(x.rtt_ns, 100 * MS);
	TEST_DONE();

	TEST_START("xfer: a clock that goes back does no harm");
	now += SEC;
	hpn_sftp_window_delivered(&x, MB, now);
	hpn_sftp_window_delivered(&x, MB, now - SEC / 2);
	hpn_sftp_window_delivered(&x, MB, now + SEC);
	ASSERT_U64_GE(x.window, HPN_SFTP_WINDOW_MIN);
	ASSERT_U64_LE(x.window, HPN_SFTP_WINDOW_MAX);
	TEST_DONE();

	TEST_START("xfer: what the user fixes stays");
	hpn_sftp_window_init(&x, 3);
	hpn_sftp_window_answered(&x, 100 * MS);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 2 * HPN_SFTP_WINDOW_MAX, 2,
	    MB), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 0, 3, 1), 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_ask(&x, 0, 3, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, 2, 0), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, 3, 0), 0);
	TEST_DONE();

	TEST_START("xfer: few files at first, more as the server closes them");
	hpn_sftp_window_init(&x, 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, 0, UINT64_MAX), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, HPN_SFTP_WINDOW_FILES_FIRST -
	    1, 0), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, HPN_SFTP_WINDOW_FILES_FIRST,
	    0), 0);
	/* Nor while those that are open have enough to move */
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, 1, HPN_SFTP_WINDOW_MIN), 0);
	for (n = 0; n < 1000; n++)
		hpn_sftp_window_closed(&x);
	ASSERT_U64_EQ(x.files, HPN_SFTP_WINDOW_FILES_UNKNOWN);
	TEST_DONE();

	TEST_START("xfer: what is made ahead of its data can be sent soon");
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_handles(&x, 1000);
	hpn_sftp_window_answered(&x, 10 * MS);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 0, UINT64_MAX), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 100,
	    HPN_SFTP_WINDOW_AHEAD_FIRST - 1), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 1,
	    HPN_SFTP_WINDOW_AHEAD_FIRST), 0);
	/* As more is moved, more may be ahead */
	hpn_sftp_window_delivered(&x, MB, now += SEC);
	hpn_sftp_window_delivered(&x, MB, now += MS);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 1,
	    HPN_SFTP_WINDOW_AHEAD_FIRST), 1);
	/* 1 MB and 100 files in a second are 250 KB and 25 files soon */
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_handles(&x, 1000);
	hpn_sftp_window_answered(&x, 10 * MS);
	for (n = 0; n < 101; n++) {
		hpn_sftp_window_delivered(&x, 10000, now += 10 * MS);
		hpn_sftp_window_closed(&x);
	}
	ASSERT_U64_GE(x.soon_bytes, 240000);
	ASSERT_U64_LE(x.soon_bytes, 260000);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 25 +
	    HPN_SFTP_WINDOW_AHEAD_FILES - 2, HPN_SFTP_WINDOW_AHEAD_BYTES), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 25 +
	    HPN_SFTP_WINDOW_AHEAD_FILES + 2, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 1,
	    260000 + HPN_SFTP_WINDOW_AHEAD_BYTES), 0);
	/* ... and four times a round trip, if that is longer */
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_handles(&x, 1000);
	hpn_sftp_window_answered(&x, SEC);
	for (n = 0; n < 801; n++)
		hpn_sftp_window_delivered(&x, 10000, now += 10 * MS);
	ASSERT_U64_GE(x.soon_bytes, 3900000);
	ASSERT_U64_LE(x.soon_bytes, 4100000);
	/* A path that stops has less ahead, and never nothing */
	for (n = 0; n < 100; n++)
		hpn_sftp_window_delivered(&x, 0, now += 5 * SEC);
	ASSERT_U64_EQ(x.soon_bytes, 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_create(&x, 1,
	    HPN_SFTP_WINDOW_AHEAD_BYTES - 1), 1);
	/* Absurd figures: no overflow */
	for (n = 0; n < 4; n++)
		hpn_sftp_window_delivered(&x, UINT64_MAX, now += 4 * SEC);
	ASSERT_U64_EQ(x.soon_bytes, HPN_SFTP_WINDOW_MAX);
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_answered(&x, UINT64_MAX);
	hpn_sftp_window_delivered(&x, 1, 1);
	hpn_sftp_window_delivered(&x, 1, UINT64_MAX - 1);
	ASSERT_INT_EQ(x.soon_known, 0);
	TEST_DONE();

	TEST_START("xfer: what the server allows");
	hpn_sftp_window_handles(&x, 1000);
	for (n = 0; n < 1000; n++)
		hpn_sftp_window_closed(&x);
	ASSERT_U64_EQ(x.files, HPN_SFTP_WINDOW_FILES_MAX);
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_handles(&x, 20);
	ASSERT_U64_EQ(x.files, 15);
	hpn_sftp_window_handles(&x, 1);
	ASSERT_U64_EQ(x.files, 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_open(&x, 0, 0), 1);
	hpn_sftp_window_handles(&x, UINT64_MAX);
	for (n = 0; n < 1000; n++)
		hpn_sftp_window_closed(&x);
	ASSERT_U64_EQ(x.files, HPN_SFTP_WINDOW_FILES_MAX);
	TEST_DONE();

	TEST_START("xfer: what we can open ourselves");
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_local(&x, 12);
	ASSERT_U64_EQ(x.files, 12);
	hpn_sftp_window_handles(&x, 1000);
	for (n = 0; n < 1000; n++)
		hpn_sftp_window_closed(&x);
	ASSERT_U64_EQ(x.files, 12);
	hpn_sftp_window_handles(&x, 8);
	ASSERT_U64_EQ(x.files, 6);
	hpn_sftp_window_init(&x, 0);
	hpn_sftp_window_local(&x, HPN_SFTP_WINDOW_FILES_MAX);
	ASSERT_U64_EQ(x.files, HPN_SFTP_WINDOW_FILES_FIRST);
	hpn_sftp_window_handles(&x, UINT64_MAX);
	TEST_DONE();

	TEST_START("xfer: what the server was seen to bear");
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 100000), 1);
	hpn_sftp_window_bears(&x, 0);
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 100000), 1);
	hpn_sftp_window_bears(&x, 50);
	ASSERT_U64_EQ(x.files, 50);
	ASSERT_U64_EQ(x.dirs, 12);
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 49), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 50), 0);
	/* Nothing that it says, or does, makes that more */
	hpn_sftp_window_handles(&x, UINT64_MAX);
	hpn_sftp_window_handles(&x, 1000);
	hpn_sftp_window_closed(&x);
	hpn_sftp_window_bears(&x, 60);
	ASSERT_U64_EQ(x.files, 50);
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 50), 0);
	hpn_sftp_window_bears(&x, 1);
	ASSERT_U64_EQ(x.files, 1);
	ASSERT_U64_EQ(x.dirs, 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 0), 1);
	ASSERT_INT_EQ(hpn_sftp_window_may_hold(&x, 1), 0);
	TEST_DONE();
}
