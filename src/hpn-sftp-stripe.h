/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-stripe: sends the data of a large file through several lanes
 * (hpn-lanes.h).  For hpn-sftp-put.c.  Answers come from hpn-sftp-job.c.
 */
#ifndef HPN_SFTP_STRIPE_H
#define HPN_SFTP_STRIPE_H

#include "hpn-sftp-node.h"

/*
 * _begin: the file's data begin.  Use several lanes if that is worth it.
 * _more: have lanes that have come since open the file.
 */
void hpn_sftp_stripe_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_more(struct hpn_sftp_job *, struct node *);
/*
 * _pick: the lane for the next len bytes.  _last: the lane for the last bytes
 * of the file.  -1: no lane has room, or the bytes must wait.
 */
int hpn_sftp_stripe_pick(struct hpn_sftp_job *, struct node *, size_t len);
int hpn_sftp_stripe_last(struct hpn_sftp_job *, struct node *);
/* As hpn_sftp_ask_may(), for data of a file that several lanes may send. */
int hpn_sftp_stripe_may(struct hpn_sftp_job *, const struct node *, size_t len);
/* How long the next piece is, of most at most: only a short one waits for all. */
size_t hpn_sftp_stripe_len(const struct hpn_sftp_job *, const struct node *,
    size_t most);
/* The file's handle in a lane other than lane 0. */
const struct where *hpn_sftp_stripe_where(const struct node *, u_int lane);
/* Whether other lanes sent parts of it. */
int hpn_sftp_stripe_was(const struct node *);
/*
 * Have the other lanes close the file.  Non-zero: wait for those that have
 * written to it.  Then the way's drained() is called.
 */
int hpn_sftp_stripe_close(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_free(struct hpn_sftp_job *, struct node *);
/* A part that one of them was asked to write was acknowledged. */
void hpn_sftp_stripe_wrote(struct hpn_sftp_job *, struct node *,
    const struct request *);
/*
 * Write again what a connection may have taken with it.  Non-zero: nothing else is
 * to be sent for the file now.
 */
int hpn_sftp_stripe_again(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_answer(struct hpn_sftp_job *, struct request *,
    u_char type, struct sshbuf *);
/* A lane has ended.  -1: we cannot know whether its data arrived; else 0. */
int hpn_sftp_stripe_gone(struct hpn_sftp_job *, u_int lane);

#endif /* HPN_SFTP_STRIPE_H */
