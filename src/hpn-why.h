/* SPDX-License-Identifier: ISC */
/*
 * hpn-why: what a transfer waited for.
 *
 * A transfer is a chain: source, sending loop and cipher, the peer's SSH window,
 * TCP, path, receiving loop and cipher, destination.  At each moment one link is
 * what the others wait for.  Each end knows what its own loop waited for, and
 * what its kernel says of TCP.  The verdict is the link with the largest share.
 *
 * Policy: facts in, verdict out.  Facts of a peer may be any numbers: they
 * steer nothing but the sentence, and none of them can overflow anything.
 * Source of what TCP says: TCP_INFO, tcp(7) and linux/tcp.h.
 */
#ifndef HPN_WHY_H
#define HPN_WHY_H

#include <stdint.h>

/*
 * The facts of one end of a connection, since counting began: X(name, meaning).
 * A name is what JSON and the wire call it, so it stays.  _ns: nanoseconds of
 * time; the others are bytes, or numbers of something.  0: none, or not known.
 */
#define HPN_WHY_FACTS(X) \
	X(total_ns, "time that counts: what lies idle does not") \
	/* what the loop waited for, sending: total_ns is the sum of these */ \
	X(source_ns, "for the program or disk that data come from") \
	X(asked_ns, "for the peer's program, which had to answer or ask") \
	X(window_ns, "for the peer's SSH window") \
	X(tcp_ns, "for TCP to take more") \
	X(rekey_ns, "for the end of a key exchange") \
	X(run_ns, "for nothing: the loop was at work") \
	/* receiving, of the same time */ \
	X(sink_ns, "the program or disk that data go to took no more") \
	X(gap_ns, "nothing arrived for a quarter of a round trip or more") \
	X(gaps, "how often") \
	X(pause_ns, "of that: in pauses of more than two round trips") \
	/* the process */ \
	X(cpu_ns, "processor time of the main thread") \
	X(queue_ns, "the main thread waited for a processor") \
	X(zip_ns, "time during which compression was on") \
	/* what went through channels */ \
	X(sent, "bytes of channels sent") \
	X(received, "bytes of channels received") \
	X(asked, "number of waits in asked_ns") \
	X(window, "the largest window that the peer granted, bytes") \
	X(window_own, "the largest window that this end granted, bytes") \
	X(window_max, "HPNWindowMax, if that stopped the window") \
	X(memory_max, "HPNMemoryMax, if that stopped the window") \
	X(limit, "the rate that the user allowed, bytes a second") \
	X(session_sent, "of the bytes sent: of sessions") \
	X(session_received, "of those received") \
	X(rtt_ns, "round trip between the two programs") \
	/* what the kernel says */ \
	X(tcp_known, "1: the rest is known") \
	X(tcp_busy_ns, "TCP had something to send") \
	X(tcp_rwnd_ns, "of that: the peer's TCP window was full") \
	X(tcp_sndbuf_ns, "of that: the send buffer was too small") \
	X(tcp_sent, "bytes sent, those sent again included") \
	X(tcp_again, "bytes sent again") \
	X(tcp_rtt_ns, "round trip, the mean of each second's") \
	X(tcp_rtt_min_ns, "the shortest round trip") \
	X(tcp_rate, "delivery rate, bytes a second") \
	X(tcp_pace, "pacing rate, bytes a second") \
	X(tcp_cwnd, "congestion window, bytes") \
	X(tcp_flight, "bytes under way") \
	X(tcp_sndbuf, "SO_SNDBUF") \
	X(tcp_rcvbuf, "SO_RCVBUF") \
	X(tcp_rcvwnd, "the most that the peer may have under way to us") \
	X(tcp_sndwnd, "the most that we were allowed to have under way") \
	X(tcp_segs_in, "data segments received") \
	X(tcp_ooo, "of these, out of order") \
	X(tcp_app_limited, "seconds in which TCP lacked data") \
	X(tcp_lossy, "seconds in which one byte of 200 was sent again") \
	/* how even the rate was */ \
	X(seconds, "seconds counted in full") \
	X(uneven, "mean deviation of their rates, of 1000")

struct hpn_why_end {
#define HPN_WHY_MEMBER(name, meaning)	uint64_t name;
	HPN_WHY_FACTS(HPN_WHY_MEMBER)
#undef HPN_WHY_MEMBER
	int known;		/* 0: there are no facts of this end */
	char cc[16];		/* congestion control; "": not known */
};

enum hpn_why_cause {
	HPN_WHY_NOTHING,	/* nothing stands out, or too little is known */
	HPN_WHY_PATH,		/* the path is full: the good case */
	HPN_WHY_SOURCE,		/* the sender's program or disk */
	HPN_WHY_SINK,		/* the receiver's program or disk */
	HPN_WHY_WINDOW,		/* the receiver's SSH window */
	HPN_WHY_WINDOW_MAX,	/* ... which HPNWindowMax keeps small */
	HPN_WHY_MEMORY_MAX,	/* ... or HPNMemoryMax */
	HPN_WHY_REQUESTS,	/* too few requests under way */
	HPN_WHY_FILES,		/* a round trip or more for each small file */
	HPN_WHY_SNDBUF,		/* the sender's TCP buffer */
	HPN_WHY_RCVBUF,		/* the receiver's TCP buffer */
	HPN_WHY_SENDER_TCP,	/* the sender has a fixed amount under way */
	HPN_WHY_LOSS,		/* lost packets slow TCP down */
	HPN_WHY_POLICER,	/* somebody drops what exceeds a rate */
	HPN_WHY_CHANNEL,	/* another channel of this connection */
	HPN_WHY_CPU_SEND,	/* one core of the sender: cipher, MAC, loop */
	HPN_WHY_CPU_RECV,	/* ... of the receiver */
	HPN_WHY_BUSY_SEND,	/* the sender's machine does other work */
	HPN_WHY_BUSY_RECV,
	HPN_WHY_ZIP,		/* compression */
	HPN_WHY_LIMIT,		/* a limit that the user set */
	HPN_WHY_START,		/* TCP was still getting up to speed */
	HPN_WHY_REKEY,		/* key exchanges */
	HPN_WHY_CAUSES
};

struct hpn_why_facts {
	struct hpn_why_end here, there;
	int sends;		/* here is the end that sends the bulk */
	int copies;		/* our scp or sftp has started this ssh */
};

/* So much of the time has to be a cause's for it to be named, of 1000. */
#define HPN_WHY_LEAST	250
/* A second cause is named from this part of the first one's share, of 1000. */
#define HPN_WHY_SECOND	500

struct hpn_why {
	enum hpn_why_cause cause[2];	/* the second one may be NOTHING */
	unsigned int share[2];		/* of the time, of 1000 */
	uint64_t rate;		/* bytes of channels a second */
	uint64_t rtt_ns;	/* the best that is known; 0: not */
	uint64_t per_rtt;	/* bytes for each round trip; 0: not known */
	uint64_t limit;		/* the user's rate; 0: none */
	unsigned int other;	/* bytes of other channels, of 1000 */
	uint64_t loss;		/* bytes sent again, of 100000 */
	int both;		/* both ends were heard */
	int certain;		/* ... and what they say was counted, not
				 * concluded, for most of the time */
	int sends;		/* as in the facts */
};

void hpn_why_decide(const struct hpn_why_facts *, struct hpn_why *);

/*
 * One word for each cause, for JSON: in small letters and '-'.  Never NULL.
 */
const char *hpn_why_name(enum hpn_why_cause);

#endif /* HPN_WHY_H */
