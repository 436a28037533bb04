/* SPDX-License-Identifier: ISC */
/*
 * hpn-none-mac: which MAC protects data that no cipher protects.
 *
 * A strong MAC has a tag of 128 bits or more and no broken hash: umac-128,
 * hmac-sha2-256 and hmac-sha2-512, in both of OpenSSH's modes.  The machine
 * decides which of them is the fastest.  So it is measured once, when it is
 * needed.  This takes about a millisecond.
 */
#ifndef HPN_NONE_MAC_H
#define HPN_NONE_MAC_H

/* Whether any in a comma-separated list is strong. */
int hpn_none_mac_any_strong(const char *list);

/*
 * The strong MACs of a list, the fastest first.  Of two equally fast modes,
 * -etm comes first, because it authenticates before anything else.  "": there
 * is none.  NULL: no memory.  The caller frees it.
 */
char *hpn_none_mac_fastest(const char *list);

/*
 * Nanoseconds that a packet of 32 KiB takes; 0: not known.  This is the least
 * of several measurements, so that a busy machine does not matter.
 */
unsigned long long hpn_none_mac_cost(const char *name);

#endif /* HPN_NONE_MAC_H */
