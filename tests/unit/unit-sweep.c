/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules S3 and S18: the one place that raises trust.  The fixture looks at
 * the crash image after every step of the log.
 */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "member-state.h"
#include "mirror-fixture.h"
#include "resync.h"
#include "suite.h"
#include "sweep.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

/* Two in-sync legs. */
static struct fx *fx;

static void
setup (void)
{
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
}

static void
teardown (void)
{
  fx_free (fx);
}

static void
lose (unsigned leg)
{
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

/* --- S3: clears --- */

TEST (s3_an_idle_region_is_cleared)
{
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (fx_is_clean (fx, 0));
  ck_assert (!fx_image_marked (fx, 0));
  ck_assert_uint_eq (fx->m->hot.count, 0);
}

TEST (s3_a_cleared_region_is_marked_again_by_the_next_write)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  sweep (fx->m, true, NO_DEADLINE);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 1);
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert (fx_image_marked (fx, 0));
}

TEST (s3_no_clear_while_a_write_is_pending)
{
  struct op op;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (!fx_is_clean (fx, 0));
  ck_assert (fx_image_marked (fx, 0));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&op);
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (fx_is_clean (fx, 0));
}

TEST (s3_no_clear_before_every_leg_is_flushed)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, 1);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_FLUSH), 1);
  ck_assert (!fx_is_clean (fx, 0));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&op);
  ck_assert (fx_is_clean (fx, 0));
}

TEST (s3_no_clear_if_the_last_leg_cannot_be_flushed)
{
  lose (1);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (!fx_is_clean (fx, 0));
  sweep (fx->m, true,
         NO_DEADLINE); /* a second flush that succeeds proves nothing */
  ck_assert (!fx_is_clean (fx, 0));
}

/* The write is on the legs, but the flush may not have covered it. */
TEST (s3_a_write_during_the_flush_keeps_its_mark)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_hold (fx->leg[0], LEG_FLUSH, 1, 1);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  ck_assert (!fx_is_clean (fx, 0));
  ck_assert (fx_image_marked (fx, 0));
}

TEST (s3_a_leg_outside_misses_the_region_durably_before_the_clear)
{
  struct op op;

  lose (1);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (!fx_misses (fx, 1, 0));
  mem_log_hold (fx->log, MEM_LOG_COMMIT);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert (fx_image_missed (fx, 1, 0));
  ck_assert (fx_image_marked (fx, 0));
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert (fx_image_missed (fx, 1, 0));
  ck_assert (!fx_image_marked (fx, 0));
}

TEST (s3_no_clear_if_the_missed_map_cannot_be_stored)
{
  lose (1);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_log_fail (fx->log, MEM_LOG_FLUSH, 1, EIO);
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (!fx_is_clean (fx, 0));
}

TEST (s3_a_leg_that_fails_during_the_flush_prevents_the_clear)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_hold (fx->leg[0], LEG_FLUSH, 1, 1);
  op_start (fx, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  lose (1);
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  ck_assert (!fx_is_clean (fx, 0));
  ck_assert (fx_misses (fx, 1, 0));
}

TEST (s3_a_clear_that_could_not_be_stored_costs_a_mark_not_data)
{
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_log_fail (fx->log, MEM_LOG_RAISE, 1, EIO);
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (fx_image_marked (fx, 0));
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (fx_image_marked (fx, 0));
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (!fx_image_marked (fx, 0));
}

TEST (clears_are_lazy)
{
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  sweep (fx->m, false, NO_DEADLINE);
  ck_assert (!fx_is_clean (fx, 0));
}

TEST (clears_are_not_lazy_when_the_hot_set_is_full)
{
  fx->m->max_hot = 2;
  do_succeeds (fx, OP_WRITE, 0, 3 * REGION, 'a');
  ck_assert (fx->m->wake_worker);
  sweep (fx->m, false, NO_DEADLINE);
  ck_assert_uint_eq (fx->m->hot.count, 0);
}

TEST (nothing_to_do_flushes_no_leg)
{
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_FLUSH), 0);
}

/* --- S18: resynced regions, promotion --- */

static struct fx *
two_legs_the_second_stale (void)
{
  struct fx *stale = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  for (unsigned r = 0; r < NR_REGIONS; ++r)
    fx_fill (stale, 0, r * REGION, REGION, 'A' + (int) r);
  return stale;
}

static bool
all_copied (struct fx *f)
{
  struct resync *rs = &f->m->resync;
  CLEANUP_LOCK (&f->m->lock);

  return rs->busy == 0 && rs->copied_regions == NR_REGIONS;
}

/* Copy everything; the copiers stay, the sweep is the test's. */
static void
copy_all (struct fx *f)
{
  ck_assert_int_eq (resync_start (f->m), 0);
  WAIT_FOR (all_copied (f));
}

TEST (s18_a_target_becomes_in_sync_after_flush_and_commit)
{
  struct fx *f = two_legs_the_second_stale ();
  struct op op;

  copy_all (f);
  ck_assert (fx_misses (f, 1, 0));

  mem_leg_hold (f->leg[1], LEG_FLUSH, 1, 1);
  mem_log_hold (f->log, MEM_LOG_COMMIT | MEM_LOG_RAISE);
  op_start (f, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (f->leg[1], 1));
  ck_assert (fx_misses (f, 1, 0)); /* not before the target is flushed */

  mem_leg_release (f->leg[1], 1, 0);
  ck_assert (mem_log_wait_inside (f->log, 1)); /* commit of the regions */
  ck_assert (fx_image_missed (f, 1, 0));
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  mem_log_release (f->log, 2);
  WAIT_FOR (!fx_image_missed (f, 1, 0));
  ck_assert_int_eq (fx_image_state (f, 1), LOG_LEG_STALE);

  ck_assert (mem_log_wait_inside (f->log, 1)); /* commit of the leg */
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  mem_log_hold (f->log, 0);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_in_sync (f), 3);
  ck_assert_int_eq (fx_image_state (f, 1), LOG_LEG_IN_SYNC);
  ck_assert (fx_same (f, 0, 1));
  fx_free (f);
}

TEST (s18_a_target_whose_flush_fails_is_not_promoted)
{
  struct fx *f = two_legs_the_second_stale ();

  copy_all (f);
  mem_leg_fail (f->leg[1], LEG_FLUSH, 1, 1, EIO);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  ck_assert_uint_eq (fx_failed (f), 1u << 1);
  ck_assert (fx_misses (f, 1, 0));
  fx_free (f);
}

TEST (s18_a_source_that_cannot_be_flushed_raises_nothing)
{
  struct fx *f = two_legs_the_second_stale ();

  copy_all (f);
  mem_leg_fail (f->leg[0], LEG_FLUSH, 1, 1, EIO);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  ck_assert (fx_misses (f, 1, 0));
  fx_free (f);
}

TEST (s18_a_commit_that_fails_prevents_the_promotion)
{
  struct fx *f = two_legs_the_second_stale ();

  copy_all (f);
  mem_log_fail (f->log, MEM_LOG_COMMIT, UINT32_MAX, EIO);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  ck_assert_int_eq (fx_image_state (f, 1), LOG_LEG_STALE);
  mem_log_fail (f->log, 0, 0, 0);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_in_sync (f), 3);
  fx_free (f);
}

static bool
is_promoting (struct fx *f)
{
  CLEANUP_LOCK (&f->m->lock);
  return f->m->promoting != 0;
}

TEST (s18_a_failure_between_record_and_announcement_prevents_it)
{
  struct fx *f = two_legs_the_second_stale ();
  struct op op;

  copy_all (f);
  mem_log_hold (f->log, MEM_LOG_COMMIT);
  op_start (f, &op, OP_SWEEP, 0, 0, 0);
  mem_log_release (f->log, 1);
  WAIT_FOR (!fx_image_missed (f, 1, 0));
  WAIT_FOR (is_promoting (f));
  ck_assert (mem_log_wait_inside (f->log, 1)); /* that of the leg's record */
  leg_lose (f->leg[1], ECONNRESET, "the test says so");
  mem_log_hold (f->log, 0);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  ck_assert_uint_eq (fx_failed (f), 1u << 1);
  do_succeeds (f, OP_WRITE, 0, BLOCK, 'z'); /* records the failure */
  ck_assert_int_eq (fx_image_state (f, 1), LOG_LEG_STALE);
  fx_free (f);
}

/* The write fails on the source only, so the target misses it again. */
TEST (s18_an_eio_between_record_and_announcement_prevents_it)
{
  struct fx *f = two_legs_the_second_stale ();
  struct op op, write;

  copy_all (f);
  mem_leg_hold (f->leg[1], LEG_FLUSH, 1, 1);
  op_start (f, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (f->leg[1], 1));
  do_succeeds (f, OP_WRITE, 0, BLOCK, 'a'); /* keeps its mark */
  mem_log_hold (f->log, MEM_LOG_COMMIT);
  mem_log_release (f->log, 1);
  mem_leg_release (f->leg[1], 1, 0);
  WAIT_FOR (!fx_image_missed (f, 1, 0));
  WAIT_FOR (is_promoting (f));
  ck_assert (mem_log_wait_inside (f->log, 1)); /* commit of the leg */
  mem_leg_fail (f->leg[0], LEG_WRITE, 1, 1, EIO);
  op_start (f, &write, OP_WRITE, 0, BLOCK, 'y');
  WAIT_FOR (fx_misses (f, 1, 0));
  ck_assert (mem_log_wait_inside (f->log, 2)); /* the write's own record */
  ck_assert (!op_ended (&write));
  mem_log_hold (f->log, 0);
  op_fails (&write, EIO);
  ck_assert_int_eq (fx_image_state (f, 1), LOG_LEG_STALE);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  ck_assert_uint_eq (fx_resyncing (f), 1u << 1);
  ck_assert (fx_misses (f, 1, 0));
  fx_free (f);
}

/* While the sweep waits for the legs' flush, a write to a copied region
 * succeeds on the target and fails on the source.
 */
TEST (s18_a_run_that_is_spoiled_during_the_sweep_stays_missed)
{
  struct fx *f = two_legs_the_second_stale ();
  struct op op;

  copy_all (f);
  mem_leg_hold (f->leg[1], LEG_FLUSH, 1, 1);
  op_start (f, &op, OP_SWEEP, 0, 0, 0);
  ck_assert (mem_leg_wait_held (f->leg[1], 1));
  mem_leg_fail (f->leg[0], LEG_WRITE, 1, 1, EIO);
  do_fails (f, OP_WRITE, 0, BLOCK, 'z', EIO);
  ck_assert (!fx_same (f, 0, 1));
  mem_leg_release (f->leg[1], 1, 0);
  op_succeeds (&op);
  ck_assert (fx_misses (f, 1, 0));
  ck_assert (!fx_misses (f, 1, 1));
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  fx_free (f);
}

TEST (s18_a_run_that_is_spoiled_before_the_sweep_stays_missed)
{
  struct fx *f = two_legs_the_second_stale ();

  copy_all (f);
  resync_stop (f->m, NO_DEADLINE);
  mem_leg_fail (f->leg[0], LEG_WRITE, 1, 1, EIO);
  do_fails (f, OP_WRITE, 0, BLOCK, 'z', EIO);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert (fx_misses (f, 1, 0));
  ck_assert_uint_eq (fx_in_sync (f), 1u << 0);
  fx_free (f);
}

/* The source forgot an acknowledged write before it was copied from, and its
 * next flush says so: what was copied from it proves nothing.
 */
TEST (s18_what_was_copied_from_a_leg_that_lost_its_cache_stays_missed)
{
  struct fx *f = fx_new (3, NR_REGIONS, SHIFT, 1u << 2);

  for (unsigned r = 0; r < NR_REGIONS; ++r)
    for (unsigned leg = 0; leg < 2; ++leg)
      fx_fill (f, leg, r * REGION, REGION, 'A' + (int) r);
  do_succeeds (f, OP_WRITE, 0, BLOCK, 'y');
  fx_fill (f, 0, 0, BLOCK, 'A'); /* write-back failed, the page is gone */
  copy_all (f);
  mem_leg_fail (f->leg[0], LEG_FLUSH, 1, 1, EIO);
  do_succeeds (f, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (fx_failed (f), 1u << 0);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert (fx_misses (f, 2, 0));
  WAIT_FOR (all_copied (f));
  sweep (f->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_in_sync (f), 6);
  ck_assert_int_eq (fx_byte (f, 2, 0), 'y');
  ck_assert (fx_same (f, 1, 2));
  fx_free (f);
}

static void
set_primary (struct fx *f, unsigned leg)
{
  CLEANUP_LOCK (&f->m->lock);

  member_set_primary_locked (f->m, leg);
  dirty_log_set_primary (f->log, leg);
}

/* The same, but before that flush a write failed on all legs, so the leg was a
 * target itself.
 */
TEST (s18_what_was_copied_from_a_leg_that_lost_its_place_stays_missed)
{
  struct fx *f = fx_new (3, NR_REGIONS, SHIFT, 1u << 2);

  for (unsigned r = 0; r < NR_REGIONS; ++r)
    for (unsigned leg = 0; leg < 2; ++leg)
      fx_fill (f, leg, r * REGION, REGION, 'A' + (int) r);
  do_succeeds (f, OP_WRITE, 0, BLOCK, 'y');
  fx_fill (f, 1, 0, BLOCK, 'A'); /* write-back failed, the page is gone */
  set_primary (f, 1);
  copy_all (f);
  set_primary (f, 0);
  for (unsigned leg = 0; leg < 2; ++leg)
    mem_leg_fail (f->leg[leg], LEG_WRITE, 1, 1, EIO);
  do_fails (f, OP_WRITE, 9 * REGION, BLOCK, 'z', EIO);
  ck_assert_uint_eq (fx_resyncing (f), 6);
  mem_leg_fail (f->leg[1], LEG_FLUSH, 1, 1, EIO);
  do_succeeds (f, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (fx_failed (f), 1u << 1);
  sweep (f->m, true, NO_DEADLINE);
  ck_assert (fx_misses (f, 2, 0));
  WAIT_FOR (all_copied (f));
  sweep (f->m, true, NO_DEADLINE);
  ck_assert_uint_eq (fx_in_sync (f), 5);
  ck_assert_int_eq (fx_byte (f, 2, 0), 'y');
  ck_assert (fx_same (f, 0, 2));
  fx_free (f);
}

TEST (s18_a_target_that_fails_after_the_copy_does_not_get_its_regions)
{
  struct fx *f = two_legs_the_second_stale ();

  copy_all (f);
  leg_lose (f->leg[1], ECONNRESET, "the test says so");
  sweep (f->m, true, NO_DEADLINE);
  ck_assert (fx_misses (f, 1, 0));
  ck_assert_uint_eq (fx_failed (f), 1u << 1);
  fx_free (f);
}

/* Power fails at the end of each step: what the log vouches for is on the
 * medium of both legs.  (The fixture compares; here the copies are volatile
 * until the flush.)
 */
TEST (s18_a_crash_before_the_flush_leaves_the_target_stale)
{
  struct fx *f = two_legs_the_second_stale ();

  copy_all (f);
  resync_stop (f->m, NO_DEADLINE);
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    ck_assert (fx_image_missed (f, 1, r));
  ck_assert_int_eq (fx_image_state (f, 1), LOG_LEG_STALE);
  fx_free (f);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("sweep");
}
