/* SPDX-License-Identifier: BSD-3-Clause */

/* Levels, for sinks that know only errors: weak, a sink may define its own. */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "msg.h"

#define MAX_TEXT 1024

__attribute__ ((weak)) void
msg_warning (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  char text[MAX_TEXT];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  msg_error ("warning: %s", text);
  errno = err; /* must be last line of function */
}

__attribute__ ((weak)) void
msg_note (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  char text[MAX_TEXT];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  msg_error ("note: %s", text);
  errno = err; /* must be last line of function */
}
