/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror wait */

#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "control-client.h"
#include "deadline.h"
#include "fields.h"
#include "nbdmirror.h"

#define FIRST_PAUSE_MSEC 100
#define LAST_PAUSE_MSEC 1000
#define START_TIME (10 * NSEC_PER_SEC)

struct wait {
  bool resync;       /* only for what can be copied now */
  uint64_t deadline; /* or NO_DEADLINE */
};

/* Nothing is left to wait for. */
static bool
is_over (const struct wait *w, struct json_object *status)
{
  struct json_object *resync = field_object (status, "resync");

  if (status_exit_code (status) == EXIT_FAILED)
    return true;
  if (!w->resync)
    return status_count_legs (status, "in-sync") == status_nr_legs (status) &&
           status_exit_code (status) == EXIT_IN_SYNC;
  return strcmp (field_text (resync, "state"), "idle") == 0 &&
         status_count_legs (status, "resyncing") == 0;
}

/* Milliseconds until the next look, at most pause; 0: time is over. */
static uint64_t
until_next (const struct wait *w, uint64_t pause)
{
  uint64_t now = now_ns ();
  uint64_t left;

  if (now >= w->deadline)
    return 0;
  left = (w->deadline - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
  return left < pause ? left : pause;
}

static int
wait_loop (struct client *c, const struct wait *w)
{
  uint64_t pause = FIRST_PAUSE_MSEC, msec;

  for (;;) {
    struct json_object *status = client_status (c);
    bool over;
    int code;

    if (status == NULL)
      return EXIT_NO_ANSWER;
    over = is_over (w, status);
    code = status_exit_code (status);
    json_object_put (status);
    msec = until_next (w, pause);
    if (over || msec == 0)
      return code;
    if (client_sleep (c, msec) == -1)
      return EXIT_NO_ANSWER;
    pause = pause * 3 / 2 < LAST_PAUSE_MSEC ? pause * 3 / 2 : LAST_PAUSE_MSEC;
  }
}

/* How long to wait for the socket: a server that has just been told to start may
 * wait for the lease of its log.
 */
static uint64_t
until_there (const struct wait *w)
{
  return w->deadline != NO_DEADLINE ? w->deadline : now_ns () + START_TIME;
}

static int
parse_timeout (const char *text, uint64_t *deadline)
{
  double seconds;

  if (parse_seconds (text, &seconds) == -1)
    return -1;
  *deadline = now_ns () + (uint64_t) (seconds * (double) NSEC_PER_SEC);
  return 0;
}

int
verb_wait (int argc, char *argv[])
{
  static const struct option options[] = {
    {"timeout", required_argument, NULL, 't'},
    {"resync", no_argument, NULL, 'r'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
  };
  struct wait w = {.deadline = NO_DEADLINE};
  struct client c;
  const char *path;
  int opt, code;

  while ((opt = getopt_long (argc, argv, "h", options, NULL)) != -1)
    switch (opt) {
    case 'h':
      return verb_help ("wait");
    case 'r':
      w.resync = true;
      break;
    case 't':
      if (parse_timeout (optarg, &w.deadline) == -1)
        return usage_error ("wait");
      break;
    default:
      return usage_error ("wait");
    }
  path = one_operand (argc, argv, "SOCKET");
  if (path == NULL)
    return usage_error ("wait");

  if (client_open_until (&c, path, until_there (&w)) == -1)
    return EXIT_NO_ANSWER;
  code = wait_loop (&c, &w);
  client_close (&c);
  return code;
}
