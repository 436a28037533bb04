/* SPDX-License-Identifier: ISC */
/*
 * hpn-hash: hashes of what is in a file: XXH3-128 of libxxhash.  They tell
 * whether two files are the same without sending either.
 *
 * A hash finds accidents (a change goes unseen with a chance of 2^-128).  It is
 * no cryptographic hash.  Somebody who can choose the content of both files can
 * make two that differ and have the same hash.
 *
 * In a build without libxxhash, hpn_hash_available() returns 0, and the
 * functions that compute something fail with ENOSYS.
 */
#ifndef HPN_HASH_H
#define HPN_HASH_H

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a hash, most significant first, as xxHash's canonical form. */
#define HPN_HASH_LEN		16
#define HPN_HASH_ALGORITHM	"xxh3-128"

int hpn_hash_available(void);

/*
 * The hash of a stream of bytes.  new() begins the first one; end() writes
 * HPN_HASH_LEN bytes and begins the next one.  new() returns NULL with errno
 * ENOSYS or ENOMEM; the caller frees.  free() takes NULL.
 */
struct hpn_hash;
struct hpn_hash *hpn_hash_new(void);
void hpn_hash_add(struct hpn_hash *, const void *p, size_t len);
void hpn_hash_end(struct hpn_hash *, unsigned char *hash);
void hpn_hash_free(struct hpn_hash *);

/*
 * Part of a file, in blocks of `block` bytes from `offset` on; the last one is
 * as long as what is left.  length 0: to the end of the file; block 0: all is
 * one block.
 */
struct hpn_hash_range {
	uint64_t offset, length, block;
};

/* How many blocks the first `len` bytes of a range have. */
uint64_t hpn_hash_blocks(const struct hpn_hash_range *, uint64_t len);

/*
 * How many bytes of a range one call may hash.  The caller has room for `room`
 * hashes and lets at most `most` bytes be read.  0 if the range is beyond what
 * a file can have (2^63 - 1 bytes), or if room or most are 0.
 */
uint64_t hpn_hash_bound(const struct hpn_hash_range *, size_t room,
    uint64_t most);

/*
 * Hash a range of a regular file that is open for reading, and write a hash
 * for each block.  It stops after `most` bytes, `room` blocks or wait_ns (0:
 * no limit), but hashes at least one byte.  If it stops, the last block may be
 * shorter.
 *   hashed  receives how many bytes the hashes cover; 0 only if the file ends
 *           at or before the offset
 *   ended   receives whether the file ended within the range
 * The file's position does not change.  For one thread at a time.  Returns the
 * number of hashes, or -1 with errno: EINVAL (no such range), EOPNOTSUPP (not a
 * regular file), ENOSYS, ENOMEM, and those of pread(2).
 */
ssize_t hpn_hash_file(int fd, const struct hpn_hash_range *,
    unsigned char *hashes, size_t room, uint64_t most, uint64_t wait_ns,
    uint64_t *hashed, int *ended);

#endif /* HPN_HASH_H */
