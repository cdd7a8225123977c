/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk log as JSON. */

#include "config.h"

#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "dump-facts.h"
#include "dump.h"
#include "fields.h"
#include "leg-kind.h"

#define DUMP_VERSION 1
#define MAX_RUNS 65536

/* { "count", "runs": [ { "first", "count" } ], "more_runs" } */
static struct json_object *
bits_json (const struct dump *log, unsigned map)
{
  struct json_object *obj = json_object_new_object ();
  struct json_object *runs = json_object_new_array ();
  uint64_t next = 0, first, nr;

  while (json_object_array_length (runs) < MAX_RUNS &&
         next_run (log, map, &next, &first, &nr)) {
    struct json_object *run = json_object_new_object ();

    field_add_u64 (run, "first", first);
    field_add_u64 (run, "count", nr);
    json_object_array_add (runs, run);
  }
  field_add_u64 (obj, "count", dirty_log_count (log->log, map));
  json_object_object_add (obj, "runs", runs);
  field_add_u64 (obj, "more_runs", count_runs (log, map, next));
  return obj;
}

static struct json_object *
leg_json (const struct dump *log, unsigned slot)
{
  const struct log_leg *leg = &log->record.leg[slot];
  struct json_object *obj = json_object_new_object ();

  field_add_u64 (obj, "index", slot);
  field_add_text (obj, "name", leg->name);
  field_add_text (obj, "kind", leg_kind_name (log->record.leg[slot].kind));
  field_add_text (obj, "state", log_leg_state_name (log, slot));
  field_add_bool (obj, "primary", slot == log->record.primary);
  field_add_u64 (obj, "size", leg->size);
  field_add_u64 (obj, "generation", leg->generation);
  json_object_object_add (obj, "missed",
                          bits_json (log, LOG_MAP_MISSED (slot)));
  return obj;
}

static struct json_object *
legs_json (const struct dump *log)
{
  struct json_object *legs = json_object_new_array ();

  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (log->record.leg[s].state != LOG_LEG_NONE)
      json_object_array_add (legs, leg_json (log, s));
  return legs;
}

static struct json_object *
owner_json (const struct dump *log)
{
  struct json_object *obj = json_object_new_object ();

  field_add_u64 (obj, "pid", log->info->owner_pid);
  field_add_text (obj, "host", log->info->owner_host);
  return obj;
}

static struct json_object *
recent_json (const struct dump *log)
{
  struct json_object *regions = json_object_new_array ();
  struct log_recent recent;

  dirty_log_get_recent (log->log, &recent);
  for (unsigned i = 0; i < recent.nr; ++i)
    json_object_array_add (regions, json_object_new_uint64 (recent.region[i]));
  return regions;
}

static void
add_records (struct json_object *obj, const struct dump *log)
{
  char uuid[UUID_TEXT];

  field_add_text (obj, "uuid", format_uuid (uuid, log->info->uuid));
  field_add_u64 (obj, "generation", log->record.generation);
  field_add_bool (obj, "clean", !log->info->unclean);
  field_add_u64 (obj, "min_block", log->record.min_block);
  json_object_object_add (obj, "owner", owner_json (log));
  json_object_object_add (obj, "legs", legs_json (log));
  json_object_object_add (obj, "cleared_last", recent_json (log));
}

void
dump_json (FILE *out, const struct dump *log)
{
  struct json_object *obj = json_object_new_object ();
  char plan[PLAN_TEXT];

  field_add_u64 (obj, "version", DUMP_VERSION);
  field_add_text (obj, "name", log->info->name);
  field_add_text (obj, "found", log_found_name (log));
  field_add_text (obj, "start", log_plan (plan, log));
  field_add_u64 (obj, "size", log->info->geo.size);
  field_add_u64 (obj, "region_size", log->info->geo.region_size);
  field_add_u64 (obj, "regions", log->info->geo.nr_regions);
  if (log_is_ours (log))
    add_records (obj, log);
  json_object_object_add (obj, "marked", bits_json (log, LOG_MAP_MARKED));
  if (log->info->found == LOG_FOUND_KERNEL_SINCE)
    json_object_object_add (obj, "kernel_dirty",
                            bits_json (log, LOG_MAP_KERNEL_DIRTY));
  print_json (out, obj);
  json_object_put (obj);
}
