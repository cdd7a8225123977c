/* SPDX-License-Identifier: BSD-3-Clause */

/* What a plan says: that it refuses and why, and notes. */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan-verdict.h"
#include "utf8.h"

/* Names come from legs, and from users: one message is one line. */
static void append (char *text, size_t size, const char *fmt, va_list args)
  __attribute__ ((format (printf, 3, 0)));

static void
append (char *text, size_t size, const char *fmt, va_list args)
{
  char raw[PLAN_REASON_SIZE];
  size_t used = strlen (text);

  vsnprintf (raw, sizeof raw, fmt, args);
  if (used + 5 < size)
    utf8_copy_line (text + used, size - used, raw);
}

int
plan_refuse (struct plan *plan, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  append (plan->reason, PLAN_REASON_SIZE, fmt, args);
  va_end (args);
  plan->refuse = true;
  return 0;
}

void
plan_refuse_words (struct plan *plan, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  append (plan->reason, sizeof plan->reason, fmt, args);
  va_end (args);
  plan->refuse = true;
}

void
plan_forgive (struct plan *plan)
{
  plan->refuse = false;
  plan->reason[0] = 0;
}

void
plan_note (struct plan *plan, const char *fmt, ...)
{
  size_t used;
  va_list args;

  va_start (args, fmt);
  append (plan->notes, sizeof plan->notes - 1, fmt, args);
  va_end (args);
  used = strlen (plan->notes);
  if (used > 0)
    plan->notes[used - 1] = '\n'; /* of the format, made '?' */
}
