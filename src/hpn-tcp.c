/* SPDX-License-Identifier: ISC */
/* See hpn-tcp.h for what this does. */

#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#ifdef __linux__
/* The C library's struct tcp_info ends before the rates. */
# include <linux/tcp.h>
#else
# include <netinet/tcp.h>
#endif

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "hpn-tcp.h"

/* What the kernel holds unsent is worth this much time at the present rate. */
#define UNSENT_MS	8
#define UNSENT_MIN	(128U * 1024)
#define UNSENT_MAX	(4U * 1024 * 1024)
/* While TCP starts, this many times as much. */
#define STARTING	8
/*
 * On a path shorter than this nobody notices TCP's start, but a queue of
 * milliseconds is many round trips, and leaves the processor's caches.
 * docs/windows.md has what others than this much cost.
 */
#define SHORT_NS	1000000
#define UNSENT_SHORT	(1024U * 1024)

int64_t
hpn_tcp_third(const char *text)
{
	int64_t value = 0;
	int i, digits;

	for (i = 0; i < 3; i++) {
		text += strspn(text, " \t");
		for (value = 0, digits = 0; *text >= '0' && *text <= '9';
		    text++, digits++) {
			if (digits == 18)
				return 0;
			value = value * 10 + (*text - '0');
		}
		if (digits == 0)
			return 0;
	}
	return *text == '\0' || *text == '\n' ? value : 0;
}

int64_t
hpn_tcp_receive_most(void)
{
#ifdef __linux__
	char text[128];
	FILE *f;
	int64_t most = 0;

	if ((f = fopen("/proc/sys/net/ipv4/tcp_rmem", "re")) == NULL)
		return 0;
	if (fgets(text, sizeof(text), f) != NULL)
		most = hpn_tcp_third(text);
	fclose(f);
	return most;
#else
	return 0;
#endif
}

#if defined(TCP_INFO) && !defined(__OpenBSD__)	/* pledge(2) forbids it there */
static int
info_get(int fd, struct hpn_tcp_facts *facts)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) != 0)
		return -1;
	facts->rtt_ns = (uint64_t)ti.tcpi_rtt * 1000;
#ifdef __linux__
	/* older kernels return a shorter structure */
	if (len >= offsetof(struct tcp_info, tcpi_delivery_rate) +
	    sizeof(ti.tcpi_delivery_rate)) {
		facts->rate = ti.tcpi_delivery_rate;
		if (ti.tcpi_pacing_rate != UINT64_MAX)
			facts->pace = ti.tcpi_pacing_rate;
		/* all ones until there is one */
		if (ti.tcpi_min_rtt != UINT32_MAX)
			facts->rtt_min_ns = (uint64_t)ti.tcpi_min_rtt * 1000;
	}
#endif
	return 0;
}
#else
static int
info_get(int fd, struct hpn_tcp_facts *facts)
{
	int nodelay;
	socklen_t len = sizeof(nodelay);

	/* Nothing to learn, but only TCP answers this */
	return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
}
#endif

int
hpn_tcp_facts_get(int fd, struct hpn_tcp_facts *facts)
{
	int rcvbuf = 0, r = -1, saved_errno = errno;
	socklen_t len = sizeof(rcvbuf);

	memset(facts, 0, sizeof(*facts));
	if (fd != -1 && info_get(fd, facts) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, &len) == 0) {
		if (rcvbuf > 0)
			facts->rcvbuf = (uint64_t)rcvbuf;
		r = 0;
	}
	errno = saved_errno;
	return r;
}

#if defined(__linux__) && defined(TCP_INFO)
/* What a kernel does not know it does not return: it stays 0. */
static int
account_get(int fd, struct hpn_tcp_account *a)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) != 0)
		return -1;
	a->busy_ns = ti.tcpi_busy_time * 1000;
	a->rwnd_ns = ti.tcpi_rwnd_limited * 1000;
	a->sndbuf_ns = ti.tcpi_sndbuf_limited * 1000;
	a->sent = ti.tcpi_bytes_sent;
	a->again = ti.tcpi_bytes_retrans;
	a->rtt_ns = (uint64_t)ti.tcpi_rtt * 1000;
	if (ti.tcpi_min_rtt != UINT32_MAX)
		a->rtt_min_ns = (uint64_t)ti.tcpi_min_rtt * 1000;
	a->rate = ti.tcpi_delivery_rate;
	a->app_limited = ti.tcpi_delivery_rate_app_limited;
	if (ti.tcpi_pacing_rate != UINT64_MAX)
		a->pace = ti.tcpi_pacing_rate;
	a->cwnd = (uint64_t)ti.tcpi_snd_cwnd * ti.tcpi_snd_mss;
	a->flight = (uint64_t)ti.tcpi_unacked * ti.tcpi_snd_mss;
	a->rcvwnd = ti.tcpi_rcv_ssthresh;
	a->sndwnd = ti.tcpi_snd_wnd;
	a->segs_in = ti.tcpi_data_segs_in;
	a->ooo = ti.tcpi_rcv_ooopack;
# ifdef TCP_CONGESTION
	len = sizeof(a->cc) - 1;
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, a->cc, &len) != 0)
		a->cc[0] = '\0';
# endif
	return 0;
}
#else
static int
account_get(int fd, struct hpn_tcp_account *a)
{
	struct hpn_tcp_facts facts;

	memset(&facts, 0, sizeof(facts));
	if (info_get(fd, &facts) != 0)
		return -1;
	a->rtt_ns = facts.rtt_ns;
	return 0;
}
#endif

int
hpn_tcp_account_get(int fd, struct hpn_tcp_account *a)
{
	int size, r = -1, saved_errno = errno;
	socklen_t len = sizeof(size);

	memset(a, 0, sizeof(*a));
	if (fd != -1 && account_get(fd, a) == 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 &&
		    size > 0)
			a->sndbuf = (uint64_t)size;
		len = sizeof(size);
		if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0 &&
		    size > 0)
			a->rcvbuf = (uint64_t)size;
		r = 0;
	} else
		memset(a, 0, sizeof(*a));
	errno = saved_errno;
	return r;
}

#if defined(__linux__) && defined(TCP_INFO)
/* An older kernel's structure ends before some members. */
# define KNOWN_WHOLE(name) \
	(len >= offsetof(struct tcp_info, tcpi_##name) + sizeof(ti.tcpi_##name))
# define KNOWN_BITS(name)	(len >= offsetof(struct tcp_info, tcpi_rto))

static int
columns_get(int fd, struct hpn_tcp_columns *c)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti);

	memset(&ti, 0, sizeof(ti));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) != 0)
		return -1;
# define TAKE(kind, name) \
	if (KNOWN_##kind(name)) \
		c->value[HPN_TCP_COLUMN_##name] = ti.tcpi_##name;
	HPN_TCP_COLUMNS(TAKE)
# undef TAKE
	return 0;
}
#else
static int
columns_get(int fd, struct hpn_tcp_columns *c)
{
	(void)fd;
	(void)c;
	return -1;
}
#endif

int
hpn_tcp_columns_get(int fd, struct hpn_tcp_columns *c)
{
	int i, r, saved_errno = errno;

	for (i = 0; i < HPN_TCP_NCOLUMNS; i++)
		c->value[i] = HPN_TCP_UNKNOWN;
	r = fd == -1 ? -1 : columns_get(fd, c);
	errno = saved_errno;
	return r;
}

uint32_t
hpn_tcp_unsent_target(uint64_t rate, uint64_t pace, uint64_t rtt_min_ns)
{
	uint64_t bytes, most = UNSENT_MAX;

	bytes = (rate > pace ? rate : pace) / 1000 * UNSENT_MS;
	if (rtt_min_ns != 0 && rtt_min_ns < SHORT_NS)
		most = UNSENT_SHORT;
	else if (pace / 3 * 2 > rate) {
		bytes *= STARTING;
		most *= STARTING;
	}
	if (bytes < UNSENT_MIN)
		return UNSENT_MIN;
	return (uint32_t)(bytes > most ? most : bytes);
}

int
hpn_tcp_unsent_set(int fd, uint32_t bytes)
{
#ifdef TCP_NOTSENT_LOWAT
	int r, saved_errno = errno;

	r = setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes,
	    sizeof(bytes));
	errno = saved_errno;
	return r;
#else
	return -1;
#endif
}

void
hpn_tcp_pace(int fd, uint64_t rate)
{
#ifdef SO_MAX_PACING_RATE
	uint32_t pace;
	int saved_errno = errno;

	/* Beyond this there is none; packets of a few bytes must get through */
	if (rate / 10 * 11 >= UINT32_MAX)
		return;
	pace = (uint32_t)(rate / 10 * 11);
	if (pace < 65536)
		pace = 65536;
	(void)setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &pace,
	    sizeof(pace));
	errno = saved_errno;
#endif
}

int
hpn_tcp_ack_now(int fd)
{
#ifdef TCP_QUICKACK
	int r, on = 1, saved_errno = errno;

	r = setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
	errno = saved_errno;
	return r;
#else
	return -1;
#endif
}
