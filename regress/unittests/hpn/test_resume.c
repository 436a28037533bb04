/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-resume. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-resume.h"
#include "tests.h"

#define NOWHERE	UINT64_MAX

/* Two files that exist only as far as they differ from each other. */
struct two {
	struct hpn_resume_file source, dest;
	uint64_t bad, bad_end;	/* these bytes differ, ... */
	int zeros;		/* ... and are zeros in the destination */
	int hashes;		/* the server has them */
	int up;			/* the destination is the server's */
	int no_reading;		/* nor can the bytes be had */
	uint64_t read, hashed;	/* so many bytes were compared */
	int sampled;		/* some of each stretch were */
	int steps;
};

/* What a comparison of the range would find. */
static void
compare(struct two *t, const struct hpn_resume *r,
    struct hpn_resume_found *found)
{
	uint64_t end = r->offset + r->length, from, to;

	memset(found, 0, sizeof(*found));
	found->differs = NOWHERE;
	/* Never beyond what is there */
	ASSERT_U64_LE(end, t->dest.size);
	ASSERT_U64_GT(r->length, 0);
	if (r->step == HPN_RESUME_HASH) {
		ASSERT_U64_GT(r->block, 0);
		ASSERT_INT_EQ(t->hashes, 1);
		t->hashed += r->length;
	} else {
		if (r->stride != 0)
			t->sampled++;
		else
			t->read += r->length;
		found->unusable = t->no_reading;
	}
	from = t->bad > r->offset ? t->bad : r->offset;
	to = t->bad_end < end ? t->bad_end : end;
	if (from >= to || found->unusable)
		return;
	found->differs = from;
	if (r->step == HPN_RESUME_HASH)
		found->differs -= (from - r->offset) % r->block;
	else if (t->zeros)
		found->zeros = to - from;
	else
		found->others = to - from;
}

static struct hpn_resume
decide(struct two *t, int flags)
{
	struct hpn_resume r;
	struct hpn_resume_found found;

	memset(&r, 0xff, sizeof(r));
	t->read = t->hashed = 0;
	t->sampled = 0;
	hpn_resume_begin(&r, &t->source, &t->dest, flags, t->hashes,
	    t->up);
	for (t->steps = 0; r.step == HPN_RESUME_HASH ||
	    r.step == HPN_RESUME_READ; t->steps++) {
		ASSERT_INT_LT(t->steps, 300);
		compare(t, &r, &found);
		hpn_resume_found(&r, &found);
	}
	return r;
}

static struct two
two(uint64_t source, uint64_t dest, int hashes)
{
	struct two t;

	memset(&t, 0, sizeof(t));
	t.source.size = source;
	t.dest.size = dest;
	t.source.mtime = t.dest.mtime = 1000;
	t.hashes = hashes;
	t.bad = t.bad_end = NOWHERE;
	return t;
}

/* With a difference from `bad` on */
static struct two
differing(uint64_t source, uint64_t dest, int hashes, uint64_t bad,
    uint64_t len, int zeros)
{
	struct two t = two(source, dest, hashes);

	t.bad = bad;
	t.bad_end = bad + len;
	t.zeros = zeros;
	return t;
}

static void
every_size(void)
{
	static const uint64_t sizes[] = { 0, 1, 31, 32, 65535, 65536, 65537,
	    MB - 1, MB, MB + 1, 5ULL * MB + 3, 300ULL * MB, 1ULL << 40,
	    INT64_MAX };
	static const int all[] = { 0, HPN_RESUME_REPLACE, HPN_RESUME_SIZE,
	    HPN_RESUME_VERIFY };
	struct hpn_resume r;
	struct two t;
	uint64_t offset;
	size_t s, d, f;
	int hashes, up;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	for (d = 0; d < sizeof(sizes) / sizeof(sizes[0]); d++)
	for (f = 0; f < sizeof(all) / sizeof(all[0]); f++)
	for (hashes = 0; hashes < 2; hashes++)
	for (up = 0; up < 2; up++) {
		t = two(sizes[s], sizes[d], hashes);
		t.up = up;
		r = decide(&t, all[f]);
		/* Of a part that was sent and is not looked at, the end is
		 * sent again. */
		offset = sizes[d];
		if (up && sizes[d] < sizes[s] && all[f] == HPN_RESUME_SIZE &&
		    !hashes)
			offset = sizes[d] > HPN_RESUME_SPAN ?
			    sizes[d] - HPN_RESUME_SPAN : 0;
		if (sizes[d] > sizes[s]) {
			ASSERT_INT_EQ(r.why, HPN_RESUME_LARGER);
			ASSERT_INT_EQ(r.step, all[f] == HPN_RESUME_REPLACE ?
			    HPN_RESUME_TRANSFER : HPN_RESUME_REFUSE);
			ASSERT_INT_EQ(r.replaced,
			    all[f] == HPN_RESUME_REPLACE);
			ASSERT_U64_EQ(r.offset, 0);
			ASSERT_INT_EQ(t.steps, 0);
			continue;
		}
		ASSERT_INT_EQ(r.step, sizes[d] == sizes[s] ?
		    HPN_RESUME_WHOLE : HPN_RESUME_TRANSFER);
		ASSERT_U64_EQ(r.offset, offset);
		ASSERT_INT_EQ(r.replaced, 0);
		if (sizes[d] == 0)
			ASSERT_INT_EQ(r.by, HPN_RESUME_BY_NOTHING);
		else if (hashes) {
			ASSERT_INT_EQ(r.by, HPN_RESUME_BY_HASH);
			ASSERT_U64_EQ(t.hashed, sizes[d]);
			ASSERT_U64_EQ(t.read, 0);
		} else if (all[f] == HPN_RESUME_SIZE) {
			ASSERT_INT_EQ(r.by, HPN_RESUME_BY_SIZE);
			ASSERT_INT_EQ(t.steps, 0);
		} else if (all[f] == HPN_RESUME_VERIFY ||
		    sizes[d] <= HPN_RESUME_BACK) {
			ASSERT_INT_EQ(r.by, HPN_RESUME_BY_READ);
			ASSERT_U64_EQ(t.read, sizes[d]);
		} else {
			ASSERT_INT_EQ(r.by, HPN_RESUME_BY_TAIL);
			ASSERT_U64_EQ(t.read, HPN_RESUME_BACK);
			ASSERT_INT_EQ(t.sampled, up);
		}
	}
}

static void
every_difference(void)
{
	static const uint64_t at[] = { 0, 1, 65535, 65536, MB - 1, MB,
	    7ULL * MB + 5, 20ULL * MB - 1 };
	struct hpn_resume r;
	struct two t;
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		/* Another file, found with hashes to the byte */
		t = differing(20ULL * MB, 20ULL * MB, 1, at[i], MB, 0);
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
		ASSERT_INT_EQ(r.why, HPN_RESUME_DIFFERS);
		ASSERT_U64_EQ(r.differs, at[i]);
		ASSERT_U64_EQ(r.within, 0);
		ASSERT_U64_LE(t.read, HPN_RESUME_LOOK);
		r = decide(&t, HPN_RESUME_REPLACE);
		ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
		ASSERT_INT_EQ(r.replaced, 1);
		ASSERT_U64_EQ(r.offset, 0);
		/* ... about, if nobody lets it be read */
		t.no_reading = 1;
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
		ASSERT_U64_LE(r.differs, at[i]);
		ASSERT_U64_GT(r.differs + r.within, at[i]);
		ASSERT_U64_LE(r.within, HPN_RESUME_LOOK);
		/* One bit is no trace of an interruption, zero or not */
		t = differing(20ULL * MB, 20ULL * MB, 1, at[i], 1, 1);
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
		ASSERT_U64_EQ(r.differs, at[i]);
	}
}

static void
traces(void)
{
	uint64_t size = 600ULL * MB, at;
	struct hpn_resume_found found;
	struct hpn_resume r;
	struct two t;
	int hashes;

	/* Zeros near the end: go on there */
	t = differing(size, size, 1, size - 10 * MB - 7, 5 * MB, 1);
	r = decide(&t, 0);
	ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
	ASSERT_U64_EQ(r.offset, size - 10 * MB - 7);
	ASSERT_INT_EQ(r.by, HPN_RESUME_BY_HASH);
	ASSERT_INT_EQ(r.replaced, 0);
	/* Too far from it, or at the beginning: this is another file */
	t = differing(size, size, 1, size - HPN_RESUME_TAIL - 1, MB, 1);
	ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_REFUSE);
	t = differing(size, size, 1, size - HPN_RESUME_TAIL, MB, 1);
	ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_TRANSFER);
	t = differing(MB, MB, 1, 0, MB, 1);
	ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_REFUSE);
	t = differing(MB, MB, 1, 1, HPN_RESUME_ZEROS - 1, 1);
	ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_REFUSE);
	t = differing(MB, MB, 1, 1, HPN_RESUME_ZEROS, 1);
	ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_TRANSFER);

	/* Zeros, and far behind them something else: not to be cut off */
	t = differing(size, size, 1, size - 10 * MB, 5 * MB, 1);
	hpn_resume_begin(&r, &t.source, &t.dest, 0, 1, 0);
	while (r.step == HPN_RESUME_HASH || (r.step == HPN_RESUME_READ &&
	    r.offset + r.length < size)) {
		compare(&t, &r, &found);
		hpn_resume_found(&r, &found);
	}
	ASSERT_INT_EQ(r.step, HPN_RESUME_READ);
	ASSERT_U64_EQ(r.offset + r.length, size);
	ASSERT_U64_LE(r.offset, size - 10 * MB + HPN_RESUME_LOOK);
	compare(&t, &r, &found);
	found.others = 1;
	hpn_resume_found(&r, &found);
	ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
	ASSERT_INT_EQ(r.why, HPN_RESUME_DIFFERS);
	ASSERT_U64_EQ(r.differs, size - 10 * MB);

	/* Zeros and something else: no trace */
	t = differing(MB, MB, 1, 1000, 5000, 1);
	hpn_resume_begin(&r, &t.source, &t.dest, 0, 1, 0);
	while (r.step == HPN_RESUME_HASH) {
		compare(&t, &r, &found);
		hpn_resume_found(&r, &found);
	}
	ASSERT_INT_EQ(r.step, HPN_RESUME_READ);
	compare(&t, &r, &found);
	found.others = 1;
	hpn_resume_found(&r, &found);
	ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
	ASSERT_U64_EQ(r.differs, 1000);

	/* Without hashes: within what is read, and before it */
	t = differing(size, size - 5, 0, size - 1000, 995, 1);
	r = decide(&t, 0);
	ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
	ASSERT_U64_EQ(r.offset, size - 1000);
	ASSERT_INT_EQ(r.by, HPN_RESUME_BY_TAIL);
	t = differing(size, size, 0, size - 9 * MB - 1, 9 * MB + 1, 1);
	r = decide(&t, 0);
	ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
	ASSERT_U64_EQ(r.offset, size - 9 * MB - 1);
	/* Of full size, wherever it is, if several channels may have sent it */
	for (at = MB; at < size - 5 * MB; at += 9999973) {
		t = differing(size, size, 0, at, 70000, 1);
		t.up = 1;
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
		ASSERT_U64_LE(r.offset, at);
		ASSERT_U64_GE(r.offset, at - 2 * HPN_RESUME_STRIDE_ALL);
		/* ... and of another time: all of it is read */
		t.dest.mtime++;
		t.up = at & 1;
		r = decide(&t, 0);
		ASSERT_INT_NE(r.step, HPN_RESUME_WHOLE);
		ASSERT_U64_EQ(t.read, size);
		t.zeros = 0;
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
		ASSERT_U64_EQ(r.differs, at);
		t = two(size, size, 0);
		t.source.mtime--;
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_WHOLE);
		ASSERT_INT_EQ(r.by, HPN_RESUME_BY_READ);
	}
	t = differing(size, size, 0, 1, size - 1, 1);
	r = decide(&t, 0);
	ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
	ASSERT_U64_LE(t.read, HPN_RESUME_TAIL + 2 * HPN_RESUME_BACK);

	/* Holes that several channels left, far before what is read back */
	for (at = size - HPN_RESUME_SPAN; at < size - 5 * MB; at += 999983) {
		t = differing(size, size - 5, 0, at, 4096, 1);
		t.up = 1;
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
		ASSERT_U64_LE(r.offset, at);
		ASSERT_U64_GE(r.offset, at - 2 * HPN_RESUME_STRIDE);
		ASSERT_U64_EQ(t.read, HPN_RESUME_BACK);
		/* Another file's bytes */
		t.zeros = 0;
		ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_REFUSE);
	}

	for (hashes = 0; hashes < 2; hashes++) {
		/* All of it zeros */
		t = differing(10 * MB, 5 * MB, hashes, 0, 5 * MB, 1);
		ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_REFUSE);
		/* Nobody can read it */
		t = two(10 * MB, 5 * MB, 0);
		t.no_reading = 1;
		r = decide(&t, 0);
		ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
		ASSERT_INT_EQ(r.why, HPN_RESUME_UNCHECKED);
	}
}

/* The server has hashes, but not of this file. */
static void
no_hashes_after_all(void)
{
	struct hpn_resume_file source = { 10 * MB, 5 }, dest = { 9 * MB, 5 };
	struct hpn_resume_found none = { 1, NOWHERE, 0, 0 };
	struct hpn_resume r;

	hpn_resume_begin(&r, &source, &dest, 0, 1, 0);
	ASSERT_INT_EQ(r.step, HPN_RESUME_HASH);
	hpn_resume_found(&r, &none);
	ASSERT_INT_EQ(r.step, HPN_RESUME_READ);
	ASSERT_U64_EQ(r.offset, 9 * MB - HPN_RESUME_BACK);
	ASSERT_U64_EQ(r.length, HPN_RESUME_BACK);
	none.unusable = 0;
	hpn_resume_found(&r, &none);
	ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
	ASSERT_U64_EQ(r.offset, 9 * MB);

	/* Then it may be the size that decides. */
	none.unusable = 1;
	hpn_resume_begin(&r, &source, &dest, HPN_RESUME_SIZE, 1, 0);
	hpn_resume_found(&r, &none);
	ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
	ASSERT_INT_EQ(r.by, HPN_RESUME_BY_SIZE);
	ASSERT_U64_EQ(r.offset, 9 * MB);
	dest.mtime = 4;
	hpn_resume_begin(&r, &source, &dest, HPN_RESUME_SIZE, 1, 0);
	hpn_resume_found(&r, &none);
	ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
	ASSERT_INT_EQ(r.why, HPN_RESUME_OLDER);
}

static void
empties(void)
{
	struct hpn_resume_file source = { 10 * MB, 5 }, dest = { 9 * MB, 4 };

	ASSERT_INT_EQ(hpn_resume_empties(&source, &dest), 1);
	/* It may be the source itself. */
	dest.mtime = 5;
	ASSERT_INT_EQ(hpn_resume_empties(&source, &dest), 0);
	dest.mtime = 6;
	dest.size = source.size;
	ASSERT_INT_EQ(hpn_resume_empties(&source, &dest), 0);
	dest.size++;
	ASSERT_INT_EQ(hpn_resume_empties(&source, &dest), 0);
	/* All of it will be read. */
	dest.size = HPN_RESUME_BACK;
	ASSERT_INT_EQ(hpn_resume_empties(&source, &dest), 0);
	dest.size = 0;
	ASSERT_INT_EQ(hpn_resume_empties(&source, &dest), 0);
}

static void
older(void)
{
	struct two t = two(10, 5, 0);

	t.dest.mtime = 999;
	ASSERT_INT_EQ(decide(&t, HPN_RESUME_SIZE).step, HPN_RESUME_REFUSE);
	ASSERT_INT_EQ(decide(&t, HPN_RESUME_SIZE).why, HPN_RESUME_OLDER);
	ASSERT_INT_EQ(decide(&t, 0).step, HPN_RESUME_TRANSFER);
	t.dest.mtime = 1001;
	ASSERT_INT_EQ(decide(&t, HPN_RESUME_SIZE).step, HPN_RESUME_TRANSFER);
	/* Who has hashes uses them */
	t = differing(10, 5, 1, 2, 1, 0);
	ASSERT_INT_EQ(decide(&t, HPN_RESUME_SIZE).step, HPN_RESUME_REFUSE);
}

/* What we have made ourselves is not looked at, and none of it is sent again. */
static void
ours(void)
{
	struct hpn_resume r;
	struct two t;
	int hashes, up, flags;

	for (hashes = 0; hashes < 2; hashes++)
	for (up = 0; up < 2; up++)
	for (flags = 0; flags <= HPN_RESUME_VERIFY; flags += HPN_RESUME_VERIFY) {
		t = differing(90ULL * MB, 80ULL * MB, hashes, 2, MB, 0);
		t.up = up;
		t.dest.mtime = 999;
		r = decide(&t, HPN_RESUME_OURS | flags);
		ASSERT_INT_EQ(r.step, HPN_RESUME_TRANSFER);
		ASSERT_U64_EQ(r.offset, 80ULL * MB);
		ASSERT_INT_EQ(r.by, HPN_RESUME_BY_NOTHING);
		ASSERT_INT_EQ(t.steps, 0);
		t.source.size = t.dest.size;
		r = decide(&t, HPN_RESUME_OURS | flags);
		ASSERT_INT_EQ(r.step, HPN_RESUME_WHOLE);
		/* More than we have made is somebody else's */
		t.source.size--;
		r = decide(&t, HPN_RESUME_OURS | flags);
		ASSERT_INT_EQ(r.step, HPN_RESUME_REFUSE);
	}
}

static void
options(void)
{
	int flags = 0;

	ASSERT_INT_EQ(hpn_resume_option("resume=replace", &flags), 1);
	ASSERT_INT_EQ(flags, HPN_RESUME_REPLACE);
	ASSERT_INT_EQ(hpn_resume_option("resume=size", &flags), 1);
	ASSERT_INT_EQ(flags, HPN_RESUME_SIZE);
	ASSERT_INT_EQ(hpn_resume_option("verify=yes", &flags), 1);
	ASSERT_INT_EQ(flags, HPN_RESUME_SIZE | HPN_RESUME_VERIFY);
	ASSERT_INT_EQ(hpn_resume_option("verify=no", &flags), 1);
	ASSERT_INT_EQ(flags, HPN_RESUME_SIZE | HPN_RESUME_NOVERIFY);
	ASSERT_INT_EQ(hpn_resume_option("resume=check", &flags), 1);
	ASSERT_INT_EQ(flags, HPN_RESUME_NOVERIFY);
	ASSERT_INT_EQ(hpn_resume_option("resume=", &flags), -1);
	ASSERT_INT_EQ(hpn_resume_option("resume=Check", &flags), -1);
	ASSERT_INT_EQ(hpn_resume_option("verify=yess", &flags), -1);
	ASSERT_INT_EQ(hpn_resume_option("resume", &flags), 0);
	ASSERT_INT_EQ(hpn_resume_option("", &flags), 0);
	ASSERT_INT_EQ(hpn_resume_option("buffer=5", &flags), 0);
	ASSERT_INT_EQ(flags, HPN_RESUME_NOVERIFY);
	/* What another scp reads back */
	ASSERT_STRING_EQ(hpn_resume_words(0), "");
	ASSERT_STRING_EQ(hpn_resume_words(HPN_RESUME_NOVERIFY),
	    " -X verify=no");
	ASSERT_STRING_EQ(hpn_resume_words(HPN_RESUME_REPLACE |
	    HPN_RESUME_VERIFY), " -X resume=replace -X verify=yes");
	ASSERT_STRING_EQ(hpn_resume_words(HPN_RESUME_SIZE),
	    " -X resume=size");
}

void
test_resume(void)
{
	TEST_START("resume: every pair of sizes");
	every_size();
	TEST_DONE();
	TEST_START("resume: every place of a difference");
	every_difference();
	TEST_DONE();
	TEST_START("resume: what an interruption leaves");
	traces();
	TEST_DONE();
	TEST_START("resume: a server that has hashes, but not of this file");
	no_hashes_after_all();
	TEST_DONE();
	TEST_START("resume: what is emptied before it is written over");
	empties();
	TEST_DONE();
	TEST_START("resume: size and time");
	older();
	TEST_DONE();
	TEST_START("resume: our own part of a file that grows");
	ours();
	TEST_DONE();
	TEST_START("resume: -X resume and verify");
	options();
	TEST_DONE();
}
