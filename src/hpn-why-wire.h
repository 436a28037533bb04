/* SPDX-License-Identifier: ISC */
/*
 * hpn-why-wire: an end's facts, as the other end is told them (PROTOCOL.hpn,
 * section 11).
 *
 * Policy: bytes in, facts out, and back.  The bytes are a peer's: any of them, and
 * what they say, may be wrong.  What is taken from them are numbers that fit, for
 * names that are known, once each, and one name of a congestion control.
 */
#ifndef HPN_WHY_WIRE_H
#define HPN_WHY_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "hpn-tcp.h"
#include "hpn-why.h"

#define HPN_WHY_WIRE_REQUEST	"report@openssh-hpn"
#define HPN_WHY_WIRE_VERSION	"1"
/* Of kex->flags, in ssh: the server has announced it */
#define HPN_WHY_WIRE_ANSWERS	0x40000000

/* Bytes of all; items; bytes of a name and of a value */
#define HPN_WHY_WIRE_MOST	16384
#define HPN_WHY_WIRE_ITEMS	512
#define HPN_WHY_WIRE_NAME	64
#define HPN_WHY_WIRE_VALUE	256
/* ns: a client asks once in that time at most, a server answers four times */
#define HPN_WHY_WIRE_SECOND	1000000000ULL
#define HPN_WHY_WIRE_ANSWERS_NS	(HPN_WHY_WIRE_SECOND / 4)
/* JSON's numbers are exact up to here; as nanoseconds it is a hundred days. */
#define HPN_WHY_WIRE_NUMBER	((1ULL << 53) - 1)

struct hpn_why_wire {
	struct hpn_why_end end;		/* known: there are facts */
	struct hpn_tcp_columns tcp;	/* HPN_TCP_UNKNOWN: not there */
	uint64_t want_tcp;		/* of who asks: send these as well */
};

/* Nothing is known. */
void hpn_why_wire_init(struct hpn_why_wire *);

/*
 * Write what is known.  Returns the number of bytes, 0 if they do not fit; they
 * fit into HPN_WHY_WIRE_MOST.
 */
size_t hpn_why_wire_put(const struct hpn_why_wire *, uint8_t *buf, size_t len);

/*
 * Read that.  Returns 0, or -1 if it is malformed: then nothing is known.  The
 * facts may contradict each other all the same; hpn_why_decide() bears it.
 */
int hpn_why_wire_get(struct hpn_why_wire *, const uint8_t *buf, size_t len);

/*
 * Whether the facts of there can be those of the other end: neither has received
 * what the other has not sent, and nobody has counted longer than the connection is
 * there, age ns.  The facts of here are at least as recent.
 */
int hpn_why_wire_agrees(const struct hpn_why_end *here,
    const struct hpn_why_end *there, uint64_t age);

/*
 * Whether a client may ask now: when it asked last (0: never), and when the answer
 * to that came, ns.  A server whose rule is the one above answers it, however
 * unevenly the network delivers.
 */
int hpn_why_wire_may_ask(uint64_t asked_ns, uint64_t answered_ns, uint64_t now);

#endif /* HPN_WHY_WIRE_H */
