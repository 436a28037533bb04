/* SPDX-License-Identifier: ISC */
/*
 * hpn-base: what our modules use of OpenSSH's insides: functions that a release
 * may drop or change.  Nothing else in src/ calls them, so a base that lost one
 * fails here, with one place to mend.  Include it before any header of OpenSSH's
 * that includes sshbuf.h.
 *
 * Functions of a header, so that scp and sftp, which have no ciphers, need none.
 * Errors are SSH_ERR_*; 0 is success.
 */
#ifndef HPN_BASE_H
#define HPN_BASE_H

#ifndef SSHBUF_INTERNAL
#define SSHBUF_INTERNAL	/* sshbuf_alloc() */
#endif

#include <sys/types.h>

#include "cipher.h"
#include "sshbuf.h"

/*
 * The IV of a cipher's context, len bytes.  To ask for the IV of a GCM uses it
 * up: libcrypto has one call for both.
 */
static inline int
hpn_base_iv_get(struct sshcipher_ctx *cc, u_char *iv, size_t len)
{
	return cipher_get_keyiv(cc, iv, len);
}

static inline int
hpn_base_iv_set(struct sshcipher_ctx *cc, const u_char *iv, size_t len)
{
	return cipher_set_keyiv(cc, iv, len);
}

/*
 * Decrypt the length of the packet numbered seqnr that begins at cp, for a cipher
 * that sends it beside the data.
 */
static inline int
hpn_base_packet_length(struct sshcipher_ctx *cc, u_int *lengthp, u_int seqnr,
    const u_char *cp, u_int len)
{
	return cipher_get_length(cc, lengthp, seqnr, cp, len);
}

/* The bytes that a buffer has allocated, used or not. */
static inline size_t
hpn_base_buf_allocated(const struct sshbuf *b)
{
	return sshbuf_alloc(b);
}

#endif /* HPN_BASE_H */
