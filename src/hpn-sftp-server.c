/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-server.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "pathnames.h"
#include "sftp.h"
#include "sshbuf.h"
#include "hpn-pipe.h"
#include "hpn-clock.h"
#include "hpn-sftp-server.h"

/* uint32 length, byte type, uint32 id, uint32 length of the data */
#define DATA_HEADER	13
/* What a pipe holds unless it was made larger. */
#define PIPE_USUAL	(64 * 1024)

/* Reading does not block: somebody made the descriptor so. */
static int must_poll;

int
hpn_sftp_server_more(int whole, size_t answers, uint64_t waited_ns)
{
	if (!whole)
		return 0;
	/* A request that has no answer must not be the last one looked at */
	if (answers == 0)
		return 1;
	return answers < HPN_SFTP_SERVER_OUT && waited_ns <
	    HPN_SFTP_SERVER_WAIT_NS;
}

int
hpn_sftp_server_whole(const struct sshbuf *iqueue, size_t longest)
{
	u_int32_t len;

	if (sshbuf_len(iqueue) < 5)
		return 0;
	len = PEEK_U32(sshbuf_ptr(iqueue));
	return len > longest || sshbuf_len(iqueue) - 4 >= len;
}

void
hpn_sftp_server_answer(void (*one)(void), const struct sshbuf *iqueue,
    const struct sshbuf *oqueue, size_t longest)
{
	uint64_t now, since;

	for (since = now = hpn_clock_ns();
	    hpn_sftp_server_more(hpn_sftp_server_whole(iqueue, longest),
	    sshbuf_len(oqueue), now - since); now = hpn_clock_ns()) {
		if (sshbuf_len(oqueue) == 0)
			since = now;
		one();
	}
}

int
hpn_sftp_server_reads(const struct sshbuf *iqueue, const struct sshbuf *oqueue)
{
	return sshbuf_len(iqueue) < HPN_SFTP_SERVER_IN / 2 &&
	    sshbuf_len(oqueue) < HPN_SFTP_SERVER_OUT;
}

int
hpn_sftp_server_poll(struct pollfd p[2])
{
	if (p[0].fd == -1 || p[1].fd != -1 || must_poll)
		return poll(p, 2, -1);
	p[0].revents = POLLIN;
	return 1;
}

ssize_t
hpn_sftp_server_read(int fd, struct sshbuf *iqueue)
{
	static int enlarged;
	size_t room = HPN_SFTP_SERVER_IN - sshbuf_len(iqueue);
	u_char *p;
	ssize_t n;
	int saved;

	if (sshbuf_reserve(iqueue, room, &p) != 0) {
		errno = ENOMEM;
		return -1;
	}
	n = read(fd, p, room);
	saved = errno;
	(void)sshbuf_consume_end(iqueue, room - (n > 0 ? (size_t)n : 0));
	if (n >= PIPE_USUAL && !enlarged++)
		hpn_pipe_enlarge(fd);
	if (n == -1 && (saved == EAGAIN || saved == EWOULDBLOCK))
		must_poll = 1;
	errno = saved;
	return n;
}

ssize_t
hpn_sftp_server_write(int fd, struct sshbuf *oqueue)
{
	static int enlarged;
	ssize_t n;

	if (sshbuf_len(oqueue) >= PIPE_USUAL && !enlarged++)
		hpn_pipe_enlarge(fd);
	n = write(fd, sshbuf_ptr(oqueue), sshbuf_len(oqueue));
	if (n > 0)
		(void)sshbuf_consume(oqueue, (size_t)n);
	return n;
}

void
hpn_sftp_server_opened(int fd, int flags)
{
#ifdef POSIX_FADV_SEQUENTIAL
	/*
	 * A disk's usual 128 KiB are less than what a client asks for at once,
	 * so that each read would wait for the disk.
	 */
	if ((flags & O_ACCMODE) != O_WRONLY)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
}

int
hpn_sftp_server_is_sftp(u_int n, char *const *names, char *const *commands)
{
	u_int i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], "sftp") == 0)
			return strcmp(commands[i], "internal-sftp") == 0 ||
			    strcmp(commands[i], _PATH_SFTP_SERVER) == 0;
	return 0;
}

/* The kernel's own files say that they are empty, and may act when read. */
static int
is_plain(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size != 0;
}

int
hpn_sftp_server_open_regular(const char *path)
{
	struct stat before, st;
	int fd, flags;

	/* To open a device may do something, so it is looked at first ... */
	if (stat(path, &before) == -1)
		return -1;
	if (!is_plain(&before)) {
		errno = ENXIO;
		return -1;
	}
	/* ... and a name may get another meaning meanwhile */
	if ((fd = open(path, O_RDONLY|O_NONBLOCK|O_NOCTTY, 0)) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && is_plain(&st) &&
	    st.st_dev == before.st_dev && st.st_ino == before.st_ino &&
	    (flags = fcntl(fd, F_GETFL)) != -1 &&
	    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != -1)
		return fd;
	close(fd);
	errno = ENXIO;
	return -1;
}

int
hpn_sftp_server_seek(uint64_t offset)
{
	if (offset <= INT64_MAX)
		return 0;
	errno = EINVAL;
	return -1;
}

ssize_t
hpn_sftp_server_store(int fd, int flags, const void *data, size_t len,
    uint64_t offset)
{
	return (flags & O_APPEND) ? write(fd, data, len) :
	    pwrite(fd, data, len, (off_t)offset);
}

ssize_t
hpn_sftp_server_data(struct sshbuf *oqueue, u_int32_t id, int fd,
    uint64_t offset, size_t len)
{
	u_char *p, *data;
	ssize_t n;

	if (sshbuf_reserve(oqueue, DATA_HEADER + len + HPN_PIPE_PAST, &p) != 0) {
		errno = ENOMEM;
		return -1;
	}
	data = p + DATA_HEADER;
	/* See hpn-pipe.h: moving them costs less */
	if (((uintptr_t)data - (uintptr_t)offset) % HPN_PIPE_PAGE <
	    HPN_PIPE_PAST)
		data += HPN_PIPE_PAST;
	n = len == 0 ? 0 : pread(fd, data, len, (off_t)offset);
	if (n < 0 || (n == 0 && len != 0)) {
		(void)sshbuf_consume_end(oqueue, DATA_HEADER + len +
		    HPN_PIPE_PAST);
		return n;
	}
	if (data != p + DATA_HEADER)
		memmove(p + DATA_HEADER, data, (size_t)n);
	POKE_U32(p, DATA_HEADER - 4 + (u_int32_t)n);
	p[4] = SSH2_FXP_DATA;
	POKE_U32(p + 5, id);
	POKE_U32(p + 9, (u_int32_t)n);
	(void)sshbuf_consume_end(oqueue, len - (size_t)n + HPN_PIPE_PAST);
	return n;
}
