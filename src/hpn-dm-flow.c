/* SPDX-License-Identifier: ISC */
/* See hpn-dm-flow.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"

#include "digest.h"
#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"

#include "hpn-dm-buf.h"
#include "hpn-dm-flow.h"
#include "hpn-dm-frame.h"
#include "hpn-hash.h"
#include "hpn-pipe.h"

#define SOURCE_ONCE	(256 * 1024)
/* Less is copied into a pipe: to lend it costs as much. */
#define LEND_LEAST	(16 * 1024)
/* What is read besides data at once: heads, and short frames. */
#define HEAD_ONCE	4096
/* Acknowledge after so much, or a part of the buffer. */
#define ACK_FROM	(1024 * 1024)
/* Written in one call, so that others get their turn. */
#define ONCE_MOST	(4 * 1024 * 1024)
/* Read in one call: the sink gets it while it is in the processor's cache. */
#define READ_MOST	(256 * 1024)
/* Blocks that are kept: new memory costs as much as to copy into it. */
#define SPARE_MOST	64

/* What has come and the sink has not got; short frames share one. */
struct block {
	TAILQ_ENTRY(block) list;
	size_t len, at;		/* compared with its hash; given to the sink */
	u_char data[HPN_DM_FRAME_DATA_MOST];
};
TAILQ_HEAD(blocks, block);

struct hpn_dm_flow {
	int in, out, sends, sha;
	int lends;			/* out is a pipe that can be lent memory */
	uint64_t buffer;
	struct hpn_dm_frame_peer peer;
	const char *wrong;
	struct hpn_hash *hash_all, *hash_one;
	struct ssh_digest_ctx *sha256;
	/* going out: frames, then one of data */
	struct sshbuf *queue;
	u_char head[HPN_DM_FRAME_DATA_HEAD];
	size_t head_at, head_len;
	const u_char *data;
	size_t data_left;
	/* coming in */
	u_char *heads;
	size_t heads_len, heads_size;
	size_t filling, filled;		/* data of a frame; so much is here */
	u_char filling_hash[HPN_DM_FRAME_HASH];
	/* the end that sends */
	struct hpn_dm_buf buf;
	u_char *memory;
	uint32_t *pieces;
	uint64_t next;			/* to be put into frames */
	/*
	 * Hashes of what fills a frame, of those that are in the buffer: what was
	 * read is in the processor's cache then, and not when it is sent.
	 */
	u_char (*ready)[HPN_HASH_LEN];
	size_t nready;
	struct hpn_hash *hash_ready;
	int begun, ended, end_put;
	struct hpn_dm_frame end;	/* also what the other end has said */
	/* the end that takes */
	struct blocks blocks, spare;
	u_int nspare;
	uint64_t given, acked;
	int have_end, whole;
};

struct hpn_dm_flow *
hpn_dm_flow_new(int sends, int is_server, uint64_t buffer, int sha256)
{
	struct hpn_dm_flow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	TAILQ_INIT(&f->blocks);
	TAILQ_INIT(&f->spare);
	f->in = f->out = -1;
	f->sends = sends;
	f->sha = f->peer.with_sha = sha256 != 0;
	f->buffer = buffer;
	f->peer.is_server = is_server;
	f->peer.sends = !sends;
	f->heads_size = HPN_DM_FRAME_OTHER_MOST + HEAD_ONCE;
	if ((f->heads = malloc(f->heads_size)) == NULL ||
	    (f->queue = sshbuf_new()) == NULL ||
	    (f->hash_all = hpn_hash_new()) == NULL ||
	    (f->hash_one = hpn_hash_new()) == NULL ||
	    (sha256 && (f->sha256 = ssh_digest_start(SSH_DIGEST_SHA256)) ==
	    NULL) || (sends && (f->memory = hpn_pipe_memory(buffer)) == NULL)) {
		hpn_dm_flow_free(f);
		return NULL;
	}
	/* Those of which the buffer has a part: two more */
	f->nready = (size_t)(buffer / HPN_DM_FRAME_DATA_MOST) + 2;
	if (sends && ((f->pieces = calloc(hpn_dm_buf_pieces(buffer,
	    HPN_DM_FRAME_DATA_MOST), 2 * sizeof(*f->pieces))) == NULL ||
	    (f->ready = calloc(f->nready, HPN_HASH_LEN)) == NULL ||
	    (f->hash_ready = hpn_hash_new()) == NULL)) {
		hpn_dm_flow_free(f);
		return NULL;
	}
	if (sends)
		hpn_dm_buf_begin(&f->buf, f->memory, buffer,
		    HPN_DM_FRAME_DATA_MOST, f->pieces);
	return f;
}

static void
blocks_free(struct blocks *blocks)
{
	struct block *b;

	while ((b = TAILQ_FIRST(blocks)) != NULL) {
		TAILQ_REMOVE(blocks, b, list);
		free(b);
	}
}

void
hpn_dm_flow_free(struct hpn_dm_flow *f)
{
	if (f == NULL)
		return;
	hpn_dm_flow_lost(f);
	blocks_free(&f->blocks);
	blocks_free(&f->spare);
	free(f->heads);
	free(f->memory);
	free(f->pieces);
	free(f->ready);
	sshbuf_free(f->queue);
	hpn_hash_free(f->hash_all);
	hpn_hash_free(f->hash_one);
	hpn_hash_free(f->hash_ready);
	ssh_digest_free(f->sha256);
	free(f);
}

static void
must(int r)
{
	if (r != 0)
		fatal_fr(r, "queue");
}

/* ---- the connection ---- */

void
hpn_dm_flow_connect(struct hpn_dm_flow *f, int in, int out)
{
	struct stat st;

	hpn_dm_flow_lost(f);
	set_nonblock(in);
	if (out != in)
		set_nonblock(out);
	f->in = in;
	f->out = out;
	f->lends = fstat(out, &st) == 0 && S_ISFIFO(st.st_mode);
}

void
hpn_dm_flow_lost(struct hpn_dm_flow *f)
{
	struct block *b;

	if (f->in != -1)
		close(f->in);
	if (f->out != -1 && f->out != f->in)
		close(f->out);
	f->in = f->out = -1;
	if (f->queue != NULL)
		sshbuf_reset(f->queue);
	/* Nothing more comes into a block that the sink has got all of */
	if ((b = TAILQ_LAST(&f->blocks, blocks)) != NULL && b->at == b->len) {
		TAILQ_REMOVE(&f->blocks, b, list);
		free(b);
	}
	f->head_at = f->head_len = f->data_left = 0;
	f->heads_len = 0;
	f->filling = f->filled = 0;
	f->begun = f->end_put = 0;
	f->acked = 0;
	f->peer.welcomed = f->peer.ended = f->peer.result = f->peer.over = 0;
	f->peer.expect = hpn_dm_flow_got_bytes(f);
	f->have_end = f->whole;
}

int
hpn_dm_flow_connected(const struct hpn_dm_flow *f)
{
	return f->in != -1;
}

int
hpn_dm_flow_begin(struct hpn_dm_flow *f, uint64_t offset)
{
	if (f->sends && (offset < f->buf.low || offset > f->buf.high))
		return -1;
	f->begun = f->peer.welcomed = 1;
	if (f->sends)
		f->next = f->peer.sent = offset;
	return 0;
}

void
hpn_dm_flow_fds(const struct hpn_dm_flow *f, int *in, int *out)
{
	int more = f->head_at < f->head_len || f->data_left > 0 ||
	    sshbuf_len(f->queue) > 0 || (f->begun && f->sends &&
	    (f->next < f->buf.high || (f->ended && !f->end_put)));

	*in = f->in;
	*out = more ? f->out : -1;
}

void
hpn_dm_flow_put(struct hpn_dm_flow *f, const struct hpn_dm_frame *frame)
{
	u_char *p;
	size_t most = 256 + frame->text_len + frame->text2_len;

	if (f->out == -1)
		return;
	must(sshbuf_reserve(f->queue, most, &p));
	must(sshbuf_consume_end(f->queue, most - hpn_dm_frame_put(p, frame)));
}

size_t
hpn_dm_flow_queued(const struct hpn_dm_flow *f)
{
	return sshbuf_len(f->queue);
}

static void
digest(struct hpn_dm_flow *f, const void *data, size_t len)
{
	hpn_hash_add(f->hash_all, data, len);
	if (f->sha256 != NULL && ssh_digest_update(f->sha256, data, len) != 0)
		fatal("ssh_digest_update failed");
}

static void
digest_end(struct hpn_dm_flow *f, struct hpn_dm_frame *frame)
{
	hpn_hash_end(f->hash_all, frame->hash);
	if (f->sha256 != NULL && ssh_digest_final(f->sha256, frame->sha256,
	    sizeof(frame->sha256)) != 0)
		fatal("ssh_digest_final failed");
}

/* ---- going out ---- */

/* Where the hash is kept of a frame that begins at this offset. */
static u_char *
ready_at(struct hpn_dm_flow *f, uint64_t offset)
{
	return f->ready[offset / HPN_DM_FRAME_DATA_MOST % f->nready];
}

/* These were read, and begin at this offset. */
static void
make_ready(struct hpn_dm_flow *f, uint64_t offset, const u_char *data,
    size_t len)
{
	size_t n;

	for (; len > 0; offset += n, data += n, len -= n) {
		n = HPN_DM_FRAME_DATA_MOST - offset % HPN_DM_FRAME_DATA_MOST;
		if (n > len)
			n = len;
		hpn_hash_add(f->hash_ready, data, n);
		if ((offset + n) % HPN_DM_FRAME_DATA_MOST == 0)
			hpn_hash_end(f->hash_ready, ready_at(f, offset));
	}
}

/* The next frame of data, if there are any. */
static void
data_begin(struct hpn_dm_flow *f)
{
	struct hpn_dm_frame d;
	size_t len;

	/* After a shorter one, so much that the next begins where one is ready */
	if (!f->sends || !f->begun || (f->data = hpn_dm_buf_at(&f->buf, f->next,
	    HPN_DM_FRAME_DATA_MOST - f->next % HPN_DM_FRAME_DATA_MOST,
	    &len)) == NULL)
		return;
	memset(&d, 0, sizeof(d));
	d.type = HPN_DM_FRAME_DATA;
	d.offset = f->next;
	d.data_len = f->data_left = len;
	if (len == HPN_DM_FRAME_DATA_MOST)
		memcpy(d.hash, ready_at(f, f->next), sizeof(d.hash));
	else {
		hpn_hash_add(f->hash_one, f->data, len);
		hpn_hash_end(f->hash_one, d.hash);
	}
	f->head_len = hpn_dm_frame_put(f->head, &d);
	f->head_at = 0;
	f->next += len;
	f->peer.sent = f->next;
}

/*
 * Write what is left of a frame of data.  A pipe may be lent the data: they stay in
 * the buffer, as they are, until the other end has acknowledged them.
 */
static ssize_t
data_write(struct hpn_dm_flow *f)
{
	struct iovec iov[2];
	size_t head = f->head_len - f->head_at;
	int lend = f->lends && f->data_left >= LEND_LEAST;
	ssize_t n;

	if (lend && head == 0) {
		n = hpn_pipe_lend(f->out, f->data, f->data_left);
		if (n != -1 || errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == EINTR)
			return n;
		/* Not here; if it is something else, that shows now */
		f->lends = lend = 0;
	}
	iov[0].iov_base = f->head + f->head_at;
	iov[0].iov_len = head;
	iov[1].iov_base = (void *)f->data;
	iov[1].iov_len = f->data_left;
	return writev(f->out, iov, lend ? 1 : 2);
}

int
hpn_dm_flow_write(struct hpn_dm_flow *f)
{
	size_t head, moved = 0;
	ssize_t n;

	while (f->out != -1 && moved < ONCE_MOST) {
		if (f->head_at == f->head_len && f->data_left == 0) {
			if (sshbuf_len(f->queue) == 0)
				data_begin(f);
			if (f->sends && f->begun && f->ended && !f->end_put &&
			    f->next == f->buf.high && f->data_left == 0) {
				f->end_put = 1;
				hpn_dm_flow_put(f, &f->end);
			}
		}
		head = f->head_len - f->head_at;
		if (head > 0 || f->data_left > 0)
			n = data_write(f);
		else if (sshbuf_len(f->queue) > 0)
			n = write(f->out, sshbuf_ptr(f->queue),
			    sshbuf_len(f->queue));
		else
			return 0;
		if (n == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ||
			    errno == EINTR ? 0 : HPN_DM_FLOW_LOST;
		moved += (size_t)n;
		if (head == 0 && f->data_left == 0) {
			must(sshbuf_consume(f->queue, (size_t)n));
			continue;
		}
		if ((size_t)n < head) {
			f->head_at += (size_t)n;
			continue;
		}
		f->head_at = f->head_len = 0;
		f->data += (size_t)n - head;
		f->data_left -= (size_t)n - head;
	}
	return 0;
}

/* ---- coming in ---- */

static struct block *
block_for(struct hpn_dm_flow *f, size_t len)
{
	struct block *b = TAILQ_LAST(&f->blocks, blocks);

	if (b != NULL && sizeof(b->data) - b->len >= len)
		return b;
	if ((b = TAILQ_FIRST(&f->spare)) != NULL) {
		TAILQ_REMOVE(&f->spare, b, list);
		f->nspare--;
	} else
		b = xmalloc(sizeof(*b));
	b->len = b->at = 0;
	TAILQ_INSERT_TAIL(&f->blocks, b, list);
	return b;
}

/* All of a frame's data are here. */
static int
block_done(struct hpn_dm_flow *f)
{
	struct block *b = TAILQ_LAST(&f->blocks, blocks);
	u_char hash[HPN_HASH_LEN];

	hpn_hash_add(f->hash_one, b->data + b->len, f->filling);
	hpn_hash_end(f->hash_one, hash);
	if (memcmp(hash, f->filling_hash, sizeof(hash)) != 0)
		return HPN_DM_FLOW_DIFFERS;
	digest(f, b->data + b->len, f->filling);
	b->len += f->filling;
	f->filling = f->filled = 0;
	return 0;
}

static int
wrong(struct hpn_dm_flow *f, const char *why)
{
	f->wrong = why;
	return HPN_DM_FLOW_WRONG;
}

static int
data_taken(struct hpn_dm_flow *f, const struct hpn_dm_frame *frame)
{
	if (f->whole)
		return wrong(f, "data after the end");
	if (f->peer.expect - f->given > f->buffer)
		return wrong(f, "more data than were agreed on");
	(void)block_for(f, frame->data_len);
	f->filling = frame->data_len;
	f->filled = 0;
	memcpy(f->filling_hash, frame->hash, sizeof(f->filling_hash));
	return 0;
}

static int
same_end(const struct hpn_dm_frame *a, const struct hpn_dm_frame *b)
{
	return a->offset == b->offset &&
	    memcmp(a->hash, b->hash, sizeof(a->hash)) == 0 &&
	    memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

/* Take frames apart that are here. */
static int
frames(struct hpn_dm_flow *f, hpn_dm_flow_fn *fn, void *context)
{
	struct hpn_dm_frame frame;
	struct block *b;
	size_t head, at = 0, n;
	int r = 0, len;

	while (r == 0 && at < f->heads_len) {
		if (f->filling > 0) {
			b = TAILQ_LAST(&f->blocks, blocks);
			n = f->filling - f->filled;
			if (n > f->heads_len - at)
				n = f->heads_len - at;
			memcpy(b->data + b->len + f->filled, f->heads + at, n);
			at += n;
			if ((f->filled += n) == f->filling)
				r = block_done(f);
			continue;
		}
		if ((len = hpn_dm_frame_length(f->heads + at,
		    f->heads_len - at, &head)) == -1)
			return wrong(f, f->peer.welcomed ? "no such message" :
			    "what comes is none of its messages (does a shell "
			    "there write something?)");
		if (len == 0 || head > f->heads_len - at)
			break;
		if (hpn_dm_frame_parse(&frame, f->heads + at, head) != 0)
			return wrong(f, "a message that makes no sense");
		if ((f->wrong = hpn_dm_frame_take(&f->peer, &frame)) != NULL)
			return HPN_DM_FLOW_WRONG;
		at += head;
		switch (frame.type) {
		case HPN_DM_FRAME_DATA:
			r = data_taken(f, &frame);
			break;
		case HPN_DM_FRAME_ACK:
			hpn_dm_buf_settle(&f->buf, frame.offset);
			break;
		case HPN_DM_FRAME_END:
			/* It may only come again: the sink has seen its end */
			if (f->whole && !same_end(&f->end, &frame))
				return wrong(f, "another end");
			f->end = frame;
			f->have_end = 1;
			break;
		case HPN_DM_FRAME_PING:
			break;
		default:
			fn(context, &frame);
			/* It may have ended the connection */
			if (f->in == -1)
				return 0;
			break;
		}
	}
	memmove(f->heads, f->heads + at, f->heads_len - at);
	f->heads_len -= at;
	return r;
}

int
hpn_dm_flow_read(struct hpn_dm_flow *f, hpn_dm_flow_fn *fn, void *context)
{
	struct iovec iov[2];
	struct block *b;
	size_t want, moved = 0;
	ssize_t n;
	int r;

	while (f->in != -1 && moved < READ_MOST) {
		want = f->filling - f->filled;
		b = TAILQ_LAST(&f->blocks, blocks);
		iov[0].iov_base = want > 0 ? b->data + b->len + f->filled :
		    f->heads;
		iov[0].iov_len = want;
		iov[1].iov_base = f->heads + f->heads_len;
		iov[1].iov_len = HEAD_ONCE;
		if (iov[1].iov_len > f->heads_size - f->heads_len)
			iov[1].iov_len = f->heads_size - f->heads_len;
		if ((n = readv(f->in, iov, 2)) == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ||
			    errno == EINTR ? 0 : HPN_DM_FLOW_LOST;
		if (n == 0)
			return HPN_DM_FLOW_LOST;
		moved += (size_t)n;
		if (want > 0) {
			if ((size_t)n < want) {
				f->filled += (size_t)n;
				continue;
			}
			f->filled = f->filling;
			n -= (ssize_t)want;
			if ((r = block_done(f)) != 0)
				return r;
		}
		f->heads_len += (size_t)n;
		if ((r = frames(f, fn, context)) != 0)
			return r;
	}
	return 0;
}

const char *
hpn_dm_flow_wrong(const struct hpn_dm_flow *f)
{
	return f->wrong != NULL ? f->wrong : "";
}

/* ---- the end that sends ---- */

int
hpn_dm_flow_room(const struct hpn_dm_flow *f)
{
	size_t len;

	if (!f->sends || f->ended)
		return 0;
	(void)hpn_dm_buf_room(&f->buf, &len);
	return len > 0;
}

ssize_t
hpn_dm_flow_source(struct hpn_dm_flow *f, int fd)
{
	u_char *room;
	size_t len;
	ssize_t n;

	room = hpn_dm_buf_room(&f->buf, &len);
	if (len > SOURCE_ONCE)
		len = SOURCE_ONCE;
	if ((n = read(fd, room, len)) > 0) {
		digest(f, room, (size_t)n);
		make_ready(f, f->buf.high, room, (size_t)n);
		hpn_dm_buf_add(&f->buf, (size_t)n);
	}
	return n;
}

uint64_t
hpn_dm_flow_unsent(const struct hpn_dm_flow *f)
{
	return f->buf.high - f->next;
}

void
hpn_dm_flow_source_ended(struct hpn_dm_flow *f)
{
	if (f->ended)
		return;
	f->ended = 1;
	memset(&f->end, 0, sizeof(f->end));
	f->end.type = HPN_DM_FRAME_END;
	f->end.offset = f->buf.high;
	f->end.has_sha256 = f->sha;
	digest_end(f, &f->end);
}

int
hpn_dm_flow_all_sent(const struct hpn_dm_flow *f)
{
	return f->next == f->buf.high && f->head_at == f->head_len &&
	    f->data_left == 0;
}

int
hpn_dm_flow_end_sent(const struct hpn_dm_flow *f)
{
	return f->end_put;
}

int
hpn_dm_flow_all_acked(const struct hpn_dm_flow *f)
{
	return f->ended && f->peer.acked == f->buf.high;
}

uint64_t
hpn_dm_flow_read_bytes(const struct hpn_dm_flow *f)
{
	return f->buf.high;
}

uint64_t
hpn_dm_flow_acked_bytes(const struct hpn_dm_flow *f)
{
	return f->peer.acked;
}

/* ---- the end that takes ---- */

int
hpn_dm_flow_pending(const struct hpn_dm_flow *f)
{
	const struct block *b = TAILQ_FIRST(&f->blocks);

	return b != NULL && b->at < b->len;
}

ssize_t
hpn_dm_flow_sink(struct hpn_dm_flow *f, int fd)
{
	struct block *b = TAILQ_FIRST(&f->blocks);
	uint64_t from = f->buffer / 4 < ACK_FROM ? f->buffer / 4 : ACK_FROM;
	ssize_t n;

	if ((n = write(fd, b->data + b->at, b->len - b->at)) <= 0)
		return n;
	b->at += (size_t)n;
	f->given += (uint64_t)n;
	if (b->at == b->len && (f->filling == 0 ||
	    b != TAILQ_LAST(&f->blocks, blocks))) {
		TAILQ_REMOVE(&f->blocks, b, list);
		if (f->nspare < SPARE_MOST) {
			TAILQ_INSERT_HEAD(&f->spare, b, list);
			f->nspare++;
		} else
			free(b);
	}
	if (f->given - f->acked >= from)
		hpn_dm_flow_ack(f);
	return n;
}

void
hpn_dm_flow_ack(struct hpn_dm_flow *f)
{
	struct hpn_dm_frame a;

	if (f->sends || !f->begun || f->given == f->acked)
		return;
	memset(&a, 0, sizeof(a));
	a.type = HPN_DM_FRAME_ACK;
	a.offset = f->acked = f->given;
	hpn_dm_flow_put(f, &a);
}

int
hpn_dm_flow_whole(struct hpn_dm_flow *f)
{
	struct hpn_dm_frame mine;

	if (f->whole)
		return 1;
	if (!f->have_end || f->given != f->end.offset)
		return 0;
	memset(&mine, 0, sizeof(mine));
	digest_end(f, &mine);
	if (memcmp(mine.hash, f->end.hash, sizeof(mine.hash)) != 0 ||
	    memcmp(mine.sha256, f->end.sha256, sizeof(mine.sha256)) != 0)
		return HPN_DM_FLOW_DIFFERS;
	f->whole = 1;
	return 1;
}

uint64_t
hpn_dm_flow_got_bytes(const struct hpn_dm_flow *f)
{
	const struct block *b;
	uint64_t n = f->given;

	TAILQ_FOREACH(b, &f->blocks, list)
		n += b->len - b->at;
	return n;
}

uint64_t
hpn_dm_flow_given_bytes(const struct hpn_dm_flow *f)
{
	return f->given;
}

int
hpn_dm_flow_full(const struct hpn_dm_flow *f)
{
	uint64_t n = f->sends ? f->buf.high - f->buf.low :
	    hpn_dm_flow_got_bytes(f) - f->given;

	return (int)(100 * n / f->buffer);
}
