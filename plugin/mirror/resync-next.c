/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bad-regions.h"
#include "mirror-impl.h"
#include "rate.h"
#include "resync-next.h"
#include "suspend.h"

static unsigned
ready_targets (const struct mirror *m, uint64_t now)
{
  unsigned ready = 0;

  FOR_EACH_SLOT (slot, m->resyncing)
    if (m->member[slot].stalled_until <= now)
      ready |= SLOT_BIT (slot);
  return ready;
}

static unsigned
targets_of (struct mirror *m, unsigned ready, uint64_t first, uint64_t nr)
{
  unsigned targets = 0;

  FOR_EACH_SLOT (slot, ready)
    if (!dirty_log_in_sync (m->log, slot, first, nr))
      targets |= SLOT_BIT (slot);
  return targets;
}

uint64_t
resync_todo (const struct mirror *m, const struct log_status *ls)
{
  uint64_t todo = 0;

  FOR_EACH_SLOT (slot, m->resyncing)
    todo += ls->missed[slot];
  return todo;
}

static void
begin_round (struct mirror *m)
{
  struct resync *rs = &m->resync;
  struct log_status ls;

  if (rs->busy > 0 || rs->copied)
    return;
  dirty_log_status (m->log, &ls);
  rs->begin_ns = now_ns ();
  rs->begin_bytes = rs->copied_bytes + rs->skipped_bytes;
  rs->total_regions = resync_todo (m, &ls);
  rate_round_begins (&m->rate, rs->total_regions << m->region_shift);
}

/* Bad regions that are to be tried again are work again. */
static void
give_back_bad (struct mirror *m, uint64_t now)
{
  uint64_t region;

  while (bad_regions_due (&m->resync.bad, m->in_sync, now, &region))
    dirty_log_put_resync_work (m->log, region, 1);
}

/* One that clients read; it does not move the cursor. */
static bool
get_wanted (struct mirror *m, unsigned ready, uint64_t *first, uint64_t *nr)
{
  struct resync *rs = &m->resync;

  while (rs->nr_wanted > 0) {
    uint64_t region = rs->wanted[0];

    memmove (rs->wanted, rs->wanted + 1, --rs->nr_wanted * sizeof region);
    if (!dirty_log_get_resync_work (m->log, ready, region, 1, first, nr))
      continue;
    if (*first == region)
      return true;
    dirty_log_put_resync_work (m->log, *first, *nr);
  }
  return false;
}

static bool
get_work (struct mirror *m, unsigned ready, uint64_t *first, uint64_t *nr)
{
  struct resync *rs = &m->resync;
  bool any;

  if (get_wanted (m, ready, first, nr))
    return true;
  any = dirty_log_get_resync_work (m->log, ready, rs->cursor, 1, first, nr) ||
        dirty_log_get_resync_work (m->log, ready, 0, 1, first, nr);
  rs->only_bad = !any && rs->busy == 0 && rs->bad.nr_waiting > 0;
  if (any)
    rs->cursor = *first + *nr;
  return any;
}

struct recovery *
resync_next_run_locked (struct mirror *m)
{
  struct resync *rs = &m->resync;
  uint64_t now = now_ns ();
  unsigned ready = ready_targets (m, now);
  struct recovery *rec;
  uint64_t first, nr;

  give_back_bad (m, now);
  if (rs->stop || rs->paused || !ready || m->hold.legs ||
      suspended_locked (m) || !dirty_log_valid (m->log))
    return NULL;
  if (!get_work (m, ready, &first, &nr))
    return NULL;
  rec = calloc (1, sizeof *rec);
  if (!rec) {
    dirty_log_put_resync_work (m->log, first, nr);
    return NULL;
  }
  begin_round (m);
  rec->first = first;
  rec->nr = nr;
  rec->targets = targets_of (m, ready, first, nr);
  rec->next = rs->running;
  rs->running = rec;
  rs->busy++;
  return rec;
}
