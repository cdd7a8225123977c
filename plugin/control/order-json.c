/* SPDX-License-Identifier: BSD-3-Clause */

/* Orders to the mirror as JSON.  What is not known is refused, not ignored: a
 * client that writes "dryrun" does not want it done.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "order-json.h"

/* What a request may say beside its command. */
enum {
  HAS_LEG = 1 << 0,
  HAS_NAME = 1 << 1,
  HAS_VALUE = 1 << 2,
  HAS_SECONDS = 1 << 3,
  HAS_TRACK = 1 << 4,
  HAS_DRY_RUN = 1 << 5,
  HAS_NEW = 1 << 6,
  HAS_OVERWRITE = 1 << 7,
  HAS_FROM = 1 << 8,
  HAS_REPAIR = 1 << 9,
  HAS_OFFSET = 1 << 10,
  HAS_LENGTH = 1 << 11,
  HAS_RATE = 1 << 12,
  HAS_SIZE = 1 << 13,
  HAS_LOG = 1 << 14,
};
#define MUST_HAVE \
  (HAS_LEG | HAS_NEW | HAS_NAME | HAS_VALUE | HAS_SECONDS | HAS_LOG)

static const struct command {
  const char *name;
  enum order_verb verb;
  bool quick;
  unsigned members;
} commands[] = {
  {"fail", ORDER_FAIL, false, HAS_LEG | HAS_DRY_RUN},
  {"detach", ORDER_DETACH, false, HAS_LEG | HAS_TRACK | HAS_DRY_RUN},
  {"attach", ORDER_ATTACH, false, HAS_LEG | HAS_DRY_RUN},
  {"add", ORDER_ADD, false, HAS_NEW | HAS_OVERWRITE | HAS_DRY_RUN},
  {"remove", ORDER_REMOVE, false, HAS_LEG | HAS_DRY_RUN},
  {"replace", ORDER_REPLACE, false,
   HAS_LEG | HAS_NEW | HAS_OVERWRITE | HAS_DRY_RUN},
  {"rename", ORDER_RENAME, false, HAS_LEG | HAS_NEW | HAS_DRY_RUN},
  {"may-stop", ORDER_MAY_STOP, false, HAS_LEG},
  {"resync-pause", ORDER_PAUSE, true, HAS_DRY_RUN},
  {"resync-resume", ORDER_UNPAUSE, true, HAS_DRY_RUN},
  {"set", ORDER_SET, false, HAS_NAME | HAS_VALUE | HAS_DRY_RUN},
  {"suspend", ORDER_SUSPEND, false, HAS_SECONDS | HAS_DRY_RUN},
  {"resume", ORDER_RESUME, true, HAS_DRY_RUN},
  {"stop", ORDER_STOP, false, HAS_SECONDS | HAS_DRY_RUN},
  {"log-move", ORDER_MOVE_LOG, false, HAS_LOG | HAS_DRY_RUN},
  {"grow", ORDER_GROW, false, HAS_SIZE | HAS_DRY_RUN},
  {"scrub-start", ORDER_SCRUB_START, false,
   HAS_OFFSET | HAS_LENGTH | HAS_RATE | HAS_REPAIR | HAS_FROM | HAS_DRY_RUN},
  {"scrub-pause", ORDER_SCRUB_PAUSE, false, HAS_DRY_RUN},
  {"scrub-resume", ORDER_SCRUB_RESUME, false, HAS_RATE | HAS_DRY_RUN},
  {"scrub-stop", ORDER_SCRUB_STOP, false, HAS_DRY_RUN},
  {"scrub-repair", ORDER_SCRUB_REPAIR, false, HAS_FROM | HAS_DRY_RUN},
};
#define NR_COMMANDS (sizeof commands / sizeof commands[0])

#define MAX_SECONDS 86400
#define MAX_LOG 4000

static const char *
text_of (struct json_object *value)
{
  return json_object_is_type (value, json_type_string)
           ? json_object_get_string (value)
           : NULL;
}

/* A leg's number and a setting's value may be written as numbers. */
static const char *
text_or_number (struct json_object *value)
{
  if (json_object_is_type (value, json_type_int) &&
      json_object_get_int64 (value) >= 0)
    return json_object_to_json_string (value);
  return text_of (value);
}

static bool
get_text (const char **text, const char *value)
{
  *text = value;
  return value != NULL;
}

/* As the plugin's own parameters are. */
static bool
get_new_leg (const char **text, const char *value)
{
  return get_text (text, value) && (value[0] == '/' || strstr (value, "://"));
}

/* As log= of the command line, a path is absolute. */
static bool
get_log (const char **text, const char *value)
{
  return get_text (text, value) && strlen (value) < MAX_LOG &&
         (strcmp (value, "core") == 0 || strncmp (value, "disk:/", 6) == 0 ||
          strncmp (value, "userspace", 9) == 0);
}

static bool
get_seconds (unsigned *seconds, struct json_object *value)
{
  int64_t n = json_object_get_int64 (value);

  if (!json_object_is_type (value, json_type_int) || n < 0 || n > MAX_SECONDS)
    return false;
  *seconds = (unsigned) n;
  return true;
}

static bool
get_u64 (uint64_t *n, struct json_object *value)
{
  if (!json_object_is_type (value, json_type_int) ||
      json_object_get_int64 (value) < 0)
    return false;
  *n = (uint64_t) json_object_get_int64 (value);
  return true;
}

static bool
get_bool (bool *flag, struct json_object *value)
{
  *flag = json_object_get_boolean (value);
  return json_object_is_type (value, json_type_boolean);
}

static int
take_scrub_member (struct order *order, const char *key,
                   struct json_object *value)
{
  if (strcmp (key, "from") == 0)
    return get_text (&order->from, text_or_number (value)) ? HAS_FROM : -1;
  if (strcmp (key, "repair") == 0)
    return get_bool (&order->repair, value) ? HAS_REPAIR : -1;
  if (strcmp (key, "offset") == 0)
    return get_u64 (&order->offset, value) ? HAS_OFFSET : -1;
  if (strcmp (key, "length") == 0)
    return get_u64 (&order->length, value) ? HAS_LENGTH : -1;
  if (strcmp (key, "rate") == 0) {
    order->has_rate = true;
    return get_u64 (&order->rate, value) ? HAS_RATE : -1;
  }
  return 0;
}

/* The member's bit; 0: it is unknown, -1: its value is wrong. */
static int
take_member (struct order *order, const char *key, struct json_object *value)
{
  if (strcmp (key, "leg") == 0)
    return get_text (&order->leg, text_or_number (value)) ? HAS_LEG : -1;
  if (strcmp (key, "new") == 0)
    return get_new_leg (&order->new_leg, text_of (value)) ? HAS_NEW : -1;
  if (strcmp (key, "name") == 0)
    return get_text (&order->name, text_of (value)) ? HAS_NAME : -1;
  if (strcmp (key, "value") == 0)
    return get_text (&order->value, text_or_number (value)) ? HAS_VALUE : -1;
  if (strcmp (key, "seconds") == 0)
    return get_seconds (&order->seconds, value) ? HAS_SECONDS : -1;
  if (strcmp (key, "track") == 0)
    return get_bool (&order->track, value) ? HAS_TRACK : -1;
  if (strcmp (key, "log") == 0)
    return get_log (&order->value, text_of (value)) ? HAS_LOG : -1;
  if (strcmp (key, "size") == 0)
    return get_text (&order->value, text_or_number (value)) ? HAS_SIZE : -1;
  if (strcmp (key, "overwrite") == 0)
    return get_bool (&order->overwrite, value) ? HAS_OVERWRITE : -1;
  if (strcmp (key, "dry_run") == 0)
    return get_bool (&order->dry_run, value) ? HAS_DRY_RUN : -1;
  return take_scrub_member (order, key, value);
}

static const char *
missing_member (unsigned missing)
{
  return missing & HAS_LOG     ? "log"
         : missing & HAS_LEG   ? "leg"
         : missing & HAS_NEW   ? "new"
         : missing & HAS_NAME  ? "name"
         : missing & HAS_VALUE ? "value"
                               : "seconds";
}

static int
take_members (const struct command *cmd, struct json_object *request,
              struct order *order, char *error, size_t size)
{
  unsigned missing = cmd->members & MUST_HAVE;

  json_object_object_foreach (request, key, value)
  {
    int bit;

    if (strcmp (key, "command") == 0)
      continue;
    bit = take_member (order, key, value);
    if (bit == -1) {
      snprintf (error, size, "%s: \"%.64s\" has a wrong value", cmd->name,
                key);
      return -1;
    }
    if (!(cmd->members & (unsigned) bit)) {
      snprintf (error, size, "%s: there is no \"%.64s\"", cmd->name, key);
      return -1;
    }
    missing &= ~(unsigned) bit;
  }
  if (missing == 0)
    return 1;
  snprintf (error, size, "%s: \"%s\" is missing", cmd->name,
            missing_member (missing));
  return -1;
}

int
order_from_json (struct json_object *request, struct order *order, char *error,
                 size_t size)
{
  struct json_object *name;

  memset (order, 0, sizeof *order);
  if (!json_object_object_get_ex (request, "command", &name) ||
      !json_object_is_type (name, json_type_string)) {
    snprintf (error, size, "the request has no string \"command\"");
    return -1;
  }
  for (size_t i = 0; i < NR_COMMANDS; ++i)
    if (strcmp (commands[i].name, json_object_get_string (name)) == 0) {
      order->verb = commands[i].verb;
      return take_members (&commands[i], request, order, error, size);
    }
  return 0;
}

bool
order_is_quick (enum order_verb verb)
{
  for (size_t i = 0; i < NR_COMMANDS; ++i)
    if (commands[i].verb == verb)
      return commands[i].quick;
  return false;
}

void
order_names (char *buf, size_t size)
{
  size_t len = 0;

  buf[0] = '\0';
  for (size_t i = 0; i < NR_COMMANDS && len < size; ++i)
    len += (size_t) snprintf (buf + len, size - len, " %s", commands[i].name);
}
