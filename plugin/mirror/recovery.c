/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stddef.h>

#include "mirror-impl.h"
#include "recovery.h"

void
resync_wake_locked (struct mirror *m)
{
  pthread_cond_broadcast (&m->resync.wake);
}

void
resync_spoil_locked (struct mirror *m, uint64_t first, uint64_t nr)
{
  struct recovery *lists[] = {m->resync.running, m->resync.copied,
                              m->resync.sweeping};

  for (size_t i = 0; i < 3; ++i)
    for (struct recovery *rec = lists[i]; rec; rec = rec->next)
      if (rec->first < first + nr && first < rec->first + rec->nr)
        rec->spoiled = true;
}

void
resync_drop_target_locked (struct mirror *m, unsigned slot)
{
  struct recovery *lists[] = {m->resync.running, m->resync.copied,
                              m->resync.sweeping};

  for (size_t i = 0; i < 3; ++i)
    for (struct recovery *rec = lists[i]; rec; rec = rec->next)
      rec->targets &= ~SLOT_BIT (slot);
}
