/* SPDX-License-Identifier: BSD-3-Clause */

/* The limit of the hot set: who waits for a place, who does not, and that all
 * of them get one.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "hot-limit.h"
#include "mirror-fixture.h"
#include "sweep.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 64

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

/* Number of those who wait. */
static unsigned
waiting (void)
{
  unsigned nr = 0;
  CLEANUP_LOCK (&fx->m->lock);

  for (struct hot_waiter *w = fx->m->hot_queue; w; w = w->next)
    nr++;
  return nr;
}

static size_t
hot (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->hot.count;
}

/* Regions 0 ... max - 1 are hot, and that is all that there may be. */
static void
fill (unsigned max)
{
  fx->m->max_hot = max;
  for (unsigned r = 0; r < max; ++r)
    do_succeeds (fx, OP_WRITE, r * REGION, BLOCK, 'a');
  ck_assert_uint_eq (hot (), max);
}

/* A write to nr regions that has to wait; the nr-th who does. */
static void
starts_to_wait (struct op *op, unsigned region, unsigned nr, unsigned nth)
{
  op_start (fx, op, OP_WRITE, region * REGION, nr * REGION, 'b');
  WAIT_FOR (waiting () == nth);
}

START_TEST (a_write_waits_for_a_place_until_the_sweep)
{
  struct op op;

  fill (2);
  starts_to_wait (&op, 5, 1, 1);
  ck_assert (fx->m->wake_worker);
  ck_assert (fx_is_clean (fx, 5));
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 2);
  sweep (fx->m, false, NO_DEADLINE); /* although nothing has been idle long */
  op_succeeds (&op);
  ck_assert (!fx_is_clean (fx, 5));
  ck_assert_uint_eq (hot (), 1);
}
END_TEST

START_TEST (who_needs_no_place_goes_on)
{
  struct op op;

  fill (2);
  starts_to_wait (&op, 5, 1, 1);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'c');
  do_succeeds (fx, OP_ZERO, REGION + BLOCK, BLOCK, 0);
  do_succeeds (fx, OP_WRITE, REGION - BLOCK, 2 * BLOCK, 'c');
  do_succeeds (fx, OP_READ, 5 * REGION, REGION, 0); /* the same range */
  do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  ck_assert_uint_eq (waiting (), 1);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  op_succeeds (&op);
}
END_TEST

/* There is one place, but the first of them needs three. */
START_TEST (first_come_first_served)
{
  struct op first, second;

  fill (3);
  fx->m->max_hot = 4;
  starts_to_wait (&first, 5, 3, 1);
  starts_to_wait (&second, 9, 1, 2);
  ck_assert_uint_eq (hot (), 3);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  op_succeeds (&first);
  op_succeeds (&second);
  ck_assert_uint_eq (hot (), 4);
}
END_TEST

START_TEST (all_places_of_a_piece_come_together)
{
  struct op op, other;

  fill (4);
  starts_to_wait (&op, 2, 4, 1); /* two of them are hot already */
  starts_to_wait (&other, 20, 4, 2);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  WAIT_FOR (waiting () == 1);
  op_succeeds (&op);
  ck_assert (!op_ended (&other));
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  op_succeeds (&other);
}
END_TEST

/* Regions 0 and 1 are never idle when the sweep looks. */
START_TEST (what_is_never_idle_is_closed_for_who_waits)
{
  struct op busy[2], newcomer, closed;
  unsigned older = (unsigned) _i, newer = 1 - older;

  fill (2);
  do_succeeds (fx, OP_WRITE, newer * REGION, BLOCK, 'a');
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 2);
  for (unsigned r = 0; r < 2; ++r)
    op_start (fx, &busy[r], OP_WRITE, r * REGION, BLOCK, 'b');
  ck_assert (mem_leg_wait_held (fx->leg[1], 2));
  starts_to_wait (&newcomer, 5, 1, 1);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  /* One is enough: the one that was not written for longer. */
  do_succeeds (fx, OP_WRITE, newer * REGION + BLOCK, BLOCK, 'c');
  op_start (fx, &closed, OP_WRITE, older * REGION + BLOCK, BLOCK, 'c');
  WAIT_FOR (waiting () == 2);
  mem_leg_release (fx->leg[1], 2, 0);
  op_succeeds (&busy[0]);
  op_succeeds (&busy[1]);
  ck_assert_uint_eq (waiting (), 2);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  op_succeeds (&newcomer);
  op_succeeds (&closed);
  ck_assert_uint_eq (hot (), 2);
}
END_TEST

static void
lose (unsigned leg)
{
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

/* The sweep cannot store what leg 1 misses. */
START_TEST (a_log_that_fails_ends_the_waiting_and_closes_nothing)
{
  struct op op;

  fx->m->config.log_timeout = 1;
  lose (1);
  fill (2); /* that is recorded */
  starts_to_wait (&op, 5, 1, 1);
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, ENOSPC);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'c');
  do_succeeds (fx, OP_WRITE, REGION, BLOCK, 'c');
  op_fails (&op, EIO);
  ck_assert_uint_eq (waiting (), 0);
  ck_assert (fx_is_clean (fx, 5));
  mem_log_fail (fx->log, 0, 0, 0);
}
END_TEST

/* It answers nothing, so nobody can say that it has failed. */
START_TEST (a_log_that_hangs_ends_the_waiting)
{
  struct op op;

  fx->m->config.log_timeout = 1;
  mem_leg_hold_open (fx->leg[1], true);
  lose (1);
  fill (2);
  starts_to_wait (&op, 5, 1, 1);
  mem_log_hold (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT);
  fx_start (fx);
  op_fails (&op, EIO);
  ck_assert (fx_is_clean (fx, 5));
  mem_log_hold (fx->log, 0);
  mem_leg_hold_open (fx->leg[1], false);
}
END_TEST

START_TEST (a_lease_that_is_lost_ends_the_waiting)
{
  struct op op;

  fill (2);
  starts_to_wait (&op, 5, 1, 1);
  mem_log_set_lease (fx->log, MEM_LOG_LOST);
  op_fails (&op, EIO);
}
END_TEST

START_TEST (the_end_of_the_mirror_ends_the_waiting)
{
  struct op op, next;

  fill (2);
  starts_to_wait (&op, 5, 1, 1);
  starts_to_wait (&next, 6, 1, 2);
  {
    CLEANUP_LOCK (&fx->m->lock);
    fx->m->stopping = true;
    pthread_cond_broadcast (&fx->m->cond);
  }
  op_fails (&op, ESHUTDOWN);
  op_fails (&next, ESHUTDOWN);
  ck_assert_uint_eq (fx->m->active, 0);
}
END_TEST

/* Then no mark will ever be cleared. */
START_TEST (there_is_no_limit_when_the_last_leg_cannot_be_flushed)
{
  struct op op;

  fill (2);
  lose (1);
  starts_to_wait (&op, 5, 1, 1);
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  op_succeeds (&op);
  do_succeeds (fx, OP_WRITE, 10 * REGION, 5 * REGION, 'c');
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'c');
  ck_assert_uint_eq (hot (), 8);
}
END_TEST

/* The thread of a read has given up its range before. */
START_TEST (a_read_repair_waits_like_any_write)
{
  struct op read, write;

  fill (2);
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  op_start (fx, &read, OP_READ, 5 * REGION, BLOCK, 0);
  WAIT_FOR (waiting () == 1);
  starts_to_wait (&write, 5, 1, 2);
  ck_assert_uint_eq (fx_ranges (fx), 0);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  op_succeeds (&read);
  op_succeeds (&write);
}
END_TEST

/* --- with a worker, and clients that do not stop --- */

#define MAX_HOT 8
#define CLIENTS 6

struct client {
  pthread_t thread;
  uint64_t seed;
  unsigned first, nr; /* the regions it writes */
  unsigned writes;    /* so many, or 0: until told to stop */
  unsigned failed;
};

static atomic_bool enough;
static atomic_size_t most; /* regions that were hot at a time */

static void
note_most (void)
{
  size_t now = hot (), old = atomic_load (&most);

  while (now > old && !atomic_compare_exchange_weak (&most, &old, now))
    ;
}

static void *
client_thread (void *arg)
{
  struct client *c = arg;
  char buf[BLOCK] = "x";

  for (unsigned i = 0; c->writes ? i < c->writes : !atomic_load (&enough);
       ++i) {
    uint64_t region = c->first + random_next (&c->seed) % c->nr;

    if (mirror_pwrite (fx->m, buf, region * REGION, BLOCK, false) == -1)
      c->failed++;
    note_most ();
  }
  return NULL;
}

static void
run (struct client *c)
{
  c->thread = thread_run (client_thread, c);
}

static void
ended (struct client *c)
{
  pthread_join (c->thread, NULL);
  ck_assert_uint_eq (c->failed, 0);
}

/* A leg takes for ever to flush: writes all over the disk stop, and no more is
 * marked than a crash may cost.
 */
START_TEST (what_a_crash_costs_is_bounded_however_slow_a_flush_is)
{
  struct client c[CLIENTS];
  unsigned marked = 0;

  fx->m->max_hot = MAX_HOT;
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, 1);
  fx_start (fx);
  for (unsigned i = 0; i < CLIENTS; ++i) {
    c[i] = (struct client){.seed = i, .nr = NR_REGIONS, .writes = 100};
    run (&c[i]);
  }
  WAIT_FOR (waiting () == CLIENTS);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    marked += fx_image_marked (fx, r);
  ck_assert_uint_eq (marked, MAX_HOT);
  mem_leg_release (fx->leg[1], 1, 0);
  for (unsigned i = 0; i < CLIENTS; ++i)
    ended (&c[i]);
  ck_assert_uint_le (atomic_load (&most), MAX_HOT);
}
END_TEST

#define HOGS 12

/* All places are taken by regions that are written all the time, by three each.
 */
START_TEST (nobody_starves)
{
  struct client hog[HOGS], guest;
  unsigned max = HOGS / 3;

  fx->m->max_hot = max;
  mem_leg_delay (fx->leg[1], LEG_FLUSH, 1, MEM_LEG_ALWAYS, 5 * NSEC_PER_MSEC);
  fx_start (fx);
  for (unsigned i = 0; i < HOGS; ++i) {
    hog[i] = (struct client){.seed = i, .first = i % max, .nr = 1};
    run (&hog[i]);
  }
  guest = (struct client){
    .seed = 1, .first = max, .nr = NR_REGIONS - max, .writes = 100};
  run (&guest);
  ended (&guest);
  atomic_store (&enough, true);
  for (unsigned i = 0; i < HOGS; ++i)
    ended (&hog[i]);
  ck_assert_uint_le (atomic_load (&most), max);
}
END_TEST

/* The worker is in a flush that does not end. */
START_TEST (a_stop_does_not_wait_for_a_place)
{
  struct op op, stop;

  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, 1);
  fx_start (fx);
  fill (2);
  starts_to_wait (&op, 5, 1, 1);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &stop, OP_STOP, 0, 0, 0);
  op_fails (&op, ESHUTDOWN);
  ck_assert (!op_ended (&stop));
  fx->started = false;
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&stop);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("hot-limit");
  TCase *tc = tcase_create ("hot-limit");
  SRunner *runner = srunner_create (suite);
  int failed;

  suite_add_tcase (suite, tc);
  tcase_set_timeout (tc, 40);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, a_write_waits_for_a_place_until_the_sweep);
  tcase_add_test (tc, who_needs_no_place_goes_on);
  tcase_add_test (tc, first_come_first_served);
  tcase_add_test (tc, all_places_of_a_piece_come_together);
  tcase_add_loop_test (tc, what_is_never_idle_is_closed_for_who_waits, 0, 2);
  tcase_add_test (tc, a_log_that_fails_ends_the_waiting_and_closes_nothing);
  tcase_add_test (tc, a_log_that_hangs_ends_the_waiting);
  tcase_add_test (tc, a_lease_that_is_lost_ends_the_waiting);
  tcase_add_test (tc, the_end_of_the_mirror_ends_the_waiting);
  tcase_add_test (tc, there_is_no_limit_when_the_last_leg_cannot_be_flushed);
  tcase_add_test (tc, a_read_repair_waits_like_any_write);
  tcase_add_test (tc, what_a_crash_costs_is_bounded_however_slow_a_flush_is);
  tcase_add_test (tc, nobody_starves);
  tcase_add_test (tc, a_stop_does_not_wait_for_a_place);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
