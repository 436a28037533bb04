/* SPDX-License-Identifier: ISC */
/*
 * hpn-workers-auto: when one direction of a connection gets threads, and how
 * many.
 *
 * Workers help where the main thread is what limits a transfer and the machine
 * has a CPU to spare.  Where both seem to be so it is tried: workers are kept if
 * the transfer is a tenth faster with them than it was without, else they go,
 * and are not tried again for a while.  The user may fix their number instead.
 *
 * Policy: time and machine are passed in.  Compiles without the OpenSSH tree.
 */
#ifndef HPN_WORKERS_AUTO_H
#define HPN_WORKERS_AUTO_H

#include <stddef.h>
#include <stdint.h>

#include "hpn-engine.h"

#define HPN_WORKERS_AUTO	(-2)	/* decide; -1: HPN_OPTION_UNSET */
/* That a user can ask for, of workers as of the threads of cipher-ctr-mt. */
#define HPN_WORKERS_MOST	HPN_ENGINE_WORKERS_MAX

/* Decide after so many bytes, and again after as many. */
#define HPN_WORKERS_EVERY	(64ULL * 1024 * 1024)
/* A trial that failed: the next after so many. */
#define HPN_WORKERS_PAUSE	(8ULL * 1024 * 1024 * 1024)

struct hpn_workers_auto {
	int wanted;		/* by the user; HPN_WORKERS_AUTO */
	unsigned int now;	/* workers, as decided last */
	enum {
		HPN_WORKERS_WATCH,	/* without workers */
		HPN_WORKERS_START,	/* a trial begins: its start counts not */
		HPN_WORKERS_TRY,
		HPN_WORKERS_KEEP
	} state;
	uint64_t bytes;		/* since the last decision */
	uint64_t due;		/* decide at so many */
	uint64_t start_ns;	/* of the last decision; 0: there was none */
	uint64_t start_cpu_ns;
	uint64_t start_idle_ns;
	uint64_t before;	/* bytes per second without workers */
};

struct hpn_workers_facts {
	uint64_t now_ns;	/* of a monotonic clock */
	uint64_t cpu_ns;	/* processor time of the main thread */
	uint64_t idle_ns;	/* that all CPUs together had nothing to do
				 * since some time; 0: not known */
	unsigned int cpus;	/* that this process may use */
	uint64_t cost;		/* ns that one thread takes for 1 MiB */
};

void hpn_workers_auto_init(struct hpn_workers_auto *, int wanted);

/*
 * len bytes of bulk data go through.  Returns whether to call
 * hpn_workers_auto_decide().
 */
int hpn_workers_auto_due(struct hpn_workers_auto *, size_t len);

/* How many workers to have from now on; 0: none, and no engine either. */
unsigned int hpn_workers_auto_decide(struct hpn_workers_auto *,
    const struct hpn_workers_facts *);

/*
 * Nothing has moved for a while: begin anew, without workers unless the user
 * wants them.  Returns how many to have.
 */
unsigned int hpn_workers_auto_idle(struct hpn_workers_auto *);

#endif /* HPN_WORKERS_AUTO_H */
