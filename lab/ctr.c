/* SPDX-License-Identifier: ISC */
/*
 * ctr - what the AES-CTR keystream ring (src/cipher-ctr-mt.c) gains and costs
 * beside plain EVP, without sockets.  Compares every ring run with EVP's
 * output, by a sum over it.
 *
 * usage: ctr [-k BITS] [-m MIB] [-q QUEUE_KIB] [-n QUEUES] [-r REPEATS]
 *            [-s SIZES] [-t THREADS] [-w NS_PER_KIB]
 *
 * -k	128, 192 or 256 (default: all three)
 * -m	how much to encrypt in each run, in MiB (default 512)
 * -q, -n	size of a queue and number of queues (default: the ring's own)
 * -r	runs of each; the one with the best rate counts (default 3)
 * -s	packet sizes in bytes, comma-separated
 *	(default 64,256,1024,8192,32768,262144)
 * -t	most threads (default: CPUs, at least 2)
 * -w	other work of the main thread, nanoseconds for each KiB (default 0):
 *	what a connection does with MAC, copies and sockets
 *
 * Output: tab-separated, a heading line, then a line a combination:
 *	bits packet threads MB/s main_ns/KiB all_ns/KiB ring%
 * threads `evp` is EVP as stock calls it, 0 the ring's module without threads;
 * `auto` on the last line of a key size is what cipher_ctr_mt_worthwhile()
 * says. main and all: CPU time of the main thread and of all of them, without
 * -w's share; ring%: bytes that workers made.
 *
 * Build (TREE a fork tree, OBJ its object folder, both from `make build`):
 *	cc -O2 -DHAVE_CONFIG_H -D_GNU_SOURCE -IOBJ -ITREE -o ctr lab/ctr.c \
 *	    OBJ/libssh.a OBJ/openbsd-compat/libopenbsd-compat.a \
 *	    OBJ/libssh.a -lcrypto -lz -lmd -pthread
 * Exit: 0; 1 an error or output that differs; 2 usage.
 */

#include "includes.h"

#include <sys/types.h>

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cipher-ctr-mt.h"
#include "ssherr.h"

#define BYTES_MAX	(256 * 1024)
#define PLAIN		(-1)		/* threads: EVP without the module */

struct result {
	double seconds, main_s, all_s;
	double ring;		/* share */
	uint64_t sum;
};

static uint64_t work_ns_per_kib;

static double
now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) != 0)
		err(1, "clock_gettime");
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Burn `ns` without touching memory. */
static void
other_work(double ns)
{
	double until = now(CLOCK_MONOTONIC) + ns / 1e9;

	while (now(CLOCK_MONOTONIC) < until)
		;
}

static uint64_t
sum_of(const u_char *p, size_t len)
{
	uint64_t word, sum = 0;
	size_t i;

	/* One word a packet and its last byte: cheap, and all positions count
	 * over the many packets */
	for (i = 0; i + sizeof(word) <= len; i += len / 2 + sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum += word;
	}
	return sum * 31 + p[len - 1];
}

static struct result
once(u_int bits, size_t packet, uint64_t total, int threads)
{
	static u_char src[BYTES_MAX], dest[BYTES_MAX];
	static const u_char key[32] = "a key of thirty-two bytes, or so";
	static const u_char iv[16] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff";
	struct cipher_ctr_mt_stats stats;
	struct cipher_ctr_mt *ring = NULL;
	struct result res;
	EVP_CIPHER_CTX *evp = NULL;
	const EVP_CIPHER *type = bits == 128 ? EVP_aes_128_ctr() :
	    bits == 192 ? EVP_aes_192_ctr() : EVP_aes_256_ctr();
	uint64_t done;
	double owed = 0;
	int r;

	memset(&res, 0, sizeof(res));
	memset(src, 'x', sizeof(src));
	if (threads == PLAIN) {
		if ((evp = EVP_CIPHER_CTX_new()) == NULL ||
		    EVP_EncryptInit_ex(evp, type, NULL, key, iv) != 1)
			errx(1, "libcrypto has no AES-CTR of %u bits", bits);
	} else {
		cipher_ctr_mt_allow(threads);
		if ((r = cipher_ctr_mt_new(&ring, key, bits / 8, iv,
		    CIPHER_CTR_MT_AUTO)) != 0)
			errx(1, "cipher_ctr_mt_new: %s", ssh_err(r));
	}
	res.seconds = now(CLOCK_MONOTONIC);
	res.main_s = now(CLOCK_THREAD_CPUTIME_ID);
	res.all_s = now(CLOCK_PROCESS_CPUTIME_ID);
	for (done = 0; done < total; done += packet) {
		if (threads == PLAIN) {
			/* As cipher.c does it */
			if (EVP_Cipher(evp, dest, src, packet) < 0)
				errx(1, "EVP_Cipher failed");
		} else if ((r = cipher_ctr_mt_crypt(ring, dest, src,
		    packet)) != 0)
			errx(1, "cipher_ctr_mt_crypt: %s", ssh_err(r));
		res.sum = res.sum * 31 + sum_of(dest, packet);
		if (work_ns_per_kib != 0) {
			owed += (double)work_ns_per_kib * packet / 1024;
			if (owed > 2000) {
				other_work(owed);
				owed = 0;
			}
		}
	}
	res.seconds = now(CLOCK_MONOTONIC) - res.seconds;
	res.main_s = now(CLOCK_THREAD_CPUTIME_ID) - res.main_s;
	res.all_s = now(CLOCK_PROCESS_CPUTIME_ID) - res.all_s;
	if (ring != NULL) {
		cipher_ctr_mt_get_stats(ring, &stats);
		res.ring = (double)stats.ring / (stats.ring + stats.serial);
		if (stats.threads != threads)
			warnx("only %d of %d threads", stats.threads, threads);
	}
	cipher_ctr_mt_free(ring);
	EVP_CIPHER_CTX_free(evp);
	return res;
}

static long
number(const char *s, long least, long most)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (end == s || *end != '\0' || n < least || n > most) {
		fprintf(stderr, "ctr: %s: give a number from %ld to %ld\n", s,
		    least, most);
		exit(2);
	}
	return n;
}

int
main(int argc, char **argv)
{
	static const u_int all_bits[] = { 128, 192, 256 };
	const char *sizes = "64,256,1024,8192,32768,262144";
	struct cipher_ctr_mt_tune tune;
	struct result res, best;
	uint64_t sum = 0, total = 512ULL << 20;
	double kib, work;
	size_t packet, ki;
	long most = sysconf(_SC_NPROCESSORS_ONLN), repeats = 3;
	u_int only = 0;
	char *list, *next, *s, name[16];
	int ch, t, i;

	memset(&tune, 0, sizeof(tune));
	memset(&best, 0, sizeof(best));
	if (most < 2)
		most = 2;
	if (most > CIPHER_CTR_MT_MAX)
		most = CIPHER_CTR_MT_MAX;
	while ((ch = getopt(argc, argv, "k:m:n:q:r:s:t:w:")) != -1) {
		switch (ch) {
		case 'k':
			only = number(optarg, 128, 256);
			if (only % 64 != 0) {
				fprintf(stderr, "ctr: -k 128, 192 or 256\n");
				return 2;
			}
			break;
		case 'm':
			total = (uint64_t)number(optarg, 1, 1 << 20) << 20;
			break;
		case 'n':
			tune.queues = number(optarg, 2, 4096);
			break;
		case 'q':
			tune.queue_bytes = number(optarg, 1, 1024) * 1024;
			break;
		case 'r':
			repeats = number(optarg, 1, 1000);
			break;
		case 's':
			sizes = optarg;
			break;
		case 't':
			most = number(optarg, 0, CIPHER_CTR_MT_MAX);
			break;
		case 'w':
			work_ns_per_kib = number(optarg, 0, 1000000);
			break;
		default:
			optind = argc + 1;
			break;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "usage: ctr [-k BITS] [-m MIB] [-q QUEUE_KIB] "
		    "[-n QUEUES] [-r REPEATS]\n           [-s SIZES] "
		    "[-t THREADS] [-w NS_PER_KIB]\n");
		return 2;
	}
	cipher_ctr_mt_set_tune(&tune);
	printf("bits\tpacket\tthreads\tMB/s\tmain_ns/KiB\tall_ns/KiB\tring%%\n");
	for (ki = 0; ki < sizeof(all_bits) / sizeof(all_bits[0]); ki++) {
		if (only != 0 && only != all_bits[ki])
			continue;
		if ((list = next = strdup(sizes)) == NULL)
			err(1, "strdup");
		while ((s = strsep(&next, ",")) != NULL) {
			packet = number(s, 1, BYTES_MAX);
			for (t = PLAIN; t <= most; t++) {
				for (i = 0; i < repeats; i++) {
					res = once(all_bits[ki], packet, total,
					    t);
					if (i == 0 ||
					    res.seconds < best.seconds)
						best = res;
					if (t == PLAIN)
						sum = res.sum;
					else if (res.sum != sum)
						errx(1, "%u bits, %zu bytes, "
						    "%d threads: the output is "
						    "not EVP's", all_bits[ki],
						    packet, t);
				}
				kib = ((total + packet - 1) / packet) *
				    (double)packet / 1024;
				work = work_ns_per_kib * kib / 1e9;
				if (t == PLAIN)
					snprintf(name, sizeof(name), "evp");
				else
					snprintf(name, sizeof(name), "%d", t);
				printf("%u\t%zu\t%s\t%.0f\t%.1f\t%.1f\t%.1f\n",
				    all_bits[ki], packet, name,
				    kib * 1024 / best.seconds / 1e6,
				    (best.main_s - work) / kib * 1e9,
				    (best.all_s - work) / kib * 1e9,
				    best.ring * 100);
				fflush(stdout);
			}
		}
		free(list);
		printf("%u\t-\tauto\t%d\n", all_bits[ki],
		    cipher_ctr_mt_worthwhile(all_bits[ki] / 8));
	}
	return 0;
}
