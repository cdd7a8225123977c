/* SPDX-License-Identifier: BSD-3-Clause */

/* A chunk is read from all legs without a lock, so that clients do not wait for
 * it.  That the legs hold the same is then so, whatever is written meanwhile; but
 * that they differ may be a write that one leg has done and another has not.
 * So where they do (S17)
 *
 *   1. the range is taken against writers, who have all legs when they leave it;
 *   2. it is read again.  In most cases it is the same now;
 *   3. if not, the legs are flushed: one whose cache lost a write reads as before
 *      it, and fails by the flush, as it should;
 *   4. it is read once more.  A block counts that differs in steps 2 and 4.
 *
 * What a leg cannot read is found in pieces, and says nothing of the others.
 */

#include "config.h"

#include <string.h>

#include "cleanup.h"
#include "flush.h"
#include "mirror-impl.h"
#include "range.h"
#include "repair.h"
#include "scrub-compare.h"

#define PIECE (UINT64_C (64) << 10) /* to name what can't be read */

/* --- what was read --- */

static bool
all_same (const struct scrub_look *look, uint64_t count)
{
  unsigned first = look->legs ? (unsigned) __builtin_ctz (look->legs) : 0;

  FOR_EACH_SLOT (slot, look->legs & ~SLOT_BIT (first))
    if (memcmp (look->buf[first], look->buf[slot], count) != 0)
      return false;
  return true;
}

static size_t
nr_blocks (uint64_t count)
{
  return (size_t) ((count + SCRUB_BLOCK - 1) / SCRUB_BLOCK);
}

static uint64_t
block_length (size_t block, uint64_t count)
{
  uint64_t left = count - block * SCRUB_BLOCK;

  return left < SCRUB_BLOCK ? left : SCRUB_BLOCK;
}

static scrub_groups
groups_at (const struct scrub_look *look, size_t block, uint64_t count)
{
  return scrub_groups_make (look->buf, look->legs, block * SCRUB_BLOCK,
                            (size_t) block_length (block, count));
}

/* Note in which blocks they differ. */
static void
take_groups (struct scrub_work *work, uint64_t count)
{
  for (size_t b = 0; b < nr_blocks (count); ++b)
    work->seen[b] = groups_at (&work->look, b, count);
}

/* --- again, with the range taken --- */

static void
count_block (struct scrub_work *work, uint64_t offset, uint64_t length,
             scrub_groups groups)
{
  scrub_list_add (&work->differ, offset, length, groups);
  work->found_bytes += length;
}

/* Step 4: what differs now, and did before. */
static void
count_blocks (struct scrub_work *work, uint64_t offset, uint64_t count)
{
  for (size_t b = 0; b < nr_blocks (count); ++b) {
    scrub_groups groups = groups_at (&work->look, b, count);

    if (groups && work->seen[b])
      count_block (work, offset + b * SCRUB_BLOCK, block_length (b, count),
                   groups);
  }
}

/* Steps 2 to 4. */
static bool
look_twice (struct mirror *m, struct scrub_work *work, uint64_t offset,
            uint64_t count)
{
  struct scrub_look *look = &work->look;

  scrub_look_in_sync (m, look, offset, count);
  if (look->again)
    return false;
  if (all_same (look, count))
    return true;
  take_groups (work, count);
  if (flush_legs (m, 0) == -1)
    return false;
  scrub_look_in_sync (m, look, offset, count);
  if (look->again)
    return false;
  count_blocks (work, offset, count);
  return true;
}

static bool
confirm (struct mirror *m, struct scrub_work *work, uint64_t offset,
         uint64_t count)
{
  struct range range;
  bool known;

  {
    CLEANUP_LOCK (&m->lock);
    range_lock (&m->ranges, &range, offset, count, true, &m->lock);
  }
  known = look_twice (m, work, offset, count);
  CLEANUP_LOCK (&m->lock);
  range_unlock (&m->ranges, &range);
  return known;
}

/* From the first block that differs to the last, in whole blocks of the legs. */
static bool
confirm_part (struct mirror *m, struct scrub_work *work, uint64_t offset,
              uint64_t count)
{
  uint64_t unit =
    m->limits.min_block > SCRUB_BLOCK ? m->limits.min_block : SCRUB_BLOCK;
  size_t first = 0, last = nr_blocks (count) - 1;
  uint64_t begin, end;

  take_groups (work, count);
  while (first < last && !work->seen[first])
    ++first;
  while (last > first && !work->seen[last])
    --last;
  begin = first * SCRUB_BLOCK & ~(unit - 1);
  end = ((last + 1) * SCRUB_BLOCK + unit - 1) & ~(unit - 1);
  if (end > count)
    end = count;
  return confirm (m, work, offset + begin, end - begin);
}

/* --- what can't be read --- */

static void
note_unread (struct mirror *m, struct scrub_work *work, uint64_t offset,
             uint64_t count)
{
  unsigned unread = work->look.unread;

  scrub_list_add (&work->unread, offset, count, unread);
  if (work->look.legs)
    read_repair (m, unread, offset, count, now_ns ());
}

static bool compare (struct mirror *m, struct scrub_work *work,
                     uint64_t offset, uint64_t count);

static bool
compare_pieces (struct mirror *m, struct scrub_work *work, uint64_t offset,
                uint64_t count)
{
  uint64_t n;

  for (; count > 0; offset += n, count -= n) {
    n = count < PIECE ? count : PIECE;
    if (!compare (m, work, offset, n))
      return false;
  }
  return true;
}

/* --- a chunk, or a piece of one --- */

static bool
compare (struct mirror *m, struct scrub_work *work, uint64_t offset,
         uint64_t count)
{
  struct scrub_look *look = &work->look;
  bool known = true;

  scrub_look_in_sync (m, look, offset, count);
  if (look->again || __builtin_popcount (look->legs | look->unread) < 2)
    return false;
  if (look->unread && count > PIECE)
    return compare_pieces (m, work, offset, count);
  if (look->unread)
    note_unread (m, work, offset, count);
  if (!all_same (look, count))
    known = confirm_part (m, work, offset, count);
  return known;
}

bool
scrub_compare (struct mirror *m, struct scrub_work *work, uint64_t offset,
               uint64_t count)
{
  work->differ.nr = work->unread.nr = 0;
  work->differ.cut = work->unread.cut = false;
  work->found_bytes = 0;
  return compare (m, work, offset, count);
}
