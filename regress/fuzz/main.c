/* SPDX-License-Identifier: ISC */
/*
 * Drives a fuzz target where libFuzzer is missing: inputs from a generator
 * that starts the same each time, or from files (a saved input that failed).
 *
 * usage: PROGRAM SECONDS
 *        PROGRAM FILE...
 *
 * Prints how many inputs passed.  A target aborts on one that does not; it is
 * then in the file crash-input in the current directory.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

#define INPUT_MAX	4096

static uint8_t input[1 << 20];
static size_t input_len;

/* xorshift64* */
static uint64_t
next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

static void
generate(uint64_t *state)
{
	static const char text[] = "0123456789.KMGkmgTPEB-+ xX";
	uint64_t kind = next(state);
	size_t i;

	/* Most are short: many runs find more than long ones. */
	input_len = next(state) % (kind % 8 == 0 ? INPUT_MAX : 200);
	for (i = 0; i < input_len; i++) {
		switch (kind >> 60) {
		case 0:
			input[i] = (uint8_t)(next(state) & 1 ? 0xff : 0);
			break;
		case 1:
		case 2:
			input[i] = (uint8_t)(next(state) % 8);
			break;
		case 3:
		case 4:
		case 5:
			input[i] = (uint8_t)text[next(state) %
			    (sizeof(text) - 1)];
			break;
		default:
			input[i] = (uint8_t)next(state);
		}
	}
}

static void
crashed(int sig)
{
	FILE *f = fopen("crash-input", "wb");

	if (f != NULL) {
		(void)fwrite(input, 1, input_len, f);
		(void)fclose(f);
	}
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

int
main(int argc, char **argv)
{
	uint64_t state = 20250409, runs = 0;
	char *end;
	time_t until;
	long seconds;
	FILE *f;
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: %s SECONDS | FILE...\n", argv[0]);
		return 2;
	}
	(void)signal(SIGABRT, crashed);
	seconds = strtol(argv[1], &end, 10);
	if (end != argv[1] && *end == '\0') {
		until = time(NULL) + seconds;
		do {
			for (i = 0; i < 1000; i++) {
				generate(&state);
				(void)LLVMFuzzerTestOneInput(input, input_len);
			}
			runs += 1000;
		} while (time(NULL) < until);
	} else {
		for (i = 1; i < argc; i++, runs++) {
			if ((f = fopen(argv[i], "rb")) == NULL) {
				fprintf(stderr, "%s: %s\n", argv[i],
				    strerror(errno));
				return 2;
			}
			input_len = fread(input, 1, sizeof(input), f);
			(void)fclose(f);
			(void)LLVMFuzzerTestOneInput(input, input_len);
		}
	}
	printf("%llu inputs passed\n", (unsigned long long)runs);
	return 0;
}
