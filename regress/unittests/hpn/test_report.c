/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-report. */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-report.h"
#include "tests.h"

#define S	1000000000ULL
#define MS	1000000ULL
#define MIB	(1024ULL * 1024)

static void
facts(struct hpn_why_facts *f, struct hpn_why *w)
{
	memset(f, 0, sizeof(*f));
	f->sends = 1;
	f->here.known = 1;
	f->here.total_ns = 20 * S;
	f->here.window_ns = 19 * S;
	f->here.run_ns = S;
	f->here.sent = 400 * MIB;
	f->here.window = 2 * MIB;
	f->here.rtt_ns = 100 * MS;
	hpn_why_decide(f, w);
}

void
test_report(void)
{
	char buf[HPN_REPORT_JSON], again[HPN_REPORT_JSON];
	struct hpn_why_facts f;
	struct hpn_why w;
	size_t len;
	int i;

	TEST_START("report: the sentence has the number, the share, the advice");
	facts(&f, &w);
	hpn_report_sentence(&f, &w, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "limited by: the other end's SSH receive window, "
	    "2.0 MiB in each 100 ms round trip (100 % of the time); openssh-hpn "
	    "there would lift it (seen from this end)");
	TEST_DONE();

	TEST_START("report: certainty is for both ends");
	f.there = f.here;
	f.there.window_max = 2 * MIB;
	hpn_why_decide(&f, &w);
	hpn_report_sentence(&f, &w, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "certainly limited by: the other end's "
	    "HPNWindowMax of 2.0 MiB, 2.0 MiB in each 100 ms round trip (100 % "
	    "of the time); raise HPNWindowMax there");
	TEST_DONE();

	TEST_START("report: a sentence for each cause, whatever the room");
	for (i = 0; i < HPN_WHY_CAUSES; i++) {
		w.cause[0] = w.cause[1] = (enum hpn_why_cause)i;
		hpn_report_sentence(&f, &w, again, sizeof(again));
		ASSERT_SIZE_T_LT(strlen(again), HPN_REPORT_SENTENCE);
		for (len = 1; len < 300; len++) {
			memset(buf, 'x', len + 1);
			hpn_report_sentence(&f, &w, buf, len);
			ASSERT_SIZE_T_LT(strlen(buf), len);
			ASSERT_INT_EQ(buf[len], 'x');
		}
	}
	TEST_DONE();

	TEST_START("report: JSON escapes, and is whole or nothing");
	facts(&f, &w);
	memset(f.here.cc, '\\', sizeof(f.here.cc) - 1);
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 12.5, "end", "a\"b\n\xff", buf,
	    sizeof(buf)), 0);
	ASSERT_PTR_NE(strstr(buf, "{\"version\":1,\"time\":12.500,"
	    "\"event\":\"end\",\"peer\":\"a\\\"b\\u000a\\u00ff\""), NULL);
	ASSERT_PTR_NE(strstr(buf, "\"cause\":\"ssh-window\",\"share\":1.000"),
	    NULL);
	ASSERT_PTR_NE(strstr(buf, "\"there\":null}"), NULL);
	ASSERT_PTR_EQ(strchr(buf, '\n'), NULL);
	len = strlen(buf);
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 12.5, "end", "a\"b\n\xff", buf,
	    len), -1);
	ASSERT_STRING_EQ(buf, "");
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 12.5, "end", "a\"b\n\xff", buf,
	    len + 1), 0);
	TEST_DONE();

	TEST_START("report: the largest numbers fit");
	memset(&f.here, 0xff, sizeof(f.here));
	f.there = f.here;
	memset(f.here.cc, 1, sizeof(f.here.cc) - 1);
	f.here.cc[sizeof(f.here.cc) - 1] = '\0';
	f.there.cc[sizeof(f.there.cc) - 1] = '\0';
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 1e10, "end", NULL, buf,
	    sizeof(buf)), 0);
	TEST_DONE();

	TEST_START("report: units");
	hpn_report_rate(7600000, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "7.6 MB/s");
	hpn_report_rate(999, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "1.0 kB/s");
	hpn_report_size(65536, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "64 KiB");
	hpn_report_size(2097152, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "2.0 MiB");
	TEST_DONE();
}
