/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: hpn-why-wire.  The input is what a peer sends as its facts, and
 * becomes a sentence and JSON.
 */

#include <string.h>

#include "fuzz.h"
#include "hpn-report.h"
#include "hpn-why.h"
#include "hpn-why-wire.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[HPN_WHY_WIRE_MOST];
	char sentence[HPN_REPORT_SENTENCE], json[HPN_REPORT_JSON];
	struct hpn_why_wire w, back;
	struct hpn_why_facts f;
	struct hpn_why why;
	size_t len;
	int sends;

	if (hpn_why_wire_get(&w, data, size) != 0) {
		HOLDS(!w.end.known && w.end.sent == 0 && w.end.cc[0] == '\0');
		return 0;
	}
	len = hpn_why_wire_put(&w, again, sizeof(again));
	HOLDS(len != 0);
	HOLDS(hpn_why_wire_get(&back, again, len) == 0);
	/* Without a time that counts there are no facts */
	HOLDS(!w.end.known || memcmp(&back.end, &w.end, sizeof(w.end)) == 0);
	HOLDS(memcmp(&back.tcp, &w.tcp, sizeof(w.tcp)) == 0);
	for (sends = 0; sends < 2; sends++) {
		memset(&f, 0, sizeof(f));
		f.here.known = 1;
		f.here.total_ns = 10000000000ULL;
		f.here.sent = f.here.received = 1000000000;
		f.there = w.end;
		f.sends = sends;
		hpn_why_decide(&f, &why);
		HOLDS(why.share[0] <= 1000 && why.share[1] <= why.share[0]);
		HOLDS(!why.certain || w.end.known);
		hpn_report_sentence(&f, &why, sentence, sizeof(sentence));
		HOLDS(strpbrk(sentence, "\r\n\033") == NULL);
		HOLDS(hpn_report_json(&f, &why, 1, "end", "h", json,
		    sizeof(json)) == 0);
	}
	return 0;
}
