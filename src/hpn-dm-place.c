/* SPDX-License-Identifier: ISC */
/* See hpn-dm-place.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "misc.h"

#include "hpn-dm-frame.h"
#include "hpn-dm-place.h"

#define FOLDER		".dmscp"
#define WHY		".why"
#define WHY_MOST	256
/* What was left by those that were killed is removed after a while, seconds. */
#define SOCKET_OLD	60
#define WHY_OLD		86400
#define LOOK_MOST	1000
#define READ_MS		2000
/* So often a run is tried that takes nobody in. */
#define FIND_MS		100

static int
failed(char *why, size_t len, const char *what, int saved)
{
	snprintf(why, len, "%s%s%s", what, saved != 0 ? ": " : "",
	    saved != 0 ? strerror(saved) : "");
	return -1;
}

int
hpn_dm_place_open(struct hpn_dm_place *p, const unsigned char *secret,
    char *why, size_t len)
{
	u_char hash[32];
	struct stat st;
	const char *home = getenv("HOME");
	size_t i;
	int fd;

	p->dir = -1;
	if (ssh_digest_memory(SSH_DIGEST_SHA256, secret, HPN_DM_FRAME_SECRET,
	    hash, sizeof(hash)) != 0)
		return failed(why, len, "no SHA-256", 0);
	for (i = 0; i < sizeof(p->name) / 2; i++)
		snprintf(p->name + 2 * i, 3, "%02x", hash[i]);
	if (home == NULL || *home != '/' ||
	    (fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return failed(why, len, "no home directory", 0);
	(void)mkdirat(fd, FOLDER, 0700);
	p->dir = openat(fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	i = (size_t)errno;
	close(fd);
	if (p->dir == -1)
		return failed(why, len, "~/" FOLDER, (int)i);
	if (fstat(p->dir, &st) == -1 || st.st_uid != geteuid() ||
	    (st.st_mode & 077) != 0) {
		close(p->dir);
		p->dir = -1;
		return failed(why, len, "~/" FOLDER " must be the user's own, "
		    "and nobody else's to use (mode 0700)", 0);
	}
	return 0;
}

/* bind(2) or connect(2) to a name in the folder, which may have any length. */
static int
at_name(struct hpn_dm_place *p, const char *name, int binds)
{
	struct sockaddr_un sun;
	mode_t mask;
	int s, here, r, saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, name, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path) ||
	    (here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if ((s = socket(AF_UNIX, SOCK_STREAM, 0)) == -1) {
		close(here);
		return -1;
	}
	(void)fcntl(s, F_SETFD, FD_CLOEXEC);
	/* One that is stopped takes no more than its queue: never wait for it */
	set_nonblock(s);
	mask = umask(077);
	r = fchdir(p->dir);
	if (r == 0)
		r = binds ? bind(s, (struct sockaddr *)&sun, sizeof(sun)) :
		    connect(s, (struct sockaddr *)&sun, sizeof(sun));
	saved = errno;
	(void)umask(mask);
	if (fchdir(here) == -1)
		r = -1;
	close(here);
	if (r == -1) {
		close(s);
		errno = saved;
		return -1;
	}
	return s;
}

/* Remove what runs have left that were killed. */
static void
clean(struct hpn_dm_place *p)
{
	struct dirent *e;
	struct stat st;
	time_t now = time(NULL);
	DIR *d;
	size_t len;
	int fd, s, n;

	if ((fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY)) == -1)
		return;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	for (n = 0; n < LOOK_MOST && (e = readdir(d)) != NULL; n++) {
		len = strspn(e->d_name, "0123456789abcdef");
		if (len != sizeof(p->name) - 1 || (e->d_name[len] != '\0' &&
		    strcmp(e->d_name + len, WHY) != 0) ||
		    fstatat(p->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (e->d_name[len] != '\0') {
			if (st.st_mtime + WHY_OLD < now)
				(void)unlinkat(p->dir, e->d_name, 0);
		} else if (S_ISSOCK(st.st_mode) &&
		    st.st_mtime + SOCKET_OLD < now) {
			if ((s = at_name(p, e->d_name, 0)) != -1)
				close(s);
			else if (errno == ECONNREFUSED)
				(void)unlinkat(p->dir, e->d_name, 0);
		}
	}
	closedir(d);
}

int
hpn_dm_place_listen(struct hpn_dm_place *p, char *why, size_t len)
{
	int s;

	clean(p);
	if ((s = at_name(p, p->name, 1)) == -1 || listen(s, 4) == -1) {
		(void)failed(why, len, "a socket in ~/" FOLDER, errno);
		if (s != -1) {
			close(s);
			(void)unlinkat(p->dir, p->name, 0);
		}
		return -1;
	}
	return s;
}

int
hpn_dm_place_find(struct hpn_dm_place *p, char *why, size_t len)
{
	char name[HPN_DM_PLACE_NAME + sizeof(WHY)], text[WHY_MOST];
	ssize_t n;
	int s, fd, ms;

	for (ms = 0; (s = at_name(p, p->name, 0)) == -1 && errno == EAGAIN &&
	    ms < READ_MS; ms += FIND_MS)
		(void)poll(NULL, 0, FIND_MS);
	if (s != -1) {
		unset_nonblock(s);
		return s;
	}
	*why = '\0';
	if (errno == EAGAIN)
		return -1;
	snprintf(name, sizeof(name), "%s%s", p->name, WHY);
	(void)failed(why, len, "it is not there any more", 0);
	if ((fd = openat(p->dir, name, O_RDONLY | O_NOFOLLOW)) == -1)
		return -1;
	if ((n = read(fd, text, sizeof(text) - 1)) > 0) {
		text[n] = '\0';
		(void)failed(why, len, text, 0);
		(void)unlinkat(p->dir, name, 0);
	}
	close(fd);
	return -1;
}

void
hpn_dm_place_why(struct hpn_dm_place *p, const char *why)
{
	char name[HPN_DM_PLACE_NAME + sizeof(WHY)];
	int fd;

	snprintf(name, sizeof(name), "%s%s", p->name, WHY);
	if ((fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW, 0600)) == -1)
		return;
	(void)write(fd, why, strlen(why));
	close(fd);
}

void
hpn_dm_place_leave(struct hpn_dm_place *p)
{
	(void)unlinkat(p->dir, p->name, 0);
	close(p->dir);
}

int
hpn_dm_place_read(int fd, void *to, size_t len)
{
	struct pollfd pfd;
	u_char *p = to;
	ssize_t n;

	pfd.fd = fd;
	pfd.events = POLLIN;
	while (len > 0) {
		if (poll(&pfd, 1, READ_MS) <= 0 ||
		    (n = recv(fd, p, len, 0)) <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
