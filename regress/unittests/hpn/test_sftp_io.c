/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of hpn-sftp-io: packets whose data are copied or lent, in order, over a
 * pipe that holds little and over a socket.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "misc.h"
#include "progressmeter.h"
#include "sshbuf.h"
#include "hpn-sftp-io.h"
#include "tests.h"

#define PACKETS	400
#define DATA	(3 * MB)
/* More than it can take, or it hangs. */
#define TRIPS	200000

/* hpn-sftp-io shows progress while it waits. */
void
refresh_progress_meter(int force_update)
{
	(void)force_update;
}

static u_char *data;
static u_int chance = 1;
static int nothing[2], out, far;

static u_int
any(u_int below)
{
	chance = chance * 1103515245 + 12345;
	return (chance >> 8) % below;
}

/* The other end has read something: it goes on where `all' has got to. */
static void
compare(const struct sshbuf *all, size_t *at)
{
	u_char got[8192];
	ssize_t n;

	if ((n = read(far, got, 1 + any(sizeof(got)))) == -1) {
		ASSERT_INT_EQ(errno, EAGAIN);
		return;
	}
	ASSERT_SIZE_T_LE(*at + (size_t)n, sshbuf_len(all));
	ASSERT_MEM_EQ(got, sshbuf_ptr(all) + *at, (size_t)n);
	*at += (size_t)n;
}

/* One of them, with nothing to read. */
static struct hpn_sftp_io *
io_new(int pipes)
{
	struct hpn_sftp_io *io;
	int b[2];

	ASSERT_INT_EQ(pipe(nothing), 0);
	if (pipes)
		ASSERT_INT_EQ(pipe(b), 0);
	else
		ASSERT_INT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
#ifdef F_SETPIPE_SZ
	if (pipes)
		(void)fcntl(b[1], F_SETPIPE_SZ, 16384);
#endif
	far = b[0];
	out = b[1];
	set_nonblock(far);
	ASSERT_PTR_NE(io = hpn_sftp_io_new(nothing[0], out), NULL);
	return io;
}

static void
io_end(struct hpn_sftp_io *io)
{
	hpn_sftp_io_free(io);
	close(nothing[0]);
	close(nothing[1]);
	close(out);
	close(far);
}

static void
in_order(int pipes)
{
	struct hpn_sftp_io *io = io_new(pipes);
	struct sshbuf *all, *m;
	size_t at = 0, len, from;
	u_int i = 0, trips, head;

	ASSERT_PTR_NE(all = sshbuf_new(), NULL);
	ASSERT_PTR_NE(m = sshbuf_new(), NULL);
	for (trips = 0; trips < TRIPS; trips++) {
		if (i < PACKETS && any(2)) {
			sshbuf_reset(m);
			for (head = 1 + any(40); head > 0; head--)
				ASSERT_INT_EQ(sshbuf_put_u8(m, (u_char)i), 0);
			len = any(3) ? any(100000) : any(40);
			from = any((u_int)(DATA - len));
			ASSERT_INT_EQ(sshbuf_put_u32(all, (u_int32_t)
			    (sshbuf_len(m) + len)), 0);
			ASSERT_INT_EQ(sshbuf_putb(all, m), 0);
			ASSERT_INT_EQ(sshbuf_put(all, data + from, len), 0);
			if (any(3))
				hpn_sftp_io_lend(io, m, data + from, len);
			else
				hpn_sftp_io_put(io, m, data + from, len);
			i++;
		}
		if (any(2))
			compare(all, &at);
		if (any(2))
			ASSERT_INT_EQ(hpn_sftp_io_trip(io, 0), 0);
		ASSERT_SIZE_T_LE(at + hpn_sftp_io_queued(io), sshbuf_len(all));
		if (i == PACKETS && at == sshbuf_len(all))
			break;
	}
	ASSERT_SIZE_T_EQ(at, sshbuf_len(all));
	ASSERT_SIZE_T_EQ(hpn_sftp_io_queued(io), 0);
	io_end(io);
	sshbuf_free(all);
	sshbuf_free(m);
}

/* What is lent is not copied before it is sent, and what is put is. */
static void
where_it_is(void)
{
	struct hpn_sftp_io *io;
	struct sshbuf *m;
	u_char *mine, got[5 + 20000];
	int lend;

	for (lend = 0; lend < 2; lend++) {
		io = io_new(1);
		ASSERT_PTR_NE(m = sshbuf_new(), NULL);
		ASSERT_PTR_NE(mine = calloc(1, 20000), NULL);
		ASSERT_INT_EQ(sshbuf_put_u8(m, 'h'), 0);
		if (lend)
			hpn_sftp_io_lend(io, m, mine, 20000);
		else
			hpn_sftp_io_put(io, m, mine, 20000);
		mine[0] = 'x';
		ASSERT_INT_EQ(hpn_sftp_io_trip(io, 0), 0);
		ASSERT_INT_GT((int)read(far, got, sizeof(got)), 6);
		ASSERT_INT_EQ(got[4], 'h');
		ASSERT_INT_EQ(got[5], lend ? 'x' : 0);
		io_end(io);
		sshbuf_free(m);
		free(mine);
	}
}

/* An answer cannot be one to what lies in the queue, or in the pipe. */
static void
what_was_read(void)
{
	struct hpn_sftp_io *io = io_new(1);
	struct sshbuf *m;
	u_char got[8192];
	uint64_t first, both;
	size_t at, read_all = 0;
	ssize_t n;
	u_int trips;

	ASSERT_PTR_NE(m = sshbuf_new(), NULL);
	ASSERT_INT_EQ(sshbuf_put_u8(m, 'h'), 0);
	ASSERT_INT_EQ(hpn_sftp_io_has_read(io, 0), 1);
	hpn_sftp_io_lend(io, m, data, 30000);
	first = hpn_sftp_io_total(io);
	ASSERT_U64_EQ(first, 5 + 30000);
	hpn_sftp_io_put(io, m, data, 10);
	both = hpn_sftp_io_total(io);
	ASSERT_U64_EQ(both, first + 15);
	ASSERT_INT_EQ(hpn_sftp_io_has_read(io, 1), 0);
	ASSERT_INT_EQ(hpn_sftp_io_trip(io, 0), 0);
	ASSERT_INT_EQ(hpn_sftp_io_has_read(io, 1), 0);
	for (trips = 0; trips < TRIPS && read_all < both; trips++) {
		at = 1 + any(sizeof(got));
		if ((n = read(far, got, at)) > 0)
			read_all += (size_t)n;
		ASSERT_INT_EQ(hpn_sftp_io_has_read(io, read_all), 1);
		ASSERT_INT_EQ(hpn_sftp_io_has_read(io, read_all + 1), 0);
		ASSERT_INT_EQ(hpn_sftp_io_has_read(io, first),
		    read_all >= first);
		ASSERT_INT_EQ(hpn_sftp_io_trip(io, 0), 0);
	}
	ASSERT_U64_EQ(read_all, both);
	io_end(io);
	sshbuf_free(m);
}

void
test_sftp_io(void)
{
	size_t i;

	ASSERT_PTR_NE(data = calloc(1, DATA), NULL);
	for (i = 0; i < DATA; i++)
		data[i] = (u_char)any(256);
	TEST_START("sftp_io: packets in order, their data copied or lent, over a "
	    "pipe");
	in_order(1);
	TEST_DONE();
	TEST_START("sftp_io: ... and over a socket");
	in_order(0);
	TEST_DONE();
	TEST_START("sftp_io: what is lent is sent from where it is");
	where_it_is();
	TEST_DONE();
	TEST_START("sftp_io: what the other end has read of a pipe");
	what_was_read();
	TEST_DONE();
	free(data);
}
