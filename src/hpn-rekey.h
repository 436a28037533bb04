/* SPDX-License-Identifier: ISC */
/*
 * hpn-rekey: key re-exchange that stops bulk data for as short as it can.
 *
 * After its SSH_MSG_KEXINIT a side sends no data before its SSH_MSG_NEWKEYS
 * (RFC 4253 sections 7.1 and 9).  Whoever asks first waits longest: stock's
 * sender reaches the volume limit before its receiver does, asks, and its
 * data stand still for two round trips.  Two things change that:
 *
 * - The side that mostly receives asks, a little before the sender would.
 * - A client that asks sends its half of the exchange along with the question
 *   (first_kex_packet_follows, RFC 4253 section 7), when it knows from the
 *   last exchange that the server will choose the same.
 *
 * Data to a client then stand still for the arithmetic only, data from it for
 * one round trip.  Nothing of the exchange itself is changed.
 */
#ifndef HPN_REKEY_H
#define HPN_REKEY_H

#include <sys/types.h>

struct ssh;

/* Embedded in struct kex, zero at first; ours are the strings. */
struct hpn_rekey {
	char *kex;		/* what was agreed on last, NULL: nothing yet */
	char *hostkey;
	int expected;		/* the server listed both as its first */
	int follows;		/* a guess was sent with our KEXINIT */
};

void hpn_rekey_clear(struct hpn_rekey *);

/*
 * Key exchange and host key algorithm were agreed upon; the lists are those of
 * the server's KEXINIT.  Returns 0 or SSH_ERR_ALLOC_FAIL.
 */
int hpn_rekey_agreed(struct hpn_rekey *, const char *kex, const char *hostkey,
    const char *server_kexs, const char *server_hostkeys);

/*
 * A KEXINIT is about to be sent.  In an exchange after the first, move what was
 * agreed on last to the front of our proposal, which changes nothing of what
 * will be chosen; and announce a guess if one can be made.  Returns 0 or an
 * SSH_ERR_* code.
 */
int hpn_rekey_propose(struct ssh *);

/*
 * Our KEXINIT was sent: send the guess that it announced, if any.  Returns 0
 * or an SSH_ERR_* code.
 */
int hpn_rekey_guess(struct ssh *);

/*
 * The server's KEXINIT has come and is agreed upon.  Forget a guess that was
 * wrong, by the rule by which the server ignores it (RFC 4253 section 7).
 */
void hpn_rekey_judge(struct ssh *, const char *server_kexs,
    const char *server_hostkeys);

/*
 * The volume of received data, in cipher blocks, at which to ask for new keys.
 * limit: at which the sender has to; sent: what we sent with our key.
 */
u_int64_t hpn_rekey_limit(const struct ssh *, u_int64_t limit,
    u_int64_t received, u_int64_t sent);

/* Whether `name` is the first of a comma-separated list. */
int hpn_rekey_is_first(const char *list, const char *name);

/*
 * A copy of a comma-separated list with `name`, which is in it, in front; as
 * it is where name is not in it.  NULL: no memory.  The caller frees it.
 */
char *hpn_rekey_prefer(const char *list, const char *name);

#endif /* HPN_REKEY_H */
