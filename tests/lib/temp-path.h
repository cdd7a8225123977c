/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of temporary files. */

#ifndef NBDMIRROR_TEMP_PATH_H
#define NBDMIRROR_TEMP_PATH_H

#include <stdio.h>
#include <stdlib.h>

/* $TMPDIR, where run-tests looks for what is left behind, or /tmp. */
static inline const char *
temp_dir (void)
{
  const char *dir = getenv ("TMPDIR");

  return dir && *dir ? dir : "/tmp";
}

/* Put a template for mkstemp and mkdtemp into PATH: NAME-XXXXXX in there. */
static inline void
temp_path (char *path, size_t size, const char *name)
{
  int n = snprintf (path, size, "%s/%s-XXXXXX", temp_dir (), name);

  if (n < 0 || (size_t) n >= size)
    abort ();
}

#endif /* NBDMIRROR_TEMP_PATH_H */
