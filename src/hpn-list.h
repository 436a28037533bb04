/* SPDX-License-Identifier: ISC */
/*
 * hpn-list: names with commas between them, as in SSH's negotiation (RFC 4251,
 * section 5) and in configuration files.  Nothing is copied.
 */
#ifndef HPN_LIST_H
#define HPN_LIST_H

#include <stddef.h>
#include <string.h>

/* Whether the list begins with this name. */
static inline int
hpn_list_first(const char *list, const char *name)
{
	size_t len = strlen(name);

	return strncmp(list, name, len) == 0 &&
	    (list[len] == '\0' || list[len] == ',');
}

/* What follows the first name; NULL: nothing does. */
static inline const char *
hpn_list_next(const char *list)
{
	const char *comma = strchr(list, ',');

	return comma == NULL ? NULL : comma + 1;
}

/* Where the name stands in the list; NULL: nowhere. */
static inline const char *
hpn_list_find(const char *list, const char *name)
{
	while (list != NULL && !hpn_list_first(list, name))
		list = hpn_list_next(list);
	return list;
}

#endif /* HPN_LIST_H */
