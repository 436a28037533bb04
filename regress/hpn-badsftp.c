/* SPDX-License-Identifier: ISC */
/*
 * hpn-badsftp: an SFTP server (draft-ietf-secsh-filexfer-02) that serves the
 * real files of a machine and breaks the rules where it is told to, to test
 * what clients do about it.
 *
 * usage: hpn-badsftp [-Er] [-d dir] [-f fault] ... [-H how] [-h N] [-l log]
 *            [-m N[:status]] [-O N] [-o N] [-P permille] [-R bytes] [-s seed]
 *            [-t from=to] [-w ms] [-x bytes]
 *
 *   -d dir    begin in this folder
 *   -E        announce no extensions
 *   -f fault  OP:GLOB:WHAT[:AFTER[+TIMES]], see below
 *   -H how    the handles of what is open: lowest, the lowest free number (as
 *             it is without -H); unique, one that nothing had before; shared,
 *             the third and all that follow have that of the second; typed, the
 *             lowest that is free among files, or among folders.  Of several
 *             with one handle, the last is meant
 *   -h N      hold up to N answers and send them in random order, once so many
 *             wait or no request has come for 20 ms (with -r, 1 ms)
 *   -l log    append a line for each request: OP NAME [OFFSET LENGTH], and of
 *             times that are set, the last one: mtime SECONDS
 *   -m N      refuse what is to be opened while N files or folders are open,
 *             with this status (default 3)
 *   -O N      announce what OpenSSH's server does, give handles from N on, and
 *             refuse what is asked of others, which is an error otherwise
 *   -o N      carry out up to N requests in random order, those about the same
 *             handle or path in the order in which they came
 *   -P N      of a thousand requests, N fail: with status 3, 4 or 8, carried out
 *             in part, or not at all.  What is answered without an error is true
 *   -R bytes  a read yields a random number of bytes from 1 to this
 *   -r        the seed decides about -E, -H, -h, -m, -o, -P, -R, -x and the
 *             limits that are announced, whether they are kept or not
 *   -s seed   of what is random (default 1)
 *   -t FROM=TO  as on another host, or where something else is mounted: what is
 *             below the first folder, as the client calls it, is below the second
 *   -w ms     wait so long before each answer
 *   -x bytes  end without a word when so many bytes have been sent
 *
 * It stands in for sftp-server, with `sftp -D`, or with `scp -S` and `sftp -S`
 * by a script that drops the arguments.
 *
 * A fault concerns requests of kind OP (open, close, read, write, lstat, fstat,
 * setstat, fsetstat, opendir, readdir, remove, mkdir, rmdir, realpath, stat,
 * rename, readlink, symlink, limits, hash, posix-rename, fsync, hardlink,
 * open-regular, init, or any) about names whose last part matches the GLOB, all but
 * the first AFTER of them, or only so many TIMES.  WHAT is wrong with the answer:
 *
 *   status=N      it is this error; the request is not carried out
 *   wrong-id      it is for another request
 *   wrong-type    it is of a type that does not answer this
 *   truncated     all but the first seven bytes of it are missing
 *   empty         it has no content at all, not even a type
 *   oversize      it says that it is 256 KiB and a byte long, and is
 *   huge          it says that it is 4 GiB long
 *   garbage       random bytes in place of a message
 *   twice         it comes twice
 *   silence       there is none
 *   exit          there is none: the server ends
 *   slow=MS       it comes so much later
 *   long-data     (read) a byte more than was asked for
 *   late=OFFSET   (read) of this offset: the answer comes when no request has
 *                 come for 300 ms; the log says "late" then
 *   late          (hash) the answer comes when no request has come for 3 seconds
 *   early         (write) that it was done is said when its head is here, and
 *                 nothing later.  The rest is read 20 ms later
 *   loses=N       (write, fsync, close) status 4, and of what was written before,
 *                 the first N bytes are zeros.  A write is not carried out
 *   end=OFFSET    (read) nothing is there, if this offset is asked for among
 *                 others; of what follows it, it is
 *   zeros         (setstat, fsetstat) whose length is set is emptied before
 *   lie-size[=N]  (those with attributes) a size of 2^62, or of N
 *   lie-more      (those with attributes) a byte more than there is, and one more
 *                 each time
 *   lie-dir       (those with attributes) a folder, whatever it is
 *   lie-file      (those with attributes) a file, whatever it is
 *   no-attrs      (those with attributes) none
 *   no-times      (those with attributes) all but the times
 *   names=WHICH   (readdir) besides the real ones, in the first answer; the
 *                 file "hpn-evil" of the folder where it began is there
 *                 whatever path is given:
 *                   dotdot "../hpn-evil", slash "sub/../../hpn-evil", absolute
 *                   "/...hpn-evil" (in the parent of the folder), dots "." and
 *                   "..", empty "", newline, invalid (UTF-8), long (5000
 *                   bytes), many (says that there are 2^31), file-then-dir
 *                   "hpn-evil" as a file and as a folder
 *   flip          (read) a bit of the data is wrong;  (hash) of the hash
 *   short         (hash) of 200000 bytes at most, as the server may choose
 *
 * Exit status: 0 at the end of the requests, 1 on an error, 3 as told.
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sshbuf.h"
#include "ssherr.h"
#include "log.h"
#include "sftp.h"
#include "sftp-common.h"
#include "hpn-sftp-hash.h"
#include "hpn-sftp-server.h"

char *sftp_realpath(const char *, char *);	/* sftp-realpath.c */

#define FAULTS		16
#define HANDLES		4096
#define QUEUE		1024
#define MESSAGE_MOST	(256 * 1024)

struct fault {
	const char *op, *glob, *what;
	unsigned long long after, times;
};

struct handle {
	DIR *dir;
	int fd;
	u_int number, nth;	/* of the client; of all that were given */
	char *name;
	int read_before;	/* a folder: an answer was sent */
};

static struct sshbuf *requests;
static int requests_ended;
static struct fault faults[FAULTS];
static int nfaults;
static struct handle handles[HANDLES];
static struct sshbuf **held;
static u_int nheld, hold, hold_ms = 20;
static struct sshbuf *late[HANDLES];
static u_int nlate;
static int is_late, late_ms = 300;
static int was_early;		/* the request that is coming was answered */
static int no_extensions, like_openssh;
static u_int first_handle, nopen, ngiven;
static enum { LOWEST, UNIQUE, SHARED, TYPED } how;
static u_int most_open, most_status = SSH2_FX_PERMISSION_DENIED;
static u_int told_handles = HANDLES, told_read, told_write;
static u_int permille;
static struct sshbuf *queue[QUEUE];
static u_int nqueue, reorder;
static FILE *log_file;
static u_int short_reads, wait_ms;
static const char *mounted, *mounted_to;
static uint64_t state = 1;
static unsigned long long sent, exit_after;

/* What the present request is about */
static const char *op;
static char name[PATH_MAX];

static void
must(int r, const char *what)
{
	if (r != 0)
		errx(1, "%s: %s", what, ssh_err(r));
}

static uint64_t
any(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL >> 16) % below;
}

static const char *
last_part(const char *path)
{
	const char *p = strrchr(path, '/');

	return p != NULL && p[1] != '\0' ? p + 1 : path;
}

/*
 * Whether this is to be done wrong.  What follows a '=' in the fault is its
 * value.  Faults are not counted for what they do not concern.
 */
static const char *
wrong(const char *what)
{
	static const char *none = "";
	size_t len = strlen(what);
	int i;

	for (i = 0; i < nfaults; i++) {
		if (strncmp(faults[i].what, what, len) != 0 ||
		    (faults[i].what[len] != '\0' && faults[i].what[len] != '='))
			continue;
		if (strcmp(faults[i].op, "any") != 0 &&
		    strcmp(faults[i].op, op) != 0)
			continue;
		if (fnmatch(faults[i].glob, last_part(name), 0) != 0)
			continue;
		if (faults[i].after > 0) {
			faults[i].after--;
			continue;
		}
		if (faults[i].times == 0)
			continue;
		faults[i].times--;
		return faults[i].what[len] == '=' ? faults[i].what + len + 1 :
		    none;
	}
	return NULL;
}

/* Take in what is there, or wait for it. */
static void
take(void)
{
	static u_char block[64 * 1024];
	struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
	ssize_t n;

	(void)poll(&p, 1, -1);
	n = read(STDIN_FILENO, block, sizeof(block));
	/* A client that does not wait for the answers ends so. */
	if (n == 0 || (n == -1 && errno == ECONNRESET))
		requests_ended = 1;
	else if (n == -1 && errno != EINTR && errno != EAGAIN)
		err(1, "read");
	if (n > 0)
		must(sshbuf_put(requests, block, (size_t)n), "read");
}

/*
 * Send this.  Some clients send requests without looking at answers for a
 * while: those are taken in meanwhile, or both would wait for each other.
 */
static void
emit(const u_char *p, size_t len)
{
	struct pollfd fds[2] = { { STDIN_FILENO, POLLIN, 0 },
	    { STDOUT_FILENO, POLLOUT, 0 } };
	ssize_t n;

	if (exit_after != 0 && sent + len >= exit_after)
		len = (size_t)(exit_after - sent);
	while (len > 0) {
		if (requests_ended)
			fds[0].fd = -1;
		if (poll(fds, 2, -1) == -1)
			continue;
		if (fds[0].revents != 0)
			take();
		if (fds[1].revents == 0)
			continue;
		if ((n = write(STDOUT_FILENO, p, len)) == -1) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			exit(0);	/* the client is gone */
		}
		p += n;
		len -= (size_t)n;
		sent += (unsigned long long)n;
	}
	if (exit_after != 0 && sent >= exit_after)
		exit(3);
}

static void
flush_held(void)
{
	u_int i;

	while (nheld > 0) {
		i = (u_int)any(nheld);
		emit(sshbuf_ptr(held[i]), sshbuf_len(held[i]));
		sshbuf_free(held[i]);
		held[i] = held[--nheld];
	}
}

static void
flush_late(void)
{
	u_int i;

	if (log_file != NULL)
		fprintf(log_file, "late\n");
	for (i = 0; i < nlate; i++) {
		emit(sshbuf_ptr(late[i]), sshbuf_len(late[i]));
		sshbuf_free(late[i]);
	}
	nlate = 0;
}

/* Send these bytes, or keep them to be sent out of order. */
static void
deliver(const u_char *p, size_t len)
{
	struct sshbuf *b;

	if (is_late && nlate < HANDLES) {
		if ((late[nlate] = sshbuf_new()) == NULL)
			errx(1, "no memory");
		must(sshbuf_put(late[nlate++], p, len), "late");
		return;
	}
	if (hold == 0) {
		emit(p, len);
		return;
	}
	if ((b = sshbuf_from(p, len)) == NULL)
		errx(1, "no memory");
	/* sshbuf_from() does not copy */
	if ((held[nheld] = sshbuf_new()) == NULL)
		errx(1, "no memory");
	must(sshbuf_putb(held[nheld], b), "hold");
	sshbuf_free(b);
	if (++nheld == hold)
		flush_held();
}

/* An answer is complete, type first: send it with what is to be wrong. */
static void
answer(struct sshbuf *m)
{
	static u_char junk[MESSAGE_MOST + 5];
	struct sshbuf *out;
	const char *value;
	u_char *p;
	size_t i, len;

	if (wait_ms != 0)
		(void)poll(NULL, 0, (int)wait_ms);
	if ((value = wrong("slow")) != NULL)
		(void)poll(NULL, 0, atoi(value));
	if (wrong("exit") != NULL)
		exit(3);
	if (wrong("silence") != NULL)
		return;
	if ((out = sshbuf_new()) == NULL)
		errx(1, "no memory");
	p = sshbuf_mutable_ptr(m);
	if (wrong("wrong-id") != NULL)
		POKE_U32(p + 1, PEEK_U32(p + 1) + 0x40000000);
	if (wrong("wrong-type") != NULL)
		p[0] = p[0] == SSH2_FXP_NAME ? SSH2_FXP_DATA : SSH2_FXP_NAME;
	if (wrong("truncated") != NULL && sshbuf_len(m) > 7)
		must(sshbuf_consume_end(m, sshbuf_len(m) - 7), "truncate");
	if (wrong("empty") != NULL)
		sshbuf_reset(m);
	if (wrong("oversize") != NULL) {
		must(sshbuf_reserve(m, MESSAGE_MOST + 1 - sshbuf_len(m), &p),
		    "oversize");
		memset(p, 0, (size_t)(sshbuf_ptr(m) + sshbuf_len(m) - p));
	}
	if (wrong("huge") != NULL) {
		must(sshbuf_put_u32(out, 0xffffffff), "huge");
		must(sshbuf_putb(out, m), "huge");
	} else if (wrong("garbage") != NULL) {
		len = 5 + any(MESSAGE_MOST);
		for (i = 0; i < len; i++)
			junk[i] = (u_char)any(256);
		/* What it says of its length is possible */
		POKE_U32(junk, (u_int32_t)(len - 4));
		must(sshbuf_put(out, junk, len), "garbage");
	} else
		must(sshbuf_put_stringb(out, m), "answer");
	deliver(sshbuf_ptr(out), sshbuf_len(out));
	if (wrong("twice") != NULL)
		deliver(sshbuf_ptr(out), sshbuf_len(out));
	sshbuf_free(out);
}

static struct sshbuf *
begin(u_char type, u_int32_t id)
{
	struct sshbuf *m;

	if ((m = sshbuf_new()) == NULL)
		errx(1, "no memory");
	must(sshbuf_put_u8(m, type), "compose");
	must(sshbuf_put_u32(m, id), "compose");
	return m;
}

static void
end(struct sshbuf *m)
{
	answer(m);
	sshbuf_free(m);
}

static void
put_status(u_int32_t id, u_int32_t status)
{
	struct sshbuf *m = begin(SSH2_FXP_STATUS, id);

	must(sshbuf_put_u32(m, status), "compose");
	must(sshbuf_put_cstring(m, status == 0 ? "Success" : "told to fail"),
	    "compose");
	must(sshbuf_put_cstring(m, ""), "compose");
	end(m);
}

static u_int32_t
status_of(int errnum)
{
	switch (errnum) {
	case 0:
		return SSH2_FX_OK;
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return SSH2_FX_NO_SUCH_FILE;
	case EACCES:
	case EPERM:
		return SSH2_FX_PERMISSION_DENIED;
	default:
		return SSH2_FX_FAILURE;
	}
}

static void
put_result(u_int32_t id, int failed)
{
	put_status(id, failed ? status_of(errno) : SSH2_FX_OK);
}

static void
put_attrib(struct sshbuf *m, const struct stat *st)
{
	static u_int more;
	const char *lie;
	Attrib a;

	stat_to_attrib(st, &a);
	if ((lie = wrong("lie-size")) != NULL)
		a.size = *lie == '\0' ? 1ULL << 62 : strtoull(lie, NULL, 10);
	if (wrong("lie-more") != NULL)
		a.size += ++more;
	if (wrong("lie-dir") != NULL)
		a.perm = (a.perm & 07777) | S_IFDIR;
	if (wrong("lie-file") != NULL)
		a.perm = (a.perm & 07777) | S_IFREG;
	if (wrong("no-times") != NULL)
		a.flags &= ~SSH2_FILEXFER_ATTR_ACMODTIME;
	if (wrong("no-attrs") != NULL)
		attrib_clear(&a);
	must(encode_attrib(m, &a), "attributes");
}

static void
put_stat(u_int32_t id, int failed, const struct stat *st)
{
	struct sshbuf *m;

	if (failed) {
		put_status(id, status_of(errno));
		return;
	}
	m = begin(SSH2_FXP_ATTRS, id);
	put_attrib(m, st);
	end(m);
}

static void
put_name(u_int32_t id, const char *path)
{
	struct sshbuf *m = begin(SSH2_FXP_NAME, id);
	Attrib a;

	attrib_clear(&a);
	must(sshbuf_put_u32(m, 1), "name");
	must(sshbuf_put_cstring(m, path), "name");
	must(sshbuf_put_cstring(m, path), "name");
	must(encode_attrib(m, &a), "name");
	end(m);
}

/* Whether one of this kind (of any, if it does not matter) has this number. */
static int
taken(u_int number, int folder)
{
	u_int i;

	for (i = 0; i < HANDLES; i++)
		if (handles[i].name != NULL && handles[i].number == number &&
		    (how != TYPED || (handles[i].dir != NULL) == folder))
			return 1;
	return 0;
}

static u_int
number_for(int folder)
{
	u_int n = 0;

	if (how == UNIQUE)
		return ngiven;
	if (how == SHARED && nopen >= 2)
		return 1;
	while (taken(n, folder))
		n++;
	return n;
}

static void
put_handle(u_int32_t id, int fd, DIR *dir)
{
	struct sshbuf *m;
	u_int i, number = number_for(dir != NULL);

	for (i = 0; i < HANDLES && handles[i].name != NULL; i++)
		;
	if (i == HANDLES || (handles[i].name = strdup(name)) == NULL)
		errx(1, "no room for another handle");
	handles[i].fd = fd;
	handles[i].dir = dir;
	handles[i].read_before = 0;
	handles[i].number = number;
	handles[i].nth = ngiven++;
	nopen++;
	m = begin(SSH2_FXP_HANDLE, id);
	must(sshbuf_put_u32(m, 4), "handle");
	must(sshbuf_put_u32(m, first_handle + number), "handle");
	end(m);
}

/* NULL: it was not given */
static struct handle *
find_handle(struct sshbuf *m)
{
	struct handle *h, *found = NULL;
	const u_char *p;
	size_t len;
	int folder = strcmp(op, "readdir") == 0;

	must(sshbuf_get_string_direct(m, &p, &len), "handle");
	for (h = handles; len == 4 && h < handles + HANDLES; h++) {
		if (h->name == NULL || h->number != PEEK_U32(p) - first_handle)
			continue;
		if (how == TYPED && strcmp(op, "close") != 0 &&
		    (h->dir != NULL) != folder)
			continue;
		if (found == NULL || h->nth > found->nth)
			found = h;
	}
	if (found == NULL) {
		if (!like_openssh)
			errx(1, "the client sent a handle that it was not given");
		return NULL;
	}
	strlcpy(name, found->name, sizeof(name));
	return found;
}

static struct handle *
get_handle(struct sshbuf *m)
{
	struct handle *h = find_handle(m);

	if (h == NULL)
		errx(1, "a handle that was not given");
	return h;
}

static char *
get_path(struct sshbuf *m)
{
	char *path;

	must(sshbuf_get_cstring(m, &path, NULL), "path");
	return path;
}

static void
get_name(struct sshbuf *m)
{
	char *path = get_path(m);
	size_t len = mounted == NULL ? 0 : strlen(mounted);

	if (len != 0 && strncmp(path, mounted, len) == 0 &&
	    (path[len] == '/' || path[len] == '\0'))
		(void)snprintf(name, sizeof(name), "%s%s", mounted_to,
		    path + len);
	else
		strlcpy(name, *path == '\0' ? "." : path, sizeof(name));
	if (strcmp(last_part(name), "hpn-evil") == 0)
		strlcpy(name, "hpn-evil", sizeof(name));
	free(path);
}

static void
put_entry(struct sshbuf *m, const char *entry, size_t len,
    const struct stat *st)
{
	must(sshbuf_put_string(m, entry, len), "entry");
	must(sshbuf_put_string(m, entry, len), "entry");
	put_attrib(m, st);
}

/* Entries that no folder has; returns how many. */
static u_int
put_evil(struct sshbuf *m, const char *which, const char *dir)
{
	static char entry[5001];
	struct stat file, folder;

	memset(&file, 0, sizeof(file));
	file.st_mode = S_IFREG | 0644;
	file.st_size = 10;
	folder = file;
	folder.st_mode = S_IFDIR | 0755;
	if (strcmp(which, "dotdot") == 0)
		put_entry(m, "../hpn-evil", 11, &file);
	else if (strcmp(which, "slash") == 0)
		put_entry(m, "sub/../../hpn-evil", 18, &file);
	else if (strcmp(which, "absolute") == 0) {
		(void)snprintf(entry, sizeof(entry), "%s/../hpn-evil", dir);
		put_entry(m, entry, strlen(entry), &file);
	} else if (strcmp(which, "empty") == 0)
		put_entry(m, "", 0, &file);
	else if (strcmp(which, "newline") == 0)
		put_entry(m, "hpn\nevil", 8, &file);
	else if (strcmp(which, "invalid") == 0)
		put_entry(m, "hpn-\xff\xfe-evil", 11, &file);
	else if (strcmp(which, "long") == 0) {
		memset(entry, 'x', 5000);
		put_entry(m, entry, 5000, &file);
	} else if (strcmp(which, "dots") == 0) {
		put_entry(m, ".", 1, &folder);
		put_entry(m, "..", 2, &folder);
		return 2;
	} else if (strcmp(which, "file-then-dir") == 0) {
		put_entry(m, "hpn-evil", 8, &file);
		put_entry(m, "hpn-evil", 8, &folder);
		return 2;
	} else if (strcmp(which, "many") == 0)
		return 1U << 31;
	else
		errx(1, "no names are called %s", which);
	return 1;
}

static void
do_readdir(struct sshbuf *in, u_int32_t id)
{
	struct handle *h = get_handle(in);
	struct sshbuf *m;
	struct dirent *e;
	struct stat st;
	char path[PATH_MAX];
	const char *which;
	u_int32_t count = 0;

	if (h->dir == NULL) {
		put_status(id, SSH2_FX_FAILURE);
		return;
	}
	m = begin(SSH2_FXP_NAME, id);
	must(sshbuf_put_u32(m, 0), "readdir");
	if (!h->read_before && (which = wrong("names")) != NULL)
		count += put_evil(m, which, h->name);
	h->read_before = 1;
	while (count < 100 && (e = readdir(h->dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", h->name, e->d_name);
		if (lstat(path, &st) == -1)
			continue;
		put_entry(m, e->d_name, strlen(e->d_name), &st);
		count++;
	}
	if (count == 0) {
		put_status(id, SSH2_FX_EOF);
		sshbuf_free(m);
		return;
	}
	POKE_U32(sshbuf_mutable_ptr(m) + 5, count);
	end(m);
}

static void
do_read(struct sshbuf *in, u_int32_t id)
{
	static u_char data[MESSAGE_MOST];
	struct handle *h = get_handle(in);
	const char *value;
	struct sshbuf *m;
	uint64_t offset, hole;
	u_int32_t len;
	ssize_t n;

	must(sshbuf_get_u64(in, &offset), "read");
	must(sshbuf_get_u32(in, &len), "read");
	if (log_file != NULL)
		fprintf(log_file, " %llu %u", (unsigned long long)offset, len);
	if (len > MESSAGE_MOST - 1024)
		len = MESSAGE_MOST - 1024;
	if ((value = wrong("end")) != NULL) {
		hole = strtoull(value, NULL, 10);
		if (offset <= hole && hole < offset + len) {
			put_status(id, SSH2_FX_EOF);
			return;
		}
	}
	if (short_reads != 0 && len > 1)
		len = 1 + (u_int32_t)any(short_reads < len ? short_reads : len);
	if ((n = pread(h->fd, data, len, (off_t)offset)) <= 0) {
		put_status(id, n == 0 ? SSH2_FX_EOF : status_of(errno));
		return;
	}
	if (wrong("flip") != NULL)
		data[any((uint64_t)n)] ^= 1;
	if (wrong("long-data") != NULL)
		data[n++] = 'x';
	m = begin(SSH2_FXP_DATA, id);
	must(sshbuf_put_string(m, data, (size_t)n), "data");
	is_late = (value = wrong("late")) != NULL &&
	    strtoull(value, NULL, 10) == offset;
	end(m);
	is_late = 0;
}

/* What the system had not written yet is lost. */
static int
loses(const struct handle *h, u_int32_t id)
{
	static const u_char zeros[4096];
	const char *value = wrong("loses");

	if (value == NULL)
		return 0;
	if (pwrite(h->fd, zeros, strtoull(value, NULL, 10) % sizeof(zeros),
	    0) == -1)
		warn("write");
	put_status(id, SSH2_FX_FAILURE);
	return 1;
}

static void
do_write(struct sshbuf *in, u_int32_t id)
{
	struct handle *h = get_handle(in);
	const u_char *data;
	uint64_t offset;
	size_t len;
	ssize_t n;

	must(sshbuf_get_u64(in, &offset), "write");
	must(sshbuf_get_string_direct(in, &data, &len), "write");
	if (log_file != NULL)
		fprintf(log_file, " %llu %zu", (unsigned long long)offset, len);
	if (was_early) {
		was_early = 0;
		if (pwrite(h->fd, data, len, (off_t)offset) == -1)
			warn("write");
		return;
	}
	if (loses(h, id))
		return;
	n = pwrite(h->fd, data, len, (off_t)offset);
	put_result(id, n != (ssize_t)len);
}

static void
do_open(struct sshbuf *in, u_int32_t id)
{
	u_int32_t pflags;
	Attrib a;
	int fd, flags;

	get_name(in);
	must(sshbuf_get_u32(in, &pflags), "open");
	must(decode_attrib(in, &a), "open");
	flags = (pflags & SSH2_FXF_WRITE) == 0 ? O_RDONLY :
	    (pflags & SSH2_FXF_READ) == 0 ? O_WRONLY : O_RDWR;
	flags |= (pflags & SSH2_FXF_CREAT ? O_CREAT : 0) |
	    (pflags & SSH2_FXF_TRUNC ? O_TRUNC : 0) |
	    (pflags & SSH2_FXF_EXCL ? O_EXCL : 0) |
	    (pflags & SSH2_FXF_APPEND ? O_APPEND : 0);
	fd = open(name, flags,
	    a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS ? a.perm & 07777 : 0666);
	if (fd == -1)
		put_status(id, status_of(errno));
	else
		put_handle(id, fd, NULL);
}

/* Whatever it is: a client must not believe that it is regular. */
static void
do_open_regular(struct sshbuf *in, u_int32_t id)
{
	int fd;

	get_name(in);
	if ((fd = open(name, O_RDONLY|O_NONBLOCK)) == -1)
		put_status(id, status_of(errno));
	else
		put_handle(id, fd, NULL);
}

static void
do_setstat(struct sshbuf *in, u_int32_t id, int fd)
{
	struct timeval tv[2];
	Attrib a;
	int failed = 0;

	must(decode_attrib(in, &a), "setstat");
	memset(tv, 0, sizeof(tv));
	tv[0].tv_sec = a.atime;
	tv[1].tv_sec = a.mtime;
	if ((a.flags & SSH2_FILEXFER_ATTR_SIZE) && wrong("zeros") != NULL)
		failed |= truncate(name, 0);
	if (a.flags & SSH2_FILEXFER_ATTR_SIZE)
		failed |= fd == -1 ? truncate(name, (off_t)a.size) :
		    ftruncate(fd, (off_t)a.size);
	if (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS)
		failed |= fd == -1 ? chmod(name, a.perm & 07777) :
		    fchmod(fd, a.perm & 07777);
	if (a.flags & SSH2_FILEXFER_ATTR_ACMODTIME) {
		failed |= utimes(name, tv);
		if (log_file != NULL)
			fprintf(log_file, " mtime %u", a.mtime);
	}
	put_result(id, failed);
}

static void
do_fsync(struct sshbuf *in, u_int32_t id)
{
	struct handle *h = get_handle(in);

	if (!loses(h, id))
		put_result(id, fsync(h->fd));
}

static void
do_close(struct sshbuf *in, u_int32_t id)
{
	struct handle *h = get_handle(in);
	int failed, lost = h->dir == NULL && loses(h, id);

	failed = h->dir != NULL ? closedir(h->dir) : close(h->fd);
	free(h->name);
	h->name = NULL;
	nopen--;
	if (!lost)
		put_result(id, failed);
}

static void
do_hash(struct sshbuf *in, u_int32_t id)
{
	struct handle *h = get_handle(in);
	struct hpn_hash_range range;
	struct sshbuf *m;
	int known;

	must(hpn_sftp_hash_get_request(in, &range, &known), "hash");
	if (log_file != NULL)
		fprintf(log_file, " %llu %llu",
		    (unsigned long long)range.offset,
		    (unsigned long long)range.length);
	if (wrong("short") != NULL &&
	    (range.length == 0 || range.length > 200000))
		range.length = 200000;
	if ((m = sshbuf_new()) == NULL)
		errx(1, "no memory");
	if (!known || hpn_sftp_hash_answer(m, id, h->fd, &range) == -1)
		put_status(id, SSH2_FX_FAILURE);
	else {
		if (wrong("flip") != NULL)
			sshbuf_mutable_ptr(m)[sshbuf_len(m) - 1] ^= 1;
		if ((is_late = wrong("late") != NULL))
			late_ms = 3000;
		answer(m);
		is_late = 0;
	}
	sshbuf_free(m);
}

static void
do_limits(u_int32_t id)
{
	struct sshbuf *m = begin(SSH2_FXP_EXTENDED_REPLY, id);

	must(sshbuf_put_u64(m, MESSAGE_MOST), "limits");
	must(sshbuf_put_u64(m, told_read), "limits");
	must(sshbuf_put_u64(m, told_write), "limits");
	must(sshbuf_put_u64(m, told_handles), "limits");
	end(m);
}

static void
do_init(void)
{
	static const char * const extensions[] = {
		"limits@openssh.com", "1",
		"posix-rename@openssh.com", "1",
		HPN_SFTP_HASH_EXTENSION, HPN_SFTP_HASH_VERSION };
	static const char * const openssh[] = {
		"posix-rename@openssh.com", "1",
		"statvfs@openssh.com", "2",
		"fstatvfs@openssh.com", "2",
		"hardlink@openssh.com", "1",
		"fsync@openssh.com", "1",
		"lsetstat@openssh.com", "1",
		"limits@openssh.com", "1",
		"expand-path@openssh.com", "1" };
	struct sshbuf *m = begin(SSH2_FXP_VERSION, SSH2_FILEXFER_VERSION);
	int i, n = hpn_hash_available() ? 6 : 4;

	for (i = 0; !no_extensions && !like_openssh && i < n; i++)
		must(sshbuf_put_cstring(m, extensions[i]), "version");
	n = sizeof(openssh) / sizeof(openssh[0]);
	for (i = 0; like_openssh && i < n; i++)
		must(sshbuf_put_cstring(m, openssh[i]), "version");
	end(m);
}

/* The name of each kind of request. */
static const struct {
	u_char type;
	const char *extension, *op;
} ops[] = {
	{ SSH2_FXP_OPEN, NULL, "open" },
	{ SSH2_FXP_CLOSE, NULL, "close" },
	{ SSH2_FXP_READ, NULL, "read" },
	{ SSH2_FXP_WRITE, NULL, "write" },
	{ SSH2_FXP_LSTAT, NULL, "lstat" },
	{ SSH2_FXP_FSTAT, NULL, "fstat" },
	{ SSH2_FXP_SETSTAT, NULL, "setstat" },
	{ SSH2_FXP_FSETSTAT, NULL, "fsetstat" },
	{ SSH2_FXP_OPENDIR, NULL, "opendir" },
	{ SSH2_FXP_READDIR, NULL, "readdir" },
	{ SSH2_FXP_REMOVE, NULL, "remove" },
	{ SSH2_FXP_MKDIR, NULL, "mkdir" },
	{ SSH2_FXP_RMDIR, NULL, "rmdir" },
	{ SSH2_FXP_REALPATH, NULL, "realpath" },
	{ SSH2_FXP_STAT, NULL, "stat" },
	{ SSH2_FXP_RENAME, NULL, "rename" },
	{ SSH2_FXP_READLINK, NULL, "readlink" },
	{ SSH2_FXP_SYMLINK, NULL, "symlink" },
	{ SSH2_FXP_EXTENDED, "limits@openssh.com", "limits" },
	{ SSH2_FXP_EXTENDED, "posix-rename@openssh.com", "posix-rename" },
	{ SSH2_FXP_EXTENDED, HPN_SFTP_HASH_EXTENSION, "hash" },
	{ SSH2_FXP_EXTENDED, "fsync@openssh.com", "fsync" },
	{ SSH2_FXP_EXTENDED, "hardlink@openssh.com", "hardlink" },
	{ SSH2_FXP_EXTENDED, HPN_SFTP_SERVER_OPEN, "open-regular" },
};

static int
op_is(const char *s)
{
	return strcmp(op, s) == 0;
}

/*
 * What the request is about, without taking anything from it: a fault that
 * keeps it from being carried out must be known before.  -1: it is about a
 * handle that was not given.
 */
static int
peek_name(const struct sshbuf *in)
{
	struct sshbuf *copy;
	const u_char *p;
	size_t len;
	int r = 0;

	*name = '\0';
	if ((copy = sshbuf_from(sshbuf_ptr(in), sshbuf_len(in))) == NULL)
		errx(1, "no memory");
	if (op_is("close") || op_is("read") || op_is("write") ||
	    op_is("fstat") || op_is("fsetstat") || op_is("readdir") ||
	    op_is("hash") || op_is("fsync"))
		r = find_handle(copy) == NULL ? -1 : 0;
	else if (sshbuf_get_string_direct(copy, &p, &len) == 0 &&
	    len < sizeof(name)) {
		memcpy(name, p, len);
		name[len] = '\0';
	}
	sshbuf_free(copy);
	return r;
}

/*
 * With -P: whether this one fails, which is answered then.  Nobody promised that
 * what failed was not done, so some of it is.
 */
static int
fails(struct sshbuf *in, u_int32_t id)
{
	static const u_int32_t statuses[] = { SSH2_FX_PERMISSION_DENIED,
	    SSH2_FX_FAILURE, SSH2_FX_FAILURE, SSH2_FX_OP_UNSUPPORTED };
	struct handle *h;
	const u_char *data;
	uint64_t offset;
	u_int32_t pflags;
	size_t len;
	int fd;

	if (permille == 0 || any(1000) >= permille)
		return 0;
	if (op_is("close")) {
		h = get_handle(in);
		(void)(h->dir != NULL ? closedir(h->dir) : close(h->fd));
		free(h->name);
		h->name = NULL;
		nopen--;
	} else if (op_is("write") && any(2)) {
		h = get_handle(in);
		must(sshbuf_get_u64(in, &offset), "write");
		must(sshbuf_get_string_direct(in, &data, &len), "write");
		if (pwrite(h->fd, data, (size_t)any(len + 1), (off_t)offset) ==
		    -1)
			warn("write");
	} else if (op_is("open") && any(2)) {
		get_name(in);
		must(sshbuf_get_u32(in, &pflags), "open");
		if ((pflags & SSH2_FXF_CREAT) && (fd = open(name, O_WRONLY |
		    O_CREAT | (pflags & SSH2_FXF_TRUNC ? O_TRUNC : 0),
		    0666)) != -1)
			close(fd);
	}
	if (log_file != NULL)
		fprintf(log_file, " fails");
	put_status(id, statuses[any(4)]);
	return 1;
}

static void
request(struct sshbuf *in)
{
	char resolved[PATH_MAX], *other, *extension = NULL;
	const char *status;
	struct handle *h;
	struct stat st;
	u_int32_t id;
	u_char type;
	ssize_t n;
	size_t i;
	int known;
	DIR *dir;

	must(sshbuf_get_u8(in, &type), "request");
	must(sshbuf_get_u32(in, &id), "request");
	*name = '\0';
	if (type == SSH2_FXP_INIT) {
		op = "init";
		do_init();
		return;
	}
	if (type == SSH2_FXP_EXTENDED)
		extension = get_path(in);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (ops[i].type == type && (extension == NULL ||
		    strcmp(ops[i].extension, extension) == 0))
			break;
	}
	free(extension);
	if (i == sizeof(ops) / sizeof(ops[0])) {
		op = "unknown";
		put_status(id, SSH2_FX_OP_UNSUPPORTED);
		return;
	}
	op = ops[i].op;
	known = peek_name(in) == 0;
	if (log_file != NULL) {
		fprintf(log_file, "%s %s", op, known ? name : "?");
		/* The answer may be slow */
		fflush(log_file);
	}
	if (!known) {
		put_status(id, SSH2_FX_FAILURE);
		goto out;
	}
	if ((status = wrong("status")) != NULL) {
		put_status(id, (u_int32_t)atoi(status));
		goto out;
	}
	if ((op_is("open") || op_is("opendir")) && most_open != 0 &&
	    nopen >= most_open) {
		if (log_file != NULL)
			fprintf(log_file, " refused");
		put_status(id, most_status);
		goto out;
	}
	if (fails(in, id))
		goto out;
	switch (type) {
	case SSH2_FXP_OPEN:
		do_open(in, id);
		break;
	case SSH2_FXP_CLOSE:
		do_close(in, id);
		break;
	case SSH2_FXP_READ:
		do_read(in, id);
		break;
	case SSH2_FXP_WRITE:
		do_write(in, id);
		break;
	case SSH2_FXP_LSTAT:
		get_name(in);
		put_stat(id, lstat(name, &st), &st);
		break;
	case SSH2_FXP_STAT:
		get_name(in);
		put_stat(id, stat(name, &st), &st);
		break;
	case SSH2_FXP_FSTAT:
		h = get_handle(in);
		put_stat(id, fstat(h->fd, &st), &st);
		break;
	case SSH2_FXP_SETSTAT:
		get_name(in);
		do_setstat(in, id, -1);
		break;
	case SSH2_FXP_FSETSTAT:
		h = get_handle(in);
		do_setstat(in, id, h->fd);
		break;
	case SSH2_FXP_OPENDIR:
		get_name(in);
		if ((dir = opendir(name)) == NULL)
			put_status(id, status_of(errno));
		else
			put_handle(id, -1, dir);
		break;
	case SSH2_FXP_READDIR:
		do_readdir(in, id);
		break;
	case SSH2_FXP_REMOVE:
		get_name(in);
		put_result(id, unlink(name));
		break;
	case SSH2_FXP_MKDIR:
		get_name(in);
		put_result(id, mkdir(name, 0777));
		break;
	case SSH2_FXP_RMDIR:
		get_name(in);
		put_result(id, rmdir(name));
		break;
	case SSH2_FXP_REALPATH:
		get_name(in);
		if (sftp_realpath(name, resolved) == NULL)
			put_status(id, status_of(errno));
		else
			put_name(id, resolved);
		break;
	case SSH2_FXP_READLINK:
		get_name(in);
		if ((n = readlink(name, resolved, sizeof(resolved) - 1)) == -1)
			put_status(id, status_of(errno));
		else {
			resolved[n] = '\0';
			put_name(id, resolved);
		}
		break;
	case SSH2_FXP_SYMLINK:
		other = get_path(in);
		get_name(in);
		put_result(id, symlink(other, name));
		free(other);
		break;
	case SSH2_FXP_RENAME:
	case SSH2_FXP_EXTENDED:
		if (op_is("limits"))
			do_limits(id);
		else if (op_is("hash"))
			do_hash(in, id);
		else if (op_is("fsync"))
			do_fsync(in, id);
		else if (op_is("open-regular"))
			do_open_regular(in, id);
		else {
			get_name(in);
			other = get_path(in);
			put_result(id, op_is("hardlink") ? link(name, other) :
			    rename(name, other));
			free(other);
		}
		break;
	}
 out:
	if (log_file != NULL) {
		fputc('\n', log_file);
		fflush(log_file);
	}
}

/* With "early": answer the write that is coming, once its name is known. */
static void
answer_early(void)
{
	struct sshbuf *head;
	const u_char *p = sshbuf_ptr(requests);

	/* Length, type, id, and a handle of four bytes; the offset and what follows */
	if (was_early || sshbuf_len(requests) < 29 || p[4] != SSH2_FXP_WRITE)
		return;
	op = "write";
	if ((head = sshbuf_from(p + 9, sshbuf_len(requests) - 9)) == NULL)
		errx(1, "no memory");
	if (peek_name(head) == 0 && wrong("early") != NULL) {
		was_early = 1;
		put_status(PEEK_U32(p + 5), SSH2_FX_OK);
		(void)poll(NULL, 0, 20);
	}
	sshbuf_free(head);
}

/* OP:GLOB:WHAT[:AFTER[+TIMES]] */
static void
add_fault(char *spec)
{
	struct fault *f = &faults[nfaults];
	char *after;

	if (nfaults++ == FAULTS)
		errx(1, "not more than %d faults", FAULTS);
	f->op = strsep(&spec, ":");
	f->glob = strsep(&spec, ":");
	f->what = strsep(&spec, ":");
	after = strsep(&spec, ":");
	if (f->what == NULL || spec != NULL)
		errx(1, "a fault is OP:GLOB:WHAT[:AFTER[+TIMES]]");
	f->after = after == NULL ? 0 : strtoull(after, &after, 10);
	f->times = after == NULL || *after != '+' ? ULLONG_MAX :
	    strtoull(after + 1, NULL, 10);
}

static unsigned long long
number(const char *s, unsigned long long most)
{
	unsigned long long n;
	char *endp;

	n = strtoull(s, &endp, 10);
	if (*s == '\0' || *endp != '\0' || n > most)
		errx(1, "%s is not a number up to %llu", s, most);
	return n;
}

/* Whether a request comes soon enough to hold answers back for it. */
static int
more_soon(u_int ms)
{
	struct pollfd p = { STDIN_FILENO, POLLIN, 0 };

	return poll(&p, 1, (int)ms) > 0;
}

/* Of which these are: a handle or a path, what follows type, id and extension. */
static int
about_the_same(const struct sshbuf *a, const struct sshbuf *b)
{
	const struct sshbuf *both[2] = { a, b };
	const u_char *p[2];
	size_t len[2];
	struct sshbuf *m;
	u_char type;
	int i;

	for (i = 0; i < 2; i++) {
		if ((m = sshbuf_fromb((struct sshbuf *)both[i])) == NULL)
			errx(1, "no memory");
		must(sshbuf_get_u8(m, &type), "request");
		must(sshbuf_consume(m, 4), "request");
		if (type == SSH2_FXP_EXTENDED)
			must(sshbuf_get_string_direct(m, NULL, NULL), "request");
		/* One that is about nothing keeps its place */
		if (type == SSH2_FXP_INIT ||
		    sshbuf_get_string_direct(m, &p[i], &len[i]) != 0) {
			sshbuf_free(m);
			return 1;
		}
		sshbuf_free(m);
	}
	return len[0] == len[1] && memcmp(p[0], p[1], len[0]) == 0;
}

/* Carry out one that waits. */
static void
any_request(void)
{
	u_int i, j;

	i = (u_int)any(nqueue);
	for (j = 0; j < i; j++)
		if (about_the_same(queue[j], queue[i]))
			i = j;
	request(queue[i]);
	sshbuf_free(queue[i]);
	memmove(queue + i, queue + i + 1, (--nqueue - i) * sizeof(*queue));
}

/* What the seed decides: most of it is left as it is in most cases. */
static void
decide(void)
{
	static const u_int fail[] = { 0, 0, 0, 1, 5, 20, 100 };
	static const u_int most[] = { 0, 0, 0, 1, 2, 3, 5, 10, 20 };
	static const u_int status[] = { SSH2_FX_PERMISSION_DENIED,
	    SSH2_FX_PERMISSION_DENIED, SSH2_FX_FAILURE, SSH2_FX_OP_UNSUPPORTED,
	    SSH2_FX_NO_SUCH_FILE, SSH2_FX_NO_CONNECTION, 15 };
	static const u_int told[] = { 0, 1, 4, 100, HANDLES };
	static const u_int lens[] = { 1000, 4096, 32768, MESSAGE_MOST - 1024 };
	int i;

	for (i = 0; i < 20; i++)
		(void)any(2);
	no_extensions = any(3) == 0;
	permille = fail[any(7)];
	how = (u_int)any(4);
	most_open = most[any(9)];
	most_status = status[any(7)];
	if (any(2))
		told_handles = told[any(5)];
	if (any(4) == 0)
		told_read = lens[any(4)];
	if (any(4) == 0)
		told_write = lens[any(4)];
	hold_ms = 1;
	if (any(3) == 0)
		hold = 1 + (u_int)any(60);
	if (any(3) == 0)
		reorder = 1 + (u_int)any(60);
	if (any(3) == 0)
		short_reads = 1 + (u_int)any(100000);
	if (any(10) == 0)
		exit_after = 1 + any(300000);
}

int
main(int argc, char **argv)
{
	struct sshbuf *m;
	int ch, r, decided = 0;

	told_read = told_write = MESSAGE_MOST - 1024;
	while ((ch = getopt(argc, argv, "d:Ef:H:h:l:m:O:o:P:R:rs:t:w:x:")) != -1) {
		switch (ch) {
		case 'd':
			if (chdir(optarg) == -1)
				err(1, "%s", optarg);
			break;
		case 'E':
			no_extensions = 1;
			break;
		case 'f':
			add_fault(optarg);
			break;
		case 'H':
			how = strcmp(optarg, "unique") == 0 ? UNIQUE :
			    strcmp(optarg, "shared") == 0 ? SHARED :
			    strcmp(optarg, "typed") == 0 ? TYPED : LOWEST;
			break;
		case 'm':
			most_open = (u_int)number(strsep(&optarg, ":"), HANDLES);
			if (optarg != NULL)
				most_status = (u_int)number(optarg, UINT32_MAX);
			break;
		case 'o':
			reorder = (u_int)number(optarg, QUEUE);
			break;
		case 'P':
			permille = (u_int)number(optarg, 1000);
			break;
		case 'r':
			decided = 1;
			break;
		case 'h':
			hold = (u_int)number(optarg, 100000);
			break;
		case 'l':
			if ((log_file = fopen(optarg, "a")) == NULL)
				err(1, "%s", optarg);
			/* Tests look at it meanwhile. */
			setvbuf(log_file, NULL, _IOLBF, 0);
			break;
		case 'O':
			like_openssh = 1;
			first_handle = (u_int)number(optarg, 1000);
			break;
		case 'R':
			short_reads = (u_int)number(optarg, MESSAGE_MOST);
			break;
		case 's':
			state = number(optarg, UINT32_MAX) * 2 + 1;
			break;
		case 't':
			mounted = strsep(&optarg, "=");
			if ((mounted_to = optarg) == NULL)
				errx(1, "-t needs FROM=TO");
			break;
		case 'w':
			wait_ms = (u_int)number(optarg, 60000);
			break;
		case 'x':
			exit_after = number(optarg, ULLONG_MAX);
			break;
		default:
			errx(1, "unknown option; see the comment in the source");
		}
	}
	if (decided)
		decide();
	if ((held = calloc(hold + 1, sizeof(*held))) == NULL ||
	    (requests = sshbuf_new()) == NULL)
		errx(1, "no memory");
	/* Nobody else has these: a client makes them for its server */
	if (fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		/* A copy, since more may come in while it is dealt with */
		if ((m = sshbuf_new()) == NULL)
			errx(1, "no memory");
		r = sshbuf_get_stringb(requests, m);
		if (r == 0 && reorder != 0) {
			queue[nqueue++] = m;
			if (nqueue == reorder)
				any_request();
			continue;
		}
		if (r == 0)
			request(m);
		else if (r != SSH_ERR_MESSAGE_INCOMPLETE)
			errx(1, "the client sent a bad message: %s",
			    ssh_err(r));
		else if (nqueue > 0 && (requests_ended || !more_soon(1)))
			any_request();
		/* Either may have taken in more */
		else if (nheld > 0 && (requests_ended || !more_soon(hold_ms)))
			flush_held();
		else if (nlate > 0 && (requests_ended || !more_soon(late_ms)))
			flush_late();
		else if (requests_ended)
			break;
		else {
			answer_early();
			take();
		}
		sshbuf_free(m);
	}
	return 0;
}
