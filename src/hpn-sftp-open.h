/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-open: opens files and directories on the server.  It may use a
 * guessed handle before the answer comes.  It opens again what a server
 * refused because too much was open.  For hpn-sftp-put.c and hpn-sftp-get.c.
 */
#ifndef HPN_SFTP_OPEN_H
#define HPN_SFTP_OPEN_H

#include "hpn-sftp-node.h"

/*
 * The client has asked to open the job's only file.  Whether it may send more
 * requests before the answer, with a guessed handle.  Then n->handle has the
 * guess.
 */
int hpn_sftp_open_ahead(struct hpn_sftp_job *, struct node *);
/*
 * A file is to be opened.  Whether it was opened before, together with the first
 * requests of the connection.  If so, it is as after hpn_sftp_open_ahead(), and data
 * up to n->next were asked for.  If not, nothing of it stays open.
 */
int hpn_sftp_open_early(struct hpn_sftp_job *, struct node *);
/* Another answer came before that to the opening. */
void hpn_sftp_open_ahead_late(struct hpn_sftp_job *, struct node *);

/*
 * The answer to the opening of a file.  Returns
 *	1	the guess was right: go on
 *	0	handle the answer; no other request is under way
 *	-1	nothing is open: open it again
 */
int hpn_sftp_open_ahead_answer(struct hpn_sftp_job *, struct node *,
    u_char type, struct sshbuf *);

/*
 * The answer to the opening of a file or directory.  *counted is the counter
 * of open ones that includes it.  Returns
 *	0	it is open
 *	1	it was refused; the way's open() will be called again
 *	-1	it failed with *statusp
 */
int hpn_sftp_open_answer(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *, u_int *counted, u_int *statusp);

#endif /* HPN_SFTP_OPEN_H */
