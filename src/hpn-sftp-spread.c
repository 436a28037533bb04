/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-spread: the data of a large file on their way through several lanes
 * (hpn-lanes.h), each of which writes to the same remote file.
 *
 * A lane opens the file by its name, which may lead it to another file: the
 * folder it begins in may be another one, or the name may have changed hands.
 * So the file gets a mark through its own handle, a time of last access that
 * nothing else has, and a lane whose handle does not show it takes no part.  The
 * file's times are put back before its last byte is sent, which sets the time of
 * modification as ever.
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
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-node.h"

extern volatile sig_atomic_t interrupted;

/* The mark is one of so many seconds before the last access. */
#define MARKS	(1U << 20)

struct part {
	enum { PART_NONE, PART_OPENING, PART_OPEN, PART_PROVING, PART_READY,
	    PART_CLOSING, PART_CLOSED } state;
	u_char *handle;
	size_t handle_len;
	int wrote;		/* or might have */
};

struct spread {
	struct part part[HPN_LANES_MAX];
	enum { MARK_NONE, MARK_ASKED, MARK_SETTING, MARK_SET, MARK_GONE } mark;
	u_int32_t atime, mtime;	/* as they were, seconds */
	u_int32_t marked;	/* atime that it has */
	int was;		/* some lane has had a share */
};

/* Whether the lane is there and its server has answered. */
static int
is_there(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return lane < l->n && l->lane[lane].io != NULL && l->lane[lane].ready;
}

/* More lanes, if they would help. */
static void
grow(struct hpn_sftp_job *job, const struct node *n)
{
	struct hpn_sftp_lanes *l = &job->c->lanes;
	struct hpn_lanes_facts f;

	if (l->control == -1)
		return;
	f.lanes = l->n;
	f.most = l->most;
	f.left = n->size > n->next ? n->size - n->next : 0;
	f.rtt_ns = job->xfer.rtt_ns;
	f.delivered = job->xfer.delivered;
	hpn_sftp_lanes_want(l, hpn_lanes_wanted(&f));
}

void
spread_begin(struct hpn_sftp_job *job, struct node *n)
{
	/* A wish for few requests, or for a rate, is one for no more. */
	if (n->spread != NULL || n->small != NULL || job->xfer.fixed ||
	    job->c->shares ||
	    hpn_sftp_io_limited(job->c->io) || n->size <= n->next ||
	    n->size - n->next < 2 * HPN_LANES_SHARE)
		return;
	n->spread = xcalloc(1, sizeof(*n->spread));
}

/* ------------------------------------------------------------- the mark -- */

static void
set_times(struct hpn_sftp_job *job, struct node *n, u_int32_t atime)
{
	Attrib a;

	attrib_clear(&a);
	a.flags = SSH2_FILEXFER_ATTR_ACMODTIME;
	a.atime = atime;
	a.mtime = n->spread->mtime;
	ask_mark(job, n, &a);
}

static void
unmark(struct hpn_sftp_job *job, struct node *n)
{
	struct spread *s = n->spread;

	if (s->mark == MARK_SETTING || s->mark == MARK_SET)
		set_times(job, n, s->atime);
	s->mark = MARK_GONE;
}

/* The file's times. */
static void
timed(struct hpn_sftp_job *job, struct node *n, u_char type, struct sshbuf *m)
{
	struct spread *s = n->spread;
	u_int status;
	Attrib a;

	status = answer_attrib(job, type, m, &a);
	if (s->mark != MARK_ASKED)
		return;		/* no longer wanted */
	s->mark = MARK_GONE;
	if (status != SSH2_FX_OK ||
	    (a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) == 0 ||
	    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0 ||
	    !S_ISREG(a.perm) || a.atime <= MARKS || n->state != NODE_DATA)
		return;
	s->atime = a.atime;
	s->mtime = a.mtime;
	s->marked = a.atime - 1 - arc4random_uniform(MARKS);
	s->mark = MARK_SETTING;
	set_times(job, n, s->marked);
}

/* The mark was set, or was put back. */
static void
marked(struct hpn_sftp_job *job, struct node *n, u_int status)
{
	struct spread *s = n->spread;

	if (status != SSH2_FX_OK)
		s->mark = MARK_GONE;	/* not ours to set, or to put back */
	else if (s->mark == MARK_SETTING)
		s->mark = MARK_SET;
}

/* ------------------------------------------------------------ the lanes -- */

void
spread_more(struct hpn_sftp_job *job, struct node *n)
{
	struct spread *s = n->spread;
	u_int i;

	if (s == NULL || n->failed || interrupted ||
	    *job->c->upload_buflen < HPN_RESUME_PIECE)
		return;
	grow(job, n);
	if (s->mark == MARK_NONE && job->c->lanes.n > 1 && job_room(job, 0)) {
		s->mark = MARK_ASKED;
		ask_handle(job, n, ASK_TIMES, SSH2_FXP_FSTAT);
	}
	if (s->mark == MARK_GONE)
		return;
	for (i = 1; i < job->c->lanes.n; i++) {
		if (!is_there(job, i) || !job_room(job, 0))
			continue;
		if (s->part[i].state == PART_NONE) {
			s->part[i].state = PART_OPENING;
			ask_lane_open(job, n, i);
		} else if (s->part[i].state == PART_OPEN &&
		    s->mark == MARK_SET) {
			s->part[i].state = PART_PROVING;
			ask_lane_handle(job, n, i, ASK_LANE_PROOF,
			    SSH2_FXP_FSTAT);
		}
	}
}

int
spread_pick(struct hpn_sftp_job *job, struct node *n, size_t len)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	struct spread *s = n->spread;
	int best = -1;
	u_int i;

	if (s == NULL || !s->was) {
		if (!lane_room(job, 0, len, 1))
			return -1;
		return n->next >= n->size || len >= n->size - n->next ?
		    spread_last(job, n) : 0;
	}
	if (!hpn_lanes_may_lead(file_whole(n), n->next, len, n->size))
		return -1;
	if (n->next >= n->size || len >= n->size - n->next)
		return spread_last(job, n);
	for (i = 0; i < job->c->lanes.n; i++) {
		if (i != 0 && s->part[i].state != PART_READY)
			continue;
		if (lane_room(job, i, len, 0) && (best == -1 ||
		    lanes[i].under_way < lanes[best].under_way))
			best = (int)i;
	}
	return best;
}

int
spread_last(struct hpn_sftp_job *job, struct node *n)
{
	if (n->spread == NULL)
		return 0;
	if (n->spread->was && file_whole(n) < n->next)
		return -1;
	unmark(job, n);
	return 0;
}

int
spread_was(const struct node *n)
{
	return n->spread != NULL && n->spread->was;
}

const u_char *
spread_handle(const struct node *n, u_int lane, size_t *lenp)
{
	*lenp = n->spread->part[lane].handle_len;
	return n->spread->part[lane].handle;
}

static void
close_part(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	struct part *part = &n->spread->part[lane];

	if (part->state == PART_READY)
		job->c->lanes.lane[lane].files--;
	part->state = PART_CLOSED;
	if (part->handle == NULL || !is_there(job, lane))
		return;
	part->state = PART_CLOSING;
	ask_lane_handle(job, n, lane, ASK_LANE_CLOSE, SSH2_FXP_CLOSE);
}

int
spread_close(struct hpn_sftp_job *job, struct node *n)
{
	struct spread *s = n->spread;
	u_int i;
	int closing = 0;

	if (s == NULL)
		return 0;
	unmark(job, n);
	for (i = 0; i < HPN_LANES_MAX; i++) {
		if (s->part[i].state == PART_OPEN ||
		    s->part[i].state == PART_READY)
			close_part(job, n, i);
		if (s->part[i].state == PART_CLOSING && s->part[i].wrote)
			closing = 1;
	}
	return closing;
}

void
spread_free(struct node *n)
{
	u_int i;

	if (n->spread == NULL)
		return;
	for (i = 0; i < HPN_LANES_MAX; i++)
		free(n->spread->part[i].handle);
	free(n->spread);
	n->spread = NULL;
}

int
spread_gone(struct hpn_sftp_job *job, u_int lane)
{
	struct request *req, **chain;
	struct node *n;
	u_int i;

	again_gone(job, lane);
	/* What was written there may be lost. */
	if (job->c->lanes.lane[lane].files != 0)
		return -1;
	for (i = 0; i < REQUEST_CHAINS; i++) {
		for (chain = &job->asked[i]; (req = *chain) != NULL;) {
			if (req->lane != lane) {
				chain = &req->chain;
				continue;
			}
			n = req->node;
			if (req->ask == ASK_LANE_CLOSE &&
			    n->spread->part[lane].wrote)
				return -1;
			*chain = req->chain;
			request_over(job, req);
			n->spread->part[lane].state = PART_CLOSED;
			free(req);
			put_check_end(job, n);
		}
	}
	return 0;
}

/* -------------------------------------------------------------- answers -- */

static void
opened(struct part *part, u_char type, struct sshbuf *m)
{
	int r;

	if (type != SSH2_FXP_HANDLE) {
		part->state = PART_CLOSED;
		return;
	}
	if ((r = sshbuf_get_string(m, &part->handle, &part->handle_len)) != 0)
		fatal_fr(r, "parse handle");
	part->state = PART_OPEN;
}

static void
proved(struct hpn_sftp_job *job, struct node *n, u_int lane, u_char type,
    struct sshbuf *m)
{
	struct spread *s = n->spread;
	struct part *part = &s->part[lane];
	Attrib a;

	part->state = PART_OPEN;
	if (answer_attrib(job, type, m, &a) != SSH2_FX_OK ||
	    (a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) == 0 ||
	    a.atime != s->marked || s->mark != MARK_SET) {
		debug("\"%s\" is not the same in lane %u", n->to, lane);
		close_part(job, n, lane);
	} else if (n->state == NODE_DATA) {
		/* If it ends now nobody knows what it has written. */
		part->state = PART_READY;
		part->wrote = s->was = 1;
		job->c->lanes.lane[lane].files++;
	}
}

/* What was acknowledged may yet have failed, as over NFS. */
static void
closed(struct hpn_sftp_job *job, struct node *n, struct part *part,
    u_int status)
{
	part->state = PART_CLOSED;
	if (status == SSH2_FX_OK || !part->wrote)
		return;
	job_meter_break(job);
	error("close remote \"%s\": %s", n->to, fx2txt(status));
	n->failed = 1;
}

void
spread_answer(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;
	struct part *part = &n->spread->part[req->lane];

	switch (req->ask) {
	case ASK_TIMES:
		timed(job, n, type, m);
		break;
	case ASK_MARK:
		marked(job, n, answer_status(job, type, m));
		break;
	case ASK_LANE_OPEN:
		opened(part, type, m);
		break;
	case ASK_LANE_PROOF:
		proved(job, n, req->lane, type, m);
		break;
	default:
		closed(job, n, part, answer_status(job, type, m));
		break;
	}
	if (n->state != NODE_DATA && part->state == PART_OPEN)
		close_part(job, n, req->lane);
	if (n->state == NODE_DRAIN && TAILQ_EMPTY(&n->data))
		put_drained(job, n);
	else
		put_check_end(job, n);
}
