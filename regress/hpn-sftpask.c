/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftpask: ask an SFTP server what no client asks, and print the answers.
 *
 * usage: hpn-sftpask request ... -- server [argument ...]
 *
 *   open=r|w|rw:PATH     open a file; later requests are about it
 *   opendir:PATH         or a folder
 *   open-regular:PATH    open a file by the request of ours
 *   close                close it
 *   hash:OFFSET:LENGTH:BLOCK[:ALGORITHM]
 *                        hashes of a part of it
 *   extensions           the names that the server announced
 *   flood:N:LENGTH       send N requests to read LENGTH bytes from the start,
 *                        wait until the server does nothing more, print the
 *                        most memory that it had, KiB (Linux), then take the
 *                        answers
 *   raw:HEX              send these bytes as they are; no answer is waited for
 *
 * Each answer is a line: "status N", "handle", "hashed N ended 0|1 HASH ...",
 * "flood N bytes N KiB" or what is said above; "eof" if the server is gone.
 * Exit status: 0 if all was answered, 1 on an error, 2 on "eof".
 */

#include "includes.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sshbuf.h"
#include "ssherr.h"
#include "atomicio.h"
#include "sftp.h"
#include "hpn-sftp-hash.h"
#include "hpn-sftp-server.h"

static int to, from;
static pid_t server;
static u_int32_t next_id = 100;
static struct sshbuf *extensions;
static u_char handle[256];
static size_t handle_len;

static void
must(int r, const char *what)
{
	if (r != 0)
		errx(1, "%s: %s", what, ssh_err(r));
}

static struct sshbuf *
begin(u_char type)
{
	struct sshbuf *m;

	if ((m = sshbuf_new()) == NULL)
		errx(1, "no memory");
	must(sshbuf_put_u8(m, type), "compose");
	must(sshbuf_put_u32(m, ++next_id), "compose");
	return m;
}

static void
gone(void)
{
	printf("eof\n");
	exit(2);
}

static void
say(struct sshbuf *m)
{
	u_char len[4];

	POKE_U32(len, (u_int32_t)sshbuf_len(m));
	if (atomicio(vwrite, to, len, 4) != 4 || atomicio(vwrite, to,
	    sshbuf_mutable_ptr(m), sshbuf_len(m)) != sshbuf_len(m))
		gone();
	sshbuf_free(m);
}

/* The next answer; its type and id are taken from it. */
static struct sshbuf *
hear(u_char *type, u_int32_t id)
{
	struct sshbuf *m;
	u_char len[4], *p;
	u_int32_t got;

	if ((m = sshbuf_new()) == NULL)
		errx(1, "no memory");
	if (atomicio(read, from, len, 4) != 4)
		gone();
	if (PEEK_U32(len) > 256 * 1024)
		errx(1, "an answer of %u bytes", PEEK_U32(len));
	must(sshbuf_reserve(m, PEEK_U32(len), &p), "answer");
	if (atomicio(read, from, p, PEEK_U32(len)) != PEEK_U32(len))
		gone();
	must(sshbuf_get_u8(m, type), "type");
	must(sshbuf_get_u32(m, &got), "id");
	if (got != id)
		errx(1, "an answer to %u, not to %u", got, id);
	return m;
}

static void
print_status(struct sshbuf *m)
{
	u_int32_t status;

	must(sshbuf_get_u32(m, &status), "status");
	printf("status %u\n", status);
}

static void
open_it(u_char type, const char *mode, const char *path)
{
	struct sshbuf *m = begin(type);
	const u_char *p;

	if (type == SSH2_FXP_EXTENDED)
		must(sshbuf_put_cstring(m, HPN_SFTP_SERVER_OPEN), "open");
	must(sshbuf_put_cstring(m, path), "open");
	if (type == SSH2_FXP_OPEN) {
		must(sshbuf_put_u32(m,
		    (strchr(mode, 'r') != NULL ? SSH2_FXF_READ : 0) |
		    (strchr(mode, 'w') != NULL ? SSH2_FXF_WRITE : 0)), "open");
		must(sshbuf_put_u32(m, 0), "open");
	}
	say(m);
	m = hear(&type, next_id);
	if (type == SSH2_FXP_HANDLE) {
		must(sshbuf_get_string_direct(m, &p, &handle_len), "handle");
		if (handle_len > sizeof(handle))
			errx(1, "a handle of %zu bytes", handle_len);
		memcpy(handle, p, handle_len);
		printf("handle\n");
	} else
		print_status(m);
	sshbuf_free(m);
}

static void
close_it(void)
{
	struct sshbuf *m = begin(SSH2_FXP_CLOSE);
	u_char type;

	must(sshbuf_put_string(m, handle, handle_len), "close");
	say(m);
	m = hear(&type, next_id);
	print_status(m);
	sshbuf_free(m);
}

static void
hash_it(struct hpn_hash_range *range, const char *algorithm)
{
	struct hpn_sftp_hash_answer a;
	struct sshbuf *m;
	u_char type;
	size_t i;

	if ((m = sshbuf_new()) == NULL)
		errx(1, "no memory");
	must(hpn_sftp_hash_put_request(m, ++next_id, handle, handle_len,
	    range), "hash");
	if (algorithm != NULL) {
		must(sshbuf_consume_end(m, 4 + strlen(HPN_HASH_ALGORITHM)),
		    "hash");
		must(sshbuf_put_cstring(m, algorithm), "hash");
	}
	say(m);
	m = hear(&type, next_id);
	if (type == SSH2_FXP_STATUS)
		print_status(m);
	else {
		must(hpn_sftp_hash_get_answer(m, range, &a), "hashes");
		printf("hashed %llu ended %d", (unsigned long long)a.hashed,
		    a.ended);
		for (i = 0; i < a.count * HPN_HASH_LEN; i++)
			printf("%s%02x", i % HPN_HASH_LEN == 0 ? " " : "",
			    a.hashes[i]);
		printf("\n");
	}
	sshbuf_free(m);
}

static unsigned long
memory(void)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)server);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "VmHWM: %lu", &kib);
	(void)fclose(f);
	return kib;
}

static void
flood(unsigned long n, u_int32_t len)
{
	struct sshbuf *m;
	unsigned long i, kib, before;
	unsigned long long bytes = 0;
	u_char type;

	/* Sent by another process: the server may stop taking them */
	if (fork() == 0) {
		for (i = 0; i < n; i++) {
			m = begin(SSH2_FXP_READ);
			must(sshbuf_put_string(m, handle, handle_len), "read");
			must(sshbuf_put_u64(m, 0), "read");
			must(sshbuf_put_u32(m, len), "read");
			say(m);
		}
		_exit(0);
	}
	kib = memory();
	do {
		before = kib;
		(void)poll(NULL, 0, 500);
		kib = memory();
	} while (kib != before);
	for (i = 0; i < n; i++) {
		m = hear(&type, ++next_id);
		if (type != SSH2_FXP_DATA)
			errx(1, "an answer of type %u", type);
		bytes += sshbuf_len(m) - 4;
		sshbuf_free(m);
	}
	printf("flood %llu bytes %lu KiB\n", bytes, kib);
	(void)wait(NULL);
}

static void
raw(const char *hex)
{
	unsigned int byte;
	u_char c;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		c = (u_char)byte;
		if (atomicio(vwrite, to, &c, 1) != 1)
			gone();
	}
}

static void
start(char **argv)
{
	struct sshbuf *m;
	u_char type;
	int up[2], down[2];

	if (pipe(up) == -1 || pipe(down) == -1 || (server = fork()) == -1)
		err(1, "cannot start %s", argv[0]);
	if (server == 0) {
		if (dup2(up[0], STDIN_FILENO) == -1 ||
		    dup2(down[1], STDOUT_FILENO) == -1)
			err(1, "dup2");
		close(up[0]);
		close(up[1]);
		close(down[0]);
		close(down[1]);
		execvp(argv[0], argv);
		err(1, "%s", argv[0]);
	}
	close(up[0]);
	close(down[1]);
	to = up[1];
	from = down[0];
	next_id = SSH2_FILEXFER_VERSION - 1;
	m = begin(SSH2_FXP_INIT);
	say(m);
	extensions = hear(&type, SSH2_FILEXFER_VERSION);
	next_id = 100;
}

static void
print_extensions(void)
{
	char *name, *value;

	while (sshbuf_len(extensions) > 0) {
		must(sshbuf_get_cstring(extensions, &name, NULL), "extension");
		must(sshbuf_get_cstring(extensions, &value, NULL), "extension");
		printf("%s %s\n", name, value);
		free(name);
		free(value);
	}
}

int
main(int argc, char **argv)
{
	unsigned long long offset, length, block;
	struct hpn_hash_range range;
	unsigned long n, len;
	char algorithm[64], *path;
	int i, last;

	for (last = 1; last < argc && strcmp(argv[last], "--") != 0; last++)
		;
	if (last + 1 >= argc)
		errx(1, "usage: hpn-sftpask request ... -- server [arg ...]");
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	start(argv + last + 1);
	for (i = 1; i < last; i++) {
		*algorithm = '\0';
		if (strncmp(argv[i], "open=", 5) == 0 &&
		    (path = strchr(argv[i], ':')) != NULL) {
			*path++ = '\0';
			open_it(SSH2_FXP_OPEN, argv[i] + 5, path);
		} else if (strncmp(argv[i], "open-regular:", 13) == 0)
			open_it(SSH2_FXP_EXTENDED, "r", argv[i] + 13);
		else if (strncmp(argv[i], "opendir:", 8) == 0)
			open_it(SSH2_FXP_OPENDIR, NULL, argv[i] + 8);
		else if (strcmp(argv[i], "close") == 0)
			close_it();
		else if (strcmp(argv[i], "extensions") == 0)
			print_extensions();
		else if (sscanf(argv[i], "hash:%llu:%llu:%llu:%63s", &offset,
		    &length, &block, algorithm) >= 3) {
			range.offset = offset;
			range.length = length;
			range.block = block;
			hash_it(&range, *algorithm == '\0' ? NULL : algorithm);
		} else if (sscanf(argv[i], "flood:%lu:%lu", &n, &len) == 2)
			flood(n, (u_int32_t)len);
		else if (strncmp(argv[i], "raw:", 4) == 0)
			raw(argv[i] + 4);
		else
			errx(1, "%s: no such request", argv[i]);
	}
	return 0;
}
