/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: what dmscp parses without a server: manifests (hpn-dm-manifest) and
 * command lines (hpn-dm-opts).  What is taken has the promised properties.
 */

#include <string.h>

#include "fuzz.h"
#include "hpn-dm-manifest.h"
#include "hpn-dm-opts.h"
#include "hpn-dm-plan.h"

#define TEXT_MOST	20000

/* A manifest whose lines are ours, some of them damaged. */
static size_t
shaped(struct input *in, char *text)
{
	struct hpn_dm_manifest_fragment f;
	struct hpn_dm_manifest m;
	uint64_t n, count;
	size_t at;

	memset(&m, 0, sizeof(m));
	memset(&f, 0, sizeof(f));
	m.object = "object";
	m.object_len = 1 + input_bytes(in, 1) % 6;
	count = m.count = input_bytes(in, 1) % 20;
	m.hashed = (int)input_bytes(in, 1) & 1;
	m.has_sha256 = (int)input_bytes(in, 1) & 1;
	m.size = count * 7;
	if (input_bytes(in, 1) % 8 == 0)
		m.size = input_number(in);
	if (input_bytes(in, 1) % 8 == 0)
		m.count = input_number(in);
	at = hpn_dm_manifest_put_head(text, &m);
	for (n = 1; n <= count; n++) {
		f.size = input_bytes(in, 1) % 64 == 63 ? input_number(in) : 7;
		at += hpn_dm_manifest_put_fragment(text + at,
		    input_bytes(in, 1) % 64 == 63 ? input_number(in) : n, &f);
	}
	at += hpn_dm_manifest_put_state(text + at);
	at += hpn_dm_manifest_put_end(text + at, f.hash);
	while (in->left > 1)
		text[input_bytes(in, 2) % at] = (char)input_bytes(in, 1);
	return at;
}

static void
manifest(struct input *in)
{
	static char text[TEXT_MOST];
	struct hpn_dm_manifest m;
	struct hpn_dm_manifest_fragment f;
	uint64_t n = 0, sum = 0;
	size_t len, at;

	if (input_bytes(in, 1) & 1)
		len = shaped(in, text);
	else {
		len = in->left < TEXT_MOST ? in->left : TEXT_MOST;
		memcpy(text, in->p, len);
	}
	if (hpn_dm_manifest_parse(&m, text, len) != NULL)
		return;
	HOLDS(m.count <= HPN_DM_PLAN_MOST && m.size <= INT64_MAX);
	HOLDS(m.object > text && m.object + m.object_len < text + len);
	HOLDS(memchr(m.object, '\n', m.object_len) == NULL);
	HOLDS(m.fragments_at < m.end_at && m.end_at < len);
	for (at = m.fragments_at; hpn_dm_manifest_next(&m, text, &at, &f); n++) {
		HOLDS(f.size > 0);
		sum += f.size;
	}
	HOLDS(n == m.count && sum == m.size);
}

static void
options(struct input *in)
{
	static const char *const words[] = { "-w", "-r", "-s", "host", "-f",
	    "name", "-F", "-S", "8m", "-T", "0", "-FMigrate", "-wfrelease",
	    "u@h:p", "-force", "-resume", "-o", "-source", "-q", "-v" };
	char memory[2000], *argv[24], *p = memory;
	struct hpn_dm_opts o;
	int argc = 1;
	size_t n, len;

	argv[0] = p;
	*p++ = '\0';
	while (argc < 20 && in->left > 0) {
		n = input_bytes(in, 1);
		argv[argc++] = p;
		if (n < 200) {
			n %= sizeof(words) / sizeof(words[0]);
			len = strlen(words[n]);
			memcpy(p, words[n], len);
		} else {
			len = n % 50;
			if (len > in->left)
				len = in->left;
			memcpy(p, in->p, len);
			in->p += len;
			in->left -= len;
		}
		p[len] = '\0';
		p += len + 1;
	}
	argv[argc] = NULL;
	if (hpn_dm_opts_parse(&o, argc, argv) != NULL)
		return;
	HOLDS(o.reads != o.writes);
	HOLDS(o.host[0] != '\0' && o.host[0] != '-' && o.user[0] != '-');
	HOLDS(strpbrk(o.host, " \n\t") == NULL);
	HOLDS(hpn_dm_plan_name_ok(o.name));
	HOLDS(o.buffer >= HPN_DM_OPTS_BUFFER_MIN);
	HOLDS(o.nssh <= HPN_DM_OPTS_SSH && o.nssh % 2 == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (input_bytes(&in, 1) & 1)
		manifest(&in);
	else
		options(&in);
	return 0;
}
