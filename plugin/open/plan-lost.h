/* SPDX-License-Identifier: BSD-3-Clause */

/* The log is lost, or an older copy, and the legs' own records decide. */

#ifndef NBDMIRROR_PLAN_LOST_H
#define NBDMIRROR_PLAN_LOST_H

#include "plan.h"

/* 0, or -1 with an error reported that is no decision. */
int plan_lost (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_LOST_H */
