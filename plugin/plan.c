/* SPDX-License-Identifier: BSD-3-Clause */

/* Each kind of log found has its own function.  They share the rule that a
 * leg which turns out to hold something else is refused unless it is empty.
 */

#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan-impl.h"
#include "probe.h"

int
plan_refuse (struct plan *plan, const char *fmt, ...)
{
  size_t used = strlen (plan->reason);
  va_list args;

  va_start (args, fmt);
  vsnprintf (plan->reason + used, sizeof plan->reason - used, fmt, args);
  va_end (args);
  plan->refuse = true;
  return 0;
}

void
plan_note (struct plan *plan, const char *fmt, ...)
{
  size_t used = strlen (plan->notes);
  va_list args;

  va_start (args, fmt);
  vsnprintf (plan->notes + used, sizeof plan->notes - used, fmt, args);
  va_end (args);
}

/* --- logs without records: new, the kernel's, damaged --- */

/* Slot number = leg number. */
static void
slots_by_number (const struct plan_input *in, struct plan *plan,
                 enum plan_miss miss)
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    plan->slot[i] = (struct plan_slot){
      .configured = true,
      .leg = (int) i,
      .here = in->leg[i].leg != NULL,
      .fresh = true,
      .miss = in->leg[i].leg ? miss : MISS_ALL,
    };
}

static int
need_every_leg (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (!in->leg[i].leg && !in->leg[i].missing)
      return plan_refuse (
        plan,
        "leg %s: can't be opened, and there is no log yet that "
        "knows it; write \"missing\" for a leg to be added later",
        in->leg[i].name);
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg) {
      plan->source = i;
      return 0;
    }
  return plan_refuse (plan,
                      "no leg is here: at least one must not be \"missing\"");
}

static int
data_in_the_way (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  return plan_refuse (
    plan,
    "leg %s: holds data and there is no log that knows it; give "
    "sync=force to overwrite it with leg %s, or sync=none if you "
    "know that the legs are equal",
    in->leg[leg].name, in->leg[plan->source].name);
}

/* Who of the others is empty; what it misses. */
static int
new_other (const struct plan_input *in, struct plan *plan, unsigned leg,
           bool core, int source_empty)
{
  int empty = in->empty (in, leg, plan->geo.size);

  if (empty == -1)
    return -1;
  if (empty == PROBE_YES) {
    plan->slot[leg].miss = MISS_DATA;
    return 0;
  }
  plan->slot[leg].miss = MISS_ALL;
  if (in->config->sync == SYNC_FORCE || (core && source_empty != PROBE_YES))
    return 0;
  return data_in_the_way (in, plan, leg);
}

static int
plan_new (const struct plan_input *in, struct plan *plan)
{
  bool core = in->log->name[0] == 0;
  int source_empty = PROBE_NO;

  need_every_leg (in, plan);
  if (!plan->refuse)
    plan_geometry_new (in, plan);
  if (plan->refuse)
    return 0;
  plan->create = true;
  plan->generation = 1;
  slots_by_number (in, plan, MISS_NOTHING_MORE);
  if (in->config->sync == SYNC_NONE)
    return 0;
  if (core)
    source_empty = in->empty (in, plan->source, plan->geo.size);
  if (source_empty == -1)
    return -1;
  for (unsigned i = plan->source + 1; i < in->nr_legs && !plan->refuse; ++i)
    if (in->leg[i].leg && new_other (in, plan, i, core, source_empty) == -1)
      return -1;
  return 0;
}

static int
sync_none_is_for_new_logs (const struct plan_input *in, struct plan *plan)
{
  if (in->config->sync == SYNC_NONE)
    return plan_refuse (plan, "sync=none: only with a new log; %s is in use",
                        in->log->name);
  return 0;
}

static int
plan_kernel (const struct plan_input *in, struct plan *plan)
{
  uint64_t regions = in->log->geo.nr_regions;

  sync_none_is_for_new_logs (in, plan);
  if (!plan->refuse && in->config->region_size == 0)
    return plan_refuse (
      plan,
      "log %s: was written by the kernel's dm-mirror, which does "
      "not store the region size: give region-size= (the table "
      "has it in sectors of 512 bytes)",
      in->log->name);
  if (!plan->refuse)
    need_every_leg (in, plan);
  if (!plan->refuse)
    plan_geometry_new (in, plan);
  if (plan->refuse)
    return 0;
  if (plan->geo.nr_regions != regions)
    return plan_refuse (plan,
                        "log %s: has %" PRIu64
                        " regions, but a mirror of %" PRIu64
                        " bytes has %" PRIu64 " of %" PRIu32
                        " bytes: check region-size= and size=",
                        in->log->name, regions, plan->geo.size,
                        plan->geo.nr_regions, plan->geo.region_size);
  if (plan->source != 0)
    return plan_refuse (plan,
                        "log %s: was written by the kernel's dm-mirror, for "
                        "which leg 0 is the source: it must be here",
                        in->log->name);
  plan->create = true;
  plan->generation = 1;
  slots_by_number (in, plan,
                   in->config->sync == SYNC_FORCE ? MISS_ALL
                                                  : MISS_KERNEL_DIRTY);
  plan->slot[0].miss = MISS_NOTHING_MORE;
  plan_note (plan,
             "log %s: taken over from the kernel's dm-mirror, leg %s is the "
             "source\n",
             in->log->name, in->leg[0].name);
  return 0;
}

/* --- source=N@G --- */

static bool
override_applies (const struct plan_input *in, struct plan *plan)
{
  const struct mirror_config *config = in->config;

  if (config->source_leg < 0)
    return false;
  if (in->log->generation != config->source_generation) {
    plan_note (plan,
               "source=%d@%" PRIu64
               ": ignored, the log is at generation %" PRIu64 "\n",
               config->source_leg, config->source_generation,
               in->log->generation);
    return false;
  }
  return true;
}

/* The words that a refusal ends with, for each leg with which they are
 * accepted: one that is here and, if there are records, has one.
 */
static int
offer_override (const struct plan_input *in, struct plan *plan)
{
  const char *intro = "; to go on with what a leg holds now:";

  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg &&
        (in->log->found == LOG_FOUND_DAMAGED || plan_assigned (plan, i))) {
      plan_refuse (plan, "%s source=%u@%" PRIu64 " (leg %s)", intro, i,
                   in->log->generation, in->leg[i].name);
      intro = "";
    }
  return 0;
}

static int
override_leg_here (const struct plan_input *in, struct plan *plan)
{
  unsigned leg = (unsigned) in->config->source_leg;

  if (in->leg[leg].leg)
    return 0;
  return plan_refuse (plan, "source=%u@%" PRIu64 ": leg %s is not here", leg,
                      in->config->source_generation, in->leg[leg].name);
}

static int
plan_damaged (const struct plan_input *in, struct plan *plan)
{
  if (!override_applies (in, plan)) {
    plan_refuse (plan, "log %s: is damaged, it can't say which leg is right",
                 in->log->name);
    return offer_override (in, plan);
  }
  need_every_leg (in, plan);
  if (!plan->refuse)
    override_leg_here (in, plan);
  if (!plan->refuse)
    plan_geometry_new (in, plan);
  if (plan->refuse)
    return 0;
  plan->create = true;
  plan->generation = in->config->source_generation + 1;
  plan->source = (unsigned) in->config->source_leg;
  slots_by_number (in, plan, MISS_ALL);
  plan->slot[plan->source].miss = MISS_NOTHING_MORE;
  return 0;
}

/* --- our own log --- */

/* In-sync by the log, and here. */
static bool
may_be_source (const struct plan_input *in, const struct plan *plan,
               unsigned slot)
{
  return in->log->leg[slot].state == LOG_LEG_IN_SYNC &&
         plan->slot[slot].here && plan->slot[slot].miss != MISS_ALL;
}

static int
not_the_leg (const struct plan_input *in, struct plan *plan, unsigned slot,
             unsigned other)
{
  const char *name = in->leg[plan->slot[slot].leg].name;
  const char *right = in->leg[plan->slot[other].leg].name;

  return plan_refuse (plan,
                      "leg %s: is not the leg that the log %s knows, its "
                      "content differs from leg %s; check the name; "
                      "sync=force overwrites %s with %s (a later version has "
                      "`nbdmirror replace` for that)",
                      name, in->log->name, right, name, right);
}

/* Another in-sync leg that holds something else: its slot, LOG_MAX_LEGS if
 * there is none, or -1.
 */
static int
contradicted (const struct plan_input *in, const struct plan *plan,
              unsigned slot)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    int answer;

    if (s == slot || !may_be_source (in, plan, s))
      continue;
    answer =
      in->same (in, (unsigned) plan->slot[slot].leg,
                (unsigned) plan->slot[s].leg, &in->log->geo, (int) slot);
    if (answer == -1 || answer == PROBE_NO)
      return answer == -1 ? -1 : (int) s;
  }
  return LOG_MAX_LEGS;
}

/* The leg was in-sync, and is not what it was. */
static int
set_aside (const struct plan_input *in, struct plan *plan, unsigned slot,
           unsigned other)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;
  bool unknown = !plan_same_id (in, leg, slot);
  int empty = in->empty (in, leg, plan->geo.size);

  if (empty == -1)
    return -1;
  if (empty == PROBE_YES)
    plan_note (plan,
               "leg %s: is empty though the log knows it, will get a full "
               "copy\n",
               in->leg[leg].name);
  else if (other == LOG_MAX_LEGS || !unknown ||
           !plan_same_id (in, (unsigned) plan->slot[other].leg, other))
    return 0; /* check_contents has the last word */
  else if (in->config->sync != SYNC_FORCE)
    return not_the_leg (in, plan, slot, other);
  plan->slot[slot].miss = MISS_ALL;
  return 0;
}

/* A leg that the log calls in-sync must not become the source if it was
 * wiped or replaced: it is empty, or it contradicts another in-sync leg and
 * only the other one is the very object that the log knows.
 */
static int
set_aside_wrong_legs (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !plan->refuse; ++s) {
    int other;

    if (!may_be_source (in, plan, s))
      continue;
    other = contradicted (in, plan, s);
    if (other == -1)
      return -1;
    if (other == LOG_MAX_LEGS &&
        plan_same_id (in, (unsigned) plan->slot[s].leg, s))
      continue;
    if (set_aside (in, plan, s, (unsigned) other) == -1)
      return -1;
  }
  return 0;
}

/* The recorded primary if it is in-sync and here, else the first that is. */
static bool
choose_source (const struct plan_input *in, struct plan *plan)
{
  unsigned primary = in->log->primary;

  for (unsigned n = 0; n <= LOG_MAX_LEGS; ++n) {
    unsigned s = n == 0 ? primary : n - 1;

    if (s < LOG_MAX_LEGS && may_be_source (in, plan, s)) {
      plan->source = s;
      return true;
    }
  }
  return false;
}

static int
no_source (const struct plan_input *in, struct plan *plan)
{
  plan_refuse (
    plan, "no leg that is in-sync by the log %s is here; it needs one of:",
    in->log->name);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (in->log->leg[s].state == LOG_LEG_IN_SYNC)
      plan_refuse (plan, " %s", in->log->leg[s].name);
  return offer_override (in, plan);
}

/* source=N@G where the record would refuse: leg N is right, whatever the
 * log says of it.
 */
static int
take_override (const struct plan_input *in, struct plan *plan)
{
  unsigned leg = (unsigned) in->config->source_leg;

  override_leg_here (in, plan);
  if (plan->refuse)
    return 0;
  plan->diverged = true;
  plan->generation = in->config->source_generation + 1;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && plan->slot[s].leg == (int) leg) {
      plan->source = s;
      return 0;
    }
  return plan_refuse (plan,
                      "source=%u@%" PRIu64 ": leg %s is not in the log %s",
                      leg, in->config->source_generation, in->leg[leg].name,
                      in->log->name);
}

/* Nothing says that this is the recorded leg.  If it is empty there is
 * nothing to lose.
 */
static int
doubtful_leg (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;
  int answer = in->empty (in, leg, plan->geo.size);

  if (answer == -1)
    return -1;
  if (answer == PROBE_NO)
    return not_the_leg (in, plan, slot, plan->source);
  plan->slot[slot].miss = MISS_ALL;
  plan_note (plan,
             "leg %s: is empty though the log knows it, will get a full "
             "copy\n",
             in->leg[leg].name);
  return 0;
}

/* A recorded leg that does not hold what it should. */
static int
check_content (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;
  int source = plan->slot[plan->source].leg;
  bool same_id = plan_same_id (in, leg, slot);
  int answer =
    in->same (in, leg, (unsigned) source, &in->log->geo, (int) slot);

  if (answer == -1)
    return -1;
  if (answer == PROBE_NO || (answer == PROBE_NO_EVIDENCE && !same_id))
    return doubtful_leg (in, plan, slot);
  if (!same_id)
    plan_note (plan,
               "leg %s: has another identity than in the log, its content "
               "agrees\n",
               in->leg[leg].name);
  return 0;
}

static int
check_contents (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !plan->refuse; ++s) {
    struct plan_slot *ps = &plan->slot[s];

    if (s == plan->source || !ps->here || ps->fresh || ps->miss == MISS_ALL)
      continue;
    if (check_content (in, plan, s) == -1)
      return -1;
  }
  return 0;
}

static void
note_absent (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && !plan->slot[s].here &&
        in->log->leg[s].name[0] != 0)
      plan_note (plan, "leg %s: is not here, the mirror starts degraded\n",
                 in->log->leg[s].name);
}

static void
force_all (const struct plan_input *in, struct plan *plan)
{
  if (in->config->sync == SYNC_FORCE)
    for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
      if (s != plan->source && plan->slot[s].configured)
        plan->slot[s].miss = MISS_ALL;
}

/* With the source known: the legs without record, those whose content is
 * wrong, those that are absent.
 */
static int
plan_others (const struct plan_input *in, struct plan *plan)
{
  force_all (in, plan);
  if (plan_place_unknown_legs (in, plan) == -1)
    return -1;
  plan_place_missing_words (in, plan);
  if (!plan->refuse && !plan->diverged && check_contents (in, plan) == -1)
    return -1;
  note_absent (in, plan);
  return 0;
}

static int
plan_ours (const struct plan_input *in, struct plan *plan)
{
  sync_none_is_for_new_logs (in, plan);
  if (!plan->refuse)
    plan_geometry_ours (in, plan);
  if (plan->refuse)
    return 0;
  plan_match_records (in, plan);
  if (set_aside_wrong_legs (in, plan) == -1)
    return -1;
  if (plan->refuse)
    return 0;
  if (!choose_source (in, plan)) {
    if (!override_applies (in, plan))
      return no_source (in, plan);
    take_override (in, plan);
  }
  else if (in->config->source_leg >= 0)
    plan_note (plan, "source=%d@%" PRIu64 ": not needed, ignored\n",
               in->config->source_leg, in->config->source_generation);
  return plan->refuse ? 0 : plan_others (in, plan);
}

/* Both of two recorded legs were in-sync when the kernel took over. */
static bool
kernel_kept_both (const struct plan_input *in)
{
  unsigned in_sync = 0, stale = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    in_sync += in->log->leg[s].state == LOG_LEG_IN_SYNC;
    stale += in->log->leg[s].state == LOG_LEG_STALE;
  }
  return in_sync == 2 && stale == 0;
}

static int
plan_kernel_since (const struct plan_input *in, struct plan *plan)
{
  unsigned primary = in->log->primary;
  bool kept;

  sync_none_is_for_new_logs (in, plan);
  if (!plan->refuse)
    plan_geometry_ours (in, plan);
  if (plan->refuse)
    return 0;
  plan_match_records (in, plan);
  if (set_aside_wrong_legs (in, plan) == -1)
    return -1;
  if (plan->refuse)
    return 0;
  plan->kernel_used = true;
  plan->source = primary;
  kept = kernel_kept_both (in) && primary < LOG_MAX_LEGS &&
         may_be_source (in, plan, primary);
  if (!kept) {
    if (!override_applies (in, plan)) {
      plan_refuse (
        plan,
        "log %s: the kernel's dm-mirror has used it since, and it can't "
        "say which leg is right",
        in->log->name);
      return offer_override (in, plan);
    }
    take_override (in, plan);
  }
  if (plan->refuse)
    return 0;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (s != plan->source && plan->slot[s].miss != MISS_ALL)
      plan->slot[s].miss = kept ? MISS_KERNEL_DIRTY : MISS_ALL;
  plan_note (plan,
             "log %s: the kernel's dm-mirror has used it since, its bits "
             "count\n",
             in->log->name);
  return plan_others (in, plan);
}

int
plan_make (const struct plan_input *in, struct plan *plan)
{
  memset (plan, 0, sizeof *plan);
  switch (in->log->found) {
  case LOG_FOUND_NEW:
    return plan_new (in, plan);
  case LOG_FOUND_KERNEL:
    return plan_kernel (in, plan);
  case LOG_FOUND_OURS:
    return plan_ours (in, plan);
  case LOG_FOUND_KERNEL_SINCE:
    return plan_kernel_since (in, plan);
  case LOG_FOUND_DAMAGED:
    return plan_damaged (in, plan);
  }
  __builtin_unreachable ();
}
