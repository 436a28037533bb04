/* SPDX-License-Identifier: ISC */
/* See hpn-buf.h for what this does. */

#include "includes.h"

#include <stdlib.h>
#include <string.h>

#include "hpn-buf.h"

/* Smaller buffers grow as they always did. */
#define LARGE	(1024 * 1024)

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
	/*
	 * By half: each byte is copied twice on average, and at no time do
	 * the old and the new buffer take more than twice what is in them.
	 */
	grown = alloc <= max - alloc / 2 ? alloc + alloc / 2 : max;
	return grown < need ? need : grown;
}

void *
hpn_buf_move(void *old, size_t alloc, size_t grown)
{
	void *p;

	if ((p = calloc(1, grown)) == NULL)
		return NULL;
	memcpy(p, old, alloc);
	freezero(old, alloc);
	return p;
}
