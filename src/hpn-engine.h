/* SPDX-License-Identifier: ISC */
/*
 * hpn-engine: an ordered queue of work, done by threads in any order and
 * delivered in the order in which it came.
 *
 * It knows nothing of cryptography, sockets or struct ssh; hpn-crypt is what
 * its jobs are in the packet path.  One engine serves one direction of one
 * connection.  Compiles without the OpenSSH tree.
 *
 * Who produces, who consumes
 *	One thread, the "main thread", makes the engine, appends every job,
 *	takes every job and frees the engine.  No other thread may call these
 *	functions.  Workers only run jobs.  WireGuard has two queues: an
 *	ordered one for delivery and a shared one for work.  With a single
 *	producer, one ring serves as both.  It has three positions, which only
 *	rise:
 *
 *	     taken (head)      claimed            appended (tail)
 *	        |  DONE or running  |  QUEUED, in order  |
 *
 *	A job is appended as QUEUED.  One worker, or the main thread, claims
 *	and runs it.  Then it is DONE.  The main thread takes it when every
 *	earlier job was taken.
 *
 * Who owns
 *	A job is the caller's memory.  From hpn_engine_submit() until it is
 *	taken, it belongs to the engine with all that it points to.  The caller
 *	neither reads nor writes it then.  hpn_engine_free() hands jobs that
 *	were not taken to the discard function.  The engine itself keeps no
 *	secrets, only pointers.
 *
 * Bounds
 *	Jobs and bytes that were appended and not taken.  The caller says how
 *	many bytes a job counts for, and asks hpn_engine_full() first.
 *
 * Threads
 *	Workers block every signal and have small stacks.  They run only the
 *	run function, which must not log, exit, fork, or call these functions.
 *	Without work they sleep.  While there is work, there is no system call
 *	for each job to wake one.  If a thread cannot be created, that is no
 *	error: the engine runs with the workers that it got.  Without workers,
 *	the main thread runs each job in hpn_engine_submit().  Then nothing
 *	here makes a system call, locks or waits.
 *
 * fork()
 *	A handler of fork() (pthread_atfork(3)) first lets each worker finish
 *	its current job and starts no other.  So the child finds every job
 *	either untouched or DONE.  No lock of this module, of malloc or of
 *	libcrypto is held by a thread that the child does not have.  Then the
 *	parent's workers go on.  The child has no workers.  A child that the
 *	main thread made may do any of these:
 *	- exec or exit;
 *	- free the engine, which waits for nobody and wipes through `discard';
 *	- go on with the engine in the parent's place (a client that goes to the
 *	  background).  Its main thread runs what is left.  hpn_engine_grow()
 *	  can start workers of its own.
 *	Only one of parent and child may send what is queued: otherwise counters
 *	would be used twice.  The caller decides which.
 *	hpn_engine_fd() changes in the child.  vfork() and posix_spawn() run no
 *	handlers and need none.
 *
 * exit()
 *	Libraries free their state in exit().  So a handler stops the workers
 *	before.  After that, call only hpn_engine_free().  _exit() needs
 *	nothing.
 */
#ifndef HPN_ENGINE_H
#define HPN_ENGINE_H

#include <sys/types.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Workers that can be asked for, and the most that hpn_engine_auto() says. */
#define HPN_ENGINE_WORKERS_MAX		64
#define HPN_ENGINE_WORKERS_AUTO_MAX	8
/* Jobs that can be asked for. */
#define HPN_ENGINE_JOBS_MAX		(1U << 20)
/* The number under which the main thread runs jobs; workers count from 1. */
#define HPN_ENGINE_MAIN			0

struct hpn_engine;

struct hpn_engine_conf {
	/*
	 * Do the work of one job, as number `worker` (0 to the number of
	 * workers).  It never runs twice at a time under one number, so data
	 * per number need no lock.  It leaves results and errors in the job.
	 */
	void (*run)(void *job, unsigned int worker);
	/* A job that was not taken: release it.  done: whether it was run. */
	void (*discard)(void *job, int done);
	unsigned int workers;	/* 0..HPN_ENGINE_WORKERS_MAX; more is cut */
	size_t jobs;		/* bound, 1..HPN_ENGINE_JOBS_MAX */
	size_t bytes;		/* bound; one job alone may be larger */

	/* For tests; NULL otherwise. */
	int (*create)(pthread_t *, const pthread_attr_t *,
	    void *(*)(void *), void *);	/* in place of pthread_create(3) */
	void (*delay)(unsigned int worker); /* called wherever threads meet */
};

/*
 * A new engine, or NULL with errno (ENOMEM, EINVAL, or the lack of descriptors).
 * *conf is copied.
 */
struct hpn_engine *hpn_engine_new(const struct hpn_engine_conf *);

/*
 * Stop.  Each worker finishes its current job, ends and is joined.  Jobs that
 * were not taken are discarded in order.  NULL is fine.
 */
void hpn_engine_free(struct hpn_engine *);

/* How many workers there are: may be fewer than were asked for. */
unsigned int hpn_engine_workers(const struct hpn_engine *);

/*
 * Have at least this many workers; never ends one.  Returns how many there are.
 */
unsigned int hpn_engine_grow(struct hpn_engine *, unsigned int workers);

/* Whether a bound is reached: nothing can be appended before one is taken. */
int hpn_engine_full(const struct hpn_engine *);

/* Jobs, and bytes of them, appended and not taken. */
size_t hpn_engine_jobs(const struct hpn_engine *);
size_t hpn_engine_bytes(const struct hpn_engine *);

/*
 * Append a job (not NULL) that counts for so many bytes.  Sleeping workers are
 * woken when a few jobs have gathered.  Call hpn_engine_kick() after the last
 * job of a batch.  Returns 0, or -1 if the engine is full.  Then the job stays
 * the caller's.
 */
int hpn_engine_submit(struct hpn_engine *, void *job, size_t bytes);

/* Wake as many workers as there are jobs that nobody has begun. */
void hpn_engine_kick(struct hpn_engine *);

/* The oldest job if it is done, and it is the caller's again; else NULL. */
void *hpn_engine_take(struct hpn_engine *);

/*
 * Run the oldest job that nobody has begun, in the main thread.  Returns 1 if
 * there was one, else 0.
 */
int hpn_engine_help(struct hpn_engine *);

/*
 * The oldest job, done; NULL only if there is none.  Until it is done, the
 * main thread helps, then waits.
 */
void *hpn_engine_wait(struct hpn_engine *);

/*
 * Before poll(2): ask to be woken when the oldest job is done.  Returns
 *	0	hpn_engine_fd() becomes readable then, once; rarely before
 *	1	do not sleep: the oldest job is done, or the main thread must
 *		run it.  hpn_engine_wait() returns without sleeping
 *	-1	there is no job
 * This implies hpn_engine_kick().  It holds until a job is taken.  Without it,
 * workers make no system call when a job is done.
 */
int hpn_engine_arm(struct hpn_engine *);

/*
 * The descriptor to poll for reading; -1 if there are no workers.  Call this
 * before each poll.  Do not read from it: hpn_engine_take(), hpn_engine_wait()
 * and hpn_engine_arm() make it unreadable again.
 */
int hpn_engine_fd(const struct hpn_engine *);

/*
 * How many workers to have.  Numbers in, decision out.
 */
struct hpn_engine_facts {
	unsigned int cpus;	/* that this process may use: hpn_cpus() */
	uint64_t rate;		/* bytes per second through this direction */
	uint64_t cost;		/* of one thread to seal or open 1 MiB, ns */
	unsigned int others;	/* threads of this process that are as busy,
				 * beside the main thread */
	unsigned int now;	/* workers now, as decided last */
};
unsigned int hpn_engine_auto(const struct hpn_engine_facts *);

#endif /* HPN_ENGINE_H */
