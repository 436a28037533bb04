/* SPDX-License-Identifier: ISC */
/* See hpn-watch.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "channels.h"
#include "hpn-channels.h"
#include "hpn-clock.h"
#include "hpn-connection.h"
#include "hpn-none-hooks.h"
#include "hpn-options.h"
#include "hpn-report.h"
#include "hpn-tcp.h"
#include "hpn-watch.h"
#include "hpn-watch-ask.h"
#include "hpn-why.h"
#include "hpn-why-wire.h"

#define SECOND		1000000000ULL
#define MS		1000000ULL

/*
 * A second that moved less than this, waited for nobody and saw no questions and
 * answers, but a person's, does not count.
 */
#define IDLE		(16 * 1024)
/* A second in which more than one in so many bytes was sent again is lossy. */
#define LOSSY_PART	200
/* sshd's line is for who moved more, or was busy for longer. */
#define MUCH		(64ULL * 1024 * 1024)
#define LONG		(30 * SECOND)

/* A copy that took so long is worth a line. */
#define WORTH		(10 * SECOND)

/* What the log takes of a long text at a time. */
#define LINE		900

/* The transfer is the session's if that has more than one in so many bytes. */
#define SESSION_PART	20

/* What channels wait for, as bits. */
#define WINDOW		0x01
#define SINK		0x02
#define REKEY		0x04

/* What scp or sftp that started us said. */
static int metered;
static int copies;
static int first;		/* of several connections that copy */
static uint64_t copy_limit;
static volatile sig_atomic_t asked_now;
static const struct hpn_watch_more *more;

static struct hpn_watch *
watch_of(struct ssh *ssh)
{
	return ssh->hpn == NULL ? NULL : &ssh->hpn->watch;
}

static int
reports(struct ssh *ssh)
{
	return ssh->hpn != NULL && ssh->hpn->options.report;
}

static void
round_trip(struct ssh *ssh, struct hpn_why_end *e)
{
	e->rtt_ns = hpn_channels_round_trip(ssh);
	e->window_max = ssh->hpn->window_max;
	e->memory_max = ssh->hpn->memory_max;
	e->limit = (uint64_t)ssh->hpn->sends.rate;
	if (copy_limit != 0 && (e->limit == 0 || copy_limit < e->limit))
		e->limit = copy_limit;
}

static void
add(struct hpn_why_end *to, const struct hpn_why_end *from)
{
#define SUM(member)	to->member += from->member
	SUM(total_ns);
	SUM(source_ns);
	SUM(asked_ns);
	SUM(window_ns);
	SUM(tcp_ns);
	SUM(rekey_ns);
	SUM(run_ns);
	SUM(sink_ns);
	SUM(gap_ns);
	SUM(gaps);
	SUM(pause_ns);
	SUM(zip_ns);
	SUM(asked);
#undef SUM
}

static uint64_t
thread_ns(void)
{
#ifdef CLOCK_THREAD_CPUTIME_ID
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) == 0)
		return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
#endif
	return 0;
}

/* How long this thread has waited for a processor: Linux tells. */
static uint64_t
queue_ns(struct hpn_watch *w)
{
#ifdef __linux__
	char buf[128], *cp;
	ssize_t n;
	int fd;

	if (w->no_queue)
		return 0;
	if ((fd = open("/proc/self/schedstat", O_RDONLY|O_CLOEXEC)) != -1) {
		n = read(fd, buf, sizeof(buf) - 1);
		close(fd);
		if (n > 0) {
			buf[n] = '\0';
			if ((cp = strchr(buf, ' ')) != NULL)
				return strtoull(cp, NULL, 10);
		}
	}
#endif
	w->no_queue = 1;
	return 0;
}

/* Counters of the kernel's only grow; should one not, then by nothing. */
static uint64_t
grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void
take_tcp(struct ssh *ssh, struct hpn_watch *w, int counts, uint64_t took)
{
	struct hpn_why_end *t = &w->total;
	struct hpn_tcp_account a;
	uint64_t rate, mean, sent, again;

	if (hpn_tcp_account_get(ssh_packet_get_connection_out(ssh), &a) != 0)
		a.rtt_ns = 0;
	if (counts) {
		sent = grown(a.sent, w->tcp.sent);
		again = grown(a.again, w->tcp.again);
		if (took >= SECOND / 2) {
			rate = (w->now.sent + w->now.received) * 1000 /
			    (took / MS);
			t->seconds++;
			w->rate += rate;
			mean = w->rate / t->seconds;
			w->spread += rate > mean ? rate - mean : mean - rate;
			t->uneven = w->rate == 0 ? 0 : w->spread * 1000 / w->rate;
			w->rtt_ns += a.rtt_ns;
			t->tcp_lossy += again > sent / LOSSY_PART;
		}
		t->tcp_known = a.rtt_ns != 0;
		t->tcp_busy_ns += grown(a.busy_ns, w->tcp.busy_ns);
		t->tcp_rwnd_ns += grown(a.rwnd_ns, w->tcp.rwnd_ns);
		t->tcp_sndbuf_ns += grown(a.sndbuf_ns, w->tcp.sndbuf_ns);
		t->tcp_sent += sent;
		t->tcp_again += again;
		t->tcp_segs_in += grown(a.segs_in, w->tcp.segs_in);
		t->tcp_ooo += grown(a.ooo, w->tcp.ooo);
		t->tcp_app_limited += a.app_limited;
		t->tcp_rtt_ns = t->seconds == 0 ? a.rtt_ns :
		    w->rtt_ns / t->seconds;
		t->tcp_rtt_min_ns = a.rtt_min_ns;
		t->tcp_rate = a.rate;
		t->tcp_pace = a.pace;
		t->tcp_cwnd = a.cwnd;
		t->tcp_flight = a.flight;
		t->tcp_sndbuf = a.sndbuf;
		t->tcp_rcvbuf = a.rcvbuf;
		t->tcp_rcvwnd = a.rcvwnd;
		if (a.sndwnd > t->tcp_sndwnd)
			t->tcp_sndwnd = a.sndwnd;
		memcpy(t->cc, a.cc, sizeof(t->cc));
	}
	w->tcp = a;
}

/* What is counted from now on. */
static void
look(struct ssh *ssh, struct hpn_watch *w)
{
	w->stale = 0;
	w->cpu_ns = thread_ns();
	w->queue_ns = queue_ns(w);
	take_tcp(ssh, w, 0, 0);
}

/*
 * The second that is under way is over: does it count?  If not, the kernel is
 * asked nothing: thousands of connections may carry little each.
 */
static void
second_over(struct ssh *ssh, struct hpn_watch *w, uint64_t now)
{
	uint64_t took = now - w->begun_ns, cpu, queue, stuck;
	int counts;

	/* A wait that is under way is not told apart any more */
	w->now.source_ns += w->held_ns;
	w->held_ns = 0;
	w->total.sent += w->now.sent;
	w->total.received += w->now.received;
	stuck = w->now.tcp_ns + w->now.window_ns + w->now.sink_ns;
	counts = w->begun_ns != 0 && (w->moved > IDLE * (took / MS + 1) / 1000 ||
	    stuck > took / 2 || (w->now.asked > 1 && !w->terminal));
	if (w->begun_ns == 0 || (counts && w->stale))
		look(ssh, w);
	if (counts) {
		cpu = thread_ns();
		queue = queue_ns(w);
		if (ssh_packet_compresses(ssh))
			w->now.zip_ns = w->now.total_ns;
		round_trip(ssh, &w->total);
		add(&w->total, &w->now);
		w->total.known = 1;
		w->total.cpu_ns += grown(cpu, w->cpu_ns);
		w->total.queue_ns += grown(queue, w->queue_ns);
		take_tcp(ssh, w, counts, took);
		w->cpu_ns = cpu;
		w->queue_ns = queue;
	} else if (w->begun_ns != 0)
		w->stale = 1;
	memset(&w->now, 0, sizeof(w->now));
	w->moved = 0;
	w->begun_ns = now;
}

/* What the channels wait for, as bits. */
static int
blocked(struct hpn_watch *w, Channel **channels, u_int n, Channel **any,
    uint64_t *pending)
{
	Channel *c;
	int bits = 0;
	u_int i;

	for (i = 0; i < n; i++) {
		if ((c = channels[i]) == NULL || c->type != SSH_CHANNEL_OPEN)
			continue;
		w->terminal |= c->isatty || c->client_tty;
		if (*any == NULL)
			*any = c;
		if (c->remote_window > w->total.window)
			w->total.window = c->remote_window;
		if (c->local_window_max > w->total.window_own)
			w->total.window_own = c->local_window_max;
		/* While it is shut, the program is not even listened to */
		if (c->remote_window == 0 && (c->istate == CHAN_INPUT_OPEN ||
		    sshbuf_len(c->input) != 0)) {
			bits |= WINDOW;
			*any = c;
		}
		if (sshbuf_len(c->output) != 0) {
			*pending += sshbuf_len(c->output);
			bits |= SINK;
		}
	}
	return bits;
}

void
hpn_watch_facts(struct ssh *ssh, struct hpn_why_facts *f)
{
	struct hpn_watch *w = watch_of(ssh);
	uint64_t now = hpn_clock_ns(), session;

	memset(f, 0, sizeof(*f));
	if (w == NULL || w->begun_ns == 0)
		return;
	round_trip(ssh, &w->total);
	second_over(ssh, w, now);
	f->here = w->total;
	f->there = w->there;
	f->copies = copies;
	/* Where a session carries something, the question is about that */
	session = f->here.session_sent + f->here.session_received;
	f->sends = session > (f->here.sent + f->here.received) / SESSION_PART ?
	    f->here.session_sent > f->here.session_received :
	    f->here.sent > f->here.received;
}

void
hpn_watch_report(struct ssh *ssh, const char *event,
    struct hpn_watch_report *report)
{
	struct hpn_why_facts f;
	struct hpn_why why;
	struct timeval now;
	size_t i;

	memset(report, 0, sizeof(*report));
	hpn_watch_facts(ssh, &f);
	hpn_why_decide(&f, &why);
	report->event = event;
	report->cause = why.cause[0];
	report->total_ns = f.here.total_ns;
	hpn_report_sentence(&f, &why, report->sentence,
	    sizeof(report->sentence));
	if (gettimeofday(&now, NULL) == -1)
		memset(&now, 0, sizeof(now));
	if (hpn_report_json(&f, &why, (double)now.tv_sec +
	    (double)now.tv_usec / 1e6, event, more == NULL ? NULL : more->host,
	    report->json, sizeof(report->json)) == 0)
		for (i = 0; i < strlen(report->json); i += LINE)
			debug3("verdict: %.*s", LINE, report->json + i);
}

/*
 * A line at this level; at INFO if it is asked for, or if it is worth it to who
 * has watched a copy.
 */
static void
say(struct ssh *ssh, LogLevel level, const char *event)
{
	struct hpn_watch_report report;

	if (ssh->hpn == NULL)
		return;
	hpn_watch_report(ssh, event, &report);
	if (more != NULL)
		more->said(&report);
	if (report.total_ns == 0)
		return;
	if (reports(ssh) || (metered && report.total_ns >= WORTH &&
	    report.cause != HPN_WHY_PATH && report.cause != HPN_WHY_NOTHING &&
	    isatty(STDERR_FILENO)))
		level = SYSLOG_LEVEL_INFO;
	/* What it says of rates is not true of the copy */
	do_log2(level, "%s%s", first ? "first connection: " : "",
	    report.sentence);
}

void
hpn_watch_sleep(struct ssh *ssh, Channel **channels, u_int nchannels,
    struct timespec *timeout)
{
	struct hpn_watch *w = watch_of(ssh);
	uint64_t now, gap, arrived, trip;
	Channel *any = NULL;

	if (w == NULL)
		return;
	if (asked_now) {
		asked_now = 0;
		say(ssh, SYSLOG_LEVEL_INFO, "asked");
	}
	now = hpn_clock_ns();
	arrived = w->delivered;
	w->blocked = blocked(w, channels, nchannels, &any, &arrived);
	if (w->woke_ns == 0)
		second_over(ssh, w, now);	/* the first one begins */
	else {
		w->now.run_ns += now - w->woke_ns;
		w->now.total_ns += now - w->woke_ns;
	}
	if (arrived > w->arrived) {
		/* Data have come, and so ended what waited for them */
		if (w->held_ns != 0 && w->answered) {
			w->now.asked_ns += w->held_ns;
			w->now.asked++;
		} else
			w->now.source_ns += w->held_ns;
		w->held_ns = 0;
		w->answered = 0;
		gap = w->woke_ns - w->arrived_ns;
		/* TCP's, unless that only leads next door */
		trip = w->tcp.rtt_min_ns >= MS ? w->tcp.rtt_min_ns :
		    w->total.rtt_ns;
		if (trip == 0 && gap >= MS)
			trip = w->total.rtt_ns = hpn_channels_round_trip(ssh);
		if (w->arrived_ns != 0 && !w->stalled &&
		    gap >= MS && gap >= trip / 4) {
			w->now.gap_ns += gap;
			w->now.gaps++;
			if (trip != 0 && gap > 2 * trip)
				w->now.pause_ns += gap;
		}
		w->arrived_ns = now;
		w->stalled = 0;
	} else if (w->total.sent + w->now.sent != w->sent) {
		w->now.source_ns += w->held_ns;
		w->held_ns = 0;
	}
	/* Else that was more window or the like, and the wait goes on */
	w->sent = w->total.sent + w->now.sent;
	if (now - w->begun_ns >= SECOND)
		second_over(ssh, w, now);
	else if (w->stale && w->moved > IDLE)
		look(ssh, w);	/* this second will count */
	w->arrived = arrived;
	if (ssh_packet_is_rekeying(ssh))
		w->blocked |= REKEY;
	/* Such waits mean something by the round trip: ask for it, unless known */
	if (any != NULL && w->now.window_ns + w->now.asked_ns > SECOND / 10 &&
	    w->total.rtt_ns == 0 &&
	    (w->total.rtt_ns = hpn_channels_round_trip(ssh)) == 0)
		hpn_channels_ask_round_trip(ssh, any);
	if (more != NULL)
		more->trip(ssh, now, timeout);
	w->slept_ns = now;
}

void
hpn_watch_wake(struct ssh *ssh, const struct pollfd *pfd, u_int npfd)
{
	struct hpn_watch *w = watch_of(ssh);
	uint64_t now, slept;

	if (w == NULL || w->slept_ns == 0 || npfd < 2)
		return;
	now = hpn_clock_ns();
	slept = now - w->slept_ns;
	w->now.total_ns += slept;
	if ((pfd[1].events & POLLOUT) != 0)
		w->now.tcp_ns += slept;
	else if ((w->blocked & REKEY) != 0)
		w->now.rekey_ns += slept;
	else if ((w->blocked & WINDOW) != 0)
		w->now.window_ns += slept;
	else if (pfd[0].revents != 0)
		w->held_ns += slept;
	else {
		w->now.source_ns += w->held_ns + slept;
		w->held_ns = 0;
	}
	if ((w->blocked & SINK) != 0) {
		w->now.sink_ns += slept;
		if (slept > MS)
			w->stalled = 1;
	}
	w->woke_ns = now;
}

void
hpn_watch_tell(struct ssh *ssh, struct hpn_why_wire *mine)
{
	struct hpn_watch *w = watch_of(ssh);
	struct hpn_why_facts f;

	hpn_why_wire_init(mine);
	if (w == NULL)
		return;
	/* A second that has just begun says little, and would end with it */
	if (hpn_clock_ns() - w->begun_ns >= SECOND / 2) {
		hpn_watch_facts(ssh, &f);
		mine->end = f.here;
	} else {
		mine->end = w->total;
		/* The other end has got what this second moved, all the same */
		mine->end.sent += w->now.sent;
		mine->end.received += w->now.received;
	}
}

int
hpn_watch_told(struct ssh *ssh, const u_char *facts, size_t len,
    struct hpn_why_wire *told)
{
	struct hpn_watch *w = watch_of(ssh);
	struct hpn_why_end here;
	uint64_t age;

	if (w == NULL || hpn_why_wire_get(told, facts, len) != 0)
		return -1;
	if (!told->end.known)
		return 0;
	here = w->total;
	here.sent += w->now.sent;
	here.received += w->now.received;
	/* 0: the connection is about to end, which nobody asks about any more */
	age = ssh->hpn->began_ns == 0 ? 0 : hpn_clock_ns() - ssh->hpn->began_ns;
	if (!hpn_why_wire_agrees(&here, &told->end, age)) {
		debug_f("the other end's facts contradict ours");
		memset(&w->there, 0, sizeof(w->there));
		return -1;
	}
	w->there = told->end;
	return 0;
}

int
hpn_watch_answer(struct ssh *ssh, const char *request, struct sshbuf **answer)
{
	struct hpn_watch *w = watch_of(ssh);
	struct hpn_why_wire told, mine;
	u_char buf[HPN_WHY_WIRE_MOST];
	const u_char *facts;
	uint64_t now = hpn_clock_ns();
	size_t len;
	int r;

	if (strcmp(request, HPN_WHY_WIRE_REQUEST) != 0 || w == NULL)
		return 0;
	if ((r = sshpkt_get_string_direct(ssh, &facts, &len)) != 0) {
		debug_fr(r, "parse");
		return 0;
	}
	if (hpn_watch_told(ssh, facts, len, &told) != 0) {
		debug_f("facts ignored");
		hpn_why_wire_init(&told);
	}
	if (w->answered_ns != 0 &&
	    now - w->answered_ns < HPN_WHY_WIRE_ANSWERS_NS)
		return 0;
	w->answered_ns = now;
	hpn_watch_tell(ssh, &mine);
	if (told.want_tcp != 0)
		(void)hpn_tcp_columns_get(ssh_packet_get_connection_in(ssh),
		    &mine.tcp);
	if ((len = hpn_why_wire_put(&mine, buf, sizeof(buf))) == 0 ||
	    (*answer = sshbuf_new()) == NULL)
		return 0;
	if ((r = sshbuf_put_string(*answer, buf, len)) != 0)
		fatal_fr(r, "answer");
	return 1;
}

void
hpn_watch_sent(struct ssh *ssh, size_t len)
{
	struct hpn_watch *w = watch_of(ssh);

	if (w == NULL)
		return;
	w->now.sent += len;
	w->answered = 1;
	w->moved += len;
}

/* A channel of a session's: a shell, a command, a subsystem. */
static int
of_session(const Channel *c)
{
	return c->ctype != NULL && strcmp(c->ctype, "session") == 0;
}

void
hpn_watch_read(struct ssh *ssh, const Channel *c, size_t len)
{
	struct hpn_watch *w = watch_of(ssh);

	if (w != NULL && of_session(c))
		w->total.session_sent += len;
}

void
hpn_watch_received(struct ssh *ssh, const Channel *c, size_t len)
{
	struct hpn_watch *w = watch_of(ssh);

	if (w == NULL)
		return;
	if (of_session(c))
		w->total.session_received += len;
	w->now.received += len;
	w->delivered += len;
	w->moved += len;
}

static void
figures(const struct hpn_why_end *e, char *buf, size_t len)
{
	char in[32], out[32], in_rate[32], out_rate[32];
	double s = (double)e->total_ns / 1e9;

	hpn_report_size((double)e->received, in, sizeof(in));
	hpn_report_size((double)e->sent, out, sizeof(out));
	hpn_report_rate((double)e->received / s, in_rate, sizeof(in_rate));
	hpn_report_rate((double)e->sent / s, out_rate, sizeof(out_rate));
	snprintf(buf, len, "received %s at %s, sent %s at %s, busy for %.1f s",
	    in, in_rate, out, out_rate, s);
}

void
hpn_watch_log(struct ssh *ssh, const char *user)
{
	struct hpn_watch_report report;
	const struct hpn_why_end *e;
	char numbers[256];
	LogLevel level = SYSLOG_LEVEL_DEBUG1;

	/* After ssh_packet_disconnect() nothing can be asked any more */
	if (ssh == NULL || ssh->state == NULL || ssh->hpn == NULL)
		return;
	hpn_watch_report(ssh, "end", &report);
	e = &ssh->hpn->watch.total;
	if (e->total_ns == 0)
		return;
	if (e->total_ns >= LONG || e->sent + e->received >= MUCH)
		level = reports(ssh) ? SYSLOG_LEVEL_INFO :
		    SYSLOG_LEVEL_VERBOSE;
	figures(e, numbers, sizeof(numbers));
	do_log2(level, "Transfer of %.100s from %.200s port %d: "
	    "%s; %s", user == NULL ? "nobody" : user, ssh_remote_ipaddr(ssh),
	    ssh_remote_port(ssh), numbers, report.sentence);
}

void
hpn_watch_over(struct ssh *ssh)
{
	/* Only sshd, and only after login */
	if (!ssh->none.server)
		return;
	hpn_channels_throughput(ssh);
	hpn_none_hooks_report(ssh);
	hpn_watch_log(ssh, ssh->none.user);
}

void
hpn_watch_say(struct ssh *ssh)
{
	say(ssh, SYSLOG_LEVEL_VERBOSE, "end");
}

static void
asked(int signo)
{
	asked_now = 1;
}

void
hpn_watch_take_signal(void)
{
	ssh_signal(SIGUSR1, asked);
}

void
hpn_watch_more(const struct hpn_watch_more *m)
{
	more = m;
}

int
hpn_watch_inherit(void)
{
	const char *env = getenv(HPN_WATCH_ENV);
	unsigned long long limit;
	long parent;
	char meter, end;

	if (env == NULL)
		return 0;
	if (sscanf(env, "%c:%llu:%ld%c", &meter, &limit, &parent, &end) == 3) {
		first = meter == HPN_WATCH_FIRST_METERED ||
		    meter == HPN_WATCH_FIRST_UNSEEN;
		metered = meter == HPN_WATCH_METERED ||
		    meter == HPN_WATCH_FIRST_METERED;
		copy_limit = limit;
	} else
		parent = 0;
	(void)unsetenv(HPN_WATCH_ENV);
	hpn_watch_take_signal();
	/* A shell between the two has the process id that it knows */
	copies = parent == (long)getppid();
	return copies;
}
