/* SPDX-License-Identifier: ISC */
/*
 * Unit tests of this project's own modules: what tests.c runs.
 *
 * They use little of the framework and of the tree, so that check/policy.sh
 * can build them without either, under sanitizers.
 */
#ifndef HPN_TESTS_H
#define HPN_TESTS_H

#define MS	1000000ULL		/* nanoseconds */
#define SEC	(1000 * MS)
#define KB	1024U
#define MB	(1024U * 1024)

void test_window(void);
void test_rtt(void);
void test_tcp(void);
void test_sftp_window(void);
void test_resume(void);
void test_lanes(void);
void test_connections(void);
void test_handles(void);
void test_buf(void);
void test_options(void);
void test_packet_buf(void);
void test_rekey(void);
void test_workers_auto(void);
void test_chachapoly(void);
void test_umac(void);
void test_engine(void);
void test_crypt(void);
void test_sealer(void);
void test_ctr(void);
void test_sftp_server(void);
void test_hash(void);
void test_none(void);
void test_none_mac(void);
void test_connect(void);
void test_why(void);
void test_report(void);
void test_why_wire(void);
void test_guess(void);
void test_ciphers(void);
void test_happy(void);
void test_pace(void);
void test_dm(void);
void test_wish(void);
void test_zstd(void);
void test_zstd_stream(void);
void test_links(void);

#endif /* HPN_TESTS_H */
