/* SPDX-License-Identifier: ISC */
/* See hpn-watch-ssh.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "kex.h"
#include "packet.h"
#include "ssh2.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "channels.h"
#include "clientloop.h"
#include "hpn-clock.h"
#include "hpn-connection.h"
#include "hpn-options.h"
#include "hpn-report.h"
#include "hpn-report-file.h"
#include "hpn-tcp.h"
#include "hpn-watch.h"
#include "hpn-watch-ssh.h"
#include "hpn-why-wire.h"

#define SECOND		1000000000ULL
#define MS		1000000ULL

/*
 * How long facts are good for: a second at least, a quarter of the time that they
 * are about, and this at most.
 */
#define FRESH_MOST	(10 * SECOND)

extern char *host;

static struct ssh *ours;
static const struct hpn_options *opts;
static pid_t pid;		/* whose loop it is; 0: it has not begun */
static int ended;		/* the last line was written */

static int asking;		/* an answer is due */
static int refused;		/* the server does not answer */
static uint64_t asked_ns;	/* when; 0: never */
static uint64_t answered_ns;	/* ... and when the answer came */
static uint64_t asked_total_ns;	/* time that counts, at that time */

static uint64_t metrics_ns;	/* when a line was begun; 0: never */
static double metrics_when;	/* ... and is it still to be written?  0: no */
static struct hpn_tcp_columns metrics_here;
static int metrics_failed;

static double
now_seconds(void)
{
	struct timeval tv;

	if (gettimeofday(&tv, NULL) == -1)
		return 0;
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

/* What is wrong, or NULL. */
static const char *
append(const char *path, const char *header, const char *line)
{
	const char *why;
	char *expanded = NULL;

	if (tilde_expand(path, getuid(), &expanded) != 0)
		return "no such user";
	why = hpn_report_file_append(expanded, header, line);
	free(expanded);
	return why;
}

static void
write_metrics(const struct hpn_tcp_columns *there)
{
	const char *path = hpn_options_path(&opts->metrics_path), *why;
	char names[HPN_REPORT_CSV], line[HPN_REPORT_CSV];

	if (metrics_when == 0 || path == NULL)
		return;
	if (hpn_report_csv_names(names, sizeof(names)) == 0 &&
	    hpn_report_csv(metrics_when, &metrics_here, there, line,
	    sizeof(line)) == 0) {
		why = append(path, names, line);
		if (why != NULL && !metrics_failed)
			verbose("MetricsPath %s: %s", path, why);
		metrics_failed = why != NULL;
	}
	metrics_when = 0;
}

static void
said(const struct hpn_watch_report *report)
{
	const char *path = hpn_options_path(&opts->report_file), *why;

	if (strcmp(report->event, "asked") != 0) {
		ended = 1;
		write_metrics(NULL);
	}
	if (path == NULL || report->json[0] == '\0')
		return;
	if ((why = append(path, NULL, report->json)) != NULL)
		verbose("HPNReportFile %s: %s", path, why);
}

static void
answered(struct ssh *ssh, int type, u_int32_t seq, void *ctx)
{
	struct hpn_why_wire told;
	const u_char *facts;
	size_t len;
	int r;

	asking = 0;
	answered_ns = hpn_clock_ns();
	if (type != SSH2_MSG_REQUEST_SUCCESS) {
		debug("The server does not tell its facts");
		refused = 1;
		return;
	}
	hpn_why_wire_init(&told);
	if ((r = sshpkt_get_string_direct(ssh, &facts, &len)) != 0)
		debug_fr(r, "parse");
	else if (hpn_watch_told(ssh, facts, len, &told) != 0)
		debug_f("the server's facts were ignored");
	write_metrics(&told.tcp);
}

/* columns: TCP_INFO as well.  Without moved, no facts: then it is a few bytes. */
static void
ask(struct ssh *ssh, uint64_t now, int columns, int moved)
{
	u_char buf[HPN_WHY_WIRE_MOST];
	struct hpn_why_wire mine;
	size_t len;
	int r;

	if (moved)
		hpn_watch_tell(ssh, &mine);
	else
		hpn_why_wire_init(&mine);
	mine.want_tcp = columns != 0;
	if ((len = hpn_why_wire_put(&mine, buf, sizeof(buf))) == 0)
		return;
	if ((r = sshpkt_start(ssh, SSH2_MSG_GLOBAL_REQUEST)) != 0 ||
	    (r = sshpkt_put_cstring(ssh, HPN_WHY_WIRE_REQUEST)) != 0 ||
	    (r = sshpkt_put_u8(ssh, 1)) != 0 ||
	    (r = sshpkt_put_string(ssh, buf, len)) != 0 ||
	    (r = sshpkt_send(ssh)) != 0)
		fatal_fr(r, "send packet");
	client_register_global_confirm(answered, NULL);
	asking = 1;
	asked_ns = now;
	asked_total_ns = ssh->hpn->watch.total.total_ns;
}

/* Whether the server has said that it answers. */
static int
may_ask(struct ssh *ssh, uint64_t now)
{
	return !asking && !refused && ssh->kex != NULL &&
	    (ssh->kex->flags & HPN_WHY_WIRE_ANSWERS) != 0 &&
	    !ssh_packet_is_rekeying(ssh) &&
	    hpn_why_wire_may_ask(asked_ns, answered_ns, now);
}

static void
trip(struct ssh *ssh, uint64_t now, struct timespec *timeout)
{
	uint64_t total = ssh->hpn->watch.total.total_ns, every, fresh;
	uint64_t left = UINT64_MAX;	/* until Metrics asks, at any rate */
	int columns = 0, moved = total > asked_total_ns;

	pid = getpid();
	if (opts->metrics) {
		every = (uint64_t)opts->interval * SECOND;
		if (metrics_ns == 0 || now - metrics_ns >= every) {
			write_metrics(NULL);	/* who has not answered */
			metrics_when = now_seconds();
			metrics_ns = now;
			columns = 1;
			(void)hpn_tcp_columns_get(
			    ssh_packet_get_connection_in(ssh), &metrics_here);
			if (!may_ask(ssh, now))
				write_metrics(NULL);
		}
		left = every - (now - metrics_ns);
		ptimeout_deadline_ms(timeout, (long)(left / MS) + 1);
	}
	if (!may_ask(ssh, now))
		return;
	fresh = total / 4 < SECOND ? SECOND : total / 4;
	if (fresh > FRESH_MOST)
		fresh = FRESH_MOST;
	if (columns || (moved && left >= SECOND &&
	    (asked_ns == 0 || now - asked_ns >= fresh)))
		ask(ssh, now, columns, moved);
}

void
hpn_watch_ssh_begin(struct ssh *ssh, const struct hpn_options *o)
{
	static struct hpn_watch_more more;

	if (ssh->hpn == NULL || ssh_packet_get_mux(ssh))
		return;
	ours = ssh;
	opts = o;
	more.host = host;
	more.trip = trip;
	more.said = said;
	hpn_watch_more(&more);
	if (o->report || hpn_options_path(&o->report_file) != NULL)
		hpn_watch_take_signal();
}

void
hpn_watch_ssh_over(void)
{
	struct hpn_watch_report report;

	/* A child of ours, or the parent of who went to the background, is not it */
	if (ours == NULL || ours->state == NULL || ended || pid != getpid())
		return;
	hpn_watch_report(ours, "broken", &report);
	said(&report);
}

void
hpn_watch_ssh_escape(struct ssh *ssh, struct sshbuf *out)
{
	struct hpn_watch_report report;
	int r;

	hpn_watch_report(ssh, "escape", &report);
	if ((r = sshbuf_putf(out, "%s\r\n", report.sentence)) != 0)
		fatal_fr(r, "sshbuf_putf");
}

int
hpn_watch_ssh_mux(struct ssh *ssh, u_int rid, struct Channel *c,
    struct sshbuf *request, struct sshbuf *reply)
{
	struct hpn_watch_report report;
	int r;

	debug2_f("channel %d: report", c->self);
	hpn_watch_report(ssh, "mux", &report);
	if ((r = sshbuf_put_u32(reply, HPN_WATCH_SSH_REPLY)) != 0 ||
	    (r = sshbuf_put_u32(reply, rid)) != 0 ||
	    (r = sshbuf_put_cstring(reply, report.json)) != 0 ||
	    (r = sshbuf_put_cstring(reply, report.sentence)) != 0)
		fatal_fr(r, "reply");
	return 0;
}

/* One line, whatever the master is. */
static int
is_line(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((u_char)s[i] < ' ' || (u_char)s[i] >= 0x7f)
			return 0;
	return 1;
}

void
hpn_watch_ssh_ask(int fd, int (*send)(int, struct sshbuf *),
    int (*receive)(int, struct sshbuf *))
{
	struct sshbuf *m;
	u_int type, rid;
	char *json, *sentence;
	size_t json_len, len;
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new");
	if ((r = sshbuf_put_u32(m, HPN_WATCH_SSH_REQUEST)) != 0 ||
	    (r = sshbuf_put_u32(m, 0)) != 0)
		fatal_fr(r, "request");
	if (send(fd, m) != 0)
		fatal_f("write packet: %s", strerror(errno));
	sshbuf_reset(m);
	if (receive(fd, m) != 0)
		fatal_f("read from master failed: %s", strerror(errno));
	if ((r = sshbuf_get_u32(m, &type)) != 0 ||
	    (r = sshbuf_get_u32(m, &rid)) != 0 ||
	    (r = sshbuf_get_cstring(m, &json, &json_len)) != 0)
		fatal_fr(r, "parse");
	if (type != HPN_WATCH_SSH_REPLY)
		fatal("The master does not say what limits it: %.200s", json);
	if ((r = sshbuf_get_cstring(m, &sentence, &len)) != 0)
		fatal_fr(r, "parse");
	if (!is_line(json, json_len) || !is_line(sentence, len))
		fatal("The master does not say what limits it");
	printf("%s\n", json);
	logit("%s", sentence);
	exit(fflush(stdout) == 0 ? 0 : 255);
}
