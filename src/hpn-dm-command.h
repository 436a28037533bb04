/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-command: dmscp -R: a stream to or from a command on the server.
 */
#ifndef HPN_DM_COMMAND_H
#define HPN_DM_COMMAND_H

struct hpn_dm_opts;

/*
 * Returns when the command has ended well and all of the stream was handed over and
 * compared; otherwise the program ends with a status of hpn-dm-child.h, or that of
 * the command.
 */
void hpn_dm_command(const struct hpn_dm_opts *);

#endif /* HPN_DM_COMMAND_H */
