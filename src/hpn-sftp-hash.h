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
/* The longest time that it keeps other requests waiting, nanoseconds. */
#define HPN_SFTP_HASH_WAIT_NS	250000000ULL

struct hpn_sftp_hash_answer {
	uint64_t hashed;	/* bytes, from the range's offset on */
	int ended;		/* the file ended within the range */
	const u_char *hashes;	/* HPN_HASH_LEN bytes each, in the message */
	size_t count;
};

/*
 * Client: append the whole request to a message, from SSH2_FXP_EXTENDED on.
 * Returns 0 or SSH_ERR_*.
 */
int hpn_sftp_hash_put_request(struct sshbuf *, u_int32_t id,
    const u_char *handle, size_t handle_len, const struct hpn_hash_range *);

/*
 * Server: read what follows the handle in a request.  *known: whether we have
 * the algorithm.  Returns 0 or SSH_ERR_*.  0 means that the message is well
 * formed.  Its range may still be impossible.
 */
int hpn_sftp_hash_get_request(struct sshbuf *, struct hpn_hash_range *,
    int *known);

/*
 * Server: hash the range of the file, and append the whole answer to a
 * message, from SSH2_FXP_EXTENDED_REPLY on.  Returns 0, or -1 with errno as
 * hpn_hash_file().  Then the message is unchanged.
 */
int hpn_sftp_hash_answer(struct sshbuf *, u_int32_t id, int fd,
    const struct hpn_hash_range *);

/*
 * Client: read what follows the id in a SSH2_FXP_EXTENDED_REPLY to the request
 * for this range.  The result points into the message.  Returns 0 or
 * SSH_ERR_*.  SSH_ERR_INVALID_FORMAT also means hashes that were not asked
 * for, or an answer after which the client would ask for ever.
 */
int hpn_sftp_hash_get_answer(struct sshbuf *, const struct hpn_hash_range *,
    struct hpn_sftp_hash_answer *);

#endif /* HPN_SFTP_HASH_H */
