/* SPDX-License-Identifier: BSD-3-Clause */

/* A leg that is far slower than another one is said to be, once, and nothing
 * else becomes of it.  The windows are the test's own.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "mirror-fixture.h"
#include "msg.h"
#include "suite.h"

#define SHIFT 12
#define NR_REGIONS 16

#define MS NSEC_PER_MSEC

static struct fx *fx;
static struct mirror_status st; /* large */
static unsigned nr_warnings, nr_notes;

/* --- the message sink: count --- */

void
msg_error (const char *fmt, ...)
{
  (void) fmt;
}

void
msg_warning (const char *fmt, ...)
{
  nr_warnings += strstr (fmt, "is slow") != NULL;
}

void
msg_note (const char *fmt, ...)
{
  nr_notes += strstr (fmt, "is not slow") != NULL;
}

void
msg_debug (const char *fmt, ...)
{
  (void) fmt;
}

/* --- */

static void
setup (void)
{
  fx = fx_new (3, NR_REGIONS, SHIFT, 0);
  nr_warnings = nr_notes = 0;
}

static void
teardown (void)
{
  fx_free (fx);
}

static void
took (unsigned leg, enum latency_of of, unsigned times, uint64_t ns)
{
  for (unsigned i = 0; i < times; ++i)
    leg_latency_note (&fx->leg[leg]->latency, of, ns);
}

/* So many windows in which writes to leg 1 take that long, and to the others 4
 * ms.
 */
static void
windows (unsigned nr, uint64_t ns)
{
  for (unsigned i = 0; i < nr; ++i) {
    took (0, LATENCY_WRITE, 100, 4 * MS);
    took (1, LATENCY_WRITE, 100, ns);
    took (2, LATENCY_WRITE, 100, 4 * MS);
    slow_look (fx->m, SLOW_WINDOW_NS);
  }
}

static void
empty_windows (unsigned nr)
{
  for (unsigned i = 0; i < nr; ++i)
    slow_look (fx->m, SLOW_WINDOW_NS);
}

static bool
is_slow (unsigned leg)
{
  mirror_status (fx->m, &st);
  return st.leg[leg].slow;
}

TEST (a_leg_that_is_far_off_is_slow)
{
  windows (SLOW_WINDOWS - 1, 400 * MS);
  ck_assert (!is_slow (1));
  windows (1, 400 * MS);
  ck_assert (is_slow (1) && !is_slow (0) && !is_slow (2));
  ck_assert_str_eq (st.state, "in-sync");
  ck_assert_str_eq (st.leg[1].state, "in-sync");
  ck_assert_msg (strstr (st.reason, "leg 1 is slow: 99 % of its writes take "
                                    "up to ") == st.reason,
                 "%s", st.reason);
  ck_assert_uint_ge (st.leg[1].p99_us[LATENCY_WRITE], 400000);
  ck_assert_uint_le (st.leg[1].p99_us[LATENCY_WRITE], 600000);
  ck_assert_uint_ge (st.leg[0].p99_us[LATENCY_WRITE], 4000);
  ck_assert_uint_le (st.leg[0].p99_us[LATENCY_WRITE], 6000);
  ck_assert_uint_eq (st.leg[0].p99_us[LATENCY_READ], 0);
  windows (10, 400 * MS);
  ck_assert_uint_eq (nr_warnings, 1);
}

TEST (it_is_not_slow_any_more_when_it_is_quick_for_a_while)
{
  windows (SLOW_WINDOWS, 400 * MS);
  windows (SLOW_WINDOWS - 1, 4 * MS);
  windows (1, 400 * MS);
  windows (SLOW_WINDOWS - 1, 4 * MS);
  ck_assert (is_slow (1));
  windows (1, 4 * MS);
  ck_assert (!is_slow (1));
  ck_assert_str_eq (st.reason, "");
  ck_assert_uint_eq (nr_warnings, 1);
  ck_assert_uint_eq (nr_notes, 1);
}

/* A leg at the limit is not said again and again. */
TEST (between_the_limits_nothing_changes)
{
  windows (20, 22 * MS);
  ck_assert (!is_slow (1));
  windows (SLOW_WINDOWS, 400 * MS);
  windows (20, 22 * MS);
  ck_assert (is_slow (1));
  ck_assert_uint_eq (nr_warnings, 1);
  ck_assert_uint_eq (nr_notes, 0);
}

TEST (a_hiccup_is_not_slow)
{
  for (unsigned i = 0; i < 20; ++i) {
    windows (SLOW_WINDOWS - 1, 400 * MS);
    windows (1, 4 * MS);
  }
  ck_assert (!is_slow (1));
  ck_assert_uint_eq (nr_warnings, 0);
}

/* Nor one request in a hundred. */
TEST (a_few_long_requests_are_not_slow)
{
  for (unsigned i = 0; i < 20; ++i) {
    took (1, LATENCY_WRITE, 1, 9000 * MS);
    windows (1, 4 * MS);
  }
  ck_assert (!is_slow (1));
}

TEST (what_is_quick_is_not_slow_beside_what_is_quicker)
{
  for (unsigned i = 0; i < 20; ++i) {
    took (0, LATENCY_FLUSH, 100, MS / 100);
    took (1, LATENCY_FLUSH, 100, 5 * MS);
    empty_windows (1);
  }
  ck_assert (!is_slow (1));
}

LOOP_TEST (each_kind_counts, NR_LATENCIES)
{
  for (unsigned i = 0; i < SLOW_WINDOWS; ++i) {
    took (0, (enum latency_of) _i, 100, 2 * MS);
    took (2, (enum latency_of) _i, 100, 50 * MS);
    took (0, (enum latency_of) ((_i + 1) % NR_LATENCIES), 100, MS);
    took (2, (enum latency_of) ((_i + 1) % NR_LATENCIES), 100, MS);
    empty_windows (1);
  }
  ck_assert (!is_slow (0) && !is_slow (1) && is_slow (2));
}

/* Nothing to compare, and too few. */
TEST (without_requests_nothing_is_known)
{
  for (unsigned i = 0; i < 20; ++i) {
    took (1, LATENCY_WRITE, 100, 400 * MS);
    took (0, LATENCY_WRITE, 5, MS);
    empty_windows (1);
  }
  ck_assert (!is_slow (1));
  windows (SLOW_WINDOWS, 400 * MS);
  empty_windows (STALE_WINDOWS - 1);
  ck_assert (is_slow (1));
  empty_windows (1);
  ck_assert (!is_slow (1));
  ck_assert_uint_eq (nr_notes, 1);
}

TEST (only_in_sync_legs_are_compared)
{
  windows (SLOW_WINDOWS - 1, 400 * MS);
  leg_lose (fx->leg[0], EIO, "the test says so");
  leg_lose (fx->leg[2], EIO, "the test says so");
  windows (20, 400 * MS);
  ck_assert (!is_slow (1));
}

/* What the legs did is what counts. */
TEST (requests_are_counted)
{
  mem_leg_delay (fx->leg[2], LEG_WRITE, 1, MEM_LEG_ALWAYS, 2 * MS);
  mem_leg_delay (fx->leg[1], LEG_FLUSH, 1, MEM_LEG_ALWAYS, 3 * MS);
  mem_leg_fail (fx->leg[2], LEG_READ, 1, 1, EIO);
  for (unsigned i = 0; i < 10; ++i)
    do_succeeds (fx, OP_WRITE, 0, BLOCK, 'a');
  for (unsigned i = 0; i < 3; ++i)
    do_succeeds (fx, OP_FLUSH, 0, 0, 0);
  for (unsigned i = 0; i < 40; ++i)
    do_succeeds (fx, OP_READ, 0, BLOCK, 'a');
  slow_look (fx->m, SLOW_WINDOW_NS);
  ck_assert (!is_slow (2));
  ck_assert_uint_ge (st.leg[2].p99_us[LATENCY_WRITE], 2000);
  ck_assert_uint_ge (st.leg[1].p99_us[LATENCY_FLUSH], 3000);
  ck_assert_uint_gt (st.leg[0].p99_us[LATENCY_WRITE], 0);
  ck_assert_uint_gt (st.leg[0].p99_us[LATENCY_READ] +
                       st.leg[1].p99_us[LATENCY_READ] +
                       st.leg[2].p99_us[LATENCY_READ],
                     0);
}

/* Within a class, whose width is a half of it at most. */
TEST (classes_are_right)
{
  for (uint64_t ns = 2048; ns < 100 * NSEC_PER_SEC; ns += ns / 7) {
    struct leg_latency l = {0};
    struct latency_counts last = {0}, since;
    uint64_t p99;

    leg_latency_note (&l, LATENCY_READ, ns);
    leg_latency_since (&l, &last, &since);
    p99 = latency_p99_ns (&since, LATENCY_READ, 1);
    ck_assert_uint_gt (p99, ns);
    ck_assert_uint_le (p99, ns + ns / 2 + 1);
    leg_latency_since (&l, &last, &since);
    ck_assert_uint_eq (latency_p99_ns (&since, LATENCY_READ, 1), 0);
  }
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
  .timeout = 40,
};

int
main (void)
{
  return suite_main ("slow");
}
