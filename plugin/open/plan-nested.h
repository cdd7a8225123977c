/* SPDX-License-Identifier: BSD-3-Clause */

/* What ends in a record is a leg of that mirror, or a disk that holds such a leg, as
 * a raw disk does whose user makes a mirror of it.  The bytes are the same.  Where no
 * log says how large this mirror is, they are written over only if the record knows
 * a name that the user gave, or the user says so.
 */

#ifndef NBDMIRROR_PLAN_NESTED_H
#define NBDMIRROR_PLAN_NESTED_H

#include "plan.h"

/* Refuse if it can't be told. */
void plan_check_nested (const struct plan_input *in, struct plan *plan);

/* A refusal is about this leg's record: where it may be data, how to say that. */
void plan_offer_nested (const struct plan_input *in, struct plan *plan,
                        unsigned leg);

/* Say which bytes are taken for data. */
void plan_note_nested (const struct plan_input *in, struct plan *plan);

#endif /* NBDMIRROR_PLAN_NESTED_H */
