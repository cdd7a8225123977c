/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "control-commands.h"
#include "mirror.h"
#include "status-json.h"

#define MAX_DEPTH 8

/* A command adds what it answers to reply: 0, or -1 after it added why not
 * as "error".  It must not block: the thread serves all clients.
 */
struct command {
  const char *name;
  int (*run) (struct mirror *m, struct json_object *request,
              struct json_object *reply);
};

static void
add_ok (struct json_object *reply, bool ok)
{
  json_object_object_add (reply, "ok", json_object_new_boolean (ok));
}

static void
add_error (struct json_object *reply, const char *error)
{
  json_object_object_add (reply, "error", json_object_new_string (error));
}

/* Too large for a stack; commands run one at a time. */
static struct mirror_status status;

static int
run_status (struct mirror *m, struct json_object *request,
            struct json_object *reply)
{
  (void) request;
  mirror_status (m, &status);
  json_object_object_add (reply, "status", status_to_json (&status));
  return 0;
}

static const struct command commands[] = {
  {"status", run_status},
  {NULL, NULL},
};

static int
add_unknown_command (struct json_object *reply, const char *name)
{
  char error[512];
  int len = snprintf (error, sizeof error,
                      "unknown command \"%.64s\", not one of:", name);

  for (const struct command *cmd = commands; cmd->name != NULL; ++cmd)
    len +=
      snprintf (error + len, sizeof error - (size_t) len, " %s", cmd->name);
  add_error (reply, error);
  return -1;
}

static int
run_request (struct mirror *m, struct json_object *request,
             struct json_object *reply)
{
  struct json_object *name;

  if (!json_object_object_get_ex (request, "command", &name) ||
      !json_object_is_type (name, json_type_string)) {
    add_error (reply, "the request has no string \"command\"");
    return -1;
  }
  for (const struct command *cmd = commands; cmd->name != NULL; ++cmd)
    if (strcmp (cmd->name, json_object_get_string (name)) == 0)
      return cmd->run (m, request, reply);
  return add_unknown_command (reply, json_object_get_string (name));
}

static bool
only_space (const char *s, size_t len)
{
  for (size_t i = 0; i < len; ++i)
    if (!isspace ((unsigned char) s[i]))
      return false;
  return true;
}

/* The JSON object that the line is, or NULL. */
static struct json_object *
parse_line (const char *line, size_t len)
{
  struct json_tokener *tok = json_tokener_new_ex (MAX_DEPTH);
  struct json_object *obj;
  size_t end;

  if (tok == NULL)
    return NULL;
  json_tokener_set_flags (tok,
                          JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  obj = json_tokener_parse_ex (tok, line, (int) len);
  end = json_tokener_get_parse_end (tok);
  json_tokener_free (tok);
  if (obj != NULL && json_object_is_type (obj, json_type_object) &&
      only_space (line + end, len - end))
    return obj;
  json_object_put (obj);
  return NULL;
}

struct json_object *
control_answer (struct mirror *m, const char *line, size_t len)
{
  struct json_object *reply = json_object_new_object ();
  struct json_object *request = parse_line (line, len);
  int r = -1;

  add_ok (reply, true);
  if (request == NULL)
    add_error (reply, "the request is not a JSON object");
  else
    r = run_request (m, request, reply);
  if (r == -1)
    add_ok (reply, false);
  json_object_put (request);
  return reply;
}

struct json_object *
control_refusal (const char *error)
{
  struct json_object *reply = json_object_new_object ();

  add_ok (reply, false);
  add_error (reply, error);
  return reply;
}
