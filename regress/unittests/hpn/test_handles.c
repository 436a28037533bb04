/* SPDX-License-Identifier: ISC */
/*
 * Handles of an SFTP server: which of them are shared, and until when that can be
 * found out.
 */

#include "includes.h"

#include <stdint.h>
#include <string.h>

#include "../test_helper/test_helper.h"

#include "hpn-handles.h"
#include "tests.h"

static char a[] = "a", b[] = "b", c[] = "c", d[] = "d";
static char said[16];
static int disorder;

static void
shared(void *context, void *other)
{
	ASSERT_PTR_EQ(context, said);
	strlcat(said, other, sizeof(said));
}

static unsigned int
given(struct hpn_handles *h, uint32_t id, const char *handle, char *owner)
{
	said[0] = '\0';
	return hpn_handles_given(h, id, handle, strlen(handle), owner, disorder,
	    shared, said);
}

static void
closed(struct hpn_handles *h, uint32_t id, const char *handle, char *owner)
{
	hpn_handles_closed(h, id, owner, handle, strlen(handle));
}

void
test_handles(void)
{
	struct hpn_handles h;
	uint32_t i;

	TEST_START("handles: each its own");
	hpn_handles_init(&h);
	for (i = 1; i <= 3; i++)
		hpn_handles_asked(&h, i);
	ASSERT_U_INT_EQ(given(&h, 1, "0", a), 0);
	ASSERT_U_INT_EQ(given(&h, 2, "1", b), 0);
	/* One that begins like another is another. */
	ASSERT_U_INT_EQ(given(&h, 3, "10", c), 0);
	ASSERT_U_INT_EQ(h.n, 3);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	closed(&h, 4, "1", b);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	hpn_handles_answered(&h, 4);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), b);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	ASSERT_U_INT_EQ(h.n, 2);
	hpn_handles_free(&h);
	TEST_DONE();

	TEST_START("handles: given again after it was closed");
	hpn_handles_asked(&h, 1);
	ASSERT_U_INT_EQ(given(&h, 1, "0", a), 0);
	closed(&h, 2, "0", a);
	hpn_handles_asked(&h, 3);
	/* ... though the closing was not answered yet */
	ASSERT_U_INT_EQ(given(&h, 3, "0", b), 0);
	hpn_handles_asked(&h, 4);
	disorder = 1;
	ASSERT_U_INT_EQ(given(&h, 4, "0", c), 2);
	ASSERT_STRING_EQ(said, "ba");
	closed(&h, 5, "0", b);
	closed(&h, 6, "0", c);
	hpn_handles_answered(&h, 6);
	hpn_handles_answered(&h, 5);
	hpn_handles_asked(&h, 7);
	ASSERT_U_INT_EQ(given(&h, 7, "0", d), 1);
	ASSERT_STRING_EQ(said, "a");
	disorder = 0;
	hpn_handles_answered(&h, 2);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), a);
	hpn_handles_free(&h);
	TEST_DONE();

	TEST_START("handles: one of two that an owner has");
	hpn_handles_init(&h);
	for (i = 1; i <= 2; i++)
		hpn_handles_asked(&h, i);
	ASSERT_U_INT_EQ(given(&h, 1, "0", a), 0);
	ASSERT_U_INT_EQ(given(&h, 2, "1", a), 0);
	closed(&h, 3, "2", a);
	closed(&h, 4, "1", a);
	hpn_handles_asked(&h, 5);
	ASSERT_U_INT_EQ(given(&h, 5, "1", b), 0);
	hpn_handles_asked(&h, 6);
	ASSERT_U_INT_EQ(given(&h, 6, "0", c), 1);
	ASSERT_STRING_EQ(said, "a");
	hpn_handles_answered(&h, 3);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	hpn_handles_answered(&h, 4);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), a);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	ASSERT_U_INT_EQ(h.n, 3);
	hpn_handles_free(&h);
	TEST_DONE();

	TEST_START("handles: of what is open");
	for (i = 1; i <= 3; i++)
		hpn_handles_asked(&h, i);
	ASSERT_U_INT_EQ(given(&h, 1, "0", a), 0);
	ASSERT_U_INT_EQ(given(&h, 2, "0", b), 1);
	ASSERT_STRING_EQ(said, "a");
	ASSERT_U_INT_EQ(given(&h, 3, "0", c), 2);
	ASSERT_STRING_EQ(said, "ab");
	hpn_handles_free(&h);
	TEST_DONE();

	TEST_START("handles: asked for before the other was closed");
	hpn_handles_asked(&h, 1);
	hpn_handles_asked(&h, 2);
	ASSERT_U_INT_EQ(given(&h, 1, "0", a), 0);
	closed(&h, 3, "0", a);
	hpn_handles_answered(&h, 3);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	/* Asked for later, answered earlier */
	hpn_handles_asked(&h, 4);
	ASSERT_U_INT_EQ(hpn_handles_held(&h, 2, 0), 1);
	ASSERT_U_INT_EQ(hpn_handles_held(&h, 2, 1), 2);
	ASSERT_U_INT_EQ(hpn_handles_held(&h, 4, 0), 2);
	ASSERT_U_INT_EQ(given(&h, 4, "0", c), 0);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	ASSERT_U_INT_EQ(given(&h, 2, "0", b), 2);
	ASSERT_STRING_EQ(said, "ca");
	ASSERT_PTR_EQ(hpn_handles_settled(&h), a);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	hpn_handles_free(&h);
	TEST_DONE();

	TEST_START("handles: a refusal settles what was closed after it");
	hpn_handles_asked(&h, 1);
	hpn_handles_asked(&h, 2);
	ASSERT_U_INT_EQ(given(&h, 2, "7", d), 0);
	closed(&h, 3, "7", d);
	hpn_handles_answered(&h, 3);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	hpn_handles_none(&h, 1);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), d);
	ASSERT_U_INT_EQ(h.n, 0);
	hpn_handles_free(&h);
	TEST_DONE();

	TEST_START("handles: ids wrap, empty handles, owners without one");
	hpn_handles_asked(&h, UINT32_MAX);
	ASSERT_U_INT_EQ(given(&h, UINT32_MAX, "", a), 0);
	closed(&h, 0, "", a);
	hpn_handles_answered(&h, 0);
	hpn_handles_asked(&h, 1);
	ASSERT_U_INT_EQ(given(&h, 1, "", b), 0);
	closed(&h, 2, "", c);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), a);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	hpn_handles_free(&h);
	/* Asked for before the other was closed, though its id is larger */
	hpn_handles_asked(&h, UINT32_MAX - 1);
	hpn_handles_asked(&h, UINT32_MAX);
	ASSERT_U_INT_EQ(given(&h, UINT32_MAX - 1, "", a), 0);
	closed(&h, 0, "", a);
	hpn_handles_answered(&h, 0);
	ASSERT_PTR_EQ(hpn_handles_settled(&h), NULL);
	ASSERT_U_INT_EQ(given(&h, UINT32_MAX, "", b), 1);
	ASSERT_STRING_EQ(said, "a");
	hpn_handles_free(&h);
	TEST_DONE();
}
