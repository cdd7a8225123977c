/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan-scene.h"

struct scene *scene;

static int
answer_empty (const struct plan_input *in, unsigned leg, uint64_t size)
{
  ck_assert_ptr_eq (in, &scene->in);
  ck_assert_ptr_nonnull (in->leg[leg].leg);
  ck_assert_uint_gt (size, 0);
  scene->empty_asked |= 1u << leg;
  if (size == in->leg[leg].leg->size && scene->data_at_end >> leg & 1)
    return PROBE_NO;
  return (int) scene->empty[leg];
}

static int
answer_same (const struct plan_input *in, const struct log_geometry *geo,
             unsigned leg, unsigned slot, unsigned source_leg,
             unsigned source_slot)
{
  if (in->log->geo.nr_regions > 0)
    ck_assert_uint_eq (geo->nr_regions, in->log->geo.nr_regions);
  ck_assert_uint_eq (geo->size, LEG_SIZE);
  ck_assert_ptr_nonnull (in->leg[leg].leg);
  ck_assert_ptr_nonnull (in->leg[source_leg].leg);
  ck_assert_uint_ne (leg, source_leg);
  ck_assert_uint_ne (slot, source_slot);
  scene->same_asked |= 1u << leg;
  return (int) scene->same[leg];
}

/* --- building a scene --- */

void
name_leg (unsigned i, const char *name, uint8_t id)
{
  struct leg *leg = &scene->leg[i];

  leg->name = (char *) name;
  leg->kind = LEG_FILE;
  leg->size = LEG_SIZE;
  leg->min_block = 512;
  leg->id[0] = id;
  scene->in.leg[i] = (struct plan_leg){.name = name, .leg = leg};
  if (scene->in.nr_legs <= i)
    scene->in.nr_legs = scene->config.nr_legs = i + 1;
}

void
absent (unsigned i)
{
  scene->in.leg[i].leg = NULL;
}

void
missing_word (unsigned i)
{
  scene->in.leg[i] = (struct plan_leg){.name = "missing", .missing = true};
  if (scene->in.nr_legs <= i)
    scene->in.nr_legs = scene->config.nr_legs = i + 1;
}

void
found (enum log_found how)
{
  scene->log.found = how;
  scene->log.name = "/l";
}

void
record (unsigned slot, enum log_leg_state state, const char *name, uint8_t id)
{
  struct log_leg *rec = &scene->record.leg[slot];

  rec->state = state;
  rec->kind = LEG_FILE;
  rec->id[0] = id;
  rec->size = LEG_SIZE;
  rec->generation = scene->record.generation;
  snprintf (rec->name, sizeof rec->name, "%s", name);
}

void
our_log (void)
{
  found (LOG_FOUND_OURS);
  scene->log.geo = (struct log_geometry){LEG_SIZE, REGION, NR_REGIONS};
  scene->record.generation = 5;
  record (0, LOG_LEG_IN_SYNC, "/a", 1);
  record (1, LOG_LEG_IN_SYNC, "/b", 2);
}

void
kernel_log (void)
{
  found (LOG_FOUND_KERNEL);
  scene->log.geo = (struct log_geometry){.nr_regions = NR_REGIONS};
}

void
scene_setup (void)
{
  scene = calloc (1, sizeof *scene);
  ck_assert_ptr_nonnull (scene);
  scene->config.source_leg = -1;
  scene->config.log = "disk:/old"; /* as in records */
  scene->in.config = &scene->config;
  scene->in.log = &scene->log;
  scene->in.record = &scene->record;
  scene->in.empty = answer_empty;
  scene->in.same = answer_same;
  for (unsigned i = 0; i < MIRROR_MAX_LEGS; ++i) {
    scene->empty[i] = PROBE_NO;
    scene->same[i] = PROBE_YES;
  }
  found (LOG_FOUND_NEW);
  name_leg (0, "/a", 1);
  name_leg (1, "/b", 2);
}

void
scene_teardown (void)
{
  free (scene);
}

void
kernel_used_our_log (void)
{
  our_log ();
  found (LOG_FOUND_KERNEL_SINCE);
}

void
damaged_log (void)
{
  found (LOG_FOUND_DAMAGED);
}

void
core_log (void)
{
  found (LOG_FOUND_NEW);
  scene->log.name = "";
}

void
override (int leg, uint64_t generation)
{
  scene->config.source_leg = leg;
  scene->config.source_generation = generation;
}

/* --- what is expected of the plan --- */

void
decide (void)
{
  ck_assert_int_eq (plan_make (&scene->in, &scene->plan), 0);
}

void
serves (unsigned source)
{
  decide ();
  ck_assert_msg (!scene->plan.refuse, "refused: %s", scene->plan.reason);
  ck_assert_str_eq (scene->plan.reason, "");
  ck_assert_uint_eq (scene->plan.source, source);
}

void
refuses (const char *words)
{
  decide ();
  ck_assert (scene->plan.refuse);
  ck_assert_msg (strstr (scene->plan.reason, words) != NULL,
                 "\"%s\" is not in: %s", words, scene->plan.reason);
  ck_assert_ptr_null (strchr (scene->plan.reason, '\n'));
}

void
also_says (const char *words)
{
  ck_assert_msg (strstr (scene->plan.reason, words) != NULL,
                 "\"%s\" is not in: %s", words, scene->plan.reason);
}

void
does_not_say (const char *words)
{
  ck_assert_msg (strstr (scene->plan.reason, words) == NULL,
                 "\"%s\" is in: %s", words, scene->plan.reason);
}

void
notes (const char *words)
{
  ck_assert_msg (strstr (scene->plan.notes, words) != NULL,
                 "\"%s\" is not in: %s", words, scene->plan.notes);
}

void
slot_is (unsigned slot, int leg, bool here, bool fresh, enum plan_miss miss)
{
  const struct plan_slot *ps = &scene->plan.slot[slot];

  ck_assert (ps->configured);
  ck_assert_int_eq (ps->leg, leg);
  ck_assert_int_eq (ps->here, here);
  ck_assert_int_eq (ps->fresh, fresh);
  ck_assert_int_eq ((int) ps->miss, (int) miss);
}

void
slot_is_free (unsigned slot)
{
  ck_assert (!scene->plan.slot[slot].configured);
}
