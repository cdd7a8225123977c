/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs that have gone back in time, by their own records. */

#ifndef NBDMIRROR_PLAN_OLDER_H
#define NBDMIRROR_PLAN_OLDER_H

#include "plan.h"

/* Refuse if legs that the log calls in-sync have gone back in time, but for
 * those that are empty now.  0, or -1 with an error reported.
 */
int plan_refuse_rolled_back (const struct plan_input *in, struct plan *plan);

/* With the legs in their slots: stale ones that were rolled back get everything. */
void plan_older_legs (const struct plan_input *in, struct plan *plan);

/* With their content looked at: legs that should have a record, and have none.  If
 * stale they get everything.
 */
void plan_bare_legs (const struct plan_input *in, struct plan *plan);

/* There is a newest record: what the leg in the slot, here or not, has for
 * certain.
 */
void plan_had (const struct plan_input *in, const struct plan *plan,
               unsigned slot, struct record_had *had);

#endif /* NBDMIRROR_PLAN_OLDER_H */
