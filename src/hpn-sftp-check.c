/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-check: compares the destination with the source, before a copy
 * carries on (hpn-resume.h says how) and after it.
 *
 * We ask the server for hashes of the remote file (PROTOCOL.hpn, section 6.1).
 * If it has none, we read the bytes themselves.  The local file is read while
 * the answers travel.  A file that is being sent is hashed as it is read, so
 * it need not be read again.  The server's answers are not trusted: an answer
 * that makes no sense counts as no answer.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "misc.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-hash.h"
#include "hpn-resume.h"
#include "hpn-names.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-hash.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"

extern volatile sig_atomic_t interrupted;

/* One request for hashes, and how many are under way for a file. */
#define HASH_LEN	(16ULL * 1024 * 1024)
#define HASH_ASKED	4
/* A server that hashes less than this at a time is of no use. */
#define HASH_LEAST	(64ULL * 1024)
/* Hashes in an answer: a range that goes on after a short answer has one more
 * block than its length says. */
#define HASH_ROOM	(HASH_LEN / HPN_RESUME_BLOCK + 1)

/* A range of one such block is asked for only to see whether there is an answer. */
#define PROBE_BLOCK	1

/* What was said already of this server */
#define SAID_READS	0x01
#define SAID_NONSENSE	0x02
#define SAID_VERIFIES	0x04

struct check {
	struct hpn_resume r;
	int verifying;			/* what was moved; else what is there */
	int hash;			/* by hashes; else by reading */
	u_int64_t begin, next, end;	/* of the range; not asked yet */
	u_int64_t block;
	u_int64_t differs, zeros, others;
	int unusable;
	/* hashes of the blocks that were sent, from n->begun on */
	struct hpn_hash *stream;
	u_int64_t in_block, streamed;	/* bytes in the last block, in all */
	u_char *sums;
	size_t nsums, room;
	int stream_ended;
};

void
hpn_sftp_check_free(struct node *n)
{
	struct check *c = n->check;

	if (c == NULL)
		return;
	hpn_hash_free(c->stream);
	free(c->sums);
	free(c);
	n->check = NULL;
}

/*
 * A server that announces hashes may refuse each of them.  Then nothing finds
 * a hole that an interrupted copy leaves beyond what is read back.  So we
 * believe in hashes only when the server has given one.  If it refuses before
 * it has given any, it counts as a server without hashes, and is not asked
 * again.  Later a refusal is about its file, which may not be readable: the
 * others are still better compared in full than by their ends.  What we have
 * open only for writing says nothing of the server.
 */
static void
refused(struct hpn_sftp_job *job, struct node *n, u_int status)
{
	debug("server does not hash \"%s\": %s",
	    hpn_sftp_node_remote(job, n), fx2txt(status));
	n->unhashed = 1;
	if (!job->c->hashes && !n->writeonly)
		job->c->can_hash = 0;
}

int
hpn_sftp_check_hashes(const struct hpn_sftp_job *job, const struct node *n)
{
	return job->c->can_hash && job->c->hashes && !n->unhashed &&
	    !n->writeonly;
}

void
hpn_sftp_check_probe(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_hash_range range;

	if (!job->c->can_hash || job->c->hashes || n->writeonly)
		return;
	range.offset = 0;
	range.length = range.block = PROBE_BLOCK;
	hpn_sftp_ask_hash(job, n, &range);
	n->checks++;
}

static void
say_once(struct hpn_sftp_job *job, int what, const char *text)
{
	/* Hashes that make no sense are a fault, none at all are not. */
	if ((job->flags & HPN_SFTP_QUIET) && what != SAID_NONSENSE)
		return;
	if (job->c->said & what)
		return;
	job->c->said |= what;
	hpn_sftp_meter_break(job);
	logit("%s", text);
}

void
hpn_sftp_check_changed(struct hpn_sftp_job *job, struct node *n)
{
	if (interrupted || n->failed)
		return;
	hpn_sftp_meter_break(job);
	error("\"%s\" changed while it was copied; copy it again", n->from);
	n->failed = 1;
	/* Where only the end is looked at, what is mixed would pass for good. */
	if ((job->flags & HPN_SFTP_RESUME) && !hpn_sftp_check_hashes(job, n) &&
	    n->begun < n->bad)
		n->bad = n->begun;
}

/* ------------------------------------------------------- what is decided -- */

static void
refuse(struct hpn_sftp_job *job, struct node *n, const struct hpn_resume *r)
{
	static const char hint[] = "left as it is; -X resume=replace "
	    "replaces such files";

	job->tally.refused++;
	n->outcome = HPN_NAMES_REFUSED;
	hpn_sftp_meter_break(job);
	switch (r->why) {
	case HPN_RESUME_LARGER:
		error("\"%s\" has %llu bytes, \"%s\" only %llu: %s", n->to,
		    (unsigned long long)r->there, n->from,
		    (unsigned long long)r->size, hint);
		break;
	case HPN_RESUME_OLDER:
		error("\"%s\" is older than \"%s\": %s", n->to, n->from, hint);
		break;
	case HPN_RESUME_UNCHECKED:
		error("\"%s\" could not be compared with \"%s\", since "
		    "reading it failed: %s, -X resume=size goes by its size",
		    n->to, n->from, hint);
		break;
	case HPN_RESUME_DIFFERS:
		if (r->within == 0)
			error("\"%s\" differs from \"%s\" at byte %llu: %s",
			    n->to, n->from, (unsigned long long)r->differs,
			    hint);
		else
			error("\"%s\" differs from \"%s\" in the %llu bytes "
			    "from byte %llu on: %s", n->to, n->from,
			    (unsigned long long)r->within,
			    (unsigned long long)r->differs, hint);
		break;
	}
}

static const char *
checked_by(enum hpn_resume_by by)
{
	switch (by) {
	case HPN_RESUME_BY_HASH:
		return "checked by hash";
	case HPN_RESUME_BY_READ:
		return "read back and compared";
	case HPN_RESUME_BY_TAIL:
		return "of which the end was read back and compared";
	case HPN_RESUME_BY_SIZE:
		return "going by size and time only";
	default:
		return "not checked";
	}
}

static void
count(struct hpn_sftp_job *job, struct node *n, const struct hpn_resume *r)
{
	struct tally *t = &job->tally;

	if (r->step == HPN_RESUME_REFUSE || r->there == 0)
		return;
	if (r->replaced) {
		t->replaced++;
		n->outcome = HPN_NAMES_REPLACED;
		verbose("\"%s\": replaced, as it is not the beginning of "
		    "\"%s\"", n->to, n->from);
		return;
	}
	if (r->by == HPN_RESUME_BY_SIZE)
		say_once(job, SAID_READS, "The server has no hashes: what is "
		    "there is trusted by its size and time only");
	if (job->only != n && n->begun <= (u_int64_t)job->all_bytes)
		job->all_bytes -= n->begun;
	t->checked[r->by]++;
	t->kept_bytes += n->begun;
	if (r->by == HPN_RESUME_BY_HASH)
		t->verified_bytes[0] += n->begun;
	else if (r->by == HPN_RESUME_BY_READ)
		t->verified_bytes[1] += n->begun;
	else if (r->by == HPN_RESUME_BY_TAIL)
		t->verified_bytes[1] += MINIMUM(n->begun, HPN_RESUME_BACK);
	if (r->step == HPN_RESUME_TRANSFER) {
		t->resumed++;
		n->outcome = n->begun != 0 ? HPN_NAMES_CONTINUED :
		    HPN_NAMES_REPLACED;
		verbose("\"%s\": %llu of %llu bytes are there (%s)", n->to,
		    (unsigned long long)n->begun, (unsigned long long)r->size,
		    checked_by(r->by));
		return;
	}
	t->whole++;
	n->outcome = HPN_NAMES_WHOLE;
	if (r->by == HPN_RESUME_BY_HASH || r->by == HPN_RESUME_BY_READ)
		t->verified_files++;
	else
		t->unverified_files++;
	debug("\"%s\" is whole (%s)", n->to, checked_by(r->by));
}

/* Do what comes next. */
static void
act(struct hpn_sftp_job *job, struct node *n)
{
	struct check *c = n->check;
	struct hpn_resume *r = &c->r;

	if (!interrupted &&
	    (r->step == HPN_RESUME_HASH || r->step == HPN_RESUME_READ)) {
		c->hash = r->step == HPN_RESUME_HASH;
		c->begin = c->next = r->offset;
		c->end = r->offset + r->length;
		c->block = r->block;
		c->differs = UINT64_MAX;
		c->zeros = c->others = 0;
		c->unusable = 0;
		n->state = NODE_CHECK;
		if (r->stage == HPN_RESUME_BACKWARD ||
		    r->stage == HPN_RESUME_SAMPLES)
			say_once(job, SAID_READS, r->all || job->flags &
			    HPN_RESUME_VERIFY ? "The server has no hashes: "
			    "what is there is read back and compared" :
			    "The server has no hashes: of what is there only "
			    "the end is read back and compared");
		hpn_sftp_node_list(n, &job->want);
		hpn_sftp_check_send(job, n);
		return;
	}
	hpn_sftp_node_unlist(n);
	if (interrupted || r->step == HPN_RESUME_REFUSE) {
		n->failed = n->untouched = 1;
		if (!interrupted)
			refuse(job, n, r);
	} else {
		n->begun = r->offset;
		count(job, n, r);
	}
	job->way->checked(job, n, r);
}

void
hpn_sftp_check_begin(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_resume_file *source, const struct hpn_resume_file *dest)
{
	hpn_sftp_check_free(n);
	n->check = xcalloc(1, sizeof(*n->check));
	hpn_resume_begin(&n->check->r, source, dest, job->flags,
	    job->c->can_hash, job->way->up);
	act(job, n);
}

/* -------------------------------------------------------- what was moved -- */

void
hpn_sftp_check_verify_begin(struct hpn_sftp_job *job, struct node *n)
{
	struct check *c = n->check;

	if (!hpn_sftp_node_verifies(job)) {
		hpn_sftp_check_free(n);
		return;
	}
	if (c == NULL)
		n->check = c = xcalloc(1, sizeof(*c));
	c->verifying = 1;
	c->hash = job->c->can_hash;
	c->begin = c->next = c->end = n->begun;
	c->block = HPN_RESUME_BLOCK;
	c->differs = UINT64_MAX;
	c->zeros = c->others = 0;
	c->unusable = 0;
	if (job->way->up && !job->way->cross)
		c->stream = hpn_hash_new();
	if (!c->hash && n->size > n->begun)
		say_once(job, SAID_VERIFIES, "The server has no hashes: what "
		    "is copied is read back and compared");
}

static void
sum_end(struct check *c)
{
	if (c->nsums == c->room) {
		c->room = c->room == 0 ? 16 : c->room * 2;
		c->sums = xreallocarray(c->sums, c->room, HPN_HASH_LEN);
	}
	hpn_hash_end(c->stream, c->sums + c->nsums++ * HPN_HASH_LEN);
	c->in_block = 0;
}

void
hpn_sftp_check_verify_sent(struct node *n, const u_char *p, size_t len)
{
	struct check *c = n->check;
	size_t part;

	if (c == NULL || c->stream == NULL)
		return;
	c->streamed += len;
	while (len > 0) {
		part = MINIMUM(len, HPN_RESUME_BLOCK - c->in_block);
		hpn_hash_add(c->stream, p, part);
		p += part;
		len -= part;
		c->in_block += part;
		if (c->in_block == HPN_RESUME_BLOCK)
			sum_end(c);
	}
}

void
hpn_sftp_check_verify_more(struct hpn_sftp_job *job, struct node *n)
{
	if (n->check != NULL && n->check->verifying && n->check->hash &&
	    !hpn_sftp_node_second(job, n) && (n->state == NODE_DATA || n->state
	    == NODE_DRAIN))
		hpn_sftp_check_send(job, n);
}

int
hpn_sftp_check_unchanged(const struct node *n)
{
	const struct check *c = n->check;
	struct hpn_hash_range range;
	u_char now[HASH_ROOM * HPN_HASH_LEN];
	const u_char *sums;
	uint64_t hashed;
	ssize_t count;
	int ended;

	if (c == NULL || c->stream == NULL || !c->stream_ended || n->begun != 0)
		return 0;
	range.block = HPN_RESUME_BLOCK;
	for (range.offset = 0; range.offset < c->streamed;
	    range.offset += hashed) {
		range.length = MINIMUM(c->streamed - range.offset, HASH_LEN);
		count = hpn_hash_file(n->fd, &range, now, HASH_ROOM,
		    range.length, 0, &hashed, &ended);
		sums = c->sums + range.offset / HPN_RESUME_BLOCK * HPN_HASH_LEN;
		if (count == -1 || hashed != range.length ||
		    memcmp(now, sums, (size_t)count * HPN_HASH_LEN) != 0)
			return 0;
	}
	return 1;
}

static void
verified(struct hpn_sftp_job *job, struct node *n, int done)
{
	struct check *c = n->check;
	struct tally *t = &job->tally;

	hpn_sftp_node_unlist(n);
	if (done) {
		t->verified_bytes[c->hash ? 0 : 1] += c->end - c->begin;
		if (n->begun == 0 || c->r.by == HPN_RESUME_BY_HASH ||
		    c->r.by == HPN_RESUME_BY_READ ||
		    (job->flags & HPN_RESUME_OURS))
			t->verified_files++;
		else
			t->unverified_files++;
	} else if (!n->failed && !interrupted)
		t->unverified_files++;
	job->way->verified(job, n);
}

void
hpn_sftp_check_verify_end(struct hpn_sftp_job *job, struct node *n,
    u_int64_t end)
{
	struct check *c = n->check;

	n->state = NODE_VERIFY;
	if (n->failed || interrupted || c == NULL) {
		verified(job, n, 0);
		return;
	}
	if (c->stream != NULL && c->in_block != 0)
		sum_end(c);
	c->stream_ended = 1;
	c->end = end;
	hpn_sftp_node_list(n, &job->want);
	hpn_sftp_check_send(job, n);
}

/* All of the range was compared, or what was seen is enough. */
static void
verify_done(struct hpn_sftp_job *job, struct node *n)
{
	struct check *c = n->check;

	if (c->unusable && c->hash && (job->flags & HPN_RESUME_VERIFY) &&
	    !interrupted) {
		/* What was asked for can still be had. */
		say_once(job, SAID_VERIFIES, "The server cannot hash: what is "
		    "copied is read back and compared");
		c->hash = 0;
		c->next = c->begin;
		c->differs = UINT64_MAX;
		c->unusable = 0;
		hpn_sftp_node_list(n, &job->want);
		hpn_sftp_check_send(job, n);
		return;
	}
	if (interrupted || n->failed || c->unusable) {
		if (c->unusable && (job->flags & HPN_RESUME_VERIFY)) {
			hpn_sftp_meter_break(job);
			error("\"%s\" could not be compared with \"%s\" after "
			    "the copy", n->to, n->from);
			n->failed = 1;
		}
		verified(job, n, 0);
		return;
	}
	if (c->differs != UINT64_MAX) {
		hpn_sftp_meter_break(job);
		n->differs = 1;
		error("\"%s\" differs from \"%s\" after the copy, %s byte "
		    "%llu; copy it again", n->to, n->from,
		    c->hash ? "not far beyond" : "at",
		    (unsigned long long)c->differs);
		n->failed = 1;
		if (c->differs < n->bad)
			n->bad = c->differs;
		verified(job, n, 0);
		return;
	}
	verified(job, n, 1);
}

/* ------------------------------------------------------------ comparing -- */

/* Whether it comes before the data, or after them. */
static int
alone(const struct node *n)
{
	return n->state == NODE_CHECK || n->state == NODE_VERIFY;
}

static void
done(struct hpn_sftp_job *job, struct node *n)
{
	struct check *c = n->check;
	struct hpn_resume_found found;

	if (c->verifying) {
		verify_done(job, n);
		return;
	}
	found.unusable = c->unusable;
	found.differs = c->differs;
	found.zeros = c->zeros;
	found.others = c->others;
	if (!interrupted)
		hpn_resume_found(&c->r, &found);
	act(job, n);
}

/* Whether the rest of the range makes no difference. */
static int
enough(const struct check *c)
{
	if (c->unusable)
		return 1;
	/* With bytes, go on, to see what kind of difference it is. */
	return c->differs != UINT64_MAX && (c->hash || c->verifying);
}

/* Ask for some non-zero bytes of the next stretch; 0: it has none. */
static int
ask_sample(struct hpn_sftp_job *job, struct node *n, u_int64_t end)
{
	struct check *c = n->check;
	u_int64_t begin = c->next;
	size_t len = MINIMUM(end - begin, c->r.stride), part, at;
	u_char *p = hpn_sftp_node_room(job, len);

	c->next += len;
	/* One that cannot be read is found out when it is compared. */
	if (hpn_sftp_node_read_at(n->fd, p, len, begin) != (ssize_t)len)
		at = 0;
	else
		for (at = 0; at < len && p[at] == 0; at++)
			;
	if (at == len)
		return 0;
	part = MINIMUM(len, HPN_RESUME_SAMPLE);
	hpn_sftp_ask_compare(job, n, begin + MINIMUM(at, len - part), part);
	return 1;
}

void
hpn_sftp_check_send(struct hpn_sftp_job *job, struct node *n)
{
	struct check *c = n->check;
	struct hpn_hash_range range;
	u_int64_t end = c->end;
	size_t len;

	/* While data are on their way, what has arrived */
	if (!alone(n)) {
		end = hpn_sftp_node_whole(n);
		if (!job->way->up && n->high < end)
			end = n->high;
	}
	while (!enough(c) && !interrupted && !n->failed && c->next < end) {
		if (c->hash) {
			range.offset = c->next;
			range.length = MINIMUM(end - c->next, HASH_LEN);
			range.block = c->block;
			if (!alone(n) && range.length < HASH_LEN)
				return;
			if (n->checks >= HASH_ASKED)
				break;
			if (!hpn_sftp_ask_may(job, 0))
				return;
			hpn_sftp_ask_hash(job, n, &range);
			c->next += range.length;
		} else if (c->r.stride != 0 && !c->verifying &&
		    n->source == NULL) {
			if (!hpn_sftp_ask_may(job, HPN_RESUME_SAMPLE))
				return;
			if (!ask_sample(job, n, end))
				continue;
		} else {
			len = MINIMUM(end - c->next,
			    *job->c->download_buflen);
			if (!hpn_sftp_ask_may(job, len))
				return;
			hpn_sftp_ask_compare(job, n, c->next, len);
			c->next += len;
		}
		n->checks++;
	}
	if (!alone(n))
		return;
	if (n->checks == 0)
		done(job, n);
	else
		hpn_sftp_node_unlist(n);
}

static void
differs_at(struct check *c, u_int64_t offset)
{
	if (offset < c->differs)
		c->differs = offset;
}

static void
nonsense(struct hpn_sftp_job *job, struct check *c)
{
	say_once(job, SAID_NONSENSE, "The server's hashes make no sense; they "
	    "are not used any more");
	job->c->can_hash = 0;
	if (c != NULL)
		c->unusable = 1;
}

static void
probe_answer(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct hpn_sftp_hash_answer a;

	if (type == SSH2_FXP_STATUS)
		refused(job, n, hpn_sftp_answer_status(job, type, m));
	else if (type != SSH2_FXP_EXTENDED_REPLY)
		fatal("Expected SSH2_FXP_EXTENDED_REPLY(%u) packet, got %u",
		    SSH2_FXP_EXTENDED_REPLY, type);
	else if (hpn_sftp_hash_get_answer(m, &req->range, &a) != 0)
		nonsense(job, n->check);
	else
		job->c->hashes = 1;
}

/* The hashes of a range of what was sent, if they are known. */
static const u_char *
known_sums(const struct node *n, const struct hpn_hash_range *range)
{
	const struct check *c = n->check;
	u_int64_t offset;

	if (!c->verifying || c->stream == NULL ||
	    range->block != HPN_RESUME_BLOCK)
		return NULL;
	offset = range->offset - n->begun;
	if (offset % HPN_RESUME_BLOCK != 0 ||
	    range->length > c->streamed - offset)
		return NULL;
	/* The last block is one of those, or is the last one of the file. */
	if (range->length % HPN_RESUME_BLOCK != 0 && (!c->stream_ended ||
	    offset + range->length != c->streamed))
		return NULL;
	return c->sums + offset / HPN_RESUME_BLOCK * HPN_HASH_LEN;
}

/* Our side cannot be read. */
static void
unread(struct hpn_sftp_job *job, struct node *n)
{
	n->check->unusable = 1;
	/* With a drop box this is known. */
	if (n->writeonly && !job->way->up)
		return;
	hpn_sftp_meter_break(job);
	error("read local \"%s\": %s", hpn_sftp_node_local(job, n),
	    strerror(errno));
}

static void
compare_hashes(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_hash_range *range, const struct hpn_sftp_hash_answer *a)
{
	struct check *c = n->check;
	u_char ours[HASH_ROOM * HPN_HASH_LEN];
	const u_char *sums = known_sums(n, range);
	uint64_t hashed = range->length;
	ssize_t count = a->count;
	size_t i;
	int ended;

	if (sums == NULL) {
		count = hpn_hash_file(n->fd, range, ours, HASH_ROOM,
		    range->length, 0, &hashed, &ended);
		if (count == -1) {
			unread(job, n);
			return;
		}
		sums = ours;
	}
	for (i = 0; i < a->count && i < (size_t)count; i++) {
		if (memcmp(sums + i * HPN_HASH_LEN,
		    a->hashes + i * HPN_HASH_LEN, HPN_HASH_LEN) != 0) {
			differs_at(c, range->offset + i * range->block);
			return;
		}
	}
	/* Our side has become shorter. */
	if (hashed != range->length)
		differs_at(c, range->offset + hashed);
}

static void
hash_answer(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct check *c = n->check;
	struct hpn_sftp_hash_answer a;
	struct hpn_hash_range range = req->range;

	if (type == SSH2_FXP_STATUS) {
		refused(job, n, hpn_sftp_answer_status(job, type, m));
		c->unusable = 1;
		return;
	}
	if (type != SSH2_FXP_EXTENDED_REPLY)
		fatal("Expected SSH2_FXP_EXTENDED_REPLY(%u) packet, got %u",
		    SSH2_FXP_EXTENDED_REPLY, type);
	if (hpn_sftp_hash_get_answer(m, &range, &a) != 0 ||
	    a.count > HASH_ROOM || (!a.ended && a.hashed < range.length &&
	    a.hashed < HASH_LEAST)) {
		nonsense(job, c);
		return;
	}
	job->c->hashes = 1;
	if ((range.length = a.hashed) != 0 && n->source != NULL) {
		hpn_sftp_ask_from_hash(job, n, &range, a.hashes,
		    a.count * HPN_HASH_LEN);
		n->checks++;
	} else if (range.length != 0)
		compare_hashes(job, n, &range, &a);
	range.offset += a.hashed;
	range.length = req->range.length - a.hashed;
	if (range.length == 0)
		return;
	if (a.ended)
		differs_at(c, range.offset);
	else if (!enough(c) && !interrupted && !n->failed) {
		hpn_sftp_ask_hash(job, n, &range);
		n->checks++;
	}
}

/* One of a and b is the destination's. */
static void
count_bytes(struct check *c, u_int64_t offset, const u_char *a,
    const u_char *b, const u_char *dest, size_t len)
{
	size_t i;

	if (memcmp(a, b, len) == 0)
		return;
	for (i = 0; i < len; i++) {
		if (a[i] == b[i])
			continue;
		differs_at(c, offset + i);
		if (dest[i] == 0)
			c->zeros++;
		else
			c->others++;
	}
}

/* Compare bytes of the remote file with those of the local one. */
static void
compare_bytes(struct hpn_sftp_job *job, struct node *n, u_int64_t offset,
    const u_char *theirs, size_t len)
{
	struct check *c = n->check;
	u_char *ours = hpn_sftp_node_room(job, len);
	const u_char *dest = job->way->up ? theirs : ours;
	ssize_t got;

	if ((got = hpn_sftp_node_read_at(n->fd, ours, len, offset)) == -1) {
		unread(job, n);
		return;
	}
	count_bytes(c, offset, ours, theirs, dest, got);
	if ((size_t)got < len) {
		differs_at(c, offset + got);
		c->others++;
	}
}

/* Bytes of the target, or of the source that is to be compared with them. */
static void
read_answer(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct check *c = n->check;
	const u_char *p;
	u_int status;
	size_t len;

	if ((p = hpn_sftp_answer_read(job, req, type, m, &len, &status)) ==
	    NULL) {
		if (status == SSH2_FX_EOF) {
			differs_at(c, req->offset);
			c->others++;
			return;
		}
		debug("%s does not let \"%s\" be compared: %s",
		    req->held != NULL ? "source's server" : "server",
		    req->held != NULL ? n->from : hpn_sftp_node_remote(job, n),
		    fx2txt(status));
		c->unusable = 1;
		return;
	}
	if (req->held != NULL)
		count_bytes(c, req->offset, req->held, p, req->held, len);
	else if (n->source != NULL) {
		hpn_sftp_ask_from_compare(job, n, req->offset, p, len);
		n->checks++;
	} else
		compare_bytes(job, n, req->offset, p, len);
	if (len == req->len || enough(c) || interrupted || n->failed)
		return;
	if (req->held != NULL)
		hpn_sftp_ask_from_compare(job, n, req->offset + len,
		    req->held + len, req->len - len);
	else
		hpn_sftp_ask_compare(job, n, req->offset + len, req->len - len);
	n->checks++;
}

/* ---------------------------------------------- a source on another server -- */

/*
 * The target's server has answered, and this is the other one's answer for the
 * same part.  Whatever it is that is missing: at worst all is read.
 */
static void
from_hash(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct check *c = n->check;
	struct hpn_hash_range range = req->range;
	struct hpn_sftp_hash_answer a;
	size_t i, held = req->held_len / HPN_HASH_LEN, count;

	if (type == SSH2_FXP_STATUS) {
		debug("source's server does not hash \"%s\": %s", n->from,
		    fx2txt(hpn_sftp_answer_status(job, type, m)));
		c->unusable = 1;
		return;
	}
	if (type != SSH2_FXP_EXTENDED_REPLY)
		fatal("Expected SSH2_FXP_EXTENDED_REPLY(%u) packet, got %u",
		    SSH2_FXP_EXTENDED_REPLY, type);
	if (hpn_sftp_hash_get_answer(m, &range, &a) != 0 ||
	    a.count > HASH_ROOM) {
		nonsense(job, c);
		return;
	}
	/* The last one of a part that goes on is of fewer bytes than a block. */
	count = a.count;
	if (a.hashed < range.length)
		count = a.hashed / range.block;
	for (i = 0; i < count && i < held && i < a.count; i++) {
		if (memcmp(req->held + i * HPN_HASH_LEN,
		    a.hashes + i * HPN_HASH_LEN, HPN_HASH_LEN) != 0) {
			differs_at(c, range.offset + i * range.block);
			return;
		}
	}
	if (a.hashed >= range.length)
		return;
	range.offset += i * range.block;
	range.length -= i * range.block;
	if (a.ended)
		differs_at(c, range.offset);
	else if (i == 0)
		c->unusable = 1;
	else if (!enough(c) && !interrupted && !n->failed) {
		hpn_sftp_ask_from_hash(job, n, &range, req->held +
		    i * HPN_HASH_LEN, (held - i) * HPN_HASH_LEN);
		n->checks++;
	}
}

void
hpn_sftp_check_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;
	int probe = req->ask == ASK_HASH && req->range.block == PROBE_BLOCK;

	n->checks--;
	if (probe)
		probe_answer(job, n, req, type, m);
	/* Not if the file has failed since, and was closed. */
	if (n->check != NULL && (n->fd != -1 || n->source != NULL)) {
		if (probe)
			;
		else if (req->held != NULL && req->ask == ASK_HASH)
			from_hash(job, n, req, type, m);
		else if (req->ask == ASK_HASH)
			hash_answer(job, n, req, type, m);
		else
			read_answer(job, n, req, type, m);
		if (alone(n)) {
			free(req->held);
			req->held = NULL;
			hpn_sftp_node_list(n, &job->want);
			hpn_sftp_check_send(job, n);
			return;
		}
		hpn_sftp_check_verify_more(job, n);
	}
	free(req->held);
	req->held = NULL;
	/* It may be all that the file's end waited for. */
	job->way->check_end(job, n);
}

/* -------------------------------------------------------------- summary -- */

void
hpn_sftp_check_summary(struct hpn_sftp_job *job)
{
	const struct tally *t = &job->tally;

	if ((job->flags & HPN_SFTP_RESUME) != 0)
		verbose("of what was there: whole %u, continued %u, replaced "
		    "%u, refused %u; %llu bytes kept; checked by hash %u, by "
		    "reading %u, by reading the end %u, by size and time %u",
		    t->whole, t->resumed, t->replaced, t->refused,
		    (unsigned long long)t->kept_bytes,
		    t->checked[HPN_RESUME_BY_HASH],
		    t->checked[HPN_RESUME_BY_READ],
		    t->checked[HPN_RESUME_BY_TAIL],
		    t->checked[HPN_RESUME_BY_SIZE]);
	if (!hpn_sftp_node_compares(job))
		return;
	do_log2((job->flags & (HPN_RESUME_VERIFY|HPN_SFTP_QUIET)) ==
	    HPN_RESUME_VERIFY ? SYSLOG_LEVEL_INFO : SYSLOG_LEVEL_VERBOSE,
	    "verified: %u file%s, %llu bytes by hash, %llu by reading back; "
	    "not verified: %u",
	    t->verified_files, t->verified_files == 1 ? "" : "s",
	    (unsigned long long)t->verified_bytes[0],
	    (unsigned long long)t->verified_bytes[1], t->unverified_files);
}
