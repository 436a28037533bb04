/* SPDX-License-Identifier: ISC */
/*
 * What a fuzz target has allocated, so that what is left can be released where a
 * longjmp() ended what would have done so.  For one target each: it includes this
 * where free() is the system's.
 */
#ifndef HPN_FUZZ_KEPT_H
#define HPN_FUZZ_KEPT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz.h"

#define KEPT_CHAINS	4096

struct kept {
	struct kept *next;
	void *p;
	size_t len;			/* as it was told */
	void (*release)(void *);
};
static struct kept *kept[KEPT_CHAINS];

static inline struct kept **
kept_chain(const void *p)
{
	return &kept[((uintptr_t)p >> 4) % KEPT_CHAINS];
}

/* It is there until let_go(), or until let_all_go() releases it.  Returns p. */
static inline void *
keep(void *p, void (*release)(void *), size_t len)
{
	struct kept *k = calloc(1, sizeof(*k)), **chain = kept_chain(p);

	HOLDS(k != NULL && p != NULL);
	k->p = p;
	k->len = len;
	k->release = release;
	k->next = *chain;
	*chain = k;
	return p;
}

/* The target releases it.  Returns its length; 0 of what was never kept. */
static inline size_t
let_go(const void *p)
{
	struct kept **chain, *k;
	size_t len;

	for (chain = kept_chain(p); (k = *chain) != NULL; chain = &k->next) {
		if (k->p == p) {
			len = k->len;
			*chain = k->next;
			free(k);
			return len;
		}
	}
	return 0;
}

static inline void
let_all_go(void)
{
	struct kept *k;
	unsigned int i;

	for (i = 0; i < KEPT_CHAINS; i++) {
		while ((k = kept[i]) != NULL) {
			kept[i] = k->next;
			k->release(k->p);
			free(k);
		}
	}
}

#endif /* HPN_FUZZ_KEPT_H */
