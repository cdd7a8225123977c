/* SPDX-License-Identifier: BSD-3-Clause */

/* Rules S11, S14, S15, and the copiers: zeroes, stalls, another source,
 * rates.
 */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "copy.h"
#include "members.h"
#include "mirror-fixture.h"
#include "resync-next.h"
#include "resync.h"
#include "suite.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16
#define MIB (UINT64_C (1) << 20)

/* Messages that a copy failed. */
static atomic_uint nr_stalls_said;

/* The linker puts it in the place of the real one. */
void __wrap_msg_error (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));

void
__wrap_msg_error (const char *fmt, ...)
{
  char text[512];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  if (strstr (text, "resync stalled"))
    atomic_fetch_add (&nr_stalls_said, 1);
}

static void
lose (struct fx *fx, unsigned leg)
{
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

static void
fill_differently (struct fx *fx, unsigned leg)
{
  for (uint64_t r = 0; r < fx->m->nr_regions; ++r)
    fx_fill (fx, leg, r << fx->m->region_shift,
             UINT64_C (1) << fx->m->region_shift, 'A' + (int) (r % 26));
}

/* --- S11, S15 --- */

TEST (s11_a_missed_region_is_never_read_from_the_leg)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  do_fails (fx, OP_READ, 0, BLOCK, 0, EIO);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 0);
  do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  fx_free (fx);
}

TEST (s11_a_read_across_a_missed_region_fails_as_a_whole)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  dirty_log_set_region_sync (fx->log, 1, 0, 1, true);
  mem_leg_fail (fx->leg[0], LEG_READ, 1, MEM_LEG_ALWAYS, EIO);
  do_fails (fx, OP_READ, 0, 2 * REGION, 0, EIO);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 1);
  fx_free (fx);
}

TEST (s15_a_target_serves_what_it_has_only_if_no_other_can)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fx->m->config.read_policy = READ_ROUND_ROBIN;
  dirty_log_set_region_sync (fx->log, 1, 0, 1, true);
  for (unsigned i = 0; i < 4; ++i)
    do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 0);
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 1);
  fx_free (fx);
}

TEST (a_read_error_is_answered_by_another_leg)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 0);

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a'); /* a mark: they may differ */
  fx_fill (fx, 2, 0, BLOCK, 'c');
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  mem_leg_fail (fx->leg[1], LEG_READ, 1, 1, EIO);
  {
    struct op op;

    op_start (fx, &op, OP_READ, 0, BLOCK, 0);
    op_succeeds (&op);
    ck_assert_int_eq (op.byte, 'c');
  }
  ck_assert_uint_eq (fx_in_sync (fx), 7);
  fx_free (fx);
}

TEST (s15_a_target_does_not_count_for_success)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  dirty_log_set_region_sync (fx->log, 1, 0, 2, true);
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, ENOSPC);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', ENOSPC);
  ck_assert (fx_misses (fx, 1, 0));
  ck_assert (!fx_misses (fx, 1, 1));
  fx_free (fx);
}

TEST (s15_a_target_whose_write_fails_has_failed)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  dirty_log_set_region_sync (fx->log, 1, 0, 2, true);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  ck_assert (fx_image_missed (fx, 1, 0));
  fx_free (fx);
}

TEST (write_mostly_is_read_only_if_no_other_can)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 0);

  fx->m->config.write_mostly = 0;
  for (unsigned i = 0; i < 4; ++i)
    do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), 0);
  lose (fx, 1);
  do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), 1);
  fx_free (fx);
}

/* --- the whole way --- */

TEST (everything_is_copied_and_the_target_promoted)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fill_differently (fx, 0);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert_int_eq (fx_image_state (fx, 1), LOG_LEG_IN_SYNC);
  fx_free (fx);
}

TEST (two_targets_that_miss_different_regions)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 6);

  fill_differently (fx, 0);
  fill_differently (fx, 1);
  fill_differently (fx, 2);
  dirty_log_set_region_sync (fx->log, 1, 0, NR_REGIONS, true);
  dirty_log_set_region_sync (fx->log, 2, 0, NR_REGIONS, true);
  dirty_log_set_region_sync (fx->log, 1, 3, 2, false);
  dirty_log_set_region_sync (fx->log, 2, 4, 2, false);
  fx_fill (fx, 1, 3 * REGION, 2 * REGION, 'x');
  fx_fill (fx, 2, 4 * REGION, 2 * REGION, 'x');
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 7);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert (fx_same (fx, 0, 2));
  fx_free (fx);
}

/* Nothing is copied but what is missed. */
TEST (only_missed_regions_are_copied)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fill_differently (fx, 0);
  fill_differently (fx, 1);
  dirty_log_set_region_sync (fx->log, 1, 0, NR_REGIONS, true);
  dirty_log_set_region_sync (fx->log, 1, 5, 1, false);
  fx_fill (fx, 1, 5 * REGION, REGION, 'x');
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_uint_eq (fx->m->resync.copied_bytes, REGION);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* --- S14 --- */

#define BIG_SHIFT 21 /* two chunks */

static uint64_t
big (uint64_t region)
{
  return region << BIG_SHIFT;
}

TEST (s14_a_copy_holds_off_writers_of_its_chunk_only)
{
  struct fx *fx = fx_new (2, 2, BIG_SHIFT, 1u << 1);
  struct op inside, outside;

  fill_differently (fx, 0);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 2);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 2)); /* first chunk of both */
  op_start (fx, &outside, OP_WRITE, COPY_CHUNK, BLOCK, 'y');
  WAIT_FOR (op_ended (&outside));
  op_succeeds (&outside);
  do_succeeds (fx, OP_WRITE, big (1) + COPY_CHUNK, BLOCK, 'y');
  do_succeeds (fx, OP_READ, 0, BLOCK, 0);
  op_start (fx, &inside, OP_WRITE, COPY_CHUNK - BLOCK, BLOCK, 'z');
  WAIT_FOR (fx_ranges (fx) == 3);
  ck_assert (!op_ended (&inside));
  ck_assert_int_eq (fx_byte (fx, 0, COPY_CHUNK - BLOCK), 'A');
  mem_leg_release (fx->leg[1], 2, 0);
  op_succeeds (&inside);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_int_eq (fx_byte (fx, 1, COPY_CHUNK), 'y');
  ck_assert_int_eq (fx_byte (fx, 1, COPY_CHUNK - BLOCK), 'z');
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

static uint64_t
copied_regions (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->resync.copied_regions;
}

/* A copy that waits for a write copies what was written. */
TEST (s14_a_copy_waits_for_a_write_under_way)
{
  struct fx *fx = fx_new (2, 1, SHIFT, 1u << 1);
  struct op op;

  fx_fill (fx, 0, 0, REGION, 'A');
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'z'); /* done by leg 1 only */
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  ck_assert_int_eq (resync_start (fx->m), 0);
  WAIT_FOR (fx_ranges (fx) == 2);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), 0);
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  WAIT_FOR (copied_regions (fx) == 1);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* Leg 0 can still be read, but lacks what was written since. */
TEST (s14_the_source_fails_between_two_chunks)
{
  struct fx *fx = fx_new (3, 2, BIG_SHIFT, 1u << 2);

  fill_differently (fx, 0);
  fill_differently (fx, 1);
  mem_leg_hold (fx->leg[2], LEG_WRITE, 1, 2);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[2], 2));
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  do_succeeds (fx, OP_WRITE, COPY_CHUNK, BLOCK, 'y');
  ck_assert_uint_eq (fx_failed (fx), 1u << 0);
  mem_leg_release (fx->leg[2], 2, 0);
  WAIT_FOR ((fx_in_sync (fx) & 6) == 6); /* leg 0 may be back, too */
  ck_assert (fx_same (fx, 1, 2));
  ck_assert_int_eq (fx_byte (fx, 2, COPY_CHUNK), 'y');
  fx_free (fx);
}

TEST (what_the_primary_cannot_read_is_copied_from_another)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 1u << 2);

  fill_differently (fx, 0);
  fill_differently (fx, 1);
  mem_leg_fail (fx->leg[0], LEG_READ, 1, MEM_LEG_ALWAYS, EIO);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 7);
  ck_assert (fx_same (fx, 1, 2));
  fx_free (fx);
}

/* It comes back to its senses; it was never failed, for no client noticed. */
TEST (a_target_that_refuses_copies_stalls_and_is_tried_again)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fill_differently (fx, 0);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 2, 4, ENOSPC);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_uint_eq (fx_failed (fx), 0);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

TEST (a_target_that_refuses_does_not_hold_up_another)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 6);

  fill_differently (fx, 0);
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, MEM_LEG_ALWAYS, ENOSPC);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 5);
  ck_assert (fx_same (fx, 0, 2));
  ck_assert_uint_eq (fx_resyncing (fx), 1u << 1);
  fx_free (fx);
}

/* How often leg 1 has stalled in a row; 0: copies are under way. */
static unsigned
stalls_now (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);

  return fx->m->resync.busy == 0 ? fx->m->member[1].stalls : 0;
}

static void
end_stall (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);

  fx->m->member[1].stalled_until = 0;
  resync_wake_locked (fx->m);
}

/* All copies fail at once; then one goes well, and the next one fails. */
TEST (a_target_that_stalls_is_said_once)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);
  unsigned stalls;

  fill_differently (fx, 0);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, RESYNC_THREADS);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], RESYNC_THREADS));
  mem_leg_fail (fx->leg[1], LEG_WRITE, 2, 1, ENOSPC);
  mem_leg_release (fx->leg[1], RESYNC_THREADS, ENOSPC);
  WAIT_FOR ((stalls = stalls_now (fx)) > 0);
  ck_assert_uint_eq (stalls, 1);
  end_stall (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_uint_eq (nr_stalls_said, 1);
  fx_free (fx);
}

TEST (a_target_lost_during_the_copy_has_failed)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);

  fill_differently (fx, 0);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  lose (fx, 1);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 0);
  fx_free (fx);
}

/* --- zeroes --- */

/* Some are read, before that is believed. */
TEST (zeroes_on_both_sides_are_not_written)
{
  struct fx *fx = fx_new (2, NR_REGIONS, 20, 1u << 1);
  uint64_t size = fx->m->limits.size;

  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_ZERO), 0);
  ck_assert_uint_le (fx->leg[0]->counters.read_bytes, size / 16);
  ck_assert_uint_eq (fx->m->resync.skipped_bytes, size);
  ck_assert_uint_eq (fx->m->resync.copied_bytes, 0);
  fx_free (fx);
}

/* What is in the source's cache only may be a hole by its block status. */
TEST (block_status_is_not_believed_where_a_region_is_marked)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);
  char x[BLOCK] = "x";

  mem_leg_status_of_medium (fx->leg[0]);
  mem_leg_status_of_medium (fx->leg[1]);
  dirty_log_mark (fx->log, 5);
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  ck_assert_int_eq (leg_run (fx->leg[0], LEG_WRITE, 0, x, 5 * REGION, BLOCK),
                    0);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_int_eq (fx_byte (fx, 1, 5 * REGION), 'x');
  fx_free (fx);
}

TEST (zeroes_are_put_where_the_target_has_something)
{
  const uint64_t region = 1 << 20;
  struct fx *fx = fx_new (3, NR_REGIONS, 20, 6);

  fx_fill (fx, 1, 5 * region, BLOCK, 'x');
  fx_fill (fx, 2, 2 * region - BLOCK, 2 * BLOCK, 'x');
  fx_fill (fx, 2, 15 * region, BLOCK, 'x');
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 7);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert (fx_same (fx, 0, 2));
  ck_assert_uint_le (fx->leg[0]->counters.read_bytes,
                     NR_REGIONS * region / 16);
  fx_free (fx);
}

/* Data begins and ends inside of regions. */
TEST (runs_of_zeroes_between_data)
{
  struct fx *fx = fx_new (2, 64, SHIFT, 1u << 1);

  fx_fill (fx, 0, 10 * REGION + BLOCK, BLOCK, 'a');
  fx_fill (fx, 0, 40 * REGION - BLOCK, 2 * BLOCK, 'b');
  fx_fill (fx, 1, 0, 64 * REGION, 'x');
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* A copy that lands late is corrected only where the leg misses the region.
 * What leg 2 holds in region 5 shows whether it was sent one.
 */
TEST (s21_zeroes_go_only_to_who_misses_the_region)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 6);
  CLEANUP_FREE char *buf = aligned_alloc (4096, COPY_CHUNK);
  struct recovery rec = {.nr = 1, .targets = 6};
  struct copier c = {.m = fx->m, .rec = &rec, .buf = buf};

  mem_log_observe (fx->log, NULL, NULL); /* the legs differ, by intent */
  dirty_log_set_region_sync (fx->log, 2, 4, NR_REGIONS - 4, true);
  mem_leg_change (fx->leg[2], 5 * REGION, BLOCK, 'x');
  ck_assert (dirty_log_get_resync_work (fx->log, 6, 0, 1, &rec.first,
                                        &rec.nr));
  members_use_locked (fx->m, SLOT_BIT (c.source));
  copy_run (&c);
  members_unuse_locked (fx->m, SLOT_BIT (c.source));
  ck_assert_int_eq (fx_byte (fx, 2, 5 * REGION), 'x');
  ck_assert_uint_eq (rec.nr, 4);
  dirty_log_put_resync_work (fx->log, rec.first, rec.nr);
  ck_assert (dirty_log_get_resync_work (fx->log, 2, 4, NR_REGIONS, &rec.first,
                                        &rec.nr));
  ck_assert_uint_eq (rec.first, 4);
  fx_free (fx);
}

/* Block status of the source is finer than the target's blocks. */
TEST (zeroes_that_end_within_a_block_of_the_target)
{
  uint64_t region = UINT64_C (1) << 16;
  struct fx *fx = fx_new (2, NR_REGIONS, 16, 1u << 1);

  fx_fill (fx, 0, 3 * region + region / 4, BLOCK, 'a');
  fx_fill (fx, 0, 5 * region + region / 2 + region / 4, BLOCK, 'b');
  fx_fill (fx, 1, 0, 8 * region + region / 4, 'x');
  fx->leg[1]->min_block = fx->m->limits.min_block = (uint32_t) region / 2;
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* The source was all zeroes when the run was chosen.  There may be several
 * runs, if other copiers are quick.
 */
TEST (data_written_into_a_run_of_zeroes_is_kept)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);
  struct op op;

  fx_fill (fx, 1, 0, NR_REGIONS * REGION, 'x');
  mem_leg_hold (fx->leg[1], LEG_ZERO, 1, NR_REGIONS);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &op, OP_WRITE, 7 * REGION, BLOCK, 'z');
  WAIT_FOR (fx_ranges (fx) >= 2);
  mem_leg_forget_rules (fx->leg[1]);
  mem_leg_release (fx->leg[1], NR_REGIONS, 0);
  op_succeeds (&op);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_int_eq (fx_byte (fx, 1, 7 * REGION), 'z');
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* --- order --- */

static uint64_t
next_region (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  struct recovery *rec = resync_next_run_locked (fx->m);
  uint64_t region;

  ck_assert_ptr_nonnull (rec);
  region = rec->first;
  fx->m->resync.running = rec->next;
  fx->m->resync.busy--;
  free (rec); /* its region stays handed out */
  return region;
}

TEST (what_clients_read_is_copied_first)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 2);

  ck_assert_uint_eq (next_region (fx), 0);
  do_succeeds (fx, OP_READ, 5 * REGION + BLOCK, BLOCK, 0);
  do_succeeds (fx, OP_READ, 5 * REGION, BLOCK, 0);
  do_succeeds (fx, OP_READ, 3 * REGION - BLOCK, 2 * BLOCK, 0);
  do_succeeds (fx, OP_READ, 0, BLOCK, 0); /* is being copied */
  ck_assert_uint_eq (next_region (fx), 5);
  ck_assert_uint_eq (next_region (fx), 2);
  ck_assert_uint_eq (next_region (fx), 3);
  ck_assert_uint_eq (next_region (fx), 1);
  fx_free (fx);
}

TEST (what_clients_read_and_no_leg_misses_is_not_copied)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 2);

  do_succeeds (fx, OP_READ, 5 * REGION, BLOCK, 0);
  dirty_log_set_region_sync (fx->log, 1, 5, 1, true);
  ck_assert_uint_eq (next_region (fx), 0);
  fx_free (fx);
}

static struct suite_group tests = {
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("resync");
}
