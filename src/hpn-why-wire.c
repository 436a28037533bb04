/* SPDX-License-Identifier: ISC */
/* See hpn-why-wire.h for what this does. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-why-wire.h"

/* The congestion control's name; all other values are numbers. */
#define CC	"tcp_cc"
/* What was under way, or was counted by one end only, is less. */
#define SLACK	(1024 * 1024)
/* An end may begin to count so much earlier than the other. */
#define SLACK_NS	(5 * HPN_WHY_WIRE_SECOND)

static const struct fact {
	const char *name;
	size_t at;
} facts[] = {
#define FACT(name, meaning) \
	{ #name, offsetof(struct hpn_why_wire, end.name) },
	HPN_WHY_FACTS(FACT)
#undef FACT
#define FACT(kind, name) \
	{ "tcpi_" #name, offsetof(struct hpn_why_wire, \
	    tcp.value[HPN_TCP_COLUMN_##name]) },
	HPN_TCP_COLUMNS(FACT)
#undef FACT
	{ "want_tcp", offsetof(struct hpn_why_wire, want_tcp) },
};

#define NFACTS		(sizeof(facts) / sizeof(facts[0]))

/* What is still to be read, or the room that is left. */
struct bytes {
	const uint8_t *from;
	uint8_t *to;
	size_t left;
};

static void
poke(uint8_t *p, uint64_t value, int n)
{
	int i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(value >> (8 * (n - 1 - i)));
}

static uint64_t
peek(const uint8_t *p, size_t n)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < n; i++)
		value = value << 8 | p[i];
	return value;
}

static int
put_string(struct bytes *b, const void *s, size_t len)
{
	if (b->left < 4 || b->left - 4 < len)
		return -1;
	poke(b->to, len, 4);
	memcpy(b->to + 4, s, len);
	b->to += 4 + len;
	b->left -= 4 + len;
	return 0;
}

static int
get_string(struct bytes *b, const uint8_t **s, size_t *len, size_t most)
{
	if (b->left < 4)
		return -1;
	*len = (size_t)peek(b->from, 4);
	if (*len > most || *len > b->left - 4)
		return -1;
	*s = b->from + 4;
	b->from += 4 + *len;
	b->left -= 4 + *len;
	return 0;
}

static uint64_t *
member(struct hpn_why_wire *w, size_t i)
{
	return (uint64_t *)(void *)((char *)w + facts[i].at);
}

void
hpn_why_wire_init(struct hpn_why_wire *w)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < HPN_TCP_NCOLUMNS; i++)
		w->tcp.value[i] = HPN_TCP_UNKNOWN;
}

size_t
hpn_why_wire_put(const struct hpn_why_wire *wire, uint8_t *buf, size_t len)
{
	struct hpn_why_wire w = *wire;
	struct bytes b = { NULL, buf, len };
	uint8_t value[8];
	uint64_t number, n = 0;
	size_t i;

	if (len < 4)
		return 0;
	b.to += 4;
	b.left -= 4;
	if (!w.end.known)
		memset(&w.end, 0, sizeof(w.end));
	for (i = 0; i < NFACTS; i++) {
		number = *member(&w, i);
		/* 0 is what is not said, but for TCP's columns */
		if (number == HPN_TCP_UNKNOWN ||
		    (number == 0 && strncmp(facts[i].name, "tcpi_", 5) != 0))
			continue;
		if (number > HPN_WHY_WIRE_NUMBER)
			number = HPN_WHY_WIRE_NUMBER;
		poke(value, number, 8);
		if (put_string(&b, facts[i].name, strlen(facts[i].name)) != 0 ||
		    put_string(&b, value, sizeof(value)) != 0)
			return 0;
		n++;
	}
	if (w.end.cc[0] != '\0') {
		w.end.cc[sizeof(w.end.cc) - 1] = '\0';
		if (put_string(&b, CC, strlen(CC)) != 0 ||
		    put_string(&b, w.end.cc, strlen(w.end.cc)) != 0)
			return 0;
		n++;
	}
	poke(buf, n, 4);
	return len - b.left;
}

/* It goes into a log and into JSON. */
static int
get_cc(struct hpn_why_wire *w, const uint8_t *s, size_t len)
{
	size_t i;

	if (len == 0 || len >= sizeof(w->end.cc) || w->end.cc[0] != '\0')
		return -1;
	for (i = 0; i < len; i++) {
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' &&
		    s[i] <= 'Z') && !(s[i] >= '0' && s[i] <= '9') &&
		    s[i] != '-' && s[i] != '_')
			return -1;
	}
	memcpy(w->end.cc, s, len);
	return 0;
}

/* One item; names that are not known say nothing. */
static int
get_item(struct hpn_why_wire *w, struct bytes *b, uint8_t *seen)
{
	const uint8_t *name, *value;
	size_t i, name_len, len;
	uint64_t number;

	if (get_string(b, &name, &name_len, HPN_WHY_WIRE_NAME) != 0 ||
	    get_string(b, &value, &len, HPN_WHY_WIRE_VALUE) != 0)
		return -1;
	if (name_len == strlen(CC) && memcmp(name, CC, name_len) == 0)
		return get_cc(w, value, len);
	for (i = 0; i < NFACTS; i++) {
		if (name_len == strlen(facts[i].name) &&
		    memcmp(name, facts[i].name, name_len) == 0)
			break;
	}
	if (i == NFACTS)
		return 0;
	if (seen[i] || len != 8)
		return -1;
	seen[i] = 1;
	number = peek(value, len);
	if (number > HPN_WHY_WIRE_NUMBER)
		return -1;
	*member(w, i) = number;
	return 0;
}

int
hpn_why_wire_get(struct hpn_why_wire *w, const uint8_t *buf, size_t len)
{
	struct bytes b = { buf, NULL, len };
	uint8_t seen[NFACTS];
	uint64_t n;

	hpn_why_wire_init(w);
	memset(seen, 0, sizeof(seen));
	if (len < 4 || len > HPN_WHY_WIRE_MOST)
		return -1;
	n = peek(buf, 4);
	b.from += 4;
	b.left -= 4;
	if (n > HPN_WHY_WIRE_ITEMS)
		return -1;
	for (; n != 0; n--) {
		if (get_item(w, &b, seen) != 0)
			break;
	}
	/* What follows is a later version's */
	if (n != 0) {
		hpn_why_wire_init(w);
		return -1;
	}
	w->end.known = w->end.total_ns != 0;
	return 0;
}

/* more than less, and than what was under way */
static int
beyond(uint64_t more, uint64_t less)
{
	return more > less && more - less > SLACK + less / 16;
}

int
hpn_why_wire_agrees(const struct hpn_why_end *here,
    const struct hpn_why_end *there, uint64_t age)
{
	return !beyond(here->received, there->sent) &&
	    !beyond(there->received, here->sent) &&
	    (there->total_ns <= age ||
	    there->total_ns - age <= SLACK_NS + age / 16);
}

int
hpn_why_wire_may_ask(uint64_t asked_ns, uint64_t answered_ns, uint64_t now)
{
	return asked_ns == 0 || (now - asked_ns >= HPN_WHY_WIRE_SECOND &&
	    now - answered_ns >= HPN_WHY_WIRE_ANSWERS_NS);
}
