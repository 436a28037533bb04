/* SPDX-License-Identifier: ISC */
/*
 * hpn-sealer: the sending half of the packet path when threads share it.
 *
 * packet.c makes whole plaintext packets, in order, and hands them over here.
 * Workers of an hpn-engine seal them with hpn-crypt.  The sealed packets come
 * out in order, as one run of bytes for write(2).
 *
 *	packet.c -> hpn_sealer_put() -> workers -> hpn_sealer_write() -> socket
 *
 * Only packet.c's thread calls these functions.  Sealed packets lie in a ring
 * of HPN_SEALER_RING bytes, each in one piece, so that one write takes many.
 * While a sealer exists, every packet goes through it.  The caller's thread
 * seals a small packet at once if no other packet waits before it.
 *
 * Memory: the ring, the plaintext of what is not sealed yet, at most as much
 * again, and what 64 buffers keep (HPN_PACKET_BUF_KEEPS each). Return values
 * are 0 or SSH_ERR_*.
 */
#ifndef HPN_SEALER_H
#define HPN_SEALER_H

#include <sys/types.h>

struct newkeys;
struct sshbuf;
struct sshcipher_ctx;
struct hpn_sealer;

#define HPN_SEALER_RING		(2 * 1024 * 1024)

/*
 * What may wait to be sent while there is a sealer, bytes: enough work for
 * eight workers.  Without one OpenSSH's own limit, 128 KiB, holds.
 */
#define HPN_SEALER_BACKLOG	(512 * 1024)

/*
 * Take over from `serial`, which is between two packets and is not used again
 * with these keys.  SSH_ERR_INVALID_ARGUMENT: not with this cipher.
 * SSH_ERR_SYSTEM_ERROR: no thread could be had.
 */
int hpn_sealer_new(struct hpn_sealer **, const struct newkeys *,
    struct sshcipher_ctx *serial, u_int workers);

/* Seal later packets with these keys, earlier ones with the old keys. */
int hpn_sealer_rekey(struct hpn_sealer *, const struct newkeys *,
    struct sshcipher_ctx *serial);

/* Unsent bytes are lost: call hpn_sealer_flush() before.  NULL is fine. */
void hpn_sealer_free(struct hpn_sealer *);

/*
 * Have at least so many workers; returns how many there are.  There are none
 * after fork().
 */
u_int hpn_sealer_grow(struct hpn_sealer *, u_int workers);
u_int hpn_sealer_workers(const struct hpn_sealer *);

/*
 * Take a packet, complete except for tag or MAC, and leave an empty buffer in
 * its place.  type: for hpn_packet_buf_forget().  If there is no room, sealed
 * packets move to `overflow`.  Send that before you call hpn_sealer_write().
 */
int hpn_sealer_put(struct hpn_sealer *, struct sshbuf **packet,
    u_int32_t seqnr, u_char type, struct sshbuf *overflow);

/* Bytes taken and not sent. */
size_t hpn_sealer_pending(const struct hpn_sealer *);

/* No more packets for now: let workers begin with what there is. */
void hpn_sealer_kick(struct hpn_sealer *);

/*
 * write(2) sealed packets, after waiting for at least the first one.  The
 * return value and errno are write's; -1 with errno EAGAIN if nothing is
 * pending.  EIO: a packet could not be sealed.  Then nothing can follow it.
 */
ssize_t hpn_sealer_write(struct hpn_sealer *, int fd);

/*
 * Seal everything and append it to `output`; set `serial` (NULL: it will not be
 * used) to where the next packet begins.
 */
int hpn_sealer_flush(struct hpn_sealer *, struct sshbuf *output,
    struct sshcipher_ctx *serial);

#endif /* HPN_SEALER_H */
