/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-spread: small files, each over one of several connections: all that is
 * asked with its handle goes to one lane.  Directories are lane 0's.
 *
 * Another connection may have led to another host, or to another file system below
 * the same name.  So a lane is used where it was proved to see what lane 0 sees.
 *
 * Up, by a file of the copy itself, while it is empty.  Lane 0 sets times that chance
 * picks.  The lane has to see them, and sets others through a handle of its own, which
 * lane 0 has to see.  A mirror may follow lane 0, but not both ways, at once.  This
 * holds for the directory, and for those that lane 0 makes in it: they are new, so
 * nothing else is mounted there.  One that was there has to be proved by itself.
 *
 * Down, some files have to be the same in both, by their attributes and a piece that
 * chance picks.  Besides, each file that a lane has opened has to have the attributes
 * that lane 0 has seen.
 *
 * Whatever goes wrong in a lane is done again in lane 0, which says what is wrong.
 * Requests that were under way in a connection that ended may still be carried out,
 * as late as they like.  So a lane never truncates a file as it opens it: what comes
 * late writes what is there already.  For the same reason what it sets for the proof is
 * the access time that chance picks, and a modification time that is right.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-connections.h"
#include "hpn-handles.h"
#include "hpn-lanes.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-source.h"
#include "hpn-sftp-spread.h"
#include "hpn-sftp-wish.h"

extern volatile sig_atomic_t interrupted;

/* Larger ones are divided (hpn-sftp-stripe.c, hpn-sftp-gather.c). */
#define LARGE		(2 * HPN_LANES_SHARE)
/* Files that prove a lane, down. */
#define PROOFS		4
/* What is compared of a file, down. */
#define PIECE		4096
/* Times before 1981 are no times: some systems give all files one of these. */
#define TIME_LEAST	347155200
/* Times that chance picks: they are in the past. */
#define TIME_MOST	0x40000000U
#define KEPT_FLAGS	(SSH2_FILEXFER_ATTR_SIZE | SSH2_FILEXFER_ATTR_UIDGID | \
	SSH2_FILEXFER_ATTR_PERMISSIONS | SSH2_FILEXFER_ATTR_ACMODTIME)
/* The second connection is made ahead of what it is for, where round trips are so long. */
#define AHEAD_RTT_NS	30000000ULL
/* One of so many files that may be open may wait for a lane to be let in. */
#define WAITING_SHARE	4
#define BIT(lane)	(1U << (lane))

/* A directory that lanes are proved in: up; down there is one for all. */
struct place {
	struct place *next;		/* of the job's */
	char *dir;			/* ... its path */
	struct hpn_connections_proofs proofs;
};

struct proof {
	enum { PROOF_SHOW, PROOF_LOOK, PROOF_SHOW_BACK, PROOF_LOOK_BACK,
	    PROOF_END } step;
	struct place *place;
	struct where where;		/* the lane, and its handle there */
	u_int asked;			/* answers to come */
	int begun, other, changed, counted;
	int waits;			/* for the lane to be let in; then: */
	struct node *node;
	TAILQ_ENTRY(proof) list;	/* ... of the job's */
	Attrib was;			/* in lane 0, at first */
	u_int32_t atime, mtime;		/* up: that the other one has to see */
	u_int64_t at;			/* down: a piece */
	size_t len;
	u_char piece[PIECE];
};

static void proofs_go_on(struct hpn_sftp_job *, int wait);

/* ---------------------------------------------------------------- where -- */

/* Whether files of the job may go to other lanes. */
static int
may_spread(const struct hpn_sftp_job *job)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	/* A wish for few requests, or for a rate, is one for no more. */
	return hpn_sftp_lanes_connect(l) && hpn_sftp_lanes_more(l) &&
	    !job->way->cross && job->only == NULL && !job->window.fixed &&
	    !job->c->shares && !job->c->disorder && !interrupted &&
	    !hpn_sftp_io_limited(job->c->io) &&
	    (job->flags & HPN_SFTP_RESUME) == 0 && job->full_step == 0 &&
	    !hpn_sftp_wish_dry() && !hpn_sftp_wish_sparse() &&
	    !hpn_sftp_wish_links() && hpn_sftp_wish_follow() == 0 &&
	    hpn_sftp_wish_waits() == 0;
}

static int
fits(const struct hpn_sftp_job *job, const struct node *n)
{
	/* One that only makes files could not make it again. */
	if (n->redone || n->refuser != 0 || n->size >= LARGE ||
	    hpn_sftp_wish_only_new(n))
		return 0;
	return job->way->up || (n->have_attr &&
	    (n->a.flags & KEPT_FLAGS) == KEPT_FLAGS && S_ISREG(n->a.perm) &&
	    n->a.mtime >= TIME_LEAST);
}

/* Whether it has been let in, so that it can be asked: what it is asked may wait there. */
static int
is_let_in(const struct hpn_sftp_lane *lane)
{
	return lane->io != NULL && !lane->failed &&
	    (lane->ready || lane->let_in);
}

/* Whether it is there, or on its way. */
static int
comes(const struct hpn_sftp_job *job, u_int lane)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;

	return lane < l->n && l->lane[lane].io != NULL &&
	    !l->lane[lane].failed && (job->distrusted & BIT(lane)) == 0 &&
	    hpn_sftp_lanes_use(l, lane);
}

static int
is_ready(const struct hpn_sftp_job *job, u_int lane)
{
	return comes(job, lane) && job->c->lanes.lane[lane].ready;
}

static struct place *
place_new(char *dir)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->dir = dir;
	return p;
}

/* The directory of a path, with the slash, as long as the path has it. */
static size_t
dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

static struct place *
place_named(struct hpn_sftp_job *job, const char *path)
{
	size_t len = job->way->up ? dir_len(path) : 0;
	struct place *p;
	char *dir;

	for (p = job->places; p != NULL; p = p->next)
		if (strncmp(p->dir, path, len) == 0 && p->dir[len] == '\0')
			return p;
	dir = xmalloc(len + 1);
	memcpy(dir, path, len);
	dir[len] = '\0';
	p = place_new(dir);
	p->next = job->places;
	return job->places = p;
}

static struct place *
place_of(struct hpn_sftp_job *job, struct node *n)
{
	struct node *dir = n->parent;

	if (!job->way->up || dir == NULL)
		return place_named(job, n->to);
	if (dir->place == NULL) {
		/* New, and in one that is ours: as good as that. */
		if (dir->denied == SSH2_FX_OK && dir->parent != NULL)
			return place_of(job, dir);
		dir->place = place_new(NULL);
	}
	return dir->place;
}

static u_int64_t
load(const struct hpn_sftp_lane *lane)
{
	return hpn_connections_window_files(lane->homed, lane->load);
}

/*
 * What a tree has is known when it was listed, which takes some round trips.  The
 * second connection is made meanwhile, where these are long.
 */
static int
may_be_ahead(const struct hpn_sftp_job *job)
{
	const struct node *n = TAILQ_FIRST(&job->nodes);

	return job->c->lanes.n == 1 && n != NULL && n->tree &&
	    job->window.rtt_ns >= AHEAD_RTT_NS;
}

/* What is known to be left, as hpn_connections_left(). */
static u_int64_t
left(const struct hpn_sftp_job *job)
{
	u_int64_t bytes = 0;

	if (job->all_bytes > job->done_bytes)
		bytes = job->all_bytes - job->done_bytes;
	return hpn_connections_left(job->all_files - MINIMUM(job->all_files,
	    job->done_files + job->failed_files), bytes);
}

void
hpn_sftp_spread_grow(struct hpn_sftp_job *job)
{
	struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int64_t bytes;
	int ahead;

	proofs_go_on(job, 1);
	if (!may_spread(job))
		return;
	bytes = left(job);
	ahead = bytes < LARGE && may_be_ahead(job);
	if (ahead || bytes >= LARGE || l->n > 1)
		hpn_sftp_lanes_grow(l, hpn_clock_ns(), job->window.rtt_ns,
		    MAXIMUM(bytes, ahead ? LARGE : 0));
	if (ahead && l->n > 1)
		l->lane[1].ahead = 1;
}

/*
 * Whether a lane is there, or comes, that may be proved yet.  What proves it waits
 * behind all that is under way in the first one, which must not be much.
 */
static int
will_prove(const struct hpn_sftp_job *job, const struct place *p)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int i;

	for (i = 1; i < l->n; i++)
		if (l->lane[i].io != NULL && !l->lane[i].failed &&
		    (job->distrusted & BIT(i)) == 0 &&
		    hpn_connections_provable(&p->proofs, i))
			return 1;
	return 0;
}

/* Whether there are more files to begin, and nothing keeps them from it. */
static int
goes_on(const struct hpn_sftp_job *job)
{
	return may_spread(job) && TAILQ_EMPTY(&job->refused) &&
	    TAILQ_EMPTY(&job->again) && (!TAILQ_EMPTY(&job->files) ||
	    !TAILQ_EMPTY(&job->dirs) || !TAILQ_EMPTY(&job->walking));
}

/* So many files prove a lane. */
static u_int
proofs(const struct hpn_sftp_job *job)
{
	return job->way->up ? 1 : PROOFS;
}

/*
 * Whether another file may be open and wait for a lane that is yet to be let in.  They
 * must not keep others from being copied, should that take long.
 */
static int
may_wait(const struct hpn_sftp_job *job)
{
	return job->nawaits < job->window.files / WAITING_SHARE &&
	    job->window.bears == 0 && goes_on(job) && left(job) >= LARGE;
}

/* A lane that waits for a file that proves it, or 0. */
static u_int
to_prove(const struct hpn_sftp_job *job, const struct place *p)
{
	u_int i;

	for (i = 1; i < job->c->lanes.n; i++)
		if (comes(job, i) && hpn_connections_wants_proof(&p->proofs,
		    i, proofs(job)) && (is_let_in(&job->c->lanes.lane[i]) ||
		    may_wait(job)))
			return i;
	return 0;
}

/* Whether another file may begin in the lane. */
static int
may_open(const struct hpn_sftp_job *job, const struct hpn_sftp_lane *l)
{
	if (!job->way->up)
		return hpn_connections_window_open(&l->window, l->load);
	return hpn_connections_window_may(&l->window, l->load, 1) ||
	    hpn_connections_window_feed(&l->window, l->load,
	    hpn_sftp_io_queued(l->io), 0);
}

/* Whether the file may begin in the lane, which is proved, or the first one. */
static int
has_room(const struct hpn_sftp_job *job, const struct place *p, u_int lane)
{
	const struct hpn_sftp_lane *l = &job->c->lanes.lane[lane];

	/* The data of those that prove wait (hpn_sftp_spread_may_move()). */
	if (lane != 0 || !will_prove(job, p) || to_prove(job, p) != 0)
		return may_open(job, l);
	/* Half of its files are being opened or closed, with no data under way. */
	return hpn_connections_leads(&l->window, l->load / 2);
}

static int
is_used(const struct hpn_sftp_job *job, const struct place *p, u_int lane)
{
	return lane == 0 || (hpn_connections_proved(&p->proofs, lane) &&
	    is_ready(job, lane));
}

/* Whether what the lane has comes when all the rest is there. */
static int
is_late(const struct hpn_sftp_job *job, const struct place *p, u_int lane)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	u_int64_t left, load = lanes[lane].load, usual = 0;
	u_int i;

	/* Nobody knows yet how much there is. */
	if (!TAILQ_EMPTY(&job->walking) || !TAILQ_EMPTY(&job->dirs) ||
	    job->all_bytes < job->done_bytes)
		return 0;
	for (i = 0; i < job->c->lanes.n; i++)
		if (is_used(job, p, i))
			usual += lanes[i].window.usual;
	left = job->all_bytes - job->done_bytes;
	return hpn_connections_window_late(&lanes[lane].window, load, 0, left,
	    usual) || (!job->way->up && hpn_connections_window_last(
	    &lanes[lane].window, load, 0, left, usual));
}

int
hpn_sftp_spread_alone(const struct hpn_sftp_job *job)
{
	return job->c->lanes.n < 2 || !may_spread(job);
}

u_int
hpn_sftp_spread_open(const struct hpn_sftp_job *job)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	u_int i, proving = job->files_open, most = 0;

	/* All of them have a file of ours. */
	if (hpn_sftp_spread_alone(job) ||
	    job->files_open >= job->window.files_local)
		return job->files_open;
	for (i = 0; i < job->c->lanes.n; i++) {
		most = MAXIMUM(most, lanes[i].homed);
		proving -= MINIMUM(proving, lanes[i].homed);
	}
	return MINIMUM(most + proving, job->files_open);
}

u_int64_t
hpn_sftp_spread_others(const struct hpn_sftp_job *job, u_int64_t bytes)
{
	return bytes - MINIMUM(bytes, hpn_sftp_lanes_load(&job->c->lanes));
}

int
hpn_sftp_spread_may(struct hpn_sftp_job *job, struct node *n)
{
	struct place *p;
	u_int i;

	if (job->files_open == 0 || hpn_sftp_spread_alone(job))
		return 1;
	p = place_of(job, n);
	for (i = 0; i < job->c->lanes.n; i++)
		if (is_used(job, p, i) && has_room(job, p, i) &&
		    !is_late(job, p, i))
			return 1;
	return 0;
}

int
hpn_sftp_spread_may_move(struct hpn_sftp_job *job, struct node *n)
{
	const struct hpn_sftp_lane *l = &job->c->lanes.lane[0];

	return n->lane != 0 || !n->homed || l->under_way == 0 ||
	    hpn_sftp_spread_alone(job) || !will_prove(job, place_of(job, n)) ||
	    hpn_connections_leads(&l->window, l->under_way);
}

static u_int
pick(const struct hpn_sftp_job *job, const struct place *p)
{
	const struct hpn_sftp_lane *lanes = job->c->lanes.lane;
	int best = -1;
	u_int i;

	for (i = 0; i < job->c->lanes.n; i++)
		if (is_used(job, p, i) && has_room(job, p, i) &&
		    !is_late(job, p, i) && (best == -1 ||
		    hpn_connections_window_compare(&lanes[i].window,
		    load(&lanes[i]), &lanes[best].window,
		    load(&lanes[best])) < 0))
			best = (int)i;
	return best == -1 ? 0 : (u_int)best;
}

/* Up: it is empty once it is open, and the lane can open it, too. */
static int
empty_at_first(const struct hpn_sftp_job *job, const struct node *n)
{
	return (n->a.perm & (S_IRUSR|S_IWUSR)) == (S_IRUSR|S_IWUSR) &&
	    (n->small != NULL || (job->flags & HPN_SFTP_INPLACE) == 0 ||
	    (n->parent != NULL && n->parent->denied == SSH2_FX_OK));
}

void
hpn_sftp_spread_begin(struct hpn_sftp_job *job, struct node *n)
{
	struct place *p;
	u_int lane;

	if (!may_spread(job) || !fits(job, n))
		return;
	p = place_of(job, n);
	if (n->size == 0 || (job->way->up && !empty_at_first(job, n)) ||
	    (lane = to_prove(job, p)) == 0) {
		hpn_sftp_node_home(job, n, pick(job, p));
		return;
	}
	/* It is lane 0's when it has proved the other one. */
	n->proof = xcalloc(1, sizeof(*n->proof));
	n->proof->place = p;
	n->proof->where.lane = lane;
	hpn_connections_proof_begun(&p->proofs, lane);
	if (is_let_in(&job->c->lanes.lane[lane]))
		return;
	n->proof->waits = 1;
	n->proof->node = n;
	TAILQ_INSERT_TAIL(&job->awaits, n->proof, list);
	job->nawaits++;
	/* Until then it moves nothing, and others have the window. */
	job->planned -= n->planned;
	n->planned = 0;
}

/* ------------------------------------------------------------ the proof -- */

static void
stop_waiting(struct hpn_sftp_job *job, struct proof *x)
{
	if (!x->waits)
		return;
	x->waits = 0;
	TAILQ_REMOVE(&job->awaits, x, list);
	job->nawaits--;
}

void
hpn_sftp_spread_forget(struct hpn_sftp_job *job, struct node *n)
{
	struct proof *x = n->proof;

	if (x != NULL) {
		stop_waiting(job, x);
		if (!x->counted)
			hpn_connections_proof_dropped(&x->place->proofs,
			    x->where.lane);
		free(x->where.handle);
		free(x);
		n->proof = NULL;
	}
	/* Of those in it none is left. */
	if (n->tree && n->children == 0) {
		free(n->place);
		n->place = NULL;
	}
}

void
hpn_sftp_spread_end(struct hpn_sftp_job *job)
{
	struct place *p;

	while ((p = job->places) != NULL) {
		job->places = p->next;
		free(p->dir);
		free(p);
	}
}

/* It ends; or asks for more, which may have waited for this answer. */
static void
go_on(struct hpn_sftp_job *job, struct node *n)
{
	if (n->state == NODE_DATA && !job->way->up)
		hpn_sftp_source_go_on(job, n);
	else
		job->way->check_end(job, n);
}

/* It is known what it proves. */
static void
count(struct hpn_sftp_job *job, struct node *n)
{
	struct proof *x = n->proof;
	u_int lane = x->where.lane;

	if (x->counted)
		return;
	x->counted = 1;
	if (x->other)
		debug("\"%s\" does not prove lane %u",
		    hpn_sftp_node_remote(job, n), lane);
	if (hpn_connections_proof_ended(&x->place->proofs, lane, !x->other,
	    proofs(job)))
		debug("lane %u leads where the first one does", lane);
}

/* Nothing of it is under way any more. */
static void
ended(struct hpn_sftp_job *job, struct node *n)
{
	count(job, n);
	hpn_sftp_spread_forget(job, n);
	if (n->again) {
		go_on(job, n);
		return;
	}
	hpn_sftp_node_home(job, n, 0);
	job->way->opened(job, n);
}

static void
ask_times(struct hpn_sftp_job *job, struct node *n, const struct where *where)
{
	struct proof *x = n->proof;
	Attrib a;

	attrib_clear(&a);
	a.flags = SSH2_FILEXFER_ATTR_ACMODTIME;
	a.atime = x->atime = arc4random_uniform(TIME_MOST);
	a.mtime = x->mtime = arc4random_uniform(TIME_MOST);
	/* The other lane's may be set when it has ended: it is one to keep. */
	if (where != NULL)
		a.mtime = x->mtime = n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME ?
		    n->a.mtime : (u_int32_t)time(NULL);
	x->asked++;
	hpn_sftp_ask_lane_attrib(job, n, where, ASK_LANE_SHOW, &a);
}

static void
ask_facts(struct hpn_sftp_job *job, struct node *n, const struct where *where)
{
	n->proof->asked++;
	hpn_sftp_ask_lane_handle(job, n, where, ASK_LANE_PROOF,
	    SSH2_FXP_FSTAT);
}

static void
ask_piece(struct hpn_sftp_job *job, struct node *n, const struct where *where)
{
	struct proof *x = n->proof;

	x->asked++;
	hpn_sftp_ask_lane_read(job, n, where, ASK_LANE_SEEN, x->at, x->len);
}

/* It is copied, in whichever lane, when it has proved this one or has not. */
static void
wait_is_over(struct hpn_sftp_job *job, struct node *n)
{
	if (!n->proof->waits)
		return;
	stop_waiting(job, n->proof);
	hpn_sftp_node_plan(job, n);
}

static void
open_there(struct hpn_sftp_job *job, struct node *n)
{
	wait_is_over(job, n);
	n->proof->asked++;
	hpn_sftp_ask_lane_open(job, n, &n->proof->where);
}

int
hpn_sftp_spread_opened(struct hpn_sftp_job *job, struct node *n)
{
	struct proof *x = n->proof;

	if (x == NULL) {
		if (n->lane != 0 && !job->way->up)
			hpn_sftp_ask_handle(job, n, ASK_FACTS, SSH2_FXP_FSTAT);
		return 0;
	}
	if (x->begun)
		return 0;
	if (!comes(job, x->where.lane) || n->again || interrupted) {
		wait_is_over(job, n);
		hpn_sftp_spread_forget(job, n);
		hpn_sftp_node_home(job, n, 0);
		return 0;
	}
	x->begun = 1;
	ask_facts(job, n, NULL);
	if (job->way->up) {
		/* It was made just now, should nobody tell. */
		x->was.atime = x->was.mtime = (u_int32_t)time(NULL);
		x->changed = 1;
		ask_times(job, n, NULL);
	} else {
		x->len = MINIMUM(n->size, PIECE);
		x->at = n->size - x->len;
		if (x->at != 0)
			x->at = arc4random_uniform(x->at + 1);
		ask_piece(job, n, NULL);
	}
	if (is_let_in(&job->c->lanes.lane[x->where.lane]))
		open_there(job, n);
	return 1;
}

/* The lane closes it, and its times are what they were. */
static void
put_back(struct hpn_sftp_job *job, struct node *n)
{
	struct proof *x = n->proof;
	Attrib a = x->was;

	count(job, n);
	x->step = PROOF_END;
	if (x->where.handle != NULL) {
		x->asked++;
		hpn_sftp_ask_lane_handle(job, n, &x->where, ASK_LANE_CLOSE,
		    SSH2_FXP_CLOSE);
	}
	if (x->changed && !n->again) {
		a.flags = SSH2_FILEXFER_ATTR_ACMODTIME;
		x->asked++;
		hpn_sftp_ask_lane_attrib(job, n, NULL, ASK_LANE_SHOW, &a);
	}
	if (x->asked == 0)
		ended(job, n);
}

/* All that was asked was answered. */
static void
next_step(struct hpn_sftp_job *job, struct node *n)
{
	struct proof *x = n->proof;

	if (x->step == PROOF_END) {
		ended(job, n);
		return;
	}
	if (n->again || interrupted)
		x->other = 1;
	if (x->waits && !x->other)
		return;
	wait_is_over(job, n);
	if (x->other || x->step == PROOF_LOOK_BACK ||
	    (x->step == PROOF_LOOK && !job->way->up)) {
		put_back(job, n);
		return;
	}
	switch (++x->step) {
	case PROOF_LOOK:
		ask_facts(job, n, &x->where);
		if (!job->way->up)
			ask_piece(job, n, &x->where);
		break;
	case PROOF_SHOW_BACK:
		ask_times(job, n, &x->where);
		break;
	default:
		ask_facts(job, n, NULL);
		break;
	}
}

/* Lanes are asked to open what waits for them when they are let in. */
static void
proofs_go_on(struct hpn_sftp_job *job, int wait)
{
	struct proof *x, *next;

	TAILQ_FOREACH_SAFE(x, &job->awaits, list, next) {
		if (!x->begun)
			continue;
		if (is_let_in(&job->c->lanes.lane[x->where.lane])) {
			open_there(job, x->node);
			continue;
		}
		if (wait && goes_on(job) && !x->node->again &&
		    comes(job, x->where.lane))
			continue;
		if (!x->counted)
			hpn_connections_proof_dropped(&x->place->proofs,
			    x->where.lane);
		x->counted = x->other = 1;
		wait_is_over(job, x->node);
		if (x->asked == 0)
			next_step(job, x->node);
	}
}

void
hpn_sftp_spread_idle(struct hpn_sftp_job *job)
{
	proofs_go_on(job, 0);
}

static int
same(const Attrib *a, const Attrib *b)
{
	return (a->flags & KEPT_FLAGS) == KEPT_FLAGS &&
	    (b->flags & KEPT_FLAGS) == KEPT_FLAGS && a->size == b->size &&
	    a->uid == b->uid && a->gid == b->gid && a->perm == b->perm;
}

static int
facts(struct hpn_sftp_job *job, struct node *n, u_char type, struct sshbuf *m)
{
	struct proof *x = n->proof;
	Attrib a;

	if (hpn_sftp_answer_attrib(job, type, m, &a) != SSH2_FX_OK)
		return -1;
	if (x->step != PROOF_SHOW)
		return same(&a, &x->was) && a.mtime == x->mtime &&
		    (!job->way->up || a.atime == x->atime) ? 0 : -1;
	/* These times were asked for behind this: a server that keeps no order. */
	if (job->way->up && a.atime == x->atime && a.mtime == x->mtime)
		return -1;
	x->was = a;
	if (job->way->up)
		return same(&a, &a) && S_ISREG(a.perm) && a.size == 0 ? 0 : -1;
	x->mtime = a.mtime;
	return S_ISREG(a.perm) && same(&a, &n->a) && a.mtime == n->a.mtime ?
	    0 : -1;
}

static int
piece(struct hpn_sftp_job *job, struct node *n, const struct request *req,
    u_char type, struct sshbuf *m)
{
	struct proof *x = n->proof;
	const u_char *p;
	size_t len;

	if ((p = hpn_sftp_answer_data(job, type, m, &len)) == NULL ||
	    len != x->len)
		return -1;
	if (req->lane == 0)
		memcpy(x->piece, p, len);
	else if (memcmp(x->piece, p, len) != 0)
		return -1;
	return 0;
}

static void
proof_answer(struct hpn_sftp_job *job, struct node *n,
    const struct request *req, u_char type, struct sshbuf *m)
{
	struct proof *x = n->proof;
	int r;

	x->asked--;
	switch (req->ask) {
	case ASK_LANE_OPEN:
		r = hpn_sftp_answer_where(type, m, &x->where);
		break;
	case ASK_LANE_PROOF:
		r = facts(job, n, type, m);
		break;
	case ASK_LANE_SEEN:
		r = piece(job, n, req, type, m);
		break;
	case ASK_LANE_SHOW:
		r = hpn_sftp_answer_status(job, type, m) == SSH2_FX_OK ? 0 : -1;
		/* Where none can be set, there is none to set again. */
		if (r == -1 && x->step == PROOF_SHOW)
			x->changed = 0;
		if (r == -1 && x->step == PROOF_END) {
			hpn_sftp_meter_break(job);
			error("remote fsetstat \"%s\": its time could not be "
			    "set again", n->to);
			n->failed = 1;
		}
		break;
	default:
		r = 0;
		(void)hpn_sftp_answer_status(job, type, m);
		break;
	}
	if (r == -1)
		x->other = 1;
	if (x->asked == 0)
		next_step(job, n);
}

/* --------------------------------------------------------- what goes wrong -- */

static void
distrust(struct hpn_sftp_job *job, u_int lane, const char *path)
{
	debug("\"%s\" is copied again: lane %u takes no more files", path,
	    lane);
	job->distrusted |= BIT(lane);
}

/* The first lane does it again, and tells what is wrong. */
static void
again(struct hpn_sftp_job *job, struct node *n, u_int lane)
{
	if (!n->again)
		distrust(job, lane, hpn_sftp_node_remote(job, n));
	hpn_sftp_again_do(job, n);
}

void
hpn_sftp_spread_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;
	Attrib a;

	if (n->proof != NULL) {
		proof_answer(job, n, req, type, m);
		return;
	}
	/* Down, in another lane: what it has opened is what was listed. */
	if (!n->again && (hpn_sftp_answer_attrib(job, type, m, &a) !=
	    SSH2_FX_OK || !same(&a, &n->a) || a.mtime != n->a.mtime)) {
		again(job, n, req->lane);
		return;
	}
	go_on(job, n);
}

int
hpn_sftp_spread_refused(struct hpn_sftp_job *job, const struct request *req,
    u_char type, const struct sshbuf *m)
{
	struct node *n = req->node;
	u_int status;

	if (n->tree || job->way->cross || n->again)
		return 0;
	/* Only the lane would not open it. */
	if (n->refuser != 0 && req->ask == ASK_OPEN && type == SSH2_FXP_HANDLE)
		distrust(job, n->refuser, hpn_sftp_node_remote(job, n));
	if (n->lane == 0 || req->lane != n->lane || type != SSH2_FXP_STATUS ||
	    sshbuf_peek_u32(m, 0, &status) != 0 || status == SSH2_FX_OK)
		return 0;
	switch (req->ask) {
	case ASK_OPEN:
		n->refuser = n->lane;
		hpn_sftp_node_home(job, n, 0);
		job->files_open--;
		job->way->open(job, n);
		return 1;
	case ASK_READ:
		/* If it has become shorter, lane 0 is told so, too. */
		if (status == SSH2_FX_EOF && req->offset >= n->size)
			return 0;
		break;
	case ASK_WRITE:
	case ASK_SIZE:
	case ASK_FSETSTAT:
	case ASK_FSYNC:
	case ASK_CLOSE:
		break;
	default:
		return 0;
	}
	again(job, n, n->lane);
	return 0;
}

/* Its requests there will not be answered: how many, and whether to close it. */
static u_int
lose(struct hpn_sftp_job *job, struct node *n, u_int lane, int *closing)
{
	struct request *req;
	u_int at = 0, lost = 0;

	*closing = 0;
	while ((req = hpn_sftp_ask_lost(job, n, lane, &at)) != NULL) {
		lost++;
		hpn_sftp_again_uncount(n, req);
		if (req->ask == ASK_CLOSE)
			*closing = 1;
		/* What it proves is all that a file of lane 0 asks there. */
		if (n->proof != NULL && n->proof->where.lane == lane)
			n->proof->asked--;
		free(req);
	}
	return lost;
}

void
hpn_sftp_spread_gone(struct hpn_sftp_job *job, u_int lane)
{
	struct node *n, *next;
	struct proof *x;
	u_int lost;
	int closing, closed;

	if (!hpn_sftp_lanes_connect(&job->c->lanes) || job->way->cross)
		return;
	TAILQ_FOREACH_SAFE(n, &job->nodes, all, next) {
		if ((x = n->proof) != NULL && x->where.lane == lane) {
			(void)lose(job, n, lane, &closing);
			free(x->where.handle);
			x->where.handle = NULL;
			x->other = 1;
			if (x->begun && x->asked == 0)
				next_step(job, n);
			continue;
		}
		if (n->tree || n->lane != lane)
			continue;
		lost = lose(job, n, lane, &closing);
		closed = n->state == NODE_CLOSING && !closing;
		/* It is there, if all was answered. */
		if (closed && lost == 0)
			continue;
		if (!closed && (n->state != NODE_AGAIN || closing ||
		    !n->closing))
			job->files_open--;
		n->closing = 1;
		hpn_sftp_node_home(job, n, 0);
		hpn_sftp_again_do(job, n);
	}
}
