/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-job: takes what is to be copied, hands each answer to its node, and
 * ends the job.  See hpn-sftp-job.h and hpn-sftp-node.h.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#ifdef HAVE_POLL_H
#include <poll.h>
#else
# ifdef HAVE_SYS_POLL_H
#  include <sys/poll.h>
# endif
#endif
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "progressmeter.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-handles.h"
#include "hpn-person.h"
#include "hpn-resume.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-cross.h"
#include "hpn-sftp-full.h"
#include "hpn-sftp-gather.h"
#include "hpn-sftp-get.h"
#include "hpn-sftp-handles.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-linked.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-node.h"
#include "hpn-sftp-open.h"
#include "hpn-sftp-order.h"
#include "hpn-sftp-plain.h"
#include "hpn-sftp-put.h"
#include "hpn-sftp-spread.h"
#include "hpn-sftp-stripe.h"
#include "hpn-sftp-window.h"
#include "hpn-sftp-wish.h"
#include "hpn-wish.h"

extern volatile sig_atomic_t interrupted;

static void add(struct hpn_sftp_job *, const char *, const char *, const char *,
    int, struct follow *);
static int run(struct hpn_sftp_job *);

/* An interrupted scp has so long to leave nothing half done. */
#define END_NS		2000000000ULL
#define END_WAIT_MS	100
/* A file that may grow is looked at so often. */
#define FOLLOW_LOOK_MS	1000

/* -------------------------------------------------------------- answers -- */

/* req has left its chain and was answered. */
static void
answered(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;
	int tree = n->tree;
	u_int alive = job->alive;
	u_int64_t took_ns;

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
		took_ns = hpn_clock_ns() - req->sent_ns;
		if (job->way->cross)
			took_ns = hpn_sftp_cross_trip(job, req->lane, took_ns);
		hpn_sftp_window_answered(&job->window, took_ns);
		break;
	case ASK_LANE_OPEN:
		/* Nothing precedes it in a new connection. */
		if (hpn_sftp_lanes_connect(&job->c->lanes))
			hpn_sftp_window_answered(&job->window,
			    hpn_clock_ns() - req->sent_ns);
		break;
	default:
		break;
	}
	req->again = req->kept = 0;
	if (req->ask == ASK_OPEN || req->ask == ASK_OPENDIR ||
	    req->ask == ASK_LANE_OPEN)
		hpn_sftp_again_opened(job, req, type, m);
	else if (req->ask == ASK_CLOSE || req->ask == ASK_LANE_CLOSE)
		hpn_sftp_handles_closed(job, req);
	if (job->way->cross)
		hpn_sftp_cross_opened(job);
	if (hpn_sftp_spread_refused(job, req, type, m)) {
		free(req);
		return;
	}
	if (n->guess != GUESS_NONE && req->ask != ASK_OPEN) {
		hpn_sftp_open_ahead_late(job, n);
		free(req);
		return;
	}
	if (req->ask == ASK_SPACE)
		hpn_sftp_full_answer(job, req, type, m);
	else if (req->ask == ASK_TWIN || req->ask == ASK_LINK)
		hpn_sftp_linked_answer(job, req, type, m);
	else if (n->again && req->ask < ASK_FACTS)
		hpn_sftp_again_answer(job, req, type, m);
	else if (req->ask == ASK_HASH || req->ask == ASK_COMPARE)
		hpn_sftp_check_answer(job, req, type, m);
	else if (req->ask >= ASK_FACTS && (n->proof != NULL || n->lane != 0))
		hpn_sftp_spread_answer(job, req, type, m);
	else if (req->ask >= ASK_FACTS && job->way->up)
		hpn_sftp_stripe_answer(job, req, type, m);
	else if (req->ask >= ASK_FACTS)
		hpn_sftp_gather_answer(job, req, type, m);
	else
		job->way->answer(job, req, type, m);
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

/*
 * A downloaded file is done when its data are.  At the end, the job does not
 * wait until the server has closed it as well.
 */
static void
settle(struct hpn_sftp_job *job)
{
	struct request *req;
	struct sshbuf *m;
	u_int i;
	int r;

	if (job->way->up || interrupted ||
	    !TAILQ_EMPTY(&job->files) || !TAILQ_EMPTY(&job->dirs) ||
	    !TAILQ_EMPTY(&job->refused) || !TAILQ_EMPTY(&job->walking) ||
	    !TAILQ_EMPTY(&job->again) || job->c->shares ||
	    !TAILQ_EMPTY(&job->want) || job->requests > REQUEST_CHAINS)
		return;
	for (i = 0; i < REQUEST_CHAINS; i++) {
		for (req = job->asked[i]; req != NULL; req = req->chain)
			/* What it closes may come before the data: a proof. */
			if ((req->ask != ASK_CLOSE &&
			    req->ask != ASK_LANE_CLOSE) ||
			    req->node->state == NODE_OPENING)
				return;
	}
	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	for (i = 0; i < REQUEST_CHAINS; i++) {
		while ((req = job->asked[i]) != NULL) {
			job->asked[i] = req->chain;
			hpn_sftp_io_later(job->c->lanes.lane[req->lane].io,
			    req->id, NULL, NULL);
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
				job->way->cut(req->node);
	hpn_sftp_meter_break(job);
	hpn_sftp_wish_cut_off(job);
	errno = saved;
	hpn_sftp_io_lost("read");
}

static void
summary(struct hpn_sftp_job *job)
{
	double took = (double)(hpn_clock_ns() - job->begun_ns) / 1e9;

	verbose("%s: %u file%s%s, %lld bytes in %.1f seconds",
	    job->way->cross ? "copied" : job->way->up ? "uploaded" :
	    "downloaded",
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

/* ---------------------------------------------------- files that may grow -- */

/* The source.  0, or why not: it is not there, or cannot be looked at. */
static const char *
follow_stat(struct sftp_conn *conn, const char *path, struct stat *st)
{
	Attrib a;

	memset(st, 0, sizeof(*st));
	if (conn == NULL)
		return stat(path, st) == -1 ? strerror(errno) : NULL;
	if (sftp_stat(conn, path, 1, &a) != 0)
		return "the server does not know it any more";
	if ((a.flags & SSH2_FILEXFER_ATTR_SIZE) == 0 || a.size > INT64_MAX)
		return "the server does not tell its size";
	if ((a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) && !S_ISREG(a.perm))
		return "it is no regular file any more";
	st->st_size = a.size;
	return NULL;
}

static struct sftp_conn *
follow_source(const struct hpn_sftp_job *job)
{
	if (job->plain_from != NULL)
		return job->plain_from;
	return job->way->up ? NULL : job->conn;
}

static struct follow *
follow_add(struct hpn_sftp_job *job, const char *from, const char *to,
    const char *target)
{
	struct follow *f;

	TAILQ_FOREACH(f, &job->follows, list) {
		if (strcmp(f->to, to) == 0)
			fatal("-X follow: \"%s\" and \"%s\" cannot both become "
			    "\"%s\"", f->from, from, to);
	}
	f = xcalloc(1, sizeof(*f));
	f->from = xstrdup(from);
	f->to = xstrdup(to);
	f->target = target == NULL ? NULL : xstrdup(target);
	f->fd = -1;
	/* If it is not there now, copying it says so. */
	f->over = follow_stat(follow_source(job), from, &f->st) != NULL;
	TAILQ_INSERT_TAIL(&job->follows, f, list);
	return f;
}

/* 1: it has grown; 0: it has not; -1: this is not what was copied. */
static int
follow_look(struct sftp_conn *source, struct follow *f)
{
	struct stat was = f->st;
	const char *why;

	if ((why = follow_stat(source, f->from, &f->st)) == NULL) {
		if (f->st.st_dev != was.st_dev || f->st.st_ino != was.st_ino)
			why = "another file has its name now";
		else if (f->st.st_size < was.st_size)
			why = "it became shorter";
	}
	if (why == NULL)
		return f->st.st_size > was.st_size;
	f->over = 1;
	error("\"%s\" cannot be followed any more: %s.  Its end may be "
	    "missing in the copy", f->from, why);
	return -1;
}

/*
 * The job has copied what there was.  Copy what is added, until nothing was for
 * some time.  Returns 0, or -1 if something failed.
 */
static int
follow(struct sftp_conn *from, struct sftp_conn *to, struct sftp_conn *source,
    int flags, struct follows *files, u_int most_s)
{
	struct hpn_sftp_job *job;
	u_int64_t last_ns = hpn_clock_ns();
	struct follow *f;
	int left, r, ret = 0;

	hpn_sftp_wish_following(1);
	for (;;) {
		left = 0;
		TAILQ_FOREACH(f, files, list) {
			if (f->over || interrupted)
				continue;
			if ((r = follow_look(source, f)) == -1) {
				ret = -1;
				continue;
			}
			left++;
			if (r == 0)
				continue;
			job = from != NULL ? hpn_sftp_job_cross(from, to,
			    flags) : hpn_sftp_job_new(to, flags);
			add(job, f->from, f->to, f->target, 0, f);
			if (run(job) != 0) {
				f->over = 1;
				ret = -1;
			}
			/* It grew, though a hole that was added moves no byte */
			last_ns = hpn_clock_ns();
		}
		if (left == 0 || interrupted ||
		    (most_s != HPN_WISH_FOLLOW_EVER && hpn_clock_ns() - last_ns >=
		    (u_int64_t)most_s * 1000000000ULL))
			break;
		(void)poll(NULL, 0, FOLLOW_LOOK_MS);
	}
	hpn_sftp_wish_following(0);
	return ret;
}

static void
follow_free(struct follows *files)
{
	struct follow *f;

	while ((f = TAILQ_FIRST(files)) != NULL) {
		TAILQ_REMOVE(files, f, list);
		if (f->fd != -1)
			close(f->fd);
		free(f->from);
		free(f->to);
		free(f->target);
		free(f);
	}
}

int
hpn_sftp_job_run(struct hpn_sftp_job *job)
{
	struct sftp_conn *from = job->plain_from, *to = job->conn;
	struct sftp_conn *source = follow_source(job);
	struct follows files = TAILQ_HEAD_INITIALIZER(files);
	u_int most_s = hpn_sftp_wish_follow();
	int flags = job->flags, r;

	TAILQ_CONCAT(&files, &job->follows, list);
	r = run(job);
	if (most_s != 0 && r == 0 && !interrupted && !TAILQ_EMPTY(&files))
		r = follow(from, to, source, flags, &files, most_s);
	follow_free(&files);
	return r;
}

struct hpn_sftp_job *
hpn_sftp_job_new(struct sftp_conn *conn, int flags)
{
	struct hpn_sftp_job *job = xcalloc(1, sizeof(*job));
	u_int i;

	job->c = sftp_conn_hpn(conn);
	flags = hpn_sftp_wish_begin(conn, flags);
	job->flags = flags;
	job->way = flags & HPN_SFTP_UP ? &hpn_sftp_put : &hpn_sftp_get;
	/*
	 * Disabled: what OpenSSH has not is done here all the same, for who asks
	 * for it, with as many requests as it has
	 */
	if (hpn_sftp_plain()) {
		if ((flags & (HPN_SFTP_RESUME|HPN_RESUME_VERIFY)) == 0 &&
		    !hpn_sftp_wish_any())
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
	for (i = 0; i < HPN_LANES_SLOTS; i++) {
		hpn_handles_init(&job->handles[i]);
		job->newest[i] = *job->c->next_id;
	}
	TAILQ_INIT(&job->nodes);
	TAILQ_INIT(&job->full);
	TAILQ_INIT(&job->files);
	TAILQ_INIT(&job->dirs);
	TAILQ_INIT(&job->refused);
	TAILQ_INIT(&job->again);
	TAILQ_INIT(&job->walking);
	TAILQ_INIT(&job->want);
	TAILQ_INIT(&job->stripes);
	TAILQ_INIT(&job->gathers);
	TAILQ_INIT(&job->awaits);
	TAILQ_INIT(&job->follows);
	job->conn = conn;
	return job;
}

struct hpn_sftp_job *
hpn_sftp_job_cross(struct sftp_conn *from, struct sftp_conn *to, int flags)
{
	struct hpn_sftp_job *job = hpn_sftp_job_new(to, flags | HPN_SFTP_UP |
	    HPN_SFTP_CROSS);

	job->plain_from = from;
	if (job->plain == NULL) {
		job->way = &hpn_sftp_cross;
		hpn_sftp_cross_begin(job, sftp_conn_hpn(from));
	}
	return job;
}

#define NO_TREES	"-X follow is for files, and cannot be used with " \
	"directories: \"%s\""

/* f: it is followed already. */
static void
add(struct hpn_sftp_job *job, const char *from, const char *to,
    const char *target, int tree, struct follow *f)
{
	char *plain;
	size_t len;
	struct node *n;
	Attrib a;
	int known = 0, recursive = tree;

	if (job->plain != NULL) {
		if (hpn_sftp_plain_copy(job->plain, job->plain_from,
		    job->flags, from, to, tree) == -1)
			job->failed = 1;
		return;
	}
	if (!hpn_sftp_wish_source(from, &tree))
		return;
	plain = xstrdup(from);
	len = strlen(plain);
	if (!job->way->up || job->way->cross) {
		/* A glob marks directories. */
		while (len > 1 && plain[len - 1] == '/')
			plain[--len] = '\0';
		known = hpn_sftp_conn_known_stat(job->way->cross ? job->from :
		    job->c, plain, 1, 1, &a) == 1;
	}
	if (hpn_sftp_wish_follow() != 0) {
		/* sftp has other commands, and scp nothing else to do */
		if (tree && !(job->flags & HPN_SFTP_LIST))
			fatal(NO_TREES, from);
		if (tree) {
			error(NO_TREES, from);
			job->failed = 1;
			free(plain);
			return;
		}
		f = follow_add(job, from, to, target);
	}
	n = hpn_sftp_node_new(job, NULL, from, to, tree, known ? &a : NULL);
	if (!tree)
		hpn_sftp_node_count(job, n, 0);
	hpn_sftp_wish_root(job, n, recursive);
	n->follow = f;
	if (target != NULL)
		n->target = xstrdup(target);
	job->only = job->alive == 1 && !tree ? n : NULL;
	free(plain);
}

void
hpn_sftp_job_add(struct hpn_sftp_job *job, const char *from, const char *to,
    const char *target, int tree)
{
	add(job, from, to, target, tree, NULL);
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

/* The copy goes on, so the meter does, too. */
static void
say_missing(struct hpn_sftp_job *job)
{
	u_int n = hpn_sftp_lanes_missing(&job->c->lanes);
	const char *why = "could be made (see ssh -o BatchMode=yes, and "
	    "MaxStartups in sshd_config)";

	if (n == 0)
		return;
	hpn_sftp_meter_line(job);
	if ((job->c->lanes.helped & HPN_PERSON_ANSWER) != 0)
		why = "was tried, since each would ask you to log in again (a "
		    "key in an agent does not, see ssh-add)";
	else if ((job->c->lanes.helped & HPN_PERSON_PASSPHRASE) != 0)
		why = "was tried, since each would ask for the passphrase again "
		    "(put the key into an agent, see ssh-add)";
	else if (job->c->lanes.helped != 0)
		why = "was tried, since each would need a touch, a PIN or a "
		    "confirmation again (with -o BatchMode=yes they are tried)";
	logit("No further connection %s: %u %s used", why, n,
	    n == 1 ? "is" : "are");
}

/* Do it, and free it: 0 or -1. */
static int
run(struct hpn_sftp_job *job)
{
	const u_char *p;
	size_t len;
	u_int idle = 0, lane, gone;
	int r, ret, wait_ms;

	job->begun_ns = hpn_clock_ns();
	for (;;) {
		hpn_sftp_window_handles(&job->window, job->way->cross ?
		    hpn_sftp_cross_handles(job) : job->c->handles);
		wait_ms = hpn_sftp_full_next(job);
		hpn_sftp_order_next(job);
		settle(job);
		if (job->alive == 0)
			break;
		hpn_sftp_meter_begin(job);
		r = job->way->names_at_hand != NULL &&
		    job->way->names_at_hand(job) ? 0 : patience(job);
		if (r == -2) {
			hpn_sftp_meter_break(job);
			hpn_sftp_wish_cut_off(job);
			return -1;
		}
		if (wait_ms != -1) {
			if (r == -1 || r > wait_ms)
				r = wait_ms;
		} else if (r != 0 && job->requests == 0 &&
		    hpn_sftp_io_queued(job->c->io) == 0) {
			/* What was blocked may begin now */
			hpn_sftp_spread_idle(job);
			if (idle++ > 2 * JOB_NODES)
				fatal_f("nothing is under way");
			continue;
		}
		idle = 0;
		r = hpn_sftp_lanes_trip(&job->c->lanes, r, &gone);
		say_missing(job);
		if (r == 0 && gone != 0)
			hpn_sftp_spread_gone(job, gone);
		if (r == -1 || (gone != 0 && (job->way->cross ||
		    hpn_sftp_stripe_gone(job, gone) == -1))) {
			/* It is what the user wanted. */
			if (patience(job) != -1) {
				hpn_sftp_meter_break(job);
				hpn_sftp_wish_cut_off(job);
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
			hpn_sftp_meter_label(job, 0);
	}
	/* Many that were all empty */
	if (job->done_files != 0 && job->all_files > 1)
		hpn_sftp_meter_begin(job);
	if (job->metered) {
		hpn_sftp_meter_label(job, 1);
		refresh_progress_meter(1);
		hpn_sftp_meter_break(job);
	}
	hpn_sftp_linked_end(job);
	hpn_sftp_spread_end(job);
	if (job->plain == NULL)
		summary(job);
	hpn_sftp_wish_end(job);
	/* If there was nothing to do, it may not have told its limits yet. */
	if (job->way->up && !interrupted)
		hpn_sftp_io_settle(job->c->io);
	if (job->from != NULL)
		hpn_sftp_cross_end(job);
	hpn_sftp_conn_forget(job->c, 1);
	ret = job->failed || interrupted ? -1 : 0;
	sshbuf_free(job->m);
	free(job->buf);
	free(job->asked);
	for (lane = 0; lane < HPN_LANES_SLOTS; lane++)
		hpn_handles_free(&job->handles[lane]);
	free(job);
	return ret;
}
