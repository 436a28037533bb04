/* SPDX-License-Identifier: ISC */
/*
 * hpn-middle: a ProxyCommand that is whoever sits on the way, while the packets
 * can still be read: until the client's SSH_MSG_NEWKEYS.
 *
 * usage: hpn-middle action command [argument...]
 *
 *   pass      nothing
 *   drop:N    the client's packet N (0 is its KEXINIT) does not arrive
 *   twice:N   it arrives twice
 *   alter:N   the last byte of its payload is another one
 *   swap:N    packet N + 1 arrives before it
 *   insert:N  an SSH_MSG_IGNORE arrives before it
 *   cut:N     the connection ends instead
 *
 * ssh is its parent, the server its child.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST	(64 * 1024)
#define NEWKEYS	21

static unsigned char buf[MOST];
static size_t have, held_len;
static unsigned char held[MOST];
static int identified, through;
static unsigned int packet, at;
static const char *action;

static void
put(int fd, const void *data, size_t len)
{
	const unsigned char *p = data;
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		if ((n = write(fd, p, len)) <= 0)
			exit(0);	/* the other side has gone */
	}
}

static int
is(const char *what)
{
	return packet == at && strncmp(action, what, strlen(what)) == 0;
}

static void
ignore(int to)
{
	/* 12 bytes: padding 6, message 2 with an empty string, padding */
	static const unsigned char msg[16] = { 0, 0, 0, 12, 6, 2, 0, 0, 0, 0 };

	put(to, msg, sizeof(msg));
}

/* One whole packet of the client's. */
static void
forward(int to, unsigned char *p, size_t len)
{
	size_t payload = len - 5 - p[4];

	if (is("drop:")) {
		;
	} else if (is("cut:")) {
		exit(0);
	} else if (is("swap:")) {
		memcpy(held, p, len);
		held_len = len;
	} else {
		if (is("alter:"))
			p[5 + payload - 1] ^= 1;
		if (is("insert:"))
			ignore(to);
		put(to, p, len);
		if (is("twice:"))
			put(to, p, len);
		put(to, held, held_len);
		held_len = 0;
	}
	if (payload > 0 && p[5] == NEWKEYS)
		through = 1;
	packet++;
}

/* What of it is whole goes on. */
static void
client(int to)
{
	unsigned char *end;
	size_t len;

	while (!through) {
		if (!identified) {
			if ((end = memchr(buf, '\n', have)) == NULL)
				return;
			len = (size_t)(end - buf) + 1;
			identified = 1;
			put(to, buf, len);
		} else {
			if (have < 5)
				return;
			len = ((size_t)buf[0] << 24 | (size_t)buf[1] << 16 |
			    (size_t)buf[2] << 8 | buf[3]) + 4;
			if (len > MOST || len < 6u + buf[4])
				errx(1, "no packet");
			if (have < len)
				return;
			forward(to, buf, len);
		}
		have -= len;
		memmove(buf, buf + len, have);
	}
	put(to, held, held_len);
	held_len = 0;
	put(to, buf, have);
	have = 0;
}

int
main(int argc, char **argv)
{
	unsigned char back[16384];
	struct pollfd pfd[2];
	int sv[2];
	ssize_t n;
	pid_t pid;

	if (argc < 3)
		errx(1, "usage: hpn-middle action command [argument...]");
	action = argv[1];
	at = strchr(action, ':') == NULL ? 0 :
	    (unsigned int)atoi(strchr(action, ':') + 1);
	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		err(1, "socketpair");
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		dup2(sv[1], 0);
		dup2(sv[1], 1);
		close(sv[0]);
		close(sv[1]);
		execvp(argv[2], argv + 2);
		err(1, "%s", argv[2]);
	}
	close(sv[1]);
	pfd[0].fd = 0;
	pfd[1].fd = sv[0];
	pfd[0].events = pfd[1].events = POLLIN;
	for (;;) {
		if (poll(pfd, 2, -1) == -1)
			err(1, "poll");
		if (pfd[0].revents != 0) {
			if ((n = read(0, buf + have, sizeof(buf) - have)) <= 0)
				return 0;
			have += (size_t)n;
			client(sv[0]);
		}
		if (pfd[1].revents != 0) {
			if ((n = read(sv[0], back, sizeof(back))) <= 0)
				return 0;
			put(1, back, (size_t)n);
		}
	}
}
