/* SPDX-License-Identifier: BSD-3-Clause */

/* Each kind of log found has its own function; they share geometry, the
 * matching of legs to records, and the rule that a leg which turns out to
 * hold something else is refused unless it is empty.
 *
 * Records are matched by identity and name together, then by identity, then
 * by name: identity says "this very file", also when it was renamed.  Both
 * are only hints; what decides is the content, compared with the source in
 * regions that the log calls clean.
 */

#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan.h"
#include "probe.h"

#define DEFAULT_REGION_SIZE (UINT64_C (512) << 10)
#define DEFAULT_MAX_REGIONS (UINT64_C (4) << 20)

static int __attribute__ ((format (printf, 2, 3)))
refuse (struct plan *plan, const char *fmt, ...)
{
  size_t used = strlen (plan->reason);
  va_list args;

  va_start (args, fmt);
  vsnprintf (plan->reason + used, sizeof plan->reason - used, fmt, args);
  va_end (args);
  plan->refuse = true;
  return 0;
}

static void __attribute__ ((format (printf, 2, 3)))
note (struct plan *plan, const char *fmt, ...)
{
  size_t used = strlen (plan->notes);
  va_list args;

  va_start (args, fmt);
  vsnprintf (plan->notes + used, sizeof plan->notes - used, fmt, args);
  va_end (args);
}

/* --- geometry --- */

/* The smallest leg, rounded down to the largest block. */
static uint64_t
legs_size (const struct plan_input *in, uint32_t *block, const char **smallest)
{
  uint64_t size = UINT64_MAX;

  *block = 1;
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg *leg = in->leg[i].leg;

    if (!leg)
      continue;
    if (leg->size < size) {
      size = leg->size;
      *smallest = leg->name;
    }
    if (leg->min_block > *block)
      *block = leg->min_block;
  }
  return size == UINT64_MAX ? 0 : size & ~(uint64_t) (*block - 1);
}

static uint64_t
regions_of (uint64_t size, uint64_t region_size)
{
  return size / region_size + (size % region_size != 0);
}

static uint64_t
default_region_size (uint64_t size)
{
  uint64_t region_size = DEFAULT_REGION_SIZE;

  while (regions_of (size, region_size) > DEFAULT_MAX_REGIONS &&
         region_size < LOG_MAX_REGION_SIZE)
    region_size *= 2;
  return region_size;
}

static int
too_large (const struct plan_input *in, struct plan *plan,
           const char *smallest, uint64_t size)
{
  return refuse (plan,
                 "size=%" PRIu64 ": leg %s is smaller, it has %" PRIu64
                 " bytes",
                 in->config->size, smallest, size);
}

/* Of a log that begins a new life. */
static int
geometry_new (const struct plan_input *in, struct plan *plan)
{
  const struct mirror_config *config = in->config;
  const char *smallest = "";
  uint32_t block;
  uint64_t size = legs_size (in, &block, &smallest);
  uint64_t region_size = config->region_size;

  if (config->size > size)
    return too_large (in, plan, smallest, size);
  if (config->size % block != 0)
    return refuse (plan, "size=%" PRIu64 ": must be a multiple of %" PRIu32,
                   config->size, block);
  if (config->size > 0)
    size = config->size;
  if (size == 0)
    return refuse (plan, "leg %s: is empty, it has no room for a mirror",
                   smallest);
  if (region_size == 0)
    region_size = default_region_size (size);
  if (regions_of (size, region_size) > LOG_MAX_REGIONS)
    return refuse (plan,
                   "region-size=%" PRIu64 ": the mirror would have %" PRIu64
                   " regions, at most %" PRIu64 " are possible",
                   region_size, regions_of (size, region_size),
                   LOG_MAX_REGIONS);
  plan->geo.size = size;
  plan->geo.region_size = (uint32_t) region_size;
  plan->geo.nr_regions = regions_of (size, region_size);
  return 0;
}

/* Of a log that knows its own. */
static int
geometry_ours (const struct plan_input *in, struct plan *plan)
{
  const struct mirror_config *config = in->config;
  const struct log_geometry *geo = &in->log->geo;
  const char *smallest = "";
  uint32_t block;
  uint64_t size = legs_size (in, &block, &smallest);

  plan->geo = *geo;
  if (config->region_size > 0 && config->region_size != geo->region_size)
    return refuse (plan,
                   "region-size=%" PRIu64
                   ": the log %s has regions of %" PRIu32
                   " bytes; leave region-size= out",
                   config->region_size, in->log->name, geo->region_size);
  if (config->size > 0 && config->size < geo->size)
    return refuse (plan,
                   "size=%" PRIu64 ": the log %s is of a mirror of %" PRIu64
                   " bytes, it can't be made smaller",
                   config->size, in->log->name, geo->size);
  if (config->size > geo->size) {
    plan->grow = true;
    plan->geo.size = config->size;
    plan->geo.nr_regions = regions_of (config->size, geo->region_size);
    if (plan->geo.nr_regions > LOG_MAX_REGIONS)
      return refuse (plan,
                     "size=%" PRIu64 ": more than %" PRIu64
                     " regions of %" PRIu32 " bytes",
                     config->size, LOG_MAX_REGIONS, geo->region_size);
  }
  if (size > 0 && size < plan->geo.size && plan->grow)
    return too_large (in, plan, smallest, size);
  if (size > 0 && size < plan->geo.size)
    return refuse (plan,
                   "leg %s: has %" PRIu64 " bytes, but the mirror of the log "
                   "%s has %" PRIu64,
                   smallest, size, in->log->name, plan->geo.size);
  if (plan->geo.size % block != 0)
    return refuse (plan,
                   "leg block size %" PRIu32
                   " does not divide the mirror's size %" PRIu64,
                   block, plan->geo.size);
  return 0;
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
      return refuse (plan,
                     "leg %s: can't be opened, and there is no log yet that "
                     "knows it; write \"missing\" for a leg to be added later",
                     in->leg[i].name);
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg) {
      plan->source = i;
      return 0;
    }
  return refuse (plan, "no leg is here: at least one must not be \"missing\"");
}

static int
data_in_the_way (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  return refuse (plan,
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
    geometry_new (in, plan);
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
    return refuse (plan, "sync=none: only with a new log; %s is in use",
                   in->log->name);
  return 0;
}

static int
plan_kernel (const struct plan_input *in, struct plan *plan)
{
  uint64_t regions = in->log->geo.nr_regions;

  sync_none_is_for_new_logs (in, plan);
  if (!plan->refuse && in->config->region_size == 0)
    return refuse (plan,
                   "log %s: was written by the kernel's dm-mirror, which does "
                   "not store the region size: give region-size= (the table "
                   "has it in sectors of 512 bytes)",
                   in->log->name);
  if (!plan->refuse)
    need_every_leg (in, plan);
  if (!plan->refuse)
    geometry_new (in, plan);
  if (plan->refuse)
    return 0;
  if (plan->geo.nr_regions != regions)
    return refuse (plan,
                   "log %s: has %" PRIu64 " regions, but a mirror of %" PRIu64
                   " bytes has %" PRIu64 " of %" PRIu32
                   " bytes: check region-size= and size=",
                   in->log->name, regions, plan->geo.size,
                   plan->geo.nr_regions, plan->geo.region_size);
  if (plan->source != 0)
    return refuse (plan,
                   "log %s: was written by the kernel's dm-mirror, for "
                   "which leg 0 is the source: it must be here",
                   in->log->name);
  plan->create = true;
  plan->generation = 1;
  slots_by_number (in, plan,
                   in->config->sync == SYNC_FORCE ? MISS_ALL
                                                  : MISS_KERNEL_DIRTY);
  plan->slot[0].miss = MISS_NOTHING_MORE;
  note (plan,
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
    note (plan,
          "source=%d@%" PRIu64 ": ignored, the log is at generation %" PRIu64
          "\n",
          config->source_leg, config->source_generation, in->log->generation);
    return false;
  }
  return true;
}

static bool
assigned (const struct plan *plan, unsigned leg)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && plan->slot[s].leg == (int) leg)
      return true;
  return false;
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
        (in->log->found == LOG_FOUND_DAMAGED || assigned (plan, i))) {
      refuse (plan, "%s source=%u@%" PRIu64 " (leg %s)", intro, i,
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
  return refuse (plan, "source=%u@%" PRIu64 ": leg %s is not here", leg,
                 in->config->source_generation, in->leg[leg].name);
}

static int
plan_damaged (const struct plan_input *in, struct plan *plan)
{
  if (!override_applies (in, plan)) {
    refuse (plan, "log %s: is damaged, it can't say which leg is right",
            in->log->name);
    return offer_override (in, plan);
  }
  need_every_leg (in, plan);
  if (!plan->refuse)
    override_leg_here (in, plan);
  if (!plan->refuse)
    geometry_new (in, plan);
  if (plan->refuse)
    return 0;
  plan->create = true;
  plan->generation = in->config->source_generation + 1;
  plan->source = (unsigned) in->config->source_leg;
  slots_by_number (in, plan, MISS_ALL);
  plan->slot[plan->source].miss = MISS_NOTHING_MORE;
  return 0;
}

/* --- matching legs to records --- */

enum match_by {
  BY_BOTH,
  BY_ID,
  BY_NAME
};

static bool
recorded (const struct plan_input *in, unsigned slot)
{
  return in->log->leg[slot].state != LOG_LEG_NONE;
}

static bool
matches (const struct plan_input *in, unsigned leg, unsigned slot,
         enum match_by by)
{
  const struct plan_leg *pl = &in->leg[leg];
  const struct log_leg *rec = &in->log->leg[slot];
  bool id = pl->leg && rec->kind == (uint32_t) pl->leg->kind &&
            memcmp (rec->id, pl->leg->id, LOG_ID_SIZE) == 0;
  bool name = strcmp (rec->name, pl->name) == 0;

  switch (by) {
  case BY_BOTH:
    return id && name;
  case BY_ID:
    return id;
  case BY_NAME:
    return name;
  }
  return false;
}

static void
assign (const struct plan_input *in, struct plan *plan, unsigned leg,
        unsigned slot)
{
  plan->slot[slot].leg = (int) leg;
  plan->slot[slot].here = in->leg[leg].leg != NULL;
}

static void
match_records (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    plan->slot[s] =
      (struct plan_slot){.configured = recorded (in, s), .leg = -1};

  for (enum match_by by = BY_BOTH; by <= BY_NAME; ++by)
    for (unsigned i = 0; i < in->nr_legs; ++i)
      for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
        if (recorded (in, s) && plan->slot[s].leg == -1 &&
            !in->leg[i].missing && !assigned (plan, i) &&
            matches (in, i, s, by))
          assign (in, plan, i, s);
}

/* A slot for a leg that has no record: a place kept for one, else a free
 * one, else -1.
 */
static int
slot_for_new (const struct plan_input *in, const struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (recorded (in, s) && plan->slot[s].leg == -1 &&
        in->log->leg[s].name[0] == 0)
      return (int) s;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (!plan->slot[s].configured)
      return (int) s;
  return -1;
}

/* The only record that no leg matched, or -1. */
static int
lone_record (const struct plan_input *in, const struct plan *plan)
{
  int lone = -1;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (recorded (in, s) && plan->slot[s].leg == -1 &&
        in->log->leg[s].name[0] != 0) {
      if (lone != -1)
        return -1;
      lone = (int) s;
    }
  return lone;
}

static int
take_new_leg (const struct plan_input *in, struct plan *plan, unsigned leg)
{
  int slot = slot_for_new (in, plan);

  if (slot == -1)
    return refuse (plan, "leg %s: the log %s has no room for another leg",
                   in->leg[leg].name, in->log->name);
  plan->slot[slot] = (struct plan_slot){.configured = true,
                                        .leg = (int) leg,
                                        .here = true,
                                        .fresh = true,
                                        .miss = MISS_ALL};
  note (plan, "leg %s: new in this mirror, will get a full copy\n",
        in->leg[leg].name);
  return 0;
}

/* A leg under a name and identity that the log does not know. */
static int
place_unknown_leg (const struct plan_input *in, struct plan *plan,
                   unsigned leg)
{
  int lone = lone_record (in, plan);
  int source = plan->slot[plan->source].leg;
  int answer;

  if (lone != -1) {
    answer = in->same (in, leg, (unsigned) source, &in->log->geo, lone);
    if (answer == -1)
      return -1;
    if (answer == PROBE_YES) {
      assign (in, plan, leg, (unsigned) lone);
      note (plan, "leg %s: its content says that it is leg %s of the log\n",
            in->leg[leg].name, in->log->leg[lone].name);
      return 0;
    }
  }
  if (in->config->sync == SYNC_FORCE)
    return take_new_leg (in, plan, leg);
  answer = in->empty (in, leg, plan->geo.size);
  if (answer == -1)
    return -1;
  if (answer == PROBE_YES)
    return take_new_leg (in, plan, leg);
  return refuse (
    plan,
    "leg %s: holds data and is not a leg of the log %s; check the "
    "name, or give sync=force to overwrite it",
    in->leg[leg].name, in->log->name);
}

static int
place_unknown_legs (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs && !plan->refuse; ++i) {
    if (assigned (plan, i) || in->leg[i].missing)
      continue;
    if (!in->leg[i].leg)
      return refuse (plan,
                     "leg %s: can't be opened and is not in the log %s; write "
                     "\"missing\" for a leg to be added later",
                     in->leg[i].name, in->log->name);
    if (place_unknown_leg (in, plan, i) == -1)
      return -1;
  }
  return 0;
}

/* The word "missing" stands for a recorded leg that nobody named, or keeps
 * a new place.
 */
static void
place_missing_words (const struct plan_input *in, struct plan *plan)
{
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    unsigned s = 0;

    if (!in->leg[i].missing)
      continue;
    while (s < LOG_MAX_LEGS && !(recorded (in, s) && plan->slot[s].leg == -1))
      ++s;
    if (s < LOG_MAX_LEGS) {
      plan->slot[s].leg = (int) i;
      continue;
    }
    for (s = 0; s < LOG_MAX_LEGS && plan->slot[s].configured;)
      ++s;
    if (s < LOG_MAX_LEGS)
      plan->slot[s] = (struct plan_slot){
        .configured = true, .leg = (int) i, .fresh = true, .miss = MISS_ALL};
  }
}

/* --- our own log --- */

/* The recorded primary if it is in-sync and here, else the first that is. */
static bool
choose_source (const struct plan_input *in, struct plan *plan)
{
  unsigned primary = in->log->primary;

  for (unsigned n = 0; n <= LOG_MAX_LEGS; ++n) {
    unsigned s = n == 0 ? primary : n - 1;

    if (s < LOG_MAX_LEGS && in->log->leg[s].state == LOG_LEG_IN_SYNC &&
        plan->slot[s].here) {
      plan->source = s;
      return true;
    }
  }
  return false;
}

static int
no_source (const struct plan_input *in, struct plan *plan)
{
  refuse (plan,
          "no leg that is in-sync by the log %s is here; it needs one of:",
          in->log->name);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (in->log->leg[s].state == LOG_LEG_IN_SYNC)
      refuse (plan, " %s", in->log->leg[s].name);
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
  return refuse (plan, "source=%u@%" PRIu64 ": leg %s is not in the log %s",
                 leg, in->config->source_generation, in->leg[leg].name,
                 in->log->name);
}

/* A recorded leg that does not hold what it should. */
static int
check_content (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  struct plan_slot *ps = &plan->slot[slot];
  unsigned leg = (unsigned) ps->leg;
  int source = plan->slot[plan->source].leg;
  int answer =
    in->same (in, leg, (unsigned) source, &in->log->geo, (int) slot);

  if (answer == PROBE_NO) {
    answer = in->empty (in, leg, plan->geo.size);
    if (answer == PROBE_NO)
      return refuse (plan,
                     "leg %s: is not the leg that the log %s knows, its "
                     "content differs from leg %s; check the name; a leg that "
                     "is to be overwritten is taken in with `nbdmirror "
                     "replace` or sync=force",
                     in->leg[leg].name, in->log->name, in->leg[source].name);
    if (answer == PROBE_YES) {
      ps->miss = MISS_ALL;
      note (plan,
            "leg %s: is empty though the log knows it, will get a full "
            "copy\n",
            in->leg[leg].name);
    }
  }
  else if (answer != -1 && !matches (in, leg, slot, BY_ID))
    note (plan,
          "leg %s: has another identity than in the log, its content "
          "agrees\n",
          in->leg[leg].name);
  return answer == -1 ? -1 : 0;
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
      note (plan, "leg %s: is not here, the mirror starts degraded\n",
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
  if (place_unknown_legs (in, plan) == -1)
    return -1;
  place_missing_words (in, plan);
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
    geometry_ours (in, plan);
  if (plan->refuse)
    return 0;
  match_records (in, plan);
  if (!choose_source (in, plan)) {
    if (!override_applies (in, plan))
      return no_source (in, plan);
    take_override (in, plan);
  }
  else if (in->config->source_leg >= 0)
    note (plan, "source=%d@%" PRIu64 ": not needed, ignored\n",
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
    geometry_ours (in, plan);
  if (plan->refuse)
    return 0;
  match_records (in, plan);
  plan->kernel_used = true;
  plan->source = primary;
  kept = kernel_kept_both (in) && primary < LOG_MAX_LEGS &&
         plan->slot[primary].here;
  if (!kept) {
    if (!override_applies (in, plan)) {
      refuse (plan,
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
    if (s != plan->source)
      plan->slot[s].miss = kept ? MISS_KERNEL_DIRTY : MISS_ALL;
  note (plan,
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
