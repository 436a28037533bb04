/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-job: files and trees over one SFTP connection, many at a time.
 *
 * Every file and directory is a small machine that sends its next request
 * when the answer to its last one has come; all of them share the connection,
 * so that one waits while others move.  Any SFTP server of version 3 will do
 * (draft-ietf-secsh-filexfer-02): what is relied upon is that requests for
 * the same file take effect in the order in which they were sent.
 *
 * What is done to each file and in which order, and what is said when it
 * fails, is as in OpenSSH's sftp_upload(), sftp_download() and their _dir
 * relatives.  What fails is named, and the rest goes on.
 */
#ifndef HPN_SFTP_JOB_H
#define HPN_SFTP_JOB_H

struct sftp_conn;
struct hpn_sftp_job;

#define HPN_SFTP_UP		0x01	/* to the server; otherwise from it */
#define HPN_SFTP_PRESERVE	0x02	/* permissions and times */
#define HPN_SFTP_RESUME		0x04	/* go on with what is there */
#define HPN_SFTP_FSYNC		0x08
#define HPN_SFTP_INPLACE	0x10	/* do not truncate first */
#define HPN_SFTP_FOLLOW		0x20	/* symbolic links within trees */
#define HPN_SFTP_LIST		0x40	/* say which directory begins */
#define HPN_SFTP_QUIET		0x80	/* errors and warnings only */
/* ... and those of hpn-resume.h, from 0x1000 on. */

/*
 * A job with these flags.  To have it done, call hpn_sftp_job_run(); until
 * then nothing is sent.
 */
struct hpn_sftp_job *hpn_sftp_job_new(struct sftp_conn *, int flags);

/*
 * Add the file or, with tree non-zero, the directory from, to become to.  The
 * names are copied.  Of two with the same destination, the later one is
 * begun when the earlier one is done.  target: what the user called the
 * destination, for the line that closes a failed upload; NULL: there is none.
 */
void hpn_sftp_job_add(struct hpn_sftp_job *, const char *from,
    const char *to, const char *target, int tree);

/*
 * Do it, and free the job.  0 if everything was done; -1 if something failed
 * or the user interrupted.  Then files whose data are at hand are finished, and
 * no others begun; without HPN_SFTP_LIST that may not take two seconds, after
 * which the program has to end.
 */
int hpn_sftp_job_run(struct hpn_sftp_job *);

#endif /* HPN_SFTP_JOB_H */
