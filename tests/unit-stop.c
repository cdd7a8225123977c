/* SPDX-License-Identifier: BSD-3-Clause */

/* The end of a mirror: a clean log, and a bounded time also when a leg
 * hangs.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-fixture.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

static struct fx *fx;
static struct mem_log_image last; /* the log is freed by mirror_stop */
static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;

static void
keep_image (const struct mem_log_image *image, void *opaque)
{
  CLEANUP_LOCK (&last_lock);

  (void) opaque;
  last = *image;
}

static void
setup (void)
{
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  mem_log_observe (fx->log, keep_image, NULL);
  fx_start (fx);
}

/* fx_free without another mirror_stop. */
static void
teardown (void)
{
  fx->started = false;
  fx_free (fx);
}

START_TEST (nothing_is_marked_after_a_clean_stop)
{
  do_succeeds (fx, OP_WRITE, 0, 3 * REGION, 'a');
  mirror_stop (fx->m, now_ns () + PATIENCE_NS);
  CLEANUP_LOCK (&last_lock);
  for (unsigned r = 0; r < NR_REGIONS; ++r)
    ck_assert (!last.marked[r]);
  ck_assert_int_eq (last.state[1], LOG_LEG_IN_SYNC);
}
END_TEST

START_TEST (requests_under_way_are_waited_for)
{
  struct op op, stop;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  op_start (fx, &stop, OP_STOP, 0, 0, 0);
  do {
    CLEANUP_LOCK (&fx->m->lock);
    if (fx->m->stopping)
      break;
  } while (true);
  do_fails (fx, OP_WRITE, REGION, BLOCK, 'b', ESHUTDOWN);
  mem_leg_release (fx->leg[1], 1, 0);
  op_succeeds (&op);
  op_join (&stop);
  CLEANUP_LOCK (&last_lock);
  ck_assert (!last.marked[0]);
}
END_TEST

/* The leg does not answer: it is recorded as failed and misses the region. */
START_TEST (a_request_that_hangs_does_not_hold_up_the_stop)
{
  struct op op;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  mirror_stop (fx->m, now_ns () + 200 * NSEC_PER_MSEC);
  op_join (&op);
  CLEANUP_LOCK (&last_lock);
  ck_assert (last.missed[1][0]);
  ck_assert_int_eq (last.state[1], LOG_LEG_STALE);
}
END_TEST


int
main (void)
{
  Suite *suite = suite_create ("stop");
  TCase *tc = tcase_create ("stop");
  SRunner *runner = srunner_create (suite);
  int failed;

  suite_add_tcase (suite, tc);
  tcase_set_timeout (tc, 40);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, nothing_is_marked_after_a_clean_stop);
  tcase_add_test (tc, requests_under_way_are_waited_for);
  tcase_add_test (tc, a_request_that_hangs_does_not_hold_up_the_stop);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
