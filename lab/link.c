/*
 * SPDX-License-Identifier: ISC
 *
 * link - a long, fat network between two network namespaces of its own.
 *
 *	A: lab0 10.213.0.1/30 --[ queue | rate | loss | delay ]--> B: lab0
 *	A: lab0 <--[ delay | loss | rate | queue ]-- B: lab0 10.213.0.2/30
 *
 * One process makes namespaces A and B (nobody else holds them, so they go
 * when it goes), puts a TUN device into each and carries packets between the
 * two.  Real kernel TCP runs at both ends.  lab.sh is the usual front end.
 *
 * usage: link [--rtt MS] [--rate MBIT] [--loss P] [--queue BYTES] [--seed N]
 *             [--policer MBIT] [--mtu N] [--cc NAME] [--tcp-max BYTES] [--stats FILE]
 *        link --loopback
 *        link --check
 *
 *	--rtt	  round-trip time in ms, half of it each way (0)
 *	--rate	  rate of each direction in Mbit/s, of IP bytes; 0: no limit (0)
 *	--loss	  probability that one packet of at most MTU bytes is lost (0)
 *	--policer rate that each TCP connection may have, Mbit/s in each direction;
 *		  packets beyond it are lost, a burst of 1 MiB is not (0: none)
 *	--queue	  bound of the queue in front of each direction, in bytes of
 *		  IP packets waiting for the wire; K, M, G understood
 *		  (one bandwidth-delay product, at least 1 MiB)
 *	--seed	  of the losses: same seed, same packets lost (1)
 *	--mtu	  of both devices (1500)
 *	--cc	  congestion control of both namespaces (the machine's)
 *	--tcp-max largest TCP buffer, both directions, both ends (256M)
 *	--stats	  where statistics go at exit; - for standard error (nowhere)
 *	--check	  exit 0 if all this is permitted here, else 77
 *	--loopback no namespaces, no packets: only the tidying up at the end
 *
 * When the link is up, one line goes to standard output:
 *	ready PID FD_A FD_B root|user
 * /proc/PID/fd/FD_A and FD_B are the namespaces, for nsenter(1); "user" says
 * that they belong to the user namespace /proc/PID/ns/user.  With --loopback
 * the descriptors are -1.
 *
 * SIGUSR1 prints statistics to standard error.  SIGTERM, SIGHUP, SIGINT, or
 * the death of the parent end it.  However it ends, a second process, the
 * guard, then ends all processes in A and B, and all that have this
 * process's LAB_RUN in their environment; it holds standard output open until
 * they are gone.
 *
 * Exit: 0; 1 an error; 2 bad usage; 77 not permitted on this machine.
 */

#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE	2
#define EXIT_SKIP	77

#define DEVICE		"lab0"
#define NETMASK		"255.255.255.252"
#define NS_PER_S	1000000000ULL
#define MIB		(1024ULL * 1024)

/* Kernel TCP builds segments of up to 64 KiB; a TUN read is one of them. */
#define PACKET_MAX	(sizeof(struct virtio_net_hdr) + 65536 + 256)
/*
 * A segment is delivered in one piece, when its last bit has arrived.  Where
 * that would take longer than this (slow links), it is cut: packets that
 * belong to the front of a segment must not wait for its end.
 */
#define QUANTUM_NS	600000ULL
/* Packets taken from one device before the other gets its turn. */
#define READ_BATCH	64
/* Packets that a device may hold for us while we are not running. */
#define DEVICE_BACKLOG	10000
/* How long processes in the namespaces may take to end before SIGKILL. */
#define REAP_GRACE_NS	(2 * NS_PER_S)

/* One entry of the ring, followed by len bytes: virtio_net_hdr and packet. */
struct record {
	uint64_t	due;		/* when it comes out, ns */
	uint32_t	len;
	uint32_t	size;		/* of the whole entry, aligned */
};

/*
 * Bounded FIFO of records, contiguous each.  A record that does not fit
 * between head and the end goes to the start; wrap says where the data ended.
 */
struct ring {
	uint8_t		*base;
	size_t		 capacity, head, tail, wrap;
	size_t		 count;		/* records */
};

/* One direction of a TCP connection, as a policer knows it. */
#define FLOWS		1024
#define POLICER_BURST	(1ULL << 20)
struct flow {
	uint32_t	 ports;		/* both; 0: none yet */
	uint64_t	 filled;	/* when its bucket was, ns */
	double		 tokens;	/* bytes */
};

struct direction {
	const char	*name;
	int		 from, to;	/* TUN descriptors */
	int		 from_stats;	/* /proc/net/dev of the sending side */
	struct ring	 ring;
	uint64_t	 wire_free;	/* when the last accepted bit is sent */
	uint64_t	 random;
	struct flow	 flow[FLOWS];

	/* statistics; a packet is what the wire carries: at most one MTU */
	uint64_t	 segments_in, packets_in, bytes_in;
	uint64_t	 packets_lost, packets_dropped, packets_out, bytes_out;
	uint64_t	 write_errors, queue_max;
	uint64_t	 late_max, late_sum, late_count;
};

struct settings {
	double		 rtt_ms, rate_mbit, loss, policer_mbit;
	uint64_t	 queue;		/* bytes; 0: choose */
	uint64_t	 seed, tcp_max;
	unsigned	 mtu;
	const char	*cc;
};

/* What a packet looks like from the wire's point of view. */
struct shape {
	uint32_t	 header;	/* bytes repeated in each wire packet */
	uint32_t	 payload;	/* bytes shared out among them */
	uint32_t	 step;		/* payload bytes of each but the last */
	uint32_t	 packets;
};

static struct settings set = {
	.seed = 1, .tcp_max = 256 * MIB, .mtu = 1500
};
static double		 ns_per_byte;	/* 0: no rate limit */
static uint64_t		 delay_ns;	/* one way */
static uint64_t		 loss_threshold; /* of 2^64 */
static double		 policer_per_ns; /* bytes; 0: none */
static uint32_t		 packets_per_quantum;
static const char	*priority = "normal";

static volatile sig_atomic_t want_exit, want_stats;

static void
die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("link: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static void
warn(const char *fmt, ...)
{
	va_list ap;

	fputs("link: warning: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* ---- the ring ---- */

static void
ring_init(struct ring *r, size_t capacity)
{
	r->capacity = capacity;
	r->base = mmap(NULL, capacity, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->base == MAP_FAILED)
		die(1, "cannot get %zu MiB for packets on their way: %s; "
		    "use a smaller --rtt, --rate or --queue",
		    (size_t)(capacity / MIB), strerror(errno));
	/* Clearing a huge page at its first use can take milliseconds. */
	(void)madvise(r->base, capacity, MADV_NOHUGEPAGE);
}

/* Room for a record with len bytes, or NULL.  Nothing changes for readers. */
static struct record *
ring_reserve(struct ring *r, size_t len)
{
	size_t need = (sizeof(struct record) + len + 7) & ~(size_t)7;

	if (r->count == 0)
		r->head = r->tail = 0;	/* an idle link stays in the cache */
	if (r->count == 0 || r->head > r->tail) {
		if (r->capacity - r->head >= need)
			return (struct record *)(void *)(r->base + r->head);
		if (r->tail < need)
			return NULL;
		r->wrap = r->head;
		r->head = 0;
		return (struct record *)(void *)r->base;
	}
	if (r->tail - r->head < need)	/* also when full: head == tail */
		return NULL;
	return (struct record *)(void *)(r->base + r->head);
}

/* Makes the record that was reserved last, of len bytes, part of the ring. */
static void
ring_commit(struct ring *r, struct record *rec, size_t len, uint64_t due)
{
	rec->due = due;
	rec->len = (uint32_t)len;
	rec->size = (uint32_t)((sizeof(*rec) + len + 7) & ~(size_t)7);
	r->head += rec->size;
	r->count++;
}

static struct record *
ring_first(struct ring *r)
{
	if (r->count == 0)
		return NULL;
	if (r->tail == r->wrap && r->head <= r->tail) {
		r->tail = 0;
		r->wrap = SIZE_MAX;
	}
	return (struct record *)(void *)(r->base + r->tail);
}

static void
ring_pop(struct ring *r)
{
	struct record *rec = (struct record *)(void *)(r->base + r->tail);

	r->tail += rec->size;
	r->count--;
}

/* ---- packets ---- */

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	return sum;
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static int
is_tso(const struct virtio_net_hdr *vh)
{
	int type = vh->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;

	return type == VIRTIO_NET_HDR_GSO_TCPV4 ||
	    type == VIRTIO_NET_HDR_GSO_TCPV6;
}

static struct shape
packet_shape(const struct virtio_net_hdr *vh, const uint8_t *pkt, uint32_t len)
{
	struct shape whole = { len, 0, 0, 1 }, s;

	if (!is_tso(vh) || vh->gso_size == 0 || vh->csum_start < 20 ||
	    vh->csum_start + 20U > len)
		return whole;
	s.header = vh->csum_start + (pkt[vh->csum_start + 12] >> 4) * 4U;
	if (s.header >= len)
		return whole;
	s.payload = len - s.header;
	s.step = vh->gso_size;
	s.packets = (s.payload + s.step - 1) / s.step;
	return s;
}

/* Bytes on the wire of packets first..end-1. */
static uint64_t
wire_bytes(const struct shape *s, uint32_t first, uint32_t end)
{
	uint64_t payload = (uint64_t)(end - first) * s->step;

	if (first == end)
		return 0;
	if (end == s->packets)
		payload = s->payload - (uint64_t)first * s->step;
	return payload + (uint64_t)(end - first) * s->header;
}

/*
 * Writes packets first..end-1 of a TCP segment to out as a segment of its
 * own, as the kernel's segmentation would have done (RFC 9293 3.1: sequence
 * number, FIN and PSH with the last byte; RFC 3168 6.1.2: CWR only once).
 * The checksum stays partial: the sum of the pseudo header.  Returns length.
 */
static size_t
packet_cut(uint8_t *out, const uint8_t *in, const struct shape *s,
    uint32_t first, uint32_t end)
{
	struct virtio_net_hdr *vh = (struct virtio_net_hdr *)(void *)out;
	uint8_t *ip = out + sizeof(*vh), *tcp;
	const uint8_t *from = in + sizeof(*vh);
	uint32_t offset = first * s->step, tcp_len, sum;
	uint32_t payload = (uint32_t)(wire_bytes(s, first, end) -
	    (uint64_t)(end - first) * s->header);

	memcpy(out, in, sizeof(*vh) + s->header);
	memcpy(ip + s->header, from + s->header + offset, payload);
	tcp = ip + vh->csum_start;
	tcp_len = s->header - vh->csum_start + payload;

	put32(tcp + 4, get32(tcp + 4) + offset);
	if (end != s->packets)
		tcp[13] &= (uint8_t)~0x09;		/* FIN, PSH */
	if (first != 0) {
		tcp[13] &= (uint8_t)~0x80;		/* CWR */
		vh->gso_type &= (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
	}
	if (ip[0] >> 4 == 4) {
		put16(ip + 2, s->header + payload);
		put16(ip + 4, get16(ip + 4) + first);	/* identification */
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~fold(sum16(ip, (ip[0] & 15) * 4U,
		    0)));
		sum = sum16(ip + 12, 8, 0);
	} else {
		put16(ip + 4, s->header - 40 + payload);
		sum = sum16(ip + 8, 32, 0);
	}
	put16(tcp + 16, fold(sum + IPPROTO_TCP + tcp_len));
	vh->hdr_len = (uint16_t)s->header;
	if (end - first == 1) {
		vh->gso_type = VIRTIO_NET_HDR_GSO_NONE;
		vh->gso_size = 0;
	}
	return sizeof(*vh) + s->header + payload;
}

/* ---- the wire ---- */

/* splitmix64: public domain, Sebastiano Vigna */
static uint64_t
random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint64_t
wire_ns(uint64_t bytes)
{
	return (uint64_t)((double)bytes * ns_per_byte);
}

/*
 * The packets of a TCP connection that its policer does not let pass; returns how
 * many.  Whichever connection came last has the place of those with like ports.
 */
static uint32_t
police(struct direction *d, const uint8_t *ip, const struct shape *s,
    uint32_t fits, uint64_t now, uint8_t *lost)
{
	uint32_t ports, i, losses = 0, header = (ip[0] & 15) * 4U;
	struct flow *f;
	double bytes;

	if (ip[0] >> 4 != 4 || ip[9] != IPPROTO_TCP)
		return 0;
	ports = get32(ip + header);
	f = &d->flow[(ports ^ ports >> 16 ^ ports >> 7) % FLOWS];
	if (f->ports != ports) {
		f->ports = ports;
		f->tokens = (double)POLICER_BURST;
		f->filled = now;
	}
	f->tokens += (double)(now - f->filled) * policer_per_ns;
	if (f->tokens > (double)POLICER_BURST)
		f->tokens = (double)POLICER_BURST;
	f->filled = now;
	for (i = 0; i < fits; i++) {
		bytes = (double)wire_bytes(s, i, i + 1);
		if (s->packets == 1)
			bytes = s->header;
		if (f->tokens < bytes) {
			losses += !lost[i];
			lost[i] = 1;
		} else
			f->tokens -= bytes;
	}
	return losses;
}

/*
 * Takes one packet or segment, which lies in a reserved record, at time now.
 *
 * Queue: the packets of a segment that still fit are taken, the rest is
 * dropped (drop tail).  Loss: each wire packet that was taken is lost with
 * the same probability, independently, after it has used its time on the
 * wire, as on a real path; its neighbours in the segment arrive.  Draws are
 * in wire order, so the n-th packet's fate depends on the seed alone.
 */
static void
direction_accept(struct direction *d, struct record *rec, size_t len,
    uint64_t now)
{
	static uint8_t lost[65536], copy[PACKET_MAX];
	uint8_t *data = (uint8_t *)(rec + 1);
	struct virtio_net_hdr *vh = (struct virtio_net_hdr *)(void *)data;
	struct shape s = packet_shape(vh, data + sizeof(*vh),
	    (uint32_t)(len - sizeof(*vh)));
	uint64_t start, backlog = 0;
	uint32_t fits = s.packets, first, i, losses = 0, run;

	d->segments_in++;
	d->packets_in += s.packets;
	d->bytes_in += wire_bytes(&s, 0, s.packets);
	if (s.packets > 1)
		vh->hdr_len = (uint16_t)s.header;

	start = d->wire_free > now ? d->wire_free : now;
	if (ns_per_byte > 0) {
		backlog = (uint64_t)((double)(start - now) / ns_per_byte);
		while (fits > 0 &&
		    backlog + wire_bytes(&s, 0, fits) > set.queue)
			fits--;
		backlog += wire_bytes(&s, 0, fits);
		if (backlog > d->queue_max)
			d->queue_max = backlog;
		d->wire_free = start + wire_ns(wire_bytes(&s, 0, fits));
	}
	d->packets_dropped += s.packets - fits;
	if (loss_threshold != 0 || policer_per_ns > 0) {
		memset(lost, 0, fits);
		for (i = 0; loss_threshold != 0 && i < fits; i++) {
			lost[i] = random_next(&d->random) < loss_threshold;
			losses += lost[i];
		}
		if (policer_per_ns > 0)
			losses += police(d, data + sizeof(*vh), &s, fits, now,
			    lost);
		d->packets_lost += losses;
	}

	if (losses == 0 && fits == s.packets && fits <= packets_per_quantum) {
		ring_commit(&d->ring, rec, len,
		    start + wire_ns(wire_bytes(&s, 0, fits)) + delay_ns);
		return;
	}
	if (s.packets == 1)
		return;

	memcpy(copy, data, len);
	for (first = 0; first < fits; first += run) {
		for (run = 0; first + run < fits; run++)
			if (run == packets_per_quantum ||
			    (losses != 0 && lost[first + run]))
				break;
		if (run == 0) {
			run = 1;	/* the lost one itself */
			continue;
		}
		if ((rec = ring_reserve(&d->ring, PACKET_MAX)) == NULL) {
			d->packets_dropped += run;
			continue;
		}
		len = packet_cut((uint8_t *)(rec + 1), copy, &s, first,
		    first + run);
		ring_commit(&d->ring, rec, len, start +
		    wire_ns(wire_bytes(&s, 0, first + run)) + delay_ns);
	}
}

/* Returns whether the device may hold more. */
static int
direction_read(struct direction *d)
{
	static struct {
		struct record rec;
		uint8_t data[PACKET_MAX];
	} spill;
	struct record *rec;
	struct shape s;
	ssize_t n;
	int i;

	for (i = 0; i < READ_BATCH; i++) {
		rec = ring_reserve(&d->ring, PACKET_MAX);
		n = read(d->from, rec != NULL ? (void *)(rec + 1) : spill.data,
		    PACKET_MAX);
		if (n < 0) {
			if (errno == EAGAIN)
				return 0;
			if (errno == EINTR)
				continue;
			die(1, "reading packets of %s: %s", d->name,
			    strerror(errno));
		}
		if ((size_t)n <= sizeof(struct virtio_net_hdr))
			continue;
		if (rec != NULL) {
			direction_accept(d, rec, (size_t)n, now_ns());
			continue;
		}
		s = packet_shape((struct virtio_net_hdr *)(void *)spill.data,
		    spill.data + sizeof(struct virtio_net_hdr),
		    (uint32_t)((size_t)n - sizeof(struct virtio_net_hdr)));
		d->segments_in++;
		d->packets_in += s.packets;
		d->bytes_in += wire_bytes(&s, 0, s.packets);
		d->packets_dropped += s.packets;
	}
	return 1;
}

/* Writes what is due; returns when the next one is, UINT64_MAX for never. */
static uint64_t
direction_deliver(struct direction *d)
{
	struct record *rec;
	struct shape s;
	uint8_t *data;
	uint64_t now = now_ns();

	while ((rec = ring_first(&d->ring)) != NULL) {
		if (rec->due > now && rec->due > (now = now_ns()))
			return rec->due;
		data = (uint8_t *)(rec + 1);
		d->late_sum += now - rec->due;
		d->late_count++;
		if (now - rec->due > d->late_max)
			d->late_max = now - rec->due;
		s = packet_shape((struct virtio_net_hdr *)(void *)data,
		    data + sizeof(struct virtio_net_hdr),
		    (uint32_t)(rec->len - sizeof(struct virtio_net_hdr)));
		if (write(d->to, data, rec->len) == (ssize_t)rec->len) {
			d->packets_out += s.packets;
			d->bytes_out += wire_bytes(&s, 0, s.packets);
		} else
			d->write_errors += s.packets;
		ring_pop(&d->ring);
		if (ns_per_byte == 0)
			now = now_ns();
	}
	return UINT64_MAX;
}

/* ---- statistics ---- */

/* Packets that the sending device dropped because we did not read in time. */
static uint64_t
device_dropped(int fd)
{
	char buf[4096], *p;
	unsigned long long v[12];
	ssize_t n;

	if ((n = pread(fd, buf, sizeof(buf) - 1, 0)) <= 0)
		return 0;
	buf[n] = '\0';
	if ((p = strstr(buf, DEVICE ":")) == NULL || sscanf(p + sizeof(DEVICE),
	    "%llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu",
	    v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9,
	    v + 10, v + 11) != 12)
		return 0;
	return v[11];
}

static void
stats_print(FILE *f, const struct direction *d, size_t directions)
{
	struct rusage ru;
	size_t i;

	for (i = 0; i < directions; i++, d++)
		fprintf(f, "link: %s segments=%llu packets=%llu "
		    "bytes=%llu lost=%llu dropped=%llu dropped_at_device=%llu "
		    "write_errors=%llu delivered=%llu queue_max=%llu "
		    "late_mean_us=%.0f late_max_us=%.0f\n", d->name,
		    (unsigned long long)d->segments_in,
		    (unsigned long long)d->packets_in,
		    (unsigned long long)d->bytes_in,
		    (unsigned long long)d->packets_lost,
		    (unsigned long long)d->packets_dropped,
		    (unsigned long long)device_dropped(d->from_stats),
		    (unsigned long long)d->write_errors,
		    (unsigned long long)d->packets_out,
		    (unsigned long long)d->queue_max,
		    d->late_count ?
		    (double)d->late_sum / (double)d->late_count / 1e3 : 0,
		    (double)d->late_max / 1e3);
	getrusage(RUSAGE_SELF, &ru);
	fprintf(f, "link: cpu user=%ld.%03ld system=%ld.%03ld "
	    "maxrss_kib=%ld priority=%s queue=%llu\n",
	    (long)ru.ru_utime.tv_sec, (long)ru.ru_utime.tv_usec / 1000,
	    (long)ru.ru_stime.tv_sec, (long)ru.ru_stime.tv_usec / 1000,
	    ru.ru_maxrss, priority, (unsigned long long)set.queue);
}

/* ---- ending what runs in the namespaces ---- */

static int	guard_fd = -1;		/* its end of file wakes the guard */
static pid_t	guard_pid = -1;
static pid_t	spared[2];		/* this process and its parent */

static int
environment_has(const char *pid, const char *entry)
{
	char path[64], *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (!found && getdelim(&line, &size, '\0', f) > 0)
		found = strcmp(line, entry) == 0;
	free(line);
	fclose(f);
	return found;
}

/* Signals every process that is ours to end; returns how many there are. */
static int
reap_signal(const ino_t *netns, size_t count, int signo)
{
	char path[64], entry[128] = "";
	const char *run = getenv("LAB_RUN");
	struct dirent *e;
	struct stat st;
	size_t i;
	pid_t pid;
	DIR *dir;
	int found = 0, ours;

	if (run != NULL && *run != '\0')
		snprintf(entry, sizeof(entry), "LAB_RUN=%s", run);
	if ((dir = opendir("/proc")) == NULL)
		return 0;
	while ((e = readdir(dir)) != NULL) {
		pid = (pid_t)strtol(e->d_name, NULL, 10);
		if (pid <= 1 || pid == getpid() || pid == spared[0] ||
		    pid == spared[1])
			continue;
		ours = 0;
		snprintf(path, sizeof(path), "/proc/%.20s/ns/net", e->d_name);
		if (stat(path, &st) == 0)
			for (i = 0; i < count; i++)
				ours |= st.st_ino == netns[i];
		if (!ours && entry[0] != '\0')
			ours = environment_has(e->d_name, entry);
		if (ours && kill(pid, signo) == 0)
			found++;
	}
	closedir(dir);
	return found;
}

static void
reap(const ino_t *netns, size_t count)
{
	const struct timespec pause = { 0, 10000000 };
	uint64_t until = now_ns() + REAP_GRACE_NS;
	int killed = 0;

	if (reap_signal(netns, count, SIGTERM) == 0)
		return;
	/* A stopped process cannot act on SIGTERM. */
	reap_signal(netns, count, SIGCONT);
	while (reap_signal(netns, count, 0) != 0) {
		if (now_ns() > until) {
			if (killed++) {
				warn("processes that were started on this link "
				    "do not end");
				return;
			}
			reap_signal(netns, count, SIGKILL);
			until = now_ns() + REAP_GRACE_NS;
		}
		nanosleep(&pause, NULL);
	}
}

/*
 * The guard outlives this process by a moment, whatever ends it.  It stays in
 * the user namespace we started in: from one of our own we could not look at
 * processes outside.  A session of its own keeps it from group-wide signals.
 */
static void
guard_start(void)
{
	static const int ignored[] = { SIGTERM, SIGHUP, SIGINT, SIGUSR1 };
	ino_t netns[2];
	size_t i, count = 0;
	int pipefd[2];
	char byte;

	spared[0] = getpid();
	spared[1] = getppid();
	if (pipe2(pipefd, O_CLOEXEC) != 0)
		die(1, "pipe: %s", strerror(errno));
	if ((guard_pid = fork()) < 0)
		die(1, "fork: %s", strerror(errno));
	if (guard_pid != 0) {
		close(pipefd[0]);
		guard_fd = pipefd[1];
		return;
	}
	close(pipefd[1]);
	setsid();
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	if (read(pipefd[0], netns, sizeof(netns)) == sizeof(netns)) {
		count = 2;
		while (read(pipefd[0], &byte, 1) > 0)
			;
	}
	reap(netns, count);
	_exit(0);
}

static void
guard_finish(void)
{
	close(guard_fd);
	while (waitpid(guard_pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* ---- the two namespaces ---- */

static int
file_write(const char *path, const char *text)
{
	int fd, saved;
	ssize_t n;

	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return -1;
	n = write(fd, text, strlen(text));
	saved = errno;
	close(fd);
	errno = saved;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/*
 * Becomes the owner of a new network namespace, through a user namespace
 * that maps this user to itself where that is needed.  Returns whether it was.
 */
static int
namespace_first(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (errno != EPERM)
		die(EXIT_SKIP, "no network namespace: %s", strerror(errno));
	if (unshare(CLONE_NEWUSER) != 0)
		die(EXIT_SKIP, "no network namespace without privileges, and "
		    "no user namespace: %s", strerror(errno));
	(void)file_write("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%lu %lu 1\n", (unsigned long)uid,
	    (unsigned long)uid);
	if (file_write("/proc/self/uid_map", map) != 0)
		die(EXIT_SKIP, "/proc/self/uid_map: %s", strerror(errno));
	snprintf(map, sizeof(map), "%lu %lu 1\n", (unsigned long)gid,
	    (unsigned long)gid);
	if (file_write("/proc/self/gid_map", map) != 0)
		die(EXIT_SKIP, "/proc/self/gid_map: %s", strerror(errno));
	if (unshare(CLONE_NEWNET) != 0)
		die(EXIT_SKIP, "no network namespace in a user namespace: %s",
		    strerror(errno));
	/* Or this user's nsenter may not look at our descriptors. */
	prctl(PR_SET_DUMPABLE, 1);
	return 1;
}

static int
sysctl_set(const char *name, const char *value)
{
	char path[PATH_MAX], *p;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	for (p = path + strlen("/proc/sys/"); *p != '\0'; p++)
		if (*p == '.')
			*p = '/';
	return file_write(path, value);
}

/* For what a link can do without: says what that means, once. */
static void
sysctl_try(const char *name, const char *value, const char *consequence)
{
	static const char *last;

	if (sysctl_set(name, value) == 0 || last == consequence)
		return;
	last = consequence;
	warn("cannot set %s to \"%s\" inside the namespaces (%s); %s", name,
	    value, strerror(errno), consequence);
}

static void
device_address(int s, unsigned long request, const char *what,
    const char *address)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in sin = { .sin_family = AF_INET };

	strcpy(ifr.ifr_name, DEVICE);
	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		die(1, "bad %s %s", what, address);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	if (ioctl(s, request, &ifr) != 0)
		die(1, "setting %s of %s: %s", what, DEVICE, strerror(errno));
}

static void
device_up(int s, const char *device)
{
	struct ifreq ifr = { 0 };

	strcpy(ifr.ifr_name, device);
	if (ioctl(s, SIOCGIFFLAGS, &ifr) != 0)
		die(1, "flags of %s: %s", device, strerror(errno));
	ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) != 0)
		die(1, "cannot bring %s up: %s", device, strerror(errno));
}

/* SIOCSIFTXQLEN is refused in a user namespace; rtnetlink(7) is not. */
static void
device_queue(void)
{
	struct {
		struct nlmsghdr	 header;
		struct ifinfomsg link;
		struct rtattr	 attribute;
		uint32_t	 length;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK
		},
		.link = { .ifi_index = (int)if_nametoindex(DEVICE) },
		.attribute = {
			.rta_len = RTA_LENGTH(sizeof(request.length)),
			.rta_type = IFLA_TXQLEN
		},
		.length = DEVICE_BACKLOG
	};
	struct {
		struct nlmsghdr	 header;
		struct nlmsgerr	 error;
		uint8_t		 more[256];
	} reply = { 0 };
	int s;

	if ((s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_ROUTE)) < 0 ||
	    send(s, &request, sizeof(request), 0) < 0 ||
	    recv(s, &reply, sizeof(reply), 0) < 0)
		die(1, "rtnetlink: %s", strerror(errno));
	if (reply.header.nlmsg_type == NLMSG_ERROR && reply.error.error != 0)
		die(1, "length of the device's queue: %s",
		    strerror(-reply.error.error));
	close(s);
}

/* In the namespace this process is in: the TUN device, TCP's settings, lo. */
static int
namespace_setup(const char *address)
{
	static const char slow[] = "TCP's buffers may limit the rate";
	struct ifreq ifr = { 0 };
	char value[128];
	int s, fd;

	if ((fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		die(EXIT_SKIP, "/dev/net/tun: %s", strerror(errno));
	strcpy(ifr.ifr_name, DEVICE);
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &ifr) != 0)
		die(EXIT_SKIP, "no TUN device: %s", strerror(errno));
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 |
	    TUN_F_TSO_ECN) != 0)
		die(1, "segmentation offload: %s", strerror(errno));

	if ((s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		die(1, "socket: %s", strerror(errno));
	device_up(s, "lo");
	ifr.ifr_mtu = (int)set.mtu;
	if (ioctl(s, SIOCSIFMTU, &ifr) != 0)
		die(1, "MTU %u: %s", set.mtu, strerror(errno));
	device_queue();
	device_address(s, SIOCSIFADDR, "address", address);
	device_address(s, SIOCSIFNETMASK, "netmask", NETMASK);
	device_up(s, DEVICE);
	close(s);

	/* The kernel's own minimum and initial sizes, a maximum that fits. */
	snprintf(value, sizeof(value), "4096 131072 %llu",
	    (unsigned long long)set.tcp_max);
	sysctl_try("net.ipv4.tcp_rmem", value, slow);
	snprintf(value, sizeof(value), "4096 16384 %llu",
	    (unsigned long long)set.tcp_max);
	sysctl_try("net.ipv4.tcp_wmem", value, slow);
	/* Else a connection starts with what an earlier one learned. */
	sysctl_try("net.ipv4.tcp_no_metrics_save", "1",
	    "repeated measurements influence one another");
	if (set.cc != NULL &&
	    sysctl_set("net.ipv4.tcp_congestion_control", set.cc) != 0)
		die(1, "--cc %s: %s; use one that "
		    "net.ipv4.tcp_allowed_congestion_control lists", set.cc,
		    errno == EPERM || errno == EIO ?
		    "not permitted in a namespace" : strerror(errno));
	return fd;
}

static int
namespace_fd(ino_t *inode)
{
	struct stat st;
	int fd;

	if ((fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0 ||
	    fstat(fd, &st) != 0)
		die(1, "/proc/self/ns/net: %s", strerror(errno));
	*inode = st.st_ino;
	return fd;
}

static int
namespace_stats(void)
{
	return open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
}

/* tcp_mem belongs to the machine: not ours to change, but ours to mention. */
static void
tcp_memory_check(uint64_t need)
{
	unsigned long long low, pressure, high;
	FILE *f;

	if ((f = fopen("/proc/sys/net/ipv4/tcp_mem", "re")) == NULL)
		return;
	if (fscanf(f, "%llu %llu %llu", &low, &pressure, &high) == 3 &&
	    pressure * (uint64_t)sysconf(_SC_PAGESIZE) < need)
		warn("net.ipv4.tcp_mem of this machine (%llu MiB before TCP "
		    "saves memory) is small for this link, which holds up to "
		    "%llu MiB; TCP may be slower than the link",
		    pressure * (unsigned long long)sysconf(_SC_PAGESIZE) / MIB,
		    (unsigned long long)(need / MIB));
	fclose(f);
}

/* ---- main ---- */

static void
on_exit_signal(int signo)
{
	(void)signo;
	want_exit = 1;
}

static void
on_stats_signal(int signo)
{
	(void)signo;
	want_stats = 1;
}

/* Signals are delivered only inside ppoll(2), which gets the old mask. */
static sigset_t
signals_setup(void)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT };
	struct sigaction sa = { 0 }, old;
	sigset_t blocked, unblocked;
	size_t i;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sa.sa_handler = on_stats_signal;
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_handler = on_exit_signal;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		/* A parent that has us ignore the keyboard means it. */
		sigaction(ends[i], NULL, &old);
		if (old.sa_handler == SIG_IGN)
			continue;
		sigaction(ends[i], &sa, NULL);
		sigaddset(&blocked, ends[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigdelset(&unblocked, ends[i]);
	sigdelset(&unblocked, SIGUSR1);
	return unblocked;
}

/*
 * The wire must not be late because the ends are busy.  With a rate limit our
 * share of a CPU is bounded, so we may go before everybody else.
 */
static void
priority_raise(void)
{
	struct sched_param param = { .sched_priority = 1 };

	prctl(PR_SET_TIMERSLACK, 5000UL);
	if (ns_per_byte > 0 && sched_setscheduler(0,
	    SCHED_RR | SCHED_RESET_ON_FORK, &param) == 0)
		priority = "realtime";
	else if (setpriority(PRIO_PROCESS, 0, -10) == 0)
		priority = "nice-10";
}

static void
carry(struct direction *d, const sigset_t *unblocked)
{
	struct pollfd pfd[2];
	struct timespec ts;
	uint64_t next, due, now;
	int i, more;

	for (;;) {
		more = 0;
		next = UINT64_MAX;
		for (i = 0; i < 2; i++)
			more |= direction_read(&d[i]);
		for (i = 0; i < 2; i++)
			if ((due = direction_deliver(&d[i])) < next)
				next = due;
		now = more ? next : now_ns();
		due = next > now ? next - now : 0;
		ts.tv_sec = (time_t)(due / NS_PER_S);
		ts.tv_nsec = (long)(due % NS_PER_S);
		for (i = 0; i < 2; i++) {
			pfd[i].fd = d[i].from;
			pfd[i].events = POLLIN;
		}
		if (ppoll(pfd, 2, !more && next == UINT64_MAX ? NULL : &ts,
		    unblocked) < 0 && errno != EINTR)
			die(1, "ppoll: %s", strerror(errno));
		if (want_stats) {
			want_stats = 0;
			stats_print(stderr, d, 2);
		}
		if (want_exit)
			return;
	}
}

static void
wire_setup(struct direction *d, uint64_t bdp)
{
	size_t capacity;
	uint64_t i;

	/*
	 * What is on the wire, what waits for it, and half as much for the
	 * overhead of small packets.  Without a rate limit only memory limits
	 * what a delay can hold.
	 */
	if (ns_per_byte > 0)
		capacity = (size_t)(bdp / 2 + set.queue) * 3 / 2 + 4 * MIB;
	else
		capacity = (delay_ns == 0 ? 16 : 512) * MIB;
	for (i = 0; i < 2; i++) {
		d[i].random = set.seed * 2 + i;
		ring_init(&d[i].ring, capacity);
	}
	tcp_memory_check(2 * (bdp + set.queue));
}

static void
usage(void)
{
	fputs("usage: link [--rtt MS] [--rate MBIT] [--loss P] "
	    "[--queue BYTES] [--seed N]\n"
	    "            [--mtu N] [--cc NAME] [--tcp-max BYTES] "
	    "[--stats FILE]\n"
	    "       link --loopback\n"
	    "       link --check\n", stderr);
	exit(EXIT_USAGE);
}

static double
number(const char *option, const char *text, double min, double max)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0 ||
	    !(v >= min && v <= max))
		die(EXIT_USAGE, "--%s %s: give a number from %g to %g",
		    option, text, min, max);
	return v;
}

static uint64_t
size(const char *option, const char *text, uint64_t min, uint64_t max)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	char *end;
	double v, scale = 1;

	errno = 0;
	v = strtod(text, &end);
	if (*end != '\0' && end[1] == '\0' &&
	    (suffix = strchr(suffixes, *end & ~0x20)) != NULL) {
		for (; suffix >= suffixes; suffix--)
			scale *= 1024;
		end++;
	}
	v *= scale;
	if (end == text || *end != '\0' || errno != 0 ||
	    !(v >= (double)min && v <= (double)max))
		die(EXIT_USAGE, "--%s %s: give a size from %llu to %llu bytes "
		    "(K, M, G understood)", option, text,
		    (unsigned long long)min, (unsigned long long)max);
	return (uint64_t)v;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rtt", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ "loss", required_argument, NULL, 'l' },
		{ "policer", required_argument, NULL, 'p' },
		{ "queue", required_argument, NULL, 'Q' },
		{ "seed", required_argument, NULL, 's' },
		{ "mtu", required_argument, NULL, 'm' },
		{ "cc", required_argument, NULL, 'c' },
		{ "tcp-max", required_argument, NULL, 'b' },
		{ "stats", required_argument, NULL, 'S' },
		{ "check", no_argument, NULL, 'C' },
		{ "loopback", no_argument, NULL, 'L' },
		{ NULL, 0, NULL, 0 }
	};
	struct direction d[2] = { { .name = "A>B" }, { .name = "B>A" } };
	ino_t inode[2] = { 0, 0 };	/* 0: no namespace */
	sigset_t unblocked;
	pid_t parent = getppid();
	uint64_t bdp;
	FILE *stats = NULL;
	int ch, user = 0, ns[2] = { -1, -1 }, check = 0, loopback = 0;

	while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (ch) {
		case 't':
			set.rtt_ms = number("rtt", optarg, 0, 10000);
			break;
		case 'r':
			set.rate_mbit = number("rate", optarg, 0, 100000);
			if (set.rate_mbit > 0 && set.rate_mbit < 0.01)
				die(EXIT_USAGE, "--rate %s: at least 0.01",
				    optarg);
			break;
		case 'l':
			set.loss = number("loss", optarg, 0, 1);
			break;
		case 'p':
			set.policer_mbit = number("policer", optarg, 0, 100000);
			break;
		case 'Q':
			set.queue = size("queue", optarg, 1500, 4096 * MIB);
			break;
		case 's':
			set.seed = (uint64_t)number("seed", optarg, 0, 1e15);
			break;
		case 'm':
			set.mtu = (unsigned)number("mtu", optarg, 576, 65535);
			break;
		case 'c':
			set.cc = optarg;
			break;
		case 'b':
			set.tcp_max = size("tcp-max", optarg, 131072,
			    1024 * MIB);
			break;
		case 'S':
			if (strcmp(optarg, "-") == 0)
				stats = stderr;
			else if ((stats = fopen(optarg, "we")) == NULL)
				die(1, "--stats %s: %s", optarg,
				    strerror(errno));
			break;
		case 'C':
			check = 1;
			break;
		case 'L':
			loopback = 1;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();

	delay_ns = (uint64_t)(set.rtt_ms * 1e6 / 2);
	packets_per_quantum = UINT32_MAX;
	if (set.rate_mbit > 0) {
		ns_per_byte = 8000 / set.rate_mbit;
		packets_per_quantum = (uint32_t)((double)QUANTUM_NS /
		    ns_per_byte / set.mtu);
		if (packets_per_quantum == 0)
			packets_per_quantum = 1;
	}
	loss_threshold = set.loss >= 1 ? UINT64_MAX :
	    (uint64_t)(set.loss * 0x1p64);
	policer_per_ns = set.policer_mbit / 8000;
	bdp = (uint64_t)(set.rate_mbit * 1e6 / 8 * set.rtt_ms / 1e3);
	if (set.queue == 0)
		set.queue = bdp > MIB ? bdp : MIB;
	else if (set.queue < set.mtu)
		die(EXIT_USAGE, "--queue is smaller than one packet (--mtu)");

	if (!check)
		guard_start();
	if (!loopback) {
		user = namespace_first();
		d[0].from = d[1].to = namespace_setup("10.213.0.1");
		ns[0] = namespace_fd(&inode[0]);
		d[0].from_stats = namespace_stats();
		if (unshare(CLONE_NEWNET) != 0)
			die(EXIT_SKIP, "no second network namespace: %s",
			    strerror(errno));
		d[1].from = d[0].to = namespace_setup("10.213.0.2");
		ns[1] = namespace_fd(&inode[1]);
		d[1].from_stats = namespace_stats();
	}
	if (check)
		return 0;
	if (write(guard_fd, inode, sizeof(inode)) != sizeof(inode))
		die(1, "the guard is gone: %s", strerror(errno));

	if (!loopback)
		wire_setup(d, bdp);

	unblocked = signals_setup();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		want_exit = 1;		/* it died before we asked to be told */
	printf("ready %ld %d %d %s\n", (long)getpid(), ns[0], ns[1],
	    user ? "user" : "root");
	if (fflush(stdout) != 0)
		want_exit = 1;
	if (loopback)
		while (!want_exit)
			sigsuspend(&unblocked);
	priority_raise();
	if (!want_exit)
		carry(d, &unblocked);
	guard_finish();
	if (stats != NULL && !loopback) {
		stats_print(stats, d, 2);
		if (fflush(stats) != 0)
			die(1, "writing statistics: %s", strerror(errno));
	}
	return 0;
}
