/* SPDX-License-Identifier: BSD-3-Clause */

/* The record of the disk log: what its slots say, and when. */

#include "config.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "disk-io.h"
#include "disk-record.h"
#include "leg-byte.h"

void
disk_slot_build (struct disk_log *d, struct disk_slot *slot)
{
  const struct dirty_log *log = &d->log;

  memset (slot, 0, sizeof *slot);
  memcpy (slot->uuid, log->info.uuid, sizeof slot->uuid);
  slot->size = log->info.geo.size;
  slot->region_size = log->info.geo.region_size;
  slot->flags = log->info.shared_map ? DISK_SHARED_MAP : 0;
  slot->generation = log->record.generation;
  slot->area_offset = log->info.shared_map ? 0 : d->layout.area_offset;
  slot->owner_pid = (uint32_t) getpid ();
  slot->primary = (uint8_t) log->record.primary;
  slot->min_block = log->record.min_block;
  memcpy (slot->owner_host, d->host, LOG_HOST_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    const struct log_leg *leg = &log->record.leg[s];

    memcpy (slot->leg[s].id, leg->id, LOG_ID_SIZE);
    slot->leg[s].generation = leg->generation;
    slot->leg[s].size = leg->size;
    slot->leg[s].state = (uint8_t) leg->state;
    slot->leg[s].kind = leg_byte_put (leg);
  }
}

static void
keep_stale (struct disk_leg *leg, const struct disk_leg *stored)
{
  leg->state = LOG_LEG_STALE;
  if (stored->state == LOG_LEG_STALE)
    leg->generation = stored->generation;
}

/* In a log that is not there yet there is nothing to lower. */
void
disk_slot_lower (struct disk_log *d, struct disk_slot *slot)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !d->creating; ++s)
    if (slot->leg[s].state == LOG_LEG_IN_SYNC &&
        d->slot.leg[s].state != LOG_LEG_IN_SYNC)
      keep_stale (&slot->leg[s], &d->slot.leg[s]);
}

void
disk_slot_raise (struct disk_log *d, struct disk_slot *slot)
{
  *slot = d->target;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (slot->leg[s].state == LOG_LEG_IN_SYNC &&
        d->log.record.leg[s].state != LOG_LEG_IN_SYNC)
      slot->leg[s] = d->slot.leg[s];
}

bool
disk_slot_same (const struct disk_slot *a, const struct disk_slot *b)
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

void
disk_slot_put (struct disk_log *d, const struct disk_slot *slot)
{
  uint8_t *at =
    d->map[DISK_MAP_KERNEL].image + DISK_SLOT_OFFSET (slot->sequence);
  struct disk_slot check;

  disk_slot_encode (at, slot);
  /* What we would not accept must not become the newest. */
  assert (disk_slot_decode (&check, at) == DISK_SLOT_VALID);
}

void
disk_header_put (struct disk_log *d)
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

  if (d->log.info.shared_map)
    return 0;
  disk_slot_encode (block, &d->slot);
  if (disk_store_write (d, block, DISK_BLOCK, d->layout.area_offset) == -1)
    return -1;
  return disk_store_sync (d);
}

int
disk_record_write (struct disk_log *d, const struct disk_slot *wanted)
{
  uint64_t sequence = next_sequence (d);

  d->slot = *wanted;
  d->slot.sequence = sequence;
  d->slot_unsure = true;
  if (write_third_copy (d) == -1)
    return -1;
  disk_header_put (d);
  disk_slot_put (d, &d->slot);
  if (disk_block_0_write (d) == -1)
    return -1;
  d->durable_sequence = sequence;
  d->slot_unsure = false;
  return 0;
}
