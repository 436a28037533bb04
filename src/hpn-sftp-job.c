/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-job: what is begun when, which answer belongs to whom, and what
 * becomes of the whole.  See hpn-sftp-job.h and hpn-sftp-node.h.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "atomicio.h"
#include "log.h"
#include "misc.h"
#include "progressmeter.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-sftp-conn.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-node.h"
#include "hpn-sftp-plain.h"
#include "hpn-sftp-window.h"

extern volatile sig_atomic_t interrupted;
extern int showprogress;

/* So many that were refused are put off, each with its local file open. */
#define REFUSED_MAX	8
/* What scp was told to end is given so long to leave nothing half done. */
#define END_NS		2000000000ULL
#define END_WAIT_MS	100
/* The job's line is composed so often at most. */
#define LABEL_NS	200000000ULL

/* ---------------------------------------------------------------- nodes -- */

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
hpn_sftp_node_new(struct hpn_sftp_job *job, struct node *parent, const char
    *from, const char *to, int tree, const Attrib *a)
{
	struct node *n = xcalloc(1, sizeof(*n));

	n->from = xstrdup(from);
	n->to = xstrdup(to);
	n->tree = tree;
	n->fd = -1;
	n->bad = n->end = UINT64_MAX;
	if (a != NULL) {
		n->a = *a;
		n->have_attr = 1;
	}
	TAILQ_INIT(&n->blocked);
	TAILQ_INIT(&n->waiting);
	TAILQ_INIT(&n->data);
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

/*
 * The destination is n's until it ends, unless it is another's: then that one
 * is returned.
 */
static struct node *
claim(struct hpn_sftp_job *job, struct node *n)
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
	if (job->flags & HPN_SFTP_UP)
		hpn_sftp_put_dir_done(job, n);
	else
		hpn_sftp_get_dir_done(job, n);
}

void
hpn_sftp_node_end(struct hpn_sftp_job *job, struct node *n)
{
	struct node *parent = n->parent;

	hpn_sftp_node_unlist(n);
	unclaim(job, n);
	job->planned -= n->planned;
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
	}
	if (n->failed || n->lacks) {
		job->failed = 1;
		if (parent != NULL)
			parent->lacks = 1;
	}
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
	hpn_sftp_check_free(n);
	hpn_sftp_stripe_free(n);
	hpn_sftp_save_drop(job, n);
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
	n->failed = 1;
	/* Of an interrupted one the meter has the name, unless it has many. */
	if (n->target != NULL) {
		hpn_sftp_meter_break(job);
		error("failed to upload %s %s to %s",
		    n->tree ? "directory" : "file", n->from, n->target);
	} else if (!n->tree && (n->parent != NULL ||
	    (interrupted && job->only != n))) {
		hpn_sftp_meter_break(job);
		error(job->flags & HPN_SFTP_UP ?
		    "upload \"%s\" to \"%s\" failed" :
		    "Download of file %s to %s failed", n->from, n->to);
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

/* What is in a directory that could not be made is not begun. */
static void
drop(struct hpn_sftp_job *job, struct nodes *from)
{
	struct node *n;

	while ((n = TAILQ_FIRST(from)) != NULL) {
		n->failed = 1;
		if (from == &job->refused)
			job->nrefused--;
		hpn_sftp_node_end(job, n);
	}
}

/* ------------------------------------------------------------- requests -- */

int
hpn_sftp_ask_may(struct hpn_sftp_job *job, size_t len)
{
	return hpn_sftp_window_may_ask(&job->window, job->asked_bytes,
	    job->requests, len);
}

int
hpn_sftp_ask_lane_may(const struct hpn_sftp_job *job, u_int lane, size_t len,
    int alone)
{
	const struct hpn_sftp_lane *l = &job->c->lanes.lane[lane];

	return hpn_sftp_io_queued(l->io) < HPN_SFTP_IO_QUEUE &&
	    hpn_lanes_may_send(l->under_way, len, alone);
}

/* -------------------------------------------------------------- answers -- */

/* req has left its chain and was answered. */
static void
answered(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;
	int tree = n->tree;
	u_int alive = job->alive;

	hpn_sftp_ask_over(job, req);
	switch (req->ask) {
	case ASK_READ:
	case ASK_WRITE:
		break;
	case ASK_OPEN:
	case ASK_STAT:
	case ASK_MKDIR:
	case ASK_REALPATH:
	case ASK_OPENDIR:
		hpn_sftp_window_answered(&job->window, hpn_clock_ns() -
		    req->sent_ns);
		break;
	default:
		break;
	}
	req->again = req->kept = 0;
	if (req->ask == ASK_OPEN || req->ask == ASK_OPENDIR ||
	    req->ask == ASK_LANE_OPEN)
		hpn_sftp_again_opened(job, req, type, m);
	else if (req->ask == ASK_CLOSE || req->ask == ASK_LANE_CLOSE)
		hpn_sftp_again_closed(job, req);
	if (n->guess != GUESS_NONE && req->ask != ASK_OPEN) {
		hpn_sftp_open_ahead_late(job, n);
		free(req);
		return;
	}
	if (n->again && req->ask < ASK_FACTS)
		hpn_sftp_again_answer(job, req, type, m);
	else if (req->ask == ASK_HASH || req->ask == ASK_COMPARE)
		hpn_sftp_check_answer(job, req, type, m);
	else if (req->ask >= ASK_FACTS)
		hpn_sftp_stripe_answer(job, req, type, m);
	else if (job->flags & HPN_SFTP_UP)
		hpn_sftp_put_answer(job, req, type, m);
	else
		hpn_sftp_get_answer(job, req, type, m);
	if (!req->again) {
		if (!req->kept)
			free(req);
		/* Unless it has ended, a directory may have waited for this */
		if (tree && alive == job->alive)
			hpn_sftp_node_dir_check(job, n);
	}
}

static void
take_packet(struct hpn_sftp_job *job, u_int lane, const u_char *p, size_t len)
{
	struct request *req, **chain;
	struct sshbuf *m;
	u_int id;

	if (len < 5)
		fatal("Received an SFTP packet without a request's number");
	id = get_u32(p + 1);
	for (chain = &job->asked[id % REQUEST_CHAINS];
	    (req = *chain) != NULL && req->id != id; chain = &req->chain)
		;
	if (req == NULL || req->lane != lane)
		fatal("Unexpected reply %u", id);
	*chain = req->chain;
	if ((int)(id - job->newest[lane]) >= 0)
		job->newest[lane] = id;
	else if (!job->c->disorder) {
		debug("server answers in another order");
		job->c->disorder = 1;
		job->c->predictable = 0;
	}
	if ((m = sshbuf_from(p + 5, len - 5)) == NULL)
		fatal_f("sshbuf_from failed");
	answered(job, req, p[0], m);
	sshbuf_free(m);
}

/* ---------------------------------------------------------------- files -- */

u_char *
hpn_sftp_node_room(struct hpn_sftp_job *job, size_t len)
{
	if (job->buf_len < len) {
		job->buf = xreallocarray(job->buf, len, 1);
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
	n->moved += bytes;
	job->done_bytes += bytes;
	job->moved_bytes += bytes;
	hpn_sftp_window_delivered(&job->window, bytes, hpn_clock_ns());
	hpn_sftp_lanes_moved(&job->c->lanes, bytes);
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
	if (hpn_sftp_stripe_whole(n) < end)
		end = hpn_sftp_stripe_whole(n);
	return end;
}

/*
 * There is no status for too many open files: the generic failure is what
 * OpenSSH's server makes of EMFILE, others say "permission denied", or something
 * else.  So whatever is said while something is open is asked again alone.
 */
static int
file_refused(struct hpn_sftp_job *job, struct node *n, u_int status)
{
	u_int held = job->held;

	if (n->trial || held == 0 || interrupted) {
		if (n->trial)
			job->refusals++;
		n->trial = 0;
		return 0;
	}
	if (n->refusals++ == 0 || held < n->refused_with)
		n->refused_with = held;
	debug("server would not open \"%s\" while %u others were open (%s); "
	    "trying again alone", job->flags & HPN_SFTP_UP ? n->to : n->from,
	    held, fx2txt(status));
	hpn_sftp_node_list(n, &job->refused);
	job->nrefused++;
	return 1;
}

/* It was opened. */
static void
file_borne(struct hpn_sftp_job *job, struct node *n)
{
	if (n->trial) {
		debug("server bears %u open at a time", n->refused_with);
		hpn_sftp_window_bears(&job->window, n->refused_with);
		job->c->bears = job->window.bears;
	}
	n->trial = 0;
	n->refusals = 0;
}

int
hpn_sftp_open_answer(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m, u_int *counted, u_int *statusp)
{
	if ((*statusp = hpn_sftp_answer_handle(job, n, type, m)) == SSH2_FX_OK)
	    {
		file_borne(job, n);
		return 0;
	}
	(*counted)--;
	if (file_refused(job, n, *statusp))
		return 1;
	hpn_sftp_meter_break(job);
	return -1;
}

/* ------------------------------------------------------------ the order -- */

/* Nothing that has not begun is begun any more. */
static void
drop_all(struct hpn_sftp_job *job)
{
	struct node *n;

	job->failed = 1;
	while ((n = TAILQ_FIRST(&job->walking)) != NULL) {
		if (n->handle != NULL && n->state == NODE_DATA) {
			n->state = NODE_CLOSING;
			hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
		}
		drop(job, &n->waiting);
		hpn_sftp_node_dir_listed(job, n);
	}
	drop(job, &job->refused);
	while (interrupted && (n = TAILQ_FIRST(&job->again)) != NULL)
		hpn_sftp_again_drop(job, n);
	do {
		drop(job, &job->files);
		drop(job, &job->dirs);
	} while (!TAILQ_EMPTY(&job->files));
}

static void
begin_node(struct hpn_sftp_job *job, struct node *n)
{
	struct node *other;

	if ((other = claim(job, n)) != NULL) {
		hpn_sftp_node_list(n, &other->blocked);
		return;
	}
	hpn_sftp_node_unlist(n);
	if (job->flags & HPN_SFTP_UP)
		hpn_sftp_put_begin(job, n);
	else
		hpn_sftp_get_begin(job, n);
}

/* Whether this directory may give more names now. */
static int
may_walk(const struct hpn_sftp_job *job, const struct node *n)
{
	/* What is below comes first, or directories would only pile up. */
	if ((job->flags & HPN_SFTP_UP) && !TAILQ_EMPTY(&job->dirs))
		return 0;
	/* Others may wait for this one to be closed. */
	if (!(job->flags & HPN_SFTP_UP) && (job->window.bears == 1 ||
	    job->nrefused != 0 || !TAILQ_EMPTY(&job->again)))
		return 1;
	/* One that has few may end, and make room for others. */
	return job->alive < JOB_NODES || n->children < 128;
}

static int
may_begin_dir(const struct hpn_sftp_job *job)
{
	const struct node *n;
	u_int waiting = 0;

	if (job->flags & HPN_SFTP_UP)
		return 1;
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

/* Whether another file may be begun now. */
static int
may_begin(struct hpn_sftp_job *job)
{
	/* What waits to be compared was there, or says where to go on. */
	if ((job->flags & HPN_SFTP_UP) == 0 || (job->flags & HPN_SFTP_RESUME) ||
	    hpn_sftp_node_verifies(job))
		return hpn_sftp_window_may_open(&job->window, job->files_open,
		    job->planned);
	return hpn_sftp_window_may_create(&job->window, job->files_open,
	    job->planned + job->asked_bytes);
}

static void
open_again(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_unlist(n);
	job->nrefused--;
	if (job->flags & HPN_SFTP_UP)
		hpn_sftp_put_open(job, n);
	else
		hpn_sftp_get_open(job, n);
}

/*
 * What was refused, and what is to be done again.  Whether anything else may
 * begin: to open one alone, all that is open has to be closed.
 *
 * The first refusals are looked at at once, since a server that bears few would
 * refuse all that follow.  If they were of another kind, later ones come last.
 */
static int
begin_refused(struct hpn_sftp_job *job)
{
	struct node *n, *next;
	int up = job->flags & HPN_SFTP_UP;
	u_int held = job->files_open + job->dirs_open;

	if (held == 0 && (n = TAILQ_FIRST(&job->again)) != NULL) {
		hpn_sftp_again_begin(job, n);
		return 0;
	}
	TAILQ_FOREACH_SAFE(n, &job->refused, list, next) {
		/* The number was learnt from another. */
		if (n->refusals == 1 && job->window.bears != 0 &&
		    job->window.bears <= n->refused_with &&
		    hpn_sftp_ask_may(job, 0) &&
		    hpn_sftp_window_may_hold(&job->window, job->files_open +
		    job->dirs_open))
			open_again(job, n);
	}
	if (!TAILQ_EMPTY(&job->again))
		return 0;
	if ((n = TAILQ_FIRST(&job->refused)) == NULL)
		return 1;
	if (job->refusals != 0 && job->nrefused < REFUSED_MAX &&
	    (!TAILQ_EMPTY(&job->files) || !TAILQ_EMPTY(&job->dirs) ||
	    (up && !TAILQ_EMPTY(&job->walking))))
		return 1;
	if (job->files_open + job->dirs_open == 0) {
		n->trial = 1;
		open_again(job, n);
	}
	return 0;
}

static void
schedule(struct hpn_sftp_job *job)
{
	struct node *n, *next;
	int begin, up = job->flags & HPN_SFTP_UP;

	if (interrupted || job->overfull)
		drop_all(job);
	TAILQ_FOREACH_SAFE(n, &job->want, list, next) {
		if (!hpn_sftp_ask_may(job, 0))
			return;
		if (up)
			hpn_sftp_put_send(job, n);
		else
			hpn_sftp_get_send(job, n);
	}
	begin = begin_refused(job);
	while (begin && (n = TAILQ_FIRST(&job->dirs)) != NULL &&
	    hpn_sftp_ask_may(job, 0) && may_begin_dir(job))
		begin_node(job, n);
	while (begin && (n = TAILQ_FIRST(&job->files)) != NULL &&
	    hpn_sftp_ask_may(job, 0) && hpn_sftp_window_may_hold(&job->window,
	    job->files_open + job->dirs_open) && may_begin(job))
		begin_node(job, n);
	if (up) {
		if ((n = TAILQ_FIRST(&job->walking)) != NULL &&
		    may_walk(job, n))
			hpn_sftp_put_walk(job, n);
	} else {
		TAILQ_FOREACH_SAFE(n, &job->walking, list, next)
			if (may_walk(job, n) && hpn_sftp_ask_may(job, 0))
				hpn_sftp_get_walk(job, n);
	}
}

/*
 * Files that were read are done when their data are; that the server has
 * closed them as well is not waited for at the end.
 */
static void
settle(struct hpn_sftp_job *job)
{
	struct request *req;
	struct sshbuf *m;
	u_int i;
	int r;

	if ((job->flags & HPN_SFTP_UP) || interrupted ||
	    !TAILQ_EMPTY(&job->files) || !TAILQ_EMPTY(&job->dirs) ||
	    !TAILQ_EMPTY(&job->refused) || !TAILQ_EMPTY(&job->walking) ||
	    !TAILQ_EMPTY(&job->again) || job->c->shares ||
	    !TAILQ_EMPTY(&job->want) || job->requests > REQUEST_CHAINS)
		return;
	for (i = 0; i < REQUEST_CHAINS; i++) {
		for (req = job->asked[i]; req != NULL; req = req->chain)
			if (req->ask != ASK_CLOSE)
				return;
	}
	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	for (i = 0; i < REQUEST_CHAINS; i++) {
		while ((req = job->asked[i]) != NULL) {
			job->asked[i] = req->chain;
			hpn_sftp_io_later(job->c->io, req->id, NULL, NULL);
			sshbuf_reset(m);
			if ((r = sshbuf_put_u32(m, SSH2_FX_OK)) != 0)
				fatal_fr(r, "compose");
			answered(job, req, SSH2_FXP_STATUS, m);
		}
	}
	sshbuf_free(m);
	if (hpn_sftp_io_flush(job->c->io) == -1)
		hpn_sftp_io_lost("send");
}

/* The connection is gone, as errno says: no hole may look like data that came. */
static void
lost(struct hpn_sftp_job *job)
{
	int i, saved = errno;
	struct request *req;

	for (i = 0; i < REQUEST_CHAINS; i++)
		for (req = job->asked[i]; req != NULL; req = req->chain)
			if (req->ask == ASK_READ)
				hpn_sftp_get_cut(req->node);
	hpn_sftp_meter_break(job);
	errno = saved;
	hpn_sftp_io_lost("read");
}

/* ------------------------------------------------------------ the meter -- */

static void
meter_label(struct hpn_sftp_job *job, int force)
{
	u_int64_t now = hpn_clock_ns();
	off_t total = job->all_bytes;
	int more;

	if (!force && now - job->label_ns < LABEL_NS)
		return;
	job->label_ns = now;
	more = !TAILQ_EMPTY(&job->walking) || !TAILQ_EMPTY(&job->dirs);
	snprintf(job->label, sizeof(job->label), "%u/%u%s file%s",
	    job->done_files, job->all_files, more ? "+" : "",
	    job->all_files == 1 && !more ? "" : "s");
	if (total < job->done_bytes)
		total = job->done_bytes;
	update_progress_meter(job->label, total);
}

/* One line for the whole job, once there is something to say. */
static void
meter_begin(struct hpn_sftp_job *job)
{
	if (!showprogress || job->metered || job->only != NULL ||
	    job->all_files == 0)
		return;
	/* All of nothing looks as if it were done. */
	if (job->all_bytes == 0 && job->alive != 0)
		return;
	snprintf(job->label, sizeof(job->label), "%u file%s", job->all_files,
	    job->all_files == 1 ? "" : "s");
	start_progress_meter(job->label, job->all_bytes, &job->done_bytes);
	job->metered = 1;
}

void
hpn_sftp_meter_file(struct hpn_sftp_job *job, struct node *n, const char *path,
    off_t size, u_int64_t from)
{
	const char *name;

	if (job->only != n || job->metered || !showprogress)
		return;
	if ((name = strrchr(path, '/')) == NULL || name[1] == '\0')
		name = path;
	else
		name++;
	job->done_bytes = from;
	start_progress_meter(name, size, &job->done_bytes);
	job->metered = 1;
}

void
hpn_sftp_meter_break(struct hpn_sftp_job *job)
{
	if (!job->metered)
		return;
	if (job->only != NULL || job->alive == 0) {
		stop_progress_meter();
		job->metered = 0;
	} else if (getpgrp() == tcgetpgrp(STDOUT_FILENO))
		atomicio(vwrite, STDOUT_FILENO, "\n", 1);
}

static void
summary(struct hpn_sftp_job *job)
{
	double took = (double)(hpn_clock_ns() - job->begun_ns) / 1e9;

	verbose("%s: %u file%s%s, %lld bytes in %.1f seconds",
	    job->flags & HPN_SFTP_UP ? "uploaded" : "downloaded",
	    job->done_files, job->done_files == 1 ? "" : "s",
	    interrupted ? " before the interrupt" : "",
	    (long long)job->moved_bytes, took);
	if (job->failed_files != 0)
		verbose("%u file%s failed; the messages above say which",
		    job->failed_files, job->failed_files == 1 ? "" : "s");
	hpn_sftp_check_summary(job);
}

/* -------------------------------------------------------------- the job -- */

/* How many files we may have open ourselves, besides directories. */
static unsigned int
local_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur > INT_MAX)
		return HPN_SFTP_WINDOW_FILES_MAX;
	if (rl.rlim_cur < 32 + 2)
		return 1;
	return (rl.rlim_cur - 32) / 2;
}

struct hpn_sftp_job *
hpn_sftp_job_new(struct sftp_conn *conn, int flags)
{
	struct hpn_sftp_job *job = xcalloc(1, sizeof(*job));
	u_int i;

	job->c = sftp_conn_hpn(conn);
	job->flags = flags;
	/*
	 * Disabled: what OpenSSH has not is done here all the same, for who asks
	 * for it, with as many requests as it has
	 */
	if (hpn_sftp_plain()) {
		if ((flags & (HPN_SFTP_RESUME|HPN_RESUME_VERIFY)) == 0)
			job->plain = conn;
		if (job->c->requests == 0)
			job->c->requests = HPN_SFTP_PLAIN_REQUESTS;
	}
	hpn_sftp_window_init(&job->window, job->c->requests);
	hpn_sftp_window_local(&job->window, hpn_sftp_plain() ? 1 :
	    local_files());
	if ((job->m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	hpn_sftp_window_bears(&job->window, job->c->bears);
	job->asked = xcalloc(REQUEST_CHAINS, sizeof(*job->asked));
	RB_INIT(&job->claims);
	for (i = 0; i < HPN_LANES_MAX; i++) {
		hpn_handles_init(&job->handles[i]);
		job->newest[i] = *job->c->next_id;
	}
	TAILQ_INIT(&job->files);
	TAILQ_INIT(&job->dirs);
	TAILQ_INIT(&job->refused);
	TAILQ_INIT(&job->again);
	TAILQ_INIT(&job->walking);
	TAILQ_INIT(&job->want);
	return job;
}

void
hpn_sftp_job_add(struct hpn_sftp_job *job, const char *from, const char *to,
    const char *target, int tree)
{
	char *plain;
	size_t len;
	struct node *n;
	Attrib a;
	int known = 0;

	if (job->plain != NULL) {
		if (hpn_sftp_plain_copy(job->plain, job->flags, from, to,
		    tree) == -1)
			job->failed = 1;
		return;
	}
	plain = xstrdup(from);
	len = strlen(plain);
	if (!(job->flags & HPN_SFTP_UP)) {
		/* A glob marks directories. */
		while (len > 1 && plain[len - 1] == '/')
			plain[--len] = '\0';
		known = hpn_sftp_conn_known_stat(job->c, plain, 1, 1, &a) == 1;
	}
	n = hpn_sftp_node_new(job, NULL, from, to, tree, known ? &a : NULL);
	if (!tree)
		hpn_sftp_node_count(job, n, 0);
	if (target != NULL)
		n->target = xstrdup(target);
	job->only = job->alive == 1 && !tree ? n : NULL;
	free(plain);
}

/*
 * How long to wait for answers, ms; -1: as long as it takes; -2: no more.  sftp
 * waits until all that was begun is over, since it goes on then.
 */
static int
patience(struct hpn_sftp_job *job)
{
	if (!interrupted || (job->flags & HPN_SFTP_LIST))
		return -1;
	if (job->interrupted_ns == 0)
		job->interrupted_ns = hpn_clock_ns();
	return hpn_clock_ns() - job->interrupted_ns < END_NS ? END_WAIT_MS : -2;
}

int
hpn_sftp_job_run(struct hpn_sftp_job *job)
{
	const u_char *p;
	struct node *n;
	size_t len;
	u_int idle = 0, lane, gone;
	int r, ret;

	job->begun_ns = hpn_clock_ns();
	for (;;) {
		hpn_sftp_window_handles(&job->window, job->c->handles);
		schedule(job);
		settle(job);
		if (job->alive == 0)
			break;
		meter_begin(job);
		n = TAILQ_FIRST(&job->walking);
		r = (job->flags & HPN_SFTP_UP) && n != NULL &&
		    may_walk(job, n) ? 0 : patience(job);
		if (r == -2) {
			hpn_sftp_meter_break(job);
			return -1;
		}
		if (r != 0 && job->requests == 0) {
			/* What was blocked may begin now */
			if (idle++ > 2 * JOB_NODES)
				fatal_f("nothing is under way");
			continue;
		}
		idle = 0;
		if (hpn_sftp_lanes_trip(&job->c->lanes, r, &gone) == -1 ||
		    (gone != 0 && hpn_sftp_stripe_gone(job, gone) == -1)) {
			/* It is what the user wanted. */
			if (patience(job) != -1) {
				hpn_sftp_meter_break(job);
				return -1;
			}
			lost(job);
		}
		while ((r = hpn_sftp_lanes_get(&job->c->lanes, &lane, &p,
		    &len)) == 1)
			take_packet(job, lane, p, len);
		if (r == -1)
			fatal("Received message too long %zu", len);
		if (job->metered && job->only == NULL)
			meter_label(job, 0);
	}
	/* Many that were all empty */
	if (job->done_files != 0 && job->all_files > 1)
		meter_begin(job);
	if (job->metered) {
		meter_label(job, 1);
		refresh_progress_meter(1);
		hpn_sftp_meter_break(job);
	}
	if (job->plain == NULL)
		summary(job);
	hpn_sftp_conn_forget(job->c, 1);
	ret = job->failed || interrupted ? -1 : 0;
	sshbuf_free(job->m);
	free(job->buf);
	free(job->asked);
	for (lane = 0; lane < HPN_LANES_MAX; lane++)
		hpn_handles_free(&job->handles[lane]);
	free(job);
	return ret;
}
