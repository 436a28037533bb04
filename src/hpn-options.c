/* SPDX-License-Identifier: ISC */
/* See hpn-options.h for what this does. */

#include "includes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-options.h"
#include "hpn-threads.h"
#include "hpn-window.h"

/* Before a number of HPNThreads */
#define RING	"ring:"

void
hpn_options_init(struct hpn_options *o)
{
	o->disabled = o->rcvbuf_poll = HPN_OPTION_UNSET;
	o->window_max = o->memory_max = HPN_OPTION_UNSET;
	o->threads = o->disable_mtaes = HPN_OPTION_UNSET;
	o->none_enabled = o->none_mac = o->none_switch = HPN_OPTION_UNSET;
	o->ring = o->none_everywhere = 0;
	o->everywhere = 1;
}

void
hpn_options_fill(struct hpn_options *o)
{
	if (o->disabled == HPN_OPTION_UNSET)
		o->disabled = 0;
	if (o->rcvbuf_poll == HPN_OPTION_UNSET)
		o->rcvbuf_poll = 1;
	if (o->window_max == HPN_OPTION_UNSET)
		o->window_max = HPN_WINDOW_MAX_DEFAULT;
	if (o->memory_max == HPN_OPTION_UNSET)
		o->memory_max = HPN_MEMORY_MAX_DEFAULT;
	if (o->threads == HPN_OPTION_UNSET)
		o->threads = o->disable_mtaes == 1 ? 0 : HPN_OPTION_AUTO;
	if (o->disable_mtaes == HPN_OPTION_UNSET)
		o->disable_mtaes = 0;
	if (o->none_enabled == HPN_OPTION_UNSET)
		o->none_enabled = 0;
	if (o->none_mac == HPN_OPTION_UNSET)
		o->none_mac = 0;
	if (o->none_switch == HPN_OPTION_UNSET)
		o->none_switch = 0;
}

void
hpn_options_copy(struct hpn_options *dst, const struct hpn_options *src)
{
	if (src->disabled != HPN_OPTION_UNSET)
		dst->disabled = src->disabled;
	if (src->rcvbuf_poll != HPN_OPTION_UNSET)
		dst->rcvbuf_poll = src->rcvbuf_poll;
	if (src->window_max != HPN_OPTION_UNSET)
		dst->window_max = src->window_max;
	if (src->memory_max != HPN_OPTION_UNSET)
		dst->memory_max = src->memory_max;
	if (src->threads != HPN_OPTION_UNSET) {
		dst->threads = src->threads;
		dst->ring = src->ring;
	}
	if (src->disable_mtaes != HPN_OPTION_UNSET)
		dst->disable_mtaes = src->disable_mtaes;
	if (src->none_enabled != HPN_OPTION_UNSET)
		dst->none_enabled = src->none_enabled;
	if (src->none_mac != HPN_OPTION_UNSET)
		dst->none_mac = src->none_mac;
}

void
hpn_options_none_switch(struct hpn_options *o, int active, int cmdline)
{
	if (active && o->none_switch == HPN_OPTION_UNSET)
		o->none_everywhere = !cmdline && o->everywhere;
}

static int
size_parse(const char *arg, int64_t least, int64_t most, int64_t *value,
    const char **reason)
{
	long long size;
	char *copy;
	size_t n;
	int r, saved_errno;

	if (arg == NULL || *arg == '\0') {
		*reason = "is missing";
		return -1;
	}
	/* scan_scaled(3) knows more units, and lets junk follow one */
	n = strspn(arg, "+-.0123456789");
	if (arg[n] != '\0' && (strchr("KMGkmg", arg[n]) == NULL ||
	    arg[n + 1] != '\0')) {
		*reason = "is not a number of bytes, K, M or G";
		return -1;
	}
	/* scan_scaled(3) takes a string that it may write to */
	if ((copy = strdup(arg)) == NULL) {
		*reason = "could not be read: out of memory";
		return -1;
	}
	errno = 0;
	r = scan_scaled(copy, &size);
	saved_errno = errno;
	free(copy);
	if (r == -1) {
		*reason = saved_errno == ERANGE ? "is too large" :
		    "is not a number of bytes, K, M or G";
		return -1;
	}
	if (size < least) {
		*reason = "is too small";
		return -1;
	}
	if (size > most) {
		*reason = "is too large";
		return -1;
	}
	*value = size;
	return 0;
}

int
hpn_options_size(struct hpn_options *o, int window, const char *arg,
    int active, const char **reason)
{
	int64_t value, *target = window ? &o->window_max : &o->memory_max;

	if (size_parse(arg, window ? HPN_WINDOW_MAX_LEAST : HPN_MEMORY_MAX_LEAST,
	    window ? HPN_WINDOW_CEILING : HPN_MEMORY_MAX_MOST, &value,
	    reason) != 0)
		return -1;
	if (active && *target == HPN_OPTION_UNSET)
		*target = value;
	return 0;
}

int
hpn_options_threads(struct hpn_options *o, const char *arg, int active,
    const char **reason)
{
	const char *errstr = NULL;
	int value, ring = 0;

	if (arg == NULL || *arg == '\0') {
		*reason = "is missing";
		return -1;
	}
	if (strcasecmp(arg, "auto") == 0)
		value = HPN_OPTION_AUTO;
	else {
		if (strncasecmp(arg, RING, sizeof(RING) - 1) == 0) {
			ring = 1;
			arg += sizeof(RING) - 1;
		}
		value = (int)strtonum(arg, 0, HPN_THREADS_MOST, &errstr);
		if (errstr != NULL) {
			*reason = strcmp(errstr, "invalid") == 0 ?
			    "is neither a number nor auto" :
			    strcmp(errstr, "too large") == 0 ?
			    "is too large" : "is too small";
			return -1;
		}
	}
	if (active && o->threads == HPN_OPTION_UNSET) {
		o->threads = value;
		o->ring = ring;
	}
	return 0;
}

void
hpn_options_dump(const struct hpn_options *o, FILE *f)
{
	fprintf(f, "hpndisabled %s\n", o->disabled ? "yes" : "no");
	fprintf(f, "tcprcvbufpoll %s\n", o->rcvbuf_poll ? "yes" : "no");
	fprintf(f, "hpnwindowmax %lld\n", (long long)o->window_max);
	fprintf(f, "hpnmemorymax %lld\n", (long long)o->memory_max);
	if (o->threads == HPN_OPTION_AUTO)
		fprintf(f, "hpnthreads auto\n");
	else
		fprintf(f, "hpnthreads %s%d\n", o->ring ? RING : "",
		    o->threads);
	fprintf(f, "disablemtaes %s\n", o->disable_mtaes ? "yes" : "no");
	fprintf(f, "noneenabled %s\n", o->none_enabled ? "yes" : "no");
	fprintf(f, "nonemacenabled %s\n", o->none_mac ? "yes" : "no");
}
