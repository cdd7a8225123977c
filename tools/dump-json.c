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

static void
add_text (struct json_object *obj, const char *key, const char *text)
{
  json_object_object_add (obj, key, json_object_new_string (text));
}

static void
add_u64 (struct json_object *obj, const char *key, uint64_t value)
{
  json_object_object_add (obj, key, json_object_new_uint64 (value));
}

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

    add_u64 (run, "first", first);
    add_u64 (run, "count", nr);
    json_object_array_add (runs, run);
  }
  add_u64 (obj, "count", dirty_log_count (log->log, map));
  json_object_object_add (obj, "runs", runs);
  add_u64 (obj, "more_runs", count_runs (log, map, next));
  return obj;
}

static struct json_object *
leg_json (const struct dump *log, unsigned slot)
{
  const struct log_leg *leg = &log->record.leg[slot];
  struct json_object *obj = json_object_new_object ();

  add_u64 (obj, "index", slot);
  add_text (obj, "name", leg->name);
  add_text (obj, "kind", leg_kind_name (log->record.leg[slot].kind));
  add_text (obj, "state", log_leg_state_name (log, slot));
  json_object_object_add (obj, "primary",
                          json_object_new_boolean (slot ==
                                                   log->record.primary));
  add_u64 (obj, "size", leg->size);
  add_u64 (obj, "generation", leg->generation);
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

  add_u64 (obj, "pid", log->info->owner_pid);
  add_text (obj, "host", log->info->owner_host);
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

  add_text (obj, "uuid", log_uuid_text (uuid, log));
  add_u64 (obj, "generation", log->record.generation);
  json_object_object_add (obj, "clean",
                          json_object_new_boolean (!log->info->unclean));
  json_object_object_add (obj, "owner", owner_json (log));
  json_object_object_add (obj, "legs", legs_json (log));
  json_object_object_add (obj, "cleared_last", recent_json (log));
}

void
dump_json (FILE *out, const struct dump *log)
{
  struct json_object *obj = json_object_new_object ();
  char plan[PLAN_TEXT];

  add_u64 (obj, "version", DUMP_VERSION);
  add_text (obj, "name", log->info->name);
  add_text (obj, "found", log_found_name (log));
  add_text (obj, "start", log_plan (plan, log));
  add_u64 (obj, "size", log->info->geo.size);
  add_u64 (obj, "region_size", log->info->geo.region_size);
  add_u64 (obj, "regions", log->info->geo.nr_regions);
  if (log_is_ours (log))
    add_records (obj, log);
  json_object_object_add (obj, "marked", bits_json (log, LOG_MAP_MARKED));
  if (log->info->found == LOG_FOUND_KERNEL_SINCE)
    json_object_object_add (obj, "kernel_dirty",
                            bits_json (log, LOG_MAP_KERNEL_DIRTY));
  print_json (out, obj);
  json_object_put (obj);
}
