/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-early.h for what this does. */

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

#include "hpn-clock.h"
#include "hpn-sftp-early.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-server.h"

enum { OPENING, DATA, BOTH };

struct answer {
	struct hpn_sftp_early *early;
	u_int id;
	int pending;
	struct sshbuf *packet;		/* as it came */
};

struct hpn_sftp_early {
	struct hpn_sftp_io *io;
	u_int *next_id;
	char *path;
	int sent;			/* by ssh, then: */
	u_int64_t sent_ns;
	struct answer answers[BOTH];
	int waits;			/* neither has come */
	enum { KEPT, TAKEN, DROPPED } fate;
};

static void
release(struct hpn_sftp_early *e)
{
	int i;

	for (i = 0; i < BOTH; i++)
		sshbuf_free(e->answers[i].packet);
	free(e->path);
	free(e);
}

static struct sshbuf *
new_packet(u_char type, u_int id)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	if ((r = sshbuf_put_u8(m, type)) != 0 ||
	    (r = sshbuf_put_u32(m, id)) != 0)
		fatal_fr(r, "compose");
	return m;
}

static struct sshbuf *
opening(u_int id, const char *path)
{
	struct sshbuf *m = new_packet(SSH2_FXP_EXTENDED, id);
	int r;

	if ((r = sshbuf_put_cstring(m, HPN_SFTP_SERVER_OPEN)) != 0 ||
	    (r = sshbuf_put_cstring(m, path)) != 0)
		fatal_fr(r, "compose");
	return m;
}

static struct sshbuf *
reading(u_int id)
{
	struct sshbuf *m = new_packet(SSH2_FXP_READ, id);
	int r;

	if ((r = sshbuf_put_string(m, HPN_SFTP_EARLY_HANDLE,
	    HPN_SFTP_EARLY_HANDLE_LEN)) != 0 ||
	    (r = sshbuf_put_u64(m, 0)) != 0 ||
	    (r = sshbuf_put_u32(m, HPN_SFTP_EARLY_DATA)) != 0)
		fatal_fr(r, "compose");
	return m;
}

struct hpn_sftp_early *
hpn_sftp_early_begin(struct hpn_sftp_lanes *l, struct hpn_sftp_io *io,
    u_int *next_id, const char *path)
{
	struct hpn_sftp_early *e = xcalloc(1, sizeof(*e));
	struct sshbuf *both, *m[BOTH];
	int i, r, taken;

	e->io = io;
	e->next_id = next_id;
	e->path = xstrdup(path);
	for (i = 0; i < BOTH; i++) {
		e->answers[i].early = e;
		e->answers[i].id = (*next_id)++;
	}
	m[OPENING] = opening(e->answers[OPENING].id, path);
	m[DATA] = reading(e->answers[DATA].id);
	if ((both = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	for (i = 0; i < BOTH; i++) {
		if ((r = sshbuf_put_stringb(both, m[i])) != 0)
			fatal_fr(r, "compose");
		sshbuf_free(m[i]);
	}
	taken = hpn_sftp_lanes_early(l, both) == 0;
	sshbuf_free(both);
	if (taken)
		return e;
	release(e);
	return NULL;
}

static void
close_handle(struct hpn_sftp_early *e, struct sshbuf *packet)
{
	struct sshbuf *m;
	const u_char *handle;
	size_t len;
	u_int id = (*e->next_id)++;
	int r;

	if (sshbuf_consume(packet, 5) != 0 ||
	    sshbuf_get_string_direct(packet, &handle, &len) != 0)
		return;
	m = new_packet(SSH2_FXP_CLOSE, id);
	if ((r = sshbuf_put_string(m, handle, len)) != 0)
		fatal_fr(r, "compose");
	debug2("\"%s\" was opened early and is closed again", e->path);
	hpn_sftp_io_put(e->io, m, NULL, 0);
	hpn_sftp_io_later(e->io, id, NULL, NULL);
	sshbuf_free(m);
	/* Nothing else may be sent any more; what fails is noticed later */
	(void)hpn_sftp_io_flush(e->io);
}

/* What came is for nobody: no handle is to stay open. */
static void
sweep(struct hpn_sftp_early *e)
{
	struct sshbuf *packet = e->answers[OPENING].packet;

	if (packet != NULL && sshbuf_ptr(packet)[0] == SSH2_FXP_HANDLE)
		close_handle(e, packet);
	sshbuf_free(packet);
	e->answers[OPENING].packet = NULL;
}

static int
all_came(const struct hpn_sftp_early *e)
{
	return !e->answers[OPENING].pending && !e->answers[DATA].pending;
}

static void
answered(void *context, u_char type, struct sshbuf *m)
{
	struct answer *a = context;
	struct hpn_sftp_early *e = a->early;
	int r;

	a->pending = e->waits = 0;
	a->packet = new_packet(type, a->id);
	if ((r = sshbuf_putb(a->packet, m)) != 0)
		fatal_fr(r, "keep answer");
	switch (e->fate) {
	case KEPT:
		return;
	case TAKEN:
		hpn_sftp_io_again(e->io, a->packet);
		break;
	case DROPPED:
		sweep(e);
		break;
	}
	if (all_came(e))
		release(e);
}

int
hpn_sftp_early_begun(struct hpn_sftp_early *e, struct hpn_sftp_lanes *l)
{
	int i;

	if (!hpn_sftp_lanes_early_sent(l, &e->sent_ns))
		return 0;
	debug2("ssh has asked to open \"%s\" early", e->path);
	e->sent = e->waits = 1;
	for (i = 0; i < BOTH; i++) {
		e->answers[i].pending = 1;
		hpn_sftp_io_later(e->io, e->answers[i].id, answered,
		    &e->answers[i]);
	}
	return 1;
}

int
hpn_sftp_early_is(const struct hpn_sftp_early *e, const char *path)
{
	return e->sent && strcmp(e->path, path) == 0;
}

const int *
hpn_sftp_early_waits(const struct hpn_sftp_early *e)
{
	return &e->waits;
}

/* uint32 length of the handle, and the handle, are all that is in the answer. */
static int
is_open(const struct sshbuf *packet)
{
	static const u_char wanted[] = { 0, 0, 0, HPN_SFTP_EARLY_HANDLE_LEN,
	    0, 0, 0, 0 };

	return sshbuf_len(packet) == 5 + sizeof(wanted) &&
	    sshbuf_ptr(packet)[0] == SSH2_FXP_HANDLE &&
	    memcmp(sshbuf_ptr(packet) + 5, wanted, sizeof(wanted)) == 0;
}

int
hpn_sftp_early_take(struct hpn_sftp_early *e, u_int *open, u_int *data,
    u_int64_t *sent_ns)
{
	int i;

	if (e->answers[OPENING].packet == NULL ||
	    !is_open(e->answers[OPENING].packet))
		return 0;
	*open = e->answers[OPENING].id;
	*data = e->answers[DATA].id;
	*sent_ns = MINIMUM(e->sent_ns, hpn_clock_ns());
	e->fate = TAKEN;
	for (i = 0; i < BOTH; i++)
		if (e->answers[i].packet != NULL)
			hpn_sftp_io_again(e->io, e->answers[i].packet);
	if (all_came(e))
		release(e);
	return 1;
}

void
hpn_sftp_early_drop(struct hpn_sftp_early *e)
{
	e->fate = DROPPED;
	if (e->sent)
		sweep(e);
	if (all_came(e))
		release(e);
}
