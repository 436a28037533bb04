/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-none: who may switch to cipher none, and what then may not be. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-none.h"
#include "tests.h"

#define AES	"aes128-gcm@openssh.com"
#define CTR	"aes128-ctr"
#define UMAC	"umac-128-etm@openssh.com"

static void
server(struct hpn_none *n, int allowed, int mac_allowed)
{
	memset(n, 0, sizeof(*n));
	n->server = n->authenticated = 1;
	n->allowed = allowed;
	n->mac_allowed = mac_allowed;
}

static void
client(struct hpn_none *n, int wanted, int mac_allowed)
{
	memset(n, 0, sizeof(*n));
	n->authenticated = n->allowed = 1;
	n->wanted = wanted;
	n->mac_allowed = mac_allowed;
}

static void
lists(void)
{
	ASSERT_INT_EQ(hpn_none_listed("none"), 1);
	ASSERT_INT_EQ(hpn_none_listed("a,none"), 1);
	ASSERT_INT_EQ(hpn_none_listed("none,a"), 1);
	ASSERT_INT_EQ(hpn_none_listed("a,none,b"), 1);
	ASSERT_INT_EQ(hpn_none_listed(""), 0);
	ASSERT_INT_EQ(hpn_none_listed("a"), 0);
	ASSERT_INT_EQ(hpn_none_listed("nonesuch,anone,none@example.com"), 0);
	ASSERT_INT_EQ(hpn_none_listed(",,none"), 1);
	ASSERT_INT_EQ(hpn_none_first("none"), 1);
	ASSERT_INT_EQ(hpn_none_first("none,a"), 1);
	ASSERT_INT_EQ(hpn_none_first("a,none"), 0);
	ASSERT_INT_EQ(hpn_none_first("nonesuch"), 0);
	ASSERT_INT_EQ(hpn_none_first(""), 0);
	ASSERT_INT_EQ(hpn_none_alone("none"), 1);
	ASSERT_INT_EQ(hpn_none_alone("none,none"), 1);
	ASSERT_INT_EQ(hpn_none_alone(""), 0);
	ASSERT_INT_EQ(hpn_none_alone("none,a"), 0);
	ASSERT_INT_EQ(hpn_none_alone("a,none"), 0);
	ASSERT_INT_EQ(hpn_none_alone("nonesuch"), 0);
	ASSERT_INT_EQ(hpn_none_is(NULL), 0);
	ASSERT_INT_EQ(hpn_none_is("none"), 1);
	ASSERT_INT_EQ(hpn_none_is("None"), 0);
}

static enum hpn_none_verdict
proposed(const struct hpn_none *n, const char *ctos, const char *stoc,
    const char *mac)
{
	const char *ciphers[2], *macs[2];

	ciphers[0] = ctos;
	ciphers[1] = stoc;
	macs[0] = macs[1] = mac;
	return hpn_none_proposed(n, ciphers, macs);
}

static void
proposals(void)
{
	struct hpn_none n;

	/* A server, before authentication: it may be listed, in any place */
	memset(&n, 0, sizeof(n));
	n.server = 1;
	ASSERT_INT_EQ(proposed(&n, AES, AES, UMAC), HPN_NONE_FINE);
	ASSERT_INT_EQ(proposed(&n, AES ",none", AES ",none", "none"),
	    HPN_NONE_FINE);
	ASSERT_INT_EQ(proposed(&n, "none," AES, "none," AES, "none," UMAC),
	    HPN_NONE_FINE);
	/* ... but nothing else can be chosen here */
	ASSERT_INT_EQ(proposed(&n, AES, "none", UMAC), HPN_NONE_EARLY);
	ASSERT_INT_EQ(proposed(&n, "none,none", AES, UMAC), HPN_NONE_EARLY);
	n.allowed = n.mac_allowed = 1;
	ASSERT_INT_EQ(proposed(&n, "none", "none", UMAC), HPN_NONE_EARLY);
	/* A client: the server may list what it likes */
	n.server = 0;
	ASSERT_INT_EQ(proposed(&n, AES ",none", "none", "none"),
	    HPN_NONE_FINE);
	/* A server that allows it, and one that does not */
	server(&n, 1, 0);
	ASSERT_INT_EQ(proposed(&n, "none", "none", UMAC), HPN_NONE_FINE);
	ASSERT_INT_EQ(proposed(&n, "none", "none", "none"),
	    HPN_NONE_MAC_FORBIDDEN);
	ASSERT_INT_EQ(proposed(&n, "none", "none", "none," UMAC),
	    HPN_NONE_FINE);
	server(&n, 1, 1);
	ASSERT_INT_EQ(proposed(&n, "none", "none", "none"), HPN_NONE_FINE);
	server(&n, 0, 0);
	ASSERT_INT_EQ(proposed(&n, "none", "none", UMAC), HPN_NONE_FORBIDDEN);
	ASSERT_INT_EQ(proposed(&n, AES, "none", UMAC), HPN_NONE_FORBIDDEN);
	ASSERT_INT_EQ(proposed(&n, AES ",none", AES ",none", UMAC),
	    HPN_NONE_FINE);
	/* Our list has none of it: the other is chosen */
	ASSERT_INT_EQ(proposed(&n, "none," AES, "none," AES, "none"),
	    HPN_NONE_FINE);
	/* A client that wants it takes nothing less */
	client(&n, 1, 0);
	ASSERT_INT_EQ(proposed(&n, AES ",none", AES ",none", UMAC),
	    HPN_NONE_FINE);
	ASSERT_INT_EQ(proposed(&n, AES, AES, UMAC), HPN_NONE_REFUSED);
	ASSERT_INT_EQ(proposed(&n, AES ",none", AES, UMAC), HPN_NONE_REFUSED);
	client(&n, 0, 0);
	ASSERT_INT_EQ(proposed(&n, AES, AES, UMAC), HPN_NONE_FINE);
}

static void
agreements(void)
{
	static const struct {
		unsigned int held;
		enum hpn_none_verdict expect;
	} held[] = {
		{ HPN_NONE_TTY, HPN_NONE_HAS_TTY },
		{ HPN_NONE_X11, HPN_NONE_HAS_X11 },
		{ HPN_NONE_AGENT, HPN_NONE_HAS_AGENT },
		{ HPN_NONE_OTHER, HPN_NONE_HAS_OTHER },
	};
	struct hpn_none n;
	size_t i;
	int who;

	for (who = 0; who < 2; who++) {
		/* Not authenticated: never, whatever else is set */
		memset(&n, 0, sizeof(n));
		n.server = who;
		n.allowed = n.mac_allowed = n.wanted = 1;
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none", UMAC),
		    HPN_NONE_EARLY);
		ASSERT_INT_EQ(n.switched, 0);
		memset(&n, 0, sizeof(n));
		n.server = who;
		ASSERT_INT_EQ(hpn_none_agreed(&n, AES, NULL, AES, NULL),
		    HPN_NONE_FINE);
		ASSERT_INT_EQ(hpn_none_agreed(&n, CTR, "none", CTR, UMAC),
		    HPN_NONE_MAC_ALONE);

		if (who)
			server(&n, 1, 0);
		else
			client(&n, 1, 0);
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, AES, NULL),
		    HPN_NONE_HALF);
		ASSERT_INT_EQ(hpn_none_agreed(&n, AES, NULL, "none", UMAC),
		    HPN_NONE_HALF);
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", "none", "none",
		    UMAC), HPN_NONE_MAC_FORBIDDEN);
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none",
		    "none"), HPN_NONE_MAC_FORBIDDEN);
		ASSERT_INT_EQ(hpn_none_agreed(&n, CTR, UMAC, CTR, "none"),
		    HPN_NONE_MAC_ALONE);
		ASSERT_INT_EQ(n.switched, 0);
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none", UMAC),
		    HPN_NONE_FINE);
		ASSERT_INT_EQ(n.switched, 1);
		/* ... and again, when keys are exchanged anew */
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none", UMAC),
		    HPN_NONE_FINE);
		ASSERT_INT_EQ(hpn_none_agreed(&n, AES, NULL, AES, NULL),
		    who ? HPN_NONE_FINE : HPN_NONE_REFUSED);

		for (i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
			if (who)
				server(&n, 1, 1);
			else
				client(&n, 1, 1);
			hpn_none_holds(&n, held[i].held);
			ASSERT_INT_EQ(hpn_none_agreed(&n, "none", "none",
			    "none", "none"), held[i].expect);
			ASSERT_INT_EQ(n.switched, 0);
			hpn_none_holds(&n, 0);
			ASSERT_U_INT_EQ(n.held, held[i].held);
		}
		n.held = 0;
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", "none", "none",
		    "none"), HPN_NONE_FINE);
	}
	server(&n, 0, 1);
	ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none", UMAC),
	    HPN_NONE_FORBIDDEN);
	client(&n, 0, 1);
	ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none", UMAC),
	    HPN_NONE_UNWANTED);
	ASSERT_INT_EQ(hpn_none_agreed(&n, AES, NULL, AES, NULL),
	    HPN_NONE_FINE);
}

static void
refusals(void)
{
	static const struct {
		enum hpn_none_kind kind;
		const char *name;
		unsigned int bit;
	} types[] = {
		{ HPN_NONE_REQUEST, "pty-req", HPN_NONE_TTY },
		{ HPN_NONE_REQUEST, "x11-req", HPN_NONE_X11 },
		{ HPN_NONE_CHANNEL, "x11", HPN_NONE_X11 },
		{ HPN_NONE_REQUEST, "auth-agent-req@openssh.com",
		    HPN_NONE_AGENT },
		{ HPN_NONE_CHANNEL, "auth-agent@openssh.com", HPN_NONE_AGENT },
		/* names that OpenSSH is getting */
		{ HPN_NONE_REQUEST, "agent-req", HPN_NONE_AGENT },
		{ HPN_NONE_CHANNEL, "agent-connect", HPN_NONE_AGENT },
		{ HPN_NONE_REQUEST, "shell", 0 },
		{ HPN_NONE_REQUEST, "exec", 0 },
		{ HPN_NONE_REQUEST, "subsystem", 0 },
		{ HPN_NONE_REQUEST, "env", 0 },
		{ HPN_NONE_CHANNEL, "session", 0 },
		{ HPN_NONE_CHANNEL, "direct-tcpip", 0 },
		{ HPN_NONE_CHANNEL, "forwarded-tcpip", 0 },
		{ HPN_NONE_GLOBAL, "tcpip-forward", 0 },
		{ HPN_NONE_GLOBAL, "keepalive@openssh.com", 0 },
		/* what nobody knows, and what is known as something else */
		{ HPN_NONE_REQUEST, "", HPN_NONE_OTHER },
		{ HPN_NONE_REQUEST, "agent-forward", HPN_NONE_OTHER },
		{ HPN_NONE_REQUEST, "exe", HPN_NONE_OTHER },
		{ HPN_NONE_REQUEST, "exec2", HPN_NONE_OTHER },
		{ HPN_NONE_CHANNEL, "exec", HPN_NONE_OTHER },
		{ HPN_NONE_GLOBAL, "session", HPN_NONE_OTHER },
		{ HPN_NONE_GLOBAL, "new@example.com", HPN_NONE_OTHER },
	};
	struct hpn_none n;
	unsigned int bit;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		bit = hpn_none_of(types[i].kind, types[i].name);
		ASSERT_U_INT_EQ(bit, types[i].bit);
		server(&n, 1, 1);
		ASSERT_U_INT_EQ(hpn_none_refuses(&n, bit), 0);
		/* From what was agreed on, not from new keys on */
		ASSERT_INT_EQ(hpn_none_agreed(&n, "none", UMAC, "none", UMAC),
		    HPN_NONE_FINE);
		ASSERT_U_INT_EQ(hpn_none_refuses(&n, bit), bit);
		/* ... and for good */
		ASSERT_INT_EQ(hpn_none_agreed(&n, AES, NULL, AES, NULL),
		    HPN_NONE_FINE);
		ASSERT_U_INT_EQ(hpn_none_refuses(&n, bit), bit);
		client(&n, 1, 0);
		ASSERT_U_INT_EQ(hpn_none_refuses(&n, bit), bit);
	}
	ASSERT_PTR_NE(strstr(hpn_none_refusal(HPN_NONE_TTY), "terminal"),
	    NULL);
	ASSERT_PTR_NE(strstr(hpn_none_refusal(HPN_NONE_X11), "X11"), NULL);
	ASSERT_PTR_NE(strstr(hpn_none_refusal(HPN_NONE_AGENT), "agent"),
	    NULL);
}

static void
counting(void)
{
	struct hpn_none n;
	char name[4 * HPN_NONE_NAME];

	memset(&n, 0, sizeof(n));
	ASSERT_INT_EQ(hpn_none_is_clear(&n), 0);
	hpn_none_in_force(&n, HPN_NONE_IN, AES, NULL, 0);
	hpn_none_in_force(&n, HPN_NONE_OUT, AES, NULL, 0);
	ASSERT_U64_EQ(hpn_none_bytes(&n, HPN_NONE_IN, 1000), 0);
	hpn_none_in_force(&n, HPN_NONE_OUT, "none", UMAC, 1000);
	ASSERT_INT_EQ(hpn_none_is_clear(&n), 0);
	hpn_none_in_force(&n, HPN_NONE_IN, "none", UMAC, 2000);
	ASSERT_INT_EQ(hpn_none_is_clear(&n), 1);
	ASSERT_U64_EQ(hpn_none_bytes(&n, HPN_NONE_IN, 2500), 500);
	ASSERT_U64_EQ(hpn_none_bytes(&n, HPN_NONE_OUT, 2500), 1500);
	/* New keys, a time without, and again */
	hpn_none_in_force(&n, HPN_NONE_IN, "none", UMAC, 3000);
	ASSERT_U64_EQ(hpn_none_bytes(&n, HPN_NONE_IN, 3100), 1100);
	hpn_none_in_force(&n, HPN_NONE_IN, AES, NULL, 4000);
	ASSERT_U64_EQ(hpn_none_bytes(&n, HPN_NONE_IN, 9000), 2000);
	hpn_none_in_force(&n, HPN_NONE_IN, "none", "none", 10000);
	ASSERT_U64_EQ(hpn_none_bytes(&n, HPN_NONE_IN, 10001), 2001);
	ASSERT_STRING_EQ(n.mac[HPN_NONE_IN], "none");
	/* A name of any length */
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	hpn_none_in_force(&n, HPN_NONE_IN, name, name, 10001);
	ASSERT_SIZE_T_EQ(strlen(n.cipher[HPN_NONE_IN]), HPN_NONE_NAME - 1);
	ASSERT_SIZE_T_EQ(strlen(n.mac[HPN_NONE_IN]), HPN_NONE_NAME - 1);
	ASSERT_INT_EQ(n.cipher[HPN_NONE_OUT][0], 'n');
}

static void
contradictions(void)
{
	struct hpn_none_request q;

	memset(&q, 0, sizeof(q));
	q.tty = q.tty_forced = q.x11 = q.agent = 1;
	ASSERT_PTR_EQ((void *)hpn_none_contradiction(&q), NULL);
	ASSERT_PTR_EQ((void *)hpn_none_shared(&q, 0), NULL);
	ASSERT_PTR_NE((void *)hpn_none_shared(&q, 1), NULL);
	memset(&q, 0, sizeof(q));
	ASSERT_PTR_EQ((void *)hpn_none_shared(&q, 1), NULL);
	q.wanted = 1;
	ASSERT_PTR_NE(strstr(hpn_none_contradiction(&q), "NoneEnabled"), NULL);
	q.enabled = 1;
	ASSERT_PTR_EQ((void *)hpn_none_contradiction(&q), NULL);
	ASSERT_PTR_EQ((void *)hpn_none_shared(&q, 1), NULL);
	/* Not a silent failure to switch */
	ASSERT_PTR_NE((void *)hpn_none_shared(&q, 0), NULL);
	q.tty = 1;
	ASSERT_PTR_NE(strstr(hpn_none_contradiction(&q), "terminal"), NULL);
	q.tty_forced = 1;
	ASSERT_PTR_NE(strstr(hpn_none_contradiction(&q), "force"), NULL);
	q.tty = q.tty_forced = 0;
	q.agent = 1;
	ASSERT_PTR_NE(strstr(hpn_none_contradiction(&q), "ForwardAgent"),
	    NULL);
	q.agent = 0;
	q.x11 = 1;
	ASSERT_PTR_NE(strstr(hpn_none_contradiction(&q), "ForwardX11"), NULL);
}

static void
hosts(void)
{
	ASSERT_INT_EQ(hpn_none_host_named("*"), 0);
	ASSERT_INT_EQ(hpn_none_host_named("?*"), 0);
	ASSERT_INT_EQ(hpn_none_host_named("*.*"), 0);
	ASSERT_INT_EQ(hpn_none_host_named("data*"), 1);
	ASSERT_INT_EQ(hpn_none_host_named("*.example.com"), 1);
	ASSERT_INT_EQ(hpn_none_match_named("all"), 0);
	ASSERT_INT_EQ(hpn_none_match_named(""), 0);
	ASSERT_INT_EQ(hpn_none_match_named("user archive"), 0);
	ASSERT_INT_EQ(hpn_none_match_named("final exec \"test -f x\""), 0);
	ASSERT_INT_EQ(hpn_none_match_named("host data.example.com"), 1);
	ASSERT_INT_EQ(hpn_none_match_named("user x OriginalHost=data\n"), 1);
	ASSERT_INT_EQ(hpn_none_match_named("host=\"data\""), 1);
	ASSERT_INT_EQ(hpn_none_match_named("host *"), 0);
	ASSERT_INT_EQ(hpn_none_match_named("host"), 0);
	ASSERT_INT_EQ(hpn_none_match_named("!host secret"), 0);
	ASSERT_INT_EQ(hpn_none_match_named("tagged bulk"), 1);
	ASSERT_INT_EQ(hpn_none_match_named("user x # host data"), 0);
}

void
test_none(void)
{
	TEST_START("none: lists");
	lists();
	TEST_DONE();
	TEST_START("none: what a peer may propose");
	proposals();
	TEST_DONE();
	TEST_START("none: what may be agreed on");
	agreements();
	TEST_DONE();
	TEST_START("none: what is refused on a switched connection");
	refusals();
	TEST_DONE();
	TEST_START("none: bytes in the clear");
	counting();
	TEST_DONE();
	TEST_START("none: contradictory options");
	contradictions();
	TEST_DONE();
	TEST_START("none: named hosts");
	hosts();
	TEST_DONE();
}
