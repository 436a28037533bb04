/* SPDX-License-Identifier: ISC */
/*
 * hpn-tcp: what the kernel knows of a TCP connection, and how much of what
 * was not yet sent it should hold.  Works on descriptors only.
 */
#ifndef HPN_TCP_H
#define HPN_TCP_H

#include <stdint.h>

struct hpn_tcp_facts {
	uint64_t rtt_ns;	/* smoothed round trip; 0: not known */
	uint64_t rtt_min_ns;	/* the shortest of the last minutes; 0: not
				 * known */
	uint64_t rcvbuf;	/* SO_RCVBUF, bytes, see socket(7) */
	uint64_t rate;		/* at which what we send is delivered, bytes/s;
				 * 0: not known (see TCP_INFO in tcp(7)) */
	uint64_t pace;		/* at which TCP would send if it had it,
				 * bytes/s; 0: not known */
};

/*
 * The largest receive buffer that the system lets TCP have by itself, bytes; 0
 * if it is not known (tcp_rmem in tcp(7)).
 */
int64_t hpn_tcp_receive_most(void);

/* The same out of the text "LEAST DEFAULT MOST"; 0 if it is anything else. */
int64_t hpn_tcp_third(const char *text);

/* Returns 0, or -1 when fd is not a TCP connection; errno is kept. */
int hpn_tcp_facts_get(int fd, struct hpn_tcp_facts *);

/* What it counted since the connection began.  0: not known, or none. */
struct hpn_tcp_account {
	uint64_t busy_ns;	/* there was something to send */
	uint64_t rwnd_ns;	/* of that: the peer's window was full */
	uint64_t sndbuf_ns;	/* of that: the send buffer was too small */
	uint64_t sent;		/* bytes, those sent again included */
	uint64_t again;		/* bytes */
	uint64_t rtt_ns;	/* these as in struct hpn_tcp_facts */
	uint64_t rtt_min_ns;
	uint64_t rate;
	uint64_t pace;
	uint64_t cwnd;		/* congestion window, bytes */
	uint64_t flight;	/* bytes sent and not yet acknowledged */
	uint64_t sndbuf;	/* SO_SNDBUF and SO_RCVBUF, bytes */
	uint64_t rcvbuf;
	uint64_t rcvwnd;	/* what the peer may have under way, bytes */
	uint64_t sndwnd;	/* what we may have under way to it, bytes */
	uint64_t segs_in;	/* data segments received */
	uint64_t ooo;		/* of these, out of order */
	int app_limited;	/* the rate is what it was given, not more */
	char cc[16];		/* name of the congestion control */
};

/* Returns 0, or -1 when fd is not a TCP connection; errno is kept. */
int hpn_tcp_account_get(int fd, struct hpn_tcp_account *);

/*
 * What Metrics writes: the members of Linux's struct tcp_info by their names
 * there (linux/tcp.h), in its order and units: microseconds, but milliseconds for
 * last_*; bytes; bytes a second; numbers of segments.  X(kind, name): BITS are
 * parts of a byte.
 */
#define HPN_TCP_COLUMNS(X) \
	X(WHOLE, state) X(WHOLE, ca_state) X(WHOLE, retransmits) \
	X(WHOLE, probes) X(WHOLE, backoff) X(WHOLE, options) \
	X(BITS, snd_wscale) X(BITS, rcv_wscale) \
	X(BITS, delivery_rate_app_limited) X(BITS, fastopen_client_fail) \
	X(WHOLE, rto) X(WHOLE, ato) X(WHOLE, snd_mss) X(WHOLE, rcv_mss) \
	X(WHOLE, unacked) X(WHOLE, sacked) X(WHOLE, lost) X(WHOLE, retrans) \
	X(WHOLE, fackets) X(WHOLE, last_data_sent) X(WHOLE, last_ack_sent) \
	X(WHOLE, last_data_recv) X(WHOLE, last_ack_recv) X(WHOLE, pmtu) \
	X(WHOLE, rcv_ssthresh) X(WHOLE, rtt) X(WHOLE, rttvar) \
	X(WHOLE, snd_ssthresh) X(WHOLE, snd_cwnd) X(WHOLE, advmss) \
	X(WHOLE, reordering) X(WHOLE, rcv_rtt) X(WHOLE, rcv_space) \
	X(WHOLE, total_retrans) X(WHOLE, pacing_rate) \
	X(WHOLE, max_pacing_rate) X(WHOLE, bytes_acked) \
	X(WHOLE, bytes_received) X(WHOLE, segs_out) X(WHOLE, segs_in) \
	X(WHOLE, notsent_bytes) X(WHOLE, min_rtt) X(WHOLE, data_segs_in) \
	X(WHOLE, data_segs_out) X(WHOLE, delivery_rate) X(WHOLE, busy_time) \
	X(WHOLE, rwnd_limited) X(WHOLE, sndbuf_limited) X(WHOLE, delivered) \
	X(WHOLE, delivered_ce) X(WHOLE, bytes_sent) X(WHOLE, bytes_retrans) \
	X(WHOLE, dsack_dups) X(WHOLE, reord_seen) X(WHOLE, rcv_ooopack) \
	X(WHOLE, snd_wnd)

enum hpn_tcp_column {
#define HPN_TCP_COLUMN(kind, name)	HPN_TCP_COLUMN_##name,
	HPN_TCP_COLUMNS(HPN_TCP_COLUMN)
#undef HPN_TCP_COLUMN
	HPN_TCP_NCOLUMNS
};

#define HPN_TCP_UNKNOWN		UINT64_MAX

struct hpn_tcp_columns {
	uint64_t value[HPN_TCP_NCOLUMNS];	/* or HPN_TCP_UNKNOWN */
};

/*
 * What this system does not know is HPN_TCP_UNKNOWN.  Returns 0, or -1 when there
 * is nothing to learn: then all are unknown.  Keeps errno.
 */
int hpn_tcp_columns_get(int fd, struct hpn_tcp_columns *);

/*
 * How many unsent bytes the kernel should hold.  They must be enough that the
 * sender is never late, and few enough that a keystroke's echo does not wait
 * long behind them.  While TCP sends much faster than it delivers, it is
 * finding out the path's rate, and must not lack data.  Then the number is
 * larger, unless the round trip without queueing is short.  Policy: no
 * descriptor needed.  The arguments are as in struct hpn_tcp_facts.
 */
uint32_t hpn_tcp_unsent_target(uint64_t rate, uint64_t pace,
    uint64_t rtt_min_ns);

/* Ask for it (TCP_NOTSENT_LOWAT in tcp(7)).  Returns 0 or -1; keeps errno. */
int hpn_tcp_unsent_set(int fd, uint32_t bytes);

/*
 * Have TCP spread what is sent over time (SO_MAX_PACING_RATE in socket(7)),
 * for a program that hands over `rate` bytes a second in pieces.  TCP gets a
 * tenth more than that, for headers and tags.  Keeps errno.
 */
void hpn_tcp_pace(int fd, uint64_t rate);

/*
 * Acknowledge at once what was received and read, instead of waiting for
 * something to send with it (TCP_QUICKACK in tcp(7)).  Returns 0, or -1 where
 * that cannot be; keeps errno.
 */
int hpn_tcp_ack_now(int fd);

#endif /* HPN_TCP_H */
