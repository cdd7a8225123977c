/* SPDX-License-Identifier: BSD-3-Clause */

/* Files of legs that are removed, replaced or cut while the mirror uses them.
 * Requests to the open file go on to succeed, so nothing else would tell, and
 * after the next crash the leg is not there, or is another one.
 *
 * Such a leg has failed, and comes back as what is under its name then
 * (rejoin.c).  Only the last in-sync leg can't be given up: its open file is
 * the only one that has all data, so it serves on; that is said, and the
 * mirror is degraded.  The same goes for a leg whose directory was moved: the
 * file is whole, only a start would not find it.
 */

#ifndef NBDMIRROR_PLACE_H
#define NBDMIRROR_PLACE_H

#include <stdbool.h>

struct member;
struct mirror;

/* There is a file to look at. */
bool place_is_watched (const struct member *member);

/* Look at the leg's file, and do what is said above; about once a second, in
 * the thread that brings the leg back, while it is in use.  No lock is held.
 * Blocks as stat does.
 */
void place_look (struct member *member);

/* The leg is out, and about to be closed: if its file was cut it misses what
 * was behind the end.  No lock is held.  Blocks as stat does.
 */
void place_leave (struct member *member);

/* The mirror ends: say what ends with it.  No thread uses the legs. */
void place_report_end (const struct mirror *m);

#endif /* NBDMIRROR_PLACE_H */
