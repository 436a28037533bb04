/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: the SFTP client whole: OpenSSH's sftp-client.c on top of our
 * hpn-sftp-io and hpn-sftp-conn, and the job of scp, get and put.  Needs the
 * tree, and hpn-sftp-client-fuzz.h in front of every source of the client.
 *
 * The input is what a server answers: for each request that the client has
 * sent, in an order that the input has, an answer of the right type for the
 * most part, with names, attributes and data that it makes up, or a message
 * that is cut or of a wrong length; over one connection, or several lanes, each
 * of which may end at any time.  Beside memory errors, what must hold:
 *
 *	requests are whole messages, and not too long
 *	nobody waits for an answer to a request that was not sent
 *	a job ends, and not for want of something to do
 *	what is under way in the lanes is what the job has asked for
 *	what is closed is not used any more
 *	nothing is written, made or changed outside of the destination
 */

#include "hpn-sftp-client-fuzz.h"
/* Here these are what they were. */
#undef open
#undef close
#undef send
#undef recv
#undef write
#undef read
#undef poll
#undef set_nonblock
#undef mkdir
#undef chmod
#undef utimes
#undef stat
#undef fstat
#undef lstat
#undef opendir
#undef readdir
#undef closedir
#undef mprintf
#undef socketpair
#undef dup
#undef monotime_double
#undef arc4random_uniform
#undef xcalloc
#undef xmalloc
#undef xstrdup
#undef xreallocarray
#undef free
#undef sshbuf_new
#undef sshbuf_from
#undef sshbuf_free

#include <sys/mman.h>

#include <limits.h>
#include <setjmp.h>

#include "openbsd-compat/sys-queue.h"
#include "log.h"
#include "misc.h"
#include "monitor_fdpass.h"
#include "progressmeter.h"
#include "xmalloc.h"
#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"
#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "hpn-lanes-ssh.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-hash.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-lanes.h"
#include "hpn-sftp-node.h"
#include "hpn-sftp-server.h"
#include "hpn-sftp-wish.h"
#include "fuzz.h"
#include "kept.h"

/* Descriptors that nobody has: the connection, its other lanes, the way to ssh. */
#define CONNECTION	1000
#define SSH		1100
#define WIRES		HPN_LANES_SLOTS
#define OWED_MOST	40000
#define SPARE		2000
#define FILE_LEN	70000

volatile sig_atomic_t interrupted;
int showprogress;

static jmp_buf over;
static struct input in;
static struct {
	struct sshbuf *sent;	/* by the client, not yet looked at */
	struct sshbuf *answers;	/* not yet received by it */
	u_int owed;		/* requests without an answer */
	int open;
} wires[WIRES];
static u_int nwires;
static int ssh_asked;		/* its socket is open */
static int ssh_sent;		/* ... and it has sent what is for some servers */
static double now, tick;
static struct {
	u_int wire;
	u_char type;
	u_int32_t id, len;
	int dir;		/* about a directory, by its name */
	int hash;		/* for hashes of this range */
	struct hpn_hash_range range;
} owed[OWED_MOST];		/* requests without an answer */
static u_int nowed;
static int broken;		/* an answer was none: anything may follow */
static u_int spare;		/* answers beyond the input */
static u_int names;		/* that local directories still have */
static uint64_t pieces;
static int fds[4096];
static u_int nfds;
static u_int jobs;		/* that came to their end */
static const struct hpn_sftp_job *running;
static int linked;		/* all local files are one */

static uint64_t
piece(uint64_t most)
{
	return input_piece(&pieces, most);
}

/* For fatal() */
void
cleanup_exit(int code)
{
	longjmp(over, code + 1);
}

/* ----------------------------------------------------------------------- */

/* What the client allocates: it ends with most of that not freed. */

static void
release_buf(void *p)
{
	sshbuf_free(p);
}

void *
fake_xcalloc(size_t n, size_t size)
{
	return keep(xcalloc(n, size), free, 0);
}

void *
fake_xmalloc(size_t size)
{
	return keep(xmalloc(size), free, 0);
}

char *
fake_xstrdup(const char *s)
{
	return keep(xstrdup(s), free, 0);
}

void *
fake_xreallocarray(void *p, size_t n, size_t size)
{
	(void)let_go(p);
	return keep(xreallocarray(p, n, size), free, 0);
}

void
fake_free(void *p)
{
	(void)let_go(p);
	free(p);
}

struct sshbuf *
fake_sshbuf_new(void)
{
	return keep(sshbuf_new(), release_buf, 0);
}

struct sshbuf *
fake_sshbuf_from(const void *p, size_t len)
{
	return keep(sshbuf_from(p, len), release_buf, 0);
}

void
fake_sshbuf_free(struct sshbuf *b)
{
	(void)let_go(b);
	sshbuf_free(b);
}

/* ----------------------------------------------------------------------- */

/* The machine */

/* "to" or something below it */
static void
inside(const char *path)
{
	size_t len = strlen(path);

	HOLDS(strncmp(path, "to", 2) == 0 &&
	    (path[2] == '\0' || path[2] == '/'));
	HOLDS(strstr(path, "/../") == NULL);
	HOLDS(len < 3 || strcmp(path + len - 3, "/..") != 0);
}

static int
change(const char *path)
{
	inside(path);
	if (piece(16) == 0) {
		errno = piece(2) == 0 ? EACCES : EEXIST;
		return -1;
	}
	return 0;
}

int
fake_mkdir(const char *path, mode_t mode)
{
	(void)mode;
	return change(path);
}

int
fake_chmod(const char *path, mode_t mode)
{
	(void)mode;
	return change(path);
}

int
fake_utimes(const char *path, const struct timeval *tv)
{
	(void)tv;
	return change(path);
}

int
fake_open(const char *path, int flags, ...)
{
	static const char content[FILE_LEN];
	int fd;

	if ((flags & (O_ACCMODE | O_CREAT | O_TRUNC)) != O_RDONLY)
		inside(path);
	else if (strncmp(path, "from", 4) != 0)
		inside(path);	/* what may be there already */
	if (piece(16) == 0 || nfds == sizeof(fds) / sizeof(fds[0])) {
		errno = EACCES;
		return -1;
	}
	HOLDS((fd = memfd_create("fuzz", 0)) != -1);
	fds[nfds++] = fd;
	if ((flags & O_ACCMODE) == O_RDONLY ||
	    ((flags & (O_ACCMODE | O_TRUNC)) == O_RDWR && piece(2) == 0))
		HOLDS(write(fd, content, piece(FILE_LEN)) != -1);
	if (piece(8) == 0)
		HOLDS(pwrite(fd, "x", 1, (off_t)piece(FILE_LEN)) != -1);
	return fd;
}

int
fake_close(int fd)
{
	u_int i;

	/* Each pair of sockets has another end, which is ssh's. */
	if (fd == SSH + 1 || fd == SSH + 2)
		return 0;
	if (fd == SSH) {
		HOLDS(ssh_asked);
		ssh_asked = 0;
		return 0;
	}
	if (fd >= CONNECTION && fd < CONNECTION + WIRES) {
		HOLDS(wires[fd - CONNECTION].open);
		wires[fd - CONNECTION].open = 0;
		return 0;
	}
	for (i = 0; i < nfds; i++) {
		if (fds[i] == fd) {
			fds[i] = fds[--nfds];
			return close(fd);
		}
	}
	HOLDS(!"what is closed is open");
	return -1;
}

int
fake_dup(int fd)
{
	int copy;

	if (piece(16) == 0 || nfds == sizeof(fds) / sizeof(fds[0]))
		return -1;
	HOLDS((copy = dup(fd)) != -1);
	fds[nfds++] = copy;
	return copy;
}

int
fake_stat(const char *path, struct stat *st)
{
	const char *name = strrchr(path, '/');

	memset(st, 0, sizeof(*st));
	name = name == NULL ? path : name + 1;
	st->st_mode = (strchr(name, 'd') != NULL ? S_IFDIR : S_IFREG) | 0644;
	st->st_size = 1234;
	st->st_mtime = 1700000000;
	st->st_nlink = linked ? 2 : 1;
	st->st_ino = 7;
	return 0;
}

int
fake_fstat(int fd, struct stat *st)
{
	int r = fstat(fd, st);

	/* Now and then it is another file than it was. */
	if (linked && piece(8) != 0) {
		st->st_dev = 0;
		st->st_ino = 7;
	}
	return r;
}

DIR *
fake_opendir(const char *path)
{
	static int dir;

	HOLDS(strncmp(path, "from", 4) == 0);
	return (DIR *)&dir;
}

struct dirent *
fake_readdir(DIR *dir)
{
	static struct dirent entry;

	(void)dir;
	if (names == 0 || piece(4) == 0)
		return NULL;
	names--;
	entry.d_ino = 1;
	(void)snprintf(entry.d_name, sizeof(entry.d_name), "%s%u",
	    piece(4) == 0 ? "d" : "f", (u_int)piece(20));
	return &entry;
}

int
fake_closedir(DIR *dir)
{
	(void)dir;
	return 0;
}

int
fake_mprintf(const char *format, ...)
{
	(void)format;
	return 0;
}

void
start_progress_meter(const char *f, off_t size, off_t *at)
{
}

void
update_progress_meter(const char *f, off_t size)
{
}

void
refresh_progress_meter(int force)
{
}

void
stop_progress_meter(void)
{
}

/* ----------------------------------------------------------------------- */

/* Requests */

/* Is this a request for hashes? */
static int
take_hash(struct sshbuf *m, struct hpn_hash_range *range, u_char *type)
{
	char *name;
	int is, known;

	HOLDS(sshbuf_get_cstring(m, &name, NULL) == 0);
	if (strcmp(name, HPN_SFTP_SERVER_OPEN) == 0)
		*type = SSH2_FXP_OPEN;
	is = strcmp(name, HPN_SFTP_HASH_EXTENSION) == 0;
	free(name);
	if (is) {
		HOLDS(sshbuf_skip_string(m) == 0);
		HOLDS(hpn_sftp_hash_get_request(m, range, &known) == 0);
		HOLDS(known && sshbuf_len(m) == 0);
	}
	return is;
}

static void
take_requests(u_int w)
{
	struct sshbuf *sent = wires[w].sent;
	const u_char *p;
	struct sshbuf *m;
	size_t len;
	u_int32_t id, n = 0;
	u_char type;
	const u_char *name;
	size_t name_len;

	while (sshbuf_len(sent) >= 4) {
		HOLDS(nowed < OWED_MOST);
		len = PEEK_U32(sshbuf_ptr(sent));
		HOLDS(len >= 5 && len <= SFTP_MAX_MSG_LENGTH);
		if (sshbuf_get_string_direct(sent, &p, &len) != 0)
			return;
		HOLDS((m = sshbuf_from(p, len)) != NULL);
		HOLDS(sshbuf_get_u8(m, &type) == 0);
		HOLDS(sshbuf_get_u32(m, &id) == 0);
		if (type == SSH2_FXP_READ) {
			HOLDS(sshbuf_skip_string(m) == 0);
			HOLDS(sshbuf_consume(m, 8) == 0);
			HOLDS(sshbuf_get_u32(m, &n) == 0);
			HOLDS(sshbuf_len(m) == 0 && n != 0);
		}
		owed[nowed].dir = type == SSH2_FXP_STAT &&
		    sshbuf_get_string_direct(m, &name, &name_len) == 0 &&
		    name_len >= 2 && name[name_len - 2] == 'd';
		owed[nowed].hash = type == SSH2_FXP_EXTENDED &&
		    take_hash(m, &owed[nowed].range, &type);
		sshbuf_free(m);
		owed[nowed].wire = w;
		wires[w].owed++;
		owed[nowed].type = type;
		owed[nowed].id = id;
		owed[nowed++].len = n;
	}
}

ssize_t
fake_send(int fd, const void *p, size_t len, int flags)
{
	HOLDS(len > 0);
	(void)flags;
	if (piece(16) == 0) {
		errno = fd == SSH ? EPIPE : piece(2) == 0 ? EAGAIN : EINTR;
		return -1;
	}
	if (fd == SSH) {
		HOLDS(ssh_asked);
		if (len > 8 && get_u32((const u_char *)p + 4) ==
		    HPN_LANES_SSH_EARLY && piece(4) != 0) {
			HOLDS(get_u32(p) == len - 4);
			HOLDS(sshbuf_put(wires[0].sent, (const u_char *)p + 8,
			    len - 8) == 0);
			take_requests(0);
			HOLDS(sshbuf_len(wires[0].sent) == 0);
			ssh_sent = 1;
		}
		return (ssize_t)len;
	}
	HOLDS(fd >= CONNECTION && fd < CONNECTION + WIRES &&
	    wires[fd - CONNECTION].open);
	if (piece(4) == 0)
		len = 1 + (size_t)piece(len);
	HOLDS(sshbuf_put(wires[fd - CONNECTION].sent, p, len) == 0);
	take_requests((u_int)(fd - CONNECTION));
	return (ssize_t)len;
}

/* Whether ssh has sent them, and whether somebody had to help it to log in. */
ssize_t
fake_recv(int fd, void *p, size_t len, int flags)
{
	u_char *frame = p;
	ssize_t got = 0;

	(void)flags;
	HOLDS(fd == SSH && ssh_asked &&
	    len >= HPN_LANES_SSH_SENT_LEN + HPN_LANES_SSH_HELPED_LEN);
	if (ssh_sent) {
		put_u32(frame, HPN_LANES_SSH_SENT_LEN - 4);
		put_u32(frame + 4, HPN_LANES_SSH_SENT);
		put_u64(frame + 8, 1);
		got = HPN_LANES_SSH_SENT_LEN;
	}
	if (piece(16) == 0) {
		put_u32(frame + got, HPN_LANES_SSH_HELPED_LEN - 4);
		put_u32(frame + got + 4, HPN_LANES_SSH_HELPED);
		put_u32(frame + got + 8, 1 + piece(7));
		got += HPN_LANES_SSH_HELPED_LEN;
	}
	if (got == 0) {
		errno = EAGAIN;
		return -1;
	}
	return got;
}

int
mm_send_fd(int fd, int passed)
{
	(void)passed;
	HOLDS(fd == SSH && ssh_asked);
	return piece(16) == 0 ? -1 : 0;
}

/* The first one is the way to ssh, all others are lanes. */
int
fake_socketpair(int domain, int type, int protocol, int pair[2])
{
	(void)domain;
	(void)type;
	(void)protocol;
	if (piece(16) == 0) {
		errno = EMFILE;
		return -1;
	}
	if (nwires == 0) {
		ssh_asked = 1;
		pair[0] = SSH;
		pair[1] = SSH + 1;
		return 0;
	}
	/* One that could not be handed over is another one's next. */
	while (nwires < WIRES && wires[nwires].open)
		nwires++;
	HOLDS(nwires < WIRES);
	wires[nwires].open = 1;
	pair[0] = CONNECTION + (int)nwires++;
	pair[1] = SSH + 2;
	return 0;
}

/* Another connection: a wire that ssh has no part in. */
static int offered;

void
hpn_sftp_connections_offer(void)
{
	offered = 1;
}

void
hpn_sftp_connections_child(char *const argv[])
{
	(void)argv;
}

void
hpn_sftp_connections_take(struct hpn_sftp_connections_how *how)
{
	how->fd = offered ? SSH : -1;
	how->argv = NULL;
	offered = 0;
}

void
hpn_sftp_connections_forget(struct hpn_sftp_connections_how *how)
{
	how->fd = -1;
}

int
hpn_sftp_connections_start(struct hpn_sftp_connections_how *how, pid_t *pidp)
{
	HOLDS(how->fd == SSH);
	if (piece(16) == 0)
		return -1;
	HOLDS(nwires < WIRES && !wires[nwires].open);
	wires[nwires].open = 1;
	*pidp = (pid_t)(1 + nwires);
	return CONNECTION + (int)nwires++;
}

void
hpn_sftp_connections_end(pid_t pid, int now)
{
	(void)now;
	HOLDS(pid >= 0 && pid <= WIRES);
}

void
hpn_pipe_enlarge(int fd)
{
	(void)fd;
}

/* No pipe of the client's is one. */
ssize_t
hpn_pipe_lend(int fd, const void *p, size_t len)
{
	HOLDS(0);
	return -1;
}

/* Which pages are hidden: all, so that the zeros of READ are right. */
void
fake_arc4random_buf(void *p, size_t len)
{
	memset(p, 0xff, len);
}

/* Times that are to be seen: those of put_open_file(). */
uint32_t
fake_arc4random_uniform(uint32_t below)
{
	(void)below;
	return 0;
}

/* The server may be far away. */
double
fake_monotime_double(void)
{
	return now += tick;
}

ssize_t
fake_write(int fd, const void *p, size_t len)
{
	return fake_send(fd, p, len, 0);
}

/* ----------------------------------------------------------------------- */

/* Answers */

static void
put_name(struct sshbuf *m)
{
	static const char * const some[] = { "a", "b", "c", "A", "dir", "..",
	    ".", "", "../x", "a/b", "/etc/x", "new\nline", "\377\376", "x",
	    "y", "z" };
	char name[300];
	u_int kind = (u_int)input_bytes(&in, 1);
	size_t i, len;

	if (kind != 0xff) {
		HOLDS(sshbuf_put_cstring(m, some[kind % 16]) == 0);
		return;
	}
	len = (size_t)input_bytes(&in, 1);
	for (i = 0; i < len; i++)
		name[i] = (char)input_bytes(&in, 1);
	HOLDS(sshbuf_put_string(m, name, len) == 0);
}

static void
put_attributes(struct sshbuf *m, int dir)
{
	static const u_int32_t modes[] = { S_IFREG | 0644, S_IFREG | 07777,
	    S_IFDIR | 0755, S_IFDIR, S_IFLNK | 0777, S_IFREG, S_IFIFO, 0 };
	u_int32_t flags = (u_int32_t)input_bytes(&in, 1);
	u_int kind = (u_int)input_bytes(&in, 1);

	if (dir && kind < 0xe0)
		kind = 2;
	/* Nearly all say what it is */
	flags = flags < 0xf0 ? (flags & 0x0f) | SSH2_FILEXFER_ATTR_PERMISSIONS :
	    flags & 0x0f;
	if (kind == 0xff)
		flags |= SSH2_FILEXFER_ATTR_EXTENDED;
	HOLDS(sshbuf_put_u32(m, flags) == 0);
	if (flags & SSH2_FILEXFER_ATTR_SIZE)
		HOLDS(sshbuf_put_u64(m, kind & 0x80 ? input_number(&in) :
		    (uint64_t)kind * 1000) == 0);
	if (flags & SSH2_FILEXFER_ATTR_UIDGID)
		HOLDS(sshbuf_put_u64(m, 0) == 0);
	if (flags & SSH2_FILEXFER_ATTR_PERMISSIONS)
		HOLDS(sshbuf_put_u32(m, modes[kind % 8]) == 0);
	if (flags & SSH2_FILEXFER_ATTR_ACMODTIME)
		HOLDS(sshbuf_put_u64(m, input_bytes(&in, 4)) == 0);
	if (flags & SSH2_FILEXFER_ATTR_EXTENDED) {
		HOLDS(sshbuf_put_u32(m, (u_int32_t)input_bytes(&in, 1)) == 0);
		put_name(m);
		put_name(m);
	}
}

static void
put_names(struct sshbuf *m, u_int32_t count)
{
	u_int32_t i;

	HOLDS(sshbuf_put_u32(m, count) == 0);
	for (i = 0; i < count && in.left > 0; i++) {
		put_name(m);
		HOLDS(sshbuf_put_cstring(m, "long") == 0);
		put_attributes(m, 0);
	}
}

static void
put_version(struct sshbuf *m)
{
	static const char * const extensions[] = { "limits@openssh.com",
	    "posix-rename@openssh.com", "fsync@openssh.com",
	    "hardlink@openssh.com", "expand-path@openssh.com",
	    "statvfs@openssh.com", "copy-data", "hash-ranges@openssh-hpn" };
	u_int has = (u_int)input_bytes(&in, 1), i;

	HOLDS(sshbuf_put_u32(m, input_bytes(&in, 1) == 7 ? 2 : 3) == 0);
	for (i = 0; i < 8; i++) {
		if ((has & (1U << i)) == 0)
			continue;
		HOLDS(sshbuf_put_cstring(m, extensions[i]) == 0);
		HOLDS(sshbuf_put_cstring(m, i == 5 ? "2" : "1") == 0);
	}
}

/* What hashes a file of zeros has, of about the length that others have. */
static int
put_hashes(struct sshbuf *m, u_int32_t id, const struct hpn_hash_range *range)
{
	int fd, ok;

	HOLDS((fd = memfd_create("fuzz", 0)) != -1);
	HOLDS(ftruncate(fd, (off_t)input_bytes(&in, 1) * 1000) != -1);
	ok = hpn_sftp_hash_answer(m, id, fd, range) == 0;
	(void)close(fd);
	return ok;
}

/* Attributes of an open file, in whichever lane; whole: it is empty, and old. */
static void
put_open_file(struct sshbuf *m, int whole)
{
	HOLDS(sshbuf_put_u32(m, SSH2_FILEXFER_ATTR_UIDGID |
	    SSH2_FILEXFER_ATTR_PERMISSIONS | (whole ? SSH2_FILEXFER_ATTR_SIZE |
	    SSH2_FILEXFER_ATTR_ACMODTIME : 0)) == 0);
	if (whole)
		HOLDS(sshbuf_put_u64(m, 0) == 0);
	HOLDS(sshbuf_put_u64(m, 0) == 0);
	HOLDS(sshbuf_put_u32(m, S_IFREG | 0644) == 0);
	if (whole)
		HOLDS(sshbuf_put_u64(m, 0) == 0);
}

/* What should answer this request. */
static void
put_answer(struct sshbuf *m, u_char type, u_int32_t wanted, int dir)
{
	static const u_char zeros[SFTP_MAX_MSG_LENGTH + 2];
	u_int kind = (u_int)input_bytes(&in, 1);
	u_int i;
	size_t len;

	switch (type) {
	case SSH2_FXP_OPEN:
	case SSH2_FXP_OPENDIR:
		HOLDS(sshbuf_put_string(m, zeros, kind % 8 == 0 ? kind : 4)
		    == 0);
		break;
	case SSH2_FXP_READ:
		len = wanted < sizeof(zeros) ? wanted : sizeof(zeros);
		if (kind % 4 == 3)
			len = (size_t)(input_number(&in) % (len + 2));
		HOLDS(sshbuf_put_string(m, zeros, len) == 0);
		break;
	case SSH2_FXP_FSTAT:
		if (kind % 8 != 0) {
			put_open_file(m, kind % 8 >= 5);
			break;
		}
		/* FALLTHROUGH */
	case SSH2_FXP_STAT:
	case SSH2_FXP_LSTAT:
		put_attributes(m, dir);
		break;
	case SSH2_FXP_READDIR:
		/* None: that was all */
		put_names(m, kind == 0xff ? (u_int32_t)input_bytes(&in, 4) :
		    kind & 1 ? 1 + kind % 20 : 0);
		break;
	case SSH2_FXP_REALPATH:
	case SSH2_FXP_READLINK:
		if (kind >= 0xf0)
			put_names(m, kind & 3);
		else {
			HOLDS(sshbuf_put_u32(m, 1) == 0);
			HOLDS(sshbuf_put_cstring(m, "from/d1") == 0);
			HOLDS(sshbuf_put_cstring(m, "") == 0);
			put_attributes(m, 1);
		}
		break;
	case SSH2_FXP_EXTENDED:
		/* limits, statvfs, hash-ranges: numbers */
		for (i = 0; i < (kind & 0x80 ? 11 : 4); i++)
			HOLDS(sshbuf_put_u64(m, input_number(&in)) == 0);
		break;
	default:
		HOLDS(sshbuf_put_u32(m, SSH2_FX_OK) == 0);
	}
}

static u_char
type_of_answer(u_char type)
{
	switch (type) {
	case SSH2_FXP_OPEN:
	case SSH2_FXP_OPENDIR:
		return SSH2_FXP_HANDLE;
	case SSH2_FXP_READ:
		return SSH2_FXP_DATA;
	case SSH2_FXP_STAT:
	case SSH2_FXP_LSTAT:
	case SSH2_FXP_FSTAT:
		return SSH2_FXP_ATTRS;
	case SSH2_FXP_READDIR:
	case SSH2_FXP_REALPATH:
	case SSH2_FXP_READLINK:
		return SSH2_FXP_NAME;
	case SSH2_FXP_EXTENDED:
		return SSH2_FXP_EXTENDED_REPLY;
	default:
		return SSH2_FXP_STATUS;
	}
}

static int
owes_version(u_int w)
{
	u_int i;

	for (i = 0; i < nowed; i++)
		if (owed[i].wire == w)
			return owed[i].type == SSH2_FXP_INIT;
	return 0;
}

/* The answer to one of the requests that are owed one. */
static void
make_answer(u_int w)
{
	static const u_char zeros[256];
	struct sshbuf *m, *answers = wires[w].answers;
	u_int kind = (u_int)input_bytes(&in, 1), which = 0, i, skip = 0;
	size_t len;

	/* In order, or not; what the server is comes first, or nothing follows */
	if ((kind & 1) && (kind >= 0xe0 || !owes_version(w)))
		skip = (u_int)input_bytes(&in, 1) % wires[w].owed;
	for (; owed[which].wire != w || skip > 0; which++)
		skip -= owed[which].wire == w;
	HOLDS((m = sshbuf_new()) != NULL);
	if (owed[which].type == SSH2_FXP_INIT) {
		HOLDS(sshbuf_put_u8(m, SSH2_FXP_VERSION) == 0);
		put_version(m);
	} else if (kind >= 0xf8) {
		broken = 1;
		HOLDS(sshbuf_put_u8(m, (u_char)input_bytes(&in, 1)) == 0);
		HOLDS(sshbuf_put_u32(m, kind & 2 ? owed[which].id :
		    (u_int32_t)input_bytes(&in, 1)) == 0);
		put_answer(m, (u_char)input_bytes(&in, 1), 10, 0);
	} else if (kind >= 0xc8 || (in.left == 0 &&
	    (owed[which].type == SSH2_FXP_READ ||
	    owed[which].type == SSH2_FXP_READDIR))) {
		HOLDS(sshbuf_put_u8(m, SSH2_FXP_STATUS) == 0);
		HOLDS(sshbuf_put_u32(m, owed[which].id) == 0);
		HOLDS(sshbuf_put_u32(m, in.left == 0 ? SSH2_FX_EOF :
		    kind % 10) == 0);
		HOLDS(sshbuf_put_cstring(m, "why") == 0);
		HOLDS(sshbuf_put_cstring(m, "") == 0);
	} else if (!owed[which].hash || kind >= 0xb0 ||
	    !put_hashes(m, owed[which].id, &owed[which].range)) {
		HOLDS(sshbuf_put_u8(m, type_of_answer(owed[which].type)) == 0);
		HOLDS(sshbuf_put_u32(m, owed[which].id) == 0);
		put_answer(m, owed[which].type, owed[which].len,
		    owed[which].dir);
	}
	nowed--;
	wires[w].owed--;
	for (i = which; i < nowed; i++)
		owed[i] = owed[i + 1];
	/* Now and then too short, too long, or of another length than it says */
	kind = (u_int)input_bytes(&in, 1);
	len = sshbuf_len(m);
	if (kind >= 0xfc)
		broken = 1;
	if (kind == 0xff)
		HOLDS(sshbuf_consume_end(m, input_bytes(&in, 1) % len) == 0);
	if (kind == 0xfe)
		HOLDS(sshbuf_put(m, zeros, input_bytes(&in, 1)) == 0);
	len = sshbuf_len(m);
	if (kind == 0xfd)
		len = (size_t)input_bytes(&in, 4);
	if (kind == 0xfb)
		interrupted = 1;
	HOLDS(sshbuf_put_u32(answers, (u_int32_t)len) == 0);
	HOLDS(sshbuf_putb(answers, m) == 0);
	sshbuf_free(m);
}

/* What ssh says of its configuration: that it is not switched off, or nothing. */
static ssize_t
told(u_char *p, size_t len)
{
	u_char frame[HPN_LANES_SSH_TOLD_LEN];

	HOLDS(len <= sizeof(frame));
	if (piece(4) == 0)
		return 0;
	put_u32(frame, sizeof(frame) - 4);
	put_u32(frame + 4, HPN_LANES_SSH_TOLD);
	put_u32(frame + 8, 0);
	memcpy(p, frame, len);
	return (ssize_t)len;
}

ssize_t
fake_read(int fd, void *p, size_t len)
{
	struct sshbuf *answers;
	u_int w = (u_int)(fd - CONNECTION);
	size_t n;

	if (fd == SSH)
		return told(p, len);
	HOLDS(w < WIRES && wires[w].open);
	if (piece(16) == 0) {
		errno = piece(2) == 0 ? EAGAIN : EINTR;
		return -1;
	}
	if (w != 0 && piece(32) == 0) {
		broken = 1;	/* for what was sent there */
		return 0;
	}
	answers = wires[w].answers;
	/* Without further input they are ordinary, and some more */
	while (wires[w].owed > 0 && (in.left > 0 || spare > 0) &&
	    (sshbuf_len(answers) == 0 || piece(4) != 0)) {
		spare -= in.left == 0;
		make_answer(w);
	}
	n = sshbuf_len(answers);
	if (n > len)
		n = len;
	if (n > 1 && piece(2) == 0)
		n = 1 + (size_t)piece(n);
	HOLDS(sshbuf_get(answers, p, n) == 0);
	/* 0: the server has gone */
	return (ssize_t)n;
}

/* The lanes' counts are the job's: who waits for them waits for answers. */
static void
look_at_counts(const struct hpn_sftp_job *job)
{
	const struct hpn_sftp_lanes *l = &job->c->lanes;
	u_int64_t under_way = 0;
	u_int i, requests = 0;

	for (i = 0; i < HPN_LANES_SLOTS; i++) {
		HOLDS(l->lane[i].io != NULL || (l->lane[i].requests == 0 &&
		    l->lane[i].under_way == 0));
		requests += l->lane[i].requests;
		under_way += l->lane[i].under_way;
	}
	HOLDS(requests == job->requests && under_way == job->asked_bytes);
	/* What was opened is closed once. */
	HOLDS((int)job->files_open >= 0 && (int)job->dirs_open >= 0);
}

int
fake_poll(struct pollfd *p, nfds_t n, int timeout)
{
	u_int some = 0, out = 0, w;
	nfds_t i;

	if (running != NULL)
		look_at_counts(running);

	if (p[0].fd == SSH) {
		/* ssh, or the server, whichever is first */
		HOLDS(n == 2);
		p[0].revents = piece(2) == 0 ? POLLIN : 0;
		p[1].revents = p[0].revents == 0 && p[1].fd != -1 ? POLLIN : 0;
		return p[0].revents != 0 || p[1].revents != 0;
	}
	HOLDS(n >= 2 && n % 2 == 0 && n <= 2 * WIRES);
	for (i = 0; i < n; i += 2) {
		p[i].revents = p[i + 1].revents = 0;
		if (p[i + 1].fd != -1) {
			p[i + 1].revents = POLLOUT;
			out++;
		}
		if (p[i].fd == -1)
			continue;
		w = (u_int)(p[i].fd - CONNECTION);
		HOLDS(w < WIRES && wires[w].open);
		if (wires[w].owed != 0 || sshbuf_len(wires[w].answers) != 0) {
			p[i].revents = POLLIN;
			some++;
		}
	}
	HOLDS(out > 0 || p[0].fd != -1);
	if (some == 0 && out == 0 && timeout == -1) {
		/* Nobody waits for what will never come */
		HOLDS(broken);
		/* The end of the connection is something, too */
		p[0].revents = POLLIN;
	}
	return 1;
}

int
fake_set_nonblock(int fd)
{
	(void)fd;
	return 0;
}

/* ----------------------------------------------------------------------- */

static void
look_at_log(LogLevel level, int forced, const char *line, void *ctx)
{
	static const char * const never[] = { "get_answer: answer to ",
	    "put_answer: answer to ", "run: nothing is under way",
	    "answer: answer to ", "answer_dir: answer to ",
	};
	size_t i;

	(void)level;
	(void)forced;
	(void)ctx;
	/* Names of the server's may say the same further on. */
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		HOLDS(strncmp(line, never[i], strlen(never[i])) != 0);
}

/* One request, one answer. */
static void
ask(struct sftp_conn *conn)
{
	struct sftp_statvfs st;
	SFTP_DIRENT **dir;
	Attrib a;
	char *path;

	switch (input_bytes(&in, 1) % 6) {
	case 0:
		(void)sftp_stat(conn, "x", 1, &a);
		break;
	case 1:
		if (sftp_readdir(conn, "x", &dir) == 0)
			sftp_free_dirents(dir);
		break;
	case 2:
		if ((path = sftp_realpath(conn, "x")) != NULL)
			free(path);
		break;
	case 3:
		(void)sftp_statvfs(conn, "x", &st, 1);
		break;
	case 4:
		if ((path = sftp_expand_path(conn, "~x")) != NULL)
			free(path);
		break;
	case 5:
		attrib_clear(&a);
		(void)sftp_mkdir(conn, "x", &a, 1);
		break;
	}
}

static void
session(void)
{
	static const char * const from[] = { "from/f1", "from/d1", "from/f2",
	    "from/d2" };
	static const char * const to[] = { "to/f1", "to/d1", "to/f1", "to" };
	struct sftp_conn *conn, *other = NULL;
	struct hpn_sftp_job *job;
	u_int mode = (u_int)input_bytes(&in, 1), i;
	int flags = (int)input_bytes(&in, 2), cross = flags & 0x200,
	    sparse = !cross && (flags & 0x100),
	    waits = !cross && (flags & 0x80);

	linked = !cross && (flags & 0x400) != 0;
	flags &= 0x7f | HPN_RESUME_REPLACE | HPN_RESUME_SIZE |
	    HPN_RESUME_VERIFY | HPN_RESUME_NOVERIFY;
	(void)hpn_sftp_wish_option(sparse ? "sparse=yes" : "sparse=no");
	(void)hpn_sftp_wish_option(linked ? "preserve=hardlinks" :
	    "preserve=none");
	(void)hpn_sftp_wish_option(waits ? "nospace=1" : "nospace=fail");

	if (mode & 1) {
		hpn_sftp_conn_ask_early("from/f1");
		if ((mode & 0x60) == 0)
			hpn_sftp_conn_open_early();
	}
	tick = mode & 0x80 ? 0.02 : 0.00001;
	HOLDS(hpn_sftp_lanes_option((mode & 0x81) == 0x81 ? (flags & 2 ?
	    "connections=4" : "connections=auto") : "connections=1") == 1);
	if (mode & 0x80)
		hpn_sftp_lanes_offer(piece(2) == 0);
	nwires = 1;
	if ((conn = sftp_init(CONNECTION, CONNECTION, mode & 2 ? 1000 : 0,
	    mode & 4 ? 3 : 0, 0)) == NULL)
		return;
	if ((mode & 0x18) == 0x18)
		ask(conn);
	if (cross && nwires == 1 && !wires[1].open) {
		/* From another server to this one */
		wires[1].open = 1;
		nwires = 2;
		if ((other = sftp_init(CONNECTION + 1, CONNECTION + 1, 0, 0,
		    0)) == NULL)
			return;
	}
	job = other != NULL ? hpn_sftp_job_cross(other, conn, flags) :
	    hpn_sftp_job_new(conn, flags);
	for (i = 0; i <= ((mode >> 5) & 3); i++)
		hpn_sftp_job_add(job, from[i], to[i], NULL, (int)(i & 1));
	running = job;
	(void)hpn_sftp_job_run(job);
	running = NULL;
	jobs++;
	if (other != NULL)
		return;
	if (mode & 0x10)
		hpn_sftp_lanes_end(&sftp_conn_hpn(conn)->lanes);
	/* What was asked ahead may be answered now */
	ask(conn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u_int w;

	set_log_handler(look_at_log, NULL);
	in.p = data;
	in.left = size;
	pieces = input_bytes(&in, 4) | 1;
	nowed = nfds = 0;
	names = 60;
	spare = SPARE;
	broken = 0;
	running = NULL;
	interrupted = 0;
	nwires = 0;
	ssh_asked = ssh_sent = 0;
	for (w = 0; w < WIRES; w++) {
		HOLDS((wires[w].sent = sshbuf_new()) != NULL);
		HOLDS((wires[w].answers = sshbuf_new()) != NULL);
		wires[w].owed = 0;
		wires[w].open = w == 0;
	}
	if (setjmp(over) == 0)
		session();
	while (nfds > 0)
		(void)close(fds[--nfds]);
	let_all_go();
	for (w = 0; w < WIRES; w++) {
		sshbuf_free(wires[w].sent);
		sshbuf_free(wires[w].answers);
	}
	return 0;
}
