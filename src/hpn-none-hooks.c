/* SPDX-License-Identifier: ISC */
/* See hpn-none-hooks.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-none-mac.h"
#include "hpn-none.h"
#include "hpn-options.h"
#include "hpn-none-hooks.h"
#include "dispatch.h"
#include "kex.h"
#include "log.h"
#include "packet.h"
#include "ssh2.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "xmalloc.h"

/*
 * With -q, too, a user has to learn which line of a configuration is missing: it
 * is no progress, and an exit status of 255 could be anything.
 */
static void
say_with_q(void)
{
	if (log_level_get() == SYSLOG_LEVEL_QUIET)
		(void)log_change_level(SYSLOG_LEVEL_FATAL);
}

/* Never returns.  The peer learns the reason as well. */
static void
end(struct ssh *ssh, const char *reason)
{
	if (ssh->none.server)
		ssh_packet_disconnect(ssh, "NoneSwitch refused: %s", reason);
	/* For a user this is an error, whatever LogLevel says of the rest */
	if (sshpkt_disconnect(ssh, "NoneSwitch refused: %s", reason) == 0)
		(void)ssh_packet_write_wait(ssh);
	say_with_q();
	fatal("NoneSwitch: %s", reason);
}

static void
append(char **list)
{
	char *longer;

	if (hpn_none_listed(*list))
		return;
	xasprintf(&longer, "%s%s" HPN_NONE, *list, **list == '\0' ? "" : ",");
	free(*list);
	*list = longer;
}

static void
replace(char **list, char *by)
{
	free(*list);
	*list = by;
}

/* In a server's own proposal none comes last, in a client's it stands alone. */
static void
propose(struct ssh *ssh)
{
	const struct hpn_none *n = &ssh->none;
	char **p = NULL, *macs;
	int r, i;

	/* Our lists were sent and will be hashed: too late to change them */
	if ((ssh->kex->flags & KEX_INIT_SENT) != 0) {
		debug_f("within a key exchange");
		return;
	}
	if ((r = kex_buf2prop(ssh->kex->my, NULL, &p)) != 0)
		fatal_fr(r, "parse");
	for (i = PROPOSAL_ENC_ALGS_CTOS; i <= PROPOSAL_ENC_ALGS_STOC; i++) {
		if (n->server)
			append(&p[i]);
		else
			replace(&p[i], xstrdup(HPN_NONE));
	}
	if (n->server && n->mac_allowed) {
		append(&p[PROPOSAL_MAC_ALGS_CTOS]);
		append(&p[PROPOSAL_MAC_ALGS_STOC]);
	} else if (!n->server) {
		if ((macs = hpn_none_mac_fastest(p[PROPOSAL_MAC_ALGS_CTOS])) ==
		    NULL)
			fatal_f("no memory");
		if (n->mac_allowed) {
			/* A server that does not agree keeps the MAC */
			char *all;

			xasprintf(&all, HPN_NONE "%s%s",
			    *macs == '\0' ? "" : ",", macs);
			replace(&macs, all);
		}
		replace(&p[PROPOSAL_MAC_ALGS_STOC], xstrdup(macs));
		replace(&p[PROPOSAL_MAC_ALGS_CTOS], macs);
	}
	if ((r = kex_prop2buf(ssh->kex->my, p)) != 0)
		fatal_fr(r, "compose");
	kex_prop_free(p);
}

void
hpn_none_hooks_server(struct ssh *ssh, const struct hpn_options *o,
    const char *user)
{
	struct hpn_none *n = &ssh->none;

	n->server = 1;
	n->authenticated = 1;
	n->allowed = o->none_enabled;
	n->mac_allowed = o->none_enabled && o->none_mac;
	n->user = user;
	if (!n->allowed)
		return;
	debug_f("cipher none is allowed%s", n->mac_allowed ?
	    ", also without a MAC" : "");
	propose(ssh);
}

void
hpn_none_hooks_client(struct ssh *ssh, const struct hpn_options *o,
    void (*dispatch)(struct ssh *))
{
	struct hpn_none *n = &ssh->none;
	int r;

	if (ssh_packet_get_mux(ssh))
		return;
	n->authenticated = 1;
	n->allowed = o->none_enabled;
	n->mac_allowed = o->none_enabled && o->none_mac;
	if (!o->none_switch || !n->allowed)
		return;
	dispatch(ssh);
	/* RekeyLimit may have been faster than we are */
	r = ssh->kex->done ? 0 :
	    ssh_dispatch_run(ssh, DISPATCH_BLOCK, &ssh->kex->done);
	if (r == 0) {
		n->wanted = 1;
		propose(ssh);
		debug("NoneSwitch: asking for cipher none");
		r = kex_start_rekex(ssh);
	}
	if (r == 0)
		r = ssh_dispatch_run(ssh, DISPATCH_BLOCK, &ssh->kex->done);
	if (r != 0) {
		say_with_q();
		fatal("NoneSwitch: the server did not switch to cipher none: "
		    "%s (NoneEnabled in its sshd_config?)", ssh_err(r));
	}
	if (!hpn_none_is_clear(n))
		end(ssh, hpn_none_reason(HPN_NONE_REFUSED));
}

void
hpn_none_hooks_proposed(struct ssh *ssh, char **peer)
{
	const char *ciphers[2], *macs[2];
	enum hpn_none_verdict v;

	if (ssh->kex->server)
		ssh->none.server = 1;
	ciphers[0] = peer[PROPOSAL_ENC_ALGS_CTOS];
	ciphers[1] = peer[PROPOSAL_ENC_ALGS_STOC];
	macs[0] = peer[PROPOSAL_MAC_ALGS_CTOS];
	macs[1] = peer[PROPOSAL_MAC_ALGS_STOC];
	v = hpn_none_proposed(&ssh->none, ciphers, macs);
	if (v != HPN_NONE_FINE)
		end(ssh, hpn_none_reason(v));
}

void
hpn_none_hooks_agreed(struct ssh *ssh, struct newkeys *const keys[])
{
	const struct newkeys *in = keys[MODE_IN], *out = keys[MODE_OUT];
	enum hpn_none_verdict v;

	v = hpn_none_agreed(&ssh->none, in->enc.name, in->mac.name,
	    out->enc.name, out->mac.name);
	if (v != HPN_NONE_FINE)
		end(ssh, hpn_none_reason(v));
}

/* What protects the data of a switched connection. */
static const char *
guard(const struct hpn_none *n, char *buf, size_t len)
{
	const char *in = n->mac[HPN_NONE_IN], *out = n->mac[HPN_NONE_OUT];

	if (hpn_none_is(in) || hpn_none_is(out))
		return "no MAC: they may be changed on the way as well";
	if (strcmp(in, out) == 0)
		snprintf(buf, len, "MAC %s", in);
	else
		snprintf(buf, len, "MACs %s and %s", in, out);
	return buf;
}

static void
tell(struct ssh *ssh)
{
	struct hpn_none *n = &ssh->none;
	char buf[2 * HPN_NONE_NAME + 32];

	if (n->said || !hpn_none_is_clear(n))
		return;
	n->said = 1;
	if (n->server) {
		logit("NoneSwitch: data of user %s from %s port %d are in the "
		    "clear from now on (cipher none, %s)",
		    n->user == NULL ? "unknown" : n->user,
		    ssh_remote_ipaddr(ssh), ssh_remote_port(ssh),
		    guard(n, buf, sizeof(buf)));
		return;
	}
	logit("Warning: data of this connection are NOT ENCRYPTED from now on "
	    "(cipher none, %s).", guard(n, buf, sizeof(buf)));
}

void
hpn_none_hooks_newkeys(struct ssh *ssh, int mode, const struct newkeys *keys,
    u_int64_t bytes, u_int64_t *max_blocks)
{
	hpn_none_in_force(&ssh->none,
	    mode == MODE_IN ? HPN_NONE_IN : HPN_NONE_OUT, keys->enc.name,
	    keys->mac.name, bytes);
	if (!hpn_none_is(keys->enc.name))
		return;
	*max_blocks = HPN_NONE_BLOCKS;
	tell(ssh);
}

int
hpn_none_hooks_refuses(struct ssh *ssh, enum hpn_none_kind kind,
    const char *name)
{
	unsigned int bits;

	bits = hpn_none_refuses(&ssh->none, hpn_none_of(kind, name));
	if (bits == 0)
		return 0;
	if (!ssh->none.server) {
		do_log2(bits == HPN_NONE_OTHER ? SYSLOG_LEVEL_VERBOSE :
		    SYSLOG_LEVEL_ERROR, "NoneSwitch: refused %.100s of the "
		    "server: the connection is not encrypted", name);
		return 1;
	}
	/* A peer may well ask for what it does without */
	do_log2(bits == HPN_NONE_OTHER ? SYSLOG_LEVEL_VERBOSE :
	    SYSLOG_LEVEL_INFO, "NoneSwitch: refused %.100s of user %s from %s "
	    "port %d: the connection is not encrypted", name,
	    ssh->none.user == NULL ? "unknown" : ssh->none.user,
	    ssh_remote_ipaddr(ssh), ssh_remote_port(ssh));
	ssh_packet_send_debug(ssh, "%s", hpn_none_refusal(bits));
	return 1;
}

void
hpn_none_hooks_holds(struct ssh *ssh, enum hpn_none_kind kind, const char *name)
{
	hpn_none_holds(&ssh->none, hpn_none_of(kind, name));
}

void
hpn_none_hooks_report(struct ssh *ssh)
{
	const struct hpn_none *n = &ssh->none;
	u_int64_t in, out;

	/* After ssh_packet_disconnect() nothing can be asked any more */
	if (!n->said || !n->server || ssh->state == NULL)
		return;
	ssh_packet_get_bytes(ssh, &in, &out);
	logit("NoneSwitch: of user %s from %s port %d %llu bytes received and "
	    "%llu bytes sent were in the clear",
	    n->user == NULL ? "unknown" : n->user, ssh_remote_ipaddr(ssh),
	    ssh_remote_port(ssh),
	    (unsigned long long)hpn_none_bytes(n, HPN_NONE_IN, in),
	    (unsigned long long)hpn_none_bytes(n, HPN_NONE_OUT, out));
}

char *
hpn_none_hooks_describe(const struct ssh *ssh)
{
	const struct hpn_none *n = &ssh->none;
	char *ret, *half[2];
	int i;

	for (i = 0; i < 2; i++) {
		xasprintf(&half[i], "cipher %s, %s%s", *n->cipher[i] == '\0' ?
		    "unknown" : n->cipher[i], hpn_none_is(n->mac[i]) ? "no " :
		    "", *n->mac[i] == '\0' ? "its own MAC" :
		    hpn_none_is(n->mac[i]) ? "MAC" : n->mac[i]);
	}
	xasprintf(&ret, "%s to the server, %s from it%s",
	    half[HPN_NONE_OUT], half[HPN_NONE_IN], hpn_none_is_clear(n) ?
	    ": NOT ENCRYPTED" : "");
	free(half[0]);
	free(half[1]);
	return ret;
}

static void
request(struct hpn_none_request *q, const struct hpn_options *o, int tty,
    int forced, int x11, int agent)
{
	memset(q, 0, sizeof(*q));
	q->enabled = o->none_enabled;
	q->wanted = o->none_switch;
	q->tty = tty;
	q->tty_forced = forced;
	q->x11 = x11;
	q->agent = agent;
}

void
hpn_none_hooks_check(const struct hpn_options *o, const char *macs, int tty,
    int forced, int x11, int agent)
{
	struct hpn_none_request q;
	const char *why;

	request(&q, o, tty, forced, x11, agent);
	if (!q.wanted)
		return;
	if ((why = hpn_none_contradiction(&q)) != NULL)
		fatal("%s", why);
	if (!o->none_mac && macs != NULL && !hpn_none_mac_any_strong(macs))
		fatal("NoneSwitch: none of MACs is strong enough to be all that "
		    "guards the data: add hmac-sha2-256 or umac-128");
	if (o->none_everywhere)
		logit("Warning: NoneSwitch is set for all hosts in ssh_config; "
		    "name those whose data are public.");
}

int
hpn_none_hooks_attach(const struct hpn_options *o, const char *path, int clear,
    int alone, int tty, int x11, int agent)
{
	struct hpn_none_request q;
	const char *why;

	request(&q, o, tty, 0, x11, agent);
	if (clear && !hpn_none_hooks_is_wanted(o)) {
		if (!alone)
			fatal("NoneSwitch: the connection of the master at "
			    "%.200s is not encrypted; it is not used without "
			    "-o NoneEnabled=yes -o NoneSwitch=yes", path);
		logit("NoneSwitch: the connection of the master at %.200s is "
		    "not encrypted; using another one.", path);
		return -1;
	}
	/* A request to the master may be better protected than asked for */
	if ((clear || alone) && (why = hpn_none_shared(&q, clear)) != NULL)
		fatal("%s", why);
	return 0;
}

int
hpn_none_hooks_is_wanted(const struct hpn_options *o)
{
	return o->none_switch && o->none_enabled;
}

const char *
hpn_none_hooks_share(struct ssh *ssh, int knows, int tty, int x11, int agent)
{
	unsigned int bits;

	bits = hpn_none_refuses(&ssh->none, (tty ? HPN_NONE_TTY : 0) |
	    (x11 ? HPN_NONE_X11 : 0) | (agent ? HPN_NONE_AGENT : 0));
	if (bits != 0)
		return hpn_none_refusal(bits);
	return knows || !hpn_none_hooks_is_shared(ssh) ? NULL :
	    "NoneSwitch: this shared connection is not encrypted; only a "
	    "client that sets NoneSwitch may use it (else use -S none)";
}

int
hpn_none_hooks_is_shared(const struct ssh *ssh)
{
	return ssh->none.wanted || ssh->none.switched;
}
