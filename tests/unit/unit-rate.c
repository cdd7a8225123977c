/* SPDX-License-Identifier: BSD-3-Clause */

/* How fast copies go beside clients: the controller, with legs and clients that are
 * a formula, and the budget that it fills.
 */

#include "config.h"

#include "cleanup.h"
#include "mirror-fixture.h"
#include "rate-control.h"
#include "suite.h"

#define MIB (UINT64_C (1) << 20)
#define MS NSEC_PER_MSEC
#define US (NSEC_PER_MSEC / 1000)
#define WINDOW (100 * MS)
#define SECONDS(s) ((unsigned) (s) *10) /* windows */

/* --- legs and clients --- */

/* What clients wait grows with the rate of copies like a queue in front of a disk
 * that does "full" bytes per second; at full / 2 it is twice what they wait alone.
 */
static struct plant {
  struct rate_control rc;
  struct rate_bounds bounds;
  double alone_ns, full;
  double legs;        /* bytes/s, the most that can be copied */
  unsigned requests;  /* in a window */
  unsigned noise;     /* percent, more or less */
  unsigned min_waits; /* clients wait at least so many times alone_ns, while
                         * something is copied */
  enum client_kind kind;
  uint64_t random;

  /* What came of it, since forget. */
  unsigned windows, rests, too_long, below_min;
  double moved, least, most; /* bytes; bytes/s in windows with copies */
} p;

static void
setup (void)
{
  p = (struct plant){
    .bounds = {.min = 10 * MIB},
    .alone_ns = (double) MS,
    .full = 200.0 * MIB,
    .legs = 1000.0 * MIB,
    .requests = 200,
    .kind = CLIENT_WRITE,
  };
  rate_control_init (&p.rc);
}

static void
forget (void)
{
  p.windows = p.rests = p.too_long = p.below_min = 0;
  p.moved = p.most = 0;
  p.least = 1e18;
}

static double
rate_of_copies (void)
{
  double rate = (double) p.rc.allowed;

  if (p.rc.resting)
    return 0;
  if (p.bounds.max > 0 && rate > (double) p.bounds.max)
    rate = (double) p.bounds.max;
  return rate < p.legs ? rate : p.legs;
}

static double
wait_of_clients (double rate)
{
  double full = rate / p.full < 0.95 ? rate / p.full : 0.95;
  double wait = 1 / (1 - full);
  double noise =
    p.noise ? (double) (random_next (&p.random) % (2 * p.noise)) - p.noise : 0;

  if (rate > 0 && wait < p.min_waits)
    wait = p.min_waits;
  return p.alone_ns * wait * (1 + noise / 100);
}

static void
count (double rate, double wait)
{
  p.windows++;
  p.rests += rate == 0;
  p.moved += rate / 10;
  p.too_long += rate > 0 && wait > RATE_GOAL * p.alone_ns;
  p.below_min += rate > 0 && rate < (double) p.bounds.min;
  if (rate > 0 && rate < p.least)
    p.least = rate;
  if (rate > p.most)
    p.most = rate;
}

static void
run (unsigned windows)
{
  forget ();
  if (p.requests > 0)
    rate_control_wake (&p.rc, &p.bounds);
  for (unsigned i = 0; i < windows; ++i) {
    double rate = rate_of_copies (), wait = wait_of_clients (rate);
    struct rate_window w = {.ns = WINDOW,
                            .moved = (uint64_t) (rate / 10),
                            .alone = rate == 0,
                            .requests = p.requests};

    if (p.requests >= 8)
      w.p99_ns[p.kind] = (uint64_t) wait;
    count (rate, wait);
    rate_control_step (&p.rc, &w, &p.bounds);
  }
}

/* --- the controller --- */

TEST (without_clients_there_is_no_limit)
{
  p.requests = 0;
  run (SECONDS (1));
  ck_assert_uint_eq (p.rc.allowed, RATE_UNLIMITED);
  ck_assert_int_eq (p.rc.why, RATE_IDLE);
  ck_assert (p.least == p.legs);
}

TEST (clients_that_come_are_given_way_at_once)
{
  p.requests = 0;
  run (SECONDS (1));
  rate_control_wake (&p.rc, &p.bounds);
  ck_assert_uint_le (p.rc.allowed, 11 * MIB);
  ck_assert_uint_ge (p.rc.allowed, 10 * MIB);
}

/* Near to the rate at which they wait twice as long, and never beyond it. */
TEST (it_finds_the_rate_that_clients_bear)
{
  run (SECONDS (5));
  run (SECONDS (20));
  ck_assert_uint_eq (p.too_long, 0);
  ck_assert (p.least > 55.0 * MIB);
  ck_assert_int_eq (p.rc.why, RATE_YIELDING);
  ck_assert_uint_le (p.rests, SECONDS (20) / 50);
}

TEST (it_finds_it_although_what_is_measured_is_noisy)
{
  p.noise = 20;
  run (SECONDS (5));
  run (SECONDS (60));
  ck_assert_uint_le (p.too_long, p.windows / 20);
  ck_assert (p.moved > 40.0 * MIB * 60);
}

TEST (a_load_that_comes_is_answered_within_a_second)
{
  p.requests = 0;
  run (SECONDS (1));
  p.requests = 200;
  run (SECONDS (1));
  run (SECONDS (1));
  ck_assert_uint_eq (p.too_long, 0);
}

TEST (what_is_borne_less_than_before_is_cut_within_a_second)
{
  run (SECONDS (10));
  p.full /= 4;
  run (SECONDS (1));
  ck_assert_uint_gt (p.too_long, 0);
  run (SECONDS (1));
  ck_assert_uint_eq (p.too_long, 0);
}

/* What nobody can use is not allowed either, or it would have to be cut first; and
 * what is cut is what was used.
 */
TEST (slow_legs_do_not_hide_that_clients_wait)
{
  uint64_t before;

  p.legs = 60.0 * MIB;
  run (SECONDS (10));
  ck_assert_uint_eq (p.too_long, 0);
  before = p.rc.allowed;
  ck_assert_uint_le (before, 160 * MIB);
  ck_assert_uint_gt (before, 100 * MIB);
  p.full = 80.0 * MIB;
  run (1);
  ck_assert_uint_eq (p.too_long, 1);
  ck_assert_uint_lt (p.rc.allowed, 40 * MIB);
}

TEST (legs_that_are_slower_are_named)
{
  p.legs = 8.0 * MIB;
  p.bounds.min = 1 * MIB;
  run (SECONDS (10));
  ck_assert_int_eq (p.rc.why, RATE_LEGS);
}

/* Whatever clients wait for; also what rests cost is made good. */
TEST (it_never_falls_below_the_floor)
{
  p.min_waits = 10;
  run (SECONDS (60));
  ck_assert_uint_eq (p.below_min, 0);
  ck_assert (p.moved >= 10.0 * MIB * 60);
  ck_assert (p.moved < 12.0 * MIB * 60);
  ck_assert_int_eq (p.rc.why, RATE_FLOOR);
}

TEST (without_a_floor_it_still_goes_on)
{
  p.bounds.min = 0;
  p.min_waits = 10;
  run (SECONDS (10));
  ck_assert (p.moved > 0);
  ck_assert_uint_lt (p.rc.allowed, MIB);
  p.min_waits = 0;
  run (SECONDS (10));
  ck_assert_uint_gt (p.rc.allowed, 50 * MIB);
}

TEST (it_recovers_when_clients_leave)
{
  p.min_waits = 10;
  run (SECONDS (10));
  p.requests = 0;
  run (3);
  ck_assert_uint_eq (p.rc.allowed, RATE_UNLIMITED);
}

TEST (and_knows_what_they_bore_when_they_are_back)
{
  run (SECONDS (10));
  p.requests = 0;
  run (SECONDS (1));
  p.requests = 200;
  run (2);
  run (SECONDS (1));
  ck_assert (p.least > 50.0 * MIB);
  ck_assert_uint_eq (p.too_long, 0);
}

/* The clients' own load makes them wait longer: that is not the copies' fault. */
TEST (a_heavier_load_is_known_after_a_few_rests)
{
  run (SECONDS (10));
  p.alone_ns *= 4;
  run (SECONDS (40));
  run (SECONDS (10));
  ck_assert (p.least > 50.0 * MIB);
  ck_assert_uint_eq (p.too_long, 0);
}

TEST (a_lighter_load_is_known_without)
{
  run (SECONDS (30));
  p.alone_ns /= 4;
  run (SECONDS (30));
  run (SECONDS (10));
  ck_assert_uint_eq (p.too_long, 0);
}

TEST (nothing_known_is_a_reason_to_rest_once)
{
  run (2);
  ck_assert_uint_eq (p.rests, 1);
}

/* A kind of request that is never there when copies rest. */
TEST (nor_do_they_rest_for_what_cannot_be_known)
{
  for (unsigned i = 0; i < SECONDS (10); ++i) {
    double rate = rate_of_copies ();
    struct rate_window w = {.ns = WINDOW,
                            .moved = (uint64_t) (rate / 10),
                            .alone = rate == 0,
                            .requests = 10};

    if (rate > 0)
      w.p99_ns[CLIENT_FLUSH] = 50 * MS;
    p.rests += rate == 0;
    rate_control_step (&p.rc, &w, &p.bounds);
  }
  ck_assert_uint_le (p.rests, 2);
}

TEST (few_requests_do_not_slow_it_down)
{
  p.requests = 1;
  run (SECONDS (5));
  ck_assert_uint_gt (p.rc.allowed, 100 * MIB);
}

/* For a client ten microseconds more are nothing. */
TEST (what_a_client_does_not_feel_does_not_count)
{
  p.alone_ns = 5 * (double) US;
  p.min_waits = 3;
  run (SECONDS (10));
  ck_assert_uint_gt (p.rc.allowed, 50 * MIB);
}

TEST (requests_that_get_no_answer_count_as_slow)
{
  struct rate_window w = {.ns = WINDOW, .moved = 20 * MIB, .stuck = true};

  rate_control_wake (&p.rc, &p.bounds);
  p.rc.allowed = 200 * MIB;
  rate_control_step (&p.rc, &w, &p.bounds);
  ck_assert_uint_le (p.rc.allowed, 100 * MIB);
}

TEST (the_ceiling_holds_beside_clients)
{
  p.bounds.max = 30 * MIB;
  run (SECONDS (10));
  ck_assert (p.most <= 30.0 * MIB);
  ck_assert_int_eq (p.rc.why, RATE_LIMIT);
}

/* A flush takes longer than a read; each is compared with its like. */
TEST (kinds_of_requests_do_not_mix)
{
  p.kind = CLIENT_READ;
  run (SECONDS (5));
  p.kind = CLIENT_FLUSH;
  p.alone_ns *= 20;
  run (SECONDS (15));
  run (SECONDS (5));
  ck_assert_uint_eq (p.too_long, 0);
  ck_assert (p.least > 50.0 * MIB);
}

/* --- what clients wait --- */

TEST (the_p99_is_right_within_an_eighth)
{
  static struct client_latency l;
  static struct client_counts from, to;

  for (uint64_t ns = 600; ns < 20 * NSEC_PER_SEC; ns += ns / 3) {
    uint64_t p99;

    client_latency_get (&l, &from);
    for (unsigned i = 0; i < 990; ++i)
      client_latency_note (&l, CLIENT_READ, ns);
    for (unsigned i = 0; i < 10; ++i)
      client_latency_note (&l, CLIENT_READ, 100 * NSEC_PER_SEC);
    client_latency_get (&l, &to);
    p99 = client_p99_ns (&from, &to, CLIENT_READ, 8);
    ck_assert_uint_ge (p99, ns);
    ck_assert_uint_le (p99, ns + ns / 8 + 64);
    ck_assert_uint_eq (client_counts_nr (&from, &to), 1000);
    ck_assert_uint_eq (client_p99_ns (&from, &to, CLIENT_READ, 1001), 0);
    ck_assert_uint_eq (client_p99_ns (&from, &to, CLIENT_WRITE, 8), 0);
  }
}

TEST (two_in_a_hundred_are_no_p99)
{
  static struct client_latency l;
  static struct client_counts from, to;

  for (unsigned i = 0; i < 98; ++i)
    client_latency_note (&l, CLIENT_FLUSH, MS);
  for (unsigned i = 0; i < 2; ++i)
    client_latency_note (&l, CLIENT_FLUSH, 10 * MS);
  client_latency_get (&l, &to);
  ck_assert_uint_ge (client_p99_ns (&from, &to, CLIENT_FLUSH, 8), 10 * MS);
}

/* --- the budget --- */

static struct fx *fx;

static void
begin_budget (void)
{
  fx = fx_new (2, 1, 16, 0);
}

static void
end_budget (void)
{
  fx_free (fx);
}

static struct suite_group budget = {.setup = begin_budget,
                                    .teardown = end_budget,
                                    .timeout = 60};

TEST_IN (budget, without_clients_and_ceiling_nobody_waits)
{
  for (unsigned i = 0; i < 100; ++i)
    ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
}

/* One in 10 ms. */
TEST_IN (budget, the_ceiling_is_shared_by_all)
{
  uint64_t begin;

  fx->m->config.resync_rate = 100 * MIB;
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
  begin = now_ns ();
  for (unsigned i = 0; i < 7; ++i)
    WAIT_FOR (rate_copy_begin (fx->m, MIB) == 0);
  ck_assert_uint_ge (now_ns () - begin, 69 * MS);
}

/* Who wakes up late gets what it has missed meanwhile, but nothing is saved up for
 * who did not wait.
 */
TEST_IN (budget, a_busy_processor_does_not_make_it_slower)
{
  fx->m->config.resync_rate = 100 * MIB;
  WAIT_FOR (now_ns () - fx->m->rate.credit_ns > 50 * MS);
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
  ck_assert_uint_gt (rate_copy_begin (fx->m, MIB), 0);
  {
    CLEANUP_LOCK (&fx->m->rate.lock);
    fx->m->rate.credit_ns -= 40 * MS; /* time passes */
  }
  for (unsigned i = 0; i < 4; ++i)
    ck_assert_uint_eq (rate_copy_begin (fx->m, 0), 0);
  ck_assert (fx->m->rate.credit > 2.5 * MIB);
}

TEST_IN (budget, a_client_inside_makes_the_next_chunk_wait)
{
  uint64_t arrival;

  fx->m->config.resync_min = 10 * MIB;
  arrival = rate_client_begin (&fx->m->rate);
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
  ck_assert_uint_gt (rate_copy_begin (fx->m, MIB), 50 * MS);
  rate_client_end (fx->m, CLIENT_READ, arrival);
  ck_assert_uint_gt (rate_copy_begin (fx->m, MIB), 50 * MS);
}

/* It has not been used up. */
TEST_IN (budget, what_was_not_moved_is_given_back)
{
  fx->m->config.resync_rate = MIB;
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
  ck_assert_uint_gt (rate_copy_begin (fx->m, MIB), 0);
  rate_copy_end (fx->m, MIB, 0);
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
}

static struct rate_view
view (void)
{
  struct rate_view v;

  rate_view (fx->m, &v);
  return v;
}

/* What copies may take while a client is inside. */
static uint64_t
allowed_beside_a_client (uint64_t round, uint64_t limit)
{
  uint64_t arrival = rate_client_begin (&fx->m->rate);
  uint64_t allowed;

  fx->m->config.resync_min = 10 * MIB;
  fx->m->config.resync_rate = limit;
  rate_round_begins (&fx->m->rate, round);
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
  allowed = view ().allowed;
  rate_client_end (fx->m, CLIENT_READ, arrival);
  return allowed;
}

/* Rests are made good beside. */
static void
is_about (uint64_t allowed, uint64_t wanted)
{
  ck_assert_uint_ge (allowed, wanted);
  ck_assert_uint_le (allowed, wanted / 10 * 11);
}

TEST_IN (budget, what_was_missed_in_a_short_outage_is_copied_soon)
{
  is_about (allowed_beside_a_client (1500 * MIB, 0), 100 * MIB);
}

TEST_IN (budget, but_not_faster_than_an_operator_wants)
{
  is_about (allowed_beside_a_client (1500 * MIB, 20 * MIB), 20 * MIB);
}

TEST_IN (budget, a_small_round_has_the_floor_of_others)
{
  is_about (allowed_beside_a_client (MIB, 0), 10 * MIB);
}

TEST_IN (budget, so_has_a_large_one)
{
  is_about (allowed_beside_a_client (RATE_SHORT + MIB, 0), 10 * MIB);
}

/* The clients' windows go on without a thread of their own. */
TEST_IN (budget, when_clients_have_left_there_is_no_limit_any_more)
{
  uint64_t arrival = rate_client_begin (&fx->m->rate);

  fx->m->config.resync_min = 10 * MIB;
  ck_assert_uint_eq (rate_copy_begin (fx->m, MIB), 0);
  ck_assert_int_eq (view ().why, RATE_FLOOR);
  rate_client_end (fx->m, CLIENT_READ, arrival);
  WAIT_FOR (view ().why == RATE_IDLE);
  ck_assert_uint_eq (view ().allowed, RATE_UNLIMITED);
}

static struct suite_group tests = {.setup = setup, .timeout = 60};

int
main (void)
{
  return suite_main ("rate");
}
