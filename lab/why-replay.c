/* SPDX-License-Identifier: ISC */
/*
 * why-replay: what the policy of src/hpn-why.c says today of facts that were
 * collected before.  So a change of it is judged by all cases, not only by those
 * that it was made for.
 *
 * usage: why-replay COLUMNS <facts.tsv
 *
 * A line of facts.tsv has COLUMNS columns and then the JSON object that ssh and
 * sshd log after "verdict:"; or nothing, if an end said nothing.  What comes out
 * is the same columns, and then: the half that the case belongs to (a or b); what
 * was said, its share in percent, yes or no for certain; and the same three as the
 * policy has it now.  Two causes are joined by "+".
 *
 * A half is a matter of the first COLUMNS - 4 columns, which name the case.
 */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-why.h"

static void
end_of(const char *json, const char *name, struct hpn_why_end *e)
{
	char key[64], *at, *stop;
	size_t n;

	memset(e, 0, sizeof(*e));
	snprintf(key, sizeof(key), "\"%s\":{", name);
	if ((at = strstr(json, key)) == NULL)
		return;
	e->known = 1;
	at += strlen(key);
	stop = strchr(at, '}');
#define GET(member, meaning) \
	if ((json = strstr(at, "\"" #member "\":")) != NULL && json < stop) \
		e->member = strtoull(json + strlen(#member) + 3, NULL, 10);
	HPN_WHY_FACTS(GET)
#undef GET
	if ((json = strstr(at, "\"tcp_cc\":\"")) != NULL && json < stop) {
		json += strlen("\"tcp_cc\":\"");
		n = strcspn(json, "\"");
		if (n < sizeof(e->cc))
			memcpy(e->cc, json, n);
	}
}

/* The causes, as the program that collected the facts had them. */
static void
as_said(const char *json)
{
	const char *at = strstr(json, "\"limits\":["), *stop, *c;
	int n = 0;

	if (at == NULL) {
		printf("\tsilent\t0\tno");
		return;
	}
	stop = strchr(at, ']');
	printf("\t");
	for (c = at; (c = strstr(c, "\"cause\":\"")) != NULL && c < stop; n++) {
		c += strlen("\"cause\":\"");
		printf("%s%.*s", n == 0 ? "" : "+", (int)strcspn(c, "\""), c);
	}
	if (n == 0)
		printf("unknown");
	c = strstr(at, "\"share\":");
	printf("\t%.0f\t%s", c == NULL || c > stop ? 0 : 100 * atof(c + 8),
	    strstr(json, "\"certain\":true") == NULL ? "no" : "yes");
}

int
main(int argc, char **argv)
{
	static char line[65536];
	struct hpn_why_facts f;
	struct hpn_why w;
	const char *json, *name;
	unsigned int hash;
	int columns = argc == 2 ? atoi(argv[1]) : 0, i;

	if (columns < 5) {
		fprintf(stderr, "usage: why-replay COLUMNS <facts.tsv\n");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		hash = 2166136261U;
		for (i = 0, json = line; i < columns && json != NULL; i++) {
			for (name = json; *name != '\t' && *name != '\0'; name++)
				if (i < columns - 4)
					hash = (hash ^ (unsigned char)*name) *
					    16777619U;
			if ((json = strchr(json, '\t')) != NULL)
				json++;
		}
		if (json == NULL) {
			fprintf(stderr, "why-replay: a line is cut: %.60s\n",
			    line);
			return 1;
		}
		memset(&f, 0, sizeof(f));
		end_of(json, "here", &f.here);
		end_of(json, "there", &f.there);
		f.sends = strstr(json, "\"direction\":\"send\"") != NULL;
		hpn_why_decide(&f, &w);
		printf("%.*s\t%c", (int)(json - line - 1), line,
		    (hash >> 8) & 1 ? 'a' : 'b');
		as_said(json);
		printf("\t%s%s%s\t%u\t%s\n",
		    *json == '\0' ? "silent" : hpn_why_name(w.cause[0]),
		    w.cause[1] == HPN_WHY_NOTHING ? "" : "+",
		    w.cause[1] == HPN_WHY_NOTHING ? "" :
		    hpn_why_name(w.cause[1]), (w.share[0] + 5) / 10,
		    w.certain ? "yes" : "no");
	}
	return 0;
}
