/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-connections.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "xmalloc.h"

#include "hpn-lanes-ssh.h"
#include "hpn-pipe.h"
#include "hpn-sftp-connections.h"

/* What the first ssh was started with is not longer than this, with its ends. */
#define ARGS_MOST	32768

/*
 * The first value counts, so these come before all else.  A person would be asked
 * by a prompt only.  What a configuration does besides is done by the first one.
 */
static const char *const ours[] = {
	"-oBatchMode=yes", "-oControlMaster=no", "-oControlPath=none",
	"-oClearAllForwardings=yes", "-oForwardAgent=no", "-oForwardX11=no",
	"-oTunnel=no", "-oPermitLocalCommand=no", "-oUpdateHostKeys=no",
	"-oAddKeysToAgent=no"
};
#define NOURS	(sizeof(ours) / sizeof(ours[0]))

static int offered[2] = { -1, -1 };

void
hpn_sftp_connections_offer(void)
{
	if (offered[0] != -1 || pipe(offered) == -1)
		return;
	(void)fcntl(offered[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(offered[1], F_SETFD, FD_CLOEXEC);
	/* One that does not fit is not waited for. */
	set_nonblock(offered[1]);
}

void
hpn_sftp_connections_child(char *const argv[])
{
	char *all;
	size_t i, len, used = 0;

	if (offered[1] == -1)
		return;
	all = xmalloc(ARGS_MOST);
	for (i = 0; argv[i] != NULL; i++) {
		len = strlen(argv[i]) + 1;
		if (len > ARGS_MOST - used)
			goto out;
		memcpy(all + used, argv[i], len);
		used += len;
	}
	/* An empty pipe takes this whole; a part of it is none. */
	if (write(offered[1], all, used) == (ssize_t)used)
		(void)write(offered[1], "", 1);
 out:
	free(all);
}

void
hpn_sftp_connections_take(struct hpn_sftp_connections_how *how)
{
	how->fd = offered[0];
	how->argv = NULL;
	if (offered[1] != -1)
		close(offered[1]);
	offered[0] = offered[1] = -1;
}

void
hpn_sftp_connections_forget(struct hpn_sftp_connections_how *how)
{
	if (how->fd != -1)
		close(how->fd);
	how->fd = -1;
	if (how->argv != NULL) {
		free(how->argv[0]);
		free(how->argv);
	}
	how->argv = NULL;
}

/* The child has become ssh: what it wrote is there. */
static int
learn(struct hpn_sftp_connections_how *how)
{
	char *all, *p;
	size_t used = 0, n, i;
	ssize_t r;

	if (how->fd == -1)
		return how->argv == NULL ? -1 : 0;
	all = xmalloc(ARGS_MOST + 1);
	while (used < ARGS_MOST + 1 && ((r = read(how->fd, all + used,
	    ARGS_MOST + 1 - used)) > 0 || (r == -1 && errno == EINTR)))
		if (r > 0)
			used += (size_t)r;
	close(how->fd);
	how->fd = -1;
	/* It ends with an empty one, or is not whole. */
	if (used < 3 || all[used - 1] != '\0' || all[used - 2] != '\0') {
		free(all);
		return -1;
	}
	for (n = 0, p = all; p < all + used - 1; p += strlen(p) + 1)
		n++;
	how->argv = xcalloc(n + NOURS + 1, sizeof(*how->argv));
	how->argv[0] = all;
	for (i = 0; i < NOURS; i++)
		how->argv[1 + i] = (char *)ours[i];
	p = all + strlen(all) + 1;
	for (i = NOURS + 1; p < all + used - 1; p += strlen(p) + 1)
		how->argv[i++] = p;
	return 0;
}

static void
become(char *const argv[], int fd)
{
	int quiet;

	/* What the first one has said is not said again. */
	if (log_level_get() < SYSLOG_LEVEL_DEBUG1 &&
	    (quiet = open(_PATH_DEVNULL, O_WRONLY)) != -1)
		(void)dup2(quiet, STDERR_FILENO);
	if (dup2(fd, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1)
		_exit(255);
	closefrom(STDERR_FILENO + 1);
	/* It ends when we do; see hpn-sftp-job.h for what an interrupt does. */
	ssh_signal(SIGINT, SIG_IGN);
	ssh_signal(SIGTERM, SIG_DFL);
	ssh_signal(SIGHUP, SIG_DFL);
	ssh_signal(SIGPIPE, SIG_DFL);
	(void)setenv(HPN_LANES_SSH_ENV, HPN_LANES_SSH_FURTHER, 1);
	execvp(argv[0], argv);
	_exit(255);
}

int
hpn_sftp_connections_start(struct hpn_sftp_connections_how *how, pid_t *pidp)
{
	int pair[2];

	if (learn(how) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return -1;
	(void)fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(pair[1], F_SETFD, FD_CLOEXEC);
	hpn_pipe_enlarge(pair[0]);
	if ((*pidp = fork()) == 0)
		become(how->argv, pair[1]);
	close(pair[1]);
	if (*pidp == -1) {
		close(pair[0]);
		return -1;
	}
	debug("another connection: process %ld", (long)*pidp);
	return pair[0];
}

void
hpn_sftp_connections_end(pid_t pid, int now)
{
	if (pid <= 0)
		return;
	if (now)
		(void)kill(pid, SIGTERM);
	/* One that has not ended yet is the system's to bury. */
	(void)waitpid(pid, NULL, WNOHANG);
}
