/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-target.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdint.h>

#include "log.h"
#include "misc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-resume.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-stripe.h"
#include "hpn-sftp-target.h"
#include "hpn-sftp-wish.h"
#include "hpn-wish.h"

extern volatile sig_atomic_t interrupted;

/* Steps of NODE_TAIL */
#define STEP_SIZE	0
#define STEP_ATTRIB	1
#define STEP_FSYNC	2
#define STEP_CLOSE	3

/* ---------------------------------------------------------------- files -- */

int
hpn_sftp_target_look(struct hpn_sftp_job *job, struct node *n)
{
	if (!hpn_sftp_wish_looks(n))
		return 0;
	/* Counts as open from here: it will be with the answer. */
	n->state = NODE_STAT;
	job->files_open++;
	hpn_sftp_ask_path(job, n, ASK_STAT, hpn_sftp_wish_follows() ?
	    SSH2_FXP_STAT : SSH2_FXP_LSTAT, n->to);
	return 1;
}

int
hpn_sftp_target_looked(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m, const struct hpn_wish_file *source)
{
	struct hpn_wish_file dest = { UINT64_MAX, UINT64_MAX, 1 };
	Attrib there;
	u_int status;

	job->files_open--;	/* opening it counts it again */
	status = hpn_sftp_answer_attrib(job, type, m, &there);
	if (status == SSH2_FX_NO_SUCH_FILE)
		return hpn_sftp_wish_found(job, n, source, NULL);
	if (status != SSH2_FX_OK) {
		hpn_sftp_meter_break(job);
		error("stat remote \"%s\": %s", n->to, fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return -1;
	}
	if (there.flags & SSH2_FILEXFER_ATTR_SIZE)
		dest.size = there.size;
	if (there.flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		dest.mtime = there.mtime;
	dest.regular = (there.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0 ||
	    S_ISREG(there.perm);
	return hpn_sftp_wish_found(job, n, source, &dest);
}

void
hpn_sftp_target_attributes(const struct hpn_sftp_job *job,
    const struct node *n, Attrib *a)
{
	*a = n->a;
	a->flags &= SSH2_FILEXFER_ATTR_PERMISSIONS |
	    SSH2_FILEXFER_ATTR_ACMODTIME;
	a->perm &= 0777;
	if ((job->flags & HPN_SFTP_PRESERVE) == 0)
		a->flags &= ~SSH2_FILEXFER_ATTR_ACMODTIME;
}

/*
 * If one write fails, those that follow it may yet succeed.  Where no hashes
 * will find what is missing then, so much is under way as will be read back.
 */
int
hpn_sftp_target_may_lead(const struct hpn_sftp_job *job, const struct node *n,
    size_t len)
{
	return (job->flags & HPN_SFTP_RESUME) == 0 || hpn_sftp_check_hashes(job,
	    n) || TAILQ_EMPTY(&n->data) || hpn_sftp_stripe_was(n) || n->next +
	    len - hpn_sftp_node_whole(n) <= HPN_RESUME_BACK;
}

void
hpn_sftp_target_tail(struct hpn_sftp_job *job, struct node *n)
{
	n->state = NODE_TAIL;
	n->step = STEP_SIZE;
	hpn_sftp_node_list(n, &job->want);
}

/*
 * Its length or fsync was refused, and this is what is there now.  A device has
 * no length and need not be written out; another file may have the length.
 */
static void
refused(struct hpn_sftp_job *job, struct node *n, enum ask what, u_char type,
    struct sshbuf *m)
{
	Attrib there;
	int size = what == ASK_SIZE_STAT;

	if (hpn_sftp_answer_attrib(job, type, m, &there) == SSH2_FX_OK) {
		if ((there.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
		    !S_ISREG(there.perm))
			return;
		if (size && (there.flags & SSH2_FILEXFER_ATTR_SIZE) &&
		    there.size == n->set)
			return;
		/*
		 * Data that another file wrote through the same handle are
		 * still behind its end.  It is longer than the source, so it
		 * is not the source itself, and may be truncated as it is
		 * opened.
		 */
		if (size && (there.flags & SSH2_FILEXFER_ATTR_SIZE) &&
		    there.size > n->set && n->set == n->next && n->redone &&
		    !n->emptied && !n->failed && !interrupted) {
			n->emptied = 1;
			hpn_sftp_again_do(job, n);
			return;
		}
	}
	hpn_sftp_meter_break(job);
	error("remote %s \"%s\": %s", size ? "fsetstat" : "fsync", n->to,
	    fx2txt(size ? n->unset : n->unsynced));
	n->failed = 1;
}

static void
send_attributes(struct hpn_sftp_job *job, struct node *n)
{
	Attrib a;

	/* A part must stay open to the next attempt. */
	if ((job->flags & HPN_SFTP_RESUME) && (n->failed || interrupted)) {
		n->cut = 1;
		return;
	}
	hpn_sftp_target_attributes(job, n, &a);
	/* The time says that all is there. */
	if (n->failed || interrupted)
		a.flags &= ~SSH2_FILEXFER_ATTR_ACMODTIME;
	hpn_sftp_ask_handle_attrib(job, n, &a);
}

static void
send_tail(struct hpn_sftp_job *job, struct node *n)
{
	for (; hpn_sftp_ask_may(job, 0); n->step++) {
		/*
		 * One after the other, to a server that keeps no order, and
		 * where it may have to be opened again
		 */
		if ((job->c->disorder || n->redone) && n->asked != 0) {
			hpn_sftp_node_unlist(n);
			return;
		}
		switch (n->step) {
		case STEP_SIZE:
			if (!job->way->sets_size(job, n))
				break;
			/* What another lane has been sent comes before this. */
			n->set = n->lane != 0 && !n->failed ? n->next :
			    MAXIMUM(hpn_sftp_node_whole(n), n->least);
			hpn_sftp_ask_truncate(job, n, ASK_SIZE, n->set);
			break;
		case STEP_ATTRIB:
			if ((job->flags & HPN_SFTP_PRESERVE) || n->unlocked)
				send_attributes(job, n);
			break;
		case STEP_FSYNC:
			if ((job->flags & HPN_SFTP_FSYNC) &&
			    job->c->can_fsync)
				hpn_sftp_ask_fsync(job, n);
			break;
		case STEP_CLOSE:
			job->way->close(job, n);
			return;
		}
	}
}

void
hpn_sftp_target_send(struct hpn_sftp_job *job, struct node *n)
{
	if (n->state == NODE_CHECK || n->state == NODE_VERIFY)
		hpn_sftp_check_send(job, n);
	if (n->state == NODE_TAIL)
		send_tail(job, n);
}

/* Answers may come in another order than requests were sent. */
void
hpn_sftp_target_check(struct hpn_sftp_job *job, struct node *n)
{
	if (n->state == NODE_TAIL && n->on == NULL && n->asked == 0) {
		hpn_sftp_node_list(n, &job->want);
		send_tail(job, n);
	}
	hpn_sftp_again_end(job, n);
}

/* ---------------------------------------------------------- directories -- */

void
hpn_sftp_target_dir_make(struct hpn_sftp_job *job, struct node *n)
{
	Attrib a = n->a;

	/* We must be able to write to it while we fill it. */
	a.perm |= S_IWUSR|S_IXUSR;
	hpn_sftp_ask_path_attrib(job, n, ASK_MKDIR, SSH2_FXP_MKDIR, n->to, &a);
}

static void
dir_failed(struct hpn_sftp_job *job, struct node *n)
{
	struct node *child;

	n->failed = 1;
	/* Holds the directory until nothing in it is left. */
	n->asked++;
	hpn_sftp_node_dir_listed(job, n);
	while ((child = TAILQ_FIRST(&n->waiting)) != NULL) {
		child->failed = 1;
		hpn_sftp_node_end(job, child);
	}
	n->asked--;
	hpn_sftp_node_fail(job, n);
}

static void
dir_there(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	Attrib there;
	u_int status;

	status = hpn_sftp_answer_attrib(job, type, m, &there);
	if (status == SSH2_FX_OK && S_ISDIR(there.perm)) {
		/* What is there and goes on keeps its mode. */
		if ((job->flags & HPN_SFTP_RESUME) &&
		    (job->flags & HPN_SFTP_PRESERVE) == 0)
			n->a.perm = there.perm & 07777;
		/* A copy that was finished before may have closed it. */
		if ((job->flags & HPN_SFTP_RESUME) &&
		    (there.perm & (S_IWUSR|S_IXUSR)) != (S_IWUSR|S_IXUSR)) {
			there.flags = SSH2_FILEXFER_ATTR_PERMISSIONS;
			there.perm = (there.perm & 07777) | S_IWUSR|S_IXUSR;
			hpn_sftp_ask_path_attrib(job, n, ASK_CHMOD,
			    SSH2_FXP_SETSTAT, n->to, &there);
		}
		job->way->dir_made(job, n);
		return;
	}
	hpn_sftp_meter_break(job);
	if (status == SSH2_FX_OK)
		error("\"%s\" exists but is not a directory", n->to);
	else {
		error("remote mkdir \"%s\": %s", n->to, fx2txt(n->denied));
		/* It may be there, for all that is known. */
		if (status != SSH2_FX_NO_SUCH_FILE)
			error("stat remote \"%s\": %s", n->to,
			    fx2txt(status));
	}
	dir_failed(job, n);
}

static void
dir_over(struct hpn_sftp_job *job, struct node *n)
{
	if (n->failed || n->lacks)
		hpn_sftp_node_fail(job, n);
	else
		hpn_sftp_node_end(job, n);
}

void
hpn_sftp_target_dir_done(struct hpn_sftp_job *job, struct node *n)
{
	/* One that could not be made is not to be changed. */
	if (hpn_sftp_wish_dry() || !n->ready)
		dir_over(job, n);
	else
		hpn_sftp_ask_path_attrib(job, n, ASK_SETSTAT, SSH2_FXP_SETSTAT,
		    n->to, &n->a);
}

static int
answer_dir(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;

	switch (req->ask) {
	case ASK_MKDIR:
		if ((n->denied = hpn_sftp_answer_status(job, type, m)) ==
		    SSH2_FX_OK)
			job->way->dir_made(job, n);
		else	/* There is no status for one that exists. */
			hpn_sftp_ask_path(job, n, ASK_STAT, SSH2_FXP_STAT,
			    n->to);
		return 1;
	case ASK_STAT:
		dir_there(job, n, type, m);
		return 1;
	case ASK_CHMOD:
		(void)hpn_sftp_answer_status(job, type, m);
		return 1;
	case ASK_SETSTAT:
		(void)hpn_sftp_answer_done(job, "remote setstat", n->to, type,
		    m);
		dir_over(job, n);
		return 1;
	default:
		return 0;
	}
}

int
hpn_sftp_target_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;

	if (n->tree)
		return answer_dir(job, req, type, m);
	switch (req->ask) {
	case ASK_FSETSTAT:
		(void)hpn_sftp_answer_done(job, "remote fsetstat", n->to, type,
		    m);
		break;
	case ASK_TRUNCATE:
		n->truncating--;
		if (hpn_sftp_answer_done(job, "remote fsetstat", n->to, type,
		    m) == -1)
			n->failed = 1;
		break;
	case ASK_SIZE:
		if ((n->unset = hpn_sftp_answer_status(job, type, m)) !=
		    SSH2_FX_OK)
			hpn_sftp_ask_path(job, n, ASK_SIZE_STAT, SSH2_FXP_STAT,
			    n->to);
		break;
	case ASK_FSYNC:
		if ((n->unsynced = hpn_sftp_answer_status(job, type, m)) !=
		    SSH2_FX_OK)
			hpn_sftp_ask_path(job, n, ASK_FSYNC_STAT, SSH2_FXP_STAT,
			    n->to);
		break;
	case ASK_SIZE_STAT:
	case ASK_FSYNC_STAT:
		refused(job, n, req->ask, type, m);
		break;
	default:
		return 0;
	}
	hpn_sftp_target_check(job, n);
	return 1;
}
