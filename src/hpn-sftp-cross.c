/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-cross: from one server to another.  See hpn-sftp-cross.h.
 *
 * Each file is opened at its source, then at its target.  A small one is read
 * first: both may be the same file, so it can be truncated then without harm.  A
 * larger one is written over and gets its length at the end.
 *
 * Neither server is trusted.  What the source's server tells becomes names and
 * sizes at the other one: a name that is not one component of a path is refused.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-resume.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-cross.h"
#include "hpn-sftp-full.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-open.h"
#include "hpn-sftp-source.h"
#include "hpn-sftp-target.h"
#include "hpn-sftp-window.h"
#include "hpn-sftp-wish.h"
#include "hpn-wish.h"

extern volatile sig_atomic_t interrupted;

/* A file's; n->source is its first member. */
struct cross {
	struct where from;
	int open;		/* counts as one of the job's open files */
	int to_open;		/* there is a handle at the target */
	int emptied;		/* what was there was truncated */
};

static void open_to(struct hpn_sftp_job *, struct node *);
static void send_more(struct hpn_sftp_job *, struct node *);

static struct cross *
cross(const struct node *n)
{
	return (struct cross *)n->source;
}

/* ------------------------------------------------------------ two servers -- */

void
hpn_sftp_cross_begin(struct hpn_sftp_job *job, struct hpn_sftp_conn *from)
{
	struct hpn_sftp_lanes *l = &job->c->lanes;
	struct hpn_sftp_lane *lane = &l->lane[HPN_SFTP_FROM];

	if (hpn_sftp_wish_waits() != 0)
		fatal("-X nospace=wait reads what found no space again from a "
		    "local file: it cannot be used with -3");
	if (hpn_sftp_wish_sparse())
		fatal("-X sparse=yes sees holes in local files only: it cannot "
		    "be used with -3");
	hpn_sftp_lanes_end(l);
	l->n = 1;
	job->from = from;
	/* There is one lane to the target: no more are asked for. */
	job->most_lanes = l->several.most;
	l->several.most = 1;
	memset(lane, 0, sizeof(*lane));
	lane->io = from->io;
	lane->fd = -1;
	lane->ready = 1;
	l->n = HPN_SFTP_FROM + 1;
	/* An id must mean the same request in both. */
	if ((int)(*from->next_id - *job->c->next_id) > 0)
		*job->c->next_id = *from->next_id;
	job->newest[0] = job->newest[HPN_SFTP_FROM] = *job->c->next_id - 1;
	/* A request is one there and one here. */
	if (job->window.fixed)
		job->window.requests *= 2;
	job->can_hash = job->c->can_hash;
	if (!from->can_hash)
		job->c->can_hash = 0;
	if (from->bears != 0)
		hpn_sftp_window_bears(&job->window, from->bears);
}

void
hpn_sftp_cross_end(struct hpn_sftp_job *job)
{
	struct hpn_sftp_lanes *l = &job->c->lanes;
	struct hpn_sftp_lane *lane = &l->lane[HPN_SFTP_FROM];

	*job->from->next_id = *job->c->next_id;
	if (lane->io != NULL)
		hpn_sftp_io_settle(lane->io);
	lane->io = NULL;
	lane->ready = 0;
	l->n = 1;
	l->several.most = job->most_lanes;
	job->c->can_hash = job->can_hash;
	hpn_sftp_conn_forget(job->from, 1);
}

u_int64_t
hpn_sftp_cross_trip(struct hpn_sftp_job *job, u_int lane, u_int64_t took_ns)
{
	u_int64_t *trip = &job->trip_ns[lane == HPN_SFTP_FROM];

	if (took_ns != 0 && (*trip == 0 || took_ns < *trip))
		*trip = took_ns;
	if (job->trip_ns[0] == 0 || job->trip_ns[1] == 0)
		return 0;
	return job->trip_ns[0] + job->trip_ns[1];
}

u_int64_t
hpn_sftp_cross_handles(const struct hpn_sftp_job *job)
{
	u_int64_t a = job->c->handles, b = job->from->handles;

	return a == 0 || (b != 0 && b < a) ? b : a;
}

/*
 * A server that gives two open files one handle: what was read or written through
 * it cannot be told apart, and stock's loop has one file open at a time.
 */
void
hpn_sftp_cross_opened(struct hpn_sftp_job *job)
{
	if (!job->c->shares)
		return;
	hpn_sftp_meter_break(job);
	fatal("A server gives open files one and the same handle: what was "
	    "being copied may be mixed.  Copy it again with "
	    "-o HPNDisabled=yes, which has one file open at a time");
}

/* ------------------------------------------------------------------ files -- */

static void
small_free(struct node *n)
{
	free(n->small);
	n->small = NULL;
	n->small_len = 0;
}

/* What is open is closed, and then the file ends. */
static void
close_both(struct hpn_sftp_job *job, struct node *n)
{
	struct cross *x = cross(n);

	hpn_sftp_node_unlist(n);
	n->state = NODE_CLOSING;
	if (x->to_open)
		hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
	if (x->from.handle != NULL)
		hpn_sftp_ask_lane_handle(job, n, n->source, ASK_CLOSE,
		    SSH2_FXP_CLOSE);
	x->to_open = 0;
	if (n->asked == 0)
		hpn_sftp_target_check(job, n);
}

/* The data may begin, at n->next. */
static void
begin_data(struct hpn_sftp_job *job, struct node *n)
{
	n->state = NODE_DATA;
	if (cross(n)->to_open) {
		if (job->flags & HPN_SFTP_RESUME)
			hpn_sftp_check_probe(job, n);
		if (n->check != NULL || hpn_sftp_node_verifies(job))
			hpn_sftp_check_verify_begin(job, n);
	}
	hpn_sftp_meter_file(job, n, n->from, n->size, n->next);
	hpn_sftp_node_list(n, &job->want);
	send_more(job, n);
}

/* Also called for what was refused while others were open. */
static void
open_it(struct hpn_sftp_job *job, struct node *n)
{
	if (n->tree) {
		hpn_sftp_source_open_dir(job, n);
		return;
	}
	if (cross(n)->from.handle != NULL) {
		open_to(job, n);
		return;
	}
	n->state = NODE_OPENING;
	cross(n)->open = 1;
	job->files_open++;
	hpn_sftp_ask_from_open(job, n);
}

static void
open_to(struct hpn_sftp_job *job, struct node *n)
{
	u_int mode = SSH2_FXF_WRITE|SSH2_FXF_CREAT;
	Attrib a;

	hpn_sftp_target_attributes(job, n, &a);
	if ((job->flags & HPN_SFTP_RESUME) || hpn_sftp_node_verifies(job))
		mode |= SSH2_FXF_READ;
	/* What is interrupted must be open to the next attempt. */
	if (job->flags & HPN_SFTP_RESUME)
		a.perm |= S_IRUSR|S_IWUSR;
	cross(n)->emptied = n->small != NULL;
	if (n->small != NULL)
		mode |= SSH2_FXF_TRUNC;
	if (hpn_sftp_wish_only_new(n))
		mode |= SSH2_FXF_EXCL;
	n->state = NODE_OPENING;
	if (!cross(n)->open)
		job->files_open++;
	cross(n)->open = 1;
	hpn_sftp_ask_open(job, n, n->to, mode, &a);
}

/* The attributes of the file are known. */
static void
begin_known(struct hpn_sftp_job *job, struct node *n)
{
	debug2("crossload src \"%s\" to dst \"%s\"", n->from, n->to);
	if ((n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
	    !S_ISREG(n->a.perm)) {
		hpn_sftp_meter_break(job);
		error("download \"%s\": not a regular file", n->from);
		hpn_sftp_node_fail(job, n);
		return;
	}
	if ((n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0)
		n->a.perm = 0666;
	n->size = n->a.flags & SSH2_FILEXFER_ATTR_SIZE ? n->a.size : 0;
	if (n->parent == NULL && !n->looked)
		hpn_sftp_node_count(job, n, n->size);
	if (hpn_sftp_target_look(job, n))
		return;
	hpn_sftp_node_plan(job, n);
	n->source = xcalloc(1, sizeof(struct cross));
	n->source->lane = HPN_SFTP_FROM;
	n->ahead = 1;
	open_it(job, n);
}

/* The attributes of what is at the target, which may be left as it is. */
static void
looked(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	struct hpn_wish_file source = { UINT64_MAX, UINT64_MAX, 1 };

	if (n->a.flags & SSH2_FILEXFER_ATTR_SIZE)
		source.size = n->a.size;
	if (n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		source.mtime = n->a.mtime;
	switch (hpn_sftp_target_looked(job, n, type, m, &source)) {
	case 0:
		begin_known(job, n);
		break;
	case 1:
		hpn_sftp_node_end(job, n);
		break;
	}
}

static void
opened_from(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;
	int r;

	if ((r = hpn_sftp_open_answer(job, n, type, m, &job->files_open,
	    &status)) != 0)
		cross(n)->open = 0;
	if (r == 1)
		return;
	if (r == -1) {
		error("origin open \"%s\": %s", n->from, fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return;
	}
	n->source->handle = n->handle;
	n->source->handle_len = n->handle_len;
	n->handle = NULL;
	n->handle_len = 0;
	/* Nothing is made at the target any more. */
	if (interrupted) {
		n->cut = 1;
		close_both(job, n);
		return;
	}
	/* Limits may have come with the handle. */
	n->buflen = MINIMUM(*job->from->download_buflen,
	    *job->c->upload_buflen);
	if (n->size != 0 && (job->flags & HPN_SFTP_RESUME) == 0 &&
	    n->size < MINIMUM(HPN_SFTP_TARGET_SMALL, n->buflen)) {
		n->small = xmalloc(n->size + 1);
		begin_data(job, n);
	} else
		open_to(job, n);
}

static void
opened_to(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;
	int r;

	/* One of those that are open is its own source. */
	job->held = job->held != 0 ? job->held - 1 : 0;
	if ((r = hpn_sftp_open_answer(job, n, type, m, &job->files_open,
	    &status)) != 0)
		cross(n)->open = 0;
	if (r == 1)
		return;
	if (r == -1) {
		error("dest open \"%s\": %s", n->to, fx2txt(status));
		n->failed = 1;
		close_both(job, n);
		return;
	}
	cross(n)->to_open = 1;
	n->buflen = MINIMUM(*job->from->download_buflen,
	    *job->c->upload_buflen);
	if (job->flags & HPN_SFTP_RESUME)
		hpn_sftp_ask_handle(job, n, ASK_FSTAT, SSH2_FXP_FSTAT);
	else
		begin_data(job, n);
}

/* What is there, which is to be gone on with. */
static void
resume(struct hpn_sftp_job *job, struct node *n, u_char type, struct sshbuf *m)
{
	struct hpn_resume_file source;
	Attrib there;
	u_int status;

	if ((status = hpn_sftp_answer_attrib(job, type, m, &there)) !=
	    SSH2_FX_OK || (there.flags & SSH2_FILEXFER_ATTR_SIZE) == 0) {
		hpn_sftp_meter_break(job);
		error("stat remote \"%s\": %s", n->to, status == SSH2_FX_OK ?
		    "the server does not tell its size" : fx2txt(status));
		n->failed = n->untouched = 1;
		close_both(job, n);
		return;
	}
	/* A device has nothing to go on with. */
	n->dest.size = (there.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
	    !S_ISREG(there.perm) ? 0 : there.size;
	if (there.flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		n->dest.mtime = there.mtime;
	source.size = n->size;
	source.mtime = n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME ?
	    n->a.mtime : UINT64_MAX;
	hpn_sftp_check_begin(job, n, &source, &n->dest);
}

static void
checked(struct hpn_sftp_job *job, struct node *n, const struct hpn_resume *r)
{
	int whole = r->step == HPN_RESUME_WHOLE && r->there != 0;

	if (n->failed) {
		close_both(job, n);
		return;
	}
	n->next = n->high = n->begun;
	hpn_sftp_node_plan(job, n);
	if (whole) {
		hpn_sftp_check_free(n);
		hpn_sftp_target_tail(job, n);
		send_more(job, n);
		return;
	}
	/* Keep the trusted part until better data replace it. */
	if (r->by == HPN_RESUME_BY_SIZE)
		n->least = r->there;
	else if (n->begun < r->there)
		hpn_sftp_ask_truncate(job, n, ASK_TRUNCATE, n->begun);
	begin_data(job, n);
}

static void
verified(struct hpn_sftp_job *job, struct node *n)
{
	if (interrupted && hpn_sftp_node_verifies(job))
		n->cut = 1;
	if (n->check != NULL)
		hpn_sftp_check_free(n);
	hpn_sftp_target_tail(job, n);
}

/* All data were written, or failed. */
static void
drained(struct hpn_sftp_job *job, struct node *n)
{
	if (!n->eof && !n->failed)
		n->cut = 1;
	hpn_sftp_source_ended(job, n, n->next);
	hpn_sftp_node_unlist(n);
	/* Is it still the file whose data came? */
	if (hpn_sftp_node_compares(job) && !n->failed && !interrupted) {
		n->state = NODE_DRAIN;
		hpn_sftp_ask_lane_handle(job, n, n->source, ASK_FSTAT,
		    SSH2_FXP_FSTAT);
	} else
		hpn_sftp_check_verify_end(job, n, n->next);
}

/* All of a small file was read, or that failed. */
static void
read_small(struct hpn_sftp_job *job, struct node *n)
{
	if (n->failed || interrupted) {
		if (!n->failed)
			n->cut = 1;
		close_both(job, n);
		return;
	}
	n->next = 0;
	open_to(job, n);
}

static void
send_small(struct hpn_sftp_job *job, struct node *n)
{
	if (n->small_len != 0) {
		if (!hpn_sftp_ask_may(job, n->small_len))
			return;
		hpn_sftp_ask_write(job, n, NULL, 0, n->small, n->small_len);
	}
	n->next = n->end = n->small_len;
	hpn_sftp_node_plan(job, n);
	small_free(n);
	n->eof = 1;
	if (TAILQ_EMPTY(&n->data))
		drained(job, n);
	else
		hpn_sftp_node_unlist(n);
}

static void
send_data(struct hpn_sftp_job *job, struct node *n)
{
	size_t len;

	if (n->small != NULL && cross(n)->to_open) {
		send_small(job, n);
		return;
	}
	/* What is cut off must be before anything else is written. */
	if (n->truncating != 0)
		return;
	while (!n->eof && !n->failed && !interrupted) {
		/* A small one is asked for at once. */
		if (n->small != NULL && n->next != 0)
			break;
		if ((len = hpn_sftp_source_len(job, n)) == 0)
			break;
		if (!hpn_sftp_ask_may(job, len) ||
		    !hpn_sftp_target_may_lead(job, n, len))
			return;
		hpn_sftp_ask_read(job, n, n->source, n->next, len);
		n->next += len;
		hpn_sftp_node_plan(job, n);
	}
	if (!TAILQ_EMPTY(&n->data)) {
		hpn_sftp_node_unlist(n);
		return;
	}
	if (n->small != NULL)
		read_small(job, n);
	else
		drained(job, n);
}

/* Whether the length is to be set once the data are there. */
static int
sets_size(const struct hpn_sftp_job *job, const struct node *n)
{
	/* One that is whole, or was emptied as it was opened */
	if (!n->eof && !n->failed && !n->cut)
		return 0;
	if (cross(n)->emptied && !n->failed)
		return 0;
	/* What was there is not given up for nothing. */
	return n->next != 0 || !(n->cut || n->failed);
}

static void
send_more(struct hpn_sftp_job *job, struct node *n)
{
	if (n->state == NODE_DATA)
		send_data(job, n);
	hpn_sftp_target_send(job, n);
}

static void
ended_at(struct node *n, u_int64_t offset)
{
	n->eof = 1;
	if (offset < n->end)
		n->end = offset;
	/* One byte more than there is was asked for. */
	if (n->end < n->next)
		n->next = n->end;
}

/* Nothing comes for this request. */
static void
read_failed(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_int status)
{
	TAILQ_REMOVE(&n->data, req, list);
	if (status == SSH2_FX_EOF)
		ended_at(n, req->offset);
	else
		hpn_sftp_node_bad(job, n, req->offset, "read origin", n->from,
		    status);
}

/* More came than a small file should have: it is none. */
static void
grown(struct hpn_sftp_job *job, struct node *n)
{
	small_free(n);
	n->eof = 0;
	n->end = UINT64_MAX;
	n->next = 0;
	n->size = 0;
	hpn_sftp_node_plan(job, n);
	open_to(job, n);
}

/* What came for a small file.  Returns 0, or -1: it is none. */
static int
data_small(struct node *n, u_int64_t offset, const u_char *p, size_t len)
{
	if (offset > n->size || len > n->size - offset)
		return -1;
	memcpy(n->small + offset, p, len);
	if (offset + len > n->small_len)
		n->small_len = offset + len;
	return 0;
}

static void
data(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	u_int64_t offset = req->offset;
	const u_char *p;
	u_int status;
	size_t len;
	int done;

	if ((p = hpn_sftp_answer_read(job, req, type, m, &len, &status)) ==
	    NULL) {
		read_failed(job, n, req, status);
		return;
	}
	if (n->ahead < HPN_SFTP_SOURCE_AHEAD)
		n->ahead++;
	done = len == req->len || (n->size != 0 && offset + len == n->size);
	if (done) {
		TAILQ_REMOVE(&n->data, req, list);
		/* More was asked for than the size, and the size came. */
		if (len != req->len)
			ended_at(n, n->size);
	} else {
		/* Before the rest comes in the list what is written now. */
		req->offset += len;
		req->len -= len;
		if (len < n->buflen && n->small == NULL)
			n->buflen = MAXIMUM(HPN_SFTP_SOURCE_LEAST, len);
	}
	if (n->small != NULL) {
		if (data_small(n, offset, p, len) == -1) {
			grown(job, n);
			return;
		}
	} else if (!n->failed && offset < n->end) {
		hpn_sftp_ask_write(job, n, NULL, offset, p, len);
		if (offset + len > n->high)
			n->high = offset + len;
	}
	if (!done)
		hpn_sftp_ask_read_again(job, req);
}

static void
written(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_int status)
{
	TAILQ_REMOVE(&n->data, req, list);
	if (status == SSH2_FX_OK) {
		hpn_sftp_node_moved(job, n, req->len);
		return;
	}
	hpn_sftp_node_bad(job, n, req->offset, "write dest", n->to, status);
	hpn_sftp_full_lacked(n, status);
}

/* It was refused while others were open, and is not tried again. */
static void
drop(struct hpn_sftp_job *job, struct node *n)
{
	if (n->source != NULL && n->source->handle != NULL)
		close_both(job, n);
	else
		hpn_sftp_node_end(job, n);
}

static void
undo(struct hpn_sftp_job *job, struct node *n)
{
	/* hpn_sftp_cross_opened() ends the program. */
}

static void
cut(struct node *n)
{
}

static void
forget(struct hpn_sftp_job *job, struct node *n)
{
	if (n->check != NULL)
		hpn_sftp_check_free(n);
	if (n->source != NULL) {
		if (cross(n)->open) {
			job->files_open--;
			hpn_sftp_window_closed(&job->window);
		}
		free(n->source->handle);
		free(n->source);
		n->source = NULL;
	}
}

static void
failed(const struct node *n)
{
	error("crossload \"%s\" to \"%s\" failed", n->from, n->to);
}

/* ------------------------------------------------------------ directories -- */

/* Attributes and path of the directory are known. */
static void
dir_begin_known(struct hpn_sftp_job *job, struct node *n)
{
	if ((n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0) {
		debug("Origin did not send permissions for directory \"%s\"",
		    n->to);
		n->a.perm = S_IRWXU;
		n->a.flags |= SSH2_FILEXFER_ATTR_PERMISSIONS;
	}
	/* As sftp-client.c does here: they have times without -p as well. */
	n->a.flags &= SSH2_FILEXFER_ATTR_PERMISSIONS |
	    SSH2_FILEXFER_ATTR_ACMODTIME;
	n->a.perm &= 01777;
	if (hpn_sftp_wish_dry()) {
		hpn_sftp_source_list(job, n);
		return;
	}
	n->state = NODE_OPENING;
	hpn_sftp_target_dir_make(job, n);
}

/* ---------------------------------------------------------------- answers -- */

static void
answer(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;
	int from = req->lane == HPN_SFTP_FROM;

	if (from ? hpn_sftp_source_answer(job, req, type, m) :
	    hpn_sftp_target_answer(job, req, type, m))
		return;
	switch (req->ask) {
	case ASK_STAT:
		looked(job, n, type, m);
		return;
	case ASK_OPEN:
		if (from)
			opened_from(job, n, type, m);
		else
			opened_to(job, n, type, m);
		return;
	case ASK_READ:
		data(job, n, req, type, m);
		if (!req->again)
			hpn_sftp_source_go_on(job, n);
		return;
	case ASK_WRITE:
		written(job, n, req, hpn_sftp_answer_status(job, type, m));
		if (n->check != NULL)
			hpn_sftp_check_verify_more(job, n);
		hpn_sftp_source_go_on(job, n);
		return;
	case ASK_FSTAT:
		if (!from) {
			resume(job, n, type, m);
			return;
		}
		hpn_sftp_source_check(job, n, type, m);
		hpn_sftp_check_verify_end(job, n, n->next);
		return;
	case ASK_CLOSE:
		if (hpn_sftp_answer_done(job, "close remote", from ? n->from :
		    n->to, type, m) == -1)
			n->failed = 1;
		hpn_sftp_target_check(job, n);
		return;
	default:
		fatal_f("answer to %d", req->ask);
	}
}

const struct hpn_sftp_way hpn_sftp_cross = {
	.up = 1,
	.cross = 1,
	.begin = hpn_sftp_source_begin,
	.open = open_it,
	.send = send_more,
	.answer = answer,
	.checked = checked,
	.verified = verified,
	.check_end = hpn_sftp_target_check,
	.drop = drop,
	.undo = undo,
	.forget = forget,
	.failed = failed,
	.cut = cut,
	/* None is made before its data are on their way. */
	.may_begin = hpn_sftp_source_may_begin,
	.may_begin_dir = hpn_sftp_source_may_begin_dir,
	.walk = hpn_sftp_source_walk,
	.dir_done = hpn_sftp_target_dir_done,
	.sets_size = sets_size,
	.close = close_both,
	.dir_made = hpn_sftp_source_list,
	.known = begin_known,
	.dir_known = dir_begin_known,
	.verb = "crossload",
	.origin = "origin",
	.listing = "origin",
};
