/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests that wait because an operator said so: order-pause.c. */

#ifndef NBDMIRROR_SUSPEND_H
#define NBDMIRROR_SUSPEND_H

#include <stdbool.h>
#include <stdint.h>

struct mirror;

/* It is suspended now, and the server does not end.  m->lock is held. */
bool suspended_locked (const struct mirror *m);

/* Wait until it is not.  m->lock is held, and given up while waiting. */
void suspend_wait_locked (struct mirror *m);

/* From now on requests wait, for so many seconds at most, and those under way,
 * copies included, have ended; false if they did not, or the server ends.  The end
 * of it; true if it was suspended.  Without m->lock; the first blocks.
 */
bool suspend_begin (struct mirror *m, unsigned seconds);
bool suspend_end (struct mirror *m);

/* It is suspended, and nothing is under way.  m->lock is held. */
bool suspend_is_still_locked (const struct mirror *m);

/* Nanoseconds that are left of it; 0: it is not suspended.  m->lock is held. */
uint64_t suspend_left_locked (const struct mirror *m);

#endif /* NBDMIRROR_SUSPEND_H */
