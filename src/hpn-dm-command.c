/* SPDX-License-Identifier: ISC */
/*
 * See hpn-dm-command.h for what this does.
 *
 *	source -> flow == ssh == sshd == dmscp -server -> command
 *	sink   <-                                      <-
 *
 * A connection that breaks is made again.  The run there is found by its secret.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "xmalloc.h"

#include "hpn-clock.h"
#include "hpn-dm-child.h"
#include "hpn-dm-command.h"
#include "hpn-dm-ends.h"
#include "hpn-dm-flow.h"
#include "hpn-dm-frame.h"
#include "hpn-dm-line.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-wait.h"

#define SECOND		1000000000ULL
#define PING_EVERY	(15 * SECOND)
/* For the other end to say that it has ended the command. */
#define CANCEL_WAIT	(5 * SECOND)
/* A connection that lasts so long works, even if there is nothing to be sent. */
#define QUIET_WORKS	(5 * SECOND)
#define SERVER		"dmscp -server"
#define NO_COMMAND	127

struct run {
	const struct hpn_dm_opts *o;
	struct hpn_dm_flow *flow;
	struct hpn_dm_line line;	/* what is shown */
	struct hpn_dm_ends end;
	int eof, sink_done;
	pid_t pid;			/* ssh */
	struct hpn_dm_wait wait;
	uint64_t again_ns, ping_ns, connect_ns;
	uint64_t worked_ns, worked;	/* when it last went on, and how far */
	int welcomed, ever, stays;
	uint64_t welcomed_ns;
	uint64_t keep_s;
	int result;
	struct hpn_dm_frame how;	/* RESULT */
	char *sorry;
	u_int sorry_status;
	unsigned char secret[HPN_DM_FRAME_SECRET];
};

static void
put_simple(struct run *r, enum hpn_dm_frame_type type)
{
	struct hpn_dm_frame f;

	memset(&f, 0, sizeof(f));
	f.type = type;
	hpn_dm_flow_put(r->flow, &f);
}

/* Wait for the other end, or for time to pass; nothing of the stream is moved. */
static int
flow_wait(struct run *r, hpn_dm_flow_fn *fn, int ms)
{
	struct pollfd pfd[2];

	memset(pfd, 0, sizeof(pfd));
	hpn_dm_flow_fds(r->flow, &pfd[0].fd, &pfd[1].fd);
	pfd[0].events = POLLIN;
	pfd[1].events = POLLOUT;
	if (poll(pfd, 2, ms) == -1 && errno != EINTR)
		return -1;
	if (pfd[0].revents != 0)
		return hpn_dm_flow_read(r->flow, fn, r);
	return pfd[1].revents == 0 ? 0 : hpn_dm_flow_write(r->flow);
}

static void
ignore(void *context, const struct hpn_dm_frame *f)
{
	struct run *r = context;

	if (f->type == HPN_DM_FRAME_SORRY)
		r->sorry_status = 1;
}

static void __attribute__((noreturn)) __attribute__((format(printf, 3, 4)))
die(struct run *r, int status, const char *fmt, ...)
{
	uint64_t until = hpn_clock_ns() + CANCEL_WAIT;
	char *text;
	va_list args;

	va_start(args, fmt);
	xvasprintf(&text, fmt, args);
	va_end(args);
	hpn_dm_line_clear(&r->line);
	error("%s", text);
	free(text);
	/* Nobody there may take what it has got for all, or wait for more */
	if (r->welcomed && r->sorry == NULL) {
		put_simple(r, r->result ? HPN_DM_FRAME_DONE :
		    HPN_DM_FRAME_CANCEL);
		r->sorry_status = 0;
		while (hpn_clock_ns() < until && r->sorry_status == 0 &&
		    flow_wait(r, ignore, 100) == 0)
			;
	} else if (r->ever && r->stays && !r->result && r->sorry == NULL)
		error("the command on %s is ended within %llu seconds",
		    r->o->host, (unsigned long long)r->keep_s);
	hpn_dm_child_exit(status);
}

/* ---- the connection ---- */

static void
run_connect(struct run *r)
{
	const struct hpn_dm_opts *o = r->o;
	struct hpn_dm_frame f;
	char *what = NULL;
	int in, out;

	if (o->subsystem != NULL)
		what = xstrdup(o->subsystem);
	else if (o->prefix != NULL)
		xasprintf(&what, "%s; exec %s", o->prefix, SERVER);
	else
		what = xstrdup(SERVER);
	/* Two pipes: one of them may be lent what is in the buffer */
	r->pid = hpn_dm_child_ssh(o, what, o->subsystem == NULL, r->ever, &in,
	    &out);
	free(what);
	hpn_dm_flow_connect(r->flow, in, out);
	memset(&f, 0, sizeof(f));
	f.type = r->ever ? HPN_DM_FRAME_AGAIN : HPN_DM_FRAME_HELLO;
	f.version = HPN_DM_FRAME_VERSION;
	memcpy(f.secret, r->secret, sizeof(f.secret));
	f.offset = hpn_dm_flow_got_bytes(r->flow);
	f.flags = (o->writes ? HPN_DM_FRAME_WRITES : 0) |
	    (o->sha256 ? HPN_DM_FRAME_WITH_SHA : 0);
	f.keep = o->timeout_s;
	f.buffer = o->buffer;
	f.text = o->dir != NULL ? o->dir : "";
	f.text_len = strlen(f.text);
	f.text2 = o->command;
	f.text2_len = strlen(f.text2);
	hpn_dm_flow_put(r->flow, &f);
	r->ping_ns = r->connect_ns = hpn_clock_ns();
}

/* How the command has ended says how all has. */
static void
check_result(struct run *r)
{
	const struct hpn_dm_opts *o = r->o;
	int value = (int)r->how.value & 0xff;

	if (r->how.flags & HPN_DM_FRAME_SIGNAL)
		die(r, HPN_DM_CHILD_FAILED, "the command on %s was ended by "
		    "signal %d", o->host, value);
	if (value != 0)
		die(r, value, "the command on %s ended with exit status %d%s",
		    o->host, value, r->how.flags & HPN_DM_FRAME_EARLY ?
		    ", before it had read all" : "");
	if (r->how.flags & HPN_DM_FRAME_EARLY)
		die(r, HPN_DM_CHILD_COMMAND, "the command on %s ended before "
		    "it had read all, with exit status 0", o->host);
	if (o->writes && !hpn_dm_flow_all_acked(r->flow))
		die(r, HPN_DM_CHILD_FAILED, "%s says that all is done, and has "
		    "not acknowledged all", o->host);
}

static void
message(void *context, const struct hpn_dm_frame *f)
{
	struct run *r = context;

	switch (f->type) {
	case HPN_DM_FRAME_WELCOME:
		if (hpn_dm_flow_begin(r->flow, f->offset) == -1)
			die(r, HPN_DM_CHILD_FAILED, "%s has what was not sent",
			    r->o->host);
		r->welcomed = 1;
		r->welcomed_ns = hpn_clock_ns();
		r->stays = (f->flags & HPN_DM_FRAME_STAYS) != 0;
		r->keep_s = f->keep < r->o->timeout_s ? f->keep :
		    r->o->timeout_s;
		if (!r->ever && !r->stays)
			verbose("a connection that breaks cannot be made "
			    "again: %.*s", (int)f->text_len, f->text);
		r->ever = 1;
		break;
	case HPN_DM_FRAME_NOTE:
		hpn_dm_line_clear(&r->line);
		(void)write(STDERR_FILENO, f->text, f->text_len);
		break;
	case HPN_DM_FRAME_RESULT:
		r->result = 1;
		r->how = *f;
		break;
	case HPN_DM_FRAME_SORRY:
		xasprintf(&r->sorry, "%.*s", (int)f->text_len, f->text);
		r->sorry_status = f->value >= HPN_DM_CHILD_LINE &&
		    f->value <= HPN_DM_CHILD_FAILED ? f->value :
		    HPN_DM_CHILD_FAILED;
		break;
	default:
		break;
	}
}

/* The connection has gone. */
static void
lost(struct run *r)
{
	const char *host = r->o->host;
	uint64_t delay, now = hpn_clock_ns();
	int status = 0, was = r->welcomed, i, most = r->ever ? 4 : 20;

	hpn_dm_flow_lost(r->flow);
	r->welcomed = 0;
	if (hpn_dm_child_interrupted())
		return;
	/* It is about to end, and may have something to say */
	for (i = 0; i < most && !hpn_dm_child_ended(r->pid, 0, &status); i++)
		(void)usleep(50000);
	if (i == most)
		hpn_dm_child_stop(r->pid);
	r->pid = 0;
	if (!r->ever) {
		if (r->o->subsystem != NULL)
			die(r, HPN_DM_CHILD_FAILED, "no subsystem \"%s\" on %s "
			    "that is " SERVER, r->o->subsystem, host);
		if (WIFEXITED(status) && WEXITSTATUS(status) == NO_COMMAND)
			die(r, HPN_DM_CHILD_FAILED, "no dmscp in the PATH of "
			    "the shell on %s: -prefix and -subsystem help to "
			    "find it, -nochecksum does without", host);
		die(r, HPN_DM_CHILD_FAILED, "no " SERVER " on %s", host);
	}
	if (!r->stays)
		die(r, HPN_DM_CHILD_LINE, "connection to %s lost, and the "
		    "command with it", host);
	if (!hpn_dm_wait_failed(&r->wait, HPN_DM_WAIT_LINE, now, &delay) ||
	    (r->wait.waiting && now - r->wait.since_ns >=
	    r->keep_s * SECOND))
		die(r, HPN_DM_CHILD_LINE, "connection to %s lost, and not "
		    "regained within %llu seconds (-T, or -keep there)", host,
		    (unsigned long long)r->keep_s);
	r->again_ns = now + (was && delay > SECOND / 4 ? SECOND / 4 : delay);
	hpn_dm_line_clear(&r->line);
	if (was)
		logit("connection to %s lost, connecting again", host);
}

/* ---- the stream ---- */

static void
source_read(struct run *r)
{
	const struct hpn_dm_opts *o = r->o;
	char *why;
	ssize_t n;

	hpn_dm_ends_read_begin(&r->end);
	if ((n = hpn_dm_flow_source(r->flow, r->end.fd)) == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		die(r, HPN_DM_CHILD_COMMAND, "cannot read the source: %s: the "
		    "command on %s is ended", strerror(errno), o->host);
	}
	hpn_dm_ends_read_end(&r->end);
	if (o->sized && hpn_dm_flow_read_bytes(r->flow) > o->size)
		die(r, HPN_DM_CHILD_COMMAND, "the source has more than the "
		    "%llu bytes of -size: the command on %s is ended",
		    (unsigned long long)o->size, o->host);
	if (n > 0)
		return;
	r->eof = 1;
	if ((why = hpn_dm_ends_source_ended(&r->end, o,
	    hpn_dm_flow_read_bytes(r->flow))) != NULL)
		die(r, HPN_DM_CHILD_COMMAND, "%s: the command on %s is ended",
		    why, o->host);
	hpn_dm_flow_source_ended(r->flow);
}

static void
sink_failed(struct run *r, const char *why)
{
	die(r, HPN_DM_CHILD_COMMAND, "%s", hpn_dm_ends_sink_ended(&r->end,
	    hpn_dm_flow_given_bytes(r->flow), why));
}

static void
sink_write(struct run *r)
{
	if (hpn_dm_flow_sink(r->flow, r->end.fd) == -1 && errno != EAGAIN &&
	    errno != EINTR)
		sink_failed(r, strerror(errno));
}

static void
works(struct run *r, uint64_t now)
{
	uint64_t ns = hpn_dm_wait_worked(&r->wait, now);

	if (ns == 0)
		return;
	hpn_dm_line_clear(&r->line);
	logit("connected to %s again, going on after %llu.%llu seconds",
	    r->o->host, (unsigned long long)(ns / SECOND),
	    (unsigned long long)(ns % SECOND / (SECOND / 10)));
}

/* Whether it goes on: no answer for the time of -T is none. */
static void
check_time(struct run *r)
{
	const struct hpn_dm_opts *o = r->o;
	uint64_t now = hpn_clock_ns(), done, silence;

	if (!hpn_dm_flow_connected(r->flow)) {
		if (now >= r->again_ns)
			run_connect(r);
		return;
	}
	silence = hpn_dm_wait_silence(&r->wait, r->ever);
	if (!r->welcomed && now - r->connect_ns > silence) {
		if (!r->ever)
			die(r, HPN_DM_CHILD_LINE, "no " SERVER " on %s within "
			    "%llu seconds", o->host,
			    (unsigned long long)(silence / SECOND));
		lost(r);
		return;
	}
	if (r->welcomed && now - r->ping_ns > PING_EVERY) {
		put_simple(r, HPN_DM_FRAME_PING);
		r->ping_ns = now;
	}
	done = o->writes ? hpn_dm_flow_acked_bytes(r->flow) :
	    hpn_dm_flow_given_bytes(r->flow);
	if (done != r->worked || !r->ever || (o->writes && r->welcomed && !r->eof &&
	    hpn_dm_flow_read_bytes(r->flow) == done)) {
		if (r->welcomed)
			works(r, now);
		r->worked = done;
		r->worked_ns = now;
	} else if (r->welcomed && now - r->welcomed_ns > QUIET_WORKS)
		works(r, now);
	if (o->timeout_s != 0 && now - r->worked_ns > o->timeout_s * SECOND)
		die(r, HPN_DM_CHILD_LINE, o->writes ? "the command on %s has "
		    "taken nothing for %llu seconds (-T)" : "the command on %s "
		    "has written nothing for %llu seconds (-T)", o->host,
		    (unsigned long long)o->timeout_s);
}

/* Returns whether all is done. */
static int
finished(struct run *r)
{
	char *why;

	if (!r->o->writes) {
		switch (hpn_dm_flow_whole(r->flow)) {
		case HPN_DM_FLOW_DIFFERS:
			die(r, HPN_DM_CHILD_DIFFERS, "what has arrived from %s "
			    "differs from what was sent", r->o->host);
		case 0:
			if (r->result && !hpn_dm_flow_pending(r->flow)) {
				check_result(r);
				die(r, HPN_DM_CHILD_FAILED, "%s says that all "
				    "is done, before the end of the stream",
				    r->o->host);
			}
			return 0;
		}
	}
	if (!r->result)
		return 0;
	check_result(r);
	if (!r->o->writes && (why = hpn_dm_ends_sink_ended(&r->end,
	    hpn_dm_flow_given_bytes(r->flow), NULL)) != NULL)
		die(r, HPN_DM_CHILD_COMMAND, "%s", why);
	return 1;
}

static void
wait_for(struct run *r)
{
	struct pollfd pfd[3];
	int n = 0, i, writes = r->o->writes;

	memset(pfd, 0, sizeof(pfd));
	hpn_dm_flow_fds(r->flow, &pfd[0].fd, &pfd[1].fd);
	/* The result is the last that comes */
	if (r->result)
		pfd[0].fd = -1;
	pfd[0].events = POLLIN;
	pfd[1].events = POLLOUT;
	pfd[2].fd = (writes ? r->ever && !r->eof && hpn_dm_flow_room(r->flow) &&
	    hpn_dm_ends_reads(&r->end, hpn_dm_flow_unsent(r->flow)) :
	    hpn_dm_flow_pending(r->flow)) ? r->end.fd : -1;
	pfd[2].events = writes ? POLLIN : POLLOUT;
	if (poll(pfd, 3, 100) == -1) {
		if (errno != EINTR)
			fatal("poll: %s", strerror(errno));
		return;
	}
	if (pfd[2].revents != 0) {
		if (writes)
			source_read(r);
		else
			sink_write(r);
	} else if (!writes)
		hpn_dm_flow_ack(r->flow);
	if (pfd[0].revents != 0)
		n = hpn_dm_flow_read(r->flow, message, r);
	/* Why it has gone may have been said */
	if (n == 0 && !r->result && hpn_dm_flow_write(r->flow) != 0) {
		for (i = 0; i < 5 && n == 0 && !r->result &&
		    r->sorry == NULL; i++)
			n = flow_wait(r, message, 1000);
		if (n == 0)
			n = HPN_DM_FLOW_LOST;
	}
	if (r->sorry != NULL)
		die(r, (int)r->sorry_status, "%s: %s", r->o->host, r->sorry);
	if (n == HPN_DM_FLOW_WRONG)
		die(r, HPN_DM_CHILD_FAILED, "the " SERVER " on %s breaks the "
		    "rules: %s", r->o->host, hpn_dm_flow_wrong(r->flow));
	if (n == HPN_DM_FLOW_DIFFERS)
		die(r, HPN_DM_CHILD_DIFFERS, "what has arrived from %s differs "
		    "from what was sent", r->o->host);
	if (!r->result && n != 0 && hpn_dm_flow_connected(r->flow))
		lost(r);
}

/* Everything is known: have the other end forget it. */
static void
say_goodbye(struct run *r)
{
	uint64_t until = hpn_clock_ns() + CANCEL_WAIT;

	put_simple(r, HPN_DM_FRAME_DONE);
	while (hpn_clock_ns() < until && flow_wait(r, ignore, 100) == 0)
		;
	hpn_dm_flow_lost(r->flow);
	if (r->pid != 0)
		hpn_dm_child_finish(r->pid, r->o->timeout_s);
}

static void
show(struct run *r, int last)
{
	char text[64];

	snprintf(text, sizeof(text), "buffer %d%% full",
	    hpn_dm_flow_full(r->flow));
	hpn_dm_line_show(&r->line, r->o->writes ?
	    hpn_dm_flow_acked_bytes(r->flow) :
	    hpn_dm_flow_given_bytes(r->flow), r->o->size, text, last);
}

/* ---- without a server ---- */

static void
plain(const struct hpn_dm_opts *o)
{
	struct hpn_dm_ends end;
	char *line = xstrdup("exec sh -c"), *why, *text;
	pid_t pid;
	int status, gone;

	verbose("nothing is compared, and a connection that breaks loses the "
	    "rest (-nochecksum)");
	if (o->dir != NULL) {
		text = hpn_dm_child_quote(xstrdup("cd --"), o->dir);
		xasprintf(&why, "%s && { %s\n}", text, o->command);
		free(text);
	} else
		why = xstrdup(o->command);
	line = hpn_dm_child_quote(line, why);
	free(why);
	if (o->prefix != NULL) {
		xasprintf(&why, "%s; %s", o->prefix, line);
		free(line);
		line = why;
	}
	if (o->writes)
		hpn_dm_ends_source(&end, o);
	else
		hpn_dm_ends_sink(&end, o);
	pid = hpn_dm_child_ssh_direct(o, line, 0, o->writes ? end.fd : -1,
	    o->writes ? -1 : end.fd);
	free(line);
	if (o->writes && o->source != NULL) {
		close(end.fd);
		end.fd = -1;
	}
	(void)hpn_dm_child_ended(pid, 1, &status);
	if (hpn_dm_child_interrupted())
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "ended by signal %d",
		    hpn_dm_child_interrupted());
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		/* We hold its pipe: it has not ended because that has */
		if (!o->writes && end.pid != 0 &&
		    hpn_dm_child_ended(end.pid, 0, &gone))
			hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "the sink ended "
			    "with %s, before all was written",
			    hpn_dm_child_status(gone));
		hpn_dm_child_die(WIFEXITED(status) ? WEXITSTATUS(status) :
		    HPN_DM_CHILD_FAILED, "the command on %s ended with %s",
		    o->host, hpn_dm_child_status(status));
	}
	why = o->writes ?
	    hpn_dm_ends_source_ended(&end, o, HPN_DM_ENDS_UNCOUNTED) :
	    hpn_dm_ends_sink_ended(&end, 0, NULL);
	if (why != NULL)
		hpn_dm_child_die(HPN_DM_CHILD_COMMAND, "%s", why);
}

void
hpn_dm_command(const struct hpn_dm_opts *o)
{
	struct run run, *r = &run;
	int sig;

	if (!o->writes && o->sink == NULL && isatty(STDOUT_FILENO))
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "standard output is a "
		    "terminal");
	if (o->nochecksum) {
		plain(o);
		return;
	}
	memset(r, 0, sizeof(*r));
	r->o = o;
	arc4random_buf(r->secret, sizeof(r->secret));
	hpn_dm_wait_begin(&r->wait, o->timeout_s);
	if ((r->flow = hpn_dm_flow_new(o->writes, 1, o->buffer,
	    o->sha256)) == NULL)
		hpn_dm_child_die(HPN_DM_CHILD_FAILED, "no hashes, or no memory "
		    "for a buffer of %llu bytes",
		    (unsigned long long)o->buffer);
	r->line.o = o;
	r->worked_ns = r->line.begun_ns = r->line.shown_ns = hpn_clock_ns();
	/* First, so that ssh has not got the pipe of the source or sink */
	run_connect(r);
	if (o->writes)
		hpn_dm_ends_source(&r->end, o);
	else {
		hpn_dm_ends_sink(&r->end, o);
		hpn_dm_ends_sink_own(&r->end);
	}
	while (!finished(r)) {
		check_time(r);
		show(r, 0);
		wait_for(r);
		if ((sig = hpn_dm_child_interrupted()) != 0)
			die(r, HPN_DM_CHILD_FAILED, "ended by signal %d: the "
			    "command on %s is ended", sig, o->host);
	}
	show(r, 1);
	say_goodbye(r);
	verbose("the command on %s: %llu bytes, hashes compared", o->host,
	    (unsigned long long)(o->writes ? hpn_dm_flow_read_bytes(r->flow) :
	    hpn_dm_flow_given_bytes(r->flow)));
}
