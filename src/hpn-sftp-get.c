/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-get: what is done to a file or directory on its way from the
 * server.
 *
 * The server is not trusted.  It tells names, sizes and kinds.  They decide
 * what we request, and never where we write.  A name that is not one component
 * of a path is refused.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>
#ifdef HAVE_SYS_TIME_H
# include <sys/time.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "utf8.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-resume.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-full.h"
#include "hpn-sftp-gather.h"
#include "hpn-sftp-get.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-open.h"
#include "hpn-sftp-save.h"
#include "hpn-sftp-source.h"
#include "hpn-sftp-spread.h"
#include "hpn-sftp-window.h"
#include "hpn-sftp-wish.h"

extern volatile sig_atomic_t interrupted;

static void send_more(struct hpn_sftp_job *, struct node *);

/* ---------------------------------------------------------------- files -- */

static void
set_times(struct hpn_sftp_job *job, struct node *n, const char *what)
{
	struct timeval tv[2];

	tv[0].tv_sec = n->a.atime;
	tv[1].tv_sec = n->a.mtime;
	tv[0].tv_usec = tv[1].tv_usec = 0;
	if (utimes(n->to, tv) == -1) {
		hpn_sftp_meter_break(job);
		error("local set times %s\"%s\": %s", what, n->to,
		    strerror(errno));
	}
}

static void
cut(struct node *n)
{
	u_int64_t end = hpn_sftp_node_whole(n);
	struct stat st;

	if (n->fd != -1 && end < n->high && fstat(n->fd, &st) == 0 &&
	    S_ISREG(st.st_mode)) {
		if (ftruncate(n->fd, end) == -1)
			error("local ftruncate \"%s\": %s", n->to,
			    strerror(errno));
		n->high = end;
	}
}

/* All that was asked for has come, or failed: the local file is complete. */
static void
finish_local(struct hpn_sftp_job *job, struct node *n)
{
	int inplace = job->flags & HPN_SFTP_INPLACE;
	u_int64_t end = n->high;
	struct stat st;

	/* An empty file, of which nothing came */
	if (!n->opened && !n->failed && !interrupted)
		(void)hpn_sftp_save_open(job, n);
	if (n->fd == -1)
		return;
	/* Holes must not look like data that came. */
	if (n->failed || interrupted)
		end = MINIMUM(end, hpn_sftp_node_whole(n));
	/* A device has no length. */
	if ((inplace || n->failed || interrupted) &&
	    (fstat(n->fd, &st) == -1 || (S_ISREG(st.st_mode) &&
	    (u_int64_t)st.st_size != end))) {
		debug("truncating at %llu", (unsigned long long)end);
		if (ftruncate(n->fd, end) == -1) {
			hpn_sftp_meter_break(job);
			error("local ftruncate \"%s\": %s", n->to,
			    strerror(errno));
			/* What follows the data may be an older file's */
			n->failed = 1;
		}
	}
	/* A part must stay open to the next attempt. */
	if (!n->failed && !(interrupted && (job->flags & HPN_SFTP_RESUME))) {
		/* Override umask and utimes if asked */
#ifdef HAVE_FCHMOD
		if ((job->flags & HPN_SFTP_PRESERVE) &&
		    fchmod(n->fd, n->mode) == -1) {
#else
		if ((job->flags & HPN_SFTP_PRESERVE) &&
		    chmod(n->to, n->mode) == -1) {
#endif
			hpn_sftp_meter_break(job);
			error("local chmod \"%s\": %s", n->to,
			    strerror(errno));
		}
		if ((job->flags & HPN_SFTP_PRESERVE) &&
		    (n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME))
			set_times(job, n, "");
		if ((job->flags & HPN_SFTP_RESUME) && !n->modified)
			do_log2(n->parent == NULL && (job->flags &
			    HPN_SFTP_LIST) ? SYSLOG_LEVEL_INFO :
			    SYSLOG_LEVEL_VERBOSE,
			    "File \"%s\" was not modified", n->to);
		else if (job->flags & HPN_SFTP_FSYNC) {
			debug("syncing \"%s\"", n->to);
			/* A device may have nothing to write out. */
			if (fsync(n->fd) == -1 && (errno != EINVAL ||
			    (fstat(n->fd, &st) == 0 && S_ISREG(st.st_mode)))) {
				hpn_sftp_meter_break(job);
				error("local sync \"%s\": %s", n->to,
				    strerror(errno));
				n->failed = 1;
			}
		}
	}
	/* Some file systems say only now that data were not written. */
	if (close(n->fd) == -1) {
		hpn_sftp_meter_break(job);
		error("close local \"%s\": %s", n->to, strerror(errno));
		n->failed = 1;
	}
	n->fd = -1;
}

/* The data may begin, at n->next. */
static void
begin_data(struct hpn_sftp_job *job, struct node *n)
{
	n->state = NODE_DATA;
	if (n->size != 0 && n->guess == GUESS_NONE) {
		hpn_sftp_gather_begin(job, n);
		hpn_sftp_meter_file(job, n, n->from, n->size, n->next);
	}
	hpn_sftp_node_list(n, &job->want);
	send_more(job, n);
}

static void
open_remote(struct hpn_sftp_job *job, struct node *n)
{
	if (hpn_sftp_again_wait(job, n))
		return;
	if (n->tree) {
		hpn_sftp_source_open_dir(job, n);
		return;
	}
	n->state = NODE_OPENING;
	job->files_open++;
	if (hpn_sftp_open_early(job, n)) {
		begin_data(job, n);
		return;
	}
	hpn_sftp_ask_open(job, n, n->from, SSH2_FXF_READ, NULL);
	if (n->size != 0 && hpn_sftp_open_ahead(job, n))
		begin_data(job, n);
}

/* The attributes of the file are known. */
static void
begin_known(struct hpn_sftp_job *job, struct node *n)
{
	debug2("download remote \"%s\" to local \"%s\"", n->from, n->to);
	if ((n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
	    !S_ISREG(n->a.perm)) {
		error("download %s: not a regular file", n->from);
		hpn_sftp_node_fail(job, n);
		return;
	}
	/* Ownership is not preserved, so set[ug]id are not, either. */
	n->mode = n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS ?
	    n->a.perm & 0777 : 0666;
	n->size = n->a.flags & SSH2_FILEXFER_ATTR_SIZE ? n->a.size : 0;
	if (n->parent == NULL && !n->redone)
		hpn_sftp_node_count(job, n, n->size);
	if (hpn_sftp_wish_looks(n) && hpn_sftp_wish_found_local(job, n)) {
		hpn_sftp_node_end(job, n);
		return;
	}
	hpn_sftp_node_plan(job, n);
	n->buflen = *job->c->download_buflen;
	n->ahead = 1;
	hpn_sftp_spread_begin(job, n);
	open_remote(job, n);
}

static void
close_remote(struct hpn_sftp_job *job, struct node *n)
{
	n->state = NODE_CLOSING;
	hpn_sftp_node_unlist(n);
	hpn_sftp_gather_close(job, n);
	/* Is it still the file whose data came?  Ours stays open until then. */
	if (n->fd != -1)
		hpn_sftp_ask_handle(job, n, ASK_FSTAT, SSH2_FXP_FSTAT);
	hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
}

/* Find out where to go on with what may be there in part. */
static void
resume(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_resume_file source;
	struct stat st;

	if (hpn_sftp_save_open(job, n) == -1) {
		hpn_sftp_save_leave(n);
		close_remote(job, n);
		return;
	}
	if (fstat(n->fd, &st) == -1) {
		hpn_sftp_meter_break(job);
		error("stat local \"%s\": %s", n->to, strerror(errno));
		hpn_sftp_save_leave(n);
		close_remote(job, n);
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		begin_data(job, n);
		return;
	}
	n->dest.size = st.st_size;
	n->dest.mtime = st.st_mtime < 0 ? 0 : st.st_mtime;
	source.size = n->size;
	source.mtime = n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME ?
	    n->a.mtime : UINT64_MAX;
	hpn_sftp_check_begin(job, n, &source, &n->dest);
}

static void
checked(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_resume *r)
{
	int whole = r->step == HPN_RESUME_WHOLE && r->there != 0;

	if (!n->failed && !whole) {
		if (n->readonly)
			errno = n->denied;
		/* An empty one may be all that there is. */
		if ((n->readonly && r->step != HPN_RESUME_WHOLE) ||
		    (n->begun < r->there &&
		    ftruncate(n->fd, n->begun) == -1)) {
			hpn_sftp_meter_break(job);
			error("%s local \"%s\": %s", n->readonly ? "open" :
			    "ftruncate", n->to, strerror(errno));
			n->failed = 1;
		}
	}
	if (n->failed) {
		hpn_sftp_check_free(n);
		hpn_sftp_save_leave(n);
		close_remote(job, n);
		return;
	}
	n->next = n->high = n->begun;
	hpn_sftp_node_plan(job, n);
	if (whole) {
		hpn_sftp_check_free(n);
		finish_local(job, n);
		close_remote(job, n);
		return;
	}
	if (n->check != NULL || hpn_sftp_node_verifies(job))
		hpn_sftp_check_verify_begin(job, n);
	begin_data(job, n);
}

static void
verified(struct hpn_sftp_job *job, struct node *n)
{
	if (n->check != NULL)
		hpn_sftp_check_free(n);
	if (interrupted && (hpn_sftp_node_verifies(job) || ((job->flags &
	    HPN_SFTP_RESUME) && (job->flags & HPN_SFTP_PRESERVE))))
		n->cut = 1;
	if (!n->modified || n->failed || interrupted ||
	    (!hpn_sftp_node_verifies(job) && (job->flags & HPN_SFTP_RESUME) ==
	    0))
		finish_local(job, n);
	close_remote(job, n);
}

/* The data are compared through another handle: it is there, or is not. */
static void
compare(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;

	if ((status = hpn_sftp_answer_handle(job, n, type, m)) == SSH2_FX_OK) {
		hpn_sftp_check_verify_end(job, n, n->high);
		return;
	}
	hpn_sftp_meter_break(job);
	error("remote open \"%s\": %s", n->from, fx2txt(status));
	n->failed = 1;
	hpn_sftp_check_free(n);
	finish_local(job, n);
	job->files_open--;
	n->state = NODE_CLOSING;
	hpn_sftp_again_end(job, n);
}

/* It is open, and is copied from its beginning on. */
static void
begin_file(struct hpn_sftp_job *job, struct node *n)
{
	if (n->check != NULL || hpn_sftp_node_verifies(job))
		hpn_sftp_check_verify_begin(job, n);
	begin_data(job, n);
}

static void
opened(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;
	int r;

	if (n->second != 0) {
		compare(job, n, type, m);
		return;
	}
	if ((r = hpn_sftp_open_ahead_answer(job, n, type, m)) == 1) {
		/* Limits may have come with the handle. */
		n->buflen = *job->c->download_buflen;
		if (n->state == NODE_DATA && n->next < n->size)
			hpn_sftp_gather_begin(job, n);
		hpn_sftp_meter_file(job, n, n->from, n->size, 0);
		hpn_sftp_source_go_on(job, n);
		return;
	}
	if (r == -1) {
		job->files_open--;	/* open_remote() counts it again */
		open_remote(job, n);
		return;
	}
	if ((r = hpn_sftp_open_answer(job, n, type, m, &job->files_open,
	    &status)) == 1)
		return;
	if (r == -1) {
		error("remote open \"%s\": %s", n->from, fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return;
	}
	n->buflen = *job->c->download_buflen;
	if (job->flags & HPN_SFTP_RESUME) {
		resume(job, n);
		return;
	}
	if (!hpn_sftp_spread_opened(job, n))
		begin_file(job, n);
}

static void
send_more(struct hpn_sftp_job *job, struct node *n)
{
	size_t len;
	int lane;

	if (n->state == NODE_CHECK || n->state == NODE_VERIFY) {
		hpn_sftp_check_send(job, n);
		return;
	}
	if (n->state == NODE_DATA && n->gather != NULL)
		hpn_sftp_gather_more(job, n);
	while (n->state == NODE_DATA && !n->eof && !n->failed &&
	    !interrupted) {
		if ((len = hpn_sftp_source_len(job, n)) == 0) {
			hpn_sftp_node_unlist(n);
			return;
		}
		if (!hpn_sftp_ask_may(job, len) ||
		    !hpn_sftp_spread_may_move(job, n) ||
		    (lane = hpn_sftp_gather_pick(job, n, len)) == -1 ||
		    (n->homed && !hpn_sftp_spread_alone(job) &&
		    !hpn_sftp_ask_lane_may(job, n->lane, len,
		    TAILQ_EMPTY(&n->data))))
			return;
		hpn_sftp_ask_read(job, n, lane == 0 ? NULL :
		    hpn_sftp_gather_where(n, lane), n->next, len);
		n->next += len;
		hpn_sftp_node_plan(job, n);
	}
	if (!TAILQ_EMPTY(&n->data)) {
		hpn_sftp_node_unlist(n);
		return;
	}
	if (n->state == NODE_DATA) {
		if (!n->eof)
			n->cut = 1;
		hpn_sftp_source_ended(job, n, n->high);
		if (hpn_sftp_node_second(job, n)) {
			n->second = 1;
			n->state = NODE_OPENING;
			hpn_sftp_node_unlist(n);
			hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
		} else
			hpn_sftp_check_verify_end(job, n, n->high);
	}
}

static void
read_failed(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_int status)
{
	hpn_sftp_save_answered(n, req);
	if (status == SSH2_FX_EOF) {
		n->eof = 1;
		hpn_sftp_save_end(job, n, req->offset);
		return;
	}
	if (!n->failed) {
		hpn_sftp_meter_break(job);
		error("read remote \"%s\" : %s", n->from, fx2txt(status));
	}
	n->failed = 1;
	if (req->offset < n->bad)
		n->bad = req->offset;
}

static void
data(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_char type, struct sshbuf *m)
{
	const u_char *p;
	u_int status;
	size_t len;

	if ((p = hpn_sftp_answer_read(job, req, type, m, &len, &status)) ==
	    NULL) {
		if (!hpn_sftp_gather_refused(job, req))
			read_failed(job, n, req, status);
		return;
	}
	hpn_sftp_save_data(job, n, req, p, len);
	if (req->len == 0) {
		hpn_sftp_save_answered(n, req);
		if (n->ahead < HPN_SFTP_SOURCE_AHEAD && n->size == 0)
			n->ahead++;
		return;
	}
	if (n->size != 0 && req->offset == n->size) {
		/* More was asked for than the size, and the size came. */
		hpn_sftp_save_answered(n, req);
		n->eof = 1;
		return;
	}
	if (n->failed || interrupted) {
		hpn_sftp_save_answered(n, req);
		if (req->offset < n->bad)
			n->bad = req->offset;
		n->cut = 1;
		return;
	}
	debug3("Short data block, re-requesting %llu -> %llu",
	    (unsigned long long)req->offset,
	    (unsigned long long)req->offset + req->len - 1);
	if (len < n->buflen)
		n->buflen = MAXIMUM(HPN_SFTP_SOURCE_LEAST, len);
	hpn_sftp_ask_read_again(job, req);
}

/* The part of a local file that came is not what it should be. */
static void
undo(struct hpn_sftp_job *job, struct node *n)
{
	mode_t mode = n->mode | S_IRUSR | S_IWUSR;
	struct stat st;

	if (n->modified && n->fd == -1) {
		/* It was finished, and its mode may be the source's. */
		if ((job->flags & HPN_SFTP_PRESERVE) && mode != n->mode)
			(void)chmod(n->to, mode);
		n->fd = open(n->to, O_WRONLY);
	}
	if (n->modified && (n->fd == -1 || fstat(n->fd, &st) == -1 ||
	    !S_ISREG(st.st_mode) || ftruncate(n->fd, n->begun) == -1))
		n->spoilt = 1;
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
	hpn_sftp_gather_close(job, n);
	hpn_sftp_save_drop(job, n);
	n->high = n->bad = n->begun;
}

static void
forget(struct hpn_sftp_job *job, struct node *n)
{
	if (n->check != NULL)
		hpn_sftp_check_free(n);
	hpn_sftp_save_drop(job, n);
	hpn_sftp_spread_forget(job, n);
	hpn_sftp_gather_free(job, n);
}

static void
failed(const struct node *n)
{
	error("Download of file %s to %s failed", n->from, n->to);
}

/* As hpn_sftp_source_may_begin(), with several connections. */
static int
may_begin(const struct hpn_sftp_job *job)
{
	return hpn_sftp_window_may_open(&job->window, hpn_sftp_spread_open(job),
	    hpn_sftp_spread_others(job, job->planned));
}

/* ---------------------------------------------------------- directories -- */

/*
 * The mode of a directory, while it is filled and afterwards, of a copy that may
 * have been interrupted before.  Without -p what was there keeps its own, and a
 * new one gets the server's through the umask, as a file does.
 */
static void
dir_modes(struct hpn_sftp_job *job, struct node *n, int made)
{
	mode_t opened = n->mode & ~n->final_mode;
	struct stat st;

	if ((job->flags & HPN_SFTP_RESUME) == 0 ||
	    (made && (job->flags & HPN_SFTP_PRESERVE)))
		return;
	if (stat(n->to, &st) == -1) {
		debug("stat %s: %s", n->to, strerror(errno));
		n->final_mode = n->mode;
		return;
	}
	st.st_mode &= 07777;
	if ((job->flags & HPN_SFTP_PRESERVE) == 0 ||
	    (n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0) {
		n->mode = st.st_mode;
		n->final_mode = made ? n->mode & ~opened : n->mode;
	}
	/* A copy that was finished before may have closed it. */
	if (made || (st.st_mode & (S_IWUSR|S_IXUSR)) ==
	    (S_IWUSR|S_IXUSR))
		return;
	n->mode = st.st_mode | S_IWUSR|S_IXUSR;
	if (chmod(n->to, n->mode) == -1)
		debug("chmod %s: %s", n->to, strerror(errno));
}

/* Attributes and path of the directory are known. */
static void
dir_begin_known(struct hpn_sftp_job *job, struct node *n)
{
	struct stat st;
	mode_t mode = 0777;
	int made, saved;

	if (job->flags & HPN_SFTP_LIST)
		mprintf("Retrieving %s\n", n->from);
	n->final_mode = 0777;
	if (n->a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) {
		n->final_mode = n->a.perm & 01777;
		mode = n->final_mode | (S_IWUSR|S_IXUSR);
	} else
		debug("download remote \"%s\": server did not send "
		    "permissions", n->to);
	n->mode = mode;
	while (!(made = hpn_sftp_wish_dry() || mkdir(n->to, mode) == 0) &&
	    hpn_sftp_full_wait(job, n->to))
		;
	saved = errno;
	if (!made && (saved != EEXIST ||
	    stat(n->to, &st) == -1 || !S_ISDIR(st.st_mode))) {
		hpn_sftp_meter_break(job);
		error("mkdir %s: %s", n->to, strerror(saved));
		hpn_sftp_node_fail(job, n);
		return;
	}
	if (!hpn_sftp_wish_dry())
		dir_modes(job, n, made);
	hpn_sftp_source_list(job, n);
}

static void
dir_done(struct hpn_sftp_job *job, struct node *n)
{
	if (hpn_sftp_wish_dry())
		n->final_mode = n->mode;
	else if (job->flags & HPN_SFTP_PRESERVE) {
		if (n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME)
			set_times(job, n, "on ");
		else
			debug("Server did not send times for directory "
			    "\"%s\"", n->to);
	}
	if (n->final_mode != n->mode && chmod(n->to, n->final_mode) == -1) {
		hpn_sftp_meter_break(job);
		error("local chmod directory \"%s\": %s", n->to,
		    strerror(errno));
	}
	if (n->failed || n->lacks)
		hpn_sftp_node_fail(job, n);
	else
		hpn_sftp_node_end(job, n);
}

/* -------------------------------------------------------------- answers -- */

static void
answer(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;

	if (hpn_sftp_source_answer(job, req, type, m))
		return;
	switch (req->ask) {
	case ASK_OPEN:
		opened(job, n, type, m);
		return;
	case ASK_READ:
		data(job, n, req, type, m);
		hpn_sftp_save_release(job, n);
		if (n->check != NULL)
			hpn_sftp_check_verify_more(job, n);
		if (!req->again)
			hpn_sftp_source_go_on(job, n);
		return;
	case ASK_FSTAT:
		hpn_sftp_source_check(job, n, type, m);
		finish_local(job, n);
		hpn_sftp_again_end(job, n);
		return;
	case ASK_CLOSE:
		if (hpn_sftp_answer_done(job, "close remote", n->from, type,
		    m) == -1)
			n->failed = 1;
		if (n->second == 1) {
			n->second = 2;
			hpn_sftp_ask_open(job, n, n->from, SSH2_FXF_READ, NULL);
			return;
		}
		job->files_open--;
		hpn_sftp_window_closed(&job->window);
		hpn_sftp_again_end(job, n);
		return;
	default:
		fatal_f("answer to %d", req->ask);
	}
}

const struct hpn_sftp_way hpn_sftp_get = {
	.up = 0,
	.begin = hpn_sftp_source_begin,
	.open = open_remote,
	.send = send_more,
	.answer = answer,
	.checked = checked,
	.verified = verified,
	.check_end = hpn_sftp_again_end,
	.opened = begin_file,
	.undo = undo,
	.forget = forget,
	.failed = failed,
	.cut = cut,
	.may_begin = may_begin,
	.may_begin_dir = hpn_sftp_source_may_begin_dir,
	.walk = hpn_sftp_source_walk,
	.dir_done = dir_done,
	.known = begin_known,
	.dir_known = dir_begin_known,
	.verb = "download",
	.origin = "download",
	.listing = "remote",
};
