/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-opts: the command line of dmscp.
 *
 * Names of one letter are exact, as -f and -F differ; longer ones are exact too, in
 * any case.  Each may stand anywhere, and of several the last one holds; those for
 * ssh gather.  Policy only: strings belong to argv.
 */
#ifndef HPN_DM_OPTS_H
#define HPN_DM_OPTS_H

#include <stddef.h>
#include <stdint.h>

#define HPN_DM_OPTS_SSH		64	/* arguments for ssh */
#define HPN_DM_OPTS_HOST	256
#define HPN_DM_OPTS_TIMEOUT	7200	/* seconds */
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
	const char *onclose;		/* ... and there */
	enum hpn_dm_opts_migrate migrate;
	int migrate_each, migrate_wait;
	const char *program;	/* ssh */
	const char *ssh[HPN_DM_OPTS_SSH];
	size_t nssh;
	/* What was wrong, and the argument that it is about, or NULL */
	const char *about;
};

/*
 * argc and argv as main() has them.  NULL, or what is wrong, without a full stop;
 * o->about may say with what.
 */
const char *hpn_dm_opts_parse(struct hpn_dm_opts *o, int argc, char **argv);

/*
 * A number of bytes: digits, and k, m, g or t behind them or, as the first dmscp had
 * it, in front.  0, or -1.
 */
int hpn_dm_opts_size(const char *, uint64_t *);

#endif /* HPN_DM_OPTS_H */
