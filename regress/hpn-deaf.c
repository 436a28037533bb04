/* SPDX-License-Identifier: ISC */
/*
 * hpn-deaf: a port of this machine that does not answer, as behind a firewall
 * that drops what it does not like.  Nothing needs a privilege: somebody listens
 * there, whose queue is full, so that the kernel drops what comes (listen(2)).
 *
 * usage: hpn-deaf pidfile address port
 *
 * Returns when nobody gets an answer any more, and stays in the background until
 * it is killed.  Exit status: 0, or 1 if that cannot be had.
 */

#include <sys/types.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES	16
#define BINDS	300	/* in 30 seconds */

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

	if (argc != 4)
		errx(1, "usage: hpn-deaf pidfile address port");
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
	for (;;)
		pause();
}
