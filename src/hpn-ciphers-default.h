/* SPDX-License-Identifier: ISC */
/*
 * hpn-ciphers-default: the order of ciphers of a configuration that has no line
 * "Ciphers", by hpn-ciphers and what libcrypto says of this processor.
 */
#ifndef HPN_CIPHERS_DEFAULT_H
#define HPN_CIPHERS_DEFAULT_H

/*
 * Called before kex_assemble_names().  *list is NULL or "" unless a line
 * "Ciphers" was read; then it becomes the default order if that is another than
 * def.  Where *list has our name, *all gets it, so that it is a known one there
 * too; a pattern does not mean it.  Fatal without memory.  The caller frees both.
 */
void hpn_ciphers_default(char **list, const char *def, char **all,
    int disabled);

#endif /* HPN_CIPHERS_DEFAULT_H */
