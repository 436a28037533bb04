/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: hpn-rtt.  The input is a sequence of calls at any times, in
 * any order.
 */

#include <string.h>

#include "fuzz.h"
#include "hpn-rtt.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct hpn_rtt r;
	uint64_t now = 0, asked = 0, longest = 0, tcp;
	int open = 0, known = 0;

	hpn_rtt_init(&r);
	while (in.left > 0) {
		switch (input_bytes(&in, 1) % 6) {
		case 0:
			now += input_bytes(&in, 5);
			break;
		case 1:
			now = input_number(&in);
			break;
		case 2:
			if (hpn_rtt_ask(&r, now)) {
				HOLDS(!open);
				hpn_rtt_asked(&r, now);
				open = 1;
				asked = now;
				HOLDS(!hpn_rtt_ask(&r, now));
			}
			break;
		case 3:			/* an answer, maybe unasked for */
			hpn_rtt_answered(&r, now);
			/* longer is an outage, and no sample */
			if (open && now > asked &&
			    now - asked < HPN_RTT_WINDOW_NS) {
				known = 1;
				if (now - asked > longest)
					longest = now - asked;
			}
			open = 0;
			break;
		case 4:
			hpn_rtt_abandoned(&r);
			open = 0;
			break;
		case 5:
			tcp = input_number(&in);
			HOLDS(hpn_rtt_get(&r, tcp) >= tcp);
			HOLDS(hpn_rtt_get(&r, tcp) >= hpn_rtt_get(&r, 0));
			break;
		}
		/* Known once there was a sample, and never beyond the longest. */
		HOLDS((hpn_rtt_get(&r, 0) != 0) == known);
		HOLDS(hpn_rtt_get(&r, 0) <= longest);
	}
	return 0;
}
