/* SPDX-License-Identifier: BSD-3-Clause */

/* Where things go in a log that is made anew, or longer, and the images of a longer
 * one.  No change to the medium.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "cleanup.h"
#include "disk-grow.h"
#include "disk-map.h"
#include "msg.h"

int
disk_no_memory (struct disk_log *d)
{
  errno = ENOMEM;
  msg_error ("log disk:%s: %m", d->log.info.name);
  return -1;
}

bool
disk_has_room (const struct disk_log *d, uint64_t size)
{
  return !d->store->fixed_size || size <= d->store->size;
}

int
disk_too_small (struct disk_log *d, uint64_t needed)
{
  msg_error ("log disk:%s: device too small: %" PRIu64
             " bytes, must have %" PRIu64,
             d->log.info.name, d->store->size, needed);
  return -1;
}

void
disk_all_unsure (struct disk_log *d, unsigned m)
{
  bitset_set_range (&d->map[m].unsure, 0, d->map[m].blocks);
}

void
disk_clean_kernel_image (struct disk_log *d, uint64_t first_word)
{
  uint8_t *image = d->map[DISK_MAP_KERNEL].image;
  uint64_t words = bitset_words (d->layout.nr_regions);

  for (uint64_t w = first_word; w < words; ++w)
    disk_image_put (d, DISK_MAP_KERNEL, image, w, 0);
}

uint64_t
disk_place_area (const struct disk_log *d, uint64_t nr)
{
  struct disk_layout layout;
  uint64_t used = d->layout.area_offset + d->layout.area_size;

  disk_layout_init (&layout, nr, 0);
  if (layout.area_offset + layout.area_size <= d->layout.area_offset)
    return layout.area_offset;
  return layout.area_offset > used ? layout.area_offset : used;
}

static int
move_area (struct disk_log *d, uint64_t nr)
{
  struct disk_layout layout;

  disk_layout_init (&layout, nr,
                    d->log.info.shared_map ? 0 : disk_place_area (d, nr));
  if (!disk_has_room (d, layout.bitmap_end))
    return disk_too_small (d, layout.bitmap_end);
  if (!d->log.info.shared_map &&
      !disk_has_room (d, layout.area_offset + layout.area_size))
    return disk_too_small (d, layout.area_offset + layout.area_size);
  if (!d->growing)
    d->old_area = d->layout.area_offset;
  d->layout = layout;
  return disk_maps_resize (d) == -1 ? disk_no_memory (d) : 0;
}

int
disk_grow_now (struct disk_log *d)
{
  uint64_t old_nr = d->layout.nr_regions, word = old_nr / 64, bits;
  uint8_t *image;

  if (move_area (d, d->log.info.geo.nr_regions) == -1)
    return -1;
  image = d->map[DISK_MAP_KERNEL].image;
  bits = disk_image_get (d, DISK_MAP_KERNEL, image, word);
  disk_clean_kernel_image (d, word);
  if (old_nr % 64)
    disk_image_put (d, DISK_MAP_KERNEL, image, word,
                    bits & ~(UINT64_MAX << (old_nr % 64)));
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    disk_all_unsure (d, m);
  d->growing = true;
  disk_map_touch_all (d);
  return 0;
}

int
disk_grow_images (struct disk_log *d)
{
  CLEANUP_LOCK (&d->log.lock);

  if (!d->grows)
    return 0;
  if (disk_grow_now (d) == -1)
    return -1;
  d->grows = false;
  return 0;
}
