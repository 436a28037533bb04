/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-full.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#ifdef HAVE_POLL_H
#include <poll.h>
#else
# ifdef HAVE_SYS_POLL_H
#  include <sys/poll.h>
# endif
#endif
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "progressmeter.h"
#include "sshbuf.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-dm-wait.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-full.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-wish.h"

extern volatile sig_atomic_t interrupted;

/* Less than this is no space: servers keep some back. */
#define SPACE_LEAST	((u_int64_t)1024 * 1024)
/* Statuses of later versions of SFTP, which some servers send all the same */
#define FX_NO_SPACE	14
#define FX_QUOTA	15
/* Tests divide the time that it waits. */
#ifndef HPN_SFTP_FULL_SOONER
# define HPN_SFTP_FULL_SOONER	1
#endif
/* An interrupt is looked for so often, ms. */
#define LOOK_MS		200

/* What job->full_step says */
enum step {
	STEP_NONE,	/* there is space, for all that is known */
	STEP_CAUSE,	/* job->full_cause is why there is none */
	STEP_ASKED,	/* the server was asked how much there is */
	STEP_SLEEP,	/* until job->full_ns */
	STEP_TRY	/* one write was sent again */
};

/* Whether there is to be another attempt; says it the first time. */
static int
again(struct hpn_sftp_job *job, enum hpn_dm_wait_cause cause, const char *path,
    u_int64_t *delay)
{
	u_int limit = hpn_sftp_wish_waits();
	int first = !job->full_wait.waiting;

	if (job->full_wait.limit_ns == 0)
		hpn_dm_wait_begin(&job->full_wait, limit);
	if (job->full_over || !hpn_dm_wait_failed(&job->full_wait, cause,
	    hpn_clock_ns(), delay)) {
		job->full_over |= cause == HPN_DM_WAIT_FULL;
		return 0;
	}
	if (first) {
		hpn_sftp_meter_break(job);
		logit("%s for \"%s\": waiting, at most %u seconds",
		    cause == HPN_DM_WAIT_FULL ? "no space" :
		    "perhaps no space", path, limit);
	}
	return 1;
}

void
hpn_sftp_full_worked(struct hpn_sftp_job *job)
{
	if (!job->full_wait.waiting || job->full_over)
		return;
	hpn_sftp_meter_break(job);
	logit("there is space again, after %llu seconds", (unsigned long long)
	    (hpn_dm_wait_worked(&job->full_wait, hpn_clock_ns()) /
	    1000000000));
}

int
hpn_sftp_full_wait(struct hpn_sftp_job *job, const char *path)
{
	u_int64_t delay, until;
	int saved = errno;

	if ((saved != ENOSPC && saved != EDQUOT) || interrupted ||
	    hpn_sftp_wish_waits() == 0 ||
	    !again(job, HPN_DM_WAIT_FULL, path, &delay)) {
		errno = saved;
		return 0;
	}
	until = hpn_clock_ns() + delay;
	while (!interrupted && hpn_clock_ns() < until) {
		(void)poll(NULL, 0, LOOK_MS);
		refresh_progress_meter(0);
	}
	errno = saved;
	return !interrupted;
}

/* ------------------------------------------------------------------- up -- */

/* A kept write fails after all. */
static void
fail(struct hpn_sftp_job *job, struct request *req)
{
	struct node *n = req->node;

	TAILQ_REMOVE(&job->full, req, full);
	TAILQ_REMOVE(&n->data, req, list);
	if (!n->failed && !interrupted) {
		hpn_sftp_meter_break(job);
		error("write remote \"%s\": %s", n->to,
		    job->full_wait.cause == HPN_DM_WAIT_FULL ?
		    "no space left" : fx2txt(SSH2_FX_FAILURE));
	}
	n->failed = 1;
	hpn_sftp_wish_unwritten(job->full_wait.cause == HPN_DM_WAIT_FULL,
	    n->size);
	if (req->offset < n->bad)
		n->bad = req->offset;
	free(req);
	if (n->state == NODE_DRAIN && TAILQ_EMPTY(&n->data))
		job->way->drained(job, n);
}

/* -1: it has failed. */
static int
send_again(struct hpn_sftp_job *job, struct request *req)
{
	struct node *n = req->node;
	u_char *p = hpn_sftp_node_room(job, req->len);
	ssize_t len;

	if ((len = hpn_sftp_node_read_at(n->fd, p, req->len, req->offset)) !=
	    (ssize_t)req->len) {
		if (!n->failed) {
			hpn_sftp_meter_break(job);
			error("read local \"%s\": %s", n->from, len == -1 ?
			    strerror(errno) : "it became shorter");
			n->failed = 1;
		}
		fail(job, req);
		return -1;
	}
	TAILQ_REMOVE(&job->full, req, full);
	hpn_sftp_ask_write_again(job, req, p);
	return 0;
}

static void
give_up(struct hpn_sftp_job *job)
{
	struct request *req;

	job->full_step = STEP_NONE;
	while ((req = TAILQ_FIRST(&job->full)) != NULL)
		fail(job, req);
}

static void
decide(struct hpn_sftp_job *job)
{
	struct request *req = TAILQ_FIRST(&job->full);
	u_int64_t delay;

	if (req == NULL || !again(job, job->full_cause, req->node->to,
	    &delay)) {
		give_up(job);
		return;
	}
	job->full_step = STEP_SLEEP;
	job->full_ns = hpn_clock_ns() + delay / HPN_SFTP_FULL_SOONER;
}

int
hpn_sftp_full_kept(struct hpn_sftp_job *job, struct node *n,
    struct request *req, u_int status)
{
	int tried = job->full_tried == req;

	/* If it is not kept, the next one is tried. */
	if (tried) {
		job->full_tried = NULL;
		job->full_step = STEP_SLEEP;
		job->full_ns = 0;
	}
	if (hpn_sftp_wish_waits() == 0 || interrupted || n->failed ||
	    n->again || n->fd == -1 || n->stripe != NULL || req->lane != 0 ||
	    (status != SSH2_FX_FAILURE && status != FX_NO_SPACE &&
	    status != FX_QUOTA))
		return 0;
	req->kept = 1;
	if (tried)
		TAILQ_INSERT_HEAD(&job->full, req, full);
	else
		TAILQ_INSERT_TAIL(&job->full, req, full);
	if (job->full_step != STEP_NONE && !tried)
		return 1;
	job->full_step = STEP_CAUSE;
	job->full_cause = status == FX_NO_SPACE ? HPN_DM_WAIT_FULL :
	    HPN_DM_WAIT_UNTOLD;
	if (status == SSH2_FX_FAILURE && job->c->can_statvfs) {
		job->full_step = STEP_ASKED;
		hpn_sftp_ask_space(job, n);
	}
	return 1;
}

void
hpn_sftp_full_lacked(const struct node *n, u_int status)
{
	if (status == FX_NO_SPACE || status == FX_QUOTA)
		hpn_sftp_wish_unwritten(1, n->size);
	else if (status == SSH2_FX_FAILURE)
		hpn_sftp_wish_unwritten(0, n->size);
}

void
hpn_sftp_full_answer(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	u_int64_t v[5];
	u_int i;

	/* statvfs@openssh.com, PROTOCOL section 4.4: f_bsize, f_frsize, ... */
	for (i = 0; type == SSH2_FXP_EXTENDED_REPLY && i < 5 &&
	    sshbuf_get_u64(m, &v[i]) == 0; i++)
		;
	/* f_bavail of f_frsize bytes */
	if (job->full_step == STEP_ASKED) {
		job->full_step = STEP_CAUSE;
		job->full_cause = i == 5 && (v[1] == 0 ||
		    v[4] <= SPACE_LEAST / v[1]) ? HPN_DM_WAIT_FULL :
		    HPN_DM_WAIT_UNTOLD;
	}
	job->way->check_end(job, req->node);
}

void
hpn_sftp_full_wrote(struct hpn_sftp_job *job, const struct request *req)
{
	struct request *kept;

	if (job->full_tried != req)
		return;
	job->full_tried = NULL;
	job->full_step = STEP_NONE;
	hpn_sftp_full_worked(job);
	while ((kept = TAILQ_FIRST(&job->full)) != NULL)
		(void)send_again(job, kept);
}

int
hpn_sftp_full_next(struct hpn_sftp_job *job)
{
	struct request *req, *next;
	u_int64_t now;

	if (job->full_step == STEP_NONE)
		return -1;
	TAILQ_FOREACH_SAFE(req, &job->full, full, next)
		if (interrupted || req->node->failed)
			fail(job, req);
	if (job->full_step == STEP_CAUSE)
		decide(job);
	if (job->full_step != STEP_SLEEP)
		return -1;
	now = hpn_clock_ns();
	if (now < job->full_ns && !TAILQ_EMPTY(&job->full))
		return (int)((job->full_ns - now) / 1000000) + 1;
	job->full_step = STEP_NONE;
	while ((req = TAILQ_FIRST(&job->full)) != NULL) {
		if (send_again(job, req) == -1)
			continue;
		job->full_tried = req;
		job->full_step = STEP_TRY;
		break;
	}
	return -1;
}

void
hpn_sftp_full_forget(struct hpn_sftp_job *job, struct node *n)
{
	struct request *req, *next;

	/* The next one is tried instead. */
	if (job->full_tried != NULL && job->full_tried->node == n) {
		job->full_tried = NULL;
		job->full_step = STEP_SLEEP;
		job->full_ns = 0;
	}
	TAILQ_FOREACH_SAFE(req, &job->full, full, next) {
		if (req->node != n)
			continue;
		TAILQ_REMOVE(&job->full, req, full);
		TAILQ_REMOVE(&n->data, req, list);
		free(req);
	}
}
