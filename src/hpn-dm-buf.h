/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-buf: the bytes of a stream that were read and may have to be sent
 * again.  Bytes that are not needed any more are settled.  The ring is the
 * caller's memory, and never holds more.
 *
 *	settled (low)          read (high)
 *	    |   what may be wanted again   |     free     |
 *
 * Offsets are of the stream, bytes.  Policy only.
 */
#ifndef HPN_DM_BUF_H
#define HPN_DM_BUF_H

#include <stddef.h>
#include <stdint.h>

struct hpn_dm_buf {
	unsigned char *memory;	/* the caller's */
	size_t size;
	uint64_t low, high;
	uint64_t base;		/* offset that lies at memory[0] */
};

/* Memory of so many bytes, which must not be 0; the stream begins at 0. */
void hpn_dm_buf_begin(struct hpn_dm_buf *, unsigned char *memory, size_t size);

/* Where to put what is read next, and how much fits there in one piece. */
unsigned char *hpn_dm_buf_room(struct hpn_dm_buf *, size_t *lenp);
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
