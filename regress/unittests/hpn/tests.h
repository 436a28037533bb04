/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of this project's own modules: what tests.c runs.
 *
 * They use little of the framework and of the tree, so that check/policy.sh
 * can build them without either, under sanitizers.
 */
#ifndef HPN_TESTS_H
#define HPN_TESTS_H

#include <stdlib.h>
#include <string.h>

#define MS	1000000ULL		/* nanoseconds */
#define SEC	(1000 * MS)
#define KB	1024U
#define MB	(1024U * 1024)

/*
 * The tests, test_NAME() each, in the order in which they run: what is declared
 * here is called.  Those of HPN_TESTS_TREE need more of the tree.
 */
#define HPN_TESTS_ALONE(T) \
	T(window) T(rtt) T(tcp) T(none) T(sftp_window) T(resume) T(lanes) \
	T(connections) T(connect) T(guess) T(ciphers) T(happy) T(pace) \
	T(dm) T(why) T(why_wire) T(report) T(wish) T(zstd) T(zstd_stream) \
	T(links)
#define HPN_TESTS_TREE(T) \
	T(buf) T(options) T(packet_buf) T(rekey) T(chachapoly) T(umac) \
	T(engine) T(crypt) T(sealer) T(ctr) T(workers_auto) T(sftp_server) \
	T(hash) T(none_mac) T(handles) T(watch) T(leaves) T(person) \
	T(dm_flow) T(sftp_io)

#define HPN_TEST(name)	void test_##name(void);
HPN_TESTS_ALONE(HPN_TEST)
HPN_TESTS_TREE(HPN_TEST)
#undef HPN_TEST

/* A new folder of this process's own: its name, to be freed; or NULL. */
static inline char *
new_folder(void)
{
	char name[] = "/tmp/hpn-unit.000000";

	memset(strchr(name, '0'), 'X', 6);	/* what mkdtemp() replaces */
	return mkdtemp(name) == NULL ? NULL : strdup(name);
}

#endif /* HPN_TESTS_H */
