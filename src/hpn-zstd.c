/* SPDX-License-Identifier: ISC */
/* See hpn-zstd.h for what this does. */

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "hpn-zstd.h"

/* RFC 4254: SSH_MSG_CHANNEL_DATA and SSH_MSG_CHANNEL_EXTENDED_DATA */
#define DATA		94
#define EXTENDED_DATA	95
/* Type, channel and a string's length */
#define DATA_LEAST	9

/* So many in a row that did not become smaller are enough. */
#define BAD_MOST	2

static uint32_t
number_of(const uint8_t *payload)
{
	return (uint32_t)payload[1] << 24 | (uint32_t)payload[2] << 16 |
	    (uint32_t)payload[3] << 8 | payload[4];
}

/* What is remembered of this channel: another one may have had the place. */
static struct hpn_zstd_channel *
channel_of(struct hpn_zstd *z, uint32_t number)
{
	struct hpn_zstd_channel *c = &z->channels[number % HPN_ZSTD_CHANNELS];

	if (c->number != number) {
		memset(c, 0, sizeof(*c));
		c->number = number;
	}
	return c;
}

/* A sixteenth less is worth the time. */
static int
smaller(size_t len, size_t into)
{
	return into < len - len / 16;
}

/* Leave the channel alone for twice as long as before. */
static void
rest(struct hpn_zstd_channel *c, uint32_t before)
{
	c->bad = 0;
	c->waits = before == 0 ? 1 : 2 * before;
	if (c->waits > HPN_ZSTD_WAIT_MOST)
		c->waits = HPN_ZSTD_WAIT_MOST;
	c->wait = c->waits;
}

static int
frame(struct hpn_zstd *z, uint32_t number)
{
	if (z->open && z->number == number)
		return HPN_ZSTD_GOES_ON;
	z->open = 1;
	z->number = number;
	return HPN_ZSTD_BEGINS;
}

void
hpn_zstd_init(struct hpn_zstd *z)
{
	memset(z, 0, sizeof(*z));
}

void
hpn_zstd_restart(struct hpn_zstd *z)
{
	z->open = 0;
}

int
hpn_zstd_may(const uint8_t *payload, size_t len)
{
	return len >= DATA_LEAST && len <= HPN_ZSTD_PACKET_MAX &&
	    (payload[0] == DATA || payload[0] == EXTENDED_DATA);
}

int
hpn_zstd_is_frame(const uint8_t *p, size_t len)
{
	static const uint8_t magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

	return len > sizeof(magic) && memcmp(p, magic, sizeof(magic)) == 0;
}

int
hpn_zstd_next(struct hpn_zstd *z, const uint8_t *payload, size_t len)
{
	struct hpn_zstd_channel *c;

	if (len < HPN_ZSTD_LEAST || !hpn_zstd_may(payload, len))
		return HPN_ZSTD_STORED;
	c = channel_of(z, number_of(payload));
	if (c->waits == 0)
		return frame(z, c->number);
	if (c->wait == 0)
		return HPN_ZSTD_ASKS;
	c->wait--;
	return HPN_ZSTD_STORED;
}

int
hpn_zstd_sampled(struct hpn_zstd *z, const uint8_t *payload, size_t len,
    size_t into)
{
	struct hpn_zstd_channel *c = channel_of(z, number_of(payload));

	if (smaller(len, into)) {
		/* If nothing but the sample did, the packet will tell */
		c->bad = BAD_MOST - 1;
		c->waited = c->waits;
		c->waits = 0;
		return frame(z, c->number);
	}
	rest(c, c->waits);
	return HPN_ZSTD_STORED;
}

void
hpn_zstd_compressed(struct hpn_zstd *z, const uint8_t *payload, size_t len,
    size_t into)
{
	struct hpn_zstd_channel *c = channel_of(z, number_of(payload));

	if (smaller(len, into)) {
		c->bad = 0;
		c->waited = 0;
		return;
	}
	if (++c->bad >= BAD_MOST)
		rest(c, c->waited);
}
