/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: hpn-guess.  The input is a list of names that a peer has sent, and
 * a memory that anything may have written.
 */

#include <string.h>

#include "fuzz.h"
#include "hpn-guess.h"

#define MOST	4096
#define PRINT	"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char list[MOST], with[MOST + 64], text[MOST], next[MOST + 64];
	static const enum hpn_guess_memory what[] = { HPN_GUESS_NEVER,
	    HPN_GUESS_UNKNOWN, HPN_GUESS_TAKEN };
	struct input in = { data, size };
	size_t n, i;
	enum hpn_guess_memory is;
	int fits;

	n = (size_t)input_bytes(&in, 2) % MOST;
	is = what[input_bytes(&in, 1) % 3];
	/* Pieces of ours among any bytes, which alone would hardly be found */
	for (i = 0; i < n && in.left > 0;) {
		const char *piece = NULL;

		switch (*in.p) {
		case 1: piece = HPN_GUESS_NAME; break;
		case 2: piece = PRINT; break;
		case 3: piece = "!" PRINT "\n"; break;
		}
		if (piece != NULL && i + strlen(piece) < n) {
			memcpy(list + i, piece, strlen(piece));
			i += strlen(piece);
		} else
			list[i++] = (char)*in.p;
		in.p++;
		in.left--;
	}
	list[i] = '\0';
	memcpy(text, list, sizeof(text));

	n = (size_t)input_bytes(&in, 1) % 3 == 0 ? strlen(list) + 8 :
	    sizeof(with);
	fits = hpn_guess_with(list, with, n);
	if (fits) {
		HOLDS(!hpn_guess_lists(list) && hpn_guess_lists(with));
		HOLDS(strlen(with) < n);
		HOLDS(strncmp(with, list, strlen(list)) == 0);
		hpn_guess_strip(with);
		HOLDS(!hpn_guess_lists(with));
		HOLDS(strcmp(with, list) == 0 || *list == ',');
	}
	n = strlen(list);
	hpn_guess_strip(list);
	HOLDS(!hpn_guess_lists(list) && strlen(list) <= n);

	HOLDS(hpn_guess_learn(text, PRINT, is, next, strlen(text) + 64));
	HOLDS(strlen(next) < strlen(text) + 64);
	HOLDS(hpn_guess_recall(next, PRINT) == is);
	/* What is left is all ours, and stays */
	HOLDS(hpn_guess_learn(next, PRINT, is, text, sizeof(text)) == 0 ||
	    strcmp(text, next) == 0);
	return 0;
}
