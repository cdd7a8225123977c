/* SPDX-License-Identifier: BSD-3-Clause */

/* What legs know by themselves: read before the plan, written after it. */

#ifndef NBDMIRROR_OPEN_RECORDS_H
#define NBDMIRROR_OPEN_RECORDS_H

#include "plan.h"
#include "record-area.h"

/* Fill in what the plan is told of the records of legs that are here; the areas
 * stay open, by number of the leg.  -1 with the error reported.  Blocks.
 */
int records_ask (struct plan_input *in, struct record_area area[]);

/* Wait until it is certain that no other mirror uses the legs, two beats at
 * most.  -1 with the error reported: one does.  Blocks.
 */
int records_wait (struct plan_input *in, struct record_area area[],
                  struct dirty_log *log);

/* Where source=N@G begins a new history, the source's own record says so, durably,
 * before the log is past G: the plan then goes on from that record.  After a crash
 * in between the log is older than the record, by which all others are stale.  -1
 * with the error reported.  Blocks.
 */
int records_begin_history (struct plan_input *in, struct plan *plan,
                           struct record_area area[]);

/* The mirror, made by that plan, has the records that the plan says; the areas
 * are its own from now on.  -1 with the error reported.  Blocks.
 */
int records_hand_over (struct mirror *m, const struct plan_input *in,
                       const struct plan *plan, struct record_area area[]);

#endif /* NBDMIRROR_OPEN_RECORDS_H */
