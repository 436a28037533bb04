/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-window.h for what this does and in which units. */

#include <string.h>

#include "hpn-sftp-window.h"

/* Round trips' worth to ask for while the path still gets faster ... */
#define GAIN_RISING	4
/* ... and afterwards. */
#define GAIN_STEADY	2
/* It gets no faster after so many rounds without a rise. */
#define STEADY_ROUNDS	4
/* The most delivered decays by 1/16 with each round that brings less. */
#define DECAY_SHIFT	4
/* Rounds shorter than this tell about scheduling, not about the path. */
#define ROUND_LEAST_NS	2000000ULL
/* Soon is within so many round trips, or that long if they are shorter. */
#define SOON_TRIPS	4
#define SOON_LEAST_NS	250000000ULL

void
hpn_sftp_window_init(struct hpn_sftp_window *x, unsigned int requests)
{
	memset(x, 0, sizeof(*x));
	x->window = HPN_SFTP_WINDOW_MIN;
	x->requests = HPN_SFTP_WINDOW_REQUESTS;
	if (requests != 0) {
		x->requests = requests;
		x->fixed = 1;
	}
	x->files = HPN_SFTP_WINDOW_FILES_FIRST;
	hpn_sftp_window_handles(x, 0);
}

static void
limit_files(struct hpn_sftp_window *x)
{
	unsigned int dirs;

	if (x->files_local != 0 && x->files_max > x->files_local)
		x->files_max = x->files_local;
	if (x->bears != 0) {
		dirs = x->bears < 8 ? 1 : x->bears / 4;
		if (x->dirs > dirs)
			x->dirs = dirs;
		if (x->files_max > x->bears)
			x->files_max = x->bears;
	}
	if (x->files_max == 0)
		x->files_max = 1;
	if (x->files > x->files_max)
		x->files = x->files_max;
}

void
hpn_sftp_window_local(struct hpn_sftp_window *x, unsigned int files)
{
	x->files_local = files;
	limit_files(x);
}

void
hpn_sftp_window_handles(struct hpn_sftp_window *x, uint64_t handles)
{
	uint64_t told = handles;

	if (x->files_max != 0 && told == x->handles)
		return;
	if (handles == 0) {
		x->files_max = HPN_SFTP_WINDOW_FILES_UNKNOWN;
		x->dirs = HPN_SFTP_WINDOW_DIRS_UNKNOWN;
	} else {
		x->dirs = handles / 4 < HPN_SFTP_WINDOW_DIRS_MAX ?
		    (unsigned int)handles / 4 : HPN_SFTP_WINDOW_DIRS_MAX;
		handles -= handles / 4;
		x->files_max = handles < HPN_SFTP_WINDOW_FILES_MAX ?
		    (unsigned int)handles : HPN_SFTP_WINDOW_FILES_MAX;
		/* One that allows hundreds need not be approached slowly. */
		if (x->files_max / 2 > x->files)
			x->files = x->files_max / 2;
	}
	if (x->dirs == 0)
		x->dirs = 1;
	limit_files(x);
	x->handles = told;
}

void
hpn_sftp_window_answered(struct hpn_sftp_window *x, uint64_t took_ns)
{
	if (took_ns != 0 && (x->rtt_ns == 0 || took_ns < x->rtt_ns))
		x->rtt_ns = took_ns;
}

static void
end_round(struct hpn_sftp_window *x, uint64_t round_ns, uint64_t took_ns)
{
	double per_trip, window;
	uint64_t delivered;

	per_trip = (double)x->round_bytes *
	    ((double)round_ns / (double)took_ns);
	delivered = per_trip < (double)HPN_SFTP_WINDOW_MAX ?
	    (uint64_t)per_trip : HPN_SFTP_WINDOW_MAX;
	if (delivered > x->delivered + x->delivered / 8)
		x->rounds = 0;
	else if (x->rounds < STEADY_ROUNDS)
		x->rounds++;
	if (delivered >= x->delivered)
		x->delivered = delivered;
	else
		x->delivered -= (x->delivered - delivered) >> DECAY_SHIFT;
	window = (double)x->delivered *
	    (x->rounds < STEADY_ROUNDS ? GAIN_RISING : GAIN_STEADY) +
	    HPN_SFTP_WINDOW_MIN;
	x->window = window < (double)HPN_SFTP_WINDOW_MAX ?
	    (uint64_t)window : HPN_SFTP_WINDOW_MAX;
}

static uint64_t
scale(uint64_t n, uint64_t to_ns, uint64_t from_ns)
{
	double scaled = (double)n * ((double)to_ns / (double)from_ns);

	return scaled < (double)HPN_SFTP_WINDOW_MAX ? (uint64_t)scaled :
	    HPN_SFTP_WINDOW_MAX;
}

/* As much as lately, or less by a quarter at a time. */
static uint64_t
settle(uint64_t was, uint64_t is)
{
	return is >= was ? is : was - (was - is + 3) / 4;
}

/* What is moved within the time that is soon. */
static void
count_soon(struct hpn_sftp_window *x, uint64_t bytes, uint64_t now_ns)
{
	uint64_t soon_ns = SOON_LEAST_NS, took_ns;

	if (x->rtt_ns > SOON_LEAST_NS / SOON_TRIPS)
		soon_ns = x->rtt_ns < UINT64_MAX / SOON_TRIPS ?
		    SOON_TRIPS * x->rtt_ns : UINT64_MAX;
	if (x->soon_begun_ns != 0 && now_ns >= x->soon_begun_ns) {
		if (bytes > HPN_SFTP_WINDOW_MAX - x->soon_now)
			bytes = HPN_SFTP_WINDOW_MAX - x->soon_now;
		x->soon_now += bytes;
		if ((took_ns = now_ns - x->soon_begun_ns) < soon_ns)
			return;
		x->soon_bytes = settle(x->soon_bytes,
		    scale(x->soon_now, soon_ns, took_ns));
		x->soon_files = (unsigned int)settle(x->soon_files,
		    scale(x->soon_files_now, soon_ns, took_ns));
		x->soon_known = 1;
	}
	x->soon_begun_ns = now_ns;
	x->soon_now = 0;
	x->soon_files_now = 0;
}

void
hpn_sftp_window_delivered(struct hpn_sftp_window *x, uint64_t bytes,
    uint64_t now_ns)
{
	uint64_t round_ns, took_ns;

	count_soon(x, bytes, now_ns);
	round_ns = x->rtt_ns > ROUND_LEAST_NS ? x->rtt_ns : ROUND_LEAST_NS;
	if (x->round_begun_ns == 0 || now_ns < x->round_begun_ns) {
		x->round_begun_ns = now_ns;
		x->round_bytes = 0;
		return;
	}
	x->round_bytes += bytes;
	if ((took_ns = now_ns - x->round_begun_ns) < round_ns)
		return;
	end_round(x, round_ns, took_ns);
	x->round_begun_ns = now_ns;
	x->round_bytes = 0;
}

int
hpn_sftp_window_may_ask(const struct hpn_sftp_window *x, uint64_t bytes,
    unsigned int requests, uint64_t len)
{
	if (requests == 0)
		return 1;
	if (requests >= x->requests)
		return 0;
	return len == 0 || x->fixed || bytes == 0 ||
	    (bytes < x->window && len <= x->window - bytes);
}

int
hpn_sftp_window_may_open(const struct hpn_sftp_window *x, unsigned int files,
    uint64_t bytes)
{
	if (files == 0)
		return 1;
	return files < x->files && files < x->requests && bytes < x->window;
}

int
hpn_sftp_window_may_create(const struct hpn_sftp_window *x, unsigned int files,
    uint64_t bytes)
{
	if (files == 0)
		return 1;
	if (!hpn_sftp_window_may_open(x, files, bytes))
		return 0;
	if (!x->soon_known)
		return bytes < x->soon_now + HPN_SFTP_WINDOW_AHEAD_FIRST;
	return files < x->soon_files + HPN_SFTP_WINDOW_AHEAD_FILES &&
	    bytes < x->soon_bytes + HPN_SFTP_WINDOW_AHEAD_BYTES;
}

void
hpn_sftp_window_closed(struct hpn_sftp_window *x)
{
	if (x->soon_files_now < HPN_SFTP_WINDOW_MAX)
		x->soon_files_now++;
	if (x->files < x->files_max)
		x->files++;
}

void
hpn_sftp_window_bears(struct hpn_sftp_window *x, unsigned int handles)
{
	if (handles == 0)
		return;
	if (x->bears == 0 || handles < x->bears)
		x->bears = handles;
	limit_files(x);
}

int
hpn_sftp_window_may_hold(const struct hpn_sftp_window *x, unsigned int handles)
{
	return x->bears == 0 || handles < x->bears;
}
