/* SPDX-License-Identifier: ISC */
/* See hpn-umac.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#ifdef HAVE_STDINT_H
# include <stdint.h>
#endif
#include <string.h>

#include "hpn-umac.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define AVX2	__attribute__((__target__("avx2")))

/*
 * A step of 32 bytes d0..d7 adds, modulo 2^64, to the sum of stream s
 *	(k[4s+0] + d0) * (k[4s+4] + d4) + ... + (k[4s+3] + d3) * (k[4s+7] + d7)
 * and moves the key on by 32 bytes.  One vector addition gives all factors of
 * a step: the left ones in its lower half, the right ones in its upper half.
 * Two steps are done together.  So the halves that belong together fill two
 * whole vectors.
 */
static inline AVX2 __m256i
products(__m256i left, __m256i right)
{
	return _mm256_add_epi64(_mm256_mul_epu32(left, right),
	    _mm256_mul_epu32(_mm256_srli_epi64(left, 32),
	    _mm256_srli_epi64(right, 32)));
}

static inline AVX2 __m256i
load(const unsigned char *p)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/*
 * `streams` is a constant where this is inlined; with the loops over it
 * unrolled the sums stay in registers.
 */
static inline AVX2 __attribute__((__always_inline__)) void
nh(const unsigned char *key, const unsigned char *data, unsigned char *sum,
    size_t len, int streams)
{
	__m256i add[4], d0, d1, f0, f1;
	__m128i half;
	uint64_t word[2], total;
	int s;

#pragma GCC unroll 4
	for (s = 0; s < streams; s++)
		add[s] = _mm256_setzero_si256();
	for (; len > 0; len -= HPN_UMAC_STEP) {
		d0 = load(data);
		d1 = load(data + 32);
#pragma GCC unroll 4
		for (s = 0; s < streams; s++) {
			f0 = _mm256_add_epi32(load(key + 16 * s), d0);
			f1 = _mm256_add_epi32(load(key + 32 + 16 * s), d1);
			add[s] = _mm256_add_epi64(add[s], products(
			    _mm256_permute2x128_si256(f0, f1, 0x20),
			    _mm256_permute2x128_si256(f0, f1, 0x31)));
		}
		data += HPN_UMAC_STEP;
		key += HPN_UMAC_STEP;
	}
#pragma GCC unroll 4
	for (s = 0; s < streams; s++) {
		half = _mm_add_epi64(_mm256_castsi256_si128(add[s]),
		    _mm256_extracti128_si256(add[s], 1));
		memcpy(word, &half, sizeof(word));
		memcpy(&total, sum + 8 * s, sizeof(total));
		total += word[0] + word[1];
		memcpy(sum + 8 * s, &total, sizeof(total));
	}
}

static AVX2 void
nh_64(const void *key, const void *data, void *sum, size_t len)
{
	nh(key, data, sum, len, 2);
}

static AVX2 void
nh_128(const void *key, const void *data, void *sum, size_t len)
{
	nh(key, data, sum, len, 4);
}

int
hpn_umac_nh(const void *key, const void *data, void *sum, size_t len,
    int streams)
{
	if (len == 0 || len % HPN_UMAC_STEP != 0 ||
	    !__builtin_cpu_supports("avx2"))
		return 0;
	switch (streams) {
	case 2:
		nh_64(key, data, sum, len);
		return 1;
	case 4:
		nh_128(key, data, sum, len);
		return 1;
	default:
		return 0;
	}
}

#else /* __x86_64__ && __GNUC__ */

int
hpn_umac_nh(const void *key, const void *data, void *sum, size_t len,
    int streams)
{
	return 0;
}

#endif /* __x86_64__ && __GNUC__ */
