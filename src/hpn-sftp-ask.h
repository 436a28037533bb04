/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-ask: the requests of a job.  Each is one node's; the job's way gets the
 * answer (struct hpn_sftp_way), or hpn-sftp-check or hpn-sftp-stripe for what
 * they have asked.  Nothing is asked for while hpn_sftp_ask_may() says no, but
 * what ends something.
 */
#ifndef HPN_SFTP_ASK_H
#define HPN_SFTP_ASK_H

#include "hpn-sftp-node.h"

/* Whether a request may be sent for this many bytes of data, ... */
int hpn_sftp_ask_may(struct hpn_sftp_job *, size_t len);
/* ... and so many be written in this lane; alone: no other could take them. */
int hpn_sftp_ask_lane_may(const struct hpn_sftp_job *, u_int lane, size_t len,
    int alone);

void hpn_sftp_ask_path(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type, const char *path);
void hpn_sftp_ask_path_attrib(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type, const char *path, const Attrib *);
void hpn_sftp_ask_open(struct hpn_sftp_job *, struct node *, const char *path,
    u_int mode, const Attrib *);
void hpn_sftp_ask_handle(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type);
void hpn_sftp_ask_handle_attrib(struct hpn_sftp_job *, struct node *,
    const Attrib *);
void hpn_sftp_ask_truncate(struct hpn_sftp_job *, struct node *, enum ask,
    u_int64_t size);
void hpn_sftp_ask_fsync(struct hpn_sftp_job *, struct node *);
void hpn_sftp_ask_hash(struct hpn_sftp_job *, struct node *,
    const struct hpn_hash_range *);
/* A part of the file, not to keep. */
void hpn_sftp_ask_compare(struct hpn_sftp_job *, struct node *,
    u_int64_t offset, size_t len);
void hpn_sftp_ask_read(struct hpn_sftp_job *, struct node *, u_int64_t offset,
    size_t len);
void hpn_sftp_ask_read_again(struct hpn_sftp_job *, struct request *);
void hpn_sftp_ask_write(struct hpn_sftp_job *, struct node *,
    const struct where *, u_int64_t offset, const u_char *, size_t len);
/*
 * In a lane other than the connection's own: open it, what needs no more than its
 * handle there, and look at some of it.
 */
void hpn_sftp_ask_lane_open(struct hpn_sftp_job *, struct node *,
    const struct where *);
void hpn_sftp_ask_lane_handle(struct hpn_sftp_job *, struct node *,
    const struct where *, enum ask, u_char type);
void hpn_sftp_ask_lane_read(struct hpn_sftp_job *, struct node *,
    const struct where *, u_int64_t offset, size_t len);
/* A part that is not all that it should be yet, as ASK_HIDDEN. */
void hpn_sftp_ask_hidden(struct hpn_sftp_job *, struct node *, u_int64_t offset,
    const u_char *data, size_t len);

/* Answered, or not waited for any more. */
void hpn_sftp_ask_over(struct hpn_sftp_job *, const struct request *);

#endif /* HPN_SFTP_ASK_H */
