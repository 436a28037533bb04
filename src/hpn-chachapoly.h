/* SPDX-License-Identifier: ISC */
/*
 * hpn-chachapoly: what chacha20-poly1305@openssh.com needs, by libcrypto's
 * vector code. Stock has its Poly1305 in portable C, two thirds of the cost of
 * a packet, and asks libcrypto for ChaCha20 in more and smaller pieces than it
 * is good at. The bytes are the same (PROTOCOL.chacha20poly1305).
 *
 * One object of each kind belongs to one cipher context, and so to one thread
 * at a time.
 */
#ifndef HPN_CHACHAPOLY_H
#define HPN_CHACHAPOLY_H

#include <sys/types.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "poly1305.h"

/*
 * Poly1305 by libcrypto.  NULL where it has none to offer (before OpenSSL 3,
 * LibreSSL, FIPS) or is out of memory; hpn_chachapoly_auth() then takes the
 * portable code, as stock does.
 */
struct hpn_chachapoly;

struct hpn_chachapoly *hpn_chachapoly_new(void);
void hpn_chachapoly_free(struct hpn_chachapoly *);

/*
 * The tag of the `len` bytes at `m` with the one-time `key`.  Returns 0, or
 * SSH_ERR_LIBCRYPTO_ERROR with `tag` undefined: then there is no tag to compare
 * with or to send.  Wipes its copies of the key.
 */
int hpn_chachapoly_auth(struct hpn_chachapoly *, u_char tag[POLY1305_TAGLEN],
    const u_char *m, size_t len, const u_char key[POLY1305_KEYLEN]);

/*
 * ChaCha20 of one packet, in two steps: _start makes the keystream's first
 * blocks, of which block 0 begins with the key of the packet's tag; _crypt uses
 * the others for the packet, and then no longer has block 0.  Between the two
 * a tag can be checked: nothing is decrypted before.
 *
 * `evp` is a context with the key, for EVP_chacha20().  Must be zero before
 * the first use and is when hpn_chachapoly_wipe() returns; holds keystream in
 * between.
 */
#define HPN_CHACHAPOLY_BLOCK	64
#define HPN_CHACHAPOLY_AHEAD	(16 * HPN_CHACHAPOLY_BLOCK)

struct hpn_chachapoly_stream {
	u_char stream[HPN_CHACHAPOLY_AHEAD];	/* block 0, 1, ... */
	size_t made;				/* bytes of it */
};

/*
 * Start the packet `seqnr`, of `len` bytes to encrypt or to decrypt; 0 when
 * only block 0 is wanted.  Returns 0 or SSH_ERR_LIBCRYPTO_ERROR.
 */
int hpn_chachapoly_start(struct hpn_chachapoly_stream *, EVP_CIPHER_CTX *evp,
    u_int seqnr, size_t len);

/*
 * Encrypt or decrypt the `len` bytes at `src`, the same number as at _start, to
 * `dest`, which is `src` or does not overlap it.  Returns 0 or
 * SSH_ERR_LIBCRYPTO_ERROR.
 */
int hpn_chachapoly_crypt(struct hpn_chachapoly_stream *, EVP_CIPHER_CTX *evp,
    u_char *dest, const u_char *src, size_t len);

void hpn_chachapoly_wipe(struct hpn_chachapoly_stream *);

/*
 * The keystream for a packet's length field, which is encrypted with a key of
 * its own.  Kept, as a receiver needs it twice: for the length, for the packet.
 */
struct hpn_chachapoly_header {
	u_int seqnr;
	int known;
	u_char stream[HPN_CHACHAPOLY_BLOCK];
};

/*
 * Encrypt or decrypt the `len` bytes at `src`, at most a block, which the
 * packet `seqnr` begins with, to `dest`.  `evp` has the key for lengths, `work`
 * is between two packets, and is again after the call.  Returns 0,
 * SSH_ERR_LIBCRYPTO_ERROR or SSH_ERR_INVALID_ARGUMENT.
 */
int hpn_chachapoly_length(struct hpn_chachapoly_header *, EVP_CIPHER_CTX *evp,
    struct hpn_chachapoly_stream *work, u_int seqnr, u_char *dest,
    const u_char *src, size_t len);

#endif /* HPN_CHACHAPOLY_H */
