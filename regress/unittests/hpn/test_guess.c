/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-guess. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-guess.h"
#include "tests.h"

#define A	"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B	"SHA256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

static void
stripped(const char *list, const char *wanted)
{
	char buf[256];

	snprintf(buf, sizeof(buf), "%s", list);
	hpn_guess_strip(buf);
	ASSERT_STRING_EQ(buf, wanted);
}

static void
names(void)
{
	char out[1024];
	size_t n;
	const char *twenty = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20";
	const char *nineteen = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19";

	TEST_START("guess: the name is the last of a list, once, and never alone");
	ASSERT_INT_EQ(hpn_guess_with("a,b", out, sizeof(out)), 1);
	ASSERT_STRING_EQ(out, "a,b," HPN_GUESS_NAME);
	ASSERT_INT_EQ(hpn_guess_lists(out), 1);
	ASSERT_INT_EQ(hpn_guess_with("a," HPN_GUESS_NAME, out, sizeof(out)), 0);
	ASSERT_INT_EQ(hpn_guess_with("", out, sizeof(out)), 0);
	ASSERT_INT_EQ(hpn_guess_with(nineteen, out, sizeof(out)), 1);
	ASSERT_INT_EQ(hpn_guess_with(twenty, out, sizeof(out)), 0);
	n = strlen("a,b," HPN_GUESS_NAME) + 1;
	ASSERT_INT_EQ(hpn_guess_with("a,b", out, n), 1);
	ASSERT_INT_EQ(hpn_guess_with("a,b", out, n - 1), 0);
	ASSERT_INT_EQ(hpn_guess_with("a,b", out, 1), 0);
	ASSERT_INT_EQ(hpn_guess_lists("a,b"), 0);
	ASSERT_INT_EQ(hpn_guess_lists("x" HPN_GUESS_NAME), 0);
	ASSERT_INT_EQ(hpn_guess_lists(HPN_GUESS_NAME "x,b"), 0);
	TEST_DONE();

	TEST_START("guess: it is taken out, wherever and how often it stands");
	stripped("a,b", "a,b");
	stripped(HPN_GUESS_NAME, "");
	stripped("a," HPN_GUESS_NAME, "a");
	stripped(HPN_GUESS_NAME ",a", "a");
	stripped("a," HPN_GUESS_NAME ",b," HPN_GUESS_NAME, "a,b");
	stripped(HPN_GUESS_NAME "x," HPN_GUESS_NAME, HPN_GUESS_NAME "x");
	stripped("", "");
	/* Empty names stay where they are: what is behind them is not seen */
	stripped(",a", ",a");
	stripped(HPN_GUESS_NAME ",,a", ",a");
	stripped("," HPN_GUESS_NAME ",a", ",a");
	stripped("a,," HPN_GUESS_NAME, "a,");
	stripped(",,", ",,");
	TEST_DONE();

	TEST_START("guess: with the name, both first names have to be chosen");
	ASSERT_INT_EQ(hpn_guess_chosen("k,l", "k", "h,i", "h"), 1);
	ASSERT_INT_EQ(hpn_guess_chosen("k,l", "l", "h,i", "h"), 0);
	ASSERT_INT_EQ(hpn_guess_chosen("k,l", "k", "h,i", "i"), 0);
	ASSERT_INT_EQ(hpn_guess_chosen("k", "k", "h", "h"), 1);
	ASSERT_INT_EQ(hpn_guess_chosen("kk,l", "k", "h,i", "h"), 0);
	ASSERT_INT_EQ(hpn_guess_chosen("", "", "", ""), 0);
	TEST_DONE();
}

static void
memory(void)
{
	static char text[HPN_GUESS_BYTES], next[HPN_GUESS_BYTES];
	char print[64];
	int i;

	TEST_START("guess: what is learnt is recalled, and can be forgotten");
	ASSERT_INT_EQ(hpn_guess_recall("", A), HPN_GUESS_UNKNOWN);
	ASSERT_INT_EQ(hpn_guess_learn("", A, HPN_GUESS_TAKEN, text,
	    sizeof(text)), 1);
	ASSERT_STRING_EQ(text, A "\n");
	ASSERT_INT_EQ(hpn_guess_recall(text, A), HPN_GUESS_TAKEN);
	ASSERT_INT_EQ(hpn_guess_recall(text, B), HPN_GUESS_UNKNOWN);
	ASSERT_INT_EQ(hpn_guess_learn(text, B, HPN_GUESS_NEVER, next,
	    sizeof(next)), 1);
	ASSERT_STRING_EQ(next, A "\n!" B "\n");
	ASSERT_INT_EQ(hpn_guess_recall(next, B), HPN_GUESS_NEVER);
	ASSERT_INT_EQ(hpn_guess_learn(next, A, HPN_GUESS_UNKNOWN, text,
	    sizeof(text)), 1);
	ASSERT_STRING_EQ(text, "!" B "\n");
	ASSERT_INT_EQ(hpn_guess_learn(text, B, HPN_GUESS_TAKEN, next,
	    sizeof(next)), 1);
	ASSERT_STRING_EQ(next, B "\n");
	TEST_DONE();

	TEST_START("guess: what is no line of ours is nothing, and goes");
	ASSERT_INT_EQ(hpn_guess_recall("x" A "\n", A), HPN_GUESS_UNKNOWN);
	ASSERT_INT_EQ(hpn_guess_recall(A "x\n", A), HPN_GUESS_UNKNOWN);
	ASSERT_INT_EQ(hpn_guess_recall(A " x\n" A, A), HPN_GUESS_TAKEN);
	ASSERT_INT_EQ(hpn_guess_recall("!!" A "\n", A), HPN_GUESS_UNKNOWN);
	ASSERT_INT_EQ(hpn_guess_recall("\n\n!\n" A, A), HPN_GUESS_TAKEN);
	ASSERT_INT_EQ(hpn_guess_recall(A, "SHA256:"), HPN_GUESS_UNKNOWN);
	ASSERT_INT_EQ(hpn_guess_learn("a\n\n!\n" A, B, HPN_GUESS_TAKEN, text,
	    sizeof(text)), 1);
	ASSERT_STRING_EQ(text, A "\n" B "\n");
	ASSERT_INT_EQ(hpn_guess_learn("", "MD5:x", HPN_GUESS_TAKEN, text,
	    sizeof(text)), 1);
	ASSERT_STRING_EQ(text, "");
	TEST_DONE();

	TEST_START("guess: the memory is bounded, and the oldest goes");
	text[0] = '\0';
	for (i = 0; i <= HPN_GUESS_KEYS; i++) {
		snprintf(print, sizeof(print), "SHA256:%043d", i);
		ASSERT_INT_EQ(hpn_guess_learn(text, print, HPN_GUESS_NEVER,
		    next, strlen(text) + 64), 1);
		memcpy(text, next, sizeof(text));
	}
	ASSERT_SIZE_T_EQ(strlen(text), HPN_GUESS_KEYS * (50 + 2));
	snprintf(print, sizeof(print), "SHA256:%043d", 0);
	ASSERT_INT_EQ(hpn_guess_recall(text, print), HPN_GUESS_UNKNOWN);
	snprintf(print, sizeof(print), "SHA256:%043d", 1);
	ASSERT_INT_EQ(hpn_guess_recall(text, print), HPN_GUESS_NEVER);
	snprintf(print, sizeof(print), "SHA256:%043d", HPN_GUESS_KEYS);
	ASSERT_INT_EQ(hpn_guess_recall(text, print), HPN_GUESS_NEVER);
	ASSERT_INT_EQ(hpn_guess_learn(A "\n" A "\n", B, HPN_GUESS_TAKEN, next,
	    60), 0);
	ASSERT_INT_EQ(hpn_guess_learn("", B, HPN_GUESS_TAKEN, next, 8), 0);
	TEST_DONE();
}

void
test_guess(void)
{
	names();
	memory();
}
