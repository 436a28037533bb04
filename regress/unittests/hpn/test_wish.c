/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-wish, hpn-choose and hpn-names. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-choose.h"
#include "hpn-names.h"
#include "hpn-wish.h"
#include "tests.h"

/* ----------------------------------------------------------- hpn-choose -- */

/* As rsync 3.2.7 does it; regress/hpn-wish.sh compares more with a real one. */
static const struct {
	const char *pattern, *path;
	int is_dir, matches;
} patterns[] = {
	{ "foo", "foo", 0, 1 },
	{ "foo", "a/foo", 0, 1 },
	{ "foo", "afoo", 0, 0 },
	{ "foo", "foo/a", 0, 0 },
	{ "foo/", "foo", 0, 0 },
	{ "foo/", "a/foo", 1, 1 },
	{ "/foo", "foo", 0, 1 },
	{ "/foo", "a/foo", 0, 0 },
	{ "/foo/", "foo", 1, 1 },
	{ "/foo/", "foo", 0, 0 },
	{ "a/foo", "a/foo", 0, 1 },
	{ "a/foo", "b/a/foo", 0, 1 },
	{ "a/foo", "ba/foo", 0, 0 },
	{ "/a/foo", "b/a/foo", 0, 0 },
	{ "*.o", "x.o", 0, 1 },
	{ "*.o", "a/x.o", 0, 1 },
	{ "*.o", "x.oo", 0, 0 },
	{ "*", "a/b", 0, 1 },
	{ "/*", "a/b", 0, 0 },
	{ "/*", "a", 0, 1 },
	{ "/*/b", "a/b", 0, 1 },
	{ "a/*", "a/b", 0, 1 },
	{ "a/*", "a/b/c", 0, 0 },
	{ "a/**", "a/b/c", 0, 1 },
	{ "a/**", "x/a/b/c", 0, 1 },
	{ "/a/**", "x/a/b/c", 0, 0 },
	{ "a/**", "a", 1, 0 },
	{ "a/***", "a", 1, 1 },
	{ "a/***", "a", 0, 0 },
	{ "a/***", "a/b/c", 0, 1 },
	{ "/a/***", "x/a", 1, 0 },
	{ "**/c", "c", 0, 1 },
	{ "**/c", "a/b/c", 0, 1 },
	{ "**c", "a/b/c", 0, 1 },
	{ "a**c", "a/b/c", 0, 1 },
	{ "a/**/c", "a/c", 0, 0 },
	{ "a/**/c", "a/b/c", 0, 1 },
	{ "a/**/c", "a/b/b/c", 0, 1 },
	{ "**", "a/b", 0, 1 },
	{ "?", "a", 0, 1 },
	{ "?", "ab", 0, 0 },
	{ "a?c", "a/c", 0, 0 },
	{ "[a-c]x", "bx", 0, 1 },
	{ "[!a-c]x", "bx", 0, 0 },
	{ "[^a-c]x", "dx", 0, 1 },
	{ "[]]x", "]x", 0, 1 },
	{ "a[!b]c", "a/c", 0, 0 },
	{ "\\*", "*", 0, 1 },
	{ "\\*", "a", 0, 0 },
	{ "a\\b", "a\\b", 0, 1 },
	{ "a\\b*", "ab", 0, 1 },
	{ "a\\", "a\\", 0, 1 },
	{ "*a\\", "a\\", 0, 0 },
	{ "*a\\\\", "a\\", 0, 1 },
	{ "b[!/]/c", "a/bx/c", 0, 0 },
	{ "/b[!/]/c", "bx/c", 0, 1 },
	{ "**/b[!/]/c", "a/bx/c", 0, 1 },
	{ "b/?", "a/b/c", 0, 1 },
	{ "b/?/d", "b/c", 0, 0 },
	{ "*a*a*b", "aaaaaaaaab", 0, 1 },
	{ "*a*b/*c*", "xaxb/xcx", 0, 1 },
	{ "**a*b", "xx/xa/a/xab", 0, 1 },
	{ "**a*b/c", "xa/xxb/xab/c", 0, 1 },
};

static void
test_choose(void)
{
	struct hpn_choose_rule r[3];
	static char path[200001];
	size_t i;

	TEST_START("patterns mean what they mean to rsync");
	for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		test_subtest_info("\"%s\" and \"%s\"", patterns[i].pattern,
		    patterns[i].path);
		ASSERT_PTR_EQ(hpn_choose_rule(&r[0], patterns[i].pattern, 0),
		    NULL);
		ASSERT_INT_EQ(hpn_choose_takes(r, 1, patterns[i].path,
		    patterns[i].is_dir), !patterns[i].matches);
	}
	TEST_DONE();

	TEST_START("the first pattern that matches decides");
	ASSERT_PTR_EQ(hpn_choose_rule(&r[0], "*.c", 1), NULL);
	ASSERT_PTR_EQ(hpn_choose_rule(&r[1], "*/", 1), NULL);
	ASSERT_PTR_EQ(hpn_choose_rule(&r[2], "*", 0), NULL);
	ASSERT_INT_EQ(hpn_choose_takes(r, 3, "a/x.c", 0), 1);
	ASSERT_INT_EQ(hpn_choose_takes(r, 3, "a", 1), 1);
	ASSERT_INT_EQ(hpn_choose_takes(r, 3, "a", 0), 0);
	ASSERT_INT_EQ(hpn_choose_takes(r, 2, "a", 0), 1);
	ASSERT_INT_EQ(hpn_choose_takes(r, 0, "a", 0), 1);
	TEST_DONE();

	TEST_START("what is no pattern is refused");
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "/", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "+ a", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "- a", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "!", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "[a", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "[a\\", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "[a-\\", 0), NULL);
	ASSERT_PTR_NE(hpn_choose_rule(&r[0], "[[:alpha:]]", 0), NULL);
	ASSERT_PTR_EQ(hpn_choose_rule(&r[0], "\\[a", 0), NULL);
	TEST_DONE();

	TEST_START("no path takes long, and none is too long");
	ASSERT_PTR_EQ(hpn_choose_rule(&r[0], "**a*a*a*a*a*a**a*a*a*a*b", 0),
	    NULL);
	memset(path, 'a', HPN_CHOOSE_PATH_MAX);
	ASSERT_INT_EQ(hpn_choose_takes(r, 1, path, 1), 1);
	ASSERT_PTR_EQ(hpn_choose_rule(&r[0], "a***", 0), NULL);
	ASSERT_INT_EQ(hpn_choose_takes(r, 1, path, 1), 0);
	memset(path, 'a', sizeof(path) - 1);
	ASSERT_INT_EQ(hpn_choose_takes(r, 1, path, 1), 1);
	TEST_DONE();
}

/* ------------------------------------------------------------ hpn-names -- */

static int
clean(const char *from, const char *to)
{
	char name[64];
	int r;

	ASSERT_INT_EQ(strlen(from) < sizeof(name), 1);
	memcpy(name, from, strlen(from) + 1);
	if ((r = hpn_names_clean(name)) == 1)
		ASSERT_STRING_EQ(name, to);
	return r;
}

static int
compare(const void *a, const void *b)
{
	return hpn_names_compare(*(char *const *)a, *(char *const *)b);
}

static void
test_list(void)
{
	static char text[][16] = { "b/c", "a-b", "a/b/c", "a", "a/b", "b/c",
	    "a/b-c", "a\001b", "b/d/e" };
	char *names[sizeof(text) / sizeof(text[0])];
	size_t n = sizeof(text) / sizeof(text[0]), i, next, deeper;
	struct hpn_names_part p;

	TEST_START("names are cleaned, and none leads out of the tree");
	ASSERT_INT_EQ(clean("a", "a"), 1);
	ASSERT_INT_EQ(clean("./a//b/./c/", "a/b/c"), 1);
	ASSERT_INT_EQ(clean("...", "..."), 1);
	ASSERT_INT_EQ(clean("a/..b", "a/..b"), 1);
	ASSERT_INT_EQ(clean(".", "."), 1);
	ASSERT_INT_EQ(clean("././", "."), 1);
	ASSERT_INT_EQ(clean("", ""), 0);
	ASSERT_INT_EQ(clean("/a", ""), -1);
	ASSERT_INT_EQ(clean("/", ""), -1);
	ASSERT_INT_EQ(clean("..", ""), -1);
	ASSERT_INT_EQ(clean("a/../b", ""), -1);
	ASSERT_INT_EQ(clean("a/..", ""), -1);
	ASSERT_INT_EQ(clean("./..//", ""), -1);
	ASSERT_INT_EQ(hpn_names_separator("a\nb\n", 4), '\n');
	ASSERT_INT_EQ(hpn_names_separator("a\nb\0c", 5), 0);
	TEST_DONE();

	TEST_START("each directory is a stretch of the list");
	for (i = 0; i < n; i++)
		names[i] = text[i];
	qsort(names, n, sizeof(names[0]), compare);
	next = 0;
	ASSERT_INT_EQ(hpn_names_next(names, &next, n, 0, &p), 1);
	ASSERT_MEM_EQ(p.name, "a", p.len);
	ASSERT_SIZE_T_EQ(p.len, 1);
	ASSERT_INT_EQ(p.wanted, 1);
	ASSERT_SIZE_T_EQ(p.to - p.from, 3);
	deeper = p.from;
	i = p.skip;
	ASSERT_INT_EQ(hpn_names_next(names, &deeper, p.to, i, &p), 1);
	ASSERT_MEM_EQ(p.name, "b", 1);
	ASSERT_INT_EQ(p.wanted, 1);
	ASSERT_SIZE_T_EQ(p.to - p.from, 1);
	ASSERT_INT_EQ(hpn_names_next(names, &deeper, next, i, &p), 1);
	ASSERT_MEM_EQ(p.name, "b-c", 3);
	ASSERT_SIZE_T_EQ(p.to, p.from);
	ASSERT_INT_EQ(hpn_names_next(names, &deeper, next, i, &p), 0);
	ASSERT_INT_EQ(hpn_names_next(names, &next, n, 0, &p), 1);
	ASSERT_MEM_EQ(p.name, "a\001b", 3);
	ASSERT_INT_EQ(hpn_names_next(names, &next, n, 0, &p), 1);
	ASSERT_MEM_EQ(p.name, "a-b", 3);
	ASSERT_INT_EQ(hpn_names_next(names, &next, n, 0, &p), 1);
	ASSERT_MEM_EQ(p.name, "b", 1);
	ASSERT_INT_EQ(p.wanted, 0);
	ASSERT_SIZE_T_EQ(p.to - p.from, 3);
	/* The same name twice is one */
	deeper = p.from;
	ASSERT_INT_EQ(hpn_names_next(names, &deeper, p.to, p.skip, &p), 1);
	ASSERT_MEM_EQ(p.name, "c", 1);
	ASSERT_INT_EQ(p.wanted, 1);
	ASSERT_SIZE_T_EQ(n - deeper, 1);
	ASSERT_INT_EQ(hpn_names_next(names, &next, n, 0, &p), 0);
	TEST_DONE();
}

static void
line_is(uint64_t t, const char *name, const char *expected)
{
	char line[400], *read;
	enum hpn_names_status status;
	size_t len;

	len = hpn_names_line(line, sizeof(line), HPN_NAMES_FAILED, 1234, t,
	    name);
	ASSERT_SIZE_T_EQ(len, strlen(expected));
	ASSERT_MEM_EQ(line, expected, len);
	line[len - 1] = '\0';
	ASSERT_INT_EQ(hpn_names_read(line, &status, &read), 0);
	ASSERT_INT_EQ(status, HPN_NAMES_FAILED);
	ASSERT_STRING_EQ(read, name);
}

static void
test_log(void)
{
	static const char * const bad[] = { "", "failed", "failed\t", "x\t1\t2\ta",
	    "failed\t1\t2", "failed\tx\t2\ta", "failed\t\t2\ta",
	    "failed\t1\t2\t", "failed\t1\tx\ta", "failed\t1\t2\ta\\",
	    "failed\t1\t2\ta\\q", "failed\t1\t2\ta\\12", "failed\t1\t2\ta\\000",
	    "failed\t1\t2\ta\\777", "fail\t1\t2\ta", "failedd\t1\t2\ta" };
	char line[500], name[256], *read;
	enum hpn_names_status status;
	size_t i, len;

	TEST_START("a line of the log can be read back");
	line_is(0, "a", "failed\t1234\t1970-01-01T00:00:00Z\ta\n");
	line_is(951782399, "a b/c", "failed\t1234\t2000-02-28T23:59:59Z\ta b/c\n");
	line_is(951782400, "a", "failed\t1234\t2000-02-29T00:00:00Z\ta\n");
	line_is(4107542399ULL, "a", "failed\t1234\t2100-02-28T23:59:59Z\ta\n");
	line_is(4107542400ULL, "a", "failed\t1234\t2100-03-01T00:00:00Z\ta\n");
	line_is(1795889400, "\n\t\\x\001\177\303\244",
	    "failed\t1234\t2026-11-28T18:10:00Z\t\\n\\t\\\\x\\001\\177"
	    "\303\244\n");
	for (i = 1; i < 256; i++)
		name[i - 1] = (char)i;
	name[255] = '\0';
	ASSERT_SIZE_T_EQ(hpn_names_line(line, 80 + 4 * 255 - 1,
	    HPN_NAMES_WHOLE, UINT64_MAX, UINT64_MAX, name), 0);
	name[100] = '\0';
	len = hpn_names_line(line, sizeof(line), HPN_NAMES_WHOLE, UINT64_MAX,
	    UINT64_MAX, name);
	ASSERT_INT_EQ(len != 0, 1);
	line[len - 1] = '\0';
	ASSERT_INT_EQ(hpn_names_read(line, &status, &read), 0);
	ASSERT_STRING_EQ(read, name);
	TEST_DONE();

	TEST_START("what is no line of a log is not taken for one");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(line, bad[i], strlen(bad[i]) + 1);
		test_subtest_info("\"%s\"", bad[i]);
		ASSERT_INT_EQ(hpn_names_read(line, &status, &read), -1);
	}
	TEST_DONE();
}

/* ------------------------------------------------------------- hpn-wish -- */

static void
test_decide(void)
{
	struct hpn_wish w;
	struct hpn_wish_file a = { 10, 20, 1 }, b = { 10, 20, 1 };
	struct hpn_wish_ends e;

	TEST_START("options");
	memset(&w, 0, sizeof(w));
	ASSERT_INT_EQ(hpn_wish_option("log=x", &w), 1);
	ASSERT_STRING_EQ(w.log, "x");
	ASSERT_INT_EQ(hpn_wish_option("files-from=-", &w), 1);
	ASSERT_STRING_EQ(w.names, "-");
	ASSERT_INT_EQ(hpn_wish_option("log=", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("existing=skip", &w), 1);
	ASSERT_INT_EQ(w.existing, HPN_WISH_SKIP);
	ASSERT_INT_EQ(hpn_wish_option("existing=fail", &w), 1);
	ASSERT_INT_EQ(w.existing, HPN_WISH_FAIL);
	ASSERT_INT_EQ(hpn_wish_option("existing=yes", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("update=yes", &w), 1);
	ASSERT_INT_EQ(w.update, HPN_WISH_TIME);
	ASSERT_INT_EQ(hpn_wish_option("update=size", &w), 1);
	ASSERT_INT_EQ(hpn_wish_option("update=verify", &w), 1);
	ASSERT_INT_EQ(hpn_wish_option("update=no", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("update", &w), 0);
	ASSERT_INT_EQ(hpn_wish_option("updates=yes", &w), 0);
	ASSERT_INT_EQ(hpn_wish_option("dryrun=yes", &w), 1);
	ASSERT_INT_EQ(w.dry, 1);
	ASSERT_INT_EQ(hpn_wish_option("sparse=yes", &w), 1);
	ASSERT_INT_EQ(w.sparse, 1);
	ASSERT_INT_EQ(hpn_wish_option("sparse=1", &w), -1);
	ASSERT_U_INT_EQ(w.follow_s, 0);
	ASSERT_INT_EQ(hpn_wish_option("follow=yes", &w), 1);
	ASSERT_U_INT_EQ(w.follow_s, HPN_WISH_FOLLOW_EVER);
	ASSERT_INT_EQ(hpn_wish_option("follow=30", &w), 1);
	ASSERT_U_INT_EQ(w.follow_s, 30);
	ASSERT_INT_EQ(hpn_wish_option("follow=no", &w), 1);
	ASSERT_U_INT_EQ(w.follow_s, 0);
	ASSERT_INT_EQ(hpn_wish_option("follow=", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("follow=1s", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("follow=31536001", &w), -1);
	ASSERT_INT_EQ(w.links, 0);
	ASSERT_INT_EQ(hpn_wish_option("preserve=hardlinks", &w), 1);
	ASSERT_INT_EQ(w.links, 1);
	ASSERT_INT_EQ(hpn_wish_option("preserve=none", &w), 1);
	ASSERT_INT_EQ(w.links, 0);
	ASSERT_INT_EQ(hpn_wish_option("preserve=xattr", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("preserve=acl,hardlinks", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("preserve=", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("nospace=wait", &w), 1);
	ASSERT_U_INT_EQ(w.space_s, HPN_WISH_SPACE_S);
	ASSERT_INT_EQ(hpn_wish_option("nospace=fail", &w), 1);
	ASSERT_U_INT_EQ(w.space_s, 0);
	ASSERT_INT_EQ(hpn_wish_option("nospace=31536000", &w), 1);
	ASSERT_U_INT_EQ(w.space_s, HPN_WISH_SPACE_MAX);
	ASSERT_INT_EQ(hpn_wish_option("nospace=31536001", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("nospace=4294967297", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("nospace=", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("nospace=1h", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("nospace=-1", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("fsync=yes", &w), 1);
	ASSERT_INT_EQ(w.sync, 1);
	ASSERT_INT_EQ(hpn_wish_option("fsync=no", &w), 1);
	ASSERT_INT_EQ(w.sync, 0);
	ASSERT_INT_EQ(hpn_wish_option("fsync=y", &w), -1);
	ASSERT_INT_EQ(hpn_wish_option("status=detailed", &w), 1);
	ASSERT_INT_EQ(hpn_wish_option("status=x", &w), -1);
	TEST_DONE();

	TEST_START("what becomes of what is there");
	memset(&w, 0, sizeof(w));
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	w.update = HPN_WISH_TIME;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_LEAVE);
	b.mtime = 21;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	a.mtime = b.mtime = UINT64_MAX;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	w.update = HPN_WISH_SIZE;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_LEAVE);
	/* Size and time say nothing of the content */
	w.update = HPN_WISH_VERIFY;
	a.mtime = b.mtime = 20;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	a.mtime = b.mtime = UINT64_MAX;
	w.update = HPN_WISH_SIZE;
	b.regular = 0;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	b.regular = 1;
	b.size = 11;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	a.size = b.size = UINT64_MAX;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_COPY);
	w.existing = HPN_WISH_FAIL;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_REFUSE);
	a.size = b.size = 3;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_LEAVE);
	w.update = HPN_WISH_ALWAYS;
	w.existing = HPN_WISH_SKIP;
	ASSERT_INT_EQ(hpn_wish_there(&w, &a, &b), HPN_WISH_LEAVE);
	TEST_DONE();

	TEST_START("exit statuses of its own only when asked for");
	memset(&w, 0, sizeof(w));
	memset(&e, 0, sizeof(e));
	e.differs = e.full = e.refused = e.failed = e.good = 1;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 1), 1);
	w.detailed = 1;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 255), 255);
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 1), HPN_WISH_DIFFERS);
	e.differs = 0;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 1), HPN_WISH_FULL);
	e.full = 0;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 1), HPN_WISH_REFUSED);
	e.refused = 0;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 1), HPN_WISH_PARTIAL);
	e.good = 0;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 1), 1);
	e.failed = 0;
	ASSERT_INT_EQ(hpn_wish_status(&w, &e, 0), 0);
	TEST_DONE();
}

void
test_wish(void)
{
	test_choose();
	test_list();
	test_log();
	test_decide();
}
