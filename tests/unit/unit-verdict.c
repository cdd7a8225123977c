/* SPDX-License-Identifier: BSD-3-Clause */

/* The state of a mirror, the reason beside it, and how its legs come back. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "mirror-fixture.h"
#include "suite.h"

#define SHIFT 12
#define REGION (UINT64_C (1) << SHIFT)
#define NR_REGIONS 16

static struct fx *fx;
static struct mirror_status st; /* large */

static void
setup (void)
{
  fx = fx_new (2, NR_REGIONS, SHIFT, 0);
  fx->m->rejoin = (struct rejoin_times){NSEC_PER_MSEC, 10 * NSEC_PER_MSEC,
                                        3600 * NSEC_PER_SEC};
}

static void
teardown (void)
{
  fx_free (fx);
}

static void
expect (const char *state, const char *reason)
{
  mirror_status (fx->m, &st);
  ck_assert_str_eq (st.state, state);
  if (*reason)
    ck_assert_msg (strstr (st.reason, reason) != NULL,
                   "\"%s\" is not in \"%s\"", reason, st.reason);
  else
    ck_assert_str_eq (st.reason, "");
}

static void
lose (unsigned leg)
{
  leg_lose (fx->leg[leg], ECONNRESET, "the test says so");
}

TEST (all_is_well)
{
  expect ("in-sync", "");
  ck_assert_str_eq (st.leg[1].returns, "");
  ck_assert_uint_eq (st.leg[1].last_error_time, 0);
}

/* The legs are not to blame. */
TEST (without_a_lease_it_is_the_log)
{
  mem_log_set_lease (fx->log, MEM_LOG_EXPIRED);
  expect ("failed", "the lease of the log is over");
  ck_assert_str_eq (st.leg[0].state, "in-sync");
  ck_assert_str_eq (st.leg[1].state, "in-sync");
  mem_log_set_lease (fx->log, MEM_LOG_VALID);
  expect ("in-sync", "");
}

TEST (a_leg_that_is_out_of_use_returns_by_itself)
{
  uint64_t before = (uint64_t) time (NULL);

  lose (1);
  expect ("degraded", "out of use: 1");
  ck_assert_str_eq (st.leg[1].returns, "itself");
  ck_assert_uint_ge (st.leg[1].last_error_time, before);
  ck_assert_uint_le (st.leg[1].last_error_time, (uint64_t) time (NULL));
}

static bool
is_refused (void)
{
  mirror_status (fx->m, &st);
  return strcmp (st.leg[1].returns, "refused") == 0;
}

static bool
is_in_sync (void)
{
  mirror_status (fx->m, &st);
  return strcmp (st.state, "in-sync") == 0;
}

TEST (a_leg_that_is_another_one_is_refused_until_it_is_right)
{
  fx_start (fx);
  mem_leg_fail_open (fx->leg[1], ECONNREFUSED);
  lose (1);
  mem_leg_replace (fx->leg[1], (NR_REGIONS - 1) * REGION, BLOCK, "/leg1");
  mem_leg_fail_open (fx->leg[1], 0);
  WAIT_FOR (is_refused ());
  mem_leg_replace (fx->leg[1], NR_REGIONS * REGION, BLOCK, "/leg1");
  WAIT_FOR (is_in_sync ());
  ck_assert_str_eq (st.leg[1].returns, "");
}

TEST (the_last_leg_that_is_lost_needs_a_restart)
{
  lose (1);
  lose (0);
  expect ("failed", "no leg that has all data");
  ck_assert_str_eq (st.leg[0].returns, "restart");
  ck_assert_str_eq (st.leg[1].returns, "itself");
}

TEST (a_last_leg_that_cannot_flush_is_not_safe)
{
  lose (1);
  mem_leg_fail (fx->leg[0], LEG_FLUSH, 1, 1, EIO);
  do_fails (fx, OP_FLUSH, 0, 0, 0, EIO);
  expect ("failed", "could not flush");
}

TEST (a_log_that_fails_is_said_before_legs)
{
  fx->m->config.log_timeout = 0;
  mem_log_fail (fx->log, MEM_LOG_FLUSH, UINT32_MAX, ENOSPC);
  do_fails (fx, OP_WRITE, 0, BLOCK, 'a', EIO);
  expect ("in-sync", "the log can't be written: No space left on device");
  ck_assert_str_eq (st.log_state, "failed");
  ck_assert_uint_ne (st.log_last_error_time, 0);
  mem_log_fail (fx->log, 0, 0, 0);
}

static bool
has_an_answer (void)
{
  mirror_status (fx->m, &st);
  return st.leg[1].no_answer == 0;
}

TEST (a_local_leg_that_hangs_is_said)
{
  unsigned call =
    leg_call_begin (&fx->leg[1]->calls, now_ns () - 9 * NSEC_PER_SEC);

  expect ("in-sync", "leg 1 has not answered for 9 seconds");
  ck_assert_str_eq (st.leg[1].state, "in-sync");
  ck_assert_uint_eq (st.leg[1].no_answer, 9);
  ck_assert_uint_eq (st.leg[0].no_answer, 0);
  leg_call_end (&fx->leg[1]->calls, call);
  ck_assert (has_an_answer ());
  expect ("in-sync", "");
}

TEST (calls_of_a_leg_are_seen_up_to_a_number)
{
  struct leg_calls calls = {0};
  unsigned place[LEG_CALLS + 1];

  for (unsigned i = 0; i <= LEG_CALLS; ++i)
    place[i] = leg_call_begin (&calls, 100 - i);
  ck_assert_uint_eq (leg_call_oldest (&calls), 100 - (LEG_CALLS - 1));
  leg_call_end (&calls, place[LEG_CALLS]); /* had none */
  for (unsigned i = LEG_CALLS; i-- > 0;) {
    ck_assert_uint_eq (leg_call_oldest (&calls), 100 - i);
    leg_call_end (&calls, place[i]);
  }
  ck_assert_uint_eq (leg_call_oldest (&calls), 0);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("verdict");
}
