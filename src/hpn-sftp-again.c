/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-again: handles a server that gives two open files, or directories,
 * the same handle (hpn-handles.h detects that).
 *
 * We cannot know what such a handle read from or wrote to.  So every file and
 * directory that had it begins again.  Before that, every request with the
 * handle must be answered, the handle closed, and nothing else open.  From
 * then on one file or directory is open at a time, until the connection ends.
 * Other clients do the same.  A file that is compared after its copy is opened
 * once more for that.
 *
 * A file ends only when its handle is settled.  Before that, an answer may
 * still show that another file had the same handle.  Then the file can begin
 * again.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-handles.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-handles.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"

extern volatile sig_atomic_t interrupted;

/* ------------------------------------------------------------ begin again -- */

/* The names that this directory has given may belong to another one. */
static void
doubt(struct hpn_sftp_job *job, struct node *n)
{
	struct nodes *lists[2] = { &job->files, &job->dirs };
	struct node *child, *next;
	u_int i;

	n->listed = 0;
	for (i = 0; i < 2; i++) {
		TAILQ_FOREACH_SAFE(child, lists[i], list, next) {
			if (child->parent != n)
				continue;
			child->unreal = 1;
			hpn_sftp_node_end(job, child);
		}
	}
	hpn_sftp_node_doubt(job, n, 1);
}

static void
touch(struct hpn_sftp_job *job, struct node *n)
{
	if (n->again)
		return;
	debug("copying \"%s\" again", hpn_sftp_node_remote(job, n));
	n->again = 1;
	n->state = NODE_AGAIN;
	hpn_sftp_node_unlist(n);
	if (n->tree) {
		doubt(job, n);
		return;
	}
	job->done_bytes -= n->moved;
	job->moved_bytes -= n->moved;
	n->moved = 0;
	n->next = 0;
	n->size = 0;
	hpn_sftp_node_plan(job, n);
	job->way->undo(job, n);
}

struct sharing {
	struct nodes others;
	int wrote;
};

/* Another has the handle that was just given. */
static void
shared(void *context, void *owner)
{
	struct sharing *s = context;
	struct node *other = owner;

	if (other->wrote || other->rewrite)
		s->wrote = other->rewrite = 1;
	if (!other->again)
		hpn_sftp_node_list(other, &s->others);
}

static void
all_again(struct hpn_sftp_job *job, struct node *n, struct sharing *s)
{
	struct node *other;

	if (!job->c->shares) {
		hpn_sftp_meter_break(job);
		logit("The server gives open files one and the same handle: "
		    "what they may have mixed is copied again, one at a time");
	}
	job->c->shares = 1;
	job->c->bears = 1;
	hpn_sftp_window_bears(&job->window, 1);
	if (s->wrote)
		n->rewrite = 1;
	while ((other = TAILQ_FIRST(&s->others)) != NULL) {
		touch(job, other);
		hpn_sftp_again_check(job, other);
	}
	touch(job, n);
}

void
hpn_sftp_again_opened(struct hpn_sftp_job *job, const struct request *req,
    u_char type, struct sshbuf *m)
{
	struct hpn_handles *h = &job->handles[req->lane];
	struct node *n = req->node;
	struct sharing s;
	const u_char *p;
	size_t len;

	job->held = hpn_sftp_handles_held(job, req->id);
	/* A handle that was guessed is that of the only file there is. */
	if (type != SSH2_FXP_HANDLE || n->guess != GUESS_NONE ||
	    sshbuf_peek_string_direct(m, &p, &len) != 0)
		hpn_handles_none(h, req->id);
	else {
		n->handles++;
		/* Its own handle, not another of a part of it */
		if (req->ask != ASK_LANE_OPEN)
			n->closing = 0;
		TAILQ_INIT(&s.others);
		s.wrote = 0;
		if (hpn_handles_given(h, req->id, p, len, n, job->c->disorder,
		    shared, &s) != 0)
			all_again(job, n, &s);
	}
	hpn_sftp_handles_settle(job, req->lane, n);
}

void
hpn_sftp_again_check(struct hpn_sftp_job *job, struct node *n)
{
	if (n->asked != 0 || n->state != NODE_AGAIN || n->on != NULL)
		return;
	if (!n->closing)
		hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
	else
		hpn_sftp_node_list(n, &job->again);
}

void
hpn_sftp_again_end(struct hpn_sftp_job *job, struct node *n)
{
	if (n->again) {
		hpn_sftp_again_check(job, n);
		return;
	}
	if (n->state != NODE_CLOSING || n->asked != 0 || n->handles != 0)
		return;
	/* If it was left alone, a better message was written before. */
	if ((n->failed || n->cut) && !n->untouched)
		hpn_sftp_node_fail(job, n);
	else
		hpn_sftp_node_end(job, n);
}

void
hpn_sftp_again_do(struct hpn_sftp_job *job, struct node *n)
{
	touch(job, n);
	hpn_sftp_again_check(job, n);
}

void
hpn_sftp_again_uncount(struct node *n, struct request *req)
{
	switch (req->ask) {
	case ASK_READ:
		/* Those that wait for an answer hold nothing any more. */
	case ASK_WRITE:
		TAILQ_REMOVE(&n->data, req, list);
		break;
	case ASK_HASH:
	case ASK_COMPARE:
		n->checks--;
		break;
	case ASK_TRUNCATE:
		n->truncating--;
		break;
	default:
		break;
	}
}

void
hpn_sftp_again_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;

	hpn_sftp_again_uncount(n, req);
	switch (req->ask) {
	case ASK_OPEN:
	case ASK_OPENDIR:
		(void)hpn_sftp_answer_handle(job, n, type, m);
		break;
	case ASK_CLOSE:
		if (n->tree)
			job->dirs_open--;
		else
			job->files_open--;
		break;
	default:
		break;
	}
	hpn_sftp_again_check(job, n);
}

/* It is as it was before it was opened. */
static void
renew(struct hpn_sftp_job *job, struct node *n)
{
	job->way->forget(job, n);
	if (n->homed)
		hpn_sftp_node_home(job, n, 0);
	free(n->small);
	n->small = NULL;
	n->small_len = 0;
	n->next = n->high = n->begun = n->least = 0;
	n->bad = n->end = UINT64_MAX;
	n->eof = n->modified = n->opened = n->step = n->failed = 0;
	n->untouched = n->readonly = n->writeonly = n->unhashed = 0;
	n->denied = n->second = n->wrote = n->cut = 0;
	n->denials = n->refusals = 0;
	n->dest.size = n->dest.mtime = 0;
}

int
hpn_sftp_again_wait(struct hpn_sftp_job *job, struct node *n)
{
	if (!job->c->shares || job->files_open + job->dirs_open == 0)
		return 0;
	hpn_sftp_node_list(n, &job->again);
	return 1;
}

void
hpn_sftp_again_begin(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_unlist(n);
	if (!n->again) {
		job->way->open(job, n);
		return;
	}
	free(n->handle);
	n->handle = NULL;
	n->handle_len = 0;
	n->again = 0;
	n->redone = 1;
	if (n->tree) {
		n->relist = 1;
		n->failed = 0;
		job->way->open(job, n);
		return;
	}
	renew(job, n);
	if (n->spoilt) {
		hpn_sftp_meter_break(job);
		error("\"%s\" cannot be written again", n->to);
		hpn_sftp_node_fail(job, n);
	} else
		job->way->begin(job, n);
}

static void
drop(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_unlist(n);
	n->again = 0;
	if (!n->tree) {
		hpn_sftp_node_fail(job, n);
		return;
	}
	n->failed = 1;
	n->state = NODE_CHILDREN;
	hpn_sftp_node_dir_listed(job, n);
}

void
hpn_sftp_again_drop_all(struct hpn_sftp_job *job)
{
	struct node *n, *next;

	/*
	 * A late answer may still show that another file has this handle:
	 * until it is settled, the list of handles points to its owner.
	 */
	TAILQ_FOREACH_SAFE(n, &job->again, list, next) {
		if (n->handles == 0)
			drop(job, n);
	}
}

/* ------------------------------------------------------------ directories -- */

int
hpn_sftp_again_listed(struct hpn_sftp_job *job, struct node *n, const char *to)
{
	struct node *child;

	if (!n->relist || (child = hpn_sftp_node_claimed(job, to)) == NULL ||
	    child->parent != n || !child->doubt || strcmp(child->to, to) != 0)
		return 0;
	child->doubt = 0;
	return 1;
}

void
hpn_sftp_again_list_end(struct hpn_sftp_job *job, struct node *n)
{
	if (n->relist)
		hpn_sftp_node_doubt(job, n, 0);
	n->relist = 0;
}
