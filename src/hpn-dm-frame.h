/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-frame: the messages between dmscp and "dmscp -server", and what may come
 * when.  PROTOCOL.hpn specifies them (section 9).
 *
 * One stream goes in one direction, from the end that sends to the end that takes.
 * Each frame is its length (of what follows, 4 bytes), its type (1 byte), and what
 * belongs to the type.  Everything in it may come from an enemy.  Policy only: no
 * descriptor, no memory of its own.  Sizes and offsets are bytes.
 */
#ifndef HPN_DM_FRAME_H
#define HPN_DM_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define HPN_DM_FRAME_VERSION	1U
#define HPN_DM_FRAME_HASH	16U	/* XXH3-128 */
#define HPN_DM_FRAME_SHA256	32U
#define HPN_DM_FRAME_SECRET	32U
/* Data in one frame; what comes in front of them. */
#define HPN_DM_FRAME_DATA_MOST	(256U * 1024)
#define HPN_DM_FRAME_DATA_HEAD	(4U + 1 + 8 + HPN_DM_FRAME_HASH)
/* A command, a directory, a text; and any frame but data, with its length. */
#define HPN_DM_FRAME_TEXT_MOST	(32U * 1024)
#define HPN_DM_FRAME_OTHER_MOST	(2 * HPN_DM_FRAME_TEXT_MOST + 256)

enum hpn_dm_frame_type {
	HPN_DM_FRAME_HELLO = 1,	/* client: begin a run */
	HPN_DM_FRAME_AGAIN,	/* client: go on with one */
	HPN_DM_FRAME_WELCOME,	/* server: the answer to both */
	HPN_DM_FRAME_SORRY,	/* server: it is over, and why */
	HPN_DM_FRAME_DATA,	/* the end that sends */
	HPN_DM_FRAME_END,	/* ... : the stream has ended as it should */
	HPN_DM_FRAME_ACK,	/* the end that takes: so much was handed over */
	HPN_DM_FRAME_NOTE,	/* server: what the command wrote to stderr */
	HPN_DM_FRAME_RESULT,	/* server: how the command has ended */
	HPN_DM_FRAME_CANCEL,	/* client: end the command */
	HPN_DM_FRAME_DONE,	/* client: all is known, forget the run */
	HPN_DM_FRAME_PING	/* client: it is there */
};

/* Flags of HELLO */
#define HPN_DM_FRAME_WRITES	1U	/* the client sends the stream */
#define HPN_DM_FRAME_WITH_SHA	2U
/* Flags of WELCOME */
#define HPN_DM_FRAME_STAYS	1U	/* the run survives its connection */
/* Flags of RESULT */
#define HPN_DM_FRAME_SIGNAL	1U	/* the value is a signal */
#define HPN_DM_FRAME_EARLY	2U	/* it had not read all */

struct hpn_dm_frame {
	enum hpn_dm_frame_type type;
	uint32_t version, flags, value;
	uint64_t keep;		/* seconds */
	uint64_t buffer;
	uint64_t offset;	/* DATA, ACK, END, AGAIN, WELCOME */
	unsigned char hash[HPN_DM_FRAME_HASH];
	int has_sha256;
	unsigned char sha256[HPN_DM_FRAME_SHA256];
	unsigned char secret[HPN_DM_FRAME_SECRET];
	/* Not ended by a zero, and without one within; in the bytes parsed */
	const char *text, *text2;
	size_t text_len, text2_len;
	size_t data_len;	/* DATA: what follows its head */
};

/*
 * How long the frame is that begins here, its length field too: 0 if fewer than 5
 * bytes are here, or -1: nobody sends such a frame.  Of DATA it is the head alone
 * that is to be parsed: *head.  Otherwise *head is all of it.
 */
int hpn_dm_frame_length(const unsigned char *, size_t len, size_t *head);

/*
 * Take it apart: exactly `head' bytes.  0, or -1: it is not what its type says.
 */
int hpn_dm_frame_parse(struct hpn_dm_frame *, const unsigned char *, size_t len);

/*
 * Write it: at most HPN_DM_FRAME_OTHER_MOST bytes, of DATA its head.  Returns how
 * many.  Texts must not be longer than HPN_DM_FRAME_TEXT_MOST.
 */
size_t hpn_dm_frame_put(unsigned char *, const struct hpn_dm_frame *);

/* What the other end may do next. */
struct hpn_dm_frame_peer {
	int is_server;		/* the peer is */
	int sends;		/* the peer sends the stream */
	int welcomed;		/* HELLO, AGAIN, WELCOME is behind us */
	int ended, result, over;
	int with_sha;
	uint64_t expect;	/* the offset of the next DATA */
	uint64_t sent, acked;	/* ours */
};

/*
 * NULL: this frame may come now, and is noted.  Otherwise what is wrong with it.
 * The caller has to keep `sent' right, and to set welcomed to 0, expect to what it
 * has got, for a new connection.
 */
const char *hpn_dm_frame_take(struct hpn_dm_frame_peer *,
    const struct hpn_dm_frame *);

#endif /* HPN_DM_FRAME_H */
