/* SPDX-License-Identifier: ISC */
/* See cipher-ctr-mt.h for what this does and who owns what. */

#include "includes.h"

#ifdef WITH_OPENSSL

#include <sys/types.h>
#include <sys/mman.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cipher-ctr-mt.h"
#include "hpn-clock.h"
#include "hpn-cpus.h"
#include "hpn-workers-auto.h"
#include "log.h"
#include "ssherr.h"

#define BLOCK		CIPHER_CTR_MT_BLOCK
#define STACK_BYTES	(256 * 1024)
/* Keeps what is rare, and its checks of the stack, off the path of packets */
#if defined(__GNUC__)
# define NOT_INLINE	__attribute__((__noinline__))
#else
# define NOT_INLINE
#endif
/* A fill shorter than this is over sooner than one sleeps and wakes. */
#define PATIENCE_NS	50000
#define NOTHING		UINT64_MAX	/* no portion has this number */

#if defined(OPENSSL_VERSION_NUMBER) && OPENSSL_VERSION_NUMBER >= 0x30000000L \
    && !defined(LIBRESSL_VERSION_NUMBER)
# define HAVE_FETCH
#endif
/* macOS cannot wait on the monotonic clock; a jump then costs one portion */
#if defined(__APPLE__)
# define WAIT_CLOCK	CLOCK_REALTIME
#else
# define WAIT_CLOCK	CLOCK_MONOTONIC
#endif

/* Not plain EMPTY: utmpx.h has one */
enum state { QUEUE_EMPTY, QUEUE_FILLING, QUEUE_FULL, QUEUE_DRAINING };

struct queue {
	enum state state;
	uint64_t portion;	/* what is or will be in it, unless EMPTY */
	u_char *keystream;	/* belongs to whom `state` names */
};

struct worker {
	struct ring *ring;
	EVP_CIPHER_CTX *evp;	/* the worker's alone while it runs */
	pthread_t thread;
	int id;
};

/* Everything below `lock` is under it; the rest is fixed once threads run. */
struct ring {
	struct ring *next_live, **prev_live;	/* the caller's */
	u_int generation;	/* of the process that has the workers */
	u_char first[BLOCK];	/* counter at the start of portion 0 */
	uint64_t base;		/* where in the context's stream that is */
	u_int queue_bytes, nqueues;
	u_char *keystream;
	size_t keystream_len;
	int kept_from_children;	/* they have no such memory */
	int (*fill_hook)(int, int);
	struct worker *workers;
	int nworkers;
	struct queue *held;	/* DRAINING, the caller's; or NULL */

	pthread_mutex_t lock;
	pthread_cond_t work;	/* to workers: a queue is EMPTY, or quit */
	pthread_cond_t filled;	/* to the caller: what it waits for is done */
	struct queue *queues;
	struct queue *awaited;	/* what the caller waits for */
	uint64_t next;		/* first portion that nobody claimed */
	uint64_t head;		/* first portion that the caller did not take */
	uint64_t reserved;	/* claimed by the caller, ahead of head */
	uint64_t fill_ns;	/* the quickest fill so far */
	int idle;		/* workers that sleep */
	int broken;		/* libcrypto failed in a worker */
	int quit;
};

struct cipher_ctr_mt {
	EVP_CIPHER_CTX *evp;	/* the caller's, at stream position evp_pos */
	u_int keylen;
	u_char iv[BLOCK];	/* counter at position 0 */
	uint64_t pos;		/* bytes of keystream used */
	uint64_t evp_pos;
	int threads;		/* as given to cipher_ctr_mt_new() */
	int serial;		/* no threads any more for this key */
	int failed;		/* libcrypto failed: there is no way on */
	struct ring *ring;	/* NULL: not started, or serial */
	uint64_t ring_bytes, serial_bytes;
};

/* All of these belong to the thread that owns the connection. */
static int allowed;
static struct cipher_ctr_mt_tune tune;
static struct ring *live;	/* rings, for exit() */
static int registered;		/* handlers of fork() and exit() */
/* Set in a new process before anything else runs there. */
static volatile u_int generation;

static const u_char zeros[16 * 1024];

/* `counter` blocks after `from`, modulo 2^128, big endian */
static void
counter_at(u_char counter[BLOCK], const u_char from[BLOCK], uint64_t blocks)
{
	u_int sum, carry = 0;
	int i;

	for (i = BLOCK - 1; i >= 0; i--) {
		sum = from[i] + (u_int)(blocks & 0xff) + carry;
		counter[i] = sum & 0xff;
		carry = sum >> 8;
		blocks >>= 8;
	}
}

/*
 * As wide as every CPU of a kind has it; a word where the compiler has no
 * vectors.  Alignment is whatever packets have.
 */
#if defined(__GNUC__)
typedef uint64_t lane
    __attribute__((vector_size(16), aligned(1), may_alias));
# define LANE		sizeof(lane)
# define LOAD(p, i)	(((const lane *)(const void *)(p))[i])
# define STORE(p, i, v)	(((lane *)(void *)(p))[i] = (v))
#else
typedef uint64_t lane;
# define LANE		sizeof(lane)
static inline lane
LOAD(const u_char *p, int i)
{
	lane v;

	memcpy(&v, p + i * LANE, LANE);
	return v;
}
# define STORE(p, i, v)	do {						\
	lane stored = (v);						\
	memcpy((p) + (i) * LANE, &stored, LANE);			\
} while (0)
#endif

/* dest may be src */
static void
xor_bytes(u_char *dest, const u_char *src, const u_char *keystream, size_t len)
{
	lane a, b, c, d;
	size_t i;

	for (; len >= 4 * LANE; len -= 4 * LANE) {
		a = LOAD(src, 0) ^ LOAD(keystream, 0);
		b = LOAD(src, 1) ^ LOAD(keystream, 1);
		c = LOAD(src, 2) ^ LOAD(keystream, 2);
		d = LOAD(src, 3) ^ LOAD(keystream, 3);
		STORE(dest, 0, a);
		STORE(dest, 1, b);
		STORE(dest, 2, c);
		STORE(dest, 3, d);
		dest += 4 * LANE;
		src += 4 * LANE;
		keystream += 4 * LANE;
	}
	for (i = 0; i < len; i++)
		dest[i] = src[i] ^ keystream[i];
}

/*
 * We use EVP_Cipher() because EVP_EncryptUpdate() costs a small packet a tenth
 * more.  It returns the number of bytes (OpenSSL 3) or 1 (its predecessors,
 * LibreSSL).  Anything else, 0 included, means that there is plaintext where
 * ciphertext should be.
 */
static int
evp_crypt(EVP_CIPHER_CTX *evp, u_char *dest, const u_char *src, size_t len)
{
	int r;
	u_int n;

	for (; len > 0; len -= n) {
		n = len > INT_MAX / 2 ? INT_MAX / 2 + 1 : (u_int)len;
		r = EVP_Cipher(evp, dest, src, n);
		if (r != (int)n && r != 1)
			return SSH_ERR_LIBCRYPTO_ERROR;
		dest += n;
		src += n;
	}
	return 0;
}

static int
evp_set_counter(EVP_CIPHER_CTX *evp, const u_char counter[BLOCK])
{
	return EVP_EncryptInit_ex(evp, NULL, NULL, NULL, counter) == 1 ?
	    0 : SSH_ERR_LIBCRYPTO_ERROR;
}

static int
evp_keystream(EVP_CIPHER_CTX *evp, const u_char counter[BLOCK],
    u_char *keystream, size_t len)
{
	size_t n;
	int r;

	if ((r = evp_set_counter(evp, counter)) != 0)
		return r;
	for (; len > 0; len -= n, keystream += n) {
		n = len < sizeof(zeros) ? len : sizeof(zeros);
		if ((r = evp_crypt(evp, keystream, zeros, n)) != 0)
			return r;
	}
	return 0;
}

static int
evp_new(EVP_CIPHER_CTX **evpp, const u_char *key, u_int keylen,
    const u_char *iv)
{
	EVP_CIPHER_CTX *evp;
	int ok;
#ifdef HAVE_FETCH
	const char *name = keylen == 16 ? "AES-128-CTR" :
	    keylen == 24 ? "AES-192-CTR" : "AES-256-CTR";
	EVP_CIPHER *type;

	if ((type = EVP_CIPHER_fetch(NULL, name, NULL)) == NULL)
		return SSH_ERR_LIBCRYPTO_ERROR;
#else
	const EVP_CIPHER *type = keylen == 16 ? EVP_aes_128_ctr() :
	    keylen == 24 ? EVP_aes_192_ctr() : EVP_aes_256_ctr();
#endif
	if ((evp = EVP_CIPHER_CTX_new()) == NULL) {
#ifdef HAVE_FETCH
		EVP_CIPHER_free(type);
#endif
		return SSH_ERR_ALLOC_FAIL;
	}
	ok = EVP_EncryptInit_ex(evp, type, NULL, key, iv) == 1 &&
	    EVP_CIPHER_CTX_key_length(evp) == (int)keylen &&
	    EVP_CIPHER_CTX_iv_length(evp) == BLOCK;
#ifdef HAVE_FETCH
	EVP_CIPHER_free(type);		/* the context holds its own */
#endif
	if (!ok) {
		EVP_CIPHER_CTX_free(evp);
		return SSH_ERR_LIBCRYPTO_ERROR;
	}
	*evpp = evp;
	return 0;
}

/* --- producers: what workers run --- */

/* The queue to fill next, or NULL while it is not EMPTY. */
static struct queue *
ring_claimable(struct ring *ring)
{
	struct queue *q = &ring->queues[ring->next % ring->nqueues];

	return q->state == QUEUE_EMPTY && !ring->broken ? q : NULL;
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;
	struct ring *ring = w->ring;
	struct queue *q;
	u_char counter[BLOCK];
	uint64_t began, took;
	int more, r;

	pthread_mutex_lock(&ring->lock);
	for (;;) {
		while (!ring->quit && (q = ring_claimable(ring)) == NULL) {
			ring->idle++;
			pthread_cond_wait(&ring->work, &ring->lock);
			ring->idle--;
		}
		if (ring->quit)
			break;
		q->state = QUEUE_FILLING;
		q->portion = ring->next++;
		more = ring->idle > 0 && ring_claimable(ring) != NULL;
		pthread_mutex_unlock(&ring->lock);

		/* The caller wakes one; each wakes the next: it has less to do */
		if (more)
			pthread_cond_signal(&ring->work);
		r = ring->fill_hook != NULL ? ring->fill_hook(w->id, 0) : 0;
		counter_at(counter, ring->first,
		    q->portion * (ring->queue_bytes / BLOCK));
		began = hpn_clock_ns();
		if (r == 0)
			r = evp_keystream(w->evp, counter, q->keystream,
			    ring->queue_bytes);
		took = hpn_clock_ns() - began;
		if (r == 0 && ring->fill_hook != NULL)
			r = ring->fill_hook(w->id, 1);

		pthread_mutex_lock(&ring->lock);
		if (r != 0)
			ring->broken = 1;
		else if (took < ring->fill_ns)
			ring->fill_ns = took;
		/* Nobody wants what the caller has made itself meanwhile */
		q->state = r == 0 && q->portion >= ring->head ?
		    QUEUE_FULL : QUEUE_EMPTY;
		if (ring->awaited == q)
			pthread_cond_signal(&ring->filled);
	}
	pthread_mutex_unlock(&ring->lock);
	explicit_bzero(counter, sizeof(counter));
	return NULL;
}

/* --- the ring, seen from its one consumer --- */

/* A fork() has made this a process without the workers. */
static int
ring_is_foreign(const struct ring *ring)
{
	return ring->generation != generation;
}

static void
ring_stop(struct ring *ring)
{
	int i;

	pthread_mutex_lock(&ring->lock);
	ring->quit = 1;
	pthread_cond_broadcast(&ring->work);
	pthread_mutex_unlock(&ring->lock);
	for (i = 0; i < ring->nworkers; i++)
		pthread_join(ring->workers[i].thread, NULL);
	ring->nworkers = 0;
}

/*
 * In a forked child this stops nothing and touches no lock.  It frees the
 * child's own copy, to which a worker may have been writing.
 */
static void
ring_free(struct ring *ring)
{
	int i, foreign;

	if (ring == NULL)
		return;
	foreign = ring_is_foreign(ring);
	if (!foreign && ring->nworkers > 0)
		ring_stop(ring);
	if (ring->prev_live != NULL) {
		*ring->prev_live = ring->next_live;
		if (ring->next_live != NULL)
			ring->next_live->prev_live = ring->prev_live;
	}
	if (ring->workers != NULL)
		for (i = 0; i < CIPHER_CTR_MT_MAX; i++)
			EVP_CIPHER_CTX_free(ring->workers[i].evp);
	free(ring->workers);
	/* Do not unmap in a child what its memory does not have: the addresses
	 * may be in other use by now */
	if (ring->keystream != NULL &&
	    !(foreign && ring->kept_from_children)) {
		explicit_bzero(ring->keystream, ring->keystream_len);
		(void)munmap(ring->keystream, ring->keystream_len);
	}
	free(ring->queues);
	if (!foreign) {
		pthread_mutex_destroy(&ring->lock);
		pthread_cond_destroy(&ring->work);
		pthread_cond_destroy(&ring->filled);
	}
	freezero(ring, sizeof(*ring));
}

static void
in_forked_child(void)
{
	generation++;
}

/*
 * Before libcrypto takes itself down.  A signal handler that calls exit() may
 * have interrupted the holder of the lock, so this does not insist.
 */
static void
at_exit(void)
{
	struct timespec pause = { 0, 100000 };
	struct ring *ring;
	u_int q;
	int i, tries;

	for (ring = live; ring != NULL; ring = ring->next_live) {
		if (ring_is_foreign(ring) || ring->nworkers == 0)
			continue;
		for (tries = 0; pthread_mutex_trylock(&ring->lock) != 0;
		    tries++) {
			if (tries == 100)
				return;
			(void)nanosleep(&pause, NULL);
		}
		ring->quit = 1;
		pthread_cond_broadcast(&ring->work);
		pthread_mutex_unlock(&ring->lock);
	}
	for (ring = live; ring != NULL; ring = ring->next_live) {
		if (ring_is_foreign(ring)) {
			if (!ring->kept_from_children)
				explicit_bzero(ring->keystream,
				    ring->keystream_len);
			continue;
		}
		for (i = 0; i < ring->nworkers; i++)
			pthread_join(ring->workers[i].thread, NULL);
		ring->nworkers = 0;
		/* Should somebody still encrypt: not with what is wiped */
		ring->held = NULL;
		for (q = 0; q < ring->nqueues; q++)
			ring->queues[q].state = QUEUE_EMPTY;
		explicit_bzero(ring->keystream, ring->keystream_len);
	}
}

static int
ring_register_handlers(void)
{
	if (registered)
		return 0;
	if (pthread_atfork(NULL, NULL, in_forked_child) != 0 ||
	    atexit(at_exit) != 0)
		return -1;
	registered = 1;
	return 0;
}

static int
ring_init_locks(struct ring *ring)
{
	pthread_condattr_t attr;
	int r;

	if (pthread_condattr_init(&attr) != 0)
		return -1;
#if !defined(__APPLE__)
	if (pthread_condattr_setclock(&attr, WAIT_CLOCK) != 0) {
		pthread_condattr_destroy(&attr);
		return -1;
	}
#endif
	r = pthread_cond_init(&ring->filled, &attr);
	pthread_condattr_destroy(&attr);
	if (r != 0)
		return -1;
	if (pthread_cond_init(&ring->work, NULL) != 0) {
		pthread_cond_destroy(&ring->filled);
		return -1;
	}
	if (pthread_mutex_init(&ring->lock, NULL) != 0) {
		pthread_cond_destroy(&ring->filled);
		pthread_cond_destroy(&ring->work);
		return -1;
	}
	return 0;
}

/* Returns 0 or an errno.  No signal is ever delivered to the new thread. */
static int
thread_create(pthread_t *thread, int i, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	if (tune.create != NULL && (r = tune.create(i)) != 0)
		return r;
	if ((r = pthread_attr_init(&attr)) != 0)
		return r;
	/* If it is refused (a system with larger minima) the default serves */
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	if ((r = pthread_sigmask(SIG_SETMASK, &all, &old)) == 0) {
		r = pthread_create(thread, &attr, run, arg);
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	pthread_attr_destroy(&attr);
	return r;
}

/*
 * A ring whose keystream begins with counter `first`, which is position `base`
 * of the stream of `key`.  NULL, with nothing left behind, if it cannot be had
 * or no thread can be.
 */
static struct ring *
ring_new(const EVP_CIPHER_CTX *key, const u_char first[BLOCK], uint64_t base,
    int threads)
{
	struct ring *ring;
	struct worker *w;
	u_char *keystream;
	u_int i;
	int n, r = 0;

	if (ring_register_handlers() != 0)
		return NULL;
	if ((ring = calloc(1, sizeof(*ring))) == NULL)
		return NULL;
	if (ring_init_locks(ring) != 0) {
		freezero(ring, sizeof(*ring));
		return NULL;
	}
	ring->generation = generation;
	memcpy(ring->first, first, BLOCK);
	ring->base = base;
	ring->queue_bytes = tune.queue_bytes != 0 ?
	    tune.queue_bytes / BLOCK * BLOCK : CIPHER_CTR_MT_QUEUE_BYTES;
	ring->nqueues = tune.queues >= 2 ? tune.queues : CIPHER_CTR_MT_QUEUES;
	ring->fill_hook = tune.fill;
	ring->fill_ns = UINT64_MAX;
	ring->reserved = NOTHING;
	ring->keystream_len = (size_t)ring->queue_bytes * ring->nqueues;
	ring->queues = calloc(ring->nqueues, sizeof(*ring->queues));
	ring->workers = calloc(CIPHER_CTR_MT_MAX, sizeof(*ring->workers));
	keystream = mmap(NULL, ring->keystream_len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	if (keystream == MAP_FAILED)
		goto fail;
	ring->keystream = keystream;
	if (ring->queues == NULL || ring->workers == NULL)
		goto fail;
#ifdef MADV_DONTFORK
	ring->kept_from_children = madvise(keystream, ring->keystream_len,
	    MADV_DONTFORK) == 0;
#endif
#ifdef MADV_DONTDUMP
	(void)madvise(keystream, ring->keystream_len, MADV_DONTDUMP);
#endif
	for (i = 0; i < ring->nqueues; i++) {
		ring->queues[i].state = QUEUE_EMPTY;
		ring->queues[i].keystream = keystream +
		    (size_t)i * ring->queue_bytes;
	}
	for (n = 0; n < threads; n++) {
		w = &ring->workers[n];
		w->ring = ring;
		w->id = n;
		if ((w->evp = EVP_CIPHER_CTX_new()) == NULL ||
		    EVP_CIPHER_CTX_copy(w->evp, key) != 1)
			break;
		if ((r = thread_create(&w->thread, n, worker_run, w)) != 0)
			break;
		ring->nworkers++;
	}
	if (ring->nworkers == 0)
		goto fail;
	debug_f("%d of %d keystream threads started%s%s", n, threads,
	    r != 0 ? ": " : "", r != 0 ? strerror(r) : "");
	if ((ring->next_live = live) != NULL)
		live->prev_live = &ring->next_live;
	ring->prev_live = &live;
	live = ring;
	return ring;
 fail:
	ring_free(ring);
	if (r != 0)
		debug_f("no thread started: %s: serial", strerror(r));
	else
		debug_f("out of memory: serial");
	return NULL;
}

/* Long enough that polling disturbs no worker, short beside any fill. */
static void
relax(void)
{
	volatile int i;

	for (i = 0; i < 50; i++)
		;
}

/*
 * Wait until `q` is no longer being filled, but at most as long as two fills
 * take: longer waiting costs more than it saves.  Sleep if a fill takes longer
 * than falling asleep.  If the caller has to wait, workers are behind.  So it
 * reserves the next free portion for itself.  Otherwise it would wait for each
 * portion, and everything would go at the workers' pace.
 */
static void
ring_await(struct ring *ring, struct queue *q)
{
	struct timespec until;
	uint64_t ns;

	if (ring->fill_ns > UINT64_MAX / 4)
		return;
	if (ring->reserved == NOTHING)
		ring->reserved = ring->next++;
	if (ring->fill_ns < PATIENCE_NS) {
		ns = hpn_clock_ns() + 2 * ring->fill_ns;
		do {
			pthread_mutex_unlock(&ring->lock);
			relax();
			pthread_mutex_lock(&ring->lock);
		} while (q->state == QUEUE_FILLING &&
		    hpn_clock_ns() < ns);
		return;
	}
	ns = hpn_clock_of(WAIT_CLOCK) + 2 * ring->fill_ns;
	until.tv_sec = (time_t)(ns / 1000000000);
	until.tv_nsec = (long)(ns % 1000000000);
	ring->awaited = q;
	while (q->state == QUEUE_FILLING)
		if (pthread_cond_timedwait(&ring->filled, &ring->lock,
		    &until) != 0)
			break;
	ring->awaited = NULL;
}

/*
 * Give back the queue held, and take portion `p`.  From then on nobody else
 * gets it.  It is in ring->held.  If that is NULL, the caller makes it.
 */
static void
ring_take(struct ring *ring, uint64_t p)
{
	struct queue *q = &ring->queues[p % ring->nqueues];
	int wake;

	pthread_mutex_lock(&ring->lock);
	if (ring->held != NULL) {
		ring->held->state = QUEUE_EMPTY;
		ring->held = NULL;
	}
	if (p == ring->reserved)
		ring->reserved = NOTHING;
	else if (ring->next <= p)
		ring->next = p + 1;
	else {
		if (q->state == QUEUE_FILLING && q->portion == p)
			ring_await(ring, q);
		if (q->state == QUEUE_FULL && q->portion == p) {
			q->state = QUEUE_DRAINING;
			ring->held = q;
		}
	}
	ring->head = p + 1;
	/* Not for each queue: waking costs a system call */
	wake = ring->idle > 0 &&
	    ring->next - ring->head <= ring->nqueues / 2;
	pthread_mutex_unlock(&ring->lock);
	if (wake)
		pthread_cond_signal(&ring->work);
}

/* --- contexts --- */

void
cipher_ctr_mt_allow(int threads)
{
	allowed = threads < 0 ? CIPHER_CTR_MT_AUTO :
	    threads > CIPHER_CTR_MT_MAX ? CIPHER_CTR_MT_MAX : threads;
}

void
cipher_ctr_mt_set_tune(const struct cipher_ctr_mt_tune *t)
{
	if (t == NULL)
		memset(&tune, 0, sizeof(tune));
	else
		tune = *t;
}

int
cipher_ctr_mt_new(struct cipher_ctr_mt **ctxp, const u_char *key, u_int keylen,
    const u_char *iv, int threads)
{
	struct cipher_ctr_mt *ctx;
	int r;

	*ctxp = NULL;
	if (key == NULL || iv == NULL ||
	    (keylen != 16 && keylen != 24 && keylen != 32))
		return SSH_ERR_INVALID_ARGUMENT;
	if ((ctx = calloc(1, sizeof(*ctx))) == NULL)
		return SSH_ERR_ALLOC_FAIL;
	if ((r = evp_new(&ctx->evp, key, keylen, iv)) != 0) {
		freezero(ctx, sizeof(*ctx));
		return r;
	}
	ctx->keylen = keylen;
	memcpy(ctx->iv, iv, BLOCK);
	ctx->threads = threads < 0 ? CIPHER_CTR_MT_AUTO :
	    threads > CIPHER_CTR_MT_MAX ? CIPHER_CTR_MT_MAX : threads;
	*ctxp = ctx;
	return 0;
}

void
cipher_ctr_mt_free(struct cipher_ctr_mt *ctx)
{
	if (ctx == NULL)
		return;
	ring_free(ctx->ring);
	EVP_CIPHER_CTX_free(ctx->evp);	/* wipes the key schedule */
	freezero(ctx, sizeof(*ctx));
}

void
cipher_ctr_mt_get_stats(const struct cipher_ctr_mt *ctx, struct
    cipher_ctr_mt_stats *s)
{
	s->ring = ctx->ring_bytes;
	s->serial = ctx->serial_bytes;
	s->threads = ctx->ring == NULL || ring_is_foreign(ctx->ring) ? 0 :
	    ctx->ring->nworkers;
}

/* Bring EVP to where the stream is. */
static int NOT_INLINE
evp_catch_up(struct cipher_ctr_mt *ctx)
{
	u_char counter[BLOCK], skipped[BLOCK];
	int r;

	counter_at(counter, ctx->iv, ctx->pos / BLOCK);
	if ((r = evp_set_counter(ctx->evp, counter)) != 0)
		return r;
	r = evp_crypt(ctx->evp, skipped, zeros, ctx->pos % BLOCK);
	explicit_bzero(skipped, sizeof(skipped));
	return r;
}

/* The next `len` bytes by EVP, wherever it was left. */
static int
crypt_serially(struct cipher_ctr_mt *ctx, u_char *dest, const u_char *src,
    size_t len)
{
	int r;

	if (ctx->evp_pos != ctx->pos && (r = evp_catch_up(ctx)) != 0)
		return r;
	if ((r = evp_crypt(ctx->evp, dest, src, len)) != 0)
		return r;
	ctx->pos += len;
	ctx->evp_pos = ctx->pos;
	ctx->serial_bytes += len;
	return 0;
}

static int
crypt_from_ring(struct cipher_ctr_mt *ctx, u_char *dest, const u_char *src,
    size_t len)
{
	struct ring *ring = ctx->ring;
	uint64_t p, offset;
	size_t n;
	int r;

	for (; len > 0; len -= n, dest += n, src += n) {
		if (ctx->pos < ring->base) {	/* the block begun before it */
			n = (size_t)(ring->base - ctx->pos);
			n = n < len ? n : len;
			if ((r = crypt_serially(ctx, dest, src, n)) != 0)
				return r;
			continue;
		}
		p = (ctx->pos - ring->base) / ring->queue_bytes;
		offset = (ctx->pos - ring->base) % ring->queue_bytes;
		if (offset == 0)
			ring_take(ring, p);
		n = ring->queue_bytes - (size_t)offset;
		n = n < len ? n : len;
		if (ring->held == NULL) {
			if ((r = crypt_serially(ctx, dest, src, n)) != 0)
				return r;
			continue;
		}
		xor_bytes(dest, src, ring->held->keystream + offset, n);
		ctx->pos += n;
		ctx->ring_bytes += n;
	}
	return 0;
}

/* This key may have threads, has none, and has moved enough. */
static int
ring_is_due(const struct cipher_ctr_mt *ctx)
{
	return ctx->ring == NULL && !ctx->serial && allowed != 0 &&
	    ctx->threads != 0 &&
	    ctx->pos >= (tune.start != 0 ? tune.start : CIPHER_CTR_MT_START);
}

static void
consider_ring(struct cipher_ctr_mt *ctx)
{
	u_char first[BLOCK];
	uint64_t blocks;
	int threads;

	if (ctx->threads == CIPHER_CTR_MT_AUTO)
		threads = allowed;
	else if (allowed == CIPHER_CTR_MT_AUTO || allowed > ctx->threads)
		threads = ctx->threads;
	else
		threads = allowed;
	if (threads == CIPHER_CTR_MT_AUTO)
		threads = cipher_ctr_mt_worthwhile(ctx->keylen);
	blocks = ctx->pos / BLOCK + (ctx->pos % BLOCK != 0);
	counter_at(first, ctx->iv, blocks);
	if (threads > 0)
		ctx->ring = ring_new(ctx->evp, first, blocks * BLOCK, threads);
	ctx->serial = ctx->ring == NULL;
}

static int NOT_INLINE
crypt_with_ring(struct cipher_ctr_mt *ctx, u_char *dest, const u_char *src,
    size_t len)
{
	if (ctx->ring == NULL)
		consider_ring(ctx);
	else if (ring_is_foreign(ctx->ring)) {
		ring_free(ctx->ring);
		ctx->ring = NULL;
		ctx->serial = 1;
	}
	return ctx->ring == NULL ? crypt_serially(ctx, dest, src, len) :
	    crypt_from_ring(ctx, dest, src, len);
}

int
cipher_ctr_mt_crypt(struct cipher_ctr_mt *ctx, u_char *dest, const u_char *src,
    size_t len)
{
	int r;

	if (ctx->failed)
		return SSH_ERR_LIBCRYPTO_ERROR;
	if (ctx->ring == NULL && !ring_is_due(ctx))
		r = crypt_serially(ctx, dest, src, len);
	else
		r = crypt_with_ring(ctx, dest, src, len);
	/* Part of it may have been used: no second try with the same bytes */
	if (r != 0)
		ctx->failed = 1;
	return r;
}

int
cipher_ctr_mt_get_iv(const struct cipher_ctr_mt *ctx, u_char iv[BLOCK])
{
	if (ctx->failed)
		return SSH_ERR_LIBCRYPTO_ERROR;
	counter_at(iv, ctx->iv, ctx->pos / BLOCK + (ctx->pos % BLOCK != 0));
	return 0;
}

int
cipher_ctr_mt_set_iv(struct cipher_ctr_mt *ctx, const u_char iv[BLOCK])
{
	int r;

	if (ctx->failed)
		return SSH_ERR_LIBCRYPTO_ERROR;
	ring_free(ctx->ring);
	ctx->ring = NULL;
	ctx->serial = 0;
	memcpy(ctx->iv, iv, BLOCK);
	ctx->pos = ctx->evp_pos = 0;
	if ((r = evp_set_counter(ctx->evp, iv)) != 0)
		ctx->failed = 1;
	return r;
}

/* --- is it worth it? --- */

#define PROBE_PIECES	4
#define PROBE_BYTES	(32 * 1024)		/* a piece, at most */
#define PROBE_LEAST	4096
#define PROBE_NS	10000			/* of EVP for a piece */
#define PROBE_LATE_NS	1000000

struct probe {
	EVP_CIPHER_CTX *evp;
	u_char *keystream;
	size_t piece;
	int r;
};

static void *
probe_run(void *arg)
{
	static const u_char counter[BLOCK];
	struct probe *p = arg;

	p->r = evp_keystream(p->evp, counter, p->keystream,
	    PROBE_PIECES * p->piece);
	return NULL;
}

/* Threads to take, from the quickest of the pieces either way; 0: none */
static int
probe(u_int keylen, int most)
{
	static const u_char key[32];
	u_char *data = NULL, *at;
	EVP_CIPHER_CTX *evp = NULL;
	struct probe p;
	uint64_t t, began, evp_ns = UINT64_MAX, xor_ns = UINT64_MAX;
	pthread_t thread;
	int i, threads = 0, started = 0;

	memset(&p, 0, sizeof(p));
	p.piece = PROBE_BYTES;
	if ((data = malloc(PROBE_PIECES * PROBE_BYTES)) == NULL ||
	    (p.keystream = malloc(PROBE_PIECES * PROBE_BYTES)) == NULL ||
	    evp_new(&evp, key, keylen, key) != 0 ||
	    evp_new(&p.evp, key, keylen, key) != 0)
		goto out;
	memset(data, 0, PROBE_PIECES * PROBE_BYTES);

	/* Slow machines measure less of it */
	t = hpn_clock_ns();
	if (evp_crypt(evp, data, data, PROBE_LEAST) != 0)
		goto out;
	t = hpn_clock_ns() - t;
	while (p.piece > PROBE_LEAST &&
	    t * (p.piece / PROBE_LEAST) > PROBE_NS)
		p.piece /= 2;

	/* Busy meanwhile, so that the thread gets a CPU of its own */
	began = hpn_clock_ns();
	if (thread_create(&thread, 0, probe_run, &p) != 0)
		goto out;
	started = 1;
	for (i = 0; i < PROBE_PIECES; i++) {
		at = data + (size_t)i * p.piece;
		t = hpn_clock_ns();
		if (evp_crypt(evp, at, at, p.piece) != 0)
			goto out;
		t = hpn_clock_ns() - t;
		evp_ns = t < evp_ns ? t : evp_ns;
	}
	pthread_join(thread, NULL);
	started = 0;
	/* Nobody to run it in good time: there is no CPU to spare */
	t = hpn_clock_ns() - began;
	if (p.r != 0 || t > PROBE_LATE_NS + 2 * PROBE_PIECES * evp_ns)
		goto out;
	for (i = 0; i < PROBE_PIECES; i++) {
		at = data + (size_t)i * p.piece;
		t = hpn_clock_ns();
		xor_bytes(at, at, p.keystream + (size_t)i * p.piece, p.piece);
		t = hpn_clock_ns() - t;
		xor_ns = t < xor_ns ? t : xor_ns;
	}
	if (evp_ns >= CIPHER_CTR_MT_PASSES * xor_ns)
		threads = most;
 out:
	if (started)
		pthread_join(thread, NULL);
	if (evp_ns != UINT64_MAX && xor_ns != UINT64_MAX)
		debug_f("aes%u-ctr, %zu bytes: cipher %llu ns, XOR %llu ns: "
		    "%d threads", keylen * 8, p.piece,
		    (unsigned long long)evp_ns, (unsigned long long)xor_ns,
		    threads);
	else
		debug_f("aes%u-ctr: no other CPU to be had: serial",
		    keylen * 8);
	EVP_CIPHER_CTX_free(evp);
	EVP_CIPHER_CTX_free(p.evp);
	free(data);
	free(p.keystream);
	return threads;
}

int
cipher_ctr_mt_worthwhile(u_int keylen)
{
	static int known[3];		/* threads + 1, for 16, 24, 32 bytes */
	int *k, most;

	if (keylen != 16 && keylen != 24 && keylen != 32)
		return 0;
	k = &known[keylen / 8 - 2];
	if (*k == 0) {
		most = (int)hpn_workers_auto_ring(hpn_cpus());
		*k = 1 + (most > 0 ? probe(keylen, most) : 0);
	}
	return *k - 1;
}

#endif /* WITH_OPENSSL */
