/* SPDX-License-Identifier: BSD-3-Clause */

/* Which legs keep a record of their own, and the room that takes. */

#ifndef NBDMIRROR_PLAN_KEEPS_H
#define NBDMIRROR_PLAN_KEEPS_H

#include "plan.h"

/* Bytes of a leg that is here which the mirror may use: not the trailer that
 * it has, or is to get.
 */
uint64_t plan_room (const struct plan_input *in, unsigned leg,
                    bool new_trailers);

/* A new mirror is to be smaller than its legs, so that they have room for
 * trailers: 1 or 0, or -1 with an error reported.
 */
int plan_new_trailers (const struct plan_input *in);

/* With all else decided: fill in keeps_record, and say who has none.  0, or -1
 * with an error reported.
 */
int plan_keep_records (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_KEEPS_H */
