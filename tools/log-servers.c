/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "log-print.h"
#include "log-servers.h"
#include "msg.h"

/* --- the list --- */

static int
add_server (struct log_servers *s, const char *text, size_t len,
            const char **why)
{
  struct log_server *server = &s->server[s->nr];

  *why = "too many servers";
  if (s->nr == LOG_MAX_SERVERS)
    return -1;
  if (address_parse (&server->address, text, len, PROTO_DEFAULT_PORT_TEXT,
                     why) == -1)
    return -1;
  snprintf (s->text[s->nr], LOG_SERVER_TEXT, "%.*s", (int) len, text);
  server->text = s->text[s->nr];
  s->state[s->nr] = SERVER_NOT_ASKED;
  s->nr++;
  return 0;
}

int
log_servers_parse (struct log_servers *s, const char *text, size_t len,
                   const char **why)
{
  const char *comma;

  s->nr = 0;
  s->operand = text;
  while (text[0] != '/' && (comma = memchr (text, ',', len))) {
    if (add_server (s, text, (size_t) (comma - text), why) == -1)
      return -1;
    len -= (size_t) (comma + 1 - text);
    text = comma + 1;
  }
  return add_server (s, text, len, why);
}

void
log_servers_set (struct log_servers *s, struct tls *tls, double timeout_s)
{
  if (s->nr == 1)
    s->server[0].text = s->operand;
  for (unsigned i = 0; i < LOG_MAX_SERVERS; ++i) {
    s->server[i].tls = tls;
    s->server[i].timeout_s = timeout_s;
  }
}

const char *
log_server_state_name (enum log_server_state state)
{
  static const char *const names[] = {
    [SERVER_NOT_ASKED] = "not-asked",
    [SERVER_ANSWERED] = "answered",
    [SERVER_AWAY] = "away",
  };

  return names[state];
}

/* --- asking --- */

static enum log_outcome
ask (struct log_servers *s, unsigned i, const struct proto_msg *request,
     const char *(*on_text) (void *opaque, struct proto_str text),
     void *opaque)
{
  enum log_outcome outcome =
    log_request (&s->server[i], request, on_text, opaque);

  s->state[i] = outcome == LOG_NO_ANSWER ? SERVER_AWAY : SERVER_ANSWERED;
  return outcome;
}

enum log_outcome
log_servers_request (struct log_servers *s, const struct proto_msg *request,
                     const char *(*on_text) (void *opaque,
                                             struct proto_str text),
                     void *opaque)
{
  enum log_outcome outcome = LOG_NO_ANSWER;

  for (unsigned i = 0; i < s->nr && outcome == LOG_NO_ANSWER; ++i)
    outcome = ask (s, i, request, on_text, opaque);
  return outcome;
}

const char *
log_servers_add (void *opaque, struct proto_str text)
{
  struct json_object *logs = opaque, *log = NULL;
  struct json_tokener *tokener = json_tokener_new ();

  if (tokener)
    log = json_tokener_parse_ex (tokener, text.s, (int) text.len);
  json_tokener_free (tokener);
  if (log_is_complete (log)) {
    json_object_array_add (logs, log);
    return NULL;
  }
  json_object_put (log);
  return "the answer is no status of a log";
}

/* --- all logs of a store --- */

static const struct proto_msg list_all = {.type = PROTO_STATUS_INFO};

static void
clear (struct json_object *array)
{
  json_object_array_del_idx (array, 0, json_object_array_length (array));
}

static bool
is_elsewhere (struct json_object *log)
{
  return strcmp (field_text (log, "state"), "elsewhere") == 0;
}

/* Its place in the list, or nr. */
static unsigned
find_server (const struct log_servers *s, const char *text)
{
  unsigned i = 0;

  while (i < s->nr && strcmp (s->text[i], text) != 0)
    ++i;
  return i;
}

/* The same log as another server has it, or NULL. */
static struct json_object *
find_log (struct json_object *logs, const char *name)
{
  struct json_object *log;

  for (size_t i = 0; i < json_object_array_length (logs); ++i) {
    log = json_object_array_get_idx (logs, i);
    if (strcmp (field_text (log, "name"), name) == 0 && !is_elsewhere (log))
      return log;
  }
  return NULL;
}

/* Those that the server has; theirs NULL: it is away. */
static void
take_logs (struct json_object *logs, const char *server,
           struct json_object *theirs)
{
  struct json_object *log, *found;

  for (size_t i = 0; i < json_object_array_length (logs); ++i) {
    log = json_object_array_get_idx (logs, i);
    if (!is_elsewhere (log) ||
        strcmp (field_text (log, "server"), server) != 0)
      continue;
    found = theirs ? find_log (theirs, field_text (log, "name")) : NULL;
    if (found)
      json_object_array_put_idx (logs, i, json_object_get (found));
    else if (!theirs)
      field_add_bool (log, "away", true);
  }
}

/* False: it can't be asked. */
static bool
know_server (struct log_servers *s, const char *server)
{
  const char *why;

  if (find_server (s, server) < s->nr)
    return true;
  if (add_server (s, server, strlen (server), &why) == 0)
    return true;
  msg_error ("%s: %s", server, why);
  return false;
}

static void
ask_other (struct log_servers *s, const char *server, struct json_object *logs)
{
  struct json_object *theirs = json_object_new_array ();
  char text[LOG_SERVER_TEXT];
  enum log_outcome outcome;

  snprintf (text, sizeof text, "%s", server);
  outcome = ask (s, find_server (s, text), &list_all, log_servers_add, theirs);
  take_logs (logs, text, outcome == LOG_DONE ? theirs : NULL);
  json_object_put (theirs);
}

/* Each server is asked once. */
static void
ask_others (struct log_servers *s, struct json_object *logs)
{
  struct json_object *log;
  const char *server;

  for (size_t i = 0; i < json_object_array_length (logs); ++i) {
    log = json_object_array_get_idx (logs, i);
    server = field_text (log, "server");
    if (is_elsewhere (log) && !field_bool (log, "away") &&
        know_server (s, server)) {
      if (s->state[find_server (s, server)] == SERVER_NOT_ASKED)
        ask_other (s, server, logs);
      else if (s->state[find_server (s, server)] == SERVER_AWAY)
        field_add_bool (log, "away", true);
    }
  }
}

enum log_outcome
log_servers_list (struct log_servers *s, struct json_object *logs)
{
  enum log_outcome outcome = LOG_NO_ANSWER;

  for (unsigned i = 0; i < s->nr && outcome == LOG_NO_ANSWER; ++i) {
    clear (logs);
    outcome = ask (s, i, &list_all, log_servers_add, logs);
  }
  if (outcome == LOG_DONE)
    ask_others (s, logs);
  return outcome;
}
