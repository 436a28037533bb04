/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-sealer and hpn-opener: one's output is the other's input. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "../test_helper/test_helper.h"

#include "cipher.h"
#include "kex.h"
#include "mac.h"
#include "ssh2.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "hpn-opener.h"
#include "hpn-sealer.h"
#include "tests.h"

#define PACKET_MAX	(256 * 1024)

struct ends {
	struct newkeys keys;
	struct sshcipher_ctx *out, *in;
	struct hpn_sealer *sealer;
	struct hpn_opener *opener;
	u_int block, aad;
};

static void
begin(struct ends *e, const char *cipher, const char *mac, u_int workers)
{
	struct newkeys *k = &e->keys;

	memset(e, 0, sizeof(*e));
	ASSERT_PTR_NE(k->enc.cipher = cipher_by_name(cipher), NULL);
	ASSERT_PTR_NE(k->enc.name = strdup(cipher), NULL);
	k->enc.key_len = cipher_keylen(k->enc.cipher);
	k->enc.iv_len = cipher_ivlen(k->enc.cipher);
	k->enc.block_size = cipher_blocksize(k->enc.cipher);
	ASSERT_PTR_NE(k->enc.key = malloc(k->enc.key_len), NULL);
	ASSERT_PTR_NE(k->enc.iv = malloc(k->enc.iv_len + 1), NULL);
	arc4random_buf(k->enc.key, k->enc.key_len);
	arc4random_buf(k->enc.iv, k->enc.iv_len);
	if (mac != NULL) {
		ASSERT_INT_EQ(mac_setup(&k->mac, (char *)mac), 0);
		ASSERT_PTR_NE(k->mac.name = strdup(mac), NULL);
		ASSERT_PTR_NE(k->mac.key = malloc(k->mac.key_len), NULL);
		arc4random_buf(k->mac.key, k->mac.key_len);
		ASSERT_INT_EQ(mac_init(&k->mac), 0);
		k->mac.enabled = 1;
	}
	e->block = k->enc.block_size;
	e->aad = mac == NULL || k->mac.etm ? 4 : 0;
	ASSERT_INT_EQ(cipher_init(&e->out, k->enc.cipher, k->enc.key,
	    k->enc.key_len, k->enc.iv, k->enc.iv_len, CIPHER_ENCRYPT), 0);
	ASSERT_INT_EQ(cipher_init(&e->in, k->enc.cipher, k->enc.key,
	    k->enc.key_len, k->enc.iv, k->enc.iv_len, CIPHER_DECRYPT), 0);
	ASSERT_INT_EQ(hpn_sealer_new(&e->sealer, k, e->out, workers), 0);
	ASSERT_INT_EQ(hpn_opener_new(&e->opener, k, e->in, workers), 0);
}

static void
end(struct ends *e)
{
	hpn_sealer_free(e->sealer);
	ASSERT_INT_EQ(hpn_opener_free(e->opener, NULL), 0);
	cipher_free(e->out);
	cipher_free(e->in);
	mac_clear(&e->keys.mac);
	free(e->keys.enc.key);
	free(e->keys.enc.iv);
	free(e->keys.enc.name);
	free(e->keys.mac.key);
	free(e->keys.mac.name);
}

/* A packet of about `len` bytes, whose content is a function of seqnr. */
static void
packet(const struct ends *e, struct sshbuf *b, u_int32_t seqnr, size_t len)
{
	u_char *p;
	size_t i;

	len = e->aad + (len - e->aad + e->block - 1) / e->block * e->block;
	if (len < 5 + e->aad + e->block)
		len = e->aad + (5 + e->block + e->block - 1) / e->block *
		    e->block;
	sshbuf_reset(b);
	ASSERT_INT_EQ(sshbuf_reserve(b, len, &p), 0);
	POKE_U32(p, len - 4);
	p[4] = 4;
	for (i = 5; i < len; i++)
		p[i] = (u_char)(seqnr * 31 + i * 7 + (i >> 8));
}

static void
put(struct ends *e, u_int32_t seqnr, size_t len, struct sshbuf *overflow)
{
	struct sshbuf *b = sshbuf_new();

	ASSERT_PTR_NE(b, NULL);
	packet(e, b, seqnr, len);
	ASSERT_INT_EQ(hpn_sealer_put(e->sealer, &b, seqnr,
	    SSH2_MSG_CHANNEL_DATA, overflow), 0);
	ASSERT_SIZE_T_EQ(sshbuf_len(b), 0);
	sshbuf_free(b);
}

static void
take(struct ends *e, struct sshbuf *wire, u_int32_t seqnr, size_t len,
    int ahead)
{
	struct sshbuf *want = sshbuf_new(), *got = sshbuf_new();
	u_int packlen;

	test_subtest_info("packet %u of %zu", seqnr, len);
	packet(e, want, seqnr, len);
	ASSERT_INT_EQ(hpn_opener_next(e->opener, wire, seqnr, 16 * MB, ahead,
	    SSH2_MSG_CHANNEL_DATA, &got, &packlen), 0);
	ASSERT_SIZE_T_EQ(sshbuf_len(got), sshbuf_len(want));
	ASSERT_SIZE_T_EQ(packlen, sshbuf_len(want) - 4);
	ASSERT_MEM_EQ(sshbuf_ptr(got), sshbuf_ptr(want), sshbuf_len(want));
	sshbuf_free(want);
	sshbuf_free(got);
}

static size_t
some_length(u_int32_t seqnr)
{
	static const size_t lengths[] = { 16, 33000, 100, 4096, 32768 + 9,
	    65536, 1, 8192, 250000, 2047, 2049, 20000 };

	return lengths[seqnr % (sizeof(lengths) / sizeof(lengths[0]))];
}

/* Nothing is written until all is put: it has to go somewhere. */
static void
all_at_once(const char *cipher, const char *mac, u_int workers, u_int32_t n,
    size_t len)
{
	struct ends e;
	struct sshbuf *wire = sshbuf_new();
	u_int32_t i;

	test_subtest_info("%s, %u workers, %u of %zu", cipher, workers, n, len);
	begin(&e, cipher, mac, workers);
	for (i = 0; i < n; i++)
		put(&e, i, len != 0 ? len : some_length(i), wire);
	ASSERT_INT_EQ(hpn_sealer_flush(e.sealer, wire, NULL), 0);
	ASSERT_SIZE_T_EQ(hpn_sealer_pending(e.sealer), 0);
	for (i = 0; i < n; i++)
		take(&e, wire, i, len != 0 ? len : some_length(i), i % 50 != 7);
	ASSERT_SIZE_T_EQ(sshbuf_len(wire), 0);
	end(&e);
	sshbuf_free(wire);
}

/* Written to a pipe whose other end is read now and then. */
static void
through_pipe(const char *cipher, const char *mac, u_int workers, size_t len)
{
	struct ends e;
	struct sshbuf *wire = sshbuf_new(), *overflow = sshbuf_new();
	u_int32_t sent = 0, taken = 0, n = 400;
	u_int packlen;
	u_char *p;
	ssize_t got;
	int fd[2], r, idle = 0;
	struct sshbuf *opened = sshbuf_new(), *want = sshbuf_new();

	begin(&e, cipher, mac, workers);
	ASSERT_INT_EQ(pipe(fd), 0);
	ASSERT_INT_NE(fcntl(fd[0], F_SETFL, O_NONBLOCK), -1);
	ASSERT_INT_NE(fcntl(fd[1], F_SETFL, O_NONBLOCK), -1);
	while (taken < n) {
		while (sent < n && hpn_sealer_pending(e.sealer) <
		    HPN_SEALER_BACKLOG && arc4random_uniform(8) != 0) {
			put(&e, sent, len != 0 ? len :
			    some_length(sent), overflow);
			sent++;
		}
		hpn_sealer_kick(e.sealer);
		ASSERT_SIZE_T_EQ(sshbuf_len(overflow), 0);
		if (hpn_sealer_pending(e.sealer) != 0)
			(void)hpn_sealer_write(e.sealer, fd[1]);
		hpn_opener_settle(e.opener);
		ASSERT_INT_EQ(sshbuf_reserve(wire, 70000, &p), 0);
		if ((got = read(fd[0], p, 1 + arc4random_uniform(70000))) < 0)
			got = 0;
		ASSERT_INT_EQ(sshbuf_consume_end(wire, 70000 - got), 0);
		while (arc4random_uniform(4) != 0) {
			r = hpn_opener_next(e.opener, wire, taken, PACKET_MAX,
			    1, SSH2_MSG_CHANNEL_DATA, &opened, &packlen);
			if (r == SSH_ERR_MESSAGE_INCOMPLETE)
				break;
			ASSERT_INT_EQ(r, 0);
			packet(&e, want, taken, len != 0 ? len :
			    some_length(taken));
			ASSERT_SIZE_T_EQ(sshbuf_len(opened), sshbuf_len(want));
			ASSERT_MEM_EQ(sshbuf_ptr(opened), sshbuf_ptr(want),
			    sshbuf_len(want));
			taken++;
			idle = 0;
		}
		ASSERT_INT_LT(++idle, 100000);
	}
	end(&e);
	close(fd[0]);
	close(fd[1]);
	sshbuf_free(wire);
	sshbuf_free(overflow);
	sshbuf_free(opened);
	sshbuf_free(want);
}

static void
changed_on_the_way(u_int32_t which, size_t offset)
{
	struct ends e;
	struct sshbuf *wire = sshbuf_new(), *got = sshbuf_new();
	size_t at = 0;
	u_int32_t i;
	u_int packlen;

	begin(&e, "aes128-gcm@openssh.com", NULL, 2);
	for (i = 0; i < 10; i++) {
		put(&e, i, 5000, wire);
		ASSERT_INT_EQ(hpn_sealer_flush(e.sealer, wire, NULL), 0);
		if (i + 1 == which)
			at = sshbuf_len(wire);
	}
	sshbuf_mutable_ptr(wire)[at + offset] ^= 1;
	for (i = 0; i < which; i++)
		take(&e, wire, i, 5000, 1);
	at = sshbuf_len(wire);
	ASSERT_INT_EQ(hpn_opener_next(e.opener, wire, i, PACKET_MAX, 1,
	    SSH2_MSG_CHANNEL_DATA, &got, &packlen), SSH_ERR_CONN_CORRUPT);
	ASSERT_SIZE_T_EQ(sshbuf_len(got), 0);
	/* It is still there, for whoever looks at it next */
	ASSERT_SIZE_T_EQ(sshbuf_len(wire), at);
	end(&e);
	sshbuf_free(wire);
	sshbuf_free(got);
}

void
test_sealer(void)
{
	static const struct { const char *cipher, *mac; } kinds[] = {
		{ "aes128-gcm@openssh.com", NULL },
		{ "chacha20-poly1305@openssh.com", NULL },
		{ "aes128-ctr", "umac-64-etm@openssh.com" },
		{ "aes256-ctr", "hmac-sha2-256" },
		{ "none", "umac-128-etm@openssh.com" }
	};
	size_t k, len;
	u_int workers;

	TEST_START("sealer: many packets before any is written");
	for (workers = 1; workers <= 4; workers++) {
		all_at_once("aes128-gcm@openssh.com", NULL, workers, 65, 4096);
		all_at_once("aes128-gcm@openssh.com", NULL, workers, 1000,
		    4096);
		all_at_once("chacha20-poly1305@openssh.com", NULL, workers, 300,
		    200);
	}
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		all_at_once(kinds[k].cipher, kinds[k].mac, 3, 200, 0);
	TEST_DONE();

	TEST_START("sealer: packets that are no smaller than the ring");
	all_at_once("aes128-gcm@openssh.com", NULL, 2, 5,
	    HPN_SEALER_RING / 4 + 1);
	all_at_once("aes256-ctr", "hmac-sha2-256", 2, 3, 2 * HPN_SEALER_RING);
	TEST_DONE();

	TEST_START("sealer: through a pipe, read and written by bits");
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (workers = 1; workers <= 4; workers += 3)
			through_pipe(kinds[k].cipher, kinds[k].mac, workers, 0);
	TEST_DONE();

	/* With hmac-sha2-256, which is 32 bytes, a power of two */
	TEST_START("sealer: packets that end where the ring ends");
	for (len = HPN_SEALER_RING / 4; len >= 4096; len /= 2) {
		all_at_once("aes256-ctr", "hmac-sha2-256", 3,
		    (u_int32_t)(5 * HPN_SEALER_RING / len / 2), len - 32);
		if (len <= 65536)
			through_pipe("aes256-ctr", "hmac-sha2-256", 2, len - 32);
	}
	TEST_DONE();

	TEST_START("opener: what is wrong is left where it is");
	changed_on_the_way(0, 0);
	changed_on_the_way(3, 2);
	changed_on_the_way(3, 4);
	changed_on_the_way(3, 2500);
	changed_on_the_way(9, 5010);
	TEST_DONE();
}
