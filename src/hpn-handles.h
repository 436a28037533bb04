/* SPDX-License-Identifier: ISC */
/*
 * hpn-handles: which handles an SFTP server has given, and whether it keeps them
 * apart.
 *
 * Some servers give two open files the same handle.  A client with one file
 * open at a time never notices.  A client with many open files then reads from
 * and writes to the wrong file.  So this module keeps every handle from the
 * answer that gives it until no later answer can tell anything about it.
 *
 * A server may give a handle again as soon as it has closed the file, and
 * OpenSSH's does.  So two files share a handle if the client asked to open the
 * second before it asked to close the first.  The order of the answers says
 * nothing.  If the server is known to keep no order, there is doubt until the
 * closing was answered.  A handle is settled when two things have been
 * answered: its closing, and every opening that was asked for before the
 * closing.
 *
 * One object serves one channel, because each channel has a server of its own.
 * Requests are known by their ids, which ascend and may wrap.
 *
 * Policy only: no descriptor, no clock.  Memory: handles are copied.
 */
#ifndef HPN_HANDLES_H
#define HPN_HANDLES_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "openbsd-compat/sys-queue.h"

struct hpn_handle;
struct hpn_handles_opening;

struct hpn_handles {
	TAILQ_HEAD(, hpn_handles_opening) opening;	/* in order of ids */
	TAILQ_HEAD(, hpn_handle) open;
	TAILQ_HEAD(, hpn_handle) closed;	/* in order of their closing */
	unsigned int n;				/* in the last two */
};

void hpn_handles_init(struct hpn_handles *);
void hpn_handles_free(struct hpn_handles *);

/* The request id asks for a file or directory to be opened. */
void hpn_handles_asked(struct hpn_handles *, uint32_t id);

/* It was answered with no handle, or with one that is not of interest. */
void hpn_handles_none(struct hpn_handles *, uint32_t id);

/*
 * It was answered with a handle, which belongs to owner from now on.
 * disorder: the server is known to keep no order.  This calls shared() with
 * each other owner of the same handle.  shared() may not use these functions.
 * Returns how many other owners there are.
 */
unsigned int hpn_handles_given(struct hpn_handles *, uint32_t id,
    const void *handle, size_t len, void *owner, int disorder,
    void (*shared)(void *context, void *other), void *context);

/* The request id asks for this handle of owner's to be closed, if it is one. */
void hpn_handles_closed(struct hpn_handles *, uint32_t id, const void *owner,
    const void *handle, size_t len);

/* The request id to close something was answered. */
void hpn_handles_answered(struct hpn_handles *, uint32_t id);

/*
 * How many handles may have been open when the server handled the request id.
 * This may be too many, but is never too few.
 */
unsigned int hpn_handles_held(const struct hpn_handles *, uint32_t id,
    int disorder);

/* The channel has ended: forget a handle and return its owner; NULL: none. */
void *hpn_handles_drop(struct hpn_handles *);

/* Forget one settled handle and return its owner; NULL: none is settled. */
void *hpn_handles_settled(struct hpn_handles *);

#endif /* HPN_HANDLES_H */
