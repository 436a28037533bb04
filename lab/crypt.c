/* SPDX-License-Identifier: ISC */
/*
 * crypt - how long it takes to seal and to open one packet, without sockets
 * and without the rest of ssh.  Linked with the libssh.a of one object
 * directory; lab/crypt.sh builds it for ours and for stock and compares.
 *
 * usage: crypt [-t MS] CIPHER MAC|- SIZE ...
 *
 * CIPHER	as in ssh -Q cipher
 * MAC		as in ssh -Q mac; - for a cipher that authenticates by itself
 * SIZE		bytes of payload in a packet, 1 to 262128; the 5 to 24 bytes of
 *		length and padding are added as packet.c does
 * -t MS	time to spend on each size and direction (20)
 *
 * Prints for each size one line, tab-separated:
 *	CIPHER MAC SIZE SEAL OPEN DIGEST
 * SEAL, OPEN: ns for a packet, the least of many short samples.  DIGEST: of
 * the sealed bytes of the first packets; keys and content are fixed, so that
 * it is the same for every build that is right.  That what was opened is what
 * was sealed is checked here.
 *
 * Packets are sealed and opened as in packet.c: ssh_packet_send2_wrapped(),
 * ssh_packet_read_poll2(), from one buffer to another.
 */

#include "includes.h"

#include <sys/types.h>
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cipher.h"
#include "digest.h"
#include "log.h"
#include "mac.h"
#include "sshbuf.h"
#include "ssherr.h"

#define PACKET_MAX_SIZE	(256 * 1024)	/* as in packet.c */
/* A sample seals or opens so many bytes: what stays in a second-level cache. */
#define SAMPLE_BYTES	(128 * 1024)
/* ... but so many packets at most, as small ones cost no time for their bytes. */
#define SAMPLE_PACKETS	64
/* Samples before the first that counts: caches, clock of the processor. */
#define WARM_SAMPLES	5

struct keys {
	struct sshcipher_ctx *cipher;
	struct sshmac mac;
	u_int32_t seqnr;
};

struct packet_size {
	u_int block, aadlen, authlen, maclen;
	u_int len;		/* 4 + packet_length, as in packet.c */
	u_int sealed;		/* on the wire */
};

static const struct sshcipher *cipher;
static const char *cipher_name, *mac_name;

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: crypt [-t MS] CIPHER MAC|- SIZE ...\n");
	exit(2);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
		err(1, "clock_gettime");
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void *
allocate(size_t len)
{
	void *p;

	/* Aligned, so that every build and every run has the same luck */
	if (posix_memalign(&p, 4096, len) != 0)
		errx(1, "out of memory");
	memset(p, 0, len);
	return p;
}

static void
keys_init(struct keys *k, int mode)
{
	u_char key[64], iv[16];
	size_t i;
	int r;

	memset(k, 0, sizeof(*k));
	for (i = 0; i < sizeof(key); i++)
		key[i] = (u_char)(i * 7 + 1);
	for (i = 0; i < sizeof(iv); i++)
		iv[i] = (u_char)(i * 13 + 5);
	if ((r = cipher_init(&k->cipher, cipher, key, cipher_keylen(cipher),
	    iv, cipher_ivlen(cipher), mode)) != 0)
		errx(1, "cipher_init: %s", ssh_err(r));
	if (mac_name == NULL)
		return;
	if ((r = mac_setup(&k->mac, (char *)mac_name)) != 0)
		errx(1, "mac %s: %s", mac_name, ssh_err(r));
	k->mac.key = allocate(k->mac.key_len);
	memcpy(k->mac.key, key, k->mac.key_len);
	k->mac.enabled = 1;
	if ((r = mac_init(&k->mac)) != 0)
		errx(1, "mac_init: %s", ssh_err(r));
}

static void
keys_free(struct keys *k)
{
	cipher_free(k->cipher);
	if (mac_name != NULL) {
		mac_clear(&k->mac);
		free(k->mac.key);
	}
}

/* Header, payload and padding of a packet of `payload` bytes, in `plain`. */
static void
packet_size(struct packet_size *s, const struct sshmac *mac, u_int payload)
{
	u_int len, padlen;

	s->block = cipher_blocksize(cipher);
	s->authlen = cipher_authlen(cipher);
	s->maclen = s->authlen != 0 ? 0 : mac->mac_len;
	s->aadlen = s->authlen != 0 || mac->etm ? 4 : 0;
	len = 4 + 1 + payload - s->aadlen;
	padlen = s->block - (len % s->block);
	if (padlen < 4)
		padlen += s->block;
	s->len = 4 + 1 + payload + padlen;
	s->sealed = s->len + s->authlen + s->maclen;
}

static void
packet_fill(const struct packet_size *s, u_int payload, u_char *plain)
{
	u_int i;

	POKE_U32(plain, s->len - 4);
	plain[4] = (u_char)(s->len - payload - 5);
	for (i = 5; i < s->len; i++)
		plain[i] = (u_char)(i * 31 + (i >> 8));
}

static void
seal(struct keys *k, const struct packet_size *s, u_char *to,
    const u_char *plain)
{
	u_char macbuf[SSH_DIGEST_MAX_LENGTH];
	int r = 0;

	if (s->maclen != 0 && !k->mac.etm)
		r = mac_compute(&k->mac, k->seqnr, plain, s->len, macbuf,
		    sizeof(macbuf));
	if (r == 0)
		r = cipher_crypt(k->cipher, k->seqnr, to, plain,
		    s->len - s->aadlen, s->aadlen, s->authlen);
	if (r == 0 && s->maclen != 0 && k->mac.etm)
		r = mac_compute(&k->mac, k->seqnr, to, s->len, macbuf,
		    sizeof(macbuf));
	if (r != 0)
		errx(1, "sealing failed: %s", ssh_err(r));
	if (s->maclen != 0)
		memcpy(to + s->len, macbuf, s->maclen);
	k->seqnr++;
}

static void
unseal(struct keys *k, const struct packet_size *s, u_char *to,
    const u_char *sealed)
{
	u_int packlen, first = 0;
	int r = 0;

	if (s->aadlen != 0)
		r = cipher_get_length(k->cipher, &packlen, k->seqnr, sealed,
		    s->sealed);
	else {
		first = s->block;
		r = cipher_crypt(k->cipher, k->seqnr, to, sealed, first, 0, 0);
		packlen = PEEK_U32(to);
	}
	if (r == 0 && packlen != s->len - 4)
		errx(1, "opened a packet of another length: %u, not %u",
		    packlen, s->len - 4);
	if (r == 0 && s->maclen != 0 && k->mac.etm)
		r = mac_check(&k->mac, k->seqnr, sealed, s->len,
		    sealed + s->len, s->maclen);
	if (r == 0)
		r = cipher_crypt(k->cipher, k->seqnr, to + first,
		    sealed + first, s->len - s->aadlen - first, s->aadlen,
		    s->authlen);
	if (r == 0 && s->maclen != 0 && !k->mac.etm)
		r = mac_check(&k->mac, k->seqnr, to, s->len, sealed + s->len,
		    s->maclen);
	if (r != 0)
		errx(1, "opening failed: %s", ssh_err(r));
	k->seqnr++;
}

static void
measure(u_int payload, uint64_t budget_ns)
{
	struct keys out, in;
	struct packet_size s;
	u_char *plain, *sealed, *opened, digest[SSH_DIGEST_MAX_LENGTH];
	uint64_t start, mid, end, until = 0;
	double seal_ns = 0, open_ns = 0;
	u_int i, n, sample;

	keys_init(&out, CIPHER_ENCRYPT);
	keys_init(&in, CIPHER_DECRYPT);
	packet_size(&s, &out.mac, payload);
	if (s.len - 4 > PACKET_MAX_SIZE)
		errx(1, "%u bytes do not fit a packet", payload);
	n = SAMPLE_BYTES / s.sealed;
	if (n > SAMPLE_PACKETS)
		n = SAMPLE_PACKETS;
	if (n == 0)
		n = 1;
	plain = allocate(s.len);
	packet_fill(&s, payload, plain);
	sealed = allocate((size_t)n * s.sealed);
	opened = allocate(s.len);

	for (sample = 0; ; sample++) {
		start = now_ns();
		if (sample == WARM_SAMPLES)
			until = start + 2 * budget_ns;
		else if (sample > WARM_SAMPLES && start >= until)
			break;
		for (i = 0; i < n; i++)
			seal(&out, &s, sealed + (size_t)i * s.sealed, plain);
		mid = now_ns();
		for (i = 0; i < n; i++)
			unseal(&in, &s, opened, sealed +
			    (size_t)i * s.sealed);
		end = now_ns();
		if (sample == 0 && ssh_digest_memory(SSH_DIGEST_SHA256, sealed,
		    (size_t)n * s.sealed, digest, sizeof(digest)) != 0)
			errx(1, "SHA-256 failed");
		if (memcmp(plain, opened, s.len) != 0)
			errx(1, "%s %s: what was opened is not what was "
			    "sealed, %u bytes", cipher_name,
			    mac_name == NULL ? "-" : mac_name, payload);
		if (sample < WARM_SAMPLES)
			continue;
		if (seal_ns == 0 || (double)(mid - start) / n < seal_ns)
			seal_ns = (double)(mid - start) / n;
		if (open_ns == 0 || (double)(end - mid) / n < open_ns)
			open_ns = (double)(end - mid) / n;
	}
	printf("%s\t%s\t%u\t%.1f\t%.1f\t", cipher_name,
	    mac_name == NULL ? "-" : mac_name, payload, seal_ns, open_ns);
	for (i = 0; i < 8; i++)
		printf("%02x", digest[i]);
	printf("\n");
	free(plain);
	free(sealed);
	free(opened);
	keys_free(&out);
	keys_free(&in);
}

static u_long
number(const char *text, u_long most)
{
	char *end;
	u_long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' ||
	    n == 0 || n > most)
		errx(2, "not a number from 1 to %lu: %s", most, text);
	return n;
}

int
main(int argc, char **argv)
{
	uint64_t budget_ns = 20 * 1000000ULL;
	int ch;

	log_init("crypt", SYSLOG_LEVEL_ERROR, SYSLOG_FACILITY_USER, 1);
	while ((ch = getopt(argc, argv, "t:")) != -1) {
		if (ch != 't')
			usage();
		budget_ns = number(optarg, 60000) * 1000000ULL;
	}
	argc -= optind;
	argv += optind;
	if (argc < 3)
		usage();
	cipher_name = argv[0];
	if ((cipher = cipher_by_name(cipher_name)) == NULL)
		errx(2, "no such cipher: %s", argv[0]);
	mac_name = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
	if ((mac_name == NULL) != (cipher_authlen(cipher) != 0))
		errx(2, "%s %s", argv[0], mac_name == NULL ? "needs a MAC" :
		    "authenticates by itself: give - for the MAC");
	for (argv += 2; *argv != NULL; argv++)
		measure((u_int)number(*argv, PACKET_MAX_SIZE), budget_ns);
	return fflush(stdout) == 0 ? 0 : 1;
}
