/* SPDX-License-Identifier: ISC */
/* See hpn-hash.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_XXHASH
# include <xxhash.h>
#endif

#include "hpn-clock.h"
#include "hpn-hash.h"
#include "hpn-pipe.h"

/* Read at once: what was read is still in the cache when it is hashed. */
#define PIECE	(256 * 1024)

#ifdef HAVE_XXHASH

/*
 * The library's ordinary functions are for the least processor of an architecture.
 * On x86 it also has one that looks what the processor can do, and takes a third of
 * the time with AVX2.  It is not in each build of the library.
 */
# if defined(__x86_64__) && defined(__GNUC__)
extern XXH_errorcode XXH3_128bits_update_dispatch(XXH3_state_t *, const void *,
    size_t) __attribute__((weak));
#  define BEST_UPDATE	XXH3_128bits_update_dispatch
# else
#  define BEST_UPDATE	NULL
# endif

struct hpn_hash {
	XXH3_state_t *state;
	XXH_errorcode (*update)(XXH3_state_t *, const void *, size_t);
};

int
hpn_hash_available(void)
{
	return 1;
}

struct hpn_hash *
hpn_hash_new(void)
{
	struct hpn_hash *h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	/* It wants an alignment that malloc does not promise */
	if ((h->state = XXH3_createState()) == NULL) {
		free(h);
		errno = ENOMEM;
		return NULL;
	}
	(void)XXH3_128bits_reset(h->state);
	h->update = BEST_UPDATE != NULL ? BEST_UPDATE : XXH3_128bits_update;
	return h;
}

void
hpn_hash_add(struct hpn_hash *h, const void *p, size_t len)
{
	if (len > 0)
		(void)h->update(h->state, p, len);
}

void
hpn_hash_end(struct hpn_hash *h, unsigned char *hash)
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(h->state));
	memcpy(hash, canonical.digest, HPN_HASH_LEN);
	(void)XXH3_128bits_reset(h->state);
}

void
hpn_hash_free(struct hpn_hash *h)
{
	if (h == NULL)
		return;
	(void)XXH3_freeState(h->state);
	free(h);
}

#else /* HAVE_XXHASH */

int
hpn_hash_available(void)
{
	return 0;
}

struct hpn_hash *
hpn_hash_new(void)
{
	errno = ENOSYS;
	return NULL;
}

/* Nobody has one to call these with. */
void
hpn_hash_add(struct hpn_hash *h, const void *p, size_t len)
{
	abort();
}

void
hpn_hash_end(struct hpn_hash *h, unsigned char *hash)
{
	abort();
}

void
hpn_hash_free(struct hpn_hash *h)
{
}

#endif /* HAVE_XXHASH */

uint64_t
hpn_hash_blocks(const struct hpn_hash_range *range, uint64_t len)
{
	if (len == 0)
		return 0;
	if (range->block == 0)
		return 1;
	return (len - 1) / range->block + 1;
}

uint64_t
hpn_hash_bound(const struct hpn_hash_range *range, size_t room, uint64_t most)
{
	uint64_t len;

	if (room == 0 || range->offset > INT64_MAX)
		return 0;
	/* To the last byte that a file can have */
	len = (uint64_t)INT64_MAX - range->offset;
	if (range->length != 0) {
		if (range->length > len)
			return 0;
		len = range->length;
	}
	if (len > most)
		len = most;
	if (range->block != 0 && hpn_hash_blocks(range, len) > room)
		len = room * range->block;
	return len;
}

ssize_t
hpn_hash_file(int fd, const struct hpn_hash_range *range,
    unsigned char *hashes, size_t room, uint64_t most, uint64_t wait_ns,
    uint64_t *hashed, int *ended)
{
	struct hpn_hash *h = NULL;
	struct stat st;
	/* Kept: new memory for each call costs as much as the hash */
	static unsigned char *piece;
	uint64_t left, began, in_block = 0, want;
	ssize_t n, blocks = -1;
	int saved;

	*hashed = 0;
	*ended = 0;
	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if ((left = hpn_hash_bound(range, room, most)) == 0) {
		errno = EINVAL;
		return -1;
	}
	if ((h = hpn_hash_new()) == NULL || (piece == NULL &&
	    (piece = hpn_pipe_memory(PIECE)) == NULL))
		goto out;
	blocks = 0;
	began = hpn_clock_ns();
	while (left > 0) {
		want = left < PIECE ? left : PIECE;
		if (range->block != 0 && want > range->block - in_block)
			want = range->block - in_block;
		n = pread(fd, piece, (size_t)want,
		    (off_t)(range->offset + *hashed));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			blocks = -1;
			goto out;
		}
		if (n == 0) {
			*ended = 1;
			break;
		}
		hpn_hash_add(h, piece, (size_t)n);
		*hashed += (uint64_t)n;
		left -= (uint64_t)n;
		in_block += (uint64_t)n;
		if (in_block == range->block) {
			hpn_hash_end(h, hashes + blocks++ * HPN_HASH_LEN);
			in_block = 0;
		}
		if (wait_ns != 0 && hpn_clock_ns() - began >= wait_ns)
			break;
	}
	if (in_block > 0)
		hpn_hash_end(h, hashes + blocks++ * HPN_HASH_LEN);
 out:
	saved = errno;
	hpn_hash_free(h);
	errno = saved;
	return blocks;
}
