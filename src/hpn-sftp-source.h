/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-source: a source that is on a server: what its files are, and the names
 * of its directories.  For hpn-sftp-get.c and hpn-sftp-cross.c, whose ways have the
 * members known, dir_known, verb, origin and listing.
 *
 * The server is not trusted.  A name that is not one component of a path is
 * refused.
 */
#ifndef HPN_SFTP_SOURCE_H
#define HPN_SFTP_SOURCE_H

#include "hpn-sftp-node.h"

/* Requests at a time for a file whose length is not known. */
#define HPN_SFTP_SOURCE_AHEAD	64
/* As in sftp-client.c */
#define HPN_SFTP_SOURCE_LEAST	512

/* What a way does with a node. */
void hpn_sftp_source_begin(struct hpn_sftp_job *, struct node *);
int hpn_sftp_source_may_begin(const struct hpn_sftp_job *);
int hpn_sftp_source_may_begin_dir(const struct hpn_sftp_job *);
void hpn_sftp_source_walk(struct hpn_sftp_job *);

/*
 * An answer of the source's server.  Returns 1, or 0: it is about the data of a
 * file, and the caller's to handle.
 */
int hpn_sftp_source_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);

/* Directory: open it.  _list: it is at the destination, its names are wanted. */
void hpn_sftp_source_open_dir(struct hpn_sftp_job *, struct node *);
void hpn_sftp_source_list(struct hpn_sftp_job *, struct node *);

/* File: how much to ask for next.  0: wait for what is under way. */
size_t hpn_sftp_source_len(const struct hpn_sftp_job *, const struct node *);
/* An answer about its data has been dealt with: ask for more. */
void hpn_sftp_source_go_on(struct hpn_sftp_job *, struct node *);
/* Its data ended here.  If that is too early, it fails, where jobs compare. */
void hpn_sftp_source_ended(struct hpn_sftp_job *, struct node *,
    u_int64_t end);
/* What it is now that its data have come.  Reports that it changed. */
void hpn_sftp_source_check(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *);

#endif /* HPN_SFTP_SOURCE_H */
