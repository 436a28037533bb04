/* SPDX-License-Identifier: ISC */
/*
 * hpn-muxhello: a client of ssh's ControlMaster (PROTOCOL.mux) that greets it with
 * the extensions of its arguments, and then asks for something that no master knows.
 *
 * usage: hpn-muxhello socket [extension ...]
 *
 *   NAME          with an empty value
 *   NAME=VALUE    with this one
 *   NAME!         without a value, which ends the message too early
 *
 * Prints what the master says: "hello" and the names of its extensions, then
 * "denied TEXT", "failure TEXT", or "closed" if it ends the connection.
 * Exit status: 0, or 1 if something else happened.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MUX_MSG_HELLO		0x00000001U
#define MUX_C_UNKNOWN		0x1000ffffU
#define MUX_S_PERMISSION_DENIED	0x80000002U
#define MUX_S_FAILURE		0x80000003U
#define MUX_VERSION		4
#define REQUEST			7	/* its number */

static unsigned char message[4096];
static size_t len;

static void
put(const void *p, size_t n)
{
	if (n > sizeof(message) - len)
		errx(1, "too long");
	memcpy(message + len, p, n);
	len += n;
}

static void
put_u32(uint32_t v)
{
	unsigned char b[4] = { v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255 };

	put(b, sizeof(b));
}

static uint32_t
u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static void
put_string(const char *s, size_t n)
{
	put_u32(n);
	put(s, n);
}

static void
put_extension(const char *arg)
{
	size_t n = strcspn(arg, "=!");

	put_string(arg, n);
	if (arg[n] == '=')
		put_string(arg + n + 1, strlen(arg + n + 1));
	else if (arg[n] == '\0')
		put_string("", 0);
}

/* It may have gone already: what it has said is read all the same. */
static void
say(int fd)
{
	unsigned char head[4] = { 0, 0, len >> 8, len & 255 };

	(void)send(fd, head, sizeof(head), MSG_NOSIGNAL);
	(void)send(fd, message, len, MSG_NOSIGNAL);
	len = 0;
}

static int
get(int fd, unsigned char *p, size_t n)
{
	ssize_t r;

	while (n > 0) {
		if ((r = read(fd, p, n)) <= 0)
			return 0;
		p += r;
		n -= (size_t)r;
	}
	return 1;
}

/* A message whole, into message; 0: the connection has ended. */
static int
hear(int fd)
{
	unsigned char head[4];

	if (!get(fd, head, sizeof(head)))
		return 0;
	if ((len = u32(head)) < 8 || len > sizeof(message))
		errx(1, "a message of %zu bytes", len);
	return get(fd, message, len);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t at, n;
	int fd, i, names = 1;

	if (argc < 2 || strlen(argv[1]) >= sizeof(sun.sun_path))
		errx(1, "usage: hpn-muxhello socket [extension ...]");
	strcpy(sun.sun_path, argv[1]);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(1, "%s", argv[1]);
	put_u32(MUX_MSG_HELLO);
	put_u32(MUX_VERSION);
	for (i = 2; i < argc; i++)
		put_extension(argv[i]);
	say(fd);
	put_u32(MUX_C_UNKNOWN);
	put_u32(REQUEST);
	say(fd);

	if (!hear(fd) || u32(message) != MUX_MSG_HELLO)
		errx(1, "no hello");
	printf("hello");
	for (at = 8; at + 4 <= len; at += 4 + n, names = !names) {
		if ((n = u32(message + at)) > len - at - 4)
			errx(1, "a malformed hello");
		if (names)
			printf(" %.*s", (int)n, message + at + 4);
	}
	printf("\n");
	if (!hear(fd)) {
		printf("closed\n");
		return 0;
	}
	if (len < 12 || u32(message + 4) != REQUEST ||
	    (n = u32(message + 8)) != len - 12)
		errx(1, "a malformed answer");
	switch (u32(message)) {
	case MUX_S_PERMISSION_DENIED:
		printf("denied ");
		break;
	case MUX_S_FAILURE:
		printf("failure ");
		break;
	default:
		errx(1, "answer %#x", u32(message));
	}
	printf("%.*s\n", (int)n, message + 12);
	return 0;
}
