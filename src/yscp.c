/* SPDX-License-Identifier: ISC */
/*
 * yscp: scp with other defaults: data in the clear with a MAC (NoneSwitch), and
 * compared by hash.  It runs scp, and passes on what scp says.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "atomicio.h"
#include "log.h"
#include "misc.h"
#include "pathnames.h"
#include "xmalloc.h"

#define SCP_OPTIONS	"12346ABCTdfOpqRrstvZD:F:J:M:P:S:c:i:j:l:o:X:"
/* What ssh says when the server does not allow it. */
#define MARK		"NoneEnabled in its sshd_config"

extern char *__progname;

static volatile sig_atomic_t child;

void
cleanup_exit(int i)
{
	_exit(i);
}

static void __attribute__((noreturn))
only_sftp(const char *what)
{
	fatal("%s: files are compared over SFTP, between this machine and "
	    "another (scp knows this option)", what);
}

/* One side is here, and the other elsewhere: as scp sees them. */
static void
check_sides(char **operands, int n)
{
	int i, there = colon(operands[n - 1]) != NULL;

	for (i = 0; i < n - 1; i++) {
		if ((colon(operands[i]) != NULL) == there)
			fatal("\"%s\" and \"%s\" are both on %s: one of them "
			    "must be on this machine, and the other not",
			    operands[i], operands[n - 1],
			    there ? "other machines" : "this machine");
	}
}

static void
usage(void)
{
	fprintf(stderr, "usage: %s [-e] [scp option ...] source ... target\n"
	    "       -e: encrypt; otherwise data travel in the clear with a MAC\n",
	    __progname);
	exit(1);
}

/* scp beside this program, or beside the ssh that scp runs. */
static char *
scp_path(const char *self)
{
	const char *slash;
	char *path;

	if ((slash = strrchr(self, '/')) != NULL) {
		xasprintf(&path, "%.*sscp", (int)(slash - self) + 1, self);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	slash = strrchr(_PATH_SSH_PROGRAM, '/');
	xasprintf(&path, "%.*sscp", slash == NULL ? 0 :
	    (int)(slash - _PATH_SSH_PROGRAM) + 1, _PATH_SSH_PROGRAM);
	return path;
}

static void
pass_on(int sig)
{
	/* From a terminal it has got it as well, and ends as it thinks right */
	if (child > 0 && sig != SIGINT)
		(void)kill(child, sig);
}

/* Pass on what it writes.  Returns whether it was refused. */
static int
messages(int fd)
{
	char buf[4096 + sizeof(MARK)];
	size_t kept = 0;
	ssize_t n;
	int refused = 0;

	for (;;) {
		n = read(fd, buf + kept, 4096);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return refused;
		(void)atomicio(vwrite, STDERR_FILENO, buf + kept, (size_t)n);
		n += (ssize_t)kept;
		refused |= memmem(buf, (size_t)n, MARK,
		    sizeof(MARK) - 1) != NULL;
		/* It may come in two parts */
		kept = (size_t)n < sizeof(MARK) - 2 ? (size_t)n :
		    sizeof(MARK) - 2;
		memmove(buf, buf + n - kept, kept);
	}
}

int
main(int argc, char **argv)
{
	char **args, *path = scp_path(argv[0]), *p;
	int i, n = 0, encrypt = 0, fds[2], status, refused, first;

	sanitise_stdfd();
	__progname = ssh_get_progname(argv[0]);
	log_init(__progname, SYSLOG_LEVEL_INFO, SYSLOG_FACILITY_USER, 2);
	args = xcalloc((size_t)argc + 8, sizeof(*args));
	/* What scp calls itself when it says something */
	args[n++] = "scp";
	args[n++] = "-Xverify=yes";
	/* Options as scp reads them; -e is ours, alone or among others */
	for (i = 1; i < argc && *argv[i] == '-' && argv[i][1] != '\0'; i++) {
		if (strcmp(argv[i], "--") == 0)
			break;
		for (p = argv[i] + 1; *p != '\0'; p++) {
			if (*p == 'e') {
				encrypt = 1;
				memmove(p, p + 1, strlen(p));
				p--;
			} else if (*p == '3' || *p == 'R')
				only_sftp(*p == '3' ? "-3" : "-R");
			else if (*p == 'O')
				only_sftp("-O");
			else if (*p == ':' || strchr(SCP_OPTIONS, *p) == NULL)
				usage();
			else if (strchr(SCP_OPTIONS, *p)[1] == ':')
				break;
		}
		if (argv[i][1] == '\0')
			continue;
		args[n++] = argv[i];
		if (*p != '\0' && p[1] == '\0' && i + 1 < argc)
			args[n++] = argv[++i];
	}
	first = i < argc && strcmp(argv[i], "--") == 0 ? i + 1 : i;
	if (argc - first < 2)
		usage();
	check_sides(argv + first, argc - first);
	/* The first that ssh gets holds: what the user says goes first */
	if (!encrypt) {
		args[n++] = "-oNoneEnabled=yes";
		args[n++] = "-oNoneSwitch=yes";
	}
	for (; i < argc; i++)
		args[n++] = argv[i];

	if (pipe(fds) == -1)
		fatal("pipe: %s", strerror(errno));
	ssh_signal(SIGINT, pass_on);
	ssh_signal(SIGTERM, pass_on);
	ssh_signal(SIGHUP, pass_on);
	if ((child = fork()) == -1)
		fatal("fork: %s", strerror(errno));
	if (child == 0) {
		ssh_signal(SIGINT, SIG_DFL);
		ssh_signal(SIGTERM, SIG_DFL);
		ssh_signal(SIGHUP, SIG_DFL);
		if (dup2(fds[1], STDERR_FILENO) == -1)
			_exit(1);
		close(fds[0]);
		close(fds[1]);
		execv(path, args);
		fprintf(stderr, "%s: %s: %s\n", __progname, path,
		    strerror(errno));
		_exit(1);
	}
	close(fds[1]);
	refused = messages(fds[0]);
	while (waitpid(child, &status, 0) == -1) {
		if (errno != EINTR)
			fatal("waitpid: %s", strerror(errno));
	}
	if (WIFSIGNALED(status)) {
		ssh_signal(WTERMSIG(status), SIG_DFL);
		(void)kill(getpid(), WTERMSIG(status));
		return 1;
	}
	if (refused && !encrypt && WEXITSTATUS(status) != 0)
		error("data in the clear need the line \"NoneEnabled yes\" in "
		    "the server's sshd_config; -e copies encrypted");
	return WEXITSTATUS(status);
}
