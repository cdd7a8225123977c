/* SPDX-License-Identifier: BSD-3-Clause */

/* A start with source=N@G that is cut off anywhere: the history that it begins is
 * in the source's record before the log is past G.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "apply.h"
#include "mirror-fixture.h"
#include "open-records.h"
#include "probe.h"
#include "records-init.h"
#include "suite.h"

#define SHIFT 16
#define NR_REGIONS 16
#define SIZE ((uint64_t) NR_REGIONS << SHIFT)

static struct fx *fx;
static struct mirror_config config;
static struct log_info info;
static struct log_record record;
static struct plan_input in;
static struct plan plan;
static struct record_area area[MIRROR_MAX_LEGS];

/* --- two legs that were in-sync, and their records --- */

static struct leg *
leg_with_room (const char *name, uint64_t size)
{
  return mem_leg_new (name, size + RECORD_AREA);
}

static void
write_records (void)
{
  struct records_origin origin = {.keep = 3};

  fx->m->config.log = (char *) "disk:/l";
  for (unsigned i = 0; i < 2; ++i) {
    fx_set_kind (fx, i, LEG_NBD);
    ck_assert_int_eq (record_area_open (&origin.area[i], fx->leg[i], SIZE,
                                        false),
                      0);
  }
  fx->m->limits.size = SIZE;
  ck_assert_int_eq (records_init (fx->m, &origin), 0);
}

static void
setup (void)
{
  fx_make_leg = leg_with_room;
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  write_records ();
  mem_log_observe (fx->log, NULL, NULL);
  config = (struct mirror_config){.log = (char *) "disk:/l",
                                  .nr_legs = 2,
                                  .source_leg = -1,
                                  .leg_timeout = 10,
                                  .flush_timeout = 60};
}

static void
teardown (void)
{
  fx_free (fx);
}

/* --- a start --- */

static int
nothing_is_empty (const struct plan_input *input, unsigned leg, uint64_t size)
{
  (void) input;
  (void) leg;
  (void) size;
  return PROBE_NO;
}

static int
all_is_the_same (const struct plan_input *input,
                 const struct log_geometry *geo, unsigned leg, unsigned slot,
                 unsigned source_leg, unsigned source_slot)
{
  (void) input;
  (void) geo;
  (void) leg;
  (void) slot;
  (void) source_leg;
  (void) source_slot;
  return PROBE_YES;
}

/* As it is stored. */
static void
read_log (void)
{
  struct mem_log_image image;

  mem_log_get_image (fx->log, &image);
  dirty_log_get_record (fx->log, &record);
  record.generation = image.generation;
  record.primary = image.primary;
  for (unsigned s = 0; s < 2; ++s) {
    record.leg[s].state = image.state[s];
    strcpy (record.leg[s].name, fx->leg[s]->name);
  }
  info = *dirty_log_info (fx->log);
  info.unclean = true;
}

static void
plans (void)
{
  read_log ();
  memset (&in, 0, sizeof in);
  in.config = &config;
  in.log = &info;
  in.record = &record;
  in.nr_legs = 2;
  in.empty = nothing_is_empty;
  in.same = all_is_the_same;
  for (unsigned i = 0; i < 2; ++i) {
    record_area_close (&area[i]);
    in.leg[i] = (struct plan_leg){.name = fx->leg[i]->name, .leg = fx->leg[i]};
  }
  ck_assert_int_eq (records_ask (&in, area), 0);
  ck_assert_int_eq (plan_make (&in, &plan), 0);
}

static int
starts (void)
{
  plans ();
  ck_assert_msg (!plan.refuse, "refused: %s", plan.reason);
  return records_begin_history (&in, &plan, area) == 0 &&
             plan_apply (fx->log, &in, &plan) == 0
           ? 0
           : -1;
}

/* --- what stands in the way of the first one --- */

static void
nothing (void)
{
}

static void
the_record_can_not_be_written (void)
{
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, MEM_LEG_ALWAYS, EIO);
}

static void
the_log_can_not_be_flushed (void)
{
  mem_log_fail (fx->log, MEM_LOG_FLUSH, 1, EIO);
}

static void
the_source_can_not_be_flushed (void)
{
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 2, 1, EIO); /* after the record */
}

static void
the_log_can_not_be_committed (void)
{
  mem_log_fail (fx->log, MEM_LOG_COMMIT, 1, EIO);
}

static void
the_log_is_stored_in_part (void)
{
  mem_log_fail (fx->log, MEM_LOG_RAISE, 1, EIO);
}

static const struct {
  void (*happens) (void);
  bool ends; /* the start */
} steps[] = {
  {the_record_can_not_be_written, true},
  {the_log_can_not_be_flushed, true},
  {the_source_can_not_be_flushed, true},
  {the_log_can_not_be_committed, true},
  {the_log_is_stored_in_part, true},
  {nothing, false}, /* killed before the first records of the new run */
};

static uint64_t
stored_generation (void)
{
  struct mem_log_image image;

  mem_log_get_image (fx->log, &image);
  return image.generation;
}

static struct leg_record
stable_record (unsigned leg)
{
  uint8_t buf[2 * RECORD_SLOT_SIZE];
  struct leg_record r;
  unsigned next;

  mem_leg_read_stable (fx->leg[leg], buf, SIZE, sizeof buf);
  ck_assert_int_eq (record_decode_area (&r, buf, &next), RECORD_VALID);
  return r;
}

/* Leg 1 is the only one in-sync, and away; leg 0 is to count. */
static void
plans_with_leg_0 (void)
{
  dirty_log_leg_failed (fx->log, 0);
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  config.source_leg = 0;
  config.source_generation = stored_generation ();
  plans ();
  in.leg[1].leg = NULL;
  ck_assert_int_eq (plan_make (&in, &plan), 0);
  ck_assert_msg (!plan.refuse, "refused: %s", plan.reason);
  ck_assert_uint_eq (plan.history_left, config.source_generation);
}

/* False: nothing was begun. */
static bool
is_cut_off (unsigned step)
{
  int r;

  steps[step].happens ();
  r = records_begin_history (&in, &plan, area);
  if (r == 0)
    ck_assert_int_eq (plan_apply (fx->log, &in, &plan),
                      steps[step].ends ? -1 : 0);
  mem_leg_forget_rules (fx->leg[0]);
  leg_close (fx->leg[0]);
  ck_assert_int_eq (leg_open (fx->leg[0], 0), 0);
  return r == 0;
}

LOOP_TEST (the_history_is_never_behind_the_log, sizeof steps / sizeof steps[0])
{
  struct leg_record before = stable_record (0), after;
  uint64_t left;

  plans_with_leg_0 ();
  left = stored_generation ();
  is_cut_off ((unsigned) _i);
  if (stored_generation () == left)
    return;
  after = stable_record (0);
  ck_assert_mem_ne (after.history, before.history, RECORD_ID_SIZE);
  ck_assert_mem_eq (after.parent, before.history, RECORD_ID_SIZE);
  ck_assert_uint_eq (after.parent_generation, left);
  ck_assert_uint_le (after.generation, stored_generation ());
}

/* The word was given: a later start without it goes on from the source. */
LOOP_TEST (the_next_start_goes_on_with_it, sizeof steps / sizeof steps[0])
{
  bool begun;

  plans_with_leg_0 ();
  begun = is_cut_off ((unsigned) _i);
  config.source_leg = -1;
  ck_assert_int_eq (starts (), 0);
  if (!begun) {
    ck_assert_uint_eq (plan.source, 1); /* nothing has happened */
    return;
  }
  ck_assert_uint_eq (plan.source, 0);
  ck_assert_mem_eq (plan.history, stable_record (0).history, RECORD_ID_SIZE);
  ck_assert_uint_eq (plan.history_left, 0);
}

static struct suite_group tests = {.setup = setup,
                                   .teardown = teardown,
                                   .timeout = 60};

int
main (void)
{
  return suite_main ("new-history");
}
