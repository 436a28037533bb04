/* SPDX-License-Identifier: ISC */
/* See hpn-dm-buf.h for what this does. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-dm-buf.h"

size_t
hpn_dm_buf_pieces(size_t size, size_t piece)
{
	return size < piece ? 1 : size / piece;
}

void
hpn_dm_buf_begin(struct hpn_dm_buf *b, unsigned char *memory, size_t size,
    size_t piece, uint32_t *table)
{
	uint32_t i;

	memset(b, 0, sizeof(*b));
	b->memory = memory;
	b->piece = size < piece ? size : piece;
	b->npieces = b->nspare = hpn_dm_buf_pieces(size, piece);
	b->size = b->npieces * b->piece;
	b->where = table;
	b->spare = table + b->npieces;
	/* The first is used first */
	for (i = 0; i < b->npieces; i++)
		b->spare[i] = (uint32_t)(b->npieces - 1 - i);
}

/* Where in the memory an offset lies, whose piece was begun. */
static size_t
place(const struct hpn_dm_buf *b, uint64_t offset)
{
	return b->where[offset / b->piece % b->npieces] * b->piece +
	    (size_t)(offset % b->piece);
}

unsigned char *
hpn_dm_buf_room(const struct hpn_dm_buf *b, size_t *lenp)
{
	if (b->high % b->piece != 0) {
		*lenp = b->piece - (size_t)(b->high % b->piece);
		return b->memory + place(b, b->high);
	}
	if (b->nspare == 0) {
		*lenp = 0;
		return b->memory;
	}
	*lenp = b->piece;
	return b->memory + b->spare[b->nspare - 1] * b->piece;
}

void
hpn_dm_buf_add(struct hpn_dm_buf *b, size_t len)
{
	if (len != 0 && b->high % b->piece == 0)
		b->where[b->high / b->piece % b->npieces] =
		    b->spare[--b->nspare];
	b->high += len;
}

const unsigned char *
hpn_dm_buf_at(const struct hpn_dm_buf *b, uint64_t offset, size_t most,
    size_t *lenp)
{
	*lenp = 0;
	if (offset < b->low || offset >= b->high)
		return NULL;
	*lenp = b->piece - (size_t)(offset % b->piece);
	if (*lenp > b->high - offset)
		*lenp = (size_t)(b->high - offset);
	if (*lenp > most)
		*lenp = most;
	return b->memory + place(b, offset);
}

void
hpn_dm_buf_settle(struct hpn_dm_buf *b, uint64_t offset)
{
	uint64_t n;

	if (offset > b->high)
		offset = b->high;
	if (offset <= b->low)
		return;
	for (n = b->low / b->piece; n < offset / b->piece; n++)
		b->spare[b->nspare++] = b->where[n % b->npieces];
	b->low = offset;
}
