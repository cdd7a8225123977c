/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror status */

#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "control-client.h"
#include "fields.h"
#include "msg.h"
#include "nbdmirror.h"
#include "status-print.h"

#define WATCH_MSEC 1000
#define CLEAR_SCREEN "\033[H\033[J"

static int
show_once (struct client *c, void (*print) (FILE *, struct json_object *))
{
  struct json_object *status = client_status (c);
  int code;

  if (status == NULL)
    return EXIT_NO_ANSWER;
  print (stdout, status);
  code = status_exit_code (status);
  json_object_put (status);
  return code;
}

static volatile sig_atomic_t interrupted;

static void
on_interrupt (int sig)
{
  (void) sig;
  interrupted = 1;
}

static void
catch_interrupt (void)
{
  struct sigaction action = {.sa_handler = on_interrupt};

  sigemptyset (&action.sa_mask);
  sigaction (SIGINT, &action, NULL);
}

/* The whole picture in one write, so that it doesn't flicker. */
static void
redraw (struct json_object *status)
{
  char *text = NULL;
  size_t len;
  FILE *mem = open_memstream (&text, &len);

  if (mem == NULL)
    return;
  fputs (CLEAR_SCREEN, mem);
  print_status_text (mem, status);
  fclose (mem);
  fwrite (text, 1, len, stdout);
  free (text);
}

/* Print the summary if it is not *last, which it then becomes. */
static void
print_change (struct json_object *status, char **last)
{
  char *text = NULL;
  size_t len;
  FILE *mem = open_memstream (&text, &len);

  if (mem == NULL)
    return;
  print_status_summary (mem, status);
  fclose (mem);
  if (*last == NULL || strcmp (*last, text) != 0)
    fputs (text, stdout);
  free (*last);
  *last = text;
}

/* Until the server goes away, or the user has seen enough. */
static int
watch (struct client *c)
{
  bool terminal = isatty (STDOUT_FILENO);
  char *last = NULL;
  int code = EXIT_NO_ANSWER;

  catch_interrupt ();
  while (!interrupted && !ferror (stdout)) {
    struct json_object *status = client_status (c);

    code = EXIT_NO_ANSWER;
    if (status == NULL)
      break;
    if (terminal)
      redraw (status);
    else
      print_change (status, &last);
    fflush (stdout);
    code = status_exit_code (status);
    json_object_put (status);
    if (client_sleep (c, WATCH_MSEC) == -1) {
      code = EXIT_NO_ANSWER;
      break;
    }
  }
  free (last);
  return code;
}

int
verb_status (int argc, char *argv[])
{
  static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"dm", no_argument, NULL, 'd'},
    {"watch", no_argument, NULL, 'w'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
  };
  struct client c;
  const char *path;
  int form = 0, opt, code;

  while ((opt = getopt_long (argc, argv, "h", options, NULL)) != -1) {
    if (opt == 'h')
      return verb_help ("status");
    if (opt == '?')
      return usage_error ("status");
    if (form != 0 && form != opt) {
      msg_error ("only one of --json, --dm and --watch");
      return usage_error ("status");
    }
    form = opt;
  }
  path = one_operand (argc, argv, "SOCKET");
  if (path == NULL)
    return usage_error ("status");

  if (client_open (&c, path) == -1)
    return EXIT_NO_ANSWER;
  code = form == 'w'   ? watch (&c)
         : form == 'j' ? show_once (&c, print_json)
         : form == 'd' ? show_once (&c, print_status_dm)
                       : show_once (&c, print_status_text);
  client_close (&c);
  return code;
}
