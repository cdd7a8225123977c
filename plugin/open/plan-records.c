/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg's record is not believed for or against the log where that knows
 * more: it says which mirror the leg is of and whether the leg has gone back
 * in time, and it decides only where the log is lost, or an older copy.  After
 * the kernel used the log, records count for nothing and are written anew.
 */

#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "plan-nested.h"
#include "plan-newest.h"
#include "plan-older.h"
#include "plan-records.h"
#include "plan-verdict.h"
#include "record-order.h"

/* --- legs that can't be of this mirror --- */

static void
check_verdict (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  const struct plan_leg *pl = &in->leg[leg];

  if (!pl->leg || plan_record_is_data (in, leg))
    return;
  if (pl->record_verdict == RECORD_FOREIGN)
    plan_refuse (plan,
                 "leg %s: its record is of another version of this plugin, "
                 "so the leg is not used and not written",
                 pl->name);
  else if (pl->record_verdict == RECORD_BAD)
    plan_note (plan, "leg %s: its record is damaged, it counts as none\n",
               pl->name);
}

/* What is written over on the way there a crash would lose. */
static void
check_grown (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  const struct plan_leg *pl = &in->leg[leg];

  if (!pl->grown)
    return;
  if (!pl->can_move && in->config->leg_records != RECORDS_OFF)
    plan_refuse (plan,
                 "leg %s: has grown from %" PRIu64 " to %" PRIu64
                 " bytes, and its record can't move to its new end: that is "
                 "less than %u bytes further, or holds data; cut the leg back "
                 "to its old size, or make it larger",
                 pl->name, pl->record.leg_size, pl->leg->size, RECORD_AREA);
  else
    plan_note (plan,
               "leg %s: has grown from %" PRIu64 " to %" PRIu64
               " bytes, its record moves to its new end\n",
               pl->name, pl->record.leg_size, pl->leg->size);
}

/* C: both would count as one leg. */
static void
check_same_leg (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  const struct leg_record *r = plan_leg_record (in, leg);

  for (unsigned i = 0; i < leg && r && !plan->refuse; ++i) {
    const struct leg_record *other = plan_leg_record (in, i);

    if (other && record_same_id (other->leg, r->leg))
      plan_refuse (plan,
                   "leg %s and leg %s carry the same record: they are one "
                   "disk under two names, or one is a copy of the other",
                   in->leg[i].name, in->leg[leg].name);
    if (plan->refuse)
      plan_offer_nested (in, plan, leg);
  }
}

static void
say_way_out (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  const struct leg *pl = in->leg[leg].leg;

  if (pl->kind == LEG_FILE)
    plan_refuse (plan,
                 "; if leg %s shall leave its mirror, remove %s.mirrorleg",
                 pl->name, pl->name);
  else
    plan_refuse (plan, "; if leg %s shall leave its mirror, make it empty",
                 pl->name);
  plan_offer_nested (in, plan, leg);
}

static void
other_mirror (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  plan_refuse (plan,
               "leg %s: is a leg of another mirror than the log %s (its log "
               "was %s): check the names",
               in->leg[leg].name, in->log->name, in->leg[leg].record.log_name);
  say_way_out (in, plan, leg);
}

static void
check_mirror (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs && !plan->refuse; ++i) {
    const struct leg_record *r = plan_leg_record (in, i);

    if (r && !record_same_id (r->mirror, in->log->uuid))
      other_mirror (in, plan, i);
  }
}

/* Without a log there is no right one. */
static void
two_mirrors (const struct plan_input *in, struct plan *plan, unsigned a,
             unsigned b)
{
  plan_refuse (plan,
               "leg %s and leg %s are of different mirrors: the log of one "
               "was %s, of the other %s: check the names",
               in->leg[a].name, in->leg[b].name, in->leg[a].record.log_name,
               in->leg[b].record.log_name);
  say_way_out (in, plan, a);
  say_way_out (in, plan, b);
}

/* The mirror of the first leg that has a record; NULL if there is none, or
 * they are of several, which *a and *b then show.
 */
static const uint8_t *
common_mirror (const struct plan_input *in, unsigned *a, unsigned *b)
{
  const struct leg_record *first = NULL;

  *a = *b = 0;
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_record *r = plan_leg_record (in, i);

    if (r && first && !record_same_id (r->mirror, first->mirror)) {
      *b = i;
      return NULL;
    }
    if (r && !first) {
      first = r;
      *a = i;
    }
  }
  return first ? first->mirror : NULL;
}

static void
check_common_mirror (const struct plan_input *in, struct plan *plan)
{
  unsigned a, b;
  const uint8_t *mirror = common_mirror (in, &a, &b);

  if (mirror)
    plan->newest = plan_find_newest (in, mirror);
  else if (a != b && in->log->found == LOG_FOUND_NEW)
    two_mirrors (in, plan, a, b);
}

void
plan_check_records (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs && !plan->refuse; ++i) {
    check_verdict (in, plan, i);
    if (!plan->refuse)
      check_grown (in, plan, i);
    if (!plan->refuse)
      check_same_leg (in, plan, i);
  }
  if (plan->refuse)
    return;
  switch (in->log->found) {
  case LOG_FOUND_NEW:
  case LOG_FOUND_DAMAGED:
    check_common_mirror (in, plan);
    if (!plan->refuse)
      plan_check_nested (in, plan);
    break;
  case LOG_FOUND_OURS:
    check_mirror (in, plan);
    plan->newest = plan_find_newest (in, in->log->uuid);
    break;
  case LOG_FOUND_KERNEL_SINCE:
    plan->newest = plan_find_newest (in, in->log->uuid);
    break;
  case LOG_FOUND_KERNEL:
    break;
  }
}

/* --- is the log the newest? --- */

/* A small log, which has no area of its own, does not keep flush numbers. */
static bool
is_later (const struct plan_input *in, const struct leg_beat *beat)
{
  if (beat->generation != in->record->generation)
    return beat->generation > in->record->generation;
  return in->log_flush_number > 0 && beat->flush_number > in->log_flush_number;
}

int
plan_later_beat (const struct plan_input *in)
{
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_beat *beat = &in->leg[i].beat;

    if (in->leg[i].leg && in->leg[i].has_beat &&
        !plan_record_is_data (in, i) &&
        record_same_id (beat->mirror, in->log->uuid) && is_later (in, beat))
      return (int) i;
  }
  return -1;
}

/* Before a log is clean, all who are in-sync by it have that in their records; but
 * not those who became in-sync while the mirror kept none.
 */
bool
plan_started_since (const struct plan_input *in,
                    const struct leg_record *newest)
{
  return !in->log->unclean && !(newest->flags & RECORD_CLEAN) &&
         newest->generation == in->record->generation &&
         (newest->in_sync >> newest->slot & 1) &&
         in->record->leg[newest->slot].state == LOG_LEG_IN_SYNC;
}

bool
plan_nobody_in_sync (const struct plan_input *in)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (in->record->leg[s].state == LOG_LEG_IN_SYNC)
      return false;
  return true;
}

bool
plan_log_is_lost (const struct plan_input *in, const struct plan *plan)
{
  const struct leg_record *newest = plan_newest_record (in, plan);

  if (plan->newest == PLAN_TWO_LINES || !newest)
    return plan->newest == PLAN_TWO_LINES &&
           (in->log->found == LOG_FOUND_NEW ||
            in->log->found == LOG_FOUND_OURS);
  if (in->log->found == LOG_FOUND_OURS)
    return newest->generation > in->record->generation ||
           plan_later_beat (in) != -1 || plan_started_since (in, newest) ||
           plan_is_elsewhere (in, (unsigned) plan->newest) ||
           plan_nobody_in_sync (in);
  return in->log->found == LOG_FOUND_NEW;
}

/* --- what goes on --- */

void
plan_go_on_from_records (const struct plan_input *in, struct plan *plan)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  bool mirror_goes_on = !plan->create || !record_no_id (plan->mirror);

  if (!newest || !mirror_goes_on)
    return;
  memcpy (plan->history, newest->history, RECORD_ID_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    struct plan_slot *ps = &plan->slot[s];

    if (ps->configured && !ps->fresh &&
        (!ps->here ||
         plan_record_says (in, plan, (unsigned) ps->leg, s) == SAYS_YES)) {
      memcpy (ps->record_id, newest->legs[s], RECORD_ID_SIZE);
      plan_had (in, plan, s, &ps->had);
    }
  }
}
