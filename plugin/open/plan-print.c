/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>

#include "plan-newest.h"
#include "plan-print.h"
#include "record-order.h"
#include "utf8.h"

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
    return plan->create ? "absent, will get a full copy"
                        : "absent, keeps its missed map";
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
  if (plan->min_block > 0)
    fprintf (out, "clients: blocks of %" PRIu32 " bytes\n", plan->min_block);
}

/* Slots as the names of the legs that have them. */
static void
print_slots (FILE *out, const struct leg_record *r, unsigned slots)
{
  const char *space = "";

  for (unsigned s = 0; s < RECORD_MAX_LEGS; ++s)
    if (slots >> s & 1) {
      char name[RECORD_NAME_SIZE + 4];

      utf8_copy_line (name, sizeof name, r->name[s]);
      fprintf (out, "%s%s", space, name[0] ? name : "(not named yet)");
      space = " ";
    }
}

/* What a leg knows by itself, and whether that decides. */
static void
print_record (FILE *out, const struct plan_input *in, const struct plan *plan,
              unsigned leg)
{
  const struct leg_record *r = plan_leg_record (in, leg);
  const struct leg_record *newest = plan_newest_record (in, plan);

  if (!r)
    return;
  fprintf (out,
           "record of leg %s: generation %" PRIu64 ", change %" PRIu64
           ", %s, in-sync: ",
           in->leg[leg].name, r->generation, r->sequence,
           r->flags & RECORD_CLEAN ? "clean" : "not clean");
  print_slots (out, r, r->in_sync);
  if (r == newest)
    fprintf (out, "; the newest");
  else if (newest && record_same_id (newest->mirror, r->mirror) &&
           !record_knows (r, newest))
    fprintf (out, "; older");
  fprintf (out, "\n");
}

void
plan_print (FILE *out, struct dirty_log *log, const struct plan_input *in,
            const struct plan *plan)
{
  print_log (out, log, in, plan);
  for (unsigned i = 0; i < in->nr_legs; ++i)
    print_record (out, in, plan, i);
  fputs (plan->notes, out);
  if (plan->refuse) {
    fprintf (out, "would refuse: %s\n", plan->reason);
    return;
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured)
      fprintf (out, "leg %s: %s\n",
               plan->slot[s].leg >= 0 ? in->leg[plan->slot[s].leg].name
                                      : plan->slot[s].name,
               miss_name (log, plan, s));
  if (in->log->in_use[0])
    fprintf (out,
             "would refuse: log %s: %s; the above is for when that has "
             "ended\n",
             in->config->log, in->log->in_use);
  else
    fprintf (out, "would serve\n");
}
