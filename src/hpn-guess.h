/* SPDX-License-Identifier: ISC */
/*
 * hpn-guess: when ssh's first message of the key exchange may leave before the
 * server has said anything, and which guesses are right.
 *
 * A guess is the first message of the exchange that the client prefers, behind
 * its KEXINIT with first_kex_packet_follows (RFC 4253 section 7).  Two rules say
 * whether the server takes it:
 *
 * - RFC 4253's: both ends have the same key exchange and the same host key
 *   algorithm first.
 * - Where both ends list HPN_GUESS_NAME: the client's first of each is the one
 *   that was chosen.  The name and the rule are Dropbear's; read in the package
 *   dropbear 2022.83, buf_match_algo() and read_kex_algos().
 *
 * The memory is a text of one line for each host key whose server takes guesses:
 * its fingerprint, or "!" and its fingerprint for one that must not get any.
 *
 * Names and texts in, decisions out.  Sizes are in bytes, with the NUL.
 */
#ifndef HPN_GUESS_H
#define HPN_GUESS_H

#include <stddef.h>

#define HPN_GUESS_NAME	"kexguess2@matt.ucc.asn.au"
/* Dropbear reads so many names of a list, and would miss ours behind them. */
#define HPN_GUESS_NAMES	20
/* Lines of the memory, the oldest of which go first; and all of it. */
#define HPN_GUESS_KEYS	512
#define HPN_GUESS_BYTES	(64 * 1024)

/* Whether the list has the name. */
int hpn_guess_lists(const char *list);

/*
 * The list with the name as its last; returns 0 if that would be one too many,
 * or does not fit.  It comes after all others, since a Dropbear that reaches it
 * in its choice ends the connection.
 */
int hpn_guess_with(const char *list, char *out, size_t size);

/* Takes the name out of the list. */
void hpn_guess_strip(char *list);

/*
 * Whether the rule of two ends that list the name takes the guess: the lists are
 * the client's, the names what was chosen.
 */
int hpn_guess_chosen(const char *kexs, const char *kex, const char *hostkeys,
    const char *hostkey);

/* What the memory says of a fingerprint. */
enum hpn_guess_memory {
	HPN_GUESS_NEVER = -1,	/* a guess has broken a connection */
	HPN_GUESS_UNKNOWN = 0,
	HPN_GUESS_TAKEN = 1
};

enum hpn_guess_memory hpn_guess_recall(const char *text, const char *print);

/*
 * A new text in which this holds; what is no line of ours is dropped.  Returns 0
 * if it does not fit.  64 bytes more than the old text has are enough.
 */
int hpn_guess_learn(const char *text, const char *print,
    enum hpn_guess_memory, char *out, size_t size);

#endif /* HPN_GUESS_H */
