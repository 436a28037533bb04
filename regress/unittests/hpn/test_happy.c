/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-happy. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-happy.h"
#include "tests.h"

/* Each letter is an address of that family, capitals later ones. */
static void
ordered(const char *families, const char *expect)
{
	int numbers[HPN_HAPPY_MOST] = { 0 }, order[HPN_HAPPY_MOST];
	int seen[2] = { 0, 0 };
	int i, k, n = (int)strlen(families);
	char got[HPN_HAPPY_MOST + 1], letters[HPN_HAPPY_MOST + 1];

	/* The k-th of its family has the k-th letter */
	for (i = 0; i < n; i++) {
		numbers[i] = families[i] == '6' ? 10 : 2;
		k = seen[families[i] == '6']++;
		letters[i] = (char)((families[i] == '6' ? 'a' : 'A') + k);
	}
	hpn_happy_order(numbers, n, order);
	for (i = 0; i < n; i++)
		got[i] = letters[order[i]];
	got[n] = '\0';
	test_subtest_info("%s", families);
	ASSERT_STRING_EQ(got, expect);
}

static void
order(void)
{
	int numbers[HPN_HAPPY_MOST], places[HPN_HAPPY_MOST];
	int i, sum = 0;

	TEST_START("happy: families take turns");
	ordered("6", "a");
	ordered("64", "aA");
	ordered("46", "Aa");
	ordered("6644", "aAbB");
	ordered("66664", "aAbcd");
	ordered("4666", "Aabc");
	ordered("444", "ABC");
	ordered("6464", "aAbB");
	ordered("66444", "aAbBC");
	TEST_DONE();

	TEST_START("happy: each address once");
	for (i = 0; i < HPN_HAPPY_MOST; i++)
		numbers[i] = (i * 7) % 3;
	hpn_happy_order(numbers, HPN_HAPPY_MOST, places);
	for (i = 0; i < HPN_HAPPY_MOST; i++)
		sum += places[i];
	ASSERT_INT_EQ(sum, HPN_HAPPY_MOST * (HPN_HAPPY_MOST - 1) / 2);
	TEST_DONE();
}

static void
times(void)
{
	struct hpn_happy h;

	TEST_START("happy: the next after the delay");
	hpn_happy_init(&h, 3, 250, 0);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1000), 0);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1000), 0);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1000), -1);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1000), 250);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1240), 10);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1249), -1);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1250), 1);
	/* counted from when it began, not from when it might have */
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1505), 2);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1505), -1);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 9999), -1);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 0);
	TEST_DONE();

	TEST_START("happy: the next at once when the one before has failed");
	hpn_happy_init(&h, 4, 250, 0);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 0), 0);
	hpn_happy_failed(&h, 0);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1), 0);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1), 1);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1), 250);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 251), 2);
	/* an earlier one does not hurry the next */
	hpn_happy_failed(&h, 1);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 300), -1);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 501), 3);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 0);
	hpn_happy_failed(&h, 3);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 0);
	hpn_happy_failed(&h, 2);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 1);
	TEST_DONE();

	TEST_START("happy: patience is for each address");
	hpn_happy_init(&h, 2, 250, 1000);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 0), 0);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 250), 1);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 250), 750);
	ASSERT_INT_EQ(hpn_happy_late(&h, 999), -1);
	ASSERT_INT_EQ(hpn_happy_late(&h, 1000), 0);
	ASSERT_INT_EQ(hpn_happy_late(&h, 1000), -1);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 0);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 1100), 150);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 2000), 0);
	ASSERT_INT_EQ(hpn_happy_late(&h, 2000), 1);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 1);
	TEST_DONE();

	TEST_START("happy: patience that is shorter than the delay");
	hpn_happy_init(&h, 2, 2000, 1000);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 0), 0);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 0), 1000);
	ASSERT_INT_EQ(hpn_happy_late(&h, 1000), 0);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 1000), 1);
	TEST_DONE();

	TEST_START("happy: none, and more than are tried");
	hpn_happy_init(&h, 0, 250, 0);
	ASSERT_INT_EQ(hpn_happy_lost(&h), 1);
	ASSERT_INT_EQ(hpn_happy_begin(&h, 0), -1);
	ASSERT_LONG_LONG_EQ(hpn_happy_wait(&h, 0), -1);
	hpn_happy_failed(&h, 0);
	hpn_happy_init(&h, HPN_HAPPY_MOST + 1, 250, 0);
	ASSERT_INT_EQ(h.n, HPN_HAPPY_MOST);
	TEST_DONE();
}

void
test_happy(void)
{
	order();
	times();
}
