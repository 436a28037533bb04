/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-job: commands that dmscp runs at the server's end when a file or a
 * fragment is complete, or is to be read: one after another, each over an ssh of
 * its own.
 */
#ifndef HPN_DM_JOB_H
#define HPN_DM_JOB_H

#include <sys/types.h>
#include <stdint.h>

#include "openbsd-compat/sys-queue.h"

struct hpn_dm_opts;

struct hpn_dm_job {
	TAILQ_ENTRY(hpn_dm_job) list;
	char *command;
	uint64_t about;
};

struct hpn_dm_jobs {
	const struct hpn_dm_opts *o;
	TAILQ_HEAD(, hpn_dm_job) list;
	pid_t pid;		/* of the one that runs, or 0 */
};

void hpn_dm_job_begin(struct hpn_dm_jobs *, const struct hpn_dm_opts *);

/*
 * sh -c command sh name about size; in the background: nobody waits for it there.
 */
void hpn_dm_job_add(struct hpn_dm_jobs *, const char *command, int background,
    const char *name, uint64_t about, uint64_t size);

/*
 * Start the next one, and see what became of the one that runs.  Returns `about' of
 * one that has ended well just now, or 0.  One that fails ends the program with its
 * status.  It reads nothing, and what it writes goes to our standard error.
 */
uint64_t hpn_dm_job_step(struct hpn_dm_jobs *);

/* None runs, or is to. */
int hpn_dm_job_idle(const struct hpn_dm_jobs *);
int hpn_dm_job_runs(const struct hpn_dm_jobs *);

#endif /* HPN_DM_JOB_H */
