/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-stripe: the data of a large file on their way up through several lanes
 * (hpn-lanes.h).  For hpn-sftp-put.c; answers come from hpn-sftp-job.c.
 */
#ifndef HPN_SFTP_STRIPE_H
#define HPN_SFTP_STRIPE_H

#include "hpn-sftp-node.h"

/*
 * Its data begin: they are sent through several lanes if that is worth it.  Have
 * other lanes open it, as they come.
 */
void hpn_sftp_stripe_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_more(struct hpn_sftp_job *, struct node *);
/*
 * The lane for the next len bytes, and for those that turn out to be the last;
 * -1: none has room, or they must wait.
 */
int hpn_sftp_stripe_pick(struct hpn_sftp_job *, struct node *, size_t len);
int hpn_sftp_stripe_last(struct hpn_sftp_job *, struct node *);
/* Its handle in one of them, but 0. */
const struct where *hpn_sftp_stripe_where(const struct node *, u_int lane);
/* Whether other lanes had a share in it. */
int hpn_sftp_stripe_was(const struct node *);
/*
 * Have them close it.  Non-zero: wait for those that have written to it; then the
 * way's drained() is called.
 */
int hpn_sftp_stripe_close(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_free(struct node *);
void hpn_sftp_stripe_answer(struct hpn_sftp_job *, struct request *,
    u_char type, struct sshbuf *);
/* A lane has ended.  0, or -1: with it what nobody knows the fate of. */
int hpn_sftp_stripe_gone(struct hpn_sftp_job *, u_int lane);

#endif /* HPN_SFTP_STRIPE_H */
