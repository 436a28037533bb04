/* SPDX-License-Identifier: ISC */
/* See hpn-zstd-stream.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZSTD
# include <zstd.h>
# include <zstd_errors.h>
#endif

#include "xmalloc.h"
#include "log.h"
#include "misc.h"
#include "kex.h"
#include "packet.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "hpn-connection.h"
#include "hpn-zstd.h"
#include "hpn-zstd-stream.h"

int
hpn_zstd_stream_level(const struct ssh *ssh)
{
	return ssh->hpn == NULL ? HPN_ZSTD_LEVEL : ssh->hpn->options.zstd_level;
}

#ifdef HAVE_ZSTD

#define HEADER	5	/* of a packet on its way out: its lengths */

/* A payload of the largest size, compressed at its worst and flushed. */
#define ROOM	(HPN_ZSTD_PACKET_MAX + HPN_ZSTD_PACKET_MAX / 64)

/* What is wiped of a payload that a shorter one replaces: see docs/packets.md */
#define WIPES	2048

struct counts {
	u_int64_t packets, compressed;
	u_int64_t raw, wire;	/* bytes */
	int works;
};

struct hpn_zstd_stream {
	struct hpn_zstd policy;
	ZSTD_CCtx *sends, *samples;
	ZSTD_DCtx *receives;
	int open;		/* a frame comes in */
	u_char *room;		/* ROOM bytes */
	struct counts in, out;
};

int
hpn_zstd_stream_is(const char *name)
{
	return name != NULL && strcmp(name, HPN_ZSTD_NAME) == 0;
}

void
hpn_zstd_stream_propose(char **proposal, int disabled)
{
	static const int lists[] = { PROPOSAL_COMP_ALGS_CTOS,
	    PROPOSAL_COMP_ALGS_STOC };
	char **list, *old;
	u_int i;

	for (i = 0; i < sizeof(lists) / sizeof(*lists) && !disabled; i++) {
		list = &proposal[lists[i]];
		if (strchr((old = *list), ',') == NULL)
			continue;
		if (strncmp(old, "none,", 5) == 0)
			xasprintf(list, "%s,%s", old, HPN_ZSTD_NAME);
		else
			xasprintf(list, "%s,%s", HPN_ZSTD_NAME, old);
		free(old);
	}
}

char *
hpn_zstd_stream_names(const char *names)
{
	char *all;

	xasprintf(&all, "%s,%s", names, HPN_ZSTD_NAME);
	return all;
}

int
hpn_zstd_stream_begin(struct hpn_zstd_stream **sp, int mode)
{
	struct hpn_zstd_stream *s = *sp;

	if (s == NULL) {
		if ((s = *sp = calloc(1, sizeof(*s))) == NULL)
			return SSH_ERR_ALLOC_FAIL;
		hpn_zstd_init(&s->policy);
	}
	debug("Enabling %s %s.", HPN_ZSTD_NAME, mode == MODE_OUT ? "out" : "in");
	if (mode == MODE_OUT)
		hpn_zstd_restart(&s->policy);
	else
		s->open = 0;
	return 0;
}

static int
take_room(struct hpn_zstd_stream *s)
{
	if (s->room == NULL && (s->room = malloc(ROOM)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	return 0;
}

static int
set(ZSTD_CCtx *c, ZSTD_cParameter what, int value)
{
	return ZSTD_isError(ZSTD_CCtx_setParameter(c, what, value)) ?
	    SSH_ERR_INTERNAL_ERROR : 0;
}

/* The high levels would take 100 MiB, most of it for windows that we don't have. */
static int
begin_sending(struct hpn_zstd_stream *s, int level)
{
	int r;

	if ((s->sends = ZSTD_createCCtx()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = set(s->sends, ZSTD_c_compressionLevel, level)) != 0 ||
	    (r = set(s->sends, ZSTD_c_windowLog, level >= 3 ?
	    HPN_ZSTD_WINDOW_LOG : HPN_ZSTD_WINDOW_LOG - 3 + level)) != 0)
		return r;
	if (level > 8 &&
	    ((r = set(s->sends, ZSTD_c_chainLog, HPN_ZSTD_WINDOW_LOG)) != 0 ||
	    (r = set(s->sends, ZSTD_c_hashLog, HPN_ZSTD_WINDOW_LOG)) != 0))
		return r;
	debug2_f("level %d", level);
	return 0;
}

/* To *intop bytes in the room; what it was before is the frame's history now. */
static int
compress(struct hpn_zstd_stream *s, const u_char *p, size_t len, int form,
    int level, size_t *intop)
{
	ZSTD_inBuffer in = { p, len, 0 };
	ZSTD_outBuffer out = { s->room, ROOM, 0 };
	size_t left;
	int r;

	if (s->sends == NULL && (r = begin_sending(s, level)) != 0)
		return r;
	if (form == HPN_ZSTD_BEGINS && ZSTD_isError(ZSTD_CCtx_reset(s->sends,
	    ZSTD_reset_session_only)))
		return SSH_ERR_INTERNAL_ERROR;
	left = ZSTD_compressStream2(s->sends, &out, &in, ZSTD_e_flush);
	if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
		return SSH_ERR_ALLOC_FAIL;
	/* Not an error, but not all of it: the room is larger than that */
	if (left != 0 || in.pos != len)
		return SSH_ERR_INTERNAL_ERROR;
	*intop = out.pos;
	return 0;
}

/* A piece of it, with no history: from the middle, behind any headers. */
static int
sample(struct hpn_zstd_stream *s, const u_char *p, size_t len)
{
	size_t n = MINIMUM(len, HPN_ZSTD_SAMPLE), into;

	if (s->samples == NULL && (s->samples = ZSTD_createCCtx()) == NULL)
		return hpn_zstd_sampled(&s->policy, p, n, n);
	into = ZSTD_compressCCtx(s->samples, s->room, ROOM, p + (len - n) / 2, n,
	    HPN_ZSTD_LEVEL_LEAST);
	return hpn_zstd_sampled(&s->policy, p, n,
	    ZSTD_isError(into) ? n : into);
}

int
hpn_zstd_stream_put(struct hpn_zstd_stream *s, struct sshbuf *packet, int level)
{
	size_t len, into;
	u_char *p;
	int r, form;

	if (s == NULL || sshbuf_len(packet) < HEADER + 1)
		return SSH_ERR_INTERNAL_ERROR;
	if ((r = take_room(s)) != 0)
		return r;
	p = sshbuf_mutable_ptr(packet) + HEADER;
	into = len = sshbuf_len(packet) - HEADER;
	form = hpn_zstd_next(&s->policy, p, len);
	if (form == HPN_ZSTD_ASKS)
		form = sample(s, p, len);
	if (form != HPN_ZSTD_STORED) {
		if ((r = compress(s, p, len, form, level, &into)) != 0)
			return r;
		hpn_zstd_compressed(&s->policy, p, len, into);
		explicit_bzero(p, MINIMUM(len, WIPES));
		if ((r = sshbuf_consume_end(packet, len)) != 0 ||
		    (r = sshbuf_put(packet, s->room, into)) != 0)
			return r;
		s->out.compressed++;
	}
	if (form != HPN_ZSTD_STORED || len >= HPN_ZSTD_LEAST)
		s->out.works = form != HPN_ZSTD_STORED;
	s->out.packets++;
	s->out.raw += len;
	s->out.wire += into + 1;
	return sshbuf_put_u8(packet, (u_char)form);
}

/* To *intop bytes in the room, HPN_ZSTD_PACKET_MAX at most. */
static int
decompress(struct hpn_zstd_stream *s, const u_char *p, size_t len, int form,
    size_t *intop)
{
	ZSTD_inBuffer in = { p, len, 0 };
	/* One byte more than there may be, or "all" would not be seen */
	ZSTD_outBuffer out = { s->room, HPN_ZSTD_PACKET_MAX + 1, 0 };
	size_t left;

	if (form == HPN_ZSTD_BEGINS) {
		if (!hpn_zstd_is_frame(p, len))
			return SSH_ERR_INVALID_FORMAT;
		if (s->receives == NULL) {
			if ((s->receives = ZSTD_createDCtx()) == NULL)
				return SSH_ERR_ALLOC_FAIL;
			if (ZSTD_isError(ZSTD_DCtx_setParameter(s->receives,
			    ZSTD_d_windowLogMax, HPN_ZSTD_WINDOW_LOG)))
				return SSH_ERR_INTERNAL_ERROR;
		}
		if (ZSTD_isError(ZSTD_DCtx_reset(s->receives,
		    ZSTD_reset_session_only)))
			return SSH_ERR_INTERNAL_ERROR;
		s->open = 1;
	} else if (!s->open)
		return SSH_ERR_INVALID_FORMAT;
	do {
		left = ZSTD_decompressStream(s->receives, &out, &in);
		if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
			return SSH_ERR_ALLOC_FAIL;
		/* 0: the frame has an end, which ours never have */
		if (ZSTD_isError(left) || left == 0)
			return SSH_ERR_INVALID_FORMAT;
	} while (in.pos < in.size && out.pos < out.size);
	/* That it is not too long, either */
	if (!hpn_zstd_may(s->room, out.pos))
		return SSH_ERR_INVALID_FORMAT;
	*intop = out.pos;
	return 0;
}

int
hpn_zstd_stream_get(struct hpn_zstd_stream *s, struct sshbuf *packet)
{
	size_t len = sshbuf_len(packet), into;
	u_char form;
	int r;

	if (s == NULL)
		return SSH_ERR_INTERNAL_ERROR;
	if (len < 2)
		return SSH_ERR_INVALID_FORMAT;
	form = sshbuf_ptr(packet)[--len];
	if ((r = sshbuf_consume_end(packet, 1)) != 0)
		return r;
	into = len;
	if (form == HPN_ZSTD_BEGINS || form == HPN_ZSTD_GOES_ON) {
		if ((r = take_room(s)) != 0)
			return r;
		if ((r = decompress(s, sshbuf_ptr(packet), len, form,
		    &into)) != 0 ||
		    (r = sshbuf_consume_end(packet, len)) != 0 ||
		    (r = sshbuf_put(packet, s->room, into)) != 0)
			return r;
		s->in.compressed++;
	} else if (form != HPN_ZSTD_STORED)
		return SSH_ERR_INVALID_FORMAT;
	if (form != HPN_ZSTD_STORED || len >= HPN_ZSTD_LEAST)
		s->in.works = form != HPN_ZSTD_STORED;
	s->in.packets++;
	s->in.raw += into;
	s->in.wire += len + 1;
	return 0;
}

int
hpn_zstd_stream_works(const struct hpn_zstd_stream *s)
{
	return s != NULL && (s->in.works || s->out.works);
}

void
hpn_zstd_stream_idle(struct hpn_zstd_stream *s)
{
	if (s == NULL)
		return;
	ZSTD_freeCCtx(s->sends);
	ZSTD_freeCCtx(s->samples);
	s->sends = s->samples = NULL;
	hpn_zstd_restart(&s->policy);
	if (s->room != NULL)
		freezero(s->room, ROOM);
	s->room = NULL;
}

static void
say(const char *way, const struct counts *c)
{
	debug("compress %s: raw data %llu, compressed %llu, factor %.2f, "
	    "%llu of %llu packets", way, (unsigned long long)c->raw,
	    (unsigned long long)c->wire,
	    c->raw == 0 ? 0.0 : (double)c->wire / (double)c->raw,
	    (unsigned long long)c->compressed, (unsigned long long)c->packets);
}

void
hpn_zstd_stream_free(struct hpn_zstd_stream **sp)
{
	struct hpn_zstd_stream *s = *sp;

	if (s == NULL)
		return;
	say("outgoing", &s->out);
	say("incoming", &s->in);
	hpn_zstd_stream_idle(s);
	ZSTD_freeDCtx(s->receives);
	free(s);
	*sp = NULL;
}

#else /* HAVE_ZSTD */

int
hpn_zstd_stream_is(const char *name)
{
	return 0;
}

void
hpn_zstd_stream_propose(char **proposal, int disabled)
{
	if (!disabled && strcmp(proposal[PROPOSAL_COMP_ALGS_CTOS], "none") != 0)
		debug_f("built without libzstd");
}

char *
hpn_zstd_stream_names(const char *names)
{
	return xstrdup(names);
}

int
hpn_zstd_stream_begin(struct hpn_zstd_stream **sp, int mode)
{
	return SSH_ERR_INTERNAL_ERROR;
}

int
hpn_zstd_stream_put(struct hpn_zstd_stream *s, struct sshbuf *packet, int level)
{
	return SSH_ERR_INTERNAL_ERROR;
}

int
hpn_zstd_stream_get(struct hpn_zstd_stream *s, struct sshbuf *packet)
{
	return SSH_ERR_INTERNAL_ERROR;
}

int
hpn_zstd_stream_works(const struct hpn_zstd_stream *s)
{
	return 0;
}

void
hpn_zstd_stream_idle(struct hpn_zstd_stream *s)
{
}

void
hpn_zstd_stream_free(struct hpn_zstd_stream **sp)
{
}

#endif /* HAVE_ZSTD */
