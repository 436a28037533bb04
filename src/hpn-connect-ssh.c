/* SPDX-License-Identifier: ISC */
/* See hpn-connect-ssh.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "xmalloc.h"
#include "log.h"
#include "misc.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "sshkey.h"
#include "authfile.h"
#include "kex.h"
#include "packet.h"
#include "channels.h"
#include "compat.h"
#include "ssh.h"
#include "ssh2.h"
#include "readconf.h"
#include "dispatch.h"
#include "hpn-clock.h"
#include "hpn-connect-ssh.h"
#include "hpn-lanes-ssh.h"
#include "hpn-sftp-server.h"
#include "hpn-watch-ssh.h"
#include "ssh-gss.h"

extern Options options;

#define WAIT_MOST	2000000000ULL	/* ns, for an answer since the question */
#define WAIT_STEP	100		/* ms */
#define FIRST_MOST	4096		/* bytes */

static struct winsize size;	/* of the terminal, as the server knows it */
static int waiting;		/* for an answer that is not the session's */
static uint64_t asked_ns;	/* ... since then */
/* What an SFTP client asks for first: kept until the session is open. */
static u_char first[FIRST_MOST];
static size_t first_len;
/* The key that is asked for before the methods are known. */
static enum {
	KEY_LATE,	/* it was not */
	KEY_ASKED,	/* its answer comes */
	KEY_STRAY,	/* ... and does not count */
	KEY_DONE	/* no more */
} early;
static struct identity *early_id;	/* asked for, with this algorithm */
static char *early_alg;

int
hpn_connect_ssh_hopeless(const char *method)
{
#ifdef GSSAPI
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	OM_uint32 status, minor;

	if (strncmp(method, "gssapi", 6) != 0)
		return 0;
	status = gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, GSS_C_NO_OID_SET,
	    GSS_C_INITIATE, &cred, NULL, NULL);
	if (GSS_ERROR(status))
		return 1;
	gss_release_cred(&minor, &cred);
#endif
	return 0;
}

static struct hpn_connect_peer
peer_of(const struct ssh *ssh)
{
	struct hpn_connect_peer peer = {
	    (ssh->compat & SSH_NEW_OPENSSH) != 0,
	    ssh->kex->ext_info_received,
	    (ssh->kex->flags & KEX_HAS_PUBKEY_HOSTBOUND) != 0,
	    (ssh->kex->flags & KEX_HAS_PING) != 0 };

	return peer;
}

/*
 * Whether a file has the private key of public, and it can sign at once.
 * sshkey_load_private() would complain of permissions, and again when the key is
 * loaded to sign; so would signing of a file that another key's .pub lies beside.
 */
static int
unlocked(const struct sshkey *public, const char *filename)
{
	struct sshkey *key = NULL;
	struct stat st;
	int r;

	if (stat(filename, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (st.st_mode & 077) != 0)
		return 0;
	r = sshkey_load_private_type(KEY_UNSPEC, filename, "", &key, NULL);
	if (r == 0 && (sshkey_is_sk(key) || !sshkey_equal_public(key, public)))
		r = SSH_ERR_KEY_TYPE_UNKNOWN;
	sshkey_free(key);
	return r == 0;
}

/* Whether ssh may sign with a key without asking the server first. */
static int
signs(struct ssh *ssh, const struct hpn_connect_key *only)
{
	struct hpn_connect_key k = { .id = NULL };
	int others = 0;

	while (hpn_connect_keys.next(ssh, &k)) {
		free(k.alg);
		if (k.id != only->id && (k.key != NULL ||
		    access(k.filename, F_OK) == 0))
			others = 1;
	}
	return !others && options.identities_only &&
	    options.add_keys_to_agent == 0 && only->agent_fd == -1 &&
	    (only->key->flags & SSHKEY_FLAG_EXT) == 0 &&
	    !sshkey_is_sk(only->key) && !sshkey_is_cert(only->key) &&
	    unlocked(only->key, only->filename);
}

/* The key that is offered first; 0 if a file is to be read to know that. */
static int
first_key(struct ssh *ssh, struct hpn_connect_key *k)
{
	memset(k, 0, sizeof(*k));
	while (hpn_connect_keys.next(ssh, k)) {
		if (k->key == NULL && access(k->filename, F_OK) == 0)
			return 0;
		if (k->alg != NULL)
			return 1;
	}
	return 0;
}

static void
ask(struct ssh *ssh)
{
	struct hpn_connect_peer peer = peer_of(ssh);
	struct hpn_connect_key k;
	int now;

	if (early != KEY_LATE || !hpn_connect_asks(ssh->connect, &peer,
	    options.preferred_authentications, hpn_connect_keys.usable, NULL))
		return;
	early = KEY_DONE;
	hpn_connect_keys.prepare(ssh, ssh->authctxt);
	if (!first_key(ssh, &k))
		return;
	debug("Offering public key with the request for methods: %s",
	    k.filename);
	now = hpn_connect_keys.session != NULL && signs(ssh, &k);
	if (!hpn_connect_keys.offer(ssh, k.id, now)) {
		free(k.alg);
		return;
	}
	early = KEY_ASKED;
	early_id = k.id;
	early_alg = k.alg;
	if (now)
		hpn_connect_keys.session(ssh);
}

int
hpn_connect_ssh_ext_info(int type, u_int32_t seq, struct ssh *ssh)
{
	int r = kex_input_ext_info(type, seq, ssh);

	if (r == 0)
		ask(ssh);
	return r;
}

int
hpn_connect_ssh_asked(void)
{
	return early == KEY_ASKED;
}

int
hpn_connect_ssh_owed(const char *methods)
{
	if (early == KEY_ASKED && !kex_has_any_alg(methods, "publickey")) {
		/* It takes none: the answer to the key comes next */
		early = KEY_STRAY;
		return 1;
	}
	(void)hpn_connect_ssh_stray();
	return 0;
}

int
hpn_connect_ssh_stray(void)
{
	if (early != KEY_STRAY)
		return 0;
	early = KEY_DONE;
	return 1;
}

int
hpn_connect_ssh_answer(struct ssh *ssh)
{
	struct hpn_connect_key k;
	int same;

	if (early == KEY_LATE)
		hpn_connect_keys.prepare(ssh, ssh->authctxt);
	if (early != KEY_ASKED)
		return 0;
	/* A second EXT_INFO may have changed what comes first, and how */
	same = first_key(ssh, &k) && k.id == early_id &&
	    strcmp(k.alg, early_alg) == 0;
	free(k.alg);
	early = same ? KEY_DONE : KEY_STRAY;
	hpn_connect_keys.answer(ssh, same ? early_id : NULL);
	return 1;
}

int
hpn_connect_ssh_opens(struct ssh *ssh, uint32_t seq)
{
	struct hpn_connect *c = ssh->connect;
	struct hpn_connect_peer peer;
	struct hpn_connect_wish wish = {
	    options.session_type != SESSION_TYPE_NONE,
	    options.stdio_forward_host != NULL,
	    options.num_local_forwards > 0,
	    options.num_remote_forwards > 0 ||
	    options.tun_open != SSH_TUNMODE_NO,
	    options.forward_agent, options.forward_x11,
	    options.local_command != NULL,
	    options.control_path != NULL && (options.control_persist ||
	    options.control_master != SSHCTL_MASTER_NO),
	    options.fork_after_authentication, options.hpn.none_switch };

	/* Before SUCCESS, a re-exchange would hold the packets back */
	if (c == NULL || (!c->authenticated && ssh_packet_is_rekeying(ssh)))
		return 0;
	peer = peer_of(ssh);
	if (!hpn_connect_opens(c, &peer, &wish)) {
		/* Those that were refused are only sent in this way */
		if (first_len != 0 && c->authenticated &&
		    c->stage == HPN_CONNECT_REFUSED)
			fatal_f("the first requests were sent in vain");
		return 0;
	}
	debug("Opening the session with the %s",
	    c->authenticated ? "command" : "signature");
	hpn_connect_open(c, seq);
	return 1;
}

/* Descriptors of a channel that ssh has to leave as they were. */
static int
kept(const Channel *c, int i)
{
	static const int bits[] = { CHANNEL_RESTORE_RFD, CHANNEL_RESTORE_WFD,
	    CHANNEL_RESTORE_EFD };
	const int fds[] = { c->rfd, c->wfd, c->efd };

	return (c->restore_block & bits[i]) != 0 ? fds[i] : -1;
}

void
hpn_connect_ssh_opening(struct ssh *ssh, int id)
{
	Channel *c = channel_by_id(ssh, id);
	int i, fd;

	c->have_remote_id = options.stdio_forward_host == NULL;	/* it is 0 */
	for (i = 0; i < 3; i++) {
		if ((fd = kept(c, i)) != -1)
			(void)fcntl(fd, F_SETFL, c->restore_flags[i]);
	}
	if (c->client_tty && ioctl(c->rfd, TIOCGWINSZ, &size) == -1)
		memset(&size, 0, sizeof(size));
}

/* A person types no SFTP; and a terminal's bytes are not for a server to come. */
static int
is_sftp(const Channel *c, const struct sshbuf *command)
{
	return options.session_type == SESSION_TYPE_SUBSYSTEM &&
	    sshbuf_len(command) == 4 &&
	    memcmp(sshbuf_ptr(command), "sftp", 4) == 0 && !isatty(c->rfd);
}

/* Whether len bytes are whole SFTP packets. */
static int
is_whole(const u_char *p, size_t len)
{
	size_t packet;

	for (; len >= 4; p += packet, len -= packet)
		if ((packet = 4 + (size_t)PEEK_U32(p)) > len)
			return 0;
	return len == 0;
}

/* What only a server gets that has said so follows what any server gets. */
static void
add_early(const struct ssh *ssh)
{
	size_t more;

	if ((ssh->kex->flags & HPN_SFTP_SERVER_EARLY_SAID) == 0 ||
	    !is_whole(first, first_len) ||
	    (more = hpn_lanes_ssh_early(first + first_len,
	    sizeof(first) - first_len)) == 0)
		return;
	first_len += more;
	hpn_lanes_ssh_early_sent();
}

void
hpn_connect_ssh_first(struct ssh *ssh, int id, const struct sshbuf *command)
{
	Channel *c = channel_by_id(ssh, id);
	struct pollfd pfd = { c->rfd, POLLIN, 0 };
	ssize_t n;
	int r;

	if (first_len == 0 && is_sftp(c, command) && poll(&pfd, 1, 0) == 1 &&
	    (n = read(c->rfd, first, sizeof(first))) > 0) {
		first_len = (size_t)n;
		add_early(ssh);
	}
	if (first_len != 0) {
		debug2("Sending %zu bytes with the request for sftp", first_len);
		hpn_connect_spend(ssh->connect, id, first_len);
		if ((r = sshpkt_start(ssh, SSH2_MSG_CHANNEL_DATA)) != 0 ||
		    (r = sshpkt_put_u32(ssh, c->remote_id)) != 0 ||
		    (r = sshpkt_put_string(ssh, first, first_len)) != 0 ||
		    (r = sshpkt_send(ssh)) != 0)
			fatal_fr(r, "send packet");
	}
}

void
hpn_connect_ssh_confirmed(struct ssh *ssh, int id)
{
	Channel *c = channel_by_id(ssh, id);
	struct winsize now;
	int i, fd;

	if (c->remote_id != 0 && options.stdio_forward_host == NULL)
		fatal("The server's first channel is not 0: use "
		    "HPNFastConnect no");
	hpn_connect_window(ssh->connect, id, &c->remote_window);
	first_len = 0;
	for (i = 0; i < 3; i++) {
		if ((fd = kept(c, i)) != -1)
			set_nonblock(fd);
	}
	/* The signal of a change in between had no handler */
	if (c->client_tty && ioctl(c->rfd, TIOCGWINSZ, &now) == 0 &&
	    memcmp(&now, &size, sizeof(now)) != 0)
		(void)raise(SIGWINCH);
}

void
hpn_connect_ssh_authenticated(struct ssh *ssh)
{
	if (!hpn_connect_succeeded(ssh->connect))
		fatal("The server has not said what became of the session: "
		    "use HPNFastConnect no");
	hpn_lanes_ssh_authenticated();
	hpn_guess_ssh_remember(ssh);
	hpn_watch_ssh_begin(ssh, &options.hpn);
}

int
hpn_connect_ssh_leaves(struct ssh *ssh, int id, int *exit_status)
{
	struct hpn_connect_peer peer;
	Channel *c;

	/* A server that has ended by itself first has something to say of it */
	if (ssh->connect == NULL || !hpn_lanes_ssh_serves() ||
	    (c = channel_by_id(ssh, id)) == NULL ||
	    c->type != SSH_CHANNEL_OPEN || c->istate != CHAN_INPUT_CLOSED ||
	    (c->flags & CHAN_EOF_SENT) == 0 ||
	    (c->flags & (CHAN_EOF_RCVD|CHAN_CLOSE_RCVD)) != 0 ||
	    sshbuf_len(c->extended) != 0 || ssh_packet_is_rekeying(ssh))
		return 0;
	peer = peer_of(ssh);
	if (!hpn_connect_leaves(ssh->connect, &peer))
		return 0;
	debug("Everything was answered: not waiting for the session's end");
	c->type = SSH_CHANNEL_ABANDONED;
	hpn_lanes_ssh_end(ssh);
	if (*exit_status == -1)
		*exit_status = 0;
	return 1;
}

void
hpn_connect_ssh_wait(const struct ssh *ssh, int on)
{
	waiting = on && ssh->connect != NULL &&
	    ssh->connect->stage == HPN_CONNECT_RUNS;
	asked_ns = hpn_clock_ns();
}

int
hpn_connect_ssh_waits(struct timespec *timeout)
{
	if (!waiting)
		return 0;
	if (hpn_clock_ns() - asked_ns >= WAIT_MOST) {
		debug("The server has not proved its other host keys");
		return waiting = 0;
	}
	if (timeout != NULL)
		ptimeout_deadline_ms(timeout, WAIT_STEP);
	return 1;
}
