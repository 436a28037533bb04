/* SPDX-License-Identifier: ISC */
/*
 * For hpn-sftp-client-fuzz.c: included in front of every source of the SFTP
 * client (cc -include), so that what the client would do to the machine, and
 * what it allocates, goes by way of the target.
 */
#ifndef HPN_SFTP_CLIENT_FUZZ_H
#define HPN_SFTP_CLIENT_FUZZ_H

#include "includes.h"

#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sshbuf.h"

/* As the functions after which they are called. */
int fake_open(const char *, int, ...);
int fake_close(int);
int fake_dup(int);
ssize_t fake_send(int, const void *, size_t, int);
ssize_t fake_recv(int, void *, size_t, int);
ssize_t fake_write(int, const void *, size_t);
ssize_t fake_read(int, void *, size_t);
int fake_poll(struct pollfd *, nfds_t, int);
int fake_set_nonblock(int);
int fake_mkdir(const char *, mode_t);
int fake_chmod(const char *, mode_t);
int fake_utimes(const char *, const struct timeval *);
int fake_stat(const char *, struct stat *);
int fake_fstat(int, struct stat *);
DIR *fake_opendir(const char *);
struct dirent *fake_readdir(DIR *);
int fake_closedir(DIR *);
int fake_mprintf(const char *, ...);
int fake_socketpair(int, int, int, int [2]);
double fake_monotime_double(void);
void fake_arc4random_buf(void *, size_t);
uint32_t fake_arc4random_uniform(uint32_t);
void *fake_xcalloc(size_t, size_t);
void *fake_xmalloc(size_t);
char *fake_xstrdup(const char *);
void *fake_xreallocarray(void *, size_t, size_t);
void fake_free(void *);
struct sshbuf *fake_sshbuf_new(void);
struct sshbuf *fake_sshbuf_from(const void *, size_t);
void fake_sshbuf_free(struct sshbuf *);

/*
 * All that is read and written is the connection; local files are read and
 * written by pread(2) and pwrite(2).
 */
#define open		fake_open
#define close		fake_close
#define dup		fake_dup
#define send		fake_send
#define recv		fake_recv
#define write		fake_write
#define read		fake_read
#define poll		fake_poll
#define set_nonblock	fake_set_nonblock
#define mkdir		fake_mkdir
#define chmod		fake_chmod
#define utimes		fake_utimes
/* There are structures of that name */
#define stat(p, s)	fake_stat(p, s)
#define fstat(f, s)	fake_fstat(f, s)
#define lstat(p, s)	fake_stat(p, s)
#define opendir		fake_opendir
#define readdir		fake_readdir
#define closedir	fake_closedir
#define mprintf		fake_mprintf
#define socketpair	fake_socketpair
#define monotime_double	fake_monotime_double
#define arc4random_buf	fake_arc4random_buf
#define arc4random_uniform	fake_arc4random_uniform
#define xcalloc		fake_xcalloc
#define xmalloc		fake_xmalloc
#define xstrdup		fake_xstrdup
#define xreallocarray	fake_xreallocarray
#define free		fake_free
#define sshbuf_new	fake_sshbuf_new
#define sshbuf_from	fake_sshbuf_from
#define sshbuf_free	fake_sshbuf_free

#endif /* HPN_SFTP_CLIENT_FUZZ_H */
