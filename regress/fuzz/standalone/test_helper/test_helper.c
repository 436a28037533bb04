/* SPDX-License-Identifier: ISC */
/*
 * See test_helper.h for what this stands in for.
 *
 * usage: PROGRAM [-v]
 * Prints "N tests ok" and exits 0, or names the assertion that failed with
 * both values and aborts, so that a sanitizer or debugger shows from where.
 * -v: a line for each test, with the time that it took.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test_helper/test_helper.h"

static const char *name;
static char subtest[256];
static unsigned int count;
static int verbose;
static struct timespec began;

void
test_start(const char *n)
{
	if (name != NULL) {
		fprintf(stderr, "\"%s\" begins within \"%s\"\n", n, name);
		abort();
	}
	name = n;
	subtest[0] = '\0';
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
}

void
test_done(void)
{
	struct timespec now;

	count++;
	if (verbose) {
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		printf("%6.2f s  %s\n", (double)(now.tv_sec - began.tv_sec) +
		    (double)(now.tv_nsec - began.tv_nsec) / 1e9, name);
	}
	name = NULL;
}

void
test_subtest_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(subtest, sizeof(subtest), fmt, ap);
	va_end(ap);
}

/* Print where it failed; the caller adds the values and aborts. */
static void
failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "\n%s:%d: test %u \"%s\"%s%s\nassertion failed: %s\n",
	    file, line, count + 1, name == NULL ? "none" : name,
	    subtest[0] != '\0' ? " - " : "", subtest, what);
}

void
assert_signed(const char *file, int line, const char *what, int holds,
    long long a, long long b)
{
	if (holds)
		return;
	failed(file, line, what);
	fprintf(stderr, "values: %lld, %lld\n", a, b);
	abort();
}

void
assert_unsigned(const char *file, int line, const char *what, int holds,
    unsigned long long a, unsigned long long b)
{
	if (holds)
		return;
	failed(file, line, what);
	fprintf(stderr, "values: %llu, %llu\n", a, b);
	abort();
}

void
assert_pointer(const char *file, int line, const char *what, int holds,
    const void *a, const void *b)
{
	if (holds)
		return;
	failed(file, line, what);
	fprintf(stderr, "values: %p, %p\n", a, b);
	abort();
}

void
assert_string(const char *file, int line, const char *what, const char *a,
    const char *b)
{
	if (strcmp(a, b) == 0)
		return;
	failed(file, line, what);
	fprintf(stderr, "values: \"%s\", \"%s\"\n", a, b);
	abort();
}

void
assert_mem(const char *file, int line, const char *what, const void *a,
    const void *b, size_t len)
{
	if (memcmp(a, b, len) == 0)
		return;
	failed(file, line, what);
	abort();
}

void
assert_mem_filled(const char *file, int line, const char *what, const void *a,
    unsigned char with, size_t len)
{
	const unsigned char *p = a;
	size_t i;

	for (i = 0; i < len && p[i] == with; i++)
		;
	if (i == len)
		return;
	failed(file, line, what);
	fprintf(stderr, "byte %zu is 0x%02x\n", i, p[i]);
	abort();
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		verbose = strcmp(argv[1], "-v") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tests();
	printf("%u tests ok\n", count);
	return 0;
}
