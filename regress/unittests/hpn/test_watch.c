/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-watch: what a wait of the loop was for.  The clock is the real
 * one; a wait is made longer by beginning it earlier.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "channels.h"
#include "packet.h"

#include "hpn-channels.h"
#include "hpn-clock.h"
#include "hpn-connection.h"
#include "hpn-watch.h"
#include "connection.h"
#include "tests.h"

static struct ssh *ssh;
static struct hpn_connection connection;
static struct hpn_watch *w;
static Channel channel;

/* What woke the loop up. */
enum by { MESSAGE, PROGRAM, ROOM };

/* The loop sleeps for so long, and wakes up. */
static void
wait_ms(uint64_t ms, enum by by)
{
	struct pollfd pfd[2];

	memset(pfd, 0, sizeof(pfd));
	pfd[0].revents = by == MESSAGE ? POLLIN : 0;
	pfd[1].events = by == ROOM ? POLLOUT : 0;
	w->slept_ns -= ms * MS;
	hpn_watch_wake(ssh, pfd, 2);
}

/* ... and is about to sleep again, in the same second however busy this machine is. */
static void
trip(void)
{
	w->begun_ns = hpn_clock_ns();
	hpn_watch_sleep(ssh, NULL, 0, NULL);
}

/* It waits for so long, and the second is over. */
static void
second(uint64_t ms, enum by by)
{
	wait_ms(ms, by);
	w->begun_ns = hpn_clock_ns() - SEC;
	hpn_watch_sleep(ssh, NULL, 0, NULL);
}

/* A connection without keys, whose messages nobody sends. */
static void
begin(void)
{
	ASSERT_PTR_NE(ssh = new_connection(), NULL);
	memset(&connection, 0, sizeof(connection));
	memset(&channel, 0, sizeof(channel));
	ssh->hpn = &connection;
	w = &connection.watch;
	hpn_watch_sleep(ssh, NULL, 0, NULL);
	wait_ms(0, PROGRAM);
	w->now.source_ns = 0;
}

static void
end(void)
{
	ssh->hpn = NULL;
	ssh_packet_close(ssh);
	free(ssh);
}

void
test_watch(void)
{
	TEST_START("watch: a wait that ends with data, after ours, was for an answer");
	begin();
	hpn_watch_sent(ssh, 1000);
	trip();
	wait_ms(40, MESSAGE);
	hpn_watch_received(ssh, &channel, 100);
	trip();
	ASSERT_U64_GE(w->now.asked_ns, 40 * MS);
	ASSERT_U64_EQ(w->now.asked, 1);
	ASSERT_U64_EQ(w->now.source_ns, 0);
	ASSERT_U64_EQ(w->now.sent, 1000);
	ASSERT_U64_EQ(w->now.received, 100);
	ASSERT_U64_EQ(w->held_ns, 0);
	/* The next data answer nothing, and what waited was counted */
	wait_ms(30, MESSAGE);
	hpn_watch_received(ssh, &channel, 100);
	trip();
	ASSERT_U64_EQ(w->now.asked, 1);
	ASSERT_U64_GE(w->now.source_ns, 30 * MS);
	end();
	TEST_DONE();

	TEST_START("watch: it goes on while the peer only grants more window");
	begin();
	hpn_watch_sent(ssh, 1000);
	trip();
	wait_ms(40, MESSAGE);
	trip();
	ASSERT_U64_EQ(w->now.source_ns, 0);
	wait_ms(60, MESSAGE);
	trip();
	wait_ms(80, MESSAGE);
	hpn_watch_received(ssh, &channel, 100);
	trip();
	ASSERT_U64_GE(w->now.asked_ns, 180 * MS);
	ASSERT_U64_EQ(w->now.asked, 1);
	ASSERT_U64_EQ(w->now.source_ns, 0);
	ASSERT_U64_EQ(w->held_ns, 0);
	end();
	TEST_DONE();

	TEST_START("watch: it was for the source where we send after it");
	begin();
	hpn_watch_sent(ssh, 1000);
	trip();
	wait_ms(40, MESSAGE);
	hpn_watch_sent(ssh, 1000);
	trip();
	ASSERT_U64_GE(w->now.source_ns, 40 * MS);
	ASSERT_U64_EQ(w->now.asked_ns, 0);
	ASSERT_U64_EQ(w->held_ns, 0);
	/* A new one begins */
	wait_ms(50, MESSAGE);
	hpn_watch_received(ssh, &channel, 100);
	trip();
	ASSERT_U64_GE(w->now.asked_ns, 50 * MS);
	ASSERT_U64_EQ(w->now.asked, 1);
	end();
	TEST_DONE();

	TEST_START("watch: ... and where our program ends it");
	begin();
	hpn_watch_sent(ssh, 1000);
	trip();
	wait_ms(40, MESSAGE);
	trip();
	wait_ms(60, PROGRAM);
	ASSERT_U64_GE(w->now.source_ns, 100 * MS);
	ASSERT_U64_EQ(w->held_ns, 0);
	end();
	TEST_DONE();

	TEST_START("watch: TCP, which takes no more, is waited for before all else");
	begin();
	trip();
	wait_ms(40, ROOM);
	trip();
	ASSERT_U64_GE(w->now.tcp_ns, 40 * MS);
	ASSERT_U64_EQ(w->now.source_ns + w->now.asked_ns + w->held_ns, 0);
	end();
	TEST_DONE();

	TEST_START("watch: with the second a wait is over");
	begin();
	hpn_watch_sent(ssh, 10 * 1024 * 1024);
	trip();
	wait_ms(40, MESSAGE);
	w->begun_ns = hpn_clock_ns() - 3 * SEC / 2;
	hpn_watch_sleep(ssh, NULL, 0, NULL);
	ASSERT_U64_GE(w->total.source_ns, 40 * MS);
	ASSERT_U64_EQ(w->total.asked_ns, 0);
	ASSERT_U64_EQ(w->total.sent, 10 * 1024 * 1024);
	ASSERT_U64_EQ(w->held_ns, 0);
	ASSERT_U64_EQ(w->now.source_ns, 0);
	ASSERT_U64_EQ(w->total.seconds, 1);
	/* The next one begins with nothing, and is no answer's */
	wait_ms(30, MESSAGE);
	trip();
	ASSERT_U64_EQ(w->now.source_ns, 0);
	ASSERT_U64_GE(w->held_ns, 30 * MS);
	end();
	TEST_DONE();

	TEST_START("watch: a second in which little moved does not count");
	begin();
	hpn_watch_sent(ssh, 100);
	trip();
	second(900, PROGRAM);
	ASSERT_U64_EQ(w->total.total_ns, 0);
	ASSERT_INT_EQ(w->total.known, 0);
	ASSERT_U64_EQ(w->total.sent, 100);
	/* ... but one in which somebody was waited for */
	second(900, ROOM);
	ASSERT_U64_GE(w->total.total_ns, 900 * MS);
	ASSERT_INT_EQ(w->total.known, 1);
	end();
	TEST_DONE();

	TEST_START("watch: nor is the kernel asked for it");
	begin();
	/* No process is that new */
	w->cpu_ns = 1;
	hpn_watch_sent(ssh, 100);
	second(900, PROGRAM);
	ASSERT_U64_EQ(w->cpu_ns, 1);
	/* What is counted from is known before a second that counts ends */
	wait_ms(10, PROGRAM);
	hpn_watch_sent(ssh, 10 * 1024 * 1024);
	trip();
	ASSERT_U64_NE(w->cpu_ns, 1);
	second(900, PROGRAM);
	ASSERT_U64_LE(w->total.cpu_ns, w->cpu_ns / 2);
	/* ... and where nothing moved, at its end */
	second(900, PROGRAM);
	w->cpu_ns = 1;
	second(900, ROOM);
	ASSERT_U64_GE(w->total.total_ns, 1800 * MS);
	ASSERT_U64_LE(w->total.cpu_ns, w->cpu_ns / 2);
	end();
	TEST_DONE();
}
