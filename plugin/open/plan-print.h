/* SPDX-License-Identifier: BSD-3-Clause */

/* What plan=1 shows. */

#ifndef NBDMIRROR_PLAN_PRINT_H
#define NBDMIRROR_PLAN_PRINT_H

#include <stdio.h>

#include "plan.h"

/* What a start would do, or why it would refuse; the log is as found. */
void plan_print (FILE *out, struct dirty_log *log, const struct plan_input *in,
                 const struct plan *plan);

#endif /* NBDMIRROR_PLAN_PRINT_H */
