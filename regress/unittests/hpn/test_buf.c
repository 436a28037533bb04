/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-buf. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-buf.h"
#include "hpn-pipe.h"
#include "hpn-window.h"
#include "tests.h"

static void
check_grown(size_t alloc, size_t need, size_t max)
{
	size_t grown = hpn_buf_grown(alloc, need, max);

	test_subtest_info("alloc %zu need %zu max %zu: %zu", alloc, need, max,
	    grown);
	ASSERT_SIZE_T_GE(grown, need);
	ASSERT_SIZE_T_LE(grown, max);
}

void
test_buf(void)
{
	static const size_t sizes[] = {		/* rising */
		0, 1, 255, 256, 257, 1024, MB - 1, MB, MB + 1, 2 * MB,
		3 * MB, 100 * MB, 0x8000000, SIZE_MAX / 3, SIZE_MAX / 2,
		SIZE_MAX / 2 + 1, SIZE_MAX / 3 * 2, SIZE_MAX - 256,
		SIZE_MAX - 1, SIZE_MAX
	};
	static const size_t moved[] = {
		0, 1, 4095, 4096, 300000, MB - 1, MB, MB + 1, 3 * MB,
		5 * MB + 12345
	};
	const size_t n = sizeof(sizes) / sizeof(sizes[0]);
	size_t i, j, k, alloc, need, copied, moves;
	u_char *p, *q;

	TEST_START("buf: small ones grow as they always did");
	ASSERT_SIZE_T_EQ(hpn_buf_grown(256, 512, 0x8000000), 512);
	ASSERT_SIZE_T_EQ(hpn_buf_grown(MB / 16, MB / 16 + 256, 0x8000000),
	    MB / 16 + 256);
	TEST_DONE();

	TEST_START("buf: large ones grow by half");
	ASSERT_SIZE_T_EQ(hpn_buf_grown(MB / 8, MB / 8 + 256, 0x8000000),
	    MB / 8 + MB / 16);
	ASSERT_SIZE_T_EQ(hpn_buf_grown(4 * MB, 4 * MB + 256, 0x8000000),
	    6 * MB);
	ASSERT_SIZE_T_EQ(hpn_buf_grown(4 * MB, 20 * MB, 0x8000000), 20 * MB);
	ASSERT_SIZE_T_EQ(hpn_buf_grown(4 * MB, 4 * MB + 256, 5 * MB), 5 * MB);
	ASSERT_SIZE_T_EQ(hpn_buf_grown(4 * MB, 5 * MB, 5 * MB), 5 * MB);
	TEST_DONE();

	TEST_START("buf: at least what is needed, at most what is allowed");
	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++)
			for (k = j; k < n; k++)
				check_grown(sizes[i], sizes[j], sizes[k]);
	TEST_DONE();

	TEST_START("buf: packing moves little for what it gains");
	ASSERT_INT_EQ(hpn_buf_pack(4 * MB, 4 * MB + 1, 0), 0);
	ASSERT_INT_EQ(hpn_buf_pack(4 * MB, 4 * MB + 1, MB - 1), 0);
	ASSERT_INT_NE(hpn_buf_pack(4 * MB, 4 * MB + 1, MB), 0);
	ASSERT_INT_EQ(hpn_buf_pack(4 * MB, 4 * MB, 4 * MB), 0);
	ASSERT_INT_EQ(hpn_buf_pack(MB / 16, MB / 8, MB / 16), 0);
	ASSERT_INT_EQ(hpn_buf_pack(0, 1, 0), 0);
	ASSERT_INT_EQ(hpn_buf_pack(SIZE_MAX, SIZE_MAX, SIZE_MAX), 0);
	ASSERT_INT_NE(hpn_buf_pack(SIZE_MAX - 1, SIZE_MAX, SIZE_MAX / 2), 0);
	TEST_DONE();

	TEST_START("buf: the largest window fits, and what is tolerated beyond");
	ASSERT_SIZE_T_GE(HPN_BUF_MAX,
	    HPN_WINDOW_CEILING + HPN_WINDOW_CEILING / 10);
	TEST_DONE();

	TEST_START("buf: 128 MiB by steps of 256 bytes, few copies");
	copied = moves = 0;
	for (alloc = 256, need = 512; need <= 128 * MB; need += 256) {
		if (need <= alloc)
			continue;
		/* Copies of up to 128 KiB are stock's. */
		if (need >= MB / 8) {
			copied += alloc;
			moves++;
		}
		alloc = hpn_buf_grown(alloc, need, 256 * MB);
	}
	ASSERT_SIZE_T_LE(copied, 3 * 128 * (size_t)MB);
	ASSERT_SIZE_T_LE(moves, 20);
	TEST_DONE();

	TEST_START("buf: a move keeps the content, zeroes the rest, begins on a page");
	for (j = 0; j < sizeof(moved) / sizeof(moved[0]); j++) {
		test_subtest_info("%zu bytes", moved[j]);
		need = moved[j] + 2 * MB;
		p = malloc(moved[j] + 1);	/* malloc(0) may be NULL */
		ASSERT_PTR_NE(p, NULL);
		for (i = 0; i < moved[j]; i++)
			p[i] = (u_char)(i * 7 + (i >> 8) + (i >> 16));
		q = hpn_buf_move(p, moved[j], need);
		ASSERT_PTR_NE(q, NULL);
		for (i = 0; i < moved[j]; i++)
			if (q[i] != (u_char)(i * 7 + (i >> 8) + (i >> 16)))
				break;
		ASSERT_SIZE_T_EQ(i, moved[j]);
		ASSERT_MEM_ZERO_EQ(q + moved[j], need - moved[j]);
		ASSERT_U64_EQ((uintptr_t)q % HPN_PIPE_PAGE, 0);
		/* The next one may get this memory */
		memset(q, 0xa5, need);
		free(q);
	}
	TEST_DONE();

	TEST_START("buf: a move that fails leaves the old buffer");
	p = malloc(5);
	ASSERT_PTR_NE(p, NULL);
	memcpy(p, "abcd", 5);
	ASSERT_PTR_EQ(hpn_buf_move(p, 5, SIZE_MAX / 2), NULL);
	ASSERT_MEM_EQ(p, "abcd", 5);
	free(p);
	TEST_DONE();
}
