/* SPDX-License-Identifier: ISC */
/* Unit tests of hpn-ciphers. */

#include "includes.h"

#include <sys/types.h>
#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-ciphers.h"
#include "tests.h"

#define ALL	"chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes128-ctr"

static void
hardware(void)
{
	TEST_START("ciphers: AES and its multiplication, as libcrypto tells");
	/* What OpenSSL 3.0 said on an x86 machine, and with bits masked */
	ASSERT_INT_EQ(hpn_ciphers_hardware(
	    "OPENSSL_ia32cap=0xfffa3203078bffff:0x400684219c07ab"), 1);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_ia32cap="
	    "0xfdfa3201078bffff:0x0 env:~0x200000200000000"), 0);
	/* OpenSSL 3.5 tells more words */
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_ia32cap="
	    "0xfffa3203078bffff:0x00400684219c07ab:0x0:0x0:0x0"), 1);
	ASSERT_INT_EQ(hpn_ciphers_hardware(
	    "OPENSSL_ia32cap=0x200000200000000:0x0"), 1);
	ASSERT_INT_EQ(hpn_ciphers_hardware(
	    "OPENSSL_ia32cap=0x200000000000000:0x0"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware(
	    "OPENSSL_ia32cap=0x200000000:0x0"), 0);
	/* The second word's bits are others */
	ASSERT_INT_EQ(hpn_ciphers_hardware(
	    "OPENSSL_ia32cap=0x0:0x200000200000000"), 0);
	/* Cortex-A76; Cortex-A72 of a Raspberry Pi 4, which has none */
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0xbd"), 1);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0x24"), 1);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0x81"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0x4"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0x20"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0x0 env:0"), 0);
	TEST_DONE();

	TEST_START("ciphers: what is not understood is no");
	ASSERT_INT_EQ(hpn_ciphers_hardware(NULL), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware(""), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("N/A"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_ia32cap="), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_ia32cap=0x"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_ia32cap=0x:0xff"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_armcap=0xg"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware(
	    "OPENSSL_ia32cap=0xfffffffffffffffff"), 0);
	ASSERT_INT_EQ(hpn_ciphers_hardware("OPENSSL_riscvcap=RV64GC"), 0);
	TEST_DONE();
}

static void
order(void)
{
	TEST_START("ciphers: in front of a default that has it, and not else");
	ASSERT_INT_EQ(hpn_ciphers_ahead(ALL, 1, 0), 1);
	ASSERT_INT_EQ(hpn_ciphers_ahead("aes128-gcm@openssh.com", 1, 0), 1);
	ASSERT_INT_EQ(hpn_ciphers_ahead("a,aes128-gcm@openssh.com", 1, 0), 1);
	ASSERT_INT_EQ(hpn_ciphers_ahead("aes128-gcm@openssh.com,a", 1, 0), 1);
	ASSERT_INT_EQ(hpn_ciphers_ahead(ALL, 0, 0), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead(ALL, 1, 1), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead("aes256-gcm@openssh.com", 1, 0), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead("aes128-gcm@openssh.comx", 1, 0), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead("xaes128-gcm@openssh.com", 1, 0), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead("aes128-ctr,", 1, 0), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead("", 1, 0), 0);
	ASSERT_INT_EQ(hpn_ciphers_ahead(NULL, 1, 0), 0);
	TEST_DONE();
}

static void
names(void)
{
	char ours[] = HPN_CIPHERS_HARDWARE, other[] = "aes128-ctr";
	char longer[] = HPN_CIPHERS_HARDWARE "2";

	TEST_START("ciphers: our name stands for a real one");
	ASSERT_STRING_EQ(hpn_ciphers_real(HPN_CIPHERS_HARDWARE),
	    HPN_CIPHERS_REAL);
	ASSERT_STRING_EQ(hpn_ciphers_real("none"), "none");
	ASSERT_STRING_EQ(hpn_ciphers_real(""), "");
	hpn_ciphers_resolve(ours);
	ASSERT_STRING_EQ(ours, HPN_CIPHERS_REAL);
	hpn_ciphers_resolve(other);
	ASSERT_STRING_EQ(other, "aes128-ctr");
	hpn_ciphers_resolve(longer);
	ASSERT_STRING_EQ(longer, HPN_CIPHERS_HARDWARE "2");
	hpn_ciphers_resolve(NULL);
	TEST_DONE();
}

void
test_ciphers(void)
{
	hardware();
	order();
	names();
}
