/* SPDX-License-Identifier: ISC */
/*
 * hpn-none: the rules of cleartext on request, the NONE switch.
 *
 * A connection is switched to cipher none by a key re-exchange that the client
 * starts after authentication (PROTOCOL.hpn, section 4).  Both ends judge what
 * was agreed upon by the rules below, whatever the other end believes, and
 * refuse what must not travel in the clear.  What was refused or allowed once
 * stays so: a connection that had a terminal, X11 or an agent is never
 * switched, and one that was switched never gets one.
 *
 * Policy: facts in, decision out.  Compiles without the OpenSSH tree.
 */
#ifndef HPN_NONE_H
#define HPN_NONE_H

#include <stddef.h>
#include <stdint.h>

/* The name of the cipher, of the MAC. */
#define HPN_NONE	"none"

/* What has no place on a connection that is not encrypted; a set of bits. */
#define HPN_NONE_TTY	0x01
#define HPN_NONE_X11	0x02
#define HPN_NONE_AGENT	0x04
#define HPN_NONE_OTHER	0x08	/* nothing that is known to be harmless */

/* What a peer may ask for by name: global requests, channels, requests on one. */
enum hpn_none_kind {
	HPN_NONE_GLOBAL = 0x01,
	HPN_NONE_CHANNEL = 0x02,
	HPN_NONE_REQUEST = 0x04
};

/* Directions, as in OpenSSH's kex.h. */
#define HPN_NONE_IN	0
#define HPN_NONE_OUT	1

#define HPN_NONE_NAME	64	/* of a cipher or MAC, with its end */

/*
 * What a connection knows of it.  Zero is right for one that is not
 * authenticated, and allows nothing.
 */
struct hpn_none {
	int authenticated;
	int server;
	int allowed;		/* NoneEnabled */
	int mac_allowed;	/* NoneMacEnabled: a MAC is not needed */
	int wanted;		/* client: NoneSwitch; nothing else will do */
	int switched;		/* was agreed upon, once */
	int said;		/* the user or the log was told */
	unsigned int held;	/* HPN_NONE_*: what the connection has or had */
	const char *user;	/* server: not ours */

	/* What is in force in each direction; "" at first. */
	char cipher[2][HPN_NONE_NAME];
	char mac[2][HPN_NONE_NAME];
	uint64_t since[2];	/* bytes of the direction when it became so */
	uint64_t clear[2];	/* bytes in the clear before that */
};

enum hpn_none_verdict {
	HPN_NONE_FINE = 0,
	HPN_NONE_EARLY,		/* before authentication */
	HPN_NONE_FORBIDDEN,	/* not allowed by our configuration */
	HPN_NONE_MAC_FORBIDDEN,
	HPN_NONE_HALF,		/* one direction only */
	HPN_NONE_MAC_ALONE,	/* a cipher, but no MAC */
	HPN_NONE_HAS_TTY,
	HPN_NONE_HAS_X11,
	HPN_NONE_HAS_AGENT,
	HPN_NONE_HAS_OTHER,	/* what nobody knows to be harmless */
	HPN_NONE_UNWANTED,	/* client: did not ask for it */
	HPN_NONE_REFUSED	/* client: asked, and the server did not */
};

/* A sentence without its end, for the log and the peer. */
const char *hpn_none_reason(enum hpn_none_verdict);

/* Whether a name is that of the cipher or MAC none; it may be NULL. */
int hpn_none_is(const char *name);

/*
 * Whether none is in, is the first of, or is all of a comma-separated list.  Of
 * an empty list it is not all.
 */
int hpn_none_listed(const char *list);
int hpn_none_first(const char *list);
int hpn_none_alone(const char *list);

/*
 * The peer's lists of ciphers and MACs, as its KEXINIT has them, each for client
 * to server and for server to client: may the exchange go on?  What a peer lists
 * beside others is not judged: what is not in our own list is not chosen.  This
 * finds where the choice can only be one that we refuse, so that both sides are
 * told why.  hpn_none_agreed() has the last word.
 */
enum hpn_none_verdict hpn_none_proposed(const struct hpn_none *,
    const char *const ciphers[2], const char *const macs[2]);

/*
 * What was agreed upon, for both directions; a MAC is NULL where the cipher
 * brings its own.  HPN_NONE_FINE if this may come into force; it notes a
 * switch, after which hpn_none_refuses() knows of it.
 */
enum hpn_none_verdict hpn_none_agreed(struct hpn_none *,
    const char *cipher_in, const char *mac_in,
    const char *cipher_out, const char *mac_out);

/*
 * A name that a peer asks by (RFC 4254, OpenSSH's PROTOCOL): 0 if it is known to
 * be harmless in the clear; else HPN_NONE_* bits, HPN_NONE_OTHER for what is not
 * known.
 */
unsigned int hpn_none_of(enum hpn_none_kind, const char *name);

/* What of this has no place on the connection as it is; or 0. */
unsigned int hpn_none_refuses(const struct hpn_none *, unsigned int wanted);

/* The connection got this. */
void hpn_none_holds(struct hpn_none *, unsigned int got);

/* A line for the user who wanted these; only the first of them is named. */
const char *hpn_none_refusal(unsigned int bits);

/*
 * Keys are in force in a direction (HPN_NONE_IN, _OUT), after so many bytes in
 * it.  mac: NULL if the cipher brings its own.
 */
void hpn_none_in_force(struct hpn_none *, int direction, const char *cipher,
    const char *mac, uint64_t bytes);

/* Whether both directions are in the clear now. */
int hpn_none_is_clear(const struct hpn_none *);

/* Bytes of a direction that went in the clear; total: all that it had. */
uint64_t hpn_none_bytes(const struct hpn_none *, int direction,
    uint64_t total);

/*
 * A cipher none has no key that wears out, but what authenticates has: new
 * keys after so many blocks of eight bytes, 32 GiB, if nobody set a limit.
 */
#define HPN_NONE_BLOCKS	((uint64_t)1 << 32)

/* What a client is asked to do, before it connects. */
struct hpn_none_request {
	int enabled, wanted;	/* NoneEnabled, NoneSwitch */
	int tty;		/* will ask for a terminal */
	int tty_forced;		/* RequestTTY force */
	int x11, agent;		/* ForwardX11, ForwardAgent */
};

/* Why this cannot be, a line for the user; NULL: it can. */
const char *hpn_none_contradiction(const struct hpn_none_request *);

/*
 * A client of a shared connection (ControlMaster), `clear` or not: the same.
 */
const char *hpn_none_shared(const struct hpn_none_request *, int clear);

/*
 * Whether a pattern after Host, or the line after Match, names hosts; if not,
 * what follows holds for all.
 */
int hpn_none_host_named(const char *pattern);
int hpn_none_match_named(const char *line);

#endif /* HPN_NONE_H */
