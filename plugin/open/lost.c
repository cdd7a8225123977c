/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lost.h"
#include "plan-newest.h"
#include "probe.h"
#include "record-order.h"

/* --- the questions --- */

static int
ask_empty (const struct plan_input *in, unsigned leg, uint64_t size)
{
  const struct plan_input *asked = ((const struct lost *) in)->asked;

  return asked->empty (asked, leg, size);
}

/* An older copy of the log knows regions where legs may differ, but only for
 * its own geometry.
 */
static int
ask_same (const struct plan_input *in, const struct log_geometry *geo,
          unsigned leg, unsigned slot, unsigned source_leg,
          unsigned source_slot)
{
  const struct plan_input *asked = ((const struct lost *) in)->asked;
  const struct log_geometry *known = &asked->log->geo;

  if (known->nr_regions > 0 && (known->nr_regions != geo->nr_regions ||
                                known->region_size != geo->region_size))
    return PROBE_NO_EVIDENCE;
  return asked->same (asked, geo, leg, slot, source_leg, source_slot);
}

/* --- what stands in for the log --- */

/* A name that was cut off is that of a leg which begins like it. */
static const char *
recorded_name (const struct lost *l, unsigned slot)
{
  const char *name = l->newest->name[slot];
  size_t len = strlen (name);

  for (unsigned i = 0; i < l->in.nr_legs && len == RECORD_NAME_SIZE - 1; ++i)
    if (strncmp (l->in.leg[i].name, name, len) == 0)
      return l->in.leg[i].name;
  return name;
}

static void
fill_leg (struct lost *l, unsigned slot)
{
  struct log_leg *leg = &l->record.leg[slot];

  if (!(l->newest->configured >> slot & 1))
    return;
  leg->state =
    l->newest->in_sync >> slot & 1 ? LOG_LEG_IN_SYNC : LOG_LEG_STALE;
  leg->kind = LEG_MISSING; /* no identity is known */
  snprintf (leg->name, sizeof leg->name, "%s", recorded_name (l, slot));
}

static void
fill_geometry (struct lost *l)
{
  struct log_geometry *geo = &l->log.geo;

  geo->size = l->newest->size;
  geo->region_size = l->asked->config->region_size > 0
                       ? (uint32_t) l->asked->config->region_size
                       : l->newest->region_size;
  geo->nr_regions =
    geo->size / geo->region_size + (geo->size % geo->region_size != 0);
}

/* Beyond all that anybody has seen. */
static uint64_t
last_generation (const struct plan_input *in)
{
  uint64_t last = in->record->generation;

  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_record *r = plan_leg_record (in, i);

    if (r && r->generation > last)
      last = r->generation;
    if (r && in->leg[i].has_beat && in->leg[i].beat.generation > last &&
        record_same_id (in->leg[i].beat.mirror, r->mirror))
      last = in->leg[i].beat.generation;
  }
  return last;
}

void
lost_init (struct lost *l, const struct plan_input *in, struct plan *plan)
{
  memset (l, 0, sizeof *l);
  l->asked = in;
  l->plan = plan;
  l->two_lines = plan->newest == PLAN_TWO_LINES;
  l->in = *in;
  l->in.empty = ask_empty;
  l->in.same = ask_same;
  l->in.log = &l->log;
  l->in.record = &l->record;
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (!plan_leg_record (in, i))
      l->in.leg[i].record_verdict = RECORD_NONE;
  l->log.name = in->log->name;
  l->log.found = LOG_FOUND_NEW;
  l->record.generation = last_generation (in);
}

void
lost_take_newest (struct lost *l, unsigned leg)
{
  l->plan->newest = (int) leg;
  l->newest = &l->in.leg[leg].record;
  memcpy (l->log.uuid, l->newest->mirror, sizeof l->log.uuid);
  l->record.primary = l->newest->primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    fill_leg (l, s);
  fill_geometry (l);
}

/* --- what it says --- */

const char *
lost_log_name (const struct lost *l)
{
  return l->asked->log->name[0] ? l->asked->log->name : "core";
}

bool
lost_is_core (const struct lost *l)
{
  return l->asked->log->name[0] == 0;
}

bool
lost_seen (const struct lost *l, unsigned slot)
{
  const struct plan_slot *ps = &l->plan->slot[slot];

  return ps->here && plan_record_says (&l->in, l->plan, (unsigned) ps->leg,
                                       slot) == SAYS_YES;
}

bool
lost_never_recorded (const struct lost *l, unsigned slot)
{
  return l->asked->log->found == LOG_FOUND_NEW &&
         (l->newest->configured >> slot & 1) &&
         record_no_id (l->newest->legs[slot]);
}

bool
lost_may_vouch (const struct lost *l, unsigned slot)
{
  const struct plan_slot *ps = &l->plan->slot[slot];

  return lost_never_recorded (l, slot) && lost_in_sync (l, slot) && ps->here &&
         !plan_leg_record (&l->in, (unsigned) ps->leg);
}

bool
lost_needs_no_word (const struct lost *l, unsigned slot)
{
  const struct plan_slot *ps = &l->plan->slot[slot];

  return lost_is_core (l) && lost_never_recorded (l, slot) && ps->here &&
         !plan_leg_record (&l->in, (unsigned) ps->leg) &&
         strcmp (l->record.leg[slot].name, l->in.leg[ps->leg].name) == 0;
}

bool
lost_in_sync (const struct lost *l, unsigned slot)
{
  return l->newest->in_sync >> slot & 1;
}

bool
lost_ended_cleanly (const struct lost *l)
{
  bool clean = true;

  for (unsigned s = 0; s < LOG_MAX_LEGS && clean; ++s) {
    const struct leg_record *r;

    if (!lost_in_sync (l, s))
      continue;
    r = lost_seen (l, s) ? &l->in.leg[l->plan->slot[s].leg].record : NULL;
    clean = r && (r->flags & RECORD_CLEAN) &&
            r->generation == l->newest->generation &&
            r->sequence == l->newest->sequence;
  }
  return clean;
}
