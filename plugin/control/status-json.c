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
#include <string.h>

#include <json-c/json.h>

#include "status-json.h"
#include "status.h"

#define STATUS_VERSION 1

/* The length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t
utf8_length (const unsigned char *s)
{
  size_t len = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

  for (size_t i = 1; i < len; ++i)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  /* Not the shortest form, surrogates, above U+10FFFF. */
  if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
      (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
    return 0;
  return len;
}

/* File names may be any bytes, JSON text must be UTF-8: what is not becomes
 * '?'.
 */
static void
add_text (struct json_object *obj, const char *key, const char *text)
{
  char buf[4096];
  size_t len = 0;

  for (const char *s = text; *s != '\0' && len + 4 < sizeof buf;) {
    size_t n = utf8_length ((const unsigned char *) s);

    if (n == 0)
      buf[len++] = '?';
    else
      memcpy (buf + len, s, n);
    len += n;
    s += n == 0 ? 1 : n;
  }
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
  add_text (obj, "state", s->state);
  add_u64 (obj, "dirty_regions", s->dirty_regions);
  add_u64 (obj, "out_of_sync_regions", s->out_of_sync_regions);
  add_u64 (obj, "generation", s->generation);
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
  add_text (obj, "last_error", s->log_last_error);
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

struct json_object *
status_to_json (const struct mirror_status *s)
{
  struct json_object *obj = json_object_new_object ();

  add_u64 (obj, "version", STATUS_VERSION);
  json_object_object_add (obj, "mirror", mirror_json (s));
  json_object_object_add (obj, "legs", legs_json (s));
  json_object_object_add (obj, "log", log_json (s));
  json_object_object_add (obj, "resync", resync_json (s));
  return obj;
}
