/* SPDX-License-Identifier: ISC */
/*
 * crowd - many connections at a time, for lab/many.sh: makes them, or takes them,
 * sends through all of them or counts what arrives through each.
 *
 * usage: crowd send|receive -n COUNT [-r BYTES] [-t SECONDS] [-o FILE] [-u FILE]
 *            -l HOST:PORT | -c HOST:PORT | COMMAND [ARG ...]
 *
 * -l	take COUNT connections; print "listening" first
 * -c	make them
 * COMMAND	is started COUNT times. Its input and output are one connection. At
 *	most AT_ONCE are on their way at a time.
 * -r	bytes per second through each connection; 0 is as many as it takes (0)
 * -u	a file that is made when all are there
 * -t	receive: for how many seconds it counts (10)
 *
 * Who takes a connection sends a byte through it at once, so that the other end knows
 * that it is there. Senders begin when all are. Receivers wait SETTLE_S more, make
 * FILE.begin, count, and write one line to FILE, tab-separated:
 *	COUNT OPEN RATE SLOWEST FASTEST
 * OPEN: connections that have not ended. RATE: MB/s (10^6) of all together. SLOWEST and
 * FASTEST: rates of single connections by their mean.
 * Then all stay as they are, until a signal ends this program and the COMMANDs with it.
 *
 * Exit: 1 an error; 2 usage; by the signal otherwise.
 */

#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* sshd takes ten before it begins to refuse some. */
#define AT_ONCE		8
#define SETTLE_S	3.0
/* Of a rate, what is sent at a time. */
#define PORTION_S	0.25
#define TICK_MS		5
#define MANY_MAX	10000

struct one {
	int		 fd;		/* -1: ended */
	pid_t		 pid;
	int		 there;		/* its first byte was seen or sent */
	int		 full;		/* it took less than it was given */
	uint64_t	 bytes;		/* that arrived */
	uint64_t	 bytes_begin;	/* ... when counting began */
	double		 due;		/* its next portion */
	size_t		 owed;		/* bytes of a portion not yet sent */
};

static struct one ones[MANY_MAX];
static int nones, nthere, count, sends, takes, endless, listener = -1, epoll_fd;
static const char *to;
static struct sockaddr_in addr;
static char **command;
static char data[128 * 1024];

static void
usage(void)
{
	fprintf(stderr, "usage: crowd send|receive -n COUNT [-r BYTES] "
	    "[-t SECONDS] [-o FILE] [-u FILE]\n"
	    "           -l HOST:PORT | -c HOST:PORT | COMMAND [ARG ...]\n");
	exit(2);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void
end(int sig)
{
	int i;

	for (i = 0; i < nones; i++)
		if (ones[i].pid > 0)
			kill(ones[i].pid, SIGTERM);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
mark(const char *path, const char *suffix, const char *line)
{
	char name[PATH_MAX], part[PATH_MAX];
	FILE *f;

	if (path == NULL)
		return;
	if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffix) >=
	    sizeof(name) ||
	    (size_t)snprintf(part, sizeof(part), "%s.part", path) >= sizeof(part))
		errx(1, "%s: name too long", path);
	if ((f = fopen(part, "w")) == NULL || fputs(line, f) == EOF ||
	    fclose(f) != 0 || rename(part, name) != 0)
		err(1, "%s", name);
}

static void
where(const char *s)
{
	char host[64];
	const char *colon = strrchr(s, ':');

	if (colon == NULL || (size_t)(colon - s) >= sizeof(host))
		usage();
	memcpy(host, s, (size_t)(colon - s));
	host[colon - s] = '\0';
	memset(&addr, 0, sizeof(addr));
	addr.sin_family = AF_INET;
	addr.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		usage();
}

static void
watch(int i)
{
	struct epoll_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = EPOLLIN;
	ev.data.u32 = (uint32_t)i;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ones[i].fd, &ev) == -1)
		err(1, "epoll_ctl");
}

/* Asks for a word when it takes more; only senders that want all need it. */
static void
watch_full(int i, int full)
{
	struct epoll_event ev;

	if (ones[i].full == full)
		return;
	ones[i].full = full;
	memset(&ev, 0, sizeof(ev));
	ev.events = EPOLLIN | (full ? EPOLLOUT : 0);
	ev.data.u32 = (uint32_t)i;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, ones[i].fd, &ev) == -1)
		err(1, "epoll_ctl");
}

static void
add(int fd, pid_t pid)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
	ones[nones].fd = fd;
	ones[nones].pid = pid;
	watch(nones);
	if (takes) {
		if (write(fd, "@", 1) != 1)
			err(1, "write");
		ones[nones].there = 1;
		nthere++;
	}
	nones++;
}

static void
start(void)
{
	int pair[2], fd;
	pid_t pid;

	if (to != NULL) {
		if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
		    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1)
			err(1, "connect to %s", to);
		add(fd, 0);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		err(1, "socketpair");
	if ((pid = vfork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		if (dup2(pair[1], STDIN_FILENO) == -1 ||
		    dup2(pair[1], STDOUT_FILENO) == -1)
			_exit(127);
		execvp(command[0], command);
		_exit(127);
	}
	close(pair[1]);
	add(pair[0], pid);
}

static void
readable(int i)
{
	struct one *o = &ones[i];
	ssize_t n;

	n = read(o->fd, data, sizeof(data));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (!o->there)
			errx(1, "connection %d ended before it was there", i);
		close(o->fd);
		o->fd = -1;
		return;
	}
	if (!o->there) {
		o->there = 1;
		nthere++;
		n--;
	}
	o->bytes += (uint64_t)n;
}

static void
give(int i, size_t len)
{
	struct one *o = &ones[i];
	ssize_t n;

	if ((n = write(o->fd, data, len)) == -1) {
		if (errno != EAGAIN && errno != EINTR) {
			close(o->fd);
			o->fd = -1;
			return;
		}
		n = 0;
	}
	o->owed = len - (size_t)n;
	watch_full(i, endless || o->owed > 0);
}

static void
pace(double at, double rate)
{
	size_t portion = (size_t)(rate * PORTION_S);
	int i;

	for (i = 0; i < nones; i++) {
		if (ones[i].fd == -1 || ones[i].due > at || ones[i].full)
			continue;
		ones[i].due += PORTION_S;
		give(i, portion);
	}
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
result(const char *path, double seconds)
{
	static double rate[MANY_MAX];
	char line[256];
	double sum = 0;
	int i, open = 0;

	for (i = 0; i < nones; i++) {
		rate[i] = (double)(ones[i].bytes - ones[i].bytes_begin) / seconds;
		sum += rate[i];
		open += ones[i].fd != -1;
	}
	qsort(rate, (size_t)nones, sizeof(rate[0]), by_size);
	snprintf(line, sizeof(line), "%d\t%d\t%.3f\t%.3f\t%.3f\n", nones, open,
	    sum / 1e6, sum > 0 ? rate[0] * nones / sum : 0,
	    sum > 0 ? rate[nones - 1] * nones / sum : 0);
	mark(path, "", line);
}

int
main(int argc, char **argv)
{
	struct epoll_event evs[256];
	struct rlimit rl;
	const char *path = NULL, *up = NULL, *on = NULL;
	double rate = 0, seconds = 10, begin = 0, counting = 0, t;
	int ch, i, n, fd, one = 1, all = 0, done = 0;

	if (argc < 2)
		usage();
	if (strcmp(argv[1], "send") == 0)
		sends = 1;
	else if (strcmp(argv[1], "receive") != 0)
		usage();
	argc--;
	argv++;
	while ((ch = getopt(argc, argv, "+c:l:n:o:r:t:u:")) != -1) {
		switch (ch) {
		case 'c':
			to = optarg;
			where(to);
			break;
		case 'l':
			on = optarg;
			where(on);
			takes = 1;
			break;
		case 'n':
			count = atoi(optarg);
			break;
		case 'o':
			path = optarg;
			break;
		case 'r':
			rate = atof(optarg);
			break;
		case 't':
			seconds = atof(optarg);
			break;
		case 'u':
			up = optarg;
			break;
		default:
			usage();
		}
	}
	command = argv + optind;
	endless = rate == 0;
	if (count < 1 || count > MANY_MAX || seconds <= 0 ||
	    rate * PORTION_S > sizeof(data) ||
	    (on != NULL) + (to != NULL) + (command[0] != NULL) != 1)
		usage();
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGTERM, end);
	signal(SIGINT, end);
	signal(SIGHUP, end);
	if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	if (takes) {
		struct epoll_event ev = { .events = EPOLLIN };

		if ((listener = socket(AF_INET,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1 ||
		    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one,
		    sizeof(one)) == -1 ||
		    bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == -1 ||
		    listen(listener, 1024) == -1)
			err(1, "listen on %s", on);
		ev.data.u32 = MANY_MAX;
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev) == -1)
			err(1, "epoll_ctl");
		puts("listening");
		fflush(stdout);
	}
	for (;;) {
		while (!takes && nones < count && nones - nthere < AT_ONCE)
			start();
		n = epoll_wait(epoll_fd, evs, 256, TICK_MS);
		if (n == -1 && errno != EINTR)
			err(1, "epoll_wait");
		for (; n > 0; n--) {
			i = (int)evs[n - 1].data.u32;
			if (i == MANY_MAX) {
				while (nones < count && (fd = accept4(listener,
				    NULL, NULL, SOCK_CLOEXEC)) != -1)
					add(fd, 0);
				continue;
			}
			if (ones[i].fd != -1 &&
			    (evs[n - 1].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
				readable(i);
			if (ones[i].fd != -1 && (evs[n - 1].events & EPOLLOUT))
				give(i, endless ? sizeof(data) : ones[i].owed);
		}
		t = now();
		if (!all && nthere == count) {
			all = 1;
			begin = t + SETTLE_S;
			mark(up, "", "up\n");
			for (i = 0; sends && i < nones; i++) {
				ones[i].due = t + PORTION_S * i / nones;
				/* It says itself when it takes something. */
				if (endless && ones[i].fd != -1)
					watch_full(i, 1);
			}
		}
		if (!all)
			continue;
		if (sends && !endless)
			pace(t, rate);
		if (sends || done)
			continue;
		if (counting == 0 && t >= begin) {
			for (i = 0; i < nones; i++)
				ones[i].bytes_begin = ones[i].bytes;
			counting = t;
			mark(path, ".begin", "begin\n");
		} else if (counting > 0 && t - counting >= seconds) {
			result(path, t - counting);
			done = 1;
		}
	}
}
