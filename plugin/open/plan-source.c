/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is the source, by a log of ours: the recorded primary if it is in-sync
 * and here, else the first leg that is.  Before that, legs are set aside
 * that were wiped or replaced; after it, the choice is looked at once more,
 * for a leg that is another object now, or that another in-sync leg
 * contradicts, must not win by itself.
 *
 * source=N@G decides where that fails.  It counts once: whatever comes of
 * it, the log goes past G with the start at which it was given, so it can
 * stay in a unit file.
 */

#include "config.h"

#include <inttypes.h>

#include "plan-content.h"
#include "plan-match.h"
#include "plan-newest.h"
#include "plan-older.h"
#include "plan-source.h"
#include "plan-verdict.h"
#include "probe.h"

/* --- source=N@G --- */

bool
plan_override_applies (const struct plan_input *in, struct plan *plan)
{
  const struct mirror_config *config = in->config;

  if (config->source_leg < 0)
    return false;
  if (in->record->generation != config->source_generation) {
    plan_note (plan,
               "source=%d@%" PRIu64 ": ignored, %s at generation %" PRIu64
               "\n",
               config->source_leg, config->source_generation,
               in->log->found == LOG_FOUND_NEW ? "the legs' records are"
                                               : "the log is",
               in->record->generation);
    return false;
  }
  return true;
}

void
plan_override_expires (const struct plan_input *in, struct plan *plan)
{
  const struct mirror_config *config = in->config;

  if (config->source_leg >= 0 &&
      config->source_generation >= in->record->generation &&
      config->source_generation >= plan->generation)
    plan->generation = config->source_generation + 1;
}

/* No leg has a record: all were renamed, or the log is another mirror's. */
static bool
none_assigned (const struct plan_input *in, const struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (plan_assigned (plan, i))
      return false;
  return true;
}

/* A stale leg is offered only where no in-sync one is here, or where the
 * kernel may have made it the better one.
 */
static bool
may_be_offered (const struct plan_input *in, const struct plan *plan,
                unsigned leg)
{
  bool stale = true, in_sync_here = false;

  if (in->log->found == LOG_FOUND_DAMAGED || none_assigned (in, plan))
    return true;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    bool in_sync = in->record->leg[s].state == LOG_LEG_IN_SYNC;

    if (plan->slot[s].leg == (int) leg && plan->slot[s].fresh)
      return false;
    in_sync_here |= in_sync && plan->slot[s].here;
    if (plan->slot[s].leg == (int) leg && in_sync)
      stale = false;
  }
  return plan_assigned (plan, leg) &&
         (!stale || !in_sync_here || in->log->found == LOG_FOUND_KERNEL_SINCE);
}

int
plan_offer_legs (const struct plan_input *in, struct plan *plan, unsigned legs)
{
  const char *intro = "; to go on with what a leg holds now:";

  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (legs >> i & 1) {
      plan_refuse_words (plan, "%s source=%u@%" PRIu64 " (leg %.60s)", intro,
                         i, in->record->generation, in->leg[i].name);
      intro = "";
    }
  return 0;
}

int
plan_offer_override (const struct plan_input *in, struct plan *plan)
{
  unsigned legs = 0;

  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg && may_be_offered (in, plan, i))
      legs |= 1u << i;
  return plan_offer_legs (in, plan, legs);
}

int
plan_override_leg_here (const struct plan_input *in, struct plan *plan)
{
  unsigned leg = (unsigned) in->config->source_leg;

  if (in->leg[leg].leg)
    return 0;
  return plan_refuse (plan, "source=%u@%" PRIu64 ": leg %s is not here", leg,
                      in->config->source_generation, in->leg[leg].name);
}

/* The record of a leg that the user vouches for, where no leg has one: any
 * that was in-sync.  All others are copied in full then.
 */
static bool
adopt (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  if (!none_assigned (in, plan))
    return false;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (in->record->leg[s].state == LOG_LEG_IN_SYNC) {
      plan_assign (in, plan, leg, s);
      plan->others_miss = MISS_ALL;
      plan->source = s;
      return true;
    }
  return false;
}

static bool
source_is_leg (struct plan *plan, unsigned leg)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && plan->slot[s].leg == (int) leg) {
      plan->source = s;
      return true;
    }
  return false;
}

int
plan_take_override (const struct plan_input *in, struct plan *plan)
{
  unsigned leg = (unsigned) in->config->source_leg;

  plan_override_leg_here (in, plan);
  if (plan->refuse)
    return 0;
  plan->diverged = true;
  if (plan_newest_record (in, plan))
    plan->history_left = in->record->generation;
  if (!source_is_leg (plan, leg) && !adopt (in, plan, leg))
    return plan_refuse (plan,
                        "source=%u@%" PRIu64 ": leg %s is not in the log %s",
                        leg, in->config->source_generation, in->leg[leg].name,
                        in->log->name);
  if (plan->slot[plan->source].miss == MISS_ALL) /* it was set aside */
    plan->others_miss = MISS_ALL;
  return 0;
}

/* --- legs that must not be the source --- */

bool
plan_may_be_source (const struct plan_input *in, const struct plan *plan,
                    unsigned slot)
{
  return in->record->leg[slot].state == LOG_LEG_IN_SYNC &&
         plan->slot[slot].here && plan->slot[slot].miss != MISS_ALL;
}

/* Another in-sync leg that is the one the log knows and holds something
 * else: its slot, LOG_MAX_LEGS if there is none, or -1.
 */
static int
contradicted (const struct plan_input *in, const struct plan *plan,
              unsigned slot)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    int answer;

    if (s == slot || !plan_may_be_source (in, plan, s) ||
        !plan_is_known (in, plan, s))
      continue;
    answer = plan_compare (in, plan, slot, s);
    if (answer == -1 || answer == PROBE_NO)
      return answer == -1 ? -1 : (int) s;
  }
  return LOG_MAX_LEGS;
}

static int
set_aside (const struct plan_input *in, struct plan *plan, unsigned slot,
           unsigned other)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;
  int empty = in->empty (in, leg, plan->geo.size);

  if (empty == -1)
    return -1;
  if (empty == PROBE_YES)
    return plan_leg_is_empty (in, plan, slot);
  if (!plan_is_known (in, plan, slot))
    return plan_not_the_leg (in, plan, slot, other);
  return 0;
}

int
plan_set_aside_wrong_legs (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !plan->refuse; ++s) {
    int other;

    if (!plan_may_be_source (in, plan, s))
      continue;
    other = contradicted (in, plan, s);
    if (other == -1)
      return -1;
    if (other != LOG_MAX_LEGS &&
        set_aside (in, plan, s, (unsigned) other) == -1)
      return -1;
  }
  return 0;
}

/* --- the choice --- */

static bool
choose (const struct plan_input *in, struct plan *plan)
{
  unsigned primary = in->record->primary;

  for (unsigned n = 0; n <= LOG_MAX_LEGS; ++n) {
    unsigned s = n == 0 ? primary : n - 1;

    if (s < LOG_MAX_LEGS && plan_may_be_source (in, plan, s)) {
      plan->source = s;
      return true;
    }
  }
  return false;
}

static int
no_source (const struct plan_input *in, struct plan *plan)
{
  unsigned nr = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    if (in->record->leg[s].state != LOG_LEG_IN_SYNC)
      continue;
    if (nr++ == 0)
      plan_refuse (plan,
                   "no leg that is in-sync by the log %s is here; it needs "
                   "one of:",
                   in->log->name);
    plan_refuse (plan, " %s", in->record->leg[s].name);
  }
  if (nr == 0)
    plan_refuse (plan,
                 "the log %s calls no leg in-sync: a start with source= was "
                 "cut off, or something else has written to it",
                 in->log->name);
  return plan_offer_override (in, plan);
}

static int
unknown_source (const struct plan_input *in, struct plan *plan)
{
  plan_refuse (plan,
               "leg %s: is another object than the one that the log %s knows, "
               "and no leg here holds the same: check the name",
               in->leg[plan->slot[plan->source].leg].name, in->log->name);
  return plan_offer_override (in, plan);
}

/* A leg that the log knows says something else than the source. */
static int
hear_contradiction (const struct plan_input *in, struct plan *plan,
                    unsigned slot)
{
  int empty = in->empty (in, (unsigned) plan->slot[slot].leg, plan->geo.size);

  if (empty == -1)
    return -1;
  if (empty == PROBE_YES)
    return plan_leg_is_empty (in, plan, slot);
  plan_legs_differ (in, plan, slot);
  return plan_offer_override (in, plan);
}

int
plan_examine_source (const struct plan_input *in, struct plan *plan)
{
  bool known = plan_is_known (in, plan, plan->source);

  for (unsigned s = 0; s < LOG_MAX_LEGS && !plan->refuse; ++s) {
    int answer;

    if (!plan_to_compare (plan, s))
      continue;
    answer = plan_compare (in, plan, s, plan->source);
    if (answer == -1)
      return -1;
    known |= answer == PROBE_YES;
    if (answer == PROBE_NO && plan_is_known (in, plan, s) &&
        hear_contradiction (in, plan, s) == -1)
      return -1;
  }
  return known || plan->refuse ? 0 : unknown_source (in, plan);
}

void
plan_override_not_needed (const struct plan_input *in, struct plan *plan)
{
  if (in->config->source_leg >= 0)
    plan_note (plan, "source=%d@%" PRIu64 ": not needed, ignored\n",
               in->config->source_leg, in->config->source_generation);
}

/* The source, or a refusal. */
static int
look_for_source (const struct plan_input *in, struct plan *plan)
{
  if (plan_refuse_rolled_back (in, plan) == -1)
    return -1;
  if (plan->refuse)
    return plan_offer_override (in, plan);
  if (!choose (in, plan))
    return no_source (in, plan);
  return plan_examine_source (in, plan);
}

int
plan_choose_source (const struct plan_input *in, struct plan *plan)
{
  if (look_for_source (in, plan) == -1)
    return -1;
  if (!plan->refuse)
    plan_override_not_needed (in, plan);
  else if (plan_override_applies (in, plan)) {
    plan_forgive (plan);
    plan_take_override (in, plan);
  }
  return 0;
}
