/* SPDX-License-Identifier: ISC */
/* See hpn-buf.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hpn-buf.h"
#include "hpn-pipe.h"

/* Smaller buffers, as connections without bulk have, grow as they ever did. */
#define LARGE	(128 * 1024)

/* So much is there twice while a buffer moves, bytes. */
#define PIECE	(1024 * 1024)

int
hpn_buf_pack(size_t alloc, size_t need, size_t consumed)
{
	/* A quarter: at most three bytes are moved for each that is gained */
	return alloc >= LARGE && need > alloc && consumed >= alloc / 4;
}

size_t
hpn_buf_grown(size_t alloc, size_t need, size_t max)
{
	size_t grown;

	if (need < LARGE)
		return need;
	/* By half: each byte is copied twice on average */
	grown = alloc <= max - alloc / 2 ? alloc + alloc / 2 : max;
	return grown < need ? need : grown;
}

void
hpn_buf_release(void *p, size_t len)
{
	explicit_bzero(p, len);
#ifdef MADV_DONTNEED
	{
		size_t page = (size_t)getpagesize();
		uintptr_t begin = ((uintptr_t)p + page - 1) / page * page;
		uintptr_t end = ((uintptr_t)p + len) / page * page;

		if (begin < end)
			(void)madvise((void *)begin, end - begin,
			    MADV_DONTNEED);
	}
#endif
}

/* The added bytes: memory of malloc(3) may have had another use before. */
static void
zero(unsigned char *p, size_t len)
{
#if defined(__linux__) && defined(MADV_DONTNEED)
	size_t page = (size_t)getpagesize(), head, whole;

	/* New pages of zeros, which take no memory until they are touched */
	head = (page - (uintptr_t)p % page) % page;
	if (len > head && (whole = (len - head) / page * page) != 0 &&
	    madvise(p + head, whole, MADV_DONTNEED) == 0) {
		memset(p, 0, head);
		memset(p + head + whole, 0, len - head - whole);
		return;
	}
#endif
	memset(p, 0, len);
}

void *
hpn_buf_move(void *old, size_t alloc, size_t grown)
{
	unsigned char *from = old, *to;
	size_t done, len;

	to = grown < LARGE ? calloc(1, grown) : hpn_pipe_memory(grown);
	if (to == NULL)
		return NULL;
	/* Piece by piece, so that what is large is never there twice */
	for (done = 0; done < alloc; done += len) {
		len = alloc - done < PIECE ? alloc - done : PIECE;
		memcpy(to + done, from + done, len);
		hpn_buf_release(from + done, len);
	}
	free(old);
	if (grown >= LARGE)
		zero(to + alloc, grown - alloc);
	return to;
}
