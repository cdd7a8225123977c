/* SPDX-License-Identifier: BSD-3-Clause */

/* The message sink of the plugin: nbdkit's. */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdarg.h>

#include "msg.h"

void
msg_error (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  va_list args;

  va_start (args, fmt);
  nbdkit_verror (fmt, args);
  va_end (args);
  errno = err; /* must be last line of function */
}

void
msg_debug (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  va_list args;

  va_start (args, fmt);
  nbdkit_vdebug (fmt, args);
  va_end (args);
  errno = err; /* must be last line of function */
}
