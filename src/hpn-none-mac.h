/* SPDX-License-Identifier: ISC */
/*
 * hpn-none-mac: which MAC is to guard data that no cipher guards.
 *
 * Strong are those with a tag of 128 bits or more and without a broken hash:
 * umac-128, hmac-sha2-256 and hmac-sha2-512, in both of OpenSSH's modes.  Which
 * of them is the fastest is a matter of the machine, so it is measured, once
 * and only when asked: about a millisecond.
 */
#ifndef HPN_NONE_MAC_H
#define HPN_NONE_MAC_H

/* Whether any in a comma-separated list is strong. */
int hpn_none_mac_any_strong(const char *list);

/*
 * The strong ones of a list, the fastest first; of equal ones the mode that
 * authenticates before it looks at anything (-etm) first.  "" if there is
 * none; NULL: no memory.  The caller frees it.
 */
char *hpn_none_mac_fastest(const char *list);

/*
 * Nanoseconds that a packet of 32 KiB takes; 0: not known.  Of several the
 * least, so that a machine that is busy does not matter.
 */
unsigned long long hpn_none_mac_cost(const char *name);

#endif /* HPN_NONE_MAC_H */
