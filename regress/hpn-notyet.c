/* SPDX-License-Identifier: ISC */
/*
 * hpn-notyet: to be preloaded; some regular files have nothing to read yet, as
 * /proc/kmsg does, and fsync() of others fails, as on a broken disk.
 *
 * A file whose path ends in "notyet" cannot be read through a descriptor that
 * does not block (EAGAIN); one that does gets its content.  Who has tried 1000
 * times is ended by SIGABRT.  A file whose path ends in "nosync" cannot be
 * written out (EIO).  Linux only: it looks at /proc/self/fd.
 */
#define _GNU_SOURCE

#include <sys/types.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t pread64(int, void *, size_t, off64_t);

static int
is(int fd, const char *end)
{
	char link[64], path[4096];
	size_t len = strlen(end);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n >= (ssize_t)len && memcmp(path + n - len, end, len) == 0;
}

ssize_t
pread64(int fd, void *p, size_t len, off64_t offset)
{
	static ssize_t (*real)(int, void *, size_t, off64_t);
	static int tries;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pread64");
	if (is(fd, "notyet") && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) {
		if (++tries == 1000)
			abort();
		errno = EAGAIN;
		return -1;
	}
	return real(fd, p, len, offset);
}

ssize_t
pread(int fd, void *p, size_t len, off_t offset)
{
	return pread64(fd, p, len, offset);
}

int
fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	if (is(fd, "nosync")) {
		errno = EIO;
		return -1;
	}
	return real(fd);
}
