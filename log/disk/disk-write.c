/* SPDX-License-Identifier: BSD-3-Clause */

/* Changing the medium.
 *
 * A phase writes, each step synced before the next one starts:
 *
 *   1. the changed blocks of all maps, names, and the flush number (with
 *      a record only, it is synced with the third copy);
 *   2. if a record changed: the third copy of the slot,
 *   3. then block 0 with slot A or B and the header;
 *   4. to finish a growth: the whole of the kernel's bitmap (it may lie
 *      where the old area was: nothing needs that after 3),
 *   5. then the header with the new number of regions.
 *
 * A flush is one phase that only lowers; a commit is that, then one that
 * raises.  Creating a log begins with a slot that says "being created"
 * (unless there is a kernel's log, which stays one until step 3).
 *
 * Where a step fails, all its blocks stay unsure, and the next phase writes
 * them again.  That may raise what this commit was entitled to raise, never
 * more.
 */

#include "config.h"

#include <string.h>

#include "cleanup.h"
#include "disk-grow.h"
#include "disk-io.h"
#include "disk-map.h"
#include "disk-number.h"
#include "disk-record.h"
#include "disk-write.h"

static const uint8_t zero_block[DISK_BLOCK] __attribute__ ((aligned (4096)));

/* --- maps --- */

static int
write_map (struct disk_log *d, unsigned m, uint64_t blocks, bool *any)
{
  struct disk_map *map = &d->map[m];
  uint64_t end;

  for (uint64_t b = bitset_next_set (&map->unsure, 0); b < blocks;
       b = bitset_next_set (&map->unsure, end)) {
    end = bitset_next_clear (&map->unsure, b);
    if (end > blocks)
      end = blocks;
    *any = true;
    if (disk_store_write (d, map->image + b * DISK_BLOCK,
                          (end - b) * DISK_BLOCK,
                          disk_map_offset (d, m) + b * DISK_BLOCK) == -1)
      return -1;
  }
  return 0;
}

/* While growing, the old area may be where the bitmap will be. */
static uint64_t
kernel_blocks (const struct disk_log *d)
{
  struct disk_layout layout;

  disk_layout_init (&layout, d->growing ? d->header_nr : d->layout.nr_regions,
                    0);
  return layout.head_size / DISK_BLOCK;
}

/* Also those whose clear is only queued: their marks are still there then. */
static void
take_recent (struct disk_log *d, uint8_t *block)
{
  CLEANUP_LOCK (&d->log.lock);

  disk_recent_encode (block, d->flush_number, &d->log.recent);
}

/* Goes with what is written and synced next, so it costs no sync. */
static int
write_flush_number (struct disk_log *d)
{
  const struct disk_map *map = &d->map[DISK_MAP_NAMES];
  uint8_t *block;

  d->flush_number++;
  if (map->blocks == 0)
    return 0;
  block = map->image + DISK_FLUSH_NUMBER_BLOCK * DISK_BLOCK;
  disk_flush_number_encode (block, d->log.info.uuid, d->flush_number);
  take_recent (d, block);
  return disk_store_write (d, block, DISK_BLOCK,
                           d->layout.area_offset +
                             DISK_FLUSH_NUMBER_BLOCK * DISK_BLOCK);
}

static int
write_maps (struct disk_log *d, bool record)
{
  bool any = false;

  if (d->marks_first) {
    if (write_map (d, LOG_MAP_MARKED, d->map[LOG_MAP_MARKED].blocks, &any) ==
          -1 ||
        disk_store_sync (d) == -1)
      return -1;
    d->marks_first = false;
  }
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    if (write_map (d, m,
                   m == DISK_MAP_KERNEL ? kernel_blocks (d) : d->map[m].blocks,
                   &any) == -1)
      return -1;
  if ((any || record) && write_flush_number (d) == -1)
    return -1;
  return any ? disk_store_sync (d) : 0;
}

static void
all_sure (struct disk_log *d)
{
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    bitset_clear_range (&d->map[m].unsure, 0, d->map[m].blocks);
}

/* --- creation and growth --- */

/* A third copy that nothing points to could be taken for the newest one if
 * all others were damaged.  A slot that says "being created" may point to
 * what is not there.
 */
static int
wipe_old_area (struct disk_log *d)
{
  uint64_t at = d->old_area, area = d->layout.area_offset;

  if (at >= d->layout.head_size && at < d->store->size &&
      (d->log.info.shared_map || at < area ||
       at - area >= d->layout.area_size) &&
      (disk_store_write (d, zero_block, DISK_BLOCK, at) == -1 ||
       disk_store_sync (d) == -1))
    return -1;
  return 0;
}

static uint64_t
end_of_layout (const struct disk_log *d)
{
  if (d->log.info.shared_map)
    return d->layout.head_size;
  return d->layout.area_offset + d->layout.area_size;
}

static int
write_creating (struct disk_log *d)
{
  struct disk_map *map = &d->map[DISK_MAP_KERNEL];
  struct disk_slot slot = {
    .sequence = (d->slot.sequence + 1) | 1,
    .size = d->log.info.geo.size,
    .region_size = d->log.info.geo.region_size,
    .flags = DISK_CREATING,
    .area_offset = d->old_area,
  };

  memcpy (slot.uuid, d->log.info.uuid, sizeof slot.uuid);
  memset (map->image, 0, DISK_BITMAP_OFFSET);
  disk_slot_put (d, &slot);
  d->slot.sequence = d->durable_sequence = slot.sequence;
  /* Bits without the slot would be somebody else's file after a crash. */
  memset (map->target, 0, DISK_BLOCK);
  memcpy (map->target, map->image, DISK_BITMAP_OFFSET);
  if (disk_store_write (d, map->target, DISK_BLOCK, 0) == -1)
    return -1;
  return disk_store_sync (d);
}

static int
begin_life (struct disk_log *d)
{
  struct log_store *store = d->store;

  if (store->ops->create (store) == -1)
    return -1;
  d->blank = false; /* what is there from now on is ours */
  if (!d->converting && write_creating (d) == -1)
    return -1;
  if (store->ops->create_done (store) == -1)
    return -1;
  d->slot_unsure = true;
  return store->ops->extend (store, end_of_layout (d));
}

/* Both slots are written, so that damage to one cannot look like a log
 * that never had any.
 */
static int
end_life (struct disk_log *d)
{
  struct disk_slot slot = d->slot;

  if (disk_record_write (d, &slot) == -1 || wipe_old_area (d) == -1)
    return -1;
  d->creating = d->converting = false;
  d->old_area = 0;
  return 0;
}

static int
begin_growth (struct disk_log *d)
{
  return d->store->ops->extend (d->store, end_of_layout (d));
}

static int
end_growth (struct disk_log *d)
{
  struct disk_map *map = &d->map[DISK_MAP_KERNEL];

  if (disk_store_write (d, map->image, map->blocks * DISK_BLOCK, 0) == -1 ||
      disk_store_sync (d) == -1 || wipe_old_area (d) == -1)
    return -1;
  d->header_nr = d->layout.nr_regions;
  disk_header_put (d);
  d->slot_unsure = true;
  if (disk_block_0_write (d) == -1)
    return -1;
  d->slot_unsure = false;
  d->growing = false;
  d->old_area = 0;
  return 0;
}

/* --- phases --- */

static void
take_names (struct disk_log *d)
{
  struct disk_map *map = &d->map[DISK_MAP_NAMES];
  uint8_t block[DISK_BLOCK];

  if (!d->record_changed || map->blocks == 0)
    return;
  d->record_changed = false;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    uint8_t *stored = map->image + (1 + s) * DISK_BLOCK;

    disk_name_encode (block, d->log.record.leg[s].name);
    if (memcmp (stored, block, DISK_BLOCK) != 0) {
      memcpy (stored, block, DISK_BLOCK);
      bitset_set (&map->unsure, 1 + s);
    }
  }
}

static int
write_phase (struct disk_log *d, const struct disk_slot *slot)
{
  bool record = d->slot_unsure || !disk_slot_same (&d->slot, slot);

  if (write_maps (d, record) == -1)
    return -1;
  if (record && disk_record_write (d, slot) == -1)
    return -1;
  if (d->growing && end_growth (d) == -1)
    return -1;
  all_sure (d);

  CLEANUP_LOCK (&d->log.lock);
  d->log.flush_number = d->flush_number;
  return 0;
}

/* False: it has grown meanwhile. */
static bool
take_lowering (struct disk_log *d, bool will_raise, struct disk_slot *slot)
{
  CLEANUP_LOCK (&d->log.lock);

  if (d->grows)
    return false;
  d->lowering = false;
  disk_maps_lower (d, will_raise);
  take_names (d);
  disk_slot_build (d, slot);
  return true;
}

int
disk_write_lowering (struct disk_log *d, bool will_raise)
{
  struct disk_slot slot;

  if (d->creating && begin_life (d) == -1)
    return -1;
  do
    if (disk_grow_images (d) == -1 || (d->growing && begin_growth (d) == -1))
      return -1;
  while (!take_lowering (d, will_raise, &slot));
  d->target = slot;
  disk_slot_lower (d, &slot);
  if (write_phase (d, &slot) == -1)
    return -1;
  return d->creating ? end_life (d) : 0;
}

void
disk_write_again (struct disk_log *d)
{
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    bitset_set_range (&d->map[m].unsure, 0, d->map[m].blocks);
  d->slot_unsure = true;

  CLEANUP_LOCK (&d->log.lock);
  d->lowering = true;
}

int
disk_write_all (struct disk_log *d)
{
  disk_write_again (d);
  if (d->store->ops->extend (d->store, end_of_layout (d)) == -1)
    return -1;
  return disk_write_lowering (d, false);
}

int
disk_write_raising (struct disk_log *d)
{
  struct disk_slot slot;

  {
    CLEANUP_LOCK (&d->log.lock);
    disk_maps_raise (d);
    disk_slot_raise (d, &slot);
  }
  return write_phase (d, &slot);
}

int
disk_write_clean (struct disk_log *d)
{
  struct disk_slot slot = d->slot;

  slot.flags |= DISK_CLEAN_SHUTDOWN;
  return write_phase (d, &slot);
}

/* The slots first, in one block: each is in a sector of its own, and one is enough. */
int
disk_write_moved (struct disk_log *d, const char *spec)
{
  struct disk_map *map = &d->map[DISK_MAP_KERNEL];
  struct disk_slot slot = d->slot;

  slot.sequence += 2;
  for (unsigned i = 0; i < 2; ++i)
    disk_moved_encode (map->image + DISK_SLOT_OFFSET (i), &slot, spec);
  memset (map->image + DISK_BITMAP_OFFSET, 0,
          map->blocks * DISK_BLOCK - DISK_BITMAP_OFFSET);
  if (disk_block_0_write (d) == -1)
    return -1;
  if (map->blocks > 1 &&
      disk_store_write (d, map->image + DISK_BLOCK,
                        (map->blocks - 1) * DISK_BLOCK, DISK_BLOCK) == -1)
    return -1;
  return disk_store_sync (d);
}
