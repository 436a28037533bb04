/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-save: the local file of a download, and how data get into it.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-resume.h"
#include "hpn-sftp-check.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-full.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-save.h"
#include "hpn-sftp-wish.h"

/* Holes are looked for in blocks of this many bytes. */
#define BLOCK	4096

/* Only a file: another user's FIFO would have us wait for ever. */
static int
open_regular(const char *path, int flags, mode_t mode)
{
	struct stat st;
	int fd;

	if ((fd = open(path, flags|O_NONBLOCK|O_NOCTTY, mode)) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -1;
}

/* What is not to be read and written: it may be whole, or be a drop box. */
static void
open_partly(struct node *n, mode_t mode)
{
	int saved = errno;

	if (saved != EACCES && saved != EPERM && saved != EROFS &&
	    saved != ETXTBSY)
		return;
	if ((n->fd = open_regular(n->to, O_RDONLY, 0)) != -1)
		n->readonly = 1;
	else if ((n->fd = open_regular(n->to, O_WRONLY|O_CREAT, mode)) != -1)
		n->writeonly = 1;
	errno = saved;
}

/* What is there, and is to be written over, may have to be emptied. */
static void
empty(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_resume_file source, dest;
	struct stat st;

	if ((n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) == 0 ||
	    job->c->can_hash || fstat(n->fd, &st) == -1 ||
	    !S_ISREG(st.st_mode))
		return;
	source.size = n->size;
	source.mtime = n->a.mtime;
	dest.size = st.st_size;
	dest.mtime = (u_int32_t)st.st_mtime;
	/* If it cannot be, it is cut at the end, as ever. */
	if (hpn_resume_empties(&source, &dest) && ftruncate(n->fd, 0) == -1)
		debug("truncate \"%s\": %s", n->to, strerror(errno));
}

int
hpn_sftp_save_open(struct hpn_sftp_job *job, struct node *n)
{
	int flags = O_WRONLY|O_CREAT;
	mode_t mode = n->mode | S_IWUSR;
	struct stat st;

	if ((job->flags & HPN_SFTP_RESUME) || hpn_sftp_node_verifies(job))
		flags = O_RDWR|O_CREAT;
	if (job->flags & HPN_SFTP_RESUME)
		mode |= S_IRUSR;
	else if ((job->flags & HPN_SFTP_INPLACE) == 0)
		flags |= O_TRUNC;
	if (hpn_sftp_wish_only_new(n))
		flags |= O_EXCL;
	if (job->flags & HPN_RESUME_OURS)
		flags &= ~O_CREAT;
	n->opened = 1;
	while ((n->fd = open(n->to, flags, mode)) == -1 &&
	    hpn_sftp_full_wait(job, n->to))
		;
	if (n->fd == -1 && (job->flags & HPN_SFTP_RESUME) &&
	    (flags & (O_CREAT|O_EXCL)) == O_CREAT) {
		open_partly(n, mode);
		n->denied = errno;
	}
	if (n->fd == -1) {
		if (errno == ENOSPC || errno == EDQUOT)
			hpn_sftp_wish_unwritten(1, n->size);
		hpn_sftp_meter_break(job);
		error("open local \"%s\": %s", n->to, strerror(errno));
		n->failed = 1;
		return -1;
	}
	if (hpn_sftp_wish_made(job, n) == -1) {
		n->failed = 1;
		return -1;
	}
	if ((job->flags & (HPN_SFTP_RESUME|HPN_SFTP_INPLACE)) ==
	    HPN_SFTP_INPLACE)
		empty(job, n);
	if (hpn_sftp_wish_sparse() && fstat(n->fd, &st) == 0 &&
	    S_ISREG(st.st_mode))
		n->blank = st.st_size;
	/* A device does not keep what it is given. */
	if ((n->check != NULL || (job->flags & HPN_SFTP_RESUME)) &&
	    fstat(n->fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		hpn_sftp_check_free(n);
		if (job->flags & HPN_RESUME_VERIFY) {
			hpn_sftp_meter_break(job);
			error("\"%s\" is not a regular file: what is copied "
			    "there cannot be compared", n->to);
			n->failed = 1;
			return -1;
		}
	}
	return 0;
}

/* This end of the file is not ours to cut. */
void
hpn_sftp_save_leave(struct node *n)
{
	n->failed = n->untouched = 1;
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
}

static int
write_at(int fd, const u_char *p, size_t len, u_int64_t offset)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, (off_t)offset);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
		offset += n;
	}
	return 0;
}

static int
all_zero(const u_char *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/*
 * As write_at(), but blocks of zeros are left out where nothing was, and the file
 * is as long as if they had been written.
 */
static int
write_sparse(struct node *n, const u_char *p, size_t len, u_int64_t offset)
{
	u_int64_t end = offset + len;
	size_t part, data = 0;

	while (len > 0) {
		part = MINIMUM(len - data, BLOCK - (offset + data) % BLOCK);
		if (part != 0 && !all_zero(p + data, part)) {
			data += part;
			continue;
		}
		if (data != 0 && write_at(n->fd, p, data, offset) == -1)
			return -1;
		p += data + part;
		offset += data + part;
		len -= data + part;
		data = 0;
		if (len == 0 && part != 0 && end > n->high)
			return ftruncate(n->fd, end);
	}
	return 0;
}

/* Data beyond the end of the source leave a hole. */
static void
check_hole(struct hpn_sftp_job *job, struct node *n, u_int64_t high)
{
	if (high <= n->end)
		return;
	/* Of one that grows, these come again. */
	if (!hpn_sftp_wish_grew(high, n->end))
		hpn_sftp_check_changed(job, n);
	else if (n->high > n->end) {
		if (n->fd != -1 && ftruncate(n->fd, (off_t)n->end) == -1)
			hpn_sftp_check_changed(job, n);
		n->high = n->end;
	}
	if (n->end < n->bad)
		n->bad = n->end;
}

void
hpn_sftp_save_end(struct hpn_sftp_job *job, struct node *n, u_int64_t end)
{
	if (end < n->end)
		n->end = end;
	check_hole(job, n, n->high);
}

static void
write_data(struct hpn_sftp_job *job, struct node *n, u_int64_t offset,
    const u_char *data, size_t len)
{
	int r;

	check_hole(job, n, offset + len);
	if (n->failed || offset >= n->bad) {
		/* What is not kept is a hole if more was before it failed */
		if (offset < n->bad)
			n->bad = offset;
		return;
	}
	if (!n->opened && hpn_sftp_save_open(job, n) == -1)
		return;
	n->modified = 1;
	while ((r = offset >= n->blank ? write_sparse(n, data, len, offset) :
	    write_at(n->fd, data, len, offset)) == -1 &&
	    hpn_sftp_full_wait(job, n->to))
		;
	if (r == -1) {
		if (errno == ENOSPC || errno == EDQUOT)
			hpn_sftp_wish_unwritten(1, n->size);
		hpn_sftp_meter_break(job);
		error("write local \"%s\": %s", n->to, strerror(errno));
		n->failed = 1;
		if (offset < n->bad)
			n->bad = offset;
		return;
	}
	hpn_sftp_full_worked(job);
	if (n->high < offset + len)
		n->high = offset + len;
	hpn_sftp_node_moved(job, n, len);
}

/* Memory that a request takes up for what it holds. */
static u_int64_t
held_cost(const struct request *req)
{
	return sizeof(*req) + req->held_room;
}

/*
 * A file that can be resumed, or comes over several connections, has no holes at
 * any time, whatever ends the program.  Data that come early wait for the data
 * before them.  They wait in one buffer for each request, however small the answers
 * are.
 */
static void
hold(struct hpn_sftp_job *job, struct request *req, const u_char *data,
    size_t len)
{
	if (req->held == NULL) {
		req->held = xmalloc(req->len);
		req->held_len = 0;
		req->held_room = req->len;
		job->held_bytes += held_cost(req);
	}
	memcpy(req->held + req->held_len, data, len);
	req->held_len += len;
}

static void
unhold(struct hpn_sftp_job *job, struct request *req)
{
	if (req->held == NULL)
		return;
	job->held_bytes -= held_cost(req);
	free(req->held);
	req->held = NULL;
}

void
hpn_sftp_save_data(struct hpn_sftp_job *job, struct node *n,
    struct request *req, const u_char *data, size_t len)
{
	if (((job->flags & HPN_SFTP_RESUME) || n->gather != NULL) &&
	    !n->failed && TAILQ_FIRST(&n->data) != req)
		hold(job, req, data, len);
	else
		write_data(job, n, req->offset, data, len);
	req->offset += len;
	req->len -= len;
}

void
hpn_sftp_save_answered(struct node *n, struct request *req)
{
	if (req->held != NULL)
		req->kept = 1;
	else
		TAILQ_REMOVE(&n->data, req, list);
}

void
hpn_sftp_save_release(struct hpn_sftp_job *job, struct node *n)
{
	struct request *req;

	while ((req = TAILQ_FIRST(&n->data)) != NULL) {
		if (req->held != NULL) {
			write_data(job, n, req->offset - req->held_len,
			    req->held, req->held_len);
			unhold(job, req);
		}
		if (!req->kept)
			break;
		TAILQ_REMOVE(&n->data, req, list);
		free(req);
	}
}

void
hpn_sftp_save_drop(struct hpn_sftp_job *job, struct node *n)
{
	struct request *req, *next;

	TAILQ_FOREACH_SAFE(req, &n->data, list, next) {
		unhold(job, req);
		if (req->kept) {
			TAILQ_REMOVE(&n->data, req, list);
			free(req);
		}
	}
}
