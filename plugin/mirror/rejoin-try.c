/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "extent-map.h"
#include "hold-return.h"
#include "member-state.h"
#include "mirror-impl.h"
#include "msg.h"
#include "place.h"
#include "probe-zeroes.h"
#include "quarantine.h"
#include "records-return.h"
#include "recovery.h"
#include "rejoin-check.h"
#include "rejoin-try.h"

/* What is in use now. */
void
rejoin_try_note_file (struct rejoin_try *t)
{
  t->used_file = t->leg->kind == LEG_FILE;
  memcpy (t->id, t->leg->id, sizeof t->id);
}

/* What has another name now is that file, or else another one. */
void
rejoin_try_note_renamed (struct rejoin_try *t)
{
  struct log_leg rec;

  dirty_log_get_leg (t->m->log, t->member->slot, &rec);
  t->used_file = true;
  if (rec.kind == LEG_FILE)
    memcpy (t->id, rec.id, sizeof t->id);
}

static bool
is_other_file (const struct rejoin_try *t)
{
  return t->used_file && t->leg->kind == LEG_FILE &&
         memcmp (t->id, t->leg->id, sizeof t->id) != 0;
}

static const char *
what_it_is (const struct rejoin_try *t)
{
  if (t->blank)
    return "empty";
  if (is_other_file (t) || !t->member->is_older)
    return "another file";
  return t->member->by_record ? "an older state of itself"
                              : "without its record";
}

/* What the log says of the leg becomes true of what is here now, in memory.
 * False if the mirror ends.
 */
static bool
record_leg (struct rejoin_try *t)
{
  struct mirror *m = t->m;
  unsigned slot = t->member->slot;
  CLEANUP_LOCK (&m->lock);

  if (m->stopping || t->member->leaves || t->member->parked)
    return false;
  dirty_log_set_leg (m->log, slot, (uint32_t) t->leg->kind, t->leg->id,
                     t->leg->size, t->member->name);
  if (t->blank || t->other)
    dirty_log_set_region_sync (m->log, slot, 0, m->nr_regions, false);
  return true;
}

/* As long as a leg is blank a start sees that it holds nothing.  It gets
 * nothing before the log says so, or a crash could leave a leg that looks
 * like the old one where it has been copied, and misses the rest unnoticed.
 * So could one that is another file.
 */
static bool
is_recorded (struct rejoin_try *t)
{
  struct mirror *m = t->m;
  uint64_t deadline = now_ns () + m->config.log_timeout * NSEC_PER_SEC;

  if (!record_leg (t))
    return false;
  if ((!t->blank && !t->other) || dirty_log_flush (m->log, deadline) == 0)
    return true;
  leg_report (t->leg, "is %s now, and the log can't note that: %m",
              what_it_is (t));
  return false;
}

/* False if the leg was lost again meanwhile, or the mirror ends. */
static bool
join (struct rejoin_try *t)
{
  struct mirror *m = t->m;
  struct member *member = t->member;

  records_give (member);
  beat_claim (member);
  CLEANUP_LOCK (&m->lock);

  if (m->stopping || member->leaves || member->parked ||
      atomic_load (&t->leg->lost))
    return false;
  dirty_log_leg_failed (m->log, member->slot);
  member_set_state_locked (m, SLOT_BIT (member->slot), MEMBER_RESYNCING);
  member->kind = t->leg->kind;
  member->joined_ns = now_ns ();
  extent_map_forget (&m->resync.extents, member->slot);
  m->hold.lost &= ~SLOT_BIT (member->slot);
  member->stalls = 0;
  member->stall_reported = false;
  quarantine_member_locked (member);
  resync_wake_locked (m);
  worker_wake_locked (m); /* it may miss nothing */
  return true;
}

static void
report_joined (struct rejoin_try *t)
{
  struct log_status status;

  dirty_log_status (t->m->log, &status);
  msg_note ("leg %s: is back%s%s%s, %" PRIu64 " regions to copy",
            t->member->name, t->blank || t->other ? " but " : "",
            t->blank || t->other ? what_it_is (t) : "",
            t->other && !t->blank ? ", which gets everything" : "",
            status.missed[t->member->slot]);
}

/* Once, as long as it stays the same. */
static void
report_failed (struct rejoin_try *t)
{
  char why[LEG_ERROR_SIZE];

  leg_last_error (t->leg, why, sizeof why);
  if (strcmp (why, t->reported) == 0)
    return;
  msg_warning ("leg %s: %s", t->member->name, why);
  memcpy (t->reported, why, sizeof why);
}

/* What is there is the leg, or may become it. */
static bool
is_usable (struct rejoin_try *t)
{
  if (!rejoin_fits (t->member) || !records_let_in (t->member) ||
      !beat_lets_in (t->member) || !rejoin_is_the_leg (t->member, &t->blank))
    return false;
  t->other = is_other_file (t) || t->member->is_older;
  return true;
}

/* What its block status says is looked at before it counts. */
static bool
open_again (struct leg *leg)
{
  leg_close (leg);
  if (leg_open (leg, 0) == -1 || leg_settle (leg) == -1)
    return false;
  probe_zeroes (leg);
  return true;
}

/* What can be opened may be something else now. */
static bool
is_right (struct rejoin_try *t)
{
  bool opened = open_again (t->leg);
  bool right = opened && is_usable (t);
  CLEANUP_LOCK (&t->m->lock);

  t->member->refused = opened && !right && !atomic_load (&t->leg->lost);
  return right;
}

void
rejoin_try_to_join (struct rejoin_try *t)
{
  place_leave (t->member);
  if (is_right (t) && is_recorded (t) && join (t)) {
    report_joined (t);
    records_renew (t->m, log_deadline (t->m, now_ns ()));
    t->reported[0] = '\0';
    return;
  }
  leg_close (t->leg);
  if (!atomic_load (&t->leg->cancelled))
    report_failed (t);
}

/* The same for the leg that the mirror waits for. */
void
rejoin_try_to_return (struct rejoin_try *t)
{
  struct hold *h = &t->m->hold;
  char why[LEG_ERROR_SIZE] = "";

  if (hold_return (t->member))
    t->reported[0] = '\0';
  else if (!atomic_load (&t->leg->cancelled)) {
    report_failed (t);
    leg_last_error (t->leg, why, sizeof why);
  }
  CLEANUP_LOCK (&t->m->lock);
  memcpy (h->trouble, why, sizeof why);
}
