/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-options. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-options.h"
#include "hpn-window.h"
#include "tests.h"

#define WINDOW	1
#define MEMORY	0

static int
set_size(struct hpn_options *o, int window, const char *arg, int active,
    const char **reason)
{
	return hpn_options_value(o, HPN_OPTIONS_CLIENT,
	    window ? "HPNWindowMax" : "hpnmemorymax", arg, active, reason);
}

static int
value(struct hpn_options *o, const char *keyword, const char *arg,
    const char **reason)
{
	return hpn_options_value(o, HPN_OPTIONS_CLIENT, keyword, arg, 1,
	    reason);
}

static void
defaults(int side, int64_t set, int64_t tcp_most, int64_t window,
    int64_t memory)
{
	struct hpn_options o;

	hpn_options_init(&o);
	if (set != -1)
		o.window_max = set;
	hpn_options_fill(&o, side, tcp_most);
	ASSERT_LONG_LONG_EQ(o.window_max, window);
	ASSERT_LONG_LONG_EQ(o.memory_max, memory);
}

static int
set_threads(struct hpn_options *o, const char *arg, int active,
    const char **reason)
{
	return hpn_options_value(o, HPN_OPTIONS_SERVER, "HPNThreads", arg,
	    active, reason);
}

static void
good(int window, const char *arg, int64_t expect)
{
	struct hpn_options o;
	const char *reason = NULL;

	test_subtest_info("%s '%s'", window ? "window" : "memory", arg);
	hpn_options_init(&o);
	ASSERT_INT_EQ(set_size(&o, window, arg, 1, &reason), 0);
	ASSERT_LONG_LONG_EQ(window ? o.window_max : o.memory_max, expect);
	ASSERT_LONG_LONG_EQ(window ? o.memory_max : o.window_max,
	    HPN_OPTION_UNSET);
}

static void
bad(int window, const char *arg, const char *expect)
{
	struct hpn_options o;
	const char *reason = NULL;
	char all[128];
	int active;

	snprintf(all, sizeof(all), "%s: it can be %s", expect,
	    window ? "64K to 536870911" : "1M to 1024G");
	test_subtest_info("%s '%s'", window ? "window" : "memory",
	    arg == NULL ? "NULL" : arg);
	for (active = 0; active < 2; active++) {
		hpn_options_init(&o);
		reason = NULL;
		ASSERT_INT_EQ(set_size(&o, window, arg, active,
		    &reason), -1);
		ASSERT_PTR_NE(reason, NULL);
		ASSERT_STRING_EQ(reason, all);
		ASSERT_LONG_LONG_EQ(o.window_max, HPN_OPTION_UNSET);
		ASSERT_LONG_LONG_EQ(o.memory_max, HPN_OPTION_UNSET);
	}
}

static void
dumped(const struct hpn_options *o, int side, const char *expect)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	f = open_memstream(&text, &len);
	ASSERT_PTR_NE(f, NULL);
	hpn_options_dump(o, side, f);
	ASSERT_INT_EQ(fclose(f), 0);
	ASSERT_STRING_EQ(text, expect);
	free(text);
}

static void
threads(const char *arg, int expect, const char *expect_reason)
{
	struct hpn_options o;
	const char *reason = NULL;
	char all[128];

	test_subtest_info("threads '%s'", arg == NULL ? "NULL" : arg);
	hpn_options_init(&o);
	ASSERT_INT_EQ(set_threads(&o, arg, 1, &reason),
	    expect_reason == NULL ? 0 : -1);
	ASSERT_INT_EQ(o.threads, expect);
	if (expect_reason == NULL)
		return;
	snprintf(all, sizeof(all), "%s: it can be auto, 0 to 64, or ring:N",
	    expect_reason);
	ASSERT_STRING_EQ(reason, all);
}

void
test_options(void)
{
	struct hpn_options o, other;
	const char *reason = NULL;
	char text[64], same[64];

	TEST_START("options: sizes");
	good(WINDOW, "65536", 65536);
	good(WINDOW, "64K", 65536);
	good(WINDOW, "64k", 65536);
	good(WINDOW, "8M", 8 * MB);
	good(WINDOW, "8m", 8 * MB);
	good(WINDOW, "1.5M", 3 * MB / 2);
	good(WINDOW, "536870911", HPN_WINDOW_CEILING);
	good(MEMORY, "1M", MB);
	good(MEMORY, "1048576", MB);
	good(MEMORY, "2G", 2LL << 30);
	good(MEMORY, "2g", 2LL << 30);
	good(MEMORY, "1024G", 1LL << 40);
	TEST_DONE();

	TEST_START("options: sizes that are missing");
	bad(WINDOW, NULL, "is missing");
	bad(WINDOW, "", "is missing");
	bad(MEMORY, NULL, "is missing");
	TEST_DONE();

	TEST_START("options: sizes that are no sizes");
	bad(WINDOW, "large", "is not a number of bytes, K, M or G");
	bad(WINDOW, "yes", "is not a number of bytes, K, M or G");
	bad(WINDOW, "12Q", "is not a number of bytes, K, M or G");
	bad(WINDOW, "1MB", "is not a number of bytes, K, M or G");
	bad(WINDOW, "1M2", "is not a number of bytes, K, M or G");
	bad(WINDOW, "1 M", "is not a number of bytes, K, M or G");
	bad(WINDOW, "1..5M", "is not a number of bytes, K, M or G");
	bad(WINDOW, "--1M", "is not a number of bytes, K, M or G");
	bad(WINDOW, "0x100000", "is not a number of bytes, K, M or G");
	bad(MEMORY, "64M,", "is not a number of bytes, K, M or G");
	bad(MEMORY, "64M ", "is not a number of bytes, K, M or G");
	bad(MEMORY, "64M;rm", "is not a number of bytes, K, M or G");
	bad(MEMORY, "64M-", "is not a number of bytes, K, M or G");
	bad(MEMORY, "\xff\xfe", "is not a number of bytes, K, M or G");
	TEST_DONE();

	TEST_START("options: sizes out of bounds");
	bad(WINDOW, "0", "is too small");
	bad(WINDOW, "65535", "is too small");
	bad(WINDOW, "-1", "is too small");
	bad(WINDOW, "-1M", "is too small");
	bad(WINDOW, "536870912", "is too large");
	bad(WINDOW, "512M", "is too large");
	bad(WINDOW, "4G", "is too large");
	bad(WINDOW, "4294967296", "is too large");
	bad(WINDOW, "4295032832", "is too large");	/* 2^32 + 64 KiB */
	bad(MEMORY, "1048575", "is too small");
	bad(MEMORY, "-9223372036854775807", "is too small");
	bad(MEMORY, "1099511627777", "is too large");
	bad(MEMORY, "9223372036854775807", "is too large");
	bad(MEMORY, "9223372036854775808", "is too large");
	bad(MEMORY, "99999999999999999999999999", "is too large");
	bad(MEMORY, "9000000000000G", "is too large");
	bad(MEMORY, "8589934592G", "is too large");	/* 2^63 */
	TEST_DONE();

	TEST_START("options: the argument is not written to");
	strlcpy(text, "64K", sizeof(text));
	strlcpy(same, text, sizeof(same));
	good(WINDOW, text, 65536);
	ASSERT_STRING_EQ(text, same);
	TEST_DONE();

	TEST_START("options: the first value holds");
	hpn_options_init(&o);
	ASSERT_INT_EQ(set_size(&o, WINDOW, "8M", 1, &reason), 0);
	ASSERT_INT_EQ(set_size(&o, WINDOW, "9M", 1, &reason), 0);
	ASSERT_INT_EQ(set_size(&o, WINDOW, "bad", 1, &reason), -1);
	ASSERT_LONG_LONG_EQ(o.window_max, 8 * MB);
	TEST_DONE();

	TEST_START("options: a block that does not apply");
	hpn_options_init(&o);
	ASSERT_INT_EQ(set_size(&o, WINDOW, "8M", 0, &reason), 0);
	ASSERT_LONG_LONG_EQ(o.window_max, HPN_OPTION_UNSET);
	ASSERT_INT_EQ(set_size(&o, MEMORY, "8M", 0, &reason), 0);
	ASSERT_LONG_LONG_EQ(o.memory_max, HPN_OPTION_UNSET);
	TEST_DONE();

	TEST_START("options: defaults");
	hpn_options_init(&o);
	ASSERT_INT_EQ(o.disabled, HPN_OPTION_UNSET);
	ASSERT_INT_EQ(o.rcvbuf_poll, HPN_OPTION_UNSET);
	ASSERT_LONG_LONG_EQ(o.window_max, HPN_OPTION_UNSET);
	ASSERT_LONG_LONG_EQ(o.memory_max, HPN_OPTION_UNSET);
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	ASSERT_INT_EQ(o.disabled, 0);
	ASSERT_INT_EQ(o.rcvbuf_poll, 1);
	ASSERT_LONG_LONG_EQ(o.window_max, HPN_WINDOW_MAX_DEFAULT);
	ASSERT_LONG_LONG_EQ(o.memory_max, HPN_MEMORY_MAX_DEFAULT);
	ASSERT_LONG_LONG_LE(o.window_max, HPN_WINDOW_CEILING);
	ASSERT_LONG_LONG_GE(o.window_max, HPN_WINDOW_MAX_LEAST);
	ASSERT_LONG_LONG_LE(o.memory_max, HPN_MEMORY_MAX_MOST);
	ASSERT_LONG_LONG_GE(o.memory_max, HPN_MEMORY_MAX_LEAST);
	TEST_DONE();

	TEST_START("options: defaults that follow the system's");
	defaults(HPN_OPTIONS_CLIENT, -1, 0, 128 * MB, 256 * MB);
	defaults(HPN_OPTIONS_SERVER, -1, 0, 128 * MB, 256 * MB);
	defaults(HPN_OPTIONS_CLIENT, -1, 6 * MB, 128 * MB, 256 * MB);
	defaults(HPN_OPTIONS_CLIENT, -1, 128LL * MB + 1, 128LL * MB + 1,
	    256LL * MB + 2);
	defaults(HPN_OPTIONS_CLIENT, -1, 300 * MB, 300 * MB, 600 * MB);
	defaults(HPN_OPTIONS_SERVER, -1, 300 * MB, 300 * MB, 256 * MB);
	defaults(HPN_OPTIONS_CLIENT, -1, 2048LL * MB, HPN_WINDOW_CEILING,
	    2LL * HPN_WINDOW_CEILING);
	defaults(HPN_OPTIONS_CLIENT, -1, INT64_MAX, HPN_WINDOW_CEILING,
	    2LL * HPN_WINDOW_CEILING);
	defaults(HPN_OPTIONS_CLIENT, -1, -1, 128 * MB, 256 * MB);
	/* what is set counts, not what would have been */
	defaults(HPN_OPTIONS_CLIENT, 4 * MB, 300 * MB, 4 * MB, 256 * MB);
	defaults(HPN_OPTIONS_CLIENT, 400 * MB, 6 * MB, 400 * MB, 800 * MB);
	TEST_DONE();

	TEST_START("options: defaults replace nothing");
	o.disabled = 1;
	o.rcvbuf_poll = 0;
	o.window_max = 100000;
	o.memory_max = 2000000;
	other = o;
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	ASSERT_INT_EQ(o.disabled, other.disabled);
	ASSERT_INT_EQ(o.rcvbuf_poll, other.rcvbuf_poll);
	ASSERT_LONG_LONG_EQ(o.window_max, other.window_max);
	ASSERT_LONG_LONG_EQ(o.memory_max, other.memory_max);
	TEST_DONE();

	TEST_START("options: Match replaces what it sets");
	hpn_options_init(&other);
	hpn_options_copy(&o, &other);		/* sets nothing */
	ASSERT_INT_EQ(o.disabled, 1);
	ASSERT_INT_EQ(o.rcvbuf_poll, 0);
	ASSERT_LONG_LONG_EQ(o.window_max, 100000);
	ASSERT_LONG_LONG_EQ(o.memory_max, 2000000);
	other.disabled = 0;
	hpn_options_copy(&o, &other);
	ASSERT_INT_EQ(o.disabled, 0);
	ASSERT_INT_EQ(o.rcvbuf_poll, 0);
	other.rcvbuf_poll = 1;
	other.window_max = 7 * MB;
	hpn_options_copy(&o, &other);
	ASSERT_INT_EQ(o.rcvbuf_poll, 1);
	ASSERT_LONG_LONG_EQ(o.window_max, 7 * MB);
	ASSERT_LONG_LONG_EQ(o.memory_max, 2000000);
	other.memory_max = 3 * MB;
	hpn_options_copy(&o, &other);
	ASSERT_LONG_LONG_EQ(o.memory_max, 3 * MB);
	TEST_DONE();

	TEST_START("options: dump");
	hpn_options_init(&o);
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	dumped(&o, HPN_OPTIONS_SERVER, "hpndisabled no\n"
	    "tcprcvbufpoll yes\n"
	    "hpnwindowmax 134217728\n"
	    "hpnmemorymax 268435456\n"
	    "hpnthreads auto\ndisablemtaes no\n"
	    "noneenabled no\nnonemacenabled no\n"
	    "usemptcp no\nhpncongestion none\nhpnratelimit 0\nhpnreport no\n"
	    "zstdlevel 3\n");
	o.disabled = 1;
	o.rcvbuf_poll = 0;
	o.window_max = 65536;
	o.memory_max = 1LL << 40;
	o.threads = 7;
	o.disable_mtaes = 1;
	o.none_enabled = o.none_mac = o.none_switch = 1;
	dumped(&o, HPN_OPTIONS_SERVER, "hpndisabled yes\n"
	    "tcprcvbufpoll no\n"
	    "hpnwindowmax 65536\n"
	    "hpnmemorymax 1099511627776\n"
	    "hpnthreads 7\ndisablemtaes yes\n"
	    "noneenabled yes\nnonemacenabled yes\n"
	    "usemptcp no\nhpncongestion none\nhpnratelimit 0\nhpnreport no\n"
	    "zstdlevel 3\n");
	o.ring = 1;
	dumped(&o, HPN_OPTIONS_CLIENT, "hpndisabled yes\n"
	    "tcprcvbufpoll no\n"
	    "hpnwindowmax 65536\n"
	    "hpnmemorymax 1099511627776\n"
	    "hpnthreads ring:7\ndisablemtaes yes\n"
	    "noneenabled yes\nnonemacenabled yes\nnoneswitch yes\n"
	    "hpnfastconnect yes\n"
	    "happyeyes no\nhappydelay 250\n"
	    "usemptcp no\nhpncongestion none\nhpnratelimit 0\nhpnreport no\n"
	    "zstdlevel 3\n"
	    "hpnreportfile none\nmetrics no\n"
	    "metricspath ssh_stack_metrics\nmetricsinterval 5\n");
	TEST_DONE();

	TEST_START("options: HPNDisabled switches HPNFastConnect off, unless set");
	hpn_options_init(&o);
	o.disabled = 1;
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	ASSERT_INT_EQ(o.fast_connect, 0);
	hpn_options_init(&o);
	o.disabled = o.fast_connect = 1;
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	ASSERT_INT_EQ(o.fast_connect, 1);
	TEST_DONE();

	TEST_START("options: which keyword is which member, on which side");
	hpn_options_init(&o);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_SERVER, "HPNDisabled",
	    1, 0), &o.disabled);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_CLIENT, "tcprcvbufpoll",
	    1, 0), &o.rcvbuf_poll);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_CLIENT, "hpnwindowmax",
	    1, 0), NULL);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_CLIENT, "noneswitch",
	    1, 1), &o.none_switch);
	ASSERT_INT_EQ(o.none_everywhere, 0);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_CLIENT, "NoneSwitch",
	    0, 0), &o.none_switch);
	ASSERT_INT_EQ(o.none_everywhere, 0);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_CLIENT, "NoneSwitch",
	    1, 0), &o.none_switch);
	ASSERT_INT_EQ(o.none_everywhere, 1);
	ASSERT_PTR_EQ(hpn_options_flag(&o, HPN_OPTIONS_SERVER, "NoneSwitch",
	    1, 0), NULL);
	ASSERT_INT_EQ(hpn_options_value(&o, HPN_OPTIONS_SERVER, "NoneSwitch",
	    "yes", 1, &reason), 0);
	ASSERT_STRING_EQ(reason, "has no effect here");
	ASSERT_INT_EQ(hpn_options_value(&o, HPN_OPTIONS_CLIENT, "Fallback",
	    NULL, 1, &reason), 0);
	ASSERT_STRING_EQ(reason, "has no effect here");
	ASSERT_INT_EQ(hpn_options_value(&o, HPN_OPTIONS_CLIENT, "HPNDisabled",
	    "yes", 1, &reason), -1);
	ASSERT_INT_EQ(o.disabled, HPN_OPTION_UNSET);
	TEST_DONE();

	TEST_START("options: numbers and names");
	hpn_options_init(&o);
	ASSERT_INT_EQ(value(&o, "HappyDelay", "9", &reason), -1);
	ASSERT_STRING_EQ(reason, "is too small: it can be 10 to 60000");
	ASSERT_INT_EQ(value(&o, "HappyDelay", "60001", &reason), -1);
	ASSERT_STRING_EQ(reason, "is too large: it can be 10 to 60000");
	ASSERT_INT_EQ(value(&o, "HappyDelay", "1s", &reason), -1);
	ASSERT_STRING_EQ(reason, "is not a number: it can be 10 to 60000");
	ASSERT_INT_EQ(value(&o, "HappyDelay", NULL, &reason), -1);
	ASSERT_STRING_EQ(reason, "is missing: it can be 10 to 60000");
	ASSERT_INT_EQ(o.happy_delay, HPN_OPTION_UNSET);
	ASSERT_INT_EQ(value(&o, "HappyDelay", "100", &reason), 0);
	ASSERT_INT_EQ(value(&o, "HappyDelay", "200", &reason), 0);
	ASSERT_INT_EQ(o.happy_delay, 100);
	ASSERT_INT_EQ(value(&o, "HPNCongestion", "", &reason), -1);
	ASSERT_STRING_EQ(reason, "is missing: it can be 1 to 15 letters, "
	    "digits, - and _");
	ASSERT_INT_EQ(value(&o, "HPNCongestion", "a b", &reason), -1);
	ASSERT_STRING_EQ(reason, "is not a name: it can be 1 to 15 letters, "
	    "digits, - and _");
	ASSERT_INT_EQ(value(&o, "HPNCongestion", "../x", &reason), -1);
	ASSERT_INT_EQ(value(&o, "HPNCongestion", "0123456789abcdef",
	    &reason), -1);
	ASSERT_STRING_EQ(reason, "is too long: it can be 1 to 15 letters, "
	    "digits, - and _");
	ASSERT_STRING_EQ(o.congestion.text, "");
	other = o;
	ASSERT_INT_EQ(value(&o, "HPNCongestion", "0123456789abcde",
	    &reason), 0);
	ASSERT_STRING_EQ(o.congestion.text, "0123456789abcde");
	ASSERT_INT_EQ(value(&o, "HPNCongestion", "bbr", &reason), 0);
	ASSERT_STRING_EQ(o.congestion.text, "0123456789abcde");
	ASSERT_INT_EQ(hpn_options_named(&o.congestion), 1);
	hpn_options_copy(&o, &other);
	ASSERT_STRING_EQ(o.congestion.text, "0123456789abcde");
	hpn_options_fill(&other, HPN_OPTIONS_CLIENT, 0);
	ASSERT_INT_EQ(hpn_options_named(&other.congestion), 0);
	hpn_options_copy(&o, &other);
	ASSERT_STRING_EQ(o.congestion.text, "none");
	TEST_DONE();

	TEST_START("options: threads");
	threads("auto", HPN_WORKERS_AUTO, NULL);
	threads("AUTO", HPN_WORKERS_AUTO, NULL);
	threads("0", 0, NULL);
	threads("64", 64, NULL);
	threads("ring:3", 3, NULL);
	threads("ring:", HPN_OPTION_UNSET, "is neither a number nor auto");
	threads("ring:auto", HPN_OPTION_UNSET, "is neither a number nor auto");
	threads("65", HPN_OPTION_UNSET, "is too large");
	threads("-1", HPN_OPTION_UNSET, "is too small");
	threads("", HPN_OPTION_UNSET, "is missing");
	threads(NULL, HPN_OPTION_UNSET, "is missing");
	threads("4x", HPN_OPTION_UNSET, "is neither a number nor auto");
	hpn_options_init(&o);
	ASSERT_INT_EQ(set_threads(&o, "3", 0, &reason), 0);
	ASSERT_INT_EQ(o.threads, HPN_OPTION_UNSET);
	ASSERT_INT_EQ(set_threads(&o, "3", 1, &reason), 0);
	ASSERT_INT_EQ(set_threads(&o, "4", 1, &reason), 0);
	ASSERT_INT_EQ(o.threads, 3);
	TEST_DONE();

	TEST_START("options: HPN-SSH's name for no threads");
	hpn_options_init(&o);
	o.disable_mtaes = 1;
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	ASSERT_INT_EQ(o.threads, 0);
	hpn_options_init(&o);
	o.disable_mtaes = 1;
	o.threads = HPN_WORKERS_AUTO;
	hpn_options_fill(&o, HPN_OPTIONS_SERVER, 0);
	ASSERT_INT_EQ(o.threads, HPN_WORKERS_AUTO);
	hpn_options_init(&other);
	other.threads = 9;
	hpn_options_copy(&o, &other);
	ASSERT_INT_EQ(o.threads, 9);
	TEST_DONE();
}
