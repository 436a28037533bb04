/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect-ssh: what ssh calls to connect without waiting.  hpn-connect
 * decides.  This collects the facts for it, and acts on the channel.
 */
#ifndef HPN_CONNECT_SSH_H
#define HPN_CONNECT_SSH_H

#include "hpn-connect.h"
#include "hpn-guess-ssh.h"

struct ssh;
struct sshbuf;
struct timespec;
struct sshkey;

/*
 * Whether this is a GSSAPI method and the user has no credentials for it.
 * Returns 0 for any other method.
 */
int hpn_connect_ssh_hopeless(const char *method);

/*
 * hpn_connect_asks() for this connection; hpn_connect_opens() and, if it says
 * yes, hpn_connect_open().  seq: of the next packet.
 */
int hpn_connect_ssh_asks(const struct ssh *, const char *preferred,
    int (*usable)(const char *method, void *ctx));
int hpn_connect_ssh_opens(struct ssh *, uint32_t seq);

/*
 * Whether ssh may sign with its only identity without asking the server first.
 * The file must need no passphrase, and the user need not confirm or touch
 * anything.  agent_fd: -1 if no agent has the key.
 */
int hpn_connect_ssh_signs(const struct sshkey *, int agent_fd,
    const char *filename);

/*
 * The opening of this channel was sent: a session's requests are next.  The
 * server has not told its channel number.  It will be 0.  Until it has, standard
 * input and output stay unchanged, because ssh may still end or be killed.
 */
void hpn_connect_ssh_opening(struct ssh *, int id);

/*
 * Its requests were sent as well.  What an SFTP client has for the server already
 * follows the subsystem's name (command): a server that copes has made the
 * window by then, which we learn later.
 */
void hpn_connect_ssh_opened(struct ssh *, int id, const struct sshbuf *command);

/* The server has opened it.  Ends ssh if the requests went elsewhere. */
void hpn_connect_ssh_confirmed(struct ssh *, int id);

/* Authentication has succeeded.  Ends ssh if no session may be opened. */
void hpn_connect_ssh_authenticated(struct ssh *);

/*
 * The server has to prove its host keys (UpdateHostKeys).  on: ssh has asked.
 * !on: the server has answered.  An early session may end before the answer
 * comes.
 */
void hpn_connect_ssh_wait(const struct ssh *, int on);

/*
 * The session is over: whether ssh still waits for that answer, at most two
 * seconds after the question.  If so, this shortens timeout, which may be NULL.
 */
int hpn_connect_ssh_waits(struct timespec *timeout);

#endif /* HPN_CONNECT_SSH_H */
