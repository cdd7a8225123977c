/* SPDX-License-Identifier: BSD-3-Clause */

/* What was written to a target does not read as zeroes any more, whatever was
 * noted of it.  That is said when the write has ended: who asks the target
 * before that is told afterwards, and nobody else looks at this range.
 */

#include "config.h"

#include "cleanup.h"
#include "copy-send.h"
#include "copy.h"
#include "extent-map.h"
#include "fan.h"
#include "mirror-impl.h"

unsigned
copy_targets (struct copier *c)
{
  CLEANUP_LOCK (&c->m->lock);
  return c->rec->targets & ~c->bad;
}

void
copy_count_skipped (struct copier *c, uint64_t bytes)
{
  CLEANUP_LOCK (&c->m->lock);
  c->m->resync.skipped_bytes += bytes;
}

/* m->lock is held. */
static void
note_sent (struct copier *c, unsigned targets, enum leg_op op, uint64_t offset,
           uint64_t count)
{
  struct resync *rs = &c->m->resync;

  if (op == LEG_WRITE)
    extent_map_written (&rs->extents, targets, offset, offset + count);
  rs->copied_bytes += count * (unsigned) __builtin_popcount (targets);
}

void
copy_send (struct copier *c, unsigned targets, const struct request *rq)
{
  struct fan fan;

  if (targets == 0)
    return;
  c->bad |= fan_out (c->m, &fan, targets, rq) & ~fan.unsent;
  if (fan.unsent)
    c->no_lease = true;
  CLEANUP_LOCK (&c->m->lock);
  note_sent (c, targets, rq->op, rq->offset, rq->count);
}
