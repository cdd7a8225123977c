/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "cleanup.h"
#include "holes.h"
#include "mirror-impl.h"

uint64_t
holes_leg_length (struct mirror *m, unsigned slot, uint64_t offset,
                  uint64_t count)
{
  struct leg *leg = m->member[slot].leg;
  uint64_t done = 0;

  while (done < count) {
    struct leg_extent extent;
    size_t nr = 1;

    if (leg_extents (leg, offset + done, count - done, &extent, &nr) == -1 ||
        nr == 0 || !extent.zero)
      break;
    done += extent.length;
  }
  return done & ~(uint64_t) (m->limits.min_block - 1);
}

/* The source has data here; remember how far, to save asking again. */
static void
note_data (struct mirror *m, unsigned slot, uint64_t offset)
{
  struct leg_extent extent;
  size_t nr = 1;

  if (leg_extents (m->member[slot].leg, offset, m->limits.size - offset,
                   &extent, &nr) == -1 ||
      nr == 0 || extent.zero)
    return;
  CLEANUP_LOCK (&m->lock);
  m->resync.data_from = offset;
  m->resync.data_until = offset + extent.length;
}

/* How far the legs have been flushed since they were written, at most count
 * bytes: no region is marked.  Elsewhere block status may call a hole what is
 * only in a leg's cache (nbdkit's cache filter does that).
 */
static uint64_t
flushed_length (struct mirror *m, uint64_t offset, uint64_t count)
{
  uint64_t first, nr;

  if (!dirty_log_next_run (m->log, LOG_MAP_MARKED, offset >> m->region_shift,
                           &first, &nr))
    return count;
  first <<= m->region_shift;
  if (first <= offset)
    return 0;
  return first - offset < count ? first - offset : count;
}

uint64_t
holes_source_length (struct mirror *m, unsigned slot, uint64_t offset,
                     uint64_t count)
{
  uint64_t length;

  {
    CLEANUP_LOCK (&m->lock);
    if (m->resync.data_from <= offset && offset < m->resync.data_until)
      return 0;
    count = flushed_length (m, offset, count);
  }
  if (count == 0)
    return 0;
  length = holes_leg_length (m, slot, offset, count);
  if (length == 0)
    note_data (m, slot, offset);
  return length;
}
