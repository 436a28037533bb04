/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-dm-flow: a stream in frames from one end to the other, in one
 * process, over pipes that hold little and over sockets, with connections that end;
 * and an end that does not keep to the rules.  Of hpn-dm-ends: how far a source is
 * read ahead.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "digest.h"
#include "misc.h"
#include "hpn-clock.h"
#include "hpn-dm-ends.h"
#include "hpn-dm-flow.h"
#include "hpn-dm-frame.h"
#include "hpn-hash.h"
#include "tests.h"

#define STREAM	(5 * MB + 12345)
#define BUFFER	(MB / 2)
/* More than it can take, or it hangs. */
#define TRIPS	100000

static u_char *stream;
static FILE *source, *sink;
static struct hpn_dm_flow *tx, *rx;
static u_int chance = 1;

static u_int
any(u_int below)
{
	chance = chance * 1103515245 + 12345;
	return (chance >> 8) % below;
}

static void
nobody(void *context, const struct hpn_dm_frame *frame)
{
	(void)context;
	ASSERT_INT_EQ(frame->type, -1);		/* none is expected */
}

static void
begin(void)
{
	size_t i;

	ASSERT_PTR_NE(stream = calloc(1, STREAM), NULL);
	for (i = 0; i < STREAM; i++)
		stream[i] = (u_char)any(256);
	ASSERT_PTR_NE(source = tmpfile(), NULL);
	ASSERT_PTR_NE(sink = tmpfile(), NULL);
	ASSERT_SIZE_T_EQ(fwrite(stream, 1, STREAM, source), STREAM);
	ASSERT_INT_EQ(fflush(source), 0);
	ASSERT_INT_EQ((int)lseek(fileno(source), 0, SEEK_SET), 0);
	ASSERT_PTR_NE(tx = hpn_dm_flow_new(1, 1, BUFFER, 1), NULL);
	ASSERT_PTR_NE(rx = hpn_dm_flow_new(0, 0, BUFFER, 1), NULL);
}

static void
end(void)
{
	hpn_dm_flow_free(tx);
	hpn_dm_flow_free(rx);
	fclose(source);
	fclose(sink);
	free(stream);
}

/* A new connection, on which both ends go on where the other one is. */
static void
connect_both(int pipes)
{
	int up[2], down[2];

	if (pipes) {
		ASSERT_INT_EQ(pipe(up), 0);
		ASSERT_INT_EQ(pipe(down), 0);
		hpn_dm_flow_connect(tx, down[0], up[1]);
		hpn_dm_flow_connect(rx, up[0], down[1]);
	} else {
		ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, up), 0);
		hpn_dm_flow_connect(tx, up[0], up[0]);
		hpn_dm_flow_connect(rx, up[1], up[1]);
	}
	ASSERT_INT_EQ(hpn_dm_flow_begin(rx, 0), 0);
	ASSERT_INT_EQ(hpn_dm_flow_begin(tx, hpn_dm_flow_got_bytes(rx)), 0);
}

/* Something of all that can be done now. */
static void
trip(void)
{
	static const struct hpn_dm_frame ping = { .type = HPN_DM_FRAME_PING };
	ssize_t n;

	if (any(2) && hpn_dm_flow_room(tx)) {
		n = hpn_dm_flow_source(tx, fileno(source));
		ASSERT_INT_NE((int)n, -1);
		if (n == 0)
			hpn_dm_flow_source_ended(tx);
	}
	if (any(4) == 0)
		hpn_dm_flow_put(tx, &ping);
	if (any(2))
		ASSERT_INT_EQ(hpn_dm_flow_write(tx), 0);
	if (any(3) == 0)
		ASSERT_INT_EQ(hpn_dm_flow_read(rx, nobody, NULL), 0);
	if (any(2) && hpn_dm_flow_pending(rx))
		ASSERT_INT_NE((int)hpn_dm_flow_sink(rx, fileno(sink)), -1);
	if (any(8) == 0)
		hpn_dm_flow_ack(rx);
	if (any(2))
		ASSERT_INT_EQ(hpn_dm_flow_write(rx), 0);
	if (any(2))
		ASSERT_INT_EQ(hpn_dm_flow_read(tx, nobody, NULL), 0);
	ASSERT_INT_LE(hpn_dm_flow_full(tx), 100);
	ASSERT_INT_LE(hpn_dm_flow_full(rx), 110);	/* and a frame */
}

static void
arrived(void)
{
	u_char *got;

	ASSERT_U64_EQ(hpn_dm_flow_given_bytes(rx), STREAM);
	ASSERT_PTR_NE(got = calloc(1, STREAM + 1), NULL);
	ASSERT_INT_EQ((int)pread(fileno(sink), got, STREAM + 1, 0), STREAM);
	ASSERT_MEM_EQ(got, stream, STREAM);
	free(got);
}

/* A connection ends each so many trips; 0: none does. */
static void
run(int pipes, u_int each)
{
	u_int i, next = each;
	int r = 0;

	begin();
	connect_both(pipes);
	for (i = 0; i < TRIPS; i++) {
		trip();
		if ((r = hpn_dm_flow_whole(rx)) != 0 &&
		    hpn_dm_flow_all_acked(tx))
			break;
		if (each != 0 && i >= next) {
			next = i + 1 + any(each);
			hpn_dm_flow_lost(tx);
			hpn_dm_flow_lost(rx);
			ASSERT_INT_EQ(hpn_dm_flow_connected(tx), 0);
			connect_both(pipes);
		}
	}
	ASSERT_INT_EQ(r, 1);
	ASSERT_U64_EQ(hpn_dm_flow_acked_bytes(tx), STREAM);
	ASSERT_INT_EQ(hpn_dm_flow_all_sent(tx), 1);
	arrived();
	end();
}

/* ------------------------------------------------- an end made of single frames -- */

static int to_rx;		/* what it is sent goes in here */
static struct hpn_hash *hash_all;
static struct ssh_digest_ctx *sha;
static uint64_t sent;

static void
rx_connect(void)
{
	int up[2], down[2];

	ASSERT_INT_EQ(pipe(up), 0);
	ASSERT_INT_EQ(pipe(down), 0);
	hpn_dm_flow_connect(rx, up[0], down[1]);
	close(down[0]);
	if (to_rx != -1)
		close(to_rx);
	to_rx = up[1];
	ASSERT_INT_EQ(hpn_dm_flow_begin(rx, 0), 0);
}

static void
rx_begin(void)
{
	begin();
	to_rx = -1;
	sent = 0;
	hash_all = hpn_hash_new();
	sha = ssh_digest_start(SSH_DIGEST_SHA256);
	rx_connect();
}

static void
rx_end(void)
{
	close(to_rx);
	hpn_hash_free(hash_all);
	ssh_digest_free(sha);
	end();
}

/* The frame of the next data.  How long it is. */
static size_t
make_data(u_char *out, size_t len)
{
	struct hpn_dm_frame d;
	struct hpn_hash *h = hpn_hash_new();
	size_t head;

	memset(&d, 0, sizeof(d));
	d.type = HPN_DM_FRAME_DATA;
	d.offset = sent;
	d.data_len = len;
	hpn_hash_add(h, stream + sent, len);
	hpn_hash_end(h, d.hash);
	hpn_hash_free(h);
	head = hpn_dm_frame_put(out, &d);
	memcpy(out + head, stream + sent, len);
	return head + len;
}

static int
send_bytes(const u_char *p, size_t len, size_t step)
{
	size_t at, n;
	int r = 0;

	for (at = 0; at < len && r == 0; at += n) {
		n = len - at < step ? len - at : step;
		ASSERT_INT_EQ((int)write(to_rx, p + at, n), (int)n);
		r = hpn_dm_flow_read(rx, nobody, NULL);
	}
	return r;
}

static u_char made[HPN_DM_FRAME_DATA_HEAD + HPN_DM_FRAME_DATA_MOST];

/* A frame of data, of which this byte is wrong; step: bytes that come at a time. */
static int
send_data(size_t len, size_t wrong, size_t step)
{
	size_t all = make_data(made, len);

	if (wrong < len)
		made[all - len + wrong] ^= 1;
	hpn_hash_add(hash_all, stream + sent, len);
	ssh_digest_update(sha, stream + sent, len);
	sent += len;
	return send_bytes(made, all, step);
}

/* END, of which this is wrong: 1 the hash, 2 the other one; again: as it was. */
static int
send_end(int wrong, int again)
{
	static struct hpn_dm_frame e;
	u_char out[HPN_DM_FRAME_OTHER_MOST];
	size_t len;

	if (!again) {
		memset(&e, 0, sizeof(e));
		e.type = HPN_DM_FRAME_END;
		e.offset = sent;
		e.has_sha256 = 1;
		hpn_hash_end(hash_all, e.hash);
		ssh_digest_final(sha, e.sha256, sizeof(e.sha256));
	}
	e.hash[3] ^= wrong == 1;
	e.sha256[3] ^= wrong == 2;
	len = hpn_dm_frame_put(out, &e);
	ASSERT_INT_EQ((int)write(to_rx, out, len), (int)len);
	return hpn_dm_flow_read(rx, nobody, NULL);
}

static void
drain(void)
{
	while (hpn_dm_flow_pending(rx))
		ASSERT_INT_GT((int)hpn_dm_flow_sink(rx, fileno(sink)), 0);
}

static void
leaves(void *context, const struct hpn_dm_frame *frame)
{
	(void)frame;
	(*(u_int *)context)++;
	hpn_dm_flow_lost(tx);
}

static void
rules(void)
{
	struct hpn_dm_frame f;
	u_char out[2 * HPN_DM_FRAME_OTHER_MOST];
	u_int i, noted = 0;
	size_t len;
	int up[2], down[2];

	TEST_START("dm flow: frames that come byte by byte");
	rx_begin();
	for (i = 0; i < 20; i++)
		ASSERT_INT_EQ(send_data(1 + i * 7, SIZE_MAX, 1 + i % 3), 0);
	ASSERT_INT_EQ(hpn_dm_flow_whole(rx), 0);
	ASSERT_INT_EQ(send_end(0, 0), 0);
	ASSERT_INT_EQ(hpn_dm_flow_whole(rx), 0);
	drain();
	ASSERT_INT_EQ(hpn_dm_flow_whole(rx), 1);
	ASSERT_U64_EQ(hpn_dm_flow_given_bytes(rx), sent);
	TEST_DONE();

	TEST_START("dm flow: the end may come again, as it was, and nothing else");
	rx_connect();
	ASSERT_INT_EQ(send_end(0, 1), 0);
	ASSERT_INT_EQ(hpn_dm_flow_whole(rx), 1);
	rx_connect();
	ASSERT_INT_EQ(send_end(1, 1), HPN_DM_FLOW_WRONG);
	rx_connect();
	ASSERT_INT_EQ(send_end(1, 1), 0);	/* right again */
	rx_connect();
	ASSERT_INT_EQ(send_end(2, 1), HPN_DM_FLOW_WRONG);
	rx_connect();
	ASSERT_INT_EQ(send_data(10, SIZE_MAX, MB), HPN_DM_FLOW_WRONG);
	ASSERT_STRING_EQ(hpn_dm_flow_wrong(rx), "data after the end");
	rx_end();
	TEST_DONE();

	TEST_START("dm flow: what is not what was sent");
	for (i = 0; i < 3; i++) {
		rx_begin();
		ASSERT_INT_EQ(send_data(1000, SIZE_MAX, MB), 0);
		ASSERT_INT_EQ(send_data(1000, 999 * i / 2, MB),
		    HPN_DM_FLOW_DIFFERS);
		rx_end();
	}
	for (i = 1; i < 3; i++) {
		rx_begin();
		ASSERT_INT_EQ(send_data(1000, SIZE_MAX, MB), 0);
		drain();
		ASSERT_INT_EQ(send_end((int)i, 0), 0);
		ASSERT_INT_EQ(hpn_dm_flow_whole(rx), HPN_DM_FLOW_DIFFERS);
		rx_end();
	}
	TEST_DONE();

	TEST_START("dm flow: no more data than were agreed on");
	rx_begin();
	for (i = 0; i < BUFFER / 32768; i++)
		ASSERT_INT_EQ(send_data(32768, SIZE_MAX, 4096), 0);
	/* It has all that it has room for */
	ASSERT_INT_EQ(send_data(1, SIZE_MAX, MB), HPN_DM_FLOW_WRONG);
	ASSERT_STRING_EQ(hpn_dm_flow_wrong(rx), "more data than were agreed on");
	rx_end();
	rx_begin();
	for (i = 0; i < 2 * BUFFER / 32768; i++) {
		ASSERT_INT_EQ(send_data(32768, SIZE_MAX, 4096), 0);
		drain();
	}
	ASSERT_U64_EQ(hpn_dm_flow_given_bytes(rx), 2 * BUFFER);
	rx_end();
	TEST_DONE();

	TEST_START("dm flow: acknowledged is what the sink has got, now and then");
	rx_begin();
	ASSERT_INT_EQ(send_data(32768, SIZE_MAX, 4096), 0);
	drain();
	/* A quarter of the buffer */
	ASSERT_SIZE_T_EQ(hpn_dm_flow_queued(rx), 0);
	for (i = 0; i < 3; i++)
		ASSERT_INT_EQ(send_data(32768, SIZE_MAX, 4096), 0);
	ASSERT_SIZE_T_EQ(hpn_dm_flow_queued(rx), 0);
	drain();
	ASSERT_U64_GT(hpn_dm_flow_queued(rx), 0);
	/* With the connection goes what was to be said on it */
	rx_connect();
	ASSERT_SIZE_T_EQ(hpn_dm_flow_queued(rx), 0);
	hpn_dm_flow_ack(rx);
	ASSERT_U64_GT(hpn_dm_flow_queued(rx), 0);
	rx_end();
	TEST_DONE();

	TEST_START("dm flow: the sink has all of what came before a part of a frame");
	rx_begin();
	for (i = 0; i < 2; i++) {
		ASSERT_INT_EQ(send_data(1000, SIZE_MAX, MB), 0);
		len = make_data(made, 1000);
		ASSERT_INT_EQ(send_bytes(made, len - 400, MB), 0);
		drain();
		ASSERT_U64_EQ(hpn_dm_flow_given_bytes(rx), sent);
		if (i == 0) {
			/* The rest comes */
			ASSERT_INT_EQ(send_bytes(made + len - 400, 400, MB), 0);
			hpn_hash_add(hash_all, stream + sent, 1000);
			ssh_digest_update(sha, stream + sent, 1000);
			sent += 1000;
		} else	/* It does not, and what comes next is larger */
			rx_connect();
		ASSERT_INT_EQ(send_data(HPN_DM_FRAME_DATA_MOST - i, SIZE_MAX,
		    4096), 0);
		drain();
		ASSERT_U64_EQ(hpn_dm_flow_given_bytes(rx), sent);
	}
	ASSERT_INT_EQ(send_end(0, 0), 0);
	ASSERT_INT_EQ(hpn_dm_flow_whole(rx), 1);
	rx_end();
	TEST_DONE();

	TEST_START("dm flow: only what is at hand is gone on with");
	begin();
	connect_both(1);
	for (i = 0; i < TRIPS && hpn_dm_flow_acked_bytes(tx) < MB; i++)
		trip();
	ASSERT_U64_GE(hpn_dm_flow_acked_bytes(tx), MB);
	hpn_dm_flow_lost(tx);
	ASSERT_INT_EQ(hpn_dm_flow_begin(tx, hpn_dm_flow_acked_bytes(tx) - 1), -1);
	ASSERT_INT_EQ(hpn_dm_flow_begin(tx, hpn_dm_flow_read_bytes(tx) + 1), -1);
	ASSERT_INT_EQ(hpn_dm_flow_begin(tx, hpn_dm_flow_acked_bytes(tx)), 0);
	hpn_dm_flow_lost(tx);
	ASSERT_INT_EQ(hpn_dm_flow_begin(tx, hpn_dm_flow_read_bytes(tx)), 0);
	end();
	TEST_DONE();

	TEST_START("dm flow: a connection that ends with what it says");
	begin();
	ASSERT_INT_EQ(pipe(up), 0);
	ASSERT_INT_EQ(pipe(down), 0);
	hpn_dm_flow_connect(tx, down[0], up[1]);
	close(up[0]);
	ASSERT_INT_EQ(hpn_dm_flow_begin(tx, 0), 0);
	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_NOTE;
	f.text = "note";
	f.text_len = 4;
	len = hpn_dm_frame_put(out, &f);
	len += hpn_dm_frame_put(out + len, &f);
	ASSERT_INT_EQ((int)write(down[1], out, len), (int)len);
	ASSERT_INT_EQ(hpn_dm_flow_read(tx, leaves, &noted), 0);
	ASSERT_U_INT_EQ(noted, 1);
	ASSERT_INT_EQ(hpn_dm_flow_connected(tx), 0);
	close(down[1]);
	end();
	TEST_DONE();
}

static void
ahead(void)
{
	struct hpn_dm_ends e;
	struct timespec wait = { 0, 1000000 };

	memset(&e, 0, sizeof(e));
	TEST_START("dm ends: a pipe is read as far as the buffer goes");
	ASSERT_INT_EQ(hpn_dm_ends_reads(&e, UINT64_MAX), 1);
	hpn_dm_ends_read_begin(&e);
	(void)nanosleep(&wait, NULL);
	hpn_dm_ends_read_end(&e);
	ASSERT_U64_EQ(e.waited_ns, 0);
	TEST_DONE();

	TEST_START("dm ends: a file at hand is not read far ahead");
	e.is_file = 1;
	ASSERT_INT_EQ(hpn_dm_ends_reads(&e, 4 * MB - 1), 1);
	ASSERT_INT_EQ(hpn_dm_ends_reads(&e, 4 * MB), 0);
	TEST_DONE();

	TEST_START("dm ends: one that had to be waited for is, for a second");
	hpn_dm_ends_read_begin(&e);
	(void)nanosleep(&wait, NULL);
	hpn_dm_ends_read_end(&e);
	ASSERT_U64_NE(e.waited_ns, 0);
	e.waited_ns = hpn_clock_ns();
	ASSERT_INT_EQ(hpn_dm_ends_reads(&e, UINT64_MAX), 1);
	e.waited_ns -= 1000000000;
	ASSERT_INT_EQ(hpn_dm_ends_reads(&e, 4 * MB), 0);
	ASSERT_INT_EQ(hpn_dm_ends_reads(&e, 0), 1);
	TEST_DONE();
}

void
test_dm_flow(void)
{
	ahead();
	if (!hpn_hash_available())
		return;
	TEST_START("dm flow: a stream over pipes, which are lent the buffer");
	run(1, 0);
	TEST_DONE();

	TEST_START("dm flow: a stream over sockets, which are not");
	run(0, 0);
	TEST_DONE();

	TEST_START("dm flow: ... over connections that end anywhere");
	run(1, 1000);
	run(1, 20);
	run(0, 100);
	TEST_DONE();

	rules();
}
