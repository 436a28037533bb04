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
 *	One thread, the "main thread", makes the engine, appends every job, takes
 *	every job and frees the engine; no other may call anything in here.
 *	Workers only run jobs.  Two queues, as in WireGuard: an ordered one for
 *	delivery and a shared one for work; with a single producer both are one
 *	ring with three positions that only ever rise:
 *
 *	     taken (head)      claimed            appended (tail)
 *	        |  DONE or running  |  QUEUED, in order  |
 *
 *	A job is appended QUEUED, claimed by one worker or by the main thread,
 *	run, DONE; the main thread takes it when every earlier one was taken.
 *
 * Who owns
 *	A job is the caller's memory.  From hpn_engine_submit() until it is
 *	taken, it and all it points to belong to the engine: the caller neither
 *	reads nor writes them.  hpn_engine_free() hands what was not taken to the
 *	discard function.  The engine itself keeps no secrets, only pointers.
 *
 * Bounds
 *	Jobs and bytes that were appended and not taken.  The caller says how
 *	many bytes a job counts for, and asks hpn_engine_full() first.
 *
 * Threads
 *	Workers block every signal, have small stacks, and run nothing but the
 *	run function, which must not log, exit, fork, or call anything in here.
 *	Without work they sleep; with work at hand none is woken by a system
 *	call for each job.  Thread creation that fails is no error: the engine
 *	runs with the workers that it got.  With none, a job is run by the main
 *	thread in hpn_engine_submit() and nothing in here makes a system call,
 *	locks or waits.
 *
 * fork()
 *	A handler of fork() (pthread_atfork(3)) first lets workers finish the job
 *	that each is in, one per worker, and starts no other, so that the child
 *	finds every job either untouched or DONE, and no lock of this module, of
 *	malloc or of libcrypto held by a thread that it does not have.  The
 *	parent's workers then go on.  The child has no workers.  A child that the
 *	main thread made may do anything:
 *	- exec or exit;
 *	- free the engine, which waits for nobody and wipes through `discard';
 *	- go on with the engine in the parent's place (a client that goes to the
 *	  background): the main thread runs what is left, or hpn_engine_grow()
 *	  starts workers of the child's own.
 *	If parent and child both sent what is queued, counters would be used
 *	twice; which of them goes on is the caller's business.
 *	hpn_engine_fd() changes in the child.  vfork() and posix_spawn() run no
 *	handlers and need none.
 *
 * exit()
 *	Libraries take their state down in exit(), so workers are brought to rest
 *	before.  From then on nothing but hpn_engine_free() may be called here.
 *	_exit() needs nothing.
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
	 * workers).  Never runs twice at a time under one number, so what is
	 * kept per number needs no lock.  Results, errors included, are left in
	 * the job.
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
 * Stop: workers finish the job that each is in, then end and are joined; jobs
 * not taken are discarded in order.  NULL is fine.
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
 * Append a job (not NULL) that counts for so many bytes.  Workers that sleep
 * are woken when a few jobs have gathered; hpn_engine_kick() after the last job
 * of a batch.  Returns 0, or -1 if the engine is full: the job stays the
 * caller's.
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
 *	1	do not sleep: the oldest job is done or must be run by the main
 *		thread: hpn_engine_wait() returns without sleeping
 *	-1	there is no job
 * Implies hpn_engine_kick().  Taking a job ends it; unasked, workers make no
 * system call for a job that is done.
 */
int hpn_engine_arm(struct hpn_engine *);

/*
 * What to poll for reading; -1 if there are no workers.  To be asked each time,
 * and not to be read: hpn_engine_take(), hpn_engine_wait() and hpn_engine_arm()
 * make it unreadable again.
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
