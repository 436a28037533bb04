/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-conn: what our modules know of an SFTP connection of
 * sftp-client.c, and what was asked ahead of its use.
 *
 * Two questions need no round trip of their own: the attributes of a file
 * that the command line names are asked together with SSH_FXP_INIT (any
 * server takes its packets one after another), and the server's limits
 * together with whatever comes next.
 */
#ifndef HPN_SFTP_CONN_H
#define HPN_SFTP_CONN_H

#include <sys/types.h>

#include "openbsd-compat/sys-tree.h"

#include "hpn-sftp-lanes.h"

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
	int can_fsync, can_hash;	/* as the server announced */
	int hashes;			/* and it has: it answered with some */
	int said;			/* what it cannot do, to the user */
	int predictable;		/* OpenSSH's: its handles can be told */
	u_int64_t handles;		/* the server's limit; 0: unknown */
	u_int bears;			/* so many, as was seen; 0: not seen */
	int shares;			/* it gives two files one handle */
	int disorder;			/* it answers in another order */
	struct known_paths known;
	u_int nknown;
	size_t known_bytes;		/* of their paths */
};

/* Zeroed memory becomes a connection over these descriptors. */
void hpn_sftp_conn_init(struct hpn_sftp_conn *, int in, int out,
    u_int *next_id, u_int *download_buflen, u_int *upload_buflen,
    u_int buflen_wanted, u_int requests_wanted);

/*
 * The next connection will ask for the attributes of path (as SSH_FXP_STAT
 * gives them) as soon as it begins, by hpn_sftp_conn_begun().
 */
void hpn_sftp_conn_ask_early(const char *path);
void hpn_sftp_conn_begun(struct hpn_sftp_conn *);

/*
 * The server's version came, and whether it has limits@openssh.com.  Non-zero: it
 * has, and OpenSSH's own functions are to ask for the limits and wait for them
 * (HPNDisabled); otherwise they are asked for here, and not waited for.
 */
int hpn_sftp_conn_ready(struct hpn_sftp_conn *, int has_limits);

/*
 * Attributes that are known already: those asked early and, with listed
 * non-zero, what the directories of a glob said.  1: here they are; 0: not
 * known; -1: there is no such file, which was said unless quiet.
 */
int hpn_sftp_conn_known_stat(struct hpn_sftp_conn *, const char *path,
    int listed, int quiet, struct Attrib *);

/* A directory listing says that dir/name has these attributes. */
void hpn_sftp_conn_listed(struct hpn_sftp_conn *, const char *dir,
    const char *name, const struct Attrib *);

/* Forget what was listed; with all non-zero what was asked early, too. */
void hpn_sftp_conn_forget(struct hpn_sftp_conn *, int all);

#endif /* HPN_SFTP_CONN_H */
