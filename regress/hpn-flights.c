/* SPDX-License-Identifier: ISC */
/*
 * hpn-flights: a ProxyCommand that counts round trips instead of timing them.
 *
 * It stands between ssh, whose child it is, and a server that it starts.  What
 * either sends is held until both have nothing left to do: then all of it is
 * delivered at once, in both directions.  Each delivery is half a round trip
 * of a path whose delay is infinitely longer than everything else takes, so
 * the figures do not depend on the machine.
 *
 * usage: hpn-flights [-b] [-o file] [-p pidfile]... [-v file] command [argument...]
 *
 *   -b          deliver one byte after another, each when the one before it has
 *               been read
 *   -o file     append "trips N up BYTES down BYTES" when ssh is done: the
 *               deliveries up to the last one to ssh, halved, and one for TCP
 *   -p pidfile  a further process that has to be idle: an agent
 *   -v file     append a line for each delivery: number, bytes up, bytes down
 *
 * What the server sends before it has received anything arrives together with
 * the connection, as it does with TCP: it counts nothing.
 *
 * A process is idle if it sleeps in the kernel in something else than a sleep
 * of its own (/proc/PID/stat and syscall).  Where /proc does not tell, it is
 * idle after a second in which nothing was sent.
 */

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/sockios.h>

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_PIDS	1024
#define MOST_WATCHED	8
/* So often in a row, so many ms apart, must everybody be seen idle. */
#define SAMPLES		4
#define SAMPLE_MS	2
#define UNKNOWN_MS	1000

struct flow {
	int from, to;
	int ended;		/* nothing more comes */
	int closed;		/* ... and its reader was told */
	char *data;
	size_t len, size;
	unsigned long long total;
};

struct proc {
	pid_t pid, parent;
	char state;
};

static pid_t watched[MOST_WATCHED];
static size_t nwatched;
static int bytewise;

/* Reads a file of /proc; returns 0 if there is none to read. */
static int
slurp(const char *path, char *buf, size_t size)
{
	ssize_t n;
	int fd;

	if ((fd = open(path, O_RDONLY)) == -1)
		return 0;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	return 1;
}

/* State and parent of a process; returns 0 if it is gone. */
static int
inspect(pid_t pid, struct proc *p)
{
	char path[64], buf[1024], *end;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	/* the name, in parentheses, can contain anything */
	if (!slurp(path, buf, sizeof(buf)) ||
	    (end = strrchr(buf, ')')) == NULL ||
	    sscanf(end + 1, " %c %d", &p->state, &parent) != 2)
		return 0;
	p->pid = pid;
	p->parent = (pid_t)parent;
	return 1;
}

/*
 * Adds the children of a process, and theirs.  Where the kernel keeps no list
 * of them, all processes are looked through.
 */
static void
family(pid_t pid, struct proc *all, size_t *n)
{
	char path[64], buf[4096], *p, *next;
	struct dirent *e;
	struct proc one;
	pid_t child;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid,
	    (int)pid);
	if (access(path, R_OK) == 0) {
		if (!slurp(path, buf, sizeof(buf)))
			return;
		for (p = buf; (child = (pid_t)strtol(p, &next, 10)) > 0 &&
		    *n < MOST_PIDS; p = next) {
			if (!inspect(child, &all[*n]))
				continue;
			(*n)++;
			family(child, all, n);
		}
		return;
	}
	if ((dir = opendir("/proc")) == NULL)
		return;
	while (*n < MOST_PIDS && (e = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !inspect((pid_t)atoi(e->d_name), &one) || one.parent != pid)
			continue;
		all[(*n)++] = one;
		family(one.pid, all, n);
	}
	closedir(dir);
}

/* 1: sleeps until something happens; 0: is at work; -1: cannot be told */
static int
is_idle(const struct proc *p)
{
	char path[64], buf[256];

	if (p->state == 'Z' || p->state == 'X')
		return 1;
	if (p->state != 'S')
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)p->pid);
	if (!slurp(path, buf, sizeof(buf)))
		return -1;
	if (strncmp(buf, "running", 7) == 0)
		return 0;
#ifdef SYS_nanosleep
	if (atol(buf) == SYS_nanosleep)
		return 0;
#endif
#ifdef SYS_clock_nanosleep
	if (atol(buf) == SYS_clock_nanosleep)
		return 0;
#endif
	return 1;
}

/* The same of all that matter: the client, the server and its descendants. */
static int
all_idle(pid_t client, pid_t server)
{
	static struct proc all[MOST_PIDS];
	size_t i, n = 0;
	int r, ret = 1;

	if (inspect(client, &all[n]))
		n++;
	if (inspect(server, &all[n]))
		n++;
	for (i = 0; i < nwatched; i++) {
		if (inspect(watched[i], &all[n]))
			n++;
	}
	if (n == 0)
		return -1;	/* no /proc */
	family(server, all, &n);
	for (i = 0; i < n; i++) {
		if ((r = is_idle(&all[i])) == 0)
			return 0;
		if (r == -1)
			ret = -1;
	}
	return ret;
}

/* Takes in what is there; returns whether that was anything. */
static int
take(struct flow *f)
{
	ssize_t n;

	if (f->ended)
		return 0;
	if (f->size - f->len < 65536) {
		f->size = f->size == 0 ? 262144 : f->size * 2;
		if ((f->data = realloc(f->data, f->size)) == NULL)
			err(1, "realloc");
	}
	n = read(f->from, f->data + f->len, f->size - f->len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		f->ended = 1;
		return 1;
	}
	f->len += (size_t)n;
	f->total += (unsigned long long)n;
	return 1;
}

/* Waits until what was written has been read; not for ever. */
static void
taken(int fd)
{
	int i, n;

	for (i = 0; i < 200; i++) {
		/* a socket, or a pipe */
		if ((ioctl(fd, SIOCOUTQ, &n) == -1 &&
		    ioctl(fd, FIONREAD, &n) == -1) || n == 0)
			return;
		usleep(100);
	}
}

static void
deliver(struct flow *f)
{
	struct pollfd pfd;
	size_t off = 0;
	ssize_t n;

	while (off < f->len) {
		n = write(f->to, f->data + off, bytewise ? 1 : f->len - off);
		if (n > 0) {
			off += (size_t)n;
			if (bytewise)
				taken(f->to);
			continue;
		}
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			break;		/* it is gone: so is its data */
		pfd.fd = f->to;
		pfd.events = POLLOUT;
		(void)poll(&pfd, 1, 100);
	}
	f->len = 0;
	if (f->ended && !f->closed) {
		f->closed = 1;
		if (shutdown(f->to, SHUT_WR) == -1)
			close(f->to);
	}
}

static void
append(const char *file, const char *line)
{
	int fd;

	if (file == NULL)
		return;
	if ((fd = open(file, O_WRONLY|O_CREAT|O_APPEND, 0666)) == -1)
		err(1, "%s", file);
	if (write(fd, line, strlen(line)) == -1)
		err(1, "%s", file);
	close(fd);
}

static pid_t
start(char **argv, int *fd)
{
	pid_t pid;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		err(1, "socketpair");
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		if (dup2(sv[1], 0) == -1 || dup2(sv[1], 1) == -1)
			err(1, "dup2");
		close(sv[0]);
		close(sv[1]);
		execvp(argv[0], argv);
		err(1, "%s", argv[0]);
	}
	close(sv[1]);
	*fd = sv[0];
	return pid;
}

int
main(int argc, char **argv)
{
	struct flow up = { 0 }, down = { 0 };
	struct pollfd pfd[2];
	const char *out = NULL, *each = NULL;
	char line[128];
	unsigned long ticks = 0, last = 0;
	int ch, fd, known, samples = 0, quiet_ms = 0, opened = 0;
	pid_t client = getppid(), server;
	FILE *f;

	while ((ch = getopt(argc, argv, "+bo:p:v:")) != -1) {
		switch (ch) {
		case 'b':
			bytewise = 1;
			break;
		case 'o':
			out = optarg;
			break;
		case 'p':
			if (nwatched == MOST_WATCHED ||
			    (f = fopen(optarg, "r")) == NULL)
				err(1, "%s", optarg);
			if (fscanf(f, "%d", &watched[nwatched++]) != 1)
				errx(1, "%s: no process id", optarg);
			fclose(f);
			break;
		case 'v':
			each = optarg;
			break;
		default:
			errx(1, "usage: hpn-flights [-b] [-o file] [-p pidfile] "
			    "[-v file] command [argument...]");
		}
	}
	if (optind == argc)
		errx(1, "which server?");
	signal(SIGPIPE, SIG_IGN);
	server = start(argv + optind, &fd);
	/* ssh sends it as it ends, and the figures are still to be written */
	signal(SIGHUP, SIG_IGN);
	up.from = STDIN_FILENO;
	up.to = down.from = fd;
	down.to = STDOUT_FILENO;
	if (fcntl(up.from, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");

	while (!up.ended) {
		pfd[0].fd = up.from;
		pfd[1].fd = down.ended ? -1 : down.from;
		pfd[0].events = pfd[1].events = POLLIN;
		if (poll(pfd, 2, SAMPLE_MS) > 0) {
			ch = pfd[0].revents != 0 && take(&up);
			if (pfd[1].revents != 0 && take(&down))
				ch = 1;
			if (ch) {
				samples = quiet_ms = 0;
				continue;
			}
		}
		if ((known = all_idle(client, server)) == 0) {
			samples = quiet_ms = 0;
			continue;
		}
		samples++;
		quiet_ms += SAMPLE_MS;
		if (samples < SAMPLES ||
		    (known == -1 && quiet_ms < UNKNOWN_MS))
			continue;
		if (up.len == 0 && down.len == 0 && down.ended == down.closed)
			continue;	/* somebody waits for something else */
		samples = quiet_ms = 0;
		if (!opened && down.len == 0 && up.len != 0 &&
		    down.total == 0) {
			/* a server that lets the client speak first */
			opened = 1;
		}
		if (!opened) {
			opened = 1;
			deliver(&down);
			continue;
		}
		ticks++;
		if (down.len != 0)
			last = ticks;
		snprintf(line, sizeof(line), "%lu up %zu down %zu\n", ticks,
		    up.len, down.len);
		append(each, line);
		deliver(&up);
		deliver(&down);
	}
	snprintf(line, sizeof(line), "trips %lu%s up %llu down %llu\n",
	    1 + last / 2, last % 2 ? ".5" : "", up.total, down.total);
	append(out, line);
	deliver(&up);
	/* What the server still says is for nobody; let it end by itself. */
	close(fd);
	(void)waitpid(server, NULL, 0);
	return 0;
}
