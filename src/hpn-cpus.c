/* SPDX-License-Identifier: ISC */
/* See hpn-cpus.h for what this does. */

#ifndef _GNU_SOURCE
# define _GNU_SOURCE	/* sched_getaffinity(2), for the build without a tree */
#endif

#include <sys/types.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __linux__
# include <sched.h>
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hpn-cpus.h"

/* Beyond what any machine has; more is a mistake or a hostile file. */
#define CPUS_MAX	65536U

/* A decimal number that ends at white space or the end of the text. */
static int
number(const char **textp, uint64_t *np)
{
	const char *p = *textp;
	uint64_t n = 0;

	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++) {
		if (n > UINT32_MAX)
			return -1;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	if (*p != '\0' && !isspace((unsigned char)*p))
		return -1;
	while (isspace((unsigned char)*p))
		p++;
	*textp = p;
	*np = n;
	return 0;
}

static unsigned int
share(uint64_t quota, uint64_t period)
{
	uint64_t n;

	/* Both come from number() and do not overflow */
	if (quota == 0 || period == 0 ||
	    (n = quota * 1000 / period) >= 1000ULL * CPUS_MAX)
		return HPN_CPUS_UNLIMITED;
	return (unsigned int)n;
}

unsigned int
hpn_cpus_parse_max(const char *max)
{
	uint64_t quota, period = 100000;	/* what it is when not said */

	/* "max" is no number */
	if (number(&max, &quota) == -1 ||
	    (*max != '\0' && (number(&max, &period) == -1 || *max != '\0')))
		return HPN_CPUS_UNLIMITED;
	return share(quota, period);
}

unsigned int
hpn_cpus_parse_quota(const char *quota, const char *period)
{
	uint64_t q, p;

	/* -1 is no limit, and no number either */
	if (number(&quota, &q) == -1 || *quota != '\0' ||
	    number(&period, &p) == -1 || *period != '\0')
		return HPN_CPUS_UNLIMITED;
	return share(q, p);
}

/* Whether name is one of a list separated by commas that is len bytes long. */
static int
listed(const char *list, size_t len, const char *name)
{
	size_t n = strlen(name), i;

	for (i = 0; i + n <= len; i++) {
		if ((i == 0 || list[i - 1] == ',') &&
		    memcmp(list + i, name, n) == 0 &&
		    (i + n == len || list[i + n] == ','))
			return 1;
	}
	return 0;
}

int
hpn_cpus_parse_group(const char *text, int version, char *path, size_t size)
{
	const char *line, *end, *list, *group;
	size_t len;

	/* Each line is "NUMBER:CONTROLLERS:PATH"; "0::PATH" is version 2's */
	for (line = text; *line != '\0'; line = *end == '\0' ? end : end + 1) {
		end = line + strcspn(line, "\n");
		if ((list = memchr(line, ':', (size_t)(end - line))) == NULL)
			continue;
		list++;
		if ((group = memchr(list, ':', (size_t)(end - list))) == NULL)
			continue;
		if (version == 2 ? list - line != 2 || line[0] != '0' ||
		    group != list :
		    !listed(list, (size_t)(group - list), "cpu"))
			continue;
		group++;
		len = (size_t)(end - group);
		if (len == 0 || *group != '/' || len >= size)
			return -1;
		memcpy(path, group, len);
		path[len] = '\0';
		return 0;
	}
	return -1;
}

/* Read a small file whole, as text.  0, or -1. */
static int
slurp(const char *name, char *text, size_t size)
{
	ssize_t n;
	size_t len = 0;
	int fd;

	if ((fd = open(name, O_RDONLY | O_CLOEXEC)) == -1)
		return -1;
	while (len < size - 1 &&
	    ((n = read(fd, text + len, size - 1 - len)) > 0 ||
	    (n == -1 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	(void)close(fd);
	text[len] = '\0';
	return len > 0 ? 0 : -1;
}

/* The limit of one group: what its files in folder say. */
static unsigned int
group_limit(const char *folder, int version)
{
	char name[PATH_MAX + 32], a[64], b[64];

	if (version == 2) {
		(void)snprintf(name, sizeof(name), "%s/cpu.max", folder);
		return slurp(name, a, sizeof(a)) == 0 ?
		    hpn_cpus_parse_max(a) : HPN_CPUS_UNLIMITED;
	}
	(void)snprintf(name, sizeof(name), "%s/cpu.cfs_quota_us", folder);
	if (slurp(name, a, sizeof(a)) != 0)
		return HPN_CPUS_UNLIMITED;
	(void)snprintf(name, sizeof(name), "%s/cpu.cfs_period_us", folder);
	if (slurp(name, b, sizeof(b)) != 0)
		return HPN_CPUS_UNLIMITED;
	return hpn_cpus_parse_quota(a, b);
}

unsigned int
hpn_cpus_groups(const char *self, const char *mount)
{
	static const struct {
		int version;
		const char *folder;	/* of the hierarchy, below mount */
	} places[] = {
		{ 2, "" }, { 2, "/unified" }, { 1, "/cpu" }, { 1, "/cpu,cpuacct" }
	};
	char text[8192], path[PATH_MAX], folder[PATH_MAX], *slash;
	unsigned int limit = HPN_CPUS_UNLIMITED, one;
	size_t i, root;
	int n;

	if (slurp(self, text, sizeof(text)) != 0)
		return HPN_CPUS_UNLIMITED;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (hpn_cpus_parse_group(text, places[i].version, path,
		    sizeof(path)) != 0)
			continue;
		root = strlen(mount) + strlen(places[i].folder);
		n = snprintf(folder, sizeof(folder), "%s%s%s", mount,
		    places[i].folder, path);
		if (n < 0 || (size_t)n >= sizeof(folder))
			continue;
		/*
		 * The group and all above it, up to the root.  In a container
		 * the path may be one that only the host has; the root is the
		 * container's own group then.
		 */
		for (;;) {
			one = group_limit(folder, places[i].version);
			if (one < limit)
				limit = one;
			if ((slash = strrchr(folder, '/')) == NULL ||
			    (size_t)(slash - folder) < root ||
			    slash == folder)
				break;
			*slash = '\0';
		}
	}
	return limit;
}

/* CPUs of this process's affinity, or that exist. */
static unsigned int
allowed(void)
{
	long n;
#ifdef __linux__
	cpu_set_t *set;
	unsigned int size, count;

	/* The kernel refuses a set that is smaller than its own */
	for (size = 1024; size <= CPUS_MAX; size *= 4) {
		if ((set = CPU_ALLOC(size)) == NULL)
			break;
		if (sched_getaffinity(0, CPU_ALLOC_SIZE(size), set) == 0) {
			count = (unsigned int)CPU_COUNT_S(CPU_ALLOC_SIZE(size),
			    set);
			CPU_FREE(set);
			return count;
		}
		CPU_FREE(set);
		if (errno != EINVAL)
			break;
	}
#endif
	n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : n > (long)CPUS_MAX ? CPUS_MAX : (unsigned int)n;
}

unsigned int
hpn_cpus(void)
{
	unsigned int n = allowed(), limit = HPN_CPUS_UNLIMITED;
	int saved_errno = errno;

#ifdef __linux__
	limit = hpn_cpus_groups("/proc/self/cgroup", "/sys/fs/cgroup");
#endif
	if (limit != HPN_CPUS_UNLIMITED && limit / 1000 < n)
		n = limit / 1000;
	errno = saved_errno;
	return n < 1 ? 1 : n;
}
