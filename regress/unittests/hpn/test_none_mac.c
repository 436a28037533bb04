/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-none-mac: which MAC guards what no cipher does. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-none-mac.h"
#include "mac.h"
#include "tests.h"

#define WEAK	"umac-64-etm@openssh.com,umac-64@openssh.com,hmac-sha1," \
		"hmac-sha1-etm@openssh.com,hmac-md5,hmac-sha1-96"
#define STRONG	"hmac-sha2-256,umac-128@openssh.com," \
		"hmac-sha2-512-etm@openssh.com,umac-128-etm@openssh.com"

static int
commas(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += *s == ',';
	return n;
}

void
test_none_mac(void)
{
	char *got, *etm, *plain;

	TEST_START("macs: weak ones never");
	ASSERT_INT_EQ(hpn_none_mac_any_strong(WEAK), 0);
	ASSERT_INT_EQ(hpn_none_mac_any_strong(""), 0);
	ASSERT_INT_EQ(hpn_none_mac_any_strong("hmac-sha2-2560,xhmac-sha2-256"),
	    0);
	ASSERT_INT_EQ(hpn_none_mac_any_strong(WEAK ",hmac-sha2-512"), 1);
	got = hpn_none_mac_fastest(WEAK);
	ASSERT_STRING_EQ(got, "");
	free(got);
	TEST_DONE();

	TEST_START("macs: the strong ones of a list, each once");
	got = hpn_none_mac_fastest(WEAK "," STRONG "," WEAK);
	ASSERT_INT_EQ(commas(got), 3);
	ASSERT_INT_EQ(mac_valid(got), 1);
	/* Of one algorithm the mode that authenticates first */
	etm = strstr(got, "umac-128-etm@openssh.com");
	plain = strstr(got, "umac-128@openssh.com");
	ASSERT_PTR_NE(etm, NULL);
	ASSERT_PTR_NE(plain, NULL);
	ASSERT_INT_EQ(etm < plain, 1);
	ASSERT_PTR_NE(strstr(got, "hmac-sha2-256"), NULL);
	ASSERT_PTR_NE(strstr(got, "hmac-sha2-512-etm@openssh.com"), NULL);
	ASSERT_PTR_EQ(strstr(got, "64"), NULL);
	free(got);
	got = hpn_none_mac_fastest("hmac-sha2-256");
	ASSERT_STRING_EQ(got, "hmac-sha2-256");
	free(got);
	TEST_DONE();

	TEST_START("macs: they are measured");
	ASSERT_INT_EQ(hpn_none_mac_cost("umac-128-etm@openssh.com") > 100, 1);
	ASSERT_INT_EQ(hpn_none_mac_cost("hmac-sha2-512") > 1000, 1);
	ASSERT_INT_EQ(hpn_none_mac_cost("no-such-mac") == 0, 1);
	TEST_DONE();
}
