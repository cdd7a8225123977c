/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies of huge sparse devices: how often block status is asked for, how much
 * is locked, and that what is remembered of it is right.
 */

#include "config.h"


#include "cleanup.h"
#include "holes.h"
#include "mirror-fixture.h"
#include "sparse-leg.h"
#include "suite.h"

#define HUGE_SHIFT 27
#define HUGE_REGIONS 512 /* 64 GiB */
#define HUGE_SIZE ((uint64_t) HUGE_REGIONS << HUGE_SHIFT)
/* To learn it all, if all copiers ask at the same time, and once more. */
#define HUGE_QUERIES ((RESYNC_THREADS + 1) * HUGE_SIZE / SPARSE_MAX_EXTENT)
#define MIB (UINT64_C (1) << 20)
#define PAGE (UINT64_C (4) << 10)
#define MAX_LOCKED (16 * MIB)

/* The longest range that a copier had locked. */
static atomic_uint_fast64_t longest;

static void
look_at_ranges (void *opaque)
{
  struct fx *fx = opaque;
  CLEANUP_LOCK (&fx->m->lock);

  for (const struct range *r = fx->m->ranges.head; r; r = r->next)
    if (r->shared && r->last - r->first + 1 > atomic_load (&longest))
      atomic_store (&longest, r->last - r->first + 1);
}

static struct fx *
huge_new (void)
{
  struct fx *fx;

  fx_make_leg = sparse_leg_new;
  fx = fx_new (2, HUGE_REGIONS, HUGE_SHIFT, 1u << 1);
  mem_log_observe (fx->log, NULL, NULL);
  for (unsigned i = 0; i < 2; ++i)
    sparse_leg_watch (fx->leg[i], look_at_ranges, fx);
  return fx;
}

static void
huge_resync (struct fx *fx)
{
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
}

TEST (holes_on_both_sides_cost_few_questions_and_no_lock)
{
  struct fx *fx = huge_new ();

  huge_resync (fx);
  ck_assert_uint_le (sparse_leg_nr_queries (fx->leg[0]), HUGE_QUERIES);
  ck_assert_uint_le (sparse_leg_nr_queries (fx->leg[1]), HUGE_QUERIES);
  ck_assert_uint_eq (longest, 0);
  ck_assert_uint_eq (fx->m->resync.skipped_bytes, HUGE_SIZE);
  fx_free (fx);
}

TEST (holes_made_in_a_full_target_cost_few_questions_and_a_short_lock)
{
  struct fx *fx = huge_new ();

  sparse_leg_fill (fx->leg[1], 0, HUGE_SIZE);
  huge_resync (fx);
  ck_assert_uint_eq (sparse_leg_allocated (fx->leg[1]), 0);
  ck_assert_uint_le (sparse_leg_nr_queries (fx->leg[0]), HUGE_QUERIES);
  ck_assert_uint_le (sparse_leg_nr_queries (fx->leg[1]), HUGE_QUERIES);
  ck_assert_uint_le (longest, MAX_LOCKED);
  ck_assert_uint_ge (longest, COPY_CHUNK);
  fx_free (fx);
}

/* Zeroes that have to be written take their time. */
TEST (zeroes_that_are_written_lock_a_chunk)
{
  struct fx *fx = huge_new ();

  atomic_store (&fx->leg[1]->fast_trim, false);
  sparse_leg_fill (fx->leg[1], 0, 4 * MAX_LOCKED);
  huge_resync (fx);
  ck_assert_uint_eq (sparse_leg_allocated (fx->leg[1]), 0);
  ck_assert_uint_eq (longest, COPY_CHUNK);
  fx_free (fx);
}

/* A piece of data now and then: what lies between is asked about once. */
TEST (few_data_cost_few_questions)
{
  struct fx *fx = huge_new ();
  unsigned nr = 0;

  for (uint64_t at = 0; at < HUGE_SIZE; at += UINT64_C (1) << 30, ++nr)
    sparse_leg_fill (fx->leg[0], at, SPARSE_BLOCK);
  huge_resync (fx);
  ck_assert_uint_eq (sparse_leg_allocated (fx->leg[1]), nr * SPARSE_BLOCK);
  ck_assert_uint_le (sparse_leg_nr_queries (fx->leg[0]), 2 * HUGE_QUERIES);
  ck_assert_uint_le (sparse_leg_nr_queries (fx->leg[1]), 2 * HUGE_QUERIES);
  ck_assert_uint_le (longest, COPY_CHUNK);
  fx_free (fx);
}

/* --- what is remembered is right --- */

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

/* The source is all zeroes, and that is known, when a client writes; when it
 * is copied the write has been flushed and its mark is gone.
 */
TEST (what_was_written_since_is_not_taken_for_zeroes)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);
  struct held held;

  fx_fill (fx, 1, 0, NR_REGIONS * REGION, 'x');
  held = holes_at (fx->m, 0, 0, NR_REGIONS * REGION);
  ck_assert_int_eq (held.what, HOLDS_ZEROES);
  ck_assert_uint_eq (held.length, NR_REGIONS * REGION);
  do_succeeds (fx, OP_WRITE, 7 * REGION, BLOCK, 'z');
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert (fx_is_clean (fx, 7));
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_int_eq (fx_byte (fx, 0, 7 * REGION), 'z');
  ck_assert_int_eq (fx_byte (fx, 1, 7 * REGION), 'z');
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

TEST (what_was_known_of_a_leg_that_was_away_is_forgotten)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  bool zero;

  for (unsigned i = 0; i < 2; ++i) {
    struct extent_ask ask = {.slot = i, .until = NR_REGIONS * REGION};

    fx_fill (fx, i, 0, ask.until, 'd');
    extent_map_ask (&fx->m->resync.extents, &ask);
    extent_map_answer (&fx->m->resync.extents, &ask, ask.until, true);
  }
  fx->m->rejoin.first_ns = fx->m->rejoin.max_ns = NSEC_PER_MSEC;
  fx_start (fx);
  mem_leg_hold_open (fx->leg[1], true);
  leg_lose (fx->leg[1], ECONNRESET, "the test says so");
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  do_succeeds (fx, OP_WRITE, 0, REGION, 'a'); /* asks for no holes */
  mem_leg_hold_open (fx->leg[1], false);
  WAIT_FOR (fx_in_sync (fx) == 3);
  {
    CLEANUP_LOCK (&fx->m->lock);
    ck_assert_uint_eq (extent_map_find (&fx->m->resync.extents, 1, 9 * REGION,
                                        &zero),
                       0);
  }
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* A list ends where something may be in a cache only. */
TEST (a_list_ends_at_a_marked_region)
{
  struct fx *fx = fx_new (2, NR_REGIONS, SHIFT, 1u << 1);
  struct leg_extent extents[NR_REGIONS];

  fx_fill (fx, 1, 1 * REGION, REGION, 'x');
  fx_fill (fx, 1, 3 * REGION, REGION, 'x');
  dirty_log_mark (fx->log, 5);
  ck_assert_uint_eq (holes_list (fx->m, 1, REGION, 8 * REGION, extents, 16),
                     4);
  for (unsigned i = 0; i < 4; ++i) {
    ck_assert_uint_eq (extents[i].length, REGION);
    ck_assert (extents[i].zero == (i % 2 == 1));
  }
  ck_assert_uint_eq (holes_list (fx->m, 1, REGION, 8 * REGION, extents, 3), 3);
  ck_assert_uint_eq (holes_list (fx->m, 1, 5 * REGION, REGION, extents, 16),
                     0);
  fx_free (fx);
}

static bool
one_copies (struct fx *fx)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->resync.busy == 1;
}

/* Leg 0 had lost a write that made zeroes, and fails while what it read is
 * being copied.  Nothing that was heard of leg 2 before counts then, nor what
 * its block status says before it was flushed (_i = 1: it knows the medium).
 */
LOOP_TEST (what_a_copy_wrote_is_not_taken_for_zeroes, 2)
{
  struct fx *fx = fx_new (3, NR_REGIONS, SHIFT, 1u << 2);

  mem_log_observe (fx->log, NULL, NULL); /* the legs differ, by intent */
  mem_leg_change (fx->leg[0], 5 * REGION, REGION, 'x');
  if (_i)
    mem_leg_status_of_medium (fx->leg[2]);
  mem_leg_hold (fx->leg[2], LEG_WRITE, 1, 1);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[2], 1));
  WAIT_FOR (one_copies (fx));
  mem_leg_hold_open (fx->leg[0], true);
  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  mem_leg_release (fx->leg[2], 1, 0);
  WAIT_FOR (fx_in_sync (fx) == 6);
  ck_assert (fx_same (fx, 1, 2));
  mem_leg_hold_open (fx->leg[0], false);
  fx_free (fx);
}

/* Block status of leg 1 knows the medium only.  What it says of a region that
 * was copied and not flushed, as whoever asks about it or what lies before may
 * hear, is not believed when leg 1 is the source for a new disk.
 */
TEST (what_was_heard_before_the_flush_is_forgotten)
{
  const uint64_t region = 1 << 16;
  const uint64_t data = 5 * region + 2 * PAGE; /* where nobody reads it */
  struct fx *fx = fx_new (2, NR_REGIONS, 16, 1u << 1);

  fx->m->rejoin.first_ns = fx->m->rejoin.max_ns = NSEC_PER_MSEC;
  fx_fill (fx, 0, data, PAGE, 'd');
  mem_leg_status_of_medium (fx->leg[1]);
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, MEM_LEG_ALWAYS);
  fx_start (fx);
  WAIT_FOR (fx_sent (fx, 1, LEG_WRITE) > 0 && fx_ranges (fx) == 0);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert_int_eq (holes_at (fx->m, 1, 5 * region, region).what,
                    HOLDS_ZEROES);
  mem_leg_forget_rules (fx->leg[1]);
  mem_leg_release (fx->leg[1], 1, 0);
  WAIT_FOR (fx_in_sync (fx) == 3);
  mem_log_observe (fx->log, NULL, NULL); /* the legs differ, by intent */
  mem_leg_hold_open (fx->leg[0], true);
  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  mem_leg_change (fx->leg[0], 0, NR_REGIONS * region, 0);
  mem_leg_hold_open (fx->leg[0], false);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_int_eq (fx_byte (fx, 0, data), 'd');
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* Data is read through: one question tells how far it goes. */
TEST (data_costs_no_questions)
{
  struct fx *fx = fx_new (2, NR_REGIONS, 20, 1u << 1);

  fx_fill (fx, 0, 0, NR_REGIONS * MIB, 'd');
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert_uint_le (mem_leg_nr_queries (fx->leg[0]), RESYNC_THREADS);
  ck_assert_uint_eq (mem_leg_nr_queries (fx->leg[1]), 0);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_READ), NR_REGIONS);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), NR_REGIONS);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* --- what is said is not true --- */

/* Legs whose block status calls all of it zeroes; there are data in one page
 * that nobody reads, so that is left out, and waits for the flush.
 */
static struct fx *
misled_new (unsigned liar)
{
  struct fx *fx = fx_new (2, NR_REGIONS, 16, 1u << 1);

  mem_log_observe (fx->log, NULL, NULL); /* the legs differ, by intent */
  fx_fill (fx, liar, 3 * PAGE, PAGE, 'd');
  mem_leg_lie (fx->leg[liar], 0, fx->m->limits.size);
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, MEM_LEG_ALWAYS);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  WAIT_FOR (fx->m->resync.skipped_bytes == fx->m->limits.size);
  return fx;
}

/* The source or the target lies, and is found out late. */
LOOP_TEST (a_resync_begins_again_when_a_leg_is_found_to_lie, 2)
{
  struct fx *fx = misled_new ((unsigned) _i);

  leg_distrust_extents (fx->leg[_i], 3 * PAGE);
  ck_assert (fx_misses (fx, 1, 0));
  mem_leg_forget_rules (fx->leg[1]);
  mem_leg_release (fx->leg[1], 1, 0);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* The begin of a run was left out, and the rest is being copied. */
TEST (what_is_being_copied_when_a_lie_is_found_does_not_count)
{
  struct fx *fx = fx_new (2, 1, 20, 1u << 1);

  mem_log_observe (fx->log, NULL, NULL);
  fx_fill (fx, 0, 3 * PAGE, PAGE, 'd');
  mem_leg_lie (fx->leg[0], 0, MIB / 2);
  fx_fill (fx, 0, MIB / 2, MIB / 2, 'd');
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  leg_distrust_extents (fx->leg[0], 3 * PAGE);
  mem_leg_release (fx->leg[1], 1, 0);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  fx_free (fx);
}

/* Both ends of what is left out are read, by each run again. */
LOOP_TEST (what_is_left_out_is_read_at_both_ends, 4)
{
  struct fx *fx = fx_new (2, NR_REGIONS, 16, 1u << 1);
  unsigned liar = (unsigned) _i % 2;
  uint64_t size = fx->m->limits.size;

  mem_log_observe (fx->log, NULL, NULL);
  fx_fill (fx, liar, _i < 2 ? 0 : size - PAGE, PAGE, 'd');
  mem_leg_lie (fx->leg[liar], 0, size);
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
  ck_assert (atomic_load (&fx->leg[liar]->distrusted));
  fx_free (fx);
}

/* It was zero when it was asked about: what was remembered is read again. */
TEST (what_is_remembered_is_read_again)
{
  struct fx *fx = fx_new (2, NR_REGIONS, 16, 1u << 1);
  uint64_t at = 5u << 16;

  ck_assert_int_eq (holes_at (fx->m, 0, 0, 1u << 20).what, HOLDS_ZEROES);
  mem_leg_change (fx->leg[0], at, PAGE, 'd');
  mem_leg_lie (fx->leg[0], at, PAGE);
  ck_assert_int_eq (holes_at (fx->m, 0, 0, at).what, HOLDS_ZEROES);
  ck_assert (holes_at (fx->m, 0, at, 1u << 16).what != HOLDS_ZEROES);
  ck_assert (atomic_load (&fx->leg[0]->distrusted));
  ck_assert (holes_at (fx->m, 0, 0, at).what == HOLDS_DATA);
  fx_free (fx);
}

static struct suite_group tests = {
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("holes");
}
