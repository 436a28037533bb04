/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-meter.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "atomicio.h"
#include "log.h"
#include "misc.h"
#include "progressmeter.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"

extern int showprogress;

/* The job's line is composed so often at most. */
#define LABEL_NS	200000000ULL

void
hpn_sftp_meter_label(struct hpn_sftp_job *job, int force)
{
	u_int64_t now = hpn_clock_ns();
	off_t total = job->all_bytes;
	int more;

	if (!force && now - job->label_ns < LABEL_NS)
		return;
	job->label_ns = now;
	more = !TAILQ_EMPTY(&job->walking) || !TAILQ_EMPTY(&job->dirs);
	snprintf(job->label, sizeof(job->label), "%u/%u%s file%s",
	    job->done_files, job->all_files, more ? "+" : "",
	    job->all_files == 1 && !more ? "" : "s");
	if (total < job->done_bytes)
		total = job->done_bytes;
	update_progress_meter(job->label, total);
}

/* One line for the whole job, once there is something to say. */
void
hpn_sftp_meter_begin(struct hpn_sftp_job *job)
{
	if (!showprogress || job->metered || job->only != NULL ||
	    job->all_files == 0)
		return;
	/* All of nothing looks as if it were done. */
	if (job->all_bytes == 0 && job->alive != 0)
		return;
	snprintf(job->label, sizeof(job->label), "%u file%s", job->all_files,
	    job->all_files == 1 ? "" : "s");
	start_progress_meter(job->label, job->all_bytes, &job->done_bytes);
	job->metered = 1;
}

void
hpn_sftp_meter_file(struct hpn_sftp_job *job, struct node *n, const char *path,
    off_t size, u_int64_t from)
{
	const char *name;

	if (job->only != n || job->metered || !showprogress)
		return;
	if ((name = strrchr(path, '/')) == NULL || name[1] == '\0')
		name = path;
	else
		name++;
	job->done_bytes = from;
	start_progress_meter(name, size, &job->done_bytes);
	job->metered = 1;
}

void
hpn_sftp_meter_line(const struct hpn_sftp_job *job)
{
	if (job->metered && getpgrp() == tcgetpgrp(STDOUT_FILENO))
		atomicio(vwrite, STDOUT_FILENO, "\n", 1);
}

void
hpn_sftp_meter_break(struct hpn_sftp_job *job)
{
	if (!job->metered)
		return;
	if (job->only != NULL || job->alive == 0) {
		stop_progress_meter();
		job->metered = 0;
	} else
		hpn_sftp_meter_line(job);
}
