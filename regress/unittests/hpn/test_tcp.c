/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-tcp, on descriptors of this process alone. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "hpn-tcp.h"
#include "tests.h"

/* On both sides of where a path is a short one, ns. */
#define NEAR_NS		999999
#define FAR_NS		1000000

static uint32_t
target_near(uint64_t rate, uint64_t pace)
{
	return hpn_tcp_unsent_target(rate, pace, NEAR_NS);
}

static uint32_t
target_far(uint64_t rate, uint64_t pace)
{
	return hpn_tcp_unsent_target(rate, pace, FAR_NS);
}

/* A loopback TCP connection: fds[0] connected, fds[1] accepted. */
static void
connection(int fds[2])
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int listener;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_INT_GE(listener, 0);
	ASSERT_INT_EQ(bind(listener, (struct sockaddr *)&sin, len), 0);
	ASSERT_INT_EQ(listen(listener, 1), 0);
	ASSERT_INT_EQ(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	ASSERT_INT_GE(fds[0], 0);
	ASSERT_INT_EQ(connect(fds[0], (struct sockaddr *)&sin, len), 0);
	fds[1] = accept(listener, NULL, NULL);
	ASSERT_INT_GE(fds[1], 0);
	ASSERT_INT_EQ(close(listener), 0);
}

static void
refused(int fd)
{
	struct hpn_tcp_facts facts;

	memset(&facts, 0xff, sizeof(facts));
	errno = ECHILD;
	ASSERT_INT_EQ(hpn_tcp_facts_get(fd, &facts), -1);
	ASSERT_INT_EQ(errno, ECHILD);
	ASSERT_U64_EQ(facts.rtt_ns, 0);
	ASSERT_U64_EQ(facts.rcvbuf, 0);
	ASSERT_U64_EQ(facts.rate, 0);
	ASSERT_U64_EQ(facts.rtt_min_ns, 0);
	ASSERT_U64_EQ(facts.pace, 0);
	ASSERT_INT_EQ(hpn_tcp_unsent_set(fd, 131072), -1);
	ASSERT_INT_EQ(errno, ECHILD);
	ASSERT_INT_EQ(hpn_tcp_ack_now(fd), -1);
	ASSERT_INT_EQ(errno, ECHILD);
}

#ifdef TCP_QUICKACK
/* Milliseconds until there is something to read; 1000: nothing came. */
static int
waited(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	int ms;

	for (ms = 0; ms < 1000 && poll(&pfd, 1, 1) == 0; ms++)
		;
	return ms;
}

/*
 * One end (0) answers whatever it is sent at once, but for the first part of
 * every tenth request; the other has Nagle's algorithm, and so holds the second
 * part back until the first is acknowledged.  Milliseconds for ten of these.
 */
static int
held_back(void)
{
	int fds[2], i, ms = 0;
	char c;

	connection(fds);
	for (i = 1; i <= 100; i++) {
		ASSERT_INT_EQ((int)write(fds[1], "r", 1), 1);
		ASSERT_INT_EQ((int)read(fds[0], &c, 1), 1);
		if (i % 10 == 0) {
			errno = ECHILD;
			ASSERT_INT_EQ(hpn_tcp_ack_now(fds[0]), 0);
			ASSERT_INT_EQ(errno, ECHILD);
			ASSERT_INT_EQ((int)write(fds[1], "s", 1), 1);
			ms += waited(fds[0]);
			ASSERT_INT_EQ((int)read(fds[0], &c, 1), 1);
		}
		ASSERT_INT_EQ((int)write(fds[0], "a", 1), 1);
		ASSERT_INT_EQ((int)read(fds[1], &c, 1), 1);
	}
	ASSERT_INT_EQ(close(fds[0]), 0);
	ASSERT_INT_EQ(close(fds[1]), 0);
	return ms;
}
#endif

/*
 * At any rate, with the pace three times as large or unknown: never less when
 * it is faster, and within the bounds.
 */
static void
check_targets(int starts, uint64_t rtt_min_ns, uint32_t most)
{
	uint64_t rate;
	uint32_t unsent, before = 0;

	for (rate = 1; rate < 1ULL << 62; rate <<= 1) {
		unsent = hpn_tcp_unsent_target(rate, starts ? 3 * rate : 0,
		    rtt_min_ns);
		ASSERT_U32_GE(unsent, before);
		ASSERT_U32_GE(unsent, 128 * KB);
		ASSERT_U32_LE(unsent, most);
		before = unsent;
	}
	ASSERT_U32_EQ(before, most);
}

static void
allowed(void)
{
	TEST_START("tcp: the third figure of tcp_rmem");
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("4096\t131072\t33554432\n"), 33554432);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 3"), 3);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 2147483647\n"), 2147483647);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third(""), 0);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2"), 0);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 \n"), 0);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 3 4"), 0);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 -3"), 0);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 3x"), 0);
	ASSERT_LONG_LONG_EQ(hpn_tcp_third("1 2 9999999999999999999"), 0);
	/* Whatever this system says, it is no nonsense */
	ASSERT_LONG_LONG_GE(hpn_tcp_receive_most(), 0);
	TEST_DONE();
}

void
test_tcp(void)
{
	struct hpn_tcp_facts facts;
	char buf[65536];
	ssize_t n;
	int i, ms, fds[2];

	TEST_START("tcp: no descriptor");
	refused(-1);
	refused(1000000);
	TEST_DONE();

	TEST_START("tcp: a closed descriptor");
	ASSERT_INT_EQ(pipe(fds), 0);
	ASSERT_INT_EQ(close(fds[0]), 0);
	refused(fds[0]);
	TEST_DONE();

	TEST_START("tcp: a pipe");
	refused(fds[1]);
	ASSERT_INT_EQ(close(fds[1]), 0);
	TEST_DONE();

	TEST_START("tcp: a file");
	fds[0] = open("/dev/null", O_RDWR);
	ASSERT_INT_GE(fds[0], 0);
	refused(fds[0]);
	ASSERT_INT_EQ(close(fds[0]), 0);
	TEST_DONE();

	TEST_START("tcp: a local socket");
	ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	refused(fds[0]);
	ASSERT_INT_EQ(close(fds[0]), 0);
	ASSERT_INT_EQ(close(fds[1]), 0);
	TEST_DONE();

	TEST_START("tcp: a UDP socket");
	fds[0] = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_INT_GE(fds[0], 0);
	refused(fds[0]);
	ASSERT_INT_EQ(close(fds[0]), 0);
	TEST_DONE();

	TEST_START("tcp: a connection");
	connection(fds);
	memset(buf, 'x', sizeof(buf));
	for (i = 0; i < 64; i++) {
		ASSERT_LONG_EQ((long)write(fds[0], buf, sizeof(buf)),
		    (long)sizeof(buf));
		for (n = 0; n < (ssize_t)sizeof(buf); ) {
			ssize_t r = read(fds[1], buf, sizeof(buf));

			ASSERT_LONG_GT((long)r, 0);
			n += r;
		}
	}
	for (i = 0; i < 2; i++) {
		memset(&facts, 0, sizeof(facts));
		errno = ECHILD;
		ASSERT_INT_EQ(hpn_tcp_facts_get(fds[i], &facts), 0);
		ASSERT_INT_EQ(errno, ECHILD);
		ASSERT_U64_GE(facts.rcvbuf, 2048);
		ASSERT_U64_LT(facts.rcvbuf, 1ULL << 31);
	}
#ifdef __linux__
	/* On the loopback: more than nothing, less than a minute. */
	ASSERT_INT_EQ(hpn_tcp_facts_get(fds[0], &facts), 0);
	ASSERT_U64_GT(facts.rtt_ns, 0);
	ASSERT_U64_LT(facts.rtt_ns, 60 * SEC);
	ASSERT_U64_GT(facts.rate, 0);
	ASSERT_U64_GT(facts.rtt_min_ns, 0);
	ASSERT_U64_LT(facts.rtt_min_ns, 60 * SEC);
	ASSERT_U64_GT(facts.pace, 0);
	ASSERT_U64_LT(facts.pace, UINT64_MAX);
#endif
	TEST_DONE();

	TEST_START("tcp: SO_RCVBUF as the kernel has it");
	i = 256 * 1024;
	ASSERT_INT_EQ(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &i,
	    sizeof(i)), 0);
	{
		socklen_t len = sizeof(i);

		ASSERT_INT_EQ(getsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &i,
		    &len), 0);
	}
	ASSERT_INT_EQ(hpn_tcp_facts_get(fds[1], &facts), 0);
	ASSERT_U64_EQ(facts.rcvbuf, (uint64_t)i);
	TEST_DONE();

#ifdef TCP_QUICKACK
	/*
	 * Left to itself Linux takes 40 ms for each, 400 in all.  Other work may
	 * keep us from the processor as long, but hardly each time.
	 */
	TEST_START("tcp: acknowledged without an answer");
	for (i = 0, ms = 400; i < 5 && ms >= 200; i++)
		ms = held_back();
	ASSERT_INT_LT(ms, 200);
	TEST_DONE();
#endif

#ifdef TCP_NOTSENT_LOWAT
	TEST_START("tcp: unsent bytes set");
	{
		uint32_t got = 0;
		socklen_t len = sizeof(got);

		errno = ECHILD;
		ASSERT_INT_EQ(hpn_tcp_unsent_set(fds[0], 654321), 0);
		ASSERT_INT_EQ(errno, ECHILD);
		ASSERT_INT_EQ(getsockopt(fds[0], IPPROTO_TCP,
		    TCP_NOTSENT_LOWAT, &got, &len), 0);
		ASSERT_U32_EQ(got, 654321);
	}
	TEST_DONE();

	TEST_START("tcp: unsent bytes bound what can be written");
	{
		struct pollfd pfd;
		size_t total = 0;

		/* The reader takes nothing: what is not sent stays here. */
		ASSERT_INT_EQ(hpn_tcp_unsent_set(fds[0],
		    hpn_tcp_unsent_target(0, 0, 0)), 0);
		ASSERT_INT_EQ(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
		pfd.fd = fds[0];
		pfd.events = POLLOUT;
		while (poll(&pfd, 1, 200) == 1 && total < 64 * MB) {
			n = write(fds[0], buf, sizeof(buf));
			ASSERT_LONG_GT((long)n, 0);
			total += (size_t)n;
		}
		ASSERT_SIZE_T_LT(total, 16 * MB);
	}
	TEST_DONE();
#endif

	TEST_START("tcp: the peer is gone");
	ASSERT_INT_EQ(close(fds[1]), 0);
	ASSERT_INT_EQ(hpn_tcp_facts_get(fds[0], &facts), 0);
	ASSERT_INT_EQ(close(fds[0]), 0);
	refused(fds[0]);
	TEST_DONE();

	TEST_START("tcp: unsent target");
	ASSERT_U32_EQ(target_far(0, 0), 128 * KB);
	ASSERT_U32_EQ(target_far(1, 0), 128 * KB);
	ASSERT_U32_EQ(target_far(UINT64_MAX, 0), 4 * MB);
	ASSERT_U32_EQ(target_far(UINT64_MAX / 2, 0), 4 * MB);
	/* 1 Gbit/s: some milliseconds' worth, whatever the pace */
	ASSERT_U32_EQ(target_far(125000000, 0), 8 * 125000);
	ASSERT_U32_EQ(target_far(125000000, 100000000), 8 * 125000);
	/* of the faster of both: CUBIC paces at 6/5, BBR probes at 5/4 */
	ASSERT_U32_EQ(target_far(125000000, 150000000), 8 * 150000);
	ASSERT_U32_EQ(target_far(125000000, 156250000), 8 * 156250);
	check_targets(0, FAR_NS, 4 * MB);
	TEST_DONE();

	TEST_START("tcp: unsent target while TCP starts");
	/* CUBIC paces at twice what it delivers, BBR at 2.89 times */
	ASSERT_U32_EQ(target_far(10000000, 20000000), 8 * 8 * 20000);
	ASSERT_U32_EQ(target_far(10000000, 28900000), 8 * 8 * 28900);
	ASSERT_U32_EQ(target_far(125000000, 361250000), 8 * 8 * 361250);
	ASSERT_U32_EQ(target_far(1, 1000), 128 * KB);
	ASSERT_U32_EQ(target_far(0, UINT64_MAX), 32 * MB);
	ASSERT_U32_EQ(target_far(UINT64_MAX / 2, UINT64_MAX), 32 * MB);
	/* from where on */
	ASSERT_U32_EQ(target_far(100000000, 150000000), 8 * 150000);
	ASSERT_U32_EQ(target_far(100000000, 150000003), 8 * 8 * 150000);
	check_targets(1, FAR_NS, 32 * MB);
	TEST_DONE();

	TEST_START("tcp: unsent target on a short path");
	/* A slow one has what any has; a fast one no queue of milliseconds */
	ASSERT_U32_EQ(target_near(0, 0), 128 * KB);
	ASSERT_U32_EQ(target_near(125000000, 0), 8 * 125000);
	ASSERT_U32_EQ(target_near(1250000000, 0), MB);
	ASSERT_U32_EQ(target_far(1250000000, 0), 4 * MB);
	/* nor while TCP starts, which takes microseconds */
	ASSERT_U32_EQ(target_near(10000000, 28900000), 8 * 28900);
	check_targets(0, NEAR_NS, MB);
	check_targets(1, NEAR_NS, MB);
	/* Where nobody knows, it may be long */
	check_targets(0, 0, 4 * MB);
	check_targets(1, 0, 32 * MB);
	TEST_DONE();
	allowed();
}
