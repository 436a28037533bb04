/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-conn.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

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

#include "hpn-sftp-conn.h"
#include "hpn-sftp-early.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-plain.h"

/* A glob's attributes beyond so many names, or bytes, are not kept. */
#define KNOWN_MAX	262144
#define KNOWN_BYTES	(64 * 1024 * 1024)

/*
 * The server chooses the names.  A tree has no order of them that makes it slow,
 * and needs no secret.
 */
struct known {
	RB_ENTRY(known) tree;
	char *path;
	Attrib a;
	u_int status;		/* SSH2_FX_OK: a is valid */
	int early;		/* asked for, not listed */
	int pending;		/* and not answered */
};

static char *early_path;
static int early_opens;

static int
known_compare(const struct known *a, const struct known *b)
{
	return strcmp(a->path, b->path);
}

RB_GENERATE_STATIC(known_paths, known, tree, known_compare)

void
hpn_sftp_conn_init(struct hpn_sftp_conn *c, int in, int out, u_int *next_id,
    u_int *download_buflen, u_int *upload_buflen, u_int buflen_wanted,
    u_int requests_wanted)
{
	c->io = hpn_sftp_io_new(in, out);
	hpn_sftp_lanes_init(&c->lanes, c->io);
	c->next_id = next_id;
	c->download_buflen = download_buflen;
	c->upload_buflen = upload_buflen;
	c->fixed_buflen = buflen_wanted != 0;
	c->requests = requests_wanted;
	RB_INIT(&c->known);
}

static struct known *
known_find(struct hpn_sftp_conn *c, const char *path)
{
	struct known wanted;

	wanted.path = (char *)path;
	return RB_FIND(known_paths, &c->known, &wanted);
}

/* path, which is not known, becomes ours. */
static struct known *
known_add(struct hpn_sftp_conn *c, char *path)
{
	struct known *k = xcalloc(1, sizeof(*k));

	k->path = path;
	if (RB_INSERT(known_paths, &c->known, k) != NULL)
		fatal_f("\"%s\" is known", path);
	c->nknown++;
	c->known_bytes += strlen(path);
	return k;
}

static void
known_free(struct hpn_sftp_conn *c, struct known *k)
{
	RB_REMOVE(known_paths, &c->known, k);
	c->known_bytes -= strlen(k->path);
	free(k->path);
	free(k);
	c->nknown--;
}

void
hpn_sftp_conn_forget(struct hpn_sftp_conn *c, int all)
{
	struct known *k, *next;

	RB_FOREACH_SAFE(k, known_paths, &c->known, next)
		if (!k->pending && (all || !k->early))
			known_free(c, k);
	if (all)
		hpn_sftp_conn_close_early(c);
}

void
hpn_sftp_conn_listed(struct hpn_sftp_conn *c, const char *dir, const char *name,
    const Attrib *a)
{
	char *path;
	struct known *k;

	/* What a link points to was not listed. */
	if (hpn_sftp_plain() || c->nknown >= KNOWN_MAX ||
	    c->known_bytes >= KNOWN_BYTES || S_ISLNK(a->perm) ||
	    (a->flags & SSH2_FILEXFER_ATTR_PERMISSIONS) == 0)
		return;
	xasprintf(&path, "%s%s%s", dir,
	    *dir == '\0' || dir[strlen(dir) - 1] == '/' ? "" : "/", name);
	if ((k = known_find(c, path)) != NULL) {
		free(path);
		return;
	}
	k = known_add(c, path);
	k->a = *a;
}

void
hpn_sftp_conn_ask_early(const char *path)
{
	free(early_path);
	early_path = xstrdup(path);
	early_opens = 0;
}

void
hpn_sftp_conn_open_early(void)
{
	early_opens = 1;
}

static void
early_answer(void *context, u_char type, struct sshbuf *m)
{
	struct known *k = context;
	int r;

	k->pending = 0;
	if (type == SSH2_FXP_ATTRS) {
		if ((r = decode_attrib(m, &k->a)) != 0)
			fatal_fr(r, "decode attributes");
	} else if (type == SSH2_FXP_STATUS) {
		if ((r = sshbuf_get_u32(m, &k->status)) != 0)
			fatal_fr(r, "parse status");
		if (k->status == SSH2_FX_OK)
			k->status = SSH2_FX_FAILURE;
	} else
		fatal("Expected SSH2_FXP_ATTRS(%u) packet, got %u",
		    SSH2_FXP_ATTRS, type);
}

void
hpn_sftp_conn_begun(struct hpn_sftp_conn *c)
{
	struct sshbuf *m;
	struct known *k;
	u_int id;
	int r;

	if (early_path == NULL)
		return;
	/* Nothing is asked ahead by who is told not to */
	if (hpn_sftp_lanes_hear(&c->lanes, c->io) == 0 || hpn_sftp_plain()) {
		free(early_path);
		early_path = NULL;
		return;
	}
	k = known_add(c, early_path);
	early_path = NULL;
	k->early = k->pending = 1;
	id = (*c->next_id)++;
	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	if ((r = sshbuf_put_u8(m, SSH2_FXP_STAT)) != 0 ||
	    (r = sshbuf_put_u32(m, id)) != 0 ||
	    (r = sshbuf_put_cstring(m, k->path)) != 0)
		fatal_fr(r, "compose");
	hpn_sftp_io_put(c->io, m, NULL, 0);
	hpn_sftp_io_later(c->io, id, early_answer, k);
	debug3("Sent message SSH2_FXP_STAT \"%s\" I:%u ahead", k->path, id);
	sshbuf_free(m);
	/* Who wants requests of another length, or number, gets those alone */
	if (early_opens && !c->fixed_buflen && c->requests == 0)
		c->early = hpn_sftp_early_begin(&c->lanes, c->io, c->next_id,
		    k->path);
}

/* Take what comes until this is answered. */
static void
await(struct hpn_sftp_conn *c, const int *pending)
{
	const u_char *p;
	size_t len;
	int r;

	while (*pending) {
		if ((r = hpn_sftp_io_get(c->io, &p, &len)) == -1)
			fatal("Received message too long %zu", len);
		if (r == 1)
			fatal("Unexpected reply");
		if (!*pending)
			break;
		if (hpn_sftp_io_trip(c->io, -1) == -1)
			hpn_sftp_io_lost("read");
	}
}

void
hpn_sftp_conn_close_early(struct hpn_sftp_conn *c)
{
	if (c->early != NULL)
		hpn_sftp_early_drop(c->early);
	c->early = NULL;
}

int
hpn_sftp_conn_opened_early(struct hpn_sftp_conn *c, const char *path,
    u_int *open, u_int *data, u_int64_t *sent_ns)
{
	if (c->early == NULL)
		return 0;
	if (hpn_sftp_early_is(c->early, path)) {
		/* It follows the attributes at once */
		await(c, hpn_sftp_early_waits(c->early));
		if (hpn_sftp_early_take(c->early, open, data, sent_ns)) {
			c->early = NULL;
			return 1;
		}
	}
	hpn_sftp_conn_close_early(c);
	return 0;
}

int
hpn_sftp_conn_known_stat(struct hpn_sftp_conn *c, const char *path, int listed,
    int quiet, Attrib *a)
{
	struct known *k;
	u_int status;

	if ((k = known_find(c, path)) == NULL || (!k->early && !listed))
		return 0;
	await(c, &k->pending);
	if ((status = k->status) == SSH2_FX_OK) {
		if (a != NULL)
			*a = k->a;
		return 1;
	}
	/* It may come into being. */
	known_free(c, k);
	/* A server that refuses STAT may answer LSTAT: the glob asks itself. */
	if (listed && status != SSH2_FX_NO_SUCH_FILE)
		return 0;
	do_log2(quiet ? SYSLOG_LEVEL_DEBUG1 : SYSLOG_LEVEL_ERROR,
	    "stat remote: %s", fx2txt(status));
	return -1;
}

/* Reply to limits@openssh.com, PROTOCOL section 4.8. */
static void
limits_answer(void *context, u_char type, struct sshbuf *m)
{
	struct hpn_sftp_conn *c = context;
	u_int64_t packet_len, read_len, write_len, handles;
	int r;

	if (type != SSH2_FXP_EXTENDED_REPLY) {
		debug("server does not tell its limits (reply %u)", type);
		return;
	}
	if ((r = sshbuf_get_u64(m, &packet_len)) != 0 ||
	    (r = sshbuf_get_u64(m, &read_len)) != 0 ||
	    (r = sshbuf_get_u64(m, &write_len)) != 0 ||
	    (r = sshbuf_get_u64(m, &handles)) != 0)
		fatal_fr(r, "parse limits");
	c->handles = handles;
	if (c->fixed_buflen)
		return;
	*c->download_buflen = MINIMUM(MAXIMUM(read_len, 64),
	    SFTP_MAX_MSG_LENGTH - 1024);
	*c->upload_buflen = MINIMUM(MAXIMUM(write_len, 64),
	    SFTP_MAX_MSG_LENGTH - 1024);
	debug3("server upload/download buffer sizes %llu / %llu; "
	    "using %u / %u; open handles %llu",
	    (unsigned long long)write_len, (unsigned long long)read_len,
	    *c->upload_buflen, *c->download_buflen,
	    (unsigned long long)handles);
}

static void
ask_limits(struct hpn_sftp_conn *c)
{
	struct sshbuf *m;
	u_int id = (*c->next_id)++;
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	if ((r = sshbuf_put_u8(m, SSH2_FXP_EXTENDED)) != 0 ||
	    (r = sshbuf_put_u32(m, id)) != 0 ||
	    (r = sshbuf_put_cstring(m, "limits@openssh.com")) != 0)
		fatal_fr(r, "compose");
	hpn_sftp_io_put(c->io, m, NULL, 0);
	hpn_sftp_io_later(c->io, id, limits_answer, c);
	debug3("Sent message limits@openssh.com I:%u", id);
	sshbuf_free(m);
}

int
hpn_sftp_conn_ready(struct hpn_sftp_conn *c, int has_limits)
{
	(void)hpn_sftp_lanes_hear(&c->lanes, NULL);
	if (c->early != NULL && !hpn_sftp_early_begun(c->early, &c->lanes))
		hpn_sftp_conn_close_early(c);
	if (!has_limits || hpn_sftp_plain())
		return has_limits;
	ask_limits(c);
	return 0;
}
