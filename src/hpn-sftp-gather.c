/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-gather: the data of a large file on their way down over several
 * connections, each of which reads the same remote file.
 *
 * A lane opens the file by its name, which may lead it to another one: somebody has
 * put it in place meanwhile, or the connection has led to another host.  So a lane
 * takes part only if the file there has the same size, time, type, owner, group and
 * permissions, and the same bytes at many places that chance picks.  What passes
 * that and yet differs is a copy that has been changed in a few places without its
 * time showing it: -X verify=yes finds those.
 *
 * What comes early waits for what precedes it (hpn-sftp-save.c), so whatever ends us
 * leaves no hole.
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

#include "hpn-connections.h"
#include "hpn-handles.h"
#include "hpn-lanes.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-gather.h"
#include "hpn-sftp-handles.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"

extern volatile sig_atomic_t interrupted;

/* Places that are compared, and the bytes at each. */
#define PLACES		48
#define PLACE_LEN	64
/* All that a copy of the same file has in common with it. */
#define KEPT_FLAGS	(SSH2_FILEXFER_ATTR_SIZE | SSH2_FILEXFER_ATTR_UIDGID | \
	SSH2_FILEXFER_ATTR_PERMISSIONS | SSH2_FILEXFER_ATTR_ACMODTIME)

struct part {
	enum { PART_NONE, PART_OPENING, PART_OPEN, PART_PROVING, PART_READY,
	    PART_SPENT, PART_CLOSED } state;
	struct where where;	/* its lane, and its handle there */
	u_int asked;		/* proving: answers to come */
	int other;		/* ... and one that was wrong */
};

struct gather {
	TAILQ_ENTRY(gather) list;
	struct node *node;
	struct part part[HPN_LANES_SLOTS];
	Attrib facts;
	u_int asked;		/* of the first lane */
	int known, bad;
	u_int64_t at[PLACES];
	u_char look[PLACES][PLACE_LEN];
};

static int
is_there(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return lane < l->n && l->lane[lane].io != NULL &&
	    l->lane[lane].ready && !l->lane[lane].failed;
}

void
hpn_sftp_gather_begin(struct hpn_sftp_job *job, struct node *n)
{
	struct gather *g;
	u_int64_t stretch;
	u_int i;

	/* A wish for few requests, or for a rate, is one for no more. */
	if (n->gather != NULL || !hpn_sftp_lanes_connect(&job->c->lanes) ||
	    !hpn_sftp_lanes_more(&job->c->lanes) || job->window.fixed ||
	    job->c->shares || hpn_sftp_io_limited(job->c->io) ||
	    n->size <= n->next || n->size - n->next < 2 * HPN_LANES_SHARE ||
	    n->size / PLACES <= PLACE_LEN)
		return;
	g = n->gather = xcalloc(1, sizeof(*g));
	g->node = n;
	TAILQ_INSERT_TAIL(&job->gathers, g, list);
	for (i = 0; i < HPN_LANES_SLOTS; i++)
		g->part[i].where.lane = i;
	g->asked = 1;
	hpn_sftp_ask_handle(job, n, ASK_FACTS, SSH2_FXP_FSTAT);
	/* One place in each stretch of the file, which is long enough for it. */
	stretch = n->size / PLACES;
	for (i = 0; i < PLACES; i++) {
		arc4random_buf(&g->at[i], sizeof(g->at[i]));
		g->at[i] = i * stretch + g->at[i] % (stretch - PLACE_LEN);
		g->asked++;
		hpn_sftp_ask_lane_read(job, n, NULL, ASK_LANE_PROOF, g->at[i],
		    PLACE_LEN);
	}
}

static void
close_part(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	struct part *part = &n->gather->part[lane];

	if (part->state == PART_READY || part->state == PART_SPENT)
		job->c->lanes.lane[lane].files--;
	part->state = PART_CLOSED;
	if (part->where.handle != NULL && is_there(job, lane))
		hpn_sftp_ask_lane_handle(job, n, &part->where, ASK_LANE_CLOSE,
		    SSH2_FXP_CLOSE);
}

static void
prove(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	struct gather *g = n->gather;
	struct part *part = &g->part[lane];
	u_int i;

	part->state = PART_PROVING;
	part->asked = 1;
	hpn_sftp_ask_lane_handle(job, n, &part->where, ASK_LANE_PROOF,
	    SSH2_FXP_FSTAT);
	for (i = 0; i < PLACES; i++) {
		part->asked++;
		hpn_sftp_ask_lane_read(job, n, &part->where, ASK_LANE_PROOF,
		    g->at[i], PLACE_LEN);
	}
}

void
hpn_sftp_gather_more(struct hpn_sftp_job *job, struct node *n)
{
	struct gather *g = n->gather;
	struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int64_t left = n->size > n->next ? n->size - n->next : 0;
	u_int i;

	if (g->bad || n->failed || interrupted)
		return;
	/* What is not known yet will be soon: they are made meanwhile. */
	hpn_sftp_lanes_grow(l, hpn_clock_ns(), job->window.rtt_ns, left);
	if (!g->known)
		return;
	for (i = 1; i < l->n; i++) {
		if (!is_there(job, i))
			continue;
		if (!hpn_sftp_lanes_use(l, i)) {
			if (g->part[i].state == PART_READY &&
			    l->lane[i].under_way == 0)
				close_part(job, n, i);
		} else if (g->part[i].state == PART_NONE &&
		    left >= HPN_LANES_SHARE && hpn_sftp_ask_may(job, 0)) {
			g->part[i].state = PART_OPENING;
			hpn_sftp_ask_lane_open(job, n, &g->part[i].where);
		} else if (g->part[i].state == PART_OPEN)
			prove(job, n, i);
	}
}

int
hpn_sftp_gather_pick(struct hpn_sftp_job *job, struct node *n, size_t len)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	struct gather *g = n->gather;
	int best = -1;
	u_int i;

	if (g == NULL)
		return 0;
	/* The end of a file is found by one. */
	if (n->next >= n->size)
		return 0;
	for (i = 0; i < job->c->lanes.n; i++) {
		if (i != 0 && (g->part[i].state != PART_READY ||
		    !is_there(job, i) ||
		    !hpn_sftp_lanes_use(&job->c->lanes, i)))
			continue;
		if (hpn_connections_window_may(&lanes[i].window,
		    lanes[i].under_way, len) &&
		    hpn_sftp_lanes_freer(&job->c->lanes, i, best) &&
		    !hpn_sftp_lanes_late(&job->c->lanes, i, len,
		    n->size - n->next))
			best = (int)i;
	}
	return best;
}

const struct where *
hpn_sftp_gather_where(const struct node *n, u_int lane)
{
	return &n->gather->part[lane].where;
}

void
hpn_sftp_gather_close(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	if (n->gather == NULL)
		return;
	n->gather->bad = 1;
	for (i = 1; i < HPN_LANES_SLOTS; i++)
		if (n->gather->part[i].state == PART_OPEN ||
		    n->gather->part[i].state == PART_READY ||
		    n->gather->part[i].state == PART_SPENT)
			close_part(job, n, i);
}

int
hpn_sftp_gather_refused(struct hpn_sftp_job *job, struct request *req)
{
	struct node *n = req->node;
	struct part *part;

	if (req->lane == 0 || n->gather == NULL || n->failed || interrupted)
		return 0;
	part = &n->gather->part[req->lane];
	if (part->state == PART_READY) {
		debug("\"%s\": lane %u gives no more of it", n->from, req->lane);
		/* It stays open: what it was asked for may come in parts. */
		part->state = PART_SPENT;
	}
	req->lane = 0;
	req->where = NULL;
	hpn_sftp_ask_read_again(job, req);
	return 1;
}

void
hpn_sftp_gather_free(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	if (n->gather == NULL)
		return;
	for (i = 0; i < HPN_LANES_SLOTS; i++)
		free(n->gather->part[i].where.handle);
	TAILQ_REMOVE(&job->gathers, n->gather, list);
	free(n->gather);
	n->gather = NULL;
}

void
hpn_sftp_gather_gone(struct hpn_sftp_job *job, u_int lane)
{
	struct request *req;
	struct gather *g, *next;
	struct part *part;
	u_int at = 0;

	job->c->lanes.lane[lane].files = 0;
	while ((req = hpn_sftp_ask_lost(job, NULL, lane, &at)) != NULL) {
		if (req->ask != ASK_READ) {
			free(req);
			continue;
		}
		/* It stays in its place among the node's. */
		req->lane = 0;
		req->where = NULL;
		hpn_sftp_ask_read_again(job, req);
	}
	TAILQ_FOREACH_SAFE(g, &job->gathers, list, next) {
		part = &g->part[lane];
		if (part->state == PART_NONE)
			continue;
		/* What closed it may have been the last request of all. */
		part->state = PART_CLOSED;
		if (g->node->state == NODE_DATA)
			hpn_sftp_node_list(g->node, &job->want);
		else
			job->way->check_end(job, g->node);
	}
}

/* -------------------------------------------------------------- answers -- */

static int
same_facts(const struct gather *g, const Attrib *a)
{
	return (a->flags & KEPT_FLAGS) == KEPT_FLAGS &&
	    a->size == g->facts.size && a->uid == g->facts.uid &&
	    a->gid == g->facts.gid && a->perm == g->facts.perm &&
	    a->mtime == g->facts.mtime;
}

/* What is at a place, in lane 0 and in others. */
static int
place(struct hpn_sftp_job *job, struct gather *g, const struct request *req,
    u_char type, struct sshbuf *m)
{
	const u_char *p;
	size_t len;
	u_int i;

	if ((p = hpn_sftp_answer_data(job, type, m, &len)) == NULL)
		return -1;
	for (i = 0; i < PLACES && g->at[i] != req->offset; i++)
		;
	if (i == PLACES || len != PLACE_LEN)
		return -1;
	if (req->lane == 0)
		memcpy(g->look[i], p, len);
	else if (memcmp(g->look[i], p, len) != 0)
		return -1;
	return 0;
}

static void
facts(struct hpn_sftp_job *job, struct node *n, const struct request *req,
    u_char type, struct sshbuf *m)
{
	struct gather *g = n->gather;
	int r;

	if (req->ask == ASK_FACTS)
		r = hpn_sftp_answer_attrib(job, type, m, &g->facts) ==
		    SSH2_FX_OK && same_facts(g, &g->facts) &&
		    S_ISREG(g->facts.perm) && g->facts.size == n->size ?
		    0 : -1;
	else
		r = place(job, g, req, type, m);
	if (r == -1 && !g->bad) {
		debug("\"%s\": nothing tells whether others have the same",
		    n->from);
		g->bad = 1;
	}
	if (--g->asked == 0 && !g->bad)
		g->known = 1;
}

static void
proved(struct hpn_sftp_job *job, struct node *n, const struct request *req,
    u_char type, struct sshbuf *m)
{
	struct gather *g = n->gather;
	struct part *part = &g->part[req->lane];
	Attrib a;

	if (req->len == 0) {
		if (hpn_sftp_answer_attrib(job, type, m, &a) != SSH2_FX_OK ||
		    !same_facts(g, &a))
			part->other = 1;
	} else if (place(job, g, req, type, m) == -1)
		part->other = 1;
	if (--part->asked != 0)
		return;
	if (part->other || n->state != NODE_DATA) {
		if (part->other)
			debug("\"%s\" is not the same in lane %u", n->from,
			    req->lane);
		close_part(job, n, req->lane);
		return;
	}
	part->state = PART_READY;
	job->c->lanes.lane[req->lane].files++;
}

void
hpn_sftp_gather_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;
	struct part *part = &n->gather->part[req->lane];

	switch (req->ask) {
	case ASK_LANE_OPEN:
		part->state = hpn_sftp_answer_where(type, m, &part->where) == 0 ?
		    PART_OPEN : PART_CLOSED;
		break;
	case ASK_LANE_CLOSE:
		(void)hpn_sftp_answer_status(job, type, m);
		break;
	default:
		if (req->lane == 0)
			facts(job, n, req, type, m);
		else
			proved(job, n, req, type, m);
		break;
	}
	if (n->state != NODE_DATA && part->state == PART_OPEN)
		close_part(job, n, req->lane);
	if (n->state == NODE_DATA)
		hpn_sftp_node_list(n, &job->want);
	else
		job->way->check_end(job, n);
}
