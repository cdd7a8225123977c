/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <assert.h>

#include "member-state.h"
#include "mirror-impl.h"
#include "scrub-forget.h"
#include "unstable.h"

static const char *const state_names[] = {
  [MEMBER_IN_SYNC] = "in-sync",     [MEMBER_RESYNCING] = "resyncing",
  [MEMBER_PROMOTING] = "resyncing", [MEMBER_FAILED] = "failed",
  [MEMBER_MISSING] = "missing",
};

static int
size_of (unsigned set)
{
  return __builtin_popcount (set);
}

static void
check_sets (const struct mirror *m)
{
  unsigned all = m->in_sync | m->resyncing | m->failed | m->missing;

  assert (all == m->configured);
  assert (size_of (m->in_sync) + size_of (m->resyncing) + size_of (m->failed) +
            size_of (m->missing) ==
          size_of (all));
  assert (m->in_sync & SLOT_BIT (m->primary));
  assert ((m->promoting & ~m->resyncing) == 0);
  assert (m->hold.legs == 0 || m->hold.legs == m->in_sync);
}

static void
state_put (struct mirror *m, unsigned slots, enum member_state state)
{
  m->in_sync &= ~slots;
  m->resyncing &= ~slots;
  m->promoting &= ~slots;
  m->failed &= ~slots;
  m->missing &= ~slots;

  switch (state) {
  case MEMBER_IN_SYNC:
    m->in_sync |= slots;
    break;
  case MEMBER_PROMOTING:
    m->promoting |= slots;
    m->resyncing |= slots;
    break;
  case MEMBER_RESYNCING:
    m->resyncing |= slots;
    break;
  case MEMBER_FAILED:
    m->failed |= slots;
    break;
  case MEMBER_MISSING:
    m->missing |= slots;
    break;
  }
  m->grow.equal &= m->in_sync;
}

void
member_states_init (struct mirror *m,
                    const enum member_state state[LOG_MAX_LEGS],
                    unsigned primary)
{
  FOR_EACH_SLOT (slot, m->configured)
    state_put (m, SLOT_BIT (slot), state[slot]);
  m->primary = primary;
  check_sets (m);
  unstable_choose_locked (m);
}

void
member_set_state_locked (struct mirror *m, unsigned slots,
                         enum member_state state)
{
  state_put (m, slots, state);
  assert (m->in_sync != 0);
  if (!(m->in_sync & SLOT_BIT (m->primary)))
    m->primary = (unsigned) __builtin_ctz (m->in_sync);
  check_sets (m);
  unstable_choose_locked (m);
}

void
member_add_locked (struct mirror *m, unsigned slot)
{
  m->configured |= SLOT_BIT (slot);
  state_put (m, SLOT_BIT (slot), MEMBER_MISSING);
  check_sets (m);
  unstable_choose_locked (m);
}

void
member_remove_locked (struct mirror *m, unsigned slot)
{
  assert ((m->failed | m->missing) & SLOT_BIT (slot));
  m->failed &= ~SLOT_BIT (slot);
  m->missing &= ~SLOT_BIT (slot);
  m->configured &= ~SLOT_BIT (slot);
  scrub_forget_leg_locked (m, slot);
  check_sets (m);
  unstable_choose_locked (m);
}

void
member_set_primary_locked (struct mirror *m, unsigned slot)
{
  m->primary = slot;
  check_sets (m);
}

static enum member_state
state_of (const struct mirror *m, unsigned slot)
{
  unsigned bit = SLOT_BIT (slot);

  if (m->missing & bit)
    return MEMBER_MISSING;
  if (((m->failed | m->hold.legs) & bit) ||
      atomic_load (&m->member[slot].leg->lost))
    return MEMBER_FAILED;
  return m->in_sync & bit ? MEMBER_IN_SYNC : MEMBER_RESYNCING;
}

const char *
member_state_name (const struct mirror *m, unsigned slot)
{
  enum member_state state = state_of (m, slot);

  if (state == MEMBER_RESYNCING &&
      (m->member[slot].stalls > 0 || m->resync.only_bad))
    return "stale";
  return state_names[state];
}
