/* SPDX-License-Identifier: BSD-3-Clause */

/* What the legs' own records say, and which of them to believe. */

#ifndef NBDMIRROR_PLAN_NEWEST_H
#define NBDMIRROR_PLAN_NEWEST_H

#include "plan.h"

/* The bytes at the end of the leg that look like a record are data of the disk, such
 * as the record of a mirror within it: the log says that the mirror is that long; or
 * it can't, and the user says that legs have no records; or the log never was ours.
 */
bool plan_record_is_data (const struct plan_input *in, unsigned leg);

/* The record of a leg that is here, or NULL. */
const struct leg_record *plan_leg_record (const struct plan_input *in,
                                          unsigned leg);

/* ... if it is of this mirror. */
const struct leg_record *plan_record_of (const struct plan_input *in,
                                         unsigned leg,
                                         const uint8_t mirror[RECORD_ID_SIZE]);

/* The log is of another line than the leg's record: by the record the leg was in-sync
 * later than the log knows, beside none that is in-sync by the log; for whoever becomes
 * in-sync is in the records first, together with who was.  A log that has begun a new
 * life since the leg was in-sync does not know when that was.
 */
bool plan_is_elsewhere (const struct plan_input *in, unsigned leg);

/* The leg whose record of the mirror knows what those of all others do;
 * PLAN_NO_RECORD, PLAN_TWO_LINES.
 */
int plan_find_newest (const struct plan_input *in,
                      const uint8_t mirror[RECORD_ID_SIZE]);

/* The record of plan->newest, NULL if that is no leg. */
const struct leg_record *plan_newest_record (const struct plan_input *in,
                                             const struct plan *plan);

/* What the leg's own record says of its being the slot's. */
enum plan_says {
  SAYS_NOTHING,
  SAYS_YES,
  SAYS_NO,
};
enum plan_says plan_record_says (const struct plan_input *in,
                                 const struct plan *plan, unsigned leg,
                                 unsigned slot);

/* The newest record calls the slot in-sync. */
bool plan_newest_in_sync (const struct plan_input *in, const struct plan *plan,
                          unsigned slot);

#endif /* NBDMIRROR_PLAN_NEWEST_H */
