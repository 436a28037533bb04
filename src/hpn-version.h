/*
 * SPDX-License-Identifier: ISC
 *
 * openssh-hpn's own version and how it is shown. version.h includes this file,
 * so everything that shows OpenSSH's version can show ours after it.
 *
 * HPN_VERSION	our name and version: a comment in the identification string
 *		of RFC 4253, section 4.2. Peers match on the text before it. It
 *		must never contain "hpn16", "hpn17" or "hpn18": clients of
 *		HPN-SSH change what they do on those.
 * HPN_RELEASE	what -V and Match version show: OpenSSH's release (with the
 *		distribution's revision, where there is one), then ours.
 */

#ifndef HPN_VERSION_H
#define HPN_VERSION_H

#define HPN_VERSION	"openssh-hpn-0.1"
#define HPN_RELEASE	SSH_RELEASE " " HPN_VERSION

#endif /* HPN_VERSION_H */
