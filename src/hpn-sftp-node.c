/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-node.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-pipe.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-node.h"
#include "hpn-sftp-window.h"
#include "hpn-sftp-wish.h"

extern volatile sig_atomic_t interrupted;

void
hpn_sftp_node_unlist(struct node *n)
{
	if (n->on != NULL)
		TAILQ_REMOVE(n->on, n, list);
	n->on = NULL;
}

void
hpn_sftp_node_list(struct node *n, struct nodes *to)
{
	hpn_sftp_node_unlist(n);
	TAILQ_INSERT_TAIL(to, n, list);
	n->on = to;
}

void
hpn_sftp_node_list_first(struct node *n, struct nodes *to)
{
	hpn_sftp_node_unlist(n);
	TAILQ_INSERT_HEAD(to, n, list);
	n->on = to;
}

/*
 * Directories in trees begin before their siblings, so that few wait.  Those
 * of the command line keep their order.
 */
void
hpn_sftp_node_later(struct hpn_sftp_job *job, struct node *n)
{
	if (!n->tree)
		hpn_sftp_node_list(n, &job->files);
	else if (n->parent == NULL)
		hpn_sftp_node_list(n, &job->dirs);
	else
		hpn_sftp_node_list_first(n, &job->dirs);
}

struct node *
hpn_sftp_node_new(struct hpn_sftp_job *job, struct node *parent,
    const char *from, const char *to, int tree, const Attrib *a)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->from = xstrdup(from);
	n->to = xstrdup(to);
	n->tree = tree;
	n->fd = -1;
	n->bad = n->end = n->hole = n->lost = n->blank = UINT64_MAX;
	if (a != NULL) {
		n->a = *a;
		n->have_attr = 1;
	}
	TAILQ_INIT(&n->blocked);
	TAILQ_INIT(&n->waiting);
	TAILQ_INIT(&n->data);
	TAILQ_INSERT_TAIL(&job->nodes, n, all);
	job->alive++;
	if ((n->parent = parent) != NULL) {
		n->depth = parent->depth + 1;
		parent->children++;
	}
	if (parent != NULL && !parent->ready)
		hpn_sftp_node_list(n, &parent->waiting);
	else
		hpn_sftp_node_later(job, n);
	return n;
}

void
hpn_sftp_node_count(struct hpn_sftp_job *job, struct node *n, u_int64_t size)
{
	if (!n->counted)
		job->all_files++;
	n->counted = 1;
	/* Nobody has more than this, whatever is said. */
	if (size <= (u_int64_t)INT64_MAX / 2 - job->all_bytes)
		job->all_bytes += size;
}

static const char *
key(const struct node *n)
{
	return n->key != NULL ? n->key : n->to;
}

/* Names that differ in case may be the same on some systems. */
static int
claim_compare(const struct node *a, const struct node *b)
{
	return strcasecmp(key(a), key(b));
}

RB_GENERATE_STATIC(claims, node, claim, claim_compare)

struct node *
hpn_sftp_node_claim(struct hpn_sftp_job *job, struct node *n)
{
	struct node *other;

	if (n->claimed)
		return NULL;
	if ((other = RB_INSERT(claims, &job->claims, n)) == NULL)
		n->claimed = 1;
	return other;
}

struct node *
hpn_sftp_node_claimed(struct hpn_sftp_job *job, const char *to)
{
	struct node wanted;

	wanted.key = NULL;
	wanted.to = (char *)to;
	return RB_FIND(claims, &job->claims, &wanted);
}

void
hpn_sftp_node_doubt(struct hpn_sftp_job *job, struct node *n, int doubt)
{
	struct node *child;

	RB_FOREACH(child, claims, &job->claims) {
		if (child->parent != n)
			continue;
		if (!doubt && child->doubt)
			child->unreal = 1;
		child->doubt = doubt;
	}
}

static void
unclaim(struct hpn_sftp_job *job, struct node *n)
{
	struct node *other;

	if (n->claimed)
		RB_REMOVE(claims, &job->claims, n);
	n->claimed = 0;
	/* The first one first again: of several the last one stays. */
	while ((other = TAILQ_LAST(&n->blocked, nodes)) != NULL)
		hpn_sftp_node_list_first(other, other->tree ? &job->dirs :
		    &job->files);
}

void
hpn_sftp_node_dir_check(struct hpn_sftp_job *job, struct node *n)
{
	if (!n->listed || n->children != 0 || n->asked != 0 ||
	    n->handles != 0 || n->state == NODE_TAIL)
		return;
	n->state = NODE_TAIL;
	job->way->dir_done(job, n);
}

static void
leave_home(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_sftp_lane *lane = &job->c->lanes.lane[n->lane];

	if (!n->homed)
		return;
	lane->homed--;
	lane->load -= n->load;
	n->homed = 0;
}

void
hpn_sftp_node_home(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	leave_home(job, n);
	n->lane = lane;
	n->load = n->size;
	n->homed = 1;
	job->c->lanes.lane[lane].homed++;
	job->c->lanes.lane[lane].load += n->load;
}

void
hpn_sftp_node_end(struct hpn_sftp_job *job, struct node *n)
{
	struct node *parent = n->parent;

	hpn_sftp_node_unlist(n);
	unclaim(job, n);
	job->planned -= n->planned;
	leave_home(job, n);
	if (job->only == n) {
		hpn_sftp_meter_break(job);
		job->only = NULL;
	}
	if (!n->tree) {
		if (n->failed && !n->counted)
			hpn_sftp_node_count(job, n, 0);
		if (n->unreal) {
			if (n->counted)
				job->all_files--;
		} else if (n->failed)
			job->failed_files++;
		else if (n->counted)
			job->done_files++;
		if (hpn_sftp_lanes_connect(&job->c->lanes))
			hpn_sftp_lanes_moved(&job->c->lanes,
			    HPN_CONNECTIONS_FILE);
	}
	if (n->failed || n->lacks) {
		job->failed = 1;
		if (parent != NULL)
			parent->lacks = 1;
	}
	hpn_sftp_wish_ended(job, n);
	if (job->way->ended != NULL)
		job->way->ended(job, n);
	if (n->fd != -1)
		close(n->fd);
	if (n->dirp != NULL)
		closedir(n->dirp);
	free(n->from);
	free(n->to);
	free(n->key);
	free(n->target);
	free(n->handle);
	free(n->small);
	job->way->forget(job, n);
	TAILQ_REMOVE(&job->nodes, n, all);
	free(n);
	job->alive--;
	if (parent != NULL) {
		parent->children--;
		hpn_sftp_node_dir_check(job, parent);
	}
}

void
hpn_sftp_node_fail(struct hpn_sftp_job *job, struct node *n)
{
	if (n->doubt || n->unreal) {
		/* A name that its directory may not have */
		n->unreal = 1;
		n->failed = 0;
		hpn_sftp_node_end(job, n);
		return;
	}
	n->only_lacks = n->lacks && !n->failed;
	n->failed = 1;
	/* If interrupted, a meter of only one file shows its name already. */
	if (n->target != NULL) {
		hpn_sftp_meter_break(job);
		error("failed to upload %s %s to %s",
		    n->tree ? "directory" : "file", n->from, n->target);
	} else if (!n->tree && (n->parent != NULL ||
	    (interrupted && job->only != n))) {
		hpn_sftp_meter_break(job);
		job->way->failed(n);
	}
	hpn_sftp_node_end(job, n);
}

void
hpn_sftp_node_dir_ready(struct hpn_sftp_job *job, struct node *n)
{
	struct node *child;

	n->ready = 1;
	while ((child = TAILQ_FIRST(&n->waiting)) != NULL)
		hpn_sftp_node_later(job, child);
}

void
hpn_sftp_node_dir_listed(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_unlist(n);
	n->listed = 1;
	hpn_sftp_node_dir_check(job, n);
}

/* ---------------------------------------------------------------- files -- */

u_char *
hpn_sftp_node_room(struct hpn_sftp_job *job, size_t len)
{
	if (job->buf_len < len) {
		free(job->buf);
		if ((job->buf = hpn_pipe_memory(len)) == NULL)
			fatal("no memory for %zu bytes of a file", len);
		job->buf_len = len;
	}
	return job->buf;
}

ssize_t
hpn_sftp_node_read_at(int fd, u_char *p, size_t len, u_int64_t offset)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = pread(fd, p + got, len - got, (off_t)(offset + got));
		if (n == -1 && errno == EINTR && !interrupted)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		got += n;
	}
	return got;
}

void
hpn_sftp_node_plan(struct hpn_sftp_job *job, struct node *n)
{
	u_int64_t left = n->size > n->next ? n->size - n->next : 0;

	/* More than this says nothing more, and must not overflow the sum */
	if (left > HPN_SFTP_WINDOW_MAX)
		left = HPN_SFTP_WINDOW_MAX;
	job->planned += left;
	job->planned -= n->planned;
	n->planned = left;
}

void
hpn_sftp_node_moved(struct hpn_sftp_job *job, struct node *n, u_int64_t bytes)
{
	u_int64_t loaded = MINIMUM(bytes, n->load);

	n->moved += bytes;
	job->done_bytes += bytes;
	job->moved_bytes += bytes;
	/* Down, one that is being closed keeps nobody from its connection. */
	if (n->homed && !job->way->up) {
		n->load -= loaded;
		job->c->lanes.lane[n->lane].load -= loaded;
	}
	hpn_sftp_window_delivered(&job->window, bytes, hpn_clock_ns());
	hpn_sftp_lanes_moved(&job->c->lanes, bytes);
}

void
hpn_sftp_node_bad(struct hpn_sftp_job *job, struct node *n, u_int64_t offset,
    const char *what, const char *path, u_int status)
{
	if (!n->failed) {
		hpn_sftp_meter_break(job);
		error("%s \"%s\": %s", what, path, fx2txt(status));
	}
	n->failed = 1;
	if (offset < n->bad)
		n->bad = offset;
}

u_int64_t
hpn_sftp_node_whole(const struct node *n)
{
	const struct request *req = TAILQ_FIRST(&n->data);
	u_int64_t end = n->next;

	if (req != NULL && req->offset < end)
		end = req->offset;
	if (n->bad < end)
		end = n->bad;
	if (n->hole < end)
		end = n->hole;
	if (n->lost < end)
		end = n->lost;
	return end;
}

int
hpn_sftp_node_verifies(const struct hpn_sftp_job *job)
{
	if (job->flags & HPN_RESUME_VERIFY)
		return 1;
	return (job->flags & HPN_SFTP_RESUME) != 0 &&
	    (job->flags & HPN_RESUME_NOVERIFY) == 0 && job->c->can_hash;
}

const char *
hpn_sftp_node_remote(const struct hpn_sftp_job *job, const struct node *n)
{
	return job->way->up ? n->to : n->from;
}

const char *
hpn_sftp_node_local(const struct hpn_sftp_job *job, const struct node *n)
{
	return job->way->up ? n->from : n->to;
}

int
hpn_sftp_node_second(const struct hpn_sftp_job *job, const struct node *n)
{
	return job->c->shares && n->check != NULL && n->second == 0 &&
	    !n->failed && !interrupted;
}

int
hpn_sftp_node_may_name(const struct hpn_sftp_job *job, const struct node *n)
{
	/* One that has few may end, and make room for others. */
	return job->alive < JOB_NODES || n->children < 128;
}

int
hpn_sftp_node_compares(const struct hpn_sftp_job *job)
{
	return (job->flags & (HPN_SFTP_RESUME|HPN_RESUME_VERIFY)) != 0;
}
