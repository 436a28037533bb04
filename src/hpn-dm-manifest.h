/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-manifest: the text that says what a set of fragments consists of.  The
 * manual, dmscp(1), specifies it.  It is written last, so a set without one is not
 * complete.
 *
 *	dmscp-manifest 1
 *	object run7
 *	size 10737418240
 *	count 12
 *	hash xxh3-128 0123456789abcdef0123456789abcdef
 *	sha256 ...			only if it was wanted
 *	fragment 1 4096 0123456789abcdef0123456789abcdef
 *	...				count of them, in order
 *	state complete
 *	end 0123456789abcdef0123456789abcdef
 *
 * The last line is the hash of all lines before it.  Without hashes
 * (-nochecksum) each hash is 32 zeros, and the algorithm is "none".
 *
 * An attacker may have written the manifest.  So no file's name is taken from
 * it: the caller compares the object with what the user asked for.  Policy
 * only: the text is the caller's, and the caller computes the hashes.
 */
#ifndef HPN_DM_MANIFEST_H
#define HPN_DM_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#define HPN_DM_MANIFEST_HASH	16U	/* bytes */
#define HPN_DM_MANIFEST_SHA256	32U
/* Longest line, with its newline; longest text. */
#define HPN_DM_MANIFEST_LINE	1100U
#ifndef HPN_DM_MANIFEST_TEXT
# define HPN_DM_MANIFEST_TEXT	(80U * 1024 * 1024)
#endif

struct hpn_dm_manifest {
	const char *object;	/* as given; parsed: in the text, no string */
	size_t object_len;
	uint64_t size, count;
	int hashed;		/* with hashes, else they are zeros */
	unsigned char hash[HPN_DM_MANIFEST_HASH];
	int has_sha256;
	unsigned char sha256[HPN_DM_MANIFEST_SHA256];
	/* Parsed: the first fragment's line, and the last line of all */
	size_t fragments_at, end_at;
	unsigned char end[HPN_DM_MANIFEST_HASH];
};

struct hpn_dm_manifest_fragment {
	uint64_t size;
	unsigned char hash[HPN_DM_MANIFEST_HASH];
};

/*
 * Returns NULL if the text is a manifest of this version whose sizes add up.
 * Otherwise it returns what is wrong.  The caller still has to check the
 * object's name and, if hashed, compare `end' with the hash of the first
 * end_at bytes.
 */
const char *hpn_dm_manifest_parse(struct hpn_dm_manifest *, const char *text,
    size_t len);

/*
 * Get the next fragment of a text that was parsed.  *at is fragments_at at
 * first.  Returns 1, or 0 if there is no more.
 */
int hpn_dm_manifest_next(const struct hpn_dm_manifest *, const char *text,
    size_t *at, struct hpn_dm_manifest_fragment *);

/*
 * Write a line of at most HPN_DM_MANIFEST_LINE bytes, and return its length.
 *	_head		the lines before the fragments; the buffer needs six
 *			times HPN_DM_MANIFEST_LINE
 *	_fragment	one fragment
 *	_state		the line after the fragments
 *	_end		the last line
 */
size_t hpn_dm_manifest_put_head(char *, const struct hpn_dm_manifest *);
size_t hpn_dm_manifest_put_fragment(char *, uint64_t n,
    const struct hpn_dm_manifest_fragment *);
size_t hpn_dm_manifest_put_state(char *);
size_t hpn_dm_manifest_put_end(char *, const unsigned char *hash);

#endif /* HPN_DM_MANIFEST_H */
