/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

#include "journal.h"
#include "msg.h"
#include "msg-logd.h"

#define MAX_TEXT 1024

static bool syslogging; /* read-only once there are threads */

static _Thread_local char *captured;
static _Thread_local size_t captured_size;

void
msg_to_syslog (void)
{
  openlog ("nbdmirror-logd", LOG_PID, LOG_DAEMON);
  syslogging = true;
}

void
msg_capture (char *buf, size_t size)
{
  buf[0] = '\0';
  captured = buf;
  captured_size = size;
}

void
msg_capture_end (void)
{
  captured = NULL;
}

static void
print (int priority, const char *text)
{
  if (syslogging)
    syslog (priority, "%s", text);
  else if (journal_is_stderr ())
    fprintf (stderr, "<%d>nbdmirror-logd: %s\n", priority, text);
  else
    fprintf (stderr, "nbdmirror-logd: %s\n", text);
}

void
msg_error (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  char text[MAX_TEXT];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  if (captured && captured[0] == '\0')
    snprintf (captured, captured_size, "%s", text);
  print (LOG_ERR, text);
  errno = err; /* must be last line of function */
}

void
msg_warning (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  char text[MAX_TEXT];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  print (LOG_WARNING, text);
  errno = err; /* must be last line of function */
}

void
msg_note (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  char text[MAX_TEXT];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  print (LOG_NOTICE, text);
  errno = err; /* must be last line of function */
}

void
msg_debug (const char *fmt, ...)
{
  (void) fmt;
}
