/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-get: a file or a set of fragments on an SFTP server becomes a stream.
 */
#ifndef HPN_DM_GET_H
#define HPN_DM_GET_H

struct hpn_dm_opts;

/*
 * Write the object to the sink.  For a set, this first checks that its
 * manifest is whole, and that each fragment is there with its size.  It
 * returns when all of the object was written and compared.  Otherwise the
 * program ends with a status of hpn-dm-child.h.
 */
void hpn_dm_get(const struct hpn_dm_opts *);

#endif /* HPN_DM_GET_H */
