/* SPDX-License-Identifier: BSD-3-Clause */

/* What a plan says: that it refuses, and why, and notes.
 *
 * A decision to refuse is not an error: the functions of a plan return 0 then,
 * with plan->refuse set, and -1 only for an error that was reported.
 */

#ifndef NBDMIRROR_PLAN_VERDICT_H
#define NBDMIRROR_PLAN_VERDICT_H

#include "plan.h"

/* Refuse, or go on with the reason.  Returns 0. */
int plan_refuse (struct plan *plan, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* The same for short words that the user needs, at the end: they are not cut off. */
void plan_refuse_words (struct plan *plan, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* Not refused after all. */
void plan_forgive (struct plan *plan);

/* A line for the admin, with its line end. */
void plan_note (struct plan *plan, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

#endif /* NBDMIRROR_PLAN_VERDICT_H */
