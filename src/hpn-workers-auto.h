/* SPDX-License-Identifier: ISC */
/*
 * hpn-workers-auto: when one direction of a connection gets threads, and how
 * many.
 *
 * Workers help if the main thread limits a transfer and the machine has an idle
 * CPU.  If both seem true, a trial begins.  Workers stay if the transfer is a
 * tenth faster with them than without.  Otherwise they end, and the next trial
 * comes much later.  The user may fix their number instead.
 *
 * Policy: time and machine are passed in.  Compiles without the OpenSSH tree.
 */
#ifndef HPN_WORKERS_AUTO_H
#define HPN_WORKERS_AUTO_H

#include <stddef.h>
#include <stdint.h>

#include "hpn-engine.h"

#define HPN_WORKERS_AUTO	(-2)	/* decide; -1: HPN_OPTION_UNSET */
/* The most workers, and threads of cipher-ctr-mt, that a user can ask for. */
#define HPN_WORKERS_MOST	HPN_ENGINE_WORKERS_MAX

/* Decide each time that so many bytes went through. */
#define HPN_WORKERS_EVERY	(64ULL * 1024 * 1024)
/* After a trial that failed, the next one begins after so many bytes. */
#define HPN_WORKERS_PAUSE	(8ULL * 1024 * 1024 * 1024)

struct hpn_workers_auto {
	int wanted;		/* by the user; HPN_WORKERS_AUTO */
	unsigned int now;	/* workers, as decided last */
	enum {
		HPN_WORKERS_WATCH,	/* without workers */
		HPN_WORKERS_START,	/* a trial begins; these bytes do not
					 * count */
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
	uint64_t idle_ns;	/* idle time of all CPUs together, since any
				 * fixed moment; 0: not known */
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
 * Nothing has moved for a while: start over, without workers unless the user
 * wants them.  Returns how many to have.
 */
unsigned int hpn_workers_auto_idle(struct hpn_workers_auto *);

/* How many threads cipher-ctr-mt may start unasked on a machine with `cpus`. */
unsigned int hpn_workers_auto_ring(unsigned int cpus);

#endif /* HPN_WORKERS_AUTO_H */
