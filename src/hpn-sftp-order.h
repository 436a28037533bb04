/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-order: which files and directories begin when.  For hpn-sftp-job.c.
 */
#ifndef HPN_SFTP_ORDER_H
#define HPN_SFTP_ORDER_H

#include "hpn-sftp-node.h"

/* Begin and send what may begin and be sent now. */
void hpn_sftp_order_next(struct hpn_sftp_job *);

#endif /* HPN_SFTP_ORDER_H */
