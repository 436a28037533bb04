/* SPDX-License-Identifier: ISC */
/* See hpn-dm-sftp.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
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

#include "hpn-dm-sftp.h"
#include "hpn-sftp-io.h"

#ifndef HPN_DM_SIZES	/* a fuzz target has smaller ones */
/* Requests under way: a power of two, and what is left for others than data. */
# define SLOTS		4096
# define SLOTS_LEFT	1024
/* As OpenSSH's client: what a server takes that says nothing of itself. */
# define DATA_USUAL	32768
# define DATA_LEAST	512
#endif
#define HANDLE_MOST	256

struct slot {
	u_int32_t id;
	int used;
	hpn_dm_sftp_fn *fn;
	void *context, *about;
	uint64_t lent_to;	/* its end among what is sent; 0: nothing is lent */
};

struct hpn_dm_sftp {
	struct hpn_sftp_io *io;
	int in, out;
	struct sshbuf *m;	/* a request being composed */
	struct slot slots[SLOTS];
	u_int32_t next_id;
	u_int under_way;
	int said, ready;	/* its version; its limits, too */
	int can_fsync, can_statvfs, can_hash, can_replace;
	u_int read_max, write_max;
	const char *wrong;
};

static void
put(int r)
{
	if (r != 0)
		fatal_r(r, "cannot compose a request");
}

struct hpn_dm_sftp *
hpn_dm_sftp_new(int in, int out)
{
	struct hpn_dm_sftp *s = xcalloc(1, sizeof(*s));

	s->in = in;
	s->out = out;
	s->io = hpn_sftp_io_new(in, out);
	s->read_max = s->write_max = DATA_USUAL;
	if ((s->m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	put(sshbuf_put_u8(s->m, SSH2_FXP_INIT));
	put(sshbuf_put_u32(s->m, SSH2_FILEXFER_VERSION));
	hpn_sftp_io_put(s->io, s->m, NULL, 0);
	return s;
}

void
hpn_dm_sftp_free(struct hpn_dm_sftp *s)
{
	if (s == NULL)
		return;
	hpn_sftp_io_free(s->io);
	close(s->in);
	if (s->out != s->in)
		close(s->out);
	sshbuf_free(s->m);
	free(s);
}

void
hpn_dm_sftp_fds(const struct hpn_dm_sftp *s, int *in, int *out)
{
	*in = s->in;
	*out = hpn_sftp_io_queued(s->io) != 0 ? s->out : -1;
}

const char *
hpn_dm_sftp_wrong(const struct hpn_dm_sftp *s)
{
	return s->wrong;
}

int
hpn_dm_sftp_ready(const struct hpn_dm_sftp *s)
{
	return s->ready;
}

u_int
hpn_dm_sftp_under_way(const struct hpn_dm_sftp *s)
{
	return s->under_way;
}

size_t
hpn_dm_sftp_queued(const struct hpn_dm_sftp *s)
{
	return hpn_sftp_io_queued(s->io);
}

int
hpn_dm_sftp_may_ask(const struct hpn_dm_sftp *s)
{
	return s->ready && s->under_way < SLOTS - SLOTS_LEFT;
}

int
hpn_dm_sftp_room(const struct hpn_dm_sftp *s)
{
	return hpn_dm_sftp_may_ask(s) &&
	    hpn_sftp_io_queued(s->io) < HPN_SFTP_IO_QUEUE;
}

int
hpn_dm_sftp_same_handle(const struct hpn_dm_sftp_handle *a,
    const struct hpn_dm_sftp_handle *b)
{
	return a->p != NULL && b->p != NULL && a->len == b->len &&
	    memcmp(a->p, b->p, a->len) == 0;
}

int
hpn_dm_sftp_can_fsync(const struct hpn_dm_sftp *s)
{
	return s->can_fsync;
}

int
hpn_dm_sftp_can_statvfs(const struct hpn_dm_sftp *s)
{
	return s->can_statvfs;
}

int
hpn_dm_sftp_can_hash(const struct hpn_dm_sftp *s)
{
	return s->can_hash && hpn_hash_available();
}

int
hpn_dm_sftp_can_replace(const struct hpn_dm_sftp *s)
{
	return s->can_replace;
}

u_int
hpn_dm_sftp_read_max(const struct hpn_dm_sftp *s)
{
	return s->read_max;
}

u_int
hpn_dm_sftp_write_max(const struct hpn_dm_sftp *s)
{
	return s->write_max;
}

/* A new id, whose answer goes to fn. */
static u_int32_t
ask(struct hpn_dm_sftp *s, hpn_dm_sftp_fn *fn, void *context, void *about)
{
	struct slot *slot;

	/* hpn_dm_sftp_room() leaves some for what is not data */
	if (s->under_way >= SLOTS)
		fatal_f("too many requests");
	while (s->slots[s->next_id % SLOTS].used)
		s->next_id++;
	slot = &s->slots[s->next_id % SLOTS];
	slot->id = s->next_id++;
	slot->used = 1;
	slot->fn = fn;
	slot->context = context;
	slot->about = about;
	slot->lent_to = 0;
	s->under_way++;
	return slot->id;
}

/* Begin a request. */
static void
begin(struct hpn_dm_sftp *s, u_char type, hpn_dm_sftp_fn *fn, void *context,
    void *about)
{
	sshbuf_reset(s->m);
	put(sshbuf_put_u8(s->m, type));
	put(sshbuf_put_u32(s->m, ask(s, fn, context, about)));
}

static void
put_handle(struct hpn_dm_sftp *s, const struct hpn_dm_sftp_handle *h)
{
	put(sshbuf_put_string(s->m, h->p, h->len));
}

static void
send_it(struct hpn_dm_sftp *s)
{
	hpn_sftp_io_put(s->io, s->m, NULL, 0);
}

void
hpn_dm_sftp_open(struct hpn_dm_sftp *s, const char *path, u_int32_t flags,
    hpn_dm_sftp_fn *fn, void *context, void *about)
{
	Attrib a;

	attrib_clear(&a);
	begin(s, SSH2_FXP_OPEN, fn, context, about);
	put(sshbuf_put_cstring(s->m, path));
	put(sshbuf_put_u32(s->m, flags));
	put(encode_attrib(s->m, &a));
	send_it(s);
}

void
hpn_dm_sftp_path(struct hpn_dm_sftp *s, u_char type, const char *path,
    hpn_dm_sftp_fn *fn, void *context, void *about)
{
	begin(s, type, fn, context, about);
	put(sshbuf_put_cstring(s->m, path));
	send_it(s);
}

void
hpn_dm_sftp_close(struct hpn_dm_sftp *s, u_char type,
    const struct hpn_dm_sftp_handle *h, hpn_dm_sftp_fn *fn, void *context,
    void *about)
{
	begin(s, type, fn, context, about);
	put_handle(s, h);
	send_it(s);
}

void
hpn_dm_sftp_rename(struct hpn_dm_sftp *s, const char *from, const char *to,
    int replace, hpn_dm_sftp_fn *fn, void *context, void *about)
{
	begin(s, replace ? SSH2_FXP_EXTENDED : SSH2_FXP_RENAME, fn, context,
	    about);
	if (replace)
		put(sshbuf_put_cstring(s->m, "posix-rename@openssh.com"));
	put(sshbuf_put_cstring(s->m, from));
	put(sshbuf_put_cstring(s->m, to));
	send_it(s);
}

void
hpn_dm_sftp_write(struct hpn_dm_sftp *s, const struct hpn_dm_sftp_handle *h,
    uint64_t offset, const void *data, size_t len, int lend,
    hpn_dm_sftp_fn *fn, void *context, void *about)
{
	struct slot *slot;

	begin(s, SSH2_FXP_WRITE, fn, context, about);
	slot = &s->slots[(s->next_id - 1) % SLOTS];
	put_handle(s, h);
	put(sshbuf_put_u64(s->m, offset));
	put(sshbuf_put_u32(s->m, (u_int32_t)len));
	if (lend) {
		hpn_sftp_io_lend(s->io, s->m, data, len);
		slot->lent_to = hpn_sftp_io_total(s->io);
	} else
		hpn_sftp_io_put(s->io, s->m, data, len);
}

void
hpn_dm_sftp_read(struct hpn_dm_sftp *s, const struct hpn_dm_sftp_handle *h,
    uint64_t offset, size_t len, hpn_dm_sftp_fn *fn, void *context, void *about)
{
	begin(s, SSH2_FXP_READ, fn, context, about);
	put_handle(s, h);
	put(sshbuf_put_u64(s->m, offset));
	put(sshbuf_put_u32(s->m, (u_int32_t)len));
	send_it(s);
}

void
hpn_dm_sftp_fsync(struct hpn_dm_sftp *s, const struct hpn_dm_sftp_handle *h,
    hpn_dm_sftp_fn *fn, void *context, void *about)
{
	begin(s, SSH2_FXP_EXTENDED, fn, context, about);
	put(sshbuf_put_cstring(s->m, "fsync@openssh.com"));
	put_handle(s, h);
	send_it(s);
}

void
hpn_dm_sftp_hash(struct hpn_dm_sftp *s, const struct hpn_dm_sftp_handle *h,
    const struct hpn_hash_range *range, hpn_dm_sftp_fn *fn, void *context,
    void *about)
{
	sshbuf_reset(s->m);
	put(hpn_sftp_hash_put_request(s->m, ask(s, fn, context, about), h->p,
	    h->len, range));
	send_it(s);
}

void
hpn_dm_sftp_statvfs(struct hpn_dm_sftp *s, const char *path,
    hpn_dm_sftp_fn *fn, void *context, void *about)
{
	begin(s, SSH2_FXP_EXTENDED, fn, context, about);
	put(sshbuf_put_cstring(s->m, "statvfs@openssh.com"));
	put(sshbuf_put_cstring(s->m, path));
	send_it(s);
}

/* What a server says of the lengths that it takes. */
static int
got_limits(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct hpn_dm_sftp *s = context;
	u_int64_t packet, reads, writes, handles;
	u_int status;

	s->ready = 1;
	if (type != SSH2_FXP_EXTENDED_REPLY)
		return hpn_dm_sftp_get_status(type, m, &status);
	if (sshbuf_get_u64(m, &packet) != 0 || sshbuf_get_u64(m, &reads) != 0 ||
	    sshbuf_get_u64(m, &writes) != 0 ||
	    sshbuf_get_u64(m, &handles) != 0)
		return -1;
	/* 1024: what is in such a message beside the data */
	if (reads >= DATA_LEAST)
		s->read_max = MINIMUM(reads, SFTP_MAX_MSG_LENGTH - 1024);
	if (writes >= DATA_LEAST)
		s->write_max = MINIMUM(writes, SFTP_MAX_MSG_LENGTH - 1024);
	return 0;
}

/* The server's version, and what it can do. */
static int
got_version(struct hpn_dm_sftp *s, struct sshbuf *m)
{
	u_int32_t version;
	char *name = NULL, *value = NULL;
	size_t len;
	int limits = 0, r;

	if (s->said || sshbuf_get_u32(m, &version) != 0)
		return -1;
	s->said = 1;
	if (version < 3) {
		s->wrong = "it speaks an old version of SFTP";
		return -1;
	}
	while (sshbuf_len(m) > 0) {
		if (sshbuf_get_cstring(m, &name, NULL) != 0)
			return -1;
		if ((r = sshbuf_get_string(m, (u_char **)&value, &len)) != 0) {
			free(name);
			return -1;
		}
#define IS(n, v)	(strcmp(name, n) == 0 && strcmp(value, v) == 0)
		s->can_fsync |= IS("fsync@openssh.com", "1");
		s->can_statvfs |= IS("statvfs@openssh.com", "2");
		s->can_replace |= IS("posix-rename@openssh.com", "1");
		s->can_hash |= IS(HPN_SFTP_HASH_EXTENSION,
		    HPN_SFTP_HASH_VERSION);
		limits |= IS("limits@openssh.com", "1");
#undef IS
		free(name);
		free(value);
		name = value = NULL;
	}
	if (!limits) {
		s->ready = 1;
		return 0;
	}
	begin(s, SSH2_FXP_EXTENDED, got_limits, s, NULL);
	put(sshbuf_put_cstring(s->m, "limits@openssh.com"));
	send_it(s);
	return 0;
}

/*
 * Whether it says that it has taken what is in our pipe yet.  It cannot have: and
 * after that answer the memory is used again, which would change what comes.
 */
static int
too_early(struct hpn_dm_sftp *s, const struct slot *slot, u_char type,
    const struct sshbuf *m)
{
	u_int32_t status;

	return slot->lent_to != 0 && type == SSH2_FXP_STATUS &&
	    sshbuf_peek_u32(m, 0, &status) == 0 && status == SSH2_FX_OK &&
	    !hpn_sftp_io_has_read(s->io, slot->lent_to);
}

static int
take(struct hpn_dm_sftp *s, const u_char *p, size_t len)
{
	struct sshbuf *m;
	struct slot *slot, was;
	u_int32_t id;
	u_char type;
	int r = -1;

	if ((m = sshbuf_from(p, len)) == NULL)
		fatal_f("sshbuf_from failed");
	if (sshbuf_get_u8(m, &type) != 0)
		goto out;
	if (type == SSH2_FXP_VERSION) {
		r = got_version(s, m);
		goto out;
	}
	if (!s->said || sshbuf_get_u32(m, &id) != 0)
		goto out;
	slot = &s->slots[id % SLOTS];
	if (!slot->used || slot->id != id) {
		s->wrong = "it answered what was not asked";
		goto out;
	}
	if (too_early(s, slot, type, m)) {
		s->wrong = "it acknowledged what it had not got yet";
		goto out;
	}
	was = *slot;
	slot->used = 0;
	s->under_way--;
	r = was.fn(was.context, was.about, type, m);
 out:
	sshbuf_free(m);
	return r;
}

int
hpn_dm_sftp_trip(struct hpn_dm_sftp *s)
{
	const u_char *p;
	size_t len;
	int r, ended;

	/* What came before the end counts */
	ended = hpn_sftp_io_trip(s->io, 0) == -1;
	while ((r = hpn_sftp_io_get(s->io, &p, &len)) == 1) {
		if (take(s, p, len) == -1) {
			if (s->wrong == NULL)
				s->wrong = "its answer cannot be read";
			return -2;
		}
	}
	if (r == -1) {
		s->wrong = s->said ? "its answer is too long" :
		    "what comes is no SFTP; does a shell's startup file print "
		    "something?";
		return -2;
	}
	return ended ? -1 : 0;
}

int
hpn_dm_sftp_get_status(u_char type, struct sshbuf *m, u_int *status)
{
	u_int32_t code;

	if (type != SSH2_FXP_STATUS || sshbuf_get_u32(m, &code) != 0)
		return -1;
	*status = code;
	return 0;
}

int
hpn_dm_sftp_get_handle(u_char type, struct sshbuf *m, u_int *status,
    struct hpn_dm_sftp_handle *h)
{
	h->p = NULL;
	h->len = 0;
	if (type != SSH2_FXP_HANDLE)
		return hpn_dm_sftp_get_status(type, m, status) == -1 ||
		    *status == SSH2_FX_OK ? -1 : 0;
	if (sshbuf_get_string(m, &h->p, &h->len) != 0)
		return -1;
	if (h->len > HANDLE_MOST) {
		free(h->p);
		h->p = NULL;
		return -1;
	}
	*status = SSH2_FX_OK;
	return 0;
}

int
hpn_dm_sftp_get_attrib(u_char type, struct sshbuf *m, u_int *status, Attrib *a)
{
	if (type != SSH2_FXP_ATTRS)
		return hpn_dm_sftp_get_status(type, m, status) == -1 ||
		    *status == SSH2_FX_OK ? -1 : 0;
	if (decode_attrib(m, a) != 0)
		return -1;
	*status = SSH2_FX_OK;
	return 0;
}

const char *
hpn_dm_sftp_status_text(u_int status)
{
	return fx2txt(status > INT_MAX ? -1 : (int)status);
}

int
hpn_dm_sftp_get_data(u_char type, struct sshbuf *m, u_int *status,
    const u_char **data, size_t *len)
{
	if (type != SSH2_FXP_DATA)
		return hpn_dm_sftp_get_status(type, m, status) == -1 ||
		    *status == SSH2_FX_OK ? -1 : 0;
	if (sshbuf_get_string_direct(m, data, len) != 0 || *len == 0)
		return -1;
	*status = SSH2_FX_OK;
	return 0;
}

int
hpn_dm_sftp_get_space(u_char type, struct sshbuf *m, u_int *status,
    uint64_t *bytes, int *files)
{
	u_int64_t v[11], unit;
	size_t i;

	if (type != SSH2_FXP_EXTENDED_REPLY)
		return hpn_dm_sftp_get_status(type, m, status) == -1 ||
		    *status == SSH2_FX_OK ? -1 : 0;
	for (i = 0; i < 11; i++)
		if (sshbuf_get_u64(m, &v[i]) != 0)
			return -1;
	/* bsize, frsize, blocks, bfree, bavail, files, ffree, favail, ... */
	unit = v[1] != 0 ? v[1] : v[0];
	*bytes = unit == 0 || v[4] > UINT64_MAX / unit ? UINT64_MAX :
	    unit * v[4];
	/* A file system without a fixed number of files says 0 of 0 */
	*files = v[5] == 0 || v[7] != 0;
	*status = SSH2_FX_OK;
	return 0;
}
