/* SPDX-License-Identifier: ISC */
/*
 * See hpn-dm-get.h for what this does.
 *
 *	READs of several files -> their readers, in order -> hashes -> sink
 *
 * All readers together hold no more than the buffer.  Bytes that the sink has
 * taken are not read again.  After a lost connection, reading goes on after
 * them if the file is still the same.
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
#include "hpn-dm-child.h"
#include "hpn-dm-ends.h"
#include "hpn-dm-get.h"
#include "hpn-dm-job.h"
#include "hpn-dm-line.h"
#include "hpn-dm-manifest.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-plan.h"
#include "hpn-dm-reader.h"
#include "hpn-dm-sftp.h"
#include "hpn-dm-wait.h"
#include "hpn-hash.h"

#ifndef HPN_DM_SIZES	/* a fuzz target has smaller ones */
# define BLOCK		(1024 * 1024)
# define WRITE_ONCE	(128 * 1024)
# define COMPARE_FROM	(16ULL * 1024 * 1024)
# define COMPARE_MOST	(64ULL * 1024 * 1024)
# define COMPARE_TRIES	20
/*
 * A file takes two answers before its data can be asked for.  Each comes behind the
 * data that were asked for before it, which are as many as the buffer holds.
 */
# define AHEAD		(192ULL * 1024 * 1024)
#endif
/* Questions for sizes of fragments that are under way. */
#define SIZES_MOST	1024

enum state { PART_NEW, PART_OPENING, PART_SIZING, PART_DATA };

struct part {
	TAILQ_ENTRY(part) list;
	struct get *g;
	uint64_t n, start, size;
	char path[HPN_DM_PLAN_PATH];
	u_char hash[HPN_DM_MANIFEST_HASH];
	enum state state;
	struct hpn_dm_sftp_handle handle;
	struct hpn_dm_reader *reader;
	uint64_t given;
	int ended;		/* it was asked behind all of it, */
	u_int asked;		/* whether it is as it was; answers to come */
	int mixed;		/* that was answered before all of it was here */
	int ready;		/* its command has run (-onopen) */
	int seen;		/* mtime is known, */
	u_int32_t mtime;	/* as it was when opened */
};

struct get {
	const struct hpn_dm_opts *o;
	struct hpn_dm_line line;
	enum {
		GET_BEGIN, GET_LOOKING, GET_MANIFEST, GET_SIZES, GET_DATA
	} phase;
	u_int looks;
	int there_object, there_manifest;
	uint64_t object_size;
	char object[HPN_DM_PLAN_PATH], manifest_path[HPN_DM_PLAN_PATH];
	/* the manifest */
	char *text;
	size_t text_len, text_room, at;
	struct hpn_dm_manifest m;
	int is_set;
	uint64_t sized, sizes_answered;	/* fragments looked at */
	uint64_t *sizes;
	/* the stream */
	uint64_t total, given, made_size;
	uint64_t made;			/* parts */
	TAILQ_HEAD(parts, part) parts;
	u_int open, closing, open_most;
	struct hpn_dm_jobs jobs;
	struct hpn_hash *hash_all, *hash_part, *hash_block;
	struct ssh_digest_ctx *sha256;
	/* of a single file: compared with the server's hashes */
	u_char *blocks;
	size_t nblocks, blocks_room;
	uint64_t verified, hash_len;
	int hash_asked;
	u_int tries;
	/* the sink */
	struct hpn_dm_ends sink;
	struct hpn_dm_wait wait;
	uint64_t again_ns;		/* it has no space: until then */
};

static struct hpn_hash *
hash_new(void)
{
	struct hpn_hash *h;

	if ((h = hpn_hash_new()) == NULL)
		fatal("cannot compute hashes: %s", strerror(errno));
	return h;
}

static struct part *
part_new(struct get *g, uint64_t n, const char *path, uint64_t start,
    uint64_t size)
{
	struct part *f = xcalloc(1, sizeof(*f));

	f->g = g;
	f->n = n;
	f->start = start;
	f->size = size;
	(void)strlcpy(f->path, path, sizeof(f->path));
	/* It may have to come from a tape */
	f->ready = g->o->onopen == NULL || g->phase != GET_DATA;
	if (!f->ready)
		hpn_dm_job_add(&g->jobs, g->o->onopen, 0, path, n == 0 ? 1 : n,
		    size);
	TAILQ_INSERT_TAIL(&g->parts, f, list);
	return f;
}

static void
part_leave(struct part *f)
{
	hpn_dm_reader_free(f->reader);
	f->reader = NULL;
	if (f->handle.p != NULL)
		f->g->open--;
	free(f->handle.p);
	f->handle.p = NULL;
	f->handle.len = 0;
}

/* It is to be opened again. */
static void
part_closed(struct part *f)
{
	struct hpn_dm_reader *reader = f->reader;

	/* What has come stays, or frequent cuts would let nothing by */
	if (reader != NULL)
		hpn_dm_reader_lost(reader);
	f->reader = NULL;
	part_leave(f);
	f->reader = reader;
	f->ended = 0;
	f->asked = 0;
	f->state = PART_NEW;
}

/* A file is open until its end was answered. */
static int
closed_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct get *g = context;
	u_int status;

	g->closing--;
	return hpn_dm_sftp_get_status(type, m, &status);
}

static void __attribute__((noreturn))
changed(const struct part *f)
{
	hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s has changed while "
	    "it was read", f->path, f->g->o->host);
}

/* Whether it has the size that it should have, and is as it was before. */
static int
size_check(struct part *f, u_char type, struct sshbuf *m)
{
	struct get *g = f->g;
	Attrib a;
	u_int status;
	int time;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	if (status != SSH2_FX_OK || !(a.flags & SSH2_FILEXFER_ATTR_SIZE))
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "%s does not tell the "
		    "size of \"%s\": %s", g->o->host, f->path,
		    hpn_dm_sftp_status_text(status));
	time = (a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) != 0;
	/* Once, also where no time says that it is another one */
	if (f->n == 0 && !f->seen && f->reader == NULL &&
	    g->phase == GET_MANIFEST) {
		if (a.size > HPN_DM_MANIFEST_TEXT)
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s is "
			    "too long for a manifest", f->path, g->o->host);
		f->size = a.size;
	}
	if (a.size != f->size) {
		if (f->seen || f->given > 0 || f->n == 0)
			changed(f);
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "fragment %llu, \"%s\" "
		    "on %s, has %llu bytes instead of %llu",
		    (unsigned long long)f->n, f->path, g->o->host,
		    (unsigned long long)a.size, (unsigned long long)f->size);
	}
	if (f->seen && time && a.mtime != f->mtime)
		changed(f);
	if (time) {
		f->mtime = a.mtime;
		f->seen = 1;
	}
	return 0;
}

static int
size_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct get *g = context;
	struct part *f = about;

	if (size_check(f, type, m) == -1)
		return -1;
	f->state = PART_DATA;
	if (f->reader != NULL)
		hpn_dm_reader_again(f->reader, g->line.sftp);
	return 0;
}

static int
end_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct part *f = about;

	f->asked--;
	if (!hpn_dm_reader_whole(f->reader)) {
		f->mixed = 1;
		f->ended = 0;
	}
	return size_check(f, type, m);
}

static int
open_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct get *g = context;
	struct part *f = about;
	const struct part *other;
	u_int status;

	if (hpn_dm_sftp_get_handle(type, m, &status, &f->handle) == -1)
		return -1;
	if (status == SSH2_FX_OK) {
		/* Some servers give two open files one handle */
		TAILQ_FOREACH(other, &g->parts, list)
			if (other != f && hpn_dm_sftp_same_handle(
			    &other->handle, &f->handle))
				hpn_dm_child_die(HPN_DM_CHILD_FAILED, "the "
				    "server on %s mixes up files that are open "
				    "at the same time: it can give no "
				    "fragments", g->o->host);
		f->state = PART_SIZING;
		hpn_dm_sftp_close(g->line.sftp, SSH2_FXP_FSTAT, &f->handle,
		    size_answer, g, f);
		return 0;
	}
	g->open--;
	f->state = PART_NEW;
	if (g->open + g->closing > 0 && (status == SSH2_FX_FAILURE ||
	    status == SSH2_FX_PERMISSION_DENIED)) {
		g->open_most = g->open + g->closing;
		return 0;
	}
	hpn_dm_child_die(HPN_DM_CHILD_FAILED, "open \"%s\" on %s: %s", f->path,
	    g->o->host, hpn_dm_sftp_status_text(status));
}

/*
 * The first part has to be open, or the others wait for it for ever.  If the server
 * opens no more, the last of the others is closed; what has come of it stays.
 */
static void
give_way(struct get *g)
{
	struct part *f, *first = TAILQ_FIRST(&g->parts);

	if (first == NULL || first->state != PART_NEW || !first->ready ||
	    g->open < g->open_most || g->closing > 0 || !hpn_dm_sftp_room(g->line.sftp))
		return;
	TAILQ_FOREACH_REVERSE(f, &g->parts, parts, list)
		if (f->state == PART_DATA && f->asked == 0 &&
		    (f->reader == NULL ||
		    hpn_dm_reader_under_way(f->reader) == 0))
			break;
	if (f == NULL)
		return;
	hpn_dm_sftp_close(g->line.sftp, SSH2_FXP_CLOSE, &f->handle,
	    closed_answer, g, f);
	g->closing++;
	part_closed(f);
}

static void
parts_open(struct get *g)
{
	char path[HPN_DM_PLAN_PATH];
	struct hpn_dm_manifest_fragment fragment;
	struct part *f;

	/* The next of the set */
	while (g->phase == GET_DATA && g->is_set && g->made < g->m.count &&
	    g->made_size < g->given + g->o->buffer + AHEAD &&
	    g->made < (TAILQ_EMPTY(&g->parts) ? g->made :
	    TAILQ_FIRST(&g->parts)->n - 1) + HPN_DM_SFTP_OPEN_MOST) {
		if (hpn_dm_manifest_next(&g->m, g->text, &g->at,
		    &fragment) != 1)
			fatal_f("the manifest ends");
		g->made++;
		(void)hpn_dm_plan_path(path, sizeof(path), g->o->dir,
		    g->o->name, g->made, "");
		f = part_new(g, g->made, path, g->made_size, fragment.size);
		memcpy(f->hash, fragment.hash, sizeof(f->hash));
		g->made_size += fragment.size;
	}
	give_way(g);
	TAILQ_FOREACH(f, &g->parts, list) {
		if (f->state != PART_NEW || !f->ready)
			continue;
		if (g->open + g->closing >= g->open_most ||
		    !hpn_dm_sftp_room(g->line.sftp))
			break;
		f->state = PART_OPENING;
		g->open++;
		hpn_dm_sftp_open(g->line.sftp, f->path, SSH2_FXF_READ,
		    open_answer, g, f);
	}
}

/* The command for this part has ended well. */
static void
recalled(struct get *g, uint64_t n)
{
	struct part *f;

	TAILQ_FOREACH(f, &g->parts, list) {
		if (n != 0 && (f->n == 0 ? 1 : f->n) == n) {
			f->ready = 1;
			hpn_dm_line_worked(&g->line);
		}
	}
}

static void
part_failed(struct part *f, u_int status)
{
	if (status == SSH2_FX_EOF)
		changed(f);
	hpn_dm_child_die(HPN_DM_CHILD_FAILED, "read \"%s\" on %s: %s", f->path,
	    f->g->o->host, hpn_dm_sftp_status_text(status));
}

/* A file that says that it is empty, as those of /proc do: is it? */
static int
empty_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct part *f = about;
	const u_char *data;
	size_t len;
	u_int status;

	if (hpn_dm_sftp_get_data(type, m, &status, &data, &len) == -1)
		return -1;
	if (status == SSH2_FX_OK)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s does not "
		    "tell its size", f->path, f->g->o->host);
	if (status != SSH2_FX_EOF)
		part_failed(f, status);
	f->asked--;
	return 0;
}

/*
 * All of it was asked for: was it changed meanwhile?  This is asked before the data
 * of the parts behind it are.  Else it would be answered after those, and each
 * part would wait.  Some servers answer in another order, or give less than was
 * asked for: then it is asked once more, when all is here.
 */
static void
part_ended(struct part *f)
{
	struct get *g = f->g;

	if (f->ended || !(f->mixed ? hpn_dm_reader_whole(f->reader) :
	    hpn_dm_reader_asked(f->reader)) || !hpn_dm_sftp_room(g->line.sftp))
		return;
	f->ended = 1;
	if (f->size == 0) {
		f->asked++;
		hpn_dm_sftp_read(g->line.sftp, &f->handle, 0, 1, empty_answer,
		    g, f);
	}
	f->asked++;
	hpn_dm_sftp_close(g->line.sftp, SSH2_FXP_FSTAT, &f->handle, end_answer,
	    g, f);
}

/* Ask for data, those first that are wanted first. */
static void
parts_read(struct get *g)
{
	struct part *f;
	size_t held = 0, most = g->o->buffer;

	TAILQ_FOREACH(f, &g->parts, list)
		if (f->reader != NULL)
			held += hpn_dm_reader_held(f->reader);
	TAILQ_FOREACH(f, &g->parts, list) {
		if (f->state != PART_DATA)
			continue;
		if (f->reader == NULL)
			f->reader = hpn_dm_reader_new(g->line.sftp, &f->handle,
			    f->given, f->size);
		/* The first may always ask: the others wait for it */
		if (held < most || f == TAILQ_FIRST(&g->parts)) {
			held -= hpn_dm_reader_held(f->reader);
			(void)hpn_dm_reader_ask(f->reader, most > held ?
			    most - held : 1);
			held += hpn_dm_reader_held(f->reader);
		}
		part_ended(f);
	}
}

/* ---- the sink ---- */

static void
sink_failed(struct get *g, const char *why)
{
	hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "%s",
	    hpn_dm_ends_sink_ended(&g->sink, g->given, why));
}

static void
block_end(struct get *g)
{
	if (g->nblocks == g->blocks_room) {
		g->blocks_room = 2 * g->blocks_room + 64;
		g->blocks = xreallocarray(g->blocks, g->blocks_room,
		    HPN_HASH_LEN);
	}
	hpn_hash_end(g->hash_block, g->blocks + HPN_HASH_LEN * g->nblocks++);
}

/* These bytes were given to the sink. */
static void
given(struct get *g, struct part *f, const u_char *data, size_t len)
{
	size_t n;

	f->given += len;
	if (g->sha256 != NULL && ssh_digest_update(g->sha256, data, len) != 0)
		fatal("ssh_digest_update failed");
	if (g->hash_all != NULL)
		hpn_hash_add(g->hash_all, data, len);
	if (g->hash_part != NULL)
		hpn_hash_add(g->hash_part, data, len);
	while (g->hash_block != NULL && len > 0) {
		n = BLOCK - (size_t)(g->given % BLOCK);
		if (n > len)
			n = len;
		hpn_hash_add(g->hash_block, data, n);
		g->given += n;
		data += n;
		len -= n;
		if (g->given % BLOCK == 0 || g->given == g->total)
			block_end(g);
	}
	g->given += len;
}

/* Give the sink what is at hand.  Returns whether there is more. */
static void
sink_write(struct get *g)
{
	struct part *f = TAILQ_FIRST(&g->parts);
	const u_char *data;
	uint64_t delay, now;
	size_t len;
	ssize_t n;

	if (f == NULL || f->reader == NULL || g->phase != GET_DATA ||
	    (data = hpn_dm_reader_next(f->reader, &len)) == NULL)
		return;
	if (len > WRITE_ONCE)
		len = WRITE_ONCE;
	if ((n = write(g->sink.fd, data, len)) == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		if (errno != ENOSPC && errno != EDQUOT)
			sink_failed(g, strerror(errno));
		now = hpn_clock_ns();
		if (!hpn_dm_wait_failed(&g->wait, HPN_DM_WAIT_FULL, now,
		    &delay))
			hpn_dm_child_die(HPN_DM_CHILD_SPACE, "no space for "
			    "standard output; waited %llu seconds (-T)",
			    (unsigned long long)g->o->timeout_s);
		hpn_dm_line_clear(&g->line);
		logit("no space left for standard output, waiting (at most "
		    "%llu seconds, -T)", (unsigned long long)g->o->timeout_s);
		g->again_ns = now + delay;
		return;
	}
	hpn_dm_line_worked(&g->line);
	(void)hpn_dm_wait_worked(&g->wait, 0);
	g->again_ns = 0;
	given(g, f, data, (size_t)n);
	hpn_dm_reader_took(f->reader, (size_t)n);
}

/* ---- the end of a part ---- */

/* A single file: does the server have what we have got? */
static int
hash_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct get *g = context;
	struct part *f = about;
	struct hpn_hash_range range;
	struct hpn_sftp_hash_answer a;
	uint64_t goal = g->verified + g->hash_len, from = g->verified;
	size_t i, len;
	u_int status;

	g->hash_asked = 0;
	if (type == SSH2_FXP_STATUS) {
		if (hpn_dm_sftp_get_status(type, m, &status) == -1 ||
		    status == SSH2_FX_OK)
			return -1;
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "cannot compare \"%s\" "
		    "on %s: %s (-nochecksum does without)", f->path,
		    g->o->host, hpn_dm_sftp_status_text(status));
	}
	range.offset = from;
	range.length = g->hash_len;
	range.block = BLOCK;
	if (hpn_sftp_hash_get_answer(m, &range, &a) != 0)
		return -1;
	for (i = 0; i < a.count && g->verified < goal; i++) {
		len = BLOCK;
		if (len > goal - g->verified)
			len = (size_t)(goal - g->verified);
		if (a.hashed - i * (uint64_t)BLOCK < len)
			break;
		if (memcmp(g->blocks + HPN_HASH_LEN * (g->verified / BLOCK),
		    a.hashes + i * HPN_HASH_LEN, HPN_HASH_LEN) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s "
			    "differs from what was read within %d bytes from "
			    "byte %llu", f->path, g->o->host, BLOCK,
			    (unsigned long long)g->verified);
		g->verified += len;
	}
	if (g->verified == from && (a.ended || ++g->tries > COMPARE_TRIES))
		changed(f);
	if (g->verified != from)
		g->tries = 0;
	return 0;
}

/* Returns whether nothing is left to be compared. */
static int
compare(struct get *g, struct part *f, int all)
{
	struct hpn_hash_range range;
	uint64_t goal = all ? g->given : g->given - g->given % BLOCK;

	if (g->hash_block == NULL || !hpn_dm_sftp_can_hash(g->line.sftp) ||
	    g->verified >= goal)
		return 1;
	if (g->hash_asked || f->handle.p == NULL ||
	    (!all && goal - g->verified < COMPARE_FROM))
		return 0;
	range.offset = g->verified;
	range.length = goal - g->verified;
	if (range.length > COMPARE_MOST)
		range.length = COMPARE_MOST;
	range.block = BLOCK;
	g->hash_len = range.length;
	g->hash_asked = 1;
	hpn_dm_sftp_hash(g->line.sftp, &f->handle, &range, hash_answer, g, f);
	return 0;
}

static void manifest_take(struct get *, struct part *);

/* The first part: see whether it is done.  Returns whether it was, and has gone. */
static int
part_step(struct part *f)
{
	struct get *g = f->g;
	u_char hash[HPN_HASH_LEN];
	const u_char *data;
	size_t len;
	u_int status;

	if (f->state == PART_DATA && f->reader != NULL) {
		while (g->phase == GET_MANIFEST &&
		    (data = hpn_dm_reader_next(f->reader, &len)) != NULL) {
			memcpy(g->text + f->given, data, len);
			f->given += len;
			hpn_dm_reader_took(f->reader, len);
		}
		if ((status = hpn_dm_reader_status(f->reader)) != SSH2_FX_OK)
			part_failed(f, status);
	}
	if (f->state == PART_DATA && g->phase == GET_DATA && !g->is_set)
		(void)compare(g, f, f->given == f->size);
	if (f->state != PART_DATA || f->given != f->size || !f->ended ||
	    f->asked != 0)
		return 0;
	if (g->phase == GET_DATA && !g->is_set && !compare(g, f, 1))
		return 0;
	if (g->phase == GET_DATA && g->is_set && g->hash_part != NULL) {
		hpn_hash_end(g->hash_part, hash);
		if (memcmp(hash, f->hash, sizeof(hash)) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "fragment %llu, "
			    "\"%s\" on %s, is not what was written",
			    (unsigned long long)f->n, f->path, g->o->host);
	}
	hpn_dm_sftp_close(g->line.sftp, SSH2_FXP_CLOSE, &f->handle,
	    closed_answer, g, f);
	g->closing++;
	TAILQ_REMOVE(&g->parts, f, list);
	part_leave(f);
	if (g->phase == GET_MANIFEST)
		manifest_take(g, f);
	free(f);
	return 1;
}

/* ---- before ---- */

static void
data_begin(struct get *g, uint64_t size)
{
	g->phase = GET_DATA;
	g->total = size;
	if (g->o->nochecksum || (g->is_set && !g->m.hashed))
		return;
	if (!hpn_hash_available())
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "this dmscp was built "
		    "without hashes: only -nochecksum works");
	if (g->is_set) {
		g->hash_all = hash_new();
		g->hash_part = hash_new();
	} else
		g->hash_block = hash_new();
}

static void
manifest_take(struct get *g, struct part *f)
{
	struct hpn_hash *h;
	struct hpn_dm_manifest_fragment fragment;
	u_char end[HPN_HASH_LEN];
	uint64_t n;
	const char *wrong, *base = hpn_dm_plan_base(g->o->name);

	g->text_len = (size_t)f->given;
	if ((wrong = hpn_dm_manifest_parse(&g->m, g->text,
	    g->text_len)) != NULL)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s cannot be "
		    "used: %s", g->manifest_path, g->o->host, wrong);
	if (g->m.object_len != strlen(base) ||
	    memcmp(g->m.object, base, g->m.object_len) != 0)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s is the "
		    "manifest of another object", g->manifest_path, g->o->host);
	if (g->m.hashed && !g->o->nochecksum) {
		h = hash_new();
		hpn_hash_add(h, g->text, g->m.end_at);
		hpn_hash_end(h, end);
		hpn_hash_free(h);
		if (memcmp(end, g->m.end, sizeof(end)) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s "
			    "cannot be used: it was changed after it was "
			    "written", g->manifest_path, g->o->host);
	}
	if (g->o->sha256 && !g->m.has_sha256)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s has no "
		    "SHA-256", g->manifest_path, g->o->host);
	if (!g->m.hashed && !g->o->nochecksum) {
		hpn_dm_line_clear(&g->line);
		logit("\"%s\" was written without checksums: only sizes can "
		    "be compared", g->o->name);
	}
	if (g->m.has_sha256 && !g->o->nochecksum &&
	    (g->sha256 = ssh_digest_start(SSH_DIGEST_SHA256)) == NULL)
		fatal("ssh_digest_start failed");
	g->is_set = 1;
	g->at = g->m.fragments_at;
	g->sizes = xcalloc(g->m.count + 1, sizeof(*g->sizes));
	for (n = 0; hpn_dm_manifest_next(&g->m, g->text, &g->at,
	    &fragment) == 1; n++)
		g->sizes[n] = fragment.size;
	g->at = g->m.fragments_at;
	g->phase = GET_SIZES;
}

static int
fragment_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct get *g = context;
	uint64_t n = (uint64_t)(uintptr_t)about;
	char path[HPN_DM_PLAN_PATH];
	Attrib a;
	u_int status;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	g->sizes_answered++;
	if (status == SSH2_FX_OK && (a.flags & SSH2_FILEXFER_ATTR_SIZE) &&
	    a.size == g->sizes[n - 1])
		return 0;
	(void)hpn_dm_plan_path(path, sizeof(path), g->o->dir, g->o->name, n,
	    "");
	if (status != SSH2_FX_OK)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "fragment %llu, \"%s\" "
		    "on %s, is missing: %s", (unsigned long long)n, path,
		    g->o->host, hpn_dm_sftp_status_text(status));
	hpn_dm_child_die(HPN_DM_CHILD_FAILED, "fragment %llu, \"%s\" on %s, "
	    "has %llu bytes instead of %llu", (unsigned long long)n, path,
	    g->o->host, (unsigned long long)a.size,
	    (unsigned long long)g->sizes[n - 1]);
}

static void
sizes_step(struct get *g)
{
	char path[HPN_DM_PLAN_PATH];

	while (g->sized < g->m.count && hpn_dm_sftp_room(g->line.sftp) &&
	    g->sized - g->sizes_answered < SIZES_MOST) {
		g->sized++;
		(void)hpn_dm_plan_path(path, sizeof(path), g->o->dir,
		    g->o->name, g->sized, "");
		hpn_dm_sftp_path(g->line.sftp, SSH2_FXP_STAT, path,
		    fragment_answer, g, (void *)(uintptr_t)g->sized);
	}
	if (g->sizes_answered == g->m.count)
		data_begin(g, g->m.size);
}

static int
look_answer(struct get *g, int manifest, u_char type, struct sshbuf *m)
{
	Attrib a;
	u_int status;
	int there;

	if (hpn_dm_sftp_get_attrib(type, m, &status, &a) == -1)
		return -1;
	there = hpn_dm_line_has(&g->line,
	    manifest ? g->manifest_path : g->object, status);
	if (manifest)
		g->there_manifest = there;
	else {
		g->there_object = there;
		if (g->there_object &&
		    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
		    !S_ISREG(a.perm))
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s is "
			    "no regular file", g->object, g->o->host);
		g->object_size = a.size;
	}
	if (--g->looks != 0)
		return 0;
	if (g->there_manifest && g->there_object && g->o->fragment == 0)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s is a file "
		    "and a set of fragments: -F 1 means the set", g->o->name,
		    g->o->host);
	if (g->there_manifest) {
		g->phase = GET_MANIFEST;
		/* Its size is not known before it is open */
		g->text_room = HPN_DM_MANIFEST_TEXT;
		if ((g->text = malloc(g->text_room)) == NULL)
			fatal("no memory for a manifest");
		(void)part_new(g, 0, g->manifest_path, 0, 0);
		return 0;
	}
	if (!g->there_object || g->o->fragment != 0)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s: there is "
		    "no file of that name, and no manifest of a complete set "
		    "of fragments", g->object, g->o->host);
	if (g->o->sha256)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "-sha256 needs a set of "
		    "fragments: a single file has no manifest");
	data_begin(g, g->object_size);
	(void)part_new(g, 0, g->object, 0, g->object_size);
	return 0;
}

static int
look_object_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return look_answer(context, 0, type, m);
}

static int
look_manifest_answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	return look_answer(context, 1, type, m);
}

/* ---- the whole ---- */

static void
lost(struct get *g)
{
	struct part *f;

	TAILQ_FOREACH(f, &g->parts, list)
		part_closed(f);
	g->open = g->closing = 0;
	g->hash_asked = 0;
	if (g->phase == GET_LOOKING)
		g->phase = GET_BEGIN;
	if (g->phase == GET_SIZES) {
		/* What was answered was right */
		g->sized = g->sizes_answered = 0;
	}
}

static void
step(struct get *g)
{
	struct part *f;

	if (g->line.sftp == NULL || !hpn_dm_sftp_ready(g->line.sftp))
		return;
	switch (g->phase) {
	case GET_BEGIN:
		g->phase = GET_LOOKING;
		g->looks = 2;
		hpn_dm_sftp_path(g->line.sftp, SSH2_FXP_STAT, g->object,
		    look_object_answer, g, NULL);
		hpn_dm_sftp_path(g->line.sftp, SSH2_FXP_STAT, g->manifest_path,
		    look_manifest_answer, g, NULL);
		return;
	case GET_LOOKING:
		return;
	case GET_SIZES:
		sizes_step(g);
		break;
	default:
		break;
	}
	parts_open(g);
	parts_read(g);
	while ((f = TAILQ_FIRST(&g->parts)) != NULL && part_step(f))
		;
}

static int
finished(const struct get *g)
{
	return g->phase == GET_DATA && TAILQ_EMPTY(&g->parts) &&
	    (!g->is_set || g->made == g->m.count);
}

static void
wait_for(struct get *g)
{
	struct part *f = TAILQ_FIRST(&g->parts);
	struct pollfd pfd[3];
	uint64_t now;
	size_t len = 0;
	int timeout, in = -1, out = -1;

	timeout = hpn_dm_line_due(&g->line);
	if (hpn_dm_job_runs(&g->jobs) && timeout > 200)
		timeout = 200;
	if (g->line.sftp != NULL)
		hpn_dm_sftp_fds(g->line.sftp, &in, &out);
	if (f != NULL && f->reader != NULL && g->phase == GET_DATA)
		(void)hpn_dm_reader_next(f->reader, &len);
	if (len > 0 && g->again_ns != 0) {
		now = hpn_clock_ns();
		if (now < g->again_ns)
			len = 0;
	}
	memset(pfd, 0, sizeof(pfd));
	pfd[0].fd = len > 0 ? g->sink.fd : -1;
	pfd[0].events = POLLOUT;
	pfd[1].fd = in;
	pfd[1].events = POLLIN;
	pfd[2].fd = out;
	pfd[2].events = POLLOUT;
	if (poll(pfd, 3, timeout) == -1 && errno != EINTR)
		fatal("poll: %s", strerror(errno));
	if (hpn_dm_child_interrupted())
		return;
	if (pfd[0].revents != 0)
		sink_write(g);
	if (hpn_dm_line_trip(&g->line) == 1)
		lost(g);
}

static void
check_end(struct get *g)
{
	u_char hash[HPN_HASH_LEN], sha256[HPN_DM_MANIFEST_SHA256];
	char *why;

	if (g->hash_all != NULL) {
		hpn_hash_end(g->hash_all, hash);
		if (memcmp(hash, g->m.hash, sizeof(hash)) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s: "
			    "each fragment is as it was written, but the whole "
			    "is not", g->o->name, g->o->host);
	}
	if (g->sha256 != NULL) {
		if (ssh_digest_final(g->sha256, sha256, sizeof(sha256)) != 0)
			fatal("ssh_digest_final failed");
		if (memcmp(sha256, g->m.sha256, sizeof(sha256)) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_DIFFERS, "\"%s\" on %s "
			    "has another SHA-256 than when it was written",
			    g->o->name, g->o->host);
	}
	if ((why = hpn_dm_ends_sink_ended(&g->sink, g->given, NULL)) != NULL)
		hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "%s", why);
}

void
hpn_dm_get(const struct hpn_dm_opts *o)
{
	struct get get, *g = &get;
	char text[64];
	int sig;

	memset(g, 0, sizeof(*g));
	g->o = o;
	g->open_most = HPN_DM_SFTP_OPEN_MOST;
	TAILQ_INIT(&g->parts);
	hpn_dm_job_begin(&g->jobs, o);
	hpn_dm_wait_begin(&g->wait, o->timeout_s);
	if (hpn_dm_plan_path(g->object, sizeof(g->object), o->dir, o->name, 0,
	    "") == -1 || hpn_dm_plan_path(g->manifest_path,
	    sizeof(g->manifest_path), o->dir, o->name, 0,
	    HPN_DM_PLAN_MANIFEST) == -1)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "name too long");
	if (o->sink == NULL && isatty(STDOUT_FILENO))
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "standard output is a "
		    "terminal");
	hpn_dm_line_begin(&g->line, o);
	hpn_dm_ends_sink(&g->sink, o);
	hpn_dm_ends_sink_own(&g->sink);
	for (;;) {
		step(g);
		snprintf(text, sizeof(text), "part %llu",
		    (unsigned long long)(TAILQ_EMPTY(&g->parts) ? 0 :
		    TAILQ_FIRST(&g->parts)->n));
		hpn_dm_line_show(&g->line, g->given, g->total,
		    g->is_set ? text : "", 0);
		recalled(g, hpn_dm_job_step(&g->jobs));
		if (finished(g))
			break;
		wait_for(g);
		if ((sig = hpn_dm_child_interrupted()) != 0)
			hpn_dm_child_die(HPN_DM_CHILD_FAILED, "ended by signal "
			    "%d after %llu bytes", sig,
			    (unsigned long long)g->given);
	}
	check_end(g);
	hpn_dm_line_show(&g->line, g->given, g->total, "", 1);
	verbose("\"%s\" on %s: %llu bytes, %s", o->name, o->host,
	    (unsigned long long)g->given, o->nochecksum ||
	    (g->is_set && !g->m.hashed) ? "not compared" :
	    g->is_set ? "as the manifest says" :
	    g->verified == g->given ? "hashes compared" :
	    "not compared, as the server has no hashes");
	hpn_dm_line_end(&g->line);
}
