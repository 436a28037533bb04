/* SPDX-License-Identifier: ISC */
/*
 * hpn-report: the words for what hpn-why decided: a sentence, and JSON.
 *
 * These functions write into memory of the caller.  A text that does not fit
 * ends with its last whole sentence.  JSON that does not fit is an empty
 * string.
 */
#ifndef HPN_REPORT_H
#define HPN_REPORT_H

#include <stddef.h>

#include "hpn-tcp.h"
#include "hpn-why.h"

#define HPN_REPORT_SENTENCE	768
#define HPN_REPORT_JSON		6144
#define HPN_REPORT_CSV		4096

/*
 * "limited by: ...", without a newline.  The facts are those of the verdict.
 * Always a string, also where nothing stands out.
 */
void hpn_report_sentence(const struct hpn_why_facts *, const struct hpn_why *,
    char *buf, size_t len);

/* "123.4 MB/s", "2.0 MiB" */
void hpn_report_rate(double bytes_per_second, char *buf, size_t len);
void hpn_report_size(double bytes, char *buf, size_t len);

/*
 * One object in one line, without a newline.  when: seconds since 1970; host:
 * the name or address of the peer, NULL: none; event: what the occasion is, a
 * word.  README.hpn has the names.  Returns 0, or -1 if it does not fit.
 */
int hpn_report_json(const struct hpn_why_facts *, const struct hpn_why *,
    double when, const char *event, const char *host, char *buf, size_t len);

/*
 * Metrics: the names of the columns, and their values at a time, seconds since
 * 1970; each a line without a newline.  there: the other end's, NULL: not known.
 * Return 0, or -1 if it does not fit.
 */
int hpn_report_csv_names(char *buf, size_t len);
int hpn_report_csv(double when, const struct hpn_tcp_columns *here,
    const struct hpn_tcp_columns *there, char *buf, size_t len);

#endif /* HPN_REPORT_H */
