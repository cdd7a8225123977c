/* SPDX-License-Identifier: BSD-3-Clause */

/* Copying one run of regions from the source to the legs that miss it.
 *
 * A run is normally one region.  Where the source reads as zeroes for
 * longer than a region, the run is as long as that; where the target does
 * so too there is nothing to copy, so a sparse device costs as much as it
 * holds data.
 *
 * A chunk is copied under a shared lock of its range: writers to it wait,
 * others go on and reach source and target alike, so a chunk that was
 * copied stays right (S14).
 */

#include "config.h"

#include <string.h>

#include "block-status.h"
#include "cleanup.h"
#include "zero.h"
#include "copy.h"
#include "fan.h"
#include "members.h"
#include "mirror-impl.h"
#include "range.h"
#include "rate.h"
#include "repair.h"
#include "source.h"

#define MAX_ZERO_BYTES (UINT64_C (64) << 20) /* one ZERO request */
#define MAX_RUN_BYTES (UINT64_C (64) << 30)  /* of zeroes, looked at at once */

/* --- the length of the run --- */

/* How many of these regions, which one of the targets misses, all of them miss.
 * Who has a region must not be sent a copy of it: that might land late, on what
 * a client has written since, and nothing would correct it (S21).
 */
static uint64_t
missed_by_all (struct copier *c, uint64_t first, uint64_t nr)
{
  uint64_t begin, n;

  FOR_EACH_SLOT (slot, c->rec->targets) {
    if (!dirty_log_next_run (c->m->log, LOG_MAP_MISSED (slot), first, &begin,
                             &n) ||
        begin != first)
      return 0;
    if (n < nr)
      nr = n;
  }
  return nr;
}

/* Make the run as long as 'nr' regions, as far as they are to be had. */
static void
extend_run (struct copier *c, uint64_t nr)
{
  struct mirror *m = c->m;
  struct recovery *rec = c->rec;
  uint64_t next = rec->first + rec->nr;
  uint64_t first, got, more;
  CLEANUP_LOCK (&m->lock);

  if (nr <= rec->nr || next >= m->nr_regions ||
      !dirty_log_get_resync_work (m->log, rec->targets, next, nr - rec->nr,
                                  &first, &got))
    return;
  more = first == next ? missed_by_all (c, first, got) : 0;
  dirty_log_put_resync_work (m->log, first + more, got - more);
  rec->nr += more;
  if (m->resync.cursor < next + more)
    m->resync.cursor = next + more;
}

/* The run ends at 'end' bytes: give back the regions behind. */
static void
cut_run (struct copier *c, uint64_t end)
{
  struct mirror *m = c->m;
  struct recovery *rec = c->rec;
  uint64_t nr = (end >> m->region_shift) - rec->first;
  CLEANUP_LOCK (&m->lock);

  if (end >= m->limits.size || nr >= rec->nr)
    return;
  dirty_log_put_resync_work (m->log, rec->first + nr, rec->nr - nr);
  rec->nr = nr;
  if (m->resync.cursor > rec->first + nr)
    m->resync.cursor = rec->first + nr;
}

static uint64_t
run_end (const struct mirror *m, const struct recovery *rec)
{
  uint64_t end = (rec->first + rec->nr) << m->region_shift;

  return end < m->limits.size ? end : m->limits.size;
}

/* --- copying --- */

/* How far the leg reads as zeroes from offset on, at most count bytes; whole
 * blocks of every leg, whatever the block status of this one.
 */
static uint64_t
zero_length (struct mirror *m, unsigned slot, uint64_t offset, uint64_t count)
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
note_data (struct copier *c, uint64_t offset)
{
  struct mirror *m = c->m;
  struct leg_extent extent;
  size_t nr = 1;

  if (leg_extents (m->member[c->source].leg, offset, m->limits.size - offset,
                   &extent, &nr) == -1 ||
      nr == 0 || extent.zero)
    return;
  CLEANUP_LOCK (&m->lock);
  m->resync.data_from = offset;
  m->resync.data_until = offset + extent.length;
}

static uint64_t
source_zero_length (struct copier *c, uint64_t offset, uint64_t count)
{
  struct mirror *m = c->m;
  uint64_t length;

  {
    CLEANUP_LOCK (&m->lock);
    if (m->resync.data_from <= offset && offset < m->resync.data_until)
      return 0;
    count = flushed_length (m, offset, count);
  }
  if (count == 0)
    return 0;
  length = zero_length (m, c->source, offset, count);
  if (length == 0)
    note_data (c, offset);
  return length;
}

static void
count_bytes (struct copier *c, uint64_t copied, uint64_t skipped)
{
  CLEANUP_LOCK (&c->m->lock);
  c->m->resync.copied_bytes += copied;
  c->m->resync.skipped_bytes += skipped;
}

static unsigned
live_targets (struct copier *c)
{
  CLEANUP_LOCK (&c->m->lock);
  return c->rec->targets & ~c->bad;
}

static void
send_to_targets (struct copier *c, unsigned targets, const struct request *rq)
{
  struct fan fan;

  if (targets == 0)
    return;
  c->moved += rq->count;
  c->bad |= fan_out (c->m, &fan, targets, rq) & ~fan.unsent;
  if (fan.unsent)
    c->no_lease = true;
  count_bytes (c, rq->count * (unsigned) __builtin_popcount (targets), 0);
}

/* The source reads as zeroes for count bytes: make the targets do so, where
 * they do not yet.  Returns the bytes dealt with.
 */
static uint64_t
copy_zeroes (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned targets = live_targets (c), write = 0;
  uint64_t skip = count;

  FOR_EACH_SLOT (slot, targets) {
    uint64_t n = zero_length (c->m, slot, offset, skip);

    if (n == 0)
      write |= SLOT_BIT (slot);
    else
      skip = n;
  }
  if (write && skip > MAX_ZERO_BYTES)
    skip = MAX_ZERO_BYTES;
  send_to_targets (c, write,
                   &(struct request){.op = LEG_ZERO,
                                     .flags = LEG_MAY_TRIM,
                                     .offset = offset,
                                     .count = skip});
  count_bytes (c, 0, skip * (unsigned) __builtin_popcount (targets & ~write));
  return skip;
}

/* m->lock is held. */
static void
set_source_locked (struct copier *c, unsigned source)
{
  members_use_locked (c->m, SLOT_BIT (source));
  members_unuse_locked (c->m, SLOT_BIT (c->source));
  c->source = source;
}

/* From the primary, or any other that can be read here. */
static bool
read_source (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned tried = 0;
  CLEANUP_LOCK (&c->m->lock);
  int slot = source_read_locked (c->m, &tried, c->buf, offset, count);

  if (slot == -1)
    return false;
  set_source_locked (c, (unsigned) slot);
  c->unread = tried;
  return true;
}

static uint64_t
copy_data (struct copier *c, uint64_t offset, uint64_t count)
{
  struct request rq = {
    .op = LEG_WRITE, .buf = c->buf, .offset = offset, .count = count};

  if (!read_source (c, offset, count)) {
    c->source_failed = true;
    return 0;
  }
  if (is_zero (c->buf, count)) {
    rq.op = LEG_ZERO;
    rq.flags = LEG_MAY_TRIM;
    rq.buf = NULL;
  }
  send_to_targets (c, live_targets (c), &rq);
  return count;
}

/* Copy what comes next at offset, under a lock of 'count' bytes.  The source
 * is chosen under it: a leg on which a write to this range failed has left
 * the in-sync legs before that write gave up the range.
 */
static uint64_t
copy_locked (struct copier *c, uint64_t offset, uint64_t count)
{
  struct mirror *m = c->m;
  struct range range;
  uint64_t zero, done;

  {
    CLEANUP_LOCK (&m->lock);
    range_lock (&m->ranges, &range, offset, count, true, &m->lock);
    set_source_locked (c, m->primary);
  }
  c->moved = 0;
  c->unread = 0;
  zero = source_zero_length (c, offset, count);
  if (zero > 0)
    done = copy_zeroes (c, offset, zero);
  else
    done = copy_data (c, offset, count < COPY_CHUNK ? count : COPY_CHUNK);
  {
    CLEANUP_LOCK (&m->lock);
    range_unlock (&m->ranges, &range);
  }
  if (c->unread)
    read_repair (m, c->unread, offset, done, now_ns ());
  return done;
}

/* Wait, unless told to stop. */
static void
pause_ns (struct mirror *m, uint64_t ns)
{
  uint64_t until = now_ns () + ns;
  CLEANUP_LOCK (&m->lock);

  while (!m->resync.stop && now_ns () < until)
    cond_wait_until (&m->resync.wake, &m->lock, until);
}

static bool
stopped (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->resync.stop;
}

static void
copy_chunks (struct copier *c)
{
  struct mirror *m = c->m;
  bool zeroes = c->rec->nr > 1;
  uint64_t offset = c->begin;

  while (offset < c->end && live_targets (c) && !stopped (m)) {
    uint64_t start = now_ns (), pause, done;
    uint64_t count = c->end - offset;

    if (!zeroes && count > COPY_CHUNK)
      count = COPY_CHUNK;
    done = copy_locked (c, offset, count);
    if (c->source_failed || c->no_lease)
      break;
    pause = c->moved > 0 ? rate_pause (m, c->moved, now_ns () - start) : 0;
    if (pause > 0)
      pause_ns (m, pause);
    offset += done;
  }
  if (offset < c->end)
    cut_run (c, offset);
}

/* Where the source has a long run of zeroes, take all of it. */
static void
prepare_run (struct copier *c)
{
  struct mirror *m = c->m;
  uint64_t begin = c->rec->first << m->region_shift;
  uint64_t left = m->limits.size - begin;
  uint64_t zero =
    source_zero_length (c, begin, left < MAX_RUN_BYTES ? left : MAX_RUN_BYTES);
  uint64_t nr = zero >> m->region_shift;

  if (zero == left)
    nr = m->nr_regions - c->rec->first;
  extend_run (c, nr);
  c->begin = begin;
  c->end = run_end (m, c->rec);
}

void
copy_run (struct copier *c)
{
  prepare_run (c);
  copy_chunks (c);
}
