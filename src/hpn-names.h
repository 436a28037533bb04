/* SPDX-License-Identifier: ISC */
/*
 * hpn-names: lists of names for -X files-from, and the lines of -X log.
 *
 * A list has one name in each line, or, if there is a NUL byte in it, names that
 * end with a NUL byte.  Names are relative.  One that could lead out of the tree is
 * refused.  Names that were cleaned are put in an order that keeps what is in one
 * directory together; then each directory is a stretch of them.
 *
 * A line of the log is STATUS TAB SIZE TAB TIME TAB NAME NEWLINE.  In the name,
 * control characters and backslashes are written as in C.
 * Policy only: all memory is the caller's.
 */
#ifndef HPN_NAMES_H
#define HPN_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* The first line of a log, by which it is known as one. */
#define HPN_NAMES_LOG		"#openssh-hpn copy log 1"
/* Room for a line but its name, and for each byte of the name. */
#define HPN_NAMES_LINE		80
#define HPN_NAMES_BYTE		4

enum hpn_names_status {
	HPN_NAMES_COPIED,	/* nothing was there, or it was written over */
	HPN_NAMES_WHOLE,	/* it was there, compared and found whole */
	HPN_NAMES_CONTINUED,	/* its beginning was there */
	HPN_NAMES_REPLACED,	/* something else was there */
	HPN_NAMES_SKIPPED,	/* nobody wanted it copied */
	HPN_NAMES_REFUSED,	/* what is there was left alone */
	HPN_NAMES_FAILED
};

/* What ends a name in this list: 0 or '\n'. */
int hpn_names_separator(const char *list, size_t len);

/*
 * Clean a name, which ends with a NUL byte, in place: no "./", no slash twice or
 * at the end.  1: it is a name, or "." for all of the tree; 0: it is empty; -1:
 * it is refused.
 */
int hpn_names_clean(char *name);

/* Their order. */
int hpn_names_compare(const char *, const char *);

/*
 * The next part of the stretch names[*next..end), whose first `skip` bytes name the
 * directory that is looked at.  0: there is none.  1: *next is behind it.
 */
struct hpn_names_part {
	const char *name;	/* not terminated */
	size_t len;
	int wanted;		/* itself was named */
	size_t from, to;	/* names in it, if it is a directory */
	size_t skip;		/* ... and where they begin in each */
};
int hpn_names_next(char *const *names, size_t *next, size_t end, size_t skip,
    struct hpn_names_part *);

/*
 * A name as it stands there, into room for HPN_NAMES_BYTE bytes of each of its
 * bytes.  Returns how long that is; it is not terminated.
 */
size_t hpn_names_escape(char *out, const char *name);

/* A line of the log into room; its length, or 0 if there is too little. */
size_t hpn_names_line(char *line, size_t room, enum hpn_names_status,
    uint64_t size, uint64_t time_s, const char *name);

/*
 * Read a line, which ends with a NUL byte in place of its newline: 0 with *status
 * and the name, in the line's memory; -1: it is none.
 */
int hpn_names_read(char *line, enum hpn_names_status *status, char **name);

#endif /* HPN_NAMES_H */
