/* SPDX-License-Identifier: BSD-3-Clause */

/* nbdmirror: ask a running mirror, look into its log and legs, or ask the server
 * that keeps logs.
 */

#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"
#include "nbdmirror.h"
#include "verbs.h"

static int
print_help (void)
{
  printf (
    "nbdmirror: ask a running mirror, look into its log and legs, or ask "
    "the server\nthat keeps logs.\n\n");
  for (size_t i = 0; verb_at (i) != NULL; ++i)
    printf ("nbdmirror %s %s\n%s\n", verb_at (i)->name, verb_at (i)->synopsis,
            verb_at (i)->help);
  printf ("nbdmirror --help | --version\n"
          "\n"
          "Exit 64 means wrong usage, 74 that the output can't be written.\n");
  return 0;
}

static int
unknown_verb (const char *name)
{
  char known[1024];
  int len = 0;

  for (size_t i = 0; verb_at (i) != NULL; ++i)
    len += snprintf (known + len, sizeof known - (size_t) len, "%s %s",
                     i == 0 ? "" : ",", verb_at (i)->name);
  msg_error ("unknown verb \"%s\", not one of:%s", name, known);
  return usage_error (NULL);
}

/* Is it the first of the two words of a verb, and none by itself? */
static bool
is_first_word (const char *word)
{
  size_t len = strlen (word);

  if (verb_find (word) != NULL)
    return false;
  for (size_t i = 0; verb_at (i) != NULL; ++i) {
    const char *name = verb_at (i)->name;

    if (strncmp (name, word, len) == 0 && name[len] == ' ')
      return true;
  }
  return false;
}

/* The verb that two words are, or NULL. */
static const struct verb *
verb_of_two (const char *first, const char *second)
{
  char words[128];

  snprintf (words, sizeof words, "%s %s", first, second);
  return verb_find (words);
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
  verb = verb_find (words);
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
