/* SPDX-License-Identifier: BSD-3-Clause */

/* The newest record stands in for the log: who is configured, who was in-sync,
 * who was primary.  What it can't say is which regions differ, so unless all
 * ended cleanly everything is copied.
 */

#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "lost-source.h"
#include "plan-content.h"
#include "plan-geometry.h"
#include "plan-lost.h"
#include "plan-match.h"
#include "plan-new.h"
#include "plan-newest.h"
#include "plan-records.h"
#include "plan-verdict.h"
#include "probe.h"
#include "utf8.h"

/* --- the legs that are here --- */

/* A leg under the name of a recorded one, without a record: empty it is a new
 * one.
 */
static int
look_at_unseen (struct lost *l, unsigned slot)
{
  struct plan_slot *ps = &l->plan->slot[slot];
  int empty;

  empty = l->in.empty (&l->in, (unsigned) ps->leg, l->plan->geo.size);
  if (empty == PROBE_YES || !lost_may_vouch (l, slot))
    ps->miss = MISS_ALL;
  if (empty == PROBE_YES) {
    ps->fresh = true;
    plan_note (l->plan, "leg %s: is empty, will get a full copy\n",
               l->in.leg[ps->leg].name);
  }
  return empty == -1 ? -1 : 0;
}

/* A leg that can't have a record may have another name by now: then it is the
 * one in the place of that slot.
 */
static void
match_by_place (struct lost *l)
{
  for (unsigned s = 0; s < l->in.nr_legs; ++s)
    if (lost_never_recorded (l, s) && lost_in_sync (l, s) &&
        l->plan->slot[s].leg == -1 && l->in.leg[s].leg &&
        !plan_assigned (l->plan, s) && !plan_leg_record (&l->in, s))
      plan_assign (&l->in, l->plan, s, s);
}

/* It goes into the log, and all messages; one that would break them is forgotten. */
static const char *
name_of (const struct lost *l, unsigned slot)
{
  const char *name = l->asked->leg[l->plan->newest].record.name[slot];
  char line[RECORD_NAME_SIZE + 4];

  utf8_copy_line (line, sizeof line, name);
  return strcmp (line, name) == 0 ? name : "";
}

static int
match (struct lost *l)
{
  plan_match_records (&l->in, l->plan);
  match_by_place (l);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    struct plan_slot *ps = &l->plan->slot[s];

    if (!ps->configured)
      continue;
    ps->name = name_of (l, s);
    if (!ps->here || !lost_in_sync (l, s))
      ps->miss = MISS_ALL;
    if (ps->here && !lost_seen (l, s) && look_at_unseen (l, s) == -1)
      return -1;
  }
  return 0;
}

/* --- the others --- */

static int
refuse_data (struct lost *l, unsigned leg)
{
  return plan_refuse (l->plan,
                      "leg %s: holds data and has no record that says it is "
                      "a leg of this mirror, whose log was %s; check the "
                      "name, or make it empty, or give sync=force to "
                      "overwrite it with leg %s",
                      l->in.leg[leg].name, l->newest->log_name,
                      l->in.leg[l->plan->slot[l->plan->source].leg].name);
}

static int
place_unknown_leg (struct lost *l, unsigned leg)
{
  int empty;

  if (!l->in.leg[leg].leg)
    return plan_refuse (l->plan,
                        "leg %s: can't be opened and is not in the legs' "
                        "records; write \"missing\" for a leg to be added "
                        "later",
                        l->in.leg[leg].name);
  if (plan_leg_record (&l->in, leg))
    return plan_refuse (l->plan,
                        "leg %s: was a leg of this mirror, and is none any "
                        "more by the record of leg %s; make it empty, its "
                        "record as well",
                        l->in.leg[leg].name, l->in.leg[l->plan->newest].name);
  empty = l->in.empty (&l->in, leg, l->plan->geo.size);
  if (empty == -1)
    return -1;
  if (empty == PROBE_YES || l->in.config->sync == SYNC_FORCE)
    return plan_take_new_leg (&l->in, l->plan, leg);
  return refuse_data (l, leg);
}

static int
place_unknown_legs (struct lost *l)
{
  for (unsigned i = 0; i < l->in.nr_legs && !l->plan->refuse; ++i)
    if (!l->in.leg[i].missing && !plan_assigned (l->plan, i) &&
        place_unknown_leg (l, i) == -1)
      return -1;
  return 0;
}

/* It is the very object that the older copy of the log has in this place. */
static bool
old_log_knows (const struct lost *l, unsigned slot)
{
  return plan_recorded (l->asked, slot) &&
         plan_same_id (l->asked, (unsigned) l->plan->slot[slot].leg, slot);
}

/* The user says that it holds the same, or that it may be overwritten. */
static bool
is_vouched (const struct lost *l, unsigned slot)
{
  if (l->in.config->sync == SYNC_NONE)
    return lost_may_vouch (l, slot) && l->plan->others_miss != MISS_ALL;
  return l->in.config->sync == SYNC_FORCE;
}

/* Legs under a recorded name, with data and without a record. */
static void
check_unseen (struct lost *l)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS && !l->plan->refuse; ++s) {
    const struct plan_slot *ps = &l->plan->slot[s];

    if (s != l->plan->source && ps->here && !ps->fresh && !lost_seen (l, s) &&
        !old_log_knows (l, s) && !is_vouched (l, s) &&
        !lost_needs_no_word (l, s))
      refuse_data (l, (unsigned) ps->leg);
  }
}

static int
plan_others (struct lost *l)
{
  check_unseen (l);
  if (!l->plan->refuse && place_unknown_legs (l) == -1)
    return -1;
  plan_place_missing_words (&l->in, l->plan);
  if (l->plan->refuse || l->plan->others_miss == MISS_ALL ||
      l->in.config->sync == SYNC_NONE)
    return 0;
  return plan_check_contents (&l->in, l->plan);
}

/* --- what is said --- */

/* Older than what the legs know. */
static void
note_older (struct lost *l, const char *leg)
{
  const struct plan_input *in = l->asked;
  int beat = plan_later_beat (in);

  if (plan_is_elsewhere (in, (unsigned) l->plan->newest))
    plan_note (l->plan,
               "log %s: is an older copy, by which leg %s had left when it "
               "was in-sync; it is made anew from its record\n",
               in->log->name, leg);
  else if (l->newest->generation > in->record->generation)
    plan_note (l->plan,
               "log %s: is an older copy (generation %" PRIu64 "); it is made "
               "anew from the record of leg %s (generation %" PRIu64 ")\n",
               in->log->name, in->record->generation, leg,
               l->newest->generation);
  else if (beat != -1)
    plan_note (l->plan,
               "log %s: is an older copy, the heartbeat on leg %s has seen a "
               "later one; it is made anew from the record of leg %s\n",
               in->log->name, in->leg[beat].name, leg);
  else
    plan_note (l->plan,
               "log %s: is an older copy, from a clean end since which the "
               "mirror has begun again; it is made anew from the record of "
               "leg %s\n",
               in->log->name, leg);
}

static void
note_why (struct lost *l)
{
  const struct plan_input *in = l->asked;
  const char *leg = in->leg[l->plan->newest].name;

  if (lost_is_core (l))
    return;
  if (in->log->found == LOG_FOUND_NEW)
    plan_note (l->plan,
               "log %s: is new, and made from the record of leg %s (its log "
               "was %s, generation %" PRIu64 ")\n",
               in->log->name, leg, l->newest->log_name, l->newest->generation);
  else if (l->two_lines)
    plan_note (
      l->plan,
      "log %s: is made anew from the record of leg %s, with which the "
      "mirror goes on\n",
      in->log->name, leg);
  else if (plan_nobody_in_sync (in))
    plan_note (l->plan,
               "log %s: calls no leg in-sync, as a start that is cut off may "
               "leave it; it is made anew from the record of leg %s\n",
               in->log->name, leg);
  else
    note_older (l, leg);
}

static void
note_copy (struct lost *l)
{
  const char *source = l->in.leg[l->plan->slot[l->plan->source].leg].name;

  if (l->plan->others_miss != MISS_ALL)
    plan_note (l->plan,
               "log %s: legs in-sync by that record hold the same, nothing is "
               "copied to them\n",
               lost_log_name (l));
  else if (!lost_is_core (l))
    plan_note (l->plan,
               "log %s: where the legs differ is not known, so EVERYTHING is "
               "copied from leg %s\n",
               lost_log_name (l), source);
  else if (l->plan->slot[l->plan->source].leg != 0)
    plan_note (l->plan,
               "log core: everything is copied from leg %s, by the record of "
               "leg %s\n",
               source, l->in.leg[l->plan->newest].name);
}

static void
note_stale (struct lost *l)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (l->plan->slot[s].here && s != l->plan->source && lost_seen (l, s) &&
        !lost_in_sync (l, s))
      plan_note (l->plan,
                 "leg %s: is stale by the record of leg %s, will get a full "
                 "copy\n",
                 l->in.leg[l->plan->slot[s].leg].name,
                 l->in.leg[l->plan->newest].name);
}

/* --- the plan --- */

static void
begin_new_life (struct lost *l)
{
  struct plan *plan = l->plan;

  plan->create = true;
  plan->grow = false;
  /* The log that is lost may be ahead of all records, by a leg that had left and
   * no more, and may come back.
   */
  plan->generation = l->record.generation + 2 * LOG_MAX_LEGS;
  plan->unclean = !lost_ended_cleanly (l);
  memcpy (plan->mirror, l->newest->mirror, RECORD_ID_SIZE);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (s != plan->source && plan->others_miss == MISS_ALL)
      plan->slot[s].miss = MISS_ALL;
  plan->slot[plan->source].miss = MISS_NOTHING_MORE;
}

/* The mirror has gone on with another log: this one is not to be made anew while that
 * is there.
 */
static bool
refuse_moved (struct lost *l)
{
  const struct plan_input *in = l->asked;
  const char *name = l->newest->log_name;

  if (in->log->found != LOG_FOUND_OURS || lost_is_core (l) || !name[0] ||
      in->config->source_leg != -1 ||
      l->newest->generation <= in->record->generation ||
      strncmp (name, in->config->log, RECORD_LOG_NAME_SIZE - 1) == 0)
    return false;
  plan_refuse (l->plan,
               "log %s: is older than the record of leg %s, which names "
               "another log: start with log=%s; if that is lost, remove this "
               "one, and a new one is made from the records",
               in->log->name, in->leg[l->plan->newest].name, name);
  return true;
}

static int
make_plan (struct lost *l)
{
  if (refuse_moved (l))
    return 0;
  if (lost_is_core (l))
    plan_need_every_leg (l->asked, l->plan);
  if (!l->plan->refuse)
    plan_geometry_ours (&l->in, l->plan);
  if (l->plan->refuse)
    return 0;
  if (match (l) == -1 || lost_decide_source (l) == -1)
    return -1;
  if (l->plan->refuse)
    return 0;
  l->plan->others_miss = lost_copies_all (l) ? MISS_ALL : MISS_NOTHING_MORE;
  note_why (l);
  note_copy (l);
  note_stale (l);
  if (plan_others (l) == -1)
    return -1;
  plan_note_absent (&l->in, l->plan);
  begin_new_life (l);
  return 0;
}

int
plan_lost (const struct plan_input *in, struct plan *plan)
{
  struct lost l;

  lost_init (&l, in, plan);
  lost_choose_line (&l);
  return plan->refuse ? 0 : make_plan (&l);
}
