/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-connect. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-connect.h"
#include "tests.h"

static const struct hpn_connect_peer openssh = { 1, 1, 1, 1 };

/* ctx names the methods that can be used. */
static int
usable(const char *method, void *ctx)
{
	return strstr(ctx, method) != NULL;
}

static int
asks(struct hpn_connect *c, const struct hpn_connect_peer *peer,
    const char *preferred, char *can)
{
	return hpn_connect_asks(c, peer, preferred, usable, can);
}

static void
asking(void)
{
	struct hpn_connect zero = { 0 }, *c = &zero;
	struct hpn_connect_peer peer;
	char all[] = "gssapi-with-mic hostbased publickey password";
	char keys[] = "publickey password", none[] = "password";
	const char *order = "gssapi-with-mic,hostbased,publickey,password";

	TEST_START("connect: the first key is asked for where it would be first");
	ASSERT_INT_EQ(asks(c, &openssh, "publickey", keys), 1);
	ASSERT_INT_EQ(asks(c, &openssh, order, keys), 1);
	ASSERT_INT_EQ(asks(c, &openssh, order, all), 0);
	ASSERT_INT_EQ(asks(c, &openssh, order, none), 0);
	ASSERT_INT_EQ(asks(c, &openssh, "password,publickey", keys), 0);
	ASSERT_INT_EQ(asks(c, &openssh, "publickey-x,password", keys), 0);
	ASSERT_INT_EQ(asks(c, &openssh, "", keys), 0);
	ASSERT_INT_EQ(asks(c, &openssh, ",,publickey", keys), 1);
	ASSERT_INT_EQ(asks(c, &openssh, "0123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789,publickey", keys), 0);
	/* So long is no name that ssh knows; shorter ones are only not known */
	ASSERT_INT_EQ(asks(c, &openssh, "0123456789012345678901234567890123456789"
	    "012345678901234567890123,publickey", keys), 0);
	ASSERT_INT_EQ(asks(c, &openssh, "0123456789012345678901234567890123456789"
	    "01234567890123456789012,publickey", keys), 1);
	ASSERT_INT_EQ(asks(c, &openssh, NULL, keys), 0);
	ASSERT_INT_EQ(asks(NULL, &openssh, order, keys), 0);
	TEST_DONE();

	TEST_START("connect: of a server that is known to cope only");
	peer = openssh;
	peer.openssh = 0;
	ASSERT_INT_EQ(asks(c, &peer, order, keys), 0);
	peer = openssh;
	peer.ext_info = 0;
	ASSERT_INT_EQ(asks(c, &peer, order, keys), 0);
	peer = openssh;
	peer.hostbound = 0;
	ASSERT_INT_EQ(asks(c, &peer, order, keys), 0);
	peer = openssh;
	peer.ping = 0;
	ASSERT_INT_EQ(asks(c, &peer, order, keys), 0);
	peer = openssh;
	peer.ext_info = 2;		/* the second has come as well */
	ASSERT_INT_EQ(asks(c, &peer, order, keys), 1);
	TEST_DONE();
}

static void
opening(void)
{
	struct hpn_connect zero = { 0 }, *c = &zero;
	struct hpn_connect_wish wish, plain = { .session = 1 };
	const struct hpn_connect_wish late[] = {
		{ .session = 1, .forwards = 1 },
		{ .session = 1, .remote = 1 },
		{ .session = 1, .agent = 1 },
		{ .session = 1, .x11 = 1 },
		{ .session = 1, .local_command = 1 },
		{ .session = 1, .shared = 1 },
		{ .session = 1, .background = 1 },
		{ .session = 1, .none_switch = 1 },
	};
	struct hpn_connect_peer peer = openssh;
	size_t i;

	TEST_START("connect: a plain session is opened early, others are not");
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 1);
	ASSERT_INT_EQ(hpn_connect_opens(NULL, &openssh, &plain), 0);
	peer.ping = 0;
	ASSERT_INT_EQ(hpn_connect_opens(c, &peer, &plain), 0);
	wish = plain;
	wish.session = 0;
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 0);
	wish.stdio = 1;
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 1);
	for (i = 0; i < sizeof(late) / sizeof(*late); i++)
		ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &late[i]), 0);
	hpn_connect_agreed(c, 1);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	hpn_connect_agreed(c, 0);
	hpn_connect_agreed(NULL, 1);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 1);
	TEST_DONE();

	TEST_START("connect: a session that is over is left, to a known server");
	ASSERT_INT_EQ(hpn_connect_leaves(NULL, &openssh), 0);
	ASSERT_INT_EQ(hpn_connect_leaves(c, &openssh), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	ASSERT_INT_EQ(hpn_connect_leaves(c, &openssh), 1);
	ASSERT_INT_EQ(hpn_connect_leaves(c, &peer), 0);
	memset(c, 0, sizeof(*c));
	TEST_DONE();

	TEST_START("connect: it is opened once, and there is nothing to withdraw");
	ASSERT_INT_EQ(hpn_connect_succeeded(NULL), 1);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	memset(c, 0, sizeof(*c));
	ASSERT_INT_EQ(hpn_connect_failed(NULL), 0);
	ASSERT_INT_EQ(hpn_connect_failed(c), 0);
	ASSERT_INT_EQ(hpn_connect_opening(c), 0);
	hpn_connect_open(c, 7);
	ASSERT_INT_EQ(hpn_connect_opening(c), 1);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	hpn_connect_opened(c, 10);
	ASSERT_INT_EQ(hpn_connect_opening(c), 0);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	TEST_DONE();

	TEST_START("connect: again only after each packet was refused, in order");
	ASSERT_INT_EQ(hpn_connect_failed(c), 1);
	ASSERT_INT_EQ(hpn_connect_failed(c), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 6), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 8), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 10), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 7), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 7), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 9), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 8), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 9), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 10), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(NULL, 10), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	/* and then only with its requests */
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 1);
	hpn_connect_open(c, 20);
	hpn_connect_opened(c, 22);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 21), 1);
	TEST_DONE();

	TEST_START("connect: not with a signature a second time");
	memset(c, 0, sizeof(*c));
	hpn_connect_open(c, 7);
	hpn_connect_opened(c, 10);
	ASSERT_INT_EQ(hpn_connect_failed(c), 1);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	TEST_DONE();

	TEST_START("connect: after SUCCESS requests go with the opening");
	memset(c, 0, sizeof(*c));
	wish = plain;
	wish.agent = wish.x11 = wish.local_command = wish.shared = 1;
	wish.background = wish.none_switch = wish.forwards = 1;
	hpn_connect_agreed(c, 1);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 1);
	wish.remote = 1;
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 0);
	wish = plain;
	wish.session = 0;
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 0);
	wish.stdio = 1;
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &wish), 0);
	peer = openssh;
	peer.hostbound = 0;
	ASSERT_INT_EQ(hpn_connect_opens(c, &peer, &plain), 0);
	hpn_connect_open(c, 7);
	hpn_connect_opened(c, 9);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 8), 1);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 9), 0);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	TEST_DONE();

	TEST_START("connect: what is refused does not succeed as well");
	memset(c, 0, sizeof(*c));
	hpn_connect_open(c, 7);
	hpn_connect_opened(c, 10);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 7), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	memset(c, 0, sizeof(*c));
	hpn_connect_open(c, 7);
	hpn_connect_opened(c, 10);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	ASSERT_INT_EQ(hpn_connect_failed(c), 0);
	ASSERT_INT_EQ(hpn_connect_opens(c, &openssh, &plain), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 6), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 10), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 7), 1);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 9), 1);
	TEST_DONE();

	TEST_START("connect: after a re-exchange the numbers are others");
	hpn_connect_agreed(c, 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 7), 0);
	memset(c, 0, sizeof(*c));
	hpn_connect_agreed(c, 0);
	hpn_connect_open(c, 7);
	hpn_connect_opened(c, 8);
	ASSERT_INT_EQ(hpn_connect_failed(c), 1);
	hpn_connect_agreed(c, 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 7), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	TEST_DONE();

	TEST_START("connect: sequence numbers wrap");
	memset(c, 0, sizeof(*c));
	hpn_connect_open(c, UINT32_MAX);
	hpn_connect_opened(c, 1);
	ASSERT_INT_EQ(hpn_connect_failed(c), 1);
	ASSERT_INT_EQ(hpn_connect_unknown(c, UINT32_MAX), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 0);
	ASSERT_INT_EQ(hpn_connect_unknown(c, 0), 0);
	ASSERT_INT_EQ(hpn_connect_succeeded(c), 1);
	TEST_DONE();
}

static void
spending(void)
{
	struct hpn_connect zero = { 0 }, *c = &zero;
	uint32_t window = 100;

	TEST_START("connect: early data are taken from the window, once");
	hpn_connect_window(NULL, 0, &window);
	hpn_connect_window(c, 0, &window);
	ASSERT_U32_EQ(window, 100);
	hpn_connect_spend(c, 3, 30);
	hpn_connect_window(c, 0, &window);	/* another channel's */
	ASSERT_U32_EQ(window, 100);
	hpn_connect_window(c, 3, &window);
	ASSERT_U32_EQ(window, 70);
	hpn_connect_window(c, 3, &window);
	ASSERT_U32_EQ(window, 70);
	TEST_DONE();

	TEST_START("connect: ... of a window that comes bit by bit");
	hpn_connect_spend(c, 3, 30);
	window = 0;
	hpn_connect_window(c, 3, &window);
	ASSERT_U32_EQ(window, 0);
	window = 20;
	hpn_connect_window(c, 3, &window);
	ASSERT_U32_EQ(window, 0);
	window = UINT32_MAX;
	hpn_connect_window(c, 3, &window);
	ASSERT_U32_EQ(window, UINT32_MAX - 10);
	TEST_DONE();

	TEST_START("connect: ... and not of what was refused");
	hpn_connect_open(c, 7);
	hpn_connect_spend(c, 3, 30);
	hpn_connect_opened(c, 10);
	ASSERT_INT_EQ(hpn_connect_failed(c), 1);
	window = 40;
	hpn_connect_window(c, 3, &window);
	ASSERT_U32_EQ(window, 40);
	TEST_DONE();
}

void
test_connect(void)
{
	spending();
	asking();
	opening();
}
