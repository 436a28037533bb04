/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-child: the processes that dmscp starts, and its own end.
 *
 * This remembers every child until it was waited for.  So none is left behind.
 */
#ifndef HPN_DM_CHILD_H
#define HPN_DM_CHILD_H

#include <sys/types.h>

struct hpn_dm_opts;

/* Exit statuses.  Commands seldom have these. */
#define HPN_DM_CHILD_FAILED	255	/* anything else */
#define HPN_DM_CHILD_DIFFERS	254	/* arrived, but is not what was sent */
#define HPN_DM_CHILD_COMMAND	253	/* the source or the sink failed */
#define HPN_DM_CHILD_SPACE	252	/* no space in time */
#define HPN_DM_CHILD_LINE	251	/* no connection in time */

/*
 * Start our ssh.  *in is a pipe from its standard output, *out one to its standard
 * input.
 *   what     the subsystem; with command non-zero, a command line for the
 *            user's shell on the server
 *   batch    ssh must not ask the user anything
 */
pid_t hpn_dm_child_ssh(const struct hpn_dm_opts *, const char *what,
    int command, int batch, int *in, int *out);

/* The same with a command line, reading and writing these; -1: as we do. */
pid_t hpn_dm_child_ssh_direct(const struct hpn_dm_opts *, const char *command,
    int batch, int in, int out);

/* sh -c command; its standard output, or with writes its input, is *fd. */
pid_t hpn_dm_child_shell(const char *command, int writes, int *fd);

/*
 * Whether the child has ended: 1, with *status as of waitpid(2), or 0: not yet.
 * wait non-zero: wait for it.  If a signal interrupts that, it says 1 and exit
 * status 255, and the child is ended with the program.
 */
int hpn_dm_child_ended(pid_t, int wait, int *status);

/* End it, if it has not, and forget it. */
void hpn_dm_child_stop(pid_t);

/* Its work is done: wait for its end so long, and then end it. */
void hpn_dm_child_finish(pid_t, uint64_t seconds);

/* "exit status 3", "signal 9", in a static buffer. */
const char *hpn_dm_child_status(int status);

/*
 * Append to a command line for a POSIX shell: a space and the word in quotes.
 * Returns a new string, and frees line.
 */
char *hpn_dm_child_quote(char *line, const char *word);

/* The signal with which the user or the system ends dmscp; 0: none yet. */
int hpn_dm_child_interrupted(void);
void hpn_dm_child_signals(void);

/* Say why, end all children, and the program with this status. */
void hpn_dm_child_die(int status, const char *fmt, ...)
    __attribute__((noreturn)) __attribute__((format(printf, 2, 3)));
void hpn_dm_child_exit(int status) __attribute__((noreturn));

#endif /* HPN_DM_CHILD_H */
