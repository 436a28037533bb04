/* SPDX-License-Identifier: ISC */
/*
 * chacha20-poly1305@openssh.com with what hpn-chachapoly.h offers.  These are
 * the functions of cipher-chachapoly.h, which says what they do.  They stand for
 * those of cipher-chachapoly-libcrypto.c.
 */

#include "includes.h"
#ifdef WITH_OPENSSL
#include "openbsd-compat/openssl-compat.h"
#endif

#if defined(HAVE_EVP_CHACHA20) && !defined(HAVE_BROKEN_CHACHA20)

#include <sys/types.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "cipher-chachapoly.h"
#include "hpn-chachapoly.h"
#include "sshbuf.h"
#include "ssherr.h"

/* One for the packet's data, one for its length. */
#define KEY_LEN		32

struct chachapoly_ctx {
	EVP_CIPHER_CTX *packet, *length;
	struct hpn_chachapoly *poly;		/* NULL: portable */
	struct hpn_chachapoly_stream stream;
	struct hpn_chachapoly_header header;
};

static EVP_CIPHER_CTX *
chacha(const u_char key[KEY_LEN])
{
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();

	if (evp == NULL)
		return NULL;
	if (EVP_CipherInit(evp, EVP_chacha20(), key, NULL, 1) == 1 &&
	    EVP_CIPHER_CTX_iv_length(evp) == 16)
		return evp;
	EVP_CIPHER_CTX_free(evp);
	return NULL;
}

struct chachapoly_ctx *
chachapoly_new(const u_char *key, u_int keylen)
{
	struct chachapoly_ctx *ctx;

	if (keylen != 2 * KEY_LEN || (ctx = calloc(1, sizeof(*ctx))) == NULL)
		return NULL;
	ctx->packet = chacha(key);
	ctx->length = chacha(key + KEY_LEN);
	if (ctx->packet == NULL || ctx->length == NULL) {
		chachapoly_free(ctx);
		return NULL;
	}
	ctx->poly = hpn_chachapoly_new();
	return ctx;
}

void
chachapoly_free(struct chachapoly_ctx *ctx)
{
	if (ctx == NULL)
		return;
	EVP_CIPHER_CTX_free(ctx->packet);
	EVP_CIPHER_CTX_free(ctx->length);
	hpn_chachapoly_free(ctx->poly);
	freezero(ctx, sizeof(*ctx));
}

/* What is opened is opened only after its tag was found right. */
int
chachapoly_crypt(struct chachapoly_ctx *ctx, u_int seqnr, u_char *dest,
    const u_char *src, u_int len, u_int aadlen, u_int authlen, int do_encrypt)
{
	u_char tag[POLY1305_TAGLEN], key[POLY1305_KEYLEN];
	int r;

	(void)authlen;
	if ((r = hpn_chachapoly_start(&ctx->stream, ctx->packet, seqnr,
	    len)) != 0)
		goto out;
	memcpy(key, ctx->stream.stream, sizeof(key));

	if (!do_encrypt) {
		if ((r = hpn_chachapoly_auth(ctx->poly, tag, src, aadlen + len,
		    key)) != 0)
			goto out;
		if (timingsafe_bcmp(tag, src + aadlen + len,
		    sizeof(tag)) != 0) {
			r = SSH_ERR_MAC_INVALID;
			goto out;
		}
	}

	if ((r = hpn_chachapoly_crypt(&ctx->stream, ctx->packet, dest + aadlen,
	    src + aadlen, len)) != 0)
		goto out;
	hpn_chachapoly_wipe(&ctx->stream);
	if (aadlen != 0 && (r = hpn_chachapoly_length(&ctx->header,
	    ctx->length, &ctx->stream, seqnr, dest, src, aadlen)) != 0)
		goto out;

	if (do_encrypt)
		r = hpn_chachapoly_auth(ctx->poly, dest + aadlen + len, dest,
		    aadlen + len, key);
 out:
	hpn_chachapoly_wipe(&ctx->stream);
	explicit_bzero(tag, sizeof(tag));
	explicit_bzero(key, sizeof(key));
	return r;
}

int
chachapoly_get_length(struct chachapoly_ctx *ctx, u_int *plenp, u_int seqnr,
    const u_char *cp, u_int len)
{
	u_char buf[4];

	if (len < sizeof(buf))
		return SSH_ERR_MESSAGE_INCOMPLETE;
	if (hpn_chachapoly_length(&ctx->header, ctx->length, &ctx->stream,
	    seqnr, buf, cp, sizeof(buf)) != 0)
		return SSH_ERR_LIBCRYPTO_ERROR;
	*plenp = PEEK_U32(buf);
	return 0;
}

#endif /* HAVE_EVP_CHACHA20 && !HAVE_BROKEN_CHACHA20 */
