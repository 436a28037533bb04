/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-engine and hpn-cpus. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "hpn-cpus.h"
#include "hpn-engine.h"
#include "tests.h"

/* ThreadSanitizer does not bear threads that a child of fork() starts. */
#if defined(__SANITIZE_THREAD__)
# define CHILD_THREADS	0
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define CHILD_THREADS	0
# endif
#endif
#ifndef CHILD_THREADS
# define CHILD_THREADS	1
#endif

#define JOBS	64		/* most jobs in an engine of these tests */
#define UNTIL_MS 20000		/* nothing here takes as long */

/* Work that cannot be done by half, done twice or begun twice unnoticed. */
struct task {
	uint64_t number;
	uint64_t begun, ended;	/* `number` when so; else 0 */
	unsigned int runs;
	uint32_t turns;		/* run: be busy for about as many ns */
	atomic_int *gate;	/* run: wait until this is not 0 */
	atomic_int *opens;	/* run: set this */
	atomic_int *started;	/* run: set this first */
};

static atomic_int in_use[HPN_ENGINE_WORKERS_MAX + 1];
static atomic_int running, overlaps, masked, beyond;
static atomic_uint most_workers;
static atomic_uint discarded, discarded_done;

static void
nap(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* A generator that any thread may use, the same sequence in each run. */
static uint32_t
any(uint32_t below)
{
	static _Atomic uint64_t seed;
	uint64_t z = atomic_fetch_add(&seed, 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ (z >> 31)) >> 16) % below;
}

static void
delay_some(unsigned int worker)
{
	uint32_t n = any(64);

	(void)worker;
	if (n == 0)
		nap((long)any(300));
	else if (n < 8)
		(void)sched_yield();
}

/* What workers of these tests do with a task. */
static void
run_task(void *job, unsigned int worker)
{
	struct task *t = job;
	volatile uint32_t n;
	sigset_t now;

	atomic_fetch_add(&running, 1);
	if (atomic_exchange(&in_use[worker], 1) != 0)
		atomic_store(&overlaps, 1);
	if (worker > atomic_load(&most_workers))
		atomic_store(&beyond, 1);
	if (worker != HPN_ENGINE_MAIN) {
		(void)pthread_sigmask(SIG_SETMASK, NULL, &now);
		if (!sigismember(&now, SIGTERM) || !sigismember(&now, SIGCHLD) ||
		    !sigismember(&now, SIGALRM) || !sigismember(&now, SIGINT))
			atomic_store(&masked, 1);
	}
	if (t->started != NULL)
		atomic_store(t->started, 1);
	t->begun = t->number;
	t->runs++;
	for (n = 0; n < t->turns; n++)
		;
	if (t->gate != NULL) {
		while (!atomic_load(t->gate))
			nap(100);
	}
	if (t->opens != NULL) {
		nap(5000);
		atomic_store(t->opens, 1);
	}
	t->ended = t->number;
	atomic_store(&in_use[worker], 0);
	atomic_fetch_sub(&running, 1);
}

/* The same for a second engine, whose workers have the same numbers. */
static void
run_other(void *job, unsigned int worker)
{
	struct task *t = job;

	(void)worker;
	t->runs++;
	t->begun = t->ended = t->number;
}

static void
discard_task(void *job, int done)
{
	struct task *t = job;

	atomic_fetch_add(&discarded, 1);
	if (done) {
		atomic_fetch_add(&discarded_done, 1);
		ASSERT_U64_EQ(t->ended, t->number);
	} else
		ASSERT_U64_EQ(t->begun, 0);
	ASSERT_U64_EQ(t->begun, t->ended);
	free(t);
}

static struct task *
task(uint64_t number)
{
	struct task *t = calloc(1, sizeof(*t));

	ASSERT_PTR_NE(t, NULL);
	t->number = number;
	t->turns = any(4) == 0 ? any(60000) : any(3000);
	return t;
}

/* A task that was taken: whole, run once, and the one whose turn it was. */
static void
check_task(void *job, uint64_t number)
{
	struct task *t = job;

	ASSERT_PTR_NE(t, NULL);
	ASSERT_U64_EQ(t->number, number);
	ASSERT_U64_EQ(t->begun, number);
	ASSERT_U64_EQ(t->ended, number);
	ASSERT_INT_EQ((int)t->runs, 1);
	free(t);
}

static struct hpn_engine_conf
plain(unsigned int workers)
{
	struct hpn_engine_conf c;

	memset(&c, 0, sizeof(c));
	c.run = run_task;
	c.discard = discard_task;
	c.workers = workers;
	c.jobs = JOBS;
	c.bytes = MB;
	atomic_store(&most_workers, workers);
	return c;
}

static void
check_clean(void)
{
	ASSERT_INT_EQ(atomic_load(&overlaps), 0);
	ASSERT_INT_EQ(atomic_load(&masked), 0);
	ASSERT_INT_EQ(atomic_load(&beyond), 0);
	ASSERT_INT_EQ(atomic_load(&running), 0);
}

static int
readable(struct hpn_engine *e, int ms)
{
	struct pollfd p = { hpn_engine_fd(e), POLLIN, 0 };

	return poll(&p, 1, ms) == 1;
}

static void
until(atomic_int *flag)
{
	int ms;

	for (ms = 0; !atomic_load(flag) && ms < UNTIL_MS; ms++)
		nap(1000);
	ASSERT_INT_EQ(atomic_load(flag), 1);
}

/* Threads of this process, or -1 where that cannot be seen. */
static int
threads(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Put `count` jobs through as a main loop would, by every way there is. */
static void
go_through(struct hpn_engine *e, uint64_t count)
{
	uint64_t in = 0, out = 0;
	void *job;
	uint32_t i, how;
	int r;

	while (out < count) {
		for (i = any(12); i > 0 && in < count && !hpn_engine_full(e);
		    i--) {
			in++;
			ASSERT_INT_EQ(hpn_engine_submit(e, task(in),
			    1 + any(40000)), 0);
		}
		ASSERT_SIZE_T_LE(hpn_engine_jobs(e), JOBS);
		ASSERT_SIZE_T_EQ(hpn_engine_jobs(e), (size_t)(in - out));
		how = any(8);
		if (how == 0)
			(void)hpn_engine_help(e);
		else if (how == 1)
			hpn_engine_kick(e);
		else if (how == 2 && (job = hpn_engine_wait(e)) != NULL)
			check_task(job, ++out);
		else if (how == 3 && (r = hpn_engine_arm(e)) != 1) {
			ASSERT_INT_EQ(r, in == out ? -1 : 0);
			if (r == 0)
				ASSERT_INT_EQ(readable(e, UNTIL_MS), 1);
		}
		while (any(8) != 0 && (job = hpn_engine_take(e)) != NULL)
			check_task(job, ++out);
	}
	ASSERT_PTR_EQ(hpn_engine_take(e), NULL);
	ASSERT_PTR_EQ(hpn_engine_wait(e), NULL);
	ASSERT_INT_EQ(hpn_engine_arm(e), -1);
	ASSERT_SIZE_T_EQ(hpn_engine_bytes(e), 0);
	check_clean();
}

static void
test_order(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	unsigned int n;
	sigset_t before, after;

	TEST_START("engine: each job once and in order, 0 to 8 workers");
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	for (n = 0; n <= 8; n++) {
		test_subtest_info("%u workers", n);
		c = plain(n);
		e = hpn_engine_new(&c);
		ASSERT_PTR_NE(e, NULL);
		ASSERT_INT_EQ((int)hpn_engine_workers(e), (int)n);
		go_through(e, 5000);
		hpn_engine_free(e);
	}
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	ASSERT_INT_EQ(sigismember(&before, SIGTERM),
	    sigismember(&after, SIGTERM));
	TEST_DONE();

	TEST_START("engine: the same, every thread held up at random");
	for (n = 1; n <= 8; n++) {
		test_subtest_info("%u workers", n);
		c = plain(n);
		c.delay = delay_some;
		e = hpn_engine_new(&c);
		go_through(e, 1000);
		hpn_engine_free(e);
	}
	TEST_DONE();

	TEST_START("engine: the most workers, and more are cut");
	c = plain(HPN_ENGINE_WORKERS_MAX);
	c.workers = 1000;
	e = hpn_engine_new(&c);
	ASSERT_INT_EQ((int)hpn_engine_workers(e), HPN_ENGINE_WORKERS_MAX);
	go_through(e, 2000);
	hpn_engine_free(e);
	TEST_DONE();
}

static void
test_bounds(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	struct task *t;
	uint64_t i;

	TEST_START("engine: bounded by jobs, for numbers that no ring has");
	for (c = plain(0); c.jobs > 0; c.jobs = c.jobs > 50 ? 7 : c.jobs - 1) {
		test_subtest_info("%zu jobs", c.jobs);
		e = hpn_engine_new(&c);
		for (i = 1; i <= c.jobs; i++) {
			ASSERT_INT_EQ(hpn_engine_full(e), 0);
			ASSERT_INT_EQ(hpn_engine_submit(e, task(i), 1), 0);
		}
		ASSERT_INT_EQ(hpn_engine_full(e), 1);
		t = task(i);
		ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), -1);
		check_task(hpn_engine_take(e), 1);
		ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
		ASSERT_INT_EQ(hpn_engine_full(e), 1);
		hpn_engine_free(e);
	}
	TEST_DONE();

	TEST_START("engine: bounded by bytes, one large job alone fits");
	c = plain(0);
	c.bytes = 1000;
	e = hpn_engine_new(&c);
	ASSERT_INT_EQ(hpn_engine_submit(e, task(1), SIZE_MAX / 2), 0);
	ASSERT_INT_EQ(hpn_engine_full(e), 1);
	check_task(hpn_engine_take(e), 1);
	ASSERT_SIZE_T_EQ(hpn_engine_bytes(e), 0);
	ASSERT_INT_EQ(hpn_engine_submit(e, task(2), 999), 0);
	ASSERT_INT_EQ(hpn_engine_full(e), 0);
	t = task(3);
	ASSERT_INT_EQ(hpn_engine_submit(e, t, SIZE_MAX), -1);
	ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
	ASSERT_INT_EQ(hpn_engine_full(e), 1);
	ASSERT_SIZE_T_EQ(hpn_engine_bytes(e), 1000);
	ASSERT_SIZE_T_EQ(hpn_engine_jobs(e), 2);
	hpn_engine_free(e);
	TEST_DONE();

	TEST_START("engine: what cannot be is refused");
	c = plain(0);
	c.jobs = 0;
	ASSERT_PTR_EQ(hpn_engine_new(&c), NULL);
	ASSERT_INT_EQ(errno, EINVAL);
	c.jobs = HPN_ENGINE_JOBS_MAX + 1;
	ASSERT_PTR_EQ(hpn_engine_new(&c), NULL);
	c = plain(0);
	c.run = NULL;
	ASSERT_PTR_EQ(hpn_engine_new(&c), NULL);
	hpn_engine_free(NULL);
	TEST_DONE();

	TEST_START("engine: without workers, jobs are run as they come");
	c = plain(0);
	e = hpn_engine_new(&c);
	ASSERT_INT_EQ(hpn_engine_fd(e), -1);
	ASSERT_INT_EQ(hpn_engine_arm(e), -1);
	t = task(1);
	ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
	ASSERT_U64_EQ(t->ended, 1);
	ASSERT_INT_EQ(hpn_engine_arm(e), 1);
	ASSERT_INT_EQ(hpn_engine_help(e), 0);
	check_task(hpn_engine_take(e), 1);
	hpn_engine_free(e);
	TEST_DONE();
}

static void
test_wakeups(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	struct task *t;
	atomic_int first = 0, second = 0, begun[2] = { 0, 0 };
	int i;

	TEST_START("engine: readable when the oldest is done, if asked");
	c = plain(2);
	e = hpn_engine_new(&c);
	for (i = 0; i < 20; i++) {
		atomic_store(&first, 0);
		atomic_store(&second, 0);
		atomic_store(&begun[0], 0);
		atomic_store(&begun[1], 0);
		t = task(1);
		t->gate = &first;
		t->started = &begun[0];
		ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
		t = task(2);
		t->started = &begun[1];
		t->opens = &second;
		ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
		ASSERT_INT_EQ(hpn_engine_arm(e), 0);
		until(&begun[0]);
		until(&second);
		/* the younger one is done, or as good as */
		ASSERT_INT_EQ(readable(e, 2), 0);
		ASSERT_PTR_EQ(hpn_engine_take(e), NULL);
		atomic_store(&first, 1);
		ASSERT_INT_EQ(readable(e, UNTIL_MS), 1);
		check_task(hpn_engine_take(e), 1);
		check_task(hpn_engine_wait(e), 2);
		ASSERT_INT_EQ(hpn_engine_arm(e), -1);
		ASSERT_INT_EQ(readable(e, 0), 0);
	}
	hpn_engine_free(e);
	TEST_DONE();

	TEST_START("engine: never readable when not asked");
	e = hpn_engine_new(&c);
	for (i = 1; i <= 200; i++) {
		ASSERT_INT_EQ(hpn_engine_submit(e, task((uint64_t)i), 1), 0);
		hpn_engine_kick(e);
		check_task(hpn_engine_wait(e), (uint64_t)i);
		ASSERT_INT_EQ(readable(e, 0), 0);
	}
	hpn_engine_free(e);
	TEST_DONE();

	TEST_START("engine: a worker is woken for a single job");
	e = hpn_engine_new(&c);
	for (i = 1; i <= 200; i++) {
		if (i % 8 == 0)
			nap(2000);	/* they sleep */
		ASSERT_INT_EQ(hpn_engine_submit(e, task((uint64_t)i), 1), 0);
		if (hpn_engine_arm(e) == 0)
			ASSERT_INT_EQ(readable(e, UNTIL_MS), 1);
		check_task(hpn_engine_take(e), (uint64_t)i);
	}
	hpn_engine_free(e);
	TEST_DONE();

	TEST_START("engine: waiting sleeps until a worker is done");
	e = hpn_engine_new(&c);
	for (i = 0; i < 20; i++) {
		atomic_store(&first, 0);
		atomic_store(&begun[0], 0);
		atomic_store(&begun[1], 0);
		t = task(1);
		t->gate = &first;
		t->started = &begun[0];
		ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
		t = task(2);
		t->opens = &first;
		t->started = &begun[1];
		ASSERT_INT_EQ(hpn_engine_submit(e, t, 1), 0);
		hpn_engine_kick(e);
		until(&begun[0]);
		until(&begun[1]);
		check_task(hpn_engine_wait(e), 1);
		check_task(hpn_engine_wait(e), 2);
	}
	hpn_engine_free(e);
	check_clean();
	TEST_DONE();
}

static void
test_free(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	unsigned int in, out, i;
	int before, after;

	TEST_START("engine: freed at any time, no job lost, no thread left");
	before = threads();
	for (i = 0; i < 300; i++) {
		test_subtest_info("round %u", i);
		c = plain(i % 9);
		c.delay = i % 3 == 0 ? delay_some : NULL;
		atomic_store(&discarded, 0);
		e = hpn_engine_new(&c);
		out = 0;
		for (in = 0; in < any(JOBS); in++)
			ASSERT_INT_EQ(hpn_engine_submit(e, task(in + 1),
			    1), 0);
		if (i % 2 == 0)
			nap((long)any(200));
		if (i % 5 == 0)
			(void)hpn_engine_arm(e);
		while (any(4) != 0 && out < in)
			check_task(hpn_engine_wait(e), ++out);
		hpn_engine_free(e);
		ASSERT_INT_EQ((int)(atomic_load(&discarded) + out), (int)in);
		check_clean();
	}
	for (i = 0; (after = threads()) != before && i < 2000; i++)
		nap(1000);	/* the kernel is slower than pthread_join() */
	ASSERT_INT_EQ(after, before);
	TEST_DONE();
}

static int creations;

/* In place of pthread_create: so many succeed, then none. */
static int
create_some(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *),
    void *arg)
{
	if (creations == 0)
		return EAGAIN;
	creations--;
	return pthread_create(t, a, f, arg);
}

static void
test_refused(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e;
	int n;

	TEST_START("engine: with the threads that it gets");
	for (n = 0; n <= 4; n++) {
		test_subtest_info("%d threads", n);
		c = plain(4);
		c.create = create_some;
		creations = n;
		atomic_store(&most_workers, (unsigned int)n);
		e = hpn_engine_new(&c);
		ASSERT_PTR_NE(e, NULL);
		ASSERT_INT_EQ((int)hpn_engine_workers(e), n);
		ASSERT_INT_EQ(hpn_engine_fd(e) == -1, n == 0);
		go_through(e, 1000);
		/* and with more when they can be had */
		creations = 2;
		atomic_store(&most_workers, (unsigned int)n + 2);
		ASSERT_INT_EQ((int)hpn_engine_grow(e, 64), n + 2);
		ASSERT_INT_EQ((int)hpn_engine_grow(e, 1), n + 2);
		go_through(e, 1000);
		hpn_engine_free(e);
	}
	TEST_DONE();
}

/* ---- fork() and exit() ---- */

static int exit_checks;

/*
 * Registered before any engine was made, so it runs after the engine's own: as
 * a library's would.
 */
static void
at_exit(void)
{
	if (exit_checks) {
		if (atomic_load(&running) != 0)
			_exit(1);
		nap(3000);	/* and nobody begins again */
		_exit(atomic_load(&running) == 0 ? 0 : 1);
	}
}

static void
forget_running(void)
{
	int i;

	atomic_store(&running, 0);
	for (i = 0; i <= HPN_ENGINE_WORKERS_MAX; i++)
		atomic_store(&in_use[i], 0);
}

/* What the child does with the engine; never returns. */
static void
child(struct hpn_engine *e, uint64_t out, uint64_t in, uint32_t how)
{
	char *const argv[] = { (char *)"true", NULL };
	void *job;

	alarm(60);	/* a hang is a failure */
	if (atomic_load(&running) != 0)
		_exit(10);	/* somebody was in a job when it happened */
	forget_running();
	if (how == 0)
		_exit(0);
	if (how == 1) {
		execvp("true", argv);
		_exit(11);
	}
	if (hpn_engine_workers(e) != 0 || hpn_engine_fd(e) != -1)
		_exit(12);
	if (hpn_engine_jobs(e) != in - out)
		_exit(13);
	if (how == 2) {		/* check_task() aborts */
		while ((job = any(2) ? hpn_engine_wait(e) :
		    hpn_engine_take(e)) != NULL)
			check_task(job, ++out);
		if (out != in)
			_exit(14);
		go_through(e, 200);
	}
	if (how == 3 && CHILD_THREADS) {
		/* beside jobs that it inherited */
		atomic_store(&most_workers, 2);
		if (hpn_engine_grow(e, 2) != 2)
			_exit(15);
		while ((job = hpn_engine_wait(e)) != NULL)
			check_task(job, ++out);
		if (out != in)
			_exit(16);
		go_through(e, 500);
	}
	atomic_store(&discarded, 0);
	in = hpn_engine_jobs(e);
	hpn_engine_free(e);
	_exit(atomic_load(&discarded) == in ? 0 : 17);
}

static void
check_child(pid_t pid)
{
	int status = -1;

	ASSERT_INT_NE((int)pid, -1);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	ASSERT_INT_EQ(WIFEXITED(status), 1);
	ASSERT_INT_EQ(WEXITSTATUS(status), 0);
}

static void
test_fork(void)
{
	struct hpn_engine_conf c;
	struct hpn_engine *e, *other;
	struct task *t;
	uint64_t in, out;
	void *job;
	pid_t pid;
	uint32_t round, i;

	TEST_START("engine: fork with workers running, parent and child go on");
	fflush(NULL);
	for (round = 0; round < 60; round++) {
		test_subtest_info("round %u, child %u", round, round % 5);
		c = plain(round % 8 + 1);
		c.delay = delay_some;
		e = hpn_engine_new(&c);
		c.run = run_other;
		other = hpn_engine_new(&c);
		ASSERT_INT_EQ(hpn_engine_submit(other, task(1), 1), 0);
		in = out = 0;
		for (i = any(JOBS - 20) + 20; i > 0; i--)
			ASSERT_INT_EQ(hpn_engine_submit(e, task(++in), 1), 0);
		nap((long)any(400));
		while (any(4) != 0 && (job = hpn_engine_take(e)) != NULL)
			check_task(job, ++out);
		if (round % 2)
			(void)hpn_engine_arm(e);
		if ((pid = fork()) == 0)
			child(e, out, in, round % 5);
		while ((job = hpn_engine_wait(e)) != NULL)
			check_task(job, ++out);
		ASSERT_U64_EQ(out, in);
		go_through(e, 100);
		check_child(pid);
		hpn_engine_free(e);
		hpn_engine_free(other);
	}
	TEST_DONE();

	TEST_START("engine: fork again and again, no job waits for long");
	c = plain(2);
	e = hpn_engine_new(&c);
	in = out = 0;
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 10; i++)
			ASSERT_INT_EQ(hpn_engine_submit(e, task(++in), 1), 0);
		if ((pid = fork()) == 0)
			_exit(0);
		check_child(pid);
		while ((job = hpn_engine_wait(e)) != NULL)
			check_task(job, ++out);
		ASSERT_U64_EQ(out, in);
	}
	hpn_engine_free(e);
	TEST_DONE();

	if (!CHILD_THREADS) {
		printf("skipped under ThreadSanitizer, where a child cannot "
		    "start threads: exit with workers running, workers of a "
		    "child's own\n");
		return;
	}
	TEST_START("engine: exit brings workers to rest first");
	for (round = 0; round < 10; round++) {
		if ((pid = fork()) == 0) {
			alarm(60);
			exit_checks = 1;
			c = plain(3);
			c.delay = delay_some;
			e = hpn_engine_new(&c);
			for (i = 1; i <= JOBS; i++) {
				t = task(i);
				t->turns = 3000000;	/* milliseconds */
				(void)hpn_engine_submit(e, t, 1);
			}
			nap((long)any(300));
			exit(2);	/* at_exit() says 0 or 1 */
		}
		check_child(pid);
	}
	TEST_DONE();
}

/* ---- Policy ---- */

static unsigned int
decide(unsigned int cpus, uint64_t rate, uint64_t cost, unsigned int others,
    unsigned int now)
{
	struct hpn_engine_facts f = { cpus, rate, cost, others, now };

	test_subtest_info("cpus %u rate %llu cost %llu others %u now %u", cpus,
	    (unsigned long long)rate, (unsigned long long)cost, others, now);
	return hpn_engine_auto(&f);
}

static void
test_auto(void)
{
	const uint64_t cost = 400000;	/* ns per MiB: 2.6 GB/s a thread */
	uint64_t rate;
	unsigned int cpus, others, n, last;

	TEST_START("engine: how many workers by itself");
	/* nothing to do, or one CPU */
	ASSERT_INT_EQ((int)decide(16, 0, cost, 0, 0), 0);
	ASSERT_INT_EQ((int)decide(0, 1000 * (uint64_t)MB, cost, 0, 0), 0);
	ASSERT_INT_EQ((int)decide(1, 1000 * (uint64_t)MB, cost, 0, 0), 0);
	/* a gigabit link needs none, ten of them do */
	ASSERT_INT_EQ((int)decide(8, 118 * (uint64_t)MB, cost, 0, 0), 0);
	ASSERT_INT_EQ((int)decide(8, 1180 * (uint64_t)MB, cost, 0, 0), 1);
	ASSERT_INT_EQ((int)decide(8, 5000 * (uint64_t)MB, cost, 0, 1), 4);
	ASSERT_INT_EQ((int)decide(2, 1180 * (uint64_t)MB, cost, 0, 0), 1);
	/* an old CPU needs them sooner */
	ASSERT_INT_EQ((int)decide(8, 118 * (uint64_t)MB, 8000000, 0, 0), 2);
	/* those who work already count */
	ASSERT_INT_EQ((int)decide(2, 1180 * (uint64_t)MB, cost, 1, 0), 0);
	ASSERT_INT_EQ((int)decide(4, 9000 * (uint64_t)MB, cost, 2, 0), 1);
	/* does not go to and fro */
	ASSERT_INT_EQ((int)decide(8, 250 * (uint64_t)MB, cost, 0, 3), 3);
	ASSERT_INT_EQ((int)decide(8, 100 * (uint64_t)MB, cost, 0, 3), 0);
	/* nothing overflows */
	ASSERT_INT_EQ((int)decide(64, UINT64_MAX, UINT64_MAX, 0, 0),
	    HPN_ENGINE_WORKERS_AUTO_MAX);
	ASSERT_INT_EQ((int)decide(~0U, UINT64_MAX, 1, ~0U - 2, ~0U), 1);
	TEST_DONE();

	TEST_START("engine: more rate never means fewer workers");
	for (cpus = 0; cpus < 20; cpus++)
		for (others = 0; others < 4; others++) {
			last = 0;
			for (rate = 1; rate < UINT64_MAX / 2; rate *= 2) {
				n = decide(cpus, rate, cost, others, 0);
				ASSERT_INT_GE((int)n, (int)last);
				ASSERT_INT_LE((int)n,
				    HPN_ENGINE_WORKERS_AUTO_MAX);
				ASSERT_INT_LE((int)(n + others) * (n > 0),
				    (int)cpus - 1 < 0 ? 0 : (int)cpus - 1);
				last = n;
			}
		}
	TEST_DONE();
}

/* ---- hpn-cpus ---- */

static void
put_file(const char *folder, const char *name, const char *text)
{
	char path[1024], *p;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (p = path + strlen(folder) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(path, 0700) == -1)
			ASSERT_INT_EQ(errno, EEXIST);
		*p = '/';
	}
	f = fopen(path, "w");
	ASSERT_PTR_NE(f, NULL);
	ASSERT_INT_GE(fputs(text, f), 0);
	ASSERT_INT_EQ(fclose(f), 0);
}

static unsigned int
groups(const char *folder, const char *text)
{
	char self[1024], mount[1024];

	put_file(folder, "self", text);
	(void)snprintf(self, sizeof(self), "%s/self", folder);
	(void)snprintf(mount, sizeof(mount), "%s/m", folder);
	return hpn_cpus_groups(self, mount);
}

static void
remove_all(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char path[2048];

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		if (unlink(path) != 0)
			remove_all(path);
	}
	closedir(d);
	(void)rmdir(folder);
}

static void
test_cpus(void)
{
	static const struct {
		const char *text;
		unsigned int limit;
	} max[] = {
		{ "max 100000\n", HPN_CPUS_UNLIMITED }, { "max\n", HPN_CPUS_UNLIMITED },
		{ "100000 100000\n", 1000 }, { "150000 100000", 1500 },
		{ "50000\n", 500 }, { "1 1000000", 0 }, { "", HPN_CPUS_UNLIMITED },
		{ "0 100000", HPN_CPUS_UNLIMITED }, { "5 0", HPN_CPUS_UNLIMITED },
		{ "-1 100000", HPN_CPUS_UNLIMITED }, { "1e5 100000", HPN_CPUS_UNLIMITED },
		{ "100000 100000 7", HPN_CPUS_UNLIMITED },
		{ "99999999999999999999999 1", HPN_CPUS_UNLIMITED },
		{ "4294967295 1", HPN_CPUS_UNLIMITED },
	};
	const char *v1 = "12:pids:/a\n4:cpuset:/no\n3:cpu,cpuacct:/x/y\n0::/u/v\n";
	char path[16], *folder;
	size_t i;
	unsigned int n;
#ifdef __linux__
	cpu_set_t saved, one;
#endif

	TEST_START("cpus: what a control group's files say");
	for (i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
		test_subtest_info("\"%s\"", max[i].text);
		ASSERT_U32_EQ(hpn_cpus_parse_max(max[i].text), max[i].limit);
	}
	ASSERT_U32_EQ(hpn_cpus_parse_quota("-1\n", "100000\n"), HPN_CPUS_UNLIMITED);
	ASSERT_U32_EQ(hpn_cpus_parse_quota("250000\n", "100000\n"), 2500);
	ASSERT_U32_EQ(hpn_cpus_parse_quota("250000 1\n", "100000\n"),
	    HPN_CPUS_UNLIMITED);
	ASSERT_U32_EQ(hpn_cpus_parse_quota("250000", ""), HPN_CPUS_UNLIMITED);
	TEST_DONE();

	TEST_START("cpus: which group this process is in");
	ASSERT_INT_EQ(hpn_cpus_parse_group(v1, 2, path, sizeof(path)), 0);
	ASSERT_STRING_EQ(path, "/u/v");
	ASSERT_INT_EQ(hpn_cpus_parse_group(v1, 1, path, sizeof(path)), 0);
	ASSERT_STRING_EQ(path, "/x/y");
	ASSERT_INT_EQ(hpn_cpus_parse_group("0::/", 1, path, sizeof(path)), -1);
	ASSERT_INT_EQ(hpn_cpus_parse_group("1:cpu:/", 2, path, sizeof(path)), -1);
	ASSERT_INT_EQ(hpn_cpus_parse_group("1:cpuacct,cpu:/q", 1, path,
	    sizeof(path)), 0);
	ASSERT_STRING_EQ(path, "/q");
	ASSERT_INT_EQ(hpn_cpus_parse_group("", 2, path, sizeof(path)), -1);
	ASSERT_INT_EQ(hpn_cpus_parse_group("\n::\n:\n0::", 2, path,
	    sizeof(path)), -1);
	ASSERT_INT_EQ(hpn_cpus_parse_group("0::/0123456789abcde", 2, path,
	    sizeof(path)), -1);
	ASSERT_INT_EQ(hpn_cpus_parse_group("0::/0123456789abcd", 2, path,
	    sizeof(path)), 0);
	TEST_DONE();

	TEST_START("cpus: the least of the groups on the way up");
	ASSERT_PTR_NE(folder = new_folder(), NULL);
	put_file(folder, "m/cpu.max", "max 100000\n");
	put_file(folder, "m/u/cpu.max", "300000 100000\n");
	put_file(folder, "m/u/v/cpu.max", "700000 100000\n");
	put_file(folder, "m/u/w/cpu.max", "200000 100000\n");
	put_file(folder, "m/cpu/x/cpu.cfs_quota_us", "150000\n");
	put_file(folder, "m/cpu/x/cpu.cfs_period_us", "100000\n");
	put_file(folder, "m/cpu/x/y/cpu.cfs_quota_us", "-1\n");
	put_file(folder, "m/cpu/x/y/cpu.cfs_period_us", "100000\n");
	ASSERT_U32_EQ(groups(folder, "0::/u/v\n"), 3000);
	ASSERT_U32_EQ(groups(folder, "0::/u/w\n"), 2000);
	ASSERT_U32_EQ(groups(folder, "0::/\n"), HPN_CPUS_UNLIMITED);
	ASSERT_U32_EQ(groups(folder, "0::/u/not/here\n"), 3000);
	ASSERT_U32_EQ(groups(folder, v1), 1500);
	ASSERT_U32_EQ(groups(folder, "1:cpu:/elsewhere\n"), HPN_CPUS_UNLIMITED);
	/* the container's own, though its path is the host's */
	put_file(folder, "m/cpu/cpu.cfs_quota_us", "100000\n");
	put_file(folder, "m/cpu/cpu.cfs_period_us", "100000\n");
	ASSERT_U32_EQ(groups(folder, "1:cpu:/elsewhere\n"), 1000);
	remove_all(folder);
	free(folder);
	ASSERT_U32_EQ(hpn_cpus_groups("/nonexistent", "/nonexistent"),
	    HPN_CPUS_UNLIMITED);
	TEST_DONE();

	TEST_START("cpus: at least one, at most what there is");
	n = hpn_cpus();
	ASSERT_U32_GE(n, 1);
	ASSERT_LONG_LONG_LE(n, sysconf(_SC_NPROCESSORS_CONF));
#ifdef __linux__
	ASSERT_INT_EQ(sched_getaffinity(0, sizeof(saved), &saved), 0);
	CPU_ZERO(&one);
	for (i = 0; !CPU_ISSET(i, &saved); i++)
		;
	CPU_SET(i, &one);
	ASSERT_INT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
	n = hpn_cpus();
	ASSERT_INT_EQ(sched_setaffinity(0, sizeof(saved), &saved), 0);
	ASSERT_U32_EQ(n, 1);
#endif
	TEST_DONE();
}

void
test_engine(void)
{
	/* before any engine is made */
	ASSERT_INT_EQ(atexit(at_exit), 0);
	test_order();
	test_bounds();
	test_wakeups();
	test_free();
	test_refused();
	test_fork();
	test_auto();
	test_cpus();
}
