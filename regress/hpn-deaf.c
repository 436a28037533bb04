/* SPDX-License-Identifier: ISC */
/*
 * hpn-deaf: a port of this machine that does not answer, as behind a firewall
 * that drops what it does not like.  Nothing needs a privilege: somebody listens
 * there, whose queue is full, so that the kernel drops what comes (listen(2)).
 *
 * usage: hpn-deaf pidfile address port [log]
 *
 * Returns when nobody gets an answer any more, and stays in the background until
 * it is killed.  With a log, SIGUSR1 makes it hear again: it accepts all that come,
 * and appends a line "accepted" for each that is not its own.
 * Exit status: 0, or 1 if that cannot be had.
 */

#include <sys/types.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES	16
#define BINDS	300	/* in 30 seconds */

/* Those that fill the queue */
static int own[TRIES], nown;

static void
hears(int signo)
{
	(void)signo;
}

/* Whether a connection that was accepted came from here. */
static int
is_own(const struct sockaddr_storage *peer, socklen_t len)
{
	struct sockaddr_storage mine;
	socklen_t mine_len;
	int i;

	for (i = 0; i < nown; i++) {
		mine_len = sizeof(mine);
		memset(&mine, 0, sizeof(mine));
		if (getsockname(own[i], (struct sockaddr *)&mine,
		    &mine_len) == 0 && mine_len == len &&
		    memcmp(&mine, peer, len) == 0)
			return 1;
	}
	return 0;
}

static void
accept_all(int fd, const char *path)
{
	struct sockaddr_storage peer;
	struct pollfd pfd;
	socklen_t len;
	FILE *log;

	if ((log = fopen(path, "a")) == NULL)
		err(1, "%s", path);
	fprintf(log, "hears\n");
	fflush(log);
	pfd.fd = fd;
	pfd.events = POLLIN;
	for (;;) {
		if (poll(&pfd, 1, -1) == -1)
			continue;
		memset(&peer, 0, sizeof(peer));
		len = sizeof(peer);
		/* What was accepted stays open. */
		if (accept(fd, (struct sockaddr *)&peer, &len) == -1 ||
		    is_own(&peer, len))
			continue;
		fprintf(log, "accepted\n");
		fflush(log);
	}
}

/* Returns whether it was answered. */
static int
try(const struct addrinfo *ai)
{
	struct pollfd pfd;
	int fd;

	if ((fd = socket(ai->ai_family, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return 1;
	if (errno != EINPROGRESS)
		err(1, "connect");
	/* It stays open: who fills the queue has to stay */
	own[nown++] = fd;
	pfd.fd = fd;
	pfd.events = POLLOUT;
	return poll(&pfd, 1, 300) == 1;
}

int
main(int argc, char **argv)
{
	struct addrinfo hints, *ai;
	FILE *f;
	int fd, i, on = 1, r;
	pid_t pid;

	if (argc != 4 && argc != 5)
		errx(1, "usage: hpn-deaf pidfile address port [log]");
	if (argc == 5 && signal(SIGUSR1, hears) == SIG_ERR)
		err(1, "signal");
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	if ((r = getaddrinfo(argv[2], argv[3], &hints, &ai)) != 0)
		errx(1, "%s port %s: %s", argv[2], argv[3], gai_strerror(r));
	if ((fd = socket(ai->ai_family, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* A server that was stopped may have a child that has not closed it */
	for (i = 0; (r = bind(fd, ai->ai_addr, ai->ai_addrlen)) == -1 &&
	    errno == EADDRINUSE && i < BINDS; i++)
		(void)poll(NULL, 0, 100);
	if (r == -1)
		err(1, "bind");
	if (listen(fd, 0) == -1)
		err(1, "listen");
	for (i = 0; i < TRIES && try(ai); i++)
		;
	if (i == TRIES)
		errx(1, "this kernel answers however full the queue is");
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid != 0) {
		if ((f = fopen(argv[1], "w")) == NULL ||
		    fprintf(f, "%d\n", (int)pid) < 0 || fclose(f) != 0)
			err(1, "%s", argv[1]);
		return 0;
	}
	for (i = 0; i < 3; i++)
		close(i);
	while (pause() == -1 && argc == 4)
		;
	accept_all(fd, argv[4]);
}
