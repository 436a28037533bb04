/* SPDX-License-Identifier: ISC */
/* See hpn-sealer.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hpn-packet-buf.h"
#include "hpn-crypt.h"
#include "hpn-engine.h"
#include "hpn-sealer.h"
#include "cipher.h"
#include "kex.h"
#include "sshbuf.h"
#include "ssherr.h"

/* Packets under way; of 32 KiB they fill the ring. */
#define JOBS	64

/* Not worth another thread's attention, bytes. */
#define SMALL	2048

struct job {
	struct hpn_crypt_job crypt;	/* first: hpn_crypt_run() gets it */
	struct sshbuf *packet;
	u_int64_t end;		/* in the ring */
	u_char type;
	struct hpn_sealer *sealer;
};

/*
 * Places in the ring only rise.  Their remainder is the offset.  A packet that
 * does not fit before the ring's end begins at its start and leaves a gap.
 * There is one gap at a time, because all places lie within one ring size.  A
 * packet that just fits leaves no gap.
 *
 *	sent <= sealed <= end <= sent + HPN_SEALER_RING
 */
struct hpn_sealer {
	struct hpn_engine *engine;
	struct hpn_crypt_key *key;
	struct hpn_crypt_position at;
	u_char *ring;
	u_int64_t sent, sealed, end;
	u_int64_t gap, gap_end;		/* equal: there is none */
	struct job jobs[JOBS];
	u_int next;			/* job to be used next */
	struct sshbuf *spare[JOBS];
	u_int nspare;
	int failed;			/* SSH_ERR_*: of a packet */
};

static void
discard(void *p, int done)
{
	struct job *j = p;

	(void)done;
	hpn_crypt_job_clear(&j->crypt);
	sshbuf_free(j->packet);
	j->packet = NULL;
}

static u_char *
place(struct hpn_sealer *s, u_int64_t v)
{
	return s->ring + v % HPN_SEALER_RING;
}

int
hpn_sealer_rekey(struct hpn_sealer *s, const struct newkeys *keys,
    struct sshcipher_ctx *serial)
{
	return hpn_crypt_key_change(&s->key, &s->at, &keys->enc, &keys->mac,
	    CIPHER_ENCRYPT, hpn_engine_workers(s->engine), serial);
}

int
hpn_sealer_new(struct hpn_sealer **sp, const struct newkeys *keys,
    struct sshcipher_ctx *serial, u_int workers)
{
	struct hpn_sealer *s;
	int r = SSH_ERR_ALLOC_FAIL;

	*sp = NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return r;
	if ((s->ring = malloc(HPN_SEALER_RING)) != NULL &&
	    (r = hpn_crypt_engine_new(&s->engine, keys, discard, workers, JOBS,
	    HPN_SEALER_RING)) == 0)
		r = hpn_sealer_rekey(s, keys, serial);
	if (r != 0) {
		hpn_sealer_free(s);
		return r;
	}
	*sp = s;
	return 0;
}

void
hpn_sealer_free(struct hpn_sealer *s)
{
	u_int i;

	if (s == NULL)
		return;
	hpn_engine_free(s->engine);
	hpn_crypt_key_unref(s->key);
	for (i = 0; i < s->nspare; i++)
		sshbuf_free(s->spare[i]);
	free(s->ring);	/* holds nothing that is not to be seen by everybody */
	explicit_bzero(s, sizeof(*s));
	free(s);
}

u_int
hpn_sealer_grow(struct hpn_sealer *s, u_int workers)
{
	return hpn_engine_grow(s->engine, workers);
}

u_int
hpn_sealer_workers(const struct hpn_sealer *s)
{
	return hpn_engine_workers(s->engine);
}

static void
sealed(struct hpn_sealer *s, struct job *j)
{
	if (j->crypt.r != 0 && s->failed == 0)
		s->failed = j->crypt.r;
	hpn_crypt_job_clear(&j->crypt);
	hpn_packet_buf_forget(j->packet, j->type);
	if (s->nspare == JOBS)
		sshbuf_free(j->packet);
	else
		s->spare[s->nspare++] = j->packet;
	j->packet = NULL;
	s->sealed = j->end;
}

static void
collect(struct hpn_sealer *s)
{
	struct job *j;

	while ((j = hpn_engine_take(s->engine)) != NULL)
		sealed(s, j);
}

/* The oldest packet at least. */
static void
collect_wait(struct hpn_sealer *s)
{
	struct job *j;

	if ((j = hpn_engine_wait(s->engine)) != NULL)
		sealed(s, j);
	collect(s);
}

/*
 * How many sealed bytes are in one piece; 0: none.  A packet may end where the
 * ring ends.  Then there is no gap, and the next packet is at the ring's
 * start.
 */
static size_t
prefix(struct hpn_sealer *s)
{
	u_int64_t end = s->sealed, ring;

	if (s->gap != s->gap_end && s->sent == s->gap) {
		if (s->sealed <= s->gap)
			return 0;
		s->sent = s->gap_end;
		s->gap = s->gap_end = 0;
	}
	if (s->gap != s->gap_end && end > s->gap)
		end = s->gap;
	ring = s->sent - s->sent % HPN_SEALER_RING + HPN_SEALER_RING;
	return (size_t)((end < ring ? end : ring) - s->sent);
}

static int
overflow(struct hpn_sealer *s, struct sshbuf *output)
{
	size_t len;
	int r;

	while ((len = prefix(s)) != 0) {
		if (s->failed != 0)
			return s->failed;
		if ((r = sshbuf_put(output, place(s, s->sent), len)) != 0)
			return r;
		s->sent += len;
	}
	return s->failed;
}

/* Room for `need` bytes in one piece, at `end` afterwards; 0: there is none. */
static int
make_place(struct hpn_sealer *s, size_t need)
{
	u_int64_t begin = s->end;
	size_t left = HPN_SEALER_RING - begin % HPN_SEALER_RING;

	if (need > left)
		begin += left;
	if (begin + need - s->sent > HPN_SEALER_RING ||
	    (begin != s->end && s->gap != s->gap_end))
		return 0;
	if (begin != s->end) {
		s->gap = s->end;
		s->gap_end = begin;
		s->end = begin;
	}
	return 1;
}

/* A packet that a peer with an odd idea of packets asked for. */
static int
put_large(struct hpn_sealer *s, struct sshbuf *b, u_int32_t seqnr, u_char type,
    size_t need, struct sshbuf *output)
{
	struct hpn_crypt_job job;
	u_char *out;
	int r;

	while (hpn_engine_jobs(s->engine) != 0)
		collect_wait(s);
	if ((r = overflow(s, output)) != 0 ||
	    (r = sshbuf_reserve(output, need, &out)) != 0)
		return r;
	hpn_crypt_job_init(&job, s->key, &s->at, seqnr, sshbuf_ptr(b), out,
	    (u_int)sshbuf_len(b));
	hpn_crypt_run(&job, HPN_ENGINE_MAIN);
	hpn_crypt_job_clear(&job);
	hpn_packet_buf_forget(b, type);
	if (job.r != 0)
		s->failed = job.r;
	return s->failed;
}

int
hpn_sealer_put(struct hpn_sealer *s, struct sshbuf **packet, u_int32_t seqnr,
    u_char type, struct sshbuf *output)
{
	struct sshbuf *b = *packet, *empty = NULL;
	size_t len = sshbuf_len(b), need;
	struct job *j;
	int r;

	need = len + hpn_crypt_tag_len(s->key);
	if (need > HPN_SEALER_RING / 4)
		return put_large(s, b, seqnr, type, need, output);
	while (hpn_engine_full(s->engine))
		collect_wait(s);
	while (!make_place(s, need)) {
		if (hpn_engine_jobs(s->engine) != 0)
			collect_wait(s);
		if ((r = overflow(s, output)) != 0)
			return r;
	}
	/* Fewer than JOBS are under way, so all together are never more */
	if (s->nspare == 0 && (empty = sshbuf_new()) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	j = &s->jobs[s->next];
	s->next = (s->next + 1) % JOBS;
	j->packet = b;
	j->type = type;
	hpn_crypt_job_init(&j->crypt, s->key, &s->at, seqnr, sshbuf_ptr(b),
	    place(s, s->end), (u_int)len);
	s->end += need;
	j->end = s->end;
	*packet = empty != NULL ? empty : s->spare[--s->nspare];
	if (len < SMALL && hpn_engine_jobs(s->engine) == 0) {
		hpn_crypt_run(&j->crypt, HPN_ENGINE_MAIN);
		sealed(s, j);
		return s->failed;
	}
	/* It was not full */
	(void)hpn_engine_submit(s->engine, j, need);
	return s->failed;
}

size_t
hpn_sealer_pending(const struct hpn_sealer *s)
{
	u_int64_t n = s->end - s->sent;

	return (size_t)(n - (s->gap_end - s->gap));
}

void
hpn_sealer_kick(struct hpn_sealer *s)
{
	if (hpn_engine_jobs(s->engine) != 0)
		hpn_engine_kick(s->engine);
}

ssize_t
hpn_sealer_write(struct hpn_sealer *s, int fd)
{
	size_t len;
	ssize_t n;

	collect(s);
	if ((len = prefix(s)) == 0) {
		collect_wait(s);
		len = prefix(s);
	}
	if (s->failed != 0 || len == 0) {
		errno = s->failed != 0 ? EIO : EAGAIN;
		return -1;
	}
	if ((n = write(fd, place(s, s->sent), len)) > 0)
		s->sent += (size_t)n;
	return n;
}

int
hpn_sealer_flush(struct hpn_sealer *s, struct sshbuf *output,
    struct sshcipher_ctx *serial)
{
	int r;

	while (hpn_engine_jobs(s->engine) != 0)
		collect_wait(s);
	if ((r = overflow(s, output)) != 0 || serial == NULL)
		return r;
	return hpn_crypt_position_end(s->key, serial, &s->at);
}
