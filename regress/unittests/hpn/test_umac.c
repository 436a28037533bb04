/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-umac, and of UMAC with it. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-umac.h"
#include "tests.h"
#include "umac.h"

#define MOST		1024	/* hashed with one key */
#define STREAMS_MOST	4
#define KEY_BYTES	(MOST + 16 * (STREAMS_MOST - 1))

static uint32_t
random_u32(void)
{
	static uint64_t state = 4418;	/* the same in every run */

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state >> 32);
}

static void
random_bytes(u_char *p, size_t len)
{
	for (; len > 0; len--)
		*p++ = (u_char)random_u32();
}

static uint32_t
word(const u_char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* RFC 4418, section 5.2.2, on a little-endian machine */
static void
reference_nh(const u_char *key, const u_char *data, uint64_t *sum, size_t len,
    int streams)
{
	size_t at, j;
	int s;

	for (s = 0; s < streams; s++)
		for (at = 0; at < len; at += 32)
			for (j = at; j < at + 16; j += 4)
				sum[s] += (uint64_t)(uint32_t)(word(data + j) +
				    word(key + 16 * s + j)) *
				    (uint32_t)(word(data + j + 16) +
				    word(key + 16 * s + j + 16));
}

static void
check_nh(const u_char *key, const u_char *data, size_t len, int streams)
{
	uint64_t sum[STREAMS_MOST + 1], expected[STREAMS_MOST + 1];
	int s;

	test_subtest_info("%zu bytes, %d streams", len, streams);
	for (s = 0; s <= STREAMS_MOST; s++)
		sum[s] = expected[s] = ~(uint64_t)0 - random_u32();
	reference_nh(key, data, expected, len, streams);
	ASSERT_INT_EQ(hpn_umac_nh(key, data, sum, len, streams), 1);
	ASSERT_MEM_EQ(sum, expected, sizeof(sum));
}

static void
test_nh(void)
{
	static u_char keys[KEY_BYTES + 32], datas[MOST + 32];
	uint64_t sum[STREAMS_MOST];
	const u_char *key, *data;
	size_t len;
	int streams, i;

	TEST_START("umac: what the vector code is not for is left alone");
	memset(sum, 0, sizeof(sum));
	for (streams = 0; streams <= 5; streams++) {
		if (streams != 2 && streams != 4)
			ASSERT_INT_EQ(hpn_umac_nh(keys, datas, sum, 64,
			    streams), 0);
		ASSERT_INT_EQ(hpn_umac_nh(keys, datas, sum, 0, streams), 0);
		ASSERT_INT_EQ(hpn_umac_nh(keys, datas, sum, 32, streams), 0);
		ASSERT_INT_EQ(hpn_umac_nh(keys, datas, sum, 96, streams), 0);
	}
	ASSERT_MEM_ZERO_EQ(sum, sizeof(sum));
	TEST_DONE();

	if (!hpn_umac_nh(keys, datas, sum, HPN_UMAC_STEP, 2)) {
		fprintf(stderr, "note: no vector code for UMAC on this "
		    "processor: not tested here\n");
		return;
	}
	TEST_START("umac: NH by vector code and as the RFC has it");
	for (i = 0; i < 60; i++) {
		key = keys + i % 32;
		data = datas + i * 7 % 32;
		random_bytes(keys, sizeof(keys));
		random_bytes(datas, sizeof(datas));
		if (i == 1 || i == 2)	/* most carries */
			memset(keys, 0xff, sizeof(keys));
		if (i == 2 || i == 3)
			memset(datas, 0xff, sizeof(datas));
		if (i == 4)
			memset(datas, 0, sizeof(datas));
		if (i == 5 || i == 6)
			memset(keys, 0x7f, sizeof(keys));
		if (i == 6)
			memset(datas, 0x80, sizeof(datas));
		for (len = HPN_UMAC_STEP; len <= MOST; len += HPN_UMAC_STEP) {
			check_nh(key, data, len, 2);
			check_nh(key, data, len, 4);
		}
	}
	TEST_DONE();
}

struct vector {
	const char *text;
	size_t times;
	const char *tag64;	/* RFC 4418, appendix */
	const char *tag128;	/* by the portable code, OpenSSH 10.0p1 */
};

static void
hex(char *to, const u_char *from, size_t len)
{
	for (; len > 0; len--, to += 2)
		snprintf(to, 3, "%02X", *from++);
}

static void
check_vector(const struct vector *v, const u_char *text, size_t len,
    size_t piece)
{
	static const u_char key[] = "abcdefghijklmnop";
	struct umac_ctx *c64, *c128;
	u_char tag[16] __attribute__((__aligned__(16)));
	u_char nonce[8] __attribute__((__aligned__(16)));
	char printed[33];
	size_t at, n;
	int again;

	test_subtest_info("'%s' * %zu, %zu at a time", v->text, v->times,
	    piece);
	memcpy(nonce, "bcdefghi", sizeof(nonce));
	c64 = umac_new(key);
	c128 = umac128_new(key);
	ASSERT_PTR_NE(c64, NULL);
	ASSERT_PTR_NE(c128, NULL);
	for (again = 0; again < 2; again++) {
		for (at = 0; at < len; at += n) {
			n = piece < len - at ? piece : len - at;
			umac_update(c64, text + at, n);
			umac128_update(c128, text + at, n);
		}
		umac_final(c64, tag, nonce);
		hex(printed, tag, 8);
		ASSERT_STRING_EQ(printed, v->tag64);
		umac128_final(c128, tag, nonce);
		hex(printed, tag, 16);
		ASSERT_STRING_EQ(printed, v->tag128);
	}
	umac_delete(c64);
	umac128_delete(c128);
}

void
test_umac(void)
{
	static const struct vector vectors[] = {
		{ "", 0, "6E155FAD26900BE1",
		    "32FEDB100C79AD58F07FF7643CC60465" },
		{ "a", 3, "44B5CB542F220104",
		    "185E4FE905CBA7BD85E4C2DC3D117D8D" },
		{ "a", 1 << 10, "26BF2F5D60118BD9",
		    "7A54ABE04AF82D60FB298C3CBD195BCB" },
		{ "a", 1 << 15, "27F8EF643B0D118D",
		    "7B136BD911E4B734286EF2BE501F2C3C" },
		{ "a", 1 << 20, "A4477E87E9F55853",
		    "F8ACFA3AC31CFEEA047F7B115B03BEF5" },
		{ "abc", 1, "D4D7B9F6BD4FBFCF",
		    "883C3D4B97A61976FFCF232308CBA5A5" },
		{ "abc", 500, "D4CF26DDEFD5C01A",
		    "8824A260C53C66A36C9260A62CB83AA1" },
	};
	static const size_t pieces[] = {
		1 << 20, 65536, 1024, 1000, 512, 100, 64, 63, 33, 32, 7, 1
	};
	u_char *text;
	size_t i, j, len, unit;

	test_nh();

	TEST_START("umac: known tags, in one piece and in many");
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		unit = strlen(vectors[i].text);
		len = unit * vectors[i].times;
		text = malloc(len + 1);
		ASSERT_PTR_NE(text, NULL);
		for (j = 0; j < len; j++)
			text[j] = (u_char)vectors[i].text[j % unit];
		for (j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++)
			check_vector(&vectors[i], text, len, pieces[j]);
		free(text);
	}
	TEST_DONE();
}
