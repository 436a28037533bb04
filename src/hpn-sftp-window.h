/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-window: how much of a file transfer may be under way at a time.
 *
 * An SFTP client sends requests and waits for answers.  The bytes that it has
 * requested and not received are a window like that of TCP.  They limit the
 * rate to window / round trip.  This module decides how many bytes may be
 * requested, in how many requests, and how many files may be open on the
 * server.  The window is what the path delivers in a few round trips.  It
 * doubles each round trip while it is the limit.
 *
 * Policy only: no descriptor, no clock, no memory of its own.  Bytes, and
 * nanoseconds of a monotonic clock.
 */
#ifndef HPN_SFTP_WINDOW_H
#define HPN_SFTP_WINDOW_H

#include <stdint.h>

/*
 * The least window.  Programs and sockets between the two ends may hold that
 * much by themselves.
 */
#define HPN_SFTP_WINDOW_MIN		(4U * 1024 * 1024)
/*
 * The largest window.  A server may have to store this much.  OpenSSH's stores
 * at most 128 MiB, and then reads no requests until it has sent some of it.
 */
#define HPN_SFTP_WINDOW_MAX		(256U * 1024 * 1024)
/* Most requests: for a server that answers in small pieces. */
#define HPN_SFTP_WINDOW_REQUESTS	16384

/*
 * Files open on the server: at first, at most, and at most if the server does
 * not say what it allows.
 */
#define HPN_SFTP_WINDOW_FILES_FIRST	32
#define HPN_SFTP_WINDOW_FILES_MAX	256
#define HPN_SFTP_WINDOW_FILES_UNKNOWN	64
/*
 * How far an upload may be ahead, beyond what the path has recently moved.  A
 * file that is made ahead of its data stays empty if the copy ends then.
 */
#define HPN_SFTP_WINDOW_AHEAD_BYTES	(256U * 1024)
#define HPN_SFTP_WINDOW_AHEAD_FILES	32
/* ... while nothing is known of the path, bytes. */
#define HPN_SFTP_WINDOW_AHEAD_FIRST	(1024U * 1024)
/* Directories open there: at most, and at most if the server does not say. */
#define HPN_SFTP_WINDOW_DIRS_MAX	16
#define HPN_SFTP_WINDOW_DIRS_UNKNOWN	8

struct hpn_sftp_window {
	uint64_t window;		/* bytes */
	uint64_t rtt_ns;		/* shortest seen; 0: none yet */
	uint64_t round_begun_ns;	/* 0: no round yet */
	uint64_t round_bytes;		/* delivered in it */
	uint64_t delivered;		/* most of late, bytes in a round trip */
	unsigned int rounds;		/* since that rose by an eighth */
	unsigned int requests;		/* most requests under way */
	unsigned int fixed;		/* that is the user's wish */
	uint64_t handles;		/* the server's limit, 0: unknown */
	unsigned int files;		/* most files open now ... */
	unsigned int files_max;		/* ... and ever */
	unsigned int files_local;	/* most that we can open, 0: unknown */
	unsigned int dirs;		/* most directories open */
	unsigned int bears;		/* most of both, 0: unknown */
	uint64_t soon_begun_ns;		/* of that time; 0: not yet */
	uint64_t soon_now, soon_bytes;	/* moved in it, and in those before */
	unsigned int soon_files_now, soon_files;
	int soon_known;
};

/* requests 0: follow the path.  Otherwise so many, whatever their size. */
void hpn_sftp_window_init(struct hpn_sftp_window *, unsigned int requests);

/* The server allows so many open handles at a time; 0: it does not say. */
void hpn_sftp_window_handles(struct hpn_sftp_window *, uint64_t handles);

/* We can open so many files (at least 1) at a time ourselves. */
void hpn_sftp_window_local(struct hpn_sftp_window *, unsigned int files);

/*
 * A request that moves no data was answered after so long.  Those that move
 * data say nothing about the path: they wait for each other.
 */
void hpn_sftp_window_answered(struct hpn_sftp_window *, uint64_t took_ns);

/* So many bytes of files were read, or were acknowledged as written. */
void hpn_sftp_window_delivered(struct hpn_sftp_window *, uint64_t bytes,
    uint64_t now_ns);

/*
 * Whether a request for len bytes (0: one that moves no data) may be sent
 * while requests are under way that ask for bytes.  One always may.
 */
int hpn_sftp_window_may_ask(const struct hpn_sftp_window *, uint64_t bytes,
    unsigned int requests, uint64_t len);

/*
 * Whether another file may be opened while files are open, of which bytes are
 * still to be asked for.
 */
int hpn_sftp_window_may_open(const struct hpn_sftp_window *, unsigned int files,
    uint64_t bytes);

/*
 * As hpn_sftp_window_may_open(), for a file that is created when it is opened.
 * The answer is no until its data can be sent soon.  bytes: those that are
 * under way, and those of open files that are still to be sent.
 */
int hpn_sftp_window_may_create(const struct hpn_sftp_window *,
    unsigned int files, uint64_t bytes);

/* A file was opened and closed: the server allows more. */
void hpn_sftp_window_closed(struct hpn_sftp_window *);

/*
 * The server was seen to allow so many open files and directories, and refused
 * one more; 0: this was not seen.  The limit never rises again.
 */
void hpn_sftp_window_bears(struct hpn_sftp_window *, unsigned int handles);

/* Whether another may be opened while so many of both are. */
int hpn_sftp_window_may_hold(const struct hpn_sftp_window *,
    unsigned int handles);

#endif /* HPN_SFTP_WINDOW_H */
