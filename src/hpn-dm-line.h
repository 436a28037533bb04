/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-line: the connection to the SFTP server, which is made again when it
 * breaks, for as long as the user's limit (-T) lasts.  And the line that shows how
 * far things are.
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
	uint64_t heard_ns;		/* when something came last */
	int was_ready;			/* there was a server, once */
	u_int losses;
	/* what was shown */
	uint64_t begun_ns, shown_ns, shown_bytes;
	double rate;
	int showing;
};

/* Connect; nobody is asked anything after the first time. */
void hpn_dm_line_begin(struct hpn_dm_line *, const struct hpn_dm_opts *);

/*
 * Connect again if that is due.  Returns how long to wait at most for what comes,
 * ms.
 */
int hpn_dm_line_due(struct hpn_dm_line *);

/*
 * Move what can be moved.  1: the connection was lost, and is made again; what was
 * under way is gone.  0: all is well.  Otherwise the program ends.
 */
int hpn_dm_line_trip(struct hpn_dm_line *);

/*
 * Something was done that need not be done again.  Less is no progress: a server
 * that ends at each attempt would be tried for ever.
 */
void hpn_dm_line_worked(struct hpn_dm_line *);

/* No more will be asked. */
void hpn_dm_line_end(struct hpn_dm_line *);

/* Show how far it is, once a second; size 0: not known; what: behind it. */
void hpn_dm_line_show(struct hpn_dm_line *, uint64_t bytes, uint64_t size,
    const char *what, int last);
/* A message is about to be written. */
void hpn_dm_line_clear(struct hpn_dm_line *);

#endif /* HPN_DM_LINE_H */
