/* SPDX-License-Identifier: ISC */
/*
 * hpn-none-hooks: what ssh and sshd call for cleartext on request.
 *
 * The rules are hpn-none's.  This changes proposals, starts the exchange that
 * switches, ends connections that break a rule, and tells users and logs.
 * One thread, the main one.
 */
#ifndef HPN_NONE_HOOKS_H
#define HPN_NONE_HOOKS_H

#include <sys/types.h>

#include "hpn-none.h"

struct hpn_options;
struct newkeys;
struct ssh;

/*
 * Server, when a user is authenticated and nothing was sent since: offer
 * cipher none from now on if the options, those for this user, allow it.  user
 * is not copied.
 */
void hpn_none_hooks_server(struct ssh *, const struct hpn_options *,
    const char *user);

/*
 * Client, as soon as it is authenticated: switch if the options say so, and
 * wait for it.  dispatch sets the handlers for what the server may send in the
 * meantime.  Anything but a switch ends the process.
 */
void hpn_none_hooks_client(struct ssh *, const struct hpn_options *,
    void (*dispatch)(struct ssh *));

/*
 * Within the key exchange: the lists of both ends (PROPOSAL_*) as its KEXINITs
 * have them, and what was agreed upon (MODE_*).  Neither returns if a rule is
 * broken.
 */
void hpn_none_hooks_proposed(struct ssh *, char **peer);
void hpn_none_hooks_agreed(struct ssh *, struct newkeys *const keys[]);

/*
 * Keys are in force in this direction after so many bytes; may change after
 * how many blocks others are needed.
 */
void hpn_none_hooks_newkeys(struct ssh *, int mode, const struct newkeys *,
    u_int64_t bytes, u_int64_t *max_blocks);

/*
 * What the peer asks for by this name. hpn_none_hooks_refuses() says whether it
 * has no place on this connection, and logs it; hpn_none_hooks_holds() that it
 * was granted.
 */
int hpn_none_hooks_refuses(struct ssh *, enum hpn_none_kind, const char *name);
void hpn_none_hooks_holds(struct ssh *, enum hpn_none_kind, const char *name);

/* Server, at the end: the log says how much went in the clear, if any did. */
void hpn_none_hooks_report(struct ssh *);

/* The connection's ciphers and MACs, a line; the caller frees it. */
char *hpn_none_hooks_describe(const struct ssh *);

/*
 * Client, before it connects: does not return if what was asked for cannot be.
 * macs: MACs.  tty: a terminal will be asked for; forced: in any case.
 */
void hpn_none_hooks_check(const struct hpn_options *, const char *macs, int tty,
    int forced, int x11, int agent);

/*
 * Client of a shared connection, whose master is at path and whose data are
 * `clear` or not: the same.  Without NoneSwitch of its own it does not use one
 * that is not encrypted: -1 if it can do alone what it was asked to.  0: attach.
 */
int hpn_none_hooks_attach(const struct hpn_options *, const char *path,
    int clear, int alone, int tty, int x11, int agent);
/* Whether it says in its HELLO that it wants it. */
int hpn_none_hooks_is_wanted(const struct hpn_options *);

/*
 * Master of a shared connection: a line why its client may not have this, or
 * NULL.  knows: the client said in its HELLO that it wants cleartext.
 */
const char *hpn_none_hooks_share(struct ssh *, int knows, int tty, int x11,
    int agent);
/* Whether its connection is switched, as it says in its HELLO. */
int hpn_none_hooks_is_shared(const struct ssh *);
/* An extension of both HELLOs, without a value. */
#define HPN_NONE_HOOKS_EXTENSION	"none-switch@openssh-hpn"

#endif /* HPN_NONE_HOOKS_H */
