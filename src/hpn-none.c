/* SPDX-License-Identifier: ISC */
/* See hpn-none.h for what this does. */

#include <string.h>
#include <strings.h>

#include "hpn-list.h"
#include "hpn-none.h"

/* Between the words of a line of ssh_config. */
#define SPACE	" \t\r\n"

const char *
hpn_none_reason(enum hpn_none_verdict v)
{
	switch (v) {
	case HPN_NONE_FINE:
		return "allowed";
	case HPN_NONE_EARLY:
		return "cipher none before authentication";
	case HPN_NONE_FORBIDDEN:
		return "cipher none is not allowed here "
		    "(NoneEnabled, for this user and address)";
	case HPN_NONE_MAC_FORBIDDEN:
		return "cipher none without a MAC is not allowed here "
		    "(NoneMacEnabled)";
	case HPN_NONE_HALF:
		return "cipher none in one direction only";
	case HPN_NONE_MAC_ALONE:
		return "a cipher without a MAC";
	case HPN_NONE_HAS_TTY:
		return "cipher none on a connection with a terminal";
	case HPN_NONE_HAS_X11:
		return "cipher none on a connection with X11 forwarding";
	case HPN_NONE_HAS_AGENT:
		return "cipher none on a connection with agent forwarding";
	case HPN_NONE_HAS_OTHER:
		return "cipher none on a connection with something that is not "
		    "known to be harmless";
	case HPN_NONE_UNWANTED:
		return "cipher none that nobody asked for";
	case HPN_NONE_REFUSED:
		return "the server does not allow cipher none "
		    "(NoneEnabled in its sshd_config, for this user)";
	}
	return "unknown";
}

int
hpn_none_is(const char *name)
{
	return name != NULL && strcmp(name, HPN_NONE) == 0;
}

int
hpn_none_first(const char *list)
{
	return hpn_list_first(list, HPN_NONE);
}

int
hpn_none_listed(const char *list)
{
	return hpn_list_find(list, HPN_NONE) != NULL;
}

int
hpn_none_alone(const char *list)
{
	while (list != NULL && hpn_none_first(list))
		list = hpn_list_next(list);
	return list == NULL;
}

enum hpn_none_verdict
hpn_none_proposed(const struct hpn_none *n, const char *const ciphers[2],
    const char *const macs[2])
{
	int i, first = 0;

	if (!n->server) {
		/*
		 * A server may list it in every exchange; what counts is the
		 * client's choice.
		 */
		return n->wanted && (!hpn_none_listed(ciphers[0]) ||
		    !hpn_none_listed(ciphers[1])) ? HPN_NONE_REFUSED :
		    HPN_NONE_FINE;
	}
	for (i = 0; i < 2; i++) {
		first |= hpn_none_first(ciphers[i]);
		if (!hpn_none_alone(ciphers[i]))
			continue;
		/* Nothing else can be chosen */
		if (!n->authenticated)
			return HPN_NONE_EARLY;
		if (!n->allowed)
			return HPN_NONE_FORBIDDEN;
	}
	if (!n->authenticated || !n->allowed || !first || n->mac_allowed)
		return HPN_NONE_FINE;
	return hpn_none_alone(macs[0]) || hpn_none_alone(macs[1]) ?
	    HPN_NONE_MAC_FORBIDDEN : HPN_NONE_FINE;
}

enum hpn_none_verdict
hpn_none_agreed(struct hpn_none *n, const char *cipher_in,
    const char *mac_in, const char *cipher_out, const char *mac_out)
{
	int in = hpn_none_is(cipher_in), out = hpn_none_is(cipher_out);
	int no_mac = hpn_none_is(mac_in) || hpn_none_is(mac_out);

	if (!in && !out) {
		if (no_mac)
			return HPN_NONE_MAC_ALONE;
		return n->wanted ? HPN_NONE_REFUSED : HPN_NONE_FINE;
	}
	if (!n->authenticated)
		return HPN_NONE_EARLY;
	if (!n->allowed)
		return HPN_NONE_FORBIDDEN;
	if (!n->server && !n->wanted)
		return HPN_NONE_UNWANTED;
	if (!in || !out)
		return HPN_NONE_HALF;
	if (no_mac && !n->mac_allowed)
		return HPN_NONE_MAC_FORBIDDEN;
	if ((n->held & HPN_NONE_TTY) != 0)
		return HPN_NONE_HAS_TTY;
	if ((n->held & HPN_NONE_X11) != 0)
		return HPN_NONE_HAS_X11;
	if ((n->held & HPN_NONE_AGENT) != 0)
		return HPN_NONE_HAS_AGENT;
	if (n->held != 0)
		return HPN_NONE_HAS_OTHER;
	n->switched = 1;
	return HPN_NONE_FINE;
}

/*
 * All names that are known, of RFC 4254 and 4335, OpenSSH's PROTOCOL and
 * draft-ietf-sshm-ssh-agent.  regress/hpn-none-names.sh fails for one of the
 * base's that is not here.
 */
static const struct {
	const char *name;
	enum hpn_none_kind kind;
	unsigned int bits;
} names[] = {
	{ "session", HPN_NONE_CHANNEL, 0 },
	{ "direct-tcpip", HPN_NONE_CHANNEL, 0 },
	{ "forwarded-tcpip", HPN_NONE_CHANNEL, 0 },
	{ "direct-streamlocal@openssh.com", HPN_NONE_CHANNEL, 0 },
	{ "forwarded-streamlocal@openssh.com", HPN_NONE_CHANNEL, 0 },
	{ "tun@openssh.com", HPN_NONE_CHANNEL, 0 },
	{ "x11", HPN_NONE_CHANNEL, HPN_NONE_X11 },
	{ "auth-agent@openssh.com", HPN_NONE_CHANNEL, HPN_NONE_AGENT },
	{ "agent-connect", HPN_NONE_CHANNEL, HPN_NONE_AGENT },

	{ "shell", HPN_NONE_REQUEST, 0 },
	{ "exec", HPN_NONE_REQUEST, 0 },
	{ "subsystem", HPN_NONE_REQUEST, 0 },
	{ "env", HPN_NONE_REQUEST, 0 },
	{ "signal", HPN_NONE_REQUEST, 0 },
	/* Without a terminal these two do nothing */
	{ "window-change", HPN_NONE_REQUEST, 0 },
	{ "break", HPN_NONE_REQUEST, 0 },
	{ "exit-status", HPN_NONE_REQUEST, 0 },
	{ "exit-signal", HPN_NONE_REQUEST, 0 },
	{ "eow@openssh.com", HPN_NONE_REQUEST, 0 },
	{ "keepalive@openssh.com", HPN_NONE_REQUEST, 0 },
	{ "pty-req", HPN_NONE_REQUEST, HPN_NONE_TTY },
	{ "x11-req", HPN_NONE_REQUEST, HPN_NONE_X11 },
	{ "auth-agent-req@openssh.com", HPN_NONE_REQUEST, HPN_NONE_AGENT },
	{ "agent-req", HPN_NONE_REQUEST, HPN_NONE_AGENT },

	{ "tcpip-forward", HPN_NONE_GLOBAL, 0 },
	{ "cancel-tcpip-forward", HPN_NONE_GLOBAL, 0 },
	{ "streamlocal-forward@openssh.com", HPN_NONE_GLOBAL, 0 },
	{ "cancel-streamlocal-forward@openssh.com", HPN_NONE_GLOBAL, 0 },
	{ "no-more-sessions@openssh.com", HPN_NONE_GLOBAL, 0 },
	{ "hostkeys-00@openssh.com", HPN_NONE_GLOBAL, 0 },
	{ "hostkeys-prove-00@openssh.com", HPN_NONE_GLOBAL, 0 },
	{ "keepalive@openssh.com", HPN_NONE_GLOBAL, 0 },
	/* Figures, of what everybody can count */
	{ "report@openssh-hpn", HPN_NONE_GLOBAL, 0 },
};

unsigned int
hpn_none_of(enum hpn_none_kind kind, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].kind == kind && strcmp(names[i].name, name) == 0)
			return names[i].bits;
	return HPN_NONE_OTHER;
}

unsigned int
hpn_none_refuses(const struct hpn_none *n, unsigned int wanted)
{
	/* A client knows before the exchange that it will be so */
	return n->switched || n->wanted ? wanted : 0;
}

void
hpn_none_holds(struct hpn_none *n, unsigned int got)
{
	n->held |= got;
}

const char *
hpn_none_refusal(unsigned int bits)
{
	if ((bits & HPN_NONE_TTY) != 0)
		return "NoneSwitch: no terminal on a connection that is not "
		    "encrypted; use another one (-S none -o NoneSwitch=no)";
	if ((bits & HPN_NONE_X11) != 0)
		return "NoneSwitch: no X11 forwarding on a connection that is "
		    "not encrypted; use another one (-S none -o NoneSwitch=no)";
	if ((bits & HPN_NONE_AGENT) != 0)
		return "NoneSwitch: no agent forwarding on a connection that "
		    "is not encrypted; use another one "
		    "(-S none -o NoneSwitch=no)";
	return "NoneSwitch: only what is known to be harmless is done on a "
	    "connection that is not encrypted; use another one "
	    "(-S none -o NoneSwitch=no)";
}

static void
name_copy(char *to, const char *from)
{
	size_t len = from == NULL ? 0 : strlen(from);

	if (len >= HPN_NONE_NAME)
		len = HPN_NONE_NAME - 1;
	if (len > 0)
		memcpy(to, from, len);
	to[len] = '\0';
}

void
hpn_none_in_force(struct hpn_none *n, int direction, const char *cipher,
    const char *mac, uint64_t bytes)
{
	n->clear[direction] = hpn_none_bytes(n, direction, bytes);
	n->since[direction] = bytes;
	name_copy(n->cipher[direction], cipher);
	name_copy(n->mac[direction], mac);
}

int
hpn_none_is_clear(const struct hpn_none *n)
{
	return hpn_none_is(n->cipher[HPN_NONE_IN]) &&
	    hpn_none_is(n->cipher[HPN_NONE_OUT]);
}

uint64_t
hpn_none_bytes(const struct hpn_none *n, int direction, uint64_t total)
{
	uint64_t bytes = n->clear[direction];

	if (hpn_none_is(n->cipher[direction]) && total > n->since[direction])
		bytes += total - n->since[direction];
	return bytes;
}

const char *
hpn_none_contradiction(const struct hpn_none_request *q)
{
	if (!q->wanted)
		return NULL;
	if (!q->enabled)
		return "NoneSwitch needs NoneEnabled: set \"NoneEnabled yes\" "
		    "as well, or leave NoneSwitch out";
	if (q->tty_forced)
		return "NoneSwitch and \"RequestTTY force\" contradict each "
		    "other: a terminal is never sent in the clear";
	if (q->tty)
		return "NoneSwitch: a terminal is never sent in the clear; "
		    "give a command, use -T, or leave NoneSwitch out";
	if (q->agent)
		return "NoneSwitch and ForwardAgent contradict each other: an "
		    "agent is never forwarded in the clear (use -a)";
	if (q->x11)
		return "NoneSwitch and ForwardX11 contradict each other: X11 "
		    "is never forwarded in the clear (use -x)";
	return NULL;
}

const char *
hpn_none_shared(const struct hpn_none_request *q, int clear)
{
	unsigned int bits;

	if (!clear) {
		return q->wanted ? "NoneSwitch: the shared connection is "
		    "encrypted and stays so; use another one (-S none)" : NULL;
	}
	bits = (q->tty || q->tty_forced ? HPN_NONE_TTY : 0) |
	    (q->x11 ? HPN_NONE_X11 : 0) | (q->agent ? HPN_NONE_AGENT : 0);
	return bits != 0 ? hpn_none_refusal(bits) : NULL;
}

static int
only_wildcards(const char *pattern, size_t len)
{
	return len > 0 && strspn(pattern, "*?.") >= len;
}

int
hpn_none_host_named(const char *pattern)
{
	return !only_wildcards(pattern, strlen(pattern));
}

int
hpn_none_match_named(const char *line)
{
	size_t len, name;

	for (;;) {
		line += strspn(line, SPACE);
		if ((len = strcspn(line, SPACE)) == 0 || *line == '#')
			return 0;
		/* "host foo", "host=foo"; not "!host foo", all but one */
		name = strcspn(line, SPACE "=");
		if ((name == 4 && strncasecmp(line, "host", 4) == 0) ||
		    (name == 12 && strncasecmp(line, "originalhost", 12) == 0) ||
		    (name == 6 && strncasecmp(line, "tagged", 6) == 0)) {
			line += name;
			line += strspn(line, SPACE "=\"");
			len = strcspn(line, SPACE "\"");
			if (len > 0 && !only_wildcards(line, len))
				return 1;
		}
		line += len;
	}
}
