/* SPDX-License-Identifier: BSD-3-Clause */

/* The message sink of the plugin.  nbdkit knows errors and debug messages;
 * what is neither goes where its errors go as a rule: to standard error, or in
 * a daemon, whose standard error is /dev/null, to syslog.
 */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include "journal.h"
#include "msg.h"

#define MAX_TEXT 4096 /* a refused start says what to do at its end */
#define NULL_DEVICE makedev (1, 3)

static const char *const words[] = {
  [LOG_ERR] = "error",
  [LOG_WARNING] = "warning",
  [LOG_NOTICE] = "note",
};

static bool
stderr_is_null (void)
{
  struct stat st;

  return fstat (STDERR_FILENO, &st) == -1 ||
         (S_ISCHR (st.st_mode) && st.st_rdev == NULL_DEVICE);
}

static void say (int priority, const char *fmt, va_list args)
  __attribute__ ((format (printf, 2, 0)));

static void
say (int priority, const char *fmt, va_list args)
{
  char text[MAX_TEXT];

  vsnprintf (text, sizeof text, fmt, args); /* first, for it may need errno */
  if (journal_is_stderr ())
    fprintf (stderr, "<%d>nbdkit: mirror: %s: %s\n", priority, words[priority],
             text);
  else if (stderr_is_null ())
    syslog (LOG_DAEMON | priority, "mirror: %s: %s", words[priority], text);
  else
    fprintf (stderr, "nbdkit: mirror: %s: %s\n", words[priority], text);
}

void
msg_error (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  bool journal = journal_is_stderr ();
  va_list args;

  va_start (args, fmt);
  errno = err;
  if (journal)
    say (LOG_ERR, fmt, args);
  else
    nbdkit_verror (fmt, args);
  va_end (args);
  errno = err; /* must be last line of function */
}

void
msg_warning (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  va_list args;

  va_start (args, fmt);
  say (LOG_WARNING, fmt, args);
  va_end (args);
  errno = err; /* must be last line of function */
}

void
msg_note (const char *fmt, ...)
{
  int err = errno; /* must be first line of function */
  va_list args;

  va_start (args, fmt);
  say (LOG_NOTICE, fmt, args);
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
