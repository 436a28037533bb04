/* SPDX-License-Identifier: ISC */
/*
 * hpn-ciphers: which cipher is preferred when nobody has said so.
 *
 * AES-GCM costs less than ChaCha20-Poly1305 where both ends' processors have
 * instructions for it, and many times as much where one has not.  The client's
 * order decides (RFC 4253 section 7.1), and it is sent before anything is known
 * of the server.  So each end that has the instructions proposes AES-GCM once
 * more, in front, under a name of ours.  It is chosen if both ends have it;
 * everything else stays as it would be.
 *
 * Strings in, decisions out.
 */
#ifndef HPN_CIPHERS_H
#define HPN_CIPHERS_H

/* Says: aes128-gcm@openssh.com, and this end has instructions for it. */
#define HPN_CIPHERS_HARDWARE	"aes128-gcm-hw@openssh-hpn"
#define HPN_CIPHERS_REAL	"aes128-gcm@openssh.com"

/*
 * Whether the processor has instructions for both halves of AES-GCM, as
 * libcrypto tells in OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS), in which the
 * masks that a user sets are respected (OPENSSL_ia32cap(3)).  NULL, and what
 * is not understood, is no.  Known are x86 and ARM.
 */
int hpn_ciphers_hardware(const char *settings);

/* Whether AES-GCM goes in front of a default order. */
int hpn_ciphers_ahead(const char *order, int hardware, int disabled);

/* What our name stands for; any other name is returned as it is. */
const char *hpn_ciphers_real(const char *name);

/* The same in place; NULL is allowed. */
void hpn_ciphers_resolve(char *name);

#endif /* HPN_CIPHERS_H */
