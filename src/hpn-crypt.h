/* SPDX-License-Identifier: ISC */
/*
 * hpn-crypt: seal or open one whole SSH packet, by itself and in any order.
 *
 * The position of a packet in the key's counter is a parameter here.  The
 * serial path keeps it in a running cipher (RFC 4344 section 4 for CTR, RFC
 * 5647 section 7.1 for GCM).  cipher_crypt() and mac_compute() do the work, so
 * the bytes are the same.  A connection may change between this and the serial
 * path at any packet.
 *
 * Who produces, who consumes, who owns
 *	The main thread makes keys, gives out positions and sequence numbers in
 *	order, and makes jobs.  hpn_crypt_run() is the run function of an
 *	hpn-engine.  Others may call it, too, but only one thread at a time
 *	under one number.  A key never changes after it was made.  Each job
 *	holds a reference to its key, so a new key need not wait for jobs of
 *	the old one.  A job's buffers belong to the thread that runs it until
 *	it is done.
 *
 * A packet
 *	Length field, padding length, payload, padding: `len` bytes.  Then the
 *	cipher's tag or the MAC, hpn_crypt_tag_len() bytes.  Buffers need room
 *	for both.  in and out are the same buffer, or do not overlap.
 *
 * Return values are 0 or SSH_ERR_*; lengths are bytes.
 */
#ifndef HPN_CRYPT_H
#define HPN_CRYPT_H

#include <sys/types.h>

struct sshenc;			/* kex.h */
struct sshmac;			/* mac.h */
struct sshcipher_ctx;		/* cipher.h */
struct hpn_crypt_key;
struct hpn_engine;
struct newkeys;

/*
 * Where in its key's counter a packet begins: the serial cipher's IV just
 * before the packet.
 *	GCM	4 fixed bytes, and the invocation counter, 64 bits, big endian
 *	CTR	the counter block, 128 bits, big endian
 * Both counters wrap round.  ChaCha20-Poly1305 has no position: it needs only
 * the sequence number.
 */
struct hpn_crypt_position {
	u_char iv[16];
};

struct hpn_crypt_job {
	struct hpn_crypt_key *key;	/* the job's own reference */
	struct hpn_crypt_position at;
	u_int32_t seqnr;
	const u_char *in;
	u_char *out;
	u_int len;			/* of the packet without the tag */
	int r;				/* result: 0 or SSH_ERR_* */
};

/*
 * Whether this cipher and MAC can be used here: AES-GCM, ChaCha20-Poly1305,
 * AES-CTR with a MAC.  A cipher that authenticates by itself needs no MAC.
 */
int hpn_crypt_usable(const struct sshenc *, const struct sshmac *);

/*
 * A key of one direction, with one reference.  Key and MAC key are copied.
 * encrypt: CIPHER_ENCRYPT or CIPHER_DECRYPT (cipher.h).  The calling thread
 * makes what workers 0 to `workers` need.  A worker of a higher number makes
 * its own when it first uses the key.
 */
int hpn_crypt_key_new(const struct sshenc *, const struct sshmac *,
    int encrypt, u_int workers, struct hpn_crypt_key **);

struct hpn_crypt_key *hpn_crypt_key_ref(struct hpn_crypt_key *);
/* With the last reference, everything is wiped and freed.  NULL is fine. */
void hpn_crypt_key_unref(struct hpn_crypt_key *);

/* Bytes after the packet: tag or MAC. */
u_int hpn_crypt_tag_len(const struct hpn_crypt_key *);
/* Bytes before what is encrypted: 4 if the length is not, or apart; else 0. */
u_int hpn_crypt_aad_len(const struct hpn_crypt_key *);

/*
 * Change from the serial path to this one, and back.  _begin gets the position
 * of the serial cipher, which does not change.  _end sets a serial cipher to
 * where the next packet begins.  The serial cipher has the same key and
 * direction, and is between two packets.
 */
int hpn_crypt_position_begin(const struct hpn_crypt_key *,
    struct sshcipher_ctx *serial, struct hpn_crypt_position *);
int hpn_crypt_position_end(const struct hpn_crypt_key *,
    struct sshcipher_ctx *serial, const struct hpn_crypt_position *);
/*
 * New keys for one direction: make a key of them.  It begins where `serial`
 * is, which was made of the same keys.  The old reference in *kp (NULL: none
 * yet) is given back.  If this fails, nothing changes.
 */
int hpn_crypt_key_change(struct hpn_crypt_key **kp,
    struct hpn_crypt_position *, const struct sshenc *, const struct sshmac *,
    int encrypt, u_int workers, struct sshcipher_ctx *serial);
/*
 * Make an engine that runs jobs of hpn_crypt_run() under such keys.  discard,
 * jobs and bytes are as in struct hpn_engine_conf.  SSH_ERR_INVALID_ARGUMENT:
 * this module cannot use the keys' cipher and MAC.  SSH_ERR_SYSTEM_ERROR: no
 * worker could be had.
 */
int hpn_crypt_engine_new(struct hpn_engine **, const struct newkeys *,
    void (*discard)(void *job, int done), u_int workers, size_t jobs,
    size_t bytes);
/* Move on by one packet of len bytes, without the tag. */
void hpn_crypt_position_advance(const struct hpn_crypt_key *,
    struct hpn_crypt_position *, u_int len);

/*
 * Framing, for the main thread (it runs under number 0): get packet_length of
 * the packet that begins with the len bytes at cp.  It is not authenticated
 * yet.  The bytes do not change.  On the wire the packet has *packlenp + 4 +
 * hpn_crypt_tag_len() bytes.
 *	SSH_ERR_MESSAGE_INCOMPLETE	more bytes are needed
 *	SSH_ERR_CONN_CORRUPT		the length is above packet_max, or does
 *					not fit the cipher's block; *packlenp is
 *					set all the same
 */
int hpn_crypt_length(struct hpn_crypt_key *, const struct hpn_crypt_position *,
    u_int32_t seqnr, const u_char *cp, size_t len, u_int packet_max,
    u_int *packlenp);

/*
 * Fill a job, with a reference of its own, and advance *at.  To be called in
 * the order of the packets.
 */
void hpn_crypt_job_init(struct hpn_crypt_job *, struct hpn_crypt_key *,
    struct hpn_crypt_position *at, u_int32_t seqnr, const u_char *in,
    u_char *out, u_int len);
/* Give the reference back.  Buffers are the caller's. */
void hpn_crypt_job_clear(struct hpn_crypt_job *);

/*
 * Seal or open.  The result is in job->r: SSH_ERR_MAC_INVALID if a packet was
 * changed on its way.  If the result is not 0, out (packet and tag) is all
 * zero.  If in and out are one buffer, so is in.  So no unchecked plaintext
 * remains, and no plaintext that was to be sealed.
 */
void hpn_crypt_run(void *job, u_int worker);

#endif /* HPN_CRYPT_H */
