/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect: which messages ssh may send, while it connects, before the
 * answer to earlier ones.  It also decides what follows if that was too early.
 *
 * docs/connecting.md shows the round trips.  This module decides three things.
 * A wrong decision costs at most one authentication attempt.
 *
 * - Whether ssh asks for the first key together with the request "none" that
 *   asks for methods (RFC 4252 section 5.1).  It is the key that would be
 *   offered first anyway.
 * - Whether ssh sends the session and its command together with the signature
 *   of a key that the server has accepted (PK_OK), or else together with each
 *   other after SUCCESS.  A command must never run twice.  ssh sends it again
 *   only if the server has answered each of these packets with UNIMPLEMENTED.
 * - Which servers get anything early: only those that are known to handle it.
 *   Their EXT_INFO (RFC 8308) shows it.  Nobody on the way can change that.
 *
 * Plain numbers in, decisions out.  All functions take NULL for "switched off".
 */
#ifndef HPN_CONNECT_H
#define HPN_CONNECT_H

#include <sys/types.h>
#include <stdint.h>

/* How far the early session has come. */
enum hpn_connect_stage {
	HPN_CONNECT_NONE,	/* nothing was sent */
	HPN_CONNECT_OPENING,	/* it is being sent */
	HPN_CONNECT_SENT,	/* it was sent after the signature */
	HPN_CONNECT_REFUSED,	/* the signature failed; it is withdrawn */
	HPN_CONNECT_RUNS	/* the signature succeeded: it is open */
};

/* The state of a connection; all zero at first. */
struct hpn_connect {
	int compresses;		/* a compression was agreed on */
	enum hpn_connect_stage stage;
	uint32_t first, end;	/* sequence numbers of its packets: [first, end) */
	uint32_t unknown;	/* so many of them were answered UNIMPLEMENTED */
	int rekeyed;		/* since then: sequence numbers may be reset */
	int authenticated;	/* and all that was sent is accounted for */
	uint32_t owed;		/* bytes of data sent before there was a window */
	int channel;		/* ... in this one */
};

/* What the server has said about itself; the last three: the first EXT_INFO. */
struct hpn_connect_peer {
	int openssh;		/* its identification */
	int ext_info;		/* it has come */
	int hostbound, ping;	/* publickey-hostbound@, ping@openssh.com: 0 */
};

/* What ssh is to do, from its options: each non-zero if it is asked for. */
struct hpn_connect_wish {
	int session;		/* a session, with a command, shell or subsystem */
	int stdio;		/* -W: a channel instead, without requests */
	int forwards;		/* -L, -R, -D, -w */
	int remote;		/* -R, -w: channels of the server before ours */
	int agent, x11;		/* their forwarding */
	int local_command;	/* which may end before the remote one starts */
	int shared;		/* ControlMaster, ControlPersist: a socket comes first */
	int background;		/* -f */
	int none_switch;	/* NoneSwitch: nothing of it before the switch */
};

/* A key exchange has agreed on compression, in either direction, or on none. */
void hpn_connect_agreed(struct hpn_connect *, int compresses);

/*
 * Whether ssh may ask for the first key before it knows the server's methods.
 * preferred: PreferredAuthentications, in order.  usable() tells whether a
 * method before "publickey" could be used.
 */
int hpn_connect_asks(const struct hpn_connect *,
    const struct hpn_connect_peer *, const char *preferred,
    int (*usable)(const char *method, void *ctx), void *ctx);

/*
 * Whether the session may travel with a signature, at most once in the life of a
 * connection; or, when authentication has succeeded and no session is open, its
 * requests with its opening.
 */
int hpn_connect_opens(const struct hpn_connect *,
    const struct hpn_connect_peer *, const struct hpn_connect_wish *);

/*
 * The program that ssh serves has all its answers and has closed its end.  Whether
 * ssh may leave the session to end by itself, as one whose user has gone.
 */
int hpn_connect_leaves(const struct hpn_connect *,
    const struct hpn_connect_peer *);

/* The session's packets have the sequence numbers from first to before end. */
void hpn_connect_open(struct hpn_connect *, uint32_t first);
void hpn_connect_opened(struct hpn_connect *, uint32_t end);
int hpn_connect_opening(const struct hpn_connect *);

/*
 * The server answered this sequence number with UNIMPLEMENTED.  Returns 1 if
 * the connection has to end, because the packet belongs to a session that
 * runs.
 */
int hpn_connect_unknown(struct hpn_connect *, uint32_t seq);

/*
 * Bytes of data are sent in a channel whose window is not known.  When it has come,
 * or more of it, they are taken from it.
 */
void hpn_connect_spend(struct hpn_connect *, int channel, uint32_t bytes);
void hpn_connect_window(struct hpn_connect *, int channel, uint32_t *window);

/*
 * The answer to the signature was a failure.  Returns 1 if an early session has
 * to be withdrawn.
 */
int hpn_connect_failed(struct hpn_connect *);

/*
 * Authentication has succeeded.  Returns 0 if we do not know what became of the
 * session that was sent.  Then ssh must not open another one.
 */
int hpn_connect_succeeded(struct hpn_connect *);

#endif /* HPN_CONNECT_H */
