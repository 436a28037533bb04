/* SPDX-License-Identifier: ISC */
/*
 * hpn-zstd: what becomes of a packet where zstd@openssh-hpn was agreed on: sent
 * as it is, or compressed.  PROTOCOL.hpn, section 10, has the format.
 *
 * Only data of channels are compressed, and only long packets of them.  So what
 * a person types is sent as it is, and so is every request.  A frame holds the
 * data of one channel: when another channel's turn comes, a frame begins with no
 * history.  So the length of one channel's packets tells nothing of another's.
 *
 * Compressed data do not become smaller.  A channel whose packets do not is left
 * alone, and now and then a piece of one packet is compressed to see.
 *
 * Packets in, decisions out.  Lengths are bytes, of a packet's payload.
 */
#ifndef HPN_ZSTD_H
#define HPN_ZSTD_H

#include <sys/types.h>
#include <stdint.h>

#define HPN_ZSTD_NAME		"zstd@openssh-hpn"

/* The last byte of each packet, and what hpn_zstd_next() returns. */
#define HPN_ZSTD_STORED		0	/* as it is */
#define HPN_ZSTD_BEGINS		1	/* compressed; a frame begins with it */
#define HPN_ZSTD_GOES_ON	2	/* compressed; the frame goes on */
/* Never sent: compress HPN_ZSTD_SAMPLE of it, and ask hpn_zstd_sampled(). */
#define HPN_ZSTD_ASKS		3

#define HPN_ZSTD_LEAST		256	/* a shorter payload is sent as it is */
#define HPN_ZSTD_SAMPLE		8192	/* what a sample has at most */
#define HPN_ZSTD_PACKET_MAX	(256 * 1024)	/* of a payload, decompressed */
#define HPN_ZSTD_WINDOW_LOG	21	/* of a frame's window, at most: 2 MiB */

/* libzstd's levels.  Above 9 it is slower than most lines. */
#define HPN_ZSTD_LEVEL		3
#define HPN_ZSTD_LEVEL_LEAST	1
#define HPN_ZSTD_LEVEL_MOST	19

/* Packets between two samples: twice as many each time, up to this. */
#define HPN_ZSTD_WAIT_MOST	64

#define HPN_ZSTD_CHANNELS	8	/* of which something is remembered */

struct hpn_zstd_channel {
	uint32_t number;	/* as its packets have it */
	uint32_t bad;		/* packets in a row that did not become smaller */
	uint32_t waits;		/* packets between two samples; 0: compress */
	uint32_t wait;		/* that many of them are still to pass */
	uint32_t waited;	/* what `waits` was before the last sample */
};

struct hpn_zstd {
	int open;		/* a frame has begun ... */
	uint32_t number;	/* ... with this channel's data */
	struct hpn_zstd_channel channels[HPN_ZSTD_CHANNELS];
};

void hpn_zstd_init(struct hpn_zstd *);

/* The next compressed packet begins a frame: there are new keys. */
void hpn_zstd_restart(struct hpn_zstd *);

/* What becomes of this payload.  Each is asked about once, in order. */
int hpn_zstd_next(struct hpn_zstd *, const uint8_t *payload, size_t len);

/*
 * `len` bytes of the payload have become `into`.  Returns what becomes of the
 * packet: never HPN_ZSTD_ASKS.
 */
int hpn_zstd_sampled(struct hpn_zstd *, const uint8_t *payload, size_t len,
    size_t into);

/* The payload, len bytes, was compressed and has become `into`. */
void hpn_zstd_compressed(struct hpn_zstd *, const uint8_t *payload, size_t len,
    size_t into);

/* Whether this may be compressed: a whole payload of a channel's data. */
int hpn_zstd_may(const uint8_t *payload, size_t len);

/* Whether what follows may be a frame: no older format, no skippable one. */
int hpn_zstd_is_frame(const uint8_t *p, size_t len);

#endif /* HPN_ZSTD_H */
