/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-get: a file or a set of fragments on an SFTP server becomes a stream.
 */
#ifndef HPN_DM_GET_H
#define HPN_DM_GET_H

struct hpn_dm_opts;

/*
 * Write the object to the sink.  Of a set nothing is written before its manifest
 * was found whole and each fragment to be there with its size.  Returns when all of
 * it was written and compared; otherwise the program ends with a status of
 * hpn-dm-child.h.
 */
void hpn_dm_get(const struct hpn_dm_opts *);

#endif /* HPN_DM_GET_H */
