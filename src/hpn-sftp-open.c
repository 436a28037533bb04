/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-open: opens files and directories on the server.  It may use a
 * guessed handle before the answer comes.  It opens again what a server
 * refused because too much was open.
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

#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-early.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-open.h"

extern volatile sig_atomic_t interrupted;

/* -------------------------------------------------- ahead of the handle -- */

/*
 * OpenSSH's server numbers open files from 0 on, and does one request after
 * the other.  So the client can send all requests for the only file of a job
 * together with its opening.  They take no round trip of their own.  The
 * server refuses any request with a handle that it has not given, and no other
 * file of ours is open.  So a wrong guess changes nothing.  Then the client
 * waits for the handle, as with any other server.
 */
static const u_char first_handle[HPN_SFTP_EARLY_HANDLE_LEN];

static int
may_guess(struct hpn_sftp_job *job, struct node *n)
{
	return job->only == n && !hpn_sftp_node_verifies(job) &&
	    (job->flags & HPN_SFTP_RESUME) == 0;
}

static void
guess(struct node *n)
{
	n->handle_len = sizeof(first_handle);
	n->handle = xmalloc(n->handle_len);
	memcpy(n->handle, first_handle, n->handle_len);
	n->guess = GUESS_MADE;
}

int
hpn_sftp_open_ahead(struct hpn_sftp_job *job, struct node *n)
{
	if (!job->c->predictable || !may_guess(job, n))
		return 0;
	guess(n);
	return 1;
}

int
hpn_sftp_open_early(struct hpn_sftp_job *job, struct node *n)
{
	u_int open, data;
	u_int64_t sent_ns;

	/* Where the size is not known each answer has to be looked at first */
	if (!may_guess(job, n) || n->size == 0) {
		hpn_sftp_conn_close_early(job->c);
		return 0;
	}
	if (!hpn_sftp_conn_opened_early(job->c, n->from, &open, &data,
	    &sent_ns))
		return 0;
	guess(n);
	hpn_sftp_ask_begun(job, n, open, data, HPN_SFTP_EARLY_DATA, sent_ns);
	n->next = HPN_SFTP_EARLY_DATA;
	hpn_sftp_node_plan(job, n);
	return 1;
}

/* Nobody waits any more for answers to requests with this file's handle. */
static void
disown(struct hpn_sftp_job *job, struct node *n)
{
	struct request *req, **chain;
	u_int i;

	for (i = 0; i < REQUEST_CHAINS; i++) {
		for (chain = &job->asked[i]; (req = *chain) != NULL;) {
			if (req->node != n || req->ask == ASK_OPEN) {
				chain = &req->chain;
				continue;
			}
			*chain = req->chain;
			hpn_sftp_ask_over(job, req);
			hpn_sftp_io_later(job->c->io, req->id, NULL, NULL);
			free(req);
		}
	}
	TAILQ_INIT(&n->data);
}

/* It is as it was when it was asked to be opened. */
static void
take_back(struct hpn_sftp_job *job, struct node *n)
{
	disown(job, n);
	free(n->handle);
	n->handle = NULL;
	n->handle_len = 0;
	n->guess = GUESS_NONE;
	hpn_sftp_node_unlist(n);
	n->state = NODE_OPENING;
	n->next = n->high = 0;
	n->bad = UINT64_MAX;
	n->eof = n->failed = n->step = 0;
	hpn_sftp_node_plan(job, n);
}

void
hpn_sftp_open_ahead_late(struct hpn_sftp_job *job, struct node *n)
{
	debug("server answers in another order: no more is asked ahead");
	job->c->predictable = 0;
	take_back(job, n);
	n->guess = GUESS_WRONG;
}

int
hpn_sftp_open_ahead_answer(struct hpn_sftp_job *job, struct node *n,
    u_char type, struct sshbuf *m)
{
	const u_char *p;
	size_t len;

	switch (n->guess) {
	case GUESS_NONE:
		return 0;
	case GUESS_MADE:
		if (type != SSH2_FXP_HANDLE) {
			take_back(job, n);
			return 0;
		}
		if (sshbuf_peek_string_direct(m, &p, &len) == 0 &&
		    len == n->handle_len && memcmp(p, n->handle, len) == 0) {
			n->guess = GUESS_NONE;
			return 1;
		}
		debug("server has other handles: no more is asked ahead");
		job->c->predictable = 0;
		take_back(job, n);
		return 0;
	case GUESS_WRONG:
		break;
	}
	n->guess = GUESS_NONE;
	/* It may be closed already, if that was among what was asked. */
	if (type != SSH2_FXP_HANDLE)
		return 0;
	(void)hpn_sftp_answer_handle(job, n, type, m);
	n->made = 1;
	hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
	disown(job, n);
	free(n->handle);
	n->handle = NULL;
	n->handle_len = 0;
	return -1;
}

/* -------------------------------------------------------------- refused -- */

/*
 * There is no status for too many open files.  OpenSSH's server answers EMFILE
 * with the generic failure.  Others say "permission denied", or something
 * else.  So if a server refuses to open a file while others are open, whatever
 * the status, we try that file again alone.
 */
static int
file_refused(struct hpn_sftp_job *job, struct node *n, u_int status)
{
	u_int held = job->held;

	if (n->trial || held == 0 || interrupted) {
		if (n->trial)
			job->refusals++;
		n->trial = 0;
		return 0;
	}
	if (n->refusals++ == 0 || held < n->refused_with)
		n->refused_with = held;
	debug("server would not open \"%s\" while %u others were open (%s); "
	    "trying again alone", hpn_sftp_node_remote(job, n), held,
	    fx2txt(status));
	hpn_sftp_node_list(n, &job->refused);
	job->nrefused++;
	return 1;
}

/* It was opened. */
static void
file_borne(struct hpn_sftp_job *job, struct node *n)
{
	if (n->trial) {
		debug("server bears %u open at a time", n->refused_with);
		hpn_sftp_window_bears(&job->window, n->refused_with);
		job->c->bears = job->window.bears;
	}
	n->trial = 0;
	n->refusals = 0;
}

int
hpn_sftp_open_answer(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m, u_int *counted, u_int *statusp)
{
	if ((*statusp = hpn_sftp_answer_handle(job, n, type, m)) == SSH2_FX_OK)
	    {
		file_borne(job, n);
		return 0;
	}
	(*counted)--;
	if (file_refused(job, n, *statusp))
		return 1;
	hpn_sftp_meter_break(job);
	return -1;
}
