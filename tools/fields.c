/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading, and printing, the JSON of a status. */

#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "nbdmirror.h"
#include "utf8.h"

static const struct {
  const char *state;
  int code;
} exit_codes[] = {
  {"in-sync", EXIT_IN_SYNC},   {"resyncing", EXIT_DEGRADED},
  {"degraded", EXIT_DEGRADED}, {"held", EXIT_DEGRADED},
  {"failed", EXIT_FAILED},
};

#define NR_STATES (sizeof exit_codes / sizeof exit_codes[0])

static struct json_object *
field (struct json_object *obj, const char *key, enum json_type type)
{
  struct json_object *value;

  if (!json_object_object_get_ex (obj, key, &value) ||
      !json_object_is_type (value, type))
    return NULL;
  return value;
}

const char *
field_text (struct json_object *obj, const char *key)
{
  struct json_object *value = field (obj, key, json_type_string);

  return value == NULL ? "" : json_object_get_string (value);
}

uint64_t
field_u64 (struct json_object *obj, const char *key)
{
  struct json_object *value = field (obj, key, json_type_int);

  return value == NULL ? 0 : json_object_get_uint64 (value);
}

bool
field_bool (struct json_object *obj, const char *key)
{
  struct json_object *value = field (obj, key, json_type_boolean);

  return value != NULL && json_object_get_boolean (value);
}

struct json_object *
field_object (struct json_object *obj, const char *key)
{
  return field (obj, key, json_type_object);
}

void
field_add_text (struct json_object *obj, const char *key, const char *text)
{
  char buf[4096];
  size_t len = utf8_copy (buf, sizeof buf, text);

  json_object_object_add (obj, key,
                          json_object_new_string_len (buf, (int) len));
}

void
field_add_u64 (struct json_object *obj, const char *key, uint64_t value)
{
  json_object_object_add (obj, key, json_object_new_uint64 (value));
}

void
field_add_bool (struct json_object *obj, const char *key, bool value)
{
  json_object_object_add (obj, key, json_object_new_boolean (value));
}

bool
status_is_complete (struct json_object *status)
{
  struct json_object *legs = field (status, "legs", json_type_array);

  if (legs == NULL || status_exit_code (status) == EXIT_NO_ANSWER)
    return false;
  for (size_t i = 0; i < json_object_array_length (legs); ++i)
    if (*field_text (json_object_array_get_idx (legs, i), "state") == '\0')
      return false;
  return true;
}

size_t
status_nr_legs (struct json_object *status)
{
  return json_object_array_length (field (status, "legs", json_type_array));
}

struct json_object *
status_leg (struct json_object *status, size_t i)
{
  return json_object_array_get_idx (field (status, "legs", json_type_array),
                                    i);
}

bool
leg_is (struct json_object *leg, const char *state)
{
  return strcmp (field_text (leg, "state"), state) == 0;
}

size_t
status_count_legs (struct json_object *status, const char *state)
{
  size_t count = 0;

  for (size_t i = 0; i < status_nr_legs (status); ++i)
    count += leg_is (status_leg (status, i), state);
  return count;
}

static int
state_code (const char *state)
{
  for (size_t i = 0; i < NR_STATES; ++i)
    if (strcmp (state, exit_codes[i].state) == 0)
      return exit_codes[i].code;
  return EXIT_NO_ANSWER;
}

static bool
has_hanging_leg (struct json_object *status)
{
  for (size_t i = 0; i < status_nr_legs (status); ++i)
    if (field_u64 (status_leg (status, i), "no_answer_seconds") > 0)
      return true;
  return false;
}

/* Legs that are equal are not all: without its log a mirror serves until a
 * mark is needed, or its lease is over, and with a leg that hangs until
 * something is written.
 */
int
status_exit_code (struct json_object *status)
{
  struct json_object *log = field_object (status, "log");
  int code =
    state_code (field_text (field_object (status, "mirror"), "state"));

  if (code == EXIT_IN_SYNC && (strcmp (field_text (log, "state"), "ok") != 0 ||
                               has_hanging_leg (status)))
    return EXIT_DEGRADED;
  return code;
}

void
print_safe (FILE *out, const char *text)
{
  for (; *text != '\0'; ++text) {
    unsigned char ch = (unsigned char) *text;

    fputc (ch < ' ' || ch == 0x7f ? '?' : ch, out);
  }
}

void
print_json (FILE *out, struct json_object *obj)
{
  fprintf (out, "%s\n",
           json_object_to_json_string_ext (obj,
                                           JSON_C_TO_STRING_PRETTY |
                                             JSON_C_TO_STRING_SPACED |
                                             JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *
format_size (char buf[SIZE_TEXT], uint64_t bytes)
{
  static const char *const unit[] = {"B",   "KiB", "MiB", "GiB",
                                     "TiB", "PiB", "EiB"};
  size_t i = 0;
  double n = (double) bytes;

  while (n >= 1023.95 && i < sizeof unit / sizeof unit[0] - 1) {
    n /= 1024;
    ++i;
  }
  snprintf (buf, SIZE_TEXT, n == (double) (uint64_t) n ? "%.0f %s" : "%.1f %s",
            n, unit[i]);
  return buf;
}

char *
format_uuid (char buf[UUID_TEXT], const uint8_t uuid[16])
{
  char *p = buf;

  for (size_t i = 0; i < 16; ++i)
    p += sprintf (p, "%s%02x", i >= 4 && i <= 10 && i % 2 == 0 ? "-" : "",
                  uuid[i]);
  return buf;
}
