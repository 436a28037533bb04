/* SPDX-License-Identifier: ISC */
/*
 * hpn-socket: the TCP socket of a connection as its options ask for it.
 */
#ifndef HPN_SOCKET_H
#define HPN_SOCKET_H

struct addrinfo;

/*
 * socket(2) for this address.  With mptcp it speaks Multipath TCP (RFC 8684)
 * where the kernel can, and TCP with a peer that cannot; else plain TCP.
 */
int hpn_socket_open(const struct addrinfo *, int mptcp);

/*
 * Have a TCP connection use this congestion control, "none" for what it has,
 * and say in the log what is in force (TCP_CONGESTION in tcp(7)).  What is not
 * TCP is left alone.  Returns 0, or -1 after it has said what is the matter;
 * the connection works nevertheless.
 */
int hpn_socket_congestion(int fd, const char *name);

#endif /* HPN_SOCKET_H */
