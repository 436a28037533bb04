/* SPDX-License-Identifier: ISC */
/*
 * hpn-options: the options that this project adds to ssh_config(5) and
 * sshd_config(5).  They are together here, so that readconf.c and servconf.c
 * need one opcode for all, and one line each for defaults, Match and dumping.
 */
#ifndef HPN_OPTIONS_H
#define HPN_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "hpn-workers-auto.h"
#include "hpn-zstd.h"

#define HPN_OPTION_UNSET	(-1)

/* Bytes.  One packet and a bit must fit; above is hpn-window.h's ceiling. */
#define HPN_WINDOW_MAX_LEAST	(64LL * 1024)
#define HPN_WINDOW_MAX_DEFAULT	(128LL * 1024 * 1024)	/* at least */
#define HPN_MEMORY_MAX_LEAST	(1024LL * 1024)
#define HPN_MEMORY_MAX_DEFAULT	(256LL * 1024 * 1024)
#define HPN_MEMORY_MAX_MOST	(1LL << 40)

/* Seconds between the lines of Metrics, as in HPN-SSH; and where they go. */
#define HPN_METRICS_INTERVAL	5
#define HPN_METRICS_INTERVAL_MOST	86400
#define HPN_METRICS_PATH	"ssh_stack_metrics"

/* Milliseconds: RFC 8305, section 8, which also has the bounds of use. */
#define HPN_HAPPY_DELAY		250
#define HPN_HAPPY_DELAY_LEAST	10
#define HPN_HAPPY_DELAY_MOST	60000

/* The kernel's TCP_CA_NAME_MAX, without the NUL */
#define HPN_OPTIONS_NAME_MAX	15
/* Bytes of a PATH, without the NUL */
#define HPN_OPTIONS_PATH_MAX	1023
/* A NAME or PATH that is none; mostly the default */
#define HPN_OPTIONS_NONE	"none"

/*
 * The options, one line each, in the order in which ssh -G and sshd -T print
 * them.  A new option is a line here, beside its manuals and samples.
 *
 * kind		FLAG (yes or no), SIZE (bytes; K, M, G), NUMBER, THREADS,
 *		NAME (letters, digits, - and _) or PATH (of a file)
 * keyword	in small letters
 * member	of struct hpn_options; HPN_OPTION_UNSET until it is set
 * default	a value; it may use the members of *o whose lines come before, and
 *		what hpn_options_fill() is told
 * where	BOTH: ssh_config and sshd_config, Match included.
 *		CLIENT: ssh_config; sshd takes it too, without effect.
 *		SERVER: sshd_config, Match included.
 * least, most	the bounds of a SIZE, of a NUMBER and of THREADS; the lengths
 *		that a NAME or a PATH may have
 */
#define HPN_OPTIONS(X) \
	X(FLAG, "hpndisabled", disabled, 0, BOTH, 0, 1) \
	X(FLAG, "tcprcvbufpoll", rcvbuf_poll, 1, BOTH, 0, 1) \
	X(SIZE, "hpnwindowmax", window_max, window_default(tcp_most), BOTH, \
	    HPN_WINDOW_MAX_LEAST, HPN_WINDOW_CEILING) \
	X(SIZE, "hpnmemorymax", memory_max, \
	    memory_default(side, o->window_max), BOTH, \
	    HPN_MEMORY_MAX_LEAST, HPN_MEMORY_MAX_MOST) \
	X(THREADS, "hpnthreads", threads, \
	    o->disable_mtaes == 1 ? 0 : HPN_WORKERS_AUTO, BOTH, \
	    0, HPN_WORKERS_MOST) \
	X(FLAG, "disablemtaes", disable_mtaes, 0, BOTH, 0, 1) \
	X(FLAG, "noneenabled", none_enabled, 0, BOTH, 0, 1) \
	X(FLAG, "nonemacenabled", none_mac, 0, BOTH, 0, 1) \
	X(FLAG, "noneswitch", none_switch, 0, CLIENT, 0, 1) \
	X(FLAG, "hpnfastconnect", fast_connect, !o->disabled, CLIENT, 0, 1) \
	X(FLAG, "happyeyes", happy_eyes, 0, CLIENT, 0, 1) \
	X(NUMBER, "happydelay", happy_delay, HPN_HAPPY_DELAY, CLIENT, \
	    HPN_HAPPY_DELAY_LEAST, HPN_HAPPY_DELAY_MOST) \
	X(FLAG, "usemptcp", mptcp, 0, BOTH, 0, 1) \
	X(NAME, "hpncongestion", congestion, HPN_OPTIONS_NONE, BOTH, \
	    1, HPN_OPTIONS_NAME_MAX) \
	X(SIZE, "hpnratelimit", rate_limit, 0, BOTH, 0, HPN_MEMORY_MAX_MOST) \
	X(FLAG, "hpnreport", report, 0, BOTH, 0, 1) \
	X(NUMBER, "zstdlevel", zstd_level, HPN_ZSTD_LEVEL, BOTH, \
	    HPN_ZSTD_LEVEL_LEAST, HPN_ZSTD_LEVEL_MOST) \
	X(PATH, "hpnreportfile", report_file, HPN_OPTIONS_NONE, CLIENT, \
	    1, HPN_OPTIONS_PATH_MAX) \
	X(FLAG, "metrics", metrics, 0, CLIENT, 0, 1) \
	X(PATH, "metricspath", metrics_path, HPN_METRICS_PATH, CLIENT, \
	    1, HPN_OPTIONS_PATH_MAX) \
	X(NUMBER, "metricsinterval", interval, HPN_METRICS_INTERVAL, CLIENT, \
	    1, HPN_METRICS_INTERVAL_MOST)

/*
 * Keywords of HPN-SSH that mean nothing here but stand in configuration files
 * that must still load.
 */
#define HPN_OPTIONS_FOREIGN(X) \
	X("hpnbuffersize") \
	X("hpnbufferlimit") \
	X("tcprcvbuf") \
	X("fallback") \
	X("fallbackport") \
	X("hpnusebundle") \
	X("hpnbundlesize") \
	X("hpnwriterpool") \
	X("hpntailredistribute") \
	X("hpnmaxretries") \
	X("hpnstallaborttimeout") \
	X("hpnmaxauthconcurrent") \
	X("hpnlustrestripecount") \
	X("hpnworkersdie") \
	X("transferlog")

#define HPN_OPTIONS_TYPE_FLAG		int
#define HPN_OPTIONS_TYPE_SIZE		int64_t
#define HPN_OPTIONS_TYPE_NUMBER		int
#define HPN_OPTIONS_TYPE_THREADS	int	/* or HPN_WORKERS_AUTO */
#define HPN_OPTIONS_TYPE_NAME		struct hpn_options_name
#define HPN_OPTIONS_TYPE_PATH		struct hpn_options_path
#define HPN_OPTIONS_MEMBER(kind, keyword, member, ...) \
	HPN_OPTIONS_TYPE_##kind member;

/* "" until it is set */
struct hpn_options_name {
	char text[HPN_OPTIONS_NAME_MAX + 1];
};

struct hpn_options_path {
	char text[HPN_OPTIONS_PATH_MAX + 1];
};

struct hpn_options {
	HPN_OPTIONS(HPN_OPTIONS_MEMBER)
	int ring;		/* threads make AES-CTR's keystream instead */
	int none_everywhere;	/* NoneSwitch holds for all hosts */
	int everywhere;		/* while reading: so does what comes now */
};

/* The entries of readconf.c's table of keywords, with the opcode oHPN. */
#define HPN_OPTIONS_READCONF_BOTH(keyword)	{ keyword, oHPN },
#define HPN_OPTIONS_READCONF_CLIENT(keyword)	{ keyword, oHPN },
#define HPN_OPTIONS_READCONF_SERVER(keyword)
#define HPN_OPTIONS_READCONF_X(kind, keyword, member, dflt, where, ...) \
	HPN_OPTIONS_READCONF_##where(keyword)
#define HPN_OPTIONS_READCONF \
	HPN_OPTIONS(HPN_OPTIONS_READCONF_X) \
	HPN_OPTIONS_FOREIGN(HPN_OPTIONS_READCONF_BOTH)

/* The same for servconf.c, with the opcode sHPN. */
#define HPN_OPTIONS_SERVCONF_X(kind, keyword, ...) \
	{ keyword, sHPN, SSHCFG_ALL },
#define HPN_OPTIONS_SERVCONF_FOREIGN(keyword) \
	{ keyword, sHPN, SSHCFG_ALL },
#define HPN_OPTIONS_SERVCONF \
	HPN_OPTIONS(HPN_OPTIONS_SERVCONF_X) \
	HPN_OPTIONS_FOREIGN(HPN_OPTIONS_SERVCONF_FOREIGN)

/* Whose configuration it is. */
#define HPN_OPTIONS_CLIENT	1	/* ssh_config */
#define HPN_OPTIONS_SERVER	2	/* sshd_config */

void hpn_options_init(struct hpn_options *);

/*
 * Give each option that is not set its default.  tcp_most: the largest receive
 * buffer in bytes that the system lets TCP have; 0 if it is not known.  If an
 * administrator has raised it, the window follows.  A client's memory follows,
 * too.  A server has many connections, so its memory stays.
 */
void hpn_options_fill(struct hpn_options *, int side, int64_t tcp_most);

/* What is set in src replaces what dst has: for sshd_config's Match. */
void hpn_options_copy(struct hpn_options *dst, const struct hpn_options *src);

/* Whether a NAME is another than "none".  Call hpn_options_fill() before. */
int hpn_options_named(const struct hpn_options_name *);
/* The PATH, NULL if it is "none".  The same. */
const char *hpn_options_path(const struct hpn_options_path *);

/*
 * The member of a FLAG, into which the caller stores the value.  NULL if the
 * keyword, in any case, is of another kind or has no meaning on this side.
 * active: the line counts.  cmdline: it comes from the command line.
 */
int *hpn_options_flag(struct hpn_options *, int side, const char *keyword,
    int active, int cmdline);

/*
 * Parse the argument of any other keyword; arg may be NULL.  A SIZE is a
 * number of bytes, or of K, M, G.  THREADS is "auto", a number or "ring:" and
 * a number.  The bounds of the others are in the table.  Store the value if
 * `active` is non-zero and none was set before: the first value holds, as
 * everywhere in the configuration.  Returns
 *	0	*reason is NULL, or the keyword has no meaning here: *reason
 *		completes "option x "
 *	-1	the value is wrong: *reason completes "value 'x' "
 */
int hpn_options_value(struct hpn_options *, int side, const char *keyword,
    const char *arg, int active, const char **reason);

/* Print as ssh -G and sshd -T do. */
void hpn_options_dump(const struct hpn_options *, int side, FILE *);

#endif /* HPN_OPTIONS_H */
