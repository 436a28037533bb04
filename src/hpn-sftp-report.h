/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-report: scp and sftp ask the ssh that they start to say what limited
 * the copy.
 *
 * ssh learns it from its environment (HPN_WATCH_ENV).  ssh that takes SIGUSR1 for
 * the question says so through the socket of hpn-lanes-ssh.h.  Only such an ssh
 * is ever sent that signal.
 */
#ifndef HPN_SFTP_REPORT_H
#define HPN_SFTP_REPORT_H

#include <sys/types.h>

/* The user's limit, bits a second. */
void hpn_sftp_report_limit(long long);

/* This ssh is to be the first of several connections. */
void hpn_sftp_report_several(void);

/* In the child that becomes ssh: metered, if the user sees a progress meter. */
void hpn_sftp_report_child(int metered);

/* Where the process id of the ssh is, or less than 2. */
void hpn_sftp_report_of(const volatile pid_t *);

/*
 * Whether the ssh that has that process id takes SIGUSR1.  Once one did, SIGUSR1
 * to this program is handed on to it.
 */
void hpn_sftp_report_told(int takes);

#endif /* HPN_SFTP_REPORT_H */
