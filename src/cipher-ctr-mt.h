/* SPDX-License-Identifier: ISC */
/*
 * cipher-ctr-mt: AES-CTR (RFC 4344) whose keystream other threads make ahead
 * of time, so that the thread that runs the connection only XORs.
 *
 * A ring of bounded queues.  The keystream of a key is cut into portions of
 * the size of a queue; portion p goes through queue p % queues, so queue i of
 * n starts i portions after the ring's first counter and moves n portions on
 * at each fill.  A queue is touched by one thread at a time:
 *
 *	EMPTY -> FILLING	a worker (producer) has it and writes keystream
 *	FILLING -> FULL		written to its end
 *	FULL -> DRAINING	the caller (consumer) has it and XORs
 *	DRAINING -> EMPTY	used up
 *
 * Portions are claimed in order, each once, by a worker or by the caller: when
 * a portion is not ready the caller does not depend on the worker.  It waits
 * at most as long as two fills take, then makes that portion itself from the
 * same counter, and what the worker brings later is thrown away.  So nothing
 * that happens to a worker can stop the connection.
 *
 * Who: all calls come from the one thread that owns the connection.  Workers
 * are inside; they own their cipher contexts and the queue that they fill,
 * block all signals and sleep while the ring is full.
 *
 * When: threads start for a key only after CIPHER_CTR_MT_START bytes with it,
 * and only where cipher_ctr_mt_allow() was called: not in a privileged or a
 * sandboxed process, not for private key files. Until then, and wherever
 * threads cannot be had, this is EVP as in stock.
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
 * Switch of the process, 0 in the beginning: how many threads a key may have.
 * 0 none, CIPHER_CTR_MT_AUTO as many as cipher_ctr_mt_worthwhile() finds, else
 * that many (at most CIPHER_CTR_MT_MAX) whether or not it pays. To be called
 * once authentication is done, in the process that carries the data. Concerns
 * keys whose threads have not started. A forked child inherits it.
 */
void cipher_ctr_mt_allow(int threads);

/*
 * A context for `key` of `keylen` bytes (16, 24 or 32), the next counter being
 * `iv` (CIPHER_CTR_MT_BLOCK bytes); both are copied.  `threads` as for
 * cipher_ctr_mt_allow(), which also bounds it.  Encrypts and decrypts: that is
 * the same.  The caller owns *ctxp and frees it.
 * SSH_ERR_INVALID_ARGUMENT, SSH_ERR_ALLOC_FAIL, or SSH_ERR_LIBCRYPTO_ERROR if
 * the library cannot give AES-CTR (for it is looked up by name).
 */
int cipher_ctr_mt_new(struct cipher_ctr_mt **ctxp, const u_char *key,
    u_int keylen, const u_char *iv, int threads);

/*
 * XOR the next `len` bytes of keystream, any number, onto `src`, to `dest`:
 * the same place or one that does not overlap.
 * SSH_ERR_LIBCRYPTO_ERROR: the contents of dest are not to be used, nor is the
 * context from then on: every later call fails too.
 */
int cipher_ctr_mt_crypt(struct cipher_ctr_mt *, u_char *dest, const u_char *src,
    size_t len);

/*
 * The counter of the first block of which nothing was used / go on from this
 * one.  What is left of a block begun is skipped, as by EVP.  Setting stops
 * the threads.
 */
int cipher_ctr_mt_get_iv(const struct cipher_ctr_mt *,
    u_char iv[CIPHER_CTR_MT_BLOCK]);
int cipher_ctr_mt_set_iv(struct cipher_ctr_mt *,
    const u_char iv[CIPHER_CTR_MT_BLOCK]);

/* Joins the threads, wipes keys and keystream.  NULL is fine. */
void cipher_ctr_mt_free(struct cipher_ctr_mt *);

/*
 * How many threads make the ring worth having for keys of `keylen` bytes, 0 if
 * EVP alone is better.  Measured once per process and key length, with one
 * thread that lives while it is measured; takes some hundred microseconds.
 *
 * EVP is better unless it takes CIPHER_CTR_MT_PASSES times as long as XORing
 * what another CPU wrote. XOR is about one pass over memory, and on its way a
 * byte sees about as many (copies, MAC, kernel): a cipher that is quicker than
 * all of them is not what limits a connection, and the ring costs the whole
 * encryption once more elsewhere. AES in hardware is on the one side of this
 * (measured: 4 to 6), AES in software far on the other (200).
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
 * For tests and benchmarks: other sizes for contexts whose threads start from
 * now on; 0 or NULL stands for the default.  NULL for all: as it was.
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
