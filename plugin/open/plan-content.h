/* SPDX-License-Identifier: BSD-3-Clause */

/* Whether a leg is what it was. */

#ifndef NBDMIRROR_PLAN_CONTENT_H
#define NBDMIRROR_PLAN_CONTENT_H

#include "plan.h"

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

#endif /* NBDMIRROR_PLAN_CONTENT_H */
