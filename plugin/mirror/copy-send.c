/* SPDX-License-Identifier: BSD-3-Clause */

/* What was written to a target does not read as zeroes any more, whatever was
 * noted of it.  That is said when the write has ended: who asks the target
 * before that is told afterwards, and nobody else looks at this range.
 */

#include "config.h"

#include <errno.h>

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

/* --- several at a time --- */

static void
batch_done (struct leg_io *io)
{
  struct copy_batch *b = io->opaque;

  if (atomic_fetch_sub (&b->pending, 1) == 1)
    sem_post (&b->done);
}

/* One more is pending than there are requests, as in fan_out. */
static void
batch_wait (struct copy_batch *b)
{
  struct copier *c = b->c;

  if (atomic_fetch_sub (&b->pending, 1) != 1)
    while (sem_wait (&b->done) == -1 && errno == EINTR)
      ;
  CLEANUP_LOCK (&c->m->lock);
  for (size_t i = 0; i < b->nr; ++i) {
    const struct leg_io *io = &b->io[i];

    if (io->unsent)
      c->no_lease = true;
    else if (io->error)
      c->bad |= SLOT_BIT (b->slot[i]);
    note_sent (c, SLOT_BIT (b->slot[i]), io->op, io->offset, io->count);
  }
  b->nr = 0;
  atomic_store (&b->pending, 1);
}

void
copy_batch_begin (struct copy_batch *b, struct copier *c)
{
  b->c = c;
  b->nr = 0;
  atomic_init (&b->pending, 1);
  sem_init (&b->done, 0, 0);
}

void
copy_batch_add (struct copy_batch *b, unsigned slot, const struct request *rq)
{
  struct leg_io *io;

  if (b->nr == COPY_BATCH)
    batch_wait (b);
  b->slot[b->nr] = slot;
  io = &b->io[b->nr++];
  *io = (struct leg_io){
    .op = rq->op,
    .flags = rq->flags,
    .buf = rq->buf,
    .offset = rq->offset,
    .count = rq->count,
    .done = batch_done,
    .opaque = b,
  };
  atomic_fetch_add (&b->pending, 1);
  leg_submit (b->c->m->member[slot].leg, io); /* which asks for the lease */
}

void
copy_batch_end (struct copy_batch *b)
{
  batch_wait (b);
  sem_destroy (&b->done);
}
