/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-job: files and trees over one SFTP connection, many at a time.
 *
 * Every file and directory is a small state machine.  It sends its next
 * request when the answer to its last one has come.  All of them share the
 * connection: one waits while others move.  Any SFTP server of version 3 can
 * be used (draft-ietf-secsh-filexfer-02).  We rely on one rule: requests for
 * the same file take effect in the order in which they were sent.
 *
 * Each file gets the same steps, order and messages as in OpenSSH's
 * sftp_upload(), sftp_download() and their _dir relatives.  A job names what
 * fails, and carries on with the rest.
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
#define HPN_SFTP_CROSS		0x100	/* from another server; hpn_sftp_job_cross() */
/* ... and those of hpn-resume.h, from 0x1000 on. */

/*
 * A new job with these flags.  hpn_sftp_job_run() does it.  Until then nothing
 * is sent.
 */
struct hpn_sftp_job *hpn_sftp_job_new(struct sftp_conn *, int flags);

/* The same from one server to another (scp -3). */
struct hpn_sftp_job *hpn_sftp_job_cross(struct sftp_conn *from,
    struct sftp_conn *to, int flags);

/*
 * Add the file `from`, or with tree non-zero the directory `from`, to become
 * `to`.  The names are copied.  If two files have the same destination, the
 * later one begins when the earlier one is done.  target: the destination as
 * the user wrote it, for the last line of a failed upload; NULL: no such line.
 */
void hpn_sftp_job_add(struct hpn_sftp_job *, const char *from,
    const char *to, const char *target, int tree);

/*
 * Do the job, and free it.  Returns 0 if everything was done, or -1 if
 * something failed or the user interrupted.  After an interrupt, it finishes
 * files whose data are at hand, and begins no others.  Without HPN_SFTP_LIST
 * this takes at most two seconds, and then the program has to end.
 */
int hpn_sftp_job_run(struct hpn_sftp_job *);

#endif /* HPN_SFTP_JOB_H */
