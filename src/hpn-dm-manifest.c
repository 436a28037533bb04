/* SPDX-License-Identifier: ISC */
/* See hpn-dm-manifest.h for what this does. */

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hpn-dm-manifest.h"
#include "hpn-dm-plan.h"

#define ALGORITHM	"xxh3-128"
#define NO_ALGORITHM	"none"

/* What is left to be read. */
struct text {
	const char *p;
	size_t left;
};

/* Exactly this comes next. */
static int
get_word(struct text *t, const char *word)
{
	size_t n = strlen(word);

	if (t->left < n || memcmp(t->p, word, n) != 0)
		return -1;
	t->p += n;
	t->left -= n;
	return 0;
}

/* A number as it is written here: no sign, no zeros in front. */
static int
get_number(struct text *t, uint64_t *n)
{
	const char *begin = t->p;
	unsigned int digit;

	for (*n = 0; t->left > 0 && *t->p >= '0' && *t->p <= '9';
	    t->p++, t->left--) {
		digit = (unsigned int)(*t->p - '0');
		if (*n > ((uint64_t)INT64_MAX - digit) / 10)
			return -1;
		*n = *n * 10 + digit;
	}
	if (t->p == begin || (*begin == '0' && t->p - begin > 1))
		return -1;
	return 0;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int
get_hash(struct text *t, unsigned char *hash, size_t len)
{
	size_t i;
	int high, low;

	if (t->left < 2 * len)
		return -1;
	for (i = 0; i < len; i++) {
		if ((high = nibble(t->p[2 * i])) == -1 ||
		    (low = nibble(t->p[2 * i + 1])) == -1)
			return -1;
		hash[i] = (unsigned char)(high << 4 | low);
	}
	t->p += 2 * len;
	t->left -= 2 * len;
	return 0;
}

static int
get_fragment(struct text *t, uint64_t *n, struct hpn_dm_manifest_fragment *f)
{
	if (get_word(t, "fragment ") == -1 || get_number(t, n) == -1 ||
	    get_word(t, " ") == -1 || get_number(t, &f->size) == -1 ||
	    get_word(t, " ") == -1 ||
	    get_hash(t, f->hash, sizeof(f->hash)) == -1 ||
	    get_word(t, "\n") == -1)
		return -1;
	return 0;
}

const char *
hpn_dm_manifest_parse(struct hpn_dm_manifest *m, const char *text, size_t len)
{
	struct hpn_dm_manifest_fragment f;
	struct text t = { text, len };
	const char *newline;
	uint64_t n, number, sum = 0;

	memset(m, 0, sizeof(*m));
	if (len > HPN_DM_MANIFEST_TEXT)
		return "it is too long";
	if (get_word(&t, "dmscp-manifest ") == -1)
		return "it is no manifest";
	if (get_number(&t, &n) == -1 || n != 1 || get_word(&t, "\n") == -1)
		return "it has another version than 1";
	if (get_word(&t, "object ") == -1 ||
	    (newline = memchr(t.p, '\n', t.left)) == NULL ||
	    newline == t.p || newline - t.p > (long)HPN_DM_PLAN_NAME)
		return "its object has no proper name";
	m->object = t.p;
	m->object_len = (size_t)(newline - t.p);
	t.p += m->object_len;
	t.left -= m->object_len;
	if (get_word(&t, "\nsize ") == -1 || get_number(&t, &m->size) == -1 ||
	    get_word(&t, "\ncount ") == -1 || get_number(&t, &m->count) == -1 ||
	    m->count > HPN_DM_PLAN_MOST || get_word(&t, "\nhash ") == -1)
		return "its sizes cannot be read";
	if (get_word(&t, ALGORITHM " ") == 0)
		m->hashed = 1;
	else if (get_word(&t, NO_ALGORITHM " ") == -1)
		return "it has another hash than " ALGORITHM;
	if (get_hash(&t, m->hash, sizeof(m->hash)) == -1 ||
	    get_word(&t, "\n") == -1)
		return "its hash cannot be read";
	if (get_word(&t, "sha256 ") == 0) {
		m->has_sha256 = 1;
		if (get_hash(&t, m->sha256, sizeof(m->sha256)) == -1 ||
		    get_word(&t, "\n") == -1)
			return "its SHA-256 cannot be read";
	}
	m->fragments_at = len - t.left;
	for (number = 1; number <= m->count; number++) {
		if (get_fragment(&t, &n, &f) == -1)
			return "a line of a fragment is missing or cannot be "
			    "read";
		if (n != number)
			return "the numbers of its fragments are not 1, 2, 3 "
			    "and so on";
		if (f.size == 0 || f.size > m->size - sum)
			return "the sizes of its fragments do not add up";
		sum += f.size;
	}
	if (sum != m->size)
		return "the sizes of its fragments do not add up";
	if (get_word(&t, "state complete\n") == -1)
		return "it does not say that it is complete";
	m->end_at = len - t.left;
	if (get_word(&t, "end ") == -1 ||
	    get_hash(&t, m->end, sizeof(m->end)) == -1 ||
	    get_word(&t, "\n") == -1)
		return "its last line is missing";
	if (t.left != 0)
		return "something follows its last line";
	return NULL;
}

int
hpn_dm_manifest_next(const struct hpn_dm_manifest *m, const char *text,
    size_t *at, struct hpn_dm_manifest_fragment *f)
{
	struct text t;
	uint64_t n;

	if (*at < m->fragments_at || *at >= m->end_at)
		return 0;
	t.p = text + *at;
	t.left = m->end_at - *at;
	if (get_fragment(&t, &n, f) == -1)
		return 0;
	*at = m->end_at - t.left;
	return 1;
}

static void
put_word(char **p, const char *word)
{
	size_t n = strlen(word);

	memcpy(*p, word, n);
	*p += n;
}

static void
put_number(char **p, uint64_t n)
{
	char digits[24], *d = digits + sizeof(digits);

	*--d = '\0';
	do
		*--d = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	put_word(p, d);
}

static void
put_hash(char **p, const unsigned char *hash, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		*(*p)++ = hex[hash[i] >> 4];
		*(*p)++ = hex[hash[i] & 15];
	}
}

size_t
hpn_dm_manifest_put_head(char *buf, const struct hpn_dm_manifest *m)
{
	char *p = buf;

	put_word(&p, "dmscp-manifest 1\nobject ");
	memcpy(p, m->object, m->object_len);
	p += m->object_len;
	put_word(&p, "\nsize ");
	put_number(&p, m->size);
	put_word(&p, "\ncount ");
	put_number(&p, m->count);
	put_word(&p, m->hashed ? "\nhash " ALGORITHM " " :
	    "\nhash " NO_ALGORITHM " ");
	put_hash(&p, m->hash, sizeof(m->hash));
	put_word(&p, "\n");
	if (m->has_sha256) {
		put_word(&p, "sha256 ");
		put_hash(&p, m->sha256, sizeof(m->sha256));
		put_word(&p, "\n");
	}
	return (size_t)(p - buf);
}

size_t
hpn_dm_manifest_put_fragment(char *buf, uint64_t n,
    const struct hpn_dm_manifest_fragment *f)
{
	char *p = buf;

	put_word(&p, "fragment ");
	put_number(&p, n);
	put_word(&p, " ");
	put_number(&p, f->size);
	put_word(&p, " ");
	put_hash(&p, f->hash, sizeof(f->hash));
	put_word(&p, "\n");
	return (size_t)(p - buf);
}

size_t
hpn_dm_manifest_put_state(char *buf)
{
	char *p = buf;

	put_word(&p, "state complete\n");
	return (size_t)(p - buf);
}

size_t
hpn_dm_manifest_put_end(char *buf, const unsigned char *hash)
{
	char *p = buf;

	put_word(&p, "end ");
	put_hash(&p, hash, HPN_DM_MANIFEST_HASH);
	put_word(&p, "\n");
	return (size_t)(p - buf);
}
