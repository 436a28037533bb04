/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-packet-buf and of what hpn-loop reads at once. */

#define SSHBUF_INTERNAL	/* sshbuf_alloc() */
#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/queue.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "misc.h"
#include "packet.h"
#include "ssh2.h"
#include "sshbuf.h"
#include "channels.h"
#include "hpn-packet-buf.h"
#include "hpn-channels.h"
#include "hpn-options.h"
#include "hpn-idle.h"
#include "hpn-loop.h"
#include "hpn-pipe.h"
#include "tests.h"

static int
all_zero(const u_char *p, size_t len)
{
	while (len > 0 && *p == 0)
		p++, len--;
	return len == 0;
}

static void
test_pad(void)
{
	static struct hpn_pad pad;
	u_char seen[3 * HPN_PAD_POOL], *p = seen;
	size_t i, same = 0, n, done = 0;

	TEST_START("padding: no byte of the pool serves twice, used ones are gone");
	while (done + 255 <= sizeof(seen)) {
		n = 4 + done % 252;
		hpn_packet_buf_pad(&pad, p + done, n);
		ASSERT_SIZE_T_LE(pad.left, sizeof(pad.pool) - n);
		ASSERT_INT_EQ(all_zero(pad.pool + pad.left,
		    sizeof(pad.pool) - pad.left), 1);
		done += n;
	}
	/* 8 bytes of it elsewhere are no chance */
	for (i = 8; i + 8 <= done; i += 8)
		same += memcmp(p, p + i, 8) == 0;
	ASSERT_SIZE_T_EQ(same, 0);
	for (i = 0, same = 0; i < done; i++)
		same += p[i] == 0;
	ASSERT_SIZE_T_LT(same, done / 64);
	hpn_packet_buf_pad(&pad, seen, HPN_PAD_POOL);
	ASSERT_SIZE_T_EQ(pad.left, 0);
	TEST_DONE();
}

/* The buffer's memory after a packet of this type and size was forgotten. */
static size_t
left_of(u_char type, size_t len, size_t *allocp)
{
	struct sshbuf *b = sshbuf_new();
	u_char *p;
	size_t i, left = 0;

	ASSERT_PTR_NE(b, NULL);
	ASSERT_INT_EQ(sshbuf_reserve(b, len, &p), 0);
	memset(p, 0xa5, len);
	ASSERT_INT_EQ(sshbuf_consume(b, len / 2), 0);
	hpn_packet_buf_forget(b, type);
	ASSERT_SIZE_T_EQ(sshbuf_len(b), 0);
	*allocp = sshbuf_alloc(b);
	/* What is reserved is what was there */
	ASSERT_INT_EQ(sshbuf_reserve(b, *allocp, &p), 0);
	for (i = 0; i < *allocp; i++)
		left += p[i] == 0xa5;
	sshbuf_free(b);
	return left;
}

static void
test_forget(void)
{
	static const u_char others[] = { SSH2_MSG_USERAUTH_REQUEST,
	    SSH2_MSG_KEX_ECDH_REPLY, SSH2_MSG_CHANNEL_REQUEST,
	    SSH2_MSG_CHANNEL_OPEN, SSH2_MSG_GLOBAL_REQUEST };
	size_t alloc, i;

	TEST_START("packets: nothing is left of those that may hold secrets");
	for (i = 0; i < sizeof(others); i++) {
		ASSERT_SIZE_T_EQ(left_of(others[i], 33000, &alloc), 0);
		ASSERT_SIZE_T_LE(alloc, 1024);
	}
	TEST_DONE();

	TEST_START("packets: nothing is left of what is typed");
	ASSERT_SIZE_T_EQ(left_of(SSH2_MSG_CHANNEL_DATA, 1, &alloc), 0);
	ASSERT_SIZE_T_EQ(left_of(SSH2_MSG_CHANNEL_DATA, 300, &alloc), 0);
	ASSERT_SIZE_T_EQ(left_of(SSH2_MSG_CHANNEL_DATA, HPN_PACKET_BUF_WIPES,
	    &alloc), 0);
	TEST_DONE();

	TEST_START("packets: of bulk, the buffer is kept and not wiped whole");
	ASSERT_SIZE_T_EQ(left_of(SSH2_MSG_CHANNEL_DATA, 33000, &alloc),
	    33000 - HPN_PACKET_BUF_WIPES);
	ASSERT_SIZE_T_GE(alloc, 33000);
	TEST_DONE();

	TEST_START("packets: more than a packet's usual memory is not kept");
	ASSERT_SIZE_T_EQ(left_of(SSH2_MSG_CHANNEL_DATA, 250000, &alloc), 0);
	ASSERT_SIZE_T_LE(alloc, 1024);
	TEST_DONE();
}

static void
test_pipe(void)
{
	int fd[2];
#ifdef SPLICE_F_NONBLOCK
	static u_char lent[100000], got[100000];
	ssize_t n;
	size_t i;
#endif

	TEST_START("pipes: as large as it is allowed");
	ASSERT_INT_EQ(pipe(fd), 0);
	hpn_pipe_enlarge(fd[0]);
#ifdef F_GETPIPE_SZ
	ASSERT_INT_GE(fcntl(fd[1], F_GETPIPE_SZ), 65536);
	if (geteuid() == 0)
		ASSERT_INT_EQ(fcntl(fd[1], F_GETPIPE_SZ), HPN_PIPE_SIZE);
#endif
	close(fd[0]);
	close(fd[1]);
	hpn_pipe_enlarge(-1);
	hpn_pipe_enlarge(STDIN_FILENO);
	TEST_DONE();

#ifdef SPLICE_F_NONBLOCK
	TEST_START("pipes: what is lent is read, and nothing waits");
	ASSERT_INT_EQ(pipe(fd), 0);
	for (i = 0; i < sizeof(lent); i++)
		lent[i] = (u_char)(i * 7 + (i >> 8));
	ASSERT_INT_EQ(write(fd[1], "head", 4), 4);
	/* The pipe has 16 places, and one of them is taken */
	ASSERT_INT_EQ(fcntl(fd[0], F_SETPIPE_SZ, 65536), 65536);
	n = hpn_pipe_lend(fd[1], lent + 5, sizeof(lent) - 5);
	ASSERT_INT_GT(n, 0);
	ASSERT_INT_LE(n, 65536);
	ASSERT_INT_EQ(hpn_pipe_lend(fd[1], lent, 1), -1);
	ASSERT_INT_EQ(errno, EAGAIN);
	ASSERT_INT_EQ(read(fd[0], got, 4), 4);
	ASSERT_INT_EQ(read(fd[0], got, sizeof(got)), n);
	ASSERT_MEM_EQ(got, lent + 5, (size_t)n);
	close(fd[0]);
	ssh_signal(SIGPIPE, SIG_IGN);
	ASSERT_INT_EQ(hpn_pipe_lend(fd[1], lent, 1), -1);
	ASSERT_INT_EQ(errno, EPIPE);
	ssh_signal(SIGPIPE, SIG_DFL);
	close(fd[1]);
	ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	ASSERT_INT_EQ(hpn_pipe_lend(fd[1], lent, 1), -1);
	ASSERT_INT_NE(errno, EAGAIN);
	close(fd[0]);
	close(fd[1]);
	TEST_DONE();
#endif
}

static void
test_trip(void)
{
	struct hpn_options options;
	struct ssh ssh;
	Channel c;
	int i;

	TEST_START("trips: as stock's unless configured");
	memset(&ssh, 0, sizeof(ssh));
	memset(&c, 0, sizeof(c));
	c.rfd = c.wfd = -1;
	ASSERT_SIZE_T_EQ(hpn_loop_trip(&ssh), HPN_LOOP_TRIP_LEAST);
	ASSERT_SIZE_T_EQ(hpn_loop_connection_read_max(&ssh, 1234), 1234);
	hpn_loop_read(&ssh, &c, CHANNEL_MAX_READ, CHANNEL_MAX_READ);
	ASSERT_SIZE_T_EQ(hpn_loop_read_max(&ssh, &c), CHANNEL_MAX_READ);
	TEST_DONE();

	TEST_START("trips: reads grow with what is there, up to a trip");
	ssh.state = ssh_alloc_session_state()->state;
	hpn_options_init(&options);
	hpn_options_fill(&options, HPN_OPTIONS_CLIENT, 0);
	hpn_channels_configure(&ssh, &options);
	ASSERT_PTR_NE(ssh.hpn, NULL);
	for (i = 0; i < 10; i++) {
		hpn_loop_read(&ssh, &c, CHANNEL_MAX_READ - 1,
		    CHANNEL_MAX_READ);
		ASSERT_SIZE_T_EQ(hpn_loop_read_max(&ssh, &c),
		    CHANNEL_MAX_READ);
	}
	hpn_loop_read(&ssh, &c, CHANNEL_MAX_READ, CHANNEL_MAX_READ);
	ASSERT_SIZE_T_EQ(hpn_loop_read_max(&ssh, &c), 2 * CHANNEL_MAX_READ);
	for (i = 0; i < 10; i++) {
		hpn_loop_read(&ssh, &c, hpn_loop_read_max(&ssh, &c),
		    hpn_loop_read_max(&ssh, &c));
	}
	ASSERT_SIZE_T_EQ(hpn_loop_read_max(&ssh, &c),
	    hpn_loop_trip(&ssh));
	ASSERT_SIZE_T_GT(hpn_loop_connection_read_max(&ssh, 1234), 1234);
	TEST_DONE();
}

static void
test_rest(void)
{
	struct hpn_idle rest;
	struct sshbuf *b;
	u_char *p;
	u_int64_t now = 1000 * SEC, wait, moved = 0;
	size_t alloc;
	u_int i;

	TEST_START("rest: due once, two seconds after the last bulk data");
	memset(&rest, 0, sizeof(rest));
	ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
	ASSERT_U64_EQ(wait, 0);
	for (i = 0; i < 1000; i++) {
		moved += 100 * KB;
		now += SEC;
		ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
		ASSERT_U64_EQ(wait, HPN_IDLE_NS);
	}
	now += SEC;
	moved += 100;	/* somebody types */
	ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
	ASSERT_U64_EQ(wait, HPN_IDLE_NS - SEC);
	now += wait;
	ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 1);
	ASSERT_U64_EQ(wait, 0);
	for (i = 0; i < 1000; i++) {
		now += SEC;
		moved += 10;
		ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
		ASSERT_U64_EQ(wait, 0);
	}
	moved += 100 * KB;
	ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
	ASSERT_U64_EQ(wait, HPN_IDLE_NS);
	now += wait;
	ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 1);
	TEST_DONE();

	TEST_START("rest: what comes little by little is no bulk data");
	memset(&rest, 0, sizeof(rest));
	moved = 0;
	for (i = 0; i < 10000; i++) {
		now += SEC / 4;
		moved += HPN_IDLE_BYTES / 16;
		ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
		ASSERT_U64_EQ(wait, 0);
	}
	moved += 100 * KB;
	ASSERT_INT_EQ(hpn_idle_due(&rest, moved, now, &wait), 0);
	ASSERT_U64_EQ(wait, HPN_IDLE_NS);
	TEST_DONE();

	TEST_START("rest: an empty buffer is wiped and stays usable, others stay");
	ASSERT_PTR_NE(b = sshbuf_new(), NULL);
	ASSERT_INT_EQ(sshbuf_reserve(b, 1000000, &p), 0);
	memset(p, 'x', 1000000);
	hpn_packet_buf_release(b);
	ASSERT_INT_EQ(memchr(sshbuf_ptr(b), 0, 1000000) == NULL, 1);
	ASSERT_INT_EQ(sshbuf_consume(b, 1000000), 0);
	alloc = sshbuf_alloc(b);
	hpn_packet_buf_release(b);
	ASSERT_SIZE_T_EQ(sshbuf_len(b), 0);
	ASSERT_SIZE_T_EQ(sshbuf_alloc(b), alloc);
	ASSERT_INT_EQ(sshbuf_reserve(b, 1000000, &p), 0);
	ASSERT_INT_EQ(all_zero(p, 1000000), 1);
	sshbuf_free(b);
	TEST_DONE();
}

void
test_packet_buf(void)
{
	test_pad();
	test_forget();
	test_pipe();
	test_trip();
	test_rest();
}
