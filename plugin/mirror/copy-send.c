/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "cleanup.h"
#include "copy-send.h"
#include "copy.h"
#include "fan.h"
#include "mirror-impl.h"

void
copy_count (struct copier *c, uint64_t copied, uint64_t skipped)
{
  CLEANUP_LOCK (&c->m->lock);
  c->m->resync.copied_bytes += copied;
  c->m->resync.skipped_bytes += skipped;
}

unsigned
copy_targets (struct copier *c)
{
  CLEANUP_LOCK (&c->m->lock);
  return c->rec->targets & ~c->bad;
}

void
copy_send (struct copier *c, unsigned targets, const struct request *rq)
{
  struct fan fan;

  if (targets == 0)
    return;
  c->moved += rq->count;
  c->bad |= fan_out (c->m, &fan, targets, rq) & ~fan.unsent;
  if (fan.unsent)
    c->no_lease = true;
  copy_count (c, rq->count * (unsigned) __builtin_popcount (targets), 0);
}
