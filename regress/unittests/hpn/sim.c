/* SPDX-License-Identifier: ISC */
/* See sim.h for what this simulates. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-rtt.h"
#include "hpn-window.h"
#include "sim.h"
#include "tests.h"

#define PACKET		(32 * KB)	/* CHAN_SES_PACKET_DEFAULT */
#define STOCK_WINDOW	(2 * MB)	/* CHAN_SES_WINDOW_DEFAULT */
#define WINDOW_MAX	(128 * MB)	/* defaults of the options */
#define BUDGET		(256ULL * MB)
#define RESERVE(budget)	((budget) / 4)	/* as in hpn-channels.c */
#define CWND_INITIAL	14480		/* ten segments, RFC 6928 */
#define CWND_CUT	7 / 10		/* after a loss, as CUBIC has it */
#define PROBE		64		/* an answer's size; it has no channel */
#define EPOCH		(1000 * SEC)	/* the receiver's clock at the start */

enum event_type {
	ARRIVE,			/* data come out of TCP */
	ACK,			/* of TCP, at the sender */
	ADJUST,			/* at the sender */
	READ,			/* the reader takes more */
	PROBE_ASKED,		/* at the sender */
	WAKE,			/* the source has data again */
	OPEN			/* a channel opens */
};

struct event {
	uint64_t at_ns;
	uint64_t order;		/* first in, first out at the same time */
	enum event_type type;
	int channel;		/* -1: none */
	uint32_t len;
};

struct packet {
	int channel;		/* -1: the answer to a probe */
	uint32_t len;
};

struct channel {
	int open;
	/* at the sender */
	uint64_t credit;
	int source_waits;
	/* at the receiver, names as in channels.c */
	uint32_t local_window_max;
	uint32_t local_window;
	uint32_t local_consumed;
	uint64_t buffered;
	struct hpn_window policy;
	int read_pending;
	uint64_t taken;
	uint64_t taken_before;	/* when the steady state began */
};

struct sim {
	const struct sim_config *config;
	struct sim_result *result;
	uint64_t now;
	uint64_t rtt;
	uint64_t rtt_least;	/* so far: TCP remembers it for minutes */
	uint64_t bdp;
	uint64_t steady_from;
	int steady;
	struct channel channel[SIM_CHANNELS];
	int channels;
	int opened;
	/* sender */
	int turn;		/* the channel whose turn it is */
	struct packet *queue;	/* in the socket: a ring */
	size_t queue_alloc, queue_first, queue_len;
	uint64_t queued;	/* bytes of it */
	uint64_t cwnd, cwnd_most, ssthresh, inflight;
	uint64_t link_free_ns;
	uint64_t delivered_ns;	/* TCP delivers in order */
	uint64_t until_loss;
	uint64_t cut_ns;	/* when cwnd was last cut */
	/* receiver */
	struct hpn_rtt rtt_state;
	uint64_t committed;
	uint64_t budget_excess;	/* least windows beyond the budget */
	uint64_t taken;
	/* events: a binary heap */
	struct event *heap;
	size_t heap_alloc, heap_len;
	uint64_t order;
};

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int
earlier(const struct event *a, const struct event *b)
{
	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns;
	return a->order < b->order;
}

static void
event_add(struct sim *s, uint64_t at_ns, enum event_type type, int channel,
    uint32_t len)
{
	struct event event;
	size_t i, up;

	if (s->heap_len == s->heap_alloc) {
		s->heap_alloc = s->heap_alloc * 2 + 1024;
		s->heap = realloc(s->heap, s->heap_alloc * sizeof(*s->heap));
		ASSERT_PTR_NE(s->heap, NULL);
	}
	event.at_ns = at_ns;
	event.order = s->order++;
	event.type = type;
	event.channel = channel;
	event.len = len;
	for (i = s->heap_len++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!earlier(&event, &s->heap[up]))
			break;
		s->heap[i] = s->heap[up];
	}
	s->heap[i] = event;
}

static struct event
event_next(struct sim *s)
{
	struct event first = s->heap[0], last = s->heap[--s->heap_len];
	size_t i, down;

	for (i = 0; (down = 2 * i + 1) < s->heap_len; i = down) {
		if (down + 1 < s->heap_len &&
		    earlier(&s->heap[down + 1], &s->heap[down]))
			down++;
		if (!earlier(&s->heap[down], &last))
			break;
		s->heap[i] = s->heap[down];
	}
	s->heap[i] = last;
	return first;
}

/* 0: on now; else when it goes on again, UINT64_MAX: never. */
static uint64_t
off_until(const struct sim_schedule *schedule, uint64_t now)
{
	uint64_t phase;

	if (schedule->stop_ns != 0 && now >= schedule->stop_ns)
		return UINT64_MAX;
	if (schedule->off_ns == 0)
		return 0;
	phase = now % (schedule->on_ns + schedule->off_ns);
	if (phase < schedule->on_ns)
		return 0;
	return now - phase + schedule->on_ns + schedule->off_ns;
}

/* The time that `len` bytes take at `rate`. */
static uint64_t
duration(uint64_t len, uint64_t rate)
{
	return len * 1000000000 / rate;
}

/*
 * The sender
 */

static void
queue_add(struct sim *s, int channel, uint32_t len)
{
	struct packet *bigger;
	size_t i;

	if (s->queue_len == s->queue_alloc) {
		bigger = calloc(s->queue_alloc * 2 + 64, sizeof(*bigger));
		ASSERT_PTR_NE(bigger, NULL);
		for (i = 0; i < s->queue_len; i++)
			bigger[i] = s->queue[(s->queue_first + i) %
			    s->queue_alloc];
		free(s->queue);
		s->queue = bigger;
		s->queue_alloc = s->queue_alloc * 2 + 64;
		s->queue_first = 0;
	}
	i = (s->queue_first + s->queue_len++) % s->queue_alloc;
	s->queue[i].channel = channel;
	s->queue[i].len = len;
	s->queued += len;
}

/* Hand data of the channels in turn to the socket while it has room. */
static void
sender_fill(struct sim *s)
{
	uint64_t room, until;
	struct channel *c;
	uint32_t len;
	int i, id;

	room = s->config->sndbuf;
	if (room == 0)
		room = most(s->cwnd, PACKET) *
		    (s->config->cwnds != 0 ? s->config->cwnds : 2);
	room -= least(room, s->inflight);
	if (s->config->unsent != 0)
		room = least(room, s->config->unsent);
	for (i = 0; i < s->channels && s->queued < room; ) {
		id = s->turn;
		s->turn = (s->turn + 1) % s->channels;
		c = &s->channel[id];
		if (!c->open || c->credit == 0) {
			i++;
			continue;
		}
		if ((until = off_until(&s->config->source[id], s->now)) != 0) {
			if (until != UINT64_MAX && !c->source_waits) {
				c->source_waits = 1;
				event_add(s, until, WAKE, id, 0);
			}
			i++;
			continue;
		}
		i = 0;
		len = (uint32_t)least(c->credit, PACKET);
		c->credit -= len;
		queue_add(s, id, len);
	}
}

/* Send from the socket what cwnd allows. */
static void
sender_send(struct sim *s)
{
	struct packet p;
	uint64_t at;

	while (s->queue_len > 0) {
		p = s->queue[s->queue_first];
		if (s->inflight > 0 && s->inflight + p.len > s->cwnd)
			break;
		s->queue_first = (s->queue_first + 1) % s->queue_alloc;
		s->queue_len--;
		s->queued -= p.len;
		s->inflight += p.len;
		s->link_free_ns = most(s->now, s->link_free_ns) +
		    duration(p.len, s->config->rate);
		at = s->link_free_ns + s->rtt / 2;
		event_add(s, at + s->rtt - s->rtt / 2, ACK, -1, p.len);
		if (s->config->loss_every != 0) {
			if (s->until_loss <= p.len) {
				s->until_loss = s->config->loss_every;
				/* It comes again one round trip later. */
				at += s->rtt;
				if (s->now >= s->cut_ns + s->rtt) {
					s->cut_ns = s->now;
					s->cwnd = s->cwnd * CWND_CUT;
					s->ssthresh = s->cwnd;
				}
			} else
				s->until_loss -= p.len;
		}
		s->delivered_ns = most(s->delivered_ns, at);
		event_add(s, s->delivered_ns, ARRIVE, p.channel, p.len);
	}
}

static void
sender_run(struct sim *s)
{
	uint64_t queued;

	do {
		sender_fill(s);
		queued = s->queued;
		sender_send(s);
	} while (s->queued < queued);
}

static void
sender_acked(struct sim *s, uint32_t len)
{
	/* Only a sender that uses its cwnd may raise it (RFC 7661). */
	if (s->inflight * 2 >= s->cwnd) {
		if (s->cwnd < s->ssthresh)
			s->cwnd += len;
		else
			s->cwnd += most(1, len * (s->cwnd_most / 50) /
			    most(s->cwnd, 1));
		s->cwnd = least(s->cwnd, s->cwnd_most);
	}
	s->inflight -= len;
}

/*
 * The receiver
 */

static uint64_t
receiver_clock(const struct sim *s)
{
	uint64_t now = EPOCH + s->now;

	if (s->config->jump_at_ns != 0 && s->now >= s->config->jump_at_ns)
		now += (uint64_t)s->config->jump_ns;
	return now;
}

static uint64_t
budget_of(const struct sim *s)
{
	return s->config->budget != 0 ? s->config->budget : BUDGET;
}

static uint64_t
headroom(const struct sim *s, uint64_t reserve)
{
	uint64_t taken = s->committed + reserve;

	return taken < budget_of(s) ? budget_of(s) - taken : 0;
}

/* Once the steady state has begun, remember what is largest in it. */
static void
observe(struct sim *s)
{
	struct sim_result *r = s->result;
	uint64_t buffered = 0, held = 0;
	int i;

	for (i = 0; i < s->opened; i++) {
		r->window_ever = most(r->window_ever,
		    s->channel[i].local_window_max);
		if (s->steady)
			r->window_most = most(r->window_most,
			    s->channel[i].local_window_max);
		buffered += s->channel[i].buffered;
		held += s->channel[i].credit;
	}
	r->buffered_ever = most(r->buffered_ever, buffered);
	if (s->steady)
		r->held_most = most(r->held_most, held);
}

static void
channel_opens(struct sim *s, int id)
{
	struct channel *c = &s->channel[id];
	uint32_t want;

	want = s->config->window != 0 ? s->config->window : STOCK_WINDOW;
	if (s->config->policy == SIM_UNLIMITED)
		want = 1U << 31;
	c->open = 1;
	c->local_window_max = want;
	if (s->config->policy == SIM_HPN) {
		c->local_window_max = hpn_window_initial(want, PACKET,
		    s->config->window_max != 0 ? s->config->window_max :
		    WINDOW_MAX, headroom(s, 0));
		hpn_window_init(&c->policy, c->local_window_max);
		if (c->local_window_max > headroom(s, 0))
			s->budget_excess += c->local_window_max -
			    headroom(s, 0);
	}
	c->local_window = c->local_window_max;
	s->committed += c->local_window_max;
	s->result->windows_most = most(s->result->windows_most, s->committed);
	s->opened = id + 1;
	/* The sender learns of it half a round trip later. */
	event_add(s, s->now + s->rtt / 2, ADJUST, id, c->local_window);
}

/* hpn_channels_resize() in hpn-channels.c */
static int
channel_resize(struct sim *s, int id)
{
	struct channel *c = &s->channel[id];
	struct hpn_window_facts f;
	uint32_t window;

	if (s->config->policy != SIM_HPN)
		return 1;
	if (!hpn_window_adjust_due(c->local_window_max, c->local_window,
	    c->local_consumed)) {
		/* Or a sender without credit would wait for ever. */
		ASSERT_U32_GT(c->local_window, 0);
		return 0;
	}
	memset(&f, 0, sizeof(f));
	f.now_ns = receiver_clock(s);
	if (hpn_window_adjust_early(&c->policy, f.now_ns, c->local_window_max,
	    c->local_window))
		return 0;
	if ((hpn_rtt_first(&s->rtt_state) ||
	    hpn_window_is_bulk(&c->policy, f.now_ns, c->local_consumed,
	    hpn_rtt_known(&s->rtt_state, f.now_ns))) &&
	    hpn_rtt_ask(&s->rtt_state, f.now_ns)) {
		hpn_rtt_asked(&s->rtt_state, f.now_ns);
		event_add(s, s->now + s->rtt / 2, PROBE_ASKED, -1, 0);
	}
	f.rtt_ns = hpn_rtt_get(&s->rtt_state, s->config->tcp_rtt_ns);
	f.rtt_min_ns = hpn_rtt_path(&s->rtt_state,
	    s->config->tcp_rtt_ns != 0 ? s->rtt_least : 0);
	if (!s->config->no_poll)
		f.ahead_max = s->config->rcvbuf == 0 ? UINT64_MAX :
		    s->config->rcvbuf;
	if (s->steady) {
		s->result->rtt_most = most(s->result->rtt_most, f.rtt_ns);
		s->result->rtt_min_most = most(s->result->rtt_min_most,
		    f.rtt_min_ns);
	}
	f.consumed = c->local_consumed;
	f.window = c->local_window_max;
	f.credit = c->local_window;
	f.window_max = s->config->window_max != 0 ? s->config->window_max :
	    WINDOW_MAX;
	f.headroom = headroom(s, RESERVE(budget_of(s)));
	window = hpn_window_update(&c->policy, &f);
	s->result->updates++;
	if (window > f.window) {
		ASSERT_U64_LE((uint64_t)window - f.window, f.headroom);
		ASSERT_U32_LE(window, f.window_max);
	} else {
		ASSERT_U32_LE(f.window - window, c->local_consumed);
		if (f.credit == 0)
			ASSERT_U32_LE(f.window - window,
			    c->local_consumed / 2);
	}
	c->local_consumed += window - c->local_window_max;
	s->committed += window;
	s->committed -= c->local_window_max;
	c->local_window_max = window;
	s->result->windows_most = most(s->result->windows_most, s->committed);
	ASSERT_U64_LE(s->committed, s->budget_excess + budget_of(s));
	return c->local_consumed > 0;
}

/* channel_check_window() in channels.c */
static void
channel_check_window(struct sim *s, int id)
{
	struct channel *c = &s->channel[id];

	if ((c->local_window_max - c->local_window > PACKET * 3 ||
	    c->local_window < c->local_window_max / 2) &&
	    c->local_consumed > 0 && channel_resize(s, id)) {
		event_add(s, s->now + s->rtt - s->rtt / 2, ADJUST, id,
		    c->local_consumed);
		ASSERT_U32_LE(c->local_consumed, UINT32_MAX - c->local_window);
		c->local_window += c->local_consumed;
		c->local_consumed = 0;
		s->result->adjusts++;
	}
	ASSERT_U64_EQ(c->local_window_max,
	    c->local_window + c->buffered + c->local_consumed);
}

/* The reader takes what it can now, and comes again if there is more. */
static void
reader_run(struct sim *s, int id)
{
	const struct sim_schedule *reader = &s->config->reader[id];
	struct channel *c = &s->channel[id];
	uint64_t until, n;

	if (c->read_pending || c->buffered == 0)
		return;
	if ((until = off_until(reader, s->now)) != 0) {
		if (until != UINT64_MAX) {
			c->read_pending = 1;
			event_add(s, until, READ, id, 0);
		}
		return;
	}
	n = reader->rate == 0 ? c->buffered : least(c->buffered, PACKET);
	c->buffered -= n;
	c->local_consumed += (uint32_t)n;
	c->taken += n;
	s->taken += n;
	if (s->config->ramp_bytes != 0 && s->result->ramp_ns == 0 &&
	    s->taken >= s->config->ramp_bytes)
		s->result->ramp_ns = s->now;
	if (reader->rate != 0) {
		c->read_pending = 1;
		event_add(s, s->now + duration(n, reader->rate), READ, id, 0);
	}
}

static void
receiver_data(struct sim *s, int id, uint32_t len)
{
	struct channel *c = &s->channel[id];

	/* Else "rcvd too much data": a disconnect. */
	ASSERT_U32_LE(len, c->local_window);
	c->local_window -= len;
	c->buffered += len;
	observe(s);
	reader_run(s, id);
	channel_check_window(s, id);
}

static void
steady_begins(struct sim *s)
{
	int i;

	s->steady = 1;
	for (i = 0; i < s->channels; i++)
		s->channel[i].taken_before = s->channel[i].taken;
}

void
sim_run(const struct sim_config *config, struct sim_result *result)
{
	struct sim *s;
	struct event e;
	int i;

	s = calloc(1, sizeof(*s));
	ASSERT_PTR_NE(s, NULL);
	memset(result, 0, sizeof(*result));
	s->config = config;
	s->result = result;
	s->channels = config->channels != 0 ? config->channels : 1;
	s->rtt = s->rtt_least = config->rtt_ns;
	s->bdp = config->rate * (config->rtt_ns / 1000) / 1000000;
	s->cwnd = CWND_INITIAL;
	s->cwnd_most = s->bdp + 2 * PACKET +
	    (config->queue != 0 ? config->queue : s->bdp / 4);
	s->ssthresh = UINT64_MAX;
	s->until_loss = config->loss_every;
	s->steady_from = config->steady_ns != 0 ? config->steady_ns :
	    config->end_ns / 2;
	ASSERT_U64_LT(s->steady_from, config->end_ns);
	hpn_rtt_init(&s->rtt_state);
	for (i = 0; i < s->channels; i++)
		event_add(s, (uint64_t)i * config->open_every_ns, OPEN, i, 0);
	while (s->heap_len > 0 && s->heap[0].at_ns <= config->end_ns) {
		e = event_next(s);
		ASSERT_U64_GE(e.at_ns, s->now);
		s->now = e.at_ns;
		if (!s->steady && s->now >= s->steady_from)
			steady_begins(s);
		if (config->rtt_change_at_ns != 0 &&
		    s->now >= config->rtt_change_at_ns &&
		    s->rtt != config->rtt_new_ns) {
			s->rtt = config->rtt_new_ns;
			s->rtt_least = least(s->rtt_least, s->rtt);
			s->bdp = config->rate * (s->rtt / 1000) / 1000000;
			s->cwnd_most = s->bdp + s->bdp / 4 + 2 * PACKET;
			s->cwnd = least(s->cwnd, s->cwnd_most);
		}
		switch (e.type) {
		case ARRIVE:
			if (e.channel >= 0)
				receiver_data(s, e.channel, e.len);
			else
				hpn_rtt_answered(&s->rtt_state,
				    receiver_clock(s));
			break;
		case ACK:
			sender_acked(s, e.len);
			sender_run(s);
			break;
		case ADJUST:
			s->channel[e.channel].credit += e.len;
			/* Else "channel N: adjust overflow": a disconnect. */
			ASSERT_U64_LE(s->channel[e.channel].credit,
			    UINT32_MAX);
			sender_run(s);
			observe(s);
			break;
		case READ:
			s->channel[e.channel].read_pending = 0;
			reader_run(s, e.channel);
			channel_check_window(s, e.channel);
			break;
		case PROBE_ASKED:
			queue_add(s, -1, PROBE);
			sender_run(s);
			break;
		case WAKE:
			s->channel[e.channel].source_waits = 0;
			sender_run(s);
			break;
		case OPEN:
			channel_opens(s, e.channel);
			break;
		}
	}
	if (!s->steady)
		steady_begins(s);
	for (i = 0; i < s->channels; i++) {
		result->taken[i] = s->channel[i].taken -
		    s->channel[i].taken_before;
		result->steady += result->taken[i];
		result->window_end[i] = s->channel[i].local_window_max;
	}
	result->rate = (uint64_t)((double)result->steady * 1e9 /
	    (double)(config->end_ns - s->steady_from));
	free(s->heap);
	free(s->queue);
	free(s);
}
