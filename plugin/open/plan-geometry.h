/* SPDX-License-Identifier: BSD-3-Clause */

/* The size of the mirror and of its regions. */

#ifndef NBDMIRROR_PLAN_GEOMETRY_H
#define NBDMIRROR_PLAN_GEOMETRY_H

#include "plan.h"

/* Fill in plan->geo: of a log that begins a new life.  0, or -1 with an error
 * reported.
 */
int plan_geometry_new (const struct plan_input *in, struct plan *plan);

/* Of a log that knows its own.  Returns 0. */
int plan_geometry_ours (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_GEOMETRY_H */
