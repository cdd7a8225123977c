/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs that have gone back in time, by their own records. */

#ifndef NBDMIRROR_PLAN_OLDER_H
#define NBDMIRROR_PLAN_OLDER_H

#include "plan.h"

/* Refuse if legs that the log calls in-sync have gone back in time, but for
 * those that are empty now.  0, or -1 with an error reported.
 */
int plan_refuse_rolled_back (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_OLDER_H */
