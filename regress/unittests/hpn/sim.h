/* SPDX-License-Identifier: ISC */
/*
 * A simulated connection: TCP over a link with a round-trip time and a rate,
 * SSH channels over TCP, a reader at the end of each.  Discrete events, no
 * real time, no threads: the same input gives the same result.
 *
 *    source -> [credit] -> socket buffer -> cwnd -> link -> [buffered] -> reader
 *                 ^                                  |          |
 *                 |                                  +-- ack    |
 *                 +------------- adjust, half a round trip -----+
 *
 * Sender: sends whatever its credit allows.  What credit is not yet in its
 * socket a stock sender keeps stored, so it is what such a sender holds in
 * memory.  The answer to a probe waits behind what is in the socket.
 * TCP: slow start up to the BDP and the queue of the bottleneck, then as fast
 * as the link; optionally a loss every so many bytes, behind which everything
 * waits for the retransmission.
 * Receiver: sends adjusts and changes its window as channels.c and
 * hpn-channels.c do, with the real hpn-window and hpn-rtt.
 *
 * Asserts at each step: no data beyond the credit, window = credit + buffered
 * + consumed, a window changes within the bounds in hpn-window.h, all windows
 * together stay inside the budget, a sender that has no credit gets some as
 * soon as a reader takes anything.
 *
 * Units: bytes, nanoseconds, bytes a second.
 */
#ifndef HPN_SIM_H
#define HPN_SIM_H

#include <stdint.h>

#define SIM_CHANNELS	64

enum sim_policy {
	SIM_HPN,		/* hpn-window decides */
	SIM_STOCK,		/* the window stays as it was opened */
	SIM_UNLIMITED		/* 2 GiB: what TCP alone would do */
};

/* A reader, or a source: what it takes or gives, and when. */
struct sim_schedule {
	uint64_t rate;		/* while on; 0: at once */
	uint64_t on_ns;		/* on this long, then ... */
	uint64_t off_ns;	/* ... off this long, and again; 0: always on */
	uint64_t stop_ns;	/* off for ever from then; 0: never */
};

struct sim_config {
	enum sim_policy policy;
	uint64_t rtt_ns;
	uint64_t rate;
	uint64_t queue;		/* of the bottleneck; 0: a quarter of the BDP */
	uint64_t loss_every;	/* one packet lost each so many bytes; 0: none */
	uint64_t sndbuf;	/* most bytes in the sender's socket, sent or
				 * not; 0: `cwnds` congestion windows, as TCP
				 * tunes it */
	uint64_t cwnds;		/* 0: two */
	uint64_t unsent;	/* most bytes of them unsent; 0: any */
	uint64_t tcp_rtt_ns;	/* what TCP says; 0: there is no socket */
	uint64_t rcvbuf;	/* likewise */
	int no_poll;		/* TcpRcvBufPoll no */
	uint32_t window;	/* what a channel wants; 0: stock's 2 MiB */
	uint32_t window_max;	/* 0: the default of HPNWindowMax */
	uint64_t budget;	/* 0: the default of HPNMemoryMax */
	int channels;		/* 0: one */
	uint64_t open_every_ns;	/* channels open so long after another */
	struct sim_schedule reader[SIM_CHANNELS];
	struct sim_schedule source[SIM_CHANNELS];
	uint64_t end_ns;	/* how long to run */
	uint64_t steady_ns;	/* from when on to measure; 0: half of it */
	uint64_t jump_at_ns;	/* when the receiver's clock jumps; 0: never */
	int64_t jump_ns;	/* how far */
	uint64_t rtt_change_at_ns; /* when the path changes; 0: never */
	uint64_t rtt_new_ns;
	uint64_t ramp_bytes;	/* note when so many bytes were consumed */
};

struct sim_result {
	uint64_t rate;		/* bytes consumed a second, steady, together */
	uint64_t steady;	/* the same in bytes */
	uint64_t ramp_ns;	/* when ramp_bytes were consumed; 0: never */
	uint64_t window_most;	/* largest window of a channel, steady */
	uint64_t window_ever;	/* largest window of a channel, any time */
	uint64_t windows_most;	/* largest sum of windows, any time */
	uint64_t held_most;	/* most credit at the sender, steady */
	uint64_t rtt_most;	/* largest round trip measured by, steady */
	uint64_t rtt_min_most;	/* largest of it that is not queueing */
	uint64_t buffered_ever;	/* most data that waited for readers */
	uint64_t adjusts;	/* messages, any time */
	uint64_t updates;	/* how often the policy was asked */
	uint64_t window_end[SIM_CHANNELS];
	uint64_t taken[SIM_CHANNELS];	/* steady, bytes of each channel */
};

void sim_run(const struct sim_config *, struct sim_result *);

#endif /* HPN_SIM_H */
