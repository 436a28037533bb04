/* SPDX-License-Identifier: ISC */
/*
 * engine - what the packet engine gains by itself, without sockets: seal and
 * open many packets one after the other as stock does, and with 0, 1, 2, ...
 * workers while the main thread helps.
 *
 * usage: engine [-c CIPHER[,MAC]]... [-s SIZE]... [-w WORKERS] [-t MS]
 *
 * -c	cipher as in ssh -Q cipher, and for aes*-ctr a MAC as in ssh -Q mac
 *	(default: each kind)
 * -s	bytes of a packet, rounded up to the cipher's block, 16 to 262144
 *	(default: 1024, 8192, 32768 and 262144)
 * -w	up to so many workers (default: as many as there are CPUs)
 * -t	time to spend on each figure (150)
 *
 * Prints a table: for each cipher, size and direction the MB/s (1e6 bytes) of
 * the serial way, cipher_crypt() and mac_compute() as packet.c calls them, from
 * one buffer to another; then for each number of workers the MB/s of the engine
 * and its ratio to the serial way.  N workers and the main thread are N+1
 * threads.  Each figure is the best of three that were taken in turn.  What
 * comes out is compared with the serial way's, byte by byte: exit status 1 if
 * it differs.
 *
 * Built against one object directory OBJ of the tree TREE:
 *	cc -O2 -DHAVE_CONFIG_H -D_GNU_SOURCE -I OBJ -I TREE -o engine \
 *	    lab/engine.c -L OBJ -L OBJ/openbsd-compat -lssh -lopenbsd-compat \
 *	    -lssh -lopenbsd-compat $(sed -n 's/^LIBS=//p' OBJ/Makefile) \
 *	    -lcrypto -lz -lpthread
 */

#include "includes.h"

#include <sys/types.h>
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cipher.h"
#include "digest.h"
#include "kex.h"
#include "mac.h"
#include "ssherr.h"

#include "hpn-cpus.h"
#include "hpn-crypt.h"
#include "hpn-engine.h"

#define ROUNDS		3
#define SIZES_MAX	16
#define SUITES_MAX	32
/* Packets under way: as much as a connection might have. */
#define BYTES_AHEAD	(2 * 1024 * 1024)
#define JOBS_AHEAD	256

struct suite {
	struct sshenc enc;
	struct sshmac mac;
	u_int aad, auth, tag;
};

/* Packets that are worked on over and over again. */
struct work {
	const struct suite *s;
	int encrypt;
	u_int len, n;			/* of a packet; of packets */
	u_char **in, **out, **expect;
	struct hpn_crypt_key *key;
	struct hpn_crypt_position at;	/* of the first */
	struct hpn_crypt_job *jobs;
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		err(2, "clock_gettime");
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static u_char *
buffer(size_t len)
{
	u_char *p = malloc(len);
	size_t i;

	if (p == NULL)
		err(2, "no memory for %zu bytes: give smaller sizes", len);
	for (i = 0; i < len; i++)
		p[i] = (u_char)(i * 2654435761U >> 13);
	return p;
}

static void
suite_init(struct suite *s, const char *names)
{
	char *cipher, *mac;

	memset(s, 0, sizeof(*s));
	if ((cipher = strdup(names)) == NULL)
		err(2, "strdup");
	if ((mac = strchr(cipher, ',')) != NULL)
		*mac++ = '\0';
	if ((s->enc.cipher = cipher_by_name(cipher)) == NULL)
		errx(2, "unknown cipher \"%s\": see ssh -Q cipher", cipher);
	s->enc.name = cipher;
	s->enc.key_len = cipher_keylen(s->enc.cipher);
	s->enc.iv_len = cipher_ivlen(s->enc.cipher);
	s->enc.block_size = cipher_blocksize(s->enc.cipher);
	s->enc.key = buffer(s->enc.key_len);
	s->enc.iv = buffer(s->enc.iv_len + 1);
	s->auth = s->tag = cipher_authlen(s->enc.cipher);
	s->aad = s->auth ? 4 : 0;
	if (s->auth == 0) {
		if (mac == NULL || mac_setup(&s->mac, mac) != 0)
			errx(2, "%s needs a MAC: give %s,MAC (ssh -Q mac)",
			    cipher, cipher);
		s->mac.name = mac;
		s->mac.key = buffer(s->mac.key_len);
		if (mac_init(&s->mac) != 0)
			errx(2, "MAC \"%s\" cannot be used here", mac);
		s->mac.enabled = 1;
		s->tag = s->mac.mac_len;
		s->aad = s->mac.etm ? 4 : 0;
	}
	if (!hpn_crypt_usable(&s->enc, &s->mac))
		errx(2, "the engine does not know cipher \"%s\"", cipher);
}

static struct sshcipher_ctx *
serial_cipher(const struct suite *s, int encrypt)
{
	struct sshcipher_ctx *cc;

	if (cipher_init(&cc, s->enc.cipher, s->enc.key, s->enc.key_len,
	    s->enc.iv, s->enc.iv_len, encrypt) != 0)
		errx(2, "cipher \"%s\" cannot be used here", s->enc.name);
	return cc;
}

/* As packet.c does it. */
static void
serial(struct suite *s, struct sshcipher_ctx *cc, int encrypt, u_int seqnr,
    const u_char *in, u_char *out, u_int len)
{
	u_char m[SSH_DIGEST_MAX_LENGTH];
	int r = 0;

	if (s->mac.enabled && encrypt && !s->mac.etm)
		r |= mac_compute(&s->mac, seqnr, in, (int)len, m, sizeof(m));
	if (s->mac.enabled && !encrypt && s->mac.etm)
		r |= mac_check(&s->mac, seqnr, in, len, in + len, s->tag);
	r |= cipher_crypt(cc, seqnr, out, in, len - s->aad, s->aad, s->auth);
	if (s->mac.enabled && encrypt) {
		if (s->mac.etm)
			r |= mac_compute(&s->mac, seqnr, out, (int)len, m,
			    sizeof(m));
		memcpy(out + len, m, s->tag);
	}
	if (s->mac.enabled && !encrypt && !s->mac.etm)
		r |= mac_check(&s->mac, seqnr, out, len, in + len, s->tag);
	if (r != 0)
		errx(1, "%s: the serial way failed", s->enc.name);
}

static void
work_init(struct work *w, struct suite *s, u_int size, int encrypt,
    u_int workers)
{
	struct sshcipher_ctx *cc = serial_cipher(s, CIPHER_ENCRYPT);
	struct hpn_crypt_position at;
	u_char *plain, *wire;
	u_int i;

	memset(w, 0, sizeof(*w));
	w->s = s;
	w->encrypt = encrypt;
	w->len = (size + s->enc.block_size - 1) / s->enc.block_size *
	    s->enc.block_size + s->aad;
	if ((w->n = BYTES_AHEAD / w->len) > JOBS_AHEAD)
		w->n = JOBS_AHEAD;
	if ((w->in = calloc(w->n, sizeof(*w->in))) == NULL ||
	    (w->out = calloc(w->n, sizeof(*w->out))) == NULL ||
	    (w->expect = calloc(w->n, sizeof(*w->expect))) == NULL ||
	    (w->jobs = calloc(w->n, sizeof(*w->jobs))) == NULL)
		err(2, "calloc");
	if (hpn_crypt_key_new(&s->enc, &s->mac, encrypt, workers, &w->key) != 0)
		errx(2, "%s: no key for the engine", s->enc.name);
	if (hpn_crypt_position_begin(w->key, cc, &w->at) != 0)
		errx(2, "%s: no position for the engine", s->enc.name);
	at = w->at;
	for (i = 0; i < w->n; i++) {
		plain = buffer(w->len + s->tag);
		wire = buffer(w->len + s->tag);
		serial(s, cc, CIPHER_ENCRYPT, i, plain, wire, w->len);
		w->in[i] = encrypt ? plain : wire;
		w->expect[i] = encrypt ? wire : plain;
		w->out[i] = buffer(w->len + s->tag);
		hpn_crypt_job_init(&w->jobs[i], w->key, &at, i, w->in[i],
		    w->out[i], w->len);
	}
	cipher_free(cc);
}

static void
work_free(struct work *w)
{
	u_int i;

	for (i = 0; i < w->n; i++) {
		hpn_crypt_job_clear(&w->jobs[i]);
		free(w->in[i]);
		free(w->out[i]);
		free(w->expect[i]);
	}
	hpn_crypt_key_unref(w->key);
	free(w->in);
	free(w->out);
	free(w->expect);
	free(w->jobs);
}

/* Packets per second, the serial way. */
static double
rate_serial(struct work *w, struct suite *s, u_int ms)
{
	struct sshcipher_ctx *cc = serial_cipher(s, w->encrypt);
	uint64_t begin = now_ns(), took, done = 0;
	u_int i;

	do {
		/* The IV is where the packets of `in` are, as for the engine */
		if (hpn_crypt_position_end(w->key, cc, &w->at) != 0)
			errx(1, "%s: cannot set the IV", s->enc.name);
		for (i = 0; i < w->n; i++)
			serial(s, cc, w->encrypt, i, w->in[i], w->out[i],
			    w->len);
		done += w->n;
	} while ((took = now_ns() - begin) < ms * 1000000ULL);
	cipher_free(cc);
	return (double)done * 1e9 / (double)took;
}

static void
ignore(void *job, int done)
{
	(void)job;
	(void)done;
}

/* The same through an engine. */
static double
rate_engine(struct work *w, struct hpn_engine *e, u_int ms)
{
	uint64_t begin = now_ns(), took, done = 0;
	struct hpn_crypt_job *j;
	u_int next = 0;
	int more = 1;

	for (;;) {
		/* A job is not given away again before it came back */
		while (more && !hpn_engine_full(e)) {
			if (hpn_engine_submit(e, &w->jobs[next], w->len) != 0)
				errx(1, "the engine is full and says it is not");
			next = (next + 1) % w->n;
		}
		hpn_engine_kick(e);
		if ((j = hpn_engine_wait(e)) == NULL)
			break;
		do {
			if (j->r != 0)
				errx(1, "%s: the engine says: %s",
				    w->s->enc.name, ssh_err(j->r));
			done++;
		} while ((j = hpn_engine_take(e)) != NULL);
		more = now_ns() - begin < ms * 1000000ULL;
	}
	took = now_ns() - begin;
	return (double)done * 1e9 / (double)took;
}

static void
check(struct work *w)
{
	u_int i, len = w->len + (w->encrypt ? w->s->tag : 0);

	for (i = 0; i < w->n; i++) {
		if (memcmp(w->out[i], w->expect[i], len) != 0)
			errx(1, "%s, packets of %u bytes: packet %u differs "
			    "from the serial way's", w->s->enc.name, w->len, i);
		memset(w->out[i], 0, len);
	}
}

static void
measure(struct suite *s, u_int size, int encrypt, u_int workers, u_int ms)
{
	struct hpn_engine *e[HPN_ENGINE_WORKERS_MAX + 1];
	double best[HPN_ENGINE_WORKERS_MAX + 1], best_serial = 0, rate, mb;
	struct hpn_engine_conf conf;
	struct work w;
	u_int i, round;

	work_init(&w, s, size, encrypt, workers);
	memset(&conf, 0, sizeof(conf));
	conf.run = hpn_crypt_run;
	conf.discard = ignore;
	conf.jobs = w.n;
	conf.bytes = BYTES_AHEAD;
	for (i = 0; i <= workers; i++) {
		conf.workers = i;
		if ((e[i] = hpn_engine_new(&conf)) == NULL)
			err(2, "hpn_engine_new");
		if (hpn_engine_workers(e[i]) != i)
			errx(2, "only %u of %u threads could be started: give "
			    "-w", hpn_engine_workers(e[i]), i);
		best[i] = 0;
	}
	for (round = 0; round < ROUNDS; round++) {
		if ((rate = rate_serial(&w, s, ms)) > best_serial)
			best_serial = rate;
		check(&w);
		for (i = 0; i <= workers; i++) {
			if ((rate = rate_engine(&w, e[i], ms)) > best[i])
				best[i] = rate;
			check(&w);
		}
	}
	mb = (double)(w.len - s->aad) / 1e6;
	printf("%-30s %-29s %6u %-4s %7.0f", s->enc.name,
	    s->mac.name == NULL ? "-" : s->mac.name, size,
	    encrypt ? "seal" : "open", best_serial * mb);
	for (i = 0; i <= workers; i++) {
		printf(" %6.0f %5.2f", best[i] * mb, best[i] / best_serial);
		hpn_engine_free(e[i]);
	}
	printf("\n");
	work_free(&w);
}

static void
usage(void)
{
	fprintf(stderr, "usage: engine [-c CIPHER[,MAC]]... [-s SIZE]... "
	    "[-w WORKERS] [-t MS]\n");
	exit(2);
}

static u_int
number(const char *s, u_int min, u_int max)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (end == s || *end != '\0' || n < (long)min || n > (long)max) {
		warnx("\"%s\" is not a number from %u to %u", s, min, max);
		usage();
	}
	return (u_int)n;
}

int
main(int argc, char **argv)
{
	static const char *const usual[] = {
		"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com",
		"aes256-gcm@openssh.com", "aes128-ctr,umac-64-etm@openssh.com",
		"aes128-ctr,umac-128@openssh.com",
		"aes256-ctr,hmac-sha2-256-etm@openssh.com"
	};
	static const u_int usual_sizes[] = { 1024, 8192, 32768, 262144 };
	struct suite suites[SUITES_MAX];
	u_int sizes[SIZES_MAX];
	u_int nsuites = 0, nsizes = 0, workers = hpn_cpus(), ms = 150, i, j;
	int ch;

	if (workers > HPN_ENGINE_WORKERS_MAX)
		workers = HPN_ENGINE_WORKERS_MAX;
	while ((ch = getopt(argc, argv, "c:s:w:t:")) != -1) {
		switch (ch) {
		case 'c':
			if (nsuites == SUITES_MAX)
				usage();
			suite_init(&suites[nsuites++], optarg);
			break;
		case 's':
			if (nsizes == SIZES_MAX)
				usage();
			sizes[nsizes++] = number(optarg, 16, 262144);
			break;
		case 'w':
			workers = number(optarg, 0, HPN_ENGINE_WORKERS_MAX);
			break;
		case 't':
			ms = number(optarg, 1, 60000);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	if (nsuites == 0) {
		for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
			suite_init(&suites[nsuites++], usual[i]);
	}
	if (nsizes == 0) {
		for (i = 0; i < sizeof(usual_sizes) / sizeof(usual_sizes[0]);
		    i++)
			sizes[nsizes++] = usual_sizes[i];
	}

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# MB/s of plaintext; after it the ratio to serial.  %u CPUs.\n",
	    hpn_cpus());
	printf("%-30s %-29s %6s %-4s %7s", "cipher", "mac", "bytes", "way",
	    "serial");
	for (i = 0; i <= workers; i++)
		printf(" %5u w     ", i);
	printf("\n");
	for (i = 0; i < nsuites; i++)
		for (j = 0; j < nsizes; j++) {
			measure(&suites[i], sizes[j], CIPHER_ENCRYPT, workers,
			    ms);
			measure(&suites[i], sizes[j], CIPHER_DECRYPT, workers,
			    ms);
		}
	return 0;
}
