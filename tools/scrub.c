/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs about scrubs.  What is allowed is decided by the mirror. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "control-client.h"
#include "deadline.h"
#include "fields.h"
#include "msg.h"
#include "nbdmirror.h"
#include "order-leg.h"
#include "order-line.h"
#include "scrub-print.h"

#define PAUSE_MSEC 200

enum {
  OPT_HELP = 1,
  OPT_DRY_RUN,
  OPT_WAIT,
  OPT_TIMEOUT,
  OPT_RANGE,
  OPT_RATE,
  OPT_REPAIR,
  OPT_FROM,
  OPT_LIST,
  OPT_JSON,
};
#define ALWAYS (BIT (OPT_HELP) | BIT (OPT_DRY_RUN))
#define WAITS (BIT (OPT_WAIT) | BIT (OPT_TIMEOUT))
#define STARTS \
  (ALWAYS | WAITS | BIT (OPT_RANGE) | BIT (OPT_RATE) | BIT (OPT_REPAIR) | \
   BIT (OPT_FROM))

static const struct form {
  const char *verb, *command;
  unsigned options;
} forms[] = {
  {"scrub", "scrub-start", STARTS | BIT (OPT_LIST) | BIT (OPT_JSON)},
  {"scrub start", "scrub-start", STARTS},
  {"scrub pause", "scrub-pause", ALWAYS},
  {"scrub resume", "scrub-resume", ALWAYS | WAITS | BIT (OPT_RATE)},
  {"scrub stop", "scrub-stop", ALWAYS},
};
#define NR_FORMS (sizeof forms / sizeof forms[0])

/* What the user said. */
struct line {
  const struct form *form;
  unsigned given; /* options */
  uint64_t offset, length, rate, deadline;
  const char *from, *socket;
};

static bool
has (const struct line *line, int opt)
{
  return line->given & BIT (opt);
}

static const struct form *
find_form (const char *verb)
{
  for (size_t i = 0; i < NR_FORMS; ++i)
    if (strcmp (forms[i].verb, verb) == 0)
      return &forms[i];
  abort ();
}

/* --- the command line --- */

/* As the plugin reads sizes; NULL, or what follows it. */
static const char *
parse_size (const char *text, uint64_t *bytes)
{
  static const char units[] = "bkmgtpe";
  const char *unit;
  char *end;

  errno = 0;
  *bytes = strtoull (text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || errno != 0)
    return NULL;
  unit = *end != '\0' ? strchr (units, *end | 0x20) : NULL;
  if (!unit)
    return end;
  return __builtin_mul_overflow (*bytes, UINT64_C (1) << (10 * (unit - units)),
                                 bytes)
           ? NULL
           : end + 1;
}

/* A-B: B is not in it; A-: to the end; OFFSET:LENGTH. */
static int
parse_range (struct line *line, const char *text)
{
  const char *end = parse_size (text, &line->offset);
  char between = end ? *end : '\0';
  uint64_t second = 0;

  if (between == '-' && end[1] == '\0')
    return 0;
  if (between == '-' || between == ':')
    end = parse_size (end + 1, &second);
  if (end && *end == '\0' && between == '-' && second > line->offset) {
    line->length = second - line->offset;
    return 0;
  }
  line->length = second;
  if (end && *end == '\0' && between == ':' && second > 0)
    return 0;
  msg_error ("--range %s: must be FROM-TO, FROM- or OFFSET:LENGTH, in bytes, "
             "for example 1G-2G",
             text);
  return -1;
}

static int
parse_rate (struct line *line, const char *text)
{
  const char *end = parse_size (text, &line->rate);

  if (end && *end == '\0' && line->rate <= INT64_MAX)
    return 0;
  msg_error ("--rate %s: must be a number of bytes per second, for example "
             "10M; 0: no limit",
             text);
  return -1;
}

static int
set_option (struct line *line, int opt)
{
  if (order_has_option (line->form->verb, line->form->options, opt) == -1)
    return -1;
  line->given |= BIT (opt);
  switch (opt) {
  case OPT_RANGE:
    return parse_range (line, optarg);
  case OPT_RATE:
    return parse_rate (line, optarg);
  case OPT_TIMEOUT:
    return order_deadline (optarg, &line->deadline);
  case OPT_FROM:
    line->from = optarg;
    return 0;
  default:
    return 0;
  }
}

static int
check_options (const struct line *line)
{
  if (has (line, OPT_FROM) && !has (line, OPT_REPAIR)) {
    msg_error ("--from needs --repair");
    return -1;
  }
  if (has (line, OPT_JSON) && !has (line, OPT_LIST)) {
    msg_error ("--json needs --list");
    return -1;
  }
  if (has (line, OPT_LIST) &&
      line->given & ~(BIT (OPT_LIST) | BIT (OPT_JSON))) {
    msg_error ("--list begins nothing: no other options go with it");
    return -1;
  }
  return 0;
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
    {"range", required_argument, NULL, OPT_RANGE},
    {"rate", required_argument, NULL, OPT_RATE},
    {"repair", no_argument, NULL, OPT_REPAIR},
    {"from", required_argument, NULL, OPT_FROM},
    {"list", no_argument, NULL, OPT_LIST},
    {"json", no_argument, NULL, OPT_JSON},
    {NULL, 0, NULL, 0},
  };
  int opt;

  while ((opt = getopt_long (argc, argv, "", options, NULL)) != -1) {
    if (opt == OPT_HELP)
      return 1;
    if (set_option (line, opt) == -1)
      return -1;
  }
  line->socket = one_operand (argc, argv, "SOCKET");
  return line->socket ? check_options (line) : -1;
}

/* --- the request --- */

/* Without a range, what was found is repaired, and nothing is looked for. */
static bool
repairs_found (const struct line *line)
{
  return strcmp (line->form->verb, "scrub") == 0 && has (line, OPT_REPAIR) &&
         !has (line, OPT_RANGE) && !has (line, OPT_RATE);
}

static struct json_object *
make_request (const struct line *line)
{
  struct json_object *request = json_object_new_object ();
  bool found = repairs_found (line);

  field_add_text (request, "command",
                  found ? "scrub-repair" : line->form->command);
  if (has (line, OPT_RANGE)) {
    field_add_u64 (request, "offset", line->offset);
    field_add_u64 (request, "length", line->length);
  }
  if (has (line, OPT_RATE))
    field_add_u64 (request, "rate", line->rate);
  if (has (line, OPT_REPAIR) && !found)
    field_add_bool (request, "repair", true);
  if (has (line, OPT_FROM))
    order_add_leg (request, "from", line->from);
  if (has (line, OPT_DRY_RUN))
    field_add_bool (request, "dry_run", true);
  return request;
}

/* --- what came of it --- */

static bool
goes_on (struct json_object *scrub)
{
  const char *state = field_text (scrub, "state");

  return strcmp (state, "running") == 0 || strcmp (state, "repairing") == 0 ||
         strcmp (state, "paused") == 0;
}

static int
exit_code_of (struct json_object *scrub)
{
  return scrub_is_clean (scrub) &&
             strcmp (field_text (scrub, "state"), "stopped") != 0
           ? EXIT_IN_SYNC
           : EXIT_DEGRADED;
}

/* -1: not yet; else the exit code. */
static int
look (struct client *c, bool terminal)
{
  struct json_object *status = client_status (c);
  struct json_object *scrub = field_object (status, "scrub");
  int code = EXIT_NO_ANSWER;

  if (status != NULL) {
    if (terminal)
      print_scrub_bar (stderr, scrub);
    code = goes_on (scrub) ? -1 : exit_code_of (scrub);
  }
  json_object_put (status);
  return code;
}

static int
wait_for_end (struct client *c, uint64_t deadline)
{
  bool terminal = isatty (STDERR_FILENO);
  int code;

  while ((code = look (c, terminal)) == -1) {
    if (now_ns () >= deadline)
      code = EXIT_DEGRADED;
    else if (client_sleep (c, PAUSE_MSEC) == -1)
      code = EXIT_NO_ANSWER;
    if (code != -1)
      break;
  }
  if (terminal)
    fputc ('\n', stderr);
  return code;
}

static int
list (struct client *c, bool json)
{
  struct json_object *status = client_status (c);
  struct json_object *scrub = field_object (status, "scrub");
  int code;

  if (status == NULL)
    return EXIT_NO_ANSWER;
  code = scrub_is_clean (scrub) ? EXIT_IN_SYNC : EXIT_DEGRADED;
  if (!json)
    print_scrub_list (stdout, scrub);
  else if (scrub != NULL)
    print_json (stdout, scrub);
  json_object_put (status);
  return code;
}

static int
run (struct client *c, const void *opaque)
{
  const struct line *line = opaque;
  int code;

  if (has (line, OPT_LIST))
    return list (c, has (line, OPT_JSON));
  code = order_send (c, make_request (line), has (line, OPT_DRY_RUN), 0);
  if (code == 0 && has (line, OPT_WAIT) && !has (line, OPT_DRY_RUN))
    code = wait_for_end (c, line->deadline);
  return code;
}

int
verb_scrub (int argc, char *argv[])
{
  const char *verb = argv[0] + strlen ("nbdmirror: ");
  struct line line = {.form = find_form (verb), .deadline = NO_DEADLINE};
  int r;

  r = parse_line (&line, argc, argv);
  return order_run (verb, r, line.socket, run, &line);
}
