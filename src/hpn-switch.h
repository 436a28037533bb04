/* SPDX-License-Identifier: ISC */
/*
 * hpn-switch: what ssh and sshd call for cleartext on request.
 *
 * The rules are hpn-none's.  This changes proposals, starts the exchange that
 * switches, ends connections that break a rule, and tells users and logs.
 * One thread, the main one.
 */
#ifndef HPN_SWITCH_H
#define HPN_SWITCH_H

#include <sys/types.h>

struct hpn_options;
struct newkeys;
struct ssh;

/*
 * Server, when a user is authenticated and nothing was sent since: offer
 * cipher none from now on if the options, those for this user, allow it.  user
 * is not copied.
 */
void hpn_switch_server(struct ssh *, const struct hpn_options *,
    const char *user);

/*
 * Client, as soon as it is authenticated: switch if the options say so, and
 * wait for it.  dispatch sets the handlers for what the server may send in the
 * meantime.  Anything but a switch ends the process.
 */
void hpn_switch_client(struct ssh *, const struct hpn_options *,
    void (*dispatch)(struct ssh *));

/*
 * Within the key exchange: the lists of both ends (PROPOSAL_*) as its KEXINITs
 * have them, and what was agreed upon (MODE_*).  Neither returns if a rule is
 * broken.
 */
void hpn_switch_proposed(struct ssh *, char **peer);
void hpn_switch_agreed(struct ssh *, struct newkeys *const keys[]);

/*
 * Keys are in force in this direction after so many bytes; may change after
 * how many blocks others are needed.
 */
void hpn_switch_newkeys(struct ssh *, int mode, const struct newkeys *,
    u_int64_t bytes, u_int64_t *max_blocks);

/*
 * A request on a session channel or a channel's type.  hpn_switch_refuses()
 * says whether it has no place on this connection, and logs it;
 * hpn_switch_holds() that it was granted.
 */
int hpn_switch_refuses(struct ssh *, const char *type);
void hpn_switch_holds(struct ssh *, const char *type);

/* Server, at the end: the log says how much went in the clear, if any did. */
void hpn_switch_report(struct ssh *);

/* The connection's ciphers and MACs, a line; the caller frees it. */
char *hpn_switch_describe(const struct ssh *);

/*
 * Client, before it connects: does not return if what was asked for cannot be.
 * macs: MACs.  tty: a terminal will be asked for; forced: in any case.
 */
void hpn_switch_check(const struct hpn_options *, const char *macs, int tty,
    int forced, int x11, int agent);

/*
 * Client of a shared connection, which is `clear` or not: the same.  Warns if
 * its data will go in the clear without NoneSwitch.
 */
void hpn_switch_check_shared(const struct hpn_options *, int clear, int tty,
    int x11, int agent);

/* Master of a shared connection: a line why not, or NULL. */
const char *hpn_switch_share(struct ssh *, int tty, int x11, int agent);
/* Whether its connection is switched, as the extension of its HELLO says. */
int hpn_switch_is_shared(const struct ssh *);
#define HPN_SWITCH_EXTENSION	"none-switch@openssh-hpn"

#endif /* HPN_SWITCH_H */
