/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-put: what is done to a file or directory on its way to the server.
 *
 * A small file is read before it is opened on the server.  Both may be the
 * same file: so it can be truncated there without harm.  Then everything else
 * follows at once: data, attributes, close.  With a larger file, the other
 * requests wait until its data were acknowledged.  So the file is never longer
 * than its content.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#ifdef HAVE_POLL_H
#include <poll.h>
#else
# ifdef HAVE_SYS_POLL_H
#  include <sys/poll.h>
# endif
#endif
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "progressmeter.h"
#include "sshbuf.h"
#include "utf8.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-names.h"
#include "hpn-resume.h"
#include "hpn-sftp-again.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-full.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-linked.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-open.h"
#include "hpn-sftp-put.h"
#include "hpn-sftp-spread.h"
#include "hpn-sftp-stripe.h"
#include "hpn-sftp-target.h"
#include "hpn-sftp-window.h"
#include "hpn-sftp-wish.h"
#include "hpn-wish.h"

extern volatile sig_atomic_t interrupted;

/*
 * Sent before the file is known to be open: what TCP begins with.  If it cannot
 * be opened, that was in vain.
 */
#ifndef AHEAD_BYTES
# define AHEAD_BYTES	(128 * 1024)
#endif
/* As in sftp-client.c */
#define MAX_DIR_DEPTH	64
/* Names taken from a directory before answers are looked at again. */
#define WALK		64
/* A file that somebody has a lease of is tried again after so long, ms. */
#define LEASE_WAIT	50

static void send_more(struct hpn_sftp_job *, struct node *);

/* ---------------------------------------------------------------- files -- */

/*
 * A FIFO must not keep us waiting for somebody to write to it.  But we wait
 * for a file on which another program has a lease.  Our attempt has asked that
 * program to give the lease back, and in the end the system takes it back.
 */
static int
open_source(const char *path)
{
	struct stat sb;
	int fd;

	while ((fd = open(path, O_RDONLY|O_NONBLOCK)) == -1 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK)) {
		if (stat(path, &sb) == -1 || !S_ISREG(sb.st_mode)) {
			errno = EAGAIN;
			break;
		}
		if (interrupted) {
			errno = EINTR;
			break;
		}
		(void)poll(NULL, 0, LEASE_WAIT);
		refresh_progress_meter(0);
	}
	return fd;
}

static int
open_local(struct hpn_sftp_job *job, struct node *n)
{
	struct stat sb;

	if ((n->fd = open_source(n->from)) == -1) {
		hpn_sftp_meter_break(job);
		error("open local \"%s\": %s", n->from, strerror(errno));
		return -1;
	}
	if (fstat(n->fd, &sb) == -1) {
		hpn_sftp_meter_break(job);
		error("fstat local \"%s\": %s", n->from, strerror(errno));
		return -1;
	}
	if (!S_ISREG(sb.st_mode)) {
		hpn_sftp_meter_break(job);
		error("local \"%s\" is not a regular file", n->from);
		return -1;
	}
	/* Some that are called regular have nothing to read for now. */
	if (fcntl(n->fd, F_SETFL, 0) == -1) {
		hpn_sftp_meter_break(job);
		error("open local \"%s\": %s", n->from, strerror(errno));
		return -1;
	}
	if (hpn_sftp_wish_opened(job, n, &sb) == -1)
		return -1;
	hpn_sftp_linked_opened(job, n, &sb);
	n->size = sb.st_size;
	n->mtime = sb.st_mtime;
	n->holes = hpn_sftp_wish_sparse() && n->size >= HPN_SFTP_TARGET_SMALL &&
	    (u_int64_t)sb.st_blocks < n->size / 512;
	if (n->parent == NULL && !n->redone)
		hpn_sftp_node_count(job, n, n->size);
	stat_to_attrib(&sb, &n->a);
	n->a.flags &= ~SSH2_FILEXFER_ATTR_SIZE;
	n->a.flags &= ~SSH2_FILEXFER_ATTR_UIDGID;
	n->a.perm &= 0777;
	if ((job->flags & HPN_SFTP_PRESERVE) == 0)
		n->a.flags &= ~SSH2_FILEXFER_ATTR_ACMODTIME;
	return 0;
}

static void
small_free(struct node *n)
{
	free(n->small);
	n->small = NULL;
}

static int
read_small(struct hpn_sftp_job *job, struct node *n)
{
	size_t max = MINIMUM(HPN_SFTP_TARGET_SMALL, *job->c->upload_buflen);
	ssize_t len;

	if (n->size >= max || (job->flags & HPN_SFTP_RESUME))
		return 0;
	/* One byte more than there should be, to see that it has not grown */
	n->small = xmalloc(n->size + 1);
	len = hpn_sftp_node_read_at(n->fd, n->small, n->size + 1, 0);
	if (len == -1) {
		hpn_sftp_meter_break(job);
		error("read local \"%s\": %s", n->from, strerror(errno));
		return -1;
	}
	if ((u_int64_t)len > n->size) {
		small_free(n);
		return 0;
	}
	n->small_len = len;
	/* What is compared, or finds no space, may have to be read again. */
	if (hpn_sftp_node_verifies(job) || hpn_sftp_wish_waits() != 0)
		return 0;
	close(n->fd);
	n->fd = -1;
	return 0;
}

/* The file is open. */
static void
begin_shares(struct hpn_sftp_job *job, struct node *n, u_int64_t from)
{
	if (n->small == NULL && !n->holes && hpn_sftp_wish_waits() == 0)
		hpn_sftp_stripe_begin(job, n);
	hpn_sftp_meter_file(job, n, n->from, n->size, from);
}

/* The data may begin, at n->next. */
static void
begin_data(struct hpn_sftp_job *job, struct node *n)
{
	n->state = NODE_DATA;
	if (job->flags & HPN_SFTP_RESUME)
		hpn_sftp_check_probe(job, n);
	if (n->check != NULL || hpn_sftp_node_verifies(job))
		hpn_sftp_check_verify_begin(job, n);
	if (n->guess == GUESS_NONE)
		begin_shares(job, n, n->next);
	hpn_sftp_node_list(n, &job->want);
	send_more(job, n);
}

/* What is there may have to be emptied: hpn_resume_empties() */
static int
empties(const struct hpn_sftp_job *job, const struct node *n)
{
	return (job->flags & HPN_SFTP_INPLACE) != 0 && !n->rewrite &&
	    !job->c->can_hash && n->size > HPN_RESUME_BACK;
}

/*
 * Whether setting the length of what is written over is to be avoided.  Some servers
 * fill a file with zeros then.  OpenSSH's does not.
 */
static int
spares_size(const struct hpn_sftp_job *job)
{
	return (job->flags & HPN_SFTP_INPLACE) != 0 && !job->c->predictable;
}

/* Whether its data need not wait to be told what is there. */
static int
may_be_ahead(const struct hpn_sftp_job *job, const struct node *n)
{
	if (hpn_sftp_wish_waits() != 0)
		return 0;
	return n->small != NULL || (n->size != 0 && !n->holes && !n->redone &&
	    !empties(job, n) && !hpn_sftp_wish_only_new(n));
}

static void
open_remote(struct hpn_sftp_job *job, struct node *n)
{
	u_int mode = SSH2_FXF_WRITE|SSH2_FXF_CREAT;
	Attrib a = n->a;

	if (hpn_sftp_again_wait(job, n))
		return;
	if ((job->flags & HPN_SFTP_RESUME) || hpn_sftp_node_verifies(job))
		mode |= SSH2_FXF_READ;
	if (job->flags & HPN_SFTP_RESUME) {
		/* What is interrupted must be open to the next attempt. */
		a.perm |= S_IRUSR|S_IWUSR;
		if (n->rewrite)
			mode |= SSH2_FXF_TRUNC;
		else if (n->readonly)
			mode = SSH2_FXF_READ;
		else if (n->writeonly)
			mode &= ~SSH2_FXF_READ;
	} else if ((job->flags & HPN_SFTP_INPLACE) == 0 || n->small != NULL ||
	    n->emptied)
		mode |= SSH2_FXF_TRUNC;
	/* It is cut when it is written, see hpn-sftp-spread.c. */
	if (n->lane != 0)
		mode &= ~SSH2_FXF_TRUNC;
	/* A device is not emptied by that; resume() has looked. */
	if ((mode & SSH2_FXF_TRUNC) && n->blank != UINT64_MAX)
		n->blank = 0;
	if ((mode & SSH2_FXF_CREAT) && hpn_sftp_wish_only_new(n))
		mode |= SSH2_FXF_EXCL;
	n->state = NODE_OPENING;
	job->files_open++;
	hpn_sftp_ask_open(job, n, n->to, mode, &a);
	if (may_be_ahead(job, n) && hpn_sftp_open_ahead(job, n))
		begin_data(job, n);
}

static void
begin_file(struct hpn_sftp_job *job, struct node *n)
{
	debug2("upload local \"%s\" to remote \"%s\"", n->from, n->to);
	if (hpn_sftp_target_look(job, n) || hpn_sftp_linked_begin(job, n))
		return;
	if ((job->flags & HPN_SFTP_RESUME) && !n->rewrite) {
		/* Counts as open from here: it will be with the answer. */
		n->state = NODE_STAT;
		job->files_open++;
		hpn_sftp_ask_path(job, n, ASK_STAT, SSH2_FXP_STAT, n->to);
		return;
	}
	if (open_local(job, n) == -1 || read_small(job, n) == -1) {
		hpn_sftp_node_fail(job, n);
		return;
	}
	hpn_sftp_node_plan(job, n);
	hpn_sftp_spread_begin(job, n);
	open_remote(job, n);
}

/* The attributes of what is there, which may be left as it is. */
static void
looked(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	struct hpn_wish_file source = { UINT64_MAX, UINT64_MAX, 1 };
	struct stat sb;

	if (stat(n->from, &sb) == 0) {
		source.size = sb.st_size;
		source.mtime = (u_int32_t)sb.st_mtime;
	}
	switch (hpn_sftp_target_looked(job, n, type, m, &source)) {
	case 0:
		begin_file(job, n);
		break;
	case 1:
		if (hpn_sftp_wish_equals(n))
			hpn_sftp_linked_there(job, n);
		hpn_sftp_node_end(job, n);
		break;
	}
}

/* The attributes of what is to be resumed. */
static void
resume(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	Attrib there;
	u_int status;

	job->files_open--;	/* open_remote() counts it again */
	status = hpn_sftp_answer_attrib(job, type, m, &there);
	if (status == SSH2_FX_NO_SUCH_FILE)
		attrib_clear(&there);
	else if (status != SSH2_FX_OK ||
	    (there.flags & SSH2_FILEXFER_ATTR_SIZE) == 0) {
		hpn_sftp_meter_break(job);
		error("stat remote \"%s\": %s", n->to, status == SSH2_FX_OK ?
		    "the server does not tell its size" : fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return;
	}
	if (open_local(job, n) == -1) {
		hpn_sftp_node_fail(job, n);
		return;
	}
	n->dest.size = there.size;
	if (status == SSH2_FX_NO_SUCH_FILE || (S_ISREG(there.perm) &&
	    (there.flags & SSH2_FILEXFER_ATTR_PERMISSIONS)))
		n->blank = there.size;
	if (there.flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		n->dest.mtime = there.mtime;
	hpn_sftp_node_plan(job, n);
	open_remote(job, n);
}

static void
close_remote(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_node_unlist(n);
	n->state = NODE_CLOSING;
	hpn_sftp_ask_handle(job, n, ASK_CLOSE, SSH2_FXP_CLOSE);
}

/* Opening it was refused: whether another way of opening it is to be tried. */
static int
denied(struct hpn_sftp_job *job, struct node *n, u_int status)
{
	if ((job->flags & HPN_SFTP_RESUME) == 0)
		return 0;
	if (status == SSH2_FX_PERMISSION_DENIED && n->denials < 2 &&
	    (n->denials == 0 || n->dest.size != 0 || n->size == 0)) {
		/* It may be whole, or be a drop box. */
		n->writeonly = (n->denials++ == 0) == (n->dest.size == 0);
		n->readonly = !n->writeonly;
		return 1;
	}
	/*
	 * A program that is running, or what is mounted read-only: the generic
	 * failure is what OpenSSH's server makes of ETXTBSY and EROFS.
	 */
	if (status == SSH2_FX_FAILURE && n->denials == 0 &&
	    n->dest.size == n->size) {
		n->denials = 2;
		n->readonly = 1;
		return 1;
	}
	return 0;
}

/* The data are compared through another handle: it is there, or is not. */
static void
compare(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	u_int status;

	if ((status = hpn_sftp_answer_handle(job, n, type, m)) == SSH2_FX_OK) {
		hpn_sftp_check_verify_end(job, n, n->next);
		return;
	}
	hpn_sftp_meter_break(job);
	error("dest open \"%s\": %s", n->to, fx2txt(status));
	n->failed = 1;
	job->files_open--;
	n->state = NODE_CLOSING;
	hpn_sftp_target_check(job, n);
}

static void
ask_unlock(struct hpn_sftp_job *job, struct node *n)
{
	Attrib a = n->a;

	n->unlocked = 1;
	a.flags = SSH2_FILEXFER_ATTR_PERMISSIONS;
	a.perm |= S_IWUSR;
	hpn_sftp_ask_path_attrib(job, n, ASK_CHMOD, SSH2_FXP_SETSTAT, n->to,
	    &a);
}

/* What was made the first time may not be writable. */
static int
unlock(struct hpn_sftp_job *job, struct node *n, u_int status)
{
	if (!n->redone || n->unlocked || (n->a.perm & S_IWUSR) != 0 ||
	    status != SSH2_FX_PERMISSION_DENIED)
		return 0;
	if (job->flags & HPN_SFTP_PRESERVE) {
		ask_unlock(job, n);
		return 1;
	}
	/* The server's umask may have left less than our mode. */
	n->unlocked = -1;
	hpn_sftp_ask_path(job, n, ASK_STAT, SSH2_FXP_STAT, n->to);
	return 1;
}

/* This is what is locked, and what its mode is to be again. */
static void
locked(struct hpn_sftp_job *job, struct node *n, u_char type, struct sshbuf *m)
{
	Attrib there;

	n->unlocked = 1;
	if (hpn_sftp_answer_attrib(job, type, m, &there) != SSH2_FX_OK ||
	    (there.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0) {
		open_remote(job, n);
		return;
	}
	n->a.perm = there.perm & 0777;
	ask_unlock(job, n);
}

static void
opened(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	struct hpn_resume_file source;
	u_int status;
	int r;

	if (n->second != 0) {
		compare(job, n, type, m);
		return;
	}
	if ((r = hpn_sftp_open_ahead_answer(job, n, type, m)) == 1) {
		begin_shares(job, n, 0);
		if (n->state != NODE_DATA)
			small_free(n);
		else {
			if (n->on == NULL)
				hpn_sftp_node_list(n, &job->want);
			send_more(job, n);
		}
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
		if (n->denials == 0)
			n->denied = status;
		if (unlock(job, n, status))
			return;
		if (denied(job, n, status)) {
			open_remote(job, n);
			return;
		}
		/* One that is not there cannot be opened to be read. */
		if (n->denials != 0 && (status == SSH2_FX_NO_SUCH_FILE ||
		    status == SSH2_FX_FAILURE))
			status = n->denied;
		error("dest open \"%s\": %s", n->to, fx2txt(status));
		hpn_sftp_node_fail(job, n);
		return;
	}
	if ((job->flags & HPN_SFTP_RESUME) == 0 || n->rewrite) {
		if (empties(job, n) || (n->holes && !n->rewrite))
			hpn_sftp_ask_handle(job, n, ASK_FSTAT, SSH2_FXP_FSTAT);
		else if (!hpn_sftp_spread_opened(job, n)) {
			/* The answer is there before the length would be set. */
			if (spares_size(job) && n->small == NULL && n->lane == 0)
				hpn_sftp_ask_handle(job, n, ASK_FSTAT,
				    SSH2_FXP_FSTAT);
			begin_data(job, n);
		}
		return;
	}
	source.size = n->size;
	source.mtime = n->mtime;
	hpn_sftp_check_begin(job, n, &source, &n->dest);
}

/* The attributes of what will be written over. */
static void
found_there(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	struct hpn_resume_file source = { n->size, n->mtime }, dest;
	int waits = n->state == NODE_OPENING;
	Attrib a;

	if (hpn_sftp_answer_attrib(job, type, m, &a) == SSH2_FX_OK &&
	    (a.flags & SSH2_FILEXFER_ATTR_SIZE) &&
	    (a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) &&
	    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) && S_ISREG(a.perm)) {
		dest.size = a.size;
		dest.mtime = a.mtime;
		n->blank = a.size;
		if (waits && empties(job, n) && hpn_resume_empties(&source, &dest))
			hpn_sftp_ask_truncate(job, n, ASK_EMPTY, 0);
	}
	if (waits)
		begin_data(job, n);
	else
		hpn_sftp_target_check(job, n);
}

static void
checked(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_resume *r)
{
	int whole = r->step == HPN_RESUME_WHOLE && r->there != 0;

	if (!n->failed && n->readonly && r->step != HPN_RESUME_WHOLE) {
		hpn_sftp_meter_break(job);
		error("dest open \"%s\": %s", n->to,
		    fx2txt(n->denied));
		n->failed = n->untouched = 1;
	}
	if (n->failed) {
		close_remote(job, n);
		return;
	}
	n->next = n->high = n->begun;
	hpn_sftp_node_plan(job, n);
	if (!whole) {
		/* Keep the trusted part until better data replace it. */
		if (r->by == HPN_RESUME_BY_SIZE)
			n->least = r->there;
		else if (n->begun < r->there)
			hpn_sftp_ask_truncate(job, n, ASK_TRUNCATE, n->begun);
		begin_data(job, n);
		return;
	}
	hpn_sftp_check_free(n);
	close(n->fd);
	n->fd = -1;
	hpn_sftp_target_tail(job, n);
	send_more(job, n);
}

/* Is it still the file whose data were sent? */
static void
check_source(struct hpn_sftp_job *job, struct node *n)
{
	struct stat sb;

	if (fstat(n->fd, &sb) == 0 && hpn_sftp_wish_grew(sb.st_size, n->next))
		return;
	if (fstat(n->fd, &sb) == -1 || (u_int64_t)sb.st_size != n->size ||
	    ((u_int32_t)sb.st_mtime != n->mtime &&
	    !hpn_sftp_check_unchanged(n)))
		hpn_sftp_check_changed(job, n);
}

static void
verified(struct hpn_sftp_job *job, struct node *n)
{
	if (n->fd != -1) {
		if (hpn_sftp_wish_waits() == 0 || n->check != NULL ||
		    (job->flags & HPN_SFTP_RESUME))
			check_source(job, n);
		close(n->fd);
		n->fd = -1;
	}
	if (interrupted && hpn_sftp_node_verifies(job))
		n->cut = 1;
	if (n->second != 0)
		close_remote(job, n);
	else
		hpn_sftp_target_tail(job, n);
	if (n->check != NULL)
		hpn_sftp_check_free(n);
}

static void
drained(struct hpn_sftp_job *job, struct node *n)
{
	/* What another lane's server may yet write comes before the times. */
	if (n->stripe != NULL && hpn_sftp_stripe_close(job, n))
		return;
	if (hpn_sftp_node_second(job, n))
		hpn_sftp_target_tail(job, n);
	else
		hpn_sftp_check_verify_end(job, n, n->next);
}

/*
 * Passed over as a hole: what is compared is read all the same, so that a file
 * system that was wrong about it is found out.
 */
static int
passed(struct hpn_sftp_job *job, struct node *n, u_int64_t to, size_t max)
{
	size_t some;
	ssize_t len;

	n->skipped = 1;
	n->moved += to - n->next;
	job->done_bytes += to - n->next;
	for (; n->check != NULL && n->next < to && !interrupted;
	    n->next += len) {
		some = MINIMUM(max, to - n->next);
		if ((len = hpn_sftp_node_read_at(n->fd, job->buf, some,
		    n->next)) <= 0)
			return -1;
		hpn_sftp_check_verify_sent(n, job->buf, len);
		refresh_progress_meter(0);
	}
	if (n->check == NULL)
		n->next = to;
	hpn_sftp_node_plan(job, n);
	return 0;
}

/*
 * A hole of the source is not sent where the destination has nothing yet.  How much
 * may be read at n->next then, at most max.
 */
static size_t
pass_hole(struct hpn_sftp_job *job, struct node *n, size_t max)
{
	struct stat st;
	off_t data, end;

	if (!n->holes || n->next < n->blank)
		return max;
	if (n->next >= n->data_end && n->next < n->size) {
		/* It may have become shorter, or longer. */
		if ((data = lseek(n->fd, n->next, SEEK_DATA)) == -1 &&
		    errno == ENXIO && fstat(n->fd, &st) == 0)
			data = st.st_size;
		if (data < 0 || (u_int64_t)data < n->next) {
			n->holes = 0;
			return max;
		}
		if ((u_int64_t)data > n->size)
			data = n->size;
		/* What is compared has to have its length before. */
		if ((u_int64_t)data == n->size && n->check != NULL) {
			if (job->c->disorder) {
				n->holes = 0;
				return max;
			}
			hpn_sftp_ask_truncate(job, n, ASK_TRUNCATE, n->size);
		}
		if ((u_int64_t)data > n->next &&
		    passed(job, n, data, max) == -1) {
			n->holes = 0;
			return max;
		}
		end = lseek(n->fd, n->next, SEEK_HOLE);
		n->data_end = end < 0 ? n->size : (u_int64_t)end;
	}
	if (n->data_end > n->next && n->data_end - n->next < max)
		return n->data_end - n->next;
	return max;
}

/* As much data as may be sent; what follows them when there is no more. */
static void
send_data(struct hpn_sftp_job *job, struct node *n)
{
	size_t max = *job->c->upload_buflen, most, some;
	ssize_t len = -1;
	int lane;

	if (n->small != NULL) {
		if (n->small_len != 0) {
			if (!hpn_sftp_ask_may(job, n->small_len) ||
			    !hpn_sftp_spread_may_move(job, n) ||
			    !hpn_sftp_ask_lane_may(job, n->lane, n->small_len, 1))
				return;
			hpn_sftp_ask_write(job, n, NULL, 0, n->small,
			    n->small_len);
			if (n->check != NULL)
				hpn_sftp_check_verify_sent(n, n->small,
				    n->small_len);
			n->next = n->small_len;
			hpn_sftp_node_plan(job, n);
		}
		/* It may have to be sent again, if the handle is another. */
		if (n->guess == GUESS_NONE)
			small_free(n);
		if (n->check == NULL && !job->c->disorder &&
		    hpn_sftp_wish_waits() == 0) {
			hpn_sftp_target_tail(job, n);
			return;
		}
		n->state = NODE_DRAIN;
		hpn_sftp_node_unlist(n);
		if (TAILQ_EMPTY(&n->data))
			drained(job, n);
		return;
	}
	/* A server that keeps no order could cut what follows. */
	if (n->truncating != 0 && job->c->disorder)
		return;
	(void)hpn_sftp_node_room(job, max);
	hpn_sftp_stripe_more(job, n);
	while (!n->failed && !interrupted) {
		most = hpn_sftp_stripe_len(job, n, max);
		if (!hpn_sftp_stripe_may(job, n, most) ||
		    !hpn_sftp_target_may_lead(job, n, most) ||
		    (lane = hpn_sftp_stripe_pick(job, n, most)) == -1)
			return;
		if (n->guess != GUESS_NONE && n->next + most > AHEAD_BYTES) {
			hpn_sftp_node_unlist(n);
			return;
		}
		some = pass_hole(job, n, most);
		if ((len = hpn_sftp_node_read_at(n->fd, job->buf, some,
		    n->next)) <= 0 && n->guess != GUESS_NONE) {
			/* It may have to be read again: that says it */
			hpn_sftp_node_unlist(n);
			return;
		}
		if (len == -1) {
			hpn_sftp_meter_break(job);
			error("read local \"%s\": %s", n->from,
			    strerror(errno));
			n->failed = 1;
			break;
		}
		if (len == 0) {
			if (hpn_sftp_stripe_last(job, n) == -1)
				return;
			break;
		}
		/* Shorter than it was: this is its end. */
		if ((size_t)len < some &&
		    (lane = hpn_sftp_stripe_last(job, n)) == -1)
			return;
		hpn_sftp_ask_write(job, n, lane == 0 ? NULL :
		    hpn_sftp_stripe_where(n, lane), n->next, job->buf, len);
		if (n->check != NULL)
			hpn_sftp_check_verify_sent(n, job->buf, len);
		n->next += len;
		hpn_sftp_node_plan(job, n);
	}
	n->eof = 1;
	if (interrupted && len != 0 && n->next < n->size)
		n->cut = 1;
	/* What is compared, or finds no space, may have to be read again. */
	if (n->check == NULL && hpn_sftp_wish_waits() == 0) {
		if (job->flags & HPN_SFTP_RESUME)
			check_source(job, n);
		if (close(n->fd) == -1) {
			error("close local \"%s\": %s", n->from,
			    strerror(errno));
			n->failed = 1;
		}
		n->fd = -1;
	}
	n->state = NODE_DRAIN;
	hpn_sftp_node_unlist(n);
	if (TAILQ_EMPTY(&n->data))
		drained(job, n);
}

/* Whether what was there is not longer than all that was written. */
static int
covers(const struct hpn_sftp_job *job, const struct node *n)
{
	return n->blank <= n->next && hpn_sftp_node_whole(n) == n->next &&
	    !n->skipped && !n->failed && !n->cut && !interrupted &&
	    !n->redone && !job->c->shares;
}

/* Whether the length is to be set once the data are there. */
static int
sets_size(const struct hpn_sftp_job *job, const struct node *n)
{
	/* What was there is not given up for nothing. */
	if (n->cut && n->next == 0 && n->begun == 0)
		return 0;
	/* Another lane does not truncate as it opens. */
	if (n->lane != 0)
		return 1;
	/* eof: not a small file, which was truncated as it was opened */
	if (!n->eof || n->readonly)
		return 0;
	if (spares_size(job) && covers(job, n))
		return 0;
	return (job->flags & HPN_SFTP_INPLACE) != 0 ||
	    n->skipped ||
	    (((job->flags & HPN_SFTP_RESUME) || hpn_sftp_stripe_was(n)) &&
	    (n->failed || interrupted));
}

static void
send_more(struct hpn_sftp_job *job, struct node *n)
{
	if (hpn_sftp_stripe_again(job, n))
		return;
	if (n->state == NODE_DATA)
		send_data(job, n);
	hpn_sftp_target_send(job, n);
}

static void
written(struct hpn_sftp_job *job, struct node *n, struct request *req,
    u_int status)
{
	if (status != SSH2_FX_OK && hpn_sftp_full_kept(job, n, req, status))
		return;
	TAILQ_REMOVE(&n->data, req, list);
	if (status == SSH2_FX_OK) {
		hpn_sftp_full_wrote(job, req);
		hpn_sftp_node_moved(job, n, req->len);
		hpn_sftp_stripe_wrote(job, n, req);
	} else {
		hpn_sftp_node_bad(job, n, req->offset, "write remote", n->to,
		    status);
		hpn_sftp_full_lacked(n, status);
	}
	if (n->state == NODE_DRAIN && TAILQ_EMPTY(&n->data))
		drained(job, n);
	else if (n->check != NULL)
		hpn_sftp_check_verify_more(job, n);
}

/* It is to be begun again. */
static void
undo(struct hpn_sftp_job *job, struct node *n)
{
	(void)hpn_sftp_stripe_close(job, n);
	hpn_sftp_full_forget(job, n);
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
}

static void
forget(struct hpn_sftp_job *job, struct node *n)
{
	if (n->check != NULL)
		hpn_sftp_check_free(n);
	if (n->stripe != NULL)
		hpn_sftp_stripe_free(job, n);
	hpn_sftp_spread_forget(job, n);
	hpn_sftp_full_forget(job, n);
}

static void
failed(const struct node *n)
{
	error("upload \"%s\" to \"%s\" failed", n->from, n->to);
}

static int
may_begin(const struct hpn_sftp_job *job)
{
	if (job->full_step != 0)
		return 0;
	/* A file that waits to be compared existed, or tells where to go on. */
	if ((job->flags & HPN_SFTP_RESUME) || hpn_sftp_node_verifies(job))
		return hpn_sftp_window_may_open(&job->window, job->files_open,
		    job->planned);
	/* With several connections, hpn_sftp_spread_may() says what each may have. */
	if (!hpn_sftp_spread_alone(job))
		return hpn_sftp_window_may_open(&job->window, job->files_open,
		    job->planned + job->asked_bytes);
	return hpn_sftp_window_may_create(&job->window, job->files_open,
	    job->planned + job->asked_bytes);
}

/* ---------------------------------------------------------- directories -- */

static void
dir_make(struct hpn_sftp_job *job, struct node *n)
{
	hpn_sftp_target_dir_make(job, n);
	/* Names can be gathered meanwhile. */
	n->state = NODE_DATA;
	hpn_sftp_node_list_first(n, &job->walking);
}

static void
begin_dir(struct hpn_sftp_job *job, struct node *n)
{
	struct stat sb;

	debug2("upload local dir \"%s\" to remote \"%s\"", n->from, n->to);
	if (n->depth >= MAX_DIR_DEPTH) {
		error("Maximum directory depth exceeded: %d levels", n->depth);
		hpn_sftp_node_fail(job, n);
		return;
	}
	if (stat(n->from, &sb) == -1) {
		error("stat local \"%s\": %s", n->from, strerror(errno));
		hpn_sftp_node_fail(job, n);
		return;
	}
	if (!S_ISDIR(sb.st_mode)) {
		error("\"%s\" is not a directory", n->from);
		hpn_sftp_node_fail(job, n);
		return;
	}
	if (job->flags & HPN_SFTP_LIST)
		mprintf("Entering %s\n", n->from);
	stat_to_attrib(&sb, &n->a);
	n->a.flags &= ~SSH2_FILEXFER_ATTR_SIZE;
	n->a.flags &= ~SSH2_FILEXFER_ATTR_UIDGID;
	n->a.perm &= 01777;
	if ((job->flags & HPN_SFTP_PRESERVE) == 0)
		n->a.flags &= ~SSH2_FILEXFER_ATTR_ACMODTIME;
	if (hpn_sftp_wish_dry()) {
		n->state = NODE_DATA;
		hpn_sftp_node_list_first(n, &job->walking);
		hpn_sftp_node_dir_ready(job, n);
	} else if (n->parent == NULL)
		hpn_sftp_ask_path(job, n, ASK_REALPATH, SSH2_FXP_REALPATH,
		    n->to);
	else
		dir_make(job, n);
}

/* part: what the list has of it, or NULL. */
static void
walk_name(struct hpn_sftp_job *job, struct node *n, const char *name,
    const struct hpn_names_part *part)
{
	struct node *child;
	struct stat sb;
	char *from = sftp_path_append(n->from, name);
	char *to = sftp_path_append(n->to, name);

	if (lstat(from, &sb) == -1) {
		logit("local lstat \"%s\": %s", name, strerror(errno));
		n->lacks = 1;
		hpn_sftp_wish_lost(n, name, part);
		goto out;
	}
	if (S_ISLNK(sb.st_mode)) {
		if ((job->flags & HPN_SFTP_FOLLOW) == 0 && part == NULL) {
			logit("%s: not a regular file", name);
			hpn_sftp_wish_passed(n, name);
			goto out;
		}
		if (stat(from, &sb) == -1) {
			logit("local stat \"%s\": %s", name, strerror(errno));
			n->lacks = 1;
			hpn_sftp_wish_lost(n, name, part);
			goto out;
		}
	}
	if (!hpn_sftp_wish_takes(n, name, S_ISDIR(sb.st_mode)))
		goto out;
	if (S_ISDIR(sb.st_mode) || S_ISREG(sb.st_mode)) {
		child = hpn_sftp_node_new(job, n, from, to,
		    S_ISDIR(sb.st_mode) != 0, NULL);
		if (!child->tree)
			hpn_sftp_node_count(job, child, sb.st_size);
		if (part == NULL)
			goto out;
		hpn_sftp_wish_part(child, part);
		if (hpn_sftp_wish_kind(child, child->tree) == -1)
			hpn_sftp_node_fail(job, child);
	} else {
		logit("%s: not a regular file", name);
		hpn_sftp_wish_passed(n, name);
	}
 out:
	free(from);
	free(to);
}

static void
walk_some(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_names_part part;
	struct dirent *dp;
	char *name;
	u_int i;

	for (i = 0; n->named && i < WALK; i++) {
		if (!hpn_sftp_wish_next(n, &part, &name)) {
			hpn_sftp_node_dir_listed(job, n);
			return;
		}
		walk_name(job, n, name, &part);
		free(name);
	}
	if (n->named)
		return;
	if (n->dirp == NULL && (n->dirp = opendir(n->from)) == NULL) {
		hpn_sftp_meter_break(job);
		error("local opendir \"%s\": %s", n->from, strerror(errno));
		n->failed = 1;
		hpn_sftp_node_dir_listed(job, n);
		return;
	}
	for (i = 0; i < WALK; i++) {
		if ((dp = readdir(n->dirp)) == NULL) {
			closedir(n->dirp);
			n->dirp = NULL;
			hpn_sftp_node_dir_listed(job, n);
			return;
		}
		if (dp->d_ino != 0 && strcmp(dp->d_name, ".") != 0 &&
		    strcmp(dp->d_name, "..") != 0)
			walk_name(job, n, dp->d_name, NULL);
	}
}

/* What is below comes first, or directories would only pile up. */
static int
names_at_hand(const struct hpn_sftp_job *job)
{
	const struct node *n = TAILQ_FIRST(&job->walking);

	return n != NULL && TAILQ_EMPTY(&job->dirs) &&
	    hpn_sftp_node_may_name(job, n);
}

static void
walk(struct hpn_sftp_job *job)
{
	if (names_at_hand(job))
		walk_some(job, TAILQ_FIRST(&job->walking));
}

static int
may_begin_dir(const struct hpn_sftp_job *job)
{
	return job->full_step == 0;
}

/* -------------------------------------------------------------- answers -- */

static void
begin(struct hpn_sftp_job *job, struct node *n)
{
	if (n->tree)
		begin_dir(job, n);
	else
		begin_file(job, n);
}

static void
answer(struct hpn_sftp_job *job, struct request *req, u_char type,
    struct sshbuf *m)
{
	struct node *n = req->node;
	u_int status;
	char *path;

	if (hpn_sftp_target_answer(job, req, type, m))
		return;
	switch (req->ask) {
	case ASK_REALPATH:
		if ((path = hpn_sftp_answer_path(job, type, m, &status)) ==
		    NULL) {
			error("upload \"%s\": path canonicalization failed: "
			    "%s", n->to, fx2txt(status));
			hpn_sftp_node_fail(job, n);
			return;
		}
		n->key = n->to;
		n->to = path;
		dir_make(job, n);
		return;
	case ASK_STAT:
		if (n->unlocked == -1)
			locked(job, n, type, m);
		else if (hpn_sftp_wish_looks(n))
			looked(job, n, type, m);
		else
			resume(job, n, type, m);
		return;
	case ASK_OPEN:
		opened(job, n, type, m);
		return;
	case ASK_WRITE:
		written(job, n, req, hpn_sftp_answer_status(job, type, m));
		break;
	case ASK_CHMOD:
		(void)hpn_sftp_answer_status(job, type, m);
		open_remote(job, n);
		return;
	case ASK_FSTAT:
		found_there(job, n, type, m);
		return;
	case ASK_EMPTY:
		(void)hpn_sftp_answer_status(job, type, m);
		break;
	case ASK_CLOSE:
		if (hpn_sftp_answer_done(job, "close remote", n->to, type,
		    m) == -1)
			n->failed = 1;
		if (n->fd != -1 && hpn_sftp_node_second(job, n)) {
			n->second = 2;
			n->state = NODE_OPENING;
			hpn_sftp_ask_open(job, n, n->to, SSH2_FXF_READ, NULL);
			return;
		}
		job->files_open--;
		hpn_sftp_window_closed(&job->window);
		break;
	default:
		fatal_f("answer to %d", req->ask);
	}
	hpn_sftp_target_check(job, n);
}

const struct hpn_sftp_way hpn_sftp_put = {
	.up = 1,
	.begin = begin,
	.open = open_remote,
	.send = send_more,
	.answer = answer,
	.checked = checked,
	.verified = verified,
	.check_end = hpn_sftp_target_check,
	.opened = begin_data,
	.drained = drained,
	.undo = undo,
	.ended = hpn_sftp_linked_ended,
	.forget = forget,
	.failed = failed,
	.may_begin = may_begin,
	.may_begin_dir = may_begin_dir,
	.names_at_hand = names_at_hand,
	.walk = walk,
	.dir_done = hpn_sftp_target_dir_done,
	.sets_size = sets_size,
	.close = close_remote,
	.dir_made = hpn_sftp_node_dir_ready,
};
