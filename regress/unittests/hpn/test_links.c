/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-window and hpn-rtt over simulated links (see sim.h, which
 * also says what the simulation itself asserts at each step).
 */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-tcp.h"
#include "hpn-window.h"
#include "sim.h"
#include "tests.h"

#define MBIT		125000ULL	/* bytes a second */
#define GBIT		(1000 * MBIT)
#define INITIAL		(2 * MB)	/* the window that channels open with */
#define LEAST		(HPN_WINDOW_PACKETS * 32 * KB)
#define STORED		(12 * MB)	/* what harms no sender */

static struct sim_config
link_config(uint64_t rtt_ns, uint64_t rate)
{
	struct sim_config c;

	memset(&c, 0, sizeof(c));
	c.rtt_ns = rtt_ns;
	c.rate = rate;
	c.end_ns = 120 * rtt_ns;
	if (c.end_ns < 10 * SEC)
		c.end_ns = 10 * SEC;
	c.steady_ns = c.end_ns / 10 * 7;
	return c;
}

static uint64_t
bdp_of(const struct sim_config *c)
{
	return c->rate * (c->rtt_ns / 1000) / 1000000;
}

/*
 * What is under way in one SSH round trip: on the link, in the queue of its
 * bottleneck, in the sender's socket.
 */
static uint64_t
under_way(const struct sim_config *c)
{
	uint64_t link = bdp_of(c) + bdp_of(c) / 4 + 64 * KB;

	return link + (c->unsent != 0 && c->unsent < link ? c->unsent : link);
}

/* `n` hundredths of `of` */
static uint64_t
percent(uint64_t n, uint64_t of)
{
	return of / 100 * n;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * The window that hpn-window.h names for what is delivered at `rate` in the
 * round trip that was measured, and some packets.
 */
static uint64_t
rule(const struct sim_config *c, const struct sim_result *r, uint64_t rate)
{
	uint64_t bdp = percent(103, rate * (r->rtt_most / 1000) / 1000000);
	uint64_t ahead = percent(103, rate * (r->rtt_min_most / 1000) /
	    1000000) / 4 * 13;
	uint64_t slack = larger(HPN_WINDOW_SLACK, bdp / 4), window;

	if (c->no_poll)
		ahead = 0;
	else if (c->rcvbuf != 0 && ahead > c->rcvbuf)
		ahead = c->rcvbuf;
	window = larger(bdp + (slack < bdp ? slack : bdp), ahead);
	return larger(window + 128 * KB, INITIAL);
}

static void
info(const struct sim_config *c, const char *what)
{
	test_subtest_info("%s: %llu us x %llu bytes/s", what,
	    (unsigned long long)c->rtt_ns / 1000, (unsigned long long)c->rate);
}

/*
 * What the sender may send and has no room for in its socket is the window
 * less what is under way: two and a quarter times what is delivered in a round
 * trip where the window runs ahead of it, else no more than the slack.
 */
static void
check_window(const struct sim_config *c, const struct sim_result *r,
    uint64_t rate)
{
	uint64_t most = rule(c, r, rate);
	uint64_t bdp = r->rate * (r->rtt_min_most / 1000) / 1000000;

	ASSERT_U64_LE(r->window_most, most);
	ASSERT_U64_LE(r->held_most,
	    most - (bdp < most ? bdp : most) + 128 * KB);
}

/* The link is full, and the window no larger than it has to be. */
static void
check_full(const struct sim_config *c, const char *what)
{
	struct sim_result r;

	info(c, what);
	sim_run(c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c->rate));
	/* The round trip is no longer than what is under way makes it */
	ASSERT_U64_LE(c->rate * (r.rtt_most / 1000) / 1000000,
	    larger(percent(103, under_way(c)) + 64 * KB,
	    c->rate * (c->tcp_rtt_ns / 1000) / 1000000));
	check_window(c, &r, c->rate);
}

static void
test_steady(void)
{
	static const uint64_t rtts[] = {
		1 * MS, 5 * MS, 10 * MS, 50 * MS, 100 * MS, 200 * MS,
		300 * MS, 600 * MS, 1000 * MS
	};
	static const uint64_t rates[] = {
		10 * MBIT, 100 * MBIT, 300 * MBIT, 1 * GBIT, 2500 * MBIT,
		10 * GBIT
	};
	static const uint64_t rcvbufs[] = { 1, 131072, 6 * MB, 512 * MB };
	struct sim_config c;
	struct sim_result r;
	size_t i, j;

	TEST_START("links: full, from 1 ms to 1 s and from 10 Mbit/s on");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		for (j = 0; j < sizeof(rates) / sizeof(rates[0]); j++) {
			c = link_config(rtts[i], rates[j]);
			/* The ceiling that an option may set, not its default */
			c.window_max = HPN_WINDOW_CEILING;
			c.budget = 1ULL << 40;
			if (bdp_of(&c) > 128 * MB)
				continue;
			check_full(&c, "large socket buffer");
			/* CUBIC paces at 6/5 of what it delivers */
			c.unsent = hpn_tcp_unsent_target(c.rate,
			    c.rate / 5 * 6, c.rtt_ns);
			check_full(&c, "our sender");
		}
	}
	TEST_DONE();

	TEST_START("links: full within the default ceiling");
	c = link_config(100 * MS, 1 * GBIT);
	check_full(&c, "1 Gbit/s");
	c = link_config(300 * MS, 1 * GBIT);
	check_full(&c, "1 Gbit/s");
	c = link_config(50 * MS, 5 * GBIT);
	c.unsent = 4 * MB;
	check_full(&c, "5 Gbit/s");
	TEST_DONE();

	TEST_START("links: full whatever TCP's buffer is said to be");
	for (i = 0; i < sizeof(rcvbufs) / sizeof(rcvbufs[0]); i++) {
		c = link_config(100 * MS, 1 * GBIT);
		c.rcvbuf = rcvbufs[i];
		c.tcp_rtt_ns = c.rtt_ns;
		check_full(&c, "with a socket");
	}
	TEST_DONE();

	TEST_START("links: full when only TCP knows the queue");
	c = link_config(40 * MS, 1 * GBIT);
	c.tcp_rtt_ns = 200 * MS;
	check_full(&c, "with a socket");
	/* The queue counts for what is delivered, not for running ahead */
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.rtt_most, 200 * MS);
	ASSERT_U64_LT(r.rtt_min_most, 150 * MS);
	TEST_DONE();

	TEST_START("links: no round trip, no need to grow");
	for (j = 0; j < sizeof(rates) / sizeof(rates[0]); j++) {
		c = link_config(0, rates[j]);
		info(&c, "no delay");
		sim_run(&c, &r);
		ASSERT_U64_GE(r.rate, percent(95, c.rate));
		ASSERT_U64_EQ(r.window_ever, INITIAL);
	}
	TEST_DONE();

	TEST_START("links: slow ones keep the initial window");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		for (j = 1; j <= 10; j += 3) {
			c = link_config(rtts[i], j * MBIT);
			/* at which five times what is under way fits */
			if (5 * under_way(&c) > INITIAL)
				continue;
			c.end_ns = 300 * SEC;
			c.steady_ns = 100 * SEC;
			info(&c, "slow");
			sim_run(&c, &r);
			ASSERT_U64_GE(r.rate, percent(95, c.rate));
			ASSERT_U64_EQ(r.window_ever, INITIAL);
		}
	}
	c = link_config(100 * MS, 10 * MBIT);
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.window_ever, INITIAL);
	c = link_config(1000 * MS, 1 * MBIT);
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.window_ever, INITIAL);
	TEST_DONE();

	TEST_START("links: a window that stays would have limited them");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		c = link_config(rtts[i], 1 * GBIT);
		c.policy = SIM_STOCK;
		info(&c, "stock");
		sim_run(&c, &r);
		ASSERT_U64_EQ(r.window_ever, INITIAL);
		/* 2 MiB for each round trip is less than 95 % from 18 ms on */
		if (c.rtt_ns > 18 * MS)
			ASSERT_U64_LT(r.rate, percent(95, c.rate));
		if (c.rtt_ns >= 100 * MS)
			ASSERT_U64_LT(r.rate, percent(20, c.rate));
	}
	TEST_DONE();

	TEST_START("links: a ceiling limits, and no more than it has to");
	c = link_config(100 * MS, 1 * GBIT);
	c.window_max = 5 * MB;
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.window_ever, 5 * MB);
	ASSERT_U64_GE(r.rate, percent(85, 5 * MB * 10));
	ASSERT_U64_LE(r.rate, 5 * MB * 10 + MB);
	TEST_DONE();

	TEST_START("links: the lowest ceiling does not stop a channel");
	c = link_config(10 * MS, 1 * GBIT);
	c.window_max = 64 * KB;
	sim_run(&c, &r);
	ASSERT_U64_LE(r.window_ever, LEAST);
	ASSERT_U64_LE(r.window_most, 64 * KB);
	ASSERT_U64_GE(r.rate, 1 * MB);
	TEST_DONE();
}

static void
test_stored(void)
{
	static const uint64_t rtts[] = {
		10 * MS, 50 * MS, 100 * MS, 200 * MS, 300 * MS, 1000 * MS
	};
	static const uint64_t rates[] = {
		10 * MBIT, 100 * MBIT, 300 * MBIT, 1 * GBIT, 10 * GBIT
	};
	struct sim_config c;
	struct sim_result r;
	size_t i, j;
	uint64_t waited;
	int prompt = 0;

	/*
	 * A stock sender stores what its socket does not take.  An answer to
	 * a probe waits in that socket, so the round trip may be measured too
	 * long, and what runs ahead be larger by as much.
	 */
	TEST_START("stored: little by a sender whose TCP buffer is tuned");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		for (j = 0; j < sizeof(rates) / sizeof(rates[0]); j++) {
			c = link_config(rtts[i], rates[j]);
			if (bdp_of(&c) > 16 * MB)
				continue;
			for (c.cwnds = 2; c.cwnds <= 3; c.cwnds++) {
				c.no_poll = 1;
				info(&c, "no lead");
				sim_run(&c, &r);
				ASSERT_U64_LE(r.held_most, STORED);
				c.no_poll = 0;
				info(&c, "lead");
				sim_run(&c, &r);
				waited = percent(103, c.rate *
				    (r.rtt_min_most / 1000) / 1000000);
				waited -= bdp_of(&c) < waited ? bdp_of(&c) :
				    waited;
				ASSERT_U64_LE(r.held_most,
				    STORED + waited / 4 * 13);
				if (r.rtt_min_most <= percent(115, c.rtt_ns) &&
				    bdp_of(&c) > INITIAL) {
					ASSERT_U64_LE(r.held_most, STORED);
					prompt++;
				}
			}
		}
	}
	ASSERT_INT_GE(prompt, 4);
	TEST_DONE();

	TEST_START("stored: a small TCP buffer limits the rate, and with it");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		for (j = 2; j < sizeof(rates) / sizeof(rates[0]); j++) {
			c = link_config(rtts[i], rates[j]);
			if (bdp_of(&c) > 40 * MB || bdp_of(&c) < 2 * INITIAL)
				continue;
			c.sndbuf = bdp_of(&c) / 3;
			info(&c, "small send buffer");
			sim_run(&c, &r);
			/* as much a round trip, less than a packet at a time */
			ASSERT_U64_LE(r.rate, percent(40, c.rate));
			ASSERT_U64_GE(r.rate, percent(33, c.rate));
			/* What comes in bursts looks a little faster */
			check_window(&c, &r, percent(105, r.rate));
		}
	}
	TEST_DONE();

	TEST_START("stored: less again when TCP has started");
	c = link_config(300 * MS, 1 * GBIT);
	c.window_max = HPN_WINDOW_CEILING;
	c.budget = 1ULL << 40;
	c.end_ns = 20 * SEC;
	c.steady_ns = 12 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.window_ever, percent(450, bdp_of(&c)));
	ASSERT_U64_LE(r.window_most, rule(&c, &r, c.rate));
	ASSERT_U64_LE(r.window_most, percent(360, bdp_of(&c)));
	TEST_DONE();
}

static void
test_ramp(void)
{
	static const uint64_t rtts[] = {
		5 * MS, 10 * MS, 50 * MS, 100 * MS, 300 * MS
	};
	struct sim_config c;
	struct sim_result ours, none, tcp;
	size_t i;
	int socket, lowat;

	TEST_START("links: 200 MB from the start, as fast as TCP alone");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		for (socket = 0; socket < 2; socket++) {
			for (lowat = 0; lowat < 2; lowat++) {
				c = link_config(rtts[i], 1 * GBIT);
				c.ramp_bytes = 200000000;
				c.tcp_rtt_ns = socket ? c.rtt_ns : 0;
				c.unsent = lowat ? MB : 0;
				info(&c, "ramp");
				sim_run(&c, &ours);
				c.policy = SIM_UNLIMITED;
				sim_run(&c, &tcp);
				ASSERT_U64_NE(ours.ramp_ns, 0);
				ASSERT_U64_NE(tcp.ramp_ns, 0);
				ASSERT_U64_LE(ours.ramp_ns,
				    percent(105, tcp.ramp_ns));
			}
		}
	}
	TEST_DONE();

	TEST_START("links: the same with no lead over what was measured");
	c = link_config(100 * MS, 1 * GBIT);
	c.ramp_bytes = 200000000;
	c.tcp_rtt_ns = c.rtt_ns;
	c.rcvbuf = 131072;		/* never grows: the worst case */
	sim_run(&c, &ours);
	c.no_poll = 1;
	sim_run(&c, &none);
	c.policy = SIM_UNLIMITED;
	sim_run(&c, &tcp);
	ASSERT_U64_NE(ours.ramp_ns, 0);
	ASSERT_U64_NE(none.ramp_ns, 0);
	ASSERT_U64_LE(ours.ramp_ns, percent(125, tcp.ramp_ns));
	ASSERT_U64_LE(none.ramp_ns, percent(125, tcp.ramp_ns));
	TEST_DONE();

	TEST_START("links: a window that stays would have taken long");
	c = link_config(100 * MS, 1 * GBIT);
	c.ramp_bytes = 200000000;
	c.policy = SIM_STOCK;
	sim_run(&c, &ours);
	ASSERT_U64_GE(ours.ramp_ns, 2 * tcp.ramp_ns);
	TEST_DONE();
}

static void
test_loss(void)
{
	static const uint64_t rtts[] = { 10 * MS, 50 * MS, 100 * MS, 300 * MS };
	static const uint64_t losses[] = {	/* 0.01 %, 0.001 % */
		14480000, 144800000
	};
	struct sim_config c;
	struct sim_result ours, tcp;
	size_t i, j;

	TEST_START("links: with loss, what TCP alone does");
	for (i = 0; i < sizeof(rtts) / sizeof(rtts[0]); i++) {
		for (j = 0; j < sizeof(losses) / sizeof(losses[0]); j++) {
			c = link_config(rtts[i], 1 * GBIT);
			c.end_ns = 40 * SEC;
			c.steady_ns = 10 * SEC;
			c.loss_every = losses[j];
			info(&c, "loss");
			sim_run(&c, &ours);
			c.policy = SIM_UNLIMITED;
			sim_run(&c, &tcp);
			ASSERT_U64_GE(ours.rate, percent(95, tcp.rate));
		}
	}
	TEST_DONE();
}

static void
test_readers(void)
{
	struct sim_config c;
	struct sim_result r;
	uint64_t before;

	TEST_START("readers: a slow one keeps the initial window");
	c = link_config(100 * MS, 1 * GBIT);
	c.reader[0].rate = 1000000;
	c.end_ns = 60 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.reader[0].rate));
	ASSERT_U64_EQ(r.window_ever, INITIAL);
	ASSERT_U64_LE(r.buffered_ever, INITIAL);
	TEST_DONE();

	TEST_START("readers: by what the reader takes, not what the link can");
	c = link_config(100 * MS, 1 * GBIT);
	c.reader[0].rate = 20000000;
	c.end_ns = 30 * SEC;
	c.steady_ns = 20 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.reader[0].rate));
	/* its BDP is 2 MB */
	ASSERT_U64_LE(r.window_most, rule(&c, &r, c.reader[0].rate));
	TEST_DONE();

	TEST_START("readers: one that never reads costs the initial window");
	c = link_config(100 * MS, 1 * GBIT);
	c.reader[0].stop_ns = 1;
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.steady, 0);
	ASSERT_U64_EQ(r.adjusts, 0);
	ASSERT_U64_EQ(r.window_ever, INITIAL);
	ASSERT_U64_EQ(r.buffered_ever, INITIAL);
	TEST_DONE();

	TEST_START("readers: one that stops costs what it had");
	c = link_config(100 * MS, 1 * GBIT);
	c.unsent = MB;
	c.reader[0].stop_ns = 20 * SEC;
	c.steady_ns = 19 * SEC;
	c.end_ns = 20 * SEC;
	sim_run(&c, &r);
	before = r.window_end[0];
	ASSERT_U64_LE(before, rule(&c, &r, c.rate));
	c.steady_ns = 21 * SEC;
	c.end_ns = 200 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.steady, 0);
	ASSERT_U64_LE(r.window_end[0], before);
	ASSERT_U64_LE(r.buffered_ever, r.window_end[0]);
	TEST_DONE();

	TEST_START("readers: one that stops and goes on");
	c = link_config(100 * MS, 1 * GBIT);
	c.reader[0].on_ns = 4 * SEC;
	c.reader[0].off_ns = 1 * SEC;
	c.end_ns = 60 * SEC;
	c.steady_ns = 10 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95 * 4 / 5, c.rate));
	ASSERT_U64_LE(r.window_most, rule(&c, &r, c.rate));
	c.reader[0].rate = 8 * c.rate;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95 * 4 / 5, c.rate));
	ASSERT_U64_LE(r.window_most, rule(&c, &r, c.rate));
	TEST_DONE();

	TEST_START("readers: a slow one that reads in bursts");
	c = link_config(10 * MS, 1 * GBIT);
	c.reader[0].on_ns = 1 * MS;	/* what is there, once a second */
	c.reader[0].off_ns = 999 * MS;
	c.end_ns = 60 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_EQ(r.window_ever, INITIAL);
	TEST_DONE();

	TEST_START("readers: one that is faster than the link, in bursts");
	c = link_config(10 * MS, 1 * GBIT);
	c.reader[0].rate = 8 * c.rate;
	c.reader[0].on_ns = 10 * MS;
	c.reader[0].off_ns = 20 * MS;
	c.end_ns = 20 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	ASSERT_U64_LE(r.window_most, 16 * MB);
	TEST_DONE();

	TEST_START("sources: bursts, and pauses shorter than idleness");
	c = link_config(100 * MS, 1 * GBIT);
	c.source[0].on_ns = 5 * SEC;
	c.source[0].off_ns = 2 * SEC;
	c.end_ns = 70 * SEC;
	c.steady_ns = 14 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95 * 5 / 7, c.rate));
	TEST_DONE();

	TEST_START("sources: idleness gives back, and the window comes again");
	c = link_config(100 * MS, 1 * GBIT);
	c.unsent = MB;
	c.source[0].on_ns = 10 * SEC;
	c.source[0].off_ns = 60 * SEC;
	c.end_ns = 80 * SEC;
	c.steady_ns = 75 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	TEST_DONE();
}

static void
test_channels(void)
{
	struct sim_config c;
	struct sim_result r;
	int i;

	TEST_START("channels: 50, flooded, inside the budget");
	c = link_config(100 * MS, 1 * GBIT);
	c.channels = 50;
	c.budget = 64 * MB;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	ASSERT_U64_LE(r.windows_most, c.budget);
	for (i = 0; i < c.channels; i++)
		ASSERT_U64_GT(r.taken[i], 0);
	TEST_DONE();

	TEST_START("channels: 64 on a budget for four");
	c = link_config(20 * MS, 1 * GBIT);
	c.channels = 64;
	c.budget = 8 * MB;
	sim_run(&c, &r);
	ASSERT_U64_LE(r.windows_most, c.budget + 64 * LEAST);
	for (i = 0; i < c.channels; i++)
		ASSERT_U64_GT(r.taken[i], 0);
	TEST_DONE();

	TEST_START("channels: 50, none of which is read");
	c = link_config(100 * MS, 1 * GBIT);
	c.channels = 50;
	c.budget = 32 * MB;
	for (i = 0; i < c.channels; i++)
		c.reader[i].stop_ns = 1;
	sim_run(&c, &r);
	ASSERT_U64_LE(r.buffered_ever, c.budget + 50 * LEAST);
	ASSERT_U64_EQ(r.adjusts, 0);
	TEST_DONE();

	TEST_START("channels: one is fast among many that are stuck");
	c = link_config(100 * MS, 1 * GBIT);
	c.channels = 50;
	for (i = 1; i < c.channels; i++)
		c.reader[i].stop_ns = 1;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	for (i = 1; i < c.channels; i++)
		ASSERT_U64_EQ(r.window_end[i], INITIAL);
	TEST_DONE();

	TEST_START("channels: equal ones get equal shares");
	c = link_config(100 * MS, 1 * GBIT);
	c.channels = 4;
	c.open_every_ns = 2 * SEC;
	c.end_ns = 60 * SEC;
	c.steady_ns = 30 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	for (i = 0; i < c.channels; i++) {
		test_subtest_info("channel %d", i);
		ASSERT_U64_GE(r.taken[i], r.steady / 8);
		ASSERT_U64_LE(r.taken[i], r.steady / 2);
	}
	TEST_DONE();

	TEST_START("channels: a budget below the BDP starves nobody");
	c = link_config(300 * MS, 1 * GBIT);
	c.channels = 2;
	c.budget = 32 * MB;
	c.open_every_ns = 15 * SEC;
	c.end_ns = 90 * SEC;
	c.steady_ns = 60 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.window_end[1], 256 * KB);
	ASSERT_U64_GE(r.taken[1], 30 * MB);
	TEST_DONE();

	TEST_START("channels: a slow one does not take from a fast one");
	c = link_config(100 * MS, 1 * GBIT);
	c.channels = 2;
	c.reader[1].rate = 1000000;
	c.end_ns = 30 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	ASSERT_U64_EQ(r.window_end[1], INITIAL);
	TEST_DONE();
}

static void
test_changes(void)
{
	static const int64_t jumps[] = {
		1, -1, 5 * (int64_t)MS, -5 * (int64_t)MS, 60 * (int64_t)SEC,
		-60 * (int64_t)SEC, 86400 * (int64_t)SEC,
		-1000 * (int64_t)SEC,		/* to what it was at the start */
		-1010 * (int64_t)SEC,		/* to 0 */
		-1015 * (int64_t)SEC,		/* through 0 */
		INT64_MAX, INT64_MIN
	};
	struct sim_config c;
	struct sim_result r;
	size_t i;

	TEST_START("changes: the clock jumps");
	for (i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		test_subtest_info("by %lld ns", (long long)jumps[i]);
		c = link_config(100 * MS, 1 * GBIT);
		c.jump_at_ns = 10 * SEC;
		c.jump_ns = jumps[i];
		c.end_ns = 40 * SEC;
		c.steady_ns = 25 * SEC;
		sim_run(&c, &r);
		ASSERT_U64_GE(r.rate, percent(95, c.rate));
		ASSERT_U64_LE(r.window_most, rule(&c, &r, c.rate));
	}
	TEST_DONE();

	TEST_START("changes: a longer path, as TCP sees it");
	c = link_config(100 * MS, 1 * GBIT);
	c.rtt_change_at_ns = 5 * SEC;
	c.rtt_new_ns = c.tcp_rtt_ns = 300 * MS;
	c.end_ns = 40 * SEC;
	c.steady_ns = 20 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	TEST_DONE();

	TEST_START("changes: a longer path, and no socket to ask");
	for (i = 2; i <= 6; i++) {
		c = link_config(100 * MS, 1 * GBIT);
		c.unsent = MB;
		c.rtt_change_at_ns = 5 * SEC;
		c.rtt_new_ns = i * 100 * MS;
		c.end_ns = 200 * SEC;
		c.steady_ns = 140 * SEC;
		info(&c, "longer");
		sim_run(&c, &r);
		ASSERT_U64_GE(r.rate, percent(95, c.rate));
	}
	TEST_DONE();

	TEST_START("changes: a queue three times the path, full for minutes");
	c = link_config(100 * MS, 1 * GBIT);
	c.queue = 3 * bdp_of(&c);
	c.end_ns = 300 * SEC;
	c.steady_ns = 250 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	ASSERT_U64_LE(r.window_most, rule(&c, &r, c.rate));
	TEST_DONE();

	TEST_START("changes: a shorter path");
	c = link_config(300 * MS, 1 * GBIT);
	c.rtt_change_at_ns = 10 * SEC;
	c.rtt_new_ns = 50 * MS;
	c.end_ns = 40 * SEC;
	c.steady_ns = 25 * SEC;
	sim_run(&c, &r);
	ASSERT_U64_GE(r.rate, percent(95, c.rate));
	ASSERT_U64_LT(r.rtt_most, c.rtt_ns / 2);
	ASSERT_U64_LE(r.window_most, rule(&c, &r, c.rate));
	TEST_DONE();
}

void
test_links(void)
{
	test_steady();
	test_stored();
	test_ramp();
	test_loss();
	test_readers();
	test_channels();
	test_changes();
}
