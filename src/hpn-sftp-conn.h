/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-conn: what our modules know of an SFTP connection of
 * sftp-client.c, and what was asked ahead of its use.
 *
 * Two questions need no round trip of their own.  The client asks for the
 * attributes of a file on the command line together with SSH_FXP_INIT: any
 * server takes its packets one after another.  It asks for the server's limits
 * together with the next request.  hpn-sftp-early.h has a third one.
 */
#ifndef HPN_SFTP_CONN_H
#define HPN_SFTP_CONN_H

#include <sys/types.h>

#include "openbsd-compat/sys-tree.h"

#include "hpn-sftp-lanes.h"

struct hpn_sftp_early;
struct hpn_sftp_io;
struct Attrib;
struct known;
RB_HEAD(known_paths, known);

struct hpn_sftp_conn {
	struct hpn_sftp_io *io;
	struct hpn_sftp_lanes lanes;	/* the first of them is io */
	u_int *next_id;			/* sftp_conn's, as are the next two: */
	u_int *download_buflen;		/* bytes in a read request ... */
	u_int *upload_buflen;		/* ... and in a write request */
	u_int requests;			/* that the user wants; 0: no wish */
	int fixed_buflen;		/* the user wants these lengths */
	int can_fsync, can_hash, can_statvfs;	/* as the server announced */
	int can_link;			/* ... hardlink@openssh.com */
	int hashes;			/* it has answered with hashes */
	int said;			/* the user was told of what it lacks */
	int predictable;		/* OpenSSH's: its handles can be told */
	u_int64_t handles;		/* the server's limit; 0: unknown */
	u_int bears;			/* the limit that was seen; 0: none */
	int shares;			/* it gives two files one handle */
	int disorder;			/* it answers in another order */
	struct hpn_sftp_early *early;	/* a file being opened; NULL: none */
	struct known_paths known;
	u_int nknown;
	size_t known_bytes;		/* of their paths */
};

/* Zeroed memory becomes a connection over these descriptors. */
void hpn_sftp_conn_init(struct hpn_sftp_conn *, int in, int out,
    u_int *next_id, u_int *download_buflen, u_int *upload_buflen,
    u_int buflen_wanted, u_int requests_wanted);

/*
 * _ask_early: the next connection will ask for the attributes of path (as
 * SSH_FXP_STAT gives them).  _open_early: path is also the only file of a download,
 * and is opened if ssh can have that done (hpn-sftp-early.h).  _begun: it begins, and
 * asks.
 */
void hpn_sftp_conn_ask_early(const char *path);
void hpn_sftp_conn_open_early(void);
void hpn_sftp_conn_begun(struct hpn_sftp_conn *);

/*
 * A file is to be opened.  Returns 1 if it was opened early: *open, *data and
 * *sent_ns are as those of hpn_sftp_early_take().  Otherwise what was opened early
 * is closed.
 */
int hpn_sftp_conn_opened_early(struct hpn_sftp_conn *, const char *path,
    u_int *open, u_int *data, u_int64_t *sent_ns);
void hpn_sftp_conn_close_early(struct hpn_sftp_conn *);

/*
 * The server's version came.  has_limits: it has limits@openssh.com.  If so,
 * this asks for the limits without waiting, and returns 0.  With HPNDisabled
 * it returns non-zero: then OpenSSH's own functions have to ask and wait.
 */
int hpn_sftp_conn_ready(struct hpn_sftp_conn *, int has_limits);

/*
 * Get attributes that are known already: those asked early and, with listed
 * non-zero, those from the directories of a glob.  Returns
 *	1	the attributes are here
 *	0	they are not known
 *	-1	there is no such file; this was reported, unless quiet
 */
int hpn_sftp_conn_known_stat(struct hpn_sftp_conn *, const char *path,
    int listed, int quiet, struct Attrib *);

/* A directory listing says that dir/name has these attributes. */
void hpn_sftp_conn_listed(struct hpn_sftp_conn *, const char *dir,
    const char *name, const struct Attrib *);

/* Forget what was listed.  all non-zero: forget what was asked early, too. */
void hpn_sftp_conn_forget(struct hpn_sftp_conn *, int all);

#endif /* HPN_SFTP_CONN_H */
