/* SPDX-License-Identifier: ISC */
/*
 * hpn-socket: the TCP socket of a connection as its options ask for it.
 */
#ifndef HPN_SOCKET_H
#define HPN_SOCKET_H

struct addrinfo;

/*
 * socket(2) for this address.  With mptcp, the socket uses Multipath TCP (RFC
 * 8684) if the kernel has it, and TCP with a peer that has not.  Otherwise it
 * uses TCP.
 */
int hpn_socket_open(const struct addrinfo *, int mptcp);

/*
 * Set the congestion control of a TCP connection (TCP_CONGESTION in tcp(7));
 * "none": do not change it.  Log which one is in force.  Another kind of
 * socket does not change.  Returns 0, or -1 after it has reported the error.
 * The connection then still works.
 */
int hpn_socket_congestion(int fd, const char *name);

#endif /* HPN_SOCKET_H */
