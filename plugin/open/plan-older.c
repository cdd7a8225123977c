/* SPDX-License-Identifier: BSD-3-Clause */

/* All legs that are in use are written in one cycle, so those that are
 * in-sync have the same record, but for a crash within a cycle, which leaves
 * some of them one behind.  Heartbeats go to all of them, too.
 */

#include "config.h"

#include <string.h>

#include "plan-content.h"
#include "plan-newest.h"
#include "plan-older.h"
#include "plan-verdict.h"
#include "probe.h"
#include "record-order.h"

static const struct leg_beat *
beat_of (const struct plan_input *in, unsigned leg)
{
  const struct plan_leg *pl = &in->leg[leg];

  return plan_leg_record (in, leg) && pl->has_beat &&
             record_same_id (pl->beat.mirror, pl->record.mirror)
           ? &pl->beat
           : NULL;
}

/* The highest count of the session on a leg that was in-sync to the end. */
static uint64_t
last_beat (const struct plan_input *in, const struct plan *plan,
           const struct leg_beat *beat)
{
  uint64_t last = 0;

  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_beat *other = beat_of (in, i);

    if (other && record_same_id (other->session, beat->session) &&
        plan_newest_in_sync (in, plan, in->leg[i].record.slot) &&
        other->count > last)
      last = other->count;
  }
  return last;
}

/* A leg that is flushed may answer nothing else. */
static uint64_t
patience_ms (const struct plan_input *in)
{
  return (UINT64_C (1) * in->config->leg_timeout + in->config->flush_timeout) *
         1000;
}

static bool
beats_are_late (const struct plan_input *in, const struct plan *plan,
                const struct leg_beat *beat)
{
  uint64_t last = last_beat (in, plan, beat);
  uint64_t behind = last > beat->count ? last - beat->count : 0;

  return record_beats_are_many (behind, beat->interval_ms, patience_ms (in));
}

/* The run of the mirror that wrote the newest record was on this leg, too. */
static bool
was_in_last_run (const struct plan_input *in, const struct plan *plan,
                 const struct leg_beat *beat)
{
  const struct leg_beat *newest = beat_of (in, (unsigned) plan->newest);

  return newest && record_same_id (newest->session, beat->session);
}

/* A run begins with a change and then a heartbeat on each leg that is in-sync, and
 * so does the return of a leg: who lacks the change and, long after it, the beat,
 * was not in that run, though the newest record says so.
 */
static bool
misses_last_run (const struct plan_input *in, const struct plan *plan,
                 const struct leg_record *newest, const struct leg_record *r)
{
  const struct leg_beat *beat = beat_of (in, (unsigned) plan->newest);

  return beat && !record_knows (r, newest) &&
         record_beats_are_many (beat->count, beat->interval_ms,
                                patience_ms (in));
}

/* All who were in-sync have the same record. */
static bool
ended_cleanly (const struct plan_input *in, const struct leg_record *newest)
{
  return (newest->flags & RECORD_CLEAN) && in->log->found == LOG_FOUND_OURS &&
         !in->log->unclean;
}

/* More changes than a crash explains; none where all ended cleanly.  Starts that are
 * cut off one after the other explain more, which only what the leg has for certain
 * tells.
 */
static bool
record_is_late (const struct plan_input *in, const struct leg_record *newest,
                const struct leg_record *r)
{
  bool clean = ended_cleanly (in, newest);

  if (!clean && newest->had[r->slot].sequence > 0)
    return !record_same_id (newest->history, r->history); /* has_less knows */
  return !record_same_id (newest->history, r->history) ||
         newest->sequence > r->sequence + (clean ? 0 : 1);
}

/* A leg that the newest record calls in-sync has a record that is older than a
 * crash can leave it.
 */
static bool
was_rolled_back (const struct plan_input *in, const struct plan *plan,
                 unsigned leg)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  const struct leg_record *r =
    newest ? plan_record_of (in, leg, newest->mirror) : NULL;
  const struct leg_beat *beat = beat_of (in, leg);

  if (!r || r == newest)
    return false;
  if (beat && was_in_last_run (in, plan, beat)) {
    if (beats_are_late (in, plan, beat))
      return true;
    if (!(newest->flags & RECORD_CLEAN)) /* it had just become in-sync */
      return false;
  }
  else if (beat && misses_last_run (in, plan, newest, r))
    return true;
  return record_is_late (in, newest, r);
}

/* The leg in the slot, which is here, has less than it had for certain. */
static bool
has_less (const struct plan_input *in, const struct plan *plan, unsigned slot)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  unsigned leg = (unsigned) plan->slot[slot].leg;

  return newest && plan_record_says (in, plan, leg, slot) == SAYS_YES &&
         record_is_older (plan_leg_record (in, leg), beat_of (in, leg),
                          &newest->had[slot], patience_ms (in));
}

/* --- legs that were in-sync --- */

static void
refuse_rolled_back (const struct plan_input *in, struct plan *plan,
                    unsigned slot)
{
  unsigned leg = (unsigned) plan->slot[slot].leg;

  plan->slot[slot].miss = MISS_ALL;
  plan_refuse (plan,
               "%sleg %s: was rolled back: its record is older than that of "
               "leg %s, by which both hold the same; make it empty, or start "
               "with \"missing\" in its place; see How to replace a leg in "
               "nbdkit-mirror-plugin(1)",
               plan->refuse ? "; " : "", in->leg[leg].name,
               in->leg[plan->newest].name);
  if (in->leg[leg].leg->kind == LEG_FILE)
    plan_refuse (plan,
                 " (its record is in %s.mirrorleg; if it had another name "
                 "meanwhile, the right one is beside that)",
                 in->leg[leg].name);
}

static int
look_at_slot (const struct plan_input *in, struct plan *plan, unsigned slot)
{
  const struct plan_slot *ps = &plan->slot[slot];
  int empty;

  if (!ps->here || in->record->leg[slot].state != LOG_LEG_IN_SYNC ||
      !plan_newest_in_sync (in, plan, slot) ||
      !(was_rolled_back (in, plan, (unsigned) ps->leg) ||
        has_less (in, plan, slot)))
    return 0;
  empty = in->empty (in, (unsigned) ps->leg, plan->geo.size);
  if (empty == -1)
    return -1;
  if (empty == PROBE_YES)
    return plan_leg_is_empty (in, plan, slot);
  refuse_rolled_back (in, plan, slot);
  return 0;
}

int
plan_refuse_rolled_back (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (look_at_slot (in, plan, s) == -1)
      return -1;
  return 0;
}

/* --- legs that were out --- */

static bool
is_stale (const struct plan_input *in, const struct plan *plan, unsigned slot)
{
  return plan->slot[slot].here && !plan->slot[slot].fresh &&
         in->record->leg[slot].state == LOG_LEG_STALE;
}

void
plan_older_legs (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (is_stale (in, plan, s) && has_less (in, plan, s)) {
      plan->slot[s].miss = MISS_ALL;
      plan_note (plan,
                 "leg %s: was rolled back while it was out, for it had a "
                 "later record: will get a full copy\n",
                 in->leg[plan->slot[s].leg].name);
    }
}

/* By the newest record the leg in the slot, which is here, had one, too. */
static bool
lacks_record (const struct plan_input *in, const struct plan *plan,
              unsigned slot)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  const struct plan_slot *ps = &plan->slot[slot];

  return newest && ps->here && !ps->fresh && newest->had[slot].sequence > 0 &&
         !record_no_id (newest->legs[slot]) &&
         !plan_leg_record (in, (unsigned) ps->leg);
}

/* A file that was renamed has left its record behind; otherwise it may have been rolled
 * back to before it had one.
 */
static bool
was_renamed (const struct plan_input *in, const struct leg *leg, unsigned slot)
{
  return leg->kind == LEG_FILE &&
         strcmp (leg->name, in->record->leg[slot].name) != 0;
}

static void
look_at_bare_leg (const struct plan_input *in, struct plan *plan,
                  unsigned slot)
{
  const struct leg *leg = in->leg[plan->slot[slot].leg].leg;
  bool stale = is_stale (in, plan, slot) && !was_renamed (in, leg, slot);

  plan_note (plan, "leg %s: has no record any more (%s%s)%s\n", leg->name,
             leg->kind == LEG_FILE ? leg->name : "at its end",
             leg->kind == LEG_FILE ? ".mirrorleg" : "",
             stale ? ", and may have been rolled back while it was out: will "
                     "get a full copy"
                   : ": the log alone says what it holds");
  if (stale)
    plan->slot[slot].miss = MISS_ALL;
}

void
plan_bare_legs (const struct plan_input *in, struct plan *plan)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (lacks_record (in, plan, s) && plan->slot[s].miss != MISS_ALL)
      look_at_bare_leg (in, plan, s);
}

/* --- what goes on --- */

/* It was in-sync to the end. */
static void
had_to_the_end (const struct plan_input *in, const struct plan *plan,
                struct record_had *had)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  const struct leg_beat *beat = beat_of (in, (unsigned) plan->newest);

  if (ended_cleanly (in, newest))
    had->sequence = newest->sequence;
  if (!beat)
    return;
  memcpy (had->session, beat->session, RECORD_ID_SIZE);
  had->count = beat->count;
}

void
plan_had (const struct plan_input *in, const struct plan *plan, unsigned slot,
          struct record_had *had)
{
  *had = plan_newest_record (in, plan)->had[slot];
  if (plan_newest_in_sync (in, plan, slot))
    had_to_the_end (in, plan, had);
}
