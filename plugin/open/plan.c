/* SPDX-License-Identifier: BSD-3-Clause */

/* Each kind of log found has its own function, but for a log that the legs' own
 * records show to be lost: plan-lost.c has those.  They share the rule that a
 * leg which turns out to hold something else is refused unless it is empty.
 */

#include "config.h"

#include <string.h>

#include "plan-content.h"
#include "plan-geometry.h"
#include "plan-keeps.h"
#include "plan-lost.h"
#include "plan-match.h"
#include "plan-new.h"
#include "plan-older.h"
#include "plan-records.h"
#include "plan-source.h"
#include "plan-verdict.h"

static void
miss_at_least (const struct plan_input *in, struct plan *plan)
{
  bool force = in->config->sync == SYNC_FORCE;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (s != plan->source && plan->slot[s].configured &&
        plan->slot[s].miss != MISS_ALL)
      plan->slot[s].miss = force ? MISS_ALL : plan->others_miss;
}

/* With the source known: the legs without record, those whose content is
 * wrong, those that are absent.
 */
static int
plan_others (const struct plan_input *in, struct plan *plan)
{
  if (plan_place_unknown_legs (in, plan) == -1)
    return -1;
  plan_place_missing_words (in, plan);
  if (!plan->refuse && plan_check_contents (in, plan) == -1)
    return -1;
  plan_bare_legs (in, plan);
  miss_at_least (in, plan);
  plan_note_absent (in, plan);
  return 0;
}

/* What all logs with records need. */
static int
begin_ours (const struct plan_input *in, struct plan *plan)
{
  plan_sync_none_is_for_new_logs (in, plan);
  if (!plan->refuse)
    plan_geometry_ours (in, plan);
  if (plan->refuse)
    return 0;
  plan_match_records (in, plan);
  plan_older_legs (in, plan);
  return plan_set_aside_wrong_legs (in, plan);
}

static int
plan_ours (const struct plan_input *in, struct plan *plan)
{
  if (begin_ours (in, plan) == -1)
    return -1;
  if (!plan->refuse && plan_choose_source (in, plan) == -1)
    return -1;
  return plan->refuse ? 0 : plan_others (in, plan);
}

/* Both of two recorded legs were in-sync when the kernel took over. */
static bool
kernel_kept_both (const struct plan_input *in)
{
  unsigned in_sync = 0, stale = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    in_sync += in->record->leg[s].state == LOG_LEG_IN_SYNC;
    stale += in->record->leg[s].state == LOG_LEG_STALE;
  }
  return in_sync == 2 && stale == 0;
}

/* It copied from our primary, so that must be here. */
static int
go_on_after_kernel (const struct plan_input *in, struct plan *plan)
{
  plan->source = in->record->primary;
  plan->others_miss = MISS_KERNEL_DIRTY;
  if (kernel_kept_both (in) && plan->source < LOG_MAX_LEGS &&
      plan_may_be_source (in, plan, plan->source))
    return plan_examine_source (in, plan);
  plan_refuse (
    plan,
    "log %s: the kernel's dm-mirror has used it since, and it can't "
    "say which leg is right",
    in->log->name);
  return plan_offer_override (in, plan);
}

static int
plan_kernel_since (const struct plan_input *in, struct plan *plan)
{
  if (begin_ours (in, plan) == -1)
    return -1;
  if (plan->refuse)
    return 0;
  plan->kernel_used = true;
  if (go_on_after_kernel (in, plan) == -1)
    return -1;
  if (plan->refuse && plan_override_applies (in, plan)) {
    plan_forgive (plan);
    plan->others_miss = MISS_ALL;
    plan_take_override (in, plan);
  }
  if (plan->refuse)
    return 0;
  plan_note (plan,
             "log %s: the kernel's dm-mirror has used it since, its bits "
             "count\n",
             in->log->name);
  return plan_others (in, plan);
}

static int
plan_by_log (const struct plan_input *in, struct plan *plan)
{
  if (plan_log_is_lost (in, plan))
    return plan_lost (in, plan);
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

int
plan_make (const struct plan_input *in, struct plan *plan)
{
  memset (plan, 0, sizeof *plan);
  plan->newest = PLAN_NO_RECORD;
  plan_check_records (in, plan);
  if (!plan->refuse && plan_by_log (in, plan) == -1)
    return -1;
  if (!plan->refuse && plan_keep_records (in, plan) == -1)
    return -1;
  plan_go_on_from_records (in, plan);
  plan_override_expires (in, plan);
  return 0;
}
