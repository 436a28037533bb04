/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-report.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "misc.h"

#include "hpn-sftp-report.h"
#include "hpn-watch-ask.h"

static long long limit;
static int several;
static const volatile pid_t *ssh;
static volatile sig_atomic_t takes_it;

void
hpn_sftp_report_limit(long long bits)
{
	limit = bits / 8;
}

void
hpn_sftp_report_several(void)
{
	several = 1;
}

void
hpn_sftp_report_child(int metered)
{
	char value[64];

	snprintf(value, sizeof(value), "%c:%lld:%ld",
	    several ? metered ? HPN_WATCH_FIRST_METERED :
	    HPN_WATCH_FIRST_UNSEEN : metered ? HPN_WATCH_METERED :
	    HPN_WATCH_UNSEEN, limit, (long)getppid());
	(void)setenv(HPN_WATCH_ENV, value, 1);
}

void
hpn_sftp_report_of(const volatile pid_t *pid)
{
	ssh = pid;
}

static void
ask(int signo)
{
	int saved_errno = errno;

	if (takes_it && ssh != NULL && *ssh > 1) {
		/* The meter's line is not to be written into */
		if (isatty(STDOUT_FILENO))
			(void)!write(STDOUT_FILENO, "\n", 1);
		(void)kill(*ssh, SIGUSR1);
	}
	errno = saved_errno;
}

void
hpn_sftp_report_told(int takes)
{
	takes_it = takes;
	if (takes)
		ssh_signal(SIGUSR1, ask);
#ifdef SIGINFO
	if (takes)
		ssh_signal(SIGINFO, ask);
#endif
}
