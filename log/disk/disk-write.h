/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef NBDMIRROR_LOG_DISK_WRITE_H
#define NBDMIRROR_LOG_DISK_WRITE_H

#include "disk.h"

/* One flush, or one commit, with io_lock held: 0, or -1 with errno. */
int disk_write_lowering (struct disk_log *d, bool will_raise);
int disk_write_raising (struct disk_log *d);

/* Nothing of what the images say is known to be on the medium: the next flush
 * writes all of it.
 */
void disk_write_again (struct disk_log *d);

/* A flush into a file that has nothing of it. */
int disk_write_all (struct disk_log *d);

/* The log was moved: that is all it says from now on.  What is left of it for the
 * kernel is dirty.
 */
int disk_write_moved (struct disk_log *d, const char *spec);

/* The last thing: nothing is marked, and all is committed. */
int disk_write_clean (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_WRITE_H */
