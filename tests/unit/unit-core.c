/* SPDX-License-Identifier: BSD-3-Clause */

/* The truth in memory, by way of log=core. */

#include "config.h"

#include <check.h>
#include <string.h>

#include "backend.h"
#include "deadline.h"
#include "log-life.h"
#include "suite.h"

#define NR 1000

static struct dirty_log *the_log;

static void
setup (void)
{
  const struct log_geometry geo = {
    .size = NR * (uint64_t) LOG_MIN_REGION_SIZE - 512,
    .region_size = LOG_MIN_REGION_SIZE,
    .nr_regions = NR,
  };
  const uint8_t id[LOG_ID_SIZE] = {7};

  the_log = dirty_log_open ("core", 0);
  ck_assert_ptr_nonnull (the_log);
  ck_assert_int_eq (the_log->info.found, LOG_FOUND_NEW);
  ck_assert_int_eq (dirty_log_create (the_log, &geo, 5), 0);
  for (unsigned s = 0; s < 3; ++s) {
    dirty_log_set_leg (the_log, s, 1, id, geo.size, "leg");
    ck_assert_int_eq (the_log->record.leg[s].state, LOG_LEG_STALE);
    ck_assert_uint_eq (the_log->missed[s].count, NR);
    dirty_log_set_region_sync (the_log, s, 0, NR, true);
    dirty_log_leg_in_sync (the_log, s);
  }
  ck_assert_uint_eq (dirty_log_get_sync_count (the_log), NR);
  ck_assert_int_eq (dirty_log_start (the_log), 0);
}

static void
teardown (void)
{
  dirty_log_close (the_log, NO_DEADLINE);
}

/* out_of_sync is the union, after whatever was done. */
static void
check_union (void)
{
  for (uint64_t r = 0; r < NR; ++r) {
    bool any = false;

    for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
      any |= bitset_test (&the_log->missed[s], r);
    ck_assert (bitset_test (&the_log->out_of_sync, r) == any);
  }
}

TEST (test_mark_and_clear)
{
  struct log_status status;

  dirty_log_mark (the_log, 3);
  dirty_log_mark (the_log, 3);
  dirty_log_mark (the_log, NR - 1);
  dirty_log_clear (the_log, 4);
  ck_assert (!dirty_log_is_clean (the_log, 3) &&
             dirty_log_is_clean (the_log, 4));
  dirty_log_clear (the_log, 3);
  ck_assert (dirty_log_is_clean (the_log, 3));
  ck_assert_int_eq (dirty_log_flush (the_log, NO_DEADLINE), 0);
  dirty_log_status (the_log, &status);
  ck_assert_uint_eq (status.counters.marks, 2);
  ck_assert_uint_eq (status.counters.clears, 1);
  ck_assert_uint_eq (status.marked, 1);
  ck_assert_uint_eq (status.out_of_sync, 0);
  ck_assert_str_eq (status.type, "core");
}

TEST (test_failed_leg_misses_marked_regions)
{
  dirty_log_mark (the_log, 1);
  dirty_log_mark (the_log, 2);
  dirty_log_mark (the_log, 640);
  dirty_log_leg_failed (the_log, 1);
  ck_assert_int_eq (the_log->record.leg[1].state, LOG_LEG_STALE);
  ck_assert_uint_eq (the_log->record.generation, 6);
  ck_assert_uint_eq (the_log->record.leg[0].generation, 6);
  ck_assert_uint_eq (the_log->record.leg[1].generation, 5);
  ck_assert_uint_eq (the_log->missed[1].count, 3);
  ck_assert (!dirty_log_in_sync (the_log, 1, 0, 2));
  ck_assert (dirty_log_in_sync (the_log, 1, 3, 637));
  ck_assert (dirty_log_in_sync (the_log, 0, 0, NR));
  ck_assert_uint_eq (dirty_log_get_sync_count (the_log), NR - 3);
  dirty_log_mark (the_log, 7);
  dirty_log_leg_failed (the_log, 1);
  ck_assert_uint_eq (the_log->record.generation, 6);
  ck_assert_uint_eq (the_log->missed[1].count, 4);
  check_union ();
}

TEST (test_missing_a_region_makes_stale)
{
  dirty_log_set_region_sync (the_log, 2, 100, 0, false);
  ck_assert_int_eq (the_log->record.leg[2].state, LOG_LEG_IN_SYNC);
  dirty_log_set_region_sync (the_log, 2, 100, 300, false);
  ck_assert_int_eq (the_log->record.leg[2].state, LOG_LEG_STALE);
  ck_assert_uint_eq (the_log->record.generation, 6);
  dirty_log_set_region_sync (the_log, 0, 390, 20, false);
  dirty_log_set_region_sync (the_log, 2, 100, 299, true);
  ck_assert_uint_eq (dirty_log_get_sync_count (the_log), NR - 20);
  check_union ();
  dirty_log_set_region_sync (the_log, 2, 399, 1, true);
  dirty_log_leg_in_sync (the_log, 2);
  ck_assert_uint_eq (the_log->record.leg[2].generation,
                     the_log->record.generation);
  check_union ();
}

TEST (test_remove_leg)
{
  dirty_log_set_region_sync (the_log, 2, 0, 10, false);
  dirty_log_remove_leg (the_log, 2);
  ck_assert_int_eq (the_log->record.leg[2].state, LOG_LEG_NONE);
  ck_assert_uint_eq (dirty_log_get_sync_count (the_log), NR);
  dirty_log_remove_leg (the_log, 1);
  ck_assert_uint_eq (the_log->record.generation, 7);
}

static void
expect_work (unsigned slots, uint64_t from, uint64_t max, uint64_t want_first,
             uint64_t want_nr)
{
  uint64_t first, nr;

  ck_assert (dirty_log_get_resync_work (the_log, slots, from, max, &first,
                                        &nr));
  ck_assert_uint_eq (first, want_first);
  ck_assert_uint_eq (nr, want_nr);
}

TEST (test_resync_work)
{
  uint64_t first, nr;

  dirty_log_set_region_sync (the_log, 1, 60, 200, false);
  dirty_log_set_region_sync (the_log, 2, 250, 20, false);
  dirty_log_set_region_sync (the_log, 2, NR - 1, 1, false);
  expect_work (1u << 1, 0, 10, 60, 10);
  expect_work (1u << 1, 0, 10, 70, 10);
  expect_work (1u << 2, 0, 100, 250, 20);
  expect_work (1u << 1 | 1u << 2, 0, 1000, 80, 170);
  expect_work (1u << 1 | 1u << 2, 0, 1000, NR - 1, 1);
  ck_assert (!dirty_log_get_resync_work (the_log, 6, 0, 1, &first, &nr));
  dirty_log_put_resync_work (the_log, 60, 10);
  expect_work (1u << 1 | 1u << 2, 5, UINT64_MAX, 60, 10);
  ck_assert (!dirty_log_get_resync_work (the_log, 1, 0, 1, &first, &nr));
  dirty_log_put_resync_work (the_log, 0, NR);
  ck_assert (!dirty_log_get_resync_work (the_log, 2, 260, 9, &first, &nr));
  ck_assert (!dirty_log_get_resync_work (the_log, 2, NR + 9, 9, &first, &nr));
}

TEST (test_grow)
{
  dirty_log_mark (the_log, NR - 1);
  dirty_log_set_region_sync (the_log, 1, 5, 1, false);
  ck_assert_int_eq (dirty_log_grow (the_log,
                                    3 * NR * (uint64_t) LOG_MIN_REGION_SIZE,
                                    0),
                    0);
  ck_assert_uint_eq (the_log->info.geo.nr_regions, 3 * NR);
  ck_assert (!dirty_log_is_clean (the_log, NR - 1));
  ck_assert (dirty_log_is_clean (the_log, NR));
  ck_assert (!dirty_log_in_sync (the_log, 1, 0, 3 * NR));
  ck_assert (dirty_log_in_sync (the_log, 1, 6, 3 * NR - 6));
}

TEST (test_generation_and_primary)
{
  struct log_status status;

  dirty_log_set_generation (the_log, 50);
  dirty_log_set_primary (the_log, 2);
  dirty_log_status (the_log, &status);
  ck_assert_uint_eq (status.generation, 50);
  ck_assert_uint_eq (status.primary, 2);
  ck_assert_uint_eq (the_log->record.leg[0].generation, 50);
}

static void
recent_begins (unsigned nr, const uint64_t *region)
{
  struct log_recent recent;

  dirty_log_get_recent (the_log, &recent);
  ck_assert_uint_ge (recent.nr, nr);
  for (unsigned i = 0; i < nr; ++i)
    ck_assert_uint_eq (recent.region[i], region[i]);
}

TEST (test_recent_has_each_region_once_the_last_one_first)
{
  ck_assert_uint_eq (the_log->recent.nr, 0);
  dirty_log_mark_run (the_log, 10, 3);
  ck_assert_uint_eq (the_log->recent.nr, 0);
  dirty_log_clear (the_log, 10);
  dirty_log_clear (the_log, 12);
  dirty_log_clear (the_log, 11);
  recent_begins (3, (uint64_t[]){11, 12, 10});
  dirty_log_clear (the_log, 10); /* has no mark */
  ck_assert_uint_eq (the_log->recent.nr, 3);
  recent_begins (3, (uint64_t[]){11, 12, 10});
  dirty_log_mark (the_log, 12);
  dirty_log_clear (the_log, 12);
  recent_begins (3, (uint64_t[]){12, 11, 10});
}

/* When the leg that misses them is back, what is old tells of it. */
TEST (test_recent_keeps_some_that_no_leg_misses)
{
  dirty_log_mark_run (the_log, 0, 20);
  dirty_log_clear_run (the_log, 0, 20);
  dirty_log_set_region_sync (the_log, 1, 100, 200, false);
  dirty_log_mark_run (the_log, 100, 200);
  for (uint64_t r = 100; r < 300; ++r)
    dirty_log_clear (the_log, r);
  recent_begins (16, (uint64_t[]){19, 18, 17, 16, 15, 14, 13, 12, 299, 298,
                                  297, 296, 295, 294, 293, 292});
  dirty_log_mark (the_log, 13);
  dirty_log_clear (the_log, 13);
  recent_begins (3, (uint64_t[]){13, 19, 18});
}

TEST (test_recent_forgets_the_oldest)
{
  uint64_t expected[LOG_NR_RECENT];

  dirty_log_mark_run (the_log, 0, 500);
  dirty_log_clear (the_log, 499);
  dirty_log_clear_run (the_log, 0, 400);
  for (unsigned i = 0; i < LOG_NR_RECENT; ++i)
    expected[i] = 399 - i;
  recent_begins (LOG_NR_RECENT, expected);
  dirty_log_clear (the_log, 450);
  memmove (expected + 1, expected, sizeof expected - sizeof expected[0]);
  expected[0] = 450;
  recent_begins (LOG_NR_RECENT, expected);
}

TEST (test_specifications)
{
  const char *wrong[] = {
    "", "cores", "core:x", "disk", "disk:", "disk:not/absolute", "tape:/x",
  };

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i)
    ck_assert_ptr_null (dirty_log_open (wrong[i], 0));
  dirty_log_close (NULL, 0);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
};

int
main (void)
{
  return suite_main ("log in memory");
}
