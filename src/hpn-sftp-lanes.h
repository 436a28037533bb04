/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-lanes: further SFTP servers over the connection that ssh has made
 * for us (hpn-lanes-ssh.h), each behind a channel of its own (hpn-lanes.h).
 *
 * Lane 0 is the connection's own.  Other lanes come some time after we ask for
 * them, or never.  A lane that a server refuses, or that has ended, is not
 * there.
 */
#ifndef HPN_SFTP_LANES_H
#define HPN_SFTP_LANES_H

#include <sys/types.h>

#include "hpn-connections.h"
#include "hpn-lanes.h"
#include "hpn-sftp-connections.h"
#include "hpn-sftp-report.h"

struct hpn_sftp_io;

struct hpn_sftp_lane {
	struct hpn_sftp_io *io;		/* NULL: it is not there */
	int fd;				/* ours, not of lane 0 */
	int ahead;			/* made before anybody knew what for */
	int let_in;			/* ssh has authenticated */
	int ready;			/* the server has said its version */
	int failed;			/* ... or something else */
	u_int64_t under_way;		/* bytes of data */
	u_int requests;			/* under way */
	u_int files;			/* that are written to here */
	u_int homed;			/* small ones that are copied here, */
	u_int64_t load;			/* ... their bytes that are to come */
	/* of a connection of its own: */
	pid_t pid;			/* of its ssh; 0: it is none */
	u_int64_t begun_ns;		/* it was started */
	u_int64_t heard_ns;		/* it said something, or owed nothing */
	struct hpn_connections_window window;
};

struct hpn_sftp_lanes {
	struct hpn_sftp_lane lane[HPN_LANES_SLOTS];
	u_int n;			/* lanes that there are, or were */
	int control;			/* to ask ssh; -1: there is no asking */
	struct hpn_lanes policy;	/* of channels */
	struct hpn_connections several;	/* ... and of connections */
	struct hpn_sftp_connections_how how;
	int missing;			/* one did not come */
	int said;			/* ... and that was said */
	u_int helped;			/* somebody had to (hpn-person.h) */
	u_int64_t round_ns;		/* when the round began, 0: there is none */
	u_int64_t round_bytes;		/* moved in it */
	int tell_only;			/* ssh only tells us something there */
	int heard;			/* and has done so */
	u_int64_t sent_ns;		/* it sent what is early; 0: it did not */
};

/*
 * _offer: call it before ssh is started, in the process that starts it.  It
 * makes the socket on which ssh tells us its configuration.  With sessions
 * non-zero, we can also ask for further sessions there.  Only the first call
 * has an effect.  _child: call it in the child that becomes ssh, to hand over
 * the socket.
 */
void hpn_sftp_lanes_offer(int sessions);
void hpn_sftp_lanes_child(char *const argv[]);

/* One argument of -X, as hpn_lanes_option(); connections=N by its number. */
int hpn_sftp_lanes_option(const char *arg);
int hpn_sftp_lanes_connections(const char *number);
/* They will not be several, whatever was asked for: say why, once. */
void hpn_sftp_lanes_unused(const char *why);

/* The lanes of a connection: only lane 0 at first. */
void hpn_sftp_lanes_init(struct hpn_sftp_lanes *, struct hpn_sftp_io *);

/*
 * Read what ssh tells of its configuration, for hpn_sftp_plain().  With io
 * NULL, do not wait.  Otherwise wait until ssh has told it, cannot tell it, or
 * something came from the server.  Returns 1 if ssh has told it or cannot,
 * else 0.
 */
int hpn_sftp_lanes_hear(struct hpn_sftp_lanes *, struct hpn_sftp_io *);

/*
 * Hand ssh packets that it sends, before the server has said what it is, to a server
 * that opens files early.  After the packets' sender has heard, once.  Returns 0, or
 * -1 if ssh takes none.  _sent: the server has answered; whether ssh has sent them,
 * and when.
 */
int hpn_sftp_lanes_early(struct hpn_sftp_lanes *, const struct sshbuf *);
int hpn_sftp_lanes_early_sent(struct hpn_sftp_lanes *, u_int64_t *sent_ns);

/* Whether further lanes are connections of their own. */
int hpn_sftp_lanes_connect(const struct hpn_sftp_lanes *);
/* Whether other lanes are there, or may come. */
int hpn_sftp_lanes_more(const struct hpn_sftp_lanes *);
/* Connections that were begun and are not there yet. */
u_int hpn_sftp_lanes_coming(const struct hpn_sftp_lanes *);
/* Whether len more bytes may be written in a lane that is a connection. */
int hpn_sftp_lanes_feed(const struct hpn_sftp_lanes *, u_int lane, size_t len);
/* Whether len more bytes may be under way where answers are to come soon. */
int hpn_sftp_lanes_brief(const struct hpn_sftp_lanes *, u_int lane, size_t len);
/* What is to come of small files that have begun in one of several connections. */
u_int64_t hpn_sftp_lanes_load(const struct hpn_sftp_lanes *);
/* Whether a large file may use this one. */
int hpn_sftp_lanes_use(const struct hpn_sftp_lanes *, u_int lane);
/* Whether less of its window is taken than another's; -1: there is no other. */
int hpn_sftp_lanes_freer(const struct hpn_sftp_lanes *, u_int lane, int than);
/*
 * Whether len bytes would come through it later than all the others, of which rest
 * have not been asked for.  Never if nothing else is under way.
 */
int hpn_sftp_lanes_late(const struct hpn_sftp_lanes *, u_int lane, size_t len,
    u_int64_t rest);
/* Whether they are too much for it so close to the end: rest are left after them. */
int hpn_sftp_lanes_last(const struct hpn_sftp_lanes *, u_int lane, size_t len,
    u_int64_t rest);
/* What a connection that large files use brings in a round trip, in the mean. */
u_int64_t hpn_sftp_lanes_usual(const struct hpn_sftp_lanes *);
/* A request for so many bytes of data was answered in a lane. */
void hpn_sftp_lanes_answered(struct hpn_sftp_lanes *, u_int lane,
    u_int64_t bytes, u_int64_t rtt_ns);

/*
 * _moved: so many bytes were moved.  _grow: so many bytes are left.  Ask for
 * as many lanes as the policy wants.  Later, _get() finds the ones that have
 * come.
 */
void hpn_sftp_lanes_moved(struct hpn_sftp_lanes *, u_int64_t bytes);
void hpn_sftp_lanes_grow(struct hpn_sftp_lanes *, u_int64_t now_ns,
    u_int64_t rtt_ns, u_int64_t left);

/*
 * Not all connections could be made that were asked for: once, how many there are,
 * the first among them.  Otherwise 0.
 */
u_int hpn_sftp_lanes_missing(struct hpn_sftp_lanes *);

/* We want no further lanes: ssh may send no-more-sessions. */
void hpn_sftp_lanes_no_more(struct hpn_sftp_lanes *);

/*
 * As hpn_sftp_io_trip(), for all lanes.  Returns 0, or -1 and errno if lane 0
 * has ended.  *gonep is another lane that has ended, or 0.
 */
int hpn_sftp_lanes_trip(struct hpn_sftp_lanes *, int timeout_ms, u_int *gonep);

/*
 * As hpn_sftp_io_get(), from any lane, which *lanep receives.  This also
 * handles the versions of other lanes' servers.
 */
int hpn_sftp_lanes_get(struct hpn_sftp_lanes *, u_int *lanep,
    const u_char **packetp, size_t *lenp);

/* End all lanes except lane 0. */
void hpn_sftp_lanes_end(struct hpn_sftp_lanes *);

#endif /* HPN_SFTP_LANES_H */
