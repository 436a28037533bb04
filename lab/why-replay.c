/* SPDX-License-Identifier: ISC */
/*
 * why-replay: what the policy of src/hpn-why.c says today of facts that were
 * collected before.  So a change of it is judged by all cases, not only by those
 * that it was made for.
 *
 * usage: why-replay COLUMNS <facts.tsv
 *        why-replay --keep COLUMNS <facts.tsv
 *        why-replay --names
 *
 * A line of facts.tsv has COLUMNS columns and then the JSON object that ssh and
 * sshd log after "verdict:"; or nothing, if an end said nothing.
 *
 * --keep writes the same columns, and then the facts alone: "send" or "receive", the
 * numbers of this end and the congestion control, and the same of the other end if
 * that was heard.  --names writes what these numbers are, in a line that begins with
 * "#" and has to come before them.  Such lines are read as well, in all cases.  A fact
 * that has no name there is 0, and a name that is no fact any more is left out.
 *
 * Without --keep, what comes out is the same columns, and then: the half that the
 * case belongs to (a or b); what was said, its share in percent, yes or no for
 * certain; and the same three as the policy has it now.  Two causes are joined by
 * "+".  Of a line that --keep wrote, what was said is "-".
 *
 * A half is a matter of the first COLUMNS - 4 columns, which name the case.
 */

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hpn-why.h"

#define NAMES	"# facts:"

static const struct fact {
	const char *name;
	size_t at;
} facts[] = {
#define FACT(name, meaning)	{ #name, offsetof(struct hpn_why_end, name) },
	HPN_WHY_FACTS(FACT)
#undef FACT
};

#define NFACTS	(sizeof(facts) / sizeof(facts[0]))
#define MOST	200		/* names in a file */

/* Where the numbers of a line belong; NULL: nowhere any more. */
static const struct fact *order[MOST];
static size_t named;

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

static uint64_t *
member(struct hpn_why_end *e, const struct fact *f)
{
	return (uint64_t *)(void *)((char *)e + f->at);
}

static void
names(char *line)
{
	char *word;
	size_t i;

	named = 0;
	for (word = strtok(line + strlen(NAMES), " "); word != NULL;
	    word = strtok(NULL, " ")) {
		if (named == MOST) {
			fprintf(stderr, "why-replay: too many names\n");
			exit(1);
		}
		order[named] = NULL;
		for (i = 0; i < NFACTS; i++)
			if (strcmp(word, facts[i].name) == 0)
				order[named] = &facts[i];
		named++;
	}
}

/* One end of a line that --keep wrote, and where the next one begins. */
static const char *
end_kept(const char *at, struct hpn_why_end *e)
{
	uint64_t value;
	char *next;
	size_t i, n;

	memset(e, 0, sizeof(*e));
	if (*at != ' ')
		return at;
	for (i = 0; i < named; i++) {
		value = strtoull(at, &next, 10);
		if (next == at || *next != ' ') {
			fprintf(stderr, "why-replay: a number is missing\n");
			exit(1);
		}
		at = next;
		if (order[i] != NULL)
			*member(e, order[i]) = value;
	}
	e->known = 1;
	n = strcspn(++at, " ");
	if (n < sizeof(e->cc) && *at != '-')
		memcpy(e->cc, at, n);
	return at + n;
}

static void
keep_end(struct hpn_why_end *e)
{
	size_t i;

	if (!e->known)
		return;
	for (i = 0; i < NFACTS; i++)
		printf(" %" PRIu64, *member(e, &facts[i]));
	printf(" %s", e->cc[0] == '\0' ? "-" : e->cc);
}

/* The facts of a line, in either form. */
static void
facts_of(const char *text, struct hpn_why_facts *f)
{
	memset(f, 0, sizeof(*f));
	if (*text == '{') {
		end_of(text, "here", &f->here);
		end_of(text, "there", &f->there);
		f->sends = strstr(text, "\"direction\":\"send\"") != NULL;
	} else if (*text != '\0') {
		f->sends = strncmp(text, "send", 4) == 0;
		text = end_kept(text + strcspn(text, " "), &f->here);
		(void)end_kept(text, &f->there);
	}
}

/* The causes, as the program that collected the facts had them. */
static void
as_said(const char *json)
{
	const char *at = strstr(json, "\"limits\":["), *stop, *c;
	int n = 0;

	if (at == NULL) {
		printf("\t%s\t0\tno", *json == '\0' ? "silent" : "-");
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
	int keep = argc == 3 && strcmp(argv[1], "--keep") == 0;
	int columns = argc == 2 + keep ? atoi(argv[argc - 1]) : 0, i;
	size_t n;

	if (argc == 2 && strcmp(argv[1], "--names") == 0) {
		printf("# SPDX-License-Identifier: ISC\n%s", NAMES);
		for (n = 0; n < NFACTS; n++)
			printf(" %s", facts[n].name);
		printf("\n");
		return 0;
	}
	if (columns < 5) {
		fprintf(stderr, "usage: why-replay [--keep] COLUMNS <facts.tsv\n"
		    "       why-replay --names\n");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, NAMES, strlen(NAMES)) == 0)
			names(line);
		if (line[0] == '#')
			continue;
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
		facts_of(json, &f);
		if (keep) {
			printf("%.*s\t%s", (int)(json - line - 1), line,
			    f.sends ? "send" : "receive");
			keep_end(&f.here);
			if (f.here.known)
				keep_end(&f.there);
			printf("\n");
			continue;
		}
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
