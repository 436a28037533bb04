/* SPDX-License-Identifier: ISC */
/* See hpn-crypt.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-base.h"
#include "cipher.h"
#include "digest.h"
#include "hpn-crypt.h"
#include "hpn-engine.h"
#include "kex.h"
#include "mac.h"
#include "ssherr.h"
#include "sshbuf.h"

/* PLAIN: in the clear, for the MAC's sake. */
enum counting { CHACHA, GCM, CTR, PLAIN };

static const struct {
	const char *name;
	enum counting counting;
} ciphers[] = {
	{ "chacha20-poly1305@openssh.com", CHACHA },
	{ "aes128-gcm@openssh.com", GCM },
	{ "aes256-gcm@openssh.com", GCM },
	{ "aes128-ctr", CTR },
	{ "aes192-ctr", CTR },
	{ "aes256-ctr", CTR },
	{ "none", PLAIN },
};

/* A cipher and a MAC have a state that changes with each packet: one each. */
struct slot {
	struct sshcipher_ctx *cipher;
	struct sshmac mac;
};

struct hpn_crypt_key {
	atomic_uint refs;
	enum counting counting;
	const struct sshcipher *cipher;
	int encrypt;
	u_char *key, *iv, *mac_key;
	u_int key_len, iv_len, mac_key_len;
	char *mac_name;			/* NULL: the cipher authenticates */
	int etm;
	u_int aad_len, auth_len, tag_len, block;
	/* By worker number; each touched by its worker alone. */
	struct slot *slots[HPN_ENGINE_WORKERS_MAX + 1];
};

static int
find(const char *name, enum counting *countingp)
{
	size_t i;

	for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (name != NULL && strcmp(name, ciphers[i].name) == 0) {
			*countingp = ciphers[i].counting;
			return 0;
		}
	}
	return -1;
}

int
hpn_crypt_usable(const struct sshenc *enc, const struct sshmac *mac)
{
	enum counting counting;

	if (enc->cipher == NULL || find(enc->name, &counting) != 0)
		return 0;
	return cipher_authlen(enc->cipher) != 0 || (mac->name != NULL &&
	    mac_valid(mac->name) && mac->key != NULL && mac->mac_len != 0);
}

/* Buffers of secrets: a copy, and its end. */
static int
copy(u_char **top, const u_char *from, u_int len)
{
	*top = NULL;
	if (len == 0)
		return 0;
	if ((*top = malloc(len)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	memcpy(*top, from, len);
	return 0;
}

static void
slot_free(struct slot *s)
{
	if (s == NULL)
		return;
	cipher_free(s->cipher);
	mac_clear(&s->mac);	/* its key is the key's */
	freezero(s, sizeof(*s));
}

static int
slot_new(const struct hpn_crypt_key *k, struct slot **sp)
{
	struct slot *s;
	int r;

	*sp = NULL;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = cipher_init(&s->cipher, k->cipher, k->key, k->key_len,
	    k->iv, k->iv_len, k->encrypt)) != 0)
		goto out;
	if (k->mac_name != NULL) {
		if ((r = mac_setup(&s->mac, k->mac_name)) != 0)
			goto out;
		s->mac.key = k->mac_key;
		s->mac.key_len = k->mac_key_len;
		if ((r = mac_init(&s->mac)) != 0)
			goto out;
		s->mac.enabled = 1;
	}
	*sp = s;
	s = NULL;
	r = 0;
 out:
	slot_free(s);
	return r;
}

static int
slot_get(struct hpn_crypt_key *k, u_int worker, struct slot **sp)
{
	int r;

	if (worker > HPN_ENGINE_WORKERS_MAX)
		return SSH_ERR_INVALID_ARGUMENT;
	if (k->slots[worker] == NULL &&
	    (r = slot_new(k, &k->slots[worker])) != 0)
		return r;
	*sp = k->slots[worker];
	return 0;
}

int
hpn_crypt_key_new(const struct sshenc *enc, const struct sshmac *mac,
    int encrypt, u_int workers, struct hpn_crypt_key **kp)
{
	struct hpn_crypt_key *k;
	struct slot *s;
	u_int i;
	int r;

	*kp = NULL;
	if (!hpn_crypt_usable(enc, mac))
		return SSH_ERR_INVALID_ARGUMENT;
	if ((k = calloc(1, sizeof(*k))) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	atomic_init(&k->refs, 1);
	(void)find(enc->name, &k->counting);
	k->cipher = enc->cipher;
	k->encrypt = encrypt;
	k->key_len = enc->key_len;
	k->iv_len = cipher_ivlen(enc->cipher);
	k->block = cipher_blocksize(enc->cipher);
	k->tag_len = k->auth_len = cipher_authlen(enc->cipher);
	if (k->iv_len > sizeof(((struct hpn_crypt_position *)0)->iv) ||
	    enc->iv_len < k->iv_len) {
		r = SSH_ERR_INVALID_ARGUMENT;
		goto out;
	}
	if ((r = copy(&k->key, enc->key, k->key_len)) != 0 ||
	    (r = copy(&k->iv, enc->iv, k->iv_len)) != 0)
		goto out;
	if (k->auth_len == 0) {
		k->mac_key_len = mac->key_len;
		k->tag_len = mac->mac_len;
		k->etm = mac->etm;
		if ((r = copy(&k->mac_key, mac->key, k->mac_key_len)) != 0)
			goto out;
		if ((k->mac_name = strdup(mac->name)) == NULL) {
			r = SSH_ERR_ALLOC_FAIL;
			goto out;
		}
	}
	k->aad_len = k->auth_len != 0 || k->etm ? 4 : 0;
	for (i = 0; i <= workers && i <= HPN_ENGINE_WORKERS_MAX; i++) {
		if ((r = slot_get(k, i, &s)) != 0)
			goto out;
	}
	*kp = k;
	k = NULL;
	r = 0;
 out:
	hpn_crypt_key_unref(k);
	return r;
}

struct hpn_crypt_key *
hpn_crypt_key_ref(struct hpn_crypt_key *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void
hpn_crypt_key_unref(struct hpn_crypt_key *k)
{
	size_t i;

	if (k == NULL || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	for (i = 0; i < sizeof(k->slots) / sizeof(k->slots[0]); i++)
		slot_free(k->slots[i]);
	freezero(k->key, k->key_len);
	freezero(k->iv, k->iv_len);
	freezero(k->mac_key, k->mac_key_len);
	free(k->mac_name);
	freezero(k, sizeof(*k));
}

u_int
hpn_crypt_tag_len(const struct hpn_crypt_key *k)
{
	return k->tag_len;
}

u_int
hpn_crypt_aad_len(const struct hpn_crypt_key *k)
{
	return k->aad_len;
}

/* ---- Positions ---- */

/* Add n to the number of len bytes at p, big endian; what does not fit goes. */
static void
add(u_char *p, size_t len, u_int n)
{
	while (len > 0 && n > 0) {
		n += p[--len];
		p[len] = n & 0xff;
		n >>= 8;
	}
}

int
hpn_crypt_position_begin(const struct hpn_crypt_key *k,
    struct sshcipher_ctx *serial, struct hpn_crypt_position *at)
{
	int r;

	memset(at, 0, sizeof(*at));
	if (k->counting == CHACHA)
		return 0;
	if ((r = hpn_base_iv_get(serial, at->iv, k->iv_len)) != 0)
		return r;
	/*
	 * To ask for a GCM's IV uses it up: libcrypto has one call for both.
	 * Set back, or the serial path would skip one.
	 */
	if (k->counting == GCM)
		return hpn_base_iv_set(serial, at->iv, k->iv_len);
	return 0;
}

int
hpn_crypt_position_end(const struct hpn_crypt_key *k,
    struct sshcipher_ctx *serial, const struct hpn_crypt_position *at)
{
	if (k->counting == CHACHA)
		return 0;
	return hpn_base_iv_set(serial, at->iv, k->iv_len);
}

int
hpn_crypt_key_change(struct hpn_crypt_key **kp, struct hpn_crypt_position *at,
    const struct sshenc *enc, const struct sshmac *mac, int encrypt,
    u_int workers, struct sshcipher_ctx *serial)
{
	struct hpn_crypt_position begin;
	struct hpn_crypt_key *k;
	int r;

	if ((r = hpn_crypt_key_new(enc, mac, encrypt, workers, &k)) != 0)
		return r;
	if ((r = hpn_crypt_position_begin(k, serial, &begin)) != 0) {
		hpn_crypt_key_unref(k);
		return r;
	}
	hpn_crypt_key_unref(*kp);
	*kp = k;
	*at = begin;
	return 0;
}

void
hpn_crypt_position_advance(const struct hpn_crypt_key *k,
    struct hpn_crypt_position *at, u_int len)
{
	switch (k->counting) {
	case CHACHA:
	case PLAIN:
		break;
	case GCM:
		add(at->iv + 4, 8, 1);
		break;
	case CTR:
		add(at->iv, 16, (len - k->aad_len) / 16);
		break;
	}
}

int
hpn_crypt_length(struct hpn_crypt_key *k, const struct hpn_crypt_position *at,
    u_int32_t seqnr, const u_char *cp, size_t len, u_int packet_max,
    u_int *packlenp)
{
	u_char first[16];
	struct slot *s;
	int r;

	*packlenp = 0;
	if ((r = slot_get(k, HPN_ENGINE_MAIN, &s)) != 0)
		return r;
	if (k->aad_len != 0) {
		if ((r = hpn_base_packet_length(s->cipher, packlenp, seqnr, cp,
		    len < 4 ? (u_int)len : 4)) != 0)
			return r;
	} else {
		/* The length is encrypted as the rest is: open one block */
		if (len < sizeof(first))
			return SSH_ERR_MESSAGE_INCOMPLETE;
		if ((r = hpn_base_iv_set(s->cipher, at->iv,
		    k->iv_len)) == 0 &&
		    (r = cipher_crypt(s->cipher, seqnr, first, cp,
		    sizeof(first), 0, 0)) == 0)
			*packlenp = PEEK_U32(first);
		explicit_bzero(first, sizeof(first));
		if (r != 0)
			return r;
	}
	if (*packlenp < 1 + 4 || *packlenp > packet_max ||
	    (*packlenp + 4 - k->aad_len) % k->block != 0)
		return SSH_ERR_CONN_CORRUPT;
	return 0;
}

/* ---- Jobs ---- */

void
hpn_crypt_job_init(struct hpn_crypt_job *job, struct hpn_crypt_key *k,
    struct hpn_crypt_position *at, u_int32_t seqnr, const u_char *in,
    u_char *out, u_int len)
{
	job->key = hpn_crypt_key_ref(k);
	job->at = *at;
	job->seqnr = seqnr;
	job->in = in;
	job->out = out;
	job->len = len;
	job->r = SSH_ERR_INTERNAL_ERROR;	/* until it was run */
	hpn_crypt_position_advance(k, at, len);
}

void
hpn_crypt_job_clear(struct hpn_crypt_job *job)
{
	hpn_crypt_key_unref(job->key);
	job->key = NULL;
}

static int
crypt_packet(const struct hpn_crypt_key *k, struct slot *s,
    const struct hpn_crypt_job *j)
{
	u_char mac[SSH_DIGEST_MAX_LENGTH];
	const u_char *tag = j->in + j->len;
	int r;

	/* Shorter than any packet, or longer than mac_compute() can say */
	if (j->len < 4 + 1 + 4 || j->len > 0x7fffffff)
		return SSH_ERR_INVALID_ARGUMENT;
	if (k->counting != CHACHA &&
	    (r = hpn_base_iv_set(s->cipher, j->at.iv, k->iv_len)) != 0)
		return r;
	/* The order of the serial path, packet.c */
	if (k->mac_name != NULL && !k->etm && k->encrypt &&
	    (r = mac_compute(&s->mac, j->seqnr, j->in, (int)j->len, mac,
	    sizeof(mac))) != 0)
		return r;
	if (k->mac_name != NULL && k->etm && !k->encrypt &&
	    (r = mac_check(&s->mac, j->seqnr, j->in, j->len, tag,
	    k->tag_len)) != 0)
		return r;
	/* What is opened where it lies needs no copy */
	if ((k->counting != PLAIN || j->out != j->in) &&
	    (r = cipher_crypt(s->cipher, j->seqnr, j->out, j->in,
	    j->len - k->aad_len, k->aad_len, k->auth_len)) != 0)
		return r;
	if (k->mac_name == NULL)
		return 0;
	if (k->encrypt) {
		if (k->etm && (r = mac_compute(&s->mac, j->seqnr, j->out,
		    (int)j->len, mac, sizeof(mac))) != 0)
			return r;
		memcpy(j->out + j->len, mac, k->tag_len);
		return 0;
	}
	return k->etm ? 0 : mac_check(&s->mac, j->seqnr, j->out, j->len, tag,
	    k->tag_len);
}

void
hpn_crypt_run(void *job, u_int worker)
{
	struct hpn_crypt_job *j = job;
	struct slot *s;

	if ((j->r = slot_get(j->key, worker, &s)) == 0)
		j->r = crypt_packet(j->key, s, j);
	/*
	 * GCM and a MAC over plaintext decrypt before they check, and what is
	 * not sealed must not be sent.
	 */
	if (j->r != 0)
		explicit_bzero(j->out, j->len + j->key->tag_len);
}

int
hpn_crypt_engine_new(struct hpn_engine **ep, const struct newkeys *keys,
    void (*discard)(void *, int), u_int workers, size_t jobs, size_t bytes)
{
	struct hpn_engine_conf conf;

	*ep = NULL;
	if (!hpn_crypt_usable(&keys->enc, &keys->mac))
		return SSH_ERR_INVALID_ARGUMENT;
	memset(&conf, 0, sizeof(conf));
	conf.run = hpn_crypt_run;
	conf.discard = discard;
	conf.workers = workers;
	conf.jobs = jobs;
	conf.bytes = bytes;
	if ((*ep = hpn_engine_new(&conf)) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if (hpn_engine_workers(*ep) != 0)
		return 0;
	hpn_engine_free(*ep);
	*ep = NULL;
	return SSH_ERR_SYSTEM_ERROR;
}
