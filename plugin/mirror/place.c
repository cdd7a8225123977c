/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include "cleanup.h"
#include "members.h"
#include "mirror-impl.h"
#include "msg.h"
#include "place.h"
#include "report.h"

bool
place_is_watched (const struct member *member)
{
  return member->leg->kind == LEG_FILE;
}

/* What became of a leg that is not in its place. */
enum outcome {
  OUT,    /* it was out already */
  FAILED, /* it is out now */
  LAST,   /* nothing else has all data */
  STAYS,  /* it is whole */
};

/* What is behind the end reads as zeroes if somebody makes the file longer
 * again.  m->lock is held.
 */
static void
miss_tail_locked (struct member *member, const struct leg_sight *sight)
{
  struct mirror *m = member->mirror;
  uint64_t first = sight->end >> m->region_shift;

  if (sight->place == LEG_CUT && first < m->nr_regions)
    dirty_log_set_region_sync (m->log, member->slot, first,
                               m->nr_regions - first, false);
}

static enum outcome
judge_locked (struct member *member, const struct leg_sight *sight)
{
  struct mirror *m = member->mirror;

  if (!(writing_set (m) & SLOT_BIT (member->slot)))
    return OUT;
  if (sight->place == LEG_ASTRAY)
    return STAYS;
  if (!member_fail_locked (m, member->slot))
    return LAST;
  miss_tail_locked (member, sight);
  return FAILED;
}

static void
report (const struct member *member, enum outcome outcome, const char *why)
{
  switch (outcome) {
  case OUT:
    break;
  case FAILED:
    members_report_failed (member->mirror, SLOT_BIT (member->slot));
    break;
  case LAST:
    msg_error ("leg %s: %s, and no other leg is in-sync: the mirror goes on "
               "with the file that it has open; let another leg become "
               "in-sync, or copy the data from the mirror, before the server "
               "ends",
               member->name, why);
    break;
  case STAYS:
    msg_error ("leg %s: %s: the mirror goes on with the file that it has "
               "open, but a start would not find it",
               member->name, why);
    break;
  }
}

static void
look_wrong (struct member *member, const struct leg_sight *sight)
{
  struct mirror *m = member->mirror;
  enum outcome outcome;
  bool again;

  {
    CLEANUP_LOCK (&m->lock);
    again = member->place == sight->place;
  }
  if (!again) /* before it fails: then it may be opened anew at once */
    leg_report (member->leg, "%s", sight->why);
  {
    CLEANUP_LOCK (&m->lock);
    outcome = judge_locked (member, sight);
    member->place =
      outcome == OUT || outcome == FAILED ? LEG_IN_PLACE : sight->place;
  }
  if (!again || outcome == FAILED)
    report (member, outcome, sight->why);
}

static void
look_right (struct member *member)
{
  struct mirror *m = member->mirror;
  bool was_wrong;

  {
    CLEANUP_LOCK (&m->lock);
    was_wrong = member->place != LEG_IN_PLACE;
    member->place = LEG_IN_PLACE;
  }
  if (was_wrong)
    msg_note ("leg %s: its file is where it was again", member->name);
}

void
place_look (struct member *member)
{
  struct leg_sight sight;

  leg_look (member->leg, &sight);
  if (sight.place == LEG_IN_PLACE)
    look_right (member);
  else
    look_wrong (member, &sight);
}

void
place_leave (struct member *member)
{
  struct mirror *m = member->mirror;
  struct leg_sight sight;

  leg_look (member->leg, &sight);
  CLEANUP_LOCK (&m->lock);
  member->place = LEG_IN_PLACE;
  miss_tail_locked (member, &sight);
}

void
place_report_end (const struct mirror *m)
{
  FOR_EACH_SLOT (slot, m->in_sync) {
    const struct member *member = &m->member[slot];

    if (member->place == LEG_GONE)
      msg_error ("leg %s: the file that the mirror used is not under this "
                 "name: if it has another name, rename it back before the "
                 "next start; if it was removed, what only it had is lost, "
                 "and the next start needs another leg and source=",
                 member->name);
    else if (member->place == LEG_ASTRAY)
      msg_error ("leg %s: the file that the mirror used is not where this "
                 "name leads: bring its directory back before the next start",
                 member->name);
  }
}
