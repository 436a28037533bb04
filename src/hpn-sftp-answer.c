/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-answer: reads the answers to a job's requests, and checks their
 * format.
 */

#include "includes.h"

#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "misc.h"
#include "ssherr.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-sftp-answer.h"
#include "hpn-sftp-meter.h"

static void
wrong_type(u_char wanted, u_char type)
{
	fatal("Expected SFTP packet of type %u, got %u", wanted, type);
}

u_int
hpn_sftp_answer_status(struct hpn_sftp_job *job, u_char type, struct sshbuf *m)
{
	u_int status;
	int r;

	if (type != SSH2_FXP_STATUS)
		wrong_type(SSH2_FXP_STATUS, type);
	if ((r = sshbuf_get_u32(m, &status)) != 0)
		fatal_fr(r, "parse status");
	return status;
}

int
hpn_sftp_answer_done(struct hpn_sftp_job *job, const char *what,
    const char *path, u_char type, struct sshbuf *m)
{
	u_int status;

	if ((status = hpn_sftp_answer_status(job, type, m)) == SSH2_FX_OK)
		return 0;
	hpn_sftp_meter_break(job);
	error("%s \"%s\": %s", what, path, fx2txt(status));
	return -1;
}

/* The status of an answer that should have been something better. */
static u_int
refusal(struct hpn_sftp_job *job, u_char wanted, u_char type,
    struct sshbuf *m)
{
	u_int status;

	if (type != SSH2_FXP_STATUS)
		wrong_type(wanted, type);
	status = hpn_sftp_answer_status(job, type, m);
	return status == SSH2_FX_OK ? SSH2_FX_FAILURE : status;
}

u_int
hpn_sftp_answer_handle(struct hpn_sftp_job *job, struct node *n, u_char type,
    struct sshbuf *m)
{
	int r;

	if (type != SSH2_FXP_HANDLE)
		return refusal(job, SSH2_FXP_HANDLE, type, m);
	free(n->handle);
	n->handle = NULL;
	if ((r = sshbuf_get_string(m, &n->handle, &n->handle_len)) != 0)
		fatal_fr(r, "parse handle");
	return SSH2_FX_OK;
}

u_int
hpn_sftp_answer_attrib(struct hpn_sftp_job *job, u_char type, struct sshbuf *m,
    Attrib *a)
{
	int r;

	if (type != SSH2_FXP_ATTRS)
		return refusal(job, SSH2_FXP_ATTRS, type, m);
	if ((r = decode_attrib(m, a)) != 0)
		fatal_fr(r, "parse attributes");
	return SSH2_FX_OK;
}

int
hpn_sftp_answer_where(u_char type, struct sshbuf *m, struct where *where)
{
	int r;

	if (type != SSH2_FXP_HANDLE)
		return -1;
	if ((r = sshbuf_get_string(m, &where->handle, &where->handle_len)) != 0)
		fatal_fr(r, "parse handle");
	return 0;
}

const u_char *
hpn_sftp_answer_data(struct hpn_sftp_job *job, u_char type, struct sshbuf *m,
    size_t *lenp)
{
	const u_char *p;
	int r;

	if (type == SSH2_FXP_STATUS) {
		(void)hpn_sftp_answer_status(job, type, m);
		return NULL;
	}
	if (type != SSH2_FXP_DATA)
		fatal("Expected SSH2_FXP_DATA(%u) packet, got %u",
		    SSH2_FXP_DATA, type);
	if ((r = sshbuf_get_string_direct(m, &p, lenp)) != 0)
		fatal_fr(r, "parse data");
	return p;
}

const u_char *
hpn_sftp_answer_read(struct hpn_sftp_job *job, const struct request *req,
    u_char type, struct sshbuf *m, size_t *lenp, u_int *statusp)
{
	const u_char *p;

	if (type == SSH2_FXP_STATUS) {
		*statusp = hpn_sftp_answer_status(job, type, m);
		return NULL;
	}
	p = hpn_sftp_answer_data(job, type, m, lenp);
	if (*lenp > req->len)
		fatal("Received more data than asked for %zu > %zu", *lenp,
		    req->len);
	/* Asking again and again is what it would lead to. */
	*statusp = SSH2_FX_FAILURE;
	return *lenp == 0 ? NULL : p;
}

char *
hpn_sftp_answer_path(struct hpn_sftp_job *job, u_char type, struct sshbuf *m,
    u_int *statusp)
{
	char *path;
	u_int count;
	int r;

	if (type != SSH2_FXP_NAME) {
		*statusp = refusal(job, SSH2_FXP_NAME, type, m);
		return NULL;
	}
	if ((r = sshbuf_get_u32(m, &count)) != 0)
		fatal_fr(r, "parse count");
	if (count != 1)
		fatal("Got multiple names (%u) from SSH2_FXP_REALPATH", count);
	if ((r = sshbuf_get_cstring(m, &path, NULL)) != 0)
		fatal_fr(r, "parse name");
	return path;
}
