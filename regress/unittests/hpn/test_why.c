/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-why: made facts for each verdict.  What is expected follows
 * from what the facts were made to say, never from what the policy answered.
 */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-why.h"
#include "tests.h"

#define S	1000000000ULL
#define MS	1000000ULL
#define MIB	(1024ULL * 1024)

/* Twenty seconds of an end that did nothing but wait, 100 ms away. */
static struct hpn_why_end
quiet(void)
{
	struct hpn_why_end e;

	memset(&e, 0, sizeof(e));
	e.known = 1;
	e.total_ns = 20 * S;
	e.seconds = 20;
	e.rtt_ns = 100 * MS;
	e.tcp_known = 1;
	e.tcp_rtt_ns = 101 * MS;
	e.tcp_rtt_min_ns = 100 * MS;
	e.tcp_rcvwnd = 64 * MIB;
	strcpy(e.cc, "cubic");
	return e;
}

/* A sender that moved so much; what it waited for is still to be said. */
static struct hpn_why_end
sender(uint64_t bytes)
{
	struct hpn_why_end e = quiet();

	e.sent = bytes;
	e.window = 2 * MIB;
	e.tcp_busy_ns = 20 * S;
	e.tcp_sent = bytes;
	e.run_ns = 1 * S;
	return e;
}

/* Answers of its peer come behind data. */
static struct hpn_why_end
receiver(uint64_t bytes)
{
	struct hpn_why_end e = quiet();

	e.rtt_ns = 110 * MS;
	e.received = bytes;
	e.tcp_segs_in = bytes / 1448;
	e.run_ns = 1 * S;
	e.source_ns = 19 * S;
	return e;
}

/*
 * The verdict of a connection that sends, with the facts of the other end or
 * without; and the same from the other end's side must be the same.
 */
static struct hpn_why
decide(const struct hpn_why_end *s, const struct hpn_why_end *r)
{
	struct hpn_why_facts f;
	struct hpn_why w, turned;

	memset(&f, 0, sizeof(f));
	f.sends = s != NULL;
	if (s != NULL)
		f.here = *s;
	if (r != NULL && s != NULL)
		f.there = *r;
	else if (r != NULL)
		f.here = *r;
	hpn_why_decide(&f, &w);
	if (s != NULL && r != NULL) {
		f.here = *r;
		f.there = *s;
		f.sends = 0;
		hpn_why_decide(&f, &turned);
		ASSERT_INT_EQ(turned.cause[0], w.cause[0]);
		ASSERT_INT_EQ(turned.cause[1], w.cause[1]);
	}
	ASSERT_INT_EQ(w.both, s != NULL && r != NULL);
	/* The word for certainty is for who heard both */
	ASSERT_INT_EQ(w.certain && !w.both, 0);
	return w;
}

#define ONLY(w, c) do { \
	struct hpn_why w_ = (w); \
	ASSERT_STRING_EQ(hpn_why_name(w_.cause[0]), hpn_why_name(c)); \
	ASSERT_STRING_EQ(hpn_why_name(w_.cause[1]), \
	    hpn_why_name(HPN_WHY_NOTHING)); \
} while (0)

static void
ends(void)
{
	struct hpn_why_end s, r;
	struct hpn_why w;

	TEST_START("why: the source");
	s = sender(100 * MIB);
	r = receiver(100 * MIB);
	s.source_ns = 19 * S;
	ONLY(decide(&s, NULL), HPN_WHY_SOURCE);
	ONLY(decide(&s, &r), HPN_WHY_SOURCE);
	w = decide(&s, &r);
	ASSERT_U_INT_EQ(w.share[0], 1000);
	ASSERT_U64_EQ(w.rate, 5 * MIB);
	ASSERT_INT_EQ(w.certain, 1);
	TEST_DONE();

	TEST_START("why: nothing is certain if one end counted much less time");
	r.total_ns /= 3;
	w = decide(&s, &r);
	ASSERT_INT_EQ(w.cause[0], HPN_WHY_SOURCE);
	ASSERT_INT_EQ(w.certain, 0);
	r = receiver(100 * MIB);
	s.total_ns = 1;
	s.source_ns = 1;
	ASSERT_INT_EQ(decide(&s, &r).certain, 0);
	TEST_DONE();

	TEST_START("why: certain is what was counted, most of the time");
	s = sender(100 * MIB);
	s.source_ns = 12 * S;
	s.tcp_ns = 7 * S;
	ASSERT_INT_EQ(decide(&s, &r).certain, 0);
	s.source_ns = 0;
	s.tcp_ns = 19 * S;
	ASSERT_INT_EQ(decide(&s, &r).certain, 0);
	TEST_DONE();

	TEST_START("why: the source, as a receiver sees it: long pauses");
	r.gap_ns = r.pause_ns = 18 * S;
	r.gaps = 18;
	ONLY(decide(NULL, &r), HPN_WHY_SOURCE);
	TEST_DONE();

	TEST_START("why: the destination");
	s = sender(100 * MIB);
	s.window_ns = 19 * S;
	r = receiver(100 * MIB);
	r.sink_ns = 18 * S;
	ONLY(decide(&s, &r), HPN_WHY_SINK);
	ONLY(decide(NULL, &r), HPN_WHY_SINK);
	/* from the sender alone: much less than the window in a round trip */
	s.sent = 20 * MIB;
	ONLY(decide(&s, NULL), HPN_WHY_SINK);
	TEST_DONE();

	TEST_START("why: the receiver's window, and who keeps it small");
	s = sender(380 * MIB);
	s.window_ns = 19 * S;
	r = receiver(380 * MIB);
	r.window_own = 2 * MIB;
	ONLY(decide(&s, NULL), HPN_WHY_WINDOW);
	ONLY(decide(&s, &r), HPN_WHY_WINDOW);
	ONLY(decide(NULL, &r), HPN_WHY_WINDOW);
	w = decide(&s, NULL);
	ASSERT_U64_EQ(w.per_rtt, 19 * MIB / 10);
	r.memory_max = 8 * MIB;
	ONLY(decide(&s, &r), HPN_WHY_MEMORY_MAX);
	ONLY(decide(NULL, &r), HPN_WHY_MEMORY_MAX);
	r.window_max = 2 * MIB;
	ONLY(decide(&s, &r), HPN_WHY_WINDOW_MAX);
	ONLY(decide(NULL, &r), HPN_WHY_WINDOW_MAX);
	TEST_DONE();

	TEST_START("why: a window that fills the path and its queue is not the limit");
	s = sender(380 * MIB);
	s.window_ns = 19 * S;
	r = receiver(380 * MIB);
	r.window_own = 2 * MIB;
	s.tcp_rtt_ns = 160 * MS;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	ONLY(decide(&s, &r), HPN_WHY_PATH);
	/* less than it, but sent at once */
	s.tcp_rtt_ns = 140 * MS;
	ONLY(decide(&s, NULL), HPN_WHY_WINDOW);
	ONLY(decide(&s, &r), HPN_WHY_WINDOW);
	TEST_DONE();

	TEST_START("why: a window that waits in this end's TCP is not the limit");
	/* As a link of 50 Mbit/s and 100 ms gave it, to stock's sshd */
	s = sender(23601152);
	s.total_ns = 4936 * MS;
	s.seconds = 5;
	s.source_ns = 129 * MS;
	s.window_ns = 2715 * MS;
	s.tcp_ns = 1546 * MS;
	s.run_ns = 546 * MS;
	s.tcp_busy_ns = 4916 * MS;
	s.tcp_sent = 24399480;
	s.tcp_again = 771784;
	s.tcp_rtt_ns = 158 * MS;
	s.tcp_app_limited = 2;
	s.uneven = 90;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	/* Where TCP has nothing to send half of the time, somebody does not read */
	s.tcp_busy_ns /= 2;
	s.tcp_ns = 946 * MS;
	s.source_ns = 729 * MS;
	ONLY(decide(&s, NULL), HPN_WHY_SINK);
	TEST_DONE();

	TEST_START("why: a loop at work all the time, but TCP was never short");
	s = sender(230 * MIB);
	s.run_ns = 15 * S;
	s.tcp_ns = 5 * S;
	s.zip_ns = 20 * S;
	s.tcp_rate = 12000000;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	s.tcp_app_limited = 9;
	ONLY(decide(&s, NULL), HPN_WHY_ZIP);
	/* The kernel was asked at good moments, and was idle at most others */
	s.tcp_app_limited = 0;
	s.tcp_busy_ns = 4 * S;
	ONLY(decide(&s, NULL), HPN_WHY_ZIP);
	TEST_DONE();

	TEST_START("why: pauses of TCP's own, after losses, are no source's");
	r = receiver(90 * MIB);
	r.gap_ns = 7 * S;
	r.pause_ns = 5 * S;
	r.gaps = 13;
	ONLY(decide(NULL, &r), HPN_WHY_SOURCE);
	r.tcp_segs_in = 17000;
	r.tcp_ooo = 5400;
	r.uneven = 436;
	ONLY(decide(NULL, &r), HPN_WHY_LOSS);
	TEST_DONE();

	TEST_START("why: a peer that does not read, with a large SSH window");
	s = sender(20 * MIB);
	s.window = 2048 * MIB;
	s.tcp_ns = 18 * S;
	s.tcp_rwnd_ns = 16 * S;
	s.tcp_sndwnd = 1 * MIB;
	ONLY(decide(&s, NULL), HPN_WHY_SINK);
	s.tcp_sndwnd = 120 * 1024;
	ONLY(decide(&s, NULL), HPN_WHY_RCVBUF);
	TEST_DONE();

	TEST_START("why: a full path of 10 ms brings few large segments");
	r = receiver(227 * MIB);
	r.rtt_ns = 50 * MS;
	r.tcp_rtt_min_ns = 10 * MS;
	r.gap_ns = 13 * S;
	r.gaps = 4700;
	r.tcp_rtt_ns = 153 * MS / 10;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	/* one pause in each round trip; the sender's answers come with its data */
	r.gap_ns = 19 * S;
	r.gaps = 2000;
	r.tcp_rtt_ns = 20 * MS;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	TEST_DONE();

	TEST_START("why: a loop that works for half of the time is not the limit");
	s = sender(2000 * MIB);
	s.run_ns = 10 * S;
	s.tcp_ns = 10 * S;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a processor, of either end");
	s = sender(9000 * MIB);
	s.run_ns = 19 * S;
	s.tcp_ns = 1 * S;
	r = receiver(9000 * MIB);
	r.run_ns = 9 * S;
	ONLY(decide(&s, &r), HPN_WHY_CPU_SEND);
	ONLY(decide(&s, NULL), HPN_WHY_CPU_SEND);
	s.run_ns = 11 * S;
	s.tcp_ns = 9 * S;
	s.tcp_rwnd_ns = 9 * S;
	r.run_ns = 19 * S;
	r.source_ns = 1 * S;
	ONLY(decide(&s, &r), HPN_WHY_CPU_RECV);
	ONLY(decide(NULL, &r), HPN_WHY_CPU_RECV);
	TEST_DONE();

	TEST_START("why: a machine with other work, compression");
	r.queue_ns = 12 * S;
	ONLY(decide(&s, &r), HPN_WHY_BUSY_RECV);
	ONLY(decide(NULL, &r), HPN_WHY_BUSY_RECV);
	s.run_ns = 19 * S;
	s.tcp_ns = 1 * S;
	s.queue_ns = 12 * S;
	r.run_ns = 2 * S;
	r.queue_ns = 0;
	ONLY(decide(&s, &r), HPN_WHY_BUSY_SEND);
	s.queue_ns = 0;
	s.zip_ns = 20 * S;
	ONLY(decide(&s, &r), HPN_WHY_ZIP);
	TEST_DONE();

	TEST_START("why: key exchanges");
	s = sender(10 * MIB);
	s.rekey_ns = 19 * S;
	ONLY(decide(&s, NULL), HPN_WHY_REKEY);
	/* a receiver sees nothing arrive meanwhile, which is not the source's fault */
	r = receiver(10 * MIB);
	r.rekey_ns = 18 * S;
	r.source_ns = 1 * S;
	r.gap_ns = r.pause_ns = 18 * S;
	r.gaps = 60;
	ONLY(decide(NULL, &r), HPN_WHY_REKEY);
	TEST_DONE();
}

static void
network(void)
{
	struct hpn_why_end s, r;
	struct hpn_why_facts f;
	struct hpn_why w;

	TEST_START("why: TCP's buffers");
	s = sender(64 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_sndbuf_ns = 19 * S;
	r = receiver(64 * MIB);
	ONLY(decide(&s, NULL), HPN_WHY_SNDBUF);
	ONLY(decide(&s, &r), HPN_WHY_SNDBUF);
	s.tcp_sndbuf_ns = 0;
	s.tcp_rwnd_ns = 19 * S;
	ONLY(decide(&s, NULL), HPN_WHY_RCVBUF);
	ONLY(decide(&s, &r), HPN_WHY_RCVBUF);
	/* BBR has found the rate that fits, and is seldom stopped */
	s.tcp_rwnd_ns = 4 * S;
	s.tcp_sndwnd = 350 * 1024;
	ONLY(decide(&s, NULL), HPN_WHY_RCVBUF);
	/* as a receiver sees it: no more than its window in a round trip */
	r.tcp_rcvwnd = 350 * 1024;
	ONLY(decide(NULL, &r), HPN_WHY_RCVBUF);
	TEST_DONE();

	TEST_START("why: a sender's fixed buffer, as a receiver sees it");
	/* the puzzle: 64 KiB in each 8 ms */
	r = receiver(64 * 1024 * 20 * S / (8 * MS));
	r.rtt_ns = 36 * MS;	/* the answer waited behind data */
	r.tcp_rtt_min_ns = 8 * MS;
	r.tcp_rtt_ns = 10 * MS;	/* as was seen: nothing queues */
	r.gap_ns = 18 * S;
	r.gaps = 18000 / 8;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	w = decide(NULL, &r);
	ASSERT_U64_EQ(w.per_rtt, 64 * 1024);
	/* and 16 KiB */
	r.received /= 4;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	TEST_DONE();

	TEST_START("why: a send buffer that stops TCP for half of the time");
	/* BBR takes what it holds for the path's size, and waits for that */
	s = sender(64 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_sndbuf_ns = 10 * S;
	s.tcp_rtt_ns = 111 * MS;
	ONLY(decide(&s, NULL), HPN_WHY_SNDBUF);
	/* ... but where data queue on the path, that is waited for, too */
	s.tcp_rtt_ns = 160 * MS;
	w = decide(&s, NULL);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1], HPN_WHY_SNDBUF + HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a buffer of half of what the path holds, at the receiver");
	/* As a link of 50 Mbit/s and 100 ms gave it: such pauses are short */
	r = receiver(15625000);
	r.total_ns = 5329 * MS;
	r.run_ns = 224 * MS;
	r.source_ns = 5104 * MS;
	r.gap_ns = 2330 * MS;
	r.gaps = 57;
	r.rtt_ns = 116 * MS;
	r.tcp_rtt_ns = 107 * MS;
	r.tcp_rcvwnd = 1429048;
	r.window_own = 2 * MIB;
	r.seconds = 5;
	r.uneven = 96;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	/* Where something queues, nothing limits what is under way */
	r.tcp_rtt_ns = 118 * MS;
	r.rtt_ns = 130 * MS;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a small window is seldom used up in every round trip");
	/* As 50 Mbit/s and 300 ms gave it, from stock's ssh: 83 of 183 KiB */
	r = receiver(1966080);
	r.total_ns = 7214 * MS;
	r.gap_ns = 4947 * MS;
	r.gaps = 21;
	r.rtt_ns = 305 * MS;
	r.tcp_rtt_ns = 303 * MS;
	r.tcp_rtt_min_ns = 300 * MS;
	r.tcp_rcvwnd = 692523;
	r.window_own = r.window_max = 187500;
	ONLY(decide(NULL, &r), HPN_WHY_WINDOW_MAX);
	TEST_DONE();

	TEST_START("why: requests, as each end sees them");
	r = receiver(400 * MIB);
	r.gap_ns = 18 * S;
	r.gaps = r.asked = 180;
	r.asked_ns = 15 * S;
	r.source_ns = 4 * S;
	ONLY(decide(NULL, &r), HPN_WHY_REQUESTS);
	/* without a TCP connection: one request of 60 KiB, now and then in two */
	r.received = 180 * 60 * 1024;
	r.gaps = 200;
	r.asked = 100;
	r.tcp_known = 0;
	ONLY(decide(NULL, &r), HPN_WHY_REQUESTS);
	s = sender(400 * MIB);
	s.asked_ns = 18 * S;
	s.asked = 180;
	ONLY(decide(&s, NULL), HPN_WHY_REQUESTS);
	TEST_DONE();

	TEST_START("why: answers that take much longer than a round trip");
	s.asked = 20;
	ONLY(decide(&s, NULL), HPN_WHY_SINK);
	TEST_DONE();

	TEST_START("why: small files");
	s = sender(180 * 4096);
	s.asked_ns = 18 * S;
	s.asked = 180;
	ONLY(decide(&s, NULL), HPN_WHY_FILES);
	r = receiver(180 * 4096);
	r.gap_ns = 18 * S;
	r.gaps = r.asked = 180;
	ONLY(decide(NULL, &r), HPN_WHY_FILES);
	TEST_DONE();

	TEST_START("why: the path is full");
	s = sender(2000 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_rtt_ns = 150 * MS;
	s.tcp_again = 2 * MIB;
	r = receiver(2000 * MIB);
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	ONLY(decide(&s, &r), HPN_WHY_PATH);
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: loss; BBR bears it");
	s = sender(100 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_again = MIB / 2;
	s.uneven = 400;
	r = receiver(100 * MIB);
	ONLY(decide(&s, NULL), HPN_WHY_LOSS);
	ONLY(decide(&s, &r), HPN_WHY_LOSS);
	w = decide(&s, NULL);
	ASSERT_U64_EQ(w.loss, 500);
	strcpy(s.cc, "bbr");
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	r.tcp_ooo = r.tcp_segs_in / 20;
	r.gap_ns = 12 * S;
	r.gaps = 120;
	r.uneven = 400;
	ONLY(decide(NULL, &r), HPN_WHY_LOSS);
	TEST_DONE();

	TEST_START("why: a policer: much is lost at an even rate");
	s = sender(500 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_again = 20 * MIB;
	s.uneven = 40;
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	/* As 20 Mbit/s in 40 ms gave it, with Reno's saw teeth */
	s = sender(23945216);
	s.total_ns = 9895 * MS;
	s.seconds = 10;
	s.tcp_ns = 9093 * MS;
	s.tcp_busy_ns = 9888 * MS;
	s.tcp_sent = 26120784;
	s.tcp_again = 2148832;
	s.tcp_rtt_ns = 41 * MS;
	s.tcp_rtt_min_ns = 40 * MS;
	s.uneven = 188;
	strcpy(s.cc, "reno");
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	/* Losses by chance leave much less, even if that is even */
	s.sent /= 20;
	s.tcp_sent /= 20;
	s.tcp_again /= 20;
	s.uneven = 40;
	ONLY(decide(&s, NULL), HPN_WHY_LOSS);
	TEST_DONE();

	TEST_START("why: a policer drops all the time, a start on a short queue once");
	s = sender(25 * MIB);
	s.total_ns = s.tcp_busy_ns = 5 * S;
	s.seconds = 5;
	s.uneven = 97;
	s.run_ns = 0;
	s.tcp_ns = 5 * S;
	s.tcp_again = s.tcp_sent / 80;
	s.tcp_rtt_ns = 112 * MS;
	strcpy(s.cc, "bbr");
	s.tcp_lossy = 5;
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	s.tcp_lossy = 2;
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	s.tcp_lossy = 1;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	/* An older end does not count these seconds */
	s.tcp_lossy = 0;
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	TEST_DONE();

	TEST_START("why: TCP is still starting");
	s = sender(20 * MIB);
	s.total_ns = 1 * S;
	s.run_ns = 0;
	s.tcp_ns = 1 * S;
	s.seconds = 1;
	s.tcp_busy_ns = 1 * S;
	ONLY(decide(&s, NULL), HPN_WHY_START);
	TEST_DONE();

	TEST_START("why: TCP is still starting, seen by the receiver");
	/* As 50 Mbit/s and 100 ms gave it, for 1 MB */
	r = receiver(1000000);
	r.total_ns = 792 * MS;
	r.gap_ns = 211 * MS;
	r.gaps = 4;
	r.rtt_ns = 186 * MS;
	r.seconds = 1;
	r.window_own = 2 * MIB;
	ONLY(decide(NULL, &r), HPN_WHY_START);
	r.total_ns = 1792 * MS;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a queue on the path, seen by the receiver");
	/* As a link of 100 Mbit/s and 10 ms gave it, which had been full */
	r = receiver(48758784);
	r.total_ns = 4151644135;
	r.source_ns = 3888733763;
	r.run_ns = 262041425;
	r.gap_ns = 2969381336;
	r.gaps = 906;
	r.pause_ns = 32813573;
	r.rtt_ns = 32293343;
	r.tcp_rtt_ns = 17046250;
	r.tcp_rtt_min_ns = 10151000;
	r.tcp_rcvwnd = 1535939;
	r.window_own = 2 * MIB;
	r.seconds = 4;
	r.uneven = 24;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	/* The same without a queue is a sender that has no more under way */
	r.rtt_ns = r.tcp_rtt_ns = 11046250;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	TEST_DONE();

	TEST_START("why: a steady source, seen by the receiver");
	/* As 5 MB/s over a link of 100 Mbit/s and 50 ms gave it, from stock's sshd */
	r = receiver(45023232);
	r.total_ns = 9286756309;
	r.run_ns = 191403593;
	r.source_ns = r.total_ns - r.run_ns;
	r.gap_ns = 1984921480;
	r.gaps = 113;
	r.rtt_ns = 59584000;
	r.tcp_rtt_ns = 59455222;
	r.tcp_rtt_min_ns = 50128000;
	r.tcp_rcvwnd = 4288240;
	r.window_own = 4 * MIB;
	r.seconds = 9;
	r.uneven = 56;
	ONLY(decide(NULL, &r), HPN_WHY_SOURCE);
	/* If the answers wait behind data, the path takes no more of these */
	r.rtt_ns = r.tcp_rtt_ns + r.tcp_rtt_ns / 16 + MS;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.rtt_ns--;
	ONLY(decide(NULL, &r), HPN_WHY_SOURCE);
	r.rtt_ns = 0;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: whole packets, which arrive far apart on a full path");
	/* As 50 Mbit/s and 10 ms gave it, from stock's sftp */
	r = receiver(31253671);
	r.total_ns = 5415 * MS;
	r.source_ns = 5190 * MS;
	r.run_ns = 225 * MS;
	r.gap_ns = 5309 * MS;
	r.gaps = 940;
	r.pause_ns = 163 * MS;
	r.rtt_ns = 27 * MS;
	r.tcp_rtt_ns = 16 * MS;
	r.tcp_rtt_min_ns = 10 * MS;
	r.tcp_rcvwnd = 1435529;
	r.window_own = 2 * MIB;
	r.seconds = 5;
	r.uneven = 51;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a queue next door, seen by the receiver");
	/* As a link of 50 Mbit/s without any delay gave it */
	r = receiver(30171136);
	r.total_ns = 5143 * MS;
	r.source_ns = 4784 * MS;
	r.run_ns = 348 * MS;
	r.gap_ns = 4978 * MS;
	r.gaps = 908;
	r.pause_ns = 951 * MS;
	r.rtt_ns = 16 * MS;
	r.tcp_rtt_ns = 5 * MS;
	r.tcp_rtt_min_ns = MS / 4;
	r.tcp_rcvwnd = 2370671;
	r.window_own = 3574585;
	r.seconds = 5;
	r.uneven = 29;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	/* ... even if the answers of the other program wait for it, too */
	r.rtt_ns = 100 * MS;
	r.tcp_rcvwnd = 333061;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: another channel, a limit of the user's");
	memset(&f, 0, sizeof(f));
	f.sends = 1;
	f.here = sender(2000 * MIB);
	f.here.tcp_ns = 19 * S;
	f.here.session_sent = 200 * MIB;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_CHANNEL);
	ASSERT_U_INT_EQ(w.other, 900);
	/* Nothing but forwarding: that is the transfer */
	f.here.session_sent = 1000;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_PATH);
	f.here.session_sent = 1900 * MIB;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_PATH);
	/* A receiver sees it even while the queue overflows, and so TCP's rate varies */
	memset(&f, 0, sizeof(f));
	f.here = receiver(60 * MIB);
	f.here.session_received = 15 * MIB;
	f.here.tcp_rtt_ns = 127 * MS;
	f.here.tcp_ooo = f.here.tcp_segs_in / 12;
	f.here.uneven = 447;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_CHANNEL);
	ASSERT_U_INT_EQ(w.other, 750);
	/* ... and takes what all channels have under way for no channel's window */
	f.here.window_own = 2 * MIB;
	f.here.rtt_ns = 600 * MS;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_CHANNEL);
	f.here.session_received = 60 * MIB;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_WINDOW);
	f.here.rtt_ns = 100 * MS;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_PATH);
	/* Long pauses are a source's, however much others bring */
	f.here = receiver(100 * MIB);
	f.here.session_received = 25 * MIB;
	f.here.gap_ns = f.here.pause_ns = 18 * S;
	f.here.gaps = 18;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_SOURCE);
	/* A program that keeps to a limit looks like a slow one */
	memset(&f, 0, sizeof(f));
	f.sends = 1;
	f.here = sender(2000 * MIB);
	f.here.session_sent = 1900 * MIB;
	f.here.tcp_ns = 0;
	f.here.source_ns = 19 * S;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_SOURCE);
	f.here.limit = 105 * MIB;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_LIMIT);
	/* ... but not where the rate is far from it, or was never held */
	f.here.limit = 200 * MIB;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_SOURCE);
	f.here.limit = 50 * MIB;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_SOURCE);
	TEST_DONE();
}

/* 0 or 1 by one bit of n */
static uint64_t
odd(unsigned int *n)
{
	*n = *n * 1103515245 + 12345;
	return (*n >> 16) & 1;
}

static void
hostile(void)
{
	struct hpn_why_end s, r, *ends[2];
	struct hpn_why_facts f;
	struct hpn_why w;
	unsigned int seed = 1, i, j;
	uint64_t *member;

	TEST_START("why: two causes of equal shares are both named");
	s = sender(100 * MIB);
	s.source_ns = s.window_ns = 9 * S;
	s.run_ns = 2 * S;
	r = receiver(100 * MIB);
	r.window_max = 2 * MIB;
	w = decide(&s, &r);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1],
	    HPN_WHY_SOURCE + HPN_WHY_WINDOW_MAX);
	ASSERT_U_INT_EQ(w.share[0], 500);
	ASSERT_U_INT_EQ(w.share[1], 500);
	/* As 50 Mbit/s and 100 ms gave it: BBR is seldom stopped by the window */
	s = sender(20 * MIB);
	s.source_ns = s.tcp_ns = s.tcp_busy_ns = 9 * S;
	s.run_ns = 2 * S;
	s.tcp_rwnd_ns = 3 * S / 2;
	s.tcp_sndwnd = 280 * 1024;
	w = decide(&s, NULL);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1],
	    HPN_WHY_SOURCE + HPN_WHY_RCVBUF);
	s = sender(100 * MIB);
	s.tcp_ns = 18 * S;
	s.tcp_rwnd_ns = 10 * S;
	s.tcp_sndbuf_ns = 10 * S;
	w = decide(&s, NULL);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1],
	    HPN_WHY_RCVBUF + HPN_WHY_SNDBUF);
	TEST_DONE();

	TEST_START("why: two causes of equal shares, seen by the receiver");
	/* As 50 Mbit/s and 100 ms gave it, from stock's ssh */
	r = receiver(3494160);
	r.total_ns = 8905 * MS;
	r.source_ns = 8748 * MS;
	r.run_ns = 49 * MS;
	r.gap_ns = 6952 * MS;
	r.gaps = 44;
	r.pause_ns = 3753 * MS;
	r.rtt_ns = 114 * MS;
	r.tcp_rtt_ns = 113 * MS;
	r.tcp_rcvwnd = 578219;
	r.window_own = r.window_max = 156250;
	w = decide(NULL, &r);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1],
	    HPN_WHY_SOURCE + HPN_WHY_WINDOW_MAX);
	/* a window that is larger than what came is not in question */
	r.window_own = MIB;
	r.window_max = 0;
	ONLY(decide(NULL, &r), HPN_WHY_SOURCE);
	TEST_DONE();

	TEST_START("why: nothing is known, or nothing stands out");
	memset(&f, 0, sizeof(f));
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_NOTHING);
	ASSERT_INT_EQ(w.certain, 0);
	s = sender(MIB);
	s.total_ns = 0;
	w = decide(NULL, NULL);
	ONLY(w, HPN_WHY_NOTHING);
	f.here = s;
	f.there = sender(MIB);
	f.there.total_ns = 0;
	f.here.total_ns = 20 * S;
	f.sends = 1;
	hpn_why_decide(&f, &w);
	/* an end that counted no time was not heard */
	ASSERT_INT_EQ(w.both, 0);
	TEST_DONE();

	TEST_START("why: parts that are more than the whole");
	s = sender(100 * MIB);
	s.source_ns = s.window_ns = s.tcp_ns = UINT64_MAX;
	s.tcp_rwnd_ns = s.tcp_sndbuf_ns = UINT64_MAX;
	s.tcp_again = UINT64_MAX;
	w = decide(&s, NULL);
	ASSERT_U_INT_EQ(w.share[0] <= 1000 && w.share[1] <= 1000, 1);
	ASSERT_U64_LE(w.loss, 100000);
	TEST_DONE();

	TEST_START("why: a clock that jumped: one wait is the whole");
	s = sender(100 * MIB);
	s.total_ns = UINT64_MAX;
	s.source_ns = UINT64_MAX - S;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_SOURCE);
	ASSERT_U64_EQ(w.rate, 0);
	TEST_DONE();

	TEST_START("why: any numbers");
	ends[0] = &f.here;
	ends[1] = &f.there;
	for (i = 0; i < 20000; i++) {
		memset(&f, 0, sizeof(f));
		for (j = 0; j < 2; j++) {
#define ANY(name, meaning) \
			member = &ends[j]->name; \
			*member = odd(&seed) ? 0 : odd(&seed) ? UINT64_MAX : \
			    odd(&seed) ? INT64_MAX + odd(&seed) : \
			    odd(&seed) ? 1 : seed;
			HPN_WHY_FACTS(ANY)
#undef ANY
			ends[j]->known = (int)odd(&seed);
			memset(ends[j]->cc, 'b', sizeof(ends[j]->cc));
		}
		f.sends = (int)odd(&seed);
		hpn_why_decide(&f, &w);
		ASSERT_U_INT_EQ(w.share[0] <= 1000 &&
		    w.share[1] <= w.share[0], 1);
		ASSERT_U64_LE(w.loss, 100000);
		ASSERT_INT_EQ(w.both && (!f.here.known || !f.there.known), 0);
		ASSERT_INT_EQ(w.certain && !w.both, 0);
		ASSERT_INT_LT(w.cause[0], HPN_WHY_CAUSES);
		if (w.cause[1] != HPN_WHY_NOTHING)
			ASSERT_U_INT_EQ(w.share[1] >= HPN_WHY_LEAST, 1);
	}
	TEST_DONE();

	TEST_START("why: each cause has a name of its own");
	for (i = 0; i < HPN_WHY_CAUSES; i++)
		for (j = 0; j < i; j++)
			ASSERT_INT_NE(strcmp(hpn_why_name(i), hpn_why_name(j)),
			    0);
	TEST_DONE();
}

/* ---------------------------- each condition: what does not hold it leads elsewhere */

/* As far as the other end knows, this one is next door. */
static void
next_door(struct hpn_why_end *e)
{
	e->rtt_ns = MS / 2;
	e->tcp_rtt_ns = MS / 2;
	e->tcp_rtt_min_ns = MS / 4;
}

static void
sender_leaves(void)
{
	struct hpn_why_end s, r;
	struct hpn_why_facts f;
	struct hpn_why w;

	TEST_START("why: what an end says that was not heard does not count");
	memset(&f, 0, sizeof(f));
	f.sends = 1;
	f.here = sender(400 * MIB);
	f.here.asked_ns = 18 * S;
	f.here.asked = 180;
	f.there = receiver(400 * MIB);
	f.there.sink_ns = 20 * S;
	f.there.known = 0;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_REQUESTS);
	ASSERT_INT_EQ(w.sends, 1);
	/* ... nor time without a number of times */
	f.here.asked = 0;
	hpn_why_decide(&f, &w);
	ONLY(w, HPN_WHY_NOTHING);
	TEST_DONE();

	TEST_START("why: whose losses they are");
	s = sender(100 * MIB);
	r = receiver(100 * MIB);
	r.tcp_segs_in = 16000;
	r.tcp_ooo = 1600;
	s.tcp_again = s.tcp_sent / 100;
	ASSERT_U64_EQ(decide(&s, &r).loss, 1000);
	s.tcp_known = 0;
	ASSERT_U64_EQ(decide(&s, &r).loss, 625);
	r.tcp_known = 0;
	ASSERT_U64_EQ(decide(&s, &r).loss, 0);
	TEST_DONE();

	TEST_START("why: what TCP is still starting with is no loss");
	s = sender(20 * MIB);
	s.total_ns = s.tcp_ns = s.tcp_busy_ns = 1 * S;
	s.run_ns = 0;
	s.seconds = 1;
	ONLY(decide(&s, NULL), HPN_WHY_START);
	s.tcp_again = s.tcp_sent / 50;
	ONLY(decide(&s, NULL), HPN_WHY_LOSS);
	TEST_DONE();

	TEST_START("why: who is no policer");
	s = sender(500 * MIB);
	s.tcp_ns = 19 * S;
	s.uneven = 40;
	s.tcp_again = s.tcp_sent / 100;
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	s.seconds = 4;
	ONLY(decide(&s, NULL), HPN_WHY_LOSS);
	s.seconds = 20;
	s.tcp_again = s.tcp_sent / 200;
	ONLY(decide(&s, NULL), HPN_WHY_LOSS);
	/* BBR is even by itself, and slows down for very much only */
	strcpy(s.cc, "bbr");
	s.tcp_again = s.tcp_sent / 5;
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	s.uneven = 200;
	ONLY(decide(&s, NULL), HPN_WHY_LOSS);
	s.tcp_again = s.tcp_sent / 10;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	strcpy(s.cc, "cubic");
	ONLY(decide(&s, NULL), HPN_WHY_POLICER);
	TEST_DONE();

	TEST_START("why: a policer, as a receiver sees it");
	r = receiver(100 * MIB);
	r.tcp_ooo = r.tcp_segs_in / 5;
	r.gap_ns = 12 * S;
	r.gaps = 120;
	r.uneven = 140;
	ONLY(decide(NULL, &r), HPN_WHY_POLICER);
	r.uneven = 200;
	ONLY(decide(NULL, &r), HPN_WHY_LOSS);
	TEST_DONE();

	TEST_START("why: a loop that waited little for a processor is at work");
	s = sender(9000 * MIB);
	s.run_ns = 19 * S;
	s.tcp_ns = 1 * S;
	s.queue_ns = 8 * S;
	ONLY(decide(&s, NULL), HPN_WHY_CPU_SEND);
	TEST_DONE();

	TEST_START("why: answers that take long, where no round trip is known");
	s = sender(400 * MIB);
	s.asked_ns = 18 * S;
	s.asked = 180;
	s.rtt_ns = s.tcp_rtt_ns = s.tcp_rtt_min_ns = 0;
	ONLY(decide(&s, NULL), HPN_WHY_REQUESTS);
	/* ... or where they are there at once */
	s = sender(36000ULL * 64 * 1024);
	next_door(&s);
	s.rtt_ns = MS / 10;
	s.asked_ns = 18 * S;
	s.asked = 36000;
	ONLY(decide(&s, NULL), HPN_WHY_REQUESTS);
	TEST_DONE();

	TEST_START("why: whether TCP was never short must be known, for some seconds");
	s = sender(230 * MIB);
	s.run_ns = 15 * S;
	s.tcp_ns = 4 * S;
	s.source_ns = 1 * S;
	s.zip_ns = 20 * S;
	s.tcp_rate = 12000000;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_PATH);
	ASSERT_U_INT_EQ(w.share[0], 950);
	s.seconds = 2;
	ONLY(decide(&s, NULL), HPN_WHY_ZIP);
	s.seconds = 20;
	s.tcp_known = 0;
	ONLY(decide(&s, NULL), HPN_WHY_ZIP);
	/* A loop that works half of the time is no question */
	s = sender(2000 * MIB);
	s.run_ns = 10 * S;
	s.tcp_ns = 8 * S;
	s.source_ns = 2 * S;
	s.tcp_rate = 12000000;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_PATH);
	ASSERT_U_INT_EQ(w.share[0], 800);
	TEST_DONE();

	TEST_START("why: a queue is TCP's to know; a busy receiver is none");
	s = sender(380 * MIB);
	s.window_ns = 19 * S;
	s.tcp_rtt_ns = 160 * MS;
	r = receiver(380 * MIB);
	r.window_own = 2 * MIB;
	s.tcp_known = 0;
	ONLY(decide(&s, NULL), HPN_WHY_WINDOW);
	s.tcp_known = 1;
	r.run_ns = 19 * S;
	r.source_ns = 1 * S;
	w = decide(&s, &r);
	ONLY(w, HPN_WHY_CPU_RECV);
	ASSERT_U_INT_EQ(w.share[0], 1000);
	TEST_DONE();

	TEST_START("why: who does not read, though data queue on the path");
	s = sender(23601152);
	s.total_ns = 4936 * MS;
	s.seconds = 5;
	s.source_ns = 129 * MS;
	s.window_ns = 2715 * MS;
	s.tcp_ns = 1546 * MS;
	s.run_ns = 546 * MS;
	s.tcp_busy_ns = 4916 * MS;
	s.tcp_rtt_ns = 138 * MS;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	/* TCP's window was full, as well */
	s.tcp_rwnd_ns = 2400 * MS;
	s.tcp_sndwnd = 16 * MIB;
	ASSERT_INT_EQ(decide(&s, NULL).cause[0], HPN_WHY_SINK);
	s.tcp_rwnd_ns = 0;
	/* The receiver says that it waited for its program */
	r = receiver(23601152);
	r.sink_ns = 18 * S;
	ASSERT_INT_EQ(decide(&s, &r).cause[0], HPN_WHY_SINK);
	s.tcp_known = 0;
	ONLY(decide(&s, NULL), HPN_WHY_SINK);
	TEST_DONE();

	TEST_START("why: a receiver at work for half of the time, or less than the sender");
	s = sender(2000 * MIB);
	s.tcp_ns = 19 * S;
	r = receiver(2000 * MIB);
	r.run_ns = r.source_ns = 10 * S;
	ONLY(decide(&s, &r), HPN_WHY_PATH);
	s.run_ns = 19 * S;
	s.tcp_ns = 1 * S;
	r.run_ns = 15 * S;
	r.source_ns = 5 * S;
	ONLY(decide(&s, &r), HPN_WHY_CPU_SEND);
	TEST_DONE();

	TEST_START("why: nothing is said of a TCP that is not known, or had nothing");
	s = sender(64 * MIB);
	s.tcp_ns = 19 * S;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	s.tcp_busy_ns = 0;
	ONLY(decide(&s, NULL), HPN_WHY_NOTHING);
	s.tcp_busy_ns = 20 * S;
	s.tcp_known = 0;
	ONLY(decide(&s, NULL), HPN_WHY_NOTHING);
	/* It is no second cause, either */
	s.tcp_ns = 8 * S;
	s.source_ns = 9 * S;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_SOURCE);
	ASSERT_U_INT_EQ(w.share[1], 0);
	TEST_DONE();

	TEST_START("why: a window of TCP's that is not full, large, or not known");
	s = sender(64 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_rwnd_ns = 4 * S;
	s.tcp_sndwnd = 350 * 1024;
	ONLY(decide(&s, NULL), HPN_WHY_RCVBUF);
	s.tcp_rwnd_ns = 1 * S;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	s.tcp_rwnd_ns = 4 * S;
	s.tcp_sndwnd = 64 * MIB;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	s.tcp_sndwnd = 0;
	ONLY(decide(&s, NULL), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a send buffer that stops TCP, and losses");
	s = sender(64 * MIB);
	s.tcp_ns = 19 * S;
	s.tcp_sndbuf_ns = 10 * S;
	s.tcp_again = s.tcp_sent / 200;
	s.uneven = 400;
	w = decide(&s, NULL);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1], HPN_WHY_SNDBUF + HPN_WHY_LOSS);
	TEST_DONE();
}

static void
receiver_leaves(void)
{
	struct hpn_why_end r;
	struct hpn_why w;

	TEST_START("why: HPNMemoryMax, too, is seldom used up in every round trip");
	r = receiver(1966080);
	r.total_ns = 7214 * MS;
	r.gap_ns = 4947 * MS;
	r.gaps = 21;
	r.rtt_ns = 305 * MS;
	r.tcp_rtt_ns = 303 * MS;
	r.tcp_rtt_min_ns = 300 * MS;
	r.window_own = r.memory_max = 187500;
	ONLY(decide(NULL, &r), HPN_WHY_MEMORY_MAX);
	TEST_DONE();

	TEST_START("why: pauses that are seldom are no source's");
	r = receiver(100 * MIB);
	r.gap_ns = 3 * S;
	r.pause_ns = 2 * S;
	r.gaps = 30;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	/* Time without a number of times is none */
	r.gap_ns = 18 * S;
	r.pause_ns = r.gaps = 0;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a window between pauses has a round trip, and time");
	r = receiver(3494160);
	r.total_ns = 8905 * MS;
	r.run_ns = 49 * MS;
	r.gap_ns = 6952 * MS;
	r.gaps = 44;
	r.pause_ns = 3753 * MS;
	r.rtt_ns = 114 * MS;
	r.tcp_rtt_ns = 113 * MS;
	r.window_own = r.window_max = 156250;
	w = decide(NULL, &r);
	ASSERT_INT_EQ(w.cause[0], HPN_WHY_WINDOW_MAX);
	ASSERT_U64_GE(w.share[0], 570);
	ASSERT_U64_LE(w.share[0], 580);
	ASSERT_INT_EQ(w.cause[1], HPN_WHY_SOURCE);
	ASSERT_U64_GE(w.share[1], 420);
	ASSERT_U64_LE(w.share[1], 430);
	next_door(&r);
	r.window_own = 100;
	ONLY(decide(NULL, &r), HPN_WHY_SOURCE);
	r = receiver(3494160);
	r.sink_ns = 10 * S;
	r.run_ns = 0;
	r.source_ns = 20 * S;
	r.gap_ns = 15 * S;
	r.pause_ns = 14 * S;
	r.gaps = 44;
	r.window_own = r.window_max = 1000;
	w = decide(NULL, &r);
	ASSERT_INT_EQ(w.cause[0] + w.cause[1], HPN_WHY_SOURCE + HPN_WHY_SINK);
	TEST_DONE();

	TEST_START("why: what is no queue next door");
	r = receiver(30171136);
	r.total_ns = 5143 * MS;
	r.run_ns = 348 * MS;
	r.gap_ns = 4978 * MS;
	r.gaps = 908;
	r.rtt_ns = 16 * MS;
	r.tcp_rtt_ns = 5 * MS;
	r.tcp_rtt_min_ns = MS / 4;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.tcp_rtt_ns = 2 * MS;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	r.tcp_rtt_ns = 5 * MS;
	r.tcp_known = 0;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	TEST_DONE();

	TEST_START("why: next door nothing is said of round trips");
	r = receiver(100 * MIB);
	next_door(&r);
	ONLY(decide(NULL, &r), HPN_WHY_NOTHING);
	r.window_own = 1000;
	ONLY(decide(NULL, &r), HPN_WHY_NOTHING);
	r.window_own = 0;
	r.tcp_rcvwnd = 100;
	ONLY(decide(NULL, &r), HPN_WHY_NOTHING);
	r.tcp_rcvwnd = 64 * MIB;
	r.gap_ns = 18 * S;
	r.gaps = 900;
	ONLY(decide(NULL, &r), HPN_WHY_NOTHING);
	r.gap_ns = r.gaps = 0;
	r.rtt_ns = 9 * MS / 10;
	r.tcp_rtt_ns = 28 * MS / 10;
	ONLY(decide(NULL, &r), HPN_WHY_NOTHING);
	r.total_ns = 10 * MS;
	r.run_ns = 1 * MS;
	r.seconds = 0;
	ONLY(decide(NULL, &r), HPN_WHY_NOTHING);
	TEST_DONE();

	TEST_START("why: TCP's window at the receiver: known, and of what TCP carried");
	r = receiver(64 * MIB);
	r.tcp_rcvwnd = 350 * 1024;
	ONLY(decide(NULL, &r), HPN_WHY_RCVBUF);
	r.zip_ns = 15 * S;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.zip_ns = 0;
	r.tcp_known = 0;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.tcp_known = 1;
	r.tcp_rcvwnd = 0;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: losses show as gaps, or as an uneven rate");
	r = receiver(100 * MIB);
	r.tcp_ooo = r.tcp_segs_in / 20;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.uneven = 200;
	ONLY(decide(NULL, &r), HPN_WHY_LOSS);
	r.uneven = 0;
	r.gap_ns = 6 * S;
	r.gaps = 60;
	ONLY(decide(NULL, &r), HPN_WHY_LOSS);
	TEST_DONE();

	TEST_START("why: TCP's start, seen by the receiver: not of who asks each time");
	r = receiver(1000000);
	r.total_ns = 792 * MS;
	r.run_ns = 39 * MS;
	r.seconds = 1;
	ONLY(decide(NULL, &r), HPN_WHY_START);
	r.gap_ns = 211 * MS;
	r.gaps = 4;
	r.asked = 1;
	ONLY(decide(NULL, &r), HPN_WHY_START);
	r.asked = 4;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.asked = 0;
	r.tcp_known = 0;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	TEST_DONE();

	TEST_START("why: a queue, few pauses, or short ones: the path");
	r = receiver(100 * MIB);
	r.tcp_rtt_ns = 160 * MS;
	r.gap_ns = 12 * S;
	r.gaps = 24;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.tcp_known = 0;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	r.gap_ns = 8 * S;
	r.gaps = 80;
	r.tcp_rtt_ns = 101 * MS;
	ONLY(decide(NULL, &r), HPN_WHY_PATH);
	r.tcp_known = 1;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	TEST_DONE();

	TEST_START("why: who asks seldom, or for little, has a fixed amount under way");
	r = receiver(400 * MIB);
	r.gap_ns = 18 * S;
	r.gaps = 180;
	r.asked = 180;
	ONLY(decide(NULL, &r), HPN_WHY_REQUESTS);
	r.asked = 10;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	r.received = 180 * 64 * 1024;
	r.asked = 180;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	r.received = 400 * MIB;
	r.gap_ns = 12 * S;
	r.gaps = 3;
	r.asked = 0;
	ONLY(decide(NULL, &r), HPN_WHY_SENDER_TCP);
	TEST_DONE();

	TEST_START("why: what the loop is at work for is nobody's share");
	r = receiver(100 * MIB);
	r.sink_ns = r.run_ns = r.source_ns = 10 * S;
	w = decide(NULL, &r);
	ONLY(w, HPN_WHY_SINK);
	ASSERT_U_INT_EQ(w.share[0], 1000);
	ASSERT_INT_EQ(w.sends, 0);
	TEST_DONE();
}

static void
words(void)
{
	struct hpn_why_end s, r;
	struct hpn_why w;

	TEST_START("why: the lower one of two limits");
	s = sender(100 * MIB);
	r = receiver(100 * MIB);
	r.limit = 200 * MIB;
	ASSERT_U64_EQ(decide(&s, &r).limit, 200 * MIB);
	s.limit = 100 * MIB;
	ASSERT_U64_EQ(decide(&s, &r).limit, 100 * MIB);
	r.limit = 50 * MIB;
	ASSERT_U64_EQ(decide(&s, &r).limit, 50 * MIB);
	r.limit = 0;
	ASSERT_U64_EQ(decide(&s, &r).limit, 100 * MIB);
	TEST_DONE();

	TEST_START("why: which round trip is told");
	s = sender(64 * MIB);
	s.rtt_ns = 160 * MS;
	s.tcp_ns = 19 * S;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_PATH);
	ASSERT_U64_EQ(w.rtt_ns, 160 * MS);
	s.tcp_sndbuf_ns = 19 * S;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_SNDBUF);
	ASSERT_U64_EQ(w.rtt_ns, 100 * MS);
	s.tcp_sndbuf_ns = 0;
	s.tcp_rwnd_ns = 19 * S;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_RCVBUF);
	ASSERT_U64_EQ(w.rtt_ns, 100 * MS);
	s.tcp_rwnd_ns = 0;
	s.tcp_again = s.tcp_sent / 200;
	s.uneven = 400;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_LOSS);
	ASSERT_U64_EQ(w.rtt_ns, 100 * MS);
	TEST_DONE();

	TEST_START("why: what is certain, and what is named");
	s = sender(100 * MIB);
	r = receiver(100 * MIB);
	s.source_ns = 14 * S;
	s.tcp_ns = 5 * S;
	w = decide(&s, &r);
	ONLY(w, HPN_WHY_SOURCE);
	ASSERT_U64_LT(w.share[0], 800);
	ASSERT_INT_EQ(w.certain, 0);
	/* Not where another one has nearly as much */
	s.source_ns = 17 * S;
	s.tcp_ns = 2 * S;
	ASSERT_INT_EQ(decide(&s, &r).certain, 1);
	r.run_ns = 16 * S;
	r.source_ns = 4 * S;
	w = decide(&s, &r);
	ASSERT_INT_EQ(w.cause[0], HPN_WHY_SOURCE);
	ASSERT_INT_EQ(w.cause[1], HPN_WHY_CPU_RECV);
	ASSERT_U64_GE(w.share[0], 800);
	ASSERT_INT_EQ(w.certain, 0);
	/* Less than a quarter of the time is nothing, nor is it a second cause */
	s = sender(100 * MIB);
	s.source_ns = 8 * S;
	s.tcp_ns = 44 * S / 10;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_SOURCE);
	ASSERT_U_INT_EQ(w.share[1], 0);
	s.source_ns = 4 * S;
	s.tcp_ns = s.run_ns = 0;
	w = decide(&s, NULL);
	ONLY(w, HPN_WHY_NOTHING);
	ASSERT_U_INT_EQ(w.share[0], 0);
	TEST_DONE();
}

void
test_why(void)
{
	ends();
	network();
	sender_leaves();
	receiver_leaves();
	words();
	hostile();
}
