/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-get: what is done to a file or directory on its way from the server.
 * hpn-sftp-job.c gives it to a job; nothing else names it.
 */
#ifndef HPN_SFTP_GET_H
#define HPN_SFTP_GET_H

#include "hpn-sftp-node.h"

extern const struct hpn_sftp_way hpn_sftp_get;

#endif /* HPN_SFTP_GET_H */
