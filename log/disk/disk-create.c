/* SPDX-License-Identifier: BSD-3-Clause */

/* Making a log anew, or longer: where things go, and images that say what
 * the next flush has to write.  No change to the medium.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "disk-create.h"
#include "disk-grow.h"
#include "disk-io.h"
#include "disk-map.h"
#include "msg.h"

/* A new log's extent must be empty, all else would be somebody's data. */
static int
check_extent (struct disk_log *d)
{
  uint64_t end = d->layout.area_offset + d->layout.area_size;
  int r = disk_is_zero (d, 0, d->log.info.shared_map ? d->store->size : end);

  if (r == -1)
    msg_error ("log disk:%s: read: %m", d->log.info.name);
  if (r == 0)
    msg_error ("log disk:%s: is not a log, and not empty", d->log.info.name);
  return r == 1 ? 0 : -1;
}

static int
new_layout (struct disk_log *d)
{
  disk_layout_init (&d->layout, d->log.info.geo.nr_regions, 0);
  if (!disk_has_room (d, d->layout.bitmap_end))
    return disk_too_small (d, d->layout.bitmap_end);
  d->log.info.shared_map =
    !disk_has_room (d, d->layout.area_offset + d->layout.area_size);
  if (!d->converting)
    disk_maps_free (d);
  return disk_maps_resize (d) == -1 ? disk_no_memory (d) : 0;
}

/* The truth is new; make images that have all of it still to be written. */
static int
create (struct disk_log *d)
{
  struct dirty_log *log = &d->log;
  uint64_t old_area = d->slot.area_offset ? d->slot.area_offset : d->old_area;

  assert (!d->read_only);
  d->converting = log->info.found == LOG_FOUND_KERNEL && !d->ready &&
                  d->layout.nr_regions == log->info.geo.nr_regions;
  if (new_layout (d) == -1 || (d->blank && check_extent (d) == -1))
    return -1;
  if (d->converting) {
    memset (d->map[DISK_MAP_KERNEL].image + DISK_HEADER_SIZE, 0,
            DISK_BITMAP_OFFSET - DISK_HEADER_SIZE);
    /* Slot A first: it comes with the header, in one sector. */
    d->slot.sequence = d->durable_sequence = 1;
  }
  else
    disk_clean_kernel_image (d, 0);
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    if (!d->blank || m == DISK_MAP_KERNEL)
      disk_all_unsure (d, m);
  d->old_area = old_area;
  if (log->flush_number > d->flush_number)
    d->flush_number = log->flush_number;
  d->header_nr = d->layout.nr_regions;
  d->creating = true;
  d->growing = false;
  disk_map_touch_all (d);
  d->ready = d->lowering = d->record_changed = true;
  return 0;
}

int
disk_log_create (struct dirty_log *log)
{
  CLEANUP_LOCK (&log->lock);
  return create (disk (log));
}

/* While a thread uses the images they grow with its next cycle, and only what says
 * which blocks changed grows now.
 */
int
disk_log_grow (struct dirty_log *log)
{
  struct disk_log *d = disk (log);

  assert (!d->read_only && d->ready);
  d->lowering = true;
  if (d->creating && !d->threaded)
    return create (d);
  if (log->info.geo.nr_regions == d->layout.nr_regions) {
    disk_map_touch_all (d);
    return 0;
  }
  if (!d->threaded)
    return disk_grow_now (d);
  if (disk_map_grow_changed (d, log->info.geo.nr_regions) == -1)
    return disk_no_memory (d);
  d->grows = true;
  return 0;
}

static int
say_too_small (const struct disk_log *d, uint64_t needed, char *why,
               size_t size)
{
  snprintf (why, size,
            "its device has %" PRIu64 " bytes, and would need %" PRIu64
            ": `log move\' to a larger one",
            d->store->size, needed);
  return -1;
}

int
disk_log_reserve (struct dirty_log *log, uint64_t nr_regions, bool ask,
                  char *why, size_t size)
{
  struct disk_log *d = disk (log);
  struct disk_layout layout;
  uint64_t end;
  CLEANUP_LOCK (&d->io_lock);

  disk_layout_init (&layout, nr_regions,
                    log->info.shared_map ? 0
                                         : disk_place_area (d, nr_regions));
  end = log->info.shared_map ? layout.bitmap_end
                             : layout.area_offset + layout.area_size;
  if (!disk_has_room (d, end))
    return say_too_small (d, end, why, size);
  if (ask || d->store->ops->extend (d->store, end) == 0)
    return 0;
  snprintf (why, size, "its file can't become longer: %s", strerror (errno));
  return -1;
}
