/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-plain.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "misc.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-sftp-job.h"
#include "hpn-sftp-plain.h"

static int said = -1;		/* by -o: whether it is disabled */
static int told = -1;		/* by ssh */

void
hpn_sftp_plain_option(const char *arg)
{
	char *copy = xstrdup(arg), *rest = copy, *word;

	/* As ssh reads it; what ssh does not take, ssh complains about. */
	rest += strspn(rest, " \t");
	if (said == -1 && (word = strdelim(&rest)) != NULL &&
	    strcasecmp(word, "hpndisabled") == 0 &&
	    (word = strdelim(&rest)) != NULL) {
		if (strcasecmp(word, "yes") == 0 ||
		    strcasecmp(word, "true") == 0)
			said = 1;
		else if (strcasecmp(word, "no") == 0 ||
		    strcasecmp(word, "false") == 0)
			said = 0;
	}
	free(copy);
}

void
hpn_sftp_plain_told(int disabled)
{
	debug2_f("HPNDisabled %s", disabled ? "yes" : "no");
	told = disabled != 0;
}

int
hpn_sftp_plain(void)
{
	return told != -1 ? told : said == 1;
}

int
hpn_sftp_plain_copy(struct sftp_conn *conn, struct sftp_conn *other, int flags,
    const char *from, const char *to, int tree)
{
	int preserve = (flags & HPN_SFTP_PRESERVE) != 0;
	int fsync_it = (flags & HPN_SFTP_FSYNC) != 0;
	int follow = (flags & HPN_SFTP_FOLLOW) != 0;
	int inplace = (flags & HPN_SFTP_INPLACE) != 0;
	int print = (flags & HPN_SFTP_LIST) != 0 ? 1 : SFTP_PROGRESS_ONLY;
	int r;

	if (other != NULL) {
		r = tree ? sftp_crossload_dir(other, conn, from, to, NULL,
		    preserve, print, follow) : sftp_crossload(other, conn,
		    from, to, NULL, preserve);
	} else if (flags & HPN_SFTP_UP) {
		r = tree ? sftp_upload_dir(conn, from, to, preserve, print, 0,
		    fsync_it, follow, inplace) : sftp_upload(conn, from, to,
		    preserve, 0, fsync_it, inplace);
		/* In place: that is scp, which says this */
		if (r != 0 && inplace)
			error("failed to upload %s %s to %s",
			    tree ? "directory" : "file", from, to);
	} else {
		r = tree ? sftp_download_dir(conn, from, to, NULL, preserve,
		    print, 0, fsync_it, follow, inplace) : sftp_download(conn,
		    from, to, NULL, preserve, 0, fsync_it, inplace);
	}
	return r == 0 ? 0 : -1;
}
