/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-buf. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "hpn-buf.h"
#include "misc.h"
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

/*
 * Memory of malloc(3) that had another use before, of so many bytes: what is large is
 * a mapping of its own the first time, and is in the heap the second time.
 */
static void
use_before(size_t len)
{
	/* A compiler leaves out what is only freed */
	void *(* volatile fill)(void *, int, size_t) = memset;
	u_char *p;
	int i;

	for (i = 0; i < 2; i++) {
		p = malloc(len);
		ASSERT_PTR_NE(p, NULL);
		fill(p, 0xa5, len);
		free(p);
	}
}

static u_char
nth(size_t i)
{
	return (u_char)(i * 7 + (i >> 8) + (i >> 16));
}

/* Whether memory of malloc(3) of this size has a stretch of nth() in it. */
static int
left_there(size_t len)
{
	u_char *p = malloc(len);
	size_t i, same = 0;

	ASSERT_INT_EQ(p == NULL, 0);
	for (i = 0; i < len && same < 64; i++)
		same = p[i] == nth(i) ? same + 1 : 0;
	free(p);
	return same >= 64;
}

static void
test_release(void)
{
	const size_t page = (size_t)getpagesize();
	size_t i, at, len;
	u_char *p;

	TEST_START("buf: what is released is zero, and nothing beside it is");
	for (at = 1; at < 2 * page; at += page / 2 - 7) {
		for (len = 1; len < 4 * page; len += page - 5) {
			p = malloc(7 * page);
			ASSERT_PTR_NE(p, NULL);
			memset(p, 0xa5, 7 * page);
			hpn_buf_release(p + at, len);
			for (i = 0; i < 7 * page; i++)
				if (p[i] != (i >= at && i < at + len ? 0 : 0xa5))
					break;
			ASSERT_SIZE_T_EQ(i, 7 * page);
			free(p);
		}
	}
	TEST_DONE();
}

static void
test_lend(void)
{
	const size_t len = 2 * MB;
	u_char *p, *got;
	size_t lent = 0, there = 0;
	ssize_t n;
	int fds[2];

	TEST_START("pipe: memory begins on a page");
	p = hpn_pipe_memory(len);
	ASSERT_PTR_NE(p, NULL);
	ASSERT_U64_EQ((uintptr_t)p % HPN_PIPE_PAGE, 0);
	errno = 0;
	ASSERT_PTR_EQ(hpn_pipe_memory(SIZE_MAX / 2), NULL);
	ASSERT_INT_EQ(errno, ENOMEM);
	TEST_DONE();

	TEST_START("pipe: what is lent arrives; a full one is not waited for");
	for (there = 0; there < len; there++)
		p[there] = nth(there);
	ASSERT_INT_EQ(pipe(fds), 0);
	set_nonblock(fds[0]);
	set_nonblock(fds[1]);
	/* Who waits for ever is ended */
	alarm(60);
	while ((n = hpn_pipe_lend(fds[1], p + lent, len - lent)) > 0)
		lent += (size_t)n;
	alarm(0);
	ASSERT_INT_EQ((int)n, -1);
	if (errno != ENOSYS) {
		ASSERT_INT_EQ(errno, EAGAIN);
		ASSERT_U64_GT(lent, 0);
		ASSERT_SIZE_T_LT(lent, len);
	}
	got = malloc(len);
	ASSERT_PTR_NE(got, NULL);
	for (there = 0; (n = read(fds[0], got + there, len - there)) > 0; )
		there += (size_t)n;
	ASSERT_SIZE_T_EQ(there, lent);
	if (lent != 0)
		ASSERT_MEM_EQ(got, p, lent);
	close(fds[0]);
	close(fds[1]);
	TEST_DONE();

	TEST_START("pipe: only a pipe is lent memory, and others say so");
	ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	set_nonblock(fds[0]);
	ASSERT_INT_EQ((int)hpn_pipe_lend(fds[0], p, len), -1);
	ASSERT_INT_NE(errno, EAGAIN);
	ASSERT_INT_NE(errno, EINTR);
	close(fds[0]);
	close(fds[1]);
	free(got);
	free(p);
	TEST_DONE();
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
			p[i] = nth(i);
		use_before(need + 2 * HPN_PIPE_PAGE);
		q = hpn_buf_move(p, moved[j], need);
		ASSERT_PTR_NE(q, NULL);
		for (i = 0; i < moved[j]; i++)
			if (q[i] != nth(i))
				break;
		ASSERT_SIZE_T_EQ(i, moved[j]);
		ASSERT_MEM_ZERO_EQ(q + moved[j], need - moved[j]);
		ASSERT_U64_EQ((uintptr_t)q % HPN_PIPE_PAGE, 0);
		/* The old one was wiped before others could get it */
		ASSERT_INT_EQ(left_there(moved[j] + 1), 0);
		free(q);
	}
	TEST_DONE();

	TEST_START("buf: the same where it stays small");
	for (need = 512; need < MB / 8; need *= 2) {
		p = malloc(need / 2);
		ASSERT_PTR_NE(p, NULL);
		for (i = 0; i < need / 2; i++)
			p[i] = nth(i);
		use_before(need);
		q = hpn_buf_move(p, need / 2, need);
		ASSERT_PTR_NE(q, NULL);
		for (i = 0; i < need / 2; i++)
			if (q[i] != nth(i))
				break;
		ASSERT_SIZE_T_EQ(i, need / 2);
		ASSERT_MEM_ZERO_EQ(q + need / 2, need / 2);
		ASSERT_INT_EQ(left_there(need / 2), 0);
		free(q);
	}
	TEST_DONE();

	test_release();
	test_lend();

	TEST_START("buf: a move that fails leaves the old buffer");
	p = malloc(5);
	ASSERT_PTR_NE(p, NULL);
	memcpy(p, "abcd", 5);
	ASSERT_PTR_EQ(hpn_buf_move(p, 5, SIZE_MAX / 2), NULL);
	ASSERT_MEM_EQ(p, "abcd", 5);
	free(p);
	TEST_DONE();
}
