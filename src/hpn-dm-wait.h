/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-wait: whether and when to try again after a failure of the server or
 * of the connection.
 *
 * Waiting ends when something works, or after the user's limit (-T), counted from
 * the first failure.  If the cause of a failure is unknown, there are only
 * HPN_DM_WAIT_TRIES attempts.  It may be a quota, or a server that only says
 * "failure".
 * Policy only: time is passed in, nanoseconds of a clock that only rises.
 */
#ifndef HPN_DM_WAIT_H
#define HPN_DM_WAIT_H

#include <stdint.h>

#define HPN_DM_WAIT_TRIES	10U

enum hpn_dm_wait_cause {
	HPN_DM_WAIT_FULL,	/* the file system has no space */
	HPN_DM_WAIT_UNTOLD,	/* it has: a quota? or the server cannot tell */
	HPN_DM_WAIT_LINE	/* no connection */
};

struct hpn_dm_wait {
	uint64_t limit_ns;	/* 0: never wait */
	uint64_t since_ns;	/* of the first failure */
	uint64_t delay_ns;	/* the last one */
	unsigned int tries;	/* failures whose cause was not told */
	int waiting;
	enum hpn_dm_wait_cause cause;
};

/* Nothing has failed yet; wait at most so many seconds. */
void hpn_dm_wait_begin(struct hpn_dm_wait *, uint64_t limit_s);

/*
 * It failed.  1: try again in *delay_ns (first a second, then longer, at most 5
 * seconds, 30 for a line); 0: give up.
 */
int hpn_dm_wait_failed(struct hpn_dm_wait *, enum hpn_dm_wait_cause,
    uint64_t now_ns, uint64_t *delay_ns);

/*
 * How long a connection that is being made may stay silent, ns.  The first may
 * wait for a person who types a password: as long as is waited at all, and for
 * 30 seconds at least.  A later one (again) is given up after a minute at most,
 * so that another can be tried.
 */
uint64_t hpn_dm_wait_silence(const struct hpn_dm_wait *, int again);

/* It worked.  Returns how long it had not worked; 0 if nothing had failed. */
uint64_t hpn_dm_wait_worked(struct hpn_dm_wait *, uint64_t now_ns);

#endif /* HPN_DM_WAIT_H */
