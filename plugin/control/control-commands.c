/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "control-commands.h"
#include "mirror.h"
#include "order-json.h"
#include "status-json.h"
#include "utf8.h"

#define MAX_DEPTH 8

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

struct json_object *
control_refusal (const char *error)
{
  struct json_object *reply = json_object_new_object ();

  add_ok (reply, false);
  add_error (reply, error);
  return reply;
}

/* Too large for a stack; commands run one at a time. */
static struct mirror_status status;

static void
add_status (struct mirror *m, struct json_object *reply)
{
  mirror_status (m, &status);
  json_object_object_add (reply, "status", status_to_json (&status));
}

static void
add_outcome (struct json_object *reply, const struct order *order,
             const struct outcome *outcome)
{
  char text[sizeof outcome->text];
  size_t len = utf8_copy (text, sizeof text, outcome->text);

  json_object_object_add (reply, "changed",
                          json_object_new_boolean (outcome->changed));
  json_object_object_add (reply, "dry_run",
                          json_object_new_boolean (order->dry_run));
  json_object_object_add (reply, "message",
                          json_object_new_string_len (text, (int) len));
}

static struct json_object *
run_order (struct mirror *m, const struct order *order)
{
  struct json_object *reply;
  struct outcome outcome;

  if (mirror_order (m, order, &outcome) == -1)
    return control_refusal (outcome.text);
  reply = json_object_new_object ();
  add_ok (reply, true);
  add_outcome (reply, order, &outcome);
  return reply;
}

struct json_object *
control_order (struct mirror *m, struct json_object *request)
{
  char error[128];
  struct order order;

  return order_from_json (request, &order, error, sizeof error) == 1
           ? run_order (m, &order)
           : control_refusal (error);
}

static bool
is_status (struct json_object *request)
{
  struct json_object *name;

  return json_object_object_get_ex (request, "command", &name) &&
         json_object_is_type (name, json_type_string) &&
         strcmp (json_object_get_string (name), "status") == 0;
}

static struct json_object *
refuse_unknown (struct json_object *request)
{
  char error[1024], names[768];
  struct json_object *name = json_object_object_get (request, "command");

  order_names (names, sizeof names);
  snprintf (error, sizeof error,
            "unknown command \"%.64s\", not one of: status%s",
            json_object_get_string (name), names);
  return control_refusal (error);
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

static struct json_object *
answer_status (struct mirror *m)
{
  struct json_object *reply = json_object_new_object ();

  add_ok (reply, true);
  add_status (m, reply);
  return reply;
}

/* The reply, or NULL if it takes time. */
static struct json_object *
answer_request (struct mirror *m, struct json_object *request)
{
  struct order order;
  char error[128];
  int r;

  if (is_status (request))
    return answer_status (m);
  r = order_from_json (request, &order, error, sizeof error);
  if (r == -1)
    return control_refusal (error);
  if (r == 0)
    return refuse_unknown (request);
  return order_is_quick (order.verb) ? run_order (m, &order) : NULL;
}

struct json_object *
control_answer (struct mirror *m, const char *line, size_t len,
                struct json_object **order)
{
  struct json_object *request = parse_line (line, len), *reply;

  *order = NULL;
  if (request == NULL)
    return control_refusal ("the request is not a JSON object");
  reply = answer_request (m, request);
  if (reply == NULL)
    *order = request;
  else
    json_object_put (request);
  return reply;
}
