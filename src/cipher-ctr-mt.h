/* SPDX-License-Identifier: ISC */
/*
 * cipher-ctr-mt: AES-CTR (RFC 4344) whose keystream other threads make ahead
 * of time, so that the thread that runs the connection only XORs.
 *
 * A ring of bounded queues.  The keystream of a key is cut into portions of
 * the size of a queue.  Portion p goes through queue p % queues.  So queue i
 * of n starts i portions after the ring's first counter, and moves on by n
 * portions at each fill.  Only one thread at a time touches a queue:
 *
 *	EMPTY -> FILLING	a worker (producer) has it and writes keystream
 *	FILLING -> FULL		written to its end
 *	FULL -> DRAINING	the caller (consumer) has it and XORs
 *	DRAINING -> EMPTY	used up
 *
 * A worker or the caller claims each portion, in order and only once.  If a
 * portion is not ready, the caller waits at most as long as two fills take.
 * Then it makes that portion itself from the same counter, and throws away what
 * the worker brings later.  So nothing that happens to a worker can stop the
 * connection.
 *
 * Who: all calls come from the one thread that owns the connection.  Workers
 * are internal.  They own their cipher contexts and the queue that they fill.
 * They block all signals, and sleep while the ring is full.
 *
 * When: threads start for a key only after CIPHER_CTR_MT_START bytes with it,
 * and only in a process that called cipher_ctr_mt_allow().  No privileged or
 * sandboxed process does, and nobody does it for private key files.  Until
 * then, and wherever threads cannot be had, this is EVP as in stock.
 *
 * fork(): the child has no workers.  It goes on with EVP at the same position
 * and touches no lock, and it cannot read the keystream (MADV_DONTFORK).  The
 * parent notices nothing.  exit(): workers are joined, keystream is wiped.
 *
 * Memory: at most CIPHER_CTR_MT_QUEUES * CIPHER_CTR_MT_QUEUE_BYTES of keystream
 * for each key in use, none until threads start, kept out of core dumps.
 *
 * Units: bytes, nanoseconds.  Errors: SSH_ERR_*, 0 is success.
 */
#ifndef CIPHER_CTR_MT_H
#define CIPHER_CTR_MT_H

#ifdef WITH_OPENSSL

#include <sys/types.h>

#include <stdint.h>

#include "hpn-workers-auto.h"

#define CIPHER_CTR_MT_BLOCK	16		/* of AES: IV and counter */
#define CIPHER_CTR_MT_QUEUE_BYTES	(32U * 1024)
#define CIPHER_CTR_MT_QUEUES	32U		/* in all 1 MiB */
#define CIPHER_CTR_MT_START	(1024ULL * 1024)
#define CIPHER_CTR_MT_MAX	HPN_WORKERS_MOST	/* threads for one key */
#define CIPHER_CTR_MT_AUTO	HPN_WORKERS_AUTO

struct cipher_ctr_mt;

/*
 * Set, for the whole process, how many threads a key may have.
 *   0                   none; the value before the first call
 *   CIPHER_CTR_MT_AUTO  as many as cipher_ctr_mt_worthwhile() finds
 *   a number            that many, at most CIPHER_CTR_MT_MAX, even without gain
 * Call it after authentication, in the process that carries the data.  It
 * applies to keys whose threads have not started.  A forked child inherits it.
 */
void cipher_ctr_mt_allow(int threads);

/*
 * Make a context for `key` of `keylen` bytes (16, 24 or 32).  The next counter
 * is `iv` (CIPHER_CTR_MT_BLOCK bytes).  Both are copied.  `threads` is as for
 * cipher_ctr_mt_allow(), which also limits it.  One context encrypts and
 * decrypts, since CTR does the same for both.  The caller owns *ctxp and frees
 * it.  SSH_ERR_INVALID_ARGUMENT, SSH_ERR_ALLOC_FAIL, or SSH_ERR_LIBCRYPTO_ERROR
 * if the library has no AES-CTR (it is looked up by name).
 */
int cipher_ctr_mt_new(struct cipher_ctr_mt **ctxp, const u_char *key,
    u_int keylen, const u_char *iv, int threads);

/*
 * XOR the next `len` bytes of keystream, any number, with `src` into `dest`.
 * dest is src, or does not overlap it.
 * SSH_ERR_LIBCRYPTO_ERROR: do not use the contents of dest.  Every later call
 * with this context fails too.
 */
int cipher_ctr_mt_crypt(struct cipher_ctr_mt *, u_char *dest, const u_char *src,
    size_t len);

/*
 * Get the counter of the first block of which nothing was used, or go on from a
 * given one.  Both skip the rest of a block that was begun, as EVP does.
 * Setting stops the threads.
 */
int cipher_ctr_mt_get_iv(const struct cipher_ctr_mt *,
    u_char iv[CIPHER_CTR_MT_BLOCK]);
int cipher_ctr_mt_set_iv(struct cipher_ctr_mt *,
    const u_char iv[CIPHER_CTR_MT_BLOCK]);

/* Joins the threads, wipes keys and keystream.  NULL is fine. */
void cipher_ctr_mt_free(struct cipher_ctr_mt *);

/*
 * How many threads make the ring worthwhile for keys of `keylen` bytes; 0 if
 * EVP alone is better.  The first call for a key length measures this, with one
 * thread that it makes and ends.  That takes some hundred microseconds.
 *
 * EVP is better unless it takes CIPHER_CTR_MT_PASSES times as long as XORing
 * what another CPU wrote.  XOR is about one pass over memory.  On its way a
 * byte sees about CIPHER_CTR_MT_PASSES such passes (copies, MAC, kernel).  A
 * cipher that is quicker than all of them does not limit a connection.  The
 * ring would then only cost the whole encryption once more, on another CPU.
 *	AES in hardware		measured: 4 to 6 times
 *	AES in software		200 times
 */
#define CIPHER_CTR_MT_PASSES	10
int cipher_ctr_mt_worthwhile(u_int keylen);

/* For tests and benchmarks: what happened since the context was made. */
struct cipher_ctr_mt_stats {
	uint64_t ring;		/* bytes XORed with what a worker made */
	uint64_t serial;	/* bytes that went through EVP here */
	int threads;		/* that exist now */
};
void cipher_ctr_mt_get_stats(const struct cipher_ctr_mt *,
    struct cipher_ctr_mt_stats *);

/*
 * For tests and benchmarks: other sizes, for contexts whose threads start from
 * now on.  A member of 0 or NULL means the default.  NULL resets all.
 */
struct cipher_ctr_mt_tune {
	uint64_t start;		/* instead of CIPHER_CTR_MT_START; 1: at once */
	u_int queue_bytes;	/* a multiple of CIPHER_CTR_MT_BLOCK */
	u_int queues;		/* at least 2 */
	/* Thread i is about to be created: return an errno to refuse it */
	int (*create)(int i);
	/*
	 * In worker i, no lock held: before (0) and after (1) it fills.
	 * Anything but 0 stands for a failure of libcrypto.
	 */
	int (*fill)(int i, int done);
};
void cipher_ctr_mt_set_tune(const struct cipher_ctr_mt_tune *);

#endif /* WITH_OPENSSL */
#endif /* CIPHER_CTR_MT_H */
