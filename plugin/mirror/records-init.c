/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "record-order.h"
#include "record-owner.h"
#include "records-init.h"
#include "records.h"

static void
copy_id (uint8_t to[RECORD_ID_SIZE], const uint8_t from[RECORD_ID_SIZE])
{
  memcpy (to, from, RECORD_ID_SIZE);
}

/* --- what all say --- */

static void
set_history (struct leg_record *common, const struct records_origin *origin)
{
  const struct leg_record *newest = origin->newest;

  if (newest && origin->left == 0) {
    copy_id (common->history, newest->history);
    copy_id (common->parent, newest->parent);
    common->parent_generation = newest->parent_generation;
    return;
  }
  uuid_generate (common->history);
  if (newest) {
    copy_id (common->parent, newest->history);
    common->parent_generation = origin->left;
  }
}

static void
set_names (struct mirror *m, struct leg_record *common)
{
  snprintf (common->log_name, sizeof common->log_name, "%s", m->config.log);
  FOR_EACH_SLOT (slot, m->configured)
    snprintf (common->name[slot], sizeof common->name[slot], "%s",
              m->member[slot].name);
}

static void
set_ids (struct mirror *m, const struct records_origin *origin)
{
  struct records *rec = &m->records;

  memcpy (rec->id, origin->id, sizeof rec->id);
  memcpy (rec->had, origin->had, sizeof rec->had);
  FOR_EACH_SLOT (slot, origin->keep)
    if (record_no_id (rec->id[slot]))
      uuid_generate (rec->id[slot]);
}

static void
set_common (struct mirror *m, const struct records_origin *origin)
{
  struct leg_record *common = &m->records.common;

  copy_id (common->mirror, dirty_log_info (m->log)->uuid);
  common->size = m->limits.size;
  common->region_size = UINT32_C (1) << m->region_shift;
  record_owner_self (&common->owner);
  set_history (common, origin);
  set_names (m, common);
  set_ids (m, origin);
  m->records.sequence = origin->newest ? origin->newest->sequence : 0;
}

/* --- where they are --- */

/* Without a record it can go on, if the user did not insist. */
static int
can_not_make (struct mirror *m, unsigned slot)
{
  struct record_area *area = &m->records.area[slot];

  area->in_use = false;
  memset (m->records.id[slot], 0, RECORD_ID_SIZE);
  if (m->config.leg_records == RECORDS_ON) {
    msg_error ("leg %s: record %s: %m", m->member[slot].name,
               area->path ? area->path : "at its end");
    return -1;
  }
  msg_note ("leg %s: has no record of its own, %s: %m", m->member[slot].name,
            area->path ? area->path : "at its end");
  return 0;
}

static int
set_area (struct mirror *m, unsigned slot, bool keep)
{
  struct record_area *area = &m->records.area[slot];

  if (keep)
    return record_area_make (area) == -1 ? can_not_make (m, slot) : 0;
  if (record_area_remove (area) == 0)
    return 0;
  msg_error ("leg %s: its old record can't be removed: %m",
             m->member[slot].name);
  return -1;
}

/* The log did not say how large the mirror is: what lies within is clients' data,
 * whatever it looks like.
 */
static void
leave_data (const struct mirror *m, struct record_area *area)
{
  if (area->path || area->trailer >= m->limits.size)
    return;
  area->trailer = 0;
  area->in_use = false;
}

/* *trailers: who has one that is new. */
static int
set_areas (struct mirror *m, struct records_origin *origin, unsigned *trailers)
{
  FOR_EACH_SLOT (slot, m->configured) {
    struct record_area *area = &m->records.area[slot];

    if (!origin->area[slot].leg)
      continue;
    *area = origin->area[slot];
    origin->area[slot] = (struct record_area){.fd = -1};
    leave_data (m, area);
    if (!area->path && !area->in_use && (origin->keep & SLOT_BIT (slot)))
      *trailers |= SLOT_BIT (slot);
    if (set_area (m, slot, origin->keep & SLOT_BIT (slot)) == -1)
      return -1;
  }
  return 0;
}

/* --- one disk as two legs --- */

static int
refuse_twins (const struct mirror *m, unsigned slot, unsigned other)
{
  msg_error ("leg %s and leg %s are one disk: what is written to one is read "
             "from the other",
             m->member[other].name, m->member[slot].name);
  return -1;
}

/* What was written to one leg is read from no other. */
static int
check_twin (struct mirror *m, unsigned slot, const struct leg_record *r)
{
  FOR_EACH_SLOT (other, m->configured & ~SLOT_BIT (slot))
    if (record_same_id (r->leg, m->records.id[other]))
      return refuse_twins (m, slot, other);
  return 0;
}

/* A leg that is a file may be served as an export that is a leg, too. */
static void
look_at_end (struct mirror *m, unsigned slot, struct record_area *end)
{
  struct leg *leg = m->member[slot].leg;

  *end = (struct record_area){
    .leg = leg,
    .fd = -1,
    .trailer = record_trailer_offset (leg->size, leg->min_block),
  };
}

static int
check_twins (struct mirror *m)
{
  CLEANUP_FREE struct record_found *found = malloc (sizeof *found);

  if (!found) {
    msg_error ("%m");
    return -1;
  }
  FOR_EACH_SLOT (slot, writing_set (m)) {
    struct record_area end;

    look_at_end (m, slot, &end);
    if (record_area_read (&end, found) == -1) {
      msg_error ("leg %s: record: %m", m->member[slot].name);
      return -1;
    }
    if (found->verdict == RECORD_VALID &&
        check_twin (m, slot, &found->record) == -1)
      return -1;
  }
  return 0;
}

int
records_init (struct mirror *m, struct records_origin *origin)
{
  unsigned trailers = 0;

  set_common (m, origin);
  if (set_areas (m, origin, &trailers) == -1)
    return -1;
  m->records.on = m->config.leg_records != RECORDS_OFF;
  if (!trailers)
    return 0;
  if (records_renew (m, NO_DEADLINE) == -1) {
    msg_error ("the legs' own records can't be written: %m");
    return -1;
  }
  return check_twins (m);
}

void
records_free (struct mirror *m)
{
  for (unsigned slot = 0; slot < LOG_MAX_LEGS; ++slot)
    record_area_close (&m->records.area[slot]);
  pthread_mutex_destroy (&m->records.lock);
}
