/* SPDX-License-Identifier: ISC */
/*
 * hpn-happy: when to try which of a host's addresses (RFC 8305, "Happy Eyeballs
 * Version 2").
 *
 * The addresses of both families take turns.  The next is tried when the one
 * before has failed, or has not answered within a delay.  All that were begun
 * stay in the race, and the first that answers wins.
 *
 * Numbers in, decisions out: no sockets, no clock.  Times are milliseconds of a
 * clock that never goes back.
 */
#ifndef HPN_HAPPY_H
#define HPN_HAPPY_H

#include <stdint.h>

/* More addresses of a host than these are not tried. */
#define HPN_HAPPY_MOST	32

enum hpn_happy_state {
	HPN_HAPPY_WAITING,
	HPN_HAPPY_TRYING,
	HPN_HAPPY_FAILED
};

struct hpn_happy {
	int n;			/* how many addresses */
	int begun;		/* so many of them, in order */
	int64_t delay;		/* between two beginnings */
	int64_t patience;	/* for one address; 0: without end */
	int64_t last;		/* when the last one began */
	struct {
		enum hpn_happy_state state;
		int64_t since;	/* when it began */
	} one[HPN_HAPPY_MOST];
};

/*
 * The order in which to try n addresses, at most HPN_HAPPY_MOST.  families[]
 * has their families, any numbers, in the resolver's order (RFC 6724).
 * order[] receives their indices.  The families take turns, beginning with the
 * first.
 */
void hpn_happy_order(const int *families, int n, int *order);

/* Begin a race of n addresses.  delay and patience as in struct hpn_happy. */
void hpn_happy_init(struct hpn_happy *, int n, int64_t delay,
    int64_t patience);

/* The one that is to begin now, by its place in the order; -1: none. */
int hpn_happy_begin(struct hpn_happy *, int64_t now);

/* It has failed, or cannot be tried at all. */
void hpn_happy_failed(struct hpn_happy *, int i);

/* An address that took too long, which now counts as failed; -1: none. */
int hpn_happy_late(struct hpn_happy *, int64_t now);

/* Milliseconds until there is something to ask for; -1: only answers count. */
int64_t hpn_happy_wait(const struct hpn_happy *, int64_t now);

/* All have failed. */
int hpn_happy_lost(const struct hpn_happy *);

#endif /* HPN_HAPPY_H */
