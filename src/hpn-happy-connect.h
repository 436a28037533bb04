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
 * Try the addresses of this family, or of any (AF_UNSPEC).  create() makes a
 * socket for one of them.  It returns -1 after it has reported why it cannot.
 * When one address wins, the other sockets are closed.  This ends their
 * handshake before the server sees a connection.
 *
 *   delay       HappyDelay, ms
 *   timeout_ms  how long each address may take, ms; 0 or less: no limit; on
 *               return, what the winner left of its time
 *   winner      receives the address
 *   port        receives the last port tried, as text
 *
 * Returns a connected socket that blocks, or -1 with errno.  errno is 0 if the
 * error was reported already.
 */
int hpn_happy_connect(const char *host, struct addrinfo *addrs, int family,
    int (*create)(struct addrinfo *), int delay, int *timeout_ms,
    struct sockaddr_storage *winner, char *port, size_t port_size);

#endif /* HPN_HAPPY_CONNECT_H */
