/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-line: the connection to the SFTP server.  If it breaks, dmscp connects
 * again, until the user's limit (-T) ends.  This file also shows the progress.
 */
#ifndef HPN_DM_LINE_H
#define HPN_DM_LINE_H

#include <sys/types.h>
#include <stdint.h>

#include "hpn-dm-wait.h"

struct hpn_dm_opts;
struct hpn_dm_sftp;

struct hpn_dm_line {
	const struct hpn_dm_opts *o;
	struct hpn_dm_sftp *sftp;	/* NULL: there is none */
	pid_t pid;
	struct hpn_dm_wait wait;
	uint64_t again_ns;		/* when to connect again */
	uint64_t connect_ns;		/* when that was last begun */
	uint64_t heard_ns;		/* when something came last */
	int was_ready;			/* there was a server, once */
	u_int losses;
	/* what was shown */
	uint64_t begun_ns, shown_ns, shown_bytes;
	double rate;
	int showing;
};

/* Connect.  Only this first connection may ask the user anything. */
void hpn_dm_line_begin(struct hpn_dm_line *, const struct hpn_dm_opts *);

/*
 * Connect again if that is due.  Returns the longest time to wait for input,
 * ms.
 */
int hpn_dm_line_due(struct hpn_dm_line *);

/*
 * Move what can be moved.  0: all is well.  1: the connection was lost, all
 * requests under way are gone, and dmscp will connect again.  Otherwise the
 * program ends.
 */
int hpn_dm_line_trip(struct hpn_dm_line *);

/*
 * Something was done that need not be done again.  Do not call this for less:
 * then a server that fails at each attempt would be tried for ever.
 */
void hpn_dm_line_worked(struct hpn_dm_line *);

/*
 * What the status of a path's attributes says: 1, it is there; 0, it is not.  With
 * any other status the program ends, and says why it cannot know.
 */
int hpn_dm_line_has(const struct hpn_dm_line *, const char *path, u_int status);

/* No more requests will be sent. */
void hpn_dm_line_end(struct hpn_dm_line *);

/* Show the progress, once a second.  size 0: unknown.  what: text behind it. */
void hpn_dm_line_show(struct hpn_dm_line *, uint64_t bytes, uint64_t size,
    const char *what, int last);
/* A message is about to be written. */
void hpn_dm_line_clear(struct hpn_dm_line *);

#endif /* HPN_DM_LINE_H */
