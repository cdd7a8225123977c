/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "open-records.h"
#include "plan-newest.h"
#include "record-order.h"
#include "record-owner.h"
#include "records-init.h"

#define LOOK_GAP_NS (250 * NSEC_PER_MSEC)

/* --- before the plan --- */

static void
note_found (struct plan_leg *pl, const struct record_area *area,
            const struct record_found *found)
{
  pl->record_verdict = found->verdict;
  pl->record = found->record;
  pl->has_beat = found->has_beat;
  pl->beat = found->beat;
  if (area->path || !(area->in_use || found->zero || pl->grown))
    return;
  pl->trailer = area->trailer;
}

/* The n-th offset at which the record of a leg may be that has grown: where its end
 * was by the log, or where the mirror ends; 0: it is within the mirror.
 */
static uint64_t
old_place (const struct plan_input *in, const struct leg *leg, unsigned n)
{
  uint64_t size = in->log->geo.size;
  uint64_t end =
    (size + RECORD_SLOT_SIZE - 1) / RECORD_SLOT_SIZE * RECORD_SLOT_SIZE;
  uint64_t offset =
    n == LOG_MAX_LEGS
      ? end
      : record_trailer_offset (in->record->leg[n].size, leg->min_block);

  return offset >= size ? offset : 0;
}

/* Nothing is at its end, but the log knows a smaller leg. */
static int
look_where_it_ended (const struct plan_input *in, struct plan_leg *pl,
                     struct record_area *area, struct record_found *found)
{
  bool error = false;

  if (in->log->found != LOG_FOUND_OURS || found->verdict == RECORD_FOREIGN)
    return 0;
  for (unsigned n = 0; n <= LOG_MAX_LEGS && !pl->grown && !error; ++n)
    pl->grown = record_area_read_old (area, old_place (in, pl->leg, n),
                                      in->log->uuid, found, &error);
  pl->can_move = pl->grown && record_area_can_move (area, found);
  return error ? -1 : 0;
}

static int
read_record (const struct plan_input *in, struct plan_leg *pl,
             struct record_area *area, struct record_found *found)
{
  if (record_area_open (area, pl->leg, in->log->geo.size, in->config->plan) ==
        -1 ||
      record_area_read (area, found) == -1)
    return -1;
  return !record_area_in_place (area, found)
           ? look_where_it_ended (in, pl, area, found)
           : 0;
}

static int
ask_leg (const struct plan_input *in, struct plan_leg *pl,
         struct record_area *area)
{
  CLEANUP_FREE struct record_found *found = malloc (sizeof *found);

  if (!found || read_record (in, pl, area, found) == -1) {
    msg_error ("leg %s: record: %m", pl->name);
    return -1;
  }
  if (found->other_file)
    msg_note ("leg %s: %s is the record of another file, it does not "
              "count",
              pl->name, area->path);
  note_found (pl, area, found);
  return 0;
}

int
records_ask (struct plan_input *in, struct record_area area[])
{
  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg && ask_leg (in, &in->leg[i], &area[i]) == -1)
      return -1;
  return 0;
}

/* --- is somebody else there? --- */

/* Who had the log had the legs, and the log is ours now: on a server its lease
 * is over.
 */
static bool
lease_says_enough (struct dirty_log *log, const struct leg_beat *beat)
{
  const struct log_info *info = dirty_log_info (log);

  return info->leased && info->found == LOG_FOUND_OURS &&
         memcmp (beat->mirror, info->uuid, RECORD_ID_SIZE) == 0;
}

static bool
may_be_used (const struct plan_leg *pl, struct dirty_log *log)
{
  return pl->has_beat && pl->beat.used &&
         !record_owner_is_gone (&pl->beat.owner) &&
         !lease_says_enough (log, &pl->beat);
}

static int
refuse_used (const struct plan_leg *pl)
{
  msg_error ("leg %s: in use by another mirror: process %" PRIu32
             " on host %s",
             pl->name, pl->beat.owner.pid, pl->beat.owner.host);
  return -1;
}

/* 1: it has moved. */
static int
look_again (struct plan_leg *pl, struct record_area *area)
{
  enum record_verdict verdict;
  struct leg_beat beat;

  if (record_area_read_beat (area, &verdict, &beat) == -1) {
    msg_error ("leg %s: heartbeat: %m", pl->name);
    return -1;
  }
  return verdict != RECORD_VALID || beat.count != pl->beat.count ||
         memcmp (beat.session, pl->beat.session, RECORD_ID_SIZE) != 0;
}

static void
sleep_ns (uint64_t ns)
{
  struct timespec ts = {.tv_sec = (time_t) (ns / NSEC_PER_SEC),
                        .tv_nsec = (long) (ns % NSEC_PER_SEC)};

  nanosleep (&ts, NULL);
}

/* Legs, by number, of which it is not known whether they are in use. */
static int
watch (struct plan_input *in, struct record_area area[], unsigned legs,
       uint64_t until)
{
  while (now_ns () < until) {
    sleep_ns (LOOK_GAP_NS);
    for (unsigned i = 0; i < in->nr_legs; ++i) {
      int moved = legs >> i & 1 ? look_again (&in->leg[i], &area[i]) : 0;

      if (moved != 0)
        return moved == -1 ? -1 : refuse_used (&in->leg[i]);
    }
  }
  return 0;
}

int
records_wait (struct plan_input *in, struct record_area area[],
              struct dirty_log *log)
{
  unsigned legs = 0, longest = 0;

  for (unsigned i = 0; i < in->nr_legs; ++i)
    if (in->leg[i].leg && may_be_used (&in->leg[i], log)) {
      legs |= 1u << i;
      if (in->leg[i].beat.interval_ms > longest)
        longest = in->leg[i].beat.interval_ms;
      msg_note ("leg %s: may be in use by process %" PRIu32
                " on host %s, which did not say that it has ended: waiting "
                "up to %u seconds to see",
                in->leg[i].name, in->leg[i].beat.owner.pid,
                in->leg[i].beat.owner.host,
                2 * in->leg[i].beat.interval_ms / 1000 + 1);
    }
  return watch (in, area, legs,
                legs ? now_ns () + 2 * longest * NSEC_PER_MSEC + LOOK_GAP_NS
                     : 0);
}

/* --- after the plan --- */

/* NULL if a history begins that has none before it. */
static const struct leg_record *
newest (const struct plan_input *in, const struct plan *plan)
{
  return plan->newest >= 0 && !record_no_id (plan->history)
           ? &in->leg[plan->newest].record
           : NULL;
}

/* The record of a leg that has grown, and shall have none, is where its end was. */
static void
take_away_there (const struct plan_input *in, unsigned leg,
                 struct record_area *area)
{
  const struct plan_leg *pl = &in->leg[leg];

  if (!pl->grown || in->config->leg_records != RECORDS_OFF)
    return;
  area->trailer =
    record_trailer_offset (pl->record.leg_size, pl->leg->min_block);
  area->in_use = true;
}

/* What is data is neither written over nor taken away. */
static void
leave_data (const struct plan_input *in, unsigned leg,
            struct record_area *area)
{
  if (!plan_record_is_data (in, leg))
    return;
  area->trailer = 0;
  area->in_use = false;
}

static void
hand_over_slot (const struct plan_slot *ps, unsigned slot,
                struct record_area area[], struct records_origin *origin)
{
  memcpy (origin->id[slot], ps->record_id, RECORD_ID_SIZE);
  origin->had[slot] = ps->had;
  if (!ps->configured || ps->leg < 0 || !area[ps->leg].leg)
    return;
  origin->area[slot] = area[ps->leg];
  area[ps->leg] = (struct record_area){.fd = -1};
  if (ps->keeps_record)
    origin->keep |= 1u << slot;
}

int
records_hand_over (struct mirror *m, const struct plan_input *in,
                   const struct plan *plan, struct record_area area[])
{
  struct records_origin origin = {.newest = newest (in, plan),
                                  .left = plan->history_left};
  int r;

  for (unsigned i = 0; i < in->nr_legs; ++i) {
    leave_data (in, i, &area[i]);
    take_away_there (in, i, &area[i]);
  }
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    hand_over_slot (&plan->slot[s], s, area, &origin);
  r = records_init (m, &origin);
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    record_area_close (&origin.area[s]);
  return r;
}
