/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>

#include "hold.h"
#include "mirror-impl.h"
#include "verdict.h"
#include "watch.h"

static void because (struct mirror_status *st, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

static void
because (struct mirror_status *st, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  vsnprintf (st->reason, sizeof st->reason, fmt, args);
  va_end (args);
}

static bool
is_lost (const struct mirror *m, unsigned slot)
{
  return atomic_load (&m->member[slot].leg->lost);
}

static unsigned
reachable (const struct mirror *m)
{
  unsigned legs = m->in_sync;

  FOR_EACH_SLOT (slot, m->in_sync)
    if (is_lost (m, slot) || (m->hold.legs & SLOT_BIT (slot)))
      legs &= ~SLOT_BIT (slot);
  return legs;
}

/* Nothing is safe in a leg that can't flush. */
static bool
can_flush (const struct mirror *m, unsigned legs)
{
  FOR_EACH_SLOT (slot, legs)
    if (atomic_load (&m->member[slot].leg->flush_error) == 0)
      return true;
  return false;
}

/* Requests wait until the last leg that has all data is back. */
static bool
is_held (const struct mirror *m)
{
  return m->hold.legs && !hold_is_over_locked (m);
}

static void
explain_away (const struct mirror *m, struct mirror_status *st)
{
  char why[LEG_ERROR_SIZE + 64];

  hold_reason_locked (m, why, sizeof why);
  because (st, "no leg that has all data can be reached%s%s",
           why[0] ? ": " : "", why);
}

/* True if it does not serve as it should. */
static bool
has_failed (const struct mirror *m, const struct log_status *ls,
            struct mirror_status *st)
{
  unsigned legs = reachable (m);

  if (ls->lost)
    because (st, "the log is lost, so nothing is served any more: %s",
             ls->last_error);
  else if (!dirty_log_valid (m->log))
    because (st,
             "the lease of the log is over, so nothing is served until "
             "its server answers: %s",
             ls->last_error);
  else if (is_held (m))
    return false;
  else if (!legs)
    explain_away (m, st);
  else if (!can_flush (m, legs))
    because (st, "the last leg that has all data could not flush, so nothing "
                 "that is written is safe");
  else
    return false;
  return true;
}

/* A leg that counts would not be found by a start. */
static bool
is_astray (const struct mirror *m)
{
  FOR_EACH_SLOT (slot, writing_set (m))
    if (m->member[slot].place != LEG_IN_PLACE)
      return true;
  return false;
}

/* The leg that has not answered for longest, or -1. */
static int
hanging (const struct mirror *m)
{
  unsigned longest = 0;
  int slow = -1;

  FOR_EACH_SLOT (slot, m->configured)
    if (watch_no_answer (m, slot) > longest) {
      longest = watch_no_answer (m, slot);
      slow = (int) slot;
    }
  return slow;
}

/* A leg that is slow, or -1. */
static int
slow_leg (const struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->in_sync)
    if (m->member[slot].slow.is_slow)
      return (int) slot;
  return -1;
}

static void
explain_slow (const struct mirror *m, struct mirror_status *st)
{
  int slot = slow_leg (m);
  char why[LEG_ERROR_SIZE];

  if (slot == -1)
    return;
  slow_reason_locked (m, (unsigned) slot, why, sizeof why);
  because (st, "leg %u is slow: %s", m->member[slot].index, why);
}

static void
explain (const struct mirror *m, const struct log_status *ls,
         struct mirror_status *st)
{
  int slow = hanging (m);

  if (slow != -1)
    because (st, "leg %u has not answered for %u seconds",
             m->member[slow].index, watch_no_answer (m, (unsigned) slow));
  else if (ls->disconnected)
    because (st, "the log server can't be reached: %s", ls->last_error);
  else if (ls->misplaced)
    because (st, "a start would not find the log: %s", ls->last_error);
  else if (ls->failed)
    because (st, "the log can't be written: %s", ls->last_error);
  else if (m->failed | m->missing)
    because (st, "legs that are out of use: %d",
             __builtin_popcount (m->failed | m->missing));
  else if (is_astray (m))
    because (st, "a start would not find all legs: see their last errors");
  else if (m->resyncing)
    because (st, "legs that still lack data: %d",
             __builtin_popcount (m->resyncing));
  else
    explain_slow (m, st);
}

void
verdict (const struct mirror *m, const struct log_status *ls,
         struct mirror_status *st)
{
  if (has_failed (m, ls, st)) {
    st->state = "failed";
    return;
  }
  if (is_held (m)) {
    st->state = "held";
    explain_away (m, st);
    return;
  }
  if ((m->failed | m->missing) || is_astray (m) || ls->misplaced)
    st->state = "degraded";
  else
    st->state = m->resyncing ? "resyncing" : "in-sync";
  explain (m, ls, st);
}

const char *
verdict_returns (const struct mirror *m, unsigned slot)
{
  const struct member *member = &m->member[slot];

  if (m->hold.legs & SLOT_BIT (slot))
    return "awaited";
  if (m->in_sync == SLOT_BIT (slot) && is_lost (m, slot))
    return "restart";
  if (!((m->failed | m->missing) & SLOT_BIT (slot)))
    return "";
  if (!member->leg)
    return "not-named";
  if (member->parked)
    return "attach";
  return member->refused ? "refused" : "itself";
}
