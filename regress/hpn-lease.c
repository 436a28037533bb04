/* SPDX-License-Identifier: ISC */
/*
 * hpn-lease: hold a lease of a file, as a file server does that has lent it to
 * a client, until somebody else wants the file; then give it back.
 *
 * usage: hpn-lease file log [ms]
 *
 * Writes "held" to the log once it has the lease, "asked" when it is asked to
 * give it back, and "given back" when it does so, so many milliseconds later
 * (default 300).  Exit status: 0 then; 77 if leases cannot be had here; 1 if
 * nobody asked in a minute, or on an error.
 */
#define _GNU_SOURCE

#include <sys/types.h>

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void
say(const char *path, const char *what)
{
	FILE *f;

	if ((f = fopen(path, "a")) == NULL || fprintf(f, "%s\n", what) < 0 ||
	    fclose(f) != 0)
		err(1, "%s", path);
}

int
main(int argc, char **argv)
{
#ifdef F_SETLEASE
	struct timespec minute = { 60, 0 };
	sigset_t set;
	int fd;

	if (argc != 3 && argc != 4)
		errx(1, "usage: hpn-lease file log [ms]");
	if (sigemptyset(&set) == -1 || sigaddset(&set, SIGIO) == -1 ||
	    sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		err(1, "signals");
	if ((fd = open(argv[1], O_RDWR)) == -1)
		err(1, "%s", argv[1]);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == -1) {
		warn("F_SETLEASE");
		return 77;
	}
	say(argv[2], "held");
	if (sigtimedwait(&set, NULL, &minute) != SIGIO)
		errx(1, "nobody asked");
	say(argv[2], "asked");
	usleep((useconds_t)(argc == 4 ? atoi(argv[3]) : 300) * 1000);
	say(argv[2], "given back");
	if (fcntl(fd, F_SETLEASE, F_UNLCK) == -1)
		err(1, "give back");
	return 0;
#else
	warnx("no leases here");
	return 77;
#endif
}
