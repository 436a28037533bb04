/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: what dmscp parses: manifests (hpn-dm-manifest), command lines
 * (hpn-dm-opts), and frames with their order (hpn-dm-frame).  What is taken has the
 * promised properties.
 */

#include <string.h>

#include "fuzz.h"
#include "hpn-dm-frame.h"
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
	    "u@h:p", "-force", "-resume", "-o", "-source", "-q", "-v",
	    "-R", "-onopen", "-prefix", "-subsystem" };
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
	HOLDS(o.command != NULL || hpn_dm_plan_name_ok(o.name));
	HOLDS(o.buffer >= HPN_DM_OPTS_BUFFER_MIN);
	HOLDS(o.nssh <= HPN_DM_OPTS_SSH && o.nssh % 2 == 0);
}

/* A stream of frames from one end, some of them ours, and what the other takes. */
static void
frames(struct input *in)
{
	static unsigned char bytes[HPN_DM_FRAME_OTHER_MOST], again[sizeof(bytes)];
	struct hpn_dm_frame_peer p;
	struct hpn_dm_frame f;
	uint64_t expect = 0, acked = 0, how = input_bytes(in, 1);
	size_t head, n, len;
	int r, ended = 0, results = 0, over = 0;

	memset(&p, 0, sizeof(p));
	p.is_server = how & 1;
	p.sends = how >> 1 & 1;
	p.with_sha = how >> 2 & 1;
	p.sent = p.sends ? 0 : how * 1000;
	while (in->left > 0) {
		if (input_bytes(in, 1) % 8 != 0) {
			memset(&f, 0, sizeof(f));
			f.type = 1 + input_bytes(in, 1) % 12;
			f.version = input_bytes(in, 1) % 3;
			f.offset = input_bytes(in, 1) % 4 == 0 ?
			    input_number(in) : f.type == HPN_DM_FRAME_ACK ?
			    acked + input_bytes(in, 1) : expect;
			f.has_sha256 = p.with_sha;
			f.text = f.text2 = (const char *)in->p;
			f.text_len = in->left % 40;
			f.text2_len = in->left % 30;
			if (f.type == HPN_DM_FRAME_DATA)
				f.data_len = 1 + input_bytes(in, 3) %
				    HPN_DM_FRAME_DATA_MOST;
			len = hpn_dm_frame_put(bytes, &f);
			while (len > 5 && input_bytes(in, 1) % 16 == 15)
				bytes[input_bytes(in, 2) % len] =
				    (unsigned char)input_bytes(in, 1);
		} else {
			len = in->left < sizeof(bytes) ? in->left :
			    sizeof(bytes);
			memcpy(bytes, in->p, len);
			in->p += len;
			in->left -= len;
		}
		if ((r = hpn_dm_frame_length(bytes, len, &head)) == -1)
			return;
		HOLDS(r >= 0 && head <= sizeof(bytes));
		if (r == 0 || head > len ||
		    hpn_dm_frame_parse(&f, bytes, head) != 0)
			continue;
		HOLDS((size_t)r == head + f.data_len);
		HOLDS(f.data_len <= HPN_DM_FRAME_DATA_MOST);
		HOLDS(f.text_len <= HPN_DM_FRAME_TEXT_MOST &&
		    f.text2_len <= HPN_DM_FRAME_TEXT_MOST);
		if (f.text_len > 0)
			HOLDS(f.text >= (char *)bytes &&
			    f.text + f.text_len <= (char *)bytes + head);
		n = hpn_dm_frame_put(again, &f);
		HOLDS(n == head || f.version > HPN_DM_FRAME_VERSION);
		HOLDS(n != head || memcmp(bytes, again, n) == 0);
		if (hpn_dm_frame_take(&p, &f) != NULL)
			return;
		HOLDS(!over && p.welcomed + (f.type == HPN_DM_FRAME_SORRY) > 0);
		switch (f.type) {
		case HPN_DM_FRAME_DATA:
			HOLDS(p.sends && !ended && !results);
			HOLDS(f.offset == expect && f.data_len > 0);
			expect += f.data_len;
			HOLDS(expect == p.expect && expect <= INT64_MAX);
			break;
		case HPN_DM_FRAME_END:
			HOLDS(p.sends && !ended++ && f.offset == expect);
			break;
		case HPN_DM_FRAME_ACK:
			HOLDS(!p.sends && f.offset >= acked);
			acked = f.offset;
			HOLDS(acked <= p.sent && acked == p.acked);
			break;
		case HPN_DM_FRAME_RESULT:
			HOLDS(p.is_server && !results++);
			break;
		case HPN_DM_FRAME_SORRY:
			HOLDS(p.is_server);
			over = 1;
			break;
		case HPN_DM_FRAME_CANCEL:
		case HPN_DM_FRAME_DONE:
			HOLDS(!p.is_server);
			over = 1;
			break;
		default:
			break;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	switch (input_bytes(&in, 1) % 3) {
	case 0:
		manifest(&in);
		break;
	case 1:
		options(&in);
		break;
	default:
		frames(&in);
		break;
	}
	return 0;
}
