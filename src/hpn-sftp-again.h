/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-again: files and directories that are done a second time, because
 * the server gave one handle to two of them.  For put, get, order and job.
 */
#ifndef HPN_SFTP_AGAIN_H
#define HPN_SFTP_AGAIN_H

#include "hpn-sftp-node.h"

/* An opening was answered.  Call this first: it looks at the handle. */
void hpn_sftp_again_opened(struct hpn_sftp_job *, const struct request *,
    u_char type, struct sshbuf *);
/* _answer: any answer for a node to be done again.  _check: was it the last? */
void hpn_sftp_again_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
/* The answer is of no use, or will not come: the node does not count it any more. */
void hpn_sftp_again_uncount(struct node *, struct request *);
void hpn_sftp_again_check(struct hpn_sftp_job *, struct node *);
/* File: end it if nothing of it is under way or open, and it is not done again. */
void hpn_sftp_again_end(struct hpn_sftp_job *, struct node *);
/* Begin the node again for another reason than a shared handle. */
void hpn_sftp_again_do(struct hpn_sftp_job *, struct node *);
/* Whether it has to wait: something else is open and may share its handle. */
int hpn_sftp_again_wait(struct hpn_sftp_job *, struct node *);
/* Nothing else is open: begin it. */
void hpn_sftp_again_begin(struct hpn_sftp_job *, struct node *);
/*
 * The job was interrupted: what waits to be begun again fails, unless a late
 * answer may still ask for its handle.  Call it again after such an answer.
 */
void hpn_sftp_again_drop_all(struct hpn_sftp_job *);
/*
 * A directory is read again.  _listed: 1 if the destination `to` is under way
 * already.  _list_end: there are no more names.
 */
int hpn_sftp_again_listed(struct hpn_sftp_job *, struct node *, const char *to);
void hpn_sftp_again_list_end(struct hpn_sftp_job *, struct node *);

#endif /* HPN_SFTP_AGAIN_H */
