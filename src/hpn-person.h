/* SPDX-License-Identifier: ISC */
/*
 * hpn-person: whether somebody had to help ssh to log in, with a passphrase, a
 * password, a PIN, a touch or a confirmation.
 *
 * A further connection (hpn-sftp-connections.h) would need the same help.  Without
 * it the server counts a login that has failed.  With an agent, somebody would be
 * asked each time.
 */
#ifndef HPN_PERSON_H
#define HPN_PERSON_H

#include <sys/types.h>

struct sshkey;

/* How somebody helped, in bits. */
#define HPN_PERSON_PASSPHRASE	0x01	/* of a key that no agent has */
#define HPN_PERSON_ANSWER	0x02	/* a password, or what the server asks */
#define HPN_PERSON_CONFIRM	0x04	/* a touch, a PIN, or a question of the agent */

/* This private key was read from its file, with a passphrase that is not empty. */
void hpn_person_unlocked(const struct sshkey *);

/* This key signs, without an agent. */
void hpn_person_signs(const struct sshkey *);

/* As ssh_agent_sign().  An agent that takes its time has asked somebody. */
int hpn_person_agent_sign(int fd, const struct sshkey *, u_char **sig,
    size_t *len, const u_char *data, size_t datalen, const char *alg,
    u_int compat);

/*
 * The server has answered what was tried.  asks: by a method that BatchMode has not.
 * counts: it has let us in, or a part of what it wants is done.
 */
void hpn_person_answered(int asks, int counts);

/* The server has let us in: how somebody helped; 0: nobody did. */
u_int hpn_person_helped(void);

#endif /* HPN_PERSON_H */
