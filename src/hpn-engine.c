/* SPDX-License-Identifier: ISC */
/* See hpn-engine.h for what this does. */

#include <sys/types.h>
#ifdef __linux__
# include <sys/eventfd.h>
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hpn-engine.h"

/* What different threads write lies this far apart. */
#define LINE		64
/* Enough for libcrypto's deepest frames several times over. */
#define STACK		(256U * 1024)
/*
 * How often to look again before sleeping: one or two microseconds, about what
 * going to sleep and being woken costs.
 */
#define SPIN		40
/* A mark in the claim position: nobody may claim. */
#define PAUSED		(1ULL << 63)
#define NO_JOB		UINT64_MAX

enum { EMPTY = 0, QUEUED, DONE };
/* What the main thread is doing about the oldest job. */
enum { BUSY = 0, ARMED, ASLEEP };

struct slot {
	_Alignas(LINE) atomic_uint state;
	void *job;
	size_t bytes;
};

struct worker {
	struct hpn_engine *e;
	pthread_t thread;
	unsigned int number;
};

struct hpn_engine {
	struct hpn_engine_conf conf;
	struct slot *slots;
	uint64_t mask;			/* of positions: slots - 1 */

	/* The main thread's own. */
	uint64_t first, last;		/* copies of head and tail */
	size_t bytes;			/* of the jobs between them */
	int fd[2];			/* to poll; to write, maybe the same */
	int armed;			/* waiting was set to ARMED */
	uint64_t owed;			/* writes to fd that were not read */
	unsigned int nworkers;
	struct worker workers[HPN_ENGINE_WORKERS_MAX];
	struct hpn_engine *next;	/* of engines; the list's lock */

	/* Written by the main thread, read by all. */
	_Alignas(LINE) _Atomic uint64_t tail;
	_Atomic uint64_t head;
	atomic_int waiting;		/* BUSY, ARMED, ASLEEP */
	_Atomic uint64_t mine;		/* job in which the main thread is */

	/* Written by whoever claims. */
	_Alignas(LINE) _Atomic uint64_t claim;

	/*
	 * Sleep and wake.  A worker runs jobs, is idle (looks for one, or was
	 * told to) or sleeps.  `idle` and `sleeping` count these workers.
	 * `woken` counts those idle ones that were told to wake and have not
	 * noticed yet.  `sleeping` and `woken` change under the lock.
	 * `sleeping` is read without it.
	 */
	_Alignas(LINE) atomic_uint sleeping;
	atomic_uint idle;
	atomic_uint begun;		/* workers that have come to work() */
	unsigned int woken;
	int stop;
	pthread_mutex_t lock;
	pthread_cond_t wake;		/* for workers */
	pthread_cond_t done;		/* for the main thread */
};

/* All engines with workers in this process, for fork() and exit(). */
static pthread_mutex_t engines_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hpn_engine *engines;
static pthread_once_t handlers_once = PTHREAD_ONCE_INIT;

static void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

static void
delay(const struct hpn_engine *e, unsigned int worker)
{
	if (e->conf.delay != NULL)
		e->conf.delay(worker);
}

static struct slot *
slot_at(const struct hpn_engine *e, uint64_t n)
{
	return &e->slots[n & e->mask];
}

/* Jobs that nobody has begun, and that may be begun. */
static uint64_t
unclaimed(struct hpn_engine *e)
{
	uint64_t c = atomic_load(&e->claim);

	return (c & PAUSED) ? 0 : atomic_load(&e->tail) - c;
}

/* The next job that nobody has begun is the caller's: 1, or 0 if none. */
static int
claim_next(struct hpn_engine *e, uint64_t *np)
{
	uint64_t c = atomic_load(&e->claim);

	do {
		/* Paused, it equals no tail; the claim is never beyond it */
		if ((c & PAUSED) || c == atomic_load(&e->tail))
			return 0;
	} while (!atomic_compare_exchange_weak(&e->claim, &c, c + 1));
	*np = c;
	return 1;
}

/* ---- The worker ---- */

/* Job n is done.  Tell the main thread if it waits for this one. */
static void
notify(struct hpn_engine *e, uint64_t n)
{
	int waits = atomic_load(&e->waiting);
	uint64_t one = 1;
	ssize_t r;

	/*
	 * Either this sees that the main thread waits, or the main thread sees
	 * that the job is done: it looks at the job again after setting
	 * e->waiting.
	 */
	if (waits == BUSY || atomic_load(&e->head) != n)
		return;
	if (waits == ASLEEP) {
		(void)pthread_mutex_lock(&e->lock);
		(void)pthread_cond_signal(&e->done);
		(void)pthread_mutex_unlock(&e->lock);
	} else if (atomic_compare_exchange_strong(&e->waiting, &waits, BUSY)) {
		/* An eventfd wants eight bytes; a pipe takes as many */
		do {
			r = write(e->fd[1], &one, sizeof(one));
		} while (r == -1 && errno == EINTR);
	}
}

static void
run(struct hpn_engine *e, uint64_t n, unsigned int number)
{
	struct slot *s = slot_at(e, n);

	delay(e, number);
	e->conf.run(s->job, number);
	delay(e, number);
	/* Nothing of the slot may be touched after this */
	atomic_store(&s->state, DONE);
}

/* Sleep until woken, unless there is work.  Returns 0 to go on, 1 to stop. */
static int
sleep_for_work(struct hpn_engine *e)
{
	int stop;

	(void)pthread_mutex_lock(&e->lock);
	atomic_fetch_add(&e->sleeping, 1);
	atomic_fetch_sub(&e->idle, 1);
	/*
	 * Either this sees the job, or whoever appended it sees that nobody is
	 * idle and comes for the lock.
	 */
	while (!e->stop && unclaimed(e) == 0 && e->woken == 0)
		(void)pthread_cond_wait(&e->wake, &e->lock);
	if (e->woken > 0)
		e->woken--;	/* who said so has counted for us */
	else {
		atomic_fetch_sub(&e->sleeping, 1);
		atomic_fetch_add(&e->idle, 1);
	}
	stop = e->stop;
	(void)pthread_mutex_unlock(&e->lock);
	return stop;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct hpn_engine *e = w->e;
	unsigned int turns;
	uint64_t n;

	atomic_fetch_add(&e->begun, 1);
	do {
		for (turns = 0; turns < SPIN; turns++) {
			delay(e, w->number);
			if (!claim_next(e, &n)) {
				relax();
				continue;
			}
			/* Counted once for all that there is to do */
			atomic_fetch_sub(&e->idle, 1);
			do {
				run(e, n, w->number);
				delay(e, w->number);
				notify(e, n);
			} while (claim_next(e, &n));
			atomic_fetch_add(&e->idle, 1);
			turns = 0;
		}
	} while (!sleep_for_work(e));
	return NULL;
}

/* Wake n workers, or as many as sleep. */
static void
wake(struct hpn_engine *e, uint64_t n)
{
	unsigned int sleeping;

	(void)pthread_mutex_lock(&e->lock);
	sleeping = atomic_load(&e->sleeping);
	for (; n > 0 && sleeping > 0; n--, sleeping--) {
		e->woken++;
		atomic_fetch_add(&e->idle, 1);
		(void)pthread_cond_signal(&e->wake);
	}
	atomic_store(&e->sleeping, sleeping);
	(void)pthread_mutex_unlock(&e->lock);
}

/* ---- fork() and exit() ---- */

/*
 * Let nobody begin a job, and wait until none is being run.  The job in which
 * the main thread itself is, if any, does not count: should it call exit(),
 * it would wait for itself.
 */
static void
pause_engine(struct hpn_engine *e)
{
	struct timespec nap = { 0, 50000 };
	uint64_t claimed, n;
	unsigned int tries = 0;

	claimed = atomic_fetch_or(&e->claim, PAUSED) & ~PAUSED;
	for (n = atomic_load(&e->head); n != claimed; n++) {
		while (atomic_load(&slot_at(e, n)->state) == QUEUED &&
		    atomic_load(&e->mine) != n && atomic_load(&e->head) <= n) {
			if (++tries < 1000)
				(void)sched_yield();
			else
				(void)nanosleep(&nap, NULL);
		}
	}
}

/*
 * A thread that is being started may hold a lock of the code that starts it,
 * for example of a sanitizer's runtime.  A child would find that lock locked
 * for ever.
 */
static void
let_begin(struct hpn_engine *e)
{
	while (atomic_load(&e->begun) < e->nworkers)
		(void)sched_yield();
}

static void
before_fork(void)
{
	struct hpn_engine *e;

	(void)pthread_mutex_lock(&engines_lock);
	for (e = engines; e != NULL; e = e->next) {
		let_begin(e);
		pause_engine(e);
		(void)pthread_mutex_lock(&e->lock);
	}
}

static void
after_fork_parent(void)
{
	struct hpn_engine *e;

	for (e = engines; e != NULL; e = e->next)
		(void)pthread_mutex_unlock(&e->lock);
	for (e = engines; e != NULL; e = e->next) {
		atomic_fetch_and(&e->claim, ~PAUSED);
		/* Those that went to sleep meanwhile */
		wake(e, unclaimed(e));
	}
	(void)pthread_mutex_unlock(&engines_lock);
}

static void
close_fd(struct hpn_engine *e)
{
	if (e->fd[1] != e->fd[0])
		(void)close(e->fd[1]);
	if (e->fd[0] != -1)
		(void)close(e->fd[0]);
	e->fd[0] = e->fd[1] = -1;
	e->armed = 0;
	e->owed = 0;
}

/*
 * The child: this thread is the only one.  Condition variables remember waiters
 * who are not here, and to destroy one would wait for them, so they and the
 * lock are made anew.
 */
static void
after_fork_child(void)
{
	struct hpn_engine *e, *next;

	for (e = engines; e != NULL; e = next) {
		next = e->next;
		e->next = NULL;
		e->nworkers = 0;
		e->woken = 0;
		atomic_store(&e->begun, 0);
		atomic_store(&e->idle, 0);
		atomic_store(&e->sleeping, 0);
		atomic_store(&e->waiting, BUSY);
		atomic_fetch_and(&e->claim, ~PAUSED);
		(void)pthread_mutex_init(&e->lock, NULL);
		(void)pthread_cond_init(&e->wake, NULL);
		(void)pthread_cond_init(&e->done, NULL);
		close_fd(e);	/* it is the parent's as well */
	}
	engines = NULL;
	(void)pthread_mutex_unlock(&engines_lock);
}

static void
before_exit(void)
{
	struct hpn_engine *e;

	(void)pthread_mutex_lock(&engines_lock);
	for (e = engines; e != NULL; e = e->next)
		pause_engine(e);
	(void)pthread_mutex_unlock(&engines_lock);
}

static void
register_handlers(void)
{
	/* If they fail there is no memory, and threads will not start either */
	(void)pthread_atfork(before_fork, after_fork_parent, after_fork_child);
	/* Runs before what was registered earlier: libcrypto's, in particular */
	(void)atexit(before_exit);
}

/* Enter (1) or leave (0) the list of engines that have workers. */
static void
enlist(struct hpn_engine *e, int enter)
{
	struct hpn_engine **p;

	(void)pthread_mutex_lock(&engines_lock);
	for (p = &engines; *p != NULL && *p != e; p = &(*p)->next)
		;
	if (enter && *p == NULL) {
		e->next = NULL;
		*p = e;
	} else if (!enter && *p == e) {
		*p = e->next;
		e->next = NULL;
	}
	(void)pthread_mutex_unlock(&engines_lock);
}

/* ---- The main thread ---- */

static int
open_fd(struct hpn_engine *e)
{
#ifdef __linux__
	e->fd[0] = e->fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return e->fd[0] == -1 ? -1 : 0;
#else
	int i;

	if (pipe(e->fd) == -1) {
		e->fd[0] = e->fd[1] = -1;
		return -1;
	}
	for (i = 0; i < 2; i++) {
		(void)fcntl(e->fd[i], F_SETFD, FD_CLOEXEC);
		(void)fcntl(e->fd[i], F_SETFL,
		    fcntl(e->fd[i], F_GETFL) | O_NONBLOCK);
	}
	return 0;
#endif
}

unsigned int
hpn_engine_grow(struct hpn_engine *e, unsigned int workers)
{
	pthread_attr_t attr;
	sigset_t all, saved;
	struct worker *w;
	int saved_errno = errno;

	if (workers > HPN_ENGINE_WORKERS_MAX)
		workers = HPN_ENGINE_WORKERS_MAX;
	if (workers <= e->nworkers)
		return e->nworkers;
	if (e->fd[0] == -1 && open_fd(e) == -1)
		goto out;
	if (pthread_attr_init(&attr) != 0)
		goto out;
	/* On failure the default size will do */
	(void)pthread_attr_setstacksize(&attr, STACK);
	(void)pthread_once(&handlers_once, register_handlers);
	enlist(e, 1);
	/* A new thread inherits the mask, so there is no moment without it */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &saved);
	while (e->nworkers < workers) {
		w = &e->workers[e->nworkers];
		w->e = e;
		w->number = e->nworkers + 1;
		atomic_fetch_add(&e->idle, 1);
		if ((e->conf.create != NULL ? e->conf.create : pthread_create)
		    (&w->thread, &attr, work, w) != 0) {
			atomic_fetch_sub(&e->idle, 1);
			break;
		}
		e->nworkers++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
	(void)pthread_attr_destroy(&attr);
 out:
	if (e->nworkers == 0) {
		enlist(e, 0);
		close_fd(e);
	}
	errno = saved_errno;
	return e->nworkers;
}

struct hpn_engine *
hpn_engine_new(const struct hpn_engine_conf *conf)
{
	struct hpn_engine *e;
	void *slots;
	size_t n;
	int r;

	if (conf->run == NULL || conf->discard == NULL || conf->jobs == 0 ||
	    conf->jobs > HPN_ENGINE_JOBS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	for (n = 1; n < conf->jobs; n *= 2)
		;
	if ((r = posix_memalign((void **)&e, LINE, sizeof(*e))) != 0) {
		errno = r;
		return NULL;
	}
	if ((r = posix_memalign(&slots, LINE, n * sizeof(struct slot))) != 0) {
		free(e);
		errno = r;
		return NULL;
	}
	memset(e, 0, sizeof(*e));
	memset(slots, 0, n * sizeof(struct slot));
	e->conf = *conf;
	e->slots = slots;
	e->mask = n - 1;
	e->fd[0] = e->fd[1] = -1;
	atomic_store(&e->mine, NO_JOB);
	(void)pthread_mutex_init(&e->lock, NULL);
	(void)pthread_cond_init(&e->wake, NULL);
	(void)pthread_cond_init(&e->done, NULL);
	(void)hpn_engine_grow(e, conf->workers);
	return e;
}

void
hpn_engine_free(struct hpn_engine *e)
{
	unsigned int i;
	struct slot *s;

	if (e == NULL)
		return;
	/* Nobody begins another; who is in one finishes it */
	atomic_fetch_or(&e->claim, PAUSED);
	(void)pthread_mutex_lock(&e->lock);
	e->stop = 1;
	(void)pthread_cond_broadcast(&e->wake);
	(void)pthread_mutex_unlock(&e->lock);
	for (i = 0; i < e->nworkers; i++)
		(void)pthread_join(e->workers[i].thread, NULL);
	enlist(e, 0);
	close_fd(e);
	(void)pthread_cond_destroy(&e->wake);
	(void)pthread_cond_destroy(&e->done);
	(void)pthread_mutex_destroy(&e->lock);
	for (; e->first != e->last; e->first++) {
		s = slot_at(e, e->first);
		e->conf.discard(s->job, atomic_load(&s->state) == DONE);
	}
	free(e->slots);
	free(e);
}

unsigned int
hpn_engine_workers(const struct hpn_engine *e)
{
	return e->nworkers;
}

size_t
hpn_engine_jobs(const struct hpn_engine *e)
{
	return (size_t)(e->last - e->first);
}

size_t
hpn_engine_bytes(const struct hpn_engine *e)
{
	return e->bytes;
}

int
hpn_engine_full(const struct hpn_engine *e)
{
	return e->last != e->first &&
	    (e->last - e->first >= e->conf.jobs || e->bytes >= e->conf.bytes);
}

int
hpn_engine_fd(const struct hpn_engine *e)
{
	return e->fd[0];
}

int
hpn_engine_submit(struct hpn_engine *e, void *job, size_t bytes)
{
	struct slot *s;
	unsigned int sleeping;

	if (hpn_engine_full(e) || bytes > SIZE_MAX - e->bytes)
		return -1;
	s = slot_at(e, e->last);
	s->job = job;
	s->bytes = bytes;
	atomic_store_explicit(&s->state, QUEUED, memory_order_relaxed);
	e->bytes += bytes;
	atomic_store(&e->tail, ++e->last);
	if (e->nworkers == 0) {
		/* A child of fork() may find earlier ones here */
		while (hpn_engine_help(e))
			;
	} else if ((sleeping = atomic_load(&e->sleeping)) > 0 &&
	    unclaimed(e) > 2 * (uint64_t)(e->nworkers - sleeping) + 1) {
		/* More than the main thread and those awake have at hand */
		delay(e, HPN_ENGINE_MAIN);
		wake(e, 1);
	}
	return 0;
}

void
hpn_engine_kick(struct hpn_engine *e)
{
	uint64_t jobs, idle;

	if (e->nworkers == 0 || (jobs = unclaimed(e)) == 0)
		return;
	if (jobs > (idle = atomic_load(&e->idle)) &&
	    atomic_load(&e->sleeping) > 0) {
		delay(e, HPN_ENGINE_MAIN);
		wake(e, jobs - idle);
	}
}

/* The main thread is about to act, so nobody needs to wake it. */
static void
disarm(struct hpn_engine *e)
{
	uint64_t got[16];
	ssize_t r;

	/*
	 * A worker that has not come to it finds out that it need not write.
	 * Another has written, or is about to: what comes late is read later, so
	 * that fd does not stay readable.
	 */
	if (e->armed) {
		e->armed = 0;
		if (atomic_exchange(&e->waiting, BUSY) != ARMED)
			e->owed++;
	}
	if (e->owed > 0 && (r = read(e->fd[0], got, sizeof(got))) > 0) {
#ifdef __linux__
		e->owed -= got[0];		/* an eventfd counts */
#else
		e->owed -= (uint64_t)r / sizeof(got[0]);
#endif
	}
}

static int
oldest_done(struct hpn_engine *e)
{
	return e->first != e->last &&
	    atomic_load(&slot_at(e, e->first)->state) == DONE;
}

/* The oldest job, which is done. */
static void *
take(struct hpn_engine *e)
{
	struct slot *s = slot_at(e, e->first);
	void *job = s->job;

	disarm(e);
	s->job = NULL;
	e->bytes -= s->bytes;
	atomic_store_explicit(&s->state, EMPTY, memory_order_relaxed);
	atomic_store_explicit(&e->head, ++e->first, memory_order_release);
	return job;
}

void *
hpn_engine_take(struct hpn_engine *e)
{
	/* Nobody else would: this is a child of fork() */
	while (e->nworkers == 0 && !oldest_done(e) && hpn_engine_help(e))
		;
	return oldest_done(e) ? take(e) : NULL;
}

int
hpn_engine_help(struct hpn_engine *e)
{
	uint64_t n;

	if (!claim_next(e, &n))
		return 0;
	atomic_store_explicit(&e->mine, n, memory_order_relaxed);
	run(e, n, HPN_ENGINE_MAIN);
	atomic_store_explicit(&e->mine, NO_JOB, memory_order_relaxed);
	return 1;
}

void *
hpn_engine_wait(struct hpn_engine *e)
{
	unsigned int i;

	if (e->first == e->last)
		return NULL;
	while (!oldest_done(e)) {
		delay(e, HPN_ENGINE_MAIN);
		if (hpn_engine_help(e))
			continue;
		/* A worker has begun it */
		for (i = 0; i < SPIN && !oldest_done(e); i++)
			relax();
		if (oldest_done(e))
			break;
		disarm(e);
		(void)pthread_mutex_lock(&e->lock);
		atomic_store(&e->waiting, ASLEEP);
		while (!oldest_done(e))
			(void)pthread_cond_wait(&e->done, &e->lock);
		atomic_store(&e->waiting, BUSY);
		(void)pthread_mutex_unlock(&e->lock);
	}
	return take(e);
}

int
hpn_engine_arm(struct hpn_engine *e)
{
	disarm(e);
	if (e->first == e->last)
		return -1;
	if (e->nworkers == 0 || oldest_done(e))
		return 1;
	hpn_engine_kick(e);
	atomic_store(&e->waiting, ARMED);
	e->armed = 1;
	delay(e, HPN_ENGINE_MAIN);
	if (oldest_done(e)) {
		disarm(e);
		return 1;
	}
	return 0;
}

/* ---- How many workers ---- */

unsigned int
hpn_engine_auto(const struct hpn_engine_facts *f)
{
	uint64_t load, want, most;

	/* The main thread needs a CPU of its own, and so do the others */
	if (f->cpus <= 1 || f->others >= f->cpus - 1)
		return 0;
	most = f->cpus - 1 - f->others;
	if (most > HPN_ENGINE_WORKERS_AUTO_MAX)
		most = HPN_ENGINE_WORKERS_AUTO_MAX;

	/* Sealing and opening at this rate, in thousandths of a CPU */
	if (f->cost != 0 && f->rate > UINT64_MAX / f->cost)
		load = UINT64_MAX / 4;
	else
		load = f->rate * f->cost / (1024 * 1024) / 1000000;
	/*
	 * Small loads stay with the main thread: below an eighth of a CPU a
	 * worker gains nothing measurable.  Workers are given up only below
	 * half of that, so that the number does not change to and fro.
	 */
	if (load < (f->now > 0 ? 62U : 125U))
		return 0;
	/*
	 * Twice what is needed at this rate: with more workers the rate rises,
	 * until something else is what limits it.
	 */
	want = (2 * load + 999) / 1000;
	if (want < f->now)
		want = f->now;
	return (unsigned int)(want > most ? most : want);
}
