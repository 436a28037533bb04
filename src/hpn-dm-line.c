/* SPDX-License-Identifier: ISC */
/* See hpn-dm-line.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "xmalloc.h"

#include "sftp.h"

#include "hpn-clock.h"
#include "hpn-dm-child.h"
#include "hpn-dm-line.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-sftp.h"

#define SECOND	1000000000ULL
/* The wait after which the next attempts are not made soon any more. */
#define SOON_MOST	(4 * SECOND)

static void
line_connect(struct hpn_dm_line *l)
{
	int in, out;

	/* Two pipes: one of them may be lent what is in the buffer */
	l->pid = hpn_dm_child_ssh(l->o, "sftp", 0, l->was_ready, &in, &out);
	l->sftp = hpn_dm_sftp_new(in, out);
	l->heard_ns = l->connect_ns = hpn_clock_ns();
}

void
hpn_dm_line_begin(struct hpn_dm_line *l, const struct hpn_dm_opts *o)
{
	memset(l, 0, sizeof(*l));
	l->o = o;
	l->begun_ns = l->shown_ns = hpn_clock_ns();
	hpn_dm_wait_begin(&l->wait, o->timeout_s);
	line_connect(l);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int
hpn_dm_line_due(struct hpn_dm_line *l)
{
	uint64_t now = hpn_clock_ns(), until;

	if (l->sftp == NULL && now >= l->again_ns)
		line_connect(l);
	until = l->shown_ns + SECOND;
	if (l->sftp == NULL)
		until = least(until, l->again_ns);
	return until <= now ? 0 : (int)((until - now) / 1000000 + 1);
}

/* The connection has gone; ends the program when there is to be no other. */
static void
line_lost(struct hpn_dm_line *l)
{
	uint64_t delay, now = hpn_clock_ns();
	int was = hpn_dm_sftp_ready(l->sftp), status = 0;

	hpn_dm_sftp_free(l->sftp);
	l->sftp = NULL;
	if (hpn_dm_child_interrupted())
		return;
	/* It may be about to end, and to have something to say */
	(void)usleep(was ? 0 : 100000);
	if (!hpn_dm_child_ended(l->pid, 0, &status))
		hpn_dm_child_stop(l->pid);
	l->pid = 0;
	if (!l->was_ready && !was)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "no connection to an "
		    "SFTP server on %s", l->o->host);
	l->was_ready = 1;
	l->losses++;
	if (!hpn_dm_wait_failed(&l->wait, HPN_DM_WAIT_LINE, now, &delay))
		hpn_dm_child_die(HPN_DM_CHILD_LINE, "connection to %s lost, and "
		    "not regained within %llu seconds (-T)", l->o->host,
		    (unsigned long long)l->o->timeout_s);
	/*
	 * The first attempts are made soon: most lines are there again then.  But a
	 * server that ends each time is not asked four times a second for hours.
	 */
	l->again_ns = now + (was && delay > SECOND / 4 && delay <= SOON_MOST ?
	    SECOND / 4 : delay);
	hpn_dm_line_clear(l);
	if (was)
		logit("connection to %s lost, connecting again", l->o->host);
}

int
hpn_dm_line_trip(struct hpn_dm_line *l)
{
	uint64_t now;
	uint64_t silence;
	u_int before;
	int r;

	if (l->sftp == NULL)
		return 0;
	before = hpn_dm_sftp_under_way(l->sftp);
	r = hpn_dm_sftp_trip(l->sftp);
	if (r == -2)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "the SFTP server on %s "
		    "breaks the rules: %s", l->o->host,
		    hpn_dm_sftp_wrong(l->sftp));
	if (r == -1) {
		line_lost(l);
		return 1;
	}
	now = hpn_clock_ns();
	silence = hpn_dm_wait_silence(&l->wait, l->was_ready);
	if (hpn_dm_sftp_ready(l->sftp))
		l->was_ready = 1;
	else if (now - l->connect_ns > silence) {
		if (!l->was_ready)
			hpn_dm_child_die(HPN_DM_CHILD_LINE, "no SFTP server on "
			    "%s within %llu seconds", l->o->host,
			    (unsigned long long)(silence / SECOND));
		line_lost(l);
		return 1;
	}
	if (before == 0 || hpn_dm_sftp_under_way(l->sftp) != before)
		l->heard_ns = now;
	if (l->o->timeout_s != 0 && now - l->heard_ns >
	    (uint64_t)l->wait.limit_ns)
		hpn_dm_child_die(HPN_DM_CHILD_LINE, "no answer from the SFTP "
		    "server on %s for %llu seconds (-T)", l->o->host,
		    (unsigned long long)l->o->timeout_s);
	return 0;
}

void
hpn_dm_line_worked(struct hpn_dm_line *l)
{
	uint64_t ns = hpn_dm_wait_worked(&l->wait, hpn_clock_ns());

	if (ns == 0)
		return;
	hpn_dm_line_clear(l);
	logit("connected to %s again, going on after %llu.%llu seconds",
	    l->o->host, (unsigned long long)(ns / SECOND),
	    (unsigned long long)(ns % SECOND / (SECOND / 10)));
}

int
hpn_dm_line_has(const struct hpn_dm_line *l, const char *path, u_int status)
{
	if (status != SSH2_FX_OK && status != SSH2_FX_NO_SUCH_FILE)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "\"%s\" on %s: %s", path,
		    l->o->host, hpn_dm_sftp_status_text(status));
	return status == SSH2_FX_OK;
}

void
hpn_dm_line_end(struct hpn_dm_line *l)
{
	if (l->sftp == NULL)
		return;
	hpn_dm_sftp_free(l->sftp);
	l->sftp = NULL;
	/* Everything is done: that ssh ends is all that is wanted of it */
	hpn_dm_child_finish(l->pid, l->o->timeout_s);
}

/* 12.3 MB, at most so many characters. */
static const char *
amount(uint64_t bytes, char *buf, size_t len)
{
	static const char units[] = "BkMGTPE";
	double v = (double)bytes;
	size_t i;

	for (i = 0; v >= 1000 && units[i + 1] != '\0'; i++)
		v /= 1000;
	snprintf(buf, len, i == 0 ? "%.0f B" : "%.1f %cB", v, units[i]);
	return buf;
}

void
hpn_dm_line_clear(struct hpn_dm_line *l)
{
	if (l->showing)
		(void)write(STDERR_FILENO, "\r\033[K", 4);
	l->showing = 0;
}

void
hpn_dm_line_show(struct hpn_dm_line *l, uint64_t bytes, uint64_t size,
    const char *what, int last)
{
	uint64_t now = hpn_clock_ns();
	char text[256], all[32], rate[32], left[64] = "";
	double seconds, s;

	if (!last && now < l->shown_ns + SECOND)
		return;
	seconds = (double)(now - l->shown_ns) / SECOND;
	if (seconds > 0)
		l->rate = l->rate * 0.7 + 0.3 *
		    (double)(bytes - l->shown_bytes) / seconds;
	l->shown_ns = now;
	l->shown_bytes = bytes;
	if (l->o->quiet || !isatty(STDERR_FILENO))
		return;
	if (last)
		l->rate = (double)bytes /
		    ((double)(now - l->begun_ns) / SECOND + 1e-9);
	else if (size > bytes && l->rate > 1) {
		s = (double)(size - bytes) / l->rate;
		if (s < 360000)
			snprintf(left, sizeof(left), "  %02d:%02d left",
			    (int)s / 60, (int)s % 60);
	}
	snprintf(text, sizeof(text), "\r\033[K%s  %s/s  %s%s%s",
	    amount(bytes, all, sizeof(all)),
	    amount((uint64_t)l->rate, rate, sizeof(rate)), what, left,
	    last ? "\n" : "");
	(void)write(STDERR_FILENO, text, strlen(text));
	l->showing = !last;
}
