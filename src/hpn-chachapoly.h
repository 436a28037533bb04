/* SPDX-License-Identifier: ISC */
/*
 * hpn-chachapoly: chacha20-poly1305@openssh.com by libcrypto's vector code.
 * Stock has its Poly1305 in portable C, which is two thirds of the cost of a
 * packet.  It also asks libcrypto for ChaCha20 in more and smaller pieces than
 * suit libcrypto.  The bytes are the same (PROTOCOL.chacha20poly1305).
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

/* hpn-chachapoly-cipher.c has what cipher-chachapoly-libcrypto.c would have. */
#define HPN_CHACHAPOLY_CIPHER

/*
 * Poly1305 by libcrypto.  NULL if libcrypto has none (before OpenSSL 3,
 * LibreSSL, FIPS) or is out of memory.  hpn_chachapoly_auth() then uses the
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
 * ChaCha20 of one packet, in two steps.  _start makes the first blocks of the
 * keystream.  Block 0 begins with the key of the packet's tag.  _crypt uses the
 * other blocks for the packet, and overwrites block 0.  Check the tag between
 * the two: nothing is decrypted before _crypt.
 *
 * `evp` is a context with the key, for EVP_chacha20().  The struct holds
 * keystream.  Zero it before the first use.  hpn_chachapoly_wipe() zeroes it.
 */
#define HPN_CHACHAPOLY_BLOCK	64
#define HPN_CHACHAPOLY_AHEAD	(16 * HPN_CHACHAPOLY_BLOCK)

struct hpn_chachapoly_stream {
	u_char stream[HPN_CHACHAPOLY_AHEAD];	/* block 0, 1, ... */
	size_t made;				/* bytes of it */
};

/*
 * Start the packet `seqnr`.  len: how many bytes _crypt will encrypt or
 * decrypt; 0 if only block 0 is wanted.  Returns 0 or SSH_ERR_LIBCRYPTO_ERROR.
 */
int hpn_chachapoly_start(struct hpn_chachapoly_stream *, EVP_CIPHER_CTX *evp,
    u_int seqnr, size_t len);

/*
 * Encrypt or decrypt the `len` bytes at `src` to `dest`.  len is the same as at
 * _start.  dest is src, or does not overlap it.  Returns 0 or
 * SSH_ERR_LIBCRYPTO_ERROR.
 */
int hpn_chachapoly_crypt(struct hpn_chachapoly_stream *, EVP_CIPHER_CTX *evp,
    u_char *dest, const u_char *src, size_t len);

void hpn_chachapoly_wipe(struct hpn_chachapoly_stream *);

/*
 * The keystream for a packet's length field, which has a key of its own.  It is
 * kept because a receiver needs it twice: for the length and for the packet.
 */
struct hpn_chachapoly_header {
	u_int seqnr;
	int known;
	u_char stream[HPN_CHACHAPOLY_BLOCK];
};

/*
 * Encrypt or decrypt the first `len` bytes of the packet `seqnr`, at most a
 * block, from `src` to `dest`.  `evp` has the key for lengths.  `work` is
 * between two packets, before and after the call.  Returns 0,
 * SSH_ERR_LIBCRYPTO_ERROR or SSH_ERR_INVALID_ARGUMENT.
 */
int hpn_chachapoly_length(struct hpn_chachapoly_header *, EVP_CIPHER_CTX *evp,
    struct hpn_chachapoly_stream *work, u_int seqnr, u_char *dest,
    const u_char *src, size_t len);

#endif /* HPN_CHACHAPOLY_H */
