/* SPDX-License-Identifier: ISC */
/*
 * hpn-buf: how a large buffer grows.  OpenSSH's buffers grow by 256 bytes,
 * each time with a copy of the whole: thirty copies, and pages touched anew for
 * each, on the way to the first megabyte of a bulk channel; seconds of work for
 * what fits a window of tens of megabytes.  Below 128 KiB they still do.
 */
#ifndef HPN_BUF_H
#define HPN_BUF_H

#include <stddef.h>

/*
 * The most that a buffer can be allowed to hold, bytes: the largest window
 * (hpn-window.h) and the tenth beyond it that channels.c tolerates.  What a
 * buffer is made with stays at SSHBUF_SIZE_MAX.
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
 * Wipe len bytes of the heap and hand the whole pages among them back to the
 * system, which gives zeroed ones when they are touched again.  The memory
 * stays allocated.
 */
void hpn_buf_release(void *, size_t len);

/*
 * Move a buffer of `alloc` bytes on the heap to one of `grown` (> alloc)
 * bytes.  What is new is zero and, where the system can, not yet memory; what
 * is old is wiped and freed.  Returns NULL, old buffer untouched, when there
 * is no memory.
 */
void *hpn_buf_move(void *old, size_t alloc, size_t grown);

#endif /* HPN_BUF_H */
