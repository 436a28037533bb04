/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-ask: the requests of a job.  Each request belongs to one node.  The
 * job's way gets the answer (struct hpn_sftp_way).  hpn-sftp-check and
 * hpn-sftp-stripe get the answers to their own requests.  While
 * hpn_sftp_ask_may() says no, send only requests that end something.
 */
#ifndef HPN_SFTP_ASK_H
#define HPN_SFTP_ASK_H

#include "hpn-sftp-node.h"

/* Whether a request for len bytes of data may be sent now. */
int hpn_sftp_ask_may(struct hpn_sftp_job *, size_t len);
/* The same for a write in this lane.  alone: no other lane could take it. */
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
/* Read a part of the file, to compare it and not to keep it. */
void hpn_sftp_ask_compare(struct hpn_sftp_job *, struct node *,
    u_int64_t offset, size_t len);
void hpn_sftp_ask_read(struct hpn_sftp_job *, struct node *,
    const struct where *, u_int64_t offset, size_t len);
/*
 * A file was opened, and its first len bytes were asked for, before there was a job:
 * these requests, with these ids, are now the node's.
 */
void hpn_sftp_ask_begun(struct hpn_sftp_job *, struct node *, u_int open,
    u_int data, size_t len, u_int64_t sent_ns);
void hpn_sftp_ask_read_again(struct hpn_sftp_job *, struct request *);
void hpn_sftp_ask_write(struct hpn_sftp_job *, struct node *,
    const struct where *, u_int64_t offset, const u_char *, size_t len);
void hpn_sftp_ask_write_again(struct hpn_sftp_job *, struct request *,
    const u_char *);
/*
 * Of the source, on a server.  If that is another one than the target's
 * (hpn-sftp-cross.c): open the file; hash a part of it, or read it, to compare it
 * with len bytes of what came from the target, which become the request's `held`.
 */
void hpn_sftp_ask_from_path(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type, const char *path);
void hpn_sftp_ask_from_open(struct hpn_sftp_job *, struct node *);
void hpn_sftp_ask_from_hash(struct hpn_sftp_job *, struct node *,
    const struct hpn_hash_range *, const u_char *held, size_t len);
void hpn_sftp_ask_from_compare(struct hpn_sftp_job *, struct node *,
    u_int64_t offset, const u_char *held, size_t len);
/* Make the node's destination a link to a file (hardlink@openssh.com). */
void hpn_sftp_ask_link(struct hpn_sftp_job *, struct node *, const char *to);
/* How much space there is where the node goes (statvfs@openssh.com). */
void hpn_sftp_ask_space(struct hpn_sftp_job *, struct node *);
/*
 * In a lane other than lane 0: open the file; send a request that needs only
 * the handle there; set its attributes; read a part of the file.  Where NULL is
 * given, by its own handle.
 */
void hpn_sftp_ask_lane_open(struct hpn_sftp_job *, struct node *,
    const struct where *);
void hpn_sftp_ask_lane_handle(struct hpn_sftp_job *, struct node *,
    const struct where *, enum ask, u_char type);
void hpn_sftp_ask_lane_attrib(struct hpn_sftp_job *, struct node *,
    const struct where *, enum ask, const Attrib *);
void hpn_sftp_ask_lane_read(struct hpn_sftp_job *, struct node *,
    const struct where *, enum ask, u_int64_t offset, size_t len);
/* Write a part in which some pages are zeros for now (ASK_HIDDEN). */
void hpn_sftp_ask_hidden(struct hpn_sftp_job *, struct node *, u_int64_t offset,
    const u_char *data, size_t len);
/* A part that another lane is to read, as ASK_LANE_SHOW. */
void hpn_sftp_ask_show(struct hpn_sftp_job *, struct node *,
    const struct where *, u_int64_t offset, const u_char *data, size_t len);

/* The request was answered, or nobody waits for its answer any more. */
void hpn_sftp_ask_over(struct hpn_sftp_job *, const struct request *);
/*
 * Take the next request in a lane, of this node or with NULL of any, from those
 * under way: its answer will not come.  *atp is 0 at first.  It is the caller's to
 * free, or to send again elsewhere.  NULL: there are no more.
 */
struct request *hpn_sftp_ask_lost(struct hpn_sftp_job *, const struct node *,
    u_int lane, u_int *atp);

#endif /* HPN_SFTP_ASK_H */
