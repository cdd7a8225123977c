/* SPDX-License-Identifier: BSD-3-Clause */

/* A log that is lost, as the newest record of the legs has it: what is asked
 * of a log of ours can be asked of that.
 */

#ifndef NBDMIRROR_LOST_H
#define NBDMIRROR_LOST_H

#include "plan.h"

struct lost {
  struct plan_input in; /* as if a log had said it: the first field */
  const struct plan_input *asked;
  struct plan *plan;
  const struct leg_record *newest;
  bool two_lines; /* legs have gone on without each other; one is chosen */
  struct log_info log;
  struct log_record record;
};

/* Nothing is recorded yet; the generation is the highest that was seen. */
void lost_init (struct lost *l, const struct plan_input *in,
                struct plan *plan);

/* The record of this leg is the newest. */
void lost_take_newest (struct lost *l, unsigned leg);

/* To be shown to the user. */
const char *lost_log_name (const struct lost *l);

/* The log was memory. */
bool lost_is_core (const struct lost *l);

/* The slot's leg is here, and its own record says so. */
bool lost_seen (const struct lost *l, unsigned slot);

/* The log is new, and the slot's leg had no record of its own: it can't say
 * what became of it.
 */
bool lost_never_recorded (const struct lost *l, unsigned slot);

/* ... it was in-sync, and a leg is here that may be it: the user may know. */
bool lost_may_vouch (const struct lost *l, unsigned slot);

/* With log=core: it never had a record, and is here under its name.  Leg 0 is
 * right, as ever, and nobody is asked.
 */
bool lost_needs_no_word (const struct lost *l, unsigned slot);

/* The slot's leg was in-sync. */
bool lost_in_sync (const struct lost *l, unsigned slot);

/* Everybody who was in-sync, and here they all are, holds the same. */
bool lost_ended_cleanly (const struct lost *l);

#endif /* NBDMIRROR_LOST_H */
