/* SPDX-License-Identifier: BSD-3-Clause */

/* The sweep: the only place that raises trust.  One round
 *
 *   1. picks hot regions that are idle, and closes some if a write waits for
 *      a place (hot-limit.h), and runs that have been copied;
 *   2. flushes every leg of the writing set: whatever was written in them
 *      is on the medium now (S3, S18), and so are its checksums (sums.h);
 *   3. unless a leg failed meanwhile, puts the regions into the missed map
 *      of each configured leg outside the writing set, durably;
 *   4. looks again, under the lock that failures and writes take, and clears
 *      the regions nobody wrote since step 1; copied runs are no longer
 *      missed; all of it goes to the log in one commit;
 *   5. a resync target that misses nothing becomes in-sync (promote.h).
 *
 * A crash anywhere leaves a region or a leg less trusted, never more.
 */

#include "config.h"

#include <stdlib.h>

#include "cleanup.h"
#include "flush.h"
#include "holes.h"
#include "hot-limit.h"
#include "mirror-impl.h"
#include "promote.h"
#include "recovery.h"
#include "sweep.h"

#define IDLE_NS (2 * NSEC_PER_SEC) /* a region is cleared after this */

/* A hot region as step 1 saw it. */
struct candidate {
  uint64_t region, last_seq;
};

struct round {
  struct mirror *m;
  uint64_t idle_before; /* last write ended before this time */
  uint64_t failures;    /* of the mirror, at step 1 */
  uint64_t deadline;    /* of waiting for the log */
  struct candidate *region;
  size_t nr, max;
  bool unstored; /* the log did not take what lowers trust */
};

static void
pick_region (struct hot *h, void *opaque)
{
  struct round *round = opaque;

  if (h->pending > 0 || h->last_time > round->idle_before ||
      round->nr == round->max)
    return;
  round->region[round->nr++] =
    (struct candidate){.region = h->region, .last_seq = h->last_seq};
}

/* Step 1.  False if there is nothing to do. */
static bool
pick (struct round *round, bool at_once)
{
  struct mirror *m = round->m;
  CLEANUP_LOCK (&m->lock);

  round->max = m->hot.count;
  round->region = calloc (round->max + 1, sizeof *round->region);
  if (!round->region)
    return false; /* the next round tries again */
  round->idle_before = now_ns ();
  if (!at_once && !hot_crowded (m))
    round->idle_before -= IDLE_NS;
  round->failures = m->failures;
  hot_close_locked (m);
  hot_for_each (&m->hot, pick_region, round);
  m->resync.sweeping = m->resync.copied;
  m->resync.copied = NULL;
  m->resync.copied_regions = 0;
  return round->nr > 0 || m->resync.sweeping;
}

/* Nobody wrote the region since step 1. */
static struct hot *
still_idle (struct mirror *m, const struct candidate *c)
{
  struct hot *h = hot_find (&m->hot, c->region);

  return h && h->pending == 0 && h->last_seq == c->last_seq ? h : NULL;
}

/* Step 3.  False if a leg failed since step 1. */
static bool
miss_outside (struct round *round, bool *lowered)
{
  struct mirror *m = round->m;
  CLEANUP_LOCK (&m->lock);
  unsigned outside = m->configured & ~writing_set (m);

  if (m->failures != round->failures)
    return false;
  for (size_t i = 0; i < round->nr; ++i)
    if (still_idle (m, &round->region[i]))
      FOR_EACH_SLOT (slot, outside) {
        dirty_log_set_region_sync (m->log, slot, round->region[i].region, 1,
                                   false);
        *lowered = true;
      }
  return true;
}

static void
raise_copied (struct mirror *m, const struct recovery *rec)
{
  if (!rec->spoiled)
    FOR_EACH_SLOT (slot, rec->targets)
      dirty_log_set_region_sync (m->log, slot, rec->first, rec->nr, true);
}

/* Step 4.  False as above. */
static bool
raise_regions (struct round *round)
{
  struct mirror *m = round->m;
  CLEANUP_LOCK (&m->lock);

  if (m->failures != round->failures)
    return false;
  for (size_t i = 0; i < round->nr; ++i) {
    struct hot *h = still_idle (m, &round->region[i]);

    if (h) {
      dirty_log_clear (m->log, h->region);
      hot_drop (&m->hot, h);
    }
  }
  for (struct recovery *rec = m->resync.sweeping; rec; rec = rec->next)
    raise_copied (m, rec);
  return true;
}

/* Whatever came of them, the copied runs are nobody's work now. */
static void
round_end (struct round *round, bool cleared)
{
  struct mirror *m = round->m;
  CLEANUP_LOCK (&m->lock);

  while (m->resync.sweeping) {
    struct recovery *rec = m->resync.sweeping;

    m->resync.sweeping = rec->next;
    holes_flushed_locked (m, rec->targets, rec->first, rec->nr);
    dirty_log_put_resync_work (m->log, rec->first, rec->nr);
    free (rec);
  }
  free (round->region);
  if (!cleared)
    hot_reopen_locked (m);
  m->sweep_unstored = round->unstored;
  m->sweeps++;
  resync_wake_locked (m);
  pthread_cond_broadcast (&m->cond);
}

static bool
sweep_regions (struct round *round)
{
  struct mirror *m = round->m;
  bool lowered = false;

  if (flush_legs (m, 0) == -1 || !sums_sync (&m->sums) ||
      !miss_outside (round, &lowered))
    return false;
  round->unstored = lowered && dirty_log_flush (m->log, round->deadline) == -1;
  if (round->unstored)
    return false;
  return raise_regions (round) &&
         dirty_log_commit (m->log, round->deadline) == 0;
}

void
sweep (struct mirror *m, bool at_once, uint64_t deadline)
{
  struct round round = {.m = m, .deadline = deadline};
  bool cleared = !pick (&round, at_once) || sweep_regions (&round);

  round_end (&round, cleared);
  promote (m, deadline);
}
