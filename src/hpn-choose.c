/* SPDX-License-Identifier: ISC */
/* See hpn-choose.h for what this does. */

#include <stddef.h>
#include <string.h>

#include "hpn-choose.h"

/*
 * The end of the set that begins after p's "[", or NULL.  If c is not NULL, also
 * whether it is one of the set.
 */
static const char *
set(const char *p, const char *end, const unsigned char *c, int *found)
{
	unsigned char low, high;
	int negated = 0, first = 1, hit = 0;

	if (p < end && (*p == '!' || *p == '^')) {
		negated = 1;
		p++;
	}
	for (; p < end && (*p != ']' || first); first = 0) {
		if (*p == '\\' && ++p == end)
			return NULL;
		low = high = (unsigned char)*p++;
		if (end - p >= 2 && p[0] == '-' && p[1] != ']') {
			if (*++p == '\\' && ++p == end)
				return NULL;
			high = (unsigned char)*p++;
		}
		if (c != NULL && low <= *c && *c <= high)
			hit = 1;
	}
	if (p >= end)
		return NULL;
	if (found != NULL)
		*found = hit != negated;
	return p + 1;
}

/* One letter of the text, which is none of the stars': what follows it, or NULL. */
static const char *
one(const char *p, const char *end, unsigned char c)
{
	int found = 0;

	switch (*p) {
	case '?':
		return c != '/' ? p + 1 : NULL;
	case '[':
		p = set(p + 1, end, &c, &found);
		return found && c != '/' ? p : NULL;
	case '\\':
		if (++p == end)
			return NULL;	/* as rsync: it matches nothing */
		/* FALLTHROUGH */
	default:
		return (unsigned char)*p == c ? p + 1 : NULL;
	}
}

/*
 * The whole text against the pattern.  Of several stars only the last one has to
 * be tried again: what is before it matched as early as it could.  A star ends at
 * a slash, so beyond that only the last double one is tried again.
 */
static int
match(const char *p, const char *end, const char *t)
{
	const char *star = NULL, *star_t = NULL, *all = NULL, *all_t = NULL;
	const char *next;

	for (;;) {
		if (p < end && *p == '*') {
			if (p + 1 < end && p[1] == '*') {
				while (p < end && *p == '*')
					p++;
				all = p;
				all_t = t;
				star = NULL;
			} else {
				star = ++p;
				star_t = t;
			}
			continue;
		}
		if (p == end && *t == '\0')
			return 1;
		if (p < end && *t != '\0' &&
		    (next = one(p, end, (unsigned char)*t)) != NULL) {
			p = next;
			t++;
		} else if (star != NULL && *star_t != '\0' && *star_t != '/') {
			p = star;
			t = ++star_t;
		} else if (all != NULL && *all_t != '\0') {
			p = all;
			t = ++all_t;
			star = NULL;
		} else
			return 0;
	}
}

/* As match(), for a pattern whose letters stand for themselves. */
static int
same(const char *p, const char *end, const char *t)
{
	size_t len = (size_t)(end - p);

	return strlen(t) == len && memcmp(p, t, len) == 0;
}

const char *
hpn_choose_rule(struct hpn_choose_rule *r, const char *pattern, int include)
{
	const char *p, *end;

	memset(r, 0, sizeof(*r));
	if (strncmp(pattern, "+ ", 2) == 0 || strncmp(pattern, "- ", 2) == 0 ||
	    strcmp(pattern, "!") == 0)
		return "rules that begin with +, - or ! are not known here";
	r->include = include;
	r->pattern = pattern;
	r->len = strlen(pattern);
	if (r->len > 1 && pattern[r->len - 1] == '/') {
		r->len--;
		r->dirs = 1;
	}
	if (r->len == 0 || (r->len == 1 && *pattern == '/'))
		return "it is empty";
	if (r->len > HPN_CHOOSE_PATH_MAX)
		return "it is too long";
	end = pattern + r->len;
	for (p = pattern; p < end; p++) {
		if (*p == '/')
			r->parts++;
		else if (strchr("*?[", *p) != NULL)
			r->wild = 1;
	}
	for (p = pattern; r->wild && p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == '[') {
			if (memchr(p, ':', (size_t)(end - p)) != NULL &&
			    strstr(p, "[:") != NULL)
				return "classes such as [:alpha:] are not "
				    "known here";
			if ((p = set(p + 1, end, NULL, NULL)) == NULL)
				return "a [ has no ]";
			p--;
		}
	}
	if ((p = strstr(pattern, "**")) != NULL && p < end) {
		r->anywhere = 1;
		r->prefix2 = p == pattern;
		r->suffix3 = r->len >= 3 && strncmp(end - 3, "***", 3) == 0;
	}
	r->anchored = *pattern == '/';
	return NULL;
}

static int
matches(const struct hpn_choose_rule *r, const char *path, int is_dir)
{
	const char *p = r->pattern, *end = r->pattern + r->len, *t;
	int (*test)(const char *, const char *, const char *) =
	    r->wild ? match : same;
	char dir[HPN_CHOOSE_PATH_MAX + 2];
	size_t len;
	int parts;

	if (r->dirs && !is_dir)
		return 0;
	if (!r->parts && !r->anywhere) {
		t = strrchr(path, '/');
		return test(p, end, t != NULL ? t + 1 : path);
	}
	if (r->suffix3 && is_dir) {
		len = strlen(path);
		memcpy(dir, path, len);
		memcpy(dir + len, "/", 2);
		path = dir;
	}
	if (r->anchored)
		return test(p + 1, end, path);
	if (r->prefix2) {
		/* "**" and a slash may stand for nothing. */
		while (p < end && *p == '*')
			p++;
		if (p < end && *p == '/' && match(p + 1, end, path))
			return 1;
		return match(r->pattern, end, path);
	}
	if (!r->anywhere) {
		/* As many parts of the path as the pattern has */
		for (t = path + strlen(path), parts = r->parts; t > path; t--)
			if (t[-1] == '/' && parts-- == 0)
				break;
		return parts <= 0 && test(p, end, t);
	}
	for (t = path; t != NULL; t = (t = strchr(t, '/')) != NULL ? t + 1 :
	    NULL) {
		if (test(p, end, t))
			return 1;
	}
	return 0;
}

int
hpn_choose_takes(const struct hpn_choose_rule *rules, size_t count,
    const char *path, int is_dir)
{
	size_t i;

	if (strlen(path) > HPN_CHOOSE_PATH_MAX)
		return 1;
	for (i = 0; i < count; i++) {
		if (matches(&rules[i], path, is_dir))
			return rules[i].include;
	}
	return 1;
}
