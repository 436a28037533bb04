/* SPDX-License-Identifier: ISC */
/*
 * hpn-rekey: a key re-exchange that stops bulk data as briefly as possible.
 *
 * After its SSH_MSG_KEXINIT a side sends no data before its SSH_MSG_NEWKEYS
 * (RFC 4253 sections 7.1 and 9).  The side that asks first waits longest.  In
 * stock the sender reaches the volume limit before its receiver, and asks.  So
 * its data stand still for two round trips.  Two things change that:
 *
 * - The side that mostly receives asks, a little before the sender would.
 * - A client that asks sends its half of the exchange together with the
 *   question
 *   (first_kex_packet_follows, RFC 4253 section 7).  It does so if it knows
 *   from the last exchange that the server will choose the same.
 * - Where that is no guess by the rule, since the server lists another first, a
 *   client sends its half all the same to OpenSSH, which always offers the same.
 *   It does not say so, and the server takes it for what it waits for.
 *
 * - Before it asks, the side that receives lets windows become smaller
 *   (hpn-window.h): a sender that waits stores what is left of its window.
 *
 * Then downloads pause only for the computation, and uploads for one round
 * trip.  The exchange itself does not change.
 */
#ifndef HPN_REKEY_H
#define HPN_REKEY_H

#include <sys/types.h>

#include "hpn-guess.h"

struct ssh;
struct kex;

/* Embedded in struct kex, zero at first.  The strings are this module's. */
struct hpn_rekey {
	char *kex;		/* what was agreed on last, NULL: nothing yet */
	char *hostkey;
	int expected;		/* the server listed both as its first */
	int follows;		/* with our KEXINIT: 0: nothing */
#define HPN_REKEY_GUESS	1	/* ... a guess, which it announces */
#define HPN_REKEY_KNOWN	2	/* ... what the server will take */
	/* of the first exchange; names are hpn-guess's */
	int guesses;		/* a guess is to be sent, and can be */
	int server_lists;	/* the server listed HPN_GUESS_NAME */
	int both_list;		/* ... and the client; in this exchange */
};

void hpn_rekey_clear(struct hpn_rekey *);

/*
 * Key exchange and host key algorithm were agreed upon; the lists are those of
 * the server's KEXINIT.  Returns 0 or SSH_ERR_ALLOC_FAIL.
 */
int hpn_rekey_agreed(struct hpn_rekey *, const char *kex, const char *hostkey,
    const char *server_kexs, const char *server_hostkeys);

/*
 * Both lists of key exchanges, of the KEXINITs: takes HPN_GUESS_NAME out of them,
 * on which two ends must not agree, and keeps in mind who had it.
 */
void hpn_rekey_strip(struct kex *, char *client_kexs, char *server_kexs);

/*
 * A server has received a guess, and chosen: whether both ends list HPN_GUESS_NAME
 * and the guess is right for it.  The lists are the client's.
 */
int hpn_rekey_takes(const struct kex *, const char *kexs,
    const char *hostkeys);

/* Wipe a guess, and the keys that belong to it. */
void hpn_rekey_forget(struct kex *);

/* A server's proposal of its first exchange: honour guesses as Dropbear does. */
void hpn_rekey_list(char **kexs);

/*
 * A KEXINIT is about to be sent.  In an exchange after the first, move what
 * was agreed on last to the front of our proposal.  This does not change what
 * will be chosen.  Announce a guess if one can be made.  In the first one,
 * announce a guess if `guesses` says so.  Returns 0 or an
 * SSH_ERR_* code.
 */
int hpn_rekey_propose(struct ssh *);

/*
 * Our KEXINIT was sent: send the guess that it announced, if any.  Returns 0
 * or an SSH_ERR_* code.
 */
int hpn_rekey_guess(struct ssh *);

/*
 * The server's KEXINIT has come, and the algorithms are agreed upon.  Forget a
 * wrong guess: RFC 4253 section 7 says when the server ignores it, or the rule
 * of two ends that list HPN_GUESS_NAME.
 */
void hpn_rekey_judge(struct ssh *, const char *server_kexs,
    const char *server_hostkeys);

/*
 * After how many received cipher blocks to ask for new keys.  Notes in ssh->hpn
 * whether that is soon.
 *   limit     blocks at which the sender has to ask
 *   received  blocks received so far with these keys
 *   sent      blocks that we sent with ours
 */
u_int64_t hpn_rekey_limit(const struct ssh *, u_int64_t limit,
    u_int64_t received, u_int64_t sent);

/* Whether `name` is the first of a comma-separated list. */
int hpn_rekey_is_first(const char *list, const char *name);

/*
 * A copy of a comma-separated list with `name` moved to the front.  If name is
 * not in the list, the copy is unchanged.  NULL: no memory.  The caller frees
 * it.
 */
char *hpn_rekey_prefer(const char *list, const char *name);

#endif /* HPN_REKEY_H */
