/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-report. */

#include "includes.h"

#include <sys/types.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../test_helper/test_helper.h"

#include "hpn-report.h"
#include "hpn-report-file.h"
#include "tests.h"

#define S	1000000000ULL
#define MS	1000000ULL
#define MIB	(1024ULL * 1024)

static void
facts(struct hpn_why_facts *f, struct hpn_why *w)
{
	memset(f, 0, sizeof(*f));
	f->sends = 1;
	f->here.known = 1;
	f->here.total_ns = 20 * S;
	f->here.window_ns = 19 * S;
	f->here.run_ns = S;
	f->here.sent = 400 * MIB;
	f->here.window = 2 * MIB;
	f->here.rtt_ns = 100 * MS;
	hpn_why_decide(f, w);
}

static unsigned int
commas(const char *s)
{
	unsigned int n = 0;

	for (; *s != '\0'; s++)
		n += *s == ',';
	return n;
}

/* Whether a file has this text, and nothing else. */
static void
has(const char *path, const char *text)
{
	char buf[256];
	ssize_t n;
	int fd;

	ASSERT_INT_NE(fd = open(path, O_RDONLY), -1);
	ASSERT_INT_NE((int)(n = read(fd, buf, sizeof(buf) - 1)), -1);
	buf[n] = '\0';
	ASSERT_STRING_EQ(buf, text);
	ASSERT_INT_EQ(close(fd), 0);
}

/* A process that holds the lock until the returned end of a pipe is closed. */
static pid_t
held(const char *path, int *end)
{
	struct flock all;
	int ready[2], over[2], fd;
	pid_t pid;
	char c = 0;

	if (pipe(ready) == -1 || pipe(over) == -1)
		return -1;
	if ((pid = fork()) == 0) {
		memset(&all, 0, sizeof(all));
		all.l_type = F_WRLCK;
		all.l_whence = SEEK_SET;
		close(over[1]);
		if ((fd = open(path, O_RDWR)) != -1 &&
		    fcntl(fd, F_SETLK, &all) != -1 && write(ready[1], &c, 1) == 1)
			(void)!read(over[0], &c, 1);
		_exit(0);
	}
	close(ready[1]);
	close(over[0]);
	if (read(ready[0], &c, 1) != 1)
		pid = -1;
	close(ready[0]);
	*end = over[1];
	return pid;
}

#define WRITERS	4

/* One of several writers, until there is no more space; lines of its own length. */
static void
writes(const char *path, int i)
{
	char line[128];
	const char *why;
	int n = 0;

	memset(line, 'a' + i, sizeof(line));
	line[30 + 20 * i] = '\0';
	do
		why = hpn_report_file_append(path, "head", line);
	while (why == NULL && ++n < 10000);
	_exit(0);
}

/* One header, then whole lines of the writers' only. */
static void
whole(const char *path)
{
	static char buf[8192];
	char *line, *end;
	ssize_t n;
	int fd, lines = 0;

	ASSERT_INT_NE(fd = open(path, O_RDONLY), -1);
	ASSERT_INT_NE((int)(n = read(fd, buf, sizeof(buf) - 1)), -1);
	ASSERT_INT_EQ(close(fd), 0);
	buf[n] = '\0';
	for (line = buf; *line != '\0'; line = end + 1, lines++) {
		ASSERT_PTR_NE(end = strchr(line, '\n'), NULL);
		*end = '\0';
		if (lines == 0) {
			ASSERT_STRING_EQ(line, "head");
			continue;
		}
		ASSERT_INT_GE(line[0], 'a');
		ASSERT_INT_LT(line[0], 'a' + WRITERS);
		ASSERT_SIZE_T_EQ(strlen(line), (size_t)(30 + 20 * (line[0] - 'a')));
	}
	ASSERT_INT_GT(lines, 10);
}

static void
files(void)
{
	char *dir, path[64], other[64];
	struct rlimit limit, before;
	struct stat st;
	pid_t pid, pids[WRITERS];
	int fd, i, round;

	TEST_START("report: lines are added to a file, and to no other's");
	ASSERT_PTR_NE(dir = new_folder(), NULL);
	snprintf(path, sizeof(path), "%s/file", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	ASSERT_PTR_EQ(hpn_report_file_append(path, "head", "one"), NULL);
	ASSERT_PTR_EQ(hpn_report_file_append(path, "head", "two"), NULL);
	has(path, "head\none\ntwo\n");
	ASSERT_INT_EQ(stat(path, &st), 0);
	ASSERT_INT_EQ((int)(st.st_mode & 0777), 0600);
	/* a second name */
	ASSERT_INT_EQ(link(path, other), 0);
	ASSERT_STRING_EQ(hpn_report_file_append(path, NULL, "x"),
	    "has several names");
	ASSERT_INT_EQ(unlink(other), 0);
	/* a link to it */
	ASSERT_INT_EQ(symlink(path, other), 0);
	ASSERT_STRING_EQ(hpn_report_file_append(other, NULL, "x"),
	    "a symbolic link");
	ASSERT_INT_EQ(unlink(other), 0);
	/* a directory; a fifo, with a reader and without */
	ASSERT_PTR_NE(hpn_report_file_append(dir, NULL, "x"), NULL);
	ASSERT_INT_EQ(mkfifo(other, 0600), 0);
	ASSERT_STRING_EQ(hpn_report_file_append(other, NULL, "x"),
	    "not a regular file");
	ASSERT_INT_NE(fd = open(other, O_RDONLY|O_NONBLOCK), -1);
	ASSERT_STRING_EQ(hpn_report_file_append(other, NULL, "x"),
	    "not a regular file");
	ASSERT_INT_EQ(close(fd), 0);
	ASSERT_INT_EQ(unlink(other), 0);
	/* somebody else's */
	if (geteuid() == 0) {
		ASSERT_INT_EQ(chown(path, 1, 1), 0);
		ASSERT_STRING_EQ(hpn_report_file_append(path, NULL, "x"),
		    "not owned by the user");
		ASSERT_INT_EQ(chown(path, 0, 0), 0);
	}
	ASSERT_PTR_NE(hpn_report_file_append("/dev/full", NULL, "x"), NULL);
	ASSERT_PTR_NE(hpn_report_file_append("/nonexistent/x", NULL, "x"), NULL);
	has(path, "head\none\ntwo\n");
	TEST_DONE();

	TEST_START("report: no space: half a line is taken back");
	ASSERT_INT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 15;
	ASSERT_INT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ASSERT_STRING_EQ(hpn_report_file_append(path, NULL, "three"),
	    "not enough space");
	has(path, "head\none\ntwo\n");
	limit.rlim_cur = 13;
	ASSERT_INT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	/* the signal for it would have ended this */
	ASSERT_PTR_NE(hpn_report_file_append(path, NULL, "three"), NULL);
	ASSERT_INT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	ASSERT_PTR_EQ(hpn_report_file_append(path, NULL, "three"), NULL);
	has(path, "head\none\ntwo\nthree\n");
	TEST_DONE();

	TEST_START("report: a lock that another program keeps is not waited for");
	ASSERT_INT_NE(pid = held(path, &fd), -1);
	ASSERT_PTR_EQ(hpn_report_file_append(path, NULL, "four"), NULL);
	ASSERT_INT_EQ(close(fd), 0);
	ASSERT_INT_EQ(waitpid(pid, NULL, 0), pid);
	has(path, "head\none\ntwo\nthree\nfour\n");
	ASSERT_INT_EQ(unlink(path), 0);
	TEST_DONE();

	TEST_START("report: several writers fill a disk: each line is whole");
	for (round = 0; round < 10; round++) {
		limit.rlim_cur = 5000;
		ASSERT_INT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
		for (i = 0; i < WRITERS; i++) {
			ASSERT_INT_NE(pids[i] = fork(), -1);
			if (pids[i] == 0)
				writes(path, i);
		}
		for (i = 0; i < WRITERS; i++)
			ASSERT_INT_EQ(waitpid(pids[i], NULL, 0), pids[i]);
		ASSERT_INT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
		whole(path);
		ASSERT_INT_EQ(unlink(path), 0);
	}
	ASSERT_INT_EQ(rmdir(dir), 0);
	free(dir);
	TEST_DONE();
}

void
test_report(void)
{
	char buf[HPN_REPORT_JSON], again[HPN_REPORT_JSON];
	struct hpn_why_facts f;
	struct hpn_tcp_columns here, there;
	struct hpn_why w;
	size_t len;
	int i;

	TEST_START("report: the sentence has the number, the share, the advice");
	facts(&f, &w);
	hpn_report_sentence(&f, &w, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "limited by: the other end's SSH receive window, "
	    "2.0 MiB in each 100 ms round trip (100 % of the time); openssh-hpn "
	    "there would lift it (seen from this end)");
	TEST_DONE();

	TEST_START("report: certainty is for both ends");
	ASSERT_INT_EQ(w.both, 0);
	f.there = f.here;
	f.there.window_max = 2 * MIB;
	hpn_why_decide(&f, &w);
	hpn_report_sentence(&f, &w, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "certainly limited by: the other end's "
	    "HPNWindowMax of 2.0 MiB, 2.0 MiB in each 100 ms round trip (100 % "
	    "of the time); raise HPNWindowMax there");
	TEST_DONE();

	TEST_START("report: no end is told to become what it is");
	w.cause[0] = HPN_WHY_WINDOW;
	hpn_report_sentence(&f, &w, buf, sizeof(buf));
	ASSERT_PTR_EQ(strstr(buf, "openssh-hpn there"), NULL);
	ASSERT_PTR_NE(strstr(buf, "see HPNWindowMax and HPNMemoryMax there"),
	    NULL);
	TEST_DONE();

	TEST_START("report: our scp is not told to use our scp");
	for (i = 0; i < HPN_WHY_CAUSES; i++) {
		w.cause[0] = (enum hpn_why_cause)i;
		f.copies = 1;
		hpn_report_sentence(&f, &w, buf, sizeof(buf));
		ASSERT_PTR_EQ(strstr(buf, "use scp"), NULL);
		f.copies = 0;
		hpn_report_sentence(&f, &w, again, sizeof(again));
		ASSERT_INT_EQ(strcmp(buf, again) != 0, i == HPN_WHY_REQUESTS ||
		    i == HPN_WHY_FILES);
	}
	TEST_DONE();

	TEST_START("report: a sentence for each cause, whatever the room");
	for (i = 0; i < HPN_WHY_CAUSES; i++) {
		w.cause[0] = w.cause[1] = (enum hpn_why_cause)i;
		hpn_report_sentence(&f, &w, again, sizeof(again));
		ASSERT_SIZE_T_LT(strlen(again), HPN_REPORT_SENTENCE);
		for (len = 1; len < 300; len++) {
			memset(buf, 'x', len + 1);
			hpn_report_sentence(&f, &w, buf, len);
			ASSERT_SIZE_T_LT(strlen(buf), len);
			ASSERT_INT_EQ(buf[len], 'x');
		}
	}
	TEST_DONE();

	TEST_START("report: JSON escapes, and is whole or nothing");
	facts(&f, &w);
	memset(f.here.cc, '\\', sizeof(f.here.cc) - 1);
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 12.5, "end", "a\"b\n\xff", buf,
	    sizeof(buf)), 0);
	ASSERT_PTR_NE(strstr(buf, "{\"version\":1,\"time\":12.500,"
	    "\"event\":\"end\",\"peer\":\"a\\\"b\\u000a\\u00ff\""), NULL);
	ASSERT_PTR_NE(strstr(buf, "\"cause\":\"ssh-window\",\"share\":1.000"),
	    NULL);
	ASSERT_PTR_NE(strstr(buf, "\"there\":null}"), NULL);
	ASSERT_PTR_EQ(strchr(buf, '\n'), NULL);
	len = strlen(buf);
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 12.5, "end", "a\"b\n\xff", buf,
	    len), -1);
	ASSERT_STRING_EQ(buf, "");
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 12.5, "end", "a\"b\n\xff", buf,
	    len + 1), 0);
	TEST_DONE();

	TEST_START("report: the largest numbers fit");
	memset(&f.here, 0xff, sizeof(f.here));
	f.there = f.here;
	memset(f.here.cc, 1, sizeof(f.here.cc) - 1);
	f.here.cc[sizeof(f.here.cc) - 1] = '\0';
	f.there.cc[sizeof(f.there.cc) - 1] = '\0';
	ASSERT_INT_EQ(hpn_report_json(&f, &w, 1e10, "end", NULL, buf,
	    sizeof(buf)), 0);
	TEST_DONE();

	TEST_START("report: Metrics: as many values as names");
	memset(&here, 0, sizeof(here));
	there = here;
	here.value[HPN_TCP_COLUMN_rtt] = 12345;
	there.value[HPN_TCP_COLUMN_state] = HPN_TCP_UNKNOWN;
	ASSERT_INT_EQ(hpn_report_csv_names(again, sizeof(again)), 0);
	ASSERT_INT_EQ(strncmp(again, "timestamp, state, ca_state, ", 28), 0);
	ASSERT_INT_EQ(hpn_report_csv(1.25, &here, &there, buf, sizeof(buf)), 0);
	ASSERT_INT_EQ(strncmp(buf, "1.250, 0, 0, ", 13), 0);
	ASSERT_PTR_NE(strstr(buf, ", 12345, "), NULL);
	ASSERT_PTR_NE(strstr(buf, ", , "), NULL);
	ASSERT_U_INT_EQ(commas(buf), commas(again));
	ASSERT_U_INT_EQ(commas(buf), 2 * HPN_TCP_NCOLUMNS);
	ASSERT_INT_EQ(hpn_report_csv(1.25, &here, NULL, buf, sizeof(buf)), 0);
	ASSERT_U_INT_EQ(commas(buf), commas(again));
	for (i = 0; i < HPN_TCP_NCOLUMNS; i++)
		here.value[i] = UINT64_MAX - 1;
	ASSERT_INT_EQ(hpn_report_csv(1e10, &here, &here, buf, HPN_REPORT_CSV),
	    0);
	ASSERT_INT_EQ(hpn_report_csv(1e10, &here, &here, buf, 1000), -1);
	TEST_DONE();

	files();

	TEST_START("report: units");
	hpn_report_rate(7600000, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "7.6 MB/s");
	hpn_report_rate(999, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "1.0 kB/s");
	hpn_report_size(65536, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "64 KiB");
	hpn_report_size(2097152, buf, sizeof(buf));
	ASSERT_STRING_EQ(buf, "2.0 MiB");
	TEST_DONE();
}
