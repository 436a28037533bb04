/* SPDX-License-Identifier: ISC */
/*
 * hpn-tamper: pass bytes on, as whoever sits on the way does, and replace one
 * string by another.
 *
 * usage: hpn-tamper from to	strings of the same length
 *
 * Replaces every occurrence that lies within what one read returns.  Exit
 * status: 0, or 1 if it could not write.
 */

#include <err.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	static char buf[1024 * 1024];
	size_t len, i;
	ssize_t n, w, at;

	if (argc != 3 || (len = strlen(argv[1])) == 0 ||
	    strlen(argv[2]) != len)
		errx(1, "usage: hpn-tamper from to");
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
		for (i = 0; i + len <= (size_t)n; i++) {
			if (memcmp(buf + i, argv[1], len) == 0)
				memcpy(buf + i, argv[2], len);
		}
		for (at = 0; at < n; at += w) {
			if ((w = write(STDOUT_FILENO, buf + at,
			    (size_t)(n - at))) <= 0)
				err(1, "write");
		}
	}
	return 0;
}
