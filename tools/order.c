/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs that tell a running mirror to do something.  Each is a request to
 * the control socket; what is allowed is decided there.
 */

#include "config.h"

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "control-client.h"
#include "deadline.h"
#include "fields.h"
#include "msg.h"
#include "nbdmirror.h"
#include "order-leg.h"
#include "order-line.h"
#include "order-wait.h"

/* --- the table --- */

enum {
  OPT_HELP = 1,
  OPT_DRY_RUN,
  OPT_WAIT,
  OPT_TIMEOUT,
  OPT_TRACK,
  OPT_MAX,
  OPT_DRAIN,
  OPT_OVERWRITE,
};
#define ALWAYS (BIT (OPT_HELP) | BIT (OPT_DRY_RUN))
#define WAITS (BIT (OPT_WAIT) | BIT (OPT_TIMEOUT))

/* What an operand is. */
enum {
  NO_OPERAND,
  LEG,     /* member "leg", behind SOCKET */
  NEW,     /* member "new" */
  LEG_NEW, /* both */
  VALUE,   /* member "value", behind SOCKET */
  BEFORE,  /* the same, before SOCKET */
  SETTING, /* NAME=VALUE */
  SIZE,    /* member "size", behind SOCKET; may be left out */
  LOG,     /* member "log", behind SOCKET */
};

static const struct form {
  const char *verb, *command, *name; /* name: of the setting, or NULL */
  unsigned options, operand;
  unsigned seconds; /* default of the member; UINT_MAX: there is none */
} forms[] = {
  {"fail", "fail", NULL, ALWAYS, LEG, UINT_MAX},
  {"detach", "detach", NULL, ALWAYS | BIT (OPT_TRACK), LEG, UINT_MAX},
  {"attach", "attach", NULL, ALWAYS | WAITS, LEG, UINT_MAX},
  {"add", "add", NULL, ALWAYS | WAITS | BIT (OPT_OVERWRITE), NEW, UINT_MAX},
  {"remove", "remove", NULL, ALWAYS, LEG, UINT_MAX},
  {"replace", "replace", NULL, ALWAYS | WAITS | BIT (OPT_OVERWRITE), LEG_NEW,
   UINT_MAX},
  {"rename", "rename", NULL, ALWAYS | WAITS, LEG_NEW, UINT_MAX},
  {"grow", "grow", NULL, ALWAYS | WAITS, SIZE, UINT_MAX},
  {"log move", "log-move", NULL, ALWAYS, LOG, UINT_MAX},
  {"may-stop", "may-stop", NULL, BIT (OPT_HELP), LEG, UINT_MAX},
  {"resync pause", "resync-pause", NULL, ALWAYS, NO_OPERAND, UINT_MAX},
  {"resync resume", "resync-resume", NULL, ALWAYS, NO_OPERAND, UINT_MAX},
  {"resync rate", "set", "resync-rate", ALWAYS, BEFORE, UINT_MAX},
  {"resync min", "set", "resync-min", ALWAYS, BEFORE, UINT_MAX},
  {"read-policy", "set", "read-policy", ALWAYS, VALUE, UINT_MAX},
  {"write-mostly", "set", "write-mostly", ALWAYS, VALUE, UINT_MAX},
  {"set", "set", NULL, ALWAYS, SETTING, UINT_MAX},
  {"suspend", "suspend", NULL, ALWAYS | BIT (OPT_MAX), NO_OPERAND, 10},
  {"resume", "resume", NULL, ALWAYS, NO_OPERAND, UINT_MAX},
  {"stop", "stop", NULL, ALWAYS | BIT (OPT_DRAIN), NO_OPERAND, 0},
};
#define NR_FORMS (sizeof forms / sizeof forms[0])

/* What the user said. */
struct line {
  const struct form *form;
  bool dry_run, wait, track, overwrite;
  unsigned seconds;
  uint64_t deadline; /* of --wait */
  const char *socket, *operand, *new_leg;
};

static const struct form *
find_form (const char *verb)
{
  for (size_t i = 0; i < NR_FORMS; ++i)
    if (strcmp (forms[i].verb, verb) == 0)
      return &forms[i];
  abort ();
}

/* --- the command line --- */

static int
whole_seconds (const char *text, unsigned *seconds)
{
  char *end;
  unsigned long n = strtoul (text, &end, 10);

  if (text[0] < '0' || text[0] > '9' || *end != '\0' || n > INT_MAX) {
    msg_error ("%s: must be a number of seconds", text);
    return -1;
  }
  *seconds = (unsigned) n;
  return 0;
}

static int
set_option (struct line *line, int opt)
{
  if (order_has_option (line->form->verb, line->form->options, opt) == -1)
    return -1;
  switch (opt) {
  case OPT_DRY_RUN:
    line->dry_run = true;
    return 0;
  case OPT_WAIT:
    line->wait = true;
    return 0;
  case OPT_TRACK:
    line->track = true;
    return 0;
  case OPT_OVERWRITE:
    line->overwrite = true;
    return 0;
  case OPT_TIMEOUT:
    return order_deadline (optarg, &line->deadline);
  default:
    return whole_seconds (optarg, &line->seconds);
  }
}

static int
take_operands (struct line *line, int argc, char *argv[])
{
  unsigned kind = line->form->operand;
  int want = kind == NO_OPERAND ? 1 : kind == LEG_NEW ? 3 : 2;

  if (kind == SIZE && argc - optind == 1)
    want = 1;
  if (argc - optind != want) {
    msg_error (argc - optind < want ? "something is missing"
                                    : "that is too much");
    return -1;
  }
  line->socket = argv[optind + (kind == BEFORE)];
  line->operand = want > 1 ? argv[optind + (kind != BEFORE)] : NULL;
  line->new_leg = kind == NEW ? line->operand : argv[argc - 1];
  if (kind != SETTING || strchr (line->operand, '=') != NULL)
    return 0;
  msg_error ("%s: must be NAME=VALUE", line->operand);
  return -1;
}

/* 0; 1: help was asked for; -1 with the error reported. */
static int
parse_line (struct line *line, int argc, char *argv[])
{
  static const struct option options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"wait", no_argument, NULL, OPT_WAIT},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"track", no_argument, NULL, OPT_TRACK},
    {"max", required_argument, NULL, OPT_MAX},
    {"drain", required_argument, NULL, OPT_DRAIN},
    {"overwrite", no_argument, NULL, OPT_OVERWRITE},
    {NULL, 0, NULL, 0},
  };
  int opt;

  while ((opt = getopt_long (argc, argv, "", options, NULL)) != -1) {
    if (opt == OPT_HELP)
      return 1;
    if (set_option (line, opt) == -1)
      return -1;
  }
  return take_operands (line, argc, argv);
}

/* --- the request --- */

static void
add_setting (struct json_object *request, const char *setting)
{
  const char *value = strchr (setting, '=');
  CLEANUP_FREE char *name = strndup (setting, (size_t) (value - setting));

  field_add_text (request, "name", name != NULL ? name : "");
  field_add_text (request, "value", value + 1);
}

static void
add_operand (struct json_object *request, const struct line *line)
{
  switch (line->form->operand) {
  case NO_OPERAND:
    break;
  case LEG:
    order_add_leg (request, "leg", line->operand);
    break;
  case LEG_NEW:
    order_add_leg (request, "leg", line->operand);
    order_add_path (request, "new", line->new_leg);
    break;
  case NEW:
    order_add_path (request, "new", line->new_leg);
    break;
  case SETTING:
    add_setting (request, line->operand);
    break;
  case LOG:
    order_add_log (request, line->operand);
    break;
  case SIZE:
    if (line->operand != NULL)
      field_add_text (request, "size", line->operand);
    break;
  default:
    field_add_text (request, "name", line->form->name);
    field_add_text (request, "value", line->operand);
  }
}

static struct json_object *
make_request (const struct line *line)
{
  struct json_object *request = json_object_new_object ();

  field_add_text (request, "command", line->form->command);
  add_operand (request, line);
  if (line->form->seconds != UINT_MAX)
    field_add_u64 (request, "seconds", line->seconds);
  if (line->track)
    field_add_bool (request, "track", true);
  if (line->overwrite)
    field_add_bool (request, "overwrite", true);
  if (line->dry_run)
    field_add_bool (request, "dry_run", true);
  return request;
}

/* The leg that is waited for. */
static const char *
awaited (struct json_object *request)
{
  const char *new_leg = field_text (request, "new");

  return new_leg[0] != '\0' ? new_leg : field_text (request, "leg");
}

static int
give_order (struct client *c, const void *opaque)
{
  const struct line *line = opaque;
  struct json_object *request = make_request (line);
  int code;

  json_object_get (request);
  code = order_send (c, request, line->dry_run, line->seconds);
  if (code == 0 && line->wait && !line->dry_run)
    code = line->form->operand == SIZE
             ? order_wait_grown (c, line->deadline)
             : order_wait (c, awaited (request), line->deadline);
  json_object_put (request);
  return code;
}

int
verb_order (int argc, char *argv[])
{
  const char *verb = argv[0] + strlen ("nbdmirror: ");
  struct line line = {.form = find_form (verb), .deadline = NO_DEADLINE};
  int r;

  line.seconds = line.form->seconds == UINT_MAX ? 0 : line.form->seconds;
  r = parse_line (&line, argc, argv);
  return order_run (verb, r, line.socket, give_order, &line);
}
