/* SPDX-License-Identifier: ISC */
/* See hpn-lanes-ssh.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"
#include "log.h"
#include "misc.h"
#include "monitor_fdpass.h"
#include "packet.h"
#include "ssh2.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "compat.h"
#include "channels.h"
#include "clientloop.h"
#include "ssh.h"
#include "readconf.h"
#include "hpn-clock.h"
#include "hpn-lanes.h"
#include "hpn-lanes-ssh.h"
#include "hpn-person.h"
#include "hpn-watch.h"

#define SOCKET		(STDERR_FILENO + 1)

extern Options options;

static int control = -1;	/* the socket, until it is a channel */
static int serves;		/* there was one */
static int channel = -1;	/* that channel */
static int reports;		/* whether SIGUSR1 is taken */
static int tell_only;		/* and not to be asked for more */
static int further;		/* this is a further connection, or leads to one */
static int begun;		/* the first session was asked for */
static int let_in;		/* by the server */
static int deferred;		/* no-more-sessions is still to be sent */
static int ended;		/* the first session is over */
static int sessions[HPN_LANES_MAX - 1];	/* their channels; -1: it is over */
static u_int nsessions;			/* that there were */
static struct sshbuf *runs;
static int runs_subsystem;

int
hpn_lanes_ssh_inherit(void)
{
	const char *env = getenv(HPN_LANES_SSH_ENV), *errstr;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd;

	reports = hpn_watch_inherit();
	if (env == NULL)
		return SOCKET;
	if (strcmp(env, HPN_LANES_SSH_FURTHER) == 0) {
		further = 1;
		return SOCKET;
	}
	if (strncmp(env, HPN_LANES_SSH_TELL, sizeof(HPN_LANES_SSH_TELL) - 1) ==
	    0) {
		env += sizeof(HPN_LANES_SSH_TELL) - 1;
		tell_only = 1;
	}
	fd = (int)strtonum(env, SOCKET, 65535, &errstr);
	unsetenv(HPN_LANES_SSH_ENV);
	/* Nothing else than what scp and sftp make, should it be another's. */
	if (errstr != NULL ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ss.ss_family != AF_UNIX ||
	    (fd != SOCKET && dup2(fd, SOCKET) == -1) ||
	    fcntl(SOCKET, F_SETFD, FD_CLOEXEC) == -1)
		return SOCKET;
	control = SOCKET;
	serves = 1;
	return SOCKET + 1;
}

int
hpn_lanes_ssh_serves(void)
{
	return serves;
}

static void
deaf(void)
{
	close(control);
	control = -1;
}

void
hpn_lanes_ssh_tell(const struct hpn_options *o)
{
	u_char frame[HPN_LANES_SSH_TOLD_LEN];

	if (further)
		options.batch_mode = 1;
	if (control == -1)
		return;
	POKE_U32(frame, sizeof(frame) - 4);
	POKE_U32(frame + 4, HPN_LANES_SSH_TOLD);
	POKE_U32(frame + 8, (o->disabled ? HPN_LANES_SSH_DISABLED : 0) |
	    (reports ? HPN_LANES_SSH_REPORTS : 0));
	/* It may have gone; an empty socket takes these few bytes whole */
	(void)send(control, frame, sizeof(frame), MSG_NOSIGNAL);
	if (o->disabled)
		deaf();
}

void
hpn_lanes_ssh_authenticated(void)
{
	static const u_char packet[] = { 0, 0, 0, 1, HPN_LANES_SSH_LET_IN };
	u_char frame[HPN_LANES_SSH_HELPED_LEN];

	let_in = 1;
	if (control != -1 && tell_only) {
		POKE_U32(frame, sizeof(frame) - 4);
		POKE_U32(frame + 4, HPN_LANES_SSH_HELPED);
		POKE_U32(frame + 8, hpn_person_helped());
		/* As in hpn_lanes_ssh_tell() */
		if (hpn_person_helped() != 0)
			(void)send(control, frame, sizeof(frame), MSG_NOSIGNAL);
		if (begun)
			deaf();
	}
	if (!further)
		return;
	further = 0;
	(void)unsetenv(HPN_LANES_SSH_ENV);
	/* One that leads to a jump host has inherited it, or another program's. */
	if (options.session_type != SESSION_TYPE_SUBSYSTEM)
		return;
	/* An empty socket takes these few bytes whole. */
	(void)write(STDOUT_FILENO, packet, sizeof(packet));
}

size_t
hpn_lanes_ssh_early(u_char *packets, size_t room)
{
	u_char frame[8 + HPN_LANES_SSH_EARLY_MOST];
	size_t len;
	ssize_t n;

	if (control == -1 || !tell_only)
		return 0;
	n = recv(control, frame, sizeof(frame), MSG_DONTWAIT);
	if (n <= 8 || PEEK_U32(frame) != (size_t)n - 4 ||
	    PEEK_U32(frame + 4) != HPN_LANES_SSH_EARLY)
		return 0;
	len = (size_t)n - 8;
	if (len > room)
		return 0;
	memcpy(packets, frame + 8, len);
	return len;
}

void
hpn_lanes_ssh_early_sent(void)
{
	u_char frame[HPN_LANES_SSH_SENT_LEN];

	POKE_U32(frame, sizeof(frame) - 4);
	POKE_U32(frame + 4, HPN_LANES_SSH_SENT);
	POKE_U64(frame + 8, hpn_clock_ns());
	(void)send(control, frame, sizeof(frame), MSG_NOSIGNAL);
}

int
hpn_lanes_ssh_may_come(struct ssh *ssh)
{
	if (control == -1 || tell_only)
		return 0;
	if (ssh->hpn == NULL || ssh_packet_get_mux(ssh)) {
		deaf();
		return 0;
	}
	return deferred = 1;
}

static void
no_more(struct ssh *ssh)
{
	int r;

	if (!deferred)
		return;
	deferred = 0;
	debug("Requesting no-more-sessions@openssh.com");
	if ((r = sshpkt_start(ssh, SSH2_MSG_GLOBAL_REQUEST)) != 0 ||
	    (r = sshpkt_put_cstring(ssh, "no-more-sessions@openssh.com")) != 0 ||
	    (r = sshpkt_put_u8(ssh, 0)) != 0 ||
	    (r = sshpkt_send(ssh)) != 0)
		fatal_fr(r, "send packet");
}

/*
 * As if our side had gone: the server may still say things.  What it runs there
 * may never end, and is not waited for.
 */
static void
leave(struct ssh *ssh, Channel *c)
{
	if (c->istate == CHAN_INPUT_OPEN)
		chan_read_failed(ssh, c);
	if (c->ostate == CHAN_OUTPUT_OPEN ||
	    c->ostate == CHAN_OUTPUT_WAIT_DRAIN)
		chan_write_failed(ssh, c);
	c->type = SSH_CHANNEL_ABANDONED;
}

static void
opened(struct ssh *ssh, int id, int success, void *ctx)
{
	extern char **environ;

	if (!success)
		return;
	if (ended)
		leave(ssh, channel_by_id(ssh, id));
	else
		client_session2_setup(ssh, id, 0, runs_subsystem, NULL, NULL,
		    -1, runs, environ);
}

/* To ask for a channel that is gone would be complained of. */
static void
over(struct ssh *ssh, int id, int force, void *ctx)
{
	u_int i;

	channel_cancel_cleanup(ssh, id);
	for (i = 0; i < nsessions; i++)
		if (sessions[i] == id)
			sessions[i] = -1;
}

static void
open_session(struct ssh *ssh, int fd)
{
	Channel *c;
	int err;

	if (nsessions == sizeof(sessions) / sizeof(sessions[0]) ||
	    (err = dup(STDERR_FILENO)) == -1) {
		close(fd);
		return;
	}
	c = channel_new(ssh, "session", SSH_CHANNEL_OPENING, fd, fd, err,
	    CHAN_SES_WINDOW_DEFAULT, CHAN_SES_PACKET_DEFAULT,
	    CHAN_EXTENDED_WRITE, HPN_LANES_SSH_NAME, CHANNEL_NONBLOCK_STDIO);
	debug_f("channel %d", c->self);
	sessions[nsessions++] = c->self;
	channel_send_open(ssh, c->self);
	channel_register_open_confirm(ssh, c->self, opened, NULL);
	channel_register_cleanup(ssh, c->self, over, 1);
}

/* What came through the socket, complete but for the descriptor. */
static int
asked(struct ssh *ssh, Channel *c)
{
	struct sshbuf *m = NULL;
	u_int32_t type;
	int fd, r;

	if ((r = sshbuf_froms(c->input, &m)) != 0 ||
	    (r = sshbuf_get_u32(m, &type)) != 0 || sshbuf_len(m) != 0 ||
	    type != HPN_LANES_SSH_OPEN) {
		error_f("malformed message");
		sshbuf_free(m);
		return -1;
	}
	sshbuf_free(m);
	if ((fd = mm_receive_fd(c->sock)) == -1)
		return -1;
	open_session(ssh, fd);
	return 0;
}

/* The program that started us needs no more of them. */
static void
enough(struct ssh *ssh, int id, int force, void *ctx)
{
	channel_cancel_cleanup(ssh, id);
	channel = -1;
	no_more(ssh);
}

void
hpn_lanes_ssh_begin(struct ssh *ssh, int id, struct sshbuf *command,
    int subsystem)
{
	Channel *c = channel_by_id(ssh, id);

	if (control == -1)
		return;
	if (tell_only) {
		/* With the signature it was asked for before. */
		begun = 1;
		if (let_in)
			deaf();
		return;
	}
	if (c == NULL || ssh->hpn == NULL ||
	    options.control_master != SSHCTL_MASTER_NO ||
	    (ssh->compat & SSH_NEW_OPENSSH) == 0 || c->remote_window != 0 ||
	    sshbuf_len(command) == 0) {
		deaf();
		no_more(ssh);
		return;
	}
	runs = command;
	runs_subsystem = subsystem;
	c = channel_new(ssh, "sessions", SSH_CHANNEL_MUX_CLIENT, control,
	    control, -1, CHAN_SES_PACKET_DEFAULT, CHAN_SES_PACKET_DEFAULT, 0,
	    "sessions", CHANNEL_NONBLOCK_SET);
	c->flags |= CHAN_LOCAL;
	c->mux_rcb = asked;
	channel = c->self;
	control = -1;
	channel_register_cleanup(ssh, c->self, enough, 0);
}

void
hpn_lanes_ssh_end(struct ssh *ssh)
{
	Channel *c;
	u_int i;

	for (i = 0; i < nsessions; i++) {
		if (sessions[i] != -1 &&
		    (c = channel_by_id(ssh, sessions[i])) != NULL &&
		    c->type == SSH_CHANNEL_OPEN)
			leave(ssh, c);
	}
	/* One that is still to be opened leaves when it is: opened() */
	ended = 1;
	if (channel != -1 && (c = channel_by_id(ssh, channel)) != NULL)
		chan_mark_dead(ssh, c);
}
