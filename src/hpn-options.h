/* SPDX-License-Identifier: ISC */
/*
 * hpn-options: the options that this project adds to ssh_config(5) and
 * sshd_config(5), kept together so that readconf.c and servconf.c need only
 * one line each for parsing, defaults, Match and dumping.
 */
#ifndef HPN_OPTIONS_H
#define HPN_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#define HPN_OPTION_UNSET	(-1)
#define HPN_OPTION_AUTO		(-2)

/* Bytes.  One packet and a bit must fit; above is hpn-window.h's ceiling. */
#define HPN_WINDOW_MAX_LEAST	(64LL * 1024)
#define HPN_WINDOW_MAX_DEFAULT	(128LL * 1024 * 1024)
#define HPN_MEMORY_MAX_LEAST	(1024LL * 1024)
#define HPN_MEMORY_MAX_DEFAULT	(256LL * 1024 * 1024)
#define HPN_MEMORY_MAX_MOST	(1LL << 40)

struct hpn_options {
	int disabled;		/* HPNDisabled */
	int rcvbuf_poll;	/* TcpRcvBufPoll */
	int64_t window_max;	/* HPNWindowMax, bytes */
	int64_t memory_max;	/* HPNMemoryMax, bytes */
	int threads;		/* HPNThreads, or HPN_OPTION_AUTO */
	int ring;		/* they make AES-CTR's keystream instead */
	int disable_mtaes;	/* DisableMTAES: no threads unless asked for */
	int none_enabled;	/* NoneEnabled */
	int none_mac;		/* NoneMacEnabled */
	int none_switch;	/* NoneSwitch; ssh_config only */
	int none_everywhere;	/* ... which holds for all hosts */
	int everywhere;		/* while reading: so does what comes now */
};

/*
 * Keywords of HPN-SSH that mean nothing here but stand in configuration files
 * that must still load, as entries of a keyword table; the arguments are an
 * entry's members after the name.
 */
#define HPN_KEYWORDS_FOREIGN(...) \
	{ "hpnbuffersize", __VA_ARGS__ }, \
	{ "hpnbufferlimit", __VA_ARGS__ }, \
	{ "tcprcvbuf", __VA_ARGS__ }, \
	{ "metrics", __VA_ARGS__ }, \
	{ "metricspath", __VA_ARGS__ }, \
	{ "metricsinterval", __VA_ARGS__ }, \
	{ "fallback", __VA_ARGS__ }, \
	{ "fallbackport", __VA_ARGS__ }, \
	{ "happyeyes", __VA_ARGS__ }, \
	{ "happydelay", __VA_ARGS__ }, \
	{ "usemptcp", __VA_ARGS__ }

void hpn_options_init(struct hpn_options *);
void hpn_options_fill(struct hpn_options *);

/* What is set in src replaces what dst has: for sshd_config's Match. */
void hpn_options_copy(struct hpn_options *dst, const struct hpn_options *src);

/*
 * Parse the argument of HPNWindowMax (window != 0) or HPNMemoryMax: a number
 * of bytes, or of K, M, G; arg may be NULL.  Store it if `active` and not set
 * before: the first value holds, as everywhere in the configuration.
 * Returns 0, or -1 and the reason, which completes "value 'x' ".
 */
int hpn_options_size(struct hpn_options *, int window, const char *arg,
    int active, const char **reason);

/*
 * The same for HPNThreads: "auto", or a number from 0 to HPN_THREADS_MOST, or
 * "ring:" and such a number.
 */
int hpn_options_threads(struct hpn_options *, const char *arg, int active,
    const char **reason);

/* NoneSwitch is about to be read, where it counts: remember what it is for. */
void hpn_options_none_switch(struct hpn_options *, int active, int cmdline);

/* Print as ssh -G and sshd -T do, without NoneSwitch, which sshd has not. */
void hpn_options_dump(const struct hpn_options *, FILE *);

#endif /* HPN_OPTIONS_H */
