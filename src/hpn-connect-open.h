/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect-open: a part of ssh.c, which includes this where it has opened what a
 * session needs.  It opens one that does not wait for the end of authentication,
 * with the functions that open any other.
 */
#ifndef HPN_CONNECT_OPEN_H
#define HPN_CONNECT_OPEN_H

void
ssh_session2_early(struct ssh *ssh)
{
	if (!hpn_connect_ssh_opens(ssh, ssh_packet_next_seqnr(ssh)))
		return;
	hpn_channels_configure(ssh, &options.hpn);
	ssh_init_stdio_forwarding(ssh);
	if (early_id == -1)
		early_id = ssh_session2_open(ssh);
	hpn_connect_ssh_opening(ssh, early_id);
	if (options.session_type != SESSION_TYPE_NONE)
		ssh_session2_setup(ssh, early_id, 1, NULL);
	hpn_connect_ssh_first(ssh, early_id, command);
	hpn_connect_opened(ssh->connect, ssh_packet_next_seqnr(ssh));
}

void
ssh_session2_withdraw(struct ssh *ssh)
{
	/* The failure may be the answer to "none" */
	if (hpn_connect_ssh_asked() || !hpn_connect_failed(ssh->connect))
		return;
	channel_free_all(ssh);
	early_id = -1;
}

#endif /* HPN_CONNECT_OPEN_H */
