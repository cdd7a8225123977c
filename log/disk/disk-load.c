/* SPDX-License-Identifier: BSD-3-Clause */

/* Loading what is on the medium.  The numbers are the rules of
 * disk-format.h.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "cleanup.h"
#include "disk-find.h"
#include "disk-io.h"
#include "disk-load.h"
#include "disk-map.h"
#include "disk-number.h"
#include "leg-byte.h"
#include "msg.h"
#include "zero.h"

#define CHUNK (UINT64_C (1) << 20)

static int
load_refuse (struct disk_log *d, const char *why)
{
  msg_error ("log disk:%s: %s", d->log.info.name, why);
  return -1;
}

static int
read_failed (struct disk_log *d)
{
  msg_error ("log disk:%s: read: %m", d->log.info.name);
  return -1;
}

/* --- the kernel's own log --- */

/* Read the kernel's part of the store into its image. */
static int
read_kernel_map (struct disk_log *d, uint64_t valid_nr)
{
  struct disk_map *map = &d->map[DISK_MAP_KERNEL];
  uint64_t words = bitset_words (d->layout.nr_regions), bits;

  if (disk_read (d, map->image, map->blocks * DISK_BLOCK, 0) == -1)
    return read_failed (d);
  /* Behind what the header vouches for everything is dirty. */
  for (uint64_t w = valid_nr / 64; w < words; ++w) {
    bits = w > valid_nr / 64 ? UINT64_MAX : UINT64_MAX << (valid_nr % 64);
    bits |= disk_image_get (d, DISK_MAP_KERNEL, map->image, w);
    disk_image_put (d, DISK_MAP_KERNEL, map->image, w, bits);
  }
  return 0;
}

static int
alloc_all (struct disk_log *d, uint64_t nr)
{
  if (truth_alloc_maps (&d->log, nr) == -1 || disk_maps_resize (d) == -1) {
    errno = ENOMEM;
    msg_error ("log disk:%s: %m", d->log.info.name);
    return -1;
  }
  return 0;
}

static int
load_kernel_log (struct disk_log *d, uint64_t nr)
{
  struct dirty_log *log = &d->log;

  if (nr == 0 || nr > LOG_MAX_REGIONS)
    return load_refuse (d, "kernel log with an impossible number of regions");
  disk_layout_init (&d->layout, nr, 0);
  if (d->layout.bitmap_end > d->store->size)
    return load_refuse (d, "kernel log shorter than its bitmap");
  log->info.found = LOG_FOUND_KERNEL;
  log->info.geo.nr_regions = nr;
  /* Until it is ours, there is no room for more than the kernel's map. */
  log->info.shared_map = true;
  if (alloc_all (d, nr) == -1 || read_kernel_map (d, nr) == -1)
    return -1;
  log->info.shared_map = false;
  for (uint64_t w = 0; w < bitset_words (nr); ++w)
    bitset_put_word (&log->marked, w,
                     disk_image_get (d, DISK_MAP_KERNEL,
                                     d->map[DISK_MAP_KERNEL].image, w));
  log->info.unclean = log->marked.count > 0;
  return 0;
}

/* --- our log --- */

static int
read_map (struct disk_log *d, unsigned m, uint8_t *buf)
{
  uint64_t size = d->map[m].blocks * DISK_BLOCK, n;

  for (uint64_t at = 0; at < size; at += n) {
    n = size - at < CHUNK ? size - at : CHUNK;
    if (disk_read (d, buf, n, disk_map_offset (d, m) + at) == -1)
      return read_failed (d);
    for (uint64_t i = 0; i < n; i += DISK_BLOCK)
      if (!is_zero (buf + i, DISK_BLOCK))
        memcpy (d->map[m].image + at + i, buf + i, DISK_BLOCK);
  }
  return 0;
}

static int
read_maps (struct disk_log *d)
{
  CLEANUP_FREE uint8_t *buf = disk_buffer (CHUNK);

  if (!buf)
    return read_failed (d);
  for (unsigned m = 0; m < DISK_NR_MAPS; ++m)
    if (m != DISK_MAP_KERNEL && read_map (d, m, buf) == -1)
      return -1;
  return read_kernel_map (d, d->header_nr);
}

static uint64_t
stored_word (const struct disk_log *d, unsigned m, uint64_t w, uint64_t mask)
{
  return d->map[m].blocks ? disk_image_get (d, m, d->map[m].image, w) & mask
                          : 0;
}

/* Marks that only the kernel's bits stand for go into the mark map with the
 * next flush, before a missed map can explain those bits.
 */
static void
vouch_for_marks (struct disk_log *d, uint64_t w, uint64_t bits)
{
  struct disk_map *map = &d->map[LOG_MAP_MARKED];

  if (map->blocks == 0 ||
      disk_image_get (d, LOG_MAP_MARKED, map->image, w) == bits)
    return;
  disk_image_put (d, LOG_MAP_MARKED, map->image, w, bits);
  bitset_set (&map->unsure, w * 8 / DISK_BLOCK);
  d->marks_first = true;
}

/* Rules (18) and (19) for 64 regions. */
static void
load_word (struct disk_log *d, uint64_t w, uint64_t mask)
{
  struct dirty_log *log = &d->log;
  uint64_t kernel = stored_word (d, DISK_MAP_KERNEL, w, mask);
  uint64_t explained = 0, bits;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    bits = stored_word (d, LOG_MAP_MISSED (s), w, mask);
    explained |= bits;
    if (log->info.shared_map && log->record.leg[s].state == LOG_LEG_STALE)
      bits = kernel;
    if (bits && log->record.leg[s].state != LOG_LEG_NONE)
      bitset_put_word (&log->missed[s], w, bits);
  }
  bits = stored_word (d, LOG_MAP_MARKED, w, mask) | (kernel & ~explained);
  if (bits) {
    bitset_put_word (&log->marked, w, bits);
    vouch_for_marks (d, w, bits);
  }
  if (kernel && log->info.found == LOG_FOUND_KERNEL_SINCE)
    bitset_put_word (&log->kernel_dirty, w, kernel);
}

static void
load_truth (struct disk_log *d)
{
  struct dirty_log *log = &d->log;
  uint64_t nr = log->info.geo.nr_regions;

  for (uint64_t w = 0; w < bitset_words (nr); ++w)
    load_word (d, w,
               nr - w * 64 < 64 ? ~(UINT64_MAX << (nr - w * 64)) : UINT64_MAX);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    bitset_or (&log->out_of_sync, &log->missed[s]);
    /* Rule (20). */
    if (log->missed[s].count > 0)
      truth_leg_stale (log, s);
    if (d->map[DISK_MAP_NAMES].blocks > 0 && log->record.leg[s].state)
      disk_name_decode (log->record.leg[s].name,
                        d->map[DISK_MAP_NAMES].image + (1 + s) * DISK_BLOCK);
  }
  if (log->marked.count > 0)
    log->info.unclean = true;
}

/* Rules (23) and (24). */
static void
load_flush_number (struct disk_log *d)
{
  const struct disk_map *map = &d->map[DISK_MAP_NAMES];
  struct dirty_log *log = &d->log;

  if (map->blocks > 0) {
    const uint8_t *block = map->image + DISK_FLUSH_NUMBER_BLOCK * DISK_BLOCK;

    log->flush_number = disk_flush_number_decode (block, log->info.uuid);
    disk_recent_decode (&log->recent, block, log->flush_number,
                        log->info.geo.nr_regions);
  }
  d->flush_number = log->flush_number;
}

static void
load_slot (struct disk_log *d, const struct disk_slot *slot)
{
  struct dirty_log *log = &d->log;

  memcpy (log->info.uuid, slot->uuid, sizeof log->info.uuid);
  log->info.geo.size = slot->size;
  log->info.geo.region_size = slot->region_size;
  log->info.geo.nr_regions = disk_slot_regions (slot);
  log->info.shared_map = slot->flags & DISK_SHARED_MAP;
  log->info.unclean = !(slot->flags & DISK_CLEAN_SHUTDOWN);
  log->record.generation = slot->generation;
  log->record.primary = slot->primary;
  log->record.min_block = slot->min_block;
  log->info.owner_pid = slot->owner_pid;
  memcpy (log->info.owner_host, slot->owner_host, LOG_HOST_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    const struct disk_leg *leg = &slot->leg[s];

    memcpy (log->record.leg[s].id, leg->id, LOG_ID_SIZE);
    log->record.leg[s].generation = leg->generation;
    log->record.leg[s].size = leg->size;
    log->record.leg[s].state = (enum log_leg_state) leg->state;
    leg_byte_get (&log->record.leg[s], leg->kind);
  }
}

/* A growth that a crash stopped is finished by the next flush. */
static void
resume_growth (struct disk_log *d, const struct disk_findings *f)
{
  uint64_t now = d->slot.area_offset;

  d->growing = true;
  for (unsigned i = 0; i < 2; ++i)
    if (f->verdict[i] == DISK_SLOT_VALID && f->slot[i].area_offset != now)
      d->old_area = f->slot[i].area_offset;
}

static int
load_ours (struct disk_log *d, const struct disk_findings *f)
{
  struct dirty_log *log = &d->log;
  int newest = disk_find_newest (f);

  load_slot (d, &d->slot);
  d->header_nr = f->header.nr_regions;
  d->durable_sequence =
    newest >= 0 ? f->slot[newest].sequence : d->slot.sequence;
  disk_layout_init (&d->layout, log->info.geo.nr_regions, d->slot.area_offset);
  if (alloc_all (d, log->info.geo.nr_regions) == -1)
    return -1;
  if (log->info.found == LOG_FOUND_KERNEL_SINCE &&
      bitset_init (&log->kernel_dirty, log->info.geo.nr_regions) == -1)
    return read_failed (d);
  if (read_maps (d) == -1)
    return -1;
  load_truth (d);
  load_flush_number (d);
  disk_map_touch_all (d);
  if (d->header_nr < log->info.geo.nr_regions)
    resume_growth (d, f);
  d->slot_unsure = true;
  d->ready = d->lowering = d->record_changed = true;
  return 0;
}

/* --- which of them it is --- */

/* The generation is not known.  A number of this very damage takes its place,
 * so that a source= given for it does not apply to the next one.
 */
static int
number_damage (struct disk_log *d, const struct disk_findings *f)
{
  CLEANUP_FREE uint8_t *block = disk_buffer (DISK_BLOCK);
  uLong crc;

  if (!block || disk_read (d, block, DISK_BLOCK, 0) == -1)
    return read_failed (d);
  crc = crc32 (0, block, DISK_BLOCK);
  if (f->third_valid) {
    disk_slot_encode (block, &f->third);
    crc = crc32 (crc, block, DISK_SLOT_SIZE);
  }
  d->log.record.generation = (uint64_t) crc + 1;
  return 0;
}

static int
load_damaged (struct disk_log *d, const struct disk_findings *f)
{
  d->log.info.found = LOG_FOUND_DAMAGED;
  for (unsigned i = 0; i < 2; ++i)
    if (f->verdict[i] == DISK_SLOT_VALID) {
      d->old_area = f->slot[i].area_offset;
      if (f->slot[i].sequence > d->slot.sequence)
        d->slot.sequence = f->slot[i].sequence;
    }
  if (f->third_valid) {
    d->old_area = f->third_offset;
    if (f->third.sequence > d->slot.sequence)
      d->slot.sequence = f->third.sequence;
  }
  return number_damage (d, f);
}

/* No slot: rule (12). */
static int
load_without_slots (struct disk_log *d, struct disk_findings *f)
{
  if (f->header.magic_ok)
    return load_kernel_log (d, f->header.nr_regions);
  if (disk_find_scan (d, f) == -1)
    return read_failed (d);
  if (f->third_valid)
    return load_damaged (d, f);
  return load_refuse (d, "is not a log");
}

/* Rules (13) to (17). */
static int
load_with_slots (struct disk_log *d, struct disk_findings *f)
{
  uint64_t nr, header_nr = f->header.nr_regions;

  if (disk_find_third (d, f) == -1)
    return read_failed (d);
  if (!disk_find_choose (f, &d->slot)) {
    memset (&d->slot, 0, sizeof d->slot);
    return load_damaged (d, f);
  }
  if (d->slot.flags & DISK_CREATING) {
    uint64_t sequence = d->slot.sequence;

    d->old_area = d->slot.area_offset;
    memset (&d->slot, 0, sizeof d->slot);
    d->slot.sequence = sequence;
    return 0;
  }
  nr = disk_slot_regions (&d->slot);
  if (!f->header.magic_ok ||
      (f->header.version == DISK_VERSION_OURS && header_nr > nr)) {
    memset (&d->slot, 0, sizeof d->slot);
    return load_damaged (d, f);
  }
  if (f->header.version == DISK_VERSION_KERNEL && header_nr != nr)
    return load_refuse (d,
                        "the kernel used it with another number of regions");
  d->log.info.found = f->header.version == DISK_VERSION_OURS
                        ? LOG_FOUND_OURS
                        : LOG_FOUND_KERNEL_SINCE;
  return load_ours (d, f);
}

/* Rule (25). */
static int
load_moved (struct disk_log *d, const struct disk_findings *f)
{
  d->log.info.moved = true;
  memcpy (d->log.info.uuid, f->moved_uuid, sizeof d->log.info.uuid);
  if (d->may_be_moved)
    return 0;
  msg_error ("log disk:%s: was moved to %s: start with log=%s",
             d->log.info.name, f->moved_to, f->moved_to);
  return -1;
}

int
disk_load (struct disk_log *d)
{
  struct disk_findings f;
  int r = disk_is_blank (d);

  d->log.info.found = LOG_FOUND_NEW;
  if (r == -1)
    return read_failed (d);
  d->blank = r;
  if (d->blank)
    return 0;
  if (disk_find_slots (d, &f) == -1)
    return read_failed (d);
  if (f.header.magic_ok && f.header.version != DISK_VERSION_OURS &&
      f.header.version != DISK_VERSION_KERNEL) {
    msg_error ("log disk:%s: log version %" PRIu32 " is not known",
               d->log.info.name, f.header.version);
    return -1;
  }
  if (f.verdict[0] == DISK_SLOT_MOVED || f.verdict[1] == DISK_SLOT_MOVED)
    return load_moved (d, &f);
  if (f.verdict[0] == DISK_SLOT_FOREIGN || f.verdict[1] == DISK_SLOT_FOREIGN)
    return load_refuse (d, "made by a newer version of nbdmirror");
  return disk_find_magic (&f) ? load_with_slots (d, &f)
                              : load_without_slots (d, &f);
}
