/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-grow.h"
#include "record-order.h"
#include "records-return.h"
#include "utf8.h"

/* It was left behind, and is not just away (hold.h). */
static bool
is_left (struct mirror *m, unsigned slot)
{
  CLEANUP_LOCK (&m->lock);

  return !(m->in_sync & SLOT_BIT (slot));
}

/* The leg has been used where this mirror can't know of it. */
static bool
went_on_elsewhere (struct mirror *m, const struct leg_record *r)
{
  const struct leg_record *common = &m->records.common;
  struct log_status ls;
  struct log_leg leg;

  dirty_log_status (m->log, &ls);
  if (record_same_id (r->history, common->history))
    return r->generation > ls.generation ||
           (record_was_alone (r) && is_left (m, r->slot));
  dirty_log_get_leg (m->log, r->slot, &leg);
  if (leg.state == LOG_LEG_STALE &&
      r->generation <= (record_was_stale (r) ? ls.generation : leg.generation))
    return false; /* it has not gone on since it left, in whatever line */
  return !record_same_id (r->history, common->parent) ||
         r->generation > common->parent_generation;
}

static bool
record_fits (struct member *member, const struct leg_record *r)
{
  struct mirror *m = member->mirror;
  const uint8_t *id = m->records.id[member->slot];
  char log_name[RECORD_LOG_NAME_SIZE + 4];

  utf8_copy_line (log_name, sizeof log_name, r->log_name);
  if (!record_same_id (r->mirror, m->records.common.mirror))
    leg_report (member->leg, "is a leg of another mirror now, with the log %s",
                log_name);
  else if (r->slot != member->slot ||
           (!record_no_id (id) && !record_same_id (r->leg, id)))
    leg_report (member->leg, "is another leg of this mirror");
  else if (went_on_elsewhere (m, r))
    leg_report (member->leg,
                "was used without the others meanwhile: which is right must "
                "be decided with a restart");
  else
    return true;
  return false;
}

/* Not only of this mirror, but the one that was here before. */
static bool
names_leg (struct member *member, const struct record_found *found)
{
  struct records *rec = &member->mirror->records;
  CLEANUP_LOCK (&rec->lock);

  return found->verdict == RECORD_VALID &&
         !record_no_id (rec->id[member->slot]) &&
         record_same_id (rec->id[member->slot], found->record.leg);
}

/* As long a time as a heartbeat may take. */
static uint64_t
patience_ms (const struct mirror *m)
{
  return (UINT64_C (1) * m->config.leg_timeout + m->config.flush_timeout) *
         1000;
}

/* It had more when it left, or it had one: it was rolled back, or may have been,
 * and what the log says that it misses is not all.
 */
static bool
is_older (struct member *member, const struct record_found *found)
{
  struct mirror *m = member->mirror;
  CLEANUP_LOCK (&m->records.lock);
  struct record_had *had = &m->records.had[member->slot];

  if (memcmp (had->session, m->beats.session, RECORD_ID_SIZE) == 0)
    had->count = atomic_load (&m->beats.of[member->slot].written);
  if (found->verdict != RECORD_VALID)
    return had->sequence > 0;
  return record_is_older (&found->record,
                          found->has_beat ? &found->beat : NULL, had,
                          patience_ms (m));
}

/* Where the record of a leg may be that has grown since: where its end was by the
 * log, or where the mirror ends.
 */
static bool
is_where_it_was (struct member *member, struct record_area *area,
                 struct record_found *found)
{
  const struct mirror *m = member->mirror;
  uint64_t end = (m->limits.size + RECORD_SLOT_SIZE - 1) / RECORD_SLOT_SIZE *
                 RECORD_SLOT_SIZE;
  struct log_leg leg;
  uint64_t offset;
  bool error;

  dirty_log_get_leg (m->log, member->slot, &leg);
  offset = record_trailer_offset (leg.size, member->leg->min_block);
  return (offset >= end &&
          record_area_read_old (area, offset, m->records.common.mirror, found,
                                &error)) ||
         record_area_read_old (area, end, m->records.common.mirror, found,
                               &error);
}

static bool
find_moved (struct member *member, struct record_area *area,
            struct record_found *found)
{
  if (record_area_in_place (area, found) || found->verdict == RECORD_FOREIGN ||
      !is_where_it_was (member, area, found) ||
      record_area_can_move (area, found))
    return true;
  leg_report (member->leg,
              "has grown, and its record can't move to its new end: that is "
              "too near, or holds data");
  return false;
}

static bool
look_in (struct member *member, struct record_area *area)
{
  CLEANUP_FREE struct record_found *found = malloc (sizeof *found);

  if (!found || record_area_read (area, found) == -1) {
    leg_report (member->leg, "record: %m");
    return false;
  }
  if (!find_moved (member, area, found))
    return false;
  if (found->verdict == RECORD_FOREIGN) {
    leg_report (member->leg, "its record is of a later version");
    return false;
  }
  if (!area->in_use && !area->path && !found->zero)
    area->trailer = 0; /* there is data */
  member->by_record = names_leg (member, found);
  member->is_older = is_older (member, found);
  return found->verdict != RECORD_VALID ||
         record_fits (member, &found->record);
}

bool
records_let_in (struct member *member)
{
  struct mirror *m = member->mirror;
  struct record_area *area = &m->records.area[member->slot];

  member->by_record = member->is_older = false;
  if (!m->records.on)
    return true;
  record_area_close (area);
  if (record_area_open (area, member->leg, grow_least_size (m), false) == -1) {
    leg_report (member->leg, "record: %m");
    return false;
  }
  return look_in (member, area);
}

bool
records_has (struct member *member)
{
  struct records *rec = &member->mirror->records;

  if (!rec->on)
    return false;
  CLEANUP_LOCK (&rec->lock);
  return rec->area[member->slot].in_use &&
         (rec->last.slots & SLOT_BIT (member->slot));
}

/* The last one that is complete, or the next one. */
static bool
is_last (struct member *member, const struct record_found *found)
{
  struct records *rec = &member->mirror->records;

  if (found->verdict != RECORD_VALID) {
    leg_report (member->leg, "has no record any more: it is another disk");
    return false;
  }
  if (!record_fits (member, &found->record))
    return false;
  CLEANUP_LOCK (&rec->lock);
  if (found->record.sequence >= rec->sequence)
    return true;
  leg_report (member->leg, "its record is older than the one that it had: it "
                           "is an older state of it");
  return false;
}

/* A cycle in which the leg was used may just be ending. */
static struct record_area
area_of (struct member *member)
{
  struct records *rec = &member->mirror->records;
  CLEANUP_LOCK (&rec->lock);

  return rec->area[member->slot];
}

bool
records_same (struct member *member)
{
  CLEANUP_FREE struct record_found *found = malloc (sizeof *found);
  struct record_area area;

  if (!records_has (member))
    return true;
  area = area_of (member);
  if (found && record_area_read (&area, found) == 0)
    return is_last (member, found);
  leg_report (member->leg, "record: %m");
  return false;
}

/* A disk that has no record is not the one that had. */
static bool
new_area (struct member *member)
{
  struct records *rec = &member->mirror->records;
  struct record_area *area = &rec->area[member->slot];

  if ((!area->path && area->trailer == 0) || record_area_make (area) == -1)
    return false;
  uuid_generate (rec->id[member->slot]);
  return true;
}

void
records_give (struct member *member)
{
  struct records *rec = &member->mirror->records;

  if (!rec->on)
    return;
  CLEANUP_LOCK (&rec->lock);
  if (rec->area[member->slot].in_use || new_area (member))
    rec->last.slots &= ~SLOT_BIT (member->slot);
}

static int
restore (struct member *member)
{
  struct mirror *m = member->mirror;
  CLEANUP_LOCK (&m->records.lock);
  int r = record_area_restore (&m->records.area[member->slot]);

  if (r == 1)
    m->records.last.slots &= ~SLOT_BIT (member->slot);
  return r;
}

void
records_keep (struct member *member)
{
  struct mirror *m = member->mirror;

  if (restore (member) == 1 &&
      records_renew (m, now_ns () + m->config.log_timeout * NSEC_PER_SEC) == 0)
    msg_note ("leg %s: its record %s was removed, and was made anew",
              member->name, m->records.area[member->slot].path);
}
