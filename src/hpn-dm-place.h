/* SPDX-License-Identifier: ISC */
/*
 * hpn-dm-place: where a run of dmscp -server can be found again: a socket in
 * ~/.dmscp.  The folder must be the user's own, of mode 0700, and no link.  The
 * socket's name is made of the run's secret and does not tell it.
 */
#ifndef HPN_DM_PLACE_H
#define HPN_DM_PLACE_H

#include <sys/types.h>

#define HPN_DM_PLACE_NAME	33

struct hpn_dm_place {
	int dir;			/* the folder */
	char name[HPN_DM_PLACE_NAME];	/* of the socket */
};

/* Make and check the folder.  0; or -1, and why. */
int hpn_dm_place_open(struct hpn_dm_place *, const unsigned char *secret,
    char *why, size_t);
/*
 * Listen there, or find who listens.  A descriptor; or -1, and why.  Without a word of
 * why, it is there and takes nobody in now: it may later.
 */
int hpn_dm_place_listen(struct hpn_dm_place *, char *why, size_t);
int hpn_dm_place_find(struct hpn_dm_place *, char *why, size_t);
/* Leave word for who looks later why nobody is here; leave. */
void hpn_dm_place_why(struct hpn_dm_place *, const char *why);
void hpn_dm_place_leave(struct hpn_dm_place *);
/* Read exactly so much, within two seconds.  0 or -1. */
int hpn_dm_place_read(int fd, void *, size_t);

#endif /* HPN_DM_PLACE_H */
