/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-why-wire. */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-why-wire.h"
#include "tests.h"

#define MIB	(1024ULL * 1024)
#define SECOND	1000000000ULL

static uint8_t buf[HPN_WHY_WIRE_MOST + 1];
static size_t used;

static void
number(uint64_t value, int n)
{
	while (n-- > 0)
		buf[used++] = (uint8_t)(value >> (8 * n));
}

static void
bytes(const void *s, size_t len)
{
	number(len, 4);
	memcpy(buf + used, s, len);
	used += len;
}

static void
begin(uint64_t items)
{
	used = 0;
	number(items, 4);
}

static void
item(const char *name, uint64_t value)
{
	bytes(name, strlen(name));
	number(8, 4);
	number(value, 8);
}

/* What was made above is refused, and nothing of it is kept. */
static void
refused(void)
{
	struct hpn_why_wire w, nothing;

	hpn_why_wire_init(&nothing);
	ASSERT_INT_EQ(hpn_why_wire_get(&w, buf, used), -1);
	ASSERT_MEM_EQ(&w, &nothing, sizeof(w));
}

void
test_why_wire(void)
{
	struct hpn_why_wire w, again;
	struct hpn_why_end here, there;
	uint64_t value;
	size_t len, i;

	TEST_START("why_wire: all facts go there and come back");
	hpn_why_wire_init(&w);
	value = 0;
#define SET(name, meaning)	w.end.name = ++value * 1000003;
	HPN_WHY_FACTS(SET)
#undef SET
	w.end.known = 1;
	strcpy(w.end.cc, "bbr");
	for (i = 0; i < HPN_TCP_NCOLUMNS; i++)
		w.tcp.value[i] = i == 3 ? HPN_TCP_UNKNOWN : i;
	w.want_tcp = 1;
	len = hpn_why_wire_put(&w, buf, sizeof(buf));
	ASSERT_SIZE_T_GE(len, 1);
	ASSERT_SIZE_T_LE(len, HPN_WHY_WIRE_MOST);
	ASSERT_INT_EQ(hpn_why_wire_get(&again, buf, len), 0);
	ASSERT_MEM_EQ(&again, &w, sizeof(w));
	/* no half of it, and not without room */
	for (i = 0; i < len; i++) {
		ASSERT_INT_EQ(hpn_why_wire_get(&again, buf, i), -1);
		ASSERT_SIZE_T_EQ(hpn_why_wire_put(&w, buf, i), 0);
	}
	TEST_DONE();

	TEST_START("why_wire: nothing is a few bytes");
	hpn_why_wire_init(&w);
	ASSERT_SIZE_T_EQ(hpn_why_wire_put(&w, buf, sizeof(buf)), 4);
	ASSERT_INT_EQ(hpn_why_wire_get(&again, buf, 4), 0);
	ASSERT_INT_EQ(again.end.known, 0);
	TEST_DONE();

	TEST_START("why_wire: a later version's names and bytes are skipped");
	begin(3);
	item("total_ns", 5);
	bytes("a_new_one@example.com", 21);
	bytes("\0\xff any bytes", 12);
	item("sent", 7);
	number(42, 8);
	ASSERT_INT_EQ(hpn_why_wire_get(&w, buf, used), 0);
	ASSERT_INT_EQ(w.end.known, 1);
	ASSERT_U64_EQ(w.end.sent, 7);
	TEST_DONE();

	TEST_START("why_wire: what is too large for this end is the largest");
	hpn_why_wire_init(&w);
	w.end.known = 1;
	w.end.total_ns = UINT64_MAX - 1;
	len = hpn_why_wire_put(&w, buf, sizeof(buf));
	ASSERT_INT_EQ(hpn_why_wire_get(&w, buf, len), 0);
	ASSERT_U64_EQ(w.end.total_ns, HPN_WHY_WIRE_NUMBER);
	TEST_DONE();

	TEST_START("why_wire: huge and negative numbers");
	begin(1);
	item("sent", HPN_WHY_WIRE_NUMBER + 1);
	refused();
	begin(1);
	item("sent", UINT64_MAX);
	refused();
	TEST_DONE();

	TEST_START("why_wire: a name twice, a value of another size");
	begin(2);
	item("sent", 1);
	item("sent", 1);
	refused();
	begin(1);
	bytes("sent", 4);
	bytes("1234567", 7);
	refused();
	TEST_DONE();

	TEST_START("why_wire: lengths and numbers of items that cannot be");
	begin(HPN_WHY_WIRE_ITEMS + 1);
	for (i = 0; i <= HPN_WHY_WIRE_ITEMS; i++) {
		bytes("x", 1);
		bytes("", 0);
	}
	refused();
	begin(1);
	number(UINT32_MAX, 4);
	refused();
	begin(1);
	memset(buf + 1000, 'x', HPN_WHY_WIRE_NAME + 1);
	bytes(buf + 1000, HPN_WHY_WIRE_NAME + 1);
	bytes("", 0);
	refused();
	begin(UINT32_MAX);
	refused();
	begin(0);
	used = HPN_WHY_WIRE_MOST + 1;
	refused();
	TEST_DONE();

	TEST_START("why_wire: a name that would go into a log");
	begin(1);
	bytes("tcp_cc", 6);
	bytes("cubic\nroot", 10);
	refused();
	begin(1);
	bytes("tcp_cc", 6);
	bytes("0123456789abcdef", 16);
	refused();
	begin(2);
	bytes("tcp_cc", 6);
	bytes("bbr", 3);
	bytes("tcp_cc", 6);
	bytes("bbr", 3);
	refused();
	TEST_DONE();

	TEST_START("why_wire: nobody has received what was not sent");
	memset(&here, 0, sizeof(here));
	memset(&there, 0, sizeof(there));
	here.received = there.sent = 100 * MIB;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 0), 1);
	there.sent = 101 * MIB;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 0), 1);
	there.sent = 50 * MIB;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 0), 0);
	there.sent = 100 * MIB;
	there.received = 2 * MIB;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 0), 0);
	here.sent = 2 * MIB;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 0), 1);
	there.received = UINT64_MAX;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 0), 0);
	TEST_DONE();

	TEST_START("why_wire: nobody has counted longer than the connection is there");
	memset(&here, 0, sizeof(here));
	memset(&there, 0, sizeof(there));
	there.total_ns = 12 * SECOND;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 12 * SECOND), 1);
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 8 * SECOND), 1);
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 6 * SECOND), 0);
	there.total_ns = 3600 * SECOND;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 3500 * SECOND), 1);
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 3300 * SECOND), 0);
	there.total_ns = HPN_WHY_WIRE_NUMBER;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 12 * SECOND), 0);
	there.total_ns = UINT64_MAX;
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, 12 * SECOND), 0);
	ASSERT_INT_EQ(hpn_why_wire_agrees(&here, &there, UINT64_MAX), 1);
	TEST_DONE();

	TEST_START("why_wire: once a second, and as the server counts it");
	ASSERT_INT_EQ(hpn_why_wire_may_ask(0, 0, 5), 1);
	ASSERT_INT_EQ(hpn_why_wire_may_ask(5, 6, 4 + SECOND), 0);
	ASSERT_INT_EQ(hpn_why_wire_may_ask(5, 6, 5 + SECOND), 1);
	/* It was asked late, and would refuse the next one */
	ASSERT_INT_EQ(hpn_why_wire_may_ask(5, SECOND, 5 + SECOND), 0);
	ASSERT_INT_EQ(hpn_why_wire_may_ask(5, SECOND, 2 * SECOND), 1);
	TEST_DONE();
}
