/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is the source when the log is lost.  The newest record can't say what
 * became of a leg that is not here: if that was in-sync, it may have gone on
 * without the others, whose records do not know it then.  So a start is
 * refused as long as one such leg is not seen, by its own record.
 */

#include "config.h"

#include <inttypes.h>

#include "lost-source.h"
#include "plan-newest.h"
#include "plan-older.h"
#include "plan-records.h"
#include "plan-source.h"
#include "plan-verdict.h"
#include "probe.h"
#include "record-order.h"

/* --- two lines --- */

static int
refuse_two_lines (struct lost *l)
{
  const struct leg_record *first = NULL;
  const char *one = "", *other = "";
  unsigned legs = 0;

  for (unsigned i = 0; i < l->in.nr_legs; ++i) {
    const struct leg_record *r = plan_leg_record (&l->in, i);

    legs |= r ? 1u << i : 0;
    if (r && !first) {
      first = r;
      one = l->in.leg[i].name;
    }
    else if (r && !(record_knows (r, first) || record_knows (first, r)))
      other = l->in.leg[i].name;
  }
  plan_refuse (l->plan,
               "leg %s and leg %s have both gone on without the other, and "
               "nobody can say which is right",
               one, other);
  return plan_offer_legs (&l->in, l->plan, legs);
}

/* source=N@G says which line goes on. */
int
lost_choose_line (struct lost *l)
{
  int leg = l->in.config->source_leg;

  if (l->plan->newest >= 0)
    lost_take_newest (l, (unsigned) l->plan->newest);
  else if (plan_override_applies (&l->in, l->plan) &&
           plan_leg_record (&l->in, (unsigned) leg))
    lost_take_newest (l, (unsigned) leg);
  else
    return refuse_two_lines (l);
  return 0;
}

/* --- who may be the source --- */

static void
begin_refusal (struct lost *l)
{
  if (l->asked->log->found == LOG_FOUND_NEW)
    plan_refuse (l->plan, "log %s: is new", lost_log_name (l));
  else if (plan_nobody_in_sync (l->asked))
    plan_refuse (l->plan, "log %s: calls no leg in-sync", lost_log_name (l));
  else
    plan_refuse (l->plan, "log %s: is older than the legs' records",
                 lost_log_name (l));
}

static void
refuse_unseen (struct lost *l, unsigned slot)
{
  const struct plan_slot *ps = &l->plan->slot[slot];

  begin_refusal (l);
  plan_refuse (l->plan,
               ", and leg %s, in-sync by the newest record (of leg %s, "
               "generation %" PRIu64 "), %s: it may have gone on without the "
               "others",
               ps->here ? l->in.leg[ps->leg].name : l->record.leg[slot].name,
               l->in.leg[l->plan->newest].name, l->newest->generation,
               ps->here ? "has no record of its own" : "is not here");
}

static int
refuse_sync_none (struct lost *l, unsigned leg)
{
  plan_refuse (l->plan,
               "sync=none: leg %s is not in-sync by the newest record (of "
               "leg %s, generation %" PRIu64 ")",
               l->in.leg[leg].name, l->in.leg[l->plan->newest].name,
               l->newest->generation);
  return plan_offer_override (&l->in, l->plan);
}

static void
check_sync_none (struct lost *l)
{
  for (unsigned i = 0; i < l->in.nr_legs && !l->plan->refuse; ++i) {
    bool vouched = l->in.leg[i].leg == NULL;

    for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
      vouched |= l->plan->slot[s].configured &&
                 l->plan->slot[s].leg == (int) i && lost_in_sync (l, s) &&
                 (lost_seen (l, s) || lost_may_vouch (l, s));
    if (!vouched)
      refuse_sync_none (l, i);
  }
}

/* It was in-sync to the end and was not set aside. */
static bool
may_be_source (const struct lost *l, unsigned slot)
{
  return lost_in_sync (l, slot) && lost_seen (l, slot) &&
         l->plan->slot[slot].miss != MISS_ALL;
}

/* Its record is the newest, or nobody ended cleanly, so that a crash explains
 * why it is not.
 */
static bool
is_up_to_date (const struct lost *l, unsigned slot)
{
  unsigned leg = (unsigned) l->plan->slot[slot].leg;

  return may_be_source (l, slot) &&
         (!(l->newest->flags & RECORD_CLEAN) ||
          l->in.leg[leg].record.sequence == l->newest->sequence);
}

/* ... or the user says that it counts, or that there is no log to say so. */
static bool
may_be_forced (const struct lost *l, unsigned slot)
{
  return is_up_to_date (l, slot) ||
         (lost_may_vouch (l, slot) && l->plan->slot[slot].miss != MISS_ALL);
}

static bool
is_fit (const struct lost *l, unsigned slot)
{
  return l->in.config->sync == SYNC_FORCE || lost_is_core (l)
           ? may_be_forced (l, slot)
           : is_up_to_date (l, slot);
}

/* The slot of the lowest leg that is fit, or -1. */
static int
lowest_leg (const struct lost *l,
            bool (*fit) (const struct lost *l, unsigned slot))
{
  int found = -1;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (fit (l, s) &&
        (found == -1 || l->plan->slot[s].leg < l->plan->slot[found].leg))
      found = (int) s;
  return found;
}

static bool
is_here (const struct lost *l, unsigned slot)
{
  return l->plan->slot[slot].here;
}

/* The slot that should be the source, if it may; -1. */
static int
preferred (const struct lost *l)
{
  if (l->in.config->sync == SYNC_FORCE)
    return lowest_leg (l, is_fit);
  if (lost_is_core (l))
    return lowest_leg (l, is_here);
  return -1;
}

static bool
choose (struct lost *l)
{
  int slot = preferred (l);

  if (slot == -1 || !is_fit (l, (unsigned) slot))
    slot = l->newest->primary;
  if (!is_fit (l, (unsigned) slot))
    slot = lowest_leg (l, is_fit);
  if (slot == -1)
    slot = lowest_leg (l, may_be_source);
  if (slot != -1)
    l->plan->source = (unsigned) slot;
  return slot != -1;
}

bool
lost_copies_all (const struct lost *l)
{
  if (l->plan->history_left > 0 || l->in.config->sync == SYNC_FORCE)
    return true;
  if (l->in.config->sync == SYNC_NONE)
    return false;
  return lost_is_core (l) || !lost_ended_cleanly (l) || l->plan->grow;
}

/* A source that was wiped must not win over what the others hold. */
static int
examine_blank (struct lost *l)
{
  unsigned source = (unsigned) l->plan->slot[l->plan->source].leg;
  int empty = l->in.empty (&l->in, source, l->plan->geo.size);

  for (unsigned s = 0; s < LOG_MAX_LEGS && empty == PROBE_YES; ++s) {
    int other;

    if (s == l->plan->source || !lost_in_sync (l, s))
      continue;
    other =
      l->in.empty (&l->in, (unsigned) l->plan->slot[s].leg, l->plan->geo.size);
    if (other == PROBE_NO) {
      plan_refuse (l->plan,
                   "leg %s: is empty, but leg %s, in-sync by the same "
                   "record, holds data",
                   l->in.leg[source].name,
                   l->in.leg[l->plan->slot[s].leg].name);
      return plan_offer_override (&l->in, l->plan);
    }
    if (other == -1)
      return -1;
  }
  return empty == -1 ? -1 : 0;
}

static int
refuse_no_source (struct lost *l)
{
  begin_refusal (l);
  plan_refuse (l->plan, ", and no leg that was in-sync can be the source");
  return plan_offer_override (&l->in, l->plan);
}

/* What the user must know, and can say with sync=. */
static int
ask_user (struct lost *l, unsigned slot)
{
  int forced = lowest_leg (l, may_be_forced);

  refuse_unseen (l, slot);
  plan_refuse (l->plan, "; give sync=none if you know that the legs are "
                        "equal");
  if (forced != -1)
    plan_refuse (l->plan,
                 ", or sync=force to overwrite the others with leg %s",
                 l->in.leg[l->plan->slot[forced].leg].name);
  return plan_offer_override (&l->in, l->plan);
}

/* A leg that can't have a record is only asked after when nothing else is in
 * the way.
 */
static int
check_unseen (struct lost *l)
{
  int ask = -1;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    if (!lost_in_sync (l, s) || lost_seen (l, s))
      continue;
    if (!lost_may_vouch (l, s)) {
      refuse_unseen (l, s);
      return plan_offer_override (&l->in, l->plan);
    }
    if (!lost_needs_no_word (l, s))
      ask = (int) s;
  }
  if (ask != -1 && l->in.config->sync == SYNC_DEFAULT)
    return ask_user (l, (unsigned) ask);
  return 0;
}

static int
look_for_source (struct lost *l)
{
  check_unseen (l);
  if (l->plan->refuse)
    return 0;
  if (plan_refuse_rolled_back (&l->in, l->plan) == -1)
    return -1;
  if (l->plan->refuse)
    return plan_offer_override (&l->in, l->plan);
  if (l->in.config->sync == SYNC_NONE)
    check_sync_none (l);
  if (l->plan->refuse)
    return 0;
  if (!choose (l))
    return refuse_no_source (l);
  if (l->in.config->sync == SYNC_NONE)
    return 0;
  return lost_copies_all (l) ? examine_blank (l)
                             : plan_examine_source (&l->in, l->plan);
}

int
lost_decide_source (struct lost *l)
{
  struct plan *plan = l->plan;

  if (!l->two_lines) {
    if (look_for_source (l) == -1)
      return -1;
    if (!plan->refuse)
      plan_override_not_needed (&l->in, plan);
    if (!plan->refuse || !plan_override_applies (&l->in, plan))
      return 0;
  }
  plan_forgive (plan);
  plan_take_override (&l->in, plan);
  if (!plan->refuse && plan->slot[plan->source].fresh)
    plan_refuse (plan, "source=%d@%" PRIu64 ": leg %s is empty",
                 l->in.config->source_leg, l->in.config->source_generation,
                 l->in.leg[l->in.config->source_leg].name);
  return 0;
}
