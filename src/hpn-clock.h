/* SPDX-License-Identifier: ISC */
/* hpn-clock: how long something takes, nanoseconds.  A difference means something. */
#ifndef HPN_CLOCK_H
#define HPN_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Of a monotonic clock; 0 where there is none. */
static inline uint64_t
hpn_clock_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

#endif /* HPN_CLOCK_H */
