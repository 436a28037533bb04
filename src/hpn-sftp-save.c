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
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-sftp-job.h"
#include "hpn-sftp-node.h"

/* Data that came before what precedes them. */
struct held {
	TAILQ_ENTRY(held) list;
	u_int64_t offset;
	size_t len;
	u_char data[];
};

int
save_open(struct hpn_sftp_job *job, struct node *n)
{
	int flags = O_WRONLY|O_CREAT;
	mode_t mode = n->mode | S_IWUSR;
	struct stat st;

	if ((job->flags & HPN_SFTP_RESUME) || verifies(job))
		flags = O_RDWR|O_CREAT;
	if (job->flags & HPN_SFTP_RESUME)
		mode |= S_IRUSR;
	else if ((job->flags & HPN_SFTP_INPLACE) == 0)
		flags |= O_TRUNC;
	n->opened = 1;
	n->fd = open(n->to, flags, mode);
	if (n->fd == -1 && errno == EACCES && (job->flags & HPN_SFTP_RESUME)) {
		/* It may be whole. */
		n->readonly = 1;
		if ((n->fd = open(n->to, O_RDONLY)) == -1)
			errno = EACCES;
	}
	if (n->fd == -1) {
		job_meter_break(job);
		error("open local \"%s\": %s", n->to, strerror(errno));
		n->failed = 1;
		return -1;
	}
	/* A device does not keep what it is given. */
	if (n->check != NULL && fstat(n->fd, &st) == 0 && !S_ISREG(st.st_mode))
		check_free(n);
	return 0;
}

/* This end of the file is not ours to cut. */
void
save_leave(struct node *n)
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

/* Data beyond the end of the source leave a hole. */
static void
check_hole(struct hpn_sftp_job *job, struct node *n, u_int64_t high)
{
	if (high <= n->end)
		return;
	check_changed(job, n);
	if (n->end < n->bad)
		n->bad = n->end;
}

void
save_end(struct hpn_sftp_job *job, struct node *n, u_int64_t end)
{
	if (end < n->end)
		n->end = end;
	check_hole(job, n, n->high);
}

static void
write_data(struct hpn_sftp_job *job, struct node *n, u_int64_t offset,
    const u_char *data, size_t len)
{
	check_hole(job, n, offset + len);
	if (n->failed) {
		/* What is not kept is a hole if more was before it failed */
		if (offset < n->bad)
			n->bad = offset;
		return;
	}
	if (!n->opened && save_open(job, n) == -1)
		return;
	n->modified = 1;
	if (write_at(n->fd, data, len, offset) == -1) {
		job_meter_break(job);
		error("write local \"%s\": %s", n->to, strerror(errno));
		n->failed = 1;
		if (offset < n->bad)
			n->bad = offset;
		return;
	}
	if (n->high < offset + len)
		n->high = offset + len;
	file_moved(job, n, len);
}

/*
 * A file that is to be resumed has no holes at any time, whatever ends us:
 * what comes early waits for what precedes it.
 */
static void
hold(struct node *n, u_int64_t offset, const u_char *data, size_t len)
{
	struct held *h = xmalloc(sizeof(*h) + len), *before;

	h->offset = offset;
	h->len = len;
	memcpy(h->data, data, len);
	n->held_bytes += len;
	TAILQ_FOREACH_REVERSE(before, &n->held, helds, list)
		if (before->offset < offset)
			break;
	if (before == NULL)
		TAILQ_INSERT_HEAD(&n->held, h, list);
	else
		TAILQ_INSERT_AFTER(&n->held, before, h, list);
}

void
save_release(struct hpn_sftp_job *job, struct node *n)
{
	struct held *h;

	while ((h = TAILQ_FIRST(&n->held)) != NULL &&
	    h->offset < file_whole(n)) {
		TAILQ_REMOVE(&n->held, h, list);
		n->held_bytes -= h->len;
		write_data(job, n, h->offset, h->data, h->len);
		free(h);
	}
}

void
save_drop(struct node *n)
{
	struct held *h;

	while ((h = TAILQ_FIRST(&n->held)) != NULL) {
		TAILQ_REMOVE(&n->held, h, list);
		free(h);
	}
	n->held_bytes = 0;
}

void
save_data(struct hpn_sftp_job *job, struct node *n, struct request *req,
    const u_char *data, size_t len)
{
	if ((job->flags & HPN_SFTP_RESUME) && TAILQ_FIRST(&n->data) != req)
		hold(n, req->offset, data, len);
	else
		write_data(job, n, req->offset, data, len);
}
