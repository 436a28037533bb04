/* SPDX-License-Identifier: ISC */
/*
 * hpn-badframes: a relay between dmscp and dmscp -server that changes the frames
 * (PROTOCOL.hpn, section 9) that it is told to, to test what each end does.
 *
 * usage: hpn-badframes up|down TYPE:WHAT[:AFTER] command argument ...
 *
 * up: what goes from dmscp to the command, down: what comes from it.  TYPE is the
 * frame's number; the first AFTER of that type pass.  Then each is
 *
 *   flip       with another last bit
 *   drop       left out
 *   twice      sent twice
 *   half       sent in part, and all ends
 *   huge       said to be 4 GiB long
 *   none       said to be 0 bytes long
 *   longer     one byte longer than it should be
 *   shorter    one byte shorter
 *   type=N     of another type
 *   plus=N     with N added to the number of 8 bytes that it begins with
 *   noise      behind text that is no frame
 *   exit       the last; all ends in front of it
 *
 * usage: hpn-badframes steal SOCKET
 *
 * Ask a server's end for its stream, with another secret than its own.
 *
 * Exit status: 0; 1 on an error, or if it gave the stream.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST	(512 * 1024)

struct way {
	int in, out, bad;
	unsigned char buf[MOST];
	size_t len;
};

static struct way ways[2];
static unsigned long type, after;
static const char *what;

/* Who does not read any more may have something to say. */
static void
put(int fd, const unsigned char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void
number(unsigned char *p, uint64_t n, int bytes)
{
	while (bytes-- > 0)
		*p++ = (unsigned char)(n >> 8 * bytes);
}

static int
is(const char *s)
{
	return strcmp(what, s) == 0;
}

static void
frame(struct way *w, size_t len)
{
	static unsigned char f[MOST + 1];
	uint64_t n = 0;
	size_t i;

	memcpy(f, w->buf, len);
	if (!w->bad || f[4] != type || (after > 0 && after-- > 0)) {
		put(w->out, f, len);
		return;
	}
	if (is("flip"))
		f[len - 1] ^= 1;
	else if (is("drop"))
		return;
	else if (is("twice"))
		put(w->out, f, len);
	else if (is("half") || is("exit")) {
		put(w->out, f, is("half") ? len / 2 : 0);
		exit(0);
	} else if (is("huge"))
		number(f, 0xffffffff, 4);
	else if (is("none"))
		number(f, 0, 4);
	else if (is("longer")) {
		number(f, len - 4 + 1, 4);
		f[len++] = 'x';
	} else if (is("shorter")) {
		len--;
		number(f, len - 4, 4);
	} else if (strncmp(what, "type=", 5) == 0)
		f[4] = (unsigned char)atoi(what + 5);
	else if (strncmp(what, "plus=", 5) == 0) {
		for (i = 5; i < 13; i++)
			n = n << 8 | f[i];
		number(f + 5, n + (uint64_t)atoll(what + 5), 8);
	} else if (is("noise"))
		put(w->out, (const unsigned char *)"Welcome to this machine\n",
		    24);
	else
		errx(1, "%s?", what);
	put(w->out, f, len);
}

/* 0: it has ended. */
static int
take(struct way *w)
{
	size_t len;
	ssize_t n;

	if ((n = read(w->in, w->buf + w->len, MOST - w->len)) <= 0)
		return 0;
	w->len += (size_t)n;
	while (w->len >= 5) {
		len = 4 + ((size_t)w->buf[0] << 24 | w->buf[1] << 16 |
		    w->buf[2] << 8 | w->buf[3]);
		if (len > MOST || len < 5)
			errx(1, "what came is no frame");
		if (len > w->len)
			break;
		frame(w, len);
		memmove(w->buf, w->buf + len, w->len - len);
		w->len -= len;
	}
	return 1;
}

/* Hand over a descriptor as monitor_fdpass.c does. */
static void
hand_over(int s, int fd)
{
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} c;
	struct iovec v = { (char[1]){ 0 }, 1 };
	struct msghdr m;
	struct cmsghdr *h;

	memset(&c, 0, sizeof(c));
	memset(&m, 0, sizeof(m));
	m.msg_iov = &v;
	m.msg_iovlen = 1;
	m.msg_control = c.buf;
	m.msg_controllen = sizeof(c.buf);
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_len = CMSG_LEN(sizeof(int));
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	(void)sendmsg(s, &m, 0);
}

static int
steal(char *path)
{
	struct sockaddr_un sun;
	struct pollfd pfd[2];
	char message[40], *slash = strrchr(path, '/');
	int s, pair[2];

	memset(&sun, 0, sizeof(sun));
	memset(message, 'x', sizeof(message));
	sun.sun_family = AF_UNIX;
	if (slash == NULL || strlen(slash + 1) >= sizeof(sun.sun_path))
		errx(1, "%s?", path);
	strcpy(sun.sun_path, slash + 1);
	*slash = '\0';
	if (chdir(path) == -1 || (s = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    connect(s, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		err(1, "%s", path);
	put(s, (unsigned char *)message, sizeof(message));
	hand_over(s, pair[1]);
	hand_over(s, pair[1]);
	close(pair[1]);
	/* Refused, it closes all; otherwise it says WELCOME */
	pfd[0].fd = s;
	pfd[1].fd = pair[0];
	pfd[0].events = pfd[1].events = POLLIN;
	if (poll(pfd, 2, -1) == -1)
		err(1, "poll");
	return pfd[1].revents != 0 && read(pair[0], message, 1) == 1;
}

int
main(int argc, char **argv)
{
	struct pollfd pfd[2];
	char *p;
	int pair[2], i, up;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "steal") == 0)
		return steal(argv[2]);
	if (argc < 4)
		errx(1, "up|down TYPE:WHAT[:AFTER] command");
	up = strcmp(argv[1], "up") == 0;
	type = strtoul(argv[2], &p, 10);
	what = p + 1;
	if ((p = strchr(what, ':')) != NULL) {
		*p = '\0';
		after = strtoul(p + 1, NULL, 10);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		err(1, "socketpair");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		if (dup2(pair[1], 0) == -1 || dup2(pair[1], 1) == -1)
			err(1, "dup2");
		close(pair[0]);
		close(pair[1]);
		execvp(argv[3], argv + 3);
		err(127, "%s", argv[3]);
	}
	close(pair[1]);
	ways[0].in = 0;
	ways[0].out = ways[1].in = pair[0];
	ways[1].out = 1;
	ways[up ? 0 : 1].bad = 1;
	for (;;) {
		for (i = 0; i < 2; i++) {
			pfd[i].fd = ways[i].in;
			pfd[i].events = POLLIN;
		}
		if (poll(pfd, 2, -1) == -1)
			err(1, "poll");
		for (i = 0; i < 2; i++)
			if (pfd[i].revents != 0 && !take(&ways[i]))
				return 0;
	}
}
