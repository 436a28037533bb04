/* SPDX-License-Identifier: ISC */
/* See hpn-dm-plan.h for what this does. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-dm-plan.h"

/* So many digits at least: names then sort as their numbers do. */
#define DIGITS	4

uint64_t
hpn_dm_plan_size(const struct hpn_dm_plan *plan, uint64_t n)
{
	if (plan->fragment == 0)
		return n == 1 ? UINT64_MAX : 0;
	if (n == 1 && plan->stub != 0)
		return plan->stub;
	return plan->fragment;
}

uint64_t
hpn_dm_plan_start(const struct hpn_dm_plan *plan, uint64_t n)
{
	uint64_t first = hpn_dm_plan_size(plan, 1);

	if (n <= 1)
		return 0;
	if (plan->fragment == 0 ||
	    n - 2 > (UINT64_MAX - first) / plan->fragment)
		return UINT64_MAX;
	return first + (n - 2) * plan->fragment;
}

uint64_t
hpn_dm_plan_count(const struct hpn_dm_plan *plan, uint64_t length)
{
	uint64_t first = hpn_dm_plan_size(plan, 1);

	if (length == 0)
		return 0;
	if (length <= first)
		return 1;
	return 2 + (length - first - 1) / plan->fragment;
}

const char *
hpn_dm_plan_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

int
hpn_dm_plan_name_ok(const char *name)
{
	const char *base = hpn_dm_plan_base(name);
	size_t i;

	for (i = 0; name[i] != '\0'; i++) {
		/* A line of a manifest or of a message stays one line */
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return 0;
		if (i == HPN_DM_PLAN_NAME)
			return 0;
	}
	return *base != '\0' && strcmp(base, ".") != 0 &&
	    strcmp(base, "..") != 0;
}

/* Append a string; 0, or -1 if it does not fit. */
static int
append(char *buf, size_t len, size_t *at, const char *s)
{
	size_t n = strlen(s);

	if (*at + n >= len)
		return -1;
	memcpy(buf + *at, s, n + 1);
	*at += n;
	return 0;
}

int
hpn_dm_plan_path(char *buf, size_t len, const char *dir, const char *name,
    uint64_t n, const char *suffix)
{
	char number[24], *p = number + sizeof(number);
	size_t at = 0, digits = 0;

	if (len == 0)
		return -1;
	buf[0] = '\0';
	*--p = '\0';
	if (n != 0) {
		for (; n != 0 || digits < DIGITS; n /= 10, digits++)
			*--p = (char)('0' + n % 10);
		*--p = '.';
	}
	if (dir != NULL && *dir != '\0' && *name != '/' &&
	    (append(buf, len, &at, dir) == -1 ||
	    (buf[at - 1] != '/' && append(buf, len, &at, "/") == -1)))
		return -1;
	if (append(buf, len, &at, name) == -1 ||
	    append(buf, len, &at, p) == -1 ||
	    append(buf, len, &at, suffix) == -1)
		return -1;
	return 0;
}
