/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: the sizes of hpn-options.  The input is the argument as it
 * stands in a configuration file.  Needs the tree (scan_scaled(3)).
 */

#include "includes.h"

#include <string.h>

#include "fuzz.h"
#include "hpn-options.h"
#include "hpn-window.h"

/*
 * The plain form, digits and at most one of K, M, G: read independently.
 * Returns 0 if it is not of that form or does not fit.
 */
static int
plain(const char *arg, int64_t *value)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; arg[i] >= '0' && arg[i] <= '9'; i++) {
		if (i > 11)
			return 0;
		v = v * 10 + (uint64_t)(arg[i] - '0');
	}
	if (i == 0)
		return 0;
	switch (arg[i]) {
	case '\0':
		*value = (int64_t)v;
		return 1;
	case 'k':
	case 'K':
		v <<= 10;
		break;
	case 'm':
	case 'M':
		v <<= 20;
		break;
	case 'g':
	case 'G':
		if (i > 9)
			return 0;
		v <<= 30;
		break;
	default:
		return 0;
	}
	*value = (int64_t)v;
	return arg[i + 1] == '\0';
}

static int
set_size(struct hpn_options *o, int window, const char *arg, int active,
    const char **reason)
{
	return hpn_options_value(o, HPN_OPTIONS_SERVER,
	    window ? "hpnwindowmax" : "hpnmemorymax", arg, active, reason);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hpn_options o, set;
	const char *reason;
	char arg[512], same[512];
	int64_t value, least, most, expect = 0;
	int window, ok;

	if (size < 1 || size > sizeof(arg) - 1)
		return 0;
	window = data[0] & 1;
	memcpy(arg, data + 1, size - 1);
	arg[size - 1] = '\0';
	memcpy(same, arg, sizeof(arg[0]) * size);
	least = window ? HPN_WINDOW_MAX_LEAST : HPN_MEMORY_MAX_LEAST;
	most = window ? HPN_WINDOW_CEILING : HPN_MEMORY_MAX_MOST;

	hpn_options_init(&o);
	reason = NULL;
	ok = set_size(&o, window, arg, 1, &reason) == 0;
	HOLDS(memcmp(arg, same, size) == 0);
	value = window ? o.window_max : o.memory_max;
	HOLDS((window ? o.memory_max : o.window_max) == HPN_OPTION_UNSET);
	if (ok) {
		HOLDS(value >= least && value <= most);
		HOLDS(strspn(arg, "+-.0123456789KMGkmg") == strlen(arg));
		HOLDS(strchr(".0123456789KMGkmg", arg[strlen(arg) - 1]));
	} else {
		HOLDS(value == HPN_OPTION_UNSET);
		HOLDS(reason != NULL && *reason != '\0');
	}
	if (plain(arg, &expect)) {
		HOLDS(ok == (expect >= least && expect <= most));
		HOLDS(!ok || value == expect);
	}

	/* Inactive: the same verdict, nothing stored; set: nothing replaced */
	hpn_options_init(&o);
	reason = NULL;
	HOLDS((set_size(&o, window, arg, 0, &reason) == 0) == ok);
	HOLDS(o.window_max == HPN_OPTION_UNSET);
	HOLDS(o.memory_max == HPN_OPTION_UNSET);
	hpn_options_fill(&o, HPN_OPTIONS_CLIENT, 0);
	set = o;
	HOLDS((set_size(&o, window, arg, 1, &reason) == 0) == ok);
	HOLDS(o.window_max == set.window_max);
	HOLDS(o.memory_max == set.memory_max);
	return 0;
}
