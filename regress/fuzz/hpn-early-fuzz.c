/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: what sshd makes of a client that waits for no answer.  Needs the
 * tree.
 *
 * The input makes a whole connection of the client's, from its KEXINIT to the end of
 * a session, and sshd receives it in pieces.  sshd is the real one: the process
 * before authentication (kex.c, packet.c, auth2.c, auth2-pubkey.c), the hand-over of
 * its state, and the loop of the process after it (serverloop.c, channels.c).  Only
 * the arithmetic of a key exchange is left out, whose keys are always the same, and
 * what the monitor and a session do is said and counted here.
 *
 * Beside memory errors, what must hold:
 *
 * - The first message of a key exchange that sshd takes is the one that a model of
 *   both rules (RFC 4253, and kexguess2) says, for lists of any names.
 * - No SUCCESS without a signature or password that the monitor has taken.
 * - A message that is answered with UNIMPLEMENTED had no effect.  A client may send
 *   it again.  Any other request of a session has an effect once.
 * - An opening has one answer: confirmation, failure or UNIMPLEMENTED.
 * - Before authentication sshd reads no further than one packet needs, and not at
 *   all between SUCCESS and the hand-over.
 * - All that sshd sends can be read by the client.
 */

#include <setjmp.h>

/* The state of a connection is looked at; and sshd's process ends only once. */
#define ssh_packet_disconnect	disconnect_once
#include "packet.c"
#undef ssh_packet_disconnect

#include "hostfile.h"
#include "auth.h"
#include "auth-options.h"
#include "hpn-rekey.h"
#ifdef GSSAPI
#include "ssh-gss.h"
#endif
#include "monitor_wrap.h"
#include "servconf.h"
#include "serverloop.h"
#include "session.h"
#include "fuzz.h"

#define SENT_MOST	200
#define NAMES_MOST	12
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

ServerOptions options;
Authctxt *the_authctxt;
struct sshauthopt *auth_opts;
struct sshbuf *loginmsg;
extern int none_enabled;

static jmp_buf over;
static struct ssh *server, *client;
static struct sshbuf *up, *down;	/* on their way */
static uint64_t pieces;			/* how they are cut */

/* What the client has sent, and what became of it. */
static struct sent {
	u_char type;
	u_int32_t seq;
	unsigned int keys;		/* so many NEWKEYS before it */
	unsigned int ran, answers, unknown;
} sent[SENT_MOST];
static unsigned int nsent, exchanges;

static unsigned int granted;		/* by the monitor */
static unsigned int inits;		/* messages of key exchanges taken ... */
static u_char taken;			/* ... the last of which was this one */
static int handing_over, after, ended_well, chosen;
static int in_step;			/* the keys of both ends are the same */

static uint64_t
piece(uint64_t most)
{
	return input_piece(&pieces, most);
}

/* ------------------------------------------------------ the connection -- */

ssize_t
fake_read(int fd, void *p, size_t len)
{
	size_t n = sshbuf_len(up);

	HOLDS(fd == -1 && !handing_over);
	/* The process after authentication reserves in it what it may read. */
	HOLDS(sshbuf_len(server->state->input) - (after ? len : 0) <=
	    PACKET_MAX_SIZE + 1024);
	if (n > len)
		n = len;
	if (n > 1 && piece(2) == 0)
		n = 1 + (size_t)piece(n);
	HOLDS(sshbuf_get(up, p, n) == 0);
	return (ssize_t)n;
}

ssize_t
fake_write(int fd, const void *p, size_t len)
{
	HOLDS(fd == -1);
	if (piece(16) == 0) {
		errno = piece(2) == 0 ? EAGAIN : EINTR;
		return -1;
	}
	if (len > 1 && piece(4) == 0)
		len = 1 + (size_t)piece(len);
	HOLDS(sshbuf_put(down, p, len) == 0);
	return (ssize_t)len;
}

int
fake_ppoll(struct pollfd *p, nfds_t n, const struct timespec *timeout,
    const sigset_t *mask)
{
	nfds_t i;

	for (i = 0; i < n; i++)
		p[i].revents = i < 2 ? p[i].events : 0;
	return 1;
}

int
fake_nanosleep(const struct timespec *t, struct timespec *left)
{
	return 0;
}

void
cleanup_exit(int code)
{
	longjmp(over, 1);
}

void
ssh_packet_disconnect(struct ssh *ssh, const char *fmt, ...)
{
	if (sshpkt_disconnect(ssh, "%s", fmt) == 0)
		(void)ssh_packet_write_wait(ssh);
	cleanup_exit(255);
}

/* -------------------------------------------- what is not sshd's own -- */

void
auth_log(struct ssh *ssh, int authenticated, int partial, const char *method,
    const char *submethod)
{
}

void
auth_maxtries_exceeded(struct ssh *ssh)
{
	cleanup_exit(255);
}

int
auth_root_allowed(struct ssh *ssh, const char *method)
{
	return 1;
}

static struct passwd user = { "fuzz", "", 1000, 1000, "", "/", "/bin/sh" };

struct passwd *
fakepw(void)
{
	return &user;
}

struct passwd *
mm_getpwnamallow(struct ssh *ssh, const char *name)
{
	return strcmp(name, "nobody") == 0 ? NULL : &user;
}

void
mm_inform_authserv(char *service, char *style, char *role)
{
}

char *
mm_auth2_read_banner(void)
{
	return NULL;
}

#ifdef SSH_AUDIT_EVENTS
void
mm_audit_event(struct ssh *ssh, ssh_audit_event_t event)
{
}
#endif

void
mm_start_pam(struct ssh *ssh)
{
}

u_int
mm_do_pam_account(void)
{
	return 1;
}

int
mm_auth_password(struct ssh *ssh, char *password)
{
	if (strcmp(password, "right") != 0)
		return 0;
	granted++;
	return 1;
}

/* Keys that begin with an odd byte may log in. */
int
mm_user_key_allowed(struct ssh *ssh, struct passwd *pw, struct sshkey *key,
    int attempt, struct sshauthopt **opts)
{
	if (opts != NULL)
		*opts = sshauthopt_new();
	return key->ed25519_pk[0] & 1;
}

int
mm_sshkey_verify(const struct sshkey *key, const u_char *sig, size_t siglen,
    const u_char *data, size_t len, const char *alg, u_int compat,
    struct sshkey_sig_details **details)
{
	if (siglen != 5 || memcmp(sig, "right", 5) != 0)
		return SSH_ERR_SIGNATURE_INVALID;
	HOLDS(key->ed25519_pk[0] & 1);
	granted++;
	return 0;
}

int
auth_activate_options(struct ssh *ssh, struct sshauthopt *opts)
{
	return 0;
}

static int
no_method(struct ssh *ssh, const char *method)
{
	return 0;
}

extern struct authmethod_cfg methodcfg_kbdint, methodcfg_hostbased;
Authmethod method_kbdint = { &methodcfg_kbdint, no_method };
Authmethod method_hostbased = { &methodcfg_hostbased, no_method };
#ifdef GSSAPI
extern struct authmethod_cfg methodcfg_gsskeyex, methodcfg_gssapi;
Authmethod method_gsskeyex = { &methodcfg_gsskeyex, no_method };
Authmethod method_gssapi = { &methodcfg_gssapi, no_method };
#endif

void
auth2_challenge_stop(struct ssh *ssh)
{
}

/* Functions of the monitor's and the listener's: never called here. */
#define NEVER(name) \
	void never_##name(void) __asm__(#name); \
	void never_##name(void) { abort(); }
NEVER(auth_authorise_keyopts)
NEVER(auth_check_authkeys_file)
NEVER(auth_debug_add)
NEVER(auth_get_canonical_hostname)
NEVER(auth_key_is_revoked)
NEVER(auth_openkeyfile)
NEVER(auth_openprincipals)
NEVER(auth_process_principals)
NEVER(authorized_principals_file)
NEVER(expand_authorized_keys)
NEVER(get_hostkey_by_index)
NEVER(get_hostkey_public_by_index)
NEVER(restore_uid)
NEVER(temporarily_use_uid)

/* Whose request this is: it says so itself. */
static struct sent *
whose(const char *number)
{
	unsigned long n = strtoul(number, NULL, 10);

	return *number >= '0' && *number <= '9' && n < nsent ? &sent[n] : NULL;
}

int
session_open(Authctxt *authctxt, int chanid)
{
	HOLDS(after && granted > 0 && authctxt->success);
	return piece(8) != 0;
}

int
session_input_channel_req(struct ssh *ssh, Channel *c, const char *rtype)
{
	char *command;
	struct sent *s;
	int r;

	HOLDS(after && granted > 0);
	if (strcmp(rtype, "exec") != 0)
		return 0;
	if ((r = sshpkt_get_cstring(ssh, &command, NULL)) != 0 ||
	    (r = sshpkt_get_end(ssh)) != 0)
		sshpkt_fatal(ssh, r, "%s: parse packet", __func__);
	if ((s = whose(command)) != NULL) {
		s->ran++;
		HOLDS(s->ran == 1);
	}
	free(command);
	channel_set_fds(ssh, c->self, -1, -1, -1, 1, 1, 0,
	    CHAN_SES_WINDOW_DEFAULT);
	return 1;
}

void
session_close_by_pid(struct ssh *ssh, pid_t pid, int status)
{
}

void
session_close_by_channel(struct ssh *ssh, int id, int force, void *arg)
{
}

void
session_destroy_all(struct ssh *ssh, void (*closefunc)(Session *))
{
}

/* ------------------------------------------------------ key exchange -- */

static const u_char hostkey[] = "\0\0\0\13ssh-ed25519\0\0\0\40"
    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";

/* The keys of all exchanges: those of one secret, but for the exchange's number. */
static u_char iv[MODE_MAX][16];		/* the client's first ones */

static int
derive(struct ssh *ssh, unsigned int number)
{
	static u_char hash[32] = { 1, 2, 3 };
	struct sshbuf *secret;
	int r, mode;

	HOLDS((secret = sshbuf_new()) != NULL);
	HOLDS(sshbuf_put_cstring(secret, "secret") == 0);
	ssh->kex->hash_alg = SSH_DIGEST_SHA256;
	if ((r = kex_derive_keys(ssh, hash, sizeof(hash), secret)) == 0 &&
	    ssh->kex->initial_hostkey == NULL)
		r = sshkey_from_blob(hostkey, sizeof(hostkey) - 1,
		    &ssh->kex->initial_hostkey);
	for (mode = 0; r == 0 && mode < MODE_MAX; mode++) {
		ssh->kex->newkeys[mode]->mac.key[0] ^= (u_char)number;
		if (ssh == client)
			memcpy(iv[mode], ssh->kex->newkeys[mode]->enc.iv, 16);
	}
	sshbuf_free(secret);
	return r;
}

static int
input_init(int type, u_int32_t seq, struct ssh *ssh)
{
	int r;

	ssh_dispatch_set(ssh, SSH2_MSG_KEX_ECDH_INIT, &kex_protocol_error);
	if ((r = sshpkt_get_u8(ssh, &taken)) != 0 ||
	    (r = sshpkt_get_end(ssh)) != 0)
		return r;
	inits++;
	if ((r = sshpkt_start(ssh, SSH2_MSG_KEX_ECDH_REPLY)) != 0 ||
	    (r = sshpkt_send(ssh)) != 0 ||
	    (r = derive(ssh, inits - 1)) != 0)
		return r;
	return kex_send_newkeys(ssh);
}

static int
server_exchange(struct ssh *ssh)
{
	ssh_dispatch_set(ssh, SSH2_MSG_KEX_ECDH_INIT, &input_init);
	return 0;
}

static int
client_exchange(struct ssh *ssh)
{
	chosen = 1;
	return 0;
}

static void
set_exchanges(struct kex *kex, int (*exchange)(struct ssh *))
{
	size_t i;

	for (i = 0; i < KEX_MAX; i++)
		kex->kex[i] = exchange;
}

/* ------------------------------------------- the model of both rules -- */

struct names {
	const char *name[NAMES_MOST];
	size_t n;
	int guess2;			/* with HPN_GUESS_NAME, which is not in it */
	int ended;			/* by an empty name: what follows is not seen */
	int any;
	char list[NAMES_MOST * 48];	/* as sent, all of it */
};

static void
names_add(struct names *l, const char *name)
{
	if (l->any)
		strlcat(l->list, ",", sizeof(l->list));
	l->any = 1;
	strlcat(l->list, name, sizeof(l->list));
	if (strcmp(name, HPN_GUESS_NAME) == 0)
		l->guess2 = 1;
	else if (*name == '\0')
		l->ended = 1;
	else if (!l->ended)
		l->name[l->n++] = name;
}

static const char *
names_choose(const struct names *c, const struct names *s)
{
	size_t i, j;

	for (i = 0; i < c->n; i++) {
		for (j = 0; j < s->n; j++) {
			if (strcmp(c->name[i], s->name[j]) == 0)
				return c->name[i];
		}
	}
	return NULL;
}

static int
names_first(const struct names *l, const char *name)
{
	return l->n > 0 && strcmp(l->name[0], name) == 0;
}

static int
names_has(const struct names *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->name[i], name) == 0)
			return 1;
	}
	return 0;
}

static int
guess_is_right(const struct names *ck, const struct names *sk,
    const struct names *ch, const struct names *sh)
{
	const char *kex = names_choose(ck, sk), *key = names_choose(ch, sh);

	if (kex == NULL || key == NULL)
		return 0;
	if (ck->guess2 && sk->guess2)
		return names_first(ck, kex) && names_first(ch, key);
	return names_first(sk, ck->name[0]) && names_first(sh, ch->name[0]);
}

static const char * const kexs[] = { "curve25519-sha256",
    "mlkem768x25519-sha256", "sntrup761x25519-sha512", "ecdh-sha2-nistp256",
    "diffie-hellman-group14-sha256", "curve25519-sha256@libssh.org" };
static const char * const others[] = { HPN_GUESS_NAME, "unknown@example.com",
    "ext-info-c", "kex-strict-c-v00@openssh.com", HPN_GUESS_NAME, "ext-info-s" };
static const char * const hostkeys[] = { "ssh-ed25519", "rsa-sha2-512",
    "ecdsa-sha2-nistp256", "ssh-ed25519-cert-v01@openssh.com" };

static int
is_kex(const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < COUNT(kexs); i++) {
		if (strcmp(name, kexs[i]) == 0)
			return 1;
	}
	return 0;
}

/* A client's lists may have empty names, and that of key exchanges any others. */
static void
names_pick(struct names *l, struct input *in, const char * const *from,
    size_t n, int client, int any)
{
	unsigned int kind;
	size_t i, most = 1 + (size_t)input_bytes(in, 1) % 6;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < most; i++) {
		kind = (unsigned int)input_bytes(in, 1);
		if (client && kind >= 0xf8)
			names_add(l, "");
		else if (any && (kind & 0xc0) == 0)
			names_add(l, others[kind % COUNT(others)]);
		else
			names_add(l, from[kind % n]);
	}
}

/* --------------------------------------------------------- the client -- */

static void
flush(void)
{
	HOLDS(sshbuf_putb(up, client->state->output) == 0);
	sshbuf_reset(client->state->output);
}

/* Records the packet that is begun, and sends it; -1: none more. */
static int
begin(u_char type)
{
	if (nsent == SENT_MOST)
		return -1;
	memset(&sent[nsent], 0, sizeof(sent[nsent]));
	sent[nsent].type = type;
	sent[nsent].seq = client->state->p_send.seqnr;
	sent[nsent].keys = exchanges;
	if (type == SSH2_MSG_NEWKEYS)
		exchanges++;
	HOLDS(sshpkt_start(client, type) == 0);
	return (int)nsent++;
}

static void
end(void)
{
	client->state->rekeying = 0;	/* it does not wait */
	if (sshpkt_send(client) != 0)
		sshbuf_reset(client->state->outgoing_packet);
	client->state->rekeying = 0;
	flush();
}

static void
put_proposal(struct sshbuf *b, const char *kex, const char *key, int follows)
{
	const char *const rest[] = { "aes128-ctr", "aes128-ctr",
	    "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
	    "none", "none", "", "" };
	size_t i;

	for (i = 0; i < KEX_COOKIE_LEN; i++)
		HOLDS(sshbuf_put_u8(b, 0) == 0);
	HOLDS(sshbuf_put_cstring(b, kex) == 0);
	HOLDS(sshbuf_put_cstring(b, key) == 0);
	for (i = 0; i < COUNT(rest); i++)
		HOLDS(sshbuf_put_cstring(b, rest[i]) == 0);
	HOLDS(sshbuf_put_u8(b, (u_char)follows) == 0);
	HOLDS(sshbuf_put_u32(b, 0) == 0);
}

static void
send_kexinit(const char *kex, const char *key, int follows)
{
	if (begin(SSH2_MSG_KEXINIT) == -1)
		return;
	put_proposal(client->state->outgoing_packet, kex, key, follows);
	end();
}

static void
send_init(u_char which)
{
	if (begin(SSH2_MSG_KEX_ECDH_INIT) == -1)
		return;
	HOLDS(sshpkt_put_u8(client, which) == 0);
	end();
}

/* The keys of the exchange with this number, from those of the one before. */
static void
next_keys(int mode, unsigned int number)
{
	struct sshbuf *b;

	HOLDS((b = sshbuf_new()) != NULL);
	HOLDS(newkeys_to_blob(b, client, mode) == 0);
	HOLDS(newkeys_from_blob(b, client, mode) == 0);
	client->kex->newkeys[mode]->mac.key[0] ^= (u_char)(number ^ (number - 1));
	memcpy(client->kex->newkeys[mode]->enc.iv, iv[mode], 16);
	sshbuf_free(b);
}

/* The client learns what is chosen: it is the server's KEXINIT that it reads. */
static void
choose(const struct names *kex, const struct names *key)
{
	struct sshbuf *b, *payload;
	u_char type;
	u_int32_t seq;
	size_t pad;

	HOLDS((b = sshbuf_new()) != NULL && (payload = sshbuf_new()) != NULL);
	HOLDS(sshbuf_put_u8(payload, SSH2_MSG_KEXINIT) == 0);
	put_proposal(payload, kex->list, key->list, 0);
	pad = 4 + (8 - (sshbuf_len(payload) + 5 + 4) % 8) % 8;
	HOLDS(sshbuf_put_u32(b, (u_int32_t)(1 + sshbuf_len(payload) + pad)) == 0);
	HOLDS(sshbuf_put_u8(b, (u_char)pad) == 0);
	HOLDS(sshbuf_putb(b, payload) == 0);
	while (pad-- > 0)
		HOLDS(sshbuf_put_u8(b, 0) == 0);
	HOLDS(sshbuf_putb(client->state->input, b) == 0);
	HOLDS(ssh_packet_read_poll2(client, &type, &seq) == 0 &&
	    type == SSH2_MSG_KEXINIT);
	(void)kex_input_kexinit(type, 0, client);
	/* It will be read once more, with the rest */
	client->state->p_read.seqnr = 0;
	client->state->p_read.packets = 0;
	client->state->p_read.blocks = client->state->p_read.bytes = 0;
	sshbuf_free(payload);
	sshbuf_free(b);
}

static void
put_key(struct input *in)
{
	u_char blob[sizeof(hostkey) - 1];

	memcpy(blob, hostkey, sizeof(blob));
	blob[sizeof(blob) - 32] = (u_char)input_bytes(in, 1);
	HOLDS(sshpkt_put_string(client, blob, sizeof(blob)) == 0);
}

static void
send_auth(struct input *in)
{
	unsigned int kind = (unsigned int)input_bytes(in, 1);
	const char *method;

	if (begin(SSH2_MSG_USERAUTH_REQUEST) == -1)
		return;
	HOLDS(sshpkt_put_cstring(client, (kind & 0xf0) == 0 ? "other" :
	    (kind & 0xf0) == 0x10 ? "nobody" : "fuzz") == 0);
	HOLDS(sshpkt_put_cstring(client, (kind & 0xf0) == 0x20 ?
	    "ssh-userauth" : "ssh-connection") == 0);
	switch (kind % 8) {
	case 0:
		HOLDS(sshpkt_put_cstring(client, "none") == 0);
		break;
	case 1:
		HOLDS(sshpkt_put_cstring(client, "password") == 0);
		HOLDS(sshpkt_put_u8(client, 0) == 0);
		HOLDS(sshpkt_put_cstring(client, input_bytes(in, 1) & 1 ?
		    "right" : "wrong") == 0);
		break;
	case 2:
		HOLDS(sshpkt_put_cstring(client, "keyboard-interactive") == 0);
		HOLDS(sshpkt_put_cstring(client, "") == 0);
		break;
	default:
		method = kind % 2 ? "publickey" :
		    "publickey-hostbound-v00@openssh.com";
		HOLDS(sshpkt_put_cstring(client, method) == 0);
		HOLDS(sshpkt_put_u8(client, kind % 8 > 4) == 0);
		HOLDS(sshpkt_put_cstring(client, "ssh-ed25519") == 0);
		put_key(in);
		if (kind % 2 == 0)
			HOLDS(sshpkt_put_string(client, hostkey,
			    sizeof(hostkey) - 1) == 0);
		if (kind % 8 > 4)
			HOLDS(sshpkt_put_cstring(client,
			    input_bytes(in, 1) & 3 ? "right" : "wrong") == 0);
		break;
	}
	/* Now and then too long */
	if (kind == 0xff)
		HOLDS(sshpkt_put_u8(client, 0) == 0);
	end();
}

static void
send_open(struct input *in)
{
	static const char * const types[] = { "session", "session", "session",
	    "direct-tcpip", "x11", "unknown@example.com" };
	const char *type = types[input_bytes(in, 1) % COUNT(types)];
	int id;

	if ((id = begin(SSH2_MSG_CHANNEL_OPEN)) == -1)
		return;
	HOLDS(sshpkt_put_cstring(client, type) == 0);
	HOLDS(sshpkt_put_u32(client, (u_int32_t)id) == 0);
	HOLDS(sshpkt_put_u32(client, 2 * 1024 * 1024) == 0);
	HOLDS(sshpkt_put_u32(client, 32768) == 0);
	if (strcmp(type, "direct-tcpip") == 0) {
		HOLDS(sshpkt_put_cstring(client, "host") == 0);
		HOLDS(sshpkt_put_u32(client, 22) == 0);
		HOLDS(sshpkt_put_cstring(client, "from") == 0);
		HOLDS(sshpkt_put_u32(client, 1) == 0);
	}
	end();
}

static u_int32_t
channel(struct input *in)
{
	unsigned int kind = (unsigned int)input_bytes(in, 1);

	return kind < 0xc0 ? 0 : kind < 0xf0 ? kind % 4 :
	    (u_int32_t)input_bytes(in, 4);
}

static void
send_request(struct input *in)
{
	char command[16];
	int id;

	if ((id = begin(SSH2_MSG_CHANNEL_REQUEST)) == -1)
		return;
	snprintf(command, sizeof(command), "%d", id);
	HOLDS(sshpkt_put_u32(client, channel(in)) == 0);
	if (input_bytes(in, 1) & 3) {
		HOLDS(sshpkt_put_cstring(client, "exec") == 0);
		HOLDS(sshpkt_put_u8(client, (u_char)input_bytes(in, 1) & 1) == 0);
		HOLDS(sshpkt_put_cstring(client, command) == 0);
	} else {
		HOLDS(sshpkt_put_cstring(client, "env") == 0);
		HOLDS(sshpkt_put_u8(client, 0) == 0);
	}
	end();
}

static void
send_global(struct input *in)
{
	if (begin(SSH2_MSG_GLOBAL_REQUEST) == -1)
		return;
	HOLDS(sshpkt_put_cstring(client, input_bytes(in, 1) & 1 ?
	    "tcpip-forward" : "keepalive@openssh.com") == 0);
	HOLDS(sshpkt_put_u8(client, 1) == 0);
	HOLDS(sshpkt_put_cstring(client, "localhost") == 0);
	HOLDS(sshpkt_put_u32(client, 8080) == 0);
	end();
}

static void
send_data(struct input *in)
{
	static const u_char zeros[5000];

	if (begin(SSH2_MSG_CHANNEL_DATA) == -1)
		return;
	HOLDS(sshpkt_put_u32(client, channel(in)) == 0);
	HOLDS(sshpkt_put_string(client, zeros, (size_t)input_bytes(in, 1) * 16) ==
	    0);
	end();
}

static void
send_any(struct input *in)
{
	unsigned int len;

	if (begin((u_char)input_bytes(in, 1)) == -1)
		return;
	for (len = (unsigned int)input_bytes(in, 1) % 64; len > 0; len--)
		HOLDS(sshpkt_put_u8(client, (u_char)input_bytes(in, 1)) == 0);
	/* New keys are sent where they are due */
	if (sent[nsent - 1].type == SSH2_MSG_NEWKEYS)
		exchanges--;
	if (sent[nsent - 1].type == SSH2_MSG_NEWKEYS ||
	    sent[nsent - 1].type == SSH2_MSG_KEXINIT)
		sent[nsent - 1].type = sshbuf_mutable_ptr(
		    client->state->outgoing_packet)[5] = SSH2_MSG_NEWKEYS + 8;
	end();
}

static void
send_cstring(u_char type, const char *what)
{
	if (begin(type) == -1)
		return;
	HOLDS(sshpkt_put_cstring(client, what) == 0);
	end();
}

static void
send_newkeys(int first)
{
	if (nsent == SENT_MOST)
		return;
	if (!first)
		next_keys(MODE_OUT, exchanges);
	(void)begin(SSH2_MSG_NEWKEYS);
	end();
}

/*
 * A re-exchange, with a guess that would be right by kexguess2's rule, which does not
 * hold in it.
 */
static void
send_rekey(struct input *in, const struct names *kex, const char *key)
{
	const char *last = kex->name[kex->n - 3];	/* two are no exchanges */
	/* After the first one, sshd's list begins with what was chosen */
	int guesses = (input_bytes(in, 1) & 1) && !names_first(kex, last) &&
	    exchanges == 1;
	char list[128];

	if (nsent > SENT_MOST - 4)
		return;
	in_step = 0;	/* before authentication sshd does not know KEXINIT */
	snprintf(list, sizeof(list), "%s,%s", last, HPN_GUESS_NAME);
	send_kexinit(list, key, guesses);
	if (guesses)
		send_init('g');
	send_init('r');
	send_newkeys(0);
}

static void
send_more(struct input *in, const struct names *kex, const char *key)
{
	while (in->left > 0) {
		switch (input_bytes(in, 1) % 16) {
		case 0: case 1:
			send_cstring(SSH2_MSG_SERVICE_REQUEST,
			    input_bytes(in, 1) < 0xf0 ? "ssh-userauth" :
			    "ssh-connection");
			break;
		case 2: case 3: case 4: case 5:
			send_auth(in);
			break;
		case 6: case 7:
			send_open(in);
			break;
		case 8: case 9:
			send_request(in);
			break;
		case 10:
			send_global(in);
			break;
		case 11:
			send_data(in);
			break;
		case 12:
			send_any(in);
			break;
		case 13:
			send_cstring(SSH2_MSG_IGNORE, "x");
			break;
		case 14:
			send_rekey(in, kex, key);
			break;
		case 15:
			if (begin(SSH2_MSG_PING) == -1)
				return;
			HOLDS(sshpkt_put_cstring(client, "ping") == 0);
			end();
			break;
		}
	}
}

/* --------------------------------------------------------- the server -- */

static void
discard(struct ssh *ssh)
{
	/* What ended with an error has no keys and buffers any more */
	if (ssh->state != NULL && !ssh->state->initialized) {
		free(ssh->state);
		free(ssh->local_ipaddr);
		free(ssh->remote_ipaddr);
		kex_free(ssh->kex);
	} else if (ssh->state != NULL)
		ssh_packet_close(ssh);
	free(ssh->hpn);
	free(ssh->chanctxt);
	free(ssh);
}

static void
serve(const struct names *kex, const struct names *key)
{
	static Authctxt authctxt;
	char *proposal[PROPOSAL_MAX];
	struct sshbuf *state;
	struct ssh *next;
	size_t i;

	memset(&authctxt, 0, sizeof(authctxt));
	for (i = 0; i < PROPOSAL_MAX; i++)
		proposal[i] = i < PROPOSAL_ENC_ALGS_CTOS ? NULL :
		    i < PROPOSAL_MAC_ALGS_CTOS ? "aes128-ctr" :
		    i < PROPOSAL_COMP_ALGS_CTOS ?
		    "hmac-sha2-256-etm@openssh.com" :
		    i < PROPOSAL_LANG_CTOS ? "none" : "";
	proposal[PROPOSAL_KEX_ALGS] = (char *)kex->list;
	proposal[PROPOSAL_SERVER_HOST_KEY_ALGS] = (char *)key->list;
	server->kex->server = 1;
	set_exchanges(server->kex, server_exchange);
	server->authctxt = the_authctxt = &authctxt;
	if (setjmp(over) == 0) {
		HOLDS(kex_setup(server, proposal) == 0);
		ssh_dispatch_run_fatal(server, DISPATCH_BLOCK,
		    &server->kex->done);
		do_authentication2(server);

		handing_over = 1;
		HOLDS(authctxt.success && granted > 0);
		HOLDS((state = sshbuf_new()) != NULL);
		HOLDS(ssh_packet_get_state(server, state) == 0);
		next = ssh_packet_set_connection(NULL, -1, -1);
		HOLDS(next != NULL);
		channel_init_channels(next);
		HOLDS(ssh_packet_set_state(next, state) == 0);
		sshbuf_free(state);
		set_exchanges(next->kex, server_exchange);
		next->kex->server = 1;
		sshbuf_reset(server->state->output);
		discard(server);
		server = next;
		server->authctxt = &authctxt;
		handing_over = 0;
		after = 1;
		server_loop2(server, &authctxt);
		ended_well = 1;
	}
	handing_over = 0;
	free(authctxt.user);
	free(authctxt.service);
	free(authctxt.style);
	free(authctxt.role);
	for (i = 0; i < authctxt.num_auth_methods; i++)
		free(authctxt.auth_methods[i]);
	free(authctxt.auth_methods);
	for (i = 0; i < authctxt.nprev_keys; i++)
		sshkey_free(authctxt.prev_keys[i]);
	free(authctxt.prev_keys);
	sshkey_free(authctxt.auth_method_key);
	free(authctxt.auth_method_info);
	sshbuf_free(authctxt.session_info);
}

/* What it has sent: readable to the end, and answers to what was asked. */
static void
look_at_answers(void)
{
	unsigned int keys = 0, successes = 0, answers = 0, asked = 0, i;
	u_int32_t seq, n;
	u_char type;

	HOLDS(sshbuf_putb(client->state->input, down) == 0);
	if (server->state != NULL && server->state->initialized)
		HOLDS(sshbuf_putb(client->state->input,
		    server->state->output) == 0);
	for (;;) {
		HOLDS(ssh_packet_read_poll2(client, &type, &seq) == 0);
		if (type == SSH_MSG_NONE)
			break;
		switch (type) {
		case SSH2_MSG_NEWKEYS:
			if (keys++ > 0)
				next_keys(MODE_IN, keys - 1);
			HOLDS(ssh_set_newkeys(client, MODE_IN) == 0);
			break;
		case SSH2_MSG_USERAUTH_SUCCESS:
			HOLDS(successes++ == 0);
			/* FALLTHROUGH */
		case SSH2_MSG_USERAUTH_FAILURE:
		case SSH2_MSG_USERAUTH_PK_OK:
			HOLDS(successes == (type == SSH2_MSG_USERAUTH_SUCCESS));
			answers++;
			break;
		case SSH2_MSG_UNIMPLEMENTED:
			HOLDS(sshpkt_get_u32(client, &n) == 0);
			for (i = 0; i < nsent; i++) {
				if (sent[i].seq == n && (sent[i].keys == keys ||
				    !client->kex->kex_strict))
					break;
			}
			HOLDS(i < nsent);
			HOLDS(sent[i].unknown++ == 0);
			break;
		case SSH2_MSG_CHANNEL_OPEN_CONFIRMATION:
		case SSH2_MSG_CHANNEL_OPEN_FAILURE:
			HOLDS(successes == 1);
			HOLDS(sshpkt_get_u32(client, &n) == 0 && n < nsent);
			HOLDS(sent[n].type == SSH2_MSG_CHANNEL_OPEN);
			HOLDS(sent[n].answers++ == 0);
			break;
		}
	}
	HOLDS(sshbuf_len(client->state->input) == 0 || !ended_well);
	HOLDS(successes <= granted);
	for (i = 0; i < nsent; i++) {
		if (sent[i].type == SSH2_MSG_USERAUTH_REQUEST)
			asked++;
		if (sent[i].unknown)
			HOLDS(sent[i].ran == 0 && sent[i].answers == 0);
		if (sent[i].ran)
			HOLDS(successes == 1);
		if (ended_well && sent[i].type == SSH2_MSG_CHANNEL_OPEN)
			HOLDS(sent[i].answers + sent[i].unknown == 1);
	}
	HOLDS(answers <= asked);
}

static void
drop(LogLevel level, int forced, const char *line, void *ctx)
{
	if (getenv("HPN_FUZZ_LOG") != NULL)
		fprintf(stderr, "%s\n", line);
	if (in_step)
		HOLDS(strstr(line, "Corrupted MAC") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char * const lists[] = { NULL, "publickey,password",
	    "publickey,publickey" };
	struct input in = { data, size };
	struct names ck, sk, ch, sh;
	unsigned int mode;
	const char *several;
	char *list;
	int follows, right, orderly;

	set_log_handler(drop, NULL);
	if (getenv("HPN_FUZZ_LOG") != NULL)
		log_init("fuzz", SYSLOG_LEVEL_DEBUG3, SYSLOG_FACILITY_AUTH, 1);
	mode = (unsigned int)input_bytes(&in, 2);
	pieces = input_bytes(&in, 4) | 1;
	nsent = exchanges = granted = inits = 0;
	taken = 0;
	handing_over = after = ended_well = chosen = in_step = 0;
	none_enabled = 1;
	memset(&options, 0, sizeof(options));
	hpn_options_init(&options.hpn);
	options.hpn.threads = 0;
	options.hpn.disabled = (mode & 0x10) != 0;
	hpn_options_fill(&options.hpn, 1, 0);
	options.max_authtries = 2 + (int)(mode >> 14);
	options.pubkey_authentication = options.password_authentication = 1;
	options.pubkey_accepted_algos = "ssh-ed25519";
	options.ca_sign_algorithms = "ssh-ed25519";
	if ((several = lists[(mode >> 5) & 1 ? (mode >> 6) % 3 : 0]) != NULL) {
		options.num_auth_methods = 1;
		HOLDS((options.auth_methods = calloc(1, sizeof(char *))) != NULL);
		options.auth_methods[0] = (char *)several;
	}
	HOLDS((up = sshbuf_new()) != NULL && (down = sshbuf_new()) != NULL);
	server = ssh_packet_set_connection(NULL, -1, -1);
	client = ssh_packet_set_connection(NULL, -1, -1);
	HOLDS(server != NULL && client != NULL);
	HOLDS((loginmsg = sshbuf_new()) != NULL);
	HOLDS((auth_opts = sshauthopt_new_with_keys_defaults()) != NULL);

	/* Most connections are such as ours */
	if (mode & 1) {
		names_pick(&sk, &in, kexs, COUNT(kexs), 0, 0);
		names_pick(&sh, &in, hostkeys, COUNT(hostkeys), 0, 0);
		names_pick(&ck, &in, kexs, COUNT(kexs), 1, 1);
		names_pick(&ch, &in, hostkeys, COUNT(hostkeys), 1, 0);
	} else {
		memset(&sk, 0, sizeof(sk));
		sh = ck = ch = sk;
		names_add(&sk, kexs[1]);
		names_add(&sk, kexs[0]);
		names_add(&sh, hostkeys[1]);
		names_add(&sh, hostkeys[0]);
		names_add(&ck, kexs[(mode >> 9) % 2]);
		names_add(&ck, kexs[1]);
		names_add(&ck, others[2]);
		names_add(&ck, others[3]);
		if (mode & 0x100)
			names_add(&ck, HPN_GUESS_NAME);
		names_add(&ch, hostkeys[(mode >> 10) % 2]);
		names_add(&ch, hostkeys[0]);
	}
	names_add(&sk, "ext-info-s");
	names_add(&sk, "kex-strict-s-v00@openssh.com");
	if (mode & 2) {
		HOLDS((list = strdup(sk.list)) != NULL);
		hpn_rekey_list(&list);
		sk.guess2 = strcmp(list, sk.list) != 0;
		HOLDS(sk.guess2);
		strlcpy(sk.list, list, sizeof(sk.list));
		free(list);
	}

	/* Its half of the exchange is prepared as if it knew the server's */
	put_proposal(client->kex->my, ck.list, ch.list, 0);
	client->kex->flags = KEX_INITIAL | KEX_INIT_SENT;
	set_exchanges(client->kex, client_exchange);
	choose(&sk, &sh);
	HOLDS(chosen == (names_choose(&ch, &sh) != NULL &&
	    is_kex(names_choose(&ck, &sk))));
	/* Where it does not list that itself, it does not do it */
	if (!names_has(&ck, "kex-strict-c-v00@openssh.com"))
		client->kex->kex_strict = 0;

	follows = (mode & 4) != 0;
	orderly = (mode & 0x18) != 0x18;
	right = guess_is_right(&ck, &sk, &ch, &sh);
	send_kexinit(ck.list, ch.list, follows);
	if (!orderly) {
		/* Anything in place of a guess, of the message, or before them */
		unsigned int n = (unsigned int)input_bytes(&in, 1) % 4;

		while (n-- > 0) {
			switch (input_bytes(&in, 1) % 4) {
			case 0:
				send_init('x');
				break;
			case 1:
				send_cstring(SSH2_MSG_SERVICE_REQUEST,
				    "ssh-userauth");
				break;
			default:
				send_any(&in);
				break;
			}
		}
	} else {
		if (follows)
			send_init('g');
		if (!follows || !right)
			send_init('r');
	}
	if (chosen && derive(client, 0) == 0) {
		in_step = orderly;
		send_newkeys(1);
		send_more(&in, &sk, names_choose(&ch, &sh));
	} else
		chosen = 0;

	serve(&sk, &sh);
	if (orderly && chosen) {
		/* A later one is a re-exchange's, whose message is 'r' */
		HOLDS(inits >= 1);
		HOLDS(inits > 1 ? taken == 'r' :
		    taken == (follows && right ? 'g' : 'r'));
	}
	if (!chosen)
		HOLDS(granted == 0 && (inits == 0 || !orderly));
	if (chosen)
		look_at_answers();

	sshbuf_free(loginmsg);
	sshauthopt_free(auth_opts);
	free(options.auth_methods);
	sshbuf_free(up);
	sshbuf_free(down);
	if (after)
		channel_free_all(server);
	discard(server);
	discard(client);
	return 0;
}
