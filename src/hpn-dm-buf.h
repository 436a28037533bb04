/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-buf: the bytes of a stream that were read and may have to be sent
 * again.  Bytes that are not needed any more are settled.  They lie in the
 * caller's memory, and never need more.
 *
 *	settled (low)          read (high)
 *	    |   what may be wanted again   |     free     |
 *
 * The memory has pieces of one length.  What was settled last is used first: it is
 * in the processor's cache where a ring would come to memory that is not.  So the
 * buffer's length costs nothing as long as little of it is needed.
 *
 * Offsets are of the stream, bytes.  Policy only.
 */
#ifndef HPN_DM_BUF_H
#define HPN_DM_BUF_H

#include <stddef.h>
#include <stdint.h>

struct hpn_dm_buf {
	unsigned char *memory;	/* the caller's */
	size_t size;		/* that is used of it, whole pieces */
	size_t piece;
	uint64_t low, high;
	uint32_t *where;	/* by the piece's number in the stream: in memory */
	uint32_t *spare;	/* free ones, the one that is used next behind */
	size_t npieces, nspare;
};

/* How many pieces memory of this size has.  Neither may be 0. */
size_t hpn_dm_buf_pieces(size_t size, size_t piece);

/*
 * Memory of so many bytes, which must not be 0; the stream begins at 0.  The table
 * has two numbers for each piece.
 */
void hpn_dm_buf_begin(struct hpn_dm_buf *, unsigned char *memory, size_t size,
    size_t piece, uint32_t *table);

/*
 * Where to put what is read next, and how much fits there in one piece; 0: there is
 * no room.  The first byte of a piece has an offset that is a multiple of its length.
 */
unsigned char *hpn_dm_buf_room(const struct hpn_dm_buf *, size_t *lenp);
/* len bytes were put there, at most *lenp. */
void hpn_dm_buf_add(struct hpn_dm_buf *, size_t len);

/*
 * The bytes that begin at this offset, and how many are in one piece, at most
 * `most`.  NULL and 0: they are settled, or not read yet.
 */
const unsigned char *hpn_dm_buf_at(const struct hpn_dm_buf *, uint64_t offset,
    size_t most, size_t *lenp);

/* Nothing before this offset is needed again.  The offset never goes back. */
void hpn_dm_buf_settle(struct hpn_dm_buf *, uint64_t offset);

#endif /* HPN_DM_BUF_H */
