/* SPDX-License-Identifier: BSD-3-Clause */

/* Where the disk log meets its store.  What may fail returns 0, or -1 with
 * errno.  io_lock is held.
 */

#ifndef NBDMIRROR_LOG_DISK_IO_H
#define NBDMIRROR_LOG_DISK_IO_H

#include "disk.h"

/* Aligned for the store; free it.  NULL with errno. */
void *disk_buffer (size_t size);

/* Reads zeroes beyond the end of the store. */
int disk_read (struct disk_log *d, void *buf, uint64_t count, uint64_t offset);

/* The end of a device cuts a block short. */
int disk_store_write (struct disk_log *d, const void *buf, uint64_t count,
                      uint64_t offset);
int disk_store_sync (struct disk_log *d);

/* Block 0 as it is in the image, and sync. */
int disk_block_0_write (struct disk_log *d);

/* Whether this extent of the store is zero (what is beyond its end is), and
 * whether all of it seems to be: rule (10); create looks at the whole
 * extent it uses.  1, 0, or -1 with errno.
 */
int disk_is_zero (struct disk_log *d, uint64_t offset, uint64_t count);
int disk_is_blank (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_IO_H */
