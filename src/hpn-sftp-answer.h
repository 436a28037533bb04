/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-answer: reads the answers to a job's requests.  An answer of a wrong
 * type or a wrong format ends the program.
 */
#ifndef HPN_SFTP_ANSWER_H
#define HPN_SFTP_ANSWER_H

#include <sys/types.h>

#include "hpn-sftp-node.h"

/* The status. */
u_int hpn_sftp_answer_status(struct hpn_sftp_job *, u_char type,
    struct sshbuf *);
/* Whether what was asked of path was done: 0, or -1, and this says why not. */
int hpn_sftp_answer_done(struct hpn_sftp_job *, const char *what,
    const char *path, u_char type, struct sshbuf *);
/* Get the node's handle, or attributes.  Returns 0, or the status. */
u_int hpn_sftp_answer_handle(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *);
u_int hpn_sftp_answer_attrib(struct hpn_sftp_job *, u_char type,
    struct sshbuf *, Attrib *);
/* The handle of a file in a lane.  Returns 0, or -1: there is none. */
int hpn_sftp_answer_where(u_char type, struct sshbuf *, struct where *);
/* Data, within the answer, and their length.  NULL: a status came instead. */
const u_char *hpn_sftp_answer_data(struct hpn_sftp_job *, u_char type,
    struct sshbuf *, size_t *);
/* The same for a request that may get less, but not nothing.  NULL: the status. */
const u_char *hpn_sftp_answer_read(struct hpn_sftp_job *,
    const struct request *, u_char type, struct sshbuf *, size_t *,
    u_int *statusp);
/* The path, to be freed, or NULL and the status. */
char *hpn_sftp_answer_path(struct hpn_sftp_job *, u_char type, struct sshbuf *,
    u_int *statusp);

#endif /* HPN_SFTP_ANSWER_H */
