/* SPDX-License-Identifier: ISC */
/* See hpn-dm-buf.h for what this does. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-dm-buf.h"

void
hpn_dm_buf_begin(struct hpn_dm_buf *b, unsigned char *memory, size_t size)
{
	memset(b, 0, sizeof(*b));
	b->memory = memory;
	b->size = size;
}

/* Where in the memory an offset lies. */
static size_t
place(const struct hpn_dm_buf *b, uint64_t offset)
{
	return (size_t)((offset - b->base) % b->size);
}

unsigned char *
hpn_dm_buf_room(struct hpn_dm_buf *b, size_t *lenp)
{
	size_t used = (size_t)(b->high - b->low), at;

	/* Empty: begin in front, where memory was used before */
	if (used == 0)
		b->base = b->high;
	at = place(b, b->high);
	*lenp = b->size - used;
	if (*lenp > b->size - at)
		*lenp = b->size - at;
	return b->memory + at;
}

void
hpn_dm_buf_add(struct hpn_dm_buf *b, size_t len)
{
	b->high += len;
}

const unsigned char *
hpn_dm_buf_at(const struct hpn_dm_buf *b, uint64_t offset, size_t most,
    size_t *lenp)
{
	size_t at;

	*lenp = 0;
	if (offset < b->low || offset >= b->high)
		return NULL;
	at = place(b, offset);
	*lenp = b->size - at;
	if (*lenp > b->high - offset)
		*lenp = (size_t)(b->high - offset);
	if (*lenp > most)
		*lenp = most;
	return b->memory + at;
}

void
hpn_dm_buf_settle(struct hpn_dm_buf *b, uint64_t offset)
{
	if (offset > b->high)
		offset = b->high;
	if (offset > b->low)
		b->low = offset;
}
