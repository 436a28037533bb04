/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-person: whether somebody had to help to log in. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "log.h"
#include "misc.h"
#include "ssh.h"
#include "sshkey.h"
#include "sk-api.h"
#include "readconf.h"
#include "hpn-person.h"
#include "tests.h"

extern Options options;

/* An agent that takes so many milliseconds to refuse. */
static void
sign(const struct sshkey *key, long ms)
{
	const struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };
	u_char *sig = NULL, asked;
	int pair[2], status, failed;
	size_t len;
	pid_t pid;

	ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ASSERT_INT_NE(pid = fork(), -1);
	if (pid == 0) {
		close(pair[0]);
		/* Who asks an agent that has gone gets SIGPIPE */
		failed = read(pair[1], &asked, 1) != 1;
		(void)nanosleep(&wait, NULL);
		_exit(failed);
	}
	close(pair[1]);
	ASSERT_INT_NE(hpn_person_agent_sign(pair[0], key, &sig, &len,
	    (const u_char *)"data", 4, NULL, 0), 0);
	close(pair[0]);
	free(sig);
	ASSERT_INT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_INT_EQ(status, 0);
}

void
test_person(void)
{
	struct sshkey *key = NULL, *touch;

	ASSERT_INT_EQ(sshkey_generate(KEY_ED25519, 0, &key), 0);
	ASSERT_PTR_NE(touch = sshkey_new(KEY_ED25519_SK), NULL);
	options.batch_mode = 0;
	options.add_keys_to_agent = 0;

	TEST_START("person: nobody helped");
	hpn_person_signs(key);
	sign(key, 0);
	hpn_person_signs(touch);
	hpn_person_answered(0, 1);
	ASSERT_INT_EQ(hpn_person_helped(), 0);
	TEST_DONE();

	TEST_START("person: what the server refused does not count");
	touch->sk_flags = SSH_SK_USER_PRESENCE_REQD;
	hpn_person_unlocked(key);
	hpn_person_signs(touch);
	hpn_person_answered(1, 0);
	hpn_person_answered(0, 1);
	ASSERT_INT_EQ(hpn_person_helped(), 0);
	TEST_DONE();

	TEST_START("person: BatchMode says that nobody is there");
	options.batch_mode = 1;
	hpn_person_signs(touch);
	sign(key, 1100);
	hpn_person_answered(0, 1);
	ASSERT_INT_EQ(hpn_person_helped(), 0);
	options.batch_mode = 0;
	TEST_DONE();

	TEST_START("person: each way to help, of which all are remembered");
	hpn_person_unlocked(key);
	hpn_person_answered(0, 1);
	ASSERT_INT_EQ(hpn_person_helped(), HPN_PERSON_PASSPHRASE);
	hpn_person_answered(1, 1);
	ASSERT_INT_EQ(hpn_person_helped(),
	    HPN_PERSON_PASSPHRASE|HPN_PERSON_ANSWER);
	sign(key, 1100);
	hpn_person_answered(0, 1);
	ASSERT_INT_EQ(hpn_person_helped(), HPN_PERSON_PASSPHRASE|
	    HPN_PERSON_ANSWER|HPN_PERSON_CONFIRM);
	hpn_person_answered(0, 1);
	ASSERT_INT_EQ(hpn_person_helped(), HPN_PERSON_PASSPHRASE|
	    HPN_PERSON_ANSWER|HPN_PERSON_CONFIRM);
	TEST_DONE();

	sshkey_free(key);
	sshkey_free(touch);
}
