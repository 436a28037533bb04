/* SPDX-License-Identifier: ISC */
/*
 * hpn-umac: NH, the innermost part of UMAC (RFC 4418 section 5.2), with the
 * processor's vector instructions.  NH is by far the most expensive part.  If
 * the cipher is as fast as memory, the MAC is most of what a packet costs.
 */
#ifndef HPN_UMAC_H
#define HPN_UMAC_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that are hashed at a time.  Only the end of a message is shorter.  Do
 * not call hpn_umac_nh() for it: it gains nothing there.
 */
#define HPN_UMAC_STEP	64

/*
 * Add NH of the `len` bytes at `data` to the `streams` 64-bit words at `sum`.
 * `key` is in the machine's byte order and has len + 16 * (streams - 1) bytes.
 * No alignment is needed.  Returns 1, or 0 with nothing done.  It returns 0 if
 * `len` is not a positive multiple of HPN_UMAC_STEP, or if it does not support
 * this processor, this compiler or `streams`.  Then use the portable code.
 * There is no state, so any thread may call it.
 */
int hpn_umac_nh(const void *key, const void *data, void *sum, size_t len,
    int streams);

#endif /* HPN_UMAC_H */
