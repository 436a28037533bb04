/* SPDX-License-Identifier: ISC */
/*
 * hpn-ciphers: which cipher is preferred when nobody has said so.
 *
 * AES-GCM costs less than ChaCha20-Poly1305 if both ends' processors have
 * instructions for it.  It costs many times as much if one has not.  The
 * client's order decides (RFC 4253 section 7.1).  The client sends it before
 * it knows anything of the server.  So each end with the instructions lists
 * AES-GCM a second time, in front, under a name of ours.  If both ends list
 * this name, it is chosen.  Otherwise the choice is stock's.
 *
 * Strings in, decisions out.
 */
#ifndef HPN_CIPHERS_H
#define HPN_CIPHERS_H

/* Says: aes128-gcm@openssh.com, and this end has instructions for it. */
#define HPN_CIPHERS_HARDWARE	"aes128-gcm-hw@openssh-hpn"
#define HPN_CIPHERS_REAL	"aes128-gcm@openssh.com"

/*
 * Whether the processor has instructions for both halves of AES-GCM.  settings
 * is what libcrypto tells in OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS).  It
 * respects the masks that a user sets (OPENSSL_ia32cap(3)).  0 for NULL and
 * for text that we do not understand.  We know x86 and ARM.
 */
int hpn_ciphers_hardware(const char *settings);

/* Whether AES-GCM goes in front of a default order. */
int hpn_ciphers_ahead(const char *order, int hardware, int disabled);

/* What our name stands for; any other name is returned as it is. */
const char *hpn_ciphers_real(const char *name);

/* The same in place; NULL is allowed. */
void hpn_ciphers_resolve(char *name);

#endif /* HPN_CIPHERS_H */
