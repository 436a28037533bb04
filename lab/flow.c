/* SPDX-License-Identifier: ISC */
/*
 * flow - sends and receives bulk data for measurements, and checks that what
 * arrives is what was sent.  Costs next to nothing beside what it measures.
 *
 * usage: flow source [-t SECONDS] [-n BYTES] [-o FILE] [-a] [ENDPOINT]
 *        flow sink   [-r SECONDS] [-o FILE] [-a] [ENDPOINT]
 *        flow keys   -o FILE [-n COUNT] [-i MS] -- COMMAND [ARG ...]
 *        flow usage  -o FILE -- COMMAND [ARG ...]
 *        flow ports  COUNT
 *
 * source	writes the stream: 64-bit words 0, 1, 2, ... in the machine's
 *		byte order, the last one complemented.  For SECONDS or until
 *		BYTES (a multiple of 8) were written.
 * sink		reads to the end, checks every word.  With -r it reads for
 *		SECONDS only and then, the descriptor open, sleeps until it
 *		is ended: a reader that stalls.
 * keys		sends COUNT single bytes to COMMAND's input, one about every
 *		MS milliseconds, and times when each comes back.  Waits for
 *		an @ from COMMAND before it starts.
 * usage	runs COMMAND, reports the processor time of it and of all its
 *		children that it waited for.
 * ports	prints COUNT TCP ports that are free on 127.0.0.1.
 *
 * ENDPOINT: standard input or output when there is none; else one of
 *	-c HOST:PORT	connect; -x HOST:PORT before it: through SOCKS5 there
 *	-c /PATH	connect to a local socket
 *	-l HOST:PORT	listen, print "listening", take one connection
 *	-l /PATH	likewise on a local socket, which is removed
 * -k, with -l: go on listening, serve each connection by a child of its own.
 * -a: the sink confirms the end with one byte and the source waits for it.
 *
 * FILE gets one line, tab-separated, by rename, so that it is whole when it
 * is there:
 *	source	BYTES SECONDS CPU
 *	sink	ok|truncated|corrupt BYTES SECONDS RATE RATE2 CPU
 *		RATE2 is the rate over the second half of the time; MB/s, 10^6;
 *		CPU, everywhere, user + system seconds
 *	keys	COUNT P50 P99 MAX	ms
 *	usage	SECONDS CPU
 *
 * Exit: 0; 1 an error, data that differ, or fewer echoes than keys; 2 usage;
 * usage: COMMAND's status.
 */

#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_WORDS	(32 * 1024)		/* 256 KiB */
#define CHUNK		(CHUNK_WORDS * sizeof(uint64_t))
/* Arrivals are noted this often: fine enough for half of a second. */
#define SAMPLE_S	0.01
#define KEY_WAIT_S	20.0
#define KEYS_MAX	100000

struct sample {
	double		 at;
	uint64_t	 bytes;
};

static uint64_t words[CHUNK_WORDS];
static volatile sig_atomic_t child_to_end;

static void
usage(void)
{
	fprintf(stderr,
	    "usage: flow source [-t SECONDS] [-n BYTES] [-o FILE] [-a] "
	    "[ENDPOINT]\n"
	    "       flow sink [-r SECONDS] [-o FILE] [-a] [ENDPOINT]\n"
	    "       flow keys -o FILE [-n COUNT] [-i MS] -- COMMAND [ARG ...]\n"
	    "       flow usage -o FILE -- COMMAND [ARG ...]\n"
	    "       flow ports COUNT\n"
	    "ENDPOINT: [-x HOST:PORT] -c HOST:PORT|/PATH | "
	    "-l HOST:PORT|/PATH [-k]\n");
	exit(2);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double
cpu_seconds(const struct rusage *ru)
{
	return ru->ru_utime.tv_sec + ru->ru_utime.tv_usec / 1e6 +
	    ru->ru_stime.tv_sec + ru->ru_stime.tv_usec / 1e6;
}

static double
number(const char *s)
{
	char *end;
	double d;

	errno = 0;
	d = strtod(s, &end);
	if (errno != 0 || end == s || *end != '\0' || !(d >= 0 && d < 1e15))
		errx(2, "%s is not a number of use here", s);
	return d;
}

/* One line into path, whole or not at all; to standard error without path. */
static void __attribute__((format(printf, 2, 3)))
report(const char *path, const char *fmt, ...)
{
	char part[PATH_MAX];
	FILE *f = stderr;
	va_list ap;

	if (path != NULL) {
		if ((size_t)snprintf(part, sizeof(part), "%s.part", path) >=
		    sizeof(part))
			errx(1, "%s: name too long", path);
		if ((f = fopen(part, "w")) == NULL)
			err(1, "%s", part);
	}
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	if (path == NULL)
		return;
	if (fclose(f) != 0 || rename(part, path) != 0)
		err(1, "%s", path);
}

static void
write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			err(1, "write");
		}
		p += n;
		len -= (size_t)n;
	}
}

static void
read_all(int fd, void *data, size_t len)
{
	char *p = data;
	ssize_t n;

	while (len > 0) {
		if ((n = read(fd, p, len)) == -1 && errno == EINTR)
			continue;
		if (n == -1)
			err(1, "read");
		if (n == 0)
			errx(1, "the other side closed too early");
		p += n;
		len -= (size_t)n;
	}
}

/* Fills in sa from "HOST:PORT" or "/PATH". */
static socklen_t
address(const char *where, struct sockaddr_storage *sa)
{
	struct sockaddr_un *un = (struct sockaddr_un *)sa;
	struct addrinfo hints, *ai;
	char host[256];
	const char *colon;
	socklen_t len;
	int r;

	memset(sa, 0, sizeof(*sa));
	if (*where == '/') {
		un->sun_family = AF_UNIX;
		if (strlen(where) >= sizeof(un->sun_path))
			errx(1, "%s: too long for a local socket", where);
		strcpy(un->sun_path, where);
		return sizeof(*un);
	}
	if ((colon = strrchr(where, ':')) == NULL ||
	    (size_t)(colon - where) >= sizeof(host))
		errx(2, "%s is not HOST:PORT", where);
	memcpy(host, where, (size_t)(colon - where));
	host[colon - where] = '\0';
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	if ((r = getaddrinfo(host, colon + 1, &hints, &ai)) != 0)
		errx(1, "%s: %s", where, gai_strerror(r));
	len = ai->ai_addrlen;
	memcpy(sa, ai->ai_addr, len);
	freeaddrinfo(ai);
	return len;
}

static int
connect_to(const char *where)
{
	struct sockaddr_storage sa;
	socklen_t len = address(where, &sa);
	int fd;

	if ((fd = socket(sa.ss_family, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	if (connect(fd, (struct sockaddr *)&sa, len) == -1)
		err(1, "connect to %s", where);
	return fd;
}

/* RFC 1928, no authentication. */
static int
connect_by_socks(const char *proxy, const char *where)
{
	struct sockaddr_storage sa;
	struct sockaddr_in *in = (struct sockaddr_in *)&sa;
	uint8_t hello[3] = { 5, 1, 0 }, request[10] = { 5, 1, 0, 1 };
	uint8_t answer[10];
	int fd;

	address(where, &sa);
	if (sa.ss_family != AF_INET)
		errx(2, "SOCKS5 is for HOST:PORT");
	memcpy(request + 4, &in->sin_addr, 4);
	memcpy(request + 8, &in->sin_port, 2);
	fd = connect_to(proxy);
	write_all(fd, hello, sizeof(hello));
	read_all(fd, answer, 2);
	if (answer[0] != 5 || answer[1] != 0)
		errx(1, "%s does not speak SOCKS5 without password", proxy);
	write_all(fd, request, sizeof(request));
	read_all(fd, answer, sizeof(answer));
	if (answer[1] != 0 || answer[3] != 1)
		errx(1, "SOCKS5 proxy %s refuses %s: reply %u", proxy, where,
		    answer[1]);
	return fd;
}

/* Returns an accepted connection, with keep in a child made for it. */
static int
accept_one(const char *where, int keep)
{
	struct sockaddr_storage sa;
	socklen_t len = address(where, &sa);
	int on = 1, listener, fd;
	pid_t pid;

	if ((listener = socket(sa.ss_family, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (*where == '/')
		unlink(where);
	if (bind(listener, (struct sockaddr *)&sa, len) == -1 ||
	    listen(listener, 128) == -1)
		err(1, "listen on %s", where);
	puts("listening");
	fflush(stdout);
	if (keep)
		signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if ((fd = accept(listener, NULL, NULL)) == -1)
			err(1, "accept");
		if (!keep)
			break;
		if ((pid = fork()) == -1)
			err(1, "fork");
		if (pid == 0) {
			close(listener);
			return fd;
		}
		close(fd);
	}
	if (*where == '/')
		unlink(where);
	close(listener);
	return fd;
}

struct endpoint {
	const char	*to, *proxy, *on;
	int		 keep;
};

static int
open_endpoint(const struct endpoint *e, int otherwise)
{
	if (e->on != NULL)
		return accept_one(e->on, e->keep);
	if (e->proxy != NULL)
		return connect_by_socks(e->proxy, e->to);
	if (e->to != NULL)
		return connect_to(e->to);
	return otherwise;
}

static void
source(const struct endpoint *e, const char *path, double seconds,
    uint64_t bytes, int confirmed)
{
	uint64_t next = 0, total = bytes / sizeof(uint64_t);
	double started;
	struct rusage ru;
	size_t i, n;
	int fd, last = 0;
	char c;

	if (seconds <= 0 && total == 0)
		errx(2, "source wants -t or -n");
	fd = open_endpoint(e, STDOUT_FILENO);
	started = now();
	while (!last) {
		n = CHUNK_WORDS;
		if (total > 0 && total - next <= n) {
			n = total - next;
			last = 1;
		}
		if (seconds > 0 && now() - started >= seconds)
			last = 1;
		for (i = 0; i < n; i++)
			words[i] = next + i;
		if (last)
			words[n - 1] = ~words[n - 1];
		write_all(fd, words, n * sizeof(uint64_t));
		next += n;
	}
	if (confirmed) {
		if (shutdown(fd, SHUT_WR) == -1)
			err(1, "-a needs a socket");
		read_all(fd, &c, 1);
	}
	close(fd);
	if (path != NULL) {
		getrusage(RUSAGE_SELF, &ru);
		report(path, "%llu\t%.4f\t%.3f\n",
		    (unsigned long long)(next * sizeof(uint64_t)),
		    now() - started, cpu_seconds(&ru));
	}
}

/* Whether n words are first, first + 1, ... */
static int __attribute__((optimize("O3")))
in_sequence(const uint64_t *w, size_t n, uint64_t first)
{
	uint64_t wrong = 0;
	size_t i;

	for (i = 0; i < n; i++)
		wrong |= w[i] ^ (first + i);
	return wrong == 0;
}

/* Bytes that had arrived by the time at. */
static double
bytes_at(const struct sample *s, size_t n, double at)
{
	size_t i;

	for (i = 1; i < n; i++) {
		if (s[i].at >= at)
			break;
	}
	if (i >= n)
		return s[n - 1].bytes;
	return s[i - 1].bytes + (double)(s[i].bytes - s[i - 1].bytes) *
	    (at - s[i - 1].at) / (s[i].at - s[i - 1].at);
}

static void
sink(const struct endpoint *e, const char *path, double read_for, int confirm)
{
	struct sample *samples = NULL;
	size_t nsamples = 0, room = 0, held = 0, n, i;
	uint64_t bytes = 0, next = 0, off;
	const char *verdict = "ok";
	double t, length, rate, rate2, began;
	struct rusage ru;
	ssize_t got;
	int fd, complete = 0;

	fd = open_endpoint(e, STDIN_FILENO);
	began = now();
	for (;;) {
		if (read_for >= 0 && now() - began >= read_for) {
			for (;;)
				pause();
		}
		got = read(fd, (char *)words + held, CHUNK - held);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			err(1, "read");
		t = now();
		bytes += (uint64_t)got;
		if (nsamples == 0 || got == 0 ||
		    t - samples[nsamples - 1].at >= SAMPLE_S) {
			if (nsamples == room) {
				room = room == 0 ? 4096 : room * 2;
				samples = realloc(samples,
				    room * sizeof(*samples));
				if (samples == NULL)
					err(1, "realloc");
			}
			/* The rate is counted from the first arrival on. */
			samples[nsamples].at = t;
			samples[nsamples++].bytes = bytes;
		}
		if (got == 0)
			break;
		held += (size_t)got;
		n = held / sizeof(uint64_t);
		if (n > 0 && complete)
			break;		/* something after the last word */
		if (!in_sequence(words, n, next)) {
			for (i = 0; i < n && words[i] == next + i; i++)
				;
			if (i != n - 1 || words[i] != ~(next + i)) {
				off = (next + i) * sizeof(uint64_t);
				warnx("byte %llu: %016llx instead of %016llx",
				    (unsigned long long)off,
				    (unsigned long long)words[i],
				    (unsigned long long)(next + i));
				complete = -1;
				break;
			}
			complete = 1;
		}
		next += n;
		held -= n * sizeof(uint64_t);
		memmove(words, words + n, held);
	}
	if (complete == 1 && held == 0 && got == 0) {
		if (confirm)
			write_all(fd, "!", 1);
	} else
		verdict = complete == 0 ? "truncated" : "corrupt";

	length = rate = rate2 = 0;
	if (nsamples > 1) {
		t = samples[nsamples - 1].at;
		length = t - samples[0].at;
		if (length > 0) {
			rate = (bytes - samples[0].bytes) / length / 1e6;
			rate2 = (bytes - bytes_at(samples, nsamples,
			    t - length / 2)) / (length / 2) / 1e6;
		}
	}
	getrusage(RUSAGE_SELF, &ru);
	report(path, "%s\t%llu\t%.4f\t%.3f\t%.3f\t%.3f\n", verdict,
	    (unsigned long long)bytes, length, rate, rate2, cpu_seconds(&ru));
	free(samples);
	if (strcmp(verdict, "ok") != 0)
		errx(1, "the data that arrived are %s", verdict);
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
keys(const char *path, size_t count, double interval, char **argv)
{
	static double sent[KEYS_MAX], took[KEYS_MAX];
	int to[2], from[2], status;
	size_t nsent = 0, back = 0;
	struct pollfd pfd;
	double at, wait, deadline;
	char buf[4096], key;
	ssize_t n, i;
	int ready = 0;
	pid_t pid;

	if (count == 0 || count > KEYS_MAX)
		errx(2, "1 to %d keys", KEYS_MAX);
	if (pipe2(to, O_CLOEXEC) == -1 || pipe2(from, O_CLOEXEC) == -1)
		err(1, "pipe");
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(to[0]);
	close(from[1]);
	signal(SIGPIPE, SIG_IGN);
	pfd.fd = from[0];
	pfd.events = POLLIN;
	at = now();
	deadline = at + KEY_WAIT_S;
	while (back < count) {
		if (ready && nsent < count && now() >= at) {
			key = 'a' + nsent % 26;
			sent[nsent++] = now();
			if (write(to[1], &key, 1) != 1)
				break;
			/* No fixed beat, lest it meet another one. */
			at += interval * (0.75 + 0.5 * (nsent * 7 % 16) / 15);
			deadline = now() + KEY_WAIT_S;
		}
		wait = (ready && nsent < count ? at : deadline) - now();
		if (wait < 0)
			wait = 0;
		if (poll(&pfd, 1, (int)(wait * 1e3) + (wait > 0)) == 0) {
			if (now() >= deadline)
				break;
			continue;
		}
		if ((n = read(from[0], buf, sizeof(buf))) <= 0)
			break;
		for (i = 0; i < n; i++) {
			if (!ready) {
				if (buf[i] == '@') {
					ready = 1;
					at = now() + interval;
				}
			} else if (back < nsent &&
			    buf[i] == (char)('a' + back % 26)) {
				took[back] = (now() - sent[back]) * 1e3;
				back++;
			}
		}
	}
	close(to[1]);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	if (back < count)
		errx(1, "%zu of %zu keys came back", back, count);
	qsort(took, count, sizeof(took[0]), by_size);
	report(path, "%zu\t%.2f\t%.2f\t%.2f\n", count, took[(count - 1) / 2],
	    took[(count - 1) * 99 / 100], took[count - 1]);
}

static void
pass_on(int sig)
{
	if (child_to_end > 0)
		kill((pid_t)child_to_end, sig);
}

static int
measure_usage(const char *path, char **argv)
{
	struct sigaction sa;
	struct rusage ru;
	double started = now();
	int status;
	pid_t pid;

	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	child_to_end = pid;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = pass_on;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	while (wait4(pid, &status, 0, &ru) == -1) {
		if (errno != EINTR)
			err(1, "wait4");
	}
	report(path, "%.4f\t%.4f\n", now() - started, cpu_seconds(&ru));
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

/* All are held until all are found, so that they differ. */
static void
ports(int count)
{
	struct sockaddr_in in;
	socklen_t len;
	int fd, i;

	for (i = 0; i < count; i++) {
		memset(&in, 0, sizeof(in));
		in.sin_family = AF_INET;
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		len = sizeof(in);
		if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
		    bind(fd, (struct sockaddr *)&in, len) == -1 ||
		    getsockname(fd, (struct sockaddr *)&in, &len) == -1)
			err(1, "cannot find a free port");
		printf("%u\n", ntohs(in.sin_port));
	}
}

int
main(int argc, char **argv)
{
	struct endpoint e = { NULL, NULL, NULL, 0 };
	const char *what, *path = NULL;
	double seconds = 0, read_for = -1, interval = 130, n = 0;
	int ch, confirm = 0;

	if (argc < 2)
		usage();
	what = argv[1];
	argc--;
	argv++;
	while ((ch = getopt(argc, argv, "+ac:i:kl:n:o:r:t:x:")) != -1) {
		switch (ch) {
		case 'a':
			confirm = 1;
			break;
		case 'c':
			e.to = optarg;
			break;
		case 'i':
			interval = number(optarg);
			break;
		case 'k':
			e.keep = 1;
			break;
		case 'l':
			e.on = optarg;
			break;
		case 'n':
			n = number(optarg);
			break;
		case 'o':
			path = optarg;
			break;
		case 'r':
			read_for = number(optarg);
			break;
		case 't':
			seconds = number(optarg);
			break;
		case 'x':
			e.proxy = optarg;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	if ((e.proxy != NULL && e.to == NULL) ||
	    (e.to != NULL && e.on != NULL) || (e.keep && e.on == NULL))
		usage();
	if (strcmp(what, "source") == 0 && argc == 0)
		source(&e, path, seconds, (uint64_t)n, confirm);
	else if (strcmp(what, "sink") == 0 && argc == 0)
		sink(&e, path, read_for, confirm);
	else if (strcmp(what, "keys") == 0 && argc > 0)
		keys(path, n > 0 ? (size_t)n : 100, interval / 1e3, argv);
	else if (strcmp(what, "usage") == 0 && argc > 0)
		return measure_usage(path, argv);
	else if (strcmp(what, "ports") == 0 && argc == 1)
		ports((int)number(argv[0]));
	else
		usage();
	return 0;
}
