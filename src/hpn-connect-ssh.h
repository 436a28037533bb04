/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect-ssh: what ssh calls to connect without waiting.  hpn-connect
 * decides; here is what it has to know, and what is done to the channel.
 */
#ifndef HPN_CONNECT_SSH_H
#define HPN_CONNECT_SSH_H

#include "hpn-connect.h"

struct ssh;
struct timespec;
struct sshkey;

/*
 * Whether this is a method of GSSAPI's and the user has nothing to use it with.
 * Of methods of others 0 is returned.
 */
int hpn_connect_ssh_hopeless(const char *method);

/*
 * hpn_connect_asks(), and hpn_connect_opens() and open(), of this connection.
 * seq: of the next packet.
 */
int hpn_connect_ssh_asks(const struct ssh *, const char *preferred,
    int (*usable)(const char *method, void *ctx));
int hpn_connect_ssh_opens(struct ssh *, uint32_t seq);

/*
 * Whether the only identity there is may sign without a question before: its
 * file needs no passphrase, and nobody is asked or told.  agent_fd: -1 if no
 * agent has it.
 */
int hpn_connect_ssh_signs(const struct sshkey *, int agent_fd,
    const char *filename);

/*
 * The opening of this channel was sent: its requests are next.  The server has
 * not said its number, which is 0.  Standard input and output stay as they were
 * until it has, for ssh may still end or be ended.
 */
void hpn_connect_ssh_opening(struct ssh *, int id);

/* The server has opened it.  Ends ssh if the requests went elsewhere. */
void hpn_connect_ssh_confirmed(struct ssh *, int id);

/* Authentication has succeeded.  Ends ssh if no session may be opened. */
void hpn_connect_ssh_authenticated(struct ssh *);

/*
 * Host keys that the server has to prove (UpdateHostKeys): on, it was asked; off, it
 * has answered.  A session that was opened early may end before the answer comes.
 */
void hpn_connect_ssh_wait(const struct ssh *, int on);

/*
 * The session is over: whether the answer is still waited for, which is two seconds
 * at most.  Where timeout is not NULL, it then becomes short.
 */
int hpn_connect_ssh_waits(struct timespec *timeout);

#endif /* HPN_CONNECT_SSH_H */
