/* SPDX-License-Identifier: ISC */
/* See hpn-dm-child.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "pathnames.h"
#include "xmalloc.h"

#include "hpn-clock.h"
#include "hpn-pipe.h"
#include "hpn-dm-child.h"
#include "hpn-dm-opts.h"

#define SECOND		1000000000ULL
#define CHILDREN	16
/* An ssh whose work is done may have others to wait for: at least so long. */
#define FINISH		2U
/* Between two looks whether a child has ended. */
#define WAIT_US		5000
/* An idle line whose other end has gone is found out after this, seconds. */
#define ALIVE		"-oServerAliveInterval=15"
#define ALIVE_COUNT	"-oServerAliveCountMax=4"

static pid_t children[CHILDREN];
static volatile sig_atomic_t interrupted;

static void
note(pid_t pid)
{
	size_t i;

	for (i = 0; i < CHILDREN; i++) {
		if (children[i] == 0) {
			children[i] = pid;
			return;
		}
	}
	fatal_f("too many processes");
}

static void
forget(pid_t pid)
{
	size_t i;

	for (i = 0; i < CHILDREN; i++)
		if (children[i] == pid)
			children[i] = 0;
}

static void
signal_handler(int sig)
{
	interrupted = sig;
}

void
hpn_dm_child_signals(void)
{
	ssh_signal(SIGINT, signal_handler);
	ssh_signal(SIGTERM, signal_handler);
	ssh_signal(SIGHUP, signal_handler);
	ssh_signal(SIGPIPE, SIG_IGN);
}

int
hpn_dm_child_interrupted(void)
{
	return interrupted;
}

static void
child_signals(void)
{
	ssh_signal(SIGTERM, SIG_DFL);
	ssh_signal(SIGHUP, SIG_DFL);
	ssh_signal(SIGINT, SIG_DFL);
	ssh_signal(SIGPIPE, SIG_DFL);
}

static pid_t
start(const char *path, char **argv, int in, int out)
{
	pid_t pid;

	if ((pid = fork()) == -1)
		fatal("fork: %s", strerror(errno));
	if (pid == 0) {
		child_signals();
		if ((in != -1 && dup2(in, STDIN_FILENO) == -1) ||
		    (out != -1 && dup2(out, STDOUT_FILENO) == -1)) {
			fprintf(stderr, "dup2: %s\n", strerror(errno));
			_exit(1);
		}
		closefrom(STDERR_FILENO + 1);
		execvp(path, argv);
		fprintf(stderr, "exec: %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	note(pid);
	return pid;
}

/* ssh with what the options say, reading and writing there. */
static pid_t
start_ssh(const struct hpn_dm_opts *o, const char *what, int command,
    int batch, int in, int out)
{
	char *argv[HPN_DM_OPTS_SSH + 32];
	const char *path = o->program != NULL ? o->program :
	    _PATH_SSH_PROGRAM;
	size_t n = 0, i;
	u_int v;

#define ARG(s)	(argv[n++] = (char *)(s))
	ARG(path);
	for (i = 0; i < o->nssh; i++)
		ARG(o->ssh[i]);
	/* Nobody is there to answer when a line is made anew */
	if (batch)
		ARG("-oBatchMode=yes");
	if (o->clear) {
		ARG("-oNoneEnabled=yes");
		ARG("-oNoneSwitch=yes");
	}
	ARG(ALIVE);
	ARG(ALIVE_COUNT);
	ARG("-oForwardX11=no");
	ARG("-oForwardAgent=no");
	ARG("-oPermitLocalCommand=no");
	ARG("-oClearAllForwardings=yes");
	ARG("-oRemoteCommand=none");
	ARG("-oRequestTTY=no");
	if (o->quiet)
		ARG("-q");
	/* The first -v is for dmscp itself */
	for (v = 1; v < o->verbose && v < 4; v++)
		ARG("-v");
	if (o->port != NULL) {
		ARG("-p");
		ARG(o->port);
	}
	if (*o->user != '\0') {
		ARG("-l");
		ARG(o->user);
	}
	if (!command)
		ARG("-s");
	ARG("--");
	ARG(o->host);
	ARG(what);
	argv[n] = NULL;
#undef ARG
	return start(path, argv, in, out);
}

pid_t
hpn_dm_child_ssh_direct(const struct hpn_dm_opts *o, const char *command,
    int batch, int in, int out)
{
	return start_ssh(o, command, 1, batch, in, out);
}

pid_t
hpn_dm_child_ssh(const struct hpn_dm_opts *o, const char *what, int command,
    int batch, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe(from) == -1 || pipe(to) == -1)
		fatal("cannot connect to ssh: %s", strerror(errno));
	hpn_pipe_enlarge(from[0]);
	hpn_pipe_enlarge(to[0]);
	pid = start_ssh(o, what, command, batch, to[0], from[1]);
	close(from[1]);
	close(to[0]);
	(void)fcntl(*in = from[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(*out = to[1], F_SETFD, FD_CLOEXEC);
	return pid;
}

pid_t
hpn_dm_child_shell(const char *command, int writes, int *fd)
{
	char *argv[] = { "sh", "-c", (char *)command, NULL };
	int p[2];
	pid_t pid;

	if (pipe(p) == -1)
		fatal("pipe: %s", strerror(errno));
	hpn_pipe_enlarge(p[0]);
	pid = start(_PATH_BSHELL, argv, writes ? p[0] : -1,
	    writes ? -1 : p[1]);
	*fd = writes ? p[1] : p[0];
	close(writes ? p[0] : p[1]);
	(void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
	return pid;
}

int
hpn_dm_child_ended(pid_t pid, int wait, int *status)
{
	pid_t r;

	/* A signal must end the wait, and waitpid(2) goes on after one */
	while ((r = waitpid(pid, status, WNOHANG)) == 0 && wait &&
	    !interrupted)
		(void)usleep(WAIT_US);
	if (r == -1 || (r == 0 && wait))
		*status = 255 << 8;
	if (r == 0)
		return wait;
	forget(pid);
	return 1;
}

void
hpn_dm_child_finish(pid_t pid, uint64_t seconds)
{
	uint64_t begun = hpn_clock_ns();
	int status;

	while (!hpn_dm_child_ended(pid, 0, &status)) {
		if (interrupted || hpn_clock_ns() - begun >=
		    (seconds < FINISH ? FINISH : seconds) * SECOND) {
			verbose("ssh does not end, and is ended");
			hpn_dm_child_stop(pid);
			return;
		}
		(void)usleep(WAIT_US);
	}
	debug("ssh: %s", hpn_dm_child_status(status));
}

void
hpn_dm_child_stop(pid_t pid)
{
	int status, i;

	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	for (i = 0; i < 20; i++) {
		if (waitpid(pid, &status, WNOHANG) != 0) {
			forget(pid);
			return;
		}
		usleep(10000 << (i > 4));
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	forget(pid);
}

const char *
hpn_dm_child_status(int status)
{
	static char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit status %d",
		    WEXITSTATUS(status));
	return text;
}

char *
hpn_dm_child_quote(char *line, const char *word)
{
	size_t len = strlen(line), i;
	char *p;

	/* Each ' becomes '\'' */
	line = xreallocarray(line, len + 4 * strlen(word) + 4, 1);
	p = line + len;
	if (len > 0)
		*p++ = ' ';
	*p++ = '\'';
	for (i = 0; word[i] != '\0'; i++) {
		if (word[i] == '\'') {
			memcpy(p, "'\\''", 4);
			p += 4;
		} else
			*p++ = word[i];
	}
	*p++ = '\'';
	*p = '\0';
	return line;
}

void
hpn_dm_child_exit(int status)
{
	size_t i;

	for (i = 0; i < CHILDREN; i++)
		hpn_dm_child_stop(children[i]);
	exit(status);
}

void
hpn_dm_child_die(int status, const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	xvasprintf(&text, fmt, args);
	va_end(args);
	error("%s", text);
	free(text);
	hpn_dm_child_exit(status);
}
