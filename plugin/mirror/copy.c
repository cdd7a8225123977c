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

#include "cleanup.h"
#include "zero.h"
#include "copy-run.h"
#include "copy-send.h"
#include "copy.h"
#include "holes.h"
#include "members.h"
#include "mirror-impl.h"
#include "range.h"
#include "rate.h"
#include "repair.h"
#include "source.h"

#define MAX_ZERO_BYTES (UINT64_C (64) << 20) /* one ZERO request */

/* The source reads as zeroes for count bytes: make the targets do so, where
 * they do not yet.  Returns the bytes dealt with.
 */
static uint64_t
copy_zeroes (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned targets = copy_targets (c), write = 0;
  uint64_t skip = count;

  FOR_EACH_SLOT (slot, targets) {
    uint64_t n = holes_leg_length (c->m, slot, offset, skip);

    if (n == 0)
      write |= SLOT_BIT (slot);
    else
      skip = n;
  }
  if (write && skip > MAX_ZERO_BYTES)
    skip = MAX_ZERO_BYTES;
  copy_send (c, write,
             &(struct request){.op = LEG_ZERO,
                               .flags = LEG_MAY_TRIM,
                               .offset = offset,
                               .count = skip});
  copy_count (c, 0, skip * (unsigned) __builtin_popcount (targets & ~write));
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
  copy_send (c, copy_targets (c), &rq);
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
  zero = holes_source_length (m, c->source, offset, count);
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

  while (offset < c->end && copy_targets (c) && !stopped (m)) {
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
    copy_run_cut (c, offset);
}

void
copy_run (struct copier *c)
{
  copy_run_prepare (c);
  copy_chunks (c);
}
