/* SPDX-License-Identifier: ISC */
/*
 * hpn-resume: what is to become of a file that is there already, when the
 * user wants an interrupted copy to go on.
 *
 * A copy goes on at the first byte that is missing once it was found that
 * what is there is the beginning of the source.  That is looked for with
 * hashes, first of large blocks, then of smaller ones, and at last in the
 * bytes themselves; or, where the server has no hashes, in the bytes at the
 * end of what is there.
 *
 * An interruption may leave bytes beyond the last good ones: where data came
 * out of order, or a machine went down, zeros stand in place of what never
 * arrived.  So a difference is a trace of an interruption if it lies close to
 * the end and everything from there to the end is the source's or zero; the
 * copy goes on there.  Any other difference means that this is another file,
 * which is left alone unless the user lets it be replaced.
 *
 * Without hashes only the end of a part is looked at.  Whoever writes to such a
 * server and wants to go on later must have no more under way than what is looked
 * at.  A file of full size that has not got its source's time may be an older one
 * that was half written over: it is read back whole.
 *
 * Policy only: no descriptor, no clock, no memory of its own.  Sizes and
 * offsets are bytes.
 */
#ifndef HPN_RESUME_H
#define HPN_RESUME_H

#include <stdint.h>

/* What users may say, as bits of what a job may be told besides. */
#define HPN_RESUME_REPLACE	0x1000	/* replace a file that differs */
#define HPN_RESUME_SIZE		0x2000	/* trust size and time, sans hashes */
#define HPN_RESUME_VERIFY	0x4000	/* compare whatever was copied */
#define HPN_RESUME_NOVERIFY	0x8000	/* not even what was resumed */

/* Blocks that are hashed at first, and to find a difference in one of them. */
#define HPN_RESUME_BLOCK	(1024U * 1024)
#define HPN_RESUME_FINE		(64U * 1024)
/* So much is looked at from the block on that differs. */
#define HPN_RESUME_LOOK		(128U * 1024)
/*
 * So much of the end is read back where there are no hashes: as much as OpenSSH's
 * sshd, which has none, lets be under way in a channel.
 */
#define HPN_RESUME_BACK		(2048U * 1024)
/*
 * Several channels may have shared the work on a part that was sent: they have no
 * more than this under way in one file, and send its last byte last
 * (hpn_lanes_may_lead()).  What is missing there are pieces of at least a page,
 * so a few bytes of each half page tell, which are those that are not zero in the
 * source; the pieces that they send are not smaller than HPN_RESUME_PIECE.
 */
#define HPN_RESUME_SPAN		(32U * 1024 * 1024)
#define HPN_RESUME_STRIDE	2048U
#define HPN_RESUME_SAMPLE	16U
/* Of a file that was sent and seems to be whole, a few bytes of each so many. */
#define HPN_RESUME_STRIDE_ALL	(16 * HPN_RESUME_STRIDE)
#ifndef HPN_RESUME_PIECE
# define HPN_RESUME_PIECE	(32U * 1024)
#endif
/*
 * Only so far from the end a difference may be a trace of an interruption, which
 * leaves no more than was under way: of a line of 5 Gbit/s over 100 ms;
 */
#define HPN_RESUME_TAIL		(64ULL * 1024 * 1024)
/* it has at least so many zeros that should be something else. */
#define HPN_RESUME_ZEROS	32

enum hpn_resume_step {
	HPN_RESUME_HASH,	/* compare the hashes of this range */
	HPN_RESUME_READ,	/* compare the bytes of this range; no blocks;
				   with a stride some of each stretch of it */
	HPN_RESUME_TRANSFER,	/* copy from `offset` on; cut what is beyond */
	HPN_RESUME_WHOLE,	/* there is nothing to copy */
	HPN_RESUME_REFUSE	/* leave it alone */
};

enum hpn_resume_by {
	HPN_RESUME_BY_NOTHING,	/* there was nothing to check */
	HPN_RESUME_BY_HASH,	/* the whole of what is there */
	HPN_RESUME_BY_READ,	/* the whole of what is there */
	HPN_RESUME_BY_TAIL,	/* the last HPN_RESUME_BACK bytes of it */
	HPN_RESUME_BY_SIZE	/* size and time only */
};

enum hpn_resume_why {
	HPN_RESUME_LARGER,	/* the destination is larger than the source */
	HPN_RESUME_DIFFERS,	/* its content differs */
	HPN_RESUME_OLDER,	/* it is older than the source */
	HPN_RESUME_UNCHECKED	/* nobody can read it */
};

struct hpn_resume_file {
	uint64_t size;
	uint64_t mtime;		/* seconds */
};

struct hpn_resume {
	enum hpn_resume_step step;
	uint64_t offset, length, block;	/* of the range, or to transfer from */
	uint64_t stride;		/* READ: as said; 0: all bytes */
	enum hpn_resume_by by;
	int replaced;			/* TRANSFER: because it differed ... */
	enum hpn_resume_why why;	/* ... like this; or REFUSE */
	uint64_t differs;		/* at this byte, or */
	uint64_t within;		/* if not 0, in so many bytes from it */
	/* its own */
	int flags;
	uint64_t there, size;		/* of destination and source */
	int up;				/* the destination is the server's */
	int spread;			/* several channels may have sent it */
	int all;			/* without hashes all is read back */
	int older;			/* the destination */
	uint64_t zeros;			/* found so far, reading backwards */
	enum { HPN_RESUME_COARSE, HPN_RESUME_CLOSER, HPN_RESUME_EXACT,
	    HPN_RESUME_REST, HPN_RESUME_SAMPLES, HPN_RESUME_BACKWARD } stage;
	uint64_t trace;			/* REST: where it begins */
};

/* What a comparison of the range found. */
struct hpn_resume_found {
	int unusable;		/* it could not be made */
	uint64_t differs;	/* first byte (hashes: first byte of the first
				   block) that differs; UINT64_MAX: none */
	uint64_t zeros;		/* READ: bytes of the destination that differ
				   from the source and are zero, ... */
	uint64_t others;	/* ... and are something else */
};

/*
 * Begin with a destination that is there.  flags are those above; with hashes
 * non-zero the server can hash; with up non-zero the destination is the server's.
 * Then, for as long as the step is HASH or READ, do it and say what was found.
 */
void hpn_resume_begin(struct hpn_resume *, const struct hpn_resume_file *source,
    const struct hpn_resume_file *dest, int flags, int hashes, int up);
void hpn_resume_found(struct hpn_resume *, const struct hpn_resume_found *);

/*
 * A copy is about to be made over a file that is there, without its being emptied
 * first, since it may be the source itself: whether it is emptied all the same.
 * It has another size and time, so it is not the source, and what an interruption
 * left of both would look like a part of one.  (Up to HPN_RESUME_BACK it would not:
 * all of it is read back.)
 */
int hpn_resume_empties(const struct hpn_resume_file *source,
    const struct hpn_resume_file *dest);

/*
 * One argument of -X.  1: it was ours, and *flags follows it; 0: it is not
 * ours; -1: it is, but not one of its values.
 */
int hpn_resume_option(const char *arg, int *flags);

#endif /* HPN_RESUME_H */
