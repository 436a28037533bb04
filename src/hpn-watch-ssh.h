/* SPDX-License-Identifier: ISC */
/*
 * hpn-watch-ssh: what ssh does with the verdict, and sshd does not: asks the server
 * for its facts, writes HPNReportFile and Metrics, answers the escape and -O report.
 *
 * Nothing that goes wrong with a file touches the session.
 */
#ifndef HPN_WATCH_SSH_H
#define HPN_WATCH_SSH_H

#include <sys/types.h>

struct Channel;
struct hpn_options;
struct ssh;
struct sshbuf;

/* The user was authenticated.  The options stay the caller's. */
void hpn_watch_ssh_begin(struct ssh *, const struct hpn_options *);

/* The process is about to end, if it is that of the connection. */
void hpn_watch_ssh_over(void);

/* An escape: the sentence, as lines for a terminal. */
void hpn_watch_ssh_escape(struct ssh *, struct sshbuf *);

/* -O report, in the client and in the master of a shared connection. */
#define HPN_WATCH_SSH_COMMAND	0x4870	/* of SSHMUX_COMMAND_* */
#define HPN_WATCH_SSH_REQUEST	0x10004870	/* of MUX_C_* */
#define HPN_WATCH_SSH_REPLY	0x80004870	/* of MUX_S_* */
int hpn_watch_ssh_mux(struct ssh *, u_int rid, struct Channel *,
    struct sshbuf *request, struct sshbuf *reply);
/* Ends the process.  send and receive return 0 or -1, with errno. */
void hpn_watch_ssh_ask(int fd, int (*send)(int, struct sshbuf *),
    int (*receive)(int, struct sshbuf *)) __attribute__((noreturn));

#endif /* HPN_WATCH_SSH_H */
