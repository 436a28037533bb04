/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-node: what hpn-sftp-job.c (the order of things), hpn-sftp-again.c (what
 * of it is done a second time), hpn-sftp-ask.c
 * (requests and what is in answers), hpn-sftp-put.c, hpn-sftp-stripe.c,
 * hpn-sftp-save.c and hpn-sftp-get.c (what is done to a file or directory, up and
 * down) and hpn-sftp-check.c (what is there compared with what should be) share.
 *
 * A node belongs to the job from hpn_sftp_node_new() to hpn_sftp_node_end(). It
 * is on at most one list. It may be ended when none of its requests is under
 * way.
 */
#ifndef HPN_SFTP_NODE_H
#define HPN_SFTP_NODE_H

#include <sys/types.h>

#include <dirent.h>
#include <stdint.h>

#include "openbsd-compat/sys-queue.h"
#include "openbsd-compat/sys-tree.h"

#include "hpn-clock.h"
#include "hpn-handles.h"
#include "hpn-hash.h"
#include "hpn-lanes.h"
#include "hpn-resume.h"
#include "hpn-sftp-conn.h"
#include "hpn-sftp-window.h"

struct check;
struct node;
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
	ASK_FACTS, ASK_HIDDEN, ASK_LANE_OPEN, ASK_LANE_PROOF, ASK_LANE_CLOSE
};

struct request {
	TAILQ_ENTRY(request) list;	/* of the node, by offset: data only */
	struct request *chain;		/* of those with a like id */
	u_int id;
	enum ask ask;
	struct node *node;
	u_int lane;			/* hpn-sftp-lanes.h */
	u_int64_t offset;
	size_t len;			/* of data; 0: none */
	struct hpn_hash_range range;	/* ASK_HASH */
	u_int64_t sent_ns;
	int again;			/* was sent again, is not to be freed */
	/* What came of it before what precedes it, up to offset. */
	u_char *held;
	size_t held_len, held_room;
	int kept;			/* was answered, waits to be written */
};
TAILQ_HEAD(requests, request);

enum state {
	NODE_NEW,
	NODE_STAT,	/* for attributes of the remote file */
	NODE_OPENING,
	NODE_CHECK,	/* what is there is compared with the source */
	NODE_DATA,	/* file: data; directory: names */
	NODE_DRAIN,	/* until all data was acknowledged */
	NODE_VERIFY,	/* what was moved is compared with the source */
	NODE_TAIL,	/* what follows the data */
	NODE_CLOSING,
	NODE_CHILDREN,	/* directory: until all in it is done */
	NODE_AGAIN	/* hpn-sftp-again.c */
};

enum guess {
	GUESS_NONE,	/* the handle is the server's */
	GUESS_MADE,	/* requests with it are under way */
	GUESS_WRONG	/* ... and are no more; the server may have done them */
};

struct node {
	TAILQ_ENTRY(node) list;
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
	enum guess guess;		/* ... which was not given yet */
	/* hpn-sftp-again.c */
	u_int handles;			/* given for it and not settled */
	int again;			/* all is to be done again, when it can be */
	int closing;			/* of the last handle: was asked for */
	int redone;			/* this is the second time */
	int emptied;			/* ... or third: truncated first */
	int wrote;			/* put: through that handle */
	int rewrite;			/* ... whatever is there is not to be used */
	int unlocked;			/* ... its mode did not let us write */
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
	struct stripe *stripe;		/* hpn-sftp-stripe.c */
	/* directory */
	mode_t final_mode;
	int lacks;			/* something in it failed */
	int ready;			/* children may begin */
	int listed;			/* no more names to come */
	u_int children;			/* not ended */
	struct nodes waiting;		/* for ready */
	DIR *dirp;
};

/* What became of the files of a job that were compared with their source. */
struct tally {
	u_int whole, resumed, replaced, refused;
	u_int checked[HPN_RESUME_BY_SIZE + 1];
	u_int64_t kept_bytes;
	u_int verified_files, unverified_files;
	u_int64_t verified_bytes[2];	/* by hash, by reading */
};

struct hpn_sftp_job {
	struct hpn_sftp_conn *c;
	struct sftp_conn *plain;	/* HPNDisabled: OpenSSH's do the work */
	struct hpn_sftp_window window;
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
	struct nodes files;		/* to begin, in this order */
	struct nodes dirs;
	struct nodes refused;		/* to be opened again */
	u_int nrefused;			/* how many */
	u_int refusals;			/* that were none of the number's */
	struct nodes again;		/* to be done again */
	struct hpn_handles handles[HPN_LANES_MAX];
	u_int newest[HPN_LANES_MAX];	/* request that was answered */
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
};

/* Chains of requests under way. */
#define REQUEST_CHAINS	4096
/* More nodes than this, and no more names are taken from directories. */
#ifndef JOB_NODES
# define JOB_NODES	16384
#endif
/*
 * So many are never exceeded, whatever a server puts into its answers; its
 * trees are copied by some thousands at a time.
 */
#define JOB_NODES_MAX	(64 * JOB_NODES)

/* A new node, queued to begin when its parent is ready. */
struct node *hpn_sftp_node_new(struct hpn_sftp_job *, struct node *parent,
    const char *from, const char *to, int tree, const Attrib *);
void hpn_sftp_node_later(struct hpn_sftp_job *, struct node *);
/* It is one of the job's files, which may not have been known until now. */
void hpn_sftp_node_count(struct hpn_sftp_job *, struct node *, u_int64_t size);

/* Lists.  A node that is on one is taken from it first. */
void hpn_sftp_node_list(struct node *, struct nodes *);
void hpn_sftp_node_list_first(struct node *, struct nodes *);
void hpn_sftp_node_unlist(struct node *);

/* Nothing more is to be done with it. */
void hpn_sftp_node_end(struct hpn_sftp_job *, struct node *);
/* ... and it was not done; says so in OpenSSH's words. */
void hpn_sftp_node_fail(struct hpn_sftp_job *, struct node *);

/* Directory: what is in it may begin. */
void hpn_sftp_node_dir_ready(struct hpn_sftp_job *, struct node *);
/* Directory: there is no more in it; ends it when all that is was done. */
void hpn_sftp_node_dir_listed(struct hpn_sftp_job *, struct node *);
/* ... and has it been? */
void hpn_sftp_node_dir_check(struct hpn_sftp_job *, struct node *);
/* What is under way to this destination, or NULL. */
struct node *hpn_sftp_node_claimed(struct hpn_sftp_job *, const char *to);
/* Whether what was begun in this directory is in it is in doubt; or it is not. */
void hpn_sftp_node_doubt(struct hpn_sftp_job *, struct node *, int doubt);

/*
 * The destination is the node's until it ends, unless it is another's: then that
 * one is returned.
 */
struct node *hpn_sftp_node_claim(struct hpn_sftp_job *, struct node *);

/* hpn-sftp-order.c: begin what may be begun, and whether n may give more names. */
void hpn_sftp_order_next(struct hpn_sftp_job *);
int hpn_sftp_order_may_walk(const struct hpn_sftp_job *, const struct node *);

/* Whether a request may be sent for this many bytes of data, ... */
int hpn_sftp_ask_may(struct hpn_sftp_job *, size_t len);
/* ... and so many be written in this lane; alone: no other could take them. */
int hpn_sftp_ask_lane_may(const struct hpn_sftp_job *, u_int lane, size_t len,
    int alone);

/*
 * hpn-sftp-ask.c.  Requests: what the node asks for.  The answer comes to
 * hpn_sftp_put_answer() or hpn_sftp_get_answer().
 */
void hpn_sftp_ask_path(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type, const char *path);
void hpn_sftp_ask_path_attrib(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type, const char *path, const Attrib *);
void hpn_sftp_ask_open(struct hpn_sftp_job *, struct node *, const char *path,
    u_int mode, const Attrib *);
void hpn_sftp_ask_handle(struct hpn_sftp_job *, struct node *, enum ask,
    u_char type);
void hpn_sftp_ask_handle_attrib(struct hpn_sftp_job *, struct node *,
    const Attrib *);
void hpn_sftp_ask_truncate(struct hpn_sftp_job *, struct node *, enum ask,
    u_int64_t size);
void hpn_sftp_ask_fsync(struct hpn_sftp_job *, struct node *);
void hpn_sftp_ask_hash(struct hpn_sftp_job *, struct node *,
    const struct hpn_hash_range *);
/* A part of the file, not to keep. */
void hpn_sftp_ask_compare(struct hpn_sftp_job *, struct node *,
    u_int64_t offset, size_t len);
void hpn_sftp_ask_read(struct hpn_sftp_job *, struct node *, u_int64_t offset,
    size_t len);
void hpn_sftp_ask_read_again(struct hpn_sftp_job *, struct request *);
void hpn_sftp_ask_write(struct hpn_sftp_job *, struct node *, u_int lane,
    u_int64_t offset, const u_char *, size_t len);
/* In a lane other than the connection's own: open it, what needs no more than its
 * handle there, and look at some of it. */
void hpn_sftp_ask_lane_open(struct hpn_sftp_job *, struct node *, u_int lane);
void hpn_sftp_ask_lane_handle(struct hpn_sftp_job *, struct node *, u_int lane,
    enum ask, u_char type);
void hpn_sftp_ask_lane_read(struct hpn_sftp_job *, struct node *, u_int lane,
    u_int64_t offset, size_t len);
/* A part that is not all that it should be yet, as ASK_HIDDEN. */
void hpn_sftp_ask_hidden(struct hpn_sftp_job *, struct node *, u_int64_t offset,
    const u_char *data, size_t len);
/*
 * The job's only file was asked to be opened: whether more may be asked before
 * the answer, since the handle can be told; n->handle is that then.
 */
int hpn_sftp_open_ahead(struct hpn_sftp_job *, struct node *);
/* An answer to such a request has come first. */
void hpn_sftp_open_ahead_late(struct hpn_sftp_job *, struct node *);

/* Answered, or not waited for any more. */
void hpn_sftp_ask_over(struct hpn_sftp_job *, const struct request *);

/* Answers: what is in them; a wrong type of answer ends the program. */
u_int hpn_sftp_answer_status(struct hpn_sftp_job *, u_char type,
    struct sshbuf *);
/* 0 or the status */
u_int hpn_sftp_answer_handle(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *);
u_int hpn_sftp_answer_attrib(struct hpn_sftp_job *, u_char type,
    struct sshbuf *, Attrib *);
/* the path, to be freed, or NULL and the status */
char *hpn_sftp_answer_path(struct hpn_sftp_job *, u_char type, struct sshbuf *,
    u_int *statusp);

/*
 * The answer to the opening of a file.  1: the handle is the one that was
 * guessed, all goes on; -1: nothing is open, it is to be opened again; 0: the
 * answer has to be dealt with, and nothing else is under way.
 */
int hpn_sftp_open_ahead_answer(struct hpn_sftp_job *, struct node *,
    u_char type, struct sshbuf *);

/*
 * The answer to the opening of a file or directory, which *counted counts among
 * those that are open: 0: it is; 1: it was refused and is worth another attempt,
 * which will be made by hpn_sftp_put_open() or hpn_sftp_get_open(); -1: it
 * failed with this status.
 */
int hpn_sftp_open_answer(struct hpn_sftp_job *, struct node *, u_char type,
    struct sshbuf *, u_int *counted, u_int *statusp);
/* What the open file has still to ask for has changed. */
void hpn_sftp_node_plan(struct hpn_sftp_job *, struct node *);
/* Data of it were moved. */
void hpn_sftp_node_moved(struct hpn_sftp_job *, struct node *, u_int64_t bytes);
/* Up to where the data of a file that may have failed are whole. */
u_int64_t hpn_sftp_node_whole(const struct node *);

/* One line for the whole job, once there is something to say; as it is now. */
void hpn_sftp_meter_begin(struct hpn_sftp_job *);
void hpn_sftp_meter_label(struct hpn_sftp_job *, int force);
/* An error is about to be written: leave the meter's line. */
void hpn_sftp_meter_break(struct hpn_sftp_job *);
/* The only file of a job begins to move its data, from byte on. */
void hpn_sftp_meter_file(struct hpn_sftp_job *, struct node *, const char *path,
    off_t size, u_int64_t from);

/* Room for so many bytes, until it is used for something else. */
u_char *hpn_sftp_node_room(struct hpn_sftp_job *, size_t len);
/* Read so much of a local file, or all that there is: how much, or -1. */
ssize_t hpn_sftp_node_read_at(int fd, u_char *, size_t len, u_int64_t offset);

/*
 * hpn-sftp-save.c: the local file of a download.  Open it, 0 or -1, which was
 * said; close it without touching it further; write what has come for a
 * request at its offset, or keep it until what precedes it is there; nothing
 * more comes for a request: forget it, or keep it as well; write what waited;
 * forget it.  The server says that the source ends at an offset, where data
 * may be.
 */
int hpn_sftp_save_open(struct hpn_sftp_job *, struct node *);
void hpn_sftp_save_leave(struct node *);
void hpn_sftp_save_data(struct hpn_sftp_job *, struct node *, struct request *,
    const u_char *, size_t len);
void hpn_sftp_save_answered(struct node *, struct request *);
void hpn_sftp_save_release(struct hpn_sftp_job *, struct node *);
void hpn_sftp_save_drop(struct hpn_sftp_job *, struct node *);
void hpn_sftp_save_end(struct hpn_sftp_job *, struct node *, u_int64_t);

/*
 * hpn-sftp-check.c.  The file is open on both sides, the destination is as
 * dest says, the source as source says: find out what is to be done.
 * hpn_sftp_put_checked() or hpn_sftp_get_checked() is called when it is known,
 * at once or later.
 */
void hpn_sftp_check_begin(struct hpn_sftp_job *, struct node *,
    const struct hpn_resume_file *source, const struct hpn_resume_file *dest);
/* Find out whether the server tells hashes, before it matters. */
void hpn_sftp_check_probe(struct hpn_sftp_job *, struct node *);
/* Whether the server will tell hashes of this file, as far as it is known. */
int hpn_sftp_check_hashes(const struct hpn_sftp_job *, const struct node *);
/* Ask what may be asked now. */
void hpn_sftp_check_send(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
/*
 * What is moved from n->begun on is to be compared as well, if the job wants
 * that.  Then, as it is read in order to be sent; when some of it has
 * arrived; and when all of it has, up to the offset end:
 * hpn_sftp_put_verified() or hpn_sftp_get_verified() is called when that is
 * over.
 */
void hpn_sftp_check_verify_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_verify_sent(struct node *, const u_char *, size_t len);
void hpn_sftp_check_verify_more(struct hpn_sftp_job *, struct node *);
void hpn_sftp_check_verify_end(struct hpn_sftp_job *, struct node *,
    u_int64_t end);
/*
 * hpn_sftp_put_verified() wants to know: all of the source was sent, and is
 * what was sent still, though it was written to since.
 */
int hpn_sftp_check_unchanged(const struct node *);
/* Whether the job compares what it moves. */
int hpn_sftp_node_verifies(const struct hpn_sftp_job *);
void hpn_sftp_check_free(struct node *);
/* What to say at the end of the job. */
void hpn_sftp_check_summary(struct hpn_sftp_job *);
/* The source is not what it was when the copy began. */
void hpn_sftp_check_changed(struct hpn_sftp_job *, struct node *);

/*
 * hpn-sftp-stripe.c: a large file's data in several lanes. Its data begin: they
 * are to be spread if that is worth it. Have other lanes open it, as they come.
 */
void hpn_sftp_stripe_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_more(struct hpn_sftp_job *, struct node *);
/*
 * The lane for the next len bytes, and for those that turn out to be the last;
 * -1: none has room, or they must wait.
 */
int hpn_sftp_stripe_pick(struct hpn_sftp_job *, struct node *, size_t len);
int hpn_sftp_stripe_last(struct hpn_sftp_job *, struct node *);
/*
 * Whether other lanes had a share in it.  Up to where it is whole at most, whatever
 * was acknowledged.  Its handle in one of them.
 */
int hpn_sftp_stripe_was(const struct node *);
u_int64_t hpn_sftp_stripe_whole(const struct node *);
const u_char *hpn_sftp_stripe_handle(const struct node *, u_int lane,
    size_t *lenp);
/*
 * Have them close it.  Non-zero: wait for those that have written to it, and for
 * hpn_sftp_put_drained().
 */
int hpn_sftp_stripe_close(struct hpn_sftp_job *, struct node *);
void hpn_sftp_stripe_free(struct node *);
void hpn_sftp_stripe_answer(struct hpn_sftp_job *, struct request *,
    u_char type, struct sshbuf *);
/* A lane has ended.  0, or -1: with it what nobody knows the fate of. */
int hpn_sftp_stripe_gone(struct hpn_sftp_job *, u_int lane);

/*
 * hpn-sftp-again.c: servers that do not keep what is open apart.  A file or
 * directory was asked to be opened, or closed, by the request id.  The answer to
 * either: what it says about handles, before anything else is done with it.
 */
void hpn_sftp_again_asked(struct hpn_sftp_job *, u_int lane, u_int id);
void hpn_sftp_again_closing(struct hpn_sftp_job *, struct node *, u_int lane,
    u_int id);
void hpn_sftp_again_opened(struct hpn_sftp_job *, const struct request *,
    u_char type, struct sshbuf *);
void hpn_sftp_again_closed(struct hpn_sftp_job *, const struct request *);
/* A lane has ended, and what was open there with it. */
void hpn_sftp_again_gone(struct hpn_sftp_job *, u_int lane);
/* Any answer for a node that is to be done again, and whether that was the last. */
void hpn_sftp_again_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
void hpn_sftp_again_check(struct hpn_sftp_job *, struct node *);
/* It is to be begun again for another reason. */
void hpn_sftp_again_do(struct hpn_sftp_job *, struct node *);
/* Whether it waits, since something else is open and may share its handle. */
int hpn_sftp_again_wait(struct hpn_sftp_job *, struct node *);
/* Nothing else is open: begin it.  It is not to be begun: say so. */
void hpn_sftp_again_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_again_drop(struct hpn_sftp_job *, struct node *);
/* Names of the directory: 1: this one is under way already.  That was all. */
int hpn_sftp_again_listed(struct hpn_sftp_job *, struct node *, const char *to);
void hpn_sftp_again_list_end(struct hpn_sftp_job *, struct node *);
/* What was moved is to be compared through another handle than it went. */
int hpn_sftp_again_second(const struct hpn_sftp_job *, const struct node *);

/* What the two directions have to offer. */
void hpn_sftp_put_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_put_open(struct hpn_sftp_job *, struct node *);
void hpn_sftp_put_send(struct hpn_sftp_job *, struct node *);
void hpn_sftp_put_walk(struct hpn_sftp_job *, struct node *);
void hpn_sftp_put_dir_done(struct hpn_sftp_job *, struct node *);
void hpn_sftp_put_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);
void hpn_sftp_put_checked(struct hpn_sftp_job *, struct node *,
    const struct hpn_resume *);
void hpn_sftp_put_verified(struct hpn_sftp_job *, struct node *);
void hpn_sftp_put_check_end(struct hpn_sftp_job *, struct node *);
/* All data were acknowledged, or failed. */
void hpn_sftp_put_drained(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_checked(struct hpn_sftp_job *, struct node *,
    const struct hpn_resume *);
void hpn_sftp_get_verified(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_check_end(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_begin(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_open(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_send(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_walk(struct hpn_sftp_job *, struct node *);
void hpn_sftp_get_dir_done(struct hpn_sftp_job *, struct node *);
/* What of a file has come is all that will: end it at its first hole. */
void hpn_sftp_get_cut(struct node *);
void hpn_sftp_get_answer(struct hpn_sftp_job *, struct request *, u_char type,
    struct sshbuf *);

#endif /* HPN_SFTP_NODE_H */
