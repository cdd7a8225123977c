/* SPDX-License-Identifier: BSD-3-Clause */

/* A local leg that hangs fails after local-timeout=, if another one can go on.
 * The looks are the test's own, so time is what it says.
 */

#include "config.h"

#include "mirror-fixture.h"
#include "suite.h"
#include "watch.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

#define LOOK NSEC_PER_SEC

static struct fx *fx;

static void
setup (void)
{
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  fx->m->local_timeout_ns = 8 * NSEC_PER_SEC;
}

static void
teardown (void)
{
  fx_free (fx);
}

/* A call that is under way; it began so many seconds ago. */
static unsigned
hang (unsigned leg, unsigned seconds)
{
  return leg_call_begin (&fx->leg[leg]->calls,
                         now_ns () - seconds * NSEC_PER_SEC);
}

static void
answer (unsigned leg, unsigned call)
{
  leg_call_end (&fx->leg[leg]->calls, call);
}

static void
look (unsigned times)
{
  for (unsigned i = 0; i < times; ++i)
    watch_look (fx->m, LOOK);
}

TEST (clients_go_on_without_a_leg_that_hangs)
{
  struct op op;
  unsigned call;

  mem_leg_hold (fx->leg[1], LEG_WRITE, 1, 1);
  op_start (fx, &op, OP_WRITE, 0, BLOCK, 'a');
  ck_assert (mem_leg_wait_held (fx->leg[1], 1));
  call = hang (1, 1);
  look (8);
  ck_assert (!op_ended (&op));
  look (1);
  op_succeeds (&op);
  ck_assert_uint_eq (fx_failed (fx), SLOT_BIT (1));
  ck_assert (fx_misses (fx, 1, 0));
  answer (1, call);
}

TEST (without_a_limit_it_is_waited_for)
{
  unsigned call = hang (1, 3600);

  fx->m->local_timeout_ns = 0;
  look (3600);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  answer (1, call);
}

TEST (calls_that_end_are_no_reason)
{
  for (unsigned i = 0; i < 20; ++i) {
    unsigned call = hang (1, 7 - i % 3);

    look (7);
    answer (1, call);
  }
  ck_assert_uint_eq (fx_in_sync (fx), 3);
}

/* The host was suspended, say. */
TEST (time_in_which_nobody_looked_does_not_count)
{
  unsigned call = hang (1, 3600);

  look (1);
  watch_look (fx->m, 3600 * NSEC_PER_SEC);
  look (5);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  look (1);
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  answer (1, call);
}

TEST (the_last_one_that_answers_stays)
{
  unsigned call0 = hang (0, 9), call1 = hang (1, 9);

  look (20);
  ck_assert_uint_eq (fx_in_sync (fx), 3);
  answer (0, call0);
  look (1);
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  call0 = hang (0, 9);
  look (20);
  ck_assert_uint_eq (fx_in_sync (fx), 1);
  ck_assert (!atomic_load (&fx->leg[0]->lost));
  answer (0, call0);
  answer (1, call1);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("watch");
}
