/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn_connect_ssh_leaves(): whether ssh may leave a session that is
 * over.  What ssh itself has besides, and hpn-connect-ssh.c calls, is made here.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "channels.h"
#include "compat.h"
#include "kex.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "pathnames.h"
#include "ssh.h"
#include "readconf.h"
#include "ssh-gss.h"
#include "sshbuf.h"
#include "hpn-connect-ssh.h"
#include "hpn-guess-ssh.h"
#include "hpn-lanes-ssh.h"
#include "hpn-watch-ssh.h"
#include "connection.h"
#include "tests.h"

Options options;
const struct hpn_connect_keys hpn_connect_keys;
static int serves, ended;

int
hpn_lanes_ssh_serves(void)
{
	return serves;
}

void
hpn_lanes_ssh_authenticated(void)
{
}

size_t
hpn_lanes_ssh_early(u_char *packets, size_t room)
{
	return 0;
}

void
hpn_lanes_ssh_early_sent(void)
{
}

void
hpn_lanes_ssh_end(struct ssh *ssh)
{
	ended++;
}

void
hpn_guess_ssh_remember(struct ssh *ssh)
{
}

void
hpn_watch_ssh_begin(struct ssh *ssh, const struct hpn_options *o)
{
}

#ifdef GSSAPI
OM_uint32
gss_acquire_cred(OM_uint32 *minor, gss_name_t name, OM_uint32 time,
    gss_OID_set mechanisms, gss_cred_usage_t usage, gss_cred_id_t *cred,
    gss_OID_set *actual, OM_uint32 *time_left)
{
	return GSS_S_FAILURE;
}

OM_uint32
gss_release_cred(OM_uint32 *minor, gss_cred_id_t *cred)
{
	return GSS_S_COMPLETE;
}
#endif

static struct ssh *ssh;
static struct hpn_connect connection;
static Channel *c;
static int status;

/* A session that has got all, of a server that is known. */
static void
begin(void)
{
	ASSERT_PTR_NE(ssh = new_connection(), NULL);
	ssh->kex = kex_new();
	ASSERT_PTR_NE(ssh->kex, NULL);
	channel_init_channels(ssh);
	c = channel_new(ssh, "session", SSH_CHANNEL_OPEN, -1, -1, -1, 1000, 1000,
	    CHAN_EXTENDED_WRITE, "test", 0);
	ASSERT_PTR_NE(c, NULL);
	c->istate = CHAN_INPUT_CLOSED;
	c->flags = CHAN_EOF_SENT;
	memset(&connection, 0, sizeof(connection));
	connection.authenticated = 1;
	ssh->connect = &connection;
	ssh->compat = SSH_NEW_OPENSSH;
	ssh->kex->done = 1;
	ssh->kex->ext_info_received = 1;
	ssh->kex->flags = KEX_HAS_PUBKEY_HOSTBOUND|KEX_HAS_PING;
	serves = 1;
	ended = 0;
	status = -1;
}

/* Whether it is left, and all else is as it should be then. */
static int
leaves(int id)
{
	int left = hpn_connect_ssh_leaves(ssh, id, &status);

	ASSERT_INT_EQ(ended, left);
	if (left)
		ASSERT_INT_EQ(c->type, SSH_CHANNEL_ABANDONED);
	else
		ASSERT_INT_EQ(status, -1);
	ssh->connect = NULL;
	/* It has no descriptors, whatever it was said to have */
	c->type = SSH_CHANNEL_ABANDONED;
	channel_free(ssh, c);
	ssh_packet_close(ssh);
	free(ssh);
	return left;
}

void
test_leaves(void)
{
	TEST_START("leaves: a session of scp's that is over, from a known server");
	begin();
	ASSERT_INT_EQ(leaves(c->self), 1);
	ASSERT_INT_EQ(status, 0);
	/* What the server's program ended with is kept */
	begin();
	status = 7;
	ASSERT_INT_EQ(leaves(c->self), 1);
	ASSERT_INT_EQ(status, 7);
	TEST_DONE();

	TEST_START("leaves: not another one");
	begin();
	ASSERT_INT_EQ(leaves(c->self + 1), 0);
	begin();
	serves = 0;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ssh->connect = NULL;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	connection.authenticated = 0;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ssh->compat = 0;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ssh->kex->ext_info_received = 0;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ssh->kex->flags = KEX_HAS_PING;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ssh->kex->flags = KEX_HAS_PUBKEY_HOSTBOUND;
	ASSERT_INT_EQ(leaves(c->self), 0);
	TEST_DONE();

	TEST_START("leaves: not while something is on its way");
	begin();
	c->type = SSH_CHANNEL_OPENING;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	c->istate = CHAN_INPUT_OPEN;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	c->istate = CHAN_INPUT_WAIT_DRAIN;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	c->flags = 0;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ASSERT_INT_EQ(sshbuf_put(c->extended, "x", 1), 0);
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	ssh->kex->done = 0;
	ASSERT_INT_EQ(leaves(c->self), 0);
	TEST_DONE();

	TEST_START("leaves: not where the server has ended by itself, which says why");
	begin();
	c->flags |= CHAN_EOF_RCVD;
	ASSERT_INT_EQ(leaves(c->self), 0);
	begin();
	c->flags |= CHAN_CLOSE_RCVD;
	ASSERT_INT_EQ(leaves(c->self), 0);
	TEST_DONE();
}
