/* SPDX-License-Identifier: ISC */
/*
 * For hpn-dm-files-fuzz.c: included in front of every source of dmscp (cc -include),
 * so that what it would do to the machine, what it allocates, and the time, go by way
 * of the target.
 */
#ifndef HPN_DM_FILES_FUZZ_H
#define HPN_DM_FILES_FUZZ_H

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

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
#include "digest.h"

/* As the functions after which they are called. */
int fake_open(const char *, int, ...);
int fake_close(int);
ssize_t fake_send(int, const void *, size_t, int);
ssize_t fake_write(int, const void *, size_t);
ssize_t fake_read(int, void *, size_t);
int fake_poll(struct pollfd *, nfds_t, int);
int fake_set_nonblock(int);
int fake_fstat(int, struct stat *);
int fake_ioctl(int, unsigned long, int *);
int fake_isatty(int);
int fake_usleep(useconds_t);
int fake_clock_gettime(clockid_t, struct timespec *);
uint32_t fake_arc4random(void);
void *fake_malloc(size_t);
void *fake_calloc(size_t, size_t);
int fake_posix_memalign(void **, size_t, size_t);
void *fake_xcalloc(size_t, size_t);
void *fake_xmalloc(size_t);
char *fake_xstrdup(const char *);
int fake_xasprintf(char **, const char *, ...);
void *fake_xreallocarray(void *, size_t, size_t);
void fake_free(void *);
struct sshbuf *fake_sshbuf_new(void);
struct sshbuf *fake_sshbuf_from(const void *, size_t);
void fake_sshbuf_free(struct sshbuf *);
struct ssh_digest_ctx *fake_ssh_digest_start(int);

/* There are structures and members of that name, so those have parameters. */
#define open		fake_open
#define close		fake_close
#define send		fake_send
#define write		fake_write
#define read		fake_read
#define poll		fake_poll
#define fstat(f, s)	fake_fstat(f, s)
#define ioctl		fake_ioctl
#define isatty		fake_isatty
#define usleep		fake_usleep
#define clock_gettime	fake_clock_gettime
#define arc4random	fake_arc4random
#define set_nonblock	fake_set_nonblock
#define malloc		fake_malloc
#define calloc		fake_calloc
#define posix_memalign	fake_posix_memalign
#define xcalloc		fake_xcalloc
#define xmalloc		fake_xmalloc
#define xstrdup		fake_xstrdup
#define xasprintf	fake_xasprintf
#define xreallocarray	fake_xreallocarray
#define free		fake_free
#define sshbuf_new	fake_sshbuf_new
#define sshbuf_from	fake_sshbuf_from
#define sshbuf_free	fake_sshbuf_free
#define ssh_digest_start	fake_ssh_digest_start

#define XXH3_createState	fake_XXH3_createState
#define XXH3_freeState	fake_XXH3_freeState

/*
 * Streams are short, so that many are tried.  All that is counted in bytes or in
 * requests is as much smaller.
 */
#define HPN_DM_SIZES
#define READ_ONCE	64
#define BLOCK		(2 * READ_ONCE)
#define COMPARE_FROM	(2ULL * BLOCK)
#define COMPARE_STEP	(4ULL * BLOCK)
#define COMPARE_MOST	(4ULL * BLOCK)
#define COMPARE_TRIES	20
#define ASKS_MOST	8
#define BACK_MOST	512U
#define BACK_LEAST	128U
#define BACK_STEADY	4
#define REPAIRS_MOST	4
#define ANEW_MOST	20
#define AHEAD_MOST	1000ULL
#define AHEAD_LEAST	100ULL
#define AHEAD		600ULL
#define SPACE_LEAST	1024ULL
#define STALE_MOST	(HPN_DM_SFTP_OPEN_MOST + 4)
#define WRITE_ONCE	100
#define SLOTS		256
#define SLOTS_LEFT	128
#define DATA_USUAL	50
#define DATA_LEAST	16
#define LEND_LEAST	20
#define READ_MAX	700
#define HPN_DM_SFTP_OPEN_MOST	10
#define HPN_DM_MANIFEST_TEXT	8000U
#define HPN_SFTP_IO_QUEUE	1000

#endif /* HPN_DM_FILES_FUZZ_H */
