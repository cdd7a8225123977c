/* SPDX-License-Identifier: BSD-3-Clause */

/* Logs without records: new, the kernel's, damaged. */

#ifndef NBDMIRROR_PLAN_NEW_H
#define NBDMIRROR_PLAN_NEW_H

#include "plan.h"

/* 0, or -1 with an error reported that is no decision. */
int plan_new (const struct plan_input *in, struct plan *plan);
int plan_kernel (const struct plan_input *in, struct plan *plan);
int plan_damaged (const struct plan_input *in, struct plan *plan);

/* Every leg that is named must be here; the first that is becomes the source,
 * or refuse.  Returns 0.
 */
int plan_need_every_leg (const struct plan_input *in, struct plan *plan);

/* For all logs that are not new: refuse sync=none.  Returns 0. */
int plan_sync_none_is_for_new_logs (const struct plan_input *in,
                                    struct plan *plan);

#endif /* NBDMIRROR_PLAN_NEW_H */
