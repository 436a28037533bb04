/* SPDX-License-Identifier: ISC */
/* See hpn-guess.h for what this does. */

#include <string.h>

#include "hpn-guess.h"
#include "hpn-list.h"

#define PREFIX		"SHA256:"
#define PRINT_LEN	(sizeof(PREFIX) - 1 + 43)	/* base64 of 32 bytes */

int
hpn_guess_lists(const char *list)
{
	return hpn_list_find(list, HPN_GUESS_NAME) != NULL;
}

static size_t
count(const char *list)
{
	size_t n = 0;

	for (; list != NULL; list = hpn_list_next(list))
		n++;
	return n;
}

int
hpn_guess_with(const char *list, char *out, size_t size)
{
	size_t len = strlen(list);

	if (len == 0 || count(list) >= HPN_GUESS_NAMES ||
	    hpn_guess_lists(list) || size < sizeof(HPN_GUESS_NAME) + 1 ||
	    len > size - sizeof(HPN_GUESS_NAME) - 1)
		return 0;
	memcpy(out, list, len);
	out[len] = ',';
	memcpy(out + len + 1, HPN_GUESS_NAME, sizeof(HPN_GUESS_NAME));
	return 1;
}

void
hpn_guess_strip(char *list)
{
	const char *from = list, *next;
	size_t len, n = 0, names = 0;

	for (; from != NULL; from = next) {
		next = hpn_list_next(from);
		if (hpn_list_first(from, HPN_GUESS_NAME))
			continue;
		len = strcspn(from, ",");
		/* Empty ones stay, too: match_list() ends with them */
		if (names++ != 0)
			list[n++] = ',';
		memmove(list + n, from, len);
		n += len;
	}
	list[n] = '\0';
}

int
hpn_guess_chosen(const char *kexs, const char *kex, const char *hostkeys,
    const char *hostkey)
{
	return *kex != '\0' && *hostkey != '\0' &&
	    hpn_list_first(kexs, kex) && hpn_list_first(hostkeys, hostkey);
}

/* The length of a line without its end; what follows it is in *next. */
static size_t
line(const char *text, const char **next)
{
	size_t len = strcspn(text, "\n");

	*next = text + len + (text[len] == '\n');
	return len;
}

/* The fingerprint of a line, or NULL if it is none of ours. */
static const char *
print_of(const char *text, size_t len)
{
	if (len > 0 && *text == '!') {
		text++;
		len--;
	}
	if (len != PRINT_LEN || strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return NULL;
	return text;
}

enum hpn_guess_memory
hpn_guess_recall(const char *text, const char *print)
{
	const char *next, *found;

	if (strlen(print) != PRINT_LEN)
		return HPN_GUESS_UNKNOWN;
	for (; *text != '\0'; text = next) {
		found = print_of(text, line(text, &next));
		if (found != NULL && strncmp(found, print, PRINT_LEN) == 0)
			return *text == '!' ? HPN_GUESS_NEVER : HPN_GUESS_TAKEN;
	}
	return HPN_GUESS_UNKNOWN;
}

int
hpn_guess_learn(const char *text, const char *print,
    enum hpn_guess_memory what, char *out, size_t size)
{
	const char *p, *next, *found;
	size_t len, n = 0, lines = 0, skip;

	if (size < PRINT_LEN + sizeof("!\n"))
		return 0;
	size -= PRINT_LEN + sizeof("!\n");
	for (p = text; *p != '\0'; p = next) {
		if (print_of(p, line(p, &next)) != NULL)
			lines++;
	}
	skip = lines < HPN_GUESS_KEYS ? 0 : lines - (HPN_GUESS_KEYS - 1);
	for (p = text; *p != '\0'; p = next) {
		len = line(p, &next);
		if ((found = print_of(p, len)) == NULL)
			continue;
		if (skip > 0) {
			skip--;
			continue;
		}
		if (strncmp(found, print, PRINT_LEN) == 0)
			continue;
		if (len + 1 > size - n)
			return 0;
		memcpy(out + n, p, len);
		n += len;
		out[n++] = '\n';
	}
	if (what != HPN_GUESS_UNKNOWN &&
	    print_of(print, strlen(print)) == print) {
		if (what == HPN_GUESS_NEVER)
			out[n++] = '!';
		memcpy(out + n, print, PRINT_LEN);
		n += PRINT_LEN;
		out[n++] = '\n';
	}
	out[n] = '\0';
	return 1;
}
