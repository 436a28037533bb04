/* SPDX-License-Identifier: ISC */
/*
 * hpn-wish: what -X asks scp and sftp to do besides copying, and what follows from
 * it for a file that is there already.
 *
 * Policy only: no descriptor, no clock, no memory of its own.
 */
#ifndef HPN_WISH_H
#define HPN_WISH_H

#include <stdint.h>

enum hpn_wish_existing {
	HPN_WISH_WRITE,		/* write over it, as ever */
	HPN_WISH_SKIP,		/* existing=skip */
	HPN_WISH_FAIL		/* existing=fail */
};

enum hpn_wish_update {
	HPN_WISH_ALWAYS,	/* copy all */
	HPN_WISH_TIME,		/* update=yes: unless size and time are equal */
	HPN_WISH_SIZE,		/* update=size: unless the size is */
	HPN_WISH_VERIFY		/* update=verify: unless the content is */
};

struct hpn_wish {
	const char *log, *names;	/* files; NULL: none */
	enum hpn_wish_existing existing;
	enum hpn_wish_update update;
	int dry, detailed, sync, sparse;
	int links;			/* preserve=hardlinks */
	unsigned int follow_s;		/* until so long nothing came; 0: not */
	unsigned int space_s;		/* how long to wait for space; 0: not */
};

/*
 * One argument of -X, but include= and exclude=.  1: it was ours, and *wish
 * follows it; 0: it is not ours; -1: it is, but not one of its values.
 */
int hpn_wish_option(const char *arg, struct hpn_wish *);

enum hpn_wish_then {
	HPN_WISH_COPY,
	HPN_WISH_LEAVE,		/* nothing is to be done */
	HPN_WISH_REFUSE		/* ... and that is an error */
};

/* What is known of a file; UINT64_MAX: not known. */
struct hpn_wish_file {
	uint64_t size, mtime;
	int regular;
};

/* There is something at the destination. */
enum hpn_wish_then hpn_wish_there(const struct hpn_wish *,
    const struct hpn_wish_file *source, const struct hpn_wish_file *dest);

/* What has become of a job's files, for -X status=detailed. */
struct hpn_wish_ends {
	unsigned int good, failed, refused, differs, full;
};

/* follow=yes: until it is interrupted */
#define HPN_WISH_FOLLOW_EVER	UINT32_MAX

/* How long "wait" is, seconds, and the most that may be asked for. */
#define HPN_WISH_SPACE_S	7200U
#define HPN_WISH_SPACE_MAX	31536000U

/* Exit statuses of its own; those of dmscp where it has them. */
#define HPN_WISH_PARTIAL	249	/* some files were copied, some not */
#define HPN_WISH_REFUSED	250	/* what was there was left alone */
#define HPN_WISH_FULL		252	/* no space */
#define HPN_WISH_DIFFERS	254	/* it arrived and is not the source */

/* The exit status, where it would be `status` (0, 1 or 255). */
int hpn_wish_status(const struct hpn_wish *, const struct hpn_wish_ends *,
    int status);

#endif /* HPN_WISH_H */
