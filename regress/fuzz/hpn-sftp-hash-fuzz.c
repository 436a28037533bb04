/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: the extension hash-ranges on the wire (hpn-sftp-hash), what a
 * server receives and what a client does.  Needs the tree.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sshbuf.h"
#include "fuzz.h"
#include "hpn-sftp-hash.h"

#define FILE_LEN	50000

static int fd = -1;

/* Any answer at all: what is taken is what was asked for. */
static void
client(struct input *in)
{
	struct hpn_hash_range range;
	struct hpn_sftp_hash_answer a;
	struct sshbuf *m;
	size_t i, sum;
	int shaped;

	range.offset = input_number(in);
	range.length = input_number(in);
	range.block = input_number(in);
	HOLDS((m = sshbuf_new()) != NULL);
	shaped = input_bytes(in, 1) & 1;
	if (shaped) {
		HOLDS(sshbuf_put_u64(m, input_number(in)) == 0);
		HOLDS(sshbuf_put_u8(m, (u_char)input_bytes(in, 1)) == 0);
		HOLDS(sshbuf_put_string(m, in->p, in->left) == 0);
	} else
		HOLDS(sshbuf_put(m, in->p, in->left) == 0);
	if (hpn_sftp_hash_get_answer(m, &range, &a) == 0) {
		HOLDS(a.count * HPN_HASH_LEN <= in->left);
		HOLDS(a.count == hpn_hash_blocks(&range, a.hashed));
		HOLDS(a.count > 0 || a.ended);
		HOLDS(range.length == 0 || a.hashed <= range.length);
		HOLDS(range.offset + a.hashed <= INT64_MAX);
		/* All of them can be read */
		for (i = 0, sum = 0; i < a.count * HPN_HASH_LEN; i++)
			sum += a.hashes[i];
		HOLDS(sum <= 255 * a.count * HPN_HASH_LEN);
	}
	sshbuf_free(m);
}

/* Any request: what a server says to it, its own client takes. */
static void
server(struct input *in)
{
	static const char filler[FILE_LEN] = "x";
	struct hpn_hash_range range;
	struct hpn_sftp_hash_answer a;
	struct sshbuf *m;
	int known;

	if (fd == -1) {
		HOLDS((fd = memfd_create("fuzz", 0)) != -1);
		HOLDS(write(fd, filler, FILE_LEN) == FILE_LEN);
	}
	HOLDS((m = sshbuf_new()) != NULL);
	HOLDS(sshbuf_put(m, in->p, in->left) == 0);
	if (hpn_sftp_hash_get_request(m, &range, &known) != 0) {
		sshbuf_reset(m);
		range.offset = input_number(in);
		range.length = input_number(in);
		range.block = input_number(in);
	}
	sshbuf_reset(m);
	if (hpn_sftp_hash_answer(m, 7, fd, &range) == -1)
		HOLDS(sshbuf_len(m) == 0);
	else {
		HOLDS(sshbuf_len(m) <= 18 + HPN_SFTP_HASH_ROOM * HPN_HASH_LEN);
		HOLDS(sshbuf_consume(m, 5) == 0);
		HOLDS(hpn_sftp_hash_get_answer(m, &range, &a) == 0);
		HOLDS(a.hashed <= FILE_LEN);
		HOLDS(!a.ended || a.hashed == 0 ||
		    range.offset + a.hashed == FILE_LEN);
	}
	sshbuf_free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (input_bytes(&in, 1) & 1)
		client(&in);
	else
		server(&in);
	return 0;
}
