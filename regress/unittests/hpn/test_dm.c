/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of what dmscp decides: hpn-dm-plan, -wait, -buf, -manifest, -opts,
 * -frame.
 */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-dm-buf.h"
#include "hpn-dm-frame.h"
#include "hpn-dm-manifest.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-plan.h"
#include "hpn-dm-wait.h"
#include "tests.h"

static void
plan(void)
{
	struct hpn_dm_plan p = { 100, 10 }, one = { 0, 0 }, all = { 100, 0 };
	char path[64], small[8];
	uint64_t n, length;

	TEST_START("dm: fragments follow each other without a gap");
	ASSERT_U64_EQ(hpn_dm_plan_start(&p, 1), 0);
	ASSERT_U64_EQ(hpn_dm_plan_start(&p, 2), 10);
	ASSERT_U64_EQ(hpn_dm_plan_start(&p, 3), 110);
	for (n = 1; n < 50; n++) {
		ASSERT_U64_EQ(hpn_dm_plan_start(&p, n) +
		    hpn_dm_plan_size(&p, n), hpn_dm_plan_start(&p, n + 1));
		ASSERT_U64_EQ(hpn_dm_plan_start(&all, n), 100 * (n - 1));
	}
	ASSERT_U64_EQ(hpn_dm_plan_start(&one, 1), 0);
	ASSERT_U64_EQ(hpn_dm_plan_start(&one, 2), UINT64_MAX);
	ASSERT_U64_EQ(hpn_dm_plan_size(&one, 1), UINT64_MAX);
	ASSERT_U64_EQ(hpn_dm_plan_start(&p, UINT64_MAX), UINT64_MAX);
	TEST_DONE();

	TEST_START("dm: as many fragments as hold the stream");
	ASSERT_U64_EQ(hpn_dm_plan_count(&p, 0), 0);
	for (length = 1; length < 1000; length++) {
		n = hpn_dm_plan_count(&p, length);
		ASSERT_U64_LT(hpn_dm_plan_start(&p, n), length);
		ASSERT_U64_GE(hpn_dm_plan_start(&p, n + 1), length);
	}
	ASSERT_U64_EQ(hpn_dm_plan_count(&one, 12345), 1);
	TEST_DONE();

	TEST_START("dm: names of fragments");
#define NAMED(dir, name, n, suffix, expected) do { \
		ASSERT_INT_EQ(hpn_dm_plan_path(path, sizeof(path), dir, name, \
		    n, suffix), 0); \
		ASSERT_STRING_EQ(path, expected); \
	} while (0)
	NAMED("/d", "run7", 1, "", "/d/run7.0001");
	NAMED("/d/", "run7", 42, ".part", "/d/run7.0042.part");
	NAMED("", "run7", 9999, "", "run7.9999");
	NAMED(NULL, "run7", 10000, "", "run7.10000");
	NAMED(NULL, "run7", 1000000, "", "run7.1000000");
	NAMED("d", "run7", 0, ".manifest", "d/run7.manifest");
	NAMED("d", "/abs/run7", 0, "", "/abs/run7");
#undef NAMED
	ASSERT_INT_EQ(hpn_dm_plan_path(small, sizeof(small), "d", "run7", 1,
	    ""), -1);
	ASSERT_INT_EQ(hpn_dm_plan_path(small, sizeof(small), NULL, "run7890", 0,
	    ""), 0);
	ASSERT_INT_EQ(hpn_dm_plan_path(small, sizeof(small), NULL, "run78901",
	    0, ""), -1);
	TEST_DONE();

	TEST_START("dm: what can be a name");
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("run7"), 1);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("../a b/c'\"$x"), 1);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok(""), 0);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("a/"), 0);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("a/.."), 0);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("."), 0);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("a\nb"), 0);
	ASSERT_INT_EQ(hpn_dm_plan_name_ok("a\033b"), 0);
	TEST_DONE();
}

static void
waiting(void)
{
	struct hpn_dm_wait w;
	uint64_t delay, now = 5 * SEC, begun = now;
	unsigned int i;

	TEST_START("dm: waits longer and longer, and no longer than it may");
	hpn_dm_wait_begin(&w, 20);
	for (i = 0; hpn_dm_wait_failed(&w, HPN_DM_WAIT_FULL, now, &delay); i++) {
		ASSERT_U64_GT(delay, 0);
		ASSERT_U64_LE(delay, 5 * SEC);
		now += delay;
		ASSERT_INT_LT((int)i, 30);
	}
	ASSERT_U64_EQ(now, begun + 20 * SEC);
	TEST_DONE();

	TEST_START("dm: what works begins the limit anew");
	hpn_dm_wait_begin(&w, 20);
	ASSERT_INT_EQ(hpn_dm_wait_failed(&w, HPN_DM_WAIT_LINE, now, &delay), 1);
	ASSERT_U64_EQ(hpn_dm_wait_worked(&w, now + 19 * SEC), 19 * SEC);
	ASSERT_U64_EQ(hpn_dm_wait_worked(&w, now + 19 * SEC), 0);
	now += 30 * SEC;
	ASSERT_INT_EQ(hpn_dm_wait_failed(&w, HPN_DM_WAIT_LINE, now, &delay), 1);
	ASSERT_U64_EQ(delay, SEC);
	now += 20 * SEC;
	ASSERT_INT_EQ(hpn_dm_wait_failed(&w, HPN_DM_WAIT_LINE, now, &delay), 0);
	TEST_DONE();

	TEST_START("dm: with a limit of nothing it does not wait");
	hpn_dm_wait_begin(&w, 0);
	ASSERT_INT_EQ(hpn_dm_wait_failed(&w, HPN_DM_WAIT_FULL, now, &delay), 0);
	TEST_DONE();

	TEST_START("dm: a cause that nobody tells is tried some times");
	hpn_dm_wait_begin(&w, 100000);
	for (i = 1; hpn_dm_wait_failed(&w, HPN_DM_WAIT_UNTOLD, now, &delay); i++)
		now += delay;
	ASSERT_INT_EQ((int)i, (int)HPN_DM_WAIT_TRIES);
	TEST_DONE();

	TEST_START("dm: how long a connection may be silent while it is made");
	hpn_dm_wait_begin(&w, 0);
	ASSERT_U64_EQ(hpn_dm_wait_silence(&w, 0), 30 * SEC);
	ASSERT_U64_EQ(hpn_dm_wait_silence(&w, 1), 60 * SEC);
	hpn_dm_wait_begin(&w, 5);
	ASSERT_U64_EQ(hpn_dm_wait_silence(&w, 0), 30 * SEC);
	ASSERT_U64_EQ(hpn_dm_wait_silence(&w, 1), 5 * SEC);
	hpn_dm_wait_begin(&w, 7200);
	ASSERT_U64_EQ(hpn_dm_wait_silence(&w, 0), 7200 * SEC);
	ASSERT_U64_EQ(hpn_dm_wait_silence(&w, 1), 60 * SEC);
	TEST_DONE();

	TEST_START("dm: no limit is too large");
	hpn_dm_wait_begin(&w, UINT64_MAX);
	ASSERT_INT_EQ(hpn_dm_wait_failed(&w, HPN_DM_WAIT_FULL, UINT64_MAX / 4,
	    &delay), 1);
	ASSERT_INT_EQ(hpn_dm_wait_failed(&w, HPN_DM_WAIT_FULL, 0, &delay), 1);
	TEST_DONE();
}

static void
buffer(size_t piece)
{
	unsigned char memory[7], *room;
	const unsigned char *p;
	uint32_t table[2 * sizeof(memory)];
	struct hpn_dm_buf b;
	uint64_t i, at = 0;
	size_t len;

	TEST_START("dm: the buffer gives back what was put in, and no more");
	test_subtest_info("pieces of %zu", piece);
	ASSERT_SIZE_T_EQ(hpn_dm_buf_pieces(sizeof(memory), piece),
	    piece > sizeof(memory) ? 1 : sizeof(memory) / piece);
	hpn_dm_buf_begin(&b, memory, sizeof(memory), piece, table);
	for (i = 0; i < 1000; i++) {
		room = hpn_dm_buf_room(&b, &len);
		ASSERT_U64_LE(b.high - b.low + len, sizeof(memory));
		if (len > i % 4)
			len = i % 4;
		for (size_t j = 0; j < len; j++)
			room[j] = (unsigned char)(b.high + j);
		hpn_dm_buf_add(&b, len);
		for (at = b.low; at < b.high; at += len) {
			p = hpn_dm_buf_at(&b, at, 3, &len);
			ASSERT_PTR_NE(p, NULL);
			ASSERT_SIZE_T_GE(len, 1);
			ASSERT_SIZE_T_LE(len, 3);
			for (size_t j = 0; j < len; j++)
				ASSERT_INT_EQ(p[j], (unsigned char)(at + j));
		}
		hpn_dm_buf_settle(&b, b.low + (i * 7) % 4);
		ASSERT_U64_LE(b.low, b.high);
	}
	ASSERT_U64_GT(b.high, 500);
	ASSERT_PTR_EQ((void *)(uintptr_t)hpn_dm_buf_at(&b, b.high, 1, &len), NULL);
	if (b.low > 0)
		ASSERT_PTR_EQ((void *)(uintptr_t)hpn_dm_buf_at(&b, b.low - 1, 1,
		    &len), NULL);
	at = b.low;
	hpn_dm_buf_settle(&b, 0);
	ASSERT_U64_EQ(b.low, at);
	TEST_DONE();
}

/* Fill the buffer's next piece. */
static unsigned char *
fill(struct hpn_dm_buf *b)
{
	unsigned char *room;
	size_t len;

	room = hpn_dm_buf_room(b, &len);
	ASSERT_SIZE_T_EQ(len, 10);
	hpn_dm_buf_add(b, len);
	return room;
}

static void
buffer_warm(void)
{
	unsigned char memory[100], *first, *second;
	uint32_t table[2 * 10];
	struct hpn_dm_buf b;
	size_t len;
	int i;

	TEST_START("dm: the buffer uses first what was settled last");
	hpn_dm_buf_begin(&b, memory, sizeof(memory), 10, table);
	first = fill(&b);
	ASSERT_PTR_EQ(first, memory);
	for (i = 0; i < 50; i++) {
		second = fill(&b);
		ASSERT_PTR_NE(second, first);
		hpn_dm_buf_settle(&b, b.high - 10);
		/* Half of a piece is still needed */
		ASSERT_PTR_EQ(hpn_dm_buf_room(&b, &len), first);
		hpn_dm_buf_settle(&b, b.high - 5);
		ASSERT_PTR_EQ(hpn_dm_buf_room(&b, &len), first);
		first = second;
	}
	/* All of it can be used, and no more */
	for (i = 0; i < 9; i++)
		(void)fill(&b);
	(void)hpn_dm_buf_room(&b, &len);
	ASSERT_SIZE_T_EQ(len, 0);
	hpn_dm_buf_settle(&b, b.low + 5);
	ASSERT_PTR_EQ(hpn_dm_buf_room(&b, &len), first);
	ASSERT_SIZE_T_EQ(len, 10);
	TEST_DONE();
}

/* A manifest of two fragments. */
static size_t
manifest_text(char *text, int sha256)
{
	struct hpn_dm_manifest_fragment f;
	struct hpn_dm_manifest m;
	size_t at;

	memset(&m, 0, sizeof(m));
	memset(&f, 0x5a, sizeof(f));
	m.object = "run7";
	m.object_len = 4;
	m.size = 104;
	m.count = 2;
	m.hashed = 1;
	m.has_sha256 = sha256;
	memset(m.hash, 0xa5, sizeof(m.hash));
	at = hpn_dm_manifest_put_head(text, &m);
	f.size = 4;
	at += hpn_dm_manifest_put_fragment(text + at, 1, &f);
	f.size = 100;
	at += hpn_dm_manifest_put_fragment(text + at, 2, &f);
	at += hpn_dm_manifest_put_state(text + at);
	at += hpn_dm_manifest_put_end(text + at, f.hash);
	text[at] = '\0';
	return at;
}

static char edits[8192];

/* Replace the first a in the edits by b. */
static void
edit(const char *a, const char *b)
{
	char rest[sizeof(edits)], *at = strstr(edits, a);

	ASSERT_PTR_NE(at, NULL);
	strcpy(rest, at + strlen(a));
	strcpy(at, b);
	strcat(at, rest);
}

/* What the parser has against the edits; NULL: nothing. */
static const char *
reason(void)
{
	struct hpn_dm_manifest m;

	return hpn_dm_manifest_parse(&m, edits, strlen(edits));
}

static int
edited(const char *a, const char *b)
{
	(void)manifest_text(edits, 0);
	edit(a, b);
	return reason() == NULL;
}

static void
manifest(void)
{
	char text[8192], name[HPN_DM_PLAN_NAME + 2] = "";
	struct hpn_dm_manifest m;
	struct hpn_dm_manifest_fragment f;
	size_t len, i, at;

	TEST_START("dm: a manifest that was written can be read");
	for (i = 0; i < 2; i++) {
		len = manifest_text(text, (int)i);
		ASSERT_PTR_EQ((void *)(uintptr_t)hpn_dm_manifest_parse(&m, text,
		    len), NULL);
		ASSERT_U64_EQ(m.size, 104);
		ASSERT_U64_EQ(m.count, 2);
		ASSERT_INT_EQ(m.has_sha256, (int)i);
		ASSERT_SIZE_T_EQ(m.object_len, 4);
		ASSERT_INT_EQ(memcmp(m.object, "run7", 4), 0);
		ASSERT_INT_EQ(m.hash[15], 0xa5);
		ASSERT_INT_EQ(m.end[0], 0x5a);
		at = m.fragments_at;
		ASSERT_INT_EQ(hpn_dm_manifest_next(&m, text, &at, &f), 1);
		ASSERT_U64_EQ(f.size, 4);
		ASSERT_INT_EQ(hpn_dm_manifest_next(&m, text, &at, &f), 1);
		ASSERT_U64_EQ(f.size, 100);
		ASSERT_INT_EQ(f.hash[3], 0x5a);
		ASSERT_INT_EQ(hpn_dm_manifest_next(&m, text, &at, &f), 0);
	}
	TEST_DONE();

	TEST_START("dm: no part of a manifest is one");
	len = manifest_text(text, 1);
	for (i = 0; i < len; i++)
		ASSERT_INT_EQ(hpn_dm_manifest_parse(&m, text, i) == NULL, 0);
	text[len] = '\n';
	ASSERT_INT_EQ(hpn_dm_manifest_parse(&m, text, len + 1) == NULL, 0);
	TEST_DONE();

	TEST_START("dm: a manifest that was edited is refused");
	ASSERT_INT_EQ(edited("run7", "run7"), 1);
	ASSERT_INT_EQ(edited("manifest 1", "manifest 2"), 0);
	ASSERT_INT_EQ(edited("manifest 1", "manifest 01"), 0);
	ASSERT_INT_EQ(edited("run7", ""), 0);
	ASSERT_INT_EQ(edited("size 104", "size 105"), 0);
	ASSERT_INT_EQ(edited("size 104", "size 103"), 0);
	ASSERT_INT_EQ(edited("size 104", "size -104"), 0);
	ASSERT_INT_EQ(edited("size 104", "size 18446744073709551720"), 0);
	ASSERT_INT_EQ(edited("count 2", "count 1"), 0);
	ASSERT_INT_EQ(edited("count 2", "count 3"), 0);
	ASSERT_INT_EQ(edited("count 2", "count 99999999999"), 0);
	ASSERT_INT_EQ(edited("xxh3-128", "md5"), 0);
	ASSERT_INT_EQ(edited("fragment 2", "fragment 1"), 0);
	ASSERT_INT_EQ(edited("fragment 2", "fragment 3"), 0);
	ASSERT_INT_EQ(edited("fragment 1 4", "fragment 1 0"), 0);
	ASSERT_INT_EQ(edited("fragment 1 4", "fragment 1 04"), 0);
	ASSERT_INT_EQ(edited("fragment 1 4", "fragment 1 9223372036854775807"), 0);
	ASSERT_INT_EQ(edited("5a5a", "5A5a"), 0);
	ASSERT_INT_EQ(edited("state complete", "state partial"), 0);
	ASSERT_INT_EQ(edited("state complete\n", ""), 0);
	ASSERT_INT_EQ(edited("count 2", "name ../x\ncount 2"), 0);
	memset(name, 'n', sizeof(name) - 1);
	ASSERT_INT_EQ(edited("run7", name), 0);
	ASSERT_STRING_EQ(reason(), "its object has no proper name");
	name[HPN_DM_PLAN_NAME] = '\0';
	ASSERT_INT_EQ(edited("run7", name), 1);
	/* A count is bounded before any line is read */
	ASSERT_INT_EQ(edited("count 2", "count 1000001"), 0);
	ASSERT_STRING_EQ(reason(), "its sizes cannot be read");
	ASSERT_INT_EQ(edited("count 2", "count 1000000"), 0);
	ASSERT_STRING_EQ(reason(), "a line of a fragment is missing or cannot "
	    "be read");
	/* A fragment of nothing, though all adds up */
	ASSERT_INT_EQ(edited("fragment 1 4", "fragment 1 0"), 0);
	edit("size 104", "size 100");
	ASSERT_STRING_EQ(reason(), "the sizes of its fragments do not add up");
	/* Nor does what adds up in 64 bits */
	ASSERT_INT_EQ(edited("count 2", "count 3"), 0);
	edit("state", "fragment 3 106 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\nstate");
	edit("size 104", "size 210");
	ASSERT_PTR_EQ((void *)(uintptr_t)reason(), NULL);
	edit("size 210", "size 104");
	edit("fragment 1 4", "fragment 1 9223372036854775807");
	edit("fragment 2 100", "fragment 2 9223372036854775807");
	ASSERT_STRING_EQ(reason(), "the sizes of its fragments do not add up");
	TEST_DONE();
}

#define PARSE(...) parse((const char *[]){ "dmscp", __VA_ARGS__, NULL })
static struct hpn_dm_opts opts;

static const char *
parse(const char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return hpn_dm_opts_parse(&opts, argc, (char **)(uintptr_t)argv);
}

#define GOOD(...)	ASSERT_PTR_EQ((void *)(uintptr_t)PARSE(__VA_ARGS__), NULL)
#define BAD(...)	ASSERT_PTR_NE((void *)(uintptr_t)PARSE(__VA_ARGS__), NULL)

static void
options(void)
{
	uint64_t n;

	TEST_START("dm: sizes");
#define SIZE(s, v) do { \
		ASSERT_INT_EQ(hpn_dm_opts_size(s, &n), 0); \
		ASSERT_U64_EQ(n, v); \
	} while (0)
	SIZE("0", 0);
	SIZE("4096", 4096);
	SIZE("8m", 8 * MB);
	SIZE("m8", 8 * MB);
	SIZE("2G", 2048ULL * MB);
	SIZE("1t", 1024ULL * 1024 * MB);
#undef SIZE
	ASSERT_INT_EQ(hpn_dm_opts_size("", &n), -1);
	ASSERT_INT_EQ(hpn_dm_opts_size("k", &n), -1);
	ASSERT_INT_EQ(hpn_dm_opts_size("k8k", &n), -1);
	ASSERT_INT_EQ(hpn_dm_opts_size("8kb", &n), -1);
	ASSERT_INT_EQ(hpn_dm_opts_size("-1", &n), -1);
	ASSERT_INT_EQ(hpn_dm_opts_size("8388608t", &n), -1);
	ASSERT_INT_EQ(hpn_dm_opts_size("9223372036854775808", &n), -1);
	TEST_DONE();

	TEST_START("dm: the paper's command lines");
	GOOD("-w", "-s", "server", "-u", "user", "-p", "1024", "-d",
	    "/archivedir", "-F", "2g", "-S", "0", "-T", "36000", "-f",
	    "myarchive", "-FMigrate");
	ASSERT_INT_EQ(opts.writes, 1);
	ASSERT_STRING_EQ(opts.host, "server");
	ASSERT_STRING_EQ(opts.user, "user");
	ASSERT_U64_EQ(opts.fragment, 2048ULL * MB);
	ASSERT_U64_EQ(opts.stub, 0);
	ASSERT_U64_EQ(opts.timeout_s, 36000);
	ASSERT_INT_EQ((int)opts.migrate, (int)HPN_DM_OPTS_MIGRATE);
	ASSERT_INT_EQ(opts.migrate_each, 1);
	ASSERT_INT_EQ(opts.migrate_wait, 0);
	GOOD("-r", "-s", "server", "-p", "1024", "-u", "user", "-d",
	    "/archivedir", "-F", "1", "-f", "myarchive", "-frelease", "-T",
	    "360000");
	ASSERT_INT_EQ(opts.reads, 1);
	ASSERT_INT_EQ((int)opts.migrate, (int)HPN_DM_OPTS_RELEASE);
	GOOD("-checksum", "-encrypt", "-wsz", "8m", "-w", "-WFMIGRATE", "h:x");
	ASSERT_INT_EQ(opts.migrate_wait, 1);
	TEST_DONE();

	TEST_START("dm: the last one holds");
	GOOD("-r", "-w", "-F", "1g", "-F", "2g", "h:x");
	ASSERT_INT_EQ(opts.reads, 0);
	ASSERT_U64_EQ(opts.fragment, 2048ULL * MB);
	GOOD("-o", "A=b", "-w", "-o", "C=d", "h:x");
	ASSERT_SIZE_T_EQ(opts.nssh, 4);
	TEST_DONE();

	TEST_START("dm: operands");
	GOOD("-w", "me@host:/staging/run7");
	ASSERT_STRING_EQ(opts.user, "me");
	ASSERT_STRING_EQ(opts.host, "host");
	ASSERT_STRING_EQ(opts.name, "/staging/run7");
	GOOD("-w", "m@e@[2001:db8::1]:a:b");
	ASSERT_STRING_EQ(opts.user, "m@e");
	ASSERT_STRING_EQ(opts.host, "2001:db8::1");
	ASSERT_STRING_EQ(opts.name, "a:b");
	GOOD("-w", "host:~/x");
	ASSERT_STRING_EQ(opts.name, "x");
	BAD("-w", "file");
	BAD("-w", "host:");
	BAD("-w", ":x");
	BAD("-w", "-oProxyCommand=x:y");
	BAD("-w", "@host:x");
	BAD("-w", "u@-oProxyCommand=x:y");
	BAD("-w", "-s", "-oProxyCommand=x", "-f", "y");
	BAD("-w", "-s", "h", "-u", "-x", "-f", "y");
	BAD("-w", "host:a", "host:b");
	BAD("-w", "host:a\nb");
	TEST_DONE();

	TEST_START("dm: commands");
	GOOD("-checksum", "-r", "-s", "avampire", "-u", "bzbstoll", "-prefix",
	    "setenv PATH \"$HOME/bin:$PATH\"", "-R", "cd /tmp && tar -cf -");
	ASSERT_STRING_EQ(opts.command, "cd /tmp && tar -cf -");
	GOOD("-w", "-R", "zfs receive tank/fs", "me@host:");
	ASSERT_STRING_EQ(opts.host, "host");
	BAD("-w", "-R", "", "-s", "h");
	BAD("-w", "-R", "cat");
	BAD("-w", "-R", "cat", "-s", "h", "-f", "x");
	BAD("-w", "-R", "cat", "-s", "h", "-F", "1m");
	BAD("-w", "-R", "cat", "-s", "h", "-resume");
	BAD("-w", "-R", "cat", "-s", "h", "-sink", "x");
	BAD("-r", "-R", "cat", "-s", "h", "-size", "5");
	BAD("-w", "-R", "cat", "-s", "h", "-nochecksum", "-sha256");
	BAD("-w", "-R", "cat", "-s", "h", "-prefix", "x", "-subsystem", "y");
	BAD("-w", "-subsystem", "y", "h:x");
	BAD("-w", "-server", "h:x");
	BAD("-w", "-onopen", "x", "h:x");
	TEST_DONE();

	TEST_START("dm: what is not understood is refused");
	BAD("h:x");
	BAD("-w", "-forc", "h:x");
	BAD("-w", "-force", "-resume", "h:x");
	BAD("-w", "-F", "h:x");
	BAD("-w", "-F", "0", "h:x");
	BAD("-w", "-T", "-1", "h:x");
	BAD("-w", "-T", "1k", "h:x");
	GOOD("-w", "-T", "4294967295", "h:x");
	BAD("-w", "-T", "4294967296", "h:x");
	BAD("-w", "-p", "70000", "h:x");
	BAD("-w", "-buffer", "1", "h:x");
	BAD("-r", "-force", "h:x");
	BAD("-r", "-source", "x", "h:x");
	BAD("-w", "-sink", "x", "h:x");
	BAD("-w", "-R", "cat", "h:x");
	BAD("-w", "-mmigrate", "h:x");
	BAD("-w", "-", "h:x");
	BAD("-w", "-nochecksum", "-resume", "h:x");
	TEST_DONE();
}

/* ---- frames ---- */

static struct hpn_dm_frame fr;

/* What is put is what comes out. */
static size_t
there_and_back(unsigned char *bytes, const struct hpn_dm_frame *f)
{
	size_t n = hpn_dm_frame_put(bytes, f), head;

	ASSERT_INT_EQ(hpn_dm_frame_length(bytes, n, &head),
	    (int)(n + f->data_len));
	ASSERT_SIZE_T_EQ(head, n);
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n), 0);
	ASSERT_INT_EQ((int)fr.type, (int)f->type);
	/* Not one byte less */
	for (head = 0; head < n; head++)
		ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, head), -1);
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n), 0);
	return n;
}

/* What a peer says, and whether it may. */
enum may { NO, YES };
struct said {
	enum may may;
	enum hpn_dm_frame_type type;
	uint64_t offset;
	size_t len;
};

static void
says(struct hpn_dm_frame_peer *p, const struct said *said, size_t n)
{
	struct hpn_dm_frame f;
	size_t i;

	for (i = 0; i < n; i++) {
		test_subtest_info("frame %zu", i);
		memset(&f, 0, sizeof(f));
		f.type = said[i].type;
		f.version = HPN_DM_FRAME_VERSION;
		f.offset = said[i].offset;
		f.data_len = said[i].len;
		ASSERT_INT_EQ(hpn_dm_frame_take(p, &f) == NULL,
		    said[i].may == YES);
	}
}

#define SAYS(said)	says(&p, said, sizeof(said) / sizeof(*(said)))

static void
frames(void)
{
	static unsigned char bytes[HPN_DM_FRAME_OTHER_MOST];
	static char text[HPN_DM_FRAME_TEXT_MOST];
	struct hpn_dm_frame f;
	size_t n, head;
	unsigned int type;

	TEST_START("dm: frames come out as they were put");
	for (type = HPN_DM_FRAME_HELLO; type <= HPN_DM_FRAME_PING; type++) {
		memset(&f, 0, sizeof(f));
		f.type = (enum hpn_dm_frame_type)type;
		f.version = 1;
		f.offset = 0x0102030405060708ULL;
		f.value = 7;
		f.text = f.text2 = "words";
		f.text_len = 5;
		f.text2_len = 2;
		if (type == HPN_DM_FRAME_DATA)
			f.data_len = HPN_DM_FRAME_DATA_MOST;
		(void)there_and_back(bytes, &f);
		if (type == HPN_DM_FRAME_ACK)
			ASSERT_U64_EQ(fr.offset, f.offset);
		if (type == HPN_DM_FRAME_HELLO) {
			ASSERT_MEM_EQ(fr.text, "words", 5);
			ASSERT_SIZE_T_EQ(fr.text2_len, 2);
		}
	}
	memset(text, 'x', sizeof(text));
	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_HELLO;
	f.version = 1;
	f.text = f.text2 = text;
	f.text_len = f.text2_len = sizeof(text);
	ASSERT_SIZE_T_LE(there_and_back(bytes, &f), sizeof(bytes));
	TEST_DONE();

	TEST_START("dm: frames that nobody sends");
	f.text_len = f.text2_len = 3;
	n = hpn_dm_frame_put(bytes, &f);
	/* A later version may say more; this one has not */
	bytes[3]++;
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n + 1), -1);
	bytes[13] = 2;
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n + 1), 0);
	bytes[3]--;
	/* A zero in a text */
	bytes[n - 1] = '\0';
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n), -1);
	bytes[n - 1] = 'x';
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n), 0);
	bytes[5] = 'D';
	ASSERT_INT_EQ(hpn_dm_frame_parse(&fr, bytes, n), -1);
	memcpy(bytes, "\0\0\0\0\1", 5);
	ASSERT_INT_EQ(hpn_dm_frame_length(bytes, 5, &head), -1);
	memcpy(bytes, "\0\0\0\1\15", 5);
	ASSERT_INT_EQ(hpn_dm_frame_length(bytes, 5, &head), -1);
	memcpy(bytes, "\377\377\377\377\5", 5);
	ASSERT_INT_EQ(hpn_dm_frame_length(bytes, 5, &head), -1);
	/* What is no data is bounded, too: OTHER_MOST with its length, and more */
	for (n = 0; n < 2; n++) {
		memset(bytes, 0, 5);
		bytes[1] = (HPN_DM_FRAME_OTHER_MOST - 4) >> 16;
		bytes[2] = (HPN_DM_FRAME_OTHER_MOST - 4) >> 8 & 0xff;
		bytes[3] = (unsigned char)(((HPN_DM_FRAME_OTHER_MOST - 4) &
		    0xff) + n);
		bytes[4] = HPN_DM_FRAME_NOTE;
		ASSERT_INT_EQ(hpn_dm_frame_length(bytes, 5, &head), n == 0 ?
		    (int)HPN_DM_FRAME_OTHER_MOST : -1);
	}
	memcpy(bytes, "\0\0\0\31\5", 5);	/* no data */
	ASSERT_INT_EQ(hpn_dm_frame_length(bytes, 5, &head), -1);
	ASSERT_INT_EQ(hpn_dm_frame_length(bytes, 4, &head), 0);
	TEST_DONE();
}

static void
conversations(void)
{
	static const struct said server[] = {
		{ NO, HPN_DM_FRAME_RESULT, 0, 0 },
		{ NO, HPN_DM_FRAME_ACK, 0, 0 },
		{ NO, HPN_DM_FRAME_WELCOME, 1, 0 },
		{ YES, HPN_DM_FRAME_WELCOME, 0, 0 },
		{ NO, HPN_DM_FRAME_WELCOME, 0, 0 },
		{ NO, HPN_DM_FRAME_DATA, 0, 1 },
		{ NO, HPN_DM_FRAME_END, 0, 0 },
		{ NO, HPN_DM_FRAME_HELLO, 0, 0 },
	};
	static const struct said acks[] = {
		{ YES, HPN_DM_FRAME_ACK, 50, 0 },
		{ NO, HPN_DM_FRAME_ACK, 49, 0 },
		{ NO, HPN_DM_FRAME_ACK, 101, 0 },
	};
	static const struct said again[] = {
		{ NO, HPN_DM_FRAME_WELCOME, 49, 0 },
		{ NO, HPN_DM_FRAME_WELCOME, 101, 0 },
		{ YES, HPN_DM_FRAME_WELCOME, 100, 0 },
	};
	static const struct said end[] = {
		{ YES, HPN_DM_FRAME_NOTE, 0, 0 },
		{ YES, HPN_DM_FRAME_RESULT, 0, 0 },
		{ NO, HPN_DM_FRAME_RESULT, 0, 0 },
		{ NO, HPN_DM_FRAME_NOTE, 0, 0 },
		{ YES, HPN_DM_FRAME_SORRY, 0, 0 },
		{ NO, HPN_DM_FRAME_ACK, 100, 0 },
	};
	static const struct said client[] = {
		{ NO, HPN_DM_FRAME_DATA, 0, 1 },
		{ YES, HPN_DM_FRAME_HELLO, 0, 0 },
		{ NO, HPN_DM_FRAME_HELLO, 0, 0 },
		{ NO, HPN_DM_FRAME_ACK, 0, 0 },
		{ NO, HPN_DM_FRAME_RESULT, 0, 0 },
		{ YES, HPN_DM_FRAME_DATA, 0, 10 },
		{ NO, HPN_DM_FRAME_DATA, 0, 10 },
		{ NO, HPN_DM_FRAME_DATA, 11, 10 },
		{ NO, HPN_DM_FRAME_DATA, 10, 0 },
		{ YES, HPN_DM_FRAME_DATA, 10, 10 },
		{ NO, HPN_DM_FRAME_END, 19, 0 },
		{ YES, HPN_DM_FRAME_END, 20, 0 },
		{ NO, HPN_DM_FRAME_DATA, 20, 1 },
		{ NO, HPN_DM_FRAME_END, 20, 0 },
		{ YES, HPN_DM_FRAME_PING, 0, 0 },
		{ YES, HPN_DM_FRAME_DONE, 0, 0 },
		{ NO, HPN_DM_FRAME_PING, 0, 0 },
	};
	static const struct said with_sha[] = {
		{ YES, HPN_DM_FRAME_HELLO, 0, 0 },
		{ NO, HPN_DM_FRAME_END, 0, 0 },
	};
	static const struct said last[] = {
		{ NO, HPN_DM_FRAME_DATA, INT64_MAX, 1 },
	};
	struct hpn_dm_frame_peer p;
	struct hpn_dm_frame f;

	TEST_START("dm: a server that takes a stream");
	memset(&p, 0, sizeof(p));
	p.is_server = 1;
	SAYS(server);
	p.sent = 100;
	SAYS(acks);
	/* Over another connection */
	p.welcomed = 0;
	SAYS(again);
	/* The last 8 bits of this would be those of success */
	memset(&f, 0, sizeof(f));
	f.type = HPN_DM_FRAME_RESULT;
	f.value = 256;
	ASSERT_PTR_NE((void *)(uintptr_t)hpn_dm_frame_take(&p, &f), NULL);
	SAYS(end);
	TEST_DONE();

	TEST_START("dm: a client that sends a stream");
	memset(&p, 0, sizeof(p));
	p.sends = 1;
	SAYS(client);
	memset(&p, 0, sizeof(p));
	p.sends = p.with_sha = 1;
	SAYS(with_sha);
	p.expect = INT64_MAX;
	SAYS(last);
	TEST_DONE();
}

void
test_dm(void)
{
	size_t piece;

	plan();
	waiting();
	for (piece = 1; piece < 10; piece++)
		buffer(piece);
	buffer_warm();
	manifest();
	options();
	frames();
	conversations();
}
