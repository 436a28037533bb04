/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-io.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#ifdef HAVE_POLL_H
#include <poll.h>
#else
# ifdef HAVE_SYS_POLL_H
#  include <sys/poll.h>
# endif
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"

#include "log.h"
#include "misc.h"
#include "progressmeter.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"

#include "hpn-pipe.h"
#include "hpn-sftp-io.h"

/* How much to read at once. */
#ifndef READ_MAX
# define READ_MAX	(512 * 1024)
#endif
/* How much at once when a rate is to be kept. */
#define LIMITED_MAX	(16 * 1024)
/* Less data are copied into a pipe: to lend them costs as much. */
#ifndef LEND_LEAST
# define LEND_LEAST	(16 * 1024)
#endif
/* At the end: so much is still read, or so long waited for more, at most. */
#define END_MOST	(1024 * 1024)
#define END_WAIT_MS	2000
#define SETTLE_MS	50

struct later {
	TAILQ_ENTRY(later) list;
	u_int id;
	hpn_sftp_later *fn;
	void *context;
};

/* Data that are sent from where they are, behind so many bytes of obuf. */
struct lent {
	TAILQ_ENTRY(lent) list;
	size_t behind;
	const u_char *data;
	size_t len;
};

struct hpn_sftp_io {
	int in, out;
	int is_pipe, lends;	/* out is; ... and can be lent memory */
	struct sshbuf *ibuf, *obuf;
	TAILQ_HEAD(lents, lent) lents;
	size_t lent;		/* bytes of them */
	size_t last;		/* bytes of obuf behind the last of them */
	uint64_t total;		/* bytes that were queued so far */
	uint64_t taken_out;	/* that the other end is known to have read */
	struct sshbuf *again;	/* what is got before what is in ibuf */
	struct sshbuf *taken_of;	/* the packet that was got last, */
	size_t taken;		/* ... and how long it is */
	int heard;		/* the other side has sent a packet */
	struct bwlimit *ilimit, *olimit;
	TAILQ_HEAD(, later) laters;
};

/* See hpn_sftp_io_lost_says(); and whether what failed last had said anything. */
static const char *lost_line;
static int lost_heard;

struct hpn_sftp_io *
hpn_sftp_io_new(int in, int out)
{
	struct hpn_sftp_io *io = xcalloc(1, sizeof(*io));
	struct stat st;

	io->in = in;
	io->out = out;
	io->is_pipe = fstat(out, &st) == 0 && S_ISFIFO(st.st_mode);
	io->lends = io->is_pipe;
	TAILQ_INIT(&io->lents);
	if ((io->ibuf = sshbuf_new()) == NULL ||
	    (io->again = sshbuf_new()) == NULL ||
	    (io->obuf = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	TAILQ_INIT(&io->laters);
	set_nonblock(in);
	if (out != in)
		set_nonblock(out);
	return io;
}

void
hpn_sftp_io_free(struct hpn_sftp_io *io)
{
	struct later *l;
	struct lent *lent;

	while ((l = TAILQ_FIRST(&io->laters)) != NULL) {
		TAILQ_REMOVE(&io->laters, l, list);
		free(l);
	}
	while ((lent = TAILQ_FIRST(&io->lents)) != NULL) {
		TAILQ_REMOVE(&io->lents, lent, list);
		free(lent);
	}
	sshbuf_free(io->ibuf);
	sshbuf_free(io->again);
	sshbuf_free(io->obuf);
	free(io);
}

int
hpn_sftp_io_fd(const struct hpn_sftp_io *io)
{
	return io->in;
}

int
hpn_sftp_io_limited(const struct hpn_sftp_io *io)
{
	return io->ilimit != NULL || io->olimit != NULL;
}

void
hpn_sftp_io_limit(struct hpn_sftp_io *io, struct bwlimit *in,
    struct bwlimit *out)
{
	io->ilimit = in;
	io->olimit = out;
}

/* The packet m; len bytes of data that belong to it are queued next. */
static void
put_head(struct hpn_sftp_io *io, const struct sshbuf *m, size_t len)
{
	int r;

	if (sshbuf_len(m) > SFTP_MAX_MSG_LENGTH ||
	    len > SFTP_MAX_MSG_LENGTH - sshbuf_len(m))
		fatal("Outbound message too long %zu", sshbuf_len(m) + len);
	if ((r = sshbuf_put_u32(io->obuf, sshbuf_len(m) + len)) != 0 ||
	    (r = sshbuf_putb(io->obuf, m)) != 0)
		fatal_fr(r, "queue packet");
	io->last += 4 + sshbuf_len(m);
	io->total += 4 + sshbuf_len(m) + len;
}

void
hpn_sftp_io_put(struct hpn_sftp_io *io, const struct sshbuf *m,
    const void *data, size_t len)
{
	int r;

	put_head(io, m, len);
	if (len != 0 && (r = sshbuf_put(io->obuf, data, len)) != 0)
		fatal_fr(r, "queue packet");
	io->last += len;
}

void
hpn_sftp_io_lend(struct hpn_sftp_io *io, const struct sshbuf *m,
    const void *data, size_t len)
{
	struct lent *lent;

	if (len < LEND_LEAST) {
		hpn_sftp_io_put(io, m, data, len);
		return;
	}
	put_head(io, m, len);
	lent = xcalloc(1, sizeof(*lent));
	lent->behind = io->last;
	lent->data = data;
	lent->len = len;
	TAILQ_INSERT_TAIL(&io->lents, lent, list);
	io->last = 0;
	io->lent += len;
}

size_t
hpn_sftp_io_queued(const struct hpn_sftp_io *io)
{
	return sshbuf_len(io->obuf) + io->lent;
}

uint64_t
hpn_sftp_io_total(const struct hpn_sftp_io *io)
{
	return io->total;
}

int
hpn_sftp_io_has_read(struct hpn_sftp_io *io, uint64_t bytes)
{
	uint64_t written = io->total - hpn_sftp_io_queued(io);
	int left = 0;

	if (bytes <= io->taken_out)
		return 1;
#ifdef FIONREAD
	if (io->is_pipe && (ioctl(io->out, FIONREAD, &left) == -1 || left < 0))
		left = 0;
#endif
	io->taken_out = written - (uint64_t)left;
	return bytes <= io->taken_out;
}

static int
would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* As write(2); where that can be had, a peer that has gone is no signal. */
static ssize_t
write_quietly(struct hpn_sftp_io *io, const void *p, size_t len)
{
#ifdef MSG_NOSIGNAL
	ssize_t n;

	if (!io->is_pipe) {
		n = send(io->out, p, len, MSG_NOSIGNAL);
		if (n != -1 || errno != ENOTSOCK)
			return n;
	}
#endif
	return write(io->out, p, len);
}

/* The same for data that stay as they are. */
static ssize_t
write_lent(struct hpn_sftp_io *io, const void *p, size_t len)
{
	ssize_t n;

	if (io->lends) {
		n = hpn_pipe_lend(io->out, p, len);
		if (n != -1 || would_block())
			return n;
		/* Not here; if it is something else, that shows now */
		io->lends = 0;
	}
	return write_quietly(io, p, len);
}

/* So many bytes of what is queued were written; lent: they were of that. */
static void
wrote(struct hpn_sftp_io *io, struct lent *lent, size_t len, int was_lent)
{
	int r;

	if (!was_lent) {
		if ((r = sshbuf_consume(io->obuf, len)) != 0)
			fatal_fr(r, "consume");
		*(lent != NULL ? &lent->behind : &io->last) -= len;
		return;
	}
	io->lent -= len;
	lent->data += len;
	if ((lent->len -= len) != 0)
		return;
	TAILQ_REMOVE(&io->lents, lent, list);
	free(lent);
}

static int
write_some(struct hpn_sftp_io *io)
{
	struct lent *lent;
	size_t len, whole;
	ssize_t n;
	int lend;

	do {
		lent = TAILQ_FIRST(&io->lents);
		lend = lent != NULL && lent->behind == 0;
		whole = lend ? lent->len : lent != NULL ? lent->behind :
		    sshbuf_len(io->obuf);
		len = io->olimit != NULL && whole > LIMITED_MAX ? LIMITED_MAX :
		    whole;
		n = lend ? write_lent(io, lent->data, len) :
		    write_quietly(io, sshbuf_ptr(io->obuf), len);
		if (n == -1)
			return would_block() ? 0 : -1;
		wrote(io, lent, (size_t)n, lend);
		if (io->olimit != NULL)
			bandwidth_limit(io->olimit, n);
	/* A head and its data are of one packet: to wait between them is dear */
	} while ((size_t)n == whole && hpn_sftp_io_queued(io) != 0);
	return 0;
}

/* The packet that was got last is not needed any more. */
static void
drop_taken(struct hpn_sftp_io *io)
{
	int r;

	if (io->taken != 0 &&
	    (r = sshbuf_consume(io->taken_of, io->taken)) != 0)
		fatal_fr(r, "consume");
	io->taken = 0;
}

static int
read_some(struct hpn_sftp_io *io)
{
	size_t max = io->ilimit == NULL ? READ_MAX : LIMITED_MAX;
	u_char *p;
	ssize_t n;
	int r;

	if ((r = sshbuf_reserve(io->ibuf, max, &p)) != 0)
		fatal_fr(r, "reserve");
	n = read(io->in, p, max);
	if ((r = sshbuf_consume_end(io->ibuf, n > 0 ? max - n : max)) != 0)
		fatal_fr(r, "consume");
	if (n == 0) {
		errno = EPIPE;
		return -1;
	}
	if (n == -1)
		return would_block() ? 0 : -1;
	if (io->ilimit != NULL)
		bandwidth_limit(io->ilimit, n);
	return 0;
}

/* What poll() is to wait for. */
static void
wants(const struct hpn_sftp_io *io, int reading, struct pollfd *pfd)
{
	memset(pfd, 0, 2 * sizeof(*pfd));
	pfd[0].fd = reading ? io->in : -1;
	pfd[0].events = POLLIN;
	pfd[1].fd = hpn_sftp_io_queued(io) != 0 ? io->out : -1;
	pfd[1].events = POLLOUT;
}

/* Do what it says is possible, 0 or -1. */
static int
serve(struct hpn_sftp_io *io, const struct pollfd *pfd)
{
	lost_heard = io->heard;
	/* What came first: a peer that has gone may have said why. */
	if ((pfd[0].revents & (POLLIN|POLLHUP|POLLERR)) != 0 &&
	    read_some(io) == -1)
		return -1;
	if ((pfd[1].revents & (POLLOUT|POLLHUP|POLLERR)) != 0 &&
	    write_some(io) == -1)
		return -1;
	return 0;
}

/* Wait for events and handle them, 0 or -1. */
static int
trips(struct hpn_sftp_io **ios, u_int n, int reading, int timeout_ms,
    u_int *endedp)
{
	struct pollfd pfd[2 * HPN_SFTP_IO_MOST];
	u_int i;
	int r;

	if (n > HPN_SFTP_IO_MOST)
		fatal_f("%u connections", n);
	for (i = 0; i < n; i++) {
		wants(ios[i], reading, &pfd[2 * i]);
		if (reading && sshbuf_len(ios[i]->again) != 0)
			timeout_ms = 0;
	}
	r = poll(pfd, 2 * n, timeout_ms);
	refresh_progress_meter(0);
	*endedp = 0;
	if (r == -1)
		return would_block() ? 0 : -1;
	for (i = 0; i < n; i++) {
		if (serve(ios[i], &pfd[2 * i]) == -1) {
			*endedp = i;
			return -1;
		}
	}
	return 0;
}

static int
trip(struct hpn_sftp_io *io, int reading, int timeout_ms)
{
	u_int ended;

	return trips(&io, 1, reading, timeout_ms, &ended);
}

int
hpn_sftp_io_flush(struct hpn_sftp_io *io)
{
	while (hpn_sftp_io_queued(io) != 0) {
		if (trip(io, 0, -1) == -1)
			return -1;
	}
	return 0;
}

int
hpn_sftp_io_trip(struct hpn_sftp_io *io, int timeout_ms)
{
	drop_taken(io);
	return trip(io, 1, timeout_ms);
}

int
hpn_sftp_io_trips(struct hpn_sftp_io **ios, u_int n, int timeout_ms,
    u_int *endedp)
{
	u_int i;

	for (i = 0; i < n; i++)
		drop_taken(ios[i]);
	return trips(ios, n, 1, timeout_ms, endedp);
}

static struct later *
later_find(struct hpn_sftp_io *io, u_int id)
{
	struct later *l;

	TAILQ_FOREACH(l, &io->laters, list)
		if (l->id == id)
			return l;
	return NULL;
}

static void
later_run(struct hpn_sftp_io *io, struct later *l, const u_char *p, size_t len)
{
	struct sshbuf *m;

	TAILQ_REMOVE(&io->laters, l, list);
	if (l->fn != NULL) {
		if ((m = sshbuf_from(p + 5, len - 5)) == NULL)
			fatal_f("sshbuf_from failed");
		l->fn(l->context, p[0], m);
		sshbuf_free(m);
	}
	free(l);
}

int
hpn_sftp_io_get(struct hpn_sftp_io *io, const u_char **packetp, size_t *lenp)
{
	struct sshbuf *from;
	struct later *l;
	const u_char *p;
	u_int len;

	for (;;) {
		drop_taken(io);
		from = sshbuf_len(io->again) != 0 ? io->again : io->ibuf;
		if (sshbuf_len(from) < 4)
			return 0;
		p = sshbuf_ptr(from);
		*lenp = len = get_u32(p);
		if (len > SFTP_MAX_MSG_LENGTH)
			return -1;
		if (sshbuf_len(from) < 4 + (size_t)len)
			return 0;
		p += 4;
		io->taken_of = from;
		io->taken = 4 + (size_t)len;
		if (TAILQ_EMPTY(&io->laters) || len < 5 ||
		    p[0] == SSH2_FXP_VERSION ||
		    (l = later_find(io, get_u32(p + 1))) == NULL)
			break;
		later_run(io, l, p, len);
	}
	io->heard = 1;
	*packetp = p;
	return 1;
}

void
hpn_sftp_io_later(struct hpn_sftp_io *io, u_int id, hpn_sftp_later *fn,
    void *context)
{
	struct later *l = xcalloc(1, sizeof(*l));

	l->id = id;
	l->fn = fn;
	l->context = context;
	TAILQ_INSERT_TAIL(&io->laters, l, list);
}

void
hpn_sftp_io_again(struct hpn_sftp_io *io, const struct sshbuf *packet)
{
	int r;

	if ((r = sshbuf_put_stringb(io->again, packet)) != 0)
		fatal_fr(r, "queue packet");
}

void
hpn_sftp_io_settle(struct hpn_sftp_io *io)
{
	const u_char *p;
	size_t len;
	int left_ms;

	for (left_ms = END_WAIT_MS; left_ms > 0; left_ms -= SETTLE_MS) {
		if (TAILQ_EMPTY(&io->laters))
			return;
		if (hpn_sftp_io_trip(io, SETTLE_MS) == -1 ||
		    hpn_sftp_io_get(io, &p, &len) != 0)
			return;
	}
}

void
hpn_sftp_io_lost_says(const char *line)
{
	lost_line = line;
}

void
hpn_sftp_io_lost(const char *doing)
{
	if (errno != EPIPE && errno != ECONNRESET)
		fatal("Couldn't %s packet: %s", doing, strerror(errno));
	/* A connection on which the server never answered was not lost. */
	if (lost_line == NULL || !lost_heard)
		fatal("Connection closed");
	error("Connection closed");
	(void)write(STDERR_FILENO, lost_line, strlen(lost_line));
	cleanup_exit(255);
}

void
hpn_sftp_io_end(int in, int out)
{
	struct pollfd pfd;
	char buf[4096];
	size_t left = END_MOST;
	ssize_t n;

	if (in != out)
		close(out);
	else if (shutdown(out, SHUT_WR) == -1)
		debug_f("shutdown: %s", strerror(errno));
	pfd.fd = in;
	pfd.events = POLLIN;
	while (left != 0) {
		if ((n = read(in, buf, MINIMUM(left, sizeof(buf)))) > 0) {
			left -= n;
			continue;
		}
		if (n == 0 || !would_block())
			break;
		if (errno != EINTR && poll(&pfd, 1, END_WAIT_MS) == 0)
			break;
	}
	close(in);
}
