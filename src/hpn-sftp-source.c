/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-source.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "misc.h"
#include "ssherr.h"
#include "sshbuf.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-names.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-open.h"
#include "hpn-sftp-source.h"
#include "hpn-sftp-window.h"
#include "hpn-sftp-wish.h"

extern volatile sig_atomic_t interrupted;

/* As in sftp-client.c */
#define MAX_DIR_DEPTH	64
#ifdef HAVE_CYGWIN
# define DIRECTORY_CHARS	"/\\"
#else
# define DIRECTORY_CHARS	"/"
#endif
/* Asked for before the file is known to be open: more than TCP begins with. */
#ifndef AHEAD_BYTES
# define AHEAD_BYTES	(1024 * 1024)
#endif
/* Requests for names under way for a directory. */
#define NAMES_MAX	8
/* Names taken from the list before answers are looked at again. */
#define NAMES_LISTED	64
/* Memory of a job for what has come until what comes before it is there. */
#define HELD_MAX	(64 * 1024 * 1024)

/* ---------------------------------------------------------------- files -- */

size_t
hpn_sftp_source_len(const struct hpn_sftp_job *job, const struct node *n)
{
	u_int64_t left;

	if (n->next > INT64_MAX - n->buflen)
		return 0;
	/* The rest has longer requests, once the server's longest is known. */
	if (n->guess != GUESS_NONE && n->next >= AHEAD_BYTES)
		return 0;
	/*
	 * The answer to a file's first request need never be held.  So every
	 * file has a request under way, and goes on with its answer.
	 */
	if (job->held_bytes > HELD_MAX && !TAILQ_EMPTY(&n->data))
		return 0;
	if (n->size == 0 || n->next > n->size)
		return n->asked - n->checks < n->ahead ? n->buflen : 0;
	if ((left = n->size - n->next) == 0)
		return n->buflen;	/* nothing should be there */
	/* One more than there should be: if it is not there, that was all. */
	return left < n->buflen ? left + 1 : n->buflen;
}

void
hpn_sftp_source_go_on(struct hpn_sftp_job *job, struct node *n)
{
	if (n->state == NODE_DATA && n->on == NULL) {
		hpn_sftp_node_list(n, &job->want);
		job->way->send(job, n);
	}
}

/*
 * A source that ends before its size is not copied by jobs that compare: the
 * next attempt would find all there.  Others are, as OpenSSH does.
 */
void
hpn_sftp_source_ended(struct hpn_sftp_job *job, struct node *n, u_int64_t end)
{
	if (!hpn_sftp_node_compares(job) || n->failed || interrupted ||
	    (n->a.flags & SSH2_FILEXFER_ATTR_SIZE) == 0 || end >= n->a.size)
		return;
	hpn_sftp_meter_break(job);
	error("\"%s\" ended after %llu of %llu bytes; copy it again", n->from,
	    (unsigned long long)end, (unsigned long long)n->a.size);
	n->failed = 1;
}

void
hpn_sftp_source_check(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	Attrib a;

	if (hpn_sftp_answer_attrib(job, type, m, &a) == SSH2_FX_OK &&
	    ((a.flags & SSH2_FILEXFER_ATTR_SIZE) == 0 ||
	    !hpn_sftp_wish_grew(a.size, MINIMUM(n->end, n->next))) &&
	    (((a.flags & n->a.flags & SSH2_FILEXFER_ATTR_SIZE) &&
	    a.size != n->a.size) ||
	    ((a.flags & n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) &&
	    a.mtime != n->a.mtime)))
		hpn_sftp_check_changed(job, n);
}

int
hpn_sftp_source_may_begin(const struct hpn_sftp_job *job)
{
	return hpn_sftp_window_may_open(&job->window, job->files_open,
	    job->planned);
}

/* ---------------------------------------------------------- directories -- */

/* Attributes and path are known. */
static void
dir_known(struct hpn_sftp_job *job, struct node *n)
{
	if (S_ISDIR(n->a.perm)) {
		job->way->dir_known(job, n);
		return;
	}
	hpn_sftp_meter_break(job);
	error("\"%s\" is not a directory", n->from);
	hpn_sftp_node_fail(job, n);
}

static void
dir_begin(struct hpn_sftp_job *job, struct node *n)
{
	debug2("%s dir \"%s\" to \"%s\"", job->way->verb, n->from, n->to);
	if (job->way->cross)
		n->lane = HPN_SFTP_FROM;
	if (n->depth >= MAX_DIR_DEPTH) {
		error("Maximum directory depth exceeded: %d levels", n->depth);
		hpn_sftp_node_fail(job, n);
		return;
	}
	if (n->parent == NULL)
		hpn_sftp_ask_from_path(job, n, ASK_REALPATH, SSH2_FXP_REALPATH,
		    n->from);
	else
		dir_known(job, n);
}

static void
dir_path(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;
	char *path;

	if ((path = hpn_sftp_answer_path(job, type, m, &status)) == NULL) {
		hpn_sftp_meter_break(job);
		error("%s \"%s\": path canonicalization failed: %s",
		    job->way->verb, n->from, fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return;
	}
	free(n->from);
	n->from = path;
	if (n->have_attr)
		dir_known(job, n);
	else
		hpn_sftp_ask_from_path(job, n, ASK_STAT, SSH2_FXP_STAT,
		    n->from);
}

void
hpn_sftp_source_open_dir(struct hpn_sftp_job *job, struct node *n)
{
	n->state = NODE_OPENING;
	job->dirs_open++;
	hpn_sftp_ask_from_path(job, n, ASK_OPENDIR, SSH2_FXP_OPENDIR, n->from);
}

void
hpn_sftp_source_list(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_dir_ready(job, n);
	if (n->named) {
		n->state = NODE_DATA;
		hpn_sftp_node_list_first(n, &job->walking);
	} else
		job->way->open(job, n);
}

/* Take some names from the list instead of the server's. */
static void
walk_listed(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_names_part part;
	char *name, *from, *to;
	u_int i;

	for (i = 0; i < NAMES_LISTED; i++) {
		if (!hpn_sftp_wish_next(n, &part, &name)) {
			n->state = NODE_CHILDREN;
			hpn_sftp_node_dir_listed(job, n);
			return;
		}
		from = sftp_path_append(n->from, name);
		to = sftp_path_append(n->to, name);
		/* Its attributes will tell what it is. */
		hpn_sftp_wish_part(hpn_sftp_node_new(job, n, from, to, 0, NULL),
		    &part);
		free(from);
		free(to);
		free(name);
	}
}

static void
walk_one(struct hpn_sftp_job *job, struct node *n)
{
	u_int ahead = job->alive < JOB_NODES ? n->ahead : 1;

	if (n->named) {
		walk_listed(job, n);
		return;
	}
	while (n->asked < ahead && hpn_sftp_ask_may(job, 0))
		hpn_sftp_ask_handle(job, n, ASK_READDIR, SSH2_FXP_READDIR);
}

/* Whether this directory may give more names now. */
static int
may_walk(const struct hpn_sftp_job *job, const struct node *n)
{
	/* Others may wait for this one to be closed. */
	return job->window.bears == 1 || job->nrefused != 0 ||
	    !TAILQ_EMPTY(&job->again) || hpn_sftp_node_may_name(job, n);
}

void
hpn_sftp_source_walk(struct hpn_sftp_job *job)
{
	struct node *n, *next;

	TAILQ_FOREACH_SAFE(n, &job->walking, list, next)
		if (may_walk(job, n) && hpn_sftp_ask_may(job, 0))
			walk_one(job, n);
}

static void
dir_opened(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;
	int r;

	if ((r = hpn_sftp_open_answer(job, n, type, m, &job->dirs_open,
	    &status)) == 1)
		return;
	if (r == -1) {
		error("remote readdir(\"%s\"): %s", n->from, fx2txt(status));
		error("%s readdir \"%s\" failed", job->way->listing, n->from);
		n->failed = 1;
		hpn_sftp_node_dir_listed(job, n);
		return;
	}
	n->state = NODE_DATA;
	n->ahead = 1;
	hpn_sftp_node_list_first(n, &job->walking);
	walk_one(job, n);
}

int
hpn_sftp_source_may_begin_dir(const struct hpn_sftp_job *job)
{
	const struct node *n;
	u_int waiting = 0;

	if (!hpn_sftp_window_may_hold(&job->window, job->files_open +
	    job->dirs_open))
		return 0;
	/* One at a time: what is known comes first, or it would pile up. */
	if (job->window.bears == 1 && job->alive >= JOB_NODES &&
	    !TAILQ_EMPTY(&job->files))
		return 0;
	if (job->dirs_open < job->window.dirs)
		return 1;
	/* Those that wait until others are done must not keep them from it. */
	TAILQ_FOREACH(n, &job->walking, list)
		if (!may_walk(job, n))
			waiting++;
	return job->dirs_open - waiting < job->window.dirs;
}

/* There are no more names to come, or none are wanted. */
static void
dir_end(struct hpn_sftp_job *job, struct node *n)
{
	if (n->state != NODE_DATA)
		return;
	n->state = NODE_CHILDREN;
	hpn_sftp_again_list_end(job, n);
	hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
	hpn_sftp_node_dir_listed(job, n);
}

static void
name(struct hpn_sftp_job *job, struct node *n, const char *filename,
    const Attrib *a)
{
	char *from, *to;

	if (strcmp(filename, ".") == 0 || strcmp(filename, "..") == 0)
		return;
	/* As in sftp-client.c: such names would lead somewhere else. */
	if (*filename == '\0' || strpbrk(filename, DIRECTORY_CHARS) != NULL) {
		hpn_sftp_meter_break(job);
		error("Server sent suspect path \"%s\" during readdir of "
		    "\"%s\"", filename, n->from);
		return;
	}
	/* What a link leads to has to be known first. */
	if (!S_ISLNK(a->perm) &&
	    !hpn_sftp_wish_takes(n, filename, S_ISDIR(a->perm)))
		return;
	from = sftp_path_append(n->from, filename);
	to = sftp_path_append(n->to, filename);
	if (hpn_sftp_again_listed(job, n, to))
		;
	else if (S_ISLNK(a->perm) && (job->flags & HPN_SFTP_FOLLOW))
		/* As a file for now; its attributes will tell. */
		hpn_sftp_node_new(job, n, from, to, 0, NULL);
	else if (S_ISDIR(a->perm))
		hpn_sftp_node_new(job, n, from, to, 1, a);
	else if (S_ISREG(a->perm))
		hpn_sftp_node_count(job, hpn_sftp_node_new(job, n, from, to, 0,
		    a), a->flags & SSH2_FILEXFER_ATTR_SIZE ? a->size : 0);
	else {
		logit("%s \"%s\": not a regular file", job->way->origin, from);
		hpn_sftp_wish_passed(n, filename);
	}
	free(from);
	free(to);
}

/* A server that has no end of names must not take all our memory. */
static int
too_many(struct hpn_sftp_job *job, struct node *n)
{
	if (!job->overfull) {
		if (job->alive < JOB_NODES_MAX)
			return 0;
		hpn_sftp_meter_break(job);
		error("remote readdir \"%s\": too many names at a time; "
		    "nothing more is begun, copy less at once", n->from);
		job->overfull = 1;
	}
	n->failed = 1;
	dir_end(job, n);
	return 1;
}

static void
names(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	char *filename;
	u_int status, count, i;
	Attrib a;
	int r;

	if (type == SSH2_FXP_STATUS) {
		if ((status = hpn_sftp_answer_status(job, type, m)) !=
		    SSH2_FX_EOF && n->state == NODE_DATA) {
			hpn_sftp_meter_break(job);
			error("Couldn't read directory: %s", fx2txt(status));
			error("%s readdir \"%s\" failed", job->way->listing,
			    n->from);
			n->failed = 1;
		}
		dir_end(job, n);
		return;
	}
	if (type != SSH2_FXP_NAME)
		fatal("Expected SSH2_FXP_NAME(%u) packet, got %u",
		    SSH2_FXP_NAME, type);
	if ((r = sshbuf_get_u32(m, &count)) != 0)
		fatal_fr(r, "parse count");
	if (count == 0) {
		dir_end(job, n);
		return;
	}
	for (i = 0; i < count; i++) {
		if ((r = sshbuf_get_cstring(m, &filename, NULL)) != 0 ||
		    (r = sshbuf_skip_string(m)) != 0 ||
		    (r = decode_attrib(m, &a)) != 0)
			fatal_fr(r, "parse names");
		/* Answers may come in any order: after the end as well. */
		if (!interrupted && !too_many(job, n))
			name(job, n, filename, &a);
		free(filename);
	}
	if (n->ahead < NAMES_MAX)
		n->ahead *= 2;
}

/* ----------------------------------------------------------------- both -- */

void
hpn_sftp_source_begin(struct hpn_sftp_job *job, struct node *n)
{
	if (n->tree)
		dir_begin(job, n);
	else if (n->have_attr)
		job->way->known(job, n);
	else {
		/* Counts as open from here: it will be with the answer. */
		n->state = NODE_STAT;
		job->files_open++;
		hpn_sftp_ask_from_path(job, n, ASK_STAT, SSH2_FXP_STAT,
		    n->from);
	}
}

static void
attributes(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;

	if (!n->tree)
		job->files_open--;	/* the way's known() counts it again */
	if ((status = hpn_sftp_answer_attrib(job, type, m, &n->a)) !=
	    SSH2_FX_OK) {
		hpn_sftp_meter_break(job);
		if (n->parent != NULL)
			logit("remote stat \"%s\" failed: %s", n->from,
			    fx2txt(status));
		else
			error("stat remote \"%s\": %s", n->from,
			    fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return;
	}
	n->have_attr = 1;
	if (n->tree) {
		dir_known(job, n);
		return;
	}
	if (n->parent != NULL) {
		/* A symbolic link, to be followed, or a name of the list */
		if (!hpn_sftp_wish_takes_node(n, S_ISDIR(n->a.perm))) {
			n->unreal = 1;
			hpn_sftp_node_end(job, n);
			return;
		}
		if (hpn_sftp_wish_kind(n, S_ISDIR(n->a.perm)) == -1) {
			hpn_sftp_node_fail(job, n);
			return;
		}
		if (S_ISDIR(n->a.perm)) {
			n->tree = 1;
			dir_begin(job, n);
			return;
		}
		if (!S_ISREG(n->a.perm)) {
			logit("%s \"%s\": not a regular file",
			    job->way->origin, n->from);
			n->outcome = HPN_NAMES_SKIPPED;
			hpn_sftp_node_end(job, n);
			return;
		}
		hpn_sftp_node_count(job, n, n->a.flags & SSH2_FILEXFER_ATTR_SIZE
		    ? n->a.size : 0);
	}
	job->way->known(job, n);
}

int
hpn_sftp_source_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;

	switch (req->ask) {
	case ASK_STAT:
		attributes(job, n, type, m);
		return 1;
	case ASK_REALPATH:
		dir_path(job, n, type, m);
		return 1;
	case ASK_OPENDIR:
		dir_opened(job, n, type, m);
		return 1;
	case ASK_READDIR:
		names(job, n, type, m);
		return 1;
	case ASK_CLOSE:
		if (!n->tree)
			return 0;
		job->dirs_open--;
		if (hpn_sftp_answer_done(job, "close remote", n->from, type,
		    m) == -1)
			n->failed = 1;
		return 1;
	default:
		return 0;
	}
}
