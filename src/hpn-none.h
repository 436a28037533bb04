/* SPDX-License-Identifier: ISC */
/*
 * hpn-none: the rules of cleartext on request, the NONE switch.
 *
 * After authentication the client starts a key re-exchange that switches the
 * connection to cipher none (PROTOCOL.hpn, section 4).  Both ends judge what
 * was agreed upon by the rules below, whatever the other end allows.  They
 * refuse what must not travel in the clear.  These decisions hold until the
 * connection ends.  A connection that had a terminal, X11 or an agent is never
 * switched.  A connection that was switched never gets one of them.
 *
 * Policy: facts in, decision out.  Compiles without the OpenSSH tree.
 */
#ifndef HPN_NONE_H
#define HPN_NONE_H

#include <stddef.h>
#include <stdint.h>

/* The name of the cipher, of the MAC. */
#define HPN_NONE	"none"

/* What is refused on a connection that is not encrypted; a set of bits. */
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
 * The state of a connection.  All zero is right before authentication, and
 * allows nothing.
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
	HPN_NONE_HAS_OTHER,	/* something not known to be harmless */
	HPN_NONE_UNWANTED,	/* client: did not ask for it */
	HPN_NONE_REFUSED	/* client: asked, and the server did not */
};

/* The reason without a full stop, for the log and the peer. */
const char *hpn_none_reason(enum hpn_none_verdict);

/* Whether a name is that of the cipher or MAC none; it may be NULL. */
int hpn_none_is(const char *name);

/*
 * Whether "none" is in a comma-separated list, is its first name, or is its
 * only name.  An empty list is no list of "none" alone.
 */
int hpn_none_listed(const char *list);
int hpn_none_first(const char *list);
int hpn_none_alone(const char *list);

/*
 * Whether the exchange may go on with the peer's lists of ciphers and MACs, as
 * its KEXINIT has them.  Index 0 is client to server, 1 is server to client.
 * We do not judge a "none" that stands beside other names, because only names
 * of our own list can be chosen.  This refuses early where every possible
 * choice would be refused, so that both sides are told why.  hpn_none_agreed()
 * decides in the end.
 */
enum hpn_none_verdict hpn_none_proposed(const struct hpn_none *,
    const char *const ciphers[2], const char *const macs[2]);

/*
 * Judge what was agreed upon for both directions.  A MAC is NULL if the cipher
 * authenticates by itself.  HPN_NONE_FINE: this may come into force.  If it is
 * a switch, this notes it for hpn_none_refuses().
 */
enum hpn_none_verdict hpn_none_agreed(struct hpn_none *,
    const char *cipher_in, const char *mac_in,
    const char *cipher_out, const char *mac_out);

/*
 * Judge the name of a request or channel (RFC 4254, OpenSSH's PROTOCOL).  0 if
 * it is known to be harmless in the clear; otherwise HPN_NONE_* bits.
 * HPN_NONE_OTHER means that we do not know the name.
 */
unsigned int hpn_none_of(enum hpn_none_kind, const char *name);

/* Those bits of wanted that the connection must refuse now; 0: none. */
unsigned int hpn_none_refuses(const struct hpn_none *, unsigned int wanted);

/* The connection got this. */
void hpn_none_holds(struct hpn_none *, unsigned int got);

/* A line for the user who wanted these bits; it names only the first one. */
const char *hpn_none_refusal(unsigned int bits);

/*
 * New keys are in force in a direction (HPN_NONE_IN, _OUT), after so many
 * bytes in it.  mac: NULL if the cipher authenticates by itself.
 */
void hpn_none_in_force(struct hpn_none *, int direction, const char *cipher,
    const char *mac, uint64_t bytes);

/* Whether both directions are in the clear now. */
int hpn_none_is_clear(const struct hpn_none *);

/* Bytes of a direction that went in the clear.  total: all bytes of it. */
uint64_t hpn_none_bytes(const struct hpn_none *, int direction,
    uint64_t total);

/*
 * Cipher none has no key that wears out, but the MAC has.  So there are new
 * keys after so many blocks of eight bytes (32 GiB), unless the user set a
 * limit.
 */
#define HPN_NONE_BLOCKS	((uint64_t)1 << 32)

/* What a client is asked to do, before it connects. */
struct hpn_none_request {
	int enabled, wanted;	/* NoneEnabled, NoneSwitch */
	int tty;		/* will ask for a terminal */
	int tty_forced;		/* RequestTTY force */
	int x11, agent;		/* ForwardX11, ForwardAgent */
};

/* A line for the user why this cannot be switched; NULL: it can. */
const char *hpn_none_contradiction(const struct hpn_none_request *);

/* The same for a client of a shared connection (ControlMaster). */
const char *hpn_none_shared(const struct hpn_none_request *, int clear);

/*
 * Whether a pattern after Host, or the line after Match, names hosts.  If not,
 * the block applies to all hosts.
 */
int hpn_none_host_named(const char *pattern);
int hpn_none_match_named(const char *line);

#endif /* HPN_NONE_H */
