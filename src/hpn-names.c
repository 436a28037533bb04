/* SPDX-License-Identifier: ISC */
/* See hpn-names.h for what this does. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-names.h"

static const char words[][12] = {
	"copied", "whole", "continued", "replaced", "skipped", "refused",
	"failed"
};
#define WORDS	(sizeof(words) / sizeof(words[0]))

int
hpn_names_separator(const char *list, size_t len)
{
	return memchr(list, '\0', len) != NULL ? 0 : '\n';
}

int
hpn_names_clean(char *name)
{
	char *in = name, *out = name;
	size_t len;

	if (*name == '\0')
		return 0;
	if (*name == '/')
		return -1;
	while (*in != '\0') {
		len = strcspn(in, "/");
		if (len == 2 && in[0] == '.' && in[1] == '.')
			return -1;
		if (len != 0 && (len != 1 || in[0] != '.')) {
			if (out != name)
				*out++ = '/';
			memmove(out, in, len);
			out += len;
		}
		in += len;
		in += strspn(in, "/");
	}
	if (out == name)
		*out++ = '.';
	*out = '\0';
	return 1;
}

int
hpn_names_compare(const char *a, const char *b)
{
	unsigned char ca, cb;

	for (; *a == *b && *a != '\0'; a++, b++)
		;
	/* What is in a directory follows it at once. */
	ca = *a == '/' ? 1 : (unsigned char)*a;
	cb = *b == '/' ? 1 : (unsigned char)*b;
	if (ca == cb)	/* a control character and a slash */
		return *a == '/' ? -1 : *b == '/' ? 1 : 0;
	/* That control character comes behind the slash, the end before it. */
	return ca < cb ? -1 : 1;
}

int
hpn_names_next(char *const *names, size_t *next, size_t end, size_t skip,
    struct hpn_names_part *part)
{
	const char *other;

	if (*next >= end)
		return 0;
	part->name = names[*next] + skip;
	part->len = strcspn(part->name, "/");
	part->skip = skip + part->len + 1;
	part->wanted = 0;
	/* The same more than once is once. */
	while (*next < end && strncmp(other = names[*next] + skip, part->name,
	    part->len) == 0 && other[part->len] == '\0') {
		part->wanted = 1;
		(*next)++;
	}
	part->from = *next;
	while (*next < end && strncmp(other = names[*next] + skip, part->name,
	    part->len) == 0 && other[part->len] == '/')
		(*next)++;
	part->to = *next;
	return 1;
}

static size_t
put_number(char *out, uint64_t n, size_t least)
{
	char digits[20];
	size_t len = 0, i;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	while (len < least)
		digits[len++] = '0';
	for (i = 0; i < len; i++)
		out[i] = digits[len - 1 - i];
	return len;
}

/* The day, UTC, as 2026-11-28T18:10:00Z: years of 365.2425 days from March on. */
static size_t
put_time(char *out, uint64_t t)
{
	uint64_t days = t / 86400 + 719468, year, yoe, day, month;
	char *p = out;

	if (days > 3652424)		/* of the year 9999 */
		days = 3652424;
	year = days / 146097 * 400;
	days %= 146097;
	yoe = (days - days / 1460 + days / 36524 - days / 146096) / 365;
	year += yoe;
	day = days - (yoe * 365 + yoe / 4 - yoe / 100);
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month = month < 10 ? month + 3 : month - 9;
	if (month <= 2)
		year++;
	p += put_number(p, year, 4);
	*p++ = '-';
	p += put_number(p, month, 2);
	*p++ = '-';
	p += put_number(p, day + 1, 2);
	*p++ = 'T';
	p += put_number(p, t % 86400 / 3600, 2);
	*p++ = ':';
	p += put_number(p, t % 3600 / 60, 2);
	*p++ = ':';
	p += put_number(p, t % 60, 2);
	*p++ = 'Z';
	return (size_t)(p - out);
}

size_t
hpn_names_escape(char *out, const char *name)
{
	static const char plain[] = "\a\b\t\n\v\f\r\\", letters[] = "abtnvfr\\";
	const char *known;
	char *p = out;
	unsigned char c;

	for (; (c = (unsigned char)*name) != '\0'; name++) {
		if ((known = strchr(plain, c)) != NULL) {
			*p++ = '\\';
			*p++ = letters[known - plain];
		} else if (c < 0x20 || c == 0x7f) {
			*p++ = '\\';
			*p++ = (char)('0' + c / 64);
			*p++ = (char)('0' + c / 8 % 8);
			*p++ = (char)('0' + c % 8);
		} else
			*p++ = (char)c;
	}
	return (size_t)(p - out);
}

size_t
hpn_names_line(char *line, size_t room, enum hpn_names_status status,
    uint64_t size, uint64_t time_s, const char *name)
{
	char *p = line;

	if (status >= WORDS || room < HPN_NAMES_LINE ||
	    (room - HPN_NAMES_LINE) / HPN_NAMES_BYTE < strlen(name))
		return 0;
	memcpy(p, words[status], strlen(words[status]));
	p += strlen(words[status]);
	*p++ = '\t';
	p += put_number(p, size, 1);
	*p++ = '\t';
	p += put_time(p, time_s);
	*p++ = '\t';
	p += hpn_names_escape(p, name);
	*p++ = '\n';
	return (size_t)(p - line);
}

/* Undo in place what the line did to a name. */
static int
plain_name(char *name)
{
	static const char plain[] = "\a\b\t\n\v\f\r\\", letters[] = "abtnvfr\\";
	const char *known;
	char *in, *out;
	int c, i;

	for (in = out = name; *in != '\0'; ) {
		if (*in != '\\') {
			*out++ = *in++;
			continue;
		}
		in++;
		if (*in != '\0' && (known = strchr(letters, *in)) != NULL) {
			*out++ = plain[known - letters];
			in++;
			continue;
		}
		for (c = i = 0; i < 3; i++, in++) {
			if (*in < '0' || *in > '7')
				return -1;
			c = c * 8 + (*in - '0');
		}
		if (c == 0 || c > 255)
			return -1;
		*out++ = (char)c;
	}
	*out = '\0';
	return out == name ? -1 : 0;
}

int
hpn_names_read(char *line, enum hpn_names_status *status, char **name)
{
	size_t i, len = strcspn(line, "\t");
	char *p;

	for (i = 0; i < WORDS; i++)
		if (strlen(words[i]) == len && memcmp(line, words[i], len) == 0)
			break;
	if (i == WORDS || line[len] != '\t')
		return -1;
	*status = (enum hpn_names_status)i;
	p = line + len + 1;
	if ((len = strspn(p, "0123456789")) == 0 || p[len] != '\t')
		return -1;
	p += len + 1;
	if ((len = strspn(p, "0123456789-:TZ")) == 0 || p[len] != '\t')
		return -1;
	*name = p + len + 1;
	return plain_name(*name);
}
