/* SPDX-License-Identifier: ISC */
/*
 * hpn-sftp-wish: what -X asks for besides copying (hpn-wish.h), as a job does it:
 * the list of names, the patterns, the log, and the exit status.
 *
 * The options are the program's, and so is what is kept here.  Without any of them
 * nothing here does anything.
 */
#ifndef HPN_SFTP_WISH_H
#define HPN_SFTP_WISH_H

#include <sys/types.h>
#include <sys/stat.h>

struct hpn_names_part;
struct hpn_wish_file;
struct hpn_sftp_job;
struct sftp_conn;
struct node;

/* One argument of -X: 1: it was ours; 0: it is not; -1: it is, but is wrong. */
int hpn_sftp_wish_option(const char *arg);
/*
 * All options are known: read the list, open the log.  What is wrong ends the
 * program.  sources: how many the command line has, 0: not known.
 */
void hpn_sftp_wish_ready(int sources, int stdin_free);
/* The program's exit status, where it would be this one. */
int hpn_sftp_wish_status(int status);

/* The target is the directory into which the sources go, there or not. */
int hpn_sftp_wish_nests(int resumes, int recursive);
/* Nothing is to be changed. */
int hpn_sftp_wish_dry(void);
/* Holes stay holes. */
int hpn_sftp_wish_sparse(void);
/* Names of one file stay so. */
int hpn_sftp_wish_links(void);
/*
 * Files are copied on as they grow, until so many seconds nothing came,
 * HPN_WISH_FOLLOW_EVER or 0: not.  That has begun: what is there is ours.
 */
u_int hpn_sftp_wish_follow(void);
void hpn_sftp_wish_following(int on);
/* The source has this size now, as so much of it was copied: it has but grown. */
int hpn_sftp_wish_grew(u_int64_t size, u_int64_t copied);
/* It was opened here.  0; or -1: this is not what was copied, which is said. */
int hpn_sftp_wish_opened(struct hpn_sftp_job *, struct node *,
    const struct stat *);
/* ... and so was the local copy: 0, or -1 as above. */
int hpn_sftp_wish_made(struct hpn_sftp_job *, struct node *);
/* How long to wait for space, seconds; 0: not. */
u_int hpn_sftp_wish_waits(void);
/*
 * Writing a file of this size failed: there is no space (full), or there may be
 * none.
 */
void hpn_sftp_wish_unwritten(int full, u_int64_t size);

/* Whether a job is needed that OpenSSH's own functions would not do. */
int hpn_sftp_wish_any(void);
/* A job begins; the flags that it has. */
int hpn_sftp_wish_begin(struct sftp_conn *, int flags);
/* ... and ends. */
void hpn_sftp_wish_end(struct hpn_sftp_job *);

/* What the command line names: 0: it is not to be copied; *tree may change. */
int hpn_sftp_wish_source(const char *from, int *tree);
/* Its node. */
void hpn_sftp_wish_root(struct hpn_sftp_job *, struct node *, int recursive);

/* Whether a name in this directory is copied, as the patterns are. */
int hpn_sftp_wish_takes(const struct node *dir, const char *name, int is_dir);
/* ... and a node that is known to be a directory, or not to be one, by now. */
int hpn_sftp_wish_takes_node(const struct node *, int is_dir);

/* The next listed name in a directory; 0: no more.  Free *name. */
int hpn_sftp_wish_next(struct node *dir, struct hpn_names_part *, char **name);
/* A node is what this part of the list names. */
void hpn_sftp_wish_part(struct node *, const struct hpn_names_part *);
/* Such a node is a directory, or is not: 0; -1: it is not what was listed. */
int hpn_sftp_wish_kind(struct node *, int is_dir);
/* ... and there was none to be made of it. */
void hpn_sftp_wish_lost(struct node *dir, const char *name,
    const struct hpn_names_part *);

/* Whether what is at the destination is to be looked at first; not as a link. */
int hpn_sftp_wish_looks(const struct node *);
int hpn_sftp_wish_follows(void);
/*
 * It was: dest, or NULL if nothing is there, and the source.  Non-zero: the file is
 * not to be copied, and is to be ended.
 */
int hpn_sftp_wish_found(struct hpn_sftp_job *, struct node *,
    const struct hpn_wish_file *source, const struct hpn_wish_file *dest);
/* ... because it has the source's content, as far as update asks. */
int hpn_sftp_wish_equals(const struct node *);
/* ... a local one: as stat(2) returned. */
int hpn_sftp_wish_found_local(struct hpn_sftp_job *, struct node *);
/* As it is opened: only a new one. */
int hpn_sftp_wish_only_new(const struct node *);

/* Something that is no file was passed over. */
void hpn_sftp_wish_passed(const struct node *dir, const char *name);
/* Nothing more is done with a node. */
void hpn_sftp_wish_ended(struct hpn_sftp_job *, struct node *);
/* Nothing more is done at all, and the program is to end: of each that is left. */
void hpn_sftp_wish_cut_off(struct hpn_sftp_job *);

#endif /* HPN_SFTP_WISH_H */
