/* SPDX-License-Identifier: ISC */
/*
 * hpn-lanes: how many channels of one connection a job that sends files uses.
 *
 * If an sshd's channel windows do not grow, it takes 2 MiB per round trip from
 * each channel.  A lane is one channel: a session that runs an SFTP server of
 * its own.  If one lane limits the rate, several lanes send the parts of a
 * large file, as long as that is quicker.
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
/* Those that have ended keep their number: connections are replaced. */
#define HPN_LANES_SLOTS		16
/* What such a channel takes in a round trip. */
#ifndef HPN_LANES_WINDOW
# define HPN_LANES_WINDOW	(2U * 1024 * 1024)
#endif
/*
 * What may be under way in each of several lanes: a window, and as much as
 * keeps it full while answers and grants travel.
 */
#define HPN_LANES_UNDER_WAY	(3U * 1024 * 1024)
/* What is smaller than this is not worth dividing. */
#ifndef HPN_LANES_SHARE
# define HPN_LANES_SHARE	(2 * HPN_LANES_WINDOW)
#endif

/* ------------------------------------------------------------- how many -- */

/*
 * A job begins with one lane.  Five are tried when one lane moves half a
 * window in a round trip, and ten when five lanes do.  Lanes that do not raise
 * the rate are given up for good.
 */
struct hpn_lanes {
	unsigned int most;	/* that the user wants; 0: no wish */
	unsigned int use;	/* lanes that may take data */
	unsigned int want;	/* lanes that exist or are to be made; >= use */
	int given_up;		/* use does not grow any more */
	/* private; rates are bytes per second */
	unsigned int kept;	/* lanes that proved to be worth it */
	uint64_t best;		/* best rate of `kept' lanes */
	uint64_t alone;		/* best rate of one lane */
	uint64_t bytes, ns;	/* moved, and time, in the rounds below */
	unsigned int rounds;	/* rounds that are being judged */
	unsigned int trial;	/* rounds since more lanes work; 0: no trial */
};

void hpn_lanes_init(struct hpn_lanes *, unsigned int most);

/*
 * A round is over.
 *   lanes      that were at work, at least one
 *   bytes, ns  what they moved, and the time that it took
 *   rtt_ns     the shortest round trip; 0: unknown
 *   left       bytes still to be sent
 */
void hpn_lanes_round(struct hpn_lanes *, unsigned int lanes, uint64_t bytes,
    uint64_t ns, uint64_t rtt_ns, uint64_t left);

/*
 * Before a round: left bytes are still to be sent.  If that takes seconds, the
 * next lanes are made while those in use still gain speed.  So want grows, and
 * use does not.
 */
void hpn_lanes_prepare(struct hpn_lanes *, uint64_t rtt_ns, uint64_t left);

/* No further lane can be had: keep to those in use. */
void hpn_lanes_no_more(struct hpn_lanes *);

/*
 * Whether len bytes more may be sent in a lane that has under_way bytes under
 * way.  alone: no other lane could take them.
 */
int hpn_lanes_may_send(uint64_t under_way, size_t len, int alone);

/*
 * Several lanes send parts of one file.  All of it up to the offset `whole` has
 * arrived.  Whether the part from next on, of len bytes, may be sent now.
 *
 * Parts arrive in any order.  So an interruption leaves holes where parts are
 * missing.  Two rules keep these holes harmless:
 * - They are never further from the end than resuming looks (HPN_RESUME_SPAN).
 * - A file of full size has none.  The last byte is sent when all before it has
 *   arrived, and so is what a source that has grown has beyond it.
 */
int hpn_lanes_may_lead(uint64_t whole, uint64_t next, size_t len,
    uint64_t size);

/* ---------------------------------------------------------- which file -- */

/*
 * A lane opens the file by its name.  Somebody may have put another file there.
 * So a piece of the file is sent with zeros in place of some pages, chosen at
 * random.  A lane that reads back exactly these bytes has the same file.  Only
 * somebody who can read that file can make another one that looks like it.
 *
 * Meanwhile each page of the piece is the source's or zero, as an interruption
 * leaves it (hpn-resume.h).
 */
#define HPN_LANES_PAGES		60
#ifndef HPN_LANES_PAGE
# define HPN_LANES_PAGE		4096U
#endif
#define HPN_LANES_PIECE		((size_t)HPN_LANES_PAGES * HPN_LANES_PAGE)
/* So many bytes of a page are read back. */
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
 * Make `shown`, the bytes to be sent first, of a piece of the source.
 *   piece      HPN_LANES_PIECE bytes of the source
 *   chance     64 random bits
 * Returns 0, or -1 if too many pages of the piece are zeros.
 */
int hpn_lanes_hide(struct hpn_lanes_proof *, const unsigned char *piece,
    uint64_t chance, unsigned char *shown);

/* Whether the bytes are at that offset of what was sent. */
int hpn_lanes_shown(const unsigned char *shown, uint64_t offset,
    const unsigned char *bytes, size_t len);

/*
 * Read one argument of -X.  Returns 1 if it is ours, with *most set; 0 if it is
 * not ours; -1 if it is ours but its value is wrong.
 */
int hpn_lanes_option(const char *arg, unsigned int *most);

#endif /* HPN_LANES_H */
