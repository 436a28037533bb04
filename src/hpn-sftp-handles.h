/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-handles: which handles the job has in each lane, until they are
 * settled (hpn-handles.h).  When a node's last handle is settled, the way's
 * check_end() is called.
 */
#ifndef HPN_SFTP_HANDLES_H
#define HPN_SFTP_HANDLES_H

#include "hpn-sftp-node.h"

/* A closing was answered. */
void hpn_sftp_handles_closed(struct hpn_sftp_job *, const struct request *);
/* A lane has ended, and what was open there with it. */
void hpn_sftp_handles_gone(struct hpn_sftp_job *, u_int lane);
/*
 * Some handles may be settled now: end the nodes that waited for that, except
 * for this one.
 */
void hpn_sftp_handles_settle(struct hpn_sftp_job *, u_int lane,
    const struct node *except);
/* At most how many were open when the server handled the request id. */
u_int hpn_sftp_handles_held(const struct hpn_sftp_job *, u_int id);

#endif /* HPN_SFTP_HANDLES_H */
