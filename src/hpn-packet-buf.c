/* SPDX-License-Identifier: ISC */
/* See hpn-packet-buf.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "hpn-base.h"
#include "hpn-packet-buf.h"
#include "hpn-buf.h"
#include "ssh2.h"
#include "sshbuf.h"

void
hpn_packet_buf_pad(struct hpn_pad *pad, u_char *p, size_t len)
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
hpn_packet_buf_forget(struct sshbuf *b, u_char type)
{
	size_t len = hpn_base_buf_allocated(b);
	u_char *begin;

	if (!on_data_path(type) || len > HPN_PACKET_BUF_KEEPS) {
		sshbuf_reset(b);
		return;
	}
	(void)sshbuf_consume(b, sshbuf_len(b));
	if (len > HPN_PACKET_BUF_WIPES)
		len = HPN_PACKET_BUF_WIPES;
	if (sshbuf_reserve(b, len, &begin) == 0) {
		explicit_bzero(begin, len);
		(void)sshbuf_consume_end(b, len);
	}
}

void
hpn_packet_buf_begin(struct sshbuf *b)
{
	if (sshbuf_len(b) != 0)
		sshbuf_reset(b);
}

void
hpn_packet_buf_release(struct sshbuf *b)
{
	size_t len = hpn_base_buf_allocated(b);
	u_char *begin;

	if (sshbuf_len(b) != 0 || len <= HPN_PACKET_BUF_RELEASES ||
	    sshbuf_reserve(b, len, &begin) != 0)
		return;
	hpn_buf_release(begin, len);
	(void)sshbuf_consume_end(b, len);
}
