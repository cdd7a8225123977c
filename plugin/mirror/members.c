/* SPDX-License-Identifier: BSD-3-Clause */

/* Which legs are used, and how one leaves.
 *
 * A leg fails in the order of rule S5: under m->lock it leaves the writing
 * set and the log seeds its missed map with all marked regions and makes
 * its record stale (memory); failures is counted up, so from this moment no
 * write or flush is acknowledged; a log flush makes the record durable; then
 * failures_recorded catches up and the held acknowledgements go out
 * (acknowledge.c).
 */

#include "config.h"

#include "cleanup.h"
#include "extent-map.h"
#include "hold.h"
#include "member-state.h"
#include "members.h"
#include "mirror-impl.h"
#include "recovery.h"
#include "report.h"

void
members_use_locked (struct mirror *m, unsigned slots)
{
  FOR_EACH_SLOT (slot, slots)
    m->member[slot].users++;
}

void
members_unuse_locked (struct mirror *m, unsigned slots)
{
  FOR_EACH_SLOT (slot, slots)
    if (--m->member[slot].users == 0 && !(usable_set (m) & SLOT_BIT (slot)))
      pthread_cond_broadcast (&m->rejoin_wake);
}

/* These are no sources any more.  One whose flush failed, or will fail, may
 * have read as it was before a write that it acknowledged, so what was copied
 * from it and not flushed proves nothing.
 */
static void
spoil_copies (struct mirror *m, unsigned sources)
{
  if (sources)
    resync_spoil_locked (m, 0, m->nr_regions);
}

bool
member_fail_locked (struct mirror *m, unsigned slot)
{
  unsigned bit = SLOT_BIT (slot), primary = m->primary;

  if (!(writing_set (m) & bit) || m->in_sync == bit)
    return false;
  spoil_copies (m, m->in_sync & bit);
  /* Nor is it promoted, even if it is back before that ends. */
  member_set_state_locked (m, bit, MEMBER_FAILED);
  dirty_log_leg_failed (m->log, slot);
  if (m->primary != primary)
    dirty_log_set_primary (m->log, m->primary);
  resync_drop_target_locked (m, slot);
  m->failures++;
  worker_wake_locked (m);
  pthread_cond_broadcast (&m->rejoin_wake);
  return true;
}

unsigned
members_fail_locked (struct mirror *m, unsigned slots)
{
  unsigned failed = 0;

  FOR_EACH_SLOT (slot, slots)
    if (member_fail_locked (m, slot))
      failed |= SLOT_BIT (slot);
  return failed;
}

unsigned
members_lost_locked (struct mirror *m, unsigned slots)
{
  unsigned failed = 0;

  FOR_EACH_SLOT (slot, slots) {
    if (!leg_is_lost (m->member[slot].leg))
      continue;
    if (m->in_sync == SLOT_BIT (slot))
      hold_begin_locked (m, slot);
    else if (member_fail_locked (m, slot))
      failed |= SLOT_BIT (slot);
  }
  return failed;
}

void
members_miss_locked (struct mirror *m, uint64_t first, uint64_t nr)
{
  unsigned others = m->configured & ~SLOT_BIT (m->primary);

  FOR_EACH_SLOT (slot, others)
    dirty_log_set_region_sync (m->log, slot, first, nr, false);
  /* Who leaves the in-sync legs must not be chosen as the source by a crash
   * once somebody has read the primary, so this is recorded like a failure,
   * before the write gives up its range.  So are targets whose record as
   * in-sync is on its way.
   */
  if ((m->in_sync | m->promoting) & others) {
    m->joined &= ~others;
    m->failures++;
    worker_wake_locked (m);
  }
  spoil_copies (m, m->in_sync & others);
  resync_spoil_locked (m, first, nr);
  member_set_state_locked (m, m->in_sync & others, MEMBER_RESYNCING);
  resync_wake_locked (m);
}

bool
member_may_write (struct leg *leg)
{
  struct member *member = leg->opaque;

  return dirty_log_valid (member->mirror->log);
}

void
member_on_lost (struct leg *leg)
{
  struct member *member = leg->opaque;
  struct mirror *m = member->mirror;
  unsigned failed = 0;

  {
    CLEANUP_LOCK (&m->lock);
    if (!m->log) /* there is no mirror any more */
      return;
    failed = members_lost_locked (m, SLOT_BIT (member->slot));
    pthread_cond_broadcast (&m->rejoin_wake); /* its rejoiner may use it */
  }
  members_report_failed (m, failed);
  hold_report (m);
}

/* The legs whose resync may have left out what was not zero. */
static unsigned
misled_by (const struct mirror *m, unsigned slot)
{
  unsigned bit = SLOT_BIT (slot);

  return m->in_sync & bit ? m->resyncing : m->resyncing & bit;
}

/* Like members_miss_locked, for all regions. */
static void
begin_again_locked (struct mirror *m, unsigned targets)
{
  FOR_EACH_SLOT (slot, targets)
    dirty_log_set_region_sync (m->log, slot, 0, m->nr_regions, false);
  resync_spoil_locked (m, 0, m->nr_regions);
  m->failures++;
  worker_wake_locked (m);
  resync_wake_locked (m);
}

void
member_on_distrust (struct leg *leg)
{
  const struct member *member = leg->opaque;
  struct mirror *m = member->mirror;
  unsigned targets;
  CLEANUP_LOCK (&m->lock);

  if (!m->log)
    return;
  extent_map_forget (&m->resync.extents, member->slot);
  targets = misled_by (m, member->slot);
  if (targets)
    begin_again_locked (m, targets);
}
