/* SPDX-License-Identifier: ISC */
/*
 * hpn-connections: how many TCP connections a job that copies files uses, and how
 * much is under way in each.
 *
 * Loss, and a limit for each flow, slow down a connection and not the path: several
 * share the work then.  Each is a lane (hpn-lanes.h) behind an ssh of its own.
 *
 * Policy only: no descriptor, no clock, no memory of its own.  Bytes, and
 * nanoseconds.
 */
#ifndef HPN_CONNECTIONS_H
#define HPN_CONNECTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "hpn-lanes.h"

#define HPN_CONNECTIONS_MAX	10
/*
 * So many are on their way at most: fewer than sshd lets be unauthenticated at a
 * time (10, see MaxStartups in sshd_config(5)).
 */
#define HPN_CONNECTIONS_COMING	6
/* One that takes longer to be there is given up. */
#define HPN_CONNECTIONS_WAIT_NS	30000000000ULL
/*
 * One that owes answers and says nothing for so long, while others do, is as good
 * as dead.
 */
#define HPN_CONNECTIONS_DEAD_NS	15000000000ULL

/* ------------------------------------------------------------- how many -- */

struct hpn_connections {
	unsigned int most;	/* with the first; 0 or 1: no further ones */
	unsigned int use;	/* that there should be */
	int adapt;		/* use is still being looked for */
	int stopped;		/* no others are to be made */
	/* its own */
	uint64_t best;		/* rate of one less than use, bytes a second */
	uint64_t bytes, ns;	/* of the time that is being looked at */
	uint64_t settle;	/* so long the newest one gets going */
};

/* most: as hpn_connections_option(); adapt: begin with one. */
void hpn_connections_init(struct hpn_connections *, unsigned int most,
    int adapt);

/*
 * How many to begin now: ready are there, the first among them, and so many are
 * coming.  One first, and if that came all others, a few at a time.
 */
unsigned int hpn_connections_begin(const struct hpn_connections *,
    unsigned int ready, unsigned int coming);

/* One could not be had, and none will be asked for. */
void hpn_connections_stop(struct hpn_connections *, unsigned int ready);

/*
 * adapt: in so many nanoseconds ready ones brought these bytes; left are still to
 * be moved.
 */
void hpn_connections_moved(struct hpn_connections *, unsigned int ready,
    uint64_t bytes, uint64_t ns, uint64_t rtt_ns, uint64_t left);

/*
 * What so many files and bytes are worth, in bytes: a file costs as much as these
 * do, however small it is.
 */
#define HPN_CONNECTIONS_FILE	(16U * 1024)
uint64_t hpn_connections_left(uint64_t files, uint64_t bytes);

/* -------------------------------------------------- how much in each one -- */

/*
 * What is under way in a connection: what it brings in two round trips.  In the
 * beginning it is twice as much, since TCP doubles it with each one.
 */
#ifndef HPN_CONNECTIONS_LEAST
# define HPN_CONNECTIONS_LEAST	(512U * 1024)
#endif
/* ... and at least, where what waits to be sent is counted. */
#ifndef HPN_CONNECTIONS_FEED_LEAST
# define HPN_CONNECTIONS_FEED_LEAST	(128U * 1024)
#endif
#ifndef HPN_CONNECTIONS_MOST
# define HPN_CONNECTIONS_MOST	(64U * 1024 * 1024)
#endif

/* So much waits to be sent at most, or what half a round trip brings. */
#define HPN_CONNECTIONS_QUEUE	(256U * 1024)

struct hpn_connections_window {
	uint64_t window;
	uint64_t begun_ns;	/* of the round, 0: there is none */
	uint64_t bytes;		/* in it */
	uint64_t most;		/* of late, in a round trip */
	uint64_t usual;		/* the mean of late, in a round trip; 0: unknown */
	unsigned int still;	/* rounds without growth, until it grows no more */
};

void hpn_connections_window_init(struct hpn_connections_window *);
/* These bytes were moved by now; the shortest round trip is rtt_ns. */
void hpn_connections_window_moved(struct hpn_connections_window *,
    uint64_t bytes, uint64_t now_ns, uint64_t rtt_ns);
/* Whether len more may be under way where so many are. */
int hpn_connections_window_may(const struct hpn_connections_window *,
    uint64_t under_way, size_t len);
/*
 * The same where it is known that of these, queued bytes still wait to be sent.  More
 * may be unanswered then.  A lost packet keeps back the answers to all behind it, and
 * TCP must not lack data meanwhile, nor while it starts.
 */
int hpn_connections_window_feed(const struct hpn_connections_window *,
    uint64_t under_way, size_t queued, size_t len);
/*
 * The same where an answer is to come soon: twice what a round trip has brought, and
 * no more than that at the beginning.
 */
int hpn_connections_window_brief(const struct hpn_connections_window *,
    uint64_t under_way, size_t len);
/*
 * Whether another small file may be read there, where of others so many bytes are
 * still to come.
 * _files: what they count for beside another's.
 */
int hpn_connections_window_open(const struct hpn_connections_window *,
    uint64_t bytes);
uint64_t hpn_connections_window_files(unsigned int files, uint64_t bytes);
/* Which has more room: <0 the first one, >0 the second one. */
int hpn_connections_window_compare(const struct hpn_connections_window *,
    uint64_t under_way, const struct hpn_connections_window *,
    uint64_t under_way2);

/*
 * Whether len more would come through this one when all the rest is there.  left
 * are still to come, those under way among them; all connections together usually
 * bring so many in a round trip.
 */
int hpn_connections_window_late(const struct hpn_connections_window *,
    uint64_t under_way, size_t len, uint64_t left, uint64_t usual);

/*
 * Whether len more would be too much so close to the end.  Little is under way in each
 * one then: one may become slower, and what it owes keeps all waiting.  Arguments as
 * above.
 */
int hpn_connections_window_last(const struct hpn_connections_window *,
    uint64_t under_way, size_t len, uint64_t left, uint64_t usual);

/*
 * How many bytes a piece may have, at most `most`.  A connection usually brings so
 * many in a round trip, and left are still to be sent.  A slow one must not get many
 * round trips' worth at a time, least of all at the end.
 */
size_t hpn_connections_portion(uint64_t usual, uint64_t left, size_t most);

/*
 * How many bytes the next piece of a file may have, of which so many are left: most,
 * or less where that would be the last one, which only goes when all others are there.
 */
size_t hpn_connections_piece(uint64_t left, size_t most);

/* --------------------------------------------------------------- proofs -- */

/*
 * Files that prove connections to see what the first one sees, in one place.  Each
 * proof succeeds or fails.
 */
struct hpn_connections_proofs {
	uint32_t proved;	/* connections, by bits */
	unsigned char succeeded[HPN_LANES_SLOTS];
	unsigned char trying[HPN_LANES_SLOTS];
	unsigned char failed[HPN_LANES_SLOTS];
};

int hpn_connections_proved(const struct hpn_connections_proofs *,
    unsigned int lane);
/* Whether it is not proved, and may yet be. */
int hpn_connections_provable(const struct hpn_connections_proofs *,
    unsigned int lane);
/* ... by one more file, where so many prove it. */
int hpn_connections_wants_proof(const struct hpn_connections_proofs *,
    unsigned int lane, unsigned int most);
/*
 * One begins; says nothing; or ends.  _ended() tells whether the connection has just
 * been proved.
 */
void hpn_connections_proof_begun(struct hpn_connections_proofs *,
    unsigned int lane);
void hpn_connections_proof_dropped(struct hpn_connections_proofs *,
    unsigned int lane);
int hpn_connections_proof_ended(struct hpn_connections_proofs *,
    unsigned int lane, int succeeded, unsigned int most);

/*
 * Whether more may be under way in the first one, while proofs of others wait behind
 * that.
 */
int hpn_connections_leads(const struct hpn_connections_window *,
    uint64_t under_way);

/* -------------------------------------------------------------- options -- */

/*
 * One argument of -X.  1: it was ours, and *most and *adapt follow it; 0: it is not
 * ours; -1: it is, but not one of its values.
 */
int hpn_connections_option(const char *arg, unsigned int *most, int *adapt);

#endif /* HPN_CONNECTIONS_H */
