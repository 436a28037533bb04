/* SPDX-License-Identifier: ISC */
/*
 * hpn-guess-ssh: what ssh calls to send its KEXINIT and a guess before the server
 * has said anything, and to connect once more where that was wrong.
 *
 * The memory of servers that take guesses lies beside the user's known_hosts
 * file (the first of UserKnownHostsFile), with SUFFIX.  No file, no guess.
 */
#ifndef HPN_GUESS_SSH_H
#define HPN_GUESS_SSH_H

#define HPN_GUESS_SSH_SUFFIX	".hpn-guess"

struct ssh;
struct sockaddr;
struct sshkey;

/*
 * There is a connection, and nothing was said.  Returns 1 if the key exchange is
 * to be set up now: its messages then go with the identification.
 */
int hpn_guess_ssh_begin(struct ssh *, char *host, struct sockaddr *,
    unsigned short port);

/* The lists of our first KEXINIT: makes them such that a guess can be right. */
void hpn_guess_ssh_propose(struct ssh *, char **proposal);

/*
 * Whether the key exchange, which is set up, waits for hpn_guess_ssh_finish().
 * That goes on with what verifies the host key.
 */
int hpn_guess_ssh_waits(int (*verify)(struct sshkey *, struct ssh *));

/*
 * The identifications were exchanged, or could not be (r).  Returns 1 when keys
 * were exchanged as well.  Returns 0 after it has connected once more: then all
 * begins anew, and hpn_guess_ssh_begin() returns 0.  Any other end is ssh's.
 */
int hpn_guess_ssh_finish(struct ssh *, int r, const char *host,
    struct sockaddr *, unsigned short port);

/* Authentication has succeeded: remember whether this server takes guesses. */
void hpn_guess_ssh_remember(struct ssh *);

#endif /* HPN_GUESS_SSH_H */
