/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-server.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "atomicio.h"
#include "log.h"
#include "misc.h"
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

/* uint32 length, byte type, uint32 id, our handle, uint64 offset, uint32 length */
#define BULK_HEAD	29
#define BULK_HANDLE	4
/* Of less data it is dear to look at the head first. */
#ifndef BULK_LEAST
# define BULK_LEAST	(64 * 1024)
#endif
/* So many requests without it: no more of it is expected. */
#define BULK_OTHERS	8
/* What the pipe in between holds, if the system allows it. */
#define BULK_PIPE	(512 * 1024)

/* Reading does not block: somebody made the descriptor so. */
static int must_poll;

/*
 * The data of a large WRITE go from a pipe into the file within the kernel, where they
 * are copied once and not twice.  iqueue has room for them behind their head, as if
 * they were there.  Only hpn_sftp_server_store() looks at them.
 */
static struct {
	int in, is_pipe;	/* where requests come from */
	int refused;		/* the system does not do that */
	int expected;		/* the next request may be such a one */
	u_char *data;		/* in iqueue; */
	size_t left;		/* ... so many of them, the last, are not there */
	int has_pipe, held[2];	/* a file that is slow must not lock sshd's pipe */
} bulk = { .in = -1 };

/* Of less data it is dear to move them. */
#ifndef LARGE_LEAST
# define LARGE_LEAST	(64 * 1024)
#endif
/* As many of them as oqueue can have, and more. */
#define LARGE_MOST	(2 * HPN_SFTP_SERVER_OUT / LARGE_LEAST)
/* Whether they are gone is asked at least so often. */
#define LARGE_SETTLE_MS	64

/*
 * The data of a large READ go from the file into a pipe, and from there to stdout.
 * oqueue has room for them behind their head, as if they were there.  A pipe refers to
 * the file's memory: so this ends where the same client may change files, since an
 * answer has what a file had when it was asked for.
 */
static struct {
	int refused, has_pipe, held[2];
	int has_moved, out;	/* some went to stdout */
	struct sshbuf *oqueue;
	u_int n;
	struct {
		size_t behind;	/* so many bytes of oqueue, from the last one */
		size_t len;
	} part[LARGE_MOST];
} large;

/* What was moved to stdout refers to files until it is read there: wait for that. */
static void
large_settle(void)
{
	struct pollfd pfd = { .fd = large.out };
	struct stat st;
	int left, ms;

	if (!large.has_moved || fstat(large.out, &st) == -1 ||
	    (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)))
		return;
	large.has_moved = 0;
	/* Nothing but POLLERR or POLLHUP comes: nobody reads any more */
	for (ms = 1; ioctl(large.out, S_ISFIFO(st.st_mode) ? FIONREAD :
	    TIOCOUTQ, &left) == 0 && left > 0 && poll(&pfd, 1, ms) != 1; )
		ms = MINIMUM(ms * 2, LARGE_SETTLE_MS);
}

/*
 * What the pipe has goes to its room in oqueue: stdout takes it from there, and all
 * that comes later.
 */
static void
large_stop(void)
{
	u_char *p;
	u_int i;

	large.refused = 1;
	if (large.n == 0)
		return;
	p = sshbuf_mutable_ptr(large.oqueue);
	for (i = 0; i < large.n; i++) {
		p += large.part[i].behind;
		if (atomicio(read, large.held[0], p, large.part[i].len) !=
		    large.part[i].len)
			fatal_f("pipe: %s", strerror(errno));
		p += large.part[i].len;
	}
	large.n = 0;
}

/* From now on this client may change files. */
static void
files_change(void)
{
	large_stop();
	large_settle();
}

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

static int
is_pipe(int fd)
{
	struct stat st;

	if (fd != bulk.in) {
		bulk.in = fd;
		bulk.is_pipe = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
		bulk.expected = 0;
		bulk.left = 0;
	}
	return bulk.is_pipe;
}

/*
 * How many data at the end of the first request are still to come, if it is a large
 * WRITE to a handle of ours.
 */
static size_t
bulk_missing(const struct sshbuf *iqueue)
{
	const u_char *p = sshbuf_ptr(iqueue);
	size_t len = sshbuf_len(iqueue), data;

	if (len < BULK_HEAD || p[4] != SSH2_FXP_WRITE ||
	    PEEK_U32(p + 9) != BULK_HANDLE)
		return 0;
	data = PEEK_U32(p + BULK_HEAD - 4);
	if (data > HPN_SFTP_SERVER_IN - BULK_HEAD ||
	    PEEK_U32(p) != BULK_HEAD - 4 + data ||
	    len >= BULK_HEAD + data || BULK_HEAD + data - len < BULK_LEAST)
		return 0;
	return BULK_HEAD + data - len;
}

/* How much of the first request to read, if nothing behind it is to be read. */
static size_t
bulk_want(const struct sshbuf *iqueue)
{
	size_t len = sshbuf_len(iqueue);

	if (len < BULK_HEAD && (len < 4 ||
	    (size_t)4 + PEEK_U32(sshbuf_ptr(iqueue)) >= BULK_HEAD))
		return BULK_HEAD - len;
	return (size_t)4 + PEEK_U32(sshbuf_ptr(iqueue)) - len;
}

/* Whether so much waits in the pipe. */
static int
bulk_waits(size_t len)
{
#ifdef FIONREAD
	int n;

	return ioctl(bulk.in, FIONREAD, &n) == 0 && n > 0 && (size_t)n >= len;
#else
	return 0;
#endif
}

/* Whether a whole request is here, or can be without waiting for it. */
static int
whole(struct sshbuf *iqueue, size_t longest)
{
	size_t missing;

	while (!hpn_sftp_server_whole(iqueue, longest)) {
		if (bulk.expected == 0 || bulk.left != 0)
			return 0;
		if ((missing = bulk_missing(iqueue)) == 0)
			missing = bulk_want(iqueue);
		if (!bulk_waits(missing) ||
		    hpn_sftp_server_read(bulk.in, iqueue) <= 0)
			return 0;
	}
	return 1;
}

void
hpn_sftp_server_answer(void (*one)(void), struct sshbuf *iqueue,
    const struct sshbuf *oqueue, size_t longest)
{
	uint64_t now, since;

	for (since = now = hpn_clock_ns();
	    hpn_sftp_server_more(whole(iqueue, longest),
	    sshbuf_len(oqueue), now - since); now = hpn_clock_ns()) {
		if (sshbuf_len(oqueue) == 0)
			since = now;
		/* Without a handle for writing only this changes a file. */
		if (sshbuf_ptr(iqueue)[4] == SSH2_FXP_SETSTAT)
			files_change();
		one();
	}
}

int
hpn_sftp_server_reads(const struct sshbuf *iqueue, const struct sshbuf *oqueue)
{
	/* Requests are looked at one by one then; what comes next may be data of one */
	if ((bulk.left > 0 && sshbuf_len(iqueue) > 0) || (bulk.expected > 0 &&
	    hpn_sftp_server_whole(iqueue, HPN_SFTP_SERVER_IN)))
		return 0;
	return sshbuf_len(iqueue) < HPN_SFTP_SERVER_IN / 2 &&
	    sshbuf_len(oqueue) < HPN_SFTP_SERVER_OUT;
}

int
hpn_sftp_server_poll(struct pollfd p[2])
{
	int r;

	if (p[0].fd == -1 || p[1].fd != -1 || must_poll) {
		r = poll(p, 2, -1);
		/* A full pipe that nobody reads any more: to write to it says so. */
		if (r > 0 && (p[1].revents & POLLERR) != 0)
			p[1].revents |= POLLOUT;
		return r;
	}
	p[0].revents = POLLIN;
	return 1;
}

/* As read(2), but a signal does not end it, and it waits. */
static ssize_t
read_waiting(int fd, void *p, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while ((n = read(fd, p, len)) == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			(void)poll(&pfd, 1, -1);
		else if (errno != EINTR)
			break;
	}
	return n;
}

/* Nobody wanted the data of the last large WRITE.  Returns as read(2). */
static ssize_t
bulk_skip(void)
{
	u_char buf[16 * 1024];
	ssize_t n = 1;

	while (bulk.left > 0 && (n = read_waiting(bulk.in, buf,
	    bulk.left < sizeof(buf) ? bulk.left : sizeof(buf))) > 0)
		bulk.left -= (size_t)n;
	return n;
}

/* Make room for the data of a large WRITE; they come when they are stored. */
static int
bulk_begin(struct sshbuf *iqueue)
{
	size_t missing = bulk_missing(iqueue);
	u_char *p;

	if (missing == 0 || bulk.refused || sshbuf_reserve(iqueue, missing,
	    &p) != 0)
		return 0;
	bulk.left = missing;
	bulk.data = sshbuf_mutable_ptr(iqueue) + BULK_HEAD;
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

	if (is_pipe(fd)) {
		/* Nothing else may be there yet, and answers wait. */
		if (bulk.left != 0)
			return bulk_skip();
		if (bulk_begin(iqueue))
			return 1;
	}
	if (bulk.expected > 0) {
		if (sshbuf_len(iqueue) == 0)
			bulk.expected--;
		if (room > bulk_want(iqueue))
			room = bulk_want(iqueue);
	}
	if (sshbuf_reserve(iqueue, room, &p) != 0) {
		errno = ENOMEM;
		return -1;
	}
	n = read(fd, p, room);
	saved = errno;
	(void)sshbuf_consume_end(iqueue, room - (n > 0 ? (size_t)n : 0));
	if ((n >= PIPE_USUAL || bulk.expected > 0) && !enlarged++)
		hpn_pipe_enlarge(fd);
	if (n == -1 && (saved == EAGAIN || saved == EWOULDBLOCK))
		must_poll = 1;
	errno = saved;
	return n;
}

/* The first part of oqueue that one system call can write; how much that is. */
static ssize_t
write_part(int fd, struct sshbuf *oqueue, size_t *len)
{
	ssize_t n = -1;
	int moved = large.n != 0 && large.part[0].behind == 0;

	if (moved) {
		*len = large.part[0].len;
		n = hpn_pipe_move(large.held[0], NULL, fd, *len);
		if (n == -1 && errno != EAGAIN && errno != EINTR &&
		    errno != EPIPE && errno != ECONNRESET) {
			large_stop();
			moved = 0;
		} else if (n > 0) {
			large.has_moved = 1;
			large.out = fd;
		}
	}
	if (!moved) {
		*len = large.n != 0 ? large.part[0].behind :
		    sshbuf_len(oqueue);
		n = write(fd, sshbuf_ptr(oqueue), *len);
	}
	if (n <= 0)
		return n;
	(void)sshbuf_consume(oqueue, (size_t)n);
	if (!moved && large.n != 0)
		large.part[0].behind -= (size_t)n;
	else if (moved && (large.part[0].len -= (size_t)n) == 0)
		memmove(large.part, large.part + 1, --large.n *
		    sizeof(large.part[0]));
	return n;
}

ssize_t
hpn_sftp_server_write(int fd, struct sshbuf *oqueue)
{
	static int enlarged;
	size_t part, all = 0;
	ssize_t n;

	if (sshbuf_len(oqueue) >= PIPE_USUAL && !enlarged++)
		hpn_pipe_enlarge(fd);
	do {
		if ((n = write_part(fd, oqueue, &part)) <= 0)
			break;
		all += (size_t)n;
	} while ((size_t)n == part && sshbuf_len(oqueue) != 0);
	return all != 0 ? (ssize_t)all : n;
}

void
hpn_sftp_server_opened(int fd, int flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY)
		files_change();
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

/* The data of the large WRITE after all; len: all of them.  Returns 0 if they end. */
static int
bulk_fill(size_t len)
{
	ssize_t n;

	while (bulk.left > 0) {
		if ((n = read_waiting(bulk.in, bulk.data + len - bulk.left,
		    bulk.left)) <= 0)
			return 0;
		bulk.left -= (size_t)n;
	}
	return 1;
}

#ifdef SPLICE_F_MOVE
static int
bulk_pipe(void)
{
	if (!bulk.has_pipe) {
		if (pipe2(bulk.held, O_CLOEXEC) == -1)
			return -1;
		(void)fcntl(bulk.held[1], F_SETPIPE_SZ, BULK_PIPE);
		bulk.has_pipe = 1;
	}
	return 0;
}

static int
is_full(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 0;
}

/* Move data of the WRITE into the pipe in between.  Returns how many it has then. */
static size_t
bulk_hold(void)
{
	struct pollfd pfd = { .fd = bulk.in, .events = POLLIN };
	size_t held = 0;
	ssize_t n;

	while (bulk.left > 0) {
		n = splice(bulk.in, NULL, bulk.held[1], NULL, bulk.left, 0);
		if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
			break;
		if (n > 0) {
			held += (size_t)n;
			bulk.left -= (size_t)n;
		}
		/* It would wait for room there that only we can make */
		if (bulk.left > 0 && is_full(bulk.held[1]))
			break;
		if (n == -1 && errno == EAGAIN)
			(void)poll(&pfd, 1, -1);
	}
	return held;
}

/* Write what the pipe in between has, at *at.  Returns how many it has then. */
static size_t
bulk_release(int fd, loff_t *at, size_t held)
{
	ssize_t n;

	while (held > 0) {
		n = splice(bulk.held[0], NULL, fd, at, held, 0);
		if (n > 0)
			held -= (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	return held;
}

/*
 * Store the data of a large WRITE, as hpn_sftp_server_store().  What the kernel does
 * not move by itself is read and written: that works, or says why not.
 */
static ssize_t
bulk_store(int fd, size_t len, uint64_t offset)
{
	size_t here = len - bulk.left, held = 0, rest, n;
	loff_t at = (loff_t)(offset + here);
	ssize_t done;

	if (here > 0 && (done = pwrite(fd, bulk.data, here,
	    (off_t)offset)) != (ssize_t)here)
		return done;
	while (bulk.left > 0 && bulk_pipe() == 0 && (held = bulk_hold()) > 0 &&
	    (held = bulk_release(fd, &at, held)) == 0)
		;
	if ((rest = held + bulk.left) == 0)
		return (ssize_t)len;
	for (n = held; n > 0; n -= (size_t)done)
		if ((done = read_waiting(bulk.held[0], bulk.data + len -
		    bulk.left - n, n)) <= 0)
			fatal_f("pipe: %s", strerror(errno));
	if (!bulk_fill(len))
		return (ssize_t)(len - rest);
	if ((done = pwrite(fd, bulk.data + len - rest, rest, at)) == -1)
		return rest == len ? -1 : (ssize_t)(len - rest);
	bulk.refused = (size_t)done == rest;
	return (ssize_t)(len - rest) + done;
}
#else
static ssize_t
bulk_store(int fd, size_t len, uint64_t offset)
{
	bulk.refused = 1;
	return bulk_fill(len) ? pwrite(fd, bulk.data, len, (off_t)offset) : 0;
}
#endif

ssize_t
hpn_sftp_server_store(int fd, int flags, const void *data, size_t len,
    uint64_t offset)
{
	ssize_t n;

	if (len >= BULK_LEAST && bulk.is_pipe && !bulk.refused)
		bulk.expected = BULK_OTHERS;
	if (bulk.left > 0 && data == bulk.data) {
		if (!(flags & O_APPEND) && offset <= INT64_MAX - len)
			return bulk_store(fd, len, offset);
		if (!bulk_fill(len))
			return 0;
	}
	if (flags & O_APPEND)
		return write(fd, data, len);
	/* Of the kernel's own files, some are written only where they stand. */
	n = pwrite(fd, data, len, (off_t)offset);
	if (n == -1 && errno == ESPIPE &&
	    lseek(fd, (off_t)offset, SEEK_SET) != -1)
		n = write(fd, data, len);
	return n;
}

/*
 * Move data of a file to the pipe; their room is where oqueue has so many bytes in
 * front.  Returns how many there are; the others are to be read.
 */
static size_t
large_take(struct sshbuf *oqueue, size_t behind, int fd, uint64_t offset,
    size_t len)
{
	off_t at = (off_t)offset;
	ssize_t n;
	u_int i;

	if (large.refused || len < LARGE_LEAST || large.n == LARGE_MOST ||
	    offset > INT64_MAX - len)
		return 0;
	if (!large.has_pipe && hpn_pipe_new(large.held) == -1) {
		large.refused = 1;
		return 0;
	}
	large.has_pipe = 1;
	large.oqueue = oqueue;
	if ((n = hpn_pipe_move(fd, &at, large.held[1], len)) <= 0) {
		large.refused = n == -1 && (errno == EINVAL ||
		    errno == ENOSYS);
		return 0;
	}
	for (i = 0; i < large.n; i++)
		behind -= large.part[i].behind + large.part[i].len;
	large.part[large.n].behind = behind;
	large.part[large.n++].len = (size_t)n;
	return (size_t)n;
}

ssize_t
hpn_sftp_server_data(struct sshbuf *oqueue, u_int32_t id, int fd,
    uint64_t offset, size_t len)
{
	size_t begin = sshbuf_len(oqueue) + DATA_HEADER, taken;
	u_char *p, *data;
	ssize_t n = 0;

	if (sshbuf_reserve(oqueue, DATA_HEADER + len + HPN_PIPE_PAST, &p) != 0) {
		errno = ENOMEM;
		return -1;
	}
	taken = large_take(oqueue, begin, fd, offset, len);
	data = p + DATA_HEADER + taken;
	/* See hpn-pipe.h: moving them costs less */
	if (((uintptr_t)data - (uintptr_t)(offset + taken)) % HPN_PIPE_PAGE <
	    HPN_PIPE_PAST)
		data += HPN_PIPE_PAST;
	if (taken < len)
		n = pread(fd, data, len - taken, (off_t)(offset + taken));
	if (taken == 0 && (n < 0 || (n == 0 && len != 0))) {
		(void)sshbuf_consume_end(oqueue, DATA_HEADER + len +
		    HPN_PIPE_PAST);
		return n;
	}
	/* What is wrong behind the first ones, who asks for it learns. */
	if (n < 0)
		n = 0;
	if (data != p + DATA_HEADER + taken)
		memmove(p + DATA_HEADER + taken, data, (size_t)n);
	n += (ssize_t)taken;
	POKE_U32(p, DATA_HEADER - 4 + (u_int32_t)n);
	p[4] = SSH2_FXP_DATA;
	POKE_U32(p + 5, id);
	POKE_U32(p + 9, (u_int32_t)n);
	(void)sshbuf_consume_end(oqueue, len - (size_t)n + HPN_PIPE_PAST);
	return n;
}
