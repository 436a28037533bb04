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
 *
 * Another connection may have led to another host, with a copy that follows this
 * file, or with a file system that both hosts have.  So the first lane must see at
 * once what the other one has written.  It looks through a second handle, since its
 * own may not be for reading.  The other host may go down with what it has
 * acknowledged.  So what it was sent is remembered, and is written again if the
 * connection ends.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
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

#include "hpn-handles.h"
#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-gather.h"
#include "hpn-sftp-handles.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-stripe.h"

extern volatile sig_atomic_t interrupted;

#define NO_HOLE		UINT64_MAX
#define HIDE_TRIES	8
/* After a part of zeros. */
#define LOOK_AGAIN	(16 * HPN_LANES_PIECE)
/* The piece that was hidden goes in so many parts, through several connections. */
#define REVEALED	5
/* So much is asked for at a time where something else waits behind it. */
#define BRIEF_LEN	(64 * 1024)
/* The attributes that do not change while the file is written to. */
#define PERM_KEPT	(S_IFMT | 0777)

struct range {
	u_int64_t offset, len;
};

struct part {
	enum { PART_NONE, PART_OPENING, PART_OPEN, PART_PROVING, PART_PROVED,
	    PART_SHOWING, PART_READY, PART_CLOSING, PART_CLOSED } state;
	struct where where;	/* its lane, and its handle there */
	int wrote;		/* or might have */
	u_int asked;		/* proving: answers to come */
	int other;		/* ... and one that was wrong */
	u_int64_t shown;	/* ... offset of what it has written */
	struct range *ranges;	/* a connection has written, acknowledged */
	size_t nranges, room;
};

struct stripe {
	struct part part[HPN_LANES_SLOTS];
	enum { FACTS_NONE, FACTS_ASKED, FACTS_KNOWN, FACTS_BAD } facts;
	u_int32_t uid, gid, perm;
	/* the piece at n->hole: the source's, and with zeros in it as sent */
	u_char *piece, *shown;
	struct hpn_lanes_proof proof;
	u_int hiding;		/* requests under way to write it */
	int hidden_failed;
	uint64_t showed;	/* pages that lanes have shown, or will */
	int brief;		/* the first lane is not to have a long queue */
	u_int64_t again;	/* none before this */
	int was;		/* some lane has had a share, or was to have */
	TAILQ_ENTRY(stripe) list;
	struct node *node;
	int fd;			/* the source, to read it again; -1 */
	struct range *lost;	/* to be written again, */
	size_t nlost, lost_room;
};

#define NOT_SHOWN	UINT64_MAX

/* Whether the lane is there; what it is asked may precede its server's version. */
static int
is_there(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return lane < l->n && l->lane[lane].io != NULL;
}

/* ... and may be asked; a connection takes long, others do not wait for it. */
static int
is_ready(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return is_there(job, lane) && !l->lane[lane].failed &&
	    (l->lane[lane].ready || !hpn_sftp_lanes_connect(l));
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
	for (i = 0; i < HPN_LANES_SLOTS; i++)
		n->stripe->part[i].where.lane = i;
	n->hole = NO_HOLE;
	n->stripe->node = n;
	n->stripe->fd = -1;
	if (hpn_sftp_lanes_connect(&job->c->lanes) &&
	    (n->stripe->fd = dup(n->fd)) != -1)
		(void)fcntl(n->stripe->fd, F_SETFD, FD_CLOEXEC);
	TAILQ_INSERT_TAIL(&job->stripes, n->stripe, list);
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
	struct request *req;
	u_int at = 0;

	close_part(job, n, lane);
	n->stripe->part[lane].state = PART_CLOSED;
	while ((req = hpn_sftp_ask_lost(job, n, lane, &at)) != NULL) {
		hpn_sftp_io_later(job->c->lanes.lane[lane].io, req->id, NULL,
		    NULL);
		if (req->ask == ASK_LANE_OPEN)
			hpn_handles_none(&job->handles[lane], req->id);
		else if (req->ask == ASK_LANE_CLOSE)
			hpn_sftp_handles_closed(job, req);
		free(req);
	}
}

static void
abandon_slow(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	for (i = 1; i < HPN_LANES_SLOTS; i++)
		if (n->stripe->part[i].state == PART_OPENING ||
		    (n->stripe->part[i].state >= PART_PROVING &&
		    n->stripe->part[i].state < PART_READY))
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
	uint64_t chance, told;
	u_int i, tries;
	int r;

	if (n->next < s->again || n->next >= n->size ||
	    n->size - n->next < HPN_LANES_SHARE ||
	    !hpn_sftp_ask_may(job, HPN_LANES_PIECE) ||
	    !hpn_sftp_ask_lane_may(job, 0, HPN_LANES_PIECE, 1))
		return;
	s->piece = xmalloc(2 * HPN_LANES_PIECE);
	s->shown = s->piece + HPN_LANES_PIECE;
	r = hpn_sftp_node_read_at(n->fd, s->piece, HPN_LANES_PIECE, n->next) ==
	    HPN_LANES_PIECE ? 0 : -1;
	/* Each lane is to have a page that tells something and is hidden. */
	for (tries = 0; r == 0 && tries < HIDE_TRIES; tries++) {
		arc4random_buf(&chance, sizeof(chance));
		r = hpn_lanes_hide(&s->proof, s->piece, chance, s->shown);
		told = s->proof.told & s->proof.hidden;
		for (i = 0; told != 0; told &= told - 1)
			i++;
		if (i >= HPN_LANES_SLOTS)
			break;
	}
	if (r == -1) {
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
	s->showed = 0;
	n->hole = n->next;
	n->next += HPN_LANES_PIECE;
	hpn_sftp_node_plan(job, n);
}

/* Where the fewest bytes are under way. */
static u_int
idlest(const struct hpn_sftp_job *job, const struct stripe *s)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	u_int i, best = 0;

	for (i = 1; i < job->c->lanes.n; i++)
		if (s->part[i].state == PART_READY && is_there(job, i) &&
		    lanes[i].under_way < lanes[best].under_way)
			best = i;
	return best;
}

/*
 * Send it as it is.  All that follows waits for it.  So it must not wait behind what
 * the first of several connections was given meanwhile.
 */
static void
reveal(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	size_t at, len, most = *job->c->upload_buflen;
	u_int lane = 0;

	if (hpn_sftp_lanes_connect(&job->c->lanes))
		most = MINIMUM(most, HPN_LANES_PIECE / REVEALED);
	for (at = 0; at < HPN_LANES_PIECE; at += len) {
		len = MINIMUM(HPN_LANES_PIECE - at, most);
		if (hpn_sftp_lanes_connect(&job->c->lanes))
			lane = idlest(job, s);
		hpn_sftp_ask_write(job, n, lane == 0 ? NULL :
		    &s->part[lane].where, n->hole + at, s->piece + at, len);
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
	part->shown = NOT_SHOWN;
	part->asked = 1;
	hpn_sftp_ask_lane_handle(job, n, &part->where, ASK_LANE_PROOF,
	    SSH2_FXP_FSTAT);
	for (i = 0; i < HPN_LANES_PAGES; i++) {
		if ((s->proof.told & ~s->showed & (1ULL << i)) == 0)
			continue;
		part->asked++;
		hpn_sftp_ask_lane_read(job, n, &part->where, ASK_LANE_PROOF,
		    n->hole + i * HPN_LANES_PAGE + s->proof.at[i],
		    HPN_LANES_LOOK);
	}
}

static u_int
parts_in(const struct stripe *s, int state)
{
	u_int i, n = 0;

	for (i = 0; i < HPN_LANES_SLOTS; i++)
		if ((int)s->part[i].state == state)
			n++;
	return n;
}

/* The lane sends one of the pages that were hidden, which is its own. */
static int
show(struct hpn_sftp_job *job, struct node *n, struct part *part)
{
	struct stripe *s = n->stripe;
	u_int64_t told = s->proof.told & s->proof.hidden & ~s->showed;
	u_int i;

	for (i = 0; i < HPN_LANES_PAGES; i++) {
		if ((told & (1ULL << i)) == 0)
			continue;
		part->state = PART_SHOWING;
		part->shown = n->hole + (u_int64_t)i * HPN_LANES_PAGE;
		part->wrote = 1;
		s->showed |= 1ULL << i;
		hpn_sftp_ask_show(job, n, &part->where, part->shown, s->piece +
		    (size_t)i * HPN_LANES_PAGE, HPN_LANES_PAGE);
		return 0;
	}
	return -1;
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

	if ((p = hpn_sftp_answer_data(job, type, m, &len)) == NULL)
		return 0;
	return n->hole != NO_HOLE && len == req->len &&
	    hpn_lanes_shown(s->shown, req->offset - n->hole, p, len);
}

static void takes_part(struct hpn_sftp_job *, struct node *, struct part *);

/* No lane is to see a page of another one where it looks for zeros. */
static void
show_all(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	u_int i;

	if (parts_in(s, PART_PROVING) != 0)
		return;
	/* It is the one that looks. */
	if (n->hole != NO_HOLE && n->state == NODE_DATA &&
	    s->part[0].state < PART_PROVING)
		return;
	for (i = 1; i < HPN_LANES_SLOTS; i++)
		if (s->part[i].state == PART_PROVED && (n->hole == NO_HOLE ||
		    s->part[0].state != PART_READY ||
		    n->state != NODE_DATA || show(job, n, &s->part[i]) == -1))
			takes_part(job, n, &s->part[i]);
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
	if (--part->asked != 0 || part->state != PART_PROVING)
		return;
	if (!part->other && req->lane != 0 &&
	    hpn_sftp_lanes_connect(&job->c->lanes))
		part->state = PART_PROVED;
	else
		takes_part(job, n, part);
	show_all(job, n);
}

/* The lane has written its page, or the first one has read it. */
static void
shown(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct stripe *s = n->stripe;
	struct part *part = NULL;
	const u_char *p;
	size_t len, at;
	u_int i;
	int r;

	for (i = 1; i < HPN_LANES_SLOTS && part == NULL; i++)
		if (s->part[i].state == PART_SHOWING && req->offset >=
		    s->part[i].shown && req->offset - s->part[i].shown <
		    HPN_LANES_PAGE)
			part = &s->part[i];
	if (req->ask == ASK_LANE_SHOW || type == SSH2_FXP_STATUS) {
		r = hpn_sftp_answer_status(job, type, m) == SSH2_FX_OK;
		if (part == NULL)
			return;
		if (r && req->ask == ASK_LANE_SHOW && n->hole != NO_HOLE &&
		    s->part[0].state == PART_READY &&
		    n->state == NODE_DATA) {
			at = (size_t)(part->shown - n->hole);
			hpn_sftp_ask_lane_read(job, n, &s->part[0].where,
			    ASK_LANE_SEEN,
			    part->shown + s->proof.at[at / HPN_LANES_PAGE],
			    HPN_LANES_LOOK);
			return;
		}
		part->other = 1;
	} else {
		p = hpn_sftp_answer_data(job, type, m, &len);
		if (part == NULL)
			return;
		if (n->hole == NO_HOLE || len != req->len ||
		    memcmp(s->piece + (req->offset - n->hole), p, len) != 0)
			part->other = 1;
	}
	takes_part(job, n, part);
}

/* All was asked of it: it takes part, or does not. */
static void
takes_part(struct hpn_sftp_job *job, struct node *n, struct part *part)
{
	if (hpn_sftp_lanes_connect(&job->c->lanes) && part->where.lane != 0 &&
	    part->state != PART_SHOWING)
		part->other = 1;
	if (part->other || n->state != NODE_DATA) {
		if (part->other)
			debug("\"%s\" is not the same in lane %u", n->to,
			    part->where.lane);
		close_part(job, n, part->where.lane);
		return;
	}
	part->state = PART_READY;
	/* If it ends now nobody knows what it has written. */
	part->wrote = part->where.lane != 0;
	job->c->lanes.lane[part->where.lane].files++;
}

/* ------------------------------------------------------------ the lanes -- */

/* Lanes that have opened the file, or will, and are not in use yet. */
static u_int
pending(const struct stripe *s)
{
	return parts_in(s, PART_OPENING) + parts_in(s, PART_OPEN) +
	    parts_in(s, PART_PROVING) + parts_in(s, PART_PROVED) +
	    parts_in(s, PART_SHOWING);
}

/*
 * Connections come one after the other: those that come soon are proved by the
 * same piece.  But a hole must not hold up the file.
 */
static int
keep_hidden(struct hpn_sftp_job *job, const struct node *n)
{
	return parts_in(n->stripe, PART_OPENING) != 0 ||
	    (hpn_sftp_lanes_coming(&job->c->lanes) != 0 &&
	    n->next < n->size && n->size - n->next >= HPN_LANES_SHARE &&
	    n->next - n->hole < HPN_RESUME_SPAN / 2);
}

void
hpn_sftp_stripe_more(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int64_t left = n->size > n->next ? n->size - n->next : 0;
	u_int i, opened;
	int connect = hpn_sftp_lanes_connect(l);

	if (s == NULL || n->failed || interrupted ||
	    *job->c->upload_buflen < HPN_RESUME_PIECE)
		return;
	/* What is not known yet will be soon: one is made meanwhile. */
	if (connect && s->facts == FACTS_ASKED)
		hpn_sftp_lanes_grow(l, hpn_clock_ns(), job->window.rtt_ns, left);
	if (s->facts == FACTS_NONE && hpn_sftp_lanes_more(l)) {
		s->facts = FACTS_ASKED;
		hpn_sftp_ask_handle(job, n, ASK_FACTS, SSH2_FXP_FSTAT);
	}
	if (s->facts != FACTS_KNOWN)
		return;
	hpn_sftp_lanes_grow(l, hpn_clock_ns(), job->window.rtt_ns, left);
	for (i = hpn_sftp_lanes_connect(l) ? 0 : 1; i < l->n; i++) {
		if (hpn_sftp_lanes_connect(l) ? !hpn_sftp_lanes_use(l, i) :
		    i >= l->policy.want) {
			if (s->part[i].state == PART_OPEN ||
			    s->part[i].state == PART_READY)
				close_part(job, n, i);
		} else if (s->part[i].state == PART_NONE && is_ready(job, i) &&
		    left >= HPN_LANES_SHARE && hpn_sftp_ask_may(job, 0)) {
			s->part[i].state = PART_OPENING;
			hpn_sftp_ask_lane_open(job, n, &s->part[i].where);
		}
	}
	s->brief = connect && (n->hole != NO_HOLE || pending(s) != 0 ||
	    hpn_sftp_lanes_coming(l) != 0);
	if (n->hole == NO_HOLE) {
		opened = parts_in(s, PART_OPEN) - (s->part[0].state ==
		    PART_OPEN);
		/* The answers come at the same time then. */
		if (connect)
			opened += parts_in(s, PART_OPENING) -
			    (s->part[0].state == PART_OPENING);
		if (opened != 0 && (connect ||
		    parts_in(s, PART_OPENING) == 0))
			hide(job, n);
		return;
	}
	if (s->hiding != 0)
		return;
	for (i = 0; i < l->n; i++) {
		if (s->part[i].state != PART_OPEN)
			continue;
		if (s->hidden_failed)
			close_part(job, n, i);
		else
			prove(job, n, i);
	}
	if (parts_in(s, PART_PROVING) + parts_in(s, PART_PROVED) +
	    parts_in(s, PART_SHOWING) == 0 &&
	    (!connect || s->hidden_failed || !keep_hidden(job, n)))
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

static int
pick_connection(struct hpn_sftp_job *job, struct node *n, size_t len)
{
	struct stripe *s = n->stripe;
	u_int64_t rest = n->next < n->size ? n->size - n->next : 0;
	u_int64_t lead = rest;
	int best = -1;
	u_int i;

	if (s->was) {
		if (!hpn_lanes_may_lead(hpn_sftp_node_whole(n), n->next, len,
		    n->size))
			return wait_for(job, n);
		if (n->next >= n->size || len >= n->size - n->next)
			return hpn_sftp_stripe_last(job, n);
		/* What comes later than so much more keeps all waiting. */
		lead = MINIMUM(rest, HPN_RESUME_SPAN -
		    (n->next - hpn_sftp_node_whole(n)));
	}
	for (i = 0; i < job->c->lanes.n; i++) {
		if (i != 0 && (s->part[i].state != PART_READY ||
		    !hpn_sftp_lanes_use(&job->c->lanes, i)))
			continue;
		/* What proves the others waits behind it. */
		if (i == 0 && s->brief &&
		    !hpn_sftp_lanes_brief(&job->c->lanes, i, len))
			continue;
		if (hpn_sftp_lanes_feed(&job->c->lanes, i, len) &&
		    hpn_sftp_lanes_freer(&job->c->lanes, i, best) &&
		    (rest == 0 || (!hpn_sftp_lanes_late(&job->c->lanes, i, len,
		    lead) && !hpn_sftp_lanes_last(&job->c->lanes, i, len,
		    rest))))
			best = (int)i;
	}
	return best;
}

int
hpn_sftp_stripe_pick(struct hpn_sftp_job *job, struct node *n, size_t len)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	struct stripe *s = n->stripe;
	int best = -1, alone;
	u_int i;

	if (s != NULL && hpn_sftp_lanes_connect(&job->c->lanes))
		return pick_connection(job, n, len);
	/* Data that other lanes would wait for must not pile up in lane 0. */
	if (s == NULL || !s->was)
		return hpn_sftp_ask_lane_may(job, n->lane, len, s == NULL ||
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
hpn_sftp_stripe_may(struct hpn_sftp_job *job, const struct node *n, size_t len)
{
	/* Each connection has a window of its own, and the file HPN_RESUME_SPAN. */
	if (len != 0 && job->full_step == 0 && n->stripe != NULL &&
	    n->stripe->was && hpn_sftp_lanes_connect(&job->c->lanes))
		len = 0;
	return hpn_sftp_ask_may(job, len);
}

size_t
hpn_sftp_stripe_len(const struct hpn_sftp_job *job, const struct node *n,
    size_t most)
{
	if (n->stripe != NULL && n->stripe->brief && most > BRIEF_LEN)
		most = BRIEF_LEN;
	if (n->stripe == NULL || !n->stripe->was || n->next >= n->size)
		return most;
	if (hpn_sftp_lanes_connect(&job->c->lanes))
		most = hpn_connections_portion(hpn_sftp_lanes_usual(
		    &job->c->lanes), n->size - n->next, most);
	return hpn_connections_piece(n->size - n->next, most);
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
	/* What begins again is written again whole. */
	if (s->nlost != 0 && !n->again)
		return 1;
	abandon_slow(job, n);
	for (i = 0; i < HPN_LANES_SLOTS; i++) {
		if (s->part[i].state == PART_OPEN ||
		    s->part[i].state == PART_READY)
			close_part(job, n, i);
		if (s->part[i].state == PART_CLOSING && s->part[i].wrote)
			closing = 1;
	}
	return closing;
}

void
hpn_sftp_stripe_free(struct hpn_sftp_job *job, struct node *n)
{
	u_int i;

	if (n->stripe == NULL)
		return;
	for (i = 0; i < HPN_LANES_SLOTS; i++) {
		free(n->stripe->part[i].where.handle);
		free(n->stripe->part[i].ranges);
	}
	TAILQ_REMOVE(&job->stripes, n->stripe, list);
	if (n->stripe->fd != -1)
		close(n->stripe->fd);
	free(n->stripe->lost);
	free(n->stripe->piece);
	free(n->stripe);
	n->stripe = NULL;
	n->hole = n->lost = NO_HOLE;
}

/* ------------------------------------------------------ what is lost -- */

static void
add_range(struct range **ranges, size_t *nranges, size_t *room,
    u_int64_t offset, u_int64_t len)
{
	struct range *last = *nranges == 0 ? NULL : &(*ranges)[*nranges - 1];

	if (last != NULL && last->offset + last->len == offset) {
		last->len += len;
		return;
	}
	if (*nranges == *room) {
		*room = *room == 0 ? 16 : 2 * *room;
		*ranges = xreallocarray(*ranges, *room, sizeof(**ranges));
	}
	(*ranges)[*nranges].offset = offset;
	(*ranges)[(*nranges)++].len = len;
}

void
hpn_sftp_stripe_wrote(struct hpn_sftp_job *job, struct node *n,
    const struct request *req)
{
	struct part *part;

	if (req->lane == 0 || n->stripe == NULL ||
	    !hpn_sftp_lanes_connect(&job->c->lanes))
		return;
	part = &n->stripe->part[req->lane];
	add_range(&part->ranges, &part->nranges, &part->room, req->offset,
	    req->len);
}

static void
lose(struct node *n, u_int64_t offset, u_int64_t len)
{
	struct stripe *s = n->stripe;

	add_range(&s->lost, &s->nlost, &s->lost_room, offset, len);
	if (offset < n->lost)
		n->lost = offset;
}

/* What is lost is the last of these; the first byte of all of them. */
static u_int64_t
first_lost(const struct stripe *s)
{
	u_int64_t first = NO_HOLE;
	size_t i;

	for (i = 0; i < s->nlost; i++)
		if (s->lost[i].offset < first)
			first = s->lost[i].offset;
	return first;
}

/* It is written again, through the first connection. */
static void
again(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;
	struct range *r;
	size_t max = *job->c->upload_buflen, len;
	u_char *buf = hpn_sftp_node_room(job, max);

	while (s->nlost != 0 && !n->failed && !interrupted) {
		r = &s->lost[s->nlost - 1];
		len = MINIMUM(r->len, max);
		if (!hpn_sftp_ask_may(job, len) ||
		    !hpn_sftp_ask_lane_may(job, 0, len, 0))
			return;
		if (s->fd == -1 || hpn_sftp_node_read_at(s->fd, buf, len,
		    r->offset) != (ssize_t)len) {
			hpn_sftp_meter_break(job);
			error("\"%s\" cannot be read again", n->from);
			n->failed = 1;
			break;
		}
		hpn_sftp_ask_write(job, n, NULL, r->offset, buf, len);
		r->offset += len;
		r->len -= len;
		if (r->len == 0)
			s->nlost--;
	}
	/* What is under way is accounted for by itself. */
	if (s->nlost == 0)
		n->lost = NO_HOLE;
	else if (n->failed || interrupted) {
		if (first_lost(s) < n->bad)
			n->bad = first_lost(s);
		n->lost = NO_HOLE;
		s->nlost = 0;
	}
}

int
hpn_sftp_stripe_again(struct hpn_sftp_job *job, struct node *n)
{
	struct stripe *s = n->stripe;

	if (s == NULL || (n->state != NODE_DATA && n->state != NODE_DRAIN) ||
	    (s->nlost == 0 && n->state == NODE_DATA))
		return 0;
	again(job, n);
	if (n->state == NODE_DATA)
		return s->nlost != 0;
	if (s->nlost == 0) {
		hpn_sftp_node_unlist(n);
		if (TAILQ_EMPTY(&n->data))
			job->way->drained(job, n);
	}
	return 1;
}

/* A connection has ended: others do what it was asked for, and has done. */
static void
gone(struct hpn_sftp_job *job, u_int lane)
{
	struct request *req;
	struct stripe *s, *next;
	struct part *part;
	struct node *n;
	u_int at = 0;
	size_t k;

	while ((req = hpn_sftp_ask_lost(job, NULL, lane, &at)) != NULL) {
		if (req->ask == ASK_WRITE) {
			n = req->node;
			TAILQ_REMOVE(&n->data, req, list);
			lose(n, req->offset, req->len);
		}
		free(req);
	}
	job->c->lanes.lane[lane].files = 0;
	TAILQ_FOREACH_SAFE(s, &job->stripes, list, next) {
		n = s->node;
		part = &s->part[lane];
		/* Of what begins again nothing counts any more. */
		for (k = 0; k < part->nranges && !n->again; k++) {
			lose(n, part->ranges[k].offset, part->ranges[k].len);
			n->moved -= part->ranges[k].len;
			job->done_bytes -= (off_t)part->ranges[k].len;
			job->moved_bytes -= (off_t)part->ranges[k].len;
		}
		part->nranges = 0;
		if (part->state == PART_NONE || (part->state == PART_CLOSED &&
		    s->nlost == 0))
			continue;
		part->state = PART_CLOSED;
		show_all(job, n);
		if (n->state == NODE_DATA || n->state == NODE_DRAIN)
			hpn_sftp_node_list(n, &job->want);
		else
			job->way->check_end(job, n);
	}
}

int
hpn_sftp_stripe_gone(struct hpn_sftp_job *job, u_int lane)
{
	struct request *req;
	struct node *n;
	u_int at = 0;

	hpn_sftp_handles_gone(job, lane);
	if (hpn_sftp_lanes_connect(&job->c->lanes)) {
		if (job->way->up)
			gone(job, lane);
		else
			hpn_sftp_gather_gone(job, lane);
		return 0;
	}
	/* What was written there may be lost. */
	if (job->c->lanes.lane[lane].files != 0)
		return -1;
	while ((req = hpn_sftp_ask_lost(job, NULL, lane, &at)) != NULL) {
		n = req->node;
		if (req->ask == ASK_LANE_CLOSE && n->stripe->part[lane].wrote) {
			free(req);
			return -1;
		}
		n->stripe->part[lane].state = PART_CLOSED;
		free(req);
		job->way->check_end(job, n);
	}
	return 0;
}

/* -------------------------------------------------------------- answers -- */

/* What was acknowledged may yet have failed, as over NFS. */
static void
closed(struct hpn_sftp_job *job, struct node *n, struct part *part,
    u_int status)
{
	part->state = PART_CLOSED;
	part->nranges = 0;
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
		part->state = hpn_sftp_answer_where(type, m, &part->where) == 0 ?
		    PART_OPEN : PART_CLOSED;
		if (req->lane == 0)
			show_all(job, n);
		break;
	case ASK_LANE_PROOF:
		proved(job, n, req, type, m);
		break;
	case ASK_LANE_SHOW:
	case ASK_LANE_SEEN:
		shown(job, n, req, type, m);
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
