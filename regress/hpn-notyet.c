/* SPDX-License-Identifier: ISC */
/*
 * hpn-notyet: to be preloaded; some regular files have nothing to read yet, as
 * /proc/kmsg does, fsync() of others fails, as on a broken disk, and lseek() may be
 * wrong about holes.
 *
 * A file whose path ends in "notyet" cannot be read through a descriptor that
 * does not block (EAGAIN); one that does gets its content.  Who has tried 1000
 * times is ended by SIGABRT.  A file whose path ends in "nosync" cannot be
 * written out (EIO).  Linux only: it looks at /proc/self/fd.
 *
 * HPN_SEEK says what SEEK_DATA answers: "back", 4096 bytes before where it began;
 * "fail", EIO; "same", where it began; "far", the end of the file, as if there were
 * no data; "cut:PATH", the truth, after the file PATH became 1 MiB long.
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

off64_t
lseek64(int fd, off64_t offset, int whence)
{
	static off64_t (*real)(int, off64_t, int);
	const char *how = getenv("HPN_SEEK");

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "lseek64");
	if (whence != SEEK_DATA || how == NULL)
		return real(fd, offset, whence);
	if (strcmp(how, "back") == 0)
		return offset - 4096;
	if (strcmp(how, "same") == 0)
		return offset;
	if (strcmp(how, "far") == 0) {
		errno = ENXIO;
		return -1;
	}
	if (strncmp(how, "cut:", 4) == 0) {
		if (truncate(how + 4, 1024 * 1024) == -1)
			abort();
		return real(fd, offset, whence);
	}
	errno = EIO;
	return -1;
}

off_t
lseek(int fd, off_t offset, int whence)
{
	return lseek64(fd, offset, whence);
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
