/* SPDX-License-Identifier: ISC */
/*
 * hpn-happy-connect: connect to the first of a host's addresses that answers,
 * in the order and at the times of hpn-happy.
 */
#ifndef HPN_HAPPY_CONNECT_H
#define HPN_HAPPY_CONNECT_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netdb.h>

/*
 * Try the addresses of this family, or of any (AF_UNSPEC).  create makes a
 * socket for one of them, or returns -1 after it has said why not.  A socket
 * whose connection is not made yet when another one wins is closed, which ends
 * its handshake before the server hears of a connection.
 *
 * delay: HappyDelay, ms.  *timeout_ms: how long each may take, 0 or less is for
 * ever; of the winner's time, what is left is stored there.  At its return,
 * *winner has the address, and port the last port tried, as text.
 *
 * Returns a connected socket that blocks, or -1 with errno, 0 if what went wrong
 * was said already.
 */
int hpn_happy_connect(const char *host, struct addrinfo *addrs, int family,
    int (*create)(struct addrinfo *), int delay, int *timeout_ms,
    struct sockaddr_storage *winner, char *port, size_t port_size);

#endif /* HPN_HAPPY_CONNECT_H */
