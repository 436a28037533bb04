/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-ask.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
#include "hpn-sftp-ask.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-hash.h"
#include "hpn-sftp-io.h"

int
hpn_sftp_ask_may(struct hpn_sftp_job *job, size_t len)
{
	u_int64_t load = job->way->up ? 0 :
	    hpn_sftp_lanes_load(&job->c->lanes);

	/* What is written would find no space, for now. */
	if (len != 0 && job->full_step != 0)
		return 0;
	/* Each connection has a window of its own for small files that are read. */
	return hpn_sftp_window_may_ask(&job->window, job->asked_bytes -
	    MINIMUM(job->asked_bytes, load), job->requests, len);
}

int
hpn_sftp_ask_lane_may(const struct hpn_sftp_job *job, u_int lane, size_t len,
    int alone)
{
	const struct hpn_sftp_lane *l = &job->c->lanes.lane[lane];

	if (hpn_sftp_lanes_connect(&job->c->lanes))
		return hpn_sftp_io_queued(l->io) < HPN_SFTP_IO_QUEUE &&
		    (alone || hpn_connections_window_may(&l->window,
		    l->under_way, len));
	return hpn_sftp_io_queued(l->io) < HPN_SFTP_IO_QUEUE &&
	    hpn_lanes_may_send(l->under_way, len, alone);
}

/* req, which has an id, is under way. */
static void
enter(struct hpn_sftp_job *job, struct request *req, u_char type)
{
	struct request **chain;

	if (type == SSH2_FXP_OPEN || type == SSH2_FXP_OPENDIR)
		hpn_handles_asked(&job->handles[req->lane], req->id);
	else if (type == SSH2_FXP_CLOSE) {
		if (req->ask == ASK_CLOSE)
			req->node->closing = 1;
		if (req->where == NULL)
			hpn_handles_closed(&job->handles[req->lane], req->id,
			    req->node, req->node->handle,
			    req->node->handle_len);
		else
			hpn_handles_closed(&job->handles[req->lane], req->id,
			    req->node, req->where->handle,
			    req->where->handle_len);
	}
	chain = &job->asked[req->id % REQUEST_CHAINS];
	req->chain = *chain;
	*chain = req;
	req->node->asked++;
	job->requests++;
	job->asked_bytes += req->len;
	job->c->lanes.lane[req->lane].requests++;
	job->c->lanes.lane[req->lane].under_way += req->len;
}

static void
begin(struct hpn_sftp_job *job, struct request *req, u_char type)
{
	int r;

	req->id = (*job->c->next_id)++;
	req->sent_ns = hpn_clock_ns();
	enter(job, req, type);
	sshbuf_reset(job->m);
	if ((r = sshbuf_put_u8(job->m, type)) != 0 ||
	    (r = sshbuf_put_u32(job->m, req->id)) != 0)
		fatal_fr(r, "compose");
}

void
hpn_sftp_ask_over(struct hpn_sftp_job *job, const struct request *req)
{
	req->node->asked--;
	job->requests--;
	job->asked_bytes -= req->len;
	job->c->lanes.lane[req->lane].requests--;
	job->c->lanes.lane[req->lane].under_way -= req->len;
	if (req->len != 0)
		hpn_sftp_lanes_answered(&job->c->lanes, req->lane, req->len,
		    job->window.rtt_ns);
}

struct request *
hpn_sftp_ask_lost(struct hpn_sftp_job *job, const struct node *n, u_int lane,
    u_int *atp)
{
	struct request *req, **chain;

	for (; *atp < REQUEST_CHAINS; (*atp)++) {
		for (chain = &job->asked[*atp]; (req = *chain) != NULL;
		    chain = &req->chain) {
			if (req->lane != lane || (n != NULL && req->node != n))
				continue;
			*chain = req->chain;
			hpn_sftp_ask_over(job, req);
			return req;
		}
	}
	return NULL;
}

static struct request *
request(struct node *n, enum ask what, const struct where *where,
    u_int64_t offset, size_t len)
{
	struct request *req = xcalloc(1, sizeof(*req));

	req->node = n;
	req->ask = what;
	req->where = where;
	/* Its own handle is in the lane where it was opened. */
	req->lane = where != NULL ? where->lane : n->tree ? 0 : n->lane;
	req->offset = offset;
	req->len = len;
	return req;
}

/* One that names a path: the first lane has these. */
static struct request *
path_request(struct node *n, enum ask what)
{
	struct request *req = request(n, what, NULL, 0, 0);

	req->lane = 0;
	return req;
}

static void
send_it(struct hpn_sftp_job *job, const struct request *req)
{
	hpn_sftp_io_put(job->c->lanes.lane[req->lane].io, job->m, NULL, 0);
}

static void
send_path(struct hpn_sftp_job *job, struct request *req, u_char type,
    const char *path, const Attrib *a)
{
	int r;

	begin(job, req, type);
	if ((r = sshbuf_put_cstring(job->m, path)) != 0 ||
	    (a != NULL && (r = encode_attrib(job->m, a)) != 0))
		fatal_fr(r, "compose");
	debug3("Sent message T:%u I:%u \"%s\"", type, req->id, path);
	send_it(job, req);
}

void
hpn_sftp_ask_path_attrib(struct hpn_sftp_job *job, struct node *n,
    enum ask what, u_char type, const char *path, const Attrib *a)
{
	send_path(job, path_request(n, what), type, path, a);
}

void
hpn_sftp_ask_path(struct hpn_sftp_job *job, struct node *n, enum ask what,
    u_char type, const char *path)
{
	hpn_sftp_ask_path_attrib(job, n, what, type, path, NULL);
}

static void
send_open(struct hpn_sftp_job *job, struct request *req, const char *path,
    u_int mode, const Attrib *a)
{
	Attrib none;
	int r;

	if (a == NULL) {
		attrib_clear(&none);
		a = &none;
	}
	begin(job, req, SSH2_FXP_OPEN);
	if ((r = sshbuf_put_cstring(job->m, path)) != 0 ||
	    (r = sshbuf_put_u32(job->m, mode)) != 0 ||
	    (r = encode_attrib(job->m, a)) != 0)
		fatal_fr(r, "compose");
	debug3("Sent message SSH2_FXP_OPEN I:%u P:%s M:0x%04x", req->id, path,
	    mode);
	send_it(job, req);
}

void
hpn_sftp_ask_open(struct hpn_sftp_job *job, struct node *n, const char *path,
    u_int mode, const Attrib *a)
{
	send_open(job, request(n, ASK_OPEN, NULL, 0, 0), path, mode, a);
}

void
hpn_sftp_ask_lane_open(struct hpn_sftp_job *job, struct node *n,
    const struct where *where)
{
	/* If it has gone meanwhile it must not come into being again. */
	if (job->way->up)
		send_open(job, request(n, ASK_LANE_OPEN, where, 0, 0), n->to,
		    SSH2_FXF_READ|SSH2_FXF_WRITE, NULL);
	else
		send_open(job, request(n, ASK_LANE_OPEN, where, 0, 0), n->from,
		    SSH2_FXF_READ, NULL);
}

static void
put_handle(struct hpn_sftp_job *job, const struct request *req)
{
	const struct node *n = req->node;
	const struct where *where = req->where;
	int r;

	if ((r = where == NULL ?
	    sshbuf_put_string(job->m, n->handle, n->handle_len) :
	    sshbuf_put_string(job->m, where->handle, where->handle_len)) != 0)
		fatal_fr(r, "compose");
}

static void
send_handle(struct hpn_sftp_job *job, struct request *req, u_char type)
{
	begin(job, req, type);
	put_handle(job, req);
	send_it(job, req);
}

void
hpn_sftp_ask_handle(struct hpn_sftp_job *job, struct node *n, enum ask what,
    u_char type)
{
	struct request *req = request(n, what, NULL, 0, 0);

	req->lane = n->lane;
	send_handle(job, req, type);
}

void
hpn_sftp_ask_lane_handle(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, enum ask what, u_char type)
{
	send_handle(job, request(n, what, where, 0, 0), type);
}

static void
ask_fsetstat(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, enum ask what, const Attrib *a)
{
	struct request *req = request(n, what, where, 0, 0);
	int r;

	n->wrote = 1;
	begin(job, req, SSH2_FXP_FSETSTAT);
	put_handle(job, req);
	if ((r = encode_attrib(job->m, a)) != 0)
		fatal_fr(r, "compose");
	send_it(job, req);
}

void
hpn_sftp_ask_handle_attrib(struct hpn_sftp_job *job, struct node *n,
    const Attrib *a)
{
	ask_fsetstat(job, n, NULL, ASK_FSETSTAT, a);
}

void
hpn_sftp_ask_lane_attrib(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, enum ask what, const Attrib *a)
{
	ask_fsetstat(job, n, where, what, a);
}

void
hpn_sftp_ask_truncate(struct hpn_sftp_job *job, struct node *n, enum ask what,
    u_int64_t size)
{
	Attrib a;

	attrib_clear(&a);
	a.flags = SSH2_FILEXFER_ATTR_SIZE;
	a.size = size;
	debug("truncating at %llu", (unsigned long long)size);
	if (what == ASK_TRUNCATE)
		n->truncating++;
	ask_fsetstat(job, n, NULL, what, &a);
}

void
hpn_sftp_ask_fsync(struct hpn_sftp_job *job, struct node *n)
{
	struct request *req = request(n, ASK_FSYNC, NULL, 0, 0);
	int r;

	begin(job, req, SSH2_FXP_EXTENDED);
	if ((r = sshbuf_put_cstring(job->m, "fsync@openssh.com")) != 0)
		fatal_fr(r, "compose");
	put_handle(job, req);
	send_it(job, req);
}

static void
send_read(struct hpn_sftp_job *job, struct request *req)
{
	int r;

	begin(job, req, SSH2_FXP_READ);
	put_handle(job, req);
	if ((r = sshbuf_put_u64(job->m, req->offset)) != 0 ||
	    (r = sshbuf_put_u32(job->m, req->len)) != 0)
		fatal_fr(r, "compose");
	send_it(job, req);
}

void
hpn_sftp_ask_compare(struct hpn_sftp_job *job, struct node *n, u_int64_t offset,
    size_t len)
{
	send_read(job, request(n, ASK_COMPARE, NULL, offset, len));
}

void
hpn_sftp_ask_lane_read(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, enum ask what, u_int64_t offset, size_t len)
{
	send_read(job, request(n, what, where, offset, len));
}

static void
send_hash(struct hpn_sftp_job *job, struct request *req,
    const struct hpn_hash_range *range, const u_char *handle, size_t len)
{
	int r;

	begin(job, req, SSH2_FXP_EXTENDED);
	req->range = *range;
	sshbuf_reset(job->m);
	if ((r = hpn_sftp_hash_put_request(job->m, req->id, handle, len,
	    range)) != 0)
		fatal_fr(r, "compose");
	send_it(job, req);
}

void
hpn_sftp_ask_hash(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_hash_range *range)
{
	send_hash(job, request(n, ASK_HASH, NULL, 0, 0), range, n->handle,
	    n->handle_len);
}

static struct request *
data_request(struct node *n, enum ask what, const struct where *where,
    u_int64_t offset, size_t len)
{
	struct request *req = request(n, what, where, offset, len);
	struct request *before = TAILQ_LAST(&n->data, requests);

	while (before != NULL && before->offset > offset)
		before = TAILQ_PREV(before, requests, list);
	if (before == NULL)
		TAILQ_INSERT_HEAD(&n->data, req, list);
	else
		TAILQ_INSERT_AFTER(&n->data, before, req, list);
	return req;
}

void
hpn_sftp_ask_read(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, u_int64_t offset, size_t len)
{
	send_read(job, data_request(n, ASK_READ, where, offset, len));
}

void
hpn_sftp_ask_begun(struct hpn_sftp_job *job, struct node *n, u_int open,
    u_int data, size_t len, u_int64_t sent_ns)
{
	struct request *req = request(n, ASK_OPEN, NULL, 0, 0);

	req->id = job->newest[0] = open;
	req->sent_ns = sent_ns;
	enter(job, req, SSH2_FXP_OPEN);
	req = data_request(n, ASK_READ, NULL, 0, len);
	req->id = data;
	req->sent_ns = sent_ns;
	enter(job, req, SSH2_FXP_READ);
}

void
hpn_sftp_ask_read_again(struct hpn_sftp_job *job, struct request *req)
{
	req->again = 1;
	send_read(job, req);
}

static void
send_write(struct hpn_sftp_job *job, struct request *req, const u_char *data)
{
	int r;

	req->node->wrote = 1;
	begin(job, req, SSH2_FXP_WRITE);
	put_handle(job, req);
	if ((r = sshbuf_put_u64(job->m, req->offset)) != 0 ||
	    (r = sshbuf_put_u32(job->m, req->len)) != 0)
		fatal_fr(r, "compose");
	hpn_sftp_io_put(job->c->lanes.lane[req->lane].io, job->m, data,
	    req->len);
}

void
hpn_sftp_ask_write(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, u_int64_t offset, const u_char *data, size_t len)
{
	send_write(job, data_request(n, ASK_WRITE, where, offset, len), data);
}

void
hpn_sftp_ask_write_again(struct hpn_sftp_job *job, struct request *req,
    const u_char *data)
{
	req->again = 1;
	send_write(job, req, data);
}

void
hpn_sftp_ask_space(struct hpn_sftp_job *job, struct node *n)
{
	struct request *req = path_request(n, ASK_SPACE);
	int r;

	begin(job, req, SSH2_FXP_EXTENDED);
	if ((r = sshbuf_put_cstring(job->m, "statvfs@openssh.com")) != 0 ||
	    (r = sshbuf_put_cstring(job->m, n->to)) != 0)
		fatal_fr(r, "compose");
	send_it(job, req);
}

void
hpn_sftp_ask_link(struct hpn_sftp_job *job, struct node *n, const char *to)
{
	struct request *req = path_request(n, ASK_LINK);
	int r;

	begin(job, req, SSH2_FXP_EXTENDED);
	if ((r = sshbuf_put_cstring(job->m, "hardlink@openssh.com")) != 0 ||
	    (r = sshbuf_put_cstring(job->m, to)) != 0 ||
	    (r = sshbuf_put_cstring(job->m, n->to)) != 0)
		fatal_fr(r, "compose");
	send_it(job, req);
}

void
hpn_sftp_ask_hidden(struct hpn_sftp_job *job, struct node *n, u_int64_t offset,
    const u_char *data, size_t len)
{
	send_write(job, request(n, ASK_HIDDEN, NULL, offset, len), data);
}

void
hpn_sftp_ask_show(struct hpn_sftp_job *job, struct node *n,
    const struct where *where, u_int64_t offset, const u_char *data, size_t len)
{
	send_write(job, request(n, ASK_LANE_SHOW, where, offset, len), data);
}

/* ------------------------------------------------ the source, on a server -- */

void
hpn_sftp_ask_from_path(struct hpn_sftp_job *job, struct node *n, enum ask what,
    u_char type, const char *path)
{
	struct request *req = path_request(n, what);

	if (job->way->cross)
		req->lane = HPN_SFTP_FROM;
	send_path(job, req, type, path, NULL);
}

void
hpn_sftp_ask_from_open(struct hpn_sftp_job *job, struct node *n)
{
	send_open(job, request(n, ASK_OPEN, n->source, 0, 0), n->from,
	    SSH2_FXF_READ, NULL);
}

static void
hold(struct request *req, const u_char *held, size_t len)
{
	req->held = xmalloc(len + 1);
	memcpy(req->held, held, len);
	req->held_len = len;
}

void
hpn_sftp_ask_from_hash(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_hash_range *range, const u_char *held, size_t len)
{
	struct request *req = request(n, ASK_HASH, n->source, 0, 0);

	hold(req, held, len);
	send_hash(job, req, range, n->source->handle, n->source->handle_len);
}

void
hpn_sftp_ask_from_compare(struct hpn_sftp_job *job, struct node *n,
    u_int64_t offset, const u_char *held, size_t len)
{
	struct request *req = request(n, ASK_COMPARE, n->source, offset, len);

	hold(req, held, len);
	send_read(job, req);
}
