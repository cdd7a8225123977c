/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening a mirror: everything is read before anything is written, and
 * everything that can be refused is refused here, before the server forks.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <uuid/uuid.h>

#include "apply.h"
#include "cleanup.h"
#include "deadline.h"
#include "mirror-new.h"
#include "msg.h"
#include "open.h"
#include "plan.h"
#include "probe.h"
#include "quarantine.h"

/* --- the questions of the plan --- */

static int
ask_empty (const struct plan_input *in, unsigned leg, uint64_t size)
{
  return probe_empty (in->leg[leg].leg, size);
}

static void
add_missed (struct bitset *set, const struct dirty_log *log, unsigned slot)
{
  if (log->missed[slot].nr > 0)
    bitset_or (set, &log->missed[slot]);
}

/* Legs must agree wherever the log knows of no reason to differ. */
static int
ask_same (const struct plan_input *in, const struct log_geometry *geo,
          unsigned leg, unsigned slot, unsigned source_leg,
          unsigned source_slot)
{
  struct dirty_log *log = in->log;
  struct probe_regions recent;
  struct probe_except guard;
  struct bitset except;
  int r;

  if (bitset_init (&except, geo->nr_regions) == -1) {
    msg_error ("leg %s: %m", in->leg[leg].name);
    return -1;
  }
  bitset_or (&except, &log->marked);
  add_missed (&except, log, slot);
  add_missed (&except, log, source_slot);
  if (log->found == LOG_FOUND_KERNEL_SINCE)
    bitset_or (&except, &log->kernel_dirty);
  probe_recent (log, geo->region_size, &recent);
  probe_except_init (&guard, recent.shift, &except);
  r = probe_same (in->leg[source_leg].leg, in->leg[leg].leg, geo->size,
                  &recent, &guard.guard);
  bitset_free (&except);
  return r;
}

/* --- opening --- */

static struct leg *
new_leg (const struct mirror_config *config, const char *name)
{
  const struct leg_options options = {
    .connections = config->connections,
    .timeout_ns = config->leg_timeout * NSEC_PER_SEC,
  };

  return leg_new (name, &options);
}

/* A leg that can't be opened is absent; one that somebody else owns stops
 * the start.
 */
static int
open_leg (const struct mirror_config *config, unsigned i, struct plan_leg *pl)
{
  pl->name = config->leg[i];
  pl->missing = strcmp (pl->name, "missing") == 0;
  if (pl->missing)
    return 0;
  pl->leg = new_leg (config, pl->name);
  if (!pl->leg)
    return -1;
  if (leg_open (pl->leg, config->plan ? LEG_READ_ONLY : 0) == 0 &&
      (config->plan || leg_settle (pl->leg) == 0))
    return 0;
  if (errno == EBUSY)
    return -1;
  leg_free (pl->leg);
  pl->leg = NULL;
  return 0;
}

static struct dirty_log *
open_log (const struct mirror_config *config)
{
  const struct log_options options = {
    .flags = config->plan ? LOG_READ_ONLY : 0,
    .tls_psk = config->log_tls_psk,
    .tls_certificates = config->log_tls_certificates,
    .tls_username = config->log_tls_username,
  };

  return dirty_log_open_with (config->log, &options);
}

static int
open_all (const struct mirror_config *config, struct plan_input *in)
{
  in->config = config;
  in->empty = ask_empty;
  in->same = ask_same;
  in->nr_legs = config->nr_legs;
  in->log = open_log (config);
  if (!in->log)
    return -1;
  for (unsigned i = 0; i < config->nr_legs; ++i)
    if (open_leg (config, i, &in->leg[i]) == -1)
      return -1;
  return 0;
}

static void
close_all (struct plan_input *in)
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    leg_free (in->leg[i].leg);
  dirty_log_close (in->log, now_ns ());
}

/* --- plan=1 --- */

static const char *
miss_name (const struct plan_input *in, const struct plan *plan, unsigned s)
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
  if (!plan->create && (in->log->marked.count || in->log->missed[s].count))
    return "resync of missed and marked regions";
  return "in-sync, nothing to copy";
}

static void
print_log (FILE *out, const struct plan_input *in, const struct plan *plan)
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
             in->log->generation, in->log->unclean ? "unclean end" : "clean",
             in->log->marked.count);
  fprintf (out, "\n");
  if (plan->geo.size > 0)
    fprintf (out,
             "mirror: %" PRIu64 " bytes, %" PRIu64 " regions of %" PRIu32
             " bytes\n",
             plan->geo.size, plan->geo.nr_regions, plan->geo.region_size);
}

static void
print_plan (FILE *out, const struct plan_input *in, const struct plan *plan)
{
  print_log (out, in, plan);
  fputs (plan->notes, out);
  if (plan->refuse) {
    fprintf (out, "would refuse: %s\n", plan->reason);
    return;
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured)
      fprintf (out, "leg %s: %s\n",
               plan->slot[s].leg >= 0 ? in->leg[plan->slot[s].leg].name
                                      : in->log->leg[s].name,
               miss_name (in, plan, s));
  fprintf (out, "would serve\n");
}

/* --- building --- */

static void
say_notes (const struct plan *plan)
{
  const char *line = plan->notes;

  while (*line) {
    int n = (int) strcspn (line, "\n");

    msg_error ("note: %.*s", n, line);
    line += n + 1;
  }
}

/* A leg that is not here may come later; one that nobody named is left
 * alone.
 */
static int
name_absent_legs (struct plan_input *in)
{
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    struct plan_leg *pl = &in->leg[i];

    if (!pl->leg && !pl->missing)
      pl->leg = new_leg (in->config, pl->name);
    if (!pl->leg && !pl->missing)
      return -1;
  }
  return 0;
}

/* By the record as it is now. */
static enum member_state
state_of (const struct plan_input *in, const struct plan *plan, unsigned slot)
{
  if (!plan->slot[slot].here)
    return MEMBER_MISSING;
  return in->log->leg[slot].state == LOG_LEG_IN_SYNC ? MEMBER_IN_SYNC
                                                     : MEMBER_RESYNCING;
}

static void
fill_legs (const struct plan_input *in, const struct plan *plan,
           struct mirror_leg *legs)
{
  unsigned unnamed = in->nr_legs;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    int number = plan->slot[s].leg;

    if (!plan->slot[s].configured)
      continue;
    legs[s].state = state_of (in, plan, s);
    if (number >= 0) {
      legs[s].index = (unsigned) number;
      legs[s].name = in->leg[number].name;
      legs[s].leg = in->leg[number].leg;
    }
    else {
      legs[s].index = unnamed++;
      legs[s].name = in->log->leg[s].name;
    }
  }
}

/* They are the mirror's. */
static void
give_away (struct plan_input *in, const struct plan *plan)
{
  in->log = NULL;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && plan->slot[s].leg >= 0)
      in->leg[plan->slot[s].leg].leg = NULL;
}

static struct mirror *
build (struct plan_input *in, const struct plan *plan)
{
  struct mirror_leg legs[LOG_MAX_LEGS] = {0};
  struct mirror *m;

  if (name_absent_legs (in) == -1)
    return NULL;
  fill_legs (in, plan, legs);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (legs[s].leg)
      leg_quiesce (legs[s].leg);
  m = mirror_new (in->config, in->log, legs, plan->source);
  if (m)
    give_away (in, plan);
  return m;
}

/* The log's records and marks become what the plan says. */
static struct mirror *
carry_out (struct plan_input *in, const struct plan *plan)
{
  struct bitset marked;
  struct mirror *m = NULL;

  if (quarantine_marked (in->log, &marked) == -1)
    return NULL;
  if (plan_apply (in, plan) == 0)
    m = build (in, plan);
  if (m && quarantine_init (m, &marked) == -1) {
    mirror_free (m);
    m = NULL;
  }
  bitset_free (&marked);
  return m;
}

static struct mirror *
decide (struct plan_input *in, FILE *out, bool *plan_ok)
{
  struct plan plan;

  if (plan_make (in, &plan) == -1)
    return NULL;
  if (in->config->plan) {
    print_plan (out, in, &plan);
    *plan_ok = !plan.refuse;
    return NULL;
  }
  if (plan.refuse) {
    msg_error ("%s", plan.reason);
    return NULL;
  }
  say_notes (&plan);
  return carry_out (in, &plan);
}

struct mirror *
mirror_open (const struct mirror_config *config, FILE *out, bool *plan_ok)
{
  struct plan_input in = {0};
  struct mirror *m = NULL;

  *plan_ok = false;
  if (open_all (config, &in) == 0)
    m = decide (&in, out, plan_ok);
  close_all (&in);
  return m;
}
