/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect-ssh: what ssh calls to connect without waiting.  hpn-connect
 * decides.  This collects the facts for it, and acts on the channel.
 */
#ifndef HPN_CONNECT_SSH_H
#define HPN_CONNECT_SSH_H

#include "hpn-connect.h"
#include "hpn-guess-ssh.h"
#include "hpn-watch-ssh.h"

struct ssh;
struct sshbuf;
struct timespec;
struct sshkey;
struct identity;
struct cauthctxt;

/*
 * Whether this is a GSSAPI method and the user has no credentials for it.
 * Returns 0 for any other method.
 */
int hpn_connect_ssh_hopeless(const char *method);

/* One of the identities, as far as it has to be known here. */
struct hpn_connect_key {
	struct identity *id;		/* sshconnect2.c's */
	const struct sshkey *key;	/* public; NULL: not read yet */
	const char *filename;
	int agent_fd;			/* -1: no agent has it */
	char *alg;			/* it would sign with; NULL: with none */
};

/* What sshconnect2.c does with them. */
extern const struct hpn_connect_keys {
	int (*usable)(const char *method, void *ctx);
	/* Make the list of identities */
	void (*prepare)(struct ssh *, struct cauthctxt *);
	/* The one after k->id, or the first; alg is the caller's.  0: no more. */
	int (*next)(struct ssh *, struct hpn_connect_key *k);
	/* Ask for it, or sign with it.  Returns 0 if nothing was sent. */
	int (*offer)(struct ssh *, struct identity *, int signs);
	/* Expect the answer; it is that to this one, or (NULL) is not wanted */
	void (*answer)(struct ssh *, struct identity *);
	/* Open the session with a signature */
	void (*session)(struct ssh *);
} hpn_connect_keys;

/*
 * The first key, asked for before it is known whether the server takes any.  With
 * IdentitiesOnly and one file that needs no passphrase, no touch and no agent,
 * ssh signs at once.
 *
 * _ext_info: a handler of packets; asks when it is known which server it is.
 * _asked: whether the next answer is that to "none".
 * _owed: FAILURE has come with these methods; whether an answer, which does not
 *   count, has to come before ssh goes on.
 * _stray: PK_OK has come; whether it does not count.
 * _answer: "publickey" is next.  Makes the list of identities.  Returns 1 if an
 *   answer is under way.
 */
int hpn_connect_ssh_ext_info(int type, u_int32_t seq, struct ssh *);
int hpn_connect_ssh_asked(void);
int hpn_connect_ssh_owed(const char *methods);
int hpn_connect_ssh_stray(void);
int hpn_connect_ssh_answer(struct ssh *);

/* In ssh.c: a session that does not wait for the end of authentication. */
void ssh_session2_early(struct ssh *);
/* A failure has come: that of the signature, if the one of "none" was answered. */
void ssh_session2_withdraw(struct ssh *);

/* hpn_connect_opens() and, if it says yes, hpn_connect_open(): of packet seq. */
int hpn_connect_ssh_opens(struct ssh *, uint32_t seq);

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
void hpn_connect_ssh_first(struct ssh *, int id, const struct sshbuf *command);

/* The server has opened it.  Ends ssh if the requests went elsewhere. */
void hpn_connect_ssh_confirmed(struct ssh *, int id);

/* Authentication has succeeded.  Ends ssh if no session may be opened. */
void hpn_connect_ssh_authenticated(struct ssh *);

/*
 * scp and sftp close their end when the server has answered everything: nothing
 * is to come that they wait for.  Returns 1 if ssh need not wait for the end of
 * such a session.  An exit status that is not known (-1) is 0 then.
 */
int hpn_connect_ssh_leaves(struct ssh *, int id, int *exit_status);

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
