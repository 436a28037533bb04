/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-connections: further TCP connections to the SFTP server, each made by
 * an ssh of its own, with what the first one was given.  What would need a person,
 * or would do something a second time, is turned off for it.
 */
#ifndef HPN_SFTP_CONNECTIONS_H
#define HPN_SFTP_CONNECTIONS_H

#include <sys/types.h>

/* How the first ssh was started: read from a descriptor once it has been. */
struct hpn_sftp_connections_how {
	int fd;			/* -1: it was read, or there is none */
	char **argv;		/* NULL: it is not known */
};

/*
 * Before the first ssh is started: in the process that does it.  In the child that
 * becomes ssh: say how.
 */
void hpn_sftp_connections_offer(void);
void hpn_sftp_connections_child(char *const argv[]);
/* In the parent: what was offered becomes how. */
void hpn_sftp_connections_take(struct hpn_sftp_connections_how *);
void hpn_sftp_connections_forget(struct hpn_sftp_connections_how *);

/*
 * Start one more.  Its descriptor, to read and write, and *pidp; or -1.  It ends
 * when that is closed.
 */
int hpn_sftp_connections_start(struct hpn_sftp_connections_how *, pid_t *pidp);
/* It is not wanted any more; its descriptor is closed.  now: whatever it does. */
void hpn_sftp_connections_end(pid_t, int now);

#endif /* HPN_SFTP_CONNECTIONS_H */
