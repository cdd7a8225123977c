/* SPDX-License-Identifier: BSD-3-Clause */

/* The end of a mirror: a clean log, and a bounded time also when a leg
 * hangs.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "leg-ops.h"
#include "mirror-fixture.h"
#include "suite.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

static struct fx *fx;

static void
setup (void)
{
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  fx_keep_image (fx);
  fx_start (fx);
}

/* fx_free without another mirror_stop. */
static void
teardown (void)
{
  fx->started = false;
  fx_free (fx);
}

TEST (nothing_is_marked_after_a_clean_stop)
{
  do_succeeds (fx, OP_WRITE, 0, 3 * REGION, 'a');
  mirror_stop (fx->m, now_ns () + PATIENCE_NS);
  CLEANUP_FREE struct mem_log_image *last = fx_kept_image (fx);

  for (unsigned r = 0; r < NR_REGIONS; ++r)
    ck_assert (!last->marked[r]);
  ck_assert_int_eq (last->state[1], LOG_LEG_IN_SYNC);
}

TEST (requests_under_way_are_waited_for)
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
  CLEANUP_FREE struct mem_log_image *last = fx_kept_image (fx);

  ck_assert (!last->marked[0]);
}

/* The leg does not answer: it is recorded as failed and misses the region. */
TEST (a_request_that_hangs_does_not_hold_up_the_stop)
{
  struct op op;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  mirror_stop (fx->m, now_ns () + 200 * NSEC_PER_MSEC);
  op_join (&op);
  CLEANUP_FREE struct mem_log_image *last = fx_kept_image (fx);

  ck_assert (last->missed[1][0]);
  ck_assert_int_eq (last->state[1], LOG_LEG_STALE);
}

/* A leg that hangs in the last sweep fails, and the next one is clean. */
TEST (a_leg_that_hangs_in_the_last_sweep_fails)
{
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  mem_leg_hold (fx->leg[1], LEG_FLUSH, 1, 1);
  ck_assert (mirror_stop (fx->m, now_ns () + 200 * NSEC_PER_MSEC));
  CLEANUP_FREE struct mem_log_image *last = fx_kept_image (fx);

  ck_assert (!last->marked[0]);
  ck_assert (last->missed[1][0]);
  ck_assert_int_eq (last->state[1], LOG_LEG_STALE);
}

TEST (a_copy_that_hangs_does_not_hold_up_the_stop)
{
  mirror_stop (fx->m, now_ns () + PATIENCE_NS);
  teardown ();
  fx = fx_new (2, NR_REGIONS, SHIFT, 2);
  fx_fill (fx, 0, 0, NR_REGIONS * REGION, 'x');
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, NR_REGIONS);
  fx_start (fx);
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert (mirror_stop (fx->m, now_ns () + 200 * NSEC_PER_MSEC));
  ck_assert_uint_eq (fx->m->resync.nr_threads, 0);
}

/* A leg that can't even be given up, like a local one that hangs in the
 * kernel.
 */
static void
lose_nothing (struct leg *leg)
{
  (void) leg;
}

TEST (what_hangs_for_ever_is_left_in_bounded_time)
{
  const struct leg_ops *real = fx->leg[1]->ops;
  struct leg_ops ops = *real;
  uint64_t start = now_ns ();
  struct op op;

  ops.lose = lose_nothing;
  fx->leg[1]->ops = &ops;
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  ck_assert (!mirror_stop (fx->m, start + 200 * NSEC_PER_MSEC));
  ck_assert_uint_lt (now_ns () - start, 200 * NSEC_PER_MSEC + STOP_GRACE_NS);
  fx->leg[1]->ops = real;
  mem_leg_release (fx->leg[1], 1, 0);
  op_join (&op);
  mirror_stop (fx->m, now_ns () + PATIENCE_NS);
}

/* The log does not answer a request, nor the last sweep. */
TEST (a_log_that_hangs_does_not_hold_up_the_stop)
{
  uint64_t start = now_ns ();
  struct op op;

  fx->m->config.log_timeout = 60;
  mem_log_hold (fx->log, MEM_LOG_FLUSH | MEM_LOG_COMMIT);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_log_wait_inside (fx->log, 1));
  ck_assert (mirror_stop (fx->m, start + 200 * NSEC_PER_MSEC));
  op_fails (&op, EIO);
  ck_assert_uint_lt (now_ns () - start, 200 * NSEC_PER_MSEC + STOP_GRACE_NS);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("stop");
}
