/* SPDX-License-Identifier: ISC */
/*
 * hpn-none-hooks: what ssh and sshd call for cleartext on request.
 *
 * hpn-none has the rules.  This file changes proposals and starts the exchange
 * that switches.  It ends connections that break a rule, and reports to users
 * and logs.  Only the main thread calls it.
 */
#ifndef HPN_NONE_HOOKS_H
#define HPN_NONE_HOOKS_H

#include <sys/types.h>

#include "hpn-none.h"

struct hpn_options;
struct newkeys;
struct ssh;

/*
 * Server: a user was just authenticated, and nothing was sent since.  Offer
 * cipher none from now on, if the options for this user allow it.  user is not
 * copied.
 */
void hpn_none_hooks_server(struct ssh *, const struct hpn_options *,
    const char *user);

/*
 * Client, as soon as it is authenticated: if the options say so, switch and
 * wait for it.  dispatch() sets the handlers for messages that the server may
 * send meanwhile.  If the switch fails, the process ends.
 */
void hpn_none_hooks_client(struct ssh *, const struct hpn_options *,
    void (*dispatch)(struct ssh *));

/*
 * Within the key exchange: judge the peer's lists (PROPOSAL_*) as its KEXINIT
 * has them, and what was agreed upon (MODE_*).  If a rule is broken, these end
 * the process.
 */
void hpn_none_hooks_proposed(struct ssh *, char **peer);
void hpn_none_hooks_agreed(struct ssh *, struct newkeys *const keys[]);

/*
 * New keys are in force in this direction, after so many bytes.  This may
 * change *max_blocks, the number of blocks after which new keys are needed.
 */
void hpn_none_hooks_newkeys(struct ssh *, int mode, const struct newkeys *,
    u_int64_t bytes, u_int64_t *max_blocks);

/*
 * The peer asks for something by this name.  hpn_none_hooks_refuses() says
 * whether this connection must refuse it, and logs that.  Call
 * hpn_none_hooks_holds() when it was granted.
 */
int hpn_none_hooks_refuses(struct ssh *, enum hpn_none_kind, const char *name);
void hpn_none_hooks_holds(struct ssh *, enum hpn_none_kind, const char *name);

/* Server, at the end: the log says how much went in the clear, if any did. */
void hpn_none_hooks_report(struct ssh *);

/* The connection's ciphers and MACs, a line; the caller frees it. */
char *hpn_none_hooks_describe(const struct ssh *);

/*
 * Client, before it connects: end the process if NoneSwitch contradicts what
 * the user asked for.  macs: MACs.  tty: ssh will ask for a terminal.  forced:
 * RequestTTY is "force".
 */
void hpn_none_hooks_check(const struct hpn_options *, const char *macs, int tty,
    int forced, int x11, int agent);

/*
 * The same for the client of a shared connection, whose master is at path and
 * which is `clear` or not.  A client without NoneSwitch does not use a clear
 * connection.  Then this returns -1 if the client can do its work alone;
 * otherwise it ends the process.  0: use the connection.
 */
int hpn_none_hooks_attach(const struct hpn_options *, const char *path,
    int clear, int alone, int tty, int x11, int agent);
/* Whether the client says in its HELLO that it wants cleartext. */
int hpn_none_hooks_is_wanted(const struct hpn_options *);

/*
 * Master of a shared connection: why its client may not have this, a line, or
 * NULL if it may.  knows: the client said in its HELLO that it wants
 * cleartext.
 */
const char *hpn_none_hooks_share(struct ssh *, int knows, int tty, int x11,
    int agent);
/* Whether the master's connection is switched: its HELLO says so. */
int hpn_none_hooks_is_shared(const struct ssh *);
/* An extension of both HELLOs, without a value. */
#define HPN_NONE_HOOKS_EXTENSION	"none-switch@openssh-hpn"

#endif /* HPN_NONE_HOOKS_H */
