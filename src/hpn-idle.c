/* SPDX-License-Identifier: ISC */
/* See hpn-idle.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/queue.h>

#ifdef __GLIBC__
# include <malloc.h>
#endif
#include <stdarg.h>
#include <time.h>

#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "channels.h"
#include "hpn-clock.h"
#include "hpn-packet-buf.h"
#include "hpn-idle.h"
#include "hpn-loop.h"
#include "hpn-watch.h"

int
hpn_idle_due(struct hpn_idle *rest, u_int64_t moved, u_int64_t now_ns,
    u_int64_t *wait_ns)
{
	*wait_ns = 0;
	if (moved - rest->moved > HPN_IDLE_BYTES) {
		rest->moved = moved;
		rest->since_ns = now_ns;
		rest->busy = 1;
	}
	if (now_ns - rest->since_ns < HPN_IDLE_NS) {
		if (rest->busy)
			*wait_ns = HPN_IDLE_NS - (now_ns - rest->since_ns);
		return 0;
	}
	/* Little by little is not bulk, however much it becomes */
	rest->moved = moved;
	rest->since_ns = now_ns;
	if (!rest->busy)
		return 0;
	rest->busy = 0;
	return 1;
}

void
hpn_idle_channels(struct ssh *ssh, Channel **channels, u_int nchannels,
    struct timespec *timeout, struct hpn_idle *rest)
{
	u_int64_t in, out, wait;
	u_int i;

	if (ssh->hpn == NULL)
		return;
	hpn_loop_hold(ssh, channels, nchannels, timeout);
	hpn_watch_sleep(ssh, channels, nchannels, timeout);
	ssh_packet_get_bytes(ssh, &in, &out);
	if (!hpn_idle_due(rest, in + out, hpn_clock_ns(), &wait)) {
		if (wait != 0)
			ptimeout_deadline_ms(timeout, (long)(wait / 1000000) + 1);
		return;
	}
	debug2_f("after %llu bytes", (unsigned long long)(in + out));
	for (i = 0; i < nchannels; i++) {
		if (channels[i] == NULL)
			continue;
		hpn_packet_buf_release(channels[i]->input);
		hpn_packet_buf_release(channels[i]->output);
		hpn_packet_buf_release(channels[i]->extended);
	}
	ssh_packet_idle(ssh);
#ifdef __GLIBC__
	/* Memory that closed channels have freed lies between used memory */
	(void)malloc_trim(0);
#endif
}
