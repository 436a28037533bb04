/* SPDX-License-Identifier: ISC */
/*
 * hpn-buf: how a large buffer grows.  OpenSSH's buffers grow by 256 bytes, and
 * copy the whole each time.  The first megabyte of a bulk channel costs thirty
 * copies, each with new pages.  A window of tens of megabytes costs seconds.
 * Below 128 KiB buffers still grow as OpenSSH's.
 */
#ifndef HPN_BUF_H
#define HPN_BUF_H

#include <stddef.h>

/*
 * The most bytes that a buffer can be allowed to hold: the largest window
 * (hpn-window.h) and the tenth beyond it that channels.c tolerates.  A new
 * buffer is allowed SSHBUF_SIZE_MAX, as in OpenSSH.
 */
#define HPN_BUF_MAX	0x24000000

/*
 * Whether a buffer of `alloc` bytes that needs `need` should rather move its
 * content over the `consumed` bytes at its start than grow.
 */
int hpn_buf_pack(size_t alloc, size_t need, size_t consumed);

/*
 * The size in bytes to allocate for a buffer of `alloc` bytes that needs
 * `need` (> alloc) and may have `max` (>= need).  At least need, at most max.
 */
size_t hpn_buf_grown(size_t alloc, size_t need, size_t max);

/*
 * Wipe len bytes of the heap, and hand the whole pages among them back to the
 * system.  The memory stays allocated.  The system gives zeroed pages when it
 * is touched again.
 */
void hpn_buf_release(void *, size_t len);

/*
 * Move a buffer of `alloc` bytes on the heap to one of `grown` (> alloc)
 * bytes.  A large one begins on a page: what is read into it costs less then
 * (hpn-pipe.h).  The added bytes are zero.  Where the system can, they take no
 * memory until they are touched.  The old buffer is wiped and freed.  Without
 * memory, this returns NULL and leaves the old buffer untouched.
 */
void *hpn_buf_move(void *old, size_t alloc, size_t grown);

#endif /* HPN_BUF_H */
