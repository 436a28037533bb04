/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of cipher-ctr-mt: the output is EVP's, and that of a counter
 * mode made here from single blocks, whatever the sizes, the threads, their
 * delays, forks, refusals and ends.
 */

#include "includes.h"

#ifdef WITH_OPENSSL

#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../test_helper/test_helper.h"

#include "cipher-ctr-mt.h"
#include "ssherr.h"
#include "tests.h"

#define IV		CIPHER_CTR_MT_BLOCK
#define STREAM		(6U * 1024 * 1024 + 12345)
#define PATIENCE_S	60	/* for what takes milliseconds if all is well */

#if defined(OPENSSL_VERSION_NUMBER) && OPENSSL_VERSION_NUMBER >= 0x30000000L \
    && !defined(LIBRESSL_VERSION_NUMBER)
# define HAVE_PROPERTIES	1		/* and all else of OpenSSL 3 */
#endif
#if defined(__SANITIZE_THREAD__)
# define THREAD_SANITIZER	1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define THREAD_SANITIZER	1
# endif
#endif

static const u_int keylens[] = { 16, 24, 32 };
static const u_char key[32] = {
	0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe,
	0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d, 0x77, 0x81,
	0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7,
	0x2d, 0x98, 0x10, 0xa3, 0x09, 0x14, 0xdf, 0xf4
};
static u_char *plain, *expect, *got;	/* STREAM bytes each */

/* --- help --- */

static uint32_t seed;

static uint32_t
rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) ^ (seed << 16);
}

/* From one byte to `most`; small ones as likely as large ones */
static size_t
rnd_size(size_t most)
{
	size_t n = (size_t)rnd() % most + 1;

	return (n >> rnd() % 20) + (rnd() % 8 != 0);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
nap(long us)
{
	struct timespec t;

	t.tv_sec = us / 1000000;
	t.tv_nsec = us % 1000000 * 1000;
	nanosleep(&t, NULL);
}

static const EVP_CIPHER *
evp_type(u_int keylen)
{
	return keylen == 16 ? EVP_aes_128_ctr() :
	    keylen == 24 ? EVP_aes_192_ctr() : EVP_aes_256_ctr();
}

/* What must come out of `plain`, by EVP in one piece */
static void
reference(u_int keylen, const u_char *iv, size_t len)
{
	EVP_CIPHER_CTX *evp;
	int n = 0;

	ASSERT_PTR_NE((evp = EVP_CIPHER_CTX_new()), NULL);
	ASSERT_INT_EQ(EVP_EncryptInit_ex(evp, evp_type(keylen), NULL, key, iv),
	    1);
	ASSERT_INT_EQ(EVP_EncryptUpdate(evp, expect, &n, plain, (int)len), 1);
	ASSERT_INT_EQ(n, (int)len);
	EVP_CIPHER_CTX_free(evp);
}

/* The same without any counter mode of the library's */
static void
reference_of_blocks(u_int keylen, const u_char *iv, size_t len)
{
	EVP_CIPHER_CTX *evp;
	u_char counter[IV], block[IV];
	size_t i, j;
	int n = 0, c;

	ASSERT_PTR_NE((evp = EVP_CIPHER_CTX_new()), NULL);
	ASSERT_INT_EQ(EVP_EncryptInit_ex(evp, keylen == 16 ?
	    EVP_aes_128_ecb() : keylen == 24 ? EVP_aes_192_ecb() :
	    EVP_aes_256_ecb(), NULL, key, NULL), 1);
	memcpy(counter, iv, IV);
	for (i = 0; i < len; i += IV) {
		ASSERT_INT_EQ(EVP_EncryptUpdate(evp, block, &n, counter, IV),
		    1);
		for (j = 0; j < IV && i + j < len; j++)
			expect[i + j] = plain[i + j] ^ block[j];
		for (c = IV - 1; c >= 0 && ++counter[c] == 0; c--)
			;
	}
	EVP_CIPHER_CTX_free(evp);
}

static struct cipher_ctr_mt *
make(u_int keylen, const u_char *iv, int threads)
{
	struct cipher_ctr_mt *ctx = NULL;

	ASSERT_INT_EQ(cipher_ctr_mt_new(&ctx, key, keylen, iv, threads), 0);
	ASSERT_PTR_NE(ctx, NULL);
	return ctx;
}

static struct cipher_ctr_mt_stats
stats_of(const struct cipher_ctr_mt *ctx)
{
	struct cipher_ctr_mt_stats s;

	cipher_ctr_mt_get_stats(ctx, &s);
	return s;
}

/* Encrypt plain[from, to) in pieces of random sizes up to `most`. */
static void
crypt_range(struct cipher_ctr_mt *ctx, size_t from, size_t to, size_t most)
{
	size_t n;

	for (; from < to; from += n) {
		n = rnd_size(most);
		if (n > to - from)
			n = to - from;
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got + from, plain + from,
		    n), 0);
	}
}

static void
same(size_t from, size_t to)
{
	size_t i;

	if (memcmp(got + from, expect + from, to - from) == 0)
		return;
	for (i = from; got[i] == expect[i]; i++)
		;
	test_subtest_info("first difference at byte %zu of %zu", i, to);
	ASSERT_MEM_EQ(got + i, expect + i, 1);
}

/* Threads of this process that the kernel knows; 0: it does not tell. */
static int
threads_alive(void)
{
	struct dirent *e;
	DIR *d;
	int n = 0;

	if ((d = opendir("/proc/self/task")) == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
threads_back_to(int before)
{
	double until = now() + PATIENCE_S;

	/* The kernel's list lags behind pthread_join() */
	while (threads_alive() > before && now() < until)
		nap(1000);
	ASSERT_INT_LE(threads_alive(), before);
}

/* --- hooks into workers --- */

static unsigned int delays;	/* under delay_lock: makes delays differ */
static pthread_mutex_t delay_lock = PTHREAD_MUTEX_INITIALIZER;

static int
delay(int i, int done)
{
	unsigned int d;

	pthread_mutex_lock(&delay_lock);
	delays = delays * 1103515245 + 12345 + (unsigned int)i;
	d = delays >> 16;
	pthread_mutex_unlock(&delay_lock);
	if (d % 4 == 0)
		nap((long)(d / 4 % (done ? 300 : 100)));
	return 0;
}

static int
long_delay(int i, int done)
{
	(void)i;
	if (!done)
		nap(200000);
	return 0;
}

/* Fills that come at once and then some that come late; under delay_lock */
static int prompt_fills, late_fills;

static int
late_for_a_while(int i, int done)
{
	int late;

	pthread_mutex_lock(&delay_lock);
	late = !done && --prompt_fills < 0 && --late_fills >= 0;
	pthread_mutex_unlock(&delay_lock);
	return late ? long_delay(i, done) : 0;
}

static int fills_until_failure;	/* under delay_lock */

static int
failure(int i, int done)
{
	int r;

	(void)i;
	pthread_mutex_lock(&delay_lock);
	r = done && --fills_until_failure < 0;
	pthread_mutex_unlock(&delay_lock);
	return r;
}

static int signals_open;	/* under delay_lock */

static int
watch_signals(int i, int done)
{
	sigset_t set;
	int sig, open = 0;

	(void)i;
	(void)done;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	for (sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			open += sigismember(&set, sig) == 0;
	pthread_mutex_lock(&delay_lock);
	signals_open += open;
	pthread_mutex_unlock(&delay_lock);
	return 0;
}

static int refused_from;

static int
refuse(int i)
{
	return i >= refused_from ? EAGAIN : 0;
}

/* --- tests --- */

static void
set_tune(uint64_t start, u_int queue_bytes, u_int queues,
    int (*create)(int), int (*fill)(int, int))
{
	struct cipher_ctr_mt_tune t;

	memset(&t, 0, sizeof(t));
	t.start = start;
	t.queue_bytes = queue_bytes;
	t.queues = queues;
	t.create = create;
	t.fill = fill;
	cipher_ctr_mt_set_tune(&t);
}

static void
random_iv(u_char *iv)
{
	int i;

	for (i = 0; i < IV; i++)
		iv[i] = rnd() & 0xff;
}

/* The whole stream with everything random but what is given */
static void
stream(u_int keylen, int threads, int (*fill)(int, int))
{
	static const u_int queue_bytes[] = { 16, 48, 1024, 4096, 0, MB };
	u_char iv[IV];
	struct cipher_ctr_mt *ctx;
	u_int q = queue_bytes[rnd() % 6], n = q == 0 ? 0 : 2 + rnd() % 9;
	size_t len = q != 0 && q < 1024 ? STREAM / 20 : STREAM;
	size_t start, most = rnd() % 2 ? MB : 40000;

	if (fill != NULL)
		len /= 4;
	test_subtest_info("keylen %u threads %d queues %u of %u, %zu bytes",
	    keylen, threads, n, q, len);
	random_iv(iv);
	if (rnd() % 3 == 0)
		memset(iv, 0xff, IV - 3);	/* wraps on the way */
	reference(keylen, iv, len);
	start = 1 + rnd() % 50000;
	set_tune(start, q, n, NULL, fill);
	cipher_ctr_mt_allow(threads);
	ctx = make(keylen, iv, CIPHER_CTR_MT_AUTO);
	memset(got, 0, len);
	crypt_range(ctx, 0, start, most);
	ASSERT_INT_EQ(stats_of(ctx).threads, 0);
	crypt_range(ctx, start, len, most);
	same(0, len);
	ASSERT_INT_EQ(stats_of(ctx).threads, threads);
	ASSERT_U64_EQ(stats_of(ctx).ring + stats_of(ctx).serial, len);
	cipher_ctr_mt_free(ctx);
}

/*
 * Go on until workers have made `most` bytes or patience ends; returns how
 * many they made.  The position runs on round the stream, so what comes out
 * is not compared.
 */
static uint64_t
use_ring(struct cipher_ctr_mt *ctx, uint64_t most)
{
	double until = now() + PATIENCE_S;

	while (stats_of(ctx).ring < most && now() < until) {
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got, plain, 8192), 0);
		nap(100);
	}
	return stats_of(ctx).ring;
}

static int
wait_for(pid_t pid)
{
	double until = now() + PATIENCE_S;
	int status;
	pid_t r;

	while ((r = waitpid(pid, &status, WNOHANG)) == 0 && now() < until)
		nap(1000);
	if (r == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;	/* hung */
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

/* In a child: as same(), without the framework, which may not be entered */
static int
child_goes_on(struct cipher_ctr_mt *ctx, size_t from, size_t to)
{
	size_t n;

	for (; from < to; from += n) {
		n = to - from < 10000 ? to - from : 10000;
		if (cipher_ctr_mt_crypt(ctx, got + from, plain + from, n) != 0)
			return 1;
		if (memcmp(got + from, expect + from, n) != 0)
			return 2;
	}
	return stats_of(ctx).threads == 0 ? 0 : 3;
}

/* Registered before the ring's own handler, hence run after it */
static struct cipher_ctr_mt *used_at_exit;
static size_t used_at_exit_from;

static void
use_at_exit(void)
{
	if (used_at_exit != NULL && child_goes_on(used_at_exit,
	    used_at_exit_from, used_at_exit_from + 200000) != 0)
		_exit(9);
}

static void
test_serial(void)
{
	struct cipher_ctr_mt *ctx;
	u_char iv[IV], iv2[IV], counted[IV];
	EVP_CIPHER_CTX *evp;
	size_t i, n;
	int out;

	TEST_START("ctr: arguments");
	ctx = (struct cipher_ctr_mt *)(void *)plain;
	memset(iv, 0, sizeof(iv));
	for (i = 0; i <= 40; i++) {
		if (i == 16 || i == 24 || i == 32)
			continue;
		ASSERT_INT_EQ(cipher_ctr_mt_new(&ctx, key, (u_int)i, iv, 0),
		    SSH_ERR_INVALID_ARGUMENT);
		ASSERT_PTR_EQ(ctx, NULL);
		ASSERT_INT_EQ(cipher_ctr_mt_worthwhile((u_int)i), 0);
	}
	ASSERT_INT_EQ(cipher_ctr_mt_new(&ctx, NULL, 16, iv, 0),
	    SSH_ERR_INVALID_ARGUMENT);
	ASSERT_INT_EQ(cipher_ctr_mt_new(&ctx, key, 16, NULL, 0),
	    SSH_ERR_INVALID_ARGUMENT);
	cipher_ctr_mt_free(NULL);
	TEST_DONE();

#ifdef HAVE_PROPERTIES
	TEST_START("ctr: a cipher that the library has not got is an error");
	ASSERT_INT_EQ(EVP_set_default_properties(NULL, "provider=nobody"), 1);
	for (i = 0; i < 3; i++) {
		ctx = (struct cipher_ctr_mt *)(void *)plain;
		ASSERT_INT_EQ(cipher_ctr_mt_new(&ctx, key, keylens[i], iv, 0),
		    SSH_ERR_LIBCRYPTO_ERROR);
		ASSERT_PTR_EQ(ctx, NULL);
	}
	ASSERT_INT_EQ(EVP_set_default_properties(NULL, ""), 1);
	TEST_DONE();
#endif

	TEST_START("ctr: without threads it is EVP");
	for (i = 0; i < 3; i++) {
		random_iv(iv);
		reference(keylens[i], iv, STREAM);
		ctx = make(keylens[i], iv, 0);
		crypt_range(ctx, 0, STREAM, MB);
		same(0, STREAM);
		ASSERT_U64_EQ(stats_of(ctx).serial, STREAM);
		cipher_ctr_mt_free(ctx);
	}
	TEST_DONE();

	TEST_START("ctr: the counter wraps at 32, 64 and 128 bits");
	for (i = 0; i < 3; i++) {
		for (n = 4; n <= 16; n += n == 4 ? 4 : 8) {
			memset(iv, 0x5a, sizeof(iv));
			memset(iv + IV - n, 0xff, n);
			iv[IV - 1] = 0xf0;
			reference_of_blocks(keylens[i], iv, 100001);
			for (out = 0; out <= 2; out++) {
				test_subtest_info("keylen %u, %zu bits, "
				    "threads %d", keylens[i], n * 8, out);
				set_tune(1, 64, 4, NULL, NULL);
				cipher_ctr_mt_allow(out);
				ctx = make(keylens[i], iv, out);
				memset(got, 0, 100001);
				crypt_range(ctx, 0, 100001, 5000);
				same(0, 100001);
				cipher_ctr_mt_free(ctx);
			}
		}
	}
	TEST_DONE();

	TEST_START("ctr: get_iv says what EVP says, set_iv goes there");
	for (out = 0; out <= 2; out++) {
		set_tune(1000, 256, 8, NULL, NULL);
		cipher_ctr_mt_allow(out);
		for (i = 0; i < 200; i++) {
			random_iv(iv);
			memset(iv, 0xff, rnd() % IV);
			n = rnd() % 20000;
			test_subtest_info("threads %d, after %zu", out, n);
			ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
			crypt_range(ctx, 0, n, 3000);
			ASSERT_INT_EQ(cipher_ctr_mt_get_iv(ctx, counted), 0);

			ASSERT_PTR_NE((evp = EVP_CIPHER_CTX_new()), NULL);
			ASSERT_INT_EQ(EVP_EncryptInit_ex(evp, evp_type(16),
			    NULL, key, iv), 1);
			if (n > 0) {
				int len = 0;

				ASSERT_INT_EQ(EVP_EncryptUpdate(evp, expect,
				    &len, plain, (int)n), 1);
			}
			same(0, n);
#ifdef HAVE_PROPERTIES
			ASSERT_INT_EQ(EVP_CIPHER_CTX_get_updated_iv(evp, iv2,
			    sizeof(iv2)), 1);
			ASSERT_MEM_EQ(counted, iv2, IV);
#endif
			EVP_CIPHER_CTX_free(evp);

			/* back, forth or to where it is */
			if (rnd() % 3 != 0)
				memcpy(counted, iv, IV);
			if (rnd() % 2 != 0)
				counted[2] ^= 1;
			reference(16, counted, 20000);
			ASSERT_INT_EQ(cipher_ctr_mt_set_iv(ctx, counted), 0);
			ASSERT_INT_EQ(cipher_ctr_mt_get_iv(ctx, iv2), 0);
			ASSERT_MEM_EQ(iv2, counted, IV);
			crypt_range(ctx, 0, 20000, 3000);
			same(0, 20000);
			cipher_ctr_mt_free(ctx);
		}
	}
	TEST_DONE();
}

static void
test_ring(void)
{
	struct cipher_ctr_mt *ctx, *many[4];
	u_char iv[IV];
	size_t i, from, n;
	int threads, before = threads_alive();

	TEST_START("ctr: every key size, 0 to 8 threads, any sizes");
	for (i = 0; i < 3; i++)
		for (threads = 0; threads <= 8; threads++)
			stream(keylens[i], threads, NULL);
	TEST_DONE();

	TEST_START("ctr: workers delayed at random");
	for (i = 0; i < 3; i++)
		for (threads = 1; threads <= 8; threads += i == 0 ? 1 : 3)
			stream(keylens[i], threads, delay);
	TEST_DONE();

	TEST_START("ctr: workers do make the keystream");
	for (threads = 1; threads <= 3; threads++) {
		set_tune(1, 0, 0, NULL, NULL);
		cipher_ctr_mt_allow(threads);
		random_iv(iv);
		ctx = make(32, iv, CIPHER_CTR_MT_AUTO);
		ASSERT_U64_GE(use_ring(ctx, 4 * MB), 4 * MB);
		cipher_ctr_mt_free(ctx);
	}
	TEST_DONE();

	TEST_START("ctr: what workers made is right, too");
	set_tune(1, 4096, 8, NULL, NULL);
	cipher_ctr_mt_allow(2);
	random_iv(iv);
	reference(16, iv, STREAM);
	ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
	for (from = 0; from < STREAM; from += n) {
		n = rnd_size(20000);
		n = n < STREAM - from ? n : STREAM - from;
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got + from, plain + from,
		    n), 0);
		if (rnd() % 16 == 0)
			nap(200);
	}
	same(0, STREAM);
	ASSERT_U64_GT(stats_of(ctx).ring, 100000);
	cipher_ctr_mt_free(ctx);
	TEST_DONE();

	TEST_START("ctr: more in one call than the ring holds, in place, odd "
	    "addresses, nothing");
	for (threads = 0; threads <= 2; threads++) {
		set_tune(1, 1024, 3, NULL, NULL);
		cipher_ctr_mt_allow(threads);
		random_iv(iv);
		reference(24, iv, STREAM);
		ctx = make(24, iv, CIPHER_CTR_MT_AUTO);
		memcpy(got, plain, STREAM);
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got, got, 0), 0);
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got, got, 3), 0);
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got + 3, got + 3,
		    STREAM - 1003), 0);
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, NULL, NULL, 0), 0);
		ASSERT_INT_EQ(cipher_ctr_mt_crypt(ctx, got + STREAM - 1000,
		    got + STREAM - 1000, 1000), 0);
		same(0, STREAM);
		cipher_ctr_mt_free(ctx);
	}
	TEST_DONE();

	TEST_START("ctr: several keys at once");
	set_tune(1, 4096, 4, NULL, NULL);
	cipher_ctr_mt_allow(2);
	random_iv(iv);
	reference(16, iv, MB);
	for (i = 0; i < 4; i++)
		many[i] = make(16, iv, CIPHER_CTR_MT_AUTO);
	memset(got, 0, 4 * MB);
	for (from = 0; from < MB; from += 8192)
		for (i = 0; i < 4; i++)
			ASSERT_INT_EQ(cipher_ctr_mt_crypt(many[i],
			    got + i * MB + from, plain + from, 8192), 0);
	for (i = 0; i < 4; i++)
		ASSERT_MEM_EQ(got + i * MB, expect, MB);
	cipher_ctr_mt_free(many[1]);	/* in the middle, last, first */
	cipher_ctr_mt_free(many[3]);
	cipher_ctr_mt_free(many[0]);
	cipher_ctr_mt_free(many[2]);
	TEST_DONE();

	TEST_START("ctr: freed at any time");
	cipher_ctr_mt_allow(3);
	for (i = 0; i < 300; i++) {
		set_tune(1 + rnd() % 1000, 1024, 8, NULL,
		    rnd() % 2 ? delay : NULL);
		random_iv(iv);
		ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
		crypt_range(ctx, 0, rnd() % 30000, 4000);
		if (rnd() % 2)
			nap(rnd() % 300);
		cipher_ctr_mt_free(ctx);
	}
	TEST_DONE();

	TEST_START("ctr: no thread outlives its key");
	threads_back_to(before);
	TEST_DONE();

	TEST_START("ctr: workers block signals");
	set_tune(1, 1024, 8, NULL, watch_signals);
	cipher_ctr_mt_allow(2);
	ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
	ASSERT_U64_GT(use_ring(ctx, 100000), 0);
	cipher_ctr_mt_free(ctx);
	ASSERT_INT_EQ(signals_open, 0);
	TEST_DONE();
}

static void
test_refusals(void)
{
	struct cipher_ctr_mt *ctx;
	u_char iv[IV];
	double began;
	int i, n, r, before = threads_alive();

	random_iv(iv);
	reference(16, iv, STREAM);

	TEST_START("ctr: no threads before they are allowed");
	set_tune(1, 0, 0, NULL, NULL);
	cipher_ctr_mt_allow(0);
	ctx = make(16, iv, 4);
	crypt_range(ctx, 0, 3 * MB, 100000);
	ASSERT_INT_EQ(stats_of(ctx).threads, 0);
	cipher_ctr_mt_allow(2);
	crypt_range(ctx, 3 * MB, 4 * MB, 100000);
	ASSERT_INT_EQ(stats_of(ctx).threads, 2);
	crypt_range(ctx, 4 * MB, STREAM, 100000);
	same(0, STREAM);
	cipher_ctr_mt_free(ctx);
	ctx = make(16, iv, 0);
	crypt_range(ctx, 0, 2 * MB, 100000);
	ASSERT_INT_EQ(stats_of(ctx).threads, 0);
	cipher_ctr_mt_free(ctx);
	ctx = make(16, iv, 1);
	crypt_range(ctx, 0, 2 * MB, 100000);
	ASSERT_INT_EQ(stats_of(ctx).threads, 1);
	cipher_ctr_mt_free(ctx);
	cipher_ctr_mt_allow(1000);
	ctx = make(16, iv, 1000);
	crypt_range(ctx, 0, 2 * MB, 100000);
	ASSERT_INT_LE(stats_of(ctx).threads, CIPHER_CTR_MT_MAX);
	cipher_ctr_mt_free(ctx);
	TEST_DONE();

	TEST_START("ctr: no threads before enough was moved");
	cipher_ctr_mt_set_tune(NULL);
	cipher_ctr_mt_allow(2);
	ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
	crypt_range(ctx, 0, CIPHER_CTR_MT_START - 1, 10000);
	crypt_range(ctx, CIPHER_CTR_MT_START - 1, CIPHER_CTR_MT_START, 1);
	ASSERT_INT_EQ(stats_of(ctx).threads, 0);
	crypt_range(ctx, CIPHER_CTR_MT_START, CIPHER_CTR_MT_START + 1, 1);
	ASSERT_INT_EQ(stats_of(ctx).threads, 2);
	cipher_ctr_mt_free(ctx);
	TEST_DONE();

	TEST_START("ctr: creation of threads refused");
	cipher_ctr_mt_allow(4);
	for (refused_from = 0; refused_from <= 4; refused_from++) {
		set_tune(1, 1024, 8, refuse, NULL);
		ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
		crypt_range(ctx, 0, STREAM, 100000);
		same(0, STREAM);
		ASSERT_INT_EQ(stats_of(ctx).threads, refused_from);
		cipher_ctr_mt_free(ctx);
	}
	TEST_DONE();

	TEST_START("ctr: the cipher fails in a worker");
	for (i = 0; i < 50; i++) {
		fills_until_failure = i;
		set_tune(1, 1024, 8, NULL, failure);
		cipher_ctr_mt_allow(1 + i % 4);
		ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
		memset(got, 0, MB);
		crypt_range(ctx, 0, MB, 10000);
		same(0, MB);
		ASSERT_U64_LE(stats_of(ctx).ring, (u_int)i * 1024);
		cipher_ctr_mt_free(ctx);
		/* Each worker notices at the latest by its own failure */
		ASSERT_INT_GE(fills_until_failure, -(1 + i % 4));
	}
	TEST_DONE();

	TEST_START("ctr: a worker that is stuck holds nobody up");
	prompt_fills = 16;	/* to know how long it should take */
	late_fills = INT_MAX;
	set_tune(1, 1024, 8, NULL, late_for_a_while);
	cipher_ctr_mt_allow(4);
	ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
	memset(got, 0, STREAM);
	began = now();
	crypt_range(ctx, 0, 2000, 1);
	nap(50000);
	crypt_range(ctx, 2000, STREAM, 10000);
	/* If it waited for each: minutes */
	ASSERT_INT_LT((int)(now() - began), 20);
	same(0, STREAM);
	cipher_ctr_mt_free(ctx);
	TEST_DONE();

	TEST_START("ctr: workers that were late are of use again");
	prompt_fills = 0;
	late_fills = 8;		/* every queue */
	set_tune(1, 1024, 8, NULL, late_for_a_while);
	cipher_ctr_mt_allow(8);
	ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
	memset(got, 0, STREAM);
	crypt_range(ctx, 0, STREAM, 10000);	/* far beyond what they hold */
	same(0, STREAM);
	n = (int)stats_of(ctx).ring;
	ASSERT_U64_GE(use_ring(ctx, (uint64_t)n + MB), (uint64_t)n + MB);
	cipher_ctr_mt_free(ctx);
	TEST_DONE();

	TEST_START("ctr: whether it is worthwhile is measured once");
	refused_from = 0;
	set_tune(1, 0, 0, refuse, NULL);
	ASSERT_INT_EQ(cipher_ctr_mt_worthwhile(24), 0);	/* no thread for it */
	set_tune(1, 0, 0, NULL, NULL);
	ASSERT_INT_EQ(cipher_ctr_mt_worthwhile(24), 0);
	for (i = 16; i <= 32; i += 16) {
		r = cipher_ctr_mt_worthwhile((u_int)i);
		ASSERT_INT_GE(r, 0);
		ASSERT_INT_LE(r, CIPHER_CTR_MT_MAX);
		for (n = 0; n < 1000; n++)
			ASSERT_INT_EQ(cipher_ctr_mt_worthwhile((u_int)i), r);
	}
	cipher_ctr_mt_allow(CIPHER_CTR_MT_AUTO);
	ctx = make(16, iv, CIPHER_CTR_MT_AUTO);
	crypt_range(ctx, 0, STREAM, 100000);
	same(0, STREAM);
	ASSERT_INT_EQ(stats_of(ctx).threads, cipher_ctr_mt_worthwhile(16));
	cipher_ctr_mt_free(ctx);
	threads_back_to(before);
	TEST_DONE();
}

static void
test_forks(void)
{
	struct cipher_ctr_mt *ctx, *other;
	u_char iv[IV];
	size_t at;
	pid_t pid;
	int i, status;

	random_iv(iv);
	reference(32, iv, STREAM);

	TEST_START("ctr: fork in the middle, both go on");
	for (i = 0; i < 40; i++) {
		set_tune(1, i % 2 ? 1024 : 0, i % 2 ? 8 : 0, NULL,
		    i % 4 == 3 ? delay : NULL);
		cipher_ctr_mt_allow(1 + i % 3);
		ctx = make(32, iv, CIPHER_CTR_MT_AUTO);
		at = rnd() % (2 * MB);
		crypt_range(ctx, 0, at, 100000);
		if ((pid = fork()) == 0) {
			status = child_goes_on(ctx, at, at + 300000);
			if (i % 3 == 1)
				cipher_ctr_mt_free(ctx);
#ifndef THREAD_SANITIZER	/* which cannot follow threads in there */
			/* A key of its own may have threads of its own */
			if (status == 0 && i % 3 == 2) {
				other = make(32, iv, CIPHER_CTR_MT_AUTO);
				if (cipher_ctr_mt_crypt(other, got, plain,
				    10) != 0 || cipher_ctr_mt_crypt(other,
				    got + 10, plain + 10, STREAM - 10) != 0)
					status = 4;
				else if (memcmp(got, expect, STREAM) != 0)
					status = 5;
				else if (stats_of(other).threads == 0)
					status = 6;
				cipher_ctr_mt_free(other);
			}
#else
			(void)other;
#endif
			_exit(status);
		}
		ASSERT_INT_NE(pid, -1);
		crypt_range(ctx, at, at + 300000, 10000);
		ASSERT_INT_EQ(stats_of(ctx).threads, 1 + i % 3);
		same(0, at + 300000);
		test_subtest_info("fork %d at %zu", i, at);
		ASSERT_INT_EQ(wait_for(pid), 0);
		cipher_ctr_mt_free(ctx);
	}
	TEST_DONE();

	TEST_START("ctr: fork, then the iv is set");
	set_tune(1, 1024, 8, NULL, NULL);
	cipher_ctr_mt_allow(2);
	ctx = make(32, iv, CIPHER_CTR_MT_AUTO);
	crypt_range(ctx, 0, 50000, 1000);
	if ((pid = fork()) == 0) {
#ifdef THREAD_SANITIZER
		cipher_ctr_mt_allow(0);
#endif
		if (cipher_ctr_mt_set_iv(ctx, iv) != 0)
			_exit(7);
		status = child_goes_on(ctx, 0, 300000);
		_exit(status == 3 ? 0 : status);	/* threads are its own */
	}
	ASSERT_INT_NE(pid, -1);
	ASSERT_INT_EQ(wait_for(pid), 0);
	cipher_ctr_mt_free(ctx);
	TEST_DONE();

	TEST_START("ctr: exit with workers asleep, at work, stuck; in use "
	    "after they are gone");
	for (i = 0; i < 12; i++) {
		test_subtest_info("exit %d", i);
		fflush(NULL);
		if ((pid = fork()) == 0) {
			set_tune(1, 1024, 8, NULL, i % 3 == 2 ? long_delay :
			    i % 3 == 1 ? delay : NULL);
			cipher_ctr_mt_allow(3);
			ctx = NULL;
			if (cipher_ctr_mt_new(&ctx, key, 32, iv,
			    CIPHER_CTR_MT_AUTO) != 0)
				_exit(8);
			at = 500 + (size_t)i * 1777;
			if (cipher_ctr_mt_crypt(ctx, got, plain, 16) != 0 ||
			    cipher_ctr_mt_crypt(ctx, got + 16, plain + 16,
			    at - 16) != 0)
				_exit(8);
			if (i % 2)
				nap(20000);
			used_at_exit = ctx;
			used_at_exit_from = at;
			exit(0);
		}
		ASSERT_INT_NE(pid, -1);
		ASSERT_INT_EQ(wait_for(pid), 0);
	}
	TEST_DONE();
}

void
test_ctr(void)
{
	static int registered;
	size_t i;

	if (!registered)
		ASSERT_INT_EQ(atexit(use_at_exit), 0);
	registered = 1;
	seed = 20250410;
	plain = malloc(STREAM);
	expect = malloc(STREAM);
	got = malloc(STREAM);
	ASSERT_PTR_NE(plain, NULL);
	ASSERT_PTR_NE(expect, NULL);
	ASSERT_PTR_NE(got, NULL);
	for (i = 0; i < STREAM; i++)
		plain[i] = rnd() & 0xff;

	test_serial();
	test_ring();
	test_refusals();
	test_forks();

	cipher_ctr_mt_set_tune(NULL);
	cipher_ctr_mt_allow(0);
	free(plain);
	free(expect);
	free(got);
	plain = expect = got = NULL;
}

#endif /* WITH_OPENSSL */
