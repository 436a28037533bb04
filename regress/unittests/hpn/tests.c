/* SPDX-License-Identifier: ISC */
/* Unit tests of this project's own modules. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>

#include "../test_helper/test_helper.h"

#include "tests.h"

/* Newer releases' helper asks for some; there are none. */
void benchmarks(void);

void
benchmarks(void)
{
}

void
tests(void)
{
	test_window();
	test_rtt();
	test_tcp();
	test_none();
	test_sftp_window();
	test_resume();
	test_lanes();
	test_connections();
	test_connect();
	test_guess();
	test_ciphers();
	test_happy();
	test_pace();
	test_dm();
	test_why();
	test_report();
	test_wish();
	test_zstd();
	test_zstd_stream();
#ifndef HPN_WITHOUT_TREE
	test_buf();
	test_options();
	test_packet_buf();
	test_rekey();
	test_chachapoly();
	test_umac();
	test_engine();
	test_crypt();
	test_sealer();
	test_ctr();
	test_workers_auto();
	test_sftp_server();
	test_hash();
	test_none_mac();
	test_handles();
#endif
	test_links();
}
