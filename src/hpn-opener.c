/* SPDX-License-Identifier: ISC */
/* See hpn-opener.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-packet-buf.h"
#include "hpn-crypt.h"
#include "hpn-engine.h"
#include "hpn-opener.h"
#include "cipher.h"
#include "kex.h"
#include "sshbuf.h"
#include "ssherr.h"

/* Packets under way; of 32 KiB they are HPN_OPENER_AHEAD. */
#define JOBS	32

/* Not worth another thread's attention, bytes. */
#define SMALL	2048

struct job {
	struct hpn_crypt_job crypt;	/* first: hpn_crypt_run() gets it */
	struct hpn_crypt_position at;	/* where the packet begins */
	struct sshbuf *packet;
	u_int packlen;
	size_t wire;			/* its bytes in the input */
};

/*
 * Jobs lie in a ring in the order of the packets:
 *
 *	first			first + settled		first + count
 *	  | done, engine's no more  |  in the engine	  |  free
 */
struct hpn_opener {
	struct hpn_engine *engine;
	struct hpn_crypt_key *key;
	struct hpn_crypt_position at;	/* behind the last job */
	struct job jobs[JOBS];
	u_int first, settled, count;
	size_t submitted;		/* bytes of the input in jobs */
};

static void
discard(void *p, int done)
{
	(void)p;	/* jobs are cleared in hpn_opener_free() */
	(void)done;
}

int
hpn_opener_rekey(struct hpn_opener *o, const struct newkeys *keys,
    struct sshcipher_ctx *serial)
{
	if (o->count != 0)
		return SSH_ERR_INTERNAL_ERROR;
	return hpn_crypt_key_change(&o->key, &o->at, &keys->enc, &keys->mac,
	    CIPHER_DECRYPT, hpn_engine_workers(o->engine), serial);
}

int
hpn_opener_new(struct hpn_opener **op, const struct newkeys *keys,
    struct sshcipher_ctx *serial, u_int workers)
{
	struct hpn_opener *o;
	u_int i;
	int r = SSH_ERR_ALLOC_FAIL;

	*op = NULL;
	if ((o = calloc(1, sizeof(*o))) == NULL)
		return r;
	for (i = 0; i < JOBS; i++) {
		if ((o->jobs[i].packet = sshbuf_new()) == NULL)
			goto out;
	}
	if ((r = hpn_crypt_engine_new(&o->engine, keys, discard, workers, JOBS,
	    HPN_OPENER_AHEAD)) != 0 ||
	    (r = hpn_opener_rekey(o, keys, serial)) != 0)
		goto out;
	*op = o;
	return 0;
 out:
	(void)hpn_opener_free(o, NULL);
	return r;
}

int
hpn_opener_free(struct hpn_opener *o, struct sshcipher_ctx *serial)
{
	u_int i;
	int r = 0;

	if (o == NULL)
		return 0;
	hpn_engine_free(o->engine);
	if (serial != NULL && o->key != NULL) {
		r = hpn_crypt_position_end(o->key, serial, o->count != 0 ?
		    &o->jobs[o->first].at : &o->at);
	}
	for (i = 0; i < o->count; i++)
		hpn_crypt_job_clear(&o->jobs[(o->first + i) % JOBS].crypt);
	for (i = 0; i < JOBS; i++)
		sshbuf_free(o->jobs[i].packet);
	hpn_crypt_key_unref(o->key);
	explicit_bzero(o, sizeof(*o));
	free(o);
	return r;
}

u_int
hpn_opener_grow(struct hpn_opener *o, u_int workers)
{
	return hpn_engine_grow(o->engine, workers);
}

u_int
hpn_opener_workers(const struct hpn_opener *o)
{
	return hpn_engine_workers(o->engine);
}

/* Begin with the packet behind those that are under way. */
static int
begin(struct hpn_opener *o, const struct sshbuf *input, u_int32_t seqnr,
    u_int packet_max)
{
	struct job *j = &o->jobs[(o->first + o->count) % JOBS];
	size_t left = sshbuf_len(input) - o->submitted, wire;
	const u_char *cp = sshbuf_ptr(input) + o->submitted;
	u_char *out;
	u_int packlen;
	int r;

	seqnr += o->count;
	if ((r = hpn_crypt_length(o->key, &o->at, seqnr, cp, left, packet_max,
	    &packlen)) != 0)
		return r;
	wire = (size_t)packlen + 4 + hpn_crypt_tag_len(o->key);
	if (left < wire)
		return SSH_ERR_MESSAGE_INCOMPLETE;
	if ((r = sshbuf_reserve(j->packet, wire, &out)) != 0)
		return r;
	j->packlen = packlen;
	j->wire = wire;
	j->at = o->at;
	hpn_crypt_job_init(&j->crypt, o->key, &o->at, seqnr, cp, out,
	    packlen + 4);
	o->submitted += wire;
	if (o->count++ == 0 && wire < SMALL) {
		hpn_crypt_run(&j->crypt, HPN_ENGINE_MAIN);
		o->settled = 1;
	} else {
		/* It was not full */
		(void)hpn_engine_submit(o->engine, j, wire);
	}
	return 0;
}

void
hpn_opener_settle(struct hpn_opener *o)
{
	while (o->settled < o->count) {
		(void)hpn_engine_wait(o->engine);
		o->settled++;
	}
}

int
hpn_opener_next(struct hpn_opener *o, struct sshbuf *input, u_int32_t seqnr,
    u_int packet_max, int ahead, u_char last, struct sshbuf **packet,
    u_int *packlenp)
{
	struct job *j;
	struct sshbuf *opened;
	int r = 0;

	while (r == 0 && o->count < JOBS && (ahead || o->count == 0) &&
	    !hpn_engine_full(o->engine))
		r = begin(o, input, seqnr, packet_max);
	/* What is wrong with a packet matters when its turn has come */
	if (o->count == 0)
		return r;
	j = &o->jobs[o->first];
	if (o->settled == 0) {
		if (o->count > 1)
			hpn_engine_kick(o->engine);
		(void)hpn_engine_wait(o->engine);
		o->settled = 1;
	}
	if (j->crypt.r != 0)
		return SSH_ERR_CONN_CORRUPT;
	hpn_crypt_job_clear(&j->crypt);
	o->first = (o->first + 1) % JOBS;
	o->settled--;
	o->count--;
	o->submitted -= j->wire;
	opened = j->packet;
	if ((r = sshbuf_consume(input, j->wire)) != 0 ||
	    (r = sshbuf_consume_end(opened, j->wire - j->packlen - 4)) != 0)
		return r;
	hpn_packet_buf_forget(*packet, last);
	j->packet = *packet;
	*packet = opened;
	*packlenp = j->packlen;
	return 0;
}
