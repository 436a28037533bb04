/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-hash.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sftp.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "hpn-sftp-hash.h"

int
hpn_sftp_hash_put_request(struct sshbuf *msg, u_int32_t id,
    const u_char *handle, size_t handle_len, const struct hpn_hash_range *range)
{
	int r;

	if ((r = sshbuf_put_u8(msg, SSH2_FXP_EXTENDED)) != 0 ||
	    (r = sshbuf_put_u32(msg, id)) != 0 ||
	    (r = sshbuf_put_cstring(msg, HPN_SFTP_HASH_EXTENSION)) != 0 ||
	    (r = sshbuf_put_string(msg, handle, handle_len)) != 0 ||
	    (r = sshbuf_put_u64(msg, range->offset)) != 0 ||
	    (r = sshbuf_put_u64(msg, range->length)) != 0 ||
	    (r = sshbuf_put_u64(msg, range->block)) != 0 ||
	    (r = sshbuf_put_cstring(msg, HPN_HASH_ALGORITHM)) != 0)
		return r;
	return 0;
}

int
hpn_sftp_hash_get_request(struct sshbuf *msg, struct hpn_hash_range *range,
    int *known)
{
	const u_char *name;
	size_t len;
	int r;

	if ((r = sshbuf_get_u64(msg, &range->offset)) != 0 ||
	    (r = sshbuf_get_u64(msg, &range->length)) != 0 ||
	    (r = sshbuf_get_u64(msg, &range->block)) != 0 ||
	    (r = sshbuf_get_string_direct(msg, &name, &len)) != 0)
		return r;
	*known = len == strlen(HPN_HASH_ALGORITHM) &&
	    memcmp(name, HPN_HASH_ALGORITHM, len) == 0;
	return 0;
}

int
hpn_sftp_hash_answer(struct sshbuf *msg, u_int32_t id, int fd,
    const struct hpn_hash_range *range)
{
	u_char *hashes;
	uint64_t hashed;
	size_t before = sshbuf_len(msg);
	ssize_t n;
	int saved, ended;

	if ((hashes = malloc(HPN_SFTP_HASH_ROOM * HPN_HASH_LEN)) == NULL)
		return -1;
	n = hpn_hash_file(fd, range, hashes, HPN_SFTP_HASH_ROOM,
	    HPN_SFTP_HASH_MOST, HPN_SFTP_HASH_WAIT_NS, &hashed, &ended);
	if (n >= 0 && (sshbuf_put_u8(msg, SSH2_FXP_EXTENDED_REPLY) != 0 ||
	    sshbuf_put_u32(msg, id) != 0 ||
	    sshbuf_put_u64(msg, hashed) != 0 ||
	    sshbuf_put_u8(msg, ended != 0) != 0 ||
	    sshbuf_put_string(msg, hashes, (size_t)n * HPN_HASH_LEN) != 0)) {
		(void)sshbuf_consume_end(msg, sshbuf_len(msg) - before);
		errno = ENOMEM;
		n = -1;
	}
	saved = errno;
	free(hashes);
	errno = saved;
	return n < 0 ? -1 : 0;
}

int
hpn_sftp_hash_get_answer(struct sshbuf *msg, const struct hpn_hash_range *range,
    struct hpn_sftp_hash_answer *answer)
{
	u_char ended;
	size_t len;
	int r;

	if ((r = sshbuf_get_u64(msg, &answer->hashed)) != 0 ||
	    (r = sshbuf_get_u8(msg, &ended)) != 0 ||
	    (r = sshbuf_get_string_direct(msg, &answer->hashes, &len)) != 0)
		return r;
	answer->ended = ended != 0;
	answer->count = len / HPN_HASH_LEN;
	if (len % HPN_HASH_LEN != 0 || sshbuf_len(msg) != 0 ||
	    range->offset > INT64_MAX ||
	    answer->hashed > (uint64_t)INT64_MAX - range->offset ||
	    (range->length != 0 && answer->hashed > range->length) ||
	    hpn_hash_blocks(range, answer->hashed) != answer->count)
		return SSH_ERR_INVALID_FORMAT;
	/* Else one would ask for ever */
	if (answer->hashed == 0 && !answer->ended)
		return SSH_ERR_INVALID_FORMAT;
	return 0;
}
