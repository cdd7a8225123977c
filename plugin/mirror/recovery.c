/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stddef.h>

#include "mirror-impl.h"
#include "recovery.h"
#include "regions.h"

void
resync_wake_locked (struct mirror *m)
{
  pthread_cond_broadcast (&m->resync.wake);
}

static bool
is_missed (const struct mirror *m, uint64_t region)
{
  FOR_EACH_SLOT (slot, m->resyncing)
    if (!dirty_log_in_sync (m->log, slot, region, 1))
      return true;
  return false;
}

static void
want (struct mirror *m, uint64_t region)
{
  struct resync *rs = &m->resync;

  for (unsigned i = 0; i < rs->nr_wanted; ++i)
    if (rs->wanted[i] == region)
      return;
  if (rs->nr_wanted < RESYNC_WANTED && is_missed (m, region))
    rs->wanted[rs->nr_wanted++] = region;
}

void
resync_want_locked (struct mirror *m, uint64_t offset, uint64_t count)
{
  uint64_t first, nr;

  if (!m->resyncing || count == 0)
    return;
  regions_of (offset, count, m->region_shift, &first, &nr);
  for (uint64_t i = 0; i < nr && i < RESYNC_WANTED; ++i)
    want (m, first + i);
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
