/* SPDX-License-Identifier: BSD-3-Clause */

/* Rule S16: what one leg could not read is written to it again. */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "member-state.h"
#include "mirror-fixture.h"
#include "suite.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 32

static unsigned sent_before[LOG_MAX_LEGS]; /* writes, before the test */

/* Legs that hold 'a' everywhere.  The next read of leg 0, which is read first,
 * fails.
 */
static struct fx *
legs_with_bad_block (unsigned nr_legs)
{
  struct fx *fx = fx_new (nr_legs, NR_REGIONS, SHIFT, 0);

  for (unsigned i = 0; i < nr_legs; ++i) {
    fx_fill (fx, i, 0, NR_REGIONS * REGION, 'a');
    sent_before[i] = fx_sent (fx, i, LEG_WRITE);
  }
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  return fx;
}

/* Where it fails leg 0 holds 'x'; the region is marked, since the fixture
 * would not have that in a clean one.
 */
static struct fx *
legs_with_garbage (unsigned nr_legs)
{
  struct fx *fx = legs_with_bad_block (nr_legs);

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  fx_fill (fx, 0, 0, BLOCK, 'x');
  for (unsigned i = 0; i < nr_legs; ++i)
    sent_before[i] = fx_sent (fx, i, LEG_WRITE);
  return fx;
}

static unsigned
writes (struct fx *fx, unsigned leg)
{
  return fx_sent (fx, leg, LEG_WRITE) - sent_before[leg];
}

static uint64_t
repairs (struct fx *fx, unsigned leg)
{
  struct mirror_status status;

  mirror_status (fx->m, &status);
  return status.leg[leg].read_repairs;
}

static void
reads (struct fx *fx, uint64_t offset, uint64_t count, int byte)
{
  struct op op;

  op_start (fx, &op, OP_READ, offset, count, 0);
  op_succeeds (&op);
  ck_assert_int_eq (op.byte, byte);
}

TEST (s16_what_a_leg_cannot_read_is_written_to_it_only)
{
  struct fx *fx = legs_with_garbage (2);

  reads (fx, 0, BLOCK, 'a');
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'a');
  ck_assert_uint_eq (writes (fx, 0), 1);
  ck_assert_uint_eq (writes (fx, 1), 0);
  ck_assert_uint_eq (repairs (fx, 0), 1);
  ck_assert_uint_eq (repairs (fx, 1), 0);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert (fx_is_clean (fx, 0));
  fx_free (fx);
}

TEST (s16_no_leg_is_repaired_before_the_mark_is_durable)
{
  struct fx *fx = legs_with_bad_block (2);
  struct op op;

  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert_uint_eq (writes (fx, 0), 0);
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert (fx_image_marked (fx, 0));
  ck_assert_uint_eq (writes (fx, 0), 1);
  fx_free (fx);
}

static unsigned
image_primary (struct fx *fx)
{
  struct mem_log_image image;

  mem_log_get_image (fx->log, &image);
  return image.primary;
}

/* Or a crash would leave the region to the leg that can't be read. */
TEST (s16_the_primary_can_be_read_before_the_mark_is_durable)
{
  struct fx *fx = legs_with_bad_block (3);
  struct op op;

  mem_leg_fail (fx->leg[1], LEG_READ, 1, 1, EIO);
  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  mem_log_release (fx->log, 1);
  WAIT_FOR (image_primary (fx) == 2);
  ck_assert (!fx_image_marked (fx, 0));
  mem_log_hold (fx->log, 0);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_in_sync (fx), 7);
  fx_free (fx);
}

TEST (s16_nothing_is_marked_if_the_primary_cannot_be_recorded)
{
  struct fx *fx = legs_with_bad_block (2);

  mem_log_fail (fx->log, MEM_LOG_FLUSH, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_uint_eq (writes (fx, 0), 0);
  ck_assert (fx_is_clean (fx, 0));
  fx_free (fx);
}

/* The write waits for the read, and the repair for the write, which leg 1 has
 * not done yet when the repair begins.
 */
TEST (s16_what_was_written_since_the_read_survives)
{
  struct fx *fx = legs_with_garbage (2);
  struct op read, write;

  mem_leg_hold (fx->leg[1], LEG_READ, 1, 1);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &read, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &write, OP_WRITE, 0, BLOCK, 'w');
  WAIT_FOR (fx_ranges (fx) == 2);
  mem_leg_release (fx->leg[1], 1, 0);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  WAIT_FOR (fx_ranges (fx) == 2);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&write);
  op_succeeds (&read);
  ck_assert_int_eq (read.byte, 'a');
  ck_assert_uint_eq (repairs (fx, 0), 1);
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'w');
  ck_assert_int_eq (fx_byte (fx, 1, 0), 'w');
  fx_free (fx);
}

static bool
first_range_is_shared (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->ranges.head->shared;
}

TEST (s16_a_repair_holds_off_readers_and_writers)
{
  struct fx *fx = legs_with_garbage (2);
  struct op read, write;

  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &read, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  op_start (fx, &write, OP_WRITE, 0, BLOCK, 'w');
  WAIT_FOR (fx_ranges (fx) == 2);
  ck_assert_uint_eq (writes (fx, 1), 0);
  ck_assert (!first_range_is_shared (fx));
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&read);
  op_succeeds (&write);
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'w');
  fx_free (fx);
}

/* Leg 1 lost what was written; the flush tells. */
TEST (s16_a_leg_is_flushed_before_it_is_believed)
{
  struct fx *fx = legs_with_garbage (3);

  fx_fill (fx, 1, 0, BLOCK, 'o');
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  reads (fx, 0, BLOCK, 'o');
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'a');
  fx_free (fx);
}

TEST (s16_a_leg_that_fails_during_its_repair_is_not_written)
{
  struct fx *fx = legs_with_garbage (2);

  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_uint_eq (fx_failed (fx), 1u << 0);
  ck_assert_uint_eq (writes (fx, 0), 0);
  ck_assert_uint_eq (repairs (fx, 0), 0);
  fx_free (fx);
}

TEST (s16_a_leg_that_cannot_be_repaired_has_failed)
{
  struct fx *fx = legs_with_garbage (2);

  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_uint_eq (fx_failed (fx), 1u << 0);
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 1);
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_STALE);
  ck_assert (fx_image_missed (fx, 0, 0));
  ck_assert (!fx_misses (fx, 1, 0));
  ck_assert_uint_eq (repairs (fx, 0), 0);
  fx_free (fx);
}

/* A third leg keeps its trust. */
TEST (s16_nobody_misses_what_could_not_be_repaired)
{
  struct fx *fx = legs_with_garbage (3);

  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_uint_eq (fx_in_sync (fx), 6);
  ck_assert (!fx_misses (fx, 2, 0));
  fx_free (fx);
}

TEST (s16_the_last_in_sync_leg_is_never_failed)
{
  struct fx *fx = legs_with_garbage (2);
  struct op op;

  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  leg_lose (fx->leg[1], ECONNRESET, "the test says so");
  mem_leg_release (fx->leg[0], 1, EIO);
  op_succeeds (&op);
  ck_assert_int_eq (op.byte, 'a');
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 0);
  ck_assert (!fx_misses (fx, 0, 0));
  ck_assert (fx_misses (fx, 1, 0));
  fx_free (fx);
}

TEST (s16_another_source_if_the_first_fails_under_the_lock)
{
  struct fx *fx = legs_with_garbage (3);

  mem_leg_fail (fx->leg[1], LEG_READ, 2, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'a');
  ck_assert_uint_eq (repairs (fx, 0), 1);
  ck_assert_uint_eq (fx_in_sync (fx), 7);
  fx_free (fx);
}

TEST (s16_without_a_source_nothing_is_written)
{
  struct fx *fx = legs_with_garbage (2);

  mem_leg_fail (fx->leg[1], LEG_READ, 2, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_uint_eq (writes (fx, 0), 0);
  ck_assert_uint_eq (repairs (fx, 0), 0);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  fx_free (fx);
}

/* The only in-sync leg fails, a target has it. */
TEST (s16_a_target_is_no_source)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  dirty_log_set_region_sync (fx->log, 1, 0, 1, true);
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  reads (fx, 0, BLOCK, 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 1);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 0);
  fx_free (fx);
}

TEST (s16_two_legs_are_repaired_from_the_third)
{
  struct fx *fx = legs_with_garbage (3);

  fx_fill (fx, 1, 0, BLOCK, 'x');
  mem_leg_fail (fx->leg[1], LEG_READ, 1, 1, EIO);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_int_eq (fx_byte (fx, 0, 0), 'a');
  ck_assert_int_eq (fx_byte (fx, 1, 0), 'a');
  ck_assert_uint_eq (repairs (fx, 0), 1);
  ck_assert_uint_eq (repairs (fx, 1), 1);
  fx_free (fx);
}

TEST (s16_the_answer_is_what_was_read_if_the_log_fails)
{
  struct fx *fx = legs_with_bad_block (2);

  fx->m->config.log_timeout = 1;
  member_set_primary_locked (fx->m, 1);
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, ENOSPC);
  reads (fx, 0, BLOCK, 'a');
  ck_assert_uint_eq (writes (fx, 0), 0);
  fx_free (fx);
}

TEST (s16_a_long_read_is_one_repair)
{
  struct fx *fx = fx_new (2, 2, 21, 0);
  uint64_t count = COPY_CHUNK * 3 / 2;

  do_succeeds (fx, OP_WRITE, 0, count, 'a');
  fx_fill (fx, 0, 0, count, 'x');
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  reads (fx, 0, count, 'a');
  ck_assert (fx_same (fx, 0, 1));
  ck_assert_uint_eq (repairs (fx, 0), 1);
  fx_free (fx);
}

static uint64_t
said_ns (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->member[0].repairs_used_up;
}

static void
an_hour_passes (struct fx *fx)
{
  struct member *member = &fx->m->member[0];
  CLEANUP_LOCK (&fx->m->lock);

  for (unsigned i = 0; i < REPAIRS_PER_HOUR; ++i)
    member->repair_began[i] -= 3600 * NSEC_PER_SEC;
  member->repairs_used_up -= 3600 * NSEC_PER_SEC;
}

TEST (s16_a_leg_gets_so_many_repairs_in_an_hour)
{
  struct fx *fx = legs_with_garbage (2);
  uint64_t said;

  mem_leg_fail (fx->leg[0], LEG_READ, 1, MEM_LEG_ALWAYS, EIO);
  for (unsigned r = 0; r < REPAIRS_PER_HOUR; ++r)
    reads (fx, r * REGION, BLOCK, 'a');
  ck_assert_uint_eq (said_ns (fx), 0);
  reads (fx, 20 * REGION, BLOCK, 'a');
  said = said_ns (fx);
  ck_assert_uint_ne (said, 0);
  reads (fx, 21 * REGION, BLOCK, 'a');
  ck_assert_uint_eq (said_ns (fx), said);
  ck_assert_uint_eq (repairs (fx, 0), REPAIRS_PER_HOUR);
  ck_assert_uint_eq (writes (fx, 0), REPAIRS_PER_HOUR);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  an_hour_passes (fx);
  reads (fx, 30 * REGION, BLOCK, 'a');
  ck_assert_uint_eq (repairs (fx, 0), REPAIRS_PER_HOUR + 1);
  fx_free (fx);
}

TEST (s16_a_copy_repairs_its_source)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 1u << 2);

  for (unsigned i = 0; i < 2; ++i)
    fx_fill (fx, i, 0, NR_REGIONS * REGION, 'a');
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 7);
  WAIT_FOR (repairs (fx, 0) == 1);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 2);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 1);
  ck_assert (fx_same (fx, 0, 2));
  fx_free (fx);
}

static struct suite_group tests = {
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("repair");
}
