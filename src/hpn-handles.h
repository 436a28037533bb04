/* SPDX-License-Identifier: ISC */
/*
 * hpn-handles: which handles an SFTP server has given, and whether it keeps them
 * apart.
 *
 * A client that has one file open at a time never learns that a server gives two
 * of them one handle.  One that opens many reads from and writes to the wrong
 * file then.  So every handle is kept here from the answer that gives it to the
 * time at which nothing can be found out about it any more.
 *
 * A server may give a handle again as soon as it has closed it, and OpenSSH's
 * does.  So two files have one handle if the second was asked to be opened
 * before the first was asked to be closed.  Which of the answers comes first says
 * nothing, unless the server is known to keep no order: then it is in doubt until
 * the closing was answered.  A handle is settled when that is so, and all that was
 * asked to be opened before has been answered.
 *
 * One of these serves one channel: each has a server of its own.  Requests are
 * known by their ids, which ascend and may wrap.
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
 * It was answered with a handle, which is owner's from here on.  disorder: the
 * server is known to keep no order.  shared() is
 * called with each owner that has the same one, and may not use these functions.
 * Returns how many they are.
 */
unsigned int hpn_handles_given(struct hpn_handles *, uint32_t id,
    const void *handle, size_t len, void *owner, int disorder,
    void (*shared)(void *context, void *other), void *context);

/* The request id asks for what owner has open here to be closed, if any. */
void hpn_handles_closed(struct hpn_handles *, uint32_t id, const void *owner);

/* The request id to close something was answered. */
void hpn_handles_answered(struct hpn_handles *, uint32_t id);

/*
 * How many may have been open as the server dealt with the request id: never
 * fewer than there were.
 */
unsigned int hpn_handles_held(const struct hpn_handles *, uint32_t id,
    int disorder);

/* The channel has ended: the owner of some handle, which is forgotten, or NULL. */
void *hpn_handles_drop(struct hpn_handles *);

/* The owner of a handle that is settled, which is forgotten; NULL: none is. */
void *hpn_handles_settled(struct hpn_handles *);

#endif /* HPN_HANDLES_H */
