/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect: what ssh may send while it connects without waiting for the
 * answer to what it sent before, and what follows if that was too early.
 *
 * docs/connecting.md shows which round trips there are.  Three things are
 * decided here; each costs one ordinary attempt at worst:
 *
 * - The first key that would be offered anyway is asked for together with the
 *   request "none" that asks for methods (RFC 4252 section 5.1).
 * - The session and its command travel with the signature of a key that the
 *   server has accepted (PK_OK).  A command must never run twice: it is sent
 *   again only if the server has said of each of these packets that it does
 *   not know them.
 * - Only servers that are known to cope are sent anything early, by what they
 *   said in EXT_INFO (RFC 8308), which nobody on the way can change.
 *
 * Plain numbers in, decisions out.  All functions take NULL for "switched off".
 */
#ifndef HPN_CONNECT_H
#define HPN_CONNECT_H

#include <sys/types.h>
#include <stdint.h>

/* Where the session is that is opened early. */
enum hpn_connect_stage {
	HPN_CONNECT_NONE,	/* nothing was sent */
	HPN_CONNECT_OPENING,	/* it is being sent */
	HPN_CONNECT_SENT,	/* it has gone after the signature */
	HPN_CONNECT_REFUSED,	/* the signature did not do; it is withdrawn */
	HPN_CONNECT_RUNS	/* the signature did, and so it is there */
};

/* A connection that may hurry; all zero at first. */
struct hpn_connect {
	int compresses;		/* a compression was agreed on */
	enum hpn_connect_stage stage;
	uint32_t first, end;	/* sequence numbers of its packets: [first, end) */
	uint32_t unknown;	/* so many of them were answered UNIMPLEMENTED */
	int rekeyed;		/* since then: their numbers mean nothing now */
};

/* What the server has said of itself, the last three in the first EXT_INFO. */
struct hpn_connect_peer {
	int openssh;		/* its identification */
	int ext_info;		/* it has come */
	int hostbound, ping;	/* publickey-hostbound@, ping@openssh.com: 0 */
};

/* What ssh is to do, from its options: each non-zero if it is asked for. */
struct hpn_connect_wish {
	int session;		/* a session, with a command, shell or subsystem */
	int forwards;		/* -L, -R, -D, -W, -w */
	int agent, x11;		/* their forwarding */
	int local_command;	/* which may end before the remote one starts */
	int shared;		/* ControlMaster, ControlPersist: a socket comes first */
	int background;		/* -f */
	int none_switch;	/* NoneSwitch: nothing of it before the switch */
};

/* A key exchange has agreed on compression, in either direction, or on none. */
void hpn_connect_agreed(struct hpn_connect *, int compresses);

/*
 * Whether the first key may be asked for before it is known which methods the
 * server has.  preferred: PreferredAuthentications, in order; usable tells of
 * the methods before "publickey" whether they could be used.
 */
int hpn_connect_asks(const struct hpn_connect *,
    const struct hpn_connect_peer *, const char *preferred,
    int (*usable)(const char *method, void *ctx), void *ctx);

/*
 * Whether the session may travel with a signature.  At most once in the life of
 * a connection, and never after a refusal.
 */
int hpn_connect_opens(const struct hpn_connect *,
    const struct hpn_connect_peer *, const struct hpn_connect_wish *);

/* Its packets are made now, from this sequence number on, and end before `end`. */
void hpn_connect_open(struct hpn_connect *, uint32_t first);
void hpn_connect_opened(struct hpn_connect *, uint32_t end);
int hpn_connect_opening(const struct hpn_connect *);

/*
 * The server does not know the packet of this sequence number.  Returns 1 if the
 * connection has to end, since it was one of a session that is waited for.
 */
int hpn_connect_unknown(struct hpn_connect *, uint32_t seq);

/*
 * The answer to the signature was no success.  Returns 1 if a session is to be
 * withdrawn.
 */
int hpn_connect_failed(struct hpn_connect *);

/*
 * Authentication has succeeded.  Returns 0 if it is not known what became of the
 * session that was sent: then there must be no other.
 */
int hpn_connect_succeeded(struct hpn_connect *);

#endif /* HPN_CONNECT_H */
