/* SPDX-License-Identifier: BSD-3-Clause */

/* A snapshot of the mirror as JSON.
 *
 * The field names are what programs rely on: they never change, and a new
 * one is an addition.  "version" would grow only if that had to be broken.
 */

#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "status-json.h"
#include "status.h"
#include "utf8.h"

#define STATUS_VERSION 1

/* File names may be any bytes, JSON text must be UTF-8. */
static void
add_text (struct json_object *obj, const char *key, const char *text)
{
  char buf[5120];
  size_t len = utf8_copy (buf, sizeof buf, text);

  json_object_object_add (obj, key,
                          json_object_new_string_len (buf, (int) len));
}

static void
add_u64 (struct json_object *obj, const char *key, uint64_t value)
{
  json_object_object_add (obj, key, json_object_new_uint64 (value));
}

static struct json_object *
mirror_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "uuid", s->uuid);
  add_u64 (obj, "size", s->size);
  add_u64 (obj, "region_size", s->region_size);
  add_u64 (obj, "regions", s->regions);
  add_u64 (obj, "min_block", s->min_block);
  add_text (obj, "state", s->state);
  add_text (obj, "reason", s->reason);
  add_u64 (obj, "dirty_regions", s->dirty_regions);
  add_u64 (obj, "out_of_sync_regions", s->out_of_sync_regions);
  add_u64 (obj, "generation", s->generation);
  json_object_object_add (obj, "suspended_seconds",
                          json_object_new_double (s->suspended_seconds));
  return obj;
}

static struct json_object *
leg_json (const struct leg_status *l)
{
  struct json_object *obj = json_object_new_object ();

  add_u64 (obj, "index", l->index);
  add_text (obj, "name", l->name);
  add_text (obj, "kind", l->kind);
  add_text (obj, "state", l->state);
  json_object_object_add (obj, "primary",
                          json_object_new_boolean (l->primary));
  add_u64 (obj, "missed_regions", l->missed_regions);
  add_u64 (obj, "reads", l->reads);
  add_u64 (obj, "writes", l->writes);
  add_u64 (obj, "read_bytes", l->read_bytes);
  add_u64 (obj, "write_bytes", l->write_bytes);
  add_u64 (obj, "flushes", l->flushes);
  add_u64 (obj, "read_errors", l->read_errors);
  add_u64 (obj, "write_errors", l->write_errors);
  add_u64 (obj, "flush_errors", l->flush_errors);
  add_u64 (obj, "read_repairs", l->read_repairs);
  add_text (obj, "last_error", l->last_error);
  add_text (obj, "record", l->record);
  add_text (obj, "uuid", l->uuid);
  add_u64 (obj, "last_error_time", l->last_error_time);
  add_text (obj, "returns", l->returns);
  json_object_object_add (obj, "replaces",
                          l->replaces < 0 ? NULL
                                          : json_object_new_int (l->replaces));
  json_object_object_add (obj, "write_mostly",
                          json_object_new_boolean (l->write_mostly));
  add_u64 (obj, "no_answer_seconds", l->no_answer);
  return obj;
}

static struct json_object *
legs_json (const struct mirror_status *s)
{
  struct json_object *legs = json_object_new_array ();

  for (unsigned i = 0; i < s->nr_legs; ++i)
    json_object_array_add (legs, leg_json (&s->leg[i]));
  return legs;
}

static struct json_object *
log_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "type", s->log_type);
  add_text (obj, "name", s->log_name);
  add_text (obj, "state", s->log_state);
  add_u64 (obj, "marks", s->log_marks);
  add_u64 (obj, "clears", s->log_clears);
  add_u64 (obj, "flushes", s->log_flushes);
  add_u64 (obj, "flush_errors", s->log_flush_errors);
  json_object_object_add (obj, "misplaced",
                          json_object_new_boolean (s->log_misplaced));
  add_text (obj, "last_error", s->log_last_error);
  add_u64 (obj, "last_error_time", s->log_last_error_time);
  json_object_object_add (obj, "lost", json_object_new_boolean (s->log_lost));
  return obj;
}

static struct json_object *
resync_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "state", s->resync_state);
  add_u64 (obj, "done_bytes", s->done_bytes);
  add_u64 (obj, "total_bytes", s->total_bytes);
  add_u64 (obj, "copied_bytes", s->copied_bytes);
  add_u64 (obj, "skipped_bytes", s->skipped_bytes);
  add_u64 (obj, "bytes_per_second", s->bytes_per_second);
  json_object_object_add (obj, "eta_seconds",
                          s->eta_seconds < 0
                            ? NULL
                            : json_object_new_int64 (s->eta_seconds));
  add_u64 (obj, "sweeps", s->sweeps);
  return obj;
}

static struct json_object *
settings_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "read-policy", s->read_policy);
  add_u64 (obj, "resync-rate", s->resync_rate);
  add_u64 (obj, "resync-min", s->resync_min);
  add_u64 (obj, "leg-timeout", s->leg_timeout);
  add_u64 (obj, "flush-timeout", s->flush_timeout);
  add_u64 (obj, "leg-fail-after", s->leg_fail_after);
  add_u64 (obj, "log-timeout", s->log_timeout);
  add_u64 (obj, "hold-timeout", s->hold_timeout);
  add_u64 (obj, "quarantine", s->quarantine);
  return obj;
}

struct json_object *
status_to_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_u64 (obj, "version", STATUS_VERSION);
  json_object_object_add (obj, "mirror", mirror_json (s));
  json_object_object_add (obj, "legs", legs_json (s));
  json_object_object_add (obj, "log", log_json (s));
  json_object_object_add (obj, "resync", resync_json (s));
  json_object_object_add (obj, "settings", settings_json (s));
  return obj;
}
