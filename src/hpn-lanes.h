/* SPDX-License-Identifier: ISC */
/*
 * hpn-lanes: how many channels of one connection a job that sends files uses.
 *
 * An sshd whose channel windows do not grow takes 2 MiB in each round trip, from
 * each channel.  A lane is one channel: a session that runs an SFTP server of
 * its own.  Where one lane limits the rate, further ones share the work on large
 * files, in parts, for as long as that is quicker.
 *
 * Policy only: no descriptor, no clock, no memory of its own.  Bytes, and
 * nanoseconds.
 */
#ifndef HPN_LANES_H
#define HPN_LANES_H

#include <stddef.h>
#include <stdint.h>

/* As many sessions as OpenSSH's sshd allows in a connection (MaxSessions). */
#define HPN_LANES_MAX		10
/* What such a channel takes in a round trip. */
#ifndef HPN_LANES_WINDOW
# define HPN_LANES_WINDOW	(2U * 1024 * 1024)
#endif
/*
 * What may be under way in each of several: a window, and what keeps it full
 * while answers and grants travel.
 */
#define HPN_LANES_UNDER_WAY	(3U * 1024 * 1024)
/* What is smaller than this is not worth dividing. */
#ifndef HPN_LANES_SHARE
# define HPN_LANES_SHARE	(2 * HPN_LANES_WINDOW)
#endif

/* ------------------------------------------------------------- how many -- */

/*
 * One lane is in use first.  Five are, and then ten, once those in use bring half
 * of what they may in a round trip; then it is seen what they bring.  What does not
 * raise the rate is given up, for good.
 */
struct hpn_lanes {
	unsigned int most;	/* that the user wants; 0: no wish */
	unsigned int use;	/* that may take data */
	unsigned int want;	/* that are there, or are to be made: use, or more */
	int given_up;		/* use does not grow any more */
	/* its own; rates are bytes a second */
	unsigned int kept;	/* so many have proved to be worth it */
	uint64_t best;		/* rate of so many, at its best */
	uint64_t alone;		/* the same of one */
	uint64_t bytes, ns;	/* of the rounds that are being looked at, ... */
	unsigned int rounds;	/* so many */
	unsigned int trial;	/* rounds since there are more; 0: there are not */
};

void hpn_lanes_init(struct hpn_lanes *, unsigned int most);

/*
 * A round is over: lanes that were at work (at least one) brought these bytes in
 * so many nanoseconds; the shortest round trip is rtt_ns (0: unknown); left bytes
 * are still to be sent.
 */
void hpn_lanes_round(struct hpn_lanes *, unsigned int lanes, uint64_t bytes,
    uint64_t ns, uint64_t rtt_ns, uint64_t left);

/*
 * Before a round: left bytes are still to be sent.  Where that takes seconds, the
 * next lanes are made while those in use are still getting going (want grows, use
 * does not).
 */
void hpn_lanes_prepare(struct hpn_lanes *, uint64_t rtt_ns, uint64_t left);

/* No others may come, or none will do: there are those in use. */
void hpn_lanes_no_more(struct hpn_lanes *);

/*
 * Whether len bytes more may be sent in a lane in which so many are under way;
 * alone: there is no other that could take them.
 */
int hpn_lanes_may_send(uint64_t under_way, size_t len, int alone);

/*
 * A file whose parts are on their way in several lanes, that is whole up to an
 * offset: whether the part from next on, of len bytes, may be sent now.
 *
 * Parts arrive in any order, and an interruption leaves holes where they have
 * not: never further from the end than resuming looks (HPN_RESUME_SPAN), and
 * never in a file that has its full size, because its last byte, and what a
 * source that has grown has beyond it, is sent when all before it has arrived.
 */
int hpn_lanes_may_lead(uint64_t whole, uint64_t next, size_t len,
    uint64_t size);

/* ---------------------------------------------------------- which file -- */

/*
 * A lane opens the file by its name, and somebody may have put another one there.
 * So a piece of the file is sent with zeros in place of some of its pages, which
 * chance picks.  A lane that reads back just that has the same file: to make
 * another one that looks like it takes somebody who can read the first one.
 *
 * Whatever is there meanwhile is the source's or zero, in whole pages, as an
 * interruption leaves it (hpn-resume.h).
 */
#define HPN_LANES_PAGES		60
#ifndef HPN_LANES_PAGE
# define HPN_LANES_PAGE		4096U
#endif
#define HPN_LANES_PIECE		((size_t)HPN_LANES_PAGES * HPN_LANES_PAGE)
/* So much of a page is read back. */
#define HPN_LANES_LOOK		16U
/* A page of zeros tells nothing.  So many others are enough. */
#ifndef HPN_LANES_PAGES_LEAST
# define HPN_LANES_PAGES_LEAST	40
#endif

struct hpn_lanes_proof {
	uint64_t told;		/* bit n: page n tells something */
	uint64_t hidden;	/* bit n: it is zeros */
	uint16_t at[HPN_LANES_PAGES];	/* where to look, from its beginning */
};

/*
 * The piece (HPN_LANES_PIECE bytes) of the source, and 64 random bits: shown
 * becomes what is to be sent.  0, or -1: too many of its pages are zeros.
 */
int hpn_lanes_hide(struct hpn_lanes_proof *, const unsigned char *piece,
    uint64_t chance, unsigned char *shown);

/* Whether the bytes are at that offset of what was sent. */
int hpn_lanes_shown(const unsigned char *shown, uint64_t offset,
    const unsigned char *bytes, size_t len);

/*
 * One argument of -X.  1: it was ours, and *most follows it; 0: it is not
 * ours; -1: it is, but not one of its values.
 */
int hpn_lanes_option(const char *arg, unsigned int *most);

#endif /* HPN_LANES_H */
