/* SPDX-License-Identifier: ISC */
/* See hpn-report-file.h for what this does. */

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "hpn-report-file.h"

/* What must not be followed, waited for, or become our terminal. */
#define FLAGS	(O_WRONLY|O_APPEND|O_CREAT|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY| \
		    O_CLOEXEC)

static const char *
refused(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "not owned by the user";
	/* In a folder of many users' it may be another file of ours */
	if (st->st_nlink > 1)
		return "has several names";
	return NULL;
}

/* So often, a millisecond apart, a lock is asked for. */
#define TRIES	10

/*
 * Who writes holds a lock, if it can be had soon: then the size stays what it was, so
 * that a header is alone and half a line can go.  A line is worth more than that, so
 * without a lock it is written as well.  close() ends it.
 */
static void
lock(int fd)
{
	struct flock whole;
	int i;

	memset(&whole, 0, sizeof(whole));
	whole.l_type = F_WRLCK;
	whole.l_whence = SEEK_SET;
	for (i = 0; i < TRIES; i++) {
		if (fcntl(fd, F_SETLK, &whole) != -1 ||
		    (errno != EACCES && errno != EAGAIN && errno != EINTR))
			return;
		(void)poll(NULL, 0, 1);
	}
}

static const char *
append(int fd, const char *header, const char *line)
{
	struct iovec iov[4];
	struct stat st, now;
	const char *why;
	size_t len = 0;
	ssize_t n;
	int i, niov = 0;

	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if ((why = refused(&st)) != NULL)
		return why;
	lock(fd);
	if (fstat(fd, &st) == -1)
		return strerror(errno);
	if (header != NULL && st.st_size == 0) {
		iov[niov++].iov_base = (void *)(uintptr_t)header;
		iov[niov++].iov_base = (void *)(uintptr_t)"\n";
	}
	iov[niov++].iov_base = (void *)(uintptr_t)line;
	iov[niov++].iov_base = (void *)(uintptr_t)"\n";
	for (i = 0; i < niov; i++)
		len += iov[i].iov_len = strlen(iov[i].iov_base);
	/* Of several writers' lines, each stays whole */
	if ((n = writev(fd, iov, niov)) == -1)
		return strerror(errno);
	if ((size_t)n == len)
		return NULL;
	/* Half a line goes, unless somebody else has written meanwhile */
	if (fstat(fd, &now) == 0 && now.st_size == st.st_size + n)
		(void)!ftruncate(fd, st.st_size);
	return "not enough space";
}

const char *
hpn_report_file_append(const char *path, const char *header, const char *line)
{
	const char *why = NULL;
	int fd, saved_errno = errno;
#ifdef SIGXFSZ
	struct sigaction ignore, before;

	/* A file may be too large: that must not end the session */
	memset(&ignore, 0, sizeof(ignore));
	ignore.sa_handler = SIG_IGN;
	(void)sigaction(SIGXFSZ, &ignore, &before);
#endif
	if ((fd = open(path, FLAGS, 0600)) == -1) {
		/* The systems differ in how they call these */
		why = errno == ELOOP || errno == EMLINK ? "a symbolic link" :
		    errno == ENXIO ? "not a regular file" : strerror(errno);
	} else {
		why = append(fd, header, line);
		if (close(fd) == -1 && why == NULL)
			why = strerror(errno);
	}
#ifdef SIGXFSZ
	(void)sigaction(SIGXFSZ, &before, NULL);
#endif
	errno = saved_errno;
	return why;
}
