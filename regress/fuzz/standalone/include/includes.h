/* SPDX-License-Identifier: ISC */
/*
 * Stands in for the tree's includes.h where this project's own unit tests are
 * built without the tree (see check/policy.sh).
 */
#ifndef HPN_STANDALONE_INCLUDES_H
#define HPN_STANDALONE_INCLUDES_H

/* Modules that need the tree are not there. */
#define HPN_WITHOUT_TREE	1

#include <sys/types.h>

#endif /* HPN_STANDALONE_INCLUDES_H */
