/* SPDX-License-Identifier: ISC */
/* See hpn-sftp-linked.h for what this does. */

#include "includes.h"

#include <sys/types.h>
#include <sys/stat.h>

#include <stdint.h>
#include <stdlib.h>

#include "log.h"
#include "misc.h"
#include "sshbuf.h"
#include "xmalloc.h"

#include "sftp.h"
#include "sftp-common.h"
#include "sftp-client.h"

#include "hpn-names.h"
#include "hpn-sftp-answer.h"
#include "hpn-sftp-ask.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-job.h"
#include "hpn-sftp-linked.h"
#include "hpn-sftp-meter.h"
#include "hpn-sftp-node.h"
#include "hpn-sftp-wish.h"

/* A file that has several names here. */
struct linked {
	RB_ENTRY(linked) entry;
	dev_t dev;
	ino_t ino;
	struct node *first;	/* is being copied; NULL: none is */
	char *to;		/* its copy; NULL: there is none yet */
	int regular;		/* ... which is no symbolic link */
	struct nodes waiting;
};
RB_HEAD(links, linked);

struct hpn_sftp_linked {
	struct links links;
	u_int copied;		/* that were to be linked */
};

static int
compare(const struct linked *a, const struct linked *b)
{
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	return 0;
}

RB_GENERATE_STATIC(links, linked, entry, compare)

static struct linked *
find(struct hpn_sftp_job *job, const struct stat *st)
{
	struct linked wanted, *l;

	if (job->linked == NULL) {
		job->linked = xcalloc(1, sizeof(*job->linked));
		RB_INIT(&job->linked->links);
	}
	wanted.dev = st->st_dev;
	wanted.ino = st->st_ino;
	if ((l = RB_FIND(links, &job->linked->links, &wanted)) != NULL)
		return l;
	l = xcalloc(1, sizeof(*l));
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	TAILQ_INIT(&l->waiting);
	(void)RB_INSERT(links, &job->linked->links, l);
	return l;
}

/* That of a node, if it is one of several names. */
static struct linked *
of(struct hpn_sftp_job *job, const struct node *n, struct stat *st)
{
	if (!hpn_sftp_wish_links() || !job->c->can_link ||
	    lstat(n->from, st) == -1 || !S_ISREG(st->st_mode) ||
	    st->st_nlink < 2)
		return NULL;
	return find(job, st);
}

/* Those that wait may begin. */
static void
go(struct hpn_sftp_job *job, struct linked *l)
{
	struct node *n;

	while ((n = TAILQ_LAST(&l->waiting, nodes)) != NULL)
		hpn_sftp_node_list_first(n, &job->files);
}

int
hpn_sftp_linked_begin(struct hpn_sftp_job *job, struct node *n)
{
	struct linked *l;
	struct stat st;

	/* One that begins again is looked at as it is opened. */
	if (n->unlinked || (n->linked != NULL && n->linked->first == n) ||
	    (l = of(job, n, &st)) == NULL)
		return 0;
	if (l->to != NULL) {
		if (n->parent == NULL)
			hpn_sftp_node_count(job, n, st.st_size);
		n->size = st.st_size;
		n->linked = l;
		/* Counts as open: it will be, if it cannot be linked. */
		n->state = NODE_STAT;
		job->files_open++;
		if (l->regular)
			hpn_sftp_ask_link(job, n, l->to);
		else
			hpn_sftp_ask_path(job, n, ASK_TWIN, SSH2_FXP_LSTAT,
			    l->to);
		return 1;
	}
	if (l->first == NULL) {
		l->first = n;
		n->linked = l;
		return 0;
	}
	hpn_sftp_node_list(n, &l->waiting);
	return 1;
}

void
hpn_sftp_linked_there(struct hpn_sftp_job *job, struct node *n)
{
	struct linked *l;
	struct stat st;

	if ((l = of(job, n, &st)) != NULL && l->first == NULL && l->to == NULL)
		l->to = xstrdup(n->to);
}

void
hpn_sftp_linked_opened(struct hpn_sftp_job *job, struct node *n,
    const struct stat *st)
{
	struct linked *l = n->linked;

	if (l == NULL || l->first != n || (l->dev == st->st_dev &&
	    l->ino == st->st_ino))
		return;
	l->first = NULL;
	n->linked = NULL;
	go(job, l);
}

void
hpn_sftp_linked_answer(struct hpn_sftp_job *job, struct request *req,
    u_char type, struct sshbuf *m)
{
	struct node *n = req->node;
	struct linked *l = n->linked;
	Attrib a;

	if (req->ask == ASK_TWIN) {
		/* A link to a symbolic link would lead somewhere else. */
		if (hpn_sftp_answer_attrib(job, type, m, &a) == SSH2_FX_OK &&
		    (a.flags & SSH2_FILEXFER_ATTR_PERMISSIONS) &&
		    S_ISREG(a.perm)) {
			l->regular = 1;
			hpn_sftp_ask_link(job, n, l->to);
			return;
		}
	} else if (hpn_sftp_answer_status(job, type, m) == SSH2_FX_OK) {
		debug("\"%s\" is linked to \"%s\"", n->to, l->to);
		job->files_open--;
		job->done_bytes += n->size;
		hpn_sftp_node_end(job, n);
		return;
	}
	job->files_open--;	/* It counts again as it begins. */
	job->linked->copied++;
	n->linked = NULL;
	n->unlinked = 1;
	job->way->begin(job, n);
}

void
hpn_sftp_linked_ended(struct hpn_sftp_job *job, struct node *n)
{
	struct linked *l = n->linked;

	if (l == NULL || l->first != n)
		return;
	l->first = NULL;
	if (!n->failed && !n->cut && !n->unreal)
		l->to = xstrdup(n->to);
	go(job, l);
}

void
hpn_sftp_linked_end(struct hpn_sftp_job *job)
{
	struct linked *l, *next;

	if (job->linked == NULL)
		return;
	if (job->linked->copied != 0)
		logit("%u name%s could not be made hard links, and became "
		    "files of their own", job->linked->copied,
		    job->linked->copied == 1 ? "" : "s");
	RB_FOREACH_SAFE(l, links, &job->linked->links, next) {
		RB_REMOVE(links, &job->linked->links, l);
		free(l->to);
		free(l);
	}
	free(job->linked);
	job->linked = NULL;
}
