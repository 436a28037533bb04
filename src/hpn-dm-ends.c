/* SPDX-License-Identifier: ISC */
/* See hpn-dm-ends.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "misc.h"
#include "xmalloc.h"

#include "hpn-clock.h"
#include "hpn-dm-child.h"
#include "hpn-dm-ends.h"
#include "hpn-dm-opts.h"
#include "hpn-pipe.h"

/* So much of a file that is at hand is read ahead of what is sent ... */
#define AHEAD		(4ULL * 1024 * 1024)
/* ... and all that there is room for, so long after it had to be waited for. */
#define WAITED_NS	1000000000ULL

void
hpn_dm_ends_source(struct hpn_dm_ends *e, const struct hpn_dm_opts *o)
{
	struct stat st;

	memset(e, 0, sizeof(*e));
	e->fd = STDIN_FILENO;
	e->is_file = o->source == NULL && fstat(e->fd, &st) == 0 &&
	    S_ISREG(st.st_mode);
	if (o->source != NULL)
		e->pid = hpn_dm_child_shell(o->source, 0, &e->fd);
	else
		hpn_pipe_enlarge(e->fd);
}

int
hpn_dm_ends_reads(const struct hpn_dm_ends *e, uint64_t unsent)
{
	/* What was read a while ago is not in the processor's cache any more */
	return !e->is_file || unsent < AHEAD ||
	    (e->waited_ns != 0 && hpn_clock_ns() - e->waited_ns < WAITED_NS);
}

/* How often we waited; others who were given our processor do not count. */
static long
waits(void)
{
	struct rusage r;

	return getrusage(RUSAGE_SELF, &r) == 0 ? r.ru_nvcsw : 0;
}

void
hpn_dm_ends_read_begin(struct hpn_dm_ends *e)
{
	if (e->is_file)
		e->waits = waits();
}

void
hpn_dm_ends_read_end(struct hpn_dm_ends *e)
{
	if (e->is_file && waits() != e->waits)
		e->waited_ns = hpn_clock_ns();
}

void
hpn_dm_ends_sink(struct hpn_dm_ends *e, const struct hpn_dm_opts *o)
{
	memset(e, 0, sizeof(*e));
	e->fd = STDOUT_FILENO;
	if (o->sink != NULL)
		e->pid = hpn_dm_child_shell(o->sink, 1, &e->fd);
	else
		hpn_pipe_enlarge(e->fd);
}

void
hpn_dm_ends_sink_own(struct hpn_dm_ends *e)
{
	struct stat st;
	int fd;

	if (e->pid != 0)
		set_nonblock(e->fd);
	else if (fstat(e->fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    (fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK)) != -1) {
		(void)dup2(fd, e->fd);
		close(fd);
	}
}

/* It ended because nobody read what it wrote: itself, or what a shell ran. */
static int
unread(int status)
{
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGPIPE);
}

char *
hpn_dm_ends_source_ended(struct hpn_dm_ends *e, const struct hpn_dm_opts *o,
    uint64_t bytes)
{
	static const char not_read[] = "the command ended before it had read "
	    "all of the source";
	const int counted = bytes != HPN_DM_ENDS_UNCOUNTED;
	struct stat st;
	char *why = NULL;
	off_t at;
	int status;

	if (e->pid != 0) {
		close(e->fd);
		(void)hpn_dm_child_ended(e->pid, 1, &status);
		if (!counted && unread(status))
			return xstrdup(not_read);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			if (counted)
				xasprintf(&why, "the source ended with %s "
				    "after %llu bytes",
				    hpn_dm_child_status(status),
				    (unsigned long long)bytes);
			else
				xasprintf(&why, "the source ended with %s: "
				    "the command has taken that for the end",
				    hpn_dm_child_status(status));
			return why;
		}
	} else if (fstat(e->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (at = lseek(e->fd, 0, SEEK_CUR)) != -1 && at < st.st_size)
		return xstrdup(counted ? "the source is longer than what could "
		    "be read of it" : not_read);
	if (o->sized && bytes != o->size)
		xasprintf(&why, "the source ended after %llu bytes instead of "
		    "%llu", (unsigned long long)bytes,
		    (unsigned long long)o->size);
	return why;
}

char *
hpn_dm_ends_sink_ended(struct hpn_dm_ends *e, uint64_t bytes,
    const char *failed)
{
	char *why = NULL;
	int status;

	/* Whether a file system takes what it was given may be said only now */
	if (close(e->fd) == -1 && failed == NULL)
		failed = strerror(errno);
	if (e->pid != 0) {
		(void)hpn_dm_child_ended(e->pid, 1, &status);
		if (failed != NULL)
			xasprintf(&why, "the sink ended with %s after %llu "
			    "bytes, before all was written",
			    hpn_dm_child_status(status),
			    (unsigned long long)bytes);
		else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			xasprintf(&why, "the sink ended with %s",
			    hpn_dm_child_status(status));
	} else if (failed != NULL)
		xasprintf(&why, "cannot write to standard output after %llu "
		    "bytes: %s", (unsigned long long)bytes, failed);
	return why;
}
