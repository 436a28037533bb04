/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-open: files and directories are opened on the server: ahead of the
 * handle, or again where the server would not have so many open.  For
 * hpn-sftp-put.c and hpn-sftp-get.c.
 */
#ifndef HPN_SFTP_OPEN_H
#define HPN_SFTP_OPEN_H

#include "hpn-sftp-node.h"

/*
 * The job's only file was asked to be opened: whether more may be asked before
 * the answer, since the handle can be told; n->handle is that then.
 */
int hpn_sftp_open_ahead(struct hpn_sftp_job *, struct node *);
/* An answer to such a request has come first. */
void hpn_sftp_open_ahead_late(struct hpn_sftp_job *, struct node *);

/*
 * The answer to the opening of a file.  1: the handle is the one that was
 * guessed, all goes on; -1: nothing is open, it is to be opened again; 0: the
 * answer has to be dealt with, and nothing else is under way.
 */
int hpn_sftp_open_ahead_answer(struct hpn_sftp_job *, struct node *,
    u_char type, struct sshbuf *);

/*
 * The answer to the opening of a file or directory, which *counted counts among
 * those that are open: 0: it is; 1: it was refused and is worth another attempt,
 * which will be made by the way's open(); -1: it failed with this status.
 */
int hpn_sftp_open_answer(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *, u_int *counted, u_int *statusp);

#endif /* HPN_SFTP_OPEN_H */
