/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-again: what is done a second time, since the server did not keep what
 * was open apart.  For put, get, order and job.
 */
#ifndef HPN_SFTP_AGAIN_H
#define HPN_SFTP_AGAIN_H

#include "hpn-sftp-node.h"

/* The answer to an opening: what it says about handles, before all else. */
void hpn_sftp_again_opened(struct hpn_sftp_job *, const struct request *,
    u_char type, struct sshbuf *);
/* Any answer for a node that is to be done again, and whether that was the last. */
void hpn_sftp_again_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
void hpn_sftp_again_check(struct hpn_sftp_job *, struct node *);
/* It is to be begun again for another reason. */
void hpn_sftp_again_do(struct hpn_sftp_job *, struct node *);
/* Whether it waits, since something else is open and may share its handle. */
int hpn_sftp_again_wait(struct hpn_sftp_job *, struct node *);
/* Nothing else is open: begin it. */
void hpn_sftp_again_begin(struct hpn_sftp_job *, struct node *);
/*
 * The job was interrupted: what waits to be begun again fails, unless a late
 * answer may still ask for its handle.  Call it again after such an answer.
 */
void hpn_sftp_again_drop_all(struct hpn_sftp_job *);
/* Names of the directory: 1: this one is under way already.  That was all. */
int hpn_sftp_again_listed(struct hpn_sftp_job *, struct node *, const char *to);
void hpn_sftp_again_list_end(struct hpn_sftp_job *, struct node *);

#endif /* HPN_SFTP_AGAIN_H */
