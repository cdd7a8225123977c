/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "plan-newest.h"
#include "record-order.h"

bool
plan_record_is_data (const struct plan_input *in, unsigned leg)
{
  if (in->leg[leg].trailer == 0)
    return false;
  switch (in->log->found) {
  case LOG_FOUND_OURS:
  case LOG_FOUND_KERNEL_SINCE:
    return in->leg[leg].trailer < in->log->geo.size;
  case LOG_FOUND_NEW:
  case LOG_FOUND_DAMAGED:
    return in->config->leg_records == RECORDS_OFF;
  case LOG_FOUND_KERNEL:
    return true;
  }
  __builtin_unreachable ();
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
 * has not gone on since, but as a target: what line that was does not matter.
 */
static bool
left_and_stayed (const struct plan_input *in, const struct leg_record *newest,
                 const struct leg_record *r)
{
  const struct log_leg *leg = &in->record->leg[r->slot];

  return !record_same_id (newest->history, r->history) &&
         in->log->found == LOG_FOUND_OURS && leg->state == LOG_LEG_STALE &&
         r->generation <=
           (record_was_stale (r) ? in->record->generation : leg->generation);
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

static unsigned
in_sync_by_log (const struct plan_input *in)
{
  unsigned slots = 0;

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (in->record->leg[s].state == LOG_LEG_IN_SYNC)
      slots |= 1u << s;
  return slots;
}

bool
plan_is_elsewhere (const struct plan_input *in, unsigned leg)
{
  const struct leg_record *r = plan_record_of (in, leg, in->log->uuid);
  const struct log_leg *known = r ? &in->record->leg[r->slot] : NULL;

  return r && in->log->found == LOG_FOUND_OURS &&
         known->state == LOG_LEG_STALE && !record_was_stale (r) &&
         known->generation > 0 && r->generation > known->generation &&
         !(r->in_sync & in_sync_by_log (in));
}

/* ... though the newest record is of the log's line. */
static bool
has_other_line (const struct plan_input *in, const struct leg_record *newest)
{
  for (unsigned i = 0; i < in->nr_legs; ++i) {
    const struct leg_record *r = plan_record_of (in, i, newest->mirror);

    if (r && record_same_id (r->history, newest->history) &&
        plan_is_elsewhere (in, i))
      return true;
  }
  return false;
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
      return !plan_is_elsewhere (in, i) && has_other_line (in, r)
               ? PLAN_TWO_LINES
               : (int) i;
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
