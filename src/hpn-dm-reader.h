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
 * A reader from offset to end of the file behind this handle.  The connection
 * and the handle stay the caller's.  This sends no request yet.
 */
struct hpn_dm_reader *hpn_dm_reader_new(struct hpn_dm_sftp *,
    const struct hpn_dm_sftp_handle *, uint64_t offset, uint64_t end);

/*
 * You may call this at any time.  Memory of requests under way is kept inside
 * until their answers come.  If the connection has gone, call
 * hpn_dm_reader_lost() before.
 */
void hpn_dm_reader_free(struct hpn_dm_reader *);

/*
 * _lost: the connection has gone.  The reader keeps the bytes that have come,
 * and still gives them out.  _again: there is a new connection.  The reader
 * requests again what was under way.
 */
void hpn_dm_reader_lost(struct hpn_dm_reader *);
void hpn_dm_reader_again(struct hpn_dm_reader *, struct hpn_dm_sftp *);

/* Set a new end of the range; it may only rise. */
void hpn_dm_reader_until(struct hpn_dm_reader *, uint64_t end);

/*
 * Send requests until this reader holds at most `most` bytes of memory.
 * Returns how many bytes it holds.
 */
size_t hpn_dm_reader_ask(struct hpn_dm_reader *, size_t most);
size_t hpn_dm_reader_held(const struct hpn_dm_reader *);
/* Requests that are under way. */
u_int hpn_dm_reader_under_way(const struct hpn_dm_reader *);
/* Whether all was asked for; and whether all was answered. */
int hpn_dm_reader_asked(const struct hpn_dm_reader *);
int hpn_dm_reader_whole(const struct hpn_dm_reader *);

/* _next: the next bytes here, or NULL.  _took: len of them are used. */
const u_char *hpn_dm_reader_next(struct hpn_dm_reader *, size_t *lenp);
void hpn_dm_reader_took(struct hpn_dm_reader *, size_t len);
uint64_t hpn_dm_reader_offset(const struct hpn_dm_reader *);

/*
 * The status of the next bytes.  SSH2_FX_OK: nothing is wrong.  SSH2_FX_EOF:
 * the file ends there.  Otherwise the server's error.
 */
u_int hpn_dm_reader_status(const struct hpn_dm_reader *);

#endif /* HPN_DM_READER_H */
