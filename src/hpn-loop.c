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
#include "hpn-clock.h"
#include "hpn-connection.h"
#include "hpn-connect.h"
#include "hpn-loop.h"
#include "hpn-pace.h"
#include "hpn-pipe.h"
#include "hpn-tcp.h"

/*
 * How much of its application's data one channel may hold, in trips.  Twice
 * what the packet layer takes at a time never runs dry.  The peer's window may
 * be a thousand times larger, and must not be stored here.
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

/* A terminal's few bytes are not held back; they are no bulk data. */
static int
limited(const struct ssh *ssh, const Channel *c)
{
	return ssh->hpn != NULL && ssh->hpn->sends.rate != 0 &&
	    !c->isatty && !c->client_tty;
}

/* No more than may pass, but something: the channel is ready. */
static size_t
within(struct hpn_pace *pace, size_t len)
{
	u_int64_t wait;
	int64_t allowed = hpn_pace_allowed(pace, hpn_clock_ns(), &wait);

	if (allowed < 1)
		allowed = 1;
	return (u_int64_t)allowed < len ? (size_t)allowed : len;
}

size_t
hpn_loop_read_max(struct ssh *ssh, const Channel *c)
{
	size_t max = CHANNEL_MAX_READ;

	if (ssh->hpn != NULL && c->hpn_read >= CHANNEL_MAX_READ)
		max = c->hpn_read;
	return limited(ssh, c) ? within(&ssh->hpn->sends, max) : max;
}

size_t
hpn_loop_write_max(struct ssh *ssh, const Channel *c, size_t len)
{
	return limited(ssh, c) ? within(&ssh->hpn->receives, len) : len;
}

void
hpn_loop_hold(struct ssh *ssh, Channel **channels, u_int nchannels,
    struct timespec *timeout)
{
	u_int64_t now, wait[2], least = 0;
	u_int i, held = 0, would[2] = {
	    SSH_CHAN_IO_RFD | SSH_CHAN_IO_EFD_R,
	    SSH_CHAN_IO_WFD | SSH_CHAN_IO_EFD_W };

	if (ssh->hpn == NULL || ssh->hpn->sends.rate == 0)
		return;
	now = hpn_clock_ns();
	(void)hpn_pace_allowed(&ssh->hpn->sends, now, &wait[0]);
	(void)hpn_pace_allowed(&ssh->hpn->receives, now, &wait[1]);
	for (i = 0; i < 2; i++) {
		if (wait[i] != 0)
			held |= would[i];
	}
	for (i = 0; i < nchannels && held != 0; i++) {
		if (channels[i] == NULL || !limited(ssh, channels[i]) ||
		    channels[i]->type != SSH_CHANNEL_OPEN)
			continue;
		if ((channels[i]->io_want & held & would[0]) != 0 &&
		    (least == 0 || wait[0] < least))
			least = wait[0];
		if ((channels[i]->io_want & held & would[1]) != 0 &&
		    (least == 0 || wait[1] < least))
			least = wait[1];
		channels[i]->io_want &= ~held;
	}
	if (least != 0)
		ptimeout_deadline_ms(timeout, (long)(least / 1000000) + 1);
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
	if (limited(ssh, c))
		hpn_pace_passed(&ssh->hpn->sends, len);
	hpn_watch_read(ssh, c, len);
	if (ssh->hpn == NULL || len < max || max < CHANNEL_MAX_READ)
		return;
	/* No more than what is sent in one trip */
	c->hpn_read = MINIMUM(2 * max, hpn_loop_trip(ssh));
	enlarge(c, c->rfd, SSH_CHAN_IO_RFD);
}

void
hpn_loop_written(struct ssh *ssh, Channel *c, size_t len, size_t max)
{
	if (limited(ssh, c))
		hpn_pace_passed(&ssh->hpn->receives, len);
	hpn_watch_received(ssh, c, len);
	if (ssh->hpn == NULL || len == max || max < CHANNEL_MAX_READ)
		return;
	enlarge(c, c->wfd, SSH_CHAN_IO_WFD);
}

void
hpn_loop_adjusted(struct ssh *ssh, Channel *c)
{
	hpn_connect_window(ssh->connect, c->self, &c->remote_window);
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
	hpn_watch_sent(ssh, len);
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
