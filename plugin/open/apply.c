/* SPDX-License-Identifier: BSD-3-Clause */

/* The order for a log of ours after an unclean end (rule S22):
 *
 *   1. every marked region goes into the missed map of every configured leg
 *      but the source; in-sync legs that are absent become stale; one flush;
 *   2. the source is flushed: what it holds in the marked regions, and from
 *      now on is the truth, must not go away with its cache;
 *   3. only then are the marks cleared, for the missed maps explain the
 *      regions now; but not yet if a write may still land on the source (S21,
 *      quarantine.c).
 */

#include "config.h"


#include "apply.h"
#include "deadline.h"
#include "log-life.h"
#include "msg.h"
#include "probe.h"
#include "record-order.h"

struct apply {
  const struct plan_input *in;
  const struct plan *plan;
  struct dirty_log *log;
};

static bool
is_other (const struct apply *a, unsigned slot)
{
  return a->plan->slot[slot].configured && slot != a->plan->source;
}

static struct leg *
leg_of (const struct apply *a, unsigned slot)
{
  int leg = a->plan->slot[slot].leg;

  return leg >= 0 ? a->in->leg[leg].leg : NULL;
}

static const struct log_geometry *
geometry (const struct apply *a)
{
  return &dirty_log_info (a->log)->geo;
}

/* The slot's leg misses every region of the set. */
static void
miss_set (const struct apply *a, unsigned slot, const struct bitset *set)
{
  uint64_t end;

  for (uint64_t first = bitset_next_set (set, 0); first < set->nr;
       first = bitset_next_set (set, end)) {
    end = bitset_next_clear (set, first);
    dirty_log_set_region_sync (a->log, slot, first, end - first, false);
  }
}

/* ... of a map of the log. */
static void
miss_map (const struct apply *a, unsigned slot, unsigned map)
{
  uint64_t first, nr, next = 0;

  while (dirty_log_next_run (a->log, map, next, &first, &nr)) {
    dirty_log_set_region_sync (a->log, slot, first, nr, false);
    next = first + nr;
  }
}

static void
miss_from (const struct apply *a, unsigned slot, uint64_t first)
{
  dirty_log_set_region_sync (a->log, slot, first,
                             geometry (a)->nr_regions - first, false);
}

static void
miss_none (const struct apply *a, unsigned slot)
{
  dirty_log_set_region_sync (a->log, slot, 0, geometry (a)->nr_regions, true);
}

/* Identity and name as they are now; of a leg that nobody named, as they were
 * recorded.
 */
static void
record_leg (const struct apply *a, unsigned slot)
{
  static const uint8_t no_id[LOG_ID_SIZE];
  const struct plan_slot *ps = &a->plan->slot[slot];
  int number = ps->leg;
  struct leg *leg = leg_of (a, slot);
  const char *name = ps->name && !ps->fresh ? ps->name : "";

  if (number >= 0 && !a->in->leg[number].missing)
    name = a->in->leg[number].name;
  if (leg)
    dirty_log_set_leg (a->log, slot, (uint32_t) leg->kind, leg->id, leg->size,
                       name);
  else
    dirty_log_set_leg (a->log, slot, LEG_MISSING, no_id, 0, name);
}

static unsigned
region_shift (const struct apply *a)
{
  return (unsigned) __builtin_ctz (geometry (a)->region_size);
}

/* The leg is known to be empty: it misses just what the source has.  Where
 * block status of either says data, it is copied.
 */
static int
miss_data (const struct apply *a, unsigned slot)
{
  const struct log_geometry *geo = geometry (a);
  struct bitset data;
  int r = bitset_init (&data, geo->nr_regions);

  if (r == -1) {
    msg_error ("leg %s: %m", leg_of (a, slot)->name);
    return -1;
  }
  if (probe_data (leg_of (a, a->plan->source), geo->size, region_shift (a),
                  &data) == -1 ||
      probe_data (leg_of (a, slot), geo->size, region_shift (a), &data) == -1)
    r = -1;
  else {
    miss_none (a, slot);
    miss_set (a, slot, &data);
  }
  bitset_free (&data);
  return r;
}

static void
in_sync_if_complete (const struct apply *a, unsigned slot)
{
  if (dirty_log_in_sync (a->log, slot, 0, geometry (a)->nr_regions))
    dirty_log_leg_in_sync (a->log, slot);
}

static int
new_slot (const struct apply *a, unsigned slot, const struct bitset *dirty)
{
  record_leg (a, slot); /* stale, misses everything */
  switch (a->plan->slot[slot].miss) {
  case MISS_ALL:
    break;
  case MISS_DATA:
    if (miss_data (a, slot) == -1)
      return -1;
    break;
  case MISS_NOTHING_MORE:
    miss_none (a, slot);
    break;
  case MISS_KERNEL_DIRTY:
    miss_none (a, slot);
    miss_set (a, slot, dirty);
    break;
  }
  in_sync_if_complete (a, slot);
  return 0;
}

static int
copy_marked (const struct apply *a, struct bitset *to)
{
  if (bitset_init (to, geometry (a)->nr_regions) == -1) {
    msg_error ("log: %m");
    return -1;
  }
  dirty_log_add_map (a->log, LOG_MAP_MARKED, to);
  return 0;
}

/* The log begins a new life, as the log of an old mirror if the legs say so. */
static int
create (const struct apply *a)
{
  const struct plan *plan = a->plan;

  if (record_no_id (plan->mirror))
    return dirty_log_create (a->log, &plan->geo, plan->generation);
  return dirty_log_create_as (a->log, &plan->geo, plan->generation,
                              plan->mirror);
}

static int
flush_source (const struct apply *a)
{
  struct leg *leg = leg_of (a, a->plan->source);

  if (leg_run (leg, LEG_FLUSH, 0, NULL, 0, 0) == 0)
    return 0;
  msg_error ("leg %s: flush: %m", leg->name);
  return -1;
}

/* After an unclean end the source is flushed as in S22: from now on it is the
 * truth.
 */
static int
apply_new (const struct apply *a)
{
  struct bitset dirty = {0};
  int r = copy_marked (a, &dirty);

  if (r == 0)
    r = create (a);
  for (unsigned s = 0; s < LOG_MAX_LEGS && r == 0; ++s)
    if (a->plan->slot[s].configured)
      r = new_slot (a, s, &dirty);
  bitset_free (&dirty);
  if (r == -1)
    return -1;
  dirty_log_set_primary (a->log, a->plan->source);
  dirty_log_set_min_block (a->log, a->plan->min_block);
  if (a->plan->unclean && flush_source (a) == -1)
    return -1;
  return dirty_log_commit (a->log, NO_DEADLINE);
}

/* New regions are missed by all but the source, and so is the last old one
 * if it was short.
 */
static int
apply_grow (const struct apply *a)
{
  unsigned others = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (is_other (a, s))
      others |= 1u << s;
  return dirty_log_grow (a->log, a->plan->geo.size, others);
}

/* source=N@G made the histories diverge: what the source lacked, the others
 * have and it has not.
 */
static void
diverge (const struct apply *a)
{
  unsigned source = a->plan->source;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (is_other (a, s) && !a->plan->slot[s].fresh) {
      miss_map (a, s, LOG_MAP_MISSED (source));
      dirty_log_leg_failed (a->log, s);
    }
  miss_none (a, source);
  dirty_log_leg_in_sync (a->log, source);
}

static void
other_slot (const struct apply *a, unsigned slot)
{
  const struct plan_slot *ps = &a->plan->slot[slot];

  if (ps->fresh) {
    dirty_log_remove_leg (a->log, slot);
    record_leg (a, slot);
    return;
  }
  if (ps->here)
    record_leg (a, slot);
  if (ps->miss == MISS_ALL)
    miss_from (a, slot, 0);
  else if (ps->miss == MISS_KERNEL_DIRTY)
    miss_map (a, slot, LOG_MAP_KERNEL_DIRTY);
  if (!a->plan->kernel_used)
    miss_map (a, slot, LOG_MAP_MARKED); /* S22 */
  if (!ps->here && dirty_log_leg_state (a->log, slot) == LOG_LEG_IN_SYNC)
    dirty_log_leg_failed (a->log, slot);
}

static void
clear_marks (const struct apply *a)
{
  uint64_t first, nr;

  while (dirty_log_next_run (a->log, LOG_MAP_MARKED, 0, &first, &nr))
    for (uint64_t r = first; r < first + nr; ++r)
      dirty_log_clear (a->log, r);
}

/* A crash before the quarantine is over must find the regions again, also if
 * there is no other leg to miss them.
 */
static bool
keeps_marks (const struct apply *a)
{
  return a->in->log->unclean && !a->plan->kernel_used &&
         leg_of (a, a->plan->source)->kind == LEG_NBD;
}

static int
apply_ours (const struct apply *a)
{
  if (a->plan->generation > a->in->record->generation)
    dirty_log_set_generation (a->log, a->plan->generation);
  if (a->plan->grow && apply_grow (a) == -1)
    return -1;
  if (a->plan->diverged)
    diverge (a);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (is_other (a, s))
      other_slot (a, s);
  record_leg (a, a->plan->source);
  dirty_log_set_primary (a->log, a->plan->source);
  dirty_log_set_min_block (a->log, a->plan->min_block);
  if (dirty_log_flush (a->log, NO_DEADLINE) == -1 || flush_source (a) == -1)
    return -1;
  if (!keeps_marks (a))
    clear_marks (a);
  return dirty_log_commit (a->log, NO_DEADLINE);
}

int
plan_apply (struct dirty_log *log, const struct plan_input *in,
            const struct plan *plan)
{
  struct apply a = {.in = in, .plan = plan, .log = log};

  return plan->create ? apply_new (&a) : apply_ours (&a);
}
