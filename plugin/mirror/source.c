/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>

#include "members.h"
#include "mirror-impl.h"
#include "source.h"

static int
ask_unlocked (struct source *src, unsigned slot)
{
  struct mirror *m = src->m;
  int r;

  members_use_locked (m, SLOT_BIT (slot));
  pthread_mutex_unlock (&m->lock);
  r = src->ask (src, m->member[slot].leg);
  if (r == -1)
    src->error = errno;
  pthread_mutex_lock (&m->lock);
  members_unuse_locked (m, SLOT_BIT (slot));
  return r;
}

int
source_ask_locked (struct source *src)
{
  for (;;) {
    int slot = src->next (src);

    if (slot == -1 || ask_unlocked (src, (unsigned) slot) == 0)
      return slot;
    src->tried |= SLOT_BIT ((unsigned) slot);
  }
}

/* --- reading an in-sync leg --- */

struct in_sync_read {
  struct source src;
  void *buf;
  uint64_t offset, count;
};

int
source_next_locked (const struct mirror *m, unsigned tried)
{
  unsigned legs = m->in_sync & usable_set (m) & ~tried;

  if (legs & SLOT_BIT (m->primary))
    return (int) m->primary;
  return legs ? __builtin_ctz (legs) : -1;
}

static int
next_in_sync (struct source *src)
{
  int slot = source_next_locked (src->m, src->tried);

  if (slot == -1)
    errno = src->error ? src->error : EIO;
  return slot;
}

static int
read_leg (struct source *src, struct leg *leg)
{
  const struct in_sync_read *rd = (struct in_sync_read *) src;

  return leg_run (leg, LEG_READ, 0, rd->buf, rd->offset, rd->count);
}

int
source_read_locked (struct mirror *m, unsigned *tried, void *buf,
                    uint64_t offset, uint64_t count)
{
  struct in_sync_read rd = {
    .src = {.m = m, .tried = *tried, .next = next_in_sync, .ask = read_leg},
    .buf = buf,
    .offset = offset,
    .count = count,
  };
  int slot = source_ask_locked (&rd.src);

  *tried = rd.src.tried;
  return slot;
}
