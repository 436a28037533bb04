/* SPDX-License-Identifier: ISC */
/*
 * hpn-choose: which names of a tree are copied, by patterns with rsync's meaning
 * (rsync(1), FILTER RULES and INCLUDE/EXCLUDE PATTERN RULES; its common part).
 *
 *	the first pattern that matches decides; what none matches is copied
 *	/ at the beginning	only at the top of what is copied
 *	/ at the end		only directories
 *	*	? [...]		as in the shell, and never a slash
 *	**			anything, slashes as well
 *	/ *** at the end	the directory and all in it (without the space)
 *	without / and **	the last part of a path alone is looked at
 *	with one of them	the end of the path, from the beginning of a part on
 *
 * What is below a directory that is left out is not looked at.
 * Policy only: patterns and paths are the caller's strings.
 */
#ifndef HPN_CHOOSE_H
#define HPN_CHOOSE_H

#include <stddef.h>

/* Longer paths are taken without a look: no system opens them. */
#define HPN_CHOOSE_PATH_MAX	4096

struct hpn_choose_rule {
	const char *pattern;	/* the caller's, kept as long as the rule */
	size_t len;		/* without a slash at the end */
	int include;
	int anchored, dirs, wild;
	int parts;		/* slashes, wherever they stand */
	int anywhere, prefix2, suffix3;
};

/* Make a rule of a pattern.  NULL, or why it is none. */
const char *hpn_choose_rule(struct hpn_choose_rule *, const char *pattern,
    int include);

/* Whether the path, which is relative to the top, is copied. */
int hpn_choose_takes(const struct hpn_choose_rule *, size_t count,
    const char *path, int is_dir);

#endif /* HPN_CHOOSE_H */
