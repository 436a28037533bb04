/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-linked: names of one file stay names of one file, on the way up
 * (-X preserve=hardlinks).
 *
 * The first name that is begun is copied.  The others wait for it, and are then made
 * links to its copy (hardlink@openssh.com).  What cannot be linked is copied as a
 * file of its own.  SFTP tells no inode numbers: what comes from a server cannot be
 * known to be one file.
 */
#ifndef HPN_SFTP_LINKED_H
#define HPN_SFTP_LINKED_H

#include <sys/types.h>
#include <sys/stat.h>

struct hpn_sftp_job;
struct node;
struct request;
struct sshbuf;

/*
 * A local file is about to be begun.  0: it is to be copied.  1: it waits, or is
 * being linked; it begins again, or ends.
 */
int hpn_sftp_linked_begin(struct hpn_sftp_job *, struct node *);

/* It is not copied, as its destination has the same content: others may be links. */
void hpn_sftp_linked_there(struct hpn_sftp_job *, struct node *);

/* It was opened, and is this: another file may have taken its name. */
void hpn_sftp_linked_opened(struct hpn_sftp_job *, struct node *,
    const struct stat *);

/* ASK_TWIN or ASK_LINK was answered. */
void hpn_sftp_linked_answer(struct hpn_sftp_job *, struct request *,
    u_char type, struct sshbuf *);

/* The node ends: those that waited for it begin.  It may be any node. */
void hpn_sftp_linked_ended(struct hpn_sftp_job *, struct node *);

/* The job ends: say what was copied instead. */
void hpn_sftp_linked_end(struct hpn_sftp_job *);

#endif /* HPN_SFTP_LINKED_H */
