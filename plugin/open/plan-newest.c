/* SPDX-License-Identifier: BSD-3-Clause */

/* All legs that are in use are written in one cycle, so those that are
 * in-sync have the same record, but for a crash within a cycle, which leaves
 * some of them one behind.  Heartbeats go to all of them, too.
 */

#include "config.h"

#include "plan-newest.h"
#include "record-order.h"

/* A leg may be late with its heartbeat: it, or the mirror, was busy; or it was
 * flushed, and answered nothing else.
 */
#define LATE_BEATS 12
#define LATE_MS 60000

bool
plan_record_is_data (const struct plan_input *in, unsigned leg)
{
  enum log_found found = in->log->found;

  return (found == LOG_FOUND_OURS || found == LOG_FOUND_KERNEL_SINCE) &&
         in->leg[leg].trailer > 0 && in->leg[leg].trailer < in->log->geo.size;
}

const struct leg_record *
plan_leg_record (const struct plan_input *in, unsigned leg)
{
  const struct plan_leg *pl = &in->leg[leg];

  if (!pl->leg || pl->record_verdict != RECORD_VALID ||
      plan_record_is_data (in, leg))
    return NULL;
  return &pl->record;
}

const struct leg_record *
plan_record_of (const struct plan_input *in, unsigned leg,
                const uint8_t mirror[RECORD_ID_SIZE])
{
  const struct leg_record *r = plan_leg_record (in, leg);

  return r && record_same_id (r->mirror, mirror) ? r : NULL;
}

/* Of another history than the newest, but the log knows when the leg left, and it
 * has not gone on since: what line that was does not matter.
 */
static bool
left_and_stayed (const struct plan_input *in, const struct leg_record *newest,
                 const struct leg_record *r)
{
  const struct log_leg *leg = &in->record->leg[r->slot];

  return !record_same_id (newest->history, r->history) &&
         in->log->found == LOG_FOUND_OURS && leg->state == LOG_LEG_STALE &&
         r->generation <= leg->generation;
}

static bool
knows_all (const struct plan_input *in, const struct leg_record *newest)
{
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_record *r = plan_record_of (in, i, newest->mirror);

    if (r && !record_knows (newest, r) && !left_and_stayed (in, newest, r))
      return false;
  }
  return true;
}

int
plan_find_newest (const struct plan_input *in,
                  const uint8_t mirror[RECORD_ID_SIZE])
{
  int found = PLAN_NO_RECORD;

  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_record *r = plan_record_of (in, i, mirror);

    if (!r)
      continue;
    if (knows_all (in, r))
      return (int) i;
    found = PLAN_TWO_LINES;
  }
  return found;
}

const struct leg_record *
plan_newest_record (const struct plan_input *in, const struct plan *plan)
{
  return plan->newest >= 0 ? plan_leg_record (in, (unsigned) plan->newest)
                           : NULL;
}

enum plan_says
plan_record_says (const struct plan_input *in, const struct plan *plan,
                  unsigned leg, unsigned slot)
{
  const struct leg_record *newest = plan_newest_record (in, plan);
  const struct leg_record *r =
    newest ? plan_record_of (in, leg, newest->mirror) : NULL;

  if (!r)
    return SAYS_NOTHING;
  if (r == newest)
    return r->slot == slot ? SAYS_YES : SAYS_NO;
  if (record_no_id (newest->legs[slot]))
    return SAYS_NOTHING;
  return record_same_id (newest->legs[slot], r->leg) ? SAYS_YES : SAYS_NO;
}

bool
plan_newest_in_sync (const struct plan_input *in, const struct plan *plan,
                     unsigned slot)
{
  const struct leg_record *newest = plan_newest_record (in, plan);

  return newest && (newest->in_sync >> slot & 1);
}

/* --- gone back in time --- */

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

static bool
is_long (const struct plan_input *in, uint64_t beats, uint32_t interval_ms)
{
  uint64_t patience_ms =
    (UINT64_C (1) * in->config->leg_timeout + in->config->flush_timeout) *
    1000;
  uint64_t allowed_ms = patience_ms > LATE_MS ? patience_ms : LATE_MS;

  return beats > LATE_BEATS && beats > allowed_ms / interval_ms;
}

static bool
beats_are_late (const struct plan_input *in, const struct plan *plan,
                const struct leg_beat *beat)
{
  uint64_t last = last_beat (in, plan, beat);
  uint64_t behind = last > beat->count ? last - beat->count : 0;

  return is_long (in, behind, beat->interval_ms);
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
         is_long (in, beat->count, beat->interval_ms);
}

/* More changes than a crash explains; none where all ended cleanly. */
static bool
record_is_late (const struct plan_input *in, const struct leg_record *newest,
                const struct leg_record *r)
{
  bool clean = (newest->flags & RECORD_CLEAN) &&
               in->log->found == LOG_FOUND_OURS && !in->log->unclean;

  return !record_same_id (newest->history, r->history) ||
         newest->sequence > r->sequence + (clean ? 0 : 1);
}

bool
plan_rolled_back (const struct plan_input *in, const struct plan *plan,
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
