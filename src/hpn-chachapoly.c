/* SPDX-License-Identifier: ISC */
/* See hpn-chachapoly.h for what this does. */

#include "includes.h"
#ifdef WITH_OPENSSL
#include "openbsd-compat/openssl-compat.h"
#endif

#if defined(HAVE_EVP_CHACHA20) && !defined(HAVE_BROKEN_CHACHA20)

#include <sys/types.h>
#ifdef HAVE_STDINT_H
# include <stdint.h>
#endif
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "hpn-chachapoly.h"
#include "sshbuf.h"
#include "ssherr.h"

#if OPENSSL_VERSION_NUMBER >= 0x30000000L && !defined(LIBRESSL_VERSION_NUMBER)
#define HAVE_EVP_MAC
#endif

#define BLOCK		HPN_CHACHAPOLY_BLOCK

/*
 * From so many bytes on, libcrypto's Poly1305 is faster than the portable one.
 * EVP_MAC costs about 30 ns for a message.  The portable code does 100 bytes
 * in that time.  They meet at about 150 bytes (OpenSSL 3.0 with AVX-512).
 */
#define LIBCRYPTO_LEN	160

struct hpn_chachapoly {
#ifdef HAVE_EVP_MAC
	EVP_MAC_CTX *mac;
#else
	int unused;
#endif
};

struct hpn_chachapoly *
hpn_chachapoly_new(void)
{
#ifdef HAVE_EVP_MAC
	struct hpn_chachapoly *poly;
	EVP_MAC *algorithm;

	if ((poly = calloc(1, sizeof(*poly))) == NULL)
		return NULL;
	if ((algorithm = EVP_MAC_fetch(NULL, "POLY1305", NULL)) != NULL) {
		poly->mac = EVP_MAC_CTX_new(algorithm);
		EVP_MAC_free(algorithm);	/* the context has its own */
	}
	if (poly->mac != NULL)
		return poly;
	free(poly);
#endif
	return NULL;
}

void
hpn_chachapoly_free(struct hpn_chachapoly *poly)
{
	if (poly == NULL)
		return;
#ifdef HAVE_EVP_MAC
	EVP_MAC_CTX_free(poly->mac);
#endif
	freezero(poly, sizeof(*poly));
}

int
hpn_chachapoly_auth(struct hpn_chachapoly *poly, u_char tag[POLY1305_TAGLEN],
    const u_char *m, size_t len, const u_char key[POLY1305_KEYLEN])
{
#ifdef HAVE_EVP_MAC
	size_t taglen;

	/*
	 * libcrypto wipes its state, r and s with it, in EVP_MAC_final(); what
	 * an error leaves there goes when the context does.
	 */
	if (poly != NULL && len >= LIBCRYPTO_LEN) {
		if (EVP_MAC_init(poly->mac, key, POLY1305_KEYLEN, NULL) != 1 ||
		    EVP_MAC_update(poly->mac, m, len) != 1 ||
		    EVP_MAC_final(poly->mac, tag, &taglen,
		    POLY1305_TAGLEN) != 1 || taglen != POLY1305_TAGLEN)
			return SSH_ERR_LIBCRYPTO_ERROR;
		return 0;
	}
#endif
	poly1305_auth(tag, m, len, key);
	return 0;
}

static int
encrypt(EVP_CIPHER_CTX *evp, u_char *dest, const u_char *src, size_t len)
{
	int done;

	/*
	 * Unlike EVP_Cipher() this one says the same for failure whatever the
	 * kind of cipher, and how much it did.
	 */
	if (EVP_CipherUpdate(evp, dest, &done, src, (int)len) != 1 ||
	    done != (int)len)
		return SSH_ERR_LIBCRYPTO_ERROR;
	return 0;
}

static void
xor(u_char *dest, const u_char *src, const u_char *stream, size_t len)
{
	uint64_t a, b;

	for (; len >= sizeof(a); len -= sizeof(a)) {
		memcpy(&a, src, sizeof(a));
		memcpy(&b, stream, sizeof(b));
		a ^= b;
		memcpy(dest, &a, sizeof(a));
		dest += sizeof(a);
		src += sizeof(a);
		stream += sizeof(a);
	}
	for (; len > 0; len--)
		*dest++ = *src++ ^ *stream++;
}

static size_t
whole_blocks(size_t len)
{
	return (len + BLOCK - 1) / BLOCK * BLOCK;
}

int
hpn_chachapoly_start(struct hpn_chachapoly_stream *c, EVP_CIPHER_CTX *evp,
    u_int seqnr, size_t len)
{
	u_char iv[16]; /* as in cipher-chachapoly-libcrypto.c */

	/*
	 * Make block 0, and as many blocks of the packet as fit, in one call.
	 * A call for one block takes as long as one for four.  With AVX-512 it
	 * takes nearly as long as one for sixteen.
	 */
	c->made = len < sizeof(c->stream) - BLOCK ? BLOCK + whole_blocks(len) :
	    sizeof(c->stream);
	memset(iv, 0, sizeof(iv));
	POKE_U64(iv + 8, seqnr);
	if (EVP_CipherInit(evp, NULL, NULL, iv, 1) != 1)
		return SSH_ERR_LIBCRYPTO_ERROR;
	return encrypt(evp, c->stream, c->stream, c->made);
}

int
hpn_chachapoly_crypt(struct hpn_chachapoly_stream *c, EVP_CIPHER_CTX *evp,
    u_char *dest, const u_char *src, size_t len)
{
	size_t ready = c->made - BLOCK, tail;
	int r;

	if (ready > len)
		ready = len;
	xor(dest, src, c->stream + BLOCK, ready);
	dest += ready;
	src += ready;
	len -= ready;

	/* libcrypto would make a part of a block in a call of its own, too */
	tail = len % BLOCK == 0 ? 0 : len % sizeof(c->stream);
	if (len > tail && (r = encrypt(evp, dest, src, len - tail)) != 0)
		return r;
	if (tail == 0)
		return 0;
	hpn_chachapoly_wipe(c);
	c->made = whole_blocks(tail);
	if ((r = encrypt(evp, c->stream, c->stream, c->made)) != 0)
		return r;
	xor(dest + len - tail, src + len - tail, c->stream, tail);
	return 0;
}

void
hpn_chachapoly_wipe(struct hpn_chachapoly_stream *c)
{
	/* What was not made is zero, as the next packet needs it */
	explicit_bzero(c->stream, c->made);
	c->made = 0;
}

int
hpn_chachapoly_length(struct hpn_chachapoly_header *h, EVP_CIPHER_CTX *evp,
    struct hpn_chachapoly_stream *work, u_int seqnr, u_char *dest,
    const u_char *src, size_t len)
{
	int r;

	if (len > sizeof(h->stream))
		return SSH_ERR_INVALID_ARGUMENT;
	if (!h->known || h->seqnr != seqnr) {
		if ((r = hpn_chachapoly_start(work, evp, seqnr, 0)) == 0)
			memcpy(h->stream, work->stream, sizeof(h->stream));
		hpn_chachapoly_wipe(work);
		h->known = r == 0;
		h->seqnr = seqnr;
		if (r != 0)
			return r;
	}
	xor(dest, src, h->stream, len);
	return 0;
}

#endif /* HAVE_EVP_CHACHA20 && !HAVE_BROKEN_CHACHA20 */
