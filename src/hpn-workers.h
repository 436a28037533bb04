/* SPDX-License-Identifier: ISC */
/*
 * hpn-workers: what packet.c calls to share its work with threads.
 *
 * hpn-workers-auto decides when a direction of a connection gets threads.
 * From then on this passes packets to hpn-sealer or hpn-opener.  Without
 * threads packet.c works as in stock, and this makes system calls only once
 * every HPN_WORKERS_EVERY bytes.
 *
 * Threads appear only after hpn_channels_configure(), that is in the process
 * that carries an authenticated user's data.  One thread, packet.c's, calls
 * everything in here.  Return values are 0 or SSH_ERR_*.
 */
#ifndef HPN_WORKERS_H
#define HPN_WORKERS_H

#include <sys/types.h>

struct newkeys;
struct ssh;
struct sshbuf;
struct sshcipher_ctx;
struct hpn_workers;

/*
 * Whether the next packet to be sealed goes to hpn_workers_seal().  This may
 * take over from `serial`, or hand back to it.  Then packets that are sealed
 * move to output.  sent: bytes sent with all keys so far.
 */
int hpn_workers_seals(struct ssh *, struct hpn_workers **,
    const struct newkeys *, struct sshcipher_ctx *serial, u_int64_t sent,
    struct sshbuf *output);

/*
 * Take a complete packet and leave an empty buffer.  If there is no room, what
 * is sealed goes to output, which is always sent first.
 */
int hpn_workers_seal(struct hpn_workers *, struct sshbuf **packet,
    u_int32_t seqnr, u_char type, struct sshbuf *output);

/* The same question for what is received; asked between two packets. */
int hpn_workers_opens(struct ssh *, struct hpn_workers **,
    const struct newkeys *, struct sshcipher_ctx *serial,
    u_int64_t received);

/*
 * The next packet out of input, as hpn_opener_next().  SSH_ERR_CONN_CORRUPT:
 * it has a fault.  Go on with the serial path, which reports it.
 */
int hpn_workers_open(struct ssh *, struct hpn_workers *,
    struct sshcipher_ctx *serial, struct sshbuf *input, u_int32_t seqnr,
    u_int packet_max, u_char last, struct sshbuf **packet, u_int *packlenp);

/* Before memory of the input buffer moves. */
void hpn_workers_settle(struct hpn_workers *);

/* New keys are in force; `serial` was made of them.  mode: MODE_IN or _OUT. */
int hpn_workers_newkeys(struct hpn_workers *, int mode, const struct newkeys *,
    struct sshcipher_ctx *serial, struct sshbuf *output);

/* Bytes taken and not sent; hpn_workers may be NULL in what follows. */
size_t hpn_workers_unsent(const struct hpn_workers *);
/* How many bytes may wait to be sent before no more is made. */
size_t hpn_workers_backlog(const struct ssh *, const struct hpn_workers *);
/* As hpn_workers_unsent(), and nothing follows for now. */
size_t hpn_workers_kick(struct hpn_workers *);
/* Write what is sealed, as ssh_packet_write_poll(). */
int hpn_workers_write_poll(struct hpn_workers *, int fd);

/*
 * The connection carries nothing for now: give back what only bulk data need,
 * if nothing is in it.
 */
void hpn_workers_idle(struct hpn_workers *, struct sshcipher_ctx *send,
    struct sshcipher_ctx *receive, struct sshbuf *input,
    struct sshbuf *output);

/* Stop threads; what was not sent is lost. */
void hpn_workers_free(struct hpn_workers **);

#endif /* HPN_WORKERS_H */
