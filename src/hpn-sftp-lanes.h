/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-lanes: further SFTP servers over the connection that ssh has made
 * for us (hpn-lanes-ssh.h), each behind a channel of its own (hpn-lanes.h).
 *
 * Lane 0 is the connection's own.  Others come when asked for, or never: one that
 * a server refuses, or that has ended, is simply not there.
 */
#ifndef HPN_SFTP_LANES_H
#define HPN_SFTP_LANES_H

#include <sys/types.h>

#include "hpn-lanes.h"

struct hpn_sftp_io;

struct hpn_sftp_lane {
	struct hpn_sftp_io *io;		/* NULL: it is not there */
	int fd;				/* ours, not of lane 0 */
	int ready;			/* the server has said its version */
	int failed;			/* ... or something else */
	u_int64_t under_way;		/* bytes of data */
	u_int requests;			/* under way */
	u_int files;			/* that are written to here */
};

struct hpn_sftp_lanes {
	struct hpn_sftp_lane lane[HPN_LANES_MAX];
	u_int n;			/* lanes that there are, or were */
	int control;			/* to ask ssh; -1: there is no asking */
	struct hpn_lanes policy;
	u_int64_t round_ns;		/* when the round began, 0: there is none */
	u_int64_t round_bytes;		/* moved in it */
	int tell_only;			/* ssh only tells us something there */
	int heard;			/* and has done so */
};

/*
 * Before ssh is started, in the process that does it: it can tell us something,
 * and with sessions non-zero be asked for more.  The first call holds.
 * In the child that becomes ssh: hand it our wish.
 */
void hpn_sftp_lanes_offer(int sessions);
void hpn_sftp_lanes_child(void);

/* One argument of -X, as hpn_lanes_option(). */
int hpn_sftp_lanes_option(const char *arg);

/* The lanes of a connection, of which there is one. */
void hpn_sftp_lanes_init(struct hpn_sftp_lanes *, struct hpn_sftp_io *);

/*
 * Listen to what ssh says of its configuration; hpn_sftp_plain() then knows.
 * With io, wait until ssh has said it, or says nothing of the kind, or something
 * came from the server: then 0, else 1.  Without, do not wait.
 */
int hpn_sftp_lanes_hear(struct hpn_sftp_lanes *, struct hpn_sftp_io *);

/*
 * Bytes were moved.  So many are left: ask for as many lanes as the policy wants.
 * Those that come say so by themselves.
 */
void hpn_sftp_lanes_moved(struct hpn_sftp_lanes *, u_int64_t bytes);
void hpn_sftp_lanes_grow(struct hpn_sftp_lanes *, u_int64_t now_ns,
    u_int64_t rtt_ns, u_int64_t left);

/* There will be no others: ssh may tell the server. */
void hpn_sftp_lanes_no_more(struct hpn_sftp_lanes *);

/*
 * As hpn_sftp_io_trip(), for all of them.  0, or -1 and errno if the connection
 * has ended; *gonep is another lane that has, or 0.
 */
int hpn_sftp_lanes_trip(struct hpn_sftp_lanes *, int timeout_ms, u_int *gonep);

/*
 * As hpn_sftp_io_get(), from any of them; *lanep follows.  What other lanes'
 * servers say of themselves is dealt with here.
 */
int hpn_sftp_lanes_get(struct hpn_sftp_lanes *, u_int *lanep,
    const u_char **packetp, size_t *lenp);

/* No more will be sent in any but the first. */
void hpn_sftp_lanes_end(struct hpn_sftp_lanes *);

#endif /* HPN_SFTP_LANES_H */
