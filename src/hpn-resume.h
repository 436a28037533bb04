/* SPDX-License-Identifier: ISC */
/*
 * hpn-resume: what is to become of a file that is there already, when the
 * user wants an interrupted copy to go on.
 *
 * First we find out whether the destination is the beginning of the source.  If
 * so, the copy carries on at the first missing byte.  To find out, we compare
 * hashes, first of large blocks, then of smaller ones, and at last the bytes
 * themselves.  If the server has no hashes, we compare the bytes at the end of
 * the destination.
 *
 * An interruption may leave bytes beyond the last good ones.  If data came out
 * of order, or a machine went down, zeros stand in place of what never
 * arrived.  So a difference is a trace of an interruption if two things hold:
 * it lies close to the end, and everything from there on is the source's or
 * zero.  Then the copy carries on there.  Any other difference means that this
 * is another file.  It is left alone unless the user lets it be replaced.
 *
 * Without hashes we look only at the end of a part.  So an upload to such a
 * server must not have more under way than we look at later.  A file of full
 * size whose time is not its source's may be an older file, half written over.
 * It is read back whole.
 *
 * Policy only: no descriptor, no clock, no memory of its own.  Sizes and
 * offsets are bytes.
 */
#ifndef HPN_RESUME_H
#define HPN_RESUME_H

#include <stdint.h>

/* What users may say: bits beside those of a job (hpn-sftp-job.h). */
#define HPN_RESUME_REPLACE	0x1000	/* replace a file that differs */
#define HPN_RESUME_SIZE		0x2000	/* trust size and time, sans hashes */
#define HPN_RESUME_VERIFY	0x4000	/* compare whatever was copied */
#define HPN_RESUME_NOVERIFY	0x8000	/* not even what was resumed */
#define HPN_RESUME_OURS		0x10000	/* we have just made what is there */

/* Blocks that are hashed first, and smaller ones within one that differs. */
#define HPN_RESUME_BLOCK	(1024U * 1024)
#define HPN_RESUME_FINE		(64U * 1024)
/* From the block that differs on, so many bytes are compared. */
#define HPN_RESUME_LOOK		(128U * 1024)
/*
 * Without hashes, so many bytes of the end are read back.  OpenSSH's sshd,
 * which has no hashes, lets that much be under way in a channel.
 */
#define HPN_RESUME_BACK		(2048U * 1024)
/*
 * Several channels may have sent a part together.  They have no more than
 * HPN_RESUME_SPAN bytes under way in one file, and send its last byte last
 * (hpn_lanes_may_lead()).  They send pieces of HPN_RESUME_PIECE or more.  So a
 * missing piece is at least a page long, and a few bytes of each half page
 * tell.  We choose bytes that are not zero in the source.
 */
#define HPN_RESUME_SPAN		(32U * 1024 * 1024)
#define HPN_RESUME_STRIDE	2048U
#define HPN_RESUME_SAMPLE	16U
/* The same stride for an uploaded file that seems to be whole. */
#define HPN_RESUME_STRIDE_ALL	(16 * HPN_RESUME_STRIDE)
#ifndef HPN_RESUME_PIECE
# define HPN_RESUME_PIECE	(32U * 1024)
#endif
/*
 * A trace of an interruption is no further from the end than this.  It cannot
 * be longer than what was under way: here, on a line of 5 Gbit/s over 100 ms.
 */
#define HPN_RESUME_TAIL		(64ULL * 1024 * 1024)
/* A trace has at least so many zeros that should be something else. */
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
 * Begin with a destination that exists.
 *   flags   those above
 *   hashes  non-zero: the server can hash
 *   up      non-zero: the destination is on the server
 * As long as the step is HASH or READ, do it and call hpn_resume_found().
 */
void hpn_resume_begin(struct hpn_resume *, const struct hpn_resume_file *source,
    const struct hpn_resume_file *dest, int flags, int hashes, int up);
void hpn_resume_found(struct hpn_resume *, const struct hpn_resume_found *);

/*
 * Whether to empty an existing destination before a copy without resume.
 * Usually the answer is no, because the destination may be the source itself.
 * With another size and time it cannot be.  Then an interruption would leave a
 * mixture of both files that looks like a part of one.  (Up to HPN_RESUME_BACK
 * bytes no mixture goes unseen, because all of it is read back.)
 */
int hpn_resume_empties(const struct hpn_resume_file *source,
    const struct hpn_resume_file *dest);

/*
 * Read one argument of -X.  Returns 1 if it is ours, with *flags set; 0 if it
 * is not ours; -1 if it is ours but its value is wrong.
 */
int hpn_resume_option(const char *arg, int *flags);
/* The same flags for the command line of another scp, with a space before each. */
const char *hpn_resume_words(int flags);

#endif /* HPN_RESUME_H */
