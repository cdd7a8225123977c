/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror log list, show, delete, takeover */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fields.h"
#include "log-client.h"
#include "log-servers.h"
#include "log-print.h"
#include "msg.h"
#include "nbdmirror.h"
#include "tls.h"

#define STRING(n) #n
#define STRING_OF(n) STRING (n)

#define LIST_VERSION 1
#define TIMEOUT 10. /* seconds */
/* A mirror that is asked for its log has two leases to give it up. */
#define TAKEOVER_TIMEOUT 30.

enum {
  OPT_HELP = 1,
  OPT_JSON,
  OPT_FENCED,
  OPT_TLS_PSK,
  OPT_TLS_CERTIFICATES,
  OPT_TLS_USERNAME,
  OPT_TIMEOUT,
};

#define SERVER_OPTIONS \
  {"tls-psk", required_argument, NULL, OPT_TLS_PSK}, \
    {"tls-certificates", required_argument, NULL, OPT_TLS_CERTIFICATES}, \
    {"tls-username", required_argument, NULL, OPT_TLS_USERNAME}, \
    {"timeout", required_argument, NULL, OPT_TIMEOUT}, \
    {"help", no_argument, NULL, OPT_HELP}, \
  { \
    NULL, 0, NULL, 0 \
  }

static const struct option show_options[] = {
  {"json", no_argument, NULL, OPT_JSON},
  SERVER_OPTIONS,
};

static const struct option delete_options[] = {
  SERVER_OPTIONS,
};

static const struct option takeover_options[] = {
  {"fenced", no_argument, NULL, OPT_FENCED},
  SERVER_OPTIONS,
};

struct request {
  const char *verb;
  bool json, fenced;
  struct tls_options tls;
  struct log_servers servers;
  double timeout_s;
  const char *text; /* the operand */
  const char *log;  /* "" = all */
};

/* --- the command line --- */

static int
usage (const struct request *r)
{
  return usage_error (r->verb);
}

/* SERVER[,SERVER...], or with NAME behind the last slash. */
static int
parse_operand (struct request *r, const char *text, bool named)
{
  const char *slash = named ? strrchr (text, '/') : NULL;
  const char *why = NULL;

  r->text = text;
  r->log = slash ? slash + 1 : "";
  if (named && (!slash || slash == text))
    why = "must be HOST[:PORT]/NAME or /PATH/OF/SOCKET/NAME";
  else if (named && !proto_name_ok ((struct proto_str){
                      r->log, (uint32_t) strlen (r->log)}))
    why = "the name of the log must be 1 to " STRING_OF (
      PROTO_MAX_NAME) " characters of A-Z a-z 0-9 . _ - and begin with a "
                      "letter or digit";
  else if (log_servers_parse (&r->servers, text,
                              slash ? (size_t) (slash - text) : strlen (text),
                              &why) == 0)
    return 0;
  msg_error ("%s: %s", text, why);
  return -1;
}

static int
parse_option (struct request *r, int opt)
{
  switch (opt) {
  case OPT_JSON:
    r->json = true;
    return 0;
  case OPT_FENCED:
    r->fenced = true;
    return 0;
  case OPT_TLS_PSK:
    r->tls.psk_file = optarg;
    return 0;
  case OPT_TLS_CERTIFICATES:
    r->tls.certificates = optarg;
    return 0;
  case OPT_TLS_USERNAME:
    r->tls.username = optarg;
    return 0;
  case OPT_TIMEOUT:
    return parse_seconds (optarg, &r->timeout_s);
  default:
    return -1;
  }
}

static int
check_tls (const struct tls_options *tls)
{
  if (tls->psk_file && tls->certificates)
    msg_error ("--tls-psk and --tls-certificates exclude each other");
  else if (tls->username && !tls->psk_file)
    msg_error ("--tls-username is only for --tls-psk");
  else
    return 0;
  return -1;
}

/* -1: go on; else the exit code. */
static int
parse (struct request *r, int argc, char *argv[], const struct option *options)
{
  bool named = strcmp (r->verb, "log list") != 0;
  const char *operand;
  int opt;

  while ((opt = getopt_long (argc, argv, "", options, NULL)) != -1)
    if (opt == OPT_HELP)
      return verb_help (r->verb);
    else if (parse_option (r, opt) == -1)
      return usage (r);
  operand = one_operand (argc, argv, named ? "SERVER/NAME" : "SERVER");
  if (operand == NULL || check_tls (&r->tls) == -1 ||
      parse_operand (r, operand, named) == -1)
    return usage (r);
  return -1;
}

/* --- the request --- */

static int
exit_code (enum log_outcome outcome)
{
  switch (outcome) {
  case LOG_DONE:
    return 0;
  case LOG_REFUSED:
    return EXIT_REFUSED;
  default:
    return EXIT_NO_ANSWER;
  }
}

static int
open_tls (struct request *r, struct tls **tls)
{
  *tls = NULL;
  if (r->tls.psk_file || r->tls.certificates) {
    *tls = tls_new (&r->tls);
    if (*tls == NULL)
      return -1;
  }
  log_servers_set (&r->servers, *tls, r->timeout_s);
  return 0;
}

static int
run_request (struct request *r, uint16_t type,
             const char *(*on_text) (void *opaque, struct proto_str text),
             void *opaque)
{
  const struct proto_msg msg = {
    .type = type,
    .named = {.flags = r->fenced ? PROTO_TAKEOVER_FENCED : 0,
              .name = {r->log, (uint32_t) strlen (r->log)}},
  };
  struct tls *tls;
  int code;

  if (open_tls (r, &tls) == -1)
    return EXIT_USAGE;
  code = exit_code (log_servers_request (&r->servers, &msg, on_text, opaque));
  tls_free (tls);
  return code;
}

static int
run_list (struct request *r, struct json_object *logs)
{
  struct tls *tls;
  int code;

  if (open_tls (r, &tls) == -1)
    return EXIT_USAGE;
  code = exit_code (log_servers_list (&r->servers, logs));
  tls_free (tls);
  return code;
}

/* --- list, show --- */

/* One that is alone has answered, or there is no list. */
static void
print_servers (const struct log_servers *s)
{
  if (s->nr < 2)
    return;
  printf ("\nservers\n");
  for (unsigned i = 0; i < s->nr; ++i) {
    printf ("  ");
    print_safe (stdout, s->text[i]);
    printf ("  %s\n", log_server_state_name (s->state[i]));
  }
}

static struct json_object *
servers_to_json (const struct log_servers *s)
{
  struct json_object *array = json_object_new_array (), *obj;

  for (unsigned i = 0; i < s->nr; ++i) {
    obj = json_object_new_object ();
    field_add_text (obj, "server", s->text[i]);
    field_add_text (obj, "state", log_server_state_name (s->state[i]));
    json_object_array_add (array, obj);
  }
  return array;
}

static void
print_list_json (const struct log_servers *s, struct json_object *logs)
{
  struct json_object *obj = json_object_new_object ();

  json_object_object_add (obj, "version", json_object_new_int (LIST_VERSION));
  json_object_object_add (obj, "servers", servers_to_json (s));
  json_object_object_add (obj, "logs", json_object_get (logs));
  print_json (stdout, obj);
  json_object_put (obj);
}

int
verb_log_list (int argc, char *argv[])
{
  struct request r = {.verb = "log list", .timeout_s = TIMEOUT};
  struct json_object *logs;
  int code = parse (&r, argc, argv, show_options);

  if (code != -1)
    return code;
  logs = json_object_new_array ();
  code = run_list (&r, logs);
  if (code == 0 && r.json)
    print_list_json (&r.servers, logs);
  else if (code == 0) {
    print_log_list (stdout, logs);
    print_servers (&r.servers);
  }
  json_object_put (logs);
  return code;
}

int
verb_log_show (int argc, char *argv[])
{
  struct request r = {.verb = "log show", .timeout_s = TIMEOUT};
  struct json_object *logs, *log;
  int code = parse (&r, argc, argv, show_options);

  if (code != -1)
    return code;
  logs = json_object_new_array ();
  code = run_request (&r, PROTO_STATUS_INFO, log_servers_add, logs);
  log = json_object_array_get_idx (logs, 0);
  if (code == 0 && log == NULL) {
    msg_error ("%s: the answer is empty", r.text);
    code = EXIT_NO_ANSWER;
  }
  else if (code == 0 && r.json)
    print_json (stdout, log);
  else if (code == 0)
    print_log_text (stdout, log);
  json_object_put (logs);
  return code;
}

/* --- delete, takeover --- */

int
verb_log_delete (int argc, char *argv[])
{
  struct request r = {.verb = "log delete", .timeout_s = TIMEOUT};
  int code = parse (&r, argc, argv, delete_options);

  return code == -1 ? run_request (&r, PROTO_DELETE, NULL, NULL) : code;
}

int
verb_log_takeover (int argc, char *argv[])
{
  struct request r = {
    .verb = "log takeover",
    .timeout_s = TAKEOVER_TIMEOUT,
  };
  int code = parse (&r, argc, argv, takeover_options);

  return code == -1 ? run_request (&r, PROTO_TAKEOVER, NULL, NULL) : code;
}
