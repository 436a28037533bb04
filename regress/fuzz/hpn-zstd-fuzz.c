/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: hpn-zstd-stream, what a peer sends.  Packets of any bytes, of our
 * own sender and of ours with bytes changed; and whatever our own sender makes of
 * any payloads arrives as it was.  Needs the tree, built with libzstd.
 */

#include "includes.h"

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "kex.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "fuzz.h"
#include "hpn-zstd.h"
#include "hpn-zstd-stream.h"

#define HEADER	5
#define MOST	(HPN_ZSTD_PACKET_MAX + 64)

static u_char data[MOST];

/* A payload whose bytes are the input's, over and over. */
static size_t
payload(struct input *in)
{
	size_t len = 1 + (size_t)input_bytes(in, 3) % MOST, i, n;

	if (input_bytes(in, 1) & 1)
		len = 1 + len % 3000;
	n = 1 + (size_t)input_bytes(in, 1);
	for (i = 0; i < len; i++)
		data[i] = i < n ? (u_char)input_bytes(in, 1) : data[i - n];
	if (data[0] & 1)
		data[0] = 94 + (data[0] >> 1 & 1);
	if (len > 5)
		memset(data + 1, 0, 3);
	return len;
}

static void
check(struct hpn_zstd_stream *s, struct sshbuf *packet, int *over)
{
	u_char form = sshbuf_len(packet) == 0 ? 9 :
	    sshbuf_ptr(packet)[sshbuf_len(packet) - 1];
	size_t len = sshbuf_len(packet);

	if (hpn_zstd_stream_get(s, packet) != 0) {
		*over = 1;
		return;
	}
	HOLDS(form <= HPN_ZSTD_GOES_ON);
	if (form == HPN_ZSTD_STORED)
		HOLDS(sshbuf_len(packet) == len - 1 && len > 1);
	else
		HOLDS(hpn_zstd_may(sshbuf_ptr(packet), sshbuf_len(packet)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct hpn_zstd_stream *out = NULL, *in_ = NULL;
	struct input in = { bytes, size };
	struct sshbuf *packet;
	int level, kind, over = 0, ours = 1;
	size_t len, n;
	u_int steps;

	HOLDS(hpn_zstd_stream_is(HPN_ZSTD_NAME));
	/* The high ones take long to begin */
	level = 1 + (int)input_bytes(&in, 1) % 5;
	HOLDS(hpn_zstd_stream_begin(&out, MODE_OUT) == 0);
	HOLDS(hpn_zstd_stream_begin(&in_, MODE_IN) == 0);
	for (steps = 0; in.left > 0 && !over && steps < 12; steps++) {
		HOLDS((packet = sshbuf_new()) != NULL);
		kind = (int)input_bytes(&in, 1);
		switch (kind % 8) {
		case 0:		/* any bytes, perhaps behind a frame's magic */
			if (kind & 8)
				HOLDS(sshbuf_put(packet, "\x28\xb5\x2f\xfd",
				    4) == 0);
			n = (size_t)input_bytes(&in, 1) % (in.left + 1);
			HOLDS(sshbuf_put(packet, in.p, n) == 0);
			in.p += n;
			in.left -= n;
			HOLDS(sshbuf_put_u8(packet, (u_char)(kind >> 4)) == 0);
			ours = 0;
			check(in_, packet, &over);
			break;
		case 1:
			HOLDS(hpn_zstd_stream_begin(&out, MODE_OUT) == 0);
			HOLDS(hpn_zstd_stream_begin(&in_, MODE_IN) == 0);
			break;
		case 2:
			hpn_zstd_stream_idle(kind & 8 ? out : in_);
			break;
		default:
			len = payload(&in);
			HOLDS(sshbuf_put(packet, "\0\0\0\0\0", HEADER) == 0);
			HOLDS(sshbuf_put(packet, data, len) == 0);
			HOLDS(hpn_zstd_stream_put(out, packet, level) == 0);
			HOLDS(sshbuf_consume(packet, HEADER) == 0);
			HOLDS(sshbuf_len(packet) <= len + len / 64 + 64);
			if (kind % 8 == 3) {
				n = sshbuf_len(packet);
				sshbuf_mutable_ptr(packet)[input_bytes(&in, 3)
				    % n] ^= (u_char)input_bytes(&in, 1);
				ours = 0;
			}
			check(in_, packet, &over);
			if (!ours)
				break;
			HOLDS(!over && sshbuf_len(packet) == len);
			HOLDS(memcmp(sshbuf_ptr(packet), data, len) == 0);
			break;
		}
		sshbuf_free(packet);
	}
	hpn_zstd_stream_free(&out);
	hpn_zstd_stream_free(&in_);
	return 0;
}
