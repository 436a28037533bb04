/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-order: what is begun when.  For hpn-sftp-job.c.
 */
#ifndef HPN_SFTP_ORDER_H
#define HPN_SFTP_ORDER_H

#include "hpn-sftp-node.h"

/* Begin and send what may be now. */
void hpn_sftp_order_next(struct hpn_sftp_job *);

#endif /* HPN_SFTP_ORDER_H */
