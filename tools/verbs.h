/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of the verbs. */

#ifndef NBDMIRROR_VERBS_H
#define NBDMIRROR_VERBS_H

#include <stddef.h>

struct verb {
  const char *name; /* one word or two */
  int (*run) (int argc, char *argv[]);
  const char *synopsis;
  const char *help; /* lines */
};

/* The verbs, in the order of the help: NULL behind the last one. */
const struct verb *verb_at (size_t i);

/* The verb of that name, or NULL. */
const struct verb *verb_find (const char *name);

#endif /* NBDMIRROR_VERBS_H */
