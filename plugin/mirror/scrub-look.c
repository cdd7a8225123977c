/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "scrub-look.h"

struct reading {
  struct leg_io io[LOG_MAX_LEGS];
  atomic_uint pending;
  sem_t done;
};

static void
leave (struct reading *r)
{
  if (atomic_fetch_sub (&r->pending, 1) == 1)
    sem_post (&r->done);
}

static void
reading_done (struct leg_io *io)
{
  leave (io->opaque);
}

static bool
have_buffers (struct scrub_look *look, unsigned legs)
{
  FOR_EACH_SLOT (slot, legs) {
    if (!look->buf[slot])
      look->buf[slot] = aligned_alloc (4096, SCRUB_CHUNK);
    if (!look->buf[slot])
      return false;
  }
  return true;
}

static void
read_all (struct mirror *m, const struct scrub_look *look, struct reading *r,
          unsigned legs, uint64_t offset, uint64_t count)
{
  /* One more than there are legs, as in fan_out. */
  atomic_init (&r->pending, (unsigned) __builtin_popcount (legs) + 1);
  sem_init (&r->done, 0, 0);
  FOR_EACH_SLOT (slot, legs) {
    r->io[slot] = (struct leg_io){
      .op = LEG_READ,
      .buf = look->buf[slot],
      .offset = offset,
      .count = count,
      .done = reading_done,
      .opaque = r,
    };
    leg_submit (m->member[slot].leg, &r->io[slot]);
  }
  leave (r);
  while (sem_wait (&r->done) == -1 && errno == EINTR)
    ;
  sem_destroy (&r->done);
}

/* What a leg that is lost says is no read error: it is out, or will be back. */
static void
take_errors (struct mirror *m, struct scrub_look *look, struct reading *r,
             unsigned legs)
{
  FOR_EACH_SLOT (slot, legs) {
    if (r->io[slot].error == 0)
      look->legs |= SLOT_BIT (slot);
    else if (leg_is_lost (m->member[slot].leg))
      look->again = true;
    else
      look->unread |= SLOT_BIT (slot);
  }
}

void
scrub_look (struct mirror *m, struct scrub_look *look, unsigned legs,
            uint64_t offset, uint64_t count)
{
  struct reading r;

  look->legs = look->unread = 0;
  look->again = !have_buffers (look, legs) || !dirty_log_valid (m->log);
  if (look->again)
    return;
  read_all (m, look, &r, legs, offset, count);
  take_errors (m, look, &r, legs);
  /* Without the lease another mirror may have written meanwhile. */
  if (!dirty_log_valid (m->log))
    look->again = true;
}

void
scrub_look_in_sync (struct mirror *m, struct scrub_look *look, uint64_t offset,
                    uint64_t count)
{
  unsigned legs;

  {
    CLEANUP_LOCK (&m->lock);
    legs = m->in_sync & usable_set (m);
    members_use_locked (m, legs);
  }
  scrub_look (m, look, legs, offset, count);
  CLEANUP_LOCK (&m->lock);
  members_unuse_locked (m, legs);
  /* Who failed meanwhile may have read anything. */
  look->legs &= m->in_sync & usable_set (m);
  look->unread &= m->in_sync & usable_set (m);
}

void
scrub_look_free (struct scrub_look *look)
{
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    free (look->buf[slot]);
  *look = (struct scrub_look){0};
}
