/* SPDX-License-Identifier: ISC */
/*
 * dmscp: a stream to or from a file, or a set of fragments, on an SFTP server.
 * dmscp(1) says what it is for and what it guarantees.  hpn-dm-put.c and
 * hpn-dm-get.c say how it works.
 */

#include "includes.h"

#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"

#include "hpn-dm-child.h"
#include "hpn-dm-command.h"
#include "hpn-dm-get.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-put.h"
#include "hpn-dm-server.h"

extern char *__progname;

/* progressmeter.c and others end the program by this. */
void
cleanup_exit(int i)
{
	hpn_dm_server_cleanup();
	hpn_dm_child_exit(i);
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: %s -w [-F size] [-S size] [-size size] [-source command]\n"
	    "             [-force | -resume] [-fsync] [-onclose command]\n"
	    "             [-[w][f]migrate] [-[w][f]release] [option ...] object\n"
	    "       %s -r [-sink command] [-onopen command] [option ...] object\n"
	    "       %s -server [-keep seconds]\n"
	    "object:  [user@]host:path, or -s host [-u user] [-d directory] -f name,\n"
	    "         or -s host [-u user] [-d directory] -R command\n"
	    "options: [-buffer size] [-checksum | -nochecksum] [-clear | -encrypt]\n"
	    "         [-i identity_file] [-J destination] [-o ssh_option] [-p port]\n"
	    "         [-prefix command | -subsystem name] [-program path] [-q]\n"
	    "         [-sha256] [-ssh-config file] [-T seconds] [-v] [-wsz size]\n",
	    __progname, __progname, __progname);
	exit(HPN_DM_CHILD_FAILED);
}

int
main(int argc, char **argv)
{
	struct hpn_dm_opts o;
	const char *wrong;
	LogLevel level = SYSLOG_LEVEL_INFO;

	/* Standard descriptors may be closed; data must not go to others */
	sanitise_stdfd();
	__progname = ssh_get_progname(argv[0]);
	log_init(__progname, level, SYSLOG_FACILITY_USER, 2);
	if (argc < 2)
		usage();
	if (strcmp(argv[1], "-server") == 0)
		return hpn_dm_server(argc, argv);
	wrong = hpn_dm_opts_parse(&o, argc, argv);
	if (o.quiet)
		level = SYSLOG_LEVEL_ERROR;
	else if (o.verbose > 0)
		level = o.verbose > 3 ? SYSLOG_LEVEL_DEBUG3 :
		    SYSLOG_LEVEL_INFO + (int)o.verbose;
	log_init(__progname, level, SYSLOG_FACILITY_USER, 2);
	if (wrong != NULL) {
		if (o.about != NULL)
			error("%s: %s", o.about, wrong);
		else
			error("%s", wrong);
		exit(HPN_DM_CHILD_FAILED);
	}
	hpn_dm_child_signals();
	if (o.command != NULL)
		hpn_dm_command(&o);
	else if (o.writes)
		hpn_dm_put(&o);
	else
		hpn_dm_get(&o);
	return 0;
}
