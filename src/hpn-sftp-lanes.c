/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-lanes.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "monitor_fdpass.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"

#include "hpn-clock.h"
#include "hpn-connections.h"
#include "hpn-pipe.h"
#include "hpn-lanes-ssh.h"
#include "hpn-sftp-connections.h"
#include "hpn-sftp-io.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-plain.h"

extern volatile sig_atomic_t interrupted;

/* Whether descriptors can be passed on, both here and by ssh. */
#if !defined(DISABLE_FD_PASSING) && !defined(__OpenBSD__)
# define CAN_PASS	1
#else	/* pledge(2) forbids it to ssh and scp as they are */
# define CAN_PASS	0
#endif

/* A round lasts so long at least; one that lasted longer than this was none. */
#define ROUND_LEAST_NS	5000000ULL
#define ROUND_MOST_NS	2000000000ULL

/* Offered to the ssh that is started next; the second end is its. */
static int offered[2] = { -1, -1 };
static int tell_only;		/* it is not to be asked for sessions */
static u_int wish;
static u_int wish_connections;
static int wish_adapt;
/* While connections may come or die, it is looked after them so often. */
#define LOOK_MS		500

int
hpn_sftp_lanes_option(const char *arg)
{
	int r = hpn_connections_option(arg, &wish_connections, &wish_adapt);

	return r != 0 ? r : hpn_lanes_option(arg, &wish);
}

int
hpn_sftp_lanes_connections(const char *number)
{
	char *arg;
	int r;

	xasprintf(&arg, "connections=%s", number);
	if ((r = hpn_sftp_lanes_option(arg)) != 1)
		error("-j %.100s: write -j auto or -j 1..%d", number,
		    HPN_CONNECTIONS_MAX);
	free(arg);
	return r;
}

void
hpn_sftp_lanes_unused(const char *why)
{
	static int said;

	if (wish_connections > 1 && !said++)
		logit("No further connection is made %s: -j and "
		    "-X connections do nothing", why);
}

void
hpn_sftp_lanes_offer(int sessions)
{
	hpn_sftp_report_told(0);
	if (offered[0] != -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, offered) == -1)
		return;
	tell_only = !CAN_PASS || wish == 1 || !sessions ||
	    wish_connections > 1;
	if (wish_connections > 1) {
		hpn_sftp_connections_offer();
		hpn_sftp_report_several();
	}
	/* Other children are not to have it. */
	(void)fcntl(offered[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(offered[1], F_SETFD, FD_CLOEXEC);
}

void
hpn_sftp_lanes_child(char *const argv[])
{
	char number[16];

	hpn_sftp_connections_child(argv);
	/* Another's would be taken for ours. */
	(void)unsetenv(HPN_LANES_SSH_ENV);
	if (offered[1] == -1 || fcntl(offered[1], F_SETFD, 0) == -1)
		return;
	snprintf(number, sizeof(number), "%s%d",
	    tell_only ? HPN_LANES_SSH_TELL : "", offered[1]);
	(void)setenv(HPN_LANES_SSH_ENV, number, 1);
}

void
hpn_sftp_lanes_init(struct hpn_sftp_lanes *l, struct hpn_sftp_io *io)
{
	l->lane[0].io = io;
	l->lane[0].fd = -1;
	l->lane[0].ready = 1;
	l->n = 1;
	hpn_lanes_init(&l->policy, wish);
	hpn_sftp_connections_take(&l->how);
	/* To a program that is no ssh there is none. */
	hpn_connections_init(&l->several, l->how.fd == -1 ? 1 :
	    wish_connections, wish_adapt);
	hpn_connections_window_init(&l->lane[0].window);
	l->control = offered[0];
	l->tell_only = tell_only;
	if (offered[1] != -1)
		close(offered[1]);
	offered[0] = offered[1] = -1;
	if (l->control != -1)
		set_nonblock(l->control);
}

/* ------------------------------------------------------------- hearing -- */

static void
deaf(struct hpn_sftp_lanes *l)
{
	if (l->control != -1)
		close(l->control);
	l->control = -1;
}

int
hpn_sftp_lanes_hear(struct hpn_sftp_lanes *l, struct hpn_sftp_io *io)
{
	struct pollfd p[2];
	u_char frame[HPN_LANES_SSH_TOLD_LEN];
	size_t got = 0;
	ssize_t n;

	if (l->control == -1 || l->heard)
		return 1;
	for (;;) {
		p[0].fd = l->control;
		p[1].fd = io == NULL ? -1 : hpn_sftp_io_fd(io);
		p[0].events = p[1].events = POLLIN;
		p[0].revents = p[1].revents = 0;
		if (poll(p, 2, io == NULL ? 0 : -1) == -1) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (p[0].revents == 0)
			return 0;
		/* The whole frame is written at once, and is short */
		n = read(l->control, frame + got, sizeof(frame) - got);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		/* An ssh that knows nothing of it has closed it */
		if (n <= 0)
			break;
		if ((got += (size_t)n) < sizeof(frame))
			continue;
		l->heard = 1;
		if (get_u32(frame) != sizeof(frame) - 4 ||
		    get_u32(frame + 4) != HPN_LANES_SSH_TOLD)
			break;
		hpn_sftp_plain_told((get_u32(frame + 8) &
		    HPN_LANES_SSH_DISABLED) != 0);
		hpn_sftp_report_told((get_u32(frame + 8) &
		    HPN_LANES_SSH_REPORTS) != 0);
		if (hpn_sftp_plain())
			break;
		return 1;
	}
	deaf(l);
	return 1;
}

int
hpn_sftp_lanes_early(struct hpn_sftp_lanes *l, const struct sshbuf *packets)
{
	u_char frame[8];
	struct sshbuf *m;
	int r, sent;

	if (!l->tell_only || !l->heard || l->control == -1 ||
	    sshbuf_len(packets) > HPN_LANES_SSH_EARLY_MOST)
		return -1;
	put_u32(frame, 4 + sshbuf_len(packets));
	put_u32(frame + 4, HPN_LANES_SSH_EARLY);
	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	if ((r = sshbuf_put(m, frame, sizeof(frame))) != 0 ||
	    (r = sshbuf_putb(m, packets)) != 0)
		fatal_fr(r, "compose");
	/* An empty socket takes these few bytes whole */
	sent = send(l->control, sshbuf_ptr(m), sshbuf_len(m), MSG_NOSIGNAL) ==
	    (ssize_t)sshbuf_len(m);
	sshbuf_free(m);
	return sent ? 0 : -1;
}

/* The server has answered: what ssh tells before that was written, whole. */
static void
hear_rest(struct hpn_sftp_lanes *l)
{
	u_char frames[HPN_LANES_SSH_SENT_LEN + HPN_LANES_SSH_HELPED_LEN];
	const u_char *p = frames;
	size_t left, len;
	ssize_t n;

	if (l->control == -1 || !l->tell_only || !l->heard ||
	    (n = recv(l->control, frames, sizeof(frames), MSG_DONTWAIT)) <= 0)
		return;
	for (left = (size_t)n; left >= 8; p += len, left -= len) {
		if (get_u32(p) > left - 4)
			break;
		len = 4 + get_u32(p);
		if (len == HPN_LANES_SSH_SENT_LEN &&
		    get_u32(p + 4) == HPN_LANES_SSH_SENT)
			l->sent_ns = get_u64(p + 8);
		else if (len == HPN_LANES_SSH_HELPED_LEN &&
		    get_u32(p + 4) == HPN_LANES_SSH_HELPED)
			l->helped = get_u32(p + 8);
	}
}

int
hpn_sftp_lanes_early_sent(struct hpn_sftp_lanes *l, u_int64_t *sent_ns)
{
	if (l->control == -1)
		return 0;
	hear_rest(l);
	deaf(l);
	*sent_ns = l->sent_ns;
	return l->sent_ns != 0;
}

/* ------------------------------------------------------------ beginning -- */

/* Send the frame, and the descriptor after it: 0 or -1. */
static int
hand_over(int control, int fd)
{
	u_char frame[8];
	sshsig_t handler;
	int r;

	put_u32(frame, sizeof(frame) - 4);
	put_u32(frame + 4, HPN_LANES_SSH_OPEN);
	/* An ssh that needs none has closed its end. */
	handler = ssh_signal(SIGPIPE, SIG_IGN);
	/* An empty socket takes these few bytes whole. */
	r = write(control, frame, sizeof(frame)) == (ssize_t)sizeof(frame) ?
	    mm_send_fd(control, fd) : -1;
	ssh_signal(SIGPIPE, handler);
	return r;
}

static void
say_init(struct hpn_sftp_io *io)
{
	struct sshbuf *m;
	int r;

	if ((m = sshbuf_new()) == NULL)
		fatal_f("sshbuf_new failed");
	if ((r = sshbuf_put_u8(m, SSH2_FXP_INIT)) != 0 ||
	    (r = sshbuf_put_u32(m, SSH2_FILEXFER_VERSION)) != 0)
		fatal_fr(r, "compose");
	hpn_sftp_io_put(io, m, NULL, 0);
	sshbuf_free(m);
}

static int
begin(struct hpn_sftp_lanes *l)
{
	struct hpn_sftp_lane *lane = &l->lane[l->n];
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return -1;
	(void)fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(pair[1], F_SETFD, FD_CLOEXEC);
	r = hand_over(l->control, pair[1]);
	close(pair[1]);
	if (r == -1) {
		close(pair[0]);
		return -1;
	}
	hpn_pipe_enlarge(pair[0]);
	lane->fd = pair[0];
	lane->io = hpn_sftp_io_new(pair[0], pair[0]);
	say_init(lane->io);
	debug2_f("lane %u", l->n);
	l->n++;
	return 0;
}

void
hpn_sftp_lanes_no_more(struct hpn_sftp_lanes *l)
{
	hpn_lanes_no_more(&l->policy);
	hpn_connections_stop(&l->several, 1);
	/* Do not close the socket before ssh has told its configuration. */
	if (l->heard)
		deaf(l);
}

void
hpn_sftp_lanes_moved(struct hpn_sftp_lanes *l, u_int64_t bytes)
{
	l->round_bytes += bytes;
}

int
hpn_sftp_lanes_connect(const struct hpn_sftp_lanes *l)
{
	return l->several.most > 1;
}

int
hpn_sftp_lanes_more(const struct hpn_sftp_lanes *l)
{
	if (hpn_sftp_lanes_connect(l))
		return l->n > 1 || !l->several.stopped;
	return !l->tell_only && (l->n > 1 || l->control != -1);
}

/* Connections that are there, and those on their way; of these, let in are so many. */
static u_int
connections(const struct hpn_sftp_lanes *l, u_int *comingp, u_int *let_inp)
{
	u_int i, ready = 0;

	*comingp = *let_inp = 0;
	for (i = 0; i < l->n; i++) {
		if (l->lane[i].io == NULL || l->lane[i].failed)
			continue;
		if (l->lane[i].ready) {
			ready++;
			continue;
		}
		(*comingp)++;
		if (l->lane[i].let_in)
			(*let_inp)++;
	}
	return ready;
}

u_int
hpn_sftp_lanes_coming(const struct hpn_sftp_lanes *l)
{
	u_int coming = 0, let_in;

	if (hpn_sftp_lanes_connect(l))
		(void)connections(l, &coming, &let_in);
	return coming;
}

int
hpn_sftp_lanes_feed(const struct hpn_sftp_lanes *l, u_int lane, size_t len)
{
	const struct hpn_sftp_lane *a = &l->lane[lane];
	size_t queued = hpn_sftp_io_queued(a->io);

	/* What is between us and the first ssh may hold a lot. */
	if (lane == 0)
		return queued < HPN_CONNECTIONS_QUEUE &&
		    hpn_connections_window_may(&a->window, a->under_way, len);
	return hpn_connections_window_feed(&a->window, a->under_way, queued,
	    len);
}

int
hpn_sftp_lanes_brief(const struct hpn_sftp_lanes *l, u_int lane, size_t len)
{
	return hpn_connections_window_brief(&l->lane[lane].window,
	    l->lane[lane].under_way, len);
}

u_int64_t
hpn_sftp_lanes_load(const struct hpn_sftp_lanes *l)
{
	u_int64_t load = 0;
	u_int i;

	if (!hpn_sftp_lanes_connect(l) || l->n < 2)
		return 0;
	for (i = 0; i < l->n; i++)
		load += l->lane[i].load;
	return load;
}

/* Those begun first are used, as many as there should be. */
int
hpn_sftp_lanes_use(const struct hpn_sftp_lanes *l, u_int lane)
{
	u_int i, before = 0;

	if (!hpn_sftp_lanes_connect(l))
		return lane < l->policy.use;
	for (i = 0; i < lane; i++)
		if (l->lane[i].io != NULL)
			before++;
	return before < l->several.use;
}

int
hpn_sftp_lanes_freer(const struct hpn_sftp_lanes *l, u_int lane, int than)
{
	const struct hpn_sftp_lane *a = &l->lane[lane], *b;

	if (than == -1)
		return 1;
	b = &l->lane[than];
	return hpn_connections_window_compare(&a->window, a->under_way,
	    &b->window, b->under_way) < 0;
}

/* Those that large files use: how many, and what all bring and have under way. */
static u_int
all(const struct hpn_sftp_lanes *l, u_int64_t *usualp, u_int64_t *under_wayp)
{
	u_int i, n = 0;

	*usualp = *under_wayp = 0;
	for (i = 0; i < l->n; i++) {
		if (l->lane[i].io == NULL || l->lane[i].failed ||
		    (i != 0 && l->lane[i].files == 0))
			continue;
		*usualp += l->lane[i].window.usual;
		*under_wayp += l->lane[i].under_way;
		n++;
	}
	return n;
}

u_int64_t
hpn_sftp_lanes_usual(const struct hpn_sftp_lanes *l)
{
	u_int64_t usual, under_way;
	u_int n = all(l, &usual, &under_way);

	return n == 0 ? 0 : usual / n;
}

int
hpn_sftp_lanes_late(const struct hpn_sftp_lanes *l, u_int lane, size_t len,
    u_int64_t rest)
{
	const struct hpn_sftp_lane *a = &l->lane[lane];
	u_int64_t usual, under_way;

	(void)all(l, &usual, &under_way);
	/* The answers of others bring us here again. */
	return under_way > a->under_way && hpn_connections_window_late(
	    &a->window, a->under_way, len, under_way + rest, usual);
}

int
hpn_sftp_lanes_last(const struct hpn_sftp_lanes *l, u_int lane, size_t len,
    u_int64_t rest)
{
	u_int64_t usual, under_way;

	(void)all(l, &usual, &under_way);
	return hpn_connections_window_last(&l->lane[lane].window,
	    l->lane[lane].under_way, len, under_way + rest, usual);
}

void
hpn_sftp_lanes_answered(struct hpn_sftp_lanes *l, u_int lane, u_int64_t bytes,
    u_int64_t rtt_ns)
{
	if (hpn_sftp_lanes_connect(l))
		hpn_connections_window_moved(&l->lane[lane].window, bytes,
		    hpn_clock_ns(), rtt_ns);
}

static int
begin_connection(struct hpn_sftp_lanes *l, u_int64_t now_ns)
{
	struct hpn_sftp_lane *lane = &l->lane[l->n];

	if (l->n == HPN_LANES_SLOTS || (lane->fd =
	    hpn_sftp_connections_start(&l->how, &lane->pid)) == -1)
		return -1;
	lane->io = hpn_sftp_io_new(lane->fd, lane->fd);
	lane->begun_ns = lane->heard_ns = now_ns;
	hpn_connections_window_init(&lane->window);
	say_init(lane->io);
	debug2_f("lane %u", l->n);
	l->n++;
	return 0;
}

static void
grow_connections(struct hpn_sftp_lanes *l, u_int64_t now_ns, u_int64_t rtt_ns,
    u_int64_t left)
{
	u_int i, coming, let_in, ready = connections(l, &coming, &let_in);
	u_int64_t least = MAXIMUM(rtt_ns, ROUND_LEAST_NS);
	u_int64_t took = now_ns - l->round_ns;
	u_int use = l->several.use;

	for (i = 1; i < l->n; i++)
		if (l->lane[i].io != NULL && !l->lane[i].ready &&
		    now_ns - l->lane[i].begun_ns > HPN_CONNECTIONS_WAIT_NS)
			l->lane[i].failed = 1;
	if (l->round_ns == 0 || took > ROUND_MOST_NS + least) {
		l->round_ns = now_ns;
		l->round_bytes = 0;
	} else if (took >= least) {
		hpn_connections_moved(&l->several, ready, l->round_bytes, took,
		    rtt_ns, left);
		l->round_ns = now_ns;
		l->round_bytes = 0;
	}
	if (l->several.use != use)
		debug("%u connections are wanted, %u were", l->several.use, use);
	if (left < HPN_LANES_SHARE)
		return;
	/* What the server has let in needs no more patience of it. */
	i = hpn_connections_begin(&l->several, ready + let_in,
	    coming - let_in);
	if (i > 0)
		hear_rest(l);
	if (i > 0 && l->helped != 0) {
		hpn_connections_stop(&l->several, ready + coming);
		l->missing = 1;
		return;
	}
	for (; i > 0; i--) {
		if (begin_connection(l, now_ns) == -1) {
			/* Those on their way are used when they come */
			hpn_connections_stop(&l->several, ready + coming);
			return;
		}
		coming++;
	}
}

/* Lanes that large files are written in. */
static u_int
at_work(const struct hpn_sftp_lanes *l)
{
	u_int i, n = 1;

	for (i = 1; i < l->n && i < l->policy.use; i++)
		if (l->lane[i].io != NULL && l->lane[i].files != 0)
			n++;
	return n;
}

/* Look what the last round brought, if it is over. */
static void
look(struct hpn_sftp_lanes *l, u_int64_t now_ns, u_int64_t rtt_ns,
    u_int64_t left)
{
	u_int64_t least = MAXIMUM(rtt_ns, ROUND_LEAST_NS);
	u_int64_t took = now_ns - l->round_ns;
	u_int use = l->policy.use;

	/* What came while nobody looked tells nothing. */
	if (l->round_ns == 0 || took > ROUND_MOST_NS + least) {
		l->round_ns = now_ns;
		l->round_bytes = 0;
		return;
	}
	if (took < least)
		return;
	hpn_lanes_round(&l->policy, at_work(l), l->round_bytes, took, rtt_ns,
	    left);
	l->round_ns = now_ns;
	l->round_bytes = 0;
	if (l->policy.use != use)
		debug("%u channels are used, %u were", l->policy.use, use);
}

void
hpn_sftp_lanes_grow(struct hpn_sftp_lanes *l, u_int64_t now_ns,
    u_int64_t rtt_ns, u_int64_t left)
{
	if (hpn_sftp_lanes_connect(l)) {
		grow_connections(l, now_ns, rtt_ns, left);
		return;
	}
	if (l->tell_only || (l->policy.given_up && l->policy.use == 1))
		return;
	look(l, now_ns, rtt_ns, left);
	hpn_lanes_prepare(&l->policy, rtt_ns, left);
	while (l->control != -1 && l->n < l->policy.want) {
		if (begin(l) == 0)
			continue;
		debug_f("no more than %u", l->n);
		hpn_sftp_lanes_no_more(l);
		break;
	}
	if (l->policy.given_up || l->policy.use == l->policy.most)
		hpn_sftp_lanes_no_more(l);
}

/* --------------------------------------------------------------- ending -- */

static void
drop(struct hpn_sftp_lane *lane, int now)
{
	hpn_sftp_io_free(lane->io);
	if (lane->fd != -1)
		close(lane->fd);
	hpn_sftp_connections_end(lane->pid, now);
	lane->pid = 0;
	lane->io = NULL;
	lane->ready = 0;
}

void
hpn_sftp_lanes_end(struct hpn_sftp_lanes *l)
{
	struct hpn_sftp_lane *lane;
	u_int i;

	for (i = 1; i < l->n; i++) {
		lane = &l->lane[i];
		/*
		 * One that was made ahead, for what turned out to be little, logs in
		 * and ends.  A server counts a login that is broken off as one that
		 * has failed (PerSourcePenalties).  Others may wait for somebody.
		 */
		if (lane->io != NULL)
			drop(lane, lane->failed || (!lane->ready &&
			    (interrupted || !lane->ahead)));
	}
	hpn_sftp_connections_forget(&l->how);
	if (l->control != -1)
		close(l->control);
	l->control = -1;
}

/* A connection has ended, or will not come. */
static void
lost_one(struct hpn_sftp_lanes *l, u_int lane)
{
	u_int coming, let_in, ready;

	if (!hpn_sftp_lanes_connect(l))
		return;
	if (l->lane[lane].ready) {
		debug("connection %u has ended", lane);
		return;
	}
	/* Others on their way would end as this one. */
	ready = connections(l, &coming, &let_in);
	if (l->lane[lane].io != NULL && !l->lane[lane].failed)
		coming--;
	hpn_connections_stop(&l->several, ready + coming);
	l->missing = 1;
}

u_int
hpn_sftp_lanes_missing(struct hpn_sftp_lanes *l)
{
	u_int coming, let_in, ready;

	if (!l->missing || l->said)
		return 0;
	/* Others on their way may still come */
	ready = connections(l, &coming, &let_in);
	if (coming != 0)
		return 0;
	l->said = 1;
	return ready;
}

/* -------------------------------------------------------------- working -- */

/* A connection that owes answers while others give them is as good as dead. */
static void
look_after(struct hpn_sftp_lanes *l)
{
	u_int64_t now = hpn_clock_ns(), latest = 0;
	struct hpn_sftp_lane *lane;
	u_int i;

	for (i = 0; i < l->n; i++) {
		lane = &l->lane[i];
		/* One that owes nothing could answer. */
		if (lane->requests == 0)
			lane->heard_ns = now;
		if (lane->io != NULL && lane->heard_ns > latest)
			latest = lane->heard_ns;
	}
	for (i = 1; i < l->n; i++) {
		lane = &l->lane[i];
		if (lane->io != NULL && lane->ready && !lane->failed &&
		    latest > lane->heard_ns &&
		    now - lane->heard_ns > HPN_CONNECTIONS_DEAD_NS)
			lane->failed = 1;
	}
}

int
hpn_sftp_lanes_trip(struct hpn_sftp_lanes *l, int timeout_ms, u_int *gonep)
{
	struct hpn_sftp_io *ios[HPN_LANES_SLOTS];
	u_int i, n = 0, which[HPN_LANES_SLOTS], ended;

	*gonep = 0;
	if (hpn_sftp_lanes_connect(l) && l->n > 1) {
		look_after(l);
		if (timeout_ms < 0 || timeout_ms > LOOK_MS)
			timeout_ms = LOOK_MS;
	}
	for (i = 0; i < l->n; i++) {
		if (l->lane[i].io == NULL)
			continue;
		if (l->lane[i].failed) {
			lost_one(l, i);
			drop(&l->lane[i], 1);
			*gonep = i;
			return 0;
		}
		which[n] = i;
		ios[n++] = l->lane[i].io;
	}
	if (hpn_sftp_io_trips(ios, n, timeout_ms, &ended) == 0)
		return 0;
	if ((i = which[ended]) == 0)
		return -1;
	debug_f("lane %u has ended: %s", i, strerror(errno));
	lost_one(l, i);
	drop(&l->lane[i], !l->lane[i].ready);
	errno = EPIPE;
	*gonep = i;
	return 0;
}

/* The first packet of another lane. */
static int
is_version(const u_char *p, size_t len)
{
	return len >= 5 && p[0] == SSH2_FXP_VERSION &&
	    get_u32(p + 1) == SSH2_FILEXFER_VERSION;
}

int
hpn_sftp_lanes_get(struct hpn_sftp_lanes *l, u_int *lanep,
    const u_char **packetp, size_t *lenp)
{
	struct hpn_sftp_lane *lane;
	u_int i;
	int r;

	for (i = 0; i < l->n; i++) {
		lane = &l->lane[i];
		while (lane->io != NULL && !lane->failed &&
		    (r = hpn_sftp_io_get(lane->io, packetp, lenp)) != 0) {
			if (l->several.most > 1)
				lane->heard_ns = hpn_clock_ns();
			if (lane->ready) {
				*lanep = i;
				return r;
			}
			if (r == 1 && *lenp == 1 && !lane->let_in &&
			    (*packetp)[0] == HPN_LANES_SSH_LET_IN) {
				lane->let_in = 1;
				debug2("lane %u is let in", i);
			} else if (r == 1 && is_version(*packetp, *lenp)) {
				lane->ready = 1;
				debug2_f("lane %u is there", i);
			} else {
				debug_f("lane %u speaks no SFTP", i);
				lane->failed = 1;
			}
		}
	}
	return 0;
}
