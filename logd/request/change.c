/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "change.h"
#include "cleanup.h"
#include "dirty-log.h"
#include "logd-client.h"
#include "ownership.h"
#include "record-wire.h"
#include "served.h"

void
change_refuse (struct client *c, const struct proto_msg *msg, const char *fmt,
               ...)
{
  char text[TEXT_SIZE];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  c->refused = true;
  client_error (c, msg, PROTO_E_INVALID, "%s: %s", proto_type_name (msg->type),
                text);
}

static bool
runs_fit (const struct served *l, const struct proto_runs *runs)
{
  uint64_t regions = dirty_log_info (l->log)->geo.nr_regions;

  for (uint32_t i = 0; i < runs->nr; ++i) {
    struct proto_run run = proto_run_get (runs, i);

    if (run.first > regions || run.nr > regions - run.first)
      return false;
  }
  return true;
}

static void
change_run (struct dirty_log *log, const struct proto_msg *msg,
            struct proto_run run)
{
  switch (msg->type) {
  case PROTO_MARK_REGION:
    dirty_log_mark_run (log, run.first, run.nr);
    break;
  case PROTO_CLEAR_REGION:
    dirty_log_clear_run (log, run.first, run.nr);
    break;
  default:
    dirty_log_put_resync_work (log, run.first, run.nr);
    dirty_log_set_region_sync (log, msg->change.slot, run.first, run.nr,
                               msg->change.in_sync);
  }
}

void
change_request (struct client *c, const struct proto_msg *msg)
{
  const struct proto_runs *runs = &msg->change.runs;
  struct served *l = c->served;

  if (!request_of_owner (c, msg, msg->change.epoch))
    return;
  if (!l->usable || msg->change.slot >= LOG_MAX_LEGS || !runs_fit (l, runs)) {
    change_refuse (c, msg, "not regions of this log, which has %" PRIu64,
                   dirty_log_info (l->log)->geo.nr_regions);
    return;
  }
  l->stats.changes++;
  for (uint32_t i = 0; i < runs->nr; ++i)
    change_run (l->log, msg, proto_run_get (runs, i));
}

void
set_record_request (struct client *c, const struct proto_msg *msg)
{
  CLEANUP_FREE struct log_record *record = malloc (sizeof *record);
  struct served *l = c->served;

  if (!request_of_owner (c, msg, msg->record.epoch))
    return;
  if (!record || !l->usable) {
    change_refuse (c, msg, "there is no log yet");
    return;
  }
  log_record_from_wire (record, &msg->record);
  l->stats.changes++;
  if (dirty_log_set_record (l->log, record) == -1)
    change_refuse (c, msg,
                   "a leg that misses something is in-sync, or the "
                   "generation goes back");
}
