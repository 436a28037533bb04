/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect-gss: whether GSSAPI could log in at all, asked before the server
 * has said that it has it.
 */
#ifndef HPN_CONNECT_GSS_H
#define HPN_CONNECT_GSS_H

/*
 * Whether this is a method of GSSAPI's and the user has nothing to use it with.
 * Of methods of others 0 is returned.
 */
int hpn_connect_gss_hopeless(const char *method);

#endif /* HPN_CONNECT_GSS_H */
