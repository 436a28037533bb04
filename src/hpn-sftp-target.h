/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-target: a destination on a server: what is there, its directories, and
 * what follows the data of a file.  For hpn-sftp-put.c and hpn-sftp-cross.c, whose
 * ways have the members sets_size, close and dir_made.
 */
#ifndef HPN_SFTP_TARGET_H
#define HPN_SFTP_TARGET_H

#include "hpn-sftp-node.h"

struct hpn_wish_file;

/* A file below this is read before it is opened there. */
#define HPN_SFTP_TARGET_SMALL	(64 * 1024)

/*
 * Whether it must be known first what is there: then this asks, and ASK_STAT is
 * answered.  _looked takes that answer.  Returns 1: it is left as it is; 0: it is
 * to be copied; -1: that failed, and the file has ended.
 */
int hpn_sftp_target_look(struct hpn_sftp_job *, struct node *);
int hpn_sftp_target_looked(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *, const struct hpn_wish_file *source);

/* The source's attributes, as the file's are to be. */
void hpn_sftp_target_attributes(const struct hpn_sftp_job *,
    const struct node *, Attrib *);
/* Whether so much more may be written before what is under way is there. */
int hpn_sftp_target_may_lead(const struct hpn_sftp_job *, const struct node *,
    size_t len);
/* File: all data are there.  _send: send what may be sent after them. */
void hpn_sftp_target_tail(struct hpn_sftp_job *, struct node *);
void hpn_sftp_target_send(struct hpn_sftp_job *, struct node *);
/* The way's check_end. */
void hpn_sftp_target_check(struct hpn_sftp_job *, struct node *);

/* Directory: make it.  _done is the way's dir_done. */
void hpn_sftp_target_dir_make(struct hpn_sftp_job *, struct node *);
void hpn_sftp_target_dir_done(struct hpn_sftp_job *, struct node *);

/* An answer.  Returns 1, or 0: it is the caller's to handle. */
int hpn_sftp_target_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);

#endif /* HPN_SFTP_TARGET_H */
