/* SPDX-License-Identifier: ISC */
/*
 * hpn-umac: NH, the innermost and by far the most expensive part of UMAC
 * (RFC 4418 section 5.2), with the vector instructions of the processor.  With
 * a cipher at memory speed the MAC is what a packet costs.
 */
#ifndef HPN_UMAC_H
#define HPN_UMAC_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is hashed at a time, bytes.  Only the end of a message is shorter: there
 * a caller had better not ask, as there is nothing to gain.
 */
#define HPN_UMAC_STEP	64

/*
 * Add NH of the `len` bytes at `data` to the `streams` 64-bit words at `sum`.
 * `key` is in the machine's byte order and has len + 16 * (streams - 1) bytes;
 * no alignment is asked for.  Returns 1; or 0, nothing done, when `len` is not
 * a positive multiple of HPN_UMAC_STEP, or when this processor, compiler or
 * `streams` is not one that this is written for: the caller then uses portable
 * code.  Keeps no state, any thread may call it.
 */
int hpn_umac_nh(const void *key, const void *data, void *sum, size_t len,
    int streams);

#endif /* HPN_UMAC_H */
