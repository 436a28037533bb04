/* SPDX-License-Identifier: ISC */
/* See hpn-resume.h for what this does. */

#include <stdint.h>
#include <string.h>

#include "hpn-resume.h"

static void
go_on(struct hpn_resume *r, uint64_t offset)
{
	r->offset = offset;
	r->step = offset == r->size && r->there == r->size ?
	    HPN_RESUME_WHOLE : HPN_RESUME_TRANSFER;
}

static void
other_file(struct hpn_resume *r, enum hpn_resume_why why, uint64_t differs,
    uint64_t within)
{
	r->why = why;
	r->differs = differs;
	r->within = within;
	r->offset = 0;
	if (r->flags & HPN_RESUME_REPLACE) {
		r->replaced = 1;
		r->by = HPN_RESUME_BY_NOTHING;
		r->step = HPN_RESUME_TRANSFER;
	} else
		r->step = HPN_RESUME_REFUSE;
}

static void
look(struct hpn_resume *r, enum hpn_resume_step step, uint64_t offset,
    uint64_t most, uint64_t block)
{
	r->step = step;
	r->offset = offset;
	r->length = r->there - offset < most ? r->there - offset : most;
	r->block = block;
}

/* The server has no hashes: this much from `end` backwards. */
static void
look_back(struct hpn_resume *r, uint64_t end)
{
	uint64_t most = HPN_RESUME_BACK;

	/* With -X verify=yes, everything is compared here as well. */
	if ((r->flags & HPN_RESUME_VERIFY) || r->all)
		most = end;
	r->stage = HPN_RESUME_BACKWARD;
	r->stride = 0;
	look(r, HPN_RESUME_READ, end > most ? end - most : 0, most, 0);
	r->length = end - r->offset;
}

static void
without_hashes(struct hpn_resume *r)
{
	/* All of less, or of what is wanted, is read anyway. */
	if (r->up && r->there > HPN_RESUME_BACK && !r->all &&
	    (r->flags & (HPN_RESUME_SIZE | HPN_RESUME_VERIFY)) == 0) {
		r->stage = HPN_RESUME_SAMPLES;
		r->stride = r->spread ? HPN_RESUME_STRIDE :
		    HPN_RESUME_STRIDE_ALL;
		if (r->spread && r->there > HPN_RESUME_SPAN)
			look(r, HPN_RESUME_READ, r->there - HPN_RESUME_SPAN,
			    HPN_RESUME_SPAN, 0);
		else
			look(r, HPN_RESUME_READ, 0, r->there, 0);
		return;
	}
	if ((r->flags & HPN_RESUME_SIZE) == 0 ||
	    (r->flags & HPN_RESUME_VERIFY) != 0) {
		look_back(r, r->there);
		return;
	}
	/* A copy is never older than what it is of. */
	if (r->older) {
		other_file(r, HPN_RESUME_OLDER, 0, 0);
		return;
	}
	r->by = HPN_RESUME_BY_SIZE;
	/* There may be holes, and nobody looks: what may have some is sent again. */
	if (r->spread)
		go_on(r, r->there > HPN_RESUME_SPAN ?
		    r->there - HPN_RESUME_SPAN : 0);
	else
		go_on(r, r->there);
}

void
hpn_resume_begin(struct hpn_resume *r, const struct hpn_resume_file *source,
    const struct hpn_resume_file *dest, int flags, int hashes, int up)
{
	memset(r, 0, sizeof(*r));
	r->flags = flags;
	r->size = source->size;
	r->there = dest->size;
	r->older = dest->mtime < source->mtime;
	r->up = up;
	r->spread = up && r->there < r->size;
	/* The times are set last, when all data are there. */
	r->all = r->there == r->size && dest->mtime != source->mtime;
	if (r->there == 0)
		go_on(r, 0);
	else if (r->there > r->size)
		other_file(r, HPN_RESUME_LARGER, r->size, 0);
	else if (flags & HPN_RESUME_OURS)
		go_on(r, r->there);
	else if (hashes) {
		r->stage = HPN_RESUME_COARSE;
		look(r, HPN_RESUME_HASH, 0, r->there, HPN_RESUME_BLOCK);
	} else
		without_hashes(r);
}

int
hpn_resume_empties(const struct hpn_resume_file *source,
    const struct hpn_resume_file *dest)
{
	return dest->size > HPN_RESUME_BACK && dest->size < source->size &&
	    dest->mtime != source->mtime;
}

/* Whether this difference is what an interruption leaves. */
static int
is_trace(const struct hpn_resume *r, const struct hpn_resume_found *found)
{
	return found->others == 0 &&
	    r->zeros + found->zeros >= HPN_RESUME_ZEROS &&
	    found->differs != 0 && r->there - found->differs <= HPN_RESUME_TAIL;
}

static void
found_by_hash(struct hpn_resume *r, const struct hpn_resume_found *found)
{
	uint64_t at = found->differs, left;

	if (r->stage == HPN_RESUME_COARSE) {
		if (at == UINT64_MAX) {
			r->by = HPN_RESUME_BY_HASH;
			go_on(r, r->there);
			return;
		}
		r->stage = HPN_RESUME_CLOSER;
		look(r, HPN_RESUME_HASH, at, HPN_RESUME_BLOCK, HPN_RESUME_FINE);
		return;
	}
	if (at == UINT64_MAX) {
		/* It differed a moment ago: somebody is writing to it. */
		other_file(r, HPN_RESUME_DIFFERS, r->offset, r->length);
		return;
	}
	/* It must be in this one. */
	left = r->offset + r->length - at;
	r->stage = HPN_RESUME_EXACT;
	look(r, HPN_RESUME_READ, at, HPN_RESUME_LOOK,
	    left < HPN_RESUME_FINE ? left : HPN_RESUME_FINE);
}

/* A sample is missing, or none is: look closer at what is before it. */
static void
found_by_samples(struct hpn_resume *r, const struct hpn_resume_found *found)
{
	uint64_t at = found->differs, stride = r->stride;

	if (at == UINT64_MAX) {
		look_back(r, r->there);
		return;
	}
	if (found->others != 0 || at < 2 * stride) {
		other_file(r, HPN_RESUME_DIFFERS, at, 0);
		return;
	}
	/* The last one that was there may be just before it. */
	at -= at % stride;
	look_back(r, at - stride);
}

static void
found_by_reading(struct hpn_resume *r, const struct hpn_resume_found *found)
{
	uint64_t at = found->differs;

	if (r->stage == HPN_RESUME_SAMPLES) {
		found_by_samples(r, found);
		return;
	}
	if (r->stage == HPN_RESUME_REST) {
		if (found->others != 0)
			other_file(r, HPN_RESUME_DIFFERS, r->trace, 0);
		else
			go_on(r, r->trace);
		return;
	}
	if (r->stage == HPN_RESUME_EXACT && (at == UINT64_MAX ||
	    at - r->offset >= r->block)) {
		/* Not where the hashes said. */
		other_file(r, HPN_RESUME_DIFFERS, r->offset, r->length);
		return;
	}
	if (at == UINT64_MAX) {
		r->by = r->offset == 0 ? HPN_RESUME_BY_READ :
		    HPN_RESUME_BY_TAIL;
		go_on(r, r->offset + r->length);
		return;
	}
	if (!is_trace(r, found)) {
		other_file(r, HPN_RESUME_DIFFERS, at, 0);
		return;
	}
	if (r->stage == HPN_RESUME_EXACT) {
		r->by = HPN_RESUME_BY_HASH;
		if (r->offset + r->length == r->there) {
			go_on(r, at);
			return;
		}
		/* Whatever is cut off must have been looked at. */
		r->trace = at;
		r->stage = HPN_RESUME_REST;
		look(r, HPN_RESUME_READ, r->offset + r->length,
		    HPN_RESUME_TAIL, 0);
	} else if (at > r->offset) {
		r->by = r->offset == 0 ? HPN_RESUME_BY_READ :
		    HPN_RESUME_BY_TAIL;
		go_on(r, at);
	} else {
		/* All that was read may be: is there a good end before it? */
		r->zeros += found->zeros;
		look_back(r, at);
	}
}

void
hpn_resume_found(struct hpn_resume *r, const struct hpn_resume_found *found)
{
	if (found->unusable && r->stage == HPN_RESUME_COARSE)
		without_hashes(r);
	else if (found->unusable && r->stage != HPN_RESUME_BACKWARD &&
	    r->stage != HPN_RESUME_SAMPLES)
		/* There was a difference, whatever may be said now. */
		other_file(r, HPN_RESUME_DIFFERS, r->offset, r->length);
	else if (found->unusable)
		other_file(r, HPN_RESUME_UNCHECKED, 0, 0);
	else if (r->step == HPN_RESUME_HASH)
		found_by_hash(r, found);
	else
		found_by_reading(r, found);
}

int
hpn_resume_option(const char *arg, int *flags)
{
	static const struct {
		char arg[16];
		int set, clear;
	} known[] = {
		{ "resume=check", 0, HPN_RESUME_REPLACE | HPN_RESUME_SIZE },
		{ "resume=replace", HPN_RESUME_REPLACE, HPN_RESUME_SIZE },
		{ "resume=size", HPN_RESUME_SIZE, HPN_RESUME_REPLACE },
		{ "verify=yes", HPN_RESUME_VERIFY, HPN_RESUME_NOVERIFY },
		{ "verify=no", HPN_RESUME_NOVERIFY, HPN_RESUME_VERIFY },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(arg, known[i].arg) == 0) {
			*flags = (*flags & ~known[i].clear) | known[i].set;
			return 1;
		}
	}
	return strncmp(arg, "resume=", 7) == 0 ||
	    strncmp(arg, "verify=", 7) == 0 ? -1 : 0;
}

const char *
hpn_resume_words(int flags)
{
	static const char * const words[3][3] = {
		{ "", " -X verify=yes", " -X verify=no" },
		{ " -X resume=replace", " -X resume=replace -X verify=yes",
		    " -X resume=replace -X verify=no" },
		{ " -X resume=size", " -X resume=size -X verify=yes",
		    " -X resume=size -X verify=no" },
	};

	return words[flags & HPN_RESUME_REPLACE ? 1 :
	    flags & HPN_RESUME_SIZE ? 2 : 0]
	    [flags & HPN_RESUME_VERIFY ? 1 :
	    flags & HPN_RESUME_NOVERIFY ? 2 : 0];
}
