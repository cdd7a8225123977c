/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg is asked about all that lies behind the offset, as far as no region is
 * marked: the answer costs the same, and who comes next finds it in the notes.
 * What is taken from such an answer is read at both ends again: the run is
 * far longer than that, and was only sampled.
 */

#include "config.h"

#include "block-status.h"
#include "cleanup.h"
#include "extent-map.h"
#include "holes.h"
#include "mirror-impl.h"

#define MAX_LIST_QUERIES 16 /* for a list of extents */
#define PLACES 16           /* read of a run of zeroes, beside its ends */

/* Whole blocks only: zeroes that end within one are data there. */
static struct held
held_of (const struct mirror *m, bool zero, uint64_t length, uint64_t count)
{
  uint64_t block = m->limits.min_block;

  if (length > count)
    length = count;
  length &= ~(block - 1);
  if (length > 0)
    return (struct held){zero ? HOLDS_ZEROES : HOLDS_DATA, length};
  return (struct held){HOLDS_DATA, block < count ? block : count};
}

/* Zeroes: at least count bytes, if they can be had.  *zero is what they are.  0
 * if nothing is said.
 */
static uint64_t
ask_leg (const struct mirror *m, unsigned slot, uint64_t offset,
         uint64_t count, bool *zero)
{
  const struct leg_sampling how = {.places = PLACES, .wanted = count};
  struct leg_extent extent;
  size_t nr = 1;

  if (leg_extents_sampled (m->member[slot].leg, offset,
                           m->limits.size - offset, &extent, &nr,
                           &how) == -1 ||
      nr == 0)
    return 0;
  *zero = extent.zero;
  return extent.length;
}

/* 'known' bytes from offset on are said to be that. */
static struct held
held_of_leg (const struct mirror *m, const struct extent_ask *ask, bool zero,
             uint64_t known, uint64_t count)
{
  struct leg *leg = m->member[ask->slot].leg;
  struct held held = held_of (m, zero, known, count);

  if (known == 0 || (held.what == HOLDS_ZEROES &&
                     !leg_reads_zero (leg, ask->from, held.length)))
    held = (struct held){HOLDS_UNKNOWN, count};
  return held;
}

/* What is read now is part of the answer, and so is what a note said: it may
 * have had to make room meanwhile.
 */
struct held
holes_at (struct mirror *m, unsigned slot, uint64_t offset, uint64_t count)
{
  struct extent_ask ask = {.slot = slot, .from = offset};
  uint64_t known, flushed;
  struct held held;
  bool zero = false;

  {
    CLEANUP_LOCK (&m->lock);
    flushed = flushed_length (m, offset, m->limits.size - offset);
    if (flushed == 0)
      return (struct held){HOLDS_UNKNOWN, count};
    known = extent_map_find (&m->resync.extents, slot, offset, &zero);
    ask.until = offset + flushed;
    extent_map_ask (&m->resync.extents, &ask);
  }
  if (count > flushed)
    count = flushed;
  if (known == 0)
    known = ask_leg (m, slot, offset, count, &zero);
  held = held_of_leg (m, &ask, zero, known, count);
  {
    CLEANUP_LOCK (&m->lock);
    extent_map_answer (&m->resync.extents, &ask,
                       held.what == HOLDS_UNKNOWN ? 0 : known, zero);
  }
  return held;
}

uint64_t
holes_known_locked (struct mirror *m, unsigned slots, uint64_t offset,
                    uint64_t count)
{
  count = flushed_length (m, offset, count);
  FOR_EACH_SLOT (slot, slots) {
    bool zero;
    uint64_t n = extent_map_find (&m->resync.extents, slot, offset, &zero);

    if (n == 0 || !zero)
      return 0;
    if (count > n)
      count = n;
  }
  return count & ~(uint64_t) (m->limits.min_block - 1);
}

size_t
holes_list (struct mirror *m, unsigned slot, uint64_t offset, uint64_t count,
            struct leg_extent *extents, size_t max)
{
  size_t total = 0;

  count = flushed_length (m, offset, count);
  for (unsigned i = 0; i < MAX_LIST_QUERIES && count > 0 && total < max; ++i) {
    size_t nr = max - total;

    if (leg_extents (m->member[slot].leg, offset, count, extents + total,
                     &nr) == -1)
      break;
    for (; nr > 0; --nr, ++total) {
      offset += extents[total].length;
      count -= extents[total].length;
    }
  }
  return total;
}

static void
forget (struct mirror *m, unsigned slots, uint64_t first, uint64_t nr)
{
  extent_map_written (&m->resync.extents, slots, first << m->region_shift,
                      (first + nr) << m->region_shift);
}

void
holes_flushed_locked (struct mirror *m, unsigned slots, uint64_t first,
                      uint64_t nr)
{
  forget (m, slots, first, nr);
}

void
holes_marked_locked (struct mirror *m, uint64_t first, uint64_t nr)
{
  forget (m, m->configured, first, nr);
}
