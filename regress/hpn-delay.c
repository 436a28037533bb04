/* SPDX-License-Identifier: ISC */
/*
 * hpn-delay: a relay that holds everything back for a while, so that a test
 * gets a long round trip without privileges and without a network: as a
 * ProxyCommand, or as something that listens between two programs.  Unless
 * asked to, it limits no rate: only delay and windows do.
 *
 * usage: hpn-delay [-n] [-b bytes] [-c file] [-d ms] [-r rate] [-s file]
 *            [-t file] [-x up:N|down:N] target
 *        hpn-delay ... -p pidfile -l where target
 *
 *   target      a port of 127.0.0.1, an IPv4 address:port, the /path of a
 *               socket, or a command with its arguments, whose stdin and
 *               stdout are one socket
 *   -b bytes    what to hold in each direction (default 64 MiB); then
 *               nothing more is read, as a full network would do
 *   -c file     cut each connection when it has passed on a random number of
 *               bytes, both directions together.  The file says "SEED LEAST
 *               MOST"; the seed in it changes with each connection, so that
 *               the same sequence of numbers comes from the same seed.
 *   -d ms       how long to hold it back, each way (default 0)
 *   -n          leave Nagle's algorithm on, as some clients do: what is short
 *               waits until what was sent before it is acknowledged
 *   -r rate     how much to pass on in each direction, bytes per second
 *   -s file     keep "up N down N" in this file: the most bytes that were
 *               under way at once towards the target and from it; this is
 *               what a window allows, seen from outside.  Empty the file to
 *               have it counted anew.
 *   -t file     append "up N down N cut" or "up N down N end" when a connection
 *               is over: the bytes that were passed on
 *   -x up:N     flip a bit of byte N (from 0) towards the target; down:N: from
 *               it
 *   -l where    relay what connects to this port, address:port or /path
 *               instead of stdin and stdout.  Returns when it listens and
 *               goes on in the background.
 *   -p pidfile  where it leaves its process id; kill it to end it and all
 *               that it relays
 *
 * The end of data is passed on in each direction separately.  Exit status: 0
 * when both have ended, that of a command, 1 on an error, 2 if it was cut.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many moments of arrival are remembered in each direction. */
#define MARKS		65536
/* What arrives so shortly after the last mark shares it. */
#define MARK_NS		200000LL
#define READ_MOST	(256 * 1024)

struct mark {
	long long due_ns;	/* when what precedes `end` may go on */
	unsigned long long end;	/* count of bytes since the start */
};

struct direction {
	int from, to;
	int from_ended, to_ended;
	char *ring;		/* `size` bytes; byte n is at n % size */
	unsigned long long in, out;	/* bytes read and written so far */
	struct mark *marks;
	unsigned int first, last;	/* marks in use: [first, last) */
	long long free_ns;	/* when all so far will have passed at `rate` */
	unsigned long long peak;	/* most bytes under way at once */
	int flips;			/* flip_at counts here */
};

static size_t size = 64 * 1024 * 1024;
static long long delay_ns, rate;
static int peak_fd = -1;
static int nodelay = 1;
static const char *cut_file, *total_file;
/* Bytes after which to cut; 0: never. */
static unsigned long long cut_at;
/* Direction and byte to be changed. */
static int flip_down;
static long long flip_at = -1;

static long long
now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		err(1, "clock_gettime");
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long long
number(const char *s, const char *what, long long most)
{
	long long n;
	char *end;

	errno = 0;
	n = strtoll(s, &end, 10);
	if (*s == '\0' || *end != '\0' || errno != 0 || n < 0 || n > most)
		errx(1, "%s must be a number from 0 to %lld, not '%s'", what,
		    most, s);
	return n;
}

static void
nonblocking(int fd)
{
	int flags;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		err(1, "fcntl");
}

/* Whether this is a port or an address:port; `in` is that then. */
static int
is_inet(const char *s, struct sockaddr_in *in)
{
	const char *port = strrchr(s, ':');
	char host[64] = "127.0.0.1";

	if (port == NULL)
		port = s;
	else {
		if ((size_t)(port - s) >= sizeof(host))
			return 0;
		memcpy(host, s, (size_t)(port - s));
		host[port++ - s] = '\0';
	}
	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	if (*port == '\0' || port[strspn(port, "0123456789")] != '\0' ||
	    inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return 0;
	in->sin_port = htons((in_port_t)number(port, "a port", 65535));
	return 1;
}

/* A socket connected to, or listening at, a port or a path. */
static int
endpoint(const char *where, int listening)
{
	struct sockaddr_in in;
	struct sockaddr_un un;
	struct sockaddr *sa;
	socklen_t len;
	int s, on = 1;

	if (is_inet(where, &in)) {
		sa = (struct sockaddr *)&in;
		len = sizeof(in);
	} else {
		memset(&un, 0, sizeof(un));
		un.sun_family = AF_UNIX;
		if (strlen(where) >= sizeof(un.sun_path))
			errx(1, "%s: too long for the name of a socket", where);
		memcpy(un.sun_path, where, strlen(where));
		sa = (struct sockaddr *)&un;
		len = sizeof(un);
		if (listening)
			(void)unlink(where);
	}
	if ((s = socket(sa->sa_family, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	if (listening) {
		if (sa->sa_family == AF_INET)
			(void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on,
			    sizeof(on));
		if (bind(s, sa, len) == -1 || listen(s, 128) == -1)
			err(1, "cannot listen at %s", where);
	} else if (connect(s, sa, len) == -1)
		err(1, "cannot connect to %s", where);
	return s;
}

/* Run a command with a socket as stdin and stdout; returns our end of it. */
static int
run(char **argv, pid_t *pid)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		err(1, "socketpair");
	if ((*pid = fork()) == -1)
		err(1, "fork");
	if (*pid == 0) {
		if (dup2(sv[1], STDIN_FILENO) == -1 ||
		    dup2(sv[1], STDOUT_FILENO) == -1)
			err(1, "dup2");
		close(sv[0]);
		close(sv[1]);
		signal(SIGPIPE, SIG_DFL);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(sv[1]);
	return sv[0];
}

static void
direction_init(struct direction *d, int from, int to)
{
	memset(d, 0, sizeof(*d));
	d->from = from;
	d->to = to;
	if ((d->ring = malloc(size)) == NULL ||
	    (d->marks = calloc(MARKS, sizeof(*d->marks))) == NULL)
		errx(1, "no memory to hold %zu bytes", size);
}

static void
peak_update(struct direction *up, struct direction *down)
{
	struct direction *d[2] = { up, down };
	struct stat st;
	char line[64];
	int i, len, changed = 0;

	if (peak_fd == -1)
		return;
	if (fstat(peak_fd, &st) == 0 && st.st_size == 0)
		up->peak = down->peak = 0;
	for (i = 0; i < 2; i++) {
		if (d[i]->in - d[i]->out > d[i]->peak) {
			d[i]->peak = d[i]->in - d[i]->out;
			changed = 1;
		}
	}
	if (!changed)
		return;
	len = snprintf(line, sizeof(line), "up %llu down %llu\n", up->peak,
	    down->peak);
	if (pwrite(peak_fd, line, (size_t)len, 0) != len)
		err(1, "cannot write the -s file");
}

/* When to cut this connection, and the seed for the next. */
static void
cut_choose(void)
{
	unsigned long long state, least, most;
	FILE *f;
	int i;

	if (cut_file == NULL)
		return;
	if ((f = fopen(cut_file, "r+")) == NULL)
		err(1, "%s", cut_file);
	if (fscanf(f, "%llu %llu %llu", &state, &least, &most) != 3 ||
	    least > most)
		errx(1, "%s: must say SEED LEAST MOST", cut_file);
	/* xorshift64*; a few rounds make small seeds differ */
	state = state * 2 + 1;
	for (i = 0; i < 8; i++) {
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
	}
	cut_at = 1 + least + (state * 0x2545f4914f6cdd1dULL >> 16) %
	    (most - least + 1);
	rewind(f);
	if (fprintf(f, "%llu %llu %llu\n", state >> 1, least, most) < 0 ||
	    fflush(f) != 0 || ftruncate(fileno(f), ftell(f)) == -1)
		err(1, "%s", cut_file);
	(void)fclose(f);
}

static void
total_write(unsigned long long up, unsigned long long down, int cut)
{
	char line[96];
	int fd, len;

	if (total_file == NULL)
		return;
	len = snprintf(line, sizeof(line), "up %llu down %llu %s\n", up, down,
	    cut ? "cut" : "end");
	if ((fd = open(total_file, O_WRONLY|O_CREAT|O_APPEND, 0644)) == -1 ||
	    write(fd, line, (size_t)len) != len || close(fd) == -1)
		err(1, "%s", total_file);
}

static void
shut(int fd, int how)
{
	if (shutdown(fd, how) == -1 && how == SHUT_WR)
		close(fd);
}

static int
may_read(const struct direction *d)
{
	return !d->from_ended && d->in - d->out < size &&
	    d->last - d->first < MARKS;
}

/* Bytes that have waited long enough by `now`. */
static size_t
may_write(struct direction *d, long long now)
{
	unsigned int i;
	unsigned long long end = d->out;

	if (d->to_ended)
		return 0;
	for (i = d->first; i != d->last && d->marks[i % MARKS].due_ns <= now;
	    i++)
		end = d->marks[i % MARKS].end;
	return (size_t)(end - d->out);
}

/* Nobody wants what comes from here any more. */
static void
give_up(struct direction *d)
{
	d->to_ended = d->from_ended = 1;
	d->out = d->in;
	d->first = d->last;
	shut(d->from, SHUT_RD);
}

static void
take(struct direction *d)
{
	struct mark *m;
	size_t at = (size_t)(d->in % size), room = size - at;
	ssize_t n;
	long long due;

	if (room > size - (d->in - d->out))
		room = size - (size_t)(d->in - d->out);
	if (room > READ_MOST)
		room = READ_MOST;
	n = read(d->from, d->ring + at, room);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		d->from_ended = 1;
		return;
	}
	if (d->flips && flip_at >= (long long)d->in &&
	    flip_at < (long long)d->in + n)
		d->ring[((size_t)flip_at) % size] ^= 1 << flip_at % 8;
	d->in += (unsigned long long)n;
	due = now_ns();
	if (rate > 0) {
		if (d->free_ns > due)
			due = d->free_ns;
		d->free_ns = due += n * 1000000000LL / rate;
	}
	due += delay_ns;
	m = &d->marks[(d->last - 1) % MARKS];
	if (d->last != d->first && m->due_ns + MARK_NS > due) {
		m->end = d->in;
		return;
	}
	m = &d->marks[d->last++ % MARKS];
	m->due_ns = due;
	m->end = d->in;
}

/* Pass on `len` bytes that are due, at most `most`. */
static void
pass_on(struct direction *d, size_t len, unsigned long long most)
{
	size_t at = (size_t)(d->out % size);
	ssize_t n;

	if (len > size - at)
		len = size - at;
	if (most < len)
		len = (size_t)most;
	n = write(d->to, d->ring + at, len);
	if (n == -1) {
		if (errno != EAGAIN && errno != EINTR)
			give_up(d);
		return;
	}
	d->out += (unsigned long long)n;
	while (d->first != d->last &&
	    d->marks[d->first % MARKS].end <= d->out)
		d->first++;
}

static int
timeout_ms(const struct direction *d, long long now)
{
	long long wait;

	if (d->first == d->last || d->to_ended)
		return -1;
	wait = d->marks[d->first % MARKS].due_ns - now;
	return wait <= 0 ? 0 : (int)((wait + 999999) / 1000000);
}

/*
 * Relay between two pairs of descriptors until both directions have ended or
 * the connection is to be cut; whether it was.
 */
static int
relay(int near_in, int near_out, int far)
{
	struct direction d[2];
	struct pollfd p[4];
	size_t due[2];
	long long now;
	unsigned long long most;
	int i, wait, w, cut = 0;

	nonblocking(near_in);
	nonblocking(near_out);
	nonblocking(far);
	direction_init(&d[0], near_in, far);
	direction_init(&d[1], far, near_out);
	d[flip_down].flips = flip_at != -1;
	for (;;) {
		now = now_ns();
		wait = -1;
		for (i = 0; i < 2; i++) {
			if (d[i].from_ended && !d[i].to_ended &&
			    d[i].in == d[i].out) {
				shut(d[i].to, SHUT_WR);
				d[i].to_ended = 1;
			}
			due[i] = may_write(&d[i], now);
			w = timeout_ms(&d[i], now);
			if (due[i] == 0 && w != -1 && (wait == -1 || w < wait))
				wait = w;
			p[2 * i].fd = may_read(&d[i]) ? d[i].from : -1;
			p[2 * i].events = POLLIN;
			p[2 * i + 1].fd = due[i] > 0 ? d[i].to : -1;
			p[2 * i + 1].events = POLLOUT;
			p[2 * i].revents = p[2 * i + 1].revents = 0;
		}
		if (d[0].to_ended && d[1].to_ended)
			break;
		/* The near side is gone for good: nobody reads what comes */
		if (d[0].to_ended && d[1].from_ended && d[1].in == d[1].out)
			break;
		if (poll(p, 4, wait) == -1 && errno != EINTR)
			err(1, "poll");
		for (i = 0; i < 2; i++) {
			most = cut_at == 0 ? ULLONG_MAX :
			    cut_at - d[0].out - d[1].out;
			if (p[2 * i + 1].revents != 0 && most > 0)
				pass_on(&d[i], due[i], most);
			if (p[2 * i].revents != 0)
				take(&d[i]);
		}
		peak_update(&d[0], &d[1]);
		if (cut_at != 0 && d[0].out + d[1].out >= cut_at) {
			cut = 1;
			break;
		}
	}
	total_write(d[0].out, d[1].out, cut);
	for (i = 0; i < 2; i++) {
		free(d[i].ring);
		free(d[i].marks);
	}
	return cut;
}

/* Relay one connection to the target; returns an exit status. */
static int
serve(int near_in, int near_out, char **target)
{
	struct sockaddr_in in;
	struct linger reset = { 1, 0 };
	pid_t pid = -1;
	int far, status = 0;

	cut_choose();

	if (target[1] == NULL &&
	    (is_inet(target[0], &in) || target[0][0] == '/'))
		far = endpoint(target[0], 0);
	else
		far = run(target, &pid);
	(void)setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &nodelay,
	    sizeof(nodelay));
	(void)setsockopt(near_in, IPPROTO_TCP, TCP_NODELAY, &nodelay,
	    sizeof(nodelay));
	if (relay(near_in, near_out, far)) {
		/* Without a goodbye, where it is TCP */
		(void)setsockopt(far, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
		(void)setsockopt(near_in, SOL_SOCKET, SO_LINGER, &reset,
		    sizeof(reset));
		exit(2);
	}
	close(far);
	if (pid == -1)
		return 0;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void
end_all(int sig)
{
	signal(SIGTERM, SIG_DFL);
	kill(0, SIGTERM);
	_exit(0);
}

static void
listen_and_serve(const char *where, const char *pidfile, char **target)
{
	FILE *f;
	pid_t pid;
	int s, c, null;

	s = endpoint(where, 1);
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid > 0) {
		if ((f = fopen(pidfile, "w")) == NULL ||
		    fprintf(f, "%ld\n", (long)pid) < 0 || fclose(f) != 0) {
			warn("cannot write %s", pidfile);
			kill(pid, SIGTERM);
			exit(1);
		}
		exit(0);
	}
	if (setsid() == -1)
		err(1, "setsid");
	signal(SIGTERM, end_all);
	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1)
		err(1, "/dev/null");
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if ((c = accept(s, NULL, NULL)) == -1) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			err(1, "accept");
		}
		if ((pid = fork()) == -1)
			err(1, "fork");
		if (pid == 0) {
			signal(SIGTERM, SIG_DFL);
			close(s);
			exit(serve(c, c, target));
		}
		close(c);
	}
}

static void
usage(void)
{
	fprintf(stderr, "usage: hpn-delay [-n] [-b bytes] [-c file] [-d ms] "
	    "[-r rate] [-s file]\n                 [-t file] "
	    "[-x up:N|down:N] [-p pidfile -l where] target\n");
	exit(1);
}

int
main(int argc, char **argv)
{
	const char *where = NULL, *pidfile = NULL;
	int ch;

	/* "+": what follows the target is the target's; POSIX needs no hint */
	while ((ch = getopt(argc, argv, "+b:c:d:l:np:r:s:t:x:")) != -1) {
		switch (ch) {
		case 'b':
			size = (size_t)number(optarg, "-b", 1LL << 40);
			if (size == 0)
				usage();
			break;
		case 'c':
			cut_file = optarg;
			break;
		case 'd':
			delay_ns = number(optarg, "-d", 100000) * 1000000LL;
			break;
		case 'l':
			where = optarg;
			break;
		case 'n':
			nodelay = 0;
			break;
		case 'p':
			pidfile = optarg;
			break;
		case 'r':
			rate = number(optarg, "-r", 1LL << 40);
			break;
		case 's':
			if ((peak_fd = open(optarg, O_WRONLY|O_CREAT|O_TRUNC,
			    0644)) == -1)
				err(1, "%s", optarg);
			break;
		case 't':
			total_file = optarg;
			break;
		case 'x':
			flip_down = strncmp(optarg, "down:", 5) == 0;
			if (!flip_down && strncmp(optarg, "up:", 3) != 0)
				usage();
			flip_at = number(strchr(optarg, ':') + 1, "-x",
			    1LL << 40);
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 1 || (where == NULL) != (pidfile == NULL))
		usage();
	signal(SIGPIPE, SIG_IGN);
	if (where != NULL)
		listen_and_serve(where, pidfile, argv);
	return serve(STDIN_FILENO, STDOUT_FILENO, argv);
}
