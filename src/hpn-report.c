/* SPDX-License-Identifier: ISC */
/* See hpn-report.h for what this does. */

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "hpn-report.h"

#define KIB	1024.0
#define MIB	(1024.0 * 1024.0)
#define GIB	(1024.0 * 1024.0 * 1024.0)

struct text {
	char *buf;
	size_t len, used;
	int cut;
};

__attribute__((__format__(__printf__, 2, 3)))
static void
put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->cut)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, t->len - t->used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= t->len - t->used) {
		t->buf[t->used] = '\0';
		t->cut = 1;
		return;
	}
	t->used += (size_t)n;
}

void
hpn_report_size(double bytes, char *buf, size_t len)
{
	if (bytes < 10 * KIB)
		snprintf(buf, len, "%.1f KiB", bytes / KIB);
	else if (bytes < MIB)
		snprintf(buf, len, "%.0f KiB", bytes / KIB);
	else if (bytes < GIB)
		snprintf(buf, len, "%.1f MiB", bytes / MIB);
	else
		snprintf(buf, len, "%.1f GiB", bytes / GIB);
}

void
hpn_report_rate(double rate, char *buf, size_t len)
{
	if (rate < 1e6)
		snprintf(buf, len, "%.1f kB/s", rate / 1e3);
	else
		snprintf(buf, len, "%.1f MB/s", rate / 1e6);
}

/* "in each 100 ms round trip", with the bytes before it */
static void
put_per_rtt(struct text *t, const struct hpn_why *w)
{
	char size[32];

	if (w->rtt_ns == 0 || w->per_rtt == 0)
		return;
	hpn_report_size((double)w->per_rtt, size, sizeof(size));
	put(t, ", %s in each %.*f ms round trip", size,
	    w->rtt_ns < 10000000 ? 1 : 0, (double)w->rtt_ns / 1e6);
}

static void
put_rate(struct text *t, const struct hpn_why *w)
{
	char rate[32];

	hpn_report_rate((double)w->rate, rate, sizeof(rate));
	put(t, ", %s", rate);
}

/* What one cause is; the number that shows it. */
static void
put_cause(struct text *t, const struct hpn_why_facts *f,
    const struct hpn_why *w, enum hpn_why_cause cause)
{
	const struct hpn_why_end *s = f->sends ? &f->here : &f->there;
	const struct hpn_why_end *r = f->sends ? &f->there : &f->here;
	const char *sender = f->sends ? "this end's" : "the other end's";
	const char *receiver = f->sends ? "the other end's" : "this end's";
	char size[32];

	switch (cause) {
	case HPN_WHY_PATH:
		put(t, "the network path, which is full");
		put_rate(t, w);
		return;
	case HPN_WHY_SOURCE:
		put(t, "%s program or disk that the data come from", sender);
		put_rate(t, w);
		return;
	case HPN_WHY_SINK:
		put(t, "%s program or disk that the data go to", receiver);
		put_rate(t, w);
		return;
	case HPN_WHY_WINDOW:
		put(t, "%s SSH receive window", receiver);
		put_per_rtt(t, w);
		return;
	case HPN_WHY_WINDOW_MAX:
		hpn_report_size((double)r->window_max, size, sizeof(size));
		put(t, "%s HPNWindowMax of %s", receiver, size);
		put_per_rtt(t, w);
		return;
	case HPN_WHY_MEMORY_MAX:
		hpn_report_size((double)r->memory_max, size, sizeof(size));
		put(t, "%s HPNMemoryMax of %s", receiver, size);
		put_per_rtt(t, w);
		return;
	case HPN_WHY_REQUESTS:
		put(t, "too few requests under way");
		put_per_rtt(t, w);
		return;
	case HPN_WHY_FILES:
		put(t, "round trips for each of many small files");
		put_rate(t, w);
		return;
	case HPN_WHY_SNDBUF:
		put(t, "%s TCP send buffer", sender);
		put_per_rtt(t, w);
		return;
	case HPN_WHY_RCVBUF:
		put(t, "%s TCP receive buffer", receiver);
		put_per_rtt(t, w);
		return;
	case HPN_WHY_SENDER_TCP:
		put(t, "%s fixed send buffer, or one send at a time", sender);
		put_per_rtt(t, w);
		return;
	case HPN_WHY_LOSS:
		put(t, "lost packets, %.2f %% were sent again",
		    (double)w->loss / 1000);
		if (s->known && s->cc[0] != '\0')
			put(t, ", with congestion control %s", s->cc);
		return;
	case HPN_WHY_POLICER:
		put(t, "a policer or shaper on the path, which drops what is "
		    "faster");
		put_rate(t, w);
		return;
	case HPN_WHY_CHANNEL:
		put(t, "another channel of this connection, %.0f %% of its bytes",
		    (double)w->other / 10);
		return;
	case HPN_WHY_CPU_SEND:
		put(t, "%s processor, one core for cipher and copying", sender);
		put_rate(t, w);
		return;
	case HPN_WHY_CPU_RECV:
		put(t, "%s processor, one core for cipher and copying",
		    receiver);
		put_rate(t, w);
		return;
	case HPN_WHY_BUSY_SEND:
		put(t, "%s machine, which is busy with other work", sender);
		return;
	case HPN_WHY_BUSY_RECV:
		put(t, "%s machine, which is busy with other work", receiver);
		return;
	case HPN_WHY_ZIP:
		put(t, "compression");
		put_rate(t, w);
		return;
	case HPN_WHY_LIMIT:
		hpn_report_rate((double)w->limit, size, sizeof(size));
		put(t, "the limit of %s that was asked for", size);
		return;
	case HPN_WHY_START:
		put(t, "TCP, which was still getting up to speed");
		put_per_rtt(t, w);
		return;
	case HPN_WHY_REKEY:
		put(t, "key exchanges");
		return;
	case HPN_WHY_NOTHING:
	case HPN_WHY_CAUSES:
		break;
	}
	put(t, "nothing that can be told");
}

/* What to change, and where; NULL: nothing. */
static const char *
advice(const struct hpn_why_facts *f, const struct hpn_why *w,
    enum hpn_why_cause cause)
{
	const struct hpn_why_end *s = f->sends ? &f->here : &f->there;

	switch (cause) {
	case HPN_WHY_WINDOW:
		return !f->sends ? "see HPNWindowMax and HPNMemoryMax here" :
		    f->there.known ? "see HPNWindowMax and HPNMemoryMax there" :
		    "openssh-hpn there would lift it";
	case HPN_WHY_WINDOW_MAX:
		return f->sends ? "raise HPNWindowMax there" :
		    "raise HPNWindowMax here";
	case HPN_WHY_MEMORY_MAX:
		return f->sends ? "raise HPNMemoryMax there" :
		    "raise HPNMemoryMax here";
	case HPN_WHY_REQUESTS:
		return f->copies ? "try more requests (-X nrequests, -R)" :
		    "use scp or sftp of openssh-hpn, or more requests "
		    "(-X nrequests, -R)";
	case HPN_WHY_FILES:
		return f->copies ? "pack the files" :
		    "use scp or sftp of openssh-hpn, or pack the files";
	case HPN_WHY_SNDBUF:
		return f->sends ? "raise net.ipv4.tcp_wmem here" :
		    "raise net.ipv4.tcp_wmem there";
	case HPN_WHY_RCVBUF:
		return f->sends ? "raise net.ipv4.tcp_rmem there" :
		    "raise net.ipv4.tcp_rmem here";
	case HPN_WHY_SENDER_TCP:
		return "another program or a larger send buffer there would "
		    "lift it";
	case HPN_WHY_LOSS:
		return s->known && strncmp(s->cc, "bbr", 3) == 0 ?
		    "look for the fault on the path" :
		    "try congestion control bbr at the sender";
	case HPN_WHY_CPU_SEND:
	case HPN_WHY_CPU_RECV:
		return "see HPNThreads, or use an AES-GCM cipher";
	case HPN_WHY_ZIP:
		return "try Compression no";
	case HPN_WHY_CHANNEL:
		return "use a connection of its own";
	case HPN_WHY_SOURCE:
	case HPN_WHY_SINK:
	case HPN_WHY_PATH:
	case HPN_WHY_POLICER:
	case HPN_WHY_BUSY_SEND:
	case HPN_WHY_BUSY_RECV:
	case HPN_WHY_LIMIT:
	case HPN_WHY_START:
	case HPN_WHY_REKEY:
	case HPN_WHY_NOTHING:
	case HPN_WHY_CAUSES:
		break;
	}
	(void)w;
	return NULL;
}

void
hpn_report_sentence(const struct hpn_why_facts *f, const struct hpn_why *w,
    char *buf, size_t len)
{
	struct text t = { buf, len, 0, 0 };
	const char *what;
	int i;

	if (len == 0)
		return;
	buf[0] = '\0';
	put(&t, w->certain ? "certainly limited by: " : "limited by: ");
	for (i = 0; i < 2; i++) {
		if (i == 1 && w->cause[1] == HPN_WHY_NOTHING)
			break;
		put(&t, "%s", i == 0 ? "" : "; and by: ");
		put_cause(&t, f, w, w->cause[i]);
		if (w->cause[i] == HPN_WHY_NOTHING)
			break;
		put(&t, " (%u %% of the time)", (w->share[i] + 5) / 10);
		if ((what = advice(f, w, w->cause[i])) != NULL)
			put(&t, "; %s", what);
	}
	if (!w->both)
		put(&t, " (seen from this end)");
}

static void
put_string(struct text *t, const char *s)
{
	put(t, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			put(t, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			put(t, "\\u%04x", (unsigned char)*s);
		else
			put(t, "%c", *s);
	}
	put(t, "\"");
}

static void
put_end(struct text *t, const struct hpn_why_end *e)
{
	if (!e->known) {
		put(t, "null");
		return;
	}
	put(t, "{");
#define PUT(name, meaning)	put(t, "\"" #name "\":%" PRIu64 ",", e->name);
	HPN_WHY_FACTS(PUT)
#undef PUT
	put(t, "\"tcp_cc\":");
	put_string(t, e->cc);
	put(t, "}");
}

int
hpn_report_json(const struct hpn_why_facts *f, const struct hpn_why *w,
    double when, const char *event, const char *host, char *buf, size_t len)
{
	struct text t = { buf, len, 0, 0 };
	char sentence[HPN_REPORT_SENTENCE];
	int i;

	if (len == 0)
		return -1;
	buf[0] = '\0';
	hpn_report_sentence(f, w, sentence, sizeof(sentence));
	put(&t, "{\"version\":1,\"time\":%.3f,\"event\":", when);
	put_string(&t, event);
	if (host != NULL) {
		put(&t, ",\"peer\":");
		put_string(&t, host);
	}
	put(&t, ",\"direction\":\"%s\",\"rate\":%" PRIu64 ",\"rtt_ns\":%" PRIu64,
	    f->sends ? "send" : "receive", w->rate, w->rtt_ns);
	put(&t, ",\"limits\":[");
	for (i = 0; i < 2 && w->cause[i] != HPN_WHY_NOTHING; i++)
		put(&t, "%s{\"cause\":\"%s\",\"share\":%u.%03u}",
		    i == 0 ? "" : ",", hpn_why_name(w->cause[i]),
		    w->share[i] / 1000, w->share[i] % 1000);
	put(&t, "],\"certain\":%s,\"sentence\":", w->certain ? "true" : "false");
	put_string(&t, sentence);
	put(&t, ",\"here\":");
	put_end(&t, &f->here);
	put(&t, ",\"there\":");
	put_end(&t, &f->there);
	put(&t, "}");
	if (t.cut) {
		buf[0] = '\0';
		return -1;
	}
	return 0;
}

int
hpn_report_csv_names(char *buf, size_t len)
{
	struct text t = { buf, len, 0, 0 };

	if (len == 0)
		return -1;
	put(&t, "timestamp");
#define NAME(kind, name)	put(&t, ", " #name);
	HPN_TCP_COLUMNS(NAME)
#undef NAME
#define NAME(kind, name)	put(&t, ", remote_" #name);
	HPN_TCP_COLUMNS(NAME)
#undef NAME
	return t.cut ? -1 : 0;
}

static void
put_columns(struct text *t, const struct hpn_tcp_columns *c)
{
	int i;

	for (i = 0; i < HPN_TCP_NCOLUMNS; i++) {
		if (c == NULL || c->value[i] == HPN_TCP_UNKNOWN)
			put(t, ", ");
		else
			put(t, ", %" PRIu64, c->value[i]);
	}
}

int
hpn_report_csv(double when, const struct hpn_tcp_columns *here,
    const struct hpn_tcp_columns *there, char *buf, size_t len)
{
	struct text t = { buf, len, 0, 0 };

	if (len == 0)
		return -1;
	put(&t, "%.3f", when);
	put_columns(&t, here);
	put_columns(&t, there);
	return t.cut ? -1 : 0;
}
