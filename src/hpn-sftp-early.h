/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-early: the opening of one file, and the first request for its data,
 * which leave together with SSH_FXP_INIT (open-regular@openssh-hpn, PROTOCOL.hpn,
 * section 6.2).
 *
 * scp knows the server's extensions only by its first answer.  ssh knows earlier
 * whether the server has this one, because sshd says so.  So ssh gets the requests
 * apart from the others, and sends them only to such a server.
 *
 *	begin	ssh has the requests
 *	begun	ssh has said whether it has sent them
 *	take	the file was opened: the job goes on with its requests
 *	drop	nobody wants it: what was opened is closed again
 *
 * Memory: the two answers, until they are taken or dropped.
 */
#ifndef HPN_SFTP_EARLY_H
#define HPN_SFTP_EARLY_H

#include <sys/types.h>
#include <stdint.h>

struct hpn_sftp_early;
struct hpn_sftp_io;
struct hpn_sftp_lanes;

/* Bytes of data that are asked for: as many as OpenSSH's server gives at once. */
#define HPN_SFTP_EARLY_DATA	(255 * 1024)
/* The handle of the server's first file, which the request for data names. */
#define HPN_SFTP_EARLY_HANDLE	"\0\0\0\0"
#define HPN_SFTP_EARLY_HANDLE_LEN	4

/*
 * Offer the requests for path to ssh.  *next_id is the id of the next request.
 * Returns NULL if ssh takes none.
 */
struct hpn_sftp_early *hpn_sftp_early_begin(struct hpn_sftp_lanes *,
    struct hpn_sftp_io *, u_int *next_id, const char *path);

/*
 * The server's version has come.  Whether the requests were sent.  If not, the
 * caller drops this.
 */
int hpn_sftp_early_begun(struct hpn_sftp_early *, struct hpn_sftp_lanes *);

/* Whether it is this file, and not known to be refused. */
int hpn_sftp_early_is(const struct hpn_sftp_early *, const char *path);

/*
 * Non-zero while no answer has come.  The opening's comes first, unless the server
 * does not answer it at all.
 */
const int *hpn_sftp_early_waits(const struct hpn_sftp_early *);

/*
 * One has come: whether the file is open, with the handle above.  If so, both
 * answers are the job's: hpn_sftp_io_get() returns them (again), as answers to *open
 * and *data, which were sent at *sent_ns.  This frees it then.
 */
int hpn_sftp_early_take(struct hpn_sftp_early *, u_int *open, u_int *data,
    u_int64_t *sent_ns);

/* It is not wanted.  Frees it, as soon as its answers have come. */
void hpn_sftp_early_drop(struct hpn_sftp_early *);

#endif /* HPN_SFTP_EARLY_H */
