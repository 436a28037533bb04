/* SPDX-License-Identifier: ISC */
/* See hpn-socket.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "hpn-options.h"
#include "hpn-socket.h"
#include "log.h"

/* Headers may be older than the kernel. */
#if defined(__linux__) && !defined(IPPROTO_MPTCP)
# define IPPROTO_MPTCP	262
#endif

int
hpn_socket_open(const struct addrinfo *ai, int mptcp)
{
#ifdef IPPROTO_MPTCP
	int fd;

	if (mptcp) {
		fd = socket(ai->ai_family, ai->ai_socktype, IPPROTO_MPTCP);
		if (fd != -1)
			return fd;
		/* Not built in, switched off, or forbidden */
		debug("UseMPTCP: %s; TCP is used", strerror(errno));
	}
#endif
	return socket(ai->ai_family, ai->ai_socktype, ai->ai_protocol);
}

int
hpn_socket_congestion(int fd, const char *name)
{
#ifdef TCP_CONGESTION
	struct hpn_options_name is, wanted;
	socklen_t len = HPN_OPTIONS_NAME_MAX;
	int r = 0;

	memset(&is, 0, sizeof(is));
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, is.text, &len) == -1)
		return 0;
	strlcpy(wanted.text, name, sizeof(wanted.text));
	if (hpn_options_named(&wanted) && strcmp(is.text, name) != 0) {
		if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name,
		    strlen(name)) == -1) {
			error("HPNCongestion %s: %s; %s is used", name,
			    errno == EPERM ? "not allowed for users (see "
			    "net.ipv4.tcp_allowed_congestion_control)" :
			    errno == ENOENT ? "the kernel does not have it" :
			    strerror(errno), is.text);
			r = -1;
		}
		/* What the kernel says, not what was asked for */
		len = HPN_OPTIONS_NAME_MAX;
		(void)getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, is.text,
		    &len);
	}
	debug("TCP congestion control: %s", is.text);
	return r;
#else
	return 0;
#endif
}
