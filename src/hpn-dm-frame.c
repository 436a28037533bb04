/* SPDX-License-Identifier: ISC */
/* See hpn-dm-frame.h for what this does. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-dm-frame.h"

static const char magic[] = "dmscp";
#define MAGIC_LEN	(sizeof(magic) - 1)

/* ---- bytes ---- */

struct in {
	const unsigned char *p;
	size_t left;
	int bad;
};

static uint64_t
get(struct in *in, size_t bytes)
{
	uint64_t n = 0;

	if (in->left < bytes) {
		in->bad = 1;
		return 0;
	}
	in->left -= bytes;
	for (; bytes > 0; bytes--)
		n = n << 8 | *in->p++;
	return n;
}

static void
get_bytes(struct in *in, unsigned char *to, size_t len)
{
	if (in->left < len) {
		in->bad = 1;
		return;
	}
	memcpy(to, in->p, len);
	in->p += len;
	in->left -= len;
}

/* A text has no zero, so that it can become a string. */
static void
get_text(struct in *in, const char **text, size_t *len, int any)
{
	*len = (size_t)get(in, 4);
	*text = (const char *)in->p;
	if (in->bad || *len > in->left || *len > HPN_DM_FRAME_TEXT_MOST ||
	    (!any && memchr(in->p, '\0', *len) != NULL)) {
		in->bad = 1;
		*len = 0;
		return;
	}
	in->p += *len;
	in->left -= *len;
}

static unsigned char *
put(unsigned char *p, uint64_t n, size_t bytes)
{
	while (bytes-- > 0)
		*p++ = (unsigned char)(n >> 8 * bytes);
	return p;
}

static unsigned char *
put_bytes(unsigned char *p, const void *from, size_t len)
{
	if (len > 0)
		memcpy(p, from, len);
	return p + len;
}

static unsigned char *
put_text(unsigned char *p, const char *text, size_t len)
{
	return put_bytes(put(p, len, 4), text, len);
}

/* ---- frames ---- */

int
hpn_dm_frame_length(const unsigned char *p, size_t len, size_t *head)
{
	struct in in = { p, len, 0 };
	uint64_t n;
	unsigned int type;

	*head = 0;
	if (len < 5)
		return 0;
	n = get(&in, 4);
	type = (unsigned int)get(&in, 1);
	if (n < 1 || type < HPN_DM_FRAME_HELLO || type > HPN_DM_FRAME_PING)
		return -1;
	n += 4;
	if (type == HPN_DM_FRAME_DATA) {
		if (n <= HPN_DM_FRAME_DATA_HEAD ||
		    n > HPN_DM_FRAME_DATA_HEAD + HPN_DM_FRAME_DATA_MOST)
			return -1;
		*head = HPN_DM_FRAME_DATA_HEAD;
	} else {
		if (n > HPN_DM_FRAME_OTHER_MOST)
			return -1;
		*head = (size_t)n;
	}
	return (int)n;
}

int
hpn_dm_frame_parse(struct hpn_dm_frame *f, const unsigned char *p, size_t len)
{
	struct in in = { p, len, 0 };
	unsigned char word[MAGIC_LEN];
	size_t head;
	int n, later = 0;

	memset(f, 0, sizeof(*f));
	if ((n = hpn_dm_frame_length(p, len, &head)) <= 0 || head != len)
		return -1;
	(void)get(&in, 4);
	f->type = (enum hpn_dm_frame_type)get(&in, 1);
	switch (f->type) {
	case HPN_DM_FRAME_HELLO:
	case HPN_DM_FRAME_AGAIN:
		get_bytes(&in, word, sizeof(word));
		if (in.bad || memcmp(word, magic, sizeof(word)) != 0)
			return -1;
		f->version = (uint32_t)get(&in, 4);
		/* A later version may say more behind this */
		later = f->version > HPN_DM_FRAME_VERSION;
		get_bytes(&in, f->secret, sizeof(f->secret));
		if (f->type == HPN_DM_FRAME_AGAIN) {
			f->offset = get(&in, 8);
			break;
		}
		f->flags = (uint32_t)get(&in, 4);
		f->keep = get(&in, 8);
		f->buffer = get(&in, 8);
		get_text(&in, &f->text, &f->text_len, 0);
		get_text(&in, &f->text2, &f->text2_len, 0);
		break;
	case HPN_DM_FRAME_WELCOME:
		f->version = (uint32_t)get(&in, 4);
		f->flags = (uint32_t)get(&in, 4);
		f->keep = get(&in, 8);
		f->offset = get(&in, 8);
		get_text(&in, &f->text, &f->text_len, 0);
		break;
	case HPN_DM_FRAME_SORRY:
		f->value = (uint32_t)get(&in, 4);
		get_text(&in, &f->text, &f->text_len, 0);
		break;
	case HPN_DM_FRAME_DATA:
		f->offset = get(&in, 8);
		get_bytes(&in, f->hash, sizeof(f->hash));
		f->data_len = (size_t)n - head;
		break;
	case HPN_DM_FRAME_END:
		f->offset = get(&in, 8);
		get_bytes(&in, f->hash, sizeof(f->hash));
		if ((f->has_sha256 = in.left != 0))
			get_bytes(&in, f->sha256, sizeof(f->sha256));
		break;
	case HPN_DM_FRAME_ACK:
		f->offset = get(&in, 8);
		break;
	case HPN_DM_FRAME_NOTE:
		get_text(&in, &f->text, &f->text_len, 1);
		break;
	case HPN_DM_FRAME_RESULT:
		f->flags = (uint32_t)get(&in, 4);
		f->value = (uint32_t)get(&in, 4);
		break;
	case HPN_DM_FRAME_CANCEL:
	case HPN_DM_FRAME_DONE:
	case HPN_DM_FRAME_PING:
		break;
	}
	return in.bad || (in.left != 0 && !later) ? -1 : 0;
}

size_t
hpn_dm_frame_put(unsigned char *start, const struct hpn_dm_frame *f)
{
	unsigned char *p = start + 4;
	size_t len;

	p = put(p, f->type, 1);
	switch (f->type) {
	case HPN_DM_FRAME_HELLO:
	case HPN_DM_FRAME_AGAIN:
		p = put_bytes(p, magic, MAGIC_LEN);
		p = put(p, f->version, 4);
		p = put_bytes(p, f->secret, sizeof(f->secret));
		if (f->type == HPN_DM_FRAME_AGAIN) {
			p = put(p, f->offset, 8);
			break;
		}
		p = put(p, f->flags, 4);
		p = put(p, f->keep, 8);
		p = put(p, f->buffer, 8);
		p = put_text(p, f->text, f->text_len);
		p = put_text(p, f->text2, f->text2_len);
		break;
	case HPN_DM_FRAME_WELCOME:
		p = put(p, f->version, 4);
		p = put(p, f->flags, 4);
		p = put(p, f->keep, 8);
		p = put(p, f->offset, 8);
		p = put_text(p, f->text, f->text_len);
		break;
	case HPN_DM_FRAME_SORRY:
		p = put(p, f->value, 4);
		p = put_text(p, f->text, f->text_len);
		break;
	case HPN_DM_FRAME_DATA:
		p = put(p, f->offset, 8);
		p = put_bytes(p, f->hash, sizeof(f->hash));
		break;
	case HPN_DM_FRAME_END:
		p = put(p, f->offset, 8);
		p = put_bytes(p, f->hash, sizeof(f->hash));
		if (f->has_sha256)
			p = put_bytes(p, f->sha256, sizeof(f->sha256));
		break;
	case HPN_DM_FRAME_ACK:
		p = put(p, f->offset, 8);
		break;
	case HPN_DM_FRAME_NOTE:
		p = put_text(p, f->text, f->text_len);
		break;
	case HPN_DM_FRAME_RESULT:
		p = put(p, f->flags, 4);
		p = put(p, f->value, 4);
		break;
	case HPN_DM_FRAME_CANCEL:
	case HPN_DM_FRAME_DONE:
	case HPN_DM_FRAME_PING:
		break;
	}
	len = (size_t)(p - start);
	(void)put(start, len - 4 + f->data_len, 4);
	return len;
}

/* ---- what may come when ---- */

static const char *
from_server(struct hpn_dm_frame_peer *p, const struct hpn_dm_frame *f)
{
	static const char order[] = "a message that is not due";

	if (!p->welcomed && f->type != HPN_DM_FRAME_WELCOME &&
	    f->type != HPN_DM_FRAME_SORRY)
		return order;
	switch (f->type) {
	case HPN_DM_FRAME_WELCOME:
		if (p->welcomed)
			return order;
		if (f->version < 1 || f->version > HPN_DM_FRAME_VERSION)
			return "a version that nobody asked for";
		if (!p->sends && (f->offset > p->sent || f->offset < p->acked))
			return "it has what was not sent";
		p->welcomed = 1;
		return NULL;
	case HPN_DM_FRAME_SORRY:
		p->over = 1;
		return NULL;
	case HPN_DM_FRAME_NOTE:
		return p->result ? order : NULL;
	case HPN_DM_FRAME_RESULT:
		if (p->result)
			return order;
		if (f->value > 0xff)
			return "a status that no command can have";
		/* Of a stream that it sends, the end is known by then, or fails */
		p->result = 1;
		return NULL;
	default:
		return order;
	}
}

static const char *
from_client(struct hpn_dm_frame_peer *p, const struct hpn_dm_frame *f)
{
	static const char order[] = "a message that is not due";

	switch (f->type) {
	case HPN_DM_FRAME_HELLO:
	case HPN_DM_FRAME_AGAIN:
		if (p->welcomed)
			return order;
		if (f->version < 1)
			return "no version";
		if (f->type == HPN_DM_FRAME_AGAIN && !p->sends &&
		    (f->offset > p->sent || f->offset < p->acked))
			return "it has what was not sent";
		p->welcomed = 1;
		return NULL;
	case HPN_DM_FRAME_CANCEL:
	case HPN_DM_FRAME_DONE:
		if (!p->welcomed)
			return order;
		p->over = 1;
		return NULL;
	case HPN_DM_FRAME_PING:
		return p->welcomed ? NULL : order;
	default:
		return order;
	}
}

const char *
hpn_dm_frame_take(struct hpn_dm_frame_peer *p, const struct hpn_dm_frame *f)
{
	if (p->over)
		return "a message after the last";
	switch (f->type) {
	case HPN_DM_FRAME_DATA:
		if (!p->welcomed || !p->sends || p->ended || p->result)
			return "data that are not due";
		if (f->data_len == 0 || f->offset != p->expect ||
		    f->offset > (uint64_t)INT64_MAX - f->data_len)
			return "data from another place";
		p->expect += f->data_len;
		return NULL;
	case HPN_DM_FRAME_END:
		if (!p->welcomed || !p->sends || p->ended || p->result)
			return "an end that is not due";
		if (f->offset != p->expect)
			return "an end in another place";
		if (f->has_sha256 != p->with_sha)
			return p->with_sha ? "no SHA-256" : "an SHA-256";
		p->ended = 1;
		return NULL;
	case HPN_DM_FRAME_ACK:
		if (!p->welcomed || p->sends)
			return "an acknowledgement that is not due";
		if (f->offset < p->acked || f->offset > p->sent)
			return "it acknowledges what was not sent";
		p->acked = f->offset;
		return NULL;
	default:
		return p->is_server ? from_server(p, f) : from_client(p, f);
	}
}
