/* SPDX-License-Identifier: ISC */
/* See hpn-options.h for what this does. */

#include "includes.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-options.h"
#include "hpn-workers-auto.h"
#include "hpn-window.h"

/* Before a number of HPNThreads */
#define RING	"ring:"

enum kind {
	FLAG,
	SIZE,
	NUMBER,
	THREADS,
	NAME,
	PATH
};

/* Bits of the sides on which an option has an effect */
#define CLIENT	HPN_OPTIONS_CLIENT
#define SERVER	HPN_OPTIONS_SERVER
#define BOTH	(CLIENT|SERVER)

static const struct option {
	const char *keyword;
	enum kind kind;
	int where;
	size_t member;		/* offset */
	int64_t least, most;
} table[] = {
#define ENTRY(kind, keyword, member, dflt, where, least, most) \
	{ keyword, kind, where, offsetof(struct hpn_options, member), \
	    least, most },
	HPN_OPTIONS(ENTRY)
#undef ENTRY
};

#define NOPTIONS	(sizeof(table) / sizeof(table[0]))

/* NULL if there is none that has an effect on this side. */
static const struct option *
lookup(int side, const char *keyword)
{
	size_t i;

	for (i = 0; i < NOPTIONS; i++) {
		if (strcasecmp(table[i].keyword, keyword) == 0)
			return (table[i].where & side) != 0 ? &table[i] : NULL;
	}
	return NULL;
}

/* SIZE is int64_t, NAME and PATH have their own types, the others are int. */
static int *
member_int(struct hpn_options *o, const struct option *opt)
{
	return (int *)((char *)o + opt->member);
}

static int64_t *
member_size(struct hpn_options *o, const struct option *opt)
{
	return (int64_t *)((char *)o + opt->member);
}

static struct hpn_options_name *
member_name(struct hpn_options *o, const struct option *opt)
{
	return (struct hpn_options_name *)((char *)o + opt->member);
}

static struct hpn_options_path *
member_path(struct hpn_options *o, const struct option *opt)
{
	return (struct hpn_options_path *)((char *)o + opt->member);
}

/* What differs between the kinds, so that the lists below need not know it. */
#define NUMERIC_UNSET(m)	((m) == HPN_OPTION_UNSET)
#define IS_UNSET_FLAG		NUMERIC_UNSET
#define IS_UNSET_SIZE		NUMERIC_UNSET
#define IS_UNSET_NUMBER		NUMERIC_UNSET
#define IS_UNSET_THREADS	NUMERIC_UNSET
#define IS_UNSET_NAME(m)	((m).text[0] == '\0')
#define IS_UNSET_PATH		IS_UNSET_NAME
#define NUMERIC_SET(m, value)	((m) = (value))
#define SET_FLAG		NUMERIC_SET
#define SET_SIZE		NUMERIC_SET
#define SET_NUMBER		NUMERIC_SET
#define SET_THREADS		NUMERIC_SET
#define SET_NAME(m, value)	strlcpy((m).text, (value), sizeof((m).text))
#define SET_PATH		SET_NAME
#define NUMERIC_INIT(m)		((m) = HPN_OPTION_UNSET)
#define INIT_FLAG		NUMERIC_INIT
#define INIT_SIZE		NUMERIC_INIT
#define INIT_NUMBER		NUMERIC_INIT
#define INIT_THREADS		NUMERIC_INIT
#define INIT_NAME(m)		memset(&(m), 0, sizeof(m))
#define INIT_PATH		INIT_NAME

void
hpn_options_init(struct hpn_options *o)
{
#define INIT(kind, keyword, member, ...)	INIT_##kind(o->member);
	HPN_OPTIONS(INIT)
#undef INIT
	o->ring = o->none_everywhere = 0;
	o->everywhere = 1;
}

static int64_t
window_default(int64_t tcp_most)
{
	if (tcp_most < HPN_WINDOW_MAX_DEFAULT)
		return HPN_WINDOW_MAX_DEFAULT;
	return tcp_most > HPN_WINDOW_CEILING ? HPN_WINDOW_CEILING : tcp_most;
}

static int64_t
memory_default(int side, int64_t window_max)
{
	if (side != CLIENT || window_max * 2 < HPN_MEMORY_MAX_DEFAULT)
		return HPN_MEMORY_MAX_DEFAULT;
	return window_max * 2;
}

void
hpn_options_fill(struct hpn_options *o, int side, int64_t tcp_most)
{
#define FILL(kind, keyword, member, dflt, ...) \
	if (IS_UNSET_##kind(o->member)) \
		SET_##kind(o->member, dflt);
	HPN_OPTIONS(FILL)
#undef FILL
}

void
hpn_options_copy(struct hpn_options *dst, const struct hpn_options *src)
{
#define COPY(kind, keyword, member, ...) \
	if (!IS_UNSET_##kind(src->member)) \
		dst->member = src->member;
	HPN_OPTIONS(COPY)
#undef COPY
	if (src->threads != HPN_OPTION_UNSET)
		dst->ring = src->ring;
}

int
hpn_options_named(const struct hpn_options_name *name)
{
	return strcasecmp(name->text, HPN_OPTIONS_NONE) != 0;
}

const char *
hpn_options_path(const struct hpn_options_path *path)
{
	return strcasecmp(path->text, HPN_OPTIONS_NONE) == 0 ? NULL :
	    path->text;
}

int *
hpn_options_flag(struct hpn_options *o, int side, const char *keyword,
    int active, int cmdline)
{
	const struct option *opt = lookup(side, keyword);
	int *flag;

	if (opt == NULL || opt->kind != FLAG)
		return NULL;
	flag = member_int(o, opt);
	if (flag == &o->none_switch && active && *flag == HPN_OPTION_UNSET)
		o->none_everywhere = !cmdline && o->everywhere;
	return flag;
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

static int
number_parse(const char *arg, int64_t least, int64_t most, int *value,
    const char **reason)
{
	const char *errstr = NULL;

	if (arg == NULL || *arg == '\0') {
		*reason = "is missing";
		return -1;
	}
	*value = (int)strtonum(arg, least, most, &errstr);
	if (errstr != NULL) {
		*reason = strcmp(errstr, "invalid") == 0 ? "is not a number" :
		    strcmp(errstr, "too large") == 0 ?
		    "is too large" : "is too small";
		return -1;
	}
	return 0;
}

/* It goes to the kernel, and into logs: what it may consist of is known. */
static int
name_parse(const char *arg, int64_t least, int64_t most, const char **reason)
{
	size_t len;

	if (arg == NULL || *arg == '\0') {
		*reason = "is missing";
		return -1;
	}
	len = strlen(arg);
	if (strspn(arg, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != len) {
		*reason = "is not a name";
		return -1;
	}
	if ((int64_t)len < least || (int64_t)len > most) {
		*reason = "is too long";
		return -1;
	}
	return 0;
}

/* What -G prints of it must be a line. */
static int
path_parse(const char *arg, int64_t least, int64_t most, const char **reason)
{
	size_t i;

	if (arg == NULL || (int64_t)strlen(arg) < least) {
		*reason = "is missing";
		return -1;
	}
	for (i = 0; arg[i] != '\0'; i++) {
		if ((unsigned char)arg[i] < ' ' || arg[i] == 0x7f) {
			*reason = "is not a path";
			return -1;
		}
	}
	if ((int64_t)i > most) {
		*reason = "is too long";
		return -1;
	}
	return 0;
}

static int
threads_parse(const char *arg, int64_t least, int64_t most, int *value,
    int *ring, const char **reason)
{
	const char *errstr = NULL;

	*ring = 0;
	if (arg == NULL || *arg == '\0') {
		*reason = "is missing";
		return -1;
	}
	if (strcasecmp(arg, "auto") == 0) {
		*value = HPN_WORKERS_AUTO;
		return 0;
	}
	if (strncasecmp(arg, RING, sizeof(RING) - 1) == 0) {
		*ring = 1;
		arg += sizeof(RING) - 1;
	}
	*value = (int)strtonum(arg, least, most, &errstr);
	if (errstr != NULL) {
		*reason = strcmp(errstr, "invalid") == 0 ?
		    "is neither a number nor auto" :
		    strcmp(errstr, "too large") == 0 ?
		    "is too large" : "is too small";
		return -1;
	}
	return 0;
}

/* As a person would write it. */
static void
write_size(int64_t size, char *text, size_t len)
{
	static const char unit[] = "KMG";
	int i = -1;

	while (i < 2 && size != 0 && size % 1024 == 0) {
		size /= 1024;
		i++;
	}
	snprintf(text, len, "%lld%.1s", (long long)size,
	    i == -1 ? "" : unit + i);
}

/* Add to what is wrong what is allowed.  It holds until the next call. */
static const char *
explain(const struct option *opt, const char *wrong)
{
	static char text[160];
	char least[32], most[32];

	write_size(opt->least, least, sizeof(least));
	write_size(opt->most, most, sizeof(most));
	switch (opt->kind) {
	case SIZE:
		snprintf(text, sizeof(text), "%s: it can be %s to %s", wrong,
		    least, most);
		return text;
	case NUMBER:
		snprintf(text, sizeof(text), "%s: it can be %lld to %lld",
		    wrong, (long long)opt->least, (long long)opt->most);
		return text;
	case THREADS:
		snprintf(text, sizeof(text), "%s: it can be auto, %lld to %lld, "
		    "or " RING "N", wrong, (long long)opt->least,
		    (long long)opt->most);
		return text;
	case NAME:
		snprintf(text, sizeof(text), "%s: it can be %lld to %lld "
		    "letters, digits, - and _", wrong, (long long)opt->least,
		    (long long)opt->most);
		return text;
	case PATH:
		snprintf(text, sizeof(text), "%s: it can be %lld to %lld bytes, "
		    "no control characters", wrong, (long long)opt->least,
		    (long long)opt->most);
		return text;
	case FLAG:
		break;
	}
	return wrong;
}

/* As hpn_options_value(), without what is allowed. */
static int
value(struct hpn_options *o, const struct option *opt, const char *arg,
    int active, const char **reason)
{
	int64_t size;
	int number, threads, ring;

	switch (opt->kind) {
	case SIZE:
		if (size_parse(arg, opt->least, opt->most, &size, reason) != 0)
			return -1;
		if (active && *member_size(o, opt) == HPN_OPTION_UNSET)
			*member_size(o, opt) = size;
		return 0;
	case NUMBER:
		if (number_parse(arg, opt->least, opt->most, &number,
		    reason) != 0)
			return -1;
		if (active && *member_int(o, opt) == HPN_OPTION_UNSET)
			*member_int(o, opt) = number;
		return 0;
	case NAME:
		if (name_parse(arg, opt->least, opt->most, reason) != 0)
			return -1;
		if (active && IS_UNSET_NAME(*member_name(o, opt)))
			SET_NAME(*member_name(o, opt), arg);
		return 0;
	case PATH:
		if (path_parse(arg, opt->least, opt->most, reason) != 0)
			return -1;
		if (active && IS_UNSET_PATH(*member_path(o, opt)))
			SET_PATH(*member_path(o, opt), arg);
		return 0;
	case THREADS:
		if (threads_parse(arg, opt->least, opt->most, &threads, &ring,
		    reason) != 0)
			return -1;
		if (active && *member_int(o, opt) == HPN_OPTION_UNSET) {
			*member_int(o, opt) = threads;
			o->ring = ring;
		}
		return 0;
	case FLAG:
		break;
	}
	*reason = "is not parsed here";	/* hpn_options_flag() was not asked */
	return -1;
}

int
hpn_options_value(struct hpn_options *o, int side, const char *keyword,
    const char *arg, int active, const char **reason)
{
	const struct option *opt = lookup(side, keyword);

	*reason = NULL;
	if (opt == NULL) {
		*reason = "has no effect here";
		return 0;
	}
	if (value(o, opt, arg, active, reason) == 0)
		return 0;
	*reason = explain(opt, *reason);
	return -1;
}

static void
dump_FLAG(const struct hpn_options *o, const char *keyword, int64_t value,
    FILE *f)
{
	(void)o;
	fprintf(f, "%s %s\n", keyword, value ? "yes" : "no");
}

static void
dump_SIZE(const struct hpn_options *o, const char *keyword, int64_t value,
    FILE *f)
{
	(void)o;
	fprintf(f, "%s %lld\n", keyword, (long long)value);
}

static void
dump_NUMBER(const struct hpn_options *o, const char *keyword, int64_t value,
    FILE *f)
{
	dump_SIZE(o, keyword, value, f);
}

static void
dump_NAME(const struct hpn_options *o, const char *keyword,
    struct hpn_options_name value, FILE *f)
{
	(void)o;
	fprintf(f, "%s %s\n", keyword, value.text);
}

static void
dump_PATH(const struct hpn_options *o, const char *keyword,
    struct hpn_options_path value, FILE *f)
{
	(void)o;
	fprintf(f, "%s %s\n", keyword, value.text);
}

static void
dump_THREADS(const struct hpn_options *o, const char *keyword, int64_t value,
    FILE *f)
{
	if (value == HPN_WORKERS_AUTO)
		fprintf(f, "%s auto\n", keyword);
	else
		fprintf(f, "%s %s%d\n", keyword, o->ring ? RING : "",
		    (int)value);
}

void
hpn_options_dump(const struct hpn_options *o, int side, FILE *f)
{
#define DUMP(kind, keyword, member, dflt, where, ...) \
	if (((where) & side) != 0) \
		dump_##kind(o, keyword, o->member, f);
	HPN_OPTIONS(DUMP)
#undef DUMP
}
