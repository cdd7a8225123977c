/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "deadline.h"
#include "lease-text.h"

#define TEXT_VERSION 1
#define MAX_DEPTH 4
#define MAX_LENGTH_MS INT64_C (86400000)

/* --- reading --- */

static struct json_object *
member (struct json_object *obj, const char *name, enum json_type type)
{
  struct json_object *value;

  if (!json_object_object_get_ex (obj, name, &value) ||
      !json_object_is_type (value, type))
    return NULL;
  return value;
}

static bool
get_number (struct json_object *obj, const char *name, uint64_t max,
            uint64_t *number)
{
  struct json_object *value = member (obj, name, json_type_int);

  if (!value || json_object_get_int64 (value) < 0)
    return false;
  *number = json_object_get_uint64 (value);
  return *number <= max;
}

static bool
get_string (struct json_object *obj, const char *name, char *buf, size_t size)
{
  struct json_object *value = member (obj, name, json_type_string);

  if (!value || (size_t) json_object_get_string_len (value) >= size)
    return false;
  snprintf (buf, size, "%s", json_object_get_string (value));
  return true;
}

static int
hex_digit (char c)
{
  const char *digits = "0123456789abcdef", *p = strchr (digits, c);

  return c != '\0' && p ? (int) (p - digits) : -1;
}

static bool
get_id (struct json_object *obj, const char *name, uint8_t id[PROTO_ID_SIZE])
{
  char hex[2 * PROTO_ID_SIZE + 1];

  if (!get_string (obj, name, hex, sizeof hex) ||
      strlen (hex) != 2 * PROTO_ID_SIZE)
    return false;
  for (size_t i = 0; i < PROTO_ID_SIZE; ++i) {
    int high = hex_digit (hex[2 * i]), low = hex_digit (hex[2 * i + 1]);

    if (high < 0 || low < 0)
      return false;
    id[i] = (uint8_t) (high << 4 | low);
  }
  return true;
}

static bool
from_json (struct json_object *obj, struct lease_record *record)
{
  struct lease_holder *holder = &record->holder;
  struct json_object *detached;
  uint64_t version, pid, ms;

  if (!json_object_is_type (obj, json_type_object) ||
      !get_number (obj, "version", TEXT_VERSION, &version) ||
      version != TEXT_VERSION ||
      !get_number (obj, "epoch", INT64_MAX, &record->epoch) ||
      !get_number (obj, "lease_ms", MAX_LENGTH_MS, &ms) ||
      !get_number (obj, "pid", UINT32_MAX, &pid) ||
      !get_id (obj, "session", holder->session) ||
      !get_string (obj, "host", holder->host, sizeof holder->host) ||
      !get_string (obj, "address", holder->address, sizeof holder->address))
    return false;
  detached = member (obj, "detached", json_type_boolean);
  if (!detached)
    return false;
  record->held = !json_object_get_boolean (detached);
  record->length = ms * NSEC_PER_MSEC;
  holder->pid = (uint32_t) pid;
  return true;
}

/* Nothing but space may follow. */
static struct json_object *
parse (const char *text, size_t len)
{
  struct json_tokener *tok = json_tokener_new_ex (MAX_DEPTH);
  struct json_object *obj;

  if (!tok)
    return NULL;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  obj = json_tokener_parse_ex (tok, text, (int) len);
  if (obj && strspn (text + json_tokener_get_parse_end (tok), " \n") !=
               len - json_tokener_get_parse_end (tok)) {
    json_object_put (obj);
    obj = NULL;
  }
  json_tokener_free (tok);
  return obj;
}

bool
lease_from_text (struct lease_record *record, const char *text, size_t len)
{
  struct json_object *obj = parse (text, len);
  bool ok = obj && from_json (obj, record);

  json_object_put (obj);
  return ok;
}

/* --- writing --- */

static void
add_id (struct json_object *obj, const char *name, const uint8_t *id)
{
  char hex[2 * PROTO_ID_SIZE + 1];

  for (size_t i = 0; i < PROTO_ID_SIZE; ++i)
    snprintf (hex + 2 * i, 3, "%02x", id[i]);
  json_object_object_add (obj, name, json_object_new_string (hex));
}

static void
add_number (struct json_object *obj, const char *name, uint64_t number)
{
  json_object_object_add (obj, name, json_object_new_uint64 (number));
}

static struct json_object *
to_json (const struct lease_record *record, const uint8_t *uuid)
{
  const struct lease_holder *holder = &record->holder;
  struct json_object *obj = json_object_new_object ();

  add_number (obj, "version", TEXT_VERSION);
  add_number (obj, "epoch", record->epoch);
  json_object_object_add (obj, "detached",
                          json_object_new_boolean (!record->held));
  add_id (obj, "session", holder->session);
  json_object_object_add (obj, "host", json_object_new_string (holder->host));
  add_number (obj, "pid", holder->pid);
  json_object_object_add (obj, "address",
                          json_object_new_string (holder->address));
  add_number (obj, "lease_ms", record->length / NSEC_PER_MSEC);
  add_id (obj, "uuid", uuid);
  return obj;
}

char *
lease_to_text (const struct lease_record *record, const uint8_t *uuid)
{
  struct json_object *obj = to_json (record, uuid);
  const char *text =
    json_object_to_json_string_ext (obj, JSON_C_TO_STRING_PRETTY);
  char *copy = text ? strdup (text) : NULL;

  json_object_put (obj);
  if (!copy)
    errno = ENOMEM;
  return copy;
}
