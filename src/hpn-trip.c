/* SPDX-License-Identifier: ISC */
/* See hpn-trip.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <time.h>

#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "channels.h"
#include "hpn-batch.h"
#include "hpn-channels.h"
#include "hpn-tcp.h"
#include "hpn-trip.h"

size_t
hpn_channel_read_max(struct ssh *ssh, const Channel *c)
{
	if (ssh->hpn == NULL || c->hpn_read < CHANNEL_MAX_READ)
		return CHANNEL_MAX_READ;
	return c->hpn_read;
}

size_t
hpn_connection_read_max(const struct ssh *ssh, size_t usual)
{
	return ssh->hpn == NULL ? usual : HPN_TRIP_MAX;
}

/* Pipes of a user that all hold much leave little to others: bulk only. */
static void
enlarge(Channel *c, int fd, u_int which)
{
	if ((c->hpn_enlarged & which) != 0)
		return;
	c->hpn_enlarged |= which;
	hpn_pipe_enlarge(fd);
}

void
hpn_channel_read(struct ssh *ssh, Channel *c, size_t len, size_t max)
{
	if (ssh->hpn == NULL || len < max || max < CHANNEL_MAX_READ)
		return;
	/* No more than what is sent in one trip */
	c->hpn_read = MINIMUM(2 * max, hpn_channels_trip(ssh));
	enlarge(c, c->rfd, SSH_CHAN_IO_RFD);
}

void
hpn_channel_written(struct ssh *ssh, Channel *c, size_t len, size_t max)
{
	if (ssh->hpn == NULL || len == max || max < CHANNEL_MAX_READ)
		return;
	enlarge(c, c->wfd, SSH_CHAN_IO_WFD);
}

void
hpn_channel_adjusted(struct ssh *ssh, const Channel *c)
{
	if (ssh->hpn != NULL && sshbuf_len(c->input) == 0 &&
	    !ssh_packet_have_data_to_write(ssh))
		(void)hpn_tcp_ack_now(ssh_packet_get_connection_in(ssh));
}

int
hpn_channels_output(struct ssh *ssh)
{
	int did, ret = 0;

	do {
		did = channel_output_poll(ssh);
		ret |= did;
	} while (did && ssh->hpn != NULL && ssh_packet_may_send_data(ssh) &&
	    ssh_packet_not_very_much_data_to_write(ssh));
	return ret;
}
