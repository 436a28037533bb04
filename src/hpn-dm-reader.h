/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-reader: reads a file of an SFTP server, many requests at a time, and gives
 * its bytes out in order.
 *
 *	given (next)      asked          end
 *	  |  under way, or here  |  not yet  |
 */
#ifndef HPN_DM_READER_H
#define HPN_DM_READER_H

#include <sys/types.h>
#include <stdint.h>

struct hpn_dm_reader;
struct hpn_dm_sftp;
struct hpn_dm_sftp_handle;

/*
 * Read from offset to end of the file behind this handle, all of which stay the
 * caller's.  Nothing is asked yet.
 */
struct hpn_dm_reader *hpn_dm_reader_new(struct hpn_dm_sftp *,
    const struct hpn_dm_sftp_handle *, uint64_t offset, uint64_t end);

/*
 * At any time.  What is under way is waited for inside; if that goes with the
 * connection, hpn_dm_reader_lost() comes first.
 */
void hpn_dm_reader_free(struct hpn_dm_reader *);

/*
 * The connection has gone: what has come stays, and is given out; what was under
 * way is asked for again when there is another connection.
 */
void hpn_dm_reader_lost(struct hpn_dm_reader *);
void hpn_dm_reader_again(struct hpn_dm_reader *, struct hpn_dm_sftp *);

/* Where the range ends now; may rise. */
void hpn_dm_reader_until(struct hpn_dm_reader *, uint64_t end);

/*
 * Ask for as much as fits into so many bytes of memory, of which this reader holds
 * some.  Returns what it holds, bytes.
 */
size_t hpn_dm_reader_ask(struct hpn_dm_reader *, size_t most);
size_t hpn_dm_reader_held(const struct hpn_dm_reader *);
/* Requests that are under way. */
u_int hpn_dm_reader_under_way(const struct hpn_dm_reader *);

/* The next bytes, if they are here; and what was done with len of them. */
const u_char *hpn_dm_reader_next(struct hpn_dm_reader *, size_t *lenp);
void hpn_dm_reader_took(struct hpn_dm_reader *, size_t len);
uint64_t hpn_dm_reader_offset(const struct hpn_dm_reader *);

/*
 * What has gone wrong with the next bytes: SSH2_FX_OK: nothing; SSH2_FX_EOF: the
 * file ends there; or another status.
 */
u_int hpn_dm_reader_status(const struct hpn_dm_reader *);

#endif /* HPN_DM_READER_H */
