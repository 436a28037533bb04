/* SPDX-License-Identifier: ISC */
/*
 * hpn-idle: a connection that no longer carries bulk data gives back the memory
 * and the threads that only bulk data need.
 */
#ifndef HPN_IDLE_H
#define HPN_IDLE_H

#include <sys/types.h>
#include <time.h>

struct ssh;
struct Channel;

/* A connection is idle if it moved at most HPN_IDLE_BYTES in this time, ns. */
#define HPN_IDLE_NS	2000000000ULL
#define HPN_IDLE_BYTES	(64 * 1024)

/* Starts zeroed. */
struct hpn_idle {
	u_int64_t moved;	/* bytes, when it was last busy or looked at anew */
	u_int64_t since_ns;	/* when that was */
	int	  busy;		/* it has had bulk data, and given nothing back */
};

/*
 * Whether it is time to give memory back.  moved: bytes sent and received on the
 * connection until now.  *wait_ns: ask again after that; 0: need not.
 */
int hpn_idle_due(struct hpn_idle *, u_int64_t moved, u_int64_t now_ns,
    u_int64_t *wait_ns);

/*
 * Call this before the loop of ssh or sshd sleeps.  It does what is due, and
 * shortens timeout to when the next thing is due.  It does nothing on a
 * connection without hpn_channels_configure().
 */
void hpn_idle_channels(struct ssh *, struct Channel **, u_int nchannels,
    struct timespec *timeout, struct hpn_idle *);

#endif /* HPN_IDLE_H */
