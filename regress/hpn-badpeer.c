/* SPDX-License-Identifier: ISC */
/*
 * hpn-badpeer: an SSH peer that breaks the rules of RFC 4254, or those of
 * cleartext on request (PROTOCOL.hpn), in one chosen way and keeps them
 * otherwise, to test what ssh and sshd do about it.
 *
 * usage: hpn-badpeer [options] client mischief program arg ...
 *        hpn-badpeer [options] server mischief
 *
 *   client      run a program, an sshd -i, and be its client
 *   server      be the server of the ssh whose ProxyCommand this is
 *   mischief    see the table at the end
 *   -a ms       answer requests after so long (default 0)
 *   -b bytes    the reader takes so many before it stalls (default 0)
 *   -c command  to be run on the server (client only)
 *   -d file     the data that the victim receives
 *   -g file     create it when the stalled reader is to go on
 *   -k file     private key: the user's (client), the host's (server)
 *   -r file     where to report to, lines of a word and a value:
 *                   asked N     times that the victim asked for an answer with
 *                               keepalive@openssh.com on a channel
 *                   waiting N   the most such requests without an answer
 *                   granted N   the largest window that the victim allowed
 *                   sent N      bytes of data sent in the end
 *                   refused N   requests and channels that the victim refused
 *                   end WHY     closed (in order), disconnect MESSAGE, eof,
 *                               timeout, or error MESSAGE
 *   -u user     to log in as (client only)
 *
 * Exit status: 0 if it came to an end of its own, however that was; 1 if not.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ssherr.h"
#include "sshbuf.h"
#include "sshkey.h"
#include "authfile.h"
#include "packet.h"
#include "kex.h"
#include "ssh2.h"
#include "ssh_api.h"
#include "misc.h"
#include "log.h"
#include "hpn-none.h"
#include "hpn-options.h"
#include "hpn-none-hooks.h"
#include "hpn-rekey.h"

#define CHANNELS	2
#define PACKET		32768
#define WINDOW		(2 * 1024 * 1024)
#define PENDING		64
/* Nothing that is tested here takes longer. */
#define GIVE_UP_MS	90000

struct chan {
	int open, closed;	/* confirmed; close received */
	int close_sent, running;	/* our close; command accepted */
	u_int32_t remote_id, maxpacket;
	u_int32_t credit;	/* what we may still send */
};

struct answer {
	long long due_ms;
	u_int id;		/* of our channel */
};

static struct ssh *ssh;
static int in, out;
static int am_server;
static int authenticated, leaving, ended;
static struct chan chans[CHANNELS];

/* How requests are answered. */
static enum { HONEST, SILENT, TWICE, STRANGER, OTHER, LATE } answering;
static long long answer_ms;
static struct answer pending[PENDING];
static u_int npending;

static const char *command, *go_file, *user;
static struct sshkey *key;
static u_char *data;
static size_t data_len, data_sent;
static unsigned long long reader_first;

static FILE *report;
static unsigned long long asked, waiting, granted, sent, unread, refused;
/* What is asked for on the session before the command. */
static const char *extra;
/* A server that allows the switch. */
static int switches;
static int tells;		/* report@openssh-hpn is answered, with lies */
static int extra_waits;		/* for its answer */

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void
end(const char *fmt, ...)
{
	va_list ap;

	if (ended)
		return;
	fprintf(report, "asked %llu\nwaiting %llu\ngranted %llu\nsent %llu\n",
	    asked, waiting, granted, sent);
	fprintf(report, "refused %llu\nend ", refused);
	va_start(ap, fmt);
	vfprintf(report, fmt, ap);
	va_end(ap);
	fprintf(report, "\n");
	if (fflush(report) != 0)
		err(1, "cannot write the report");
	ended = 1;
}

static void
must(int r, const char *what)
{
	if (r == 0)
		return;
	end("error %s: %s", what, ssh_err(r));
	exit(1);
}

/* Sending */

static void
start(u_char type)
{
	must(sshpkt_start(ssh, type), "start");
}

static void
add_u32(u_int32_t n)
{
	must(sshpkt_put_u32(ssh, n), "put");
}

static void
add_u8(u_char n)
{
	must(sshpkt_put_u8(ssh, n), "put");
}

static void
add_str(const char *s)
{
	must(sshpkt_put_cstring(ssh, s), "put");
}

static void
finish(void)
{
	must(sshpkt_send(ssh), "send");
}

static void
answer_send(u_char type, u_int32_t remote_id)
{
	start(type);
	add_u32(remote_id);
	finish();
}

static void
adjust_send(const struct chan *c, u_int32_t bytes)
{
	start(SSH2_MSG_CHANNEL_WINDOW_ADJUST);
	add_u32(c->remote_id);
	add_u32(bytes);
	finish();
}

static void
data_send(const struct chan *c, const u_char *p, size_t len)
{
	start(SSH2_MSG_CHANNEL_DATA);
	add_u32(c->remote_id);
	must(sshpkt_put_string(ssh, p, len), "put");
	finish();
}

static void
open_send(u_int id)
{
	start(SSH2_MSG_CHANNEL_OPEN);
	add_str("session");
	add_u32(id);
	add_u32(WINDOW);
	add_u32(PACKET);
	finish();
}

static void
close_send(struct chan *c)
{
	if (c->close_sent)
		return;
	start(SSH2_MSG_CHANNEL_CLOSE);
	add_u32(c->remote_id);
	finish();
	c->close_sent = 1;
}

/* Facts (PROTOCOL.hpn, section 11) of the kind that nobody should take. */
static void
facts_send(void)
{
	static unsigned int kind;
	static u_char junk[20000];
	struct sshbuf *b;

	if ((b = sshbuf_new()) == NULL)
		errx(1, "no memory");
	switch (kind++ % 7) {
	case 0:			/* lying: more than was ever sent */
		must(sshbuf_put_u32(b, 3), "facts");
		must(sshbuf_put_cstring(b, "total_ns"), "facts");
		must(sshbuf_put_u32(b, 8), "facts");
		must(sshbuf_put_u64(b, 1), "facts");
		must(sshbuf_put_cstring(b, "sent"), "facts");
		must(sshbuf_put_u32(b, 8), "facts");
		must(sshbuf_put_u64(b, (1ULL << 53) - 1), "facts");
		must(sshbuf_put_cstring(b, "received"), "facts");
		must(sshbuf_put_u32(b, 8), "facts");
		must(sshbuf_put_u64(b, (1ULL << 53) - 1), "facts");
		break;
	case 1:			/* negative */
		must(sshbuf_put_u32(b, 1), "facts");
		must(sshbuf_put_cstring(b, "source_ns"), "facts");
		must(sshbuf_put_u32(b, 8), "facts");
		must(sshbuf_put_u64(b, UINT64_MAX), "facts");
		break;
	case 2:			/* a line for the log */
		must(sshbuf_put_u32(b, 1), "facts");
		must(sshbuf_put_cstring(b, "tcp_cc"), "facts");
		must(sshbuf_put_cstring(b, "x\nroot"), "facts");
		break;
	case 3:			/* shorter than it says */
		must(sshbuf_put_u32(b, UINT32_MAX), "facts");
		must(sshbuf_put_u32(b, UINT32_MAX), "facts");
		break;
	case 4:			/* nothing */
		break;
	case 5:			/* much */
		must(sshbuf_put(b, junk, sizeof(junk)), "facts");
		break;
	case 6:			/* no string at all */
		must(sshpkt_put_u32(ssh, UINT32_MAX), "put");
		sshbuf_free(b);
		return;
	}
	must(sshpkt_put_stringb(ssh, b), "put");
	sshbuf_free(b);
}

/* Receiving */

static u_int32_t
next_u32(void)
{
	u_int32_t n;

	must(sshpkt_get_u32(ssh, &n), "parse");
	return n;
}

static struct chan *
next_chan(void)
{
	u_int32_t id = next_u32();

	if (id >= CHANNELS)
		must(SSH_ERR_INVALID_FORMAT, "channel");
	return &chans[id];
}

static void
answers_due(void)
{
	const struct chan *c;
	u_int i, n = 0, id;
	long long now = now_ms();

	for (i = 0; i < npending; i++) {
		if (pending[i].due_ms > now)
			break;
		id = pending[i].id;
		c = &chans[id];
		n++;
		if (c->close_sent && answering != LATE)
			continue;
		switch (answering) {
		case STRANGER:
			answer_send(SSH2_MSG_CHANNEL_SUCCESS, 12345);
			answer_send(SSH2_MSG_CHANNEL_FAILURE, 0x7fffffff);
			break;
		case OTHER:
			answer_send(SSH2_MSG_CHANNEL_FAILURE,
			    chans[1 - id].remote_id);
			break;
		case TWICE:
			answer_send(SSH2_MSG_CHANNEL_FAILURE, c->remote_id);
			answer_send(SSH2_MSG_CHANNEL_SUCCESS, c->remote_id);
			answer_send(SSH2_MSG_CHANNEL_FAILURE, c->remote_id);
			break;
		default:
			answer_send(SSH2_MSG_CHANNEL_FAILURE, c->remote_id);
			break;
		}
	}
	if (n == 0)
		return;
	memmove(pending, pending + n, (npending - n) * sizeof(*pending));
	npending -= n;
}

static void
request_received(void)
{
	struct chan *c = next_chan();
	u_char reply;
	char *type;

	must(sshpkt_get_cstring(ssh, &type, NULL), "parse");
	must(sshpkt_get_u8(ssh, &reply), "parse");
	if (strcmp(type, "keepalive@openssh.com") == 0 && reply) {
		asked++;
		if (npending >= PENDING) {
			end("error: %d requests wait for an answer", PENDING);
			exit(1);
		}
		pending[npending].id = (u_int)(c - chans);
		pending[npending++].due_ms = answering == SILENT ||
		    answering == LATE ? GIVE_UP_MS + now_ms() :
		    now_ms() + answer_ms;
		if (npending > waiting)
			waiting = npending;
	} else if (reply) {
		if (strcmp(type, "exec") == 0 || strcmp(type, "shell") == 0)
			c->running = 1;
		answer_send(c->running ? SSH2_MSG_CHANNEL_SUCCESS :
		    SSH2_MSG_CHANNEL_FAILURE, c->remote_id);
	}
	free(type);
}

static void
open_received(void)
{
	struct chan *c = chans;
	char *type;
	u_int32_t remote_id, window, maxpacket;

	must(sshpkt_get_cstring(ssh, &type, NULL), "parse");
	remote_id = next_u32();
	window = next_u32();
	maxpacket = next_u32();
	if (!am_server || strcmp(type, "session") != 0 || c->open) {
		start(SSH2_MSG_CHANNEL_OPEN_FAILURE);
		add_u32(remote_id);
		add_u32(SSH2_OPEN_ADMINISTRATIVELY_PROHIBITED);
		add_str("no");
		add_str("");
		finish();
	} else {
		c->open = 1;
		c->remote_id = remote_id;
		c->credit = window;
		c->maxpacket = maxpacket;
		granted = window;
		start(SSH2_MSG_CHANNEL_OPEN_CONFIRMATION);
		add_u32(remote_id);
		add_u32(0);
		add_u32(WINDOW);
		add_u32(PACKET);
		finish();
	}
	free(type);
}

static void
allow_switch(void)
{
	struct hpn_options o;

	hpn_options_init(&o);
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	o.none_enabled = o.none_mac = 1;
	hpn_none_hooks_server(ssh, &o, "victim");
}

static void
auth_received(u_char type)
{
	char *service;

	switch (type) {
	case SSH2_MSG_SERVICE_REQUEST:
		must(sshpkt_get_cstring(ssh, &service, NULL), "parse");
		start(SSH2_MSG_SERVICE_ACCEPT);
		add_str(service);
		finish();
		free(service);
		break;
	case SSH2_MSG_USERAUTH_REQUEST:
		/* Whoever it is */
		start(SSH2_MSG_USERAUTH_SUCCESS);
		finish();
		authenticated = 1;
		if (switches)
			allow_switch();
		break;
	case SSH2_MSG_USERAUTH_SUCCESS:
		authenticated = 1;
		break;
	case SSH2_MSG_USERAUTH_FAILURE:
		end("error: not let in");
		exit(1);
	}
}

static void
packet_received(u_char type)
{
	struct chan *c;
	u_int32_t n;
	char *msg;
	u_char reply;

	switch (type) {
	case SSH2_MSG_DISCONNECT:
		(void)next_u32();
		must(sshpkt_get_cstring(ssh, &msg, NULL), "parse");
		/* After the last close it is only the way that ssh leaves */
		if (leaving && chans[0].closed)
			end("closed");
		else
			end("disconnect %s", msg);
		free(msg);
		break;
	case SSH2_MSG_SERVICE_REQUEST:
	case SSH2_MSG_USERAUTH_REQUEST:
	case SSH2_MSG_USERAUTH_SUCCESS:
	case SSH2_MSG_USERAUTH_FAILURE:
		auth_received(type);
		break;
	case SSH2_MSG_GLOBAL_REQUEST:
		must(sshpkt_get_cstring(ssh, &msg, NULL), "parse");
		must(sshpkt_get_u8(ssh, &reply), "parse");
		if (reply && tells && strcmp(msg, "report@openssh-hpn") == 0) {
			start(SSH2_MSG_REQUEST_SUCCESS);
			facts_send();
			finish();
		} else if (reply) {
			start(SSH2_MSG_REQUEST_FAILURE);
			finish();
		}
		free(msg);
		break;
	case SSH2_MSG_CHANNEL_OPEN:
		open_received();
		break;
	case SSH2_MSG_CHANNEL_OPEN_CONFIRMATION:
		c = next_chan();
		c->remote_id = next_u32();
		c->credit = next_u32();
		c->maxpacket = next_u32();
		c->open = 1;
		granted = c->credit;
		break;
	case SSH2_MSG_CHANNEL_SUCCESS:
		c = next_chan();
		if (extra_waits)
			extra_waits = 0;
		else
			c->running = 1;
		break;
	case SSH2_MSG_CHANNEL_FAILURE:
		(void)next_chan();
		extra_waits = 0;
		refused++;
		break;
	case SSH2_MSG_CHANNEL_OPEN_FAILURE:
		(void)next_chan();
		refused++;
		break;
	case SSH2_MSG_CHANNEL_WINDOW_ADJUST:
		c = next_chan();
		n = next_u32();
		/* The window as the victim sees it, if all has been read. */
		if (c->credit > UINT32_MAX - n) {
			end("error: a window of more than 2^32-1");
			exit(1);
		}
		c->credit += n;
		if (c->credit > granted)
			granted = c->credit;
		break;
	case SSH2_MSG_CHANNEL_DATA:
		c = next_chan();
		unread += next_u32();
		/* Whatever it says is not looked at, but is read. */
		if (unread > WINDOW / 2) {
			adjust_send(c, (u_int32_t)unread);
			unread = 0;
		}
		break;
	case SSH2_MSG_CHANNEL_REQUEST:
		request_received();
		break;
	case SSH2_MSG_CHANNEL_CLOSE:
		c = next_chan();
		c->closed = 1;
		close_send(c);
		break;
	}
}

/*
 * Send what there is and take what comes, for so long or, if less, until
 * something came.
 */
static void
pump(int wait_ms)
{
	static u_char buf[256 * 1024];
	static long long began;
	struct pollfd p[2];
	const u_char *o;
	size_t olen;
	ssize_t n;
	u_char type;
	int r;

	if (began == 0)
		began = now_ms();
	if (now_ms() - began > GIVE_UP_MS) {
		end("timeout");
		exit(1);
	}
	if (ended)
		return;
	answers_due();
	if (npending > 0 && pending[0].due_ms - now_ms() < wait_ms)
		wait_ms = pending[0].due_ms <= now_ms() ? 0 :
		    (int)(pending[0].due_ms - now_ms());
	o = ssh_output_ptr(ssh, &olen);
	p[0].fd = in;
	p[0].events = POLLIN;
	p[1].fd = olen > 0 ? out : -1;
	p[1].events = POLLOUT;
	p[0].revents = p[1].revents = 0;
	if (poll(p, 2, wait_ms) == -1 && errno != EINTR)
		err(1, "poll");
	if (p[0].revents != 0) {
		n = read(in, buf, sizeof(buf));
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			end(leaving && chans[0].closed ? "closed" : "eof");
			return;
		}
		if (n > 0)
			must(ssh_input_append(ssh, buf, (size_t)n), "input");
	}
	/* Not when the input has ended: a last message may say why */
	if (p[1].revents != 0) {
		n = write(out, o, olen);
		if (n > 0)
			must(ssh_output_consume(ssh, (size_t)n), "output");
	}
	while (!ended) {
		if ((r = ssh_packet_next(ssh, &type)) != 0) {
			end("error %s", ssh_err(r));
			exit(1);
		}
		if (type == 0)
			break;
		packet_received(type);
	}
}

static size_t
unsent(void)
{
	size_t len;

	(void)ssh_output_ptr(ssh, &len);
	return len;
}

static void
flush(void)
{
	while (!ended && unsent() > 0)
		pump(1000);
}

/* Until nothing has come for a second. */
static void
quiet(void)
{
	long long since = now_ms();
	u_int32_t credit = chans[0].credit;

	while (!ended && (unsent() > 0 || now_ms() - since < 1000)) {
		pump(100);
		if (chans[0].credit != credit) {
			credit = chans[0].credit;
			since = now_ms();
		}
	}
}

static void
go(void)
{
	int fd;

	if (go_file == NULL)
		return;
	if ((fd = open(go_file, O_WRONLY|O_CREAT, 0644)) == -1)
		err(1, "%s", go_file);
	close(fd);
}

/* The correct part: so much more of the data, within the window. */
static void
correct(size_t len)
{
	struct chan *c = &chans[0];
	size_t n;

	if (len > data_len - data_sent)
		len = data_len - data_sent;
	while (len > 0 && !ended) {
		if (c->credit == 0 || unsent() > 512 * 1024) {
			pump(1000);
			continue;
		}
		n = len < c->credit ? len : c->credit;
		if (n > c->maxpacket)
			n = c->maxpacket;
		data_send(c, data + data_sent, n);
		c->credit -= (u_int32_t)n;
		data_sent += n;
		sent += n;
		len -= n;
		pump(0);
	}
}

/* Send until the window is full and stays full. */
static void
fill(void)
{
	struct chan *c = &chans[0];

	do {
		correct(c->credit);
		if (data_sent == data_len) {
			end("error: the window never filled");
			exit(1);
		}
		quiet();
	} while (c->credit > 0 && !ended);
}

static void
rest(void)
{
	correct(data_len - data_sent);
}

/* All that has been sent is the end; go in order. */
static void
leave(void)
{
	struct chan *c = &chans[0];
	long long since = now_ms();

	if (ended)
		return;
	leaving = 1;
	start(SSH2_MSG_CHANNEL_EOF);
	add_u32(c->remote_id);
	finish();
	if (am_server) {
		start(SSH2_MSG_CHANNEL_REQUEST);
		add_u32(c->remote_id);
		add_str("exit-status");
		add_u8(0);
		add_u32(0);
		finish();
		close_send(c);
	}
	while (!c->closed && !ended)
		pump(1000);
	/* ssh says good-bye, sshd waits for it */
	while (am_server && !ended && now_ms() - since < 5000)
		pump(1000);
	flush();
	end("closed");
}

/* The kinds of mischief */

static void
do_honest(void)
{
	rest();
	leave();
}

static void
over(u_int divisor)
{
	struct chan *c = &chans[0];
	size_t n, excess;

	fill();
	/* What the victim holds now is its window, within a pipe's length */
	excess = (data_sent - (size_t)reader_first) / divisor;
	while (excess > 0 && data_sent < data_len && !ended) {
		n = excess < c->maxpacket ? excess : c->maxpacket;
		if (n > data_len - data_sent)
			n = data_len - data_sent;
		data_send(c, data + data_sent, n);
		data_sent += n;
		sent += n;
		excess -= n;
		pump(0);
	}
	quiet();
}

/* Beyond the window by less than the tenth that OpenSSH tolerates */
static void
do_slightly_beyond(void)
{
	over(20);
	go();
	rest();
	leave();
}

static void
do_beyond(void)
{
	over(5);
	go();
	rest();
	leave();
}

static void
do_overflow(void)
{
	correct(data_len / 2);
	quiet();
	adjust_send(&chans[0], 0xffffffffU);
	flush();
	rest();
	leave();
}

static void
do_zero_adjusts(void)
{
	int i, j;

	for (i = 0; i < 100; i++) {
		correct(data_len / 100);
		for (j = 0; j < 1000; j++)
			adjust_send(&chans[0], 0);
		flush();
	}
	rest();
	leave();
}

static void
do_unasked_answers(void)
{
	int i, j;

	for (i = 0; i < 100; i++) {
		correct(data_len / 100);
		for (j = 0; j < 10; j++) {
			answer_send(SSH2_MSG_CHANNEL_SUCCESS,
			    chans[0].remote_id);
			answer_send(SSH2_MSG_CHANNEL_FAILURE,
			    chans[0].remote_id);
		}
		flush();
	}
	rest();
	leave();
}

/* Without the name of the guess no server of ours announces what it tells. */
static void
before_facts(void)
{
	char **p;

	must(kex_buf2prop(ssh->kex->my, NULL, &p), "parse");
	hpn_rekey_list(&p[PROPOSAL_KEX_ALGS]);
	must(kex_prop2buf(ssh->kex->my, p), "compose");
	kex_prop_free(p);
}

/* Facts that cannot be: a client tells them, a server is asked for them. */
static void
do_facts(void)
{
	long long since;
	int i, j;

	tells = 1;
	for (i = 0; i < 9; i++) {
		correct(data_len / 9);
		for (j = 0; j < (am_server ? 0 : 7); j++) {
			start(SSH2_MSG_GLOBAL_REQUEST);
			add_str("report@openssh-hpn");
			add_u8(1);
			facts_send();
			finish();
		}
		flush();
		since = now_ms();
		while (!ended && now_ms() - since < 300)
			pump(50);
	}
	rest();
	leave();
}

static void
do_no_answers(void)
{
	answering = SILENT;
	do_honest();
}

static void
do_double_answers(void)
{
	answering = TWICE;
	do_honest();
}

static void
do_stranger_answers(void)
{
	answering = STRANGER;
	do_honest();
}

/* Answers for another channel than asked on, and none for this one */
static void
do_other_answers(void)
{
	answering = OTHER;
	open_send(1);
	while (!chans[1].open && !ended)
		pump(1000);
	do_honest();
}

/* Answers after the channel is gone; the connection must still be good */
static void
do_late_answers(void)
{
	u_int32_t gone = chans[0].remote_id;
	int i;

	answering = LATE;
	rest();
	start(SSH2_MSG_CHANNEL_EOF);
	add_u32(gone);
	finish();
	while (!chans[0].closed && !ended)
		pump(1000);
	flush();
	quiet();
	for (i = 0; i < 10; i++)
		answer_send(SSH2_MSG_CHANNEL_FAILURE, gone);
	open_send(1);
	while (!chans[1].open && !ended)
		pump(1000);
	end("closed");
}

static void
do_short_answer(void)
{
	correct(data_len / 2);
	start(SSH2_MSG_CHANNEL_SUCCESS);
	finish();
	rest();
	leave();
}

static void
do_long_answer(void)
{
	correct(data_len / 2);
	start(SSH2_MSG_CHANNEL_FAILURE);
	add_u32(chans[0].remote_id);
	add_str("and more");
	finish();
	rest();
	leave();
}

/* Larger packets than the channel takes: OpenSSH says so and drops them */
static void
do_large_packets(void)
{
	static u_char junk[200 * 1024];
	int i;

	for (i = 0; i < 10; i++) {
		correct(data_len / 10);
		data_send(&chans[0], junk, sizeof(junk));
		flush();
	}
	rest();
	leave();
}

/* Larger than any SSH packet may be */
static void
do_huge_packet(void)
{
	static u_char junk[300 * 1024];

	correct(data_len / 2);
	data_send(&chans[0], junk, sizeof(junk));
	rest();
	leave();
}

/*
 * All that the window may be, and then nothing is read from the connection,
 * while the victim has much to say.
 */
static void
do_greedy(void)
{
	adjust_send(&chans[0], 0xffffffffU - WINDOW);
	flush();
	sleep(4);
	end("closed");
}

/* Cleartext on request */

/* Our lists of ciphers, for each direction, and of MACs from now on */
static void
lists(const char *ctos, const char *stoc, const char *macs)
{
	const char *by[PROPOSAL_MAX];
	char **p;
	u_int i;

	memset(by, 0, sizeof(by));
	by[PROPOSAL_ENC_ALGS_CTOS] = ctos;
	by[PROPOSAL_ENC_ALGS_STOC] = stoc;
	by[PROPOSAL_MAC_ALGS_CTOS] = by[PROPOSAL_MAC_ALGS_STOC] = macs;
	must(kex_buf2prop(ssh->kex->my, NULL, &p), "parse");
	for (i = 0; i < PROPOSAL_MAX; i++) {
		if (by[i] == NULL)
			continue;
		free(p[i]);
		if ((p[i] = strdup(by[i])) == NULL)
			errx(1, "no memory");
	}
	must(kex_prop2buf(ssh->kex->my, p), "compose");
	kex_prop_free(p);
}

static int
ignore(int type, u_int32_t seq, struct ssh *s)
{
	return 0;
}

/* Ask with these lists, and look at nothing but how it ends */
static void
ask(void)
{
	long long since = now_ms();

	ssh_dispatch_set(ssh, SSH2_MSG_KEXINIT, &ignore);
	start(SSH2_MSG_KEXINIT);
	must(sshpkt_putb(ssh, ssh->kex->my), "put");
	finish();
	while (!ended && now_ms() - since < 5000)
		pump(100);
	end("allowed");
}

/* As it should be: PROTOCOL.hpn */
static void
do_switch(void)
{
	ssh->none.authenticated = ssh->none.allowed = ssh->none.wanted = 1;
	ssh->none.mac_allowed = 1;
	lists("none", "none", NULL);
	must(kex_start_rekex(ssh), "rekey");
	while (!ssh->kex->done && !ended)
		pump(1000);
	if (!ended && !hpn_none_is_clear(&ssh->none)) {
		end("error: not switched");
		exit(1);
	}
}

/* In the clear, all of the data and then what makes sshd end the connection */
static void
do_lost(void)
{
	long long since = now_ms();

	rest();
	flush();
	start(SSH2_MSG_CHANNEL_EOF);
	add_u32(4711);
	finish();
	while (!ended && now_ms() - since < 5000)
		pump(100);
	end("allowed");
}

static void
before_early(void)
{
	lists("aes128-ctr,none", "aes128-ctr,none", NULL);
}

static void
before_early_first(void)
{
	lists("none,aes128-ctr", "none,aes128-ctr", "none,hmac-sha2-256");
}

/* Before others that a server may have, when keys are exchanged anew */
static void
do_none_first(void)
{
	lists("none,aes128-ctr", "none,aes128-ctr", "none,hmac-sha2-256");
	must(kex_start_rekex(ssh), "rekey");
	while (!ssh->kex->done && !ended)
		pump(1000);
	rest();
	leave();
}

static void
do_none(void)
{
	lists("none", "none", NULL);
	ask();
}

static void
do_none_no_mac(void)
{
	lists("none", "none", "none");
	ask();
}

static void
do_none_up(void)
{
	lists("none", "aes128-gcm@openssh.com", NULL);
	ask();
}

static void
do_none_down(void)
{
	lists("aes128-ctr", "none", NULL);
	ask();
}

static void
do_no_mac(void)
{
	lists("aes128-ctr", "aes128-ctr", "none");
	ask();
}

/* After a switch, a server that no longer allows it */
static void
do_back(void)
{
	correct(data_len / 2);
	flush();
	lists("aes128-ctr", "aes128-ctr", NULL);
	ask();
}

static void
open_extra(const char *type)
{
	unsigned long long before = refused;

	start(SSH2_MSG_CHANNEL_OPEN);
	add_str(type);
	add_u32(1);
	add_u32(WINDOW);
	add_u32(PACKET);
	if (strcmp(type, "x11") == 0) {
		add_str("127.0.0.1");
		add_u32(6000);
	}
	finish();
	while (refused == before && !chans[1].open && !ended)
		pump(1000);
	rest();
	leave();
}

static void
do_open_x11(void)
{
	open_extra("x11");
}

static void
do_open_agent(void)
{
	open_extra("auth-agent@openssh.com");
}

static void
do_open_agent_connect(void)
{
	open_extra("agent-connect");
}

static void
do_open_unknown(void)
{
	open_extra("unheard-of");
}

#define PTY	"pty-req"
#define X11	"x11-req"
#define AGENT	"auth-agent-req@openssh.com"

/*
 * run: the mischief, when the command runs.  before: what is done before
 * anything else.  authenticated: by a client before it opens a session; then it
 * asks for extra.  switches: a server that allows the switch.
 */
static const struct {
	const char *name;
	void (*run)(void);
	void (*before)(void);
	void (*authenticated)(void);
	const char *extra;
	int switches;
} mischief[] = {
	{ "honest", do_honest, NULL, NULL, NULL, 0 },
	{ "slightly-beyond", do_slightly_beyond, NULL, NULL, NULL, 0 },
	{ "beyond", do_beyond, NULL, NULL, NULL, 0 },
	{ "overflow", do_overflow, NULL, NULL, NULL, 0 },
	{ "zero-adjusts", do_zero_adjusts, NULL, NULL, NULL, 0 },
	{ "unasked-answers", do_unasked_answers, NULL, NULL, NULL, 0 },
	{ "facts", do_facts, before_facts, NULL, NULL, 0 },
	{ "no-answers", do_no_answers, NULL, NULL, NULL, 0 },
	{ "double-answers", do_double_answers, NULL, NULL, NULL, 0 },
	{ "stranger-answers", do_stranger_answers, NULL, NULL, NULL, 0 },
	/* a client only */
	{ "other-answers", do_other_answers, NULL, NULL, NULL, 0 },
	{ "late-answers", do_late_answers, NULL, NULL, NULL, 0 },
	{ "short-answer", do_short_answer, NULL, NULL, NULL, 0 },
	{ "long-answer", do_long_answer, NULL, NULL, NULL, 0 },
	{ "large-packets", do_large_packets, NULL, NULL, NULL, 0 },
	{ "huge-packet", do_huge_packet, NULL, NULL, NULL, 0 },
	{ "greedy", do_greedy, NULL, NULL, NULL, 0 },	/* client only */
	/* cleartext, clients */
	{ "none-early", do_honest, before_early, NULL, NULL, 0 },
	{ "none-early-first", do_honest, before_early_first, NULL, NULL, 0 },
	{ "none-first", do_none_first, NULL, NULL, NULL, 0 },
	{ "none", do_none, NULL, NULL, NULL, 0 },
	{ "none-no-mac", do_none_no_mac, NULL, NULL, NULL, 0 },
	{ "none-up", do_none_up, NULL, NULL, NULL, 0 },
	{ "none-down", do_none_down, NULL, NULL, NULL, 0 },
	{ "no-mac", do_no_mac, NULL, NULL, NULL, 0 },
	{ "tty-none", do_none, NULL, NULL, PTY, 0 },
	{ "x11-none", do_none, NULL, NULL, X11, 0 },
	{ "agent-none", do_none, NULL, NULL, AGENT, 0 },
	{ "none-tty", do_honest, NULL, do_switch, PTY, 0 },
	{ "none-x11", do_honest, NULL, do_switch, X11, 0 },
	{ "none-agent", do_honest, NULL, do_switch, AGENT, 0 },
	{ "none-agent-req", do_honest, NULL, do_switch, "agent-req", 0 },
	{ "none-unknown", do_honest, NULL, do_switch, "unheard-of", 0 },
	{ "none-lost", do_lost, NULL, do_switch, NULL, 0 },
	/* cleartext, servers */
	{ "none-honest", do_honest, NULL, NULL, NULL, 1 },
	{ "none-open-x11", do_open_x11, NULL, NULL, NULL, 1 },
	{ "none-open-agent", do_open_agent, NULL, NULL, NULL, 1 },
	{ "none-open-agent-connect", do_open_agent_connect, NULL, NULL, NULL,
	    1 },
	{ "none-open-unknown", do_open_unknown, NULL, NULL, NULL, 1 },
	{ "none-back", do_back, NULL, NULL, NULL, 1 },
	{ NULL, NULL, NULL, NULL, NULL, 0 }
};

/* Getting there */

static int
any_host_key(struct sshkey *k, struct ssh *s)
{
	return 0;
}

static void
authenticate(void)
{
	struct sshbuf *b;
	u_char *sig, *blob;
	size_t siglen, bloblen;

	start(SSH2_MSG_SERVICE_REQUEST);
	add_str("ssh-userauth");
	finish();
	must(sshkey_to_blob(key, &blob, &bloblen), "key");
	if ((b = sshbuf_new()) == NULL)
		errx(1, "no memory");
	must(sshbuf_put_stringb(b, ssh->kex->session_id), "sign");
	must(sshbuf_put_u8(b, SSH2_MSG_USERAUTH_REQUEST), "sign");
	must(sshbuf_put_cstring(b, user), "sign");
	must(sshbuf_put_cstring(b, "ssh-connection"), "sign");
	must(sshbuf_put_cstring(b, "publickey"), "sign");
	must(sshbuf_put_u8(b, 1), "sign");
	must(sshbuf_put_cstring(b, sshkey_ssh_name(key)), "sign");
	must(sshbuf_put_string(b, blob, bloblen), "sign");
	must(sshkey_sign(key, &sig, &siglen, sshbuf_ptr(b), sshbuf_len(b),
	    sshkey_ssh_name(key), NULL, NULL, 0), "sign");
	start(SSH2_MSG_USERAUTH_REQUEST);
	/* as signed, without session id and type */
	must(sshpkt_put(ssh, sshbuf_ptr(b) + 4 +
	    sshbuf_len(ssh->kex->session_id) + 1, sshbuf_len(b) - 4 -
	    sshbuf_len(ssh->kex->session_id) - 1), "put");
	must(sshpkt_put_string(ssh, sig, siglen), "put");
	finish();
	sshbuf_free(b);
	free(sig);
	free(blob);
}

static void
extra_send(const struct chan *c)
{
	start(SSH2_MSG_CHANNEL_REQUEST);
	add_u32(c->remote_id);
	add_str(extra);
	add_u8(1);
	if (strcmp(extra, PTY) == 0) {
		add_str("dumb");
		add_u32(80);
		add_u32(24);
		add_u32(0);
		add_u32(0);
		add_str("");
	} else if (strcmp(extra, X11) == 0) {
		add_u8(0);
		add_str("MIT-MAGIC-COOKIE-1");
		add_str("00112233445566778899aabbccddeeff");
		add_u32(0);
	}
	extra_waits = 1;
	finish();
	while (extra_waits && !ended)
		pump(1000);
}

static void
connect_up(void (*then)(void))
{
	struct chan *c = &chans[0];

	while (!ssh->kex->done && !ended)
		pump(1000);
	if (am_server) {
		while (!c->running && !ended)
			pump(1000);
		return;
	}
	authenticate();
	while (!authenticated && !ended)
		pump(1000);
	if (then != NULL && !ended)
		then();
	if (ended)
		return;
	open_send(0);
	while (!c->open && !ended)
		pump(1000);
	if (extra != NULL && !ended)
		extra_send(c);
	start(SSH2_MSG_CHANNEL_REQUEST);
	add_u32(c->remote_id);
	add_str("exec");
	add_u8(1);
	add_str(command == NULL ? "cat" : command);
	finish();
	while (!c->running && !ended)
		pump(1000);
}

static void
read_data(const char *file)
{
	struct stat st;
	size_t at = 0;
	ssize_t n;
	int fd;

	if ((fd = open(file, O_RDONLY)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", file);
	data_len = (size_t)st.st_size;
	if ((data = malloc(data_len + 1)) == NULL)
		errx(1, "no memory for %s", file);
	while (at < data_len && (n = read(fd, data + at, data_len - at)) > 0)
		at += (size_t)n;
	if (at < data_len)
		errx(1, "cannot read %s", file);
	close(fd);
}

static void
run(char **argv)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		err(1, "socketpair");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		if (dup2(sv[1], STDIN_FILENO) == -1 ||
		    dup2(sv[1], STDOUT_FILENO) == -1)
			err(1, "dup2");
		close(sv[0]);
		close(sv[1]);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(sv[1]);
	in = out = sv[0];
}

static void
usage(void)
{
	fprintf(stderr, "usage: hpn-badpeer [-a ms] [-b bytes] [-c command] "
	    "[-d file] [-g file] [-r file] [-u user]\n"
	    "                   -k key client|server mischief "
	    "[program arg ...]\n");
	exit(1);
}

int
main(int argc, char **argv)
{
	const char *keyfile = NULL;
	u_int i;
	int ch;

	report = stderr;
	while ((ch = getopt(argc, argv, "+a:b:c:d:g:k:r:u:")) != -1) {
		switch (ch) {
		case 'a':
			answer_ms = atoi(optarg);
			break;
		case 'b':
			reader_first = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			command = optarg;
			break;
		case 'd':
			read_data(optarg);
			break;
		case 'g':
			go_file = optarg;
			break;
		case 'k':
			keyfile = optarg;
			break;
		case 'r':
			if ((report = fopen(optarg, "w")) == NULL)
				err(1, "%s", optarg);
			break;
		case 'u':
			user = optarg;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 2 || keyfile == NULL)
		usage();
	am_server = strcmp(argv[0], "server") == 0;
	if (!am_server && (argc < 3 || user == NULL ||
	    strcmp(argv[0], "client") != 0))
		usage();
	for (i = 0; mischief[i].name != NULL; i++) {
		if (strcmp(mischief[i].name, argv[1]) == 0)
			break;
	}
	if (mischief[i].name == NULL)
		errx(1, "no such mischief: %s", argv[1]);

	log_init("hpn-badpeer", SYSLOG_LEVEL_ERROR, SYSLOG_FACILITY_USER, 1);
	signal(SIGPIPE, SIG_IGN);
	/* ssh sends it to its ProxyCommand when it ends */
	signal(SIGHUP, SIG_IGN);
	must(sshkey_load_private(keyfile, "", &key, NULL), keyfile);
	must(ssh_init(&ssh, am_server, NULL), "ssh_init");
	if (am_server) {
		in = STDIN_FILENO;
		out = STDOUT_FILENO;
		must(ssh_add_hostkey(ssh, key), "host key");
	} else {
		run(argv + 2);
		must(ssh_set_verify_host_key_callback(ssh, any_host_key),
		    "host key");
	}
	set_nonblock(in);
	set_nonblock(out);
	extra = mischief[i].extra;
	switches = mischief[i].switches;
	if (mischief[i].before != NULL)
		mischief[i].before();
	connect_up(mischief[i].authenticated);
	if (!ended)
		mischief[i].run();
	close(in);
	close(out);
	return 0;
}
