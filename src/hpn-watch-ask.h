/* SPDX-License-Identifier: ISC */
/*
 * hpn-watch-ask: how scp and sftp tell ssh that a person watches a copy.
 *
 * The environment variable HPN_WATCH_ENV has, with colons between them, whether the
 * user sees a progress meter and this is the first of several connections, the user's limit in bytes a second (0: none), and the
 * process id of scp or sftp.  Another ssh does not look at it.
 */
#ifndef HPN_WATCH_ASK_H
#define HPN_WATCH_ASK_H

#define HPN_WATCH_ENV		"HPN_SSH_REPORT"
#define HPN_WATCH_METERED	'm'
#define HPN_WATCH_UNSEEN	'-'
#define HPN_WATCH_FIRST_METERED	'M'
#define HPN_WATCH_FIRST_UNSEEN	'+'

#endif /* HPN_WATCH_ASK_H */
