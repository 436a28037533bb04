/* SPDX-License-Identifier: ISC */
/*
 * hpn-opener: the receiving half of the packet path when threads share it.
 *
 * packet.c reads ciphertext into its input buffer as ever.  The opener gives
 * the complete packets in it to the workers of an hpn-engine.  They open the
 * packets with hpn-crypt.  The packets come out in order.
 *
 *	socket -> input -> hpn_opener_next() -> workers -> hpn_opener_next()
 *
 * Only packet.c's thread calls the functions below.  Ciphertext stays in the
 * input buffer until its packet comes out.  So code that may move that memory
 * has to call hpn_opener_settle() first.
 *
 * This module does not report a wrong length or tag of a packet.  The opener
 * gives up, and sets the serial cipher to where that packet begins.  Then the
 * serial path finds the fault as it always did.
 *
 * Memory: packets that were opened and not taken, at most HPN_OPENER_AHEAD
 * bytes of them, and what 32 buffers keep (HPN_PACKET_BUF_KEEPS each).  Return
 * values are 0 or SSH_ERR_*.
 */
#ifndef HPN_OPENER_H
#define HPN_OPENER_H

#include <sys/types.h>

struct newkeys;
struct sshbuf;
struct sshcipher_ctx;
struct hpn_opener;

#define HPN_OPENER_AHEAD	(1024 * 1024)

/* Take over from `serial`, which is between two packets; as hpn_sealer_new(). */
int hpn_opener_new(struct hpn_opener **, const struct newkeys *,
    struct sshcipher_ctx *serial, u_int workers);

/*
 * New keys, between two packets.  SSH_ERR_INTERNAL_ERROR: packets are under
 * way.  This happens only if a peer sends NEWKEYS out of turn.
 */
int hpn_opener_rekey(struct hpn_opener *, const struct newkeys *,
    struct sshcipher_ctx *serial);

/*
 * Stop, and set `serial` to where the next packet in the input begins.  NULL
 * for serial: it will not be used.  NULL for the opener is fine.
 */
int hpn_opener_free(struct hpn_opener *, struct sshcipher_ctx *serial);

/* As hpn_sealer_grow() and hpn_sealer_workers(). */
u_int hpn_opener_grow(struct hpn_opener *, u_int workers);
u_int hpn_opener_workers(const struct hpn_opener *);

/*
 * Take the next packet.  Returns 0 with the packet in *packet, as the serial
 * path leaves it there, lengths and padding included.  Its ciphertext is gone
 * from `input`.  The old content of *packet, of type `last`, is forgotten
 * (hpn_packet_buf_forget()).
 *   packlenp    receives the packet's packet_length
 *   seqnr       of the next packet
 *   packet_max  the largest packet_length to accept
 *   ahead       whether packets behind it may be opened already; not from
 *               KEXINIT to NEWKEYS, because new keys may follow
 *
 * SSH_ERR_MESSAGE_INCOMPLETE: there is none yet.
 * SSH_ERR_CONN_CORRUPT: free the opener and let the serial path have it.
 */
int hpn_opener_next(struct hpn_opener *, struct sshbuf *input,
    u_int32_t seqnr, u_int packet_max, int ahead, u_char last,
    struct sshbuf **packet, u_int *packlenp);

/* Wait until nobody reads the input buffer any more. */
void hpn_opener_settle(struct hpn_opener *);

#endif /* HPN_OPENER_H */
