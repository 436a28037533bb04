/* SPDX-License-Identifier: ISC */
/* See hpn-ciphers.h for what this does. */

#include <stdint.h>
#include <string.h>

#include "hpn-ciphers.h"
#include "hpn-list.h"

/* Words of libcrypto's text, with the bits that must all be set. */
static const struct {
	const char *word;
	uint64_t bits;
} known[] = {
	/* CPUID 1: EDX, then ECX with AES-NI (25) and PCLMULQDQ (1) */
	{ "OPENSSL_ia32cap=0x", 1ULL << (32 + 25) | 1ULL << (32 + 1) },
	/* arm_arch.h: ARMV8_AES and ARMV8_PMULL */
	{ "OPENSSL_armcap=0x", 1ULL << 2 | 1ULL << 5 },
};

/* At most 16 digits; anything else may follow. */
static int
hex(const char *s, uint64_t *value)
{
	int n, digit;

	*value = 0;
	for (n = 0;; n++, s++) {
		if (*s >= '0' && *s <= '9')
			digit = *s - '0';
		else if (*s >= 'a' && *s <= 'f')
			digit = *s - 'a' + 10;
		else
			break;
		if (n == 16)
			return 0;
		*value = *value << 4 | (uint64_t)digit;
	}
	return n > 0;
}

int
hpn_ciphers_hardware(const char *settings)
{
	const char *at;
	uint64_t value;
	size_t i;

	for (i = 0; settings != NULL && i < sizeof(known) / sizeof(known[0]);
	    i++) {
		if ((at = strstr(settings, known[i].word)) == NULL)
			continue;
		return hex(at + strlen(known[i].word), &value) &&
		    (value & known[i].bits) == known[i].bits;
	}
	return 0;
}

int
hpn_ciphers_ahead(const char *order, int hardware, int disabled)
{
	/* A library may be built, or told, to do without it */
	return order != NULL && hardware && !disabled &&
	    hpn_list_find(order, HPN_CIPHERS_REAL) != NULL;
}

const char *
hpn_ciphers_real(const char *name)
{
	return strcmp(name, HPN_CIPHERS_HARDWARE) == 0 ?
	    HPN_CIPHERS_REAL : name;
}

void
hpn_ciphers_resolve(char *name)
{
	_Static_assert(sizeof(HPN_CIPHERS_REAL) <=
	    sizeof(HPN_CIPHERS_HARDWARE), "it is written over our name");

	if (name != NULL && strcmp(name, HPN_CIPHERS_HARDWARE) == 0)
		memcpy(name, HPN_CIPHERS_REAL, sizeof(HPN_CIPHERS_REAL));
}
