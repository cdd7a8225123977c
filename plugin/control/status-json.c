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
  add_u64 (obj, "grows_to", s->grows_to);
  add_u64 (obj, "grown", s->grown);
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
  json_object_object_add (obj, "slow", json_object_new_boolean (l->slow));
  add_u64 (obj, "p99_read_us", l->p99_us[0]);
  add_u64 (obj, "p99_write_us", l->p99_us[1]);
  add_u64 (obj, "p99_flush_us", l->p99_us[2]);
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
log_servers_json (const struct mirror_status *s)
{
  struct json_object *servers = json_object_new_array (), *obj;

  for (unsigned i = 0; i < s->log_nr_servers; ++i) {
    obj = json_object_new_object ();
    add_text (obj, "server", s->log_server[i].name);
    add_text (obj, "state", s->log_server[i].state);
    json_object_array_add (servers, obj);
  }
  return servers;
}

static struct json_object *
log_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "type", s->log_type);
  add_text (obj, "name", s->log_name);
  add_text (obj, "state", s->log_state);
  if (s->log_nr_servers > 0)
    json_object_object_add (obj, "servers", log_servers_json (s));
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
rate_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "why", s->rate_why);
  add_u64 (obj, "bytes_per_second", s->rate_now);
  add_u64 (obj, "allowed", s->rate_allowed);
  add_u64 (obj, "client_p99_us", s->client_p99_us);
  add_u64 (obj, "alone_p99_us", s->alone_p99_us);
  return obj;
}

static struct json_object *
checksums_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "state", s->sums_state);
  add_text (obj, "file", s->sums_file);
  json_object_object_add (obj, "verify_reads",
                          json_object_new_boolean (s->sums_verify_reads));
  add_u64 (obj, "verified", s->sums_verified);
  add_u64 (obj, "wrong", s->sums_wrong);
  add_u64 (obj, "repaired", s->sums_repaired);
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
  add_u64 (obj, "local-timeout", s->local_timeout);
  add_u64 (obj, "log-timeout", s->log_timeout);
  add_u64 (obj, "hold-timeout", s->hold_timeout);
  add_u64 (obj, "quarantine", s->quarantine);
  return obj;
}

/* Legs by their numbers, those together that hold the same. */
static struct json_object *
groups_json (const struct scrub_found *found)
{
  struct json_object *groups = json_object_new_array (), *group;

  for (unsigned first = 0; first < STATUS_MAX_LEGS; ++first) {
    if (!(found->legs >> first & 1) || found->same_as[first] != first)
      continue;
    group = json_object_new_array ();
    for (unsigned leg = first; leg < STATUS_MAX_LEGS; ++leg)
      if ((found->legs >> leg & 1) && found->same_as[leg] == first)
        json_object_array_add (group, json_object_new_int ((int) leg));
    json_object_array_add (groups, group);
  }
  return groups;
}

static struct json_object *
numbers_json (unsigned legs)
{
  struct json_object *numbers = json_object_new_array ();

  for (unsigned leg = 0; leg < STATUS_MAX_LEGS; ++leg)
    if (legs >> leg & 1)
      json_object_array_add (numbers, json_object_new_int ((int) leg));
  return numbers;
}

static struct json_object *
found_json (const struct scrub_found *found, unsigned nr, bool unread)
{
  struct json_object *all = json_object_new_array ();

  for (unsigned i = 0; i < nr; ++i) {
    struct json_object *obj = json_object_new_object ();

    add_u64 (obj, "offset", found[i].offset);
    add_u64 (obj, "length", found[i].length);
    json_object_object_add (obj, "legs",
                            unread ? numbers_json (found[i].legs)
                                   : groups_json (&found[i]));
    json_object_array_add (all, obj);
  }
  return all;
}

static struct json_object *
scrub_json (const struct scrub_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_text (obj, "state", s->state);
  add_text (obj, "waits", s->waits);
  add_u64 (obj, "begin", s->begin);
  add_u64 (obj, "end", s->end);
  add_u64 (obj, "done_bytes", s->done_bytes);
  add_u64 (obj, "total_bytes", s->total_bytes);
  add_u64 (obj, "rate", s->rate);
  add_u64 (obj, "found_bytes", s->found_bytes);
  add_u64 (obj, "repaired_bytes", s->repaired_bytes);
  add_text (obj, "kept_in", s->kept_in);
  json_object_object_add (obj, "mismatches",
                          found_json (s->differ, s->nr_differ, false));
  json_object_object_add (obj, "more_mismatches",
                          json_object_new_boolean (s->differ_cut));
  json_object_object_add (obj, "read_errors",
                          found_json (s->unread, s->nr_unread, true));
  json_object_object_add (obj, "more_read_errors",
                          json_object_new_boolean (s->unread_cut));
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
  json_object_object_add (obj, "scrub", scrub_json (&s->scrub));
  json_object_object_add (obj, "rate", rate_json (s));
  json_object_object_add (obj, "checksums", checksums_json (s));
  json_object_object_add (obj, "settings", settings_json (s));
  return obj;
}
