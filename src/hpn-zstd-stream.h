/* SPDX-License-Identifier: ISC */
/*
 * hpn-zstd-stream: the two directions of a connection that zstd@openssh-hpn was
 * agreed on for.  hpn-zstd decides, libzstd compresses.  Without libzstd nothing
 * is offered, and no name is ours.
 *
 * Both directions begin anew with new keys, as those of zlib@openssh.com do.
 * Memory is taken when the first packet needs it:
 *
 *	sending		3.5 MiB at level 3, 20 MiB at the highest
 *	receiving	3 MiB at most, whatever the peer sends
 *
 * Errors are SSH_ERR_*; 0 is success.
 */
#ifndef HPN_ZSTD_STREAM_H
#define HPN_ZSTD_STREAM_H

#include <sys/types.h>

struct ssh;
struct sshbuf;
struct hpn_zstd_stream;

/* Whether this name, of what was agreed on, is ours. */
int hpn_zstd_stream_is(const char *name);

/*
 * Add our name to the two lists of a proposal: last if "none" is preferred there,
 * first if zlib is.  A list of one name stays as it is: compression is off.
 */
void hpn_zstd_stream_propose(char **proposal, int disabled);

/* A copy of the list with our name at its end.  The caller frees it.  Fatal
 * without memory. */
char *hpn_zstd_stream_names(const char *names);

/* The direction, MODE_IN or MODE_OUT, begins or begins anew. */
int hpn_zstd_stream_begin(struct hpn_zstd_stream **, int mode);

/*
 * A packet on its way out: five bytes for its lengths, then its payload, which
 * is replaced by what is sent.
 */
int hpn_zstd_stream_put(struct hpn_zstd_stream *, struct sshbuf *packet,
    int level);
/* The level that this connection is to use. */
int hpn_zstd_stream_level(const struct ssh *);

/* A packet on its way in: what was received is replaced by the payload. */
int hpn_zstd_stream_get(struct hpn_zstd_stream *, struct sshbuf *packet);

/* Whether the last packet of bulk data was compressed, either way. */
int hpn_zstd_stream_works(const struct hpn_zstd_stream *);

/* Give back what sending took.  The next compressed packet takes it again. */
void hpn_zstd_stream_idle(struct hpn_zstd_stream *);

/* Log what was saved, and free it. */
void hpn_zstd_stream_free(struct hpn_zstd_stream **);

#endif /* HPN_ZSTD_STREAM_H */
