/* SPDX-License-Identifier: ISC */
/* A connection for unit tests: over a pipe, without keys. */
#ifndef HPN_TEST_CONNECTION_H
#define HPN_TEST_CONNECTION_H

/* Returns NULL if there is none; else ssh_packet_close() and free() end it. */
static inline struct ssh *
new_connection(void)
{
	struct ssh *ssh;
	int fds[2];

	if (pipe(fds) == -1 ||
	    (ssh = ssh_packet_set_connection(NULL, fds[0], fds[1])) == NULL)
		return NULL;
	/* No keys are being exchanged then */
	ssh_packet_set_mux(ssh);
	return ssh;
}

#endif /* HPN_TEST_CONNECTION_H */
