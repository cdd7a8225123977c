/* SPDX-License-Identifier: BSD-3-Clause */

/* Finding the newest record.  The numbers are the rules of disk-format.h. */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "disk-find.h"
#include "disk-io.h"

#define CHUNK (UINT64_C (1) << 20)
#define SCAN_MAX (UINT64_C (256) << 20)

static bool
area_fits (const struct disk_log *d, const struct disk_slot *slot)
{
  struct disk_layout layout;

  disk_layout_init (&layout, disk_slot_regions (slot), slot->area_offset);
  if (slot->flags & DISK_SHARED_MAP)
    return layout.bitmap_end <= d->store->size;
  return layout.area_offset <= d->store->size &&
         layout.area_size <= d->store->size - layout.area_offset;
}

/* Rules (7) and (8) for A and B. */
static void
check_place (const struct disk_log *d, struct disk_findings *f, unsigned i)
{
  if (f->verdict[i] != DISK_SLOT_VALID)
    return;
  if (f->slot[i].sequence % 2 != i ||
      (!(f->slot[i].flags & DISK_CREATING) && !area_fits (d, &f->slot[i])))
    f->verdict[i] = DISK_SLOT_BAD;
}

/* Keep a third copy if it is valid and the newest seen so far. */
static void
look_at_third (const struct disk_log *d, struct disk_findings *f,
               const uint8_t *block, uint64_t offset)
{
  struct disk_slot slot;

  if (disk_slot_decode (&slot, block) != DISK_SLOT_VALID ||
      slot.area_offset != offset ||
      (slot.flags & (DISK_CREATING | DISK_SHARED_MAP)) ||
      !area_fits (d, &slot))
    return;
  if (f->third_valid && f->third.sequence >= slot.sequence)
    return;
  f->third_valid = true;
  f->third = slot;
  f->third_offset = offset;
}

static int
read_third (struct disk_log *d, struct disk_findings *f, uint64_t offset)
{
  CLEANUP_FREE uint8_t *block = disk_buffer (DISK_BLOCK);

  if (!block || disk_read (d, block, DISK_BLOCK, offset) == -1)
    return -1;
  look_at_third (d, f, block, offset);
  return 0;
}

int
disk_find_scan (struct disk_log *d, struct disk_findings *f)
{
  CLEANUP_FREE uint8_t *buf = disk_buffer (CHUNK);
  uint64_t end = d->store->size < SCAN_MAX ? d->store->size : SCAN_MAX;

  if (!buf)
    return -1;
  for (uint64_t at = 0; at < end; at += CHUNK) {
    if (disk_read (d, buf, CHUNK, at) == -1)
      return -1;
    for (uint64_t i = 0; i < CHUNK; i += DISK_BLOCK)
      look_at_third (d, f, buf + i, at + i);
  }
  return 0;
}

int
disk_find_newest (const struct disk_findings *f)
{
  bool a = f->verdict[0] == DISK_SLOT_VALID;
  bool b = f->verdict[1] == DISK_SLOT_VALID;

  if (a && b)
    return f->slot[1].sequence > f->slot[0].sequence;
  return a ? 0 : b ? 1 : -1;
}

int
disk_find_third (struct disk_log *d, struct disk_findings *f)
{
  int best = disk_find_newest (f);
  struct disk_layout layout;

  if (best >= 0 && (f->slot[best].flags & (DISK_CREATING | DISK_SHARED_MAP)))
    return 0;
  if (best >= 0 && read_third (d, f, f->slot[best].area_offset) == -1)
    return -1;
  if (best == -1 && f->header.magic_ok &&
      f->header.nr_regions <= LOG_MAX_REGIONS) {
    disk_layout_init (&layout, f->header.nr_regions, 0);
    if (read_third (d, f, layout.area_offset) == -1)
      return -1;
  }
  if (best >= 0 && f->third_valid &&
      memcmp (f->third.uuid, f->slot[best].uuid, 16) != 0)
    f->third_valid = false;
  return f->third_valid || best >= 0 ? 0 : disk_find_scan (d, f);
}

int
disk_find_slots (struct disk_log *d, struct disk_findings *f)
{
  CLEANUP_FREE uint8_t *block = disk_buffer (DISK_BLOCK);

  memset (f, 0, sizeof *f);
  if (!block || disk_read (d, block, DISK_BLOCK, 0) == -1)
    return -1;
  disk_header_decode (&f->header, block);
  for (unsigned i = 0; i < 2; ++i) {
    f->verdict[i] =
      disk_slot_decode (&f->slot[i], block + DISK_SLOT_OFFSET (i));
    check_place (d, f, i);
    if (f->verdict[i] == DISK_SLOT_MOVED)
      disk_moved_decode (f->moved_uuid, f->moved_to,
                         block + DISK_SLOT_OFFSET (i));
  }
  return 0;
}

bool
disk_find_magic (const struct disk_findings *f)
{
  return f->verdict[0] >= DISK_SLOT_BAD || f->verdict[1] >= DISK_SLOT_BAD;
}

int
disk_find_choose (const struct disk_findings *f, struct disk_slot *chosen)
{
  int best = disk_find_newest (f);
  enum disk_verdict other;

  if (best == -1) {
    *chosen = f->third;
    return f->third_valid;
  }
  *chosen = f->slot[best];
  other = f->verdict[!best];
  if (f->third_valid && f->third.sequence >= chosen->sequence)
    *chosen = f->third;
  else if (other != DISK_SLOT_VALID && other != DISK_SLOT_BLANK)
    return 0;
  return 1;
}
