/* SPDX-License-Identifier: ISC */
/*
 * floor - a pipe carried over TCP in sealed records and nothing else: what
 * the transfer costs before there is any protocol.  The yardstick for the
 * packet path; packet.sh measures it beside ssh.
 *
 * usage: floor send    -k KEYFILE [-c CIPHER] [-b RECORDS] -C|-L HOST:PORT
 *        floor receive -k KEYFILE [-c CIPHER] [-b RECORDS] -C|-L HOST:PORT
 *        floor --help
 *
 * send		standard input -> records -> TCP
 * receive	TCP -> records, each checked -> standard output
 *
 * -k	32 random bytes or more that both sides have, as made by
 *	head -c 32 /dev/urandom; -k - reads them from descriptor 3
 * -c	aes128-gcm (default), aes256-gcm, chacha20-poly1305, none
 * -b	records of 32 KiB, at most, for each read and each write (16)
 * -C	connect; -L listen, print "listening" on standard error, take one
 *
 * One thread a side.  Pipes at standard input and output are made 1 MiB.
 * The stream is 32 random bytes, from which and the key the cipher's key is
 * derived, so that a key file can serve more than once; then records:
 *	4 bytes		length of the data, network order; authenticated
 *	length bytes	data, sealed; at most 32768
 *	16 bytes	tag (none has no tag)
 * The nonce counts records.  A record without data is the end: a connection
 * that is cut off before is an error.
 *
 * A yardstick, no tool for private data: nobody is authenticated but by the
 * key, and a whole stream can be played again to another receiver.
 *
 * Needs libcrypto: cc -O2 -o floor floor.c -lcrypto
 *
 * Exit: 0; 1 an error, or data that are forged or cut off; 2 usage.
 */

#define _GNU_SOURCE
#include <sys/random.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define DATA_MAX	32768
#define HEAD_LEN	4
#define TAG_LEN		16
#define NONCE_LEN	12
#define SALT_LEN	32
#define KEY_MIN		32
#define KEY_MAX		1024
#define RECORDS_MAX	1024
#define PIPE_BYTES	(1024 * 1024)

struct sealer {
	EVP_CIPHER_CTX	*ctx;		/* NULL: none */
	size_t		 tag_len;
	uint64_t	 records;
};

static void
usage(FILE *f, int status)
{
	fprintf(f,
	    "usage: floor send|receive -k KEYFILE [-c CIPHER] [-b RECORDS] "
	    "-C|-L HOST:PORT\n"
	    "send: standard input to TCP; receive: TCP to standard output\n"
	    "  -k  at least %d random bytes that both sides have; -: "
	    "descriptor 3\n"
	    "  -c  aes128-gcm (default), aes256-gcm, chacha20-poly1305, none\n"
	    "  -b  32 KiB records for each read and write, 1 to %d (16)\n"
	    "  -C  connect; -L  listen, take one connection\n",
	    KEY_MIN, RECORDS_MAX);
	exit(status);
}

static void
write_all(int fd, const uint8_t *p, size_t len, const char *to)
{
	ssize_t n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			err(1, "cannot write to %s", to);
		}
		p += n;
		len -= (size_t)n;
	}
}

/* Some bytes, 0 at the end. */
static size_t
read_some(int fd, uint8_t *p, size_t room, const char *from)
{
	ssize_t n;

	while ((n = read(fd, p, room)) == -1) {
		if (errno != EINTR)
			err(1, "cannot read from %s", from);
	}
	return (size_t)n;
}

static size_t
read_key(const char *path, uint8_t *key)
{
	size_t len = 0, n;
	int fd = 3;

	if (strcmp(path, "-") != 0 &&
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		err(1, "cannot open the key file %s", path);
	while (len < KEY_MAX &&
	    (n = read_some(fd, key + len, KEY_MAX - len, "the key file")) > 0)
		len += n;
	close(fd);
	if (len < KEY_MIN)
		errx(1, "the key file %s has %zu bytes, not %d or more; make "
		    "one: head -c %d /dev/urandom >%s", path, len, KEY_MIN,
		    KEY_MIN, path);
	return len;
}

/* Returns whether name is a cipher of ours; *cipher is NULL for none. */
static int
cipher_by_name(const char *name, const EVP_CIPHER **cipher)
{
	if (strcmp(name, "none") == 0)
		*cipher = NULL;
	else if (strcmp(name, "aes128-gcm") == 0)
		*cipher = EVP_aes_128_gcm();
	else if (strcmp(name, "aes256-gcm") == 0)
		*cipher = EVP_aes_256_gcm();
	else if (strcmp(name, "chacha20-poly1305") == 0)
		*cipher = EVP_chacha20_poly1305();
	else
		return 0;
	return 1;
}

static void
sealer_init(struct sealer *s, const EVP_CIPHER *cipher, uint8_t *key,
    size_t key_len, const uint8_t *salt, int sealing)
{
	uint8_t derived[EVP_MAX_MD_SIZE];
	unsigned int len;

	s->records = 0;
	s->tag_len = 0;
	s->ctx = NULL;
	if (cipher == NULL)
		return;
	s->tag_len = TAG_LEN;
	if (HMAC(EVP_sha256(), key, (int)key_len, salt, SALT_LEN, derived,
	    &len) == NULL || (int)len < EVP_CIPHER_key_length(cipher) ||
	    (s->ctx = EVP_CIPHER_CTX_new()) == NULL ||
	    EVP_CipherInit_ex(s->ctx, cipher, NULL, NULL, NULL,
	    sealing) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_IVLEN, NONCE_LEN,
	    NULL) != 1 ||
	    EVP_CipherInit_ex(s->ctx, NULL, NULL, derived, NULL, sealing) != 1)
		errx(1, "libcrypto refuses the cipher");
	OPENSSL_cleanse(derived, sizeof(derived));
	OPENSSL_cleanse(key, key_len);
}

/* The next record's nonce, its header as what is authenticated only. */
static int
begin_record(struct sealer *s, const uint8_t *head, int sealing)
{
	uint8_t nonce[NONCE_LEN] = { 0 };
	uint64_t n = s->records++;
	int i, len;

	for (i = NONCE_LEN - 1; i >= NONCE_LEN - 8; i--, n >>= 8)
		nonce[i] = n & 0xff;
	return EVP_CipherInit_ex(s->ctx, NULL, NULL, NULL, nonce,
	    sealing) == 1 &&
	    EVP_CipherUpdate(s->ctx, NULL, &len, head, HEAD_LEN) == 1;
}

/* Appends a record with len bytes of data to out, returns its size. */
static size_t
seal(struct sealer *s, uint8_t *out, const uint8_t *data, size_t len)
{
	uint32_t head = htonl((uint32_t)len);
	uint8_t *body = out + HEAD_LEN;
	int n, rest;

	memcpy(out, &head, HEAD_LEN);
	if (s->ctx == NULL)
		memcpy(body, data, len);
	else if (!begin_record(s, out, 1) ||
	    EVP_EncryptUpdate(s->ctx, body, &n, data, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(s->ctx, body + n, &rest) != 1 ||
	    (size_t)n + (size_t)rest != len ||
	    EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
	    body + len) != 1)
		errx(1, "libcrypto cannot seal a record");
	return HEAD_LEN + len + s->tag_len;
}

/* Opens the record at in, which is whole, into out. */
static void
open_record(struct sealer *s, uint8_t *out, uint8_t *in, size_t len)
{
	uint8_t *body = in + HEAD_LEN;
	int n, rest;

	if (s->ctx == NULL) {
		memcpy(out, body, len);
		return;
	}
	if (!begin_record(s, in, 0) ||
	    EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN,
	    body + len) != 1 ||
	    EVP_DecryptUpdate(s->ctx, out, &n, body, (int)len) != 1 ||
	    EVP_DecryptFinal_ex(s->ctx, out + n, &rest) != 1)
		errx(1, "record %llu is not what was sent: another key, "
		    "another cipher or changed on the way",
		    (unsigned long long)(s->records - 1));
}

static uint8_t *
buffer(size_t len)
{
	uint8_t *p;

	if ((p = malloc(len)) == NULL)
		err(1, "%zu bytes", len);
	return p;
}

static void
send_all(int sock, const EVP_CIPHER *cipher, uint8_t *key, size_t key_len,
    size_t records)
{
	size_t room = records * DATA_MAX, got, off, len, used;
	uint8_t salt[SALT_LEN], *in, *out;
	struct sealer s;

	in = buffer(room);
	out = buffer(records * (HEAD_LEN + DATA_MAX + TAG_LEN));
	if (getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		err(1, "getrandom");
	write_all(sock, salt, sizeof(salt), "the connection");
	sealer_init(&s, cipher, key, key_len, salt, 1);
	do {
		got = read_some(STDIN_FILENO, in, room, "standard input");
		used = off = 0;
		do {
			len = got - off < DATA_MAX ? got - off : DATA_MAX;
			used += seal(&s, out + used, in + off, len);
			off += len;
		} while (off < got);
		write_all(sock, out, used, "the connection");
	} while (got > 0);
	EVP_CIPHER_CTX_free(s.ctx);
	free(in);
	free(out);
}

static void
receive_all(int sock, const EVP_CIPHER *cipher, uint8_t *key, size_t key_len,
    size_t records)
{
	size_t room = records * (HEAD_LEN + DATA_MAX + TAG_LEN);
	size_t held = 0, off, used, got, len, whole;
	uint8_t salt[SALT_LEN], *in, *out;
	struct sealer s;
	uint32_t head;
	int ended = 0;

	in = buffer(room);
	out = buffer(records * DATA_MAX);
	while (held < SALT_LEN) {
		got = read_some(sock, salt + held, SALT_LEN - held,
		    "the connection");
		if (got == 0)
			errx(1, "the other side closed before it sent anything");
		held += got;
	}
	held = 0;
	sealer_init(&s, cipher, key, key_len, salt, 0);
	while (!ended) {
		got = read_some(sock, in + held, room - held,
		    "the connection");
		if (got == 0)
			errx(1, "cut off in or after record %llu: the other "
			    "side's message says why",
			    (unsigned long long)s.records);
		held += got;
		used = off = 0;
		while (!ended && held - off >= HEAD_LEN) {
			memcpy(&head, in + off, HEAD_LEN);
			len = ntohl(head);
			if (len > DATA_MAX)
				errx(1, "a record of %zu bytes: the other "
				    "side is no floor or has another cipher",
				    len);
			whole = HEAD_LEN + len + s.tag_len;
			if (held - off < whole)
				break;
			/* Records of little data fill it sooner than in. */
			if (used + len > records * DATA_MAX) {
				write_all(STDOUT_FILENO, out, used,
				    "standard output");
				used = 0;
			}
			open_record(&s, out + used, in + off, len);
			used += len;
			off += whole;
			ended = len == 0;
		}
		write_all(STDOUT_FILENO, out, used, "standard output");
		held -= off;
		memmove(in, in + off, held);
	}
	if (held > 0)
		errx(1, "%zu bytes after the end of the stream", held);
	EVP_CIPHER_CTX_free(s.ctx);
	free(in);
	free(out);
}

static int
tcp(const char *where, int listening)
{
	struct addrinfo hints, *ai;
	char host[256];
	const char *colon;
	int fd, sock, on = 1, r;

	if ((colon = strrchr(where, ':')) == NULL ||
	    (size_t)(colon - where) >= sizeof(host)) {
		warnx("%s is not HOST:PORT", where);
		usage(stderr, 2);
	}
	memcpy(host, where, (size_t)(colon - where));
	host[colon - where] = '\0';
	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	if ((r = getaddrinfo(host, colon + 1, &hints, &ai)) != 0)
		errx(1, "%s: %s", where, gai_strerror(r));
	if ((fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		err(1, "socket");
	if (!listening) {
		if (connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
			err(1, "cannot connect to %s", where);
		sock = fd;
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
		    listen(fd, 1) == -1)
			err(1, "cannot listen on %s", where);
		fputs("listening\n", stderr);
		if ((sock = accept(fd, NULL, NULL)) == -1)
			err(1, "accept");
		close(fd);
	}
	freeaddrinfo(ai);
	/* As ssh has it; the end of a short stream is not held back. */
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return sock;
}

int
main(int argc, char **argv)
{
	const char *what, *key_path = NULL, *where = NULL;
	const EVP_CIPHER *cipher = EVP_aes_128_gcm();
	uint8_t key[KEY_MAX];
	size_t key_len;
	long records = 16;
	int ch, sock, listening = 0, sending;
	char *end;

	if (argc < 2)
		usage(stderr, 2);
	what = argv[1];
	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0)
		usage(stdout, 0);
	sending = strcmp(what, "send") == 0;
	if (!sending && strcmp(what, "receive") != 0)
		usage(stderr, 2);
	argc--;
	argv++;
	while ((ch = getopt(argc, argv, "b:C:c:k:L:")) != -1) {
		switch (ch) {
		case 'b':
			records = strtol(optarg, &end, 10);
			if (*end != '\0' || end == optarg || records < 1 ||
			    records > RECORDS_MAX)
				usage(stderr, 2);
			break;
		case 'c':
			if (!cipher_by_name(optarg, &cipher)) {
				warnx("no cipher %s", optarg);
				usage(stderr, 2);
			}
			break;
		case 'k':
			key_path = optarg;
			break;
		case 'C':
		case 'L':
			if (where != NULL)
				usage(stderr, 2);
			where = optarg;
			listening = ch == 'L';
			break;
		default:
			usage(stderr, 2);
		}
	}
	if (optind != argc || where == NULL || key_path == NULL)
		usage(stderr, 2);
	key_len = read_key(key_path, key);
	/* A reader that goes away is told of by EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	/* Fails on what is no pipe, or where less is allowed: no matter. */
	(void)fcntl(sending ? STDIN_FILENO : STDOUT_FILENO, F_SETPIPE_SZ,
	    PIPE_BYTES);
	sock = tcp(where, listening);
	if (sending)
		send_all(sock, cipher, key, key_len, (size_t)records);
	else
		receive_all(sock, cipher, key, key_len, (size_t)records);
	if (close(sock) == -1)
		err(1, "close");
	return 0;
}
