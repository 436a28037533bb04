/* SPDX-License-Identifier: ISC */
/*
 * See hpn-dm-server.h for what this does.
 *
 *	sshd == front             sshd == another front
 *	         \  hands over            |  finds the socket, hands over
 *	          keeper <----------------+
 *	            |  pipes
 *	          command
 *
 * A command that takes a stream must never see its end unless that has come as an
 * end.  So it is killed first, and its pipe is closed afterwards.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "atomicio.h"
#include "log.h"
#include "misc.h"
#include "monitor_fdpass.h"
#include "pathnames.h"
#include "xmalloc.h"

#include "hpn-clock.h"
#include "hpn-dm-flow.h"
#include "hpn-dm-frame.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-place.h"
#include "hpn-dm-server.h"
#include "hpn-pipe.h"

#define SECOND		1000000000ULL
#define KEEP		600U		/* seconds */
/* A client that is there says so every 15 seconds. */
#define SILENCE		(120 * SECOND)
/* For a command to end when it was asked to. */
#define GRACE_TENTHS	20
#define NOTE_ONCE	(16 * 1024)
#define NOTES_MOST	(64U * 1024)
/* As dmscp(1) has them */
#define FAILED		255
#define DIFFERS		254
#define GONE		251

struct keeper {
	struct hpn_dm_flow *flow;
	struct hpn_dm_place place;
	int writes;			/* the client sends the stream */
	int stays;
	uint64_t keep_s;
	int listening, front;
	pid_t pid;
	int running, status;		/* as of waitpid(2) */
	int end;			/* the command's pipe; -1: closed */
	int notes;			/* its stderr */
	int early;			/* it had not read all */
	int result_put, over;
	uint64_t lost_ns, heard_ns;
	unsigned char secret[HPN_DM_FRAME_SECRET];
};

static volatile sig_atomic_t ended_by;
static int wakeup[2];
static struct keeper *keeper;		/* in its process */

static void
child_handler(int sig)
{
	int saved = errno;

	if (sig != SIGCHLD)
		ended_by = sig;
	(void)write(wakeup[1], "", 1);
	errno = saved;
}

/* ---- the command ---- */

static void
command_start(struct keeper *k, const char *command)
{
	int data[2], notes[2], null;

	if (pipe(data) == -1 || pipe(notes) == -1 ||
	    (null = open(_PATH_DEVNULL, O_RDWR)) == -1)
		fatal("pipe: %s", strerror(errno));
	hpn_pipe_enlarge(data[0]);
	if ((k->pid = fork()) == -1)
		fatal("fork: %s", strerror(errno));
	if (k->pid == 0) {
		keeper = NULL;
		ssh_signal(SIGTERM, SIG_DFL);
		ssh_signal(SIGHUP, SIG_DFL);
		ssh_signal(SIGCHLD, SIG_DFL);
		ssh_signal(SIGPIPE, SIG_DFL);
		(void)setpgid(0, 0);
		if (dup2(k->writes ? data[0] : null, STDIN_FILENO) == -1 ||
		    dup2(k->writes ? notes[1] : data[1], STDOUT_FILENO) == -1 ||
		    dup2(notes[1], STDERR_FILENO) == -1)
			_exit(126);
		closefrom(STDERR_FILENO + 1);
		execl(_PATH_BSHELL, "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)setpgid(k->pid, k->pid);
	k->running = 1;
	close(null);
	close(data[k->writes ? 0 : 1]);
	close(notes[1]);
	k->end = data[k->writes ? 1 : 0];
	k->notes = notes[0];
	set_nonblock(k->end);
	set_nonblock(k->notes);
}

static void
end_close(struct keeper *k)
{
	if (k->end != -1)
		close(k->end);
	k->end = -1;
}

/* Bytes that it has not read yet. */
static int
unread(const struct keeper *k)
{
	int left = 0;

#ifdef FIONREAD
	if (ioctl(k->end, FIONREAD, &left) == -1)
		left = 0;
#endif
	return left;
}

/* See whether it has ended. */
static void
command_look(struct keeper *k)
{
	siginfo_t how;

	/*
	 * It is not reaped before its group was killed for the last time: no
	 * other process gets its number until then.
	 */
	memset(&how, 0, sizeof(how));
	if (!k->running || waitid(P_PID, (id_t)k->pid, &how,
	    WEXITED | WNOHANG | WNOWAIT) != 0 || how.si_pid != k->pid)
		return;
	k->running = 0;
	k->status = how.si_code == CLD_EXITED ? (how.si_status & 0xff) << 8 :
	    how.si_status & 0x7f;
	if (k->writes && k->end != -1) {
		/* What knows where to stop need not wait for the end */
		if (hpn_dm_flow_pending(k->flow) || unread(k) != 0)
			k->early = 1;
		/* Who is left of it must not take what follows for an end */
		(void)kill(-k->pid, SIGKILL);
		end_close(k);
	}
}

static void
command_kill(struct keeper *k)
{
	int i;

	if (k->pid <= 0)
		return;
	if (k->running) {
		(void)kill(-k->pid, SIGTERM);
		for (i = 0; i < GRACE_TENTHS && k->running; i++) {
			(void)poll(NULL, 0, 100);
			command_look(k);
		}
	}
	(void)kill(-k->pid, SIGKILL);
	while (waitpid(k->pid, NULL, 0) == -1 && errno == EINTR)
		;
	k->running = 0;
	k->pid = 0;
	end_close(k);
}

void
hpn_dm_server_cleanup(void)
{
	if (keeper == NULL)
		return;
	command_kill(keeper);
	if (keeper->stays)
		hpn_dm_place_leave(&keeper->place);
}

/* ---- the connection ---- */

static void
drop(struct keeper *k)
{
	if (hpn_dm_flow_connected(k->flow))
		k->lost_ns = hpn_clock_ns();
	hpn_dm_flow_lost(k->flow);
	if (k->front != -1)
		close(k->front);
	k->front = -1;
	k->result_put = 0;
}

/* All is over: say why, for a moment if need be. */
static void __attribute__((noreturn))
sorry(struct keeper *k, u_int status, const char *why)
{
	struct hpn_dm_frame f;
	struct pollfd pfd;
	int i, in;

	command_kill(k);
	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_SORRY;
	f.value = status;
	f.text = why;
	f.text_len = strlen(why);
	if (!hpn_dm_flow_connected(k->flow)) {
		if (k->stays)
			hpn_dm_place_why(&k->place, why);
	} else {
		hpn_dm_flow_put(k->flow, &f);
		for (i = 0; i < 20; i++) {
			if (hpn_dm_flow_write(k->flow) != 0)
				break;
			hpn_dm_flow_fds(k->flow, &in, &pfd.fd);
			pfd.events = POLLOUT;
			if (pfd.fd == -1)
				break;
			(void)poll(&pfd, 1, 100);
		}
	}
	if (k->stays)
		hpn_dm_place_leave(&k->place);
	exit(0);
}

static void
welcome(struct keeper *k, const char *why)
{
	struct hpn_dm_frame f;

	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_WELCOME;
	f.version = HPN_DM_FRAME_VERSION;
	f.flags = k->stays ? HPN_DM_FRAME_STAYS : 0;
	f.keep = k->keep_s;
	f.offset = hpn_dm_flow_got_bytes(k->flow);
	f.text = why;
	f.text_len = strlen(why);
	hpn_dm_flow_put(k->flow, &f);
	k->heard_ns = hpn_clock_ns();
}

/* Another front has come: is it of this run? */
static void
again(struct keeper *k)
{
	unsigned char message[HPN_DM_FRAME_SECRET + 8];
	uint64_t offset = 0;
	uid_t uid;
	gid_t gid;
	size_t i;
	int s, in, out;

	if ((s = accept(k->listening, NULL, NULL)) == -1)
		return;
	if (getpeereid(s, &uid, &gid) == -1 || uid != geteuid() ||
	    hpn_dm_place_read(s, message, sizeof(message)) == -1 ||
	    timingsafe_bcmp(message, k->secret, sizeof(k->secret)) != 0) {
		close(s);
		return;
	}
	if ((in = mm_receive_fd(s)) == -1) {
		close(s);
		return;
	}
	if ((out = mm_receive_fd(s)) == -1) {
		close(in);
		close(s);
		return;
	}
	for (i = HPN_DM_FRAME_SECRET; i < sizeof(message); i++)
		offset = offset << 8 | message[i];
	drop(k);
	hpn_dm_flow_connect(k->flow, in, out);
	k->front = s;
	if (hpn_dm_flow_begin(k->flow, offset) == -1)
		sorry(k, FAILED, "what is to be sent again is not at hand");
	welcome(k, "");
}

static void
control(void *context, const struct hpn_dm_frame *f)
{
	struct keeper *k = context;

	if (f->type == HPN_DM_FRAME_CANCEL)
		sorry(k, FAILED, "it was ended as asked for");
	if (f->type == HPN_DM_FRAME_DONE)
		k->over = 1;
}

static void
notes_read(struct keeper *k)
{
	char text[NOTE_ONCE];
	struct hpn_dm_frame f;
	ssize_t n;

	if ((n = read(k->notes, text, sizeof(text))) == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return;
	}
	if (n <= 0) {
		close(k->notes);
		k->notes = -1;
		return;
	}
	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_NOTE;
	f.text = text;
	f.text_len = (size_t)n;
	hpn_dm_flow_put(k->flow, &f);
}

/* ---- the stream ---- */

/*
 * The command is to have the end, if it has read all: nobody who ends before that
 * has taken the stream.  Returns whether to look again soon.
 */
static int
sink_end(struct keeper *k)
{
	if (k->end == -1)
		return 0;
	switch (hpn_dm_flow_whole(k->flow)) {
	case 0:
		return 0;
	case HPN_DM_FLOW_DIFFERS:
		sorry(k, DIFFERS, "what has arrived differs from what was sent");
	}
	hpn_dm_flow_ack(k->flow);
	if (unread(k) != 0)
		return 1;
	end_close(k);
	return 0;
}

static void
data_move(struct keeper *k, int revents)
{
	ssize_t n;

	if (k->end == -1 || revents == 0)
		return;
	if (k->writes) {
		if ((revents & POLLERR) == 0) {
			if (!hpn_dm_flow_pending(k->flow) ||
			    hpn_dm_flow_sink(k->flow, k->end) != -1 ||
			    errno == EAGAIN || errno == EINTR)
				return;
		}
		/* It reads no more; how it ends is told by then */
		if (hpn_dm_flow_pending(k->flow) || unread(k) != 0)
			k->early = 1;
		end_close(k);
		return;
	}
	if ((n = hpn_dm_flow_source(k->flow, k->end)) == -1 &&
	    (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		end_close(k);
}

/* How the command has ended, when all that belongs in front of it was sent. */
static void
result(struct keeper *k)
{
	struct hpn_dm_frame f;
	int bad = !WIFEXITED(k->status) || WEXITSTATUS(k->status) != 0, r;

	if (k->running || k->result_put || k->end != -1 || k->notes != -1)
		return;
	if (k->writes && !k->early && !bad) {
		if (hpn_dm_flow_pending(k->flow))
			k->early = 1;
		else if ((r = hpn_dm_flow_whole(k->flow)) == HPN_DM_FLOW_DIFFERS)
			sorry(k, DIFFERS, "what has arrived differs from what "
			    "was sent");
		else if (r == 0)
			return;
	}
	if (!k->writes && !bad)
		hpn_dm_flow_source_ended(k->flow);
	if (!hpn_dm_flow_connected(k->flow) || (!k->writes &&
	    !(bad ? hpn_dm_flow_all_sent(k->flow) :
	    hpn_dm_flow_end_sent(k->flow))))
		return;
	if (k->writes)
		hpn_dm_flow_ack(k->flow);
	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_RESULT;
	f.flags = k->early ? HPN_DM_FRAME_EARLY : 0;
	if (WIFSIGNALED(k->status)) {
		f.flags |= HPN_DM_FRAME_SIGNAL;
		f.value = (uint32_t)WTERMSIG(k->status);
	} else
		f.value = (uint32_t)WEXITSTATUS(k->status);
	k->result_put = 1;
	hpn_dm_flow_put(k->flow, &f);
}

static void
check_time(struct keeper *k)
{
	uint64_t now = hpn_clock_ns();
	char why[128];

	if (ended_by) {
		snprintf(why, sizeof(why), "the server's end got signal %d%s",
		    (int)ended_by, hpn_dm_flow_connected(k->flow) ? "" :
		    ": does the system end processes with the session "
		    "(logind's KillUserProcesses)?");
		sorry(k, GONE, why);
	}
	if (hpn_dm_flow_connected(k->flow)) {
		if (now - k->heard_ns > SILENCE)
			drop(k);
		return;
	}
	if (!k->stays || now - k->lost_ns >= k->keep_s * SECOND) {
		snprintf(why, sizeof(why), "nobody came back within %llu "
		    "seconds (-T, or -keep of dmscp -server)",
		    (unsigned long long)k->keep_s);
		sorry(k, GONE, why);
	}
}

enum { IN, OUT, DATA, NOTES, LISTEN, WAKE, FDS };

static void __attribute__((noreturn))
keep(struct keeper *k)
{
	struct pollfd pfd[FDS];
	char bytes[64];
	size_t i;
	int r, soon;

	while (!k->over) {
		check_time(k);
		command_look(k);
		soon = k->writes ? sink_end(k) : 0;
		result(k);
		memset(pfd, 0, sizeof(pfd));
		hpn_dm_flow_fds(k->flow, &pfd[IN].fd, &pfd[OUT].fd);
		pfd[OUT].events = POLLOUT;
		pfd[DATA].fd = k->writes || hpn_dm_flow_room(k->flow) ?
		    k->end : -1;
		pfd[DATA].events = k->writes ?
		    (hpn_dm_flow_pending(k->flow) ? POLLOUT : 0) : POLLIN;
		pfd[NOTES].fd = hpn_dm_flow_connected(k->flow) &&
		    hpn_dm_flow_queued(k->flow) < NOTES_MOST ? k->notes : -1;
		pfd[LISTEN].fd = k->listening;
		pfd[WAKE].fd = wakeup[0];
		for (i = 0; i < FDS; i++)
			if (i != OUT && i != DATA)
				pfd[i].events = POLLIN;
		if (poll(pfd, FDS, soon ? 5 : 100) == -1) {
			if (errno != EINTR)
				fatal("poll: %s", strerror(errno));
			continue;
		}
		if (pfd[WAKE].revents != 0)
			(void)read(wakeup[0], bytes, sizeof(bytes));
		r = 0;
		if (pfd[IN].revents != 0) {
			k->heard_ns = hpn_clock_ns();
			r = hpn_dm_flow_read(k->flow, control, k);
		}
		if (r == HPN_DM_FLOW_WRONG)
			sorry(k, FAILED, hpn_dm_flow_wrong(k->flow));
		if (r == HPN_DM_FLOW_DIFFERS)
			sorry(k, DIFFERS, "what has arrived differs from what "
			    "was sent");
		data_move(k, pfd[DATA].revents);
		if (pfd[NOTES].revents != 0 && k->notes != -1)
			notes_read(k);
		if (pfd[DATA].revents == 0 && k->writes)
			hpn_dm_flow_ack(k->flow);
		if (r == 0 && hpn_dm_flow_write(k->flow) != 0)
			r = HPN_DM_FLOW_LOST;
		if (r != 0 && !k->over)
			drop(k);
		if (pfd[LISTEN].revents != 0)
			again(k);
	}
	/* Nothing more can be wanted of it */
	command_kill(k);
	if (k->stays)
		hpn_dm_place_leave(&k->place);
	exit(0);
}

/* ---- the front ---- */

static void
front_sorry(u_int status, const char *why)
{
	u_char bytes[1024];
	struct hpn_dm_frame f;

	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_SORRY;
	f.value = status;
	f.text = why;
	f.text_len = strlen(why);
	(void)atomicio(vwrite, STDOUT_FILENO, bytes,
	    hpn_dm_frame_put(bytes, &f));
}

/* Wait until the keeper is done with our connection. */
static int
front_wait(int s)
{
	char c;

	(void)dup2(s, STDIN_FILENO);
	(void)dup2(s, STDOUT_FILENO);
	while (read(s, &c, 1) == -1 && errno == EINTR)
		;
	return 0;
}

static int
front_again(const struct hpn_dm_frame *f)
{
	unsigned char message[HPN_DM_FRAME_SECRET + 8];
	struct hpn_dm_place place;
	char why[300];
	uint64_t offset = f->offset;
	size_t i;
	int s;

	memcpy(message, f->secret, HPN_DM_FRAME_SECRET);
	for (i = sizeof(message); i-- > HPN_DM_FRAME_SECRET; offset >>= 8)
		message[i] = (unsigned char)offset;
	(void)strlcpy(why, "it is not there any more", sizeof(why));
	if (hpn_dm_place_open(&place, f->secret, why, sizeof(why)) == -1 ||
	    (s = hpn_dm_place_find(&place, why, sizeof(why))) == -1 ||
	    atomicio(vwrite, s, message, sizeof(message)) != sizeof(message) ||
	    mm_send_fd(s, STDIN_FILENO) == -1 ||
	    mm_send_fd(s, STDOUT_FILENO) == -1) {
		explicit_bzero(message, sizeof(message));
		/* Else the client tries again */
		if (*why != '\0')
			front_sorry(GONE, why);
		return FAILED;
	}
	explicit_bzero(message, sizeof(message));
	return front_wait(s);
}

static int
front_hello(const struct hpn_dm_frame *f, uint64_t most)
{
	struct keeper run, *k = &run;
	char why[300] = "", *dir, *command;
	int pair[2], null;
	pid_t pid;

	memset(k, 0, sizeof(*k));
	k->writes = (f->flags & HPN_DM_FRAME_WRITES) != 0;
	k->keep_s = f->keep < most ? f->keep : most;
	k->listening = k->front = k->end = k->notes = -1;
	memcpy(k->secret, f->secret, sizeof(k->secret));
	dir = xcalloc(1, f->text_len + 1);
	memcpy(dir, f->text, f->text_len);
	command = xcalloc(1, f->text2_len + 1);
	memcpy(command, f->text2, f->text2_len);
	if (f->buffer < HPN_DM_OPTS_BUFFER_MIN ||
	    f->buffer > HPN_DM_OPTS_BUFFER_MAX || *command == '\0') {
		front_sorry(FAILED, "its first message makes no sense");
		return FAILED;
	}
	if (*dir != '\0' && chdir(dir) == -1) {
		snprintf(why, sizeof(why), "cannot go to the directory of -d: "
		    "%s", strerror(errno));
		front_sorry(FAILED, why);
		return FAILED;
	}
	if ((k->flow = hpn_dm_flow_new(!k->writes, 0, f->buffer,
	    (f->flags & HPN_DM_FRAME_WITH_SHA) != 0)) == NULL) {
		front_sorry(FAILED, "it has no hashes, or no memory");
		return FAILED;
	}
	if (k->keep_s == 0)
		(void)strlcpy(why, "it is not to stay (-T, or -keep of dmscp "
		    "-server)", sizeof(why));
	else if (hpn_dm_place_open(&k->place, k->secret, why,
	    sizeof(why)) == 0) {
		k->listening = hpn_dm_place_listen(&k->place, why,
		    sizeof(why));
		k->stays = k->listening != -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ||
	    pipe(wakeup) == -1 || (pid = fork()) == -1) {
		front_sorry(FAILED, strerror(errno));
		if (k->stays)
			hpn_dm_place_leave(&k->place);
		return FAILED;
	}
	if (pid != 0) {
		/* Who has the secret is the keeper */
		explicit_bzero(k->secret, sizeof(k->secret));
		if (k->listening != -1)
			close(k->listening);
		close(pair[0]);
		return front_wait(pair[1]);
	}
	close(pair[1]);
	keeper = k;
	(void)setsid();
	k->front = pair[0];
	set_nonblock(wakeup[0]);
	set_nonblock(wakeup[1]);
	ssh_signal(SIGCHLD, child_handler);
	ssh_signal(SIGTERM, child_handler);
	ssh_signal(SIGHUP, SIG_IGN);
	ssh_signal(SIGINT, SIG_IGN);
	hpn_dm_flow_connect(k->flow, dup(STDIN_FILENO), dup(STDOUT_FILENO));
	/* The session's own descriptors are the front's, and the flow's */
	if ((null = open(_PATH_DEVNULL, O_RDWR)) != -1) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	(void)hpn_dm_flow_begin(k->flow, 0);
	command_start(k, command);
	welcome(k, k->stays ? "" : why);
	keep(k);
}

int
hpn_dm_server(int argc, char **argv)
{
	static u_char bytes[HPN_DM_FRAME_OTHER_MOST];
	struct hpn_dm_frame f;
	/* What a first message may be is the same for both directions */
	struct hpn_dm_frame_peer peer = { .sends = 1 };
	uint64_t most = KEEP;
	size_t head;
	int i, n;

	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "-keep") == 0 && i + 1 < argc &&
		    hpn_dm_opts_seconds(argv[i + 1], &most) == 0)
			i++;
		else {
			error("usage: dmscp -server [-keep seconds]");
			return FAILED;
		}
	}
	ssh_signal(SIGPIPE, SIG_IGN);
	if (atomicio(read, STDIN_FILENO, bytes, 5) != 5) {
		error("dmscp -server is started by dmscp -R");
		return FAILED;
	}
	if ((n = hpn_dm_frame_length(bytes, 5, &head)) <= 0 ||
	    (bytes[4] != HPN_DM_FRAME_HELLO && bytes[4] != HPN_DM_FRAME_AGAIN) ||
	    atomicio(read, STDIN_FILENO, bytes + 5, head - 5) != head - 5 ||
	    hpn_dm_frame_parse(&f, bytes, head) != 0 ||
	    hpn_dm_frame_take(&peer, &f) != NULL) {
		front_sorry(FAILED, "its first message makes no sense");
		return FAILED;
	}
	if (f.type == HPN_DM_FRAME_AGAIN)
		return front_again(&f);
	return front_hello(&f, most);
}
