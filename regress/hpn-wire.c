/* SPDX-License-Identifier: ISC */
/*
 * hpn-wire: read every byte that one end of an SSH connection sent, as caught
 * on the way, and say which of them anybody can read.
 *
 * usage: hpn-wire [-d file] [-e] [-m length] [-n file] ... capture
 *
 *   -d file     write the data of channels that are in the clear there
 *   -e          the MAC of the clear part is encrypt-then-MAC: the padding does
 *               not count the length (PROTOCOL of OpenSSH, section 1.6)
 *   -m length   bytes of its MAC (default 0)
 *   -n file     how often these bytes appear in the capture, wherever
 *
 * Prints lines of a word and values:
 *	kex TYPE ...	the packets up to the first SSH_MSG_NEWKEYS
 *	sealed N	bytes after that which are no packets in the clear
 *	clear N PACKETS	bytes of the clear part, from where packets follow each
 *			other without a gap to the end; 0 if there is none
 *	types TYPE=COUNT ...	what they are
 *	needle FILE N
 *
 * A packet in the clear has a length, padding and a type that make sense,
 * padding of zeroes, and another such packet or the end after it and its MAC.
 * Exit status: 0, or 1 if this is no SSH connection.
 */

#include <sys/types.h>
#include <sys/stat.h>

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACKET_MAX	(256 * 1024)
#define NEWKEYS		21
#define CHANNEL_DATA	94
#define CHANNEL_EXTENDED_DATA	95

static uint32_t
get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static unsigned char *
slurp(const char *file, size_t *lenp)
{
	struct stat st;
	unsigned char *p;
	size_t at = 0;
	ssize_t n;
	int fd;

	if ((fd = open(file, O_RDONLY)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", file);
	*lenp = (size_t)st.st_size;
	if ((p = malloc(*lenp + 1)) == NULL)
		errx(1, "no memory for %s", file);
	while (at < *lenp && (n = read(fd, p + at, *lenp - at)) > 0)
		at += (size_t)n;
	if (at < *lenp)
		errx(1, "cannot read %s", file);
	close(fd);
	return p;
}

static int
known(int type)
{
	return (type >= 1 && type <= 7) || type == 20 || type == NEWKEYS ||
	    (type >= 30 && type <= 41) || (type >= 50 && type <= 80) ||
	    type == 81 || type == 82 || (type >= 90 && type <= 100) ||
	    type == 192 || type == 193;
}

/* The length of the packet at p of len bytes, without MAC; 0: is none. */
static size_t
packet(const unsigned char *p, size_t len, int etm)
{
	size_t n, pad, i;

	if (len < 12)
		return 0;
	n = get_u32(p);
	pad = p[4];
	if (n < 8 || n > PACKET_MAX || n + 4 > len || pad < 4 || pad + 2 > n ||
	    (etm ? n : n + 4) % 8 != 0 || !known(p[5]))
		return 0;
	for (i = 0; i < pad; i++) {
		if (p[4 + n - 1 - i] != 0)
			return 0;
	}
	return n + 4;
}

static size_t
count(const unsigned char *p, size_t len, const char *file)
{
	size_t needle_len, i, n = 0;
	unsigned char *needle = slurp(file, &needle_len);

	if (needle_len == 0)
		errx(1, "%s is empty", file);
	for (i = 0; i + needle_len <= len; i++) {
		if (p[i] == needle[0] &&
		    memcmp(p + i, needle, needle_len) == 0)
			n++;
	}
	free(needle);
	return n;
}

int
main(int argc, char **argv)
{
	const char *needles[16], *data_file = NULL;
	unsigned char *p, *follows;
	size_t len, at, n, mac = 0, begin, skip, packets = 0, types[256];
	int ch, i, nneedles = 0, etm = 0, last = 0;
	FILE *data = NULL;

	while ((ch = getopt(argc, argv, "d:em:n:")) != -1) {
		switch (ch) {
		case 'd':
			data_file = optarg;
			break;
		case 'e':
			etm = 1;
			break;
		case 'm':
			mac = (size_t)atoi(optarg);
			break;
		case 'n':
			if (nneedles == 16)
				errx(1, "too many -n");
			needles[nneedles++] = optarg;
			break;
		default:
			return 1;
		}
	}
	if (argc - optind != 1)
		errx(1, "which capture?");
	p = slurp(argv[optind], &len);
	memset(types, 0, sizeof(types));

	/* The banner, and the first exchange */
	if (len < 4 || memcmp(p, "SSH-", 4) != 0)
		errx(1, "does not begin with SSH-");
	for (at = 0; at < len && p[at] != '\n'; at++)
		;
	at++;
	printf("kex");
	while (at < len && last != NEWKEYS) {
		if ((n = packet(p + at, len - at, 0)) == 0)
			errx(1, "no packet at %zu, before NEWKEYS", at);
		last = p[at + 5];
		printf(" %d", last);
		at += n;
	}
	printf("\n");
	begin = at;

	/* From the end backwards: where does an unbroken chain begin? */
	if (len < begin || (follows = calloc(1, len + 1)) == NULL)
		errx(1, "no memory");
	follows[len] = 1;
	for (at = len; at-- > begin;) {
		n = packet(p + at, len - at, etm);
		if (n != 0 && at + n + mac <= len && follows[at + n + mac])
			follows[at] = 1;
	}
	for (at = begin; at < len && !follows[at]; at++)
		;
	printf("sealed %zu\n", at - begin);
	begin = at;
	if (data_file != NULL && (data = fopen(data_file, "w")) == NULL)
		err(1, "%s", data_file);
	while (at < len) {
		n = packet(p + at, len - at, etm);
		packets++;
		types[p[at + 5]]++;
		skip = p[at + 5] == CHANNEL_DATA ? 6 + 8 :
		    p[at + 5] == CHANNEL_EXTENDED_DATA ? 6 + 12 : 0;
		if (data != NULL && skip != 0 && n > skip + p[at + 4] &&
		    fwrite(p + at + skip, n - skip - p[at + 4], 1, data) != 1)
			err(1, "%s", data_file);
		at += n + mac;
	}
	printf("clear %zu %zu\n", len - begin, packets);
	printf("types");
	for (i = 0; i < 256; i++) {
		if (types[i] != 0)
			printf(" %d=%zu", i, types[i]);
	}
	printf("\n");
	for (i = 0; i < nneedles; i++)
		printf("needle %s %zu\n", needles[i],
		    count(p, len, needles[i]));
	if (data != NULL && fclose(data) != 0)
		err(1, "%s", data_file);
	return 0;
}
