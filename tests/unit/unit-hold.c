/* SPDX-License-Identifier: BSD-3-Clause */

/* The last in-sync leg is away, and comes back (S5a).
 *
 * Both legs are NBD legs whose servers lose, when they are away, all that was
 * not flushed.
 */

#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "hold.h"
#include "leg-ops.h"
#include "mirror-fixture.h"
#include "order.h"
#include "records-init.h"
#include "suite.h"
#include "sweep.h"

#define SHIFT 16
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 64
#define BOTH 3u
#define HOUR_NS (3600 * NSEC_PER_SEC)

static struct fx *fx;

static uint8_t
pattern (uint64_t region)
{
  return (uint8_t) ('A' + region % 26);
}

static void
hurry (void)
{
  fx->m->rejoin =
    (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC, HOUR_NS};
  fx->m->hold.first_ns = NSEC_PER_MSEC;
  fx->m->hold.max_ns = 10 * NSEC_PER_MSEC;
}

/* Full of data, all the same. */
static void
make (unsigned resyncing)
{
  fx_hold_timeout = 20;
  fx = fx_new (2, NR_REGIONS, SHIFT, resyncing);
  hurry ();
  for (unsigned leg = 0; leg < 2; ++leg) {
    fx_set_kind (fx, leg, LEG_NBD);
    for (uint64_t r = 0; r < NR_REGIONS; ++r)
      fx_fill (fx, leg, r * REGION, REGION, pattern (r));
  }
}

static void
setup_stopped (void)
{
  make (0);
}

static void
setup (void)
{
  make (0);
  fx_start (fx);
}

static void
teardown (void)
{
  fx_free (fx);
}

/* --- coming and going --- */

static bool
is_held (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->hold.legs != 0;
}

static unsigned
times_back (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->hold.ended;
}

static uint64_t
nr_sweeps (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->sweeps;
}

/* Returns true. */
static bool
wake_worker (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  worker_wake_locked (fx->m);
  return true;
}

static bool
is_stopping (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->stopping;
}

/* The thread that brings the leg back. */
static bool
has_ended (unsigned leg)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->member[leg].rejoiner_exited;
}

/* Requests that are inside. */
static unsigned
nr_active (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->active;
}

static uint64_t
bytes_kept (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->unstable.bytes;
}

/* Until come_back its server can't be reached. */
static void
go_away (unsigned leg)
{
  mem_leg_hold_open (fx->leg[leg], true);
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

/* The server has lost what was not flushed. */
static void
come_back (unsigned leg, size_t opens)
{
  WAIT_FOR (mem_leg_nr_opens (fx->leg[leg]) > opens);
  mem_leg_crash (fx->leg[leg], 0);
  mem_leg_hold_open (fx->leg[leg], false);
}

/* Leg 0 first, so leg 1 is the one that is waited for. */
static void
both_go_away (size_t opens[2])
{
  for (unsigned leg = 0; leg < 2; ++leg) {
    opens[leg] = mem_leg_nr_opens (fx->leg[leg]);
    go_away (leg);
  }
  ck_assert (is_held ());
}

static void
both_blink (void)
{
  unsigned before = times_back ();
  size_t opens[2];

  both_go_away (opens);
  come_back (1, opens[1]);
  WAIT_FOR (times_back () > before);
  come_back (0, opens[0]);
}

static void
is_whole_again (void)
{
  WAIT_FOR (fx_in_sync (fx) == BOTH);
  ck_assert (fx_same (fx, 0, 1));
}

/* Both legs hold it, also after a power failure. */
static void
is_durable (uint64_t offset, int byte)
{
  uint8_t stable;

  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  for (unsigned leg = 0; leg < 2; ++leg) {
    ck_assert_int_eq (fx_byte (fx, leg, offset), byte);
    mem_leg_read_stable (fx->leg[leg], &stable, offset, 1);
    ck_assert_int_eq (stable, byte);
  }
}

static void
reads (uint64_t offset, int byte)
{
  struct op op;

  op_start (fx, &op, OP_READ, offset, BLOCK, 0);
  op_succeeds (&op);
  ck_assert_int_eq (op.byte, byte);
}

static void
state_is (const char *state)
{
  CLEANUP_FREE struct mirror_status *st = malloc (sizeof *st);

  mirror_status (fx->m, st);
  ck_assert_str_eq (st->state, state);
}

/* Writes and zeroes that the leg was sent so far. */
static unsigned
modifications (unsigned leg)
{
  return fx_sent (fx, leg, LEG_WRITE) + fx_sent (fx, leg, LEG_ZERO);
}

/* --- what was acknowledged --- */

TEST (s5a_what_was_acknowledged_and_not_flushed_survives)
{
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  do_succeeds (fx, OP_ZERO, 5 * REGION, REGION, 0);
  both_blink ();
  reads (3 * REGION, 'x');
  reads (5 * REGION, 0);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
  is_durable (5 * REGION, 0);
}

TEST (what_was_flushed_is_not_written_again)
{
  unsigned before;

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (bytes_kept (), 0);
  before = modifications (1);
  both_blink ();
  is_whole_again ();
  ck_assert_uint_eq (modifications (1), before);
  ck_assert_int_eq (fx_byte (fx, 1, 3 * REGION), 'x');
}

TEST (s13_of_writes_that_overlap_the_last_one_is_written_again)
{
  for (int i = 0; i < 100; ++i)
    do_succeeds (fx, OP_WRITE, 3 * REGION + (uint64_t) (i % 3) * BLOCK,
                 2 * BLOCK, i);
  do_succeeds (fx, OP_WRITE, 4 * REGION, BLOCK, 'x');
  do_succeeds (fx, OP_ZERO, 4 * REGION, BLOCK, 0);
  do_succeeds (fx, OP_ZERO, 5 * REGION, BLOCK, 0);
  do_succeeds (fx, OP_WRITE, 5 * REGION, BLOCK, 'y');
  both_blink ();
  is_whole_again ();
  is_durable (3 * REGION, 99);
  is_durable (3 * REGION + BLOCK, 99);
  is_durable (3 * REGION + 2 * BLOCK, 98);
  is_durable (3 * REGION + 3 * BLOCK, 98);
  is_durable (4 * REGION, 0);
  is_durable (5 * REGION, 'y');
}

/* What is on its way when this mirror is killed lands when the next one answers
 * readers: it must not be older than what the leg has.
 */
TEST (s13_no_older_write_is_on_its_way_again)
{
  size_t before = modifications (1);

  do_succeeds (fx, OP_WRITE, 3 * REGION, 8 * BLOCK, 'x');
  do_succeeds (fx, OP_ZERO, 3 * REGION + BLOCK, 2 * BLOCK, 0);
  do_succeeds (fx, OP_WRITE, 3 * REGION + 2 * BLOCK, 4 * BLOCK, 'y');
  do_succeeds (fx, OP_WRITE, 3 * REGION + 3 * BLOCK, BLOCK, 'z');
  both_blink ();
  is_whole_again ();
  is_durable (3 * REGION, 'x');
  is_durable (3 * REGION + BLOCK, 0);
  is_durable (3 * REGION + 2 * BLOCK, 'y');
  is_durable (3 * REGION + 3 * BLOCK, 'z');
  is_durable (3 * REGION + 4 * BLOCK, 'y');
  is_durable (3 * REGION + 6 * BLOCK, 'x');
  is_durable (3 * REGION + 7 * BLOCK, 'x');
  /* Four writes, and six parts of them: of x 1 + 2, of y 1 + 2. */
  ck_assert_uint_eq (modifications (1), before + 4 + 6);
}

TEST_IN (stopped_tests, s7_an_older_write_does_not_win_over_one_with_fua)
{
  fx->leg[0]->can_fua = fx->leg[1]->can_fua = true;
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  do_succeeds (fx, OP_WRITE_FUA, 3 * REGION, BLOCK, 'y');
  both_blink ();
  is_whole_again ();
  is_durable (3 * REGION, 'y');
}

/* The flush of a leg that had begun did not see the write. */
TEST (s8_a_flush_that_had_begun_before_does_not_count)
{
  struct op flush;

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'w');
  for (unsigned leg = 0; leg < 2; ++leg)
    mem_leg_hold (fx->leg[leg], LEG_FLUSH, 1, 1);
  op_start (fx, &flush, OP_FLUSH, 0, 0, 0);
  for (unsigned leg = 0; leg < 2; ++leg)
    ck_assert (mem_leg_wait_held (fx->leg[leg], 1));
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  for (unsigned leg = 0; leg < 2; ++leg)
    mem_leg_release (fx->leg[leg], 1, 0);
  op_succeeds (&flush);
  both_blink ();
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* --- what is under way --- */

TEST (requests_that_come_meanwhile_wait)
{
  struct op write, read, flush;
  size_t opens[2];

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  state_is ("held");
  op_start (fx, &write, OP_WRITE, 4 * REGION, BLOCK, 'y');
  op_start (fx, &read, OP_READ, 3 * REGION, BLOCK, 0);
  op_start (fx, &flush, OP_FLUSH, 0, 0, 0);
  WAIT_FOR (nr_active () == 3);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  ck_assert (!op_ended (&write) && !op_ended (&read) && !op_ended (&flush));
  come_back (1, opens[1]);
  op_succeeds (&write);
  op_succeeds (&read);
  ck_assert_int_eq (read.byte, 'x');
  op_succeeds (&flush);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (4 * REGION, 'y');
}

TEST (requests_under_way_do_not_fail)
{
  struct op write, read, flush;
  size_t opens[2];

  for (unsigned leg = 0; leg < 2; ++leg) {
    mem_leg_hold (fx->leg[leg], LEG_WRITE, 1, 1);
    mem_leg_hold (fx->leg[leg], LEG_FLUSH, 1, 1);
  }
  mem_leg_hold (fx->leg[0], LEG_READ, 1, 1);
  op_start (fx, &write, OP_WRITE, 3 * REGION, BLOCK, 'x');
  op_start (fx, &read, OP_READ, 4 * REGION, BLOCK, 0);
  op_start (fx, &flush, OP_FLUSH, 0, 0, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 3));
  ck_assert (mem_leg_wait_held (fx->leg[1], 2));
  both_go_away (opens);
  come_back (1, opens[1]);
  op_succeeds (&write);
  op_succeeds (&read);
  ck_assert_int_eq (read.byte, pattern (4));
  op_succeeds (&flush);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* Leg 1 has not answered, leg 0 fails: the write is done on leg 1. */
TEST (a_write_that_the_other_leg_has_done_waits_for_the_record)
{
  struct op write;
  size_t opens[2];

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &write, OP_WRITE, 3 * REGION, BLOCK, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  both_go_away (opens);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  ck_assert (!op_ended (&write));
  come_back (1, opens[1]);
  op_succeeds (&write);
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_STALE);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* Who loses a leg makes it refuse requests, and then notes that it is lost: one
 * that came between has failed and must not be taken for one that the leg could
 * not do.
 */
TEST (a_request_that_was_refused_first_waits_too)
{
  struct leg *leg = fx->leg[1];
  uint64_t until;
  struct op write;
  size_t opens;

  go_away (0);
  mem_leg_hold_open (leg, true);
  opens = mem_leg_nr_opens (leg);
  pthread_mutex_lock (&leg->lock);
  atomic_store (&leg->refusal, ECONNRESET);
  op_start (fx, &write, OP_WRITE, 3 * REGION, BLOCK, 'x');
  until = now_ns () + 100 * NSEC_PER_MSEC;
  while (now_ns () < until && !op_ended (&write))
    sched_yield ();
  atomic_store (&leg->lost, true);
  pthread_mutex_unlock (&leg->lock);
  leg->on_lost (leg);
  come_back (1, opens);
  op_succeeds (&write);
  mem_leg_hold_open (fx->leg[0], false);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* --- the return --- */

/* A write that was sent earlier lands when the leg is connected again. */
TEST_IN (stopped_tests, s21_what_lands_late_does_not_win)
{
  size_t opens[2];
  unsigned reads_before;

  fx->m->quarantine_ns = 300 * NSEC_PER_MSEC;
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  reads_before = fx_sent (fx, 1, LEG_READ);
  come_back (1, opens[1]);
  WAIT_FOR (fx_sent (fx, 1, LEG_READ) > reads_before);
  mem_leg_change (fx->leg[1], 3 * REGION, BLOCK, 'o');
  WAIT_FOR (times_back () == 1);
  come_back (0, opens[0]);
  reads (3 * REGION, 'x');
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* Nothing goes on before what was written again is durable. */
TEST (the_return_ends_with_a_flush)
{
  struct op read;
  size_t opens[2];

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, 1);
  op_start (fx, &read, OP_READ, 4 * REGION, BLOCK, 0);
  come_back (1, opens[1]);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert (is_held ());
  ck_assert (!op_ended (&read));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&read);
  come_back (0, opens[0]);
  is_whole_again ();
}

TEST (a_flush_that_fails_at_the_return_is_no_return)
{
  size_t opens[2];

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  come_back (1, opens[1]);
  WAIT_FOR (times_back () == 1);
  ck_assert_uint_ge (mem_leg_nr_opens (fx->leg[1]), opens[1] + 2);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

TEST (a_loss_at_the_return_starts_it_again)
{
  size_t opens[2], again;

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  do_succeeds (fx, OP_WRITE, 4 * REGION, BLOCK, 'y');
  both_go_away (opens);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 2, 1);
  come_back (1, opens[1]);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  again = mem_leg_nr_opens (fx->leg[1]);
  go_away (1);
  come_back (1, again);
  WAIT_FOR (times_back () == 1);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
  is_durable (4 * REGION, 'y');
}

TEST (it_may_happen_again_and_again)
{
  for (int i = 0; i < 5; ++i) {
    do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'a' + i);
    both_blink ();
    reads (3 * REGION, 'a' + i);
    is_whole_again ();
  }
  is_durable (3 * REGION, 'e');
}

/* --- is it the leg --- */

static void
is_not_used (size_t opens[2])
{
  unsigned before = modifications (1);
  size_t tries = mem_leg_nr_opens (fx->leg[1]);

  mem_leg_hold_open (fx->leg[1], false);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > tries + 3);
  ck_assert (is_held ());
  ck_assert_uint_eq (modifications (1), before);
  mem_leg_hold_open (fx->leg[0], false);
  (void) opens;
}

TEST (another_disk_is_not_written_to)
{
  size_t opens[2];

  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  mem_leg_change (fx->leg[1], 0, NR_REGIONS * REGION, 'z');
  is_not_used (opens);
}

TEST (an_empty_disk_is_not_written_to)
{
  size_t opens[2];

  both_go_away (opens);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  mem_leg_change (fx->leg[1], 0, NR_REGIONS * REGION, 0);
  is_not_used (opens);
}

TEST (an_older_state_of_the_leg_is_not_used)
{
  size_t opens[2];

  do_succeeds (fx, OP_WRITE, 3 * REGION + BLOCK, REGION - BLOCK, 'x');
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  both_go_away (opens);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  mem_leg_change (fx->leg[1], 3 * REGION, REGION, pattern (3));
  is_not_used (opens);
}

TEST (a_leg_of_another_size_is_not_used)
{
  size_t opens[2];

  both_go_away (opens);
  mem_leg_replace (fx->leg[1], (NR_REGIONS - 1) * REGION, BLOCK, "/leg1");
  is_not_used (opens);
}

/* Its blocks are larger than those that are looked at. */
TEST_IN (stopped_tests, a_leg_with_large_blocks_is_known_again)
{
  for (unsigned leg = 0; leg < 2; ++leg)
    fx->leg[leg]->min_block = 2 * WITNESS_SIZE;
  fx->m->limits.min_block = 2 * WITNESS_SIZE;
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, 2 * WITNESS_SIZE, 'x');
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  both_blink ();
  is_whole_again ();
}

/* --- legs with records, and nothing else that shows who they are --- */

static struct leg *
leg_with_room (const char *name, uint64_t size)
{
  return mem_leg_new (name, size + RECORD_AREA);
}

static void
setup_records (void)
{
  struct records_origin origin = {.keep = BOTH};

  fx_hold_timeout = 20;
  fx_make_leg = leg_with_room;
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  fx->m->config.beat_ms = 60000;
  fx->m->config.log = (char *) "core";
  hurry ();
  for (unsigned leg = 0; leg < 2; ++leg) {
    fx_set_kind (fx, leg, LEG_NBD);
    ck_assert_int_eq (record_area_open (&origin.area[leg], fx->leg[leg],
                                        NR_REGIONS * REGION, false),
                      0);
  }
  fx->m->limits.size = NR_REGIONS * REGION;
  ck_assert_int_eq (records_init (fx->m, &origin), 0);
  fx_start (fx);
}

/* Both legs have the first one of this run, or a later one. */
static void
both_go_away_with_records (size_t opens[2])
{
  both_go_away (opens);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
}

static uint8_t *
trailer (unsigned leg)
{
  return mem_leg_data (fx->leg[leg]) + NR_REGIONS * REGION;
}

TEST_IN (records_tests, records_show_that_it_is_the_leg)
{
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_blink ();
  reads (3 * REGION, 'x');
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

static void
wait_until (uint64_t time)
{
  WAIT_FOR (now_ns () >= time);
}

/* That leg 0 has failed is yet to be recorded on leg 1 then. */
static void
leg_0_goes_away_unrecorded (void)
{
  WAIT_FOR (fx_sent (fx, 1, LEG_WRITE) == 3); /* a record and two beats */
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  go_away (0);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
}

/* Longer than log-timeout=. */
TEST_IN (records_tests, records_that_wait_for_the_leg_do_not_fail_requests)
{
  struct op write;
  size_t opens[2];
  unsigned sent;

  fx->m->config.log_timeout = 1;
  opens[0] = mem_leg_nr_opens (fx->leg[0]);
  opens[1] = mem_leg_nr_opens (fx->leg[1]);
  leg_0_goes_away_unrecorded ();
  sent = fx_sent (fx, 1, LEG_WRITE);
  op_start (fx, &write, OP_WRITE, 3 * REGION, BLOCK, 'x');
  WAIT_FOR (fx_sent (fx, 1, LEG_WRITE) > sent);
  go_away (1);
  wait_until (now_ns () + 5 * NSEC_PER_SEC / 2);
  ck_assert (!op_ended (&write));
  come_back (1, opens[1]);
  op_succeeds (&write);
  ck_assert_int_eq (fx_image_state (fx, 0), LOG_LEG_STALE);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* The log is well: it is the record on leg 1 that is missing. */
TEST_IN (records_tests, an_order_that_is_not_recorded_says_what_it_waits_for)
{
  const struct order fail = {.verb = ORDER_FAIL, .leg = "0"};
  struct outcome out;

  fx->m->config.log_timeout = 1;
  leg_0_goes_away_unrecorded ();
  go_away (1);
  ck_assert_int_eq (mirror_order (fx->m, &fail, &out), -1);
  ck_assert_msg (strstr (out.text, "the last in-sync leg is away"), "%s",
                 out.text);
  mem_leg_hold_open (fx->leg[0], false);
}

TEST_IN (records_tests, records_that_are_gone_show_another_disk)
{
  size_t opens[2];

  both_go_away_with_records (opens);
  memset (trailer (1), 0, RECORD_AREA);
  is_not_used (opens);
}

TEST_IN (records_tests, records_of_the_other_leg_show_another_disk)
{
  size_t opens[2];

  both_go_away_with_records (opens);
  memcpy (trailer (1), trailer (0), RECORD_AREA);
  is_not_used (opens);
}

/* The legs have had a later one since. */
TEST_IN (records_tests, records_that_are_older_show_an_older_state)
{
  CLEANUP_FREE uint8_t *older = malloc (RECORD_AREA);
  size_t opens[2];

  mem_leg_peek (fx->leg[1], older, NR_REGIONS * REGION, RECORD_AREA);
  both_blink ();
  is_whole_again ();
  both_go_away_with_records (opens);
  memcpy (trailer (1), older, 2 * RECORD_SLOT_SIZE);
  is_not_used (opens);
}

TEST_IN (records_tests, records_tell_that_another_mirror_used_the_leg)
{
  struct leg_beat beat;
  size_t opens[2];

  both_go_away_with_records (opens);
  ck_assert_int_eq (record_beat_decode (&beat,
                                        trailer (1) + RECORD_BEAT_OFFSET),
                    RECORD_VALID);
  beat.session[0] ^= 1;
  beat.used = false;
  record_beat_encode (trailer (1) + RECORD_BEAT_OFFSET, &beat);
  is_not_used (opens);
}

/* Its beat shows at once that another mirror writes to the leg. */
TEST_IN (records_tests, records_keep_a_leg_away_that_another_mirror_has_taken)
{
  go_away (0);
  leg_lose (fx->leg[1], EBUSY, "another mirror writes to it");
  ck_assert (!is_held ());
  do_fails (fx, OP_READ, 3 * REGION, BLOCK, 0, EIO);
  mem_leg_hold_open (fx->leg[0], false);
}

/* --- in which order --- */

TEST (a_leg_that_left_before_comes_back_after_the_last_one)
{
  size_t opens[2];

  opens[0] = mem_leg_nr_opens (fx->leg[0]);
  go_away (0);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  WAIT_FOR (mem_leg_nr_opens (fx->leg[0]) > opens[0]);
  opens[1] = mem_leg_nr_opens (fx->leg[1]);
  go_away (1);
  ck_assert (is_held ());
  come_back (0, opens[0]);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 1);
  come_back (1, opens[1]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

TEST (one_may_be_gone_for_good)
{
  size_t opens[2];

  both_go_away (opens);
  come_back (1, opens[1]);
  WAIT_FOR (times_back () == 1);
  state_is ("degraded");
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  reads (3 * REGION, 'x');
  mem_leg_hold_open (fx->leg[0], false);
  is_whole_again ();
}

TEST_IN (stopped_tests, the_source_of_a_resync_may_be_away)
{
  size_t opens;
  struct op write;

  fx_free (fx);
  make (1u << 1);
  fx_fill (fx, 1, 0, NR_REGIONS * REGION, 'z');
  mem_leg_hold (fx->leg[1], LEG_WRITE, 3, 1);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  do_succeeds (fx, OP_WRITE, 60 * REGION, BLOCK, 'x');
  opens = mem_leg_nr_opens (fx->leg[0]);
  go_away (0);
  ck_assert (is_held ());
  op_start (fx, &write, OP_WRITE, 61 * REGION, BLOCK, 'y');
  mem_leg_release (fx->leg[1], 1, 0);
  come_back (0, opens);
  op_succeeds (&write);
  is_whole_again ();
  is_durable (60 * REGION, 'x');
  is_durable (61 * REGION, 'y');
}

static void
let_copy (unsigned leg)
{
  CLEANUP_LOCK (&fx->m->lock);

  fx->m->quarantine_ns = 0;
  fx->m->member[leg].stalled_until = 0;
  resync_wake_locked (fx->m);
}

/* It misses nothing, and the log says so already. */
TEST_IN (stopped_tests, s18_a_leg_that_becomes_in_sync_does_not_take_its_place)
{
  uint64_t sweeps;
  size_t opens;

  fx_free (fx);
  make (1u << 1);
  dirty_log_set_region_sync (fx->log, 1, 0, NR_REGIONS, true);
  mem_log_hold (fx->log, MEM_LOG_COMMIT);
  fx_start (fx);
  ck_assert (mem_log_wait_inside (fx->log, 1));
  opens = mem_leg_nr_opens (fx->leg[0]);
  go_away (0);
  sweeps = nr_sweeps ();
  mem_log_hold (fx->log, 0);
  WAIT_FOR (nr_sweeps () > sweeps + 1 || !wake_worker ());
  ck_assert_uint_eq (fx_in_sync (fx), 1u << 0);
  come_back (0, opens);
  is_whole_again ();
}

/* A copy that waits for the range of a write that waits for the source. */
TEST_IN (stopped_tests, a_copy_does_not_keep_its_source_away)
{
  struct op write;
  size_t opens;

  fx_free (fx);
  make (1u << 1);
  fx_fill (fx, 1, 0, NR_REGIONS * REGION, 'z');
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 1);
  fx->m->quarantine_ns = HOUR_NS; /* no copy yet */
  fx_start (fx);
  op_start (fx, &write, OP_WRITE, 0, NR_REGIONS / 2 * REGION, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  let_copy (1);
  WAIT_FOR (fx_ranges (fx) > 1);
  opens = mem_leg_nr_opens (fx->leg[0]);
  go_away (0);
  come_back (0, opens);
  op_succeeds (&write);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

static bool
copies_pause (void)
{
  CLEANUP_LOCK (&fx->m->rate.lock);
  return fx->m->rate.busy == 0 && fx->m->rate.credit < 0;
}

/* Nor does one that pauses, for the sake of resync-rate=. */
TEST_IN (stopped_tests, a_copy_that_pauses_does_not_keep_its_source_away)
{
  size_t opens;

  fx_free (fx);
  make (1u << 1);
  fx_fill (fx, 1, 0, NR_REGIONS * REGION, 'z');
  fx->m->config.resync_rate = 1;
  fx->m->config.resync_min = 1;
  fx_start (fx);
  WAIT_FOR (copies_pause ());
  opens = mem_leg_nr_opens (fx->leg[0]);
  go_away (0);
  come_back (0, opens);
  WAIT_FOR (times_back () == 1);
}

/* --- when not --- */

TEST_IN (stopped_tests, after_hold_timeout_requests_fail_and_it_heals)
{
  struct op write, under_way;
  size_t opens[2];
  uint64_t start = now_ns ();

  fx->m->config.hold_timeout = 1;
  fx_start (fx);
  for (unsigned leg = 0; leg < 2; ++leg)
    mem_leg_hold (fx->leg[leg], LEG_WRITE, 1, 1);
  op_start (fx, &under_way, OP_WRITE, 3 * REGION, BLOCK, 'u');
  for (unsigned leg = 0; leg < 2; ++leg)
    ck_assert (mem_leg_wait_held (fx->leg[leg], 1));
  both_go_away (opens);
  op_start (fx, &write, OP_WRITE, 4 * REGION, BLOCK, 'x');
  op_fails (&write, EIO);
  op_fails (&under_way, EIO);
  ck_assert_uint_ge (now_ns () - start, NSEC_PER_SEC);
  state_is ("failed");
  start = now_ns ();
  do_fails (fx, OP_WRITE, 4 * REGION, BLOCK, 'x', EIO);
  do_fails (fx, OP_READ, 4 * REGION, BLOCK, 0, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  ck_assert_uint_le (now_ns () - start, NSEC_PER_SEC);
  come_back (1, opens[1]);
  WAIT_FOR (!is_held ());
  do_succeeds (fx, OP_WRITE, 4 * REGION, BLOCK, 'y');
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (4 * REGION, 'y');
}

/* The host was frozen, say. */
TEST_IN (stopped_tests, time_in_which_this_process_stood_still_does_not_count)
{
  struct op write;
  size_t opens[2];

  fx->m->config.hold_timeout = 1;
  fx->m->watch_ns = 100 * NSEC_PER_MSEC;
  fx_start (fx);
  both_go_away (opens);
  op_start (fx, &write, OP_WRITE, 3 * REGION, BLOCK, 'x');
  WAIT_FOR (nr_active () == 1);
  fx_stand_still ();
  state_is ("held");
  come_back (1, opens[1]);
  op_succeeds (&write);
  come_back (0, opens[0]);
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* --- a request that the server does not survive --- */

static const struct leg_ops *real_ops;
static struct leg_ops ops_that_die;
static enum leg_op deadly;

static void
submit_and_die (struct leg *leg, struct leg_io *io)
{
  if (io->op == deadly && !(io->flags & LEG_UNCOUNTED) && !is_held ())
    leg_lose (leg, ECONNRESET, "the test says so");
  real_ops->submit (leg, io);
}

/* It is lost again by each try: others go on in between, and the request ends
 * some time.
 */
LOOP_TEST_IN (stopped_tests, a_request_that_the_leg_does_not_survive_ends, 2)
{
  struct op op;

  real_ops = fx->leg[1]->ops;
  ops_that_die = *real_ops;
  ops_that_die.submit = submit_and_die;
  deadly = _i == 0 ? LEG_READ : LEG_FLUSH;
  fx->m->config.hold_timeout = 1;
  fx_start (fx);
  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  mem_leg_fail_open (fx->leg[0], ECONNREFUSED);
  fx->leg[1]->ops = &ops_that_die;
  op_start (fx, &op, _i == 0 ? OP_READ : OP_FLUSH, 3 * REGION, BLOCK, 0);
  WAIT_FOR (op_ended (&op));
  op_fails (&op, EIO);
  fx->leg[1]->ops = real_ops;
  WAIT_FOR (!is_held ());
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
}

TEST_IN (stopped_tests, without_hold_timeout_requests_fail_at_once)
{
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  fx->m->config.hold_timeout = 0;
  fx_set_kind (fx, 0, LEG_NBD);
  fx_start (fx);
  opens = mem_leg_nr_opens (fx->leg[1]);
  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  go_away (0);
  go_away (1);
  ck_assert (!is_held ());
  do_fails (fx, OP_READ, 4 * REGION, BLOCK, 0, EIO);
  state_is ("failed");
  ck_assert_uint_eq (mem_leg_nr_opens (fx->leg[1]), opens);
  mem_leg_hold_open (fx->leg[0], false);
}

/* Its data are in no memory. */
TEST_IN (stopped_tests, s5a_what_is_not_all_in_memory_is_lost_for_good)
{
  fx->m->unstable.max_bytes = REGION;
  fx_start (fx);
  for (unsigned leg = 0; leg < 2; ++leg)
    mem_leg_hold (fx->leg[leg], LEG_FLUSH, 1, 1);
  do_succeeds (fx, OP_WRITE, 3 * REGION, 2 * REGION, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  go_away (0);
  go_away (1);
  ck_assert (!is_held ());
  do_fails (fx, OP_READ, 4 * REGION, BLOCK, 0, EIO);
  state_is ("failed");
  mem_leg_hold_open (fx->leg[0], false);
}

TEST_IN (stopped_tests, what_is_too_large_for_the_memory_is_flushed_soon)
{
  fx->m->unstable.max_bytes = REGION;
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, 2 * REGION, 'x');
  WAIT_FOR (fx_sent (fx, 1, LEG_FLUSH) > 0);
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  both_blink ();
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* No leg could flush, and the operator has accepted what that means. */
TEST (after_a_failed_flush_was_forgiven_the_mirror_holds_again)
{
  const struct order attach = {.verb = ORDER_ATTACH, .leg = "1"};
  struct outcome out;

  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  mem_leg_fail (fx->leg[1], LEG_FLUSH, 1, 1, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  ck_assert_int_eq (mirror_order (fx->m, &attach, &out), 0);
  ck_assert (out.changed);
  is_whole_again ();
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_blink ();
  is_whole_again ();
  is_durable (3 * REGION, 'x');
}

/* What a local leg was sent is in no memory; without it a flush is due. */
TEST_IN (stopped_tests, when_the_local_leg_leaves_the_others_are_flushed)
{
  struct mirror *m = fx->m;

  fx_set_kind (fx, 0, LEG_FILE);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  ck_assert (!m->unstable.flush_requested);
  leg_lose (fx->leg[0], EIO, "the test says so");
  ck_assert (m->unstable.flush_requested);
  fx_start (fx);
  WAIT_FOR (fx_sent (fx, 1, LEG_FLUSH) > 0);
}

/* The last in-sync leg is a local one: nothing is waited for. */
TEST_IN (stopped_tests, a_local_leg_is_not_waited_for)
{
  fx_set_kind (fx, 1, LEG_FILE);
  fx_start (fx);
  go_away (0);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  go_away (1);
  ck_assert (!is_held ());
  do_fails (fx, OP_WRITE, 3 * REGION, BLOCK, 'x', EIO);
  do_fails (fx, OP_READ, 3 * REGION, BLOCK, 0, EIO);
  state_is ("failed");
  mem_leg_hold_open (fx->leg[0], false);
}

/* After an unclean end a write of the process before may still land, be read,
 * and be gone with the server: that is in no memory.
 */
TEST_IN (stopped_tests, s21_while_something_may_land_the_memory_is_incomplete)
{
  fx_start (fx);
  {
    CLEANUP_LOCK (&fx->m->lock);
    fx->m->held_until = now_ns () + HOUR_NS;
  }
  go_away (0);
  go_away (1);
  ck_assert (!is_held ());
  do_fails (fx, OP_READ, 4 * REGION, BLOCK, 0, EIO);
  mem_leg_hold_open (fx->leg[0], false);
}

/* Of a leg that is lost nothing is to be repaired, and a repair is in no
 * memory.
 */
TEST (a_leg_that_is_lost_is_not_repaired)
{
  pthread_mutex_lock (&fx->leg[0]->lock);
  atomic_store (&fx->leg[0]->refusal, ECONNRESET);
  atomic_store (&fx->leg[0]->lost, true);
  pthread_mutex_unlock (&fx->leg[0]->lock);
  reads (3 * REGION, pattern (3));
  {
    CLEANUP_LOCK (&fx->m->lock);
    ck_assert_uint_eq (fx->m->unstable.unkept_seq, 0);
  }
  fx->leg[0]->on_lost (fx->leg[0]);
  is_whole_again ();
}

/* --- bounds --- */

static void *
writer (void *arg)
{
  uint64_t region = (uint64_t) (uintptr_t) arg;
  CLEANUP_FREE uint8_t *buf = malloc (8 * BLOCK);

  memset (buf, 'x', 8 * BLOCK);
  for (int i = 0; i < 100; ++i) {
    ck_assert_int_eq (mirror_pwrite (fx->m, buf, region * REGION, 8 * BLOCK,
                                     false),
                      0);
    ck_assert_uint_le (bytes_kept (), 64 * BLOCK);
  }
  return NULL;
}

#define NR_WRITERS 8

TEST_IN (stopped_tests, memory_is_bounded_and_writers_wait_for_a_flush)
{
  pthread_t thread[NR_WRITERS];

  fx->m->unstable.max_bytes = 64 * BLOCK;
  fx_start (fx);
  for (uintptr_t i = 0; i < NR_WRITERS; ++i)
    thread[i] = thread_run (writer, (void *) i);
  for (size_t i = 0; i < NR_WRITERS; ++i)
    pthread_join (thread[i], NULL);
  both_blink ();
  is_whole_again ();
  for (uint64_t i = 0; i < NR_WRITERS; ++i)
    is_durable (i * REGION, 'x');
}

#define NR_PAGES 70 /* more than are made at once */

static void
write_pages (int first_byte)
{
  for (unsigned i = 0; i < NR_PAGES; ++i)
    do_succeeds (fx, OP_WRITE, (uint64_t) i * UNSTABLE_PLACE, UNSTABLE_PLACE,
                 first_byte + (int) i);
}

TEST_IN (stopped_tests, memory_is_used_again)
{
  fx_start (fx);
  write_pages (1);
  /* What shows that the leg is the one that it was. */
  do_succeeds (fx, OP_WRITE, 20 * REGION, UNSTABLE_PLACE, 'w');
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (bytes_kept (), 0);
  write_pages (100);
  both_blink ();
  is_whole_again ();
  for (unsigned i = 0; i < NR_PAGES; ++i)
    is_durable ((i + 1) * UNSTABLE_PLACE - 1, 100 + (int) i);
}

/* Long before that the worker flushes by itself. */
TEST_IN (stopped_tests, at_half_of_the_bound_the_legs_are_flushed)
{
  struct op busy; /* else the sweep would do it */

  fx->m->unstable.max_bytes = 64 * BLOCK;
  fx_start (fx);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &busy, OP_WRITE, 3 * REGION + 50 * BLOCK, BLOCK, 'y');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  do_succeeds (fx, OP_WRITE, 3 * REGION, 40 * BLOCK, 'x');
  WAIT_FOR (bytes_kept () < 2 * BLOCK);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&busy);
}

TEST_IN (stopped_tests, nothing_is_kept_for_local_legs)
{
  fx_set_kind (fx, 0, LEG_FILE);
  fx_start (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, 40 * BLOCK, 'x');
  ck_assert_uint_eq (bytes_kept (), 0);
}

static bool
somebody_waits_for_room (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->unstable.queue;
}

/* A small one does not take the room that a large one waits for. */
TEST_IN (stopped_tests, who_waits_for_room_is_not_overtaken)
{
  struct op first, large, small;
  uint64_t until;

  fx->m->unstable.max_bytes = 64 * BLOCK;
  fx_start (fx);
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &first, OP_WRITE, 3 * REGION, 40 * BLOCK, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &large, OP_WRITE, 4 * REGION, 40 * BLOCK, 'y');
  WAIT_FOR (somebody_waits_for_room ());
  op_start (fx, &small, OP_WRITE, 5 * REGION, BLOCK, 'z');
  WAIT_FOR (nr_active () == 3 || op_ended (&small));
  until = now_ns () + 100 * NSEC_PER_MSEC;
  while (now_ns () < until && !op_ended (&small))
    sched_yield ();
  ck_assert (!op_ended (&small));
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&first);
  op_succeeds (&large);
  op_succeeds (&small);
  is_durable (4 * REGION, 'y');
  is_durable (5 * REGION, 'z');
}

/* --- the end --- */

TEST (the_end_waits_for_the_leg_while_something_would_be_lost)
{
  struct op stop;
  size_t opens[2];

  fx_keep_image (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  op_start (fx, &stop, OP_STOP, 0, 0, 0);
  come_back (1, opens[1]);
  op_succeeds (&stop);
  ck_assert_int_eq (fx_byte (fx, 1, 3 * REGION), 'x');
  fx->started = false;
}

TEST (the_end_does_not_wait_for_ever)
{
  size_t opens[2];
  struct op write;

  fx_keep_image (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  op_start (fx, &write, OP_WRITE, 4 * REGION, BLOCK, 'y');
  WAIT_FOR (nr_active () == 1);
  WAIT_FOR (mem_leg_nr_opens (fx->leg[1]) > opens[1]);
  ck_assert (mirror_stop (fx->m, now_ns () + NSEC_PER_SEC / 2));
  op_fails (&write, EIO);
  fx->started = false;
  {
    CLEANUP_FREE struct mem_log_image *image = fx_kept_image (fx);

    ck_assert (image->marked[3]);
    ck_assert (image->unclean);
  }
}

/* Whatever its rejoiner is doing: 0 connect, 1 look, 2 wait for the quarantine,
 * 3 write again, 4 flush.
 */
static void
stop_at (int step)
{
  mem_leg_hold (fx->leg[1], LEG_READ, 1, step == 1 ? 1 : 0);
  fx->m->quarantine_ns = step == 2 ? HOUR_NS : 0;
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, step == 3 ? 1 : 0);
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, step == 4 ? 1 : 0);
}

static bool
is_at (int step, size_t opens, unsigned reads_before)
{
  if (step == 0)
    return mem_leg_nr_opens (fx->leg[1]) > opens;
  if (step == 2)
    return fx_sent (fx, 1, LEG_READ) > reads_before;
  return mem_leg_nr_held (fx->leg[1]) > 0;
}

LOOP_TEST_IN (stopped_tests, the_end_comes_at_any_step_of_the_return, 5)
{
  size_t opens[2];
  unsigned reads_before;

  fx_start (fx);
  fx_keep_image (fx);
  do_succeeds (fx, OP_WRITE, 3 * REGION, BLOCK, 'x');
  both_go_away (opens);
  reads_before = fx_sent (fx, 1, LEG_READ);
  stop_at (_i);
  if (_i > 0)
    come_back (1, opens[1]);
  WAIT_FOR (is_at (_i, opens[1], reads_before));
  ck_assert (mirror_stop (fx->m, now_ns () + NSEC_PER_SEC / 4));
  fx->started = false;
  {
    CLEANUP_FREE struct mem_log_image *image = fx_kept_image (fx);

    ck_assert (image->marked[3]);
    ck_assert (image->unclean);
  }
}

/* The last leg is lost when the end has begun, and is brought back. */
TEST (the_end_waits_for_a_leg_that_is_lost_meanwhile)
{
  struct op write, stop;
  size_t opens = mem_leg_nr_opens (fx->leg[1]);

  fx_keep_image (fx);
  mem_leg_fail_open (fx->leg[0], ECONNREFUSED);
  leg_lose (fx->leg[0], ECONNRESET, "the test says so");
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &write, OP_WRITE, 3 * REGION, BLOCK, 'x');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &stop, OP_STOP, 0, 0, 0);
  WAIT_FOR (is_stopping ());
  {
    CLEANUP_LOCK (&fx->m->lock);
    pthread_cond_broadcast (&fx->m->rejoin_wake); /* as when a leg is out */
  }
  WAIT_FOR (has_ended (0));
  go_away (1);
  come_back (1, opens);
  op_succeeds (&write);
  op_succeeds (&stop);
  ck_assert_int_eq (fx_byte (fx, 1, 3 * REGION), 'x');
  fx->started = false;
}

static struct suite_group tests = {.setup = setup,
                                   .teardown = teardown,
                                   .timeout = 60};
static struct suite_group stopped_tests = {.setup = setup_stopped,
                                           .teardown = teardown,
                                           .timeout = 60};
static struct suite_group records_tests = {.setup = setup_records,
                                           .teardown = teardown,
                                           .timeout = 60};

int
main (void)
{
  return suite_main ("hold");
}
