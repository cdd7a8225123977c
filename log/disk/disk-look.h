/* SPDX-License-Identifier: BSD-3-Clause */

/* A log file that is removed, replaced or cut while it is in use.  Writing to
 * the open file goes on to succeed, but a start after a crash would find
 * nothing, or another log, and could not say which regions may differ.
 *
 * If the name is free, or the file was cut, all of the log is written anew, at
 * once and by itself.  A file that somebody else put there is not touched, and
 * then it is only said: what to do about it only he can know.
 */

#ifndef NBDMIRROR_LOG_DISK_LOOK_H
#define NBDMIRROR_LOG_DISK_LOOK_H

#include "disk.h"

/* Look, if it is time to (last: it always is).  No lock is held; called by who
 * does the log's I/O.  Blocks on I/O.
 */
void disk_look (struct disk_log *d, bool last);

#endif /* NBDMIRROR_LOG_DISK_LOOK_H */
