/* SPDX-License-Identifier: ISC */
/* See hpn-rest.h for what this does. */

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
#include "hpn-batch.h"
#include "hpn-rest.h"

int
hpn_rest_due(struct hpn_rest *rest, u_int64_t moved, u_int64_t now_ns,
    u_int64_t *wait_ns)
{
	*wait_ns = 0;
	if (moved - rest->moved > HPN_REST_BYTES) {
		rest->moved = moved;
		rest->since_ns = now_ns;
	}
	if (rest->since_ns == 0)
		return 0;
	if (now_ns - rest->since_ns < HPN_REST_NS) {
		*wait_ns = HPN_REST_NS - (now_ns - rest->since_ns);
		return 0;
	}
	rest->moved = moved;
	rest->since_ns = 0;
	return 1;
}

void
hpn_channels_rest(struct ssh *ssh, Channel **channels, u_int nchannels,
    struct timespec *timeout, struct hpn_rest *rest)
{
	u_int64_t in, out, wait;
	struct timespec now;
	u_int i;

	if (ssh->hpn == NULL)
		return;
	ssh_packet_get_bytes(ssh, &in, &out);
	monotime_ts(&now);
	if (!hpn_rest_due(rest, in + out, (u_int64_t)now.tv_sec * 1000000000 +
	    (u_int64_t)now.tv_nsec, &wait)) {
		if (wait != 0)
			ptimeout_deadline_ms(timeout, (long)(wait / 1000000) + 1);
		return;
	}
	debug2_f("after %llu bytes", (unsigned long long)(in + out));
	for (i = 0; i < nchannels; i++) {
		if (channels[i] == NULL)
			continue;
		hpn_buffer_rest(channels[i]->input);
		hpn_buffer_rest(channels[i]->output);
		hpn_buffer_rest(channels[i]->extended);
	}
	ssh_packet_rest(ssh);
#ifdef __GLIBC__
	/* What channels that are closed have freed lies between what is used */
	(void)malloc_trim(0);
#endif
}
