/* SPDX-License-Identifier: ISC */
/* See hpn-none-mac.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "hpn-clock.h"
#include "hpn-list.h"
#include "hpn-none-mac.h"
#include "kex.h"
#include "log.h"
#include "mac.h"

/* A packet of bulk data, and how often. */
#define SAMPLE_LEN	(32 * 1024)
#define SAMPLES		4

/* By what is measured: both modes of one compute the same. */
static const struct {
	const char *etm, *plain;
} strong[] = {
	{ "umac-128-etm@openssh.com", "umac-128@openssh.com" },
	{ "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256" },
	{ "hmac-sha2-512-etm@openssh.com", "hmac-sha2-512" },
};
#define NSTRONG		(sizeof(strong) / sizeof(strong[0]))

int
hpn_none_mac_any_strong(const char *list)
{
	size_t i;

	for (i = 0; i < NSTRONG; i++) {
		if (hpn_list_find(list, strong[i].etm) != NULL ||
		    hpn_list_find(list, strong[i].plain) != NULL)
			return 1;
	}
	return 0;
}

unsigned long long
hpn_none_mac_cost(const char *name)
{
	struct sshmac mac;
	u_char key[SSH_DIGEST_MAX_LENGTH], tag[SSH_DIGEST_MAX_LENGTH];
	u_char *data = NULL;
	unsigned long long begin, took, least = 0;
	char *copy = NULL;
	u_int i;

	memset(&mac, 0, sizeof(mac));
	if ((copy = strdup(name)) == NULL || mac_setup(&mac, copy) != 0 ||
	    mac.key_len > sizeof(key))
		goto out;
	/* Not a key of any connection */
	memset(key, 0x5a, sizeof(key));
	mac.key = key;
	if ((data = calloc(1, SAMPLE_LEN)) == NULL || mac_init(&mac) != 0)
		goto out;
	for (i = 0; i < SAMPLES; i++) {
		begin = hpn_clock_ns();
		if (mac_compute(&mac, i, data, SAMPLE_LEN, tag,
		    sizeof(tag)) != 0)
			break;
		took = hpn_clock_ns() - begin;
		if (took != 0 && (least == 0 || took < least))
			least = took;
	}
 out:
	mac_clear(&mac);
	free(data);
	free(copy);
	return least;
}

char *
hpn_none_mac_fastest(const char *list)
{
	unsigned long long cost[NSTRONG];
	size_t i, j, best, max = strlen(list) + 1;
	char *ret;

	if ((ret = calloc(1, max)) == NULL)
		return NULL;
	for (i = 0; i < NSTRONG; i++) {
		cost[i] = hpn_list_find(list, strong[i].etm) != NULL ||
		    hpn_list_find(list, strong[i].plain) != NULL ?
		    hpn_none_mac_cost(strong[i].etm) : 0;
		if (cost[i] != 0)
			debug2_f("%s: %llu ns for 32 KiB", strong[i].plain,
			    cost[i]);
	}
	for (j = 0; j < NSTRONG; j++) {
		best = NSTRONG;
		for (i = 0; i < NSTRONG; i++) {
			if (cost[i] != 0 &&
			    (best == NSTRONG || cost[i] < cost[best]))
				best = i;
		}
		if (best == NSTRONG)
			break;
		cost[best] = 0;
		if (hpn_list_find(list, strong[best].etm) != NULL) {
			if (*ret != '\0')
				strlcat(ret, ",", max);
			strlcat(ret, strong[best].etm, max);
		}
		if (hpn_list_find(list, strong[best].plain) != NULL) {
			if (*ret != '\0')
				strlcat(ret, ",", max);
			strlcat(ret, strong[best].plain, max);
		}
	}
	return ret;
}
