/* SPDX-License-Identifier: ISC */
/* See hpn-connect.h for what this does. */

#include <string.h>

#include "hpn-connect.h"

#define KEYS		"publickey"
#define METHOD_MOST	64	/* bytes of a name; keyboard-interactive has 21 */

void
hpn_connect_agreed(struct hpn_connect *c, int compresses)
{
	if (c == NULL)
		return;
	c->compresses = compresses;
	/* The sequence numbers may begin anew: no answer is ours any more */
	c->rekeyed = c->stage != HPN_CONNECT_NONE;
}

/*
 * OpenSSH since 9.5: the peer has names that only OpenSSH has.  It handles one
 * request after another.  What arrives behind a successful request waits in a
 * buffer.  Its process before authentication hands this buffer over.
 */
static int
copes(const struct hpn_connect_peer *peer)
{
	return peer->openssh && peer->ext_info && peer->hostbound &&
	    peer->ping;
}

int
hpn_connect_asks(const struct hpn_connect *c,
    const struct hpn_connect_peer *peer, const char *preferred,
    int (*usable)(const char *, void *), void *ctx)
{
	char name[METHOD_MOST];
	size_t len;

	if (c == NULL || !copes(peer) || preferred == NULL)
		return 0;
	for (; *preferred != '\0'; preferred += len) {
		preferred += strspn(preferred, ",");
		if ((len = strcspn(preferred, ",")) >= sizeof(name))
			return 0;	/* no method that ssh knows */
		memcpy(name, preferred, len);
		name[len] = '\0';
		if (len != 0 && usable(name, ctx))
			return strcmp(name, KEYS) == 0;
	}
	return 0;
}

int
hpn_connect_opens(const struct hpn_connect *c,
    const struct hpn_connect_peer *peer, const struct hpn_connect_wish *w)
{
	if (c == NULL || !copes(peer))
		return 0;
	/* The session is to be channel 0 of the server */
	if (c->authenticated)
		return w->session && !w->remote &&
		    c->stage != HPN_CONNECT_RUNS;
	/* zlib@openssh.com begins at SUCCESS, which we would be ahead of */
	if (c->stage != HPN_CONNECT_NONE || c->compresses)
		return 0;
	/* Nothing may have to happen between SUCCESS and the command */
	return (w->session || w->stdio) && !w->forwards && !w->remote &&
	    !w->agent && !w->x11 &&
	    !w->local_command && !w->shared && !w->background &&
	    !w->none_switch;
}

int
hpn_connect_leaves(const struct hpn_connect *c,
    const struct hpn_connect_peer *peer)
{
	return c != NULL && c->authenticated && copes(peer);
}

void
hpn_connect_open(struct hpn_connect *c, uint32_t first)
{
	c->first = c->end = first;
	c->unknown = 0;
	c->stage = HPN_CONNECT_OPENING;
}

void
hpn_connect_opened(struct hpn_connect *c, uint32_t end)
{
	c->end = end;
	c->stage = c->authenticated ? HPN_CONNECT_RUNS : HPN_CONNECT_SENT;
}

int
hpn_connect_opening(const struct hpn_connect *c)
{
	return c != NULL && c->stage == HPN_CONNECT_OPENING;
}

int
hpn_connect_unknown(struct hpn_connect *c, uint32_t seq)
{
	if (c == NULL || c->rekeyed || c->stage < HPN_CONNECT_SENT ||
	    seq - c->first >= c->end - c->first)
		return 0;
	if (c->stage == HPN_CONNECT_RUNS)
		return 1;
	/* Each once and in order, as they were sent: no other proves anything */
	if (seq == c->first + c->unknown)
		c->unknown++;
	return 0;
}

void
hpn_connect_spend(struct hpn_connect *c, int channel, uint32_t bytes)
{
	c->channel = channel;
	c->owed = bytes;
}

void
hpn_connect_window(struct hpn_connect *c, int channel, uint32_t *window)
{
	uint32_t spent;

	if (c == NULL || channel != c->channel)
		return;
	spent = c->owed < *window ? c->owed : *window;
	*window -= spent;
	c->owed -= spent;
}

int
hpn_connect_failed(struct hpn_connect *c)
{
	if (c == NULL || c->stage != HPN_CONNECT_SENT)
		return 0;
	c->stage = HPN_CONNECT_REFUSED;
	c->owed = 0;
	return 1;
}

int
hpn_connect_succeeded(struct hpn_connect *c)
{
	if (c == NULL)
		return 1;
	c->authenticated = 1;
	if (c->stage == HPN_CONNECT_REFUSED)
		return c->unknown == c->end - c->first;
	if (c->stage != HPN_CONNECT_NONE)
		c->stage = HPN_CONNECT_RUNS;
	return c->unknown == 0;
}
