/* SPDX-License-Identifier: ISC */
/*
 * hpn-base: the internal functions of OpenSSH that our modules use and that a
 * release may drop or change.  Nothing else in src/ calls them.  So a base
 * that lost one fails to compile here, and you mend it here.  Include this
 * before any header of OpenSSH's that includes sshbuf.h.
 *
 * The functions are inline, because scp and sftp are linked without the
 * ciphers.  Errors are SSH_ERR_*; 0 is success.
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
 * Get the IV of a cipher's context, len bytes.  With GCM this also moves the
 * context on to the next IV: libcrypto has only one call for both.
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
