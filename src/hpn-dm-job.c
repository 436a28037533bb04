/* SPDX-License-Identifier: ISC */
/* See hpn-dm-job.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "pathnames.h"
#include "xmalloc.h"

#include "hpn-dm-child.h"
#include "hpn-dm-job.h"
#include "hpn-dm-opts.h"

void
hpn_dm_job_begin(struct hpn_dm_jobs *j, const struct hpn_dm_opts *o)
{
	memset(j, 0, sizeof(*j));
	j->o = o;
	TAILQ_INIT(&j->list);
}

void
hpn_dm_job_add(struct hpn_dm_jobs *jobs, const char *command, int background,
    const char *name, uint64_t about, uint64_t size)
{
	struct hpn_dm_job *j = xcalloc(1, sizeof(*j));
	char *line, number[32], bytes[32];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)about);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)size);
	if (jobs->o->prefix != NULL)
		xasprintf(&line, "%s; exec sh -c", jobs->o->prefix);
	else
		line = xstrdup("exec sh -c");
	if (background) {
		line = hpn_dm_child_quote(line, "c=$1; shift; nohup sh -c "
		    "\"$c\" sh \"$@\" </dev/null >/dev/null 2>&1 &");
		line = hpn_dm_child_quote(line, "sh");
	}
	line = hpn_dm_child_quote(line, command);
	if (!background)
		line = hpn_dm_child_quote(line, "sh");
	line = hpn_dm_child_quote(line, name);
	line = hpn_dm_child_quote(line, number);
	line = hpn_dm_child_quote(line, bytes);
	j->command = line;
	j->about = about;
	TAILQ_INSERT_TAIL(&jobs->list, j, list);
}

uint64_t
hpn_dm_job_step(struct hpn_dm_jobs *jobs)
{
	struct hpn_dm_job *j = TAILQ_FIRST(&jobs->list);
	uint64_t about = 0;
	int status, null;

	if (jobs->pid != 0) {
		if (!hpn_dm_child_ended(jobs->pid, 0, &status))
			return 0;
		jobs->pid = 0;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			hpn_dm_child_die(WIFEXITED(status) ?
			    WEXITSTATUS(status) : HPN_DM_CHILD_FAILED,
			    "the command on %s ended with %s: %s",
			    jobs->o->host, hpn_dm_child_status(status),
			    j->command);
		about = j->about;
		TAILQ_REMOVE(&jobs->list, j, list);
		free(j->command);
		free(j);
		j = TAILQ_FIRST(&jobs->list);
	}
	if (j != NULL) {
		if ((null = open(_PATH_DEVNULL, O_RDONLY)) == -1)
			fatal("%s: %s", _PATH_DEVNULL, strerror(errno));
		/* What it writes must go on, and our output may be the object */
		jobs->pid = hpn_dm_child_ssh_direct(jobs->o, j->command, 1,
		    null, STDERR_FILENO);
		close(null);
	}
	return about;
}

int
hpn_dm_job_idle(const struct hpn_dm_jobs *jobs)
{
	return TAILQ_EMPTY(&jobs->list);
}

int
hpn_dm_job_runs(const struct hpn_dm_jobs *jobs)
{
	return jobs->pid != 0;
}
