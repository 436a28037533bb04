/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-save: the local file of a download, and how data get into it.  For
 * hpn-sftp-get.c.
 */
#ifndef HPN_SFTP_SAVE_H
#define HPN_SFTP_SAVE_H

#include "hpn-sftp-node.h"

/* Open it: 0, or -1, which was said. */
int hpn_sftp_save_open(struct hpn_sftp_job *, struct node *);
/* Close it without touching it further. */
void hpn_sftp_save_leave(struct node *);
/*
 * Write what has come for a request at its offset, or keep it until what precedes
 * it is there.
 */
void hpn_sftp_save_data(struct hpn_sftp_job *, struct node *, struct request *,
    const u_char *, size_t len);
/* Nothing more comes for a request: forget it, or keep it as well. */
void hpn_sftp_save_answered(struct node *, struct request *);
/* Write what waited; forget it. */
void hpn_sftp_save_release(struct hpn_sftp_job *, struct node *);
void hpn_sftp_save_drop(struct hpn_sftp_job *, struct node *);
/* The server says that the source ends at an offset, where data may be. */
void hpn_sftp_save_end(struct hpn_sftp_job *, struct node *, u_int64_t);

#endif /* HPN_SFTP_SAVE_H */
