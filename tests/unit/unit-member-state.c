/* SPDX-License-Identifier: BSD-3-Clause */

/* Which states legs can have. */

#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "cleanup.h"
#include "member-state.h"
#include "mirror-fixture.h"

#define NR_REGIONS 4
#define SHIFT 12

static struct fx *fx;

static void
setup (void)
{
  fx = fx_new (3, NR_REGIONS, SHIFT, 0);
}

static void
teardown (void)
{
  fx_free (fx);
}

static void
put (unsigned slots, enum member_state state)
{
  CLEANUP_LOCK (&fx->m->lock);
  member_set_state_locked (fx->m, slots, state);
}

static const char *
name_of (unsigned leg)
{
  CLEANUP_LOCK (&fx->m->lock);
  return member_state_name (fx->m, leg);
}

static unsigned
nr_sets (unsigned slot)
{
  const struct mirror *m = fx->m;

  return (m->in_sync >> slot & 1) + (m->resyncing >> slot & 1) +
         (m->failed >> slot & 1) + (m->missing >> slot & 1);
}

START_TEST (a_leg_is_in_just_one_set_on_every_way)
{
  static const struct {
    enum member_state state;
    const char *name;
  } way[] = {
    {MEMBER_FAILED, "failed"},       {MEMBER_RESYNCING, "resyncing"},
    {MEMBER_PROMOTING, "resyncing"}, {MEMBER_IN_SYNC, "in-sync"},
    {MEMBER_RESYNCING, "resyncing"}, {MEMBER_PROMOTING, "resyncing"},
    {MEMBER_FAILED, "failed"},       {MEMBER_MISSING, "missing"},
    {MEMBER_RESYNCING, "resyncing"}, {MEMBER_IN_SYNC, "in-sync"},
  };

  for (size_t i = 0; i < sizeof way / sizeof way[0]; ++i) {
    put (SLOT_BIT (1), way[i].state);
    ck_assert_uint_eq (nr_sets (1), 1);
    ck_assert_str_eq (name_of (1), way[i].name);
    ck_assert_uint_eq (fx->m->promoting,
                       way[i].state == MEMBER_PROMOTING ? SLOT_BIT (1) : 0);
    ck_assert_str_eq (name_of (2), "in-sync");
  }
}
END_TEST

START_TEST (no_leg_is_moved_by_an_empty_mask)
{
  put (0, MEMBER_FAILED);
  ck_assert_uint_eq (fx_in_sync (fx), 7);
}
END_TEST

START_TEST (another_leg_is_primary_when_the_primary_fails)
{
  put (SLOT_BIT (0), MEMBER_FAILED);
  ck_assert_uint_eq (fx->m->primary, 1);
  put (SLOT_BIT (2), MEMBER_FAILED);
  ck_assert_uint_eq (fx->m->primary, 1);
}
END_TEST

START_TEST (a_target_to_which_copies_fail_is_stale)
{
  put (SLOT_BIT (1), MEMBER_RESYNCING);
  fx->m->member[1].stalls = 1;
  ck_assert_str_eq (name_of (1), "stale");
}
END_TEST

START_TEST (a_lost_leg_has_failed_whatever_it_is)
{
  atomic_store (&fx->leg[0]->lost, true);
  ck_assert_str_eq (name_of (0), "failed");
  put (SLOT_BIT (0), MEMBER_MISSING);
  ck_assert_str_eq (name_of (0), "missing");
}
END_TEST

/* --- what must never be --- */

START_TEST (the_last_in_sync_leg_stays)
{
  put (7, MEMBER_FAILED);
}
END_TEST

START_TEST (a_slot_without_a_leg_has_no_state)
{
  put (SLOT_BIT (3), MEMBER_FAILED);
}
END_TEST

START_TEST (a_leg_that_is_not_in_sync_is_not_primary)
{
  put (SLOT_BIT (1), MEMBER_RESYNCING);
  member_set_primary_locked (fx->m, 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("member-state");
  TCase *can = tcase_create ("can");
  TCase *never = tcase_create ("never");
  SRunner *runner;
  int failed;

  tcase_add_checked_fixture (can, setup, teardown);
  tcase_add_test (can, a_leg_is_in_just_one_set_on_every_way);
  tcase_add_test (can, no_leg_is_moved_by_an_empty_mask);
  tcase_add_test (can, another_leg_is_primary_when_the_primary_fails);
  tcase_add_test (can, a_target_to_which_copies_fail_is_stale);
  tcase_add_test (can, a_lost_leg_has_failed_whatever_it_is);
  suite_add_tcase (suite, can);
  tcase_add_checked_fixture (never, setup, teardown);
  tcase_add_test_raise_signal (never, the_last_in_sync_leg_stays, SIGABRT);
  tcase_add_test_raise_signal (never, a_slot_without_a_leg_has_no_state,
                               SIGABRT);
  tcase_add_test_raise_signal (never, a_leg_that_is_not_in_sync_is_not_primary,
                               SIGABRT);
  suite_add_tcase (suite, never);
  runner = srunner_create (suite);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
