/* SPDX-License-Identifier: BSD-3-Clause */

/* Slots are numbered like the legs of the command line: no record says
 * otherwise.
 */

#include "config.h"

#include <inttypes.h>

#include "plan-content.h"
#include "plan-geometry.h"
#include "plan-new.h"
#include "plan-newest.h"
#include "plan-source.h"
#include "plan-verdict.h"
#include "probe.h"

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

int
plan_need_every_leg (const struct plan_input *in, struct plan *plan)
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

int
plan_new (const struct plan_input *in, struct plan *plan)
{
  bool core = in->log->name[0] == 0;
  int source_empty = PROBE_NO;

  plan_need_every_leg (in, plan);
  if (!plan->refuse && plan_geometry_new (in, plan) == -1)
    return -1;
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

int
plan_sync_none_is_for_new_logs (const struct plan_input *in, struct plan *plan)
{
  if (in->config->sync == SYNC_NONE)
    return plan_refuse (plan, "sync=none: only with a new log; %s is in use",
                        in->log->name);
  return 0;
}

/* The log does not know legs, only that they hold the same. */
static int
check_kernel_leg (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  int answer = plan_compare (in, plan, leg, plan->source);
  int empty;

  if (answer != PROBE_NO)
    return answer == -1 ? -1 : 0;
  empty = in->empty (in, leg, plan->geo.size);
  if (empty == -1)
    return -1;
  if (empty == PROBE_YES)
    return plan_leg_is_empty (in, plan, leg);
  return plan_refuse (plan,
                      "leg %s: its content differs from leg %s where the log "
                      "%s of the kernel's dm-mirror says that both hold the "
                      "same: check the names; sync=force overwrites it",
                      in->leg[leg].name, in->leg[plan->source].name,
                      in->log->name);
}

static int
check_kernel_legs (const struct plan_input *in, struct plan *plan)
{
  if (in->config->sync == SYNC_FORCE)
    return 0;
  for (unsigned i = 1; i < in->nr_legs && !plan->refuse; ++i)
    if (in->leg[i].leg && check_kernel_leg (in, plan, i) == -1)
      return -1;
  return 0;
}

/* What the log does not say. */
static int
kernel_geometry (const struct plan_input *in, struct plan *plan)
{
  if (in->config->region_size == 0)
    return plan_refuse (
      plan,
      "log %s: was written by the kernel's dm-mirror, which does "
      "not store the region size: give region-size= (the table "
      "has it in sectors of 512 bytes)",
      in->log->name);
  plan_need_every_leg (in, plan);
  if (!plan->refuse && plan_geometry_new (in, plan) == -1)
    return -1;
  if (plan->refuse || plan->geo.nr_regions == in->log->geo.nr_regions)
    return 0;
  return plan_refuse (plan,
                      "log %s: has %" PRIu64
                      " regions, but a mirror of %" PRIu64
                      " bytes has %" PRIu64 " of %" PRIu32
                      " bytes: check region-size= and size=",
                      in->log->name, in->log->geo.nr_regions, plan->geo.size,
                      plan->geo.nr_regions, plan->geo.region_size);
}

static int
take_kernel_log (const struct plan_input *in, struct plan *plan)
{
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
  return check_kernel_legs (in, plan);
}

int
plan_kernel (const struct plan_input *in, struct plan *plan)
{
  plan_sync_none_is_for_new_logs (in, plan);
  if (!plan->refuse && kernel_geometry (in, plan) == -1)
    return -1;
  if (plan->refuse)
    return 0;
  if (plan->source != 0)
    return plan_refuse (plan,
                        "log %s: was written by the kernel's dm-mirror, for "
                        "which leg 0 is the source: it must be here",
                        in->log->name);
  return take_kernel_log (in, plan);
}

/* A hint which leg to take. */
static void
name_recorded_primary (const struct plan_input *in, struct plan *plan)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  const char *name;

  if (!newest)
    return;
  name = newest->name[newest->primary];
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (plan_record_says (in, plan, i, newest->primary) == SAYS_YES)
      name = in->leg[i].name;
  plan_refuse (plan,
               "; by the newest of the legs' own records (of leg %s, "
               "generation %" PRIu64 ") leg %s is the primary",
               in->leg[plan->newest].name, newest->generation, name);
}

int
plan_damaged (const struct plan_input *in, struct plan *plan)
{
  if (!plan_override_applies (in, plan)) {
    plan_refuse (plan, "log %s: is damaged, it can't say which leg is right",
                 in->log->name);
    name_recorded_primary (in, plan);
    return plan_offer_override (in, plan);
  }
  plan_need_every_leg (in, plan);
  if (!plan->refuse)
    plan_override_leg_here (in, plan);
  if (!plan->refuse && plan_geometry_new (in, plan) == -1)
    return -1;
  if (plan->refuse)
    return 0;
  plan->create = true;
  plan->generation = 1;
  plan->source = (unsigned) in->config->source_leg;
  slots_by_number (in, plan, MISS_ALL);
  plan->slot[plan->source].miss = MISS_NOTHING_MORE;
  return 0;
}
