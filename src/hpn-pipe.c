/* SPDX-License-Identifier: ISC */
/* See hpn-pipe.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "hpn-pipe.h"

/* Below this a pipe's own size, 64 KiB, is as good. */
#define PIPE_SIZE_LEAST	(128 * 1024)
/* One that holds less than the data of a request or two moves too little. */
#define PIPE_NEW_LEAST	(512 * 1024)

void
hpn_pipe_enlarge(int fd)
{
	struct stat st;
	int size = HPN_PIPE_SIZE;

	if (fstat(fd, &st) == -1)
		return;
	if (S_ISSOCK(st.st_mode)) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);

		if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
		    ss.ss_family == AF_UNIX)
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
			    sizeof(size));
	}
#ifdef F_SETPIPE_SZ
	if (S_ISFIFO(st.st_mode)) {
		/* What all pipes of a user may hold together is limited */
		while (size >= PIPE_SIZE_LEAST &&
		    fcntl(fd, F_SETPIPE_SZ, size) == -1)
			size /= 2;
	}
#endif
}

ssize_t
hpn_pipe_lend(int fd, const void *p, size_t len)
{
#ifdef SPLICE_F_NONBLOCK
	struct iovec iov = { .iov_base = (void *)p, .iov_len = len };

	/* The descriptor's O_NONBLOCK does not count here */
	return vmsplice(fd, &iov, 1, SPLICE_F_NONBLOCK);
#else
	errno = ENOSYS;
	return -1;
#endif
}

int
hpn_pipe_new(int held[2])
{
	int i;

	if (pipe(held) == -1)
		return -1;
	hpn_pipe_enlarge(held[1]);
	for (i = 0; i < 2; i++)
		if (fcntl(held[i], F_SETFD, FD_CLOEXEC) == -1)
			break;
#ifdef F_GETPIPE_SZ
	if (i == 2 && fcntl(held[1], F_GETPIPE_SZ) >= PIPE_NEW_LEAST &&
	    fcntl(held[1], F_SETFL, O_NONBLOCK) != -1)
		return 0;
#endif
	close(held[0]);
	close(held[1]);
	errno = ENOMEM;
	return -1;
}

ssize_t
hpn_pipe_move(int from, const off_t *at, int to, size_t len)
{
#ifdef SPLICE_F_NONBLOCK
	loff_t offset = at == NULL ? 0 : *at;

	return splice(from, at == NULL ? NULL : &offset, to, NULL, len,
	    SPLICE_F_NONBLOCK);
#else
	errno = ENOSYS;
	return -1;
#endif
}
