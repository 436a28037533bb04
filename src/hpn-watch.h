/* SPDX-License-Identifier: ISC */
/*
 * hpn-watch: what the loop of ssh or sshd waits for, and how long; and the line
 * that says so.
 *
 * Two clock readings in each trip round the loop; once a second, while data move,
 * TCP_INFO and the processor's clock.  Nothing of this touches the data.
 */
#ifndef HPN_WATCH_H
#define HPN_WATCH_H

#include <sys/types.h>

#include <stdint.h>

#include "hpn-tcp.h"
#include "hpn-why.h"

struct ssh;
struct Channel;
struct pollfd;

/* Starts zeroed; belongs to the connection. */
struct hpn_watch {
	struct hpn_why_end total;	/* of the seconds that count */
	struct hpn_why_end now;		/* of the second that is under way */
	uint64_t slept_ns, woke_ns;	/* when the loop did; 0: never */
	uint64_t begun_ns;		/* when the second did */
	uint64_t cpu_ns, queue_ns;	/* clocks, when it did */
	uint64_t moved;			/* bytes, in this second */
	uint64_t held_ns;		/* a wait that a message of the peer's
					 * ended: did it bring data? */
	uint64_t delivered;		/* bytes that programs were given */
	uint64_t arrived;		/* ... or that wait for them; then */
	uint64_t arrived_ns;		/* when data last did */
	uint64_t rtt_ns;		/* tcp's, summed over the seconds */
	uint64_t rate, spread;		/* sums over the seconds: of rates, of
					 * what they differ by */
	struct hpn_tcp_account tcp;	/* as it was when the second began */
	int blocked;			/* bits: what the channels wait for */
	int stalled;			/* since data last arrived, a program
					 * took none */
	int answered;			/* ... and we have sent some */
	int terminal;			/* a channel has one */
	uint64_t limit;			/* the user's, bytes a second */
	int no_queue;			/* the system does not tell queue_ns */
	/* to be shown */
	uint64_t report_ns, report_sent, report_received;
};

/* The loop is about to sleep: what for?  It has woken up.  pfd: as polled. */
void hpn_watch_sleep(struct ssh *, struct Channel **, u_int nchannels);
void hpn_watch_wake(struct ssh *, const struct pollfd *pfd, u_int npfd);

/* Bytes of channels: sent; read from a program, and written to one. */
void hpn_watch_sent(struct ssh *, size_t len);
void hpn_watch_read(struct ssh *, const struct Channel *, size_t len);
void hpn_watch_received(struct ssh *, const struct Channel *, size_t len);

/*
 * ssh begins: what scp or sftp say that have started it (hpn-watch-ask.h).
 * SIGUSR1 then makes ssh say the verdict up to that moment.  Non-zero if the
 * process that they know is this one.
 */
int hpn_watch_inherit(void);

/* The facts up to now. */
void hpn_watch_facts(struct ssh *, struct hpn_why_facts *);

/* sshd's line when a connection is over.  user may be NULL. */
void hpn_watch_log(struct ssh *, const char *user);

/*
 * sshd is about to close a connection with a DISCONNECT of its own: says what its
 * log has of every connection that is over.  Afterwards nothing can be asked.
 */
void hpn_watch_over(struct ssh *);

/*
 * ssh's line, with -v.  Without, it is also said for a copy with a progress meter
 * that took long and was not limited by the path.
 */
void hpn_watch_say(struct ssh *);

#endif /* HPN_WATCH_H */
