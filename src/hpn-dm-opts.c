/* SPDX-License-Identifier: ISC */
/* See hpn-dm-opts.h for what this does. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-dm-opts.h"
#include "hpn-dm-plan.h"

#define TEXT_MOST	16000	/* of a command; a frame takes twice as much */

enum what {
	READS, WRITES, HOST, USER, PORT, DIRECTORY, NAME, FRAGMENT, STUB,
	TIMEOUT, FORCE, RESUME, ENCRYPT, CLEAR, CHECKSUM, NOCHECKSUM, SHA256,
	FSYNC, WINDOW, BUFFER, SIZE, SOURCE, SINK, ONCLOSE, MIGRATE, RELEASE,
	PROGRAM, QUIET, VERBOSE, SSH_OPTION, SSH_JUMP, SSH_IDENTITY, SSH_CONFIG,
	COMMAND, PREFIX, SUBSYSTEM, ONOPEN, SERVER
};

static const struct option {
	const char *name;
	enum what what;
	int argument;
} options[] = {
	{ "r", READS, 0 }, { "w", WRITES, 0 },
	{ "s", HOST, 1 }, { "u", USER, 1 }, { "p", PORT, 1 },
	{ "d", DIRECTORY, 1 }, { "f", NAME, 1 },
	{ "F", FRAGMENT, 1 }, { "S", STUB, 1 }, { "T", TIMEOUT, 1 },
	{ "q", QUIET, 0 }, { "v", VERBOSE, 0 },
	{ "o", SSH_OPTION, 1 }, { "J", SSH_JUMP, 1 }, { "i", SSH_IDENTITY, 1 },
	{ "force", FORCE, 0 }, { "resume", RESUME, 0 },
	{ "encrypt", ENCRYPT, 0 }, { "clear", CLEAR, 0 },
	{ "checksum", CHECKSUM, 0 }, { "nochecksum", NOCHECKSUM, 0 },
	{ "sha256", SHA256, 0 }, { "fsync", FSYNC, 0 },
	{ "wsz", WINDOW, 1 }, { "buffer", BUFFER, 1 }, { "size", SIZE, 1 },
	{ "source", SOURCE, 1 }, { "sink", SINK, 1 },
	{ "onclose", ONCLOSE, 1 }, { "program", PROGRAM, 1 },
	{ "ssh-config", SSH_CONFIG, 1 },
	{ "R", COMMAND, 1 }, { "prefix", PREFIX, 1 },
	{ "subsystem", SUBSYSTEM, 1 }, { "onopen", ONOPEN, 1 },
	{ "server", SERVER, 0 },
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same, whatever the case of a. */
static int
same(const char *a, const char *b)
{
	for (; *a != '\0' && lower(*a) == *b; a++, b++)
		;
	return *a == '\0' && *b == '\0';
}

int
hpn_dm_opts_size(const char *s, uint64_t *sizep)
{
	static const char units[] = "kmgt";
	const char *unit = NULL;
	unsigned int digit, shift = 0;
	uint64_t n = 0;

	if (*s != '\0' && (unit = strchr(units, lower(*s))) != NULL)
		s++;
	if (*s == '\0')
		return -1;
	for (; *s >= '0' && *s <= '9'; s++) {
		digit = (unsigned int)(*s - '0');
		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	if (*s != '\0') {
		if (unit != NULL || s[1] != '\0' ||
		    (unit = strchr(units, lower(*s))) == NULL)
			return -1;
		/* No digits in front of it */
		if (s[-1] < '0' || s[-1] > '9')
			return -1;
	}
	if (unit != NULL)
		shift = 10 * (unsigned int)(unit - units + 1);
	if (n > (uint64_t)INT64_MAX >> shift)
		return -1;
	*sizep = n << shift;
	return 0;
}

int
hpn_dm_opts_seconds(const char *s, uint64_t *n)
{
	if (*s < '0' || *s > '9' || strspn(s, "0123456789") != strlen(s))
		return -1;
	return hpn_dm_opts_size(s, n) == -1 || *n > HPN_DM_OPTS_SECONDS ? -1 : 0;
}

/* Copy a part of an argument; it may be no option of ssh's. */
static int
copy(char *to, const char *from, size_t len)
{
	size_t i;

	if (len == 0 || len >= HPN_DM_OPTS_HOST || *from == '-')
		return -1;
	for (i = 0; i < len; i++)
		if ((unsigned char)from[i] <= 0x20 || from[i] == 0x7f)
			return -1;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* [user@]host:path, where a host may be in brackets. */
static const char *
operand(struct hpn_dm_opts *o, const char *s)
{
	const char *at, *colon, *from = s, *bracket;

	if (strchr(s, ':') == NULL)
		return "not in the form [user@]host:path";
	/* The last @ in front of the first colon that ends a host */
	bracket = strstr(s, "]:");
	if (bracket != NULL && (*s == '[' || strstr(s, "@[") != NULL))
		colon = bracket + 1;
	else
		colon = strchr(s, ':');
	for (at = colon; at > s && at[-1] != '@'; at--)
		;
	if (at > s) {
		if (copy(o->user, s, (size_t)(at - 1 - s)) == -1)
			return "no proper name of a user";
		from = at;
	}
	if (*from == '[' && colon[-1] == ']') {
		if (copy(o->host, from + 1, (size_t)(colon - from) - 2) == -1)
			return "no proper name of a host";
	} else if (copy(o->host, from, (size_t)(colon - from)) == -1)
		return "no proper name of a host";
	o->name = colon + 1;
	/* What a server begins with is the home directory already */
	if (strncmp(o->name, "~/", 2) == 0)
		o->name += 2;
	return NULL;
}

/* -[w][f]migrate, -[w][f]release. */
static int
migrate_option(struct hpn_dm_opts *o, const char *s)
{
	int wait = 0, each = 0;

	if (lower(*s) == 'w') {
		wait = 1;
		s++;
	}
	if (lower(*s) == 'f') {
		each = 1;
		s++;
	}
	if (same(s, "migrate")) {
		/* -release purges in addition */
		if (o->migrate == HPN_DM_OPTS_KEEP)
			o->migrate = HPN_DM_OPTS_MIGRATE;
	} else if (same(s, "release"))
		o->migrate = HPN_DM_OPTS_RELEASE;
	else
		return -1;
	o->migrate_wait |= wait;
	o->migrate_each |= each;
	return 0;
}

static const char *
for_ssh(struct hpn_dm_opts *o, const char *option, const char *arg)
{
	if (o->nssh + 2 > HPN_DM_OPTS_SSH)
		return "too many options for ssh";
	o->ssh[o->nssh++] = option;
	o->ssh[o->nssh++] = arg;
	return NULL;
}

static const char *
take(struct hpn_dm_opts *o, enum what what, const char *arg)
{
	static const char not_size[] = "not a number of bytes, or of k, m, g, t";
	uint64_t n;

	switch (what) {
	case READS:
		o->reads = 1;
		o->writes = 0;
		break;
	case WRITES:
		o->writes = 1;
		o->reads = 0;
		break;
	case HOST:
		if (copy(o->host, arg, strlen(arg)) == -1)
			return "no proper name of a host";
		break;
	case USER:
		if (copy(o->user, arg, strlen(arg)) == -1)
			return "no proper name of a user";
		break;
	case PORT:
		if (hpn_dm_opts_seconds(arg, &n) == -1 || n == 0 || n > 65535)
			return "not a port: it can be 1 to 65535";
		o->port = arg;
		break;
	case DIRECTORY:
		o->dir = arg;
		break;
	case NAME:
		o->name = arg;
		break;
	case FRAGMENT:
		if (hpn_dm_opts_size(arg, &o->fragment) == -1)
			return not_size;
		if (o->fragment == 0)
			return "a fragment has at least one byte";
		break;
	case STUB:
		if (hpn_dm_opts_size(arg, &o->stub) == -1)
			return not_size;
		break;
	case TIMEOUT:
		if (hpn_dm_opts_seconds(arg, &o->timeout_s) == -1)
			return "not a number of seconds: it can be 0 to "
			    "4294967295";
		break;
	case FORCE:
		o->force = 1;
		break;
	case RESUME:
		o->resume = 1;
		break;
	case ENCRYPT:
		/* As long as nobody says -clear it is */
	case CHECKSUM:
		o->clear = what == ENCRYPT ? 0 : o->clear;
		o->nochecksum = what == CHECKSUM ? 0 : o->nochecksum;
		break;
	case CLEAR:
		o->clear = 1;
		break;
	case NOCHECKSUM:
		o->nochecksum = 1;
		break;
	case SHA256:
		o->sha256 = 1;
		break;
	case FSYNC:
		o->fsync = 1;
		break;
	case WINDOW:
		/* Windows are measured */
		if (hpn_dm_opts_size(arg, &n) == -1)
			return not_size;
		break;
	case BUFFER:
		if (hpn_dm_opts_size(arg, &o->buffer) == -1)
			return not_size;
		if (o->buffer < HPN_DM_OPTS_BUFFER_MIN ||
		    o->buffer > HPN_DM_OPTS_BUFFER_MAX)
			return "a buffer has from 1m to 64g";
		break;
	case SIZE:
		if (hpn_dm_opts_size(arg, &o->size) == -1)
			return not_size;
		o->sized = 1;
		break;
	case SOURCE:
		o->source = arg;
		break;
	case SINK:
		o->sink = arg;
		break;
	case ONCLOSE:
		o->onclose = arg;
		break;
	case PROGRAM:
		o->program = arg;
		break;
	case QUIET:
		o->quiet = 1;
		break;
	case VERBOSE:
		o->verbose++;
		break;
	case SSH_OPTION:
		return for_ssh(o, "-o", arg);
	case SSH_JUMP:
		return for_ssh(o, "-J", arg);
	case SSH_IDENTITY:
		return for_ssh(o, "-i", arg);
	case SSH_CONFIG:
		return for_ssh(o, "-F", arg);
	case COMMAND:
		if (*arg == '\0' || strlen(arg) > TEXT_MOST)
			return "not a command";
		o->command = arg;
		break;
	case PREFIX:
		o->prefix = arg;
		break;
	case SUBSYSTEM:
		if (*arg == '\0' || *arg == '-')
			return "not the name of a subsystem";
		o->subsystem = arg;
		break;
	case ONOPEN:
		o->onopen = arg;
		break;
	case SERVER:
		return "it has to be the first, and goes with -keep alone";
	case MIGRATE:
	case RELEASE:
		break;
	}
	return NULL;
}

/* What they say of a command (-R). */
static const char *
check_command(struct hpn_dm_opts *o)
{
	/* Of user@host: the name is empty */
	if (o->name != NULL && *o->name != '\0')
		return "-R is the object: give no other";
	if (o->fragment != 0 || o->force || o->resume || o->fsync ||
	    o->onclose != NULL || o->onopen != NULL ||
	    o->migrate != HPN_DM_OPTS_KEEP)
		return "-F, -force, -resume, -fsync, -onclose, -onopen and "
		    "-migrate are for files, not for -R";
	if (o->writes ? o->sink != NULL : o->source != NULL || o->sized)
		return o->writes ? "-sink needs -r" :
		    "-source and -size need -w";
	if (o->dir != NULL && strlen(o->dir) > TEXT_MOST)
		return "not the name of a directory";
	if (o->prefix != NULL && o->subsystem != NULL)
		return "a subsystem has no -prefix";
	if (o->nochecksum && (o->sha256 || o->sized || o->subsystem != NULL))
		return "-sha256, -size and -subsystem need checksums";
	return NULL;
}

/* What the options say together. */
static const char *
check(struct hpn_dm_opts *o)
{
	if (o->reads == o->writes)
		return "one of -r and -w is needed";
	if (*o->host == '\0')
		return "no server: give -s or user@host:path";
	if (o->command != NULL)
		return check_command(o);
	if (o->subsystem != NULL)
		return "-subsystem needs -R";
	if (o->name == NULL)
		return "no remote object: give -f or user@host:path";
	o->about = o->name;
	if (!hpn_dm_plan_name_ok(o->name))
		return "not the name of a file";
	o->about = NULL;
	if (o->dir != NULL && (strlen(o->dir) > HPN_DM_PLAN_PATH / 2 ||
	    strpbrk(o->dir, "\n\r") != NULL))
		return "not the name of a directory";
	if (o->force && o->resume)
		return "-force begins anew and -resume goes on: give one";
	if (o->reads && (o->source != NULL || o->resume || o->force ||
	    o->onclose != NULL || o->sized || o->fsync))
		return "-source, -size, -resume, -force, -fsync and -onclose "
		    "need -w";
	if (o->writes && (o->sink != NULL || o->onopen != NULL))
		return "-sink and -onopen need -r";
	if (o->onclose != NULL && o->migrate != HPN_DM_OPTS_KEEP)
		return "-onclose says what -migrate and -release are: give one";
	if (o->nochecksum && (o->sha256 || o->resume))
		return "-sha256 and -resume need checksums";
	return NULL;
}

const char *
hpn_dm_opts_parse(struct hpn_dm_opts *o, int argc, char **argv)
{
	const struct option *found;
	const char *wrong, *s;
	int i, given = 0;
	size_t n;

	memset(o, 0, sizeof(*o));
	o->stub = HPN_DM_OPTS_STUB;
	o->buffer = HPN_DM_OPTS_BUFFER;
	o->timeout_s = HPN_DM_OPTS_TIMEOUT;
	for (i = 1; i < argc; i++) {
		o->about = s = argv[i];
		if (*s != '-') {
			if (given++)
				return "only one remote object can be given";
			if ((wrong = operand(o, s)) != NULL)
				return wrong;
			continue;
		}
		s++;
		found = NULL;
		for (n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
			if (options[n].name[1] == '\0' ?
			    strcmp(s, options[n].name) == 0 :
			    same(s, options[n].name))
				found = &options[n];
		}
		if (found == NULL) {
			if (*s == '\0' || migrate_option(o, s) == -1)
				return "no such option";
			continue;
		}
		if (found->argument && ++i == argc)
			return "this option needs an argument";
		if ((wrong = take(o, found->what,
		    found->argument ? argv[i] : NULL)) != NULL) {
			if (found->argument)
				o->about = argv[i];
			return wrong;
		}
	}
	o->about = NULL;
	return check(o);
}
