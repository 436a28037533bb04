/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-gather: the data of a large file on their way down over several
 * connections (hpn-connections.h).  For hpn-sftp-get.c; answers come from
 * hpn-sftp-job.c.
 */
#ifndef HPN_SFTP_GATHER_H
#define HPN_SFTP_GATHER_H

#include "hpn-sftp-node.h"

/* Its data begin: they are asked for over several if that is wanted. */
void hpn_sftp_gather_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_gather_more(struct hpn_sftp_job *, struct node *);
/* The lane for the next len bytes; -1: none has room. */
int hpn_sftp_gather_pick(struct hpn_sftp_job *, struct node *, size_t len);
/* Its handle in one of them, but 0. */
const struct where *hpn_sftp_gather_where(const struct node *, u_int lane);
/*
 * A lane has refused a READ, or says that the file ends there: the first one is asked,
 * which knows.  Returns whether it was.
 */
int hpn_sftp_gather_refused(struct hpn_sftp_job *, struct request *);
/* Have others close it: nothing more is asked for. */
void hpn_sftp_gather_close(struct hpn_sftp_job *, struct node *);
/* No request of the node's is under way. */
void hpn_sftp_gather_free(struct hpn_sftp_job *, struct node *);
void hpn_sftp_gather_answer(struct hpn_sftp_job *, struct request *,
    u_char type, struct sshbuf *);
/* A lane has ended: what it owes is asked for over the first connection. */
void hpn_sftp_gather_gone(struct hpn_sftp_job *, u_int lane);

#endif /* HPN_SFTP_GATHER_H */
