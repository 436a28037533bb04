/* SPDX-License-Identifier: ISC */
/*
 * Stands in for upstream's regress/unittests/test_helper where this project's
 * own unit tests are built under sanitizers without the tree's libraries (see
 * check/policy.sh).  Same names and meaning, no more than our tests use.
 */
#ifndef HPN_STANDALONE_TEST_HELPER_H
#define HPN_STANDALONE_TEST_HELPER_H

#include "includes.h"

#include <stddef.h>
#include <stdint.h>

void tests(void);		/* supplied by the tests */

void test_start(const char *name);
void test_done(void);
void test_subtest_info(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* `what` is the asserted condition as it stands in the source. */
void assert_signed(const char *file, int line, const char *what, int holds,
    long long a, long long b);
void assert_unsigned(const char *file, int line, const char *what, int holds,
    unsigned long long a, unsigned long long b);
void assert_pointer(const char *file, int line, const char *what, int holds,
    const void *a, const void *b);
void assert_string(const char *file, int line, const char *what,
    const char *a, const char *b);
void assert_mem(const char *file, int line, const char *what,
    const void *a, const void *b, size_t len);
void assert_mem_filled(const char *file, int line, const char *what,
    const void *a, unsigned char with, size_t len);

#define TEST_START(name)	test_start(name)
#define TEST_DONE()		test_done()

/* Each argument is evaluated once, and converted as upstream's macros do. */
#define HPN_ASSERT(kind, type, a, op, b) do { \
		type hpn_a_ = (a); \
		type hpn_b_ = (b); \
		kind(__FILE__, __LINE__, #a " " #op " " #b, \
		    hpn_a_ op hpn_b_, hpn_a_, hpn_b_); \
	} while (0)
#define HPN_SIGNED(t, a, op, b)		HPN_ASSERT(assert_signed, t, a, op, b)
#define HPN_UNSIGNED(t, a, op, b)	HPN_ASSERT(assert_unsigned, t, a, op, b)
#define HPN_POINTER(a, op, b) \
	HPN_ASSERT(assert_pointer, const void *, a, op, b)

#define ASSERT_INT_EQ(a, b)		HPN_SIGNED(int, a, ==, b)
#define ASSERT_INT_NE(a, b)		HPN_SIGNED(int, a, !=, b)
#define ASSERT_INT_LT(a, b)		HPN_SIGNED(int, a, <, b)
#define ASSERT_INT_LE(a, b)		HPN_SIGNED(int, a, <=, b)
#define ASSERT_INT_GT(a, b)		HPN_SIGNED(int, a, >, b)
#define ASSERT_INT_GE(a, b)		HPN_SIGNED(int, a, >=, b)
#define ASSERT_LONG_EQ(a, b)		HPN_SIGNED(long, a, ==, b)
#define ASSERT_LONG_GT(a, b)		HPN_SIGNED(long, a, >, b)
#define ASSERT_LONG_LONG_EQ(a, b)	HPN_SIGNED(long long, a, ==, b)
#define ASSERT_LONG_LONG_LE(a, b)	HPN_SIGNED(long long, a, <=, b)
#define ASSERT_LONG_LONG_GE(a, b)	HPN_SIGNED(long long, a, >=, b)
#define ASSERT_U_INT_EQ(a, b)		HPN_UNSIGNED(unsigned int, a, ==, b)
#define ASSERT_SIZE_T_EQ(a, b)		HPN_UNSIGNED(size_t, a, ==, b)
#define ASSERT_SIZE_T_LT(a, b)		HPN_UNSIGNED(size_t, a, <, b)
#define ASSERT_SIZE_T_LE(a, b)		HPN_UNSIGNED(size_t, a, <=, b)
#define ASSERT_SIZE_T_GE(a, b)		HPN_UNSIGNED(size_t, a, >=, b)
#define ASSERT_U8_EQ(a, b)		HPN_UNSIGNED(uint8_t, a, ==, b)
#define ASSERT_U32_EQ(a, b)		HPN_UNSIGNED(uint32_t, a, ==, b)
#define ASSERT_U32_NE(a, b)		HPN_UNSIGNED(uint32_t, a, !=, b)
#define ASSERT_U32_LT(a, b)		HPN_UNSIGNED(uint32_t, a, <, b)
#define ASSERT_U32_LE(a, b)		HPN_UNSIGNED(uint32_t, a, <=, b)
#define ASSERT_U32_GT(a, b)		HPN_UNSIGNED(uint32_t, a, >, b)
#define ASSERT_U32_GE(a, b)		HPN_UNSIGNED(uint32_t, a, >=, b)
#define ASSERT_U64_EQ(a, b)		HPN_UNSIGNED(uint64_t, a, ==, b)
#define ASSERT_U64_NE(a, b)		HPN_UNSIGNED(uint64_t, a, !=, b)
#define ASSERT_U64_LT(a, b)		HPN_UNSIGNED(uint64_t, a, <, b)
#define ASSERT_U64_LE(a, b)		HPN_UNSIGNED(uint64_t, a, <=, b)
#define ASSERT_U64_GT(a, b)		HPN_UNSIGNED(uint64_t, a, >, b)
#define ASSERT_U64_GE(a, b)		HPN_UNSIGNED(uint64_t, a, >=, b)
#define ASSERT_PTR_EQ(a, b)		HPN_POINTER(a, ==, b)
#define ASSERT_PTR_NE(a, b)		HPN_POINTER(a, !=, b)

#define ASSERT_STRING_EQ(a, b) \
	assert_string(__FILE__, __LINE__, #a " == " #b, a, b)
#define ASSERT_MEM_EQ(a, b, len) \
	assert_mem(__FILE__, __LINE__, #a " == " #b, a, b, len)
#define ASSERT_MEM_ZERO_EQ(a, len) \
	assert_mem_filled(__FILE__, __LINE__, #a " is zero", a, 0, len)

#endif /* HPN_STANDALONE_TEST_HELPER_H */
