/* SPDX-License-Identifier: ISC */
/*
 * hpn-packet-buf: what a packet costs beside its cipher.
 *
 * OpenSSH makes one packet for each trip round its loop.  For each packet it
 * asks the system for the padding, and frees, zeroes and allocates a buffer.
 * These functions save that for bulk data.  hpn-loop decides how much is done
 * in one trip.
 */
#ifndef HPN_PACKET_BUF_H
#define HPN_PACKET_BUF_H

#include <sys/types.h>

struct sshbuf;

/* Random bytes drawn at once; at least the longest padding, 255 bytes. */
#define HPN_PAD_POOL	4096

/* Padding for one connection.  Starts zeroed.  Unused bytes are no secret. */
struct hpn_pad {
	size_t left;			/* bytes of the pool not yet used */
	u_char pool[HPN_PAD_POOL];
};

/*
 * Write len (at most HPN_PAD_POOL) random bytes to p.  No byte of the pool is
 * used twice; a used one is wiped.
 */
void hpn_packet_buf_pad(struct hpn_pad *, u_char *p, size_t len);

/*
 * A packet of this type is done: empty its buffer.  Usually the buffer is
 * wiped and gives its memory back, as in stock.  For a channel's data, or
 * another message of the data path, only the first HPN_PACKET_BUF_WIPES bytes
 * are wiped.  This is all that a person types, and nearly nothing of a bulk
 * packet.  The bytes of a bulk packet are in the channel's own buffer as well,
 * and are not wiped there either.  The buffer keeps at most
 * HPN_PACKET_BUF_KEEPS bytes.
 */
#define HPN_PACKET_BUF_WIPES	2048
#define HPN_PACKET_BUF_KEEPS	(64 * 1024)
void hpn_packet_buf_forget(struct sshbuf *, u_char type);

/* A packet begins: empty its buffer, and wipe what was in it. */
void hpn_packet_buf_begin(struct sshbuf *);

/*
 * Nothing needs this buffer for now.  If it is large and empty, hand its memory
 * back to the system.
 */
#define HPN_PACKET_BUF_RELEASES	(64 * 1024)
void hpn_packet_buf_release(struct sshbuf *);

#endif /* HPN_PACKET_BUF_H */
