/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-zstd. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-zstd.h"
#include "tests.h"

#define DATA		94
#define EXTENDED_DATA	95
#define ADJUST		93
#define REQUEST		98

static struct hpn_zstd z;
static uint8_t payload[32 * 1024 + 9];

static const uint8_t *
of(int type, uint32_t channel)
{
	payload[0] = (uint8_t)type;
	payload[1] = (uint8_t)(channel >> 24);
	payload[2] = (uint8_t)(channel >> 16);
	payload[3] = (uint8_t)(channel >> 8);
	payload[4] = (uint8_t)channel;
	return payload;
}

static int
next(uint32_t channel)
{
	return hpn_zstd_next(&z, of(DATA, channel), sizeof(payload));
}

/*
 * Pass `n` packets of a channel of which all but `part` percent remain; returns
 * how many were compressed.  *asked: samples.
 */
static int
pass(uint32_t channel, int n, size_t percent, int *asked)
{
	size_t len = sizeof(payload);
	int form, compressed = 0;

	while (n-- > 0) {
		form = next(channel);
		if (form == HPN_ZSTD_ASKS) {
			(*asked)++;
			form = hpn_zstd_sampled(&z, payload, HPN_ZSTD_SAMPLE,
			    HPN_ZSTD_SAMPLE * percent / 100);
			ASSERT_INT_NE(form, HPN_ZSTD_ASKS);
		}
		if (form == HPN_ZSTD_STORED)
			continue;
		compressed++;
		hpn_zstd_compressed(&z, payload, len, len * percent / 100);
	}
	return compressed;
}

static void
kinds(void)
{
	int type, form;

	TEST_START("only long packets of data are compressed");
	for (type = 0; type < 256; type++) {
		hpn_zstd_init(&z);
		form = hpn_zstd_next(&z, of(type, 0), sizeof(payload));
		ASSERT_INT_EQ(form, type == DATA || type == EXTENDED_DATA ?
		    HPN_ZSTD_BEGINS : HPN_ZSTD_STORED);
		ASSERT_INT_EQ(hpn_zstd_next(&z, of(type, 0),
		    HPN_ZSTD_LEAST - 1), HPN_ZSTD_STORED);
		ASSERT_INT_EQ(hpn_zstd_may(of(type, 0), 9),
		    type == DATA || type == EXTENDED_DATA);
		ASSERT_INT_EQ(hpn_zstd_may(of(type, 0), 8), 0);
		ASSERT_INT_EQ(hpn_zstd_may(of(type, 0), 0), 0);
		ASSERT_INT_EQ(hpn_zstd_may(of(type, 0),
		    HPN_ZSTD_PACKET_MAX + 1), 0);
	}
	TEST_DONE();
}

static void
frames(void)
{
	TEST_START("a frame holds the data of one channel");
	hpn_zstd_init(&z);
	ASSERT_INT_EQ(next(0), HPN_ZSTD_BEGINS);
	ASSERT_INT_EQ(next(0), HPN_ZSTD_GOES_ON);
	/* What is stored does not end it */
	ASSERT_INT_EQ(hpn_zstd_next(&z, of(ADJUST, 1), 300), HPN_ZSTD_STORED);
	ASSERT_INT_EQ(hpn_zstd_next(&z, of(REQUEST, 1), 300), HPN_ZSTD_STORED);
	ASSERT_INT_EQ(hpn_zstd_next(&z, of(DATA, 1), 100), HPN_ZSTD_STORED);
	ASSERT_INT_EQ(next(0), HPN_ZSTD_GOES_ON);
	ASSERT_INT_EQ(next(1), HPN_ZSTD_BEGINS);
	ASSERT_INT_EQ(next(0), HPN_ZSTD_BEGINS);
	/* The same place in what is remembered is not the same channel */
	ASSERT_INT_EQ(next(HPN_ZSTD_CHANNELS), HPN_ZSTD_BEGINS);
	ASSERT_INT_EQ(next(0), HPN_ZSTD_BEGINS);
	ASSERT_INT_EQ(next(0xffffffff), HPN_ZSTD_BEGINS);
	ASSERT_INT_EQ(next(0xffffffff), HPN_ZSTD_GOES_ON);
	TEST_DONE();

	TEST_START("new keys begin a frame");
	hpn_zstd_restart(&z);
	ASSERT_INT_EQ(next(0xffffffff), HPN_ZSTD_BEGINS);
	ASSERT_INT_EQ(next(0xffffffff), HPN_ZSTD_GOES_ON);
	TEST_DONE();

	TEST_START("what may be a frame");
	ASSERT_INT_EQ(hpn_zstd_is_frame(
	    (const uint8_t *)"\x28\xb5\x2f\xfd", 5), 1);
	ASSERT_INT_EQ(hpn_zstd_is_frame(
	    (const uint8_t *)"\x28\xb5\x2f\xfd", 4), 0);
	/* The format of 0.7, and one to be skipped */
	ASSERT_INT_EQ(hpn_zstd_is_frame(
	    (const uint8_t *)"\x27\xb5\x2f\xfd", 5), 0);
	ASSERT_INT_EQ(hpn_zstd_is_frame(
	    (const uint8_t *)"\x50\x2a\x4d\x18", 5), 0);
	ASSERT_INT_EQ(hpn_zstd_is_frame(NULL, 0), 0);
	TEST_DONE();
}

static void
adapts(void)
{
	int asked = 0, compressed, i;

	TEST_START("what becomes smaller is always compressed");
	hpn_zstd_init(&z);
	ASSERT_INT_EQ(pass(3, 1000, 25, &asked), 1000);
	ASSERT_INT_EQ(pass(3, 1000, 90, &asked), 1000);
	ASSERT_INT_EQ(asked, 0);
	TEST_DONE();

	TEST_START("what does not is left alone, but for a sample at times");
	compressed = pass(3, 2, 100, &asked);
	ASSERT_INT_EQ(compressed, 2);
	ASSERT_INT_EQ(asked, 0);
	/* 32 KiB each: 312 MiB */
	compressed = pass(3, 10000, 100, &asked);
	ASSERT_INT_EQ(compressed, 0);
	ASSERT_INT_GE(asked, 10000 / (HPN_ZSTD_WAIT_MOST + 1));
	ASSERT_INT_LE(asked, 10000 / HPN_ZSTD_WAIT_MOST + 10);
	TEST_DONE();

	TEST_START("it is seen when that changes: within 2 MiB");
	asked = 0;
	compressed = pass(3, HPN_ZSTD_WAIT_MOST + 1, 25, &asked);
	ASSERT_INT_EQ(asked, 1);
	ASSERT_INT_GE(compressed, 1);
	ASSERT_INT_EQ(pass(3, 100, 25, &asked), 100);
	TEST_DONE();

	TEST_START("less by a sixteenth is not small enough, a byte more is");
	hpn_zstd_init(&z);
	ASSERT_INT_EQ(hpn_zstd_sampled(&z, of(DATA, 0), 1600, 1500),
	    HPN_ZSTD_STORED);
	hpn_zstd_init(&z);
	ASSERT_INT_EQ(hpn_zstd_sampled(&z, of(DATA, 0), 1600, 1499),
	    HPN_ZSTD_BEGINS);
	TEST_DONE();

	TEST_START("after what became smaller the wait is short again");
	hpn_zstd_init(&z);
	asked = 0;
	(void)pass(3, 10000, 100, &asked);
	(void)pass(3, HPN_ZSTD_WAIT_MOST + 1, 25, &asked);
	ASSERT_INT_EQ(pass(3, 2, 100, &asked), 2);
	asked = 0;
	(void)pass(3, 2, 100, &asked);
	ASSERT_INT_EQ(asked, 1);
	TEST_DONE();

	TEST_START("samples that promise too much make the wait no shorter");
	hpn_zstd_init(&z);
	(void)pass(3, 10000, 100, &asked);
	compressed = asked = 0;
	for (i = 0; i < 10000; i++) {
		int form = next(3);

		if (form == HPN_ZSTD_ASKS) {
			asked++;
			form = hpn_zstd_sampled(&z, payload, 100, 50);
			ASSERT_INT_NE(form, HPN_ZSTD_STORED);
		}
		if (form != HPN_ZSTD_STORED) {
			compressed++;
			hpn_zstd_compressed(&z, payload, 100, 100);
		}
	}
	ASSERT_INT_EQ(compressed, asked);
	ASSERT_INT_LE(asked, 10000 / HPN_ZSTD_WAIT_MOST + 1);
	TEST_DONE();

	TEST_START("channels are told apart");
	hpn_zstd_init(&z);
	asked = 0;
	(void)pass(0, 100, 100, &asked);
	asked = compressed = 0;
	for (i = 0; i < 100; i++) {
		compressed += pass(1, 1, 30, &asked);
		ASSERT_INT_EQ(pass(0, 1, 100, &asked), 0);
	}
	ASSERT_INT_EQ(compressed, 100);
	ASSERT_INT_LE(asked, 4);
	TEST_DONE();
}

void
test_zstd(void)
{
	kinds();
	frames();
	adapts();
}
