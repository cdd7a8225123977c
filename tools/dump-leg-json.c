/* SPDX-License-Identifier: BSD-3-Clause */

/* The record and the beat of a leg as JSON. */

#include "config.h"

#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

#include "dump-leg-facts.h"
#include "dump-leg.h"
#include "fields.h"
#include "record-owner.h"
#include "zero.h"

#define DUMP_LEG_VERSION 1

/* null if it is zero */
static void
add_id (struct json_object *obj, const char *key, const uint8_t *id)
{
  char uuid[UUID_TEXT];

  if (is_zero (id, RECORD_ID_SIZE))
    json_object_object_add (obj, key, NULL);
  else
    field_add_text (obj, key, format_uuid (uuid, id));
}

static void
add_owner (struct json_object *obj, const struct record_owner *owner)
{
  struct json_object *o = json_object_new_object ();

  field_add_u64 (o, "pid", owner->pid);
  field_add_text (o, "host", owner->host);
  add_id (o, "boot", owner->boot);
  add_id (o, "machine", owner->machine);
  field_add_u64 (o, "pid_namespace", owner->pid_ns);
  field_add_bool (o, "gone", record_owner_is_gone (owner));
  json_object_object_add (obj, "owner", o);
}

static void
add_place (struct json_object *obj, const struct leg_find *from)
{
  bool trailer = from->where == RECORD_TRAILER;

  field_add_text (obj, "place", trailer ? "trailer" : "file");
  if (trailer)
    field_add_u64 (obj, "offset", from->trailer);
  else
    field_add_text (obj, "path", from->path ? from->path : from->name);
}

static struct json_object *
slots_json (const struct leg_facts *facts)
{
  struct json_object *slots = json_object_new_array ();

  for (unsigned i = 0; i < 2; ++i) {
    struct json_object *slot = json_object_new_object ();
    enum record_verdict verdict = facts->slot_verdict[i];

    field_add_text (slot, "found", record_verdict_name (verdict));
    if (verdict == RECORD_VALID || verdict == RECORD_FOREIGN)
      field_add_u64 (slot, "version", facts->version[i]);
    if (verdict == RECORD_VALID)
      field_add_u64 (slot, "sequence", facts->slot[i].sequence);
    field_add_bool (slot, "counts", (int) i == facts->counts);
    json_object_array_add (slots, slot);
  }
  return slots;
}

static struct json_object *
leg_json (const struct leg_record *r, unsigned slot)
{
  struct json_object *leg = json_object_new_object ();

  field_add_u64 (leg, "index", slot);
  field_add_text (leg, "name", r->name[slot]);
  add_id (leg, "id", r->legs[slot]);
  field_add_text (leg, "state",
                  record_has_leg (r->in_sync, slot) ? "in-sync" : "stale");
  field_add_bool (leg, "primary", slot == r->primary);
  field_add_bool (leg, "this", slot == r->slot);
  field_add_u64 (leg, "had_sequence", r->had[slot].sequence);
  field_add_u64 (leg, "had_beats", r->had[slot].count);
  return leg;
}

static struct json_object *
legs_json (const struct leg_record *r)
{
  struct json_object *legs = json_object_new_array ();

  for (unsigned s = 0; s < RECORD_MAX_LEGS; ++s)
    if (record_has_leg (r->configured, s))
      json_object_array_add (legs, leg_json (r, s));
  return legs;
}

static void
add_record (struct json_object *obj, const struct leg_facts *facts)
{
  const struct leg_record *r = &facts->record;

  field_add_bool (obj, "other_file", facts->other_file);
  add_id (obj, "mirror", r->mirror);
  add_id (obj, "history", r->history);
  add_id (obj, "parent", r->parent);
  field_add_u64 (obj, "parent_generation", r->parent_generation);
  add_id (obj, "leg", r->leg);
  add_id (obj, "file", r->file);
  field_add_u64 (obj, "index", r->slot);
  field_add_u64 (obj, "sequence", r->sequence);
  field_add_u64 (obj, "generation", r->generation);
  field_add_bool (obj, "clean", r->flags & RECORD_CLEAN);
  add_owner (obj, &r->owner);
  field_add_u64 (obj, "size", r->size);
  field_add_u64 (obj, "leg_size", r->leg_size);
  field_add_u64 (obj, "region_size", r->region_size);
  field_add_text (obj, "log", r->log_name);
  json_object_object_add (obj, "legs", legs_json (r));
}

static struct json_object *
record_json (const struct leg_facts *facts)
{
  struct json_object *obj = json_object_new_object ();

  add_place (obj, facts->from);
  field_add_text (obj, "found", record_verdict_name (facts->verdict));
  json_object_object_add (obj, "slots", slots_json (facts));
  if (facts->verdict == RECORD_VALID)
    add_record (obj, facts);
  return obj;
}

static struct json_object *
beat_json (const struct leg_facts *facts)
{
  const struct leg_beat *beat = &facts->beat;
  struct json_object *obj = json_object_new_object ();

  field_add_text (obj, "found", record_verdict_name (facts->beat_verdict));
  if (facts->beat_verdict != RECORD_VALID)
    return obj;
  field_add_bool (obj, "used", beat->used);
  field_add_u64 (obj, "count", beat->count);
  field_add_u64 (obj, "interval_ms", beat->interval_ms);
  add_id (obj, "session", beat->session);
  add_id (obj, "mirror", beat->mirror);
  field_add_u64 (obj, "generation", beat->generation);
  field_add_u64 (obj, "flush_number", beat->flush_number);
  add_owner (obj, &beat->owner);
  return obj;
}

void
dump_leg_json (FILE *out, const struct leg_facts *facts)
{
  struct json_object *obj = json_object_new_object ();

  field_add_u64 (obj, "version", DUMP_LEG_VERSION);
  field_add_text (obj, "name", facts->from->name);
  json_object_object_add (obj, "leg_record", record_json (facts));
  json_object_object_add (obj, "beat", beat_json (facts));
  print_json (out, obj);
  json_object_put (obj);
}
