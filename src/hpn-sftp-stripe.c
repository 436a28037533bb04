/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-stripe: sends the data of a large file through several lanes
 * (hpn-lanes.h).  Each lane writes to the same remote file.
 *
 * A lane opens the file by its name.  It may get another file: its directory
 * at the start may be another one, or an attacker who may rename files there
 * has put another file in place.  The attacker may copy everything visible of
 * the first file.  So a lane takes part only if it can read through its own
 * handle what was written through the first lane's (hpn_lanes_hide()).  Type,
 * owner, group and permissions must be the same, too.  Only somebody who can
 * read the file can forge this.
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

#include "hpn-handles.h"
#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-handles.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-stripe.h"

extern volatile sig_atomic_t interrupted;

#define NO_HOLE		UINT64_MAX
/* After a part of zeros. */
#define LOOK_AGAIN	(16 * HPN_LANES_PIECE)
/* The attributes that do not change while the file is written to. */
#define PERM_KEPT	(S_IFMT | 0777)

struct part {
	enum { PART_NONE, PART_OPENING, PART_OPEN, PART_PROVING, PART_READY,
	    PART_CLOSING, PART_CLOSED } state;
	struct where where;	/* its lane, and its handle there */
	int wrote;		/* or might have */
	u_int asked;		/* proving: answers to come */
	int other;		/* ... and one that was wrong */
};

struct stripe {
	struct part part[HPN_LANES_MAX];
	enum { FACTS_NONE, FACTS_ASKED, FACTS_KNOWN, FACTS_BAD } facts;
	u_int32_t uid, gid, perm;
	/* the piece at n->hole: the source's, and with zeros in it as sent */
	u_char *piece, *shown;
	struct hpn_lanes_proof proof;
	u_int hiding;		/* requests under way to write it */
	int hidden_failed;
	u_int64_t again;	/* none before this */
	int was;		/* some lane has had a share, or was to have */
};

/* Whether the lane is there; what it is asked may precede its server's version. */
static int
is_there(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return lane < l->n && l->lane[lane].io != NULL;
}

void
hpn_sftp_stripe_begin(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	/* A wish for few requests, or for a rate, is one for no more. */
	if (n->stripe != NULL || n->small != NULL || job->window.fixed ||
	    job->c->shares ||
	    hpn_sftp_io_limited(job->c->io) || n->size <= n->next ||
	    n->size - n->next < 2 * HPN_LANES_SHARE)
		return;
	n->stripe = xcalloc(1, sizeof(*n->stripe));
	for (i = 0; i < HPN_LANES_MAX; i++)
		n->stripe->part[i].where.lane = i;
	n->hole = NO_HOLE;
}

static void
close_part(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	struct part *part = &n->stripe->part[lane];

	if (part->state == PART_READY)
		job->c->lanes.lane[lane].files--;
	part->state = PART_CLOSED;
	if (part->where.handle == NULL || !is_there(job, lane))
		return;
	part->state = PART_CLOSING;
	hpn_sftp_ask_lane_handle(job, n, &part->where, ASK_LANE_CLOSE,
	    SSH2_FXP_CLOSE);
}

/* It takes too long, and nobody waits for it: what it opened may hang. */
static void
abandon(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	struct request *req, **chain;
	u_int i;

	close_part(job, n, lane);
	n->stripe->part[lane].state = PART_CLOSED;
	for (i = 0; i < REQUEST_CHAINS; i++) {
		for (chain = &job->asked[i]; (req = *chain) != NULL;) {
			if (req->node != n || req->lane != lane) {
				chain = &req->chain;
				continue;
			}
			*chain = req->chain;
			hpn_sftp_ask_over(job, req);
			hpn_sftp_io_later(job->c->lanes.lane[lane].io, req->id,
			    NULL, NULL);
			if (req->ask == ASK_LANE_OPEN)
				hpn_handles_none(&job->handles[lane], req->id);
			else if (req->ask == ASK_LANE_CLOSE)
				hpn_sftp_handles_closed(job, req);
			free(req);
		}
	}
}

static void
abandon_slow(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	for (i = 1; i < HPN_LANES_MAX; i++)
		if (n->stripe->part[i].state == PART_OPENING ||
		    n->stripe->part[i].state == PART_PROVING)
			abandon(job, n, i);
}

/* ------------------------------------------------------------ the proof -- */

/* What the file is, by the handle of the first lane. */
static void
facts(struct hpn_sftp_job *job, struct node *n, u_char type, struct sshbuf *m)
{
	struct stripe *s = n->stripe;
	Attrib a;

	s->facts = FACTS_BAD;
	if (hpn_sftp_answer_attrib(job, type, m, &a) != SSH2_FX_OK ||
	    (a.flags & SSH2_FILEXFER_ATTR_UIDGID) == 0 ||
	    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0) {
		debug("server does not tell whose \"%s\" is", n->to);
		hpn_sftp_lanes_no_more(&job->c->lanes);
		return;
	}
	if (!S_ISREG(a.perm))
		return;
	s->uid = a.uid;
	s->gid = a.gid;
	s->perm = a.perm & PERM_KEPT;
	s->facts = FACTS_KNOWN;
}

/* Send the next piece, with zeros in it. */
static void
hide(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	size_t at, len, most = *job->c->upload_buflen;
	uint64_t chance;

	if (n->next < s->again || n->next >= n->size ||
	    n->size - n->next < HPN_LANES_SHARE ||
	    !hpn_sftp_ask_may(job, HPN_LANES_PIECE) ||
	    !hpn_sftp_ask_lane_may(job, 0, HPN_LANES_PIECE, 1))
		return;
	s->piece = xmalloc(2 * HPN_LANES_PIECE);
	s->shown = s->piece + HPN_LANES_PIECE;
	arc4random_buf(&chance, sizeof(chance));
	if (hpn_sftp_node_read_at(n->fd, s->piece, HPN_LANES_PIECE, n->next) !=
	    HPN_LANES_PIECE ||
	    hpn_lanes_hide(&s->proof, s->piece, chance, s->shown) == -1) {
		s->again = n->next + LOOK_AGAIN;
		free(s->piece);
		s->piece = NULL;
		return;
	}
	for (at = 0; at < HPN_LANES_PIECE; at += len) {
		len = MINIMUM(HPN_LANES_PIECE - at, most);
		hpn_sftp_ask_hidden(job, n, n->next + at, s->shown + at, len);
		s->hiding++;
	}
	hpn_sftp_check_verify_sent(n, s->piece, HPN_LANES_PIECE);
	s->was = 1;
	s->hidden_failed = 0;
	n->hole = n->next;
	n->next += HPN_LANES_PIECE;
	hpn_sftp_node_plan(job, n);
}

/* Send it as it is. */
static void
reveal(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	size_t at, len, most = *job->c->upload_buflen;

	for (at = 0; at < HPN_LANES_PIECE; at += len) {
		len = MINIMUM(HPN_LANES_PIECE - at, most);
		hpn_sftp_ask_write(job, n, NULL, n->hole + at, s->piece + at,
		    len);
	}
	free(s->piece);
	s->piece = NULL;
	n->hole = NO_HOLE;
	s->again = n->next;
}

static void
prove(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	struct stripe *s = n->stripe;
	struct part *part = &s->part[lane];
	u_int i;

	part->state = PART_PROVING;
	part->other = 0;
	part->asked = 1;
	hpn_sftp_ask_lane_handle(job, n, &part->where, ASK_LANE_PROOF,
	    SSH2_FXP_FSTAT);
	for (i = 0; i < HPN_LANES_PAGES; i++) {
		if ((s->proof.told & (1ULL << i)) == 0)
			continue;
		part->asked++;
		hpn_sftp_ask_lane_read(job, n, &part->where, n->hole + i *
		    HPN_LANES_PAGE + s->proof.at[i], HPN_LANES_LOOK);
	}
}

static int
same_facts(struct hpn_sftp_job *job, const struct stripe *s, u_char type,
    struct sshbuf *m)
{
	Attrib a;

	return hpn_sftp_answer_attrib(job, type, m, &a) == SSH2_FX_OK &&
	    (a.flags & SSH2_FILEXFER_ATTR_UIDGID) != 0 &&
	    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) != 0 &&
	    a.uid == s->uid && a.gid == s->gid &&
	    (a.perm & PERM_KEPT) == s->perm;
}

static int
same_bytes(struct hpn_sftp_job *job, const struct node *n,
    const struct request *req, u_char type, struct sshbuf *m)
{
	const struct stripe *s = n->stripe;
	const u_char *p;
	size_t len;
	int r;

	if (type == SSH2_FXP_STATUS) {
		(void)hpn_sftp_answer_status(job, type, m);
		return 0;
	}
	if (type != SSH2_FXP_DATA)
		fatal("Expected SSH2_FXP_DATA(%u) packet, got %u",
		    SSH2_FXP_DATA, type);
	if ((r = sshbuf_get_string_direct(m, &p, &len)) != 0)
		fatal_fr(r, "parse data");
	return n->hole != NO_HOLE && len == req->len &&
	    hpn_lanes_shown(s->shown, req->offset - n->hole, p, len);
}

static void
proved(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct stripe *s = n->stripe;
	struct part *part = &s->part[req->lane];

	if (!(req->len == 0 ? same_facts(job, s, type, m) :
	    same_bytes(job, n, req, type, m)))
		part->other = 1;
	if (--part->asked != 0)
		return;
	if (part->other || n->state != NODE_DATA) {
		debug("\"%s\" is not the same in lane %u", n->to, req->lane);
		close_part(job, n, req->lane);
		return;
	}
	/* If it ends now nobody knows what it has written. */
	part->state = PART_READY;
	part->wrote = 1;
	job->c->lanes.lane[req->lane].files++;
}

/* ------------------------------------------------------------ the lanes -- */

static u_int
parts_in(const struct stripe *s, int state)
{
	u_int i, n = 0;

	for (i = 1; i < HPN_LANES_MAX; i++)
		if ((int)s->part[i].state == state)
			n++;
	return n;
}

void
hpn_sftp_stripe_more(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int64_t left = n->size > n->next ? n->size - n->next : 0;
	u_int i;

	if (s == NULL || n->failed || interrupted ||
	    *job->c->upload_buflen < HPN_RESUME_PIECE)
		return;
	if (s->facts == FACTS_NONE && !l->tell_only &&
	    (l->n > 1 || l->control != -1)) {
		s->facts = FACTS_ASKED;
		hpn_sftp_ask_handle(job, n, ASK_FACTS, SSH2_FXP_FSTAT);
	}
	if (s->facts != FACTS_KNOWN)
		return;
	hpn_sftp_lanes_grow(l, hpn_clock_ns(), job->window.rtt_ns, left);
	for (i = 1; i < l->n; i++) {
		if (i >= l->policy.want) {
			if (s->part[i].state == PART_OPEN ||
			    s->part[i].state == PART_READY)
				close_part(job, n, i);
		} else if (s->part[i].state == PART_NONE && is_there(job, i) &&
		    left >= HPN_LANES_SHARE && hpn_sftp_ask_may(job, 0)) {
			s->part[i].state = PART_OPENING;
			hpn_sftp_ask_lane_open(job, n, &s->part[i].where);
		}
	}
	if (n->hole == NO_HOLE) {
		if (parts_in(s, PART_OPEN) != 0 &&
		    parts_in(s, PART_OPENING) == 0)
			hide(job, n);
		return;
	}
	if (s->hiding != 0)
		return;
	for (i = 1; i < l->n; i++) {
		if (s->part[i].state != PART_OPEN)
			continue;
		if (s->hidden_failed)
			close_part(job, n, i);
		else
			prove(job, n, i);
	}
	if (parts_in(s, PART_PROVING) == 0)
		reveal(job, n);
}

/* Nothing more may be sent: a lane that keeps us waiting does so no longer. */
static int
wait_for(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;

	if (n->hole != NO_HOLE && s->hiding == 0 && TAILQ_EMPTY(&n->data)) {
		abandon_slow(job, n);
		reveal(job, n);
	}
	return -1;
}

int
hpn_sftp_stripe_pick(struct hpn_sftp_job *job, struct node *n, size_t len)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	struct stripe *s = n->stripe;
	int best = -1, alone;
	u_int i;

	/* Data that other lanes would wait for must not pile up in lane 0. */
	if (s == NULL || !s->was)
		return hpn_sftp_ask_lane_may(job, 0, len, s == NULL ||
		    job->c->lanes.policy.given_up) ? 0 : -1;
	if (!hpn_lanes_may_lead(hpn_sftp_node_whole(n), n->next, len, n->size))
		return wait_for(job, n);
	if (n->next >= n->size || len >= n->size - n->next)
		return hpn_sftp_stripe_last(job, n);
	alone = parts_in(s, PART_READY) == 0 && job->c->lanes.policy.given_up;
	for (i = 0; i < job->c->lanes.n; i++) {
		if (i != 0 && (s->part[i].state != PART_READY ||
		    i >= job->c->lanes.policy.use))
			continue;
		if (hpn_sftp_ask_lane_may(job, i, len, alone) && (best == -1 ||
		    lanes[i].under_way < lanes[best].under_way))
			best = (int)i;
	}
	return best;
}

int
hpn_sftp_stripe_last(struct hpn_sftp_job *job, struct node *n)
{
	if (n->stripe != NULL && n->stripe->was && hpn_sftp_node_whole(n) <
	    n->next)
		return wait_for(job, n);
	return 0;
}

int
hpn_sftp_stripe_was(const struct node *n)
{
	return n->stripe != NULL && n->stripe->was;
}

const struct where *
hpn_sftp_stripe_where(const struct node *n, u_int lane)
{
	return &n->stripe->part[lane].where;
}

int
hpn_sftp_stripe_close(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	u_int i;
	int closing = 0;

	if (s == NULL)
		return 0;
	abandon_slow(job, n);
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
hpn_sftp_stripe_free(struct node *n)
{
	u_int i;

	if (n->stripe == NULL)
		return;
	for (i = 0; i < HPN_LANES_MAX; i++)
		free(n->stripe->part[i].where.handle);
	free(n->stripe->piece);
	free(n->stripe);
	n->stripe = NULL;
	n->hole = NO_HOLE;
}

int
hpn_sftp_stripe_gone(struct hpn_sftp_job *job, u_int lane)
{
	struct request *req, **chain;
	struct node *n;
	u_int i;

	hpn_sftp_handles_gone(job, lane);
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
			    n->stripe->part[lane].wrote)
				return -1;
			*chain = req->chain;
			hpn_sftp_ask_over(job, req);
			n->stripe->part[lane].state = PART_CLOSED;
			free(req);
			job->way->check_end(job, n);
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
	if ((r = sshbuf_get_string(m, &part->where.handle,
	    &part->where.handle_len)) != 0)
		fatal_fr(r, "parse handle");
	part->state = PART_OPEN;
}

/* What was acknowledged may yet have failed, as over NFS. */
static void
closed(struct hpn_sftp_job *job, struct node *n, struct part *part,
    u_int status)
{
	part->state = PART_CLOSED;
	if (status == SSH2_FX_OK || !part->wrote)
		return;
	hpn_sftp_meter_break(job);
	error("close remote \"%s\": %s", n->to, fx2txt(status));
	n->failed = 1;
}

void
hpn_sftp_stripe_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;
	struct stripe *s = n->stripe;
	struct part *part = &s->part[req->lane];

	switch (req->ask) {
	case ASK_FACTS:
		facts(job, n, type, m);
		break;
	case ASK_HIDDEN:
		s->hiding--;
		if (hpn_sftp_answer_status(job, type, m) != SSH2_FX_OK)
			s->hidden_failed = 1;
		break;
	case ASK_LANE_OPEN:
		opened(part, type, m);
		break;
	case ASK_LANE_PROOF:
		proved(job, n, req, type, m);
		break;
	default:
		closed(job, n, part, hpn_sftp_answer_status(job, type, m));
		break;
	}
	if (n->state != NODE_DATA && part->state == PART_OPEN)
		close_part(job, n, req->lane);
	if (n->state == NODE_DRAIN && TAILQ_EMPTY(&n->data))
		job->way->drained(job, n);
	else
		job->way->check_end(job, n);
}
