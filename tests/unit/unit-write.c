/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules S1, S2, S4 to S8, S12, S13, S17a: writes, flushes, failures. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "member-state.h"
#include "members.h"
#include "mirror-fixture.h"
#include "suite.h"
#include "write.h"

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

/* The leg fails outside of any request. */
static void
lose (unsigned leg)
{
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

/* --- S1, S2 --- */

TEST (s1_no_leg_is_written_before_the_mark_is_durable)
{
  struct op op;

  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_WRITE, REGION - BLOCK, 2 * BLOCK, 'a');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert (fx_image_marked (fx, 0));
  ck_assert (fx_image_marked (fx, 1));
  ck_assert (!fx_image_marked (fx, 2));
  ck_assert_int_eq (fx_byte (fx, 1, REGION), 'a');
}

TEST (s1_zero_and_trim_mark_too)
{
  atomic_store (&fx->leg[0]->fast_zero, true);
  atomic_store (&fx->leg[1]->fast_zero, true);
  atomic_store (&fx->leg[0]->fast_trim, true);
  atomic_store (&fx->leg[1]->fast_trim, true);
  do_succeeds (fx, OP_ZERO, 0, BLOCK, 0);
  do_succeeds (fx, OP_TRIM, REGION, REGION, 0);
  ck_assert (fx_image_marked (fx, 0));
  ck_assert (fx_image_marked (fx, 1));
}

TEST (s1_a_second_writer_of_the_region_waits_for_a_flush_too)
{
  struct op first, second;

  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &first, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  op_start (fx, &second, OP_WRITE, BLOCK, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 2));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 0);
  mem_log_hold (fx->log, 0);
  op_succeeds (&first);
  op_succeeds (&second);
}

TEST (s2_a_write_joins_only_a_flush_that_began_after_its_mark)
{
  struct op first, second;

  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &first, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  op_start (fx, &second, OP_WRITE, REGION, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 2));
  mem_log_release (fx->log, 1);
  op_succeeds (&first);
  ck_assert (fx_image_marked (fx, 0));
  ck_assert (!fx_image_marked (fx, 1));
  ck_assert (!op_ended (&second));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 1);
  mem_log_hold (fx->log, 0);
  op_succeeds (&second);
}

TEST (a_dirty_region_does_not_touch_the_log)
{
  struct log_status before, after;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  dirty_log_status (fx->log, &before);
  do_succeeds (fx, OP_WRITE, BLOCK, BLOCK, 'b');
  dirty_log_status (fx->log, &after);
  ck_assert_uint_eq (after.counters.flushes, before.counters.flushes);
}

/* Leg 1 still works, but has failed: it must get nothing any more. */
TEST (s2_legs_are_chosen_after_the_flush)
{
  struct op op, bad;

  do_succeeds (fx, OP_WRITE, REGION, BLOCK, 'a'); /* the mark */
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  op_start (fx, &bad, OP_WRITE, REGION, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 2));
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  op_succeeds (&bad);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 3);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 2);
  ck_assert (fx_image_missed (fx, 1, 0));
}

/* --- S4, S5 --- */

/* Leg 1 fails a write; a write and a flush that have nothing to do with it
 * wait too.
 */
TEST (s4_nothing_is_acknowledged_before_a_failure_is_recorded)
{
  struct op bad, other, flush;

  do_succeeds (fx, OP_WRITE, 0, 4 * REGION, 'a'); /* marks */
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);

  op_start (fx, &bad, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  op_start (fx, &other, OP_WRITE, 2 * REGION, BLOCK, 'c');
  ck_assert (mem_log_wait_inside (fx->log, 2));
  op_start (fx, &flush, OP_FLUSH, 0, 0, 0);
  ck_assert (mem_log_wait_inside (fx->log, 3));
  ck_assert (!op_ended (&bad));
  ck_assert (!op_ended (&other));
  ck_assert (!op_ended (&flush));
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_IN_SYNC);

  mem_log_hold (fx->log, 0);
  op_succeeds (&bad);
  op_succeeds (&other);
  op_succeeds (&flush);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  for (unsigned r = 0; r < 4; ++r)
    ck_assert (fx_image_missed (fx, 1, r));
  ck_assert (!fx_image_missed (fx, 1, 4));
}

/* The straggler was sent to leg 1, which did it; but leg 1 fails before leg
 * 0 is done.
 */
TEST (s5_a_straggler_waits_for_the_record)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  lose (1);
  mem_leg_release (fx->leg[0], 1, 0);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert (!op_ended (&op));
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
}

/* The region's mark is queued, not durable, when the leg fails. */
TEST (s5_the_missed_map_is_seeded_with_queued_marks)
{
  struct op op;

  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_WRITE, 3 * REGION, BLOCK, 'a');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  lose (1);
  ck_assert (fx_misses (fx, 1, 3));
  ck_assert (!fx_misses (fx, 1, 2));
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
}

TEST (s5_a_failed_leg_is_not_used)
{
  lose (1);
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_FLUSH), 0);
}

TEST (s5_another_primary_is_recorded_with_the_failure)
{
  struct mem_log_image image;

  lose (0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_log_get_image (fx->log, &image);
  ck_assert_uint_eq (image.primary, 1);
  ck_assert_uint_eq (image.generation, 2);
  ck_assert_int_eq (image.state[0], LOG_LEG_STALE);
}

/* --- S6 --- */

static void
ends_after_the_log_timeout (enum op_kind kind)
{
  uint64_t start = now_ns (), elapsed;

  do_fails (fx, kind, 0, BLOCK, 'x', EIO);
  elapsed = now_ns () - start;
  ck_assert_uint_ge (elapsed, NSEC_PER_SEC / 2);
  ck_assert_uint_le (elapsed, 8 * NSEC_PER_SEC);
}

TEST (s6_a_record_that_cannot_be_stored_ends_in_eio)
{
  fx->m->config.log_timeout = 1;
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, ENOSPC);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  ends_after_the_log_timeout (OP_WRITE);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_IN_SYNC);
  ends_after_the_log_timeout (OP_FLUSH); /* nobody is told that it is safe */
  mem_log_fail (fx->log, 0, 0, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'c');
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
  ck_assert (fx_image_missed (fx, 1, 0));
}

TEST (s6_a_log_that_hangs_ends_in_eio)
{
  fx->m->config.log_timeout = 1;
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  ends_after_the_log_timeout (OP_WRITE);
  mem_log_hold (fx->log, 0);
}

TEST (s6_a_mark_that_cannot_be_stored_ends_in_eio_and_reaches_no_leg)
{
  fx->m->config.log_timeout = 1;
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, ENOSPC);
  ends_after_the_log_timeout (OP_WRITE);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 0);
  mem_log_fail (fx->log, 0, 0, 0);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  {
    struct op op;

    /* The region did not become dirty by it. */
    op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
    ck_assert (mem_log_wait_inside (fx->log, 1));
    mem_log_hold (fx->log, 0);
    op_succeeds (&op);
  }
}

#define NR_OVERLAPPING 8

/* "All in all": not the log's time-out for each of those in front. */
static void
overlapping_writes_end_together (void)
{
  struct op op[NR_OVERLAPPING];
  uint64_t start = now_ns ();

  for (size_t i = 0; i < NR_OVERLAPPING; ++i)
    op_start (fx, &op[i], OP_WRITE, 0, BLOCK, 'x');
  for (size_t i = 0; i < NR_OVERLAPPING; ++i)
    op_fails (&op[i], EIO);
  ck_assert_uint_le (now_ns () - start, 3 * NSEC_PER_SEC);
}

TEST (s6_overlapping_writes_do_not_add_up_when_the_log_fails)
{
  fx->m->config.log_timeout = 1;
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, EIO);
  overlapping_writes_end_together ();
  mem_log_fail (fx->log, 0, 0, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
}

TEST (s6_overlapping_writes_do_not_add_up_when_the_log_hangs)
{
  fx->m->config.log_timeout = 1;
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  overlapping_writes_end_together ();
  mem_log_hold (fx->log, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
}

TEST (s6_overlapping_writes_do_not_add_up_before_a_failure_is_recorded)
{
  fx->m->config.log_timeout = 1;
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, EIO);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  overlapping_writes_end_together ();
  mem_log_fail (fx->log, 0, 0, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
}

/* The mark waits, or the record of a failure. */
LOOP_TEST (s6_time_in_which_this_process_stood_still_does_not_count, 2)
{
  struct op op;

  if (_i == 1) {
    do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
    mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  }
  fx->m->config.log_timeout = 0; /* and so a second */
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'b');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  fx_stand_still ();
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
}

/* As one that waited for a slow leg, not for the log. */
TEST (s6_a_write_that_comes_late_to_a_good_log_gets_a_try)
{
  fx->m->config.log_timeout = 0;
  mem_log_fail (fx->log, MEM_LOG_FLUSH, 1, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  do_succeeds (fx, OP_WRITE, REGION, BLOCK, 'b');
}

TEST (s6_a_flush_of_the_log_is_tried_again)
{
  mem_log_fail (fx->log, MEM_LOG_FLUSH, 2, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
}

TEST (s6_the_last_in_sync_leg_never_fails)
{
  lose (1);
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, ENOSPC);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', ENOSPC);
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'b');
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_IN_SYNC);
}

TEST (s6_the_last_in_sync_leg_stays_when_it_is_lost)
{
  lose (0);
  lose (1);
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 1);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', EIO);
  do_fails (fx, OP_READ, 0, BLOCK, 0, EIO);
}

TEST (s6_a_failure_on_all_legs_fails_none)
{
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, ENOSPC);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EROFS);
  do_fails (fx, OP_WRITE, 2 * REGION, BLOCK, 'a', ENOSPC); /* the primary's */
  ck_assert_uint_eq (fx_failed (fx), 0);
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 0);
  ck_assert_uint_eq (fx_resyncing (fx), 1u << 1);
  ck_assert (fx_misses (fx, 1, 2));
  ck_assert (!fx_misses (fx, 1, 1));
  ck_assert (!fx_misses (fx, 0, 2));
}

/* The primary may have become one meanwhile, and then it has no answer: the
 * memory of the heap that is looked at instead is for valgrind to find.
 */
TEST (s6_a_primary_that_was_not_sent_it_has_no_error)
{
  struct request rq = {.op = LEG_WRITE, .buf = "", .count = BLOCK};
  struct write_op *op = malloc (sizeof *op);

  ck_assert_ptr_nonnull (op);
  rq.arrival = now_ns ();
  op->rq = &rq;
  op->repair = 0;
  op->kept = NULL;
  ck_assert_int_eq (write_begin (fx->m, op), 0);
  {
    CLEANUP_LOCK (&fx->m->lock);
    members_unuse_locked (fx->m, SLOT_BIT (0));
    op->legs = SLOT_BIT (1);
  }
  op->fan.unsent = 0;
  op->fan.io[1].error = ENOSPC;
  ck_assert_int_eq (write_end (fx->m, op, SLOT_BIT (1)), -1);
  ck_assert_int_eq (errno, ENOSPC);
  free (op);
}

/* --- S7, S8 --- */

TEST (s7_fua_is_on_the_medium_of_every_leg)
{
  uint8_t byte;

  do_succeeds (fx, OP_WRITE_FUA, 0, BLOCK, 'a');
  for (unsigned i = 0; i < 2; ++i) {
    mem_leg_read_stable (fx->leg[i], &byte, 0, 1);
    ck_assert_uint_eq (byte, 'a');
  }
}

TEST (s8_flush_reaches_targets_too)
{
  {
    CLEANUP_LOCK (&fx->m->lock);
    member_set_state_locked (fx->m, SLOT_BIT (1), MEMBER_RESYNCING);
  }
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_FLUSH), 1);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_FLUSH), 1);
}

TEST (s8_a_failed_flush_fails_the_leg)
{
  struct op op;

  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_FLUSH, 0, 0, 0);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert (!op_ended (&op));
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
}

TEST (s8_a_failed_flush_of_all_legs_is_eio)
{
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
}

TEST (s8_after_a_failed_flush_of_the_last_leg_flush_and_fua_are_eio)
{
  lose (1);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  for (unsigned i = 0; i < 3; ++i) {
    do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
    do_fails (fx, OP_WRITE_FUA, 0, BLOCK, 'b', EIO);
  }
}

TEST (s8_after_a_failed_flush_of_the_last_leg_reads_and_writes_go_on)
{
  lose (1);
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'c');
  do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  do_succeeds (fx, OP_ZERO, REGION, BLOCK, 0);
}

/* --- S12, S13 --- */

/* A write ends in EIO, as its failed leg cannot be recorded: what is on the
 * other leg would be gone after a crash.
 */
TEST (s4_what_a_crash_may_take_back_is_not_read)
{
  struct op read;

  fx->m->config.log_timeout = 1;
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  mem_log_hold (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'b', EIO);
  do_fails (fx, OP_READ, 0, BLOCK, 0, EIO);
  fx->m->config.log_timeout = 20;
  op_start (fx, &read, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert (!op_ended (&read));
  mem_log_hold (fx->log, 0);
  op_succeeds (&read);
  ck_assert_int_eq (read.byte, 'b');
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_STALE);
}

TEST (s12_a_reader_waits_for_a_writer)
{
  struct op write, read, other;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &write, OP_WRITE, 0, 4 * BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &read, OP_READ, 3 * BLOCK, 2 * BLOCK, 0);
  WAIT_FOR (fx_ranges (fx) == 2);
  op_start (fx, &other, OP_READ, 4 * BLOCK, BLOCK, 0);
  op_succeeds (&other);
  ck_assert_int_eq (other.byte, 0);
  ck_assert (!op_ended (&read));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&write);
  op_succeeds (&read);
  ck_assert_int_eq (read.byte, 'a');
}

TEST (s12_a_writer_waits_for_a_reader)
{
  struct op read, write;

  mem_leg_hold (fx->leg[0], LEG_READ, 1, 1);
  op_start (fx, &read, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  op_start (fx, &write, OP_WRITE, 0, BLOCK, 'a');
  WAIT_FOR (fx_ranges (fx) == 2);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 0);
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&read);
  ck_assert_int_eq (read.byte, 0);
  op_succeeds (&write);
}

/* One leg did it and the other did not: they differ, and from now on only
 * the primary is read.
 */
TEST (s12_a_write_that_ended_in_eio_is_missed_by_all_but_one)
{
  fx->m->config.read_policy = READ_ROUND_ROBIN;
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  {
    struct op op;

    op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
    ck_assert (mem_leg_wait_held (fx->leg[1], 1));
    mem_leg_release (fx->leg[1], 1, EIO);
    op_fails (&op, EIO);
  }
  for (unsigned i = 0; i < 4; ++i)
    do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), 4);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 0);
}

/* Else a reader could see what is on the primary now, and what is on the
 * other leg after a crash that takes the primary away.
 */
TEST (s12_the_others_miss_it_durably_before_the_range_is_given_up)
{
  struct op write, read;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &write, OP_WRITE, 0, BLOCK, 'b');
  WAIT_FOR (op_ended (&write) || mem_log_wait_inside (fx->log, 1));
  ck_assert (!op_ended (&write));
  op_start (fx, &read, OP_READ, 0, BLOCK, 0);
  WAIT_FOR (fx_ranges (fx) == 2);
  ck_assert (!op_ended (&read));
  mem_log_hold (fx->log, 0);
  op_fails (&write, EIO);
  op_succeeds (&read);
  ck_assert (fx_image_missed (fx, 1, 0));
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_STALE);
}

TEST (s13_overlapping_writes_reach_no_leg_before_the_earlier_one_ended)
{
  struct op first, second;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &first, OP_WRITE, 0, 2 * BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &second, OP_WRITE, BLOCK, 2 * BLOCK, 'b');
  WAIT_FOR (fx_ranges (fx) == 2);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 1);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&first);
  op_succeeds (&second);
  ck_assert_int_eq (fx_byte (fx, 0, BLOCK), 'b');
  ck_assert (fx_same (fx, 0, 1));
}

TEST (writes_that_do_not_overlap_do_not_wait)
{
  struct op first, second;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &first, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &second, OP_WRITE, BLOCK, BLOCK, 'b');
  op_succeeds (&second);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&first);
}

/* --- S17a and the like --- */

TEST (s17a_trim_does_nothing_if_one_leg_would_write_zeroes)
{
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  atomic_store (&fx->leg[0]->fast_trim, true);
  atomic_store (&fx->leg[0]->fast_zero, true);
  atomic_store (&fx->leg[1]->fast_trim, false);
  atomic_store (&fx->leg[1]->fast_zero, false);
  do_succeeds (fx, OP_TRIM, 0, REGION, 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_ZERO), 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_ZERO), 0);
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'a');
}

TEST (s17a_trim_leaves_zeroes_on_all_legs)
{
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a');
  for (unsigned i = 0; i < 2; ++i) {
    atomic_store (&fx->leg[i]->fast_trim, true);
    atomic_store (&fx->leg[i]->fast_zero, true);
  }
  do_succeeds (fx, OP_TRIM, 0, REGION, 0);
  ck_assert_int_eq (fx_byte (fx, 0, 0), 0);
  ck_assert_int_eq (fx_byte (fx, 1, REGION - 1), 0);
  ck_assert (fx_same (fx, 0, 1));
}

TEST (fast_zero_is_refused_before_anything_is_sent)
{
  atomic_store (&fx->leg[0]->fast_zero, true);
  atomic_store (&fx->leg[1]->fast_zero, false);
  ck_assert_int_eq (mirror_zero (fx->m, 0, BLOCK, false, false, true), -1);
  ck_assert_int_eq (errno, EOPNOTSUPP);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_ZERO), 0);
}

static void
status_fails (uint64_t offset, uint64_t count)
{
  struct leg_extent extent;
  size_t nr = 1;

  ck_assert_int_eq (mirror_extents (fx->m, offset, count, &extent, &nr), -1);
  ck_assert_int_eq (errno, EINVAL);
}

TEST (what_is_not_aligned_to_the_largest_block_is_refused)
{
  do_fails (fx, OP_WRITE, 1, BLOCK, 'a', EINVAL);
  do_fails (fx, OP_WRITE, 0, BLOCK - 1, 'a', EINVAL);
  do_fails (fx, OP_READ, BLOCK / 2, BLOCK, 0, EINVAL);
  do_fails (fx, OP_ZERO, BLOCK / 2, BLOCK, 0, EINVAL);
  do_fails (fx, OP_TRIM, 1, BLOCK - 1, 0, EINVAL);
  do_fails (fx, OP_TRIM, 0, 3 * BLOCK / 2, 0, EINVAL);
  ck_assert_int_eq (mirror_cache (fx->m, BLOCK / 2, BLOCK), -1);
  ck_assert_int_eq (errno, EINVAL);
  status_fails (1, 1);
  status_fails (0, BLOCK + 1);
  status_fails (BLOCK - 1, 2);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_ZERO), 0);
}

/* nbdkit would end by an assertion.  A leg that cannot zero is sent zeroes, and
 * this one cannot write either.
 */
TEST (only_a_fast_zero_is_told_that_it_is_not_supported)
{
  for (unsigned i = 0; i < 2; ++i) {
    mem_leg_fail (fx->leg[i], LEG_ZERO, 1, MEM_LEG_ALWAYS, EOPNOTSUPP);
    mem_leg_fail (fx->leg[i], LEG_WRITE, 1, MEM_LEG_ALWAYS, EOPNOTSUPP);
    mem_leg_fail (fx->leg[i], LEG_READ, 1, MEM_LEG_ALWAYS, EOPNOTSUPP);
  }
  do_fails (fx, OP_ZERO, 0, BLOCK, 0, EIO);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', EIO);
  do_fails (fx, OP_READ, 0, BLOCK, 0, EIO);
}

/* --- block status --- */

/* How much of the mirror is data for a client that looks at all of it. */
static uint64_t
data_bytes (void)
{
  uint64_t offset = 0, data = 0, size = fx->m->limits.size;

  while (offset < size) {
    struct leg_extent extent[2];
    size_t nr = 2;

    ck_assert_int_eq (mirror_extents (fx->m, offset, size - offset, extent,
                                      &nr),
                      0);
    ck_assert_uint_ge (nr, 1);
    for (size_t i = 0; i < nr; ++i) {
      ck_assert_uint_gt (extent[i].length, 0);
      ck_assert_int_eq (extent[i].hole, extent[i].zero);
      data += extent[i].zero ? 0 : extent[i].length;
      offset += extent[i].length;
    }
  }
  ck_assert_uint_eq (offset, size);
  return data;
}

/* A client copies by block status. */
TEST (what_is_not_flushed_is_data)
{
  mem_leg_status_of_medium (fx->leg[0]);
  mem_leg_status_of_medium (fx->leg[1]);
  ck_assert_uint_eq (data_bytes (), 0);
  do_succeeds (fx, OP_WRITE, 5 * REGION + BLOCK, BLOCK, 'a');
  ck_assert_uint_eq (data_bytes (), REGION);
  do_succeeds (fx, OP_WRITE, 7 * REGION - BLOCK, 2 * BLOCK, 'a');
  ck_assert_uint_eq (data_bytes (), 3 * REGION);
  do_succeeds (fx, OP_WRITE, (NR_REGIONS - 1) * REGION, BLOCK, 'a');
  ck_assert_uint_eq (data_bytes (), 4 * REGION);
  do_succeeds (fx, OP_ZERO, 9 * REGION, BLOCK, 0);
  ck_assert_uint_eq (data_bytes (), 5 * REGION);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert_uint_eq (data_bytes (), 4 * REGION); /* not the zeroes */
}

/* But nothing that was written since the flush began. */
TEST (what_was_flushed_is_believed)
{
  struct op flush;

  mem_leg_status_of_medium (fx->leg[0]);
  mem_leg_status_of_medium (fx->leg[1]);
  do_succeeds (fx, OP_WRITE, 5 * REGION, BLOCK, 'a');
  do_succeeds (fx, OP_ZERO, 9 * REGION, BLOCK, 0);
  ck_assert_uint_eq (data_bytes (), 2 * REGION);
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (data_bytes (), REGION);
  do_succeeds (fx, OP_ZERO, 9 * REGION, BLOCK, 0);
  ck_assert_uint_eq (data_bytes (), 2 * REGION);
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, 1);
  op_start (fx, &flush, OP_FLUSH, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  do_succeeds (fx, OP_ZERO, 11 * REGION, BLOCK, 0);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&flush);
  ck_assert_uint_eq (data_bytes (), 2 * REGION);
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, MEM_LEG_ALWAYS, EIO);
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, MEM_LEG_ALWAYS, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  ck_assert_uint_eq (data_bytes (), 2 * REGION);
}

TEST (block_status_ends_where_the_request_does)
{
  struct leg_extent extent;
  size_t nr = 1;

  do_succeeds (fx, OP_WRITE, 5 * REGION, BLOCK, 'a');
  ck_assert_int_eq (mirror_extents (fx->m, 5 * REGION + BLOCK, BLOCK, &extent,
                                    &nr),
                    0);
  ck_assert_uint_eq (nr, 1);
  ck_assert_uint_eq (extent.length, BLOCK);
  ck_assert (!extent.zero);
  ck_assert_int_eq (mirror_extents (fx->m, 5 * REGION - BLOCK, REGION, &extent,
                                    &nr),
                    0);
  ck_assert_uint_eq (extent.length, BLOCK);
  ck_assert (extent.zero);
}

/* PIECE_REGIONS at a time, and every byte is written. */
TEST (a_long_request_is_served_in_pieces)
{
  struct fx *big = fx_new (2, 3 * PIECE_REGIONS, SHIFT, 0);
  uint64_t begin = 3 * BLOCK, count = (2 * PIECE_REGIONS + 5) * REGION;

  do_succeeds (big, OP_WRITE, begin, count, 'a');
  ck_assert_uint_eq (fx_sent (big, 0, LEG_WRITE), 3);
  ck_assert_int_eq (fx_byte (big, 0, begin - 1), 0);
  for (uint64_t i = begin; i < begin + count; ++i)
    ck_assert (fx_byte (big, 0, i) == 'a');
  ck_assert_int_eq (fx_byte (big, 0, begin + count), 0);
  ck_assert (fx_same (big, 0, 1));
  fx_free (big);
}

TEST (requests_end_with_eshutdown_once_the_mirror_stops)
{
  {
    CLEANUP_LOCK (&fx->m->lock);
    fx->m->stopping = true;
  }
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', ESHUTDOWN);
  do_fails (fx, OP_READ, 0, BLOCK, 0, ESHUTDOWN);
  do_fails (fx, OP_FLUSH, 0, 0, 0, ESHUTDOWN);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("write");
}
