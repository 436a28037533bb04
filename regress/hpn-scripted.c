/* SPDX-License-Identifier: ISC */
/*
 * hpn-scripted: the server of the ssh whose ProxyCommand this is, that answers
 * after the key exchange as its arguments say, one step after the other.  It
 * announces what OpenSSH's sshd does and runs nothing.
 *
 * usage: hpn-scripted -k hostkey -r report step ...
 *
 *   <N            read until a message of this type has come
 *   accept        SERVICE_ACCEPT
 *   failure:LIST  USERAUTH_FAILURE with these methods; partial:LIST the same
 *                 with partial success
 *   pkok          PK_OK for the key asked for last
 *   success       USERAUTH_SUCCESS
 *   sigalgs:LIST  EXT_INFO with these signature algorithms
 *   hostkeys:FILE hostkeys-00@openssh.com: its key, and this public one
 *   unknown       UNIMPLEMENTED for each message of the connection protocol that
 *                 has come and not been answered so; unknown:N for N of them
 *   confirm:ID    the channel opened last is this one here
 *   exit:N        its command's exit status, and its end
 *   disconnect    DISCONNECT
 *   int           SIGINT to ssh
 *   close         the end of the connection
 *   !COMMAND      run this here
 *
 * After the last step it reads until the connection ends.  The report has a line
 * for each message that came: type, sequence number, and the name of a method, a
 * signature algorithm, a channel or a request, as far as there is one.  Its last
 * line is "eof", "disconnected" or "error WHAT".
 */

#include "includes.h"

#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ssherr.h"
#include "sshbuf.h"
#include "sshkey.h"
#include "authfile.h"
#include "packet.h"
#include "kex.h"
#include "ssh2.h"
#include "ssh_api.h"
#include "log.h"

#define MOST	256

static struct ssh *ssh;
static FILE *report;
static u_int32_t unanswered[MOST];	/* sequence numbers */
static size_t nunanswered;
static struct sshkey *hostkey;
static char *pkalg;
static u_char *pkblob;
static size_t pkbloblen;
static u_int32_t channel;

static void
must(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(report, "error %s: %s\n", what, ssh_err(r));
	fflush(report);
	exit(1);
}

static void
flush(void)
{
	const u_char *p;
	size_t len;
	ssize_t n;

	while ((p = ssh_output_ptr(ssh, &len)) != NULL && len > 0) {
		if ((n = write(STDOUT_FILENO, p, len)) <= 0)
			return;		/* ssh has gone */
		must(ssh_output_consume(ssh, (size_t)n), "output");
	}
}

/* The end of the connection. */
static void
leave(void)
{
	fprintf(report, "eof\n");
	fflush(report);
	exit(0);
}

/* Waits for bytes. */
static void
fill(void)
{
	u_char buf[16384];
	ssize_t n;

	flush();
	if ((n = read(STDIN_FILENO, buf, sizeof(buf))) <= 0)
		leave();
	must(ssh_input_append(ssh, buf, (size_t)n), "input");
}

static void
tell(u_char type, u_int32_t seq, const char *a, const char *b)
{
	fprintf(report, "%u %u%s%s%s%s\n", type, seq, a == NULL ? "" : " ",
	    a == NULL ? "" : a, b == NULL ? "" : " ", b == NULL ? "" : b);
	fflush(report);
}

static void
came(u_char type, u_int32_t seq)
{
	char *name = NULL;
	u_char have_sig;

	if (type >= SSH2_MSG_GLOBAL_REQUEST && nunanswered < MOST)
		unanswered[nunanswered++] = seq;
	switch (type) {
	case SSH2_MSG_USERAUTH_REQUEST:
		must(sshpkt_get_cstring(ssh, NULL, NULL), "user");
		must(sshpkt_get_cstring(ssh, NULL, NULL), "service");
		must(sshpkt_get_cstring(ssh, &name, NULL), "method");
		if (strncmp(name, "publickey", 9) == 0) {
			free(pkalg);
			free(pkblob);
			must(sshpkt_get_u8(ssh, &have_sig), "signed");
			must(sshpkt_get_cstring(ssh, &pkalg, NULL), "alg");
			must(sshpkt_get_string(ssh, &pkblob, &pkbloblen), "blob");
			tell(type, seq, have_sig ? "signed" : "asked", pkalg);
			free(name);
			return;
		}
		break;
	case SSH2_MSG_CHANNEL_OPEN:
		must(sshpkt_get_cstring(ssh, &name, NULL), "channel");
		must(sshpkt_get_u32(ssh, &channel), "id");
		break;
	case SSH2_MSG_CHANNEL_REQUEST:
		must(sshpkt_get_u32(ssh, NULL), "id");
		must(sshpkt_get_cstring(ssh, &name, NULL), "request");
		break;
	case SSH2_MSG_GLOBAL_REQUEST:
		must(sshpkt_get_cstring(ssh, &name, NULL), "request");
		break;
	}
	tell(type, seq, name, NULL);
	free(name);
}

/* Reads until one of this type has come; 0: until the end. */
static void
await(u_char wanted)
{
	u_int32_t seq;
	u_char type;
	int r;

	for (;;) {
		if ((r = ssh_packet_read_poll_seqnr(ssh, &type,
		    &seq)) == SSH_ERR_DISCONNECTED) {
			fprintf(report, "disconnected\n");
			exit(0);
		}
		must(r, "packet");
		if (type == SSH_MSG_NONE) {
			fill();
			continue;
		}
		came(type, seq);
		if (wanted != 0 && type == wanted)
			return;
	}
}

static void
send_list(u_char type, const char *list)
{
	must(sshpkt_start(ssh, type), "start");
	must(sshpkt_put_cstring(ssh, list), "put");
}

static int
put_key(const struct sshkey *key)
{
	u_char *blob;
	size_t len;
	int r;

	if ((r = sshkey_to_blob(key, &blob, &len)) != 0)
		return r;
	r = sshpkt_put_string(ssh, blob, len);
	free(blob);
	return r;
}

static void
perform(const char *step)
{
	const char *arg = strchr(step, ':');
	size_t i, n;

	arg = arg == NULL ? "" : arg + 1;
	if (*step == '<') {
		await((u_char)atoi(step + 1));
		return;
	} else if (*step == '!') {
		flush();
		if (system(step + 1) != 0)
			errx(1, "%s", step);
		return;
	} else if (strcmp(step, "close") == 0) {
		flush();
		leave();
	} else if (strcmp(step, "int") == 0) {
		flush();
		kill(getppid(), SIGINT);
		return;
	} else if (strcmp(step, "accept") == 0) {
		send_list(SSH2_MSG_SERVICE_ACCEPT, "ssh-userauth");
	} else if (strncmp(step, "failure", 7) == 0 ||
	    strncmp(step, "partial", 7) == 0) {
		send_list(SSH2_MSG_USERAUTH_FAILURE, arg);
		must(sshpkt_put_u8(ssh, *step == 'p'), "put");
	} else if (strcmp(step, "pkok") == 0) {
		send_list(SSH2_MSG_USERAUTH_PK_OK, pkalg);
		must(sshpkt_put_string(ssh, pkblob, pkbloblen), "put");
	} else if (strcmp(step, "success") == 0) {
		must(sshpkt_start(ssh, SSH2_MSG_USERAUTH_SUCCESS), "start");
	} else if (strncmp(step, "hostkeys", 8) == 0) {
		struct sshkey *other;

		must(sshkey_load_public(arg, &other, NULL), arg);
		must(sshpkt_start(ssh, SSH2_MSG_GLOBAL_REQUEST), "start");
		must(sshpkt_put_cstring(ssh, "hostkeys-00@openssh.com"), "put");
		must(sshpkt_put_u8(ssh, 0), "put");
		must(put_key(hostkey), "key");
		must(put_key(other), "key");
		sshkey_free(other);
	} else if (strncmp(step, "sigalgs", 7) == 0) {
		must(sshpkt_start(ssh, SSH2_MSG_EXT_INFO), "start");
		must(sshpkt_put_u32(ssh, 1), "put");
		must(sshpkt_put_cstring(ssh, "server-sig-algs"), "put");
		must(sshpkt_put_cstring(ssh, arg), "put");
	} else if (strncmp(step, "unknown", 7) == 0) {
		n = *arg == '\0' ? nunanswered : (size_t)atoi(arg);
		for (i = 0; i < n && i < nunanswered; i++) {
			must(sshpkt_start(ssh, SSH2_MSG_UNIMPLEMENTED), "start");
			must(sshpkt_put_u32(ssh, unanswered[i]), "put");
			must(sshpkt_send(ssh), "send");
		}
		memmove(unanswered, unanswered + i,
		    (nunanswered - i) * sizeof(unanswered[0]));
		nunanswered -= i;
		flush();
		return;
	} else if (strncmp(step, "confirm", 7) == 0) {
		must(sshpkt_start(ssh, SSH2_MSG_CHANNEL_OPEN_CONFIRMATION),
		    "start");
		must(sshpkt_put_u32(ssh, channel), "put");
		must(sshpkt_put_u32(ssh, (u_int32_t)atoi(arg)), "put");
		must(sshpkt_put_u32(ssh, 65536), "put");
		must(sshpkt_put_u32(ssh, 32768), "put");
	} else if (strncmp(step, "exit", 4) == 0) {
		must(sshpkt_start(ssh, SSH2_MSG_CHANNEL_REQUEST), "start");
		must(sshpkt_put_u32(ssh, channel), "put");
		must(sshpkt_put_cstring(ssh, "exit-status"), "put");
		must(sshpkt_put_u8(ssh, 0), "put");
		must(sshpkt_put_u32(ssh, (u_int32_t)atoi(arg)), "put");
		must(sshpkt_send(ssh), "send");
		must(sshpkt_start(ssh, SSH2_MSG_CHANNEL_CLOSE), "start");
		must(sshpkt_put_u32(ssh, channel), "put");
	} else if (strcmp(step, "disconnect") == 0) {
		must(sshpkt_start(ssh, SSH2_MSG_DISCONNECT), "start");
		must(sshpkt_put_u32(ssh, SSH2_DISCONNECT_PROTOCOL_ERROR), "put");
		must(sshpkt_put_cstring(ssh, "as the script says"), "put");
		must(sshpkt_put_cstring(ssh, ""), "put");
	} else
		errx(1, "what is %s?", step);
	must(sshpkt_send(ssh), "send");
	flush();
}

int
main(int argc, char **argv)
{
	const char *keyfile = NULL, *reportfile = NULL;
	u_char type = SSH_MSG_NONE;
	int ch, r;

	while ((ch = getopt(argc, argv, "+k:r:")) != -1) {
		switch (ch) {
		case 'k':
			keyfile = optarg;
			break;
		case 'r':
			reportfile = optarg;
			break;
		default:
			errx(1, "usage: hpn-scripted -k hostkey -r report step ...");
		}
	}
	if (keyfile == NULL || reportfile == NULL)
		errx(1, "usage: hpn-scripted -k hostkey -r report step ...");
	log_init("hpn-scripted", SYSLOG_LEVEL_QUIET, SYSLOG_FACILITY_USER, 1);
	signal(SIGPIPE, SIG_IGN);
	if ((report = fopen(reportfile, "a")) == NULL)
		err(1, "%s", reportfile);
	if ((r = sshkey_load_private(keyfile, "", &hostkey, NULL)) != 0)
		errx(1, "%s: %s", keyfile, ssh_err(r));
	must(ssh_init(&ssh, 1, NULL), "init");
	must(ssh_add_hostkey(ssh, hostkey), "hostkey");
	/* The first message after the key exchange is the client's EXT_INFO */
	for (;;) {
		must(ssh_packet_next(ssh, &type), "key exchange");
		if (type != SSH_MSG_NONE)
			break;
		fill();
	}
	tell(type, 0, NULL, NULL);
	for (argv += optind; *argv != NULL; argv++)
		perform(*argv);
	flush();
	await(0);
	return 0;
}
