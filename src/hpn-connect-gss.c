/* SPDX-License-Identifier: ISC */
/* See hpn-connect-gss.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdarg.h>
#include <string.h>

#include "hpn-connect-gss.h"
#include "ssh-gss.h"

int
hpn_connect_gss_hopeless(const char *method)
{
#ifdef GSSAPI
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	OM_uint32 status, minor;

	if (strncmp(method, "gssapi", 6) != 0)
		return 0;
	status = gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, GSS_C_NO_OID_SET,
	    GSS_C_INITIATE, &cred, NULL, NULL);
	if (GSS_ERROR(status))
		return 1;
	gss_release_cred(&minor, &cred);
#endif
	return 0;
}
