/* SPDX-License-Identifier: ISC */
/* See hpn-channels.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
#include "hpn-options.h"
#include "hpn-rtt.h"
#include "hpn-tcp.h"

/*
 * What one channel may hold of what its application wants to send.  The
 * packet layer takes 128 KiB at a time, so twice that never runs dry; the
 * peer's window may be a thousand times larger and must not be stored here.
 */
#define INPUT_BACKLOG	(256 * 1024)

/* Look at the connection's sending rate once per so many bytes. */
#define PACE_EVERY	(1024 * 1024)

struct hpn_connection {
	struct hpn_options options;
	struct hpn_rtt rtt;
	u_int64_t committed;	/* bytes: windows of all channels */
	u_int64_t unpaced;	/* bytes sent since the rate was looked at */
	u_int32_t unsent;	/* bytes: TCP_NOTSENT_LOWAT as set, 0: not */
};

static u_int64_t
now_ns(void)
{
	struct timespec ts;

	monotime_ts(&ts);
	return (u_int64_t)ts.tv_sec * 1000000000 + (u_int64_t)ts.tv_nsec;
}

void
hpn_channels_configure(struct ssh *ssh, const struct hpn_options *options)
{
	struct hpn_connection *hpn;

	if (options->disabled || ssh->hpn != NULL)
		return;
	hpn = xcalloc(1, sizeof(*hpn));
	hpn->options = *options;
	hpn_rtt_init(&hpn->rtt);
	ssh->hpn = hpn;
	debug_f("channel windows grow to at most %lld, %lld together",
	    (long long)hpn->options.window_max,
	    (long long)hpn->options.memory_max);
}

static u_int64_t
headroom(const struct hpn_connection *hpn)
{
	u_int64_t budget = (u_int64_t)hpn->options.memory_max;

	return hpn->committed < budget ? budget - hpn->committed : 0;
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

void
hpn_channel_opened(struct ssh *ssh, Channel *c)
{
	struct hpn_connection *hpn = ssh->hpn;
	u_int window;
	int r;

	if (hpn == NULL || !carries_data(c))
		return;
	if ((r = sshbuf_set_max_size(c->output, HPN_BUF_MAX)) != 0)
		fatal_fr(r, "channel %i", c->self);
	commit(hpn, c, 0);
	window = hpn_window_initial(c->local_window_max, c->local_maxpacket,
	    (u_int32_t)hpn->options.window_max, headroom(hpn));
	if (window < c->local_window_max) {
		debug_f("channel %d: window %u instead of %u: %llu bytes of "
		    "windows open", c->self, window, c->local_window_max,
		    (unsigned long long)hpn->committed);
	}
	c->local_window = c->local_window_max = window;
	hpn_window_init(&c->hpn, window);
	commit(hpn, c, window);
}

void
hpn_channel_closed(struct ssh *ssh, Channel *c)
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
		hpn_rtt_answered(&ssh->hpn->rtt, now_ns());
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
hpn_channel_ignore_answer(struct ssh *ssh, int id)
{
	if (ssh->hpn != NULL)
		channel_register_status_confirm(ssh, id, answer_ignored, NULL,
		    NULL);
}

int
hpn_channel_resize(struct ssh *ssh, Channel *c)
{
	struct hpn_connection *hpn = ssh->hpn;
	struct hpn_window_facts facts;
	struct hpn_tcp_facts tcp;
	u_int window;

	if (hpn == NULL)
		return 1;
	if (c->hpn_committed == 0) {
		/* Opened before we were configured, or as another type */
		hpn_window_init(&c->hpn, c->local_window_max);
		commit(hpn, c, c->local_window_max);
	}
	if (!hpn_window_adjust_due(c->local_window_max, c->local_window,
	    c->local_consumed))
		return 0;
	memset(&facts, 0, sizeof(facts));
	facts.now_ns = now_ns();
	probe(ssh, c, facts.now_ns);
	(void)hpn_tcp_facts_get(ssh_packet_get_connection_in(ssh), &tcp);
	facts.rtt_ns = hpn_rtt_get(&hpn->rtt, tcp.rtt_ns);
	if (hpn->options.rcvbuf_poll)
		facts.rcvbuf = tcp.rcvbuf;
	facts.consumed = c->local_consumed;
	facts.window = c->local_window_max;
	facts.window_max = (u_int32_t)hpn->options.window_max;
	facts.headroom = headroom(hpn);
	window = hpn_window_update(&c->hpn, &facts);
	if (window == c->local_window_max)
		return 1;
	debug2_f("channel %d: window %u now %u, rtt %llu us, rcvbuf %llu",
	    c->self, c->local_window_max, window,
	    (unsigned long long)facts.rtt_ns / 1000,
	    (unsigned long long)facts.rcvbuf);
	/* unsigned: a smaller window takes from what is given back */
	c->local_consumed += window - c->local_window_max;
	c->local_window_max = window;
	commit(hpn, c, window);
	return c->local_consumed > 0;
}

int
hpn_channel_may_read(struct ssh *ssh, const Channel *c)
{
	return ssh->hpn == NULL || sshbuf_len(c->input) < INPUT_BACKLOG;
}

void
hpn_channels_sent(struct ssh *ssh, size_t len)
{
	struct hpn_connection *hpn = ssh->hpn;
	struct hpn_tcp_facts tcp;
	u_int32_t unsent;
	int fd;

	if (hpn == NULL || (hpn->unpaced += len) < PACE_EVERY)
		return;
	hpn->unpaced = 0;
	fd = ssh_packet_get_connection_out(ssh);
	if (hpn_tcp_facts_get(fd, &tcp) != 0)
		return;
	unsent = hpn_tcp_unsent_target(tcp.rate);
	/* A system call for every small change is not worth it */
	if (unsent > hpn->unsent + hpn->unsent / 4 ||
	    unsent < hpn->unsent - hpn->unsent / 4) {
		if (hpn_tcp_unsent_set(fd, unsent) == 0)
			hpn->unsent = unsent;
	}
}
