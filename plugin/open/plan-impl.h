/* SPDX-License-Identifier: BSD-3-Clause */

/* Between the files that make a plan:
 *
 *   plan.c           what each kind of log found means
 *   plan-verdict.c   what the plan says
 *   plan-geometry.c  size and regions
 *   plan-match.c     which leg belongs to which record
 *   plan-source.c    who is the source
 *   plan-content.c   whether a leg is what it was
 *
 * A decision to refuse is not an error: functions return 0 then, with
 * plan->refuse set, and -1 only for an error that was reported.
 */

#ifndef NBDMIRROR_PLAN_IMPL_H
#define NBDMIRROR_PLAN_IMPL_H

#include "plan-verdict.h"

/* Of a log that begins a new life. */
int plan_geometry_new (const struct plan_input *in, struct plan *plan);

/* Of a log that knows its own. */
int plan_geometry_ours (const struct plan_input *in, struct plan *plan);

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

/* Give the slots to the legs that identity or name match. */
void plan_match_records (const struct plan_input *in, struct plan *plan);

/* With the source known: slots for legs that no record matched. */
int plan_place_unknown_legs (const struct plan_input *in, struct plan *plan);

/* The word "missing" stands for a recorded leg that nobody named, or keeps a
 * new place.
 */
void plan_place_missing_words (const struct plan_input *in, struct plan *plan);

/* --- plan-source.c --- */

/* source=N@G was given for the log as it is now; if not, that is noted. */
bool plan_override_applies (const struct plan_input *in, struct plan *plan);

/* The log will be past the G that was given, whether it was needed or not:
 * left in a unit file, it must not apply some later day.
 */
void plan_override_expires (const struct plan_input *in, struct plan *plan);

/* Refuse if leg N is not here. */
int plan_override_leg_here (const struct plan_input *in, struct plan *plan);

/* Leg N is right, whatever the log says of it. */
int plan_take_override (const struct plan_input *in, struct plan *plan);

/* The words that a refusal ends with, for each leg with which they are
 * accepted.
 */
int plan_offer_override (const struct plan_input *in, struct plan *plan);

/* In-sync by the log, here, and not set aside. */
bool plan_may_be_source (const struct plan_input *in, const struct plan *plan,
                         unsigned slot);

/* In-sync legs that were wiped, or replaced, while another one that the log
 * knows is here: set aside, or refused.
 */
int plan_set_aside_wrong_legs (const struct plan_input *in, struct plan *plan);

/* Choose, and examine; where that refuses, source=N@G counts. */
int plan_choose_source (const struct plan_input *in, struct plan *plan);

/* Refuse a source that a known leg contradicts, and one that is another
 * object than the log knows if no leg holds the same.
 */
int plan_examine_source (const struct plan_input *in, struct plan *plan);

/* --- plan-content.c --- */

/* The slot's leg is the very object that the log knows. */
bool plan_is_known (const struct plan_input *in, const struct plan *plan,
                    unsigned slot);

/* What both slots' legs hold: enum probe_answer, or -1. */
int plan_compare (const struct plan_input *in, const struct plan *plan,
                  unsigned slot, unsigned other);

/* The slot's leg is here, of the record, and should hold what the source
 * does.
 */
bool plan_to_compare (const struct plan *plan, unsigned slot);

/* The slot's leg gets a full copy; refuse, for it is not the leg; refuse, for
 * it or the source is not right.
 */
int plan_leg_is_empty (const struct plan_input *in, struct plan *plan,
                       unsigned slot);
int plan_not_the_leg (const struct plan_input *in, struct plan *plan,
                      unsigned slot, unsigned other);
int plan_legs_differ (const struct plan_input *in, struct plan *plan,
                      unsigned slot);

/* All legs beside the source. */
int plan_check_contents (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_IMPL_H */
