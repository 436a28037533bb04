/* SPDX-License-Identifier: ISC */
/* See hpn-dm-reader.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openbsd-compat/sys-queue.h"

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"

#include "hpn-dm-reader.h"
#include "hpn-dm-sftp.h"

/* One stretch that was asked for; its data, as far as they have come. */
struct stretch {
	TAILQ_ENTRY(stretch) list;
	uint64_t offset;
	size_t len, got, taken;
	u_char *data;
	u_int status;
	int under_way;
};

struct hpn_dm_reader {
	struct hpn_dm_sftp *sftp;
	const struct hpn_dm_sftp_handle *handle;
	uint64_t next, asked, end;
	size_t held;
	u_int under_way;
	int left;		/* nobody wants it; answers are to come */
	TAILQ_HEAD(, stretch) stretches;
};

struct hpn_dm_reader *
hpn_dm_reader_new(struct hpn_dm_sftp *sftp,
    const struct hpn_dm_sftp_handle *handle, uint64_t offset, uint64_t end)
{
	struct hpn_dm_reader *r = xcalloc(1, sizeof(*r));

	r->sftp = sftp;
	r->handle = handle;
	r->next = r->asked = offset;
	r->end = end;
	TAILQ_INIT(&r->stretches);
	return r;
}

void
hpn_dm_reader_free(struct hpn_dm_reader *r)
{
	struct stretch *s;

	if (r == NULL)
		return;
	/* The answers in any order: with the last one it goes */
	if (r->under_way != 0) {
		r->left = 1;
		return;
	}
	while ((s = TAILQ_FIRST(&r->stretches)) != NULL) {
		TAILQ_REMOVE(&r->stretches, s, list);
		free(s->data);
		free(s);
	}
	free(r);
}

void
hpn_dm_reader_lost(struct hpn_dm_reader *r)
{
	struct stretch *s, *next;
	int whole = 1;

	r->asked = r->next;
	TAILQ_FOREACH_SAFE(s, &r->stretches, list, next) {
		s->under_way = 0;
		s->status = SSH2_FX_OK;
		if (whole && s->got < s->len) {
			/* The last one that is kept ends here */
			r->held -= s->len - s->got;
			s->len = s->got;
			whole = 0;
			if (s->got > s->taken) {
				r->asked = s->offset + s->got;
				continue;
			}
		} else if (whole) {
			r->asked = s->offset + s->len;
			continue;
		}
		TAILQ_REMOVE(&r->stretches, s, list);
		r->held -= s->len;
		free(s->data);
		free(s);
	}
	r->under_way = 0;
	r->sftp = NULL;
}

void
hpn_dm_reader_again(struct hpn_dm_reader *r, struct hpn_dm_sftp *sftp)
{
	r->sftp = sftp;
}

void
hpn_dm_reader_until(struct hpn_dm_reader *r, uint64_t end)
{
	if (end > r->end)
		r->end = end;
}

static void ask(struct hpn_dm_reader *, struct stretch *);

static int
answer(void *context, void *about, u_char type, struct sshbuf *m)
{
	struct hpn_dm_reader *r = context;
	struct stretch *s = about;
	const u_char *data;
	size_t len;
	u_int status;

	if (hpn_dm_sftp_get_data(type, m, &status, &data, &len) == -1)
		return -1;
	s->under_way = 0;
	r->under_way--;
	if (r->left) {
		hpn_dm_reader_free(r);
		return 0;
	}
	if (status != SSH2_FX_OK) {
		s->status = status;
		return 0;
	}
	if (len > s->len - s->got)
		return -1;
	memcpy(s->data + s->got, data, len);
	s->got += len;
	/* A server may give less than it was asked for */
	if (s->got < s->len)
		ask(r, s);
	return 0;
}

static void
ask(struct hpn_dm_reader *r, struct stretch *s)
{
	s->under_way = 1;
	r->under_way++;
	hpn_dm_sftp_read(r->sftp, r->handle, s->offset + s->got,
	    s->len - s->got, answer, r, s);
}

size_t
hpn_dm_reader_ask(struct hpn_dm_reader *r, size_t most)
{
	struct stretch *s;
	size_t len;

	while (r->asked < r->end && r->held < most &&
	    hpn_dm_sftp_room(r->sftp)) {
		len = hpn_dm_sftp_read_max(r->sftp);
		if (len > r->end - r->asked)
			len = (size_t)(r->end - r->asked);
		if (r->held != 0 && r->held + len > most)
			break;
		s = xcalloc(1, sizeof(*s));
		s->offset = r->asked;
		s->len = len;
		s->data = xmalloc(len);
		TAILQ_INSERT_TAIL(&r->stretches, s, list);
		r->asked += len;
		r->held += len;
		ask(r, s);
	}
	return r->held;
}

size_t
hpn_dm_reader_held(const struct hpn_dm_reader *r)
{
	return r->held;
}

u_int
hpn_dm_reader_under_way(const struct hpn_dm_reader *r)
{
	return r->under_way;
}

int
hpn_dm_reader_asked(const struct hpn_dm_reader *r)
{
	return r->asked == r->end;
}

int
hpn_dm_reader_whole(const struct hpn_dm_reader *r)
{
	return r->asked == r->end && r->under_way == 0;
}

const u_char *
hpn_dm_reader_next(struct hpn_dm_reader *r, size_t *lenp)
{
	struct stretch *s = TAILQ_FIRST(&r->stretches);

	*lenp = 0;
	if (s == NULL || s->got == s->taken)
		return NULL;
	*lenp = s->got - s->taken;
	return s->data + s->taken;
}

void
hpn_dm_reader_took(struct hpn_dm_reader *r, size_t len)
{
	struct stretch *s = TAILQ_FIRST(&r->stretches);

	s->taken += len;
	r->next += len;
	if (s->taken < s->len)
		return;
	TAILQ_REMOVE(&r->stretches, s, list);
	r->held -= s->len;
	free(s->data);
	free(s);
}

uint64_t
hpn_dm_reader_offset(const struct hpn_dm_reader *r)
{
	return r->next;
}

u_int
hpn_dm_reader_status(const struct hpn_dm_reader *r)
{
	const struct stretch *s = TAILQ_FIRST(&r->stretches);

	if (s == NULL || s->under_way || s->taken < s->got)
		return SSH2_FX_OK;
	return s->status;
}
