/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-zstd-stream: one end's packets, taken by the other. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZSTD
# include <zstd.h>
#endif

#include "../test_helper/test_helper.h"

#include "misc.h"
#include "kex.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "hpn-zstd.h"
#include "hpn-zstd-stream.h"
#include "tests.h"

#ifdef HAVE_ZSTD

#define HEADER	5

static struct hpn_zstd_stream *a, *b;
static u_char data[HPN_ZSTD_PACKET_MAX];
static uint64_t x = 88172645463325252ULL;

static u_char
any(void)
{
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (u_char)(x >> 8);
}

/* A payload of this channel's data: words, or any bytes. */
static void
fill(uint32_t channel, size_t len, int words)
{
	static const char *const word[] = { "open", "close ", "packet\n",
	    " of ", "window, ", "channel", "0x", "the " };
	const char *w;
	size_t i, n;

	memset(data, 0, 9);
	data[0] = 94;
	data[4] = (u_char)channel;
	for (i = 9; i < len;) {
		if (!words) {
			data[i++] = any();
			continue;
		}
		w = word[any() % 8];
		n = MINIMUM(strlen(w), len - i);
		memcpy(data + i, w, n);
		i += n;
	}
}

static struct sshbuf *
packet_of(const u_char *p, size_t len, size_t header)
{
	struct sshbuf *packet;

	ASSERT_PTR_NE(packet = sshbuf_new(), NULL);
	if (header != 0)
		ASSERT_INT_EQ(sshbuf_put(packet, "\0\0\0\0\0", header), 0);
	ASSERT_INT_EQ(sshbuf_put(packet, p, len), 0);
	return packet;
}

/* From a to b; returns how long it was on the wire. *form: its last byte. */
static size_t
carry(size_t len, int *form)
{
	struct sshbuf *packet = packet_of(data, len, HEADER);
	size_t wire;

	ASSERT_INT_EQ(hpn_zstd_stream_put(a, packet, 3), 0);
	ASSERT_MEM_ZERO_EQ(sshbuf_ptr(packet), HEADER);
	ASSERT_INT_EQ(sshbuf_consume(packet, HEADER), 0);
	wire = sshbuf_len(packet);
	*form = sshbuf_ptr(packet)[wire - 1];
	ASSERT_INT_EQ(hpn_zstd_stream_get(b, packet), 0);
	ASSERT_SIZE_T_EQ(sshbuf_len(packet), len);
	ASSERT_MEM_EQ(sshbuf_ptr(packet), data, len);
	sshbuf_free(packet);
	return wire;
}

/* What b says to this. */
static int
takes(const u_char *p, size_t len)
{
	struct sshbuf *packet = packet_of(p, len, 0);
	int r = hpn_zstd_stream_get(b, packet);

	sshbuf_free(packet);
	return r;
}

static void
both_begin(void)
{
	ASSERT_INT_EQ(hpn_zstd_stream_begin(&a, MODE_OUT), 0);
	ASSERT_INT_EQ(hpn_zstd_stream_begin(&b, MODE_IN), 0);
}

static void
both_free(void)
{
	hpn_zstd_stream_free(&a);
	hpn_zstd_stream_free(&b);
	ASSERT_PTR_EQ(a, NULL);
}

/* A frame with these parameters, ended or not, and its last byte. */
static size_t
frame(u_char *to, size_t room, const u_char *p, size_t len, int window, int end)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_inBuffer in = { p, len, 0 };
	ZSTD_outBuffer out = { to, room - 1, 0 };

	ASSERT_PTR_NE(c, NULL);
	ASSERT_INT_EQ(ZSTD_isError(ZSTD_CCtx_setParameter(c,
	    ZSTD_c_windowLog, window)), 0);
	ASSERT_SIZE_T_EQ(ZSTD_compressStream2(c, &out, &in,
	    end ? ZSTD_e_end : ZSTD_e_flush), 0);
	ZSTD_freeCCtx(c);
	to[out.pos] = HPN_ZSTD_BEGINS;
	return out.pos + 1;
}

static void
carries(void)
{
	size_t wire, sum = 0, first, len, least = 0, most = 0;
	int form, i;

	TEST_START("payloads arrive as they were");
	both_begin();
	for (i = 0; i < 200; i++) {
		len = 9 + (size_t)any() * 128 + any();
		fill(i % 7 == 0, len, i % 50 < 40);
		(void)carry(len, &form);
	}
	fill(0, HPN_ZSTD_PACKET_MAX, 1);
	(void)carry(HPN_ZSTD_PACKET_MAX, &form);
	fill(0, HPN_ZSTD_PACKET_MAX, 0);
	for (i = 0; i < 4; i++)
		(void)carry(HPN_ZSTD_PACKET_MAX, &form);
	both_free();
	TEST_DONE();

	TEST_START("text becomes smaller, with what came before as history");
	both_begin();
	fill(0, 20000, 0);
	first = carry(20000, &form);
	ASSERT_INT_EQ(form, HPN_ZSTD_BEGINS);
	wire = carry(20000, &form);
	ASSERT_INT_EQ(form, HPN_ZSTD_GOES_ON);
	ASSERT_SIZE_T_LT(wire, first / 50);
	TEST_DONE();

	TEST_START("not with another channel's as history, nor across keys");
	data[4] = 1;
	ASSERT_SIZE_T_GE(carry(20000, &form), first - 100);
	ASSERT_INT_EQ(form, HPN_ZSTD_BEGINS);
	ASSERT_SIZE_T_LT(carry(20000, &form), first / 50);
	both_begin();
	ASSERT_SIZE_T_GE(carry(20000, &form), first - 100);
	ASSERT_INT_EQ(form, HPN_ZSTD_BEGINS);
	both_free();
	TEST_DONE();

	TEST_START("what a person types is sent as it is, and requests");
	both_begin();
	fill(0, 200, 1);
	ASSERT_SIZE_T_EQ(carry(200, &form), 201);
	ASSERT_INT_EQ(form, HPN_ZSTD_STORED);
	fill(0, 20000, 1);
	data[0] = 98;
	ASSERT_SIZE_T_EQ(carry(20000, &form), 20001);
	data[0] = 94;
	TEST_DONE();

	TEST_START("random data cost a byte a packet");
	sum = 0;
	for (i = 0; i < 300; i++) {
		fill(0, 32777, 0);
		sum += carry(32777, &form) - 32777;
	}
	ASSERT_SIZE_T_LE(sum, 400);
	ASSERT_INT_EQ(hpn_zstd_stream_works(a), 0);
	fill(0, 32777, 1);
	for (i = 0; i < 70; i++)
		(void)carry(32777, &form);
	ASSERT_INT_EQ(hpn_zstd_stream_works(a), 1);
	TEST_DONE();

	TEST_START("of a payload that became smaller, nothing is left behind");
	{
		struct sshbuf *packet;
		const u_char *p;

		fill(0, 20000, 1);
		memset(data + 9, 'x', 20000 - 9);
		packet = packet_of(data, 20000, HEADER);
		p = sshbuf_ptr(packet);
		ASSERT_INT_EQ(hpn_zstd_stream_put(a, packet, 3), 0);
		ASSERT_PTR_EQ(sshbuf_ptr(packet), p);
		ASSERT_SIZE_T_LT(sshbuf_len(packet), 1000);
		ASSERT_MEM_ZERO_EQ(p + sshbuf_len(packet), 1000);
		ASSERT_INT_EQ(sshbuf_consume(packet, HEADER), 0);
		ASSERT_INT_EQ(hpn_zstd_stream_get(b, packet), 0);
		sshbuf_free(packet);
	}
	TEST_DONE();

	TEST_START("memory that was given back is taken again");
	hpn_zstd_stream_idle(a);
	hpn_zstd_stream_idle(b);
	(void)carry(32777, &form);
	ASSERT_INT_EQ(form, HPN_ZSTD_BEGINS);
	(void)carry(32777, &form);
	ASSERT_INT_EQ(form, HPN_ZSTD_GOES_ON);
	both_free();
	TEST_DONE();

	TEST_START("each level; the window is what a peer takes");
	for (i = HPN_ZSTD_LEVEL_LEAST; i <= HPN_ZSTD_LEVEL_MOST; i++) {
		struct sshbuf *packet;

		both_begin();
		fill(0, 20000, 1);
		packet = packet_of(data, 20000, HEADER);
		ASSERT_INT_EQ(hpn_zstd_stream_put(a, packet, i), 0);
		most = sshbuf_len(packet);
		if (i == HPN_ZSTD_LEVEL_LEAST)
			least = most;
		ASSERT_INT_EQ(sshbuf_consume(packet, HEADER), 0);
		ASSERT_INT_EQ(hpn_zstd_stream_get(b, packet), 0);
		ASSERT_MEM_EQ(sshbuf_ptr(packet), data, 20000);
		sshbuf_free(packet);
		both_free();
	}
	ASSERT_SIZE_T_LT(most, least);
	TEST_DONE();
}

static void
refuses(void)
{
	static u_char zeros[HPN_ZSTD_PACKET_MAX + 1], wire[2 * MB];
	static const u_char skipped[] = "\x50\x2a\x4d\x18\4\0\0\0aaaa\1";
	struct sshbuf *packet;
	size_t len;
	u_int i;
	int form;

	zeros[0] = 94;

	TEST_START("bombs are refused, and the largest payload is not");
	both_begin();
	len = frame(wire, sizeof(wire), zeros, HPN_ZSTD_PACKET_MAX, 18, 0);
	ASSERT_SIZE_T_LT(len, 1000);
	ASSERT_INT_EQ(takes(wire, len), 0);
	len = frame(wire, sizeof(wire), zeros, HPN_ZSTD_PACKET_MAX + 1, 18, 0);
	ASSERT_INT_EQ(takes(wire, len), SSH_ERR_INVALID_FORMAT);
	TEST_DONE();

	TEST_START("windows are bounded");
	len = frame(wire, sizeof(wire), zeros, 1000, HPN_ZSTD_WINDOW_LOG, 0);
	ASSERT_INT_EQ(takes(wire, len), 0);
	for (i = HPN_ZSTD_WINDOW_LOG + 1; i < 28; i++) {
		len = frame(wire, sizeof(wire), zeros, 1000, (int)i, 0);
		ASSERT_INT_EQ(takes(wire, len), SSH_ERR_INVALID_FORMAT);
	}
	TEST_DONE();

	TEST_START("what is no frame, and one that ends");
	len = frame(wire, sizeof(wire), zeros, 1000, 18, 1);
	ASSERT_INT_EQ(takes(wire, len), SSH_ERR_INVALID_FORMAT);
	ASSERT_INT_EQ(takes(skipped, sizeof(skipped) - 1),
	    SSH_ERR_INVALID_FORMAT);
	len = frame(wire, sizeof(wire), zeros, 1000, 18, 0);
	wire[0] = 0x27;
	ASSERT_INT_EQ(takes(wire, len), SSH_ERR_INVALID_FORMAT);
	/* A frame of zstd 0.7, whose decoder some libraries still have */
	memcpy(wire, "\x27\xb5\x2f\xfd\0\0\x40\x01\x2c", 9);
	memcpy(wire + 9, zeros, 300);
	wire[309] = HPN_ZSTD_BEGINS;
	ASSERT_INT_EQ(takes(wire, 310), SSH_ERR_INVALID_FORMAT);
	/* Part of one: no payload comes of it */
	len = frame(wire, sizeof(wire), zeros, 1000, 18, 0);
	wire[5] = HPN_ZSTD_BEGINS;
	ASSERT_INT_EQ(takes(wire, 6), SSH_ERR_INVALID_FORMAT);
	TEST_DONE();

	TEST_START("other messages are not taken out of a frame");
	for (i = 0; i < 256; i++) {
		zeros[0] = (u_char)i;
		len = frame(wire, sizeof(wire), zeros, 1000, 18, 0);
		ASSERT_INT_EQ(takes(wire, len), i == 94 || i == 95 ? 0 :
		    SSH_ERR_INVALID_FORMAT);
	}
	TEST_DONE();

	TEST_START("forms that are none, and no payload");
	for (i = 3; i < 256; i++) {
		wire[0] = 94;
		wire[1] = (u_char)i;
		ASSERT_INT_EQ(takes(wire, 2), SSH_ERR_INVALID_FORMAT);
	}
	for (i = 0; i < 3; i++) {
		wire[0] = (u_char)i;
		ASSERT_INT_EQ(takes(wire, 1), SSH_ERR_INVALID_FORMAT);
	}
	ASSERT_INT_EQ(takes(wire, 0), SSH_ERR_INVALID_FORMAT);
	/* New keys end the frame, whatever the decoder still has */
	both_begin();
	fill(0, 20000, 1);
	(void)carry(20000, &form);
	(void)carry(20000, &form);
	ASSERT_INT_EQ(form, HPN_ZSTD_GOES_ON);
	packet = packet_of(data, 20000, HEADER);
	ASSERT_INT_EQ(hpn_zstd_stream_put(a, packet, 3), 0);
	ASSERT_INT_EQ(sshbuf_consume(packet, HEADER), 0);
	ASSERT_INT_EQ(hpn_zstd_stream_begin(&b, MODE_IN), 0);
	ASSERT_INT_EQ(hpn_zstd_stream_get(b, packet), SSH_ERR_INVALID_FORMAT);
	sshbuf_free(packet);
	/* Before any frame */
	hpn_zstd_stream_free(&b);
	ASSERT_INT_EQ(hpn_zstd_stream_begin(&b, MODE_IN), 0);
	wire[0] = 94;
	wire[1] = HPN_ZSTD_GOES_ON;
	ASSERT_INT_EQ(takes(wire, 2), SSH_ERR_INVALID_FORMAT);
	wire[1] = HPN_ZSTD_STORED;
	ASSERT_INT_EQ(takes(wire, 2), 0);
	both_free();
	ASSERT_INT_EQ(takes(wire, 2), SSH_ERR_INTERNAL_ERROR);
	TEST_DONE();
}

/* The two lists after a proposal that had `before`. */
static void
proposes(const char *before, int disabled, const char *after)
{
	char *proposal[PROPOSAL_MAX];
	int i;

	for (i = 0; i < PROPOSAL_MAX; i++)
		proposal[i] = strdup(before);
	hpn_zstd_stream_propose(proposal, disabled);
	for (i = 0; i < PROPOSAL_MAX; i++) {
		ASSERT_STRING_EQ(proposal[i], i == PROPOSAL_COMP_ALGS_CTOS ||
		    i == PROPOSAL_COMP_ALGS_STOC ? after : before);
		free(proposal[i]);
	}
}

static void
names(void)
{
	char *all;

	TEST_START("what is proposed");
	proposes("none", 0, "none");
	proposes("none,zlib@openssh.com", 0,
	    "none,zlib@openssh.com," HPN_ZSTD_NAME);
	proposes("zlib@openssh.com,none", 0,
	    HPN_ZSTD_NAME ",zlib@openssh.com,none");
	proposes("none,zlib@openssh.com", 1, "none,zlib@openssh.com");
	proposes("zlib@openssh.com,none", 1, "zlib@openssh.com,none");
	all = hpn_zstd_stream_names("none,zlib@openssh.com");
	ASSERT_STRING_EQ(all, "none,zlib@openssh.com," HPN_ZSTD_NAME);
	free(all);
	ASSERT_INT_EQ(hpn_zstd_stream_is(HPN_ZSTD_NAME), 1);
	ASSERT_INT_EQ(hpn_zstd_stream_is("zlib@openssh.com"), 0);
	ASSERT_INT_EQ(hpn_zstd_stream_is("none"), 0);
	ASSERT_INT_EQ(hpn_zstd_stream_is(NULL), 0);
	TEST_DONE();
}

void
test_zstd_stream(void)
{
	names();
	carries();
	refuses();
}

#else /* HAVE_ZSTD */

void
test_zstd_stream(void)
{
	char *all;

	TEST_START("without libzstd no name is ours");
	ASSERT_INT_EQ(hpn_zstd_stream_is(HPN_ZSTD_NAME), 0);
	all = hpn_zstd_stream_names("none,zlib@openssh.com");
	ASSERT_STRING_EQ(all, "none,zlib@openssh.com");
	free(all);
	TEST_DONE();
}

#endif /* HAVE_ZSTD */
