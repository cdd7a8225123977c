/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror: ask a running mirror, look into its log and legs, or ask the server
 * that keeps logs.
 */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "nbdmirror.h"
#include "verbs.h"

#define MAX_SECONDS 1e9 /* 30 years */

const char *
one_operand (int argc, char *argv[], const char *what)
{
  if (argc - optind == 1)
    return argv[optind];
  if (argc == optind)
    msg_error ("%s is missing", what);
  else
    msg_error ("one %s is enough: %s", what, argv[optind + 1]);
  return NULL;
}

int
parse_seconds (const char *text, double *seconds)
{
  char *end;

  errno = 0;
  *seconds = strtod (text, &end);
  if (end != text && *end == '\0' && errno == 0 && *seconds >= 0 &&
      *seconds <= MAX_SECONDS)
    return 0;
  msg_error ("--timeout %s: must be a number of seconds, 0 or more", text);
  return -1;
}

/* The verb that two words are, or NULL. */
static const struct verb *
verb_of_two (const char *first, const char *second)
{
  char words[128];

  snprintf (words, sizeof words, "%s %s", first, second);
  return find_verb (words);
}

static int
run_verb (int argc, char *argv[])
{
  const struct verb *verb;
  char words[128], name[64];

  snprintf (words, sizeof words, "%s", argv[0]);
  if (argc > 1 &&
      (is_first_word (argv[0]) || verb_of_two (argv[0], argv[1]) != NULL)) {
    snprintf (words, sizeof words, "%s %s", argv[0], argv[1]);
    --argc;
    ++argv;
  }
  verb = find_verb (words);
  if (verb == NULL)
    return unknown_verb (words);
  /* getopt_long puts argv[0] before its messages. */
  snprintf (name, sizeof name, "nbdmirror: %s", verb->name);
  argv[0] = name;
  optind = 0; /* GNU: start over, with this argv */
  return verb->run (argc, argv);
}

static int
run_main (int argc, char *argv[])
{
  static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
  };
  int opt;

  /* '+': options behind the verb are the verb's. */
  while ((opt = getopt_long (argc, argv, "+hV", options, NULL)) != -1)
    switch (opt) {
    case 'h':
      return print_help ();
    case 'V':
      printf ("nbdmirror %s\n", PACKAGE_VERSION);
      return 0;
    default:
      return usage_error (NULL);
    }
  if (optind == argc) {
    msg_error ("a verb is missing");
    return usage_error (NULL);
  }
  return run_verb (argc - optind, argv + optind);
}

int
main (int argc, char *argv[])
{
  int code = run_main (argc, argv);

  if (fflush (stdout) == EOF || ferror (stdout)) {
    msg_error ("standard output: %m");
    return EXIT_OUTPUT;
  }
  return code;
}
