/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-flow: one end of a stream that goes in frames (hpn-dm-frame.h) over a
 * connection which may be exchanged for another.  "dmscp -R" and "dmscp -server"
 * both have one; one of them sends the stream, the other takes it.
 *
 *	source -> buffer -> frames ==== frames -> blocks -> sink
 *	             ^                                 |
 *	             +------- acknowledged ------------+
 *
 * Nothing here waits or ends the program.  The end that sends keeps what is not
 * acknowledged; the end that takes holds no more than the other's buffer.
 */
#ifndef HPN_DM_FLOW_H
#define HPN_DM_FLOW_H

#include <sys/types.h>
#include <stdint.h>

#include "hpn-dm-frame.h"

struct hpn_dm_flow;

#define HPN_DM_FLOW_LOST	(-1)	/* the connection has ended */
#define HPN_DM_FLOW_WRONG	(-2)	/* the other end breaks the rules */
#define HPN_DM_FLOW_DIFFERS	(-3)	/* what came is not what was sent */

/*
 * sends: this end does.  is_server: the other end is.  buffer: bytes.  NULL if
 * there is no memory, or no hash.
 */
struct hpn_dm_flow *hpn_dm_flow_new(int sends, int is_server, uint64_t buffer,
    int sha256);
void hpn_dm_flow_free(struct hpn_dm_flow *);

/* A connection, whose descriptors become non-blocking and the callee's. */
void hpn_dm_flow_connect(struct hpn_dm_flow *, int in, int out);
void hpn_dm_flow_lost(struct hpn_dm_flow *);
int hpn_dm_flow_connected(const struct hpn_dm_flow *);
/*
 * WELCOME, or what it answers, was taken: data may go.  The end that sends goes on
 * at this offset.  0, or -1: that is not at hand.
 */
int hpn_dm_flow_begin(struct hpn_dm_flow *, uint64_t offset);

/* To wait for: reading at *in, writing at *out, or -1. */
void hpn_dm_flow_fds(const struct hpn_dm_flow *, int *in, int *out);

/* Put a frame into the queue; not of DATA, ACK and END, which come by themselves. */
void hpn_dm_flow_put(struct hpn_dm_flow *, const struct hpn_dm_frame *);
/* Bytes of such frames that wait. */
size_t hpn_dm_flow_queued(const struct hpn_dm_flow *);

/*
 * Read what is there.  Frames other than DATA, ACK, END and PING are handed to fn,
 * valid in it alone.  0, or one of the above.
 */
typedef void hpn_dm_flow_fn(void *, const struct hpn_dm_frame *);
int hpn_dm_flow_read(struct hpn_dm_flow *, hpn_dm_flow_fn *, void *);
const char *hpn_dm_flow_wrong(const struct hpn_dm_flow *);
/* Write what can be written.  0, or HPN_DM_FLOW_LOST. */
int hpn_dm_flow_write(struct hpn_dm_flow *);

/* ---- the end that sends ---- */

/* Whether there is room for more of the source. */
int hpn_dm_flow_room(const struct hpn_dm_flow *);
/* Read the source once.  As read(2), with errno; 0 is its end. */
ssize_t hpn_dm_flow_source(struct hpn_dm_flow *, int fd);
/* What was read of it and is not in a frame yet. */
uint64_t hpn_dm_flow_unsent(const struct hpn_dm_flow *);
/* It has ended, as it should: END is sent when all else is. */
void hpn_dm_flow_source_ended(struct hpn_dm_flow *);
/* All data were sent; END was put behind them; all was acknowledged. */
int hpn_dm_flow_all_sent(const struct hpn_dm_flow *);
int hpn_dm_flow_end_sent(const struct hpn_dm_flow *);
int hpn_dm_flow_all_acked(const struct hpn_dm_flow *);
uint64_t hpn_dm_flow_read_bytes(const struct hpn_dm_flow *);
uint64_t hpn_dm_flow_acked_bytes(const struct hpn_dm_flow *);

/* ---- the end that takes ---- */

/* Whether there is something for the sink. */
int hpn_dm_flow_pending(const struct hpn_dm_flow *);
/* Write to the sink once.  As write(2), with errno. */
ssize_t hpn_dm_flow_sink(struct hpn_dm_flow *, int fd);
/* Say now how much was handed over, if that was not said. */
void hpn_dm_flow_ack(struct hpn_dm_flow *);
/*
 * 1: the end came and the sink has got all, which is what was sent; 0: not yet;
 * HPN_DM_FLOW_DIFFERS.
 */
int hpn_dm_flow_whole(struct hpn_dm_flow *);
/* What has come, and what the sink has. */
uint64_t hpn_dm_flow_got_bytes(const struct hpn_dm_flow *);
uint64_t hpn_dm_flow_given_bytes(const struct hpn_dm_flow *);

/* Per cent of the buffer that are in use. */
int hpn_dm_flow_full(const struct hpn_dm_flow *);

#endif /* HPN_DM_FLOW_H */
