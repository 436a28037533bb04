/* SPDX-License-Identifier: ISC */
/*
 * What the fuzz targets share.  A target is LLVMFuzzerTestOneInput(), which
 * clang's -fsanitize=fuzzer drives; main.c drives it where that is missing.
 */
#ifndef HPN_FUZZ_H
#define HPN_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Abort, naming the condition, unless it holds. */
#define HOLDS(condition) do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", \
			    __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

struct input {
	const uint8_t *p;
	size_t left;
};

/* `n` bytes of the input as a number; zeros when it has no more. */
static inline uint64_t
input_bytes(struct input *in, int n)
{
	uint64_t v = 0;

	while (n-- > 0) {
		v <<= 8;
		if (in->left > 0) {
			v |= *in->p++;
			in->left--;
		}
	}
	return v;
}

/* A number of any magnitude up to 2^64-1: small ones as likely as large. */
static inline uint64_t
input_number(struct input *in)
{
	unsigned int kind = (unsigned int)input_bytes(in, 1);
	uint64_t v;

	v = input_bytes(in, 1 + (int)((kind >> 2) & 7));
	switch (kind & 3) {
	case 0:
		return v;
	case 1:
		return UINT64_MAX - v;
	case 2:
		return v << (kind >> 2);
	default:
		return (1ULL << (kind >> 2)) - 1;
	}
}

/*
 * A number below most; *state, which is never 0, makes the next one.  How a stream is
 * cut is taken from these: whatever the input has, some pieces are short.
 */
static inline uint64_t
input_piece(uint64_t *state, uint64_t most)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % most;
}

#endif /* HPN_FUZZ_H */
