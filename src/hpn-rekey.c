/* SPDX-License-Identifier: ISC */
/* See hpn-rekey.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "hpn-connection.h"
#include "hpn-list.h"
#include "hpn-rekey.h"
#include "kex.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"

/*
 * The receiver asks when this part of the limit is left.  Of 1 GiB, this is
 * what a path of 1 Gbit/s and 500 ms has under way.  A longer path only loses
 * the gain, and is as fast as stock.
 */
#define AHEAD(limit)	((limit) / 16)
/*
 * For so long before, windows become smaller: a smaller window gives less back than is
 * read, so that takes the larger one to arrive.  The largest there is (2^29 bytes) are
 * so many blocks of AES.
 */
#define SOON(limit)	((limit) / 8)
#define SOON_MAX	(32 * 1024 * 1024)

/* A KEXINIT ends with first_kex_packet_follows and a reserved uint32. */
#define FOLLOWS_FROM_END	5

void
hpn_rekey_clear(struct hpn_rekey *h)
{
	free(h->kex);
	free(h->hostkey);
	memset(h, 0, sizeof(*h));
}

int
hpn_rekey_is_first(const char *list, const char *name)
{
	return *name != '\0' && hpn_list_first(list, name);
}

char *
hpn_rekey_prefer(const char *list, const char *name)
{
	size_t len = strlen(name), max = strlen(list) + 1;
	const char *at, *end;
	char *ret;

	if (len == 0 || (at = hpn_list_find(list, name)) == NULL)
		return strdup(list);
	if ((ret = malloc(max)) == NULL)
		return NULL;
	end = at + len;
	if (at == list)
		memcpy(ret, list, max);
	else {
		/* what is before it ends with the comma that it needs */
		snprintf(ret, max, "%s,%.*s%s", name, (int)(at - list) - 1,
		    list, end);
	}
	return ret;
}

int
hpn_rekey_agreed(struct hpn_rekey *h, const char *kex, const char *hostkey,
    const char *server_kexs, const char *server_hostkeys)
{
	free(h->kex);
	free(h->hostkey);
	h->expected = 0;
	h->kex = strdup(kex);
	h->hostkey = strdup(hostkey);
	if (h->kex == NULL || h->hostkey == NULL) {
		hpn_rekey_clear(h);
		return SSH_ERR_ALLOC_FAIL;
	}
	h->expected = hpn_rekey_is_first(server_kexs, kex) &&
	    hpn_rekey_is_first(server_hostkeys, hostkey);
	return 0;
}

/* The exchanges whose first message depends on nothing but their name. */
static int
can_guess(const struct kex *kex)
{
	switch (kex->kex_type) {
	case KEX_C25519_SHA256:
	case KEX_KEM_SNTRUP761X25519_SHA512:
	case KEX_KEM_MLKEM768X25519_SHA256:
		return kex->client_pub == NULL;
	default:
		return 0;
	}
}

void
hpn_rekey_strip(struct kex *kex, char *client_kexs, char *server_kexs)
{
	struct hpn_rekey *h = &kex->rekey;

	h->both_list = 0;
	if ((kex->flags & KEX_INITIAL) != 0) {
		h->server_lists = hpn_guess_lists(server_kexs);
		h->both_list = h->server_lists && hpn_guess_lists(client_kexs);
	}
	hpn_guess_strip(client_kexs);
	hpn_guess_strip(server_kexs);
}

int
hpn_rekey_takes(const struct kex *kex, const char *kexs, const char *hostkeys)
{
	return kex->server && kex->rekey.both_list &&
	    hpn_guess_chosen(kexs, kex->name, hostkeys, kex->hostkey_alg);
}

void
hpn_rekey_list(char **kexs)
{
	size_t size = strlen(*kexs) + sizeof("," HPN_GUESS_NAME);
	char *list;

	if ((list = malloc(size)) == NULL)
		return;		/* a client's guess is then wrong */
	if (hpn_guess_with(*kexs, list, size)) {
		free(*kexs);
		*kexs = list;
	} else
		free(list);
}

/* The name that a list begins with. */
static char *
first_of(const char *list)
{
	return strndup(list, strcspn(list, ","));
}

/* The guess of a first exchange is what the lists begin with. */
static int
first_guess(struct kex *kex, char **mine)
{
	struct hpn_rekey *h = &kex->rekey;

	free(h->kex);
	free(h->hostkey);
	h->kex = first_of(mine[PROPOSAL_KEX_ALGS]);
	h->hostkey = first_of(mine[PROPOSAL_SERVER_HOST_KEY_ALGS]);
	if (h->kex == NULL || h->hostkey == NULL)
		return SSH_ERR_ALLOC_FAIL;
	kex->kex_type = kex_type_from_name(h->kex);
	return 0;
}

static int
announce(struct kex *kex)
{
	u_char *end;

	if (!can_guess(kex) || sshbuf_len(kex->my) <= FOLLOWS_FROM_END)
		return 0;
	if ((end = sshbuf_mutable_ptr(kex->my)) == NULL)
		return SSH_ERR_INTERNAL_ERROR;
	end += sshbuf_len(kex->my);
	*(end - FOLLOWS_FROM_END) = 1;
	kex->rekey.follows = HPN_REKEY_GUESS;
	return 0;
}

/*
 * OpenSSH offers the same in each exchange, and so takes what was agreed on last:
 * it stands first in our lists, and the server has it.  That message is no guess.
 * It is the one that the server waits for after both KEXINITs, and only comes
 * sooner.
 */
static void
foretell(const struct ssh *ssh)
{
	struct kex *kex = ssh->kex;

	if ((ssh->compat & SSH_NEW_OPENSSH) != 0 && can_guess(kex))
		kex->rekey.follows = HPN_REKEY_KNOWN;
}

static int
prefer(char **list, const char *name)
{
	char *preferring = hpn_rekey_prefer(*list, name);

	if (preferring == NULL)
		return SSH_ERR_ALLOC_FAIL;
	free(*list);
	*list = preferring;
	return 0;
}

int
hpn_rekey_propose(struct ssh *ssh)
{
	struct kex *kex = ssh->kex;
	struct hpn_rekey *h = &kex->rekey;
	char **mine = NULL;
	int r;

	h->follows = 0;
	if ((kex->flags & KEX_INITIAL) != 0 && h->guesses) {
		h->guesses = 0;
		if ((r = kex_buf2prop(kex->my, NULL, &mine)) != 0 ||
		    (r = first_guess(kex, mine)) != 0)
			goto out;
		r = announce(kex);
		goto out;
	}
	if (ssh->hpn == NULL || (kex->flags & KEX_INITIAL) != 0 ||
	    kex->hostkey_alg == NULL)
		return 0;
	if ((r = kex_buf2prop(kex->my, NULL, &mine)) != 0)
		return r;
	/* In a server's session process, the exchange's name is not known */
	if ((r = prefer(&mine[PROPOSAL_SERVER_HOST_KEY_ALGS],
	    kex->hostkey_alg)) != 0 || (h->kex != NULL &&
	    (r = prefer(&mine[PROPOSAL_KEX_ALGS], h->kex)) != 0) ||
	    (r = kex_prop2buf(kex->my, mine)) != 0)
		goto out;
	/* A client that was asked knows what to send without guessing */
	if (!kex->server && h->kex != NULL && sshbuf_len(kex->peer) == 0 &&
	    hpn_rekey_is_first(mine[PROPOSAL_KEX_ALGS], h->kex) &&
	    hpn_rekey_is_first(mine[PROPOSAL_SERVER_HOST_KEY_ALGS],
	    h->hostkey) && kex->kex[kex->kex_type] != NULL) {
		if (h->expected)
			r = announce(kex);
		else
			foretell(ssh);
	}
 out:
	kex_prop_free(mine);
	return r;
}

int
hpn_rekey_guess(struct ssh *ssh)
{
	struct kex *kex = ssh->kex;

	if (!kex->rekey.follows)
		return 0;
	if ((kex->flags & KEX_INITIAL) == 0)
		debug2_f("%s with %s follows", kex->rekey.kex,
		    kex->rekey.hostkey);
	return kex_gen_client(ssh);
}

void
hpn_rekey_judge(struct ssh *ssh, const char *server_kexs,
    const char *server_hostkeys)
{
	struct kex *kex = ssh->kex;
	struct hpn_rekey *h = &kex->rekey;

	if (h->follows == HPN_REKEY_KNOWN) {
		h->follows = 0;
		if (strcmp(h->kex, kex->name) == 0 &&
		    strcmp(h->hostkey, kex->hostkey_alg) == 0)
			return;
		error("The server offers other algorithms than before");
		hpn_rekey_forget(kex);
	}
	if (!h->follows)
		return;
	h->follows = 0;
	/* Both were the first of our lists */
	if (hpn_rekey_is_first(server_kexs, h->kex) &&
	    hpn_rekey_is_first(server_hostkeys, h->hostkey))
		return;
	if (h->both_list && hpn_guess_chosen(h->kex, kex->name, h->hostkey,
	    kex->hostkey_alg))
		return;
	debug2_f("the server ignores %s with %s", h->kex, h->hostkey);
	hpn_rekey_forget(kex);
}

void
hpn_rekey_forget(struct kex *kex)
{
	sshbuf_free(kex->client_pub);
	kex->client_pub = NULL;
	explicit_bzero(kex->c25519_client_key, sizeof(kex->c25519_client_key));
	explicit_bzero(kex->sntrup761_client_key,
	    sizeof(kex->sntrup761_client_key));
	explicit_bzero(kex->mlkem768_client_key,
	    sizeof(kex->mlkem768_client_key));
}

u_int64_t
hpn_rekey_limit(const struct ssh *ssh, u_int64_t limit, u_int64_t received,
    u_int64_t sent)
{
	u_int64_t ask = limit - AHEAD(limit);

	if (ssh->hpn == NULL)
		return limit;
	if (received <= sent) {
		ssh->hpn->rekey_soon = 0;
		return limit;
	}
	ssh->hpn->rekey_soon = received > ask - MINIMUM(SOON(limit), SOON_MAX);
	return ask;
}
