/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-full: no space at the destination, and -X nospace=wait.
 *
 * Up, a write that may have found no space is kept.  If the server can tell its
 * free space, it is asked.  After a while one write is sent again, and when that
 * succeeds all the others are.  Meanwhile no data are sent, and no file is begun.
 * Down, the program waits where it writes.  How long and how often is
 * hpn-dm-wait's to say.
 */
#ifndef HPN_SFTP_FULL_H
#define HPN_SFTP_FULL_H

#include "hpn-sftp-node.h"

/*
 * Up: a write was refused with this status.  1: it is kept, and the caller leaves
 * it alone; 0: it has failed.
 */
int hpn_sftp_full_kept(struct hpn_sftp_job *, struct node *, struct request *,
    u_int status);
/* It has failed: whether that was for want of space decides the exit status. */
void hpn_sftp_full_lacked(const struct node *, u_int status);
/* ... or succeeded. */
void hpn_sftp_full_wrote(struct hpn_sftp_job *, const struct request *);
/* The server told its free space (ASK_SPACE). */
void hpn_sftp_full_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
/* Do what is due.  How long nothing will be, ms; -1: nothing waits for time. */
int hpn_sftp_full_next(struct hpn_sftp_job *);
/* A node is begun again, or ends. */
void hpn_sftp_full_forget(struct hpn_sftp_job *, struct node *);

/*
 * Down: what was tried with path failed with errno.  1: it may be tried again, now;
 * 0: it has failed.
 */
int hpn_sftp_full_wait(struct hpn_sftp_job *, const char *path);
/* ... or succeeded. */
void hpn_sftp_full_worked(struct hpn_sftp_job *);

#endif /* HPN_SFTP_FULL_H */
