/* SPDX-License-Identifier: ISC */
/*
 * hpn-clock: how long something takes, in nanoseconds.  Only differences
 * between two values have a meaning.  All our files use it.
 */
#ifndef HPN_CLOCK_H
#define HPN_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Of this clock; 0 where there is none. */
static inline uint64_t
hpn_clock_of(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* Of a monotonic clock. */
static inline uint64_t
hpn_clock_ns(void)
{
	return hpn_clock_of(CLOCK_MONOTONIC);
}

#endif /* HPN_CLOCK_H */
