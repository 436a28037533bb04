/* SPDX-License-Identifier: ISC */
/* See hpn-person.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <stdio.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "ssh.h"
#include "sshkey.h"
#include "sk-api.h"
#include "authfd.h"
#include "readconf.h"
#include "hpn-clock.h"
#include "hpn-person.h"

/* Nobody reads a question and answers it sooner.  A far agent needs less, too. */
#define ASKED_NS	1000000000ULL

extern Options options;

static u_int now;		/* for what is being tried */
static u_int was;		/* ... and for what counted */
static struct sshkey *unlocked;	/* its public part */

void
hpn_person_unlocked(const struct sshkey *key)
{
	now |= HPN_PERSON_PASSPHRASE;
	sshkey_free(unlocked);
	unlocked = NULL;
	if (sshkey_from_private(key, &unlocked) != 0)
		unlocked = NULL;
}

void
hpn_person_signs(const struct sshkey *key)
{
	/* Who says that nobody is there knows what the key needs. */
	if (options.batch_mode)
		return;
	if ((key->flags & SSHKEY_FLAG_EXT) != 0 || (sshkey_is_sk(key) &&
	    (key->sk_flags & (SSH_SK_USER_PRESENCE_REQD |
	    SSH_SK_USER_VERIFICATION_REQD)) != 0))
		now |= HPN_PERSON_CONFIRM;
}

int
hpn_person_agent_sign(int fd, const struct sshkey *key, u_char **sig,
    size_t *len, const u_char *data, size_t datalen, const char *alg,
    u_int compat)
{
	uint64_t since = hpn_clock_ns();
	int r = ssh_agent_sign(fd, key, sig, len, data, datalen, alg, compat);

	if (!options.batch_mode && hpn_clock_ns() - since >= ASKED_NS)
		now |= HPN_PERSON_CONFIRM;
	return r;
}

/* AddKeysToAgent: whether the agent signs by itself from now on. */
static int
agent_has(const struct sshkey *key)
{
	int fd, has;

	if (key == NULL || options.add_keys_to_agent == 0 ||
	    options.add_keys_to_agent == 3 ||
	    ssh_get_authentication_socket(&fd) != 0)
		return 0;
	has = ssh_agent_has_key(fd, key) == 0;
	close(fd);
	return has;
}

void
hpn_person_answered(int asks, int counts)
{
	if (counts) {
		if ((now & HPN_PERSON_PASSPHRASE) != 0 && agent_has(unlocked))
			now &= ~(u_int)HPN_PERSON_PASSPHRASE;
		was |= now | (asks ? HPN_PERSON_ANSWER : 0);
	}
	now = 0;
	sshkey_free(unlocked);
	unlocked = NULL;
}

u_int
hpn_person_helped(void)
{
	return was;
}
