/* SPDX-License-Identifier: BSD-3-Clause */

/* The latency of a request that goes to several legs is the slowest leg's: all
 * are sent it before any is waited for.  The lease of the log is checked before
 * each send (S19).
 */

#include "config.h"

#include <errno.h>

#include "acknowledge.h"
#include "fan.h"
#include "mirror-impl.h"

static void
fan_done (struct leg_io *io)
{
  struct fan *fan = io->opaque;

  if (atomic_fetch_sub (&fan->pending, 1) == 1)
    sem_post (&fan->done);
}

static void
fan_submit (struct mirror *m, struct fan *fan, unsigned slot,
            const struct request *rq)
{
  fan->io[slot] = (struct leg_io){
    .op = rq->op,
    .flags = rq->flags,
    .buf = rq->buf,
    .offset = rq->offset,
    .count = rq->count,
    .done = fan_done,
    .opaque = fan,
  };
  if (!dirty_log_valid (m->log)) {
    fan->unsent |= SLOT_BIT (slot);
    fan->io[slot].error = ESTALE;
    fan_done (&fan->io[slot]);
    return;
  }
  leg_submit (m->member[slot].leg, &fan->io[slot]);
}

unsigned
fan_out (struct mirror *m, struct fan *fan, unsigned legs,
         const struct request *rq)
{
  unsigned nbd = 0, bad = 0;

  FOR_EACH_SLOT (slot, legs)
    if (m->member[slot].leg->kind == LEG_NBD)
      nbd |= SLOT_BIT (slot);

  /* One more than there are legs: the last to leave posts, and if that is
   * this thread nobody needs to.
   */
  atomic_init (&fan->pending, (unsigned) __builtin_popcount (legs) + 1);
  sem_init (&fan->done, 0, 0);
  fan->unsent = 0;
  /* A local leg may do its I/O in this thread, so the others go first. */
  FOR_EACH_SLOT (slot, nbd)
    fan_submit (m, fan, slot, rq);
  FOR_EACH_SLOT (slot, legs & ~nbd)
    fan_submit (m, fan, slot, rq);
  if (atomic_fetch_sub (&fan->pending, 1) != 1)
    while (sem_wait (&fan->done) == -1 && errno == EINTR)
      ;
  sem_destroy (&fan->done);

  FOR_EACH_SLOT (slot, legs) {
    if (fan->io[slot].error)
      bad |= SLOT_BIT (slot);
    if (fan->io[slot].unsent)
      fan->unsent |= SLOT_BIT (slot);
  }
  return bad;
}

/* With the lease again nobody else has used the legs meanwhile.  A leg that
 * got some of the request gets all of it: nobody else was let into its range.
 * Returns those of them that failed.
 */
static unsigned
send_unsent (struct mirror *m, struct fan *fan, const struct request *rq,
             uint64_t deadline)
{
  unsigned again = fan->unsent, bad = again;

  while (fan->unsent && lease_wait (m, deadline) == 0) {
    again = fan->unsent;
    bad = (bad & ~again) | fan_out (m, fan, again, rq);
    if (now_ns () >= deadline)
      break;
  }
  return bad;
}

/* How long the legs took is no waiting for the log, so the deadline is made
 * after that.
 */
unsigned
fan_out_leased (struct mirror *m, struct fan *fan, unsigned legs,
                const struct request *rq)
{
  unsigned bad = fan_out (m, fan, legs, rq), unsent = fan->unsent;

  if (!unsent)
    return bad;
  return (bad & ~unsent) |
         send_unsent (m, fan, rq,
                      rq->arrival > 0 ? log_deadline (m, rq->arrival) : 0);
}
