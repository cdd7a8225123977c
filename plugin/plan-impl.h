/* SPDX-License-Identifier: BSD-3-Clause */

/* Between the files that make a plan:
 *
 *   plan.c           what each kind of log found means
 *   plan-geometry.c  size and regions
 *   plan-match.c     which leg belongs to which record
 *
 * A decision to refuse is not an error: functions return 0 then, with
 * plan->refuse set, and -1 only for an error that was reported.
 */

#ifndef NBDMIRROR_PLAN_IMPL_H
#define NBDMIRROR_PLAN_IMPL_H

#include "plan.h"

/* Refuse, or go on with the reason.  Returns 0. */
int plan_refuse (struct plan *plan, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* A line for the admin, with its line end. */
void plan_note (struct plan *plan, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* Of a log that begins a new life. */
int plan_geometry_new (const struct plan_input *in, struct plan *plan);

/* Of a log that knows its own. */
int plan_geometry_ours (const struct plan_input *in, struct plan *plan);

/* The slot has a record. */
static inline bool
plan_recorded (const struct plan_input *in, unsigned slot)
{
  return in->log->leg[slot].state != LOG_LEG_NONE;
}

/* The leg is the very object that the slot's record knows. */
bool plan_same_id (const struct plan_input *in, unsigned leg, unsigned slot);

/* The leg has a slot. */
bool plan_assigned (const struct plan *plan, unsigned leg);

/* Give the slots to the legs that identity or name match. */
void plan_match_records (const struct plan_input *in, struct plan *plan);

/* With the source known: slots for legs that no record matched. */
int plan_place_unknown_legs (const struct plan_input *in, struct plan *plan);

/* The word "missing" stands for a recorded leg that nobody named, or keeps a
 * new place.
 */
void plan_place_missing_words (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_IMPL_H */
