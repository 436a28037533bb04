/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: sftp-server whole, its loop, every request and the extension
 * that hashes.  Needs the tree.
 *
 * The input makes requests, well formed for the most part, which sftp-server
 * receives in pieces and whose answers it sends in pieces.  Nothing of the
 * machine is touched: files are memory, and what would change something is
 * only counted.  Beside memory errors, what must hold: every answer is a whole
 * message of a known type, there are no more of them than requests, nothing is
 * changed in read-only mode, and nobody reads where reading is denied.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "atomicio.h"
#include "xmalloc.h"
#include "sshbuf.h"
#include "ssherr.h"
#include "log.h"
#include "misc.h"
#include "match.h"
#include "uidswap.h"
#include "hpn-packet-buf.h"
#include "hpn-sftp-server.h"
#include "hpn-sftp-hash.h"
#include "fuzz.h"

/* Smaller queues are full more often, and sooner made. */
#undef HPN_SFTP_SERVER_IN
#define HPN_SFTP_SERVER_IN	(2 * 256 * 1024 + 1024)
#undef HPN_SFTP_SERVER_OUT
#define HPN_SFTP_SERVER_OUT	2000

/* A file ends here: what copies until the end must come to one. */
#define FILE_MOST	(256 * 1024)
/* The pipe between the one that requests come from and a file. */
#define HELD_OUT	1000
#define HELD_IN		1001
/* ... and of the one between files and answers. */
#define LENT_OUT	1002
#define LENT_IN		1003
#define LENT_MOST	3000

static jmp_buf over;
static struct sshbuf *stream;		/* requests not yet received */
static struct sshbuf *held;		/* what is in the pipe in between */
static struct sshbuf *lent;		/* the same for data of answers */
static struct sshbuf *answers;		/* what was sent and not yet looked at */
static unsigned int requests, answered;
static int read_only, reading_denied;
static uint64_t pieces;			/* how what is sent and received is cut */
static unsigned int changes;

static uint64_t
piece(uint64_t most)
{
	return input_piece(&pieces, most);
}

/* Something that changes files: never in read-only mode. */
static int
change(void)
{
	HOLDS(!read_only);
	if (changes++ % 5 == 4) {
		errno = EACCES;
		return -1;
	}
	return 0;
}

static void
finished(int code)
{
	longjmp(over, code + 1);
}

/* For fatal(): the session ends, as it does for bad messages. */
void
cleanup_exit(int code)
{
	finished(code);
	abort();
}

static int
fake_open(const char *path, int flags, mode_t mode)
{
	static const char content[10000] = "something";
	int fd;

	if ((flags & O_ACCMODE) != O_RDONLY ||
	    (flags & (O_CREAT | O_TRUNC)) != 0)
		HOLDS(!read_only);
	if (strstr(path, "none") != NULL) {
		errno = ENOENT;
		return -1;
	}
	if (strstr(path, "null") != NULL)
		return open("/dev/null", O_RDWR);
	if ((fd = memfd_create("fuzz", 0)) == -1)
		return -1;
	HOLDS(write(fd, content, sizeof(content)) == sizeof(content));
	(void)mode;
	return fd;
}

static ssize_t
fake_pwrite(int fd, const void *p, size_t len, off_t offset)
{
	HOLDS(!read_only);
	if (offset < 0 || offset > FILE_MOST || len > FILE_MOST) {
		errno = EFBIG;
		return -1;
	}
	return pwrite(fd, p, len - (len > 1 && piece(10) == 0), offset);
}

/* Answers, if that is what it is; else to a file. */
static ssize_t
fake_write(int fd, const void *p, size_t len)
{
	if (fd == STDOUT_FILENO) {
		if (piece(16) == 0) {
			errno = EAGAIN;
			return -1;
		}
		if (len > 1 && piece(2) == 0)
			len = 1 + (size_t)piece(len);
		HOLDS(sshbuf_put(answers, p, len) == 0);
		return (ssize_t)len;
	}
	HOLDS(!read_only);
	if (lseek(fd, 0, SEEK_CUR) > FILE_MOST) {
		errno = EFBIG;
		return -1;
	}
	return write(fd, p, len);
}

static ssize_t
fake_read(int fd, void *p, size_t len)
{
	size_t n;

	if (fd == HELD_OUT) {
		HOLDS(sshbuf_len(held) > 0);
		n = 1 + (size_t)piece(sshbuf_len(held) < len ?
		    sshbuf_len(held) : len);
		HOLDS(sshbuf_get(held, p, n) == 0);
		return (ssize_t)n;
	}
	HOLDS(fd == STDIN_FILENO);
	if (piece(16) == 0) {
		errno = piece(2) == 0 ? EAGAIN : EINTR;
		return -1;
	}
	n = sshbuf_len(stream);
	if (n > len)
		n = len;
	if (n > 1 && piece(2) == 0)
		n = 1 + (size_t)piece(n);
	HOLDS(sshbuf_get(stream, p, n) == 0);
	return (ssize_t)n;
}

/* How much the pipe has. */
static int
fake_ioctl(int *n)
{
	*n = (int)sshbuf_len(stream);
	return 0;
}

static int
fake_pipe(int fd[2])
{
	if (piece(8) == 0) {
		errno = EMFILE;
		return -1;
	}
	fd[0] = HELD_OUT;
	fd[1] = HELD_IN;
	return 0;
}

/* Data go from one pipe into the other, and from there into a file. */
static ssize_t
fake_splice(int in, int out, loff_t *at, size_t len)
{
	u_char some[1000];
	struct sshbuf *from = in == STDIN_FILENO ? stream : held;
	ssize_t n;

	HOLDS((in == STDIN_FILENO && out == HELD_IN) || in == HELD_OUT);
	if (piece(8) == 0) {
		errno = piece(2) == 0 ? EINTR : in != STDIN_FILENO ||
		    piece(2) == 0 ? EINVAL : EAGAIN;
		return -1;
	}
	/* To wait for nothing would be to wait for ever */
	HOLDS(in == STDIN_FILENO || sshbuf_len(held) >= len);
	if (len > sshbuf_len(from))
		len = sshbuf_len(from);
	if (len > sizeof(some))
		len = sizeof(some);
	if (len > 1)
		len = 1 + (size_t)piece(len);
	if (in == STDIN_FILENO) {
		HOLDS(sshbuf_get(stream, some, len) == 0);
		HOLDS(sshbuf_put(held, some, len) == 0);
		return (ssize_t)len;
	}
	memcpy(some, sshbuf_ptr(held), len);
	if ((n = fake_pwrite(out, some, len, *at)) > 0) {
		HOLDS(sshbuf_consume(held, (size_t)n) == 0);
		*at += n;
	}
	return n;
}

static int
fake_pipe_new(int fd[2])
{
	if (piece(8) == 0) {
		errno = EMFILE;
		return -1;
	}
	fd[0] = LENT_OUT;
	fd[1] = LENT_IN;
	return 0;
}

/* Data go from a file into that pipe, and from there to where answers go. */
static ssize_t
fake_pipe_move(int from, const off_t *at, int to, size_t len)
{
	u_char some[1000];
	ssize_t n;

	HOLDS(len > 0 && ((to == LENT_IN && at != NULL) ||
	    (from == LENT_OUT && to == STDOUT_FILENO && at == NULL)));
	if (piece(8) == 0) {
		errno = piece(2) == 0 ? EAGAIN : piece(2) == 0 ? EINTR : EINVAL;
		return -1;
	}
	if (len > sizeof(some))
		len = sizeof(some);
	if (len > 1 && piece(2) == 0)
		len = 1 + (size_t)piece(len);
	if (to == LENT_IN) {
		HOLDS(!reading_denied);
		if (sshbuf_len(lent) + len > LENT_MOST) {
			errno = EAGAIN;
			return -1;
		}
		if ((n = pread(from, some, len, *at)) > 0)
			HOLDS(sshbuf_put(lent, some, (size_t)n) == 0);
		return n;
	}
	HOLDS(sshbuf_get(lent, some, len) == 0);
	HOLDS(sshbuf_put(answers, some, len) == 0);
	return (ssize_t)len;
}

static int
fake_poll(struct pollfd *p, nfds_t n, int timeout)
{
	nfds_t i;
	int ready = 0;

	/* Whether there is room between pipe and file; or until data come */
	if (n == 1)
		return timeout == -1 || piece(4) != 0;
	/* To wait for nothing would be to wait for ever */
	HOLDS(n == 2 && timeout == -1 && (p[0].fd != -1 || p[1].fd != -1));
	for (i = 0; i < n; i++) {
		p[i].revents = 0;
		if (p[i].fd != -1 && (piece(4) != 0 ||
		    (i == 1 && ready == 0)))
			p[i].revents = p[i].events, ready++;
	}
	if (ready == 0 && p[0].fd != -1)
		p[0].revents = p[0].events;
	return 1;
}

static int
fake_ftruncate(int fd, off_t len)
{
	HOLDS(!read_only);
	if (len < 0 || len > FILE_MOST) {
		errno = EFBIG;
		return -1;
	}
	return ftruncate(fd, len);
}

static int
fake_stat(const char *path, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	if (strstr(path, "none") != NULL) {
		errno = ENOENT;
		return -1;
	}
	st->st_mode = (strstr(path, "dir") != NULL ? S_IFDIR : S_IFREG) | 0644;
	st->st_size = 1234;
	st->st_mtime = strstr(path, "old") != NULL ? -1 : 1700000000;
	return 0;
}

/* A file is what fake_stat() said that its name is. */
static int
fake_fstat(int fd, struct stat *st)
{
	if (fd == STDIN_FILENO) {
		memset(st, 0, sizeof(*st));
		st->st_mode = S_IFIFO;
		return 0;
	}
	if (fstat(fd, st) == -1)
		return -1;
	st->st_dev = 0;
	st->st_ino = 0;
	return 0;
}

static DIR *
fake_opendir(const char *path)
{
	if (strstr(path, "none") != NULL) {
		errno = ENOENT;
		return NULL;
	}
	return opendir("/proc/self/task");
}

static struct dirent *
fake_readdir(DIR *dir)
{
	static struct dirent entry;

	(void)dir;
	if (piece(8) == 0)
		return NULL;
	(void)snprintf(entry.d_name, sizeof(entry.d_name), "entry%u%s",
	    (unsigned int)piece(1000), piece(8) == 0 ? "none" : "");
	return &entry;
}

static ssize_t
fake_readlink(const char *path, char *target, size_t size)
{
	(void)path;
	memset(target, 'l', size);
	return (ssize_t)piece(size + 1);
}

static int
fake_statvfs(struct statvfs *st)
{
	memset(st, 0, sizeof(*st));
	return 0;
}

static char *
fake_realpath(const char *path, char *resolved)
{
	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return strcpy(resolved, path);
}

/* copy-data's way of reading and writing files. */
static size_t
fake_atomicio(int reading, int fd, void *p, size_t len)
{
	if (fd == LENT_OUT) {
		HOLDS(reading && sshbuf_get(lent, p, len) == 0);
		return len;
	}
	if (!reading) {
		HOLDS(!read_only);
		if (lseek(fd, 0, SEEK_CUR) > FILE_MOST) {
			errno = EFBIG;
			return 0;
		}
	}
	return atomicio(reading ? read : vwrite, fd, p, len);
}

#define open(p, f, m)		fake_open(p, f, (mode_t)(m))
#define pwrite(d, p, l, o)	fake_pwrite(d, p, l, o)
#define write(d, p, l)		fake_write(d, p, l)
#define read(d, p, l)		fake_read(d, p, l)
#define poll(p, n, t)		fake_poll(p, n, t)
#define ftruncate(d, l)		fake_ftruncate(d, l)
#define stat(p, s)		fake_stat(p, s)
#define lstat(p, s)		fake_stat(p, s)
#define fstat(d, s)		fake_fstat(d, s)
#define truncate(p, l)		change()
#define chmod(p, m)		change()
#define fchmod(d, m)		change()
#define fchmodat(d, p, m, f)	change()
#define chown(p, u, g)		change()
#define fchown(d, u, g)		change()
#define fchownat(d, p, u, g, f)	change()
#define utimes(p, t)		change()
#define futimes(d, t)		change()
#define utimensat(d, p, t, f)	change()
#define unlink(p)		change()
#define mkdir(p, m)		change()
#define rmdir(p)		change()
#define link(p, q)		change()
#define rename(p, q)		change()
#define symlink(p, q)		change()
#define fsync(d)		change()
#define ioctl(d, r, n)		fake_ioctl(n)
#define pipe2(p, f)		fake_pipe(p)
#define splice(i, ia, o, oa, l, f)	fake_splice(i, o, oa, l)
/* Less than a fuzzer makes */
#define BULK_LEAST		8
#define hpn_pipe_new(p)		fake_pipe_new(p)
#define hpn_pipe_move(i, a, o, l)	fake_pipe_move(i, a, o, l)
#define LARGE_LEAST		100
#define opendir(p)		fake_opendir(p)
#define readdir(d)		fake_readdir(d)
#define readlink(p, t, s)	fake_readlink(p, t, s)
#define statvfs(p, s)		fake_statvfs(s)
#define fstatvfs(d, s)		fake_statvfs(s)
#define sftp_realpath(p, r)	fake_realpath(p, r)
#define atomicio(f, d, p, l)	fake_atomicio((f) == read, d, p, l)
#define pwcopy(p)		(p)
#define log_init(n, l, f, e)	(void)(n)
#define platform_disable_tracing(s)	(void)(s)
#define platform_pledge_sftp_server()	(void)0
#define _exit(code)		finished(code)

/* A declaration there would be taken for a call. */
#undef sftp_realpath
#define sftp_realpath	fake_sftp_realpath
#include "sftp-server.c"
#include "hpn-sftp-server.c"

char *
fake_sftp_realpath(const char *path, char *resolved)
{
	return fake_realpath(path, resolved);
}

#undef poll
#undef read
#undef write
#undef open

/* ----------------------------------------------------------------------- */

/* Requests made of the input */

static void
put_path(struct sshbuf *m, struct input *in)
{
	static const char * const paths[] = { "", ".", "/", "file", "none",
	    "null", "dir", "old", "~", "~/x", "~nobody", "a/b/../c" };
	unsigned int kind = (unsigned int)input_bytes(in, 1);
	char name[300];
	size_t i, len;

	if (kind % 8 != 0) {
		HOLDS(sshbuf_put_cstring(m, paths[kind % 12]) == 0);
		return;
	}
	len = (size_t)input_bytes(in, 1);
	for (i = 0; i < len; i++)
		name[i] = (char)input_bytes(in, 1);
	HOLDS(sshbuf_put_string(m, name, len) == 0);
}

static void
put_handle_of(struct sshbuf *m, struct input *in)
{
	unsigned int kind = (unsigned int)input_bytes(in, 1);

	/* Most are the few that there are */
	if (kind < 0xf0) {
		HOLDS(sshbuf_put_u32(m, 4) == 0);
		HOLDS(sshbuf_put_u32(m, kind % 4) == 0);
	} else if (kind < 0xf8) {
		HOLDS(sshbuf_put_u32(m, 4) == 0);
		HOLDS(sshbuf_put_u32(m, (u_int32_t)input_bytes(in, 4)) == 0);
	} else
		put_path(m, in);
}

static void
put_attributes(struct sshbuf *m, struct input *in)
{
	u_int32_t flags = (u_int32_t)input_bytes(in, 1);

	if (flags & 0x10)
		flags |= SSH2_FILEXFER_ATTR_EXTENDED;
	flags &= 0x8000000f;
	HOLDS(sshbuf_put_u32(m, flags) == 0);
	if (flags & SSH2_FILEXFER_ATTR_SIZE)
		HOLDS(sshbuf_put_u64(m, input_number(in)) == 0);
	if (flags & SSH2_FILEXFER_ATTR_UIDGID)
		HOLDS(sshbuf_put_u64(m, input_bytes(in, 8)) == 0);
	if (flags & SSH2_FILEXFER_ATTR_PERMISSIONS)
		HOLDS(sshbuf_put_u32(m, (u_int32_t)input_bytes(in, 4)) == 0);
	if (flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		HOLDS(sshbuf_put_u64(m, input_bytes(in, 8)) == 0);
	if (flags & SSH2_FILEXFER_ATTR_EXTENDED) {
		HOLDS(sshbuf_put_u32(m, 1) == 0);
		put_path(m, in);
		put_path(m, in);
	}
}

static void
put_numbers(struct sshbuf *m, struct input *in, int n)
{
	while (n-- > 0)
		HOLDS(sshbuf_put_u64(m, input_number(in)) == 0);
}

/* A request as "type, then what": p path, h handle, a attributes, f flags, o
 * offset or length, l a length of 32 bits, d data, s the name of a hash. */
static const struct {
	u_char type;
	const char *extension, *what;
} shapes[] = {
	{ SSH2_FXP_OPEN, NULL, "pfa" },
	{ SSH2_FXP_CLOSE, NULL, "h" },
	{ SSH2_FXP_READ, NULL, "hol" },
	{ SSH2_FXP_WRITE, NULL, "hod" },
	{ SSH2_FXP_LSTAT, NULL, "p" },
	{ SSH2_FXP_FSTAT, NULL, "h" },
	{ SSH2_FXP_SETSTAT, NULL, "pa" },
	{ SSH2_FXP_FSETSTAT, NULL, "ha" },
	{ SSH2_FXP_OPENDIR, NULL, "p" },
	{ SSH2_FXP_READDIR, NULL, "h" },
	{ SSH2_FXP_REMOVE, NULL, "p" },
	{ SSH2_FXP_MKDIR, NULL, "pa" },
	{ SSH2_FXP_RMDIR, NULL, "p" },
	{ SSH2_FXP_REALPATH, NULL, "p" },
	{ SSH2_FXP_STAT, NULL, "p" },
	{ SSH2_FXP_RENAME, NULL, "pp" },
	{ SSH2_FXP_READLINK, NULL, "p" },
	{ SSH2_FXP_SYMLINK, NULL, "pp" },
	{ SSH2_FXP_EXTENDED, "posix-rename@openssh.com", "pp" },
	{ SSH2_FXP_EXTENDED, "statvfs@openssh.com", "p" },
	{ SSH2_FXP_EXTENDED, "fstatvfs@openssh.com", "h" },
	{ SSH2_FXP_EXTENDED, "hardlink@openssh.com", "pp" },
	{ SSH2_FXP_EXTENDED, "fsync@openssh.com", "h" },
	{ SSH2_FXP_EXTENDED, "lsetstat@openssh.com", "pa" },
	{ SSH2_FXP_EXTENDED, "limits@openssh.com", "" },
	{ SSH2_FXP_EXTENDED, "expand-path@openssh.com", "p" },
	{ SSH2_FXP_EXTENDED, "copy-data", "hooho" },
	{ SSH2_FXP_EXTENDED, "home-directory", "p" },
	{ SSH2_FXP_EXTENDED, "users-groups-by-id@openssh.com", "dd" },
	{ SSH2_FXP_EXTENDED, HPN_SFTP_HASH_EXTENSION, "hooos" },
	{ SSH2_FXP_EXTENDED, HPN_SFTP_HASH_EXTENSION, "hooos" },
	{ SSH2_FXP_EXTENDED, HPN_SFTP_SERVER_OPEN, "p" },
	{ SSH2_FXP_EXTENDED, "unknown@example.com", "pp" },
	{ 99, NULL, "p" },
};

static void
put_request(struct sshbuf *to, struct input *in)
{
	static const u_char zeros[70000];
	unsigned int kind = (unsigned int)input_bytes(in, 1);
	const char *what;
	struct sshbuf *m;
	size_t i, len;

	HOLDS((m = sshbuf_new()) != NULL);
	i = kind % (sizeof(shapes) / sizeof(shapes[0]));
	HOLDS(sshbuf_put_u8(m, shapes[i].type) == 0);
	HOLDS(sshbuf_put_u32(m, requests++) == 0);
	if (shapes[i].extension != NULL)
		HOLDS(sshbuf_put_cstring(m, shapes[i].extension) == 0);
	for (what = shapes[i].what; *what != '\0'; what++) {
		switch (*what) {
		case 'p':
			put_path(m, in);
			break;
		case 'h':
			put_handle_of(m, in);
			break;
		case 'a':
			put_attributes(m, in);
			break;
		case 'f':
			HOLDS(sshbuf_put_u32(m,
			    (u_int32_t)input_bytes(in, 1)) == 0);
			break;
		case 'o':
			put_numbers(m, in, 1);
			break;
		case 'l':
			HOLDS(sshbuf_put_u32(m,
			    (u_int32_t)input_number(in)) == 0);
			break;
		case 'd':
			len = (size_t)(input_number(in) % sizeof(zeros));
			HOLDS(sshbuf_put_string(m, zeros, len) == 0);
			break;
		case 's':
			HOLDS(sshbuf_put_cstring(m, input_bytes(in, 1) % 8 == 0 ?
			    "md5" : HPN_HASH_ALGORITHM) == 0);
			break;
		}
	}
	/* Now and then too short, too long, or of another length than it says */
	kind = (unsigned int)input_bytes(in, 1);
	len = sshbuf_len(m);
	if (kind == 1)
		HOLDS(sshbuf_consume_end(m, input_bytes(in, 1) % len) == 0);
	if (kind == 2)
		HOLDS(sshbuf_put(m, zeros, input_bytes(in, 1)) == 0);
	len = sshbuf_len(m);
	if (kind == 3)
		len = (size_t)input_bytes(in, 4);
	HOLDS(sshbuf_put_u32(to, (u_int32_t)len) == 0);
	HOLDS(sshbuf_putb(to, m) == 0);
	sshbuf_free(m);
}

/* Whole answers of known types, in order. */
static void
look_at_answers(void)
{
	const u_char *p;
	size_t len;

	while (sshbuf_get_string_direct(answers, &p, &len) == 0) {
		HOLDS(len >= 5 && len <= SFTP_MAX_MSG_LENGTH);
		switch (p[0]) {
		case SSH2_FXP_DATA:
			HOLDS(!reading_denied);
			break;
		case SSH2_FXP_VERSION:
		case SSH2_FXP_STATUS:
		case SSH2_FXP_HANDLE:
		case SSH2_FXP_NAME:
		case SSH2_FXP_ATTRS:
		case SSH2_FXP_EXTENDED_REPLY:
			break;
		default:
			HOLDS(!"the type of an answer is known");
		}
		answered++;
	}
}

static void
drop(LogLevel level, int forced, const char *line, void *ctx)
{
	(void)level;
	(void)forced;
	(void)line;
	(void)ctx;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const all[] = { "sftp-server", "-R", "-P", "read", NULL };
	static struct passwd user;
	char *argv[5];
	struct input in = { data, size };
	unsigned int mode, n;
	u_int i;

	set_log_handler(drop, NULL);
	if (user.pw_name == NULL) {
		user.pw_name = user.pw_dir = user.pw_shell = "fuzz";
		user.pw_gecos = user.pw_passwd = "";
	}
	HOLDS((stream = sshbuf_new()) != NULL);
	HOLDS((held = sshbuf_new()) != NULL);
	HOLDS((lent = sshbuf_new()) != NULL);
	HOLDS((answers = sshbuf_new()) != NULL);
	mode = (unsigned int)input_bytes(&in, 1);
	pieces = input_bytes(&in, 8) | 1;
	read_only = (mode & 3) == 1;
	reading_denied = (mode & 3) == 2;
	requests = answered = changes = 0;
	n = 0;
	argv[n++] = all[0];
	if (read_only)
		argv[n++] = all[1];
	if (reading_denied) {
		argv[n++] = all[2];
		argv[n++] = all[3];
	}
	argv[n] = NULL;
	if ((mode & 0x1c) != 0) {
		requests++;
		HOLDS(sshbuf_put_u32(stream, 5) == 0);
		HOLDS(sshbuf_put_u8(stream, SSH2_FXP_INIT) == 0);
		HOLDS(sshbuf_put_u32(stream, 3) == 0);
	}
	/* Raw, for what the above cannot make, or requests */
	if ((mode & 0xe0) == 0) {
		HOLDS(sshbuf_put(stream, in.p, in.left) == 0);
		requests += (unsigned int)(in.left / 4 + 1);
	} else {
		while (in.left > 0)
			put_request(stream, &in);
	}

	optind = 0;
	if (setjmp(over) == 0)
		sftp_server_main((int)n, argv, &user);
	look_at_answers();
	HOLDS(answered <= requests);

	for (i = 0; i < num_handles; i++)
		(void)handle_close((int)i);
	free(handles);
	handles = NULL;
	num_handles = 0;
	first_unused_handle = -1;
	readonly = init_done = 0;
	version = 0;
	must_poll = 0;
	memset(&bulk, 0, sizeof(bulk));
	bulk.in = -1;
	memset(&large, 0, sizeof(large));
	free(request_denylist);
	request_denylist = NULL;
	free(client_addr);
	client_addr = NULL;
	sshbuf_free(iqueue);
	sshbuf_free(oqueue);
	iqueue = oqueue = NULL;
	sshbuf_free(stream);
	sshbuf_free(held);
	sshbuf_free(lent);
	sshbuf_free(answers);
	return 0;
}
