/* SPDX-License-Identifier: ISC */
/* See hpn-why.h for what this does. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-why.h"

#define WHOLE		1000U		/* shares are of this */
#define MS		1000000ULL

/*
 * A loop that works for so much of the time is the limit.  A loop that waits
 * more is not the limit.  Its work then costs no time, because TCP and the
 * pipes of programs hold enough data meanwhile.
 */
#define RUNS		700
/* What is less than this for each exchange of messages is a small file's. */
#define SMALL		(12 * 1024)
/* A send buffer is smaller than this, requests are more than this, bytes. */
#define BUFFER_MOST	(192 * 1024)
/* A request of SFTP's is seldom larger, bytes. */
#define ONE_REQUEST	(40 * 1024)
/* A wait that is so many round trips long is no matter of round trips. */
#define TRIPS		3
/* On a shorter path a wait says nothing of round trips. */
#define SHORT		MS
/* Longer than this is a queue, even if the path has no round trip to speak of. */
#define QUEUES		(3 * MS)
/* Of 100000 bytes: loss that slows TCP down, and a policer's. */
#define LOSSY		10
#define POLICED		1000
/* Of what was waited for so much of the time, of WHOLE, one can be sure. */
#define SURE		800
/* Rates that differ by less than this, of 1000, are even. */
#define EVEN		150
/* What TCP sends at a time, bytes: Ethernet's. */
#define SEGMENT		1448
/* TCP needs about so many round trips to get up to speed. */
#define STARTS		15
#define BBR_BEARS	15000

struct shares {
	unsigned int of[HPN_WHY_CAUSES];
};

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* part of total, of WHOLE */
static unsigned int
share(uint64_t part, uint64_t total)
{
	if (total == 0)
		return 0;
	if (part >= total)
		return WHOLE;
	if (part > UINT64_MAX / WHOLE)
		return (unsigned int)least(WHOLE, part / (total / WHOLE));
	return (unsigned int)(part * WHOLE / total);
}

/* a * b / c without overflow; UINT64_MAX if it does not fit */
static uint64_t
scale(uint64_t a, uint64_t b, uint64_t c)
{
	if (c == 0)
		return 0;
	while (b != 0 && a > UINT64_MAX / b) {
		if (c == 1)
			return UINT64_MAX;
		if (a > b)
			a /= 2;
		else
			b /= 2;
		c /= 2;
	}
	return a * b / c;
}

/* What is left of the whole without part becomes the whole. */
static void
spread(struct shares *s, unsigned int part)
{
	size_t i;

	if (part >= WHOLE)
		return;
	for (i = 0; i < HPN_WHY_CAUSES; i++)
		s->of[i] = (unsigned int)least(WHOLE,
		    s->of[i] * WHOLE / (WHOLE - part));
}

static void
add(struct shares *s, enum hpn_why_cause cause, unsigned int part)
{
	s->of[cause] += part;
	if (s->of[cause] > WHOLE)
		s->of[cause] = WHOLE;
}

/* Facts that cannot be are none: each part fits into the whole. */
static void
clean(struct hpn_why_end *e)
{
	uint64_t *parts[] = { &e->source_ns, &e->asked_ns, &e->window_ns,
	    &e->tcp_ns, &e->rekey_ns, &e->run_ns };
	uint64_t left;
	size_t i;

	if (!e->known || e->total_ns == 0) {
		memset(e, 0, sizeof(*e));
		return;
	}
	left = e->total_ns;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		*parts[i] = least(*parts[i], left);
		left -= *parts[i];
	}
	e->sink_ns = least(e->sink_ns, e->total_ns);
	e->gap_ns = least(e->gap_ns, e->total_ns);
	e->pause_ns = least(e->pause_ns, e->gap_ns);
	e->cpu_ns = least(e->cpu_ns, e->total_ns);
	e->queue_ns = least(e->queue_ns, e->total_ns);
	if (e->asked == 0)
		e->asked_ns = 0;
	if (e->gaps == 0)
		e->gap_ns = e->pause_ns = 0;
	e->tcp_rwnd_ns = least(e->tcp_rwnd_ns, e->tcp_busy_ns);
	e->tcp_sndbuf_ns = least(e->tcp_sndbuf_ns,
	    e->tcp_busy_ns - e->tcp_rwnd_ns);
	e->tcp_again = least(e->tcp_again, e->tcp_sent);
	e->tcp_ooo = least(e->tcp_ooo, e->tcp_segs_in);
	e->cc[sizeof(e->cc) - 1] = '\0';
}

/*
 * The round trip of the TCP connection, where that goes anywhere: an answer of
 * the other program's also waits for what that has queued.
 */
static uint64_t
tcp_trip(const struct hpn_why_end *e)
{
	return e->tcp_rtt_min_ns >= SHORT ? e->tcp_rtt_min_ns : e->rtt_ns;
}

/* Of 100000 bytes or segments, how many were lost; from the better witness. */
static uint64_t
loss(const struct hpn_why_end *s, const struct hpn_why_end *r)
{
	if (s->known && s->tcp_known)
		return scale(s->tcp_again, 100000, s->tcp_sent);
	if (r->known && r->tcp_known)
		return scale(r->tcp_ooo, 100000, r->tcp_segs_in) / 16;
	return 0;
}

/* By how much the round trip is longer than it can be: queues on the path. */
static uint64_t
queue(const struct hpn_why_end *e)
{
	return e->tcp_rtt_ns > e->tcp_rtt_min_ns ?
	    e->tcp_rtt_ns - e->tcp_rtt_min_ns : 0;
}

/*
 * More is under way than losses by chance would leave a TCP that halves its window
 * for each: about 1.2 segments / sqrt(loss) (Mathis et al., 1997), and three times
 * that.  So they come together, when somebody's measure is full.
 */
static int
by_measure(const struct hpn_why_end *s, uint64_t lost)
{
	uint64_t n = scale(s->sent, s->tcp_rtt_min_ns, s->total_ns) / SEGMENT;

	n = least(n, 1000000);
	return n * n * lost / 100000 > 14;
}

/*
 * A policer drops again and again; BBR pauses for some seconds when it has noticed.
 * TCP that starts, and fills a short queue, loses as much at once.  An older end does
 * not say.
 */
static int
again_and_again(const struct hpn_why_end *s)
{
	return s->tcp_lossy == 0 || s->tcp_lossy > s->seconds / 3;
}

/* What kind of path it is that TCP is waiting for. */
static enum hpn_why_cause
path(const struct hpn_why_end *s, const struct hpn_why_end *r, uint64_t lost,
    uint64_t rtt)
{
	const struct hpn_why_end *e = s->known ? s : r;
	int queues = queue(e) > e->tcp_rtt_min_ns / 5 + MS;
	int bbr = s->known && strncmp(s->cc, "bbr", 3) == 0;

	if (e->known && e->total_ns / STARTS < rtt && lost < LOSSY)
		return HPN_WHY_START;
	if (lost < LOSSY || queues)
		return HPN_WHY_PATH;
	/* A policer makes saw teeth of what others send, but not of BBR's */
	if (lost >= POLICED && e->seconds >= 5 &&
	    e->uneven < (s->known && !bbr ? 2 * EVEN : EVEN) &&
	    (!s->known || (again_and_again(s) && by_measure(s, lost))))
		return HPN_WHY_POLICER;
	/* BBR does not slow down for a few */
	if (bbr && lost < BBR_BEARS)
		return HPN_WHY_PATH;
	return HPN_WHY_LOSS;
}

/* The loop of one end is at work all the time: with what? */
static enum hpn_why_cause
work(const struct hpn_why_end *e, int sends)
{
	/* It had a processor for less than half of that time */
	if (e->queue_ns > e->run_ns / 2 && e->queue_ns > e->total_ns / 10)
		return sends ? HPN_WHY_BUSY_SEND : HPN_WHY_BUSY_RECV;
	if (e->zip_ns > e->total_ns / 2)
		return HPN_WHY_ZIP;
	return sends ? HPN_WHY_CPU_SEND : HPN_WHY_CPU_RECV;
}

/* The window that r granted: who kept it small? */
static enum hpn_why_cause
window(const struct hpn_why_end *r)
{
	if (r->known && r->window_max != 0)
		return HPN_WHY_WINDOW_MAX;
	if (r->known && r->memory_max != 0)
		return HPN_WHY_MEMORY_MAX;
	return HPN_WHY_WINDOW;
}

/* Waits of one end for the other's messages: what do they mean? */
static enum hpn_why_cause
exchange(uint64_t bytes, uint64_t wait_ns, uint64_t n, uint64_t rtt,
    enum hpn_why_cause slow)
{
	uint64_t each = n == 0 ? 0 : wait_ns / n;

	if (rtt != 0 && each / TRIPS > rtt && each > MS)
		return slow;
	if (n != 0 && bytes / n < SMALL)
		return HPN_WHY_FILES;
	return HPN_WHY_REQUESTS;
}

/*
 * Whenever the kernel was asked, TCP had more to send than it could.  Who is asked
 * just after it was given something says so as well, and was idle most of the time.
 */
static int
never_short(const struct hpn_why_end *s)
{
	return s->tcp_known && s->tcp_rate != 0 && s->seconds >= 3 &&
	    s->tcp_app_limited == 0 &&
	    s->tcp_busy_ns > s->total_ns / 4 * 3;
}

/* The sender was heard: its loop says what it waited for. */
static void
from_sender(const struct hpn_why_end *s, const struct hpn_why_end *r,
    const struct hpn_why *w, struct shares *p)
{
	unsigned int waits, runs, full, small, rest;
	unsigned int r_runs = share(r->run_ns, r->total_ns);
	unsigned int r_sinks = share(r->sink_ns, r->total_ns);
	enum hpn_why_cause cause;
	uint64_t trip;
	int stops;

	add(p, HPN_WHY_SOURCE, share(s->source_ns, s->total_ns));
	add(p, HPN_WHY_REKEY, share(s->rekey_ns, s->total_ns));
	waits = share(s->asked_ns, s->total_ns);
	if (waits != 0)
		add(p, r_sinks >= waits / 2 ? HPN_WHY_SINK : exchange(s->sent,
		    s->asked_ns, s->asked, w->rtt_ns, HPN_WHY_SINK), waits);

	/* The peer's window was shut: did nobody take the data? */
	waits = share(s->window_ns, s->total_ns);
	if (r->known) {
		cause = r_sinks >= waits / 2 ? HPN_WHY_SINK :
		    r_runs >= RUNS ? work(r, 0) : window(r);
	} else {
		/* A window that limits is what arrives in a round trip */
		cause = s->window != 0 && w->per_rtt < s->window / 5 * 2 ?
		    HPN_WHY_SINK : HPN_WHY_WINDOW;
	}
	/*
	 * A window less than what the path holds makes no such queue, even if all
	 * of it is sent at once: a larger one would only wait in the queue.
	 */
	if (s->tcp_known && cause != HPN_WHY_SINK && r_runs < RUNS &&
	    queue(s) > s->tcp_rtt_min_ns / 2 + MS)
		cause = path(s, r, w->loss, w->rtt_ns);
	/*
	 * Most of a window may wait in this end's TCP.  While that has data, and they
	 * queue on the path, nobody but the path is waited for.
	 */
	if (s->tcp_known && !r->known && cause == HPN_WHY_SINK &&
	    s->tcp_busy_ns > s->total_ns / 20 * 17 &&
	    s->tcp_rwnd_ns < s->tcp_busy_ns / 10 &&
	    queue(s) > s->tcp_rtt_min_ns / 5 + MS)
		cause = path(s, r, w->loss, w->rtt_ns);
	add(p, cause, waits);

	runs = share(s->run_ns, s->total_ns);
	waits = share(s->tcp_ns, s->total_ns);
	if (r->known && r_runs >= RUNS && r_runs > runs) {
		/* What the sender did meanwhile cost no time */
		add(p, work(r, 0), r_runs);
		runs = waits = 0;
	} else if (runs >= RUNS && never_short(s)) {
		/* Nor did what it does cost time: TCP had enough meanwhile */
		waits += runs;
		runs = 0;
	} else if (runs >= RUNS) {
		add(p, work(s, 1), runs);
		runs = 0;
	}
	if (s->tcp_known && s->tcp_busy_ns != 0) {
		/* What a round trip carries, while there is something to send */
		trip = scale(s->sent, s->tcp_rtt_min_ns, s->tcp_busy_ns);
		full = share(s->tcp_rwnd_ns, s->tcp_busy_ns) * waits / WHOLE;
		small = share(s->tcp_sndbuf_ns, s->tcp_busy_ns) * waits / WHOLE;
		/*
		 * A sink that stops fills the SSH window, then TCP's.  If that was
		 * large once, and much less arrives in a round trip, nobody reads.
		 */
		stops = r->known ? r_sinks >= WHOLE / 2 :
		    trip < s->tcp_sndwnd / 5 * 2;
		add(p, stops ? HPN_WHY_SINK : HPN_WHY_RCVBUF, full);
		add(p, HPN_WHY_SNDBUF, small);
		rest = waits - full - small;
		/* BBR takes a window that is always full for the path's size */
		if (s->tcp_sndwnd != 0 && s->tcp_rwnd_ns > s->tcp_busy_ns / 10 &&
		    trip > s->tcp_sndwnd / 10 * 7)
			cause = HPN_WHY_RCVBUF;
		else if (s->tcp_sndbuf_ns > s->tcp_busy_ns / 4 &&
		    w->loss < LOSSY && queue(s) < s->tcp_rtt_min_ns / 3 + MS)
			/* ... and a small buffer as well */
			cause = HPN_WHY_SNDBUF;
		else if (w->other > WHOLE / 2)
			cause = HPN_WHY_CHANNEL;
		else
			cause = path(s, r, w->loss, w->rtt_ns);
		add(p, cause, rest);
	} else
		add(p, HPN_WHY_NOTHING, waits);
	spread(p, runs);
}

/* Its answers did not wait behind data: the sender had none in store. */
static int
answers_at_once(const struct hpn_why_end *r)
{
	return r->tcp_known && r->rtt_ns != 0 &&
	    r->rtt_ns < r->tcp_rtt_ns + r->tcp_rtt_ns / 16 + MS;
}

/* Only the receiver was heard: it sees when what arrives. */
static void
from_receiver(const struct hpn_why_facts *f, const struct hpn_why_end *r,
    const struct hpn_why *w, struct shares *p)
{
	unsigned int sinks = share(r->sink_ns, r->total_ns);
	unsigned int runs = share(r->run_ns, r->total_ns);
	unsigned int gaps = share(r->gap_ns, r->total_ns), net;
	unsigned int pauses = share(r->pause_ns, r->total_ns), rekeys;
	unsigned int full = r->window_max != 0 || r->memory_max != 0 ? 7 : 12;
	uint64_t trip = tcp_trip(r), per_trip = scale(w->rate, trip, 1000 * MS);
	uint64_t each = r->gaps == 0 ? 0 : r->gap_ns / r->gaps;
	/* A window is one channel's, and other channels have their own */
	uint64_t own = scale(w->per_rtt, WHOLE - w->other, WHOLE);
	enum hpn_why_cause cause;

	add(p, HPN_WHY_SINK, sinks);
	if (runs >= RUNS)
		add(p, work(r, 0), runs);
	rekeys = share(r->rekey_ns, r->total_ns);
	add(p, HPN_WHY_REKEY, rekeys);
	net = WHOLE - (unsigned int)least(WHOLE, sinks + runs + rekeys);
	if (gaps > net)
		gaps = net;

	/* Where much is lost, TCP makes such pauses itself */
	if (gaps >= net / 3 && r->pause_ns > r->gap_ns / 2 && w->loss < POLICED) {
		cause = HPN_WHY_SOURCE;
		/* Did a window limit what came between the pauses? */
		if (r->window_own != 0 && w->rtt_ns > SHORT && pauses < net &&
		    scale(own, WHOLE, WHOLE - pauses) >
		    r->window_own / 20 * full) {
			add(p, window(r), net - pauses);
			net = pauses;
		}
	}
	else if (r->tcp_known && r->tcp_rtt_min_ns < SHORT &&
	    queue(r) > QUEUES)
		/* The round trip is nothing but the queue, so it says no more */
		cause = HPN_WHY_PATH;
	else if (r->window_own != 0 && w->rtt_ns > SHORT &&
	    own > r->window_own / 20 * full)
		cause = window(r);
	else if (r->tcp_known && r->tcp_rcvwnd != 0 &&
	    r->zip_ns < r->total_ns / 2 &&
	    per_trip > r->tcp_rcvwnd / 10 * 7 && trip > SHORT)
		cause = HPN_WHY_RCVBUF;
	else if (w->loss >= LOSSY && (gaps >= net / 5 || r->uneven >= EVEN))
		cause = path(&f->there, r, w->loss, trip);
	else if (r->tcp_known && trip > SHORT && r->total_ns / STARTS < trip &&
	    (r->asked == 0 || r->asked < r->gaps / 2))
		cause = HPN_WHY_START;
	else if (r->tcp_known && trip > SHORT && queue(r) > trip / 3 + MS &&
	    (gaps < net / 4 * 3 || each < trip / 4 * 3))
		/*
		 * Who has a fixed amount under way does not fill a queue.  If it
		 * pauses once in a round trip, its answers come with its next data,
		 * which only looks like a queue.
		 */
		cause = HPN_WHY_PATH;
	else if (trip > SHORT && (gaps >= net / 2 || (gaps >= net / 3 &&
	    r->tcp_known && queue(r) < trip / 8 + MS / 2))) {
		/* A round trip's worth, a pause, and so on */
		if (r->asked != 0 && (r->tcp_known ?
		    r->asked >= r->gaps / 4 * 3 && (per_trip > BUFFER_MOST ||
		    r->received / r->asked < ONE_REQUEST) :
		    r->asked >= r->gaps / 4))
			cause = exchange(r->received, r->gap_ns, r->asked,
			    w->rtt_ns, HPN_WHY_SOURCE);
		else
			cause = HPN_WHY_SENDER_TCP;
	} else if (trip > SHORT)
		cause = answers_at_once(r) ? HPN_WHY_SOURCE : HPN_WHY_PATH;
	else
		cause = HPN_WHY_NOTHING;
	/* A path that is full is full of others' data */
	if (cause == HPN_WHY_PATH && w->other > WHOLE / 2)
		cause = HPN_WHY_CHANNEL;
	add(p, cause, net);
	if (runs < RUNS)
		spread(p, runs);
}

/*
 * Who keeps to a limit has it reached; what is waited for meanwhile is waited for
 * because of that.
 */
static void
from_limit(const struct hpn_why *w, struct shares *p)
{
	if (w->limit == 0 || w->rate < w->limit / 10 * 8 ||
	    w->rate / 10 * 8 > w->limit)
		return;
	memset(p, 0, sizeof(*p));
	p->of[HPN_WHY_LIMIT] = WHOLE;
}

/* What an end knows of itself; all else is concluded. */
static int
counted(enum hpn_why_cause cause)
{
	switch (cause) {
	case HPN_WHY_SOURCE:
	case HPN_WHY_SINK:
	case HPN_WHY_WINDOW_MAX:
	case HPN_WHY_MEMORY_MAX:
	case HPN_WHY_SNDBUF:
	case HPN_WHY_LIMIT:
		return 1;
	default:
		return 0;
	}
}

/* Of the session's direction, the part of what is not a session's. */
static unsigned int
other(const struct hpn_why_end *e, int sends)
{
	uint64_t all = sends ? e->sent : e->received;
	uint64_t own = sends ? e->session_sent : e->session_received;

	if (own <= all / 20)
		return 0;
	return WHOLE - share(own, all);
}

/* Both counted about as long, so that each one's shares are of the same time. */
static int
as_long(const struct hpn_why_end *a, const struct hpn_why_end *b)
{
	return a->total_ns / 2 <= b->total_ns && b->total_ns / 2 <= a->total_ns;
}

void
hpn_why_decide(const struct hpn_why_facts *facts, struct hpn_why *w)
{
	struct hpn_why_facts f = *facts;
	const struct hpn_why_end *s, *r, *e;
	struct shares p;
	unsigned int i, first, second;

	memset(w, 0, sizeof(*w));
	memset(&p, 0, sizeof(p));
	w->sends = f.sends;
	clean(&f.here);
	clean(&f.there);
	s = f.sends ? &f.here : &f.there;
	r = f.sends ? &f.there : &f.here;
	e = f.here.known ? &f.here : &f.there;
	if (!e->known)
		return;
	w->both = s->known && r->known;

	w->rate = scale(e == s ? e->sent : e->received, 1000 * MS, e->total_ns);
	w->rtt_ns = e->rtt_ns != 0 ? e->rtt_ns : e->tcp_rtt_ns;
	w->per_rtt = scale(w->rate, w->rtt_ns, 1000 * MS);
	w->loss = loss(s, r);
	w->limit = s->limit == 0 || (r->limit != 0 && r->limit < s->limit) ?
	    r->limit : s->limit;
	w->other = other(e, e == s);

	if (s->known)
		from_sender(s, r, w, &p);
	else
		from_receiver(&f, r, w, &p);
	from_limit(w, &p);

	first = second = HPN_WHY_NOTHING;
	for (i = 1; i < HPN_WHY_CAUSES; i++) {
		if (p.of[i] > p.of[first]) {
			second = first;
			first = i;
		} else if (p.of[i] > p.of[second])
			second = i;
	}
	if (p.of[first] < HPN_WHY_LEAST)
		return;
	w->cause[0] = (enum hpn_why_cause)first;
	if (first == HPN_WHY_SENDER_TCP || first == HPN_WHY_SNDBUF ||
	    first == HPN_WHY_RCVBUF || first == HPN_WHY_LOSS) {
		w->rtt_ns = tcp_trip(e);
		w->per_rtt = scale(w->rate, w->rtt_ns, 1000 * MS);
	}
	w->share[0] = p.of[first];
	w->certain = w->both && as_long(s, r) && counted(w->cause[0]) &&
	    w->share[0] >= SURE;
	if (second != HPN_WHY_NOTHING && p.of[second] >= HPN_WHY_LEAST &&
	    p.of[second] * WHOLE >= p.of[first] * HPN_WHY_SECOND) {
		w->cause[1] = (enum hpn_why_cause)second;
		w->share[1] = p.of[second];
		w->certain = 0;
	}
}

const char *
hpn_why_name(enum hpn_why_cause cause)
{
	switch (cause) {
	case HPN_WHY_PATH:	return "path";
	case HPN_WHY_SOURCE:	return "source";
	case HPN_WHY_SINK:	return "destination";
	case HPN_WHY_WINDOW:	return "ssh-window";
	case HPN_WHY_WINDOW_MAX: return "window-max";
	case HPN_WHY_MEMORY_MAX: return "memory-max";
	case HPN_WHY_REQUESTS:	return "requests";
	case HPN_WHY_FILES:	return "small-files";
	case HPN_WHY_SNDBUF:	return "send-buffer";
	case HPN_WHY_RCVBUF:	return "receive-buffer";
	case HPN_WHY_SENDER_TCP: return "sender-fixed";
	case HPN_WHY_LOSS:	return "loss";
	case HPN_WHY_POLICER:	return "policer";
	case HPN_WHY_CHANNEL:	return "other-channel";
	case HPN_WHY_CPU_SEND:	return "sender-cpu";
	case HPN_WHY_CPU_RECV:	return "receiver-cpu";
	case HPN_WHY_BUSY_SEND:	return "sender-busy";
	case HPN_WHY_BUSY_RECV:	return "receiver-busy";
	case HPN_WHY_ZIP:	return "compression";
	case HPN_WHY_LIMIT:	return "user-limit";
	case HPN_WHY_START:	return "tcp-start";
	case HPN_WHY_REKEY:	return "key-exchange";
	case HPN_WHY_NOTHING:
	case HPN_WHY_CAUSES:
		break;
	}
	return "unknown";
}
