/* SPDX-License-Identifier: BSD-3-Clause */

/* Rule S22 and the rest of what start-up does to the log: the plan made
 * durable, in an order that a power failure may interrupt anywhere.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "apply.h"
#include "cleanup.h"
#include "mirror-fixture.h"
#include "suite.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

/* The fixture's legs and log; its mirror is not used. */
static struct fx *fx;
static struct log_record record;
static struct plan_input in;
static struct plan plan;

static void
setup (void)
{
  fx = fx_new (3, NR_REGIONS, SHIFT, 0);
  dirty_log_get_record (fx->log, &record);
  in = (struct plan_input){
    .log = dirty_log_info (fx->log), .record = &record, .nr_legs = 3};
  plan = (struct plan){.geo = in.log->geo};
  for (unsigned i = 0; i < 3; ++i) {
    in.leg[i] = (struct plan_leg){.name = fx->leg[i]->name, .leg = fx->leg[i]};
    plan.slot[i] =
      (struct plan_slot){.configured = true, .leg = (int) i, .here = true};
  }
}

static void
teardown (void)
{
  fx_free (fx);
}

/* Marked regions 3 and 5, as an unclean end leaves them. */
static void
unclean (void)
{
  dirty_log_mark (fx->log, 3);
  dirty_log_mark (fx->log, 5);
  ck_assert_int_eq (dirty_log_commit (fx->log, NO_DEADLINE), 0);
}

static void
absent (unsigned slot)
{
  in.leg[slot].leg = NULL;
  plan.slot[slot].here = false;
}

static void
applies (void)
{
  ck_assert_int_eq (plan_apply (fx->log, &in, &plan), 0);
}

static void
misses_just (unsigned slot, unsigned first, unsigned second)
{
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    ck_assert_int_eq (fx_image_missed (fx, slot, r),
                      r == first || r == second);
}

TEST (s22_a_clean_log_stays_as_it_is)
{
  applies ();
  for (unsigned s = 0; s < 3; ++s)
    ck_assert_int_eq (fx_image_state (fx, s), LOG_LEG_IN_SYNC);
}

TEST (s22_marked_regions_are_missed_by_all_but_the_source)
{
  unclean ();
  plan.source = 1;
  applies ();
  misses_just (0, 3, 5);
  misses_just (2, 3, 5);
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_STALE);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_IN_SYNC);
  ck_assert (!fx_image_missed (fx, 1, 3));
  ck_assert (!fx_image_marked (fx, 3));
  ck_assert (!fx_image_marked (fx, 5));
}

TEST (s22_absent_and_stale_legs_miss_them_too)
{
  dirty_log_set_region_sync (fx->log, 2, 1, 1, false);
  unclean ();
  absent (1);
  absent (2);
  applies ();
  misses_just (1, 3, 5);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  ck_assert (fx_image_missed (fx, 2, 1));
  ck_assert (fx_image_missed (fx, 2, 3));
}

TEST (s22_an_absent_leg_of_a_clean_log_becomes_stale)
{
  absent (1);
  applies ();
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  misses_just (1, NR_REGIONS, NR_REGIONS);
}

static void *
apply_thread (void *arg)
{
  int *result = arg;

  *result = plan_apply (fx->log, &in, &plan);
  return NULL;
}

/* The source's cache may hold what was written before the end. */
TEST (s22_marks_go_only_after_the_missed_maps_and_a_flush_of_the_source)
{
  pthread_t thread;
  int result = -1;

  unclean ();
  mem_log_hold (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT);
  mem_leg_hold (fx->leg[0], LEG_FLUSH, 1, 1);
  thread = thread_run (apply_thread, &result);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_FLUSH), 0);
  ck_assert (fx_image_marked (fx, 3));

  mem_log_release (fx->log, 1);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  ck_assert (fx_image_missed (fx, 1, 3));
  ck_assert (fx_image_missed (fx, 2, 5));
  ck_assert (fx_image_marked (fx, 3));
  ck_assert (!fx_is_clean (fx, 3));

  mem_log_hold (fx->log, 0);
  mem_leg_release (fx->leg[0], 1, 0);
  pthread_join (thread, NULL);
  ck_assert_int_eq (result, 0);
  ck_assert (!fx_image_marked (fx, 3));
}

/* A crash before the quarantine is over must find them. */
TEST (s21_marks_stay_while_a_write_may_land_on_the_source)
{
  unclean ();
  mem_log_found_unclean (fx->log);
  fx_set_kind (fx, 0, LEG_NBD);
  applies ();
  ck_assert (fx_image_marked (fx, 3));
  ck_assert (fx_image_missed (fx, 1, 3));
}

TEST (s22_a_source_that_cannot_be_flushed_refuses)
{
  unclean ();
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  ck_assert_int_eq (plan_apply (fx->log, &in, &plan), -1);
  ck_assert (fx_image_marked (fx, 3));
}

TEST (s22_a_log_that_cannot_be_written_refuses)
{
  unclean ();
  mem_log_fail (fx->log, MEM_LOG_FLUSH, 1, EIO);
  ck_assert_int_eq (plan_apply (fx->log, &in, &plan), -1);
  ck_assert (fx_image_marked (fx, 3));
  ck_assert (!fx_image_missed (fx, 1, 3));
}

/* The source had missed region 1, which the others have; what the source
 * did alone is in the others' maps already.
 */
TEST (an_override_unites_the_missed_maps)
{
  struct mem_log_image image;

  dirty_log_set_region_sync (fx->log, 1, 1, 1, false);
  dirty_log_set_region_sync (fx->log, 2, 2, 1, false);
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  mem_log_observe (fx->log, NULL, NULL); /* the old source is gone */
  absent (0);
  plan.source = 1;
  plan.diverged = true;
  plan.generation = 40;
  applies ();
  mem_log_get_image (fx->log, &image);
  ck_assert_uint_ge (image.generation, 40);
  ck_assert_uint_eq (image.primary, 1);
  ck_assert_int_eq (image.state[0], LOG_LEG_STALE);
  ck_assert_int_eq (image.state[1], LOG_LEG_IN_SYNC);
  ck_assert_int_eq (image.state[2], LOG_LEG_STALE);
  misses_just (0, 1, 1);
  misses_just (1, NR_REGIONS, NR_REGIONS);
  misses_just (2, 1, 2);
}

TEST (an_override_beside_a_new_place)
{
  mem_log_observe (fx->log, NULL, NULL);
  absent (0);
  in.leg[3] = (struct plan_leg){.name = "missing", .missing = true};
  in.nr_legs = 4;
  plan.source = 1;
  plan.diverged = true;
  plan.generation = 40;
  plan.slot[3] = (struct plan_slot){
    .configured = true, .leg = 3, .fresh = true, .miss = MISS_ALL};
  applies ();
  ck_assert_int_eq (fx_image_state (fx, 3), LOG_LEG_STALE);
  ck_assert (fx_image_missed (fx, 3, 0));
}

TEST (a_full_copy_misses_everything)
{
  plan.slot[2].miss = MISS_ALL;
  applies ();
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    ck_assert (fx_image_missed (fx, 2, r));
  misses_just (1, NR_REGIONS, NR_REGIONS);
}

/* What was known of the slot is void. */
TEST (a_fresh_leg_misses_everything)
{
  plan.slot[2] = (struct plan_slot){.configured = true,
                                    .leg = 2,
                                    .here = true,
                                    .fresh = true,
                                    .miss = MISS_ALL};
  applies ();
  ck_assert_int_eq (fx_image_state (fx, 2), LOG_LEG_STALE);
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    ck_assert (fx_image_missed (fx, 2, r));
}

TEST (growing_is_missed_by_all_but_the_source)
{
  plan.grow = true;
  plan.geo.size += 2 * REGION;
  plan.geo.nr_regions += 2;
  mem_log_observe (fx->log, NULL, NULL); /* the legs did not grow */
  applies ();
  ck_assert (!fx_image_missed (fx, 0, NR_REGIONS));
  ck_assert (fx_image_missed (fx, 1, NR_REGIONS));
  ck_assert (fx_image_missed (fx, 2, NR_REGIONS + 1));
  ck_assert (!fx_image_missed (fx, 1, NR_REGIONS - 1));
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_IN_SYNC);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
}

/* The kernel's bits count, our marks do not. */
TEST (after_the_kernel_its_dirty_regions_are_missed)
{
  unclean ();
  mem_log_found_kernel_since (fx->log, 7);
  mem_log_observe (fx->log, NULL, NULL);
  plan.kernel_used = true;
  plan.slot[1].miss = plan.slot[2].miss = MISS_KERNEL_DIRTY;
  applies ();
  misses_just (1, 7, 7);
  misses_just (2, 7, 7);
  ck_assert (!fx_image_marked (fx, 3));
}

/* --- a new life --- */

static void
new_life (enum plan_miss miss)
{
  plan.create = true;
  plan.generation = 1;
  for (unsigned s = 0; s < 3; ++s) {
    plan.slot[s].fresh = true;
    plan.slot[s].miss = s == 0 ? MISS_NOTHING_MORE : miss;
  }
}

TEST (sync_none_makes_all_in_sync)
{
  new_life (MISS_NOTHING_MORE);
  applies ();
  for (unsigned s = 0; s < 3; ++s)
    ck_assert_int_eq (fx_image_state (fx, s), LOG_LEG_IN_SYNC);
}

TEST (empty_legs_miss_what_the_source_has)
{
  fx_fill (fx, 0, 3 * REGION - BLOCK, BLOCK, 'a');
  fx_fill (fx, 0, 9 * REGION, BLOCK, 'a');
  mem_log_observe (fx->log, NULL, NULL);
  new_life (MISS_DATA);
  applies ();
  misses_just (1, 2, 9);
  misses_just (2, 2, 9);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
}

TEST (legs_without_any_data_are_in_sync_at_once)
{
  new_life (MISS_DATA);
  applies ();
  ck_assert_int_eq (fx_image_state (fx, 2), LOG_LEG_IN_SYNC);
}

TEST (the_kernel_s_dirty_regions_survive_the_new_life)
{
  dirty_log_mark (fx->log, 6);
  new_life (MISS_KERNEL_DIRTY);
  applies ();
  misses_just (1, 6, 6);
  ck_assert (!fx_image_marked (fx, 6));
}

/* The legs' records: the log is lost, and the mirror goes on. */
static void
old_mirror (void)
{
  new_life (MISS_ALL);
  memset (plan.mirror, 7, sizeof plan.mirror);
  plan.generation = 9;
}

TEST (a_new_life_of_an_old_mirror_has_its_uuid)
{
  uint8_t old[RECORD_ID_SIZE];

  old_mirror ();
  applies ();
  ck_assert_mem_eq (dirty_log_info (fx->log)->uuid, plan.mirror,
                    sizeof plan.mirror);
  dirty_log_get_record (fx->log, &record);
  ck_assert_uint_eq (record.generation, 9);
  new_life (MISS_ALL);
  memcpy (old, plan.mirror, sizeof old);
  memset (plan.mirror, 0, sizeof plan.mirror);
  applies ();
  ck_assert_mem_ne (dirty_log_info (fx->log)->uuid, old, sizeof old);
}

TEST (a_leg_that_nobody_named_keeps_its_name)
{
  old_mirror ();
  plan.slot[1] =
    (struct plan_slot){.configured = true, .leg = -1, .name = "/recorded"};
  in.leg[2] = (struct plan_leg){.name = "missing", .missing = true};
  plan.slot[2] =
    (struct plan_slot){.configured = true, .leg = 2, .name = "/other"};
  plan.slot[1].miss = plan.slot[2].miss = MISS_ALL;
  mem_log_observe (fx->log, NULL, NULL);
  applies ();
  dirty_log_get_record (fx->log, &record);
  ck_assert_str_eq (record.leg[1].name, "/recorded");
  ck_assert_str_eq (record.leg[2].name, "/other");
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
}

/* What it holds is the truth from now on. */
TEST (s22_the_source_is_flushed_before_an_unclean_old_mirror_goes_on)
{
  old_mirror ();
  plan.unclean = true;
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  ck_assert_int_eq (plan_apply (fx->log, &in, &plan), -1);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("apply");
}
