/* SPDX-License-Identifier: BSD-3-Clause */

/* Carry out a start-up plan in the log, durably, before anything is served.
 *
 * Reads and flushes legs, writes only the log.  0, or -1 with the error
 * reported.  Blocks.
 */

#ifndef NBDMIRROR_APPLY_H
#define NBDMIRROR_APPLY_H

#include "plan.h"

int plan_apply (struct dirty_log *log, const struct plan_input *in,
                const struct plan *plan);

#endif /* NBDMIRROR_APPLY_H */
