/* SPDX-License-Identifier: ISC */
/*
 * hpn-report-file: lines at the end of a file of the user's, which can be anything
 * by now.
 *
 * Only a regular file is written to that is the user's or root's and has one name.
 * What is none is made, for the user alone.  A symbolic link is not followed, a
 * fifo not waited for.  A line that does not fit is taken back.
 *
 * Several processes may write to one file: each holds a lock (fcntl(2)) meanwhile.
 * Who cannot have it within 10 ms writes without.
 */
#ifndef HPN_REPORT_FILE_H
#define HPN_REPORT_FILE_H

/*
 * Append line, and before it header if the file is empty; a newline follows each.
 * header may be NULL.  Returns NULL, or what is wrong, in a few words; that is
 * static, or strerror(3)'s.  Keeps errno.
 */
const char *hpn_report_file_append(const char *path, const char *header,
    const char *line);

#endif /* HPN_REPORT_FILE_H */
