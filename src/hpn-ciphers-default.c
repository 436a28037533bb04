/* SPDX-License-Identifier: ISC */
/* See hpn-ciphers-default.h for what this does. */

#include "includes.h"

#include <stdlib.h>
#include <string.h>

#ifdef WITH_OPENSSL
# include <openssl/crypto.h>
#endif

#include "hpn-ciphers.h"
#include "hpn-ciphers-default.h"
#include "xmalloc.h"

/* OpenSSL 3.0 and later */
static const char *
settings(void)
{
#if defined(WITH_OPENSSL) && defined(OPENSSL_INFO_CPU_SETTINGS)
	return OPENSSL_info(OPENSSL_INFO_CPU_SETTINGS);
#else
	return NULL;
#endif
}

void
hpn_ciphers_default(char **list, const char *def, char **all, int disabled)
{
	char *more;

	if ((*list == NULL || **list == '\0') && hpn_ciphers_ahead(def,
	    hpn_ciphers_hardware(settings()), disabled)) {
		free(*list);
		xasprintf(list, "%s,%s", HPN_CIPHERS_HARDWARE, def);
	}
	if (*list != NULL && **list != '-' &&
	    strstr(*list, HPN_CIPHERS_HARDWARE) != NULL) {
		xasprintf(&more, "%s,%s", *all, HPN_CIPHERS_HARDWARE);
		free(*all);
		*all = more;
	}
}
