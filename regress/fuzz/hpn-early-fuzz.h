/* SPDX-License-Identifier: ISC */
/*
 * For hpn-early-fuzz.c: included in front of every source of sshd that is part of
 * it (cc -include), so that the connection is memory and no one waits.
 */
#ifndef HPN_EARLY_FUZZ_H
#define HPN_EARLY_FUZZ_H

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* As the functions after which they are called. */
ssize_t fake_read(int, void *, size_t);
ssize_t fake_write(int, const void *, size_t);
int fake_ppoll(struct pollfd *, nfds_t, const struct timespec *,
    const sigset_t *);
int fake_nanosleep(const struct timespec *, struct timespec *);

#define read		fake_read
#define write		fake_write
#define ppoll		fake_ppoll
#define nanosleep	fake_nanosleep

#endif /* HPN_EARLY_FUZZ_H */
