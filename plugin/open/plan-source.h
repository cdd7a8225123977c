/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is the source. */

#ifndef NBDMIRROR_PLAN_SOURCE_H
#define NBDMIRROR_PLAN_SOURCE_H

#include "plan.h"

/* source=N@G was given for the log as it is now; if not, that is noted. */
bool plan_override_applies (const struct plan_input *in, struct plan *plan);

/* Note that it was given though nothing was refused. */
void plan_override_not_needed (const struct plan_input *in, struct plan *plan);

/* The log will be past the G that was given, whether it was needed or not:
 * left in a unit file, it must not apply some later day.
 */
void plan_override_expires (const struct plan_input *in, struct plan *plan);

/* Refuse if leg N is not here. */
int plan_override_leg_here (const struct plan_input *in, struct plan *plan);

/* Leg N is right, whatever the log says of it. */
int plan_take_override (const struct plan_input *in, struct plan *plan);

/* The words that a refusal ends with, for each leg with which they are
 * accepted; for each leg of the mask.
 */
int plan_offer_override (const struct plan_input *in, struct plan *plan);
int plan_offer_legs (const struct plan_input *in, struct plan *plan,
                     unsigned legs);

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

#endif /* NBDMIRROR_PLAN_SOURCE_H */
