/* SPDX-License-Identifier: BSD-3-Clause */

/* What the legs' own records mean, beside the log as it was found. */

#ifndef NBDMIRROR_PLAN_RECORDS_H
#define NBDMIRROR_PLAN_RECORDS_H

#include "plan.h"

/* Refuse legs that can't be of this mirror, whatever the log says, and find
 * plan->newest.
 */
void plan_check_records (const struct plan_input *in, struct plan *plan);

/* The log can't know what the legs do: it is new, or an older copy, or there
 * are two lines.
 */
bool plan_log_is_lost (const struct plan_input *in, const struct plan *plan);

/* A log of ours calls no leg in-sync: a start with source=N@G was cut off. */
bool plan_nobody_in_sync (const struct plan_input *in);

/* The leg whose heartbeat has seen a later state of the log, or -1. */
int plan_later_beat (const struct plan_input *in);

/* The log says that the mirror ended cleanly, and this record, the newest, that
 * it has begun since.
 */
bool plan_started_since (const struct plan_input *in,
                         const struct leg_record *newest);

/* With the plan made: what of the legs' records goes on. */
void plan_go_on_from_records (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_RECORDS_H */
