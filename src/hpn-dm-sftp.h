/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-sftp: requests to an SFTP server of version 3 and their answers, as many
 * under way as the caller likes (draft-ietf-secsh-filexfer-02).
 *
 * Nothing here ends the program or waits.  hpn_dm_sftp_trip() reports a
 * connection that ends, or a server that breaks the rules.  hpn_dm_sftp_free()
 * drops all requests under way.  Everything that comes from the server is
 * checked.
 */
#ifndef HPN_DM_SFTP_H
#define HPN_DM_SFTP_H

#include <sys/types.h>
#include <stdint.h>

#include "hpn-hash.h"
#include "hpn-sftp-hash.h"

struct Attrib;
struct sshbuf;
struct hpn_dm_sftp;

/* The answer, without its id.  Return 0, or -1: it does not fit the request. */
typedef int hpn_dm_sftp_fn(void *context, void *about, u_char type,
    struct sshbuf *);

/* Begin over these descriptors.  They become non-blocking, and belong to it. */
struct hpn_dm_sftp *hpn_dm_sftp_new(int in, int out);
void hpn_dm_sftp_free(struct hpn_dm_sftp *);

/* To wait for: reading at *in, and writing at *out, or -1. */
void hpn_dm_sftp_fds(const struct hpn_dm_sftp *, int *in, int *out);

/*
 * Move what can be moved now, and hand answers out.  0; -1: the connection has
 * ended; -2: the server broke the rules, see hpn_dm_sftp_wrong().
 */
int hpn_dm_sftp_trip(struct hpn_dm_sftp *);
const char *hpn_dm_sftp_wrong(const struct hpn_dm_sftp *);

/* The server has sent its version, and its limits if it tells them. */
int hpn_dm_sftp_ready(const struct hpn_dm_sftp *);
/* Files of one end that are open on the server at a time: dmscp(1) says so. */
#ifndef HPN_DM_SFTP_OPEN_MOST
# define HPN_DM_SFTP_OPEN_MOST	320
#endif

/* Requests under way; bytes that wait to be sent. */
u_int hpn_dm_sftp_under_way(const struct hpn_dm_sftp *);
size_t hpn_dm_sftp_queued(const struct hpn_dm_sftp *);
/*
 * Whether another request may be sent.  may_ask: one that carries no data.  While
 * there are data to send, there is hardly ever room for more.
 */
int hpn_dm_sftp_room(const struct hpn_dm_sftp *);
int hpn_dm_sftp_may_ask(const struct hpn_dm_sftp *);

/* What it can do; bytes in one request. */
int hpn_dm_sftp_can_fsync(const struct hpn_dm_sftp *);
int hpn_dm_sftp_can_statvfs(const struct hpn_dm_sftp *);
int hpn_dm_sftp_can_hash(const struct hpn_dm_sftp *);
int hpn_dm_sftp_can_replace(const struct hpn_dm_sftp *);
u_int hpn_dm_sftp_read_max(const struct hpn_dm_sftp *);
u_int hpn_dm_sftp_write_max(const struct hpn_dm_sftp *);

struct hpn_dm_sftp_handle {
	u_char *p;
	size_t len;
};

/* Both are of something open, and the same. */
int hpn_dm_sftp_same_handle(const struct hpn_dm_sftp_handle *,
    const struct hpn_dm_sftp_handle *);

/* Requests.  Their answers go to fn(context, about, ...). */
void hpn_dm_sftp_open(struct hpn_dm_sftp *, const char *path, u_int32_t flags,
    hpn_dm_sftp_fn *, void *context, void *about);
/* SSH2_FXP_LSTAT, SSH2_FXP_STAT, SSH2_FXP_REMOVE */
void hpn_dm_sftp_path(struct hpn_dm_sftp *, u_char type, const char *path,
    hpn_dm_sftp_fn *, void *context, void *about);
/* SSH2_FXP_FSTAT, SSH2_FXP_CLOSE */
void hpn_dm_sftp_close(struct hpn_dm_sftp *, u_char type,
    const struct hpn_dm_sftp_handle *, hpn_dm_sftp_fn *, void *context,
    void *about);
/* replace: what is there; only where hpn_dm_sftp_can_replace() */
void hpn_dm_sftp_rename(struct hpn_dm_sftp *, const char *from, const char *to,
    int replace, hpn_dm_sftp_fn *, void *context, void *about);
/* lend: the data stay as hpn_sftp_io_lend() says, and need not be copied. */
void hpn_dm_sftp_write(struct hpn_dm_sftp *, const struct hpn_dm_sftp_handle *,
    uint64_t offset, const void *data, size_t len, int lend, hpn_dm_sftp_fn *,
    void *context, void *about);
void hpn_dm_sftp_read(struct hpn_dm_sftp *, const struct hpn_dm_sftp_handle *,
    uint64_t offset, size_t len, hpn_dm_sftp_fn *, void *context, void *about);
void hpn_dm_sftp_fsync(struct hpn_dm_sftp *, const struct hpn_dm_sftp_handle *,
    hpn_dm_sftp_fn *, void *context, void *about);
void hpn_dm_sftp_hash(struct hpn_dm_sftp *, const struct hpn_dm_sftp_handle *,
    const struct hpn_hash_range *, hpn_dm_sftp_fn *, void *context,
    void *about);
void hpn_dm_sftp_statvfs(struct hpn_dm_sftp *, const char *path,
    hpn_dm_sftp_fn *, void *context, void *about);

/*
 * Read an answer.  Returns 0 with what was asked for, and *status SSH2_FX_OK;
 * or 0 with another *status; or -1 if the answer is neither.
 */
int hpn_dm_sftp_get_status(u_char type, struct sshbuf *, u_int *status);
int hpn_dm_sftp_get_handle(u_char type, struct sshbuf *, u_int *status,
    struct hpn_dm_sftp_handle *);		/* to be freed: .p */
int hpn_dm_sftp_get_attrib(u_char type, struct sshbuf *, u_int *status,
    struct Attrib *);
/* What it means, in words. */
const char *hpn_dm_sftp_status_text(u_int status);
/* Data stay in the message. */
int hpn_dm_sftp_get_data(u_char type, struct sshbuf *, u_int *status,
    const u_char **data, size_t *len);
/* Bytes that are free for us, and whether there are free files. */
int hpn_dm_sftp_get_space(u_char type, struct sshbuf *, u_int *status,
    uint64_t *bytes, int *files);

#endif /* HPN_DM_SFTP_H */
