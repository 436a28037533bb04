/* SPDX-License-Identifier: ISC */
/* See hpn-batch.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hpn-base.h"
#include "hpn-batch.h"
#include "hpn-buf.h"
#include "ssh2.h"
#include "sshbuf.h"

/* Below this a pipe's own size, 64 KiB, is as good. */
#define PIPE_SIZE_LEAST	(128 * 1024)

void
hpn_pad_random(struct hpn_pad *pad, u_char *p, size_t len)
{
	u_char *from;

	if (len > pad->left) {
		arc4random_buf(pad->pool, sizeof(pad->pool));
		pad->left = sizeof(pad->pool);
	}
	/* From the end, so that `left` says where */
	pad->left -= len;
	from = pad->pool + pad->left;
	memcpy(p, from, len);
	explicit_bzero(from, len);
}

static int
on_data_path(u_char type)
{
	switch (type) {
	case SSH2_MSG_CHANNEL_DATA:
	case SSH2_MSG_CHANNEL_EXTENDED_DATA:
	case SSH2_MSG_CHANNEL_WINDOW_ADJUST:
		return 1;
	default:
		return 0;
	}
}

void
hpn_packet_forget(struct sshbuf *b, u_char type)
{
	size_t len = hpn_base_buf_allocated(b);
	u_char *begin;

	if (!on_data_path(type) || len > HPN_PACKET_KEEPS) {
		sshbuf_reset(b);
		return;
	}
	(void)sshbuf_consume(b, sshbuf_len(b));
	if (len > HPN_PACKET_WIPES)
		len = HPN_PACKET_WIPES;
	if (sshbuf_reserve(b, len, &begin) == 0) {
		explicit_bzero(begin, len);
		(void)sshbuf_consume_end(b, len);
	}
}

void
hpn_packet_begin(struct sshbuf *b)
{
	if (sshbuf_len(b) != 0)
		sshbuf_reset(b);
}

void
hpn_buffer_rest(struct sshbuf *b)
{
	size_t len = hpn_base_buf_allocated(b);
	u_char *begin;

	if (sshbuf_len(b) != 0 || len <= HPN_BUFFER_KEEPS ||
	    sshbuf_reserve(b, len, &begin) != 0)
		return;
	hpn_buf_release(begin, len);
	(void)sshbuf_consume_end(b, len);
}

void
hpn_pipe_enlarge(int fd)
{
	struct stat st;
	int size = HPN_PIPE_SIZE;

	if (fstat(fd, &st) == -1)
		return;
	if (S_ISSOCK(st.st_mode)) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);

		if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0 &&
		    ss.ss_family == AF_UNIX)
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
			    sizeof(size));
	}
#ifdef F_SETPIPE_SZ
	if (S_ISFIFO(st.st_mode)) {
		/* What all pipes of a user may hold together is limited */
		while (size >= PIPE_SIZE_LEAST &&
		    fcntl(fd, F_SETPIPE_SZ, size) == -1)
			size /= 2;
	}
#endif
}
