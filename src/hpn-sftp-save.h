/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-save: the local file of a download, and how data get into it.  For
 * hpn-sftp-get.c.
 */
#ifndef HPN_SFTP_SAVE_H
#define HPN_SFTP_SAVE_H

#include "hpn-sftp-node.h"

/* Open it.  Returns 0, or -1 after it has reported the error. */
int hpn_sftp_save_open(struct hpn_sftp_job *, struct node *);
/* Close it without any further change. */
void hpn_sftp_save_leave(struct node *);
/*
 * Write the data of a request at their offset, or keep them until the data
 * before them have come.
 */
void hpn_sftp_save_data(struct hpn_sftp_job *, struct node *, struct request *,
    const u_char *, size_t len);
/* Nothing more comes for a request: forget it, or keep it as well. */
void hpn_sftp_save_answered(struct node *, struct request *);
/* _release: write the data that were kept.  _drop: forget them. */
void hpn_sftp_save_release(struct hpn_sftp_job *, struct node *);
void hpn_sftp_save_drop(struct hpn_sftp_job *, struct node *);
/*
 * The server says that the source ends at this offset.  Data beyond it may have
 * come.
 */
void hpn_sftp_save_end(struct hpn_sftp_job *, struct node *, u_int64_t);

#endif /* HPN_SFTP_SAVE_H */
