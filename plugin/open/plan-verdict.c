/* SPDX-License-Identifier: BSD-3-Clause */

/* What a plan says: that it refuses and why, and notes. */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan-verdict.h"

int
plan_refuse (struct plan *plan, const char *fmt, ...)
{
  size_t used = strlen (plan->reason);
  va_list args;

  va_start (args, fmt);
  vsnprintf (plan->reason + used, sizeof plan->reason - used, fmt, args);
  va_end (args);
  plan->refuse = true;
  return 0;
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
  size_t used = strlen (plan->notes);
  va_list args;

  va_start (args, fmt);
  vsnprintf (plan->notes + used, sizeof plan->notes - used, fmt, args);
  va_end (args);
}
