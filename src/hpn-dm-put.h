/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-put: a stream becomes a file or a set of fragments on an SFTP server.
 */
#ifndef HPN_DM_PUT_H
#define HPN_DM_PUT_H

struct hpn_dm_opts;

/*
 * Read the source to its end and write it.  This returns when all of it has
 * arrived, was compared, and has its name.  Otherwise the program ends with a
 * status of hpn-dm-child.h.
 */
void hpn_dm_put(const struct hpn_dm_opts *);

#endif /* HPN_DM_PUT_H */
