/* SPDX-License-Identifier: ISC */
/*
 * hpn-lanes-ssh: further sessions of ssh's connection, for the program that
 * started ssh.
 *
 * scp and sftp hand ssh a socket besides its standard ones and name it in the
 * environment (HPN_LANES_SSH_ENV). Whatever they want to have joined to another
 * session they send there: a frame and a descriptor, as below. The session runs
 * what the first one runs. If it cannot be had the descriptor is closed.
 *
 * The socket is closed at once if the server needs no such thing: that it is no
 * OpenSSH, or lets a session's first data come with its request (see
 * hpn_channels_early_window()), as one does whose windows grow.
 */
#ifndef HPN_LANES_SSH_H
#define HPN_LANES_SSH_H

#include <sys/types.h>

struct hpn_options;
struct ssh;
struct sshbuf;

#define HPN_LANES_SSH_ENV	"HPN_SSH_SESSIONS"
/* remote_name of a channel of theirs, which may fail without a word. */
#define HPN_LANES_SSH_NAME	"further-session"
/*
 * uint32 length, of what follows: 4; uint32 type: HPN_LANES_SSH_OPEN. After it,
 * one byte with the descriptor.
 */
#define HPN_LANES_SSH_OPEN	1
/*
 * What ssh says of its configuration, once, before it connects: uint32 length: 8;
 * uint32 type: HPN_LANES_SSH_TOLD; uint32 a set of bits. The environment's
 * value begins with HPN_LANES_SSH_TELL if nothing else is wanted of it.
 */
#define HPN_LANES_SSH_TOLD	2
#define HPN_LANES_SSH_TOLD_LEN	12
#define HPN_LANES_SSH_DISABLED	0x01	/* HPNDisabled */
#define HPN_LANES_SSH_TELL	"tell:"

/*
 * ssh begins: take the socket that the environment names, if it does.  Returns
 * the lowest descriptor that is not needed.
 */
int hpn_lanes_ssh_inherit(void);

/* ssh has its configuration: say what the program that started it has to know. */
void hpn_lanes_ssh_tell(const struct hpn_options *);

/* Whether sessions may be asked for: the server must not be told that none will. */
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
