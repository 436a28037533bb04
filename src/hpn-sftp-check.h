/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-check: compares the destination with the source, before a copy
 * carries on and after it.  Only for jobs that resume or verify.
 */
#ifndef HPN_SFTP_CHECK_H
#define HPN_SFTP_CHECK_H

#include "hpn-sftp-node.h"

/*
 * The file is open on both sides.  source and dest have their sizes and times.
 * Find out what to do.  The way's checked() is called when that is known, at
 * once or later.
 */
void hpn_sftp_check_begin(struct hpn_sftp_job *, struct node *,
    const struct hpn_resume_file *source, const struct hpn_resume_file *dest);
/* Find out in advance whether the server gives hashes. */
void hpn_sftp_check_probe(struct hpn_sftp_job *, struct node *);
/* Whether the server will give hashes of this file, as far as we know. */
int hpn_sftp_check_hashes(const struct hpn_sftp_job *, const struct node *);
/* Ask what may be asked now. */
void hpn_sftp_check_send(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
/*
 * Compare what is moved from n->begun on, if the job wants that.
 *	_begin	before any byte is moved
 *	_sent	for each piece that was read to be sent
 *	_more	when some bytes have arrived
 *	_end	when all bytes up to the offset end have arrived; the way's
 *		verified() is called when the comparison is over
 */
void hpn_sftp_check_verify_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_verify_sent(struct node *, const u_char *, size_t len);
void hpn_sftp_check_verify_more(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_verify_end(struct hpn_sftp_job *, struct node *,
    u_int64_t end);
/*
 * The whole source was sent, and somebody has written to it since.  Whether it
 * still has the bytes that were sent.  Only before n->check ends.
 */
int hpn_sftp_check_unchanged(const struct node *);
/* Ends n->check, which may be NULL. */
void hpn_sftp_check_free(struct node *);
/* What to say at the end of the job. */
void hpn_sftp_check_summary(struct hpn_sftp_job *);
/* Report that the source changed since the copy began. */
void hpn_sftp_check_changed(struct hpn_sftp_job *, struct node *);

#endif /* HPN_SFTP_CHECK_H */
