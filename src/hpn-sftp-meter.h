/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-meter: the progress meter of a job: a line for its only file, or one
 * for all of them.  All files of the group may call it.
 */
#ifndef HPN_SFTP_METER_H
#define HPN_SFTP_METER_H

#include "hpn-sftp-node.h"

/* _begin: one line for the whole job.  _label: update its text. */
void hpn_sftp_meter_begin(struct hpn_sftp_job *);
void hpn_sftp_meter_label(struct hpn_sftp_job *, int force);
/* An error is about to be written: leave the meter's line. */
void hpn_sftp_meter_break(struct hpn_sftp_job *);
/* The same for a word in between: the meter goes on below it. */
void hpn_sftp_meter_line(const struct hpn_sftp_job *);
/* The only file of a job begins to move its data, from byte on. */
void hpn_sftp_meter_file(struct hpn_sftp_job *, struct node *, const char *path,
    off_t size, u_int64_t from);

#endif /* HPN_SFTP_METER_H */
