/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-wish.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "utf8.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-choose.h"
#include "hpn-names.h"
#include "hpn-resume.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-node.h"
#include "hpn-sftp-wish.h"
#include "hpn-wish.h"

extern volatile sig_atomic_t interrupted;

/* A list of more bytes than this is a mistake. */
#define LIST_MAX	((size_t)1 << 30)
/* Less than this is no space: servers keep some back. */
#define SPACE_LEAST	((u_int64_t)1024 * 1024)

static struct hpn_wish wish;
static struct hpn_wish_ends ends;
static struct hpn_choose_rule *rules;
static size_t nrules;

/* The list: cleaned, in order.  All of them are in its text. */
static char **names;
static size_t nnames;
static int listed, recursive;

static int following;	/* what is there is ours, and is only added to */

static int log_fd = -1;
static u_int unlogged;		/* lines that could not be written */
static int log_errno;		/* ... and why */
static int several;		/* sources: names in the log begin with theirs */

static const char *inner(const struct node *, const struct node **);
static void log_rest(const struct node *, size_t, size_t);
static void log_end(struct hpn_sftp_job *);
/* Of the job. */
static struct sftp_conn *conn;
static u_int64_t dry_files, dry_bytes;
static u_int64_t unwritten;	/* size of the largest that may lack space */

/* -------------------------------------------------------------- options -- */

/* No part of the program takes this argument of -X: say what it could be. */
static void
say_options(const char *arg)
{
	static const char * const options[] = {
		"buffer=SIZE", "channels=auto|1..10", "connections=auto|1..10",
		"dryrun=yes|no", "exclude=PATTERN", "existing=skip|fail",
		"files-from=FILE", "follow=yes|no|SECONDS", "fsync=yes|no",
		"include=PATTERN", "log=FILE", "nospace=wait|fail|SECONDS",
		"nrequests=N", "preserve=hardlinks|none",
		"resume=check|replace|size", "sparse=yes|no",
		"status=plain|detailed", "update=yes|size|verify",
		"verify=yes|no"
	};
	const size_t n = sizeof(options) / sizeof(options[0]);
	size_t i, len = strcspn(arg, "=");

	for (i = 0; i < n; i++) {
		if (strncmp(arg, options[i], len) == 0 &&
		    options[i][len] == '=') {
			error("-X %.100s: write %s", arg, options[i]);
			return;
		}
	}
	error("-X %.100s: there is no such option", arg);
}

int
hpn_sftp_wish_option(const char *arg)
{
	const char *why, *pattern;
	int r, include = strncmp(arg, "include=", 8) == 0;

	if (!include && strncmp(arg, "exclude=", 8) != 0) {
		if ((r = hpn_wish_option(arg, &wish)) == -1 &&
		    strncmp(arg, "preserve=", 9) == 0)
			error("-X preserve knows \"hardlinks\" only: SFTP has "
			    "no request for access lists and extended "
			    "attributes");
		else if (r != 1)
			say_options(arg);
		return r;
	}
	pattern = arg + 8;
	rules = xrecallocarray(rules, nrules, nrules + 1, sizeof(*rules));
	if ((why = hpn_choose_rule(&rules[nrules], xstrdup(pattern), include))
	    != NULL) {
		error("pattern \"%s\": %s", pattern, why);
		return -1;
	}
	nrules++;
	return 1;
}

int
hpn_sftp_wish_any(void)
{
	return nrules != 0 || wish.log != NULL || wish.names != NULL ||
	    wish.existing != HPN_WISH_WRITE ||
	    wish.update != HPN_WISH_ALWAYS || wish.sync ||
	    wish.dry || wish.sparse || wish.links || wish.follow_s != 0 ||
	    wish.space_s != 0;
}

int
hpn_sftp_wish_dry(void)
{
	return wish.dry;
}

int
hpn_sftp_wish_sparse(void)
{
	return wish.sparse;
}

int
hpn_sftp_wish_links(void)
{
	return wish.links;
}

u_int
hpn_sftp_wish_follow(void)
{
	return wish.dry || following ? 0 : wish.follow_s;
}

void
hpn_sftp_wish_following(int on)
{
	following = on;
}

int
hpn_sftp_wish_grew(u_int64_t size, u_int64_t copied)
{
	return wish.follow_s != 0 && size >= copied;
}

/* What is opened the first time is what is followed.  Later: is it that one? */
static int
same_file(struct follow *f, int fd, const struct stat *st)
{
	struct stat first;

	if (f->fd == -1) {
		if ((f->fd = dup(fd)) != -1)
			(void)fcntl(f->fd, F_SETFD, FD_CLOEXEC);
		return 1;
	}
	return fstat(f->fd, &first) == 0 && first.st_dev == st->st_dev &&
	    first.st_ino == st->st_ino;
}

int
hpn_sftp_wish_opened(struct hpn_sftp_job *job, struct node *n,
    const struct stat *st)
{
	struct follow *f = n->follow;

	if (f == NULL)
		return 0;
	if (!following)
		f->st = *st;
	if (f->st.st_dev == st->st_dev && f->st.st_ino == st->st_ino &&
	    same_file(f, n->fd, st))
		return 0;
	hpn_sftp_meter_break(job);
	error("\"%s\" is another file now: it is not followed any more", n->from);
	return -1;
}

int
hpn_sftp_wish_made(struct hpn_sftp_job *job, struct node *n)
{
	struct stat st;

	if (n->follow == NULL || (fstat(n->fd, &st) == 0 &&
	    same_file(n->follow, n->fd, &st)))
		return 0;
	/* Somebody may want us to write to what it leads to. */
	hpn_sftp_meter_break(job);
	error("\"%s\" is another file now: nothing is added to it", n->to);
	return -1;
}

u_int
hpn_sftp_wish_waits(void)
{
	return wish.space_s;
}

void
hpn_sftp_wish_unwritten(int full, u_int64_t size)
{
	if (full)
		ends.full++;
	else
		unwritten = MAXIMUM(unwritten, MAXIMUM(size, SPACE_LEAST));
}

int
hpn_sftp_wish_nests(int resumes, int recurses)
{
	return (recurses && (resumes || wish.existing != HPN_WISH_WRITE ||
	    wish.update != HPN_WISH_ALWAYS)) || wish.names != NULL;
}

int
hpn_sftp_wish_begin(struct sftp_conn *c, int flags)
{
	static int said, linkless;

	conn = c;
	dry_files = dry_bytes = 0;
	unwritten = 0;
	if (wish.sync) {
		flags |= HPN_SFTP_FSYNC;
		if ((flags & HPN_SFTP_UP) && !sftp_conn_hpn(c)->can_fsync && !said++)
			error("Warning: the server has no fsync@openssh.com: "
			    "-X fsync=yes does nothing");
	}
	if (wish.links && !linkless++) {
		if ((flags & (HPN_SFTP_UP|HPN_SFTP_CROSS)) != HPN_SFTP_UP)
			error("Warning: SFTP does not tell which names are one "
			    "file: -X preserve=hardlinks does nothing here");
		else if (!sftp_conn_hpn(c)->can_link)
			error("Warning: the server has no "
			    "hardlink@openssh.com: -X preserve=hardlinks does "
			    "nothing");
	}
	if (following)
		return (flags & ~HPN_RESUME_REPLACE) | HPN_SFTP_RESUME |
		    HPN_RESUME_OURS;
	if (wish.update == HPN_WISH_VERIFY) {
		flags |= HPN_SFTP_RESUME;
		if ((flags & HPN_RESUME_SIZE) == 0)
			flags |= HPN_RESUME_REPLACE;
	}
	return flags;
}

/* ------------------------------------------------------------- the list -- */

struct listed {
	char *name;
	size_t line;
	enum hpn_names_status status;
};

static int
compare_listed(const void *aa, const void *bb)
{
	const struct listed *a = aa, *b = bb;
	int r = hpn_names_compare(a->name, b->name);

	if (r == 0 && a->line != b->line)
		r = a->line < b->line ? -1 : 1;
	return r;
}

static char *
read_list(const char *path, size_t *len)
{
	int fd = STDIN_FILENO;
	char *text = NULL;
	size_t room = 0;
	ssize_t n;

	if (strcmp(path, "-") != 0 &&
	    (fd = open(path, O_RDONLY|O_CLOEXEC)) == -1)
		fatal("-X files-from: open \"%s\": %s", path, strerror(errno));
	for (*len = 0;; *len += n) {
		if (*len + 1 >= room) {
			if (room > LIST_MAX)
				fatal("-X files-from: \"%s\" is too large",
				    path);
			room = room == 0 ? 65536 : 2 * room;
			text = xreallocarray(text, room, 1);
		}
		n = read(fd, text + *len, room - *len - 1);
		if (n == -1 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n == -1)
			fatal("-X files-from: read \"%s\": %s", path,
			    strerror(errno));
		if (n == 0)
			break;
	}
	text[*len] = '\0';
	if (fd != STDIN_FILENO)
		close(fd);
	return text;
}

static void
take_list(const char *path)
{
	struct listed *all = NULL;
	size_t len, room = 0, count = 0, line = 0, i;
	char *text = read_list(path, &len), *p, *next, *name;
	int sep = hpn_names_separator(text, len), is_log;
	enum hpn_names_status status = HPN_NAMES_FAILED;

	is_log = sep == '\n' && strncmp(text, HPN_NAMES_LOG "\n",
	    strlen(HPN_NAMES_LOG "\n")) == 0;
	/* It would be half a name. */
	if (is_log && text[len - 1] != '\n')
		fatal("-X files-from: the last line of \"%s\" is not complete",
		    path);
	for (p = text; p < text + len; p = next) {
		line++;
		if ((next = memchr(p, sep, text + len - p)) == NULL)
			next = text + len;
		*next++ = '\0';
		name = p;
		if (is_log) {
			if (strcmp(p, HPN_NAMES_LOG) == 0)
				continue;
			if (hpn_names_read(p, &status, &name) == -1)
				fatal("-X files-from: line %zu of \"%s\" is "
				    "none of a log", line, path);
		}
		switch (hpn_names_clean(name)) {
		case -1:
			fatal("-X files-from: \"%s\", name %zu: \"%s\" leads "
			    "out of the source", path, line, name);
		case 0:
			continue;
		}
		if (count == room) {
			room = room == 0 ? 1024 : 2 * room;
			all = xreallocarray(all, room, sizeof(*all));
		}
		all[count].name = name;
		all[count].line = line;
		all[count++].status = status;
	}
	if (count != 0)
		qsort(all, count, sizeof(*all), compare_listed);
	names = xcalloc(count + 1, sizeof(*names));
	for (i = 0; i < count; i++) {
		/* What a log says last of a name holds. */
		if (i + 1 < count && strcmp(all[i].name, all[i + 1].name) == 0)
			continue;
		if (all[i].status == HPN_NAMES_FAILED ||
		    all[i].status == HPN_NAMES_REFUSED)
			names[nnames++] = all[i].name;
	}
	free(all);
	listed = 1;
	debug("-X files-from: %zu name%s", nnames, nnames == 1 ? "" : "s");
}

int
hpn_sftp_wish_source(const char *from, int *tree)
{
	const char *base;

	if (wish.names != NULL) {
		*tree = 1;
		return 1;
	}
	if (*tree || nrules == 0)
		return 1;
	base = (base = strrchr(from, '/')) != NULL ? base + 1 : from;
	return hpn_choose_takes(rules, nrules, base, 0);
}

void
hpn_sftp_wish_root(struct hpn_sftp_job *job, struct node *n, int recurses)
{
	size_t i;

	if (job->target == NULL && (wish.dry || wish.detailed))
		job->target = xstrdup(n->to);
	if (!listed)
		return;
	recursive = recurses;
	for (i = 0; i < nnames; i++) {
		if (strcmp(names[i], ".") != 0)
			continue;
		if (!recursive)
			fatal("-X files-from: \".\" is all of the source, "
			    "which takes -r");
		return;
	}
	n->named = 1;
	n->part_end = nnames;
}

int
hpn_sftp_wish_next(struct node *dir, struct hpn_names_part *part, char **name)
{
	if (interrupted || !hpn_names_next(names, &dir->part_next,
	    dir->part_end, dir->part_skip, part))
		return 0;
	*name = xmalloc(part->len + 1);
	memcpy(*name, part->name, part->len);
	(*name)[part->len] = '\0';
	return 1;
}

void
hpn_sftp_wish_part(struct node *n, const struct hpn_names_part *part)
{
	n->picked = 1;
	n->wanted = part->wanted;
	n->part_next = part->from;
	n->part_end = part->to;
	n->part_skip = part->skip;
}

int
hpn_sftp_wish_kind(struct node *n, int is_dir)
{
	const struct node *root;
	int more = n->part_next < n->part_end;

	if (!n->picked)
		return 0;
	if (!is_dir) {
		if (!more)
			return 0;
		error("\"%s\" is not a directory", n->from);
		if (!n->wanted)
			return -1;
		/* It is copied, and what should be in it is lost. */
		(void)inner(n, &root);
		log_rest(root, n->part_next, n->part_end);
		n->part_next = n->part_end;
		n->parent->lacks = 1;
		return 0;
	}
	if (n->wanted && recursive)
		n->part_next = n->part_end;
	else if (more)
		n->named = 1;
	else {
		error("\"%s\": not a regular file", n->from);
		return -1;
	}
	return 0;
}

/* ---------------------------------------------------------- the patterns -- */

/* The path of a node relative to the source of which it is a part; "": it is it. */
static const char *
inner(const struct node *n, const struct node **rootp)
{
	const struct node *root = n;
	const char *p;

	while (root->parent != NULL)
		root = root->parent;
	*rootp = root;
	p = n->from + strlen(root->from);
	return p + strspn(p, "/");
}

int
hpn_sftp_wish_takes(const struct node *dir, const char *name, int is_dir)
{
	const struct node *root;
	const char *above;
	char *path;
	int r;

	if (nrules == 0)
		return 1;
	above = inner(dir, &root);
	xasprintf(&path, "%s%s%s", above, *above == '\0' ? "" : "/", name);
	r = hpn_choose_takes(rules, nrules, path, is_dir);
	free(path);
	return r;
}

int
hpn_sftp_wish_takes_node(const struct node *n, int is_dir)
{
	const struct node *root;

	return nrules == 0 || n->parent == NULL ||
	    hpn_choose_takes(rules, nrules, inner(n, &root), is_dir);
}

/* -------------------------------------------------- what is there already -- */

int
hpn_sftp_wish_looks(const struct node *n)
{
	return !n->looked && !following && (wish.existing != HPN_WISH_WRITE ||
	    wish.update == HPN_WISH_TIME || wish.update == HPN_WISH_SIZE ||
	    wish.dry);
}

int
hpn_sftp_wish_follows(void)
{
	return wish.update != HPN_WISH_ALWAYS ||
	    wish.existing == HPN_WISH_WRITE;
}

int
hpn_sftp_wish_only_new(const struct node *n)
{
	return wish.existing != HPN_WISH_WRITE && !n->redone && !n->made &&
	    !following;
}

int
hpn_sftp_wish_equals(const struct node *n)
{
	return n->outcome == HPN_NAMES_SKIPPED && !n->failed && !wish.dry &&
	    wish.existing == HPN_WISH_WRITE;
}

/* It is left as it is found. */
static void
leave(struct hpn_sftp_job *job, struct node *n)
{
	/* The meter has counted it, unless it has a line for it alone. */
	if (n->counted && job->only != n && n->size <= (u_int64_t)job->all_bytes)
		job->all_bytes -= n->size;
	n->untouched = 1;
}

/* Say what would be done. */
static void
would(struct hpn_sftp_job *job, struct node *n, enum hpn_wish_then then,
    const struct hpn_wish_file *source, const struct hpn_wish_file *dest)
{
	u_int64_t size = source->size == UINT64_MAX ? 0 : source->size;
	const char *what = "copy";
	char *name;

	if (then == HPN_WISH_LEAVE)
		what = "skip";
	else if (then == HPN_WISH_REFUSE)
		what = "refuse";
	else if (dest != NULL)
		what = job->flags & HPN_SFTP_RESUME ? "compare" : "replace";
	hpn_sftp_meter_break(job);
	/* A name must not look like another line. */
	name = xcalloc(strlen(n->to) + 1, HPN_NAMES_BYTE);
	(void)hpn_names_escape(name, n->to);
	mprintf("%-8s %14llu %s\n", what, (unsigned long long)size, name);
	free(name);
	if (then != HPN_WISH_COPY)
		return;
	dry_files++;
	/* What is there already takes no space again. */
	if (dest != NULL && dest->regular && dest->size != UINT64_MAX)
		size = size > dest->size ? size - dest->size : 0;
	dry_bytes = size > UINT64_MAX - dry_bytes ? UINT64_MAX :
	    dry_bytes + size;
}

int
hpn_sftp_wish_found(struct hpn_sftp_job *job, struct node *n,
    const struct hpn_wish_file *source, const struct hpn_wish_file *dest)
{
	enum hpn_wish_then then = HPN_WISH_COPY;

	n->looked = 1;
	if (dest != NULL)
		then = hpn_wish_there(&wish, source, dest);
	if (wish.dry)
		would(job, n, then, source, dest);
	if (then == HPN_WISH_COPY && !wish.dry)
		return 0;
	n->size = source->size == UINT64_MAX ? 0 : source->size;
	n->outcome = HPN_NAMES_SKIPPED;
	if (then == HPN_WISH_REFUSE) {
		hpn_sftp_meter_break(job);
		error("\"%s\" is there already: left as it is", n->to);
		n->outcome = HPN_NAMES_REFUSED;
		n->failed = 1;
	} else
		debug("\"%s\" is there already", n->to);
	/* Nothing is added, either, to what may be something else. */
	if (n->follow != NULL && !hpn_sftp_wish_equals(n))
		n->follow->over = 1;
	leave(job, n);
	return 1;
}

int
hpn_sftp_wish_found_local(struct hpn_sftp_job *job, struct node *n)
{
	struct hpn_wish_file source = { UINT64_MAX, UINT64_MAX, 1 }, dest;
	struct stat st;

	if (n->a.flags & SSH2_FILEXFER_ATTR_SIZE)
		source.size = n->a.size;
	if (n->a.flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		source.mtime = n->a.mtime;
	/* What cannot be looked at cannot be opened, either, and that is said. */
	if ((hpn_sftp_wish_follows() ? stat(n->to, &st) :
	    lstat(n->to, &st)) == -1)
		return hpn_sftp_wish_found(job, n, &source, NULL);
	dest.size = st.st_size;
	dest.mtime = (u_int32_t)st.st_mtime;
	dest.regular = S_ISREG(st.st_mode);
	return hpn_sftp_wish_found(job, n, &source, &dest);
}

/* -------------------------------------------------------------- the log -- */

static void
write_log(const char *line, size_t len)
{
	struct stat before, after;
	ssize_t n = -1;
	int known = fstat(log_fd, &before) == 0;

	while ((n = write(log_fd, line, len)) == -1 && errno == EINTR)
		;
	if (n == (ssize_t)len)
		return;
	log_errno = n == -1 ? errno : ENOSPC;
	unlogged++;
	/* Half a line would be a line of its own, or part of the next one. */
	if (n > 0 && known && fstat(log_fd, &after) == 0 &&
	    after.st_size == before.st_size + n)
		(void)ftruncate(log_fd, before.st_size);
}

static void
open_log(const char *path)
{
	char first[sizeof(HPN_NAMES_LOG)];
	struct stat st;

	/* Nobody must be able to have us wait, or write to something else. */
	if ((log_fd = open(path, O_RDWR|O_CREAT|O_APPEND|O_NOFOLLOW|O_NONBLOCK|
	    O_NOCTTY|O_CLOEXEC, 0666)) == -1 || fstat(log_fd, &st) == -1)
		fatal("-X log: open \"%s\": %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		fatal("-X log: \"%s\" is not a regular file", path);
	/* What is in it may become the names of -X files-from. */
	if (st.st_uid != geteuid() && st.st_uid != 0)
		fatal("-X log: \"%s\" is not owned by the user", path);
	if (st.st_size == 0) {
		write_log(HPN_NAMES_LOG "\n", strlen(HPN_NAMES_LOG "\n"));
		if (unlogged != 0)
			fatal("-X log: write \"%s\": %s", path,
			    strerror(log_errno));
		return;
	}
	if (pread(log_fd, first, sizeof(first), 0) != (ssize_t)sizeof(first) ||
	    memcmp(first, HPN_NAMES_LOG "\n", sizeof(first)) != 0)
		fatal("-X log: \"%s\" is there and is no log of this kind",
		    path);
	if (pread(log_fd, first, 1, st.st_size - 1) == 1 && *first != '\n')
		fatal("-X log: the last line of \"%s\" is not complete", path);
}

static void
log_name(const struct node *root, enum hpn_names_status status,
    u_int64_t size, const char *name, const char *end)
{
	char *whole = NULL, *line;
	const char *slash = "";
	size_t room, len;
	time_t now = time(NULL);

	if (log_fd == -1)
		return;
	if (several && root != NULL) {
		len = strlen(root->from);
		slash = len != 0 && root->from[len - 1] == '/' ? "" : "/";
	}
	xasprintf(&whole, "%s%s%s%s", several && root != NULL ? root->from : "",
	    several && root != NULL ? slash : "", name, end);
	room = HPN_NAMES_LINE + HPN_NAMES_BYTE * (strlen(whole) + 1);
	line = xmalloc(room);
	if ((len = hpn_names_line(line, room, status, size,
	    now < 0 ? 0 : (u_int64_t)now, whole)) != 0)
		write_log(line, len);
	free(line);
	free(whole);
}

/* The names of the list from here on did not become anything. */
static void
log_rest(const struct node *root, size_t from, size_t to)
{
	for (; from < to; from++) {
		log_name(root, HPN_NAMES_FAILED, 0, names[from], "");
		ends.failed++;
	}
}

void
hpn_sftp_wish_lost(struct node *dir, const char *name,
    const struct hpn_names_part *part)
{
	const struct node *root;
	const char *above = inner(dir, &root);
	char *path;

	if (part == NULL || part->wanted) {
		xasprintf(&path, "%s%s%s", above, *above == '\0' ? "" : "/",
		    name);
		log_name(root, HPN_NAMES_FAILED, 0, path, "");
		ends.failed++;
		free(path);
	}
	if (part != NULL)
		log_rest(root, part->from, part->to);
}

void
hpn_sftp_wish_passed(const struct node *dir, const char *name)
{
	const struct node *root;
	const char *above;
	char *path;

	if (log_fd == -1)
		return;
	above = inner(dir, &root);
	xasprintf(&path, "%s%s%s", above, *above == '\0' ? "" : "/", name);
	log_name(root, HPN_NAMES_SKIPPED, 0, path, "");
	free(path);
}

static int
compare_name(const void *a, const void *b)
{
	return hpn_names_compare(*(char *const *)a, *(char *const *)b);
}

/* Whether this was listed, be it in a directory that was listed as well. */
static int
in_list(const char *path)
{
	return nnames != 0 && bsearch(&path, names, nnames, sizeof(*names),
	    compare_name) != NULL;
}

void
hpn_sftp_wish_ended(struct hpn_sftp_job *job, struct node *n)
{
	const struct node *root;
	const char *path = inner(n, &root);
	int more = n->part_next < n->part_end;

	if (n->parent == NULL && !n->tree) {
		path = n->from;		/* It is the source. */
		root = NULL;
	}
	if (n->unreal)
		return;
	if (more)
		log_rest(root, n->part_next, n->part_end);
	if (n->tree) {
		/* A line that said so before holds no more. */
		if (!n->named && !n->failed && !interrupted &&
		    in_list(*path == '\0' ? "." : path))
			log_name(root, HPN_NAMES_COPIED, 0, *path == '\0' ?
			    "." : path, *path == '\0' ? "" : "/");
		if (n->named || (!interrupted && (!n->failed || n->only_lacks)))
			return;
		log_name(root, HPN_NAMES_FAILED, 0, *path == '\0' ? "." : path,
		    *path == '\0' ? "" : "/");
		ends.failed++;
		return;
	}
	if (n->failed && more && !n->wanted)
		return;
	if (n->failed) {
		if (n->outcome == HPN_NAMES_REFUSED)
			ends.refused++;
		else {
			n->outcome = HPN_NAMES_FAILED;
			ends.failed++;
			ends.differs += n->differs != 0;
		}
	} else
		ends.good++;
	log_name(root, n->outcome, n->size, path, "");
}

void
hpn_sftp_wish_cut_off(struct hpn_sftp_job *job)
{
	struct node *n;

	TAILQ_FOREACH(n, &job->nodes, all) {
		/* Of a directory whose names are known, each has its line. */
		n->only_lacks = n->listed && !n->failed;
		n->failed = 1;
		if (!n->doubt)
			hpn_sftp_wish_ended(job, n);
	}
	/* Nobody can be asked any more. */
	log_end(job);
}

/* ------------------------------------------------------------ the whole -- */

void
hpn_sftp_wish_ready(int sources, int stdin_free)
{
	if (!hpn_sftp_wish_any())
		return;
	several = sources != 1;
	if (wish.names != NULL && sources > 1)
		fatal("-X files-from: the names are of one source, not of %d",
		    sources);
	if (wish.names != NULL && strcmp(wish.names, "-") == 0 && !stdin_free)
		fatal("-X files-from=-: standard input has commands");
	if (wish.names != NULL)
		take_list(wish.names);
	if (wish.log != NULL && !wish.dry)
		open_log(wish.log);
}

/* Free space at the target: 0, or -1: it is not known. */
static int
space(const struct hpn_sftp_job *job, u_int64_t *bytes)
{
	struct sftp_statvfs st;
	struct statvfs local;
	char *path, *slash;
	Attrib a;
	int r;

	/* The nearest that is there. */
	path = xstrdup(job->target);
	for (;;) {
		if (job->way->up)
			r = sftp_stat(conn, path, 1, &a);
		else
			r = statvfs(path, &local);
		if (r == 0 || strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
			break;
		if ((slash = strrchr(path, '/')) == NULL)
			strlcpy(path, ".", strlen(path) + 1);
		else
			slash[slash == path ? 1 : 0] = '\0';
	}
	if (r == 0 && job->way->up && (r = job->c->can_statvfs ?
	    sftp_statvfs(conn, path, &st, 1) : -1) == 0) {
		local.f_bavail = st.f_bavail;
		local.f_frsize = st.f_frsize;
	}
	free(path);
	if (r != 0)
		return -1;
	*bytes = UINT64_MAX;
	if (local.f_frsize == 0 || local.f_bavail <=
	    UINT64_MAX / local.f_frsize)
		*bytes = (u_int64_t)local.f_bavail * local.f_frsize;
	return 0;
}

static void
dry_end(struct hpn_sftp_job *job)
{
	u_int64_t bytes;

	mprintf("%llu file%s would be copied, which takes %llu bytes more",
	    (unsigned long long)dry_files, dry_files == 1 ? "" : "s",
	    (unsigned long long)dry_bytes);
	if (job->target == NULL || space(job, &bytes) == -1) {
		mprintf("; the free space is not known\n");
		return;
	}
	mprintf("; %llu are free%s\n", (unsigned long long)bytes,
	    bytes < dry_bytes ? ": too few" : "");
	if (bytes < dry_bytes) {
		ends.full++;
		job->failed = 1;
	}
}

static void
log_end(struct hpn_sftp_job *job)
{
	if (unlogged != 0)
		error("-X log: %u line%s of \"%s\" could not be written: %s",
		    unlogged, unlogged == 1 ? "" : "s", wish.log,
		    strerror(log_errno));
	unlogged = 0;
	free(job->target);
	job->target = NULL;
}

void
hpn_sftp_wish_end(struct hpn_sftp_job *job)
{
	u_int64_t bytes;

	if (wish.dry && !interrupted)
		dry_end(job);
	/* Version 3 of SFTP has no status for it. */
	if (wish.detailed && unwritten != 0 && !interrupted &&
	    job->target != NULL && space(job, &bytes) == 0 && bytes < unwritten)
		ends.full++;
	log_end(job);
}

int
hpn_sftp_wish_status(int status)
{
	return hpn_wish_status(&wish, &ends, status);
}
