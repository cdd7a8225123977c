/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>

#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "order-grow.h"
#include "probe.h"
#include "range.h"
#include "regions.h"
#include "rejoin-check.h"

bool
rejoin_fits (const struct member *member)
{
  const struct mirror_limits *limits = &member->mirror->limits;
  uint64_t least = grow_least_size (member->mirror);
  struct leg *leg = member->leg;

  if (leg->size < least) {
    leg_report (leg, "has %" PRIu64 " bytes now, but the mirror has %" PRIu64,
                leg->size, least);
    return false;
  }
  if (leg->min_block > limits->min_block) {
    leg_report (leg,
                "has blocks of %" PRIu32
                " bytes now, but clients were promised %" PRIu32
                ": a start with minimum-block=%" PRIu32 " accepts it",
                leg->min_block, limits->min_block, leg->min_block);
    return false;
  }
  return true;
}

struct live_guard {
  struct probe_guard guard;
  struct member *member;
  struct range range;
  unsigned source; /* mask; in use, but not while a range is waited for */
};

/* No writer holds the range.  What was written there since the leg is out is
 * in a region that is marked, or that it misses (S3).
 */
static bool
must_agree (const struct member *member, uint64_t offset, uint64_t count)
{
  const struct mirror *m = member->mirror;
  uint64_t first, nr;

  regions_of (offset, count, m->region_shift, &first, &nr);
  for (uint64_t region = first; region < first + nr; ++region)
    if (!dirty_log_is_clean (m->log, region))
      return false;
  return dirty_log_in_sync (m->log, member->slot, first, nr);
}

static bool
live_enter (struct probe_guard *guard, uint64_t offset, uint64_t count)
{
  struct live_guard *live = (struct live_guard *) guard;
  struct mirror *m = live->member->mirror;
  CLEANUP_LOCK (&m->lock);

  if (m->stopping)
    return false;
  members_unuse_locked (m, live->source);
  live->source &= ~m->hold.legs;
  range_lock (&m->ranges, &live->range, offset, count, true, &m->lock);
  live->source &= m->in_sync & ~m->hold.legs; /* it may have left meanwhile */
  members_use_locked (m, live->source);
  if (live->source && !m->stopping && must_agree (live->member, offset, count))
    return true;
  range_unlock (&m->ranges, &live->range);
  return false;
}

static void
live_leave (struct probe_guard *guard)
{
  struct live_guard *live = (struct live_guard *) guard;
  struct mirror *m = live->member->mirror;
  CLEANUP_LOCK (&m->lock);

  range_unlock (&m->ranges, &live->range);
}

/* The primary is the source, if it is not away (hold.h). */
static bool
take_primary (struct live_guard *live, unsigned *source)
{
  struct mirror *m = live->member->mirror;
  CLEANUP_LOCK (&m->lock);

  *source = m->primary;
  live->source = SLOT_BIT (*source) & ~m->hold.legs;
  members_use_locked (m, live->source);
  return live->source != 0;
}

static void
leave_primary (struct live_guard *live)
{
  struct mirror *m = live->member->mirror;
  CLEANUP_LOCK (&m->lock);

  members_unuse_locked (m, live->source);
}

/* enum probe_answer, or -1.  *source: slot of the leg it is compared with. */
static int
compare_live (struct member *member, unsigned *source)
{
  struct mirror *m = member->mirror;
  struct live_guard live = {.guard = {live_enter, live_leave},
                            .member = member};
  struct probe_regions recent;
  int answer = -1;

  probe_recent (m->log, UINT32_C (1) << m->region_shift, &recent);
  if (take_primary (&live, source))
    answer = probe_same (m->member[*source].leg, member->leg, m->limits.size,
                         &recent, &live.guard);
  leave_primary (&live);
  if (live.source)
    return answer;
  leg_report (member->leg, "can't be compared: leg %s is away",
              m->member[*source].name);
  return -1;
}

static bool
is_known (const struct member *member)
{
  struct log_leg rec;

  dirty_log_get_leg (member->mirror->log, member->slot, &rec);
  return leg_has_id (member->leg, rec.kind, rec.id);
}

/* The comparison did not show that it is the leg: what it holds, and its
 * identity or record, decide.  A disk may have been replaced under the same name;
 * an older state of the leg may differ anywhere.
 */
static bool
may_be_used (struct member *member, int answer, const char *source,
             bool *blank)
{
  int empty = probe_empty (member->leg, member->mirror->limits.size);

  if (empty == -1)
    return false;
  *blank = empty == PROBE_YES;
  if (*blank || (member->by_record && member->is_older) ||
      (answer == PROBE_NO_EVIDENCE &&
       (is_known (member) || member->by_record)))
    return true;
  leg_report (member->leg,
              "is not the leg that the log knows, its content differs from "
              "leg %s: it is not used",
              source);
  return false;
}

bool
rejoin_is_the_leg (struct member *member, bool *blank)
{
  struct mirror *m = member->mirror;
  unsigned source;
  int answer = compare_live (member, &source);

  *blank = false;
  if (answer == -1)
    return false;
  return answer == PROBE_YES ||
         may_be_used (member, answer, m->member[source].name, blank);
}
