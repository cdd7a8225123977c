/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening a mirror: everything is read before anything is written, and
 * everything that can be refused is refused here, before the server forks.
 */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <uuid/uuid.h>

#include "apply.h"
#include "cleanup.h"
#include "deadline.h"
#include "log-life.h"
#include "mirror-new.h"
#include "msg.h"
#include "open-records.h"
#include "open.h"
#include "plan-print.h"
#include "probe-zeroes.h"
#include "probe.h"
#include "quarantine.h"
#include "same-disk.h"
#include "sums-open.h"
#include "sums.h"

/* What there is, before anybody has decided anything. */
struct opening {
  struct plan_input in;
  struct dirty_log *log;
  struct log_record record;
  struct record_area area[MIRROR_MAX_LEGS]; /* by number of the leg */
  struct sums sums;
};

static const struct opening *
opening (const struct plan_input *in)
{
  return (const struct opening *) in;
}

/* --- the questions of the plan --- */

static int
ask_empty (const struct plan_input *in, unsigned leg, uint64_t size)
{
  return probe_empty (in->leg[leg].leg, size);
}

/* Legs must agree wherever the log knows of no reason to differ. */
static int
ask_same (const struct plan_input *in, const struct log_geometry *geo,
          unsigned leg, unsigned slot, unsigned source_leg,
          unsigned source_slot)
{
  struct dirty_log *log = opening (in)->log;
  struct probe_regions recent;
  struct probe_except guard;
  struct bitset except;
  int r;

  if (bitset_init (&except, geo->nr_regions) == -1) {
    msg_error ("leg %s: %m", in->leg[leg].name);
    return -1;
  }
  dirty_log_add_map (log, LOG_MAP_MARKED, &except);
  dirty_log_add_map (log, LOG_MAP_MISSED (slot), &except);
  dirty_log_add_map (log, LOG_MAP_MISSED (source_slot), &except);
  dirty_log_add_map (log, LOG_MAP_KERNEL_DIRTY, &except);
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
  struct leg_options options;

  mirror_leg_options (config, &options);
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
      (config->plan || leg_settle (pl->leg) == 0)) {
    probe_zeroes (pl->leg);
    return 0;
  }
  if (errno == EBUSY)
    return -1;
  leg_free (pl->leg);
  pl->leg = NULL;
  return 0;
}

/* An operator has taken it out: others may use it.  But not if it is to be the
 * source.
 */
static bool
is_parked (const struct opening *o, unsigned i)
{
  const struct mirror_config *config = o->in.config;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (o->record.leg[s].parked && config->source_leg != (int) i &&
        strcmp (o->record.leg[s].name, config->leg[i]) == 0)
      return true;
  return false;
}

static void
leave_parked (const struct mirror_config *config, unsigned i,
              struct plan_leg *pl)
{
  pl->name = config->leg[i];
  msg_note ("leg %s: an operator has taken it out of use: it is not opened "
            "before `nbdmirror attach'",
            pl->name);
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
open_all (const struct mirror_config *config, struct opening *o)
{
  struct plan_input *in = &o->in;

  in->config = config;
  in->empty = ask_empty;
  in->same = ask_same;
  in->nr_legs = config->nr_legs;
  o->log = open_log (config);
  if (!o->log)
    return -1;
  dirty_log_get_record (o->log, &o->record);
  in->log = dirty_log_info (o->log);
  in->record = &o->record;
  in->log_flush_number = dirty_log_flush_number (o->log);
  for (unsigned i = 0; i < config->nr_legs; ++i)
    if (is_parked (o, i))
      leave_parked (config, i, &in->leg[i]);
    else if (open_leg (config, i, &in->leg[i]) == -1)
      return -1;
  if (records_ask (in, o->area) == -1)
    return -1;
  return config->plan ? 0 : records_wait (in, o->area, o->log);
}

static void
close_all (struct opening *o)
{
  for (unsigned i = 0; i < o->in.nr_legs; ++i) {
    record_area_close (&o->area[i]);
    leg_free (o->in.leg[i].leg);
  }
  sums_free (&o->sums);
  dirty_log_close (o->log, now_ns ());
}

/* --- building --- */

static void
say_notes (const struct plan *plan)
{
  const char *line = plan->notes;

  while (*line) {
    int n = (int) strcspn (line, "\n");

    msg_note ("%.*s", n, line);
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
state_of (struct dirty_log *log, const struct plan *plan, unsigned slot)
{
  if (!plan->slot[slot].here)
    return MEMBER_MISSING;
  return dirty_log_leg_state (log, slot) == LOG_LEG_IN_SYNC ? MEMBER_IN_SYNC
                                                            : MEMBER_RESYNCING;
}

static void
fill_legs (const struct opening *o, const struct plan *plan,
           struct mirror_leg *legs)
{
  const struct plan_input *in = &o->in;
  unsigned unnamed = in->nr_legs;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    int number = plan->slot[s].leg;

    if (!plan->slot[s].configured)
      continue;
    legs[s].state = state_of (o->log, plan, s);
    if (number >= 0) {
      legs[s].index = (unsigned) number;
      legs[s].name = in->leg[number].name;
      legs[s].leg = in->leg[number].leg;
    }
    else {
      legs[s].index = unnamed++;
      legs[s].name = plan->slot[s].name ? plan->slot[s].name : "";
    }
  }
}

/* They are the mirror's. */
static void
give_away (struct opening *o, const struct plan *plan)
{
  o->log = NULL;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (plan->slot[s].configured && plan->slot[s].leg >= 0)
      o->in.leg[plan->slot[s].leg].leg = NULL;
}

static struct mirror *
build (struct opening *o, const struct plan *plan)
{
  struct mirror_leg legs[LOG_MAX_LEGS] = {0};
  struct mirror *m;

  if (name_absent_legs (&o->in) == -1)
    return NULL;
  fill_legs (o, plan, legs);
  m = mirror_new (o->in.config, o->log, legs, plan->source);
  if (!m)
    return NULL;
  mirror_take_sums (m, &o->sums);
  give_away (o, plan);
  if (records_hand_over (m, &o->in, plan, o->area) == -1) {
    mirror_free (m);
    return NULL;
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (legs[s].leg)
      leg_quiesce (legs[s].leg);
  return m;
}

/* Where the log is lost any region may have been written. */
static int
hold_all (struct dirty_log *log, struct bitset *marked)
{
  uint64_t nr = dirty_log_info (log)->geo.nr_regions;

  bitset_free (marked);
  if (bitset_init (marked, nr) == -1) {
    msg_error ("log: %m");
    return -1;
  }
  bitset_set_range (marked, 0, nr);
  return 0;
}

/* The log's records and marks become what the plan says, but for a new history the
 * source's own record first.
 */
static struct mirror *
carry_out (struct opening *o, struct plan *plan)
{
  struct bitset marked;
  struct mirror *m = NULL;

  if (quarantine_marked (o->log, &marked) == -1)
    return NULL;
  if (sums_open (&o->sums, o->in.config, o->log, plan->geo.size) == 0 &&
      records_begin_history (&o->in, plan, o->area) == 0 &&
      plan_apply (o->log, &o->in, plan) == 0 &&
      (!plan->unclean || hold_all (o->log, &marked) == 0))
    m = build (o, plan);
  if (m && quarantine_init (m, &marked) == -1) {
    mirror_free (m);
    m = NULL;
  }
  bitset_free (&marked);
  return m;
}

static struct mirror *
decide (struct opening *o, FILE *out, bool *plan_ok)
{
  struct plan plan;

  if (plan_make (&o->in, &plan) == -1)
    return NULL;
  if (o->in.config->plan) {
    plan_print (out, o->log, &o->in, &plan);
    *plan_ok = !plan.refuse && !o->in.log->in_use[0];
    return NULL;
  }
  if (plan.refuse) {
    msg_error ("%s", plan.reason);
    return NULL;
  }
  say_notes (&plan);
  return carry_out (o, &plan);
}

struct mirror *
mirror_open (const struct mirror_config *config, FILE *out, bool *plan_ok)
{
  struct opening o = {.log = NULL};
  struct mirror *m = NULL;

  *plan_ok = false;
  sums_init (&o.sums);
  if (same_disk_refuse (config) == 0 && open_all (config, &o) == 0)
    m = decide (&o, out, plan_ok);
  close_all (&o);
  return m;
}
