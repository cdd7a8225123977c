/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg that comes back while the mirror runs (S5), and what waits because a
 * write may still land (S21).
 *
 * Leg 1 is the one that comes and goes.  It is kept away by mem_leg_hold_open,
 * so a test says when it comes back.
 */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "cleanup.h"
#include "member-state.h"
#include "mirror-fixture.h"
#include "quarantine.h"
#include "suite.h"
#include "sweep.h"

#define SHIFT 16
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 64
#define SIZE (NR_REGIONS * REGION)
#define HOUR_NS (3600 * NSEC_PER_SEC)

/* In a leg full of data regions 0, 63, 0, 5, 9, ... are compared, in this
 * order; these are not.
 */
#define UNSAMPLED 3
#define UNSAMPLED2 10
#define SAMPLED 5
#define SAMPLED_NTH 4
#define NR_COMPARED 18

static struct fx *fx;

static uint8_t
pattern (uint64_t region)
{
  return (uint8_t) ('A' + region % 26);
}

/* Full of data, all the same; nothing runs. */
static void
make (unsigned nr_legs)
{
  fx = fx_new (nr_legs, NR_REGIONS, SHIFT, 0);
  fx->m->rejoin =
    (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC, HOUR_NS};
  for (unsigned leg = 0; leg < nr_legs; ++leg)
    for (uint64_t r = 0; r < NR_REGIONS; ++r)
      fx_fill (fx, leg, r * REGION, REGION, pattern (r));
}

static void
teardown (void)
{
  fx_free (fx);
}

static void
setup (void)
{
  make (2);
  fx_start (fx);
}

static void
setup_three (void)
{
  make (3);
  fx_start (fx);
}

static void
setup_stopped (void)
{
  make (2);
}

static void
lose (unsigned leg)
{
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

/* Leg 1 is gone until come_back. */
static void
go_away (void)
{
  mem_leg_hold_open (fx->leg[1], true);
  lose (1);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
}

static bool
all_recorded (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->failures_recorded == fx->m->failures;
}

/* ...and will differ by intent, which images of the log must not show. */
static void
go_away_to_change (void)
{
  go_away ();
  WAIT_FOR (all_recorded ());
  mem_log_observe (fx->log, NULL, NULL);
}

static void
come_back (void)
{
  mem_leg_hold_open (fx->leg[1], false);
}

static bool
is_resyncing (unsigned leg)
{
  return fx_resyncing (fx) & 1u << leg;
}

/* Leg 1 was opened again n times, so n - 1 tries are over. */
static void
wait_tries (unsigned leg, size_t n)
{
  size_t before = mem_leg_nr_opens (fx->leg[leg]);

  WAIT_FOR (mem_leg_nr_opens (fx->leg[leg]) >= before + n);
}

static unsigned
all (void)
{
  return (1u << fx->nr_legs) - 1;
}

static void
is_whole_again (void)
{
  WAIT_FOR (fx_in_sync (fx) == all ());
  for (unsigned leg = 1; leg < fx->nr_legs; ++leg) {
    ck_assert (fx_same (fx, 0, leg));
    ck_assert_int_eq (fx_image_state (fx, leg), LOG_LEG_IN_SYNC);
  }
}

/* Regions to which the leg was sent modifications after the first nr. */
static uint64_t
modified_regions (unsigned leg, size_t from)
{
  size_t nr;
  CLEANUP_FREE struct mem_leg_record *rec =
    mem_leg_records (fx->leg[leg], &nr);
  uint64_t mask = 0;

  for (size_t i = from; i < nr; ++i)
    if (rec[i].op == LEG_WRITE || rec[i].op == LEG_ZERO)
      for (uint64_t r = rec[i].offset >> SHIFT;
           r <= (rec[i].offset + rec[i].count - 1) >> SHIFT; ++r)
        mask |= UINT64_C (1) << r;
  return mask;
}

static size_t
nr_records (unsigned leg)
{
  size_t nr;

  free (mem_leg_records (fx->leg[leg], &nr));
  return nr;
}

static uint64_t
region_bit (uint64_t region)
{
  return UINT64_C (1) << region;
}

/* --- only what it missed --- */

TEST (a_leg_that_returns_gets_only_what_it_missed)
{
  size_t before = nr_records (1);

  go_away ();
  do_succeeds (fx, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (fx_is_clean (fx, UNSAMPLED));
  do_succeeds (fx, OP_WRITE, SAMPLED * REGION, BLOCK, 'y');
  come_back ();
  is_whole_again ();
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION), 'x');
  ck_assert_int_eq (fx_byte (fx, 1, SAMPLED * REGION), 'y');
  ck_assert_uint_eq (modified_regions (1, before),
                     region_bit (UNSAMPLED) | region_bit (SAMPLED));
}

/* Absent at the start: was never open. */
TEST_IN (stopped_tests,
         a_leg_that_was_absent_at_the_start_is_used_when_it_comes)
{
  dirty_log_leg_failed (fx->log, 1);
  dirty_log_set_region_sync (fx->log, 1, UNSAMPLED, 1, false);
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  fx_fill (fx, 0, UNSAMPLED * REGION, REGION, 'x');
  leg_close (fx->leg[1]);
  member_set_state_locked (fx->m, SLOT_BIT (1), MEMBER_MISSING);
  fx_start (fx);
  is_whole_again ();
  CLEANUP_LOCK (&fx->m->lock);
  ck_assert_uint_eq (fx->m->missing, 0);
}

/* The writer chose its legs without the leg. */
TEST (s5_what_is_marked_at_the_return_is_missed)
{
  struct op op;

  go_away ();
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  ck_assert (!fx_misses (fx, 1, UNSAMPLED));
  come_back ();
  WAIT_FOR (is_resyncing (1));
  ck_assert (fx_misses (fx, 1, UNSAMPLED));
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  is_whole_again ();
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION), 'x');
}

/* Leg 2 shows that there was time enough. */
TEST_IN (three_tests, a_leg_is_not_reopened_while_a_request_to_it_is_held)
{
  struct op op;
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  mem_leg_fail_open (fx->leg[2], EIO);
  lose (2);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  mem_leg_fail (fx->leg[1], LEG_WRITE, 1, 1, EIO);
  do_succeeds (fx, OP_WRITE, UNSAMPLED2 * REGION, BLOCK, 'y');
  ck_assert_uint_eq (fx_failed (fx), 1u << 1 | 1u << 2);
  wait_tries (2, 5);
  ck_assert_uint_eq (mem_leg_nr_opens (fx->leg[1]), opens);
  mem_leg_fail_open (fx->leg[2], 0);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&op);
  is_whole_again ();
}

/* --- is it that leg? --- */

/* Leg 1 is tried and not used. */
static void
is_refused (void)
{
  size_t before;

  before = nr_records (1);
  come_back ();
  wait_tries (1, 2);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  ck_assert_uint_eq (fx_resyncing (fx), 0);
  ck_assert_uint_eq (modified_regions (1, before), 0);
}

TEST (a_leg_with_other_content_is_not_used)
{
  char why[256];

  go_away_to_change ();
  mem_leg_change (fx->leg[1], SAMPLED * REGION, BLOCK, 'f');
  is_refused ();
  leg_last_error (fx->leg[1], why, sizeof why);
  ck_assert_ptr_nonnull (strstr (why, "differs from leg /leg0"));
}

TEST (a_leg_that_became_smaller_is_not_used)
{
  char why[256];

  go_away_to_change ();
  mem_leg_replace (fx->leg[1], SIZE - REGION, BLOCK, "/leg1");
  is_refused ();
  leg_last_error (fx->leg[1], why, sizeof why);
  ck_assert_ptr_nonnull (strstr (why, "the mirror has 4194304"));
}

TEST (a_leg_with_larger_blocks_is_not_used)
{
  char why[256];

  go_away_to_change ();
  mem_leg_replace (fx->leg[1], SIZE, 4096, "/leg1");
  is_refused ();
  leg_last_error (fx->leg[1], why, sizeof why);
  ck_assert_ptr_nonnull (strstr (why, "has blocks of 4096 bytes now"));
  ck_assert_ptr_nonnull (strstr (why, "minimum-block=4096"));
}

/* What is only in its cache may be a hole by its block status. */
TEST (a_leg_that_returns_is_flushed_before_its_block_status_counts)
{
  do_succeeds (fx, OP_ZERO, UNSAMPLED * REGION, REGION, 0);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  go_away_to_change ();
  mem_leg_status_of_medium (fx->leg[1]);
  mem_leg_change (fx->leg[1], UNSAMPLED * REGION, BLOCK, 'o');
  do_succeeds (fx, OP_ZERO, UNSAMPLED * REGION, REGION, 0);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert (fx_misses (fx, 1, UNSAMPLED) && fx_is_clean (fx, UNSAMPLED));
  come_back ();
  is_whole_again ();
}

TEST (an_empty_leg_gets_everything)
{
  go_away_to_change ();
  mem_leg_change (fx->leg[1], 0, SIZE, 0);
  come_back ();
  is_whole_again ();
}

/* The source is zero wherever it is compared, and the URI is the same. */
TEST (an_empty_leg_gets_everything_also_if_the_samples_are_zero)
{
  for (unsigned leg = 0; leg < 2; ++leg) {
    mem_leg_change (fx->leg[leg], 0, SIZE, 0);
    mem_leg_change (fx->leg[leg], UNSAMPLED * REGION, REGION, 'd');
  }
  go_away_to_change ();
  mem_leg_change (fx->leg[1], 0, SIZE, 0);
  come_back ();
  is_whole_again ();
}

/* Leg 1 is gone, and will be empty when it is back. */
static void
go_away_for_good (void)
{
  go_away_to_change ();
  mem_leg_change (fx->leg[1], 0, SIZE, 0);
  mem_leg_replace (fx->leg[1], SIZE, BLOCK, "new");
}

/* A new disk, lost again after the first copy: nothing can be compared, and
 * the log does not know it.
 */
TEST (a_new_disk_that_fails_again_is_known)
{
  go_away_for_good ();
  mem_leg_hold (fx->leg[1], LEG_WRITE, 2, MEM_LEG_ALWAYS);
  come_back ();
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  go_away ();
  mem_leg_forget_rules (fx->leg[1]);
  come_back ();
  is_whole_again ();
}

TEST (an_empty_leg_misses_everything_durably_before_it_gets_anything)
{
  go_away_for_good ();
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, MEM_LEG_ALWAYS);
  come_back ();
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  for (uint64_t r = 0; r < NR_REGIONS; ++r)
    ck_assert (fx_image_missed (fx, 1, r));
  mem_leg_forget_rules (fx->leg[1]);
  mem_leg_release (fx->leg[1], NR_REGIONS, 0);
  is_whole_again ();
}

TEST (an_empty_leg_is_not_used_while_the_log_cannot_note_it)
{
  char why[256];
  size_t before;

  go_away_for_good ();
  before = nr_records (1);
  ck_assert_int_eq (dirty_log_flush (fx->log, NO_DEADLINE), 0);
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, EIO);
  come_back ();
  wait_tries (1, 2);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  ck_assert_uint_eq (modified_regions (1, before), 0);
  leg_last_error (fx->leg[1], why, sizeof why);
  ck_assert_ptr_nonnull (strstr (why, "is empty now, and the log can't"));
  mem_log_fail (fx->log, 0, 0, 0);
  is_whole_again ();
}

/* Or the next start would take it for a stranger's while it is copied. */
/* After a crash the log calls it in-sync: what is on its way to it then must be
 * no copy.
 */
TEST (s5_a_leg_is_not_back_before_its_failure_is_recorded)
{
  uint64_t end;
  size_t opens;

  mem_log_hold (fx->log, MEM_LOG_FLUSH);
  opens = mem_leg_nr_opens (fx->leg[1]);
  lose (1);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  /* Tries are 10 ms apart at most. */
  for (end = now_ns () + 100 * NSEC_PER_MSEC; now_ns () < end;) {
    poll (NULL, 0, 5);
    ck_assert_uint_eq (mem_leg_nr_opens (fx->leg[1]), opens);
  }
  mem_log_hold (fx->log, 0);
  is_whole_again ();
}

TEST (the_log_knows_the_identity_of_a_leg_that_was_replaced)
{
  struct log_leg rec;

  go_away_for_good ();
  dirty_log_get_leg (fx->log, 1, &rec);
  ck_assert (memcmp (rec.id, "new", 3) != 0);
  come_back ();
  is_whole_again ();
  dirty_log_get_leg (fx->log, 1, &rec);
  ck_assert (memcmp (rec.id, fx->leg[1]->id, LOG_ID_SIZE) == 0);
  ck_assert (memcmp (rec.id, "new", 3) == 0);
}

TEST (blocks_that_the_source_cannot_read_keep_no_leg_out)
{
  go_away ();
  mem_leg_fail (fx->leg[0], LEG_READ, 1, MEM_LEG_ALWAYS, EIO);
  come_back ();
  is_whole_again ();
}

TEST (nothing_is_compared_with_a_source_that_is_lost)
{
  char why[256];

  go_away ();
  lose (0); /* the last one: stays in-sync */
  come_back ();
  wait_tries (1, 2);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  leg_last_error (fx->leg[1], why, sizeof why);
  ck_assert_ptr_nonnull (strstr (why, "can't be compared: leg /leg0"));
}

/* --- lost again --- */

TEST (a_leg_that_is_lost_while_it_is_looked_at_does_not_join)
{
  go_away ();
  mem_leg_hold (fx->leg[0], LEG_READ, NR_COMPARED, 1);
  come_back ();
  ck_assert (mem_leg_wait_held (fx->leg[0], 1)); /* the last comparison */
  mem_leg_fail_open (fx->leg[1], EIO);
  lose (1);
  mem_leg_release (fx->leg[0], 1, 0);
  wait_tries (1, 2);
  ck_assert_uint_eq (fx_failed (fx), 1u << 1);
  mem_leg_fail_open (fx->leg[1], 0);
  is_whole_again ();
}

static bool
is_promoting (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->promoting != 0;
}

/* Nobody wrote, so it misses nothing when it is back. */
TEST (a_leg_that_was_lost_and_is_back_during_its_promotion_is_recorded)
{
  mem_log_hold (fx->log, MEM_LOG_COMMIT);
  lose (1);
  WAIT_FOR (is_promoting ());
  ck_assert (mem_log_wait_inside (fx->log, 1));
  lose (1);
  WAIT_FOR (is_resyncing (1));
  mem_log_hold (fx->log, 0);
  is_whole_again ();
}

/* --- the look and the clients --- */

/* Requests that wait for their range. */
static unsigned
nr_waiting (void)
{
  unsigned nr = 0;
  CLEANUP_LOCK (&fx->m->lock);

  for (struct range *r = fx->m->ranges.head; r; r = r->next)
    nr += r->blockers > 0;
  return nr;
}

TEST (what_is_compared_is_not_written_meanwhile)
{
  struct op op;
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  go_away ();
  mem_leg_hold (fx->leg[0], LEG_READ, SAMPLED_NTH, 1);
  come_back ();
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  op_start (fx, &op, OP_WRITE, SAMPLED * REGION, BLOCK, 'x');
  WAIT_FOR (nr_waiting () == 1);
  ck_assert (!op_ended (&op));
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  is_whole_again ();
  ck_assert_uint_eq (mem_leg_nr_opens (fx->leg[1]), opens + 1);
}

/* The write has reached one leg, or none. */
TEST (what_is_being_written_is_not_compared)
{
  struct op op;
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  go_away ();
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, SAMPLED * REGION, BLOCK, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  come_back ();
  WAIT_FOR (nr_waiting () == 1);
  mem_leg_release (fx->leg[0], 1, 0);
  op_succeeds (&op);
  is_whole_again ();
  ck_assert_uint_eq (mem_leg_nr_opens (fx->leg[1]), opens + 1);
}

TEST (a_leg_that_hangs_when_it_is_looked_at_holds_up_no_writer)
{
  struct op op;

  go_away ();
  mem_leg_hold (fx->leg[1], LEG_READ, SAMPLED_NTH, 1);
  come_back ();
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &op, OP_WRITE, SAMPLED * REGION, BLOCK, 'x');
  WAIT_FOR (op_ended (&op));
  op_succeeds (&op);
  mem_leg_release (fx->leg[1], 1, 0);
  is_whole_again ();
}

/* --- flapping --- */

static uint64_t
gap_before (size_t nth)
{
  return mem_leg_open_time (fx->leg[1], nth) -
         mem_leg_open_time (fx->leg[1], nth - 1);
}

static void
set_times (uint64_t first_ns, uint64_t max_ns, uint64_t steady_ns)
{
  CLEANUP_LOCK (&fx->m->lock);

  fx->m->rejoin = (struct rejoin_times){first_ns, max_ns, steady_ns};
}

TEST (delays_grow_with_the_time_up_to_the_longest)
{
  size_t first = mem_leg_nr_opens (fx->leg[1]) + 1;

  set_times (NSEC_PER_MSEC, 2 * NSEC_PER_MSEC, HOUR_NS);
  mem_leg_fail_open (fx->leg[1], EIO);
  lose (1);
  wait_tries (1, 45); /* 20 s and more if there were no longest */
  for (size_t nth = first + 1; nth < first + 45; ++nth) {
    uint64_t out = mem_leg_open_time (fx->leg[1], nth - 1) -
                   mem_leg_open_time (fx->leg[1], first);

    ck_assert_uint_ge (gap_before (nth), out / 4 > 2 * NSEC_PER_MSEC
                                           ? 2 * NSEC_PER_MSEC
                                           : NSEC_PER_MSEC);
  }
}

/* Six times in use and lost again. */
static void
flap (void)
{
  for (unsigned i = 0; i < 6; ++i) {
    lose (1);
    is_whole_again ();
  }
}

TEST (a_leg_that_flaps_is_kept_out_longer)
{
  uint64_t lost;

  set_times (NSEC_PER_MSEC, HOUR_NS, HOUR_NS);
  flap ();
  lost = now_ns ();
  lose (1);
  wait_tries (1, 1);
  ck_assert_uint_ge (mem_leg_open_time (fx->leg[1],
                                        mem_leg_nr_opens (fx->leg[1])) -
                       lost,
                     64 * NSEC_PER_MSEC);
}

TEST (after_steady_use_the_delay_is_short_again)
{
  set_times (NSEC_PER_MSEC, HOUR_NS, HOUR_NS);
  flap ();
  set_times (NSEC_PER_SEC, HOUR_NS, 0); /* else 64 s */
  lose (1);
  wait_tries (1, 1);
}

/* --- S21: what was not answered --- */

/* Legs 1 (NBD) and 2 lose a write that leg 1 did not answer; both are back,
 * and 2 is in-sync again, so copies were made.
 */
static void
back_with_an_unanswered_write (void)
{
  struct op op;

  make (3);
  fx_set_kind (fx, 1, LEG_NBD);
  fx->m->quarantine_ns = HOUR_NS;
  fx_start (fx);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'w');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  lose (1);
  op_succeeds (&op);
  lose (2);
  do_succeeds (fx, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  WAIT_FOR (is_resyncing (1));
  WAIT_FOR (fx_in_sync (fx) == (1u << 0 | 1u << 2));
}

static void
end_quarantine_of_leg_1 (void)
{
  CLEANUP_LOCK (&fx->m->lock);

  ck_assert_uint_gt (fx->m->member[1].stalled_until, now_ns ());
  fx->m->member[1].stalled_until = 0;
  resync_wake_locked (fx->m);
}

TEST_IN (own_tests, s21_no_copy_to_the_leg_before_the_quarantine)
{
  size_t before;

  back_with_an_unanswered_write ();
  before = nr_records (1);
  ck_assert (fx_misses (fx, 1, UNSAMPLED));
  do_succeeds (fx, OP_WRITE, UNSAMPLED2 * REGION, BLOCK, 'y');
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED2 * REGION), 'y');
  ck_assert_uint_eq (modified_regions (1, before), region_bit (UNSAMPLED2));
  end_quarantine_of_leg_1 ();
  is_whole_again ();
}

TEST_IN (own_tests, s21_a_late_write_is_corrected)
{
  back_with_an_unanswered_write ();
  do_succeeds (fx, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'z');
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION), 'z');
  mem_leg_change (fx->leg[1], UNSAMPLED * REGION, BLOCK, 'w');
  sweep (fx->m, true, NO_DEADLINE);
  ck_assert (fx_misses (fx, 1, UNSAMPLED));
  end_quarantine_of_leg_1 ();
  is_whole_again ();
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION), 'z');
}

/* It is in the cache of the server, whose block status knows the medium. */
TEST_IN (own_tests, s21_a_late_write_is_flushed_before_block_status_counts)
{
  make (2);
  fx_set_kind (fx, 1, LEG_NBD);
  fx->m->quarantine_ns = HOUR_NS;
  fx_start (fx);
  do_succeeds (fx, OP_ZERO, UNSAMPLED * REGION, REGION, 0);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  go_away_to_change ();
  do_succeeds (fx, OP_ZERO, UNSAMPLED * REGION, REGION, 0);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  mem_leg_status_of_medium (fx->leg[1]);
  come_back ();
  WAIT_FOR (is_resyncing (1));
  ck_assert (fx_misses (fx, 1, UNSAMPLED) && fx_is_clean (fx, UNSAMPLED));
  mem_leg_change (fx->leg[1], UNSAMPLED * REGION, BLOCK, 'w');
  end_quarantine_of_leg_1 ();
  is_whole_again ();
}

/* --- S21: after an unclean end --- */

/* What open.c does with a log that says: an unclean end, leg 0 the source,
 * UNSAMPLED marked (or not), leg 1, if there is one, misses UNSAMPLED2.
 */
static void
unclean_end (enum leg_kind source, bool marked)
{
  struct log_record record;
  struct plan_input in = {.log = dirty_log_info (fx->log),
                          .record = &record,
                          .nr_legs = fx->nr_legs};
  struct plan plan = {.geo = in.log->geo};
  struct bitset marks;

  fx_set_kind (fx, 0, source);
  fx->m->quarantine_ns = HOUR_NS;
  for (unsigned s = 0; s < fx->nr_legs; ++s) {
    in.leg[s] = (struct plan_leg){.name = "", .leg = fx->leg[s]};
    plan.slot[s] =
      (struct plan_slot){.configured = true, .here = true, .leg = (int) s};
  }
  if (marked)
    dirty_log_mark (fx->log, UNSAMPLED);
  if (fx->nr_legs > 1)
    dirty_log_set_region_sync (fx->log, 1, UNSAMPLED2, 1, false);
  mem_log_found_unclean (fx->log);
  dirty_log_get_record (fx->log, &record);
  ck_assert_int_eq (quarantine_marked (fx->log, &marks), 0);
  ck_assert_int_eq (plan_apply (fx->log, &in, &plan), 0);
  ck_assert_int_eq (quarantine_init (fx->m, &marks), 0);
  bitset_free (&marks);
  member_set_state_locked (fx->m, all () & ~1u, MEMBER_RESYNCING);
}

static unsigned
nr_active (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->active;
}

static void
end_hold (void)
{
  CLEANUP_LOCK (&fx->m->lock);

  ck_assert_uint_gt (fx->m->held_until, now_ns ());
  FOR_EACH_SLOT (s, fx->m->resyncing) {
    ck_assert_uint_ge (fx->m->member[s].stalled_until, fx->m->held_until);
    fx->m->member[s].stalled_until = 0;
  }
  fx->m->held_until = 1;
  pthread_cond_broadcast (&fx->m->cond);
  resync_wake_locked (fx->m);
}

static int
byte_read (uint64_t offset)
{
  struct op op;

  op_start (fx, &op, OP_READ, offset, BLOCK, 0);
  WAIT_FOR (op_ended (&op));
  op_succeeds (&op);
  return op.byte;
}

TEST_IN (stopped_tests, s21_writes_wait_where_one_may_land_on_the_source)
{
  struct op marked, missed;

  unclean_end (LEG_NBD, true);
  fx_start (fx);
  op_start (fx, &marked, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  op_start (fx, &missed, OP_ZERO, UNSAMPLED2 * REGION, BLOCK, 0);
  WAIT_FOR (nr_active () == 2);
  do_succeeds (fx, OP_WRITE, SAMPLED * REGION, BLOCK, 'y');
  ck_assert_int_eq (byte_read (UNSAMPLED * REGION), pattern (UNSAMPLED));
  ck_assert (!op_ended (&marked));
  ck_assert (!op_ended (&missed));
  mem_leg_change (fx->leg[0], UNSAMPLED * REGION, 2 * BLOCK, 'w');
  end_hold ();
  op_succeeds (&marked);
  op_succeeds (&missed);
  is_whole_again ();
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION), 'x');
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION + BLOCK), 'w');
}

/* The first start turned the marks into missed regions. */
TEST_IN (stopped_tests, s21_after_a_second_crash_missed_regions_wait)
{
  struct op missed;

  unclean_end (LEG_NBD, false);
  fx_start (fx);
  op_start (fx, &missed, OP_WRITE, UNSAMPLED2 * REGION, BLOCK, 'x');
  WAIT_FOR (nr_active () == 1);
  do_succeeds (fx, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'y');
  ck_assert (!op_ended (&missed));
  end_hold ();
  op_succeeds (&missed);
  is_whole_again ();
}

TEST_IN (stopped_tests, s21_kept_marks_go_when_the_quarantine_is_over)
{
  unclean_end (LEG_NBD, true);
  ck_assert (fx_image_marked (fx, UNSAMPLED));
  fx_start (fx);
  end_hold ();
  WAIT_FOR (!fx_image_marked (fx, UNSAMPLED));
  is_whole_again ();
}

/* Nothing tells any more that it may be in a cache only. */
TEST_IN (stopped_tests, s21_a_late_write_is_on_the_medium_before_marks_go)
{
  uint8_t byte;

  unclean_end (LEG_NBD, true);
  fx_start (fx);
  mem_leg_change (fx->leg[0], UNSAMPLED * REGION, BLOCK, 'w');
  {
    CLEANUP_LOCK (&fx->m->lock);

    fx->m->held_until = 1;
  }
  WAIT_FOR (fx_is_clean (fx, UNSAMPLED));
  mem_leg_read_stable (fx->leg[0], &byte, UNSAMPLED * REGION, 1);
  ck_assert_int_eq (byte, 'w');
  end_quarantine_of_leg_1 ();
  is_whole_again ();
}

/* There is no other leg to miss what was marked. */
TEST_IN (own_tests, s21_writes_wait_also_if_the_source_is_alone)
{
  struct op op;

  make (1);
  unclean_end (LEG_NBD, true);
  fx_start (fx);
  op_start (fx, &op, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  WAIT_FOR (nr_active () == 1);
  do_succeeds (fx, OP_WRITE, SAMPLED * REGION, BLOCK, 'y');
  ck_assert (!op_ended (&op));
  end_hold ();
  op_succeeds (&op);
}

TEST_IN (stopped_tests, s21_nothing_waits_for_a_local_source)
{
  unclean_end (LEG_FILE, true);
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  do_succeeds (fx, OP_WRITE, UNSAMPLED2 * REGION, BLOCK, 'y');
  is_whole_again ();
}

/* What may still change on the source is not copied to it. */
TEST_IN (stopped_tests, s21_a_local_leg_that_returns_meanwhile_waits_too)
{
  unclean_end (LEG_NBD, true);
  fx_start (fx);
  go_away ();
  come_back ();
  WAIT_FOR (is_resyncing (1));
  mem_leg_change (fx->leg[0], UNSAMPLED * REGION, BLOCK, 'w');
  end_hold ();
  is_whole_again ();
  ck_assert_int_eq (fx_byte (fx, 1, UNSAMPLED * REGION), 'w');
}

static void
stop (void)
{
  struct op op;

  fx_keep_image (fx);
  op_start (fx, &op, OP_STOP, 0, 0, 0);
  WAIT_FOR (op_ended (&op));
  op_succeeds (&op);
  fx->started = false;
}

TEST_IN (stopped_tests, s21_an_end_before_that_leaves_the_log_unclean)
{
  struct op op;

  unclean_end (LEG_NBD, true);
  fx_start (fx);
  op_start (fx, &op, OP_WRITE, UNSAMPLED * REGION, BLOCK, 'x');
  WAIT_FOR (nr_active () == 1);
  stop ();
  op_fails (&op, ESHUTDOWN);
  CLEANUP_FREE struct mem_log_image *last = fx_kept_image (fx);

  ck_assert (last->unclean);
}

TEST_IN (stopped_tests, s21_an_end_after_that_is_clean)
{
  unclean_end (LEG_NBD, true);
  fx_start (fx);
  end_hold ();
  is_whole_again ();
  stop ();
  CLEANUP_FREE struct mem_log_image *last = fx_kept_image (fx);

  ck_assert (!last->unclean);
}

/* --- the end --- */

TEST (the_end_does_not_wait_for_a_leg_that_is_being_opened)
{
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  go_away ();
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens);
  stop ();
}

TEST (the_end_does_not_wait_for_a_leg_that_is_looked_at)
{
  go_away ();
  mem_leg_hold (fx->leg[1], LEG_READ, 1, MEM_LEG_ALWAYS);
  come_back ();
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  stop ();
}

TEST (the_end_does_not_wait_for_the_next_try)
{
  set_times (HOUR_NS, HOUR_NS, HOUR_NS);
  go_away ();
  stop ();
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 60,
};

static struct suite_group three_tests = {
  .setup = setup_three,
  .teardown = teardown,
  .timeout = 60,
};

static struct suite_group stopped_tests = {
  .setup = setup_stopped,
  .teardown = teardown,
  .timeout = 60,
};

static struct suite_group own_tests = {
  .teardown = teardown,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("rejoin");
}
