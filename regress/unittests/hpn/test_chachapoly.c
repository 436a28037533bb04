/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-chachapoly and of hpn-chachapoly-cipher.c:
 * against the portable ChaCha20 and Poly1305 of the tree, put together here as
 * PROTOCOL.chacha20poly1305 says.
 */

#include "includes.h"
#ifdef WITH_OPENSSL
#include "openbsd-compat/openssl-compat.h"
#endif

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "chacha.h"
#include "cipher-chachapoly.h"
#include "poly1305.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "tests.h"

#if defined(HAVE_EVP_CHACHA20) && !defined(HAVE_BROKEN_CHACHA20)
#define LIBCRYPTO_CHACHA20
#include <openssl/evp.h>
#include "hpn-chachapoly.h"
#endif

#define KEYLEN		64
#define TAGLEN		POLY1305_TAGLEN
#define AADLEN		4
#define LARGEST		(256 * KB)	/* PACKET_MAX_SIZE */
#define ROOM		(AADLEN + LARGEST + TAGLEN + 64)

static u_char key[KEYLEN];
static u_char *plain, *sealed, *expected, *opened;
static struct chachapoly_ctx *ctx;
static uint64_t random_state;

/* The same in every run, so that a failure can be repeated. */
static uint32_t
random_u32(void)
{
	random_state = random_state * 6364136223846793005ULL +
	    1442695040888963407ULL;
	return (uint32_t)(random_state >> 32);
}

static void
random_bytes(u_char *p, size_t len)
{
	for (; len > 0; len--)
		*p++ = (u_char)random_u32();
}

static u_char *
allocate(size_t len)
{
	u_char *p = calloc(1, len);

	ASSERT_PTR_NE(p, NULL);
	return p;
}

static void
reference_seal(u_int seqnr, u_char *dest, const u_char *src, u_int len,
    u_int aadlen)
{
	static const u_char one[8] = { 1 };	/* the block counter */
	struct chacha_ctx c;
	u_char nonce[8], poly_key[POLY1305_KEYLEN];

	POKE_U64(nonce, seqnr);
	chacha_keysetup(&c, key + 32, 256);
	chacha_ivsetup(&c, nonce, NULL);
	chacha_encrypt_bytes(&c, src, dest, aadlen);
	chacha_keysetup(&c, key, 256);
	memset(poly_key, 0, sizeof(poly_key));
	chacha_ivsetup(&c, nonce, NULL);
	chacha_encrypt_bytes(&c, poly_key, poly_key, sizeof(poly_key));
	chacha_ivsetup(&c, nonce, one);
	chacha_encrypt_bytes(&c, src + aadlen, dest + aadlen, len);
	poly1305_auth(dest + aadlen + len, dest, aadlen + len, poly_key);
}

/*
 * Seal, compare with the reference, open; at odd addresses, and with what
 * lies beyond the packet left alone.
 */
static void
check_packet(u_int seqnr, u_int len, u_int aadlen)
{
	u_int skew = random_u32() % 16, packlen, total = aadlen + len;
	u_char *from = plain + skew, *to = sealed + random_u32() % 16;
	u_char *back = opened + random_u32() % 16;

	test_subtest_info("seqnr %u, %u + %u bytes", seqnr, aadlen, len);
	if (aadlen >= 4)
		POKE_U32(from, len);
	reference_seal(seqnr, expected, from, len, aadlen);
	memset(to, 0xa5, total + TAGLEN + 32);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, to, from, len, aadlen,
	    TAGLEN, 1), 0);
	ASSERT_MEM_EQ(to, expected, total + TAGLEN);
	ASSERT_MEM_FILLED_EQ(to + total + TAGLEN, 0xa5, 32);
	if (aadlen == 4) {
		ASSERT_INT_EQ(chachapoly_get_length(ctx, &packlen, seqnr, to,
		    total), 0);
		ASSERT_U_INT_EQ(packlen, len);
	}
	memset(back, 0x5a, total + 32);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, back, to, len, aadlen,
	    TAGLEN, 0), 0);
	ASSERT_MEM_EQ(back, from, total);
	ASSERT_MEM_FILLED_EQ(back + total, 0x5a, 32);
}

static void
check_in_place(u_int seqnr, u_int len)
{
	test_subtest_info("in place, seqnr %u, %u bytes", seqnr, len);
	reference_seal(seqnr, expected, plain, len, AADLEN);
	memcpy(sealed, plain, AADLEN + len);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, sealed, sealed, len, AADLEN,
	    TAGLEN, 1), 0);
	ASSERT_MEM_EQ(sealed, expected, AADLEN + len + TAGLEN);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, sealed, sealed, len, AADLEN,
	    TAGLEN, 0), 0);
	ASSERT_MEM_EQ(sealed, plain, AADLEN + len);
}

/* Bit `bit` of the packet in `sealed` is flipped: nothing may come out. */
static void
check_flipped(u_int seqnr, u_int len, u_int bit)
{
	test_subtest_info("seqnr %u, %u bytes, bit %u", seqnr, len, bit);
	sealed[bit / 8] ^= 1 << (bit % 8);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, opened, sealed, len, AADLEN,
	    TAGLEN, 0), SSH_ERR_MAC_INVALID);
	ASSERT_MEM_FILLED_EQ(opened, 0x77, AADLEN + len + TAGLEN);
	sealed[bit / 8] ^= 1 << (bit % 8);
}

static void
check_flips(u_int seqnr, u_int len)
{
	u_int bits = (AADLEN + len + TAGLEN) * 8, bit, i;

	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, sealed, plain, len, AADLEN,
	    TAGLEN, 1), 0);
	memset(opened, 0x77, AADLEN + len + TAGLEN);
	if (len <= 2048) {
		for (bit = 0; bit < bits; bit++)
			check_flipped(seqnr, len, bit);
	} else {
		for (bit = 0; bit < (AADLEN + 64) * 8; bit++)
			check_flipped(seqnr, len, bit);
		for (bit = bits - (TAGLEN + 64) * 8; bit < bits; bit++)
			check_flipped(seqnr, len, bit);
		for (i = 0; i < 500; i++)
			check_flipped(seqnr, len, random_u32() % bits);
	}
	test_subtest_info("seqnr %u, %u bytes, whole", seqnr, len);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr + 1, opened, sealed, len,
	    AADLEN, TAGLEN, 0), SSH_ERR_MAC_INVALID);
	ASSERT_MEM_FILLED_EQ(opened, 0x77, AADLEN + len + TAGLEN);
	ASSERT_INT_EQ(chachapoly_crypt(ctx, seqnr, opened, sealed, len, AADLEN,
	    TAGLEN, 0), 0);
	ASSERT_MEM_EQ(opened, plain, AADLEN + len);
}

#ifdef LIBCRYPTO_CHACHA20
static void
check_tags(struct hpn_chachapoly *poly, const u_char *poly_key, size_t most)
{
	u_char tag[TAGLEN], portable[TAGLEN];
	size_t len;

	for (len = 0; len <= most; len++) {
		test_subtest_info("%zu bytes, key %02x..", len, poly_key[0]);
		memset(tag, 0, sizeof(tag));
		poly1305_auth(portable, plain + len % 16, len, poly_key);
		ASSERT_INT_EQ(hpn_chachapoly_auth(poly, tag, plain + len % 16,
		    len, poly_key), 0);
		ASSERT_MEM_EQ(tag, portable, sizeof(tag));
	}
}

static void
test_poly1305(void)
{
	/* RFC 8439, section 2.5.2 */
	static const u_char rfc_key[] = {
		0x85, 0xd6, 0xbe, 0x78, 0x57, 0x55, 0x6d, 0x33,
		0x7f, 0x44, 0x52, 0xfe, 0x42, 0xd5, 0x06, 0xa8,
		0x01, 0x03, 0x80, 0x8a, 0xfb, 0x0d, 0xb2, 0xfd,
		0x4a, 0xbf, 0xf6, 0xaf, 0x41, 0x49, 0xf5, 0x1b
	}, rfc_tag[] = {
		0xa8, 0x06, 0x1d, 0xc1, 0x30, 0x51, 0x36, 0xc6,
		0xc2, 0x2b, 0x8b, 0xaf, 0x0c, 0x01, 0x27, 0xa9
	};
	static const char rfc_text[] = "Cryptographic Forum Research Group";
	struct hpn_chachapoly *poly;
	u_char poly_key[POLY1305_KEYLEN], tag[TAGLEN];
	int i;

	TEST_START("chachapoly: Poly1305 of libcrypto and the portable one");
	poly = hpn_chachapoly_new();
#if OPENSSL_VERSION_NUMBER >= 0x30000000L && !defined(LIBRESSL_VERSION_NUMBER)
	/* The default provider has it; without, all below tests one code */
	if (poly == NULL)
		fprintf(stderr, "note: libcrypto offers no POLY1305 here "
		    "(FIPS?): the portable code is tested alone\n");
#endif
	ASSERT_INT_EQ(hpn_chachapoly_auth(poly, tag, (const u_char *)rfc_text,
	    strlen(rfc_text), rfc_key), 0);
	ASSERT_MEM_EQ(tag, rfc_tag, sizeof(tag));
	for (i = 0; i < 4; i++) {
		random_bytes(poly_key, sizeof(poly_key));
		check_tags(poly, poly_key, 2200);
	}
	/* Most carries */
	memset(poly_key, 0xff, sizeof(poly_key));
	check_tags(poly, poly_key, 600);
	memset(plain, 0xff, 4096);
	check_tags(poly, poly_key, 2200);
	memset(poly_key, 0, sizeof(poly_key));
	check_tags(poly, poly_key, 600);
	random_bytes(plain, 4096);
	hpn_chachapoly_free(poly);
	hpn_chachapoly_free(NULL);
	TEST_DONE();

	TEST_START("chachapoly: without libcrypto's Poly1305 the portable one");
	random_bytes(poly_key, sizeof(poly_key));
	check_tags(NULL, poly_key, 600);
	TEST_DONE();
}

static void
test_chacha20(void)
{
	struct hpn_chachapoly_stream c;
	struct hpn_chachapoly_header h;
	EVP_CIPHER_CTX *evp;
	u_char buf[HPN_CHACHAPOLY_BLOCK + 1];
	u_int len;

	TEST_START("chachapoly: keystream is wiped, lengths are bounded");
	memset(&c, 0, sizeof(c));
	memset(&h, 0, sizeof(h));
	evp = EVP_CIPHER_CTX_new();
	ASSERT_PTR_NE(evp, NULL);
	ASSERT_INT_EQ(EVP_CipherInit(evp, EVP_chacha20(), key, NULL, 1), 1);
	for (len = 0; len < 5000; len += 1 + len / 7) {
		test_subtest_info("%u bytes", len);
		ASSERT_INT_EQ(hpn_chachapoly_start(&c, evp, len, len), 0);
		ASSERT_MEM_ZERO_NE(c.stream, HPN_CHACHAPOLY_BLOCK);
		ASSERT_INT_EQ(hpn_chachapoly_crypt(&c, evp, sealed, plain, len),
		    0);
		hpn_chachapoly_wipe(&c);
		ASSERT_MEM_ZERO_EQ(&c, sizeof(c));
	}
	memset(buf, 0, sizeof(buf));
	ASSERT_INT_EQ(hpn_chachapoly_length(&h, evp, &c, 7, buf, buf,
	    sizeof(buf)), SSH_ERR_INVALID_ARGUMENT);
	ASSERT_MEM_ZERO_EQ(buf, sizeof(buf));
	ASSERT_INT_EQ(hpn_chachapoly_length(&h, evp, &c, 7, buf, buf,
	    sizeof(buf) - 1), 0);
	ASSERT_MEM_ZERO_EQ(&c, sizeof(c));
	EVP_CIPHER_CTX_free(evp);
	TEST_DONE();
}
#endif /* LIBCRYPTO_CHACHA20 */

void
test_chachapoly(void)
{
	static const u_int seqnrs[] = {
		0, 1, 2, 255, 256, 65536, 0x7fffffff, 0x80000000, 0x80000001,
		0xfffffffe, 0xffffffff
	};
	static const u_int around[] = {	/* where hpn-chachapoly.c divides */
		64, 128, 160, 192, 256, 512, 896, 960, 1024, 1984, 2048, 3008,
		4096, 16384, 32768, 65536, 131072
	};
	static const u_int flipped[] = {
		0, 8, 16, 152, 264, 960, 1016, 2040, 32784, LARGEST
	};
	const u_int n = sizeof(seqnrs) / sizeof(seqnrs[0]);
	u_int i, len, packlen;

	random_state = 20250409;
	plain = allocate(ROOM);
	sealed = allocate(ROOM);
	expected = allocate(ROOM);
	opened = allocate(ROOM);
	random_bytes(plain, ROOM);
	random_bytes(key, sizeof(key));

	TEST_START("chachapoly: keys");
	ASSERT_PTR_EQ(chachapoly_new(key, KEYLEN - 1), NULL);
	ASSERT_PTR_EQ(chachapoly_new(key, KEYLEN / 2), NULL);
	ctx = chachapoly_new(key, KEYLEN);
	ASSERT_PTR_NE(ctx, NULL);
	chachapoly_free(NULL);
	TEST_DONE();

	TEST_START("chachapoly: all lengths from 0 to 600");
	for (len = 0; len <= 600; len++) {
		check_packet(len, len, AADLEN);
		check_packet(seqnrs[len % n], len, AADLEN);
		check_packet(random_u32(), len, AADLEN);
	}
	TEST_DONE();

	TEST_START("chachapoly: all lengths around those that divide the work");
	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (len = around[i] - 20; len <= around[i] + 20; len++)
			check_packet(random_u32(), len, AADLEN);
	TEST_DONE();

	TEST_START("chachapoly: random lengths up to the largest packet");
	check_packet(5, LARGEST, AADLEN);
	check_packet(6, LARGEST - 1, AADLEN);
	for (i = 0; i < 300; i++)
		check_packet(random_u32(), random_u32() % (i < 200 ? 8 * KB :
		    LARGEST + 1), AADLEN);
	TEST_DONE();

	TEST_START("chachapoly: sequence numbers in any order, any twice");
	for (i = 0; i < n; i++) {
		check_packet(seqnrs[i], 40, AADLEN);
		check_packet(seqnrs[n - 1 - i], 40, AADLEN);
		check_packet(seqnrs[i], 3000, AADLEN);
		check_packet(seqnrs[i] ^ 0x80000000, 8, AADLEN);
	}
	for (i = 0xfffffff0; i != 0x10; i++)	/* wraps */
		check_packet(i, i & 0xff, AADLEN);
	TEST_DONE();

	TEST_START("chachapoly: with no and with other additional data");
	for (len = 0; len <= 600; len += 8) {
		check_packet(0, len, 0);	/* as for private keys */
		check_packet(len, len, 16);
		check_packet(0, len, 64);
	}
	TEST_DONE();

	TEST_START("chachapoly: a length is had before the packet is there");
	ASSERT_INT_EQ(chachapoly_get_length(ctx, &packlen, 3, sealed, 3),
	    SSH_ERR_MESSAGE_INCOMPLETE);
	for (i = 0; i < n; i++) {
		POKE_U32(plain, 0x01020304 + i);
		reference_seal(seqnrs[i], expected, plain, 8, AADLEN);
		ASSERT_INT_EQ(chachapoly_get_length(ctx, &packlen, seqnrs[i],
		    expected, 4), 0);
		ASSERT_U_INT_EQ(packlen, 0x01020304 + i);
		expected[3] ^= 1;	/* another packet, the same number */
		ASSERT_INT_EQ(chachapoly_get_length(ctx, &packlen, seqnrs[i],
		    expected, 4), 0);
		ASSERT_U_INT_EQ(packlen, (0x01020304 + i) ^ 1);
	}
	TEST_DONE();

	TEST_START("chachapoly: in place");
	for (len = 0; len <= 600; len++)
		check_in_place(len, len);
	for (i = 0; i < 50; i++)
		check_in_place(random_u32(), random_u32() % (LARGEST + 1));
	TEST_DONE();

	TEST_START("chachapoly: any flipped bit is found, nothing is opened");
	for (i = 0; i < sizeof(flipped) / sizeof(flipped[0]); i++)
		check_flips(i * 3, flipped[i]);
	check_flips(0xffffffff, 48);
	TEST_DONE();

	TEST_START("chachapoly: a tag of zeros, a packet of zeros");
	for (len = 0; len <= 1024; len += 64) {
		memset(sealed, 0, AADLEN + len + TAGLEN);
		memset(opened, 0x77, AADLEN + len);
		ASSERT_INT_EQ(chachapoly_crypt(ctx, 9, opened, sealed, len,
		    AADLEN, TAGLEN, 0), SSH_ERR_MAC_INVALID);
		ASSERT_MEM_FILLED_EQ(opened, 0x77, AADLEN + len);
	}
	TEST_DONE();

#ifdef LIBCRYPTO_CHACHA20
	test_poly1305();
	test_chacha20();
#endif

	chachapoly_free(ctx);
	free(plain);
	free(sealed);
	free(expected);
	free(opened);
}
