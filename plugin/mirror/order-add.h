/* SPDX-License-Identifier: BSD-3-Clause */

/* The parts of adding and removing a leg. */

#ifndef NBDMIRROR_ORDER_ADD_H
#define NBDMIRROR_ORDER_ADD_H

#include <stdbool.h>

#include "order.h"

struct member;
struct mirror;

/* The slot of the leg of that name, or -1.  Only orders change names. */
int leg_of_name (const struct mirror *m, const char *name);

/* order->new_leg becomes a leg, which replaces that one (1 + slot; 0: none); nothing
 * is done if that is only tried.  -1 with the reason.
 */
int leg_add (struct mirror *m, const struct order *order, unsigned replaces,
             struct outcome *out);

/* It is not needed; false with the reason. */
bool leg_may_go (struct mirror *m, unsigned slot, struct outcome *out);

/* Park and close it; then end its threads.  -1, false: with the reason, or if they
 * hang.
 */
int leg_take_out (struct mirror *m, unsigned slot, struct outcome *out);
bool leg_end_threads (struct mirror *m, unsigned slot);

/* The leg has none: begin them.  -1 with the reason. */
int leg_begin_threads (struct member *member, struct outcome *out);

/* All of it: it is no leg any more, and its record has gone. */
int leg_remove (struct mirror *m, unsigned slot, struct outcome *out);

#endif /* NBDMIRROR_ORDER_ADD_H */
