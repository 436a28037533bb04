/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-crypt, alone and as the jobs of hpn-engine, against what
 * packet.c does with cipher_crypt() and mac_compute(), one packet at a time.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "cipher.h"
#include "digest.h"
#include "kex.h"
#include "mac.h"
#include "ssherr.h"

#include "hpn-crypt.h"
#include "hpn-engine.h"
#include "tests.h"

#define LARGEST		(256 * KB)	/* PACKET_MAX_SIZE of packet.c */
#define TAG_MAX		SSH_DIGEST_MAX_LENGTH
#define BUFFER		(LARGEST + 64 + TAG_MAX)

static const char *const ciphers[] = {
	"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com",
	"aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr",
	"none", NULL
};

/* What one direction of a connection is made of. */
struct suite {
	struct sshenc enc;
	struct sshmac mac;		/* the serial path's */
	struct sshcipher_ctx *seal, *open; /* the serial path's */
	u_int aad, auth, tag;
};

static uint64_t seed;

/* The same numbers in each run; the main thread's only. */
static uint32_t
any(uint32_t below)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ (z >> 31)) >> 16) % below;
}

static void
fill(u_char *p, size_t len)
{
	while (len-- > 0)
		*p++ = (u_char)any(256);
}

static u_char *
buffer(size_t len)
{
	u_char *p = calloc(1, len);

	ASSERT_PTR_NE(p, NULL);
	return p;
}

/* wraps: the counter in the IV is near its end. */
static void
suite_new(struct suite *s, const char *cipher, const char *mac, int wraps)
{
	u_int ivlen;

	memset(s, 0, sizeof(*s));
	test_subtest_info("%s %s", cipher, mac == NULL ? "" : mac);
	ASSERT_PTR_NE(s->enc.cipher = cipher_by_name(cipher), NULL);
	s->enc.name = strdup(cipher);
	s->enc.key_len = cipher_keylen(s->enc.cipher);
	s->enc.block_size = cipher_blocksize(s->enc.cipher);
	s->enc.iv_len = ivlen = cipher_ivlen(s->enc.cipher);
	fill(s->enc.key = buffer(s->enc.key_len), s->enc.key_len);
	fill(s->enc.iv = buffer(ivlen + 1), ivlen);
	s->tag = s->auth = cipher_authlen(s->enc.cipher);
	s->aad = s->auth ? 4 : 0;
	if (wraps && ivlen > 4) {
		memset(s->enc.iv + 4, 0xff, ivlen - 4);
		if (ivlen == 16 && any(2))
			memset(s->enc.iv, 0xff, 4);
		s->enc.iv[ivlen - 1] = (u_char)(0xf0 + any(16));
	}
	if (mac != NULL) {
		s->mac.name = strdup(mac);
		ASSERT_INT_EQ(mac_setup(&s->mac, s->mac.name), 0);
		fill(s->mac.key = buffer(s->mac.key_len), s->mac.key_len);
		ASSERT_INT_EQ(mac_init(&s->mac), 0);
		s->mac.enabled = 1;
		s->tag = s->mac.mac_len;
		s->aad = s->mac.etm ? 4 : 0;
	}
	ASSERT_INT_EQ(cipher_init(&s->seal, s->enc.cipher, s->enc.key,
	    s->enc.key_len, s->enc.iv, ivlen, CIPHER_ENCRYPT), 0);
	ASSERT_INT_EQ(cipher_init(&s->open, s->enc.cipher, s->enc.key,
	    s->enc.key_len, s->enc.iv, ivlen, CIPHER_DECRYPT), 0);
}

static void
suite_free(struct suite *s)
{
	cipher_free(s->seal);
	cipher_free(s->open);
	if (s->mac.name != NULL)
		mac_clear(&s->mac);
	free(s->mac.name);
	free(s->mac.key);
	free(s->enc.name);
	free(s->enc.key);
	free(s->enc.iv);
}

/* As packet.c seals. */
static void
serial_seal(struct suite *s, uint32_t seqnr, const u_char *plain, u_char *out,
    u_int len)
{
	u_char m[TAG_MAX];

	if (!s->auth && !s->mac.etm)
		ASSERT_INT_EQ(mac_compute(&s->mac, seqnr, plain, (int)len, m,
		    sizeof(m)), 0);
	ASSERT_INT_EQ(cipher_crypt(s->seal, seqnr, out, plain, len - s->aad,
	    s->aad, s->auth), 0);
	if (!s->auth) {
		if (s->mac.etm)
			ASSERT_INT_EQ(mac_compute(&s->mac, seqnr, out, (int)len,
			    m, sizeof(m)), 0);
		memcpy(out + len, m, s->mac.mac_len);
	}
}

/* As packet.c opens, the first block apart where the length is in it. */
static int
serial_open(struct suite *s, uint32_t seqnr, const u_char *in, u_char *out,
    u_int len)
{
	u_int first = s->aad ? 0 : s->enc.block_size;
	int r;

	if (s->mac.etm && (r = mac_check(&s->mac, seqnr, in, len, in + len,
	    s->tag)) != 0)
		return r;
	if (first && (r = cipher_crypt(s->open, seqnr, out, in, first, 0,
	    0)) != 0)
		return r;
	if ((r = cipher_crypt(s->open, seqnr, out + first, in + first,
	    len - first - s->aad, s->aad, s->auth)) != 0)
		return r;
	return s->auth || s->mac.etm ? 0 : mac_check(&s->mac, seqnr, out, len,
	    in + len, s->tag);
}

/* A packet length that there can be, from the least to about max. */
static u_int
length(const struct suite *s, u_int max)
{
	u_int block = s->enc.block_size, n;

	n = any(3) == 0 ? any(8) : any(max / block);
	n = (n + 2) * block + s->aad;
	return n > max + s->aad ? max / block * block + s->aad : n;
}

/* A packet with the length field that belongs to it. */
static void
make_packet(u_char *p, u_int len)
{
	fill(p, len > 2048 ? 2048 : len);
	if (len > 2048)
		memset(p + 2048, (int)any(256), len - 2048);
	p[0] = 0;
	p[1] = (u_char)((len - 4) >> 16);
	p[2] = (u_char)((len - 4) >> 8 & 0xff);
	p[3] = (u_char)((len - 4) & 0xff);
	p[4] = 4;
}

/* Call f for every cipher with every MAC that it can be used with. */
static void
each(void (*f)(struct suite *), int wraps)
{
	struct suite s;
	char *macs, *mac, *p;
	size_t i;

	for (i = 0; ciphers[i] != NULL; i++) {
		if (cipher_authlen(cipher_by_name(ciphers[i])) != 0) {
			suite_new(&s, ciphers[i], NULL, wraps);
			f(&s);
			suite_free(&s);
			continue;
		}
		ASSERT_PTR_NE(macs = p = mac_alg_list(','), NULL);
		while ((mac = strsep(&p, ",")) != NULL) {
			suite_new(&s, ciphers[i], mac, wraps);
			f(&s);
			suite_free(&s);
		}
		free(macs);
	}
}

/* Lengths that each suite is tried with: the shortest, then so many blocks. */
static const u_int lengths[] = {
	0, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 127, 128, 129,
	256, 257, 2047, 2048, 2049, LARGEST / 16
};
#define NLENGTHS	(sizeof(lengths) / sizeof(lengths[0]))

static u_int
length_at(const struct suite *s, size_t i)
{
	u_int shortest = s->enc.block_size;

	/* A length, and at least that of the padding and four bytes of it */
	if (shortest + s->aad < 4 + 1 + 4)
		shortest += s->enc.block_size;
	return (i == 0 ? shortest : lengths[i] * 16) + s->aad;
}

/* ---- Every packet by itself, in any order, by any worker ---- */

static void
one_by_one(struct suite *s)
{
	struct hpn_crypt_key *seal, *open;
	struct hpn_crypt_position at, from, scratch;
	struct hpn_crypt_job jobs[NLENGTHS], j;
	u_char *plain[NLENGTHS], *wire[NLENGTHS], *ours = buffer(BUFFER);
	uint32_t seqnr = 0xfffffff8U + any(8);
	u_int order[NLENGTHS], len[NLENGTHS], worker, packlen;
	size_t i, k;

	ASSERT_INT_EQ(hpn_crypt_usable(&s->enc, &s->mac), 1);
	ASSERT_INT_EQ(hpn_crypt_key_new(&s->enc, &s->mac, CIPHER_ENCRYPT, 0,
	    &seal), 0);
	ASSERT_INT_EQ(hpn_crypt_key_new(&s->enc, &s->mac, CIPHER_DECRYPT, 3,
	    &open), 0);
	ASSERT_U32_EQ(hpn_crypt_tag_len(seal), s->tag);
	ASSERT_U32_EQ(hpn_crypt_aad_len(open), s->aad);

	/* The serial path's bytes */
	ASSERT_INT_EQ(hpn_crypt_position_begin(seal, s->seal, &at), 0);
	from = at;
	for (i = 0; i < NLENGTHS; i++) {
		len[i] = length_at(s, i);
		plain[i] = buffer(len[i]);
		wire[i] = buffer(len[i] + s->tag);
		make_packet(plain[i], len[i]);
		serial_seal(s, seqnr + (uint32_t)i, plain[i], wire[i], len[i]);
		hpn_crypt_job_init(&jobs[i], seal, &at, seqnr + (uint32_t)i,
		    plain[i], ours, len[i]);
		order[i] = (u_int)i;
	}
	for (i = NLENGTHS - 1; i > 0; i--) {
		k = any((uint32_t)i + 1);
		packlen = order[i];
		order[i] = order[k];
		order[k] = packlen;
	}
	for (k = 0; k < NLENGTHS; k++) {
		i = order[k];
		worker = any(9);
		memset(ours, 0x5a, BUFFER);
		if (any(2)) {		/* in place */
			memcpy(ours, plain[i], len[i]);
			jobs[i].in = ours;
		}
		hpn_crypt_run(&jobs[i], worker);
		ASSERT_INT_EQ(jobs[i].r, 0);
		ASSERT_MEM_EQ(ours, wire[i], len[i] + s->tag);
		ASSERT_U8_EQ(ours[len[i] + s->tag], 0x5a);
		hpn_crypt_job_clear(&jobs[i]);
	}

	/* And open them */
	ASSERT_INT_EQ(hpn_crypt_position_begin(open, s->open, &at), 0);
	ASSERT_MEM_EQ(&at, &from, sizeof(at));
	for (i = 0; i < NLENGTHS; i++) {
		ASSERT_INT_EQ(hpn_crypt_length(open, &at, seqnr + (uint32_t)i,
		    wire[i], len[i], LARGEST + 64, &packlen), 0);
		ASSERT_U32_EQ(packlen, len[i] - 4);
		ASSERT_INT_EQ(hpn_crypt_length(open, &at, seqnr + (uint32_t)i,
		    wire[i], 3, LARGEST, &packlen), SSH_ERR_MESSAGE_INCOMPLETE);
		ASSERT_INT_EQ(hpn_crypt_length(open, &at, seqnr + (uint32_t)i,
		    wire[i], len[i], len[i] - 5, &packlen),
		    SSH_ERR_CONN_CORRUPT);
		hpn_crypt_job_init(&jobs[i], open, &at, seqnr + (uint32_t)i,
		    wire[i], ours, len[i]);
	}
	/* The references of the jobs are enough */
	hpn_crypt_key_unref(open);
	for (k = 0; k < NLENGTHS; k++) {
		i = order[NLENGTHS - 1 - k];
		memset(ours, 0x5a, BUFFER);
		if (any(2)) {
			memcpy(ours, wire[i], len[i] + s->tag);
			jobs[i].in = ours;
		}
		hpn_crypt_run(&jobs[i], any(9));
		ASSERT_INT_EQ(jobs[i].r, 0);
		ASSERT_MEM_EQ(ours, plain[i], len[i]);
		hpn_crypt_job_clear(&jobs[i]);
		/* where the serial cipher is when it has come here */
		ASSERT_INT_EQ(serial_open(s, seqnr + (uint32_t)k, wire[k], ours,
		    len[k]), 0);
		ASSERT_MEM_EQ(ours, plain[k], len[k]);
	}
	/* a packet beside the block, or none, is refused and wiped */
	scratch = from;
	for (i = 0; i < 2; i++) {
		memset(ours, 0x5a, 200);
		hpn_crypt_job_init(&j, seal, &scratch, 1, ours, ours,
		    i == 0 ? 8 : 16 + s->aad + 1);
		hpn_crypt_run(&j, 0);
		if (i == 0 || s->enc.block_size == 16) {
			ASSERT_INT_NE(j.r, 0);
			ASSERT_MEM_ZERO_EQ(ours, j.len + s->tag);
		}
		hpn_crypt_job_clear(&j);
	}
	ASSERT_INT_EQ(hpn_crypt_position_begin(seal, s->seal, &scratch), 0);
	ASSERT_MEM_EQ(&at, &scratch, sizeof(at));
	hpn_crypt_key_unref(seal);
	for (i = 0; i < NLENGTHS; i++) {
		free(plain[i]);
		free(wire[i]);
	}
	free(ours);
}

/* ---- Forth and back between this and the serial path ---- */

static void
change_over(struct suite *s)
{
	struct hpn_crypt_key *seal, *open;
	struct hpn_crypt_position out_at, in_at;
	struct hpn_crypt_job j;
	struct suite ref = *s;
	u_char *plain = buffer(BUFFER), *a = buffer(BUFFER);
	u_char *b = buffer(BUFFER);
	uint32_t seqnr = 0xfffffff0U;
	u_int len, i;
	int out = 0, in = 0;		/* 1: not the serial path's turn */

	/* The peer, who is always serial */
	ASSERT_INT_EQ(cipher_init(&ref.seal, s->enc.cipher, s->enc.key,
	    s->enc.key_len, s->enc.iv, s->enc.iv_len, CIPHER_ENCRYPT), 0);
	ASSERT_INT_EQ(cipher_init(&ref.open, s->enc.cipher, s->enc.key,
	    s->enc.key_len, s->enc.iv, s->enc.iv_len, CIPHER_DECRYPT), 0);
	ASSERT_INT_EQ(hpn_crypt_key_new(&s->enc, &s->mac, CIPHER_ENCRYPT, 1,
	    &seal), 0);
	ASSERT_INT_EQ(hpn_crypt_key_new(&s->enc, &s->mac, CIPHER_DECRYPT, 1,
	    &open), 0);
	for (i = 0; i < 60; i++, seqnr++) {
		if (any(3) == 0) {
			out = !out;
			ASSERT_INT_EQ(out ?
			    hpn_crypt_position_begin(seal, s->seal, &out_at) :
			    hpn_crypt_position_end(seal, s->seal, &out_at), 0);
		}
		if (any(3) == 0) {
			in = !in;
			ASSERT_INT_EQ(in ?
			    hpn_crypt_position_begin(open, s->open, &in_at) :
			    hpn_crypt_position_end(open, s->open, &in_at), 0);
		}
		len = length(s, 4096);
		make_packet(plain, len);
		serial_seal(&ref, seqnr, plain, a, len);
		if (out) {
			hpn_crypt_job_init(&j, seal, &out_at, seqnr, plain, b,
			    len);
			hpn_crypt_run(&j, 1);
			ASSERT_INT_EQ(j.r, 0);
			hpn_crypt_job_clear(&j);
		} else
			serial_seal(s, seqnr, plain, b, len);
		ASSERT_MEM_EQ(a, b, len + s->tag);
		if (in) {
			hpn_crypt_job_init(&j, open, &in_at, seqnr, b, b, len);
			hpn_crypt_run(&j, 1);
			ASSERT_INT_EQ(j.r, 0);
			hpn_crypt_job_clear(&j);
		} else
			ASSERT_INT_EQ(serial_open(s, seqnr, a, b, len), 0);
		ASSERT_MEM_EQ(plain, b, len);
	}
	cipher_free(ref.seal);
	cipher_free(ref.open);
	hpn_crypt_key_unref(seal);
	hpn_crypt_key_unref(open);
	free(plain);
	free(a);
	free(b);
}

/* ---- Changed on the way ---- */

static void
flipped(struct suite *s)
{
	struct hpn_crypt_key *open;
	struct hpn_crypt_position at, first;
	struct hpn_crypt_job j;
	u_char *plain = buffer(BUFFER), *wire = buffer(BUFFER);
	u_char *ours = buffer(BUFFER);
	u_int len, bit, n, round;
	int in_place;

	ASSERT_INT_EQ(hpn_crypt_key_new(&s->enc, &s->mac, CIPHER_DECRYPT, 0,
	    &open), 0);
	for (round = 0; round < 2; round++) {
		/* each bit of a short one, some of a long one */
		len = round == 0 ? 48 + s->aad : 32768 + s->aad;
		ASSERT_INT_EQ(hpn_crypt_position_begin(open, s->seal, &first),
		    0);
		make_packet(plain, len);
		serial_seal(s, 7, plain, wire, len);
		for (n = 0; n < (round == 0 ? (len + s->tag) * 8 : 10); n++) {
			bit = round == 0 ? n : any((len + s->tag) * 8);
			in_place = (int)any(2);
			wire[bit / 8] ^= (u_char)(1 << (bit % 8));
			memcpy(ours, wire, len + s->tag);
			at = first;
			hpn_crypt_job_init(&j, open, &at, 7,
			    in_place ? ours : wire, ours, len);
			hpn_crypt_run(&j, 0);
			ASSERT_INT_EQ(j.r, SSH_ERR_MAC_INVALID);
			ASSERT_MEM_ZERO_EQ(ours, len + s->tag);
			hpn_crypt_job_clear(&j);
			wire[bit / 8] ^= (u_char)(1 << (bit % 8));
		}
		/* another number */
		at = first;
		hpn_crypt_job_init(&j, open, &at, 8, wire, ours, len);
		if (s->enc.block_size == 8 || !s->auth) {
			hpn_crypt_run(&j, 0);
			ASSERT_INT_EQ(j.r, SSH_ERR_MAC_INVALID);
			ASSERT_MEM_ZERO_EQ(ours, len + s->tag);
		}
		hpn_crypt_job_clear(&j);
		/* another position, where there is one and a MAC sees it */
		if (s->enc.key_len > 0 && s->enc.iv_len > 0 && !s->mac.etm) {
			hpn_crypt_job_init(&j, open, &at, 7, wire, ours, len);
			hpn_crypt_run(&j, 0);
			ASSERT_INT_EQ(j.r, SSH_ERR_MAC_INVALID);
			ASSERT_MEM_ZERO_EQ(ours, len + s->tag);
			hpn_crypt_job_clear(&j);
		}
		/* and what was not touched is good */
		at = first;
		hpn_crypt_job_init(&j, open, &at, 7, wire, ours, len);
		hpn_crypt_run(&j, 0);
		ASSERT_INT_EQ(j.r, 0);
		ASSERT_MEM_EQ(ours, plain, len);
		hpn_crypt_job_clear(&j);
	}
	hpn_crypt_key_unref(open);
	free(plain);
	free(wire);
	free(ours);
}

/* ---- As an engine's jobs ---- */

static void
delay_some(unsigned int worker)
{
	static atomic_uint turn;
	struct timespec ts = { 0, 20000 };
	unsigned int n = atomic_fetch_add(&turn, 1) * 2654435761U >> 26;

	(void)worker;
	if (n == 0)
		(void)nanosleep(&ts, NULL);
	else if (n < 6)
		(void)sched_yield();
}

static void
discard_job(void *job, int done)
{
	(void)done;
	hpn_crypt_job_clear(job);
}

/* One packet on its way. */
struct packet {
	struct hpn_crypt_job job;	/* first: what the engine gets */
	u_char *plain, *wire, *ours;
	int bad;			/* a bit was flipped */
};

static void
packet_free(struct packet *p)
{
	free(p->plain);
	free(p->wire);
	free(p->ours);
	free(p);
}

static void
check_packet(struct packet *p, int encrypt, const struct suite *s)
{
	ASSERT_INT_EQ(p->job.r, p->bad ? SSH_ERR_MAC_INVALID : 0);
	if (p->bad)
		ASSERT_MEM_ZERO_EQ(p->ours, p->job.len + s->tag);
	else
		ASSERT_MEM_EQ(p->ours, encrypt ? p->wire : p->plain,
		    p->job.len + (encrypt ? s->tag : 0));
	hpn_crypt_job_clear(&p->job);
	packet_free(p);
}

/*
 * `count` packets of a connection that changes its key every so many, through
 * an engine; bad: some are flipped (opening only).
 */
static void
stream(const char *cipher, const char *mac, u_int workers, int encrypt,
    u_int count, u_int rekey, int bad)
{
	struct suite s[16];		/* one after the other; all kept */
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	struct hpn_crypt_key *k = NULL;
	struct hpn_crypt_position at;
	struct packet *p;
	uint32_t seqnr = 0xfffffff0U;
	u_int i, len, n = 0, out = 0;

	memset(&c, 0, sizeof(c));
	c.run = hpn_crypt_run;
	c.discard = discard_job;
	c.workers = workers;
	c.jobs = 24;
	c.bytes = MB;
	c.delay = delay_some;
	ASSERT_PTR_NE(e = hpn_engine_new(&c), NULL);
	ASSERT_U32_LE(count / rekey, 15);
	for (i = 0; i < count || hpn_engine_jobs(e) > 0; ) {
		if (i < count && !hpn_engine_full(e) && any(4) != 0) {
			if (i % rekey == 0) {
				hpn_crypt_key_unref(k);
				suite_new(&s[n], cipher, mac, (int)any(2));
				ASSERT_INT_EQ(hpn_crypt_key_new(&s[n].enc,
				    &s[n].mac, encrypt, any(2) * workers,
				    &k), 0);
				ASSERT_INT_EQ(hpn_crypt_position_begin(k,
				    encrypt ? s[n].seal : s[n].open, &at), 0);
				n++;
			}
			len = length(&s[n - 1], any(4) ? 2048 : 40000);
			ASSERT_PTR_NE(p = calloc(1, sizeof(*p)), NULL);
			p->plain = buffer(len);
			p->wire = buffer(len + TAG_MAX);
			p->ours = buffer(len + TAG_MAX);
			make_packet(p->plain, len);
			serial_seal(&s[n - 1], seqnr, p->plain, p->wire, len);
			memcpy(p->ours, encrypt ? p->plain : p->wire,
			    encrypt ? len : len + s[n - 1].tag);
			if (bad && any(3) == 0) {
				p->bad = 1;
				p->ours[any(len + s[n - 1].tag)] ^= 1;
			}
			hpn_crypt_job_init(&p->job, k, &at, seqnr++, p->ours,
			    p->ours, len);
			ASSERT_INT_EQ(hpn_engine_submit(e, p, len), 0);
			i++;
		}
		if (any(4) == 0)
			(void)hpn_engine_help(e);
		p = i == count || hpn_engine_full(e) ? hpn_engine_wait(e) :
		    hpn_engine_take(e);
		if (p != NULL) {
			ASSERT_U32_EQ(p->job.seqnr, 0xfffffff0U + out);
			out++;
			check_packet(p, encrypt, &s[0]);
		}
	}
	ASSERT_U32_EQ(out, count);
	hpn_crypt_key_unref(k);
	hpn_engine_free(e);
	while (n > 0)
		suite_free(&s[--n]);
}

static void
test_streams(void)
{
	static const struct {
		const char *cipher, *mac;
	} suites[] = {
		{ "chacha20-poly1305@openssh.com", NULL },
		{ "aes128-gcm@openssh.com", NULL },
		{ "aes256-gcm@openssh.com", NULL },
		{ "aes128-ctr", "umac-64-etm@openssh.com" },
		{ "aes192-ctr", "umac-128@openssh.com" },
		{ "aes256-ctr", "hmac-sha2-256" },
		{ "aes128-ctr", "hmac-sha2-512-etm@openssh.com" },
		{ "none", "umac-128-etm@openssh.com" },
		{ "none", "hmac-sha2-256" },
	};
	const size_t n = sizeof(suites) / sizeof(suites[0]);
	size_t i;
	u_int workers;

	TEST_START("crypt: through the engine, 0 to 8 workers, rekeying");
	for (i = 0; i < n; i++)
		for (workers = 0; workers <= 8; workers++) {
			stream(suites[i].cipher, suites[i].mac, workers,
			    CIPHER_ENCRYPT, 60, 7, 0);
			stream(suites[i].cipher, suites[i].mac, workers,
			    CIPHER_DECRYPT, 60, 7, 0);
		}
	TEST_DONE();

	TEST_START("crypt: flipped bits among workers, only the bad are refused");
	for (i = 0; i < n; i++)
		stream(suites[i].cipher, suites[i].mac, 3, CIPHER_DECRYPT, 150,
		    50, 1);
	TEST_DONE();
}

/* A child of fork() that goes on sends what the parent would have sent. */
static void
test_child(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	struct hpn_crypt_key *k;
	struct hpn_crypt_position at;
	struct packet *p;
	struct suite s;
	u_int i, round;
	pid_t pid;
	int status;

	TEST_START("crypt: a child goes on where the parent was");
	fflush(NULL);
	for (round = 0; round < 10; round++) {
		suite_new(&s, ciphers[round % 4], round % 4 == 3 ?
		    "umac-64@openssh.com" : NULL, 0);
		memset(&c, 0, sizeof(c));
		c.run = hpn_crypt_run;
		c.discard = discard_job;
		c.workers = 2;
		c.jobs = 32;
		c.bytes = MB;
		c.delay = delay_some;
		ASSERT_PTR_NE(e = hpn_engine_new(&c), NULL);
		ASSERT_INT_EQ(hpn_crypt_key_new(&s.enc, &s.mac, CIPHER_ENCRYPT,
		    2, &k), 0);
		ASSERT_INT_EQ(hpn_crypt_position_begin(k, s.seal, &at), 0);
		for (i = 0; i < 32; i++) {
			ASSERT_PTR_NE(p = calloc(1, sizeof(*p)), NULL);
			p->plain = buffer(8192 + s.aad);
			p->wire = buffer(8192 + s.aad + TAG_MAX);
			p->ours = buffer(8192 + s.aad + TAG_MAX);
			make_packet(p->plain, 8192 + s.aad);
			memcpy(p->ours, p->plain, 8192 + s.aad);
			serial_seal(&s, i, p->plain, p->wire, 8192 + s.aad);
			hpn_crypt_job_init(&p->job, k, &at, i, p->ours, p->ours,
			    8192 + s.aad);
			ASSERT_INT_EQ(hpn_engine_submit(e, p, 8192), 0);
		}
		if ((pid = fork()) == 0)
			alarm(60);
		ASSERT_INT_NE((int)pid, -1);
		/* both: for this test nothing is sent */
		for (i = 0; (p = hpn_engine_wait(e)) != NULL; i++)
			check_packet(p, 1, &s);
		ASSERT_U32_EQ(i, 32);
		hpn_engine_free(e);
		hpn_crypt_key_unref(k);
		suite_free(&s);
		if (pid == 0)
			_exit(0);
		while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
			;
		ASSERT_INT_EQ(WIFEXITED(status), 1);
		ASSERT_INT_EQ(WEXITSTATUS(status), 0);
	}
	TEST_DONE();
}

static void
test_usable(void)
{
	static const char *const not[] = { "aes128-cbc", "none", NULL };
	struct hpn_crypt_key *k;
	struct sshenc enc;
	struct sshmac mac;
	u_char key[64], iv[16];
	size_t i;

	TEST_START("crypt: refuses what it cannot do");
	memset(&mac, 0, sizeof(mac));
	memset(&enc, 0, sizeof(enc));
	memset(key, 1, sizeof(key));
	memset(iv, 1, sizeof(iv));
	enc.key = key;
	enc.iv = iv;
	for (i = 0; not[i] != NULL; i++) {
		enc.name = (char *)(uintptr_t)not[i];
		ASSERT_PTR_NE(enc.cipher = cipher_by_name(not[i]), NULL);
		enc.key_len = cipher_keylen(enc.cipher);
		enc.iv_len = cipher_ivlen(enc.cipher);
		ASSERT_INT_EQ(hpn_crypt_usable(&enc, &mac), 0);
		ASSERT_INT_EQ(hpn_crypt_key_new(&enc, &mac, CIPHER_ENCRYPT, 0,
		    &k), SSH_ERR_INVALID_ARGUMENT);
		ASSERT_PTR_EQ(k, NULL);
	}
	/* nothing that is called none is a MAC */
	mac.name = (char *)(uintptr_t)"none";
	mac.key = key;
	mac.mac_len = 16;
	ASSERT_INT_EQ(hpn_crypt_usable(&enc, &mac), 0);
	memset(&mac, 0, sizeof(mac));
	/* counters without a MAC, a key that is too short, no IV */
	enc.name = (char *)(uintptr_t)"aes128-ctr";
	enc.cipher = cipher_by_name(enc.name);
	enc.key_len = 16;
	enc.iv_len = 16;
	ASSERT_INT_EQ(hpn_crypt_usable(&enc, &mac), 0);
	enc.name = (char *)(uintptr_t)"aes256-gcm@openssh.com";
	enc.cipher = cipher_by_name(enc.name);
	ASSERT_INT_EQ(hpn_crypt_usable(&enc, &mac), 1);
	ASSERT_INT_NE(hpn_crypt_key_new(&enc, &mac, CIPHER_ENCRYPT, 0, &k), 0);
	enc.key_len = 32;
	enc.iv_len = 11;
	ASSERT_INT_NE(hpn_crypt_key_new(&enc, &mac, CIPHER_ENCRYPT, 0, &k), 0);
	ASSERT_PTR_EQ(k, NULL);
	hpn_crypt_key_unref(NULL);
	TEST_DONE();
}

void
test_crypt(void)
{
	TEST_START("crypt: the serial path's bytes, in any order, every suite");
	each(one_by_one, 0);
	TEST_DONE();

	TEST_START("crypt: the same where the counter wraps");
	each(one_by_one, 1);
	TEST_DONE();

	TEST_START("crypt: change over and back at any packet");
	each(change_over, 0);
	each(change_over, 1);
	TEST_DONE();

	TEST_START("crypt: a flipped bit is found, and nothing is left");
	each(flipped, 0);
	TEST_DONE();

	test_usable();
	test_streams();
	test_child();
}
