/* SPDX-License-Identifier: ISC */
/*
 * hpn-connection: what hpn-channels.c and hpn-loop.c know of a connection that
 * carries an authenticated user's data; struct ssh has it as `hpn`.
 * hpn_channels_configure() makes it.  NULL: nothing of ours is done.
 */
#ifndef HPN_CONNECTION_H
#define HPN_CONNECTION_H

#include <sys/types.h>

#include "hpn-options.h"
#include "hpn-pace.h"
#include "hpn-rtt.h"
#include "hpn-tcp.h"
#include "hpn-watch.h"

struct hpn_connection {
	struct hpn_options options;
	struct hpn_rtt rtt;
	u_int64_t committed;	/* bytes: windows of all channels */
	u_int64_t unpaced;	/* bytes sent since the rate was looked at */
	u_int32_t unsent;	/* bytes: TCP_NOTSENT_LOWAT as set, 0: not */
	u_int64_t began_ns;	/* 0: hpn_channels_throughput() has spoken */
	struct hpn_pace sends, receives;	/* HPNRateLimit: channel data */
	struct hpn_tcp_facts tcp;	/* of the receiving side ... */
	u_int64_t tcp_ns;		/* ... and when they were asked for */
	u_int64_t drained_ns;		/* when a buffer gave memory back */
	u_int64_t window_max, memory_max;	/* that stopped a window */
	int rekey_soon;		/* hpn-rekey: the peer will be asked soon */
	struct hpn_watch watch;
};

#endif /* HPN_CONNECTION_H */
