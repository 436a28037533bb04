/* SPDX-License-Identifier: ISC */
/* See hpn-channels.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hpn-base.h"
#include "xmalloc.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "ssh2.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "channels.h"
#include "hpn-buf.h"
#include "hpn-channels.h"
#include "hpn-clock.h"
#include "hpn-connection.h"
#include "hpn-options.h"
#include "hpn-rtt.h"
#include "hpn-socket.h"
#include "hpn-tcp.h"
#include "hpn-watch.h"
#include "hpn-workers-auto.h"

/*
 * A drained buffer of more bytes than this gives its memory back.  A connection
 * does that for one buffer in this time (ns), because the buffer may be needed
 * again at once.
 */
#define DRAINED_KEEPS	(2 * 1024 * 1024)
#define DRAINED_NS	(1000000000ULL)

/* Growing windows leave this part of the budget to channels yet to open. */
#define RESERVE(budget)	((budget) / 4)

/* What TCP knows is not asked for again within this time, ns. */
#define TCP_FACTS_NS	(2 * 1000000)

void
hpn_channels_configure(struct ssh *ssh, const struct hpn_options *options)
{
	struct hpn_connection *hpn;

	if (options->disabled || ssh->hpn != NULL)
		return;
	if (ssh_packet_connection_is_on_socket(ssh))
		(void)hpn_socket_congestion(ssh_packet_get_connection_in(ssh),
		    options->congestion.text);
	hpn = xcalloc(1, sizeof(*hpn));
	hpn->options = *options;
	/*
	 * Through another ssh's ControlMaster (ssh -O proxy) all channels'
	 * data wait in one buffer of the master's when we do not read.
	 */
	if (ssh_packet_get_mux(ssh)) {
		hpn->options.memory_max = MINIMUM(hpn->options.memory_max,
		    SSHBUF_SIZE_MAX / 4);
	}
	hpn->began_ns = hpn_clock_ns();
	hpn_pace_init(&hpn->sends, options->rate_limit);
	hpn_pace_init(&hpn->receives, options->rate_limit);
	if (options->rate_limit != 0 && ssh_packet_connection_is_on_socket(ssh))
		hpn_tcp_pace(ssh_packet_get_connection_out(ssh),
		    (uint64_t)hpn->sends.rate);
	hpn_rtt_init(&hpn->rtt);
	ssh->hpn = hpn;
	debug_f("channel windows grow to at most %lld, %lld together",
	    (long long)hpn->options.window_max,
	    (long long)hpn->options.memory_max);
}

void
hpn_channels_throughput(struct ssh *ssh)
{
	struct hpn_connection *hpn = ssh == NULL ? NULL : ssh->hpn;
	u_int64_t in, out;
	double took;

	/* After ssh_packet_disconnect() nothing can be asked any more */
	if (hpn == NULL || hpn->began_ns == 0 || ssh->state == NULL)
		return;
	took = (double)(hpn_clock_ns() - hpn->began_ns) / 1e9;
	hpn->began_ns = 0;
	ssh_packet_get_bytes(ssh, &in, &out);
	verbose("SSH: Server;LType: Throughput;Remote: %s-%d;IN: %llu;"
	    "OUT: %llu;Duration: %.1f;tPut_in: %.1f;tPut_out: %.1f",
	    ssh_remote_ipaddr(ssh), ssh_remote_port(ssh),
	    (unsigned long long)in, (unsigned long long)out, took,
	    took > 0 ? (double)in / took : 0.0,
	    took > 0 ? (double)out / took : 0.0);
}

static u_int64_t
headroom(const struct hpn_connection *hpn, u_int64_t reserve)
{
	u_int64_t taken = hpn->committed + reserve;
	u_int64_t budget = (u_int64_t)hpn->options.memory_max;

	return taken < budget ? budget - taken : 0;
}

/* Whether data that the peer sends can pile up in this kind of channel. */
static int
carries_data(const Channel *c)
{
	switch (c->type) {
	case SSH_CHANNEL_OPENING:
	case SSH_CHANNEL_OPEN:
	case SSH_CHANNEL_CONNECTING:
	case SSH_CHANNEL_LARVAL:
	case SSH_CHANNEL_X11_OPEN:
	case SSH_CHANNEL_DYNAMIC:
	case SSH_CHANNEL_RDYNAMIC_OPEN:
	case SSH_CHANNEL_RDYNAMIC_FINISH:
		return 1;
	default:
		return 0;
	}
}

static void
commit(struct hpn_connection *hpn, Channel *c, u_int window)
{
	hpn->committed -= MINIMUM(hpn->committed, c->hpn_committed);
	hpn->committed += window;
	c->hpn_committed = window;
}

/* Let a buffer hold a window, and the tenth beyond it that is tolerated. */
static void
make_room(Channel *c, struct sshbuf *b, u_int window)
{
	size_t max = (size_t)window + window / 10 + c->local_maxpacket;
	int r;

	if (max > sshbuf_max_size(b) &&
	    (r = sshbuf_set_max_size(b, MINIMUM(max, HPN_BUF_MAX))) != 0)
		fatal_fr(r, "channel %i", c->self);
}

static void
set_window(struct hpn_connection *hpn, Channel *c, u_int window)
{
	make_room(c, c->output, window);
	make_room(c, c->extended, window);
	c->local_window_max = window;
	commit(hpn, c, window);
}

void
hpn_channels_opened(struct ssh *ssh, Channel *c)
{
	struct hpn_connection *hpn = ssh->hpn;
	u_int window;

	if (hpn == NULL || !carries_data(c))
		return;
	commit(hpn, c, 0);
	window = hpn_window_initial(c->local_window_max, c->local_maxpacket,
	    (u_int32_t)hpn->options.window_max, headroom(hpn, 0));
	if (window < c->local_window_max) {
		debug_f("channel %d: window %u instead of %u: %llu bytes of "
		    "windows open", c->self, window, c->local_window_max,
		    (unsigned long long)hpn->committed);
	}
	c->local_window = window;
	set_window(hpn, c, window);
	hpn_window_init(&c->hpn_window, window);
}

u_int
hpn_channels_early_window(const struct ssh *ssh)
{
	return ssh->hpn == NULL ? 0 : CHAN_SES_PACKET_DEFAULT;
}

void
hpn_channels_closed(struct ssh *ssh, Channel *c)
{
	if (ssh->hpn == NULL || c->hpn_committed == 0)
		return;
	debug2_f("channel %d: window at the end %u", c->self,
	    c->local_window_max);
	commit(ssh->hpn, c, 0);
}

static void
probe_answered(struct ssh *ssh, int type, Channel *c, void *ctx)
{
	if (ssh->hpn != NULL)
		hpn_rtt_answered(&ssh->hpn->rtt, hpn_clock_ns());
}

static void
probe_abandoned(struct ssh *ssh, Channel *c, void *ctx)
{
	if (ssh->hpn != NULL)
		hpn_rtt_abandoned(&ssh->hpn->rtt);
}

/*
 * Time a round trip with the request that OpenSSH's servers send as a
 * keepalive.  Any peer has to answer it, be it with a refusal.
 */
static void
probe(struct ssh *ssh, Channel *c, u_int64_t now)
{
	struct hpn_connection *hpn = ssh->hpn;
	int r;

	if (ssh_packet_is_rekeying(ssh) || !hpn_rtt_ask(&hpn->rtt, now))
		return;
	channel_request_start(ssh, c->self, "keepalive@openssh.com", 1);
	if ((r = sshpkt_send(ssh)) != 0)
		fatal_fr(r, "channel %i", c->self);
	channel_register_status_confirm(ssh, c->self, probe_answered,
	    probe_abandoned, NULL);
	hpn_rtt_asked(&hpn->rtt, now);
}

static void
answer_ignored(struct ssh *ssh, int type, Channel *c, void *ctx)
{
}

void
hpn_channels_ignore_answer(struct ssh *ssh, int id)
{
	if (ssh->hpn != NULL)
		channel_register_status_confirm(ssh, id, answer_ignored, NULL,
		    NULL);
}

void
hpn_channels_answered(struct ssh *ssh, int type)
{
	struct channel_confirm *cc;
	u_int32_t id;
	Channel *c;

	if (ssh->hpn == NULL || (type != SSH2_MSG_CHANNEL_SUCCESS &&
	    type != SSH2_MSG_CHANNEL_FAILURE))
		return;
	/* As lenient as the server was before it looked at answers at all */
	if (sshpkt_get_u32(ssh, &id) != 0 || id > INT_MAX ||
	    (c = channel_by_id(ssh, (int)id)) == NULL ||
	    (cc = TAILQ_FIRST(&c->status_confirms)) == NULL)
		return;
	cc->cb(ssh, type, c, cc->ctx);
	TAILQ_REMOVE(&c->status_confirms, cc, entry);
	freezero(cc, sizeof(*cc));
}

/*
 * A peer may send a little more than its window.  These bytes were never
 * granted, so they must not be granted anew.
 */
static void
discount_excess(Channel *c)
{
	u_int64_t held, spare;

	if (c->ostate != CHAN_OUTPUT_OPEN)
		return;		/* what is discarded is not counted exactly */
	held = (u_int64_t)c->local_window + sshbuf_len(c->output);
	if (c->extended_usage == CHAN_EXTENDED_WRITE)
		held += sshbuf_len(c->extended);
	spare = held < c->local_window_max ? c->local_window_max - held : 0;
	if (c->local_consumed > spare)
		c->local_consumed = (u_int)spare;
}

static const struct hpn_tcp_facts *
tcp_facts(struct ssh *ssh, u_int64_t now)
{
	struct hpn_connection *hpn = ssh->hpn;

	if (hpn->tcp_ns == 0 || now - hpn->tcp_ns >= TCP_FACTS_NS) {
		(void)hpn_tcp_facts_get(ssh_packet_get_connection_in(ssh),
		    &hpn->tcp);
		hpn->tcp_ns = now;
	}
	return &hpn->tcp;
}

int
hpn_channels_resize(struct ssh *ssh, Channel *c)
{
	struct hpn_connection *hpn = ssh->hpn;
	struct hpn_window_facts facts;
	const struct hpn_tcp_facts *tcp;
	u_int window;

	if (hpn == NULL)
		return 1;
	if (c->hpn_committed == 0) {
		/* Opened before we were configured, or as another type */
		hpn_window_init(&c->hpn_window, c->local_window_max);
		set_window(hpn, c, c->local_window_max);
	}
	discount_excess(c);
	memset(&facts, 0, sizeof(facts));
	facts.now_ns = hpn_clock_ns();
	if (sshbuf_len(c->output) == 0 &&
	    hpn_base_buf_allocated(c->output) > DRAINED_KEEPS &&
	    facts.now_ns - hpn->drained_ns >= DRAINED_NS) {
		hpn->drained_ns = facts.now_ns;
		sshbuf_reset(c->output);
	}
	if (!hpn_window_adjust_due(c->local_window_max, c->local_window,
	    c->local_consumed))
		return 0;
	if (hpn_window_adjust_early(&c->hpn_window, facts.now_ns,
	    c->local_window_max, c->local_window))
		return 0;
	if (hpn_rtt_first(&hpn->rtt) || hpn_window_is_bulk(&c->hpn_window,
	    facts.now_ns, c->local_consumed,
	    hpn_rtt_known(&hpn->rtt, facts.now_ns)))
		probe(ssh, c, facts.now_ns);
	tcp = tcp_facts(ssh, facts.now_ns);
	facts.rtt_ns = hpn_rtt_get(&hpn->rtt, tcp->rtt_ns);
	facts.rtt_min_ns = hpn_rtt_path(&hpn->rtt, tcp->rtt_min_ns);
	if (hpn->options.rcvbuf_poll) {
		/* What TCP next door has room for says nothing of the path */
		if (tcp->rcvbuf == 0 || (tcp->rtt_min_ns != 0 &&
		    facts.rtt_min_ns != tcp->rtt_min_ns))
			facts.ahead_max = UINT64_MAX;
		else
			facts.ahead_max = tcp->rcvbuf;
	}
	facts.consumed = c->local_consumed;
	facts.window = c->local_window_max;
	facts.credit = c->local_window;
	facts.window_max = (u_int32_t)hpn->options.window_max;
	facts.headroom = headroom(hpn,
	    RESERVE((u_int64_t)hpn->options.memory_max));
	facts.stops = hpn->rekey_soon;
	window = hpn_window_update(&c->hpn_window, &facts);
	if (window == facts.window_max)
		hpn->window_max = window;
	else if (facts.headroom < window / 4)
		hpn->memory_max = (u_int64_t)hpn->options.memory_max;
	if (window == c->local_window_max)
		return 1;
	debug2_f("channel %d: window %u now %u, rtt %llu us, rcvbuf %llu",
	    c->self, c->local_window_max, window,
	    (unsigned long long)facts.rtt_ns / 1000,
	    (unsigned long long)tcp->rcvbuf);
	/* unsigned: a smaller window takes from what is given back */
	c->local_consumed += window - c->local_window_max;
	set_window(hpn, c, window);
	return c->local_consumed > 0;
}

u_int64_t
hpn_channels_round_trip(struct ssh *ssh)
{
	return ssh->hpn == NULL ? 0 : hpn_rtt_get(&ssh->hpn->rtt,
	    tcp_facts(ssh, hpn_clock_ns())->rtt_ns);
}

void
hpn_channels_ask_round_trip(struct ssh *ssh, Channel *c)
{
	if (ssh->hpn != NULL)
		probe(ssh, c, hpn_clock_ns());
}

int
hpn_channels_threads(const struct ssh *ssh)
{
	if (ssh->hpn == NULL || ssh->hpn->options.ring)
		return 0;
	return ssh->hpn->options.threads;
}

int
hpn_channels_ring(const struct ssh *ssh)
{
	if (ssh->hpn == NULL || !ssh->hpn->options.ring)
		return 0;
	return ssh->hpn->options.threads;
}
