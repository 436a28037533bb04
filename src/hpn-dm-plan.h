/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-plan: how a stream is cut into fragments, and what they are called.
 *
 * A set "run7" has the fragments run7.0001, run7.0002, ... and the manifest
 * run7.manifest (hpn-dm-manifest.h).  While a file is being written, ".part"
 * follows its later name.  Fragments count from 1.  Sizes and offsets are
 * bytes.  Policy only: no descriptor, no memory of its own.
 */
#ifndef HPN_DM_PLAN_H
#define HPN_DM_PLAN_H

#include <stddef.h>
#include <stdint.h>

/* More than this are refused, in a plan as in a manifest. */
#define HPN_DM_PLAN_MOST	1000000U
/* Longest name of an object, without what is appended to it; longest path. */
#define HPN_DM_PLAN_NAME	1000U
#define HPN_DM_PLAN_PATH	4096U

#define HPN_DM_PLAN_PART	".part"
#define HPN_DM_PLAN_MANIFEST	".manifest"

struct hpn_dm_plan {
	uint64_t fragment;	/* the most in one; 0: one file, no fragments */
	uint64_t stub;		/* the most in the first; 0: as the others */
};

/*
 * Where fragment n begins, and the most that it holds.  UINT64_MAX: no stream is
 * that long.
 */
uint64_t hpn_dm_plan_start(const struct hpn_dm_plan *, uint64_t n);
uint64_t hpn_dm_plan_size(const struct hpn_dm_plan *, uint64_t n);

/* How many fragments a stream of this length has. */
uint64_t hpn_dm_plan_count(const struct hpn_dm_plan *, uint64_t length);

/*
 * Whether this can be the name of an object, as -f has it.  It is a path of at
 * most HPN_DM_PLAN_NAME bytes, without control characters.  Its last part is a
 * name.
 */
int hpn_dm_plan_name_ok(const char *name);

/* The last part of a path. */
const char *hpn_dm_plan_base(const char *path);

/*
 * Write dir/name, then .NUMBER (at least four digits) unless n is 0, then
 * suffix.  dir NULL or empty: the directory where the server begins.  Returns
 * 0, or -1 if len bytes are too few.  The buffer is a string in any case.
 */
int hpn_dm_plan_path(char *buf, size_t len, const char *dir, const char *name,
    uint64_t n, const char *suffix);

#endif /* HPN_DM_PLAN_H */
