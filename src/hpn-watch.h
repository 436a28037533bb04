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

#include "hpn-report.h"
#include "hpn-tcp.h"
#include "hpn-why.h"
#include "hpn-why-wire.h"

struct ssh;
struct sshbuf;
struct timespec;
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
	uint64_t held_ns;		/* waits that messages of the peer's
					 * ended: will one bring data? */
	uint64_t sent;			/* bytes, when the loop slept last */
	uint64_t delivered;		/* bytes that programs were given */
	uint64_t arrived;		/* ... or that wait for them; then */
	uint64_t arrived_ns;		/* when data last did */
	uint64_t rtt_ns;		/* tcp's, summed over the seconds */
	uint64_t rate, spread;		/* sums over the seconds: of rates, of
					 * what they differ by */
	struct hpn_tcp_account tcp;	/* as it was when the second began */
	int stale;			/* ... and the clocks: they are older */
	int blocked;			/* bits: what the channels wait for */
	int stalled;			/* since data last arrived, a program
					 * took none */
	int answered;			/* ... and we have sent some */
	int terminal;			/* a channel has one */
	uint64_t limit;			/* the user's, bytes a second */
	int no_queue;			/* the system does not tell queue_ns */
	struct hpn_why_end there;	/* what the other end has told last */
	uint64_t answered_ns;		/* server: when it was asked last */
};

/*
 * The loop is about to sleep: what for, and until when?  It has woken up.  pfd: as
 * polled.
 */
void hpn_watch_sleep(struct ssh *, struct Channel **, u_int nchannels,
    struct timespec *timeout);
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

/* The facts up to now, of both ends if the other one has told some. */
void hpn_watch_facts(struct ssh *, struct hpn_why_facts *);

/* A verdict in words, and as JSON (hpn-report.h). */
struct hpn_watch_report {
	char sentence[HPN_REPORT_SENTENCE];
	char json[HPN_REPORT_JSON];	/* "": it does not fit */
	const char *event;
	enum hpn_why_cause cause;
	uint64_t total_ns;		/* 0: nothing was moved */
};

/* event: the occasion, a word.  With LogLevel DEBUG3, JSON is logged as well. */
void hpn_watch_report(struct ssh *, const char *event,
    struct hpn_watch_report *);

/*
 * ssh alone does more, in hpn-watch-ssh.c: in each trip round the loop, before it
 * sleeps; what SIGUSR1 asks for; at the end.  host: the peer's name.  NULL: no
 * more.
 */
struct hpn_watch_more {
	const char *host;
	void (*trip)(struct ssh *, uint64_t now_ns, struct timespec *timeout);
	void (*said)(const struct hpn_watch_report *);
};
void hpn_watch_more(const struct hpn_watch_more *);

/* Take SIGUSR1, which else ends the process. */
void hpn_watch_take_signal(void);

/*
 * The facts of this end, as they are sent to the other one; and what the other one
 * sent.  Returns 0, or -1 if that is malformed, or cannot be true.
 */
void hpn_watch_tell(struct ssh *, struct hpn_why_wire *);
int hpn_watch_told(struct ssh *, const u_char *, size_t len,
    struct hpn_why_wire *);

/*
 * sshd got this global request: if it asks for facts, and may, returns 1 and makes
 * *answer, which the caller frees.
 */
int hpn_watch_answer(struct ssh *, const char *request, struct sshbuf **answer);

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
