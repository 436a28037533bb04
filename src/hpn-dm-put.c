/* SPDX-License-Identifier: ISC */
/*
 * See hpn-dm-put.h for what this does.
 *
 *	source -> buffer -> WRITEs of several files -> acknowledged -> compared
 *	                      |                             |
 *	                 may be sent again             may be forgotten
 *
 * Each file (struct piece) goes through states.  piece_step() decides what is
 * sent next.  Answers only report results.  After a lost connection, or a
 * refusal for lack of space, a piece goes back to an earlier state.  What was
 * acknowledged stays done.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openbsd-compat/sys-queue.h"

#include "digest.h"
#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"

#include "hpn-clock.h"
#include "hpn-dm-buf.h"
#include "hpn-dm-child.h"
#include "hpn-dm-ends.h"
#include "hpn-dm-job.h"
#include "hpn-dm-line.h"
#include "hpn-dm-manifest.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-plan.h"
#include "hpn-dm-put.h"
#include "hpn-dm-reader.h"
#include "hpn-dm-sftp.h"
#include "hpn-dm-wait.h"
#include "hpn-hash.h"
#include "hpn-pipe.h"

#ifndef HPN_DM_SIZES	/* a fuzz target has smaller ones */
/* What one request to our server carries, in whole pages. */
# define READ_ONCE	(252 * 1024)
/*
 * That is hashed and compared: so little, that it is still in the cache of the server's
 * processor when it has been written and is read again.
 */
# define BLOCK		(2 * READ_ONCE)
/* So much acknowledged and not compared makes it worth while to read it back. */
# define COMPARE_FROM	(16ULL * 1024 * 1024)
/*
 * Hashes of so much at most are asked for with one request, so many at a time.  A
 * server takes no data while it computes some: of a large step that is felt on a long
 * line.
 */
# define COMPARE_STEP	(8ULL * BLOCK)
# define ASKS_MOST	256
/* Memory for what is read back, of all pieces together; where lines break often. */
# define BACK_MOST	(16U * 1024 * 1024)
# define BACK_LEAST	(1024U * 1024)
/* It is doubled when so many times as much has come. */
# define BACK_STEADY	4
/* Hashes that cover no whole block may come so often in a row. */
# define COMPARE_TRIES	20
/* How often data that were lost after a refusal are written again. */
# define REPAIRS_MOST	4
/* So often in a row it is progress that the same data are compared once more. */
# define ANEW_MOST	20
/*
 * Files are opened so far ahead of the data, that these never wait for one.  A file
 * needs two answers before its data, and three after them.  Each takes a round trip
 * and the time of what is queued in front: half a second together on a line of
 * 100 ms.  No data are kept for that; a name and a handle are.
 */
# define AHEAD_MOST	(192ULL * 1024 * 1024)
# define AHEAD_LEAST	(256ULL * 1024)
/* Less space than this is none. */
# define SPACE_LEAST	(1024ULL * 1024)
/* Names behind the last fragment that an earlier run may have left. */
# define STALE_MOST	(HPN_DM_SFTP_OPEN_MOST + 32)
#endif
/* Servers later than version 3 of the protocol, and some others, say these. */
#define FX_NO_SPACE	14
#define FX_QUOTA	15

enum state {
	PIECE_NEW,	/* to be opened */
	PIECE_LOOKING,	/* for what is there already */
	PIECE_OPENING,
	PIECE_SIZING,	/* opened again: how long it is */
	PIECE_DATA,
	PIECE_COMPARE,	/* all is acknowledged, the rest is compared */
	PIECE_SYNC,
	PIECE_CLOSING,
	PIECE_RENAME,	/* closed */
	PIECE_RENAMING,
	PIECE_NAMED,	/* renamed, or not? */
	PIECE_DROPPING,	/* it is not needed after all */
	PIECE_DONE
};

struct write {
	TAILQ_ENTRY(write) list;
	struct piece *piece;
	uint64_t end;
	int ok;
};

/* Hashes that were asked for. */
struct ask {
	TAILQ_ENTRY(ask) list;
	struct piece *piece;
	uint64_t offset, len;
	int stale;		/* something in front of it was refused */
};

struct piece {
	TAILQ_ENTRY(piece) list;
	struct put *p;
	uint64_t n, start, size;	/* number; in the stream; at most */
	char part[HPN_DM_PLAN_PATH], final[HPN_DM_PLAN_PATH];
	u_char *mem;			/* the manifest's text */
	enum state state;
	struct hpn_dm_sftp_handle handle;
	TAILQ_HEAD(, write) writes;	/* in order; the first is not answered */
	u_int under_way;		/* writes */
	uint64_t sent, acked;
	uint64_t furthest;		/* that acked ever was */
	TAILQ_HEAD(, ask) asks;		/* answers to come, */
	u_int nasks;
	uint64_t asked;			/* ... up to here */
	int sizing;			/* asked for its length */
	int noted;			/* its command is in the queue */
	int maybe;			/* may be there: we tried to make it */
	int guessed;			/* ... and so it is opened, being empty */
	int no_room;			/* for its name, perhaps */
	u_int not_renamed;		/* the status that said so */
	int cleared;			/* what has its name was removed */
	int in_way;			/* something has its name */
	int reopen;			/* is there: we made it */
	int existed, is_final;		/* ... an earlier run did, to the end */
	uint64_t existing;		/* its length then */
	int looked;			/* for what an earlier run left */
	u_int looks;			/* answers to come */
	int refused;			/* a write failed */
	/* hashes of blocks, as they were read from the source */
	u_char *blocks;
	size_t nblocks, blocks_room;
	uint64_t verified;
	uint64_t verified_most;		/* that it was since it began anew */
	u_int anew;			/* ... so often without new data */
	uint64_t fresh;			/* written over this connection: from here on */
	int written;			/* ... and not closed or synced since */
	u_int leaving;			/* its closes to come, of give_way() */
	int sized, synced;
	int suspect;			/* it may have lost what it had taken */
	int doubt;			/* all of it is compared once more, */
	int sync_first;			/* ... and with -fsync, after that only */
	int again;			/* from `verified' on it is written again */
	u_int tries;
	u_int repairs;			/* since something was refused */
	struct hpn_dm_reader *back;
	struct hpn_hash *back_hash;
	size_t back_held;
	struct hpn_dm_manifest_fragment result;
};

struct put {
	const struct hpn_dm_opts *o;
	struct hpn_dm_plan plan;
	struct hpn_dm_line line;
	struct hpn_dm_buf buf;
	char dir[HPN_DM_PLAN_PATH], manifest_path[HPN_DM_PLAN_PATH];
	/* source */
	struct hpn_dm_ends source;
	int eof, whole;			/* ... and it ended well */
	uint64_t total;			/* bytes read */
	struct hpn_hash *hash_all, *hash_piece, *hash_block;
	struct ssh_digest_ctx *sha256;
	struct piece *filling;		/* what is being read belongs to it */
	/* pieces, in order; those in front that are done have left */
	TAILQ_HEAD(pieces, piece) pieces;
	uint64_t pieces_n;		/* made so far */
	u_int open, closing, open_most;
	uint64_t done_bytes;
	struct hpn_dm_manifest_fragment *results;
	size_t nresults, results_room;
	/* before, and after */
	enum { CHECK_NONE, CHECK_ASKED, CHECK_DONE } check;
	u_int checks;
	int there_object, there_manifest;
	int own_known;
	u_int32_t own;			/* the user there, if known */
	char own_path[HPN_DM_PLAN_PATH];	/* made to find that out */
	int stale_done;
	u_int stale_asked, stale_found;
	uint64_t stale_n;
	int manifest, finished;
	/* space */
	struct hpn_dm_wait wait;
	int blocked, cause_asked, probing, waiting_said;
	char *why;
	uint64_t again_ns;
	struct hpn_dm_jobs jobs;
	/* read back */
	size_t back_most, back_held;
	uint64_t back_got;		/* ... since back_most is what it is */
	int said_back;
};

/* Where the piece ends as far as is known; *known whether that is the end. */
static uint64_t
piece_read(const struct piece *f, int *known)
{
	const struct put *p = f->p;
	uint64_t have;

	if (f->mem != NULL) {
		*known = 1;
		return f->size;
	}
	have = p->total > f->start ? p->total - f->start : 0;
	if (have >= f->size) {
		*known = 1;
		return f->size;
	}
	*known = p->eof;
	return have;
}

static struct piece *
piece_new(struct put *p, uint64_t n)
{
	struct piece *f = xcalloc(1, sizeof(*f));

	f->p = p;
	f->n = n;
	f->fresh = UINT64_MAX;
	TAILQ_INIT(&f->writes);
	TAILQ_INIT(&f->asks);
	if (n > HPN_DM_PLAN_MOST)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "the stream needs more "
		    "than %u fragments: give a larger -F", HPN_DM_PLAN_MOST);
	if (n == 0)
		return f;
	f->start = hpn_dm_plan_start(&p->plan, n);
	f->size = hpn_dm_plan_size(&p->plan, n);
	if (p->plan.fragment == 0)
		n = 0;
	(void)hpn_dm_plan_path(f->part, sizeof(f->part), p->o->dir, p->o->name,
	    n, HPN_DM_PLAN_PART);
	(void)hpn_dm_plan_path(f->final, sizeof(f->final), p->o->dir,
	    p->o->name, n, "");
	TAILQ_INSERT_TAIL(&p->pieces, f, list);
	p->pieces_n = f->n;
	return f;
}

static void
handle_drop(struct piece *f)
{
	if (f->handle.p != NULL)
		f->p->open--;
	free(f->handle.p);
	f->handle.p = NULL;
	f->handle.len = 0;
}

/* What this one holds has changed. */
static void
back_count(struct piece *f)
{
	size_t held = f->back == NULL ? 0 : hpn_dm_reader_held(f->back);

	f->p->back_held += held - f->back_held;
	f->back_held = held;
}

/* How much of what is read back may be under way, at a time. */
static void
back_limit(struct put *p, size_t most)
{
	p->back_got = 0;
	if (most >= BACK_LEAST && most <= BACK_MOST)
		p->back_most = most;
}

/* So much was read back: of a line that does not break any more, more is asked for. */
static void
back_came(struct put *p, size_t len)
{
	if ((p->back_got += len) >= BACK_STEADY * p->back_most)
		back_limit(p, p->back_most * 2);
}

static void
back_drop(struct piece *f)
{
	hpn_dm_reader_free(f->back);
	f->back = NULL;
	back_count(f);
	hpn_hash_free(f->back_hash);
	f->back_hash = NULL;
}

static void
writes_drop(struct piece *f)
{
	struct write *w;

	while ((w = TAILQ_FIRST(&f->writes)) != NULL) {
		TAILQ_REMOVE(&f->writes, w, list);
		free(w);
	}
	f->under_way = 0;
	f->sent = f->acked;
}

static void
ask_drop(struct ask *a)
{
	TAILQ_REMOVE(&a->piece->asks, a, list);
	a->piece->nasks--;
	free(a);
}

static void
asks_drop(struct piece *f)
{
	struct ask *a;

	while ((a = TAILQ_FIRST(&f->asks)) != NULL)
		ask_drop(a);
}

/* What they are about is sent again: answers to come are of before. */
static void
asks_stale(struct piece *f)
{
	struct ask *a;

	TAILQ_FOREACH(a, &f->asks, list)
		a->stale = 1;
}

static void
piece_free(struct piece *f)
{
	handle_drop(f);
	asks_drop(f);
	back_drop(f);
	writes_drop(f);
	free(f->blocks);
	free(f->mem);
	free(f);
}

static struct hpn_hash *
hash_new(void)
{
	struct hpn_hash *h;

	if ((h = hpn_hash_new()) == NULL)
		fatal("cannot compute hashes: %s", strerror(errno));
	return h;
}

/* A block of the piece is complete: keep its hash. */
static void
block_end(struct piece *f, struct hpn_hash *h)
{
	if (f->nblocks == f->blocks_room) {
		f->blocks_room = f->blocks_room == 0 ? 4 : 2 * f->blocks_room;
		f->blocks = xreallocarray(f->blocks, f->blocks_room,
		    HPN_HASH_LEN);
	}
	hpn_hash_end(h, f->blocks + HPN_HASH_LEN * f->nblocks++);
}

/* The last byte of the piece that is being filled was read. */
static void
filled(struct put *p)
{
	struct piece *f = p->filling;
	int known;

	if (f == NULL)
		return;
	f->result.size = piece_read(f, &known);
	if (p->hash_block != NULL) {
		if (f->result.size % BLOCK != 0)
			block_end(f, p->hash_block);
		if (p->plan.fragment != 0)
			hpn_hash_end(p->hash_piece, f->result.hash);
	}
	p->filling = NULL;
}

/* What was read goes through the hashes, piece by piece. */
static void
read_hash(struct put *p, const u_char *data, size_t len)
{
	struct piece *f;
	uint64_t at;
	size_t n;

	if (p->sha256 != NULL && ssh_digest_update(p->sha256, data, len) != 0)
		fatal("ssh_digest_update failed");
	while (len > 0) {
		if ((f = p->filling) == NULL) {
			TAILQ_FOREACH(f, &p->pieces, list)
				if (f->start == p->total)
					break;
			if (f == NULL)
				f = piece_new(p, p->pieces_n + 1);
			p->filling = f;
		}
		at = p->total - f->start;
		n = len;
		if (n > f->size - at)
			n = (size_t)(f->size - at);
		if (n > BLOCK - at % BLOCK)
			n = (size_t)(BLOCK - at % BLOCK);
		if (p->hash_block != NULL) {
			hpn_hash_add(p->hash_block, data, n);
			/* These are for the manifest */
			if (p->plan.fragment != 0) {
				hpn_hash_add(p->hash_all, data, n);
				hpn_hash_add(p->hash_piece, data, n);
			}
			if ((at + n) % BLOCK == 0)
				block_end(f, p->hash_block);
		}
		p->total += n;
		data += n;
		len -= n;
		if (at + n == f->size)
			filled(p);
	}
}

/* The source has ended: as a source should? */
static void
source_ended(struct put *p)
{
	char *why;

	p->eof = 1;
	if ((why = hpn_dm_ends_source_ended(&p->source, p->o, p->total)) != NULL)
		hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "%s: the object is left "
		    "incomplete", why);
	filled(p);
	p->whole = 1;
}

static void
source_read(struct put *p)
{
	u_char *room;
	size_t len;
	ssize_t n;

	room = hpn_dm_buf_room(&p->buf, &len);
	if (len > READ_ONCE)
		len = READ_ONCE;
	if (len == 0)
		return;
	hpn_dm_ends_read_begin(&p->source);
	if ((n = read(p->source.fd, room, len)) == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "cannot read the "
		    "source: %s", strerror(errno));
	}
	if (n == 0) {
		source_ended(p);
		return;
	}
	hpn_dm_ends_read_end(&p->source);
	hpn_dm_buf_add(&p->buf, (size_t)n);
	read_hash(p, room, (size_t)n);
	if (p->o->sized && p->total > p->o->size)
		hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "the source has more "
		    "than the %llu bytes of -size: the object is left "
		    "incomplete", (unsigned long long)p->o->size);
}

/* ---- what the server refuses ---- */

static void
wait_for_space(struct put *p, enum hpn_dm_wait_cause cause)
{
	uint64_t delay, now = hpn_clock_ns();
	const char *host = p->o->host;

	if (!hpn_dm_wait_failed(&p->wait, cause, now, &delay)) {
		if (cause == HPN_DM_WAIT_FULL)
			hpn_dm_child_die(HPN_DM_CHILD_SPACE, "no space left on "
			    "%s: %s; waited %llu seconds (-T)", host, p->why,
			    (unsigned long long)p->o->timeout_s);
		hpn_dm_child_die(HPN_DM_CHILD_SPACE, "%s: refused by %s%s",
		    p->why, host, p->line.sftp != NULL &&
		    hpn_dm_sftp_can_statvfs(p->line.sftp) ?
		    ", whose file system has space: is a quota used up?" :
		    ", which does not tell why: no space, or a quota?");
	}
	if (!p->waiting_said || p->o->verbose) {
		hpn_dm_line_clear(&p->line);
		logit("%s: %s on %s, waiting (at most %llu seconds, -T)",
		    p->why, cause == HPN_DM_WAIT_FULL ? "no space left" :
		    "refused", host, (unsigned long long)p->o->timeout_s);
	}
	p->waiting_said = 1;
	p->again_ns = now + delay;
}

static int
space_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	uint64_t bytes;
	u_int status;
	int files;

	if (hpn_dm_sftp_get_space(type, m, &status, &bytes, &files) == -1)
		return -1;
	p->cause_asked = 0;
	if (p->blocked)
		wait_for_space(p, status == SSH2_FX_OK &&
		    (bytes < SPACE_LEAST || !files) ? HPN_DM_WAIT_FULL :
		    HPN_DM_WAIT_UNTOLD);
	return 0;
}

/* Nothing is sent until there is a cause, and then for a while. */
static void
block(struct put *p, u_int status, const char *doing, const char *path)
{
	if (p->blocked)
		return;
	p->blocked = 1;
	p->probing = 0;
	p->again_ns = UINT64_MAX;
	free(p->why);
	xasprintf(&p->why, "%s \"%s\"", doing, path);
	if (status == FX_NO_SPACE)
		wait_for_space(p, HPN_DM_WAIT_FULL);
	else if (hpn_dm_sftp_can_statvfs(p->line.sftp)) {
		if (!p->cause_asked)
			hpn_dm_sftp_statvfs(p->line.sftp, p->dir, space_answer,
			    p, NULL);
		p->cause_asked = 1;
	} else
		wait_for_space(p, HPN_DM_WAIT_UNTOLD);
}

/* It was refused: wait where that may help, end otherwise. */
static void
refused(struct put *p, u_int status, const char *doing, const char *path)
{
	if (status != SSH2_FX_FAILURE && status != FX_NO_SPACE &&
	    status != FX_QUOTA)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s \"%s\" on %s: %s",
		    doing, path, p->o->host, hpn_dm_sftp_status_text(status));
	block(p, status, doing, path);
}

/* It goes on. */
static void
works(struct put *p)
{
	uint64_t ns;

	hpn_dm_line_worked(&p->line);
	if (p->blocked || (ns = hpn_dm_wait_worked(&p->wait,
	    hpn_clock_ns())) == 0)
		return;
	p->waiting_said = 0;
	hpn_dm_line_clear(&p->line);
	logit("%s takes data again, going on after %llu seconds", p->o->host,
	    (unsigned long long)(ns / 1000000000ULL));
}

/*
 * Bytes were acknowledged.  Only those beyond the furthest so far are progress.
 * Otherwise some servers would be tried for ever: one that takes the same bytes
 * again and again, or one that opens a file and then refuses to close it.
 */
static void
progress(struct piece *f)
{
	if (f->acked <= f->furthest)
		return;
	f->furthest = f->acked;
	f->anew = 0;
	works(f->p);
}

static void __attribute__((noreturn))
differs(struct piece *f, uint64_t offset)
{
	hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s differs from the "
	    "source within %d bytes from byte %llu on%s", f->is_final ?
	    f->final : f->part, f->p->o->host, BLOCK,
	    (unsigned long long)offset, f->is_final || offset < f->existing ?
	    ": an earlier run has written something else (-force begins anew)" :
	    ": it has arrived damaged");
}

/* ---- comparing ---- */

/*
 * What follows this is compared once more.  That is progress as the first time was.
 * Otherwise a long line that breaks meanwhile would be given up.
 */
static void
compare_anew(struct piece *f, uint64_t from)
{
	from -= from % BLOCK;
	if (f->verified > from)
		f->verified = from;
	if (f->anew++ < ANEW_MOST)
		f->verified_most = f->verified;
}

/*
 * It is written again, as soon as nothing is under way that would be taken for the
 * answer to that.  Returns whether that is so.
 */
static int
repaired(struct piece *f)
{
	if (!f->again)
		return 1;
	if (f->under_way > 0 || f->nasks > 0 || (f->back != NULL &&
	    hpn_dm_reader_under_way(f->back) > 0))
		return 0;
	back_drop(f);
	f->again = 0;
	f->repairs++;
	f->acked = f->sent = f->verified;
	f->state = PIECE_DATA;
	f->sized = f->synced = 0;
	return 1;
}

/*
 * The server has something else at f->verified.  What was lost after it was
 * acknowledged may be at hand yet.
 */
static void
damaged(struct piece *f)
{
	size_t at;

	if (!f->suspect || f->is_final || f->verified < f->existing ||
	    f->repairs >= REPAIRS_MOST || (f->mem == NULL &&
	    hpn_dm_buf_at(&f->p->buf, f->start + f->verified, 1, &at) == NULL))
		differs(f, f->verified);
	f->again = 1;
	asks_stale(f);
}

/* The block at f->verified has this hash on the server. */
static void
block_compare(struct piece *f, const u_char *hash, size_t len)
{
	size_t n = (size_t)(f->verified / BLOCK);

	if (n >= f->nblocks ||
	    memcmp(f->blocks + HPN_HASH_LEN * n, hash, HPN_HASH_LEN) != 0) {
		damaged(f);
		return;
	}
	f->verified += len;
	if (f->verified > f->verified_most) {
		f->verified_most = f->verified;
		hpn_dm_line_worked(&f->p->line);
	}
}

/* Of what begins the piece, up to here, whole blocks; all of it, if that is its end. */
static uint64_t
in_blocks(const struct piece *f, uint64_t upto)
{
	uint64_t have;
	int known;

	have = piece_read(f, &known);
	return known && upto == have ? have : upto - upto % BLOCK;
}

static int
hash_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct ask *ask = about;
	struct piece *f = ask->piece;
	struct put *p = f->p;
	struct hpn_hash_range range;
	struct hpn_sftp_hash_answer a;
	uint64_t goal = in_blocks(f, f->acked), from;
	size_t i, len;
	u_int status;
	int stale = ask->stale || f->refused;

	range.offset = from = ask->offset;
	range.length = ask->len;
	range.block = BLOCK;
	ask_drop(ask);
	if (type == SSH2_FXP_STATUS) {
		if (hpn_dm_sftp_get_status(type, m, &status) == -1 ||
		    status == SSH2_FX_OK)
			return -1;
		if (stale || from != f->verified || goal <= from)
			return 0;
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot compare \"%s\" "
		    "on %s: %s (-nochecksum does without)", f->part,
		    p->o->host, hpn_dm_sftp_status_text(status));
	}
	/* More may have been acknowledged since it was asked */
	if (goal > from + range.length)
		goal = from + range.length;
	if (hpn_sftp_hash_get_answer(m, &range, &a) != 0)
		return -1;
	/* One before it was cut short, or is being written again, or was refused */
	if (stale || from != f->verified || goal <= from)
		return 0;
	for (i = 0; i < a.count && f->verified < goal; i++) {
		len = BLOCK;
		if (len > goal - f->verified)
			len = (size_t)(goal - f->verified);
		/* Cut short, it is the hash of something else */
		if (a.hashed - i * (uint64_t)BLOCK < len) {
			if (a.ended)
				damaged(f);
			break;
		}
		block_compare(f, a.hashes + i * HPN_HASH_LEN, len);
		if (f->again)
			return 0;
	}
	if (f->again)
		return 0;
	if (f->verified == from && a.ended)
		damaged(f);
	else if (f->verified != from)
		f->tries = 0;
	else if (++f->tries > COMPARE_TRIES)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s does not come to an "
		    "end with hashes of \"%s\"", p->o->host, f->part);
	return 0;
}

/* Compare by reading back: ask for more, use what has come. */
static void
read_back(struct piece *f, uint64_t goal)
{
	struct put *p = f->p;
	u_char hash[HPN_HASH_LEN];
	const u_char *data;
	uint64_t at;
	size_t len, others;
	u_int status;

	if (!p->said_back) {
		p->said_back = 1;
		verbose("%s has no hashes: what it has is read back", p->o->host);
	}
	if (f->back == NULL) {
		f->back = hpn_dm_reader_new(p->line.sftp, &f->handle,
		    f->verified, goal);
		f->back_hash = hash_new();
	}
	hpn_dm_reader_until(f->back, goal);
	/* The first pieces first: of a line that breaks often they get all */
	others = p->back_held - f->back_held;
	if (others < p->back_most)
		(void)hpn_dm_reader_ask(f->back, p->back_most - others);
	while ((data = hpn_dm_reader_next(f->back, &len)) != NULL) {
		at = hpn_dm_reader_offset(f->back);
		if (len > BLOCK - at % BLOCK)
			len = (size_t)(BLOCK - at % BLOCK);
		hpn_hash_add(f->back_hash, data, len);
		hpn_dm_reader_took(f->back, len);
		back_came(p, len);
		at += len;
		if (at % BLOCK == 0 || at == goal) {
			/* A piece that grows is only asked for in blocks */
			hpn_hash_end(f->back_hash, hash);
			block_compare(f, hash, (size_t)(at - f->verified));
			if (f->again)
				break;
		}
	}
	back_count(f);
	if (f->again)
		return;
	if ((status = hpn_dm_reader_status(f->back)) == SSH2_FX_EOF)
		damaged(f);
	else if (status != SSH2_FX_OK)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot read \"%s\" back "
		    "from %s: %s (-nochecksum does without)", f->part,
		    p->o->host, hpn_dm_sftp_status_text(status));
}

static void
compare(struct piece *f)
{
	struct put *p = f->p;
	struct hpn_hash_range range;
	struct ask *a;
	int all = f->state == PIECE_COMPARE;
	uint64_t goal = in_blocks(f, f->acked);

	if (p->o->nochecksum) {
		f->verified = goal;
		return;
	}
	if (f->handle.p == NULL || p->blocked || f->refused || f->again)
		return;
	if (p->o->fsync && f->sync_first) {
		/* All of it is compared after that */
		if (f->back != NULL && hpn_dm_reader_under_way(f->back) == 0)
			back_drop(f);
		return;
	}
	if (!hpn_dm_sftp_can_hash(p->line.sftp)) {
		if (f->verified < goal && (all || f->back != NULL ||
		    goal - f->verified >= COMPARE_FROM))
			read_back(f, goal);
		return;
	}
	if (f->nasks == 0 && f->asked != f->verified) {
		/* What came said nothing: not again before there is more to say */
		if (goal <= f->verified)
			return;
		f->asked = f->verified;
	}
	/*
	 * A server answers requests for a file as if it had taken them one by one
	 * (filexfer-02, section 4.1).  So what was sent is there, and is read while it
	 * is still in the processor's cache.
	 */
	goal = in_blocks(f, f->sent);
	while (f->asked < goal && f->nasks < ASKS_MOST &&
	    hpn_dm_sftp_may_ask(p->line.sftp)) {
		range.offset = f->asked;
		range.length = goal - f->asked;
		if (range.length > COMPARE_STEP)
			range.length = COMPARE_STEP;
		range.block = BLOCK;
		a = xcalloc(1, sizeof(*a));
		a->piece = f;
		a->offset = range.offset;
		a->len = range.length;
		TAILQ_INSERT_TAIL(&f->asks, a, list);
		f->nasks++;
		f->asked += range.length;
		hpn_dm_sftp_hash(p->line.sftp, &f->handle, &range, hash_answer,
		    p, a);
	}
}

/* ---- opening ---- */

static int open_answer(void *, void *, u_char, struct sshbuf *);

static void
piece_open(struct piece *f)
{
	struct put *p = f->p;
	u_int32_t mode = SSH2_FXF_WRITE;

	/* To compare it must be read */
	if (!p->o->nochecksum)
		mode |= SSH2_FXF_READ;
	if (f->is_final)
		mode = SSH2_FXF_READ;
	else if (!f->existed && !f->reopen)
		mode |= SSH2_FXF_CREAT | SSH2_FXF_EXCL;
	f->state = PIECE_OPENING;
	p->open++;
	hpn_dm_sftp_open(p->line.sftp, f->is_final ? f->final : f->part, mode,
	    open_answer, p, f);
}

static int
size_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct piece *f = about;
	struct put *p = f->p;
	Attrib a;
	uint64_t at;
	size_t len;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	f->sizing = 0;
	if (status != SSH2_FX_OK || !(a.flags & SSH2_FILEXFER_ATTR_SIZE))
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s does not tell the "
		    "size of \"%s\": %s", p->o->host, f->part,
		    hpn_dm_sftp_status_text(status));
	if (f->state == PIECE_COMPARE) {
		if (a.size < f->acked && f->suspect) {
			if (f->verified > a.size - a.size % BLOCK)
				f->verified = a.size - a.size % BLOCK;
			damaged(f);
			return 0;
		}
		if (a.size != f->acked)
			differs(f, a.size < f->acked ? a.size : f->acked);
		f->sized = 1;
		return 0;
	}
	/* Opened again: what we have made, or somebody else meanwhile */
	if (f->guessed && a.size != 0)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot create \"%s\" "
		    "on %s: something of that name is there", f->part,
		    p->o->host);
	f->guessed = 0;
	at = a.size - a.size % BLOCK;
	if (a.size < f->acked && f->suspect && at >= f->existing &&
	    (f->mem != NULL || hpn_dm_buf_at(&p->buf, f->start + at, 1,
	    &len) != NULL)) {
		f->acked = f->sent = at;
		f->synced = 0;
		f->doubt = 1;
		compare_anew(f, at);
	}
	if (a.size < f->acked)
		hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s has %llu "
		    "bytes, but %llu were acknowledged before the connection "
		    "was lost", f->part, p->o->host,
		    (unsigned long long)a.size, (unsigned long long)f->acked);
	f->state = PIECE_DATA;
	return 0;
}

/* Some servers give two open files one handle, as Erlang's does. */
static void
check_handle(const struct piece *f)
{
	const struct piece *g;

	TAILQ_FOREACH(g, &f->p->pieces, list)
		/* One that is being closed may be closed already */
		if (g != f && g->state != PIECE_CLOSING &&
		    hpn_dm_sftp_same_handle(&g->handle, &f->handle))
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "the server on %s "
			    "mixes up files that are open at the same time: it "
			    "can take no fragments (-F)", f->p->o->host);
}

/* Nothing was created: does something have the name? */
static int
in_way_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct piece *f = about;
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	f->state = PIECE_NEW;
	if (status != SSH2_FX_OK) {
		f->in_way = 0;
		refused(p, SSH2_FX_FAILURE, "create", f->part);
	} else if (f->in_way++ > 0)
		/* -force has tried to remove it once more */
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot create \"%s\" "
		    "on %s: something of that name is there%s", f->part,
		    p->o->host, p->o->force || f->mem != NULL ?
		    ", and cannot be removed" : "");
	return 0;
}

static int
open_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_handle(type, m, &status, &f->handle) == -1)
		return -1;
	if (status == SSH2_FX_OK) {
		check_handle(f);
		p->probing = 0;
		f->maybe = 0;
		f->state = PIECE_DATA;
		if (f->reopen) {
			f->state = PIECE_SIZING;
			hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_FSTAT,
			    &f->handle, size_answer, p, f);
		}
		return 0;
	}
	p->open--;
	f->state = PIECE_NEW;
	if (f->maybe && !f->reopen) {
		/* The connection was lost before it could be said: it was made */
		f->reopen = f->guessed = 1;
		return 0;
	}
	if (f->maybe && status == SSH2_FX_NO_SUCH_FILE && f->furthest == 0) {
		f->reopen = f->maybe = f->guessed = 0;
		return 0;
	}
	/* Too many files, perhaps */
	if (p->open + p->closing > 0 && (status == SSH2_FX_FAILURE ||
	    status == SSH2_FX_PERMISSION_DENIED)) {
		p->open_most = p->open + p->closing;
		return 0;
	}
	if (f->is_final || f->existed || f->reopen)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "open \"%s\" on %s: %s",
		    f->is_final ? f->final : f->part, p->o->host,
		    hpn_dm_sftp_status_text(status));
	if (status == SSH2_FX_FAILURE) {
		f->state = PIECE_LOOKING;
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, f->part,
		    in_way_answer, p, f);
	} else
		refused(p, status, "create", f->part);
	return 0;
}

/*
 * What somebody else has put there is not an earlier run's: the stream would be
 * theirs to read.  Of a user that is not known, nothing that all may write to.
 */
static int
is_strange(const struct put *p, const Attrib *a)
{
	if ((a->flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0)
		return 0;
	if ((a->flags & SSH2_FILEXFER_ATTR_UIDGID) == 0)
		return (a->perm & S_IWOTH) != 0;
	if (p->own_known && a->uid == p->own)
		return 0;
	/* Root can write to what its owner has kept for himself, too */
	if (!p->own_known || p->own == 0)
		return a->uid != 0 || (a->perm & (S_IWGRP|S_IWOTH)) != 0;
	return (a->perm & (S_IWGRP|S_IWOTH)) != 0;
}

/* What is there under the final name (part 0) or the temporary one. */
static int
look_answer(struct piece *f, int part, u_char type, struct sshbuf *m)
{
	struct put *p = f->p;
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	f->looks--;
	if (hpn_dm_line_has(&p->line, part ? f->part : f->final, status)) {
		if (!p->o->resume)
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" is on %s "
			    "already: -force replaces it, -resume goes on with "
			    "what an earlier run has left", part ? f->part :
			    f->final, p->o->host);
		if (!(a.flags & SSH2_FILEXFER_ATTR_SIZE) ||
		    ((a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
		    !S_ISREG(a.perm)))
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s is "
			    "no file", part ? f->part : f->final, p->o->host);
		if (part && is_strange(p, &a))
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s "
			    "may be another user's: -resume does not go on "
			    "with it, -force replaces it", f->part, p->o->host);
		if (!part || !f->is_final) {
			f->existed = 1;
			f->is_final = !part;
			f->existing = a.size;
		}
	}
	if (f->looks == 0) {
		f->state = PIECE_NEW;
		f->looked = 1;
	}
	return 0;
}

static int
look_final_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return look_answer(about, 0, type, m);
}

static int
look_part_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return look_answer(about, 1, type, m);
}

static int
ignore_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	u_int status;

	return hpn_dm_sftp_get_status(type, m, &status);
}

/* A file is open until its end was answered. */
static int
closed_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	u_int status;

	p->closing--;
	return hpn_dm_sftp_get_status(type, m, &status);
}

/* What has its temporary name is removed first. */
static int
begins_anew(const struct piece *f)
{
	return f->p->o->force || (f->p->o->resume && f->mem != NULL);
}

static void
piece_begin(struct piece *f)
{
	struct put *p = f->p;

	if (begins_anew(f) && !f->maybe && !f->reopen)
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE, f->part,
		    ignore_answer, p, f);
	else if (!f->maybe && !f->reopen && !f->looked && f->mem == NULL) {
		f->state = PIECE_LOOKING;
		f->looks = 2;
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, f->final,
		    look_final_answer, p, f);
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, f->part,
		    look_part_answer, p, f);
		return;
	}
	piece_open(f);
}

/* ---- data ---- */

static int
write_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct write *w = about;
	struct piece *f = w->piece;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	f->under_way--;
	if (status == SSH2_FX_OK) {
		w->ok = 1;
		p->probing = 0;
	} else {
		/*
		 * Of a file system that writes later (NFS), it may be about what
		 * was acknowledged before, and compared: and that is lost.
		 */
		f->refused = f->suspect = f->doubt = f->sync_first = 1;
		f->repairs = 0;
		asks_stale(f);
		refused(p, status, "write to", f->part);
	}
	while ((w = TAILQ_FIRST(&f->writes)) != NULL && w->ok) {
		f->acked = w->end;
		TAILQ_REMOVE(&f->writes, w, list);
		free(w);
	}
	progress(f);
	/* What was refused, and what followed it, is sent again */
	if (f->refused && f->under_way == 0) {
		writes_drop(f);
		f->refused = 0;
	}
	return 0;
}

static const u_char *
piece_data(struct piece *f, uint64_t most, size_t *len)
{
	size_t one = hpn_dm_sftp_write_max(f->p->line.sftp);

	/* What is lent, and what the server writes, is whole pages then */
	if (one > HPN_PIPE_PAGE)
		one -= one % HPN_PIPE_PAGE;
	if (most > one)
		most = one;
	if (f->mem != NULL) {
		*len = (size_t)most;
		return f->mem + f->sent;
	}
	return hpn_dm_buf_at(&f->p->buf, f->start + f->sent, (size_t)most, len);
}

/* Send what can be sent of it.  Returns whether more could be. */
static int
piece_send(struct piece *f)
{
	struct put *p = f->p;
	struct write *w;
	const u_char *data;
	uint64_t have, n;
	size_t len;
	int known;

	have = piece_read(f, &known);
	/* What an earlier run has written needs only to be compared */
	if (f->existed && f->sent == f->acked && f->acked < f->existing) {
		n = have < f->existing ? have : f->existing;
		if (n > f->acked)
			f->acked = f->sent = n;
		progress(f);
		/* Nothing is written in front of what is not compared yet */
	}
	if (f->is_final || f->refused)
		return 1;
	while (f->sent < have) {
		if (p->blocked || !hpn_dm_sftp_room(p->line.sftp) ||
		    (p->probing && f->under_way > 0))
			return 0;
		if ((data = piece_data(f, have - f->sent, &len)) == NULL)
			fatal_f("\"%s\": byte %llu is not at hand", f->part,
			    (unsigned long long)f->sent);
		w = xcalloc(1, sizeof(*w));
		w->piece = f;
		w->end = f->sent + len;
		TAILQ_INSERT_TAIL(&f->writes, w, list);
		f->under_way++;
		f->written = 1;
		if (f->fresh > f->sent)
			f->fresh = f->sent;
		/* What a server answers too early stays at hand in the buffer alone */
		hpn_dm_sftp_write(p->line.sftp, &f->handle, f->sent, data, len,
		    f->mem == NULL, write_answer, p, w);
		f->sent += len;
		/* Its hash is asked for right behind it */
		if (hpn_dm_sftp_can_hash(p->line.sftp))
			compare(f);
	}
	return 1;
}

/* ---- the end of a piece ---- */

/*
 * The server could not write what it had taken.  A comparison will show what is lost.
 * Without one nothing does: only a manifest is at hand, and is written again.
 */
static void
taken_lost(struct piece *f, u_int status, const char *doing)
{
	struct put *p = f->p;

	f->suspect = f->sync_first = 1;
	f->repairs = 0;
	if (!p->o->nochecksum || f->acked == 0)
		return;
	if (f->mem == NULL)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s \"%s\" on %s: %s: "
		    "what it had taken may be lost, and -nochecksum does not "
		    "compare", doing, f->part, p->o->host,
		    hpn_dm_sftp_status_text(status));
	f->acked = f->sent = 0;
	f->sized = f->synced = 0;
	if (f->state == PIECE_COMPARE)
		f->state = PIECE_DATA;
}

static int
sync_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	f->state = PIECE_COMPARE;
	if (status != SSH2_FX_OK) {
		/* The system may have dropped what it could not write */
		taken_lost(f, status, "fsync");
		refused(f->p, status, "fsync", f->part);
		return 0;
	}
	f->p->probing = 0;
	f->synced = 1;
	f->written = 0;
	f->fresh = UINT64_MAX;
	f->doubt |= f->sync_first;
	f->sync_first = 0;
	return 0;
}

static int
close_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	handle_drop(f);
	if (status != SSH2_FX_OK) {
		taken_lost(f, status, "close");
		f->reopen = 1;
		f->doubt = 0;
		compare_anew(f, 0);
		f->sized = f->synced = 0;
		f->state = PIECE_NEW;
		refused(f->p, status, "close", f->part);
		return 0;
	}
	f->state = f->is_final ? PIECE_DONE : PIECE_RENAME;
	back_limit(f->p, f->p->back_most * 2);
	return 0;
}

static int
named_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct piece *f = about;
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	/*
	 * If nothing is in its way, there is no room for its name.  What is to
	 * be replaced is not in its way, and is not this piece either.
	 */
	if (f->no_room && (status == SSH2_FX_NO_SUCH_FILE ||
	    (f->p->o->force && status == SSH2_FX_OK &&
	    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) && S_ISREG(a.perm)))) {
		f->state = PIECE_RENAME;
		refused(f->p, SSH2_FX_FAILURE, "rename", f->part);
		return 0;
	}
	if (!f->maybe || status != SSH2_FX_OK ||
	    !(a.flags & SSH2_FILEXFER_ATTR_SIZE) || a.size != f->acked)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot rename \"%s\" to "
		    "\"%s\" on %s: is there something of that name?", f->part,
		    f->final, f->p->o->host);
	f->state = PIECE_DONE;
	return 0;
}

static int
cleared_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	f->cleared = 1;
	f->state = PIECE_RENAME;
	return 0;
}

/*
 * It was not renamed: is it there?  What has its name is removed only then, and this
 * is waited for.  Else it might be the piece itself: renamed a connection ago, or by
 * a server that does the renaming first.
 */
static int
left_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct piece *f = about;
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	if (status == SSH2_FX_OK) {
		f->maybe = 0;
		if (p->o->force && !f->cleared &&
		    !hpn_dm_sftp_can_replace(p->line.sftp)) {
			hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE,
			    f->final, cleared_answer, p, f);
			return 0;
		}
	}
	f->no_room = f->not_renamed == SSH2_FX_FAILURE;
	if (!f->maybe && !f->no_room)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot rename \"%s\" to "
		    "\"%s\" on %s: %s", f->part, f->final, p->o->host,
		    hpn_dm_sftp_status_text(f->not_renamed));
	hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, f->final, named_answer,
	    p, f);
	return 0;
}

static int
rename_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	if (status == SSH2_FX_OK) {
		f->state = PIECE_DONE;
		p->probing = 0;
		works(p);
		return 0;
	}
	if (status == FX_NO_SPACE || status == FX_QUOTA) {
		f->state = PIECE_RENAME;
		refused(p, status, "rename", f->part);
		return 0;
	}
	/* A connection ago it may have been done, and not been said */
	f->not_renamed = status;
	f->state = PIECE_NAMED;
	hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, f->part, left_answer,
	    p, f);
	return 0;
}

static void
piece_rename(struct piece *f)
{
	struct put *p = f->p;
	int replace = p->o->force && hpn_dm_sftp_can_replace(p->line.sftp);

	f->state = PIECE_RENAMING;
	hpn_dm_sftp_rename(p->line.sftp, f->part, f->final, replace,
	    rename_answer, p, f);
}

static int
drop_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	f->state = PIECE_DONE;
	return 0;
}

/* It is removed if it is empty, as what we have made is. */
static int
drop_looked_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct piece *f = about;
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	if (status == SSH2_FX_OK && (a.flags & SSH2_FILEXFER_ATTR_SIZE) &&
	    a.size == 0)
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE, f->part,
		    drop_answer, p, f);
	else
		f->state = PIECE_DONE;
	return 0;
}

/* It was opened ahead, and the stream ended before it. */
static void
piece_drop(struct piece *f)
{
	struct put *p = f->p;

	if (f->existed && f->existing != 0)
		hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s is of a "
		    "longer stream than this one (-force begins anew)",
		    f->is_final ? f->final : f->part, p->o->host);
	if (f->handle.p != NULL) {
		hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_CLOSE, &f->handle,
		    closed_answer, p, f);
		p->closing++;
		handle_drop(f);
	}
	if (f->maybe && !f->is_final)
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, f->part,
		    drop_looked_answer, p, f);
	else
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE,
		    f->is_final ? f->final : f->part, drop_answer, p, f);
	f->state = PIECE_DROPPING;
}

/* Whether the stream ends before it. */
static int
piece_beyond(const struct piece *f)
{
	return f->p->eof && f->mem == NULL && f->start >= f->p->total &&
	    !(f->p->plan.fragment == 0 && f->n == 1);
}

static void
piece_step(struct piece *f)
{
	struct put *p = f->p;
	uint64_t have;
	int known;

	if (piece_beyond(f) && (f->state == PIECE_NEW ||
	    f->state == PIECE_DATA)) {
		if (f->leaving > 0)
			return;
		if (f->state == PIECE_NEW && !f->maybe && !f->reopen)
			f->state = PIECE_DONE;
		else
			piece_drop(f);
		return;
	}
	if ((f->state == PIECE_DATA || f->state == PIECE_COMPARE) && !repaired(f))
		return;
	switch (f->state) {
	case PIECE_DATA:
		(void)piece_send(f);
		have = piece_read(f, &known);
		compare(f);
		if (f->state != PIECE_DATA)
			break;
		if (!known || f->acked != have) {
			if (f->is_final && f->acked == f->existing &&
			    have > f->existing)
				differs(f, f->existing);
			break;
		}
		f->state = PIECE_COMPARE;
		/* FALLTHROUGH */
	case PIECE_COMPARE:
		if (p->blocked)
			break;
		if (!f->sized && !f->sizing) {
			f->sizing = 1;
			hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_FSTAT,
			    &f->handle, size_answer, p, f);
		}
		if (f->leaving > 0)
			break;
		if (f->sized && f->sync_first && p->o->fsync) {
			f->state = PIECE_SYNC;
			hpn_dm_sftp_fsync(p->line.sftp, &f->handle,
			    sync_answer, p, f);
			break;
		}
		if (f->doubt && f->nasks == 0 && (f->back == NULL ||
		    hpn_dm_reader_under_way(f->back) == 0)) {
			back_drop(f);
			f->doubt = 0;
			compare_anew(f, 0);
		}
		compare(f);
		if (f->nasks > 0 || !f->sized || f->verified < f->acked ||
		    f->doubt || f->again)
			break;
		if (p->o->fsync && !f->synced && !f->is_final) {
			f->state = PIECE_SYNC;
			hpn_dm_sftp_fsync(p->line.sftp, &f->handle,
			    sync_answer, p, f);
			break;
		}
		back_drop(f);
		f->state = PIECE_CLOSING;
		hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_CLOSE, &f->handle,
		    close_answer, p, f);
		break;
	case PIECE_RENAME:
		/* A file has its name when the source is known to be whole */
		if (!p->blocked && (p->plan.fragment != 0 || p->whole))
			piece_rename(f);
		break;
	default:
		break;
	}
}

/* A command at the server's end, now that it is complete. */
static void
job_add(struct put *p, struct piece *f)
{
	const struct hpn_dm_opts *o = p->o;
	const char *command = o->onclose;

	if (o->migrate != HPN_DM_OPTS_KEEP)
		command = o->migrate == HPN_DM_OPTS_RELEASE ?
		    "dmput -r \"$1\"" : "dmput \"$1\"";
	/* Nobody waits for it unless that was asked for */
	if (command != NULL)
		hpn_dm_job_add(&p->jobs, command, o->migrate !=
		    HPN_DM_OPTS_KEEP && !o->migrate_wait, f->final, f->n,
		    f->acked);
}

/* ---- all pieces ---- */

static void
piece_done(struct put *p, struct piece *f)
{
	TAILQ_REMOVE(&p->pieces, f, list);
	if (f->n != 0 && !piece_beyond(f)) {
		p->done_bytes += f->acked;
		debug("\"%s\": %llu bytes", f->final,
		    (unsigned long long)f->acked);
		if (p->plan.fragment == 0)
			p->finished = 1;
		if (p->plan.fragment != 0) {
			if (p->nresults == p->results_room) {
				p->results_room = 2 * p->results_room + 64;
				p->results = xreallocarray(p->results,
				    p->results_room, sizeof(*p->results));
			}
			p->results[p->nresults++] = f->result;
		}
	}
	if (f->mem != NULL)
		p->finished = 1;
	piece_free(f);
}

/* What gave way: it may be open again by now. */
static int
gave_way_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct piece *f = about;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	p->closing--;
	f->leaving--;
	if (status != SSH2_FX_OK) {
		taken_lost(f, status, "close");
		f->doubt = 1;
		refused(p, status, "close", f->part);
	}
	return 0;
}

/*
 * The first piece has to be open, or the buffer never has room for what the others
 * wait for.  If the server opens no more, the last of the others is closed.
 */
static void
give_way(struct put *p)
{
	struct piece *f, *first;

	TAILQ_FOREACH(first, &p->pieces, list)
		if (first->mem != NULL || first->acked < first->size)
			break;
	if (first == NULL || first->state != PIECE_NEW ||
	    p->open < p->open_most || p->closing > 0 ||
	    !hpn_dm_sftp_may_ask(p->line.sftp))
		return;
	TAILQ_FOREACH_REVERSE(f, &p->pieces, pieces, list)
		if (f == first || (f->state == PIECE_DATA &&
		    f->under_way == 0 && f->nasks == 0 && !f->sizing &&
		    !f->refused && (f->back == NULL ||
		    hpn_dm_reader_under_way(f->back) == 0)))
			break;
	if (f == NULL || f == first)
		return;
	hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_CLOSE, &f->handle,
	    gave_way_answer, p, f);
	p->closing++;
	f->leaving++;
	back_drop(f);
	handle_drop(f);
	f->reopen = 1;
	f->state = PIECE_NEW;
}

/* Those that are open already may all wait for what is to be opened. */
static int
opening(const struct put *p)
{
	const struct piece *f;

	TAILQ_FOREACH(f, &p->pieces, list)
		if (f->state == PIECE_OPENING)
			return 1;
	return 0;
}

/*
 * Open the files whose data are here, or will be soon.  "Soon" is as far ahead
 * as data may come while a file is being opened.
 */
static void
pieces_open(struct put *p)
{
	struct piece *f;
	uint64_t want = 2 * p->total, from = p->total;

	if (p->blocked || p->check != CHECK_DONE)
		return;
	if (want < AHEAD_LEAST)
		want = AHEAD_LEAST;
	if (want > AHEAD_MOST)
		want = AHEAD_MOST;
	TAILQ_FOREACH(f, &p->pieces, list) {
		if (f->mem == NULL && f->sent < f->size) {
			from = f->start + f->sent;
			break;
		}
	}
	give_way(p);
	for (f = TAILQ_FIRST(&p->pieces);; f = TAILQ_NEXT(f, list)) {
		if (f == NULL) {
			if (p->manifest || (p->plan.fragment == 0 &&
			    p->pieces_n == 1) || (p->eof &&
			    (p->plan.fragment != 0 || p->total > 0)) ||
			    hpn_dm_plan_start(&p->plan, p->pieces_n + 1) >
			    from + want)
				break;
			f = piece_new(p, p->pieces_n + 1);
		}
		if (f->state != PIECE_NEW || piece_beyond(f))
			continue;
		if (f->start > from + want || p->open + p->closing >= p->open_most ||
		    !hpn_dm_sftp_may_ask(p->line.sftp) ||
		    (p->probing && opening(p)))
			break;
		piece_begin(f);
	}
}

static void
settle(struct put *p)
{
	struct piece *f;
	uint64_t at = p->total;

	TAILQ_FOREACH(f, &p->pieces, list) {
		if (f->mem != NULL)
			continue;
		if (f->again || f->acked < f->size) {
			at = f->start + (f->again && f->verified < f->acked ?
			    f->verified : f->acked);
			break;
		}
	}
	hpn_dm_buf_settle(&p->buf, at);
}

static void
pieces_step(struct put *p)
{
	struct piece *f, *next;

	if (p->line.sftp == NULL || !hpn_dm_sftp_ready(p->line.sftp))
		return;
	TAILQ_FOREACH_SAFE(f, &p->pieces, list, next) {
		piece_step(f);
		if (f->state == PIECE_DONE && !f->noted) {
			f->noted = 1;
			if (f->n != 0 && !piece_beyond(f))
				job_add(p, f);
		}
	}
	/* In order, so that results are */
	while ((f = TAILQ_FIRST(&p->pieces)) != NULL &&
	    f->state == PIECE_DONE && p->filling != f)
		piece_done(p, f);
	settle(p);
	pieces_open(p);
}

/* ---- before and after ---- */

static int removed_answer(void *, void *, u_char, struct sshbuf *);

/* One more answer is there: with the last one it begins, or not. */
static int
checked(struct put *p)
{
	if (--p->checks != 0)
		return 0;
	if (p->plan.fragment == 0 && p->there_manifest)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "a set of fragments "
		    "\"%s\" is on %s already", p->o->name, p->o->host);
	if (p->plan.fragment != 0 && p->there_object)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "a file \"%s\" is on %s "
		    "already", p->o->name, p->o->host);
	if ((p->there_manifest || p->there_object) && !p->o->force)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" is on %s "
		    "already, and complete: -force replaces it", p->o->name,
		    p->o->host);
	/* What is to be replaced is no complete set from here on */
	if (p->there_manifest)
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE,
		    p->manifest_path, removed_answer, p, NULL);
	else
		p->check = CHECK_DONE;
	return 0;
}

static int
check_answer(struct put *p, int manifest, u_char type, struct sshbuf *m)
{
	Attrib a;
	u_int status;
	int there;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	there = hpn_dm_line_has(&p->line, p->o->name, status);
	if (there && !manifest && (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
	    S_ISDIR(a.perm))
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s is a "
		    "directory: name the file that is to be written",
		    p->o->name, p->o->host);
	if (manifest)
		p->there_manifest = there;
	else
		p->there_object = there;
	return checked(p);
}

static int
own_looked_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	if (status == SSH2_FX_OK && (a.flags & SSH2_FILEXFER_ATTR_UIDGID)) {
		p->own = a.uid;
		p->own_known = 1;
	}
	return checked(p);
}

static int
own_made_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	struct hpn_dm_sftp_handle handle;
	u_int status;

	if (hpn_dm_sftp_get_handle(type, m, &status, &handle) == -1)
		return -1;
	if (status != SSH2_FX_OK)
		return checked(p);
	/* Of what has the name by now somebody else may be the owner */
	hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_FSTAT, &handle,
	    own_looked_answer, p, NULL);
	hpn_dm_sftp_close(p->line.sftp, SSH2_FXP_CLOSE, &handle, ignore_answer,
	    p, NULL);
	free(handle.p);
	hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE, p->own_path,
	    ignore_answer, p, NULL);
	p->own_path[0] = '\0';
	return 0;
}

/*
 * Where a server begins is the user's own.  If it is root's, the user may be root,
 * or be kept within a folder: whose a new file is tells which.
 */
static int
own_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	Attrib a;
	u_int status;
	char suffix[24];

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	if (status != SSH2_FX_OK || (a.flags & SSH2_FILEXFER_ATTR_UIDGID) == 0)
		return checked(p);
	if (a.uid != 0) {
		p->own = a.uid;
		p->own_known = 1;
		return checked(p);
	}
	(void)snprintf(suffix, sizeof(suffix), ".own-%08x", arc4random());
	if (hpn_dm_plan_path(p->own_path, sizeof(p->own_path), p->o->dir,
	    p->o->name, 0, suffix) == -1)
		return checked(p);
	hpn_dm_sftp_open(p->line.sftp, p->own_path, SSH2_FXF_WRITE |
	    SSH2_FXF_CREAT | SSH2_FXF_EXCL, own_made_answer, p, NULL);
	return 0;
}

static int
removed_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct put *p = context;
	u_int status;

	if (hpn_dm_sftp_get_status(type, m, &status) == -1)
		return -1;
	if (status != SSH2_FX_OK && status != SSH2_FX_NO_SUCH_FILE)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot remove \"%s\" on "
		    "%s: %s", p->manifest_path, p->o->host,
		    hpn_dm_sftp_status_text(status));
	p->check = CHECK_DONE;
	return 0;
}

static int
check_object_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return check_answer(context, 0, type, m);
}

static int
check_manifest_answer(void *context, void *about, u_char type,
    struct sshbuf *m)
{
	return check_answer(context, 1, type, m);
}

static void
check_begin(struct put *p)
{
	char path[HPN_DM_PLAN_PATH];

	if (p->o->fsync && !hpn_dm_sftp_can_fsync(p->line.sftp))
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s has no fsync: leave "
		    "-fsync out", p->o->host);
	p->check = CHECK_ASKED;
	p->checks = 2;
	if (p->o->resume) {
		/* One that was lost with the connection may be there */
		if (p->own_path[0] != '\0')
			hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE,
			    p->own_path, ignore_answer, p, NULL);
		p->checks++;
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_STAT, ".", own_answer,
		    p, NULL);
	}
	(void)hpn_dm_plan_path(path, sizeof(path), p->o->dir, p->o->name, 0,
	    "");
	hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, path,
	    check_object_answer, p, NULL);
	hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, p->manifest_path,
	    check_manifest_answer, p, NULL);
}

/* ---- what an earlier run may have left behind the end ---- */

static int
stale_answer(struct put *p, uint64_t n, int part, u_char type,
    struct sshbuf *m)
{
	char path[HPN_DM_PLAN_PATH];
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	p->stale_asked--;
	if (status == SSH2_FX_OK) {
		p->stale_found++;
		(void)hpn_dm_plan_path(path, sizeof(path), p->o->dir,
		    p->o->name, n, part ? HPN_DM_PLAN_PART : "");
		if (!p->o->force && (!part || a.size != 0))
			hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s is "
			    "of a longer stream than this one (-force begins "
			    "anew)", path, p->o->host);
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_REMOVE, path,
		    ignore_answer, p, NULL);
	}
	if (p->stale_asked == 0 && p->stale_found == 0)
		p->stale_done = 1;
	return 0;
}

static int
stale_final_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return stale_answer(context, (uint64_t)(uintptr_t)about, 0, type, m);
}

static int
stale_part_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return stale_answer(context, (uint64_t)(uintptr_t)about, 1, type, m);
}

static void
stale_step(struct put *p)
{
	char path[HPN_DM_PLAN_PATH];
	uint64_t n;

	if (p->stale_asked != 0)
		return;
	p->stale_found = 0;
	if (p->stale_n == 0)
		p->stale_n = p->nresults;
	if (p->stale_n > HPN_DM_PLAN_MOST)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s has fragments of "
		    "\"%s\" without an end", p->o->host, p->o->name);
	for (n = 0; n < STALE_MOST; n++) {
		p->stale_n++;
		(void)hpn_dm_plan_path(path, sizeof(path), p->o->dir,
		    p->o->name, p->stale_n, "");
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, path,
		    stale_final_answer, p, (void *)(uintptr_t)p->stale_n);
		(void)hpn_dm_plan_path(path, sizeof(path), p->o->dir,
		    p->o->name, p->stale_n, HPN_DM_PLAN_PART);
		hpn_dm_sftp_path(p->line.sftp, SSH2_FXP_LSTAT, path,
		    stale_part_answer, p, (void *)(uintptr_t)p->stale_n);
		p->stale_asked += 2;
	}
}

/* ---- the manifest ---- */

static void
manifest_begin(struct put *p)
{
	struct hpn_dm_manifest m;
	struct hpn_hash *h = NULL;
	struct piece *f;
	u_char end[HPN_HASH_LEN];
	char *text, *at;
	uint64_t done, n;
	size_t i;

	memset(&m, 0, sizeof(m));
	m.object = hpn_dm_plan_base(p->o->name);
	m.object_len = strlen(m.object);
	m.size = p->total;
	m.count = p->nresults;
	m.hashed = p->hash_all != NULL;
	if (m.hashed)
		hpn_hash_end(p->hash_all, m.hash);
	if (p->sha256 != NULL) {
		m.has_sha256 = 1;
		if (ssh_digest_final(p->sha256, m.sha256,
		    sizeof(m.sha256)) != 0)
			fatal("ssh_digest_final failed");
	}
	/* A line of a fragment has 85 bytes at most */
	text = at = xcalloc(p->nresults + 80, 96);
	at += hpn_dm_manifest_put_head(at, &m);
	for (i = 0; i < p->nresults; i++)
		at += hpn_dm_manifest_put_fragment(at, i + 1, &p->results[i]);
	at += hpn_dm_manifest_put_state(at);
	memset(end, 0, sizeof(end));
	if (m.hashed) {
		h = hash_new();
		hpn_hash_add(h, text, (size_t)(at - text));
		hpn_hash_end(h, end);
	}
	at += hpn_dm_manifest_put_end(at, end);

	f = piece_new(p, 0);
	f->mem = (u_char *)text;
	f->size = (uint64_t)(at - text);
	f->looked = 1;
	(void)strlcpy(f->final, p->manifest_path, sizeof(f->final));
	(void)hpn_dm_plan_path(f->part, sizeof(f->part), NULL,
	    p->manifest_path, 0, HPN_DM_PLAN_PART);
	for (done = 0; h != NULL && done < f->size; done += n) {
		n = f->size - done < BLOCK ? f->size - done : BLOCK;
		hpn_hash_add(h, f->mem + done, (size_t)n);
		block_end(f, h);
	}
	hpn_hash_free(h);
	TAILQ_INSERT_TAIL(&p->pieces, f, list);
	p->manifest = 1;
}

/* ---- the whole ---- */

/*
 * The connection is lost.  A system that writes later (NFS) says once that something
 * could not be written, and has dropped it then: in an answer that was on its way, or
 * to nobody, when the server ended and the file was closed with it.  So not all is
 * believed that was compared.  It is compared once more, over another connection:
 *
 *	with -fsync all, when an fsync has succeeded
 *	all, if its first close after something was written was not answered
 *	what was written over this connection
 *
 * What came over earlier ones was written when they ended, as far as a close does
 * that.  And where an fsync has succeeded, nothing can be lost.
 */
static void
distrust(struct piece *f)
{
	int closing = f->state == PIECE_CLOSING || f->leaving > 0;
	uint64_t from = closing && f->written ? 0 : f->fresh;

	f->fresh = UINT64_MAX;
	if (closing)
		f->written = 0;
	if (f->synced || f->is_final || f->acked == 0)
		return;
	if (f->p->o->fsync)
		f->sync_first = 1;
	else if (from == UINT64_MAX)
		return;
	f->suspect = 1;
	f->repairs = 0;
	if (from < f->verified)
		compare_anew(f, from);
}

/* All that was under way has gone with the connection. */
static void
lost(struct put *p)
{
	struct piece *f;

	TAILQ_FOREACH(f, &p->pieces, list) {
		writes_drop(f);
		if (f->back != NULL)
			hpn_dm_reader_lost(f->back);
		back_drop(f);
		handle_drop(f);
		asks_drop(f);
		distrust(f);
		f->sizing = f->refused = f->sized = 0;
		f->leaving = 0;
		f->again = 0;
		f->looks = 0;
		switch (f->state) {
		case PIECE_LOOKING:
			f->state = PIECE_NEW;
			break;
		case PIECE_OPENING:
			f->state = PIECE_NEW;
			/*
			 * What is there may be what was to be removed: it is
			 * removed once more, as nothing was written to it.
			 */
			if (!f->reopen)
				f->maybe = !f->existed && !begins_anew(f);
			break;
		case PIECE_DROPPING:
			f->state = PIECE_NEW;
			f->maybe = 1;
			break;
		case PIECE_SIZING:
		case PIECE_DATA:
		case PIECE_COMPARE:
		case PIECE_SYNC:
		case PIECE_CLOSING:
			f->state = PIECE_NEW;
			f->reopen = 1;
			break;
		case PIECE_RENAMING:
		case PIECE_NAMED:
			f->state = PIECE_RENAME;
			f->maybe = 1;
			f->cleared = 0;
			break;
		default:
			break;
		}
	}
	/* If it breaks again soon, what is asked for last does not come */
	back_limit(p, p->back_most / 2);
	p->open = p->closing = 0;
	if (p->check == CHECK_ASKED)
		p->check = CHECK_NONE;
	p->cause_asked = 0;
	if (p->blocked && p->again_ns == UINT64_MAX)
		p->blocked = 0;
	p->stale_asked = 0;
	p->stale_n = 0;
}

static uint64_t
acknowledged(const struct put *p)
{
	const struct piece *f;
	uint64_t n = p->done_bytes;

	TAILQ_FOREACH(f, &p->pieces, list)
		if (f->mem == NULL)
			n += f->acked;
	return n;
}

static void
show(struct put *p, int last)
{
	char text[128];
	struct piece *f;
	uint64_t n = p->nresults;

	TAILQ_FOREACH(f, &p->pieces, list) {
		if (f->n != 0 && f->acked > 0)
			n = f->n;
	}
	if (p->plan.fragment != 0)
		snprintf(text, sizeof(text), "fragment %llu, buffer %d%% full",
		    (unsigned long long)n, (int)(100 *
		    (p->buf.high - p->buf.low) / p->buf.size));
	else
		snprintf(text, sizeof(text), "buffer %d%% full", (int)(100 *
		    (p->buf.high - p->buf.low) / p->buf.size));
	hpn_dm_line_show(&p->line, acknowledged(p), p->o->size, text, last);
}

/*
 * What was read of the source and not sent.  Of fragments that does not count: what
 * was read says how many of them to open.
 */
static uint64_t
unsent(const struct put *p)
{
	const struct piece *f = TAILQ_FIRST(&p->pieces);

	return f == NULL || p->plan.fragment != 0 || p->total < f->sent ? 0 :
	    p->total - f->sent;
}

/* Wait until something can be done. */
static void
wait_for(struct put *p)
{
	struct pollfd pfd[3];
	uint64_t now;
	size_t room;
	int timeout, in = -1, out = -1;

	timeout = hpn_dm_line_due(&p->line);
	if (p->line.sftp != NULL)
		hpn_dm_sftp_fds(p->line.sftp, &in, &out);
	if (p->blocked && p->again_ns != UINT64_MAX) {
		now = hpn_clock_ns();
		if (now >= p->again_ns) {
			p->blocked = 0;
			p->probing = 1;
			timeout = 0;
		} else if ((p->again_ns - now) / 1000000 < (uint64_t)timeout)
			timeout = (int)((p->again_ns - now) / 1000000) + 1;
	}
	if (hpn_dm_job_runs(&p->jobs) && timeout > 200)
		timeout = 200;
	(void)hpn_dm_buf_room(&p->buf, &room);
	memset(pfd, 0, sizeof(pfd));
	pfd[0].fd = p->eof || room == 0 ||
	    !hpn_dm_ends_reads(&p->source, unsent(p)) ? -1 : p->source.fd;
	pfd[0].events = POLLIN;
	pfd[1].fd = in;
	pfd[1].events = POLLIN;
	pfd[2].fd = out;
	pfd[2].events = POLLOUT;
	if (poll(pfd, 3, timeout) == -1 && errno != EINTR)
		fatal("poll: %s", strerror(errno));
	if (hpn_dm_child_interrupted())
		return;
	if (pfd[0].revents != 0)
		source_read(p);
	if ((pfd[1].revents != 0 || pfd[2].revents != 0) &&
	    hpn_dm_line_trip(&p->line) == 1)
		lost(p);
	if (pfd[1].revents == 0 && pfd[2].revents == 0 &&
	    hpn_dm_line_trip(&p->line) == 1)
		lost(p);
}

static void
step(struct put *p)
{
	if (p->line.sftp == NULL || !hpn_dm_sftp_ready(p->line.sftp))
		return;
	if (p->check == CHECK_NONE)
		check_begin(p);
	if (p->check != CHECK_DONE)
		return;
	pieces_step(p);
	if (!p->whole || !TAILQ_EMPTY(&p->pieces) || p->plan.fragment == 0 ||
	    p->manifest)
		return;
	if ((p->o->force || p->o->resume) && !p->stale_done)
		stale_step(p);
	else {
		manifest_begin(p);
		pieces_step(p);
	}
}

void
hpn_dm_put(const struct hpn_dm_opts *o)
{
	struct put put, *p = &put;
	u_char *memory;
	char *slash;
	size_t i;

	memset(p, 0, sizeof(*p));
	p->o = o;
	p->plan.fragment = o->fragment;
	p->plan.stub = o->stub < o->fragment ? o->stub : 0;
	p->open_most = HPN_DM_SFTP_OPEN_MOST;
	p->back_most = BACK_MOST;
	TAILQ_INIT(&p->pieces);
	hpn_dm_job_begin(&p->jobs, o);
	hpn_dm_wait_begin(&p->wait, o->timeout_s);
	if (hpn_dm_plan_path(p->manifest_path, sizeof(p->manifest_path),
	    o->dir, o->name, 0, HPN_DM_PLAN_MANIFEST) == -1)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "name too long");
	/* Where there must be space */
	(void)hpn_dm_plan_path(p->dir, sizeof(p->dir), o->dir, o->name, 0, "");
	if ((slash = strrchr(p->dir, '/')) == NULL)
		(void)strlcpy(p->dir, ".", sizeof(p->dir));
	else
		slash[slash == p->dir] = '\0';
	if (!o->nochecksum) {
		if (!hpn_hash_available())
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "this dmscp was "
			    "built without hashes: only -nochecksum works");
		p->hash_block = hash_new();
		if (o->fragment != 0) {
			p->hash_all = hash_new();
			p->hash_piece = hash_new();
		}
	}
	if (o->sha256 &&
	    (p->sha256 = ssh_digest_start(SSH_DIGEST_SHA256)) == NULL)
		fatal("ssh_digest_start failed");
	if ((memory = hpn_pipe_memory(o->buffer)) == NULL)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "no memory for a buffer "
		    "of %llu bytes", (unsigned long long)o->buffer);
	hpn_dm_buf_begin(&p->buf, memory, o->buffer, READ_ONCE,
	    xcalloc(hpn_dm_buf_pieces(o->buffer, READ_ONCE),
	    2 * sizeof(uint32_t)));

	/* First, so that ssh has not got the source's pipe */
	hpn_dm_line_begin(&p->line, o);
	hpn_dm_ends_source(&p->source, o);

	while (!p->finished || !hpn_dm_job_idle(&p->jobs)) {
		step(p);
		if (p->finished || p->o->migrate_each || p->o->onclose != NULL)
			(void)hpn_dm_job_step(&p->jobs);
		show(p, 0);
		if (p->finished && hpn_dm_job_idle(&p->jobs))
			break;
		wait_for(p);
		if ((i = (size_t)hpn_dm_child_interrupted()) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "ended by signal "
			    "%zu: the object is left incomplete", i);
	}
	show(p, 1);
	hpn_dm_line_end(&p->line);
	verbose("\"%s\" on %s: %llu bytes, %s", o->name, o->host,
	    (unsigned long long)p->total, o->nochecksum ? "not compared" :
	    p->said_back ? "read back and compared" : "hashes compared");
}
