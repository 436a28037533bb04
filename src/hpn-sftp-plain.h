/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-plain: scp and sftp with HPNDisabled.  They do as OpenSSH: one file
 * after another, at most 64 requests, no question in advance.
 *
 * They learn of HPNDisabled from -o on their own command line, or from ssh.
 * ssh reads the configuration.  It tells them through a socket that it
 * inherits from them (hpn-lanes-ssh.h), before it connects.  So they know it
 * when the server's first answer comes.
 */
#ifndef HPN_SFTP_PLAIN_H
#define HPN_SFTP_PLAIN_H

struct sftp_conn;

/* OpenSSH's DEFAULT_NUM_REQUESTS. */
#define HPN_SFTP_PLAIN_REQUESTS	64

/* An argument of -o.  The first one with HPNDisabled holds, as in ssh. */
void hpn_sftp_plain_option(const char *arg);

/* ssh says whether HPNDisabled is set; it has seen our -o as well. */
void hpn_sftp_plain_told(int disabled);

/* Whether it is. */
int hpn_sftp_plain(void);

/*
 * Copy the file or, with tree non-zero, the directory from, to become to.  flags
 * are a job's.  other: the source's connection; NULL: one side is local.  0, or
 * -1.
 */
int hpn_sftp_plain_copy(struct sftp_conn *, struct sftp_conn *other, int flags,
    const char *from, const char *to, int tree);

#endif /* HPN_SFTP_PLAIN_H */
