/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-check: what is there compared with what should be, before a copy
 * goes on and after it.  For jobs that resume or verify; nothing else calls it.
 */
#ifndef HPN_SFTP_CHECK_H
#define HPN_SFTP_CHECK_H

#include "hpn-sftp-node.h"

/*
 * The file is open on both sides, the destination is as dest says, the source as
 * source says: find out what is to be done.  The way's checked() is called when
 * that is known, at once or later.
 */
void hpn_sftp_check_begin(struct hpn_sftp_job *, struct node *,
    const struct hpn_resume_file *source, const struct hpn_resume_file *dest);
/* Find out whether the server tells hashes, before it matters. */
void hpn_sftp_check_probe(struct hpn_sftp_job *, struct node *);
/* Whether the server will tell hashes of this file, as far as it is known. */
int hpn_sftp_check_hashes(const struct hpn_sftp_job *, const struct node *);
/* Ask what may be asked now. */
void hpn_sftp_check_send(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
/*
 * What is moved from n->begun on is to be compared as well, if the job wants
 * that.  Then, as it is read in order to be sent; when some of it has
 * arrived; and when all of it has, up to the offset end: the way's verified() is
 * called when that is over.
 */
void hpn_sftp_check_verify_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_verify_sent(struct node *, const u_char *, size_t len);
void hpn_sftp_check_verify_more(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_verify_end(struct hpn_sftp_job *, struct node *,
    u_int64_t end);
/*
 * The whole source was sent.  Whether it is what was sent still, though it was
 * written to since; only before n->check ends.
 */
int hpn_sftp_check_unchanged(const struct node *);
/* Ends n->check, which may be NULL. */
void hpn_sftp_check_free(struct node *);
/* What to say at the end of the job. */
void hpn_sftp_check_summary(struct hpn_sftp_job *);
/* The source is not what it was when the copy began. */
void hpn_sftp_check_changed(struct hpn_sftp_job *, struct node *);

#endif /* HPN_SFTP_CHECK_H */
