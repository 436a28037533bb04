/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-handles.h for what this does. */

#include "includes.h"

#include <sys/types.h>

#include "sftp-common.h"

#include "hpn-handles.h"
#include "hpn-sftp-handles.h"

/* How many were open as the server did what it has answered, or more. */
u_int
hpn_sftp_handles_held(const struct hpn_sftp_job *job, u_int id)
{
	u_int i, n = 0;

	for (i = 0; i < HPN_LANES_SLOTS; i++)
		n += hpn_handles_held(&job->handles[i], id, job->c->disorder);
	return n;
}

/* Nothing more can be found out about some handles: what waits for that ends. */
void
hpn_sftp_handles_settle(struct hpn_sftp_job *job, u_int lane,
    const struct node *except)
{
	struct node *n;

	while ((n = hpn_handles_settled(&job->handles[lane])) != NULL) {
		n->handles--;
		if (n == except || n->handles != 0)
			continue;
		if (n->tree)
			hpn_sftp_node_dir_check(job, n);
		else
			job->way->check_end(job, n);
	}
}

void
hpn_sftp_handles_closed(struct hpn_sftp_job *job, const struct request *req)
{
	hpn_handles_answered(&job->handles[req->lane], req->id);
	hpn_sftp_handles_settle(job, req->lane, req->node);
}

void
hpn_sftp_handles_gone(struct hpn_sftp_job *job, u_int lane)
{
	struct hpn_handles *h = &job->handles[lane];
	struct node *n;

	while ((n = hpn_handles_drop(h)) != NULL) {
		if (--n->handles == 0)
			job->way->check_end(job, n);
	}
}
