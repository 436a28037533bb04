/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-rekey: two ends in one process, counted message by message. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "ssherr.h"
#include "ssh2.h"
#include "ssh_api.h"
#include "sshbuf.h"
#include "packet.h"
#include "dispatch.h"
#include "compat.h"
#include "hpn-channels.h"
#include "hpn-connection.h"
#include "hpn-options.h"
#include "hpn-rekey.h"
#include "tests.h"

#define C25519	"curve25519-sha256"
#define MLKEM	"mlkem768x25519-sha256"
#define SNTRUP	"sntrup761x25519-sha512"
#define GROUP14	"diffie-hellman-group14-sha256"
#define NISTP	"ecdh-sha2-nistp256"

/*
 * What an exchange needs, in times that one end hands what it has to the
 * other: a client that asks and waits, one that asks and guesses, a server
 * that asks.  The last is the client's NEWKEYS.
 */
#define ASKED		5
#define GUESSED		3
#define SERVER_ASKED	4

struct pair {
	struct ssh *client, *server;
};

/*
 * Deliver what one end wants to send; returns how many times it did: 0, 1.
 * ssh_packet_next() exchanges the banners but knows of no packets to skip.
 */
static int
deliver(struct ssh *from, struct ssh *to)
{
	const u_char *buf;
	size_t len;
	u_char type;

	if ((from->kex->flags & KEX_INITIAL) == 0)
		ASSERT_INT_EQ(ssh_dispatch_run(from, DISPATCH_NONBLOCK, NULL),
		    0);
	else
		ASSERT_INT_EQ(ssh_packet_next(from, &type), 0);
	buf = ssh_output_ptr(from, &len);
	if (len == 0)
		return 0;
	ASSERT_INT_EQ(ssh_input_append(to, buf, len), 0);
	ASSERT_INT_EQ(ssh_output_consume(from, len), 0);
	return 1;
}

static int
exchange(struct pair *p)
{
	int n = 0, idle = 0;

	while (idle < 4) {
		if (deliver(p->client, p->server) +
		    deliver(p->server, p->client) == 0)
			idle++;
		else {
			n++;
			idle = 0;
		}
		ASSERT_INT_LE(n, 20);
	}
	ASSERT_INT_EQ(p->client->kex->done, 1);
	ASSERT_INT_EQ(p->server->kex->done, 1);
	return n;
}

/* The same, but counts each direction. */
static int
turns(struct pair *p, struct ssh *first)
{
	struct ssh *from = first, *to, *next;
	int n = 0, idle = 0;

	to = from == p->client ? p->server : p->client;
	while (idle < 4) {
		if (deliver(from, to))
			n++, idle = 0;
		else
			idle++;
		next = to;
		to = from;
		from = next;
		ASSERT_INT_LE(n, 20);
	}
	ASSERT_INT_EQ(p->client->kex->done, 1);
	ASSERT_INT_EQ(p->server->kex->done, 1);
	return n;
}

static void
set_list(struct ssh *ssh, u_int which, const char *list)
{
	char **prop;

	ASSERT_INT_EQ(kex_buf2prop(ssh->kex->my, NULL, &prop), 0);
	free(prop[which]);
	ASSERT_PTR_NE(prop[which] = strdup(list), NULL);
	ASSERT_INT_EQ(kex_prop2buf(ssh->kex->my, prop), 0);
	kex_prop_free(prop);
}

static void
set_hpn(struct ssh *ssh, int on)
{
	struct hpn_options options;

	free(ssh->hpn);
	ssh->hpn = NULL;
	if (!on)
		return;
	hpn_options_init(&options);
	hpn_options_fill(&options, HPN_OPTIONS_CLIENT, 0);
	options.threads = 0;
	hpn_channels_configure(ssh, &options);
}

static void
start(struct pair *p, struct sshkey *key, struct sshkey *pub,
    const char *client_kexs, const char *server_kexs)
{
	ASSERT_INT_EQ(ssh_init(&p->client, 0, NULL), 0);
	ASSERT_INT_EQ(ssh_init(&p->server, 1, NULL), 0);
	ASSERT_INT_EQ(ssh_add_hostkey(p->server, key), 0);
	ASSERT_INT_EQ(ssh_add_hostkey(p->client, pub), 0);
	set_list(p->client, PROPOSAL_KEX_ALGS, client_kexs);
	set_list(p->server, PROPOSAL_KEX_ALGS, server_kexs);
	(void)exchange(p);
}

static void
finish(struct pair *p)
{
	set_hpn(p->client, 0);
	set_hpn(p->server, 0);
	ssh_free(p->client);
	ssh_free(p->server);
}

static int
rekey(struct pair *p, struct ssh *who)
{
	ASSERT_INT_EQ(kex_start_rekex(who), 0);
	return turns(p, who);
}

/* Whether its KEXINIT said that a guess follows. */
static int
announced(struct ssh *ssh)
{
	char **prop;
	int follows;

	ASSERT_INT_EQ(kex_buf2prop(ssh->kex->my, &follows, &prop), 0);
	kex_prop_free(prop);
	return follows;
}

static void
check_prefer(const char *list, const char *name, const char *want)
{
	char *got = hpn_rekey_prefer(list, name);

	test_subtest_info("%s in %s", name, list);
	ASSERT_PTR_NE(got, NULL);
	ASSERT_STRING_EQ(got, want);
	free(got);
}

static void
test_lists(void)
{
	TEST_START("rekey: the first of a list");
	ASSERT_INT_EQ(hpn_rekey_is_first("a,b", "a"), 1);
	ASSERT_INT_EQ(hpn_rekey_is_first("a", "a"), 1);
	ASSERT_INT_EQ(hpn_rekey_is_first("ab,a", "a"), 0);
	ASSERT_INT_EQ(hpn_rekey_is_first("a", "ab"), 0);
	ASSERT_INT_EQ(hpn_rekey_is_first("", "a"), 0);
	ASSERT_INT_EQ(hpn_rekey_is_first("", ""), 0);
	ASSERT_INT_EQ(hpn_rekey_is_first(",a", ""), 0);
	TEST_DONE();

	TEST_START("rekey: prefer one of a list");
	check_prefer("a,b,c", "a", "a,b,c");
	check_prefer("a,b,c", "b", "b,a,c");
	check_prefer("a,b,c", "c", "c,a,b");
	check_prefer("ab,b", "b", "b,ab");
	check_prefer("a,ab,abc,c", "abc", "abc,a,ab,c");
	check_prefer("a,b", "d", "a,b");
	check_prefer("a", "a", "a");
	check_prefer("", "a", "");
	check_prefer(",,a", "a", "a,,");
	TEST_DONE();
}

static void
test_limit(void)
{
	struct hpn_connection hpn;
	struct ssh ssh;

	TEST_START("rekey: who mostly receives asks earlier");
	memset(&ssh, 0, sizeof(ssh));
	memset(&hpn, 0, sizeof(hpn));
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 10, 0), 800);
	ssh.hpn = &hpn;
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 10, 0), 750);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 10, 10), 800);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 10, 11), 800);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 7, 10, 0), 7);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, UINT64_MAX, 1, 0),
	    UINT64_MAX - UINT64_MAX / 16);
	TEST_DONE();

	TEST_START("rekey: it is known some time before");
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 650, 0), 750);
	ASSERT_INT_EQ(hpn.rekey_soon, 0);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 651, 0), 750);
	ASSERT_INT_EQ(hpn.rekey_soon, 1);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 0, 0), 800);
	ASSERT_INT_EQ(hpn.rekey_soon, 0);
	(void)hpn_rekey_limit(&ssh, 800, 800, 0);
	ASSERT_INT_EQ(hpn.rekey_soon, 1);
	ASSERT_U64_EQ(hpn_rekey_limit(&ssh, 800, 700, 701), 800);
	ASSERT_INT_EQ(hpn.rekey_soon, 0);
	(void)hpn_rekey_limit(&ssh, 1ULL << 32, (15ULL << 28) - (1 << 25), 0);
	ASSERT_INT_EQ(hpn.rekey_soon, 0);
	(void)hpn_rekey_limit(&ssh, 1ULL << 32, (15ULL << 28) - (1 << 25) + 1,
	    0);
	ASSERT_INT_EQ(hpn.rekey_soon, 1);
	TEST_DONE();
}

void
test_rekey(void)
{
	static const char *const guessed[] = { C25519, SNTRUP, MLKEM };
	static const char *const asked[] = { NISTP, GROUP14,
	    "diffie-hellman-group-exchange-sha256" };
	struct sshkey *key, *pub;
	struct pair p;
	size_t i;

	test_lists();
	test_limit();
	ASSERT_INT_EQ(sshkey_generate(KEY_ED25519, 0, &key), 0);
	ASSERT_INT_EQ(sshkey_from_private(key, &pub), 0);

	TEST_START("rekey: as ever unless configured");
	start(&p, key, pub, C25519, C25519);
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	ASSERT_INT_EQ(rekey(&p, p.server), SERVER_ASKED);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: a right guess saves a round trip, each time");
	for (i = 0; i < sizeof(guessed) / sizeof(guessed[0]); i++) {
		test_subtest_info("%s", guessed[i]);
		start(&p, key, pub, guessed[i], guessed[i]);
		set_hpn(p.client, 1);
		ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
		ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
		ASSERT_INT_EQ(rekey(&p, p.server), SERVER_ASKED);
		ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
		finish(&p);
	}
	TEST_DONE();

	TEST_START("rekey: no guess where the first message may differ");
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		test_subtest_info("%s", asked[i]);
		start(&p, key, pub, asked[i], asked[i]);
		set_hpn(p.client, 1);
		ASSERT_INT_GE(rekey(&p, p.client), ASKED);
		finish(&p);
	}
	TEST_DONE();

	TEST_START("rekey: the first of the client's is moved to where it was");
	start(&p, key, pub, NISTP "," C25519, C25519 "," GROUP14);
	set_hpn(p.client, 1);
	ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: what OpenSSH takes anyway comes along, and is no guess");
	for (i = 0; i < 3; i++) {
		test_subtest_info("%zu", i);
		start(&p, key, pub, C25519, i == 1 ? C25519 : GROUP14 "," C25519);
		if (i != 0) {
			set_list(p.client, PROPOSAL_SERVER_HOST_KEY_ALGS,
			    "ssh-ed25519");
			set_list(p.server, PROPOSAL_SERVER_HOST_KEY_ALGS,
			    "rsa-sha2-512,ssh-ed25519");
			ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
		}
		set_hpn(p.client, 1);
		ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
		ASSERT_INT_EQ(announced(p.client), 0);
		ASSERT_INT_EQ(rekey(&p, p.server), SERVER_ASKED);
		ASSERT_INT_EQ(kex_start_rekex(p.server), 0);
		ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
		ASSERT_INT_EQ(announced(p.client), 0);
		finish(&p);
	}
	TEST_DONE();

	TEST_START("rekey: no guess when another server prefers another");
	start(&p, key, pub, C25519, GROUP14 "," C25519);
	set_hpn(p.client, 1);
	p.client->compat &= ~SSH_NEW_OPENSSH;
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: a server of ours lists first what was agreed");
	start(&p, key, pub, C25519, GROUP14 "," C25519);
	set_hpn(p.client, 1);
	set_hpn(p.server, 1);
	p.client->compat &= ~SSH_NEW_OPENSSH;
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
	ASSERT_INT_EQ(announced(p.client), 1);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: a guess that the server ignores");
	start(&p, key, pub, C25519, C25519);
	set_hpn(p.client, 1);
	p.client->compat &= ~SSH_NEW_OPENSSH;
	set_list(p.server, PROPOSAL_KEX_ALGS, GROUP14 "," C25519);
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	set_list(p.server, PROPOSAL_KEX_ALGS, C25519);
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: no new keys with a server that has changed its mind");
	start(&p, key, pub, C25519 "," SNTRUP, GROUP14 "," C25519);
	set_hpn(p.client, 1);
	set_list(p.server, PROPOSAL_KEX_ALGS, SNTRUP);
	ASSERT_INT_EQ(kex_start_rekex(p.client), 0);
	ASSERT_INT_EQ(deliver(p.client, p.server), 1);
	ASSERT_INT_NE(ssh_dispatch_run(p.server, DISPATCH_NONBLOCK, NULL), 0);
	ASSERT_INT_EQ(p.server->kex->done, 0);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: a guess that the server does not even have");
	start(&p, key, pub, C25519 "," SNTRUP "," NISTP, C25519);
	set_hpn(p.client, 1);
	set_list(p.server, PROPOSAL_KEX_ALGS, SNTRUP);
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
	set_list(p.server, PROPOSAL_KEX_ALGS, NISTP);
	ASSERT_INT_EQ(rekey(&p, p.client), ASKED);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: both ask at once");
	start(&p, key, pub, C25519, C25519);
	set_hpn(p.client, 1);
	ASSERT_INT_EQ(kex_start_rekex(p.server), 0);
	ASSERT_INT_EQ(rekey(&p, p.client), GUESSED);
	finish(&p);
	TEST_DONE();

	TEST_START("rekey: an answer before the server's KEXINIT is none");
	start(&p, key, pub, C25519, C25519);
	set_hpn(p.client, 1);
	ASSERT_INT_EQ(kex_start_rekex(p.client), 0);
	ASSERT_INT_EQ(sshpkt_start(p.server, SSH2_MSG_KEX_ECDH_REPLY), 0);
	ASSERT_INT_EQ(sshpkt_put_cstring(p.server, "key"), 0);
	ASSERT_INT_EQ(sshpkt_put_cstring(p.server, "share"), 0);
	ASSERT_INT_EQ(sshpkt_put_cstring(p.server, "signature"), 0);
	ASSERT_INT_EQ(sshpkt_send(p.server), 0);
	ASSERT_INT_EQ(deliver(p.server, p.client), 1);
	ASSERT_INT_LE(turns(&p, p.client), ASKED + 1);
	finish(&p);
	TEST_DONE();

	sshkey_free(key);
	sshkey_free(pub);
}
