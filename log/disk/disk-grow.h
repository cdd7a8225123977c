/* SPDX-License-Identifier: BSD-3-Clause */

/* A log that becomes longer, and what that has in common with a new one. */

#ifndef NBDMIRROR_LOG_DISK_GROW_H
#define NBDMIRROR_LOG_DISK_GROW_H

#include "disk.h"

/* -1, with the error reported. */
int disk_no_memory (struct disk_log *d);
int disk_too_small (struct disk_log *d, uint64_t needed);

/* Whether the store has room for so many bytes. */
bool disk_has_room (const struct disk_log *d, uint64_t size);

/* All blocks of a map are to be written. */
void disk_all_unsure (struct disk_log *d, unsigned m);

/* The kernel's bitmap starts as clean as wanted will allow: nothing was ever
 * promised about regions that are not there yet.
 */
void disk_clean_kernel_image (struct disk_log *d, uint64_t first_word);

/* The offset of the area of a log of nr regions: behind the new bitmap if that does
 * not touch the area still in use.
 */
uint64_t disk_place_area (const struct disk_log *d, uint64_t nr);

/* The images follow the maps, at once; log->lock is held.  -1 with the error
 * reported.
 */
int disk_grow_now (struct disk_log *d);

/* The same if that waits for it (disk->grows); io_lock is held. */
int disk_grow_images (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_GROW_H */
