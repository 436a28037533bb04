/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-sftp-server. */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "misc.h"
#include "pathnames.h"
#include "sftp.h"
#include "sshbuf.h"
#include "hpn-pipe.h"
#include "hpn-sftp-server.h"
#include "tests.h"

#define LONGEST	(256 * KB)
#define TURNS_S	60		/* until whoever waits for ever is ended */

static struct sshbuf *in, *out;

static void
queues_new(void)
{
	ASSERT_PTR_NE(in = sshbuf_new(), NULL);
	ASSERT_PTR_NE(out = sshbuf_new(), NULL);
}

static void
queues_free(void)
{
	sshbuf_free(in);
	sshbuf_free(out);
}

/* A server whose answers are as long as requests say; 0: none. */
static unsigned int done;
static unsigned int slow_ms;

static void
one(void)
{
	u_char *body = NULL, *p;
	size_t len;
	u_int32_t answer;

	ASSERT_INT_EQ(sshbuf_get_string(in, &body, &len), 0);
	ASSERT_SIZE_T_GE(len, 4);
	answer = PEEK_U32(body);
	free(body);
	ASSERT_INT_EQ(sshbuf_reserve(out, answer, &p), 0);
	if (slow_ms != 0)
		(void)poll(NULL, 0, (int)slow_ms);
	done++;
}

static void
ask(unsigned int n, u_int32_t answer)
{
	while (n-- > 0) {
		ASSERT_INT_EQ(sshbuf_put_u32(in, 8), 0);
		ASSERT_INT_EQ(sshbuf_put_u32(in, answer), 0);
		ASSERT_INT_EQ(sshbuf_put_u32(in, 0), 0);
	}
}

static void
test_policy(void)
{
	TEST_START("when answers go");
	ASSERT_INT_EQ(hpn_sftp_server_more(0, 0, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_more(0, 100, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_more(1, 0, 0), 1);
	ASSERT_INT_EQ(hpn_sftp_server_more(1, 0, 60 * SEC), 1);
	ASSERT_INT_EQ(hpn_sftp_server_more(1, HPN_SFTP_SERVER_OUT - 1, 0), 1);
	ASSERT_INT_EQ(hpn_sftp_server_more(1, HPN_SFTP_SERVER_OUT, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_more(1, 1, HPN_SFTP_SERVER_WAIT_NS - 1),
	    1);
	ASSERT_INT_EQ(hpn_sftp_server_more(1, 1, HPN_SFTP_SERVER_WAIT_NS), 0);
	TEST_DONE();
}

static void
test_whole(void)
{
	u_char header[5] = { 0, 0, 0, 6, 1 };
	size_t i;

	TEST_START("what is a whole request");
	queues_new();
	for (i = 0; i < 5; i++) {
		ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 0);
		ASSERT_INT_EQ(sshbuf_put_u8(in, header[i]), 0);
	}
	for (; i < 10; i++) {
		ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 0);
		ASSERT_INT_EQ(sshbuf_put_u8(in, 0), 0);
	}
	ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 1);
	ASSERT_INT_EQ(sshbuf_put_u8(in, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 1);
	/* None whose length is refused is waited for */
	sshbuf_reset(in);
	ASSERT_INT_EQ(sshbuf_put_u32(in, LONGEST + 1), 0);
	ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 0);
	ASSERT_INT_EQ(sshbuf_put_u8(in, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 1);
	sshbuf_reset(in);
	ASSERT_INT_EQ(sshbuf_put_u32(in, LONGEST), 0);
	ASSERT_INT_EQ(sshbuf_put_u8(in, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 0);
	sshbuf_reset(in);
	ASSERT_INT_EQ(sshbuf_put_u32(in, 0xffffffff), 0);
	ASSERT_INT_EQ(sshbuf_put_u8(in, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_server_whole(in, LONGEST), 1);
	queues_free();
	TEST_DONE();
}

static void
test_answer(void)
{
	TEST_START("batches of answers");
	queues_new();
	done = slow_ms = 0;
	/* All that fits a batch; the incomplete one stays */
	ask(10, 20);
	ASSERT_INT_EQ(sshbuf_put_u32(in, 8), 0);
	hpn_sftp_server_answer(one, in, out, LONGEST);
	/* A machine under load may stop once in between */
	while (done < 10) {
		unsigned int before = done;

		hpn_sftp_server_answer(one, in, out, LONGEST);
		ASSERT_SIZE_T_GE(done, before + 1);
	}
	ASSERT_SIZE_T_EQ(sshbuf_len(out), 200);
	ASSERT_SIZE_T_EQ(sshbuf_len(in), 4);
	sshbuf_reset(in);
	sshbuf_reset(out);

	/* Not more than a batch, and one answer */
	ask(100, 100 * KB);
	done = 0;
	hpn_sftp_server_answer(one, in, out, LONGEST);
	ASSERT_SIZE_T_GE(done, 1);
	ASSERT_SIZE_T_LT(sshbuf_len(out), HPN_SFTP_SERVER_OUT + 100 * KB);
	sshbuf_reset(in);
	sshbuf_reset(out);

	/* An answer does not wait for slow ones */
	ask(10, 20);
	done = 0;
	slow_ms = 20;
	hpn_sftp_server_answer(one, in, out, LONGEST);
	ASSERT_SIZE_T_EQ(done, 1);
	hpn_sftp_server_answer(one, in, out, LONGEST);
	ASSERT_SIZE_T_GE(done, 1);
	sshbuf_reset(in);
	sshbuf_reset(out);

	/* Requests without an answer are not left lying */
	ask(3, 0);
	done = 0;
	slow_ms = 5;
	hpn_sftp_server_answer(one, in, out, LONGEST);
	ASSERT_SIZE_T_EQ(done, 3);
	queues_free();
	TEST_DONE();
}

static void
test_data(void)
{
	u_char content[1000], *got;
	u_char type;
	u_int32_t id, len;
	size_t i, n;
	FILE *f;
	int fd, ends[2];

	TEST_START("data of a file");
	queues_new();
	for (i = 0; i < sizeof(content); i++)
		content[i] = (u_char)(i * 7 + i / 256);
	ASSERT_PTR_NE(f = tmpfile(), NULL);
	fd = fileno(f);
	ASSERT_INT_EQ((int)write(fd, content, sizeof(content)),
	    (int)sizeof(content));

	ASSERT_INT_EQ(sshbuf_put_u8(out, 0xee), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 5, fd, 0, 600), 600);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 6, fd, 600, 600), 400);
	/* No answer at the end of the file and upon errors */
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 7, fd, 1000, 600), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 7, fd, 1ULL << 40, 600),
	    0);
	errno = 0;
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 7, fd, 1ULL << 63, 600),
	    -1);
	ASSERT_INT_EQ(errno, EINVAL);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 7, -1, 0, 600), -1);
	ASSERT_INT_EQ(errno, EBADF);
	ASSERT_INT_EQ(pipe(ends), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 7, ends[0], 0, 600), -1);
	ASSERT_INT_EQ(errno, ESPIPE);
	close(ends[0]);
	close(ends[1]);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 0xfffffffe, fd, 3, 0), 0);

	ASSERT_INT_EQ(sshbuf_get_u8(out, &type), 0);
	for (i = 5; i <= 6; i++) {
		n = i == 5 ? 600 : 400;
		ASSERT_INT_EQ(sshbuf_get_u32(out, &len), 0);
		ASSERT_U32_EQ(len, (u_int32_t)(9 + n));
		ASSERT_INT_EQ(sshbuf_get_u8(out, &type), 0);
		ASSERT_INT_EQ(type, SSH2_FXP_DATA);
		ASSERT_INT_EQ(sshbuf_get_u32(out, &id), 0);
		ASSERT_U32_EQ(id, (u_int32_t)i);
		ASSERT_INT_EQ(sshbuf_get_string(out, &got, &n), 0);
		ASSERT_SIZE_T_EQ(n, len - 9);
		ASSERT_MEM_EQ(got, content + (i == 5 ? 0 : 600), n);
		free(got);
	}
	ASSERT_SIZE_T_EQ(sshbuf_len(out), 13);
	ASSERT_U32_EQ(PEEK_U32(sshbuf_ptr(out)), 9);
	ASSERT_U32_EQ(PEEK_U32(sshbuf_ptr(out) + 5), 0xfffffffe);
	ASSERT_U32_EQ(PEEK_U32(sshbuf_ptr(out) + 9), 0);
	sshbuf_reset(out);

	/* Wherever they lie in a page, here and there: some are moved */
	for (i = 0; i < 10; i++)
		ASSERT_INT_EQ((int)pwrite(fd, content, sizeof(content),
		    (off_t)(i * sizeof(content))), (int)sizeof(content));
	for (i = 0; i < 2 * HPN_PIPE_PAGE; i += 30) {
		ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 8, fd, i, 600),
		    600);
		ASSERT_SIZE_T_EQ(sshbuf_len(out), 613);
		for (n = 0; n < 600; n++)
			ASSERT_INT_EQ(sshbuf_ptr(out)[13 + n],
			    content[(i + n) % sizeof(content)]);
		sshbuf_reset(out);
	}
	fclose(f);
	queues_free();
	TEST_DONE();
}

static void
test_io(void)
{
	static u_char block[3 * HPN_SFTP_SERVER_IN], got[sizeof(block)];
	struct pollfd p[2];
	size_t i, have;
	ssize_t n;
	FILE *f;
	int fd, s[2];

	TEST_START("reading requests and writing answers");
	queues_new();
	for (i = 0; i < sizeof(block); i++)
		block[i] = (u_char)(i * 13 + i / 253);
	ASSERT_PTR_NE(f = tmpfile(), NULL);
	fd = fileno(f);
	ASSERT_INT_EQ((int)write(fd, block, sizeof(block)),
	    (int)sizeof(block));
	ASSERT_INT_EQ((int)lseek(fd, 0, SEEK_SET), 0);

	/* Never more than the queue may hold, whatever there is */
	for (have = 0; have < sizeof(block); ) {
		ASSERT_INT_EQ(hpn_sftp_server_reads(in, out), 1);
		n = hpn_sftp_server_read(fd, in);
		ASSERT_INT_GT((int)n, 0);
		ASSERT_SIZE_T_LE(sshbuf_len(in), HPN_SFTP_SERVER_IN);
		have += (size_t)n;
		/* All but a part of a message has been dealt with */
		i = sshbuf_len(in) > 1000 ? sshbuf_len(in) - 1000 : 0;
		ASSERT_MEM_EQ(sshbuf_ptr(in), block + have - sshbuf_len(in),
		    sshbuf_len(in));
		ASSERT_INT_EQ(sshbuf_consume(in, i), 0);
	}
	ASSERT_INT_EQ((int)hpn_sftp_server_read(fd, in), 0);
	ASSERT_SIZE_T_EQ(sshbuf_len(in), 1000);
	ASSERT_INT_EQ((int)hpn_sftp_server_read(-1, in), -1);
	ASSERT_INT_EQ(errno, EBADF);
	ASSERT_SIZE_T_EQ(sshbuf_len(in), 1000);
	fclose(f);

	/* Requests wait where answers do */
	ASSERT_INT_EQ(sshbuf_put(out, block, HPN_SFTP_SERVER_OUT), 0);
	ASSERT_INT_EQ(hpn_sftp_server_reads(in, out), 0);
	sshbuf_reset(out);
	ASSERT_INT_EQ(sshbuf_put(in, block, HPN_SFTP_SERVER_IN / 2), 0);
	ASSERT_INT_EQ(hpn_sftp_server_reads(in, out), 0);
	/* The longest message does not stop it */
	sshbuf_reset(in);
	ASSERT_INT_EQ(sshbuf_put(in, block, LONGEST + 3), 0);
	ASSERT_INT_EQ(hpn_sftp_server_reads(in, out), 1);
	sshbuf_reset(in);

	/* What cannot be written stays */
	ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	ASSERT_INT_EQ(fcntl(s[0], F_SETFL, O_NONBLOCK), 0);
	ASSERT_INT_EQ(fcntl(s[1], F_SETFL, O_NONBLOCK), 0);
	ASSERT_INT_EQ(sshbuf_put(out, block, sizeof(block)), 0);
	for (have = 0; have < sizeof(block); ) {
		while ((n = hpn_sftp_server_write(s[0], out)) > 0)
			;
		ASSERT_INT_EQ((int)n, sshbuf_len(out) == 0 ? 0 : -1);
		while ((n = read(s[1], got + have, sizeof(got) - have)) > 0)
			have += (size_t)n;
	}
	ASSERT_SIZE_T_EQ(have, sizeof(block));
	ASSERT_MEM_EQ(got, block, sizeof(block));
	ASSERT_SIZE_T_EQ(sshbuf_len(out), 0);

	/* Reading that blocks needs no poll, until it does not block */
	p[0].fd = s[0];
	p[0].events = POLLIN;
	p[0].revents = 0;
	p[1].fd = -1;
	ASSERT_INT_EQ(hpn_sftp_server_poll(p), 1);
	ASSERT_INT_EQ(p[0].revents, POLLIN);
	ASSERT_INT_EQ((int)hpn_sftp_server_read(s[0], in), -1);
	ASSERT_INT_EQ(errno, EAGAIN);
	ASSERT_INT_EQ((int)write(s[1], "x", 1), 1);
	p[0].revents = 0;
	ASSERT_INT_EQ(hpn_sftp_server_poll(p), 1);
	ASSERT_INT_EQ(p[0].revents & POLLIN, POLLIN);
	ASSERT_INT_EQ((int)hpn_sftp_server_read(s[0], in), 1);
	/* Answers go even if nothing comes */
	p[1].fd = s[0];
	p[1].events = POLLOUT;
	p[0].revents = p[1].revents = 0;
	ASSERT_INT_EQ(hpn_sftp_server_poll(p), 1);
	ASSERT_INT_EQ(p[1].revents, POLLOUT);
	close(s[0]);
	close(s[1]);
	queues_free();
	TEST_DONE();
}

/*
 * A server that only writes.  Where a WRITE goes is said by the last byte of its
 * handle.
 */
enum { TO_FILE, TO_END, TO_ODD, TO_READ_ONLY, TO_FULL, TO_NOBODY, NTO };
static int to[NTO];
static u_int answers[NTO][2];	/* refused, done */

static void
store_one(void)
{
	struct sshbuf *m;
	const u_char *handle, *data;
	size_t handle_len, len, whole;
	u_int64_t offset;
	u_int32_t id;
	u_char type;
	ssize_t n = 0;
	int where;

	whole = 4 + PEEK_U32(sshbuf_ptr(in));
	ASSERT_PTR_NE(m = sshbuf_from(sshbuf_ptr(in), whole), NULL);
	ASSERT_INT_EQ(sshbuf_consume(m, 4), 0);
	ASSERT_INT_EQ(sshbuf_get_u8(m, &type), 0);
	ASSERT_INT_EQ(sshbuf_get_u32(m, &id), 0);
	if (type == SSH2_FXP_WRITE) {
		ASSERT_INT_EQ(sshbuf_get_string_direct(m, &handle,
		    &handle_len), 0);
		ASSERT_INT_EQ(sshbuf_get_u64(m, &offset), 0);
		ASSERT_INT_EQ(sshbuf_get_string_direct(m, &data, &len), 0);
		where = handle[handle_len - 1];
		ASSERT_INT_LT(where, NTO);
		if (where != TO_NOBODY)
			n = hpn_sftp_server_store(to[where], where == TO_END ?
			    O_WRONLY|O_APPEND : O_WRONLY, data, len, offset);
		answers[where][n == (ssize_t)len]++;
		ASSERT_INT_EQ(sshbuf_put_u32(out, id), 0);
	}
	sshbuf_free(m);
	ASSERT_INT_EQ(sshbuf_consume(in, whole), 0);
}

static u_int
next(u_int n)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

/*
 * A request, with the data that belong at this offset.  A long handle has the length
 * of the data where it would be behind a short one.
 */
static struct sshbuf *
write_request(int where, uint64_t offset, u_int len, u_int handle_len)
{
	u_char handle[300];
	struct sshbuf *m;
	u_char *p;
	size_t i;

	ASSERT_PTR_NE(m = sshbuf_new(), NULL);
	ASSERT_INT_EQ(sshbuf_put_u32(m, 1 + 4 + 4 + handle_len + 8 + 4 + len),
	    0);
	ASSERT_INT_EQ(sshbuf_put_u8(m, SSH2_FXP_WRITE), 0);
	ASSERT_INT_EQ(sshbuf_put_u32(m, 7), 0);
	ASSERT_INT_EQ(sshbuf_put_u32(m, handle_len), 0);
	memset(handle, 0, sizeof(handle));
	POKE_U32(handle + 12, handle_len - 4 + len);
	handle[handle_len - 1] = (u_char)where;
	ASSERT_INT_EQ(sshbuf_put(m, handle, handle_len), 0);
	ASSERT_INT_EQ(sshbuf_put_u64(m, offset), 0);
	ASSERT_INT_EQ(sshbuf_put_u32(m, len), 0);
	ASSERT_INT_EQ(sshbuf_reserve(m, len, &p), 0);
	for (i = 0; i < len; i++)
		p[i] = (u_char)((offset + i) * 31 + (offset + i) / 251);
	return m;
}

/* Send it in parts of any length. */
static void
send_all(int fd, struct sshbuf *m)
{
	u_int most = next(3) == 0 ? 300 : 300 * KB;
	size_t len;

	while (sshbuf_len(m) > 0) {
		len = 1 + next(most);
		if (len > sshbuf_len(m))
			len = sshbuf_len(m);
		if (write(fd, sshbuf_ptr(m), len) != (ssize_t)len)
			_exit(1);
		if (sshbuf_consume(m, len) != 0)
			_exit(1);
	}
	sshbuf_free(m);
}

/* Serve what the pipe has until it ends.  Returns how often data stayed in it. */
static u_int
serve(int fd)
{
	struct pollfd p[2];
	int before, after;
	size_t had;
	ssize_t n;
	u_int stayed = 0;

	for (;;) {
		p[0].fd = p[1].fd = -1;
		p[0].events = POLLIN;
		p[0].revents = 0;
		if (hpn_sftp_server_reads(in, out))
			p[0].fd = fd;
		else
			ASSERT_SIZE_T_GE(sshbuf_len(out), 1);
		if (p[0].fd != -1 && hpn_sftp_server_poll(p) > 0) {
			had = sshbuf_len(in);
			ASSERT_INT_EQ(ioctl(fd, FIONREAD, &before), 0);
			n = hpn_sftp_server_read(fd, in);
			if (n == -1 && errno == EAGAIN)
				continue;
			ASSERT_INT_GE((int)n, 0);
			if (n == 0)
				return stayed;
			ASSERT_INT_EQ(ioctl(fd, FIONREAD, &after), 0);
			stayed += sshbuf_len(in) > had + 64 * KB &&
			    after >= before;
		}
		sshbuf_reset(out);
		hpn_sftp_server_answer(store_one, in, out, LONGEST);
	}
}

#define BULK	(252 * KB)

/* What the file has at this offset is what belongs there. */
static void
has(int fd, off_t at, uint64_t offset, size_t len)
{
	static u_char got[BULK];
	size_t i;

	ASSERT_SIZE_T_LE(len, sizeof(got));
	ASSERT_INT_EQ((int)pread(fd, got, len, at), (int)len);
	for (i = 0; i < len; i++)
		ASSERT_INT_EQ(got[i], (u_char)((offset + i) * 31 +
		    (offset + i) / 251));
}

/* Requests of all kinds; the last is cut: its end never comes. */
static void
bulk_requests(int fd)
{
	struct sshbuf *m;
	uint64_t at = 0;
	u_int len;
	u_int i, j;

	for (i = 0; i < 120; i++) {
		len = next(4) == 0 ? next(100 * KB) : BULK;
		send_all(fd, write_request(TO_FILE, at, len, 4));
		at += len;
		if (i % 10 == 3)
			send_all(fd, write_request(TO_END, 5, 100 * KB, 4));
		if (i % 10 == 5)
			send_all(fd, write_request(TO_NOBODY, 5, BULK, 4));
		if (i % 10 == 6)
			send_all(fd, write_request(TO_READ_ONLY, 5, BULK, 4));
		if (i % 10 == 7)
			send_all(fd, write_request(TO_FULL, 5, BULK, 4));
		/* One that looks like one to a handle of ours */
		if (i % 10 == 8)
			send_all(fd, write_request(TO_FILE, 0, BULK, 200));
		for (j = i % 30 == 9 ? 20 : i % 3; j > 0; j--) {
			ASSERT_PTR_NE(m = sshbuf_new(), NULL);
			ASSERT_INT_EQ(sshbuf_put_u32(m, 5 + j), 0);
			ASSERT_INT_EQ(sshbuf_put_u8(m, SSH2_FXP_STAT), 0);
			ASSERT_INT_EQ(sshbuf_put_u32(m, 8), 0);
			ASSERT_INT_EQ(sshbuf_put(m, "01234567890123456789", j),
			    0);
			send_all(fd, m);
		}
	}
	ASSERT_PTR_NE(m = write_request(TO_FILE, at, BULK, 4), NULL);
	ASSERT_INT_EQ(sshbuf_consume_end(m, 1000), 0);
	send_all(fd, m);
}

/* Some that the system does not move by itself. */
static void
odd_requests(int fd)
{
	u_int i;

	for (i = 0; i < 5; i++)
		send_all(fd, write_request(i == 0 ? TO_FILE : TO_ODD, 0, BULK,
		    4));
}

/* Serve what a program sends, as serve(). */
static u_int
serve_child(void (*requests)(int))
{
	int p[2], status;
	pid_t child;
	u_int stayed;

	ASSERT_INT_EQ(pipe(p), 0);
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0) {
		(void)alarm(TURNS_S);
		close(p[0]);
		requests(p[1]);
		_exit(0);
	}
	close(p[1]);
	stayed = serve(p[0]);
	close(p[0]);
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	ASSERT_INT_EQ(status, 0);
	return stayed;
}

/* A WRITE that fails, which is the last request: nothing else is waited for. */
static void
unwanted(void)
{
	struct sshbuf *m = write_request(TO_FILE, 0, BULK, 4);
	size_t whole = sshbuf_len(m);
	pid_t child;
	int p[2];

	(void)alarm(TURNS_S);
	ASSERT_INT_EQ(pipe(p), 0);
	/* What a descriptor is, is looked at once: not one that was used before */
	ASSERT_INT_NE(p[0] = fcntl(p[0], F_DUPFD, 100), -1);
	ASSERT_INT_EQ((int)write(p[1], sshbuf_ptr(m), 40), 40);
	ASSERT_INT_EQ((int)hpn_sftp_server_read(p[0], in), 40);
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0)
		_exit(write(p[1], sshbuf_ptr(m) + 40, whole - 40) !=
		    (ssize_t)(whole - 40));
	while (sshbuf_len(in) < whole)
		ASSERT_INT_GT((int)hpn_sftp_server_read(p[0], in), 0);
	ASSERT_INT_EQ(sshbuf_consume(in, whole), 0);
#ifdef SPLICE_F_MOVE
	/* Its data are still in the pipe. */
	ASSERT_INT_GT((int)hpn_sftp_server_read(p[0], in), 0);
	ASSERT_SIZE_T_EQ(sshbuf_len(in), 0);
#endif
	sshbuf_free(m);
}

static void
test_unwanted(void)
{
	pid_t child;
	int status;

	TEST_START("sftp_server: data of a large WRITE that fails");
	queues_new();
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0) {
		unwanted();
		_exit(0);
	}
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	ASSERT_INT_EQ(status, 0);
	queues_free();
	TEST_DONE();
}

static void
test_bulk(void)
{
	FILE *f, *end, *odd;
	struct stat st;
	off_t at;
	u_int i, stayed;

	TEST_START("sftp_server: data that go from the pipe into the file");
	queues_new();
	ASSERT_PTR_NE(f = tmpfile(), NULL);
	ASSERT_PTR_NE(end = tmpfile(), NULL);
	to[TO_FILE] = fileno(f);
	to[TO_END] = fileno(end);
	ASSERT_INT_EQ(fcntl(to[TO_END], F_SETFL, O_APPEND), 0);
	ASSERT_INT_NE(to[TO_READ_ONLY] = open("/dev/zero", O_RDONLY), -1);
	ASSERT_INT_NE(to[TO_FULL] = open("/dev/full", O_WRONLY), -1);
	stayed = serve_child(bulk_requests);
#ifdef SPLICE_F_MOVE
	ASSERT_INT_GT((int)stayed, 10);
#endif
	/* The last one had no end */
	ASSERT_U_INT_EQ(answers[TO_FILE][1], 120 + 12);
	ASSERT_INT_LE((int)answers[TO_FILE][0], 1);
	ASSERT_U_INT_EQ(answers[TO_END][1], 12);
	ASSERT_U_INT_EQ(answers[TO_END][0], 0);
	for (i = TO_READ_ONLY; i < NTO; i++) {
		ASSERT_U_INT_EQ(answers[i][0], 12);
		ASSERT_U_INT_EQ(answers[i][1], 0);
	}
	ASSERT_INT_EQ(fstat(to[TO_FILE], &st), 0);
	for (at = 0; at + BULK <= st.st_size; at += BULK)
		has(to[TO_FILE], at, (uint64_t)at, BULK);
	ASSERT_INT_EQ(fstat(to[TO_END], &st), 0);
	ASSERT_INT_EQ((int)st.st_size, 12 * 100 * KB);
	for (at = 0; at < st.st_size; at += 100 * KB)
		has(to[TO_END], at, 5, 100 * KB);
	/* To append there is not what a server would know */
	ASSERT_PTR_NE(odd = tmpfile(), NULL);
	to[TO_ODD] = fileno(odd);
	ASSERT_INT_EQ(fcntl(to[TO_ODD], F_SETFL, O_APPEND), 0);
	sshbuf_reset(in);
	(void)serve_child(odd_requests);
	ASSERT_U_INT_EQ(answers[TO_ODD][1], 4);
	ASSERT_INT_EQ(fstat(to[TO_ODD], &st), 0);
	ASSERT_INT_EQ((int)st.st_size, 4 * BULK);
	for (at = 0; at < st.st_size; at += BULK)
		has(to[TO_ODD], at, 0, BULK);
	fclose(f);
	fclose(end);
	fclose(odd);
	close(to[TO_READ_ONLY]);
	close(to[TO_FULL]);
	queues_free();
	TEST_DONE();
}

/* What pwrite(2) does not do, where lseek(2) and write(2) do, as stock's server. */
static void
test_kernel_file(void)
{
#ifdef __linux__
	static const char path[] = "/proc/self/comm", name[] = "sftp-test";
	char was[32] = "", is[32] = "";
	int fd, ends[2];

	TEST_START("sftp_server: a file of the kernel's");
	if ((fd = open(path, O_RDWR)) == -1) {
		TEST_DONE();
		return;
	}
	ASSERT_INT_GT((int)read(fd, was, sizeof(was) - 1), 0);
	was[strcspn(was, "\n")] = '\0';
	ASSERT_INT_EQ((int)hpn_sftp_server_store(fd, O_RDWR, name,
	    strlen(name), 0), (int)strlen(name));
	ASSERT_INT_GT((int)pread(fd, is, sizeof(is) - 1, 0), 0);
	ASSERT_INT_EQ(strncmp(is, name, strlen(name)), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_store(fd, O_RDWR, was, strlen(was),
	    0), (int)strlen(was));
	close(fd);
	/* What has no places at all still says so */
	ASSERT_INT_EQ(pipe(ends), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_store(ends[1], O_WRONLY, "x", 1, 0),
	    -1);
	ASSERT_INT_EQ(errno, ESPIPE);
	close(ends[0]);
	close(ends[1]);
	TEST_DONE();
#endif
}

static void
test_is_sftp(void)
{
	char *names[] = { "other", "sftp", "sftp2" };
	char *ours[] = { "x", "internal-sftp", "x" };
	char *built[] = { "x", _PATH_SFTP_SERVER, "x" };
	char *others[] = { "internal-sftp", "/nowhere/sftp-server",
	    "internal-sftp" };

	TEST_START("sftp_server: whose subsystem");
	ASSERT_INT_EQ(hpn_sftp_server_is_sftp(3, names, ours), 1);
	ASSERT_INT_EQ(hpn_sftp_server_is_sftp(2, names, built), 1);
	ASSERT_INT_EQ(hpn_sftp_server_is_sftp(3, names, others), 0);
	ASSERT_INT_EQ(hpn_sftp_server_is_sftp(1, names, ours), 0);
	ASSERT_INT_EQ(hpn_sftp_server_is_sftp(0, NULL, NULL), 0);
	TEST_DONE();
}

static void
refused(const char *path, int why)
{
	errno = 0;
	ASSERT_INT_EQ(hpn_sftp_server_open_regular(path), -1);
	ASSERT_INT_EQ(errno, why);
}

/* From now on "name" is the one and the other file in turn, without an end. */
static pid_t
take_turns(const char *one, const char *other)
{
	const char *file = one;
	pid_t child;

	ASSERT_INT_NE(child = fork(), -1);
	if (child != 0)
		return child;
	/* Should the test end first */
	(void)alarm(TURNS_S);
	for (;;) {
		if (link(file, "next") == -1 || rename("next", "name") == -1)
			_exit(1);
		file = file == one ? other : one;
	}
}

static void
end_turns(pid_t child)
{
	int status;

	(void)kill(child, SIGKILL);
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	ASSERT_INT_EQ(WIFSIGNALED(status), 1);
	(void)alarm(0);
	(void)unlink("next");
	(void)unlink("name");
}

/* Whether "name" was opened.  If so, it is regular, whatever has the name now. */
static int
opened(void)
{
	struct stat st;
	int fd;

	errno = 0;
	if ((fd = hpn_sftp_server_open_regular("name")) == -1) {
		ASSERT_INT_EQ(errno, ENXIO);
		return 0;
	}
	ASSERT_INT_EQ(fstat(fd, &st), 0);
	ASSERT_INT_EQ(S_ISREG(st.st_mode), 1);
	close(fd);
	return 1;
}

/* What has the name is another file than the one that was looked at. */
static void
test_open_changing(void)
{
	char *dir, old[1024];
	pid_t child;
	u_int i, n;
	int fd;

	TEST_START("sftp_server: open what changes meanwhile");
	ASSERT_PTR_NE(getcwd(old, sizeof(old)), NULL);
	ASSERT_PTR_NE(dir = new_folder(), NULL);
	ASSERT_INT_EQ(chdir(dir), 0);
	for (i = 0; i < 2; i++) {
		ASSERT_INT_NE(fd = open(i == 0 ? "file" : "other",
		    O_WRONLY|O_CREAT, 0600), -1);
		ASSERT_INT_EQ((int)write(fd, "data", 4), 4);
		close(fd);
	}
	ASSERT_INT_EQ(mkfifo("fifo", 0600), 0);
	/* It has to happen, sooner or later */
	ASSERT_INT_EQ(link("file", "name"), 0);
	child = take_turns("other", "file");
	(void)alarm(TURNS_S);
	for (i = n = 0; i == n || n == 0; i++)
		n += (u_int)opened();
	end_turns(child);
	/* Nobody waits for a FIFO's other end */
	ASSERT_INT_EQ(link("file", "name"), 0);
	child = take_turns("fifo", "file");
	(void)alarm(TURNS_S);
	for (i = n = 0; i < 20000 || n == 0; i++)
		n += (u_int)opened();
	end_turns(child);
	(void)unlink("file");
	(void)unlink("other");
	(void)unlink("fifo");
	ASSERT_INT_EQ(chdir(old), 0);
	ASSERT_INT_EQ(rmdir(dir), 0);
	free(dir);
	TEST_DONE();
}

static void
test_open_regular(void)
{
	char *dir, old[1024], got[4];
	pid_t child;
	int fd, i, status;

	TEST_START("sftp_server: open what is regular");
	ASSERT_PTR_NE(getcwd(old, sizeof(old)), NULL);
	ASSERT_PTR_NE(dir = new_folder(), NULL);
	ASSERT_INT_EQ(chdir(dir), 0);
	ASSERT_INT_NE(fd = open("file", O_WRONLY|O_CREAT, 0600), -1);
	ASSERT_INT_EQ((int)write(fd, "data", 4), 4);
	close(fd);
	ASSERT_INT_NE(fd = open("empty", O_WRONLY|O_CREAT, 0600), -1);
	close(fd);
	ASSERT_INT_EQ(mkdir("dir", 0700), 0);
	ASSERT_INT_EQ(mkfifo("fifo", 0600), 0);
	ASSERT_INT_EQ(symlink("file", "to-file"), 0);
	ASSERT_INT_EQ(symlink("fifo", "to-fifo"), 0);
	ASSERT_INT_EQ(symlink("/dev/null", "to-null"), 0);
	ASSERT_INT_EQ(symlink("loop", "loop"), 0);
	ASSERT_INT_NE(fd = hpn_sftp_server_open_regular("file"), -1);
	ASSERT_INT_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE|O_NONBLOCK), O_RDONLY);
	ASSERT_INT_EQ((int)read(fd, got, 4), 4);
	ASSERT_MEM_EQ(got, "data", 4);
	close(fd);
	ASSERT_INT_NE(fd = hpn_sftp_server_open_regular("to-file"), -1);
	close(fd);
	/* Each of these ends, which is what it is about */
	refused("fifo", ENXIO);
	refused("to-fifo", ENXIO);
	refused("to-null", ENXIO);
	refused("dir", ENXIO);
	refused("empty", ENXIO);
	refused("none", ENOENT);
	refused("", ENOENT);
	refused("file/x", ENOTDIR);
	refused("loop", ELOOP);
	/* Nor is it opened and closed, which would let a writer go on */
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0) {
		(void)alarm(TURNS_S);
		_exit(open("fifo", O_WRONLY) == -1);
	}
	for (i = 0; i < 50; i++) {
		refused("fifo", ENXIO);
		(void)poll(NULL, 0, 2);
	}
	ASSERT_INT_EQ(waitpid(child, &status, WNOHANG), 0);
	(void)kill(child, SIGKILL);
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	(void)unlink("file");
	(void)unlink("empty");
	(void)rmdir("dir");
	(void)unlink("fifo");
	(void)unlink("to-file");
	(void)unlink("to-fifo");
	(void)unlink("to-null");
	(void)unlink("loop");
	ASSERT_INT_EQ(chdir(old), 0);
	ASSERT_INT_EQ(rmdir(dir), 0);
	free(dir);
	TEST_DONE();
}

static void
put_head_of(struct sshbuf *m, u_int32_t id, size_t len)
{
	ASSERT_INT_EQ(sshbuf_put_u32(m, (u_int32_t)len + 9), 0);
	ASSERT_INT_EQ(sshbuf_put_u8(m, SSH2_FXP_DATA), 0);
	ASSERT_INT_EQ(sshbuf_put_u32(m, id), 0);
	ASSERT_INT_EQ(sshbuf_put_u32(m, (u_int32_t)len), 0);
}

#define LARGE	(3 * MB)

/* Answers of all sizes, taken as they come: data as they were when it was made. */
static void
large_answers(int far, int near, u_char *content, int fd)
{
	struct sshbuf *all;
	u_char got[64 * KB];
	size_t len, from, at = 0, seen;
	ssize_t n;
	u_int i, made = 0;

	ASSERT_PTR_NE(all = sshbuf_new(), NULL);
	for (i = 0; i < 200000 && (made < 300 || at < sshbuf_len(all)); i++) {
		if (made < 300 && sshbuf_len(out) < HPN_SFTP_SERVER_OUT &&
		    next(3) == 0) {
			len = next(4) ? next(256 * KB) : next(100);
			from = next(LARGE);
			seen = MINIMUM(len, LARGE - from);
			n = hpn_sftp_server_data(out, ++made, fd, from, len);
			ASSERT_INT_EQ((int)n, (int)seen);
			if (seen != 0 || len == 0) {
				put_head_of(all, made, seen);
				ASSERT_INT_EQ(sshbuf_put(all, content + from,
				    seen), 0);
			}
		}
		ASSERT_SIZE_T_EQ(at + sshbuf_len(out) <= sshbuf_len(all), 1);
		if (sshbuf_len(out) != 0 && next(2) &&
		    hpn_sftp_server_write(near, out) == -1)
			ASSERT_INT_EQ(errno, EAGAIN);
		if (far != near)
			n = read(far, got, 1 + next(sizeof(got)));
		else
			n = pread(far, got, 1 + next(sizeof(got)), (off_t)at);
		if (n == -1)
			ASSERT_INT_EQ(errno, EAGAIN);
		if (n > 0) {
			ASSERT_SIZE_T_LE(at + (size_t)n, sshbuf_len(all));
			ASSERT_MEM_EQ(got, sshbuf_ptr(all) + at, (size_t)n);
			at += (size_t)n;
		}
	}
	ASSERT_U_INT_EQ(made, 300);
	ASSERT_SIZE_T_EQ(at, sshbuf_len(all));
	ASSERT_SIZE_T_EQ(sshbuf_len(out), 0);
	sshbuf_free(all);
}

/* A file that its reader's client changes while its data are in the pipe. */
static void
changes_later(const u_char *content, int fd)
{
	static u_char got[13 + 64 * KB];
	size_t at;
	ssize_t n;
	pid_t child;
	int p[2], status;

	ASSERT_INT_EQ(pipe(p), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 8, fd, 0, 64 * KB),
	    64 * KB);
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0) {
		(void)alarm(TURNS_S);
		close(p[1]);
		(void)usleep(200000);
		for (at = 0; at < sizeof(got); at += (size_t)n)
			ASSERT_INT_GT((int)(n = read(p[0], got + at,
			    sizeof(got) - at)), 0);
		ASSERT_MEM_EQ(got + 13, content, 64 * KB);
		_exit(0);
	}
	close(p[0]);
	set_nonblock(p[1]);
	while (sshbuf_len(out) > 16 * KB)
		(void)hpn_sftp_server_write(p[1], out);
	hpn_sftp_server_opened(fd, O_RDWR);
	ASSERT_INT_EQ((int)pwrite(fd, content + MB, MB, 0), MB);
	while (sshbuf_len(out) > 0)
		(void)hpn_sftp_server_write(p[1], out);
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	ASSERT_INT_EQ(status, 0);
}

static void
test_large(void)
{
	u_char *content, *got;
	size_t i, at;
	ssize_t n;
	FILE *f, *end;
	pid_t child;
	int p[2], status;

	TEST_START("sftp_server: data that go from a file into the pipe");
	queues_new();
	ASSERT_PTR_NE(content = malloc(LARGE), NULL);
	ASSERT_PTR_NE(got = malloc(300 * KB), NULL);
	/* No part of it is like another. */
	for (i = 0; i < LARGE; i++)
		content[i] = (u_char)(i * 31 + i / 251);
	ASSERT_PTR_NE(f = tmpfile(), NULL);
	ASSERT_SIZE_T_EQ(fwrite(content, 1, LARGE, f), LARGE);
	ASSERT_INT_EQ(fflush(f), 0);

	/* There is room for them, but nobody has copied them */
	ASSERT_INT_EQ(pipe(p), 0);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 1, fileno(f), 0, 64 * KB),
	    64 * KB);
	ASSERT_SIZE_T_EQ(sshbuf_len(out), 13 + 64 * KB);
#ifdef SPLICE_F_MOVE
	ASSERT_INT_NE(memcmp(sshbuf_ptr(out) + 13, content, 64 * KB), 0);
#endif
	while (sshbuf_len(out) != 0) {
		ASSERT_INT_GT((int)hpn_sftp_server_write(p[1], out), 0);
		ASSERT_INT_GT((int)read(p[0], got, 300 * KB), 0);
	}
	close(p[0]);
	close(p[1]);
	/* To a pipe that holds little, and to a socket */
	ASSERT_INT_EQ(pipe(p), 0);
	set_nonblock(p[0]);
	set_nonblock(p[1]);
	large_answers(p[0], p[1], content, fileno(f));
	/* One that is shorter now: its answer says how much it was */
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 7, fileno(f), 1000,
	    200 * KB), 200 * KB);
	ASSERT_INT_EQ(ftruncate(fileno(f), 5000), 0);
	for (at = 0, i = 0; i < 1000 && at < 13 + 200 * KB; i++) {
		(void)hpn_sftp_server_write(p[1], out);
		if ((n = read(p[0], got + at, 300 * KB - at)) > 0)
			at += (size_t)n;
	}
	ASSERT_SIZE_T_EQ(at, 13 + 200 * KB);
	ASSERT_MEM_EQ(got + 13, content + 1000, 4000);
	ASSERT_INT_EQ((int)pwrite(fileno(f), content, LARGE, 0), LARGE);
	close(p[0]);
	close(p[1]);
	ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
	set_nonblock(p[0]);
	set_nonblock(p[1]);
	large_answers(p[0], p[1], content, fileno(f));
	close(p[0]);
	close(p[1]);
	/* What the kernel moves nothing to: from then on it is not tried */
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0) {
		ASSERT_PTR_NE(end = tmpfile(), NULL);
		ASSERT_INT_NE(fcntl(fileno(end), F_SETFL, O_APPEND), -1);
		large_answers(fileno(end), fileno(end), content, fileno(f));
		_exit(0);
	}
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	ASSERT_INT_EQ(status, 0);
	/* What is in stdout's pipe has been read before files may change */
	ASSERT_INT_NE(child = fork(), -1);
	if (child == 0) {
		changes_later(content, fileno(f));
		_exit(0);
	}
	ASSERT_INT_EQ(waitpid(child, &status, 0), child);
	ASSERT_INT_EQ(status, 0);
	ASSERT_INT_EQ((int)pwrite(fileno(f), content, MB, 0), MB);
	/* What the client may change: its answer has what it had */
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 8, fileno(f), 0,
	    200 * KB), 200 * KB);
	ASSERT_INT_EQ((int)hpn_sftp_server_data(out, 9, fileno(f), 4000,
	    100 * KB), 100 * KB);
	hpn_sftp_server_opened(fileno(f), O_RDWR);
	ASSERT_INT_EQ((int)pwrite(fileno(f), content + MB, MB, 0), MB);
	ASSERT_MEM_EQ(sshbuf_ptr(out) + 13, content, 200 * KB);
	ASSERT_MEM_EQ(sshbuf_ptr(out) + 200 * KB + 26, content + 4000,
	    100 * KB);
	ASSERT_INT_EQ((int)pwrite(fileno(f), content, MB, 0), MB);
	sshbuf_reset(out);
	fclose(f);
	free(content);
	free(got);
	queues_free();
	TEST_DONE();
}

/* A full pipe that nobody reads is written to, which says so. */
static void
test_reader_gone(void)
{
	struct pollfd p[2] = { { .fd = -1 }, { .events = POLLOUT } };
	u_char some[4096] = { 0 };
	int ends[2];

	TEST_START("sftp_server: nobody reads the answers any more");
	ASSERT_INT_EQ(pipe(ends), 0);
	set_nonblock(ends[1]);
	while (write(ends[1], some, sizeof(some)) != -1)
		;
	close(ends[0]);
	p[1].fd = ends[1];
	ASSERT_INT_EQ(hpn_sftp_server_poll(p), 1);
	ASSERT_INT_NE(p[1].revents & POLLOUT, 0);
	close(ends[1]);
	TEST_DONE();
}

void
test_sftp_server(void)
{
	test_is_sftp();
	test_open_regular();
	test_open_changing();
	test_policy();
	test_whole();
	test_answer();
	test_data();
	test_kernel_file();
	test_io();
	test_large();
	test_reader_gone();
	test_unwanted();
	/* Last: it changes how requests are read */
	test_bulk();
}
