/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-spread: small files, each over one of several connections
 * (hpn-connections.h).  For hpn-sftp-order.c, hpn-sftp-put.c and hpn-sftp-get.c;
 * answers come from hpn-sftp-job.c.
 */
#ifndef HPN_SFTP_SPREAD_H
#define HPN_SFTP_SPREAD_H

#include "hpn-sftp-node.h"

/* Connections are made, if there is enough to do. */
void hpn_sftp_spread_grow(struct hpn_sftp_job *);
/* Nothing is under way, and nothing more can begin: no file waits for a connection. */
void hpn_sftp_spread_idle(struct hpn_sftp_job *);
/* Whether all go over one connection, and no other one is made. */
int hpn_sftp_spread_alone(const struct hpn_sftp_job *);
/*
 * Down: how many files count as open where another is to begin.  Each connection has a
 * server of its own, which bears so many.
 */
u_int hpn_sftp_spread_open(const struct hpn_sftp_job *);
/* What is to come of all others, of these bytes. */
u_int64_t hpn_sftp_spread_others(const struct hpn_sftp_job *, u_int64_t bytes);
/* Whether this file may begin: one that it may use has room. */
int hpn_sftp_spread_may(struct hpn_sftp_job *, struct node *);
/* Whether its data may be asked for, or sent, now. */
int hpn_sftp_spread_may_move(struct hpn_sftp_job *, struct node *);
/* It is about to be opened: where this and all that follows goes is chosen. */
void hpn_sftp_spread_begin(struct hpn_sftp_job *, struct node *);
/*
 * It was opened.  Non-zero: its data are to wait; the way's opened() is called when
 * they may begin.
 */
int hpn_sftp_spread_opened(struct hpn_sftp_job *, struct node *);
/*
 * Something was answered in a lane other than lane 0.  Non-zero: it was a refusal to
 * open the file, which was dealt with.  After any other refusal the file is to be
 * done again.
 */
int hpn_sftp_spread_refused(struct hpn_sftp_job *, const struct request *,
    u_char type, const struct sshbuf *);
void hpn_sftp_spread_answer(struct hpn_sftp_job *, struct request *,
    u_char type, struct sshbuf *);
/* A connection has ended: what it was copying is copied again. */
void hpn_sftp_spread_gone(struct hpn_sftp_job *, u_int lane);
/* No request of the node's is under way.  The job ends. */
void hpn_sftp_spread_forget(struct hpn_sftp_job *, struct node *);
void hpn_sftp_spread_end(struct hpn_sftp_job *);

#endif /* HPN_SFTP_SPREAD_H */
