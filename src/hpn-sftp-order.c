/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-order: which files and directories begin when.  See
 * hpn-sftp-order.h.
 */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
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

#include "hpn-sftp-again.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-order.h"
#include "hpn-sftp-spread.h"
#include "hpn-sftp-window.h"

extern volatile sig_atomic_t interrupted;

/* So many that were refused are put off, each with its local file open. */
#define REFUSED_MAX	8

/* Drop the children of a directory that could not be made. */
static void
drop(struct hpn_sftp_job *job, struct nodes *from)
{
	struct node *n;

	while ((n = TAILQ_FIRST(from)) != NULL) {
		n->failed = 1;
		if (from == &job->refused)
			job->nrefused--;
		hpn_sftp_node_unlist(n);
		if (from == &job->refused && job->way->drop != NULL)
			job->way->drop(job, n);
		else
			hpn_sftp_node_end(job, n);
	}
}

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
	if (interrupted)
		hpn_sftp_again_drop_all(job);
	do {
		drop(job, &job->files);
		drop(job, &job->dirs);
	} while (!TAILQ_EMPTY(&job->files));
}

static void
begin_node(struct hpn_sftp_job *job, struct node *n)
{
	struct node *other;

	if ((other = hpn_sftp_node_claim(job, n)) != NULL) {
		hpn_sftp_node_list(n, &other->blocked);
		return;
	}
	hpn_sftp_node_unlist(n);
	job->way->begin(job, n);
}

static void
open_again(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_unlist(n);
	job->nrefused--;
	job->way->open(job, n);
}

/*
 * Begin files that were refused, and files to be done again.  Returns whether
 * anything else may begin: to open one alone, all that is open has to be
 * closed.
 *
 * The first refusals are tried again at once, because a server that allows few
 * open files would refuse all that follow.  If they had another reason, later
 * ones come last.
 */
static int
begin_refused(struct hpn_sftp_job *job)
{
	struct node *n, *next;
	u_int held = job->files_open + job->dirs_open;

	if (held == 0 && (n = TAILQ_FIRST(&job->again)) != NULL) {
		hpn_sftp_again_begin(job, n);
		return 0;
	}
	/* Those of another lane that went wrong need not be alone. */
	while (!job->c->shares && (n = TAILQ_FIRST(&job->again)) != NULL &&
	    hpn_sftp_ask_may(job, 0) && hpn_sftp_window_may_hold(&job->window,
	    job->files_open + job->dirs_open) && job->way->may_begin(job))
		hpn_sftp_again_begin(job, n);
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
	    (job->way->up && !TAILQ_EMPTY(&job->walking))))
		return 1;
	if (job->files_open + job->dirs_open == 0) {
		n->trial = 1;
		open_again(job, n);
	}
	return 0;
}

void
hpn_sftp_order_next(struct hpn_sftp_job *job)
{
	struct node *n, *next;
	int begin;

	if (interrupted || job->overfull)
		drop_all(job);
	TAILQ_FOREACH_SAFE(n, &job->want, list, next) {
		if (!hpn_sftp_ask_may(job, 0))
			return;
		job->way->send(job, n);
	}
	hpn_sftp_spread_grow(job);
	begin = begin_refused(job);
	while (begin && (n = TAILQ_FIRST(&job->dirs)) != NULL &&
	    hpn_sftp_ask_may(job, 0) && job->way->may_begin_dir(job))
		begin_node(job, n);
	while (begin && (n = TAILQ_FIRST(&job->files)) != NULL &&
	    hpn_sftp_ask_may(job, 0) && hpn_sftp_window_may_hold(&job->window,
	    job->files_open + job->dirs_open) && job->way->may_begin(job) &&
	    hpn_sftp_spread_may(job, n))
		begin_node(job, n);
	job->way->walk(job);
}
