/* SPDX-License-Identifier: BSD-3-Clause */

/* Copying one run of regions from the source to the legs that miss it.
 *
 * Where the source and all targets are known to read as zeroes there is
 * nothing to copy, and nothing is locked: no write is under way there, and the
 * next one goes to all of them.  So a sparse device costs as much as it holds
 * data.
 *
 * The rest is copied in chunks, each under a shared lock of its range: writers
 * to it wait, others go on and reach source and target alike, so a chunk that
 * was copied stays right (S14).  Zeroes that the targets can make holes of are
 * a request without data, so those chunks are longer.
 */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
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
#include "thin-copy.h"

#define ZERO_CHUNK (UINT64_C (16) << 20)

/* --- the source --- */

void
copy_no_source_locked (struct copier *c)
{
  members_unuse_locked (c->m, c->held);
  c->held = 0;
}

bool
copy_source_locked (struct copier *c, unsigned source)
{
  copy_no_source_locked (c);
  if (c->m->hold.legs & SLOT_BIT (source)) {
    c->no_source = true;
    return false;
  }
  c->source = source;
  c->held = SLOT_BIT (source);
  members_use_locked (c->m, c->held);
  return true;
}

/* From the primary, or any other that can be read here. */
static bool
read_source (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned tried = 0;
  CLEANUP_LOCK (&c->m->lock);
  int slot = source_read_locked (c->m, &tried, c->buf, offset, count);

  if (slot == -1) {
    c->source_error = errno;
    c->source_bad = offset;
    c->source_bad_legs = tried;
    return false;
  }
  c->unread = tried;
  return copy_source_locked (c, (unsigned) slot);
}

/* --- nothing to do --- */

/* The run reads as zeroes everywhere, as far as can be told without a lock.
 * Returns the bytes dealt with.
 */
static uint64_t
skip_zeroes (struct copier *c, uint64_t offset, uint64_t count)
{
  struct mirror *m = c->m;
  unsigned targets = copy_targets (c);
  struct held held = holes_at (m, c->source, offset, count);

  FOR_EACH_SLOT (slot, targets)
    if (held.what == HOLDS_ZEROES)
      held = holes_at (m, slot, offset, held.length);
  if (held.what != HOLDS_ZEROES)
    return 0;

  CLEANUP_LOCK (&m->lock);
  if (!copy_source_locked (c, m->primary))
    return 0;
  targets &= c->rec->targets;
  count = holes_known_locked (m, targets | SLOT_BIT (c->source), offset,
                              held.length);
  m->resync.skipped_bytes += count * (unsigned) __builtin_popcount (targets);
  return count;
}

/* --- a chunk, its range is locked --- */

/* The source reads as zeroes for count bytes: make the targets do so, where
 * they do not yet.  Returns the bytes dealt with.
 */
static uint64_t
copy_zeroes (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned targets = copy_targets (c), wipe = 0;
  uint64_t n = count;

  FOR_EACH_SLOT (slot, targets) {
    struct held held = holes_at (c->m, slot, offset, n);

    n = held.length;
    if (held.what != HOLDS_ZEROES)
      wipe |= SLOT_BIT (slot);
  }
  if (wipe && n < count && n < COPY_CHUNK) { /* there may be many pieces */
    n = count < COPY_CHUNK ? count : COPY_CHUNK;
    thin_copy (c, NULL, offset, n);
    return n;
  }
  copy_send (c, wipe,
             &(struct request){.op = LEG_ZERO,
                               .flags = LEG_MAY_TRIM,
                               .offset = offset,
                               .count = n});
  if (wipe)
    c->moved += n;
  copy_count_skipped (c, n * (unsigned) __builtin_popcount (targets & ~wipe));
  return n;
}

static uint64_t
copy_data (struct copier *c, uint64_t offset, uint64_t count)
{
  if (!read_source (c, offset, count))
    return 0;
  c->moved += count;
  thin_copy (c, c->buf, offset, count);
  return count;
}

/* --- chunk by chunk --- */

static bool
all_punch_holes (struct copier *c, unsigned targets)
{
  FOR_EACH_SLOT (slot, targets)
    if (!atomic_load (&c->m->member[slot].leg->fast_trim))
      return false;
  return true;
}

/* m->lock is held. */
static uint64_t
chunk_length (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned source = SLOT_BIT (c->m->primary);
  uint64_t zeroes;

  if (count <= COPY_CHUNK || !all_punch_holes (c, c->rec->targets & ~c->bad))
    return count < COPY_CHUNK ? count : COPY_CHUNK;
  zeroes = holes_known_locked (c->m, source, offset,
                               count < ZERO_CHUNK ? count : ZERO_CHUNK);
  return zeroes > COPY_CHUNK ? zeroes : COPY_CHUNK;
}

static uint64_t
copy_range (struct copier *c, uint64_t offset, uint64_t count)
{
  struct held held = holes_at (c->m, c->source, offset, count);

  if (held.what == HOLDS_ZEROES)
    return copy_zeroes (c, offset, held.length);
  return copy_data (c, offset, count < COPY_CHUNK ? count : COPY_CHUNK);
}

/* Copy what comes next at offset, at most count bytes.  The source is chosen
 * under the lock: a leg on which a write to this range failed has left the
 * in-sync legs before that write gave up the range.
 */
static uint64_t
copy_locked (struct copier *c, uint64_t offset, uint64_t count)
{
  struct mirror *m = c->m;
  struct range range;
  uint64_t done;

  {
    CLEANUP_LOCK (&m->lock);
    count = chunk_length (c, offset, count);
    copy_no_source_locked (c);
    range_lock (&m->ranges, &range, offset, count, true, &m->lock);
    copy_source_locked (c, m->primary);
  }
  c->moved = 0;
  c->unread = 0;
  done = c->no_source ? 0 : copy_range (c, offset, count);
  {
    CLEANUP_LOCK (&m->lock);
    range_unlock (&m->ranges, &range);
  }
  if (c->unread)
    read_repair (m, c->unread, offset, done, now_ns ());
  return done;
}

/* Wait, unless told to stop; the source is not in use meanwhile. */
static void
pause_ns (struct copier *c, uint64_t ns)
{
  struct mirror *m = c->m;
  uint64_t until = now_ns () + ns;
  CLEANUP_LOCK (&m->lock);

  copy_no_source_locked (c);
  while (!m->resync.stop && now_ns () < until)
    cond_wait_until (&m->resync.wake, &m->lock, until);
  copy_source_locked (c, m->primary);
}

static bool
stopped (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->resync.stop;
}

/* False: it can't go on. */
static bool
wait_for_turn (struct copier *c, uint64_t bytes)
{
  uint64_t ns;

  while ((ns = rate_copy_begin (c->m, bytes)) > 0) {
    pause_ns (c, ns);
    if (c->no_source || stopped (c->m))
      return false;
  }
  return true;
}

/* False: it can't go on. */
static bool
copy_chunk (struct copier *c, uint64_t *offset)
{
  uint64_t left = c->end - *offset, done;
  uint64_t bytes = left < COPY_CHUNK ? left : COPY_CHUNK;

  if (!wait_for_turn (c, bytes))
    return false;
  done = copy_locked (c, *offset, left);
  rate_copy_end (c->m, bytes, c->moved);
  if (c->source_error || c->no_lease || c->no_source)
    return false;
  *offset += done;
  return true;
}

void
copy_run (struct copier *c)
{
  uint64_t offset, skipped;

  copy_run_prepare (c);
  offset = c->begin;
  while (offset < c->end && copy_targets (c) && !stopped (c->m)) {
    skipped = skip_zeroes (c, offset, c->end - offset);
    offset += skipped;
    if (skipped == 0 && !copy_chunk (c, &offset))
      break;
  }
  if (offset < c->end)
    copy_run_cut (c, offset);
}
