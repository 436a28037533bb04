/* SPDX-License-Identifier: ISC */
/* See hpn-guess-ssh.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "xmalloc.h"
#include "log.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "sshkey.h"
#include "digest.h"
#include "kex.h"
#include "packet.h"
#include "compat.h"
#include "ssh.h"
#include "dispatch.h"
#include "hostfile.h"
#include "misc.h"
#include "readconf.h"
#include "pathnames.h"
#include "sshconnect.h"
#include "hpn-connect.h"
#include "hpn-guess.h"
#include "hpn-guess-ssh.h"
#ifdef GSSAPI
#include "ssh-gss.h"
#endif

extern Options options;

/* Where it is missing, stock sets this when a session begins */
extern void ssh_packet_set_qos(struct ssh *, int, int) __attribute__((weak));

#define WAIT_MOST	15	/* s, for an answer after the identification */
#define HELD_MOST	8	/* lines */

static enum {
	NOT_YET,
	EARLY,		/* our KEXINIT goes with the identification */
	GONE,		/* it has gone */
	AGAIN		/* it was wrong, and there is another connection */
} stage;
static struct hostkeys *known;
static char *hostkey_algorithms;	/* as configured */
static int identified, answered;	/* by the server */
static int (*verify)(struct sshkey *, struct ssh *);
/* Errors, to be said if no other connection takes the place of this one. */
static char *held[HELD_MOST];
static size_t nheld;

static void
held_say(int again)
{
	size_t i;

	for (i = 0; i < nheld; i++) {
		sshlogdirect(again ? SYSLOG_LEVEL_DEBUG1 : SYSLOG_LEVEL_ERROR,
		    0, "%s", held[i]);
		free(held[i]);
	}
	nheld = 0;
}

/* A log_handler_fn: the log calls it, and writes what it says itself. */
static void
hold(LogLevel level, int forced, const char *text, void *ctx)
{
	if (level == SYSLOG_LEVEL_ERROR && nheld < HELD_MOST) {
		held[nheld++] = xstrdup(text);
		return;
	}
	/* ssh may end after these: ssh_packet_disconnect(), fatal() */
	if (level == SYSLOG_LEVEL_FATAL || level == SYSLOG_LEVEL_INFO)
		held_say(0);
	sshlogdirect(level, forced, "%s", text);
}

/* All is decided: from now on the log is as ever. */
static void
hold_end(int again)
{
	set_log_handler(NULL, NULL);
	held_say(again);
}

/* The file of the memory, or NULL where there must be none. */
static char *
memory_path(void)
{
	struct stat st;
	char *path;

	if (options.num_user_hostfiles == 0 ||
	    stat(options.user_hostfiles[0], &st) == -1 ||
	    !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return NULL;
	xasprintf(&path, "%s%s", options.user_hostfiles[0],
	    HPN_GUESS_SSH_SUFFIX);
	return path;
}

/* What is in it: nothing if it is not the user's own file, or too long. */
static char *
memory_read(const char *path)
{
	struct stat st;
	char *text = xcalloc(1, HPN_GUESS_BYTES + 1);
	size_t len = 0;
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC)) == -1)
		return text;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 022) != 0 ||
	    st.st_size > HPN_GUESS_BYTES) {
		close(fd);
		return text;
	}
	while (len < HPN_GUESS_BYTES &&
	    (n = read(fd, text + len, HPN_GUESS_BYTES - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return text;
}

/* Two that write at the same time: one of them learns it once more. */
static void
memory_write(const char *path, const char *text)
{
	char *new;
	size_t len = strlen(text);
	int fd, ok;

	xasprintf(&new, "%s.XXXXXXXXXX", path);
	if ((fd = mkstemp(new)) == -1) {
		debug_f("%s: %s", new, strerror(errno));
		free(new);
		return;
	}
	ok = write(fd, text, len) == (ssize_t)len;
	ok = close(fd) == 0 && ok;
	if (!ok || rename(new, path) == -1) {
		debug_f("%s: %s", path, strerror(errno));
		(void)unlink(new);
	}
	free(new);
}

static enum hpn_guess_memory
recall(const char *text, const struct sshkey *key)
{
	enum hpn_guess_memory what;
	char *print;

	if ((print = sshkey_fingerprint(key, SSH_DIGEST_SHA256,
	    SSH_FP_BASE64)) == NULL)
		return HPN_GUESS_UNKNOWN;
	what = hpn_guess_recall(text, print);
	free(print);
	return what;
}

static int
can_begin(void)
{
	if (options.num_user_hostfiles == 0 ||
	    options.known_hosts_command != NULL)
		return 0;
	/* Our standard input cannot be connected once more */
	if (options.proxy_command != NULL &&
	    strcmp(options.proxy_command, "-") == 0)
		return 0;
#ifdef KEX_GSS_GEX_SHA1_ID
	/* Its messages are not known before the server's KEXINIT */
	if (options.gss_keyex)
		return 0;
#endif
	return 1;
}

int
hpn_guess_ssh_begin(struct ssh *ssh, char *host, struct sockaddr *hostaddr,
    u_short port)
{
	char *path = NULL, *text = NULL, *name = NULL;
	u_int i, takes = 0;

	if (ssh->connect == NULL || stage != NOT_YET || !can_begin() ||
	    (path = memory_path()) == NULL)
		return 0;
	text = memory_read(path);
	free(path);
	if (*text == '\0') {
		free(text);
		return 0;
	}
	get_hostfile_hostname_ipaddr(host, hostaddr, port, &name, NULL);
	known = init_hostkeys();
	for (i = 0; i < options.num_user_hostfiles; i++)
		load_hostkeys(known, name, options.user_hostfiles[i], 0);
	for (i = 0; i < options.num_system_hostfiles; i++)
		load_hostkeys(known, name, options.system_hostfiles[i], 0);
	free(name);
	/* With a certificate, another algorithm would have to be the first */
	if (!lookup_marker_in_hostkeys(known, MRK_CA)) {
		for (i = 0; i < known->num_entries; i++) {
			/* hpn_guess_ssh_propose() looks at the note */
			known->entries[i].note =
			    known->entries[i].marker == MRK_NONE &&
			    recall(text, known->entries[i].key) ==
			    HPN_GUESS_TAKEN;
			takes += known->entries[i].note;
		}
	}
	free(text);
	if (takes == 0) {
		free_hostkeys(known);
		known = NULL;
		return 0;
	}
	if (options.hostkeyalgorithms != NULL)
		hostkey_algorithms = xstrdup(options.hostkeyalgorithms);
	stage = EARLY;
	set_log_handler(hold, NULL);
	return 1;
}

/* Whether the first message of this exchange depends on nothing else. */
static int
can_guess(const char *kexs)
{
	char *first = xstrdup(kexs);
	u_int type;

	first[strcspn(first, ",")] = '\0';
	type = kex_type_from_name(first);
	free(first);
	return type == KEX_C25519_SHA256 ||
	    type == KEX_KEM_SNTRUP761X25519_SHA512 ||
	    type == KEX_KEM_MLKEM768X25519_SHA256;
}

/*
 * The first plain algorithm of the list for which a key is known; NULL if the
 * server with that key is not one that takes guesses.
 */
static char *
first_known(const char *list)
{
	const struct hostkey_entry *found;
	char *copy, *rest, *name, *ret = NULL;
	int type;

	copy = rest = xstrdup(list);
	while ((name = strsep(&rest, ",")) != NULL) {
		type = sshkey_type_from_name(name);
		if (type == KEY_UNSPEC || sshkey_type_is_cert(type) ||
		    !lookup_key_in_hostkeys_by_type(known, type,
		    sshkey_ecdsa_nid_from_name(name), &found))
			continue;
		if (found->note)
			ret = xstrdup(name);
		break;
	}
	free(copy);
	return ret;
}

void
hpn_guess_ssh_propose(struct ssh *ssh, char **proposal)
{
	char *kexs, *hostkeys, *first;
	size_t size;

	if (stage != EARLY || !can_guess(proposal[PROPOSAL_KEX_ALGS]) ||
	    (first = first_known(
	    proposal[PROPOSAL_SERVER_HOST_KEY_ALGS])) == NULL)
		return;
	size = strlen(proposal[PROPOSAL_KEX_ALGS]) + 64;
	kexs = xmalloc(size);
	hostkeys = hpn_rekey_prefer(proposal[PROPOSAL_SERVER_HOST_KEY_ALGS],
	    first);
	free(first);
	if (hostkeys == NULL ||
	    !hpn_guess_with(proposal[PROPOSAL_KEX_ALGS], kexs, size)) {
		free(kexs);
		free(hostkeys);
		return;
	}
	free(proposal[PROPOSAL_KEX_ALGS]);
	free(proposal[PROPOSAL_SERVER_HOST_KEY_ALGS]);
	proposal[PROPOSAL_KEX_ALGS] = kexs;
	proposal[PROPOSAL_SERVER_HOST_KEY_ALGS] = hostkeys;
	ssh->kex->rekey.guesses = 1;
	debug("Sending the first message of the key exchange with the "
	    "identification");
}

int
hpn_guess_ssh_waits(int (*host_key)(struct sshkey *, struct ssh *))
{
	verify = host_key;
	return stage == EARLY;
}

/* The server has answered the first message: from now on all is as ever. */
static int
verify_answer(struct sshkey *key, struct ssh *ssh)
{
	answered = 1;
	hold_end(0);
	ssh_packet_set_timeout(ssh, options.server_alive_interval,
	    options.server_alive_count_max);
	return verify(key, ssh);
}

/* Whether a connection ended as it does at a server that bears no guess. */
static int
ended(int r)
{
	switch (r) {
	case SSH_ERR_CONN_CLOSED:
	case SSH_ERR_DISCONNECTED:
		return 1;
	case SSH_ERR_SYSTEM_ERROR:
		return errno == ECONNRESET || errno == EPIPE ||
		    errno == ECONNABORTED;
	default:
		return 0;
	}
}

/*
 * A ProxyCommand ended and left the guess in its pipe.  So the server has not seen
 * it, and the same once more, with another password perhaps, would end the same.
 */
static int
proxy_left_guess(struct ssh *ssh, int error)
{
	int left, out = ssh_packet_get_connection_out(ssh);
	u_int64_t guess;

	if (out == ssh_packet_get_connection_in(ssh))
		return 0;
	ssh_packet_get_bytes(ssh, NULL, &guess);
	return error == EPIPE || (ioctl(out, FIONREAD, &left) == 0 &&
	    left > 0 && (u_int64_t)left >= guess);
}

/* Another connection takes the place of this one, with nothing of its state. */
static void
connect_again(struct ssh *ssh, const char *host, struct sockaddr *hostaddr,
    u_short port)
{
	struct ssh *fresh;
	struct session_state *state;
	struct kex *kex;
	struct addrinfo ai;
	struct sockaddr_storage addr;
	int timeout_ms = options.connection_timeout >= INT_MAX / 1000 ?
	    INT_MAX : options.connection_timeout * 1000;

	if ((fresh = ssh_alloc_session_state()) == NULL)
		fatal_f("could not allocate state");
	hpn_rekey_forget(ssh->kex);
	state = ssh->state;
	ssh->state = fresh->state;
	fresh->state = state;
	kex = ssh->kex;
	ssh->kex = fresh->kex;
	fresh->kex = kex;
	ssh_packet_close(fresh);
	free(fresh);
	ssh_kill_proxy_command();
	free(ssh->local_ipaddr);
	free(ssh->remote_ipaddr);
	ssh->local_ipaddr = ssh->remote_ipaddr = NULL;
	ssh->dispatch_skip_packets = 0;
	ssh->compat = 0;
	memset(ssh->connect, 0, sizeof(*ssh->connect));
	if (ssh_packet_set_qos != NULL)
		ssh_packet_set_qos(ssh, options.ip_qos_interactive,
		    options.ip_qos_bulk);

	memset(&ai, 0, sizeof(ai));
	memcpy(&addr, hostaddr, sizeof(addr));
	ai.ai_family = addr.ss_family;
	ai.ai_socktype = SOCK_STREAM;
	ai.ai_protocol = IPPROTO_TCP;
	ai.ai_addr = (struct sockaddr *)&addr;
	ai.ai_addrlen = addr.ss_family == AF_INET6 ?
	    sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	if (ssh_connect(ssh, host, options.host_arg, &ai,
	    (struct sockaddr_storage *)hostaddr, port,
	    options.connection_attempts, &timeout_ms,
	    options.tcp_keep_alive) != 0)
		cleanup_exit(255);
	ssh_packet_set_timeout(ssh, options.server_alive_interval,
	    options.server_alive_count_max);
}

int
hpn_guess_ssh_finish(struct ssh *ssh, int r, const char *host,
    struct sockaddr *hostaddr, u_short port)
{
	const char *what = "banner exchange";
	const long long user_s = (long long)options.server_alive_interval *
	    options.server_alive_count_max;
	int again, saved_errno;

	again = ended(r);
	saved_errno = errno;
	if (again && proxy_left_guess(ssh,
	    r == SSH_ERR_SYSTEM_ERROR ? saved_errno : 0))
		again = 0;
	stage = GONE;
	free_hostkeys(known);
	known = NULL;
	identified = r == 0;
	if (r == 0 && (ssh->compat &
	    (SSH_BUG_CURVE25519PAD|SSH_OLD_DHGEX)) != 0)
		again = 1;	/* see compat_kex_proposal() */
	else if (r == 0) {
		/* Now it is what ssh_kex2() would have done */
		what = "ssh_dispatch_run_fatal";
		ssh_packet_set_nonblocking(ssh);
		ssh->kex->verify_host_key = verify_answer;
		if (user_s <= 0 || user_s > WAIT_MOST)
			ssh_packet_set_timeout(ssh, WAIT_MOST, 1);
		r = ssh_dispatch_run(ssh, DISPATCH_BLOCK, &ssh->kex->done);
		saved_errno = errno;
		if (r == 0) {
			hold_end(0);
			ssh->kex->verify_host_key = verify;
			return 1;
		}
		again = !answered && (ended(r) || r == SSH_ERR_CONN_TIMEOUT);
	}
	hold_end(again);
	if (!again) {
		errno = saved_errno;
		sshpkt_fatal(ssh, r, "%s", what);
	}
	debug("The server did not take the early key exchange%s%s: connecting "
	    "once more, without", r == 0 ? "" : ": ", r == 0 ? "" : ssh_err(r));
	stage = AGAIN;
	free(options.hostkeyalgorithms);
	options.hostkeyalgorithms = hostkey_algorithms;
	hostkey_algorithms = NULL;
	connect_again(ssh, host, hostaddr, port);
	return 0;
}

/* Whether a guess to this server is right, or is ignored as it has to be. */
static int
takes_guesses(const struct ssh *ssh)
{
	const struct hpn_rekey *h = &ssh->kex->rekey;

	return h->kex != NULL && h->hostkey != NULL &&
	    can_guess(options.kex_algorithms) &&
	    hpn_rekey_is_first(options.kex_algorithms, h->kex) &&
	    (h->server_lists ||
	    (h->expected && (ssh->compat & SSH_NEW_OPENSSH) != 0));
}

void
hpn_guess_ssh_remember(struct ssh *ssh)
{
	const struct sshkey *key;
	enum hpn_guess_memory was, is;
	char *path, *text, *new, *print = NULL;
	size_t size;

	/* One that shares a connection has made none */
	if (ssh->connect == NULL || ssh->kex == NULL ||
	    (key = ssh->kex->initial_hostkey) == NULL || sshkey_is_cert(key) ||
	    !can_begin() || (path = memory_path()) == NULL)
		return;
	text = memory_read(path);
	was = recall(text, key);
	if (stage == AGAIN) {
		/* The guess was it, unless the server had refused to talk */
		is = identified ? HPN_GUESS_NEVER : HPN_GUESS_UNKNOWN;
	} else if (was == HPN_GUESS_NEVER)
		is = was;
	else
		is = takes_guesses(ssh) ? HPN_GUESS_TAKEN : HPN_GUESS_UNKNOWN;
	size = strlen(text) + 64;
	new = xmalloc(size);
	if (is != was && (print = sshkey_fingerprint(key, SSH_DIGEST_SHA256,
	    SSH_FP_BASE64)) != NULL &&
	    hpn_guess_learn(text, print, is, new, size)) {
		debug2_f("%s: %d instead of %d", print, is, was);
		memory_write(path, new);
	}
	free(new);
	free(print);
	free(text);
	free(path);
}
