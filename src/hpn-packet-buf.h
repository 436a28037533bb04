/* SPDX-License-Identifier: ISC */
/*
 * hpn-packet-buf: what a packet costs beside its cipher.
 *
 * OpenSSH makes one packet for each trip round its loop, asks the system for
 * the padding of each, and frees, zeroes and allocates the packet's buffer for
 * each.  These functions take that off the way of bulk data; hpn-channels
 * decides how much is done in one trip.
 */
#ifndef HPN_PACKET_BUF_H
#define HPN_PACKET_BUF_H

#include <sys/types.h>

struct sshbuf;

/* Random bytes drawn at once; at least the longest padding, 255 bytes. */
#define HPN_PAD_POOL	4096

/* Padding for one connection.  Starts zeroed.  What is unused is no secret. */
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
 * A packet of this type was dealt with: empty its buffer.  The buffer is wiped
 * and gives its memory back, as ever, unless the packet was a channel's data
 * or another message of the data path.  Of such a packet, the beginning is
 * wiped, HPN_PACKET_BUF_WIPES bytes: all of what a person types, nearly nothing
 * of a bulk packet, whose bytes are in the channel's own buffer as well and are
 * not wiped there either. More than HPN_PACKET_BUF_KEEPS bytes are not kept.
 */
#define HPN_PACKET_BUF_WIPES	2048
#define HPN_PACKET_BUF_KEEPS	(64 * 1024)
void hpn_packet_buf_forget(struct sshbuf *, u_char type);

/* A packet begins: its buffer is empty afterwards, wiped if it was not. */
void hpn_packet_buf_begin(struct sshbuf *);

/*
 * Nothing needs this buffer for now: hand its memory back to the system if it
 * is large and empty.
 */
#define HPN_PACKET_BUF_RELEASES	(64 * 1024)
void hpn_packet_buf_release(struct sshbuf *);

#endif /* HPN_PACKET_BUF_H */
