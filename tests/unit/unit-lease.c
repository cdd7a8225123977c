/* SPDX-License-Identifier: BSD-3-Clause */

/* Rule S19 in the mirror: without the lease of the log nothing is sent to a
 * leg, nothing is read and nothing is acknowledged, and no leg is blamed.
 */

#include "config.h"

#include <errno.h>

#include "cleanup.h"
#include "leg-ops.h"
#include "mirror-fixture.h"
#include "suite.h"

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
  if (fx->m->log) /* not stopped */
    mem_log_set_lease (fx->log, MEM_LOG_VALID);
  fx_free (fx);
}

static bool
nothing_sent (enum leg_op op)
{
  return fx_sent (fx, 0, op) == 0 && fx_sent (fx, 1, op) == 0;
}

/* The request waits for the lease, and the legs have not seen it. */
static void
check_waits (struct op *op, enum leg_op leg_op)
{
  WAIT_FOR (mem_log_lease_waits (fx->log) > 0);
  ck_assert (!op_ended (op));
  ck_assert (nothing_sent (leg_op));
}

TEST (s19_write_waits_for_the_lease)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, REGION, BLOCK, 'a'); /* the region is hot */
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  op_start (fx, &op, OP_ZERO, 0, BLOCK, 0);
  check_waits (&op, LEG_ZERO);
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_ZERO), 1);
}

TEST (s19_hot_region_needs_the_lease)
{
  unsigned before;

  fx->m->config.log_timeout = 1;
  do_succeeds (fx, OP_WRITE, REGION, BLOCK, 'a');
  before = fx_sent (fx, 0, LEG_WRITE);
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  do_fails (fx, OP_WRITE, REGION, BLOCK, 'b', EIO);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), before);
  ck_assert_int_eq (fx_byte (fx, 0, REGION), 'a');
  ck_assert_int_eq (fx_byte (fx, 1, REGION), 'a');
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

TEST (s19_read_waits_for_the_lease)
{
  struct op op;

  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  check_waits (&op, LEG_READ);
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
  op_succeeds (&op);
}

TEST (s19_flush_waits_for_the_lease)
{
  struct op op;

  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  op_start (fx, &op, OP_FLUSH, 0, 0, 0);
  check_waits (&op, LEG_FLUSH);
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
  op_succeeds (&op);
}

TEST (s19_flush_without_the_lease_blames_no_leg)
{
  fx->m->config.log_timeout = 1;
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  ck_assert (nothing_sent (LEG_FLUSH));
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

TEST (s19_lost_for_ever_is_an_error_at_once)
{
  uint64_t start = now_ns ();

  mem_log_set_lease (fx->log, MEM_LOG_LOST);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', EIO);
  do_fails (fx, OP_READ, 0, BLOCK, 0, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  ck_assert_uint_lt (now_ns () - start, 5 * NSEC_PER_SEC);
  ck_assert (nothing_sent (LEG_WRITE));
  ck_assert (nothing_sent (LEG_READ));
}

/* --- the lease ends when leg 0 has been sent the request --- */

static const struct leg_ops *real_ops;
static struct leg_ops ops_that_expire;

static void
submit_and_expire (struct leg *leg, struct leg_io *io)
{
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  real_ops->submit (leg, io);
}

static void
expire_in_leg_0 (void)
{
  real_ops = fx->leg[0]->ops;
  ops_that_expire = *real_ops;
  ops_that_expire.submit = submit_and_expire;
  fx->leg[0]->ops = &ops_that_expire;
}

static void
expire_no_more (void)
{
  fx->leg[0]->ops = real_ops;
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
}

TEST (s19_checked_before_each_leg)
{
  fx->m->config.log_timeout = 1;
  expire_in_leg_0 ();
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', EIO);
  expire_no_more ();
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 1);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  ck_assert_uint_eq (fx_failed (fx), 0);
  ck_assert (fx_misses (fx, 1, 0));
  ck_assert (!fx_misses (fx, 0, 0));
  fx_start (fx);
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
}

TEST (s19_flush_is_checked_before_each_leg)
{
  fx->m->config.log_timeout = 1;
  expire_in_leg_0 ();
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  expire_no_more ();
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_FLUSH), 0);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

/* --- and comes back: no client sees anything --- */

static void
lease_comes_back_to (struct op *op)
{
  WAIT_FOR (mem_log_lease_waits (fx->log) > 0 || op_ended (op));
  ck_assert (!op_ended (op));
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
  op_succeeds (op);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

static void
lease_comes_back (struct op *op)
{
  WAIT_FOR (mem_log_lease_waits (fx->log) > 0);
  fx->leg[0]->ops = real_ops;
  lease_comes_back_to (op);
}

TEST (s19_who_was_not_sent_a_write_gets_it_later)
{
  struct op op;

  expire_in_leg_0 ();
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  lease_comes_back (&op);
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 1);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 1);
  ck_assert_int_eq (fx_byte (fx, 1, 0), 'a');
}

TEST (s19_who_was_sent_a_part_gets_all_later)
{
  struct op op;

  fx->leg[0]->max_request = BLOCK;
  expire_in_leg_0 ();
  op_start (fx, &op, OP_WRITE, 0, 8 * BLOCK, 'a');
  lease_comes_back (&op);
  ck_assert_int_eq (fx_byte (fx, 0, 7 * BLOCK), 'a');
  ck_assert (fx_same (fx, 0, 1));
}

/* The leg has used up the time of the request, but that was no waiting for the
 * log.
 */
TEST (s19_a_slow_leg_does_not_shorten_the_wait_for_the_lease)
{
  struct op op;

  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'x'); /* the region is dirty */
  fx->leg[0]->max_request = BLOCK;
  mem_leg_hold (fx->leg[0], LEG_WRITE, 1, 4);
  fx->m->config.log_timeout = 0;
  atomic_store (&fx->m->log_bad_since, 1); /* so that none is left */
  op_start (fx, &op, OP_WRITE, 0, 8 * BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[0], 4));
  fx->m->config.log_timeout = 15;
  atomic_store (&fx->m->log_bad_since, 0);
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  mem_leg_release (fx->leg[0], 4, 0);
  lease_comes_back_to (&op);
  ck_assert_int_eq (fx_byte (fx, 0, 7 * BLOCK), 'a');
  ck_assert (fx_same (fx, 0, 1));
}

TEST (s19_time_in_which_this_process_stood_still_is_no_wait_for_the_lease)
{
  struct op op;

  fx->m->config.log_timeout = 1;
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  WAIT_FOR (mem_log_lease_waits (fx->log) > 0);
  fx_stand_still ();
  lease_comes_back_to (&op);
}

/* The leg that was sent it failed: another one got it, so it did fail. */
TEST (s19_who_failed_before_the_wait_has_failed)
{
  struct op op;

  expire_in_leg_0 ();
  mem_leg_fail (fx->leg[0], LEG_WRITE, 1, 1, EIO);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  WAIT_FOR (mem_log_lease_waits (fx->log) > 0);
  expire_no_more ();
  op_succeeds (&op);
  ck_assert_uint_eq (fx_failed (fx), 1);
  ck_assert_int_eq (fx_byte (fx, 1, 0), 'a');
}

TEST (s19_who_was_not_flushed_is_flushed_later)
{
  struct op op;

  expire_in_leg_0 ();
  op_start (fx, &op, OP_FLUSH, 0, 0, 0);
  lease_comes_back (&op);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_FLUSH), 1);
}

TEST (s19_another_leg_is_read_later)
{
  struct op op;

  expire_in_leg_0 ();
  fx->m->config.read_policy = READ_FIRST;
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  lease_comes_back (&op);
  ck_assert_uint_gt (fx_sent (fx, 1, LEG_READ), 0);
}

/* The leg that is asked first ends the lease, and cannot be read. */
TEST (s19_read_is_checked_before_each_leg)
{
  fx->m->config.log_timeout = 1;
  expire_in_leg_0 ();
  fx->m->config.read_policy = READ_FIRST;
  mem_leg_fail (fx->leg[0], LEG_READ, 1, 1, EIO);
  do_fails (fx, OP_READ, 0, BLOCK, 0, EIO);
  expire_no_more ();
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_READ), 0);
}

TEST (s19_no_acknowledgement_without_the_lease)
{
  struct op op;

  fx->m->config.log_timeout = 1;
  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  mem_leg_release (fx->leg[1], 1, 0);
  op_fails (&op, EIO);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  ck_assert (fx_same (fx, 0, 1));
}

/* A request that the leg takes in pieces: the first one ends the lease. */
LOOP_TEST (s19_checked_before_each_piece, 2)
{
  fx->m->config.log_timeout = 1;
  fx->leg[0]->max_request = BLOCK;
  if (_i)
    atomic_store (&fx->leg[0]->no_zero, true);
  expire_in_leg_0 ();
  do_fails (fx, _i ? OP_ZERO : OP_WRITE, 0, 8 * BLOCK, 'a', EIO);
  expire_no_more ();
  ck_assert_uint_eq (fx_sent (fx, 0, LEG_WRITE), 1);
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  ck_assert_uint_eq (fx_failed (fx), 0);
  ck_assert (fx_misses (fx, 1, 0));
  ck_assert (!fx_misses (fx, 0, 0));
}

/* Leg 1, a resync target, was not flushed. */
TEST (s19_sweep_needs_the_flush_of_each_leg)
{
  teardown ();
  fx = fx_new (2, NR_REGIONS, SHIFT, 2);
  do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  expire_in_leg_0 ();
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  expire_no_more ();
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_FLUSH), 0);
  ck_assert (!fx_is_clean (fx, 0));
  ck_assert_uint_eq (fx_failed (fx), 0);
  do_succeeds (fx, OP_SWEEP, 0, 0, 0);
  ck_assert (fx_is_clean (fx, 0));
}

/* What was read may be old by now. */
LOOP_TEST (s19_no_answer_without_the_lease, 2)
{
  struct op op;

  fx->m->config.log_timeout = _i ? 60 : 1;
  mem_leg_hold (fx->leg[0], LEG_READ, 1, 1);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  ck_assert (mem_leg_wait_held (fx->leg[0], 1));
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  mem_leg_release (fx->leg[0], 1, 0);
  if (_i) {
    WAIT_FOR (mem_log_lease_waits (fx->log) > 0);
    mem_log_set_lease (fx->log, MEM_LOG_VALID);
    op_succeeds (&op);
  }
  else
    op_fails (&op, EIO);
}

static bool
copiers_rest (void)
{
  CLEANUP_LOCK (&fx->m->lock);
  return fx->m->resync.busy == 0;
}

/* Reading the source ends the lease. */
TEST (s19_no_copy_without_the_lease)
{
  teardown ();
  fx = fx_new (2, NR_REGIONS, SHIFT, 2);
  fx_fill (fx, 0, 0, NR_REGIONS * REGION, 'x');
  expire_in_leg_0 ();
  fx_start (fx);
  WAIT_FOR (fx_sent (fx, 0, LEG_READ) > 0);
  WAIT_FOR (copiers_rest ());
  ck_assert_uint_eq (fx_sent (fx, 1, LEG_WRITE), 0);
  ck_assert_uint_eq (fx->m->member[1].stalls, 0);
  expire_no_more ();
  WAIT_FOR (fx_in_sync (fx) == 3);
  ck_assert (fx_same (fx, 0, 1));
}

TEST (s19_stop_does_not_wait_for_the_lease)
{
  struct op op;
  uint64_t start;

  fx->m->config.log_timeout = 60;
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  op_start (fx, &op, OP_READ, 0, BLOCK, 0);
  check_waits (&op, LEG_READ);
  start = now_ns ();
  mirror_stop (fx->m, now_ns () + PATIENCE_NS);
  op_fails (&op, EIO);
  ck_assert_uint_lt (now_ns () - start, 10 * NSEC_PER_SEC);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 20,
};

int
main (void)
{
  return suite_main ("lease");
}
