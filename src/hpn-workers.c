/* SPDX-License-Identifier: ISC */
/* See hpn-workers.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hpn-packet-buf.h"
#include "hpn-channels.h"
#include "hpn-clock.h"
#include "hpn-cpus.h"
#include "hpn-crypt.h"
#include "hpn-engine.h"
#include "hpn-loop.h"
#include "hpn-opener.h"
#include "hpn-workers.h"
#include "hpn-sealer.h"
#include "hpn-workers-auto.h"
#include "cipher.h"
#include "cipher-ctr-mt.h"
#include "kex.h"
#include "log.h"
#include "misc.h"
#include "packet.h"
#include "sshbuf.h"
#include "ssherr.h"

/* A packet of bulk data, for measuring. */
#define SAMPLE_LEN	(32 * 1024)
#define SAMPLES		4

struct direction {
	struct hpn_workers_auto threads;
	u_int64_t counted;	/* bytes that threads knows of */
	u_int64_t cost;		/* ns for 1 MiB; 0: not measured */
	int unable;		/* no threads with these keys */
};

struct hpn_workers {
	struct direction out, in;
	struct hpn_sealer *sealer;
	struct hpn_opener *opener;
	u_int cpus;		/* 0: not asked yet */
};

/* What all CPUs together were idle, ns; 0: not known. */
static u_int64_t
idle_ns(void)
{
	unsigned long long idle = 0;
	long hz = sysconf(_SC_CLK_TCK);
	FILE *f;

	if (hz <= 0 || (f = fopen("/proc/stat", "re")) == NULL)
		return 0;
	/* user nice system idle */
	if (fscanf(f, "cpu %*u %*u %*u %llu", &idle) != 1)
		idle = 0;
	fclose(f);
	return idle * (1000000000ULL / (u_int64_t)hz);
}

static struct hpn_workers *
made(struct ssh *ssh, struct hpn_workers **hp)
{
	struct hpn_workers *h = *hp;
	int wanted, ring;

	if (h != NULL)
		return h;
	if (ssh->hpn == NULL)
		return NULL;
	wanted = hpn_channels_threads(ssh);
	ring = hpn_channels_ring(ssh);
	if ((wanted == 0 && ring == 0) || (h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	if (ring > 0)
		cipher_ctr_mt_allow(ring);
	hpn_workers_auto_init(&h->out.threads, wanted);
	hpn_workers_auto_init(&h->in.threads, wanted);
	*hp = h;
	return h;
}

/*
 * What sealing costs with this cipher and MAC; opening costs the same.  The
 * keys are not the connection's: no counter of those may serve twice.
 */
static u_int64_t
measure(const struct newkeys *keys)
{
	struct sshenc enc = keys->enc;
	struct sshmac mac = keys->mac;
	struct hpn_crypt_key *key = NULL;
	struct hpn_crypt_position at;
	struct hpn_crypt_job job;
	u_char *buf = NULL, *secret = NULL;
	u_int64_t begin, took, least = 0;
	size_t len = (size_t)enc.key_len + enc.iv_len + mac.key_len;
	u_int i;

	memset(&at, 0, sizeof(at));
	if ((secret = malloc(len)) == NULL ||
	    (buf = calloc(1, SAMPLE_LEN + 256)) == NULL)
		goto out;
	arc4random_buf(secret, len);
	enc.key = secret;
	enc.iv = secret + enc.key_len;
	mac.key = secret + enc.key_len + enc.iv_len;
	if (hpn_crypt_key_new(&enc, &mac, CIPHER_ENCRYPT, 0, &key) != 0 ||
	    hpn_crypt_tag_len(key) > 256)
		goto out;
	for (i = 0; i < SAMPLES; i++) {
		/* in place, with what this cipher does not encrypt in front */
		hpn_crypt_job_init(&job, key, &at, i, buf, buf,
		    SAMPLE_LEN + hpn_crypt_aad_len(key));
		begin = hpn_clock_ns();
		hpn_crypt_run(&job, HPN_ENGINE_MAIN);
		took = hpn_clock_ns() - begin;
		hpn_crypt_job_clear(&job);
		if (job.r != 0)
			break;
		if (least == 0 || took < least)
			least = took;
	}
 out:
	hpn_crypt_key_unref(key);
	if (secret != NULL)
		freezero(secret, len);
	free(buf);
	return least * (1024 * 1024 / SAMPLE_LEN);
}

/* How many workers this direction is to have now. */
static u_int
workers(struct hpn_workers *h, struct direction *d, const struct newkeys *keys,
    u_int64_t bytes)
{
	struct hpn_workers_facts facts;
	size_t len = (size_t)(bytes - d->counted);

	d->counted = bytes;
	if (d->unable || !hpn_workers_auto_due(&d->threads, len))
		return d->threads.now;
	if (!hpn_crypt_usable(&keys->enc, &keys->mac)) {
		d->unable = 1;
		return 0;
	}
	if (h->cpus == 0) {
		h->cpus = hpn_cpus();
		if (d->threads.wanted == HPN_WORKERS_AUTO && h->cpus > 1)
			cipher_ctr_mt_allow(CIPHER_CTR_MT_AUTO);
	}
	/* The first time only begins to count */
	if (d->cost == 0 && d->threads.start_ns != 0)
		d->cost = measure(keys);
	facts.now_ns = hpn_clock_ns();
	facts.cpu_ns = hpn_clock_of(CLOCK_THREAD_CPUTIME_ID);
	facts.idle_ns = idle_ns();
	facts.cpus = h->cpus;
	facts.cost = d->cost;
	return hpn_workers_auto_decide(&d->threads, &facts);
}

static void
stop_sealing(struct hpn_workers *h, struct sshcipher_ctx *serial,
    struct sshbuf *output)
{
	int r;

	if ((r = hpn_sealer_flush(h->sealer, output, serial)) != 0)
		fatal_fr(r, "hand over to one thread");
	hpn_sealer_free(h->sealer);
	h->sealer = NULL;
}

int
hpn_workers_seals(struct ssh *ssh, struct hpn_workers **hp,
    const struct newkeys *keys, struct sshcipher_ctx *serial, u_int64_t sent,
    struct sshbuf *output)
{
	struct hpn_workers *h;
	u_int before, n;
	int r;

	if (keys == NULL || (h = made(ssh, hp)) == NULL)
		return 0;
	before = h->out.threads.now;
	n = workers(h, &h->out, keys, sent);
	if (n == 0 || h->out.unable) {
		if (h->sealer != NULL) {
			debug_f("%s: one thread is as fast", keys->enc.name);
			stop_sealing(h, serial, output);
		}
		return 0;
	}
	if (h->sealer == NULL) {
		if ((r = hpn_sealer_new(&h->sealer, keys, serial, n)) != 0) {
			debug_fr(r, "%s: one thread", keys->enc.name);
			h->out.unable = 1;
			return 0;
		}
		debug_f("%s: %u threads", keys->enc.name, n);
	} else if ((n > before || hpn_sealer_workers(h->sealer) == 0) &&
	    hpn_sealer_grow(h->sealer, n) == 0) {
		/* We are a child of the process that began */
		h->out.unable = 1;
		stop_sealing(h, serial, output);
		return 0;
	}
	return 1;
}

int
hpn_workers_seal(struct hpn_workers *h, struct sshbuf **packet, u_int32_t seqnr,
    u_char type, struct sshbuf *output)
{
	return hpn_sealer_put(h->sealer, packet, seqnr, type, output);
}

static int
stop_opening(struct hpn_workers *h, struct sshcipher_ctx *serial)
{
	int r = hpn_opener_free(h->opener, serial);

	h->opener = NULL;
	return r;
}

int
hpn_workers_opens(struct ssh *ssh, struct hpn_workers **hp,
    const struct newkeys *keys, struct sshcipher_ctx *serial,
    u_int64_t received)
{
	struct hpn_workers *h;
	u_int before, n;
	int r;

	if (keys == NULL || (h = made(ssh, hp)) == NULL)
		return 0;
	before = h->in.threads.now;
	n = workers(h, &h->in, keys, received);
	if (n == 0 || h->in.unable) {
		if (h->opener != NULL) {
			debug_f("%s: one thread is as fast", keys->enc.name);
			if ((r = stop_opening(h, serial)) != 0)
				fatal_fr(r, "hand over to one thread");
		}
		return 0;
	}
	if (h->opener == NULL) {
		if ((r = hpn_opener_new(&h->opener, keys, serial, n)) != 0) {
			debug_fr(r, "%s: one thread", keys->enc.name);
			h->in.unable = 1;
			return 0;
		}
		debug_f("%s: %u threads", keys->enc.name, n);
	} else if ((n > before || hpn_opener_workers(h->opener) == 0) &&
	    hpn_opener_grow(h->opener, n) == 0) {
		h->in.unable = 1;
		if ((r = stop_opening(h, serial)) != 0)
			fatal_fr(r, "hand over to one thread");
		return 0;
	}
	return 1;
}

int
hpn_workers_open(struct ssh *ssh, struct hpn_workers *h,
    struct sshcipher_ctx *serial, struct sshbuf *input, u_int32_t seqnr,
    u_int packet_max, u_char last, struct sshbuf **packet, u_int *packlenp)
{
	int r, r2;

	r = hpn_opener_next(h->opener, input, seqnr, packet_max,
	    !ssh_packet_is_rekeying(ssh), last, packet, packlenp);
	if (r == SSH_ERR_CONN_CORRUPT) {
		h->in.unable = 1;
		if ((r2 = stop_opening(h, serial)) != 0)
			return r2;
	}
	return r;
}

void
hpn_workers_settle(struct hpn_workers *h)
{
	if (h != NULL && h->opener != NULL)
		hpn_opener_settle(h->opener);
}

int
hpn_workers_newkeys(struct hpn_workers *h, int mode, const struct newkeys *keys,
    struct sshcipher_ctx *serial, struct sshbuf *output)
{
	struct direction *d;
	int r, usable;

	if (h == NULL)
		return 0;
	usable = hpn_crypt_usable(&keys->enc, &keys->mac);
	d = mode == MODE_OUT ? &h->out : &h->in;
	d->cost = 0;
	d->unable = !usable;
	if (mode == MODE_OUT && h->sealer != NULL) {
		if (usable &&
		    (r = hpn_sealer_rekey(h->sealer, keys, serial)) == 0) {
			debug_f("%s: still %u threads seal", keys->enc.name,
			    hpn_sealer_workers(h->sealer));
			return 0;
		}
		/* `serial` is made of the new keys already */
		d->unable = 1;
		stop_sealing(h, NULL, output);
	}
	if (mode == MODE_IN && h->opener != NULL) {
		if (usable) {
			r = hpn_opener_rekey(h->opener, keys, serial);
			if (r == 0)
				debug_f("%s: still %u threads open",
				    keys->enc.name,
				    hpn_opener_workers(h->opener));
			if (r == 0 || r == SSH_ERR_INTERNAL_ERROR)
				return r;
		}
		d->unable = 1;
		return stop_opening(h, NULL);
	}
	return 0;
}

size_t
hpn_workers_unsent(const struct hpn_workers *h)
{
	return h == NULL || h->sealer == NULL ? 0 :
	    hpn_sealer_pending(h->sealer);
}

size_t
hpn_workers_backlog(const struct ssh *ssh, const struct hpn_workers *h)
{
	return h == NULL || h->sealer == NULL ? hpn_loop_trip(ssh) :
	    HPN_SEALER_BACKLOG;
}

size_t
hpn_workers_kick(struct hpn_workers *h)
{
	if (h == NULL || h->sealer == NULL)
		return 0;
	hpn_sealer_kick(h->sealer);
	return hpn_sealer_pending(h->sealer);
}

int
hpn_workers_write_poll(struct hpn_workers *h, int fd)
{
	ssize_t n;

	if (hpn_workers_unsent(h) == 0)
		return 0;
	if ((n = hpn_sealer_write(h->sealer, fd)) == 0)
		return SSH_ERR_CONN_CLOSED;
	if (n == -1 && errno != EINTR && errno != EAGAIN &&
	    errno != EWOULDBLOCK)
		return SSH_ERR_SYSTEM_ERROR;
	return 0;
}

void
hpn_workers_idle(struct hpn_workers *h, struct sshcipher_ctx *send,
    struct sshcipher_ctx *receive, struct sshbuf *input, struct sshbuf *output)
{
	int r;

	if (h != NULL && hpn_workers_unsent(h) == 0 &&
	    hpn_workers_auto_idle(&h->out.threads) == 0 && h->sealer != NULL)
		stop_sealing(h, send, output);
	if (h != NULL && sshbuf_len(input) == 0 &&
	    hpn_workers_auto_idle(&h->in.threads) == 0 && h->opener != NULL &&
	    (r = stop_opening(h, receive)) != 0)
		fatal_fr(r, "hand over to one thread");
	hpn_packet_buf_release(input);
	hpn_packet_buf_release(output);
}

void
hpn_workers_free(struct hpn_workers **hp)
{
	struct hpn_workers *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	hpn_sealer_free(h->sealer);
	(void)hpn_opener_free(h->opener, NULL);
	free(h);
}
