/* SPDX-License-Identifier: ISC */
/*
 * hpn-pipe: pipes between ssh and the program that it serves, large enough for
 * bulk data.
 */
#ifndef HPN_PIPE_H
#define HPN_PIPE_H

#include <sys/types.h>
#include <sys/mman.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Let a pipe or a local socket hold as much as the system allows an ordinary
 * program, at most HPN_PIPE_SIZE bytes.  Does nothing to other descriptors;
 * never fails.
 */
#define HPN_PIPE_SIZE	(1024 * 1024)
void hpn_pipe_enlarge(int fd);

/*
 * As write(2) to a pipe with O_NONBLOCK, but the pipe may refer to this memory
 * instead of copying it.  So the memory must not change before the pipe's reader
 * has it all.  Fails where write(2) does, and where memory cannot be lent.
 */
ssize_t hpn_pipe_lend(int fd, const void *, size_t);

/*
 * A pipe for hpn_pipe_move(), as large as that; its writer does not wait.  -1 with errno:
 * there is none, or the system allows only one that is too small to be of use.
 */
int hpn_pipe_new(int held[2]);

/*
 * Move up to len bytes within the kernel, from a file at *at, or from a pipe (at
 * NULL), to a pipe or another descriptor.  One of the two is a pipe.  Does not wait for
 * a pipe.  Returns as splice(2) does, with errno; ENOSYS where there is none.
 */
ssize_t hpn_pipe_move(int from, const off_t *at, int to, size_t len);

/*
 * Memory of so many bytes that read(2) or pread(2) fill, for free(3); NULL: there is
 * none, and errno says so.  It begins on a page.  The system copies from pages of its
 * own.  Some processors (AMD EPYC) take three times as long where the target begins
 * 1 to 40 bytes behind the source, counted from the start of their pages.  Large
 * memory of malloc(3) begins 16 bytes behind the start of a page.
 *
 * Much of it is in large pages where the system has them: to lend those, and to give
 * them back, costs less.
 */
#define HPN_PIPE_PAGE	4096
#define HPN_PIPE_PAGE_LARGE	(2 * 1024 * 1024)
static inline void *
hpn_pipe_memory(size_t bytes)
{
	void *p;
	int r;

#ifdef MADV_HUGEPAGE
	if (bytes >= HPN_PIPE_PAGE_LARGE && posix_memalign(&p,
	    HPN_PIPE_PAGE_LARGE, bytes) == 0) {
		(void)madvise(p, bytes, MADV_HUGEPAGE);
		return p;
	}
#endif
	if ((r = posix_memalign(&p, HPN_PIPE_PAGE, bytes)) == 0)
		return p;
	errno = r;
	return NULL;
}
/* So much further on, a target is not near it. */
#define HPN_PIPE_PAST	64

#endif /* HPN_PIPE_H */
