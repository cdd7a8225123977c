/* SPDX-License-Identifier: BSD-3-Clause */

/* Changing the medium.
 *
 * A phase writes, each step synced before the next one starts:
 *
 *   1. the changed blocks of all maps, and names;
 *   2. if a record changed: the third copy of the slot,
 *   3. then block 0 with slot A or B, the header, and what the kernel's
 *      bitmap has there;
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

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "disk.h"

static const uint8_t zero_block[DISK_BLOCK] __attribute__ ((aligned (4096)));

static int
store_write (struct disk_log *d, const void *buf, uint64_t count,
             uint64_t offset)
{
  struct log_store *store = d->store;

  d->wrote = true;
  if (store->fixed_size && count > store->size - offset)
    count = store->size - offset;
  return store->ops->write (store, buf, count, offset);
}

static int
store_sync (struct disk_log *d)
{
  return d->store->ops->sync (d->store);
}

static int
write_block_0 (struct disk_log *d)
{
  if (store_write (d, d->map[DISK_MAP_KERNEL].image, DISK_BLOCK, 0) == -1)
    return -1;
  return store_sync (d);
}

/* --- maps --- */

static int
write_map (struct disk_log *d, unsigned m, uint64_t first_block, bool *any)
{
  struct disk_map *map = &d->map[m];
  uint64_t end;

  for (uint64_t b = bitset_next_set (&map->unsure, first_block);
       b < map->blocks; b = bitset_next_set (&map->unsure, end)) {
    end = bitset_next_clear (&map->unsure, b);
    *any = true;
    if (store_write (d, map->image + b * DISK_BLOCK, (end - b) * DISK_BLOCK,
                     disk_map_offset (d, m) + b * DISK_BLOCK) == -1)
      return -1;
  }
  return 0;
}

static int
write_maps (struct disk_log *d, bool record)
{
  bool any = false;

  if (d->marks_first) {
    if (write_map (d, LOG_MAP_MARKED, 0, &any) == -1 || store_sync (d) == -1)
      return -1;
    d->marks_first = false;
  }
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m) {
    if (m == DISK_MAP_KERNEL && d->growing)
      continue;
    /* Block 0 is written with the record. */
    if (write_map (d, m, m == DISK_MAP_KERNEL && record ? 1 : 0, &any) == -1)
      return -1;
  }
  return any ? store_sync (d) : 0;
}

static void
all_sure (struct disk_log *d)
{
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    bitset_clear_range (&d->map[m].unsure, 0, d->map[m].blocks);
}

/* --- slots --- */

static void
build_slot (struct disk_log *d, struct disk_slot *slot)
{
  const struct dirty_log *log = &d->log;

  memset (slot, 0, sizeof *slot);
  memcpy (slot->uuid, log->uuid, sizeof slot->uuid);
  slot->size = log->geo.size;
  slot->region_size = log->geo.region_size;
  slot->flags = log->shared_map ? DISK_SHARED_MAP : 0;
  slot->generation = log->generation;
  slot->area_offset = log->shared_map ? 0 : d->layout.area_offset;
  slot->owner_pid = (uint32_t) getpid ();
  slot->primary = (uint8_t) log->primary;
  memcpy (slot->owner_host, d->host, LOG_HOST_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    const struct log_leg *leg = &log->leg[s];

    memcpy (slot->leg[s].id, leg->id, LOG_ID_SIZE);
    slot->leg[s].generation = leg->generation;
    slot->leg[s].size = leg->size;
    slot->leg[s].state = (uint8_t) leg->state;
    slot->leg[s].kind = (uint8_t) leg->kind;
  }
}

static void
keep_stale (struct disk_leg *leg, const struct disk_leg *stored)
{
  leg->state = LOG_LEG_STALE;
  if (stored->state == LOG_LEG_STALE)
    leg->generation = stored->generation;
}

/* No leg that is not in-sync on the medium becomes so in this phase.  (In
 * a log that is not there yet there is nothing to lower.)
 */
static void
lower_slot (struct disk_log *d, struct disk_slot *slot)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !d->creating; ++s)
    if (slot->leg[s].state == LOG_LEG_IN_SYNC &&
        d->slot.leg[s].state != LOG_LEG_IN_SYNC)
      keep_stale (&slot->leg[s], &d->slot.leg[s]);
}

/* What was wanted when this commit lowered, but a leg that has failed since
 * stays stale.
 */
static void
raise_slot (struct disk_log *d, struct disk_slot *slot)
{
  *slot = d->target;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (slot->leg[s].state == LOG_LEG_IN_SYNC &&
        d->log.leg[s].state != LOG_LEG_IN_SYNC)
      slot->leg[s] = d->slot.leg[s];
}

static bool
same_slot (const struct disk_slot *a, const struct disk_slot *b)
{
  struct disk_slot copy = *b;
  uint8_t x[DISK_SLOT_SIZE], y[DISK_SLOT_SIZE];

  copy.sequence = a->sequence;
  disk_slot_encode (x, a);
  disk_slot_encode (y, &copy);
  return memcmp (x, y, DISK_SLOT_SIZE) == 0;
}

/* The next one goes to the place that does not hold the durable one. */
static uint64_t
next_sequence (const struct disk_log *d)
{
  uint64_t next = d->slot.sequence + 1;

  return next % 2 == d->durable_sequence % 2 ? next + 1 : next;
}

static void
put_slot (struct disk_log *d, const struct disk_slot *slot)
{
  disk_slot_encode (d->map[DISK_MAP_KERNEL].image +
                      DISK_SLOT_OFFSET (slot->sequence),
                    slot);
}

static void
put_header (struct disk_log *d)
{
  struct disk_header header = {
    .version = DISK_VERSION_OURS,
    .nr_regions = d->header_nr,
  };

  disk_header_encode (d->map[DISK_MAP_KERNEL].image, &header);
}

static int
write_third_copy (struct disk_log *d)
{
  uint8_t *block = d->map[DISK_MAP_NAMES].image;

  if (d->log.shared_map)
    return 0;
  disk_slot_encode (block, &d->slot);
  if (store_write (d, block, DISK_BLOCK, d->layout.area_offset) == -1)
    return -1;
  return store_sync (d);
}

static int
write_record (struct disk_log *d, const struct disk_slot *wanted)
{
  uint64_t sequence = next_sequence (d);

  d->slot = *wanted;
  d->slot.sequence = sequence;
  d->slot_unsure = true;
  if (write_third_copy (d) == -1)
    return -1;
  put_header (d);
  put_slot (d, &d->slot);
  if (write_block_0 (d) == -1)
    return -1;
  d->durable_sequence = sequence;
  d->slot_unsure = false;
  return 0;
}

/* --- creation and growth --- */

/* A third copy that nothing points to could be taken for the newest one if
 * all others were damaged.
 */
static int
wipe_old_area (struct disk_log *d)
{
  uint64_t at = d->old_area, area = d->layout.area_offset;

  if (at >= d->layout.head_size &&
      (d->log.shared_map || at < area || at - area >= d->layout.area_size) &&
      (store_write (d, zero_block, DISK_BLOCK, at) == -1 ||
       store_sync (d) == -1))
    return -1;
  return 0;
}

static uint64_t
end_of_layout (const struct disk_log *d)
{
  if (d->log.shared_map)
    return d->layout.head_size;
  return d->layout.area_offset + d->layout.area_size;
}

static int
write_creating (struct disk_log *d)
{
  struct disk_map *map = &d->map[DISK_MAP_KERNEL];
  struct disk_slot slot = {
    .sequence = (d->slot.sequence + 1) | 1,
    .size = d->log.geo.size,
    .region_size = d->log.geo.region_size,
    .flags = DISK_CREATING,
    .area_offset = d->old_area,
  };

  memcpy (slot.uuid, d->log.uuid, sizeof slot.uuid);
  memset (map->image, 0, DISK_BITMAP_OFFSET);
  put_slot (d, &slot);
  d->slot.sequence = d->durable_sequence = slot.sequence;
  /* Bits without the slot would be somebody else's file after a crash. */
  memset (map->target, 0, DISK_BLOCK);
  memcpy (map->target, map->image, DISK_BITMAP_OFFSET);
  if (store_write (d, map->target, DISK_BLOCK, 0) == -1)
    return -1;
  return store_sync (d);
}

static int
begin_life (struct disk_log *d)
{
  struct log_store *store = d->store;

  if (store->ops->create (store) == -1)
    return -1;
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

  if (write_record (d, &slot) == -1 || wipe_old_area (d) == -1)
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

  if (store_write (d, map->image, map->blocks * DISK_BLOCK, 0) == -1 ||
      store_sync (d) == -1 || wipe_old_area (d) == -1)
    return -1;
  d->header_nr = d->layout.nr_regions;
  put_header (d);
  d->slot_unsure = true;
  if (write_block_0 (d) == -1)
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

    disk_name_encode (block, d->log.leg[s].name);
    if (memcmp (stored, block, DISK_BLOCK) != 0) {
      memcpy (stored, block, DISK_BLOCK);
      bitset_set (&map->unsure, 1 + s);
    }
  }
}

static int
write_phase (struct disk_log *d, const struct disk_slot *slot)
{
  bool record = d->slot_unsure || !same_slot (&d->slot, slot);

  if (write_maps (d, record) == -1)
    return -1;
  if (record && write_record (d, slot) == -1)
    return -1;
  if (d->growing && end_growth (d) == -1)
    return -1;
  all_sure (d);
  return 0;
}

int
disk_write_lowering (struct disk_log *d, bool will_raise)
{
  struct disk_slot slot;

  if (d->creating && begin_life (d) == -1)
    return -1;
  if (d->growing && begin_growth (d) == -1)
    return -1;
  {
    CLEANUP_LOCK (&d->log.lock);
    d->lowering = false;
    disk_maps_lower (d, will_raise);
    take_names (d);
    build_slot (d, &slot);
  }
  d->target = slot;
  lower_slot (d, &slot);
  if (write_phase (d, &slot) == -1)
    return -1;
  return d->creating ? end_life (d) : 0;
}

int
disk_write_raising (struct disk_log *d)
{
  struct disk_slot slot;

  {
    CLEANUP_LOCK (&d->log.lock);
    disk_maps_raise (d);
    raise_slot (d, &slot);
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
