/* SPDX-License-Identifier: ISC */
/* See hpn-wish.h for what this does. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-wish.h"

/* The value of arg, if it is this option; else NULL. */
static const char *
value(const char *arg, const char *option)
{
	size_t len = strlen(option);

	return strncmp(arg, option, len) == 0 && arg[len] == '=' ?
	    arg + len + 1 : NULL;
}

static int
yes_no(const char *v, int *flag)
{
	if (strcmp(v, "yes") != 0 && strcmp(v, "no") != 0)
		return -1;
	*flag = *v == 'y';
	return 1;
}

/* So many seconds, or one of two words: of what that is, and 0. */
static int
seconds(const char *v, const char *word, unsigned int word_s, const char *none,
    unsigned int *s)
{
	unsigned int n = 0;

	if (strcmp(v, word) == 0 || strcmp(v, none) == 0) {
		*s = strcmp(v, word) == 0 ? word_s : 0;
		return 1;
	}
	if (*v == '\0')
		return -1;
	for (; *v != '\0'; v++) {
		if (*v < '0' || *v > '9' ||
		    (n = n * 10 + (unsigned int)(*v - '0')) >
		    HPN_WISH_SPACE_MAX)
			return -1;
	}
	*s = n;
	return 1;
}

static int
file(const char *v, const char **name)
{
	if (*v == '\0')
		return -1;
	*name = v;
	return 1;
}

int
hpn_wish_option(const char *arg, struct hpn_wish *w)
{
	const char *v;

	if ((v = value(arg, "log")) != NULL)
		return file(v, &w->log);
	if ((v = value(arg, "files-from")) != NULL)
		return file(v, &w->names);
	if ((v = value(arg, "existing")) != NULL) {
		if (strcmp(v, "skip") == 0)
			w->existing = HPN_WISH_SKIP;
		else if (strcmp(v, "fail") == 0)
			w->existing = HPN_WISH_FAIL;
		else
			return -1;
		return 1;
	}
	if ((v = value(arg, "update")) != NULL) {
		if (strcmp(v, "yes") == 0)
			w->update = HPN_WISH_TIME;
		else if (strcmp(v, "size") == 0)
			w->update = HPN_WISH_SIZE;
		else if (strcmp(v, "verify") == 0)
			w->update = HPN_WISH_VERIFY;
		else
			return -1;
		return 1;
	}
	if ((v = value(arg, "dryrun")) != NULL)
		return yes_no(v, &w->dry);
	if ((v = value(arg, "sparse")) != NULL)
		return yes_no(v, &w->sparse);
	if ((v = value(arg, "preserve")) != NULL) {
		if (strcmp(v, "hardlinks") != 0 && strcmp(v, "none") != 0)
			return -1;
		w->links = *v == 'h';
		return 1;
	}
	if ((v = value(arg, "nospace")) != NULL)
		return seconds(v, "wait", HPN_WISH_SPACE_S, "fail",
		    &w->space_s);
	if ((v = value(arg, "follow")) != NULL)
		return seconds(v, "yes", HPN_WISH_FOLLOW_EVER, "no",
		    &w->follow_s);
	if ((v = value(arg, "fsync")) != NULL)
		return yes_no(v, &w->sync);
	if ((v = value(arg, "status")) != NULL) {
		if (strcmp(v, "detailed") != 0 && strcmp(v, "plain") != 0)
			return -1;
		w->detailed = *v == 'd';
		return 1;
	}
	return 0;
}

enum hpn_wish_then
hpn_wish_there(const struct hpn_wish *w, const struct hpn_wish_file *source,
    const struct hpn_wish_file *dest)
{
	/* What is not known is never equal. */
	if ((w->update == HPN_WISH_TIME || w->update == HPN_WISH_SIZE) &&
	    dest->regular && source->size != UINT64_MAX &&
	    dest->size == source->size && (w->update == HPN_WISH_SIZE ||
	    (source->mtime != UINT64_MAX && dest->mtime == source->mtime)))
		return HPN_WISH_LEAVE;
	switch (w->existing) {
	case HPN_WISH_SKIP:
		return HPN_WISH_LEAVE;
	case HPN_WISH_FAIL:
		return HPN_WISH_REFUSE;
	case HPN_WISH_WRITE:
		break;
	}
	return HPN_WISH_COPY;
}

int
hpn_wish_status(const struct hpn_wish *w, const struct hpn_wish_ends *e,
    int status)
{
	/* What went wrong with the connection is said first. */
	if (!w->detailed || status == 255)
		return status;
	if (e->differs != 0)
		return HPN_WISH_DIFFERS;
	if (e->full != 0)
		return HPN_WISH_FULL;
	if (e->refused != 0)
		return HPN_WISH_REFUSED;
	if (e->failed != 0 && e->good != 0)
		return HPN_WISH_PARTIAL;
	return status;
}
