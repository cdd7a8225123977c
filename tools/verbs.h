/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs of nbdmirror.  A verb has one word, or two. */

#ifndef NBDMIRROR_VERBS_H
#define NBDMIRROR_VERBS_H

#include <stdbool.h>

struct verb {
  const char *name;
  int (*run) (int argc, char *argv[]);
  const char *synopsis;
  const char *help;
};

/* NULL: there is none of that name. */
const struct verb *find_verb (const char *name);

/* Is it the first of the two words of a verb, and none by itself? */
bool is_first_word (const char *word);

/* All of them, on standard output.  Returns the exit code. */
int print_help (void);

/* Say which there are.  Returns the exit code. */
int unknown_verb (const char *name);

#endif /* NBDMIRROR_VERBS_H */
