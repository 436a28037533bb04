/* SPDX-License-Identifier: ISC */
/* Unit tests of this project's own modules. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>

#include "../test_helper/test_helper.h"

#include "tests.h"

/* Newer releases' helper asks for some; there are none. */
void benchmarks(void);

void
benchmarks(void)
{
}

void
tests(void)
{
#define CALL(name)	test_##name();
	HPN_TESTS_ALONE(CALL)
#ifndef HPN_WITHOUT_TREE
	HPN_TESTS_TREE(CALL)
#endif
#undef CALL
}
