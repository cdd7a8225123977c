/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "cleanup.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "msg.h"
#include "promote.h"

/* m->lock is held. */
static unsigned
complete_locked (struct mirror *m, unsigned slots)
{
  FOR_EACH_SLOT (slot, slots)
    if (!dirty_log_in_sync (m->log, slot, 0, m->nr_regions))
      slots &= ~SLOT_BIT (slot);
  return slots;
}

/* Step 1. */
static unsigned
take_down (struct mirror *m, struct records_state *state)
{
  CLEANUP_LOCK (&m->lock);
  unsigned ready = complete_locked (m, m->resyncing);

  if (m->hold.legs)
    return 0;
  member_set_state_locked (m, m->promoting & ~ready, MEMBER_RESYNCING);
  member_set_state_locked (m, ready, MEMBER_PROMOTING);
  m->joined &= ready;
  if (ready)
    records_take_locked (m, ready, state);
  return ready;
}

/* Step 2, in memory.  False if a state was taken down since, which does not name
 * them and may be written after theirs.
 */
static bool
enter_log (struct mirror *m, unsigned ready, const struct records_state *state)
{
  CLEANUP_LOCK (&m->lock);

  if (m->hold.legs || m->records.states != state->number ||
      (ready & ~complete_locked (m, m->promoting)))
    return false;
  FOR_EACH_SLOT (slot, ready)
    dirty_log_leg_in_sync (m->log, slot);
  m->joined = ready;
  return true;
}

/* Step 3: those to which nothing happened.  Who was not in-sync does not take the
 * place of the last leg that was, and is away (hold.h): the next round does it.
 */
static unsigned
announce (struct mirror *m, unsigned ready)
{
  CLEANUP_LOCK (&m->lock);

  if (m->hold.legs)
    return 0;
  ready = complete_locked (m, ready & m->promoting);
  FOR_EACH_SLOT (slot, ready)
    m->member[slot].stall_reported = false;
  member_set_state_locked (m, m->promoting & ~ready, MEMBER_RESYNCING);
  member_set_state_locked (m, ready, MEMBER_IN_SYNC);
  m->joined = 0;
  pthread_cond_broadcast (&m->cond);
  return ready;
}

void
promote (struct mirror *m, uint64_t deadline)
{
  struct records_state state;
  unsigned ready = take_down (m, &state);

  if (!ready || dirty_log_flush (m->log, deadline) == -1 ||
      records_write (m, &state, ready) == -1 ||
      !enter_log (m, ready, &state) ||
      dirty_log_commit (m->log, deadline) == -1)
    return;
  ready = announce (m, ready);
  FOR_EACH_SLOT (slot, ready)
    msg_note ("leg %s: is in-sync now", m->member[slot].name);
}
