/* SPDX-License-Identifier: BSD-3-Clause */

/* The message sink of the tools and the unit tests: stderr. */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "msg.h"

void
msg_error (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  va_list args;

  flockfile (stderr);
  fputs ("nbdmirror: ", stderr);
  va_start (args, fmt);
  errno = err;
  vfprintf (stderr, fmt, args);
  va_end (args);
  fputc ('\n', stderr);
  funlockfile (stderr);

  errno = err; /* must be last line of function */
}

void
msg_debug (const char *fmt, ...)
{
  (void) fmt;
}
