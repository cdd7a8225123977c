/* SPDX-License-Identifier: BSD-3-Clause */

/* Which leg belongs to which record. */

#ifndef NBDMIRROR_PLAN_MATCH_H
#define NBDMIRROR_PLAN_MATCH_H

#include "plan.h"

/* The slot has a record. */
static inline bool
plan_recorded (const struct plan_input *in, unsigned slot)
{
  return in->record->leg[slot].state != LOG_LEG_NONE;
}

/* The leg is the very object that the slot's record knows. */
bool plan_same_id (const struct plan_input *in, unsigned leg, unsigned slot);

/* The leg belongs to the slot's record. */
void plan_assign (const struct plan_input *in, struct plan *plan, unsigned leg,
                  unsigned slot);

/* The leg has a slot. */
bool plan_assigned (const struct plan *plan, unsigned leg);

/* Give the slots to the legs that their own record, identity or name match. */
void plan_match_records (const struct plan_input *in, struct plan *plan);

/* With the source known: slots for legs that no record matched. */
int plan_place_unknown_legs (const struct plan_input *in, struct plan *plan);

/* Give the leg a slot that no other leg has; it will get a full copy. */
int plan_take_new_leg (const struct plan_input *in, struct plan *plan,
                       unsigned leg);

/* The word "missing" stands for a recorded leg that nobody named, or keeps a
 * new place.
 */
void plan_place_missing_words (const struct plan_input *in, struct plan *plan);

/* Say which recorded legs are absent. */
void plan_note_absent (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_MATCH_H */
