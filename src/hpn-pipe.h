/* SPDX-License-Identifier: ISC */
/*
 * hpn-pipe: pipes between ssh and the program that it serves, large enough for
 * bulk data.
 */
#ifndef HPN_PIPE_H
#define HPN_PIPE_H

/*
 * Let a pipe or a local socket hold as much as the system allows an ordinary
 * program, at most HPN_PIPE_SIZE bytes.  Does nothing to other descriptors;
 * never fails.
 */
#define HPN_PIPE_SIZE	(1024 * 1024)
void hpn_pipe_enlarge(int fd);

#endif /* HPN_PIPE_H */
