/* SPDX-License-Identifier: ISC */
/*
 * hpn-channels: the windows of channels.c.  Collects what hpn-window, hpn-rtt and
 * hpn-tcp need to know of a connection and acts on what they say.
 *
 * Nothing happens on a connection before hpn_channels_configure(): every
 * function below then leaves things as OpenSSH has them.
 */
#ifndef HPN_CHANNELS_H
#define HPN_CHANNELS_H

#include <sys/types.h>

struct ssh;
struct sshbuf;
struct Channel;
struct hpn_options;

/*
 * Start right-sizing on a connection that has authenticated, before its first
 * channel.  Does nothing when the options say HPNDisabled.  What it allocates
 * lives as long as the process, like the rest of struct ssh in ssh and sshd.
 */
void hpn_channels_configure(struct ssh *, const struct hpn_options *);

/*
 * A server's connection ends: log once, at VERBOSE, what it carried, in bytes
 * and seconds since hpn_channels_configure().  NULL is allowed.
 */
void hpn_channels_throughput(struct ssh *);

/*
 * A channel was made or got its window: count the window against the
 * connection's budget, and make it smaller if the budget has no more.
 */
void hpn_channels_opened(struct ssh *, struct Channel *);

/*
 * The window in bytes that a server grants a session before it has a command:
 * one packet.  So a client can send its first data right after the request for
 * the command, without waiting a round trip for the window.  The server handles
 * the request first.  0, as in OpenSSH, with HPNDisabled.
 */
u_int hpn_channels_early_window(const struct ssh *);

/* A channel goes away: its window counts no more. */
void hpn_channels_closed(struct ssh *, struct Channel *);

/*
 * The application consumed c->local_consumed bytes and an adjust could be
 * sent.  Resize the window: c->local_window_max and c->local_consumed change
 * by the same amount.  Returns 0 when no adjust should be sent yet.
 */
int hpn_channels_resize(struct ssh *, struct Channel *);

/*
 * Another part of sshd sent a channel request that must be answered.  Do not
 * take its answer for that of a probe.
 */
void hpn_channels_ignore_answer(struct ssh *, int id);

/*
 * sshd received the answer to a channel request: it keeps no account of them
 * otherwise.  type: of the message, whose content is yet to be read.
 */
void hpn_channels_answered(struct ssh *, int type);

/*
 * The round trip between the two programs, ns; 0: not known.  It is not always
 * timed: ask for it on a channel that data go through.
 */
u_int64_t hpn_channels_round_trip(struct ssh *);
void hpn_channels_ask_round_trip(struct ssh *, struct Channel *);

/*
 * _threads: how many threads seal and open packets in each direction, as
 * HPNThreads says, or HPN_WORKERS_AUTO.  _ring: how many threads make AES-CTR's
 * keystream for each key; 0: HPNThreads does not say.
 */
int hpn_channels_threads(const struct ssh *);
int hpn_channels_ring(const struct ssh *);

#endif /* HPN_CHANNELS_H */
