/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-node: one file or directory of a job, its lists and its place in the
 * job, and what else the files of this group share.
 *
 * They call each other in one direction, from the top to the bottom:
 *
 *	hpn-sftp-job	what to copy; whose answer came; the end
 *	hpn-sftp-order	what begins when
 *	hpn-sftp-put	what is done to a file or directory on its way up,
 *	hpn-sftp-get	... and down
 *	hpn-sftp-cross	... and from one server to another
 *	hpn-sftp-source	a source that is on a server
 *	hpn-sftp-target	... and a destination
 *	hpn-sftp-again	what is done a second time
 *	hpn-sftp-save	the local file of a download
 *	hpn-sftp-spread	small files, each in one of several lanes
 *	hpn-sftp-stripe	a large file in several lanes, up
 *	hpn-sftp-gather	... and down
 *	hpn-sftp-check	what is there compared with what should be
 *	hpn-sftp-full	no space at the destination
 *	hpn-sftp-open	opening ahead of the handle, and after a refusal
 *	hpn-sftp-handles which handles are open, until they are settled
 *	hpn-sftp-ask	requests; hpn-sftp-answer: what is in the answers
 *	hpn-sftp-node	this
 *	hpn-sftp-wish	lists, patterns, log: what -X asks for besides
 *	hpn-sftp-meter	the progress meter
 *
 * If a lower file has to call a higher one, it does so through the job's struct
 * hpn_sftp_way.  A plain small file needs neither check nor stripe.
 *
 * A node belongs to the job from hpn_sftp_node_new() to hpn_sftp_node_end().
 * It is on at most one list.  It may be ended when none of its requests is
 * under way.
 */
#ifndef HPN_SFTP_NODE_H
#define HPN_SFTP_NODE_H

#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <stdint.h>

#include "openbsd-compat/sys-queue.h"
#include "openbsd-compat/sys-tree.h"

#include "hpn-clock.h"
#include "hpn-dm-wait.h"
#include "hpn-handles.h"
#include "hpn-hash.h"
#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-window.h"

struct check;
struct node;
struct gather;
struct place;
struct proof;
struct stripe;
struct hpn_sftp_job;
TAILQ_HEAD(nodes, node);
RB_HEAD(claims, node);

enum ask {
	ASK_REALPATH, ASK_STAT, ASK_MKDIR, ASK_OPENDIR, ASK_READDIR,
	ASK_OPEN, ASK_READ, ASK_WRITE, ASK_FSETSTAT, ASK_SETSTAT, ASK_FSYNC,
	ASK_CLOSE,
	ASK_FSTAT, ASK_TRUNCATE, ASK_SIZE, ASK_SIZE_STAT, ASK_FSYNC_STAT,
	ASK_CHMOD, ASK_EMPTY, ASK_HASH, ASK_COMPARE,
	ASK_FACTS, ASK_HIDDEN, ASK_LANE_OPEN, ASK_LANE_PROOF, ASK_LANE_CLOSE,
	ASK_LANE_SHOW, ASK_LANE_SEEN,
	ASK_SPACE, ASK_TWIN, ASK_LINK
};

/*
 * The lane (hpn-sftp-lanes.h) and the handle in it for a request.  A NULL
 * pointer to this means the node's own handle, in lane 0.
 */
struct where {
	u_int lane;
	u_char *handle;
	size_t handle_len;
};

struct request {
	TAILQ_ENTRY(request) list;	/* of the node, by offset: data only */
	struct request *chain;		/* of those with a like id */
	u_int id;
	enum ask ask;
	struct node *node;
	const struct where *where;	/* while it is composed */
	u_int lane;
	u_int64_t offset;
	size_t len;			/* of data; 0: none */
	struct hpn_hash_range range;	/* ASK_HASH */
	u_int64_t sent_ns;
	int again;			/* was sent again, is not to be freed */
	/* Data that came before the data that precede them, up to offset. */
	u_char *held;
	size_t held_len, held_room;
	int kept;			/* was answered, waits to be written */
	TAILQ_ENTRY(request) full;	/* of the job, found no space */
};
TAILQ_HEAD(requests, request);

enum state {
	NODE_NEW,
	NODE_STAT,	/* waits for attributes of the remote file */
	NODE_OPENING,
	NODE_CHECK,	/* what is there is compared with the source */
	NODE_DATA,	/* file: data; directory: names */
	NODE_DRAIN,	/* waits until all data were acknowledged */
	NODE_VERIFY,	/* what was moved is compared with the source */
	NODE_TAIL,	/* what follows the data */
	NODE_CLOSING,
	NODE_CHILDREN,	/* directory: waits until all in it is done */
	NODE_AGAIN	/* hpn-sftp-again.c */
};

enum guess {
	GUESS_NONE,	/* the handle is the server's */
	GUESS_MADE,	/* requests with it are under way */
	GUESS_WRONG	/* ... no more; the server may have executed them */
};

/* A file of the command line that may grow, as it was when it was looked at last. */
struct follow {
	TAILQ_ENTRY(follow) list;
	char *from, *to, *target;
	struct stat st;
	int over;			/* no more is expected */
	/*
	 * Up the source, down the copy, as it was opened first; -1: none.  As long
	 * as it is open, no other file gets its number.
	 */
	int fd;
};

struct node {
	TAILQ_ENTRY(node) all;		/* of the job's nodes, */
	TAILQ_ENTRY(node) list;		/* ... and of what waits for the same */
	struct nodes *on;		/* that list */
	struct node *parent;
	RB_ENTRY(node) claim;		/* of the destinations under way */
	struct nodes blocked;		/* wait for this one's destination */
	int claimed;			/* is one of them */
	char *from, *to;
	char *key;			/* the destination as claimed, if not to */
	char *target;			/* ... as the user called it, or NULL */
	int tree, depth;
	enum state state;
	int failed;
	u_int asked;			/* requests under way */
	Attrib a;			/* of the source */
	int have_attr;
	u_char *handle;			/* on the server, of file or directory */
	size_t handle_len;
	u_int lane;			/* ... that is behind this one */
	int homed;			/* file: counted there, with so much */
	u_int64_t load;
	struct where *source;		/* hpn-sftp-cross.c: file; else NULL */
	enum guess guess;		/* ... which was not given yet */
	/* hpn-sftp-again.c */
	u_int handles;			/* given for it and not settled */
	int again;			/* all is to be done again, when it can be */
	int closing;			/* of the last handle: was asked for */
	int redone;			/* this is the second time */
	int emptied;			/* ... or third: truncated first */
	int wrote;			/* put: through that handle */
	int rewrite;			/* ... whatever is there is not to be used */
	int unlocked;			/* ... its mode did not let us write; -1: what
					 * is it? */
	int spoilt;			/* get: what was written cannot be undone */
	int second;			/* to compare; 1: comes, 2: is there */
	int relist, doubt, unreal;	/* names of a directory, and in it */
	u_int64_t moved;		/* bytes */
	/* file */
	int fd;				/* local, -1: not open */
	mode_t mode;
	struct requests data;		/* data requests under way or kept; */
					/* the first of them is under way */
	u_char *small;			/* all of a small local file */
	size_t small_len;
	u_int64_t size;			/* expected; 0 may mean unknown */
	u_int64_t next;			/* first byte not asked for */
	u_int64_t high;			/* end of the furthest data moved */
	u_int64_t bad;			/* first byte known not to be moved */
	u_int64_t end;			/* where the source is known to end */
	u_int64_t planned;		/* counted in the job's planned */
	size_t buflen;
	u_int ahead;			/* requests, size or end unknown */
	int eof, modified, opened, step;
	u_int refusals;			/* of opening it while others were open */
	u_int refused_with;		/* ... so many */
	int trial;			/* it is opened alone, to see why */
	u_int truncating;		/* put: requests under way */
	u_int64_t begun;		/* first byte that is moved */
	u_int32_t mtime;		/* of the local source as it was opened */
	struct hpn_resume_file dest;	/* what was there */
	u_int64_t least;		/* put: not to be cut below this */
	u_int64_t set;			/* put: length that was asked for, ... */
	u_int unset, unsynced;		/* ... the status, and that of fsync */
	int untouched;			/* is to be left as it was found */
	int readonly, writeonly;	/* the destination */
	int unhashed;			/* the server would not hash it */
	int denied;			/* why: get: errno, put: status */
	int counted;			/* is in the job's all_files */
	int cut;			/* the interrupt ended its data */
	u_int denials;			/* put: of opening it */
	u_int checks;			/* requests under way to compare */
	struct check *check;		/* hpn-sftp-check.c */
	u_int64_t hole;			/* put: not whole from here on, ... */
	u_int64_t lost;			/* ... nor from here on, or is it? */
	/* hpn-sftp-wish.c */
	int outcome;			/* as the log calls it */
	int differs;			/* what arrived is not the source */
	int looked;			/* what is there was looked at */
	int made;			/* ... and is our own by now */
	u_int64_t blank;		/* from here on nothing was there */
	u_int64_t data_end;		/* put: up to here the source has data */
	int holes, skipped;		/* put: it has holes; some were not sent */
	int picked, wanted;		/* a name of the list led to it, was its */
	int named;			/* directory: the list has its names, */
	size_t part_next, part_end;	/* ... these, which begin there */
	size_t part_skip;
	struct linked *linked;		/* hpn-sftp-linked.c: of several names, */
	int unlinked;			/* ... but this one has to be copied */
	struct follow *follow;		/* hpn-sftp-job.c: it may grow */
	struct stripe *stripe;		/* hpn-sftp-stripe.c */
	struct gather *gather;		/* get: hpn-sftp-gather.c */
	struct proof *proof;		/* hpn-sftp-spread.c: of a lane, by it */
	u_int refuser;			/* ... lane that would not open it, or 0 */
	/* directory */
	struct place *place;		/* hpn-sftp-spread.c */
	mode_t final_mode;
	int lacks;			/* something in it failed, */
	int only_lacks;			/* ... but nothing else */
	int ready;			/* children may begin */
	int listed;			/* no more names to come */
	u_int children;			/* not ended */
	struct nodes waiting;		/* for ready */
	DIR *dirp;
};

/*
 * What differs between the way up and the way down.  hpn-sftp-put.c,
 * hpn-sftp-get.c and hpn-sftp-cross.c make one each; a job gets one of them when
 * it is made.
 */
struct hpn_sftp_way {
	int up;		/* from here to the server */
	int cross;	/* from another server, which is a lane of its own */
	/* Begin a node, for the first time or again. */
	void (*begin)(struct hpn_sftp_job *, struct node *);
	/* Open it on the server, for the first time or again. */
	void (*open)(struct hpn_sftp_job *, struct node *);
	/* The node is on the job's list `want`: send what may be sent now. */
	void (*send)(struct hpn_sftp_job *, struct node *);
	/* One of its requests was answered. */
	void (*answer)(struct hpn_sftp_job *, struct request *, u_char type,
	    struct sshbuf *);
	/* hpn-sftp-check has decided what to do with the destination. */
	void (*checked)(struct hpn_sftp_job *, struct node *,
	    const struct hpn_resume *);
	/* What was moved was compared, or need not be.  Ends n->check. */
	void (*verified)(struct hpn_sftp_job *, struct node *);
	/* The node may be done: if so, end it. */
	void (*check_end)(struct hpn_sftp_job *, struct node *);
	/* It is open, and nothing keeps its data any more.  NULL: nothing asks. */
	void (*opened)(struct hpn_sftp_job *, struct node *);
	/* All data were acknowledged, or failed.  NULL: nothing asks. */
	void (*drained)(struct hpn_sftp_job *, struct node *);
	/* No more of a file will come: end it at its first hole. */
	void (*cut)(struct node *);
	/* The node will begin again: undo what was done, as far as possible. */
	void (*undo)(struct hpn_sftp_job *, struct node *);
	/* End one that was refused, and has something open.  NULL: none has. */
	void (*drop)(struct hpn_sftp_job *, struct node *);
	/* It ends.  NULL: nobody wants to know. */
	void (*ended)(struct hpn_sftp_job *, struct node *);
	/* Free what belongs to a node. */
	void (*forget)(struct hpn_sftp_job *, struct node *);
	/* Say that it failed. */
	void (*failed)(const struct node *);
	/* Whether another file, another directory may be begun now. */
	int (*may_begin)(const struct hpn_sftp_job *);
	int (*may_begin_dir)(const struct hpn_sftp_job *);
	/* Whether names of directories cost no request (NULL: no); take some. */
	int (*names_at_hand)(const struct hpn_sftp_job *);
	void (*walk)(struct hpn_sftp_job *);
	/* All in the directory was done: end it. */
	void (*dir_done)(struct hpn_sftp_job *, struct node *);
	/*
	 * For hpn-sftp-target.c: whether the length is to be set once the data
	 * are there; all was sent, close it; the directory is there.
	 */
	int (*sets_size)(const struct hpn_sftp_job *, const struct node *);
	void (*close)(struct hpn_sftp_job *, struct node *);
	void (*dir_made)(struct hpn_sftp_job *, struct node *);
	/*
	 * For hpn-sftp-source.c: the attributes of a file, or the attributes and
	 * the path of a directory, are known.
	 */
	void (*known)(struct hpn_sftp_job *, struct node *);
	void (*dir_known)(struct hpn_sftp_job *, struct node *);
	/* ... OpenSSH's words for the copy, what is there, and its names */
	const char *verb, *origin, *listing;
};

/* What became of the files of a job that were compared with their source. */
struct tally {
	u_int whole, resumed, replaced, refused;
	u_int checked[HPN_RESUME_BY_SIZE + 1];
	u_int64_t kept_bytes;
	u_int verified_files, unverified_files;
	u_int64_t verified_bytes[2];	/* by hash, by reading */
};

TAILQ_HEAD(stripes, stripe);
TAILQ_HEAD(gathers, gather);
TAILQ_HEAD(follows, follow);
TAILQ_HEAD(awaits, proof);

struct hpn_sftp_job {
	struct hpn_sftp_conn *c;
	struct sftp_conn *conn;		/* whose that is */
	struct sftp_conn *plain;	/* HPNDisabled: OpenSSH's do the work */
	struct sftp_conn *plain_from;	/* ... from this one; NULL: from here */
	struct hpn_sftp_window window;
	const struct hpn_sftp_way *way;
	int flags;
	struct sshbuf *m;		/* a request being composed */
	u_char *buf;			/* data being read from a local file */
	size_t buf_len;
	struct request **asked;		/* under way, by id */
	u_int requests;			/* how many, */
	u_int64_t asked_bytes;		/* bytes of data in them */
	u_int files_open, dirs_open;	/* on the server, or soon */
	u_int64_t planned;		/* bytes of open files, not asked for */
	u_int64_t held_bytes;		/* memory for data that came too early */
	struct nodes nodes;		/* all of them */
	struct nodes files;		/* to begin, in this order */
	struct nodes dirs;
	struct nodes refused;		/* to be opened again */
	u_int nrefused;			/* how many */
	u_int refusals;			/* that were none of the number's */
	struct nodes again;		/* to be done again */
	struct stripes stripes;		/* of files in several lanes */
	struct gathers gathers;
	struct place *places;		/* hpn-sftp-spread.c: no directory's of ours, */
	u_int distrusted;		/* ... lanes that take no files, by bits */
	struct awaits awaits;			/* ... proofs of lanes yet to be let in, */
	u_int nawaits;			/* ... how many */
	struct hpn_handles handles[HPN_LANES_SLOTS];
	u_int newest[HPN_LANES_SLOTS];	/* request that was answered */
	u_int held;			/* handles, as it was answered */
	struct nodes walking;		/* directories that give names */
	struct nodes want;		/* have something to send */
	struct claims claims;		/* destinations under way */
	u_int alive;			/* nodes */
	struct node *only;		/* the job is this one file */
	u_int64_t begun_ns, interrupted_ns;
	off_t done_bytes, all_bytes, moved_bytes;
	u_int done_files, all_files, failed_files;
	int failed, metered;
	struct tally tally;
	int overfull;			/* no more names are taken */
	char label[64];
	u_int64_t label_ns;
	char *target;			/* of its first source; hpn-sftp-wish.c */
	struct follows follows;		/* hpn-sftp-job.c: files that may grow */
	struct hpn_sftp_linked *linked;	/* hpn-sftp-linked.c; NULL: none yet */
	/* hpn-sftp-cross.c */
	struct hpn_sftp_conn *from;	/* the source's; else NULL */
	u_int64_t trip_ns[2];		/* to target and source; 0: unknown */
	u_int most_lanes;		/* as it was before */
	int can_hash;
	/* hpn-sftp-full.c */
	struct requests full;		/* writes that found no space */
	struct request *full_tried;	/* one that is tried again */
	struct hpn_dm_wait full_wait;
	enum hpn_dm_wait_cause full_cause;
	int full_step;			/* 0: there is space */
	int full_over;			/* it was waited for long enough */
	u_int64_t full_ns;
};

/* The lane of the source's server, where it has one (hpn-sftp-cross.c). */
#define HPN_SFTP_FROM	1

/* Chains of requests under way. */
#define REQUEST_CHAINS	4096
/* With this many nodes, we take no more names from directories. */
#ifndef JOB_NODES
# define JOB_NODES	16384
#endif
/*
 * There are never more nodes than this, whatever a server puts into its
 * answers.  A tree is copied some thousands of nodes at a time.
 */
#define JOB_NODES_MAX	(64 * JOB_NODES)

/* A new node, queued to begin when its parent is ready. */
struct node *hpn_sftp_node_new(struct hpn_sftp_job *, struct node *parent,
    const char *from, const char *to, int tree, const Attrib *);
void hpn_sftp_node_later(struct hpn_sftp_job *, struct node *);
/* Count the node as one of the job's files, once, and add size to the bytes. */
void hpn_sftp_node_count(struct hpn_sftp_job *, struct node *, u_int64_t size);

/* Lists.  A node that is on one is taken from it first. */
void hpn_sftp_node_list(struct node *, struct nodes *);
void hpn_sftp_node_list_first(struct node *, struct nodes *);
void hpn_sftp_node_unlist(struct node *);

/* Its requests go to this lane: it counts there until it ends. */
void hpn_sftp_node_home(struct hpn_sftp_job *, struct node *, u_int lane);

/* The node is done: free it. */
void hpn_sftp_node_end(struct hpn_sftp_job *, struct node *);
/* The same after a failure, which this reports in OpenSSH's words. */
void hpn_sftp_node_fail(struct hpn_sftp_job *, struct node *);

/* Directory: its children may begin. */
void hpn_sftp_node_dir_ready(struct hpn_sftp_job *, struct node *);
/* Directory: it has no more names.  End it when all children are done. */
void hpn_sftp_node_dir_listed(struct hpn_sftp_job *, struct node *);
/* Directory: end it if all children are done. */
void hpn_sftp_node_dir_check(struct hpn_sftp_job *, struct node *);
/*
 * Claim the destination for this node until it ends.  If another node has
 * claimed it, that node is returned; else NULL.
 */
struct node *hpn_sftp_node_claim(struct hpn_sftp_job *, struct node *);
/* The node that has claimed this destination, or NULL. */
struct node *hpn_sftp_node_claimed(struct hpn_sftp_job *, const char *to);
/*
 * doubt 1: children that have begun may not be in this directory.  doubt 0: the
 * doubt ends, and children that were not confirmed are not in it (unreal).
 */
void hpn_sftp_node_doubt(struct hpn_sftp_job *, struct node *, int doubt);

/* Its path on the server, and here. */
const char *hpn_sftp_node_remote(const struct hpn_sftp_job *,
    const struct node *);
const char *hpn_sftp_node_local(const struct hpn_sftp_job *,
    const struct node *);

/* What the open file has still to ask for has changed. */
void hpn_sftp_node_plan(struct hpn_sftp_job *, struct node *);
/* Data of it were moved. */
void hpn_sftp_node_moved(struct hpn_sftp_job *, struct node *, u_int64_t bytes);
/* Data of it from offset on were not moved: it fails, and this says so, once. */
void hpn_sftp_node_bad(struct hpn_sftp_job *, struct node *, u_int64_t offset,
    const char *what, const char *path, u_int status);
/* Up to where the data of a file that may have failed are whole. */
u_int64_t hpn_sftp_node_whole(const struct node *);

/* Room for so many bytes, until it is used for something else. */
u_char *hpn_sftp_node_room(struct hpn_sftp_job *, size_t len);
/* Read so much of a local file, or all that there is: how much, or -1. */
ssize_t hpn_sftp_node_read_at(int fd, u_char *, size_t len, u_int64_t offset);

/* Whether the job compares what it moves; whether it may compare anything. */
int hpn_sftp_node_verifies(const struct hpn_sftp_job *);
int hpn_sftp_node_compares(const struct hpn_sftp_job *);
/* What was moved is to be compared through another handle than it went. */
int hpn_sftp_node_second(const struct hpn_sftp_job *, const struct node *);
/* Directory: as far as memory goes, it may give more names. */
int hpn_sftp_node_may_name(const struct hpn_sftp_job *, const struct node *);

#endif /* HPN_SFTP_NODE_H */
