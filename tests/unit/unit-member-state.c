/* SPDX-License-Identifier: BSD-3-Clause */

/* Which states legs can have. */

#include "config.h"

#include <signal.h>

#include "cleanup.h"
#include "member-state.h"
#include "mirror-fixture.h"
#include "suite.h"

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

TEST (a_leg_is_in_just_one_set_on_every_way)
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

TEST (no_leg_is_moved_by_an_empty_mask)
{
  put (0, MEMBER_FAILED);
  ck_assert_uint_eq (fx_in_sync (fx), 7);
}

TEST (another_leg_is_primary_when_the_primary_fails)
{
  put (SLOT_BIT (0), MEMBER_FAILED);
  ck_assert_uint_eq (fx->m->primary, 1);
  put (SLOT_BIT (2), MEMBER_FAILED);
  ck_assert_uint_eq (fx->m->primary, 1);
}

TEST (a_target_to_which_copies_fail_is_stale)
{
  put (SLOT_BIT (1), MEMBER_RESYNCING);
  fx->m->member[1].stalls = 1;
  ck_assert_str_eq (name_of (1), "stale");
}

TEST (a_lost_leg_has_failed_whatever_it_is)
{
  atomic_store (&fx->leg[0]->lost, true);
  ck_assert_str_eq (name_of (0), "failed");
  put (SLOT_BIT (0), MEMBER_MISSING);
  ck_assert_str_eq (name_of (0), "missing");
}

/* --- what must never be --- */

SIGNAL_TEST (the_last_in_sync_leg_stays, SIGABRT)
{
  put (7, MEMBER_FAILED);
}

SIGNAL_TEST (a_slot_without_a_leg_has_no_state, SIGABRT)
{
  put (SLOT_BIT (3), MEMBER_FAILED);
}

SIGNAL_TEST (a_leg_that_is_not_in_sync_is_not_primary, SIGABRT)
{
  put (SLOT_BIT (1), MEMBER_RESYNCING);
  member_set_primary_locked (fx->m, 1);
}

static struct suite_group tests = {
  .setup = setup,
  .teardown = teardown,
};

int
main (void)
{
  return suite_main ("member-state");
}
