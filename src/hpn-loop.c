/* SPDX-License-Identifier: ISC */
/* See hpn-loop.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <time.h>

#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "channels.h"
#include "hpn-connection.h"
#include "hpn-loop.h"
#include "hpn-pipe.h"
#include "hpn-tcp.h"

/*
 * What one channel may hold of what its application wants to send, in trips:
 * twice what the packet layer takes at a time never runs dry; the peer's window
 * may be a thousand times larger and must not be stored here.
 */
#define INPUT_TRIPS	2

/* What may wait to be sent, in trips, while other ssh processes add to it. */
#define FORWARD_TRIPS	2

/* Look at the connection's sending rate once per so many bytes. */
#define PACE_EVERY	(1024 * 1024)
#define PACE_FIRST	(64 * 1024)

size_t
hpn_loop_trip(const struct ssh *ssh)
{
	u_int32_t half;

	if (ssh->hpn == NULL)
		return HPN_LOOP_TRIP_LEAST;
	half = ssh->hpn->unsent / 2;	/* of eight milliseconds' worth */
	return MINIMUM(MAXIMUM(half, HPN_LOOP_TRIP_LEAST), HPN_LOOP_TRIP_MAX);
}

size_t
hpn_loop_read_max(struct ssh *ssh, const Channel *c)
{
	if (ssh->hpn == NULL || c->hpn_read < CHANNEL_MAX_READ)
		return CHANNEL_MAX_READ;
	return c->hpn_read;
}

size_t
hpn_loop_connection_read_max(const struct ssh *ssh, size_t usual)
{
	return ssh->hpn == NULL ? usual : HPN_LOOP_TRIP_MAX;
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
hpn_loop_read(struct ssh *ssh, Channel *c, size_t len, size_t max)
{
	if (ssh->hpn == NULL || len < max || max < CHANNEL_MAX_READ)
		return;
	/* No more than what is sent in one trip */
	c->hpn_read = MINIMUM(2 * max, hpn_loop_trip(ssh));
	enlarge(c, c->rfd, SSH_CHAN_IO_RFD);
}

void
hpn_loop_written(struct ssh *ssh, Channel *c, size_t len, size_t max)
{
	if (ssh->hpn == NULL || len == max || max < CHANNEL_MAX_READ)
		return;
	enlarge(c, c->wfd, SSH_CHAN_IO_WFD);
}

void
hpn_loop_adjusted(struct ssh *ssh, const Channel *c)
{
	if (ssh->hpn != NULL && sshbuf_len(c->input) == 0 &&
	    !ssh_packet_have_data_to_write(ssh))
		(void)hpn_tcp_ack_now(ssh_packet_get_connection_in(ssh));
}

int
hpn_loop_output(struct ssh *ssh)
{
	int did, ret = 0;

	do {
		did = channel_output_poll(ssh);
		ret |= did;
	} while (did && ssh->hpn != NULL && ssh_packet_may_send_data(ssh) &&
	    ssh_packet_not_very_much_data_to_write(ssh));
	return ret;
}

int
hpn_loop_may_read(struct ssh *ssh, const struct sshbuf *queued)
{
	return ssh->hpn == NULL || sshbuf_len(queued) <
	    INPUT_TRIPS * hpn_loop_trip(ssh);
}

int
hpn_loop_may_forward(struct ssh *ssh)
{
	/* Our own channels fill one trip each time: that must leave room */
	return ssh->hpn == NULL || sshbuf_len(ssh_packet_get_output(ssh)) <
	    FORWARD_TRIPS * hpn_loop_trip(ssh);
}

void
hpn_loop_sent(struct ssh *ssh, size_t len)
{
	struct hpn_connection *hpn = ssh->hpn;
	struct hpn_tcp_facts tcp;
	u_int32_t unsent;
	int fd;

	if (hpn == NULL)
		return;
	hpn->unpaced += len;
	if (hpn->unpaced < (hpn->unsent == 0 ? PACE_FIRST : PACE_EVERY))
		return;
	hpn->unpaced = 0;
	fd = ssh_packet_get_connection_out(ssh);
	if (hpn_tcp_facts_get(fd, &tcp) != 0 || tcp.rate == 0)
		return;
	unsent = hpn_tcp_unsent_target(tcp.rate, tcp.pace, tcp.rtt_min_ns);
	/* A system call for every small change is not worth it */
	if (unsent > hpn->unsent + hpn->unsent / 4 ||
	    unsent < hpn->unsent - hpn->unsent / 4) {
		if (hpn_tcp_unsent_set(fd, unsent) == 0) {
			debug3_f("TCP holds %u bytes unsent at most, "
			    "rtt at least %llu us", unsent,
			    (unsigned long long)tcp.rtt_min_ns / 1000);
			hpn->unsent = unsent;
		}
	}
}
