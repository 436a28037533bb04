/* SPDX-License-Identifier: ISC */
/*
 * hpn-opener: the receiving half of the packet path when threads share it.
 *
 * packet.c reads ciphertext into its input buffer as ever.  Packets that are
 * complete in there are given to the workers of an hpn-engine, which open them
 * with hpn-crypt, and come out in order.
 *
 *	socket -> input -> hpn_opener_next() -> workers -> hpn_opener_next()
 *
 * One thread, packet.c's, calls everything in here.  Ciphertext stays in the
 * input buffer until its packet comes out, so whatever may move that memory
 * has to call hpn_opener_settle() first.
 *
 * Whatever is wrong with a packet, its length or its tag, is not for this
 * module to report: the opener gives up, the serial cipher is set to where that
 * packet begins, and the serial path finds the fault as it always did.
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
 * way, which can only be a peer that sent NEWKEYS out of turn.
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
 * The next packet: 0, and it is in *packet as the serial path leaves it there,
 * lengths and padding included, its ciphertext gone from `input`; what was in
 * *packet, of type `last`, is forgotten.  *packlenp: its packet_length.
 * seqnr: of the next packet.  packet_max: the largest packet_length to accept.
 * ahead: whether packets behind it may be opened already; not when new keys
 * may follow, that is from KEXINIT to NEWKEYS.
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
