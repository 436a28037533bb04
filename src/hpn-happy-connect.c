/* SPDX-License-Identifier: ISC */
/* See hpn-happy-connect.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "hpn-clock.h"
#include "hpn-happy.h"
#include "hpn-happy-connect.h"
#include "log.h"
#include "misc.h"

struct race {
	struct hpn_happy policy;
	struct addrinfo *addrs[HPN_HAPPY_MOST];	/* in the order of the race */
	int socks[HPN_HAPPY_MOST];		/* -1: none */
	int why;		/* errno of the last failure */
};

static int64_t
now_ms(void)
{
	return (int64_t)(hpn_clock_ns() / 1000000);
}

/* Returns how many there are. */
static int
collect(struct race *race, struct addrinfo *addrs, int family)
{
	struct addrinfo *ai, *all[HPN_HAPPY_MOST];
	int families[HPN_HAPPY_MOST], order[HPN_HAPPY_MOST], i, n = 0;

	for (ai = addrs; ai != NULL && n < HPN_HAPPY_MOST; ai = ai->ai_next) {
		if ((ai->ai_family != AF_INET && ai->ai_family != AF_INET6) ||
		    (family != AF_UNSPEC && ai->ai_family != family))
			continue;
		families[n] = ai->ai_family;
		all[n++] = ai;
	}
	if (n > 0)
		hpn_happy_order(families, n, order);
	for (i = 0; i < n; i++) {
		race->addrs[i] = all[order[i]];
		race->socks[i] = -1;
	}
	return n;
}

static void
failed(struct race *race, int i, int why)
{
	char addr[NI_MAXHOST], port[NI_MAXSERV];

	race->why = why;
	hpn_happy_failed(&race->policy, i);
	if (race->socks[i] != -1)
		close(race->socks[i]);
	race->socks[i] = -1;
	if (why != 0 && getnameinfo(race->addrs[i]->ai_addr,
	    race->addrs[i]->ai_addrlen, addr, sizeof(addr), port, sizeof(port),
	    NI_NUMERICHOST|NI_NUMERICSERV) == 0)
		debug("connect to address %s port %s: %s", addr, port,
		    strerror(why));
}

/* Returns 1 if it is connected already. */
static int
begin(struct race *race, int i, const char *host,
    int (*create)(struct addrinfo *), char *port, size_t port_size)
{
	struct addrinfo *ai = race->addrs[i];
	char addr[NI_MAXHOST];

	if (getnameinfo(ai->ai_addr, ai->ai_addrlen, addr, sizeof(addr), port,
	    port_size, NI_NUMERICHOST|NI_NUMERICSERV) != 0) {
		error_f("getnameinfo failed");
		failed(race, i, 0);
		return 0;
	}
	debug("Connecting to %.200s [%.100s] port %s.", host, addr, port);
	if ((race->socks[i] = create(ai)) == -1) {
		failed(race, i, 0);	/* any error was said */
		return 0;
	}
	if (set_nonblock(race->socks[i]) == -1) {
		failed(race, i, errno);
		return 0;
	}
	if (connect(race->socks[i], ai->ai_addr, ai->ai_addrlen) == 0)
		return 1;
	/* Interrupted, it goes on by itself: connect(2) */
	if (errno != EINPROGRESS && errno != EINTR)
		failed(race, i, errno);
	return 0;
}

/* Wait for answers, ms at most, -1 for ever.  Returns who is connected, or -1. */
static int
answers(struct race *race, int64_t ms)
{
	struct pollfd fds[HPN_HAPPY_MOST];
	int which[HPN_HAPPY_MOST], i, why, n = 0;
	socklen_t len;

	for (i = 0; i < race->policy.begun; i++) {
		if (race->socks[i] == -1)
			continue;
		fds[n].fd = race->socks[i];
		fds[n].events = POLLOUT;
		which[n++] = i;
	}
	if (poll(fds, n, ms > 3600000 ? 3600000 : (int)ms) <= 0)
		return -1;
	for (i = 0; i < n; i++) {
		if (fds[i].revents == 0)
			continue;
		why = 0;
		len = sizeof(why);
		if (getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &why,
		    &len) == -1)
			why = errno;
		if (why == 0)
			return which[i];
		failed(race, which[i], why);
	}
	return -1;
}

int
hpn_happy_connect(const char *host, struct addrinfo *addrs, int family,
    int (*create)(struct addrinfo *), int delay, int *timeout_ms,
    struct sockaddr_storage *winner, char *port, size_t port_size)
{
	struct race race;
	int64_t patience = *timeout_ms > 0 ? *timeout_ms : 0, left;
	int i, n, won = -1, sock = -1;

	memset(&race, 0, sizeof(race));
	race.why = EAFNOSUPPORT;
	n = collect(&race, addrs, family);
	hpn_happy_init(&race.policy, n, delay, patience);
	while (won == -1 && !hpn_happy_lost(&race.policy)) {
		while ((i = hpn_happy_late(&race.policy, now_ms())) != -1)
			failed(&race, i, ETIMEDOUT);
		if ((i = hpn_happy_begin(&race.policy, now_ms())) != -1 &&
		    begin(&race, i, host, create, port, port_size))
			won = i;
		else if (!hpn_happy_lost(&race.policy))
			won = answers(&race, hpn_happy_wait(&race.policy,
			    now_ms()));
	}
	for (i = 0; i < n; i++) {
		if (race.socks[i] == -1 || i == won)
			continue;
		debug3_f("address %d gives up", i);
		close(race.socks[i]);
	}
	if (won != -1) {
		sock = race.socks[won];
		unset_nonblock(sock);
		memcpy(winner, race.addrs[won]->ai_addr,
		    race.addrs[won]->ai_addrlen);
		if (patience != 0) {
			left = patience - (now_ms() -
			    race.policy.one[won].since);
			*timeout_ms = left < 1 ? 1 : (int)left;
		}
	}
	errno = race.why;
	return sock;
}
