/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-opts: the command line of dmscp.
 *
 * Names of one letter are exact: -f and -F differ.  Longer names may not be
 * shortened; their case does not matter.  An option may stand anywhere.  If it
 * is given twice, the last one holds.  Options for ssh are all passed on.
 * Policy only: strings belong to argv.
 */
#ifndef HPN_DM_OPTS_H
#define HPN_DM_OPTS_H

#include <stddef.h>
#include <stdint.h>

#define HPN_DM_OPTS_SSH		64	/* arguments for ssh */
#define HPN_DM_OPTS_HOST	256
#define HPN_DM_OPTS_TIMEOUT	7200	/* seconds */
/* So that nanoseconds fit into 64 bits. */
#define HPN_DM_OPTS_SECONDS	UINT32_MAX
#define HPN_DM_OPTS_BUFFER	(64ULL * 1024 * 1024)
#define HPN_DM_OPTS_BUFFER_MIN	(1024ULL * 1024)
#define HPN_DM_OPTS_BUFFER_MAX	(64ULL * 1024 * 1024 * 1024)
#define HPN_DM_OPTS_STUB	4096

enum hpn_dm_opts_migrate {
	HPN_DM_OPTS_KEEP, HPN_DM_OPTS_MIGRATE, HPN_DM_OPTS_RELEASE
};

struct hpn_dm_opts {
	int writes, reads;	/* one of them */
	char host[HPN_DM_OPTS_HOST], user[HPN_DM_OPTS_HOST];
	const char *port;
	const char *dir, *name;
	uint64_t fragment;	/* 0: none */
	uint64_t stub;
	uint64_t buffer;
	uint64_t timeout_s;
	uint64_t size;		/* that the stream should have */
	int sized;
	int force, resume, nochecksum, sha256, fsync, clear, quiet;
	unsigned int verbose;
	const char *source, *sink;	/* commands here */
	const char *onclose, *onopen;	/* ... and there */
	const char *command;		/* the object is a command: -R */
	const char *prefix, *subsystem;	/* how the server's end is started */
	enum hpn_dm_opts_migrate migrate;
	int migrate_each, migrate_wait;
	const char *program;	/* ssh */
	const char *ssh[HPN_DM_OPTS_SSH];
	size_t nssh;
	/* What was wrong, and the argument that it is about, or NULL */
	const char *about;
};

/*
 * Parse argc and argv of main().  Returns NULL, or what is wrong, without a
 * full stop.  o->about is the argument that is wrong, or NULL.
 */
const char *hpn_dm_opts_parse(struct hpn_dm_opts *o, int argc, char **argv);

/*
 * Parse a number of bytes: digits, and k, m, g or t after them.  The letter
 * may also stand before them, as in the first dmscp.  Returns 0 or -1.
 */
int hpn_dm_opts_size(const char *, uint64_t *);

/* A number of seconds, at most HPN_DM_OPTS_SECONDS.  0, or -1. */
int hpn_dm_opts_seconds(const char *, uint64_t *);

#endif /* HPN_DM_OPTS_H */
