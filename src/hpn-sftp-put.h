/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-put: what is done to a file or directory on its way to the server.
 * hpn-sftp-job.c gives it to a job; nothing else names it.
 */
#ifndef HPN_SFTP_PUT_H
#define HPN_SFTP_PUT_H

#include "hpn-sftp-node.h"

extern const struct hpn_sftp_way hpn_sftp_put;

#endif /* HPN_SFTP_PUT_H */
