/* SPDX-License-Identifier: ISC */
/*
 * hpn-lanes-ssh: further sessions of ssh's connection, for the program that
 * started ssh.
 *
 * scp and sftp hand ssh a socket besides its standard descriptors, and name it
 * in the environment (HPN_LANES_SSH_ENV).  To get another session, they send a
 * frame and a descriptor there, as below.  ssh connects the descriptor to the
 * new session, which runs what the first one runs.  If there can be no new
 * session, ssh closes the descriptor.
 *
 * ssh closes the socket at once if further sessions are of no use: if the
 * server is not OpenSSH, or if its windows grow.  A server whose windows grow
 * lets a session's first data come with its request
 * (hpn_channels_early_window()).
 */
#ifndef HPN_LANES_SSH_H
#define HPN_LANES_SSH_H

#include <sys/types.h>

struct hpn_options;
struct ssh;
struct sshbuf;

#define HPN_LANES_SSH_ENV	"HPN_SSH_SESSIONS"
/* remote_name of such a channel.  It may fail without a message. */
#define HPN_LANES_SSH_NAME	"further-session"
/*
 * uint32 length, of what follows: 4; uint32 type: HPN_LANES_SSH_OPEN. After it,
 * one byte with the descriptor.
 */
#define HPN_LANES_SSH_OPEN	1
/*
 * What ssh says of its configuration, once, before it connects: uint32 length:
 * 8; uint32 type: HPN_LANES_SSH_TOLD; uint32 a set of bits.  The environment's
 * value begins with HPN_LANES_SSH_TELL if scp or sftp wants no further
 * sessions.
 */
#define HPN_LANES_SSH_TOLD	2
#define HPN_LANES_SSH_TOLD_LEN	12
#define HPN_LANES_SSH_DISABLED	0x01	/* HPNDisabled */
#define HPN_LANES_SSH_REPORTS	0x02	/* SIGUSR1 is taken, see hpn-watch.h */
#define HPN_LANES_SSH_TELL	"tell:"
/*
 * Such a program may send this once, before it sends anything to the server: uint32
 * length; uint32 type: HPN_LANES_SSH_EARLY; SFTP packets that ssh sends behind the
 * first ones, if the server opens files early (hpn-sftp-server.h).  If ssh has
 * sent them it says so, before the server can answer: uint32 length: 12; uint32 type:
 * HPN_LANES_SSH_SENT; uint64 when (hpn-clock.h).
 */
#define HPN_LANES_SSH_EARLY	3
#define HPN_LANES_SSH_EARLY_MOST	4096
#define HPN_LANES_SSH_SENT	4
#define HPN_LANES_SSH_SENT_LEN	16
/*
 * The server has let ssh in, and somebody had to help: uint32 length: 8; uint32 type:
 * HPN_LANES_SSH_HELPED; uint32 how (hpn-person.h).  This comes before what the server
 * says.  Only programs hear it that want no further sessions.
 */
#define HPN_LANES_SSH_HELPED	5
#define HPN_LANES_SSH_HELPED_LEN	12
/*
 * A further connection of its own has no such socket: the environment's value is
 * this, also for the ssh that connects it to a jump host.  None of them asks anybody.
 * Once the server has let it in, ssh says so where the packets of its SFTP
 * server follow: a packet of the length 1 and of a type that SFTP has not.
 */
#define HPN_LANES_SSH_FURTHER	"further"
#define HPN_LANES_SSH_LET_IN	0

/*
 * ssh begins: take the socket that the environment names, if it does.  Returns
 * the lowest descriptor that is not needed.
 */
int hpn_lanes_ssh_inherit(void);

/* Whether scp or sftp started this ssh. */
int hpn_lanes_ssh_serves(void);

/* ssh has read its configuration: tell it to the program that started ssh. */
void hpn_lanes_ssh_tell(const struct hpn_options *);

/*
 * The server has let us in: tell it, if we are a further connection; and if somebody
 * had to help.
 */
void hpn_lanes_ssh_authenticated(void);

/*
 * What came as HPN_LANES_SSH_EARLY: at most room bytes of packets.  Returns their
 * number, 0 if there are none, or more.  _sent: they were sent.
 */
size_t hpn_lanes_ssh_early(u_char *packets, size_t room);
void hpn_lanes_ssh_early_sent(void);

/* Whether further sessions may come: then do not send no-more-sessions yet. */
int hpn_lanes_ssh_may_come(struct ssh *);

/*
 * The first session is open, and has asked for command or, with subsystem
 * non-zero, for that subsystem.  The command must stay.
 */
void hpn_lanes_ssh_begin(struct ssh *, int id, struct sshbuf *command,
    int subsystem);

/* The first session is over, and so are the others. */
void hpn_lanes_ssh_end(struct ssh *);

#endif /* HPN_LANES_SSH_H */
