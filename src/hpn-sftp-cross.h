/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-cross: what is done to a file or directory on its way from one server
 * to another (scp -3).
 *
 * The job's connection is the target's.  The source's server is lane HPN_SFTP_FROM
 * of it.  What is read there is written here as it comes.  Nothing is stored but
 * what is under way, and the job's window limits the sum of both halves: a write
 * that was acknowledged lets the next read go out.  So the slower half sets the
 * pace of the other, and memory has the bound that a copy from here has.
 */
#ifndef HPN_SFTP_CROSS_H
#define HPN_SFTP_CROSS_H

#include <sys/types.h>

#include "hpn-sftp-node.h"

extern const struct hpn_sftp_way hpn_sftp_cross;

/* The job begins to use the source's connection, and no longer does. */
void hpn_sftp_cross_begin(struct hpn_sftp_job *, struct hpn_sftp_conn *from);
void hpn_sftp_cross_end(struct hpn_sftp_job *);

/*
 * A request that moves no data was answered in this lane after so long.  Returns
 * how long a byte takes from one server to the other and back: 0: not known yet.
 */
u_int64_t hpn_sftp_cross_trip(struct hpn_sftp_job *, u_int lane,
    u_int64_t took_ns);

/*
 * Something was opened.  Ends the program if a server gives two open files one
 * handle: which one was read or written cannot be told.
 */
void hpn_sftp_cross_opened(struct hpn_sftp_job *);

/* How many handles both servers let us have open; 0: neither says. */
u_int64_t hpn_sftp_cross_handles(const struct hpn_sftp_job *);

#endif /* HPN_SFTP_CROSS_H */
