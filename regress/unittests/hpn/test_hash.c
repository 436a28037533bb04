/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-hash and hpn-sftp-hash. */

#include "includes.h"

#include <sys/types.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "sftp.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "hpn-hash.h"
#include "hpn-sftp-hash.h"
#include "tests.h"

#define FILE_LEN	(3 * MB + 12345)
#define ROOM		64
/* A block no test needs */
#define NONE		0xee

#if defined(HAVE_XXHASH) && defined(__x86_64__) && defined(__GNUC__)
# include <dlfcn.h>
# include <xxhash.h>
# define COUNTED

/* Takes the place of the library's that looks what the processor can do. */
static u_int counted;
XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *, const void *, size_t);

XXH_errorcode
XXH3_128bits_update_dispatch(XXH3_state_t *state, const void *p, size_t len)
{
	static XXH_errorcode (*real)(XXH3_state_t *, const void *, size_t);
	void *found;

	counted++;
	if (real == NULL) {
		real = XXH3_128bits_update;
		if ((found = dlsym(RTLD_NEXT,
		    "XXH3_128bits_update_dispatch")) != NULL)
			memcpy(&real, &found, sizeof(real));
	}
	return real(state, p, len);
}
#endif

static u_char *content;
static FILE *file;

static void
content_new(void)
{
	uint64_t x = 88172645463325252ULL;
	size_t i;

	ASSERT_PTR_NE(content = calloc(1, FILE_LEN), NULL);
	for (i = 0; i < FILE_LEN; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		content[i] = (u_char)x;
	}
	ASSERT_PTR_NE(file = tmpfile(), NULL);
	ASSERT_SIZE_T_EQ(fwrite(content, 1, FILE_LEN, file), FILE_LEN);
	ASSERT_INT_EQ(fflush(file), 0);
}

static void
content_free(void)
{
	fclose(file);
	free(content);
}

/* The hash of this part of the content, added piece by piece. */
static const u_char *
hash_of(uint64_t offset, uint64_t len, size_t piece)
{
	static u_char hash[HPN_HASH_LEN];
	struct hpn_hash *h;
	size_t n;

	ASSERT_PTR_NE(h = hpn_hash_new(), NULL);
	for (; len > 0; offset += n, len -= n) {
		n = len < piece ? (size_t)len : piece;
		hpn_hash_add(h, content + offset, n);
	}
	hpn_hash_end(h, hash);
	hpn_hash_free(h);
	return hash;
}

static void
test_stream(void)
{
	/* XXH3-128 of nothing and of "abc", by its canonical form */
	static const u_char empty[HPN_HASH_LEN] = {
		0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
		0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f };
	static const u_char abc[HPN_HASH_LEN] = {
		0x06, 0xb0, 0x5a, 0xb6, 0x73, 0x3a, 0x61, 0x85,
		0x78, 0xaf, 0x5f, 0x94, 0x89, 0x2f, 0x39, 0x50 };
	/* ... and of 100003 bytes, as xxhsum -H2 says: what is fast on this processor */
	static const u_char large[HPN_HASH_LEN] = {
		0x1f, 0x54, 0x49, 0x2d, 0xe8, 0xa6, 0xea, 0x06,
		0xa9, 0xb7, 0x17, 0xcb, 0x79, 0x35, 0xc5, 0x75 };
	static u_char many[100003];
	u_char hash[HPN_HASH_LEN], other[HPN_HASH_LEN];
	struct hpn_hash *h;
	size_t i;

	TEST_START("hash of a stream");
#ifdef COUNTED
	counted = 0;
#endif
	ASSERT_PTR_NE(h = hpn_hash_new(), NULL);
	hpn_hash_end(h, hash);
	ASSERT_MEM_EQ(hash, empty, sizeof(hash));
	hpn_hash_add(h, "ab", 2);
	hpn_hash_add(h, NULL, 0);
	hpn_hash_add(h, "c", 1);
	hpn_hash_end(h, hash);
	ASSERT_MEM_EQ(hash, abc, sizeof(hash));
	/* Each begins anew */
	hpn_hash_end(h, hash);
	ASSERT_MEM_EQ(hash, empty, sizeof(hash));
	for (i = 0; i < sizeof(many); i++)
		many[i] = (u_char)(i * 7 + (i >> 8));
	hpn_hash_add(h, many, 5);
	hpn_hash_add(h, many + 5, sizeof(many) - 5);
	hpn_hash_end(h, hash);
	ASSERT_MEM_EQ(hash, large, sizeof(hash));
#ifdef COUNTED
	/* "ab", "c", and the two parts */
	ASSERT_U_INT_EQ(counted, 4);
#endif
	hpn_hash_free(h);
	hpn_hash_free(NULL);

	content_new();
	memcpy(hash, hash_of(0, FILE_LEN, FILE_LEN), sizeof(hash));
	memcpy(other, hash_of(0, FILE_LEN, 1021), sizeof(hash));
	ASSERT_MEM_EQ(hash, other, sizeof(hash));
	content[FILE_LEN - 1] ^= 1;
	memcpy(other, hash_of(0, FILE_LEN, 1021), sizeof(hash));
	ASSERT_INT_NE(memcmp(hash, other, sizeof(hash)), 0);
	content_free();
	TEST_DONE();
}

static void
test_bound(void)
{
	struct hpn_hash_range r = { 0, 0, 0 };

	TEST_START("how much one request may ask for");
	ASSERT_U64_EQ(hpn_hash_blocks(&r, 0), 0);
	ASSERT_U64_EQ(hpn_hash_blocks(&r, UINT64_MAX), 1);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 1000);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, UINT64_MAX), INT64_MAX);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 0, 1000), 0);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 0), 0);
	r.length = 10;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 10);
	r.block = 3;
	ASSERT_U64_EQ(hpn_hash_blocks(&r, 1), 1);
	ASSERT_U64_EQ(hpn_hash_blocks(&r, 9), 3);
	ASSERT_U64_EQ(hpn_hash_blocks(&r, 10), 4);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 4, 1000), 10);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 3, 1000), 9);
	ASSERT_U64_EQ(hpn_hash_bound(&r, 4, 5), 5);
	/* Up to the end of what a file can be, and not beyond */
	r.block = 0;
	r.offset = INT64_MAX;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 0);
	r.offset = INT64_MAX - 10;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 10);
	r.length = 11;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 0);
	r.length = UINT64_MAX;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 0);
	r.length = 0;
	r.offset = UINT64_MAX;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, 1000), 0);
	r.offset = 0;
	r.block = UINT64_MAX;
	ASSERT_U64_EQ(hpn_hash_bound(&r, 1, UINT64_MAX), INT64_MAX);
	r.block = 1;
	ASSERT_U64_EQ(hpn_hash_bound(&r, SIZE_MAX, 1000), 1000);
	TEST_DONE();
}

/* Hash a range and look at every hash; returns how many bytes it covered. */
static uint64_t
covers(uint64_t offset, uint64_t length, uint64_t block, size_t room,
    uint64_t most, int *ended)
{
	struct hpn_hash_range r = { offset, length, block };
	u_char hashes[(ROOM + 1) * HPN_HASH_LEN];
	uint64_t hashed, at, len;
	ssize_t n, i;

	memset(hashes, NONE, sizeof(hashes));
	n = hpn_hash_file(fileno(file), &r, hashes, room, most, 0, &hashed,
	    ended);
	ASSERT_U64_EQ((uint64_t)n, hpn_hash_blocks(&r, hashed));
	ASSERT_U64_LE(offset + hashed, hashed == 0 ? offset : FILE_LEN);
	for (i = 0; i < n; i++) {
		at = (uint64_t)i * block;
		len = hashed - at;
		if (block != 0 && len > block)
			len = block;
		ASSERT_MEM_EQ(hashes + i * HPN_HASH_LEN,
		    hash_of(offset + at, len, 4096), HPN_HASH_LEN);
	}
	ASSERT_INT_EQ(hashes[n * HPN_HASH_LEN], NONE);
	return hashed;
}

static void
test_file(void)
{
	struct hpn_hash_range r = { 0, 0, 0 };
	u_char hash[HPN_HASH_LEN];
	uint64_t hashed;
	int ended, ends[2], fd;

	TEST_START("hashes of a file");
	content_new();
	ASSERT_INT_EQ((int)lseek(fileno(file), 77, SEEK_SET), 77);
	/* All of it: as one, in blocks, to its end and beyond */
	ASSERT_U64_EQ(covers(0, 0, 0, 1, UINT64_MAX, &ended), FILE_LEN);
	ASSERT_INT_EQ(ended, 1);
	ASSERT_U64_EQ(covers(0, FILE_LEN, 0, 1, UINT64_MAX, &ended), FILE_LEN);
	ASSERT_INT_EQ(ended, 0);
	ASSERT_U64_EQ(covers(0, FILE_LEN + 1, 0, 1, UINT64_MAX, &ended),
	    FILE_LEN);
	ASSERT_INT_EQ(ended, 1);
	ASSERT_U64_EQ(covers(0, 0, 100000, ROOM, UINT64_MAX, &ended), FILE_LEN);
	ASSERT_INT_EQ(ended, 1);
	ASSERT_U64_EQ(covers(0, 0, UINT64_MAX, ROOM, UINT64_MAX, &ended),
	    FILE_LEN);
	/* Parts */
	ASSERT_U64_EQ(covers(1, 10, 1, ROOM, UINT64_MAX, &ended), 10);
	ASSERT_INT_EQ(ended, 0);
	ASSERT_U64_EQ(covers(12345, 700000, 65536, ROOM, UINT64_MAX, &ended),
	    700000);
	ASSERT_U64_EQ(covers(FILE_LEN - 5, 0, 3, ROOM, UINT64_MAX, &ended), 5);
	ASSERT_INT_EQ(ended, 1);
	/* Bounds */
	ASSERT_U64_EQ(covers(0, 0, 1, ROOM, UINT64_MAX, &ended), ROOM);
	ASSERT_INT_EQ(ended, 0);
	ASSERT_U64_EQ(covers(0, 0, 1000, ROOM, UINT64_MAX, &ended),
	    1000 * ROOM);
	ASSERT_U64_EQ(covers(5, 0, 100000, ROOM, 250000, &ended), 250000);
	ASSERT_U64_EQ(covers(5, 0, 0, ROOM, 250000, &ended), 250000);
	ASSERT_INT_EQ(ended, 0);
	/* Nothing there */
	ASSERT_U64_EQ(covers(FILE_LEN, 0, 0, 1, UINT64_MAX, &ended), 0);
	ASSERT_INT_EQ(ended, 1);
	ASSERT_U64_EQ(covers(1ULL << 50, 5, 2, 1, UINT64_MAX, &ended), 0);
	ASSERT_INT_EQ(ended, 1);
	ASSERT_INT_EQ((int)lseek(fileno(file), 0, SEEK_CUR), 77);

	/* It says something however little time there is */
	ASSERT_INT_EQ((int)hpn_hash_file(fileno(file), &r, hash, 1, UINT64_MAX,
	    1, &hashed, &ended), 1);
	ASSERT_U64_GT(hashed, 0);
	ASSERT_U64_LT(hashed, FILE_LEN);
	ASSERT_INT_EQ(ended, 0);
	ASSERT_MEM_EQ(hash, hash_of(0, hashed, 4096), HPN_HASH_LEN);

	r.offset = UINT64_MAX;
	ASSERT_INT_EQ((int)hpn_hash_file(fileno(file), &r, hash, 1, 1000, 0,
	    &hashed, &ended), -1);
	ASSERT_INT_EQ(errno, EINVAL);
	r.offset = 0;
	ASSERT_INT_EQ((int)hpn_hash_file(-1, &r, hash, 1, 1000, 0, &hashed,
	    &ended), -1);
	ASSERT_INT_EQ(errno, EBADF);
	ASSERT_INT_EQ(pipe(ends), 0);
	ASSERT_INT_EQ((int)hpn_hash_file(ends[0], &r, hash, 1, 1000, 0, &hashed,
	    &ended), -1);
	ASSERT_INT_EQ(errno, EOPNOTSUPP);
	close(ends[0]);
	close(ends[1]);
	ASSERT_INT_NE(fd = open("/dev/zero", O_RDONLY), -1);
	ASSERT_INT_EQ((int)hpn_hash_file(fd, &r, hash, 1, 1000, 0, &hashed,
	    &ended), -1);
	ASSERT_INT_EQ(errno, EOPNOTSUPP);
	close(fd);
	content_free();
	TEST_DONE();
}

static struct sshbuf *
request_of(const struct hpn_hash_range *r)
{
	struct sshbuf *m;
	u_char type;
	u_int32_t id;
	char *name;
	u_char *handle;
	size_t len;

	ASSERT_PTR_NE(m = sshbuf_new(), NULL);
	ASSERT_INT_EQ(hpn_sftp_hash_put_request(m, 0x1020304, (u_char *)"hndl",
	    4, r), 0);
	ASSERT_INT_EQ(sshbuf_get_u8(m, &type), 0);
	ASSERT_INT_EQ(type, SSH2_FXP_EXTENDED);
	ASSERT_INT_EQ(sshbuf_get_u32(m, &id), 0);
	ASSERT_U32_EQ(id, 0x1020304);
	ASSERT_INT_EQ(sshbuf_get_cstring(m, &name, NULL), 0);
	ASSERT_STRING_EQ(name, HPN_SFTP_HASH_EXTENSION);
	free(name);
	ASSERT_INT_EQ(sshbuf_get_string(m, &handle, &len), 0);
	ASSERT_SIZE_T_EQ(len, 4);
	ASSERT_MEM_EQ(handle, "hndl", 4);
	free(handle);
	return m;
}

static void
test_request(void)
{
	struct hpn_hash_range r = { 1ULL << 40, UINT64_MAX, 65537 }, got;
	struct sshbuf *m, *part;
	size_t i, len;
	int known;

	TEST_START("request on the wire");
	m = request_of(&r);
	len = sshbuf_len(m);
	for (i = 0; i < len; i++) {
		ASSERT_PTR_NE(part = sshbuf_from(sshbuf_ptr(m), i), NULL);
		ASSERT_INT_EQ(hpn_sftp_hash_get_request(part, &got, &known),
		    SSH_ERR_MESSAGE_INCOMPLETE);
		sshbuf_free(part);
	}
	ASSERT_INT_EQ(hpn_sftp_hash_get_request(m, &got, &known), 0);
	ASSERT_INT_EQ(known, 1);
	ASSERT_U64_EQ(got.offset, r.offset);
	ASSERT_U64_EQ(got.length, r.length);
	ASSERT_U64_EQ(got.block, r.block);
	ASSERT_SIZE_T_EQ(sshbuf_len(m), 0);
	sshbuf_free(m);
	/* Others, and what only begins like ours */
	for (i = 0; i < 3; i++) {
		m = request_of(&r);
		ASSERT_INT_EQ(sshbuf_consume_end(m,
		    4 + strlen(HPN_HASH_ALGORITHM)), 0);
		ASSERT_INT_EQ(sshbuf_put_cstring(m, i == 0 ? "xxh3-12" :
		    i == 1 ? "xxh3-128,sha256" : ""), 0);
		ASSERT_INT_EQ(hpn_sftp_hash_get_request(m, &got, &known), 0);
		ASSERT_INT_EQ(known, 0);
		sshbuf_free(m);
	}
	TEST_DONE();
}

/* The server's answer for this range, without type and id; NULL: an error. */
static struct sshbuf *
answer_of(const struct hpn_hash_range *r)
{
	struct sshbuf *m;
	u_char type;
	u_int32_t id;

	ASSERT_PTR_NE(m = sshbuf_new(), NULL);
	if (hpn_sftp_hash_answer(m, 99, fileno(file), r) == -1) {
		ASSERT_SIZE_T_EQ(sshbuf_len(m), 0);
		sshbuf_free(m);
		return NULL;
	}
	ASSERT_INT_EQ(sshbuf_get_u8(m, &type), 0);
	ASSERT_INT_EQ(type, SSH2_FXP_EXTENDED_REPLY);
	ASSERT_INT_EQ(sshbuf_get_u32(m, &id), 0);
	ASSERT_U32_EQ(id, 99);
	return m;
}

static void
answered(uint64_t offset, uint64_t length, uint64_t block, uint64_t most)
{
	struct hpn_hash_range r = { offset, length, block };
	struct hpn_sftp_hash_answer a;
	struct sshbuf *m;

	ASSERT_PTR_NE(m = answer_of(&r), NULL);
	ASSERT_SIZE_T_LE(sshbuf_len(m),
	    HPN_SFTP_HASH_ROOM * HPN_HASH_LEN + 13);
	ASSERT_INT_EQ(hpn_sftp_hash_get_answer(m, &r, &a), 0);
	ASSERT_U64_LE(a.hashed, most);
	ASSERT_U64_EQ(a.count, hpn_hash_blocks(&r, a.hashed));
	if (a.count > 0)
		ASSERT_MEM_EQ(a.hashes, hash_of(offset,
		    block != 0 && block < a.hashed ? block : a.hashed, 4096),
		    HPN_HASH_LEN);
	else
		ASSERT_INT_EQ(a.ended, 1);
	sshbuf_free(m);
}

/* Whether the client takes this answer. */
static int
taken(const struct hpn_hash_range *r, uint64_t hashed, int ended, size_t len,
    size_t cut, size_t more)
{
	static const u_char zeros[HPN_HASH_LEN * ROOM];
	struct hpn_sftp_hash_answer a;
	struct sshbuf *m;
	int result;

	ASSERT_PTR_NE(m = sshbuf_new(), NULL);
	ASSERT_INT_EQ(sshbuf_put_u64(m, hashed), 0);
	ASSERT_INT_EQ(sshbuf_put_u8(m, (u_char)ended), 0);
	ASSERT_INT_EQ(sshbuf_put_string(m, zeros, len), 0);
	ASSERT_INT_EQ(sshbuf_put(m, zeros, more), 0);
	ASSERT_INT_EQ(sshbuf_consume_end(m, cut), 0);
	result = hpn_sftp_hash_get_answer(m, r, &a) == 0;
	sshbuf_free(m);
	return result;
}

static void
test_answer(void)
{
	struct hpn_hash_range r = { 0, 100, 10 };
	size_t i;

	TEST_START("answer on the wire");
	content_new();
	answered(0, 0, 0, FILE_LEN);
	answered(0, 0, 100000, FILE_LEN);
	answered(5, 1000, 10, 1000);
	answered(FILE_LEN, 0, 0, 0);
	answered(0, 0, 1, HPN_SFTP_HASH_ROOM);
	/* A file that is longer than what one request may take */
	ASSERT_INT_EQ(ftruncate(fileno(file), 1 << 30), 0);
	answered(0, 0, MB, HPN_SFTP_HASH_MOST);
	answered(0, 0, 4097, HPN_SFTP_HASH_ROOM * 4097);
	r.offset = 1ULL << 63;
	ASSERT_PTR_EQ(answer_of(&r), NULL);
	r.offset = 0;
	content_free();

	ASSERT_INT_EQ(taken(&r, 100, 0, 10 * HPN_HASH_LEN, 0, 0), 1);
	ASSERT_INT_EQ(taken(&r, 95, 0, 10 * HPN_HASH_LEN, 0, 0), 1);
	ASSERT_INT_EQ(taken(&r, 95, 2, 10 * HPN_HASH_LEN, 0, 0), 1);
	ASSERT_INT_EQ(taken(&r, 90, 0, 9 * HPN_HASH_LEN, 0, 0), 1);
	ASSERT_INT_EQ(taken(&r, 1, 0, HPN_HASH_LEN, 0, 0), 1);
	ASSERT_INT_EQ(taken(&r, 0, 1, 0, 0, 0), 1);
	/* Too short anywhere, too long */
	for (i = 1; i <= 13 + 10 * HPN_HASH_LEN; i++)
		ASSERT_INT_EQ(taken(&r, 100, 0, 10 * HPN_HASH_LEN, i, 0), 0);
	ASSERT_INT_EQ(taken(&r, 100, 0, 10 * HPN_HASH_LEN, 0, 1), 0);
	/* More or fewer hashes than bytes, parts of hashes */
	ASSERT_INT_EQ(taken(&r, 100, 0, 9 * HPN_HASH_LEN, 0, 0), 0);
	ASSERT_INT_EQ(taken(&r, 90, 0, 10 * HPN_HASH_LEN, 0, 0), 0);
	ASSERT_INT_EQ(taken(&r, 90, 0, 9 * HPN_HASH_LEN + 1, 0, 0), 0);
	ASSERT_INT_EQ(taken(&r, 0, 1, HPN_HASH_LEN, 0, 0), 0);
	/* More than was asked for */
	ASSERT_INT_EQ(taken(&r, 101, 0, 11 * HPN_HASH_LEN, 0, 0), 0);
	ASSERT_INT_EQ(taken(&r, UINT64_MAX, 0, 11 * HPN_HASH_LEN, 0, 0), 0);
	/* Nothing, and no end of it */
	ASSERT_INT_EQ(taken(&r, 0, 0, 0, 0, 0), 0);
	r.length = r.block = 0;
	ASSERT_INT_EQ(taken(&r, UINT64_MAX, 0, HPN_HASH_LEN, 0, 0), 0);
	ASSERT_INT_EQ(taken(&r, INT64_MAX, 0, HPN_HASH_LEN, 0, 0), 1);
	r.offset = 1;
	ASSERT_INT_EQ(taken(&r, INT64_MAX, 0, HPN_HASH_LEN, 0, 0), 0);
	TEST_DONE();
}

void
test_hash(void)
{
	struct hpn_hash *h;

	test_bound();
	test_request();
	if (!hpn_hash_available()) {
		TEST_START("hashes: built without libxxhash");
		errno = 0;
		h = hpn_hash_new();
		ASSERT_PTR_EQ(h, NULL);
		ASSERT_INT_EQ(errno, ENOSYS);
		TEST_DONE();
		return;
	}
	test_stream();
	test_file();
	test_answer();
}
