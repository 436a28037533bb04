/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-handles: which handles the job has in each lane, until they are settled
 * (hpn-handles.h).  A node whose last handle is settled is told so by the way's
 * check_end().
 */
#ifndef HPN_SFTP_HANDLES_H
#define HPN_SFTP_HANDLES_H

#include "hpn-sftp-node.h"

/* A closing was answered. */
void hpn_sftp_handles_closed(struct hpn_sftp_job *, const struct request *);
/* A lane has ended, and what was open there with it. */
void hpn_sftp_handles_gone(struct hpn_sftp_job *, u_int lane);
/*
 * Nothing more can be found out about some handles: what waits for that ends,
 * except for this node.
 */
void hpn_sftp_handles_settle(struct hpn_sftp_job *, u_int lane,
    const struct node *except);
/* How many were open as the server did what it has answered, or more. */
u_int hpn_sftp_handles_held(const struct hpn_sftp_job *, u_int id);

#endif /* HPN_SFTP_HANDLES_H */
