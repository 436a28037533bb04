/* SPDX-License-Identifier: ISC */
/* See hpn-handles.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xmalloc.h"

#include "hpn-handles.h"

struct hpn_handles_opening {
	TAILQ_ENTRY(hpn_handles_opening) list;
	uint32_t id;
};

struct hpn_handle {
	TAILQ_ENTRY(hpn_handle) list;
	void *owner;
	uint32_t closing;		/* the request, if it was asked for */
	int answered;			/* it was */
	size_t len;
	unsigned char bytes[];
};

/* Requests before half of all ids came earlier. */
static int
before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

void
hpn_handles_init(struct hpn_handles *h)
{
	TAILQ_INIT(&h->opening);
	TAILQ_INIT(&h->open);
	TAILQ_INIT(&h->closed);
	h->n = 0;
}

void *
hpn_handles_drop(struct hpn_handles *h)
{
	struct hpn_handles_opening *o;
	struct hpn_handle *e;
	void *owner;

	while ((o = TAILQ_FIRST(&h->opening)) != NULL) {
		TAILQ_REMOVE(&h->opening, o, list);
		free(o);
	}
	TAILQ_CONCAT(&h->open, &h->closed, list);
	if ((e = TAILQ_FIRST(&h->open)) == NULL)
		return NULL;
	TAILQ_REMOVE(&h->open, e, list);
	owner = e->owner;
	free(e);
	h->n--;
	return owner;
}

void
hpn_handles_free(struct hpn_handles *h)
{
	while (hpn_handles_drop(h) != NULL)
		;
}

void
hpn_handles_asked(struct hpn_handles *h, uint32_t id)
{
	struct hpn_handles_opening *o = xcalloc(1, sizeof(*o));

	o->id = id;
	TAILQ_INSERT_TAIL(&h->opening, o, list);
}

void
hpn_handles_none(struct hpn_handles *h, uint32_t id)
{
	struct hpn_handles_opening *o;

	/* Mostly it is the first. */
	TAILQ_FOREACH(o, &h->opening, list) {
		if (o->id == id) {
			TAILQ_REMOVE(&h->opening, o, list);
			free(o);
			return;
		}
	}
}

unsigned int
hpn_handles_given(struct hpn_handles *h, uint32_t id, const void *handle,
    size_t len, void *owner, int disorder, void (*shared)(void *, void *),
    void *context)
{
	struct hpn_handle *e, *new;
	unsigned int n = 0;

	hpn_handles_none(h, id);
	TAILQ_FOREACH(e, &h->open, list) {
		if (e->len == len && memcmp(e->bytes, handle, len) == 0) {
			n++;
			shared(context, e->owner);
		}
	}
	TAILQ_FOREACH(e, &h->closed, list) {
		if ((before(id, e->closing) || (disorder && !e->answered)) &&
		    e->len == len &&
		    memcmp(e->bytes, handle, len) == 0) {
			n++;
			shared(context, e->owner);
		}
	}
	new = xcalloc(1, sizeof(*new) + len);
	new->owner = owner;
	new->len = len;
	memcpy(new->bytes, handle, len);
	TAILQ_INSERT_TAIL(&h->open, new, list);
	h->n++;
	return n;
}

void
hpn_handles_closed(struct hpn_handles *h, uint32_t id, const void *owner,
    const void *handle, size_t len)
{
	struct hpn_handle *e;

	TAILQ_FOREACH(e, &h->open, list) {
		/* An owner may have another one, which stays open. */
		if (e->owner == owner && e->len == len && (len == 0 ||
		    memcmp(e->bytes, handle, len) == 0)) {
			TAILQ_REMOVE(&h->open, e, list);
			e->closing = id;
			TAILQ_INSERT_TAIL(&h->closed, e, list);
			return;
		}
	}
}

unsigned int
hpn_handles_held(const struct hpn_handles *h, uint32_t id, int disorder)
{
	const struct hpn_handles_opening *o;
	unsigned int n = h->n;

	/* Answers may come in another order than requests are dealt with. */
	TAILQ_FOREACH(o, &h->opening, list)
		if (before(o->id, id) || (disorder && o->id != id))
			n++;
	return n;
}

void
hpn_handles_answered(struct hpn_handles *h, uint32_t id)
{
	struct hpn_handle *e;

	TAILQ_FOREACH(e, &h->closed, list) {
		if (e->closing == id) {
			e->answered = 1;
			return;
		}
	}
}

void *
hpn_handles_settled(struct hpn_handles *h)
{
	const struct hpn_handles_opening *o = TAILQ_FIRST(&h->opening);
	struct hpn_handle *e;
	void *owner;

	TAILQ_FOREACH(e, &h->closed, list)
		if (e->answered)
			break;
	if (e == NULL || (o != NULL && before(o->id, e->closing)))
		return NULL;
	TAILQ_REMOVE(&h->closed, e, list);
	owner = e->owner;
	free(e);
	h->n--;
	return owner;
}
