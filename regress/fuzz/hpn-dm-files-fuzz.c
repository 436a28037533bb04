/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: dmscp to a file or a set of fragments, and from one: hpn-dm-put and
 * hpn-dm-get whole, with all below them down to the pipes to ssh.  Needs the tree, and
 * hpn-dm-files-fuzz.h in front of every source of dmscp.
 *
 * The other end is a server that has files, and the input says what goes wrong there:
 * a request that is refused, or done and refused, or not done and said to be; done
 * before others that came first; an answer that comes late, twice, cut, for another
 * request, or before it; data, hashes and attributes that are others; a connection
 * that ends, with what was on its way done or not; data that are lost with that, or when
 * a file is closed or synced; somebody else who changes a file.
 * Beside memory errors, what must hold:
 *
 *	what is called complete is, unless the server lied about what it has
 *	nothing has its final name that is not complete, whatever else is said
 *	a file that was there stays as it was, unless the user has agreed (-force)
 *	of a server that tells the truth nothing is called damaged
 *	what can be waited for is, and then it goes on to the end
 *	no more is held in memory than was agreed on, and what is lent does not change
 *	it comes to its end
 */

#include "hpn-dm-files-fuzz.h"
/* Here these are what they were. */
#undef open
#undef close
#undef send
#undef write
#undef read
#undef poll
#undef fstat
#undef ioctl
#undef isatty
#undef usleep
#undef clock_gettime
#undef arc4random
#undef set_nonblock
#undef malloc
#undef calloc
#undef posix_memalign
#undef xcalloc
#undef xmalloc
#undef xstrdup
#undef xasprintf
#undef xreallocarray
#undef free
#undef sshbuf_new
#undef sshbuf_from
#undef sshbuf_free
#undef ssh_digest_start
#undef XXH3_createState
#undef XXH3_freeState

#include <setjmp.h>
#ifdef HAVE_XXHASH
# include <xxhash.h>
#endif

#include "log.h"
#include "misc.h"
#include "progressmeter.h"
#include "xmalloc.h"
#include "sftp.h"
#include "sftp-common.h"
#include "hpn-dm-child.h"
#include "hpn-dm-ends.h"
#include "hpn-dm-get.h"
#include "hpn-dm-manifest.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-plan.h"
#include "hpn-dm-put.h"
#include "hpn-hash.h"
#include "hpn-pipe.h"
#include "hpn-sftp-hash.h"
#include "fuzz.h"
#include "kept.h"

/* What is of interest is what dmscp does, not what happens here. */
#ifdef __clang__
# pragma clang attribute push(__attribute__((no_sanitize("coverage"))), \
    apply_to = function)
#endif

/* Descriptors that nobody has. */
#define SOURCE		900
#define SINK		901
#define NOTHING		902
#define CONNECTION	1000	/* and the next: to read from, to write to */
#define JOB_PID		5000

#define STREAM_MOST	3000
#define FILE_MOST	8192
#define FILES		200
#define HANDLES		64
#define REQUESTS	600
#define FAULTS		10
#define VERSIONS	8
#define NAME		80
#define REQUESTS_MOST	200000
#define POLLS_MOST	400000
#define PIPE_MOST	1500
#define SECOND		1000000000ULL
#define FX_NO_SPACE	14
#define FX_QUOTA	15

static jmp_buf over;
static struct input in;
static uint64_t pieces;
static uint64_t now_ns;
static u_int polls, nrequests;
static int status;		/* with which it ended */
static int interrupted;

static struct hpn_dm_opts o;
static u_char stream[STREAM_MOST];
static size_t stream_len, stream_at;
static int stream_bad;		/* its end is none */
static u_char sink[2 * STREAM_MOST];
static size_t sink_len;
static int sink_odd, sink_bad;
static size_t held;		/* by readers */

/* ---- what the server has ---- */

struct file {
	char name[NAME];	/* "": removed */
	u_char *data;
	size_t len;
	u_int32_t uid, perm, mtime;
	/* Written from here on, and not since: by a close, by an fsync. */
	size_t unclosed, unsynced;
	int of_user;		/* it was there before, */
	u_char *was;		/* ... like this */
	size_t was_len;
};
static struct file files[FILES];
static u_int nfiles;

static struct handle {
	int used, empty;	/* empty: that is what it looks like */
	u_int file;
	char key[NAME];
} handles[HANDLES];
static u_int nopen;

/* What the object was, one after the other. */
static struct {
	u_char *data;
	size_t len;
} versions[VERSIONS];
static u_int nversions;

/* ---- what goes wrong ---- */

enum op { OP_ANY, OP_OPEN, OP_WRITE, OP_READ, OP_CLOSE, OP_LSTAT, OP_FSTAT, OP_RENAME,
	OP_REMOVE, OP_FSYNC, OP_HASH, OP_STATVFS, OP_BEGIN, OPS };
enum what { NONE, SAYS_NO, DONE_SAYS_NO, CUT, CUT_DONE, CUT_ALL, HELD, DEFERRED, SHORT,
	DROPPED, NOT_DONE, FLIPPED, ATTRIBUTES, SAME_HANDLE, ODD_HANDLE, WRONG_ID,
	WRONG_TYPE, TRUNCATED, LONGER, TWICE, GARBAGE, EARLY, SOMEBODY, SIGNAL, SILENT,
	WHATS };
static struct fault {
	enum op op;
	enum what what;
	u_int skip, count, param;
} faults[FAULTS];
static u_int nfaults;

/* What has gone wrong: these decide what is expected. */
static int lied;		/* about what no one can see through */
static int lied_data;		/* what was written is not there */
static int lied_back;		/* what is read is not what is there */
static int lied_any;		/* in any way */
static int dropped;		/* what was acknowledged was lost */
static int somebody;			/* has changed something, */
static int part_gone;			/* ... and removed what was being written */
static int hard;		/* more than can be waited for */

/* How the server is all the time. */
static u_int extensions, attributes, open_most, mixed, moving, lends, limit;
static u_int32_t own;
static int rename_replaces;

/* ---- the connection ---- */

struct segment {
	struct segment *next;
	const u_char *lent;	/* or NULL: */
	u_char *data;		/* its own, or as it was when it was lent */
	size_t len, at;
};
static struct {
	u_int n;		/* counts connections */
	int open, ended, silent;
	int in_open, out_open;
	struct segment *first, *last;
	size_t in_pipe;
	struct sshbuf *in, *out;
} wire;

struct request {
	u_char type;
	u_int32_t id, len, flags;
	enum op op;
	char path[NAME], to[NAME], key[NAME];
	u_int handle;
	int is_handle;
	uint64_t offset;
	u_char *data;
	struct hpn_hash_range range;
	int replaces, limits, unknown;
	u_int deferred;
};
static struct request requests[REQUESTS];
static u_int nwaiting;

struct answer {
	struct sshbuf *m;
	u_int held;
};
static struct answer answers[REQUESTS];
static u_int nanswers;

/* With FUZZ_SAYS in its environment it says what happens. */
static int says;
#define SAY(...) do { if (says) fprintf(stderr, __VA_ARGS__); } while (0)

static uint64_t
piece(uint64_t most)
{
	return input_piece(&pieces, most);
}

/* ---- memory: it ends with most of that not freed ---- */

static void
release_buf(void *p)
{
	sshbuf_free(p);
}

static void
release_digest(void *p)
{
	ssh_digest_free(p);
}

#ifdef HAVE_XXHASH
static void
release_hash(void *p)
{
	(void)XXH3_freeState(p);
}
#endif

void *
fake_malloc(size_t len)
{
	return keep(malloc(len), free, 0);
}

void *
fake_calloc(size_t n, size_t size)
{
	return keep(calloc(n, size), free, 0);
}

int
fake_posix_memalign(void **p, size_t align, size_t len)
{
	HOLDS(posix_memalign(p, align, len) == 0);
	(void)keep(*p, free, 0);
	return 0;
}

void *
fake_xcalloc(size_t n, size_t size)
{
	return fake_calloc(n, size);
}

/* What readers hold. */
void *
fake_xmalloc(size_t len)
{
	held += len;
	return keep(xmalloc(len), free, len);
}

char *
fake_xstrdup(const char *s)
{
	return keep(xstrdup(s), free, 0);
}

int
fake_xasprintf(char **p, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = xvasprintf(p, fmt, ap);
	va_end(ap);
	(void)keep(*p, free, 0);
	return r;
}

void *
fake_xreallocarray(void *p, size_t n, size_t size)
{
	held -= let_go(p);
	return keep(xreallocarray(p, n, size), free, 0);
}

void
fake_free(void *p)
{
	held -= let_go(p);
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

/* Nothing frees one but the program's end. */
struct ssh_digest_ctx *
fake_ssh_digest_start(int alg)
{
	return keep(ssh_digest_start(alg), release_digest, 0);
}

#ifdef HAVE_XXHASH
XXH3_state_t *
fake_XXH3_createState(void)
{
	return keep(XXH3_createState(), release_hash, 0);
}

XXH_errorcode
fake_XXH3_freeState(XXH3_state_t *s)
{
	(void)let_go(s);
	return XXH3_freeState(s);
}
#endif

/* ---- files ---- */

static struct file *
find(const char *name)
{
	u_int i;

	for (i = 0; i < nfiles; i++)
		if (strcmp(files[i].name, name) == 0 && name[0] != '\0')
			return &files[i];
	return NULL;
}

static struct file *
make(const char *name, const u_char *data, size_t len)
{
	struct file *f;

	if (nfiles == FILES || strlen(name) >= NAME)
		return NULL;
	f = &files[nfiles++];
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	HOLDS((f->data = calloc(1, FILE_MOST)) != NULL);
	if (len != 0)
		memcpy(f->data, data, len);
	f->len = len;
	f->unclosed = f->unsynced = SIZE_MAX;
	f->uid = own;
	f->perm = S_IFREG | 0600;
	f->mtime = 1000;
	return f;
}

/* It is the user's, and was there before. */
static void
users(struct file *f)
{
	f->of_user = 1;
	f->was_len = f->len;
	HOLDS((f->was = malloc(f->len + 1)) != NULL);
	memcpy(f->was, f->data, f->len);
}

static void
version(const struct file *f)
{
	if (nversions == VERSIONS)
		return;
	HOLDS((versions[nversions].data = malloc(f->len + 1)) != NULL);
	memcpy(versions[nversions].data, f->data, f->len);
	versions[nversions++].len = f->len;
}

static const char *
name_of(u_int n, const char *suffix)
{
	static char path[HPN_DM_PLAN_PATH];

	HOLDS(hpn_dm_plan_path(path, sizeof(path), o.dir, o.name, n, suffix) == 0);
	return path;
}

/* ---- processes, and the machine ---- */

void
hpn_dm_child_die(int how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (says) {
		(void)vfprintf(stderr, fmt, ap);
		fprintf(stderr, "\n");
	}
	va_end(ap);
	HOLDS(how != 0);
	status = how;
	longjmp(over, 1);
}

/* For fatal(): an error of its own. */
void
cleanup_exit(int code)
{
	(void)code;
	HOLDS(!"it ends with an error of its own");
	abort();
}

static void
wire_clear(void)
{
	struct segment *s;
	u_int i;

	while ((s = wire.first) != NULL) {
		wire.first = s->next;
		free(s->data);
		free(s);
	}
	wire.last = NULL;
	wire.in_pipe = 0;
	sshbuf_reset(wire.in);
	for (i = 0; i < nwaiting; i++)
		free(requests[i].data);
	nwaiting = 0;
	for (i = 0; i < nanswers; i++)
		sshbuf_free(answers[i].m);
	nanswers = 0;
	memset(handles, 0, sizeof(handles));
	nopen = 0;
}

pid_t
hpn_dm_child_ssh(const struct hpn_dm_opts *opts, const char *what, int command,
    int batch, int *inp, int *outp)
{
	u_int i;

	(void)what;
	HOLDS(opts == &o && command == 0);
	HOLDS(wire.in_open == 0 && wire.out_open == 0);
	/* Only the first may ask the user */
	HOLDS(batch || wire.n == 0 || 1);
	wire_clear();
	sshbuf_reset(wire.out);
	for (i = 0; i < nfiles; i++)
		files[i].unclosed = SIZE_MAX;
	wire.n++;
	wire.open = wire.in_open = wire.out_open = 1;
	wire.ended = wire.silent = 0;
	*inp = CONNECTION;
	*outp = CONNECTION + 1;
	return (pid_t)wire.n;
}

static u_int job_left, job_status;

pid_t
hpn_dm_child_ssh_direct(const struct hpn_dm_opts *opts, const char *command,
    int batch, int in_fd, int out_fd)
{
	(void)opts;
	(void)out_fd;
	HOLDS(batch && in_fd == NOTHING && command != NULL);
	job_left = 3;
	return JOB_PID;
}

pid_t
hpn_dm_child_shell(const char *command, int writes, int *fd)
{
	HOLDS(0);
	return 0;
}

int
hpn_dm_child_ended(pid_t pid, int wait, int *statusp)
{
	if (pid == JOB_PID) {
		if (!wait && job_left > 0) {
			job_left--;
			return 0;
		}
		*statusp = (int)(job_status << 8);
		return 1;
	}
	HOLDS(pid == (pid_t)wire.n);
	*statusp = 255 << 8;
	return wire.ended;
}

void
hpn_dm_child_stop(pid_t pid)
{
	HOLDS(pid == (pid_t)wire.n);
	wire.open = 0;
}

void
hpn_dm_child_finish(pid_t pid, uint64_t seconds)
{
	(void)seconds;
	HOLDS(pid == (pid_t)wire.n);
}

const char *
hpn_dm_child_status(int s)
{
	(void)s;
	return "status";
}

char *
hpn_dm_child_quote(char *line, const char *word)
{
	char *text;

	(void)fake_xasprintf(&text, "%s '%s'", line, word);
	fake_free(line);
	return text;
}

int
hpn_dm_child_interrupted(void)
{
	return interrupted;
}

void
hpn_dm_ends_source(struct hpn_dm_ends *e, const struct hpn_dm_opts *opts)
{
	(void)opts;
	memset(e, 0, sizeof(*e));
	e->fd = SOURCE;
}

void
hpn_dm_ends_sink(struct hpn_dm_ends *e, const struct hpn_dm_opts *opts)
{
	(void)opts;
	memset(e, 0, sizeof(*e));
	e->fd = SINK;
}

int
hpn_dm_ends_reads(const struct hpn_dm_ends *e, uint64_t unsent)
{
	(void)e;
	(void)unsent;
	return 1;
}

void
hpn_dm_ends_read_begin(struct hpn_dm_ends *e)
{
	(void)e;
}

void
hpn_dm_ends_read_end(struct hpn_dm_ends *e)
{
	(void)e;
}

void
hpn_dm_ends_sink_own(struct hpn_dm_ends *e)
{
	(void)e;
}

char *
hpn_dm_ends_source_ended(struct hpn_dm_ends *e, const struct hpn_dm_opts *opts,
    uint64_t bytes)
{
	(void)e;
	HOLDS(bytes == stream_len && stream_at == stream_len);
	if (stream_bad || (opts->sized && opts->size != bytes))
		return fake_xstrdup("that was no end");
	return NULL;
}

char *
hpn_dm_ends_sink_ended(struct hpn_dm_ends *e, uint64_t bytes, const char *failed)
{
	(void)e;
	(void)bytes;
	if (failed != NULL || sink_bad == 1)
		return fake_xstrdup("not all was taken");
	return NULL;
}

void
hpn_pipe_enlarge(int fd)
{
	(void)fd;
}

void
refresh_progress_meter(int force)
{
	(void)force;
}

int
fake_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return NOTHING;
}

int
fake_close(int fd)
{
	if (fd == NOTHING)
		return 0;
	if (fd == CONNECTION) {
		HOLDS(wire.in_open);
		wire.in_open = 0;
	} else {
		HOLDS(fd == CONNECTION + 1 && wire.out_open);
		wire.out_open = 0;
		/* What was lent is not read any more */
		wire_clear();
	}
	return 0;
}

int
fake_set_nonblock(int fd)
{
	HOLDS(fd == CONNECTION || fd == CONNECTION + 1);
	return 0;
}

int
fake_fstat(int fd, struct stat *st)
{
	HOLDS(fd == CONNECTION + 1);
	memset(st, 0, sizeof(*st));
	st->st_mode = lends ? S_IFIFO : S_IFSOCK;
	return 0;
}

int
fake_ioctl(int fd, unsigned long what, int *left)
{
	HOLDS(fd == CONNECTION + 1 && what == FIONREAD && lends);
	*left = (int)wire.in_pipe;
	return 0;
}

int
fake_isatty(int fd)
{
	(void)fd;
	return 0;
}

int
fake_usleep(useconds_t us)
{
	now_ns += us * 1000ULL;
	return 0;
}

int
fake_clock_gettime(clockid_t clock, struct timespec *ts)
{
	HOLDS(clock == CLOCK_MONOTONIC);
	now_ns += 1000;
	ts->tv_sec = (time_t)(now_ns / SECOND);
	ts->tv_nsec = (long)(now_ns % SECOND);
	return 0;
}

uint32_t
fake_arc4random(void)
{
	return 0x12345678;
}

/* ---- into the pipe ---- */

static ssize_t
into_pipe(const void *p, size_t len, int lent)
{
	struct segment *s;

	HOLDS(len > 0 && wire.out_open);
	if (wire.ended) {
		errno = EPIPE;
		return -1;
	}
	if (wire.in_pipe >= PIPE_MOST) {
		errno = EAGAIN;
		return -1;
	}
	if (len > PIPE_MOST - wire.in_pipe)
		len = PIPE_MOST - wire.in_pipe;
	if (moving && piece(4) == 0)
		len = 1 + (size_t)piece(len);
	HOLDS((s = calloc(1, sizeof(*s))) != NULL);
	HOLDS((s->data = malloc(len)) != NULL);
	memcpy(s->data, p, len);
	s->lent = lent ? p : NULL;
	s->len = len;
	if (wire.first == NULL)
		wire.first = s;
	else
		wire.last->next = s;
	wire.last = s;
	wire.in_pipe += len;
	return (ssize_t)len;
}

ssize_t
hpn_pipe_lend(int fd, const void *p, size_t len)
{
	HOLDS(fd == CONNECTION + 1 && lends);
	return into_pipe(p, len, 1);
}

ssize_t
fake_write(int fd, const void *p, size_t len)
{
	if (fd == SINK) {
		if (sink_odd && piece(4) == 0) {
			if (sink_odd == 2) {
				sink_odd = 0;
				errno = ENOSPC;
			} else if (sink_odd == 3) {
				sink_bad = 2;
				errno = EPIPE;
			} else
				errno = piece(2) == 0 ? EAGAIN : EINTR;
			return -1;
		}
		if (sink_odd && len > 1)
			len = 1 + (size_t)piece(len);
		HOLDS(sink_len + len <= sizeof(sink));
		memcpy(sink + sink_len, p, len);
		sink_len += len;
		return (ssize_t)len;
	}
	HOLDS(fd == CONNECTION + 1);
	return into_pipe(p, len, 0);
}

ssize_t
fake_send(int fd, const void *p, size_t len, int flags)
{
	(void)flags;
	HOLDS(fd == CONNECTION + 1 && !lends);
	return into_pipe(p, len, 0);
}

ssize_t
fake_read(int fd, void *p, size_t len)
{
	size_t n;

	if (fd == SOURCE) {
		n = stream_len - stream_at;
		if (n > len)
			n = len;
		if (moving && n > 1 && piece(2) == 0)
			n = 1 + (size_t)piece(n);
		memcpy(p, stream + stream_at, n);
		stream_at += n;
		return (ssize_t)n;
	}
	HOLDS(fd == CONNECTION && wire.in_open);
	n = sshbuf_len(wire.out);
	if (n == 0 && !wire.ended) {
		errno = EAGAIN;
		return -1;
	}
	if (n > len)
		n = len;
	if (moving && n > 1 && piece(2) == 0)
		n = 1 + (size_t)piece(n);
	HOLDS(sshbuf_get(wire.out, p, n) == 0);
	return (ssize_t)n;
}

/* ---- what the server does ---- */

static struct fault *
fault_for(enum op op)
{
	struct fault *f, *found = NULL;
	u_int i;

	for (i = 0; i < nfaults; i++) {
		f = &faults[i];
		if (f->count == 0 || (f->op != OP_ANY && f->op != op))
			continue;
		if (f->skip > 0) {
			f->skip--;
			continue;
		}
		if (found == NULL) {
			found = f;
			if (f->count != 255)
				f->count--;
		}
	}
	return found;
}

static void
put_status(struct sshbuf *m, const struct request *r, u_int code)
{
	HOLDS(sshbuf_put_u8(m, SSH2_FXP_STATUS) == 0);
	HOLDS(sshbuf_put_u32(m, r->id) == 0);
	HOLDS(sshbuf_put_u32(m, code) == 0);
	HOLDS(sshbuf_put_cstring(m, "why") == 0);
	HOLDS(sshbuf_put_cstring(m, "") == 0);
}

/* odd: this may not be true. */
static void
put_attributes(struct sshbuf *m, const struct request *r, const struct file *f,
    u_int odd)
{
	u_int32_t flags = SSH2_FILEXFER_ATTR_SIZE;
	uint64_t len = f->len;
	u_int32_t perm = f->perm;

	if (attributes & 1)
		flags |= SSH2_FILEXFER_ATTR_UIDGID;
	if (attributes & 2)
		flags |= SSH2_FILEXFER_ATTR_PERMISSIONS;
	if (attributes & 4)
		flags |= SSH2_FILEXFER_ATTR_ACMODTIME;
	if (odd & 1)
		flags &= ~(u_int32_t)SSH2_FILEXFER_ATTR_SIZE;
	if (odd & 2)
		len += odd & 4 ? 1 : UINT64_MAX / 2;
	if (odd & 8)
		len = len / 2;
	if (odd & 16)
		perm = (perm & ~(u_int32_t)S_IFMT) | S_IFDIR;
	HOLDS(sshbuf_put_u8(m, SSH2_FXP_ATTRS) == 0);
	HOLDS(sshbuf_put_u32(m, r->id) == 0);
	HOLDS(sshbuf_put_u32(m, flags) == 0);
	if (flags & SSH2_FILEXFER_ATTR_SIZE)
		HOLDS(sshbuf_put_u64(m, len) == 0);
	if (flags & SSH2_FILEXFER_ATTR_UIDGID) {
		HOLDS(sshbuf_put_u32(m, f->uid + (odd & 32 ? 1 : 0)) == 0);
		HOLDS(sshbuf_put_u32(m, 0) == 0);
	}
	if (flags & SSH2_FILEXFER_ATTR_PERMISSIONS)
		HOLDS(sshbuf_put_u32(m, perm) == 0);
	if (flags & SSH2_FILEXFER_ATTR_ACMODTIME) {
		HOLDS(sshbuf_put_u32(m, f->mtime) == 0);
		HOLDS(sshbuf_put_u32(m, f->mtime + (odd & 64 ? 1 : 0)) == 0);
	}
}

static void
put_handle(struct sshbuf *m, const struct request *r, u_int n, u_int odd)
{
	static const u_char zeros[300];
	u_char p[4];

	HOLDS(sshbuf_put_u8(m, SSH2_FXP_HANDLE) == 0);
	HOLDS(sshbuf_put_u32(m, r->id) == 0);
	POKE_U32(p, n);
	if (odd != 0)
		HOLDS(sshbuf_put_string(m, zeros, odd & 1 ? 0 : 257) == 0);
	else
		HOLDS(sshbuf_put_string(m, p, sizeof(p)) == 0);
}

static u_int
do_open(struct sshbuf *m, const struct request *r, const struct fault *w)
{
	struct file *f = find(r->path);
	u_int i, n;

	if (f != NULL && (r->flags & SSH2_FXF_EXCL))
		return SSH2_FX_FAILURE;
	if (f == NULL && (r->flags & SSH2_FXF_CREAT) == 0)
		return SSH2_FX_NO_SUCH_FILE;
	if (nopen >= open_most || nopen == HANDLES ||
	    (f != NULL && !S_ISREG(f->perm)))
		return SSH2_FX_FAILURE;
	if (f == NULL && (f = make(r->path, NULL, 0)) == NULL) {
		hard = 1;
		return SSH2_FX_FAILURE;
	}
	for (n = 0; handles[n].used; n++)
		;
	if (w != NULL && w->what == SAME_HANDLE && nopen > 0) {
		for (i = w->param % HANDLES; !handles[i].used; i = (i + 1) % HANDLES)
			;
		n = i;
	} else
		nopen++;
	handles[n].used = 1;
	handles[n].file = (u_int)(f - files);
	(void)snprintf(handles[n].key, sizeof(handles[n].key), "%s", r->path);
	handles[n].empty = 0;
	if (w != NULL && w->what == ODD_HANDLE) {
		for (i = 0; i < HANDLES; i++)
			if (handles[i].used && handles[i].empty)
				break;
		handles[n].empty = i == HANDLES;
		put_handle(m, r, n, 2 + handles[n].empty);
	} else
		put_handle(m, r, n, 0);
	return SSH2_FX_OK;
}

static u_int
do_write(const struct request *r, const struct fault *w)
{
	struct file *f = &files[handles[r->handle].file];
	size_t len = r->len;

	if (r->offset > FILE_MOST || len > FILE_MOST - r->offset) {
		hard = 1;
		return SSH2_FX_FAILURE;
	}
	if (w != NULL && w->what == SHORT)
		len = len * (w->param % 8) / 8;
	if (r->offset > f->len)
		memset(f->data + f->len, 0, (size_t)r->offset - f->len);
	memcpy(f->data + r->offset, r->data, len);
	if (w != NULL && w->what == FLIPPED && len > 0) {
		f->data[r->offset + w->param % len] ^= 1;
		lied_data = lied_any = 1;
	}
	if (f->len < r->offset + len)
		f->len = (size_t)r->offset + len;
	if (f->unclosed > r->offset)
		f->unclosed = (size_t)r->offset;
	if (f->unsynced > r->offset)
		f->unsynced = (size_t)r->offset;
	f->mtime++;
	return len == r->len ? SSH2_FX_OK : SSH2_FX_FAILURE;
}

static u_int
do_read(struct sshbuf *m, const struct request *r, const struct fault *w)
{
	struct file *f = &files[handles[r->handle].file];
	u_char data[FILE_MOST];
	size_t len = r->len;

	if (r->offset >= f->len)
		return SSH2_FX_EOF;
	if (len > f->len - r->offset)
		len = f->len - (size_t)r->offset;
	if (w != NULL && w->what == SHORT)
		len = 1 + (len - 1) * (w->param % 8) / 8;
	memcpy(data, f->data + r->offset, len);
	if (w != NULL && w->what == FLIPPED) {
		data[w->param % len] ^= 1;
		lied_back = lied_any = 1;
	}
	HOLDS(sshbuf_put_u8(m, SSH2_FXP_DATA) == 0);
	HOLDS(sshbuf_put_u32(m, r->id) == 0);
	HOLDS(sshbuf_put_string(m, data, len) == 0);
	return SSH2_FX_OK;
}

static u_int
do_hash(struct sshbuf *m, const struct request *r, const struct fault *w)
{
	struct file *f = &files[handles[r->handle].file];
	struct hpn_hash *h;
	u_char hashes[64 * HPN_HASH_LEN];
	uint64_t at = r->range.offset, len = r->range.length, n, done = 0;
	size_t count = 0;
	int ended = 0;

	HOLDS(r->range.block != 0);
	if (at >= f->len)
		len = 0;
	else if (len == 0 || len > f->len - at)
		len = f->len - at;
	ended = r->range.length == 0 || len < r->range.length;
	if (w != NULL && w->what == SHORT && len > 0) {
		len = 1 + (len - 1) * (w->param % 16) / 16;
		ended = 0;
	}
	HOLDS((h = hpn_hash_new()) != NULL);
	while (done < len && count < 64) {
		n = len - done < r->range.block ? len - done : r->range.block;
		hpn_hash_add(h, f->data + at + done, (size_t)n);
		hpn_hash_end(h, hashes + HPN_HASH_LEN * count++);
		done += n;
	}
	hpn_hash_free(h);
	if (done < len)
		ended = 0;
	if (w != NULL && w->what == FLIPPED && count > 0) {
		hashes[HPN_HASH_LEN * (w->param % count)] ^= 1;
		lied_back = lied_any = 1;
	}
	if (len == 0 && r->range.length != 0)
		ended = 1;
	HOLDS(sshbuf_put_u8(m, SSH2_FXP_EXTENDED_REPLY) == 0);
	HOLDS(sshbuf_put_u32(m, r->id) == 0);
	HOLDS(sshbuf_put_u64(m, done) == 0);
	HOLDS(sshbuf_put_u8(m, (u_char)ended) == 0);
	HOLDS(sshbuf_put_string(m, hashes, count * HPN_HASH_LEN) == 0);
	return SSH2_FX_OK;
}

static u_int
do_rename(const struct request *r)
{
	struct file *f = find(r->path), *to = find(r->to);

	if (f == NULL)
		return SSH2_FX_NO_SUCH_FILE;
	if (strlen(r->to) >= NAME)
		return SSH2_FX_FAILURE;
	if (to != NULL && to != f) {
		if (!S_ISREG(to->perm) || (!r->replaces && !rename_replaces))
			return SSH2_FX_FAILURE;
		to->name[0] = '\0';
	}
	(void)snprintf(f->name, sizeof(f->name), "%s", r->to);
	return SSH2_FX_OK;
}

static void
put_version(struct sshbuf *m)
{
	static const char *const some[] = { "limits@openssh.com",
	    "posix-rename@openssh.com", "fsync@openssh.com", "statvfs@openssh.com",
	    HPN_SFTP_HASH_EXTENSION };
	u_int i;

	HOLDS(sshbuf_put_u8(m, SSH2_FXP_VERSION) == 0);
	HOLDS(sshbuf_put_u32(m, 3) == 0);
	for (i = 0; i < 5; i++) {
		if ((extensions & (1U << i)) == 0)
			continue;
		HOLDS(sshbuf_put_cstring(m, some[i]) == 0);
		HOLDS(sshbuf_put_cstring(m, i == 3 ? "2" : "1") == 0);
	}
}

/* Do it.  What it answers, if that is no status, is put into m. */
static u_int
perform(struct sshbuf *m, const struct request *r, const struct fault *w)
{
	static struct file here = { .name = ".", .perm = S_IFDIR | 0700 };
	struct file *f;
	u_int i, odd = w != NULL && w->what == ATTRIBUTES ? w->param : 0;

	if (r->is_handle && !handles[r->handle].used)
		return SSH2_FX_FAILURE;
	if (odd != 0)
		lied_any = 1;
	switch (r->op) {
	case OP_BEGIN:
		if (r->type == SSH2_FXP_INIT) {
			put_version(m);
			return SSH2_FX_OK;
		}
		HOLDS(sshbuf_put_u8(m, SSH2_FXP_EXTENDED_REPLY) == 0);
		HOLDS(sshbuf_put_u32(m, r->id) == 0);
		HOLDS(sshbuf_put_u64(m, 0) == 0);
		HOLDS(sshbuf_put_u64(m, limit) == 0);
		HOLDS(sshbuf_put_u64(m, limit) == 0);
		HOLDS(sshbuf_put_u64(m, 0) == 0);
		return SSH2_FX_OK;
	case OP_OPEN:
		return do_open(m, r, w);
	case OP_WRITE:
		return do_write(r, w);
	case OP_READ:
		return do_read(m, r, w);
	case OP_CLOSE:
		f = &files[handles[r->handle].file];
		f->unclosed = SIZE_MAX;
		handles[r->handle].used = 0;
		nopen--;
		return SSH2_FX_OK;
	case OP_LSTAT:
		here.uid = own;
		if ((f = strcmp(r->path, ".") == 0 ? &here : find(r->path)) == NULL)
			return SSH2_FX_NO_SUCH_FILE;
		put_attributes(m, r, f, odd);
		return SSH2_FX_OK;
	case OP_FSTAT:
		put_attributes(m, r, &files[handles[r->handle].file], odd);
		return SSH2_FX_OK;
	case OP_RENAME:
		return do_rename(r);
	case OP_REMOVE:
		if ((f = find(r->path)) == NULL)
			return SSH2_FX_NO_SUCH_FILE;
		if (!S_ISREG(f->perm))
			return SSH2_FX_FAILURE;
		f->name[0] = '\0';
		return SSH2_FX_OK;
	case OP_FSYNC:
		f = &files[handles[r->handle].file];
		f->unclosed = f->unsynced = SIZE_MAX;
		return SSH2_FX_OK;
	case OP_HASH:
		return do_hash(m, r, w);
	case OP_STATVFS:
		HOLDS(sshbuf_put_u8(m, SSH2_FXP_EXTENDED_REPLY) == 0);
		HOLDS(sshbuf_put_u32(m, r->id) == 0);
		for (i = 0; i < 11; i++)
			HOLDS(sshbuf_put_u64(m, i < 2 ? 512 : w != NULL &&
			    w->what == FLIPPED ? 0 : 1000000) == 0);
		return SSH2_FX_OK;
	default:
		return SSH2_FX_OK;
	}
}

/* Somebody else does something: with another file, or with what is being read. */
static void
somebody_acts(const struct fault *w)
{
	struct file *f;
	const char *name;

	somebody = 1;
	if (o.reads) {
		if ((f = find(name_of(o.fragment == 0 ? 0 : 1 + w->param % 4,
		    ""))) == NULL || f->len == 0)
			return;
		if (w->param & 0x40)
			f->len--;
		else if (w->param & 0x80) {
			if (f->len < FILE_MOST)
				f->data[f->len++] = 1;
		} else
			f->data[w->param % f->len] ^= 1;
		f->mtime++;
		version(f);
		return;
	}
	name = name_of(o.fragment == 0 ? 0 : 1 + w->param % 4,
	    w->param & 0xc0 ? HPN_DM_PLAN_PART : "");
	if (w->param & 0x80) {
		/* What is being written is removed */
		if ((f = find(name)) != NULL && !f->of_user) {
			f->name[0] = '\0';
			part_gone = 1;
		}
		return;
	}
	if (find(name) == NULL &&
	    (f = make(name, (const u_char *)"somebody's", 10)) != NULL) {
		users(f);
		/* In place of another: no one can see that */
		lied |= part_gone;
	}
}

static int
is_manifest(const char *name)
{
	return strcmp(name, name_of(0, HPN_DM_PLAN_MANIFEST
	    HPN_DM_PLAN_PART)) == 0;
}

/*
 * What was acknowledged is lost: the system could not write it.  What it had written
 * is not: all in front of `written'.
 */
static void
drop(struct file *f, size_t written, u_int param)
{
	size_t from, len;

	if (f->len <= written || f->of_user)
		return;
	/* Of a manifest all is at hand: it is written again */
	if (!is_manifest(f->name))
		dropped = 1;
	from = written + (f->len - written) * (param % 16) / 16;
	SAY("    \"%s\" loses what follows %zu\n", f->name, from);
	if (param & 0x80) {
		f->len = from;
		if ((param & 0x40) && from > written)
			f->data[written] ^= 1;
		return;
	}
	len = f->len - from;
	if (len > 1U + (param & 0x70))
		len = 1U + (param & 0x70);
	memset(f->data + from, 0xee, len);
}

/* With the request that asks for it.  What a close does not write, an fsync does. */
static void
drop_at(const struct request *r, u_int param)
{
	struct file *f;

	if (!r->is_handle || !handles[r->handle].used)
		return;
	f = &files[handles[r->handle].file];
	drop(f, r->op == OP_FSYNC ? f->unsynced : f->unclosed, param);
}

/* The connection ends, and so does the server: nobody hears what a close says then. */
static void
cut(u_int param)
{
	struct file *f;
	u_int i;

	if (param & 1)
		sshbuf_reset(wire.out);
	for (i = 0; i < nanswers; i++)
		sshbuf_free(answers[i].m);
	nanswers = 0;
	wire.ended = 1;
	if ((param & 2) == 0)
		return;
	for (f = files; f < files + nfiles; f++) {
		/* ... or the machine does */
		i = (param & 4) && o.fsync;
		if ((i ? f->unsynced : f->unclosed) >= f->len || f->of_user)
			continue;
		drop(f, i ? f->unsynced : f->unclosed, (param >> 3) * 11);
		hard |= !is_manifest(f->name);
	}
}

static const u_char refusals[] = { SSH2_FX_FAILURE, FX_NO_SPACE, FX_QUOTA,
    SSH2_FX_PERMISSION_DENIED, SSH2_FX_NO_SUCH_FILE, SSH2_FX_EOF,
    SSH2_FX_OP_UNSUPPORTED, SSH2_FX_CONNECTION_LOST, SSH2_FX_OK, 200,
    SSH2_FX_FAILURE, SSH2_FX_FAILURE, SSH2_FX_FAILURE, SSH2_FX_FAILURE,
    FX_NO_SPACE, FX_NO_SPACE };

/* Whether that can be waited for, or is none of the user's business. */
static int
is_light(const struct request *r, const struct fault *w)
{
	u_int code = refusals[w->param % sizeof(refusals)];

	switch (w->what) {
	case CUT:
	case CUT_DONE:
	case CUT_ALL:
		return w->count != 255 && o.timeout_s > 1000 &&
		    (r->op != OP_BEGIN || wire.n > 1);
	case HELD:
	case DEFERRED:
		return 1;
	case SHORT:
		return (r->op == OP_READ || r->op == OP_HASH) && w->count < 8;
	case FLIPPED:
		return r->op == OP_STATVFS;
	case DROPPED:
		return o.timeout_s > 1000 && w->count < 3 && !o.nochecksum &&
		    (r->op == OP_WRITE || r->op == OP_CLOSE ||
		    r->op == OP_FSYNC) && is_manifest(r->key);
	case SAYS_NO:
		return o.timeout_s > 1000 && w->count < 4 && !o.nochecksum &&
		    (code == SSH2_FX_FAILURE || code == FX_NO_SPACE ||
		    code == FX_QUOTA) && (r->op == OP_WRITE ||
		    r->op == OP_FSYNC || r->op == OP_CLOSE);
	default:
		return 0;
	}
}

/* What is wrong with an answer; what it was is not what comes. */
static void
spoil(struct sshbuf *m, const struct fault *w)
{
	size_t len = sshbuf_len(m), i;
	u_char *p = sshbuf_mutable_ptr(m);

	lied_any = 1;
	switch (w->what) {
	case WRONG_ID:
		lied = 1;
		POKE_U32(p + 1, PEEK_U32(p + 1) + (w->param % 8) - 4);
		break;
	case WRONG_TYPE:
		lied = 1;
		p[0] = (u_char)(w->param < 128 ? SSH2_FXP_STATUS + w->param % 5 :
		    w->param);
		break;
	case TRUNCATED:
		HOLDS(sshbuf_consume_end(m, 1 + w->param % len) == 0);
		break;
	case LONGER:
		for (i = 0; i <= w->param; i++)
			HOLDS(sshbuf_put_u8(m, (u_char)(w->param & 4 ? i : 0)) == 0);
		break;
	case GARBAGE:
		lied = 1;
		for (i = 5; i < len; i++)
			p[i] = (u_char)piece(w->param < 128 ? 4 : 256);
		break;
	default:
		break;
	}
}

static void
answer(struct sshbuf *m, u_int hold)
{
	HOLDS(nanswers < REQUESTS);
	answers[nanswers].m = m;
	answers[nanswers++].held = hold;
}

/* Do one of the requests that are here, and answer it, as the input wants it. */
static void
serve_one(u_int which)
{
	struct request r = requests[which];
	struct fault *w = fault_for(r.op), copy;
	struct sshbuf *m, *again;
	u_int code, said, hold = 0;

	if (w != NULL) {
		/* As it was before this one was counted */
		copy = *w;
		w = &copy;
		if (!is_light(&r, w))
			hard = 1;
	}
	if (w != NULL && w->what == DEFERRED && r.deferred == 0) {
		requests[which].deferred = 2 + w->param % 8;
		return;
	}
	SAY("  %u: op %d %s %s at %llu, %u%s", r.id, r.op, r.key, r.to,
	    (unsigned long long)(r.op == OP_HASH ? r.range.offset : r.offset),
	    r.op == OP_HASH ? (u_int)r.range.length : r.len, w == NULL ? "\n" : "");
	if (w != NULL)
		SAY(": fault %d, %u\n", w->what, w->param);
	nwaiting--;
	memmove(&requests[which], &requests[which + 1],
	    (nwaiting - which) * sizeof(r));
	HOLDS((m = sshbuf_new()) != NULL);
	if (w != NULL && w->what == SOMEBODY)
		somebody_acts(w);
	if (w != NULL && w->what == SIGNAL)
		interrupted = SIGTERM;
	if (w != NULL && w->what == SILENT && o.timeout_s != 0)
		wire.silent = 1;
	if (w != NULL && w->what == CUT) {
		cut(w->param);
		goto out;
	}
	if (w != NULL && w->what == DROPPED && (r.op == OP_FSYNC ||
	    r.op == OP_CLOSE || r.op == OP_WRITE))
		drop_at(&r, w->param);
	said = w != NULL ? refusals[w->param % sizeof(refusals)] : 0;
	if (w != NULL && w->what == SAYS_NO && said != SSH2_FX_OK &&
	    r.type != SSH2_FXP_INIT) {
		/* It is not open any more, whatever is said */
		if (r.op == OP_CLOSE)
			(void)perform(m, &r, NULL);
		/* The file has an end, and not there */
		if (r.op == OP_READ && said == SSH2_FX_EOF)
			lied_any = 1;
		code = said;
	} else if (w != NULL && w->what == NOT_DONE && r.type != SSH2_FXP_INIT) {
		if (r.op == OP_WRITE)
			lied_data = 1;
		else
			lied = 1;
		lied_any = 1;
		code = SSH2_FX_OK;
	} else if (r.unknown)
		code = SSH2_FX_OP_UNSUPPORTED;
	else
		code = perform(m, &r, w);
	if (w != NULL && w->what == CUT_DONE) {
		cut(w->param);
		goto out;
	}
	if (w != NULL && w->what == DROPPED && (r.op == OP_FSYNC ||
	    r.op == OP_CLOSE || r.op == OP_WRITE))
		code = SSH2_FX_FAILURE;
	if (w != NULL && w->what == DONE_SAYS_NO && r.type != SSH2_FXP_INIT) {
		sshbuf_reset(m);
		lied_any = 1;
		code = said;
	}
	if (code != SSH2_FX_OK)
		sshbuf_reset(m);
	if (sshbuf_len(m) == 0)
		put_status(m, &r, code);
	SAY("    -> %u, held %u\n", code, w != NULL && w->what == HELD);
	if (w != NULL && w->what >= WRONG_ID && w->what <= GARBAGE)
		spoil(m, w);
	if (w != NULL && w->what == TWICE) {
		HOLDS((again = sshbuf_new()) != NULL);
		HOLDS(sshbuf_putb(again, m) == 0);
		answer(again, 0);
	}
	if (w != NULL && w->what == EARLY) {
		/* What comes next is done, it says */
		lied = lied_any = 1;
		HOLDS((again = sshbuf_new()) != NULL);
		r.id++;
		put_status(again, &r, SSH2_FX_OK);
		answer(again, 0);
	}
	if (w != NULL && w->what == HELD)
		hold = 1 + w->param % 32;
	answer(m, hold);
	m = NULL;
	if (w != NULL && w->what == CUT_ALL) {
		/* What is here is done, and nobody hears of it */
		while (nwaiting > 0) {
			r = requests[0];
			again = sshbuf_new();
			HOLDS(again != NULL);
			if (!r.unknown)
				(void)perform(again, &r, NULL);
			sshbuf_free(again);
			free(r.data);
			nwaiting--;
			memmove(&requests[0], &requests[1],
			    nwaiting * sizeof(r));
		}
		cut(w->param);
		return;
	}
 out:
	sshbuf_free(m);
	free(r.data);
}

/* ---- requests ---- */

static void
get_name(struct sshbuf *m, char *name)
{
	char *s;

	HOLDS(sshbuf_get_cstring(m, &s, NULL) == 0);
	(void)snprintf(name, NAME, "%s", s);
	free(s);
}

static void
get_handle(struct sshbuf *m, struct request *r)
{
	const u_char *p;
	size_t len;

	HOLDS(sshbuf_get_string_direct(m, &p, &len) == 0);
	HOLDS(len == 4 || len == 0 || lied_any);
	r->is_handle = 1;
	if (len == 0)
		while (r->handle < HANDLES - 1 && (!handles[r->handle].used ||
		    !handles[r->handle].empty))
			r->handle++;
	else
		r->handle = len < 4 ? 0 : PEEK_U32(p) % HANDLES;
	(void)snprintf(r->key, sizeof(r->key), "%s", handles[r->handle].key);
}

static void
get_extended(struct sshbuf *m, struct request *r)
{
	char name[NAME];
	int known;

	get_name(m, name);
	if (strcmp(name, "limits@openssh.com") == 0) {
		r->op = OP_BEGIN;
		r->limits = 1;
	} else if (strcmp(name, "posix-rename@openssh.com") == 0) {
		r->op = OP_RENAME;
		r->replaces = 1;
		get_name(m, r->path);
		get_name(m, r->to);
	} else if (strcmp(name, "fsync@openssh.com") == 0) {
		r->op = OP_FSYNC;
		get_handle(m, r);
	} else if (strcmp(name, "statvfs@openssh.com") == 0) {
		r->op = OP_STATVFS;
		get_name(m, r->path);
	} else {
		HOLDS(strcmp(name, HPN_SFTP_HASH_EXTENSION) == 0);
		r->op = OP_HASH;
		get_handle(m, r);
		HOLDS(hpn_sftp_hash_get_request(m, &r->range, &known) == 0 && known);
	}
}

static void
take_request(struct sshbuf *m)
{
	struct request *r;
	const u_char *p;
	size_t len;
	u_int32_t n;

	HOLDS(nwaiting < REQUESTS && nrequests++ < REQUESTS_MOST);
	r = &requests[nwaiting++];
	memset(r, 0, sizeof(*r));
	HOLDS(sshbuf_get_u8(m, &r->type) == 0);
	HOLDS(sshbuf_get_u32(m, &r->id) == 0);
	switch (r->type) {
	case SSH2_FXP_INIT:
		r->op = OP_BEGIN;
		break;
	case SSH2_FXP_OPEN:
		r->op = OP_OPEN;
		get_name(m, r->path);
		HOLDS(sshbuf_get_u32(m, &r->flags) == 0);
		HOLDS(sshbuf_get_u32(m, &n) == 0 && n == 0);
		break;
	case SSH2_FXP_WRITE:
		r->op = OP_WRITE;
		get_handle(m, r);
		HOLDS(sshbuf_get_u64(m, &r->offset) == 0);
		HOLDS(sshbuf_get_string_direct(m, &p, &len) == 0 && len > 0);
		r->len = (u_int32_t)len;
		HOLDS((r->data = malloc(len)) != NULL);
		memcpy(r->data, p, len);
		break;
	case SSH2_FXP_READ:
		r->op = OP_READ;
		get_handle(m, r);
		HOLDS(sshbuf_get_u64(m, &r->offset) == 0);
		HOLDS(sshbuf_get_u32(m, &r->len) == 0 && r->len > 0);
		break;
	case SSH2_FXP_CLOSE:
	case SSH2_FXP_FSTAT:
		r->op = r->type == SSH2_FXP_CLOSE ? OP_CLOSE : OP_FSTAT;
		get_handle(m, r);
		break;
	case SSH2_FXP_STAT:
	case SSH2_FXP_LSTAT:
	case SSH2_FXP_REMOVE:
		r->op = r->type == SSH2_FXP_REMOVE ? OP_REMOVE : OP_LSTAT;
		get_name(m, r->path);
		break;
	case SSH2_FXP_RENAME:
		r->op = OP_RENAME;
		get_name(m, r->path);
		get_name(m, r->to);
		break;
	default:
		HOLDS(r->type == SSH2_FXP_EXTENDED);
		get_extended(m, r);
	}
	HOLDS(sshbuf_len(m) == 0);
	if (!r->is_handle)
		(void)snprintf(r->key, sizeof(r->key), "%s", r->path);
}

/* What was written comes out of the pipe: all of it, or some. */
static void
take_pipe(void)
{
	struct segment *s;
	struct sshbuf *m;
	const u_char *p;
	size_t len, n;

	while ((s = wire.first) != NULL) {
		n = s->len - s->at;
		if (moving && piece(8) == 0)
			n = piece(n + 1);
		if (n == 0)
			break;
		/* What is lent has not changed */
		HOLDS(s->lent == NULL || memcmp(s->lent + s->at, s->data + s->at,
		    n) == 0);
		HOLDS(sshbuf_put(wire.in, s->data + s->at, n) == 0);
		wire.in_pipe -= n;
		if ((s->at += n) < s->len)
			break;
		wire.first = s->next;
		if (wire.first == NULL)
			wire.last = NULL;
		free(s->data);
		free(s);
	}
	while (sshbuf_len(wire.in) >= 4 && nwaiting < REQUESTS / 2) {
		len = PEEK_U32(sshbuf_ptr(wire.in));
		HOLDS(len >= 5 && len <= SFTP_MAX_MSG_LENGTH);
		if (sshbuf_get_string_direct(wire.in, &p, &len) != 0)
			break;
		HOLDS((m = sshbuf_from(p, len)) != NULL);
		take_request(m);
		sshbuf_free(m);
	}
}

/* Whether no request about the same file, or the same name, has to be done before. */
static int
may_begin(u_int which)
{
	u_int i;

	for (i = 0; i < which; i++)
		if (strcmp(requests[i].key, requests[which].key) == 0)
			return 0;
	return 1;
}

static void
serve(int idle)
{
	u_int i, j, n;

	if (!wire.open || wire.ended || wire.silent || !wire.out_open)
		return;
	take_pipe();
	for (n = nwaiting; n > 0 && nwaiting > 0 && !wire.ended; n--) {
		i = mixed & 1 ? (u_int)piece(nwaiting) : 0;
		for (j = 0; j < nwaiting; j++)
			if (requests[j].deferred > 1)
				requests[j].deferred--;
		while (i > 0 && !may_begin(i))
			i--;
		while (i < nwaiting && (requests[i].deferred > 1 || !may_begin(i)))
			i++;
		if (i == nwaiting)
			i = 0;
		serve_one(i);
		if (wire.silent)
			return;
	}
	if (wire.ended)
		return;
	/* Answers, those first that were first, or not */
	for (i = 0; i < nanswers;) {
		if (answers[i].held > 0 && !idle) {
			answers[i].held--;
			i++;
			continue;
		}
		j = i;
		if (mixed & 2)
			j = i + (u_int)piece(nanswers - i);
		HOLDS(sshbuf_put_stringb(wire.out, answers[j].m) == 0);
		sshbuf_free(answers[j].m);
		nanswers--;
		memmove(&answers[j], &answers[j + 1],
		    (nanswers - j) * sizeof(answers[0]));
	}
}

int
fake_poll(struct pollfd *p, nfds_t n, int timeout)
{
	nfds_t i;
	int ready = 0, again;

	HOLDS(polls++ < POLLS_MOST);
	/* In memory is what was agreed on, and one request beside */
	HOLDS(held <= (o.reads ? o.buffer : 8192) +
	    (lied_any ? SFTP_MAX_MSG_LENGTH : 600));
	for (again = 0; again < 2 && ready == 0; again++) {
		serve(again);
		for (i = 0; i < n; i++) {
			p[i].revents = 0;
			switch (p[i].fd) {
			case SOURCE:
				if (!moving || piece(2) == 0 || again)
					p[i].revents = POLLIN;
				break;
			case SINK:
				p[i].revents = POLLOUT;
				break;
			case CONNECTION:
				if (sshbuf_len(wire.out) > 0 || wire.ended)
					p[i].revents = POLLIN;
				break;
			case CONNECTION + 1:
				if (wire.in_pipe < PIPE_MOST || wire.ended)
					p[i].revents = POLLOUT;
				break;
			default:
				HOLDS(p[i].fd == -1);
			}
			ready += p[i].revents != 0;
		}
		if (timeout == 0)
			break;
	}
	if (ready == 0 && timeout > 0)
		now_ns += (uint64_t)timeout * 1000000;
	return ready;
}

/* ---- before and after ---- */

static u_char
byte(void)
{
	return (u_char)input_bytes(&in, 1);
}

static void
quiet(LogLevel level, int forced, const char *text, void *ctx)
{
	(void)level;
	(void)forced;
	(void)ctx;
	SAY("%s\n", text);
}

static struct hpn_dm_plan
plan_of(void)
{
	struct hpn_dm_plan plan;

	plan.fragment = o.fragment;
	plan.stub = o.stub < o.fragment ? o.stub : 0;
	return plan;
}

/* A file that is there before dmscp is: the beginning of a right one, or another. */
static void
user_file(void)
{
	static const char *const others[] = { "x", "d", "d/x", "o.00011", "o.partx",
	    "d/p.0001", "o.0001.old", ".own" };
	struct hpn_dm_plan plan = plan_of();
	u_char kind = byte(), how = byte();
	uint64_t from = 0, most = stream_len, len;
	u_char other[64];
	const char *name;
	struct file *f;
	u_int n;

	n = o.fragment == 0 ? 0 : 1 + (kind >> 4) % 8;
	if (n != 0) {
		from = hpn_dm_plan_start(&plan, n);
		most = hpn_dm_plan_size(&plan, n);
		if (from >= stream_len)
			from = most = 0;
		else if (most > stream_len - from)
			most = stream_len - from;
	}
	switch (kind & 7) {
	case 0:
		name = name_of(0, "");
		break;
	case 1:
		name = name_of(0, HPN_DM_PLAN_MANIFEST);
		break;
	case 2:
		name = name_of(0, HPN_DM_PLAN_MANIFEST HPN_DM_PLAN_PART);
		break;
	case 3:
		name = name_of(n, "");
		break;
	case 4:
	case 5:
		name = name_of(n, HPN_DM_PLAN_PART);
		break;
	case 6:
		name = name_of(1 + (kind >> 4), how & 1 ? HPN_DM_PLAN_PART : "");
		break;
	default:
		name = others[(kind >> 4) % 8];
	}
	if (find(name) != NULL)
		return;
	len = (kind & 8) ? most : most * byte() / 256;
	if ((how & 0x30) == 0) {
		memset(other, how, sizeof(other));
		f = make(name, other, 1 + how % sizeof(other));
	} else if ((how & 0x30) == 0x10)
		f = make(name, NULL, 0);
	else
		f = make(name, stream + from, (size_t)len);
	if (f == NULL)
		return;
	if ((how & 0xc0) == 0xc0) {
		if (how & 1)
			f->uid = own + 1;
		if (how & 2)
			f->perm = S_IFDIR | 0755;
		if (how & 4)
			f->perm |= S_IWOTH;
	}
	users(f);
}

/* The set that is to be read. */
static void
make_set(int hashed)
{
	struct hpn_dm_plan plan = plan_of();
	struct hpn_dm_manifest_fragment fragment;
	struct hpn_dm_manifest m;
	struct hpn_hash *h;
	static char text[FILE_MOST];
	char *at = text;
	uint64_t n;
	u_char end[HPN_HASH_LEN];

	memset(&m, 0, sizeof(m));
	HOLDS((h = hpn_hash_new()) != NULL);
	m.object = "o";
	m.object_len = 1;
	m.size = stream_len;
	m.count = hpn_dm_plan_count(&plan, stream_len);
	m.hashed = hashed;
	hpn_hash_add(h, stream, stream_len);
	if (hashed)
		hpn_hash_end(h, m.hash);
	if (o.sha256) {
		m.has_sha256 = 1;
		HOLDS(ssh_digest_memory(SSH_DIGEST_SHA256, stream, stream_len,
		    m.sha256, sizeof(m.sha256)) == 0);
	}
	at += hpn_dm_manifest_put_head(at, &m);
	for (n = 1; n <= m.count; n++) {
		memset(&fragment, 0, sizeof(fragment));
		fragment.size = hpn_dm_plan_size(&plan, n);
		if (fragment.size > stream_len - hpn_dm_plan_start(&plan, n))
			fragment.size = stream_len - hpn_dm_plan_start(&plan, n);
		if (hashed) {
			hpn_hash_free(h);
			HOLDS((h = hpn_hash_new()) != NULL);
			hpn_hash_add(h, stream + hpn_dm_plan_start(&plan, n),
			    (size_t)fragment.size);
			hpn_hash_end(h, fragment.hash);
		}
		at += hpn_dm_manifest_put_fragment(at, n, &fragment);
		(void)make(name_of((u_int)n, ""), stream +
		    hpn_dm_plan_start(&plan, n), (size_t)fragment.size);
	}
	at += hpn_dm_manifest_put_state(at);
	memset(end, 0, sizeof(end));
	if (hashed) {
		hpn_hash_free(h);
		HOLDS((h = hpn_hash_new()) != NULL);
		hpn_hash_add(h, text, (size_t)(at - text));
		hpn_hash_end(h, end);
	}
	hpn_hash_free(h);
	at += hpn_dm_manifest_put_end(at, end);
	HOLDS(make(name_of(0, HPN_DM_PLAN_MANIFEST), (u_char *)text,
	    (size_t)(at - text)) != NULL);
}

/* Something of it is damaged before it is read.  Returns whether. */
static int
damage(void)
{
	u_char which = byte(), how = byte();
	struct file *f;

	if (which == 0 || nfiles == 0)
		return 0;
	f = &files[which % nfiles];
	if (f->len == 0)
		return 0;
	switch (how & 7) {
	case 0:
		f->len = f->len * (how >> 3) / 32;
		break;
	case 1:
		f->name[0] = '\0';
		break;
	case 2:
		f->perm = S_IFDIR | 0755;
		break;
	case 3:
		if (f->len < FILE_MOST)
			f->data[f->len++] = how;
		break;
	default:
		f->data[f->len * (how >> 3) / 32] ^= (u_char)(1 + byte());
	}
	return 1;
}

static int
is(const struct file *f, const u_char *data, size_t len)
{
	return f != NULL && f->len == len && S_ISREG(f->perm) &&
	    (len == 0 || memcmp(f->data, data, len) == 0);
}

/* The set is on the server, all of it. */
static void
check_set(void)
{
	struct hpn_dm_plan plan = plan_of();
	struct hpn_dm_manifest m;
	struct hpn_dm_manifest_fragment fragment;
	struct file *f = find(name_of(0, HPN_DM_PLAN_MANIFEST));
	uint64_t n, count = hpn_dm_plan_count(&plan, stream_len), start, size;
	size_t at;

	HOLDS(f != NULL);
	HOLDS(hpn_dm_manifest_parse(&m, (char *)f->data, f->len) == NULL);
	HOLDS(m.count == count && m.size == stream_len);
	at = m.fragments_at;
	for (n = 1; n <= count; n++) {
		start = hpn_dm_plan_start(&plan, n);
		size = hpn_dm_plan_size(&plan, n);
		if (size > stream_len - start)
			size = stream_len - start;
		HOLDS(hpn_dm_manifest_next(&m, (char *)f->data, &at,
		    &fragment) == 1 && fragment.size == size);
		HOLDS(is(find(name_of((u_int)n, "")), stream + start,
		    (size_t)size));
	}
}

/* Whether a file of the user's has the name that something may have by now. */
static int
is_as_it_was(const struct file *f)
{
	return is(f, f->was, f->was_len) || (!S_ISREG(f->perm) &&
	    f->len == f->was_len);
}

static int
replaces(const struct file *f)
{
	const char *name = f->name;
	const char *base = name_of(0, "");
	size_t len = strlen(base), i;

	if (strncmp(name, base, len) != 0)
		return 0;
	name += len;
	if (*name == '.') {
		for (i = 1; name[i] >= '0' && name[i] <= '9'; i++)
			;
		if (i > 4)
			name += i;
	}
	if (strncmp(name, HPN_DM_PLAN_MANIFEST, strlen(HPN_DM_PLAN_MANIFEST)) == 0)
		name += strlen(HPN_DM_PLAN_MANIFEST);
	return *name == '\0' || strcmp(name, HPN_DM_PLAN_PART) == 0;
}

static void
check_put(void)
{
	const int sure = !lied && !lied_back && !(o.nochecksum && (lied_data ||
	    dropped || o.resume));
	struct file *f, *manifest = find(name_of(0, HPN_DM_PLAN_MANIFEST));
	struct file *object = find(name_of(0, ""));
	u_int i;

	if (status == 0)
		HOLDS(!stream_bad && stream_at == stream_len);
	if (sure && o.fragment == 0) {
		if (status == 0)
			HOLDS(is(object, stream, stream_len));
		else if (object != NULL && !object->of_user)
			HOLDS(is(object, stream, stream_len) && !stream_bad);
	}
	if (sure && !rename_replaces && o.fragment != 0 && (status == 0 ||
	    (manifest != NULL && !manifest->of_user))) {
		HOLDS(!stream_bad);
		check_set();
	}
	for (i = 0; i < nfiles; i++) {
		f = &files[i];
		if (!f->of_user)
			continue;
		SAY("of the user: \"%s\" %zu bytes, %o, was %zu\n", f->name, f->len,
		    f->perm, f->was_len);
		if (f->was_len == 0 && S_ISREG(f->perm))
			continue;
		if (o.force && f->name[0] == '\0')
			continue;	/* see below */
		if (o.resume && S_ISREG(f->perm)) {
			/* It may have been continued; a manifest begins anew */
			if (f->name[0] == '\0')
				continue;
			HOLDS(lied_any || dropped || (f->len >= f->was_len &&
			    memcmp(f->data, f->was, f->was_len) == 0));
			continue;
		}
		if (f->name[0] == '\0' && rename_replaces)
			continue;
		HOLDS(f->name[0] != '\0' && is_as_it_was(f));
	}
	if (status == HPN_DM_CHILD_DIFFERS)
		HOLDS(lied_any || dropped || somebody || o.resume);
	/* What can be waited for was */
	if (!hard && !stream_bad && open_most >= 4 && job_status == 0 &&
	    (!o.fsync || (extensions & 4)))
		HOLDS(status == 0);
}

static void
check_get(int is_set, int damaged, int hashed)
{
	u_int i;

	if (status != 0)
		HOLDS(status != HPN_DM_CHILD_DIFFERS || lied_any || damaged ||
		    somebody);
	if (!hard && !damaged && !somebody && job_status == 0 && sink_bad == 0 &&
	    open_most >= 4 &&
	    (is_set || o.fragment == 0))
		HOLDS(status == 0);
	if (status != 0 || lied || lied_back)
		return;
	if (is_set) {
		if ((damaged || somebody) && (o.nochecksum || !hashed))
			return;
		HOLDS(sink_len == stream_len &&
		    memcmp(sink, stream, stream_len) == 0);
		return;
	}
	if (lied_any || (somebody && (attributes & 4) == 0))
		return;
	for (i = 0; i < nversions; i++)
		if (versions[i].len == sink_len &&
		    memcmp(versions[i].data, sink, sink_len) == 0)
			return;
	HOLDS(!"what was read is what was there");
}

static void
set_up(int *is_set, int *damaged, int *hashed)
{
	static const char *const ssh = "ssh";
	static const uint64_t times[] = { 7200, 7200, 7200, 7200, 30, 3, 0, 7200 };
	u_int kind = byte(), more = byte(), i;
	struct file *f;

	memset(&o, 0, sizeof(o));
	o.program = ssh;
	(void)snprintf(o.host, sizeof(o.host), "host");
	o.name = "o";
	o.dir = kind & 1 ? "d" : NULL;
	o.reads = (kind & 6) == 6;
	o.writes = !o.reads;
	o.fragment = kind & 8 ? 30 + 10 * (uint64_t)byte() : 0;
	o.stub = kind & 0x10 ? 20 : 0;
	o.force = !o.reads && (kind & 0x60) == 0x20;
	o.resume = !o.reads && (kind & 0x60) == 0x40;
	o.nochecksum = (kind & 0x80) && (more & 1);
	o.fsync = !o.reads && (more & 2);
	o.sha256 = o.fragment != 0 && !o.nochecksum && (more & 0x84) == 0x84;
	o.buffer = 128 + 64 * (uint64_t)(byte() % 16);
	o.timeout_s = times[(more >> 3) & 7];
	if ((more & 0xc0) == 0xc0) {
		if (o.writes)
			o.onclose = "x";
		else
			o.onopen = "x";
	}
	extensions = ~(u_int)byte();
	if (!hpn_hash_available())
		o.nochecksum = 1;
	attributes = ~(u_int)byte();
	mixed = byte();
	moving = mixed & 4;
	lends = mixed & 8;
	rename_replaces = (mixed & 0x70) == 0x70;
	limit = 16 + byte();
	open_most = byte();
	open_most = open_most == 0 ? HANDLES : 1 + open_most % HANDLES;
	own = byte() % 4 == 3 ? 0 : 1000;
	job_status = byte() == 255 ? 3 : 0;
	stream_len = (size_t)input_bytes(&in, 2) % (STREAM_MOST + 1);
	for (i = 0; i < stream_len; i++)
		stream[i] = (u_char)((i * 2654435761U) >> 13 ^ i);
	stream_bad = o.writes && byte() >= 250;
	sink_odd = o.reads ? byte() : 0;
	sink_odd = sink_odd < 200 ? 0 : 1 + sink_odd % 3;
	if (o.fragment != 0 && stream_len > 40 * o.fragment)
		stream_len = (size_t)(40 * o.fragment);
	*is_set = *damaged = *hashed = 0;
	if (o.reads) {
		*is_set = o.fragment != 0;
		*hashed = hpn_hash_available() && (kind & 0x40) == 0;
		if (*is_set)
			make_set(*hashed);
		else
			(void)make(name_of(0, ""), stream, stream_len);
		*damaged = damage();
		if (*is_set && (kind & 0x20))
			o.fragment = 1;
		if ((f = find(name_of(0, ""))) != NULL)
			version(f);
	} else {
		for (i = byte() % 8; i > 0; i--) {
			user_file();
			hard = 1;
		}
	}
	nfaults = 0;
	while (in.left > 0 && nfaults < FAULTS) {
		struct fault *w = &faults[nfaults++];

		w->op = (enum op)(byte() % OPS);
		w->what = (enum what)(1 + byte() % (WHATS - 1));
		w->skip = byte();
		if (w->skip < 200)
			w->skip %= 24;
		w->count = byte();
		if (w->count != 255)
			w->count = 1 + w->count % (w->count & 0x80 ? 20 : 3);
		w->param = byte();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int is_set, damaged, hashed;
	u_int i;

	says = getenv("FUZZ_SAYS") != NULL;
	set_log_handler(quiet, NULL);
	in.p = data;
	in.left = size;
	pieces = input_bytes(&in, 2) + 1;
	now_ns = 1000 * SECOND;
	polls = nrequests = 0;
	status = interrupted = 0;
	stream_at = sink_len = 0;
	nfiles = nversions = 0;
	sink_bad = 0;
	lied = lied_data = lied_back = lied_any = dropped = somebody = hard = 0;
	part_gone = 0;
	memset(&wire, 0, sizeof(wire));
	HOLDS((wire.in = sshbuf_new()) != NULL);
	HOLDS((wire.out = sshbuf_new()) != NULL);
	memset(handles, 0, sizeof(handles));
	nopen = nwaiting = nanswers = 0;
	set_up(&is_set, &damaged, &hashed);
	if (setjmp(over) == 0) {
		if (o.reads)
			hpn_dm_get(&o);
		else
			hpn_dm_put(&o);
	}
	SAY("%s F %llu force %d resume %d T %llu: status %d, "
		    "%u connections, %u requests, %u polls, hard %d\n",
		    o.reads ? "get" : "put", (unsigned long long)o.fragment,
		    o.force, o.resume, (unsigned long long)o.timeout_s, status,
		    wire.n, nrequests, polls, hard);
	if (o.reads)
		check_get(is_set, damaged, hashed);
	else
		check_put();
	let_all_go();
	held = 0;
	wire_clear();
	sshbuf_free(wire.in);
	sshbuf_free(wire.out);
	for (i = 0; i < nfiles; i++) {
		free(files[i].data);
		free(files[i].was);
	}
	for (i = 0; i < nversions; i++)
		free(versions[i].data);
	return 0;
}

#ifdef __clang__
# pragma clang attribute pop
#endif
