/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-hash: the SFTP extension hash-ranges@openssh-hpn on the wire, for
 * both ends; PROTOCOL.hpn, section 6.1, specifies it.  Everything that comes
 * from the peer is checked here.
 */
#ifndef HPN_SFTP_HASH_H
#define HPN_SFTP_HASH_H

#include <sys/types.h>
#include <stdint.h>

#include "hpn-hash.h"

struct sshbuf;

#define HPN_SFTP_HASH_EXTENSION	"hash-ranges@openssh-hpn"
#define HPN_SFTP_HASH_VERSION	"1"

/* The most that one request makes the server read (bytes) and send (hashes). */
#define HPN_SFTP_HASH_MOST	(64ULL * 1024 * 1024)
#define HPN_SFTP_HASH_ROOM	4096
/* The longest that it keeps other requests waiting, nanoseconds. */
#define HPN_SFTP_HASH_WAIT_NS	250000000ULL

struct hpn_sftp_hash_answer {
	uint64_t hashed;	/* bytes, from the range's offset on */
	int ended;		/* the file ended within the range */
	const u_char *hashes;	/* HPN_HASH_LEN bytes each, in the message */
	size_t count;
};

/*
 * Client: append the whole request, SSH2_FXP_EXTENDED and all, to a message.
 * 0 or SSH_ERR_*.
 */
int hpn_sftp_hash_put_request(struct sshbuf *, u_int32_t id,
    const u_char *handle, size_t handle_len, const struct hpn_hash_range *);

/*
 * Server: what follows the handle in a request.  *known tells whether the
 * algorithm is one of ours.  0 or SSH_ERR_*; nothing else is wrong with the
 * message then, but the range may still be none.
 */
int hpn_sftp_hash_get_request(struct sshbuf *, struct hpn_hash_range *,
    int *known);

/*
 * Server: hash the range of the file and append the whole answer,
 * SSH2_FXP_EXTENDED_REPLY and all, to a message.  0, or -1 with errno as
 * hpn_hash_file(), the message as it was.
 */
int hpn_sftp_hash_answer(struct sshbuf *, u_int32_t id, int fd,
    const struct hpn_hash_range *);

/*
 * Client: what follows the id in a SSH2_FXP_EXTENDED_REPLY to the request for
 * this range.  Points into the message.  0 or SSH_ERR_INVALID_FORMAT and the
 * like: hashes that are not what was asked for, or an answer with which asking
 * again would not come to an end.
 */
int hpn_sftp_hash_get_answer(struct sshbuf *, const struct hpn_hash_range *,
    struct hpn_sftp_hash_answer *);

#endif /* HPN_SFTP_HASH_H */
