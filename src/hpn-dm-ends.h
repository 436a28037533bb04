/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-ends: where a stream comes from here, and where it goes: -source, -sink,
 * or a standard descriptor.
 */
#ifndef HPN_DM_ENDS_H
#define HPN_DM_ENDS_H

#include <sys/types.h>
#include <stdint.h>

struct hpn_dm_opts;

struct hpn_dm_ends {
	int fd;
	pid_t pid;		/* 0: a standard descriptor */
	int is_file;
	long waits;
	uint64_t waited_ns;	/* when reading it last had to wait; 0: never */
};

/* The data did not pass here: a command on the server has read them. */
#define HPN_DM_ENDS_UNCOUNTED	UINT64_MAX

/* Start the command, or take the standard descriptor. */
void hpn_dm_ends_source(struct hpn_dm_ends *, const struct hpn_dm_opts *);
void hpn_dm_ends_sink(struct hpn_dm_ends *, const struct hpn_dm_opts *);

/*
 * Whether to read the source now, with so many bytes that were read and not sent
 * yet.  A file is not read far ahead as long as that need not wait for a disk.
 */
int hpn_dm_ends_reads(const struct hpn_dm_ends *, uint64_t unsent);
/* It is about to be read once; it was. */
void hpn_dm_ends_read_begin(struct hpn_dm_ends *);
void hpn_dm_ends_read_end(struct hpn_dm_ends *);

/*
 * Make writing to the sink non-blocking.  Standard output is shared with others,
 * who would be surprised by that: only a pipe is, which can be opened once more.
 */
void hpn_dm_ends_sink_own(struct hpn_dm_ends *);

/*
 * The source has ended after so many bytes: as a source should?  NULL, or why not,
 * to be freed.  Closes a pipe, and waits for the command.
 */
char *hpn_dm_ends_source_ended(struct hpn_dm_ends *,
    const struct hpn_dm_opts *, uint64_t bytes);

/*
 * The sink has all of it, or with failed != NULL cannot be written to.  Closes it,
 * and waits for the command.  NULL, or what is wrong, to be freed.
 */
char *hpn_dm_ends_sink_ended(struct hpn_dm_ends *, uint64_t bytes,
    const char *failed);

#endif /* HPN_DM_ENDS_H */
