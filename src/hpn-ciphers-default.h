/* SPDX-License-Identifier: ISC */
/*
 * hpn-ciphers-default: the order of ciphers of a configuration that has no line
 * "Ciphers", by hpn-ciphers and what libcrypto says of this processor.
 */
#ifndef HPN_CIPHERS_DEFAULT_H
#define HPN_CIPHERS_DEFAULT_H

/*
 * Call this before kex_assemble_names().  *list is NULL or "" if no line
 * "Ciphers" was read.  Then *list becomes our default order, if that differs
 * from def.  If *list has our name, this adds the name to *all, which lists
 * the known names.  A pattern in *list does not match our name.  Fatal without
 * memory.  The caller frees both.
 */
void hpn_ciphers_default(char **list, const char *def, char **all,
    int disabled);

#endif /* HPN_CIPHERS_DEFAULT_H */
