/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>

#include "plan-print.h"

/* The log knows of regions in which the leg may differ. */
static bool
has_to_copy (struct dirty_log *log, unsigned slot)
{
  return dirty_log_count (log, LOG_MAP_MARKED) > 0 ||
         dirty_log_count (log, LOG_MAP_MISSED (slot)) > 0;
}

static const char *
miss_name (struct dirty_log *log, const struct plan *plan, unsigned s)
{
  const struct plan_slot *ps = &plan->slot[s];

  if (s == plan->source)
    return "source";
  if (!ps->here)
    return "absent, keeps its missed map";
  switch (ps->miss) {
  case MISS_ALL:
    return "full resync";
  case MISS_DATA:
    return "empty, resync of what the source has";
  case MISS_KERNEL_DIRTY:
    return "resync of what the kernel left dirty";
  case MISS_NOTHING_MORE:
    break;
  }
  if (!plan->create && has_to_copy (log, s))
    return "resync of missed and marked regions";
  return "in-sync, nothing to copy";
}

static void
print_log (FILE *out, struct dirty_log *log, const struct plan_input *in,
           const struct plan *plan)
{
  static const char *const found[] = {
    [LOG_FOUND_NEW] = "new",
    [LOG_FOUND_OURS] = "ours",
    [LOG_FOUND_KERNEL] = "the kernel's",
    [LOG_FOUND_KERNEL_SINCE] = "ours, used by the kernel since",
    [LOG_FOUND_DAMAGED] = "damaged",
  };

  fprintf (out, "log %s: %s", in->config->log, found[in->log->found]);
  if (in->log->found == LOG_FOUND_OURS)
    fprintf (out, ", generation %" PRIu64 ", %s, %" PRIu64 " regions marked",
             in->record->generation,
             in->log->unclean ? "unclean end" : "clean",
             dirty_log_count (log, LOG_MAP_MARKED));
  fprintf (out, "\n");
  if (plan->geo.size > 0)
    fprintf (out,
             "mirror: %" PRIu64 " bytes, %" PRIu64 " regions of %" PRIu32
             " bytes\n",
             plan->geo.size, plan->geo.nr_regions, plan->geo.region_size);
}

void
plan_print (FILE *out, struct dirty_log *log, const struct plan_input *in,
            const struct plan *plan)
{
  print_log (out, log, in, plan);
  fputs (plan->notes, out);
  if (plan->refuse) {
    fprintf (out, "would refuse: %s\n", plan->reason);
    return;
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured)
      fprintf (out, "leg %s: %s\n",
               plan->slot[s].leg >= 0 ? in->leg[plan->slot[s].leg].name
                                      : in->record->leg[s].name,
               miss_name (log, plan, s));
  if (in->log->in_use[0])
    fprintf (out,
             "would refuse: log %s: %s; the above is for when that has "
             "ended\n",
             in->config->log, in->log->in_use);
  else
    fprintf (out, "would serve\n");
}
