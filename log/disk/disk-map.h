/* SPDX-License-Identifier: BSD-3-Clause */

/* The images of the maps. */

#ifndef NBDMIRROR_LOG_DISK_MAP_H
#define NBDMIRROR_LOG_DISK_MAP_H

#include "disk.h"

/* Make images for log->info.geo and d->layout; old contents are kept as far as
 * the maps were there.  0, or -1 with errno.
 */
int disk_maps_resize (struct disk_log *d);
void disk_maps_free (struct disk_log *d);

/* Byte offset of a map's first block in the store. */
uint64_t disk_map_offset (const struct disk_log *d, unsigned map);

/* One word of an image, set = dirty in all maps. */
uint64_t disk_image_get (const struct disk_log *d, unsigned map,
                         const uint8_t *image, uint64_t word);
void disk_image_put (const struct disk_log *d, unsigned map, uint8_t *image,
                     uint64_t word, uint64_t bits);

/* The bits changed; both for log->lock. */
void disk_map_touch (struct disk_log *d, unsigned map, uint64_t first,
                     uint64_t nr);
void disk_map_touch_all (struct disk_log *d);

/* There will be so many regions, for which the bits can be touched from now on;
 * log->lock is held.  -1 with errno.
 */
int disk_map_grow_changed (struct disk_log *d, uint64_t nr_regions);

/* Take wanted into the images (log->lock and io_lock held). */
void disk_maps_lower (struct disk_log *d, bool will_raise);
void disk_maps_raise (struct disk_log *d);

#endif /* NBDMIRROR_LOG_DISK_MAP_H */
