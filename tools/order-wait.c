/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

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
#include "order-wait.h"

#define PAUSE_MSEC 200
#define BAR_WIDTH 30

static struct json_object *
find_leg (struct json_object *status, const char *name)
{
  char *end;
  unsigned long index = strtoul (name, &end, 10);
  bool number = *name != '\0' && *end == '\0';

  for (size_t i = 0; i < status_nr_legs (status); ++i) {
    struct json_object *leg = status_leg (status, i);

    if (number
          ? field_u64 (leg, "index") == index
          : strcmp (field_text (leg, "name"), name) == 0 ||
              (*name != '\0' && strcmp (field_text (leg, "uuid"), name) == 0))
      return leg;
  }
  return NULL;
}

static void
draw_bar (struct json_object *status)
{
  struct json_object *resync = field_object (status, "resync");
  uint64_t done = field_u64 (resync, "done_bytes");
  uint64_t total = field_u64 (resync, "total_bytes");
  double part = total > 0 ? (double) done / (double) total : 0;
  char bar[BAR_WIDTH + 1], size[SIZE_TEXT], rate[SIZE_TEXT];

  for (unsigned i = 0; i < BAR_WIDTH; ++i)
    bar[i] = i < part * BAR_WIDTH ? '#' : '.';
  bar[BAR_WIDTH] = '\0';
  fprintf (stderr, "\r[%s] %3.0f%% of %s, %s/s\033[K", bar, 100 * part,
           format_size (size, total),
           format_size (rate, field_u64 (resync, "bytes_per_second")));
}

/* -1: not yet; else the exit code. */
static int
verdict_on (struct json_object *leg)
{
  struct json_object *old;
  const char *returns;

  if (leg == NULL) {
    msg_error ("the leg is not there any more");
    return EXIT_DEGRADED;
  }
  if (leg_is (leg, "in-sync"))
    return json_object_object_get_ex (leg, "replaces", &old) && old ? -1 : 0;
  returns = field_text (leg, "returns");
  if (strcmp (returns, "refused") != 0 && strcmp (returns, "attach") != 0)
    return -1;
  msg_error ("leg %s: %s", field_text (leg, "name"),
             field_text (leg, "last_error"));
  return EXIT_DEGRADED;
}

/* name: NULL waits for the growth. */
static int
verdict_of (struct json_object *status, const char *name)
{
  struct json_object *mirror = field_object (status, "mirror");

  if (name != NULL)
    return verdict_on (find_leg (status, name));
  return field_u64 (mirror, "grows_to") > 0 ? -1 : 0;
}

static int
look (struct client *c, const char *name, bool terminal)
{
  struct json_object *status = client_status (c);
  int code = EXIT_NO_ANSWER;

  if (status != NULL) {
    if (terminal && name != NULL)
      draw_bar (status);
    code = verdict_of (status, name);
  }
  json_object_put (status);
  return code;
}

int
order_wait_grown (struct client *c, uint64_t deadline)
{
  return order_wait (c, NULL, deadline);
}

int
order_wait (struct client *c, const char *leg, uint64_t deadline)
{
  bool terminal = isatty (STDERR_FILENO);
  int code;

  while ((code = look (c, leg, terminal)) == -1) {
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
