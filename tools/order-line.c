/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdio.h>

#include <json-c/json.h>

#include "control-client.h"
#include "deadline.h"
#include "fields.h"
#include "msg.h"
#include "nbdmirror.h"
#include "order-line.h"

#define ORDER_TIME \
  60 /* seconds: an order waits for the log, for legs, for others */

int
order_deadline (const char *text, uint64_t *deadline)
{
  double seconds;

  if (parse_seconds (text, &seconds) == -1)
    return -1;
  *deadline = now_ns () + (uint64_t) (seconds * (double) NSEC_PER_SEC);
  return 0;
}

int
order_has_option (const char *verb, unsigned options, int opt)
{
  if (opt == '?')
    return -1;
  if (options & BIT (opt))
    return 0;
  msg_error ("%s has no such option", verb);
  return -1;
}

int
order_send (struct client *c, struct json_object *request, bool dry_run,
            unsigned seconds)
{
  bool refused;
  struct json_object *reply =
    client_order (c, request, ORDER_TIME + seconds, &refused);

  if (reply == NULL)
    return refused ? EXIT_REFUSED : EXIT_NO_ANSWER;
  print_safe (stdout, dry_run ? "would be: " : "");
  print_safe (stdout, field_text (reply, "message"));
  putchar ('\n');
  fflush (stdout);
  json_object_put (reply);
  return 0;
}

int
order_run (const char *verb, int parsed, const char *socket,
           int (*run) (struct client *c, const void *line), const void *line)
{
  struct client c;
  int code;

  if (parsed == 1)
    return verb_help (verb);
  if (parsed == -1)
    return usage_error (verb);
  if (client_open (&c, socket) == -1)
    return EXIT_NO_ANSWER;
  code = run (&c, line);
  client_close (&c);
  return code;
}
