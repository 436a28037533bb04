/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-spread: files that are sent through several lanes (hpn-lanes.h):
 * whole ones, each through the lane that has least to do, and the data of large
 * ones, which every lane writes to the same remote file.
 *
 * A lane opens a large file by its name, as it was opened before.  That it is
 * the same file shows in what was written to it meanwhile; what cannot be seen
 * to be the same, or cannot be opened twice, stays in the lane it was in.
 */

#include "includes.h"

#include <sys/types.h>

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
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-node.h"

extern volatile sig_atomic_t interrupted;

/* So much is read to see that it is the same file. */
#define PROOF		(32 * 1024)
/* What a request counts for besides its data, bytes. */
#define REQUEST_WEIGHT	(16 * 1024)

struct part {
	enum { PART_NONE, PART_OPENING, PART_OPEN, PART_PROVING, PART_READY,
	    PART_CLOSED } state;
	u_char *handle;
	size_t handle_len;
	int wrote;		/* or might have */
};

struct spread {
	struct part part[HPN_LANES_MAX];
	int was;		/* some lane has had a share */
};

/* Whether the lane is there and its server has answered. */
static int
is_there(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return lane < l->n && l->lane[lane].io != NULL && l->lane[lane].ready;
}

void
spread_grow(struct hpn_sftp_job *job)
{
	struct hpn_sftp_lanes *l = &job->c->lanes;
	struct hpn_lanes_facts f;
	off_t left = job->all_bytes - job->done_bytes;

	/* A wish for few requests, or for a rate, is one for no more. */
	if (l->control == -1 || interrupted || job->xfer.fixed ||
	    hpn_sftp_io_limited(job->c->io))
		return;
	f.lanes = l->n;
	f.most = l->most;
	f.left = left > 0 ? (u_int64_t)left : 0;
	f.rtt_ns = job->xfer.rtt_ns;
	f.delivered = job->xfer.delivered;
	hpn_sftp_lanes_want(l, hpn_lanes_wanted(&f));
}

/* Requests without data keep a server busy as well. */
static u_int64_t
load(const struct hpn_sftp_lane *lane)
{
	return lane->under_way + (u_int64_t)lane->requests * REQUEST_WEIGHT;
}

void
spread_assign(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int i, best = 0;

	for (i = 1; i < l->n; i++)
		if (is_there(job, i) &&
		    load(&l->lane[i]) < load(&l->lane[best]))
			best = i;
	n->lane = best;
	if (best != 0)
		l->lane[best].files++;
}

void
spread_begin(struct hpn_sftp_job *job, struct node *n)
{
	if (n->spread == NULL && n->small == NULL && n->size > n->next &&
	    n->size - n->next >= 2 * HPN_LANES_SHARE)
		n->spread = xcalloc(1, sizeof(*n->spread));
}

/* What was written and acknowledged serves to prove the others' handles. */
static void
prove(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	u_int64_t whole = file_whole(n);

	if (n->fd == -1 || whole <= n->begun || !job_room(job, PROOF))
		return;
	n->spread->part[lane].state = PART_PROVING;
	ask_lane_proof(job, n, lane, n->begun,
	    MINIMUM(whole - n->begun, PROOF));
}

void
spread_more(struct hpn_sftp_job *job, struct node *n)
{
	struct spread *s = n->spread;
	u_int i;

	if (s == NULL || n->failed || interrupted)
		return;
	for (i = 0; i < job->c->lanes.n; i++) {
		if (i == n->lane || !is_there(job, i))
			continue;
		if (s->part[i].state == PART_NONE && job_room(job, 0)) {
			s->part[i].state = PART_OPENING;
			ask_lane_open(job, n, i);
		} else if (s->part[i].state == PART_OPEN)
			prove(job, n, i);
	}
}

int
spread_pick(struct hpn_sftp_job *job, struct node *n, size_t len)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	const struct spread *s = n->spread;
	int best = -1;
	u_int i;

	if (s == NULL || !s->was)
		return lane_room(job, n->lane, len, 1) ? (int)n->lane : -1;
	if (!hpn_lanes_may_lead(file_whole(n), n->next, len, n->size))
		return -1;
	for (i = 0; i < job->c->lanes.n; i++) {
		if (i != n->lane && (s->part[i].state != PART_READY ||
		    !is_there(job, i)))
			continue;
		if (lane_room(job, i, len, 0) && (best == -1 ||
		    lanes[i].under_way < lanes[best].under_way))
			best = (int)i;
	}
	return best;
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
	if (part->handle != NULL && is_there(job, lane))
		ask_lane_close(job, n, lane);
}

void
spread_close(struct hpn_sftp_job *job, struct node *n)
{
	struct spread *s = n->spread;
	u_int i;

	for (i = 0; s != NULL && i < HPN_LANES_MAX; i++)
		if (s->part[i].state == PART_OPEN ||
		    s->part[i].state == PART_READY)
			close_part(job, n, i);
}

void
spread_free(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	if (n->lane != 0) {
		job->c->lanes.lane[n->lane].files--;
		n->lane = 0;
	}
	if (n->spread == NULL)
		return;
	for (i = 0; i < HPN_LANES_MAX; i++)
		free(n->spread->part[i].handle);
	free(n->spread);
	n->spread = NULL;
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

/* Whether what was read there is what was written here. */
static int
is_same(struct hpn_sftp_job *job, struct node *n, const struct request *req,
    u_char type, struct sshbuf *m)
{
	const u_char *theirs;
	u_char *ours;
	size_t len;
	int r;

	if (type != SSH2_FXP_DATA || n->fd == -1)
		return 0;
	if ((r = sshbuf_get_string_direct(m, &theirs, &len)) != 0)
		fatal_fr(r, "parse data");
	if (len == 0 || len > req->len)
		return 0;
	ours = job_room_for(job, len);
	return read_at(n->fd, ours, len, req->offset) == (ssize_t)len &&
	    memcmp(ours, theirs, len) == 0;
}

/* What was acknowledged may yet have failed, as over NFS. */
static void
closed(struct hpn_sftp_job *job, struct node *n, const struct part *part,
    u_int status)
{
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
	case ASK_LANE_OPEN:
		opened(part, type, m);
		break;
	case ASK_LANE_PROOF:
		part->state = PART_OPEN;
		if (!is_same(job, n, req, type, m)) {
			debug("\"%s\" is not the same in lane %u", n->to,
			    req->lane);
			close_part(job, n, req->lane);
		} else if (n->state == NODE_DATA) {
			/* If it ends now nobody knows what it has written. */
			part->state = PART_READY;
			part->wrote = n->spread->was = 1;
			job->c->lanes.lane[req->lane].files++;
		}
		break;
	default:
		closed(job, n, part, answer_status(job, type, m));
		break;
	}
	if (n->state == NODE_CLOSING && part->state == PART_OPEN)
		close_part(job, n, req->lane);
	put_check_end(job, n);
}
