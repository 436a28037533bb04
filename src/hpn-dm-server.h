/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-server: "dmscp -server", the other end of dmscp -R: runs a command, and
 * gives it a stream or takes one from it.
 */
#ifndef HPN_DM_SERVER_H
#define HPN_DM_SERVER_H

/*
 * As main() has them; the first argument is -server.  Speaks over standard input
 * and output.  Returns the exit status.
 *
 * The process that was started (the front) hands its connection to one that has a
 * session of its own (the keeper) and stays until that is done with it.  A front
 * that comes later finds the keeper by a socket in ~/.dmscp, whose name is made of
 * the run's secret.
 */
int hpn_dm_server(int argc, char **argv);

/* The program is to end: in the keeper, the command before it sees an end. */
void hpn_dm_server_cleanup(void);

#endif /* HPN_DM_SERVER_H */
